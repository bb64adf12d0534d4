"""The inbox: raw updates of MAX and notes of the bridge, on their way to the desk."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from maxbridge.store.db import Database
from maxbridge.store.models import Inbox
from maxbridge.store.queue import Queue, common
from maxbridge.store.records import InboxItem
from maxbridge.store.states import PENDING, State

NOTE_TYPE = "bridge_note"
MARKER = "max"


@dataclass(frozen=True, slots=True)
class NewUpdate:
    """One raw update, ready to be stored.

    Attributes:
        key: Identity for de-duplication.
        update_type: MAX's word for it; empty when it had none.
        payload: The raw JSON text.
        chat_id: The dialog, None when nobody can say.
        user_id: Who sent it, if known.
        state: QUEUED, or IGNORED / PARKED when no worker needs to see it.
    """

    key: str
    update_type: str
    payload: str
    chat_id: int | None
    user_id: int | None = None
    state: State = State.QUEUED


@dataclass(frozen=True, slots=True)
class Ticketed:
    """Where an inbox item landed.

    Attributes:
        conversation_id: The ticket.
        thread_id: The thread, when known.
        customer_id: The ticket's customer, when the desk said so.
        desk_time: The desk's time of the answer.
        opened: The ticket was opened for this item.
        recovered: A look-up found it after a doubtful call, perhaps long after.
        history_before: For a ticket that was not opened: unknown threads up to this desk time are
            history; None for all up to now.
    """

    conversation_id: int
    thread_id: int | None
    customer_id: int | None
    desk_time: float
    opened: bool
    recovered: bool = False
    history_before: float | None = None


class InboxJournal(Queue[Inbox]):
    """Transactions of the inbox."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, database.tables.inbox)

    def ingest(self, updates: Iterable[NewUpdate], marker: int | None, now: float) -> int:
        """Store a batch of updates and the marker behind it, together or not at all.

        Asking MAX with a marker tells it to forget everything before (contract max.md 1), so this
        commit is the moment from which a message is ours.

        Args:
            updates: In MAX's order; those stored before are passed over.
            marker: The next marker, or None to keep the stored one.
            now: Our clock.

        Returns:
            How many were new.
        """
        new = 0
        updates = list(updates)
        if not updates and (marker is None or marker == self.marker()):
            return 0
        with self._db.transaction():
            for update in updates:
                new += self._insert(update, now)
            if marker is not None:
                self._tables.marker.insert(
                    name=MARKER, value=marker, updated_at=now
                ).on_conflict_replace().execute()
        return new

    def add_note(self, key: str, chat_id: int, conversation_id: int, text: str, now: float) -> None:
        """Queue a private note for a ticket; the same key twice is one note.

        To be called inside a transaction of the change that the note reports.
        """
        payload = json.dumps({"conversation_id": conversation_id, "text": text})
        self._insert(NewUpdate(f"note:{key}", NOTE_TYPE, payload, chat_id), now)

    def marker(self) -> int | None:
        """The marker to poll with; None before the first poll."""
        row = self._tables.marker.get_or_none(self._tables.marker.name == MARKER)
        return None if row is None else int(row.value)

    def head(self, chat_id: int) -> InboxItem | None:
        """The oldest pending item of a chat."""
        row = (
            self._model.select()
            .where(self._pending(), self._model.chat_id == chat_id)
            .order_by(self._model.id)
            .first()
        )
        return None if row is None else _item(row)

    def done(self, item: InboxItem, landed: Ticketed | None, now: float) -> None:
        """An item reached the desk (or needed to go nowhere: ``landed`` None)."""
        with self._db.transaction():
            if landed is not None:
                self._link(item, landed, now)
            self._finish(item.id, State.DONE, now, landed)

    def ignore(self, item: InboxItem, now: float) -> None:
        """There is nothing to do for this item."""
        with self._db.transaction():
            self._finish(item.id, State.IGNORED, now)

    def park(self, item: InboxItem, error: str, now: float) -> None:
        """Nobody can say what this item means; it is kept and shown."""
        with self._db.transaction():
            self._finish(item.id, State.PARKED, now, error=error)

    def _insert(self, update: NewUpdate, now: float) -> int:
        state = update.state
        chat_id = update.chat_id
        if chat_id is None and update.user_id is not None:
            chat_id = self._chat_of(update.user_id)
        if chat_id is None and state is State.QUEUED:
            state = State.PARKED
        inserted: int = (
            self._model.insert(
                key=update.key[:512],
                update_type=update.update_type[:255],
                payload=update.payload,
                chat_id=chat_id,
                state=state,
                pending=state in PENDING,
                created_at=now,
                finished_at=None if state in PENDING else now,
            )
            .on_conflict_ignore()
            .as_rowcount()
            .execute()
        )
        return inserted

    def _chat_of(self, user_id: int) -> int | None:
        dialog = self._tables.dialog
        row = dialog.get_or_none(dialog.user_id == user_id)
        return None if row is None else row.chat_id

    def _finish(
        self,
        item_id: int,
        state: State,
        now: float,
        landed: Ticketed | None = None,
        **fields: Any,
    ) -> None:
        if landed is not None:
            fields |= {"conversation_id": landed.conversation_id, "thread_id": landed.thread_id}
        self._move(item_id, state, finished_at=now, **fields)

    def _link(self, item: InboxItem, landed: Ticketed, now: float) -> None:
        """Remember the ticket as the dialog's current one, and as ours for replies."""
        dialog, ticket = self._tables.dialog, self._tables.ticket
        if item.update_type == NOTE_TYPE:
            return
        border = None if landed.opened else landed.history_before or landed.desk_time
        ticket.insert(
            conversation_id=landed.conversation_id,
            chat_id=item.chat_id,
            linked_at=landed.desk_time,
            history_before=border,
            noticed_since=border,
            # Agents may have answered before we knew that the ticket is ours.
            next_read_at=landed.desk_time if landed.recovered else None,
        ).on_conflict_ignore().execute()
        if ticket.get_by_id(landed.conversation_id).chat_id != item.chat_id:
            return  # it belongs to another dialog; nothing of this one's may be tied to it
        fields: dict[str, Any] = {
            "conversation_id": landed.conversation_id,
            "last_inbound_at": now,
        }
        if landed.customer_id is not None:
            fields["customer_id"] = landed.customer_id
        dialog.update(**fields).where(dialog.chat_id == item.chat_id).execute()


def _item(row: Inbox) -> InboxItem:
    return InboxItem(
        **common(row),
        update_type=row.update_type,
        payload=row.payload or "null",
        target_id=row.target_id,
        desk_at=row.desk_at,
    )
