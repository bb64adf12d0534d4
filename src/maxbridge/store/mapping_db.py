"""Reads the webhook bridge's mapping.db without changing or locking it, whatever it contains."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from maxbridge.as_owner import as_owner
from maxbridge.core.errors import ExitCode, UserError
from maxbridge.core.old_rows import OldBridge, understand
from maxbridge.saying import say
from maxbridge.there import is_file

_MAPPING, _SYNC = "max_freescout_mapping", "message_sync"
_BUSY_MS = 5000


def read_mapping_db(path: Path) -> OldBridge:
    """Read everything of the old bridge's database.

    It may be in use, also with a write-ahead log beside it: what is committed there is read as well.

    Args:
        path: The file.

    Raises:
        UserError: It is not there, not readable, or no such database.
    """
    try:
        with as_owner(path.parent):
            return _read_either(path)
    except PermissionError as error:
        raise UserError(
            say("No permission to read {path}.", path=path), ExitCode.NO_PERMISSION
        ) from error


def _read_either(path: Path) -> OldBridge:
    """Read the database of a running bridge, or of one that no longer runs."""
    try:
        if not is_file(path):
            raise UserError(
                say(
                    "There is no file {path}. Name the webhook bridge's database, usually mapping.db in its folder or its data volume.",
                    path=path,
                )
            )
        return _read(path, "mode=ro")
    except sqlite3.OperationalError as error:
        # A log beside it needs a file of SQLite's own there, which a folder that is not ours refuses.
        if "unable to open" not in str(error) or _has_log(path):
            raise UserError(_explain(path, error)) from error
        return _read_still(path)
    except sqlite3.DatabaseError as error:
        raise UserError(_explain(path, error)) from error


def _read_still(path: Path) -> OldBridge:
    """Read a file that nobody writes, in a read-only folder."""
    try:
        return _read(path, "immutable=1")
    except sqlite3.DatabaseError as error:
        raise UserError(_explain(path, error)) from error


def _read(path: Path, how: str) -> OldBridge:
    with path.open("rb"):  # a folder that may be read with a file that may not
        pass
    database = sqlite3.connect(f"file:{quote(str(path.resolve()))}?{how}", uri=True)
    try:
        database.row_factory = sqlite3.Row
        database.text_factory = lambda data: data.decode("utf-8", errors="replace")
        database.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
        database.execute("PRAGMA query_only = 1")
        database.execute("BEGIN")  # both tables as they were at one moment
        tables = {
            row[0]
            for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        }
        if _MAPPING not in tables:
            raise UserError(
                say(
                    "{path} has no table {table}: it is not the webhook bridge's database, or empty. It has: {tables}.",
                    path=path,
                    table=_MAPPING,
                    tables=", ".join(sorted(tables)) or say("no tables"),
                )
            )
        bridge = understand(
            _rows(database, _MAPPING), _rows(database, _SYNC) if _SYNC in tables else ()
        )
    finally:
        database.close()
    if _SYNC in tables:
        return bridge
    missing = {say("no table {table}: of single messages nothing is known", table=_SYNC): 1}
    return OldBridge(bridge.pairs, bridge.syncs, {**missing, **bridge.problems})


def _rows(database: sqlite3.Connection, table: str) -> Iterator[dict[str, Any]]:
    """Return rows as dictionaries, with any columns, whose names may be in any letter case."""
    cursor = database.execute(f'SELECT * FROM "{table}"')
    names = [str(each[0]).casefold() for each in cursor.description]
    for row in cursor:
        yield dict(zip(names, tuple(row), strict=True))


def _has_log(path: Path) -> bool:
    log = path.with_name(path.name + "-wal")
    return log.exists() and log.stat().st_size > 0


def _explain(path: Path, error: Exception) -> str:
    if "locked" in str(error) or "busy" in str(error):
        return say("{path} is locked: stop the webhook bridge, then try again.", path=path)
    if "unable to open" in str(error):
        return say(
            "{path} cannot be read where it is, because changes that are not yet in it lie beside it ({name}-wal). Stop the webhook bridge, copy both files to a folder of your own, and name the copy.",
            path=path,
            name=path.name,
        )
    return say(
        "{path} is damaged or no SQLite database ({error}). Take a copy or backup of it.",
        path=path,
        error=error,
    )
