"""The bridge's log in the demo: a file that is kept after a failure, with its path shown."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from io import TextIOBase
from pathlib import Path
from typing import TextIO

from maxbridge.core.errors import ExitCode, UserError
from maxbridge.observe import log
from maxbridge.saying import say


class _Both(TextIOBase):
    """A stream to file and terminal: a failing file does not stop the terminal's output."""

    def __init__(self, file: TextIO, terminal: TextIO) -> None:
        self._file = file
        self._terminal = terminal

    def write(self, text: str, /) -> int:
        self._terminal.write(text)
        return self._file.write(text)

    def flush(self) -> None:
        self._terminal.flush()
        if not self._file.closed:  # whoever drops a stream flushes it once more
            self._file.flush()


@contextlib.contextmanager
def log_file(*, verbose: bool) -> Iterator[Path]:
    """Log into a file; deleted at the end if all went well.

    Args:
        verbose: Show the log as well.

    Raises:
        UserError: The file cannot be created.
    """
    with a_place():
        number, name = tempfile.mkstemp(prefix="maxbridge-demo-", suffix=".log")
    path = Path(name)
    # A full disk must not fill the terminal with tracebacks of the logging; the demo tells of it itself.
    logging.raiseExceptions = False
    file = os.fdopen(number, "w", encoding="utf-8")
    stream = _Both(file, sys.stderr) if verbose and sys.stderr is not None else file
    log.configure(level="debug", form="console", stream=stream)  # type: ignore[arg-type]
    try:
        yield path
    except (KeyboardInterrupt, OSError, UserError):  # nothing that the log could explain
        path.unlink(missing_ok=True)
        raise
    finally:
        logging.getLogger().handlers.clear()
        with contextlib.suppress(OSError):  # the disk is full, and the demo tells of that itself
            file.close()
    path.unlink(missing_ok=True)


@contextlib.contextmanager
def a_place() -> Iterator[None]:
    """Context that creates a file or folder of the demo.

    Raises:
        UserError: It cannot be created.
    """
    try:
        yield
    except OSError as error:
        raise UserError(
            say(
                "the demo needs a place for its files: {error} ({folder}). Free some space there, or name another folder in $TMPDIR.",
                error=error.strerror or error,
                folder=_folder(),
            ),
            ExitCode.CANT_CREATE,
        ) from None


def _folder() -> str:
    try:
        return tempfile.gettempdir()
    except OSError:
        return "/tmp"  # noqa: S108 - nothing is made there: no folder can be written
