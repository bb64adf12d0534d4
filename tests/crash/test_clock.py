"""The fast clock of the crash tests: one world, one time, in whichever process."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time

import pytest

from crash.clock import EPOCH, FastClock, bearable
from crash.processes import environment


def test_waiting_takes_as_long_as_the_worlds_clock_says_and_less_of_ours() -> None:
    clock = FastClock(1000.0)

    async def wait() -> float:
        began = clock.now()
        await asyncio.sleep(30.0)
        return clock.now() - began

    began = time.monotonic()
    with asyncio.Runner(loop_factory=clock.loop) as runner:
        waited = runner.run(wait())
    assert waited >= 30.0
    assert time.monotonic() - began < 30.0


@pytest.mark.parametrize(("load", "speed"), [(0.3, 100.0), (4.0, 100.0), (8.0, 50.0), (40.0, 10.0)])
def test_the_world_is_slower_on_a_busy_machine(
    monkeypatch: pytest.MonkeyPatch, load: float, speed: float
) -> None:
    monkeypatch.setattr(os, "getloadavg", lambda: (load, 0.0, 0.0))
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    assert bearable(100.0) == speed


def test_another_process_means_the_same_moment() -> None:
    clock = FastClock(50.0)
    assert FastClock.from_variable(clock.to_variable()) == clock


def test_a_program_that_knows_nothing_of_it_lives_in_the_world() -> None:
    clock = FastClock(200.0)
    code = """
import asyncio, time

async def wait():
    loop = asyncio.get_running_loop()
    before = loop.time()
    await asyncio.sleep(20.0)
    assert loop.time() - before >= 20.0
    print(time.time())

asyncio.run(wait())
"""
    before = clock.now()
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(clock),
        capture_output=True,
        text=True,
        check=True,
    )
    assert before + 20.0 <= float(done.stdout) <= clock.now()
    assert before >= EPOCH
    assert time.time() < EPOCH + 10**9


def test_settings_of_the_machine_do_not_come_along() -> None:
    os.environ["MAXBRIDGE_MAX__TOKEN"] = "of-somebody"
    try:
        assert "MAXBRIDGE_MAX__TOKEN" not in environment(FastClock(1.0))
    finally:
        del os.environ["MAXBRIDGE_MAX__TOKEN"]
