"""Compare two texts: common runs of words, whole lines, short separate pieces.

Independent of wrapping, markup, quote signs and spelling variants: a mail program changes all of
these.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from maxbridge.core.desk_html import is_greeting
from maxbridge.core.text import UNSEEN

_WORD = re.compile(r"\w+")
_WORD_OR_SIGN = re.compile(r"\w+|[\u2190-\u2bff\U0001f000-\U0001faff]")
"""An emoji alone may be all that a note says."""
_SIGN = re.compile(r"(?:\w{0,5}[>|]\s*)+")
"""Before each line of a quote, its writer's initials perhaps."""
_CHUNK = re.compile(r"[^\s>|]+")
_DIVIDERS = re.compile(r"[|¦\t«»\"“”„:;()\[\]<>·•/]|\s[-–—]+\s")
_SENTENCES = re.compile(r"[.!?…]+(?:\s|$)")
_ANYBODYS = frozenset(
    "да нет хорошо ладно ок окей спасибо большое пожалуйста понятно понял поняла ясно готово сделано конечно с уважением "
    "до свидания всего доброго yes no ok okay thanks thank you very much done regards best kind sure".split()
)
"""Words of answers that everybody gives: that a note has them, too, says nothing."""
_NOISE = frozenset(
    "в г в от на at on примечание заметка внутреннее добавил добавила добавлено написал написала пишет писал писала ответил ответила а "
    "note added wrote replied am pm янв фев мар апр мая май июн июл авг сен сент окт ноя нояб дек января февраля марта апреля "
    "июня июля августа сентября октября ноября декабря пн вт ср чт пт сб вс сегодня вчера today yesterday".split()
)
"""Words that stand beside a name and a time; so do all figures."""
_SHORT = 7
"""A longer run is found by :class:`Runs`."""
_WHOLE = 3
"""Words of a note that is not missed even inside a sentence."""
_TELLING = 4
"""Letters of a word that tells something."""


def folded(text: str) -> str:
    """Fold differences that a mail program may make: case, widths, order of accents, ё."""
    text = UNSEEN.sub(_spared, unicodedata.normalize("NFKC", text)).casefold()
    return unicodedata.normalize("NFKC", text).replace("ё", "е")


def _spared(found: re.Match[str]) -> str:
    return " " if found[0].isspace() else ""


def words_of(text: str) -> list[str]:
    """Return the folded words of a text; symbols such as emoji count as words."""
    return _WORD_OR_SIGN.findall(folded(text))


def is_anybodys(words: Sequence[str]) -> bool:
    """Whether it is a common phrase: a greeting, thanks, yes or no."""
    return all(word in _ANYBODYS or (word.isalpha() and is_greeting(word)) for word in words)


class Runs:
    """All runs of a text, to be searched in others."""

    def __init__(self, text: str, *, words: int, letters: int) -> None:
        """Split a text into runs.

        Args:
            text: The words that may be sent.
            words: Length of a run in words.
            letters: Length of a run in letters and digits, regardless of words.
        """
        self._words, self._letters = words, letters
        text = folded(text)
        self._in_words = set(_runs(_WORD.findall(text), words))
        self._in_chunks = set(_runs(_CHUNK.findall(text), words))
        self._in_letters = set(_stretches(text, letters))

    def __bool__(self) -> bool:
        """Whether the text has a run."""
        return bool(self._in_words or self._in_chunks or self._in_letters)

    def meet(self, other: str) -> bool:
        """Whether a run of the text is in the other one."""
        if not self:
            return False
        other = folded(other)
        return (
            any(run in self._in_words for run in _runs(_WORD.findall(other), self._words))
            or any(run in self._in_chunks for run in _runs(_CHUNK.findall(other), self._words))
            or any(each in self._in_letters for each in _stretches(other, self._letters))
        )


def beginning(text: str, *, words: int, letters: int) -> str:
    """Return the first run of a text."""
    found = []
    for word in _WORD.finditer(folded(text)):
        found.append(word.group())
        if len(found) >= words or sum(map(len, found)) >= letters:
            break
    return " ".join(found)


