"""Ask the desk about single conversations, beside the walk along its list of changes.

An answered list shows that the desk works. So whatever such a call meets, even a 401 or no answer,
concerns that conversation alone: it is put aside, retried after a backoff of its own, and the walk
continues. What is put aside is stored, because the list's position moves past it, and shown by
``status`` until it has been examined.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from typing import Any

from maxbridge.core.errors import ApiError
from maxbridge.core.retry import RetryPolicy, next_try
from maxbridge.engine.customers import UnknownChatError
from maxbridge.engine.pool import MOST_CALLS, MOST_TYPICAL, REMEMBERED, patience_for
from maxbridge.observe import log
from maxbridge.store.readings import AsideTable

_MOST_ASIDE = 1_000
"""Conversations put aside that are remembered; further ones are asked for whenever they are listed."""
_LISTED = 86400.0
"""Seconds for which the list's sweeps show a conversation; after that it is asked for by itself."""
_MOST_BY_THEMSELVES = 20
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

Look = Callable[[float], Coroutine[Any, Any, None]]
"""Looks at a conversation and writes down what it found, given the desk time since which it is news."""


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
        self._took: deque[float] = deque(maxlen=REMEMBERED)

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

    async def one_ends(self, seconds: float) -> None:
        """Wait until a call has ended, but no longer than that."""
        if self._tasks:
            ended = asyncio.FIRST_COMPLETED
            await asyncio.wait(self._tasks.values(), timeout=seconds, return_when=ended)

    def take(self, number: int) -> asyncio.Task[None] | None:
        """Remove and return a conversation's finished call; None while it is under way."""
        if not self._tasks[number].done():
            return None
        took = asyncio.get_running_loop().time() - self._began.pop(number)
        if took < MOST_TYPICAL:
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


@dataclass(slots=True)
class _Aside:
    since: float
    """Desk time from which its replies are not history."""
    began_at: float
    """Our clock."""
    failures: int = 0
    next_at: float = 0.0
    """When it may be retried, our clock."""


class LookUps:
    """The conversations being asked about now, and those put aside."""

    def __init__(
        self,
        table: AsideTable,
        retry: RetryPolicy,
        *,
        now: Callable[[], float],
        jitter: Callable[[], float],
    ) -> None:
        self._table = table
        self._retry = retry
        self._now = now
        self._jitter = jitter
        self._running = SlowCalls("look_up")
        self._all: dict[int, _Aside] | None = None
        self._log: Any = log.get("look_ups")

    def begin(self) -> None:
        """Begin a new walk: collect the calls that have ended beside it.

        Raises:
            Exception: What a call raised that is neither the desk's nor MAX's failure, such as the
                store's.
        """
        for number, task in self._running.take_ended():
            self._end(number, task)

    def unlisted(self) -> list[int]:
        """Return some that have been put aside for so long that no sweep lists them; they are requested one by one."""
        now = self._now()
        old = [
            (each.next_at, one)
            for one, each in self._aside.items()
            if now - each.began_at > _LISTED
        ]
        return [one for _, one in sorted(old)[:_MOST_BY_THEMSELVES]]

    def since(self) -> float:
        """Earliest desk time of what is put aside; infinite if nothing is."""
        return min((each.since for each in self._aside.values()), default=math.inf)

    async def done(self, number: int, since: float, look: Look) -> bool:
        """Ask about a conversation, unless it is put aside for now.

        Args:
            number: The conversation.
            since: Desk time from which its replies are news, if it is put aside now.
            look: The call.

        Returns:
            False if it is unfinished and must be listed again.
        """
        if number in self._running:
            task = self._running.take(number)
            if task is None:
                return False
            self._end(number, task)
        aside = self._aside.get(number)
        # No pause is longer than that: else our clock was set back.
        if aside is not None and 0 < aside.next_at - self._now() <= self._retry.cap:
            return False
        if self._running.is_full:
            self._put(number, since)
            return False
        known_since = since if aside is None else min(since, aside.since)
        await self._running.begin(number, look(known_since))
        task = self._running.take(number)
        if task is None:
            self._put(number, since)
            return False
        return self._end(number, task, since)

    async def close(self) -> None:
        """Cancel the calls under way: they are made again at the next start."""
        await self._running.close()

    @property
    def _aside(self) -> dict[int, _Aside]:
        if self._all is None:
            self._all = {one: _Aside(since, at) for one, since, at in self._table.all()}
        return self._all

    def _end(self, number: int, task: asyncio.Task[None], since: float = math.inf) -> bool:
        """Handle the end of a call; True if it succeeded."""
        try:
            task.result()
        except UnknownChatError as error:
            # MAX's trouble, or a restore that is followed yet: the next walk may know.
            self._log.info("conversation not looked at", conversation=number, error=str(error))
            return False
        except ApiError as error:
            self._put(number, since)
            aside = self._aside.get(number)
            if aside is None:
                return False
            aside.failures += 1
            aside.next_at = next_try(
                error.failure,
                attempts=aside.failures,
                now=self._now(),
                jitter=self._jitter(),
                policy=self._retry,
            )
            if aside.failures == 1:
                self._log.warning(
                    "conversation put aside: it cannot be looked at, everything else goes on",
                    conversation=number,
                    error=str(error.failure),
                )
            return False
        self._over(number)
        return True

    def _put(self, number: int, since: float) -> None:
        """Store that a conversation has not been examined, before the list's position moves past it."""
        if number in self._aside or len(self._aside) >= _MOST_ASIDE or math.isinf(since):
            return
        now = self._now()
        self._table.put(number, since, now)
        self._aside[number] = _Aside(since, now)

    def _over(self, number: int) -> None:
        aside = self._aside.pop(number, None)
        if aside is None:
            return
        self._table.forget(number)
        if aside.failures:
            seconds = round(self._now() - aside.began_at)
            self._log.info(
                "conversation put aside: it was looked at", conversation=number, seconds=seconds
            )
