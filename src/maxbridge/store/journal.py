"""One open store: the journals over one database, whose database it is, and its upkeep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from peewee import fn

from maxbridge.core.errors import ConfigError
from maxbridge.core.text import split
from maxbridge.store.db import Database, ProcessLock
from maxbridge.store.dialogs import DialogJournal
from maxbridge.store.health import HealthJournal
from maxbridge.store.inbox import InboxJournal, NewUpdate
from maxbridge.store.outbox import OutboxJournal
from maxbridge.store.records import InboxItem
from maxbridge.store.states import State
from maxbridge.store.tickets import TicketJournal

_BATCH = 1000
_BATCHES = 50


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
        outbox: What must reach MAX.
        dialogs: Chats and their customers.
        tickets: Conversations of the desk, their threads.
        health: How the loops are doing.
    """

    def __init__(self, path: Path, *, exclusive: bool = True) -> None:
        """Open the store.

        Args:
            path: The database file.
            exclusive: Take the lock of the one process that may work; False to only look.

        Raises:
            StoreError: It is in use, damaged, not ours to read, or newer than this program.
        """
        self.lock = ProcessLock(path)
        if exclusive:
            self.lock.acquire()
        try:
            database = Database(path, create=exclusive)
        except BaseException:
            self.lock.release()
            raise
        self.db = database
        self._t = database.tables
        self.inbox = InboxJournal(database)
        self.outbox = OutboxJournal(database, self.inbox)
        self.dialogs = DialogJournal(database)
        self.tickets = TicketJournal(database, self.inbox, self.outbox)
        self.health = HealthJournal(database, self.inbox, self.outbox)

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

    def greet(self, item: InboxItem, text: str, now: float) -> None:
        """Answer a start of the bot: the greeting is queued and the start is done, together."""
        with self.db.transaction():
            self.outbox.add(f"greeting:{item.key}", item.chat_id, split(text), now=now)
            self.inbox.done(item, None, now)

    def note(self, key: str, chat_id: int, conversation_id: int, text: str, now: float) -> None:
        """Queue a private note by itself; the same key twice is one note."""
        with self.db.transaction():
            self.inbox.add_note(key, chat_id, conversation_id, text, now)

    def store_page(
        self, updates: Sequence[NewUpdate], marker: int | None, now: float, *, clears: str | None
    ) -> int:
        """As :meth:`InboxJournal.ingest`, and clear a flag with it, together or not at all."""
        with self.db.transaction():
            new = self.inbox.ingest(updates, marker, now)
            if clears is not None:
                self.set_flag(clears, value=False)
        return new

    def bot_id(self) -> int | None:
        """The bot that the database belongs to; None before the first contact."""
        meta = self._t.meta
        row = meta.get_or_none(meta.key == "bot_id")
        return None if row is None else int(row.value)

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
        whose id was forgotten can never be sent again.

        Returns:
            Rows changed or deleted.
        """
        changed = self._scrub(now - retention.payloads)
        changed += self._forget_threads(now - retention.ids)
        return changed + self._forget_ids(now - retention.ids)

    def _scrub(self, before: float) -> int:
        inbox, outbox, part = self._t.inbox, self._t.outbox, self._t.part
        finished = (State.DONE, State.IGNORED, State.BOUNCED)
        with self.db.transaction():
            changed: int = (
                inbox.update(payload=None)
                .where(
                    inbox.finished_at < before,
                    inbox.state.in_(finished),
                    inbox.payload.is_null(False),
                )
                .execute()
            )
            old = outbox.select(outbox.id).where(
                outbox.finished_at < before, outbox.state.in_(finished)
            )
            changed += (
                part.update(text=None)
                .where(part.outbox_id.in_(old), part.text.is_null(False))
                .execute()
            )
            changed += (
                outbox.update(excerpt="").where(outbox.id.in_(old), outbox.excerpt != "").execute()
            )
        return changed

    def _forget_threads(self, before: float) -> int:
        seen, ticket = self._t.seen, self._t.ticket
        rows = list(
            seen.select(seen.conversation_id, fn.MAX(seen.created_at).alias("created_at"))
            .where(seen.created_at < before)
            .group_by(seen.conversation_id)
            .limit(_BATCH)
        )
        changed = 0
        with self.db.transaction():
            for row in rows:
                conversation_id, newest = row.conversation_id, row.created_at
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

    def _forget_ids(self, before: float) -> int:
        changed = 0
        for model in (self._t.inbox, self._t.outbox):
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
