"""An open store: the database, its lock, and the classes that read and write its tables."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from maxbridge.config.loading import handles, load
from maxbridge.core.errors import ExitCode, NoDatabaseError, UserError
from maxbridge.saying import say
from maxbridge.store.access import ProcessLock
from maxbridge.store.backfill import BackfillStore
from maxbridge.store.certificates import CertificateStore
from maxbridge.store.db import SQLITE_ERRORS, Database
from maxbridge.store.dialogs import DialogTable, FloodStore
from maxbridge.store.event_commits import BurstStore, EventCommits, NoteStore
from maxbridge.store.forgetting import ForgettingStore
from maxbridge.store.forgotten import Acts
from maxbridge.store.inbox import InboxTable
from maxbridge.store.linking import LinkingStore
from maxbridge.store.meta import (
    AlertStore,
    ClockStore,
    FirstStartStore,
    HealthTable,
    MarkerTable,
    MetaTable,
)
from maxbridge.store.outbox import OutboxTable
from maxbridge.store.readings import AsideTable, ReadingStore, ThreadTable, UnmatchedTable
from maxbridge.store.relinking import Relinking
from maxbridge.store.restored import RestoredStore
from maxbridge.store.schema import refuse_foreign
from maxbridge.store.tickets import TicketTable
from maxbridge.store.tidying import Tidying


class Store:
    """The open database. Workers do not get it: :mod:`maxbridge.wiring` gives each the tables that it needs.

    Attributes:
        db: The database itself.
        meta: Its bot, and single facts.
        markers: Positions of the polls.
        inbox: Deliveries to the desk.
        bursts: Several inbox items at once.
        floods: Inbox items put aside.
        outbox: Deliveries to MAX.
        dialogs: Chats and their customers.
        relinking: Takeovers, and what waits for its customer.
        tickets: Conversations of dialogs.
        threads: What became of each of their threads.
        readings: Results of readings of the desk.
        unmatched: Examined conversations that belong to no dialog.
        aside: Conversations that could not be examined.
        first_start: When it was, until its first polls are stored.
        backfill: Gaps in MAX's events.
        restored: What a restored database cannot know.
        linking: The administrator's decisions about tickets.
        notes: The bridge's own notes.
        clocks: Times by our clock.
        health: The loops' state.
        certificates: Certificates of both services.
        events: Results of an event, stored with its end.
        tidying: Deletes old data.
        alerts: Alerts to the administrator.
        forgetting: Erases a person.
        made_up: Erasures that this database lacked when it was opened for work.
    """

    def __init__(self, path: Path, *, exclusive: bool = True, create: bool | None = None) -> None:
        """Open the store.

        Args:
            path: The database file.
            exclusive: Take the lock of the one working process; False for read-only commands.
            create: Create and migrate it; by default if ``exclusive``.

        Raises:
            StoreError: It is in use, damaged, not readable for us, or newer than this program.
        """
        self.lock = ProcessLock(path)
        if exclusive:
            refuse_foreign(path)  # the lock is a file beside it
            self.lock.acquire()
        try:
            database = Database(path, create=exclusive if create is None else create)
        except BaseException:
            self.lock.release()
            raise
        self.db = database
        self.meta = MetaTable(database)
        self.markers = MarkerTable(database)
        self.tickets = TicketTable(database)
        self.threads = ThreadTable(database)
        self.inbox = InboxTable(database, self.tickets, self.markers)
        self.bursts = BurstStore(database, self.inbox)
        self.floods = FloodStore(database, self.inbox)
        self.outbox = OutboxTable(database, self.inbox, self.tickets)
        self.backfill = BackfillStore(database, self.inbox, self.meta, self.markers)
        self.relinking = Relinking(
            database,
            tickets=self.tickets,
            threads=self.threads,
            meta=self.meta,
            markers=self.markers,
            backfill=self.backfill,
        )
        self.dialogs = DialogTable(database, self.relinking)
        self.first_start = FirstStartStore(database, self.meta)
        self.restored = RestoredStore(database, self.backfill, self.meta, self.markers)
        self.inbox.may_be_posted = self.restored.may_be_posted
        self.readings = ReadingStore(
            database,
            tickets=self.tickets,
            threads=self.threads,
            inbox=self.inbox,
            outbox=self.outbox,
            restored=self.restored,
            markers=self.markers,
        )
        self.unmatched = UnmatchedTable(database)
        self.aside = AsideTable(database)
        self.linking = LinkingStore(database, self.inbox, self.tickets)
        self.notes = NoteStore(database, self.inbox)
        self.clocks = ClockStore(database)
        self.health = HealthTable(database)
        self.certificates = CertificateStore(database)
        self.events = EventCommits(
            database, inbox=self.inbox, outbox=self.outbox, dialogs=self.dialogs, meta=self.meta
        )
        self.tidying = Tidying(
            database,
            backfill=self.backfill,
            unmatched=self.unmatched,
            restored=self.restored,
            markers=self.markers,
            tickets=self.tickets,
            threads=self.threads,
        )
        self.alerts = AlertStore(database, self.outbox, self.meta)
        self.forgetting = ForgettingStore(database, self.inbox, self.tickets, self.threads)
        try:
            self.made_up = self.forgetting.make_up(Acts(path)) if exclusive else []
        except BaseException:
            self.close()
            raise

    @classmethod
    def open_copy(cls, path: Path) -> Store:
        """Open a private copy, migrated to this program's schema, without a lock."""
        return cls(path, exclusive=False, create=True)

    def close(self) -> None:
        """Close the database, then release the lock."""
        self.db.close()
        self.lock.release()


@contextmanager
def open_store(config_path: Path | None) -> Iterator[Store]:
    """Open the store of this configuration; the daemon may be running on it.

    Raises:
        UserError: There is none, or it cannot be used.
    """
    config = load(config_path, sections=("store",))
    with contextlib.ExitStack() as stack:
        try:
            store = stack.enter_context(opened(config.settings.store.path, exclusive=False))
        except NoDatabaseError as error:
            start = handles(config).start
            raise NoDatabaseError(
                say("{problem} Start it: {start}", problem=error.problems[0], start=start)
            ) from None
        yield store


@contextmanager
def opened(path: Path, *, exclusive: bool) -> Iterator[Store]:
    """A store, closed at the end.

    Args:
        path: The database.
        exclusive: For this process alone.

    Raises:
        UserError: It cannot be used, or another process works on it.
    """
    store = Store(path, exclusive=exclusive)
    try:
        yield store
    except SQLITE_ERRORS as error:
        raise UserError(
            say("The database cannot be used: {error}.", error=error), ExitCode.TEMP_FAIL
        ) from error
    finally:
        store.close()
