"""What customers are told is one message of MAX, and nothing in it stays unfilled."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import pytest

from maxbridge.config.settings import TextSettings
from maxbridge.config.values import ProblemError, convert
from maxbridge.i18n import EN, RU

KEYS = [each for each in fields(TextSettings) if each.metadata.get("message")]
EACH = pytest.mark.parametrize("each", KEYS, ids=lambda each: each.name)


@EACH
def test_ten_thousand_letters_are_too_many(each: Any) -> None:
    with pytest.raises(
        ProblemError, match=r"has 10000 letters; a message of MAX has at most 4000\."
    ):
        convert(each, "ж" * 10_000)
    with pytest.raises(ProblemError, match="has 4002 letters"):
        convert(each, "😀" * 2001)
    assert convert(each, "ж" * 4000) == "ж" * 4000


@EACH
@pytest.mark.parametrize("place", ["{номер}", "{nummer}", "{}", "{number!r}", "{0}"])
def test_a_place_that_nobody_fills_is_named(each: Any, place: str) -> None:
    with pytest.raises(ProblemError) as told:
        convert(each, f"Обращение {place} принято")
    assert f"has {place} in it, which means nothing here." in str(told.value)


@EACH
def test_what_is_filled_may_stand_there(each: Any) -> None:
    places = " ".join(f"{{{name}}}" for name in each.metadata.get("fills", ()))
    text = f"Здравствуйте :{{ {places}".strip()
    assert convert(each, text) == text


@EACH
def test_what_is_filled_in_counts(each: Any) -> None:
    """Filled, it is still one message."""
    for name in each.metadata.get("fills", ()):
        with pytest.raises(ProblemError, match=r"has 40\d\d letters"):
            convert(each, "ж" * (4000 - len(name) - 2) + f"{{{name}}}")
        assert convert(each, "ж" * 3980 + f"{{{name}}}")


@pytest.mark.parametrize("texts", [RU, EN])
def test_no_moment_is_longer_than_its_room(texts: Any) -> None:
    assert len(datetime(2026, 12, 30, 22, 45, tzinfo=UTC).strftime(texts.moment_told)) <= 20


@EACH
@pytest.mark.parametrize("text", ["\u200b", " \u2060\u200d ", "\ufeff"])
def test_signs_that_nobody_sees_are_no_message(each: Any, text: str) -> None:
    assert not convert(each, text)
