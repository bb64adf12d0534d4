"""How long the demo waits: as long as anything happens, and longer the slower the machine is.

Bridge and both ends run in one event loop with whoever waits here. So patience is counted in rounds of that
loop, not in seconds: where the machine has no time for the demo, a round takes longer.
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
        rounds: How many it has taken so far.
    """

    def __init__(self, progress: Callable[[], object]) -> None:
        """Begin to wait.

        Args:
            progress: Anything that changes whenever something happens.
        """
        self._progress = progress
        self._clock = asyncio.get_running_loop().time
        self._began = self._moved_at = self._clock()
        self._seen = progress()
        self._still = 0
        self.rounds = 0

    @property
    def is_over(self) -> bool:
        """Has nothing happened for so long that nothing will?"""
        return self._still >= QUIET

    @property
    def seconds(self) -> float:
        """How long the wait has taken."""
        return self._clock() - self._began

    @property
    def quiet(self) -> float:
        """How long nothing has happened, in seconds."""
        return self._clock() - self._moved_at

    async def round(self) -> None:
        """Let everything else have a turn."""
        await asyncio.sleep(TICK)
        self.rounds += 1
        self._still += 1
        seen = self._progress()
        if seen != self._seen:
            self._seen = seen
            self._still = 0
            self._moved_at = self._clock()
