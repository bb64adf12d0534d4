"""Replies of any size: long ones hold no loop up, and what no messenger can carry is told of."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bridge import Bridge, running
from maxbridge.core.render import Rendered, render
from maxbridge.freescout.client import Directory
from maxbridge.freescout.parse import parse_conversation, parse_thread
from maxbridge.i18n import RU
from maxbridge.outbound.replies import ReplyMaker
from virtual_time import virtual

TICKET = {"id": 1, "status": "active", "state": "published", "createdAt": "2026-11-22T22:37:05Z"}


async def asked(bridge: Bridge) -> None:
    bridge.say("вопрос")
    await bridge.until(bridge.tickets)


@virtual
async def test_a_reply_that_no_messenger_can_carry_is_told_of_and_holds_nobody_up(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as bridge:
        await asked(bridge)
        bridge.reply(1, "<p>строка" * 60_000)
        bridge.reply(1, "<div>короткий ответ</div>")
        await bridge.quiet()
        assert bridge.sent() == ["короткий ответ"]
        (note,) = bridge.bodies(1, kind="note")
        assert "слишком длинный" in note
        assert "строка" in note


async def test_a_long_reply_is_read_beside_the_loops_and_only_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    in_main: list[bool] = []

    def noted(*given: Any, **more: Any) -> Rendered:
        in_main.append(threading.current_thread() is threading.main_thread())
        return render(*given, **more)

    monkeypatch.setattr("maxbridge.outbound.replies.render", noted)
    maker = ReplyMaker(RU, "", own_file=lambda _: False, directory=Directory)
    ticket = parse_conversation(TICKET)
    short, long = (
        replace(parse_thread(TICKET | {"type": "message"}), id=number, body=body)
        for number, body in enumerate(["<p>слово", "<p>слово слово</p>" * 2000])
    )
    await maker.prepare(ticket, [short, long])
    assert in_main == [False]
    assert [len(maker.reply(ticket, each, 0).parts) for each in (short, long)] == [1, 7]
    assert in_main == [False, True]


@virtual
async def test_an_edit_that_no_messenger_can_carry_is_told_of_once_and_changes_nothing(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as bridge:
        await asked(bridge)
        thread = bridge.reply(1, "<div>ответ</div>")
        await bridge.until(bridge.sent)
        bridge.desk.state.edit_thread(thread, "<p>строка" * 60_000)
        await bridge.quiet()
        bridge.reply(1, "<div>следующий</div>")
        await bridge.quiet()
        assert bridge.sent() == ["ответ", "следующий"]
        (note,) = bridge.bodies(1, kind="note")
        assert "слишком длинный" in note
