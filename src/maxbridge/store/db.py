"""Opening the database: file modes, the single-process lock, pragmas, migrations, whose it is."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from peewee import DatabaseError, InterfaceError, OperationalError, SqliteDatabase
from playhouse.migrations import Runner

from maxbridge.core.errors import ExitCode, OldSchemaError, StoreError
from maxbridge.killpoints import reached
from maxbridge.store.copies import copies, keep_copy
from maxbridge.store.models import Tables
from maxbridge.store.records import Outcome

MIGRATIONS = Path(__file__).with_name("migrations")
SQLITE_ERRORS = (DatabaseError, InterfaceError, sqlite3.Error)
LOCK_PATIENCE = 1.0
"""Seconds to wait for the lock: ``status`` looks at it for a moment."""

_NORMAL = 1
"""SQLite's number for ``synchronous=NORMAL``: in WAL mode a commit is in order, but not waited for."""

_PRAGMAS = {
    "journal_mode": "wal",
    # MAX forgets what we acknowledged: a commit that a power cut undoes is a lost message.
    "synchronous": "full",
    "foreign_keys": 1,
    "busy_timeout": 5000,
}


class Database:
    """An open database with its tables, migrated to what this program knows.

    Attributes:
        tables: Models bound to this database.
        path: The file.
        watch: Told of every delivery that ended, once that is on disk; must not raise.
    """

    def __init__(self, path: Path, *, create: bool = True) -> None:
        """Open the database.

        Args:
            path: The file; its directory is created with mode 0700.
            create: Create what is missing and migrate what is old; False to only look.

        Raises:
            StoreError: It cannot be created or opened, is no database, or is newer than we are.
        """
        self.path = path
        if create:
            _prepare_file(path)
        elif not _exists(path):
            raise StoreError(
                f"There is no database at {path}: maxbridge has not run with this configuration "
                "yet. Start it: systemctl start maxbridge, or maxbridge run."
            )
        self.watch: Callable[[Outcome], None] | None = None
        self._ended: list[Outcome] = []
        self._db = SqliteDatabase(str(path), pragmas=_PRAGMAS)
        self.tables = Tables(self._db)
        self._relaxed: int | None = None
        """The level of ``synchronous`` that is to be put back after a commit that need not wait."""
        try:
            self._db.connect()
            self._migrate(apply=create)
            self._identity = _identity(path)
        except SQLITE_ERRORS as error:
            self._db.close()
            raise StoreError(_explain(path, error)) from error
        except StoreError:
            self._db.close()
            raise

    @contextlib.contextmanager
    def transaction(self, name: str = "", *, durable: bool = True) -> Iterator[None]:
        """All or nothing, on disk when it returns; takes the write lock at once.

        Args:
            name: Of its kill points (:mod:`maxbridge.killpoints`); empty where no promise hangs on
                this commit. Inside another transaction it says nothing: that one commits.
            durable: Wait for the disk. False only where a power cut may take the change back
                without harm, because it would be found out or made again; whatever is committed
                durably later makes it durable, too (the log has one order), and a killed process
                loses nothing in any case. Inside another transaction it says nothing.

        Raises:
            peewee.DatabaseError: It could not be written. SQLite rolls back by itself when the disk
                is full, and Peewee's own rollback then fails: the first error is the one that tells.
        """
        outermost = not self._db.in_transaction()
        named = bool(name) and outermost
        before, committed = len(self._ended), False
        try:
            if outermost:
                self._wait_for_disk(durable)
            with self._db.atomic("IMMEDIATE"):
                yield
                if named:
                    reached(f"{name}.before_commit")
            committed = True
            if outermost:
                self._wait_for_disk(True)
        except SQLITE_ERRORS as error:
            raise _first_of(error) from None
        finally:
            if not committed:
                del self._ended[before:]
        if outermost and self._ended:
            self._tell()
        if named:
            reached(f"{name}.after_commit")

    def ended(self, outcome: Outcome) -> None:
        """A delivery ends with the transaction that is open."""
        if self.watch is not None:
            self._ended.append(outcome)

    def _tell(self) -> None:
        ended, self._ended = self._ended, []
        for outcome in ended:
            if self.watch is not None:
                self.watch(outcome)

    def _wait_for_disk(self, wait: bool) -> None:
        """Let commits wait for the disk, or not.

        Asked for before every transaction as well as after: whatever went wrong in the one before, a
        promise is not made with a commit that does not wait.
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

    def check_in_place(self) -> None:
        """See that the file that we have open is still the one of that name.

        Raises:
            StoreError: It was deleted or replaced: what is written is seen by nobody.
        """
        if _identity(self.path) != self._identity:
            raise StoreError(
                f"The database {self.path} was deleted or replaced while maxbridge ran. It stops; "
                "the next start uses what is there now."
            )

    def rows(self, sql: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        """Everything that a reading statement gives, for the few that are kept as text."""
        cursor: sqlite3.Cursor = self._db.execute_sql(sql, values)  # type: ignore[no-untyped-call]
        return cursor.fetchall()

    def close(self) -> None:
        """Close the connection; the write-ahead log is folded in by SQLite."""
        self._db.close()

    def pragma(self, name: str) -> object:
        """The value of a pragma, for checks and status."""
        return self._db.pragma(name)

    def schema(self) -> str:
        """Name of the newest migration that the database has."""
        return max(Runner(self._db, str(MIGRATIONS)).applied(), default="")

    def _migrate(self, *, apply: bool) -> None:
        runner = Runner(self._db, str(MIGRATIONS))
        newer = [each.name for each in runner.status() if each.path is None]
        if newer:
            raise StoreError(_too_new(self.path, newer[-1]), ExitCode.CONFIG)
        old = any(not each.applied for each in runner.status())
        if apply and old:
            if schema := self.schema():
                self._keep_copy(schema)
            runner.up()
        elif old:
            raise OldSchemaError(
                f"The database {self.path} is of an older maxbridge. Start the daemon once: it "
                "brings the database up to date."
            )

    def _keep_copy(self, schema: str) -> None:
        try:
            keep_copy(self.path, schema)
        except (OSError, sqlite3.Error) as error:
            raise StoreError(
                f"The database {self.path} is of an older maxbridge, and the copy that is made "
                f"before it is brought up to date cannot be written ({error}). Nothing was "
                "changed. Make as much room beside it as it takes itself, and start again."
            ) from error


def size_on_disk(path: Path) -> int:
    """Bytes that a database takes with its write-ahead log, which may hold nearly all of it."""
    size = 0
    for name in (path.name, f"{path.name}-wal"):
        with contextlib.suppress(OSError):
            size += path.with_name(name).stat().st_size
    return size


class ProcessLock:
    """The lock that keeps a second process off one database; the kernel drops it with the process.

    Two pollers would take each other's events, and neither MAX nor SQLite would say a word
    (contract max.md 9, trap 10).
    """

    def __init__(self, database_path: Path) -> None:
        self.path = database_path.with_name(database_path.name + ".lock")
        self._file: IO[str] | None = None

    def acquire(self) -> None:
        """Take the lock.

        Raises:
            StoreError: Another process holds it; its number is named.
        """
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Not through a link: in a folder of everybody's it could lead to any file of ours.
            file = os.fdopen(_open_private(self.path, os.O_RDWR | os.O_NOFOLLOW), "r+")
        except OSError as error:
            raise StoreError(_explain(self.path, error), _os_exit(error)) from error
        deadline = time.monotonic() + LOCK_PATIENCE
        while not _try_lock(file):
            if time.monotonic() > deadline:
                pid = file.read().strip() or "?"
                file.close()
                raise StoreError(
                    f"Another maxbridge (process {pid}) already works on this database "
                    f"({self.path.with_suffix('')}). Stop it first: systemctl stop maxbridge. "
                    "For a second bot, give it a database of its own ([store] path).",
                    ExitCode.TEMP_FAIL,
                )
            time.sleep(0.05)
        try:
            os.ftruncate(file.fileno(), 0)
            os.pwrite(file.fileno(), f"{os.getpid()}\n".encode(), 0)
        except OSError as error:
            file.close()
            raise StoreError(_explain(self.path, error), _os_exit(error)) from error
        self._file = file

    def release(self) -> None:
        """Give the lock back; the file stays, so that nobody locks a file that is being removed."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def is_held(self) -> bool:
        """Does a process, any process, hold the lock right now?"""
        try:
            file = self.path.open("r+")
        except OSError:
            return False
        with file:
            return not _try_lock(file)


