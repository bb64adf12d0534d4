"""times: what people and programs read."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maxbridge.saying import local, utc

AT = 1_795_950_180.0  # 2026-11-29T11:03:00Z


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    yield monkeypatch
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Europe/Moscow", "2026-11-29 14:03 +03:00"),
        ("UTC", "2026-11-29 11:03 +00:00"),
        ("America/St_Johns", "2026-11-29 07:33 -03:30"),
        ("Asia/Kathmandu", "2026-11-29 16:48 +05:45"),
    ],
)
def test_people_read_their_own_time(zone: pytest.MonkeyPatch, name: str, shown: str) -> None:
    zone.setenv("TZ", name)
    time.tzset()
    assert local(AT) == shown
    assert local(AT + 7, exact=True) == shown[:16] + ":07" + shown[16:]
    assert utc(AT) == "2026-11-29T11:03:00Z"


@given(st.floats(min_value=0, max_value=4e9))
def test_both_are_the_same_moment(seconds: float) -> None:
    assert datetime.fromisoformat(utc(seconds) or "").timestamp() == math.floor(seconds)
    day, clock, offset = local(seconds, exact=True).split(" ")
    assert datetime.fromisoformat(f"{day}T{clock}{offset}").timestamp() == math.floor(seconds)


def test_a_moment_just_before_the_second_is_still_before_it() -> None:
    """``fromtimestamp`` rounds to microseconds."""
    assert utc(1.9999995231628418) == "1970-01-01T00:00:01Z"


@pytest.mark.parametrize("seconds", [1e18, -1e18, math.inf, math.nan])
def test_an_impossible_time_is_no_error(seconds: float) -> None:
    assert utc(seconds) is None
    assert local(seconds) == "an impossible time"
    assert utc(None) is None
