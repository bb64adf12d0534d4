"""Render MAX text as HTML for agents: escaping, formatting in our own tags, the marker, places to wrap.

The tags are those that survive FreeScout's purifier, its mails and its list preview (contract
freescout-agent-ui.md 1 and 2): lines in ``<div>``, breaks as ``<br>``, no ``del``, ``ins``,
``mark``.

FreeScout's page cuts words and addresses of more than about 85 characters at its right edge; of
everything that lets a browser wrap them, only U+200B and U+00AD survive the purifier (contract
freescout.md 12). The page makes links of bare addresses, so a long one is made our link first: its
``href`` stays whole. Replies lose these characters again on their way to MAX
(:mod:`maxbridge.core.reply.reader`).
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from html import escape, unescape
from itertools import accumulate, groupby, takewhile

from maxbridge.core.events import Mark
from maxbridge.core.text import address_note, is_joined, safe_href, utf16_len

UrlRule = Callable[[str], bool]
"""Says whether a link of MAX's may be shown to an agent."""

QUOTE = "border-left:3px solid #b9c9d8;margin:0 0 6px;padding:0 0 0 9px;color:#66788a"
"""Style of a quotation: without it a mail only indents (contract freescout-agent-ui.md 2)."""

_MARKER_SAFE = re.compile(r"[^A-Za-z0-9._:@+=/-]")
_MARKER = re.compile(r"<!-- maxbridge:(\S+) -->")
_TAGS = {
    "strong": "b",
    "heading": "b",
    "highlighted": "b",
    "user_mention": "b",
    "emphasized": "i",
    "underline": "u",
    "strikethrough": "s",
    "monospaced": "code",
    "quote": "blockquote",
    "blockquote": "blockquote",
    "link": "a",
}
"""MAX's formatting (contract max.md 4) in tags of ours; text of any other kind stays plain."""
_INLINE = ("b", "i", "u", "s", "code")
"""From the outermost to the innermost; one order for all keeps overlaps balanced."""
_AROUND = 100
"""Letters beside a link that may belong to the word which it is a part of."""
# Browsers fold spaces at the edges of a line and behind another space.
_OVERRIDES = re.compile("[\u202d\u202e]")
"""They show letters in another order than they stand in: an address, a sum, a whole line of the list of tickets.
Other marks of direction, which Arabic and Hebrew need, stay."""
_FOLDED_SPACE = re.compile(r"^ | $|(?<= ) ", re.MULTILINE)


def marker(key: str) -> str:
    """Return the invisible comment by which a thread is found again (contract freescout.md 4, 8).

    ``--`` would end the comment early, so characters unsafe in a comment are left out; ids made of
    the characters of MAX's mids stay unchanged.
    """
    safe = _MARKER_SAFE.sub("_", key)
    while "--" in safe:
        safe = safe.replace("--", "-_")
    return f"<!-- maxbridge:{safe.rstrip('-')} -->"


def has_marker(body: str, key: str) -> bool:
    """Whether a thread's body has this marker."""
    return marker(key) in body


def marked_keys(body: str) -> list[str]:
    """Return the keys of all markers in a body."""
    return _MARKER.findall(body)


def text_to_html(text: str) -> str:
    """Escape a text and keep every line break and every run of spaces."""
    return _escaped(_unfolded(text))


def formatted(text: str, marks: Sequence[Mark]) -> str:
    """Return a text with its formatting, in blocks: quotations separate, everything else in ``<div>``.

    No character is lost whatever the marks are: they may nest, overlap, exceed the text or split a
    surrogate pair. A line break between a quotation and its neighbours becomes the boundary between
    blocks. Time is linear in the text and in the marks.
    """
    runs = list(_runs(text, _stretches(text, marks)))
    segments = [
        _Segment(quoted=quoted, drawn=drawn, runs=tuple(group))
        for (quoted, drawn), group in groupby(
            runs, key=lambda run: ("blockquote" in run.tags, "pre" in run.tags)
        )
    ]
    html = ""
    for quoted, group in groupby(_trimmed(text, segments), key=lambda segment: segment.quoted):
        inner = "".join(_segment(text, segment) for segment in group)
        html += f'<blockquote style="{QUOTE}">{inner}</blockquote>' if quoted else inner
    return html


@dataclass(frozen=True, slots=True)
class _Stretch:
    """A mark in characters of the text, with its tag."""

    start: int
    end: int
    tag: str
    href: str = ""


@dataclass(frozen=True, slots=True)
class _Run:
    """Adjacent characters with the same formatting."""

    start: int
    end: int
    tags: frozenset[str]
    link: _Stretch | None


@dataclass(frozen=True, slots=True)
class _Segment:
    """A separate block: quoted or not, monospaced (``<pre>``) or not."""

    quoted: bool
    drawn: bool
    runs: tuple[_Run, ...]


