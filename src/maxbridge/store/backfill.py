"""Gaps in MAX's events: when they were noticed, and which histories are still to be read."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from maxbridge.core.delivery import State
from maxbridge.core.keys import GAP, MARKER
from maxbridge.core.plan_backfill import ACTIVE_DAYS, Gap, read_since
from maxbridge.store.db import Database, marks
from maxbridge.store.inbox import InboxTable, NewUpdate
from maxbridge.store.meta import MarkerTable, MetaTable
from maxbridge.store.queue import DUE, due_values
from maxbridge.store.snapshot import GapRecord, gap

_NEWEST = "max_event"
_WEBHOOK = "webhook_seen"
_DAY = 86400.0
PARKED_FOR = 7 * _DAY
"""How long the history of a customer who keeps the bot stopped is waited for."""


@dataclass(frozen=True, slots=True)
class Unread:
    """A chat whose history is still to be read; ``next_at`` is None while the customer keeps the bot stopped."""

    chat_id: int
    since: int
    watermark: int
    attempts: int
    next_at: float | None


Sorting = Callable[[Sequence[NewUpdate]], Sequence[NewUpdate]]
"""Says how updates are stored; called inside the transaction that stores them, so that what it reads is so then."""
_COLUMNS = "chat_id, since, border, attempts, next_at"
"""In the order of :class:`Unread`."""
_OF = f"SELECT {_COLUMNS} FROM backfill WHERE chat_id IN"
_NEXT = f"SELECT {_COLUMNS} FROM backfill WHERE {DUE} ORDER BY active_at DESC, chat_id LIMIT 1"
_NEXT_DUE = "SELECT MIN(next_at) FROM backfill"
_ANY = "SELECT 1 FROM backfill LIMIT 1"
_LEFT = "SELECT COUNT(*) FROM backfill WHERE next_at IS NOT NULL"
_INTO = "INSERT OR IGNORE INTO backfill (chat_id, active_at, since, border, attempts, next_at, added_at)"
_WANT = f"{_INTO} VALUES (?, ?, ?, ?, 0, 0.0, ?)"
_WANT_ALL = (
    f"{_INTO} SELECT chat_id, COALESCE(last_inbound_at, created_at), :since, :watermark, 0, 0.0, :now"
    " FROM dialog WHERE COALESCE(last_inbound_at, created_at) >= :alive OR last_outbound_at >= :alive"
)
_ALL_DUE = "UPDATE backfill SET next_at = 0.0, attempts = 0"
_PARK = "UPDATE backfill SET next_at = NULL WHERE chat_id = ?"
_PUT_OFF = "UPDATE backfill SET next_at = ?, attempts = attempts + 1 WHERE chat_id = ?"
_STRIKE_OFF = "DELETE FROM backfill WHERE chat_id = ?"
_FORGET_PARKED = "DELETE FROM backfill WHERE next_at IS NULL AND added_at < ?"
_STORED = "SELECT key FROM inbox WHERE key IN"
_NEWEST_ITEM = "SELECT MAX(id) FROM inbox"


class BackfillStore:
    """Transactions of the gaps."""

    def __init__(
        self, database: Database, inbox: InboxTable, meta: MetaTable, markers: MarkerTable
    ) -> None:
        self._db = database
        self._inbox = inbox
        self._meta = meta
        self._markers = markers

    # --- when MAX was asked ----------------------------------------------------------------------

    def polled_at(self) -> float | None:
        """When the last stored poll was made, our clock; None before the first one."""
        position = self._markers.position(MARKER)
        return None if position is None else position.updated_at

    def polled(self, now: float) -> None:
        """Record that a poll was answered without events.

        A power cut may undo it: then the last poll seems to be some seconds older.
        """
        with self._db.transaction(durable=False):
            self._markers.touch(MARKER, now)

    def newest_event(self) -> int | None:
        """MAX's time, in milliseconds, of the last stored event."""
        position = self._markers.position(_NEWEST)
        return None if position is None else position.value

    def by_clock_of_max(self, at: float) -> float:
        """Limit a time of ours by MAX's clock: ours may have been days ahead.

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
        sort: Sorting = tuple,
    ) -> int:
        """Like :meth:`InboxTable.ingest`, with the changes that belong to it, in one transaction.

        Args:
            updates: In MAX's order.
            marker: The next marker, or None to keep the stored one.
            now: Our clock.
            clears: A flag that this page ends.
            newest: MAX's time of the last event, in milliseconds.
            sort: Decides which of them are put aside.
        """
        with self._db.transaction("max_page"):
            new = self._inbox.ingest(sort(updates), marker, now)
            if newest is not None:
                self._store_newest(newest, now)
            if clears is not None:
                self._meta.set_flag(clears, value=False)
        return new

    def is_settled(self) -> bool:
        """Whether everything stored is committed."""
        return self._db.is_settled()

    def webhook_seen(self) -> None:
        """Record that a webhook takes the events; before the first poll it does not concern us."""
        if self.polled_at() is not None:
            self._set_webhook("yes")

    def saw_webhook(self) -> bool:
        """Whether one did since the last gap."""
        return self._meta.flag(_WEBHOOK)

    # --- a gap -----------------------------------------------------------------------------------

    def begin(
        self,
        gap: Gap,
        *,
        last_at: float,
        now: float,
        since: int | None = None,
        trusts_watermark: bool = True,
    ) -> GapRecord:
        """Store a gap and every dialog whose history must be read for it, in one transaction.

        A dialog still unread from an earlier gap keeps its older bounds.

        Args:
            gap: The reason.
            last_at: The last good poll, our clock.
            now: Our clock.
            since: Where to stop reading, MAX's milliseconds; by default at the newest stored event.
            trusts_watermark: Everything older than a stored message was received.
        """
        last_at = min(last_at, now)
        if since is None:
            since = read_since(gap, last_at=last_at, newest_event=self.newest_event())
        alive = last_at - ACTIVE_DAYS * _DAY
        with self._db.transaction():
            watermark = self.newest_item() if trusts_watermark else 0
            self._db.execute(_ALL_DUE, ())
            bounds = {"since": since, "watermark": watermark, "now": now, "alive": alive}
            self._db.execute(_WANT_ALL, bounds)
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
            False if it was to be read already.
        """
        with self._db.transaction():
            return self.want(chat_id, since, active_at=now, watermark=0, now=now)

    def want(
        self, chat_id: int, since: int, *, active_at: float, watermark: int, now: float
    ) -> bool:
        """Have one chat's history read; to be called inside a transaction.

        Args:
            chat_id: The chat.
            since: Where to stop reading, MAX's milliseconds.
            active_at: When the customer was last active, our clock.
            watermark: The newest inbox item that shows what is known; 0 if none can be trusted.
            now: Our clock.

        Returns:
            False if it was to be read already.
        """
        return bool(self._db.execute(_WANT, (chat_id, active_at, since, watermark, now)))

    def newest_item(self) -> int:
        """Return the newest inbox item: what is known now, as opposed to what is polled later."""
        ((newest,),) = self._db.rows(_NEWEST_ITEM, ())
        return int(newest or 0)

    def gap(self) -> GapRecord | None:
        """Return the last gap, with what is left to read of it; None if there was none."""
        return gap(self._db.rows)

    # --- reading ---------------------------------------------------------------------------------

    def of(self, chat_ids: Collection[int]) -> list[Unread]:
        """Return which of these chats' histories are still to be read, due or not."""
        wanted = tuple(chat_ids)
        return [Unread(*row) for row in self._db.rows(f"{_OF} {marks(wanted)}", wanted)]

    def next(self, now: float) -> Unread | None:
        """Return the chat to read next: due, recently active ones first."""
        row = self._db.row(_NEXT, due_values(now))
        return None if row is None else Unread(*row)

    def next_due(self) -> float | None:
        """Return when :meth:`next` will have one; None if nothing is left."""
        ((value,),) = self._db.rows(_NEXT_DUE, ())
        return None if value is None else float(value)

    def known(self, keys: Collection[str], watermark: int | None) -> set[str]:
        """Return which of these updates are stored, or were when an inbox item was the newest."""
        wanted = tuple(keys)
        sql = f"{_STORED} {marks(wanted)}"
        if watermark is None:
            return {key for (key,) in self._db.rows(sql, wanted)}
        return {key for (key,) in self._db.rows(f"{sql} AND id <= ?", (*wanted, watermark))}

    def held(self, keys: Collection[str]) -> set[str]:
        """Return which of these updates are held: their ids are kept meanwhile."""
        wanted = tuple(keys)
        sql = f"{_STORED} {marks(wanted)} AND state = '{State.HELD}'"
        return {key for (key,) in self._db.rows(sql, wanted)}

    def finish(
        self, chat_id: int, updates: Sequence[NewUpdate], now: float, *, sort: Sorting = tuple
    ) -> int:
        """Store the messages of a chat's history, oldest first, and mark the chat as read, in one transaction.

        Args:
            chat_id: The chat.
            updates: Its new messages.
            now: Our clock.
            sort: Decides which of them are put aside.

        Returns:
            How many messages were new.
        """
        with self._db.transaction():
            new = self._inbox.ingest(sort(updates), None, now)
            self._strike_off(chat_id)
            self._count(messages=new)
        return new

    def park(self, chat_id: int) -> None:
        """Wait for a customer who keeps the bot stopped: until then MAX gives no history."""
        with self._db.transaction():
            self._db.execute(_PARK, (chat_id,))

    def put_off(self, chat_id: int, at: float) -> None:
        """Retry an unreadable history later."""
        with self._db.transaction():
            self._db.execute(_PUT_OFF, (at, chat_id))

    def give_up(self, chat_id: int) -> None:
        """Give up an unreadable history; ``status`` counts it."""
        with self._db.transaction():
            self._strike_off(chat_id)
            self._count(unread=1)

    def is_pending(self) -> bool:
        """Whether any history is still to be read, including customers who stopped the bot."""
        return self._db.row(_ANY, ()) is not None

    def forget_parked(self, now: float) -> int:
        """Give up customers who did not come back."""
        with self._db.transaction():
            return self._db.execute(_FORGET_PARKED, (now - PARKED_FOR,))

    def _left(self) -> int:
        ((count,),) = self._db.rows(_LEFT, ())
        return int(count)

    def _store_newest(self, timestamp: int, now: float) -> None:
        """Store MAX's time of the last event."""
        self._markers.move(_NEWEST, timestamp, now)

    def _strike_off(self, chat_id: int) -> None:
        self._db.execute(_STRIKE_OFF, (chat_id,))

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
