"""The whole bridge in one process, dying at any step: the same seed is the same run, and no promise breaks.

Any number of other seeds by hand: ``make simulate SEEDS=1-200``.
"""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from dataclasses import replace

import pytest

from crash import simulation
from crash.disk import can_be_watched
from crash.simulation import CALM, Outcome, Profile, shrink, simulate
from crash.traffic import Traffic

pytestmark = [
    pytest.mark.timeout(0),  # virtual time
    pytest.mark.skipif(not can_be_watched(), reason="SQLite takes no layer of ours here"),
]

SEEDS = {
    20: "deaths at named points, kills and power cuts; lines that are always bad",
    26: "power cuts only; lines that are bad nearly all the time",
    36: "our clock jumps by minutes while the daemon is down; events that are swapped, repeated and told again",
    50: "no deaths; a disk that is full now and then",
}
"""What each is here for; one that has failed once keeps the reason."""


@functools.cache
def run(seed: int) -> Outcome:
    """One run for all questions about it."""
    return simulate(seed)


@pytest.mark.parametrize("seed", SEEDS, ids=str)
def test_nothing_is_lost_doubled_out_of_order_or_seen_outside(seed: int) -> None:
    outcome = run(seed)
    assert outcome.verdict.good, f"{outcome}\nagain: make simulate SEEDS={seed} ARGS=--shrink"
    assert outcome.verdict.messages > 10


def test_the_same_seed_is_the_same_run_in_every_process() -> None:
    """Also where sets have another order, as in every process with another PYTHONHASHSEED."""
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONHASHSEED": "7"}
    command = [sys.executable, "-m", "crash.simulation", "--seeds", "20"]
    ended = subprocess.run(command, env=environ, check=True, capture_output=True, text=True)
    assert ended.stdout.splitlines()[0] == str(run(20))
    assert len({run(seed).digest for seed in SEEDS}) == len(SEEDS)


SHORTEST = {
    "undo_ignored": (
        Profile(
            customers=1,
            actions=30,
            distance=4.0,
            quiet_people=frozenset(Traffic.habits()) - {"_undo"},
            **CALM,
        ),
        "leaked",
    ),
    "sending_may_wait": (
        Profile(customers=1, actions=5, distance=10.0, **CALM | {"life": 5.0, "power": 1.0}),
        "doubled",
    ),
    "doubt_forgotten": (Profile(customers=1, actions=6, **CALM | {"storms": 0.8}), "doubled"),
    "silence_is_a_no": (
        Profile(customers=1, actions=8, distance=10.0, **CALM | {"storms": 1.0}),
        "doubled",
    ),
    "notes_are_messages": (Profile(customers=2, actions=9, **CALM), "leaked"),
}
"""One bug for each of core, store, engine, the client of MAX and that of FreeScout; what ``--shrink`` made of the first
seed that found it, and what is noticed."""


@pytest.mark.parametrize("bug", SHORTEST)
def test_a_bug_in_each_layer_is_found_by_a_run_of_a_few_actions(bug: str) -> None:
    profile, what = SHORTEST[bug]
    # Which of the first seeds it is changes with whatever the program asks of chance.
    for seed in range(1, 13):
        outcome = simulate(seed, profile, bug=bug)
        if outcome.verdict.complaints[what]:
            assert simulate(seed, profile).verdict.good
            return
    pytest.fail(f"{bug} is not noticed")


def test_what_is_late_or_not_given_back_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    quiet = Profile(customers=2, actions=30, **CALM)
    assert quiet.is_calm
    assert simulate(1, quiet).verdict.good
    monkeypatch.setattr(simulation, "_AT_ONCE", 0.5)
    monkeypatch.setattr(simulation, "_AT_REST", 3)
    verdict = simulate(1, quiet).verdict
    assert verdict.late
    assert verdict.grown


def test_a_failing_run_shrinks_to_one_that_shows_nothing_else() -> None:
    bug = "notes_are_messages"
    long = replace(SHORTEST[bug][0], customers=2, actions=24, latency=0.02)
    seed = next(each for each in range(1, 13) if simulate(each, long, bug=bug).verdict.leaked)
    shortest = shrink(seed, long, bug=bug)
    assert (shortest.customers, shortest.latency) == (1, 0.0)
    assert shortest.actions < long.actions
    assert simulate(seed, shortest, bug=bug).verdict.leaked
    assert simulate(seed, shortest).verdict.good
