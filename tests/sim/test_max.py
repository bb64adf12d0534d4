"""The front of the simulated MAX and its long polling, each test a line of the contract."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from max_world import BOT, CHAT, USER, World, sample
from maxbridge.sim.max import MaxEvent
from maxbridge.sim.wire import Request, Response
from virtual_time import run, virtual

DAY = 86_400
MARKER = 18_000_101
PATHS = (
    "/me",
    "/updates",
    "/messages",
    "/messages/mid.1",
    "/subscriptions",
    "/uploads",
    "/answers",
    f"/chats/{CHAT}",
    f"/chats/{CHAT}/actions",
    "/videos/x",
    "/cdn/upload",
    "/cdn/get",
)
WORDS = "chat_id user_id text attachments link type payload token format marker limit url".split()


def refused(name: str) -> tuple[int, Any]:
    """Give the recorded refusal as the simulator must answer it."""
    data = sample(f"error.{name}")
    return data["status"], data["body"]


# --- authorisation and routing ---


@pytest.mark.parametrize(
    ("headers", "query", "name"),
    [
        ({}, {}, "401.invalid_token"),
        ({"authorization": "wrong"}, {}, "401.invalid_token"),
        ({"authorization": "Bearer SIM-max-token-0000000000"}, {}, "401.bearer_prefix"),
        (
            {"authorization": "SIM-max-token-0000000000"},
            {"access_token": "SIM-max-token-0000000000"},
            "401.invalid_token",
        ),
    ],
)
@virtual
async def test_the_token_belongs_into_the_header(
    headers: dict[str, str], query: dict[str, str], name: str
) -> None:
    answer = await World().sim.handle(Request("GET", "/me", query, headers))
    assert (answer.status, json.loads(answer.body)) == refused(name)


@virtual
async def test_unknown_paths_and_methods_are_refused_in_json() -> None:
    world = World()
    assert (await world.get("/chats"))[0] == 404
    assert (await world.get("/nothing"))[0] == 404
    assert await world.call("POST", "/updates") == refused("405.method_not_allowed")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(WORDS), inner),
    max_leaves=8,
)


@settings(max_examples=50)
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH"]),
    path=st.sampled_from([*PATHS, "/"]) | st.text(),
    query=st.dictionaries(st.sampled_from(WORDS), st.text() | st.just(str(CHAT))),
    body=st.binary() | JSON.map(lambda data: json.dumps(data).encode()),
)
def test_nothing_a_client_can_send_breaks_it(
    method: str, path: str, query: dict[str, str], body: bytes
) -> None:
    async def send() -> Response:
        world = World()
        world.state.start(USER)
        headers = {"authorization": world.sim.token}
        return await world.sim.handle(Request(method, path, query, headers, body))

    answer = run(send())
    assert answer.status in (200, 400, 403, 404, 405)
    json.loads(answer.body)


@virtual
async def test_the_whole_bot_has_thirty_requests_a_second() -> None:
    world = World()
    answers = [await world.get("/me") for _ in range(31)]
    assert [status for status, _ in answers] == [200] * 30 + [429]
    assert answers[-1] == refused("429.too_many_requests")


@virtual
async def test_the_bot_and_its_chats_can_be_read() -> None:
    world = World()
    status, me = await world.get("/me")
    assert (status, me["user_id"], me["is_bot"]) == (200, BOT, True)
    assert await world.get(f"/chats/{CHAT}") == refused("404.chat_not_found")
    world.state.start(USER)
    status, chat = await world.get(f"/chats/{CHAT}")
    assert (chat["type"], chat["dialog_with_user"]["first_name"]) == ("dialog", "Марина")


@virtual
async def test_requests_are_logged_and_watchers_told() -> None:
    world = World()
    seen: list[MaxEvent] = []
    world.sim.on_change = seen.append
    mid = world.state.say(USER, "привет")
    answer = await world.sent("здравствуйте")
    assert seen == [MaxEvent("message_created", CHAT, mid), MaxEvent("bot_sent", CHAT, answer)]
    logged = world.sim.requests[-1]
    assert (logged.method, logged.path, logged.status) == ("POST", "/messages", 200)
    assert logged.query == {"chat_id": str(CHAT)}
    assert logged.json == {"text": "здравствуйте"}
    assert world.sim.starts("/messages", "POST") == [world.clock.now()]


# --- polling: waiting, limits, pace ---


@virtual
async def test_a_poll_waits_for_an_event() -> None:
    world = World()
    poll = asyncio.create_task(world.poll(timeout=30))
    await asyncio.sleep(10)
    world.state.say(USER, "привет")
    page = await poll
    assert world.time() == 10
    assert [event["update_type"] for event in page["updates"]] == ["message_created"]


@virtual
async def test_an_empty_poll_ends_at_its_time_and_has_a_marker() -> None:
    world = World()
    first = await world.poll(timeout=30)
    assert world.time() == 30.5
    assert first["updates"] == []
    assert isinstance(first["marker"], int)


@virtual
async def test_a_timeout_above_thirty_is_cut() -> None:
    world = World()
    await world.poll(timeout=90)
    assert world.time() == 30.5


@pytest.mark.parametrize(
    "query",
    [{"limit": 0}, {"limit": 1001}, {"timeout": 91}, {"timeout": -1}, {"marker": "x"}],
)
@virtual
async def test_what_the_schema_forbids_is_refused(query: dict[str, Any]) -> None:
    status, body = await World().get("/updates", {"timeout": 0, **query})
    assert (status, body["code"]) == (400, "proto.payload")


@virtual
async def test_a_batch_has_at_most_a_hundred_events() -> None:
    world = World()
    for number in range(150):
        world.state.say(USER, str(number))
    world.sim.no_marker = "all"
    first = await world.poll(limit=1000)
    second = await world.poll(first["marker"], limit=1000)
    assert (len(first["updates"]), len(second["updates"])) == (100, 50)
    texts = [event["message"]["body"]["text"] for event in first["updates"] + second["updates"]]
    assert texts == [str(number) for number in range(150)]


@virtual
async def test_two_polls_a_second_are_allowed_and_a_third_is_not() -> None:
    world = World()
    query = {"timeout": 0}
    assert [(await world.get("/updates", query))[0] for _ in range(3)] == [200, 200, 429]
    await asyncio.sleep(1)
    for _ in range(20):
        assert (await world.get("/updates", query))[0] == 200
        await asyncio.sleep(0.5)


@virtual
async def test_a_429_may_say_when_to_come_back() -> None:
    world = World()
    world.sim.retry_after = 7
    request = Request("GET", "/updates", {"timeout": "0"}, {"authorization": world.sim.token})
    answers = [await world.sim.handle(request) for _ in range(3)]
    assert answers[-1].headers["retry-after"] == "7"


# --- polling: what a marker means ---


@virtual
async def test_the_next_request_acknowledges_and_an_old_marker_brings_events_again() -> None:
    world = World()
    first = world.state.queue.next
    world.state.say(USER, "один")
    world.state.say(USER, "два")
    page = await world.poll(first)
    again = await world.poll(first)
    assert page == again
    assert len(world.state.queue.waiting()) == 2
    await world.poll(page["marker"], timeout=0)
    assert world.state.queue.waiting() == []
    assert (await world.poll(first))["updates"] == page["updates"]
    world.state.queue.keep_acknowledged = False
    assert (await world.poll(first, timeout=0))["updates"] == []


@pytest.mark.parametrize(("mode", "texts"), [("latest", ["три"]), ("all", ["один", "два", "три"])])
@virtual
async def test_without_a_marker_come_the_latest_or_all(mode: Any, texts: list[str]) -> None:
    world = World()
    for text in ("один", "два", "три"):
        world.state.say(USER, text)
    world.sim.no_marker = mode
    page = await world.poll()
    assert [event["message"]["body"]["text"] for event in page["updates"]] == texts
    assert page["marker"] == world.state.queue.next


@virtual
async def test_an_unruly_queue_tells_an_event_twice() -> None:
    world = World()
    world.sim.disturb(1, repeat=1.0)
    world.state.say(USER, "раз")
    assert texts_of(await world.events()) == ["раз", "раз"]


@virtual
async def test_an_unruly_queue_changes_the_order_of_what_nobody_has_been_given() -> None:
    world = World()
    world.sim.disturb(1, swap=1.0)
    for text in ("раз", "два"):
        world.state.say(USER, text)
    page = await world.poll(MARKER)
    assert texts_of(page["updates"]) == ["два", "раз"]
    # What was given once keeps its place: it would be lost, which MAX is not known to do.
    world.state.say(USER, "три")
    assert texts_of((await world.poll(page["marker"]))["updates"]) == ["три"]


@virtual
async def test_nothing_new_takes_the_place_of_what_was_passed_over() -> None:
    world = World()
    world.state.say(USER, "старое")
    await asyncio.sleep(3600)
    world.state.say(USER, "не такое старое")
    page = await world.poll(MARKER)
    queue = world.state.queue
    await asyncio.sleep(23 * 3600 - 10)
    queue._append(queue._events[0].at, queue._events[0].event)  # told again, with its own time
    await asyncio.sleep(20)
    passed_over = await world.poll(page["marker"], timeout=0)
    assert passed_over["updates"] == []
    assert passed_over["marker"] > page["marker"]
    world.sim.disturb(1, swap=1.0)
    world.state.say(USER, "новое")
    assert texts_of((await world.poll(passed_over["marker"]))["updates"]) == ["новое"]


@virtual
async def test_an_unruly_queue_answers_the_newest_marker_with_old_events() -> None:
    world = World()
    for text in ("раз", "два"):
        world.state.say(USER, text)
    page = await world.poll(MARKER)
    world.sim.disturb(1, rewind=1.0)
    again = await world.poll(page["marker"], timeout=0)
    assert texts_of(again["updates"])[-1:] == ["два"]
    assert again["marker"] == page["marker"]
    world.sim.disturb(1)
    assert (await world.poll(page["marker"], timeout=0))["updates"] == []


def texts_of(events: list[Any]) -> list[str]:
    return [each["message"]["body"]["text"] for each in events]


@virtual
async def test_events_are_gone_after_a_day() -> None:
    world = World()
    first = world.state.queue.next
    world.state.say(USER, "старое")
    await asyncio.sleep(DAY - 60)
    world.state.say(USER, "новое")
    await asyncio.sleep(120)
    page = await world.poll(first)
    assert [event["message"]["body"]["text"] for event in page["updates"]] == ["новое"]
    assert [one["body"]["text"] for one in world.state.visible(CHAT)] == ["старое", "новое"]


@virtual
async def test_other_types_are_passed_over_and_lost() -> None:
    world = World()
    first = world.state.queue.next
    world.state.start(USER)
    world.state.say(USER, "привет")
    page = await world.poll(first, types="bot_started,bot_stopped")
    assert [event["update_type"] for event in page["updates"]] == ["bot_started"]
    assert page["marker"] == first + 2


@virtual
async def test_a_webhook_silences_polling_until_it_is_removed() -> None:
    world = World()
    world.state.subscribe("https://bot.example.com/webhook", ["message_created"])
    world.state.say(USER, "привет")
    page = await world.poll(timeout=5)
    assert page["updates"] == []
    assert world.time() == 5.5
    _, data = await world.get("/subscriptions")
    url = data["subscriptions"][0]["url"]
    assert await world.call("DELETE", "/subscriptions", None, {"url": url}) == (
        200,
        {"success": True},
    )
    assert len((await world.poll())["updates"]) == 1
    assert (await world.call("DELETE", "/subscriptions", None, {"url": url}))[1]["success"] is False


@virtual
async def test_a_webhook_must_be_https() -> None:
    world = World()
    assert (await world.call("POST", "/subscriptions", {"url": "http://a.example.com"}))[0] == 400
    assert (await world.call("POST", "/subscriptions", {"url": "https://a.example.com"}))[0] == 200
    assert len((await world.get("/subscriptions"))[1]["subscriptions"]) == 1


@virtual
async def test_a_poll_that_is_given_up_takes_nothing() -> None:
    world = World()
    poll = asyncio.create_task(world.poll(timeout=30))
    await asyncio.sleep(5)
    poll.cancel()
    world.state.say(USER, "привет")
    assert len((await world.poll())["updates"]) == 1
