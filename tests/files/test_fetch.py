"""files.fetch: what a server may do to us, and what becomes of it. Real sockets, hostile servers."""

from __future__ import annotations

import asyncio
import gzip
import ssl
import traceback
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from loopback import Answer, Peer, answering
from maxbridge.core.errors import ApiError, Failure, Kind, Scope
from maxbridge.files.egress import EgressPolicy, Fetcher, GuardedRequest
from maxbridge.files.hosts import Patience
from maxbridge.files.spool import Room, Spool
from virtual_time import virtual

LIMIT = 1_000_000
NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
Rule = Callable[[str], bool]
BOMB = gzip.compress(b"\0" * 20_000_000)


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool", reserve=0)


@pytest.fixture
def room(spool: Spool) -> Iterator[Room]:
    """A room that must be empty in the end, whatever happened in it."""
    with spool.room() as room:
        yield room
    assert spool.used == 0
    folder = spool.folder
    assert not folder.exists() or not list(folder.iterdir())


@asynccontextmanager
async def fetching(
    rule: Rule = lambda _: True, patience: Patience | None = None, **options: Any
) -> AsyncIterator[Fetcher]:
    line = GuardedRequest(EgressPolicy(rule), verify=NOBODY, **options)
    try:
        yield Fetcher(line, "media.", patience)
    finally:
        await line.close()


async def fetched(answer: Answer, room: Room, path: str = "/file", limit: int = LIMIT) -> Any:
    async with answering(answer) as url, fetching() as fetcher:
        return await fetcher.fetch(url + path, room, limit=limit)


async def failing(answer: Answer, room: Room, limit: int = LIMIT) -> Failure:
    with pytest.raises(ApiError) as caught:
        await fetched(answer, room, limit=limit)
    failure = caught.value.failure
    # A reading does nothing, so it is never in doubt; a file's trouble is not the end's.
    assert failure.certain
    assert failure.scope is Scope.ITEM
    return failure


def answer_of(body: bytes = b"", status: str = "200 OK", **headers: str) -> Answer:
    async def answer(peer: Peer) -> None:
        await peer.answer(body, status, **headers)

    return answer


# --- a file ---------------------------------------------------------------------------------------------


async def test_a_file_comes_whole(room: Room) -> None:
    content = bytes(range(256)) * 1000
    headers = {
        "Content_Type": "Application/PDF; charset=x",
        "Content_Disposition": "attachment; filename*=UTF-8''%D0%A1%D1%87%D1%91%D1%82.pdf",
    }
    file = await fetched(answer_of(content, **headers), room)
    assert file.path.read_bytes() == content
    assert file.size == 256_000


async def test_an_empty_file_is_a_file(room: Room) -> None:
    assert (await fetched(answer_of(b""), room)).size == 0


async def test_chunks_and_bodies_without_a_length_are_files(room: Room) -> None:
    async def chunked(peer: Peer) -> None:
        await peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        await peer.send("3\r\nabc\r\n", "2\r\nde\r\n", "0\r\n\r\n")

    async def until_closed(peer: Peer) -> None:
        await peer.send("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabcde")

    for answer in (chunked, until_closed):
        assert (await fetched(answer, room)).path.read_bytes() == b"abcde"


async def test_nothing_is_said_but_what_is_asked_for(room: Room) -> None:
    heads: list[str] = []

    async def answer(peer: Peer) -> None:
        heads.append(peer.head)
        await peer.answer(b"x", Set_Cookie="session=1; Path=/")

    async with answering(answer) as url, fetching() as fetcher:
        for _ in range(2):
            await fetcher.fetch(f"{url}/file?sig=1&x=%20", room, limit=LIMIT)
    assert len(heads) == 2
    for head in heads:
        assert head.startswith("GET /file?sig=1&x=%20 HTTP/1.1\r\n")
        names = {line.partition(":")[0].lower() for line in head.strip().split("\r\n")[1:]}
        assert names == {"host", "user-agent", "accept", "accept-encoding", "connection"}
        assert "accept-encoding: identity" in head.lower()


@pytest.mark.parametrize("kind", ["", "html", "../x", "a/" + "b" * 500, "ä/ö"])
@pytest.mark.parametrize(
    "disposition",
    ["", 'attachment; filename="../../etc/passwd"', "attachment; filename*=utf-8''a%00b%0Ac.pdf",
     "attachment; filename*=no-such-charset''a.pdf", "attachment; filename*=''", ";;;==="],
)  # fmt: skip
async def test_what_the_server_calls_a_file_changes_nothing(
    room: Room, spool: Spool, disposition: str, kind: str
) -> None:
    answer = answer_of(b"x", Content_Disposition=disposition, Content_Type=kind)
    file = await fetched(answer, room)
    assert file.path.read_bytes() == b"x"
    assert list(spool.folder.iterdir()) == [file.path]


