"""Lines of formatted words, table rows included, and the addresses of links."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import groupby, pairwise
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from maxbridge.core.text import clean, utf16_len

STYLES = ("b", "i", "u", "s", "mark", "code", "pre")
"""Looks that MAX has a tag for, by that tag (contract max.md 5.1), outermost first.

Headings are bold: ``h1`` is listed too, but nobody documents whether it makes a line of its own inside
a text, and bold is bold in every client. ``blockquote`` is in the newer documents only.
"""


class Run(NamedTuple):
    """Words with one formatting.

    Attributes:
        text: Without line breaks.
        styles: Some of :data:`STYLES`.
        address: The link's address; empty if it is no link.
    """

    text: str
    styles: frozenset[str] = frozenset()
    address: str = ""

    def with_text(self, text: str) -> Run:
        """Return other words with the same formatting."""
        return Run(text, self.styles, self.address)

    def looks_like(self, other: Run) -> bool:
        """Whether both have the same formatting."""
        return self.styles == other.styles and self.address == other.address


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture among the words, which the desk does not list as an attachment.

    Attributes:
        url: Its ``src``, unchanged.
        name: The editor's name for it, or the last part of the address; may be empty.
    """

    url: str
    name: str


Piece = Run | Picture


@dataclass(slots=True)
class TextLine:
    """One line.

    Attributes:
        lead: Quote signs, indentation and bullet before the words.
        pieces: Its words and pictures; none for an empty line.
        indent: ``lead`` of a further line of the same paragraph.
        is_rule: A horizontal rule.
        is_row: A table row with several cells.
    """

    lead: str = ""
    pieces: list[Piece] = field(default_factory=list)
    indent: str = ""
    is_rule: bool = False
    is_row: bool = False

    def has_words(self) -> bool:
        """Whether it has more than pictures and bars between cells."""
        return any(
            isinstance(each, Run) and not each.text.isspace() and each not in BARS
            for each in self.pieces
        )


BAR, BAR_AFTER_NOTHING = Run(" | "), Run("| ")
BARS = (BAR, BAR_AFTER_NOTHING)
"""What stands between the cells of a row."""


def join_runs(runs: Iterable[Run]) -> list[Run]:
    """Merge adjacent runs with the same formatting."""
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
    """Merge adjacent runs with the same formatting and drop empty ones."""
    result: list[Piece] = []
    if len(pieces) == 1 and isinstance(pieces[0], Run) and pieces[0].text:
        return [pieces[0]]
    for _, neighbours in groupby(pieces, type):
        some = list(neighbours)
        runs = [each for each in some if isinstance(each, Run)]
        result += [run for run in join_runs(runs) if run.text] if runs else some
    return result


def stripped(pieces: Sequence[Piece]) -> list[Piece]:
    """Return the pieces merged and without trailing white space."""
    result = joined(pieces)
    while result and isinstance(last := result[-1], Run):
        if text := last.text.rstrip():
            result[-1] = last.with_text(text)
            break
        result.pop()
    return result


# --- Rows of tables: the cells of a row of data stand in one line, those of a layout under each other.


_LINES_OF_A_CELL = 3
"""A cell with more lines than this belongs to a layout."""


@dataclass(slots=True)
class Row:
    """A table row while its cells are read.

    Attributes:
        start: Number of its first line.
        indent: Prefix of the table's lines.
        cells: Number of the first line of each cell.
    """

    start: int
    indent: str
    cells: list[int] = field(default_factory=list)


def close_row(lines: list[TextLine], row: Row) -> None:
    """Merge the lines of a finished row into one, if it is a row of data."""
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
        lines[row.start :] = [TextLine(first.lead, pieces, row.indent, is_row=True)]


def _are_data(cells: list[list[TextLine]]) -> bool:
    return (
        sum(any(line.has_words() for line in cell) for cell in cells) > 1
        and all(len(cell) <= _LINES_OF_A_CELL for cell in cells)
        and not any(line.is_row or line.is_rule for cell in cells for line in cell)
    )


