"""How times are written: for people by this machine's zone, for programs in UTC; and how long things take."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from maxbridge.saying import later, say

_UNITS = ((86400, later("d")), (3600, later("h")), (60, later("min")))


def local(seconds: float, *, exact: bool = False) -> str:
    """A time for people, such as ``2026-11-30 14:03 +03:00``.

    Args:
        seconds: Since the epoch.
        exact: With its seconds, for lines that come every few of them.
    """
    try:
        at = datetime.fromtimestamp(math.floor(seconds)).astimezone()
    except (ValueError, OverflowError, OSError):
        return say("an impossible time")
    zone = at.strftime("%z")
    return f"{at:%Y-%m-%d %H:%M}{at.strftime(':%S') if exact else ''} {zone[:3]}:{zone[3:5]}"


def utc(seconds: float | None) -> str | None:
    """A time for programs, ISO 8601 in UTC: ``2026-11-30T11:03:00Z``; None for none, or an impossible one."""
    if seconds is None:
        return None
    try:
        return f"{datetime.fromtimestamp(math.floor(seconds), UTC):%Y-%m-%dT%H:%M:%S}Z"
    except (ValueError, OverflowError, OSError):
        return None


def age(seconds: float) -> str:
    """A duration as people say it."""
    seconds = max(0.0, seconds)
    for size, unit in _UNITS:
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {say(unit)}"
    return f"{seconds:.0f} {say('s')}"
