"""max.media: files to and from MAX's CDN, through the simulator and over real sockets."""

from __future__ import annotations

import asyncio
import json
import re
import time
import traceback
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest
from hypothesis import given

from bridge import SimTransport
from laws import law, texts
from loopback import Answer, Peer, answering
from max_world import CHAT, USER
from maxbridge.config.settings import MaxSettings
from maxbridge.core.errors import ApiError, Kind, Scope
from maxbridge.core.filetype import PDF, Family
from maxbridge.core.parts import proper_name
from maxbridge.files.egress import EgressPolicy, media_egress
from maxbridge.files.spool import Room, Spool
from maxbridge.files.trust import trusted
from maxbridge.max.client import MaxClient
from maxbridge.max.media import MaxMedia, russian_roots
from maxbridge.sim.faults import Fault, Faulty
from maxbridge.sim.max import MaxSim
from maxbridge.sim.max.media import SIZE_LIMITS
from maxbridge.sim.serve import serve
from maxbridge.sim.transport import SimTransport as HttpxTransport
from recorded import max_body
from virtual_time import Clock, virtual

API = "http://127.0.0.1"
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 10 + b"\r\n--boundary--\r\n"


class World:
    """A simulated MAX behind a line that can be spoilt, and the bridge's client of its files."""

    def __init__(self) -> None:
        self.clock = Clock(asyncio.get_running_loop())
        self.sim = MaxSim(now=self.clock.now)
        self.sim.state.person(USER, "Марина", "Тестова")
        self.sim.state.start(USER)
        self.line = Faulty(self.sim, rng=Random(1))
        transport = SimTransport(self.line, 45.0, self.sim.token)
        self.client = MaxClient(transport, transport)
        self.media = MaxMedia(
            self.client,
            media_egress(MaxSettings(api_url=API)),
            transport=HttpxTransport(self.line),
        )

    async def send(self, kind: str, token: str, text: str = "") -> dict[str, Any]:
        """Post a message with what was uploaded; its only attachment as the customer gets it."""
        attachment = {"type": kind, "payload": {"token": token}}
        await self.client.send(CHAT, text, attachments=[attachment])
        (sent,) = self.sim.state.sent(CHAT)[-1]["body"]["attachments"]
        found: dict[str, Any] = sent
        return found


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    spool = Spool(tmp_path / "spool", reserve=0)
    with spool.room() as room:
        yield room
    assert spool.used == 0


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "picture"
    path.write_bytes(PICTURE)
    return path


async def failing(call: Any) -> ApiError:
    with pytest.raises(ApiError) as caught:
        await call
    # Neither a download nor an upload has sent anybody anything.
    assert caught.value.failure.certain
    error: ApiError = caught.value
    return error


# --- downloads -----------------------------------------------------------------------------------------


def test_certificates_are_read_for_the_first_file(
    monkeypatch: pytest.MonkeyPatch, room: Room
) -> None:
    """They take 30 ms and a megabyte, at each start and for a bridge of words alone, too."""
    read: list[tuple[Path, ...]] = []

    def counted(*more: Path, **heard: Any) -> Any:
        read.append(more)
        return trusted(*more, **heard)

    monkeypatch.setattr("maxbridge.max.media.trusted", counted)

    async def main() -> None:
        world = World()
        assert read == []
        await world.media.close()
        for _ in range(2):
            with pytest.raises(ApiError):
                await world.media.fetch("https://elsewhere.example/file", room, limit=10)
        assert read == [(russian_roots(),)]
        await world.media.close()

    asyncio.run(main())


def test_a_customers_file_is_fetched_without_the_token(room: Room) -> None:
    @virtual
    async def scene() -> None:
        world = World()
        part = world.sim.state.attach("file", PICTURE, "Счёт.pdf", "application/pdf")
        file = await world.media.fetch(part["payload"]["url"], room, limit=10_000)
        assert file.path.read_bytes() == PICTURE
        assert world.sim.leaks == []
        await world.media.close()

    scene()