# --- size -----------------------------------------------------------------------------------------------


async def test_a_file_as_large_as_the_limit_comes(room: Room) -> None:
    assert (await fetched(answer_of(b"x" * 1000), room, limit=1000)).size == 1000


async def test_a_file_declared_too_large_is_not_read(room: Room) -> None:
    async def ten_gigabytes(peer: Peer) -> None:
        await peer.send(f"HTTP/1.1 200 OK\r\nContent-Length: {10 * 2**30}\r\n\r\n")
        await asyncio.Event().wait()  # not a byte: who wants to read one waits for ever

    assert (await failing(ten_gigabytes, room)).code == "media.too_large"


async def test_an_endless_file_is_cut_off_at_the_limit(room: Room) -> None:
    sent = 0

    async def endless(peer: Peer) -> None:
        nonlocal sent
        await peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            await peer.send("10000\r\n", b"x" * 0x10000, "\r\n")
            sent += 0x10000

    failure = await failing(endless, room)
    assert (failure.code, failure.kind) == ("media.too_large", Kind.PERMANENT)
    assert sent < LIMIT + 20_000_000  # what fits into the buffers of two sockets


async def test_no_file_is_larger_than_the_spool(tmp_path: Path) -> None:
    # "Wait for room" would be waiting for ever.
    with Spool(tmp_path / "s", cap=500, reserve=0).room() as room:
        assert (await failing(answer_of(b"x" * 501), room)).code == "media.too_large"
        assert (await fetched(answer_of(b"x" * 500), room)).size == 500


async def test_a_spool_without_room_makes_the_file_wait(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s", cap=1000, reserve=0)
    with spool.room() as room, spool.room() as other:
        await fetched(answer_of(b"x" * 600), room)
        failure = await failing(answer_of(b"x" * 600), other)
        assert (failure.code, failure.kind) == ("files.full", Kind.TRANSIENT)
        assert spool.used == 600


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "identity, gzip", "GZIP", "zstd"])
async def test_a_compressed_body_is_refused_unread(room: Room, encoding: str) -> None:
    failure = await failing(answer_of(BOMB, Content_Encoding=encoding), room)
    assert (failure.code, failure.kind) == ("media.unexpected", Kind.PERMANENT)


async def test_a_file_that_is_compressed_itself_is_not_unpacked(room: Room) -> None:
    archive = gzip.compress(b"\0" * 5_000_000)
    file = await fetched(answer_of(archive, Content_Type="application/gzip"), room)
    assert file.path.read_bytes() == archive


# --- broken bodies ------------------------------------------------------------------------------------


async def test_half_a_file_is_no_file(room: Room) -> None:
    async def shorter(peer: Peer) -> None:
        await peer.send("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"x" * 50_000)

    async def without_end(peer: Peer) -> None:
        await peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n")

    for answer in (shorter, without_end):
        failure = await failing(answer, room)
        assert (failure.code, failure.kind) == ("media.truncated", Kind.TRANSIENT)


async def test_a_shorter_file_is_noticed_whatever_counts_the_bytes(room: Room) -> None:
    # In process nobody but us compares.
    answer = httpx.Response(200, headers={"Content-Length": "10"}, content=b"12345")
    async with fetching(transport=httpx.MockTransport(lambda _: answer)) as fetcher:
        with pytest.raises(ApiError) as caught:
            await fetcher.fetch("https://a/", room, limit=LIMIT)
    assert str(caught.value) == "media.truncated (5 of 10 bytes)"


async def test_a_broken_connection_has_a_name(room: Room) -> None:
    async def silent(peer: Peer) -> None:
        peer.abort()

    async def in_the_middle(peer: Peer) -> None:
        await peer.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc")
        peer.abort()

    async def rubbish(peer: Peer) -> None:
        await peer.send("SSH-2.0-OpenSSH_9.2\r\n\r\n")

    async def long_head(peer: Peer) -> None:
        await peer.send("HTTP/1.1 200 OK\r\nX: ", b"x" * 500_000, "\r\n\r\n")

    for answer in (silent, in_the_middle, rubbish, long_head):
        failure = await failing(answer, room)
        assert failure.code in ("media.dropped", "media.truncated")
        assert failure.kind is Kind.TRANSIENT


async def test_nobody_there_has_a_name(room: Room) -> None:
    async with answering(answer_of()) as url:
        pass
    async with fetching() as fetcher:
        with pytest.raises(ApiError) as caught:
            await fetcher.fetch(url, room, limit=LIMIT)
    assert caught.value.failure.code == "media.unreachable"
    assert caught.value.failure.kind is Kind.TRANSIENT


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        ("401 Unauthorized", "media.gone", Kind.PERMANENT),
        ("403 Forbidden", "media.gone", Kind.PERMANENT),
        ("404 Not Found", "media.gone", Kind.PERMANENT),
        ("410 Gone", "media.gone", Kind.PERMANENT),
        ("400 Bad Request", "media.refused", Kind.PERMANENT),
        ("451 Unavailable For Legal Reasons", "media.refused", Kind.PERMANENT),
        ("429 Too Many Requests", "media.unavailable", Kind.TRANSIENT),
        ("500 Internal Server Error", "media.unavailable", Kind.TRANSIENT),
        ("503 Service Unavailable", "media.unavailable", Kind.TRANSIENT),
        ("204 No Content", "media.unexpected", Kind.PERMANENT),
        ("206 Partial Content", "media.unexpected", Kind.PERMANENT),
        ("304 Not Modified", "media.unexpected", Kind.PERMANENT),
        ("302 Found", "media.unexpected", Kind.PERMANENT),  # with nowhere to go
    ],
)
async def test_answers_that_are_no_file(room: Room, status: str, code: str, kind: Kind) -> None:
    failure = await failing(answer_of(b"", status), room)
    assert (failure.code, failure.kind, failure.detail) == (code, kind, f"HTTP {status[:3]}")


