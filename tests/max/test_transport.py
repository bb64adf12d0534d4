"""max.transport: what the connections share; what a server does is classified, what a bug does is not."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
import sys
import time
import traceback
from collections.abc import Awaitable, Callable, Iterator
from random import Random
from typing import Any

import aiohttp
import pytest
from maxapi.client.ssl import create_default_ssl_context

from loopback import Peer, answering
from maxbridge.core.errors import ApiError, Failure
from maxbridge.max import transport
from maxbridge.max.transport import MaxapiTransport, Timing
from maxbridge.sim.faults import Fault, Faulty
from maxbridge.sim.max import MaxSim
from maxbridge.sim.serve import loopback_socket, serve

TOKEN = "0123456789abcdef"


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[ssl.SSLContext]]:
    """The contexts that were made; each takes 17 ms and most of a megabyte."""
    made: list[ssl.SSLContext] = []

    def counted() -> ssl.SSLContext:
        made.append(create_default_ssl_context())
        return made[-1]

    library = transport.load_library()._replace(context=counted)
    monkeypatch.setattr(transport, "load_library", lambda: library)
    transport._trusted.cache_clear()
    yield made
    transport._trusted.cache_clear()


async def test_polls_and_calls_share_what_they_believe(read: list[ssl.SSLContext]) -> None:
    sim = MaxSim(now=time.time)
    async with serve(sim) as url:
        both = [MaxapiTransport(sim.token, url, total_timeout=5.0) for _ in range(2)]
        for each in both:
            assert (await each.call("GET", "/me", {}))["is_bot"]
        for each in both:
            await each.close()
            assert each._connector.closed
    (context,) = read
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    believed = str(context.get_ca_certs())
    assert "Russian Trusted Root CA" in believed


async def test_the_connections_of_one_are_not_those_of_the_other() -> None:
    """A poll holds its connection for half a minute."""
    first, second = (
        MaxapiTransport("token", "http://127.0.0.1:9", total_timeout=5.0) for _ in "ab"
    )
    assert first._connector is not second._connector
    await first.close()
    assert not second._connector.closed
    await second.close()


async def called(url: str, seconds: float = 5.0) -> dict[str, Any]:
    max_end = MaxapiTransport(TOKEN, url, total_timeout=seconds)
    try:
        return await max_end.call("POST", "/messages", {"chat_id": 7}, {"text": "Добрый день"})
    finally:
        await max_end.close()


async def failed(url: str, seconds: float = 5.0) -> Failure:
    with pytest.raises(ApiError) as caught:
        await called(url, seconds)
    assert TOKEN not in "".join(traceback.format_exception(caught.value))
    return caught.value.failure


async def closes(_peer: Peer) -> None:
    """The server goes away without a word."""


async def resets(peer: Peer) -> None:
    peer.abort()


async def half_a_head(peer: Peer) -> None:
    await peer.send("HTTP/1.1 200 OK\r\nContent-Ty")


async def half_a_body(peer: Peer) -> None:
    await peer.send("HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n", '{"message": ')


async def half_a_chunk(peer: Peer) -> None:
    await peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "20\r\n{")


async def no_http(peer: Peer) -> None:
    await peer.send("SSH-2.0-OpenSSH_9.2\r\n\r\n")


async def bad_gzip(peer: Peer) -> None:
    await peer.answer("no gzip", Content_Encoding="gzip")


@pytest.mark.parametrize(
    "misbehaves", [closes, resets, half_a_head, half_a_body, half_a_chunk, no_http, bad_gzip]
)
async def test_whatever_breaks_off_after_the_call_left_is_in_doubt(
    misbehaves: Callable[[Peer], Awaitable[None]],
) -> None:
    async with answering(misbehaves) as url:
        failure = await failed(url)
    assert (failure.code, failure.certain) == ("max.dropped", False)


@pytest.mark.parametrize("begun", [False, True])
async def test_no_answer_in_time_is_in_doubt(begun: bool) -> None:
    ends = asyncio.Event()

    async def waits(peer: Peer) -> None:
        if begun:
            await peer.send("HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n", "{")
        await ends.wait()

    async with answering(waits) as url:
        failure = await failed(url, 0.2)
        ends.set()
    assert (failure.code, failure.certain) == ("max.timeout", False)


async def test_a_closed_door_is_certain() -> None:
    with loopback_socket() as closed:  # bound, nobody listens
        failure = await failed(f"http://127.0.0.1:{closed.getsockname()[1]}")
    assert (failure.code, failure.certain) == ("max.unreachable", True)


async def test_a_name_that_cannot_be_is_certain() -> None:
    failure = await failed(f"http://{'a' * 70}.localhost")
    assert (failure.code, failure.certain) == ("max.unreachable", True)


@pytest.mark.parametrize("body", ["", "<html>", "[]", "\x81", '"words"'])
async def test_a_success_that_is_no_object_is_in_doubt(body: str) -> None:
    async def answers(peer: Peer) -> None:
        await peer.answer(body.encode("latin-1"))

    async with answering(answers) as url:
        failure = await failed(url)
    assert (failure.code, failure.certain) == ("max.bad_answer", False)


async def test_an_endless_answer_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "LARGEST_ANSWER", 1 << 20)
    sent = 0

    async def floods(peer: Peer) -> None:
        nonlocal sent
        await peer.send("HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(1 << 16):
            await peer.send(b"x" * (1 << 16))
            sent += 1 << 16

    async with answering(floods) as url:
        failure = await failed(url)
    assert (failure.code, failure.detail) == ("max.bad_answer", "more than 1 MiB")
    assert sent < 64 << 20


async def test_one_call_is_one_request_whatever_the_answer() -> None:
    """The library would make it again after 502 to 504, and go where a redirect points."""
    asked: list[str] = []

    async def answers(peer: Peer) -> None:
        asked.append(peer.target)
        number = int(peer.header("Content-Length") or 0)
        assert "Добрый день" in (await peer.reader.readexactly(number)).decode("unicode_escape")
        assert peer.header("Authorization") == TOKEN
        status = ("502 x", "503 x", "504 x", "302 x")[len(asked) - 1]
        await peer.answer("{}", status, Location="/elsewhere")

    async with answering(answers) as url:
        codes = [(await failed(url)).code for _ in range(4)]
    assert codes == [*["max.unavailable"] * 3, "max.redirect"]
    assert asked == ["/messages?chat_id=7"] * 4


BUGS = [
    TypeError("x"),
    AttributeError("x"),
    KeyError("x"),
    AssertionError("x"),
    DeprecationWarning("x"),
    RuntimeError("x"),
    ValueError("x"),
    UnicodeEncodeError("utf-8", "\ud800", 0, 1, "x"),
]


@pytest.mark.parametrize("bug", BUGS, ids=lambda each: type(each).__name__)
async def test_a_bug_is_not_taken_for_the_networks_trouble(
    bug: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On Python 3.14 a warning inside a library was waited for as if the connection had broken."""

    async def broken(*_args: Any, **_options: Any) -> None:
        raise bug

    monkeypatch.setattr(aiohttp.ClientSession, "_request", broken)
    with pytest.raises(type(bug)) as caught:
        await called("http://127.0.0.1:9")
    assert caught.value is bug


