"""Fetch the files of a customer's message from MAX for the desk, as many as fit into one request."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from maxbridge.core import keys
from maxbridge.core.errors import ApiError, Failure, Kind
from maxbridge.core.events import Attachment
from maxbridge.core.inbound_files import (
    FileFate,
    FileOutcome,
    fetchable,
    jpeg_name,
    numbers_of,
    safe_name,
)
from maxbridge.core.texts import Texts
from maxbridge.engine.runner import TransferWaitsError
from maxbridge.files import heic
from maxbridge.files.egress import Fetched
from maxbridge.files.heic import Pictures
from maxbridge.files.patience import FilePatience
from maxbridge.files.spool import Room, sniff_fetched
from maxbridge.freescout.exchange import ROOM_FOR_WORDS, DiskFile, fits, largest
from maxbridge.max.client import MaxClient
from maxbridge.max.media import MaxMedia
from maxbridge.observe import log
from maxbridge.store.records import InboxItem

_REMEMBERED = 3600.0
"""Seconds for which a limit is believed that a refusal has taught."""
PER_THREAD = 20
"""Files in one thread at most: PHP has limits of its own."""


@dataclass(slots=True)
class Collected:
    """The files for one thread.

    Attributes:
        covering: Number of the message's files that are handled once this thread has arrived.
        files: Fetched files, in the message's order.
        sent: Their names and attachments.
        outcomes: What became of each file examined, by index into the message's files.
    """

    covering: int
    files: list[DiskFile] = field(default_factory=list)
    sent: list[tuple[str, Attachment]] = field(default_factory=list)
    outcomes: dict[int, FileOutcome] = field(default_factory=dict)

    def fits(self, size: int, limit: int) -> bool:
        """Whether one more file fits into the same request. The first one must fit alone."""
        return fits([*(file.size for file in self.files), size], limit)


class InboundFiles:
    """Fetches a message's files."""

    def __init__(
        self,
        client: MaxClient,
        media: MaxMedia,
        texts: Texts,
        *,
        limit: int,
        patience: FilePatience,
        pictures: Pictures | None = None,
    ) -> None:
        """Create it.

        Args:
            client: MAX.
            media: MAX's storage.
            texts: The language of file names.
            limit: Bytes of one request to the desk, including words.
            patience: How long a message waits for its files.
            pictures: Converts a HEIC picture to JPEG; None to leave it as it is.
        """
        self._client = client
        self._media = media
        self._texts = texts
        self._configured = self._learnt = limit
        self._learnt_at = 0.0
        """By the loop's clock."""
        self._patience = patience
        self._pictures = pictures
        self._log: Any = log.get("desk_writer")

    @property
    def _limit(self) -> int:
        """Bytes of one request; a limit learnt from a refusal expires, because the desk may have been reconfigured."""
        if asyncio.get_running_loop().time() - self._learnt_at >= _REMEMBERED:
            self._learnt = self._configured
        return self._learnt

    def too_large(self, size: int) -> None:
        """Record that the desk refused a request with so many bytes of files: half of that is the limit for an hour."""
        self._learnt = min(self._limit, size // 2 + ROOM_FOR_WORDS)
        self._learnt_at = asyncio.get_running_loop().time()
        self._log.warning(
            "FreeScout takes smaller requests only; larger files become links for an hour",
            request_bytes=self._learnt,
            advice="raise post_max_size and the web server's limit, or lower max_request_mb",
        )

    async def collect(
        self,
        item: InboxItem,
        wanted: Sequence[Attachment],
        known: Mapping[int, FileOutcome],
        room: Room,
    ) -> Collected:
        """Fetch the next files of a message, as many as fit into one thread.

        Args:
            item: The message; files that it has covered already are skipped.
            wanted: All its files.
            known: By index, files that need not be fetched, and why.
            room: Where they are stored.

        Raises:
            TransferWaitsError: Try again after a pause.
        """
        collected = Collected(item.covered)
        for index in range(item.covered, len(wanted)):
            if len(collected.files) >= PER_THREAD:
                break
            size = wanted[index].size
            if index in known:
                collected.outcomes[index] = known[index]
            elif size is not None and size > largest(self._limit):
                collected.outcomes[index] = FileOutcome(FileFate.TOO_LARGE)
            elif (
                size is not None and collected.files and not collected.fits(size, self._limit)
            ) or not await self._one(item, index, wanted, collected, room):
                break
            collected.covering = index + 1
        self._patience.over(item.id)
        return collected

    async def _one(
        self,
        item: InboxItem,
        index: int,
        wanted: Sequence[Attachment],
        collected: Collected,
        room: Room,
    ) -> bool:
        """Handle one file; False if it no longer fits into this thread."""
        try:
            fetched, mime = await self._fetch(item, index, wanted[index], room)
        except ApiError as error:
            collected.outcomes[index] = FileOutcome(self._fate(item, error))
            return True
        if collected.files and not collected.fits(fetched.size, self._limit):
            return False
        if fetched.size == 0:
            # FreeScout drops an empty file without a word (contract freescout.md 5).
            collected.outcomes[index] = FileOutcome(FileFate.EMPTY, 0)
            return True
        name = safe_name(wanted[index], mime, numbers_of(wanted)[index], self._texts)
        jpeg = await self._jpeg(item, fetched, mime, room)
        if jpeg is not None:
            both = (*(file.size for file in collected.files), fetched.size, jpeg[1])
            if not fits(both, self._limit):
                if collected.files:
                    return False
                jpeg = None
        collected.files.append(DiskFile(fetched.path, name, mime, fetched.size))
        if jpeg is not None:
            collected.files.append(DiskFile(jpeg[0], jpeg_name(name), "image/jpeg", jpeg[1]))
        collected.sent.append((name, replace(wanted[index], size=fetched.size)))
        collected.outcomes[index] = FileOutcome(FileFate.ATTACHED, fetched.size)
        return True

    async def _jpeg(
        self, item: InboxItem, fetched: Fetched, mime: str, room: Room
    ) -> tuple[Path, int] | None:
        """Return a JPEG copy of a HEIC picture with its size, for an agent's browser; None if it cannot be made.

        It is optional: nothing waits or fails because of it.
        """
        if self._pictures is None or mime != heic.MIME:
            return None
        most = largest(self._limit) - fetched.size
        made = await self._pictures.jpeg(fetched.path, most)
        if isinstance(made, bytes):
            try:
                with room.draft() as draft:
                    draft.write(made)
            except ApiError as error:
                made = error.failure.code
            else:
                return draft.path, len(made)
        self._log.info("a HEIC picture without a JPEG", item=item.name, reason=made)
        return None

    def _fate(self, item: InboxItem, error: ApiError) -> FileFate:
        failure = error.failure
        if failure.code == "media.too_large":
            return FileFate.TOO_LARGE
        # Of the message, not of each file: what has waited long enough for one does not wait again for the next.
        waits = self._patience.failed(item.id, error)
        if waits is not None:
            raise TransferWaitsError(failure, waits.pause)
        self._log.warning("file given up: a link instead", item=item.name, error=str(failure))
        return FileFate.UNREACHABLE

    async def _fetch(
        self, item: InboxItem, index: int, attachment: Attachment, room: Room
    ) -> tuple[Fetched, str]:
        """Return the content and its type, with a fresh link if the given one has expired."""
        try:
            return await self._content(item, attachment, room)
        except ApiError as error:
            mid = keys.mid_of(item.key)
            if error.failure.code != "media.gone" or not mid:
                raise
        again = fetchable(await self._client.message(mid))
        if index >= len(again) or again[index].kind != attachment.kind:
            raise ApiError(Failure("media.gone", Kind.PERMANENT, certain=True))
        return await self._content(item, again[index], room)

    async def _content(
        self, item: InboxItem, attachment: Attachment, room: Room
    ) -> tuple[Fetched, str]:
        fetched = await self._download(item, attachment, room)
        sniffed = sniff_fetched(fetched.path, "media.", attachment.kind, attachment.size)
        return fetched, sniffed.type.mime

    async def _download(self, item: InboxItem, attachment: Attachment, room: Room) -> Fetched:
        if attachment.kind != "video" or not attachment.token:
            return await self._get(item, attachment.url, room)
        *better, smallest = (await self._client.video(attachment.token)).values() or ("",)
        if not smallest:
            raise ApiError(Failure("media.not_ready", Kind.TRANSIENT, certain=True))
        for url in better:
            try:
                return await self._get(item, url, room)
            except ApiError as error:
                if error.failure.code != "media.too_large":
                    raise
        return await self._get(item, smallest, room)

    async def _get(self, item: InboxItem, url: str, room: Room) -> Fetched:
        within = self._patience.left(item.id)
        return await self._media.fetch(url, room, limit=largest(self._limit), within=within)
