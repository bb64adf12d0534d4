"""The real `maxbridge run`, killed again and again between simulators in another process.

Both directions are busy, both lines are bad, MAX tells events twice, in another order and again. At
the end everything is counted. Any number of other seeds by hand: ``make crash SEEDS=1-20``.
"""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from crash.blackbox import Outcome, run_many
from crash.course import Plan

PLAN = Plan(actions=150, deaths=9)
SEEDS = (1, 2, 3, 4)
WITH_BUG = 5


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Mapping[int, Outcome]:
    """All seeds, lived through at the same time: most of it is waiting."""
    plans = dict.fromkeys(SEEDS, PLAN) | {WITH_BUG: Plan(150, 4, bug="doubt_forgotten")}
    return run_many(plans, tmp_path_factory.mktemp("black-box"), at_once=len(plans))


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_crashes_nothing_is_lost_doubled_out_of_order_or_seen_outside(
    outcomes: Mapping[int, Outcome], seed: int
) -> None:
    outcome = outcomes[seed]
    assert outcome.verdict.good, f"{outcome}\nagain: make crash SEEDS={seed}"
    # Nothing was lost, but not because nothing happened.
    assert outcome.kills + outcome.stops >= PLAN.deaths
    assert outcome.verdict.messages > 20
    assert outcome.verdict.replies > 10
    assert outcome.faults.total() > 5


def test_a_bridge_that_repeats_doubtful_calls_blindly_is_caught(
    outcomes: Mapping[int, Outcome],
) -> None:
    outcome = outcomes[WITH_BUG]
    assert outcome.verdict.doubled, str(outcome)
