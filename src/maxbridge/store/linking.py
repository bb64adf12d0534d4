"""The administrator's view and decisions beside the running daemon: chats, their tickets, single deliveries."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from maxbridge.core import keys
from maxbridge.core.delivery import PENDING, State
from maxbridge.core.parts import Part
from maxbridge.store.db import Database, find, marks
from maxbridge.store.dialogs import is_put_aside
from maxbridge.store.inbox import NOTE_TYPE, PHONE_TYPE, InboxTable
from maxbridge.store.outbox import OutboxTable
from maxbridge.store.queue import Queue, common
from maxbridge.store.records import Item
from maxbridge.store.snapshot import standing
from maxbridge.store.tickets import TicketTable


@dataclass(frozen=True, slots=True)
class DialogView:
    """A chat for display; times by our clock."""

    chat_id: int
    user_id: int | None
    customer_id: int | None
    conversation_id: int | None
    blocked: bool
    created_at: float
    last_inbound_at: float | None
    last_outbound_at: float | None

    @property
    def is_group(self) -> bool:
        """Whether it is a group's chat, without a single customer."""
        return self.user_id is None


@dataclass(frozen=True, slots=True)
class Counts:
    """Numbers of a chat's deliveries that wait for a worker or for a person."""

    waiting_to_desk: int
    waiting_to_max: int
    held_to_desk: int
    held_to_max: int


@dataclass(frozen=True, slots=True)
class Recent:
    """One of a chat's last deliveries, without its words."""

    name: str
    key: str
    state: str
    at: float


_DIALOGS = f"SELECT {', '.join(DialogView.__dataclass_fields__)} FROM dialog WHERE"
_HOW_MANY = "SELECT COUNT(*) FROM dialog WHERE"
_ALL = "1"
_OF_TICKET = "chat_id IN (SELECT chat_id FROM ticket WHERE conversation_id = ?)"
_ACTIVE_FIRST = (
    "ORDER BY MAX(COALESCE(last_inbound_at, created_at), COALESCE(last_outbound_at, created_at)) DESC,"
    " chat_id LIMIT ?"
)
_RECENT = {
    which: f"SELECT id, key, state, created_at FROM {queue} WHERE chat_id = ? ORDER BY id DESC LIMIT ?"
    for which, queue in ((keys.TO_DESK, "inbox"), (keys.TO_MAX, "outbox"))
}
_OF_STATES = "SELECT id FROM outbox WHERE conversation_id = ? AND state IN {states} ORDER BY id"
_POSTING = (
    f"SELECT 1 FROM inbox WHERE pending = 1 AND chat_id = ? AND state = '{State.SENDING}'"
    f" AND update_type NOT IN ('{NOTE_TYPE}', '{PHONE_TYPE}') LIMIT 1"
)
_UNBLOCK = "UPDATE dialog SET blocked = 0, reachable_at = ? WHERE chat_id = ? AND blocked = 1"


class LinkingStore:
    """Reads dialogs, and links or unlinks their tickets."""

    def __init__(self, database: Database, inbox: InboxTable, tickets: TicketTable) -> None:
        self._db = database
        self._inbox = inbox
        self._tickets = tickets

    # --- looking ---------------------------------------------------------------------------------

    def dialogs(
        self,
        *,
        chats: Sequence[int] = (),
        user_id: int | None = None,
        conversation_id: int | None = None,
        blocked: bool = False,
        limit: int | None = None,
    ) -> tuple[list[DialogView], int]:
        """Return dialogs that meet all conditions, last active first, and their total number."""
        wanted: list[str] = [_ALL]
        values: list[int] = []
        if chats:
            wanted.append(f"chat_id IN {marks(chats)}")
            values += chats
        if user_id is not None:
            wanted.append("user_id = ?")
            values.append(user_id)
        if blocked:
            wanted.append("blocked = 1")
        if conversation_id is not None:
            wanted.append(_OF_TICKET)
            values.append(conversation_id)
        among = " AND ".join(wanted)
        found = self._db.rows(
            f"{_DIALOGS} {among} {_ACTIVE_FIRST}", (*values, -1 if limit is None else limit)
        )
        ((count,),) = self._db.rows(f"{_HOW_MANY} {among}", tuple(values))
        return [_dialog(row) for row in found], count

    def counts(self, chat_id: int) -> Counts:
        """Return how much of a chat waits or is held."""

        def count(queue: str, states: Sequence[State]) -> int:
            sql = f"SELECT COUNT(*) FROM {queue} WHERE chat_id = ? AND {standing(states)}"
            ((number,),) = self._db.rows(sql, (chat_id, *(each.value for each in states)))
            return int(number)

        return Counts(
            count("inbox", PENDING),
            count("outbox", PENDING),
            count("inbox", (State.HELD,)),
            count("outbox", (State.HELD,)),
        )

    def recent(self, chat_id: int, limit: int) -> list[Recent]:
        """Return a chat's last deliveries of both directions, latest first."""
        found: list[Recent] = []
        for which, sql in _RECENT.items():
            found += [
                Recent(keys.name(which, item_id), *rest)
                for item_id, *rest in self._db.rows(sql, (chat_id, limit))
            ]
        return sorted(found, key=lambda each: each.at, reverse=True)[:limit]

    def waiting_replies(self, conversation_id: int) -> list[str]:
        """Return the names of a ticket's replies that wait for a worker; they are sent whatever becomes of the ticket."""
        return self._replies(conversation_id, PENDING)

    def held_replies(self, conversation_id: int) -> list[str]:
        """Return the names of a ticket's replies that wait for a person: only ``queue retry`` sends them."""
        return self._replies(conversation_id, (State.HELD,))

    def _replies(self, conversation_id: int, states: Sequence[State]) -> list[str]:
        sql = _OF_STATES.format(states=marks(states))
        found = self._db.rows(sql, (conversation_id, *(each.value for each in states)))
        return [keys.name(keys.TO_MAX, item_id) for (item_id,) in found]

    def is_posting(self, chat_id: int) -> bool:
        """Whether a message of a chat is being posted to the desk now."""
        return self._db.row(_POSTING, (chat_id,)) is not None

    # --- deciding --------------------------------------------------------------------------------

    def link(
        self, chat_id: int, conversation_id: int, customer_id: int | None, *, desk_now: float
    ) -> bool:
        """Make a conversation a chat's current ticket; the threads of one that was not the chat's become history.

        Args:
            chat_id: The dialog.
            conversation_id: The ticket; taken from another chat if it belongs to that.
            customer_id: Its customer.
            desk_now: The desk's time: unknown threads up to it are never sent.

        Returns:
            False, and nothing is changed, while a message of either chat is being posted:
            it could replace the link, or go to another chat's ticket.
        """
        with self._db.transaction():
            owner = self._tickets.owner(conversation_id)
            if self.is_posting(chat_id) or (owner is not None and self.is_posting(owner)):
                return False
            self._tickets.give(chat_id, conversation_id, customer_id, desk_now=desk_now)
        return True

    def unlink(self, chat_id: int, conversation_id: int, note: str, now: float) -> bool:
        """Unlink a ticket from its chat: replies in it are no longer sent, the next message opens another.

        Its row stays, so that it is not adopted again.

        Args:
            chat_id: The dialog.
            conversation_id: The ticket.
            note: Text for its agents.
            now: Our clock.

        Returns:
            False, and nothing is changed, if it is not (any more) a ticket of this chat.
        """
        with self._db.transaction():
            if not self._tickets.unlink(chat_id, conversation_id):
                return False
            key = keys.unlinked(conversation_id, now)
            self._inbox.add_note(key, chat_id, conversation_id, note, now)
        return True

    def unblock(self, chat_id: int, now: float) -> bool:
        """Assume that a customer who stopped the bot can be reached: what waits for them is sent.

        If MAX still answers that they stopped the bot, it waits again.

        Args:
            chat_id: The dialog.
            now: Our clock.

        Returns:
            False, and nothing is changed, if the dialog does not count as stopped (any more).
        """
        with self._db.transaction():
            return bool(self._db.execute(_UNBLOCK, (now, chat_id)))


