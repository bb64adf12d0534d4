"""Desk → outbox: notice changed tickets and read them when they are due.

Two independent steps. *Noticing* follows the list of changed conversations and commits which of
ours must be read together with the list's position, so nothing is missed if a reading fails.
*Reading* judges the threads of one ticket (:mod:`maxbridge.outbound.reading`).
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, NamedTuple

from maxbridge.core.blame import SEVERAL, Whose
from maxbridge.core.errors import ApiError, Failure, RuleBrokenError
from maxbridge.core.retry import backoff
from maxbridge.engine.customers import OwnChats, UnknownChatError
from maxbridge.engine.gate import LONGEST_NAP, Gate, store_failure, wait_any
from maxbridge.freescout.client import FreeScoutClient
from maxbridge.freescout.failures import ASKS_TO_WAIT, is_ticket_gone
from maxbridge.observe import log
from maxbridge.outbound.adoption import Adoption, AdoptionTables
from maxbridge.outbound.look_ups import LookUps, SlowCalls
from maxbridge.outbound.notice import ASK_EVERY, ASK_SLOWLY, DeskNotice
from maxbridge.outbound.reading import PollerPolicy, ReadingTables, TicketReader
from maxbridge.store.db import SQLITE_ERRORS
from maxbridge.store.readings import AsideTable
from maxbridge.store.records import TicketRecord
from maxbridge.store.snapshot import UNREADABLE

_READS_IN_A_ROW = 50
_READS_FOR = 0.5
"""Seconds after which it is asked again what is due: a reply may be, by then, and comes before other changes."""
_UNREADABLE_PAUSE = 1800.0
"""Seconds until a ticket is read again whose readings fail while others succeed."""
_FULL_NAP = 0.25
"""Seconds until it is seen again whether a reading has ended, where no further one may begin."""
_TOLD_AFTER = 600.0
"""Seconds after which agents are told that their ticket cannot be read."""
_MAX_AWAY_PAUSE = 15.0
"""Seconds until a ticket is read again whose words MAX could not say the bot of."""
_LOOKS = 300
"""Looks at the list of changes that are remembered: minutes of an agent's work."""
_LIST_HANGS = 5.0
"""Seconds after which a page of the list is not waited for any more before tickets are asked for one by one."""
_LIST_PAUSE = 60.0
"""Seconds at most until the list is asked for again while only tickets are given."""
_GIVEN_UP = frozenset({"desk.timeout", "desk.dropped"})
"""The desk was reached, and has not answered."""
NOT_LISTED = "desk.not_listed"
"""The code that people see then."""


class DeskPollerTables(NamedTuple):
    """The tables of the loop, its readings and its look-ups."""

    reading: ReadingTables
    adoption: AdoptionTables
    aside: AsideTable


