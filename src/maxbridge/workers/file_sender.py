"""Files of a reply on their way to MAX: from the desk into the spool, from there to MAX's storage."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from maxbridge import log
from maxbridge.core.errors import ApiError, Failure, Kind
from maxbridge.core.filetype import Family
from maxbridge.core.parts import FILE, Part, PartFile, apart, by_content, without
from maxbridge.core.retry import RetryPolicy, after_reading
from maxbridge.files.kind import Look, look
from maxbridge.files.spool import Spool
from maxbridge.freescout.client import FreeScoutClient
from maxbridge.max.client import MaxClient
from maxbridge.max.media import MaxMedia
from maxbridge.store.journal import Journal
from maxbridge.store.records import OutboxItem, PartItem
from maxbridge.workers.reply_notes import ReplyNotes

Slot = Callable[[], Awaitable[None]]
"""Waits for MAX's pace before a call."""
_PATIENCE = 3
"""Failed tries after which the words of a message leave without waiting for its files."""


@dataclass(frozen=True, slots=True)
class SenderEnds:
    """What a reply needs on its way: its files are at the desk, and go to MAX's storage."""

    max: MaxClient
    media: MaxMedia
    desk: FreeScoutClient
    spool: Spool


class FileSender:
    """Makes the files of one message ready, or plans the message anew without what cannot be had."""

    def __init__(
        self,
        journal: Journal,
        ends: SenderEnds,
        notes: ReplyNotes,
        retry: RetryPolicy,
        *,
        limit: int,
        now: Callable[[], float],
        jitter: Callable[[], float],
    ) -> None:
        """Prepare.

        Args:
            journal: The store.
            ends: Where the files are, and where they go.
            notes: What agents are told about those that stay behind.
            retry: The retry rules.
            limit: Bytes of the largest file that is sent.
            now: Our clock.
            jitter: Random numbers in [0, 1).
        """
        self._limit = limit
        self._journal = journal
        self._ends = ends
        self._notes = notes
        self._retry = retry
        self._now = now
        self._jitter = jitter
        self._log: Any = log.get("max_sender")

    async def prepare(self, item: OutboxItem, head: PartItem, slot: Slot) -> Part | None:
        """Upload what is not uploaded yet.

        Args:
            item: The delivery.
            head: Its next message.
            slot: Called before each call to MAX.

        Returns:
            The message with all its files at MAX; None when it was planned anew or put off: then
            the delivery is to be looked at again.

        Raises:
            ApiError: MAX as a whole is in trouble.
        """
        files = list(head.part.files)
        for index, file in enumerate(files):
            if file.token:
                continue
            try:
                files[index] = await self._upload(file, slot)
            except ApiError as error:
                part = replace(head.part, files=tuple(files))
                self._failed(item, replace(head, part=part), index, error.failure)
                if (
                    error.failure.code.startswith("max.")
                    and error.failure.kind is not Kind.PERMANENT
                ):
                    raise
                return None
            self._journal.outbox.file_ready(item.id, head.seq, files)
        part = replace(head.part, files=tuple(files))
        parts = by_content(part)
        if parts == [part]:
            return part
        self._journal.outbox.replan(item, head.seq, parts, now=self._now())
        return None

    async def _upload(self, file: PartFile, slot: Slot) -> PartFile:
        with self._ends.spool.room() as room:
            fetched = await self._ends.desk.fetch_file(file.url, room, limit=self._limit)
            if fetched.size == 0:
                raise ApiError(Failure("media.empty", Kind.PERMANENT, certain=True))
            seen = look(fetched.path)
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

    async def _put(self, kind: Family, path: Path, seen: Look, name: str, slot: Slot) -> str:
        await slot()
        return await self._ends.media.upload(kind, path, seen.name(name), seen.type.mime)

    def _failed(self, item: OutboxItem, head: PartItem, index: int, failure: Failure) -> None:
        """One file cannot be had now, or never: the words must not wait for it for long."""
        now = self._now()
        if failure.kind is Kind.PERMANENT:
            file = head.part.files[index]
            self._log.warning("file not sent", item=item.name, error=str(failure))
            self._journal.outbox.replan(
                item,
                head.seq,
                without(head.part, index),
                now=now,
                error=failure.code,
                note=self._notes.file_lost(item, file, failure),
            )
            return
        attempts = item.attempts + 1
        if attempts >= _PATIENCE and len(parts := apart(head.part)) > 1:
            self._journal.outbox.replan(item, head.seq, parts, now=now, error=failure.code)
            return
        at = after_reading(
            failure, attempts=attempts, now=now, jitter=self._jitter(), policy=self._retry
        )
        self._journal.outbox.defer(
            item.id, at=at, error=failure.code, attempted=True, uncertain=False
        )
