"""store.db: whose file it is, what survives a power cut, who may work on it."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from peewee import SqliteDatabase
from playhouse.migrations import Runner

from maxbridge.core.errors import (
    ExitCode,
    NoDatabaseError,
    OldSchemaError,
    StartingError,
    StoreError,
)
from maxbridge.core.parts import Part
from maxbridge.store import access
from maxbridge.store.access import DISK_LEAST, ProcessLock, size_on_disk
from maxbridge.store.db import LOG_KEPT, Database
from maxbridge.store.schema import MIGRATIONS, open_readonly
from maxbridge.store.store import Store
from store_world import CHAT, NEWEST_SCHEMA, NOW, open_store, receive, update


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    opened = Database(path)
    yield opened
    opened.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "LOCK_PATIENCE", -1.0)


# --- the file ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pragma", "value"),
    [
        ("journal_mode", "wal"),
        # MAX forgets what we acknowledged: 2 is FULL, every commit is on the disk (design.md 4).
        ("synchronous", 2),
        ("foreign_keys", 1),
        ("busy_timeout", 5000),
        ("journal_size_limit", LOG_KEPT),
    ],
)
def test_pragmas(database: Database, pragma: str, value: object) -> None:
    assert database.pragma(pragma) == value


def test_pragmas_hold_in_every_store_of_the_process(tmp_path: Path) -> None:
    first, second = Database(tmp_path / "1.db"), Database(tmp_path / "2.db")
    assert [each.pragma("synchronous") for each in (first, second)] == [2, 2]
    first.close()
    second.close()


def test_nobody_else_can_read_it(path: Path) -> None:
    # Customers' words are in it (design.md 4: mode 0600).
    before = os.umask(0)
    try:
        journal = Store(path)
        receive(journal, update())
        modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()}
        journal.close()
    finally:
        os.umask(before)
    assert {"store.db", "store.db-wal", "store.db.lock"} <= set(modes)
    assert set(modes.values()) == {0o600}


def test_a_missing_directory_is_made_for_us_alone(tmp_path: Path) -> None:
    # The first start of somebody who runs it without systemd: ~/.local/state/maxbridge.
    Store(tmp_path / "state" / "maxbridge" / "store.db").close()
    assert stat.S_IMODE((tmp_path / "state" / "maxbridge").stat().st_mode) == 0o700


def test_the_schema_is_made_once_and_named(path: Path) -> None:
    for _ in range(2):
        with closing(Database(path)) as opened:
            assert opened.schema() == NEWEST_SCHEMA


def test_a_database_of_the_first_schema_is_brought_up_to_date_with_all_that_waits_in_it(
    path: Path,
) -> None:
    old = SqliteDatabase(str(path))
    Runner(old, str(MIGRATIONS)).up("0001_initial")
    old.close()
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute(
            "INSERT INTO dialog (chat_id, user_id, blocked, created_at) VALUES (1, 2, 0, 3)"
        )
        columns = "id, key, chat_id, state, pending, created_at, attempts, next_at"
        values = "(5, 'k', 1, 'queued', 1, 3, 0, 0, 'a', 7)"
        raw.execute(f"INSERT INTO inbox ({columns}, update_type, payload) VALUES {values}")  # noqa: S608
        raw.execute(f"INSERT INTO outbox ({columns}, excerpt, thread_id) VALUES {values}")  # noqa: S608
        raw.execute("INSERT INTO part (outbox_id, seq, text) VALUES (5, 0, 'a < b')")
    journal = Store(path)
    assert journal.db.schema() == NEWEST_SCHEMA
    inbound, outbound = journal.inbox.head(1), journal.outbox.head(1)
    assert inbound is not None
    assert (inbound.covered, inbound.conversation_id) == (0, None)
    assert outbound is not None
    # The words of before were plain text and must not be taken for html now.
    assert [each.part for each in outbound.parts] == [Part("a < b", html=False)]
    journal.close()


def test_tickets_of_the_first_schema_live_on(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    old = SqliteDatabase(str(path))
    Runner(old, str(MIGRATIONS)).up("0001_initial")
    old.close()
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("INSERT INTO dialog (chat_id, blocked, created_at) VALUES (1, 0, 0)")
        raw.execute(
            "INSERT INTO ticket (conversation_id, chat_id, linked_at, read_failures, gone)"
            " VALUES (7, 1, 0, 0, 0)"
        )
    with closing(Store(path)) as journal:
        ticket = journal.tickets.ticket(7)
        assert ticket is not None
        assert (ticket.chat_id, ticket.customer_id, ticket.adopted) == (1, None, False)
        assert journal.unmatched.among([7]) == {}


def test_a_database_of_a_newer_program_is_refused(path: Path) -> None:
    Database(path).close()
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("INSERT INTO schema_migration (name, applied) VALUES ('9999_later', 'now')")
    for create in (True, False):
        with pytest.raises(StoreError, match=r"newer maxbridge \(schema 9999_later\)") as caught:
            Database(path, create=create)
        assert caught.value.exit_code == ExitCode.CONFIG


def test_who_only_looks_neither_makes_nor_migrates_a_database(path: Path) -> None:
    with pytest.raises(StoreError, match="There is no database"):
        Database(path, create=False)
    assert not path.exists()
    sqlite3.connect(path).close()
    path.touch()
    with pytest.raises(
        OldSchemaError,
        match=r"is empty: the daemon was ended before.*copy without its file .*-wal.*maxbridge backup",
    ):
        Database(path, create=False)


@pytest.mark.parametrize(("had", "what"), [(False, "made"), (True, "brought up to date")])
def test_a_full_disk_is_named_and_not_an_older_program(
    path: Path, monkeypatch: pytest.MonkeyPatch, had: bool, what: str
) -> None:
    """What the daemon began to make or to migrate when the disk was full."""
    if had:
        Database(path).close()
        with closing(sqlite3.connect(path)) as raw, raw:
            raw.execute(
                "DELETE FROM schema_migration WHERE name = (SELECT MAX(name) FROM schema_migration)"
            )
    path.touch()
    with pytest.raises(OldSchemaError):
        Database(path, create=False)
    room = shutil.disk_usage(path.parent)._replace(free=DISK_LEAST - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: room)
    for look in (lambda: Database(path, create=False), lambda: open_readonly(path).__enter__()):
        with pytest.raises(StoreError, match=f"The disk of .* is full, so .* could not be {what}"):
            look()


def test_a_file_that_is_no_database_is_refused_with_the_remedy(path: Path) -> None:
    path.write_bytes(b"this is no database, it is a letter to grandmother " * 100)
    for create in (True, False):
        with pytest.raises(StoreError, match="not a maxbridge database") as caught:
            Database(path, create=create)
        assert "Restore a backup" in str(caught.value)
    assert path.read_bytes().startswith(b"this is no database")


def test_a_damaged_database_is_refused_with_the_remedy(path: Path) -> None:
    Database(path).close()
    whole = path.read_bytes()
    path.write_bytes(whole[:2048] + b"\xa5" * (len(whole) - 2048))
    with pytest.raises(StoreError, match="damaged or not a maxbridge database"):
        Database(path)


@pytest.mark.parametrize("name", ["", "file/store.db"])
def test_a_path_that_can_be_no_file_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError) as caught:
        Database(tmp_path / name)
    assert caught.value.exit_code == ExitCode.CANT_CREATE


def test_no_permission_says_as_whom_to_run(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Root may do anything, so the refusal is played.
    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "open", refuse)
    monkeypatch.setattr(os, "getuid", lambda: 65534)
    for attempt in (lambda: Database(path), ProcessLock(path).acquire):
        with pytest.raises(StoreError, match="Use sudo, or be the user that owns it") as caught:
            attempt()
        assert caught.value.exit_code == ExitCode.NO_PERMISSION


def test_who_only_looks_is_told_the_same(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A folder that only the service may look into must not be taken for "no database".
    Database(path).close()
    monkeypatch.setattr(os, "access", lambda *_, **__: False)
    monkeypatch.setattr(os, "getuid", lambda: 65534)
    with pytest.raises(StoreError, match="Use sudo, or be the user that owns it") as caught:
        Database(path, create=False)
    assert caught.value.exit_code == ExitCode.NO_PERMISSION


def test_a_database_that_another_program_keeps_locked_is_named(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "maxbridge.store.db._PRAGMAS", {"busy_timeout": 0, "journal_mode": "delete"}
    )
    with closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreError, match="locked by another program"):
            Database(path)


# --- transactions -------------------------------------------------------------------------------------------


def test_a_transaction_that_fails_leaves_nothing(database: Database) -> None:
    meta = database.tables.meta

    def fail() -> None:
        with database.transaction():
            meta.insert(key="a", value="b").execute()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert meta.select().count() == 0


def test_an_inner_transaction_belongs_to_the_outer_one(database: Database) -> None:
    meta = database.tables.meta

    def fail() -> None:
        with database.transaction():
            with database.transaction():
                meta.insert(key="a", value="b").execute()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert meta.select().count() == 0


def test_two_stores_in_one_process_do_not_know_of_each_other(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one, two = open_store(tmp_path / "a"), open_store(tmp_path / "b")
    one.inbox.ingest([update("x")], 5, NOW)
    assert one.inbox.head(CHAT) is not None
    assert two.inbox.head(CHAT) is None
    assert (one.inbox.marker(), two.inbox.marker()) == (5, None)
    one.close()
    assert two.inbox.ingest([update("x")], 6, NOW) == 1
    two.close()


CHILD = """
import os, sys
from pathlib import Path
from maxbridge.store.inbox import NewUpdate
from maxbridge.store.store import Store

