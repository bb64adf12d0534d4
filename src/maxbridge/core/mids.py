"""MAX's message ids: what they tell of themselves (contract max.md 3.2), never the last word on it."""

from __future__ import annotations

import re

_MID = re.compile(r"mid\.([0-9a-f]{16})([0-9a-f]{16})")
_SIGN = 1 << 63


def chat_in(mid: str) -> int | None:
    """The chat that an id names; None for an id of another form.

    MAX does not promise this form: whoever acts on the answer asks MAX whether it is so.
    """
    match = _MID.fullmatch(mid)
    if match is None:
        return None
    number = int(match[1], 16)
    return number - 2 * _SIGN if number >= _SIGN else number


def written_at(mid: str) -> float | None:
    """When the message was written, seconds by MAX's clock; None for an id of another form."""
    match = _MID.fullmatch(mid)
    return None if match is None else (int(match[2], 16) >> 16) / 1000
