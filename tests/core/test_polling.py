"""How often the desk is asked, and when a ticket with news is read."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maxbridge.core.events import Conversation
from maxbridge.core.plan_outbound import OutboundPolicy
from maxbridge.core.polling import PollingPolicy

NOW = 1_793_000_000.0
TICKET = Conversation(
    id=7, number=7, type="chat", status="active", state="published", updated_at=NOW
)
seconds = st.floats(min_value=0.5, max_value=3600.0)
windows = st.floats(min_value=0.0, max_value=3600.0)


def policy(interval: float = 5.0, window: float = 15.0) -> PollingPolicy:
    return PollingPolicy(interval, OutboundPolicy(window))


@pytest.mark.parametrize(
    ("interval", "window", "quiet_for", "pause"),
    [
        (5.0, 15.0, 0.0, 5.0),
        (5.0, 15.0, 600.0, 5.0),
        (5.0, 5.0, 0.0, 5.0),
        (5.0, 15.0, 601.0, 15.0),
        (2.0, 15.0, 601.0, 6.0),
        (5.0, 0.0, 0.0, 2.0),
        (5.0, 0.0, 60.0, 2.0),
        (5.0, 0.0, 61.0, 5.0),
        (5.0, 0.0, 86400.0, 5.0),
        (60.0, 15.0, 10.0, 24.0),
        (60.0, 15.0, 86400.0, 60.0),
        (5.0, 15.0, float("inf"), 15.0),
    ],
)
def test_pauses(interval: float, window: float, quiet_for: float, pause: float) -> None:
    assert policy(interval, window).pause(quiet_for) == pytest.approx(pause)


@given(seconds, windows, st.floats(min_value=0.0))
def test_no_reply_is_later_than_with_the_set_interval(
    interval: float, window: float, quiet_for: float
) -> None:
    rule = policy(interval, window)
    pause = rule.pause(quiet_for)
    assert pause <= max(interval, rule.outbound.window - 2.0)
    assert pause >= 0.4 * interval


def test_one_reading_at_the_end_of_the_window_does_for_a_reply() -> None:
    row = replace(TICKET, user_updated_at=NOW - 3)
    assert policy().read_at(row, agent_was_there=True, desk_now=NOW) == NOW - 3 + 17


def test_an_edit_and_a_ticket_that_was_merged_away_are_read_at_once() -> None:
    row = replace(TICKET, user_updated_at=NOW - 3)
    assert policy().read_at(row, agent_was_there=False, desk_now=NOW) == NOW
    gone = replace(row, state="deleted")
    assert policy().read_at(gone, agent_was_there=True, desk_now=NOW) == NOW


@given(windows, st.floats(min_value=-1e6, max_value=1e6))
def test_a_reading_is_never_in_the_past_nor_more_than_a_window_away(
    window: float, ago: float
) -> None:
    rule = policy(window=window)
    row = replace(TICKET, user_updated_at=NOW - ago)
    due = rule.read_at(row, agent_was_there=True, desk_now=NOW)
    assert NOW <= due <= NOW + rule.outbound.window + 1e-6
