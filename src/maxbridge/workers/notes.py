"""Notes on their way to the desk: what becomes of those that it does not take or nobody needs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from maxbridge import log
from maxbridge.store.inbox import NOTE_TYPE
from maxbridge.store.journal import Journal
from maxbridge.store.notes import is_about_lateness
from maxbridge.store.records import InboxItem
from maxbridge.store.states import State
from maxbridge.workers.gate import Gate

MOST_TRIES = 24
"""Failures of a note by itself, at least an hour and a half, before a person has to look at it."""


class NoteLane:
    """Stands before the desk writer; what is no note passes through.

    Messages and notes of a chat share one queue, so that a note lands behind the message that it
    belongs to; one that has failed makes way (``InboxJournal``). Failures count against a note while
    the desk takes other things, not in an outage.
    """

    def __init__(
        self,
        journal: Journal,
        deliver: Callable[[InboxItem], Awaitable[None]],
        gate: Gate,
        *,
        now: Callable[[], float],
    ) -> None:
        """Prepare it.

        Args:
            journal: The store.
            deliver: The desk writer's.
            gate: The desk writer's: says whether the desk as a whole is in trouble.
            now: Our clock.
        """
        self._journal = journal
        self._deliver = deliver
        self._gate = gate
        self._now = now
        self._failures: dict[str, tuple[int, float | None]] = {}
        """How often each note failed alone, and the desk's last success then; a restart forgets."""
        self._log: Any = log.get("notes")

    async def deliver(self, item: InboxItem) -> None:
        """Deliver one item of the inbox, or put it off."""
        if item.update_type != NOTE_TYPE:
            await self._deliver(item)
            return
        if self._journal.notes.is_obsolete(item):
            self._failures.pop(item.key, None)
            self._journal.inbox.ignore(item, self._now(), reason="the reply has left")
            return
        await self._deliver(item)
        row = self._journal.notes.still_waits(item)
        if row is None:
            self._failures.pop(item.key, None)
            if is_about_lateness(item):
                # Refused for good: nobody has to decide anything about it.
                self._journal.inbox.decide(
                    item.id,
                    (State.HELD,),
                    State.IGNORED,
                    error="desk.refused",
                    now=self._now(),
                    reason="a note about lateness is not worth a decision",
                )
        elif row.attempts > item.attempts:
            self._failed(item, row)

    def _failed(self, item: InboxItem, row: Any) -> None:
        """Count a failure of the note alone; one too many ends it."""
        succeeded_at = self._gate.loop.record().success_at
        failures, seen_at = self._failures.pop(item.key, (0, succeeded_at))
        alone = not self._gate.probing or succeeded_at != seen_at
        failures += int(alone)
        if failures < MOST_TRIES:
            self._failures[item.key] = (failures, succeeded_at)
        elif is_about_lateness(item):
            reason = f"the desk does not take this note: {row.error}"
            self._journal.inbox.ignore(item, self._now(), reason=reason)
        else:
            # Where it may have been written, a retry is to begin with a look-up.
            in_doubt = row.state == State.SENDING
            error = "desk.undecidable" if in_doubt else row.error or "desk.refused"
            self._journal.inbox.hold(
                item.id, error=error, now=self._now(), reason="the desk does not take this note"
            )
