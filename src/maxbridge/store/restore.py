"""Replace the database by a backup, or by what Litestream has of it, without losing the present one.

The next start knows that the database was restored. Litestream (https://litestream.io) is a
separate program that replicates every commit, a second or two behind. Its replica is restored into
a private folder; from there on it is a backup like any other, which lacks the deliveries of the
last seconds.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from maxbridge.core.errors import ExitCode, StoreError
from maxbridge.paths import as_owner, family, is_file, is_there, sync, temporary
from maxbridge.saying import denied, say, temporary_room
from maxbridge.store.access import ProcessLock
from maxbridge.store.backup import Facts, examine
from maxbridge.store.forgotten import Acts
from maxbridge.store.schema import refuse_foreign
from maxbridge.store.store import Store

_MAGIC = b"SQLite format 3\0"
_CLOSING = 5.0
"""Seconds to wait for others who only look into the database, ``status`` for example."""


@dataclass(frozen=True, slots=True)
class Replacing:
    """A checked backup, ready to be put in place.

    Attributes:
        backup: Its properties.
        present: The properties of the database that it replaces; None if there is none, or it is
            unreadable.
        path: The database.
        part: The checked copy beside it.
    """

    backup: Facts
    present: Facts | None
    path: Path
    part: Path

    @property
    def taken_at(self) -> float | None:
        """When the backup was taken; for a plain copy, when it was last in use."""
        known = (self.backup.taken_at, self.backup.used_at)
        # A copy of a database that was itself restored still says when that backup was taken.
        return max((each for each in known if each is not None), default=None)

    @property
    def is_foreign(self) -> bool:
        """Whether it is of another bot than the database that it replaces."""
        return (
            self.present is not None
            and self.present.bot_id is not None
            and self.backup.bot_id != self.present.bot_id
        )


@contextlib.contextmanager
def replacing(backup: Path, path: Path) -> Iterator[Replacing]:
    """Check a backup while no daemon can start; :func:`commit` puts it in place.

    Args:
        backup: The file; it is not changed.
        path: The database.

    Raises:
        StoreError: A daemon uses the database, or the backup is damaged, not ours or too new.
    """
    with _errors(path):
        if not is_file(backup):
            raise StoreError(say("There is no file {backup}.", backup=backup))
        if is_there(path) and backup.samefile(path):
            raise StoreError(say("{backup} is the database itself.", backup=backup))
    refuse_foreign(path)
    lock = ProcessLock(path)
    lock.acquire()
    try:
        with _errors(path), as_owner(path.parent), temporary(path) as part:
            _own_as(path, lock.path)
            _copy(backup, part)
            facts = _examined(backup, part)
            yield Replacing(facts, _present(path), path, part)
    finally:
        lock.release()


def commit(ready: Replacing, now: float) -> Path | None:
    """Put the copy in place.

    Returns:
        Where the previous database is kept; None if there was none.

    Raises:
        StoreError: Another program has the database open.
    """
    path, part = ready.path, ready.part
    with _errors(path):
        store = Store.open_copy(part)
        try:
            store.restored.begin(ready.taken_at or now, now)
            store.forgetting.make_up(Acts(path))
        finally:
            store.close()
        # Of another bot there is nothing of ours in the present one, so this is the one thing to check.
        examine(part)
        _own_as(path, part)
        sync(part)
        kept = _set_aside(path, now)
        part.replace(path)
        sync(path.parent)
    return kept


def _examined(backup: Path, part: Path) -> Facts:
    try:
        return examine(part)
    except StoreError as error:
        words = [each.replace(str(part), str(backup)) for each in error.problems]
        raise StoreError(words) from None
    except sqlite3.DatabaseError as error:
        if "not a database" in str(error):
            raise StoreError(
                say(
                    "{backup} is no database, or its beginning is damaged. Check the name of the file; else use another backup.",
                    backup=backup,
                )
            ) from error
        raise StoreError(
            say("{backup} is damaged ({error}). Use another backup.", backup=backup, error=error)
        ) from error


def _copy(backup: Path, part: Path) -> None:
    """Copy a backup; a plain copy of a database in use has a write-ahead log beside it."""
    for source, target in zip(family(backup), family(part), strict=True):
        # The index of the log ("-shm") is made anew.
        if is_file(source) and not source.name.endswith("-shm"):
            number = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with source.open("rb") as read, os.fdopen(number, "wb") as write:
                shutil.copyfileobj(read, write, 1 << 20)


def _present(path: Path) -> Facts | None:
    """Return the properties of the database to be replaced; None if it is missing or damaged."""
    if not _is_database(path):
        return None
    try:
        return examine(path)
    except (StoreError, sqlite3.Error):
        return None


def _set_aside(path: Path, now: float) -> Path | None:
    """Keep the present database under another name, its log checkpointed if possible."""
    if not is_there(path):
        for each in family(path)[1:]:
            each.unlink(missing_ok=True)  # of no database; SQLite would apply it to ours
        return None
    _fold_in(path)
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(now))
    aside = path.with_name(f"{path.name}.before-restore-{stamp}")
    number = 1
    while is_there(aside):
        number += 1
        aside = path.with_name(f"{path.name}.before-restore-{stamp}-{number}")
    # A log that could not be folded in goes first: applied to another database it would ruin that.
    for source, target in zip(family(path)[1:], family(aside)[1:], strict=True):
        if is_there(source):
            source.replace(target)
    try:
        aside.hardlink_to(path)  # so that there is a database at every moment
    except OSError:
        path.replace(aside)
    sync(path.parent)
    return aside


def _fold_in(path: Path) -> None:
    """Switch the write-ahead log off; fails while anybody else has the database open.

    Raises:
        StoreError: Somebody has.
    """
    if not _is_database(path):
        return
    deadline = time.monotonic() + _CLOSING
    while True:
        try:
            with contextlib.closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as old:
                old.execute("PRAGMA journal_mode=DELETE")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                return
            if time.monotonic() > deadline:
                raise StoreError(
                    say(
                        "Another program has the database {path} open. Close it and try again: fuser -v {path}",
                        path=path,
                    ),
                    ExitCode.TEMP_FAIL,
                ) from error
            time.sleep(0.05)
        except sqlite3.DatabaseError:
            return  # damaged: it is kept as it is, with its log
        else:
            return


def _is_database(path: Path) -> bool:
    """Whether the file begins as a database. If it does not, SQLite discards its log on opening."""
    try:
        with path.open("rb") as file:
            return file.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return False


def _own_as(path: Path, other: Path) -> None:
    """Give a file to the owner of the database or its folder: root restores, another user runs."""
    model = path if is_there(path) else path.parent
    status, own = model.stat(), other.stat()
    if (status.st_uid, status.st_gid) != (own.st_uid, own.st_gid):
        # Not root: the file is that user's who made it, which is all that is to be had.
        with contextlib.suppress(PermissionError):
            os.chown(other, status.st_uid, status.st_gid, follow_symlinks=False)


@contextlib.contextmanager
def _errors(path: Path) -> Iterator[None]:
    try:
        yield
    except PermissionError as error:
        raise StoreError(denied(error.filename or path), ExitCode.NO_PERMISSION) from error
    except OSError as error:
        raise StoreError(
            say(
                "The backup cannot be put at {path}: {error}. Check the folder and the free space; nothing was replaced.",
                path=path,
                error=error.strerror or error,
            )
        ) from error
    except sqlite3.Error as error:
        raise StoreError(
            say("The backup cannot be put at {path}: {error}.", path=path, error=error)
        ) from error


PROGRAM = "litestream"
PATIENCE = 3600.0
"""Seconds for the whole of it: a large database over a slow line."""
_LONGEST_WORDS = 300


@contextlib.contextmanager
def fetched(settings: Path, path: Path) -> Iterator[Path]:
    """Restore the newest state of a database from its replica, as a file until the context ends.

    Args:
        settings: Litestream's settings, which name the database by its path. Keys of a storage are
            in it or in the environment, never on a command line, which every user of the machine
            can read.
        path: The database.

    Raises:
        StoreError: There is no Litestream or no replica, it cannot be reached, or the disk is full.
    """
    program = shutil.which(PROGRAM)
    if program is None:
        raise StoreError(
            say(
                "There is no program litestream on this host: install it first (https://litestream.io/install).",
            )
        )
    _see_that_it_is_there(settings)
    # Not beside the database: that folder is the service's, and root would follow whatever lies there.
    try:
        made = tempfile.TemporaryDirectory(prefix="maxbridge-")
    except OSError as error:
        words = say("No folder for temporary files can be written: {why}.", why=error.strerror)
        raise StoreError(f"{words} {temporary_room()}", ExitCode.CANT_CREATE) from error
    with made as folder:
        file = Path(folder) / path.name
        _fetch([program, "restore", "-config", str(settings), "-o", str(file), str(path)], settings)
        if not is_file(file):
            raise StoreError(_why("", settings, str(path)))
        file.chmod(0o600)
        yield file


def _see_that_it_is_there(settings: Path) -> None:
    try:
        os.close(os.open(settings, os.O_RDONLY))
    except PermissionError as error:
        raise StoreError(denied(settings), ExitCode.NO_PERMISSION) from error
    except OSError as error:
        raise StoreError(
            say(
                "The settings of Litestream {settings} cannot be read: {error}.",
                settings=settings,
                error=error.strerror or error,
            ),
            ExitCode.CONFIG,
        ) from error


def _fetch(command: list[str], settings: Path) -> None:
    try:
        done = subprocess.run(  # noqa: S603 - found on the path, no shell
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise StoreError(
            say(
                "Litestream has not fetched the replica within {minutes:.0f} minutes. Is its storage within reach? Nothing was replaced.",
                minutes=PATIENCE / 60,
            ),
            ExitCode.TEMP_FAIL,
        ) from None
    except OSError as error:
        raise StoreError(
            say(
                "Litestream ({program}) cannot be started: {error}.",
                program=command[0],
                error=error.strerror or error,
            )
        ) from error
    if done.returncode != 0:
        raise StoreError(_why(_last_words(done.stderr), settings, command[-1]), ExitCode.TEMP_FAIL)


def _why(words: str, settings: Path, path: str) -> str:
    if "not found in config" in words:
        return say(
            "The settings of Litestream {settings} do not name the database {path}. Both hosts need the same [store] path.",
            settings=settings,
            path=path,
        )
    if "no space left" in words.lower():
        words = say("There is no room for the replica in {folder}.", folder=tempfile.gettempdir())
        return f"{words} {temporary_room()}"
    if "no matching backup" in words or "no snapshots" in words:
        return say(
            "There is no replica of {path} where {settings} says that it is. Was Litestream running on the other host? Take a backup instead, or the database itself.",
            path=path,
            settings=settings,
        )
    return say(
        "Litestream cannot fetch the replica: {error} Nothing was replaced.",
        error=words or "?",
    )


def _last_words(stderr: bytes) -> str:
    lines = [each.strip() for each in stderr.decode(errors="replace").splitlines() if each.strip()]
    words = lines[-1].removeprefix("Error: ")[:_LONGEST_WORDS] if lines else ""
    return words if not words or words.endswith(".") else f"{words}."
