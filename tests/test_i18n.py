"""i18n: both languages say the same things with the same values."""

from __future__ import annotations

from dataclasses import fields
from string import Formatter
from typing import Any

import pytest

from maxbridge.core.texts import Texts
from maxbridge.i18n import CATALOGUE, EN, RU


def values_in(text: Any) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(str(text)) if name is not None}


@pytest.mark.parametrize("name", [field.name for field in fields(Texts)])
def test_a_sentence_takes_the_same_values_in_every_language(name: str) -> None:
    assert values_in(getattr(RU, name)) == values_in(getattr(EN, name))


@pytest.mark.parametrize("language", sorted(CATALOGUE))
def test_no_sentence_is_empty(language: str) -> None:
    texts = CATALOGUE[language]
    assert texts.language == language
    assert all(getattr(texts, field.name) for field in fields(Texts))