journal = Store(Path(sys.argv[1]))
journal.inbox.ingest([NewUpdate("committed", "message_created", "1", 7)], 41, 1.0)
with journal.db.transaction():
    journal.db.tables.meta.insert(key="half", value="done").execute()
    print("ready", flush=True)
    sys.stdin.read()
"""


def test_what_was_committed_survives_the_death_of_the_process(path: Path) -> None:
    # design.md 2.1: a message is on disk before MAX is told that we have it.
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        # A second connection sees it at once, and nothing of what is not yet committed.
        with closing(sqlite3.connect(path)) as other:
            assert other.execute("SELECT key, payload FROM inbox").fetchall() == [
                ("committed", "1")
            ]
            assert other.execute("SELECT value FROM marker").fetchall() == [(41,)]
            assert other.execute("SELECT * FROM meta").fetchall() == []
        assert ProcessLock(path).is_held()
        child.send_signal(signal.SIGKILL)
        child.wait()
    # The lock went with the process; what it had not committed is gone, the rest is not.
    assert not ProcessLock(path).is_held()
    journal = Store(path)
    assert journal.inbox.marker() == 41
    assert journal.inbox.head(7) is not None
    assert not journal.meta.flag("half")
    assert journal.db.tables.meta.select().count() == 0
    journal.close()


# --- the lock -----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("impatient")
def test_a_second_process_is_kept_off(path: Path) -> None:
    # Contract max.md 9, trap 10: two pollers take each other's events and nobody warns.
    journal = Store(path)
    with pytest.raises(StoreError, match=f"process {os.getpid()}") as caught:
        Store(path)
    assert caught.value.exit_code == ExitCode.TEMP_FAIL
    assert str(path) in str(caught.value)
    journal.close()
    Store(path).close()


def test_who_only_looks_needs_no_lock_and_takes_none(path: Path) -> None:
    journal = Store(path)
    receive(journal, update())
    looker = Store(path, exclusive=False)
    assert looker.health.snapshot().inbox.waiting == 1
    assert looker.lock.is_held()
    looker.close()
    assert journal.lock.is_held()
    journal.close()
    assert not journal.lock.is_held()


def test_asking_whether_it_is_held_does_not_take_it(path: Path) -> None:
    lock = ProcessLock(path)
    assert not lock.is_held()
    assert not lock.path.exists()
    lock.acquire()
    assert lock.is_held()
    lock.release()
    lock.release()
    assert not lock.is_held()
    assert lock.path.exists()


@pytest.mark.usefixtures("impatient")
def test_a_store_that_cannot_be_opened_gives_the_lock_back(path: Path) -> None:
    path.write_bytes(b"no database at all, though as long as the head of one would be " * 20)
    for _ in range(2):
        with pytest.raises(StoreError, match="not a maxbridge database"):
            Store(path)
    assert not ProcessLock(path).is_held()


@pytest.mark.usefixtures("impatient")
def test_the_lock_is_the_databases_own(tmp_path: Path) -> None:
    # Two bots, two databases in one directory.
    one, two = Store(tmp_path / "one.db"), Store(tmp_path / "two.db")
    one.close()
    two.close()


# --- traps in a folder of everybody's ------------------------------------------------------------------


def test_a_lock_that_is_a_link_is_not_followed(path: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("words")
    lock = ProcessLock(path)
    lock.path.symlink_to(precious)
    with pytest.raises(StoreError, match="is a link to another place") as refused:
        lock.acquire()
    assert refused.value.exit_code == ExitCode.CANT_CREATE
    assert precious.read_text() == "words"


@pytest.mark.parametrize("kind", ["file", "link"])
def test_a_database_that_a_stranger_put_there_is_not_filled(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    target = tmp_path / "elsewhere"
    if kind == "file":
        path.touch(0o666)
    else:
        path.symlink_to(target)
    monkeypatch.setattr(access, "_trusted_owners", lambda _: {os.geteuid() + 1})
    with pytest.raises(StoreError, match="belongs to another user") as refused:
        Database(path)
    assert refused.value.exit_code == ExitCode.NO_PERMISSION
    assert not target.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_what_root_makes_in_the_services_folder_is_the_services(path: Path) -> None:
    """After `maxbridge relink` by root the service must be able to open its database."""
    os.chown(path.parent, 64001, 64002)
    Store(path).close()
    made = {each.name: each.stat() for each in path.parent.iterdir()}
    assert {path.name, f"{path.name}.lock"} <= set(made)
    assert {(each.st_uid, each.st_gid) for each in made.values()} == {(64001, 64002)}
    assert {each.st_mode & 0o777 for each in made.values()} == {0o600}


def test_the_folders_owner_may_own_the_database(path: Path) -> None:
    assert access._trusted_owners(path) == {os.geteuid(), 0, path.parent.stat().st_uid}


def test_a_database_that_everybody_could_read_is_closed_to_them(path: Path) -> None:
    path.touch(0o666)
    path.chmod(0o666)
    Database(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_its_size_counts_what_is_still_in_the_log(path: Path) -> None:
    """A young database of a running bridge lies in its write-ahead log almost whole."""
    store = Database(path)
    with store.transaction():
        store.tables.meta.insert(key="k", value="x" * 100_000).execute()
    assert path.stat().st_size < 100_000 <= size_on_disk(path)
    store.close()
    assert size_on_disk(path) == path.stat().st_size


# --- What is not ours, what is just being made, and disks that nobody can write to ----------------


@pytest.mark.parametrize("tables", [("wp_posts",), ("schema_migration", "wp_posts")])
@pytest.mark.parametrize("journal", ["delete", "wal", "wal, killed"])
def test_another_programs_database_is_refused_and_stays_as_it_is(
    path: Path, journal: str, tables: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "LOCK_PATIENCE", 0.0)
    with closing(sqlite3.connect(path)) as theirs:
        theirs.execute(f"PRAGMA journal_mode = {journal.partition(',')[0]}")
        for table in tables:
            theirs.execute(f"CREATE TABLE {table} (name TEXT)")
        theirs.execute("INSERT INTO wp_posts VALUES ('theirs')")
        theirs.commit()
        if "killed" in journal:  # its log lies beside it, and nobody has it open
            kept = _contents(path.parent)
    if "killed" in journal:
        for name in ("", "-wal"):
            path.with_name(path.name + name).write_bytes(kept[path.name + name])
    before = _contents(path.parent)
    for look in (
        lambda: Store(path),
        lambda: Store(path, exclusive=False),
        lambda: Database(path),
        lambda: open_readonly(path).__enter__(),
    ):
        with pytest.raises(StoreError, match="not a maxbridge database: it has another") as caught:
            look()
        assert caught.value.exit_code is ExitCode.CONFIG
    assert _contents(path.parent) == before


def _contents(folder: Path) -> dict[str, bytes]:
    """Files but SQLite's index of a log, which every reader makes."""
    return {
        each.name: each.read_bytes() for each in folder.iterdir() if not each.name.endswith("-shm")
    }


