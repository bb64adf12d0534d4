"""Write formatted runs as MAX's HTML, split into parts that MAX accepts (contract max.md 5.1).

Only tags of :data:`maxbridge.core.reply.lines.STYLES` and ``<a href>`` are written, always well
nested, around words only. A link is innermost and contains only words: MAX does not document
whether it reads markup inside links.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import unescape
from itertools import groupby
from typing import NamedTuple

from maxbridge.core.reply.lines import STYLES, Run, join_runs, says
from maxbridge.core.text import cuts, utf16_len

LEAST_LIMIT = 128
"""A shorter part could not hold one character with every style and a link around it."""

_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}
_ESCAPE = str.maketrans(_ESCAPES)
_TAG = re.compile(r"<[^>]*>")
_LINK = re.compile(r'<a href="([^"]*)">([^<]*)</a>')
_LINK_TAGS = len('<a href=""></a>')
_VARIANTS = "\ufe0e\ufe0f"
_PLAIN = Run("")


def escaped(text: str) -> str:
    """Escape a text for MAX's HTML."""
    return text.translate(_ESCAPE)


def longest_address(limit: int) -> int:
    """Return the UTF-16 length of the longest escaped address that a part may link to.

    Half a part is reserved for the words, however many styles they have.
    """
    return limit // 2 - _LINK_TAGS


def plain(part: str) -> str:
    """Return the text of a part, as MAX's history shows it in ``text``."""
    return unescape(_TAG.sub("", part))


def spelled_out(part: str) -> str:
    """Return a part as plain text that keeps all addresses; never longer than the part itself."""

    def spell(link: re.Match[str]) -> str:
        address, words = link.groups()
        is_named = link.string.startswith(f" ({address})", link.end())
        if is_named or says(unescape(words), unescape(address)):
            return words
        return f"{words} ({address})"

    return plain(_LINK.sub(spell, part))


def relinked(part: str, show: Callable[[str, str], str]) -> str:
    """Return a part as plain text with its links replaced.

    Args:
        part: In MAX's HTML.
        show: Maps a link's words and address, both escaped, to what is shown.
    """
    return plain(_LINK.sub(lambda link: show(link[2], link[1]), part))


def to_parts(runs: Sequence[Run], limit: int) -> list[str]:
    """Write runs as texts of at most ``limit`` UTF-16 units, including markup and entities.

    Args:
        runs: The words, with line breaks.
        limit: At least :data:`LEAST_LIMIT`. Addresses must not be longer than
            :func:`longest_address` allows.

    Returns:
        Parts, each visible.
    """
    if limit < LEAST_LIMIT:
        raise ValueError(f"limit: {limit} is less than {LEAST_LIMIT}")
    text = "".join(run.text for run in runs)
    writer = _Writer(text, _spans(_tidied(runs)), limit)
    return [
        writer.write(start, end)
        for start, end in cuts(text, writer.reach)
        if is_visible(text[start:end])
    ]


def is_visible(text: str) -> bool:
    """Whether a text shows anything; joiners and direction marks alone do not."""
    return any(
        not char.isspace() and char not in _VARIANTS and unicodedata.category(char) != "Cf"
        for char in text
    )


class _Span(NamedTuple):
    """A tag around a part of the text."""

    start: int
    level: int
    end: int
    tag: str
    address: str

    @property
    def before(self) -> str:
        return f'<a href="{escaped(self.address)}">' if self.address else f"<{self.tag}>"

    @property
    def after(self) -> str:
        return f"</{self.tag}>"

    @property
    def units(self) -> int:
        return utf16_len(self.before) + len(self.after)


@dataclass(slots=True)
class _Open:
    tag: str
    start: int
    address: str = ""


def _tidied(runs: Sequence[Run]) -> list[Run]:
    """Return the same text without changes of style that a reader cannot see."""
    return join_runs(_without_styled_blanks(_with_plain_links(runs)))


def _with_plain_links(runs: Iterable[Run]) -> Iterator[Run]:
    """Give each link one style: what all of its text has."""
    for address, group in groupby(runs, lambda run: run.address):
        if not address:
            yield from group
            continue
        link = list(group)
        looks = [run.styles for run in link if not run.text.isspace()] or [link[0].styles]
        yield Run("".join(run.text for run in link), frozenset.intersection(*looks), address)


