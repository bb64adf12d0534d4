"""What customers are told by itself, on virtual time: when, once, and never when it makes no sense any more."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from bridge import OTHER, USER, Bridge, running
from maxbridge.store.backup import back_up
from maxbridge.store.restore import commit, replacing
from maxbridge.store.store import Store
from virtual_time import virtual

NOTICE = "Мы храним вашу переписку: https://romashka.ru/privacy"


def shown_at(bridge: Bridge, user: int = USER) -> float | None:
    assert bridge.journal is not None
    ((at,),) = bridge.journal.db.rows(
        "SELECT privacy_at FROM dialog WHERE chat_id = ?", (bridge.chat(user),)
    )
    return None if at is None else float(at)


# --- privacy -----------------------------------------------------------------------------------------


@virtual
async def test_the_notice_comes_once_with_the_first_message_and_its_time_is_kept(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, privacy=NOTICE) as bridge:
        bridge.say("вопрос")
        await bridge.until(bridge.sent)
        assert bridge.sent() == [NOTICE]
        at = shown_at(bridge)
        assert at is not None
        assert abs(at - bridge.our_now()) < 60.0
        bridge.say("и ещё")
        bridge.reply(1, "<div>ответ</div>")
        await bridge.quiet()
        assert bridge.sent() == [NOTICE, "ответ"]
        assert shown_at(bridge) == at


@virtual
async def test_a_start_shows_it_behind_the_greeting_and_the_message_not_again(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, privacy=NOTICE, greeting="Здравствуйте") as bridge:
        bridge.max.state.start(USER)
        await bridge.until(lambda: len(bridge.sent()) == 2)
        bridge.say("вопрос")
        bridge.say("/start")
        await bridge.quiet()
        assert bridge.sent() == ["Здравствуйте", NOTICE, "Здравствуйте"]


@virtual
async def test_without_a_greeting_a_start_shows_it_and_opens_no_ticket(tmp_path: Path) -> None:
    async with running(tmp_path, privacy=NOTICE) as bridge:
        bridge.max.state.start(USER)
        await bridge.until(bridge.sent)
        await bridge.quiet()
        assert (bridge.sent(), bridge.tickets()) == ([NOTICE], [])


@pytest.mark.parametrize("where", ["max", "desk"])
@pytest.mark.parametrize("kind", ["drop_before", "drop_after", "status"])
@virtual
async def test_it_comes_once_whatever_the_ends_answer(
    tmp_path: Path, where: str, kind: str
) -> None:
    async with running(tmp_path, privacy=NOTICE) as bridge:
        more = {"status": 500, "body": {"message": "Server Error"}} if kind == "status" else {}
        if where == "max":
            bridge.break_max(kind, method="POST", path="/messages", **more)
        else:
            bridge.break_desk(kind, method="POST", **more)
        bridge.say("вопрос")
        await asyncio.sleep(400.0)
        assert bridge.sent() == [NOTICE]


@virtual
async def test_nobody_is_told_it_for_spam_or_in_a_group(tmp_path: Path) -> None:
    async with running(tmp_path, groups="ticket") as bridge:
        bridge.say("первое")
        await bridge.until(bridge.tickets)
        bridge.desk.state.set_status(1, "spam")
        assert bridge.daemon is not None
        wanted = replace(bridge.settings, texts=replace(bridge.settings.texts, privacy=NOTICE))
        bridge.daemon.reload(wanted)
        bridge.say("спам")
        await bridge.quiet()
        assert bridge.sent() == []


@virtual
async def test_after_a_restore_it_is_looked_up_not_repeated(tmp_path: Path) -> None:
    async with running(tmp_path, privacy=NOTICE) as bridge:
        bridge.max.state.person(OTHER, "Олег")
        bridge.max.state.start(OTHER)
        await bridge.until(lambda: bridge.sent(OTHER))
        copy = tmp_path / "copy.db"
        back_up(bridge.settings.store.path, copy, overwrite=True, now=bridge.our_now())
        bridge.max.state.start(USER)
        await bridge.until(bridge.sent)
        await bridge.stop()
        with replacing(copy, bridge.settings.store.path) as ready:
            commit(ready, bridge.our_now())
        bridge.start()
        await asyncio.sleep(400.0)
        bridge.say("вопрос")
        bridge.say("вопрос", OTHER)
        await bridge.quiet()
        assert (bridge.sent(), bridge.sent(OTHER)) == ([NOTICE], [NOTICE])


@virtual
async def test_whoever_was_forgotten_is_shown_it_again(tmp_path: Path) -> None:
    async with running(tmp_path, privacy=NOTICE) as bridge:
        bridge.say("вопрос")
        await bridge.until(bridge.sent)
        beside = Store(bridge.settings.store.path, exclusive=False)
        whose = beside.forgetting.whose(bridge.chat())
        assert whose is not None
        beside.forgetting.erase(beside.forgetting.stones(whose, bridge.our_now()))
        beside.close()
        bridge.say("снова я")
        await bridge.until(lambda: len(bridge.sent()) == 2)
        assert bridge.sent() == [NOTICE, NOTICE]
