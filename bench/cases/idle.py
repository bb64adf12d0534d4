"""Case: nothing happens. What does an hour of that cost?"""

from __future__ import annotations

import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.cases import Case, Scale, Variant
from bench.cases.delivery import stage
from bench.contenders import running
from bench.contenders.bridge import NOTIFY
from bench.contenders.names import MAXBRIDGE
from bench.ends import ends
from bench.machine import usage
from bench.results import Sample

_SETTLING = 20
_PATIENCE = 60.0
"""Seconds."""


def _variants(scale: Scale) -> Iterator[Variant]:
    seconds = scale.pick(180, 10)

    def measure(contender: str) -> Sample:
        with stage(contender) as scene:
            time.sleep(scale.pick(_SETTLING, 2))
            before, began = usage(scene.pid), scene.ends.call("traffic")
            time.sleep(seconds)
            after, ended = usage(scene.pid), scene.ends.call("traffic")
        hour = 3600 / seconds
        requests = {
            end: sum(ended[end]["requests"].values()) - sum(began[end]["requests"].values())
            for end in ("max", "desk")
        }
        sent = sum(ended[end]["bytes"] - began[end]["bytes"] for end in ("max", "desk"))
        cpu = after.cpu - before.cpu
        return {
            "cpu_s_hour": cpu * hour,
            "cpu_percent": cpu / seconds * 100,
            "max_requests_hour": requests["max"] * hour,
            "desk_requests_hour": requests["desk"] * hour,
            "kib_hour": sent * hour / 1024,
            "disk_kib_hour": (after.written - before.written) * hour / 1024,
            "rss_mib": after.rss,
            "private_mib": after.private,
            "ready_ms": _ready(contender) * 1000,
        }

    yield Variant(f"{seconds} s, scaled to an hour", (MAXBRIDGE,), measure)


def _ready(contender: str) -> float:
    """CPU seconds until it says that it works, on a new database."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name, ends() as both:
        folder = Path(name)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
            told.bind(str(folder / NOTIFY))
            told.settimeout(_PATIENCE)
            with running(contender, both, folder) as process:
                while not told.recv(4096).startswith(b"READY=1"):
                    pass
                return usage(process.pid).cpu


CASE = Case(
    "idle",
    "A real process with nothing to do for some minutes, scaled to an hour (CPU from /proc/PID/stat, "
    "writes from /proc/PID/io, requests and bytes from the simulators); and what a start costs until systemd is told "
    "that it works.",
    _variants,
)
