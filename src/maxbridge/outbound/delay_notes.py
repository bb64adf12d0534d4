"""Tells agents about replies that are late: one note on the ticket, queued like everything else."""

from __future__ import annotations

from collections.abc import Callable

from maxbridge.core.plan_inbound import late_note, why_late
from maxbridge.core.retry import RetryPolicy
from maxbridge.core.texts import Texts
from maxbridge.observe.health import Board
from maxbridge.store.notes import NoteStore

AT_ONCE = 200
"""Notes made in one round: an outage with thousands of tickets is told within minutes."""
AGAIN_AFTER = 6 * 3600.0
"""Least time between two such notes on one ticket, in seconds: MAX may come and go all day."""


class DelayNotes:
    """Looks for late replies; the housekeeper asks it every minute.

    Attributes:
        texts: The agents' language; may be replaced at any time.
    """

    def __init__(
        self,
        notes: NoteStore,
        board: Board,
        policy: RetryPolicy,
        texts: Texts,
        *,
        now: Callable[[], float],
        wake_writer: Callable[[], None],
    ) -> None:
        """Prepare it.

        Args:
            notes: Where notes are queued.
            board: Says whether MAX as a whole is in trouble.
            policy: The times.
            texts: The agents' language.
            now: Our clock.
            wake_writer: Called after notes are queued.
        """
        self._notes = notes
        self._board = board
        self._policy = policy
        self.texts = texts
        self._now = now
        self._wake_writer = wake_writer

    def step(self) -> None:
        """Queue the notes that are due.

        Raises:
            peewee.DatabaseError: The database cannot be read or written.
        """
        now, trouble = self._now(), self._trouble()
        late = self._notes.late(
            since=now - self._policy.lifetime, until=now - self._policy.late, limit=AT_ONCE
        )
        told: set[int] = set()
        notes = []
        for reply in late:
            why = why_late(reply, trouble=trouble, now=now, policy=self._policy)
            ticket = reply.conversation_id
            if why is None or ticket in told:
                continue
            if self._notes.was_told(ticket, now - AGAIN_AFTER):
                continue
            told.add(ticket)
            notes.append((reply, late_note(reply, why, self.texts, self._policy)))
        if notes:
            self._notes.tell_late(notes, now)
            self._wake_writer()

    def _trouble(self) -> str | None:
        """What MAX as a whole is in trouble with; before the first contact only the poller knows."""
        for name in ("max_sender", "max_poller"):
            health = self._board.loop(name).record()
            if health.trouble_since is not None:
                return health.error
        return None
