"""Simulators on a real port: whole exchanges, broken connections, controls from elsewhere."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import json
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import aiohttp
import pytest
from maxapi import Bot

from maxbridge.sim.faults import Fault, Faulty
from maxbridge.sim.max import MaxSim
from maxbridge.sim.serve import loopback_socket, serve
from maxbridge.sim.wire import Request, Response
from virtual_time import virtual

USER = 410000017


class Echo:
    """Answers with what it was asked."""

    async def handle(self, request: Request) -> Response:
        data = {
            "method": request.method,
            "path": request.path,
            "query": dict(request.query),
            "key": request.headers.get("x-key"),
            "size": len(request.body),
        }
        return Response.json(201, data, {"x-answer": "yes"})


class Served:
    """A MAX behind a Faulty on a port, and a client of it."""

    def __init__(self, url: str, sim: MaxSim, faulty: Faulty, http: aiohttp.ClientSession) -> None:
        self.url = url
        self.sim = sim
        self.faulty = faulty
        self.http = http

    async def call(self, method: str, path: str, **options: Any) -> tuple[int, Any]:
        headers = {"authorization": self.sim.token}
        async with self.http.request(
            method, self.url + path, headers=headers, **options
        ) as response:
            return response.status, await response.json()

    async def refused(self) -> None:
        """Call until nobody takes a connection any more."""
        while True:
            try:
                await self.call("GET", "/me")
            except aiohttp.ClientConnectorError:
                return
            except aiohttp.ClientConnectionError:
                continue  # the one that stood open was broken
            await asyncio.sleep(0.01)

    async def control(self, name: str, *args: Any, **kwargs: Any) -> Any:
        body = {"args": args, "kwargs": kwargs}
        async with self.http.post(f"{self.url}/_sim/{name}", json=body) as response:
            data = await response.json()
            assert response.status == 200, data
            return data["result"]


@asynccontextmanager
async def served_max(*, controls: bool = True) -> AsyncIterator[Served]:
    sim = MaxSim(now=time.time)
    faulty = Faulty(sim, rng=Random(1))
    chosen = sim.controls() if controls else None
    async with serve(faulty, controls=chosen) as url, aiohttp.ClientSession() as http:
        yield Served(url, sim, faulty, http)


async def test_a_request_arrives_whole() -> None:
    async with serve(Echo()) as url, aiohttp.ClientSession() as http:
        assert url.startswith("http://127.0.0.1:")
        body = b"x" * 3_000_000
        request = http.put(f"{url}/a%20b?q=1&q=2", data=io.BytesIO(body), headers={"X-Key": "k"})
        async with request as response:
            assert response.status == 201
            assert response.headers["x-answer"] == "yes"
            assert await response.json() == {
                "method": "PUT",
                "path": "/a b",
                "query": {"q": "2"},
                "key": "k",
                "size": len(body),
            }


async def test_a_bound_socket_can_be_used() -> None:
    bound = loopback_socket()
    port = bound.getsockname()[1]
    async with serve(Echo(), sock=bound) as url:
        assert url == f"http://127.0.0.1:{port}"


async def test_a_message_goes_both_ways() -> None:
    async with served_max() as served:
        served.sim.state.person(USER, "Марина")
        mid = served.sim.state.say(USER, "привет")
        status, page = await served.call("GET", "/updates")
        assert (status, page["updates"][0]["message"]["body"]["mid"]) == (200, mid)
        query = {"user_id": USER}
        status, _ = await served.call("POST", "/messages", params=query, json={"text": "ответ"})
        assert (status, served.sim.state.inbox(USER)) == (200, ["ответ"])


@pytest.mark.filterwarnings(
    "ignore:'asyncio.iscoroutinefunction' is deprecated:DeprecationWarning:backoff"
)
async def test_the_client_library_works_with_it() -> None:
    async with served_max() as served:
        served.sim.state.person(USER, "Марина")
        served.sim.state.say(USER, "привет")
        bot = Bot(token=served.sim.token, auto_requests=False)
        bot.set_api_url(served.url)
        try:
            assert (await bot.get_me()).user_id == 900100200
            page = await bot.get_updates(limit=100, timeout=30)
            chat_id = page["updates"][0]["message"]["recipient"]["chat_id"]
            sent = await bot.send_message(chat_id=chat_id, text="ответ")
        finally:
            await bot.close_session()
        assert sent is not None
        assert sent.message.body is not None
        assert served.sim.state.sent(chat_id)[0]["body"]["mid"] == sent.message.body.mid


async def test_files_go_through_links_to_the_served_port() -> None:
    async with served_max() as served:
        _, slot = await served.call("POST", "/uploads", params={"type": "file"})
        assert slot["url"].startswith(served.url)
        form = aiohttp.FormData(quote_fields=False)  # names as browsers send them
        form.add_field("data", b"%PDF \r\n\x00\xff", filename="Счёт № 17.pdf")
        async with served.http.post(slot["url"], data=form) as response:
            token = (await response.json())["token"]
        media = served.sim.state.media.find("file", token)
        assert media is not None
        assert (media.content, media.filename) == (b"%PDF \r\n\x00\xff", "Счёт № 17.pdf")
        async with served.http.get(served.sim.state.media.link(media)) as response:
            assert await response.read() == b"%PDF \r\n\x00\xff"
        assert served.sim.leaks == []


@pytest.mark.parametrize(("kind", "done"), [("drop_before", 0), ("drop_after", 1), ("refuse", 0)])
async def test_a_dropped_connection_closes_the_socket(kind: Any, done: int) -> None:
    async with served_max() as served:
        served.faulty.add(Fault(kind, method="POST"))
        with pytest.raises(aiohttp.ClientConnectionError):
            await served.call("POST", "/uploads", params={"type": "file"})
        assert len(served.sim.requests) == done
        assert (await served.call("GET", "/me"))[0] == 200


async def test_a_client_that_leaves_ends_its_poll() -> None:
    async with served_max() as served:
        poll = asyncio.create_task(served.call("GET", "/updates"))
        while not served.sim.requests:  # noqa: ASYNC110 - the simulator has no event for it
            await asyncio.sleep(0.001)
        poll.cancel()
        with pytest.raises(asyncio.CancelledError):
            await poll
        assert served.sim.requests[-1].status is None


async def test_serving_ends_at_once_though_a_poll_waits() -> None:
    async with served_max() as served:
        poll = asyncio.create_task(served.call("GET", "/updates"))
        while not served.sim.requests:  # noqa: ASYNC110 - the simulator has no event for it
            await asyncio.sleep(0.001)
    # Not answered: nobody waited for it.
    with pytest.raises(aiohttp.ClientConnectionError):
        await poll


# --- controls ---


async def test_another_process_can_act_as_the_customer() -> None:
    async with served_max() as served:
        person = await served.control("person", USER, "Марина", last_name="Тестова")
        assert person["chat_id"] == served.sim.state.people[USER].chat_id
        content = base64.b64encode(b"%PDF").decode()
        part = await served.control("attach", "file", content, "a.pdf")
        mid = await served.control("say", USER, "привет", [part])
        dump = await served.control("dump")
        assert dump["chats"][0]["messages"][0]["body"]["mid"] == mid
        assert await served.control("leaks") == []
        assert await served.control("requests") == []


async def test_another_process_can_set_faults() -> None:
    async with served_max() as served:
        rule = {"kind": "status", "status": 503, "path": "/me"}
        assert await served.control("faults", rule) == 1
        assert (await served.call("GET", "/me"))[0] == 503
        assert await served.control("faults") == 0
        assert served.faulty.faults == []


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("nothing", b"{}", 404),
        ("__init__", b"{}", 404),
        ("faults", b'{"args": [{"kind": "explode"}]}', 400),
        ("say", b'{"args": [1, "a"]}', 400),
        ("say", b"no json", 400),
        ("say", b"[]", 400),
    ],
)
async def test_wrong_controls_are_refused(path: str, body: bytes, status: int) -> None:
    async with (
        served_max() as served,
        served.http.post(f"{served.url}/_sim/{path}", data=body) as response,
    ):
        assert response.status == status
        assert "error" in await response.json()


async def test_there_are_no_controls_unless_they_are_given() -> None:
    async with served_max(controls=False) as served:
        assert (await served.call("POST", "/_sim/dump"))[0] == 404
        assert [one.path for one in served.sim.requests] == ["/_sim/dump"]


async def test_faults_need_a_faulty() -> None:
    body = {"args": [{"kind": "empty"}]}
    async with (
        serve(Echo(), controls={}) as url,
        aiohttp.ClientSession() as http,
        http.post(f"{url}/_sim/faults", json=body) as response,
    ):
        assert response.status == 400


# --- the command ---


async def test_the_command_serves_both_until_it_is_told_to_stop() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "maxbridge.sim", stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        ready = json.loads(await process.stdout.readline())
        async with aiohttp.ClientSession() as http:
            headers = {"authorization": ready["max_token"]}
            async with http.get(f"{ready['max_url']}/me", headers=headers) as response:
                assert response.status == 200
            headers = {"X-FreeScout-API-Key": ready["freescout_key"]}
            url = f"{ready['freescout_url']}/api/mailboxes"
            async with http.get(url, headers=headers) as response:
                assert response.status == 200
            for side in ("max_url", "freescout_url"):
                async with http.post(f"{ready[side]}/_sim/dump", json={}) as response:
                    assert (await response.json())["result"]
    finally:
        process.send_signal(signal.SIGTERM)
    assert await process.wait() == 0


async def test_a_door_that_is_shut_refuses_and_opens_again() -> None:
    async with served_max() as max_:
        await max_.call("GET", "/me")
        await max_.control("refuse", 2.0)
        # The connection that stood open is broken, and there is nobody to make a new one with.
        await max_.refused()
        while True:
            with contextlib.suppress(aiohttp.ClientConnectorError):
                assert (await max_.call("GET", "/me"))[0] == 200
                break
            await asyncio.sleep(0.05)


async def test_a_shut_door_does_not_hinder_the_end() -> None:
    async with served_max() as max_:
        await max_.control("refuse", 60.0)
        await max_.refused()


async def test_what_went_wrong_is_counted_for_a_test_elsewhere() -> None:
    async with served_max() as max_:
        await max_.control("faults", {"kind": "status", "status": 503, "times": 2})
        for _ in range(3):
            await max_.call("GET", "/me")
        assert await max_.control("injected") == {"status": 2}


@virtual
async def test_an_answer_drips_over_the_wire_and_comes_whole() -> None:
    faulty = Faulty(Echo(), [Fault("drip", rate=10.0)], rng=Random(1))
    loop = asyncio.get_running_loop()
    async with serve(faulty) as url, aiohttp.ClientSession() as http:
        began = loop.time()
        async with http.get(f"{url}/files") as answer:
            first = await answer.content.readany()
            assert len(first) == 10
            assert loop.time() - began < 1.0
            body = first + await answer.read()
            assert answer.content_length == len(body)
        took = loop.time() - began
    assert json.loads(body)["path"] == "/files"
    assert took == pytest.approx(len(body) // 10, abs=1.0)
