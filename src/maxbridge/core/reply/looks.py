"""How an element of desk HTML makes its words look: bold, struck out, hidden, with room around it.

Tags have a look of their own; a ``style`` attribute overrules it, as pastes from Word and from web
pages need: ``<b style="font-weight:normal">`` is how Google Docs wraps what is not bold at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from maxbridge.core.reply.colours import is_highlighter
from maxbridge.core.reply.elements import Element
from maxbridge.core.reply.lines import STYLES

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
    """The looks of the words at one place, while elements open and close around it."""

    def __init__(self) -> None:
        self._changes: dict[str, list[tuple[Element, bool]]] = {}

    def enter(self, element: Element) -> None:
        """Take an element's looks into account, until it is closed."""
        for look, value in _looks(element):
            self._changes.setdefault(look, []).append((element, value))

    def on(self, look: str) -> bool:
        """Does the innermost element with a say on this look switch it on?"""
        changes = self._changes.get(look, [])
        while changes and not changes[-1][0].open:
            changes.pop()
        return bool(changes) and changes[-1][1]

    def styles(self) -> frozenset[str]:
        """Looks that MAX can show."""
        return frozenset(each for each in STYLES if self.on(each))


def is_spaced(element: Element) -> bool:
    """Does a reader see this block with room above and below?"""
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
    """Level of a paragraph that Word shows as an item of a list; 0 when it is none."""
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
