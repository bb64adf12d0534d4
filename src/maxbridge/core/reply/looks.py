"""Formatting and margins of desk HTML elements: bold, struck out, hidden, highlighted; quotes and lists.

A tag has a default formatting; a ``style`` attribute overrides it, as pastes from Word and web
pages need: ``<b style="font-weight:normal">`` is Google Docs' wrapper for words that are not bold.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from maxbridge.core.reply.elements import Element
from maxbridge.core.reply.lines import STYLES, Piece, Run

HIDDEN = "hidden"
SPACES_KEPT = "spaces"
"""White space and line breaks of the source stand as they are."""

_LOOKS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys("b strong h1 h2 h3 h4 h5 h6 th".split(), ("b",)),
    **dict.fromkeys("i em cite dfn var".split(), ("i",)),
    **dict.fromkeys("u ins".split(), ("u",)),
    **dict.fromkeys("s strike del".split(), ("s",)),
    **dict.fromkeys("kbd samp tt".split(), ("code",)),
    "code": ("code", SPACES_KEPT),
    "mark": ("mark",),
    "pre": ("pre", SPACES_KEPT),
}
_LOOKS_BY_TAG = {tag: tuple((look, True) for look in looks) for tag, looks in _LOOKS.items()}
_WRAPPERS = frozenset({"span", "font"})
"""What Word and editors put around words to highlight them; blocks have backgrounds for other reasons."""
_SPACED = frozenset("h1 h2 h3 h4 h5 h6 p table".split())
_WORD_LIST = re.compile(r"^msolistparagraph", re.IGNORECASE)
_WORD_LEVEL = re.compile(r"\blevel([1-9])\b")
_NUMBER = re.compile(r"[-+]?(?:\d{1,9}(?:\.\d{0,9})?|\.\d{1,9})")
_BOLD_FROM = 600
_NO_ROOM = 0.01
"""Word writes ``.0001pt`` where it means none."""


class Looks:
    """The formatting in force while elements open and close."""

    def __init__(self) -> None:
        self._changes: dict[str, list[tuple[Element, bool]]] = {}

    def enter(self, element: Element) -> None:
        """Apply an element's formatting until it is closed."""
        for look, value in _looks(element):
            self._changes.setdefault(look, []).append((element, value))

    def on(self, look: str) -> bool:
        """Whether the innermost element that sets this formatting switches it on."""
        changes = self._changes.get(look, [])
        while changes and not changes[-1][0].open:
            changes.pop()
        return bool(changes) and changes[-1][1]

    def styles(self) -> frozenset[str]:
        """Formatting that MAX can show."""
        return frozenset(each for each in STYLES if self.on(each))


def is_spaced(element: Element) -> bool:
    """Whether the block is shown with space above and below."""
    if element.tag not in _SPACED or word_list_level(element):
        return False
    style = _declarations(element)
    if not style:
        return True
    sides = style.get("margin", "").split()
    top = style.get("margin-top") or (sides[0] if sides else "")
    bottom = style.get("margin-bottom") or (sides[2] if len(sides) > 2 else "".join(sides[:1]))
    return not (_is_none(top) and _is_none(bottom))


def word_list_level(element: Element) -> int:
    """Return the list level of a paragraph that Word shows as a list item; 0 if it is none."""
    if not element.attributes:
        return 0
    kind = _declarations(element).get("mso-list", "")
    if not _WORD_LIST.match(element.attributes.get("class", "")) and kind in ("", "none"):
        return 0
    level = _WORD_LEVEL.search(kind)
    return int(level[1]) if level else 1


def _looks(element: Element) -> Iterable[tuple[str, bool]]:
    if not element.attributes:
        return _LOOKS_BY_TAG.get(element.tag, ())
    own = dict.fromkeys(_LOOKS.get(element.tag, ()), True)
    if "hidden" in element.attributes:
        own[HIDDEN] = True
    style = _declarations(element)
    if style:
        _overrule(own, style)
        if element.tag in _WRAPPERS and is_highlighter(_background(style)):
            own["mark"] = True
    return own.items()


def _overrule(own: dict[str, bool], style: Mapping[str, str]) -> None:
    weight, slant = style.get("font-weight", ""), style.get("font-style", "")
    if weight in ("bold", "bolder", "normal", "lighter") or weight.isdecimal():
        own["b"] = weight in ("bold", "bolder") or (
            weight.isdecimal() and len(weight) < 5 and int(weight) >= _BOLD_FROM
        )
    if slant in ("italic", "oblique", "normal"):
        own["i"] = slant != "normal"
    decoration = style.get("text-decoration-line") or style.get("text-decoration")
    if decoration is not None:
        # Unlike the others this one is not inherited: an element cannot undo what is around it.
        for look, word in (("u", "underline"), ("s", "line-through")):
            own.pop(look, None)
            if word in decoration:
                own[look] = True
    spaces = style.get("white-space", "")
    if spaces:
        own[SPACES_KEPT] = spaces.startswith(("pre", "break-spaces"))
    if (
        style.get("display") == "none"
        or style.get("visibility") in ("hidden", "collapse")
        or style.get("mso-hide") == "all"
    ):
        own[HIDDEN] = True


