"""store.schema.open_readonly and store.snapshot: the same figures as through Peewee, of one moment, and never a change."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from maxbridge.core.delivery import Outcome
from maxbridge.core.errors import ExitCode, OldSchemaError, StoreError
from maxbridge.core.parts import Part
from maxbridge.store.schema import applied, open_readonly
from maxbridge.store.snapshot import depth, snapshot
from maxbridge.store.store import Store
from old_schemas import FIRST, old_database
from store_world import CHAT, NOW, open_store, receive, update


def lived(folder: Path) -> Store:
    """A store with something of everything that is counted."""
    journal = open_store(folder)
    receive(journal, *map(update, ("mid.1", "mid.2", "mid.3", "mid.4")))
    with journal.db.transaction():
        journal.outbox.add("thread:7:0", CHAT, [Part("слова агента")], now=NOW)
    held, delivered, unreadable, _ = journal.inbox.waiting(None)
    journal.inbox.decide(held.id, Outcome.BUG, error="desk.refused", now=NOW)
    with journal.db.transaction():
        item = journal.inbox.head(CHAT)
        assert item is not None
        assert item.id == delivered.id
        journal.inbox.done(item, None, NOW)
    journal.db.rows("UPDATE inbox SET state = 'parked', pending = 0 WHERE id = ?", (unreadable.id,))
    return journal


def test_it_says_what_the_daemon_says(tmp_path: Path) -> None:
    journal = lived(tmp_path)
    with open_readonly(journal.db.path) as rows:
        found = snapshot(rows, NOW)
    assert found == journal.health.snapshot(NOW)
    assert (found.inbox.waiting, found.inbox.held, found.inbox.parked) == (1, 1, 1)
    assert [each.name for each in found.held] == ["in-1"]
    assert found.outbox.waiting == 1
    journal.close()


def test_the_oldest_is_found_though_the_clock_was_set(tmp_path: Path) -> None:
    journal = open_store(tmp_path)
    for number, at in enumerate((NOW, NOW - 50.0, NOW + 20.0)):
        journal.outbox.add(f"thread:{number}:0", CHAT, [Part("да")], now=at)
    assert journal.outbox.depth().oldest_at == NOW - 50.0
    journal.close()


def test_it_is_one_moment_whatever_the_daemon_does_meanwhile(tmp_path: Path) -> None:
    journal = lived(tmp_path)
    with open_readonly(journal.db.path) as rows:
        before = depth(rows, "inbox")
        receive(journal, update("mid.9"))
        assert depth(rows, "inbox") == before
    with open_readonly(journal.db.path) as rows:
        assert depth(rows, "inbox").waiting == before.waiting + 1
    journal.close()


def test_nothing_can_be_written(tmp_path: Path) -> None:
    journal = lived(tmp_path)
    with (
        open_readonly(journal.db.path) as rows,
        pytest.raises(sqlite3.OperationalError, match="readonly"),
    ):
        rows("DELETE FROM inbox", ())
    journal.close()


def test_a_path_is_a_path_and_no_address(tmp_path: Path) -> None:
    folder = tmp_path / "a ?mode=memory#1%20 ж"
    folder.mkdir()
    journal = lived(folder)
    with open_readonly(journal.db.path) as rows:
        assert depth(rows, "inbox") == journal.inbox.depth()
    journal.close()


def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    path = tmp_path / "none.db"
    with pytest.raises(StoreError, match="There is no database"), open_readonly(path):
        pass
    assert not path.exists()


@pytest.mark.parametrize("content", [b"", b"no database at all, but text of some length" * 40])
def test_a_file_that_is_no_database_of_ours_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "m.db"
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"damaged or not|is empty"), open_readonly(path):
        pass


def test_an_old_database_is_left_to_the_daemon(tmp_path: Path) -> None:
    path = old_database(tmp_path, FIRST)
    with pytest.raises(OldSchemaError), open_readonly(path):
        pass
    with closing(sqlite3.connect(path)) as raw, raw:
        assert applied(lambda sql, values: raw.execute(sql, values).fetchall()) == {FIRST}
    raw.close()


def test_a_newer_database_is_refused(tmp_path: Path) -> None:
    journal = open_store(tmp_path)
    journal.db.rows("INSERT INTO schema_migration (name, applied) VALUES ('9999_x', '')", ())
    with (
        pytest.raises(StoreError, match="schema 9999_x") as refused,
        open_readonly(journal.db.path),
    ):
        pass
    assert refused.value.exit_code is ExitCode.CONFIG
    journal.close()


def test_a_table_that_is_gone_is_an_error_of_sqlite(tmp_path: Path) -> None:
    """Whoever asked says it: the file could be opened."""
    journal = open_store(tmp_path)
    journal.db.rows("DROP TABLE health", ())
    with pytest.raises(sqlite3.Error), open_readonly(journal.db.path) as rows:
        snapshot(rows, NOW)
    journal.close()