def test_litestreams_tables_make_nobody_elses_database_of_ours(path: Path) -> None:
    Database(path).close()
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("CREATE TABLE _litestream_seq (id INTEGER PRIMARY KEY, seq INTEGER)")
    Database(path).close()


@pytest.mark.parametrize("made", ["nothing", "an empty file", "some migrations"])
def test_a_database_that_a_daemon_is_making_is_no_older_one(path: Path, made: str) -> None:
    if made == "some migrations":
        Database(path).close()
        with closing(sqlite3.connect(path)) as raw, raw:
            raw.execute("DELETE FROM schema_migration WHERE name > '0001_z'")
    elif made == "an empty file":
        path.touch()
    lock = ProcessLock(path)
    lock.acquire()
    try:
        for look in (lambda: Database(path, create=False), lambda: open_readonly(path).__enter__()):
            with pytest.raises(StartingError, match="The daemon is starting"):
                look()
    finally:
        lock.release()


@pytest.fixture
def read_only_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the kernel answers to root, too, about a file system that is mounted read-only."""
    may, there, opened = os.access, os.statvfs, os.open

    def refused(path: Any, flags: int, mode: int = 0o777, **more: Any) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
        return opened(path, flags, mode, **more)

    class Mount:
        f_flag = os.ST_RDONLY

    monkeypatch.setattr(os, "open", refused)
    monkeypatch.setattr(os, "statvfs", lambda path: there(path) and Mount)
    monkeypatch.setattr(
        os, "access", lambda path, mode, **more: not mode & os.W_OK and may(path, mode, **more)
    )


@pytest.mark.parametrize("made", [True, False])
def test_a_read_only_disk_is_named_and_no_permission(
    path: Path, made: bool, request: pytest.FixtureRequest
) -> None:
    if made:
        Database(path).close()
    request.getfixturevalue("read_only_disk")
    for look in (
        lambda: Store(path),
        lambda: Database(path, create=False),
        lambda: open_readonly(path).__enter__(),
    ):
        with pytest.raises(StoreError) as caught:
            look()
        assert f"{path} is on a read-only file system" in str(caught.value)
        assert "lock" not in str(caught.value)
        assert "sudo" not in str(caught.value)
        assert caught.value.exit_code is ExitCode.CANT_CREATE


def test_a_full_disk_is_named_where_no_database_could_be_made(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = shutil.disk_usage(path.parent)._replace(free=DISK_LEAST - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: room)
    for look in (lambda: Database(path, create=False), lambda: open_readonly(path).__enter__()):
        with pytest.raises(StoreError, match=f"The disk of {path} is full") as caught:
            look()
        assert not isinstance(caught.value, NoDatabaseError)


def test_a_full_disk_is_that_of_the_database_and_not_of_its_lock(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(StoreError, match=f"The disk of the database {path} is full"):
        Store(path)


def test_root_is_not_told_to_use_sudo(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 0)
    told = access.explain(path, PermissionError(errno.EPERM, os.strerror(errno.EPERM)))
    assert "not even for root" in told
    assert "sudo" not in told
