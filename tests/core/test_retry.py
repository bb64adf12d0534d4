"""core.retry: when to try again, and when an absence counts (design.md 7)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laws import law
from maxbridge.core.delivery import Doubt, Outcome, outcome_of
from maxbridge.core.errors import Failure, Kind
from maxbridge.core.retry import (
    Age,
    RetryPolicy,
    absent_after,
    age_of,
    backoff,
    next_try,
)

MINUTE, DAY = 60.0, 86400.0
POLICY = RetryPolicy(first=1.0, cap=300.0, lifetime=1000.0, settle=20.0)
NOW = 50_000.0

attempts = st.integers(min_value=0, max_value=10**6)
jitters = st.floats(min_value=0, max_value=1, exclude_max=True)


def failure(kind: Kind, *, certain: bool, retry_after: float | None = None) -> Failure:
    return Failure("end.code", kind, certain, retry_after=retry_after)


def at(what: Failure, **changes: Any) -> float:
    given: dict[str, Any] = {
        "attempts": 1,
        "now": NOW,
        "jitter": 0.5,
        "policy": POLICY,
    }
    return next_try(what, **(given | changes))


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


@pytest.mark.parametrize(
    ("kind", "certain", "outcome", "wait"),
    [
        (Kind.TRANSIENT, True, Outcome.FAILED, WAIT),
        # A refusal ends the call; a reading that is refused is asked for again, much later.
        (Kind.PERMANENT, True, Outcome.REFUSED, POLICY.cap),
        # An administrator will mend it; until then nothing is lost.
        (Kind.CONFIG, True, Outcome.FAILED, WAIT),
        # What may have been done is looked up before anything else, whatever else is true of it.
        *((kind, False, Outcome.NO_ANSWER, WAIT) for kind in Kind),
    ],
)
def test_after_a_failure(*, kind: Kind, certain: bool, outcome: Outcome, wait: float) -> None:
    what = failure(kind, certain=certain)
    assert outcome_of(what) is outcome
    assert at(what) == NOW + wait


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
    what = failure(kind, certain=False, retry_after=retry_after)
    assert outcome_of(what) in (Outcome.NO_ANSWER, Outcome.UNCLEAR)
    assert NOW < at(what, attempts=tries, jitter=jitter) <= NOW + POLICY.cap


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
    assert at(what) == NOW + wait


@pytest.mark.parametrize(("seconds", "days"), [(5 * 86400, 5), (129600, 2), (60, 1), (0, 1)])
def test_the_lifetime_is_told_in_whole_days(seconds: float, days: int) -> None:
    assert RetryPolicy(lifetime=seconds).lifetime_days == days


# --- after a look-up -------------------------------------------------------------------------------


@pytest.mark.parametrize("doubt", [Doubt.CRASHED, Doubt.NO_ANSWER, Doubt.RETRIED])
@pytest.mark.parametrize(
    ("began", "took", "again_at"),
    [
        # A slow request may still be on its way to the desk: only a later look may say "not done".
        (NOW, 0.0, NOW + 20),
        (NOW - 19.9, 0.0, NOW + 0.1),
        (NOW - 20, 0.0, None),
        (NOW - 100, 0.0, None),
        # What took long is waited for from its end.
        (NOW - 100, 90.0, NOW + 10),
        # An attempt from the future: the clock was set back, waiting for it could take hours.
        (NOW + 1, 0.0, None),
    ],
)
def test_a_call_that_hung_may_still_be_carried_out(
    *, doubt: Doubt, began: float, took: float, again_at: float | None
) -> None:
    found = absent_after(doubt, began, took=took, asked_at=NOW, policy=POLICY)
    assert found == (None if again_at is None else pytest.approx(again_at))


def test_what_the_desk_answered_it_has_done() -> None:
    # Contract freescout.md 8, trap 1: a 500 says nothing about what was done, but it is done by then.
    found = absent_after(Doubt.ANSWERED, NOW - 0.1, took=90.0, asked_at=NOW, policy=POLICY)
    assert found is None


# --- with time ------------------------------------------------------------------------------------


def test_the_times_are_those_of_the_design() -> None:
    # design.md 6, 7: 1 s to 5 min, five days, a warning after 15 minutes; decisions.md: 90 s.
    assert RetryPolicy() == RetryPolicy(
        first=1.0,
        cap=5 * MINUTE,
        lifetime=5 * DAY,
        settle=90.0,
        late=15 * MINUTE,
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
