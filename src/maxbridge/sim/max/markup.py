"""Turns the text of a send in MAX's HTML or markdown into plain text and its markup array."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from maxbridge.sim.max.errors import ApiError, bad

TAGS = {
    "b": "strong",
    "strong": "strong",
    "i": "emphasized",
    "em": "emphasized",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "del": "strikethrough",
    "code": "monospaced",
    "pre": "monospaced",
    "mark": "highlighted",
    "h1": "heading",
    "h2": "heading",
    "h3": "heading",
    "h4": "heading",
    "blockquote": "quote",
    "a": "link",
}
MARK_TAGS = {
    "**": "b",
    "__": "b",
    "~~": "s",
    "++": "u",
    "^^": "mark",
    "*": "i",
    "_": "i",
}
BAD_LINK = "Must have only http/https links format in buttons"
BAD_MARKDOWN = (
    "Some Markdown syntax is not supported by Max messenger. "
    "Use basic formatting: *bold*, _italic_, `code`, ```pre```"
)
MAX_URL = 2048

_MENTION = re.compile(r"max://user/(\d+)")
_PUBLIC_HOST = re.compile(r"(?:[^\s.]+\.)+(?!local$|localhost$|internal$|lan$)[^\W\d_][\w-]+")
_MARKDOWN = re.compile(
    r"(?P<code>```.*?```|`[^`\n]*`)"
    r"|\[(?P<label>[^\]\n]+)\]\((?P<url>[^)\s]+)\)"
    r"|(?P<mark>\*\*|__|~~|\+\+|\^\^|\*|_|`)",
    re.DOTALL,
)


class Formatted(NamedTuple):
    """What MAX keeps of a formatted text, and the tags that it threw away."""

    text: str
    markup: list[dict[str, Any]]
    stripped: list[str]


@dataclass(slots=True)
class _Open:
    tag: str
    start: int
    url: str | None = None


def utf16_len(text: str) -> int:
    """Count UTF-16 code units, which limits and offsets are in (contract max.md 4, 5.1)."""
    return len(text) + sum(char > "\uffff" for char in text)


def check_link(url: str) -> None:
    """Refuse a link that MAX refuses: not http(s), or a host with no public name.

    The rule is contract max.md 5.1; what exactly a public name is, nobody documents.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        raise bad(BAD_LINK) from None
    if parts.scheme not in ("http", "https") or not _PUBLIC_HOST.fullmatch(host):
        raise bad(BAD_LINK)
    if utf16_len(url) > MAX_URL:
        raise bad(f"url: size must be between 1 and {MAX_URL}")


def render(text: str, style: str | None) -> Formatted:
    """Read a text in the given format (contract max.md 5.1)."""
    if style is None:
        return Formatted(text, [], [])
    if style == "html":
        return _html(text)
    if style == "markdown":
        return _markdown(text)
    raise bad(f"format: unknown value {style}")


def _html(text: str) -> Formatted:
    reader = _Reader()
    reader.feed(text)
    reader.close()
    return reader.finish()


def _element(kind: str, start: int, end: int, url: str | None = None) -> dict[str, Any]:
    element: dict[str, Any] = {"type": kind, "from": start, "length": end - start}
    if url is None:
        return element
    mention = _MENTION.fullmatch(url)
    if mention:
        return {**element, "type": "user_mention", "user_id": int(mention[1])}
    return {**element, "url": url}


class _Reader(HTMLParser):
    """Collects text and markup.

    Unknown tags are stripped, as documented. Tags that do not balance are refused: MAX's own
    reaction is not documented, and whoever relies on one is wrong already.
    """

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._pieces: list[str] = []
        self._length = 0
        self._open: list[_Open] = []
        self._markup: list[dict[str, Any]] = []
        self._stripped: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in TAGS:
            self._stripped.append(tag)
            return
        url = None
        if tag == "a":
            url = dict(attrs).get("href") or ""
            if not _MENTION.fullmatch(url):
                check_link(url)
        self._open.append(_Open(tag, self._length, url))

    def handle_startendtag(self, tag: str, _attrs: list[tuple[str, str | None]]) -> None:
        if tag in TAGS:
            raise _unbalanced(tag)
        self._stripped.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in TAGS:
            return
        if not self._open or self._open[-1].tag != tag:
            raise _unbalanced(tag)
        opened = self._open.pop()
        if self._length > opened.start:
            kind = TAGS[tag]
            self._markup.append(_element(kind, opened.start, self._length, opened.url))

    def handle_comment(self, _data: str) -> None:
        self._stripped.append("!--")

    def handle_data(self, data: str) -> None:
        self._pieces.append(data)
        self._length += utf16_len(data)

    def finish(self) -> Formatted:
        if self._open:
            raise _unbalanced(self._open[-1].tag)
        markup = sorted(self._markup, key=lambda one: (one["from"], -one["length"]))
        return Formatted("".join(self._pieces), markup, self._stripped)


def _unbalanced(tag: str) -> ApiError:
    return bad(f"HTML: tag {tag} is not balanced")


def _markdown(text: str) -> Formatted:
    """Read markdown; stray marks are refused, as MAX may (contract max.md 5.1)."""
    reader = _Reader()
    opened: list[str] = []
    position = 0
    for match in _MARKDOWN.finditer(text):
        reader.handle_data(text[position : match.start()])
        position = match.end()
        if match["code"]:
            _code(reader, match["code"])
        elif match["url"]:
            reader.handle_starttag("a", [("href", match["url"])])
            reader.handle_data(match["label"])
            reader.handle_endtag("a")
        else:
            _mark(reader, opened, match["mark"])
    reader.handle_data(text[position:])
    if opened:
        raise bad(BAD_MARKDOWN)
    return reader.finish()


def _code(reader: _Reader, code: str) -> None:
    fence = "```" if code.startswith("```") else "`"
    reader.handle_starttag("code", [])
    reader.handle_data(code.removeprefix(fence).removesuffix(fence))
    reader.handle_endtag("code")


def _mark(reader: _Reader, opened: list[str], mark: str) -> None:
    tag = MARK_TAGS.get(mark)
    if opened and opened[-1] == mark and tag:
        opened.pop()
        reader.handle_endtag(tag)
    elif tag is None or mark in opened:
        raise bad(BAD_MARKDOWN)
    else:
        opened.append(mark)
        reader.handle_starttag(tag, [])
