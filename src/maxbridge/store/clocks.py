"""What our clock has written down, kept sensible when the clock is set."""

from __future__ import annotations

from maxbridge.store.db import Database

_MOVED = (
    "UPDATE inbox SET created_at = created_at + ? WHERE pending = 1",
    "UPDATE outbox SET created_at = created_at + ? WHERE pending = 1",
    "UPDATE dialog SET blocked_at = blocked_at + ? WHERE blocked_at IS NOT NULL",
    "UPDATE dialog SET reachable_at = reachable_at + ? WHERE reachable_at IS NOT NULL",
)
# What was finished by now came before that, and is nearly everything: the index of ends spares a start from
# reading the whole database.
_UNFINISHED = "(finished_at IS NULL OR finished_at > :now)"
_TIMES = (
    ("inbox", "created_at", _UNFINISHED),
    ("outbox", "created_at", _UNFINISHED),
    ("dialog", "blocked_at", "blocked_at IS NOT NULL"),
    ("dialog", "reachable_at", "reachable_at IS NOT NULL"),
)
_CUT_OFF = tuple(
    (
        f"SELECT MAX({column}) FROM {table} WHERE {among}",
        f"UPDATE {table} SET {column} = :now WHERE {among} AND {column} > :now",
    )
    for table, column, among in _TIMES
)
"""What finds the latest of each kind of times, and what takes those of the future as of now."""
# Its trigger gives the turn anew: it had begun when the one before it ended.
_TURNS = tuple(
    f"UPDATE {queue} SET created_at = created_at WHERE turn_at IS NOT NULL AND turn_at > ?"
    for queue in ("inbox", "outbox")
)


class ClockStore:
    """Transactions after a jump of our clock.

    Ages decide when a reply is given up and which of two events about a customer is the newer one.
    Ages are differences, so moving both ends keeps them.
    """

    def __init__(self, database: Database) -> None:
        self._db = database

    def was_set(self, step: float) -> None:
        """The clock was set forward (step > 0) or back while we ran, in seconds."""
        with self._db.transaction():
            for statement in _MOVED:
                self._db.execute(statement, (step,))

    def not_after(self, now: float) -> int:
        """Take what lies in the future as of now: the clock was set back while we were off.

        Else a customer who comes back would look as if they had come before they left, and a reply would
        wait for longer than it may.

        Returns:
            How many times were changed.
        """
        changed = 0
        with self._db.transaction():
            for latest, cut_off in _CUT_OFF:
                ((last,),) = self._db.rows(latest, {"now": now})
                if (last or 0.0) > now:
                    changed += self._db.execute(cut_off, {"now": now})
            for statement in _TURNS:
                self._db.execute(statement, (now,))
        return changed
