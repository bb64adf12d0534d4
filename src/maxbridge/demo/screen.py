"""What the demo prints: MAX in the left column, FreeScout in the right one."""

from __future__ import annotations

import os
import textwrap
import time
from collections.abc import Callable
from typing import Any

import click

WIDTH = 38
_GAP = 4


def _style(text: str, **how: Any) -> str:
    """Colour, unless the person does not want any (https://no-color.org)."""
    return text if not text or os.environ.get("NO_COLOR") else click.style(text, **how)


class Screen:
    """Two columns that grow downwards, with the narrator's lines across both."""

    def __init__(self, echo: Callable[[str], None] = click.echo) -> None:
        self._echo = echo
        self._began = time.monotonic()

    def head(self, left: str, right: str) -> None:
        """The headings of the columns."""
        self._echo("")
        self._echo(_style(f"       {left:<{WIDTH + _GAP}}{right}", bold=True))
        self._echo(f"       {'─' * WIDTH}{' ' * _GAP}{'─' * WIDTH}")

    def narrate(self, text: str) -> None:
        """A line of the narrator."""
        self._echo("")
        for line in textwrap.wrap(text, 2 * WIDTH + _GAP):
            self._echo(_style(f"       {line}", fg="cyan"))

    def told(self, side: str, who: str, text: str) -> None:
        """Something became visible to a person."""
        indent = "" if side == "max" else " " * (WIDTH + _GAP)
        color = {"max": "yellow", "desk": "green"}[side]
        seconds = f"{time.monotonic() - self._began:5.1f}s "
        lines = [
            part for line in f"{who}: {text}".split("\n") for part in textwrap.wrap(line, WIDTH)
        ]
        for number, line in enumerate(lines):
            stamp = seconds if number == 0 else " " * len(seconds)
            name, colon, rest = line.partition(": ") if number == 0 else ("", "", line)
            shown = _style(name, fg=color, bold=True) + colon + rest
            self._echo(f"{stamp}{indent}{shown}")
