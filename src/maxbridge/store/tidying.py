"""Delete old data: first the texts of finished deliveries, then their ids."""

from __future__ import annotations

from dataclasses import dataclass

from maxbridge.core.delivery import FINISHED, State
from maxbridge.store.backfill import BackfillStore
from maxbridge.store.db import Database, chunks, marks
from maxbridge.store.meta import MarkerTable
from maxbridge.store.readings import ThreadTable, UnmatchedTable
from maxbridge.store.restored import RestoredStore
from maxbridge.store.schema import forget_copies
from maxbridge.store.tickets import TicketTable

_BATCH = 1000
_BATCHES = 50
_FINISHED = f"({', '.join(repr(each.value) for each in FINISHED)})"
_RECEIVED = (
    "SELECT id FROM inbox INDEXED BY inbox_texts"
    f" WHERE payload IS NOT NULL AND finished_at IS NOT NULL AND finished_at < ? AND state IN {_FINISHED}"
)
_SENT = (
    "SELECT DISTINCT p.outbox_id FROM part AS p INDEXED BY part_texts"
    " CROSS JOIN outbox AS o ON o.id = p.outbox_id"
    f" WHERE p.text IS NOT NULL AND o.finished_at < ? AND o.state IN {_FINISHED}"
)
_SCRUB_RECEIVED = "UPDATE inbox SET payload = NULL WHERE id IN"
_SCRUB_SENT = "UPDATE part SET text = NULL, files = NULL, button = NULL WHERE text IS NOT NULL AND outbox_id IN"
_SCRUB_EXCERPT = "UPDATE outbox SET excerpt = '' WHERE id IN"
# What waits for an administrator stays: it is held, or aside because its chat sent too much.
_FORGET_IDS = {
    queue: f"DELETE FROM {queue} WHERE id IN (SELECT id FROM {queue} WHERE finished_at < ?"
    f" AND state <> '{State.HELD}'"
    f" AND NOT (state = '{State.PARKED}' AND chat_id IS NOT NULL AND chat_id IN (SELECT chat_id FROM flood)) LIMIT {_BATCH})"
    for queue in ("inbox", "outbox")
}
_TIDIED = "tidied"
_TIDY_STEP = 86400.0


@dataclass(frozen=True, slots=True)
class Retention:
    """How long data is kept after its delivery is finished, in seconds.

    Attributes:
        payloads: Texts of delivered messages.
        ids: Ids of handled events. MAX keeps events for a day (contract max.md 1).
    """

    payloads: float = 7 * 86400.0
    ids: float = 30 * 86400.0


class Tidying:
    """Transactions that delete old data."""

    def __init__(
        self,
        database: Database,
        *,
        backfill: BackfillStore,
        unmatched: UnmatchedTable,
        restored: RestoredStore,
        markers: MarkerTable,
        tickets: TicketTable,
        threads: ThreadTable,
    ) -> None:
        self._db = database
        self._backfill = backfill
        self._unmatched = unmatched
        self._restored = restored
        self._markers = markers
        self._tickets = tickets
        self._threads = threads

    def run(self, now: float, retention: Retention) -> int:
        """Delete old data, in small transactions.

        Texts go first; ids stay until nothing can come back under them. Before the ids of old
        threads are deleted, their ticket records that everything up to them is history, so that a
        thread with a forgotten id can never be sent again. MAX's ids come back by a poll, or from a
        history after a gap; so they age only while MAX is polled, and stay while a history is to be
        read.

        Returns:
            Rows changed or deleted.
        """
        now = self._forgetting(now)
        changed = self._scrub(now - retention.payloads)
        changed += self._backfill.forget_parked(now)
        changed += forget_copies(self._db.path, now - retention.payloads)
        changed += self._forget_threads(now - retention.ids)
        changed += self._unmatched.forget(now - retention.ids)
        changed += self._restored.forget(now - retention.ids)
        changed += self._forget_ids("outbox", now - retention.ids)
        if not self._backfill.is_pending():
            polled = min(now, self._backfill.polled_at() or now)
            changed += self._forget_ids("inbox", polled - retention.ids)
        return changed

    def _forgetting(self, now: float) -> float:
        """Return the clock for deletion: ours, advanced by at most a day in each tidying.

        A clock set forward by weeks would make yesterday's ids look old; hours later it is
        corrected. After a long time off this one is behind for some hours, which costs nothing.
        """
        row = self._markers.position(_TIDIED)
        believed = now if row is None else min(now, row.value + _TIDY_STEP)
        with self._db.transaction():
            self._markers.move(_TIDIED, int(believed), now)
        return believed

    def _scrub(self, before: float) -> int:
        """Delete the texts of deliveries finished before then.

        The indexes of migration 0006 contain only rows that still have text; without a hint, SQLite
        scans everything that is done. Texts that a power cut restores are deleted in the next hour.
        """
        changed = 0
        for some in chunks(item_id for (item_id,) in self._db.rows(_RECEIVED, (before,))):
            with self._db.transaction(durable=False):
                changed += self._db.execute(f"{_SCRUB_RECEIVED} {marks(some)}", tuple(some))
        for some in chunks(item_id for (item_id,) in self._db.rows(_SENT, (before,))):
            with self._db.transaction(durable=False):
                changed += self._db.execute(f"{_SCRUB_SENT} {marks(some)}", tuple(some))
                self._db.execute(f"{_SCRUB_EXCERPT} {marks(some)}", tuple(some))
        return changed

    def _forget_threads(self, before: float) -> int:
        changed = 0
        with self._db.transaction():
            for conversation_id, newest in self._threads.oldest(before, _BATCH).items():
                self._tickets.is_history(conversation_id, newest)
                changed += self._threads.forget(conversation_id, newest)
        return changed

    def _forget_ids(self, queue: str, before: float) -> int:
        changed = 0
        for _ in range(_BATCHES):
            with self._db.transaction():
                deleted = self._db.execute(_FORGET_IDS[queue], (before,))
            changed += deleted
            if deleted < _BATCH:
                break
        return changed
