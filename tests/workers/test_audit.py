"""Two programs with one token: what one takes the other never gets. It is noticed, told and fetched."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge import Bridge, running
from logged import Lines, logging_to
from long_times import look_seldom, on_a_fast_disk
from maxbridge.gaps.watch import EVERY
from maxbridge.observe.status import Level, assess
from virtual_time import virtual


@pytest.fixture(autouse=True)
def _seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    look_seldom(monkeypatch, every=60.0)


@pytest.fixture
def lines() -> Iterator[Lines]:
    yield from logging_to()


def words(bridge: Bridge) -> list[str]:
    return [body.split("</div>")[0].removeprefix("<div>") for body in bridge.bodies(1)]


async def steal(bridge: Bridge, text: str) -> None:
    """Another program is given this event while our poll is on its way, and acknowledges it."""
    queue = bridge.max.state.queue
    queue.keep_acknowledged = False
    bridge.break_max("stall_before", path="/updates", seconds=10.0)
    polls = len(bridge.max_line.injected)
    await bridge.until(lambda: len(bridge.max_line.injected) > polls, 60)
    bridge.say(text)
    queue.acknowledge(queue.next)
    await asyncio.sleep(11)


@virtual
async def test_messages_that_another_program_took_are_told_and_fetched(
    tmp_path: Path, lines: Lines
) -> None:
    async with running(tmp_path, poll_interval=60.0) as bridge:
        on_a_fast_disk(bridge)
        bridge.say("вопрос")
        await bridge.until(bridge.tickets)
        await steal(bridge, "украдено 1")
        bridge.say("получено")
        await steal(bridge, "украдено 2")
        assert words(bridge) == ["вопрос", "получено"]
        await asyncio.sleep(3 * EVERY)
        assert sorted(words(bridge)) == ["вопрос", "получено", "украдено 1", "украдено 2"]
        (row,) = lines.of("events of MAX may be missing")
        assert row["error"] == "gap.missed"
        assert "Another program seems to use this bot's token" in row["advice"]
        assert bridge.journal is not None
        report = assess(bridge.journal.health.snapshot(), running=True, now=bridge.our_now())
        assert report.level is Level.DEGRADED
        assert "polling does not bring every message" in " ".join(report.reasons)


@virtual
async def test_a_message_that_comes_by_the_next_poll_is_no_alarm(
    tmp_path: Path, lines: Lines
) -> None:
    async with running(tmp_path, poll_interval=60.0) as bridge:
        on_a_fast_disk(bridge)
        bridge.say("вопрос")
        await bridge.until(bridge.tickets)
        # MAX shows a message in the history a while before it gives the event.
        bridge.break_max("stall_before", path="/updates", seconds=10.0)
        await bridge.until(lambda: bridge.max_line.injected, 60)
        bridge.say("ещё вопрос")
        assert bridge.daemon is not None
        await bridge.daemon.audit.step()
        await bridge.until(lambda: len(words(bridge)) == 2, 60)
        for _ in range(3):
            await bridge.daemon.audit.step()
        assert not lines.of("events of MAX may be missing")


@virtual
async def test_nothing_is_missing_while_polling_itself_is_in_trouble(
    tmp_path: Path, lines: Lines
) -> None:
    async with running(tmp_path, poll_interval=60.0) as bridge:
        on_a_fast_disk(bridge)
        bridge.say("вопрос")
        await bridge.until(bridge.tickets)
        bridge.break_max("refuse", path="/updates", times=None)
        await bridge.until(lambda: bridge.max_line.injected, 60)
        bridge.say("ещё вопрос")
        await asyncio.sleep(5 * EVERY)
        assert words(bridge) == ["вопрос"]
        assert not lines.of("events of MAX may be missing")


@virtual
async def test_a_well_bridge_is_never_alarmed_and_asks_little(tmp_path: Path, lines: Lines) -> None:
    async with running(tmp_path, poll_interval=60.0) as bridge:
        on_a_fast_disk(bridge)
        for user in range(600, 605):
            bridge.max.state.person(user, f"Имя {user}")
            bridge.say("вопрос", user)
        await bridge.until(lambda: len(bridge.tickets()) == 5)
        bridge.max.requests.clear()
        for number in range(6):
            for ticket in bridge.tickets():
                bridge.reply(ticket, f"<div>{number}</div>")
            bridge.say(f"{number}", 600 + number % 5)
            bridge.max.state.voice()
            await asyncio.sleep(EVERY)
        looks = [
            each
            for each in bridge.max.requests
            if each.path == "/messages" and each.method == "GET"
        ]
        assert 5 <= len(looks) <= 6
        assert len({each.query["chat_id"] for each in looks}) > 3
        assert not lines.of("events of MAX may be missing")


@virtual
async def test_what_is_older_than_the_bridge_is_not_missing(tmp_path: Path, lines: Lines) -> None:
    bridge = Bridge(tmp_path, first_start="new", poll_interval=60.0)
    for number in range(5):
        bridge.say(f"до моста {number}")
        await asyncio.sleep(5)
    bridge.start()
    await asyncio.sleep(5)
    bridge.say("вопрос")
    await bridge.until(bridge.tickets)
    await asyncio.sleep(5 * EVERY)
    assert not lines.of("events of MAX may be missing")
    assert words(bridge) == ["вопрос"]
    await bridge.stop()
