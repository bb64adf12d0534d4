"""One open store: the journals over one database, whose database it is, and its upkeep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from maxbridge.core.delivery import FINISHED, State
from maxbridge.core.errors import ConfigError
from maxbridge.core.parts import Part
from maxbridge.core.text import split
from maxbridge.store.access import ProcessLock
from maxbridge.store.backfill import BackfillJournal
from maxbridge.store.belonging import chunks
from maxbridge.store.bursts import BurstJournal
from maxbridge.store.clocks import ClockJournal
from maxbridge.store.copies import forget_copies
from maxbridge.store.db import Database
from maxbridge.store.dialogs import DialogJournal
from maxbridge.store.first_start import FirstStartJournal
from maxbridge.store.health import HealthJournal
from maxbridge.store.inbox import FollowUps, InboxJournal, NewUpdate, Note, PostResult
from maxbridge.store.inspection import ItemView, inspect
from maxbridge.store.keys import DEAF
from maxbridge.store.linking import LinkingJournal
from maxbridge.store.notes import NoteJournal
from maxbridge.store.outbox import OutboxJournal
from maxbridge.store.queue import Queue
from maxbridge.store.records import InboxItem
from maxbridge.store.restored import RestoredJournal
from maxbridge.store.strangers import StrangerJournal
from maxbridge.store.tickets import TicketJournal

_BATCH = 1000
_BATCHES = 50
_FINISHED = f"({', '.join(repr(each.value) for each in FINISHED)})"
_TIDIED = "tidied"
_TIDY_STEP = 86400.0


@dataclass(frozen=True, slots=True)
class Retention:
    """How long things are kept after they are finished, in seconds.

    Attributes:
        payloads: Texts of delivered messages.
        ids: Ids of what was handled. MAX keeps events for a day (contract max.md 1).
    """

    payloads: float = 7 * 86400.0
    ids: float = 30 * 86400.0


class Journal:
    """The store as the daemon uses it.

    Attributes:
        inbox: What must reach the desk.
        bursts: Several of the inbox at once.
        outbox: What must reach MAX.
        dialogs: Chats and their customers.
        tickets: Conversations of the desk, their threads.
        strangers: Conversations of the desk that were looked at and are nobody's.
        first_start: When it was, until its first polls are stored.
        backfill: Gaps in what MAX could give us.
        restored: What a database put back from a backup cannot know.
        linking: What the administrator decides about tickets.
        notes: The bridge's own notes.
        clocks: What our clock has written down.
        health: How the loops are doing.
    """

    def __init__(self, path: Path, *, exclusive: bool = True, create: bool | None = None) -> None:
        """Open the store.

        Args:
            path: The database file.
            exclusive: Take the lock of the one process that may work; False to only look.
            create: Make and migrate it; by default who may work does, who only looks does not.

        Raises:
            StoreError: It is in use, damaged, not ours to read, or newer than this program.
        """
        self.lock = ProcessLock(path)
        if exclusive:
            self.lock.acquire()
        try:
            database = Database(path, create=exclusive if create is None else create)
        except BaseException:
            self.lock.release()
            raise
        self.db = database
        self._t = database.tables
        self._bot_id: int | None = None
        """Once it is known, it never changes."""
        self.inbox = InboxJournal(database)
        self.bursts = BurstJournal(database, self.inbox)
        self.outbox = OutboxJournal(database, self.inbox)
        self.dialogs = DialogJournal(database)
        self.first_start = FirstStartJournal(database)
        self.backfill = BackfillJournal(database, self.inbox)
        self.restored = RestoredJournal(database, self.backfill)
        self.tickets = TicketJournal(database, self.inbox, self.outbox, self.restored)
        self.strangers = StrangerJournal(database)
        self.linking = LinkingJournal(database, self.inbox)
        self.notes = NoteJournal(database, self.inbox)
        self.clocks = ClockJournal(database)
        self.health = HealthJournal(database)

    @classmethod
    def of_copy(cls, path: Path) -> Journal:
        """A copy that nobody else knows of, migrated to what this program knows; without a lock."""
        return cls(path, exclusive=False, create=True)

    def close(self) -> None:
        """Close the database, then give the lock back."""
        self.db.close()
        self.lock.release()

    def claim(self, bot_id: int, bot_name: str) -> None:
        """Make the database this bot's, or see that it is.

        Raises:
            ConfigError: It belongs to another bot: its markers and ids would mean nothing.
        """
        meta = self._t.meta
        with self.db.transaction():
            owner = meta.get_or_none(meta.key == "bot_id")
            if owner is None:
                meta.insert(key="bot_id", value=str(bot_id)).execute()
            elif int(owner.value) != bot_id:
                raise ConfigError(
                    f"[store] path: the database {self.db.path} belongs to bot {owner.value}, but "
                    f"the token is of bot {bot_id} ({bot_name}). Give every bot a database of its "
                    "own, or put the old token back."
                )

    def greet(
        self, item: InboxItem, text: str, button: str, now: float, *, doubtful: bool = False
    ) -> None:
        """Answer a start of the bot: the greeting is queued and the start is done, together.

        Args:
            item: The start.
            text: The greeting, plain.
            button: Label of the "share my phone" button under it; empty for none.
            now: Our clock.
            doubtful: A database that is gone may have done it (:mod:`maxbridge.store.restored`).
        """
        *first, last = [Part(each) for each in split(text)]
        with self.db.transaction("greeting"):
            parts = [*first, replace(last, button=button)]
            key = f"greeting:{item.key}"
            self.outbox.add(key, item.chat_id, parts, now=now, doubtful=doubtful)
            self.inbox.done(item, None, now)

    def landed(
        self,
        item: InboxItem,
        landed: PostResult,
        landing: FollowUps,
        now: float,
        *,
        others: Sequence[InboxItem] = (),
        notes: Sequence[Note] = (),
    ) -> None:
        """A thread is at the desk: what follows from it is written down together with that.

        A power cut may take it back: the item is in doubt then, and its marker is found in the look-up.

        Args:
            item: What it was made of.
            landed: Where it is.
            landing: What it means.
            now: Our clock.
            others: Plain messages that stand in the same thread behind it.
            notes: What else the agents are told.
        """
        with self.db.transaction("inbox.done", durable=False):
            if landing.more:
                self.inbox.partly_done(item, landed, landing.covering, now)
            else:
                self.inbox.done(item, landed, now)
            if landing.lost:
                key, ticket = f"lost:{item.key}:{landing.covering}", landed.conversation_id
                self.inbox.add_note(key, item.chat_id, ticket, "", now, html=landing.lost)
            if landing.phone:
                self.inbox.add_phone(item.key, item.chat_id, landing.phone, now)
            if landing.tell:
                # Once an hour is often enough for one sentence.
                hour = f"tell:{item.chat_id}:{now // 3600:.0f}"
                self.outbox.add(hour, item.chat_id, [Part(landing.tell)], now=now)
            for each in others:
                self.inbox.done(each, landed, now)
            for note in notes:
                self.inbox.add_note(note.key, item.chat_id, note.conversation_id, note.text, now)

    def group_rights(self, item: InboxItem, words: str, now: float, *, deaf: bool) -> None:
        """What the bot may do in a group has changed: agents are told when it goes deaf, or hears again.

        Args:
            item: The event.
            words: What to tell them, plain.
            now: Our clock.
            deaf: It gets no messages of the group any more; ``status`` counts such groups.
        """
        flag = f"{DEAF}{item.chat_id}"
        with self.db.transaction():
            was_deaf = self.flag(flag)
            self.set_flag(flag, value=deaf)
            dialog = self.dialogs.get(item.chat_id)
            if deaf != was_deaf and dialog is not None and dialog.conversation_id is not None:
                key = f"rights:{item.key}"
                self.inbox.add_note(key, item.chat_id, dialog.conversation_id, words, now)
            self.inbox.done(item, None, now)

    def note(self, key: str, chat_id: int, conversation_id: int, text: str, now: float) -> None:
        """Queue a private note by itself; the same key twice is one note."""
        with self.db.transaction():
            self.inbox.add_note(key, chat_id, conversation_id, text, now)

    def store_page(
        self,
        updates: Sequence[NewUpdate],
        marker: int | None,
        now: float,
        *,
        clears: str | None,
        newest: int | None = None,
    ) -> int:
        """As :meth:`InboxJournal.ingest`, with what changes with it, together or not at all.

        Args:
            updates: In MAX's order.
            marker: The next marker, or None to keep the stored one.
            now: Our clock.
            clears: A flag that is over with this page.
            newest: MAX's time of the last event, in milliseconds.
        """
        with self.db.transaction("max_page"):
            new = self.inbox.ingest(updates, marker, now)
            if newest is not None:
                self.backfill.came(newest, now)
            if clears is not None:
                self.set_flag(clears, value=False)
        return new

    def inspect(self, queue: Queue[Any], item_id: int) -> ItemView | None:
        """Everything about one delivery; None when there is none of this id (any more)."""
        return inspect(self.db, queue, item_id)

    def bot_id(self) -> int | None:
        """The bot that the database belongs to; None before the first contact."""
        if self._bot_id is None:
            meta = self._t.meta
            row = meta.get_or_none(meta.key == "bot_id")
            self._bot_id = None if row is None else int(row.value)
        return self._bot_id

    def flag(self, name: str) -> bool:
        """A remembered yes or no; no when never set."""
        meta = self._t.meta
        row = meta.get_or_none(meta.key == name)
        return row is not None and bool(row.value == "yes")

    def set_flag(self, name: str, *, value: bool) -> None:
        """Remember a yes or no."""
        with self.db.transaction():
            self._t.meta.insert(
                key=name, value="yes" if value else "no"
            ).on_conflict_replace().execute()

    def tidy(self, now: float, retention: Retention) -> int:
        """Forget what is no longer needed, in small transactions.

        Texts go first; ids stay until nothing can come back under them. Before the ids of old
        threads go, their ticket remembers that everything up to them is history, so that a thread
        whose id was forgotten can never be sent again. MAX's ids come back by a poll, or from a
        history after a gap; so they age while MAX is polled, and stay while a history is to be read.

        Returns:
            Rows changed or deleted.
        """
        now = self._forgetting(now)
        changed = self._scrub(now - retention.payloads)
        changed += self.backfill.forget_parked(now)
        changed += forget_copies(self.db.path, now - retention.payloads)
        changed += self._forget_threads(now - retention.ids)
        changed += self.strangers.forget(now - retention.ids)
        changed += self.restored.forget(now - retention.ids)
        changed += self._forget_ids(self._t.outbox, now - retention.ids)
        if not self.backfill.is_pending():
            polled = min(now, self.backfill.polled_at() or now)
            changed += self._forget_ids(self._t.inbox, polled - retention.ids)
        return changed

    def _forgetting(self, now: float) -> float:
        """Our clock as far as forgetting goes: a day forward in each tidying at most.

        A clock that is set forward by weeks would make yesterday's ids look old; hours later it is
        put right. After a long time off this is behind for some hours, which costs nothing.
        """
        marker = self._t.marker
        row = marker.get_or_none(marker.name == _TIDIED)
        believed = now if row is None else min(now, row.value + _TIDY_STEP)
        with self.db.transaction():
            marker.insert(
                name=_TIDIED, value=int(believed), updated_at=now
            ).on_conflict_replace().execute()
        return believed

    def _scrub(self, before: float) -> int:
        """Take the texts out of what was finished before then.

        The indexes of migration 0006 hold only what still has its text; without being told, SQLite
        looks through everything that is done. What a power cut brings back goes in the next hour.
        """
        inbox, outbox, part = self._t.inbox, self._t.outbox, self._t.part
        finished = f"finished_at < ? AND state IN {_FINISHED}"
        received = (
            f"SELECT id FROM inbox INDEXED BY inbox_texts WHERE payload IS NOT NULL AND {finished}"
        )
        sent = (
            "SELECT DISTINCT p.outbox_id FROM part AS p INDEXED BY part_texts CROSS JOIN outbox AS o"
            f" ON o.id = p.outbox_id WHERE p.text IS NOT NULL AND o.{finished.replace('state', 'o.state')}"
        )
        changed = 0
        for some in chunks(item_id for (item_id,) in self.db.rows(received, (before,))):
            with self.db.transaction(durable=False):
                changed += inbox.update(payload=None).where(inbox.id.in_(some)).execute()
        for some in chunks(item_id for (item_id,) in self.db.rows(sent, (before,))):
            with self.db.transaction(durable=False):
                changed += (
                    part.update(text=None, files=None, button=None)
                    .where(part.outbox_id.in_(some), part.text.is_null(False))
                    .execute()
                )
                outbox.update(excerpt="").where(outbox.id.in_(some)).execute()
        return changed

    def _forget_threads(self, before: float) -> int:
        seen, ticket = self._t.seen, self._t.ticket
        old = (
            seen.select(seen.conversation_id, seen.created_at)
            .where(seen.created_at < before)
            .order_by(seen.created_at)
            .limit(_BATCH)
        )
        newest_of = {row.conversation_id: row.created_at for row in old}
        changed = 0
        with self.db.transaction():
            for conversation_id, newest in newest_of.items():
                ticket.update(history_before=newest).where(
                    ticket.conversation_id == conversation_id,
                    ticket.history_before.is_null() | (ticket.history_before < newest),
                ).execute()
                changed += (
                    seen.delete()
                    .where(seen.conversation_id == conversation_id, seen.created_at <= newest)
                    .execute()
                )
        return changed

    def _forget_ids(self, model: Any, before: float) -> int:
        changed = 0
        for _ in range(_BATCHES):
            with self.db.transaction():
                old = (
                    model.select(model.id)
                    .where(model.finished_at < before, model.state != State.HELD)
                    .limit(_BATCH)
                )
                deleted: int = model.delete().where(model.id.in_(old)).execute()
            changed += deleted
            if deleted < _BATCH:
                break
        return changed
