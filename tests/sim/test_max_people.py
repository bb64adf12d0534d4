"""What people do in the simulated MAX and the events that the bot gets for it."""

from __future__ import annotations

import json

import pytest

from max_world import GROUP, USER, World, sample
from virtual_time import virtual


@virtual
async def test_start_comes_once_and_again_after_a_stop() -> None:
    world = World()
    state = world.state
    assert state.start(USER, "order-4821")
    assert not state.start(USER)
    state.stop(USER)
    assert state.start(USER, "x" * 513)
    events = await world.events()
    assert [event["update_type"] for event in events] == [
        "bot_started",
        "bot_stopped",
        "bot_started",
    ]
    assert events[0]["payload"] == "order-4821"
    assert "payload" not in events[2]


@virtual
async def test_who_stopped_the_bot_cannot_write() -> None:
    world = World()
    world.state.stop(USER)
    with pytest.raises(ValueError, match="start it first"):
        world.state.say(USER, "привет")


@virtual
async def test_deleting_the_dialog_sends_both_events() -> None:
    world = World()
    world.state.remove_dialog(USER)
    kinds = [event["update_type"] for event in await world.events()]
    assert kinds == ["dialog_removed", "bot_stopped"]


@virtual
async def test_anything_can_come_as_an_event() -> None:
    world = World()
    world.state.raw(None)
    world.state.voice()
    world.state.raw({"update_type": "reaction_added", "timestamp": 1})
    world.state.say(USER, "половина \ud83d символа")
    events = await world.events()
    assert events[0] is None
    assert events[1] == sample("update.message_created.native_voice_empty")["updates"][0] | {
        "timestamp": events[1]["timestamp"]
    }
    assert events[3]["message"]["body"]["text"] == "половина \ud83d символа"


@virtual
async def test_events_may_come_twice_or_in_the_wrong_order() -> None:
    world = World()
    world.state.say(USER, "один")
    world.state.say(USER, "два")
    world.state.swap_last()
    world.state.duplicate_last()
    texts = [event["message"]["body"]["text"] for event in await world.events()]
    assert texts == ["два", "один", "один"]


@virtual
async def test_an_event_keeps_what_it_said() -> None:
    world = World()
    mid = world.state.say(USER, "один")
    world.state.edit(mid, "исправлено")
    first, second = await world.events()
    assert first["message"]["body"]["text"] == "один"
    assert second["message"]["body"] == {**first["message"]["body"], "text": "исправлено"}


@virtual
async def test_a_group_is_silent_to_a_bot_that_may_not_read() -> None:
    world = World()
    world.state.group(GROUP, "Рабочий чат", USER, bot_reads=False)
    world.state.say(USER, "привет", chat_id=GROUP)
    assert [event["update_type"] for event in await world.events()] == ["bot_added"]


@virtual
async def test_the_dump_holds_both_sides() -> None:
    world = World()
    world.state.say(USER, "привет")
    await world.sent("здравствуйте")
    dump = world.state.dump()
    json.dumps(dump)
    assert [one["body"]["text"] for one in dump["chats"][0]["messages"]] == [
        "привет",
        "здравствуйте",
    ]
    assert dump["unread"] == 1
