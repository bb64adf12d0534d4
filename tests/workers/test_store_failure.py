"""Failures of our own database get a name, from what SQLite really says."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from peewee import OperationalError

from maxbridge.advice import ADVICE
from maxbridge.core.errors import Kind, Scope
from maxbridge.engine.gate import store_failure
from maxbridge.store.db import SQLITE_ERRORS, Database
from store_world import set_pragma


def fill(database: Database) -> None:
    set_pragma(database, "max_page_count", 1)


def forbid(database: Database) -> None:
    set_pragma(database, "query_only", 1)


def lock(database: Database) -> Callable[[], None]:
    set_pragma(database, "busy_timeout", 1)
    other = sqlite3.connect(database.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    return other.close


def damage(database: Database) -> None:
    database.pragma("wal_checkpoint(TRUNCATE)")
    whole = database.path.read_bytes()
    database.path.write_bytes(whole[:100] + bytes(len(whole) - 100))
    set_pragma(database, "cache_size", 0)


@pytest.mark.parametrize(
    ("hinder", "code"),
    [
        (fill, "store.full"),
        (forbid, "store.read_only"),
        (lock, "store.locked"),
        (damage, "store.damaged"),
    ],
)
def test_what_sqlite_says_has_a_name_and_a_remedy(
    tmp_path: Path, hinder: Callable[[Database], Callable[[], None] | None], code: str
) -> None:
    with closing(Database(tmp_path / "store.db")) as database, ExitStack() as afterwards:
        undo = hinder(database)
        if undo is not None:
            afterwards.callback(undo)
        with pytest.raises(SQLITE_ERRORS) as caught, database.transaction():
            database.tables.meta.insert(key="k", value="v" * 100_000).execute()
        failure = store_failure(caught.value)
        assert failure.code == code
        # Nothing but time or a person mends it, and it is never this message's fault.
        assert (failure.kind, failure.scope) == (Kind.TRANSIENT, Scope.END)
        assert ADVICE[code]


@pytest.mark.parametrize(
    ("words", "code"),
    [("disk I/O error", "store.disk"), ("unable to open database file", "store.error")],
)
def test_other_words_of_sqlite(words: str, code: str) -> None:
    assert store_failure(OperationalError(words)).code == code
