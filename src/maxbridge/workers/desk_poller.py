"""Desk → outbox: notices tickets with news, reads them when due, queues what may leave.

Two steps that do not trust each other. *Noticing* follows the list of changed conversations and
commits which of ours must be read together with how far the list was followed, so nothing is missed
when a reading fails. *Reading* judges the threads of one ticket (design.md 6).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from maxbridge import log
from maxbridge.core.errors import ApiError, Scope
from maxbridge.core.events import Conversation, Fate, Thread
from maxbridge.core.plan_outbound import (
    OutboundPlan,
    OutboundPolicy,
    TicketFacts,
    plan_outbound,
)
from maxbridge.core.render import render, to_text
from maxbridge.core.retry import RetryPolicy, backoff
from maxbridge.core.text import one_line
from maxbridge.core.texts import Texts
from maxbridge.freescout.client import PAGE_SIZE, FreeScoutClient
from maxbridge.freescout.failures import is_ticket_gone
from maxbridge.store.db import SQLITE_ERRORS
from maxbridge.store.journal import Journal
from maxbridge.store.records import TicketRecord
from maxbridge.store.tickets import Reply
from maxbridge.workers.gate import Gate, wait_any
from maxbridge.workers.merges import follow_merge
from maxbridge.workers.pool import store_failure

_SLOW_WRITE = 5.0
"""Agent activity younger than this at a reading may not have been complete yet."""
_MARKER_EVERY = 60.0
"""Without news the position is written down this often only: the disk is left in peace."""
_SWEEP_EVERY = 1800.0
_SWEEP_BACK = 86400.0
_READS_IN_A_ROW = 50
_MOST_REQUESTS = 500
_EXCERPT = 60
_LONGEST_NAP = 15.0
"""The loop goes round this often, so that its heart is seen beating."""


@dataclass(frozen=True, slots=True)
class PollerPolicy:
    """The administrator's wishes for the way from the desk."""

    outbound: OutboundPolicy
    retry: RetryPolicy
    texts: Texts
    interval: float
    signature: str = ""


