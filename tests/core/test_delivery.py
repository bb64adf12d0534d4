"""core.delivery: the table of outcomes. What is in it, what cannot happen and why, and the laws that it keeps."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laws import law
from maxbridge.core.delivery import (
    FINISHED,
    PENDING,
    TABLE,
    Direction,
    Doubt,
    Due,
    Next,
    Outcome,
    Rule,
    State,
    _rows,
    follow,
    outcome_of,
    see_that_it_may_leave,
    see_that_it_may_move,
)
from maxbridge.core.errors import Failure, Kind, RuleBrokenError
from outcomes import REACHED, TRIED, Key, keys

Where = tuple[State, Doubt]

S, D, O = State, Doubt, Outcome  # noqa: E741 - as the table writes them
DESK, MAX = Direction.TO_DESK, Direction.TO_MAX
WAITING = (S.QUEUED, S.DEFERRED)

RESTORED: tuple[Where, ...] = ((S.SENDING, D.RESTORED), (S.HELD, D.RESTORED))
"""What a database that is gone may have sent begins in doubt, in both directions (store/restored.py)."""
BEGINNINGS: dict[Direction, tuple[Where, ...]] = {
    DESK: (
        (S.QUEUED, D.NONE),
        (S.PARKED, D.NONE),
        (S.IGNORED, D.NONE),
        *RESTORED,
        (S.PARKED, D.RESTORED),
    ),
    MAX: ((S.QUEUED, D.NONE), *RESTORED),
}

CALL_ENDS = (O.FAILED, O.REFUSED, O.NO_ANSWER, O.UNCLEAR, O.BLOCKED, O.TAKEN_BACK)
LOOK_UPS = (O.ABSENT, O.TOO_EARLY, O.LOOK_UP_FAILED, O.UNKNOWABLE, O.OTHER_FOUND)
BEFORE_A_CALL = (O.STARTED, O.UNREADY, O.MAKES_WAY, O.STEPPED_DOWN, O.GIVEN_UP, O.UNREADABLE, O.EXPIRED)  # fmt: skip
BY_A_PERSON = (O.HOLD, O.RETRY, O.RETRY_ANYWAY, O.DROP, O.RELEASE)
ONLY = {
    **dict.fromkeys((O.CHANGE_STARTED, O.BLOCKED, O.EMPTY, O.EXPIRED, O.OTHER_FOUND), MAX),
    **dict.fromkeys((O.TAKEN_BACK, O.UNREADABLE, O.RELEASE), DESK),
}

IMPOSSIBLE: tuple[tuple[str, Callable[[Direction, State, Doubt, Outcome], bool]], ...] = (
    ("it is finished", lambda _to, state, _doubt, _what: state in FINISHED),
    ("it was put aside, until a person releases it",
     lambda _to, state, _doubt, what: state is S.PARKED and what not in (O.RELEASE, O.DROP)),
    ("it is held, until a person decides",
     lambda _to, state, _doubt, what: state is S.HELD and what not in (O.RETRY, O.RETRY_ANYWAY, O.DROP)),
    ("it is not held", lambda _to, state, _doubt, what: state is not S.HELD and what in (O.RETRY, O.RETRY_ANYWAY)),
    ("it is not put aside", lambda _to, state, _doubt, what: state is not S.PARKED and what is O.RELEASE),
    ("that does not happen in this direction", lambda to, _state, _doubt, what: ONLY.get(what, to) is not to),
    ("no call is under way", lambda _to, state, _doubt, what: state in WAITING and what in (*CALL_ENDS, O.TOO_EARLY)),
    ("a call cannot be taken back", lambda _to, state, _doubt, what: state is S.SENDING and what in (O.HOLD, O.DROP)),
    ("it is in no doubt, so nothing is looked up",
     lambda _to, _state, doubt, what: doubt is D.NONE and what in LOOK_UPS),
    ("a call is under way, or it is looked up first",
     lambda _to, state, doubt, what: state is S.SENDING and doubt is not D.RESTORED
     and what in BEFORE_A_CALL and not (doubt is D.CRASHED and what is O.STEPPED_DOWN)),
    ("its call is over, and it is looked up",
     lambda _to, _state, doubt, what: doubt in (D.NO_ANSWER, D.ANSWERED, D.RETRIED)
     and what in CALL_ENDS and what is not O.TAKEN_BACK),
    ("a change in doubt is made again at once",
     lambda _to, state, doubt, what: state is S.SENDING and doubt in TRIED and what is O.CHANGE_STARTED),
    ("a lost database sent it alone, not in a batch",
     lambda _to, _state, doubt, what: doubt is D.RESTORED and what is O.TAKEN_BACK),
    ("whether a change failed is certain",
     lambda _to, _state, doubt, what: doubt is D.RESTORED and what in (O.NO_ANSWER, O.UNCLEAR)),
    ("only a change begins beside such a doubt",
     lambda _to, _state, doubt, what: doubt is D.RESTORED and what is O.STARTED),
    ("nothing is changed at the desk, so it is looked up first",
     lambda to, state, doubt, what: to is DESK and (state, doubt) == (S.SENDING, D.RESTORED)
     and what in (*CALL_ENDS, *BEFORE_A_CALL)),
    ("it is looked up, however old it is",
     lambda _to, state, _doubt, what: state is S.SENDING and what is O.EXPIRED),
    ("only what a lost database sent may have been edited since",
     lambda _to, _state, doubt, what: doubt in TRIED and what is O.OTHER_FOUND),
    ("its parts are sent from the first one on",
     lambda _to, state, _doubt, what: state in WAITING and what is O.PARTLY),
)  # fmt: skip
"""Why an outcome cannot happen to a delivery as it stands."""


@pytest.mark.parametrize("to", list(Direction))
def test_what_a_delivery_can_be(to: Direction) -> None:
    reached = set(BEGINNINGS[to])
    waiting = list(reached)
    while waiting:
        state, doubt = waiting.pop()
        for outcome in Outcome:
            after = follow(to, state, doubt, outcome)
            if after is not None and (after.state, after.doubt) not in reached:
                reached.add((after.state, after.doubt))
                waiting.append((after.state, after.doubt))
    assert reached == {(state, doubt) for state, doubts in REACHED[to].items() for doubt in doubts}


def test_each_combination_is_in_the_table_or_impossible_for_a_reason() -> None:
    unexplained, contradicted = [], []
    for key in keys():
        reasons = [why for why, holds in IMPOSSIBLE if holds(*key)]
        if follow(*key) is None and not reasons:
            unexplained.append(key)
        if follow(*key) is not None and reasons:
            contradicted.append((key, reasons))
    assert unexplained == []
    assert contradicted == []


def test_no_combination_is_decided_twice() -> None:
    seen = [key for key, _ in _rows()]
    assert len(seen) == len(set(seen))


def test_every_rule_decides_something_that_can_be() -> None:
    can_be = set(keys())
    idle = [
        rule
        for rule in TABLE
        if not any(
            (to, state, doubt, rule.outcome) in can_be
            for to in rule.to
            for state in rule.states
            for doubt in rule.doubts
        )
    ]
    assert idle == []


@pytest.mark.parametrize("rule", TABLE, ids=lambda each: f"{each.outcome}: {each.why[:40]}")
def test_every_rule_says_why(rule: Rule) -> None:
    assert re.fullmatch(r"[A-Z][^.]*(\.[^ .][^.]*)*\.( [A-Z][^.]*\.)*", rule.why), rule.why
    assert len(rule.why.split()) >= 3
    assert "  " not in rule.why


# --- laws -----------------------------------------------------------------------------------------


def moves() -> Iterator[tuple[Key, Next]]:
    """Everything that the table says of a delivery as it can be."""
    for key in keys():
        after = follow(*key)
        if after is not None:
            yield key, after


def test_what_is_finished_stays_finished() -> None:
    assert all(state not in FINISHED for (_, state, _, _), _ in moves())


def test_the_doubt_is_set_with_the_attempt_before_the_first_byte_leaves() -> None:
    for (_, _, doubt, outcome), after in moves():
        if outcome in (O.STARTED, O.CHANGE_STARTED):
            assert after.state is S.SENDING
            assert after.doubt is (D.CRASHED if doubt is D.NONE else doubt)


def test_what_is_being_sent_is_always_in_doubt_and_what_waits_hardly_ever() -> None:
    for key, after in moves():
        if after.state is S.SENDING:
            assert after.doubt is not D.NONE
        if after.state in WAITING and after.doubt is not D.NONE:
            # A change that waits for its customer, and what stands behind it.
            assert (key[0], after.doubt) == (MAX, D.RESTORED)
            assert key[1] is S.DEFERRED or key[3] in (O.BLOCKED, O.MAKES_WAY)


ENDS_A_DOUBT = {
    O.ACCEPTED: "the service says that it is there",
    O.PARTLY: "the same",
    O.FAILED: "the service says that it was not done, or was not reached",
    O.REFUSED: "the same",
    O.BLOCKED: "the same",
    O.STEPPED_DOWN: "after such an answer",
    O.TAKEN_BACK: "the same, for those that were in one call",
    O.ABSENT: "a look-up that came late enough",
    O.RETRY_ANYWAY: "a person who has looked",
    O.ELSEWHERE: "it is finished: the service needs nothing",
    O.EMPTY: "it is finished: nothing is left that could be sent",
    O.GIVEN_UP: "it is finished: a change, whose agent is told",
}
"""Which outcomes end a doubt, and by what."""


def test_a_doubt_ends_by_an_answer_a_look_up_or_a_person_alone() -> None:
    ended = {key[3] for key, after in moves() if key[2] is not D.NONE and after.doubt is D.NONE}
    assert ended == set(ENDS_A_DOUBT)
    for (_, state, doubt, outcome), after in moves():
        if outcome in (O.ELSEWHERE, O.EMPTY, O.GIVEN_UP) and doubt is not D.NONE:
            assert after.state in FINISHED
        if outcome is O.STEPPED_DOWN and doubt is not D.NONE:
            assert (state, doubt) == (S.SENDING, D.CRASHED) or after.doubt is doubt


def roads_into_held() -> list[tuple[Key, Next]]:
    return [(key, after) for key, after in moves() if after.state is S.HELD]


def test_every_road_into_held_keeps_the_doubt() -> None:
    assert {key[3] for key, _ in roads_into_held()} == {
        O.REFUSED, O.GIVEN_UP, O.UNKNOWABLE, O.BUG, O.HOLD
    }  # fmt: skip
    for (_, state, doubt, outcome), after in roads_into_held():
        if outcome is O.REFUSED:
            # The only one that ends it: the service has just said that it was not done.
            assert (state, doubt, after.doubt) == (S.SENDING, D.CRASHED, D.NONE)
        else:
            assert after.doubt is doubt


def test_every_command_out_of_held_looks_up_first_what_is_in_doubt() -> None:
    # Walked from each road into held, so that no road is forgotten when one is built.
    for (to, _, _, _), held in roads_into_held():
        out = {what: follow(to, held.state, held.doubt, what) for what in BY_A_PERSON}
        retried, anyway, dropped = out[O.RETRY], out[O.RETRY_ANYWAY], out[O.DROP]
        assert retried is not None
        assert anyway is not None
        assert dropped is not None
        assert out[O.HOLD] is None
        assert out[O.RELEASE] is None
        assert (dropped.state, dropped.doubt) == (S.IGNORED, held.doubt)
        assert (anyway.state, anyway.doubt) == (S.QUEUED, D.NONE)
        if held.doubt is D.NONE:
            assert (retried.state, retried.doubt) == (S.QUEUED, D.NONE)
            continue
        # It is sent again only after a look-up that finds no trace.
        assert (retried.state, retried.doubt is D.NONE) == (S.SENDING, False)
        assert follow(to, retried.state, retried.doubt, O.STARTED) is None
        absent = follow(to, retried.state, retried.doubt, O.ABSENT)
        assert absent is not None
        assert (absent.state, absent.doubt) == (S.QUEUED, D.NONE)


def test_agents_are_told_of_whatever_ends_badly_but_by_a_person() -> None:
    for (_, _, _, outcome), after in moves():
        if after.state in (S.HELD, S.BOUNCED) and outcome is not O.HOLD:
            assert after.tell, outcome


def test_who_waits_for_what() -> None:
    for (to, state, doubt, outcome), after in moves():
        if after.state not in PENDING:
            assert after.due is Due.NEVER
        elif after.due is Due.NEVER:
            assert outcome is O.BLOCKED  # until its customer is back
        if after.counts:
            assert not after.anew
        if after.due is Due.NOW and after.state in PENDING:
            # What is due at once is not what was just tried, or it would be tried without a pause.
            again = follow(to, after.state, after.doubt, outcome)
            assert outcome not in CALL_ENDS or again is None, (state, doubt, outcome)


@given(
    to=st.sampled_from(Direction),
    outcomes=st.lists(st.sampled_from(Outcome), max_size=30),
    restored=st.booleans(),
)
@law
def test_whatever_happens_in_whatever_order(
    to: Direction, outcomes: list[Outcome], *, restored: bool
) -> None:
    state, doubt = (S.SENDING, D.RESTORED) if restored else (S.QUEUED, D.NONE)
    may_have_been_sent = doubt is not D.NONE
    for outcome in outcomes:
        after = follow(to, state, doubt, outcome)
        if after is None:
            continue
        if outcome in (O.STARTED, O.CHANGE_STARTED):
            # Nothing is sent that may have been sent already, but a change.
            assert outcome is O.CHANGE_STARTED or not may_have_been_sent
            may_have_been_sent = True
        elif outcome in ENDS_A_DOUBT and after.doubt is D.NONE:
            may_have_been_sent = False
        state, doubt = after.state, after.doubt
        assert doubt in REACHED[to][state]
        if may_have_been_sent:
            assert doubt is not D.NONE


# --- what a failed call means ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("failure", "outcome"),
    [
        (Failure("desk.invalid", Kind.PERMANENT, certain=True), O.REFUSED),
        (Failure("max.unreachable", Kind.TRANSIENT, certain=True), O.FAILED),
        (Failure("desk.unauthorized", Kind.CONFIG, certain=True), O.FAILED),
        (Failure("max.timeout", Kind.TRANSIENT, certain=False), O.NO_ANSWER),
        (Failure("desk.unavailable", Kind.TRANSIENT, certain=False), O.NO_ANSWER),
        (Failure("desk.server_error", Kind.TRANSIENT, certain=False), O.UNCLEAR),
        (Failure("max.server_error", Kind.TRANSIENT, certain=False), O.UNCLEAR),
        (Failure("max.bad_answer", Kind.TRANSIENT, certain=False), O.UNCLEAR),
        # Whatever else is true of it, a doubt is no refusal.
        (Failure("desk.invalid", Kind.PERMANENT, certain=False), O.NO_ANSWER),
    ],
    ids=lambda each: each.code if isinstance(each, Failure) else "",
)
def test_what_a_failed_call_means(failure: Failure, outcome: Outcome) -> None:
    assert outcome_of(failure) is outcome


COUNTS = (O.FAILED, O.REFUSED, O.NO_ANSWER, O.UNCLEAR, O.UNREADY, O.LOOK_UP_FAILED)
ANEW = (O.PARTLY, O.STEPPED_DOWN, O.RETRY, O.RETRY_ANYWAY)
TELLS = (O.REFUSED, O.BLOCKED, O.GIVEN_UP, O.EMPTY, O.EXPIRED, O.UNKNOWABLE, O.BUG)


@pytest.mark.parametrize(
    ("member", "outcomes"), [("counts", COUNTS), ("anew", ANEW), ("tell", TELLS)]
)
def test_what_counts_as_a_try_begins_anew_or_is_told_hangs_on_what_happened_alone(
    member: str, outcomes: tuple[Outcome, ...]
) -> None:
    for (*_, outcome), following in _rows():
        assert getattr(following, member) == (outcome in outcomes), (member, outcome)


# --- rules that the program asks for itself ---------------------------------------------------------


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("doubt", Doubt)
def test_only_what_is_sending_and_in_doubt_may_leave(state: State, doubt: Doubt) -> None:
    if state is State.SENDING and doubt is not Doubt.NONE:
        see_that_it_may_leave([(state, doubt)], 1)
        return
    with pytest.raises(RuleBrokenError, match=f"{state.value}, doubt {doubt.value or 'none'}"):
        see_that_it_may_leave([(State.SENDING, Doubt.CRASHED), (state, doubt)], 2)


def test_all_of_a_call_must_be_there() -> None:
    see_that_it_may_leave([(State.SENDING, Doubt.CRASHED)] * 2, 2)
    with pytest.raises(RuleBrokenError, match="1 of 2 not in the queue"):
        see_that_it_may_leave([(State.SENDING, Doubt.CRASHED)], 2)


@pytest.mark.parametrize("outcome", Outcome)
def test_a_decision_that_came_too_late_is_no_bug_and_the_end_of_a_call_is(outcome: Outcome) -> None:
    ends = ("failed", "refused", "no answer", "unclear answer", "blocked")
    if outcome.value in ends:
        with pytest.raises(RuleBrokenError):
            see_that_it_may_move(State.HELD, outcome)
    else:
        see_that_it_may_move(State.HELD, outcome)
    if outcome in (Outcome.ACCEPTED, Outcome.PARTLY):
        with pytest.raises(RuleBrokenError):
            see_that_it_may_move(State.DONE, outcome)
    elif outcome.value not in ends:
        see_that_it_may_move(State.DONE, outcome)
