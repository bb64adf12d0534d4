"""Serve a queue: one worker per chat, several chats at once, in order within each chat.

The number of workers is the lane's decision (:mod:`maxbridge.engine.lanes`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from peewee import IntegrityError

from maxbridge.core.errors import Invariant, RuleBrokenError
from maxbridge.engine.gate import Gate, store_failure, wait_any
from maxbridge.engine.lanes import Lane
from maxbridge.observe import log
from maxbridge.store.db import SQLITE_ERRORS
from maxbridge.store.queue import Queue, is_due
from maxbridge.store.records import InboxItem, OutboxItem

LONGEST_DELIVERY = 4 * 3600.0
"""Every call in a delivery is bounded, downloads and uploads at 15 minutes each; one that takes longer
than all of them together hangs, and with it a place that other chats need."""
BUG = "a bug, see the line before"
"""Why an item is held after one."""
_SHORTEST_NAP = 0.05
_LONGEST_NAP = 15.0
"""The queue is looked at this often even when nobody woke us: clocks jump, wake-ups are hints."""


class Pool:
    """Serves the due chats of one queue until stopped."""

    def __init__(
        self,
        queue: Queue[Any],
        deliver: Callable[[Any], Awaitable[None]],
        hold_after_bug: Callable[[Any, str], None],
        *,
        gate: Gate,
        lane: Lane,
        wake: asyncio.Event,
        turn: int,
        now: Callable[[], float],
    ) -> None:
        """Create the pool.

        Args:
            queue: Source of the items; it must have ``head(chat_id)``.
            deliver: Processes one item; raises only for bugs and a broken database.
            hold_after_bug: Holds an item after such a bug, with an error code.
            gate: Closed while the service is in trouble.
            lane: Decides how many chats are served at once.
            wake: Set by whoever queues an item.
            turn: Items of one chat served in a row before others get the place; more than one saves
                searches for the next chat.
            now: Our clock.
        """
        self._queue = queue
        self._deliver = deliver
        self._hold_after_bug = hold_after_bug
        self._gate = gate
        self._lane = lane
        self._turn = turn
        self._now = now
        self._trouble_since: float | None = None
        """By the steady clock."""
        self._given = 0
        """Turns that were given to chats."""
        self._oldest_next = False
        """While something hangs, the next place is for who has waited longest, not for who came last."""
        self._log: Any = log.get(gate.loop.name)
        self._wake = wake

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until ``stop``; deliveries under way are finished first."""
        async with asyncio.TaskGroup() as tasks:
            while not stop.is_set():
                self._lane.freed.clear()
                self._wake.clear()
                nap = self._start_due(tasks, stop)
                await wait_any(stop, self._lane.freed, self._wake, seconds=nap)
            self._lane.close()

    def _start_due(self, tasks: asyncio.TaskGroup, stop: asyncio.Event) -> float:
        """Start workers for due chats; return how long to sleep if nothing happens."""
        if not self._lane.is_stuck(LONGEST_DELIVERY):
            self._gate.loop.beat()
        self._lane.hand_on()
        try:
            if self._gate.probing and not self._lane.served and self._queue.next_due() is None:
                self._gate.idle()
            nap = (
                self._start_open(tasks, stop) if self._is_open() else self._start_fresh(tasks, stop)
            )
        except SQLITE_ERRORS as error:
            self._gate.failed(store_failure(error))
            return _LONGEST_NAP
        if self._room() <= 0:
            soon = (self._lane.until_slow(), self._lane.until_try() or None)
            nap = min([nap, *(each for each in soon if each is not None)])
        return min(max(nap, _SHORTEST_NAP), _LONGEST_NAP)

    def _is_open(self) -> bool:
        if not self._gate.probing:
            self._trouble_since = None
        elif self._trouble_since is None:
            self._trouble_since = asyncio.get_running_loop().time()
        return self._gate.closed_for() <= 0

    def _room(self) -> int:
        return self._lane.free(self._trouble_since)

    def _start_open(self, tasks: asyncio.TaskGroup, stop: asyncio.Event) -> float:
        for chat_id in self._due_chats(self._room()):
            self._start(tasks, chat_id, stop)
        due = self._queue.next_due(self._lane.served) if self._room() > 0 else None
        return _LONGEST_NAP if due is None else due - self._now()

    def _due_chats(self, free: int) -> list[int]:
        last = self._last_come(free)
        if last is not None and free <= 1:
            return [last]
        if free <= 0:
            return []
        # In times of trouble as well: who failed is behind all others, so a probe is not always the same one's.
        due = self._queue.due_chats(self._now(), free, self._lane.served, given=self._given)
        return due if last is None else [last, *(each for each in due if each != last)][:free]

    def _last_come(self, free: int) -> int | None:
        """Return the chat that came last while a call hangs, else None.

        With one place left every second time; without a place now and then.
        """
        hangs_for = self._lane.hangs_for()
        if not hangs_for or (free <= 0 and self._lane.until_try() != 0):
            return None
        if free == 1:
            self._oldest_next = not self._oldest_next
            if self._oldest_next:
                return None
        began_at, served = self._now() - hangs_for, self._lane.served
        last = self._queue.last_untried(self._now(), began_at, served)
        if last is not None and free <= 0:
            self._lane.tries()
        return last

    def _start_fresh(self, tasks: asyncio.TaskGroup, stop: asyncio.Event) -> float:
        """Let one chat that has not met the trouble through the closed gate; return when to try again."""
        closed, fresh = self._gate.closed_for(), self._gate.closed_for_fresh()
        room = self._room()
        if fresh > 0 or (room <= 0 and self._lane.until_try() != 0):
            return min(closed, fresh or _LONGEST_NAP)
        began_at, served = self._gate.began_at, self._lane.served
        chat_id = self._queue.last_untried(self._now(), began_at, served)
        if chat_id is not None:
            if room <= 0:
                self._lane.tries()
            self._start(tasks, chat_id, stop, fresh=True)
        return closed

    def _start(
        self, tasks: asyncio.TaskGroup, chat_id: int, stop: asyncio.Event, *, fresh: bool = False
    ) -> None:
        if chat_id in self._lane.served:
            error = RuleBrokenError(Invariant.ORDER, f"chat {chat_id} is served already")
            self._gate.loop.rule_broken(error, f"chat {chat_id}")
            return
        self._given += 1
        self._lane.begins(chat_id)
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
                self._lane.begins(chat_id)
                await self._guarded(item)
                self._lane.ended(chat_id)
        except SQLITE_ERRORS as error:
            self._gate.failed(store_failure(error))
        finally:
            self._lane.leaves(chat_id)

    async def _guarded(self, item: InboxItem | OutboxItem) -> None:
        """Deliver one item; a bug holds this item but does not stop the loop."""
        try:
            if self._queue.is_still_first(item):
                await self._deliver(item)
        except RuleBrokenError as error:
            if not self._queue.is_there(item):
                self._log.info("not delivered: its customer was erased", item=item.name)
                return
            self._gate.loop.rule_broken(error, item.name)
            self._hold_after_bug(item, error.rule.value)
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
        self._hold_after_bug(item, "internal")
