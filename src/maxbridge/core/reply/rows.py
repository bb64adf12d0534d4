"""Rows of tables: the cells of a row of data stand in one line, those of a layout under each other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from maxbridge.core.reply.lines import BAR, BAR_AFTER_NOTHING, Line, Piece, Run

_LINES_OF_A_CELL = 3
"""A cell with more lines than this belongs to a layout."""


@dataclass(slots=True)
class Row:
    """A row while its cells are read.

    Attributes:
        start: Number of its first line.
        indent: What stands before the lines of the whole table.
        cells: Number of the first line of each cell.
    """

    start: int
    indent: str
    cells: list[int] = field(default_factory=list)


def close_row(lines: list[Line], row: Row) -> None:
    """Put the lines of a row that has ended into one, if it is a row of data."""
    borders = [*row.cells, len(lines)]
    # A long cell is not looked at: tables inside tables would be copied again and again.
    if any(end - start > 2 * _LINES_OF_A_CELL for start, end in pairwise(borders)):
        return
    cells = [[line for line in lines[start:end] if line.pieces] for start, end in pairwise(borders)]
    while cells and not cells[-1]:
        cells.pop()
    if _are_data(cells):
        first = next(line for cell in cells for line in cell)
        pieces = list(_in_one_line(cells, row.indent))
        lines[row.start :] = [Line(first.lead, pieces, row.indent, is_row=True)]


def _are_data(cells: list[list[Line]]) -> bool:
    return (
        sum(any(line.has_words() for line in cell) for cell in cells) > 1
        and all(len(cell) <= _LINES_OF_A_CELL for cell in cells)
        and not any(line.is_row or line.is_rule for cell in cells for line in cell)
    )


def _in_one_line(cells: list[list[Line]], indent: str) -> Iterator[Piece]:
    is_first = True
    before: list[Line] | None = None
    for cell in cells:
        if before is not None:
            yield BAR if before else BAR_AFTER_NOTHING
        before = cell
        for line in cell:
            if line is not cell[0]:
                yield Run(" ")
            if not is_first and line.lead != indent:
                yield Run(line.lead.removeprefix(indent))
            is_first = False
            yield from line.pieces
