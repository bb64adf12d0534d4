"""Each kind of fault does what it says: whether the work was done, and what the client sees."""

from __future__ import annotations

import asyncio
import json
from random import Random
from typing import Any

import httpx
import pytest

from maxbridge.sim.faults import KINDS, Dropped, Fault, Faulty, Injected, unwrap
from maxbridge.sim.transport import desk_transport, max_caller
from maxbridge.sim.wire import Request, Response
from virtual_time import virtual

OK = {"id": 17, "marker": 5}
POST = Request("POST", "/messages")


class Counter:
    """Counts the work that was really done."""

    token = "secret"

    def __init__(self) -> None:
        self.done: list[Request] = []
        self.seconds = 0.0

    async def handle(self, request: Request) -> Response:
        await asyncio.sleep(self.seconds)
        self.done.append(request)
        return Response.json(200, OK, {"x-kept": "yes"})


def behind(*faults: Fault, seed: int = 1) -> tuple[Counter, Faulty]:
    counter = Counter()
    return counter, Faulty(counter, faults, rng=Random(seed))


@pytest.mark.parametrize(("kind", "done"), [("refuse", 0), ("drop_before", 0), ("drop_after", 1)])
@virtual
async def test_a_dropped_connection(kind: Any, done: int) -> None:
    counter, faulty = behind(Fault(kind))
    with pytest.raises(Dropped) as caught:
        await faulty.handle(POST)
    assert caught.value.kind == kind
    assert len(counter.done) == done
    assert (await faulty.handle(POST)).status == 200


@pytest.mark.parametrize(("kind", "done"), [("status", 0), ("status_after", 1)])
@virtual
async def test_another_status(kind: Any, done: int) -> None:
    body = {"code": "too.many.requests", "message": "Too many requests"}
    counter, faulty = behind(Fault(kind, status=429, headers={"retry-after": "7"}, body=body))
    answer = await faulty.handle(POST)
    assert (answer.status, answer.headers["retry-after"]) == (429, "7")
    assert json.loads(answer.body) == body
    assert len(counter.done) == done


@pytest.mark.parametrize(("kind", "done"), [("html", 0), ("html_after", 1)])
@virtual
async def test_a_page_of_a_proxy(kind: Any, done: int) -> None:
    counter, faulty = behind(Fault(kind, status=504))
    answer = await faulty.handle(POST)
    assert answer.status == 504
    assert answer.headers["content-type"].startswith("text/html")
    assert b"504" in answer.body
    assert len(counter.done) == done


@virtual
async def test_a_rule_may_be_about_one_chat_alone() -> None:
    counter, faulty = behind(Fault("status", query={"chat_id": "5"}, times=None))
    for chat_id, status in (("5", 500), ("6", 200), ("5", 500)):
        request = Request("POST", "/messages", {"chat_id": chat_id, "more": "x"})
        assert (await faulty.handle(request)).status == status
    assert (await faulty.handle(POST)).status == 200
    assert len(counter.done) == 2


@virtual
async def test_a_status_without_more_is_an_internal_error() -> None:
    _, faulty = behind(Fault("status"), Fault("html"))
    assert (await faulty.handle(POST)).status == 500
    assert (await faulty.handle(POST)).status == 502


@pytest.mark.parametrize(
    ("fault", "body"),
    [
        (Fault("truncate"), b'{"id": 17, '),
        (Fault("empty"), b""),
        (Fault("wrong_type"), b"[]"),
        (Fault("wrong_type", body="text"), b'"text"'),
        (Fault("patch", body={"marker": None}), b'{"id": 17, "marker": null}'),
        (Fault("patch", without=("marker",)), b'{"id": 17}'),
    ],
)
@virtual
async def test_a_damaged_answer_of_work_that_was_done(fault: Fault, body: bytes) -> None:
    counter, faulty = behind(fault)
    answer = await faulty.handle(POST)
    assert (answer.status, answer.body) == (200, body)
    assert answer.headers["x-kept"] == "yes"
    assert len(counter.done) == 1


@pytest.mark.parametrize(
    ("kind", "done_at_timeout", "done_in_the_end"),
    [("stall_before", 0, 0), ("stall_after", 1, 1), ("late", 0, 1)],
)
@virtual
async def test_a_client_that_gives_up(
    kind: Any, done_at_timeout: int, done_in_the_end: int
) -> None:
    counter, faulty = behind(Fault(kind, seconds=60))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(30):
            await faulty.handle(POST)
    assert len(counter.done) == done_at_timeout
    await faulty.settle()
    assert len(counter.done) == done_in_the_end


@pytest.mark.parametrize("kind", ["stall_before", "stall_after", "late"])
@virtual
async def test_a_client_that_waits_gets_its_answer(kind: Any) -> None:
    counter, faulty = behind(Fault(kind, seconds=60))
    assert (await faulty.handle(POST)).status == 200
    assert asyncio.get_running_loop().time() == 60
    assert len(counter.done) == 1


