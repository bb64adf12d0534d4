"""Prepares a process of the world before any code of ours runs in it: its clock, its end, its bug.

This is the "test build" of maxbridge: the same files, started with this module. What an installed
maxbridge finds in the same variables has no effect on it.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import time
from pathlib import Path

from crash.clock import VARIABLE, FastClock

KILL_AT = "MAXBRIDGE_KILL_AT"
DATABASE = "CRASH_DATABASE"
BUG = "CRASH_BUG"
CALL = "call:"
"""Begins a moment that has no name in the program: ``call:pwrite64:17``, the 17th such call on the database's files."""

_clock = FastClock(1.0)


def prepare() -> None:
    """Replace the clock, before any module has taken a reference to the real one."""
    time.time = _now

    class Policy(asyncio.DefaultEventLoopPolicy):
        """Gives the program's own ``asyncio.run`` a loop of this world."""

        def new_event_loop(self) -> asyncio.AbstractEventLoop:
            return _clock.loop()

    asyncio.set_event_loop_policy(Policy())


def obey(environ: os._Environ[str] | dict[str, str]) -> None:
    """Take over what the harness wants of this very process."""
    global _clock  # noqa: PLW0603 - the process has one
    if environ.get(VARIABLE):
        _clock = FastClock.from_variable(environ[VARIABLE])
    kill_at = environ.get(KILL_AT, "")
    if kill_at.startswith(CALL):
        die_at_call(kill_at, environ[DATABASE])
    elif kill_at:
        from maxbridge import failpoints  # noqa: PLC0415 - after the clock was replaced

        failpoints.arm(failpoints.killer(kill_at))
    if environ.get(BUG):
        from crash.bugs import BUGS  # noqa: PLC0415 - only where a bug is wanted

        BUGS[environ[BUG]](setattr)


def die_at_call(point: str, database: str) -> None:
    """Have strace end this process at a system call on the database or its log, which is not carried out.

    Raises:
        RuntimeError: strace may not trace us.
    """
    _, call, number = point.split(":")
    files = [part for ending in ("", "-wal") for part in ("-P", f"{database}{ending}")]
    inject = ["-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={number}"]
    tracer = subprocess.Popen(
        [
            shutil.which("strace") or "strace",
            "-f",
            "-qq",
            "-p",
            str(os.getpid()),
            "-o",
            "/dev/null",
            *files,
            *inject,
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    status = Path("/proc/self/status")
    while "TracerPid:\t0\n" in status.read_text():
        if tracer.poll() is not None:
            raise RuntimeError("strace does not trace")
        time.sleep(0.01)


def _now() -> float:
    return _clock.now()
