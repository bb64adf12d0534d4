"""reload: what is taken over, what stays, and that whatever is marked as live reaches a worker."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bridge import make_settings
from maxbridge.config.settings import SECTIONS, Secret, Settings
from maxbridge.core.retry import RetryPolicy
from maxbridge.wiring import Policies, merge, policies

LIVE = [
    (section, each)
    for section, cls in SECTIONS.items()
    for each in fields(cls)
    if each.metadata.get("live")
]
FIXED = [
    (section, each)
    for section, cls in SECTIONS.items()
    for each in fields(cls)
    if not each.metadata.get("live")
]
STATE = Path("/var/lib/maxbridge/maxbridge.db")
RETRY = RetryPolicy()


def local(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def changed(settings: Settings, section: str, key: str) -> Settings:
    """The same settings with another valid value of one key."""
    part = getattr(settings, section)
    value = getattr(part, key)
    choices = type(part).__dataclass_fields__[key].metadata.get("choices")
    rules = type(part).__dataclass_fields__[key].metadata
    other: Any
    if rules.get("zone"):
        other = "Asia/Omsk"
    elif rules.get("day"):
        other = "9-17"
    elif rules.get("holidays"):
        other = ("2027-01-01",)
    elif choices:
        other = next(each for each in choices if each != value)
    elif isinstance(value, Secret):
        other = Secret("another-secret-0000")
    elif isinstance(value, tuple):
        other = (*value, "*.example.org")
    elif isinstance(value, Path):
        other = value.with_name("other.db")
    elif isinstance(value, str):
        other = value + " {name}"
    else:
        other = value + 3
    return replace(settings, **{section: replace(part, **{key: other})})


def chosen(settings: Settings) -> Policies:
    """Without what is made anew each time and so is equal to nothing else."""
    made = policies(settings, RETRY, local)
    return replace(made, writer=replace(made.writer, verified=_anything, url_rule=_anything))


def _anything(*_: str) -> bool:
    return True


@pytest.mark.parametrize(("section", "each"), LIVE, ids=lambda part: getattr(part, "name", part))
def test_a_live_setting_is_taken_over_and_reaches_a_worker(section: str, each: Any) -> None:
    old = make_settings(STATE)
    # Without any hours nobody is ever away, whatever the holidays are.
    old = replace(old, hours=replace(old.hours, monday="10-18"))
    new = changed(old, section, each.name)
    outcome = merge(old, new)
    assert outcome.taken == (f"[{section}] {each.name}",)
    assert outcome.kept == ()
    assert outcome.settings == new
    if section != "log":
        assert chosen(outcome.settings) != chosen(old)


@pytest.mark.parametrize(("section", "each"), FIXED, ids=lambda part: getattr(part, "name", part))
def test_any_other_setting_stays_and_is_named(section: str, each: Any) -> None:
    old = make_settings(STATE)
    outcome = merge(old, changed(old, section, each.name))
    assert outcome.kept == (f"[{section}] {each.name}",)
    assert outcome.taken == ()
    assert outcome.settings == old


def test_nothing_new_is_nothing() -> None:
    # Read again, a secret is another object with the same words.
    outcome = merge(make_settings(STATE), make_settings(STATE))
    assert (outcome.taken, outcome.kept) == ((), ())
    assert chosen(make_settings(STATE)) == chosen(make_settings(STATE))


def test_everything_at_once() -> None:
    old = make_settings(STATE)
    new = old
    for section, each in [*LIVE, *FIXED]:
        new = changed(new, section, each.name)
    outcome = merge(old, new)
    assert len(outcome.taken) == len(LIVE)
    assert len(outcome.kept) == len(FIXED)
    assert outcome.settings.max.token is old.max.token
    assert outcome.settings.texts == new.texts
    assert "another-secret" not in repr(outcome)