def _stretches(text: str, marks: Sequence[Mark]) -> list[_Stretch]:
    if not marks:
        return []
    at_start, at_end = _places(text)
    last = len(at_start) - 1
    breaks = [index for index, char in enumerate(text) if char == "\n"]
    found = []
    for mark in marks:
        tag = _TAGS.get(mark.kind, "")
        if not tag or mark.length <= 0:
            continue
        start = at_start[min(max(mark.start, 0), last)]
        end = at_end[min(max(mark.start + mark.length, 0), last)]
        href = safe_href(mark.url) if tag == "a" else ""
        if start >= end or (tag == "a" and not href):
            continue
        if tag == "code":
            within = bisect_right(breaks, start)
            if within < len(breaks) and breaks[within] < end - 1:
                tag = "pre"  # several lines
        found.append(_Stretch(start, end, tag, href))
    return [each for each in found if each.tag != "a"] + list(_apart(found))


def _places(text: str) -> tuple[Sequence[int], Sequence[int]]:
    """Return the character at each UTF-16 unit: for starts of marks, and for their ends.

    They differ inside a surrogate pair, which is always included as a whole.
    """
    if utf16_len(text) == len(text):
        return range(len(text) + 1), range(len(text) + 1)
    starts: list[int] = []
    ends: list[int] = []
    for index, char in enumerate(text):
        pair = ord(char) > 0xFFFF
        starts += [index, index] if pair else [index]
        ends += [index, index + 1] if pair else [index]
    return [*starts, len(text)], [*ends, len(text)]


def _apart(stretches: Iterable[_Stretch]) -> Iterator[_Stretch]:
    """Return the links without overlaps: the earlier one keeps the common part."""
    free = 0
    for each in sorted((each for each in stretches if each.tag == "a"), key=lambda one: one.start):
        if each.end > free:
            yield _Stretch(max(each.start, free), each.end, "a", each.href)
            free = each.end


def _runs(text: str, stretches: Iterable[_Stretch]) -> Iterator[_Run]:
    """Cut the text wherever a stretch starts or ends."""
    changes: dict[int, list[tuple[int, _Stretch]]] = defaultdict(list)
    for each in stretches:
        changes[each.start].append((1, each))
        changes[each.end].append((-1, each))
    depth: Counter[str] = Counter()
    link: _Stretch | None = None
    position = 0
    for place in sorted({*changes, len(text)}):
        if place > position:
            tags = frozenset(tag for tag, times in depth.items() if times)
            yield _Run(position, place, tags, link)
            position = place
        for step, each in changes.get(place, ()):
            if each.tag != "a":
                depth[each.tag] += step
            elif step > 0:
                link = each
            elif link is each:
                link = None


def _trimmed(text: str, segments: Sequence[_Segment]) -> Iterator[_Segment]:
    """Drop one line break at each boundary: a block begins on a new line anyway."""
    dropped = True
    for segment in segments:
        runs = list(segment.runs)
        if not dropped and text[runs[0].start] == "\n":
            runs[0] = replace(runs[0], start=runs[0].start + 1)
        last = runs[-1]
        dropped = last.start < last.end < len(text) and text[last.end - 1] == "\n"
        if dropped:
            runs[-1] = replace(last, end=last.end - 1)
        if runs := [run for run in runs if run.start < run.end]:
            yield replace(segment, runs=tuple(runs))


def _segment(text: str, segment: _Segment) -> str:
    inner = _inline(text, segment)
    return f"<div><pre>{inner}</pre></div>" if segment.drawn else f"<div>{inner}</div>"


def _inline(text: str, segment: _Segment) -> str:
    """Render the runs of a block; tags are closed and reopened where the formatting changes."""
    start = segment.runs[0].start
    shown = _unfolded(text[start : segment.runs[-1].end])
    pieces: list[str] = []
    opened: list[str] = []
    link: _Stretch | None = None
    for run in segment.runs:
        wanted = [tag for tag in _INLINE if tag in run.tags]
        if run.link is not link:
            _close(pieces, opened, 0)
            pieces.append(_link_end(text, link))
            link = run.link
            if link is not None:
                pieces.append(f'<a href="{escape(link.href)}">')
        pairs = takewhile(lambda pair: pair[0] == pair[1], zip(opened, wanted, strict=False))
        same = len(list(pairs))
        _close(pieces, opened, same)
        pieces += [f"<{tag}>" for tag in wanted[same:]]
        opened = wanted
        pieces.append(_escaped(shown[run.start - start : run.end - start]))
    _close(pieces, opened, 0)
    pieces.append(_link_end(text, link))
    return "".join(pieces)


def _close(pieces: list[str], opened: list[str], keep: int) -> None:
    pieces += [f"</{tag}>" for tag in reversed(opened[keep:])]
    del opened[keep:]


def _link_end(text: str, link: _Stretch | None) -> str:
    if link is None:
        return ""
    before = text[max(0, link.start - _AROUND) : link.start]
    after = text[link.end : link.end + _AROUND]
    return "</a>" + address_note(text[link.start : link.end], link.href, before, after)


