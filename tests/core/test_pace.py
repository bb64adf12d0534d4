"""core.pace: MAX allows 2 messages a second to a chat and 30 requests a second in all (max.md 5.1)."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laws import law
from maxbridge.core.pace import Pace

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