class DeskPoller:
    """The loop."""

    def __init__(
        self,
        journal: Journal,
        desk: FreeScoutClient,
        policy: PollerPolicy,
        gate: Gate,
        *,
        now: Callable[[], float],
        jitter: Callable[[], float],
        wake: Callable[[], None],
    ) -> None:
        self._journal = journal
        self._desk = desk
        self._policy = policy
        self._gate = gate
        self._now = now
        self._jitter = jitter
        self._wake = wake
        self._log: Any = log.get("desk_poller")
        self._swept_at: float | None = None
        self._next_poll = 0.0
        self._marker: float | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Poll until stopped."""
        while not stop.is_set():
            self._gate.loop.beat()
            closed = self._gate.closed_for()
            if closed == 0:
                await self.step()
                closed = self._gate.closed_for()
            await wait_any(stop, seconds=closed or self._nap())

    async def step(self) -> None:
        """Notice what is due to be noticed, read what is due to be read."""
        try:
            if self._now() >= self._next_poll or self._next_poll - self._now() > 2 * self._interval:
                await self._notice()
                self._next_poll = self._now() + self._interval
            await self._read_due()
        except ApiError as error:
            self._gate.failed(error.failure)
        except SQLITE_ERRORS as error:
            self._gate.failed(store_failure(error))

    @property
    def _interval(self) -> float:
        return self._policy.interval

    def _nap(self) -> float:
        """Until the next poll, or the moment a reply's undo window ends, whichever is sooner."""
        nap = self._next_poll - self._now()
        try:
            due = self._journal.tickets.next_read()
        except SQLITE_ERRORS as error:
            self._gate.failed(store_failure(error))
            return _LONGEST_NAP
        if due is not None:
            nap = min(nap, due - self._desk.clock.now())
        return min(max(nap, 0.05), _LONGEST_NAP)

    # --- noticing --------------------------------------------------------------------------------

    async def _notice(self) -> None:
        stored = self._journal.tickets.desk_marker()
        marker = self._marker or stored
        if marker is None or stored is None:
            # A first start: there is no ticket of ours, so nothing before now can matter.
            _, desk_now = await self._desk.changed_since(self._now() + 365 * 86400.0, 1)
            self._journal.tickets.noticed((), since=desk_now, marker=desk_now, now=self._now())
            self._gate.ok()
            return
        desk_now = self._desk.clock.now() if self._desk.clock.known else marker
        # The desk's clock may have been set back: then its new changes carry times before ours.
        since = min(marker, desk_now) - self._policy.outbound.overlap
        # The second half: a clock set back must not put the sweep off.
        sweep = self._swept_at is None or not 0 <= self._now() - self._swept_at < _SWEEP_EVERY
        news, listed_at = await self._follow(since - _SWEEP_BACK if sweep else since)
        if news or abs(listed_at - stored) >= _MARKER_EVERY:
            self._journal.tickets.noticed(news, since=since, marker=listed_at, now=self._now())
        self._marker = listed_at
        if sweep:
            self._swept_at = self._now()
        self._gate.ok()

    async def _follow(self, since: float) -> tuple[list[int], float]:
        """Walk the list of changes from a desk time on.

        The next page starts at the last row's time instead of at an offset: rows that change
        meanwhile move to the end, and an offset would then skip others (contract freescout.md 7).

        Returns:
            Tickets of ours with news, and the desk's time when the walk began.
        """
        news: dict[int, None] = {}
        began: float | None = None
        size = PAGE_SIZE
        for _ in range(_MOST_REQUESTS):
            rows, desk_time = await self._desk.changed_since(since, size)
            began = desk_time if began is None else began
            known = self._journal.tickets.known_tickets(row.id for row in rows)
            news |= {row.id: None for row in rows if _has_news(row, known.get(row.id))}
            if len(rows) < size:
                break
            last = rows[-1].updated_at
            # More rows of one second than fit on a page: a longer page is the only way past them.
            size = size * 2 if last <= since else PAGE_SIZE
            since = max(since, last)
        else:
            # The list goes on: what was not reached is not to be taken for read.
            began = min(began or since, since)
        return list(news), began or self._desk.clock.now()

    # --- reading ---------------------------------------------------------------------------------

    async def _read_due(self) -> None:
        due = self._journal.tickets.to_read(self._desk.clock.now(), _READS_IN_A_ROW)
        for record in due:
            try:
                await self._read(record)
            except (ApiError, *SQLITE_ERRORS):
                raise
            except Exception as error:  # noqa: BLE001 - a bug costs this ticket, not the loop
                self._log.error(
                    "bug: ticket not read",
                    conversation=record.conversation_id,
                    error=type(error).__name__,
                    at=log.where(error),
                )
                later = self._desk.clock.now() + self._policy.retry.cap
                self._journal.tickets.read_failed(record, later)

    async def _read(self, record: TicketRecord) -> None:
        try:
            ticket, desk_time = await self._desk.conversation(record.conversation_id, threads=True)
            self._follow_customer(record, ticket)
            await self._follow_merge(record, ticket)
        except ApiError as error:
            if is_ticket_gone(error.failure):
                self._journal.tickets.gone(record.conversation_id)
                self._log.info("ticket was deleted for ever", conversation=record.conversation_id)
                return
            pause = backoff(record.read_failures + 1, self._jitter(), self._policy.retry)
            self._journal.tickets.read_failed(record, self._desk.clock.now() + pause)
            if error.failure.scope is Scope.END:
                raise
            self._gate.failed(error.failure, record.conversation_id)
            return
        self._judge(record.conversation_id, ticket, desk_time)
        self._gate.ok()

    async def _follow_merge(self, record: TicketRecord, ticket: Conversation) -> None:
        """Agents will answer in the survivor, before the customer writes again or never."""
        lines = [each.id for each in ticket.threads or () if each.action == "merged"]
        if ticket.state != "deleted" or not set(lines) - set(
            self._journal.tickets.known_threads(lines)
        ):
            return
        await follow_merge(
            self._journal,
            self._desk,
            ticket,
            record.chat_id,
            overlap=self._policy.outbound.overlap,
            texts=self._policy.texts,
        )

    def _judge(self, conversation_id: int, ticket: Conversation, desk_time: float) -> None:
        """Judge a reading. What the store knows is read here, at once: it may have changed since."""
        record = self._journal.tickets.ticket(conversation_id)
        if record is None:
            return
        plan = plan_outbound(
            ticket,
            known=self._journal.tickets.known_threads(each.id for each in ticket.threads or ()),
            facts=self._facts(record, ticket),
            policy=self._policy.outbound,
            now=desk_time,
        )
        replies = {
            verdict.thread.id: self._reply(verdict.thread, verdict.revision)
            for verdict in plan.verdicts
            if verdict.fate is Fate.SENT
        }
        self._journal.tickets.judged(
            record,
            ticket,
            plan,
            replies,
            self._notes(plan),
            read_at=desk_time,
            now=self._now(),
        )
        self._tell(record, plan)
        self._wake()

    def _facts(self, record: TicketRecord, ticket: Conversation) -> TicketFacts:
        dialog = self._journal.dialogs.get(record.chat_id)
        people = {each.customer_id for each in ticket.threads or ()} | {ticket.customer_id}
        return TicketFacts(
            customer_id=dialog.customer_id if dialog else None,
            foreign_customers=self._journal.dialogs.foreign_customers(
                record.chat_id, [each for each in people if each is not None]
            ),
            history_before=record.history_before,
            complete_until=self._journal.tickets.complete_until(
                record.conversation_id, self._policy.outbound.overlap
            ),
        )

    def _follow_customer(self, record: TicketRecord, ticket: Conversation) -> None:
        """An agent gave the ticket another customer card, or merged two cards."""
        dialog = self._journal.dialogs.get(record.chat_id)
        if dialog is None or dialog.conversation_id != ticket.id or ticket.customer_id is None:
            return
        others = self._journal.dialogs.foreign_customers(record.chat_id, [ticket.customer_id])
        if ticket.customer_id != dialog.customer_id and not others:
            self._journal.dialogs.set_customer(record.chat_id, ticket.customer_id)

    def _reply(self, thread: Thread, revision: int) -> Reply:
        texts = self._policy.texts
        signature = self._policy.signature.replace("{name}", thread.author_name).strip()
        messages = render(thread.body, texts, files=thread.attachments, signature=signature)
        return Reply(
            key=f"thread:{thread.id}:{revision}",
            thread_id=thread.id,
            texts=tuple(messages),
            excerpt=self._excerpt(thread),
        )

    def _notes(self, plan: OutboundPlan) -> dict[int, str]:
        """By thread id, what to tell the agents about a reply that does not leave (now)."""
        texts, days = self._policy.texts, self._policy.retry.lifetime_days
        return {
            verdict.thread.id: (
                texts.waits_blocked if verdict.fate is Fate.SENT else texts.skipped
            ).format(excerpt=self._excerpt(verdict.thread), days=days)
            for verdict in plan.verdicts
            if verdict.fate is Fate.SENT or verdict.tell
        }

    def _excerpt(self, thread: Thread) -> str:
        words = to_text(thread.body, self._policy.texts) or " ".join(thread.attachments)
        return one_line(words, _EXCERPT)

    def _tell(self, record: TicketRecord, plan: OutboundPlan) -> None:
        for verdict in plan.verdicts:
            if verdict.fate is Fate.SKIPPED and verdict.thread.type == "message":
                self._log.warning(
                    "reply not sent",
                    conversation=record.conversation_id,
                    thread=verdict.thread.id,
                    reason=verdict.reason,
                )


def _has_news(row: Conversation, record: TicketRecord | None) -> bool:
    """May this ticket hold something of an agent's that has not been read?"""
    if record is None or row.user_updated_at is None:
        return False
    if record.user_updated_at != row.user_updated_at:
        return True
    return record.read_at is not None and row.user_updated_at >= record.read_at - _SLOW_WRITE
