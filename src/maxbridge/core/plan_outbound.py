"""Decide which threads of a ticket are sent to MAX, and which tickets may be ours: pure rules (design.md 6).

There is no cursor over thread ids or times, because drafts are published late under low ids and
merges bring old threads (contract freescout.md 8, traps 3-6). Each thread is judged by itself: what
the store already knows, whose customer it is for, and whether its undo window is over.

An agent can begin a conversation with a customer at the desk, or make a second ticket of a
customer's message ("Clone Conversation", contract freescout-agent-ui.md 1). The row in the list of
changes decides whether such a conversation is read: on most desks nearly every conversation is
mail, which FreeScout sends itself.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from maxbridge.core.events import Conversation, Fate, KnownThread, Thread
from maxbridge.core.marks import (
    ALONE,
    GIVEN,
    Voices,
    begun_by_agent,
    first_record,
    given_at,
    last_gift,
    next_gift,
    record_on,
)
from maxbridge.core.old_talks import given_up, replies_of

UNDO_ROUNDING = 2.0
"""Seconds added to the undo window: the desk's times are whole seconds, and it lets an agent undo
while ``now - createdAt`` in whole seconds is at most the window (contract freescout.md 6)."""

OVERLAP = 60.0
MAILED = "FreeScout mails it"
ELSEWHERE = "another bot sends it"
MAYBE_MAILED = "FreeScout may have mailed it before a merge made the ticket ours"
TWO_BOTS = "nobody can tell which bot has it"
BETWEEN_GIFTS = "given to somebody else before it could leave"


@dataclass(frozen=True, slots=True)
class OutboundPolicy:
    """The administrator's settings for replies.

    Attributes:
        undo_window: Seconds during which an agent may undo a reply; 0 sends at once.
    """

    undo_window: float = 15.0

    @property
    def window(self) -> float:
        """Seconds from a reply's time until it may be sent."""
        return self.undo_window + UNDO_ROUNDING if self.undo_window > 0 else 0.0

    @property
    def overlap(self) -> float:
        """Seconds by which each reading of the desk's list of changes overlaps the one before.

        Rows are saved before their threads, and a reply stays unknown while its undo window lasts.
        """
        return OVERLAP + self.window

    def due(self, thread: Thread) -> float:
        """Return the desk time from which a thread may be sent."""
        return thread.created_at + self.window