def _try_lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _first_of(error: BaseException) -> BaseException:
    while isinstance(error.__context__, SQLITE_ERRORS):
        error = error.__context__
    return error


def _exists(path: Path) -> bool:
    try:
        path.stat()
        if not os.access(path, os.R_OK | os.W_OK):
            raise PermissionError
    except FileNotFoundError:
        return False
    except OSError as error:
        raise StoreError(_explain(path, error), _os_exit(error)) from error
    return True


def _prepare_file(path: Path) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        trusted = _trusted_owners(path)
        if path.is_symlink():
            _refuse_stranger(path, path.lstat().st_uid, trusted)
        file = _open_private(path, os.O_RDWR)
        try:
            owner = os.fstat(file).st_uid
            _refuse_stranger(path, owner, trusted)
            # SQLite gives its -wal and -shm files the mode of the database.
            if owner == os.geteuid():
                os.fchmod(file, 0o600)
        finally:
            os.close(file)
    except OSError as error:
        raise StoreError(_explain(path, error), _os_exit(error)) from error


def _open_private(path: Path, flags: int) -> int:
    """Open a file, or make it for its owner alone.

    What root makes beside the service's files is the service's: with ``relink`` an administrator makes the
    database anew, and the service must be able to open it.
    """
    try:
        file = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return os.open(path, flags | os.O_CREAT, 0o600)
    if os.geteuid() == 0:
        folder = path.parent.stat()
        os.fchown(file, folder.st_uid, folder.st_gid)
    return file


