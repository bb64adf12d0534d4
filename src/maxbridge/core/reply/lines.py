"""Lines of styled words: what a reply says and looks like, between the desk's HTML and MAX's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import NamedTuple

STYLES = ("b", "i", "u", "s", "mark", "code", "pre")
"""Looks that MAX has a tag for, by that tag (contract max.md 5.1), outermost first.

Headings are bold: ``h1`` is listed too, but nobody documents whether it makes a line of its own inside
a text, and bold is bold in every client. ``blockquote`` is in the newer documents only.
"""


class Run(NamedTuple):
    """Words of one look.

    Attributes:
        text: Without line breaks.
        styles: Some of :data:`STYLES`.
        address: Where the words lead when they are a link; else empty.
    """

    text: str
    styles: frozenset[str] = frozenset()
    address: str = ""

    def with_text(self, text: str) -> Run:
        """Other words of the same look."""
        return Run(text, self.styles, self.address)

    def looks_like(self, other: Run) -> bool:
        """Have both the same look?"""
        return self.styles == other.styles and self.address == other.address


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture among the words, which the desk does not list with the attachments.

    Attributes:
        url: Its ``src`` as it stands there.
        name: What the agent's editor called it, or the last part of the address; may be empty.
    """

    url: str
    name: str


Piece = Run | Picture


@dataclass(slots=True)
class Line:
    """One line.

    Attributes:
        lead: Quote signs, indentation and bullet before the words.
        pieces: Nothing in an empty line.
        indent: ``lead`` of a further line of the same paragraph.
        is_rule: A line drawn across the text.
        is_row: A row of a table, of several cells.
    """

    lead: str = ""
    pieces: list[Piece] = field(default_factory=list)
    indent: str = ""
    is_rule: bool = False
    is_row: bool = False

    def has_words(self) -> bool:
        """Is there more than pictures and bars between cells?"""
        return any(
            isinstance(each, Run) and not each.text.isspace() and each not in BARS
            for each in self.pieces
        )


BAR, BAR_AFTER_NOTHING = Run(" | "), Run("| ")
BARS = (BAR, BAR_AFTER_NOTHING)
"""What stands between the cells of a row."""


def join_runs(runs: Iterable[Run]) -> list[Run]:
    """The same words, with neighbours of one look in one run."""
    result: list[Run] = []
    texts: list[list[str]] = []
    for run in runs:
        if result and result[-1].looks_like(run):
            texts[-1].append(run.text)
        else:
            result.append(run)
            texts.append([run.text])
    return [run.with_text("".join(each)) for run, each in zip(result, texts, strict=True)]


def joined(pieces: Sequence[Piece]) -> list[Piece]:
    """The same pieces, with neighbours of one look in one run; runs without text are left out."""
    result: list[Piece] = []
    if len(pieces) == 1 and isinstance(pieces[0], Run) and pieces[0].text:
        return [pieces[0]]
    for _, neighbours in groupby(pieces, type):
        some = list(neighbours)
        runs = [each for each in some if isinstance(each, Run)]
        result += [run for run in join_runs(runs) if run.text] if runs else some
    return result


def stripped(pieces: Sequence[Piece]) -> list[Piece]:
    """The same pieces, joined and without white space at the end of the line."""
    result = joined(pieces)
    while result and isinstance(last := result[-1], Run):
        if text := last.text.rstrip():
            result[-1] = last.with_text(text)
            break
        result.pop()
    return result
