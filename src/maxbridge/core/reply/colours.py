"""Which backgrounds of words are a highlighter's, and which are only how a page looked."""

from __future__ import annotations

import re

_NAMED = frozenset("yellow lime aqua cyan fuchsia magenta gold lightgreen lightyellow pink".split())
_HEX = re.compile(r"#([0-9a-f]{3}|[0-9a-f]{6})\b")
_RGB = re.compile(r"rgba?\(\s*(\d{1,3})[\s,]+(\d{1,3})[\s,]+(\d{1,3})\s*\)")
_BRIGHT, _COLOURED, _STRONG = 100, 60, 200
"""Least brightness, difference between the channels, and strongest channel, of 255."""


def is_highlighter(background: str) -> bool:
    """Is this the mark of a highlighter: bright, and not white or grey?

    Pages pasted into a reply have backgrounds everywhere: white, grey, dark, a button's blue. Word and
    the editors of the web highlight in yellow and other bright colours.

    Args:
        background: The value of ``background`` or ``background-color``, in small letters.
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
