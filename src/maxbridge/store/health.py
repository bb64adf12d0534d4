"""How the loops are doing, and the one reading of everything that ``status`` shows."""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter
from typing import Any

from peewee import fn

from maxbridge.store.backfill import BackfillJournal
from maxbridge.store.db import Database
from maxbridge.store.inbox import MARKER, InboxJournal
from maxbridge.store.outbox import OutboxJournal
from maxbridge.store.records import LATELY, HeldItem, LoopHealth, Pulse, Snapshot, Traffic
from maxbridge.store.states import State

SHOWN_HELD = 20
MESSAGES = ("message_created", "message_edited")
_HOUR, _DAY = 3600.0, 86400.0
_WRITE = (
    "INSERT OR REPLACE INTO health"
    " (name, beat_at, success_at, error_at, error, error_detail, trouble_since)"
    " VALUES (?, ?, ?, ?, ?, ?, ?)"
)
"""As text: it is written every ten seconds of a year, and making the words takes far longer than SQLite does."""
_values = attrgetter(
    "name", "beat_at", "success_at", "error_at", "error", "error_detail", "trouble_since"
)


class HealthJournal:
    """Transactions of the loops' health."""

    def __init__(
        self,
        database: Database,
        inbox: InboxJournal,
        outbox: OutboxJournal,
        backfill: BackfillJournal,
    ) -> None:
        self._db = database
        self._t = database.tables
        self._inbox = inbox
        self._outbox = outbox
        self._backfill = backfill

    def write(self, loops: Iterable[LoopHealth]) -> None:
        """Write the health of all loops, in one commit; a power cut may take the last ones back."""
        with self._db.transaction(durable=False):
            for loop in loops:
                self._db.rows(_WRITE, _values(loop))

    def clear(self) -> None:
        """Forget the loops of the last run: a new run has not had a chance to succeed or fail."""
        with self._db.transaction():
            self._t.health.delete().execute()

    def snapshot(self, now: float | None = None) -> Snapshot:
        """Everything that ``status`` shows.

        Args:
            now: Our clock; None to leave out what was delivered lately, which costs the most.
        """
        meta, marker, dialog = self._t.meta, self._t.marker, self._t.dialog
        bot = meta.get_or_none(meta.key == "bot_id")
        position = marker.get_or_none(marker.name == MARKER)
        return Snapshot(
            bot_id=int(bot.value) if bot else None,
            schema=self._db.schema(),
            marker=position.value if position else None,
            marker_at=position.updated_at if position else None,
            loops=tuple(
                LoopHealth(**{name: getattr(row, name) for name in LoopHealth.__dataclass_fields__})
                for row in self._t.health.select().order_by(self._t.health.name)
            ),
            inbox=self._inbox.depth(),
            outbox=self._outbox.depth(),
            dialogs=dialog.select(fn.COUNT(dialog.chat_id)).scalar(),
            blocked=dialog.select(fn.COUNT(dialog.chat_id))
            .where(dialog.blocked == True)  # noqa: E712 - an SQL expression
            .scalar(),
            held=tuple(self._held()),
            gap=self._backfill.gap(),
            traffic_in=Traffic() if now is None else self._traffic(self._t.inbox, now),
            traffic_out=Traffic() if now is None else self._traffic(self._t.outbox, now),
        )

    def _traffic(self, model: Any, now: float) -> Traffic:
        """Messages and edits of customers, or everything that MAX took, in the last 24 hours."""
        done = model.state == State.DONE
        last = self._t.dialog.last_outbound_at
        if model is self._t.inbox:
            done &= model.update_type.in_(MESSAGES)
            last = self._t.dialog.last_inbound_at

        def since(seconds: float) -> Any:
            return fn.COALESCE(fn.SUM(done & (model.finished_at > now - seconds)), 0)

        # The condition has only the time in it: the index of the states would lead through all rows.
        hour, day, lately = (
            model.select(since(_HOUR), since(_DAY), since(LATELY))
            .where(model.finished_at > now - _DAY)
            .tuples()
            .first()
        )
        newest = self._t.dialog.select(fn.MAX(last)).scalar()
        return Traffic(hour, day, lately, newest)

    def pulse(self) -> Pulse:
        """What one line about the queues needs; the cost does not grow with what was delivered."""
        depths = (self._inbox.depth(), self._outbox.depth())
        # The function keeps SQLite off the index of states: all that was ever delivered is in there.
        last = [
            model.select(model.finished_at)
            .where(fn.LOWER(model.state) == State.DONE, model.finished_at.is_null(False))
            .order_by(model.finished_at.desc())
            .limit(1)
            .scalar()
            for model in (self._t.inbox, self._t.outbox)
        ]
        return Pulse(
            waiting=sum(each.waiting for each in depths),
            held=sum(each.held for each in depths),
            last_at=max((each for each in last if each is not None), default=None),
        )

    def _held(self) -> list[HeldItem]:
        held: list[HeldItem] = []
        for prefix, model in (
            ("in", self._t.inbox),
            ("out", self._t.outbox),
        ):
            rows = (
                model.select().where(model.state == State.HELD).order_by(model.id).limit(SHOWN_HELD)
            )
            held += [
                HeldItem(
                    f"{prefix}-{row.id}", row.key, row.error, row.finished_at or row.created_at
                )
                for row in rows
            ]
        return held
