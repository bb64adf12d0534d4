"""What a run of the benchmarks has found: samples by case, variant and contender, and what they say."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

Sample = dict[str, float]
"""One round of one contender: metric → value."""

METRICS: dict[str, str] = {
    "rate": "messages a second",
    "seconds": "seconds",
    "cpu_ms": "CPU ms a message",
    "p50_ms": "p50, ms",
    "p95_ms": "p95, ms",
    "p99_ms": "p99, ms",
    "reply_p50_ms": "replies: p50, ms",
    "reply_p99_ms": "replies: p99, ms",
    "rss_mib": "RSS, MiB",
    "peak_mib": "peak RSS, MiB",
    "pss_mib": "PSS of all, MiB",
    "private_mib": "private of all, MiB",
    "calls": "desk calls a message",
    "writes_kib": "disk writes, KiB a message",
    "ready_ms": "start to ready, CPU ms",
    "first_s": "first delivery, s",
    "status_s": "status, s",
    "cpu_s_hour": "CPU s an hour",
    "cpu_percent": "CPU, % of a core",
    "max_requests_hour": "requests to MAX an hour",
    "desk_requests_hour": "requests to FreeScout an hour",
    "kib_hour": "KiB an hour on the wire",
    "disk_kib_hour": "KiB an hour to disk",
    "file_mib": "database, MiB",
    "bytes_message": "bytes a message",
    "in_ms": "ms a message to the desk (store only)",
    "out_ms": "ms a reply to MAX (store only)",
    "in_cpu_ms": "CPU ms a message to the desk (store only)",
    "out_cpu_ms": "CPU ms a reply to MAX (store only)",
    "tidy_s": "tidying, s",
    "wall_s": "wall, s",
    "process_ms": "CPU, ms",
}
"""Every metric and its heading; the ones that a case does not measure are left out of its table."""


@dataclass(slots=True)
class Measured:
    """All rounds of one contender in one variant of a case."""

    case: str
    variant: str
    contender: str
    samples: list[Sample] = field(default_factory=list)

    def values(self, metric: str) -> list[float]:
        """The metric in every round that has it."""
        return [each[metric] for each in self.samples if metric in each]

    def median(self, metric: str) -> float | None:
        """The metric's median over the rounds; None where it was not measured."""
        values = self.values(metric)
        return statistics.median(values) if values else None

    def spread(self, metric: str) -> tuple[float, float] | None:
        """Smallest and largest value over the rounds."""
        values = self.values(metric)
        return (min(values), max(values)) if values else None


@dataclass(slots=True)
class Results:
    """Everything that one run has measured."""

    machine: dict[str, str]
    rounds: int
    quick: bool
    measured: list[Measured] = field(default_factory=list)
    notes: dict[str, str] = field(default_factory=dict)
    """By case: what was measured, and paced or not."""

    def add(self, case: str, variant: str, contender: str, sample: Sample) -> None:
        """Take in one round."""
        for each in self.measured:
            if (each.case, each.variant, each.contender) == (case, variant, contender):
                each.samples.append(sample)
                return
        self.measured.append(Measured(case, variant, contender, [sample]))

    def of(self, case: str) -> list[Measured]:
        """What was measured in one case, in the order of measuring."""
        return [each for each in self.measured if each.case == case]

    def cases(self) -> list[str]:
        """Names of the cases, in the order of measuring."""
        return list(dict.fromkeys(each.case for each in self.measured))

    def ratio(self, measured: Measured, metric: str, against: str) -> float | None:
        """Median over the rounds of this contender's value by another's of the same round."""
        for other in self.of(measured.case):
            if other.variant == measured.variant and other.contender == against:
                pairs = zip(measured.values(metric), other.values(metric), strict=False)
                ratios = [mine / its for mine, its in pairs if its]
                return statistics.median(ratios) if ratios else None
        return None

    def to_json(self) -> dict[str, Any]:
        """For programs: every sample, so that others can judge by other rules."""
        return {
            "version": 1,
            "machine": self.machine,
            "rounds": self.rounds,
            "quick": self.quick,
            "notes": self.notes,
            "results": [
                {
                    "case": each.case,
                    "variant": each.variant,
                    "contender": each.contender,
                    "median": {name: each.median(name) for name in _metrics(each)},
                    "spread": {name: list(each.spread(name) or ()) for name in _metrics(each)},
                    "samples": each.samples,
                }
                for each in self.measured
            ],
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Results:
        """Read back what :meth:`to_json` has written."""
        results = cls(data["machine"], data["rounds"], data["quick"], notes=data["notes"])
        results.measured = [
            Measured(each["case"], each["variant"], each["contender"], each["samples"])
            for each in data["results"]
        ]
        return results

    @classmethod
    def of_runs(cls, runs: Sequence[dict[str, Any]]) -> Results:
        """Several runs on one machine as one; rounds of the same measurement are put together."""
        first, *others = [cls.from_json(each) for each in runs]
        for other in others:
            first.notes |= other.notes
            first.rounds = max(first.rounds, other.rounds)
            first.quick = first.quick or other.quick
            for each in other.measured:
                for sample in each.samples:
                    first.add(each.case, each.variant, each.contender, sample)
        return first


def _metrics(measured: Measured) -> list[str]:
    return [name for name in METRICS if measured.values(name)]


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that at least so many per cent do not exceed."""
    ordered = sorted(values)
    place = max(0, -(-len(ordered) * percent // 100) - 1)
    return ordered[int(place)]


def latencies(seconds: Sequence[float]) -> Sample:
    """The three percentiles that everybody asks for, in milliseconds."""
    return {f"p{each}_ms": percentile(seconds, each) * 1000 for each in (50, 95, 99)}
