"""An open reader lets the write-ahead log grow; when it ends, the log is small again (case D9)."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge import Bridge, running
from logged import Lines, logging_to
from maxbridge.engine import housekeeper
from maxbridge.engine.housekeeper import BOUND, LogFolding
from maxbridge.store.db import LOG_KEPT, fold_log, log_size
from virtual_time import virtual

MIB = 1 << 20


@pytest.fixture
def lines() -> Iterator[Lines]:
    yield from logging_to()


@contextlib.contextmanager
def reader(path: Path) -> Iterator[None]:
    """Somebody who looks at the database and does not stop."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN")
        other.execute("SELECT COUNT(*) FROM meta").fetchall()
        yield
        other.execute("ROLLBACK")


def write(bridge: Bridge, mebibytes: int) -> None:
    """Change so much that the log grows by it."""
    assert bridge.journal is not None
    db = bridge.journal.db
    for _ in range(mebibytes):
        with db.transaction():
            db.rows("INSERT OR REPLACE INTO meta (key, value) VALUES ('filler', ?)", ("x" * MIB,))


@virtual
async def test_the_log_is_small_again_when_the_reader_has_gone(
    tmp_path: Path, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeeper, "LOUD", 20 * MIB)
    async with running(tmp_path) as bridge:
        path = bridge.settings.store.path
        with reader(path):
            write(bridge, 32)
            await asyncio.sleep(60.0)
            assert log_size(path) > 32 * MIB
            (told,) = lines.of(
                "a program that reads the database keeps its write-ahead log from being folded in: it grows"
            )
            assert told["bytes"] > 32 * MIB
            # Nobody else notices.
            bridge.say("привет")
            await bridge.until(bridge.tickets, 5.0)
        await asyncio.sleep(15.0)
        assert log_size(path) <= BOUND
        assert len(lines.of("write-ahead log folded")) == 1


@virtual
async def test_without_a_reader_it_never_grows(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        for _ in range(20):
            write(bridge, 3)
            assert log_size(bridge.settings.store.path) <= BOUND
            await asyncio.sleep(1.0)


@virtual
async def test_even_without_the_housekeeper_sqlite_cuts_it(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        path = bridge.settings.store.path
        with reader(path):
            write(bridge, 32)
        write(bridge, 12)
        assert log_size(path) <= LOG_KEPT + 2 * MIB


@virtual
async def test_a_writer_in_the_way_is_not_waited_for(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        path = bridge.settings.store.path
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            assert not fold_log(path)
            other.execute("ROLLBACK")
        assert fold_log(path)
        assert log_size(path) == 0


async def test_a_database_that_cannot_be_folded_is_somebody_elses_to_tell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "m.db"
    path.write_bytes(b"no database at all, of some length")
    path.with_name("m.db-wal").write_bytes(bytes(BOUND + 1))

    def broken(_path: Path) -> bool:
        raise sqlite3.DatabaseError("file is not a database")

    monkeypatch.setattr(housekeeper, "fold_log", broken)
    await LogFolding(path).step()
