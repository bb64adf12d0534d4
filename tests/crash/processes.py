"""The processes of a world: lives of the daemon, and the simulators that outlive them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from random import Random
from typing import Protocol

import maxbridge
from crash.clock import VARIABLE, FastClock
from maxbridge.sim.__main__ import both_ends

TESTS = Path(__file__).parents[1]
RUN = ("run",)
_OURS = ("MAXBRIDGE_", "FREESCOUT_", "MAX_BOT", "CRASH_")


def environment(clock: FastClock, **more: str) -> dict[str, str]:
    """The environment of a process of this world: no settings of the machine's, its own clock."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    paths = (TESTS / "crash" / "fast", Path(maxbridge.__file__).parents[1], TESTS)
    return {
        **kept,
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
        VARIABLE: clock.to_variable(),
        **more,
    }


class Life:
    """One life of the daemon: a process from its start to its end."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        """Its exit code; the negative number of the signal that ended it."""

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, unless it has ended."""
        if not self.ended.done():
            with contextlib.suppress(ProcessLookupError):  # it ended, and nobody has told us yet
                os.kill(self.pid, number)


class Starter(Protocol):
    """Something that can start the daemon."""

    async def start(
        self, config: Path, environ: dict[str, str], log: Path, command: Sequence[str] = RUN
    ) -> Life:
        """Start ``maxbridge run``, or another command."""
        ...

    async def close(self) -> None:
        """End whatever still lives."""
        ...


class Fresh:
    """Starts the installed command, as systemd does: a new interpreter every time."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._lives: list[Life] = []

    async def start(
        self, config: Path, environ: dict[str, str], log: Path, command: Sequence[str] = RUN
    ) -> Life:
        program = Path(sys.executable).with_name("maxbridge")
        with log.open("ab") as words:
            process = await asyncio.create_subprocess_exec(
                program, *command, "--config", config, env=environ, stderr=words,
                stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
            )  # fmt: skip
        life = Life(process.pid)
        self._lives.append(life)

        async def wait() -> None:
            life.ended.set_result(await process.wait())

        task = asyncio.create_task(wait())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return life

    async def close(self) -> None:
        for life in self._lives:
            life.signal(signal.SIGKILL)
        await asyncio.gather(*self._tasks)


class Nursery:
    """Starts the daemon by forking a process that has imported it already; see ``nursery.py``."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._started: asyncio.Queue[int | None] = asyncio.Queue()
        self._lives: dict[int, Life] = {}
        self._early: dict[int, int] = {}
        self._one_at_a_time = asyncio.Lock()
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def open(cls, clock: FastClock) -> Nursery:
        """Start the nursery."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "crash.nursery",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, env=environment(clock),
        )  # fmt: skip
        return cls(process)

    async def start(
        self, config: Path, environ: dict[str, str], log: Path, command: Sequence[str] = RUN
    ) -> Life:
        argv = [*command, "--config", str(config)]
        order = {"argv": argv, "environ": environ, "stderr": str(log)}
        assert self._process.stdin is not None
        async with self._one_at_a_time:
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            pid = await self._started.get()
        if pid is None:
            raise RuntimeError("the nursery ended")
        life = Life(pid)
        self._lives[life.pid] = life
        if life.pid in self._early:
            life.ended.set_result(self._early.pop(life.pid))
        return life

    async def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()
        await self._reading

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            news: dict[str, int] = json.loads(line)
            pid = news["pid"]
            if "status" not in news:
                self._started.put_nowait(pid)
            elif pid in self._lives:
                self._lives.pop(pid).ended.set_result(news["status"])
            else:
                self._early[pid] = news["status"]
        self._started.put_nowait(None)


@contextlib.asynccontextmanager
async def simulators(clock: FastClock, seed: int, *, apart: bool) -> AsyncIterator[dict[str, str]]:
    """Both ends: ``python -m maxbridge.sim``, or the same in this process. Gives what they print."""
    if not apart:
        rng = Random(seed)
        async with both_ends(clock.now, rng) as ready:
            yield ready
        return
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "maxbridge.sim", "--seed", str(seed),
        stdout=asyncio.subprocess.PIPE, env=environment(clock),
    )  # fmt: skip
    assert process.stdout is not None
    try:
        yield json.loads(await process.stdout.readline())
    finally:
        process.terminate()
        await process.wait()
