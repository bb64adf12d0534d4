"""Desk → outbox: notices tickets with news, reads them when due, queues what may leave.

Two steps that do not trust each other. *Noticing* follows the list of changed conversations and
commits which of ours must be read together with how far the list was followed, so nothing is missed
when a reading fails. *Reading* judges the threads of one ticket (design.md 6).
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from maxbridge.core import keys
from maxbridge.core.blame import SEVERAL, Whose
from maxbridge.core.errors import ApiError, Failure, RuleBrokenError
from maxbridge.core.events import Conversation, Fate, KnownThread, Thread
from maxbridge.core.marks import Voices, card_on
from maxbridge.core.plan_inbound import bots_of, is_others_card
from maxbridge.core.plan_outbound import (
    ELSEWHERE,
    MAILED,
    OutboundPlan,
    OutboundPolicy,
    TicketFacts,
    Verdict,
    body_hash,
    is_first_from_mail,
    left_behind,
    merges_in,
    plan_outbound,
    refused,
)
from maxbridge.core.polling import PollingPolicy
from maxbridge.core.retry import RetryPolicy, backoff
from maxbridge.core.texts import Texts
from maxbridge.core.told import Ending, ToldPolicy, ending
from maxbridge.engine.customers import OwnChats, UnknownChatError, is_still_theirs
from maxbridge.engine.gate import Gate, wait_any
from maxbridge.engine.lanes import SlowCalls
from maxbridge.engine.pool import store_failure
from maxbridge.freescout.client import FreeScoutClient
from maxbridge.freescout.failures import is_ticket_gone
from maxbridge.freescout.parse import own_file
from maxbridge.inbound.lookup import MergeTables, follow_merge
from maxbridge.observe import log
from maxbridge.outbound.adoption import Adoption, AdoptionTables
from maxbridge.outbound.look_ups import LookUps
from maxbridge.outbound.notice import DeskNotice
from maxbridge.outbound.replies import QuoteError, ReplyMaker, TooLongError, is_long
from maxbridge.store.db import SQLITE_ERRORS
from maxbridge.store.dialogs import DialogTable
from maxbridge.store.notes import NoteStore
from maxbridge.store.outbox import OutboxTable
from maxbridge.store.readings import AsideTable, ReadingStore, Reply, ThreadTable
from maxbridge.store.records import TicketRecord
from maxbridge.store.snapshot import UNREADABLE
from maxbridge.store.tickets import TicketTable

_READS_IN_A_ROW = 50
_READS_FOR = 0.5
"""Seconds after which it is asked again what is due: a reply may be, by then, and comes before other changes."""
_EDITABLE = 7 * 86400.0
"""Seconds for which MAX lets a message be changed (contract max.md 5.2)."""
_EDIT_PAUSE = 30.0
"""An edit of a reply that is still on its way is looked at again after so many seconds."""
_TOO_LONG = "too long"
_BY_MAIL = "by mail: "
"""Followed by what makes it doubtful whose words these are."""
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
_ROUNDING = 2.0
"""The desk's times are whole seconds."""
_LONGEST_NAP = 15.0
"""The loop goes round this often, so that its heart is seen beating."""


