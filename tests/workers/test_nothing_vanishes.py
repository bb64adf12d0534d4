"""Small things that could vanish unseen between two people who both think they have been understood."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bridge import USER, Bridge, running
from virtual_time import VirtualLoop, virtual

DAY = 86400.0


def notes(bridge: Bridge) -> str:
    return " ".join(bridge.bodies(1, "note"))


async def asked(bridge: Bridge) -> None:
    bridge.say("вопрос")
    await bridge.until(bridge.tickets)


# --- from the customer --------------------------------------------------------------------------------


@pytest.mark.parametrize("greeting", ["", "Здравствуйте!"])
@virtual
async def test_what_a_deep_link_brought_stands_before_the_first_words(
    tmp_path: Path, greeting: str
) -> None:
    async with running(tmp_path, greeting=greeting) as bridge:
        bridge.max.state.start(USER, "order-<4821>")
        await bridge.quiet()
        assert not bridge.tickets(), "a start is no question"
        bridge.say("где мой заказ?")
        bridge.say("ау")
        await bridge.quiet()
        first, second = bridge.bodies(1)
        assert first.startswith(
            "<div>▶️ Клиент запустил бота (start: <code>order-&lt;4821&gt;</code>)</div>"
            "<div>где мой заказ?</div>"
        )
        assert second.startswith("<div>ау</div>"), "once is enough"
        assert bridge.desk.state.conversations[1].subject == "MAX: где мой заказ?"


@virtual
async def test_a_start_without_a_deep_link_is_not_worth_a_line(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        bridge.max.state.start(USER)
        bridge.say("вопрос")
        await bridge.quiet()
        assert bridge.bodies(1)[0].startswith("<div>вопрос</div>")


@virtual
async def test_a_deleted_dialog_is_one_line_though_max_tells_it_twice(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        await asked(bridge)
        bridge.max.state.remove_dialog(USER)
        await bridge.quiet()
        _, line = bridge.bodies(1)
        assert "Клиент удалил диалог" in line
        bridge.max.state.start(USER)
        bridge.max.state.stop(USER)
        await bridge.quiet()
        assert "Клиент остановил бота" in bridge.bodies(1)[2], "the next time is told again"


@virtual
async def test_a_spammer_is_not_told_that_anybody_listens(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        await asked(bridge)
        bridge.desk.state.set_status(1, "spam")
        bridge.say(attachments=[{"type": "poll", "payload": {}}])
        await bridge.quiet()
        assert len(bridge.bodies(1)) == 2
        assert not bridge.sent()


# --- from the agent -----------------------------------------------------------------------------------


@virtual
async def test_the_edit_of_a_reply_that_max_refused_is_sent_as_the_reply(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        await asked(bridge)
        refusal = {"code": "proto.payload", "message": "something odd"}
        bridge.break_max(
            "status", method="POST", path="/messages", status=400, body=refusal, times=2
        )
        thread = bridge.reply(1, "<div>плохой</div>")
        await bridge.until(lambda: "Не доставлено" in notes(bridge))
        # The note came last, so the edit moves no time: the next full reading shows it.
        bridge.desk.state.edit_thread(thread, "<div>хороший</div>")
        bridge.reply(1, "<div>ещё</div>")
        await bridge.quiet()
        assert bridge.sent() == ["хороший", "ещё"]


@pytest.mark.parametrize("days", [6.9, 7.1])
@virtual
async def test_an_edit_that_comes_too_late_is_told_to_the_agent(
    tmp_path: Path, days: float
) -> None:
    async with running(tmp_path) as bridge:
        await asked(bridge)
        thread = bridge.reply(1, "<div>старый</div>")
        await bridge.quiet()
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        loop.jump(days * DAY)
        await asyncio.sleep(60)
        bridge.desk.state.edit_thread(thread, "<div>новый</div>")
        await asyncio.sleep(60)
        await bridge.quiet()
        late = days > 7
        assert bridge.max.state.inbox(USER) == ["старый" if late else "новый"]
        assert ("Правка ответа «новый» не передана" in notes(bridge)) is late
