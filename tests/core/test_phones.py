"""core.phones: numbers as MAX and people write them become something that can be dialled."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laws import law, wire_texts
from maxbridge.core.text import dialable, readable


@pytest.mark.parametrize(
    ("written", "number", "words"),
    [
        # MAX writes the country and no plus (contract max.md 4).
        ("79991234567", "+79991234567", "+7 999 123-45-67"),
        ("+7 (999) 123-45-67", "+79991234567", "+7 999 123-45-67"),
        ("8 999 123 45 67", "+79991234567", "+7 999 123-45-67"),
        ("77011234567", "+77011234567", "+7 701 123-45-67"),
        ("375291234567", "+375291234567", "+375291234567"),
        ("8613800138000", "+8613800138000", "+8613800138000"),
        ("+1-202-555-0100", "+12025550100", "+12025550100"),
        # Nobody can tell Vietnam's from those of Moscow.
        ("84951234567", "84951234567", "84951234567"),
        ("81037529123456", "81037529123456", "81037529123456"),
        ("9991234567", "9991234567", "9991234567"),
        ("123-45-67", "1234567", "1234567"),
        ("112", "112", "112"),
    ],
)
def test_numbers(written: str, number: str, words: str) -> None:
    assert dialable(written) == number
    assert readable(number) == words


@pytest.mark.parametrize(
    "written",
    ["", "+", "12", "1" * 16, "доб. 5", "+7999;ext=5", "*100#", "7999123456a", "7999\n123",
     "٧٩٩٩١٢٣٤٥٦٧", "+7+999", "javascript:1234567"],
)  # fmt: skip
def test_what_is_no_number(written: str) -> None:
    assert dialable(written) == ""


@given(wire_texts | st.text("0123456789+-() ", max_size=20))
@law
def test_nothing_but_digits_is_ever_dialled_and_twice_checked_is_once_checked(written: str) -> None:
    number = dialable(written)
    assert re.fullmatch(r"(\+?[0-9]{3,15})?", number)
    if number.startswith("+"):
        assert dialable(number) == number
        assert dialable(readable(number)) == number
