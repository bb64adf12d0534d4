"""A part of a reply as MAX reads it, by the simulator: its words, and which of them look how."""

from __future__ import annotations

import re
from typing import Any

from maxbridge.core.render import plain
from maxbridge.core.text import utf16_len
from maxbridge.sim.max.markup import render as read_by_max

ALLOWED = {"b", "i", "u", "s", "mark", "code", "pre", "a"}
"""Tags of contract max.md 5.1 that every version of MAX's documents lists."""
_TAG = re.compile(r"</?([a-z0-9]+)[^>]*>")


def read(part: str, limit: int = 4000) -> tuple[str, list[dict[str, Any]]]:
    """Words and markup of a part, after checking what holds for every part."""
    assert 0 < utf16_len(part) <= limit
    assert set(_TAG.findall(part)) <= ALLOWED
    assert not re.search(r"&(?!(amp|lt|gt|quot);)", part), (
        "an entity that MAX may not know, or a torn one"
    )
    message = read_by_max(
        part, "html"
    )  # refuses what is not well nested and links that MAX refuses
    assert message.stripped == []
    assert message.text == plain(part)
    assert message.text == message.text.strip() != ""
    for each in message.markup:
        assert words_of(message.text, each).strip(), "markup around nothing"
    return message.text, message.markup


def words_of(text: str, element: dict[str, Any]) -> str:
    """The words that an element of markup covers; its offsets are UTF-16 units."""
    units = text.encode("utf-16-le")
    start, end = element["from"] * 2, (element["from"] + element["length"]) * 2
    return units[start:end].decode("utf-16-le")


def looks(text: str, markup: list[dict[str, Any]]) -> list[tuple[str, frozenset[str]]]:
    """Each character that is not white space, with the kinds of markup that cover it."""
    at, result = 0, []
    for char in text:
        kinds = {each["type"] for each in markup if 0 <= at - each["from"] < each["length"]}
        at += utf16_len(char)
        if not char.isspace():
            result.append((char, frozenset(kinds)))
    return result
