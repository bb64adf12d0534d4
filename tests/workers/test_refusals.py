"""What MAX refuses: what each code means for the reply, for its chat and for everybody else."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bridge import OTHER, Bridge, running
from file_samples import JPEG
from virtual_time import virtual

DENIED = "error.dialog.suspended"


async def acquainted(bridge: Bridge) -> None:
    """Марина and Олег have a ticket each."""
    bridge.max.state.person(OTHER, "Олег")
    bridge.say("вопрос")
    await bridge.until(bridge.tickets)
    bridge.say("мой вопрос", OTHER)
    await bridge.until(lambda: len(bridge.tickets()) == 2)


def refuse(bridge: Bridge, code: str, message: str = "x", **more: Any) -> None:
    """MAX refuses a send with 403 and this code."""
    more = {"times": 1, "status": 403, **more}
    body = {"code": code, "message": message}
    bridge.break_max("status", method="POST", path="/messages", body=body, **more)


def is_stopped(bridge: Bridge) -> bool:
    """Does the bridge believe that Марина has stopped the bot?"""
    assert bridge.journal is not None
    dialog = bridge.journal.dialogs.get(bridge.chat())
    return dialog is not None and dialog.blocked


@pytest.mark.parametrize("code", ["deprecated.token", "access.denied", "something.new"])
@virtual
async def test_a_refusal_that_names_nothing_of_the_message_is_tried_again(
    tmp_path: Path, code: str
) -> None:
    async with running(tmp_path) as bridge:
        await acquainted(bridge)
        refuse(bridge, code)
        bridge.reply(1, "<div>первый</div>")
        bridge.reply(1, "<div>второй</div>")
        await bridge.quiet()
        assert bridge.sent() == ["первый", "второй"]
        assert not is_stopped(bridge)
        assert bridge.bodies(1, "note") == []


@virtual
async def test_words_that_max_denies_cost_that_reply_and_no_other(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        await acquainted(bridge)
        refuse(bridge, "text.denied")
        bridge.reply(1, "<div>запрещено</div>")
        bridge.reply(1, "<div>разрешено</div>")
        await bridge.quiet()
        assert bridge.sent() == ["разрешено"]
        assert not is_stopped(bridge)
        (note,) = bridge.bodies(1, "note")
        assert "text.denied" in note
        assert "остановил бота" not in note


@virtual
async def test_a_link_that_max_denies_goes_as_plain_text(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        await acquainted(bridge)
        refuse(bridge, "link.denied")
        bridge.reply(1, '<div>Смотрите <a href="https://romashka.ru/x">здесь</a></div>')
        await bridge.quiet()
        assert bridge.sent() == ["Смотрите здесь (https://romashka.ru/x)"]


@virtual
async def test_a_picture_that_max_denies_goes_as_a_file(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        await acquainted(bridge)
        refuse(bridge, "attachment.denied")
        bridge.reply(1, "<div>фото</div>", attachments=[("a.jpg", "image/jpeg", JPEG)])
        await bridge.quiet()
        kinds = [
            [each["type"] for each in message["body"].get("attachments", ())]
            for message in bridge.max.state.sent(bridge.chat())
        ]
        assert kinds == [[], ["file"]]
        assert bridge.sent() == ["фото", ""]


@pytest.mark.parametrize(
    "body",
    [
        {"success": False, "code": "chat.denied", "message": DENIED},
        {"success": False, "code": "chat.denied"},
        {"success": False, "message": DENIED},
        {"code": "chat.denied", "message": DENIED},
    ],
)
@virtual
async def test_no_success_with_status_200_is_a_refusal_and_in_no_doubt(
    tmp_path: Path, body: dict[str, Any]
) -> None:
    async with running(tmp_path) as bridge:
        await acquainted(bridge)
        bridge.break_max("status", method="POST", path="/messages", status=200, body=body)
        bridge.reply(1, "<div>где вы?</div>")
        await asyncio.sleep(25.0)
        assert is_stopped(bridge)
        assert not bridge.max.starts("/messages", "GET")  # nothing is looked up
        assert not bridge.sent()
        bridge.say("я тут")
        await bridge.quiet()
        assert bridge.sent() == ["где вы?"]


@virtual
async def test_a_change_that_is_refused_by_code_is_judged_by_it(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        await acquainted(bridge)
        thread = bridge.reply(1, "<div>было</div>")
        await bridge.until(bridge.sent)
        body = {"success": False, "code": "chat.denied", "message": DENIED}
        bridge.break_max("status", method="PUT", path="/messages", status=200, body=body)
        bridge.desk.state.edit_thread(thread, "<div>стало</div>")
        await bridge.until(lambda: is_stopped(bridge))
        assert not any("изменить" in note for note in bridge.bodies(1, "note"))
        # The customer writes again, so the change goes through.
        bridge.say("я тут")
        await bridge.quiet()
        assert bridge.sent() == ["стало"]


def _is_at_the_desk(bridge: Bridge, messages: int) -> bool:
    return len(bridge.words(2)) == messages


def _is_with_oleg(bridge: Bridge, messages: int) -> bool:
    return len(bridge.sent(OTHER)) == messages


ANSWERS: list[tuple[str, dict[str, Any]]] = [
    ("html", {"status": 200}),
    ("html", {"status": 302}),
    ("html", {"status": 404}),
    ("html", {"status": 403}),
    ("html", {"status": 503}),
    ("html", {"status": 502}),
    ("status", {"status": 500}),
    ("status", {"status": 406, "body": {"message": "x"}}),
    ("status", {"status": 422, "body": {"message": "x"}}),
    ("drop_before", {}),
]
IDS = [f"{kind}-{more.get('status', '')}" for kind, more in ANSWERS]


@pytest.mark.parametrize(("kind", "more"), ANSWERS, ids=IDS)
@virtual
async def test_one_message_that_the_desk_never_takes_delays_nobody_else(
    tmp_path: Path, kind: str, more: dict[str, Any]
) -> None:
    async with running(tmp_path) as bridge:
        await acquainted(bridge)
        path = "/api/conversations/1/threads"
        bridge.break_desk(kind, method="POST", path=path, times=None, **more)
        bridge.say("этого не берёт")
        for number in range(20):
            await asyncio.sleep(2.5)
            bridge.say(f"слово {number}", OTHER)
            await bridge.until(partial(_is_at_the_desk, bridge, number + 2), 2.0)


@pytest.mark.parametrize(("kind", "more"), ANSWERS, ids=IDS)
@virtual
async def test_one_reply_that_max_never_takes_delays_nobody_elses(
    tmp_path: Path, kind: str, more: dict[str, Any]
) -> None:
    async with running(tmp_path, undo_window=0.0, poll_interval=1.0) as bridge:
        await acquainted(bridge)
        query = {"chat_id": str(bridge.chat())}
        bridge.break_max(kind, method="POST", path="/messages", query=query, times=None, **more)
        bridge.reply(1, "<div>этого не берёт</div>")
        for number in range(20):
            await asyncio.sleep(2.5)
            bridge.reply(2, f"<div>слово {number}</div>")
            await bridge.until(partial(_is_with_oleg, bridge, number + 1), 8.0)


@virtual
async def test_a_new_reply_tries_a_stopped_dialog_again_after_a_quarter_of_an_hour(
    tmp_path: Path,
) -> None:
    # Case A7: a mark that is not (or no longer) true, and no event that would lift it.
    async with running(tmp_path) as bridge:
        await acquainted(bridge)
        refuse(bridge, "chat.denied")
        bridge.reply(1, "<div>первый</div>")
        await asyncio.sleep(60)
        bridge.reply(1, "<div>второй</div>")
        await asyncio.sleep(960)
        assert bridge.sent() == []
        assert is_stopped(bridge)
        bridge.reply(1, "<div>третий</div>")
        await bridge.quiet()
        assert bridge.sent() == ["первый", "второй", "третий"]
        assert not is_stopped(bridge)