@dataclass(frozen=True, slots=True)
class TicketFacts:
    """What the store knows of the ticket.

    Attributes:
        customer_id: The dialog's customer record, None if not yet known.
        foreign_customers: Customer records of other dialogs: replies to them never go to this one.
            The dialog's own record may be among them if an agent merged two records: then the
            ticket decides whom a reply is for.
        history_cutoff: Unknown threads created up to this desk time were there before the ticket
            was ours, or are older than what the store remembers; None for no such limit.
        complete_until: Desk time up to which every reply of this ticket has been seen: an older
            unknown thread was not written here but brought by a merge.
        adopted: An agent began the ticket, and no customer's message has come into it yet.
        others_records: Customer records of this ticket's replies that other bots have marked and ours
            has not.
        shared_records: Records that both other bots and ours have marked, with the desk time at which
            each last changed or was merged; known if a merge is new, or if both bots have brought
            its messages.
        is_nobodys: An agent began it and gave it to customers of ours and of another bot's, and then to a record
            that names nobody: both bots could take it for a better record of their customer's.
        voices: Which customer threads came through another bot of the same desk.
        looks: Desk times of the last readings of the list of changes after which everything due in
            any ticket had been judged.
        noticed_until: Desk time from which another ticket of the dialog may have unread threads.
    """

    customer_id: int | None
    foreign_customers: frozenset[int] = frozenset()
    history_cutoff: float | None = None
    complete_until: float = 0.0
    adopted: bool = False
    others_records: frozenset[int] = frozenset()
    shared_records: Mapping[int, float] = field(default_factory=dict)
    is_nobodys: bool = False
    voices: Voices = ALONE
    looks: Collection[float] = ()
    noticed_until: float = math.inf

    def is_shared(self, customer_id: int | None) -> bool:
        """Whether this customer record belongs to the dialog and to another dialog as well."""
        return (
            customer_id is not None
            and customer_id == self.customer_id
            and customer_id in self.foreign_customers
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """The judgement on one thread that is new or has changed."""

    thread: Thread
    fate: Fate
    reason: str
    revision: int = 0
    tell: bool = False
    """It was written just now, so its agent believes it was delivered and must be told."""
    edited: bool = False
    """It was delivered before; only the change goes to the customer."""
    unclear: bool = False
    """It is unknown for which of a customer's chats it was written."""

    @property
    def is_sent(self) -> bool:
        """Whether it is sent to MAX."""
        return self.fate is Fate.SENT


@dataclass(frozen=True, slots=True)
class _Merge:
    """A newly read merge of tickets, or of customer records, in relation to one thread.

    Attributes:
        at: Desk time of the merge.
        due: Desk time from which the thread may have been sent.
        is_later: The merge came after the thread was written.
    """

    at: float
    due: float
    is_later: bool

    @property
    def after_due(self) -> bool:
        """Whether the thread may have been sent before the merge."""
        return self.due <= self.at

    @property
    def took(self) -> bool:
        """Whether the merge came after the thread was written and before it could be sent."""
        return self.is_later and not self.after_due

    def was_seen_through(self, facts: TicketFacts, *, before: float = 0.0) -> bool:
        """Whether the thread would have been judged before the merge if it had been in a ticket of ours.

        Args:
            facts: What the store knows of the ticket.
            before: Seconds by which a reading of the list must be older than the merge to count.
        """
        looked = any(self.due <= look <= self.at - before for look in facts.looks)
        return looked and self.due <= facts.noticed_until


@dataclass(frozen=True, slots=True)
class OutboundPlan:
    """The result of judging one reading of a ticket.

    Attributes:
        verdicts: New judgements, including replies to send, in the order of sending.
        next_read: Desk time at which the ticket must be read again because a reply waits for its
            undo window; None if none waits.
        merged_into_here: Another ticket was merged into this one since the last reading.
    """

    verdicts: tuple[Verdict, ...] = ()
    next_read: float | None = None
    merged_into_here: bool = False


def body_hash(thread: Thread) -> str:
    """Return a fingerprint of what the customer would get; it changes if an agent edits."""
    data = "\0".join((thread.body, *(file.name for file in thread.files)))
    return hashlib.sha256(data.encode(errors="replace")).hexdigest()[:16]


def plan_outbound(
    ticket: Conversation,
    *,
    known: Mapping[int, KnownThread],
    facts: TicketFacts,
    policy: OutboundPolicy,
    now: float,
) -> OutboundPlan:
    """Judge every thread of a freshly read ticket.

    Args:
        ticket: The conversation with its threads.
        known: What the store remembers of these thread ids, from any ticket.
        facts: What the store knows of the ticket.
        policy: The administrator's settings.
        now: The desk's time, not later than the moment when the desk read its database: the body
            judged here is the body that is sent.
    """
    threads = sorted(ticket.threads or (), key=lambda each: (each.created_at, each.id))
    merged_at = max(
        (_place(each) for each in merges_in(ticket) if each.id not in known), default=None
    )
    verdicts: list[Verdict] = []
    waiting: list[float] = []
    by_merge = False
    for thread in threads:
        if thread.type == "lineitem":
            if thread.id not in known and (kept := _kept(thread, facts)):
                verdicts.append(Verdict(thread, Fate.SKIPPED, kept))
            continue
        if thread.type != "message" or thread.state != "published":
            continue
        before = known.get(thread.id)
        if before is not None and not _sent_again(thread, before):
            if _is_edited(thread, before):
                verdicts.append(Verdict(thread, Fate.SENT, "edited", before.revision, edited=True))
            continue
        merge = None if merged_at is None else _merge(thread, merged_at, policy)
        anothers = last_gift(thread, ticket)
        stays = _stays(
            thread,
            before,
            ticket,
            facts,
            given_to_anothers=anothers is not None and anothers.id in known,
            merge=merge,
            records_merge=_records_merge(thread, ticket, facts, policy),
            due=policy.due(thread),
        )
        if stays is not None:
            verdicts.append(stays)
        elif policy.due(thread) > now:
            waiting.append(policy.due(thread))
            by_merge |= before is None and _is_history(
                thread, facts, None, merged=merge is not None
            )
        else:
            revision = before.revision + 1 if before else 0
            verdicts.append(Verdict(thread, Fate.SENT, "reply", revision))
    if by_merge:
        # When that reply is due, the merge must still be news: else it is taken for history.
        verdicts = [each for each in verdicts if each.thread.type != "lineitem"]
    return OutboundPlan(tuple(verdicts), min(waiting, default=None), merged_at is not None)


def _kept(line: Thread, facts: TicketFacts) -> str:
    """Return why a line item is remembered; empty if it is not."""
    if line.action == "merged":
        return "merged"
    if line.action == GIVEN and line.customer_id in facts.others_records:
        # Once that record is merged with one of ours, nothing else tells it.
        return "given to another bot's customer"
    return ""


def refused(plan: OutboundPlan, threads: Collection[int], reason: str) -> OutboundPlan:
    """Return the plan with these replies unsent; their agents are told."""
    verdicts = (
        replace(each, fate=Fate.SKIPPED, reason=reason, tell=True)
        if each.thread.id in threads
        else each
        for each in plan.verdicts
    )
    return replace(plan, verdicts=tuple(verdicts))


def _stays(
    thread: Thread,
    before: KnownThread | None,
    ticket: Conversation,
    facts: TicketFacts,
    *,
    merge: _Merge | None,
    records_merge: _Merge | None,
    due: float,
    given_to_anothers: bool,
) -> Verdict | None:
    """Return the verdict on a published message that is never sent; None if it may be sent.

    Args:
        thread: The message.
        before: What the store remembers of it.
        ticket: Its ticket.
        facts: What the store knows of the ticket.
        merge: The last newly read merge of the ticket.
        records_merge: The merge of its customer record with another bot's.
        due: Desk time from which it may have been sent.
        given_to_anothers: When it was written, the ticket had a record that only another bot had marked.
    """
    whose = record_on(thread, ticket)
    others_records = facts.others_records
    if given_to_anothers and whose is not None:
        others_records |= {whose}
    others_here = facts.voices.others_records(ticket)
    beside = facts.others_records | facts.shared_records.keys() | others_here
    first = before is None or before.fate is Fate.HISTORY
    leaves_elsewhere = first and facts.voices.answers_another(thread, ticket, others_records)
    if leaves_elsewhere and whose == ticket.customer_id and whose in others_records:
        return Verdict(thread, Fate.SKIPPED, ELSEWHERE)
    between_gifts = first and _is_between_gifts(thread, ticket, due)
    reason = BETWEEN_GIFTS if between_gifts else _not_for_customer(thread, ticket, facts)
    if reason:
        agents = thread.author_type == "user" and thread.source != "api" and reason != MAILED
        told = before is None and thread.id in given_up(ticket)
        tell = agents and not told and _is_ours_to_tell(thread, ticket, facts, merge, reason)
        return Verdict(thread, Fate.SKIPPED, reason, tell=tell)
    if first and _is_history(
        thread, _without_beginning(thread, ticket, facts, merge), merge, merged=merge is not None
    ):
        return Verdict(thread, Fate.HISTORY, "older than our link to the ticket")
    if before is None and thread.id in given_up(ticket):
        return Verdict(thread, Fate.SKIPPED, "a note says already that it did not leave")
    mailed = None if before else _mailed_before(thread, ticket, facts, merge)
    if mailed is not None:
        return mailed
    mixing = [each for each in (merge if whose in beside else None, records_merge) if each]
    brought = any(each.after_due for each in mixing)
    if first and any(each.was_seen_through(facts) for each in mixing):
        return Verdict(thread, Fate.SKIPPED, ELSEWHERE)  # it was not in here, or it would be known
    if leaves_elsewhere and not brought:
        # What this bot has sent already, and an agent sends anew, stays this bot's.
        return Verdict(thread, Fate.SKIPPED, ELSEWHERE)
    shared = merge is not None and merge.is_later and facts.is_shared(whose)
    if before is None and (shared or brought):
        # It may have been written in the ticket of either chat, and another bot may have sent it.
        words = "a merge hides which chat it was written for"
        return Verdict(thread, Fate.SKIPPED, words, tell=True, unclear=True)
    return None


def _mailed_before(
    thread: Thread, ticket: Conversation, facts: TicketFacts, merge: _Merge | None
) -> Verdict | None:
    """Return the verdict on a reply that FreeScout has mailed if a later merge made the ticket ours; None if there is none.

    A reply in a chat may have an address, too, and is not mailed. If the bridge may have missed such a one, agents are told.
    """
    if merge is None or not merge.is_later or facts.adopted or not any(thread.to or ()):
        return None
    # What is older than the ticket was written in another one, perhaps in the chat.
    is_mail = is_mailed(thread, ticket)
    began_it = is_mail and ticket.via == "user" and thread.created_at == ticket.created_at
    # Times are whole seconds: a look in that of the merge may have come after it.
    if began_it or merge.was_seen_through(facts, before=1.0):
        return Verdict(thread, Fate.SKIPPED, MAILED)
    if is_mail and merge.after_due:
        return Verdict(thread, Fate.SKIPPED, MAYBE_MAILED, tell=True)
    return None


def _place(thread: Thread) -> tuple[float, int]:
    """Sort key: when it was written; within a second the id gives the order."""
    return thread.created_at, thread.id


def _merge(thread: Thread, merged_at: tuple[float, int], policy: OutboundPolicy) -> _Merge:
    return _Merge(merged_at[0], policy.due(thread), is_later=_place(thread) < merged_at)


def _is_ours_to_tell(
    thread: Thread, ticket: Conversation, facts: TicketFacts, merge: _Merge | None, reason: str
) -> bool:
    """Whether to tell agents that a just written reply does not reach the customer: no other bot sends or tells it."""
    whose = record_on(thread, ticket)
    elsewhere = whose != ticket.customer_id
    if _is_history(thread, facts, merge, merged=True):
        return False
    if reason == BETWEEN_GIFTS:
        return _tells_of_gifts(ticket, facts)
    given, ours = given_at(ticket), facts.voices.began(ticket) is True
    since_given = facts.adopted and not ours and thread.created_at <= (given or 0.0)
    if since_given and elsewhere and whose in facts.others_records:
        return False  # written before the ticket was this customer's: its card's bot has it
    in_here = merge is None or not merge.is_later
    if whose in facts.voices.others_records(ticket):
        heard = facts.voices.came_through_us(thread, ticket)
        if in_here:
            # Whom they wrote to last has it, were it as another customer's ticket.
            return heard is True
        if not elsewhere and not heard:
            return False  # their own bot has followed the merge
        # Their own bot has it, and tells of what a merge took from its ticket (left_behind).
        mixed = facts.voices.are_mixed(whose, ticket)
        return mixed and _merge_took(merge, None if ours else given)
    if elsewhere and (whose in facts.others_records or whose in facts.shared_records):
        # Their own bot has it, unless it was written in a ticket that is only ours, or a merge came before it
        # could leave from another one.
        return ours if in_here else _merge_took(merge, None if ours else given)
    return True


def _may_be_adopted(thread: Thread, ticket: Conversation, facts: TicketFacts) -> bool:
    """Whether another bot may have a ticket that an agent began for our customer and gave to a record of both bots."""
    whose = record_on(thread, ticket)
    return (
        ticket.via == "user"
        and whose == ticket.customer_id
        and whose in facts.shared_records
        and last_gift(thread, ticket) is not None
        and not facts.voices.came_through_us(thread, ticket)
    )


def _is_between_gifts(thread: Thread, ticket: Conversation, due: float) -> bool:
    """Whether a ticket was given to this reply's customer, and to another one again before the reply could be sent.

    Then no bot sends it, not even one that has read the ticket in between: FreeScout does not show which ones have.
    """
    if record_on(thread, ticket) in (ticket.customer_id, first_record(ticket)):
        return False
    after = next_gift(thread, ticket)
    return after is not None and after.created_at < due and last_gift(thread, ticket) is not None


def _tells_of_gifts(ticket: Conversation, facts: TicketFacts) -> bool:
    """Whether our bot tells of a reply that no bot sends: the bot whose messages began the ticket does.

    If an agent began it, the bot of its customer record does; if it is unclear which bot that is, each of them.
    """
    if ticket.via != "user":
        return facts.voices.began(ticket) is not False
    return ticket.customer_id == facts.customer_id or ticket.customer_id not in facts.others_records


def _merge_took(merge: _Merge | None, given: float | None) -> bool:
    """Whether a merge into our ticket moved a reply out of another one before it could be sent.

    A ticket given to our customer later was not ours when the merge came.
    """
    if merge is None or (given is not None and given >= merge.at):
        return False
    return merge.took


def _records_merge(
    thread: Thread, ticket: Conversation, facts: TicketFacts, policy: OutboundPolicy
) -> _Merge | None:
    """Return the merge of customer records that may have changed whom a reply is for: both bots brought its messages."""
    whose = record_on(thread, ticket)
    at = facts.shared_records.get(whose or 0)
    if at is None or not facts.voices.are_mixed(whose, ticket):
        return None
    return _Merge(at, policy.due(thread), is_later=thread.created_at <= at)


def merges_in(ticket: Conversation) -> list[Thread]:
    """Return FreeScout's lines about merges."""
    return [
        each for each in ticket.threads or () if each.type == "lineitem" and each.action == "merged"
    ]


def left_behind(
    gone: Conversation,
    survivor: Conversation,
    *,
    known: Mapping[int, KnownThread],
    facts: TicketFacts,
    policy: OutboundPolicy,
) -> list[Thread]:
    """Return the replies that a merge moved from our ticket into one that is not ours before they could be sent.

    Only this bot can tell the agents: no other bot knows what it has sent. If messages of two bots
    moved with them, it is unclear, and the survivor's bot tells (:func:`_stays`); it also tells of
    replies written between two changes of the customer.

    Args:
        gone: The ticket that was merged away, with threads.
        survivor: The ticket that has its threads now.
        known: What the store remembers of these.
        facts: What the store knows of the ticket that is gone, and what the survivor tells about
            other bots.
        policy: What the administrator wants.
    """
    merged_at = max(map(_place, merges_in(gone)), default=(0.0, 0))
    return [
        each
        for each in replies_of(survivor, -math.inf)
        if each.id not in known
        and (whose := record_on(each, survivor)) in (gone.customer_id, facts.customer_id)
        # For a card of both bots the one that has what was begun sends it, too.
        and not (
            whose == survivor.customer_id
            and whose in facts.shared_records
            and begun_by_agent(survivor)
        )
        and _place(each) < merged_at
        and not _is_history(each, facts, None, merged=True)
        and not facts.voices.are_mixed(record_on(each, survivor), survivor)
        and not facts.voices.answers_another(each, survivor, facts.others_records)
        and not _is_between_gifts(each, survivor, policy.due(each))
    ]


def is_first_from_mail(
    ticket: Conversation,
    plan: OutboundPlan,
    known: Mapping[int, KnownThread],
    *,
    adopted: bool,
) -> bool:
    """Whether the first reply is sent from an adopted ticket where FreeScout will say "not sent".

    Its mail has no address; the agent must be told that the reply went to MAX.
    """
    before = any(each.fate is Fate.SENT for each in known.values())
    now = any(each.fate is Fate.SENT for each in plan.verdicts)
    return adopted and now and not before and ticket.type not in ("", "chat")


def _sent_again(thread: Thread, before: KnownThread) -> bool:
    """Whether an agent undid a reply that had been judged (the undo window is set too short) and sent it anew.

    Sending again gives the same id a new text *and* a later time; an edit keeps the time, and a
    changed time zone of the desk keeps the text.
    """
    return (
        before.fate in (Fate.SENT, Fate.HISTORY)
        and thread.created_at > before.created_at
        and body_hash(thread) != before.body_hash
    )


def _is_edited(thread: Thread, before: KnownThread) -> bool:
    """Whether an agent changed a delivered reply; only the text shows it (case 55)."""
    return before.fate is Fate.SENT and body_hash(thread) != before.body_hash


def _not_for_customer(thread: Thread, ticket: Conversation, facts: TicketFacts) -> str:
    """Return why a published message is not for this dialog's customer; empty if it is."""
    if thread.author_type != "user":
        return "not written by an agent"
    if thread.source == "api":
        # Another program wrote it over the API, perhaps a bridge: never an echo (trap 21).
        return "made over the API"
    whose = record_on(thread, ticket)
    if whose is not None and whose != facts.customer_id:
        # A merge of two customers' tickets leaves each thread its own customer (case 57b).
        if whose != ticket.customer_id:
            return "written to another customer"
        if whose in facts.foreign_customers:
            if _may_be_adopted(thread, ticket, facts):
                return TWO_BOTS
            return "written to another customer of the bridge"
    if facts.is_nobodys and whose == ticket.customer_id:
        return "written to a record of nobody's, for which two bots have it"
    if facts.adopted and is_mailed(thread, ticket):
        return MAILED
    return ""


def _without_beginning(
    thread: Thread, ticket: Conversation, facts: TicketFacts, merge: _Merge | None
) -> TicketFacts:
    """Return the facts by which a reply is history that is older than what an agent began, and came by a merge.

    It was written in another ticket, of ours perhaps: that it is older than this one says nothing.
    """
    came = merge is not None and merge.is_later and thread.created_at < ticket.created_at
    cutoff = facts.history_cutoff
    # Of an adopted one (history_cutoff_of); a ticket of a telephone call is of its customer.
    by_beginning = cutoff is not None and ticket.created_at - 1.0 <= cutoff < ticket.created_at
    if not (came and by_beginning and facts.complete_until > 0.0):
        return facts
    return replace(facts, history_cutoff=None)


def _is_history(thread: Thread, facts: TicketFacts, merge: _Merge | None, *, merged: bool) -> bool:
    cutoff = facts.history_cutoff
    if merge is not None and merge.took and (cutoff is None or cutoff < merge.at):
        return False  # it was under way, in a ticket that nobody may have looked at
    if cutoff is not None and thread.created_at <= cutoff:
        return True
    return merged and thread.created_at < facts.complete_until


# --- Which conversations that the bridge did not open may become a dialog's tickets: pure decisions.


def is_mailed(reply: Thread, ticket: Conversation) -> bool:
    """Whether FreeScout mails an agent's reply.

    It mails to the addresses that the conversation had then, and stores them with the reply, whatever the
    customer record has now (app/Jobs/SendReplyToCustomer.php of 1.8.235; case 63).
    """
    to = (ticket.customer_email,) if reply.to is None else reply.to
    return ticket.type not in ("", "chat") and any(to)
