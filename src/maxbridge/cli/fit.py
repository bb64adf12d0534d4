"""Sentences fit for a terminal, whatever somebody typed or pasted."""

from __future__ import annotations

import re

from maxbridge.core.text import clean

_SHOWN = 60
_PASTED = re.compile(rf"\S{{{5 * _SHOWN},}}")


def fit(words: str) -> str:
    """A sentence without anything invisible, and with the beginning alone of a pasted text."""
    return _PASTED.sub(lambda word: f"{word[0][:_SHOWN]}…", clean(words))
