"""One exchange with FreeScout's REST API over httpx: a request body with files in base64, an answer or a failure.

Every answer's ``Date`` header updates :class:`DeskClock`: the undo window and the polling position
are judged by the desk's own time, never by ours (contract freescout.md 7).

FreeScout accepts files only in base64 (``fileUrl`` refuses private addresses and ports: contract
freescout.md 5). They are encoded while being sent, because a small machine has no memory for a
whole file, one third larger, per worker.
"""

from __future__ import annotations

import asyncio
import base64
import errno
import json
import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import httpx

from maxbridge import __version__
from maxbridge.beside import beside_answer, read_json
from maxbridge.core.errors import ApiError
from maxbridge.files.failures import disk_error
from maxbridge.freescout.failures import bad_answer, classify_answer, classify_error, timed_out
from maxbridge.freescout.parse import parse_date_header

_WHOLE_CALL = 60.0
_SLOWEST = 50_000
"""Bytes a second that a body with files may take beyond that."""
LARGEST_ANSWER = 64 << 20
"""Bytes; a ticket of 500 long threads has some 5 MB."""
_PACKING = (b"content-encoding", b"content-length", b"transfer-encoding")
_DROPPED = "desk.dropped"
_AGAIN_AFTER = 0.2
"""Seconds until a reading is repeated whose connection broke."""
_TIMEOUT = httpx.Timeout(30.0, connect=10.0)


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful answer.

    Attributes:
        data: The JSON.
        desk_time: A moment of the desk's clock not later than its reading of the database.
        size: Its size in bytes.
    """

    data: Any
    desk_time: float
    size: int = 0


def longest_call(length: int) -> float:
    """Return the seconds after which a call is given up.

    Args:
        length: Bytes of its body.
    """
    return _WHOLE_CALL + length / _SLOWEST


class Exchange:
    """One connection pool to one FreeScout."""

    def __init__(
        self,
        url: str,
        api_key: str,
        *,
        now: Callable[[], float],
        transport: httpx.AsyncBaseTransport,
    ) -> None:
        """Create it; nothing is called yet. The arguments are those of :class:`FreeScoutClient`."""
        self._now = now
        self.told: Callable[[str], None] = lambda _outcome: None
        """Called after each call with ``ok`` or the code of its failure."""
        self.clock = DeskClock(now)
        self._api = str(httpx.URL(url.rstrip("/") + "/api/"))
        # Without httpx's client around it, which takes a fifth of the CPU time of a call. What it could do is not
        # wanted: a redirect would carry the key to wherever it points, and a proxy for MAX is not for the desk.
        self._transport = transport
        self._headers = {
            "X-FreeScout-API-Key": api_key,
            "Accept": "application/json",
            "Accept-Encoding": "gzip, deflate",
            "User-Agent": f"maxbridge/{__version__}",
        }

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.aclose()

    async def get(self, path: str, *, params: Mapping[str, str] | None = None) -> Answer:
        """Make a reading; repeated once if the connection broke.

        Web servers close idle connections just when they are used again; a reading may be repeated.
        """
        # Not by tenacity: it takes 18 µs of each reading, whether anything broke or not.
        try:
            return await self.call("GET", path, params=params)
        except ApiError as error:
            if error.failure.code != _DROPPED:
                raise
        await asyncio.sleep(_AGAIN_AFTER)
        return await self.call("GET", path, params=params)

    async def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Answer:
        """Make one request.

        Raises:
            ApiError: The classified failure.
        """
        try:
            answer = await self._call(method, path, params=params, body=body)
        except ApiError as error:
            self.told(error.failure.code)
            raise
        self.told("ok")
        return answer

    async def _call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None,
        body: Mapping[str, Any] | None,
    ) -> Answer:
        asked_at = self._now()
        content, headers, seconds = None, {}, _WHOLE_CALL
        if body is not None:
            written = Body(body)
            content, seconds = written.content, longest_call(written.length)
            headers = {"Content-Type": "application/json", "Content-Length": str(written.length)}
        try:
            # httpx's own timeouts are for each read: an answer that trickles in would never end.
            async with asyncio.timeout(seconds):
                response, text = await self._whole(
                    httpx.Request(
                        method,
                        self._address(path, params),
                        headers=self._headers | headers,
                        content=content,
                        extensions={"timeout": _TIMEOUT.as_dict()},
                    )
                )
        except TimeoutError:
            raise ApiError(timed_out()) from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            # Not `from error`: its request carries the key in a header.
            raise ApiError(classify_error(error)) from None
        except OSError as error:
            # A file of the body cannot be read. The desk has half a body, which it does not take.
            raise disk_error(error) from None
        desk_time = self.learn_time(response, asked_at)
        if not response.is_success:
            raise ApiError(classify_answer(_with(response, text)))
        if response.status_code == httpx.codes.NO_CONTENT:
            return Answer(None, desk_time)
        try:
            data = await beside_answer(len(text), read_json, text)
        except (ValueError, RecursionError):
            kind = response.headers.get("content-type", "no content type")[:40]
            raise ApiError(bad_answer(f"HTTP {response.status_code}, {kind}")) from None
        return Answer(data, desk_time, len(text))

    def _address(self, path: str, params: Mapping[str, str] | None) -> httpx.URL:
        """Return a call's URL, parsed once: httpx parses a base, a path and parameters three more times."""
        return httpx.URL(self._api + path + (f"?{urlencode(params)}" if params else ""))

    async def _whole(self, request: httpx.Request) -> tuple[httpx.Response, bytes]:
        """Return the answer and its body, decompressed and limited in size.

        A gigabyte from whatever is at the desk's address must not fill our memory.
        """
        response = await self._transport.handle_async_request(request)
        body = bytearray()
        try:
            async for piece in response.aiter_bytes():
                body += piece
                if len(body) > LARGEST_ANSWER:
                    raise ApiError(bad_answer(f"more than {LARGEST_ANSWER >> 20} MiB"))
        finally:
            await response.aclose()
        return response, bytes(body)

    def learn_time(self, response: httpx.Response, asked_at: float) -> float:
        """Return the desk's time of this answer.

        The desk writes the header when it has finished, but read its database earlier; subtracting
        the duration of the exchange makes the time not later than the reading. It is computed from
        the header itself, not from the more exact clock: what is written after the reading, in the
        same second, must not get an earlier time.
        """
        took = max(0.0, self._now() - asked_at)
        date = parse_date_header(response.headers.get("date"))
        if date is None:
            return self.clock.now() - took
        self.clock.heard(date, asked_at)
        return date - took


