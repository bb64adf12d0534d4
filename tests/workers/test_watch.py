"""What systemd hears of the real daemon: ready, alive as long as every loop moves, never otherwise."""

from __future__ import annotations

import asyncio
import io
import logging
import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from bridge import USER, Bridge, running
from long_times import on_a_fast_disk
from maxbridge.engine import pool
from maxbridge.engine.watch import HUNG_AFTER, SLOW_AFTER, START_PERIOD, Notifier
from maxbridge.observe import log
from maxbridge.observe.status import assess
from maxbridge.sim.faults import Fault
from notified import Manager
from virtual_time import VirtualLoop, virtual

HOUR = 3600.0
PERIOD = 180.0
"""WatchdogSec= of the unit."""
FOREVER = 1e9
WAITED = 2050.0
SELDOM = 100.0
"""Seconds between two polls of the desk: the loops go round all the same, and time passes faster."""


class Listener:
    """Reads the socket every other virtual second and remembers when something was said."""

    def __init__(self, manager: Manager) -> None:
        self.manager = manager
        self.times: dict[str, list[float]] = {}
        self._task = asyncio.ensure_future(self._listen())

    async def _listen(self) -> None:
        while True:
            self.read()
            await asyncio.sleep(2.0)

    def read(self) -> None:
        for message in self.manager.read():
            for name in message:
                self.times.setdefault(name, []).append(asyncio.get_running_loop().time())

    def longest_silence(self) -> float:
        """Seconds between two signs of life, or since the last one."""
        self.read()
        times = [*self.times["WATCHDOG"], asyncio.get_running_loop().time()]
        return max(late - early for early, late in pairwise(times))

    def close(self) -> None:
        self._task.cancel()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    one = Manager(tmp_path / "notify")
    yield one
    one.close()


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    log.configure(level="info", form="json", stream=stream)
    yield stream
    logging.getLogger().handlers.clear()


def watched(folder: Path, manager: Manager, **changes: Any) -> tuple[Bridge, Listener]:
    bridge = Bridge(folder, poll_interval=SELDOM, **changes)
    bridge.notifier = Notifier(manager.address, watchdog=PERIOD)
    bridge.start()
    on_a_fast_disk(bridge)
    return bridge, Listener(manager)


# --- the start -------------------------------------------------------------------------------------


@virtual
async def test_ready_is_said_once_when_both_ends_have_answered(
    tmp_path: Path, manager: Manager
) -> None:
    bridge, listener = watched(tmp_path, manager)
    await asyncio.sleep(60)
    assert manager.count("READY") == 1
    assert listener.times["READY"][0] < 5
    assert manager.status == "both ends answer; 0 waiting, 0 held"
    await bridge.stop()
    listener.close()
    assert manager.count("STOPPING") == 1
    assert manager.status.startswith("stops")


@pytest.mark.parametrize(("end", "name"), [("max", "MAX"), ("desk", "FreeScout")])
@virtual
async def test_a_start_waits_for_an_end_and_asks_for_more_time_all_along(
    tmp_path: Path, manager: Manager, end: str, name: str
) -> None:
    bridge = Bridge(tmp_path, poll_interval=SELDOM)
    (bridge.break_max if end == "max" else bridge.break_desk)("refuse", times=None)
    bridge.notifier = Notifier(manager.address, watchdog=PERIOD)
    bridge.start()
    on_a_fast_disk(bridge)
    listener = Listener(manager)
    await asyncio.sleep(WAITED)
    assert manager.count("READY") == 0
    asked = listener.times["EXTEND_TIMEOUT_USEC"]
    assert asked[0] < START_PERIOD
    assert max(late - early for early, late in pairwise([*asked, WAITED])) < START_PERIOD / 2
    code = f"{'max' if end == 'max' else 'desk'}.unreachable"
    words = rf"waits for {name} for 3[0-4] min: {code}; 0 waiting, 0 held"
    assert re.fullmatch(words, manager.status), manager.status
    (bridge.max_line if end == "max" else bridge.desk_line).faults.clear()
    await bridge.until(lambda: manager.count("READY"), 400)
    assert manager.status.startswith("both ends answer")
    said = manager.count("EXTEND_TIMEOUT_USEC")
    await asyncio.sleep(120)
    assert manager.count("READY") == 1
    assert manager.count("EXTEND_TIMEOUT_USEC") == said
    await bridge.stop()
    listener.close()


# --- what hangs ------------------------------------------------------------------------------------


