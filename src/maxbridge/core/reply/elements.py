"""Tokenise desk HTML as a browser does: words, and elements that open and close, however broken the tags.

Python's own parser is not used: its time grows with the square of the number of unclosed elements,
it raises for some input that an editor's code view accepts, and every release reads broken HTML
differently. Here each character is read a bounded number of times, and nothing is an error.
Invisible content (comments, scripts, styles, templates) is dropped.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import unescape

from maxbridge.core.text import clean

BLOCKS = frozenset(
    "address article aside blockquote caption center dd details dialog div dl dt fieldset figcaption "
    "figure footer form h1 h2 h3 h4 h5 h6 header hr legend li main nav ol option p pre section summary "
    "table tbody td tfoot th thead tr ul".split()
)
"""Elements that begin and end a line."""
_VOID = frozenset("area base br col embed hr img input link meta source track wbr".split())
_SKIPPED = frozenset("script style title iframe noembed noframes noscript".split())
"""Elements whose content is no HTML to a browser, and never shown: it ends at their own end tag."""
_SILENT = frozenset("audio canvas math object svg template video".split())
"""Elements whose content is HTML, and never shown by the desk."""
_FOREIGN = frozenset({"math", "svg"})
"""The only elements that ``/>`` closes."""
_CELLS = ("td", "th", "caption")
_TABLE_PARTS = frozenset({*_CELLS, "tr", "tbody", "thead", "tfoot"})
_ENDS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "li": (("li",), ("ul", "ol", *_CELLS)),
    "dt": (("dt", "dd"), ("dl", *_CELLS)),
    "dd": (("dt", "dd"), ("dl", *_CELLS)),
    "td": (_CELLS, ("table",)),
    "th": (_CELLS, ("table",)),
    **dict.fromkeys(("tr", "tbody", "thead", "tfoot"), (("tr", "caption"), ("table",))),
}
"""What a start tag ends that nobody closed, and the elements that shelter what is around them."""

_MARKUP = re.compile(r"<(?:[a-zA-Z!?]|/.)", re.DOTALL)
_COMMENT = re.compile(r"<!--(?:-?>|.*?(?:--!?>|\Z))", re.DOTALL)
_TAG_NAME = re.compile(r"</?([a-zA-Z][^ \t\n\f\r/>]*)")
_ATTRIBUTE = re.compile(
    r"[ \t\n\f\r/]*(=[^ \t\n\f\r/>=]*|[^ \t\n\f\r/>=]+)"
    r"(?:[ \t\n\f\r]*=[ \t\n\f\r]*"
    r"(\"[^\"]*\"|'[^']*'|[^ \t\n\f\r>\"'][^ \t\n\f\r>]*)?)?"
)
_SKIPPED_END = {tag: re.compile(rf"</{tag}(?=[ \t\n\f\r/>])", re.IGNORECASE) for tag in _SKIPPED}
_ABSURD_REFERENCE = re.compile(r"&#(?:[0-9]{8,}|[xX][0-9a-fA-F]{8,});?")
"""Python refuses to read a number of thousands of digits, with an error."""


@dataclass(slots=True, eq=False)
class Element:
    """An element.

    Attributes:
        tag: Lower-case name.
        attributes: Values by lower-case name; empty for those without one.
        depth: Number of elements around it.
        open: False once it has ended.
    """

    tag: str
    attributes: Mapping[str, str]
    depth: int
    open: bool = True


@dataclass(frozen=True, slots=True)
class Opened:
    """An element begins."""

    element: Element


@dataclass(frozen=True, slots=True)
class Closed:
    """An opened element ends; each ends once, at the latest with the text."""

    element: Element


@dataclass(frozen=True, slots=True)
class _Tag:
    name: str
    attributes: Mapping[str, str]
    is_end: bool
    is_empty: bool


def read_html(body: str) -> Iterator[str | Opened | Closed]:
    """Tokenise a body of the desk, which may contain anything (contract freescout.md 4, case 30).

    Yields:
        Words, with entities resolved and unusable characters cleaned, and elements in the order in
        which they open and close. Blocks are well nested; an inline element may end before one
        that began inside it (``<b><i></b></i>``).
    """
    tree = _Tree()
    for _, token in _tokens(clean(body)):
        yield from tree.take(token)
    yield from tree.end_all()


def read_html_with_places(body: str) -> Iterator[tuple[int, str | Opened | Closed]]:
    """Tokenise like :func:`read_html`, with positions.

    Args:
        body: HTML cleaned by :func:`clean`: positions refer to it.

    Yields:
        The position of the tag or of the words' first character, and the event. What ends with the
        text has the
        position of its end.
    """
    tree = _Tree()
    for place, token in _tokens(body):
        for event in tree.take(token):
            yield place, event
    for event in tree.end_all():
        yield len(body), event


def _tokens(body: str) -> Iterator[tuple[int, str | _Tag]]:
    position = 0
    while found := _MARKUP.search(body, position):
        start = found.start()
        if position < start:
            yield position, _resolved(body[position:start])
        name = _TAG_NAME.match(body, start)
        if name is None:
            position = _end_of_comment(body, start)
            continue
        tag, position = _tag(body, name)
        if tag is None:
            return
        if tag.name in _SKIPPED and not tag.is_end:
            end = _SKIPPED_END[tag.name].search(body, position)
            if end is None:
                return
            position = end.start()
        else:
            yield start, tag
    if position < len(body):
        yield position, _resolved(body[position:])


def _end_of_comment(body: str, start: int) -> int:
    """Return where a comment or declaration ends; a browser treats both alike."""
    comment = _COMMENT.match(body, start)
    if comment is not None:
        return comment.end()
    end = body.find(">", start)
    return len(body) if end < 0 else end + 1


def _tag(body: str, name: re.Match[str]) -> tuple[_Tag | None, int]:
    """Return the tag that begins here and where it ends; no tag if the text ends before."""
    position = name.end()
    attributes: dict[str, str] = {}
    while attribute := _ATTRIBUTE.match(body, position):
        value = attribute[2] or ""
        if value[:1] in ('"', "'"):
            value = value[1:-1]
        attributes.setdefault(attribute[1].lower(), _resolved(value))
        position = attribute.end()
    end = body.find(">", position)
    if end < 0:
        return None, len(body)
    is_end, is_empty = body.startswith("</", name.start()), "/" in body[position:end]
    return _Tag(name[1].lower(), attributes, is_end, is_empty), end + 1


def _resolved(raw: str) -> str:
    return clean(unescape(_ABSURD_REFERENCE.sub("\ufffd", raw)))


class _Tree:
    """The open elements, and what a tag opens and closes.

    Follows a browser's rules as far as they affect what is visible: which element an end tag
    belongs to, which elements a start tag ends (``<li>``, ``<td>``, a block after ``<p>``), and
    that a cell's content cannot end elements around its table. An end tag without an element is
    ignored.
    """

    def __init__(self) -> None:
        self._stack: list[Element] = []
        self._open: defaultdict[str, list[Element]] = defaultdict(list)
        self._silent = ""
        """The element that shows nothing and was opened first, if one is open."""
        self._silences = 0

    def take(self, token: str | _Tag) -> Iterator[str | Opened | Closed]:
        """Yield the events of the next tag or words."""
        if isinstance(token, str):
            return self.words(token)
        return self.end(token.name) if token.is_end else self.start(token)

    def words(self, words: str) -> Iterator[str]:
        if not self._silent:
            yield words

    def start(self, tag: _Tag) -> Iterator[Opened | Closed]:
        if self._hushed(tag):
            return
        yield from self._make_room(tag.name)
        if tag.name in _VOID:
            yield from self._void(tag.name, tag.attributes)
        else:
            yield self._push(tag.name, tag.attributes)

    def end(self, name: str) -> Iterator[Opened | Closed]:
        if self._silent:
            self._silences -= name == self._silent
            self._silent = self._silent if self._silences else ""
            return
        if name == "br":
            yield from self._void(name, {})
        element = self._reachable(name)
        if element is None:
            return
        if name in BLOCKS:
            yield from self._pop_to(element)
        else:
            yield self._close(element)

    def end_all(self) -> Iterator[Closed]:
        if self._stack:
            yield from self._pop_to(self._stack[0])

    def _hushed(self, tag: _Tag) -> bool:
        if self._silent:
            self._silences += tag.name == self._silent
            return True
        if tag.name not in _SILENT:
            return False
        if not (tag.is_empty and tag.name in _FOREIGN):
            self._silent, self._silences = tag.name, 1
        return True

    def _make_room(self, name: str) -> Iterator[Opened | Closed]:
        if name == "a" and self._open["a"]:
            yield self._close(self._open["a"][-1])
        if name in BLOCKS and (paragraph := self._reachable("p")):
            yield self._close(paragraph)
        ended, shelters = _ENDS.get(name, ((), ()))
        for each in ended:
            if self._depth(each) > self._depth(*shelters):
                yield from self._pop_to(self._open[each][-1])
        if name in ("td", "th") and self._depth("tr") < self._depth("table"):
            yield self._push("tr", {})

    def _reachable(self, name: str) -> Element | None:
        """Return the element that an end tag of this name would end."""
        if name == "table":
            floor = -1
        elif name in _TABLE_PARTS:
            floor = self._depth("table")
        else:
            floor = self._depth(*_CELLS)
        return self._open[name][-1] if self._depth(name) > floor else None

    def _depth(self, *names: str) -> int:
        """Return the depth of the innermost of these elements; -1 if there is none."""
        return max(self._open[each][-1].depth if self._open[each] else -1 for each in names)

    def _push(self, name: str, attributes: Mapping[str, str]) -> Opened:
        element = Element(name, attributes, len(self._stack))
        self._stack.append(element)
        self._open[name].append(element)
        return Opened(element)

    def _void(self, name: str, attributes: Mapping[str, str]) -> Iterator[Opened | Closed]:
        element = Element(name, attributes, len(self._stack))
        yield Opened(element)
        element.open = False
        yield Closed(element)

    def _pop_to(self, element: Element) -> Iterator[Closed]:
        top = None
        while top is not element:
            top = self._stack.pop()
            if top.open:
                yield self._close(top)

    def _close(self, element: Element) -> Closed:
        """End an element, which is always the innermost of its name."""
        self._open[element.tag].pop()
        element.open = False
        return Closed(element)
