"""The bridge's own notes: which replies need one for being late, and which notes nobody needs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from maxbridge.core import keys
from maxbridge.core.delivery import PENDING, Doubt
from maxbridge.core.plan_inbound import LateReply
from maxbridge.store.db import Database
from maxbridge.store.inbox import InboxTable
from maxbridge.store.records import InboxItem

_WAITING = """
    SELECT * FROM outbox INDEXED BY outbox_turn
    WHERE turn_at IS NOT NULL
        AND thread_id IS NOT NULL AND conversation_id IS NOT NULL
        AND created_at > ? AND created_at <= ?
        AND NOT EXISTS (
            SELECT 1 FROM dialog WHERE dialog.chat_id = outbox.chat_id AND dialog.blocked = 1)
        AND NOT EXISTS (
            SELECT 1 FROM inbox
            WHERE inbox.key = ? || CAST(outbox.conversation_id AS TEXT) || ':' || outbox.key)
    ORDER BY id LIMIT ?
"""
"""As text: it is asked every minute, and making the words takes far longer than SQLite does."""


class NoteStore:
    """Transactions of the notes."""

    def __init__(self, database: Database, inbox: InboxTable) -> None:
        self._db = database
        self._t = database.tables
        self._inbox = inbox

    def add(self, key: str, chat_id: int, conversation_id: int, text: str, now: float) -> None:
        """Queue a private note by itself; the same key twice is one note."""
        with self._db.transaction():
            self._inbox.add_note(key, chat_id, conversation_id, text, now)

    def late(self, *, since: float, until: float, limit: int) -> list[LateReply]:
        """First replies of their chats that wait, of which their ticket has not been told.

        Those behind them wait for them; a customer who stopped the bot has a note of his own.

        Args:
            since: Those that began to wait later than this, our clock,
            until: and not later than this.
            limit: At most so many, the oldest first.
        """
        rows = self._t.outbox.raw(_WAITING, since, until, keys.LATE_NOTES, limit)
        return [
            LateReply(
                key=row.key,
                chat_id=row.chat_id or 0,
                conversation_id=row.conversation_id or 0,
                excerpt=row.excerpt,
                created_at=row.created_at,
                doubtful=row.doubt != Doubt.NONE,
                error=row.error,
            )
            for row in rows
        ]

    def was_told(self, conversation_id: int, since: float) -> bool:
        """Has a ticket got a note about a late reply since then, our clock?"""
        inbox = self._t.inbox
        first, last = keys.late_notes_of(conversation_id)
        # A range instead of LIKE: that is what an index serves.
        return bool(
            inbox.select()
            .where(inbox.key > first, inbox.key < last, inbox.created_at > since)
            .exists()
        )

    def tell_late(self, notes: Iterable[tuple[LateReply, str]], now: float) -> None:
        """Queue the notes about late replies, together."""
        with self._db.transaction():
            for reply, text in notes:
                key = keys.late(reply.conversation_id, reply.key)
                self._inbox.add_note(key, reply.chat_id, reply.conversation_id, text, now)

    def is_obsolete(self, item: InboxItem) -> bool:
        """Is this a note about a late reply that has left meanwhile?"""
        if not keys.is_late_note(item.key):
            return False
        outbox = self._t.outbox
        reply = keys.late_reply_of(item.key)
        return not outbox.select().where(outbox.key == reply, outbox.state.in_(PENDING)).exists()

    def still_waits(self, item: InboxItem) -> Any:
        """The row of an item that is still pending, None when it is done with."""
        inbox = self._t.inbox
        return inbox.get_or_none(inbox.id == item.id, inbox.state.in_(PENDING))
