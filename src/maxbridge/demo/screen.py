"""The demo's output: MAX in the left column, FreeScout in the right one; one column if narrow."""

from __future__ import annotations

import os
import sys
import textwrap
import time
from collections.abc import Callable, Sequence
from typing import Any

import click

_STAMP = 7
_WIDEST, _NARROWEST = 38, 24
_GAP = 4
_USUAL = _STAMP + 2 * _WIDEST + _GAP
_ALONE = 20
"""What a terminal that is narrower than everything gets all the same."""


def _style(text: str, **how: Any) -> str:
    """Add colour, unless disabled (https://no-color.org)."""
    return text if not text or os.environ.get("NO_COLOR") else click.style(text, **how)


def columns() -> int:
    """Return the output's width; files and pipes have the usual one."""
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or _USUAL
    except (OSError, ValueError, AttributeError):
        return _USUAL


class Screen:
    """Two columns that grow downwards, with the narrator's lines across both."""

    def __init__(
        self, echo: Callable[[str], None] = click.echo, *, width: int | None = None
    ) -> None:
        """Prepare it.

        Args:
            echo: Prints a line.
            width: Of the terminal; looked up when None.
        """
        self._echo = echo
        self._began = time.monotonic()
        whole = max(columns() if width is None else width, _STAMP + _ALONE)
        self._column = min(_WIDEST, (whole - _STAMP - _GAP) // 2)
        self._two = self._column >= _NARROWEST
        self._across = min(whole, _USUAL) - _STAMP
        self._labels = {"max": "MAX", "desk": "FreeScout"}

    def list(self, rows: Sequence[tuple[str, str]]) -> None:
        """Print what can be typed, with explanations."""
        width = max(len(word) for word, _ in rows) + 2
        for word, meaning in rows:
            first, *others = textwrap.wrap(meaning, self._across + _STAMP - width)
            self._echo(f"{word:<{width}}{first}")
            for line in others:
                self._echo(f"{' ' * width}{line}")

    def head(self, left: str, right: str) -> None:
        """Print the headings of the columns."""
        self._echo("")
        if not self._two:
            return
        titles = [textwrap.wrap(each, self._column) for each in (left, right)]
        for number in range(max(map(len, titles))):
            one, two = (each[number] if number < len(each) else "" for each in titles)
            pad = " " * (self._column + _GAP - len(one))
            self._echo(_style(f"{' ' * _STAMP}{one}{pad}{two}".rstrip(), bold=True))
        line = "─" * self._column
        self._echo(f"{' ' * _STAMP}{line}{' ' * _GAP}{line}")

    def narrate(self, text: str) -> None:
        """Print a narrator's line."""
        self._echo("")
        for line in textwrap.wrap(text, self._across):
            self._echo(_style(f"{' ' * _STAMP}{line}", fg="cyan"))

    def told(self, side: str, who: str, text: str) -> None:
        """Print what became visible to a person."""
        width, indent = self._column, "" if side == "max" else " " * (self._column + _GAP)
        if not self._two:
            width, indent, who = self._across, "", f"[{self._labels[side]}] {who}"
        color = {"max": "yellow", "desk": "green"}[side]
        seconds = f"{time.monotonic() - self._began:5.1f}s "
        lines = [
            part for line in f"{who}: {text}".split("\n") for part in textwrap.wrap(line, width)
        ]
        for number, line in enumerate(lines):
            stamp = seconds if number == 0 else " " * len(seconds)
            name, colon, rest = line.partition(": ") if number == 0 else ("", "", line)
            shown = _style(name, fg=color, bold=True) + colon + rest
            self._echo(f"{stamp}{indent}{shown}")
