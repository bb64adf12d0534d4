"""The daemon's state: counters, the log line of each delivery, and the troubles of each loop.

A trouble has one log line at its start, one at its end, and a row in ``status``. Counters are plain
numbers in memory, a microsecond each; :mod:`maxbridge.observe.metrics` exports them if configured.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from maxbridge.advice import advice
from maxbridge.core.delivery import State
from maxbridge.core.errors import Failure, HostTrouble, Invariant, Kind, RuleBrokenError
from maxbridge.files.hosts import Hosts
from maxbridge.observe import log
from maxbridge.store.records import Ended
from maxbridge.store.snapshot import BrokenRule, LoopHealth

BUCKETS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 21600.0, 86400.0)
"""Upper bounds of the delays, in seconds: a good delivery takes one, the retries go on for days."""
OK = "ok"


class Delays:
    """A histogram.

    Attributes:
        counts: Number of delays per bucket; the last bucket has everything longer.
        total: Their sum, in seconds.
    """

    def __init__(self) -> None:
        self.counts = [0] * (len(BUCKETS) + 1)
        self.total = 0.0

    def add(self, seconds: float) -> None:
        """Count one delay."""
        self.counts[bisect_left(BUCKETS, seconds)] += 1
        self.total += seconds


class Counters:
    """The counters of one run of the daemon; zero after a restart.

    Attributes:
        ended: Ended deliveries by direction, kind and result.
        delays: Delays of successful ones, by direction.
        calls: Calls by service and outcome: ``ok``, or the failure's code.
    """

    def __init__(self) -> None:
        self.ended: Counter[tuple[str, str, str]] = Counter()
        self.delays = {"in": Delays(), "out": Delays()}
        self.calls: Counter[tuple[str, str]] = Counter()

    def end(self, outcome: Ended) -> None:
        """Count an ended delivery."""
        self.ended[outcome.direction, outcome.kind, result(outcome)] += 1
        if outcome.state is State.DONE:
            self.delays[outcome.direction].add(outcome.seconds)

    def call(self, end: str, outcome: str) -> None:
        """Count a finished call to a service."""
        self.calls[end, outcome] += 1


def result(outcome: Ended) -> str:
    """Return the word for how a delivery ended."""
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
    """Called by the store for every delivery that ended; see :attr:`maxbridge.store.db.Database.watch`."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._log: Any = log.get("delivery")

    def tell(self, outcome: Ended) -> None:
        """Count and log it. Never raises: the end is stored already, and an error here must not hide that."""
        try:
            self._counters.end(outcome)
            # What is decided as it comes has a line of its own kind: one for all, or one an hour.
            level = "debug" if outcome.at_once else LEVELS[outcome.state]
            getattr(self._log, level)(result(outcome), **fields(outcome))
        except Exception as error:  # noqa: BLE001 - see above
            self._log.critical("bug: not told", error=type(error).__name__, at=log.where(error))


def fields(outcome: Ended) -> dict[str, Any]:
    """Return the fields of the log line, without unknown ones (docs/monitoring.md lists them)."""
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


TOO_SOON = frozenset({"max.too_many_requests", "desk.too_many_requests"})
"""One request too many is no trouble: the next one comes later. Told is the second in a row."""


