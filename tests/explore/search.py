"""Visits every state that can be reached, breadth first, so that the first counter-example is the shortest."""

from __future__ import annotations

import time
from array import array
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from explore.laws import LAWS, Law
from explore.moves import Moves
from explore.rules import Rules
from explore.world import NONE, Row, Scenario, World, beginning, is_pending
from explore.written import Met
from maxbridge.core.delivery import Doubt

Said = tuple[str, int]
"""What a move is, and the delivery that it is about."""


@dataclass(frozen=True)
class Found:
    """What an exploration came to.

    Attributes:
        states: How many.
        moves: How many moves lead from one to another.
        depth: How many moves it takes to the state that is farthest away.
        seconds: It took, of this process.
        met: Combinations of the table that were met.
        wrong: What is wrong with a state; empty where nothing is.
        story: How that state is reached.
    """

    states: int
    moves: int
    depth: int
    seconds: float
    met: frozenset[Met]
    wrong: str = ""
    story: list[tuple[Said, World]] = field(default_factory=list)


def explore(
    scenario: Scenario, rules: Rules | None = None, *, laws: tuple[Law, ...] = LAWS
) -> Found:
    """Visit all states of a scenario, up to the first that breaks a law.

    Afterwards it is shown of each state that every chat can come to its end from there, by that chat's own
    worker, the service, time, and what is under way: without a person, and with nothing taken up for another chat.

    Args:
        scenario: What there is to be delivered.
        rules: Other rules than the real ones.
        laws: What must be true of each state.
    """
    return _Search(scenario, rules or Rules(), laws).run()


class _Search:
    def __init__(self, scenario: Scenario, rules: Rules, laws: tuple[Law, ...]) -> None:
        self._s = scenario
        self._moves = Moves(scenario, rules)
        self._laws = laws
        self._numbers: dict[World, int] = {}
        self._worlds: list[World] = []
        self._came: list[tuple[int, Said]] = []
        self._depth = array("I")
        # Moves that need no trouble and no person: from which state, to which, and what chat's worker makes it.
        self._from, self._to, self._chat = array("I"), array("I"), array("b")

    def run(self) -> Found:
        began = time.process_time()
        self._count = 0
        at, wrong = self._visit()
        if not wrong:
            at, wrong = self._stuck()
        return Found(
            len(self._worlds),
            self._count,
            max(self._depth),
            time.process_time() - began,
            self._moves.met,
            wrong,
            self._story(at) if wrong else [],
        )

    def _visit(self) -> tuple[int, str]:
        first = beginning(self._s)
        queue = deque([self._add(first, first, 0, ("", NONE), 0)])
        while queue:
            at = queue.popleft()
            depth = self._depth[at] + 1
            for said, good, chat, world in self._moves(self._worlds[at]):
                self._count += 1
                key = self._moves.key(world)
                to = self._numbers.get(key)
                if to is None:
                    to = self._add(world, key, at, said, depth)
                    for law in self._laws:
                        if wrong := law(self._s, world):
                            return to, wrong
                    queue.append(to)
                if good:
                    self._from.append(at)
                    self._to.append(to)
                    self._chat.append(chat)
        return 0, ""

    def _add(self, world: World, key: World, came: int, said: Said, depth: int) -> int:
        at = len(self._worlds)
        self._numbers[key] = at
        self._worlds.append(world)
        self._came.append((came, said))
        self._depth.append(depth)
        return at

    # --- progress ---------------------------------------------------------------------------------

    def _stuck(self) -> tuple[int, str]:
        for chat in sorted(set(self._s.chats)):
            mine = [item for item, of in enumerate(self._s.chats) if of == chat]
            reached = self._reaching(
                [
                    at
                    for at, world in enumerate(self._worlds)
                    if not any(is_pending(world.rows[item]) for item in mine)
                ],
                chat,
            )
            at = reached.find(0)
            if at >= 0:
                world = self._worlds[at]
                waits = next(item for item in mine if is_pending(world.rows[item]))
                return at, f"from here on {self._s.title(waits)} never comes to its end"
        return 0, ""

    def _reaching(self, ends: list[int], chat: int) -> bytearray:
        """From which states one of these can be reached with nothing taken up for another chat."""
        before: dict[int, list[int]] = {}
        for at, to, of in zip(self._from, self._to, self._chat, strict=True):
            if of in (chat, NONE):
                before.setdefault(to, []).append(at)
        reached = bytearray(len(self._worlds))
        for at in ends:
            reached[at] = 1
        while ends:
            for at in before.get(ends.pop(), ()):
                if not reached[at]:
                    reached[at] = 1
                    ends.append(at)
        return reached

    # --- the counter-example ----------------------------------------------------------------------

    def _story(self, at: int) -> list[tuple[Said, World]]:
        steps: list[tuple[Said, World]] = []
        while at:
            came, said = self._came[at]
            steps.append((said, self._worlds[at]))
            at = came
        return steps[::-1]


def tell(scenario: Scenario, found: Found) -> Iterator[str]:
    """The story of a counter-example, one line a move, with what the store says where that has changed.

    Args:
        scenario: Where it happened.
        found: What was found.
    """
    before = beginning(scenario)
    for number, ((said, item), world) in enumerate(found.story, 1):
        name = "" if item == NONE else f"{scenario.title(item)}: "
        rows = enumerate(zip(world.rows, before.rows, strict=True))
        news = "; ".join(
            f"{scenario.title(each)} is {_shown(scenario, each, row)}"
            for each, (row, was) in rows
            if _shown(scenario, each, row) != _shown(scenario, each, was)
        )
        yield f"{number:3}. {name}{said}" + (f" ({news})" if news else "")
        before = world
    yield f"   → {found.wrong}"


def _shown(scenario: Scenario, item: int, row: Row) -> str:
    words = [str(row.state)]
    if row.doubt is not Doubt.NONE:
        words.append(f"in doubt: {row.doubt}")
    if row.part:
        words.append(f"{row.part} of {scenario.parts[item]} there")
    if row.rung:
        words.append("in a simpler form")
    return ", ".join(words)
