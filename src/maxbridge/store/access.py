"""Access to the database file: permissions, the lock of the one working process, sentences for failures.

Neither Peewee nor the models are imported: for read-only commands that would take longer than
everything else.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import time
from pathlib import Path
from typing import IO

from maxbridge.core.errors import ExitCode, NoDatabaseError, StartingError, StoreError
from maxbridge.paths import as_owner, is_read_only, is_there
from maxbridge.saying import denied, read_only, say

DISK_LEAST = 2 * 1024 * 1024
"""Bytes that must be free beside the database to create or migrate it."""
_FULL = (errno.ENOSPC, errno.EDQUOT)
LOCK_PATIENCE = 1.0
"""Seconds to wait for the lock: ``status`` looks at it for a moment."""


class ProcessLock:
    """The lock that excludes a second process from a database; the kernel releases it with the process.

    Two pollers would take each other's events, and neither MAX nor SQLite would report it (contract
    max.md 9, trap 10).
    """

    def __init__(self, database_path: Path) -> None:
        self.path = database_path.with_name(database_path.name + ".lock")
        self._database = database_path
        self._file: IO[str] | None = None

    def acquire(self) -> None:
        """Take the lock.

        Raises:
            StoreError: Another process holds it; its number is named.
        """
        try:
            with as_owner(self.path.parent):
                self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                # Not through a link: in a folder of everybody's it could lead to any file of ours.
                file = os.fdopen(_open_private(self.path, os.O_RDWR | os.O_NOFOLLOW), "r+")
        except OSError as error:
            raise self._unusable(error) from error
        deadline = time.monotonic() + LOCK_PATIENCE
        while not _try_lock(file):
            if time.monotonic() > deadline:
                pid = file.read().strip() or "?"
                file.close()
                raise StoreError(
                    say(
                        "Another maxbridge (process {pid}) already works on this database ({database}). Stop it first: systemctl stop maxbridge. For a second bot, give it a database of its own ([store] path).",
                        pid=pid,
                        database=self.path.with_suffix(""),
                    ),
                    ExitCode.TEMP_FAIL,
                )
            time.sleep(0.05)
        try:
            os.ftruncate(file.fileno(), 0)
            os.pwrite(file.fileno(), f"{os.getpid()}\n".encode(), 0)
        except OSError as error:
            file.close()
            raise self._unusable(error) from error
        self._file = file

    def _unusable(self, error: OSError) -> StoreError:
        # A disk is that of the database; a permission or a link is the lock's own.
        of_disk = error.errno in (*_FULL, errno.EROFS)
        return StoreError(explain(self._database if of_disk else self.path, error), _os_exit(error))

    def release(self) -> None:
        """Release the lock; the file stays, so that nobody locks a file being deleted."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def taken_at(self) -> float | None:
        """When it was last taken, our clock; None if never."""
        try:
            return self.path.stat().st_mtime
        except OSError:
            return None

    def is_held(self) -> bool:
        """Whether any process holds the lock now."""
        try:
            with as_owner(self.path.parent):
                file = os.fdopen(os.open(self.path, os.O_RDWR | os.O_NOFOLLOW), "r+")
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


