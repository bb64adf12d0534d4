"""What to do after a failed call: the retry and give-up rules of design.md 7 as pure functions.

A call ended (:func:`after_failure`)::

    certainly not done   transient   again, after the backoff
                         config      again, after the backoff; the end's gate adds a minute
                         permanent   give up: a reply goes back to its agent with a note that says which
                                     one, why, and what to do; a customer's message is held
    perhaps done         whatever    look up first, after the backoff

The backoff doubles from 1 s to 5 min, of which a random half is kept. A wait that the other end asks
for is kept, up to the same 5 min. While an end as a whole is in trouble its gate lets one call at a
time through, so the backoff of each item adds nothing to an outage but order.

The look-up at the desk says (:func:`after_look_up`; that at MAX has :mod:`maxbridge.core.history`)::

    it was done                         done
    no trace, 90 s after the attempt    again: a call that hung has had its time
    no trace, the end had answered      again, at once: what it did, it has done
    no trace, sooner                    look up once more, at 90 s
    nobody can tell                     hold; a person decides
    (the look-up itself failed)         again later, as after any reading (:func:`after_reading`)

A reply that waits grows old (:func:`age_of`)::

    up to 15 min     nothing
    up to 5 days     one note on its ticket that it is late, why, and that nothing need be done
    older            give up, with a note; but not while it may be done, and not in the first ten
                     minutes after a start

A customer who stopped the bot is another matter: nothing is sent until he starts it or writes, one note
says so, and five days count all the same. Customers' messages never grow too old. A note that fails
makes way for messages; one that the desk refuses by itself for hours is held.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from maxbridge.core.errors import Failure, Kind


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


class Step(StrEnum):
    """The next step for one delivery."""

    RETRY = "retry"
    """Make the call again at ``at``."""
    LOOK_UP = "look up"
    """It may be done already: look at ``at`` before doing anything."""
    GIVE_UP = "give up"
    """It cannot be delivered: bounce it (a reply) or hold it (a customer's message)."""
    DONE = "done"
    HOLD = "hold"
    """Nobody but a person can decide."""


@dataclass(frozen=True, slots=True)
class Decision:
    """A step and when it is due (seconds since the epoch, our clock)."""

    step: Step
    at: float = 0.0


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


def after_failure(
    failure: Failure,
    *,
    attempts: int,
    now: float,
    jitter: float,
    policy: RetryPolicy,
) -> Decision:
    """Decide what follows a failed call.

    Uncertain failures are never repeated blindly, whatever else is true of them: neither end takes
    an idempotency key (contract max.md 5.1, freescout.md 4).

    Args:
        failure: What happened.
        attempts: Failed tries including this one.
        now: The present.
        jitter: Random number in [0, 1).
        policy: The times.
    """
    delay = _delay(failure, attempts, jitter, policy)
    if not failure.certain:
        return Decision(Step.LOOK_UP, now + delay)
    if failure.kind is Kind.PERMANENT:
        return Decision(Step.GIVE_UP, now)
    return Decision(Step.RETRY, now + delay)


def after_reading(
    failure: Failure, *, attempts: int, now: float, jitter: float, policy: RetryPolicy
) -> float:
    """When to try again after a reading failed that had to come before a call.

    A reading does nothing, so it is never in doubt; and one that is refused for good says nothing
    about the delivery, so that is tried later instead of being given up.

    Args:
        failure: What happened.
        attempts: Failed tries including this one.
        now: The present.
        jitter: Random number in [0, 1).
        policy: The times.
    """
    if failure.kind is Kind.PERMANENT:
        return now + policy.cap
    return now + _delay(failure, attempts, jitter, policy)


def _delay(failure: Failure, attempts: int, jitter: float, policy: RetryPolicy) -> float:
    delay = backoff(attempts, jitter, policy)
    if failure.retry_after is not None:
        delay = max(delay, min(failure.retry_after, policy.cap))
    return delay


RESTORED = "restored"
"""Code of a doubt that no failure caused: the database was restored, so what it calls unsent may have
been sent since the backup was taken."""
RETRIED = "retried"
"""Code of a doubt that a person wants looked into again, after others have been sent."""
ANSWERED = frozenset(
    {
        "desk.server_error",
        "desk.bad_answer",
        "desk.redirect",
        "desk.wrong_path",
        "desk.unexpected",
    }
)
"""Failures of the desk that came as an answer which nobody gave up waiting for: what was done, is done by then."""


def after_look_up(
    *,
    found: bool | None,
    attempted_at: float,
    error: str | None,
    now: float,
    policy: RetryPolicy,
    took: float = 0.0,
) -> Decision:
    """Decide what follows the look-up of a doubtful call.

    Args:
        found: True: it was done. False: no trace of it. None: the look-up cannot tell.
        attempted_at: When the doubtful call was begun.
        error: Code of the failure that made it doubtful, None when we died in the call.
        now: The present.
        policy: The times.
        took: Seconds until we gave it up, where that may have been long: what was sent until then may
            still be read and carried out.
    """
    if found is None:
        return Decision(Step.HOLD, now)
    if found:
        return Decision(Step.DONE, now)
    settled = attempted_at if error in ANSWERED else attempted_at + took + policy.settle
    # An attempt from the future means that the clock was set back: waiting for it could take hours,
    # and how long ago it really was nobody knows, so the look-up is believed.
    if now < settled and attempted_at <= now:
        return Decision(Step.LOOK_UP, settled)
    return Decision(Step.RETRY, now)
