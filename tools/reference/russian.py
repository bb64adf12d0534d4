"""Sentences of the program in Russian, found by the English ones: russian.toml.

The English sentence is the key, so one that changes is missing until somebody has looked at its Russian again.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path

CATALOGUE = Path(__file__).with_name("russian.toml")
_BRACKETS = re.compile(r"(?P<sentence>.*?)(?P<added> \[[^\]]*\])?", re.DOTALL)


@cache
def catalogue() -> dict[str, str]:
    """Russian by English.

    Raises:
        ValueError: A sentence stands there twice.
    """
    entries = tomllib.loads(CATALOGUE.read_text(encoding="utf-8"))["sentence"]
    found: dict[str, str] = {}
    for each in entries:
        if each["en"] in found:
            raise ValueError(f"{CATALOGUE.name} has this twice: {each['en']}")
        found[each["en"]] = each["ru"]
    return found


def split(text: str) -> tuple[str, str]:
    """A sentence, and what click puts behind it: ``[default: 200; x>=1]``."""
    found = _BRACKETS.fullmatch(text)
    assert found is not None  # noqa: S101 - both parts may be empty
    return found["sentence"], found["added"] or ""


def russian(text: str) -> str:
    """What the page says for a sentence of the program.

    Raises:
        KeyError: There is no Russian for it; the message has the sentence.
    """
    sentence, added = split(text)
    if sentence not in catalogue():
        raise KeyError(f"{CATALOGUE.name} has no Russian for: {sentence}")
    return catalogue()[sentence] + added.replace("[default:", "[по умолчанию:")
