"""What was written and what arrived: each word is counted at the place where it had to arrive.

Every text and every file of a scenario carries a token that occurs nowhere else. At the end both ends are
read, and each token is counted there. Pure: it knows neither end, so its judgement has tests of its own.
"""

from __future__ import annotations

import re
import secrets
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import pairwise

_LETTERS = "bcdfghjklmnprstvwxz"
TOKEN = re.compile(rf"q[{_LETTERS}]{{10}}q")


class Way(Enum):
    """Where a word has to arrive."""

    DESK = "desk"
    MAX = "MAX"
    NOWHERE = "nowhere"
    """It stays inside the desk: a note, a draft, a reply that was undone, words of another customer."""


@dataclass(slots=True)
class Word:
    """One token that somebody wrote.

    Attributes:
        token: The token.
        scenario: Who counts it.
        way: Where it has to arrive.
        person: MAX user id of the customer who wrote it, or to whom it was written.
        in_file: It stands in the content of a file, not in words.
        times: How often it must be at its place in the end. More than once where FreeScout copies it
            (a clone) or the bridge quotes it (an edit), 0 where it was replaced or deleted.
        ordered: It takes part in the comparison of order.
        sure: It must arrive. Else only when the desk shows it as a published reply in the end: whoever
            writes while the desk goes down may have been refused.
        free: It may arrive or not, but not twice: its customer was erased while it was on its way.
    """

    token: str
    scenario: str
    way: Way
    person: int
    in_file: bool = False
    times: int = 1
    ordered: bool = True
    sure: bool = True
    free: bool = False

    def __str__(self) -> str:
        return self.token


@dataclass(slots=True)
class Sightings:
    """Everything that both ends show.

    Attributes:
        tickets: Tokens of customers' words by ticket, in the order in which agents read them.
        ticket_files: Tokens in the content of customers' files, by ticket.
        bearers: MAX user ids of the customer under whose name each token stands at the desk.
        replies: Tokens of published replies that agents wrote in the web pages, in order.
        chats: Tokens of the bot's messages that a person sees, in order.
        chat_files: Tokens in the content of the bot's files.
        ever: Every token that the bot ever sent to a person, also what it deleted or changed since.
        texts: Every text that the bot ever sent to a person, in order.
        notes: Texts of the bridge's own notes, by ticket.
        log: What the bridge has logged.
    """

    tickets: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))
    ticket_files: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))
    bearers: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    replies: list[str] = field(default_factory=list)
    chats: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))
    chat_files: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))
    ever: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))
    texts: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))
    notes: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))
    log: str = ""

    def at_desk(self, token: str, *, in_file: bool = False) -> int:
        """How often a token stands in customers' messages."""
        places = self.ticket_files if in_file else self.tickets
        return sum(row.count(token) for row in places.values())

    def at_max(self, token: str, person: int, *, in_file: bool = False) -> int:
        """How often a person sees a token in the bot's messages."""
        return (self.chat_files if in_file else self.chats)[person].count(token)

    def tickets_of(self, token: str) -> list[int]:
        """The tickets in which a token stands in a customer's message, oldest first."""
        places = (self.tickets, self.ticket_files)
        return sorted({number for place in places for number, row in place.items() if token in row})


@dataclass(slots=True)
class Verdict:
    """The count of one scenario."""

    name: str
    promise: str = ""
    messages: int = 0
    replies: int = 0
    inside: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    disordered: list[str] = field(default_factory=list)
    private: list[str] = field(default_factory=list)
    misdirected: list[str] = field(default_factory=list)
    other: list[str] = field(default_factory=list)
    """Steps that did not come about, notes that nobody expected, words in the log."""
    seconds: float = 0.0

    KINDS = ("lost", "doubled", "disordered", "private", "misdirected", "other")

    @property
    def good(self) -> bool:
        """Was the promise kept?"""
        return not any(getattr(self, kind) for kind in self.KINDS)

    def __str__(self) -> str:
        counts = f"{self.messages} to the desk, {self.replies} to MAX, {self.inside} inside"
        bad = "; ".join(
            f"{len(rows)} {kind}: {', '.join(rows)}"
            for kind in self.KINDS
            if (rows := getattr(self, kind))
        )
        return f"{self.name}: {counts}: " + (bad or "each once")