class DeskPoller:
    """The loop."""

    def __init__(
        self,
        tables: DeskPollerTables,
        desk: FreeScoutClient,
        chats: OwnChats,
        policy: PollerPolicy,
        gate: Gate,
        *,
        now: Callable[[], float],
        jitter: Callable[[], float],
        wake: Callable[[], None],
    ) -> None:
        self._tables = tables
        self._desk = desk
        self._chats = chats
        self._gate = gate
        self._now = now
        self._jitter = jitter
        self._wake = wake
        self._log: Any = log.get("desk_poller")
        self._next_poll = self._pause = 0.0
        self._readings = SlowCalls(gate.loop.name)
        """Readings under way, by ticket."""
        self._left_unread = False
        """Something that was due was not read since the last look."""
        self._talks: set[int] = set()
        """Tickets in which an agent may have answered since they were read: they are read before others."""
        self._unread = 0
        """Readings that failed since the list was answered, and may be the desk's trouble."""
        self._list_fails = 0
        """How often in a row the list was not answered while tickets of ours were."""
        self._list_beat_at = 0.0
        """When the walk along it last made a call, by the steady clock."""
        self._look_ups = LookUps(tables.aside, policy.retry, now=now, jitter=jitter)
        self._looks: deque[float] = deque(maxlen=_LOOKS)
        self.use(policy)

    def use(self, policy: PollerPolicy) -> None:
        """Use this policy from now on; a reading under way finishes with the previous one."""
        self._policy = policy
        self._reader = TicketReader(
            self._tables.reading,
            self._desk,
            self._chats,
            policy,
            self._looks,
            now=self._now,
        )
        self._notices = DeskNotice(
            self._tables.reading.tickets,
            self._tables.reading.dialogs,
            self._tables.reading.readings,
            self._desk,
            Adoption(
                self._tables.adoption,
                self._desk,
                self._chats,
                policy.texts,
                self._look_ups,
                now=self._now,
            ),
            look_ups=self._look_ups,
            policy=policy.polling,
            talks=self._talks,
            now=self._now,
            beat=self._list_goes_on,
            between=self._between,
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Poll until stopped."""
        try:
            while not stop.is_set():
                self._gate.loop.beat()
                if self._gate.closed_for_all() == 0:
                    if self._gate.closed_for() > 0:
                        # The list tells whether it is one ticket's trouble.
                        self._next_poll = self._now()
                    await self.step()
                closed = self._gate.closed_for_all()
                await wait_any(stop, seconds=min(closed, LONGEST_NAP) or self._nap())
        finally:
            await self._readings.close()
            await self._look_ups.close()
            await self._notices.close()

    async def step(self) -> None:
        """Notice and read what is due."""
        try:
            if not 0 < self._next_poll - self._now() <= self._pause:
                try:
                    await self._follow_list()
                except ApiError as error:
                    await self._list_failed(error.failure)
                    return
                self._gate.ok()
                self._unread = self._list_fails = 0
                self._pause = self._policy.polling.pause(self._notices.quiet_for)
                self._next_poll = self._now() + self._pause
                await self._read_due()
                if not self._left_unread and not self._readings:
                    self._looks.append(self._notices.followed_until)
                self._left_unread = False
            else:
                if self._list_fails:
                    await self._ask_next()
                await self._read_due()
        except SQLITE_ERRORS as error:
            self._gate.failed(store_failure(error))

    # --- one conversation that the desk cannot list is not everybody's trouble -----------------------

    def _list_goes_on(self) -> None:
        self._list_beat_at = asyncio.get_running_loop().time()
        self._gate.loop.beat()

    async def _follow_list(self) -> None:
        """Follow the list of changes; while it hangs, request and read our tickets one by one."""
        loop = asyncio.get_running_loop()
        self._list_beat_at = loop.time()
        patience = ASK_EVERY if self._list_fails else _LIST_HANGS
        beside: list[asyncio.Task[None]] = []

        async def go_on() -> None:
            while True:
                left = self._list_beat_at + patience - loop.time()
                if left <= 0:
                    self._gate.loop.beat()
                    try:
                        await self._ask_next()
                        await self._read_due()
                    except SQLITE_ERRORS as error:
                        self._gate.failed(store_failure(error))
                await asyncio.sleep(max(left, ASK_EVERY))

        timer = loop.call_later(
            patience, lambda: beside.append(loop.create_task(go_on(), name="beside"))
        )
        try:
            await self._notices.follow_list()
        finally:
            timer.cancel()
            for task in beside:
                task.cancel()
                await asyncio.wait({task})
                if not task.cancelled():
                    task.result()

    async def _list_failed(self, failure: Failure) -> None:
        """Handle a list that was not answered: the desk is in trouble, unless it still gives tickets of ours."""
        self._gate.loop.beat()
        reached = failure.answered or failure.code in _GIVEN_UP
        most = 1 if self._gate.probing else SEVERAL
        if not reached or not await self._notices.are_ours_given(most):
            self._list_fails = 0
            self._gate.failed(failure)
            return
        if self._gate.probing:
            self._gate.answered()
        self._notices.put_off_sweep()
        slowly = failure.code in ASKS_TO_WAIT
        if not slowly or self._list_fails:
            # A single refusal for too many requests is no trouble yet.
            self._gate.loop.trouble(replace(failure, code=NOT_LISTED, detail=str(failure)))
        self._list_fails += 1
        policy = self._policy.retry
        pause = min(backoff(self._list_fails, self._jitter(), policy), _LIST_PAUSE)
        self._pause = max(pause, min(failure.retry_after or 0.0, policy.cap))
        self._next_poll = self._now() + self._pause
        self._notices.ask_every = ASK_SLOWLY if slowly else ASK_EVERY

    async def _ask_next(self) -> None:
        await self._notices.ask_next()
        if not self._notices.unanswered:
            self._unread = 0
        elif self._notices.unanswered >= SEVERAL:
            # The list shows whether the desk answers nobody by now.
            self._next_poll = self._now()

    def _nap(self) -> float:
        """Wait for the next poll, or the end of a reply's undo window, whichever is sooner."""
        nap = self._next_poll - self._now()
        if self._list_fails:
            nap = min(nap, self._notices.ask_every)
        try:
            due = self._tables.reading.tickets.next_read(beside=self._readings)
        except SQLITE_ERRORS as error:
            self._gate.failed(store_failure(error))
            return LONGEST_NAP
        if due is not None:
            nap = min(nap, due - self._desk.clock.now())
        return min(max(nap, _FULL_NAP if self._readings.is_full else 0.05), LONGEST_NAP)

    # --- reading ---------------------------------------------------------------------------------

    async def _read_due(self) -> None:
        # Those under way are due, too, and must not stand before the others.
        most = _READS_IN_A_ROW + len(self._readings)
        due = self._tables.reading.tickets.to_read(self._desk.clock.now(), most)
        self._left_unread |= len(due) == most
        # Which they are is seen before they are read: a reading ends a talk, and must not be made twice.
        others = [each for each in due if each.conversation_id not in self._talks]
        await self._read_talks()
        await self._read_all(others)

    async def _between(self) -> None:
        """Between pages of a long list: read tickets with possible replies without waiting for its end."""
        self._unread = 0
        await self._read_talks()

    async def _read_talks(self) -> None:
        """Read due tickets that may have a new reply."""
        now = self._desk.clock.now()
        await self._read_all(self._tables.reading.tickets.to_read_among(now, self._talks))

    async def _read_all(self, due: Iterable[TicketRecord]) -> None:
        self._forget_ended()
        until = asyncio.get_running_loop().time() + _READS_FOR
        for record in due:
            if asyncio.get_running_loop().time() >= until:
                self._left_unread = True
                return
            if self._gate.closed_for() > 0 or self._unread >= SEVERAL:
                # The list tells whether it is these tickets or the desk.
                self._left_unread = True
                self._next_poll = self._now()
                return
            self._gate.loop.beat()
            if record.conversation_id in self._readings or self._readings.is_full:
                continue
            # One that takes long, to be given or to be read, is that ticket's trouble: the others go on.
            await self._readings.begin(record.conversation_id, self._read_one(record))
            self._forget_ended()

    def _forget_ended(self) -> None:
        for _, reading in self._readings.take_ended():
            reading.result()

    async def _read_one(self, record: TicketRecord) -> None:
        """Read a ticket; any failure is stored here."""
        try:
            with self._tables.reading.tickets.reading(record.conversation_id):
                await self._read(record)
        except ApiError as error:
            self._gate.failed(error.failure)
        except SQLITE_ERRORS as error:
            self._gate.failed(store_failure(error))
        except RuleBrokenError as error:
            self._gate.loop.rule_broken(error, f"ticket {record.conversation_id}")
            self._read_much_later(record)
        except Exception as error:  # noqa: BLE001 - a bug costs this ticket, not the loop
            self._bug(record, error)

    def _bug(self, record: TicketRecord, error: Exception) -> None:
        self._log.critical(
            "bug: ticket not read",
            conversation=record.conversation_id,
            error=type(error).__name__,
            at=log.where(error),
        )
        self._read_much_later(record)

    def _read_much_later(self, record: TicketRecord) -> None:
        self._left_unread = True
        later = self._desk.clock.now() + self._policy.retry.cap
        try:
            self._tables.reading.tickets.read_failed(record, later)
        except SQLITE_ERRORS as failure:
            self._gate.failed(store_failure(failure))

    async def _read(self, record: TicketRecord) -> None:
        self._gate.begins(-record.conversation_id)
        reader = self._reader  # a reload gives the next readings another one
        try:
            reading = await reader.read(record)
        except UnknownChatError as error:
            self._log.info(
                "MAX cannot tell whose ticket it is",
                conversation=record.conversation_id,
                error=str(error),
            )
            self._left_unread = True
            self._tables.reading.tickets.read_later(
                record, self._desk.clock.now() + _MAX_AWAY_PAUSE
            )
            return
        except ApiError as error:
            if is_ticket_gone(error.failure):
                self._tables.reading.tickets.gone(record.conversation_id)
                self._log.info("ticket was deleted for ever", conversation=record.conversation_id)
                return
            self._not_read(record, error.failure)
            return
        if await reader.judge(record, reading):
            self._talks.discard(record.conversation_id)
        self._wake()
        self._gate.blame.forget(-record.conversation_id)
        if self._list_fails:
            self._gate.blame.answered(-record.conversation_id)
        else:
            self._gate.ok(-record.conversation_id)

    def _not_read(self, record: TicketRecord, failure: Failure) -> None:
        """Store that a ticket could not be read; if only this ticket fails, tell its agents."""
        self._left_unread = True
        pause = backoff(record.read_failures + 1, self._jitter(), self._policy.retry)
        pause = max(pause, min(failure.retry_after or 0.0, self._policy.retry.cap))
        # Tickets and deliveries share the evidence about the desk; their ids must not meet.
        name = -record.conversation_id
        if self._gate.failed_for(record.chat_id, name, failure, polls=True) is not Whose.ITEM:
            self._unread += 1
        alone = self._gate.blame.is_exhausted(name, self._now(), reading=True)
        unread_for = self._desk.clock.now() - (record.noticed_since or math.inf)
        if alone:
            pause = _UNREADABLE_PAUSE
        # Whosever trouble it is: the list of changes was answered all the time, and the agents wait.
        if alone or (unread_for > _TOLD_AFTER and record.read_failures >= UNREADABLE):
            self._log.error(
                "ticket cannot be read: replies in it do not leave",
                conversation=record.conversation_id,
                error=str(failure),
            )
            words = self._policy.texts.unreadable.format(code=failure.code)
            self._tables.reading.notes.add_unreadable(record, words, self._now())
            self._wake()
        self._tables.reading.tickets.read_failed(record, self._desk.clock.now() + pause)
