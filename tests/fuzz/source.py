"""Bytes of a fuzzer as what the wire brings: HTML of many tags, JSON of the right names and wrong types."""

from __future__ import annotations

import json
from typing import Any

HTML = (
    "<", ">", "/", "=", '"', "'", "&", ";", "#", "x", " ", "\n", "\t", "\x00", "\r",
    "<b>", "</b>", "<i>", "</i>", "<u>", "<s>", "<a href=", "<a href='javascript:alert(1)'>", "</a>",
    "<a href='https://x.ru/?a=1&amp;b=2'>", '<a href="//x">', "<p>", "</p>", "<p style='margin:0'>",
    "<div>", "</div>", "<br>", "<hr/>", "<blockquote>", "</blockquote>", "<ul>", "<ol start=9>", "<li>",
    "</ul>", "</ol>", "<table>", "<tr>", "<td>", "</td>", "</tr>", "</table>", "<pre>", "</pre>", "<code>",
    "</code>", "<mark>", "<span style='font-weight:bold;", "background:#ff0'>", "</span>", "<!--", "-->",
    "--!>", "<!DOCTYPE", "<?php", "<![CDATA[", "]]>", "<script>", "</script>", "<style>", "</style>",
    "<svg>", "</svg>", "<svg/>", "<template>", "<math>", "<img src='data:image/png;base64,AA'>",
    '<img src=/storage/attachment/1/2/a.png?id=3&token=t alt="', "<textarea>", "<o:p>", "<font color=red>",
    "<b style='display:none'>", "<p class=MsoListParagraph>", "&nbsp;", "&lt;", "&#x3c;", "&#60", "&#0;",
    "&#xD800;", "&#x10FFFF;", "&#99999999999999;", "&amp;lt;script&amp;gt;", "{%", "%}", "customer.firstName",
    ",fallback=", "слово", "a.b", "👍", "👨‍👩‍👧", "\u202e", "\u2066", "\u200b", "\u200d", "\ufeff", "\ufffe",
    "\ud800", "\udc00", "\ud83d\ude00", "<!-- maxbridge:mid.1 -->", "x" * 300, "<b>" * 40, "<div>" * 40,
    "href=", "style=", "hidden", "width=1", "http://", "https://", "javascript:", "mailto:a@x.ru", "tel:112",
)  # fmt: skip
"""Tokens; a byte of the fuzzer picks one."""

_TOKENS = 256
"""Of a body: more only make each try slower."""

SCALARS: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2**31, 2**63 - 1, 2**63, -(2**63) - 1, 10**30, 0.5, -0.0, 1e308,
    float("inf"), float("nan"), "", "x", "\ud800", "2026-11-22T22:37:05Z", "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59-23:59", "https://i.oneme.ru/i?r=1", "javascript:alert(1)", "</div><script>",
    [], {}, [[]], [None], [{}], {"": None},
)  # fmt: skip


class Source:
    """Reads decisions off bytes; at their end every decision is the first choice."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def is_empty(self) -> bool:
        """Is everything read?"""
        return self._at >= len(self._data)

    def byte(self) -> int:
        """The next byte; 0 at the end."""
        value = 0 if self.is_empty else self._data[self._at]
        self._at += 1
        return value

    def rest(self) -> bytes:
        """Everything that is left."""
        rest, self._at = self._data[self._at :], len(self._data)
        return rest

    def wire_text(self, most: int = 4000) -> str:
        """Words as JSON brings them: tokens, characters, halves of surrogate pairs."""
        count = self.byte() * 16 + self.byte() // 16
        pieces = []
        for _ in range(min(count, most)):
            if self.is_empty:
                break
            number = self.byte()
            pieces.append(
                HTML[number] if number < len(HTML) else chr((number << 8 | self.byte()) & 0xFFFF)
            )
        return "".join(pieces)

    def html(self) -> str:
        """A body: by its first byte made of tokens, or the bytes as they are."""
        if self.byte() & 1:
            return _decoded(self.rest())
        return "".join(HTML[number % len(HTML)] for number in self.rest()[:_TOKENS])

    def json(self, seeds: tuple[Any, ...], names: tuple[str, ...]) -> Any:
        """A JSON value: the bytes themselves, or a recorded one with some of its members changed."""
        kind = self.byte()
        if kind & 1:
            try:
                return json.loads(self.rest().decode("utf-8", "replace"))
            except (ValueError, RecursionError):
                return None
        value = json.loads(json.dumps(seeds[self.byte() % len(seeds)]))
        for _ in range(1 + (kind >> 1) % 6):
            value = self._changed(value, names)
        return value

    def _changed(self, value: Any, names: tuple[str, ...], depth: int = 0) -> Any:
        """The value with one place in it replaced, or a member more."""
        choice = self.byte()
        if isinstance(value, dict) and value and choice & 3 and depth < 12:
            name = sorted(value)[choice % len(value)]
            return value | {name: self._changed(value[name], names, depth + 1)}
        if isinstance(value, list) and value and choice & 3 and depth < 12:
            place = choice % len(value)
            return [
                *value[:place],
                self._changed(value[place], names, depth + 1),
                *value[place + 1 :],
            ]
        if isinstance(value, dict) and choice & 4:
            return value | {names[self.byte() % len(names)]: self._any(names)}
        return self._any(names)

    def _any(self, names: tuple[str, ...]) -> Any:
        choice = self.byte()
        if choice < 128:
            return SCALARS[choice % len(SCALARS)]
        if choice < 200:
            return self.wire_text(200)
        if choice < 228:
            return [self._any(names) for _ in range(self.byte() % 4)]
        return {names[self.byte() % len(names)]: self._any(names) for _ in range(self.byte() % 4)}


def _decoded(data: bytes) -> str:
    """UTF-8 with lone surrogates where it is that; else with what is no UTF-8 replaced."""
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return data.decode("utf-8", "replace")
