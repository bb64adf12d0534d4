"""What the desk is asked for: few light requests in quiet times, one heavy one for a reply."""

from __future__ import annotations

import asyncio
from pathlib import Path

from bridge import Bridge, running
from virtual_time import virtual

LIST, TICKET = "/api/conversations", "/api/conversations/1"


def asked(bridge: Bridge, path: str) -> int:
    """How often the desk was asked for this path since the last time; the list remembers so many."""
    count = sum(each.method == "GET" and each.path == path for each in bridge.desk.requests)
    bridge.desk.requests.clear()
    return count


@virtual
async def test_a_reply_costs_one_reading_of_its_ticket(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        bridge.say("вопрос")
        await bridge.until(bridge.tickets)
        await bridge.quiet()
        asked(bridge, TICKET)
        bridge.reply(1, "<div>ответ</div>")
        await bridge.quiet()
        assert bridge.sent() == ["ответ"]
        await asyncio.sleep(120)
        assert asked(bridge, TICKET) <= 2


@virtual
async def test_a_quiet_desk_is_asked_every_fifteen_seconds(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        bridge.say("вопрос")
        await bridge.until(bridge.tickets)
        await asyncio.sleep(700)
        polls = 0
        for _ in range(12):
            asked(bridge, LIST)
            await asyncio.sleep(300)
            polls += asked(bridge, LIST)
        assert polls in range(238, 246)


@virtual
async def test_a_reply_after_a_quiet_night_leaves_when_its_window_ends(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        bridge.say("вопрос")
        await bridge.until(bridge.tickets)
        for pause in (3600.0, 3603.7, 3611.2):
            await asyncio.sleep(pause)
            sent = len(bridge.sent())
            bridge.reply(1, f"<div>ответ {pause}</div>")
            started = asyncio.get_running_loop().time()
            await bridge.until(lambda sent=sent: len(bridge.sent()) > sent, step=0.01)  # type: ignore[misc]
            assert asyncio.get_running_loop().time() - started < 18.2
