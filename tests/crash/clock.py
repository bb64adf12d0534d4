"""A world whose time runs faster than ours, alike in several processes; no rule is bent for it.

A bridge waits 90 seconds before it believes that a doubtful call was not made, 15 for an agent's undo,
30 for an answer. Tests of real processes cannot wait so long, and shorter waits would be other rules.
So the clock is another one: the processes of one world agree on a moment and a speed, and everything
that asks for the time or waits for some, in the bridge as in the simulators, lives faster.
"""

from __future__ import annotations

import asyncio
import os
import selectors
import time
from dataclasses import dataclass, field

EPOCH = 1_793_000_000.0
VARIABLE = "CRASH_CLOCK"
_real_monotonic = time.monotonic


def bearable(speed: float) -> float:
    """A speed that this machine can keep up with.

    A minute of the world is a second of ours or less. On a busy machine a process does not get its turn
    for that long, and what is a pause there would be an outage in the world.

    Args:
        speed: For a machine that has nothing else to do.
    """
    waiting_for_each_core = os.getloadavg()[0] / (os.cpu_count() or 1)
    return speed / max(1.0, waiting_for_each_core)


@dataclass(frozen=True)
class FastClock:
    """The world's time.

    Attributes:
        speed: Seconds of the world in one of ours.
        began: Our monotonic clock, which all processes of a machine share, at the world's beginning.
    """

    speed: float
    began: float = field(default_factory=_real_monotonic)

    def monotonic(self) -> float:
        """Seconds since the world began."""
        return (_real_monotonic() - self.began) * self.speed

    def now(self) -> float:
        """Seconds since the epoch."""
        return EPOCH + self.monotonic()

    def loop(self) -> asyncio.AbstractEventLoop:
        """A new event loop that lives in this world."""
        return _FastLoop(self)

    def to_variable(self) -> str:
        """For another process's environment."""
        return f"{self.speed!r}:{self.began!r}"

    @classmethod
    def from_variable(cls, value: str) -> FastClock:
        """What another process meant."""
        speed, began = value.split(":")
        return cls(float(speed), float(began))


class _FastSelector(selectors.DefaultSelector):
    def __init__(self, speed: float) -> None:
        super().__init__()
        self._speed = speed

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        return super().select(timeout if timeout is None else timeout / self._speed)


class _FastLoop(asyncio.SelectorEventLoop):
    def __init__(self, clock: FastClock) -> None:
        self._clock = clock
        super().__init__(_FastSelector(clock.speed))

    def time(self) -> float:
        return self._clock.monotonic()
