"""Dialogs (one MAX chat with one customer each), and what is put aside of a chat that exceeded its limit.

A chat is in flood while anything of it is put aside: its rows in state ``parked``, from the one
that began the flood. Later messages wait behind them.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from maxbridge.core import keys
from maxbridge.core.delivery import Outcome, State
from maxbridge.store.db import Database, change, find, insert, marks
from maxbridge.store.forgotten import Tombstones
from maxbridge.store.records import DialogRecord
from maxbridge.store.snapshot import ASIDE, FLOODS

if TYPE_CHECKING:
    from maxbridge.store.inbox import InboxTable
    from maxbridge.store.models import Inbox, Tables
    from maxbridge.store.relinking import Relinking


_WAITS = "SELECT 1 FROM inbox WHERE pending = 1 AND chat_id = ? LIMIT 1"

_LEARN_USER = "UPDATE dialog SET user_id = ? WHERE chat_id = ? AND user_id IS NULL"
_CHATS_OF_USER = "SELECT chat_id FROM dialog WHERE user_id = ?"
_LATELY_ACTIVE = (
    "SELECT chat_id FROM dialog WHERE blocked = 0 AND last_inbound_at IS NOT NULL"
    " ORDER BY last_inbound_at DESC LIMIT ?"
)
_GET = (
    "SELECT chat_id, user_id, customer_id, conversation_id, blocked FROM dialog WHERE chat_id = ?"
)
"""In the order of :class:`DialogRecord`; asked several times for every message."""
_CHATS_OF = "SELECT customer_id, chat_id FROM dialog WHERE customer_id IN"


class DialogTable:
    """Transactions of the dialogs.

    Attributes:
        relinking: What a takeover knows of them.
    """

    def __init__(self, database: Database, relinking: Relinking) -> None:
        self._db = database
        self._t = database.tables
        self._relinking = relinking
        self._tombstones = Tombstones(database)

    def get(self, chat_id: int) -> DialogRecord | None:
        """Return what is known of a chat, or None."""
        row = self._db.row(_GET, (chat_id,))
        if row is None:
            return None
        chat_id, user_id, customer_id, conversation_id, blocked = row
        return DialogRecord(chat_id, user_id, customer_id, conversation_id, bool(blocked))

    def has(self, chat_id: int) -> bool:
        """Whether there is a dialog of this chat."""
        return find(self._t.dialog, chat_id=chat_id) is not None

    def ensure(self, chat_id: int, user_id: int | None, now: float) -> DialogRecord:
        """Return a chat's dialog; on first contact create it, with what a takeover knows of the user."""
        dialog = self._t.dialog
        with self._db.transaction():
            made = insert(dialog, or_ignore=True, chat_id=chat_id, user_id=user_id, created_at=now)
            if user_id is not None:
                if not made:
                    self._db.execute(_LEARN_USER, (user_id, chat_id))
                self._relinking.chat_found(chat_id, user_id)
        record = self.get(chat_id)
        assert record is not None  # noqa: S101 - inserted above
        return record

    def record_contact(
        self, chat_id: int, user_id: int | None, now: float, *, blocked: bool | None, at: float
    ) -> tuple[DialogRecord, bool]:
        """Record an event of a customer, and whether it shows that they can be reached.

        A power cut may undo it: then the event is still pending and is recorded again.

        Args:
            chat_id: The dialog.
            user_id: The customer, None if unknown.
            now: Our clock.
            blocked: True if they stopped the bot, False if they can be reached, None if the event
                tells neither.
            at: When the event was received, our clock. If it is older than a contradicting one, it
                changes nothing: it was delivered late.

        Returns:
            The dialog, and whether ``blocked`` has changed.
        """
        dialog = self._t.dialog
        with self._db.transaction(durable=False):
            row = find(dialog, chat_id=chat_id)
            if row is None and self._is_erased(chat_id):
                return DialogRecord(chat_id, None, None, None, blocked=False), False
            if row is None or (row.user_id is None and user_id is not None):
                self.ensure(chat_id, user_id, now)
                row = find(dialog, chat_id=chat_id)
                assert row is not None  # noqa: S101 - made above
            changes: dict[str, Any] = {}
            contrary = row.reachable_at if blocked else row.blocked_at
            news = False
            if blocked is not None and (contrary is None or contrary <= at):
                news = row.blocked != blocked
                changes |= {"blocked": blocked, "blocked_at" if blocked else "reachable_at": at}
            if changes:
                change(dialog, {"chat_id": chat_id}, **changes)
        record = DialogRecord(
            chat_id,
            row.user_id,
            row.customer_id,
            row.conversation_id,
            changes.get("blocked", row.blocked),
        )
        return record, news

    def privacy_shown(self, chat_id: int) -> bool:
        """Whether the customer was shown the privacy notice."""
        rows = self._db.rows("SELECT privacy_at FROM dialog WHERE chat_id = ?", (chat_id,))
        return bool(rows) and rows[0][0] is not None

    def was_erased_since(self, chat_id: int, made_at: float, said_at: float | None = None) -> bool:
        """Whether something that the desk created at this time precedes the erasure of a chat's customer.

        Args:
            chat_id: The chat.
            made_at: Desk time.
            said_at: For a ticket: when its oldest message was written, MAX's seconds.
        """
        return self._tombstones.covers(chat_id, made_at, said_at)

    def _is_erased(self, chat_id: int) -> bool:
        """Whether the customer was erased while their event was being processed, and has not written since."""
        if self._tombstones.of_chat(chat_id) is None:
            return False
        return not self._db.rows(_WAITS, (chat_id,))

    def set_customer(self, chat_id: int, customer_id: int | None) -> None:
        """Store a dialog's customer; None if the desk no longer knows them."""
        with self._db.transaction():
            change(self._t.dialog, {"chat_id": chat_id}, customer_id=customer_id)

    def chats_of(self, customer_ids: Collection[int]) -> dict[int, list[int]]:
        """Return the chats of these customers; several for customers that an agent merged."""
        wanted = tuple(customer_ids)
        chats: dict[int, list[int]] = {}
        sql = f"{_CHATS_OF} {marks(wanted)} ORDER BY chat_id"
        for customer_id, chat_id in self._db.rows(sql, wanted):
            chats.setdefault(customer_id, []).append(chat_id)
        return chats

    def chats_of_user(self, user_id: int) -> list[int]:
        """Return the chats of a MAX user."""
        return [chat_id for (chat_id,) in self._db.rows(_CHATS_OF_USER, (user_id,))]

    def lately_active(self, limit: int) -> list[int]:
        """Return the chats of the last active customers who can be written to."""
        return [chat_id for (chat_id,) in self._db.rows(_LATELY_ACTIVE, (limit,))]

    def foreign_customers(self, chat_id: int, among: Collection[int]) -> frozenset[int]:
        """Return which of these customers belong to other dialogs."""
        sql = f"{_CHATS_OF} {marks(among)}"
        return frozenset(
            customer_id for customer_id, other in self._db.rows(sql, (*among,)) if other != chat_id
        )