async def _for_ever(*_: Any, **__: Any) -> Any:
    await asyncio.sleep(FOREVER)


def _hang_max_poller(bridge: Bridge) -> None:
    bridge.daemon.max_poller.step = _for_ever  # type: ignore[union-attr,method-assign]


def _hang_desk_poller(bridge: Bridge) -> None:
    bridge.daemon.desk_poller.step = _for_ever  # type: ignore[union-attr,method-assign]


def _hang_housekeeper(bridge: Bridge) -> None:
    bridge.daemon.housekeeper._round = _for_ever  # type: ignore[union-attr,method-assign]


@pytest.mark.parametrize(
    ("name", "hang"),
    [
        ("max_poller", _hang_max_poller),
        ("desk_poller", _hang_desk_poller),
        ("housekeeper", _hang_housekeeper),
    ],
)
@virtual
async def test_one_loop_that_hangs_ends_the_signs_of_life(
    tmp_path: Path,
    manager: Manager,
    lines: io.StringIO,
    name: str,
    hang: Callable[[Bridge], None],
) -> None:
    bridge, listener = watched(tmp_path, manager)
    await asyncio.sleep(600)
    assert listener.longest_silence() < PERIOD / 2 + 3
    hang(bridge)
    began = asyncio.get_running_loop().time()
    await asyncio.sleep(SLOW_AFTER + 60)
    assert f"{name} has not moved for" in manager.status
    await asyncio.sleep(900)
    listener.read()
    last = listener.times["WATCHDOG"][-1] - began
    assert HUNG_AFTER - PERIOD / 2 < last < HUNG_AFTER + 60
    assert "systemd restarts the service" in manager.status
    text = lines.getvalue()
    assert text.count('"loop does not move"') == 1
    assert "test_watch.py" in text  # where it waits
    assert text.count("a loop hangs") == 1
    await bridge.kill()
    listener.close()


@virtual
async def test_deliveries_that_hang_end_them_too_when_nothing_else_of_the_loop_moves(
    tmp_path: Path, manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "LONGEST_DELIVERY", 1000.0)  # four hours otherwise
    bridge, listener = watched(tmp_path, manager)
    await asyncio.sleep(60)
    bridge.daemon.writer_pool._deliver = _for_ever  # type: ignore[union-attr]
    bridge.say("раз")
    await asyncio.sleep(pool.LONGEST_DELIVERY - 60)
    assert listener.longest_silence() < PERIOD / 2 + 3
    await asyncio.sleep(HUNG_AFTER + PERIOD + 120)
    assert listener.longest_silence() > PERIOD
    assert "desk_writer has not moved" in manager.status
    await bridge.kill()
    listener.close()


@virtual
async def test_a_loop_that_goes_on_is_forgiven(
    tmp_path: Path, manager: Manager, lines: io.StringIO
) -> None:
    bridge, listener = watched(tmp_path, manager)
    await asyncio.sleep(60)
    assert bridge.daemon is not None
    real = bridge.daemon.desk_poller.step

    async def slow() -> None:
        await asyncio.sleep(SLOW_AFTER + 30)
        bridge.daemon.desk_poller.step = real  # type: ignore[union-attr,method-assign]
        await real()

    bridge.daemon.desk_poller.step = slow  # type: ignore[method-assign]
    await asyncio.sleep(600)
    assert listener.longest_silence() < PERIOD / 2 + 3
    assert lines.getvalue().count('"loop moves again"') == 1
    assert manager.status.startswith("both ends answer")
    await bridge.stop()
    listener.close()


# --- what does not hang ----------------------------------------------------------------------------


@virtual
async def test_signs_of_life_come_at_a_third_to_half_of_the_period(
    tmp_path: Path, manager: Manager
) -> None:
    """Long polls of an idle bot, for hours."""
    bridge, listener = watched(tmp_path, manager)
    await asyncio.sleep(1 * HOUR)
    listener.read()
    times = [at for at in listener.times["WATCHDOG"] if at > PERIOD]
    gaps = [late - early for early, late in pairwise(times)]
    assert len(gaps) > 50
    assert min(gaps) > PERIOD / 3 - 3  # the socket is read every other second
    assert max(gaps) < PERIOD / 2 + 3
    assert len(listener.times["STATUS"]) < 10  # a line that does not change is not sent
    await bridge.stop()
    listener.close()


