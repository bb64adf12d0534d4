"""Applied migrations, permissions to open, reading without Peewee, and the copy made before new migrations."""

from __future__ import annotations

import contextlib
import glob
import os
import sqlite3
from collections.abc import Callable, Collection, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from maxbridge.core.errors import ExitCode, OldSchemaError, StoreError
from maxbridge.paths import as_owner, sync
from maxbridge.saying import say
from maxbridge.store.access import ProcessLock, explain, lacks_room, no_room, require, starting

MIGRATIONS = Path(__file__).with_name("migrations")
Rows = Callable[[str, tuple[Any, ...]], list[tuple[Any, ...]]]
"""Runs a SELECT with its values, on any connection."""
_HISTORY = "schema_migration"
_OTHERS = ("sqlite_", "_litestream_")
"""Tables of SQLite's own and of Litestream's, which stand in databases of everybody's."""
_HEADER = 20
"""Bytes of the beginning of a file that tell how it is journaled (sqlite.org/fileformat.html, 1.3)."""
_SHOWN = 3


def applied(rows: Rows) -> set[str]:
    """Return the names of the migrations that a database has had; none for an empty file."""
    there = f"SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = '{_HISTORY}'"
    if not rows(there, ()):
        return set()
    return {name for (name,) in rows("SELECT name FROM schema_migration", ())}


def require_ours(path: Path, rows: Rows) -> None:
    """Check that a database has no other program's tables.

    Raises:
        StoreError: It has. An empty database may become ours.
    """
    names = {
        name
        for (name,) in rows("SELECT name FROM sqlite_master WHERE type = 'table'", ())
        if not name.startswith(_OTHERS)
    }
    if not names or names == {_HISTORY}:
        return
    first = min(each.stem for each in MIGRATIONS.glob("[0-9]*.py"))
    if _HISTORY in names and rows(f"SELECT 1 FROM {_HISTORY} WHERE name = ?", (first,)):
        return
    listed = sorted(names)
    more = ", …" if len(listed) > _SHOWN else ""
    raise StoreError(
        say(
            "{path} is not a maxbridge database: it has another program's tables ({tables}). Nothing was written. Set [store] path to a file of maxbridge's own.",
            path=path,
            tables=", ".join(listed[:_SHOWN]) + more,
        ),
        ExitCode.CONFIG,
    )


def refuse_foreign(path: Path) -> None:
    """Check, before anything is written to a file or beside it, that it is not another program's database.

    Raises:
        StoreError: It is. If it cannot be read now, the regular opening reports why.
    """
    with contextlib.suppress(OSError, sqlite3.Error), as_owner(path.parent):
        address = _only_to_look(path)
        if address is None:
            return
        with contextlib.closing(sqlite3.connect(address, uri=True, timeout=0.0)) as looking:
            require_ours(path, lambda sql, values: looking.execute(sql, values).fetchall())


def _only_to_look(path: Path) -> str | None:
    """Return SQLite's URI for opening a file without any change to it or beside it; None for an empty one."""
    with path.open("rb") as file:
        header = file.read(_HEADER)
    if len(header) < _HEADER:
        return None
    log = path.with_name(f"{path.name}-wal")
    # Nobody has it open, and SQLite would make a log only to look.
    alone = header[-1] == 2 and not (log.exists() and log.stat().st_size)
    return f"{path.absolute().as_uri()}?mode=ro" + ("&immutable=1" if alone else "")


def is_current(path: Path, had: Collection[str]) -> bool:
    """Whether a database has had all migrations of this program.

    Args:
        path: The file.
        had: What it has had.

    Raises:
        StoreError: It has had others, of a newer program.
    """
    known = {each.stem for each in MIGRATIONS.glob("[0-9]*.py")}
    if newer := set(had) - known:
        raise StoreError(_too_new(path, max(newer)), ExitCode.CONFIG)
    return known == set(had)


