"""What most cases do: start a contender between the ends, let people write, wait, read the meters."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.contenders import running
from bench.ends import Ends, ends
from bench.machine import forget_peak, usage
from bench.results import Sample

PATIENCE = 1800.0
_WARM = 1
"""A message before the measured ones: imports, connections and prepared statements are not the case."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A contender that works, between ends that are watched."""

    ends: Ends
    pid: int
    folder: Path


@contextmanager
def stage(
    contender: str, *, unpaced: bool = False, warm: bool = True, desk_seconds: float = 0.0
) -> Iterator[Stage]:
    """Fresh ends and a started contender that has delivered one message."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as name,
        ends(unpaced=unpaced) as both,
        running(contender, both, Path(name), unpaced=unpaced) as process,
    ):
        if warm:
            # The last of the crowd, so that nobody else has a ticket yet.
            both.call("say", _WARM, _WARM)
            both.arrived(_WARM, patience=60.0)
        both.slow_desk(desk_seconds)
        yield Stage(both, process.pid, Path(name))


def burst(
    contender: str,
    *,
    people: int,
    messages: int,
    unpaced: bool,
    desk_seconds: float = 0.0,
    size: int = 0,
) -> Sample:
    """Everything is there at once; how long until it is at the desk, and what that costs."""
    with stage(contender, unpaced=unpaced, desk_seconds=desk_seconds) as scene:
        forget_peak(scene.pid)
        before, calls = usage(scene.pid), scene.ends.desk_calls()
        total = scene.ends.call("say", people, messages, size)
        began = scene.ends.call("clock")
        seconds = scene.ends.arrived(total, patience=PATIENCE) - began
        after = usage(scene.pid)
        return {
            "rate": messages / seconds,
            "seconds": seconds,
            "cpu_ms": (after.cpu - before.cpu) * 1000 / messages,
            "calls": (scene.ends.desk_calls() - calls) / messages,
            "writes_kib": (after.written - before.written) / 1024 / messages,
            "peak_mib": after.peak,
        }
