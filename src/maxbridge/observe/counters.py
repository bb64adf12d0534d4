"""What is counted while the daemon runs, and the one line that each delivery leaves in the log when it ends.

Plain numbers in memory, a microsecond each; :mod:`maxbridge.observe.metrics` shows them where that is wanted.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from typing import Any

from maxbridge.core.delivery import State
from maxbridge.observe import log
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


class Counters:
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


# --- The one line that each delivery leaves in the log when it ends, and its place in the counters.


LEVELS = {
    State.DONE: "info",
    State.IGNORED: "info",
    # Its agent has been told.
    State.BOUNCED: "warning",
    State.PARKED: "warning",
    # It waits for a person.
    State.HELD: "error",
}


class Outcomes:
    """Told by the store of every delivery that ended; see :attr:`maxbridge.store.db.Database.watch`."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._log: Any = log.get("delivery")

    def tell(self, outcome: Ended) -> None:
        """Count it and log it. Never raises: it is on disk, and nothing here may make it look otherwise."""
        try:
            self._counters.end(outcome)
            # What is decided as it comes has a line of its own kind: one for all, or one an hour.
            level = "debug" if outcome.at_once else LEVELS[outcome.state]
            getattr(self._log, level)(result(outcome), **fields(outcome))
        except Exception as error:  # noqa: BLE001 - see above
            self._log.critical("bug: not told", error=type(error).__name__, at=log.where(error))


def fields(outcome: Ended) -> dict[str, Any]:
    """What the line says; what is not known is left out (docs/monitoring.md lists them)."""
    line = {
        "direction": outcome.direction,
        "item": outcome.name,
        "kind": outcome.kind,
        "chat": outcome.chat_id or None,
        "ticket": outcome.ticket,
        "thread": outcome.thread,
        "mid": outcome.mid,
        "seconds": round(outcome.seconds, 3),
        "tries": outcome.tries,
        "files": outcome.files or None,
        "error": outcome.error,
        "reason": outcome.reason or None,
        "key": outcome.key,
    }
    return {name: value for name, value in line.items() if value is not None}
