"""When to retry, how long a reply may wait, and who is told of what lasts: pure rules.

The backoff doubles from 1 s to 5 min, minus a random half. A pause that the service asks for is
respected, up to the same 5 min. While a service is in trouble its gate lets one call at a time
through, so the backoffs then only decide the order. What an outcome means for a delivery is in
:mod:`maxbridge.core.delivery`, whose failure it is in :mod:`maxbridge.core.blame`.

A waiting reply by its age (:func:`age_of`)::

    up to 15 min     nothing
    up to 5 days     one note on its ticket: it is late, why, nothing need be done
    older            returned with a note; but not while in doubt, and not in the first ten
                     minutes after a start

If the customer stopped the bot, nothing is sent until they start it or write; one note says so, and
five days apply all the same. Customers' messages never expire.

The administrator is told of a lasting trouble and of its end, once each. Durations are summed from
passed time, so setting the clock changes nothing. A trouble that comes and goes counts as one until
it has been absent for a while.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from maxbridge.core import keys
from maxbridge.core.delivery import Doubt
from maxbridge.core.errors import Failure, Kind
from maxbridge.core.texts import Texts


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Times of the retry rules, in seconds.

    Attributes:
        first: Delay after the first failure.
        cap: Longest delay between two tries.
        lifetime: Age after which a reply that never got through is returned to its agent.
        settle: Seconds from the start of a call in doubt during which it may still be carried out; only a
            later look-up may say "it was not done".
        late: Age after which the agent is told that a reply still waits.
    """

    first: float = 1.0
    cap: float = 300.0
    lifetime: float = 5 * 86400.0
    settle: float = 90.0
    late: float = 900.0

    @property
    def lifetime_days(self) -> int:
        """The lifetime in days, for display."""
        return max(1, round(self.lifetime / 86400.0))


class Age(StrEnum):
    """How old a waiting reply is."""

    FRESH = "fresh"
    LATE = "late"
    """Its agent is told that it waits."""
    EXPIRED = "expired"
    """It is returned to its agent."""


def age_of(waited: float, policy: RetryPolicy) -> Age:
    """Classify a waiting reply by its age.

    Args:
        waited: Seconds since it was queued; negative if the clock was set back.
        policy: The times.
    """
    if waited >= policy.lifetime:
        return Age.EXPIRED
    return Age.LATE if waited > policy.late else Age.FRESH


def backoff(attempts: int, jitter: float, policy: RetryPolicy) -> float:
    """Return the delay before the next try: doubling from ``first`` to ``cap``, minus a random half.

    Args:
        attempts: Failed tries so far, at least 1.
        jitter: A random number in [0, 1), injected for exact tests.
        policy: The times.
    """
    # 2.0**1024 overflows; 30 doublings are past any cap already.
    full: float = min(policy.cap, policy.first * 2.0 ** min(max(attempts, 1) - 1, 30))
    return full * (0.5 + jitter / 2)


def next_try(
    failure: Failure, *, attempts: int, now: float, jitter: float, policy: RetryPolicy
) -> float:
    """Return when a delivery whose call, reading or look-up failed is due again, our clock.

    A reading that is refused permanently says nothing about the delivery that needed it, so it is
    retried after the longest pause.

    Args:
        failure: What happened.
        attempts: Failed tries including this one.
        now: Our clock.
        jitter: Random number in [0, 1).
        policy: The times.
    """
    if failure.certain and failure.kind is Kind.PERMANENT:
        return now + policy.cap
    delay = backoff(attempts, jitter, policy)
    if failure.retry_after is not None:
        delay = max(delay, min(failure.retry_after, policy.cap))
    return now + delay


def absent_after(
    doubt: Doubt, began: float, *, took: float, asked_at: float, policy: RetryPolicy
) -> float | None:
    """Return when to ask the desk again before "no trace" is believed, our clock; None to believe it now.

    The desk shows at once what it did: it has one database, and a marker comes back unchanged. If
    FreeScout itself answered, the call is finished (contract freescout.md 8, trap 1). MAX's history
    is handled in :mod:`maxbridge.core.history`.

    Args:
        doubt: Why the call is in doubt.
        began: When it began, our clock. A time in the future means that the clock was set back:
            waiting for it could take hours, so the look-up is believed.
        took: Seconds until it was given up, if that may have been long: bytes sent until then may
            still be read and carried out.
        asked_at: When the desk was asked, our clock: a slow answer shows the state of that moment.
        policy: The times.
    """
    settled = began if doubt is Doubt.ANSWERED else began + took + policy.settle
    return settled if began <= asked_at < settled else None


