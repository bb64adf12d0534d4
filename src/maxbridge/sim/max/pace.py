"""Counts requests against MAX's limits per second."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Hashable

from maxbridge.sim.wire import Now

SLACK = 0.02  # a client that keeps the pace exactly is not punished for a jitter on the way


class Pace:
    """At most ``rate`` requests within any second, counted apart for each key.

    Refused requests do not count: whether MAX counts them is not documented.
    """

    def __init__(self, now: Now, rate: int) -> None:
        self.rate = rate
        self._now = now
        self._starts: defaultdict[Hashable, deque[float]] = defaultdict(deque)

    def admit(self, key: Hashable = None) -> bool:
        """Count one request, or say that it comes too soon."""
        now = self._now()
        starts = self._starts[key]
        # A start in the future means that a test has set the clock back.
        while starts and not now - 1.0 + SLACK < starts[0] <= now:
            starts.popleft()
        if len(starts) >= self.rate:
            return False
        starts.append(now)
        return True