@virtual
async def test_an_answer_that_drips_comes_whole_in_its_time() -> None:
    counter, faulty = behind(Fault("drip", rate=10))
    transport = desk_transport(faulty)
    async with httpx.AsyncClient(transport=transport, base_url="http://x", timeout=600) as client:
        answer = await client.post("/messages")
    body = json.dumps(OK).encode()
    assert answer.content == body
    assert asyncio.get_running_loop().time() == -(-len(body) // 10)
    assert len(counter.done) == 1


@virtual
async def test_a_request_that_is_read_slowly_is_answered_when_it_is_read() -> None:
    counter, faulty = behind(Fault("sip", rate=10))
    request = Request("POST", "/messages", body=b"x" * 600)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(30):
            await faulty.handle(request)
    assert len(counter.done) == 0
    counter, faulty = behind(Fault("sip", rate=10))
    await faulty.handle(request)
    assert asyncio.get_running_loop().time() == 90
    assert len(counter.done) == 1


# --- which requests ---


@virtual
async def test_a_rule_fits_by_method_and_path() -> None:
    _, faulty = behind(Fault("status", method="POST", path="/api/conversations/*", times=None))
    hit = Request("POST", "/api/conversations/17/threads")
    for request in (POST, Request("GET", hit.path), Request("POST", "/api/conversations")):
        assert (await faulty.handle(request)).status == 200
    assert (await faulty.handle(hit)).status == 500
    assert (await faulty.handle(hit)).status == 500
    assert list(faulty.injected) == [Injected("status", "POST", hit.path)] * 2


@virtual
async def test_a_rule_may_let_some_pass_and_then_last_a_while() -> None:
    _, faulty = behind(Fault("status", skip=1, times=2))
    assert [(await faulty.handle(POST)).status for _ in range(5)] == [200, 500, 500, 200, 200]


@virtual
async def test_the_first_rule_that_fits_wins_and_all_can_be_cleared() -> None:
    _, faulty = behind(Fault("status", status=503), Fault("status", status=502, times=None))
    faulty.add(Fault("status", status=501))
    assert [(await faulty.handle(POST)).status for _ in range(3)] == [503, 502, 502]
    faulty.clear()
    assert (await faulty.handle(POST)).status == 200


@virtual
async def test_chance_is_repeatable() -> None:
    async def run(seed: int) -> list[int]:
        _, faulty = behind(Fault("status", probability=0.5, times=None), seed=seed)
        return [(await faulty.handle(POST)).status for _ in range(50)]

    first = await run(1)
    assert first == await run(1)
    assert first != await run(2)
    assert set(first) == {200, 500}


def test_rules_can_be_read_from_json() -> None:
    rule = Fault.parse({"kind": "patch", "without": ["marker"], "times": None})
    assert rule == Fault("patch", without=("marker",), times=None)
    for wrong in ({"kind": "explode"}, {"kind": "status", "color": "red"}):
        with pytest.raises(ValueError, match="unknown"):
            Fault.parse(wrong)
    with pytest.raises(TypeError):
        Fault.parse({})


def test_the_simulator_can_be_found_inside() -> None:
    counter, faulty = behind()
    assert unwrap(Faulty(faulty, rng=Random(1))) is counter
    assert unwrap(counter) is counter


# --- the callers in process ---


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault("refuse"), httpx.ConnectError),
        (Fault("drop_before"), httpx.RemoteProtocolError),
        (Fault("drop_after"), httpx.ReadError),
        (Fault("stall_after", seconds=60), httpx.ReadTimeout),
    ],
)
@virtual
async def test_httpx_raises_its_own_errors(fault: Fault, error: type[Exception]) -> None:
    _, faulty = behind(fault)
    transport = desk_transport(faulty)
    async with httpx.AsyncClient(transport=transport, base_url="http://desk", timeout=20) as client:
        with pytest.raises(error):
            await client.get("/api/users")
        assert (await client.get("/api/users")).json() == OK


@virtual
async def test_httpx_passes_everything() -> None:
    counter, faulty = behind()
    transport = desk_transport(faulty)
    async with httpx.AsyncClient(transport=transport, base_url="http://desk:81") as client:
        query = {"a": "б в", "empty": ""}
        answer = await client.post(
            "/api/x%20y", params=query, json={"a": 1}, headers={"X-Key": "k"}
        )
    assert answer.headers["x-kept"] == "yes"
    (request,) = counter.done
    assert (request.method, request.path) == ("POST", "/api/x y")
    assert request.query == query
    assert (request.headers["x-key"], request.headers["host"]) == ("k", "desk:81")
    assert json.loads(request.body) == {"a": 1}


@virtual
async def test_the_caller_of_max_has_the_token_and_a_timeout() -> None:
    counter, faulty = behind(Fault("drop_after"))
    call = max_caller(faulty, 10)
    with pytest.raises(Dropped):
        await call("POST", "/messages", {"chat_id": 5}, {"text": "а"})
    assert counter.done[0].headers["authorization"] == "secret"
    assert counter.done[0].query == {"chat_id": "5"}
    assert json.loads(counter.done[0].body) == {"text": "а"}
    assert await call("GET", "/me", {}, None) == (200, json.dumps(OK).encode())
    counter.seconds = 11
    with pytest.raises(TimeoutError):
        await call("GET", "/me", {}, None)
    assert asyncio.get_running_loop().time() == 10


def test_all_kinds_are_tested() -> None:
    # A new kind needs a test above; this list only makes that visible.
    assert set(KINDS) == {
        "refuse",
        "drop_before",
        "drop_after",
        "status",
        "status_after",
        "html",
        "html_after",
        "truncate",
        "empty",
        "wrong_type",
        "patch",
        "stall_before",
        "stall_after",
        "drip",
        "sip",
        "late",
    }
