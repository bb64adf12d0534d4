"""MAX's message ids: what they tell of themselves (contract max.md 3.2), never the last word on it."""

from __future__ import annotations

import re

_MID = re.compile(r"mid\.([0-9a-f]{16})([0-9a-f]{16})")
_SIGN = 1 << 63


def chat_of_mid(mid: str) -> int | None:
    """The chat that an id names; None for an id of another make.

    MAX promises nothing about its ids: this is for what is known from nowhere else, and whoever acts
    on the answer asks MAX whether it is so where that can be asked.

    Args:
        mid: The id; a count of ours behind it ("+3") is passed over.
    """
    found = _found(mid)
    if found is None:
        return None
    number = int(found[1], 16)
    return number - 2 * _SIGN if number >= _SIGN else number


def written_at(mid: str) -> float | None:
    """When the message was written, seconds by MAX's clock; None for an id of another make."""
    found = _found(mid)
    return None if found is None else (int(found[2], 16) >> 16) / 1000


def _found(mid: str) -> re.Match[str] | None:
    return _MID.fullmatch(mid.partition("+")[0])
