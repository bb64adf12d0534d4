"""What commands put out: tables for people, versioned JSON for programs, a page redrawn in place, private files."""

from __future__ import annotations

import json
import os
import signal
import textwrap
from collections.abc import Sequence
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self, TextIO
from unicodedata import east_asian_width

import click

from maxbridge.core.errors import ExitCode, StoreError
from maxbridge.paths import is_there, sync, temporary
from maxbridge.saying import denied, say

JSON_VERSION = 1


def print_json(**data: Any) -> None:
    """Print an object for programs; keys are added within a version, never changed or removed."""
    click.echo(json.dumps({"version": JSON_VERSION, **data}, ensure_ascii=False, indent=2))


def table(headers: Sequence[str], rows: Sequence[Sequence[object]], *, empty: str = "") -> str:
    """Columns for people.

    Args:
        headers: Names of the columns.
        rows: Cells; None is shown as "-".
        empty: What is said when there are no rows; "nothing" otherwise.
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
    """Columns of the terminal that a cell takes; colours take none."""
    return sum(1 + (east_asian_width(char) in "WF") for char in click.unstyle(cell))


def print_table(
    headers: Sequence[str], rows: Sequence[Sequence[object]], *, empty: str = ""
) -> None:
    """Print columns for people; the arguments are those of :func:`table`."""
    click.echo(table(headers, rows, empty=empty))


def wrapped(mark: str, words: str, width: int) -> list[str]:
    """A line broken between words, for a terminal; what is too long for one stays whole.

    Args:
        mark: Before the first line; the others are indented as far.
        words: The line.
        width: Columns, the mark included.
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
    """The alternate screen of a terminal, between ``with`` and its end, however that comes."""

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
        """Draw a page over the last one; what does not fit below is left out."""
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
    """See that a file may be written: of several none is then.

    Raises:
        StoreError: There is one of this name already.
    """
    if is_there(path) and not replaces:
        raise StoreError(
            say("{path} exists: name another file, or use --yes to replace it.", path=path)
        )


def write_private(path: Path, text: str, *, replaces: bool) -> None:
    """Write a file with mode 0600.

    Args:
        path: Its name.
        text: All of it.
        replaces: One that is there is replaced.

    Raises:
        StoreError: There is one, or it cannot be written.
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
