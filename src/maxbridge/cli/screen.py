"""A page that is redrawn in place on a terminal, which is given back as it was."""

from __future__ import annotations

import os
import signal
from types import FrameType, TracebackType
from typing import Self, TextIO

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
