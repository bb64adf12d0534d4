"""files.transport: whatever a server does, what it means is as exact as over httpx's own network."""

from __future__ import annotations

import asyncio
import gzip
import socket
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest

from loopback import Peer, answering
from maxbridge.core.errors import ApiError
from maxbridge.files.transport import AiohttpTransport
from maxbridge.files.trust import trusted
from maxbridge.freescout import exchange
from maxbridge.freescout.exchange import Answer, DiskFile, Exchange
from maxbridge.sim.serve import loopback_socket

KEY = "0123456789abcdef"
NETWORKS: dict[str, Callable[[], httpx.AsyncBaseTransport]] = {
    "aiohttp": lambda: AiohttpTransport(trusted()),
    "httpx": lambda: httpx.AsyncHTTPTransport(verify=trusted(), trust_env=False),
}
"""The second is the standard by which the first is judged."""


@pytest.fixture(params=NETWORKS)
def network(request: pytest.FixtureRequest) -> httpx.AsyncBaseTransport:
    return NETWORKS[request.param]()


@asynccontextmanager
async def calling(url: str, network: httpx.AsyncBaseTransport) -> AsyncIterator[Exchange]:
    desk = Exchange(url, KEY, now=lambda: 0.0, transport=network)
    try:
        yield desk
    finally:
        await desk.close()


async def post(url: str, network: httpx.AsyncBaseTransport, **body: Any) -> Answer:
    async with calling(url, network) as desk:
        return await desk.call("POST", "conversations", body=body)


async def failed(url: str, network: httpx.AsyncBaseTransport, **body: Any) -> ApiError:
    with pytest.raises(ApiError) as caught:
        await post(url, network, **body)
    return caught.value


async def closes(_peer: Peer) -> None:
    """The server goes away without a word."""


async def resets(peer: Peer) -> None:
    peer.abort()


async def half_a_head(peer: Peer) -> None:
    await peer.send("HTTP/1.1 201 Created\r\nContent-Ty")


async def half_a_body(peer: Peer) -> None:
    await peer.send("HTTP/1.1 201 Created\r\nContent-Length: 90\r\n\r\n", '{"id": ')


async def half_a_chunk(peer: Peer) -> None:
    await peer.send("HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n", "20\r\n{")


async def no_http(peer: Peer) -> None:
    await peer.send("SSH-2.0-OpenSSH_9.2\r\n\r\n")


async def two_lengths(peer: Peer) -> None:
    await peer.send("HTTP/1.1 201 Created\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}")


async def huge_head(peer: Peer) -> None:
    await peer.send("HTTP/1.1 201 Created\r\n", f"X: {'x' * 200_000}\r\n\r\n")


async def bad_gzip(peer: Peer) -> None:
    await peer.answer("no gzip", Content_Encoding="gzip")


@pytest.mark.parametrize(
    "misbehaves",
    [
        closes,
        resets,
        half_a_head,
        half_a_body,
        half_a_chunk,
        no_http,
        two_lengths,
        huge_head,
        bad_gzip,
    ],
)
async def test_whatever_breaks_off_after_the_call_left_is_in_doubt(
    network: httpx.AsyncBaseTransport, misbehaves: Callable[[Peer], Awaitable[None]]
) -> None:
    async with answering(misbehaves) as url:
        error = await failed(url, network)
    assert (error.failure.code, error.failure.certain) == ("desk.dropped", False)


async def test_a_closed_door_is_certain(network: httpx.AsyncBaseTransport) -> None:
    closed = loopback_socket()  # bound, nobody listens
    with closed:
        error = await failed(f"http://127.0.0.1:{closed.getsockname()[1]}", network)
    assert (error.failure.code, error.failure.certain) == ("desk.unreachable", True)


async def test_a_name_that_cannot_be_is_certain(network: httpx.AsyncBaseTransport) -> None:
    error = await failed(f"http://{'a' * 70}.localhost", network)
    assert (error.failure.code, error.failure.certain) == ("desk.unreachable", True)


