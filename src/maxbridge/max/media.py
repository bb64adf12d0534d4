"""Download from and upload to MAX's CDN, streamed, without the bot's token.

The API only tells addresses; the CDN consists of other hosts, which must never see the token
(contract max.md 4, 7, trap 6).
"""

from __future__ import annotations

import importlib.util
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import httpx

from maxbridge.core.errors import UPLOADS, ApiError, Failure, Kind, Scope
from maxbridge.core.filetype import Family
from maxbridge.files.egress import EgressPolicy, Fetched, Fetcher, GuardedRequest
from maxbridge.files.failures import (
    LINK_GONE,
    RefusedHostError,
    broken_exchange,
    disk_error,
    file_error,
    refused_status,
)
from maxbridge.files.hosts import Flow, Hosts, Patience
from maxbridge.files.spool import Room
from maxbridge.files.trust import Heard, trusted
from maxbridge.max.client import MaxClient

DOWNLOAD = "media."
UPLOAD = "max.upload_"
_PATIENCE = Patience()
_ANSWER_BYTES = 1 << 16
_MIME = re.compile(r"[\w.+-]{1,60}/[\w.+-]{1,80}", re.ASCII)
_RETVAL = re.compile(rb"<retval>\s*(\S*?)\s*</retval>")


def russian_roots() -> Path:
    """Return the path of the Russian Ministry of Digital Development's root certificates, as shipped with maxapi.

    MAX's API needs them and its CDN may (contract max.md 2). The library itself is not imported:
    that takes half a second and 20 MiB.
    """
    found = importlib.util.find_spec("maxapi")
    (folder, *_) = (found and found.submodule_search_locations) or [""]
    return Path(folder) / "client" / "russiantrustedca.pem"


class MaxMedia:
    """The files of one bot's messages.

    Attributes:
        hosts: State of the storage's hosts; the owner may replace it by a watched one.
    """

    def __init__(
        self,
        client: MaxClient,
        reach: EgressPolicy,
        *,
        proxy: str | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        heard: Heard | None = None,
    ) -> None:
        """Create it; nothing is connected yet.

        Args:
            client: Requests upload slots.
            reach: Allowed addresses of files: :func:`maxbridge.files.egress.media_egress`.
            proxy: HTTP proxy for MAX, None for direct connections.
            transport: Replaces the network, in tests.
            heard: Called with the certificates of connections.
        """
        self._heard = heard
        self._client = client
        self.hosts = Hosts()
        self._options: dict[str, Any] = {
            "reach": reach,
            "proxy": proxy,
            "transport": transport,
        }
        self._opened: GuardedRequest | None = None

    @property
    def _line(self) -> GuardedRequest:
        """The connection, created for the first file: reading all certificates takes 30 ms and a megabyte."""
        if self._opened is None:
            self._opened = GuardedRequest(
                verify=trusted(russian_roots(), heard=self._heard), **self._options
            )
        return self._opened

    async def close(self) -> None:
        """Close what is open."""
        if self._opened is not None:
            await self._opened.close()

    async def fetch(
        self, url: str, room: Room, *, limit: int, within: float = _PATIENCE.whole
    ) -> Fetched:
        """Download an attachment.

        Args:
            url: The link.
            room: Where the file is stored.
            limit: Bytes; a larger file is refused.
            within: Seconds after which it is given up, with ``media.timeout``.

        Raises:
            HostWaitsError: Its host is in trouble or busy.
            ApiError: Certain in every case. ``media.gone``: the link has expired; request the
                message again for a fresh one (:meth:`MaxClient.message`).
        """
        patience = replace(_PATIENCE, whole=min(within, _PATIENCE.whole))
        fetcher = Fetcher(self._line, DOWNLOAD, patience, self.hosts)
        return await fetcher.fetch(url, room, limit=limit)

    async def upload(self, kind: Family, path: Path, name: str, mime: str) -> str:
        """Upload a file for a message.

        Args:
            kind: The upload type (:func:`maxbridge.core.parts.max_kind`).
            path: The file.
            name: The name that the customer will see.
            mime: Its type.

        Returns:
            The token for ``{"type": kind, "payload": {"token": …}}``. A send right after the upload
            may get ``max.not_ready``.

        Raises:
            HostWaitsError: The storage's host is in trouble or busy.
            ApiError: Certain in every case: nothing was sent to the customer.
                ``max.forbidden_file`` and ``max.file_too_large`` are final, ``max.upload_refused``
                for this kind.
        """
        slot = await self._client.upload_slot(kind)
        answer = await self._put(slot.url, path, name, mime)
        token = _token(kind, slot.token, answer)
        if token is None:
            raise file_error(UPLOAD, "bad_answer", f"{kind}, no token")
        return token

    async def _put(self, url: str, path: Path, name: str, mime: str) -> bytes:
        try:
            file = path.open("rb")
        except OSError as error:
            raise disk_error(error) from None
        with file:
            async with self.hosts.transfer(url, UPLOAD, _PATIENCE, way=UPLOADS) as flow:
                # httpx reads the file piece by piece, and writes its name as browsers do: UTF-8, with
                # quotation marks and line ends as %22 and %0A (RFC 7578).
                mime = mime if _MIME.fullmatch(mime) else "application/octet-stream"
                form = {"data": (name, _Watched(file, flow), mime)}
                try:
                    async with self._line.open("POST", url, files=form) as response:
                        return await _accepted(response)
                except (httpx.HTTPError, httpx.InvalidURL, RefusedHostError) as error:
                    # Not chained: the request in it carries the slot's link.
                    raise broken_exchange(UPLOAD, error) from None
                except OSError as error:
                    raise disk_error(error) from None


