"""Everything that the store knows of one delivery, for ``maxbridge queue show``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from maxbridge.core import keys
from maxbridge.core.parts import Part
from maxbridge.store.db import Database
from maxbridge.store.floods import is_put_aside
from maxbridge.store.inbox import NOTE_TYPE
from maxbridge.store.outbox import OutboxTable
from maxbridge.store.queue import Queue, common
from maxbridge.store.records import Item
from maxbridge.store.statements import find

_NOTES = "SELECT id, key, state FROM inbox WHERE chat_id = ? AND update_type = ? ORDER BY id"


@dataclass(frozen=True, slots=True)
class NoteView:
    """A private note about a delivery."""

    name: str
    state: str


@dataclass(frozen=True, slots=True)
class ItemView:
    """One delivery.

    Attributes:
        item: What both queues have.
        direction: ``MAX → FreeScout`` or the other way.
        kind: MAX's word for the event, or what kind of delivery it is.
        user_id: The MAX user of its chat.
        conversation_id: Its ticket.
        thread_id: Its thread there.
        finished_at: When it ended, our clock.
        files: Number of its attachments.
        parts: The messages of a reply, with MAX's id of those that were sent.
        payload: What came from MAX, as JSON; None for replies, or when it is no longer stored.
        notes: Private notes about it.
        is_put_aside: Its chat sent too much, and it waits to be released.
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
