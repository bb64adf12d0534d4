"""Places in a queue: how many chats are served at once, and when a waiting chat gives its place back.

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
from collections import deque
from collections.abc import AsyncIterator, Collection, Coroutine, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from maxbridge.core.pace import Spread
from maxbridge.engine.gate import Gate

MOST_TRANSFERS = 64
"""Chats of one lane whose files are on their way or wait for their storage host."""
MOST_CALLS = 250
"""Calls of one lane, or of one loop, that are under way, however many of them hang; each has a connection."""
_LEAST_PAUSE = 2.0
_LONGEST_PAUSE = 500.0
_LEAST_PATIENCE = 0.5
_FACTOR = 3.0
_REMEMBERED = 15
_MOST_TYPICAL = 20.0
"""Seconds; what took longer was given up, and tells nothing of a service that answers."""
_MOMENT = 1e-3
_LONGEST_TRY = 30.0
_CALL_PATIENCE = 0.5
"""Seconds that a loop waits for a call of its own before it goes on beside it; half of that beside one that takes
longer already, a third beside two."""
_CALL_IMPATIENCE = 0.05
"""The same for a conversation whose last call hung."""
_HUNG = 5.0
"""Seconds after which such a call hangs, and is no reason any more to wait less for another one."""
_MOST_REMEMBERED = 10_000
_MOST_QUICK_CALLS = 8
"""Calls at once that do not take longer than usual: more would only make a busy service slower."""
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
        self._took: deque[float] = deque(maxlen=_REMEMBERED)
        self._spread = Spread(least=_LEAST_PAUSE, most=_LONGEST_PAUSE)
        self._closed = False
        self.freed = asyncio.Event()

    @property
    def served(self) -> set[int]:
        """Chats being served, with or without a place."""
        return set(self._served)

    @property
    def patience(self) -> float:
        """Seconds after which a delivery counts as slow, from the durations of the last ones."""
        return patience_for(self._took)

    def begins(self, chat_id: int) -> None:
        """A chat's delivery gets its turn."""
        self._served[chat_id] = _Served(self._clock())

    def ended(self, chat_id: int) -> None:
        """The delivery's turn has ended; the chat keeps its place."""
        served = self._served[chat_id]
        took = self._clock() - served.began
        if not served.transferred and took < _MOST_TYPICAL:
            self._took.append(took)

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
        calls = self._calls()
        quick = sum(not self._is_slow(each) for each in calls)
        counted = sum(not self._is_overtaken(each) for each in calls)
        room = min(self._width - quick, self._most - counted, MOST_CALLS - len(calls))
        if trouble_since is None:
            if room > 0:
                self._try_pause = 0.0
            return room
        probes = [each for each in calls if each.began >= trouble_since]
        quick = sum(not self._is_slow(each) for each in probes)
        return min(room, 1 - quick if len(probes) < _PROBES else 0)

    def until_slow(self) -> float | None:
        """Seconds until one of the served chats is slow and makes room; None if no delivery is under way."""
        now, patience = self._clock(), self.patience
        left = [each.began + patience - now for each in self._calls() if not self._is_slow(each)]
        return min(left, default=None)

    def hangs_for(self) -> float:
        """Seconds since the oldest slow call began; 0 if none is slow."""
        began = [each.began for each in self._calls() if self._is_slow(each)]
        return self._clock() - min(began) if began else 0.0

    def until_try(self) -> float | None:
        """Seconds until one more chat may be tried without a place; None while a call may still be quick."""
        calls = self._calls()
        if len(calls) >= 2 * MOST_CALLS or not all(map(self._is_slow, calls)):
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

    def _is_slow(self, served: _Served) -> bool:
        return self._clock() - served.began >= self.patience - _MOMENT

    def _is_overtaken(self, served: _Served) -> bool:
        return self._gate is not None and served.began < self._gate.blame.overtook

    @staticmethod
    def _clock() -> float:
        return asyncio.get_running_loop().time()


# --- calls of a loop that has no queue ---------------------------------------------------------------


class SlowCalls:
    """Calls for one conversation each: the loop waits for each a little, then goes on while it continues."""

    def __init__(self, name: str) -> None:
        """Create it without calls.

        Args:
            name: Name of the tasks, shown where a hanging loop is logged.
        """
        self._name = name
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._began: dict[int, float] = {}
        self._hung: set[int] = set()
        """Whose last call hung: the next one is hardly waited for."""
        self._took: deque[float] = deque(maxlen=_REMEMBERED)

    def __len__(self) -> int:
        return len(self._tasks)

    def __iter__(self) -> Iterator[int]:
        return iter(self._tasks)

    def __contains__(self, number: object) -> bool:
        return number in self._tasks

    @property
    def is_full(self) -> bool:
        """Whether so many calls are under way that another one must wait."""
        now, patience = asyncio.get_running_loop().time(), patience_for(self._took)
        quick = sum(now - began < patience for began in self._began.values())
        return quick >= _MOST_QUICK_CALLS or len(self._tasks) >= MOST_CALLS

    async def begin(self, number: int, work: Coroutine[Any, Any, None]) -> None:
        """Begin a call and wait for it a little.

        Args:
            number: The conversation; none of its calls is under way.
            work: The call.
        """
        now = asyncio.get_running_loop().time()
        beside = sum(now - self._began[each] < _HUNG for each in self._tasks)
        task = self._tasks[number] = asyncio.create_task(work, name=self._name)
        self._began[number] = now
        patience = _CALL_IMPATIENCE if number in self._hung else _CALL_PATIENCE
        await asyncio.wait({task}, timeout=patience / (1 + beside))

    def take(self, number: int) -> asyncio.Task[None] | None:
        """Remove and return a conversation's finished call; None while it is under way."""
        if not self._tasks[number].done():
            return None
        took = asyncio.get_running_loop().time() - self._began.pop(number)
        if took < _MOST_TYPICAL:
            self._took.append(took)
        if took < _HUNG:
            self._hung.discard(number)
        elif len(self._hung) < _MOST_REMEMBERED:
            self._hung.add(number)
        return self._tasks.pop(number)

    def take_ended(self) -> Iterator[tuple[int, asyncio.Task[None]]]:
        """Remove and yield finished calls; if the caller raises, the rest is taken the next time."""
        for number in list(self._tasks):
            if (task := self.take(number)) is not None:
                yield number, task

    async def close(self) -> None:
        """Cancel what is under way."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        self._tasks.clear()
        self._began.clear()