class _Watched:
    """A file that reports an upload's progress: what was read has been sent before more is read."""

    def __init__(self, file: BinaryIO, flow: Flow) -> None:
        self._file = file
        self._flow = flow

    def read(self, size: int = -1) -> bytes:
        piece = self._file.read(size)
        self._flow.moved(len(piece))
        return piece

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def fileno(self) -> int:
        return self._file.fileno()


async def _accepted(response: httpx.Response) -> bytes:
    """Return the small body of a success; raise for any other answer."""
    status = response.status_code
    if status == httpx.codes.REQUEST_ENTITY_TOO_LARGE:
        raise _final("max.file_too_large", f"HTTP {status}")
    if status in LINK_GONE:
        # A slot is good for one file and some time: the next try gets another.
        raise file_error(UPLOAD, "unavailable", f"HTTP {status}")
    if status != httpx.codes.OK:
        raise refused_status(UPLOAD, response)
    if response.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise file_error(UPLOAD, "bad_answer", "compressed, though asked not to be")
    answer = b""
    async for piece in response.aiter_bytes():
        answer += piece
        if len(answer) > _ANSWER_BYTES:
            raise file_error(UPLOAD, "bad_answer", "endless")
    return answer


def _token(kind: Family, slot_token: str | None, answer: bytes) -> str | None:
    """Return the token of an upload; None if there is none (contract max.md 7).

    For video and audio it came with the slot, and the official clients do not even read the answer:
    so only an explicit refusal counts.
    """
    data = _json(answer)
    if "error_code" in data or "error_msg" in data:
        raise _refusal(data)
    if kind in ("video", "audio"):
        said = _RETVAL.search(answer)
        return None if said and said[1] != b"1" else slot_token
    if kind == "file":
        return _text(data.get("token"))
    photos = data.get("photos")
    found = list(photos.values()) if isinstance(photos, dict) else []
    return _text(found[0].get("token")) if found and isinstance(found[0], dict) else None


def _refusal(data: dict[str, Any]) -> ApiError:
    """Return the error of a 200 answer that is a refusal; only its codes, as its words may quote the file's name."""
    words = f"{data.get('error_data')} {data.get('error_msg')}".upper()
    code = re.sub(r"[^\w.-]", "", str(data.get("error_code")))[:20]
    if "FORBIDDEN" in words and "EXTENSION" in words:
        return _final("max.forbidden_file", f"error {code}")
    return file_error(UPLOAD, "refused", f"error {code}")


def _final(code: str, detail: str) -> ApiError:
    return ApiError(Failure(code, Kind.PERMANENT, True, Scope.ITEM, detail))


def _json(answer: bytes) -> dict[str, Any]:
    try:
        data = json.loads(answer)
    except (ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