def _background(style: Mapping[str, str]) -> str:
    return style.get("background-color") or style.get("background", "")


def _declarations(element: Element) -> Mapping[str, str]:
    style = element.attributes.get("style")
    if not style:
        return {}
    declared = {}
    for declaration in style.lower().split(";"):
        name, _, value = declaration.partition(":")
        declared[name.strip()] = value.replace("!important", "").strip()
    return declared


def _is_none(margin: str) -> bool:
    number = _NUMBER.match(margin)
    return number is not None and abs(float(number.group())) < _NO_ROOM


# --- Which backgrounds of words are a highlighter's, and which are only how a page looked.


_NAMED = frozenset("yellow lime aqua cyan fuchsia magenta gold lightgreen lightyellow pink".split())
_HEX = re.compile(r"#([0-9a-f]{3}|[0-9a-f]{6})\b")
_RGB = re.compile(r"rgba?\(\s*(\d{1,3})[\s,]+(\d{1,3})[\s,]+(\d{1,3})\s*\)")
_BRIGHT, _COLOURED, _STRONG = 100, 60, 200
"""Least brightness, difference between the channels, and strongest channel, of 255."""


def is_highlighter(background: str) -> bool:
    """Whether it is a highlighter's colour: bright, not white or grey.

    Pages pasted into a reply have backgrounds everywhere: white, grey, dark, a button's blue. Word
    and web editors highlight in yellow and other bright colours.

    Args:
        background: The lower-case value of ``background`` or ``background-color``.
    """
    if background.split(" ", 1)[0] in _NAMED:
        return True
    channels = _channels(background)
    if channels is None:
        return False
    red, green, blue = channels
    brightness = 0.299 * red + 0.587 * green + 0.114 * blue
    return (
        brightness >= _BRIGHT
        and max(channels) - min(channels) >= _COLOURED
        and max(channels) >= _STRONG
    )


def _channels(background: str) -> tuple[int, int, int] | None:
    if found := _HEX.match(background):
        digits = found[1] if len(found[1]) == 6 else "".join(each * 2 for each in found[1])
        return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)
    if found := _RGB.match(background):
        return int(found[1]), int(found[2]), int(found[3])
    return None


# --- What stands before the words of a line: quote signs, indentation, bullets and numbers of lists.


QUOTE = "> "
_INDENT = "  "
_BULLET = "• "
_DEEPEST = 5
"""Quotes and lists inside each other that a line shows; a thousand would make a thousand signs."""
_LIST_NUMBER = re.compile(r"[0-9]{1,9}")
_WORD_BULLET = re.compile(r"[·•▪o§\uf0a7\uf0b7\uf0d8–-][ \t]+(?=\S)")
_WORD_NUMBER = re.compile(r"\w{1,4}[.)](?=[ \t]+\S)")


class _Container(NamedTuple):
    is_quote: bool
    numbers: list[int]
    """The next item's number; empty for a bullet list."""


class _Bullet(NamedTuple):
    text: str
    place: int
    """The index of its list among the containers."""


class Margin:
    """The open quotes and lists, and the bullet not yet written."""

    def __init__(self) -> None:
        self._containers: list[_Container] = []
        self._lists: list[int] = []
        """Places of the open lists among the containers."""
        self._bullet: _Bullet | None = None

    @property
    def bullet_waits(self) -> bool:
        """Whether an item has begun without words so far."""
        return self._bullet is not None

    def lead(self) -> str:
        """Return the prefix of the next line; a bullet is returned once."""
        bullet, self._bullet = self._bullet, None
        if bullet is None:
            return self.indent()
        inside = self._indent(bullet.place + 1, _DEEPEST)
        return f"{self._indent(0, bullet.place)}{bullet.text}{inside}"

    def indent(self) -> str:
        """Return the prefix of a line that begins no item."""
        return self._indent(0, _DEEPEST)

    def open(self, element: Element) -> None:
        """Enter a block."""
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
        """Leave a block."""
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
    """Remove the bullet from the words of a paragraph that Word shows as a list item.

    Word writes bullets and numbers as words, bullets in letters of symbol fonts (``·`` and ``o``
    stand for a dot and a ring).

    Returns:
        The bullet with its indentation, or empty if there is none.
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
    return int(value) if _LIST_NUMBER.fullmatch(value) else None
