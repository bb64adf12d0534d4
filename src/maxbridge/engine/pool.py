"""Serve a queue: one worker per chat, several chats at once, in order within each chat; and the places for them.

Two kinds of work take long for reasons that concern one chat only, so they hold no place:

- **Transfers**: fetching or uploading a file. :meth:`Lane.transfer` gives the place back at once
  and takes one again afterwards, before anything is sent.
- **Slow calls**: the service accepts a call for one conversation and does not answer. A chat that
  is served for longer than :attr:`Lane.patience` makes room for another one. The patience depends
  on the service's usual duration: if everybody is slow, no call counts as slow, and an overloaded
  service gets no more calls than before. ``spare`` limits the slow calls that nothing has
  overtaken; once a later call was accepted, those before it hang by themselves, and only
  :data:`MOST_CALLS` limits them. While a call hangs, the chat that came last gets its turn as often
  as the one that has waited longest: the newest chats have no hanging call. With no place left, one
  chat at a time is tried, each after twice the previous pause, to find out whether everybody hangs.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from peewee import IntegrityError

from maxbridge.core.errors import Invariant, RuleBrokenError
from maxbridge.core.pace import Spread
from maxbridge.engine.gate import LONGEST_NAP, Gate, store_failure, wait_any
from maxbridge.observe import log
from maxbridge.store.db import SQLITE_ERRORS
from maxbridge.store.queue import Queue, is_due
from maxbridge.store.records import InboxItem, OutboxItem

MOST_TRANSFERS = 64
"""Chats of one lane whose files are on their way or wait for their storage host."""
MOST_CALLS = 250
"""Calls of one lane, or of one loop, that are under way, however many of them hang; each has a connection."""
_LEAST_PAUSE = 2.0
_LONGEST_PAUSE = 500.0
_LEAST_PATIENCE = 0.5
_FACTOR = 3.0
REMEMBERED = 15
MOST_TYPICAL = 20.0
"""Seconds; what took longer was given up, and tells nothing of a service that answers."""
_MOMENT = 1e-3
_LONGEST_TRY = 30.0
_PROBES = 3
"""Slow calls since a trouble began, beside which one more may find out whether it is over."""


class LaneFullError(Exception):
    """Too many transfers are under way to begin another, or the service got into trouble during one.

    Attributes:
        pause: Seconds to wait.
    """

    def __init__(self, pause: float) -> None:
        super().__init__("no place now")
        self.pause = pause


def patience_for(took: Collection[float]) -> float:
    """Return the seconds after which a call counts as slow, from the durations of the last calls."""
    if not took:
        return _LEAST_PATIENCE
    from statistics import median  # noqa: PLC0415 - brings fractions and decimals: no start waits for them

    return max(_LEAST_PATIENCE, _FACTOR * median(took))


@dataclass(slots=True)
class _Served:
    began: float
    """When its present delivery got its turn, monotonic clock."""
    transfers: bool = False
    transferred: bool = False


class Lane:
    """The chats served in one queue; all times by the event loop's clock."""

    def __init__(self, width: int, *, spare: int, gate: Gate | None = None) -> None:
        """Create the lane.

        Args:
            width: Chats served at once while none is slow.
            spare: Most slow chats beside them.
            gate: Closed while the service is in trouble.
        """
        self._gate = gate
        self._width = width
        self._most = width + spare
        self._try_at = self._try_pause = 0.0
        """When one more may be tried without a place, and how long the one after that waits."""
        self._served: dict[int, _Served] = {}
        self._waiting: deque[tuple[_Served, asyncio.Future[None]]] = deque()
        """Those that come back from a transfer, in order."""
        self._took: deque[float] = deque(maxlen=REMEMBERED)
        self.patience = _LEAST_PATIENCE
        """Seconds after which a delivery is slow, by what the last ones took."""
        self._spread = Spread(least=_LEAST_PAUSE, most=_LONGEST_PAUSE)
        self._closed = False
        self.freed = asyncio.Event()
        """Set when there may be a place again; the pool puts the event here that it waits for."""

    @property
    def served(self) -> set[int]:
        """Chats being served, with or without a place."""
        return set(self._served)

    def begins(self, chat_id: int) -> None:
        """A chat's delivery gets its turn."""
        self._served[chat_id] = _Served(self._clock())

    def ended(self, chat_id: int) -> None:
        """The delivery's turn has ended; the chat keeps its place."""
        served = self._served[chat_id]
        took = self._clock() - served.began
        if not served.transferred and took < MOST_TYPICAL:
            self._took.append(took)
            self.patience = patience_for(self._took)

    def leaves(self, chat_id: int) -> None:
        """The chat is no longer served."""
        self._served.pop(chat_id, None)
        self._changed()

    def free(self, trouble_since: float | None = None) -> int:
        """Return how many more chats may be served now.

        Args:
            trouble_since: When the service's present trouble began; None if it is healthy. During
                trouble one call at a time probes whether it is over; calls that began earlier are
                no probes.
        """
        calls, slow = self._calls(), self._slow_until()
        quick = sum(each.began > slow for each in calls)
        counted = sum(not self._is_overtaken(each) for each in calls)
        room = min(self._width - quick, self._most - counted, MOST_CALLS - len(calls))
        if trouble_since is None:
            if room > 0:
                self._try_pause = 0.0
            return room
        probes = [each for each in calls if each.began >= trouble_since]
        quick = sum(each.began > slow for each in probes)
        return min(room, 1 - quick if len(probes) < _PROBES else 0)

    def until_slow(self) -> float | None:
        """Seconds until one of the served chats is slow and makes room; None if no delivery is under way."""
        slow = self._slow_until()
        left = [each.began - slow + _MOMENT for each in self._calls() if each.began > slow]
        return min(left, default=None)

    def hangs_for(self) -> float:
        """Seconds since the oldest slow call began; 0 if none is slow."""
        first = min((each.began for each in self._calls()), default=math.inf)
        return self._clock() - first if first <= self._slow_until() else 0.0

    def until_try(self) -> float | None:
        """Seconds until one more chat may be tried without a place; None while a call may still be quick."""
        calls = self._calls()
        slow = self._slow_until()
        if len(calls) >= 2 * MOST_CALLS or any(each.began > slow for each in calls):
            return None
        return max(0.0, self._try_at - self._clock())

    def tries(self) -> None:
        """A chat without a place is being tried."""
        self._try_pause = min(max(2 * self._try_pause, self.patience), _LONGEST_TRY)
        self._try_at = self._clock() + self._try_pause

    def is_stuck(self, seconds: float) -> bool:
        """Whether a delivery has been under way for longer than that."""
        return any(self._clock() - each.began >= seconds for each in self._served.values())

    def has_room(self) -> bool:
        """Whether one more transfer may begin."""
        return sum(each.transfers for each in self._served.values()) < MOST_TRANSFERS

    def full(self) -> LaneFullError:
        """Return the error to raise without room; each caller gets a different pause."""
        return LaneFullError(self._spread.pause(self._clock()))

    @asynccontextmanager
    async def transfer(self, chat_id: int) -> AsyncIterator[None]:
        """Give the place back while files are transferred.

        Args:
            chat_id: A served chat.

        Raises:
            LaneFullError: Too many transfers are under way, or the service got into trouble
                meanwhile: then only the probing call is sent.
        """
        served = self._served.get(chat_id)
        if served is None or served.transfers:
            yield
            return
        if not self.has_room():
            raise self.full()
        served.transfers = served.transferred = True
        closings = self._gate.closings if self._gate else 0
        self._changed()
        try:
            yield
            self._ask_gate(closings)
            if not self._closed and (self._waiting or self.free() <= 0):
                place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                self._waiting.append((served, place))
                await place
                self._ask_gate(closings)
        finally:
            # After a failure nothing is sent any more, only written down: no place is waited for.
            self._takes_place(served)

    def _ask_gate(self, closings: int) -> None:
        """Raise if the gate was closed since then, and still is."""
        if self._gate is None or self._gate.closings == closings:
            return
        closed = self._gate.closed_for()
        if closed > 0:
            raise LaneFullError(closed)

    def hand_on(self) -> None:
        """Give free places to chats that come back from a transfer, in order."""
        while self._waiting and (self._closed or self.free() > 0):
            served, place = self._waiting.popleft()
            if not place.done():
                self._takes_place(served)
                place.set_result(None)

    def close(self) -> None:
        """Serve nobody new: everybody who waits for a place gets one."""
        self._closed = True
        self.hand_on()

    def _takes_place(self, served: _Served) -> None:
        if served.transfers:
            served.transfers = False
            served.began = self._clock()

    def _changed(self) -> None:
        self.hand_on()
        self.freed.set()

    def _calls(self) -> list[_Served]:
        return [each for each in self._served.values() if not each.transfers]

    def _slow_until(self) -> float:
        """Return the time until which a delivery must have begun to be slow by now."""
        return self._clock() - self.patience + _MOMENT

    def _is_overtaken(self, served: _Served) -> bool:
        return self._gate is not None and served.began < self._gate.blame.overtook

    @staticmethod
    def _clock() -> float:
        return asyncio.get_running_loop().time()


LONGEST_DELIVERY = 4 * 3600.0
"""Every call in a delivery is bounded, downloads and uploads at 15 minutes each; one that takes longer
than all of them together hangs, and with it a place that other chats need."""
BUG = "a bug, see the line before"
"""Why an item is held after one."""
_SHORTEST_NAP = 0.05


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
        self._wake = lane.freed = wake

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until ``stop``; deliveries under way are finished first."""
        async with asyncio.TaskGroup() as tasks:
            # One event for all that wakes the loop: it goes round for every delivery.
            stopping = asyncio.ensure_future(stop.wait())
            stopping.add_done_callback(lambda _: self._wake.set())
            try:
                while not stop.is_set():
                    self._wake.clear()
                    nap = self._start_due(tasks, stop)
                    await wait_any(self._wake, seconds=nap)
            finally:
                stopping.cancel()
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
            return LONGEST_NAP
        if self._room() <= 0:
            soon = (self._lane.until_slow(), self._lane.until_try() or None)
            nap = min([nap, *(each for each in soon if each is not None)])
        return min(max(nap, _SHORTEST_NAP), LONGEST_NAP)

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
        return LONGEST_NAP if due is None else due - self._now()

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
            return min(closed, fresh or LONGEST_NAP)
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
