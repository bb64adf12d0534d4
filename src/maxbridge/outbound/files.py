"""Transfer a reply's files: from the desk into the spool, then to MAX's storage."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from maxbridge.core.errors import ApiError, Failure, Kind
from maxbridge.core.filetype import Family
from maxbridge.core.parts import FILE, Part, PartFile, apart, by_content, without
from maxbridge.engine.pool import Lane
from maxbridge.engine.runner import TransferWaitsError
from maxbridge.files.patience import FilePatience
from maxbridge.files.spool import Sniffed, Spool, sniff_fetched
from maxbridge.freescout.client import FreeScoutClient
from maxbridge.max.client import MaxClient
from maxbridge.max.media import MaxMedia
from maxbridge.observe import log
from maxbridge.outbound.notes import ReplyNotes
from maxbridge.store.outbox import OutboxTable
from maxbridge.store.records import OutboxItem, PartItem


class _FileError(Exception):
    """One file of a message could not be transferred."""

    def __init__(self, index: int, error: ApiError) -> None:
        super().__init__(str(error))
        self.index = index
        self.error = error


Slot = Callable[[], Awaitable[None]]
"""Waits for MAX's pace before a call."""
_PATIENCE = 3
"""Failed tries after which the words of a message leave without waiting for its files."""


@dataclass(frozen=True, slots=True)
class SenderEnds:
    """The services that a reply needs: the desk for its files, MAX and its storage."""

    max: MaxClient
    media: MaxMedia
    desk: FreeScoutClient
    spool: Spool


class FileSender:
    """Uploads the files of one message, or plans the message anew without unavailable ones."""

    def __init__(
        self,
        outbox: OutboxTable,
        ends: SenderEnds,
        notes: ReplyNotes,
        *,
        lane: Lane,
        limit: int,
        patience: FilePatience,
        now: Callable[[], float],
    ) -> None:
        """Create it.

        Args:
            outbox: The outbox.
            ends: The services.
            notes: Texts of notes about files that were not sent.
            lane: Places; a reply gives its own back while its files are transferred.
            limit: Bytes of the largest file that is sent.
            patience: How long to wait for a file.
            now: Our clock.
        """
        self._lane = lane
        self._limit = limit
        self._patience = patience
        self._outbox = outbox
        self._ends = ends
        self._notes = notes
        self._now = now
        self._log: Any = log.get("max_sender")

    async def prepare(self, item: OutboxItem, head: PartItem, slot: Slot) -> Part | None:
        """Upload what is not uploaded yet.

        Args:
            item: The delivery.
            head: Its next message.
            slot: Called before each call to MAX.

        Returns:
            The message with all its files uploaded; None if it was planned anew.

        Raises:
            TransferWaitsError: A file is not available or cannot be uploaded now.
            LaneFullError: They must wait for other transfers.
        """
        files = list(head.part.files)
        try:
            async with self._lane.transfer(item.chat_id):
                await self._upload_all(item, head, files, slot)
        except _FileError as error:
            part = replace(head.part, files=tuple(files))
            self._failed(item, replace(head, part=part), error.index, error.error)
            return None
        part = replace(head.part, files=tuple(files))
        parts = by_content(part)
        if parts == [part]:
            return part
        self._outbox.replan(item, head.seq, parts, now=self._now())
        return None

    async def _upload_all(
        self, item: OutboxItem, head: PartItem, files: list[PartFile], slot: Slot
    ) -> None:
        """Upload what is not uploaded yet; each uploaded file is stored and replaced in the list."""
        for index, file in enumerate(files):
            if file.token:
                continue
            try:
                files[index] = await self._upload(file, slot)
            except ApiError as error:
                raise _FileError(index, error) from None
            self._patience.over((item.id, file.url))
            self._outbox.file_ready(item.id, head.seq, files)

    async def _upload(self, file: PartFile, slot: Slot) -> PartFile:
        with self._ends.spool.room() as room:
            fetched = await self._ends.desk.fetch_file(file.url, room, limit=self._limit)
            seen = sniff_fetched(fetched.path, "desk.file_", FILE, file.size)
            if fetched.size == 0:
                raise ApiError(Failure("media.empty", Kind.PERMANENT, certain=True))
            kind = file.kind or seen.kind_for_max(file.name)
            try:
                token = await self._put(kind, fetched.path, seen, file.name, slot)
            except ApiError as error:
                if kind == FILE or error.failure.kind is not Kind.PERMANENT:
                    raise
                # What MAX refuses as a picture, film or sound it may take as a file.
                kind = FILE
                token = await self._put(kind, fetched.path, seen, file.name, slot)
        self._log.debug("file uploaded", kind=kind, size=fetched.size)
        return replace(file, kind=kind, token=token, size=fetched.size)

    async def _put(self, kind: Family, path: Path, seen: Sniffed, name: str, slot: Slot) -> str:
        await slot()
        return await self._ends.media.upload(kind, path, seen.name(name), seen.type.mime)

    def _failed(self, item: OutboxItem, head: PartItem, index: int, error: ApiError) -> None:
        """Decide about a file that is not available now, or ever: the words must not wait long for it."""
        file, failure = head.part.files[index], error.failure
        waits = self._patience.failed((item.id, file.url), error)
        if waits is None:
            self._patience.over((item.id, file.url))
            self._log.warning("file not sent", item=item.name, error=str(failure))
            note = self._notes.file_lost(item, file, failure)
            self._outbox.replan(
                item,
                head.seq,
                without(head.part, index),
                now=self._now(),
                error=failure.code,
                notes=[] if note is None else [note],
            )
            return
        tired = waits.away or item.attempts + 1 >= _PATIENCE
        if tired and len(parts := apart(head.part)) > 1:
            self._outbox.replan(item, head.seq, parts, now=self._now(), error=failure.code)
            return
        raise TransferWaitsError(failure, waits.pause)
