"""Gaps in what MAX could give us: when they were noticed, and whose history is still to be read."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from peewee import Value, fn

from maxbridge.core.delivery import State
from maxbridge.core.keys import GAP, MARKER
from maxbridge.core.plan_backfill import ACTIVE_DAYS, Gap, read_since
from maxbridge.store.db import Database, marks
from maxbridge.store.health_records import GapRecord
from maxbridge.store.inbox import InboxTable, NewUpdate
from maxbridge.store.meta import MarkerTable, MetaTable
from maxbridge.store.models import Backfill
from maxbridge.store.queue import DUE, due_values
from maxbridge.store.snapshot import gap
from maxbridge.store.statements import columns, insert, rows

_NEWEST = "max_event"
_WEBHOOK = "webhook_seen"
_DAY = 86400.0
PARKED_FOR = 7 * _DAY
"""How long the history of a customer who keeps the bot stopped is waited for."""

_OF = f"SELECT {columns(Backfill)} FROM backfill WHERE chat_id IN"
_NEXT = (
    f"SELECT {columns(Backfill)} FROM backfill WHERE {DUE} ORDER BY active_at DESC, chat_id LIMIT 1"
)
_STORED = "SELECT key FROM inbox WHERE key IN"


@dataclass(frozen=True, slots=True)
class Unread:
    """A chat whose history is still to be read; ``next_at`` is None until the customer is back."""

    chat_id: int
    since: int
    border: int
    attempts: int
    next_at: float | None


class BackfillStore:
    """Transactions of the gaps."""

    def __init__(
        self, database: Database, inbox: InboxTable, meta: MetaTable, markers: MarkerTable
    ) -> None:
        self._db = database
        self._t = database.tables
        self._inbox = inbox
        self._meta = meta
        self._markers = markers

    # --- when MAX was asked ----------------------------------------------------------------------

    def polled_at(self) -> float | None:
        """When the last poll was whose answer is stored, our clock; None before the first one."""
        position = self._markers.position(MARKER)
        return None if position is None else position.updated_at

    def polled(self, now: float) -> None:
        """Write down that a poll was answered, though it brought nothing.

        A power cut may take it back: then the last poll seems to be some seconds longer ago.
        """
        with self._db.transaction(durable=False):
            self._markers.touch(MARKER, now)

    def newest_event(self) -> int | None:
        """MAX's time, in milliseconds, of the last event that was stored."""
        position = self._markers.position(_NEWEST)
        return None if position is None else position.value

    def by_clock_of_max(self, at: float) -> float:
        """A time of ours as far as MAX's clock bears it out: ours may have been days ahead.

        Args:
            at: Our clock, seconds since the epoch, not in the future.
        """
        newest = self.newest_event()
        return at if newest is None else min(at, newest / 1000)

    def store_page(
        self,
        updates: Sequence[NewUpdate],
        marker: int | None,
        now: float,
        *,
        clears: str | None,
        newest: int | None = None,
    ) -> int:
        """As :meth:`InboxTable.ingest`, with what changes with it, together or not at all.

        Args:
            updates: In MAX's order.
            marker: The next marker, or None to keep the stored one.
            now: Our clock.
            clears: A flag that is over with this page.
            newest: MAX's time of the last event, in milliseconds.
        """
        with self._db.transaction("max_page"):
            new = self._inbox.ingest(updates, marker, now)
            if newest is not None:
                self._came(newest, now)
            if clears is not None:
                self._meta.set_flag(clears, value=False)
        return new

    def webhook_seen(self) -> None:
        """A webhook takes the events; before the first poll that is nothing of ours."""
        if self.polled_at() is not None:
            self._set_webhook("yes")

    def saw_webhook(self) -> bool:
        """Did one since the last gap?"""
        return self._meta.flag(_WEBHOOK)

    # --- a gap -----------------------------------------------------------------------------------

    def begin(
        self,
        gap: Gap,
        *,
        last_at: float,
        now: float,
        since: int | None = None,
        trusts_border: bool = True,
    ) -> GapRecord:
        """Write down a gap, and every dialog whose history is to be read for it, together.

        A dialog that is still unread from an earlier gap keeps its older bounds.

        Args:
            gap: Why.
            last_at: The last good poll, our clock.
            now: Our clock.
            since: Where to stop reading, MAX's milliseconds; by default at the newest event stored.
            trusts_border: Whatever is older than a message that we have was not missed.
        """
        dialog, backfill = self._t.dialog, self._t.backfill
        last_at = min(last_at, now)
        if since is None:
            since = read_since(gap, last_at=last_at, newest_event=self.newest_event())
        alive = last_at - ACTIVE_DAYS * _DAY
        heard_at = fn.COALESCE(dialog.last_inbound_at, dialog.created_at)
        with self._db.transaction():
            border = self._t.inbox.select(fn.MAX(self._t.inbox.id)).scalar() or 0
            backfill.update(next_at=0.0, attempts=0).execute()
            backfill.insert_from(
                dialog.select(
                    dialog.chat_id,
                    heard_at,
                    Value(since),
                    Value(border if trusts_border else 0),
                    Value(0),
                    Value(0.0),
                    Value(now),
                ).where((heard_at >= alive) | (dialog.last_outbound_at >= alive)),
                [
                    backfill.chat_id,
                    backfill.active_at,
                    backfill.since,
                    backfill.border,
                    backfill.attempts,
                    backfill.next_at,
                    backfill.added_at,
                ],
            ).on_conflict_ignore().execute()
            record = GapRecord(gap.value, last_at, now, dialogs=self._left())
            self._write(record)
            self._set_webhook("no")
            self.polled(now)
        return record

    def doubt(self, chat_id: int, since: int, now: float) -> bool:
        """Have one chat's history read, with or without a gap.

        Args:
            chat_id: The chat.
            since: Where to stop reading, MAX's milliseconds.
            now: Our clock.

        Returns:
            False when it was to be read already.
        """
        with self._db.transaction():
            inserted = insert(
                self._t.backfill,
                or_ignore=True,
                chat_id=chat_id,
                active_at=now,
                since=since,
                border=0,
                attempts=0,
                next_at=0.0,
                added_at=now,
            )
        return bool(inserted)

    def gap(self) -> GapRecord | None:
        """The last gap, with what is left to read of it; None when there was none."""
        return gap(self._db.rows)

    # --- reading ---------------------------------------------------------------------------------

    def of(self, chat_ids: Collection[int]) -> list[Unread]:
        """Which of these chats' histories are still to be read, due or not."""
        wanted = tuple(chat_ids)
        found = rows(self._t.backfill, f"{_OF} {marks(wanted)}", wanted)
        return [_unread(row) for row in found]

    def next(self, now: float) -> Unread | None:
        """The chat to read next: due, and lately active before others."""
        row = next(rows(self._t.backfill, _NEXT, due_values(now)), None)
        return None if row is None else _unread(row)

    def next_due(self) -> float | None:
        """When :meth:`next` will have one; None when nothing is left."""
        ((value,),) = self._db.rows("SELECT MIN(next_at) FROM backfill", ())
        return None if value is None else float(value)

    def known(self, keys: Collection[str], border: int | None) -> set[str]:
        """Which of these updates are stored, or were when an inbox item was the newest."""
        wanted = tuple(keys)
        sql = f"{_STORED} {marks(wanted)}"
        if border is None:
            return {key for (key,) in self._db.rows(sql, wanted)}
        return {key for (key,) in self._db.rows(f"{sql} AND id <= ?", (*wanted, border))}

    def held(self, keys: Collection[str]) -> set[str]:
        """Which of these updates are held: their ids are kept for as long as that lasts."""
        wanted = tuple(keys)
        sql = f"{_STORED} {marks(wanted)} AND state = '{State.HELD}'"
        return {key for (key,) in self._db.rows(sql, wanted)}

    def finish(self, chat_id: int, updates: Sequence[NewUpdate], now: float) -> int:
        """Store what a chat's history had, oldest first, and strike the chat off, together.

        Returns:
            How many messages were new.
        """
        with self._db.transaction():
            new = self._inbox.ingest(updates, None, now)
            self._strike_off(chat_id)
            self._count(messages=new)
        return new

    def park(self, chat_id: int) -> None:
        """The customer keeps the bot stopped, so there is no history until he is heard of again."""
        backfill = self._t.backfill
        with self._db.transaction():
            backfill.update(next_at=None).where(backfill.chat_id == chat_id).execute()

    def put_off(self, chat_id: int, at: float) -> None:
        """A history could not be read; try again later."""
        backfill = self._t.backfill
        with self._db.transaction():
            backfill.update(next_at=at, attempts=backfill.attempts + 1).where(
                backfill.chat_id == chat_id
            ).execute()

    def give_up(self, chat_id: int) -> None:
        """A history cannot be read; ``status`` counts it."""
        with self._db.transaction():
            self._strike_off(chat_id)
            self._count(unread=1)

    def is_pending(self) -> bool:
        """Is any history, of a customer who stopped the bot too, still to be read?"""
        return bool(self._t.backfill.select().exists())

    def forget_parked(self, now: float) -> int:
        """Give up customers who did not come back."""
        backfill = self._t.backfill
        with self._db.transaction():
            deleted: int = (
                backfill.delete()
                .where(backfill.next_at.is_null(), backfill.added_at < now - PARKED_FOR)
                .execute()
            )
        return deleted

    def _left(self) -> int:
        backfill = self._t.backfill
        count: int = (
            backfill.select(fn.COUNT(backfill.chat_id))
            .where(backfill.next_at.is_null(False))
            .scalar()
        )
        return count

    def _came(self, timestamp: int, now: float) -> None:
        """Remember MAX's time of the event stored last."""
        self._markers.move(_NEWEST, timestamp, now)

    def _strike_off(self, chat_id: int) -> None:
        backfill = self._t.backfill
        backfill.delete().where(backfill.chat_id == chat_id).execute()

    def _count(self, **more: int) -> None:
        if not any(more.values()):
            return
        record = self.gap()
        if record is not None:
            sums = {name: getattr(record, name) + number for name, number in more.items()}
            self._write(record, **sums)

    def _set_webhook(self, value: str) -> None:
        self._meta.put(_WEBHOOK, value)

    def _write(self, record: GapRecord, **changes: int) -> None:
        names = ("kind", "since", "noticed_at", "dialogs", "messages", "unread")
        value: dict[str, Any] = {name: getattr(record, name) for name in names} | changes
        self._meta.put(GAP, json.dumps(value))


def _unread(row: Any) -> Unread:
    return Unread(row.chat_id, row.since, row.border, row.attempts, row.next_at)
