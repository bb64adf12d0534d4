"""Case: a start with a long queue, as after days without the desk."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench import generator
from bench.cases import Case, Scale, Variant
from bench.cases.delivery import PATIENCE
from bench.cases.startup import run
from bench.contenders import running
from bench.contenders.bridge import MAXBRIDGE as COMMAND
from bench.contenders.names import MAXBRIDGE
from bench.ends import ends
from bench.machine import usage
from bench.results import Sample


def _variants(scale: Scale) -> Iterator[Variant]:
    for queued, people in ((1000, 100), (scale.pick(100_000, 2000), scale.pick(10_000, 200))):
        delivered = scale.pick(1000, 100)

        def measure(
            contender: str, queued: int = queued, people: int = people, delivered: int = delivered
        ) -> Sample:
            return _measure(contender, queued, people, min(delivered, queued - 1))

        yield Variant(f"{queued} queued from {people}", (MAXBRIDGE,), measure)


def _measure(contender: str, queued: int, people: int, delivered: int) -> Sample:
    with tempfile.TemporaryDirectory(prefix="bench-") as name, ends(unpaced=True) as both:
        folder = Path(name)
        store = folder / "maxbridge.db"
        generator.waiting(store, messages=queued, people=people)
        status = run([COMMAND, "status"], 1, store)["wall_s"]
        clock, began = both.call("clock"), time.perf_counter()
        with running(contender, both, folder, unpaced=True) as process:
            clock += time.perf_counter() - began  # the fork is not the daemon's work
            first = both.arrived(1, patience=PATIENCE)
            before = usage(process.pid).cpu
            last = both.arrived(delivered + 1, patience=PATIENCE)
            after = usage(process.pid)
        return {
            "first_s": first - clock,
            "rate": delivered / (last - first),
            "cpu_ms": (after.cpu - before) * 1000 / delivered,
            "status_s": status,
            "rss_mib": after.rss,
            "file_mib": store.stat().st_size / 1024**2,
        }


CASE = Case(
    "restart",
    "The database has a full queue when the daemon starts; unpaced, the first thousand deliveries are "
    "timed. The other programs keep no queue.",
    _variants,
)