class Loop:
    """The health of one loop, in memory; :class:`Board` passes it to the store.

    Attributes:
        beats: Number of signs of life; a watchdog counts them, which no clock can falsify.
        live: Set at the first success of the loop's own work, such as a poll answered and stored.
            ``status``, READY and the demo depend on it; an answered check of its service is not
            enough.
        broken: Invariants that this loop was about to break, with the last time of each.
        strict: Raise broken invariants; in tests, so that a bug does not pass for a held delivery.
    """

    strict: ClassVar[bool] = False

    def __init__(
        self,
        name: str,
        now: Callable[[], float],
        changed: Callable[[], None],
        elsewhere: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self._now = now
        self._changed = changed
        self._elsewhere = elsewhere
        self._log: Any = log.get(name)
        self.beats = 0
        self._beat_at = now()
        self._success_at: float | None = None
        self._error_at: float | None = None
        self._failure: Failure | None = None
        self._trouble_since: float | None = None
        self._was_too_soon = False
        self.live = asyncio.Event()
        self.broken: dict[Invariant, BrokenRule] = {}

    def beat(self) -> None:
        """Record a sign of life."""
        self.beats += 1
        self._beat_at = self._now()

    def ok(self) -> None:
        """Record a successful call; ends a trouble with one log line."""
        if self._success_at is None:
            self._changed()
        self.answered()
        self._success_at = self._beat_at
        self.live.set()

    def answered(self) -> None:
        """Record that the service answered a call that is not the loop's own work; ends a trouble as well."""
        self.beats += 1
        self._beat_at = self._now()
        self._was_too_soon = False
        self._over("trouble is over")

    def idle(self) -> bool:
        """Record that nothing failed is left; ends a trouble, but not one of our own database.

        Returns:
            Whether it is without trouble now.
        """
        if self._failure is not None and self._failure.code.startswith("store."):
            return self._trouble_since is None
        self._over("trouble is over: nothing waits any more")
        return True

    def _over(self, words: str) -> None:
        if self._trouble_since is not None:
            self._changed()
            seconds = round(self._now() - self._trouble_since)
            self._log.info(words, loop=self.name, seconds=seconds)
            self._trouble_since = None

    def trouble(self, failure: Failure) -> None:
        """Record a failed call; logged when a trouble begins, and when it first needs a person."""
        now = self._now()
        self.beats += 1
        self._beat_at = now
        if failure.code in TOO_SOON and self._trouble_since is None and not self._was_too_soon:
            self._was_too_soon = True
            self._log.debug("asked to slow down", loop=self.name, error=failure.code)
            return
        self._error_at = now
        known = self._trouble_since is not None and self._failure is not None
        if not known or (self._failure is not None and self._failure.kind != failure.kind):
            self._changed()
            what_to_do = self.advice(failure.code)
            extra = {"advice": what_to_do} if what_to_do else {}
            # What passes by itself is a warning; what waits for a person is an error.
            tell = self._log.error if failure.kind is Kind.CONFIG else self._log.warning
            tell("trouble", loop=self.name, error=failure.code, detail=failure.detail, **extra)
        if self._trouble_since is None:
            self._trouble_since = now
        self._failure = failure

    def advice(self, code: str) -> str:
        """Say what to do about a failure; for a refused secret, say where the secret is configured."""
        return advice(code, self._elsewhere)

    def rule_broken(self, error: RuleBrokenError, item: str) -> None:
        """Record that an invariant was about to be broken: one log line and an entry in ``status``; everything else goes on.

        Args:
            error: Which, and how.
            item: What it concerned: a delivery, a ticket, a page of events.

        Raises:
            RuleBrokenError: In tests.
        """
        if self.strict:
            raise error
        self._log.critical(
            "a rule of our own is broken: stopped before it did harm",
            loop=self.name,
            item=item,
            error=error.rule.value,
            detail=str(error),
            at=log.where(error),
            advice=advice(error.rule.value),
        )
        self.broken[error.rule] = BrokenRule(error.rule.value, item, self._now())
        self._changed()

    def record(self) -> LoopHealth:
        """Return its row for ``status``."""
        return LoopHealth(
            name=self.name,
            beat_at=self._beat_at,
            success_at=self._success_at,
            error_at=self._error_at,
            error=self._failure.code if self._failure else None,
            error_detail=self._failure.detail if self._failure else None,
            trouble_since=self._trouble_since,
        )


class Board:
    """All loops of the process, and the file hosts.

    Attributes:
        changed: Set when ``status`` would show something new.
        hosts: State of the file hosts; in memory only, so a restart tries all of them again.
    """

    def __init__(
        self, now: Callable[[], float], elsewhere: Mapping[str, str] | None = None
    ) -> None:
        """Create it without loops.

        Args:
            now: Our clock.
            elsewhere: Secrets in force that are not in the configuration file, with their source.
        """
        self._now = now
        self._elsewhere = elsewhere
        self.changed = asyncio.Event()
        self.loops: dict[str, Loop] = {}
        self.hosts = Hosts(now, begun=self._host_in_trouble, ended=self._host_is_well)
        self._log: Any = log.get("files")

    def loop(self, name: str) -> Loop:
        """Return a loop's health, created on first use."""
        return self.loops.setdefault(name, Loop(name, self._now, self.changed.set, self._elsewhere))

    def records(self) -> list[LoopHealth]:
        """Return the rows of all loops for ``status``."""
        return [loop.record() for loop in self.loops.values()]

    def broken(self) -> list[BrokenRule]:
        """Return the invariants that were about to be broken since the start."""
        return [each for loop in self.loops.values() for each in loop.broken.values()]

    def _host_in_trouble(self, trouble: HostTrouble) -> None:
        self._log.warning(
            "a host of files is in trouble: its files wait, everything else goes on",
            host=trouble.host,
            way=trouble.way,
            error=trouble.error,
            advice=advice(trouble.error),
        )
        self.changed.set()

    def _host_is_well(self, trouble: HostTrouble) -> None:
        seconds = round(self._now() - trouble.since)
        self._log.info(
            "a host of files is in trouble no more",
            host=trouble.host,
            way=trouble.way,
            seconds=seconds,
        )
        self.changed.set()
