"""MAX → inbox: long-poll for events and commit them, raw, together with the next marker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from maxbridge.core.delivery import State
from maxbridge.core.errors import ApiError, Failure, Invariant, Kind, RuleBrokenError, Scope
from maxbridge.core.events import Event
from maxbridge.core.keys import SKIP
from maxbridge.core.pace import Arrivals
from maxbridge.core.plan_backfill import KEPT, cut_short, cutoff, is_of_before, since_start
from maxbridge.engine.customers import Floods
from maxbridge.engine.gate import LONGEST_NAP, Gate, store_failure, unless_stopped, wait_any
from maxbridge.gaps.backfill import Backfill
from maxbridge.gaps.watch import GapWatch, read_all, to_item
from maxbridge.max.answers import classify_answer
from maxbridge.max.client import POLL_LIMIT, POLL_SECONDS, MaxClient, Page
from maxbridge.observe import log
from maxbridge.store.backfill import BackfillStore
from maxbridge.store.db import SQLITE_ERRORS
from maxbridge.store.inbox import InboxTable
from maxbridge.store.meta import FirstStartStore

MIN_DISTANCE = 0.52
"""Seconds between the arrivals of two polls at MAX, which allows 2 a second (contract max.md 1)."""
_WEBHOOK_CHECK = 600.0
_PARKED_LINE = 3600.0


class MaxPoller:
    """The loop; it is live once its first poll is answered and stored."""

    def __init__(
        self,
        inbox: InboxTable,
        polls: BackfillStore,
        client: MaxClient,
        gate: Gate,
        *,
        floods: Floods,
        gaps: GapWatch,
        backfill: Backfill,
        first_start: FirstStart,
        check_in_place: Callable[[], None],
        now: Callable[[], float],
        wake_writer: Callable[[], None],
    ) -> None:
        """Create the loop.

        Args:
            inbox: Holds the marker of the next poll.
            polls: Stores a poll's events.
            client: MAX.
            gate: Closed while MAX is in trouble.
            floods: Puts aside what a chat sends beyond its limit.
            gaps: Notices when events may be missing.
            backfill: Reads histories after a gap, before newer events are stored.
            first_start: Knows which events precede the very first start.
            check_in_place: Raises :class:`StoreError` if the database was deleted or replaced.
            now: Our clock.
            wake_writer: Called after new events are stored.
        """
        self._inbox = inbox
        self._polls = polls
        self._client = client
        self._gate = gate
        self._floods = floods
        self._gaps = gaps
        self._backfill = backfill
        self._first_start = first_start
        self._check_in_place = check_in_place
        self._now = now
        self._wake_writer = wake_writer
        self._log: Any = log.get("max_poller")
        self._arrivals = Arrivals()
        self._passed_over = 0
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
                # MAX keeps what it has not heard a marker for.
                if not await unless_stopped(self.step(), stop):
                    return
                apart = self._arrivals.wait(loop.time(), MIN_DISTANCE)
                closed = max(self._gate.closed_for(), apart)
            if closed > 0:
                await wait_any(stop, seconds=min(closed, LONGEST_NAP))

    async def step(self) -> None:
        """Poll once and store the result.

        Raises:
            StoreError: The database was deleted or replaced: another poll would acknowledge events
                that no database has.
        """
        try:
            self._check_in_place()
            if self._webhook and await self._webhook_is_active():
                return
            marker = self._inbox.marker()
            self._see_that_it_may_be_told()
            skipping = self._first_start.passes_over(marker)
            page = await self._poll(marker, 0 if self._is_urgent(skipping) else POLL_SECONDS)
            self._gate.loop.beat()
            read = await read_all(page.updates, self._log)
            events = [event for event, _ in read]
            first = self._first_start.first(marker)
            if first is None:
                self._gaps.detect()
            if marker is None:
                since = self._first_start.oldest() if first is None else first
                self._doubt(cut_short(events, since), since)
            await self._backfill.before(events, self._gate.loop.beat)
            new = self._store(page, read, marker, first)
            self._gaps.polled()
        except ApiError as error:
            self._gate.failed(error.failure)
            return
        except SQLITE_ERRORS as error:
            # Nothing was acknowledged: MAX gives the same events again.
            self._gate.failed(store_failure(error))
            return
        except RuleBrokenError as error:
            self._gate.loop.rule_broken(error, "events of MAX")
            self._gate.failed(Failure(error.rule.value, Kind.TRANSIENT, True, Scope.END))
            return
        if page.updates and page.marker is None:
            # Without a marker the same events would come again at once, for ever.
            self._gate.failed(classify_answer(200, None))
        else:
            self._gate.ok()
        if new:
            self._wake_writer()
        self._tell_unreadable()
        await self._watch_webhooks(page)

    def _see_that_it_may_be_told(self) -> None:
        """Check that the next marker and the events before it are committed.

        Raises:
            RuleBrokenError: They are not.
        """
        if not self._polls.is_settled():
            raise RuleBrokenError(Invariant.MARKER, "a commit is open")

    def _is_urgent(self, skipping: bool) -> bool:
        """Whether MAX should answer at once instead of waiting for events.

        Waiting events come at once anyway. Otherwise the answer itself is informative: polling
        works at all, or again, or no earlier events are left.
        """
        live = self._gate.loop.live.is_set()
        return skipping or not live or self._gate.probing or self._gaps.suspects()

    async def _poll(self, marker: int | None, seconds: int) -> Page:
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            return await self._client.updates(marker, seconds=seconds)
        finally:
            left = self._client.timing.left_at
            self._arrivals.answered(max(began, left or began), loop.time())

    def _doubt(self, chat_id: int | None, first: int) -> None:
        if chat_id is not None and self._polls.doubt(chat_id, first, self._now()):
            self._backfill.begin()

    def _store(
        self, page: Page, read: list[tuple[Event, str]], marker: int | None, first: int | None
    ) -> int:
        events = [event for event, _ in read]
        old = [first is not None and is_of_before(event.timestamp, first) for event in events]
        items = [
            to_item(payload, event, ignored=ignored)
            for (event, payload), ignored in zip(read, old, strict=True)
        ]
        following = page.marker
        if marker is not None and following is not None and following < marker:
            self._log.warning("MAX went back in its events", marker=marker, to=following)
        if not items and first is None and following in (None, marker):
            return 0
        # What is of before comes first; after the last of it there is something newer, or nothing.
        done = first is not None and len(items) < POLL_LIMIT and not (old and all(old))
        times = [event.timestamp for event in events if event.timestamp > 0]
        new = self._polls.store_page(
            items,
            following,
            self._now(),
            clears=SKIP if done else None,
            newest=times[-1] if times else None,
            sort=lambda each: self._floods.sorted_out(each, events),
        )
        self._floods.stored()
        if items:
            self._last_event = self._now()
            self._unreadable += sum(each.state is State.PARKED for each in items)
            self._log.debug("events stored", new=new, events=len(items), marker=following)
        self._passed_over += sum(old)
        if done:
            self._log.info(
                "first start: what was written before is not delivered",
                told_by_max=self._passed_over,  # without a marker MAX tells the latest event only
                marker=following,
            )
        return new

    def _tell_unreadable(self) -> None:
        """Log, at most once an hour, that native voice arrives as an event without sender (contract max.md 4)."""
        now = self._now()
        if not self._unreadable:
            return
        if self._told_at is not None and now - self._told_at < _PARKED_LINE:
            return
        self._log.warning(
            "events without a sender, kept as parked (MAX delivers voice messages so)",
            events=self._unreadable,
        )
        self._unreadable = 0
        self._told_at = now

    async def _watch_webhooks(self, page: Page) -> None:
        """Notice a webhook set up while we run; MAX then answers polls with no events and no error."""
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


# --- the very first start --------------------------------------------------------------------------


class FirstStart:
    """Decides which events are skipped; stores the moment of the start until that is decided."""

    def __init__(
        self,
        store: FirstStartStore,
        client: MaxClient,
        policy: str,
        *,
        now: Callable[[], float],
        lead: float,
    ) -> None:
        """Create it.

        Args:
            store: Its table.
            client: MAX, whose clock counts.
            policy: ``new`` or ``all``: what to do with earlier events.
            now: Our clock.
            lead: Seconds that the process has been running.
        """
        self._store = store
        self._client = client
        self._policy = policy
        self._now = now
        self._lead = lead
        self._began = 0.0
        self._is_takeover = False
        """``relink`` or ``import`` has decided; it counts until MAX has given a marker."""
        self._is_over = False
        """Once it is, it stays so: the store need not be asked at every poll."""
        self._log: Any = log.get("first_start")

    def begin(self) -> None:
        """Record the daemon's start. May raise SQLite's errors."""
        self._began = _steady() - self._lead
        self._is_takeover = self._store.is_decided()
        self._store.begin(self._now() - self._lead)

    def refused(self) -> None:
        """Forget the start: the daemon ends because of a wrong setting."""
        self._store.refused()

    def first(self, marker: int | None) -> int | None:
        """Return the moment from which events are delivered, in MAX's milliseconds.

        To be called after an answer of MAX: its clock is known then.

        Args:
            marker: The poll's marker.

        Returns:
            None if everything is delivered.
        """
        if not self.passes_over(marker):
            return None
        first = self._store.cutoff()
        if first is None:
            first = self._reckon()
            self._store.set_cutoff(first)
        return first

    def oldest(self) -> int:
        """Return the moment from which a chat's history is needed if nothing is skipped, in MAX's milliseconds.

        A takeover has found what is at the desk: for chats that are new since, everything that MAX
        still has is needed.
        """
        return cutoff(self._max_now(), KEPT) if self._is_takeover else self._reckon()

    def passes_over(self, marker: int | None) -> bool:
        """Whether this poll may bring events from before the start that are to be skipped."""
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
        return cutoff(self._max_now(), ago)

    def _max_now(self) -> float:
        max_now = self._client.timing.now()
        if max_now is None:
            self._log.warning("MAX does not tell its time; the first start goes by our clock")
            return self._now()
        return max_now


def _steady() -> float:
    return asyncio.get_running_loop().time()