def _dialog(row: tuple[Any, ...]) -> DialogView:
    members = dict(zip(DialogView.__dataclass_fields__, row, strict=True))
    return DialogView(**members | {"blocked": bool(members["blocked"])})


_NOTES = "SELECT id, key, state FROM inbox WHERE chat_id = ? AND update_type = ? ORDER BY id"


@dataclass(frozen=True, slots=True)
class NoteView:
    """A private note about a delivery."""

    name: str
    state: str


@dataclass(frozen=True, slots=True)
class ItemView:
    """One delivery for display.

    Attributes:
        item: What both queues have.
        direction: ``MAX → FreeScout`` or the reverse.
        kind: MAX's event type, or the kind of delivery.
        user_id: The MAX user of its chat.
        conversation_id: Its ticket.
        thread_id: Its thread there.
        finished_at: When it ended, our clock.
        files: Number of its attachments.
        parts: The messages of a reply, with MAX's id of those that were sent.
        payload: MAX's update as JSON; None for replies, or if it is no longer stored.
        notes: Private notes about it.
        is_put_aside: It is put aside because its chat exceeded its limit.
    """

    item: Item
    direction: str
    kind: str
    user_id: int | None
    conversation_id: int | None
    thread_id: int | None
    finished_at: float | None
    files: int
    parts: tuple[tuple[Part, str | None], ...]
    payload: str | None
    notes: tuple[NoteView, ...]
    is_put_aside: bool


def inspect(database: Database, queue: Queue[Any], item_id: int) -> ItemView | None:
    """Return one delivery, or None if this id is unknown or no longer stored."""
    tables = database.tables
    to_max = isinstance(queue, OutboxTable)
    model: Any = tables.outbox if to_max else tables.inbox
    row = find(model, id=item_id)
    if row is None:
        return None
    dialog = None if row.chat_id is None else find(tables.dialog, chat_id=row.chat_id)
    outgoing = queue.by_id(item_id) if isinstance(queue, OutboxTable) else None
    parts = () if outgoing is None else tuple((each.part, each.mid) for each in outgoing.parts)
    payload = None if to_max else row.payload
    return ItemView(
        item=Item(**common(row)),
        direction="FreeScout → MAX" if to_max else "MAX → FreeScout",
        kind=keys.word(row.key) if to_max else row.update_type or "unreadable",
        user_id=None if dialog is None else dialog.user_id,
        conversation_id=row.conversation_id or (None if to_max else row.target_id),
        thread_id=row.thread_id,
        finished_at=row.finished_at,
        files=sum(len(part.files) for part, _ in parts) if to_max else _files_of(payload),
        parts=parts,
        payload=payload,
        notes=_notes(database, row),
        is_put_aside=not to_max and is_put_aside(tables, row),
    )


def _notes(database: Database, row: Any) -> tuple[NoteView, ...]:
    return tuple(
        NoteView(keys.name(keys.TO_DESK, note_id), state)
        for note_id, key, state in database.rows(_NOTES, (row.chat_id, NOTE_TYPE))
        if keys.is_about(key, row.key)
    )


def _files_of(payload: str | None) -> int:
    """Return the number of attachments in a message of MAX; 0 for anything else."""
    found = json.loads(payload) if payload else None
    for name in ("message", "body", "attachments"):
        found = found.get(name) if isinstance(found, dict) else None
    return len(found) if isinstance(found, list) else 0
