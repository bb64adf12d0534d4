"""An event loop on virtual time: hours of waiting pass at once and always in the same order."""

from __future__ import annotations

import asyncio
import functools
import selectors
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Executor
from typing import Any, ParamSpec, TypeVar, TypeVarTuple, Unpack

EPOCH = 1_793_000_000.0
"""The moment all virtual time starts at; the samples of the contracts have it too."""

T = TypeVar("T")
P = ParamSpec("P")
Ts = TypeVarTuple("Ts")


class JumpingSelector(selectors.BaseSelector):
    """Polls the real selector; where that one would wait, it moves the virtual time instead."""

    def __init__(self, jump: Callable[[float], None]) -> None:
        self._real = selectors.DefaultSelector()
        self._jump = jump

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.modify(fileobj, events, data)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = self._real.select(0)
        if ready or timeout == 0:
            return ready
        if timeout is not None:
            self._jump(timeout)
            return []
        # The loop's own wake-up pipe is always there; with nothing beside it nothing can ever come.
        if len(self._real.get_map()) <= 1:
            raise RuntimeError("deadlock: every task waits and no timer is set")
        return self._real.select(None)

    def close(self) -> None:
        self._real.close()

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map()


class VirtualLoop(asyncio.SelectorEventLoop):
    """A selector loop whose clock stands still while anything runs and jumps to the next timer."""

    def __init__(self) -> None:
        self._virtual = 0.0
        super().__init__(JumpingSelector(self.jump))
        # asyncio's nanosecond is lost in a float after some months: a due timer would never run.
        self._clock_resolution = 1e-6

    def time(self) -> float:
        return self._virtual

    def jump(self, seconds: float) -> None:
        """Move the time forward without running anything."""
        self._virtual += seconds

    # A thread would take real time, during which virtual time would run away.
    def run_in_executor(
        self,
        executor: Executor | None,  # noqa: ARG002 - the signature is asyncio's
        func: Callable[[Unpack[Ts]], T],
        *args: *Ts,
    ) -> asyncio.Future[T]:
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - it belongs to whoever awaits the future
            future.set_exception(error)
        return future


class Clock:
    """The wall clock of the virtual world: ``clock.now`` is what the code under test gets as *now*.

    It follows the loop it is given or else the running one. ``skew`` is added to what it tells, so
    that a test can give two parties clocks that disagree, or set a clock back.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop | None = None, *, epoch: float = EPOCH
    ) -> None:
        self._loop = loop
        self.epoch = epoch
        self.skew = 0.0

    def now(self) -> float:
        loop = self._loop or asyncio.get_running_loop()
        return self.epoch + loop.time() + self.skew


def run(coro: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end on a loop of its own, on virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(coro)


def virtual(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Make an async test run on virtual time; its fixtures must not be async."""

    @functools.wraps(test)
    def plain(*args: P.args, **kwargs: P.kwargs) -> None:
        run(test(*args, **kwargs))

    return plain
