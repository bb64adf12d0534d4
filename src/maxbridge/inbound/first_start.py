"""The very first start: from which moment on events of MAX are delivered, by MAX's own clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from maxbridge.core.plan_backfill import cutoff, since_start
from maxbridge.max.client import MaxClient
from maxbridge.observe import log
from maxbridge.store.meta import FirstStartStore


class FirstStart:
    """Says which events are passed over; keeps the moment of the start in the store until that is over."""

    def __init__(
        self,
        store: FirstStartStore,
        client: MaxClient,
        policy: str,
        *,
        now: Callable[[], float],
        lead: float,
    ) -> None:
        """Prepare it.

        Args:
            store: The store's part.
            client: MAX, whose clock counts.
            policy: ``new`` or ``all``: what to do with events of before.
            now: Our clock.
            lead: For how many seconds the process has been running by now.
        """
        self._store = store
        self._client = client
        self._policy = policy
        self._now = now
        self._lead = lead
        self._began = 0.0
        self._is_over = False
        """Once it is, it stays so: the store need not be asked at every poll."""
        self._log: Any = log.get("first_start")

    def begin(self) -> None:
        """The daemon starts. May raise what SQLite raises."""
        self._began = _steady() - self._lead
        self._store.begin(self._now() - self._lead)

    def refused(self) -> None:
        """It ends because something is configured wrongly: that was no start."""
        self._store.refused()

    def first(self, marker: int | None) -> int | None:
        """The moment from which on events are delivered, in MAX's milliseconds.

        To be called when MAX has answered: its clock is known then.

        Args:
            marker: Of the poll.

        Returns:
            None when everything is delivered.
        """
        if not self.passes_over(marker):
            return None
        first = self._store.cutoff()
        if first is None:
            first = self._reckon()
            self._store.set_cutoff(first)
        return first

    def passes_over(self, marker: int | None) -> bool:
        """May what MAX gives to this poll be of before the start, and is it to be passed over?"""
        if self._is_over:
            return False
        if not self._store.is_decided():
            self._store.decide(skip=marker is None and self._policy == "new")
        self._is_over = not self._store.skips()
        return not self._is_over

    def _reckon(self) -> int:
        running = _steady() - self._began
        begun_at = self._store.begun_at()
        ago = since_start(
            self._now() - running if begun_at is None else begun_at, self._now(), running=running
        )
        max_now = self._client.timing.now()
        if max_now is None:
            self._log.warning("MAX does not tell its time; the first start goes by our clock")
            max_now = self._now()
        return cutoff(max_now, ago)


def _steady() -> float:
    return asyncio.get_running_loop().time()