def _with(response: httpx.Response, text: bytes) -> httpx.Response:
    """Return an answer with its body, decompressed."""
    # As they came: a proxy may write any bytes into its own, and as text httpx takes ASCII only.
    headers = [each for each in response.headers.raw if each[0].lower() not in _PACKING]
    return httpx.Response(response.status_code, headers=headers, content=text)


# --- bodies: JSON in which files stand as base64, made while it is sent ----------------------------


ROOM_FOR_WORDS: Final = 256 << 10
"""Bytes of a request that are kept for everything but its files: text, markup, names."""
_PIECE = 3 << 14  # base64 turns three bytes into four: pieces of thirds can simply be joined


@dataclass(frozen=True, slots=True)
class DiskFile:
    """A file to attach; an item of the list ``attachments`` of a body.

    Attributes:
        path: Its path; the file must not change until the call has ended.
        name: Its name for the agent; FreeScout changes spaces and unusual characters to ``_``.
        mime: Its type; FreeScout believes it.
        size: Bytes. FreeScout silently drops an empty file, and one whose content is the single
            digit 0.
    """

    path: Path
    name: str
    mime: str
    size: int


def encoded_size(size: int) -> int:
    """Return the bytes of a file in base64."""
    return 4 * ((size + 2) // 3)


def fits(sizes: Iterable[int], limit: int) -> bool:
    """Whether the files fit into one request.

    Args:
        sizes: Bytes of each.
        limit: Bytes of the whole request: PHP's ``post_max_size``, 8 MB by default.
    """
    return sum(encoded_size(size) for size in sizes) <= limit - ROOM_FOR_WORDS


def largest(limit: int) -> int:
    """Return the bytes of the largest file that fits into a request alone."""
    return max(0, (limit - ROOM_FOR_WORDS) // 4 * 3)


class Body:
    """A request body, usable once: JSON with the files' contents still on the disk.

    Attributes:
        length: Exact bytes: nginx and PHP judge a request by its Content-Length.
    """

    def __init__(self, data: Mapping[str, Any]) -> None:
        """Write the JSON; the files are read when it is sent.

        Args:
            data: The body; :class:`DiskFile` may stand anywhere in it.
        """
        self._files: list[DiskFile] = []
        self._mark = ""
        text = json.dumps(data, ensure_ascii=False, default=self._as_json)
        pieces = text.split(self._mark) if self._files else [text]
        self._pieces = [each.encode("utf-8", "replace") for each in pieces]
        words = sum(len(each) for each in self._pieces)
        self.length = words + sum(encoded_size(each.size) for each in self._files)

    def _as_json(self, value: Any) -> dict[str, str]:
        if not isinstance(value, DiskFile):
            raise TypeError(f"{type(value).__name__} is not for JSON")
        # Stands where a file's content will stand; nobody can have written it.
        self._mark = self._mark or uuid.uuid4().hex
        self._files.append(value)
        return {"fileName": value.name, "mimeType": value.mime, "data": self._mark}

    @property
    def content(self) -> bytes | Body:
        """Return what httpx sends: plain bytes if there are no files."""
        return self if self._files else self._pieces[0]

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the bytes of the body.

        Raises:
            OSError: A file cannot be read, or its length has changed.
        """
        yield self._pieces[0]
        for file, words in zip(self._files, self._pieces[1:], strict=True):
            left = file.size
            with file.path.open("rb") as content:
                while left > 0:
                    piece = content.read(min(_PIECE, left))
                    if not piece:
                        raise OSError(errno.EIO, "the file is shorter than it was")
                    left -= len(piece)
                    yield base64.b64encode(piece)
            yield words


# --- the desk's own time ---------------------------------------------------------------------------


SKEW_TOLD = 30.0
"""Seconds by which the clocks may differ before an administrator is told."""
_DRIFT = 0.0005
"""Seconds a second by which two clocks may move apart: so fast a kernel slews one that is wrong (adjtime(3))."""


class DeskClock:
    """The desk's time as an offset to ours: the smallest one that agrees with the answers so far.

    A ``Date`` header has whole seconds, so one answer gives the offset only to a second plus its
    own duration. An answer right after the turn of a second gives it to some hundredths.

    Attributes:
        zone: Time zone in which agents read times; None while unknown.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._offset: float | None = None
        self._heard_at = 0.0
        self.zone: tzinfo | None = None

    def use_zone(self, name: str) -> bool:
        """Set the zone by name, such as ``Europe/Moscow``; False if this machine does not know it."""
        try:
            self.zone = ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            # ValueError: no relative path; OSError: a folder of zones, or a name that is too long.
            return False
        return True

    def local(self, at: float) -> datetime | None:
        """Return a moment in the agents' zone; None while that is unknown."""
        return None if self.zone is None else datetime.fromtimestamp(at, self.zone)

    @property
    def known(self) -> bool:
        """Whether any answer has told the desk's time."""
        return self._offset is not None

    @property
    def skew(self) -> float:
        """Least number of seconds by which the desk's clock is ahead of ours; 0 while unknown."""
        if self._offset is None:
            return 0.0
        return self._offset - _DRIFT * abs(self._now() - self._heard_at)

    def heard(self, date: float, asked_at: float) -> None:
        """Learn from the ``Date`` header of an answer that has just arrived.

        The desk wrote it between ``asked_at`` and now, in the second that begins at ``date``. This
        clock is never ahead of the desk's, so no reply is sent too early; if an answer contradicts
        that, one of the clocks was set, and the previous offset is discarded.

        Args:
            date: The header's value.
            asked_at: When the call began, our clock.
        """
        now = self._now()
        least, most = date - now, date + 1.0 - asked_at
        if self._offset is not None and self.skew < most:
            least = max(least, self.skew)
        self._offset, self._heard_at = least, now

    def ours(self) -> float:
        """Return our own time."""
        return self._now()

    def now(self) -> float:
        """Return the desk's time now, in seconds since the epoch."""
        return self._now() + self.skew
