"""The small world that is explored: deliveries, a service, workers, and time in ticks.

Everything in it is a tuple, so that two roads to the same state are one. What no rule asks for any more is
forgotten at once (:func:`settled`), for the same reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import NamedTuple, TypeVar

from maxbridge.core import history
from maxbridge.core.delivery import PENDING, Direction, Doubt, State
from maxbridge.core.retry import RetryPolicy

_T = TypeVar("_T")

TICK = 10.0
"""Seconds of one tick: what the times of the rules have in common."""
NONE = -1
"""No such time, no such delivery."""


@dataclass(frozen=True)
class Times:
    """The times of the rules, and how the service keeps to them; all in ticks.

    Attributes:
        settle: What hung is believed not to have been done so long after it was begun.
        answered: The same for what was answered with an error, after the first look-up at MAX.
        apart: Two look-ups at MAX are so far apart at least.
        work: What hangs is carried out so long after it was begun at the latest.
        lag: What was carried out is shown so long after that at the latest.
        patience: A call is given up after so long.
    """

    settle: int
    answered: int
    apart: int
    work: int
    lag: int
    patience: int


SHORT = Times(settle=2, answered=1, apart=1, work=1, lag=1, patience=1)
MIDDLE = Times(settle=4, answered=2, apart=1, work=2, lag=2, patience=1)
REAL = Times(
    settle=round(RetryPolicy().settle / TICK),
    answered=round(history.SHOWN / TICK),
    apart=round(history.APART / TICK),
    work=6,
    lag=3,
    patience=3,
)
"""The times that maxbridge works with: 90 s, 30 s, 10 s; and what a service may do within them."""


@dataclass(frozen=True)
class Scenario:
    """What there is to be delivered, and what may happen.

    Attributes:
        name: What the command calls it.
        to: Which way.
        says: The same for people.
        chats: The chat of each delivery, in the order in which they came.
        parts: How many calls each delivery takes.
        words: What each says; two that say the same cannot be told apart in MAX's history.
        changes: Deliveries that change a message in place.
        rungs: How many simpler forms each has.
        forced: Deliveries that a person may try again without a look-up, once each.
        calm: Deliveries that nothing happens to but the good, a refusal and a crash; so that the world of
            three deliveries is not as many times larger as the third has states.
        poisoned: Deliveries that the service never takes, whatever else it takes.
        batches: Deliveries of one chat may go in one call.
        files: Calls bring files: they may take long, and may be carried out as long after they were given up as
            others after they were begun.
        restores: A backup of the beginning may be put back, once.
        stops: A customer may stop the bot and come back.
        times: See :class:`Times`.
        reading: Ticks that a look-up may take; NONE where question and answer are one moment.
    """

    name: str
    to: Direction
    says: str = ""
    chats: tuple[int, ...] = (0, 0)
    parts: tuple[int, ...] = (1, 1, 1)
    words: tuple[str, ...] = ("one", "two", "three")
    changes: frozenset[int] = frozenset()
    rungs: tuple[int, ...] = (0, 0, 0)
    forced: frozenset[int] = frozenset()
    calm: frozenset[int] = frozenset()
    poisoned: frozenset[int] = frozenset()
    batches: bool = False
    files: bool = False
    restores: bool = False
    stops: bool = False
    times: Times = SHORT
    reading: int = NONE

    def title(self, item: int) -> str:
        """What a story calls a delivery: A1 and A2 are of one chat, B1 is of another."""
        chat = self.chats[item]
        return f"{'ABC'[chat]}{self.chats[: item + 1].count(chat)}"

    def behind(self, item: int) -> list[int]:
        """Deliveries of the same chat that came later."""
        later = range(item + 1, len(self.chats))
        return [each for each in later if self.chats[each] == self.chats[item]]

    def before(self, item: int) -> list[int]:
        """Deliveries of the same chat that came earlier."""
        return [each for each in range(item) if self.chats[each] == self.chats[item]]


class Row(NamedTuple):
    """A delivery as the store has it, with what memory adds to it.

    Attributes:
        state: See :mod:`maxbridge.core.delivery`.
        doubt: The same.
        part: Which call is next.
        rung: How far it has stepped down.
        age: Ticks since its last call was begun.
        absent: In memory: ticks since the history was first read without a trace of that call.
        given: In memory: how many ticks after that it was given up.
        mates: Deliveries that were begun in one call with it; they have the very same time of the attempt.
        knew: What of the same chat was done when its last call began.
        tried: A call of it was begun at some time.
        left: It was held, given back or dropped at some time: others may have gone before it since.
        anyway: A person has tried it again without a look-up.
    """

    state: State = State.QUEUED
    doubt: Doubt = Doubt.NONE
    part: int = 0
    rung: int = 0
    age: int = NONE
    absent: int = NONE
    given: int = NONE
    mates: tuple[int, ...] = ()
    knew: tuple[int, ...] = ()
    tried: bool = False
    left: bool = False
    anyway: bool = False


class Call(NamedTuple):
    """A call that the service may still carry out.

    Attributes:
        of: Whose words it brings.
        part: Which part of them.
        age: Ticks since it was begun; with files, since it was given up.
        awaited: A worker waits for its answer.
    """

    of: tuple[int, ...]
    part: int
    age: int
    awaited: bool


class Copy(NamedTuple):
    """A message or a thread that is at the service.

    Attributes:
        of: Whose words it brings.
        part: Which part of them.
        hidden: Ticks for which look-ups have not shown it; NONE once they do.
        claimed: The store knows it as a part of a delivery.
    """

    of: tuple[int, ...]
    part: int
    hidden: int
    claimed: bool


class Stage(IntEnum):
    """What a worker waits for."""

    LOOK_UP = 1
    PREPARE = 2
    SEND = 3


class Shown(NamedTuple):
    """What a look-up shows.

    Attributes:
        says: It, in words.
        copy: Which copy it takes for the delivery's; NONE for none.
        shared: That may be another one's, which has the same words.
        unclear: It shows something that may be the delivery, or not.
    """

    says: str
    copy: int = NONE
    shared: bool = False
    unclear: bool = False


class Fate(StrEnum):
    """What the service has made of a call."""

    OPEN = "open"
    DONE = "done"
    DEAD = "dead"


class Worker(NamedTuple):
    """Who serves a chat.

    Attributes:
        item: Which delivery.
        seen: Its state and doubt when the worker took it up.
        stage: What is waited for.
        asked: Ticks since a look-up was asked for.
        shown: What it shows, if it tells what was there when it was asked for.
        of: Whose words the call brings.
        fate: What the service has made of the call.
        waited: Ticks for which the call has been waited for.
    """

    item: int
    seen: Row
    stage: Stage
    asked: int = NONE
    shown: Shown = Shown("")
    of: tuple[int, ...] = ()
    fate: Fate = Fate.OPEN
    waited: int = 0


class World(NamedTuple):
    """One state of everything.

    Attributes:
        rows: The deliveries.
        workers: Who serves which chat; None for nobody.
        calls: What the service may still carry out.
        copies: What is at the service, by chat, in order.
        stopped: Customers who stopped the bot, by chat.
        changed: Which change of each chat's message was carried out last; NONE for none.
        restored: Ticks since a backup was put back; NONE for never.
        read: What the desk had after that, by delivery and part; None until it is read.
        wrong: A promise that the last move broke; empty for none.
    """

    rows: tuple[Row, ...]
    workers: tuple[Worker | None, ...]
    calls: tuple[Call, ...]
    copies: tuple[tuple[Copy, ...], ...]
    stopped: tuple[bool, ...]
    changed: tuple[int, ...]
    restored: int = NONE
    read: tuple[tuple[int, int], ...] | None = None
    wrong: str = ""


def beginning(scenario: Scenario) -> World:
    """Everything is queued, nothing was tried."""
    count = max(scenario.chats) + 1
    return World(
        rows=tuple(Row() for _ in scenario.chats),
        workers=(None,) * count,
        calls=(),
        copies=((),) * count,
        stopped=(False,) * count,
        changed=(NONE,) * count,
    )


def put(items: tuple[_T, ...], at: int, item: _T) -> tuple[_T, ...]:
    """A tuple with one member replaced."""
    return (*items[:at], item, *items[at + 1 :])


def is_pending(row: Row) -> bool:
    """Does a worker still have to do something about it?"""
    return row.state in PENDING


def settled(row: Row) -> Row:
    """A row without what is asked for only while it is in doubt."""
    if row.doubt is Doubt.NONE:
        return row._replace(age=NONE, absent=NONE, given=NONE, mates=(), knew=())
    return row
