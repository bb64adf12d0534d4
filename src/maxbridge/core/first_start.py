"""The very first start with ``[max] first_start = "new"``: which of MAX's events were written before it.

Each event is judged by its own time, which is MAX's, against the moment of the start by MAX's clock. When
the first poll is answered says nothing: on a busy machine that is seconds later, and people write meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence

from maxbridge.core.events import Event
from maxbridge.core.plan_backfill import KEPT

TOLERANCE = 3.0
"""Seconds before the start that count as after it. MAX tells its time in whole seconds, and the machine that
tells it need not be the one that dates messages. One message too many is better than one that is lost."""
_SET_BACK = 60.0
"""Seconds by which our clock may lie before the start before it is believed to have been set back."""
_LEAST_MILLISECONDS = 10**11
"""What is less is a time in seconds: in milliseconds it would be of 1973."""


def since_start(begun_at: float, now: float, *, running: float) -> float:
    """How many seconds ago the first start was, at least.

    Args:
        begun_at: When it was, our clock; perhaps written down by an earlier process.
        now: Our clock.
        running: For how many seconds this process has been running, by a clock that cannot be set.
    """
    passed = now - begun_at
    if passed < -_SET_BACK:
        return KEPT  # nobody can tell: whatever MAX still has may be of after the start
    return max(passed, running)


def border(max_now: float, ago: float) -> int:
    """The moment from which on events are new, in MAX's milliseconds.

    Args:
        max_now: MAX's clock, seconds since the epoch; it may be behind, never ahead.
        ago: How many seconds ago the start was.
    """
    return int((max_now - ago - TOLERANCE) * 1000)


def is_of_before(timestamp: int, first: int) -> bool:
    """Was an event written before the start? One that does not tell its time is taken for new.

    Args:
        timestamp: MAX's time of the event in milliseconds, 0 for none.
        first: The border.
    """
    if timestamp <= 0:
        return False
    return (timestamp if timestamp >= _LEAST_MILLISECONDS else timestamp * 1000) < first


def cut_short(page: Sequence[Event], first: int) -> int | None:
    """The dialog whose history may have more than a poll without a marker has brought.

    MAX gives such a poll the latest event only (contract max.md 1), and whoever tries a new bridge out
    writes twice within its first second. Of customers who did not come nothing tells.

    Args:
        page: What the poll brought.
        first: The border.

    Returns:
        A chat, or None when nothing is missing.
    """
    if len(page) != 1:
        return None
    (event,) = page
    if event.chat_type not in ("", "dialog") or is_of_before(event.timestamp, first):
        return None
    return event.chat_id