@dataclass(slots=True)
class Pieces:
    """Short separate pieces of a text: lines, parts between dividers, sentences.

    A quoted note may be shorter than any meaningful run, but then it stands separately.

    Attributes:
        people: Folded words of names that may stand before a quote.
    """

    people: AbstractSet[str] = frozenset()
    _apart: set[tuple[str, ...]] = field(default_factory=set)
    """Lines and parts of lines: compared with whole notes, even of one word."""
    _runs: set[tuple[str, ...]] = field(default_factory=set)
    """Lines, their parts and sentences that are compared with parts of notes."""
    _inside: set[tuple[str, ...]] = field(default_factory=set)
    """Any two or three consecutive words: compared with whole short notes."""
    _quoted: set[str] = field(default_factory=set)

    def line(self, line: str, *, is_first: bool = False) -> None:
        """Add a line that the reader sees as the writer's own.

        Args:
            line: Its words.
            is_first: Only a program's mark follows the words that it begins with, so it was typed
                as a whole.
        """
        words = words_of(line)
        for length in range(2, _WHOLE + 1):
            if not (is_first and len(words) == length):
                self._inside.update(_runs(words, length))
        if not is_first:
            self._take(words, 2)
            if line.endswith(("…", "...")):
                self._take(words[:-1], 2)
            for between in self._between_names(words):
                self._take(between, 2)
        parts = dict.fromkeys(_DIVIDERS.split(line))
        for part in parts if len(parts) > 1 else ():
            self._take(words_of(part), _WHOLE if self.people.isdisjoint(words) else 2)
        sentences = dict.fromkeys(filter(None, _SENTENCES.split(line)))
        for sentence in sentences if len(sentences) > 1 else ():
            self._runs.update(
                piece
                for piece in self._pieces(words_of(sentence))
                if _WHOLE <= len(piece) <= _SHORT
            )

    def quoted(self, line: str) -> None:
        """Add a quoted line: each meaningful word of it counts."""
        words = words_of(_SIGN.sub("", line))
        self._take(words, 1)
        self._quoted.update(
            each for each in words if len(each) >= _TELLING or any(map(str.isdigit, each))
        )

    def _take(self, words: Sequence[str], least: int) -> None:
        for piece in self._pieces(words):
            if is_anybodys(piece):
                continue
            self._apart.add(piece)
            if least <= len(piece) <= _SHORT:
                self._runs.add(piece)

    def _pieces(self, words: Sequence[str]) -> set[tuple[str, ...]]:
        """Return the words, and the same without names or times at both ends."""
        names = _stripped(words, self._is_name)
        moments = _stripped(names, self._is_noise)
        return {tuple(each) for each in (words, names, moments) if each}

    def _between_names(self, words: Sequence[str]) -> Iterator[Sequence[str]]:
        """Yield the parts between names: a program may put a whole history on one line."""
        first = 0
        for at, word in enumerate(words):
            if word in self.people:
                yield words[first:at]
                first = at + 1
        if first:
            yield words[first:]

    def _is_noise(self, word: str) -> bool:
        return self._is_name(word) or word in _NOISE or word.isdigit()

    def _is_name(self, word: str) -> bool:
        is_initial = len(word) == 1 and word.isalpha()
        return is_initial or word in self.people

    def meet(self, others: Iterable[str], public: Iterable[str]) -> bool:
        """Whether a piece of the text is one of these texts, or a part of one.

        Args:
            others: Private texts.
            public: Texts that the reader has: what they contain is no secret.
        """
        hits: set[tuple[str, ...]] = set()
        lengths = sorted({len(each) for each in self._runs})
        for other in others:
            words = words_of(other)
            whole = tuple(words)
            is_inside = 2 <= len(whole) <= _WHOLE and whole in self._inside
            if whole in self._apart or (is_inside and not is_anybodys(whole)):
                hits.add(whole)
            for length in lengths:
                hits.update(self._runs.intersection(_runs(words, length)))
            hits.update((each,) for each in self._quoted.intersection(words))
        if not hits:
            return False
        said = [f" {' '.join(words_of(each))} " for each in public]
        return any(all(f" {' '.join(hit)} " not in each for each in said) for hit in hits)


def _stripped(words: Sequence[str], is_noise: Callable[[str], bool]) -> Sequence[str]:
    first, last = 0, len(words)
    while first < last and is_noise(words[first]):
        first += 1
    while last > first and is_noise(words[last - 1]):
        last -= 1
    return words[first:last]


def letters_of(lines: Iterable[str]) -> list[str]:
    """Return the letters of each line, for :func:`stands_in`."""
    return [_only_letters(folded(line)) for line in lines]


def stands_in(there: Sequence[str], other: Sequence[str]) -> bool:
    """Whether the lines of a text occur among others, each whole and in sequence.

    Args:
        there: :func:`letters_of` the others.
        other: The text's lines.
    """
    wanted = list(filter(None, letters_of(other)))
    return bool(wanted) and any(
        there[at : at + len(wanted)] == wanted for at in range(len(there) - len(wanted) + 1)
    )


def holds(text: str, other: str, *, letters: int) -> bool:
    """Whether a text contains another one of more than ``letters`` letters."""
    wanted = _only_letters(folded(other))
    return len(wanted) > letters and wanted in _only_letters(folded(text))


def _only_letters(text: str) -> str:
    return "".join(_WORD.findall(text))


def _runs(items: Sequence[str], length: int) -> Iterator[tuple[str, ...]]:
    return (tuple(items[at : at + length]) for at in range(len(items) - length + 1))


def _stretches(text: str, length: int) -> Iterator[str]:
    letters = _only_letters(text)
    return (letters[at : at + length] for at in range(len(letters) - length + 1))
