"""What MAX's message ids say by themselves (contract max.md 3.2): decoded where nothing else tells."""

from __future__ import annotations

import re

_MID = re.compile(r"mid\.([0-9a-f]{16})[0-9a-f]{16}")
_SIGN = 1 << 63


def chat_of_mid(mid: str) -> int | None:
    """The chat of a message; None for an id of another make.

    MAX promises nothing about its ids, so this is for what is known from nowhere else.

    Args:
        mid: The id; a count of ours behind it ("+3") is passed over.
    """
    found = _MID.fullmatch(mid.partition("+")[0])
    if found is None:
        return None
    number = int(found[1], 16)
    return number - 2 * _SIGN if number >= _SIGN else number