def _without_styled_blanks(runs: Iterable[Run]) -> Iterator[Run]:
    """Give blanks between words the style that both neighbours have."""
    groups = [
        (blank, list(group)) for blank, group in groupby(runs, lambda run: run.text.isspace())
    ]
    words = [_PLAIN, *(run for blank, group in groups if not blank for run in group), _PLAIN]
    before = 0
    for is_blank, group in groups:
        if is_blank:
            looks = [run.styles for run in (*group, words[before], words[before + 1])]
            yield Run("".join(run.text for run in group), frozenset.intersection(*looks))
        else:
            before += len(group)
            yield from group


def _spans(runs: Sequence[Run]) -> list[_Span]:
    """Return the markup over the runs' text, well nested, ordered by start, outer before inner."""
    spans: list[_Span] = []
    active: list[_Open] = []
    place = 0
    for run, reach in zip(runs, _reaches(runs), strict=True):
        wanted = {*run.styles, *(["a"] if run.address else [])}
        kept = 0
        while kept < len(active) and _goes_on(active[kept], run, wanted):
            kept += 1
        for level in range(len(active) - 1, kept - 1, -1):
            each = active.pop()
            spans.append(_Span(each.start, level, place, each.tag, each.address))
        missing = wanted - {each.tag for each in active}
        # What lasts longest is opened first, so that it need not be closed and opened again.
        first = sorted(missing, key=lambda tag: (tag == "a", -reach.get(tag, 0), _order(tag)))
        active += [_Open(tag, place, run.address if tag == "a" else "") for tag in first]
        place += len(run.text)
    spans += [_Span(each.start, n, place, each.tag, each.address) for n, each in enumerate(active)]
    return sorted(spans)


def _goes_on(opened: _Open, run: Run, wanted: set[str]) -> bool:
    return opened.tag in wanted and (opened.tag != "a" or opened.address == run.address)


def _order(tag: str) -> int:
    return STYLES.index(tag) if tag in STYLES else len(STYLES)


def _reaches(runs: Sequence[Run]) -> list[dict[str, int]]:
    """Return for each run, by style, the number of the last run that the style reaches without a break."""
    reaches: list[dict[str, int]] = []
    following: dict[str, int] = {}
    for index in range(len(runs) - 1, -1, -1):
        following = {style: following.get(style, index) for style in runs[index].styles}
        reaches.append(following)
    return reaches[::-1]


class _Writer:
    """Writes the parts of one text, from its start to its end."""

    def __init__(self, text: str, spans: Sequence[_Span], limit: int) -> None:
        self._text = text
        self._limit = limit
        self._coming = iter(spans)
        self._next = next(self._coming, None)
        self._near: list[_Span] = []
        """Spans that begin before what fits into the present part and end after its start."""

    def reach(self, start: int) -> int:
        """Begin a part at ``start`` and return the end of the longest text that fits into it."""
        self._near = [span for span in self._near if span.end > start]
        units = sum(span.units for span in self._near if span.start < start)
        waiting = [span for span in self._near if span.start >= start][::-1]
        for place in range(start, len(self._text)):
            while waiting and waiting[-1].start <= place:
                units += waiting.pop().units
            while self._next is not None and self._next.start <= place:
                self._near.append(self._next)
                units += self._next.units
                self._next = next(self._coming, None)
            char = self._text[place]
            units += len(_ESCAPES.get(char, char)) + (char > "\uffff")
            if units > self._limit:
                return place
        return len(self._text)

    def write(self, start: int, end: int) -> str:
        """Write the part from ``start`` to ``end``, which must not exceed :meth:`reach`."""
        written: list[str] = []
        active: list[tuple[int, str]] = []
        place = start
        for span in [*self._near, _Span(end, 0, end, "", "")]:
            first, last = max(span.start, start), min(span.end, end)
            while active and active[-1][0] <= first:
                stop, after = active.pop()
                written += [escaped(self._text[place:stop]), after]
                place = stop
            if first < last:
                written += [escaped(self._text[place:first]), span.before]
                active.append((last, span.after))
                place = first
        written.append(escaped(self._text[place:end]))
        return "".join(written)
