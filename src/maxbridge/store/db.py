"""An open database: pragmas, migrations, transactions, and the statements that every message runs.

Peewee writes the SQL of a query anew each time: 140 µs to find a row by its key that SQLite gives in 4,
and more than half of the CPU time of a message. So :func:`find`, :func:`change` and :func:`insert` write each
statement once; models still say what tables, columns and values are.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sized
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from peewee import BooleanField, DatabaseError, Field, InterfaceError, Model, SqliteDatabase

from maxbridge.core.errors import StoreError
from maxbridge.failpoints import failpoint
from maxbridge.paths import as_owner
from maxbridge.saying import say
from maxbridge.store.access import explain, identity, prepare_file, require
from maxbridge.store.models import Tables
from maxbridge.store.records import Ended
from maxbridge.store.schema import (
    MIGRATIONS,
    applied,
    is_current,
    keep_copy,
    refuse_foreign,
    require_ours,
    too_old,
)

SQLITE_ERRORS = (DatabaseError, InterfaceError, sqlite3.Error)
_V = TypeVar("_V")
Values = tuple[Any, ...] | dict[str, Any]
_CHUNK = 500
"""So many ids are asked for in one statement."""
_NORMAL = 1
"""SQLite's number for ``synchronous=NORMAL``: in WAL mode a commit is in order, but not waited for."""

LOG_KEPT = 4 << 20
"""Bytes of the write-ahead log that are kept for the next changes; SQLite folds it in when it has so much."""

PAGE = 1024
"""Bytes of a page. A commit writes each page that it changes whole: with SQLite's 4096 a message is four times as much."""

_PRAGMAS = {
    "page_size": PAGE,  # says something only before the first table is made
    "journal_mode": "wal",
    # MAX forgets what we acknowledged: a commit that a power cut undoes is a lost message.
    "synchronous": "full",
    "foreign_keys": 1,
    "busy_timeout": 5000,
    # An open reader lets the log grow. Without this it would keep that size for good.
    "journal_size_limit": LOG_KEPT,
    # What is deleted is overwritten, not only no longer found: people ask for their data to be erased.
    "secure_delete": 1,
}


def log_size(path: Path) -> int:
    """Return the bytes of a database's write-ahead log; 0 without one."""
    try:
        return path.with_name(f"{path.name}-wal").stat().st_size
    except OSError:
        return 0


def fold_log(path: Path) -> bool:
    """Checkpoint the write-ahead log and truncate it; to be called in a thread, outside a transaction.

    It uses a connection of its own and waits for nobody. Most of the log is copied while others
    write; only the rest makes them wait.

    Args:
        path: The database.

    Returns:
        False while somebody reads from the log, or writes.
    """
    with contextlib.closing(sqlite3.connect(path, timeout=0.0, isolation_level=None)) as own:
        own.execute("PRAGMA wal_checkpoint(PASSIVE)")
        ((busy, *_),) = own.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return not busy