def too_old(path: Path, had: Collection[str]) -> StoreError:
    """Return the error for a database that only the daemon may create or migrate.

    Args:
        path: The file.
        had: The migrations that it has had.
    """
    if ProcessLock(path).is_held():
        return starting(path)
    if lacks_room(path):
        return no_room(path, say("brought up to date") if had else say("made"))
    if not had:
        return OldSchemaError(
            say(
                "The database {path} is empty: the daemon was ended before it had made it, or this is a copy without its file {name}-wal. Start the daemon again; of a copy, take one by maxbridge backup instead.",
                path=path,
                name=path.name,
            )
        )
    return OldSchemaError(
        say(
            "The database {path} is of an older maxbridge. Start the daemon once: it brings the database up to date.",
            path=path,
        )
    )


def _too_new(path: Path, schema: str) -> str:
    kept = [each for each in copies(path) if (MIGRATIONS / f"{_schema_of(path, each)}.py").exists()]
    way_back = (
        say(
            "go back to its copy from before the upgrade: maxbridge restore {kept}. What was delivered since then is looked up, not delivered again.",
            kept=kept[-1],
        )
        if kept
        else say("restore a backup made before the upgrade.")
    )
    return say(
        "The database {path} was used by a newer maxbridge (schema {schema}). Install that version again, or {way_back}",
        path=path,
        schema=schema,
        way_back=way_back,
    )


def _schema_of(path: Path, copy: Path) -> str:
    return copy.name.removeprefix(f"{path.name}.")


# --- The copy that is made before a newer program changes the schema -------------------------------


_PARTIAL = ".partial"


def copy_path(database: Path, schema: str) -> Path:
    """Return the path of the copy with a schema's name, beside the database."""
    return database.with_name(f"{database.name}.{schema}")


def copies(database: Path) -> list[Path]:
    """Return the existing copies, the oldest schema first."""
    return sorted(
        each
        for each in database.parent.glob(f"{glob.escape(database.name)}.[0-9][0-9][0-9][0-9]_*")
        if each.suffix != _PARTIAL
    )


def keep_copy(database: Path, schema: str) -> None:
    """Copy the database atomically; a copy of the same schema is replaced.

    Raises:
        sqlite3.Error: It cannot be read or written; most likely the disk is full.
        OSError: The file cannot be made.
    """
    path = copy_path(database, schema)
    partial = path.with_name(path.name + _PARTIAL)
    try:
        partial.unlink(missing_ok=True)
        os.close(os.open(partial, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        with (
            contextlib.closing(sqlite3.connect(database)) as source,
            contextlib.closing(sqlite3.connect(partial)) as target,
        ):
            source.backup(target)
            # One file that can be moved about, not three.
            target.execute("PRAGMA journal_mode=DELETE")
        sync(partial)
        partial.replace(path)
        sync(path.parent)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def forget_copies(database: Path, before: float) -> int:
    """Delete copies made before that moment: they hold what people wrote.

    Returns:
        How many were deleted. One that cannot be deleted is tried again at the next tidying.
    """
    deleted = 0
    for each in copies(database):
        with contextlib.suppress(OSError):
            if each.stat().st_mtime < before:
                each.unlink()
                deleted += 1
    return deleted


# --- A look for commands that monitoring runs every minute: without Peewee


_PATIENCE = 5.0
"""Seconds to wait for who closes the database or makes it anew."""


@contextmanager
def open_readonly(path: Path) -> Iterator[Rows]:
    """Open a database read-only, as it is at one moment.

    Args:
        path: The file.

    Raises:
        StoreError: There is none, it is damaged, not readable for us, or of another version.
        sqlite3.Error: It can be opened, but the data cannot be read.
    """
    with as_owner(path.parent):
        connection, rows = _open(path)
    with closing(connection):
        yield rows


def _open(path: Path) -> tuple[sqlite3.Connection, Rows]:
    """Return the connection, with all files of the database open, and a function that runs statements."""
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
