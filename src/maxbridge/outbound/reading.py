"""Read one ticket: ask the services about it, judge each thread, and store the result.

Reading does not rely on noticing (:mod:`maxbridge.outbound.notice`): it judges every thread of the
ticket as it is now, by what the store knows of each (design.md 6).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from maxbridge.core import keys
from maxbridge.core.events import Conversation, Fate, KnownThread, Thread
from maxbridge.core.marks import GIVEN, Voices, begun_by_agent, first_record, record_on
from maxbridge.core.plan_inbound import bots_of, groups_of, is_others_record, users_of
from maxbridge.core.plan_outbound import (
    ELSEWHERE,
    MAILED,
    MAYBE_MAILED,
    TWO_BOTS,
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
from maxbridge.core.retry import RetryPolicy
from maxbridge.core.texts import Ending, Texts, ToldPolicy, ending
from maxbridge.engine.customers import OwnChats, is_still_theirs
from maxbridge.freescout.client import FreeScoutClient
from maxbridge.freescout.parse import own_file
from maxbridge.inbound.tickets import MergeTables, follow_merge
from maxbridge.observe import log
from maxbridge.outbound.replies import QuoteError, ReplyMaker, TooLongError, is_long
from maxbridge.store.dialogs import DialogTable
from maxbridge.store.event_commits import NoteStore
from maxbridge.store.outbox import OutboxTable
from maxbridge.store.readings import ReadingStore, Reply, ThreadTable
from maxbridge.store.records import DialogRecord, TicketRecord
from maxbridge.store.restored import RestoredStore
from maxbridge.store.tickets import TicketTable

_EDITABLE = 7 * 86400.0
"""Seconds for which MAX lets a message be changed (contract max.md 5.2)."""
_EDIT_PAUSE = 30.0
"""An edit of a reply that is still on its way is looked at again after so many seconds."""
_TOO_LONG = "too long"
_BY_MAIL = "by mail: "
"""Followed by what makes it doubtful whose words these are."""
_ROUNDING = 2.0
"""The desk's times are whole seconds."""


@dataclass(frozen=True, slots=True)
class PollerPolicy:
    """The administrator's settings for the way from the desk."""

    outbound: OutboundPolicy
    retry: RetryPolicy
    texts: Texts
    interval: float
    signature: str = ""
    told: ToldPolicy = field(default_factory=ToldPolicy)

    @property
    def polling(self) -> PollingPolicy:
        """How often to poll, and when to read."""
        return PollingPolicy(self.interval, self.outbound)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What both services told about a ticket.

    Attributes:
        at: The desk's time when the ticket was requested, as exactly as known: undo windows are
            judged by it.
        voices: Which customer threads came through another bot.
        given_away: It has another customer's record.
        others_records: Another bot's customer records to whom agents wrote in it.
        shared_records: Records of both bots, and when each last changed.
        is_nobodys: As in :class:`maxbridge.core.plan_outbound.TicketFacts`.
    """

    at: float
    voices: Voices
    given_away: bool
    others_records: frozenset[int] = frozenset()
    shared_records: Mapping[int, float] = field(default_factory=dict)
    is_nobodys: bool = False


class Reading(NamedTuple):
    """A ticket with threads, the desk's time of the reading, and the answers about it."""

    ticket: Conversation
    desk_time: float
    asked: _Asked


class ReadingTables(NamedTuple):
    """The tables that :class:`TicketReader` uses."""

    outbox: OutboxTable
    dialogs: DialogTable
    tickets: TicketTable
    threads: ThreadTable
    readings: ReadingStore
    notes: NoteStore
    restored: RestoredStore