class Ledger:
    """All words of a run."""

    def __init__(self) -> None:
        self.words: list[Word] = []
        self.expected_notes: Counter[str] = Counter()
        """How many notes of the bridge each scenario expects."""
        self.told: dict[str, dict[int, list[str]]] = defaultdict(dict)
        """What each scenario's customers are to read in all, in order: an agent's reply is its token."""

    def word(self, scenario: str, way: Way, person: int, *, in_file: bool = False) -> Word:
        """Make a word that has to arrive somewhere."""
        token = f"q{''.join(secrets.choice(_LETTERS) for _ in range(10))}q"
        word = Word(token, scenario, way, person, in_file)
        self.words.append(word)
        return word

    def judge(self, verdict: Verdict, seen: Sightings, tickets: Iterable[int]) -> None:
        """Count the words of one scenario.

        Args:
            verdict: Gets the counts and complaints.
            seen: What both ends show.
            tickets: The scenario's tickets, in which notes are counted.
        """
        words = [word for word in self.words if word.scenario == verdict.name]
        for word in words:
            if word.way is Way.DESK:
                self._judge_message(verdict, word, seen)
            elif word.way is Way.MAX:
                self._judge_reply(verdict, word, seen)
            else:
                verdict.inside += 1
            self._judge_strangers(verdict, word, seen)
            if word.token in seen.log:
                verdict.other.append(f"{word} is in the log")
        _judge_order(verdict, words, seen)
        for person, wanted in self.told[verdict.name].items():
            read = [_token_or(text) for text in seen.texts.get(person, ())]
            if read != wanted:
                verdict.other.append(f"{person} reads {read} instead of {wanted}")
        notes = [text for ticket in tickets for text in seen.notes.get(ticket, ())]
        if len(notes) != self.expected_notes[verdict.name]:
            count = self.expected_notes[verdict.name]
            verdict.other.append(f"{len(notes)} notes instead of {count}: {notes}")

    @staticmethod
    def _judge_message(verdict: Verdict, word: Word, seen: Sightings) -> None:
        verdict.messages += 1
        count = seen.at_desk(word.token, in_file=word.in_file)
        _compare(verdict, word, count, word.times)
        bearers = seen.bearers.get(word.token, set())
        if count and word.person not in bearers and not word.in_file:
            verdict.misdirected.append(f"{word} stands under the name of {sorted(bearers)}")

    @staticmethod
    def _judge_reply(verdict: Verdict, word: Word, seen: Sightings) -> None:
        wanted = word.times if word.sure or word.token in seen.replies else 0
        verdict.replies += bool(wanted) or word.sure
        _compare(verdict, word, seen.at_max(word.token, word.person, in_file=word.in_file), wanted)

    @staticmethod
    def _judge_strangers(verdict: Verdict, word: Word, seen: Sightings) -> None:
        """No word may reach a person whom it is not for, nor leave the desk when it is private."""
        for person, tokens in seen.ever.items():
            if word.token not in tokens:
                continue
            if word.way is not Way.MAX:
                verdict.private.append(f"{word} was sent to {person}")
            elif person != word.person:
                verdict.misdirected.append(f"{word} was sent to {person}, not {word.person}")


def _token_or(text: str) -> str:
    found = TOKEN.search(text)
    return found[0] if found else text


def _compare(verdict: Verdict, word: Word, count: int, wanted: int) -> None:
    if count < wanted and word.free:
        return
    if count < wanted:
        verdict.lost.append(f"{word} ({word.way.value}: {count} of {wanted})")
    elif count > wanted:
        verdict.doubled.append(f"{word} ({word.way.value}: {count} instead of {wanted})")


def _judge_order(verdict: Verdict, words: Sequence[Word], seen: Sightings) -> None:
    """Compare the order of each person's words in each ticket, and in the chat, with that of writing."""
    for person in {word.person for word in words}:
        mine = [word for word in words if word.person == person and word.ordered]
        said = [w.token for w in mine if w.way is Way.DESK and w.times == 1 and not w.in_file]
        for ticket, row in seen.tickets.items():
            _compare_order(verdict, f"ticket {ticket}", said, row)
        sent = [w.token for w in mine if w.way is Way.MAX and w.times == 1 and not w.in_file]
        _compare_order(verdict, f"chat of {person}", sent, seen.chats.get(person, ()))


def _compare_order(
    verdict: Verdict, where: str, written: Sequence[str], read: Sequence[str]
) -> None:
    rank: Mapping[str, int] = {token: place for place, token in enumerate(written)}
    places = [rank[token] for token in dict.fromkeys(read) if token in rank]
    verdict.disordered += [
        f"{written[later]} before {written[earlier]} in {where}"
        for later, earlier in pairwise(places)
        if earlier < later
    ]
