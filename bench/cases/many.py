"""Case: many bots on one machine, an instance each."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from bench.cases import Case, Scale, Variant
from bench.contenders import running
from bench.contenders.names import MAXBRIDGE
from bench.ends import ends
from bench.machine import usage
from bench.results import Sample

_PATIENCE = 300.0


def _variants(scale: Scale) -> Iterator[Variant]:
    for instances in (1, 10, 50) if not scale.quick else (1, 3):
        seconds = scale.pick(60, 5)

        def measure(contender: str, instances: int = instances, seconds: int = seconds) -> Sample:
            return _measure(contender, instances, seconds)

        yield Variant(f"{instances} idle", (MAXBRIDGE,), measure)


def _measure(contender: str, instances: int, seconds: int) -> Sample:
    with ends(unpaced=True) as both, ExitStack() as stack:
        began = time.perf_counter()
        pids = []
        for _ in range(instances):
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
            # Not unpaced: an idle poller that does not pause would be no idle one.
            pids.append(stack.enter_context(running(contender, both, folder)).pid)
        while _lists(both.call("traffic")) < instances:
            if time.perf_counter() - began > _PATIENCE:
                raise RuntimeError("not all instances came up")
            time.sleep(0.1)
        ready = time.perf_counter() - began
        time.sleep(min(seconds, 10))
        before = sum(usage(pid).cpu for pid in pids)
        time.sleep(seconds)
        used = [usage(pid) for pid in pids]
        cpu = sum(each.cpu for each in used) - before
        return {
            "seconds": ready,
            "cpu_percent": cpu / seconds * 100,
            "rss_mib": sum(each.rss for each in used),
            "pss_mib": sum(each.pss for each in used),
            "private_mib": sum(each.private for each in used),
        }


def _lists(traffic: dict[str, dict[str, dict[str, int]]]) -> int:
    """How often the list of changes was asked for: the last step of a start."""
    return traffic["desk"]["requests"].get("GET /api/conversations", 0)


CASE = Case(
    "many",
    "All instances on one pair of simulators with nothing to do. RSS counts shared pages in every "
    "process, PSS divides them, private is what each further instance really adds. Seconds: until all of "
    "them work, started at once.",
    _variants,
)
