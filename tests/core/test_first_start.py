"""core.first_start: what is of before the very first start, by MAX's clock."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maxbridge.core.events import Event, Person, What
from maxbridge.core.plan_backfill import (
    KEPT,
    TOLERANCE,
    cut_short,
    cutoff,
    is_of_before,
    since_start,
)

NOW = 1_793_000_000.0
FIRST = int(NOW * 1000)


@given(
    start=st.floats(1e9, 4e9),
    ago=st.floats(0, KEPT),
    behind=st.floats(0, 1.0),
    after=st.floats(0, KEPT),
)
def test_what_is_written_after_the_start_is_never_passed_over(
    start: float, ago: float, behind: float, after: float
) -> None:
    """Whatever part of a second the header Date lacks."""
    first = cutoff(start + ago - behind, ago)
    assert not is_of_before(int((start + after) * 1000), first)


@given(
    start=st.floats(1e9, 4e9),
    ago=st.floats(0, KEPT),
    behind=st.floats(0, 1.0),
    before=st.floats(TOLERANCE + 1.1, KEPT),
)
def test_what_is_written_some_seconds_before_always_is(
    start: float, ago: float, behind: float, before: float
) -> None:
    first = cutoff(start + ago - behind, ago)
    stamp = int((start - before) * 1000)
    assert is_of_before(stamp, first)
    assert is_of_before(stamp // 1000, first)  # some clients tell seconds


def test_the_start_itself_counts_as_after_it_and_so_do_three_seconds() -> None:
    assert cutoff(1000.0, 5.0) == 992_000
    assert not is_of_before(FIRST, FIRST)
    assert is_of_before(FIRST - 1, FIRST)


@pytest.mark.parametrize(("timestamp", "before"), [(1, True), (10**11, True), (10**11 - 1, False)])
def test_small_numbers_are_seconds(timestamp: int, before: bool) -> None:
    assert is_of_before(timestamp, FIRST) is before


@pytest.mark.parametrize("timestamp", [0, -1, -FIRST])
def test_what_does_not_tell_its_time_is_new(timestamp: int) -> None:
    assert not is_of_before(timestamp, FIRST)


@pytest.mark.parametrize(
    ("begun_at", "running", "ago"),
    [
        (NOW - 5, 5.0, 5.0),
        (NOW - 600, 5.0, 600.0),  # an earlier process began it
        (NOW - 5, 600.0, 600.0),  # the clock was set back while we run
        (NOW + 60, 5.0, 5.0),
        (NOW + 60.5, 5.0, KEPT),
        (NOW + 3600, 5.0, KEPT),  # the clock was set back while we were off: nobody can tell
    ],
)
def test_how_long_ago_the_start_was(begun_at: float, running: float, ago: float) -> None:
    assert since_start(begun_at, NOW, running=running) == ago


def event(timestamp: int = FIRST, chat_type: str = "dialog") -> Event:
    return Event(
        What.MESSAGE,
        "message_created",
        "key",
        chat_id=5,
        sender=Person(7),
        chat_type=chat_type,
        timestamp=timestamp,
    )


@pytest.mark.parametrize(
    ("page", "chat"),
    [
        ([], None),
        ([event()], 5),
        ([event(chat_type="")], 5),
        ([event(timestamp=0)], 5),
        ([event(timestamp=FIRST - 1)], None),  # then whatever came before it is older still
        ([event(chat_type="chat")], None),
        ([event(), event()], None),  # MAX gave more than the latest: it gave all
    ],
)
def test_a_poll_without_a_marker_may_have_told_the_latest_only(
    page: list[Event], chat: int | None
) -> None:
    assert cut_short(page, FIRST) == chat
