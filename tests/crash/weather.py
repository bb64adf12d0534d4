"""What goes wrong on the lines and at MAX: a few kinds of trouble at a time, and another few after a while."""

from __future__ import annotations

from random import Random
from typing import Any

Rule = dict[str, Any]

_ERROR = {"message": "Server Error"}
_BUSY = {"code": "too.many.requests", "message": "Too many requests"}

BEFORE_THE_WORK: tuple[Rule, ...] = (
    {"kind": "drop_before"},
    {"kind": "status", "status": 429, "body": _BUSY},
    {"kind": "status", "status": 429, "body": _BUSY, "headers": {"Retry-After": "3"}},
    {"kind": "status", "status": 500, "body": _ERROR},
    {"kind": "status", "status": 502},
    {"kind": "status", "status": 503, "body": _ERROR, "headers": {"Retry-After": "5"}},
    {"kind": "status", "status": 504},
    {"kind": "html", "status": 502},
    {"kind": "html", "status": 200},
    {"kind": "html", "status": 302},
    {"kind": "html", "status": 404},
    {"kind": "stall_before", "seconds": 70.0},
)
# A 429, a 4xx or a JSON 503 after the work was done would be a lie that neither end tells.
AFTER_THE_WORK: tuple[Rule, ...] = (
    {"kind": "drop_after"},
    {"kind": "status_after", "status": 500, "body": _ERROR},
    {"kind": "status_after", "status": 502},
    {"kind": "status_after", "status": 504},
    {"kind": "html_after", "status": 200},
    {"kind": "html_after", "status": 302},
    {"kind": "html_after", "status": 502},
    {"kind": "html_after", "status": 503},
    {"kind": "html_after", "status": 504},
    {"kind": "truncate"},
    {"kind": "empty"},
    {"kind": "wrong_type"},
    {"kind": "stall_after", "seconds": 70.0},
    {"kind": "late", "seconds": 45.0},
)
_REFUSED_BY_MAX: tuple[Rule, ...] = (
    {"kind": "status", "status": 403, "body": {"code": "deprecated.token", "message": "x"}},
    {"kind": "status", "status": 403, "body": {"code": "something.new", "message": "x"}},
    {"kind": "status", "status": 200, "body": {"success": False, "code": "access.denied"}},
    {"kind": "status", "status": 200, "body": {"success": False, "code": "internal.error"}},
    {"kind": "status_after", "status": 200, "body": {"success": False, "code": "internal.error"}},
)
"""MAX's own refusals that pass; one that does not would bounce a reply, as it should."""
_HABITS = ("nfc", "no_invisible", "typography", "spelled_links", "pictures_as_files")
_LAGS = (0.0, 0.0, 3.0, 8.0, 25.0)
"""Seconds; after 30 the bridge believes that what the history does not show is not there."""
_MAX = (
    ("POST", "/messages"),
    ("POST", "/messages"),
    ("GET", "/updates"),
    ("GET", "/messages"),
    ("*", "*"),
)
_DESK = (
    ("POST", "/api/conversations"),
    ("POST", "/api/conversations/*/threads"),
    ("POST", "/api/conversations/*/threads"),
    ("GET", "/api/conversations*"),
    ("*", "*"),
)
"""Mostly what is in doubt afterwards."""


def forecast(chance: Random, end: str) -> list[Rule]:
    """Rules for one end, for some time; none of them one time in four."""
    if chance.random() < 0.25:
        return []
    return [_rule(chance, _MAX if end == "max" else _DESK) for _ in range(chance.randint(2, 6))]


def habits(chance: Random) -> dict[str, Any]:
    """What MAX makes of the bot's messages for some time, see :class:`maxbridge.sim.max.habits.Habits`."""
    some: dict[str, Any] = {each: True for each in _HABITS if chance.random() < 0.4}
    return {**some, "lag": chance.choice(_LAGS)}


def _rule(chance: Random, places: tuple[tuple[str, str], ...]) -> Rule:
    kinds = chance.choice((BEFORE_THE_WORK, AFTER_THE_WORK))
    if places is _MAX and chance.random() < 0.2:
        kinds = _REFUSED_BY_MAX
    method, path = chance.choice(places)
    share = chance.choice((0.1, 0.3, 0.6))
    kind = chance.choice(kinds)
    if kind.get("status") == 302:
        # At a start a redirect means a wrong address, which ends it.
        method, path = chance.choice(places[:2])
    return {
        **kind, "method": method, "path": path,
        "times": None, "probability": share,
    }  # fmt: skip