STEP = 200
"""Rows of one transaction: a daemon that works beside it waits for milliseconds."""
_ASIDE = (
    f"SELECT 1 FROM inbox WHERE state = '{State.PARKED}' AND chat_id = ?"
    " AND id >= ? AND id < ? LIMIT 1"
)
_STORED = "SELECT key FROM inbox WHERE key IN"
_OVER = "DELETE FROM flood WHERE chat_id = ?"
_CHATS = f"SELECT f.chat_id {FLOODS.format('')}"
_NEXT = (
    f"SELECT i.id {ASIDE.replace('f.chat_id', '?').replace('f.since_id', '?')}"
    f" ORDER BY i.id LIMIT {STEP}"
)
_UNTOLD = (
    f"SELECT f.chat_id, d.conversation_id {FLOODS.format('JOIN dialog AS d ON d.chat_id = f.chat_id')}"
    " AND f.told = 0 AND d.conversation_id IS NOT NULL"
)


def put_aside(database: Database, chat_id: int, item_id: int, now: float) -> None:
    """Record that an item was put aside, inside the transaction that stores it as parked.

    Args:
        database: The database.
        chat_id: The chat.
        item_id: The item.
        now: Our clock.
    """
    tables = database.tables
    found = find(tables.flood, chat_id=chat_id)
    if found is None:
        insert(tables.flood, chat_id=chat_id, since_id=item_id, began_at=now)
        return
    if database.row(_ASIDE, (chat_id, found.since_id, item_id)) is None:
        # Those of an earlier flood are gone: this is another one, and agents are told anew.
        change(tables.flood, {"chat_id": chat_id}, since_id=item_id, began_at=now, told=False)


def is_put_aside(tables: Tables, row: Inbox) -> bool:
    """Whether this item is put aside."""
    if row.state != State.PARKED or row.chat_id is None:
        return False
    flood = find(tables.flood, chat_id=row.chat_id)
    return flood is not None and row.id >= flood.since_id


class FloodStore:
    """Transactions of what is put aside."""

    def __init__(self, database: Database, inbox: InboxTable) -> None:
        self._db = database
        self._t = database.tables
        self._inbox = inbox

    def chats(self) -> set[int]:
        """Return the chats with anything put aside."""
        return {chat_id for (chat_id,) in self._db.rows(_CHATS, ())}

    def known(self, updates: Collection[str]) -> set[str]:
        """Return which of these update keys are stored: MAX delivers some twice."""
        wanted = {keys.stored(each): each for each in updates}
        found = self._db.rows(f"{_STORED} {marks(wanted)}", (*wanted,))
        return {wanted[key] for (key,) in found}

    def let_go(self, chat_id: int, outcome: Outcome, now: float) -> int:
        """Release or drop everything put aside of a chat, oldest first.

        Events that arrive meanwhile wait behind it until the last one is released, so the order is
        kept.

        Args:
            chat_id: The chat.
            outcome: RELEASE or DROP.
            now: Our clock.

        Returns:
            The number of events.
        """
        error = "dropped by the administrator" if outcome is Outcome.DROP else None
        count = 0
        while True:
            with self._db.transaction():
                flood = find(self._t.flood, chat_id=chat_id)
                if flood is None:
                    return count
                step = self._db.rows(_NEXT, (chat_id, flood.since_id))
                changed = sum(
                    self._inbox.decide(item_id, outcome, error=error, now=now)
                    for (item_id,) in step
                )
                count += changed
                if step and not changed:
                    return count  # what no rule allows stays put aside, and is shown
                if len(step) < STEP:
                    self._db.execute(_OVER, (chat_id,))
                    return count

    def untold(self) -> list[tuple[int, int]]:
        """Return chats in flood whose agents have no note yet, with the current ticket."""
        return [(int(chat), int(ticket)) for chat, ticket in self._db.rows(_UNTOLD, ())]

    def tell(self, chat_id: int, conversation_id: int, text: str, now: float) -> None:
        """Queue the one note about a flood."""
        with self._db.transaction():
            flood = find(self._t.flood, chat_id=chat_id)
            if flood is None or flood.told:
                return
            key = keys.flood(chat_id, flood.since_id)
            self._inbox.add_note(key, chat_id, conversation_id, text, now)
            change(self._t.flood, {"chat_id": chat_id}, told=True)
