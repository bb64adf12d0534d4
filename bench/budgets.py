"""The budgets: what each one allows, what a run says of it, and what changed since the results that are kept.

``make bench-quick`` measures them all in some minutes, small and in turn with the bare script, so that it can be
repeated after each change. Its figures are those of small cases: they are compared with a quick run's only.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tabulate import tabulate

from bench.contenders.names import BARE, MAXBRIDGE
from bench.results import Measured, Results

PROCESS = "process"
"""What commands are measured as."""
_NEW = "300 from 300, unpaced"


@dataclass(frozen=True, slots=True)
class Budget:
    """One promise about what the program costs.

    Attributes:
        name: What is measured, with its unit.
        goal: The most it may be, or the least where ``at_least``.
        case: Where it is measured.
        variant: What is in the name of the case's line, as a quick run calls it.
        metric: Of :data:`bench.results.METRICS`.
        contender: Whose; maxbridge's own by default.
        over: How the bare script's value of the same round counts: not, taken away, or divided by.
        at_least: More is better.
    """

    name: str
    goal: float
    case: str
    variant: str
    metric: str
    contender: str = MAXBRIDGE
    over: Callable[[float, float], float] | None = None
    at_least: bool = False

    def values(self, results: Results) -> list[float]:
        """What every round says; empty where it was not measured."""
        mine = self._measured(results, self.contender)
        if self.over is None:
            return mine
        bare = self._measured(results, BARE)
        return [self.over(one, other) for one, other in zip(mine, bare, strict=False)]

    def kept(self, value: float) -> bool:
        """Is a value within the goal?"""
        return value >= self.goal if self.at_least else value <= self.goal

    def _measured(self, results: Results, contender: str) -> list[float]:
        found = [each for each in results.of(self.case) if self._is_of(each, contender)]
        return found[0].values(self.metric) if found else []

    def _is_of(self, measured: Measured, contender: str) -> bool:
        return measured.contender == contender and self.variant in measured.variant


def _more(mine: float, bare: float) -> float:
    return mine - bare


def _part(mine: float, bare: float) -> float:
    return mine / bare


BUDGETS = (
    Budget("a message, all of new people, CPU ms", 2.0, "backlog", _NEW, "cpu_ms"),
    Budget("a reply, CPU ms", 4.0, "replies", "60 at once", "cpu_ms"),
    Budget(
        "messages a second, all of new people, of the bare script's",
        0.9,
        "backlog",
        _NEW,
        "rate",
        over=_part,
        at_least=True,
    ),
    Budget("a message, KiB to disk", 40.0, "backlog", _NEW, "writes_kib"),
    Budget("a message at one a second, KiB to disk", 40.0, "steady", "1 a second", "writes_kib"),
    Budget("a reply, KiB to disk", 40.0, "replies", "60 at once", "writes_kib"),
    Budget(
        "a message at one a second, p50, ms over the bare script",
        5.0,
        "steady",
        "1 a second",
        "p50_ms",
        over=_more,
    ),
    Budget(
        "a message at one a second, p99, ms over the bare script",
        10.0,
        "steady",
        "1 a second",
        "p99_ms",
        over=_more,
    ),
    Budget(
        "a reply, p50, ms over the bare script",
        1000.0,
        "replies",
        "60 at once",
        "p50_ms",
        over=_more,
    ),
    Budget("idle, RSS, MiB", 64.0, "idle", "", "rss_mib"),
    Budget("in a backlog, peak RSS, MiB", 72.0, "backlog", _NEW, "peak_mib"),
    Budget("start to ready, CPU ms", 500.0, "idle", "", "ready_ms"),
    Budget(
        "maxbridge status, CPU ms",
        100.0,
        "startup",
        "maxbridge status",
        "process_ms",
        contender=PROCESS,
    ),
)
"""Of the project's plan; a case of a million messages takes too long to be among them (``make bench ARGS=growth``)."""

CASES = tuple(dict.fromkeys(each.case for each in BUDGETS))
"""What must be measured for them."""


def lines(case: str) -> tuple[str, ...]:
    """What is in the names of the lines that a case is asked for."""
    return tuple({each.variant for each in BUDGETS if each.case == case})


def table(results: Results, kept: Results | None = None, *, style: str = "simple") -> str:
    """A row for each budget: goal, median and spread, kept or not, and what the kept results said.

    Args:
        results: A run.
        kept: The results to compare with; None where there are none.
        style: Of tabulate.
    """
    heads = ["budget", "goal", "median", "spread", "", *(["before", "change"] if kept else [])]
    body = [_row(each, results, kept) for each in BUDGETS]
    return tabulate(body, heads, tablefmt=style, disable_numparse=True)


def _row(budget: Budget, results: Results, kept: Results | None) -> list[str]:
    sign = "≥" if budget.at_least else "≤"
    row = [budget.name, f"{sign} {budget.goal:g}"]
    values = budget.values(results)
    if not values:
        return [*row, "not measured"]
    median = statistics.median(values)
    row += [
        _number(median),
        f"{_number(min(values))} to {_number(max(values))}",
        "kept" if budget.kept(median) else "not kept",
    ]
    before = budget.values(kept) if kept else []
    return [*row, *_against(values, before)] if before else row


def _against(values: Sequence[float], before: Sequence[float]) -> tuple[str, str]:
    """What was, and whether what is now is another thing: no value of the one lies among those of the other."""
    was, now = statistics.median(before), statistics.median(values)
    apart = min(values) > max(before) or max(values) < min(before)
    share = f" ({(now - was) / was:+.0%})" if was > 0 and now > 0 else ""
    return _number(was), f"{_number(now - was, sign=True)}{share}" if apart else "within the spread"


def _number(value: float, *, sign: bool = False) -> str:
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:{'+' if sign else ''}.{digits}f}"
