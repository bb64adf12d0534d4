"""What may be at the desk already: a POST whose outcome nobody knows, threads of before a restore."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from maxbridge.core.errors import ApiError
from maxbridge.core.retry import RetryPolicy, Step, after_look_up
from maxbridge.freescout.client import FreeScoutClient
from maxbridge.store.inbox import Landing, Ticketed
from maxbridge.store.journal import Journal
from maxbridge.store.records import InboxItem
from maxbridge.store.restored import Posted
from maxbridge.workers.bursts import found_with
from maxbridge.workers.desk_lookup import UndecidableError, find_new_ticket, find_thread
from maxbridge.workers.desk_poster import DeskPoster, Landed
from maxbridge.workers.gate import Gate


class DeskDoubts:
    """Finds out whether something is at the desk, before it is posted (again)."""

    def __init__(
        self,
        journal: Journal,
        desk: FreeScoutClient,
        poster: DeskPoster,
        retry: RetryPolicy,
        gate: Gate,
        *,
        overlap: float,
        now: Callable[[], float],
    ) -> None:
        """Prepare.

        Args:
            journal: The store.
            desk: FreeScout.
            poster: Writes down what became of a POST.
            retry: The retry rules.
            gate: Told that the desk answers.
            overlap: How far back the desk's list of changes is read again, in seconds.
            now: Our clock.
        """
        self._journal = journal
        self._desk = desk
        self._poster = poster
        self._retry = retry
        self._gate = gate
        self._overlap = overlap
        self._now = now

    def was_posted(self, item: InboxItem, posted: Posted, landing: Landing) -> None:
        """The desk had a thread of this item's before the database was restored."""
        restoration = self._journal.restored.current()
        landed = Ticketed(
            posted.conversation_id,
            posted.thread_id,
            None,
            posted.posted_at,
            opened=False,
            recovered=True,
            history_before=None if restoration is None else restoration.desk_from,
            reason="delivered before the restore",
        )
        dialog = self._journal.dialogs.get(item.chat_id)
        # In the order of the customer's words, the last one's ticket becomes the current one.
        target = None if dialog is None else dialog.conversation_id
        now = self._now()
        self._journal.landed(replace(item, target_id=target), landed, landing, now)

    async def settle(self, item: InboxItem, key: str, landing: Landed) -> bool:
        """Look up a doubtful POST. True when it must be made (again); False when all is decided.

        Args:
            item: What was posted.
            key: What the marker of its thread says.
            landing: What it means for the item if the thread is found.
        """
        attempted_at = item.attempted_at or item.created_at
        others = self._journal.bursts.in_flight(item)
        try:
            if item.target_id is not None:
                found = await find_thread(self._desk, item.target_id, key)
            else:
                desk_at = item.desk_at or attempted_at + self._desk.clock.skew
                found = await find_new_ticket(self._desk, desk_at, key)
        except UndecidableError:
            for each in (item, *others):
                self._journal.inbox.hold(
                    each.id,
                    error="desk.undecidable",
                    now=self._now(),
                    reason="no look-up can tell whether it arrived",
                )
            return False
        except ApiError as error:
            self._poster.put_off(item, error.failure, uncertain=True)
            return False
        decision = after_look_up(
            found=found is not None,
            attempted_at=attempted_at,
            error=item.error,
            now=self._now(),
            policy=self._retry,
            took=self._poster.took(item),
        )
        if decision.step is Step.DONE and found is not None:
            if not found.opened:
                # A merge brought our words there, and agents may have answered there meanwhile.
                border = self._journal.tickets.complete_until(item.target_id, self._overlap)
                found = replace(found, history_before=border)
            self._poster.finish(item, found, landing, "found by look-up", found_with(others, found))
            return False
        if decision.step is Step.LOOK_UP:
            self._journal.inbox.defer(
                item.id, at=decision.at, error=item.error, attempted=False, uncertain=True
            )
            self._gate.ok()
            return False
        if others:
            # It was one POST: what it did not do for the first, it did for none of them.
            self._journal.bursts.back(others, lambda: None, blameless=False)
        return True
