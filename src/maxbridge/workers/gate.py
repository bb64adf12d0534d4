"""An end's gate: closed while the end as a whole is in trouble, so that nobody hammers it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from maxbridge.core.errors import Failure, Kind, Scope
from maxbridge.core.pace import Pace
from maxbridge.core.retry import RetryPolicy, backoff
from maxbridge.health import Loop

_MOMENT = 0.001
_CONFIG_PAUSE = 60.0
_ITEM_LIMIT = 3
"""Failures of so many chats without a success in between are the end's trouble."""


async def wait_any(*events: asyncio.Event, seconds: float | None = None) -> None:
    """Wait until one of the events is set or the time is over."""
    if any(event.is_set() for event in events):
        return
    waiters = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(
            waiters,
            timeout=None if seconds is None else max(0.0, seconds),
            return_when=asyncio.FIRST_COMPLETED,
        )
    finally:
        # Not awaited: a cancellation that came during that would be lost.
        for waiter in waiters:
            waiter.cancel()


async def unless_stopped(work: Coroutine[Any, Any, None], stop: asyncio.Event) -> bool:
    """Do some work, broken off when we are to stop.

    Returns:
        False when it was broken off.
    """
    # Under the name of whoever waits, so that a look at what hangs finds both.
    caller = asyncio.current_task()
    task = asyncio.create_task(work, name=caller.get_name() if caller else None)
    stopping = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
            return True
        return False
    finally:
        stopping.cancel()
        task.cancel()
        await asyncio.gather(task, stopping, return_exceptions=True)


async def take_turn(pace: Pace, key: int | None) -> None:
    """Wait for the next free slot of a pace."""
    wait = pace.reserve(key, asyncio.get_running_loop().time())
    if wait > 0:
        await asyncio.sleep(wait)


class Gate:
    """Opens at once after a success, and after a growing pause after each failure of the end.

    Attributes:
        loop: The health that is told of every success and failure.
    """

    def __init__(
        self,
        loop: Loop,
        policy: RetryPolicy,
        *,
        now: Callable[[], float],
        jitter: Callable[[], float],
    ) -> None:
        self.loop = loop
        self._policy = policy
        self._now = now
        self._jitter = jitter
        self._failures = 0
        self._failing: set[int] = set()
        self._opens_at = 0.0

    @property
    def probing(self) -> bool:
        """After trouble one call at a time is enough to find out."""
        return self._failures > 0

    def closed_for(self) -> float:
        """Seconds until the next call may be made; 0 when open."""
        left = self._opens_at - self._now()
        if left < _MOMENT:
            return 0.0
        if left > self._policy.cap:
            # No pause is that long: the clock was set back.
            left = self._policy.cap
            self._opens_at = self._now() + left
        return left

    def ok(self) -> None:
        """A call succeeded."""
        self._reopen()
        self.loop.ok()

    def answered(self) -> None:
        """The end answers, though nothing of the loop's own work has been done yet."""
        self._reopen()
        self.loop.answered()

    def _reopen(self) -> None:
        self._failures = 0
        self._failing.clear()
        self._opens_at = 0.0

    def failed(self, failure: Failure, whose: int | None = None) -> None:
        """A call failed.

        Args:
            failure: What happened.
            whose: The chat or ticket that it was made for: one that always fails is not the end's
                trouble, several without a success in between are. None where it was made for all,
                as a poll is: then the failure is the end's, whatever the answer was.
        """
        if whose is not None and failure.scope is not Scope.END:
            if failure.kind is Kind.PERMANENT:
                # The end is well: it said no to this one.
                return
            self._failing.add(whose)
            if len(self._failing) < _ITEM_LIMIT:
                return
        self._failures += 1
        pause = backoff(self._failures, self._jitter(), self._policy)
        if failure.kind is Kind.CONFIG:
            # Nothing changes until a person acts; asking every second would only fill logs.
            pause = max(pause, _CONFIG_PAUSE)
        if failure.retry_after is not None:
            pause = max(pause, min(failure.retry_after, self._policy.cap))
        self._opens_at = self._now() + pause
        self.loop.trouble(failure)
