"""Prepares a process of the world before any code of ours runs in it: its clock, its end, its bug.

This is the "test build" of maxbridge: the same files, started with this module. What an installed
maxbridge finds in the same variables has no effect on it.
"""

from __future__ import annotations

import asyncio
import os
import time

from crash.clock import VARIABLE, FastClock

KILL_AT = "MAXBRIDGE_KILL_AT"
BUG = "CRASH_BUG"

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
    if environ.get(KILL_AT):
        from maxbridge import failpoints  # noqa: PLC0415 - after the clock was replaced

        failpoints.arm(failpoints.killer(environ[KILL_AT]))
    if environ.get(BUG):
        from crash.bugs import BUGS  # noqa: PLC0415 - only where a bug is wanted

        BUGS[environ[BUG]](setattr)


def _now() -> float:
    return _clock.now()
