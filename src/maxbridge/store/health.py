"""How the loops are doing, and what the daemon itself asks about its queues."""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter

from maxbridge.core.delivery import State
from maxbridge.core.host_trouble import HostTrouble
from maxbridge.store.db import Database
from maxbridge.store.health_records import LoopHealth, Pulse, Snapshot
from maxbridge.store.snapshot import HOST, depth, snapshot

_WRITE = (
    "INSERT OR REPLACE INTO health"
    " (name, beat_at, success_at, error_at, error, error_detail, trouble_since)"
    " VALUES (?, ?, ?, ?, ?, ?, ?)"
)
_FORGET = "DELETE FROM health WHERE name GLOB ?"
_CLEAR = "DELETE FROM health"
# The sign keeps SQLite off the index of states: all that was ever delivered is in there.
_LAST = {
    queue: f"SELECT finished_at FROM {queue} WHERE +state = '{State.DONE}' AND finished_at IS NOT NULL"
    " ORDER BY finished_at DESC LIMIT 1"
    for queue in ("inbox", "outbox")
}
_values = attrgetter(
    "name", "beat_at", "success_at", "error_at", "error", "error_detail", "trouble_since"
)


class HealthTable:
    """Transactions of the loops' health."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def write(self, loops: Iterable[LoopHealth], hosts: Iterable[HostTrouble] = ()) -> None:
        """Write the health of all loops, in one commit; a power cut may take the last ones back.

        Args:
            loops: All loops.
            hosts: The hosts of files that are in trouble.
        """
        with self._db.transaction(durable=False):
            for loop in loops:
                self._db.execute(_WRITE, _values(loop))
            self._db.execute(_FORGET, (f"{HOST}*",))
            for host in hosts:
                name = f"{HOST}{host.way}:{host.host}"
                self._db.execute(
                    _WRITE, (name, host.since, None, None, host.error, None, host.since)
                )

    def clear(self) -> None:
        """Forget the loops of the last run: a new run has not had a chance to succeed or fail."""
        with self._db.transaction():
            self._db.execute(_CLEAR, ())

    def ratings(self) -> dict[int, int]:
        """How many tickets customers have given so many stars."""
        return dict(self._db.rows("SELECT stars, COUNT(*) FROM rating GROUP BY stars", ()))

    def snapshot(self, now: float | None = None) -> Snapshot:
        """Everything that ``status`` shows: :func:`maxbridge.store.snapshot.snapshot`."""
        return snapshot(self._db.rows, now)

    def pulse(self) -> Pulse:
        """What one line about the queues needs; the cost does not grow with what was delivered."""
        depths = [depth(self._db.rows, queue) for queue in ("inbox", "outbox")]
        last = [at for queue in ("inbox", "outbox") for (at,) in self._db.rows(_LAST[queue], ())]
        return Pulse(
            waiting=sum(each.waiting for each in depths),
            held=sum(each.held for each in depths),
            last_at=max(last, default=None),
        )
