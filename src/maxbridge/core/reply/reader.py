"""Read desk HTML as lines of words: what an agent sees in the editor, without markup.

Blocks are lines, lists have their bullets, quotes their ``>``, a table row is one line with bars.
Words keep their formatting (bold, a link); pictures keep their place.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from maxbridge.core.file_names import decoded_name
from maxbridge.core.markup import BREAK
from maxbridge.core.reply.elements import BLOCKS, Closed, Element, Opened, read_html
from maxbridge.core.reply.lines import (
    Picture,
    Piece,
    Row,
    Run,
    TextLine,
    close_row,
    in_words,
    must_be_named,
    stripped,
    tidy,
)
from maxbridge.core.reply.looks import (
    HIDDEN,
    SPACES_KEPT,
    Looks,
    Margin,
    is_spaced,
    take_word_bullet,
    word_list_level,
)
from maxbridge.core.text import is_emoji, one_line

_LONGEST = 60
_DRAWS_EMOJI = re.compile(r"emoji|emotic|smiley?(?![a-z])", re.IGNORECASE)
_SMILEY = re.compile(r"[:;=8xX]['’]?-?[()\[\]DPpOo3*|/\\]|<3|xD|:[a-z0-9_+-]{2,30}:")
"""As people typed them before there were emoji, and the names that chats have for them."""
_IN_BRACKETS = re.compile(r"\([a-z0-9_]{2,20}\)", re.IGNORECASE)
"""Skype's."""
_CODE_POINTS = re.compile(r"(?:u|emoji_u)?[0-9a-f]{4,5}(?:[-_][0-9a-f]{4,5}){0,7}")
_BYTES = re.compile(r"(?:e2|f0)(?:[0-9a-f]{2}){2,30}")


def emoji_of(attributes: Mapping[str, str], url: str) -> str:
    """Return the emoji that a picture shows, or words for it; empty for any other picture."""
    alt = attributes.get("alt", "")
    told = (alt, attributes.get("data-emoji", ""), attributes.get("title", ""))
    drawn = next(filter(is_emoji, told), "")
    if drawn or _SMILEY.fullmatch(alt):
        return drawn or alt
    if not _DRAWS_EMOJI.search(f"{attributes.get('class', '')} {url[:_LONGEST]}"):
        return ""
    is_said = _classed(attributes) or _IN_BRACKETS.fullmatch(alt)
    return _by_number(url) or (one_line(alt, _LONGEST) if is_said else "")


def _classed(attributes: Mapping[str, str]) -> bool:
    return _DRAWS_EMOJI.search(attributes.get("class", "")) is not None


def _by_number(url: str) -> str:
    """Return the emoji whose code points or UTF-8 bytes are a picture's name: ``1f468-200d-1f4bb.png``.

    Or its folder's name, if there is one for each size: ``1f642/72.png``.
    """
    names = [each.partition(".")[0].lower() for each in url.partition("?")[0].split("/")[-2:]]
    return _drawn(names[-1]) or _drawn(names[0])


def _drawn(name: str) -> str:
    drawn = ""
    if _CODE_POINTS.fullmatch(name):
        numbers = [
            int(each, 16)
            for each in re.findall("[0-9a-f]+", name.removeprefix("emoji_").removeprefix("u"))
        ]
        drawn = "".join(map(chr, numbers)) if max(numbers) <= sys.maxunicode else ""
    elif _BYTES.fullmatch(name):
        drawn = bytes.fromhex(name).decode(errors="ignore")
    return drawn if is_emoji(drawn) else ""


# --- The tree of elements


MOST_EVENTS = 100_000
"""A table of 1,500 rows and 10 cells. Each takes some 10 µs and 400 bytes while a reply is read."""
_RULE = "———————"
_LINES_OF_A_LINK = 20
"""A link's address is repeated for every line; a whole page inside one link is a slip."""
_LONGEST_NAME = 60
_COLLAPSED = re.compile(r"[ \t\n\f\r]+")


