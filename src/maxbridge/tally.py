"""What is counted while the daemon runs: ends of deliveries, their delays, calls to both ends.

Plain numbers in memory, a microsecond each; :mod:`maxbridge.metrics` shows them where that is wanted.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter

from maxbridge.core.delivery import State
from maxbridge.store.records import Ended

BUCKETS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 21600.0, 86400.0)
"""Upper bounds of the delays, in seconds: a good delivery takes one, the retries go on for days."""
OK = "ok"


class Delays:
    """A histogram.

    Attributes:
        counts: How many delays fell into each bucket; the last one is for all that is longer.
        total: Their sum, in seconds.
    """

    def __init__(self) -> None:
        self.counts = [0] * (len(BUCKETS) + 1)
        self.total = 0.0

    def add(self, seconds: float) -> None:
        """Count one."""
        self.counts[bisect_left(BUCKETS, seconds)] += 1
        self.total += seconds


class Tally:
    """The counters of one run of the daemon; a restart begins at nought.

    Attributes:
        ended: Deliveries by direction, kind and how they ended.
        delays: Of those that were delivered, by direction.
        calls: By end and outcome: ``ok``, or the code of the failure.
    """

    def __init__(self) -> None:
        self.ended: Counter[tuple[str, str, str]] = Counter()
        self.delays = {"in": Delays(), "out": Delays()}
        self.calls: Counter[tuple[str, str]] = Counter()

    def end(self, outcome: Ended) -> None:
        """A delivery has ended."""
        self.ended[outcome.direction, outcome.kind, result(outcome)] += 1
        if outcome.state is State.DONE:
            self.delays[outcome.direction].add(outcome.seconds)

    def call(self, end: str, outcome: str) -> None:
        """A call to an end is over."""
        self.calls[end, outcome] += 1


def result(outcome: Ended) -> str:
    """The word for how a delivery ended."""
    return "delivered" if outcome.state is State.DONE else outcome.state.value