def _unfolded(text: str) -> str:
    """Return as many characters, with spaces that a browser does not collapse."""
    return _FOLDED_SPACE.sub("\u00a0", text)


def _escaped(text: str) -> str:
    return (
        escape(_OVERRIDES.sub("", text), quote=False)
        .replace("\t", "&nbsp;" * 4)
        .replace("\u00a0", "&nbsp;")
        .replace("\n", "<br>")
    )


# --- Long words wrap on the agent's page: a place to break that nobody sees, and links that stay whole.


BREAK = "\u200b"
LONGEST = 80
"""Letters of a word that the page shows whole; a wide one counts for more."""
_STEP = 30
"""Letters between two places to break, at most: so many fit on a phone, seen at 375 pixels."""
_WIDE, _WIDEST = 1.6, 2.0
"""Width of capitals and the like, and of emoji and Chinese signs, in other letters."""
_WIDE_LETTERS = frozenset("жмфшщыюmw@%—…")
_LOOK_BACK = 12
"""So many letters before that a better place is looked for."""
_BETTER = frozenset("/?&=#_-.,;:!|+)]}\u00a0")
"""Behind these a word is parted in two that make sense."""

_PIECE = re.compile(r"<[^>]*>|&(?:#[0-9]+|#[xX][0-9a-fA-F]+|[A-Za-z]+);|.", re.DOTALL)
_ANY_TAG = re.compile(r"<[^>]*>")
_TAG = re.compile(r"</?([a-z0-9]+)")
_WITHIN_A_LINE = frozenset("a b i u s code span".split())
_PARTED = (BREAK, "\u00ad")
_WHOLE = re.compile(r"(<a\b[^>]*>.*?</a>|<pre>.*?</pre>|<[^>]*>)", re.DOTALL)
"""What no link is made in: links, program text, tags."""
_ADDRESS = re.compile(r"(?:https?://|www\.)[^\s<>\"]+")
_NOT_ITS_END = re.compile(r"(?:[.,;:!?)\]}»”’']|&quot;|&gt;|&lt;)+$")


def breakable(html: str) -> str:
    """Return the HTML with places to break in its long words.

    Args:
        html: HTML that we made: escaped text in closed tags.
    """
    if all(len(word) * _WIDEST <= LONGEST for word in _ANY_TAG.sub("", html).split()):
        return html
    return _broken(_linked(html))


def _linked(html: str) -> str:
    """Make long bare addresses links."""
    pieces = _WHOLE.split(html)
    # Text stands at the even places, what is whole between them.
    pieces[::2] = [_ADDRESS.sub(_link, text) for text in pieces[::2]]
    return "".join(pieces)


def _link(found: re.Match[str]) -> str:
    words = found.group()
    end = _NOT_ITS_END.search(words)
    shown, rest = (words[: end.start()], words[end.start() :]) if end else (words, "")
    address = unescape(shown)
    if len(address) <= LONGEST:
        return words
    href = safe_href(address if address.startswith("http") else f"http://{address}")
    return f'<a href="{escape(href)}">{shown}</a>{rest}' if href else words


def _broken(html: str) -> str:
    pieces = _PIECE.findall(html)
    word: list[int] = []
    """Numbers of the pieces that are the letters of the word."""
    breaks: set[int] = set()
    drawn = 0
    for number, piece in enumerate(pieces):
        if tag := _TAG.match(piece):
            drawn += (tag[1] == "pre") * (-1 if piece.startswith("</") else 1)
            if tag[1] in _WITHIN_A_LINE:
                continue
        elif not (piece.isspace() or piece in _PARTED or drawn):
            word.append(number)
            continue
        breaks.update(_breaks(pieces, word))
        word = []
    breaks.update(_breaks(pieces, word))
    return "".join(
        piece + BREAK if number in breaks else piece for number, piece in enumerate(pieces)
    )


def _breaks(pieces: Sequence[str], word: Sequence[int]) -> Iterator[int]:
    """Yield the letters after which a word may break."""
    letters = "".join(unescape(pieces[number])[:1] for number in word)
    widths = list(accumulate(map(_width, letters), initial=0.0))
    if widths[-1] <= LONGEST:
        return
    at = 0
    while widths[-1] - widths[at] > _STEP:
        end = bisect_right(widths, widths[at] + _STEP) - 1
        better = next(
            (
                each
                for each in range(end, max(at, end - _LOOK_BACK), -1)
                if letters[each - 1] in _BETTER
            ),
            end,
        )
        while better < len(word) and is_joined(letters, better):
            better += 1  # an emoji of several letters stays one
        if better >= len(word):
            return
        yield word[better - 1]
        at = better


def _width(letter: str) -> float:
    if letter.isupper() or letter in _WIDE_LETTERS:
        return _WIDE
    return _WIDEST if unicodedata.east_asian_width(letter) in "WF" else 1.0
