"""What was put aside of chats that sent too much: kept in order, counted, released or dropped by the administrator.

A chat is in flood while something of it is put aside: its rows in the state ``parked``, from the one on with which
the flood began. What comes later waits behind them.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from maxbridge.core import keys
from maxbridge.core.delivery import Outcome, State
from maxbridge.store.db import marks
from maxbridge.store.snapshot import ASIDE, FLOODS
from maxbridge.store.statements import change, find, insert

if TYPE_CHECKING:
    from maxbridge.store.db import Database
    from maxbridge.store.inbox import InboxTable
    from maxbridge.store.models import Inbox, Tables

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
    """Write down that an item was put aside; inside the transaction that stores it, as parked.

    Args:
        database: The database.
        chat_id: Whose.
        item_id: Which.
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
    """Does this item wait to be released?"""
    if row.state != State.PARKED or row.chat_id is None:
        return False
    flood = find(tables.flood, chat_id=row.chat_id)
    return flood is not None and row.id >= flood.since_id


class FloodStore:
    """Transactions about what was put aside."""

    def __init__(self, database: Database, inbox: InboxTable) -> None:
        self._db = database
        self._t = database.tables
        self._inbox = inbox

    def chats(self) -> set[int]:
        """Chats of which something is put aside."""
        return {chat_id for (chat_id,) in self._db.rows(_CHATS, ())}

    def known(self, updates: Collection[str]) -> set[str]:
        """Which of these updates are stored, by their keys: MAX tells some twice."""
        wanted = {keys.stored(each): each for each in updates}
        found = self._db.rows(f"{_STORED} {marks(wanted)}", (*wanted,))
        return {wanted[key] for (key,) in found}

    def let_go(self, chat_id: int, outcome: Outcome, now: float) -> int:
        """Release or drop all that is put aside of a chat, the oldest first.

        What comes meanwhile waits behind it until the last one is let go, so the order is kept.

        Args:
            chat_id: The chat.
            outcome: RELEASE or DROP.
            now: Our clock.

        Returns:
            How many.
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
        """Chats in flood whose agents do not know it, with the current ticket."""
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
