"""What stands before the words of a line: quote signs, indentation, bullets and numbers of lists."""

from __future__ import annotations

import re
from typing import NamedTuple

from maxbridge.core.reply.elements import Element
from maxbridge.core.reply.lines import Piece, Run

QUOTE = "> "
_INDENT = "  "
_BULLET = "• "
_DEEPEST = 5
"""Quotes and lists inside each other that a line shows; a thousand would make a thousand signs."""
_NUMBER = re.compile(r"[0-9]{1,9}")
_WORD_BULLET = re.compile(r"[·•▪o§\uf0a7\uf0b7\uf0d8–-][ \t]+(?=\S)")
_WORD_NUMBER = re.compile(r"\w{1,4}[.)](?=[ \t]+\S)")


class _Container(NamedTuple):
    is_quote: bool
    numbers: list[int]
    """The number of the next item; empty for a list with bullets."""


class _Bullet(NamedTuple):
    text: str
    place: int
    """Its list's place among the containers."""


class Margin:
    """The quotes and lists that are open, and the bullet that waits for its words."""

    def __init__(self) -> None:
        self._containers: list[_Container] = []
        self._lists: list[int] = []
        """Places of the open lists among the containers."""
        self._bullet: _Bullet | None = None

    @property
    def bullet_waits(self) -> bool:
        """Has an item begun that has no words yet?"""
        return self._bullet is not None

    def lead(self) -> str:
        """What comes before the words of the next line; a bullet is given once."""
        bullet, self._bullet = self._bullet, None
        if bullet is None:
            return self.indent()
        inside = self._indent(bullet.place + 1, _DEEPEST)
        return f"{self._indent(0, bullet.place)}{bullet.text}{inside}"

    def indent(self) -> str:
        """What comes before the words of a line that begins no item."""
        return self._indent(0, _DEEPEST)

    def open(self, element: Element) -> None:
        """A block begins."""
        match element.tag:
            case "blockquote":
                self._containers.append(_Container(is_quote=True, numbers=[]))
            case "ul":
                self._open_list([])
            case "ol":
                self._open_list([_number(element, "start") or 1])
            case "li":
                self._bullet = self._next_bullet(_number(element, "value"))

    def close(self, element: Element) -> None:
        """A block ends that was opened."""
        match element.tag:
            case "blockquote":
                self._containers.pop()
            case "ul" | "ol":
                self._containers.pop()
                self._lists.pop()
            case "li":
                self._bullet = None

    def _indent(self, first: int, last: int) -> str:
        shown = self._containers[first : min(last, _DEEPEST)]
        return "".join(QUOTE if each.is_quote else _INDENT for each in shown)

    def _open_list(self, numbers: list[int]) -> None:
        self._lists.append(len(self._containers))
        self._containers.append(_Container(is_quote=False, numbers=numbers))

    def _next_bullet(self, number: int | None) -> _Bullet:
        if not self._lists:
            return _Bullet(_BULLET, len(self._containers))
        place = self._lists[-1]
        numbers = self._containers[place].numbers
        if not numbers:
            return _Bullet(_BULLET, place)
        number = numbers[0] if number is None else number
        numbers[0] = number + 1
        return _Bullet(f"{number}. ", place)


def take_word_bullet(pieces: list[Piece], level: int) -> str:
    """Take the bullet from the words of a paragraph that Word shows as an item of a list.

    Word writes bullets and numbers as words, the bullets in letters of fonts that MAX has not
    (``·`` and ``o`` are what remains of a dot and a ring).

    Returns:
        The bullet with its indentation, or nothing when the paragraph begins with none.
    """
    first, second = [*pieces, None, None][:2]
    if not isinstance(first, Run):
        return ""
    text = first.text + (second.text if isinstance(second, Run) else "")
    found = _WORD_BULLET.match(text) or _WORD_NUMBER.match(text)
    if found is None or found.end() > len(first.text):
        return ""
    rest = first.text[found.end() :].lstrip()
    pieces[:1] = [first.with_text(rest)] if rest else []
    bullet = _BULLET if found.re is _WORD_BULLET else f"{found.group()} "
    return _INDENT * (min(level, _DEEPEST) - 1) + bullet


def _number(element: Element, attribute: str) -> int | None:
    value = element.attributes.get(attribute, "")
    return int(value) if _NUMBER.fullmatch(value) else None
