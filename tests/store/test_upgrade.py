"""Databases of older programs: everything in them survives, also a kill in the middle of the upgrade."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from peewee import SqliteDatabase
from playhouse.migrate import SqliteMigrator
from playhouse.migrations import Runner

from maxbridge.core.errors import StoreError
from maxbridge.store.db import _PRAGMAS, LOG_KEPT, PAGE, Database
from maxbridge.store.restore import commit, replacing
from maxbridge.store.schema import MIGRATIONS, copies, copy_path
from maxbridge.store.store import Store
from maxbridge.store.tidying import Retention
from old_schemas import DUMPS, FIRST, SCHEMAS, bring_to, old_database
from store_world import NEWEST_SCHEMA

Content = dict[str, list[dict[str, Any]]]


def content(path: Path) -> Content:
    """Every row of every table, by the names of its columns."""
    with contextlib.closing(sqlite3.connect(path)) as raw, raw:
        raw.row_factory = sqlite3.Row
        tables = [
            row["name"]
            for row in raw.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        return {
            name: [dict(row) for row in raw.execute(f'SELECT * FROM "{name}"')]  # noqa: S608
            for name in tables
            if name != "schema_migration" and not name.startswith("sqlite_")
        }


def shape(path: Path) -> set[tuple[str, str]]:
    """Tables with their columns, and indexes: what a program relies on, in no order."""
    with contextlib.closing(sqlite3.connect(path)) as raw, raw:
        found = {
            (f"{table} {kind}", f"{name} {declared} {mandatory} {key}")
            for table, kind in raw.execute("SELECT name, type FROM sqlite_master")
            for _, name, declared, mandatory, _, key in raw.execute(f'PRAGMA table_info("{table}")')
        }
        others = raw.execute(
            "SELECT tbl_name, name FROM sqlite_master WHERE type IN ('index', 'trigger')"
        )
        return found | set(others)


def same(before: Content, after: Content) -> None:
    """Everything that was there is there, with the same values; columns may have been added."""
    assert set(before) <= set(after)
    for table, rows in before.items():
        kept = [{name: row[name] for name in rows[0]} if rows else row for row in after[table]]
        assert kept == rows, table


def die(*_: object, **__: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def killed_in_a_child(work: Callable[[], object]) -> bool:
    """Do it in a process of its own; was it killed?"""
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def test_there_is_a_database_of_every_schema_that_programs_left_behind() -> None:
    never_left_behind = {
        "0002_files",
        "0003_tickets",
        "0005_restored",
        "0006_waiting",
        "0009_turns",
        "0010_forgotten",
        "0011_given",
        "0012_floods",
        "0013_privacy",
        "0014_extents",
        "0016_restored_messages",
    }
    kept = {each.stem for each in DUMPS}
    assert set(SCHEMAS[:-1]) - never_left_behind <= kept <= set(SCHEMAS)
    assert SCHEMAS[-1] == NEWEST_SCHEMA


@pytest.mark.parametrize("schema", SCHEMAS)
def test_everything_in_an_older_database_survives(tmp_path: Path, schema: str) -> None:
    path = old_database(tmp_path, schema)
    before = content(path)
    assert all(before[table] for table in ("dialog", "ticket", "inbox", "outbox", "part", "seen"))
    database = Database(path)
    assert database.schema() == NEWEST_SCHEMA
    assert database.pragma("foreign_key_check") is None
    assert database.pragma("integrity_check") == "ok"
    database.close()
    same(before, content(path))


@pytest.mark.parametrize("schema", SCHEMAS)
def test_an_upgraded_database_is_built_like_a_new_one(tmp_path: Path, schema: str) -> None:
    path = old_database(tmp_path, schema)
    Database(path).close()
    Database(tmp_path / "new.db").close()
    assert shape(path) == shape(tmp_path / "new.db")


def test_what_the_first_schema_could_not_say_gets_its_meaning(tmp_path: Path) -> None:
    path = old_database(tmp_path, FIRST)
    Database(path).close()
    after = content(path)
    assert {part["html"] for part in after["part"]} == {0}
    assert {part["action"] for part in after["part"]} == {"send"}
    assert {ticket["deleted"] for ticket in after["ticket"]} == {0}
    assert {item["covered"] for item in after["inbox"]} == {0}


def migrations_steps() -> int:
    """How many columns the migrations add."""
    return sum(each.read_text().count("migrator.add_column") for each in MIGRATIONS.glob("0*.py"))


@pytest.mark.parametrize("step", range(migrations_steps()))
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_kill_within_a_migration_leaves_the_schema_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int, moment: str
) -> None:
    path = old_database(tmp_path, FIRST)
    before = content(path)
    add_column = SqliteMigrator.add_column
    made: list[object] = []

    def one(self: SqliteMigrator, *arguments: Any) -> Any:
        operation = add_column(self, *arguments)
        run = operation.run

        def run_and_die() -> None:
            if moment == "after":
                run()
            die()

        if len(made) == step:
            operation.run = run_and_die
        made.append(operation)
        return operation

    with monkeypatch.context() as patch:
        patch.setattr(SqliteMigrator, "add_column", one)
        assert killed_in_a_child(lambda: Database(path))
    half = content(path)
    same(before, half)
    database = Database(path)
    assert database.schema() == NEWEST_SCHEMA
    assert database.pragma("integrity_check") == "ok"
    database.close()
    same(before, content(path))
    Database(tmp_path / "new.db").close()
    assert shape(path) == shape(tmp_path / "new.db")


@pytest.mark.parametrize("schema", SCHEMAS[:-1])
def test_a_kill_between_two_migrations_is_gone_on_from(tmp_path: Path, schema: str) -> None:
    path = old_database(tmp_path, FIRST)
    before = content(path)

    def work() -> None:
        bring_to(path, schema)
        die()

    assert killed_in_a_child(work)
    with contextlib.closing(sqlite3.connect(path)) as raw, raw:
        names = [row[0] for row in raw.execute("SELECT name FROM schema_migration ORDER BY name")]
    assert names[-1] == schema
    Database(path).close()
    same(before, content(path))


def test_a_schema_that_is_there_is_not_made_again(tmp_path: Path) -> None:
    path = old_database(tmp_path, NEWEST_SCHEMA)
    database = SqliteDatabase(str(path))
    assert Runner(database, str(MIGRATIONS)).up() == []
    database.close()


# --- the copy from before ----------------------------------------------------------------------------


@pytest.mark.parametrize("schema", SCHEMAS[:-1])
def test_before_an_upgrade_the_database_is_copied(tmp_path: Path, schema: str) -> None:
    path = old_database(tmp_path, schema)
    before = content(path)
    Database(path).close()
    (copy,) = copies(path)
    assert copy == copy_path(path, schema)
    assert content(copy) == before
    assert copy.stat().st_mode & 0o777 == 0o600
    # It is what the older program can go on with, by itself.
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith(copy.name)] == [
        copy.name
    ]


def test_a_new_or_up_to_date_database_is_not_copied(tmp_path: Path) -> None:
    for _ in range(2):
        Database(tmp_path / "new.db").close()
    assert copies(tmp_path / "new.db") == []


def test_what_is_in_the_write_ahead_log_is_in_the_copy(tmp_path: Path) -> None:
    path = old_database(tmp_path, FIRST)
    with contextlib.closing(sqlite3.connect(path)) as other, other:
        other.execute("UPDATE dialog SET customer_id = 77 WHERE chat_id = 512340001")
        other.commit()
        assert path.with_name(path.name + "-wal").stat().st_size > 0
        Database(path).close()
    assert content(copies(path)[0])["dialog"][0]["customer_id"] == 77


def test_without_room_for_the_copy_nothing_is_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = old_database(tmp_path, FIRST)
    before = content(path)

    class Full:
        """A connection to a disk that fills up."""

        def __init__(self, *_: object) -> None:
            self.real = sqlite3.Connection(str(path))

        def backup(self, _: object) -> None:
            raise sqlite3.OperationalError("database or disk is full")

        def close(self) -> None:
            self.real.close()

    real = sqlite3.connect

    def connect(name: str, **how: Any) -> Any:
        return real(name, **how) if how else Full()  # what only looks is no copy

    fake = SimpleNamespace(connect=connect, Error=sqlite3.Error)
    monkeypatch.setattr("maxbridge.store.schema.sqlite3", fake)
    with pytest.raises(StoreError, match=r"disk is full.*Nothing was changed\. Make as much room"):
        Database(path)
    monkeypatch.undo()
    assert content(path) == before
    assert sorted(each.name for each in tmp_path.iterdir() if "partial" in each.name) == []
    Database(path).close()
    assert len(copies(path)) == 1


def test_a_kill_while_the_copy_is_made_leaves_half_a_copy_under_no_name_of_a_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = old_database(tmp_path, FIRST)
    before = content(path)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", die)
        assert killed_in_a_child(lambda: Database(path))
    assert copies(path) == []
    Database(path).close()
    assert content(copies(path)[0]) == before
    assert [each for each in tmp_path.iterdir() if "partial" in each.name] == []


def test_the_refusal_of_a_newer_database_names_the_copy(tmp_path: Path) -> None:
    path = old_database(tmp_path, FIRST)
    Database(path).close()
    with contextlib.closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("INSERT INTO schema_migration (name, applied) VALUES ('9999_later', 'now')")
    with pytest.raises(StoreError, match=r"newer maxbridge.*maxbridge restore") as caught:
        Database(path)
    assert f"maxbridge restore {copies(path)[0]}." in str(caught.value)
    # A copy that this program cannot read either is no way back.
    copies(path)[0].rename(copy_path(path, "9998_later"))
    with pytest.raises(StoreError, match="restore a backup"):
        Database(path)


def test_the_copy_is_put_back_in_the_place_of_a_newer_database(tmp_path: Path) -> None:
    path = old_database(tmp_path, FIRST)
    Database(path).close()
    with contextlib.closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("INSERT INTO schema_migration (name, applied) VALUES ('9999_later', 'now')")
    with replacing(copies(path)[0], path) as ready:
        assert not ready.is_foreign
        kept = commit(ready, 1_800_000_000.0)
    assert kept is not None
    assert kept.exists()
    journal = Store(path)
    assert journal.restored.current() is not None  # so the ends are asked before anything is sent
    journal.close()


def test_the_copy_goes_when_the_texts_in_it_are_old(tmp_path: Path) -> None:
    path = old_database(tmp_path, FIRST)
    journal = Store(path)
    (copy,) = copies(path)
    made = copy.stat().st_mtime
    journal.tidying.run(made + 6 * 86400.0, Retention())
    assert copy.exists()
    for days in (6.9, 7.1):
        journal.tidying.run(made + days * 86400.0, Retention())
    assert not copy.exists()
    journal.close()


def test_what_a_lost_database_may_have_posted_waits_to_be_looked_up(tmp_path: Path) -> None:
    path = old_database(tmp_path, "0015_closed")
    with contextlib.closing(sqlite3.connect(path)) as raw, raw:
        waiting = "pending = 1 AND state IN ('queued', 'deferred')"
        changed = raw.execute(f"UPDATE inbox SET doubt = 'restored' WHERE {waiting}").rowcount  # noqa: S608
    assert changed
    Database(path).close()
    after = [row for row in content(path)["inbox"] if row["doubt"] == "restored"]
    assert [row["state"] for row in after] == ["sending"] * changed


# --- the size of pages ---------------------------------------------------------------------------------


def size_of_pages(path: Path) -> int:
    with contextlib.closing(sqlite3.connect(path)) as raw:
        (size,) = raw.execute("PRAGMA page_size").fetchone()
    return int(size)


def test_an_older_database_gets_small_pages_with_the_upgrade(tmp_path: Path) -> None:
    path = old_database(tmp_path, FIRST)
    assert size_of_pages(path) == 4096
    before = content(path)
    for _ in range(2):
        database = Database(path)
        assert database.pragma("page_size") == PAGE
        assert database.pragma("journal_mode") == "wal"
        assert database.pragma("wal_autocheckpoint") == LOG_KEPT // PAGE
        database.close()
    same(before, content(path))


def test_a_database_that_somebody_reads_keeps_its_pages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = old_database(tmp_path, FIRST)
    before = content(path)
    monkeypatch.setitem(_PRAGMAS, "busy_timeout", 10)
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN")
        other.execute("SELECT COUNT(*) FROM inbox").fetchone()
        database = Database(path)
        assert database.pragma("page_size") == 4096
        assert database.pragma("journal_mode") == "wal"
        assert database.pragma("wal_autocheckpoint") == LOG_KEPT // 4096
        assert database.schema() == NEWEST_SCHEMA
        database.close()
    same(before, content(path))


def test_a_kill_while_it_is_written_anew_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = old_database(tmp_path, FIRST)
    before = content(path)
    run = SqliteDatabase.execute_sql

    def dies(self: SqliteDatabase, sql: str, *arguments: Any) -> Any:
        if sql == "VACUUM":
            die()
        return run(self, sql, *arguments)  # type: ignore[no-untyped-call]

    with monkeypatch.context() as patch:
        patch.setattr(SqliteDatabase, "execute_sql", dies)
        assert killed_in_a_child(lambda: Database(path))
    database = Database(path)
    assert database.pragma("journal_mode") == "wal"
    assert database.pragma("integrity_check") == "ok"
    database.close()
    same(before, content(path))
