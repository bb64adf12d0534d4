"""What can happen to tickets: how often which kind, and with what arguments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from bridge import OTHER, USER
from crash.weather import AFTER_THE_WORK, BEFORE_THE_WORK, Rule
from maxbridge import failpoints

users = st.sampled_from([USER, OTHER])
some = st.integers(0, 5)
pauses = st.sampled_from([20.0, 1.0, 0.0, 5.0, 100.0])
"""Seconds that pass after something happened; mostly the bridge should get round to it."""


def _faults(method: str, rules: Sequence[Rule], *calls: tuple[str, str]) -> st.SearchStrategy[Rule]:
    return st.sampled_from(
        [
            {"end": end, "method": method, "path": path, **rule}
            for rule in rules
            for end, path in calls
        ]
    )


failing_posts = _faults(
    "POST",
    AFTER_THE_WORK + BEFORE_THE_WORK,
    ("max", "/messages"),
    ("desk", "/api/conversations/*/threads"),
    ("desk", "/api/conversations"),
)
failing_readings = _faults(
    "GET",
    BEFORE_THE_WORK + AFTER_THE_WORK,
    ("max", "/messages"),
    ("max", "/updates"),
    ("desk", "/api/conversations"),
    ("desk", "/api/conversations/*"),
)

# Each row: how often, the name of the method, its arguments. One rule draws from all of them: of
# several rules Hypothesis would leave some out, and without messages or troubles nothing shows.
KINDS: tuple[tuple[int, str, tuple[st.SearchStrategy[Any], ...]], ...] = (
    (6, "say", (users,)),
    (1, "edit_message", (users, some)),
    (1, "stop_the_bot", (users,)),
    (6, "reply", (some, st.sampled_from(["pending", "closed"]))),
    (2, "reply_and_undo", (some, st.sampled_from([14.0, 8.0, 1.0]), st.sampled_from([0, 5, 10]))),
    (1, "undo", (some,)),
    (2, "publish_draft", (some,)),
    (1, "write_note", (some,)),
    (1, "save_draft", (some,)),
    (1, "edit_reply", (some,)),
    (2, "set_status", (some, st.sampled_from(["closed", "spam", "active"]))),
    (1, "move", (some,)),
    (1, "delete", (some,)),
    (1, "restore", (some,)),
    (1, "delete_for_ever", (some,)),
    (2, "merge", (some, some)),
    (1, "change_customer", (some, some)),
    (1, "begin_by_mail", (some, st.booleans())),
    (1, "clone", (some,)),
    (6, "spoil", (failing_posts, st.sampled_from([1, 2, 8]))),
    (2, "spoil", (failing_readings, st.sampled_from([3, 1, 30]))),
    (1, "restart", (st.booleans(),)),
    (4, "die_at", (st.sampled_from(failpoints.POINTS), st.integers(1, 3))),
    (1, "rest", ()),
    (1, "holidays", ()),
    (2, "say_much", (users, st.sampled_from([4, 3, 7]))),
)
events = st.one_of(
    [st.tuples(st.just(name), *arguments) for many, name, arguments in KINDS for _ in range(many)]
)