class TicketReader:
    """Reads tickets under one policy; a reload of the settings creates a new one."""

    def __init__(
        self,
        tables: ReadingTables,
        desk: FreeScoutClient,
        chats: OwnChats,
        policy: PollerPolicy,
        looks: Collection[float],
        *,
        now: Callable[[], float],
    ) -> None:
        """Create it.

        Args:
            tables: The tables it uses.
            desk: FreeScout.
            chats: Tells our bot's chats from another bot's.
            policy: The administrator's settings.
            looks: Desk times of the last readings of the list after which nothing was left unread.
            now: Our clock.
        """
        self._tables = tables
        self._merges = MergeTables(tables.dialogs, tables.tickets, tables.readings, tables.notes)
        self._desk = desk
        self._chats = chats
        self._policy = policy
        self._looks = looks
        self._now = now
        self._log: Any = log.get("desk_poller")
        self._replies = ReplyMaker(
            policy.texts, policy.signature, own_file=own_file, directory=lambda: desk.directory
        )

    async def read(self, record: TicketRecord) -> Reading:
        """Request a ticket from the desk and find out whose it and its messages are; a merge is followed.

        Raises:
            ApiError: The desk refuses or does not answer.
            UnknownChatError: MAX cannot say now whose it is.
        """
        began = self._desk.clock.now()
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
        return Reading(ticket, desk_time, asked)

    async def judge(self, record: TicketRecord, reading: Reading) -> bool:
        """Judge every thread and store everything in one transaction.

        Returns:
            True if nothing in it needs to be read again.

        Raises:
            sqlite3.Error, peewee.PeeweeException: The database cannot be used.
        """
        ticket, desk_time, asked = reading
        if any(map(is_long, ticket.threads or ())):
            dialog = self._tables.dialogs.get(record.chat_id)
            plan = self._plan(record, dialog, ticket, self._known(ticket), asked)
            sent = [each.thread for each in plan.verdicts if each.is_sent]
            await self._replies.prepare(ticket, sent)
        try:
            return self._judge(record.conversation_id, ticket, asked, desk_time)
        finally:
            self._replies.forget(ticket)

    async def _follow_merge(self, record: TicketRecord, ticket: Conversation) -> None:
        """Follow a merge now: agents answer in the survivor, perhaps before the customer writes again."""
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
        """Tell agents of unsent replies whose ticket was merged into one that is not ours."""
        survivor, at = await self._desk.conversation(survivor_id, threads=True)
        asked = await self._ask(record, survivor, at, given_away=False)
        texts = self._policy.texts
        for reply in left_behind(
            gone,
            survivor,
            known=self._known(survivor),
            facts=self._facts(record, self._tables.dialogs.get(record.chat_id), survivor, asked),
            policy=self._policy.outbound,
        ):
            words = texts.held if self._may_have_been_sent(record, reply) else texts.skipped
            words = words.format(excerpt=self._replies.excerpt(reply))
            key = keys.skipped(reply.id)
            self._tables.notes.add(key, record.chat_id, survivor_id, words, self._now())

    def _may_have_been_sent(self, record: TicketRecord, reply: Thread) -> bool:
        """Whether the database that a restore replaced may have sent it."""
        restored = self._tables.restored
        return restored.may_have_been_sent(record, reply.created_at, edited=False) is not None

    async def _ask(
        self, record: TicketRecord, ticket: Conversation, at: float, *, given_away: bool
    ) -> _Asked:
        """Find out whose messages and customer records are in a ticket.

        A record is requested if an unknown reply is addressed to it, or an unknown line gives it the ticket; the
        dialog's own one if another ticket was merged into this one, or another bot has brought its messages as
        well; the ticket's if a reply is for another one; and each to which a ticket begun by an agent was given.
        None if an administrator has given us the ticket of a bot that is gone.
        """
        voices = await self._chats.voices(ticket.threads, since=record.given_at or 0.0)
        if record.given_at is not None:
            return _Asked(at, voices, given_away)
        dialog, known = self._tables.dialogs.get(record.chat_id), self._known(ticket)
        unknown = [each for each in ticket.threads or () if each.id not in known]
        cards = {
            record_on(each, ticket)
            for each in unknown
            if each.type == "message" or each.action == GIVEN
        }
        if (
            dialog is not None
            and not any(each.action == "merged" for each in unknown)
            and not voices.are_mixed(dialog.customer_id, ticket)
        ):
            cards.discard(dialog.customer_id)
        if ticket.customer_id not in cards and any(each != ticket.customer_id for each in cards):
            cards.add(ticket.customer_id)  # whose bot has the ticket now
        given = {each.customer_id for each in ticket.threads or () if each.action == GIVEN}
        if given and begun_by_agent(ticket) and any(each.type == "message" for each in unknown):
            given |= {first_record(ticket), ticket.customer_id}
            cards |= given
        asked = [await self._desk.find_customer(each) for each in cards if each]
        found = [each for each in asked if each is not None]
        own = self._chats.bot_id()
        others = frozenset(each.id for each in found if is_others_record(each.profiles, own))
        shared = {
            each.id: each.updated_at
            for each in found
            if each.id not in others and bots_of(each.profiles) - {own}
        }
        bare = {each.id for each in found if not users_of(each.profiles) | groups_of(each.profiles)}
        nobodys = ticket.customer_id in given & bare and bool(given & others)
        return _Asked(at, voices, given_away, others, shared, nobodys)

    def _judge(
        self,
        conversation_id: int,
        ticket: Conversation,
        asked: _Asked,
        desk_time: float,
    ) -> bool:
        """Judge a reading. The store is read here, at once, because it may have changed during the requests."""
        record = self._tables.tickets.ticket(conversation_id)
        if record is None:
            return False
        known = self._known(ticket)
        dialog = self._tables.dialogs.get(record.chat_id)
        plan = self._plan(record, dialog, ticket, known, asked)
        replies, later, unsendable = self._deliveries(ticket, plan, record.chat_id, desk_time)
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
            self._notes(record, dialog, plan),
            read_at=desk_time,
            now=self._now(),
            ending=self._ending(dialog, ticket, asked, plan),
        )
        self._tell(record, plan)
        return plan.next_read is None

    def _ending(
        self,
        dialog: DialogRecord | None,
        ticket: Conversation,
        asked: _Asked,
        plan: OutboundPlan,
    ) -> Ending:
        """Decide what follows from closing the ticket; groups and customers who stopped the bot are told nothing."""
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
        dialog: DialogRecord | None,
        ticket: Conversation,
        known: dict[int, KnownThread],
        asked: _Asked,
    ) -> OutboundPlan:
        return plan_outbound(
            ticket,
            known=known,
            facts=self._facts(record, dialog, ticket, asked),
            policy=self._policy.outbound,
            now=asked.at,
        )

    def _deliveries(
        self,
        ticket: Conversation,
        plan: OutboundPlan,
        chat_id: int,
        desk_time: float,
    ) -> tuple[dict[int, Reply], set[int], dict[int, str]]:
        """Return deliveries by thread id; threads to be judged again later; and why others are not sent."""
        replies: dict[int, Reply] = {}
        later: set[int] = set()
        unsendable: dict[int, str] = {}
        for verdict in plan.verdicts:
            thread = verdict.thread
            if not verdict.is_sent:
                continue
            if not verdict.edited:
                try:
                    replies[thread.id] = self._replies.reply(ticket, thread, verdict.revision)
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
                    edit = self._replies.edit(ticket, thread, delivered)
                except (TooLongError, QuoteError) as error:
                    words = _words_of(_why(error), self._policy.texts)
                    self._not_edited(ticket, thread, chat_id, words)
                    continue
                if edit is not None:
                    replies[thread.id] = edit
            else:
                self._not_edited(ticket, thread, chat_id, self._policy.texts.not_edited)
        return replies, later, unsendable

    def _not_edited(self, ticket: Conversation, thread: Thread, chat_id: int, words: str) -> None:
        self._log.info("edit not carried over", conversation=ticket.id, thread=thread.id)
        note = words.format(excerpt=self._replies.excerpt(thread))
        key = keys.edit_refused(thread.id, body_hash(thread))
        self._tables.notes.add(key, chat_id, ticket.id, note, self._now())

    def _facts(
        self,
        record: TicketRecord,
        dialog: DialogRecord | None,
        ticket: Conversation,
        asked: _Asked,
    ) -> TicketFacts:
        people = {each.customer_id for each in ticket.threads or ()} | {ticket.customer_id}
        foreign = self._tables.dialogs.foreign_customers(
            record.chat_id, [each for each in people if each is not None]
        )
        if asked.given_away and ticket.customer_id is not None:
            foreign |= {ticket.customer_id}
        overlap = self._policy.outbound.overlap
        unread = self._tables.tickets.unread_beside(record)
        complete_until = self._tables.readings.complete_in(record.chat_id, overlap)
        return TicketFacts(
            customer_id=dialog.customer_id if dialog else None,
            foreign_customers=foreign,
            history_cutoff=record.history_cutoff,
            complete_until=complete_until,
            adopted=record.adopted,
            others_records=asked.others_records,
            shared_records=asked.shared_records,
            is_nobodys=asked.is_nobodys,
            voices=asked.voices,
            looks=() if record.read_failures else (*self._looks, record.read_at or 0.0),
            noticed_until=math.inf if unread is None else unread + overlap,
        )

    def _notes(
        self, record: TicketRecord, dialog: DialogRecord | None, plan: OutboundPlan
    ) -> dict[int, str]:
        """Return by thread id the note about a reply that is not sent (now)."""
        texts, days = self._policy.texts, self._policy.retry.lifetime_days
        waits = dialog is not None and dialog.blocked
        group = dialog is not None and dialog.is_group

        def words(verdict: Verdict) -> str:
            if verdict.is_sent:
                return texts.waits_removed if group else texts.waits_blocked
            if verdict.reason == _TOO_LONG or verdict.reason.startswith(_BY_MAIL):
                return _words_of(verdict.reason, texts)
            if self._may_have_been_sent(record, verdict.thread):
                return texts.held  # perhaps from another ticket, which the store has forgotten
            if verdict.reason == TWO_BOTS:
                return texts.two_bots
            if verdict.reason == MAYBE_MAILED:
                return texts.skipped_mailed
            return texts.skipped_unclear if verdict.unclear else texts.skipped

        return {
            verdict.thread.id: words(verdict).format(
                excerpt=self._replies.excerpt(verdict.thread), days=days
            )
            for verdict in plan.verdicts
            if (verdict.is_sent and waits) or verdict.tell
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
