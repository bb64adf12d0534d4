"""From a ticket as the desk shows it to what leaves for MAX: pure decisions (design.md 6).

There is no cursor over thread ids or times, because drafts are published late under low ids and
merges bring old threads (contract freescout.md 8, traps 3-6). Each thread is judged by itself:
what the store already knows, whose it is, and whether its undo window is over.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from maxbridge.core.events import Conversation, Fate, KnownThread, Thread

UNDO_ROUNDING = 2.0
"""Seconds added to the undo window: the desk's times are whole seconds, and it lets an agent undo
while ``now - createdAt`` in whole seconds is at most the window (contract freescout.md 6)."""

OVERLAP = 60.0


@dataclass(frozen=True, slots=True)
class OutboundPolicy:
    """The administrator's wishes for replies.

    Attributes:
        undo_window: Seconds that an agent may take a reply back; 0 sends at once.
    """

    undo_window: float = 15.0

    @property
    def overlap(self) -> float:
        """How far back the desk's list of changes is read again each time, in seconds.

        Rows are saved before their threads, and a reply is unknown while it waits for its window.
        """
        return OVERLAP + (self.undo_window + UNDO_ROUNDING if self.undo_window > 0 else 0.0)

    def due(self, thread: Thread) -> float:
        """The desk's time from which a thread may leave."""
        if self.undo_window <= 0:
            return thread.created_at
        return thread.created_at + self.undo_window + UNDO_ROUNDING


@dataclass(frozen=True, slots=True)
class TicketFacts:
    """What the store knows of the ticket that is read.

    Attributes:
        customer_id: The dialog's customer, None when not yet known.
        foreign_customers: Customers of other dialogs: their words never go to this one.
        history_before: Unknown threads created up to this desk time were there before the ticket
            was ours, or are older than what the store remembers; None for no such limit.
        complete_until: Desk time up to which every reply of this ticket has been seen: a thread
            that is older and unknown was not written here but brought by a merge.
    """

    customer_id: int | None
    foreign_customers: frozenset[int] = frozenset()
    history_before: float | None = None
    complete_until: float = 0.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """The judgement on one thread that was not known before, or came again changed."""

    thread: Thread
    fate: Fate
    reason: str
    revision: int = 0
    tell: bool = False
    """An agent wrote it just now and will believe that it was delivered: he must be told."""


@dataclass(frozen=True, slots=True)
class OutboundPlan:
    """What follows from one reading of a ticket.

    Attributes:
        verdicts: New judgements, replies to send among them, in the order of sending.
        next_read: Desk time at which the ticket must be read again because a reply waits for its
            undo window; None when nothing waits.
        merged_into_here: Another ticket was merged into this one since the last reading.
    """

    verdicts: tuple[Verdict, ...] = ()
    next_read: float | None = None
    merged_into_here: bool = False


def body_hash(thread: Thread) -> str:
    """Fingerprint of what the customer would get; changes when an agent edits."""
    data = "\0".join((thread.body, *thread.attachments))
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
        policy: The administrator's wishes.
        now: The desk's own time, not later than the moment the desk read its database: the body
            judged here is the body that leaves.
    """
    threads = sorted(ticket.threads or (), key=lambda each: (each.created_at, each.id))
    merged = any(
        each.type == "lineitem" and each.action == "merged" and each.id not in known
        for each in threads
    )
    verdicts: list[Verdict] = []
    waiting: list[float] = []
    for thread in threads:
        if thread.type == "lineitem":
            if thread.action == "merged" and thread.id not in known:
                verdicts.append(Verdict(thread, Fate.SKIPPED, "merged"))
            continue
        if thread.type != "message" or thread.state != "published":
            continue
        before = known.get(thread.id)
        if before is not None and not _sent_again(thread, before):
            continue
        reason = _not_for_customer(thread, ticket, facts)
        if reason:
            tell = thread.author_type == "user" and thread.source != "api"
            recent = thread.created_at >= facts.complete_until
            verdicts.append(Verdict(thread, Fate.SKIPPED, reason, tell=tell and recent))
        elif (before is None or before.fate is Fate.HISTORY) and _is_history(
            thread, facts, merged=merged
        ):
            verdicts.append(Verdict(thread, Fate.HISTORY, "older than our link to the ticket"))
        elif policy.due(thread) > now:
            waiting.append(policy.due(thread))
        else:
            revision = before.revision + 1 if before else 0
            verdicts.append(Verdict(thread, Fate.SENT, "reply", revision))
    return OutboundPlan(tuple(verdicts), min(waiting, default=None), merged)


def _sent_again(thread: Thread, before: KnownThread) -> bool:
    """An agent undid a reply after it had been judged (undo window set short) and sent it anew.

    Sending again gives the same id a new text *and* a later time; an edit leaves the time alone,
    and a changed time zone of the desk leaves the text alone.
    """
    return (
        before.fate in (Fate.SENT, Fate.HISTORY)
        and thread.created_at > before.created_at
        and body_hash(thread) != before.body_hash
    )


def _not_for_customer(thread: Thread, ticket: Conversation, facts: TicketFacts) -> str:
    """Why a published message is not for the customer of this dialog; empty when it is."""
    if thread.author_type != "user":
        return "not written by an agent"
    if thread.source == "api":
        # Another program wrote it over the API, perhaps a bridge: never an echo (trap 21).
        return "made over the API"
    # A merge of two customers' tickets leaves each thread its own customer (case 57b).
    if thread.customer_id not in (None, ticket.customer_id, facts.customer_id):
        return "written to another customer"
    if thread.customer_id in facts.foreign_customers:
        return "written to another customer of the bridge"
    return ""


def _is_history(thread: Thread, facts: TicketFacts, *, merged: bool) -> bool:
    if facts.history_before is not None and thread.created_at <= facts.history_before:
        return True
    return merged and thread.created_at < facts.complete_until
