"""Desk HTML to MAX text: what an agent wrote, as plain messages of at most 4000 UTF-16 units.

Block elements become lines, lists get their bullets, quotes their ``>``, links their address, and
what a message cannot carry yet (pictures, files) stays visible as a line in brackets.
Comments, scripts and styles never leave. Plain text needs no escaping and no end refuses it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape, unescape
from html.parser import HTMLParser

from maxbridge.core.text import MAX_TEXT_UNITS, clean, split
from maxbridge.core.texts import Texts

_BLOCKS = frozenset(
    "address article aside blockquote center dd div dl dt fieldset figure footer form h1 h2 h3 h4 "
    "h5 h6 header hr li main nav ol p pre section table tbody tfoot thead tr ul".split()
)
_SPACED = frozenset("h1 h2 h3 h4 h5 h6 p table".split())
"""Blocks that a reader sees with room above and below."""
_SILENT = frozenset("head script style template title noscript iframe object svg math".split())
_VOID = frozenset("area base br col embed hr img input link meta source track wbr".split())
_VARIABLE = re.compile(r"\{%\s*([A-Za-z_.]+)\s*(?:,\s*fallback=([^%]*?))?\s*%\}")
_COMMENT = re.compile(r"<!--(?:-?>|.*?(?:--!?>|\Z))", re.DOTALL)
_CDATA = re.compile(r"<!\[CDATA\[.*?(?:\]\]>|\Z)", re.DOTALL)
_DECLARATION = re.compile(r"<[^>]*(?:>|\Z)")
_HIDDEN_ELEMENT = re.compile(
    r"<(script|style|template|title)\b.*?(?:</\1\s*>|\Z)", re.DOTALL | re.IGNORECASE
)
_ANY_TAG = re.compile(r"<[!?/a-zA-Z][^<>]*>")
_LONGEST = 500_000
_MOST_UNCLOSED = 200
_SPACE = re.compile(r"[ \t\n\r\f]+")


def render(
    body: str,
    texts: Texts,
    *,
    files: Sequence[str] = (),
    signature: str = "",
    variables: Mapping[str, str] | None = None,
    limit: int = MAX_TEXT_UNITS,
) -> list[str]:
    """Turn a reply into the texts of one or more MAX messages, in order.

    Args:
        body: HTML as the desk's API returns it: raw, not sanitised.
        texts: The language of the customer.
        files: Names of the reply's attachments.
        signature: Plain text put under the reply; empty for none.
        variables: Values of the desk's ``{%name%}`` variables; unknown ones vanish, because the
            editor leaves them raw in the body (contract freescout-agent-ui.md 4).
        limit: Longest message in UTF-16 units.

    Returns:
        An empty list when the reply shows nothing at all.
    """
    text = to_text(_fill(body, variables or {}), texts)
    lines = [text] if text else []
    lines += [texts.reply_file.format(name=clean(name)) for name in files]
    if lines and signature:
        lines.append(f"\n{signature}")
    return split("\n".join(lines), limit)


def to_text(body: str, texts: Texts) -> str:
    """The words of a desk body as a reader sees them, without outer blank lines."""
    body = clean(body)
    if len(body) > _LONGEST or body.count("<") - body.count(">") > _MOST_UNCLOSED:
        return _crude_text(body)
    reader = _Reader(texts)
    reader.feed(body)
    reader.close()
    return reader.text()


def _fill(body: str, variables: Mapping[str, str]) -> str:
    return _VARIABLE.sub(lambda m: escape(variables.get(m[1], "")) or m[2] or "", body)


def _crude_text(body: str) -> str:
    """The words without the layout, in linear time.

    Python's parser takes time that grows with the square of what nothing closes: minutes for a
    reply of 150 kB of rubbish, during which the whole bridge would stand still.
    """
    for hidden in (_COMMENT, _CDATA, _HIDDEN_ELEMENT):
        body = hidden.sub("", body)
    lines = unescape(_ANY_TAG.sub("\n", body)).split("\n")
    return "\n".join(line.strip() for line in lines if line.strip())


class _Reader(HTMLParser):
    """Collects lines; unbalanced and unknown tags are read as a browser would."""

    def __init__(self, texts: Texts) -> None:
        super().__init__(convert_charrefs=True)
        self._texts = texts
        self._lines: list[str] = []
        self._line = ""
        self._silent: list[str] = []
        """Open elements that show nothing."""
        self._preformatted = 0
        self._quotes = 0
        self._lists: list[int | None] = []
        self._links: list[tuple[str, int]] = []
        self._gap = False
        self._bullet = ""

    # What is hidden ends where a browser ends it, at the latest with the text. Python's own readings
    # show what nothing closes, and raise for some of what an editor's code view lets through.

    def parse_comment(self, i: int, report: bool = True) -> int:  # noqa: ARG002, FBT002
        return self._end(_COMMENT, i)

    def parse_html_declaration(self, i: int) -> int:
        for hidden in (_COMMENT, _CDATA):
            if hidden.match(self.rawdata, i):
                return self._end(hidden, i)
        return self._end(_DECLARATION, i)

    def parse_pi(self, i: int) -> int:
        return self._end(_DECLARATION, i)

    def parse_bogus_comment(self, i: int, report: bool = True) -> int:  # noqa: ARG002, FBT002
        return self._end(_DECLARATION, i)

    def _end(self, hidden: re.Pattern[str], start: int) -> int:
        found = hidden.match(self.rawdata, start)
        return found.end() if found else len(self.rawdata)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _SILENT:
            self._silent.append(tag)
        if self._silent:
            return
        attributes = {name: value or "" for name, value in attrs}
        if tag == "br":
            self._break()
        elif tag == "img":
            self._picture(attributes)
        elif tag == "a":
            self._links.append((attributes.get("href", "").strip(), len(self._line)))
        elif tag in ("td", "th"):
            if self._line.strip():
                self._line = self._line.rstrip() + " | "
        elif tag in _BLOCKS:
            self._open_block(tag, attributes)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._silent:
            if tag in self._silent:
                del self._silent[self._silent.index(tag) :]
            return
        if tag == "a" and self._links:
            self._close_link(*self._links.pop())
        elif tag in _BLOCKS and tag not in _VOID:
            self._close_block(tag)

    def handle_data(self, data: str) -> None:
        if self._silent:
            return
        if self._preformatted:
            first, *rest = data.split("\n")
            self._write(first)
            for line in rest:
                self._break()
                self._write(line)
            return
        data = _SPACE.sub(" ", data)
        if not self._line or self._line.endswith(" "):
            data = data.lstrip(" ")
        self._write(data)

    def text(self) -> str:
        """Everything read so far."""
        self._end_line()
        while self._lines and not self._lines[-1].strip():
            self._lines.pop()
        start = 0
        while start < len(self._lines) and not self._lines[start].strip():
            start += 1
        return "\n".join(self._lines[start:])

    def _write(self, data: str) -> None:
        data = data.replace("\xa0", " ")
        if data and not self._line:
            if self._gap and self._lines and self._lines[-1].strip():
                self._lines.append("")
            self._gap = False
            self._line = "> " * self._quotes + self._bullet
            self._bullet = ""
        self._line += data

    def _break(self) -> None:
        """A line break of the author's: it stands even when the line is empty."""
        self._lines.append(self._line.rstrip())
        self._line = ""

    def _end_line(self) -> None:
        if self._line.strip():
            self._lines.append(self._line.rstrip())
        self._line = ""

    def _open_block(self, tag: str, attributes: Mapping[str, str]) -> None:
        self._end_line()
        self._gap = self._gap or tag in _SPACED
        if tag == "pre":
            self._preformatted += 1
        elif tag == "blockquote":
            self._quotes += 1
        elif tag == "ul":
            self._lists.append(None)
        elif tag == "ol":
            start = attributes.get("start", "1")
            self._lists.append(int(start) if start.isdecimal() and len(start) <= 9 else 1)
        elif tag == "li":
            self._bullet = self._next_bullet()

    def _close_block(self, tag: str) -> None:
        self._end_line()
        self._gap = self._gap or tag in _SPACED
        if tag == "pre":
            self._preformatted = max(0, self._preformatted - 1)
        elif tag == "blockquote":
            self._quotes = max(0, self._quotes - 1)
        elif tag in ("ul", "ol") and self._lists:
            self._lists.pop()
        elif tag == "li":
            self._bullet = ""

    def _next_bullet(self) -> str:
        indent = "  " * max(0, len(self._lists) - 1)
        number = self._lists[-1] if self._lists else None
        if number is None:
            return f"{indent}• "
        self._lists[-1] = number + 1
        return f"{indent}{number}. "

    def _picture(self, attributes: Mapping[str, str]) -> None:
        name = attributes.get("alt", "").strip()
        self._write(self._texts.reply_picture.format(name=name or "…"))

    def _close_link(self, href: str, start: int) -> None:
        """Show where a link leads, unless its words say so already."""
        if not href.lower().startswith(("http://", "https://", "mailto:", "tel:")):
            return
        shown = self._line[start:].strip() if len(self._line) >= start else ""
        bare = href.partition(":")[2].lstrip("/")
        if bare.rstrip("/") not in shown.rstrip("/") or not bare:
            self._write(f" ({href})" if shown else href)
