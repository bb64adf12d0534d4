"""core.pace: MAX allows 2 messages a second to a chat and 30 requests a second in all (max.md 5.1)."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laws import law
from maxbridge.core.pace import ON_THE_WAY, Arrivals, Pace, Spread, in_turn

PER_CHAT, OVERALL = 0.5, 0.04

calls = st.lists(
    st.tuples(
        st.none() | st.integers(min_value=1, max_value=4),
        st.sampled_from([0.0, 0.01, 0.04, 0.1, 0.24, 0.25, 0.48, 0.5, 2.0]),
    ),
    max_size=60,
)
"""Chat (or none) of each call and how long after the one before it is asked for."""


def starts(wanted: list[tuple[int | None, float]]) -> list[tuple[int | None, float, float]]:
    """Chat, when it asked, when it may start."""
    pace = Pace(per_key=PER_CHAT, overall=OVERALL)
    now, given_out = 1000.0, []
    for chat, later in wanted:
        now += later
        given_out.append((chat, now, now + pace.reserve(chat, now)))
    return given_out


@given(calls)
@law
def test_nobody_starts_before_he_asked(wanted: list[tuple[int | None, float]]) -> None:
    assert all(start >= asked for _, asked, start in starts(wanted))


@given(calls)
@law
def test_two_calls_of_one_chat_are_the_chats_distance_apart(
    wanted: list[tuple[int | None, float]],
) -> None:
    for chat in range(1, 5):
        own = [start for key, _, start in starts(wanted) if key == chat]
        assert all(later - earlier >= PER_CHAT - 1e-6 for earlier, later in pairwise(own))


@given(calls)
@law
def test_any_two_calls_are_the_overall_distance_apart(
    wanted: list[tuple[int | None, float]],
) -> None:
    every = sorted(start for _, _, start in starts(wanted))
    assert all(later - earlier >= OVERALL - 1e-6 for earlier, later in pairwise(every))


def test_a_busy_chat_does_not_delay_another() -> None:
    pace = Pace(per_key=PER_CHAT, overall=OVERALL)
    for _ in range(20):
        pace.reserve(1, 0.0)
    assert pace.reserve(2, 1.0) <= OVERALL + 1e-6


@pytest.mark.parametrize(
    ("wanted", "waits"),
    [
        ([(1, 0.0)], [0.0]),
        ([(1, 0.0), (1, 0.0), (1, 0.0)], [0.0, 0.5, 1.0]),
        ([(1, 0.0), (1, 0.6)], [0.0, 0.0]),
        ([(1, 0.0), (2, 0.0), (3, 0.0)], [0.0, 0.04, 0.08]),
        ([(None, 0.0), (None, 0.0)], [0.0, 0.04]),
    ],
)
def test_waits_by_example(wanted: list[tuple[int | None, float]], waits: list[float]) -> None:
    assert [start - asked for _, asked, start in starts(wanted)] == pytest.approx(waits)


def test_quiet_chats_are_forgotten() -> None:
    # A million customers must not stay in memory for ever.
    pace = Pace(per_key=PER_CHAT, overall=0.0)
    for chat in range(1000):
        pace.reserve(chat, float(chat))
    assert len(pace._next) <= 2
    pace.reserve(1000, 999.0 + PER_CHAT)
    assert list(pace._next) == [1000]


def test_a_moment_between_two_others_is_free_when_it_keeps_its_distance_to_both() -> None:
    pace = Pace(per_key=0.5, overall=0.25)
    assert (pace.reserve(1, 0.0), pace.reserve(1, 0.0)) == (0.0, 0.5)
    assert pace.reserve(None, 0.25) == 0.0


# --- those who are turned away ----------------------------------------------------------------------


def test_each_who_is_turned_away_has_a_time_of_their_own_within_the_bounds() -> None:
    spread = Spread(least=1.0, most=1.05)
    waits = [spread.pause(100.0) for _ in range(4)]
    assert waits == pytest.approx([1.0, 1.02, 1.04, 1.05])
    assert spread.pause(200.0) == 1.0
    assert spread.pause(200.0, at_least=7.0) == 7.0
    assert Spread(least=0.5, most=5.0).pause(0.0) == 0.5


# --- whose turn is next -----------------------------------------------------------------------------


def test_every_fourth_turn_is_a_newcomers_while_both_wait() -> None:
    assert in_turn([1, 2, 3, 4, 5, 6, 7], [10, 20], 0) == [1, 2, 3, 10, 4, 5, 6, 20, 7]
    assert in_turn([1, 2], [10, 20], 3) == [10, 1, 2, 20]
    assert in_turn([], [10, 20], 0) == [10, 20]


# --- polls: apart where they arrive -----------------------------------------------------------------

DISTANCE = 0.52


@given(
    st.lists(
        st.tuples(
            st.floats(0, 5.0),  # until a connection is there
            st.floats(0, ON_THE_WAY),  # on the way there
            st.floats(0, 30.0),  # held by MAX
            st.floats(0, 2.0),  # on the way back
            st.floats(0, 1.0),  # until it is called for again
        ),
        min_size=3,
        max_size=20,
    )
)
def test_no_three_polls_arrive_within_a_second(
    polls: list[tuple[float, float, float, float, float]],
) -> None:
    arrivals, now, arrived = Arrivals(), 100.0, []
    for connecting, there, held, back, pause in polls:
        now += arrivals.wait(now, DISTANCE) + pause
        left = now + connecting
        arrived.append(left + there)
        now = left + there + held + back
        arrivals.answered(left, now)
    assert all(later - earlier >= 1.0 for earlier, later in zip(arrived, arrived[2:], strict=False))
    assert all(later - earlier >= 0.5 for earlier, later in pairwise(arrived))


@given(first=st.floats(0, 1e6), held=st.floats(ON_THE_WAY + DISTANCE, 90.0))
def test_a_poll_that_max_has_held_for_a_second_is_followed_at_once(
    first: float, held: float
) -> None:
    arrivals = Arrivals()
    for left in (first, first + 100.0):
        arrivals.answered(left, left + held)
    assert arrivals.wait(first + 100.0 + held + 1e-6, DISTANCE) == 0.0


def test_the_first_poll_leaves_room_for_one_of_the_process_before() -> None:
    arrivals = Arrivals()
    assert arrivals.wait(7.0, DISTANCE) == 0.0
    arrivals.answered(7.0, 7.1)
    assert arrivals.wait(7.1, DISTANCE) == pytest.approx(2 * DISTANCE)
    arrivals.answered(9.0, 9.1)
    assert arrivals.wait(9.2, DISTANCE) == pytest.approx(DISTANCE - 0.1)
    arrivals.answered(20.0, 21.1)
    assert arrivals.wait(21.1, DISTANCE) == 0.0, "it was on its way for half a second at most"


def test_without_a_limit_nothing_waits() -> None:
    arrivals = Arrivals()
    for left in (1.0, 1.1, 1.2):
        arrivals.answered(left, left)
        assert arrivals.wait(left, 0.0) == 0.0
