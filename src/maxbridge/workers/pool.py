"""Serving a queue: one worker per chat, several chats at a time, order kept within each chat."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from peewee import IntegrityError

from maxbridge import log
from maxbridge.core.errors import Failure, Kind, Scope
from maxbridge.store.db import SQLITE_ERRORS
from maxbridge.store.queue import Queue, is_due
from maxbridge.store.records import InboxItem, OutboxItem
from maxbridge.workers.gate import Gate, wait_any

LONGEST_DELIVERY = 4 * 3600.0
"""Every call in a delivery is bounded, downloads and uploads at 15 minutes each; one that takes longer
than all of them together hangs, and with it a place that other chats need."""
BUG = "a bug, see the line before"
"""Why an item is held after one."""
_LONGEST_NAP = 15.0
"""The queue is looked at this often even when nobody woke us: clocks jump, wake-ups are hints."""


class Pool:
    """Serves the due chats of one queue until stopped."""

    def __init__(
        self,
        queue: Queue[Any],
        deliver: Callable[[Any], Awaitable[None]],
        hold_after_bug: Callable[[Any], None],
        *,
        gate: Gate,
        wake: asyncio.Event,
        width: int,
        turn: int,
        now: Callable[[], float],
    ) -> None:
        """Prepare the pool.

        Args:
            queue: Where items come from; it must have ``head(chat_id)``.
            deliver: Serves one item and moves it on; raises for bugs and a broken database only.
            hold_after_bug: Takes an item out of the queue after such a bug.
            gate: Closed while the end is in trouble.
            wake: Set by whoever put something into the queue.
            width: Chats served at the same time.
            turn: Items of one chat served in a row before others get the place. One keeps to oldest
                first over all chats; more spare the look for the oldest.
            now: Our clock.
        """
        self._queue = queue
        self._deliver = deliver
        self._hold_after_bug = hold_after_bug
        self._gate = gate
        self._width = width
        self._turn = turn
        self._now = now
        self._busy: dict[int, float] = {}
        """Chats that are served, and since when by the steady clock."""
        self._freed = asyncio.Event()
        self._log: Any = log.get(gate.loop.name)
        self._wake = wake

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until ``stop``; items being delivered then are finished first."""
        async with asyncio.TaskGroup() as tasks:
            while not stop.is_set():
                self._freed.clear()
                self._wake.clear()
                nap = self._start_due(tasks, stop)
                await wait_any(stop, self._freed, self._wake, seconds=nap)

    def _start_due(self, tasks: asyncio.TaskGroup, stop: asyncio.Event) -> float:
        """Start workers for due chats; return how long to sleep if nothing happens."""
        steady = asyncio.get_running_loop().time()
        if all(steady - began < LONGEST_DELIVERY for began in self._busy.values()):
            self._gate.loop.beat()
        try:
            closed = self._gate.closed_for()
            if closed > 0:
                return min(closed, self._start_fresh(tasks, stop), _LONGEST_NAP)
            width = 1 if self._gate.probing else self._width
            for chat_id in self._due_chats(width - len(self._busy)):
                self._start(tasks, chat_id, stop)
            due = self._queue.next_due(set(self._busy)) if len(self._busy) < width else None
        except SQLITE_ERRORS as error:
            self._gate.failed(store_failure(error))
            return _LONGEST_NAP
        if due is None:
            return _LONGEST_NAP
        return min(max(due - self._now(), 0.05), _LONGEST_NAP)

    def _due_chats(self, free: int) -> list[int]:
        if free <= 0:
            return []
        # A probe goes to whoever was tried longest ago: the one at the head may be the whole trouble.
        choose = self._queue.longest_untried if self._gate.probing else self._queue.due_chats
        return choose(self._now(), free, set(self._busy))

    def _start_fresh(self, tasks: asyncio.TaskGroup, stop: asyncio.Event) -> float:
        """Let one chat through the closed gate that has not met the trouble; when to ask again."""
        closed = self._gate.closed_for_fresh()
        if closed > 0 or self._busy:
            return closed or _LONGEST_NAP
        chat_id = self._queue.last_untried(self._now(), self._gate.began_at)
        if chat_id is not None:
            self._start(tasks, chat_id, stop, fresh=True)
        return _LONGEST_NAP

    def _start(
        self, tasks: asyncio.TaskGroup, chat_id: int, stop: asyncio.Event, *, fresh: bool = False
    ) -> None:
        self._busy[chat_id] = asyncio.get_running_loop().time()
        tasks.create_task(self._serve(chat_id, stop, fresh=fresh), name=self._gate.loop.name)

    async def _serve(self, chat_id: int, stop: asyncio.Event, *, fresh: bool) -> None:
        """Serve one chat's items in order."""
        try:
            for turn in range(self._turn):
                probe = fresh and turn == 0
                if stop.is_set() or (self._gate.closed_for() > 0 and not probe):
                    return
                item: InboxItem | OutboxItem | None = self._queue.head(chat_id)
                if item is None or not is_due(item.next_at, self._now()):
                    return
                self._busy[chat_id] = asyncio.get_running_loop().time()
                await self._guarded(item)
        except SQLITE_ERRORS as error:
            self._gate.failed(store_failure(error))
        finally:
            self._busy.pop(chat_id, None)
            self._freed.set()

    async def _guarded(self, item: InboxItem | OutboxItem) -> None:
        """Deliver one item; a bug costs this item, not the loop."""
        try:
            await self._deliver(item)
        except IntegrityError as error:
            self._bug(item, error)
        except SQLITE_ERRORS:
            raise
        except Exception as error:  # noqa: BLE001 - every bug ends here, named and visible
            self._bug(item, error)

    def _bug(self, item: InboxItem | OutboxItem, error: Exception) -> None:
        self._log.critical(
            "bug: item held", item=item.name, error=type(error).__name__, at=log.where(error)
        )
        self._hold_after_bug(item)


_STORE_WORDS = (
    ("disk is full", "store.full"),
    ("locked", "store.locked"),
    ("readonly", "store.read_only"),
    ("malformed", "store.damaged"),
    ("not a database", "store.damaged"),
    ("disk I/O", "store.disk"),
)
"""By SQLite's own words (sqlite3_errstr)."""


def store_failure(error: BaseException) -> Failure:
    """Name a failure of our own database."""
    words = str(error)
    code = next((code for part, code in _STORE_WORDS if part in words), "store.error")
    return Failure(code, Kind.TRANSIENT, False, Scope.END, type(error).__name__)
