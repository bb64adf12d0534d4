"""An older database is put back: what was delivered since arrives once, what was not arrives."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from bridge import OTHER, USER, Bridge, running
from maxbridge.store.backup import back_up
from maxbridge.store.restore import commit, replacing
from long_times import on_a_fast_disk
from virtual_time import virtual

THIRD = 410000019


def take(bridge: Bridge) -> Path:
    """A backup beside the running daemon."""
    copy = bridge.settings.store.path.with_name("copy.db")
    back_up(bridge.settings.store.path, copy, overwrite=True, now=bridge.our_now())
    return copy


def put_back(bridge: Bridge, copy: Path) -> None:
    with replacing(copy, bridge.settings.store.path) as ready:
        commit(ready, bridge.our_now())


def words(bridge: Bridge, conversation_id: int) -> list[str]:
    """The customer's words in a ticket, in order."""
    return [
        body.split("</div>")[0].removeprefix("<div>") for body in bridge.bodies(conversation_id)
    ]


def held(bridge: Bridge) -> list[str]:
    assert bridge.journal is not None
    return [each.key for each in bridge.journal.health.snapshot().held]


def all_words(bridge: Bridge) -> Counter[str]:
    return Counter(word for ticket in bridge.tickets() for word in words(bridge, ticket))


@pytest.mark.parametrize("again", [True, False], ids=["MAX tells again", "MAX has forgotten"])
@pytest.mark.parametrize("hours", [0.05, 60.0])
@virtual
async def test_traffic_after_a_backup_arrives_once(
    tmp_path: Path, again: bool, hours: float
) -> None:
    async with running(tmp_path, greeting="Здравствуйте!") as bridge:
        on_a_fast_disk(bridge)
        bridge.max.state.queue.keep_acknowledged = again
        bridge.max.state.person(OTHER, "Олег")
        bridge.max.state.person(THIRD, "Вера")
        bridge.say("до копии")
        await bridge.until(bridge.tickets)
        bridge.reply(1, "<div>ответ до копии</div>")
        edited = bridge.reply(1, "<div>правленый</div>")
        await bridge.until(lambda: len(bridge.sent()) == 2)
        copy = take(bridge)

        mid = bridge.say("после копии")
        bridge.max.state.start(OTHER)
        bridge.say("новый человек", OTHER)
        await bridge.until(lambda: len(bridge.tickets()) == 2)
        bridge.reply(2, "<div>новому человеку</div>")
        bridge.reply(1, "<div>да</div>")
        bridge.reply(1, "<div>да</div>")
        await bridge.quiet()
        bridge.max.state.edit(mid, "после копии, правлено")
        bridge.desk.state.edit_thread(edited, "<div>правленый два</div>" + "<p>" + "ы" * 5000)
        await asyncio.sleep(60.0)
        bridge.desk.state.note(1, "<div>заметка</div>")
        bridge.say("ещё")
        bridge.say("ещё от нового", OTHER)
        await bridge.quiet()
        before, sent = all_words(bridge), (bridge.sent(), bridge.sent(OTHER))
        threads = len(bridge.desk.state.threads)
        await bridge.stop()
        await asyncio.sleep(hours * 3600)

        # While the bridge is down.
        bridge.reply(2, "<div>пока лежал</div>")
        bridge.say("пока лежал, вопрос")
        put_back(bridge, copy)
        bridge.say("первый раз", THIRD)
        bridge.start()
        await bridge.quiet()
        await asyncio.sleep(200.0)
        await bridge.quiet()

        assert not held(bridge)
        now = all_words(bridge)
        assert now - before == Counter({"пока лежал, вопрос": 1, "первый раз": 1})
        assert not before - now
        assert bridge.sent() == sent[0]
        assert bridge.sent(OTHER) == [*sent[1], "пока лежал"]
        assert bridge.sent(THIRD) == []
        assert len(bridge.desk.state.threads) == threads + 3
        assert len(bridge.tickets()) == 3

        # Both directions go on in the tickets of before.
        bridge.say("дальше", OTHER)
        bridge.say("и дальше")
        await bridge.quiet()
        assert words(bridge, 2)[-1] == "дальше"
        assert words(bridge, 1)[-1] == "и дальше"
        bridge.reply(1, "<div>и ответ</div>")
        bridge.reply(2, "<div>и ответ</div>")
        await bridge.quiet()
        assert bridge.sent()[-1] == "и ответ"
        assert bridge.sent(OTHER)[-1] == "и ответ"
        assert not held(bridge)
