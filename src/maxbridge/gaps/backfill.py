"""After a gap: read the histories of known dialogs and store what polling did not bring.

Order: before the poller stores events of a chat whose history is still unread, that history is read
and stored (:meth:`Backfill.before`). So older messages always reach the inbox first, other chats do
not wait, and polling continues at once. The other dialogs are read in the background, recently
active ones first, at three requests a second: with the sender's 25 and the poller's 2 that is MAX's
limit (contract max.md 1).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from maxbridge.core.errors import ApiError, Failure, Kind, Scope
from maxbridge.core.events import Event
from maxbridge.core.pace import Pace
from maxbridge.core.plan_backfill import sift
from maxbridge.core.retry import RetryPolicy, backoff
from maxbridge.engine.customers import Floods
from maxbridge.engine.gate import Gate, store_failure, take_turn, unless_stopped, wait_any
from maxbridge.gaps.watch import from_history, read_all, to_item
from maxbridge.max.client import HISTORY_PAGE, MaxClient
from maxbridge.observe import log
from maxbridge.observe.health import Loop
from maxbridge.store.backfill import BackfillStore, Unread
from maxbridge.store.db import SQLITE_ERRORS
from maxbridge.store.meta import MetaTable

EVERY = 1 / 3
"""Seconds between two readings of a history."""
FIRST_PAGE = 20
"""Most chats have nothing new: their newest messages are enough to see it."""
MOST_PAGES = 20
"""Of one chat; its messages are in memory until they are stored together."""
_MOST_WAITS = 5
"""Rounds in which the poller waits for a history that cannot be read; then events come first."""
_MOST_TRIES = 20
"""Of one chat that fails alone, an hour and more; then it counts as unread."""
_LONGEST_NAP = 600.0


class Backfill:
    """Reads the histories that are still to be read."""

    def __init__(
        self,
        gaps: BackfillStore,
        meta: MetaTable,
        client: MaxClient,
        policy: RetryPolicy,
        *,
        floods: Floods,
        now: Callable[[], float],
        jitter: Callable[[], float],
        wake_writer: Callable[[], None],
    ) -> None:
        """Create it.

        Args:
            gaps: Which histories are to be read.
            meta: Knows our bot.
            client: MAX.
            policy: The times between tries.
            floods: Puts aside what a chat has sent beyond its limit.
            now: Our clock.
            jitter: Random numbers in [0, 1).
            wake_writer: Called after messages are stored.
        """
        self._gaps = gaps
        self._meta = meta
        self._client = client
        self._policy = policy
        self._floods = floods
        self._now = now
        self._jitter = jitter
        self._wake_writer = wake_writer
        self._log: Any = log.get("backfill")
        # Its troubles are told in the log; ``status`` shows the gap and what is left of it.
        self._gate = Gate(Loop("backfill", now, lambda: None), policy, now=now, jitter=jitter)
        self._pace = Pace(per_key=0.0, overall=EVERY)
        self._reading = asyncio.Lock()
        self._wake = asyncio.Event()
        self._waits = 0
        self._unfinished = False
        self._beat: Callable[[], None] | None = None
        """Of the poller, while it waits for a history: one may be long."""

    def begin(self) -> None:
        """Histories are to be read from now on."""
        self._waits = 0
        self._unfinished = True
        self._wake.set()

    async def before(self, events: Iterable[Event], beat: Callable[[], None]) -> None:
        """Read the histories that must precede these events.

        Args:
            events: A poll's events, not yet stored.
            beat: Called after each page and each history: it may take a while.

        Raises:
            ApiError: A history could not be read now. Make the poll again: MAX gives the same
                events. After some rounds they are stored without it: MAX keeps them for a day only,
                and losing them is worse than a wrong order.
        """
        chats = {event.chat_id for event in events if event.chat_id is not None}
        if not chats or self._waits > _MOST_WAITS or not self._gaps.of(chats):
            return
        failure: Failure | None = None
        self._beat = beat
        try:
            async with self._reading:
                for row in self._gaps.of(chats):
                    failure = await self._attempt(row) or failure
                    beat()
                    if failure is not None and failure.scope is Scope.END:
                        break
        finally:
            self._beat = None
        if failure is None:
            self._waits = 0
            return
        self._waits += 1
        if self._waits <= _MOST_WAITS:
            raise ApiError(failure)
        self._log.warning("events are stored before the history of their chat", error=str(failure))

    # --- in the background -----------------------------------------------------------------------

    async def run(self, stop: asyncio.Event) -> None:
        """Read unread histories until stopped."""
        while not stop.is_set():
            self._wake.clear()
            nap = self._gate.closed_for()
            if nap == 0 and not await unless_stopped(self.step(), stop):
                return
            await wait_any(stop, self._wake, seconds=nap or self._nap())

    async def step(self) -> None:
        """Read one history, if one is due."""
        try:
            async with self._reading:
                row = self._gaps.next(self._now())
                if row is None:
                    self._tell_end()
                    return
                self._unfinished = True
                failure = await self._attempt(row)
        except SQLITE_ERRORS as error:
            self._gate.failed(store_failure(error))
            return
        if failure is None:
            self._waits = 0
            self._gate.ok()
        else:
            self._gate.failed_for(row.chat_id, row.chat_id, failure)

    def _nap(self) -> float:
        try:
            due = self._gaps.next_due()
        except SQLITE_ERRORS as error:
            self._gate.failed(store_failure(error))
            return _LONGEST_NAP
        if due is None:
            return _LONGEST_NAP
        return min(max(due - self._now(), 0.0), _LONGEST_NAP)

    # --- one history -----------------------------------------------------------------------------

    async def _attempt(self, row: Unread) -> Failure | None:
        """Read one history and store it; None if that chat needs no further attempt."""
        try:
            found = await self._read(row)
        except ApiError as error:
            return self._failed(row, error.failure)
        except SQLITE_ERRORS:
            raise
        except Exception as error:  # noqa: BLE001 - a bug costs this history, not the loop
            self._log.critical(
                "bug: history not read",
                chat=row.chat_id,
                error=type(error).__name__,
                at=log.where(error),
            )
            self._gaps.give_up(row.chat_id)
            return None
        events = [event for event, _ in found]
        new = self._gaps.finish(
            row.chat_id,
            [to_item(payload, event) for event, payload in found],
            self._now(),
            sort=lambda items: self._floods.sorted_out(items, events),
        )
        self._floods.stored()
        if new:
            self._log.info("messages of a gap stored", chat=row.chat_id, messages=new)
            self._wake_writer()
        return None

    def _failed(self, row: Unread, failure: Failure) -> Failure | None:
        if failure.code == "max.blocked":
            # It can be read when the customer is back (contract max.md 6).
            self._gaps.park(row.chat_id)
        elif failure.code == "max.chat_gone":
            self._gaps.finish(row.chat_id, (), self._now())
        elif failure.kind is Kind.PERMANENT or (
            failure.code == "max.server_error" and row.attempts >= _MOST_TRIES
        ):
            self._gaps.give_up(row.chat_id)
            self._log.warning("history cannot be read", chat=row.chat_id, error=str(failure))
        else:
            if failure.scope is not Scope.END:
                pause = backoff(row.attempts + 1, self._jitter(), self._policy)
                self._gaps.put_off(row.chat_id, self._now() + pause)
            return failure
        return None

    async def _read(self, row: Unread) -> list[tuple[Event, str]]:
        """Return the gap's messages in a chat's history, oldest first, each with its stored form.

        Raises:
            ApiError: It could not be read.
        """
        bot_id = self._meta.bot_id() or 0
        found: list[tuple[Event, str]] = []
        seen: set[str] = set()
        before: int | None = None
        whole = False
        for number in range(MOST_PAGES):
            count = HISTORY_PAGE if number else FIRST_PAGE
            await take_turn(self._pace, None)
            page = await self._client.messages(row.chat_id, before=before, count=count)
            if self._beat is not None:
                self._beat()
            read = await read_all((from_history(each) for each in page), self._log)
            events = [event for event, _ in read]
            keys = {event.key for event in events}
            sifted = sift(
                events,
                since=row.since,
                known=self._gaps.known(keys, row.watermark),
                seen=seen,
                bot_id=bot_id,
            )
            found += [read[at] for at in sifted.fresh]
            seen |= keys
            before = sifted.before
            whole = len(page) < count or (before is None and not sifted.stuck)
            if whole or sifted.stuck:
                break
        if not whole:
            self._log.warning(
                "older messages of the gap are left out", chat=row.chat_id, messages=len(found)
            )
        found.reverse()
        found.sort(key=lambda each: each[0].timestamp)
        return found

    def _tell_end(self) -> None:
        gap = self._gaps.gap()
        if self._unfinished and gap is not None and gap.left == 0:
            self._unfinished = False
            self._log.info(
                "histories of the gap are read", messages=gap.messages, unread=gap.unread
            )
