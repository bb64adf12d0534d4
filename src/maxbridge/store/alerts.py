"""Which troubles the administrator was told of, and the messages to them in MAX, written down together."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from maxbridge.core import keys
from maxbridge.core.delivery import Doubt, Outcome, State
from maxbridge.core.parts import Part
from maxbridge.core.plan_alerts import Alert, Standing, Trouble
from maxbridge.store.db import Database
from maxbridge.store.meta import MetaTable
from maxbridge.store.outbox import OutboxTable
from maxbridge.store.statements import find

_NOT_GONE = (State.QUEUED, State.DEFERRED)


class AlertStore:
    """Transactions of the alerts."""

    def __init__(self, database: Database, outbox: OutboxTable, meta: MetaTable) -> None:
        self._db = database
        self._t = database.tables
        self._outbox = outbox
        self._meta = meta

    def standing(self) -> dict[Trouble, Standing]:
        """The troubles that were told and are not known to be over: a restart tells none twice."""
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
        """Remember what was told, and queue what is to be told in MAX.

        What had no chance to leave before it was over interests nobody any more: neither of the two leaves.

        Args:
            standing: How the troubles stand.
            messages: With their words.
            chat_id: The administrator's chat.
            now: Our clock.
        """
        told = {name.value: asdict(each) for name, each in standing.items() if each.told}
        with self._db.transaction():
            self._meta.put(keys.ALERTS, json.dumps(told))
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
