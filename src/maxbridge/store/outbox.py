"""The outbox: agents' replies and greetings on their way to MAX, part by part."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from peewee import fn

from maxbridge.store.db import Database
from maxbridge.store.inbox import InboxJournal
from maxbridge.store.models import Outbox
from maxbridge.store.queue import Queue, common
from maxbridge.store.records import OutboxItem, PartItem
from maxbridge.store.states import State

_BATCH = 200


@dataclass(frozen=True, slots=True)
class Note:
    """A private note that goes with a change of state."""

    key: str
    conversation_id: int
    text: str


class OutboxJournal(Queue[Outbox]):
    """Transactions of the outbox."""

    def __init__(self, database: Database, inbox: InboxJournal) -> None:
        super().__init__(database, database.tables.outbox)
        self._inbox = inbox

    def add(
        self,
        key: str,
        chat_id: int,
        texts: Sequence[str],
        *,
        now: float,
        conversation_id: int | None = None,
        thread_id: int | None = None,
        excerpt: str = "",
    ) -> None:
        """Queue texts for a chat; the same key twice is one delivery.

        To be called inside a transaction of the change that causes it.
        """
        item_id = (
            self._model.insert(
                key=key,
                chat_id=chat_id,
                state=State.QUEUED,
                pending=True,
                created_at=now,
                conversation_id=conversation_id,
                thread_id=thread_id,
                excerpt=excerpt,
            )
            .on_conflict_ignore()
            .as_rowcount()
            .execute()
        )
        if not item_id:
            return
        row = self._model.get(self._model.key == key)
        self._tables.part.insert_many(
            [
                {"outbox_id": row.id, "seq": seq, "text": text, "mid": None}
                for seq, text in enumerate(texts)
            ]
        ).execute()

    def head(self, chat_id: int) -> OutboxItem | None:
        """The oldest item of a chat that may be sent now, with its parts."""
        row = (
            self._model.select()
            .where(self._pending(), self._model.chat_id == chat_id, *self._extra(self._model))
            .order_by(self._model.id)
            .first()
        )
        return None if row is None else self._item(row)

    def clock_was_set(self, step: float) -> None:
        """Keep the ages of what waits when our clock is set forward (step > 0) or back, in seconds."""
        model = self._model
        with self._db.transaction():
            model.update(created_at=model.created_at + step).where(self._pending()).execute()

    def expired(self, deadline: float) -> list[OutboxItem]:
        """Items that have waited since before ``deadline`` and were certainly not sent."""
        model = self._model
        rows = (
            model.select()
            .where(self._pending(), model.state != State.SENDING, model.created_at <= deadline)
            .order_by(model.id)
            .limit(_BATCH)
        )
        return [self._item(row) for row in rows]

    def claimed_mids(self, mids: Collection[str]) -> set[str]:
        """Which of these MAX messages are known to be parts of ours already."""
        part = self._tables.part
        rows = part.select(part.mid).where(part.mid.in_(list(mids)))
        return {row.mid for row in rows if row.mid}

    def part_done(self, item: OutboxItem, seq: int, mid: str, now: float) -> bool:
        """MAX accepted a part.

        Returns:
            True when it was the last one, so that the whole item is done.
        """
        part, dialog = self._tables.part, self._tables.dialog
        with self._db.transaction():
            part.update(mid=mid).where(part.outbox_id == item.id, part.seq == seq).execute()
            left = (
                part.select(fn.COUNT(part.seq))
                .where(part.outbox_id == item.id, part.mid.is_null())
                .scalar()
            )
            dialog.update(last_outbound_at=now).where(dialog.chat_id == item.chat_id).execute()
            if left:
                self._move(item.id, State.QUEUED, next_at=0.0, error=None)
                return False
            self._move(item.id, State.DONE, finished_at=now, error=None)
            return True

    def give_up(
        self, item: OutboxItem, state: State, *, error: str, note: Note | None, now: float
    ) -> None:
        """Bounce or hold an item and queue the note that tells the agent, together."""
        with self._db.transaction():
            self._move(item.id, state, error=error, finished_at=now)
            self._note(item, note, now)

    def wait_blocked(self, item: OutboxItem, *, error: str, note: str, now: float) -> bool:
        """The customer stopped the bot: the dialog's deliveries wait until he starts it again.

        Returns:
            False, and nothing is changed, when he came back after the refused attempt was begun.
        """
        dialog = self._tables.dialog
        with self._db.transaction():
            row = dialog.get_or_none(dialog.chat_id == item.chat_id)
            attempted_at = self._model.get_by_id(item.id).attempted_at or 0.0
            if row is not None and (row.reachable_at or 0.0) > attempted_at:
                return False
            self._move(item.id, State.DEFERRED, error=error, next_at=0.0)
            dialog.update(blocked=True, blocked_at=now).where(
                dialog.chat_id == item.chat_id,
                dialog.blocked == False,  # noqa: E712 - an SQL expression
            ).execute()
            if item.conversation_id is not None:
                self.note_blocked(item.chat_id, item.conversation_id, note, now)
        return True

    def note_blocked(self, chat_id: int, conversation_id: int, text: str, now: float) -> None:
        """Tell the agents once for each time a customer stops the bot that replies wait for him.

        Does nothing for a customer who can be reached. To be called inside a transaction.
        """
        dialog = self._tables.dialog
        row = dialog.get_or_none(dialog.chat_id == chat_id)
        if row is not None and row.blocked:
            key = f"blocked:{chat_id}:{row.blocked_at:.0f}"
            self._inbox.add_note(key, chat_id, conversation_id, text, now)

    def _note(self, item: OutboxItem, note: Note | None, now: float) -> None:
        if note is not None:
            self._inbox.add_note(note.key, item.chat_id, note.conversation_id, note.text, now)

    def _extra(self, model: Any) -> list[Any]:
        """Nothing goes to a customer who stopped the bot; what may have gone is looked up all the same."""
        dialog = self._tables.dialog
        blocked = dialog.select(dialog.chat_id).where(
            dialog.blocked == True  # noqa: E712 - an SQL expression
        )
        return [model.chat_id.not_in(blocked) | (model.state == State.SENDING)]

    def _item(self, row: Outbox) -> OutboxItem:
        part = self._tables.part
        parts = part.select().where(part.outbox_id == row.id).order_by(part.seq)
        return OutboxItem(
            **common(row),
            conversation_id=row.conversation_id,
            excerpt=row.excerpt,
            parts=tuple(PartItem(each.seq, each.text or "", each.mid) for each in parts),
        )
