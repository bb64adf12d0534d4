"""MAX → inbox: long-polls for events and commits them, raw, together with the marker behind them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from maxbridge import log
from maxbridge.core.errors import ApiError, Failure, Kind, Scope
from maxbridge.core.events import Event
from maxbridge.max.client import POLL_LIMIT, POLL_SECONDS, MaxClient, Page
from maxbridge.max.failures import classify_answer
from maxbridge.store.db import SQLITE_ERRORS
from maxbridge.store.journal import Journal
from maxbridge.store.states import State
from maxbridge.workers.backfill import Backfill
from maxbridge.workers.gap_watch import GapWatch
from maxbridge.workers.gate import Gate, unless_stopped, wait_any
from maxbridge.workers.pool import store_failure
from maxbridge.workers.updates import read_update, to_item

MIN_DISTANCE = 0.52
"""Seconds between the starts of two polls: MAX allows 2 a second (contract max.md 1)."""
_STARTED = "started"
_SKIP = "skip_backlog"
_WEBHOOK_CHECK = 600.0
_PARKED_LINE = 3600.0


class MaxPoller:
    """The loop.

    Attributes:
        live: Set once whatever is written from now on is delivered: the backlog of before a first start
            with ``new`` is behind us.
    """

    def __init__(
        self,
        journal: Journal,
        client: MaxClient,
        gate: Gate,
        *,
        gaps: GapWatch,
        backfill: Backfill,
        first_start: str,
        now: Callable[[], float],
        wake_writer: Callable[[], None],
    ) -> None:
        """Prepare the loop.

        Args:
            journal: The store.
            client: MAX.
            gate: Closed while MAX is in trouble.
            gaps: Notices when events may be missing.
            backfill: Reads histories after a gap, before newer events are stored.
            first_start: ``new`` or ``all``: what to do with events from before the first poll.
            now: Our clock.
            wake_writer: Called after new events are stored.
        """
        self._journal = journal
        self._client = client
        self._gate = gate
        self._gaps = gaps
        self._backfill = backfill
        self._first_start = first_start
        self._now = now
        self._wake_writer = wake_writer
        self._log: Any = log.get("max_poller")
        self.live = asyncio.Event()
        self._last_event = now()
        self._webhook = False
        self._unreadable = 0
        self._told_at: float | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Poll until stopped."""
        loop = asyncio.get_running_loop()
        while not stop.is_set():
            self._gate.loop.beat()
            closed = self._gate.closed_for()
            if closed == 0:
                started = loop.time()
                # MAX keeps what it has not heard a marker for.
                if not await unless_stopped(self.step(), stop):
                    return
                closed = max(self._gate.closed_for(), started + MIN_DISTANCE - loop.time())
            if closed > 0:
                await wait_any(stop, seconds=closed)

    async def step(self) -> None:
        """One poll: ask, store, report.

        Raises:
            StoreError: The database was deleted or replaced: asking MAX for more would acknowledge
                events that are in no database any more.
        """
        try:
            self._journal.db.check_in_place()
            if self._webhook and await self._webhook_is_active():
                return
            marker = self._journal.inbox.marker()
            skipping = self._skips(marker)
            # What comes at once is the backlog of before; what must be waited for is new.
            at_once = skipping or self._gaps.suspects()
            page = await self._client.updates(marker, seconds=0 if at_once else POLL_SECONDS)
            self._gate.loop.beat()
            events = [read_update(raw, self._log) for raw in page.updates]
            if not skipping:
                self._gaps.look()
                await self._backfill.before(events, self._gate.loop.beat)
            new = self._store(page, events, marker, skipping=skipping)
            self._gaps.polled()
        except ApiError as error:
            self._gate.failed(error.failure)
            return
        except SQLITE_ERRORS as error:
            # Nothing was acknowledged: MAX gives the same events again.
            self._gate.failed(store_failure(error))
            return
        if page.updates and page.marker is None:
            # Without a marker the same events would come again at once, for ever.
            self._gate.failed(classify_answer(200, None))
        else:
            self._gate.ok()
        if new and not skipping:
            self._wake_writer()
        self._tell_unreadable()
        await self._watch_webhooks(page)

    def _skips(self, marker: int | None) -> bool:
        """Is this still the backlog of before a first start with ``new``?"""
        if not self.live.is_set():
            if not self._journal.flag(_STARTED):
                self._journal.set_flag(_SKIP, value=marker is None and self._first_start == "new")
                self._journal.set_flag(_STARTED, value=True)
            if not self._journal.flag(_SKIP):
                self.live.set()
        return not self.live.is_set()

    def _store(self, page: Page, events: list[Event], marker: int | None, *, skipping: bool) -> int:
        items = [
            to_item(raw, event, ignored=skipping)
            for raw, event in zip(page.updates, events, strict=True)
        ]
        following = page.marker
        if marker is not None and following is not None and following < marker:
            self._log.warning("MAX went back in its events", marker=marker, to=following)
        if not items and not skipping and following in (None, marker):
            return 0
        done = skipping and len(items) < POLL_LIMIT
        times = [event.timestamp for event in events if event.timestamp > 0]
        new = self._journal.store_page(
            items,
            following,
            self._now(),
            clears=_SKIP if done else None,
            newest=times[-1] if times else None,
        )
        if items:
            self._last_event = self._now()
            self._unreadable += sum(each.state is State.PARKED for each in items)
            self._log.debug("events stored", new=new, events=len(items), marker=following)
        if done:
            self.live.set()
            self._log.info("first start: events of before are not delivered", marker=following)
        return new

    def _tell_unreadable(self) -> None:
        """Native voice arrives as an event without sender (contract max.md 4): one line an hour."""
        now = self._now()
        if not self._unreadable:
            return
        if self._told_at is not None and now - self._told_at < _PARKED_LINE:
            return
        self._log.warning(
            "events without sender, kept as parked (MAX delivers native voice so)",
            events=self._unreadable,
        )
        self._unreadable = 0
        self._told_at = now

    async def _watch_webhooks(self, page: Page) -> None:
        """Somebody may set up a webhook while we run; MAX then stays silent without an error."""
        if page.updates or self._now() - self._last_event < _WEBHOOK_CHECK:
            return
        self._last_event = self._now()
        try:
            await self._webhook_is_active()
        except ApiError as error:
            self._gate.failed(error.failure)
        except SQLITE_ERRORS as error:
            self._gate.failed(store_failure(error))

    async def _webhook_is_active(self) -> bool:
        self._webhook = bool(await self._client.webhooks())
        if self._webhook:
            self._gaps.webhook()
            self._gate.failed(Failure("max.webhook", Kind.CONFIG, True, Scope.END))
        return self._webhook