async def test_a_server_may_ask_to_wait(room: Room) -> None:
    wait = {"Retry_After": "17"}
    assert (await failing(answer_of(b"", "503 X", **wait), room)).retry_after == 17.0


# --- redirects ----------------------------------------------------------------------------------------


def redirect_to(location: str, status: str = "302 Found") -> Answer:
    async def answer(peer: Peer) -> None:
        if peer.target == "/end":
            await peer.answer(b"the file")
        else:
            await peer.answer(b"", status, Location=location, Set_Cookie="a=b")

    return answer


@pytest.mark.parametrize("status", ["301 X", "302 X", "303 X", "307 X", "308 X"])
async def test_redirects_are_followed_by_hand(room: Room, status: str) -> None:
    file = await fetched(redirect_to("/end", status), room)
    assert file.path.read_bytes() == b"the file"


async def test_no_cookie_goes_along(room: Room) -> None:
    heads: list[str] = []

    async def answer(peer: Peer) -> None:
        heads.append(peer.head)
        await redirect_to("/end")(peer)

    await fetched(answer, room)
    assert len(heads) == 2
    assert not any("cookie" in head.lower() for head in heads)


async def test_three_redirects_are_enough(room: Room) -> None:
    asked = 0

    async def answer(peer: Peer) -> None:
        nonlocal asked
        asked += 1
        await peer.answer(b"", "302 X", Location=f"/{asked}")

    assert (await failing(answer, room)).code == "media.unexpected"
    assert asked == 4


async def test_three_redirects_are_allowed(room: Room) -> None:
    steps = {"/file": "/1", "/1": "/2", "/2": "/end"}

    async def answer(peer: Peer) -> None:
        await redirect_to(steps.get(peer.target, ""))(peer)

    assert (await fetched(answer, room)).size == 8


async def test_a_redirect_to_another_port_of_this_machine_is_refused(room: Room) -> None:
    asked: list[str] = []

    async def secret(peer: Peer) -> None:
        asked.append(peer.head)
        await peer.answer(b"the keys of the kingdom")

    async with answering(secret) as inner, answering(redirect_to(f"{inner}/end")) as outer:
        own = urlsplit(outer).netloc
        async with fetching(lambda url: urlsplit(url).netloc == own) as fetcher:
            with pytest.raises(ApiError) as caught:
                await fetcher.fetch(outer, room, limit=LIMIT)
    assert caught.value.failure.code == "media.refused_host"
    assert caught.value.failure.kind is Kind.PERMANENT
    assert asked == []


@pytest.mark.parametrize(
    "location",
    [
        "https://evil.example/",
        "//evil.example/x",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "data:text/plain,x",
        "http://[",
        "http://[::1",
        "http://127.0.0.1:99999/",
        "https://user:pass@evil.example/",
        "http://\x7f/",
    ],
)
async def test_a_redirect_to_elsewhere_is_refused(room: Room, location: str) -> None:
    async with answering(redirect_to(location)) as url:
        own = urlsplit(url).netloc
        async with fetching(lambda each: urlsplit(each).netloc == own) as fetcher:
            with pytest.raises(ApiError) as caught:
                await fetcher.fetch(url, room, limit=LIMIT)
    assert caught.value.failure.code == "media.refused_host"


