"""What FreeScout's page keeps of a thread's HTML (the table in contract freescout-agent-ui.md 1).

A model of the desk's display, so that the pictures show what agents get and not what we wrote; what
does not survive is named, and the gallery refuses to be made. Whatever the table does not list counts
as lost.
"""

from __future__ import annotations

import re
from html import escape
from html.parser import HTMLParser
from typing import NamedTuple

_KEPT = frozenset(
    "a b strong i em u s strike code kbd pre blockquote h1 h2 h3 h4 h5 h6 ul ol li "
    "table thead tbody tr td th div p span br img".split()
)
_TAG_DROPPED = frozenset("del ins mark sub sup small".split())
"""The words stay, their look goes."""
_VOID = frozenset("br img hr".split())
_HREF = re.compile(r"(?:https?|mailto|tel|ftp):", re.IGNORECASE)
_PICTURE = re.compile(r"data:image/(?:png|jpeg|gif)[;,]|https?://", re.IGNORECASE)
_STYLES = re.compile(
    r"(?:color|background(?:-color)?|font-(?:size|weight|style)|border(?:-(?:left|right|top|bottom))?"
    r"|border-radius|margin|padding|text-decoration|display|(?:max-)?width|white-space|text-align)"
)
_MARKER = re.compile(r" maxbridge(?:-bot)?:\S+ ")
_BARE_LINK = re.compile(
    r"(?:https?://|www\.)[^\s<>\"]*[^\s<>\".,:;!?)»]|[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
)
"""Addresses of the web and of mail that the page makes links of by itself."""


class Purified(NamedTuple):
    """What is left of a thread's HTML.

    Attributes:
        html: What the page shows.
        lost: What is not in it any more, in words; the invisible marker at the end is not missed.
    """

    html: str
    lost: tuple[str, ...]


def purified(html: str) -> Purified:
    """Show HTML as the desk's page does."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.finish()


class _Reader(HTMLParser):
    """Writes again what is kept, and names what is not."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._pieces: list[str] = []
        self._lost: list[str] = []
        self._open: list[tuple[str, bool]] = []
        """Open elements, and whether they were written."""
        self._silent = 0
        """How many open elements swallow their content."""
        self._markers = 0

    def finish(self) -> Purified:
        self._lost += [f"<{tag}> is never closed" for tag, _ in self._open]
        return Purified("".join(self._pieces), tuple(self._lost))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._past_marker()
        kept = tag in _KEPT and not self._silent
        if kept and tag == "img":
            kept = _PICTURE.match(dict(attrs).get("src") or "") is not None
        if kept:
            self._pieces.append(f"<{tag}{self._attributes(tag, attrs)}>")
        else:
            self._lost.append(f"<{tag}>")
        if tag not in _VOID:
            self._open.append((tag, kept))
            self._silent += not kept and tag not in _TAG_DROPPED

    def handle_endtag(self, tag: str) -> None:
        self._past_marker()
        if not self._open or self._open[-1][0] != tag:
            self._lost.append(f"</{tag}> closes nothing")
            return
        _, kept = self._open.pop()
        if kept:
            self._pieces.append(f"</{tag}>")
        elif tag not in _TAG_DROPPED:
            self._silent -= 1

    def handle_data(self, data: str) -> None:
        if data.strip():
            self._past_marker()
        if self._silent:
            self._lost.append(f"the words {data!r}")
            return
        if "\n" in data and not any(tag == "pre" for tag, _ in self._open):
            self._lost.append("a line break that is none in HTML")
        in_link = any(tag == "a" for tag, _ in self._open)
        self._pieces.append(_escaped(data) if in_link else _linked(data))

    def handle_comment(self, data: str) -> None:
        self._past_marker()
        if _MARKER.fullmatch(data) and not self._open:
            self._markers += 1
        else:
            self._lost.append(f"the comment {data!r}")

    def handle_decl(self, decl: str) -> None:
        self._lost.append(f"the declaration {decl!r}")

    def handle_pi(self, data: str) -> None:
        self._lost.append(f"the instruction {data!r}")

    def _past_marker(self) -> None:
        """The marker survives an agent's edit only at the very end."""
        if self._markers:
            self._markers = 0
            self._lost.append("the marker, which is not at the end")

    def _attributes(self, tag: str, attrs: list[tuple[str, str | None]]) -> str:
        kept = ""
        for name, value in attrs:
            text = value or ""
            if name == "href" and tag == "a" and _HREF.match(text):
                kept += f' href="{escape(text)}" target="_blank"'
            elif name in ("src", "width", "height", "alt") and tag == "img":
                kept += f' {name}="{escape(text)}"'
            elif name == "style":
                kept += self._style(text)
            else:
                self._lost.append(f"{name}={text!r} of <{tag}>")
        return kept

    def _style(self, style: str) -> str:
        kept = []
        for declaration in filter(None, style.split(";")):
            if _STYLES.fullmatch(declaration.partition(":")[0].strip()):
                kept.append(declaration)
            else:
                self._lost.append(f"the style {declaration!r}")
        return f' style="{escape(";".join(kept))}"' if kept else ""


def _linked(text: str) -> str:
    """Escaped words, with bare addresses made into links."""
    pieces, place = [], 0
    for found in _BARE_LINK.finditer(text):
        address = found.group()
        pieces += [
            _escaped(text[place : found.start()]),
            f'<a href="{escape(_leads(address))}">{_escaped(address)}</a>',
        ]
        place = found.end()
    return "".join([*pieces, _escaped(text[place:])])


def _leads(address: str) -> str:
    if address.lower().startswith(("http://", "https://")):
        return address
    return f"http://{address}" if address.lower().startswith("www.") else f"mailto:{address}"


def _escaped(text: str) -> str:
    return escape(text, quote=False).replace("\xa0", "&nbsp;")