def _trusted_owners(path: Path) -> set[int]:
    """Who may own the database: we, root, and whoever owns its folder (root helps out the service)."""
    return {os.geteuid(), 0, path.parent.stat().st_uid}


def _refuse_stranger(path: Path, owner: int, trusted: set[int]) -> None:
    if owner not in trusted:
        raise StoreError(
            f"The database {path} belongs to another user, who could read the messages in it. Move it "
            "away, and set [store] path to a folder that only maxbridge can write to.",
            ExitCode.NO_PERMISSION,
        )


def _os_exit(error: OSError) -> ExitCode:
    if isinstance(error, PermissionError):
        return ExitCode.NO_PERMISSION
    return ExitCode.CANT_CREATE


def _too_new(path: Path, schema: str) -> str:
    kept = [each for each in copies(path) if (MIGRATIONS / f"{_schema_of(path, each)}.py").exists()]
    way_back = (
        f"go back to its copy from before the upgrade: maxbridge restore {kept[-1]}. What was delivered "
        "since then is looked up, not delivered again."
        if kept
        else "restore a backup made before the upgrade."
    )
    return (
        f"The database {path} was used by a newer maxbridge (schema {schema}). Install that "
        f"version again, or {way_back}"
    )


def _schema_of(path: Path, copy: Path) -> str:
    return copy.name.removeprefix(f"{path.name}.")


def _explain(path: Path, error: Exception) -> str:
    if isinstance(error, PermissionError):
        return (
            f"No permission for the database {path}. Run as root or as the user that owns it, "
            "for example: sudo maxbridge status"
        )
    if isinstance(error, OSError) and error.errno == errno.ELOOP:
        return (
            f"{path} is a link to another place, and may be a trap. Remove it, and set [store] path to "
            "a folder that only maxbridge can write to."
        )
    if isinstance(error, OperationalError) and "locked" in str(error):
        return f"The database {path} is locked by another program. Close it and try again."
    if "not a database" in str(error) or "malformed" in str(error):
        return (
            f"{path} is damaged or not a maxbridge database ({error}). Restore a backup, or move "
            "the file away: maxbridge then starts with an empty one."
        )
    return f"The database {path} cannot be used: {error}. Check [store] path and the disk."