@pytest.mark.parametrize("bug", BUGS[:5], ids=lambda each: type(each).__name__)
async def test_nor_is_one_that_aiohttp_passes_off_as_such(
    bug: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_args: Any, **_options: Any) -> None:
        raise bug

    monkeypatch.setattr(aiohttp.payload.Payload, "write_with_length", broken)
    monkeypatch.setattr(aiohttp.payload.BytesPayload, "write_with_length", broken)

    async def answers(peer: Peer) -> None:
        await peer.reader.read(-1)

    async with answering(answers) as url:
        with pytest.raises(type(bug)) as caught:
            await called(url)
    assert caught.value is bug


async def test_what_the_connection_tells_is_max_s_time_and_when_a_poll_left() -> None:
    sim = MaxSim(now=lambda: time.time() + 3600.0)
    timing = Timing()
    loop = asyncio.get_running_loop()
    assert timing.now() is None
    async with serve(sim) as url:
        transport = MaxapiTransport(sim.token, url, total_timeout=5.0, timing=timing)
        await transport.call("GET", "/me", {})
        told = timing.now()
        assert told is not None
        assert -600.0 <= told - (time.time() + 3600.0) <= 0.0
        never = timing.left_at
        assert never is None
        before = loop.time()
        await transport.call("GET", "/updates", {"timeout": 0})
        assert timing.left_at is not None
        assert before <= timing.left_at <= loop.time()
        await transport.close()


