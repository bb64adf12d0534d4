"""Days of traffic and faults on virtual time: nothing grows, and nothing forgotten comes back.

A month by hand: ``make soak DAYS=30``.
"""

from __future__ import annotations

import pytest

from crash.scales import Cost
from crash.soak import Outcome, Plan, soak

pytestmark = pytest.mark.timeout(0)  # virtual time
PLAN = Plan(days=4, actions=40, keep_texts=0.5, keep_ids=1.2, customers=6)


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    return soak(PLAN, seed=1)


def test_days_of_faults_lose_double_and_disorder_nothing(outcome: Outcome) -> None:
    assert outcome.verdict.good, str(outcome.verdict)
    assert outcome.verdict.messages > 40
    assert outcome.verdict.replies > 40
    assert outcome.faults > 200


def test_memory_and_tasks_stay_as_they_were_after_the_first_day(outcome: Outcome) -> None:
    first, *others = outcome.evenings
    assert {each.tasks for each in others} == {first.tasks}
    assert max(each.weight for each in others) < 1.3 * first.weight


def test_the_database_stops_growing_when_the_first_ids_are_forgotten(outcome: Outcome) -> None:
    *_, earlier, before, last = outcome.evenings
    assert last.delivered > before.delivered + 20
    # A day may bring more than the one before it, and that much more is kept for its time.
    more = (last.delivered - before.delivered) - (before.delivered - earlier.delivered)
    assert last.rows < 1.2 * before.rows + max(0, more)
    assert last.database < 1.2 * before.database + max(0, last.words - before.words)


def test_one_more_message_and_one_more_reply_cost_what_the_first_ones_did(outcome: Outcome) -> None:
    first, *later = outcome.evenings
    for what in ("message", "reply"):
        early: Cost = getattr(first, what)
        # A poll that falls into it only adds; what grows would raise the cheapest evening, too.
        cheapest: Cost = min(getattr(each, what) for each in later)
        assert cheapest.statements <= early.statements + 12
        assert cheapest.commits <= early.commits + 2


def test_retention_forgets_in_time_and_nothing_that_max_can_tell_again(outcome: Outcome) -> None:
    assert 1.0 <= outcome.oldest_id < PLAN.keep_ids + 0.2
    assert outcome.oldest_text < PLAN.keep_texts + 1.0
