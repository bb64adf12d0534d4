"""Store the results of events together with the end of the event; the bridge's notes; batches of events.

Each event of a batch keeps its own row and state. All are marked ``sending`` with the same attempt
time in one transaction; this shows later, even after a crash, that they were in one POST.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from maxbridge.core import keys
from maxbridge.core.delivery import PENDING, Doubt, Outcome, State
from maxbridge.core.parts import Part
from maxbridge.core.retry import LateReply
from maxbridge.core.text import split
from maxbridge.core.texts import Saying
from maxbridge.store.db import Database, columns, find, rows
from maxbridge.store.dialogs import DialogTable
from maxbridge.store.inbox import FollowUps, InboxTable, Note, item_of
from maxbridge.store.meta import MetaTable
from maxbridge.store.models import Inbox
from maxbridge.store.outbox import OutboxTable
from maxbridge.store.records import InboxItem, PostResult, TicketRecord
from maxbridge.store.tickets import RATE


class EventCommits:
    """Transactions over several tables that end an inbox item."""

    def __init__(
        self,
        database: Database,
        *,
        inbox: InboxTable,
        outbox: OutboxTable,
        dialogs: DialogTable,
        meta: MetaTable,
    ) -> None:
        self._db = database
        self._inbox = inbox
        self._outbox = outbox
        self._dialogs = dialogs
        self._meta = meta

    def greet(
        self,
        item: InboxItem,
        text: str,
        button: str,
        now: float,
        *,
        in_doubt: float | None = None,
        says: Sequence[Saying] = (),
    ) -> None:
        """Queue the greeting and end the start of the bot, in one transaction.

        Args:
            item: The start.
            text: The greeting, plain; empty for none.
            button: Label of the "share my phone" button under it; empty for none.
            now: Our clock.
            in_doubt: Latest time at which a lost database may have done it
                (:mod:`maxbridge.store.restored`).
            says: Further automatic messages.
        """
        with self._db.transaction("greeting"):
            if not self._inbox.is_there(item):
                return  # its customer was erased meanwhile
            if text:
                *first, last = [Part(each) for each in split(text)]
                parts = [*first, replace(last, button=button)]
                key = keys.greeting(item.key)
                self._outbox.add(key, item.chat_id, parts, now=now, in_doubt=in_doubt)
            self._say(item.chat_id, says, now)
            self._inbox.done(item, None, now)

    def rate(
        self,
        item: InboxItem,
        ticket: int,
        stars: int,
        *,
        note: str,
        thanks: str,
        now: float,
        in_doubt: float | None = None,
    ) -> None:
        """Store a customer's rating, tell the agents, and thank the customer.

        Args:
            item: The pressed button.
            ticket: The rated ticket.
            stars: The rating.
            note: Text for agents.
            thanks: Text for the customer.
            now: Our clock.
            in_doubt: Latest time at which a lost database may have thanked for it, our clock; None
                if it cannot have.
        """
        with self._db.transaction():
            if not self._inbox.is_there(item):
                return  # its customer was erased meanwhile
            self._db.execute(RATE, (ticket, item.chat_id, stars, now))
            self._inbox.add_note(keys.rated(ticket), item.chat_id, ticket, note, now)
            parts = [Part(thanks)]
            self._outbox.add(keys.thanks(ticket), item.chat_id, parts, now=now, in_doubt=in_doubt)
            self._inbox.done(item, None, now)

    def _say(self, chat_id: int, says: Sequence[Saying], now: float) -> None:
        for each in says:
            parts = [Part(part) for part in split(each.text)]
            self._outbox.add(each.key, chat_id, parts, now=now, in_doubt=each.in_doubt)

    def landed(
        self,
        item: InboxItem,
        landed: PostResult,
        landing: FollowUps,
        now: float,
        *,
        others: Sequence[InboxItem] = (),
        notes: Sequence[Note] = (),
        says: Sequence[Saying] = (),
    ) -> None:
        """Store that a thread is at the desk, with everything that follows from it.

        A power cut may undo it: then the item is in doubt, and the look-up finds its marker.

        Args:
            item: The item that the thread was made of.
            landed: Where it is.
            landing: What follows.
            now: Our clock.
            others: Further messages in the same thread.
            notes: Further notes for agents.
            says: Further automatic messages.
        """
        with self._db.transaction("inbox.done", durable=False):
            if not self._inbox.is_there(item):
                return  # its customer was erased meanwhile
            if landing.more:
                self._inbox.partly_done(item, landed, landing.covering, now)
            else:
                self._inbox.done(item, landed, now)
            if landing.lost:
                key, ticket = keys.files_lost(item.key, landing.covering), landed.conversation_id
                self._inbox.add_note(key, item.chat_id, ticket, "", now, html=landing.lost)
            if landing.phone:
                self._inbox.add_phone(item.key, item.chat_id, landing.phone, now)
            if landing.tell:
                # Once an hour is often enough for one sentence.
                hour = keys.notice(item.chat_id, now)
                self._outbox.add(hour, item.chat_id, [Part(landing.tell)], now=now)
            self._say(item.chat_id, says, now)
            for each in others:
                # They stand in the same thread.
                self._inbox.done(each, replace(landed, threads=0, size=0), now)
            for note in notes:
                self._inbox.add_note(note.key, item.chat_id, note.conversation_id, note.text, now)

    def group_rights(
        self, item: InboxItem, words: str, now: float, *, deaf: bool, told_at: int
    ) -> None:
        """Record a change of the bot's rights in a group: agents are told if it can no longer read it, or can again.

        An event older than what is known changes nothing: MAX's events come late, and in any order.
        Nor do rights in a group that has removed the bot; whoever adds it again sets them anew.

        Args:
            item: The event.
            words: Text for agents, plain.
            now: Our clock.
            deaf: It no longer gets messages of the group; ``status`` counts such groups.
            told_at: MAX's time of the event in milliseconds; 0 if it has none.
        """
        flag, known = keys.deaf(item.chat_id), keys.rights_at(item.chat_id)
        at = told_at or int(item.created_at * 1000)
        with self._db.transaction():
            if not self._inbox.is_there(item):
                return  # its group was erased meanwhile
            dialog = self._dialogs.get(item.chat_id)
            is_out = dialog is not None and dialog.blocked
            if at < int(self._meta.value(known) or 0):
                self._inbox.ignore(item, now, reason="older than what is known of the bot's rights")
                return
            if is_out and deaf:
                self._inbox.ignore(item, now, reason="the bot is not in the group")
                return
            was_deaf = self._meta.flag(flag)
            self._meta.set_flag(flag, value=deaf)
            self._meta.put(known, str(at))
            ticket = None if dialog is None or is_out else dialog.conversation_id
            if deaf != was_deaf and ticket is not None:
                self._inbox.add_note(keys.rights(item.key), item.chat_id, ticket, words, now)
            self._inbox.done(item, None, now)


# --- messages of one chat that go to the desk in one POST ------------------------------------------


_UNTRIED = (State.QUEUED, State.DEFERRED)


def is_untried(item: InboxItem | Inbox) -> bool:
    """Whether no POST of it was begun, and none put off after a failure.

    An item from a failed POST is sent alone, so that the others do not suffer from its fault.
    """
    return (
        item.state in _UNTRIED
        and item.attempts == 0
        and item.doubt == Doubt.NONE
        and item.attempted_at is None
        and item.covered == 0
    )


class BurstStore:
    """Transactions of several inbox items."""

    def __init__(self, database: Database, inbox: InboxTable) -> None:
        self._db = database
        self._inbox = inbox
        self._model: type[Inbox] = database.tables.inbox
        following = (
            f"SELECT {columns(self._model)} FROM inbox WHERE pending = 1 AND chat_id = ? AND id > ?"
        )
        self._behind = f"{following} ORDER BY id LIMIT ?"
        self._in_flight = (
            f"{following} AND doubt <> '{Doubt.NONE}' AND attempted_at = ? ORDER BY id"
        )

    def behind(self, item: InboxItem, limit: int) -> list[InboxItem]:
        """Return what waits after an item of a chat, in order, of any kind.

        Args:
            item: The item.
            limit: Most items.
        """
        found = rows(self._model, self._behind, (item.chat_id, item.id, limit))
        return [item_of(row) for row in found]

    def begin(
        self, head: InboxItem, others: Sequence[InboxItem], now: float, **fields: Any
    ) -> list[InboxItem] | None:
        """Record that one POST is about to be made of several items.

        Args:
            head: The first one.
            others: The following ones, in order.
            now: Our clock.
            **fields: Columns to set for each of them.

        Returns:
            The others that are still in it: an administrator may have held or dropped some since
            they were read. None if the head must no longer be sent; then nothing is marked.
        """
        with self._db.transaction("inbox.sending"):
            if not self._inbox.mark_sending(head.id, now, **fields):
                return None
            return [
                each
                for each in others
                if self._waits(each.id) and self._inbox.mark_sending(each.id, now, **fields)
            ]

    def _waits(self, item_id: int) -> bool:
        row = find(self._model, id=item_id)
        return row is not None and is_untried(row)

    def in_flight(self, item: InboxItem) -> list[InboxItem]:
        """Return the following items that were in an item's last POST and whose outcome is as unknown as its own."""
        if item.attempted_at is None:
            return []
        values = (item.chat_id, item.id, item.attempted_at)
        found = map(item_of, rows(self._model, self._in_flight, values))
        return [
            each
            for each in found
            if (each.target_id, each.update_type) == (item.target_id, item.update_type)
        ]

    def defer(self, items: Sequence[InboxItem], outcome: Outcome, *, at: float, error: str) -> None:
        """Store the unknown outcome of one POST for all items in it.

        Args:
            items: The items, in order.
            outcome: What happened.
            at: When the first of them is looked up, our clock.
            error: Code of the failure.
        """
        with self._db.transaction("inbox.defer"):
            for each in items:
                self._inbox.defer(each.id, outcome, at=at, error=error)

    def back(
        self,
        others: Sequence[InboxItem],
        decide: Callable[[], object],
        *,
        blameless: bool,
    ) -> None:
        """Requeue all but the first item of a POST that was certainly not carried out.

        Args:
            others: The items.
            decide: Decides about the first one, in the same transaction.
            blameless: The failure does not concern their words: they may be joined again.
        """
        with self._db.transaction("inbox.defer"):
            for each in others:
                self._inbox.take_back(each.id, blameless=blameless)
            decide()


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
        """Return waiting replies, the first of their chats, whose tickets have no note about it.

        Later replies of a chat wait for the first one; a customer who stopped the bot has another
        note.

        Args:
            since: Began to wait later than this, our clock,
            until: and not later than this.
            limit: Most replies, oldest first.
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
        """Queue the note about an unreadable ticket, once for each period of that."""
        self.add(_unreadable(ticket), ticket.chat_id, ticket.conversation_id, text, now)

    def is_told_unreadable(self, ticket: TicketRecord) -> bool:
        """Whether a ticket that is unreadable now has got that note."""
        if not ticket.read_failures:
            return False
        return self._db.row(_IS_THERE, (keys.note(_unreadable(ticket)),)) is not None

    def was_told(self, conversation_id: int, since: float) -> bool:
        """Whether a ticket has got a note about a late reply since then, our clock."""
        # A range instead of LIKE: that is what an index serves.
        between = keys.late_notes_of(conversation_id)
        return self._db.row(_TOLD, (*between, since)) is not None

    def tell_late(self, notes: Iterable[tuple[LateReply, str]], now: float) -> None:
        """Queue notes about late replies, in one transaction."""
        with self._db.transaction():
            for reply, text in notes:
                key = keys.late(reply.conversation_id, reply.key)
                self._inbox.add_note(key, reply.chat_id, reply.conversation_id, text, now)

    def is_obsolete(self, item: InboxItem) -> bool:
        """Whether it is a note about a late reply that has been sent meanwhile."""
        if not keys.is_late_note(item.key):
            return False
        return self._db.row(_STILL_WAITS, (keys.late_reply_of(item.key),)) is None


def _unreadable(ticket: TicketRecord) -> str:
    return keys.unreadable(ticket.conversation_id, ticket.noticed_since or 0)
