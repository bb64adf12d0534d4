"""core.retry: what follows a failed call (design.md 7). The whole table, row by row."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laws import law
from maxbridge.core.errors import Failure, Kind
from maxbridge.core.retry import (
    ANSWERED,
    Age,
    Decision,
    RetryPolicy,
    Step,
    after_failure,
    after_look_up,
    after_reading,
    age_of,
    backoff,
)

MINUTE, DAY = 60.0, 86400.0
POLICY = RetryPolicy(first=1.0, cap=300.0, lifetime=1000.0, settle=20.0)
NOW = 50_000.0

attempts = st.integers(min_value=0, max_value=10**6)
jitters = st.floats(min_value=0, max_value=1, exclude_max=True)


def failure(kind: Kind, *, certain: bool, retry_after: float | None = None) -> Failure:
    return Failure("end.code", kind, certain, retry_after=retry_after)


def decide(what: Failure, **changes: Any) -> Decision:
    given: dict[str, Any] = {
        "attempts": 1,
        "now": NOW,
        "jitter": 0.5,
        "policy": POLICY,
    }
    return after_failure(what, **(given | changes))


# --- backoff ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tries", "full"),
    [(0, 1), (1, 1), (2, 2), (3, 4), (9, 256), (10, 300), (11, 300), (10**6, 300)],
)
def test_the_delay_doubles_up_to_the_cap(tries: int, full: float) -> None:
    assert backoff(tries, 0.0, POLICY) == full / 2
    assert backoff(tries, 0.5, POLICY) == full * 0.75


@given(attempts, jitters)
@law
def test_a_random_half_of_the_delay_is_kept(tries: int, jitter: float) -> None:
    full = min(POLICY.cap, POLICY.first * 2 ** min(max(tries, 1) - 1, 60))
    assert full / 2 <= backoff(tries, jitter, POLICY) <= full <= POLICY.cap


@given(attempts, attempts, jitters)
@law
def test_more_failures_never_shorten_the_delay(one: int, other: int, jitter: float) -> None:
    fewer, more = sorted((one, other))
    assert backoff(fewer, jitter, POLICY) <= backoff(more, jitter, POLICY)


# --- after a failure -------------------------------------------------------------------------------

WAIT = 0.75  # the first delay at half jitter

TABLE = [
    # kind, certain → step, seconds from now
    (Kind.TRANSIENT, True, Step.RETRY, WAIT),
    (Kind.PERMANENT, True, Step.GIVE_UP, 0),
    # An administrator will mend it; until then nothing is lost.
    (Kind.CONFIG, True, Step.RETRY, WAIT),
    # What may have been done is looked up before anything else, whatever else is true of it.
    *((kind, False, Step.LOOK_UP, WAIT) for kind in Kind),
]


@pytest.mark.parametrize(("kind", "certain", "step", "wait"), TABLE)
def test_after_a_failure(*, kind: Kind, certain: bool, step: Step, wait: float) -> None:
    assert decide(failure(kind, certain=certain)) == Decision(step, NOW + wait)


@given(
    kind=st.sampled_from(Kind),
    tries=attempts,
    jitter=jitters,
    retry_after=st.none() | st.floats(min_value=-1e6, max_value=1e9),
)
@law
def test_an_uncertain_call_is_never_repeated_nor_given_up_blindly(
    *,
    kind: Kind,
    tries: int,
    jitter: float,
    retry_after: float | None,
) -> None:
    # Neither end takes an idempotency key (contract max.md 5.1, freescout.md 4).
    decision = decide(
        failure(kind, certain=False, retry_after=retry_after),
        attempts=tries,
        jitter=jitter,
    )
    assert decision.step is Step.LOOK_UP
    assert NOW < decision.at <= NOW + POLICY.cap


@pytest.mark.parametrize(
    ("retry_after", "wait"),
    [
        (None, WAIT),
        (0.0, WAIT),
        (0.1, WAIT),  # our own backoff is the least
        (60.0, 60.0),
        (86400.0, 300.0),  # the cap is the most: nobody may silence us for a day
        (-5.0, WAIT),
    ],
)
@pytest.mark.parametrize("certain", [True, False])
def test_the_wait_that_was_asked_for_is_kept_within_reason(
    retry_after: float | None, wait: float, certain: bool
) -> None:
    what = failure(Kind.TRANSIENT, certain=certain, retry_after=retry_after)
    assert decide(what).at == NOW + wait


@pytest.mark.parametrize(("seconds", "days"), [(5 * 86400, 5), (129600, 2), (60, 1), (0, 1)])
def test_the_lifetime_is_told_in_whole_days(seconds: float, days: int) -> None:
    assert RetryPolicy(lifetime=seconds).lifetime_days == days


@pytest.mark.parametrize("certain", [True, False])
@pytest.mark.parametrize(
    ("kind", "wait"),
    [(Kind.TRANSIENT, WAIT), (Kind.CONFIG, WAIT), (Kind.PERMANENT, POLICY.cap)],
)
def test_a_reading_that_failed_gives_nothing_up(kind: Kind, wait: float, certain: bool) -> None:
    # A reading does nothing, so it is never in doubt, and its refusal says nothing of the delivery.
    what = failure(kind, certain=certain)
    assert after_reading(what, attempts=1, now=NOW, jitter=0.5, policy=POLICY) == NOW + wait


# --- after a look-up -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "attempted_at", "step", "at"),
    [
        (True, NOW - 1, Step.DONE, NOW),
        (True, NOW - 100, Step.DONE, NOW),
        # Where a look-up cannot decide, a person does (design.md 2).
        (None, NOW - 1, Step.HOLD, NOW),
        (None, NOW - 100, Step.HOLD, NOW),
        # A slow request may still be on its way to its end: only a later look may say "not done".
        (False, NOW, Step.LOOK_UP, NOW + 20),
        (False, NOW - 19.9, Step.LOOK_UP, NOW + 0.1),
        (False, NOW - 20, Step.RETRY, NOW),
        (False, NOW - 100, Step.RETRY, NOW),
        # An attempt from the future: the clock was set back, waiting for it could take hours.
        (False, NOW + 1, Step.RETRY, NOW),
    ],
)
@pytest.mark.parametrize("error", [None, "max.timeout", "desk.dropped", "desk.unavailable"])
def test_after_a_look_up(
    *, found: bool | None, attempted_at: float, step: Step, at: float, error: str | None
) -> None:
    decision = after_look_up(
        found=found, attempted_at=attempted_at, error=error, now=NOW, policy=POLICY
    )
    assert decision.step is step
    assert decision.at == pytest.approx(at)


@pytest.mark.parametrize(
    ("found", "step"), [(True, Step.DONE), (False, Step.RETRY), (None, Step.HOLD)]
)
@pytest.mark.parametrize("error", sorted(ANSWERED))
def test_what_has_answered_does_nothing_afterwards(
    error: str, found: bool | None, step: Step
) -> None:
    # Contract freescout.md 8, trap 1: a 500 says nothing about what was done, but it is done by then.
    decision = after_look_up(
        found=found, attempted_at=NOW - 0.1, error=error, now=NOW, policy=POLICY
    )
    assert decision == Decision(step, NOW)


def test_what_took_long_is_waited_for_from_its_end() -> None:
    settles = NOW - 100 + 90 + POLICY.settle
    decision = after_look_up(
        found=False, attempted_at=NOW - 100, error="desk.timeout", now=NOW, policy=POLICY, took=90.0
    )
    assert decision == Decision(Step.LOOK_UP, settles)
    answered = after_look_up(
        found=False,
        attempted_at=NOW - 100,
        error="desk.server_error",
        now=NOW,
        policy=POLICY,
        took=90.0,
    )
    assert answered.step is Step.RETRY


# --- with time ------------------------------------------------------------------------------------


def test_the_times_are_those_of_the_design() -> None:
    # design.md 6, 7: 1 s to 5 min, five days, a warning after 15 minutes; decisions.md: 90 s.
    assert RetryPolicy() == RetryPolicy(
        first=1.0, cap=5 * MINUTE, lifetime=5 * DAY, settle=90.0, late=15 * MINUTE
    )


@pytest.mark.parametrize(
    ("waited", "age"),
    [
        (-DAY, Age.FRESH),  # the clock was set back
        (0, Age.FRESH),
        (15 * MINUTE, Age.FRESH),
        (15 * MINUTE + 1, Age.LATE),
        (5 * DAY - 1, Age.LATE),
        (5 * DAY, Age.EXPIRED),
        (400 * DAY, Age.EXPIRED),
    ],
)
def test_a_reply_that_waits_grows_old(waited: float, age: Age) -> None:
    assert age_of(waited, RetryPolicy()) is age


@given(st.floats(0, 1e8), st.floats(0, 1e8))
@law
def test_a_reply_never_grows_younger(one: float, other: float) -> None:
    sooner, later = sorted((one, other))
    order = list(Age)
    ages = [order.index(age_of(each, RetryPolicy())) for each in (sooner, later)]
    assert ages == sorted(ages)
