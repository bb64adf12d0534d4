"""What arrives late says so: messages in the ticket, replies by a note. Pure decisions.

FreeScout shows when a message reached it, not when it was written; after an outage these are hours
apart. And an agent who has answered believes that the customer has read it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from maxbridge.core.retry import Age, RetryPolicy, age_of
from maxbridge.core.texts import Texts

WORTH_SAYING = 900.0
"""Seconds after which a customer's message is late enough for agents to want its own time."""
_SOON = 3600.0
"""A reply that is given up so soon gets the note about that, and no other before it."""


def written_at(timestamp: int, desk_now: float) -> float | None:
    """When a message was written, in seconds since the epoch, where the desk's time misleads.

    Args:
        timestamp: MAX's time of the event in milliseconds, 0 when unknown.
        desk_now: The desk's clock: the time that agents will see at the message.
    """
    written = timestamp / 1000
    return written if timestamp > 0 and desk_now - written > WORTH_SAYING else None


class Why(StrEnum):
    """Why a reply is late, as agents are told; each is a field of the catalogue."""

    AWAY = "why_away"
    SLOW = "why_slow"
    SETUP = "why_setup"
    DOUBT = "why_doubt"
    REFUSED = "why_refused"


_SETUP = frozenset({"max.unauthorized", "max.tls", "max.redirect", "max.method_refused"})
_AWAY = frozenset(
    {
        "max.unreachable",
        "max.timeout",
        "max.dropped",
        "max.unavailable",
        "max.server_error",
        "max.bad_answer",
        "max.unexpected",
    }
)


@dataclass(frozen=True, slots=True)
class LateReply:
    """A reply that is the first of its chat and has not left; times by our clock.

    Attributes:
        key: Its identity in the outbox.
        chat_id: The chat.
        conversation_id: The ticket.
        excerpt: Its first words.
        created_at: Since when it waits.
        doubtful: It may have arrived: that is being looked up.
        error: Code of its own last failure, None when it was never tried.
    """

    key: str
    chat_id: int
    conversation_id: int
    excerpt: str
    created_at: float
    doubtful: bool
    error: str | None


def why_late(
    reply: LateReply, *, trouble: str | None, now: float, policy: RetryPolicy
) -> Why | None:
    """Say why a reply is late; None when there is nothing to tell.

    Args:
        reply: The reply.
        trouble: Code of what MAX as a whole is in trouble with, None when it is well.
        now: Our clock.
        policy: The times.
    """
    waited = now - reply.created_at
    if age_of(waited, policy) is not Age.LATE or age_of(waited + _SOON, policy) is Age.EXPIRED:
        return None
    code = trouble or reply.error
    if code is None and not reply.doubtful:
        # MAX is well and this one was not tried: the queue is being worked off, it leaves soon.
        return None
    if code in _SETUP:
        return Why.SETUP
    if code == "max.too_many_requests":
        return Why.SLOW
    if reply.doubtful and trouble is None:
        return Why.DOUBT
    return Why.AWAY if code in _AWAY else Why.REFUSED


def late_note(reply: LateReply, why: Why, texts: Texts, policy: RetryPolicy) -> str:
    """The note about it, in words."""
    reason: str = getattr(texts, why.value)
    return texts.late.format(excerpt=reply.excerpt, why=reason, days=policy.lifetime_days)
