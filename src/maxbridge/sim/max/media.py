"""MAX's files: upload slots, tokens, the CDN's answers, and links that expire."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from email.message import Message as Headers
from itertools import count
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

from maxbridge.sim.max.errors import ApiError, bad, not_allowed, not_found, not_ready
from maxbridge.sim.wire import Now, Request, Response

KINDS = ("image", "video", "audio", "file")
LINK_DAYS = 30  # contract max.md 4, media URLs
MIB = 1 << 20
SIZE_LIMITS = {"image": 50 * MIB, "video": 250 * MIB, "audio": 256 * MIB, "file": 4096 * MIB}
IMAGE_EXTENSIONS = frozenset({"jpg", "jpeg", "png", "gif", "tiff", "tif", "bmp", "heic"})
VIDEO_EXTENSIONS = frozenset({"mp4", "mov", "mkv", "webm"})
FORBIDDEN = {
    "error_code": "4",
    "error_data": "FORBIDDEN_EXTENSION",
    "error_msg": "File extension is forbidden",
}
_UNQUOTED = re.compile(rb'\b(name|filename)="((?:[^"\\]|\\.)*)"')
_EXTENDED = re.compile(rb"\bfilename\*=(?:utf-8|UTF-8)''([^\s;]+)")


@dataclass(slots=True)
class Media:
    """One file that MAX holds, or a slot for one that is still to come."""

    kind: str
    number: int
    token: str
    content: bytes | None = None
    filename: str = ""
    mime: str = "application/octet-stream"
    slot_used: bool = False
    tries: int = field(default=0)


class Part(NamedTuple):
    """The one part of an upload."""

    name: str
    filename: str
    mime: str
    content: bytes


class MediaStore:
    """All files by token and the CDN in front of them (contract max.md 7).

    Attributes:
        base_url: Where the simulator is served; part of every link.
        not_ready_tries: How many sends of a fresh video, audio or file are refused with
            ``attachment.not.ready``.
        forbidden: Extensions that uploads refuse; MAX does not publish its list.
    """

    def __init__(self, now: Now) -> None:
        self.base_url = "http://127.0.0.1"
        self.not_ready_tries = 0
        self.forbidden = {"exe", "bat", "cmd", "com", "msi", "scr", "apk"}
        self._now = now
        self._numbers = count(30_310_001)
        self._by_token: dict[str, Media] = {}
        self._slots: dict[str, Media] = {}

    def open_slot(self, kind: str) -> dict[str, str]:
        """Answer ``POST /uploads``: one link for one file; a token only for video and audio."""
        media = self._new(kind)
        self._slots[str(media.number)] = media
        answer = {"url": f"{self.base_url}/cdn/upload?id={media.number}"}
        if kind in ("video", "audio"):
            answer["token"] = media.token
        return answer

    def add(self, kind: str, content: bytes, filename: str, mime: str = "") -> Media:
        """Hold a file that a customer attached."""
        media = self._new(kind)
        media.content, media.filename, media.mime = content, filename, mime or media.mime
        media.slot_used = True
        media.tries = self.not_ready_tries  # it was delivered, so it is ready
        return media

    def contents(self) -> dict[str, bytes]:
        """Give what each token stands for, for assertions; no entry for a slot that is empty."""
        return {
            token: media.content
            for token, media in self._by_token.items()
            if media.content is not None
        }

    def learn(self, attachments: Iterable[Any]) -> None:
        """Take tokens of attachments that were made elsewhere; MAX lets bots reuse them."""
        for one in attachments:
            payload = one.get("payload") if isinstance(one, dict) else None
            token = payload.get("token") if isinstance(payload, dict) else None
            kind = one.get("type") if isinstance(one, dict) else None
            if isinstance(token, str) and kind in KINDS and token not in self._by_token:
                media = self.add(kind, b"", str(one.get("filename", "")))
                media.token = token
                self._by_token[token] = media

    def find(self, kind: str, token: str) -> Media | None:
        """Look a token up; a token of another kind is unknown."""
        media = self._by_token.get(token)
        return media if media is not None and media.kind == kind else None

    def take(self, kind: str, token: str) -> dict[str, Any]:
        """Use a token in a send; raises ApiError where MAX refuses it (contract max.md 5.3)."""
        media = self.find(kind, token)
        if media is None:
            name = "movie" if kind == "video" else kind
            raise bad(f"Key: errors.process.attachment.{name}.not.owner")
        if media.content is None:
            raise not_ready(kind)
        if kind != "image" and media.tries < self.not_ready_tries:
            media.tries += 1
            raise not_ready(kind)
        return self.attachment(media)

    def attachment(self, media: Media) -> dict[str, Any]:
        """Describe a file the way messages carry it (contract max.md 4)."""
        url = self.link(media)
        if media.kind == "image":
            payload: dict[str, Any] = {"photo_id": media.number, "token": media.token, "url": url}
            return {"payload": payload, "type": "image"}
        if media.kind == "file":
            payload = {"fileId": media.number, "token": media.token, "url": url}
            size = len(media.content or b"")
            return {"payload": payload, "filename": media.filename, "size": size, "type": "file"}
        payload = {"id": media.number, "token": media.token, "url": url}
        if media.kind == "audio":
            return {"payload": payload, "type": "audio"}
        return {"payload": payload, "thumbnail": self._thumbnail(media), **_FRAME, "type": "video"}

    def link(self, media: Media) -> str:
        """Make a signed link to the content, good for 30 days."""
        expires = int((self._now() + LINK_DAYS * 86400) * 1000)
        return f"{self.base_url}/cdn/get?expires={expires}&token={quote(media.token)}"

    def renewed(self, message: dict[str, Any]) -> dict[str, Any]:
        """Give a message with links that are good from now on, its forwarded one too."""
        fresh = copy.deepcopy(message)
        linked = (fresh.get("link") or {}).get("message") or {}
        for body in (fresh.get("body") or {}, linked):
            for one in body.get("attachments", ()):
                payload = one.get("payload", {})
                media = self._by_token.get(payload.get("token", ""))
                if media is not None and media.content is not None and "url" in payload:
                    payload["url"] = self.link(media)
        return fresh

    def video(self, token: str) -> dict[str, Any]:
        """Answer ``GET /videos/{token}``; ``urls`` is null while the video is not ready."""
        media = self.find("video", token)
        if media is None:
            raise not_found("Video")
        urls = None
        if media.content is not None and media.tries >= self.not_ready_tries:
            urls = {"mp4_720": self.link(media), "mp4_360": self.link(media)}
        return {"token": token, "urls": urls, "thumbnail": self._thumbnail(media), **_FRAME}

    def serve(self, request: Request) -> Response:
        """Answer for the CDN, which is another host and knows no bot token."""
        if request.path == "/cdn/upload":
            if request.method != "POST":
                raise not_allowed()
            return self._upload(request)
        if request.path == "/cdn/get" and request.method == "GET":
            return self._download(request)
        raise not_found("File")

    def _upload(self, request: Request) -> Response:
        media = self._slots.get(request.query.get("id", ""))
        if media is None or media.slot_used:
            raise bad("One file per URL")
        part = _only_part(request)
        extension = part.filename.rpartition(".")[2].lower()
        if extension in self.forbidden or not _fits(media.kind, extension):
            return Response.json(200, FORBIDDEN)
        if len(part.content) > SIZE_LIMITS[media.kind]:
            raise ApiError(413, "payload.too.large", "File is too large")
        media.slot_used = True
        media.content, media.filename, media.mime = part.content, part.filename, part.mime
        if media.kind == "file":
            return Response.json(200, {"fileId": media.number, "token": media.token})
        if media.kind == "image":
            photos = {f"photo{media.number}==": {"token": media.token}}
            return Response.json(200, {"photos": photos})
        return Response(200, b"<retval>1</retval>", {"content-type": "text/xml"})

    def _download(self, request: Request) -> Response:
        media = self._by_token.get(request.query.get("token", ""))
        expires = request.query.get("expires", "")
        if media is None or media.content is None or not expires.isdecimal():
            raise not_found("File")
        if int(expires) < self._now() * 1000:
            raise ApiError(403, "link.expired", "Link has expired")
        length = str(len(media.content))
        return Response(200, media.content, {"content-type": media.mime, "content-length": length})

    def _thumbnail(self, media: Media) -> dict[str, str]:
        return {"url": f"{self.base_url}/cdn/preview?id={media.number}"}

    def _new(self, kind: str) -> Media:
        number = next(self._numbers)
        media = Media(kind, number, f"{kind}-{number}-token")
        self._by_token[media.token] = media
        return media


_FRAME = {"width": 1280, "height": 720, "duration": 14}


def _fits(kind: str, extension: str) -> bool:
    """Tell whether MAX takes this extension as this kind (contract max.md 7)."""
    if kind == "image":
        return extension in IMAGE_EXTENSIONS
    return kind != "video" or extension in VIDEO_EXTENSIONS


def _only_part(request: Request) -> Part:
    """Read a multipart body; uploads have exactly one part, named ``data`` (contract max.md 7)."""
    headers = Headers()
    headers["content-type"] = request.headers.get("content-type", "")
    boundary = headers.get_param("boundary")
    if headers.get_content_type() != "multipart/form-data" or not isinstance(boundary, str):
        raise bad("multipart/form-data expected")
    pieces = (b"\r\n" + request.body).split(b"\r\n--" + boundary.encode())
    # Before the first boundary is nothing, after the last only the closing dashes.
    parts = [_part(piece) for piece in pieces[1:-1]]
    if len(parts) != 1 or parts[0].name != "data":
        raise bad("exactly one part with the name data expected")
    return parts[0]


def _part(piece: bytes) -> Part:
    head, _, content = piece.partition(b"\r\n\r\n")
    names = {key.decode(): value.decode(errors="replace") for key, value in _UNQUOTED.findall(head)}
    extended = _EXTENDED.search(head)
    filename = (
        unquote(extended[1].decode(errors="replace")) if extended else names.get("filename", "")
    )
    mime = re.search(rb"(?i)content-type:\s*([^\r\n;]+)", head)
    kind = mime[1].decode(errors="replace") if mime else "application/octet-stream"
    return Part(names.get("name", ""), filename, kind, content)