def test_an_expired_link_is_gone_and_the_message_brings_a_fresh_one(room: Room) -> None:
    @virtual
    async def scene() -> None:
        world = World()
        part = world.sim.state.attach("file", b"content", "a.pdf")
        mid = world.sim.state.say(USER, attachments=[part])
        world.clock.skew = 31 * 86_400.0
        error = await failing(world.media.fetch(part["payload"]["url"], room, limit=10_000))
        assert (error.failure.code, error.failure.kind) == ("media.gone", Kind.PERMANENT)
        fresh = (await world.client.message(mid)).message.attachments[0].url
        assert (await world.media.fetch(fresh, room, limit=10_000)).size == 7

    scene()


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault("refuse"), "media.unreachable"),
        (Fault("drop_before"), "media.dropped"),
        (Fault("truncate"), "media.truncated"),
        (Fault("html", status=502), "media.unavailable"),
        (Fault("html", status=403), "media.gone"),
        (Fault("stall_before", seconds=100), "media.timeout"),
    ],
    ids=lambda value: getattr(value, "kind", value),
)
def test_a_bad_line_has_names(room: Room, fault: Fault, code: str) -> None:
    @virtual
    async def scene() -> None:
        world = World()
        part = world.sim.state.attach("file", PICTURE, "a.pdf")
        world.line.add(fault)
        error = await failing(world.media.fetch(part["payload"]["url"], room, limit=10_000))
        assert (error.failure.code, error.failure.scope) == (code, Scope.ITEM)
        assert (await world.media.fetch(part["payload"]["url"], room, limit=10_000)).size

    scene()


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/x",
        "http://i.oneme.ru/x",
        "http://127.0.0.1:22/",
        "https://i.oneme.ru@evil.example/",
        "file:///etc/passwd",
        "",
    ],
)
def test_a_link_to_elsewhere_is_not_followed(room: Room, url: str) -> None:
    @virtual
    async def scene() -> None:
        world = World()
        error = await failing(world.media.fetch(url, room, limit=10_000))
        assert error.failure.code == "media.refused_host"
        assert not world.sim.requests

    scene()


# --- uploads -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "name", "mime"),
    [
        ("image", "снимок.png", "image/png"),
        ("video", "clip.mp4", "video/mp4"),
        ("audio", "song.mp3", "audio/mpeg"),
        ("file", "Счёт № 17.pdf", "application/pdf"),
    ],
)
def test_every_kind_can_be_uploaded_and_sent(
    picture: Path, kind: Family, name: str, mime: str
) -> None:
    @virtual
    async def scene() -> None:
        world = World()
        token = await world.media.upload(kind, picture, name, mime)
        sent = await world.send(kind, token)
        media = world.sim.state.media.find(kind, token)
        assert media is not None
        assert (media.content, media.filename, media.mime) == (PICTURE, name, mime)
        if kind == "file":
            # A name never comes doubled, as report.pdf.pdf does from the library (contract max.md 8).
            assert (sent["filename"], sent["size"]) == (name, len(PICTURE))
        # Trap 6: the CDN must never see the bot's token.
        assert world.sim.leaks == []
        assert [each.status for each in world.sim.requests] == [200, 200, 200]

    scene()


def test_a_fresh_upload_may_not_be_ready(picture: Path) -> None:
    @virtual
    async def scene() -> None:
        world = World()
        world.sim.not_ready_tries = 1
        token = await world.media.upload("file", picture, "a.pdf", "application/pdf")
        error = await failing(world.send("file", token))
        assert (error.failure.code, error.failure.kind) == ("max.not_ready", Kind.TRANSIENT)
        await world.send("file", token)

    scene()


@pytest.mark.parametrize(
    ("kind", "name", "code"),
    [
        ("file", "setup.exe", "max.forbidden_file"),
        ("image", "sticker.webp", "max.forbidden_file"),
        ("video", "notes.txt", "max.forbidden_file"),
    ],
)
def test_forbidden_files_are_final(picture: Path, kind: Family, name: str, code: str) -> None:
    @virtual
    async def scene() -> None:
        world = World()
        error = await failing(world.media.upload(kind, picture, name, "x/y"))
        assert (error.failure.code, error.failure.kind) == (code, Kind.PERMANENT)

    scene()


def test_a_file_too_large_is_final(picture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SIZE_LIMITS, "image", len(PICTURE) - 1)

    @virtual
    async def scene() -> None:
        world = World()
        error = await failing(world.media.upload("image", picture, "a.png", "image/png"))
        assert (error.failure.code, error.failure.kind) == ("max.file_too_large", Kind.PERMANENT)

    scene()


