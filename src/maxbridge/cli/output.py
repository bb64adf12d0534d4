"""What commands print: tables for people, versioned JSON for programs; nothing else goes to stdout."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence
from typing import Any
from unicodedata import east_asian_width

import click

from maxbridge.saying import say

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
