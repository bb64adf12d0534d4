"""Case: files in both directions, small and large; time and memory."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from bench.cases import Case, Scale, Variant
from bench.cases.delivery import PATIENCE, burst, stage
from bench.contenders.names import ALL, BARE, MAXBRIDGE
from bench.machine import forget_peak, usage
from bench.results import Sample

_KB, _MB = 1000, 1_000_000


def _variants(scale: Scale) -> Iterator[Variant]:
    for size, words, messages in (
        (10 * _KB, "10 kB", scale.pick(200, 20)),
        (5 * _MB, "5 MB", scale.pick(10, 2)),
    ):
        yield Variant(
            f"to the desk, {messages} × {words}",
            ALL,
            partial(burst, people=messages, messages=messages, size=size, unpaced=True),
        )
    yield Variant(
        f"to the desk, {scale.pick(10, 2)} × 20 MB (a link instead)",
        (MAXBRIDGE,),
        partial(burst, people=10, messages=scale.pick(10, 2), size=20 * _MB, unpaced=True),
    )
    for size, words, tickets in (
        (10 * _KB, "10 kB", scale.pick(50, 5)),
        (20 * _MB, "20 MB", scale.pick(5, 1)),
    ):
        yield Variant(
            f"to MAX, {tickets} × {words}",
            (BARE, MAXBRIDGE),
            partial(_answers, tickets=tickets, size=size),
        )


def _answers(contender: str, *, tickets: int, size: int) -> Sample:
    with stage(contender) as scene:
        total = scene.ends.call("say", tickets, tickets)
        scene.ends.arrived(total, patience=PATIENCE)
        forget_peak(scene.pid)
        before = usage(scene.pid)
        scene.ends.call("answer", tickets, size)
        began = scene.ends.call("clock")
        ended = scene.ends.arrived(tickets, patience=PATIENCE, answers=True)
        after = usage(scene.pid)
        return {
            "seconds": ended - began,
            "cpu_ms": (after.cpu - before.cpu) * 1000 / tickets,
            "peak_mib": after.peak,
        }


CASE = Case(
    "files",
    "Each message has one file. To FreeScout unpaced; above FreeScout's limit of 8 MB a request maxbridge "
    "sends a link instead, so 20 MB are not transferred (the others fail with 413). To MAX paced, "
    "including the undo window. Look at the peak memory: maxbridge streams, the others hold whole files.",
    _variants,
)
