"""Do two texts share a run of words? However they are wrapped, marked up, quoted and spelled."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

_WORD = re.compile(r"\w+")
_CHUNK = re.compile(r"[^\s>|]+")
_UNSEEN = re.compile(
    "[\u00ad\u034f\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]"
)


def folded(text: str) -> str:
    """A text without differences that a mail program may make: case, widths, accents' order, ё."""
    text = _UNSEEN.sub("", unicodedata.normalize("NFKC", text)).casefold()
    return unicodedata.normalize("NFKC", text).replace("ё", "е")


class Runs:
    """All runs of a text, to be looked for in others."""

    def __init__(self, text: str, *, words: int, letters: int) -> None:
        """Take a text apart.

        Args:
            text: The words that may leave.
            words: So many words in a row are a run.
            letters: So many letters and digits in a row are one, too, whatever words they make.
        """
        self._words, self._letters = words, letters
        text = folded(text)
        self._in_words = set(_runs(_WORD.findall(text), words))
        self._in_chunks = set(_runs(_CHUNK.findall(text), words))
        self._in_letters = set(_stretches(text, letters))

    def __bool__(self) -> bool:
        """Is there a run at all?"""
        return bool(self._in_words or self._in_chunks or self._in_letters)

    def meet(self, other: str) -> bool:
        """Is a run of the text in this one?"""
        if not self:
            return False
        other = folded(other)
        return (
            any(run in self._in_words for run in _runs(_WORD.findall(other), self._words))
            or any(run in self._in_chunks for run in _runs(_CHUNK.findall(other), self._words))
            or any(each in self._in_letters for each in _stretches(other, self._letters))
        )


def beginning(text: str, *, words: int, letters: int) -> str:
    """The first run of a text."""
    found = []
    for word in _WORD.finditer(folded(text)):
        found.append(word.group())
        if len(found) >= words or sum(map(len, found)) >= letters:
            break
    return " ".join(found)


def stands_in(lines: Sequence[str], other: Sequence[str]) -> bool:
    """Do the lines of a text stand among these, each whole and one behind the other?"""
    wanted = [letters for line in other if (letters := _only_letters(folded(line)))]
    there = [_only_letters(folded(line)) for line in lines]
    return bool(wanted) and any(
        there[at : at + len(wanted)] == wanted for at in range(len(there) - len(wanted) + 1)
    )


def holds(text: str, other: str, *, letters: int) -> bool:
    """Does a text hold the whole of another, which is longer than so many letters?"""
    wanted = _only_letters(folded(other))
    return len(wanted) > letters and wanted in _only_letters(folded(text))


def _only_letters(text: str) -> str:
    return "".join(_WORD.findall(text))


def _runs(items: Sequence[str], length: int) -> Iterator[tuple[str, ...]]:
    return (tuple(items[at : at + length]) for at in range(len(items) - length + 1))


def _stretches(text: str, length: int) -> Iterator[str]:
    letters = _only_letters(text)
    return (letters[at : at + length] for at in range(len(letters) - length + 1))
