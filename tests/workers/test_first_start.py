"""The first start: ``[max] first_start`` says what becomes of what was written before it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bridge import Bridge
from maxbridge.notify import Notifier
from notified import Manager
from virtual_time import virtual

BACKLOG = 250
"""More than two pages of MAX's answers."""


def with_backlog(folder: Path, first_start: str) -> Bridge:
    """A bridge that was never started, at a bot that got messages before."""
    bridge = Bridge(folder, first_start=first_start)
    bridge.max.no_marker = "all"
    for number in range(BACKLOG):
        bridge.say(f"старое {number}")
    return bridge


def words(bridge: Bridge) -> list[str]:
    """The customer's words in his ticket, in order."""
    return bridge.words()


OLD = [f"старое {number}" for number in range(BACKLOG)]


@pytest.mark.parametrize(
    ("first_start", "delivered"), [("new", ["новое"]), ("all", [*OLD, "новое"])]
)
@virtual
async def test_new_leaves_the_backlog_alone_and_all_delivers_it(
    tmp_path: Path, first_start: str, delivered: list[str]
) -> None:
    bridge = with_backlog(tmp_path, first_start)
    bridge.start()
    await asyncio.sleep(10)
    bridge.say("новое")
    await bridge.quiet(900)
    assert words(bridge) == delivered
    # What is passed over is kept for a while: nothing is thrown away unseen.
    assert bridge.journal is not None
    assert bridge.journal.db.tables.inbox.select().count() == BACKLOG + 1
    await bridge.stop()


@virtual
async def test_killed_while_passing_over_the_backlog_it_goes_on_passing_it_over(
    tmp_path: Path,
) -> None:
    bridge = with_backlog(tmp_path, "new")
    bridge.start()
    await bridge.until(lambda: len(bridge.max.starts("/updates")) == 2, 10, step=0.01)
    await bridge.kill()
    assert bridge.max.state.queue.waiting()
    bridge.start()
    await asyncio.sleep(10)
    bridge.say("новое")
    await bridge.quiet()
    assert words(bridge) == ["новое"]
    await bridge.stop()


@pytest.mark.parametrize("then", ["new", "all"])
@virtual
async def test_it_concerns_the_first_start_alone(tmp_path: Path, then: str) -> None:
    bridge = Bridge(tmp_path, first_start="new")
    bridge.start()
    await asyncio.sleep(5)
    await bridge.stop()
    bridge.say("пока моста нет")
    await asyncio.sleep(3600)
    bridge.settings = Bridge(tmp_path, first_start=then).settings
    bridge.start()
    await bridge.quiet()
    assert words(bridge) == ["пока моста нет"]
    await bridge.stop()


@virtual
async def test_max_that_is_away_at_the_first_start_makes_no_difference(tmp_path: Path) -> None:
    bridge = with_backlog(tmp_path, "new")
    bridge.break_max("refuse", path="/updates", times=10)
    bridge.start()
    await bridge.until(lambda: bridge.journal and bridge.journal.inbox.marker(), 900)
    await asyncio.sleep(10)
    bridge.say("новое")
    await bridge.quiet()
    assert words(bridge) == ["новое"]
    await bridge.stop()


@virtual
async def test_all_takes_what_max_gives(tmp_path: Path) -> None:
    # Since May 2026 a poll without a marker is said to bring the latest event only (contract max.md 1).
    bridge = with_backlog(tmp_path, "all")
    bridge.max.no_marker = "latest"
    bridge.start()
    await asyncio.sleep(5)
    bridge.say("новое")
    await bridge.quiet()
    assert words(bridge) == [OLD[-1], "новое"]
    await bridge.stop()


@pytest.mark.parametrize("backlog", [0, BACKLOG])
@virtual
async def test_what_is_written_after_the_start_is_complete_is_new(
    tmp_path: Path, backlog: int
) -> None:
    # Whoever sees systemctl come back takes his telephone and tries it.
    manager = Manager(tmp_path / "notify")
    bridge = with_backlog(tmp_path, "new") if backlog else Bridge(tmp_path, first_start="new")
    bridge.notifier = Notifier(manager.address)
    bridge.break_max("refuse", path="/updates", times=1)
    bridge.start()
    try:
        await bridge.until(lambda: manager.count("READY"), 60, step=0.001)
        bridge.say("новое")
        await bridge.quiet()
        assert words(bridge) == ["новое"]
        assert manager.count("READY") == 1
        await bridge.stop()
    finally:
        manager.close()
