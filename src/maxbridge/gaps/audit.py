"""Samples the chats' histories for messages that polling should have brought.

Two programs that poll with one token take each other's events, and MAX says nothing about it (contract
max.md 9, trap 10). A second process on our database is kept off by a lock; one with a database of its
own, on another machine perhaps, can only be seen by what is missing here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, NamedTuple

from maxbridge.core.errors import ApiError
from maxbridge.core.plan_backfill import missed
from maxbridge.engine.gate import unless_stopped, wait_any
from maxbridge.gaps.updates import from_history, read_update
from maxbridge.gaps.watch import GapWatch
from maxbridge.max.client import MaxClient
from maxbridge.observe import log
from maxbridge.store.backfill import BackfillStore
from maxbridge.store.db import SQLITE_ERRORS
from maxbridge.store.dialogs import DialogTable
from maxbridge.store.meta import MetaTable

EVERY = 600.0
"""Seconds between two samples: one small request."""
SAMPLE = 20
"""Messages looked at, and dialogs that take turns: the ones active last."""
_FRESH = 120.0
"""Seconds since the last poll up to which what is missing is not just late."""


class AuditTables(NamedTuple):
    """What the audit reads and writes."""

    dialogs: DialogTable
    backfill: BackfillStore
    meta: MetaTable


class Audit:
    """The loop. Alarms when a message is still missing at the second look, ten minutes later."""

    def __init__(
        self, tables: AuditTables, client: MaxClient, gaps: GapWatch, *, now: Callable[[], float]
    ) -> None:
        """Prepare the loop.

        Args:
            tables: Where it reads and writes.
            client: MAX.
            gaps: Is told of what is missing.
            now: Our clock.
        """
        self._tables = tables
        self._client = client
        self._gaps = gaps
        self._now = now
        self._turn = 0
        self._suspect: tuple[int, frozenset[str]] | None = None
        """A chat with messages that were missing at the last look."""
        self._log: Any = log.get("audit")

    async def run(self, stop: asyncio.Event) -> None:
        """Take samples until stopped."""
        while not stop.is_set():
            await wait_any(stop, seconds=EVERY)
            if stop.is_set() or not await unless_stopped(self.step(), stop):
                return

    async def step(self) -> None:
        """Take one sample; whatever fails, the next one comes."""
        try:
            await self._sample()
        except (ApiError, *SQLITE_ERRORS) as error:
            self._log.debug("no sample", error=str(error))
        except Exception as error:  # noqa: BLE001 - a look at the side must not end the daemon
            self._log.critical("bug: no sample", error=type(error).__name__, at=log.where(error))

    async def _sample(self) -> None:
        suspect, self._suspect = self._suspect, None
        polled_at = self._tables.backfill.polled_at()
        polling = polled_at is not None and abs(self._now() - polled_at) < _FRESH
        if not polling or self._tables.backfill.is_pending():
            return
        chat_id = suspect[0] if suspect is not None else self._next_chat()
        if chat_id is None:
            return
        page = await self._client.messages(chat_id, count=SAMPLE)
        events = [read_update(from_history(each), self._log) for each in page]
        keys = {event.key for event in events}
        known = self._tables.backfill.known(keys, None)
        held = self._tables.backfill.held(keys)
        gone = missed(events, known=known, held=held, bot_id=self._tables.meta.bot_id() or 0)
        if not gone.keys:
            return
        if suspect is not None and gone.keys & suspect[1]:
            self._gaps.missed(gone.since)
        else:
            self._suspect = (chat_id, gone.keys)

    def _next_chat(self) -> int | None:
        chats = self._tables.dialogs.lately_active(SAMPLE)
        if not chats:
            return None
        self._turn += 1
        return chats[self._turn % len(chats)]
