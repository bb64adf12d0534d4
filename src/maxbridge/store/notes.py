"""The bridge's own notes: which replies need one for being late, and which notes nobody needs."""

from __future__ import annotations

from collections.abc import Iterable

from maxbridge.core import keys
from maxbridge.core.delivery import PENDING, Doubt
from maxbridge.core.retry import LateReply
from maxbridge.store.db import Database
from maxbridge.store.inbox import InboxTable
from maxbridge.store.records import InboxItem, TicketRecord

_PENDING = f"({', '.join(repr(each.value) for each in PENDING)})"
_WAITING = """
    SELECT key, chat_id, conversation_id, excerpt, created_at, doubt, error
    FROM outbox INDEXED BY outbox_turn
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
_TOLD = "SELECT 1 FROM inbox WHERE key > ? AND key < ? AND created_at > ? LIMIT 1"
_IS_THERE = "SELECT 1 FROM inbox WHERE key = ?"
_STILL_WAITS = f"SELECT 1 FROM outbox WHERE key = ? AND state IN {_PENDING}"


class NoteStore:
    """Transactions of the notes."""

    def __init__(self, database: Database, inbox: InboxTable) -> None:
        self._db = database
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
        return [
            LateReply(
                key=key,
                chat_id=chat_id or 0,
                conversation_id=conversation_id or 0,
                excerpt=excerpt,
                created_at=created_at,
                doubtful=doubt != Doubt.NONE,
                error=error,
            )
            for key, chat_id, conversation_id, excerpt, created_at, doubt, error in self._db.rows(
                _WAITING, (since, until, keys.LATE_NOTES, limit)
            )
        ]

    def add_unreadable(self, ticket: TicketRecord, text: str, now: float) -> None:
        """Queue the note that a ticket cannot be read; once for each time that it could be read no more."""
        self.add(_unreadable(ticket), ticket.chat_id, ticket.conversation_id, text, now)

    def is_told_unreadable(self, ticket: TicketRecord) -> bool:
        """Has a ticket that cannot be read now got that note?"""
        if not ticket.read_failures:
            return False
        return self._db.row(_IS_THERE, (keys.note(_unreadable(ticket)),)) is not None

    def was_told(self, conversation_id: int, since: float) -> bool:
        """Has a ticket got a note about a late reply since then, our clock?"""
        # A range instead of LIKE: that is what an index serves.
        between = keys.late_notes_of(conversation_id)
        return self._db.row(_TOLD, (*between, since)) is not None

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
        return self._db.row(_STILL_WAITS, (keys.late_reply_of(item.key),)) is None


def _unreadable(ticket: TicketRecord) -> str:
    return keys.unreadable(ticket.conversation_id, ticket.noticed_since or 0)
