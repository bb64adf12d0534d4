"""Output of commands: tables for people, versioned JSON for programs, a page redrawn in place, private files.

Handles any state of stdin, stdout and stderr: closed, on a full disk, a pipe without a reader.
"""

from __future__ import annotations

import errno
import io
import os
import signal
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, Self, TextIO
from unicodedata import east_asian_width

import click

from maxbridge.core.errors import ExitCode, StoreError
from maxbridge.paths import is_there, sync, temporary
from maxbridge.saying import denied, say

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


JSON_VERSION = 1


def print_json(**data: Any) -> None:
    """Print an object for programs; keys are added within a version, never changed or removed."""
    import json  # noqa: PLC0415 - most commands, --version first of all, have no use for it

    click.echo(json.dumps({"version": JSON_VERSION, **data}, ensure_ascii=False, indent=2))


def table(headers: Sequence[str], rows: Sequence[Sequence[object]], *, empty: str = "") -> str:
    """Format columns for people.

    Args:
        headers: Names of the columns.
        rows: Cells; None is shown as "-".
        empty: Text if there are no rows; "nothing" by default.
    """
    if not rows:
        return empty or say("nothing")
    # Headers stand a little apart: they are short, and what is below them may be as short.
    first = [f"{each}  " for each in headers]
    lines = [first, *(["-" if cell is None else str(cell) for cell in row] for row in rows)]
    widths = [max(map(_width, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell + " " * (width - _width(cell)) for cell, width in zip(line, widths, strict=True)
        ).rstrip()
        for line in lines
    )


def _width(cell: str) -> int:
    """Return the terminal columns of a cell; colours take none."""
    return sum(1 + (east_asian_width(char) in "WF") for char in click.unstyle(cell))


def print_table(
    headers: Sequence[str], rows: Sequence[Sequence[object]], *, empty: str = ""
) -> None:
    """Print columns for people; the arguments are those of :func:`table`."""
    click.echo(table(headers, rows, empty=empty))


def wrapped(mark: str, words: str, width: int) -> list[str]:
    """Wrap a line between words; a word longer than a line stays whole.

    Args:
        mark: Before the first line; the others are indented as far.
        words: The line.
        width: Columns, including the mark.
    """
    return textwrap.wrap(
        words,
        width,
        initial_indent=mark,
        subsequent_indent=" " * len(mark),
        break_long_words=False,
        break_on_hyphens=False,
    )


# --- A page that is redrawn in place on a terminal, which is given back as it was.


# xterm's alternate screen; hide and show the cursor; cut what is too wide instead of wrapping it, which
# would scroll; home; clear to the end of line and screen.
_ENTER, _LEAVE = "\x1b[?1049h\x1b[?25l\x1b[?7l", "\x1b[?7h\x1b[?25h\x1b[?1049l"
_HOME, _END_OF_LINE, _BELOW = "\x1b[H", "\x1b[K", "\x1b[J"

_ROWS = 24


class Screen:
    """Context of the terminal's alternate screen, left however it ends."""

    def __init__(self, terminal: TextIO) -> None:
        self._terminal = terminal
        self._before: object = None

    def __enter__(self) -> Self:
        # A kill ends as Ctrl+C does: nobody wants a terminal without a cursor.
        self._before = signal.signal(signal.SIGTERM, _interrupt)
        self._write(_ENTER)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._write(_LEAVE)
        signal.signal(signal.SIGTERM, self._before or signal.SIG_DFL)  # type: ignore[arg-type]

    def show(self, page: str) -> None:
        """Draw a page over the last one; what does not fit is cut."""
        lines = page.split("\n")
        rows = self._rows()
        if len(lines) > rows:
            lines = [*lines[: rows - 1], "…"]
        self._write(_HOME + "\n".join(line + _END_OF_LINE for line in lines) + _BELOW)

    def _rows(self) -> int:
        try:
            # A terminal that nobody told its size says 0.
            return os.get_terminal_size(self._terminal.fileno()).lines or _ROWS
        except (OSError, ValueError):
            return _ROWS

    def _write(self, text: str) -> None:
        self._terminal.write(text)
        self._terminal.flush()


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


# --- Files that a command writes for its owner alone: whole or not at all, and nothing replaced unasked.


def see_that_it_is_free(path: Path, *, replaces: bool) -> None:
    """Check that a file may be written, before the first of several is.

    Raises:
        StoreError: A file of this name exists.
    """
    if is_there(path) and not replaces:
        raise StoreError(
            say("{path} exists: name another file, or use --yes to replace it.", path=path)
        )


def write_private(path: Path, text: str, *, replaces: bool) -> None:
    """Write a file with mode 0600.

    Args:
        path: Its name.
        text: Its content.
        replaces: Replace an existing one.

    Raises:
        StoreError: One exists, or it cannot be written.
    """
    see_that_it_is_free(path, replaces=replaces)
    try:
        with temporary(path) as part:
            part.write_text(text, encoding="utf-8", errors="replace")
            sync(part)
            part.replace(path)
    except PermissionError as error:
        raise StoreError(denied(path), ExitCode.NO_PERMISSION) from error
    except OSError as error:
        raise StoreError(
            say("{path} cannot be written: {error}.", path=path, error=error.strerror or error)
        ) from error


class OutputLostError(Exception):
    """A command's output cannot be written. Not an OSError, which concerns the command's own work.

    Attributes:
        reason: The system's reason.
        is_closed_pipe: Only the reader has gone, such as ``head``.
    """

    def __init__(self, error: OSError) -> None:
        super().__init__(error.strerror)
        self.reason = error.strerror or type(error).__name__
        self.is_closed_pipe = error.errno == errno.EPIPE


class _Told(io.FileIO):
    """stdout, with a distinct error for failures, however the command handles an OSError."""

    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            raise OutputLostError(error) from None


class _Silent(io.FileIO):
    """stderr: if it cannot be written, there is nobody to tell."""

    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return super().write(data)
        except OSError:
            return memoryview(data).nbytes


def prepare() -> None:
    """Set the three streams up so that commands need not care about their state.

    A closed one becomes /dev/null. Otherwise the next opened file, the database for example, would
    get its number, and output would be written into it.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            _redirect(number)
            mode = "w" if number else "r"
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115
    if isinstance(sys.stdin, io.TextIOWrapper):
        # Typed in another encoding than the terminal's: no such answer is right, and none is a bug.
        sys.stdin.reconfigure(errors="replace")
    sys.stdout = _over(sys.stdout, 1, _Told)
    sys.stderr = _over(sys.stderr, 2, _Silent)


def give_up_stdout() -> None:
    """Discard unwritten output: Python would try again at exit, and print an error."""
    _redirect(1)


def lost(error: BaseException) -> OutputLostError | None:
    """Return the loss of stdout in an error or an error group; None for anything else."""
    if isinstance(error, OutputLostError):
        return error
    if isinstance(error, BaseExceptionGroup):
        return next(filter(None, map(lost, error.exceptions)), None)
    return None


def _redirect(number: int) -> None:
    """Redirect a stream to /dev/null."""
    null = os.open(os.devnull, os.O_RDWR)
    if null != number:
        os.dup2(null, number)
        os.close(null)


def _over(stream: TextIO, number: int, kind: type[io.FileIO]) -> TextIO:
    """Wrap the stream's descriptor in another file class; a test's replacement stays."""
    try:
        own = stream.fileno() == number
    except (OSError, ValueError):
        own = False
    if not own:
        return stream
    stream.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(kind(number, "w", closefd=False)),
        encoding=stream.encoding,
        # A name in an odd encoding is no reason to end: a question mark stands in its place.
        errors="replace",
        line_buffering=kind is _Silent or stream.isatty(),
    )
