"""Compares what the simulated API answers with what the recorded one did."""

from __future__ import annotations

import json
from itertools import count
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from desk_replay import HOST, Replay, by_id, plain, project, recorded
from maxbridge.sim.desk.php import iso
from maxbridge.sim.wire import Request

if TYPE_CHECKING:
    from collections.abc import Callable

    from maxbridge.sim.desk.state import DeskState


@pytest.fixture
def replay() -> Replay:
    return Replay()


@pytest.mark.parametrize("case", ["01", "02", "03"])
async def test_api_without_data(replay: Replay, case: str) -> None:
    await replay.run(case)


async def test_customers(replay: Replay) -> None:
    # The last three need pictures from the network.
    await replay.run("10", skip=(26, 27, 28))
    # Those of the photo as well.
    await replay.run("12", skip=(2, 3, 5, 9))


async def test_new_conversations(replay: Replay) -> None:
    replay.customers("Иван Петров")
    for case in ("20", "21", "22"):
        await replay.run(case)


async def test_texts_are_stored_raw(replay: Replay) -> None:
    replay.customers("Иван Петров")
    await replay.chat(1, 1)
    await replay.run("30")
    stored = [row.body for row in replay.state.threads_of(1)][1:]
    sent = [row["stored_body_via_GET"] for row in recorded("30") if "stored_body_via_GET" in row]
    assert stored == sent


async def test_threads(replay: Replay) -> None:
    replay.customers("Иван Петров")
    await replay.chat(1, 1, subject="S")
    await replay.run("32")
    await replay.chat(2, 17, subject="S")
    await replay.run("33")


async def test_customer_thread_reopens(replay: Replay) -> None:
    replay.customers("Иван Петров")

    def status(number: int, status: str) -> Callable[[DeskState], object]:
        return lambda state: state.set_status(number, status)

    spans = (
        (5, 27, (0, 4), None),
        (6, 30, (4, 6), status(6, "closed")),
        (7, 33, (6, 10), None),
        (8, 36, (10, 12), status(8, "spam")),
        (9, 39, (12, 16), None),
        (10, 42, (16, 18), status(10, "pending")),
        (11, 45, (18, 22), lambda state: state.delete(11)),
        (12, 48, (22, 25), lambda state: state.delete_forever(12)),
        (13, 49, (25, 27), lambda state: state.delete(13)),
    )
    for number, thread, span, before in spans:
        await replay.chat(number, thread, subject="S")
        if before:
            replay.agent(before)
        for place in range(*span):
            exchange = recorded("34")[place]
            if "request" in exchange:
                await replay.check(exchange)


async def test_attachments(replay: Replay) -> None:
    replay.customers("Иван Петров")
    await replay.chat(1, 1, subject="S")
    for place, exchange in enumerate(recorded("40")):
        if place in (14, 15):  # fetched from the network there, dropped here
            answer = await replay.ask(exchange["request"])
            assert json.loads(answer.body)["_embedded"]["attachments"] == []
            replay.state._attachment_ids = count(16)
        else:
            await replay.check(exchange)
    await check_downloads(replay)


async def check_downloads(replay: Replay) -> None:
    """Replay case 41 with the simulator's own tokens."""
    tokens = {
        row["fileUrl"].rpartition("token=")[2]: row["id"]
        for exchange in recorded("40")
        for row in all_attachments(exchange["response"]["body"])
    }
    for exchange in recorded("41"):
        url, wanted = exchange["request"]["url"], exchange["response"]
        query = dict(parse_qsl(urlsplit(url).query))
        number = tokens.get(query.get("token", ""), int(query.get("id", 1)))
        stored = replay.state.attachments.get(number)
        if query.get("token") in tokens and stored:
            query["token"] = stored.token
        path = stored.path if stored else urlsplit(url).path
        answer = await replay.sim.handle(Request("GET", path, query, {"host": HOST}))
        assert answer.status == wanted["status"], exchange["note"]
        for name in ("content-type", "content-disposition", "cache-control"):
            assert answer.headers.get(name) == wanted["headers"].get(name), exchange["note"]
        if answer.status == 200 and "svg" not in path:  # which is cleaned there
            assert f"{len(answer.body)} bytes" == wanted["body"]


def all_attachments(body: Any) -> list[dict[str, Any]]:
    if not isinstance(body, dict):
        return []
    inner = body.get("_embedded", {})
    found: list[dict[str, Any]] = list(inner.get("attachments", []))
    return found + [row for thread in inner.get("threads", []) for row in all_attachments(thread)]


async def test_conversation_get(replay: Replay) -> None:
    replay.customers(*"абвгдеё", "Лист")
    await replay.chat(36, 79, customer=8, subject="L")
    await replay.run("71")


