"""The webhook bridge's rows: whatever is in them, each is used or counted."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maxbridge.core.old_rows import OldSync, read_id, read_mid, read_time, understand

ROW = {
    "max_user_id": "410000017",
    "freescout_conversation_id": 7,
    "freescout_customer_id": 3,
    "last_message_id": "mid.1",
    "created_at": "2026-11-01 10:00:00",
    "updated_at": "2026-11-02T10:00:00Z",
}


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (7, 7), ("7", 7), (" 7 ", 7), ("7.0", 7), (7.0, 7), (b"7", 7),
        (None, None), ("", None), (0, None), (-1, None), (True, None), (7.5, None), ("7a", None),
        (2**63, None), ("9" * 30, None), ("٧", None), (float("nan"), None), (float("inf"), None),
    ],
)  # fmt: skip
def test_ids(value: Any, number: int | None) -> None:
    assert read_id(value) == number


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("2026-11-02 10:00:00", 1793613600.0),
        ("2026-11-02T13:00:00+03:00", 1793613600.0),
        ("2026-11-02T10:00:00.500Z", 1793613600.5),
        (1793613600, 1793613600.0),
        (1793613600.5, 1793613600.5),
        (1793613600500, 1793613600.5),
        ("1793613600", 1793613600.0),
        (None, 0.0), ("yesterday", 0.0), (b"\xff", 0.0), ("nan", 0.0), (float("inf"), 0.0),
        (-5, 0.0), (True, 0.0), ("0001-01-01T00:00:00+14:00", 0.0),
    ],
)  # fmt: skip
def test_times(value: Any, seconds: float) -> None:
    assert read_time(value) == seconds


@pytest.mark.parametrize(
    ("value", "mid"),
    [("mid.1", "mid.1"), (b" mid.1\n", "mid.1"), (None, ""), (5, ""), ("a b", ""), ("x" * 500, "")],
)
def test_message_ids(value: Any, mid: str) -> None:
    assert read_mid(value) == mid


def test_a_row_is_a_ticket_of_a_user() -> None:
    (pair,) = understand([ROW], []).pairs
    assert (pair.user_id, pair.conversation_id, pair.customer_id) == (410000017, 7, 3)
    assert (pair.last_mid, pair.active_at) == ("mid.1", 1793613600.0)


def test_a_users_newest_ticket_is_the_last_one() -> None:
    newer = ROW | {"freescout_conversation_id": 5, "updated_at": "2026-11-03"}
    bridge = understand([newer, ROW], [])
    assert [pair.conversation_id for pair in bridge.pairs] == [7, 5]
    assert list(bridge.problems.values()) == [1]


def test_the_same_ticket_twice_is_one() -> None:
    bridge = understand([ROW, ROW | {"last_message_id": "mid.2", "updated_at": "2026-11-03"}], [])
    assert [pair.last_mid for pair in bridge.pairs] == ["mid.2"]


def test_a_ticket_of_two_users_is_nobodys() -> None:
    bridge = understand([ROW, ROW | {"max_user_id": 8}, ROW | {"max_user_id": 9}], [])
    assert bridge.pairs == ()
    assert bridge.problems["tickets that several MAX users have: left out"] == 1


def test_a_direction_that_nobody_knows_is_taken_for_sent() -> None:
    row = {"max_message_id": "mid.1", "freescout_thread_id": 4, "direction": None}
    assert understand([], [row]).syncs == (OldSync("mid.1", 4, to_max=True),)


ANYTHING = st.one_of(
    st.none(), st.integers(), st.floats(), st.text("0123456789.-:+TZ mid", max_size=12), st.binary(max_size=8),
    st.sampled_from(["7", "max_to_freescout", "freescout_to_max", "mid.1", 2**63, -(2**63)]),
)  # fmt: skip
MAPPINGS = st.lists(st.dictionaries(st.sampled_from(sorted(ROW)), ANYTHING), max_size=8)
SYNCS = st.lists(
    st.dictionaries(
        st.sampled_from(["max_message_id", "freescout_thread_id", "direction", "synced_at"]),
        ANYTHING,
    ),
    max_size=8,
)


@given(MAPPINGS, SYNCS)
def test_whatever_is_in_the_file_each_row_is_used_or_counted(
    mappings: list[dict[str, Any]], syncs: list[dict[str, Any]]
) -> None:
    bridge = understand(mappings, syncs)
    contested = bridge.problems.get("tickets that several MAX users have: left out", 0)
    unused = sum(
        count for words, count in bridge.problems.items() if not words.startswith("further")
    )
    if not contested:
        assert len(bridge.pairs) + len(bridge.syncs) + unused >= len(mappings) + len(syncs)
    tickets = [pair.conversation_id for pair in bridge.pairs]
    assert len(tickets) == len(set(tickets))
    assert all(sync.mid or sync.thread_id is not None for sync in bridge.syncs)
    assert all(0 < pair.user_id < 2**63 for pair in bridge.pairs)