@pytest.mark.parametrize(
    ("fault", "code", "kind"),
    [
        (Fault("refuse", path="/cdn/*"), "max.upload_unreachable", Kind.TRANSIENT),
        (Fault("drop_after", path="/cdn/*"), "max.upload_dropped", Kind.TRANSIENT),
        (Fault("stall_after", path="/cdn/*", seconds=99), "max.upload_timeout", Kind.TRANSIENT),
        (Fault("html", path="/cdn/*", status=502), "max.upload_unavailable", Kind.TRANSIENT),
        (Fault("html", path="/cdn/*", status=429), "max.upload_unavailable", Kind.TRANSIENT),
        # A slot that has expired, or was used: the next try gets another one.
        (Fault("html", path="/cdn/*", status=403), "max.upload_unavailable", Kind.TRANSIENT),
        (Fault("html", path="/cdn/*", status=400), "max.upload_refused", Kind.PERMANENT),
        (Fault("html", path="/cdn/*", status=415), "max.upload_refused", Kind.PERMANENT),
        (Fault("html", path="/cdn/*", status=302), "max.upload_unexpected", Kind.PERMANENT),
        (Fault("empty", path="/cdn/*"), "max.upload_bad_answer", Kind.TRANSIENT),
        (Fault("wrong_type", path="/cdn/*"), "max.upload_bad_answer", Kind.TRANSIENT),
        (Fault("truncate", path="/cdn/*"), "max.upload_bad_answer", Kind.TRANSIENT),
        (Fault("html", path="/cdn/*", status=200), "max.upload_bad_answer", Kind.TRANSIENT),
        (Fault("status", path="/uploads", status=500), "max.server_error", Kind.TRANSIENT),
        (Fault("drop_after", path="/uploads"), "max.dropped", Kind.TRANSIENT),
    ],
    ids=lambda value: f"{value.kind} {value.path} {value.status}"
    if isinstance(value, Fault)
    else str(value),
)  # fmt: skip
def test_uploads_that_fail_have_names_and_can_be_made_again(
    picture: Path, fault: Fault, code: str, kind: Kind
) -> None:
    @virtual
    async def scene() -> None:
        world = World()
        world.line.add(fault)
        error = await failing(world.media.upload("file", picture, "a.pdf", "application/pdf"))
        assert (error.failure.code, error.failure.kind) == (code, kind)
        await world.send(
            "file", await world.media.upload("file", picture, "a.pdf", "application/pdf")
        )

    scene()


def test_a_file_that_cannot_be_read_has_a_named_failure(tmp_path: Path) -> None:
    @virtual
    async def scene() -> None:
        error = await failing(World().media.upload("file", tmp_path / "gone", "a", "x/y"))
        assert error.failure.code == "files.error"

    scene()