# --- Why a reply is late, as its agents are told: who has answered believes that the customer has read it


_SOON = 3600.0
"""A reply that is given up so soon gets the note about that, and no other before it."""


class Why(StrEnum):
    """Why a reply is late; each value is a field of the catalogue."""

    AWAY = "why_away"
    SLOW = "why_slow"
    SETUP = "why_setup"
    DOUBT = "why_doubt"
    REFUSED = "why_refused"


_SETUP = frozenset(
    {
        "max.unauthorized",
        "max.tls",
        "max.no_tls",
        "max.needs_tls",
        "max.redirect",
        "max.method_refused",
    }
)
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
    """The first reply of a chat, still unsent; times by our clock.

    Attributes:
        key: Its key in the outbox.
        chat_id: The chat.
        conversation_id: The ticket.
        excerpt: Its first words.
        created_at: When it was queued.
        doubtful: Its outcome is unknown and being looked up.
        error: Code of its own last failure, None if it was never tried.
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
    """Return why a reply is late; None if there is nothing to tell.

    Args:
        reply: The reply.
        trouble: Code of MAX's trouble as a whole, None if it is healthy.
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
    """Return the text of the note about a late reply."""
    reason: str = getattr(texts, why.value)
    return texts.late.format(excerpt=reply.excerpt, why=reason, days=policy.lifetime_days)


CALM = 60.0
"""Seconds without a trouble after which it is over."""


class Trouble(StrEnum):
    """Troubles of which the administrator is told."""

    DESK = "desk"
    """FreeScout does not answer or refuses access."""
    MAX = "max"
    STORE = "store"
    """The database cannot be written."""
    STUCK = "stuck"
    """A loop makes no progress."""
    HELD = "held"
    """Something waits for the administrator's decision."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a trouble has developed.

    Attributes:
        since: When it was first seen, our clock; for display.
        bad: Seconds of its presence.
        good: Seconds of its absence since it was last seen.
        told: The administrator has been told.
    """

    since: float
    bad: float = 0.0
    good: float = 0.0
    told: bool = False


@dataclass(frozen=True, slots=True)
class Alert:
    """A message to send now.

    Attributes:
        trouble: The trouble.
        over: The trouble is over; otherwise it is present.
        since: When it began, our clock.
        seconds: How long it has lasted.
        detail: A code or a count of ours; may be empty.
    """

    trouble: Trouble
    over: bool
    since: float
    seconds: float
    detail: str = ""

    @property
    def key(self) -> str:
        """The identity of this message."""
        return keys.alert(self.trouble, self.since, over=self.over)


def advance(
    standing: Mapping[Trouble, Standing],
    present: Mapping[Trouble, str],
    *,
    passed: float,
    now: float,
    after: float,
) -> tuple[dict[Trouble, Standing], list[Alert]]:
    """Advance every trouble by one step.

    Args:
        standing: The troubles before.
        present: The troubles present now, each with a code or a count.
        passed: Seconds since the last step.
        now: Our clock.
        after: Seconds that a trouble must last before the administrator is told.

    Returns:
        The troubles now, and the messages to send.
    """
    left: dict[Trouble, Standing] = {}
    alerts = []
    for trouble in Trouble:
        old = standing.get(trouble)
        if trouble in present:
            new = Standing(now) if old is None else replace(old, bad=old.bad + passed, good=0.0)
            if not new.told and new.bad >= after:
                new = replace(new, told=True)
                alerts.append(Alert(trouble, False, new.since, new.bad, present[trouble]))
            left[trouble] = new
        elif old is not None:
            new = replace(old, good=old.good + passed)
            if new.good < CALM:
                left[trouble] = new
            elif new.told:
                alerts.append(Alert(trouble, True, new.since, new.bad))
    return left, alerts


def is_well(standing: Mapping[Trouble, Standing], after: float) -> bool:
    """Whether to send the sign of life that a monitoring service waits for.

    A short trouble does not stop it. A trouble that was told stops it until its end is told.
    """
    return not any(each.told or each.bad >= after for each in standing.values())
