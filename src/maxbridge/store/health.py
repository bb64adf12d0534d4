"""What the daemon writes down of its own state: its loops, and the troubles that were told."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from operator import attrgetter
from typing import TYPE_CHECKING

from maxbridge.core import keys
from maxbridge.core.delivery import Doubt, Outcome, State
from maxbridge.core.errors import HostTrouble
from maxbridge.core.parts import Part
from maxbridge.core.plan_alerts import Alert, Standing, Trouble
from maxbridge.store.db import Database
from maxbridge.store.meta import MetaTable
from maxbridge.store.outbox import OutboxTable
from maxbridge.store.snapshot import (
    HOST,
    RULE,
    BrokenRule,
    LoopHealth,
    Pulse,
    Snapshot,
    depth,
    snapshot,
)
from maxbridge.store.statements import find

if TYPE_CHECKING:
    from maxbridge.store.db import Database

_WRITE = (
    "INSERT INTO health (name, beat_at, success_at, error_at, error, error_detail, trouble_since)"
    " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET beat_at = excluded.beat_at,"
    " success_at = excluded.success_at, error_at = excluded.error_at, error = excluded.error,"
    " error_detail = excluded.error_detail, trouble_since = excluded.trouble_since"
)
_FORGET = "DELETE FROM health WHERE name GLOB ?"
_CLEAR = f"DELETE FROM health WHERE name NOT GLOB '{RULE}*'"
_LAST = {
    queue: f"SELECT finished_at FROM {queue} WHERE state = '{State.DONE}' AND finished_at IS NOT NULL"
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

    def write(
        self,
        loops: Iterable[LoopHealth],
        hosts: Iterable[HostTrouble] = (),
        broken: Iterable[BrokenRule] = (),
    ) -> None:
        """Write the health of all loops, in one commit; a power cut may take the last ones back.

        Args:
            loops: All loops.
            hosts: The hosts of files that are in trouble.
            broken: Rules of our own that did not hold; those of earlier runs stay.
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
            for each in broken:
                row = (f"{RULE}{each.rule}", each.at, None, each.at, each.rule, each.item, None)
                self._db.execute(_WRITE, row)

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


# --- Which troubles the administrator was told of --------------------------------------------------


_NOT_GONE = (State.QUEUED, State.DEFERRED)


class AlertStore:
    """Transactions of the alerts."""

    def __init__(self, database: Database, outbox: OutboxTable, meta: MetaTable) -> None:
        self._db = database
        self._t = database.tables
        self._outbox = outbox
        self._meta = meta

    def standing(self) -> dict[Trouble, Standing]:
        """The troubles that are not known to be over: a restart tells none twice, and forgets none."""
        value = self._meta.value(keys.ALERTS)
        found = {} if value is None else json.loads(value)
        return {Trouble(name): Standing(**each) for name, each in found.items()}

    def tell(
        self,
        standing: Mapping[Trouble, Standing],
        messages: Sequence[tuple[Alert, str]],
        chat_id: int,
        now: float,
    ) -> None:
        """Remember how the troubles stand, and queue what is to be told in MAX.

        What had no chance to leave before it was over interests nobody any more: neither of the two leaves.

        Args:
            standing: How the troubles stand.
            messages: With their words.
            chat_id: The administrator's chat.
            now: Our clock.
        """
        kept = {name.value: asdict(each) for name, each in standing.items()}
        with self._db.transaction():
            self._meta.put(keys.ALERTS, json.dumps(kept))
            for alert, words in messages:
                if alert.over and self._take_back(alert, now):
                    continue
                self._outbox.add(alert.key, chat_id, [Part(words)], now=now)

    def _take_back(self, alert: Alert, now: float) -> bool:
        begun = Alert(alert.trouble, False, alert.since, alert.seconds)
        row = find(self._t.outbox, key=begun.key)
        if row is None or row.state not in _NOT_GONE or row.doubt != Doubt.NONE:
            return False
        return self._outbox.decide(
            row.id, Outcome.DROP, error=None, now=now, reason="it is over before it could leave"
        )
