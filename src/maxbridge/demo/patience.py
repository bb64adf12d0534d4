"""How long the demo waits: as long as anything happens, and longer on a slow machine.

Bridge, simulators and the waiting code share one event loop. So patience is counted in rounds of
that loop, not in seconds: if the machine is busy, a round takes longer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

TICK = 0.05
"""Seconds of a round on a machine that has nothing else to do."""
QUIET = 3600
"""So many rounds without any change end the hope: three minutes at least. After a call whose answer never
came the bridge itself waits a minute and a half before it asks whether it was done."""
TOLD = 300
"""After so many rounds the person is told what is waited for."""


class Patience:
    """One wait.

    Attributes:
        rounds: Rounds so far.
    """

    def __init__(self, progress: Callable[[], object]) -> None:
        """Begin to wait.

        Args:
            progress: Returns a value that changes whenever something happens.
        """
        self._progress = progress
        self._clock = asyncio.get_running_loop().time
        self._began = self._moved_at = self._clock()
        self._seen = progress()
        self._still = 0
        self.rounds = 0

    @property
    def is_over(self) -> bool:
        """Whether nothing has happened for so long that nothing will."""
        return self._still >= QUIET

    @property
    def seconds(self) -> float:
        """Seconds since the wait began."""
        return self._clock() - self._began

    @property
    def quiet(self) -> float:
        """Seconds since something last happened."""
        return self._clock() - self._moved_at

    async def round(self) -> None:
        """Let all other tasks run."""
        await asyncio.sleep(TICK)
        self.rounds += 1
        self._still += 1
        seen = self._progress()
        if seen != self._seen:
            self._seen = seen
            self._still = 0
            self._moved_at = self._clock()
