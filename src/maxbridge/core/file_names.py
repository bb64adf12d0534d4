"""Names of files as people gave them: servers on the way write letters as percent signs and digits."""

from __future__ import annotations

import re
from urllib.parse import unquote

from maxbridge.core.text import clean, is_blank

_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")
_LABELLED = re.compile(
    r"(?:utf-?8|windows-1251|koi8-r|iso-8859-[15])'[\w-]*'(?=.*%)", re.IGNORECASE
)
"""Before an encoded name in a header (RFC 5987): its charset and its language."""
_CYRILLIC = re.compile(r"[\x20-\x7eА-яЁё№«»–—]+")
_ROUNDS = 3
"""MAX's servers encode twice (contract max.md 4)."""


def decoded_name(name: str) -> str:
    """A file's name with its letters back; a name that was not encoded stays as it is.

    FreeScout has ``%22`` for a quotation mark (contract freescout.md 12), MAX encodes whole names.
    """
    name = _LABELLED.sub("", name, count=1) if _LABELLED.match(name) else name
    for _ in range(_ROUNDS):
        if not _ESCAPE.search(name):
            break
        better = _decoded(name)
        if better == name:
            break
        name = better
    return name


def _decoded(name: str) -> str:
    try:
        decoded = unquote(name, errors="strict")
    except UnicodeDecodeError:
        # Not every percent sign is an encoding; old servers wrote Cyrillic by Windows' table.
        decoded = unquote(name, encoding="windows-1251", errors="replace")
        if not _CYRILLIC.fullmatch(decoded):
            return name
    decoded = clean(decoded)
    return name if is_blank(decoded) else decoded
