"""Sentences of the program in Russian: its own catalogue, with what click adds to an option set apart.

The English sentence is the key, so one that changes is missing until somebody has looked at its Russian again.
"""

from __future__ import annotations

import re

from maxbridge.russian import CATALOGUE

WHERE = "src/maxbridge/russian"
_BRACKETS = re.compile(r"(?P<sentence>.*?)(?P<added> \[[^\]]*\])?", re.DOTALL)


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
    if sentence not in CATALOGUE:
        raise KeyError(f"{WHERE} has no Russian for: {sentence}")
    return CATALOGUE[sentence] + (
        added.replace("[default:", "[по умолчанию:").replace("[required]", "[обязательно]")
    )