@pytest.mark.parametrize("url", ["", "nonsense", "http://", "ftp://a/", "http://a:b/"])
async def test_what_is_no_address_is_refused(room: Room, url: str) -> None:
    async with fetching() as fetcher:
        with pytest.raises(ApiError) as caught:
            await fetcher.fetch(url, room, limit=LIMIT)
    assert caught.value.failure.code == "media.refused_host"


# --- time ---------------------------------------------------------------------------------------------


async def test_a_silent_server_is_given_up(room: Room) -> None:
    async def silent(peer: Peer) -> None:
        await peer.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc")
        await asyncio.Event().wait()

    async with answering(silent) as url, fetching(idle=0.2) as fetcher:
        with pytest.raises(ApiError) as caught:
            await fetcher.fetch(url, room, limit=LIMIT)
    assert (caught.value.failure.code, caught.value.failure.detail) == (
        "media.timeout", "ReadTimeout",
    )  # fmt: skip


class Drip(httpx.AsyncByteStream):
    """A body of pieces with pauses between them; runs on virtual time."""

    def __init__(self, piece: bytes, pause: float) -> None:
        self._piece, self._pause = piece, pause
        self.sent = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            await asyncio.sleep(self._pause)
            self.sent += len(self._piece)
            yield self._piece


async def dripping(room: Room, drip: Drip) -> tuple[str, float]:
    """Fetch it; the failure, and after how many seconds it came."""
    transport = httpx.MockTransport(lambda _: httpx.Response(200, stream=drip))
    clock = asyncio.get_running_loop().time
    async with fetching(transport=transport) as fetcher:
        began = clock()
        with pytest.raises(ApiError) as caught:
            await fetcher.fetch("https://i.oneme.ru/x", room, limit=10**9)
        return str(caught.value), clock() - began


def test_a_server_that_drips_is_not_waited_for(room: Room) -> None:
    @virtual
    async def scene() -> None:
        # Never idle, and never done.
        told, seconds = await dripping(room, Drip(b"x" * 10, 1.0))
        assert told == "media.timeout (too slow)"
        assert seconds == pytest.approx(30.0, abs=1.0)

    scene()


def test_a_slow_but_steady_server_has_a_quarter_of_an_hour(room: Room) -> None:
    @virtual
    async def scene() -> None:
        drip = Drip(b"x" * 65_536, 10.0)
        told, seconds = await dripping(room, drip)
        assert told == "media.timeout (took too long)"
        assert seconds == pytest.approx(900.0)
        assert drip.sent > 80 * 65_536

    scene()


def test_a_server_that_slows_down_is_given_up_then(room: Room) -> None:
    @virtual
    async def scene() -> None:
        drip = Drip(b"x" * 100_000, 1.0)

        async def slow_down() -> None:
            await asyncio.sleep(100)
            drip._piece = b"x"

        brake = asyncio.ensure_future(slow_down())
        told, seconds = await dripping(room, drip)
        assert told == "media.timeout (too slow)"
        assert 100 < seconds <= 160
        await brake

    scene()


async def test_a_cancelled_download_leaves_nothing(room: Room, spool: Spool) -> None:
    begun = asyncio.Event()

    async def answer(peer: Peer) -> None:
        await peer.send("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"x" * 50_000)
        begun.set()
        await asyncio.Event().wait()

    async with answering(answer) as url, fetching() as fetcher:
        task = asyncio.ensure_future(fetcher.fetch(url, room, limit=LIMIT))
        await begun.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled()
        assert spool.used == 0


# --- secrets ------------------------------------------------------------------------------------------


async def test_a_link_is_as_good_as_a_key_and_stands_in_no_error(room: Room) -> None:
    async def drop(peer: Peer) -> None:
        peer.abort()

    secret = "f9LHodD0cOI"
    elsewhere = f"https://evil.example/?sig={secret}"
    answers = [drop, answer_of(b"", "403 X"), redirect_to(elsewhere)]
    for answer in answers:
        async with answering(answer) as url:
            own = urlsplit(url).netloc
            link = f"{url}/x?sig={secret}"
            async with fetching(lambda each, own=own: urlsplit(each).netloc == own) as fetcher:  # type: ignore[misc]
                with pytest.raises(ApiError) as caught:
                    await fetcher.fetch(link, room, limit=LIMIT)
        shown = "".join(traceback.format_exception(caught.value))
        assert secret not in f"{shown} {caught.value!r} {caught.value.failure!r}"
