"""Every state of small worlds keeps the promises, and every weakened rule is found out."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from explore import __main__ as command
from explore.laws import PROMISES
from explore.rules import WEAKENED, Weakened
from explore.scenarios import LARGE, LIMITS, SMALL
from explore.search import Found, explore, tell
from explore.steps import FAILURES, Reply
from explore.world import Scenario
from maxbridge.core.delivery import FINISHED, Direction, Doubt, Outcome, State, follow, outcome_of
from outcomes import Key, keys

O = Outcome  # noqa: E741 - as the table writes it
LEAST_STATES = 100
"""A world of fewer states is no world."""


def title(each: Scenario | Weakened) -> str:
    return each.name


@cache
def explored(scenario: Scenario) -> Found:
    return explore(scenario)


@cache
def explored_weak(name: str) -> Found:
    (weak,) = [each for each in WEAKENED if each.name == name]
    return explore(weak.scenario, weak.rules, laws=PROMISES)


@pytest.mark.parametrize("scenario", SMALL, ids=title)
def test_no_state_of_a_small_world_breaks_a_promise(scenario: Scenario) -> None:
    found = explored(scenario)
    assert not found.wrong, "\n".join(tell(scenario, found))
    assert found.states > LEAST_STATES
    assert found.moves > found.states


NOT_MET: tuple[tuple[str, Callable[[Direction, State, Doubt, Outcome], bool]], ...] = (
    ("it is over at once", lambda _to, _state, _doubt, what: what in (O.ELSEWHERE, O.EMPTY, O.UNREADABLE)),
    ("nothing is put aside", lambda _to, state, _doubt, _what: state is State.PARKED),
    ("what needs no call of ours is done",
     lambda _to, state, _doubt, what: state is State.QUEUED and what is O.ACCEPTED),
    ("what the desk's program answered itself, it has done by then",
     lambda to, _state, doubt, what: to is Direction.TO_DESK and doubt is Doubt.ANSWERED and what is O.TOO_EARLY),
    ("nobody edits in these worlds", lambda _to, _state, _doubt, what: what is O.OTHER_FOUND),
    ("only a change waits in that doubt, and it is not looked up",
     lambda _to, state, doubt, what: state is State.DEFERRED and doubt is Doubt.RESTORED
     and what in (O.ACCEPTED, O.ABSENT, O.LOOK_UP_FAILED, O.UNKNOWABLE)),
)  # fmt: skip
"""What of the table the small worlds leave out; tests/store and tests/workers have it."""


def test_the_small_worlds_meet_all_of_the_table_but_what_is_named() -> None:
    met = {one(*each) for scenario in SMALL for each in explored(scenario).met}
    wanted = {one(*key) for key in keys() if follow(*key) is not None}
    missed = [key for key in wanted - met if not any(holds(*key) for _, holds in NOT_MET)]
    needless = [why for why, holds in NOT_MET if not any(holds(*key) for key in wanted - met)]
    assert missed == []
    assert needless == []
    assert met <= wanted


def one(to: Direction, state: State, doubt: Doubt, outcome: Outcome) -> Key:
    """What is put off is as good as what is queued, where it is in no doubt."""
    queued = state is State.DEFERRED and doubt is Doubt.NONE
    return to, State.QUEUED if queued else state, doubt, outcome


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (Reply.NO, O.REFUSED),
        (Reply.LATER, O.FAILED),
        (Reply.BROKEN, O.UNCLEAR),
        (Reply.SILENCE, O.NO_ANSWER),
    ],
)
@pytest.mark.parametrize("to", list(Direction))
def test_the_answers_mean_what_they_are_called(
    to: Direction, reply: Reply, outcome: Outcome
) -> None:
    assert outcome_of(FAILURES[to, reply]) is outcome


@pytest.mark.parametrize("weak", WEAKENED, ids=title)
def test_every_weakened_rule_is_found_out(weak: Weakened) -> None:
    assert weak.wrong in explored_weak(weak.name).wrong


@pytest.mark.parametrize(("scenario", "wrong"), LIMITS, ids=lambda each: getattr(each, "name", ""))
def test_what_cannot_be_promised_is_known(scenario: Scenario, wrong: str) -> None:
    assert wrong in explore(scenario, laws=PROMISES).wrong


def test_a_counter_example_is_a_story() -> None:
    (weak,) = [each for each in WEAKENED if each.name == "retried into the queue"]
    found = explored_weak(weak.name)
    assert list(tell(weak.scenario, found)) == [
        "  1. A1: a worker takes it up",
        "  2. A1: its call begins (A1 is sending, in doubt: crashed)",
        "  3. A1: a bug ends its worker (A1 is held, in doubt: crashed)",
        "  4. A1: the service does it late",
        "  5. A1: an administrator retries it (A1 is queued)",
        "  6. A1: a worker takes it up",
        "  7. A1: its call begins (A1 is sending, in doubt: crashed)",
        "  8. A1: the service does what it says",
        "   → A1 is there twice",
    ]


def test_only_states_between_which_no_rule_makes_a_difference_are_taken_for_one() -> None:
    for to in Direction:
        for doubt in Doubt:
            for outcome in Outcome:
                queued, deferred = (
                    follow(to, state, doubt, outcome) for state in (State.QUEUED, State.DEFERRED)
                )
                if queued is not None and deferred is not None:
                    # One that stays as it was is as good as the other.
                    stays = queued.state is State.QUEUED and deferred.state is State.DEFERRED
                    queued = replace(queued, state=deferred.state) if stays else queued
                assert queued == deferred, (to, doubt, outcome)
                assert not any(follow(to, state, doubt, outcome) for state in FINISHED)


def test_the_worlds_are_many_and_each_has_its_name() -> None:
    worlds = [*LARGE, *(each for each, _ in LIMITS)]
    names = [each.name for each in worlds] + [each.name for each in WEAKENED]
    assert len(names) == len(set(names))
    assert {each.to for each in SMALL} == set(Direction)
    assert all(each.says for each in worlds)


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--list"]) == 0
    listed = capsys.readouterr().out
    assert all(each.name in listed for each in LARGE)
    assert all(each.says in listed for each in WEAKENED)
    assert command.main(["stopped"]) == 0
    assert "the customer stops the bot" in capsys.readouterr().out
    assert command.main(["newest first"]) == 0
    assert "A2 overtakes A1" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        command.main(["no such world"])


def test_the_page_names_every_weakened_rule_and_how_far_it_takes_to_find_it() -> None:
    page = (Path(__file__).parents[2] / "docs" / "testing.md").read_text()
    for weak in WEAKENED:
        found = explored_weak(weak.name)
        row = rf"^\| {re.escape(weak.says)} \| [^|]+ \| {len(found.story)} \|$"
        assert re.search(row, page, re.MULTILINE), weak.says
