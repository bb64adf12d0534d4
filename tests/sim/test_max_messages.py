"""Sending, editing and reading messages in the simulated MAX, and what it refuses."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from max_world import BOT, CHAT, GROUP, USER, World, sample
from maxbridge.sim.max.store import make_mid
from virtual_time import virtual

DAY = 86_400
BUTTON = {"type": "callback", "text": "👍 Решено", "payload": "rate:5"}


def refused(name: str) -> tuple[int, Any]:
    data = sample(f"error.{name}")
    return data["status"], data["body"]


def keyboard(*buttons: Any) -> Any:
    return {"type": "inline_keyboard", "payload": {"buttons": [list(buttons)]}}


def opened() -> World:
    world = World()
    world.state.start(USER)
    return world


# --- to whom ---


@virtual
async def test_a_bot_cannot_write_first() -> None:
    world = World()
    assert await world.send({"text": "а"}) == refused("404.chat_not_found")
    assert await world.send({"text": "а"}, user_id=USER) == refused("404.dialog_not_found")
    assert await world.send({"text": "а"}, user_id=1) == refused("404.dialog_not_found")


@virtual
async def test_exactly_one_receiver_must_be_named() -> None:
    world = opened()
    assert (await world.send({"text": "а"}, user_id=USER, chat_id=CHAT))[0] == 400
    assert (await world.call("POST", "/messages", {"text": "а"}))[0] == 400
    assert (await world.send({"text": "а"}, user_id=USER))[0] == 200
    assert world.state.inbox(USER) == ["а"]


@virtual
async def test_who_stopped_the_bot_gets_nothing_until_the_next_start() -> None:
    world = opened()
    await world.sent("раз")
    world.state.stop(USER)
    denied = refused("403.dialog_suspended")
    assert await world.send({"text": "два"}) == denied
    assert await world.get("/messages", {"chat_id": CHAT}) == denied
    assert await world.call("POST", f"/chats/{CHAT}/actions", {"action": "typing_on"}) == denied
    world.state.start(USER)
    await world.sent("три")
    assert world.state.texts(CHAT) == ["раз", "три"]


@virtual
async def test_a_bot_that_was_thrown_out_may_not_write() -> None:
    world = World()
    world.state.group(GROUP, "Рабочий чат", USER)
    assert (await world.send({"text": "а"}, chat_id=GROUP))[0] == 200
    world.state.expel_bot(GROUP, USER)
    assert await world.send({"text": "а"}, chat_id=GROUP) == refused("403.chat_denied")


@virtual
async def test_a_chat_takes_two_messages_a_second() -> None:
    world = opened()
    body = {"text": "а"}
    query = {"chat_id": CHAT}
    answers = [await world.call("POST", "/messages", body, query) for _ in range(3)]
    assert [status for status, _ in answers] == [200, 200, 429]
    world.state.person(5, "Олег")
    world.state.start(5)
    assert (await world.call("POST", "/messages", body, {"user_id": 5}))[0] == 200
    await asyncio.sleep(1)
    for _ in range(10):
        assert (await world.call("POST", "/messages", body, query))[0] == 200
        await asyncio.sleep(0.5)


# --- what ---


@virtual
async def test_a_message_is_shaped_like_the_recorded_one() -> None:
    world = opened()
    _, data = await world.send({"text": "Здравствуйте! Проверяем."})
    recorded = sample("response.post_messages")["message"]
    message = data["message"]
    assert list(message) == list(recorded)
    assert message["recipient"] == recorded["recipient"]
    assert list(message["body"]) == list(recorded["body"])
    assert {**message["sender"], "last_activity_time": 0} == {
        **recorded["sender"],
        "last_activity_time": 0,
    }
    assert message["body"]["seq"] >> 16 == message["timestamp"]
    assert message["body"]["mid"] == make_mid(CHAT, message["body"]["seq"])


@pytest.mark.parametrize(
    "name", ["response.post_messages", "response.post_messages.group", "response.get_messages"]
)
def test_mids_are_built_like_the_recorded_ones(name: str) -> None:
    data = sample(name)
    for message in data.get("messages") or [data["message"]]:
        body = message["body"]
        assert body["mid"] == make_mid(message["recipient"]["chat_id"], body["seq"])


@pytest.mark.parametrize(("char", "fits"), [("я", 4000), ("👍", 2000)])
@virtual
async def test_a_text_has_at_most_4000_utf16_units(char: str, fits: int) -> None:
    world = opened()
    assert (await world.send({"text": char * fits}))[0] == 200
    assert await world.send({"text": char * fits + "."}) == refused("400.text_too_long")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"text": ""},
        {"text": None, "attachments": []},
        {"text": "<b></b>", "format": "html"},
        {"text": 5},
        {"text": "а", "format": "rtf"},
        {"text": "а", "notify": "yes"},
        {"text": "а", "parse_mode": "html"},
        {"text": "а", "link": {"type": "reply", "mid": "mid.unknown"}},
        {"text": "а", "link": {"type": "quote", "mid": "mid.unknown"}},
        {"text": "а", "attachments": {}},
        {"text": "а", "attachments": [None]},
        {"text": "а", "attachments": [{"type": "poll", "payload": {}}]},
        {"text": "а", "attachments": [keyboard({"type": "callback", "text": "а"})]},
        {"text": "а", "attachments": [keyboard({**BUTTON, "text": ""})]},
        {"text": "а", "attachments": [keyboard({**BUTTON, "text": "а" * 129})]},
        {"text": "а", "attachments": [keyboard({**BUTTON, "payload": "а" * 1025})]},
        {"text": "половина \ud83d символа"},
        [],
        None,
    ],
)
@virtual
async def test_a_wrong_body_is_refused(body: Any) -> None:
    world = opened()
    status, answer = await world.send(body)
    assert (status, answer["code"]) == (400, "proto.payload")
    assert world.state.sent(CHAT) == []


@virtual
async def test_a_reply_carries_what_it_answers() -> None:
    world = World()
    mid = world.state.say(USER, "вопрос")
    _, data = await world.send({"text": "ответ", "link": {"type": "reply", "mid": mid}})
    link = data["message"]["link"]
    assert (link["type"], link["sender"]["user_id"]) == ("reply", USER)
    assert link["message"]["text"] == "вопрос"
    _, data = await world.send({"text": None, "link": {"type": "forward", "mid": mid}})
    assert data["message"]["link"]["chat_id"] == CHAT


# --- buttons ---


@virtual
async def test_a_pressed_button_comes_back_and_can_be_answered() -> None:
    world = opened()
    await world.send({"text": "Вопрос решён?", "attachments": [keyboard(BUTTON)]})
    callback_id = world.state.press(USER, "rate:5")
    event = (await world.events())[-1]
    assert event["callback"]["callback_id"] == callback_id
    assert event["callback"]["payload"] == "rate:5"
    assert event["message"]["body"]["text"] == "Вопрос решён?"
    query = {"callback_id": callback_id}
    answer = {"message": {"text": "Спасибо!", "attachments": []}, "notification": "Принято"}
    assert await world.call("POST", "/answers", answer, query) == (200, {"success": True})
    assert world.state.inbox(USER) == ["Спасибо!"]
    assert world.sim.methods.answers == [answer]
    await asyncio.sleep(1)
    assert (await world.call("POST", "/answers", {}, query))[0] == 400
    assert (await world.call("POST", "/answers", answer, {"callback_id": "x"}))[0] == 404
    assert (await world.call("POST", "/answers", answer))[0] == 400


@virtual
async def test_a_button_of_a_deleted_message_comes_without_it() -> None:
    world = opened()
    _, data = await world.send({"text": "?", "attachments": [keyboard(BUTTON)]})
    mid = data["message"]["body"]["mid"]
    await world.call("DELETE", "/messages", None, {"message_id": mid})
    world.state.press(USER, "rate:5", mid=mid)
    assert (await world.events())[-1]["message"] is None
    with pytest.raises(ValueError, match="no button"):
        world.state.press(USER, "rate:1")


# --- history ---


@virtual
async def test_the_history_is_newest_first_and_from_is_the_upper_bound() -> None:
    world = World()
    for number in range(5):
        world.state.say(USER, str(number))
        await asyncio.sleep(10)
    await world.sent("ответ")
    start = int(world.clock.epoch * 1000)

    async def texts(**query: Any) -> list[str]:
        values = {name.rstrip("_"): value for name, value in query.items()}
        _, data = await world.get("/messages", {"chat_id": CHAT, **values})
        return [one["body"]["text"] for one in data["messages"]]

    assert await texts() == ["ответ", "4", "3", "2", "1", "0"]
    assert await texts(count=2) == ["ответ", "4"]
    assert await texts(from_=start + 30_000) == ["3", "2", "1", "0"]
    assert await texts(from_=start + 30_000, to=start + 20_000) == ["3", "2"]
    assert await texts(from_=start // 1000) == []  # seconds instead of milliseconds


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"chat_id": CHAT, "message_ids": "mid.1"},
        {"chat_id": CHAT, "count": 101},
        {"chat_id": CHAT, "count": 0},
        {"chat_id": CHAT, "from": 1, "to": 2},
        {"chat_id": "x"},
    ],
)
@virtual
async def test_a_wrong_question_for_the_history_is_refused(query: dict[str, Any]) -> None:
    assert (await opened().get("/messages", query))[0] == 400


@virtual
async def test_messages_can_be_asked_for_by_id() -> None:
    world = World()
    mid = world.state.say(USER, "привет")
    status, data = await world.get("/messages", {"message_ids": f"{mid},mid.unknown"})
    assert [one["body"]["mid"] for one in data["messages"]] == [mid]
    status, message = await world.get(f"/messages/{mid}")
    assert (status, message["body"]["text"]) == (200, "привет")
    assert await world.get("/messages/mid.unknown") == refused("404.message_not_found")
    world.state.stop(USER)
    assert await world.get(f"/messages/{mid}") == refused("404.message_not_found")


# --- editing and deleting ---


async def edit(world: World, mid: str, body: Any) -> tuple[int, Any]:
    return await world.call("PUT", "/messages", body, {"message_id": mid})


@virtual
async def test_own_messages_can_be_edited_for_seven_days() -> None:
    world = opened()
    mid = await world.sent("ответ")
    assert await edit(world, mid, {"text": "лучше"}) == (200, {"success": True})
    assert world.state.inbox(USER) == ["лучше"]
    assert (await edit(world, mid, {"text": "", "attachments": []}))[0] == 400
    await asyncio.sleep(7 * DAY)
    assert await edit(world, mid, {"text": "поздно"}) == (200, sample("response.simple_failure"))
    assert world.state.inbox(USER) == ["лучше"]


@virtual
async def test_a_message_with_buttons_can_always_be_edited() -> None:
    world = opened()
    _, data = await world.send({"text": "?", "attachments": [keyboard(BUTTON)]})
    mid = data["message"]["body"]["mid"]
    await asyncio.sleep(30 * DAY)
    assert (await edit(world, mid, {"text": "!"}))[1] == {"success": True}
    assert world.state.sent(CHAT)[0]["body"]["attachments"]  # absent means: keep them
    assert (await edit(world, mid, {"attachments": []}))[1] == {"success": True}
    assert world.state.sent(CHAT)[0]["body"].get("attachments") is None


@virtual
async def test_other_peoples_messages_are_not_the_bots_to_change() -> None:
    world = World()
    mid = world.state.say(USER, "привет")
    assert await edit(world, mid, {"text": "!"}) == (200, sample("response.simple_failure"))
    query = {"message_id": mid}
    assert await world.call("DELETE", "/messages", None, query) == refused("403.chat_denied")
    assert await edit(world, "mid.unknown", {"text": "!"}) == refused("404.message_not_found")
    assert (await edit(world, " ", {"text": "!"}))[0] == 400


@virtual
async def test_a_deleted_message_is_gone_but_was_sent() -> None:
    world = opened()
    mid = await world.sent("ответ")
    query = {"message_id": mid}
    assert await world.call("DELETE", "/messages", None, query) == (200, {"success": True})
    assert world.state.inbox(USER) == []
    assert world.state.texts(CHAT) == ["ответ"]
    assert (await world.call("DELETE", "/messages", None, query))[0] == 404


@virtual
async def test_actions_are_shown() -> None:
    world = opened()
    path = f"/chats/{CHAT}/actions"
    assert await world.call("POST", path, {"action": "typing_on"}) == (200, {"success": True})
    assert (await world.call("POST", path, {"action": "dancing"}))[0] == 400
    assert world.sim.methods.actions == [(CHAT, "typing_on")]


@virtual
async def test_the_other_side_of_a_dialog_is_the_recipient() -> None:
    world = World()
    world.state.say(USER, "привет")
    await world.sent("ответ")
    recipients = [one["recipient"]["user_id"] for one in world.state.visible(CHAT)]
    assert recipients == [BOT, USER]