class Slots:
    """A MAX that only gives slots, and a CDN that answers what it is told."""

    def __init__(
        self, answer: httpx.Response, url: str = "https://iu.oneme.ru/up", **slot: Any
    ) -> None:
        self.requests: list[httpx.Request] = []
        self._answer = answer
        self._slot = {"url": url, **slot}
        self.media = MaxMedia(
            MaxClient(self, self),
            EgressPolicy(lambda url: url.startswith("https://iu.oneme.ru/")),
            transport=httpx.MockTransport(self._upload),
        )

    async def call(self, *_: Any) -> dict[str, Any]:
        return dict(self._slot)

    async def close(self) -> None:
        """Nothing to close."""

    async def _upload(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        self.requests.append(request)
        return self._answer


def said(body: Any, status: int = 200) -> httpx.Response:
    if isinstance(body, str):
        return httpx.Response(status, text=body)
    return httpx.Response(status, json=body)


@pytest.mark.parametrize(
    ("kind", "slot", "answer", "token"),
    [
        ("file", {}, max_body("upload.2.cdn_response.file"), "EXAMPLE_FILE_TOKEN"),
        ("image", {}, max_body("upload.2.cdn_response.image"), "EXAMPLE_PHOTO_TOKEN"),
        (
            "video",
            {"token": "T"},
            max_body("upload.2.cdn_response.video_or_audio.note")["body"],
            "T",
        ),
        ("audio", {"token": "T"}, '<?xml version="1.0"?>\n<retval> 1 </retval>', "T"),
        # The official clients do not even read it.
        ("video", {"token": "T"}, "", "T"),
    ],
)
async def test_recorded_answers_of_the_cdn(
    picture: Path, kind: Family, slot: dict[str, str], answer: Any, token: str
) -> None:
    world = Slots(said(answer), **slot)
    assert await world.media.upload(kind, picture, "a", "x/y") == token


@pytest.mark.parametrize(
    ("kind", "slot", "answer", "code"),
    [
        ("file", {}, max_body("error.upload_forbidden_extension")["body"], "max.forbidden_file"),
        ("video", {"token": "T"}, {"error_code": "4", "error_data": "FORBIDDEN_EXTENSION"},
         "max.forbidden_file"),
        ("image", {}, {"error_code": 100, "error_msg": "секрет f9LHodD0"}, "max.upload_refused"),
        ("video", {"token": "T"}, {"error_code": "1"}, "max.upload_refused"),
        ("video", {"token": "T"}, "<retval>0</retval>", "max.upload_bad_answer"),
        ("video", {}, "<retval>1</retval>", "max.upload_bad_answer"),
        ("image", {}, {"photos": {}}, "max.upload_bad_answer"),
        ("image", {}, {"photos": {"a": {}}}, "max.upload_bad_answer"),
        ("image", {}, {"photos": {"a": 1}}, "max.upload_bad_answer"),
        ("image", {}, {"photos": [1]}, "max.upload_bad_answer"),
        ("image", {}, {"token": "x"}, "max.upload_bad_answer"),
        ("file", {}, {"token": ""}, "max.upload_bad_answer"),
        ("file", {}, {"token": 5}, "max.upload_bad_answer"),
        ("file", {}, "[" * 50_000, "max.upload_bad_answer"),
        ("file", {}, "x" * 100_000, "max.upload_bad_answer"),
    ],
)  # fmt: skip
async def test_other_answers_of_the_cdn(
    picture: Path, kind: Family, slot: dict[str, str], answer: Any, code: str
) -> None:
    error = await failing(Slots(said(answer), **slot).media.upload(kind, picture, "a", "x/y"))
    assert error.failure.code == code
    assert "f9LHodD0" not in f"{error} {error.failure!r}"


class Endless(httpx.AsyncByteStream):
    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 1000


async def test_an_endless_answer_is_not_read_to_its_end(picture: Path) -> None:
    answer = httpx.Response(200, stream=Endless())
    error = await failing(Slots(answer).media.upload("file", picture, "a", "x/y"))
    assert str(error) == "max.upload_bad_answer (endless)"


class Watched(httpx.AsyncByteStream):
    """A body that knows whether anybody wanted it."""

    read = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        self.read = True
        yield b"x"


async def test_a_compressed_answer_is_not_unpacked(picture: Path) -> None:
    body = Watched()
    answer = httpx.Response(200, headers={"Content-Encoding": "gzip"}, stream=body)
    error = await failing(Slots(answer).media.upload("file", picture, "a", "x/y"))
    assert error.failure.code == "max.upload_bad_answer"
    assert not body.read


@pytest.mark.parametrize(
    "url", ["https://evil.example/up", "http://iu.oneme.ru/up", "https://iu.oneme.ru.evil.ru/"]
)
async def test_a_file_goes_to_no_other_host(picture: Path, url: str) -> None:
    world = Slots(said({"token": "x"}), url)
    error = await failing(world.media.upload("file", picture, "a", "x/y"))
    assert error.failure.code == "max.upload_refused_host"
    assert world.requests == []


async def test_a_slots_link_stands_in_no_error(picture: Path) -> None:
    secret = "sig=f9LHodD0cOI"
    for status in (400, 403, 500):
        world = Slots(said("x", status), f"https://iu.oneme.ru/up?{secret}")
        error = await failing(world.media.upload("file", picture, "a", "x/y"))
        shown = "".join(traceback.format_exception(error))
        assert secret not in f"{shown} {error!r} {error.failure!r}"


async def test_the_form_is_as_browsers_write_it(picture: Path) -> None:
    world = Slots(said({"token": "x"}))
    name = 'Отчёт "май"\r\nX: y.pdf'
    await world.media.upload("file", picture, name, "application/pdf")
    (request,) = world.requests
    head = request.content.split(b"\r\n\r\n")[0].decode()
    assert head.split("\r\n")[1:] == [
        'Content-Disposition: form-data; name="data"; filename="Отчёт %22май%22%0D%0AX: y.pdf"',
        "Content-Type: application/pdf",
    ]
    assert int(request.headers["Content-Length"]) == len(request.content)
    assert not {"authorization", "cookie"} & set(request.headers)


@pytest.mark.parametrize("mime", ["", "x", "a/b\r\nX: y", "картинка/png", "text/html; charset=x"])
async def test_a_type_that_is_none_is_not_passed_on(picture: Path, mime: str) -> None:
    world = Slots(said({"token": "x"}))
    await world.media.upload("file", picture, "a", mime)
    assert b"Content-Type: application/octet-stream\r\n\r\n" in world.requests[0].content


@given(texts)
@law
def test_any_name_is_one_name_in_the_form(name: str) -> None:
    async def scene() -> bytes:
        world = Slots(said({"token": "x"}))
        await world.media.upload("file", Path(__file__), proper_name(name, PDF), "x/y")
        return world.requests[0].content

    head = asyncio.run(scene()).split(b"\r\n\r\n")[0].decode()
    (found,) = re.findall(r'filename="([^"]*)"', head)
    assert found == proper_name(name, PDF)
    assert head.count("\r\n") == 2


# --- over the wire -------------------------------------------------------------------------------------


@asynccontextmanager
async def served() -> AsyncIterator[tuple[MaxSim, MaxMedia]]:
    sim = MaxSim(now=time.time)
    transport = SimTransport(sim, 45.0, sim.token)
    async with serve(sim) as url:
        media = MaxMedia(MaxClient(transport, transport), media_egress(MaxSettings(api_url=url)))
        try:
            yield sim, media
        finally:
            await media.close()


async def test_a_file_goes_there_and_back_over_real_sockets(room: Room, picture: Path) -> None:
    async with served() as (sim, media):
        token = await media.upload("file", picture, "Счёт.pdf", "application/pdf")
        held = sim.state.media.find("file", token)
        assert held is not None
        file = await media.fetch(sim.state.media.link(held), room, limit=10_000)
        assert file.path.read_bytes() == PICTURE
        assert sim.leaks == []


async def upload_to(answer: Answer, picture: Path) -> str:
    """Upload to a server; the token, or the failure's code."""
    async with answering(answer) as url:

        class Api:
            async def call(self, *_: Any) -> dict[str, Any]:
                return {"url": f"{url}/up"}

            async def close(self) -> None:
                """Nothing to close."""

        media = MaxMedia(MaxClient(Api(), Api()), EgressPolicy(lambda _: True))
        try:
            return await media.upload("file", picture, "a.pdf", "application/pdf")
        except ApiError as error:
            return error.failure.code
        finally:
            await media.close()


async def test_a_server_that_refuses_before_it_has_read_everything_is_understood(
    tmp_path: Path,
) -> None:
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(30_000_000)

    async def too_large(peer: Peer) -> None:
        await peer.answer(b"", "413 Request Entity Too Large")
        while await peer.reader.read(1 << 16):
            pass  # a server that closed now would break the connection before its answer is read

    assert await upload_to(too_large, large) == "max.file_too_large"


async def test_what_arrives_is_what_was_sent(picture: Path) -> None:
    bodies: list[bytes] = []

    async def answer(peer: Peer) -> None:
        bodies.append(await peer.reader.readexactly(int(peer.header("content-length") or "")))
        await peer.answer(json.dumps({"token": "T"}))

    assert await upload_to(answer, picture) == "T"
    assert PICTURE in bodies[0]


# --- certificates --------------------------------------------------------------------------------------


def test_the_russian_roots_are_where_we_look_for_them() -> None:
    # A newer maxapi may keep them elsewhere: then this is where to say so.
    assert russian_roots().is_file()
    assert russian_roots().read_text().count("BEGIN CERTIFICATE") >= 2


def test_the_cdn_is_believed_by_more_than_the_desk() -> None:
    names = [
        {part[0][1] for part in each["subject"]} for each in trusted(russian_roots()).get_ca_certs()
    ]
    assert {"Russian Trusted Root CA"} & set().union(*names)
    plain = [{part[0][1] for part in each["subject"]} for each in trusted().get_ca_certs()]
    assert "Russian Trusted Root CA" not in set().union(*plain)


class Sipping(httpx.AsyncBaseTransport):
    """A storage that reads an upload slowly, and answers when it has read it."""

    def __init__(self, rate: float) -> None:
        self._rate = rate

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        assert isinstance(request.stream, httpx.AsyncByteStream)
        async for piece in request.stream:
            await asyncio.sleep(len(piece) / self._rate)
        return httpx.Response(200, json={"token": "t"})


@pytest.mark.parametrize(("rate", "arrives"), [(3000.0, False), (20_000.0, True)])
def test_an_upload_that_is_read_drop_by_drop_is_given_up(
    tmp_path: Path, rate: float, arrives: bool
) -> None:
    @virtual
    async def scene() -> None:
        path = tmp_path / "large"
        path.write_bytes(bytes(3_000_000))
        slots = Slots(httpx.Response(200))
        media = MaxMedia(
            MaxClient(slots, slots), EgressPolicy(lambda _: True), transport=Sipping(rate)
        )
        clock = asyncio.get_running_loop().time
        if arrives:
            assert await media.upload("file", path, "a.bin", "application/x") == "t"
            assert clock() > 100.0
            return
        for _ in range(2):
            error = await failing(media.upload("file", path, "a.bin", "application/x"))
            assert str(error.failure) == "max.upload_timeout (too slow)"
        assert clock() <= 120.0  # two windows each, for a piece is counted when it is taken
        (trouble,) = media.hosts.troubles()
        assert (trouble.host, trouble.way) == ("iu.oneme.ru", "uploads")

    scene()
