"""The way to a host, over real sockets on loopback: where it ends and in which words."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from loopback import Peer, answering, rounds
from maxbridge.checks.network import StepError, walk, without_secret

STRANGERS = ssl.create_default_context()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for localhost that signs itself, with its key in the same file."""
    folder = tmp_path_factory.mktemp("tls")
    key, cert = folder / "key.pem", folder / "cert.pem"
    made = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -batch"
        " -subj /CN=localhost -addext subjectAltName=DNS:localhost"
    )
    command = [*made.split(), "-keyout", str(key), "-out", str(cert)]
    subprocess.run(command, check=True, capture_output=True)
    both = folder / "both.pem"
    both.write_text(cert.read_text() + key.read_text())
    return both


def serving(authority: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority)
    return context


def believing(authority: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(authority))


async def nothing(peer: Peer) -> None:
    """Nobody asks anything: the way ends with the handshake."""
    pytest.fail(f"a request: {peer.head}")


def as_localhost(url: str) -> str:
    return url.replace("127.0.0.1", "localhost")


def closed_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
    return port


async def end_of(url: str, context: ssl.SSLContext = STRANGERS, proxy: str = "") -> StepError:
    with pytest.raises(StepError) as caught:
        await walk(url, context, proxy, patience=5.0)
    return caught.value


async def test_plain_http_ends_with_the_connection() -> None:
    async with answering(nothing) as url:
        way = await walk(url, STRANGERS)
    assert (way.addresses, way.proxied, way.certificate) == (("127.0.0.1",), False, "")
    assert (way.begins_at, way.ends_at) == (None, None)


async def test_a_good_way_tells_who_vouches(authority: Path) -> None:
    async with answering(nothing, serving(authority)) as url:
        way = await walk(as_localhost(url), believing(authority))
    assert way.certificate == "localhost"
    assert way.begins_at is not None
    assert way.ends_at is not None
    assert way.ends_at - way.begins_at == pytest.approx(2 * 86400)


async def test_a_name_that_is_none() -> None:
    error = await end_of("https://no-such-host.invalid")
    assert (error.step, error.wrong) == ("name", False)


async def test_nobody_listens() -> None:
    error = await end_of(f"http://127.0.0.1:{closed_port()}")
    assert error.step == "connection"
    assert "refused" in error.why


async def test_a_certificate_that_nobody_here_vouches_for(authority: Path) -> None:
    async with answering(nothing, serving(authority)) as url:
        error = await end_of(as_localhost(url))
    assert (error.step, error.wrong) == ("certificate", True)
    assert "self-signed" in error.why or "self signed" in error.why


async def test_a_certificate_for_another_name(authority: Path) -> None:
    async with answering(nothing, serving(authority)) as url:
        error = await end_of(url, believing(authority))
    assert error.wrong
    assert "mismatch" in error.why


async def test_what_speaks_no_tls(authority: Path) -> None:
    async with raw(b"HTTP/1.1 400 Bad Request\r\n\r\n") as url:
        error = await end_of(url, believing(authority))
    assert (error.step, error.wrong) == ("encryption", True)
    assert error.why == "what answers there does not speak TLS"


@asynccontextmanager
async def raw(said: bytes) -> AsyncIterator[str]:
    """A server that answers whatever comes with these bytes, or with silence."""
    writers: list[asyncio.StreamWriter] = []

    talks: list[asyncio.Task[None]] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        if said:
            writer.write(said)
            await writer.drain()
            writer.close()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        talks.append(asyncio.ensure_future(talk(reader, writer)))

    server = await asyncio.start_server(begin, "127.0.0.1", 0)
    try:
        yield f"https://localhost:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await rounds()
        for writer in writers:
            writer.transport.abort()
        await asyncio.gather(*talks, return_exceptions=True)
        await rounds()


async def tunnel(peer: Peer) -> None:
    """What a good proxy does with CONNECT."""
    host, port = peer.target.split(":")
    assert host == "localhost"
    reader, writer = await asyncio.open_connection("127.0.0.1", int(port))
    await peer.send("HTTP/1.1 200 Connection established\r\n\r\n")

    async def back() -> None:
        while data := await reader.read(4096):
            await peer.send(data)

    task = asyncio.ensure_future(back())
    with contextlib.suppress(ConnectionError):
        while data := await peer.reader.read(4096):
            writer.write(data)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


async def test_through_a_proxy_the_certificate_is_the_hosts(authority: Path) -> None:
    async with answering(nothing, serving(authority)) as url, answering(tunnel) as proxy:
        way = await walk(as_localhost(url), believing(authority), proxy)
        assert (way.proxied, way.certificate) == (True, "localhost")
        error = await end_of(as_localhost(url), STRANGERS, proxy)
        assert error.step == "certificate"
        await asyncio.sleep(0.05)  # the tunnels see that the other side has left


@pytest.mark.parametrize(
    ("status", "why", "wrong"),
    [
        ("407 Proxy Authentication Required", "user name and a password", True),
        ("403 Forbidden", "does not allow max.invalid:443", True),
        ("502 Bad Gateway", "answers 502", False),
    ],
)
async def test_a_proxy_that_refuses(status: str, why: str, wrong: bool) -> None:
    heads: list[str] = []

    async def refuse(peer: Peer) -> None:
        heads.append(peer.header("Proxy-Authorization") or "")
        await peer.answer("", status)

    async with answering(refuse) as proxy:
        given = proxy.replace("http://", "http://egor:g%40heim@")
        error = await end_of("https://max.invalid", STRANGERS, given)
    assert (error.step, error.wrong) == ("proxy", wrong)
    assert why in error.why
    assert base64.b64decode(heads[0].removeprefix("Basic ")) == b"egor:g@heim"
    assert "heim" not in str(error)


async def test_a_proxy_that_is_none() -> None:
    async def odd(peer: Peer) -> None:
        await peer.send("SSH-2.0-OpenSSH_9.2\r\n\r\n")

    async with answering(odd) as proxy:
        assert (await end_of("https://max.invalid", STRANGERS, proxy)).step == "proxy"


async def test_a_proxy_that_hangs_up() -> None:
    async def leave(peer: Peer) -> None:
        peer.abort()

    async with answering(leave) as proxy:
        assert (await end_of("https://max.invalid", STRANGERS, proxy)).step == "proxy"


async def test_a_host_that_says_nothing_is_not_waited_for() -> None:
    async with raw(b"") as url:
        with pytest.raises(StepError, match="no answer in time"):
            await walk(url, STRANGERS, patience=0.05)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://egor:geheim@proxy.lan:3128", "http://***@proxy.lan:3128"),
        ("http://egor@proxy.lan", "http://***@proxy.lan"),
        ("http://a:b@c@proxy.lan", "http://***@proxy.lan"),
        ("http://proxy.lan:3128", "http://proxy.lan:3128"),
    ],
)
def test_an_address_is_shown_without_its_password(url: str, shown: str) -> None:
    assert without_secret(url) == shown
    assert urlsplit(shown).hostname == "proxy.lan"