class Database:
    """An open database with its tables, migrated to this program's schema.

    Attributes:
        tables: Models bound to this database.
        path: The file.
        watch: Called for every delivery that ended, once committed; must not raise.
    """

    def __init__(self, path: Path, *, create: bool = True) -> None:
        """Open the database.

        Args:
            path: The file; its directory is created with mode 0700.
            create: Create it if missing and migrate it if old; False for read-only commands.

        Raises:
            StoreError: It cannot be created or opened, is no database, or is newer than this
                program.
        """
        self.path = path
        with as_owner(path.parent):
            self._open(path, create=create)

    def _open(self, path: Path, *, create: bool) -> None:
        refuse_foreign(path)
        if create:
            prepare_file(path)
        else:
            require(path)
        self.watch: Callable[[Ended], None] | None = None
        self._ended: list[Ended] = []
        self._db = SqliteDatabase(str(path), pragmas=_PRAGMAS)
        self.tables = Tables(self._db)
        self._relaxed: int | None = None
        """The level of ``synchronous`` that is to be put back after a commit that need not wait."""
        try:
            self._db.connect()
            self._migrate(apply=create)
            # The log is folded in when it has as many bytes, whatever the size of a page.
            self._db.pragma("wal_autocheckpoint", LOG_KEPT // int(self._db.pragma("page_size")))
            self._identity = identity(path)
        except SQLITE_ERRORS as error:
            self._db.close()
            raise StoreError(explain(path, _first_of(error))) from error
        except StoreError:
            self._db.close()
            raise

    @contextlib.contextmanager
    def transaction(self, name: str = "", *, durable: bool = True) -> Iterator[None]:
        """Run the block in a transaction, committed to disk at its end; takes the write lock at once.

        Args:
            name: Name of its failpoints (:mod:`maxbridge.failpoints`); empty if no guarantee
                depends on this commit. Ignored inside another transaction, which commits.
            durable: Wait for the disk. False only where a power cut may undo the change without
                harm, because it would be noticed or made again. A later durable commit makes it
                durable as well (the log is ordered), and a killed process loses nothing in any
                case. Ignored inside another transaction.

        Raises:
            peewee.DatabaseError: It could not be written. If the disk is full SQLite rolls back by
                itself and Peewee's own rollback then fails: the first error is the informative one.
        """
        outermost = not self._db.in_transaction()
        named = bool(name) and outermost
        before, committed = len(self._ended), False
        try:
            if outermost:
                self._wait_for_disk(durable)
            with self._db.atomic("IMMEDIATE") if outermost else self._inner():
                yield
                if named:
                    failpoint(f"{name}.before_commit")
            committed = True
            if outermost:
                self._wait_for_disk(True)
        except SQLITE_ERRORS as error:
            raise _first_of(error) from None
        finally:
            if not committed:
                del self._ended[before:]
                if outermost:
                    # Where even that fails, the next transaction asks once more before it begins.
                    with contextlib.suppress(*SQLITE_ERRORS):
                        self._wait_for_disk(True)
        if outermost and self._ended:
            self._tell()
        if named:
            failpoint(f"{name}.after_commit")

    @contextlib.contextmanager
    def _inner(self) -> Iterator[None]:
        """Run a nested transaction.

        All savepoints have one name, which means the last one: Peewee would name each differently,
        and SQLite would parse each as a new statement.
        """
        self._run("SAVEPOINT inside", ())
        try:
            yield
        except BaseException:
            self._run("ROLLBACK TO inside", ())
            self._run("RELEASE inside", ())
            raise
        self._run("RELEASE inside", ())

    def ended(self, outcome: Ended) -> None:
        """Record that a delivery ends with the open transaction."""
        if self.watch is not None:
            self._ended.append(outcome)

    def _tell(self) -> None:
        ended, self._ended = self._ended, []
        for outcome in ended:
            if self.watch is not None:
                self.watch(outcome)

    def _wait_for_disk(self, wait: bool) -> None:
        """Set whether commits wait for the disk.

        Set before every transaction as well as after: even if the previous one failed, no guarantee
        must rest on a commit that does not wait.
        """
        if wait == (self._relaxed is None):
            return
        connection: sqlite3.Connection = self._db.connection()  # type: ignore[no-untyped-call]
        if wait:
            connection.execute(f"PRAGMA synchronous = {self._relaxed}")
            self._relaxed = None
            return
        (level,) = connection.execute("PRAGMA synchronous").fetchone()
        if level > _NORMAL:
            connection.execute(f"PRAGMA synchronous = {_NORMAL}")
            self._relaxed = level

    def is_settled(self) -> bool:
        """Whether everything readable here is committed, and the next commit waits for the disk."""
        return not self._db.in_transaction() and self._relaxed is None

    def check_in_place(self) -> None:
        """Check that the open file still has its name.

        Raises:
            StoreError: It was deleted or replaced, so nobody would see what is written.
        """
        if identity(self.path) != self._identity:
            raise StoreError(
                say(
                    "The database {path} was deleted or replaced while maxbridge ran. It stops; the next start uses what is there now.",
                    path=self.path,
                )
            )

    def rows(self, sql: str, values: Values) -> list[tuple[Any, ...]]:
        """Return all rows of a SELECT."""
        return self._run(sql, values).fetchall()

    def row(self, sql: str, values: Values) -> tuple[Any, ...] | None:
        """Return the first row of a SELECT; None if there is none."""
        cursor = self._run(sql, values)
        row: tuple[Any, ...] | None = cursor.fetchone()
        # One that is left open would keep the log from being folded in.
        cursor.close()
        return row

    def execute(self, sql: str, values: Values) -> int:
        """Run a writing statement; return the number of affected rows."""
        return self._run(sql, values).rowcount

    def _run(self, sql: str, values: Values) -> sqlite3.Cursor:
        cursor: sqlite3.Cursor = self._db.execute_sql(sql, values)  # type: ignore[no-untyped-call]
        return cursor

    def close(self) -> None:
        """Close the connection; SQLite checkpoints the write-ahead log."""
        self._db.close()

    def pragma(self, name: str) -> object:
        """Return a pragma's value, for checks and status."""
        return self._db.pragma(name)

    def schema(self) -> str:
        """Return the name of the database's newest migration."""
        return max(applied(self.rows), default="")

    def _migrate(self, *, apply: bool) -> None:
        require_ours(self.path, self.rows)
        had = applied(self.rows)
        if is_current(self.path, had):
            return
        if not apply:
            raise too_old(self.path, had)
        if had:
            self._keep_copy(max(had))
        # Not for a database that needs none: it takes as long to import as the database to open.
        from playhouse.migrations import Runner  # noqa: PLC0415

        Runner(self._db, str(MIGRATIONS)).up()
        if had and self._db.pragma("page_size") != PAGE:
            self._rebuild()

    def _rebuild(self) -> None:
        """Rewrite an older database with small pages, completely or not at all.

        Left as it is if somebody else has it open or the disk has no room: large pages work as
        well.
        """
        with contextlib.suppress(*SQLITE_ERRORS):
            # The size of a page cannot change in WAL mode.
            self._db.pragma("journal_mode", "delete")
            self._db.pragma("page_size", PAGE)
            self._run("VACUUM", ())
        self._db.pragma("journal_mode", "wal")

    def _keep_copy(self, schema: str) -> None:
        try:
            keep_copy(self.path, schema)
        except (OSError, sqlite3.Error) as error:
            raise StoreError(
                say(
                    "The database {path} is of an older maxbridge, and the copy that is made before it is brought up to date cannot be written ({error}). Nothing was changed. Make as much room beside it as it takes itself, and start again.",
                    path=self.path,
                    error=error,
                )
            ) from error


def _first_of(error: Exception) -> Exception:
    while isinstance(error.__context__, SQLITE_ERRORS):
        error = error.__context__
    return error


def chunks(ids: Iterable[_V]) -> Iterator[list[_V]]:
    """Split ids into portions that fit into one statement."""
    wanted = list(ids)
    for start in range(0, len(wanted), _CHUNK):
        yield wanted[start : start + _CHUNK]


def marks(values: Sized) -> str:
    """Return as many question marks, for ``IN``."""
    return f"({', '.join('?' * len(values))})"


_M = TypeVar("_M", bound=Model)


def find(model: type[_M], **key: Any) -> _M | None:
    """Return the row whose columns have these values (not NULL); None if there is none.

    Args:
        model: The table.
        **key: Values by column; together they identify one row.
    """
    return next(rows(model, _select(_declared(model), tuple(key)), _stored(model, key)), None)


def rows(model: type[_M], sql: str, values: tuple[Any, ...]) -> Iterator[_M]:
    """Yield the rows of a statement that selects :func:`columns` of one table.

    Args:
        model: The table.
        sql: The statement.
        values: Its parameters, as SQLite stores them.
    """
    names, booleans = _columns(_declared(model))
    for found in _execute(model, sql, values):
        row: Any = model.__new__(model)
        # As Peewee makes a row, without asking each member whether it wants to know: SQLite gives what the column says,
        # and has no word for yes and no.
        row.__data__ = data = dict(zip(names, found, strict=True))
        for name in booleans:
            if data[name] is not None:
                data[name] = bool(data[name])
        row._dirty, row.__rel__ = set(names), {}  # noqa: SLF001 - see Model.__init__
        yield row


def columns(model: type[Model], row: str = "") -> str:
    """Return all columns of a table for a SELECT.

    Args:
        model: The table.
        row: The statement's alias of the row; empty for none.
    """
    prefix = f"{row}." if row else ""
    return ", ".join(f'{prefix}"{each.column_name}"' for each in _fields(_declared(model)))


def change(model: type[Model], key: dict[str, Any], **changes: Any) -> int:
    """Set columns of the rows with a key.

    Args:
        model: The table.
        key: Values by column (not NULL) that the rows have.
        **changes: New values by column.

    Returns:
        The number of rows.
    """
    sql = _update(_declared(model), tuple(key), tuple(changes))
    count: int = _execute(model, sql, _stored(model, changes) + _stored(model, key)).rowcount
    return count


def insert(model: type[Model], *, or_ignore: bool = False, **values: Any) -> int:
    """Insert a row.

    Args:
        model: The table.
        or_ignore: Skip it if a row with the same key exists.
        **values: Values by column; the model's defaults for others.

    Returns:
        The row's number (``rowid``); 0 when none was inserted.
    """
    table = _declared(model)
    row = _defaults(table) | values
    sql = _insert(table, tuple(row), or_ignore)
    cursor = _execute(model, sql, _stored(model, row))
    number: int = cursor.lastrowid if cursor.rowcount > 0 else 0
    return number


def _meta(model: type[Model]) -> Any:
    """Return Peewee's metadata of a table, through its documented name."""
    return model._meta  # noqa: SLF001


def _declared(model: type[Model]) -> type[Model]:
    """Return the declared model: a model is bound anew to every open database, and tests open thousands."""
    return model if _meta(model).database is None else model.__mro__[1]


def _execute(model: type[Model], sql: str, values: tuple[Any, ...]) -> Any:
    return _meta(model).database.execute_sql(sql, values)


def _stored(model: type[Model], values: dict[str, Any]) -> tuple[Any, ...]:
    fields = _meta(model).fields
    return tuple(fields[name].db_value(value) for name, value in values.items())


@cache
def _fields(model: type[Model]) -> tuple[Field, ...]:
    return tuple(_meta(model).sorted_fields)


@cache
def _columns(model: type[Model]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return a row's members, and those of them that are booleans."""
    fields = _fields(model)
    flags = tuple(each.name for each in fields if isinstance(each, BooleanField))
    return tuple(each.name for each in fields), flags


@cache
def _defaults(model: type[Model]) -> dict[str, Any]:
    return {field.name: value for field, value in _meta(model).defaults.items()}


@cache
def _insert(model: type[Model], names: tuple[str, ...], or_ignore: bool) -> str:
    verb = "INSERT OR IGNORE" if or_ignore else "INSERT"
    news = ", ".join(_column(model, each) for each in names)
    return f"{verb} INTO {_table(model)} ({news}) VALUES {marks(names)}"


@cache
def _select(model: type[Model], key: tuple[str, ...]) -> str:
    return f"SELECT {columns(model)} FROM {_table(model)} WHERE {_equal(model, key)} LIMIT 1"


@cache
def _update(model: type[Model], key: tuple[str, ...], changes: tuple[str, ...]) -> str:
    news = ", ".join(f"{_column(model, each)} = ?" for each in changes)
    return f"UPDATE {_table(model)} SET {news} WHERE {_equal(model, key)}"


def _equal(model: type[Model], key: tuple[str, ...]) -> str:
    return " AND ".join(f"{_column(model, each)} = ?" for each in key)


def _column(model: type[Model], name: str) -> str:
    return f'"{_meta(model).fields[name].column_name}"'


def _table(model: type[Model]) -> str:
    return f'"{_meta(model).table_name}"'
