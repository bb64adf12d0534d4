"""Files in the simulated MAX: the three steps of an upload, what sends refuse, links to content."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from max_world import CHAT, USER, World, sample
from maxbridge.sim.wire import Request, Response
from virtual_time import virtual

PICTURE = bytes(range(256)) + b"\r\n--not-the-boundary\r\n"
HEADERS = {"content-type": "multipart/form-data; boundary=frontier"}


def refused(name: str) -> tuple[int, Any]:
    data = sample(f"error.{name}")
    return data["status"], data["body"]


def multipart(content: bytes, filename: str, name: str = "data") -> bytes:
    head = f'Content-Disposition: form-data; name="{name}"; {filename}\r\nContent-Type: image/png'
    return b"--frontier\r\n" + head.encode() + b"\r\n\r\n" + content + b"\r\n--frontier--\r\n"


async def fetch(
    world: World, url: str, method: str = "GET", body: bytes = b"", **headers: str
) -> Response:
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    return await world.sim.handle(Request(method, parts.path, query, {**HEADERS, **headers}, body))


async def upload(world: World, kind: str, filename: str, content: bytes = PICTURE) -> str:
    """Go through the first two steps; gives the token."""
    _, slot = await world.call("POST", "/uploads", None, {"type": kind})
    body = multipart(content, f'filename="{filename}"')
    answer = await fetch(world, slot["url"], "POST", body)
    assert answer.status == 200
    if kind in ("video", "audio"):
        assert answer.body.decode() == sample("upload.2.cdn_response.video_or_audio.note")["body"]
        token: str = slot["token"]
        return token
    data = json.loads(answer.body)
    if kind == "image":
        return next(str(photo["token"]) for photo in data["photos"].values())
    return str(data["token"])


async def opened() -> World:
    world = World()
    world.state.start(USER)
    return world


@pytest.mark.parametrize(
    ("kind", "filename"),
    [("image", "a.png"), ("video", "a.mp4"), ("audio", "a.mp3"), ("file", "Счёт № 17.pdf")],
)
@virtual
async def test_an_upload_can_be_sent_and_downloaded(kind: str, filename: str) -> None:
    world = await opened()
    token = await upload(world, kind, filename)
    part = {"type": kind, "payload": {"token": token}}
    status, data = await world.send({"text": None, "attachments": [part]})
    assert status == 200, data
    attachment = data["message"]["body"]["attachments"][0]
    recorded = sample(f"attachment.{kind}")
    assert set(attachment) == set(recorded)
    assert set(attachment["payload"]) == set(recorded["payload"])
    answer = await fetch(world, attachment["payload"]["url"])
    assert (answer.status, answer.body) == (200, PICTURE)
    assert world.sim.leaks == []


@virtual
async def test_a_file_keeps_its_name() -> None:
    world = await opened()
    _, slot = await world.call("POST", "/uploads", None, {"type": "file"})
    name = "filename=\"x\"; filename*=utf-8''%D0%A1%D1%87%D1%91%D1%82.pdf"
    answer = await fetch(world, slot["url"], "POST", multipart(b"12345", name))
    part = {"type": "file", "payload": json.loads(answer.body)}
    _, data = await world.send({"attachments": [part]})
    attachment = data["message"]["body"]["attachments"][0]
    assert (attachment["filename"], attachment["size"]) == ("Счёт.pdf", 5)


@virtual
async def test_a_link_takes_one_file() -> None:
    world = await opened()
    _, slot = await world.call("POST", "/uploads", None, {"type": "image"})
    body = multipart(PICTURE, 'filename="a.png"')
    assert (await fetch(world, slot["url"], "POST", body)).status == 200
    assert (await fetch(world, slot["url"], "POST", body)).status == 400


@pytest.mark.parametrize(
    ("kind", "filename"), [("file", "a.exe"), ("image", "a.webp"), ("video", "a.txt")]
)
@virtual
async def test_forbidden_extensions_are_refused(kind: str, filename: str) -> None:
    world = await opened()
    _, slot = await world.call("POST", "/uploads", None, {"type": kind})
    body = multipart(PICTURE, f'filename="{filename}"')
    answer = await fetch(world, slot["url"], "POST", body)
    assert (answer.status, json.loads(answer.body)) == refused("upload_forbidden_extension")


@pytest.mark.parametrize(
    "body", [b"", b"raw", multipart(b"a", 'filename="a.png"', name="file"), b"--frontier--"]
)
@virtual
async def test_a_wrong_upload_is_refused(body: bytes) -> None:
    world = await opened()
    _, slot = await world.call("POST", "/uploads", None, {"type": "image"})
    assert (await fetch(world, slot["url"], "POST", body)).status == 400
    plain = await fetch(world, slot["url"], "POST", body, **{"content-type": "image/png"})
    assert plain.status == 400


@virtual
async def test_unknown_kinds_and_addresses_are_refused() -> None:
    world = await opened()
    assert (await world.call("POST", "/uploads", None, {"type": "photo"}))[0] == 400
    assert (await world.call("POST", "/uploads"))[0] == 400
    assert (await fetch(world, "http://a/cdn/upload?id=1", "POST")).status == 400
    assert (await fetch(world, "http://a/cdn/upload?id=1")).status == 405
    assert (await fetch(world, "http://a/cdn/get?token=x&expires=1")).status == 404
    assert (await fetch(world, "http://a/cdn/other")).status == 404


@virtual
async def test_the_token_at_the_cdn_is_a_leak() -> None:
    world = await opened()
    _, slot = await world.call("POST", "/uploads", None, {"type": "image"})
    await fetch(world, slot["url"], "POST", b"", authorization=world.sim.token)
    await fetch(world, f"http://a/cdn/get?key={world.sim.token}")
    await fetch(world, slot["url"], "POST", f"in the body: {world.sim.token}".encode())
    assert world.sim.leaks == [
        ("POST", "/cdn/upload"),
        ("GET", "/cdn/get"),
        ("POST", "/cdn/upload"),
    ]


# --- tokens in sends ---


@virtual
async def test_a_fresh_upload_is_not_ready_for_a_while() -> None:
    world = await opened()
    world.sim.not_ready_tries = 2
    body = {
        "attachments": [
            {"type": "file", "payload": {"token": await upload(world, "file", "a.pdf")}}
        ]
    }
    not_ready = refused("400.attachment_not_ready")
    assert [await world.send(body) for _ in range(2)] == [not_ready, not_ready]
    assert (await world.send(body))[0] == 200
    assert (await world.send(body))[0] == 200  # tokens can be used again


@virtual
async def test_a_video_without_content_is_never_ready() -> None:
    world = await opened()
    _, slot = await world.call("POST", "/uploads", None, {"type": "video"})
    body = {"attachments": [{"type": "video", "payload": {"token": slot["token"]}}]}
    assert await world.send(body) == refused("400.video_not_processed")
    _, video = await world.get(f"/videos/{slot['token']}")
    assert video["urls"] is None


@virtual
async def test_tokens_must_be_known_and_of_their_kind() -> None:
    world = await opened()
    unknown = {"attachments": [{"type": "video", "payload": {"token": "x"}}]}
    assert await world.send(unknown) == refused("400.movie_not_owner")
    missing = {"attachments": [{"type": "video", "payload": {}}]}
    assert await world.send(missing) == refused("400.missing_token")
    token = await upload(world, "file", "a.pdf")
    assert (await world.send({"attachments": [{"type": "image", "payload": {"token": token}}]}))[
        0
    ] == 400


@virtual
async def test_some_attachments_must_be_alone_and_twelve_is_the_limit() -> None:
    world = await opened()
    image = {"type": "image", "payload": {"token": await upload(world, "image", "a.png")}}
    file = {"type": "file", "payload": {"token": await upload(world, "file", "a.pdf")}}
    assert (await world.send({"attachments": [image] * 12}))[0] == 200
    assert (await world.send({"attachments": [image] * 13}))[0] == 400
    assert (await world.send({"attachments": [image, file]}))[0] == 400
    assert (await world.send({"text": "подпись", "attachments": [file]}))[0] == 200


@pytest.mark.parametrize(
    ("part", "status"),
    [
        ({"type": "image", "payload": {"url": "https://example.com/a.png"}}, 200),
        ({"type": "image", "payload": {"url": "http://localhost/a.png"}}, 400),
        ({"type": "image", "payload": {}}, 400),
        ({"type": "image", "payload": {"url": "https://example.com/a.png", "token": "x"}}, 400),
        ({"type": "image", "payload": {"photos": {}}}, 400),
        ({"type": "image"}, 400),
        ({"type": "sticker", "payload": {"code": "429b5"}}, 200),
        ({"type": "contact", "payload": {"name": "Марина"}}, 200),
        ({"type": "contact", "payload": {}}, 400),
        ({"type": "location", "latitude": 55.75, "longitude": 37.61}, 200),
        ({"type": "location", "latitude": "55"}, 400),
        ({"type": "share", "payload": {"url": "https://example.com"}}, 200),
        ({"type": "share", "payload": {}}, 400),
    ],
)
@virtual
async def test_attachments_without_upload(part: Any, status: int) -> None:
    world = await opened()
    assert (await world.send({"attachments": [part]}))[0] == status
    assert len(world.state.sent(CHAT)) == (status == 200)


# --- what customers send ---


@virtual
async def test_a_customers_file_can_be_downloaded_until_its_link_expires() -> None:
    world = await opened()
    part = world.state.attach("file", b"content", "a.pdf", "application/pdf")
    world.state.say(USER, attachments=[part])
    event = (await world.events())[-1]
    url = event["message"]["body"]["attachments"][0]["payload"]["url"]
    answer = await fetch(world, url)
    assert (answer.body, answer.headers["content-type"]) == (b"content", "application/pdf")
    world.clock.skew = 31 * 86_400
    assert (await fetch(world, url)).status == 403


@virtual
async def test_a_message_asked_for_again_has_fresh_links() -> None:
    world = await opened()
    part = world.state.attach("file", b"content", "a.pdf", "application/pdf")
    mid = world.state.say(USER, attachments=[part])
    forward = world.state.say(USER, None, link={"type": "forward", "mid": mid})
    world.clock.skew = 31 * 86_400
    for asked, place in ((mid, ("body",)), (forward, ("link", "message"))):
        _, found = await world.get(f"/messages/{asked}")
        for member in place:
            found = found[member]
        url = found["attachments"][0]["payload"]["url"]
        assert (await fetch(world, url)).body == b"content"
    assert (await fetch(world, part["payload"]["url"])).status == 403


@virtual
async def test_a_customers_token_can_be_used_again() -> None:
    world = await opened()
    world.state.say(USER, attachments=[sample("attachment.image")])
    part = {"type": "image", "payload": {"token": "EXAMPLE_PHOTO_TOKEN"}}
    assert (await world.send({"attachments": [part]}))[0] == 200


@virtual
async def test_a_videos_links_are_asked_for_apart() -> None:
    world = await opened()
    part = world.state.attach("video", b"film", "a.mp4", "video/mp4")
    _, video = await world.get(f"/videos/{part['payload']['token']}")
    assert set(video) == set(sample("response.get_video"))
    assert (await fetch(world, video["urls"]["mp4_720"])).body == b"film"
    assert (await world.get("/videos/unknown"))[0] == 404


@virtual
async def test_a_contact_is_signed_with_the_bots_token() -> None:
    world = await opened()
    payload = world.state.contact(USER, "79990000017")["payload"]
    key, card = world.sim.token.encode(), payload["vcf_info"].encode()
    assert payload["hash"] == hmac.new(key, card, hashlib.sha256).hexdigest()
    assert "TEL;TYPE=cell:79990000017" in payload["vcf_info"]