async def test_conversation_update(replay: Replay) -> None:
    replay.customers(*"абвгдеё", "Лист")
    await replay.chat(38, 99, customer=8, subject="L")
    await replay.chat(37, 80, customer=8, subject="L")
    for exchange in recorded("72"):
        if "request" not in exchange:
            assert await threads_of(replay, 37) == exchange["threads"]
            continue
        replay.now += 1
        await replay.check(exchange)
        if "after" in exchange:
            row = json.loads((await replay.own("GET", "/api/conversations/37")).body)
            after = project(row, exchange["after"], condensed=True)
            assert plain(after) == plain(exchange["after"]), exchange["note"]


async def threads_of(replay: Replay, number: int) -> list[list[Any]]:
    answer = json.loads((await replay.own("GET", f"/api/conversations/{number}")).body)
    return [
        [
            row["type"],
            row["action"]["type"],
            row["action"]["text"],
            row["createdBy"]["id"],
            row["source"]["type"],
        ]
        for row in answer["_embedded"]["threads"]
    ]


async def test_list_parameters(replay: Replay) -> None:
    """Case 70: what a parameter does to the page, not the rows of that installation."""
    for exchange in recorded("70"):
        wanted = exchange["response"]
        answer = await replay.ask(exchange["request"])
        assert answer.status == wanted["status"], exchange["note"]
        if answer.status == 200:
            given = json.loads(answer.body)["page"]
            for name in ("size", "number"):
                assert given[name] == wanted["body"]["page"][name], exchange["note"]


async def test_polling_order_and_pages(replay: Replay) -> None:
    """Case 73: equal times in ascending id either way, OFFSET pages that skip a moved row."""

    async def page(number: int, size: int, order: str) -> list[int]:
        url = f"/api/conversations?sortField=updatedAt&sortOrder={order}"
        answer = await replay.own("GET", f"{url}&pageSize={size}&page={number}")
        return [row["id"] for row in json.loads(answer.body)["_embedded"]["conversations"]]

    six, shifted = recorded("73")[3], recorded("73")[4]
    replay.customers("Лист")
    for number in six["ids"]:
        await replay.chat(number, number)
    asc = [await page(number, 2, "asc") for number in (1, 2, 3)]
    assert asc == dict(six["pages"])["asc"]
    replay.now += 1
    await replay.chat(39, 39)
    desc = [await page(number, 2, "desc") for number in (1, 2, 3)]
    assert desc == dict(six["pages"])["desc"]
    assert await page(1, 3, "asc") == shifted["page1"]
    replay.agent(lambda state: state.set_subject(40, "moved"))
    assert await page(2, 3, "asc") == shifted["page2"]
    assert await page(1, 7, "asc") == shifted["full_order_after"]


async def test_polling_since(replay: Replay) -> None:
    replay.customers("Лист")
    await replay.chat(1, 1)
    moment = replay.sim.state.second()
    forms = {
        "same_second": iso(moment),
        "one_later": iso(moment + 1),
        "half_second_later": iso(moment).replace("Z", ".5Z"),
        "plus_offset_form": iso(moment + 3 * 3600).replace("Z", "%2B03:00"),
        "no_zone_is_local_time": iso(moment + 3 * 3600).removesuffix("Z"),
    }
    wanted = recorded("73")[1]
    for name, since in forms.items():
        answer = await replay.own("GET", f"/api/conversations?updatedSince={since}")
        found = bool(json.loads(answer.body)["_embedded"]["conversations"])
        assert found == wanted[name], name
    bare_plus = recorded("73")[2]
    assert (await replay.own("GET", bare_plus["url"])).status == bare_plus["status"]


async def test_failures(replay: Replay) -> None:
    switches: dict[str, tuple[str, object, object]] = {
        "maintenance": ("maintenance", 60, None),
        "module": ("module_off", True, False),
        "MariaDB": ("db_down", True, False),
        "php-fpm": ("php_down", True, False),
    }
    for exchange in recorded("83"):
        name, on, off = switches.get(exchange["note"].split()[0], ("", None, None))
        setattr(replay.sim, name or "unused", on)
        await replay.check(exchange)
        setattr(replay.sim, name or "unused", off)


async def test_error_after_the_record_was_made(replay: Replay) -> None:
    replay.customers(*"абвгд")
    await replay.chat(52, 149)
    thread, after_thread, conversation, after = recorded("84")
    replay.state.storage_broken = True
    await replay.check(thread)
    shown = json.loads((await replay.own("GET", "/api/conversations/52")).body)
    files = [
        [row["id"], row["body"], len(row["_embedded"]["attachments"])]
        for row in by_id(shown["_embedded"]["threads"])
    ]
    assert files == after_thread["threads"]
    assert shown["status"] == after_thread["status"]
    assert shown["threadsCount"] == after_thread["threadsCount"]
    await replay.check(conversation)
    shown = json.loads((await replay.own("GET", "/api/conversations/53")).body)
    assert {key: shown[key] for key in after["conversation"]} == after["conversation"]
    assert shown["customer"]["id"] == after["customer"]


async def test_marker(replay: Replay) -> None:
    replay.customers(*"абвгде", "Иван Петров")
    await replay.chat(54, 153, "Привет<!-- max:mid.AAA111 -->", customer=7)
    await replay.run("85")
