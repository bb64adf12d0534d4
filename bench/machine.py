"""What the machine is, and what the kernel says about a process."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from maxbridge import __version__

_PACKAGES = ("aiohttp", "httpx", "maxapi", "peewee", "pydantic")


def describe() -> dict[str, str]:
    """The machine and the versions: figures mean nothing without them."""
    cpu = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    memory = int(Path("/proc/meminfo").read_text().split(maxsplit=2)[1]) / 1024**2
    return {
        "cpu": f"{os.cpu_count()} × {cpu}",
        "memory": f"{memory:.0f} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "maxbridge": __version__,
        **{name: importlib.metadata.version(name) for name in _PACKAGES},
    }


def load() -> float:
    """Processes that wanted a core during the last minute, before we began."""
    return os.getloadavg()[0]


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process has used so far.

    Attributes:
        cpu: Seconds, its own and those of children that it has waited for.
        written: Bytes that it caused to be written to the disk.
        rss: MiB now.
        peak: MiB at most so far.
        pss: MiB, pages shared with others counted in proportion.
        private: MiB that nobody shares.
    """

    cpu: float
    written: int
    rss: float
    peak: float
    pss: float
    private: float


def usage(pid: int) -> Usage:
    """Read ``/proc`` (proc(5))."""
    proc = Path(f"/proc/{pid}")
    fields = (proc / "stat").read_text().rsplit(")", 1)[1].split()
    ticks = sum(int(each) for each in fields[11:15])
    sizes = _sizes(proc / "status") | _sizes(proc / "smaps_rollup")
    written = int((proc / "io").read_text().partition("\nwrite_bytes:")[2].split()[0])
    return Usage(
        cpu=ticks / os.sysconf("SC_CLK_TCK"),
        written=written,
        rss=sizes["VmRSS"],
        peak=sizes["VmHWM"],
        pss=sizes["Pss"],
        private=sizes["Private_Clean"] + sizes["Private_Dirty"],
    )


def forget_peak(pid: int) -> None:
    """Let the peak of a process begin anew."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def _sizes(path: Path) -> dict[str, float]:
    sizes = {}
    for line in path.read_text().splitlines():
        name, _, rest = line.partition(":")
        words = rest.split()
        if len(words) == 2 and words[1] == "kB":
            sizes[name] = int(words[0]) / 1024
    return sizes