@pytest.mark.parametrize("status", [302, 401, 502])
async def test_the_clock_of_whatever_answers_instead_of_max_does_not_count(status: int) -> None:
    portal = Faulty(MaxSim(now=time.time), rng=Random(0))
    portal.add(Fault("html", status=status, headers={"date": "Thu, 01 Jan 1970 00:00:00 GMT"}))
    timing = Timing()
    async with serve(portal) as url:
        transport = MaxapiTransport("any", url, total_timeout=5.0, timing=timing)
        with pytest.raises(ApiError):
            await transport.call("GET", "/me", {})
        await transport.close()
    assert timing.now() is None


@pytest.mark.parametrize("zone", ["GMT", "-0000", "+0000", "UTC"])
async def test_dates_are_of_greenwich(zone: str) -> None:
    timing = Timing()
    timing.heard(f"Mon, 26 Oct 2026 06:13:20 {zone}")
    assert timing.now() == pytest.approx(1_792_995_200.0, abs=600.0)


@pytest.mark.parametrize(
    "date",
    [
        "",
        "gestern",
        "Thu, 99 Foo 2026 99:99:99 GMT",
        "0",
        "\x00",
        "Thu, 01 Jan 99999999999999999999 00:00:00 GMT",
    ],
)
async def test_what_is_no_date_is_passed_over(date: str) -> None:
    timing = Timing()
    timing.heard(date)
    assert timing.now() is None


# --- The library, as far as it is used.


def in_a_process(code: str) -> list[str]:
    """What a new interpreter prints."""
    script = f"import sys\nfrom maxbridge.max import transport\n{code}"
    run = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True, timeout=60
    )
    return run.stdout.splitlines()


def test_the_library_is_loaded_without_its_models() -> None:
    loaded = in_a_process(
        "bot = transport.load_library().bot(token='secret', auto_requests=False)\n"
        "print(bot.headers)\n"
        "print([each for each in ('maxapi', 'pydantic', 'maxapi.types') if each in sys.modules])"
    )
    assert loaded == ["{'Authorization': 'secret'}", "[]"]


def test_what_was_left_out_is_loaded_when_it_is_called() -> None:
    said = in_a_process(
        "bot = transport.load_library().bot(token='secret', auto_requests=False)\n"
        "try:\n"
        "    bot.get_chats(count='many').send(None)\n"
        "except Exception as error:\n"
        "    print('pydantic' in sys.modules, 'maxapi.methods.get_chats' in sys.modules)\n"
        "else:\n"
        "    raise SystemExit('it was called')"
    )
    assert said == ["True True"]


def test_whoever_imports_the_library_later_gets_it_whole() -> None:
    said = in_a_process(
        "part = transport.load_library()\n"
        "from maxapi import Bot\n"
        "from maxapi.types import Message\n"
        "print(Bot is part.bot, Message.__name__, Bot(token='other').headers['Authorization'])"
    )
    assert said == ["False Message other"]


def test_a_library_that_looks_different_is_loaded_whole() -> None:
    said = in_a_process(
        # What Bot is made of is no class then.
        "transport._USED = ('maxapi.bot', 'maxapi.client')\n"
        "library = transport.load_library()\n"
        "print(type(library.bot).__name__, library.bot(token='secret').headers['Authorization'])"
    )
    assert said == ["type secret"]
