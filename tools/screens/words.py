"""What a terminal was sent, and what a picture shows, as plain words."""

from __future__ import annotations

import re
from html import unescape

COLUMNS = 96
"""Of every terminal here."""
_PRIVATE_MODE = re.compile(r"\x1b\[\?[\d;]+[hl]")
_COLOUR = re.compile(r"\x1b\[[\d;]*m")
_DESCRIPTION = re.compile(r"<desc[^>]*>(.*?)</desc>", re.DOTALL)
_STAMP = re.compile(r"^ *\d+\.\d+s ", re.MULTILINE)


def tidy(sent: str) -> str:
    """What was sent without what only a terminal understands; colours stay."""
    lines = _PRIVATE_MODE.sub("", sent).replace("\r\n", "\n").split("\n")
    return "\n".join(line.rstrip() for line in lines).strip("\n")


def words(sent: str) -> str:
    """What a terminal shows, without its colours."""
    return tidy(_COLOUR.sub("", sent))


def words_of(picture: str) -> str:
    """The words that a picture was drawn from."""
    found = _DESCRIPTION.search(picture)
    return "" if found is None else unescape(found[1])


def with_stamps_of(page: str, sent: str) -> str:
    """The seconds of an older page, where a demo did the same again: they are as true as the new ones."""
    if _STAMP.sub("", page) != _STAMP.sub("", words(sent)):
        return sent
    stamps = iter(_STAMP.findall(page))
    return _STAMP.sub(lambda _: next(stamps), tidy(sent))
