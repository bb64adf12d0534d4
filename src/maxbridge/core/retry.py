"""Waiting: when to try again, how long a reply may wait, and who is told of what lasts: pure functions.

Agents are told of a reply that is late; the administrator of a trouble, and that it is over: each once. Time of a
trouble is added up as it passes, because a clock that is set would make it old or young. One that comes and goes is one
trouble until it has been away for a while.
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
        settle: How long after a doubtful call was begun its effect may still appear at the other
            end; only a look-up made later than this may say "it was not done".
        late: Age after which the agent is told that a reply still waits.
    """

    first: float = 1.0
    cap: float = 300.0
    lifetime: float = 5 * 86400.0
    settle: float = 90.0
    late: float = 900.0

    @property
    def lifetime_days(self) -> int:
        """The lifetime as people say it."""
        return max(1, round(self.lifetime / 86400.0))


class Age(StrEnum):
    """How old a waiting reply is."""

    FRESH = "fresh"
    LATE = "late"
    """The agent is told that it waits."""
    EXPIRED = "expired"
    """It is given back to the agent."""


def age_of(waited: float, policy: RetryPolicy) -> Age:
    """Judge the age of a reply that waits.

    Args:
        waited: Seconds since it was queued; negative when the clock was set back.
        policy: The times.
    """
    if waited >= policy.lifetime:
        return Age.EXPIRED
    return Age.LATE if waited > policy.late else Age.FRESH


def backoff(attempts: int, jitter: float, policy: RetryPolicy) -> float:
    """Delay before the next try: doubling from ``first`` to ``cap``, of which a random half is kept.

    Args:
        attempts: Failed tries so far, at least 1.
        jitter: A random number in [0, 1): injected, so that tests are exact.
        policy: The times.
    """
    # 2.0**1024 overflows; 30 doublings are past any cap already.
    full: float = min(policy.cap, policy.first * 2.0 ** min(max(attempts, 1) - 1, 30))
    return full * (0.5 + jitter / 2)


def next_try(
    failure: Failure, *, attempts: int, now: float, jitter: float, policy: RetryPolicy
) -> float:
    """When a delivery whose call, reading or look-up failed is due again, our clock.

    A reading that is refused for good says nothing about the delivery that needed it, so it is asked for
    again after the longest pause.

    Args:
        failure: What happened.
        attempts: Failed tries including this one.
        now: The present.
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
    """When the desk must be asked again before "no trace" is believed, our clock; None to believe it now.

    The desk shows at once what it did: one database, and a marker that comes back unchanged. What its
    program answered itself, it has done by then (contract freescout.md 8, trap 1). MAX's history is another
    matter (:mod:`maxbridge.core.history`).

    Args:
        doubt: Why the call is in doubt.
        began: When it was begun, our clock.
        took: Seconds until it was given up, where that may have been long: what was sent until then may
            still be read and carried out.
        asked_at: When the desk was asked, our clock: a desk in trouble answers late, with what was there then.
            An attempt from the future means that the clock was set back: waiting for it could take hours, and
            how long ago it really was nobody knows, so the look-up is believed.
        policy: The times.
    """
    settled = began if doubt is Doubt.ANSWERED else began + took + policy.settle
    return settled if began <= asked_at < settled else None


# --- Why a reply is late, as its agents are told: who has answered believes that the customer has read it


_SOON = 3600.0
"""A reply that is given up so soon gets the note about that, and no other before it."""


class Why(StrEnum):
    """Why a reply is late, as agents are told; each is a field of the catalogue."""

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


CALM = 60.0
"""Seconds without a trouble after which it is over."""


class Trouble(StrEnum):
    """What the administrator is told of."""

    DESK = "desk"
    """FreeScout does not answer, or refuses us."""
    MAX = "max"
    STORE = "store"
    """The database cannot be written."""
    STUCK = "stuck"
    """A loop does not move."""
    HELD = "held"
    """Something waits for the administrator's decision."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A trouble as far as it has come.

    Attributes:
        since: When it was first seen, our clock; for people.
        bad: Seconds that it has been there.
        good: Seconds that it has been away since it was seen last.
        told: Somebody was told.
    """

    since: float
    bad: float = 0.0
    good: float = 0.0
    told: bool = False


@dataclass(frozen=True, slots=True)
class Alert:
    """What is to be told now.

    Attributes:
        trouble: Of what.
        over: That it is over; else that it is there.
        since: When it began, our clock.
        seconds: How long it has been there.
        detail: A code or a count of ours; empty for none.
    """

    trouble: Trouble
    over: bool
    since: float
    seconds: float
    detail: str = ""

    @property
    def key(self) -> str:
        """The identity of this message among all of the kind."""
        return keys.alert(self.trouble, self.since, over=self.over)


def advance(
    standing: Mapping[Trouble, Standing],
    present: Mapping[Trouble, str],
    *,
    passed: float,
    now: float,
    after: float,
) -> tuple[dict[Trouble, Standing], list[Alert]]:
    """Go one step on.

    Args:
        standing: How the troubles stood.
        present: Those that are there now, each with a code or a count.
        passed: Seconds since the last step.
        now: Our clock.
        after: Seconds that a trouble must last before anybody is told.

    Returns:
        How they stand, and what is to be told.
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
    """Is all well, as far as somebody who waits for a sign of life is to know?

    A short trouble is none of theirs. One that was told is, until it is told that it is over.
    """
    return not any(each.told or each.bad >= after for each in standing.values())
