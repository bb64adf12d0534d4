"""Case: agents answer in many tickets at once, and in one."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from bench.cases import Case, Scale, Variant
from bench.cases.delivery import PATIENCE, stage
from bench.contenders.names import ALL
from bench.machine import usage
from bench.results import Sample, latencies


def _variants(scale: Scale) -> Iterator[Variant]:
    for tickets in (1, scale.pick(1000, 60)):
        yield Variant(f"{tickets} at once", ALL, partial(_measure, tickets=tickets))


def _measure(contender: str, *, tickets: int) -> Sample:
    with stage(contender) as scene:
        total = scene.ends.call("say", tickets, tickets)
        scene.ends.arrived(total, patience=PATIENCE)
        before = usage(scene.pid)
        scene.ends.call("answer", tickets)
        began = scene.ends.call("clock")
        ended = scene.ends.arrived(tickets, patience=PATIENCE, answers=True)
        after = usage(scene.pid)
        times = scene.ends.call("times", "out")
        return latencies(times) | {
            "seconds": ended - began,
            "cpu_ms": (after.cpu - before.cpu) * 1000 / tickets,
            "writes_kib": (after.written - before.written) / 1024 / tickets,
        }


CASE = Case(
    "replies",
    "Paced like MAX (25 sends a second). The time includes FreeScout's undo window of 15 s plus 2 s for "
    "its whole-second times, which maxbridge and the bare script wait out; the webhook bridge sends at "
    "once, undone replies included.",
    _variants,
)
