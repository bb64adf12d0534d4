"""A look into the store beside the running daemon, for commands that monitoring runs every minute.

Neither Peewee nor the tables' models are loaded: that would take longer than all the rest.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from maxbridge.as_owner import as_owner
from maxbridge.core.errors import StoreError
from maxbridge.store.access import explain, require
from maxbridge.store.schema import Rows, applied, is_current, refuse_foreign, require_ours, too_old

_PATIENCE = 5.0
"""Seconds to wait for who closes the database or makes it anew."""


@contextmanager
def open_readonly(path: Path) -> Iterator[Rows]:
    """A database as it is at one moment; nothing can be written.

    Args:
        path: The file.

    Raises:
        StoreError: There is none, it is damaged, not ours to read, or of another version.
        sqlite3.Error: It can be opened, but what is asked cannot be read.
    """
    with as_owner(path.parent):
        connection, rows = _open(path)
    with closing(connection):
        yield rows


def _open(path: Path) -> tuple[sqlite3.Connection, Rows]:
    """The connection, with all files of the database open, and what runs statements on it."""
    require(path)
    refuse_foreign(path)
    try:
        connection = _connect(path)
    except sqlite3.Error as error:
        raise StoreError(explain(path, error)) from error

    def rows(sql: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        return connection.execute(sql, values).fetchall()

    try:
        connection.execute("BEGIN")
        require_ours(path, rows)
        had = applied(rows)
        if not is_current(path, had):
            raise too_old(path, had)
    except sqlite3.Error as error:
        connection.close()
        raise StoreError(explain(path, error)) from error
    except StoreError:
        connection.close()
        raise
    return connection, rows


def _connect(path: Path) -> sqlite3.Connection:
    # Not mode=ro: who only reads a write-ahead log must still be able to write its index.
    address = f"{path.absolute().as_uri()}?mode=rw"
    connection = sqlite3.connect(address, uri=True, timeout=_PATIENCE, isolation_level=None)
    connection.execute("PRAGMA query_only = 1")
    return connection
