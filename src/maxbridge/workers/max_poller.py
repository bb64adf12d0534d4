"""MAX → inbox: long-polls for events and commits them, raw, together with the marker behind them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from maxbridge import log
from maxbridge.core.errors import ApiError, Failure, Kind, Scope
from maxbridge.core.events import What
from maxbridge.max.client import POLL_LIMIT, POLL_SECONDS, MaxClient, Page
from maxbridge.max.failures import classify_answer
from maxbridge.max.parse import canonical, hash_key, parse_update
from maxbridge.store.db import SQLITE_ERRORS
from maxbridge.store.inbox import NewUpdate
from maxbridge.store.journal import Journal
from maxbridge.store.states import State
from maxbridge.workers.gate import Gate, wait_any
from maxbridge.workers.pool import store_failure

MIN_DISTANCE = 0.52
"""Seconds between the starts of two polls: MAX allows 2 a second (contract max.md 1)."""
_STARTED = "started"
_SKIP = "skip_backlog"
_WEBHOOK_CHECK = 600.0
_PARKED_LINE = 3600.0


class MaxPoller:
    """The loop."""

    def __init__(
        self,
        journal: Journal,
        client: MaxClient,
        gate: Gate,
        *,
        first_start: str,
        now: Callable[[], float],
        wake_writer: Callable[[], None],
    ) -> None:
        """Prepare the loop.

        Args:
            journal: The store.
            client: MAX.
            gate: Closed while MAX is in trouble.
            first_start: ``new`` or ``all``: what to do with events from before the first poll.
            now: Our clock.
            wake_writer: Called after new events are stored.
        """
        self._journal = journal
        self._client = client
        self._gate = gate
        self._first_start = first_start
        self._now = now
        self._wake_writer = wake_writer
        self._log: Any = log.get("max_poller")
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
                if not await self._interruptible(stop):
                    return
                closed = max(self._gate.closed_for(), started + MIN_DISTANCE - loop.time())
            if closed > 0:
                await wait_any(stop, seconds=closed)

    async def _interruptible(self, stop: asyncio.Event) -> bool:
        """One poll, broken off when we are to stop: MAX keeps what it has not heard a marker for."""
        poll = asyncio.ensure_future(self.step())
        stopping = asyncio.ensure_future(stop.wait())
        try:
            await asyncio.wait({poll, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if poll.done():
                poll.result()
                return True
            return False
        finally:
            stopping.cancel()
            poll.cancel()
            await asyncio.gather(poll, stopping, return_exceptions=True)

    async def step(self) -> None:
        """One poll: ask, store, report."""
        try:
            if self._webhook and await self._webhook_is_active():
                return
            marker = self._journal.inbox.marker()
            if not self._journal.flag(_STARTED):
                self._journal.set_flag(_SKIP, value=marker is None and self._first_start == "new")
                self._journal.set_flag(_STARTED, value=True)
            skipping = self._journal.flag(_SKIP)
            # What comes at once is the backlog of before; what must be waited for is new.
            page = await self._client.updates(marker, seconds=0 if skipping else POLL_SECONDS)
            new = self._store(page, marker, skipping=skipping)
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

    def _store(self, page: Page, marker: int | None, *, skipping: bool) -> int:
        updates = [self._new_update(raw, skipping=skipping) for raw in page.updates]
        following = page.marker
        if marker is not None and following is not None and following < marker:
            self._log.warning("MAX went back in its events", marker=marker, to=following)
        done = skipping and len(updates) < POLL_LIMIT
        clears = _SKIP if done else None
        new = self._journal.store_page(updates, following, self._now(), clears=clears)
        if updates:
            self._last_event = self._now()
            self._log.debug("events stored", new=new, events=len(updates), marker=following)
        if done:
            self._log.info("first start: events of before are not delivered", marker=following)
        return new

    def _new_update(self, raw: Any, *, skipping: bool) -> NewUpdate:
        payload = canonical(raw)
        try:
            event = parse_update(raw)
        except Exception as error:  # noqa: BLE001 - no event may ever block the marker
            self._log.error("bug: event parked", error=type(error).__name__, at=log.where(error))
            return NewUpdate(hash_key(raw), "?", payload, None, state=State.PARKED)
        state = State.QUEUED
        if skipping:
            state = State.IGNORED
        elif event.what is What.UNREADABLE:
            state = State.PARKED
            self._unreadable += 1
        return NewUpdate(
            key=event.key,
            update_type=event.update_type,
            payload=payload,
            chat_id=event.chat_id,
            user_id=event.sender.user_id if event.sender else None,
            state=state,
        )

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

    async def _webhook_is_active(self) -> bool:
        self._webhook = bool(await self._client.webhooks())
        if self._webhook:
            self._gate.failed(Failure("max.webhook", Kind.CONFIG, True, Scope.END))
        return self._webhook
