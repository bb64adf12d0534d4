"""A clock that is set by days, while the bridge runs and while it is off."""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random

import pytest

from bridge import OTHER, USER, Bridge, running
from long_times import look_seldom, on_a_fast_disk
from virtual_time import virtual

DAY = 86400.0


@pytest.fixture(autouse=True)
def _seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    look_seldom(monkeypatch, every=30.0)


@pytest.mark.parametrize("off", [True, False])
@virtual
async def test_who_comes_back_after_the_clock_was_set_back_gets_his_replies(
    tmp_path: Path, off: bool
) -> None:
    async with running(tmp_path, our_skew=3 * DAY) as bridge:
        bridge.say("вопрос")
        await bridge.until(bridge.tickets)
        bridge.max.state.stop(USER)
        bridge.reply(1, "<div>ответ</div>")
        await asyncio.sleep(60)
        if off:
            await bridge.stop()
        bridge.our_skew = 0.0
        if off:
            bridge.start()
        await asyncio.sleep(60)
        bridge.max.state.start(USER)
        await bridge.until(bridge.sent, 120)
        assert bridge.sent() == ["ответ"]


@virtual
async def test_a_clock_set_forward_while_off_gives_up_no_reply_untried(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        bridge.say("вопрос")
        await bridge.until(bridge.tickets)
        bridge.break_max("refuse", times=None)
        bridge.reply(1, "<div>ответ</div>")
        await asyncio.sleep(60)
        await bridge.stop()
        bridge.our_skew = 6 * DAY
        bridge.start()
        await asyncio.sleep(300)
        bridge.max_line.clear()
        await bridge.quiet(900)
        assert bridge.sent() == ["ответ"]
        assert not bridge.bodies(1, "note")


@virtual
async def test_a_clock_set_back_while_off_does_not_keep_a_reply_for_ever(tmp_path: Path) -> None:
    async with running(tmp_path, our_skew=300 * DAY, lifetime=1800.0) as bridge:
        bridge.say("вопрос")
        await bridge.until(bridge.tickets)
        bridge.break_max("refuse", times=None)
        bridge.reply(1, "<div>ответ</div>")
        await asyncio.sleep(60)
        await bridge.stop()
        bridge.our_skew = 0.0
        bridge.start()
        await bridge.until(lambda: bridge.bodies(1, "note"), 3600)
        assert "Не доставлено в MAX" in bridge.bodies(1, "note")[0]


@pytest.mark.parametrize("seed", range(4))
@virtual
async def test_whatever_the_clock_does_all_arrives_once_and_in_order(
    tmp_path: Path, seed: int
) -> None:
    """Jumps of minutes to weeks, back and forth, running and off, with a line that breaks."""
    chance = Random(seed)
    bridge = Bridge(tmp_path, seed=seed, undo_window=2.0, poll_interval=5.0)
    bridge.max.state.person(OTHER, "Олег")
    bridge.start()
    on_a_fast_disk(bridge)
    await asyncio.sleep(1)
    said: dict[int, list[str]] = {USER: [], OTHER: []}
    answered: dict[int, list[str]] = {USER: [], OTHER: []}
    for user, ticket in ((USER, 1), (OTHER, 2)):
        said[user].append("знакомство")
        bridge.say("знакомство", user)
        await bridge.until(lambda: len(bridge.tickets()) == ticket)  # noqa: B023
    broken = {"times": None, "probability": 0.15}
    bridge.break_desk("drop_after", method="POST", **broken)
    bridge.break_max("drop_after", method="POST", **broken)
    for step in range(30):
        user, ticket = chance.choice([(USER, 1), (OTHER, 2)])
        said[user].append(f"вопрос {step}")
        bridge.say(f"вопрос {step}", user)
        if chance.random() < 0.6:
            answered[user].append(f"ответ {step}")
            bridge.reply(ticket, f"<div>ответ {step}</div>")
        await asyncio.sleep(chance.random() * 40)
        off = chance.random() < 0.3
        if off:
            await (bridge.stop() if chance.random() < 0.5 else bridge.kill())
        if chance.random() < 0.5:
            days = chance.choice([0.02, 0.5, 2.0, 6.0, 20.0])
            bridge.our_skew = chance.choice([-1.0, 1.0]) * days * DAY * chance.random()
        if off:
            bridge.start()
            on_a_fast_disk(bridge)
    bridge.our_skew = 0.0
    bridge.desk_line.clear()
    bridge.max_line.clear()
    await asyncio.sleep(120)
    await bridge.quiet(3600)
    for user, ticket in ((USER, 1), (OTHER, 2)):
        words = [body.split("</div>")[0].removeprefix("<div>") for body in bridge.bodies(ticket)]
        assert words == said[user]
        assert bridge.sent(user) == answered[user]
    assert bridge.tickets() == [1, 2]
    await bridge.stop()
