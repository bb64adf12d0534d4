"""An event loop on virtual time: hours of waiting pass at once and always in the same order.

A test on it cannot be too slow, however busy the machine is, so no clock on the wall limits it. What
hangs is found by what it does: nothing can ever happen, the time stands still, the turns never end, or
one piece of code keeps the processor for ever.
"""

from __future__ import annotations

import asyncio
import functools
import io
import selectors
import signal
import threading
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Executor
from types import FrameType
from typing import Any, NoReturn, ParamSpec, TypeVar, TypeVarTuple, Unpack

import pytest

EPOCH = 1_793_000_000.0
"""The moment all virtual time starts at; the samples of the contracts have it too."""

STILL = 200_000
"""Turns of the loop without time passing; the most that a test needs is MOSTSTILL."""
TURNS = 50_000_000
"""Turns of the loop altogether; the most that a test needs is MOSTTURNS."""
WORK = 1800.0
"""Seconds of this process's own CPU time, which a busy machine does not use up; tests need some."""
REAL = 600.0
"""Seconds for which a real socket may stay silent when nothing else can happen."""

T = TypeVar("T")
P = ParamSpec("P")
Ts = TypeVarTuple("Ts")


class Hung(BaseException):
    """What runs on virtual time will never end; no error that a program may handle, to go on."""


class JumpingSelector(selectors.BaseSelector):
    """Polls the real selector; where that one would wait, it moves the virtual time instead."""

    def __init__(self, jump: Callable[[float], None]) -> None:
        self._real = selectors.DefaultSelector()
        self._jump = jump
        self._turns = self._still = 0

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.modify(fileobj, events, data)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self._turns += 1
        self._still += 1
        if self._still > STILL or self._turns > TURNS:
            self._give_up()
        ready = self._real.select(0)
        if ready or timeout == 0:
            return ready
        if timeout is not None:
            self._still = 0
            self._jump(timeout)
            return []
        # The loop's own wake-up pipe is always there; with nothing beside it nothing can ever come.
        if len(self._real.get_map()) > 1:
            ready = self._real.select(REAL)
        if not ready:
            raise RuntimeError(f"deadlock: every task waits and no timer is set\n{_tasks()}")
        return ready

    def _give_up(self) -> NoReturn:
        what = f"the time stands still for {STILL}" if self._still > STILL else f"no end in {TURNS}"
        self._turns = self._still = 0  # the tasks get their turns again to end in
        raise RuntimeError(f"hung: {what} turns of the loop\n{_tasks()}")

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

    def run_forever(self) -> None:
        """Run; code that keeps the processor for ever is ended by a limit on CPU time.

        A signal is all that can end it, and only the main thread gets signals.
        """
        if threading.current_thread() is not threading.main_thread():
            super().run_forever()
            return
        before = signal.signal(signal.SIGPROF, _worked_too_long)
        signal.setitimer(signal.ITIMER_PROF, WORK)
        try:
            super().run_forever()
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.signal(signal.SIGPROF, before)

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


def _worked_too_long(_number: int, _frame: FrameType | None) -> NoReturn:
    raise Hung(f"hung: {WORK} s of work\n{_tasks()}")


def _tasks() -> str:
    """Where every task stands, for whoever has to find out why nothing happens."""
    out = io.StringIO()
    try:
        tasks = asyncio.all_tasks()
    except RuntimeError:  # between two turns
        tasks = set()
    for task in tasks:
        task.print_stack(file=out)
    return out.getvalue()


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
    """Make an async test run on virtual time, unlimited by the real one; its fixtures must not be async."""

    @functools.wraps(test)
    def plain(*args: P.args, **kwargs: P.kwargs) -> None:
        run(test(*args, **kwargs))

    unlimited: Callable[P, None] = pytest.mark.timeout(0)(plain)
    return unlimited
