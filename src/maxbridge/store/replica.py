"""A database fetched back from the replica that Litestream keeps of it, for a second host.

Litestream (https://litestream.io) is a program of its own that copies every commit away, a second or two behind. What
it holds is read back by itself, into a folder that nobody else can look into; from there on it is a backup like any
other (:mod:`maxbridge.store.restore`), which does not know what was delivered in the last seconds.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from maxbridge.core.errors import ExitCode, StoreError
from maxbridge.paths import is_file
from maxbridge.saying import denied, say, temporary_room

PROGRAM = "litestream"
PATIENCE = 3600.0
"""Seconds for the whole of it: a large database over a slow line."""
_LONGEST_WORDS = 300


@contextlib.contextmanager
def fetched(settings: Path, path: Path) -> Iterator[Path]:
    """The newest state of a database that its replica has, as a file of ours until the context ends.

    Args:
        settings: Litestream's settings, which name the database by its path. Keys of a storage stand in there or in the
            environment, never on a command line, which everybody on the machine can read.
        path: The database.

    Raises:
        StoreError: There is no Litestream or no replica, it cannot be reached, or there is no room for it.
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