async def test_https_at_a_port_without_it_is_told_from_a_certificate_that_is_not_trusted(
    network: httpx.AsyncBaseTransport,
) -> None:
    async def refuses(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(refuses, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        error = await failed(f"https://127.0.0.1:{port}", network)
    assert (error.failure.code, error.failure.certain) == ("desk.no_tls", True)


@pytest.mark.parametrize("begun", ["", "HTTP/1.1 201 Created\r\nContent-Length: 9\r\n\r\n{"])
async def test_silence_is_a_doubt_with_an_end(
    network: httpx.AsyncBaseTransport, begun: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "_TIMEOUT", httpx.Timeout(10.0, read=0.05))

    async def is_silent(peer: Peer) -> None:
        await peer.send(begun)
        await asyncio.Event().wait()

    async with answering(is_silent) as url:
        error = await failed(url, network)
    assert (error.failure.code, error.failure.certain) == ("desk.timeout", False)


async def test_who_does_not_let_us_in_was_told_nothing(
    network: httpx.AsyncBaseTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "_TIMEOUT", httpx.Timeout(10.0, connect=0.05))
    with loopback_socket() as full:
        full.listen(0)
        port = full.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):  # the queue is full: SYNs are dropped
            error = await failed(f"http://127.0.0.1:{port}", network)
    assert (error.failure.code, error.failure.certain) == ("desk.unreachable", True)


async def test_no_error_tells_the_key(network: httpx.AsyncBaseTransport) -> None:
    async with answering(no_http) as url:
        error = await failed(url, network, words="secret words")
    told, link = "".join(traceback.format_exception(error)), error.__context__
    while link is not None:
        told += f"{link!r} {getattr(link, 'request_info', '')}"
        link = link.__context__
    assert KEY not in told
    assert "secret words" not in told


async def test_a_redirect_is_an_answer_that_is_not_followed(
    network: httpx.AsyncBaseTransport,
) -> None:
    heads: list[str] = []

    async def redirects(peer: Peer) -> None:
        heads.append(peer.head)
        await peer.answer(status="302 Found", Location="/elsewhere")

    async with answering(redirects) as url, calling(url, network) as desk:
        for _ in range(2):
            with pytest.raises(ApiError) as caught:
                await desk.call("POST", "conversations", body={})
            assert caught.value.failure.code == "desk.redirect"
    assert len(heads) == 2
    assert all("POST /api/conversations" in head for head in heads)


def _by_name(url: str) -> str:
    return url.replace("127.0.0.1", "localhost")


async def test_what_is_sent_is_what_httpx_sends() -> None:
    heads: list[set[str]] = []
    bodies: list[bytes] = []

    async def listens(peer: Peer) -> None:
        lines = peer.head.strip().lower().split("\r\n")
        heads.append(set(lines))
        assert len(lines) == len(set(lines))
        bodies.append(await peer.reader.readexactly(int(peer.header("Content-Length") or 0)))
        await peer.answer("{}")

    for make in NETWORKS.values():
        async with answering(listens) as url, calling(_by_name(url), make()) as desk:
            await desk.call(
                "POST", "tickets/1/a%2Fb", params={"q": "Ёж и c++"}, body={"т": "текст"}
            )
    ours, theirs = ({each for each in head if "localhost:" not in each} for head in heads)
    assert ours == theirs
    assert bodies[0] == bodies[1]


async def test_long_headers_are_read(network: httpx.AsyncBaseTransport) -> None:
    async def answers(peer: Peer) -> None:
        await peer.answer('{"id": 7}', Content_Security_Policy="x" * 40_000)

    async with answering(answers) as url:
        assert (await post(url, network)).data == {"id": 7}


async def test_packed_answers_are_unpacked(network: httpx.AsyncBaseTransport) -> None:
    async def packs(peer: Peer) -> None:
        assert "gzip" in (peer.header("Accept-Encoding") or "")
        await peer.answer(gzip.compress(b'{"id": 7}'), Content_Encoding="gzip")

    async with answering(packs) as url:
        assert (await post(url, network)).data == {"id": 7}


async def test_a_connection_that_was_closed_meanwhile_makes_no_second_post(
    network: httpx.AsyncBaseTransport,
) -> None:
    """The server closes while the second call is on its way: it may have read it."""
    asked: list[str] = []

    async def answers_once(peer: Peer) -> None:
        asked.append(peer.head)
        await peer.reader.readexactly(int(peer.header("Content-Length") or 0))
        await peer.answer("{}", Connection="keep-alive")
        asked.append((await peer.reader.readuntil(b"\r\n\r\n")).decode())
        peer.abort()

    async with answering(answers_once) as url, calling(url, network) as desk:
        assert (await desk.call("POST", "conversations", body={})).data == {}
        with pytest.raises(ApiError) as caught:
            await desk.call("POST", "conversations", body={})
    assert caught.value.failure.code == "desk.dropped"
    assert len(asked) == 2


async def test_a_file_that_cannot_be_read_is_our_own_trouble(
    network: httpx.AsyncBaseTransport, tmp_path: Path
) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(b"x" * 1000)

    async def listens(peer: Peer) -> None:
        await peer.reader.read(-1)

    async with answering(listens) as url:
        file = DiskFile(path, "photo.png", "image/png", 500_000)  # it was longer a moment ago
        error = await failed(url, network, attachments=[file])
    assert (error.failure.code, error.failure.certain) == ("files.error", True)


@pytest.mark.parametrize(
    "bug",
    [TypeError("x"), KeyError("x"), DeprecationWarning("x"), RuntimeError("x"), ValueError("x")],
    ids=lambda each: type(each).__name__,
)
async def test_a_bug_in_what_makes_the_body_is_not_taken_for_the_networks_trouble(
    network: httpx.AsyncBaseTransport, bug: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(_content: object) -> AsyncIterator[bytes]:
        yield b"{"
        raise bug

    monkeypatch.setattr(exchange.Body, "content", property(broken))

    async def listens(peer: Peer) -> None:
        await peer.reader.read(-1)

    async with answering(listens) as url:
        with pytest.raises(type(bug)) as caught:
            await post(url, network)
    assert caught.value is bug


@pytest.mark.parametrize(
    "bug",
    [TypeError("x"), DeprecationWarning("x"), UnicodeEncodeError("utf-8", "\ud800", 0, 1, "x")],
    ids=lambda each: type(each).__name__,
)
async def test_a_bug_that_aiohttp_passes_off_as_the_networks_trouble_is_none(
    bug: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_args: Any, **_options: Any) -> None:
        raise aiohttp.ClientConnectionError("cannot write") from bug

    monkeypatch.setattr(aiohttp.ClientSession, "_request", broken)
    with pytest.raises(type(bug)) as caught:
        await post("http://127.0.0.1:9", AiohttpTransport(trusted()))
    assert caught.value is bug


async def test_a_file_arrives_as_it_is(network: httpx.AsyncBaseTransport, tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(b"x" * 300_000)
    came: list[bytes] = []

    async def listens(peer: Peer) -> None:
        assert peer.header("Transfer-Encoding") is None
        came.append(await peer.reader.readexactly(int(peer.header("Content-Length") or 0)))
        await peer.answer("{}")

    async with answering(listens) as url:
        await post(url, network, attachments=[DiskFile(path, "photo.png", "image/png", 300_000)])
    assert b"eHh4" in came[0]
    assert len(came[0]) > 400_000


async def test_a_refusal_before_the_whole_body_was_read_is_heard(
    network: httpx.AsyncBaseTransport, tmp_path: Path
) -> None:
    """nginx refuses by the Content-Length alone, and closes when it has."""
    path = tmp_path / "film.mp4"
    path.write_bytes(b"x" * 3_000_000)

    async def refuses(peer: Peer) -> None:
        await peer.answer(status="413 Request Entity Too Large")
        await peer.reader.read(-1)

    async with answering(refuses) as url:
        file = DiskFile(path, "film.mp4", "video/mp4", 3_000_000)
        error = await failed(url, network, attachments=[file])
    assert error.failure.code == "desk.too_large"