@pytest.mark.parametrize(
    ("end", "fault"),
    [("max", "refuse"), ("max", "stall_before"), ("desk", "stall_before"), ("desk", "status")],
)
@virtual
async def test_a_long_outage_is_no_reason_to_restart(
    tmp_path: Path, manager: Manager, lines: io.StringIO, end: str, fault: str
) -> None:
    bridge, listener = watched(tmp_path, manager)
    bridge.say("до сбоя")
    await asyncio.sleep(60)
    faults: dict[str, dict[str, Any]] = {
        "stall_before": {"seconds": FOREVER},
        "status": {"status": 503},
    }
    more = faults.get(fault, {})
    (bridge.break_max if end == "max" else bridge.break_desk)(fault, times=None, **more)
    bridge.say("во время сбоя")
    await asyncio.sleep(1.1 * HOUR)
    assert listener.longest_silence() < PERIOD / 2 + 3
    assert "loop does not move" not in lines.getvalue()
    assert ("MAX" if end == "max" else "FreeScout") in manager.status
    assert "for 1 h" in manager.status
    (bridge.max_line if end == "max" else bridge.desk_line).faults.clear()
    await bridge.until(lambda: manager.status.startswith("both ends answer"), 900)
    await bridge.stop()
    listener.close()


@pytest.mark.parametrize("jump", [30 * 86400.0, -30 * 86400.0, 3.0, -200.0])
@virtual
async def test_a_clock_that_is_set_is_no_reason_to_restart(
    tmp_path: Path, manager: Manager, lines: io.StringIO, jump: float
) -> None:
    bridge, listener = watched(tmp_path, manager)
    bridge.say("раз")
    await asyncio.sleep(10 * 60)
    bridge.our_skew += jump
    await asyncio.sleep(1500)
    assert listener.longest_silence() < PERIOD / 2 + 3
    assert "loop does not move" not in lines.getvalue()
    await bridge.stop()
    listener.close()


@virtual
async def test_a_machine_that_slept_is_no_reason_to_restart(
    tmp_path: Path, manager: Manager, lines: io.StringIO
) -> None:
    """Time has passed and nothing could run: whoever is asked first must not be blamed."""
    bridge, listener = watched(tmp_path, manager)
    await asyncio.sleep(10 * 60)
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    for _ in range(5):
        loop.jump(2 * HUNG_AFTER)
        await asyncio.sleep(HUNG_AFTER / 2)
    assert "loop hangs" not in lines.getvalue()
    await asyncio.sleep(300)
    listener.read()
    assert loop.time() - listener.times["WATCHDOG"][-1] < PERIOD / 2 + 3
    await bridge.stop()
    listener.close()


@virtual
async def test_big_files_are_no_reason_to_restart(
    tmp_path: Path, manager: Manager, lines: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Deliveries that take nearly as long as they may, on every place that the loops have."""
    monkeypatch.setattr(pool, "LONGEST_DELIVERY", 1000.0)  # four hours otherwise
    bridge, listener = watched(tmp_path, manager)
    await asyncio.sleep(60)
    assert bridge.daemon is not None
    for each in (bridge.daemon.writer_pool, bridge.daemon.sender_pool):
        real = each._deliver

        async def slow(item: Any, real: Any = real) -> None:
            await asyncio.sleep(950)
            await real(item)

        each._deliver = slow
    for user in range(USER + 100, USER + 110):
        bridge.max.state.person(user, f"Имя {user}")
        bridge.say("большой файл", user)
    await asyncio.sleep(HOUR)
    assert listener.longest_silence() < PERIOD / 2 + 3
    assert "loop does not move" not in lines.getvalue()
    await bridge.stop()
    listener.close()


@virtual
async def test_a_loop_that_was_asked_to_wait_is_seen_to_move(tmp_path: Path) -> None:
    """Both services ask everybody to wait for five minutes: that is their trouble, and no loop of ours hangs."""
    async with running(tmp_path) as bridge:
        bridge.say("здравствуйте")
        await bridge.until(lambda: len(bridge.tickets()) == 1)
        told: dict[str, Any] = {
            "times": None,
            "status": 429,
            "headers": {"Retry-After": "300"},
            "body": {},
        }
        bridge.break_max("status", **told)
        bridge.desk_line.add(Fault("status", **told))
        await asyncio.sleep(30.0)
        for _ in range(12):
            await asyncio.sleep(45.0)
            assert bridge.journal is not None
            health = assess(bridge.journal.health.snapshot(), running=True, now=bridge.our_now())
            reasons = " ".join(map(str, health.reasons))
            assert "has not moved" not in reasons
            assert "max_poller has been in trouble" in reasons
            assert "desk_poller has been in trouble" in reasons