@dataclass(frozen=True, slots=True)
class PollerPolicy:
    """What the administrator wants for the way from the desk."""

    outbound: OutboundPolicy
    retry: RetryPolicy
    texts: Texts
    interval: float
    signature: str = ""
    told: ToldPolicy = field(default_factory=ToldPolicy)

    @property
    def polling(self) -> PollingPolicy:
        """How often to ask, and when to read."""
        return PollingPolicy(self.interval, self.outbound)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What both services were asked about a ticket that was read.

    Attributes:
        at: The desk's time when the ticket was asked for, as near as it is known: undo windows are judged by it.
        voices: Which customers' threads came through another bot.
        given_away: It bears the card of somebody else.
        others_cards: Cards of another bot for which agents wrote in it.
        shared_cards: Cards of another bot's and ours, and when each last changed.
    """

    at: float
    voices: Voices
    given_away: bool
    others_cards: frozenset[int] = frozenset()
    shared_cards: Mapping[int, float] = field(default_factory=dict)


class DeskPollerTables(NamedTuple):
    """What the loop reads and writes."""

    outbox: OutboxTable
    dialogs: DialogTable
    tickets: TicketTable
    threads: ThreadTable
    readings: ReadingStore
    notes: NoteStore
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
        self._merges = MergeTables(tables.dialogs, tables.tickets, tables.readings, tables.notes)
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
        self._look_ups = LookUps(tables.aside, policy.retry, now=now, jitter=jitter)
        self._looks: deque[float] = deque(maxlen=_LOOKS)
        self.use(policy)

    def use(self, policy: PollerPolicy) -> None:
        """Follow this policy from now on; a reading under way is finished with those of before."""
        self._policy = policy
        self._replies = ReplyMaker(
            policy.texts,
            policy.signature,
            own_file=own_file,
            directory=lambda: self._desk.directory,
        )
        self._notices = DeskNotice(
            self._tables.tickets,
            self._tables.dialogs,
            self._tables.readings,
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
            beat=self._gate.loop.beat,
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
                await wait_any(stop, seconds=self._gate.closed_for_all() or self._nap())
        finally:
            await self._readings.close()
            await self._look_ups.close()

    async def step(self) -> None:
        """Notice what is due to be noticed, read what is due to be read."""
        try:
            if not 0 < self._next_poll - self._now() <= self._pause:
                await self._notices.follow_list()
                self._gate.ok()
                self._unread = 0
                self._pause = self._policy.polling.pause(self._notices.quiet_for)
                self._next_poll = self._now() + self._pause
                await self._read_due()
                if not self._left_unread and not self._readings:
                    self._looks.append(self._notices.followed_until)
                self._left_unread = False
            else:
                await self._read_due()
        except ApiError as error:
            self._gate.failed(error.failure)
        except SQLITE_ERRORS as error:
            self._gate.failed(store_failure(error))

    def _nap(self) -> float:
        """Until the next poll, or the moment a reply's undo window ends, whichever is sooner."""
        nap = self._next_poll - self._now()
        try:
            due = self._tables.tickets.next_read(beside=self._readings)
        except SQLITE_ERRORS as error:
            self._gate.failed(store_failure(error))
            return _LONGEST_NAP
        if due is not None:
            nap = min(nap, due - self._desk.clock.now())
        return min(max(nap, _FULL_NAP if self._readings.is_full else 0.05), _LONGEST_NAP)

    # --- reading ---------------------------------------------------------------------------------

    async def _read_due(self) -> None:
        # Those under way are due, too, and must not stand before the others.
        most = _READS_IN_A_ROW + len(self._readings)
        due = self._tables.tickets.to_read(self._desk.clock.now(), most)
        self._left_unread |= len(due) == most
        # Which they are is seen before they are read: a reading ends a talk, and must not be made twice.
        others = [each for each in due if each.conversation_id not in self._talks]
        await self._read_talks()
        await self._read_all(others)

    async def _between(self) -> None:
        """A page of the list was answered, others follow: talks do not wait for them."""
        self._unread = 0
        await self._read_talks()

    async def _read_talks(self) -> None:
        """Read what is due of those in which an agent may have answered."""
        now = self._desk.clock.now()
        await self._read_all(self._tables.tickets.to_read_among(now, self._talks))

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
        """Read a ticket; whatever goes wrong is written down here."""
        try:
            with self._tables.tickets.reading(record.conversation_id):
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
            self._tables.tickets.read_failed(record, later)
        except SQLITE_ERRORS as failure:
            self._gate.failed(store_failure(failure))

    async def _read(self, record: TicketRecord) -> None:
        self._gate.begins(-record.conversation_id)
        began = self._desk.clock.now()
        try:
            ticket, desk_time = await self._desk.conversation(record.conversation_id, threads=True)
            # Where its answer tells that one of the clocks was set, it alone says what time it was.
            was_set = self._desk.clock.now() < began
            at = desk_time if was_set else max(desk_time, began)
            theirs = await is_still_theirs(
                self._tables.dialogs,
                self._desk,
                record.chat_id,
                ticket,
                bot_id=self._chats.bot_id(),
            )
            await self._follow_merge(record, ticket)
            asked = await self._ask(record, ticket, at, given_away=not theirs)
        except UnknownChatError as error:
            self._log.info(
                "MAX cannot tell whose ticket it is",
                conversation=record.conversation_id,
                error=str(error),
            )
            self._left_unread = True
            self._tables.tickets.read_later(record, self._desk.clock.now() + _MAX_AWAY_PAUSE)
            return
        except ApiError as error:
            if is_ticket_gone(error.failure):
                self._tables.tickets.gone(record.conversation_id)
                self._log.info("ticket was deleted for ever", conversation=record.conversation_id)
                return
            self._not_read(record, error.failure)
            return
        maker = self._replies
        if any(map(is_long, ticket.threads or ())):
            plan = self._plan(record, ticket, self._known(ticket), asked)
            sent = [each.thread for each in plan.verdicts if each.is_sent]
            await maker.prepare(ticket, sent)
        try:
            # Those of before a reload: what was made ready is theirs.
            self._judge(record.conversation_id, ticket, asked, desk_time, maker)
        finally:
            maker.forget(ticket)
        self._gate.blame.forget(-record.conversation_id)
        self._gate.ok(-record.conversation_id)

    def _not_read(self, record: TicketRecord, failure: Failure) -> None:
        """A ticket could not be read; where that is its own trouble, its agents are told."""
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
            self._tables.notes.add_unreadable(record, words, self._now())
            self._wake()
        self._tables.tickets.read_failed(record, self._desk.clock.now() + pause)

    async def _follow_merge(self, record: TicketRecord, ticket: Conversation) -> None:
        """Agents will answer in the survivor, before the customer writes again or never."""
        lines = [each.id for each in merges_in(ticket)]
        if ticket.state != "deleted" or not set(lines) - set(self._tables.threads.known(lines)):
            return
        survivor, _ = await follow_merge(
            self._merges,
            self._desk,
            ticket,
            record.chat_id,
            bot_id=self._chats.bot_id(),
            overlap=self._policy.outbound.overlap,
            texts=self._policy.texts,
        )
        if survivor is not None and not self._tables.tickets.ever_known([survivor]):
            await self._tell_left_behind(record, ticket, survivor)

    async def _tell_left_behind(
        self, record: TicketRecord, gone: Conversation, survivor_id: int
    ) -> None:
        """Tell of replies that had not left when their ticket was merged into one that is none of ours."""
        survivor, at = await self._desk.conversation(survivor_id, threads=True)
        asked = await self._ask(record, survivor, at, given_away=False)
        texts = self._policy.texts
        for reply in left_behind(
            gone,
            survivor,
            known=self._known(survivor),
            facts=self._facts(record, survivor, asked),
        ):
            words = texts.held if self._may_have_been_sent(record, reply) else texts.skipped
            words = words.format(excerpt=self._replies.excerpt(reply))
            key = keys.skipped(reply.id)
            self._tables.notes.add(key, record.chat_id, survivor_id, words, self._now())

    def _may_have_been_sent(self, record: TicketRecord, reply: Thread) -> bool:
        """May the database that a restore has replaced have sent it?"""
        restored = self._tables.adoption.restored
        return restored.may_have_been_sent(record, reply.created_at, edited=False) is not None

    async def _ask(
        self, record: TicketRecord, ticket: Conversation, at: float, *, given_away: bool
    ) -> _Asked:
        """Ask whose words and cards are in a ticket.

        Cards are asked for where something unknown stands in it for them; our dialog's own one where another ticket
        was merged into this one, or another bot has brought its words, too. None where an administrator has given us
        the ticket of a bot that is gone.
        """
        voices = await self._chats.voices(ticket.threads, since=record.given_at or 0.0)
        if record.given_at is not None:
            return _Asked(at, voices, given_away)
        dialog, known = self._tables.dialogs.get(record.chat_id), self._known(ticket)
        unknown = [each for each in ticket.threads or () if each.id not in known]
        cards = {card_on(each, ticket) for each in unknown if each.type == "message"}
        if (
            dialog is not None
            and not any(each.action == "merged" for each in unknown)
            and not voices.are_mixed(dialog.customer_id, ticket)
        ):
            cards.discard(dialog.customer_id)
        asked = [await self._desk.card_of(each) for each in cards if each]
        found = [each for each in asked if each is not None]
        own = self._chats.bot_id()
        others = frozenset(each.id for each in found if is_others_card(each.profiles, own))
        shared = {
            each.id: each.updated_at
            for each in found
            if each.id not in others and bots_of(each.profiles) - {own}
        }
        return _Asked(at, voices, given_away, others, shared)

    def _judge(
        self,
        conversation_id: int,
        ticket: Conversation,
        asked: _Asked,
        desk_time: float,
        maker: ReplyMaker,
    ) -> None:
        """Judge a reading. What the store knows is read here, at once: it may have changed since."""
        record = self._tables.tickets.ticket(conversation_id)
        if record is None:
            return
        known = self._known(ticket)
        plan = self._plan(record, ticket, known, asked)
        replies, later, unsendable = self._deliveries(
            ticket, plan, record.chat_id, desk_time, maker
        )
        if later:
            due = min(plan.next_read or desk_time + _EDIT_PAUSE, desk_time + _EDIT_PAUSE)
            kept = tuple(each for each in plan.verdicts if each.thread.id not in later)
            plan = replace(plan, verdicts=kept, next_read=due)
        for thread_id, reason in unsendable.items():
            plan = refused(plan, (thread_id,), reason)
        if is_first_from_mail(ticket, plan, known, adopted=record.adopted):
            key, words = keys.adopted(ticket.id), self._policy.texts.adopted_mail
            self._tables.notes.add(key, record.chat_id, ticket.id, words, self._now())
        self._tables.readings.judged(
            record,
            ticket,
            plan,
            replies,
            self._notes(record, plan, maker),
            read_at=desk_time,
            now=self._now(),
            ending=self._ending(record, ticket, asked, plan),
        )
        if plan.next_read is None:
            self._talks.discard(record.conversation_id)
        self._tell(record, plan)
        self._wake()

    def _ending(
        self,
        record: TicketRecord,
        ticket: Conversation,
        asked: _Asked,
        plan: OutboundPlan,
    ) -> Ending:
        """What follows from the ticket being closed: groups, and who stopped the bot, are told nothing."""
        dialog = self._tables.dialogs.get(record.chat_id)
        theirs = not asked.given_away and dialog is not None and dialog.user_id is not None
        outbound = self._policy.outbound
        return ending(
            self._policy.told,
            ticket,
            was_closed=self._tables.tickets.was_closed(ticket.id),
            waits=plan.next_read is not None,
            speaks=theirs and dialog is not None and not dialog.blocked,
            now=asked.at,
            settle=outbound.undo_window + _ROUNDING,
        )

    def _known(self, ticket: Conversation) -> dict[int, KnownThread]:
        return self._tables.threads.known(each.id for each in ticket.threads or ())

    def _plan(
        self,
        record: TicketRecord,
        ticket: Conversation,
        known: dict[int, KnownThread],
        asked: _Asked,
    ) -> OutboundPlan:
        return plan_outbound(
            ticket,
            known=known,
            facts=self._facts(record, ticket, asked),
            policy=self._policy.outbound,
            now=asked.at,
        )

    def _deliveries(
        self,
        ticket: Conversation,
        plan: OutboundPlan,
        chat_id: int,
        desk_time: float,
        maker: ReplyMaker,
    ) -> tuple[dict[int, Reply], set[int], dict[int, str]]:
        """What goes into the outbox, by thread id; threads to be judged again later; why others stay."""
        replies: dict[int, Reply] = {}
        later: set[int] = set()
        unsendable: dict[int, str] = {}
        for verdict in plan.verdicts:
            thread = verdict.thread
            if not verdict.is_sent:
                continue
            if not verdict.edited:
                try:
                    replies[thread.id] = maker.reply(ticket, thread, verdict.revision)
                except (TooLongError, QuoteError) as error:
                    unsendable[thread.id] = _why(error)
                continue
            delivered = self._tables.outbox.delivered(thread.id)
            if delivered.pending:
                # What is changed must be there first.
                later.add(thread.id)
            elif delivered.known and delivered.count and desk_time - thread.created_at < _EDITABLE:
                # Nothing of a reply that MAX refused is there: then all of it is sent.
                try:
                    edit = maker.edit(ticket, thread, delivered)
                except (TooLongError, QuoteError) as error:
                    words = _words_of(_why(error), self._policy.texts)
                    self._not_edited(ticket, thread, chat_id, words, maker)
                    continue
                if edit is not None:
                    replies[thread.id] = edit
            else:
                self._not_edited(ticket, thread, chat_id, self._policy.texts.not_edited, maker)
        return replies, later, unsendable

    def _not_edited(
        self, ticket: Conversation, thread: Thread, chat_id: int, words: str, maker: ReplyMaker
    ) -> None:
        self._log.info("edit not carried over", conversation=ticket.id, thread=thread.id)
        note = words.format(excerpt=maker.excerpt(thread))
        key = keys.edit_refused(thread.id, body_hash(thread))
        self._tables.notes.add(key, chat_id, ticket.id, note, self._now())

    def _facts(self, record: TicketRecord, ticket: Conversation, asked: _Asked) -> TicketFacts:
        dialog = self._tables.dialogs.get(record.chat_id)
        people = {each.customer_id for each in ticket.threads or ()} | {ticket.customer_id}
        foreign = self._tables.dialogs.foreign_customers(
            record.chat_id, [each for each in people if each is not None]
        )
        if asked.given_away and ticket.customer_id is not None:
            foreign |= {ticket.customer_id}
        overlap = self._policy.outbound.overlap
        unread = self._tables.tickets.unread_beside(record)
        complete_until = self._tables.readings.complete_until(record.conversation_id, overlap)
        return TicketFacts(
            customer_id=dialog.customer_id if dialog else None,
            foreign_customers=foreign,
            history_cutoff=record.history_cutoff,
            complete_until=complete_until,
            adopted=record.adopted,
            others_cards=asked.others_cards,
            shared_cards=asked.shared_cards,
            voices=asked.voices,
            looks=() if record.read_failures else (*self._looks, record.read_at or 0.0),
            noticed_until=math.inf if unread is None else unread + overlap,
        )

    def _notes(self, record: TicketRecord, plan: OutboundPlan, maker: ReplyMaker) -> dict[int, str]:
        """By thread id, what to tell the agents about a reply that does not leave (now)."""
        texts, days = self._policy.texts, self._policy.retry.lifetime_days
        dialog = self._tables.dialogs.get(record.chat_id)
        group = dialog is not None and dialog.is_group

        def words(verdict: Verdict) -> str:
            if verdict.is_sent:
                return texts.waits_removed if group else texts.waits_blocked
            if verdict.reason == _TOO_LONG or verdict.reason.startswith(_BY_MAIL):
                return _words_of(verdict.reason, texts)
            if self._may_have_been_sent(record, verdict.thread):
                return texts.held  # perhaps from another ticket, which the store has forgotten
            return texts.skipped_unclear if verdict.unclear else texts.skipped

        return {
            verdict.thread.id: words(verdict).format(
                excerpt=maker.excerpt(verdict.thread), days=days
            )
            for verdict in plan.verdicts
            if verdict.is_sent or verdict.tell
        }

    def _tell(self, record: TicketRecord, plan: OutboundPlan) -> None:
        for verdict in plan.verdicts:
            if verdict.fate is not Fate.SKIPPED or verdict.reason in (MAILED, ELSEWHERE):
                continue
            if verdict.thread.type == "message":
                self._log.warning(
                    "reply not sent",
                    conversation=record.conversation_id,
                    thread=verdict.thread.id,
                    reason=verdict.reason,
                )


def _why(error: TooLongError | QuoteError) -> str:
    return _TOO_LONG if isinstance(error, TooLongError) else f"{_BY_MAIL}{error}"


def _words_of(reason: str, texts: Texts) -> str:
    return texts.too_long if reason == _TOO_LONG else texts.by_mail