def _in_one_line(cells: list[list[TextLine]], indent: str) -> Iterator[Piece]:
    is_first = True
    before: list[TextLine] | None = None
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


# --- Addresses behind the words of a reply: which MAX takes as links, and how others are put into words.


LONGEST_ADDRESS = 2048
"""UTF-16 units of a link (``LinkMarkup`` of MAX's schema)."""

_PUBLIC_HOST = re.compile(r"(?:[\w-]+\.)+[^\W\d_][\w-]+")
_PRIVATE_ENDINGS = tuple(
    f".{name}"
    for name in "arpa corp home internal intranet invalid lan local localdomain localhost private test".split()
)
_SPELLED_OUT = re.compile(r"(?:https?://|www\.)([\w.-]+)", re.IGNORECASE)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*(?=:)", re.IGNORECASE)
_BREAK = re.compile(r"\u200b|%E2%80%8B", re.IGNORECASE)
_NOT_DIGIT = re.compile(r"\D")
_NUMBER = re.compile(r"\+?[\d() -]+")
_LOCAL_NUMBER = 10
"""Digits of a Russian number behind +7 or 8."""


def tidy(href: str) -> str:
    """Normalise an ``href`` as a browser does."""
    # Copied from the page, an address may have the places where it may break (core/markup.py).
    href = _BREAK.sub("", "".join(char for char in href if char not in "\t\n\r")).strip(" \f\xa0")
    if scheme := _SCHEME.match(href):
        href = scheme.group().lower() + href[scheme.end() :]
    return ("https:" if href.startswith("//") else "") + href.replace(" ", "%20")


def is_link(address: str, longest: int = LONGEST_ADDRESS) -> bool:
    """Whether MAX accepts this address in a link.

    MAX refuses a whole message with “Must have only http/https links” for a link whose host has no
    public-looking name (contract max.md 5.1). Its exact rule is undocumented, so every number and
    every name without a dot counts as private. An address with a user name before the host is
    refused as misleading.

    Args:
        address: The result of :func:`tidy`.
        longest: Most UTF-16 units of the escaped address.
    """
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
        parts.port  # noqa: B018 - raises for a port that is none
    except ValueError:
        return False
    return (
        utf16_len(address) <= LONGEST_ADDRESS
        and parts.scheme in ("http", "https")
        and _PUBLIC_HOST.fullmatch(host) is not None
        and not host.endswith(_PRIVATE_ENDINGS)
        and "@" not in parts.netloc
        and len(address.split()) == 1
        and utf16_len(escape(address, quote=True)) <= longest
    )


def in_words(address: str) -> str:
    """Return an address for display; empty if it is meaningless outside the desk's page."""
    scheme = _SCHEME.match(address)
    match scheme.group().lower() if scheme else "":
        case "http" | "https" | "ftp":
            return address
        case "mailto":
            return _plain(address.partition(":")[2].partition("?")[0])
        case "tel":
            return _plain(address.partition(":")[2])
    return ""


def says(words: str, address: str) -> bool:
    """Whether the words already name the address (a result of :func:`in_words`)."""
    bare = address.partition("://")[2] or address
    if bare.rstrip("/").casefold() in words.casefold():
        return True
    if not _NUMBER.fullmatch(address):
        return False
    number = _NOT_DIGIT.sub("", address)[-_LOCAL_NUMBER:]
    return len(number) == _LOCAL_NUMBER and number in _NOT_DIGIT.sub("", words)


def must_be_named(words: str, address: str, *, linked: bool) -> bool:
    """Whether the address must be shown after the words.

    Args:
        words: The words of a link.
        address: Its address, as :func:`in_words` gives it.
        linked: The words stay a link. Then the address is shown only if the words spell out another
            host.
    """
    if not linked:
        return not says(words, address)
    hosts = {_without_www(host) for host in _SPELLED_OUT.findall(words)}
    return bool(hosts) and _without_www(urlsplit(address).hostname or "") not in hosts


def _without_www(host: str) -> str:
    return host.casefold().removeprefix("www.").rstrip(".")


def _plain(quoted: str) -> str:
    return " ".join(clean(unquote(quoted)).split())
