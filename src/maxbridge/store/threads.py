"""What of the desk was looked at: each thread (``seen``), and conversations that are nobody's of ours (``stranger``)."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from maxbridge.core.events import Fate, KnownThread
from maxbridge.core.old_talks import Handled
from maxbridge.core.plan_outbound import Verdict, body_hash
from maxbridge.store.db import Database, chunks, marks

_KNOWN = "SELECT thread_id, fate, created_at, body_hash, revision FROM seen WHERE thread_id IN "
_VALUES = (
    " INTO seen (thread_id, conversation_id, fate, created_at, body_hash, revision)"
    " VALUES (?, ?, ?, ?, ?, ?)"
)
_JUDGED = "INSERT OR REPLACE" + _VALUES
_HANDLED = "INSERT OR IGNORE" + _VALUES
_MOVED = "UPDATE seen SET conversation_id = ? WHERE conversation_id <> ? AND thread_id IN "
_OLDEST = (
    "SELECT conversation_id, created_at FROM seen WHERE created_at < ? ORDER BY created_at LIMIT ?"
)
_FORGET = "DELETE FROM seen WHERE conversation_id = ? AND created_at <= ?"


class ThreadTable:
    """Transactions of the threads."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def known(self, thread_ids: Iterable[int]) -> dict[int, KnownThread]:
        """What is remembered of these threads, from any ticket."""
        known: dict[int, KnownThread] = {}
        for some in chunks(thread_ids):
            for thread_id, fate, created_at, digest, revision in self._db.rows(
                _KNOWN + marks(some), tuple(some)
            ):
                known[thread_id] = KnownThread(Fate(fate), created_at, digest, revision)
        return known

    def judged(self, verdict: Verdict, conversation_id: int) -> None:
        """Remember a verdict; to be called inside a transaction."""
        thread = verdict.thread
        values = (verdict.fate.value, thread.created_at, body_hash(thread), verdict.revision)
        self._db.execute(_JUDGED, (thread.id, conversation_id, *values))

    def know(self, threads: Iterable[Handled], conversation_id: int) -> None:
        """These threads are dealt with; what is known of them already stays. Inside a transaction."""
        for each in threads:
            fate = Fate.SKIPPED if each.merged else Fate.HISTORY
            values = (conversation_id, fate.value, each.created_at, each.body_hash, 0)
            self._db.execute(_HANDLED, (each.thread_id, *values))

    def moved(self, thread_ids: Iterable[int], conversation_id: int) -> None:
        """A merge moved threads here: when their ids are forgotten, it is this ticket's history."""
        for some in chunks(thread_ids):
            values = (conversation_id, conversation_id, *some)
            self._db.execute(_MOVED + marks(some), values)

    def oldest(self, before: float, limit: int) -> dict[int, float]:
        """Desk time of the newest among the oldest threads of before then, by ticket."""
        return dict(self._db.rows(_OLDEST, (before, limit)))

    def forget(self, conversation_id: int, until: float) -> int:
        """Forget a ticket's threads up to this desk time; to be called inside a transaction."""
        return self._db.execute(_FORGET, (conversation_id, until))


# --- Conversations of the desk that were looked at and belong to nobody of -------------------------


_LOOKED_AT = "SELECT conversation_id, customer_id FROM stranger WHERE conversation_id IN"
_LOOK_AT = (
    "INSERT OR REPLACE INTO stranger (conversation_id, customer_id, looked_at) VALUES (?, ?, ?)"
)
_FORGET_UNMATCHED = "DELETE FROM stranger WHERE looked_at < ?"


class UnmatchedTable:
    """Transactions of these conversations."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def among(self, conversation_ids: Collection[int]) -> dict[int, int | None]:
        """Those of these conversations that have been looked at, with their customers then."""
        wanted = tuple(conversation_ids)
        return dict(self._db.rows(f"{_LOOKED_AT} {marks(wanted)}", wanted))

    def remember(self, conversation_id: int, customer_id: int | None, now: float) -> None:
        """A conversation has been looked at; our clock."""
        with self._db.transaction():
            self._db.execute(_LOOK_AT, (conversation_id, customer_id, now))

    def forget(self, before: float) -> int:
        """Forget what was looked at before a time of our clock; returns how many that were."""
        with self._db.transaction():
            return self._db.execute(_FORGET_UNMATCHED, (before,))