class TooLongError(ValueError):
    """A reply is too long for MAX."""


def read_lines(
    body: str,
    is_link: Callable[[str], bool],
    fill: Callable[[str], str] = str,
    *,
    most: int | None = None,
) -> list[TextLine]:
    """Read a reply.

    Args:
        body: HTML as the desk's API returns it: raw, not sanitised.
        is_link: Whether an address may stay a link; others are written out.
        fill: Completes the addresses of links, which may contain variables.
        most: Number of events (starts and ends of elements, words between them) to read; None for
            :data:`MOST_EVENTS`, where more are an error.

    Raises:
        TooLongError: There are more.
    """
    reader = _Reader(is_link, fill)
    for number, event in enumerate(read_html(body)):
        if number == most:
            break
        if number == MOST_EVENTS:
            raise TooLongError("too many elements")
        match event:
            case Opened(element):
                reader.opened(element)
            case Closed(element):
                reader.closed(element)
            case words:
                reader.words(words)
    return reader.finish()


@dataclass(slots=True)
class _Link:
    element: Element
    address: str
    is_link: bool
    words: list[str] = field(default_factory=list)
    has_picture: bool = False
    lines: int = 0


class _Reader:
    """Collects lines. Not recursive; each line is touched a bounded number of times."""

    def __init__(self, is_link: Callable[[str], bool], fill: Callable[[str], str]) -> None:
        self._is_link = is_link
        self._fill = fill
        self._looks = Looks()
        self._margin = Margin()
        self._rows: list[Row] = []
        self._link: _Link | None = None
        self._shown: set[Element] = set()
        """Open blocks that are not hidden."""
        self._lines: list[TextLine] = []
        self._lead = ""
        self._pieces: list[Piece] = []
        """The line that is being written."""
        self._room_is_due = False
        self._word_level = 0
        self._is_fresh_pre = False

    def finish(self) -> list[TextLine]:
        self._end_line()
        return self._lines

    # --- what the page brings --------------------------------------------------------------------

    def words(self, words: str) -> None:
        if self._looks.on(HIDDEN):
            return
        words = words.replace(BREAK, "")
        if not self._looks.on(SPACES_KEPT):
            words = _COLLAPSED.sub(" ", words)
            self._write(words.lstrip(" ") if self._has_space() else words)
            return
        # A browser ignores the line break right after <pre>.
        first, *rest = (words.removeprefix("\n") if self._is_fresh_pre else words).split("\n")
        self._is_fresh_pre = False
        self._write(first)
        for line in rest:
            self._break()
            self._write(line)

    def opened(self, element: Element) -> None:
        self._looks.enter(element)
        if self._looks.on(HIDDEN):
            return
        self._is_fresh_pre = False
        match element.tag:
            case "br":
                self._break()
            case "hr":
                self._rule()
            case "img":
                self._picture(element)
            case "a":
                address = tidy(self._fill(element.attributes.get("href", "")))
                self._link = _Link(element, address, self._is_link(address))
            case tag if tag in BLOCKS:
                self._shown.add(element)
                self._open_block(element)

    def closed(self, element: Element) -> None:
        if self._link is not None and element is self._link.element:
            self._close_link(self._link)
        elif element in self._shown:
            self._shown.remove(element)
            self._close_block(element)

    # --- lines -----------------------------------------------------------------------------------

    def _has_space(self) -> bool:
        """Whether a space before the next word would be superfluous."""
        last = self._pieces[-1] if self._pieces else None
        return last is None or (isinstance(last, Run) and last.text.endswith((" ", "\t")))

    def _write(self, words: str) -> None:
        if not words:
            return
        address = ""
        if self._link is not None:
            self._link.words.append(words)
            if self._link.is_link and self._link.lines < _LINES_OF_A_LINK:
                address = self._link.address
        self._add(Run(words, self._looks.styles(), address))

    def _add(self, piece: Piece) -> None:
        if not self._pieces:
            self._lead = self._margin.lead()
        self._pieces.append(piece)

    def _break(self) -> None:
        """Add a line break of the author; it counts even if the line is empty."""
        if self._pieces:
            self._end_line()
        else:
            self._empty_line()

    def _empty_line(self) -> None:
        self._lines.append(TextLine())
        self._room_is_due = False

    def _end_line(self) -> None:
        if not self._pieces:
            return
        pieces = stripped([_without_fixed_space(each) for each in self._pieces])
        self._pieces = []
        if self._link is not None:
            self._link.lines += 1
        if not pieces:
            # A paragraph with nothing but a fixed space is how editors write an empty line.
            self._empty_line()
            return
        if self._word_level:
            self._lead += take_word_bullet(pieces, self._word_level)
            self._word_level = 0
        self._make_room()
        self._lines.append(TextLine(self._lead, pieces, self._margin.indent()))

    def _make_room(self) -> None:
        last = self._lines[-1] if self._lines else None
        if self._room_is_due and last is not None and last.pieces and not last.is_rule:
            self._lines.append(TextLine())
        self._room_is_due = False

    def _rule(self) -> None:
        self._end_line()
        self._room_is_due = False
        self._lines.append(TextLine(self._margin.lead(), [Run(_RULE)], is_rule=True))

    # --- blocks, links, pictures -----------------------------------------------------------------

    def _open_block(self, element: Element) -> None:
        self._end_line()
        self._room_is_due |= is_spaced(element) and not self._margin.bullet_waits
        self._word_level = word_list_level(element)
        self._margin.open(element)
        match element.tag:
            case "pre":
                self._is_fresh_pre = True
            case "tr":
                self._make_room()
                self._rows.append(Row(len(self._lines), self._margin.indent()))
            case "td" | "th" if self._rows:
                self._rows[-1].cells.append(len(self._lines))

    def _close_block(self, element: Element) -> None:
        self._end_line()
        self._room_is_due |= is_spaced(element)
        self._word_level = 0
        self._margin.close(element)
        if element.tag in ("li", "tr"):
            # A paragraph in every item or cell means no room between the items or the rows.
            self._room_is_due = False
        if element.tag == "tr":
            close_row(self._lines, self._rows.pop())

    def _close_link(self, link: _Link) -> None:
        self._link = None
        words, address = "".join(link.words), in_words(link.address)
        if not words.strip():
            # An editor leaves links without words behind, unseen; a picture's link is seen.
            if link.has_picture and address:
                self._add(Run(address, self._looks.styles(), address if link.is_link else ""))
        elif address and must_be_named(words, address, linked=link.is_link):
            self._write(f" ({address})" if self._pieces else f"({address})")

    def _picture(self, element: Element) -> None:
        attributes = element.attributes
        url = attributes.get("src", "").strip()
        # A picture of one pixel is no picture but a counter of readers.
        if not url or {attributes.get("width"), attributes.get("height")} & {"0", "1"}:
            return
        drawn = emoji_of(attributes, url)
        if drawn:
            # Web pages draw their emoji: pasted, they are words all the same.
            self._write(drawn)
            return
        if self._link is not None:
            self._link.has_picture = True
        self._add(Picture(url, _name(url, attributes.get("alt", ""))))


def _without_fixed_space(piece: Piece) -> Piece:
    if isinstance(piece, Picture) or "\xa0" not in piece.text:
        return piece
    return piece.with_text(piece.text.replace("\xa0", " "))


def _name(url: str, alt: str) -> str:
    name = one_line(alt, _LONGEST_NAME)
    if name or url[:5].lower() == "data:":
        return name
    try:
        path = urlsplit(url).path
    except ValueError:
        return ""
    return one_line(decoded_name(path.rpartition("/")[2]), _LONGEST_NAME)
