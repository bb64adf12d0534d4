"""Downloads: a link in, a file in the spool or a named failure out, with flat memory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import httpx

from maxbridge.core.errors import ApiError
from maxbridge.files.egress import GuardedRequest
from maxbridge.files.failures import (
    RefusedHostError,
    broken_exchange,
    file_error,
    refused_status,
)
from maxbridge.files.hosts import Flow, Hosts, Patience
from maxbridge.files.spool import Room

MAX_REDIRECTS = 3
_REDIRECTS = (301, 302, 303, 307, 308)


@dataclass(frozen=True, slots=True)
class Fetched:
    """A whole file in the spool; it lies there until its room is left.

    What the server calls it is no proof: :mod:`maxbridge.files.spool` looks at the content.

    Attributes:
        path: Where it lies.
        size: Bytes.
    """

    path: Path
    size: int


class Fetcher:
    """Downloads of one end's files."""

    def __init__(
        self,
        line: GuardedRequest,
        prefix: str,
        patience: Patience | None = None,
        hosts: Hosts | None = None,
    ) -> None:
        """Prepare.

        Args:
            line: The way to the files.
            prefix: What the codes of failures begin with: ``media.`` or ``desk.file_``.
            patience: How long to wait.
            hosts: How the hosts are doing; shared by all who carry files.
        """
        self._line = line
        self._hosts = hosts or Hosts()
        self._prefix = prefix
        self._patience = patience or Patience()

    async def fetch(self, url: str, room: Room, *, limit: int) -> Fetched:
        """Download a file.

        Args:
            url: Its link.
            room: Where it is put.
            limit: Bytes; a larger file is refused, unread where its size is told beforehand.

        Raises:
            HostWaitsError: Its host is in trouble or busy; nothing was asked of it.
            ApiError: Certain in every case, for a reading does nothing. ``…gone`` means that the
                link is no good any more and a fresh one should be asked for.
        """
        async with self._hosts.transfer(url, self._prefix, self._patience) as flow:
            try:
                return await self._follow(url, room, min(limit, room.cap), flow)
            except (httpx.HTTPError, httpx.InvalidURL, RefusedHostError) as error:
                # Not chained: the request in it carries the link, which is as good as a key.
                raise broken_exchange(self._prefix, error) from None

    async def _follow(self, url: str, room: Room, limit: int, flow: Flow) -> Fetched:
        for _ in range(MAX_REDIRECTS + 1):
            flow.goes_to(url)
            async with self._line.open("GET", url) as response:
                location = response.headers.get("location")
                if response.status_code not in _REDIRECTS or not location:
                    return await self._receive(response, room, limit, flow)
                url = str(httpx.URL(url).join(location))
        raise file_error(self._prefix, "unexpected", f"more than {MAX_REDIRECTS} redirects")

    async def _receive(
        self, response: httpx.Response, room: Room, limit: int, flow: Flow
    ) -> Fetched:
        if response.status_code != httpx.codes.OK:
            raise refused_status(self._prefix, response)
        encoding = response.headers.get("content-encoding", "").strip().lower()
        if encoding not in ("", "identity"):
            raise file_error(self._prefix, "unexpected", "compressed, though asked not to be")
        declared = response.headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > limit:
            raise self._too_large()
        with room.draft() as draft:
            async for piece in response.aiter_bytes():
                if draft.size + len(piece) > limit:
                    raise self._too_large()
                flow.moved(len(piece))
                draft.write(piece)
            # httpx counts what comes over a socket; what stands between us and it may not.
            if declared.isdecimal() and int(declared) != draft.size:
                raise file_error(self._prefix, "truncated", f"{draft.size} of {declared} bytes")
        return Fetched(draft.path, draft.size)

    def _too_large(self) -> ApiError:
        return file_error(self._prefix, "too_large")