def identity(path: Path) -> tuple[int, int] | None:
    """Return the file's identity, whatever its name; None if there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def size_on_disk(path: Path) -> int:
    """Return the bytes of a database with its write-ahead log, which may contain nearly all of it."""
    size = 0
    for name in (path.name, f"{path.name}-wal"):
        with contextlib.suppress(OSError):
            size += path.with_name(name).stat().st_size
    return size


def require(path: Path) -> None:
    """Check that there is a database that this user may open.

    Raises:
        StoreError: There is none, or it belongs to another user.
    """
    try:
        path.stat()
        _see_that_it_may_be_used(path)
    except FileNotFoundError:
        raise _none_at(path) from None
    except OSError as error:
        raise StoreError(explain(path, error), _os_exit(error)) from error


def _see_that_it_may_be_used(path: Path) -> None:
    if os.access(path, os.R_OK | os.W_OK, effective_ids=True):
        return
    number = errno.EROFS if is_read_only(path) else errno.EACCES
    raise OSError(number, os.strerror(number))


def _none_at(path: Path) -> StoreError:
    """Return why there is no database: the daemon was never started, is just starting, or cannot create one."""
    if ProcessLock(path).is_held():
        return starting(path)
    if is_read_only(path):
        return StoreError(read_only(path))
    if lacks_room(path):
        return no_room(path, say("made"))
    return NoDatabaseError(
        say(
            "There is no database at {path}: maxbridge has not run with these settings yet.",
            path=path,
        )
    )


def lacks_room(path: Path) -> bool:
    """Whether the disk is too full for the daemon to create or migrate a database there."""
    try:
        folder = next(each for each in path.absolute().parents if is_there(each))
        return shutil.disk_usage(folder).free < DISK_LEAST
    except OSError:
        return False


def no_room(path: Path, what: str) -> StoreError:
    """Return the error for a database that the daemon cannot create or migrate because the disk is full.

    Args:
        path: The file.
        what: What could not be done.
    """
    return StoreError(
        say(
            "The disk of {path} is full, so the database could not be {what}. Free some space; the daemon does the rest at its next start.",
            path=path,
            what=what,
        )
    )


def starting(path: Path) -> StartingError:
    """Return the error for a database that a daemon is creating or migrating."""
    return StartingError(
        say(
            "The daemon is starting: it makes the database {path}, or brings it up to date. Wait a moment, then try again.",
            path=path,
        )
    )


def prepare_file(path: Path) -> None:
    """Create the file and its folder if missing, readable by their owner alone.

    Raises:
        StoreError: They cannot be created, or belong to a user who could read the messages.
    """
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
        raise StoreError(explain(path, error), _os_exit(error)) from error


def _open_private(path: Path, flags: int) -> int:
    """Open a file, or create it readable by its owner alone."""
    try:
        return os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return os.open(path, flags | os.O_CREAT, 0o600)


def _trusted_owners(path: Path) -> set[int]:
    """Return who may own the database: this user, root, and its folder's owner (root helps out the service)."""
    return {os.geteuid(), 0, path.parent.stat().st_uid}


def _refuse_stranger(path: Path, owner: int, trusted: set[int]) -> None:
    if owner not in trusted:
        raise StoreError(
            say(
                "The database {path} belongs to another user, who could read the messages in it. Move it away, and set [store] path to a folder that only maxbridge can write to.",
                path=path,
            ),
            ExitCode.NO_PERMISSION,
        )


def _os_exit(error: OSError) -> ExitCode:
    if isinstance(error, PermissionError):
        return ExitCode.NO_PERMISSION
    return ExitCode.CANT_CREATE


def explain(path: Path, error: Exception) -> str:
    """Say in one or two sentences why a database cannot be used, and what to do."""
    if "readonly database" in str(error) or (
        isinstance(error, OSError) and error.errno == errno.EROFS
    ):
        return (
            read_only(path) if is_read_only(path) else denied(say("the database {path}", path=path))
        )
    if isinstance(error, PermissionError) and not _is_link(path):
        return denied(say("the database {path}", path=path))
    if isinstance(error, OSError) and (error.errno == errno.ELOOP or _is_link(path)):
        return say(
            "{path} is a link to another place, and may be a trap. Remove it, and set [store] path to a folder that only maxbridge can write to.",
            path=path,
        )
    if "is locked" in str(error):
        return say(
            "The database {path} is locked by another program. Close it and try again.", path=path
        )
    if "not a database" in str(error) or "malformed" in str(error):
        return say(
            "{path} is damaged or not a maxbridge database ({error}). Restore a backup, or move the file away: maxbridge then starts with an empty one.",
            path=path,
            error=error,
        )
    if "is full" in str(error) or (isinstance(error, OSError) and error.errno in _FULL):
        return say(
            "The disk of the database {path} is full: free some space, then start again.", path=path
        )
    return say(
        "The database {path} cannot be used: {error}. Check [store] path and the disk.",
        path=path,
        error=error,
    )


def _is_link(path: Path) -> bool:
    """Whether it is a symbolic link, as far as this user can see."""
    try:
        return path.is_symlink()
    except OSError:
        return False
