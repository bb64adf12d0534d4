"""Case: a steady stream of messages; how late each one is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial

from bench.cases import Case, Scale, Variant
from bench.cases.delivery import PATIENCE, stage
from bench.contenders.names import ALL
from bench.machine import usage
from bench.results import Sample, latencies

_SETTLED = 1.5
"""Seconds after the first message. Until then whoever keeps MAX's pace may not ask for the next one: the bare script for
half a second, maxbridge for a whole one after its first poll, since the process before it may have polled, too."""


def _variants(scale: Scale) -> Iterator[Variant]:
    for rate, seconds, few in ((1, 60, 20), (10, 30, 5), (100, 30, 5)):
        messages = rate * scale.pick(seconds, few)
        yield Variant(
            f"{rate} a second",
            ALL,
            partial(_measure, messages=messages, rate=rate, people=max(10, rate * 3)),
        )


def _measure(contender: str, *, messages: int, rate: float, people: int) -> Sample:
    with stage(contender) as scene:
        time.sleep(_SETTLED)
        before = usage(scene.pid)
        total = scene.ends.call("steady", people, messages, rate)
        scene.ends.arrived(total, patience=PATIENCE)
        times = scene.ends.call("times", "in")[-messages:]
        after = usage(scene.pid)
        return latencies(times) | {
            "cpu_ms": (after.cpu - before.cpu) * 1000 / messages,
            "writes_kib": (after.written - before.written) / 1024 / messages,
        }


CASE = Case(
    "steady",
    "Paced like MAX: delay from MAX's queue to FreeScout. Above two messages a second most of it is the "
    "half second between two polls that MAX requires; the webhook bridge has none. It begins 1.5 s after the first message: before that, polls are further apart.",
    _variants,
)
