"""What is written down: the store of the small world, which follows the real table."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache

from explore.rules import Rules
from explore.steps import Commit, Effect
from explore.world import NONE, Row, Scenario, Worker, World, is_pending, put, settled
from maxbridge.core import delivery
from maxbridge.core.delivery import Direction, Doubt, Next, Outcome, State

Met = tuple[Direction, State, Doubt, Outcome]
"""What happened to a delivery as it stood."""

BY_A_PERSON = {
    Outcome.HOLD: "holds",
    Outcome.RETRY: "retries",
    Outcome.RETRY_ANYWAY: "retries anyway",
    Outcome.DROP: "drops",
}
OUT_OF_LINE = (State.HELD, State.BOUNCED, State.IGNORED, State.PARKED)


class Store:
    """Transactions, each of which makes another world."""

    def __init__(self, scenario: Scenario, rules: Rules) -> None:
        self._s = scenario
        self._rules = rules
        self._followed: dict[tuple[State, Doubt, Outcome], Next | None] = {}

    def follow(self, state: State, doubt: Doubt, outcome: Outcome) -> Next | None:
        """What the table says."""
        key = (state, doubt, outcome)
        if key not in self._followed:
            self._followed[key] = self._rules.follow(self._s.to, *key)
        return self._followed[key]

    @property
    def met(self) -> frozenset[Met]:
        """What was asked of the table, and is in it."""
        return frozenset(
            (self._s.to, *key) for key, after in self._followed.items() if after is not None
        )

    def key(self, world: World) -> World:
        """What two states have in common between which nothing that may follow makes a difference."""
        rows = tuple(_plain(row, restores=self._s.restores) for row in world.rows)
        return world if rows == world.rows else world._replace(rows=rows)

    def head(self, world: World, chat: int) -> int | None:
        """The oldest delivery of a chat that may be worked on, as store/queue.py picks it."""
        for item in self._rules.order(range(len(world.rows))):
            row = world.rows[item]
            if self._s.chats[item] == chat and self._rules.in_line(row):
                # Nothing goes to a customer who stopped the bot; what may have gone is looked up.
                if world.stopped[chat] and row.state is not State.SENDING:
                    continue
                return item
        return None

    def moved(self, world: World, item: int, outcome: Outcome) -> World:
        """Follow the table, as ``Queue._apply`` does; the only place where states and doubts change."""
        row = world.rows[item]
        after = self.follow(row.state, row.doubt, outcome)
        if after is None:
            return world
        out = after.state in OUT_OF_LINE
        row = row._replace(
            state=after.state,
            doubt=after.doubt,
            left=row.left or (out and bool(self._s.behind(item))),
            anyway=row.anyway or outcome is Outcome.RETRY_ANYWAY,
        )
        world = with_row(world, item, settled(row))
        if out and not after.tell and outcome not in BY_A_PERSON:
            name = self._s.title(item)
            world = world._replace(wrong=f"{name} is {after.state}, and nobody is told")
        return world

    def commit(self, world: World, worker: Worker, commit: Commit, *, found: int = NONE) -> World:
        """Carry out a transaction of a worker's.

        Args:
            world: The state before.
            worker: Whose.
            commit: What it writes down.
            found: Which copy a look-up has found.
        """
        item, outcome = worker.item, commit.outcome
        if commit.effect is Effect.BEGIN:
            return self._begin(world, item)
        if commit.effect is Effect.ACCEPTED:
            return self._accept(world, worker, found)
        if commit.effect is Effect.STEP_DOWN:
            return self._step_down(world, item)
        if outcome is None:
            raise ValueError(commit)
        others = self._in_flight(world, item, worker.of)
        if commit.effect is Effect.ALL:
            for each in others:
                world = self.moved(world, each, outcome)
        elif commit.effect is Effect.HEAD:
            for each in others:
                world = self.moved(world, each, Outcome.TAKEN_BACK)
        world = self.moved(world, item, outcome)
        if outcome is Outcome.BLOCKED:
            world = world._replace(stopped=put(world.stopped, self._s.chats[item], True))
        return world

    def _step_down(self, world: World, item: int) -> World:
        after = self.moved(world, item, Outcome.STEPPED_DOWN)
        if after is world:
            return world
        row = after.rows[item]
        return with_row(after, item, row._replace(rung=row.rung + 1))

    def starting(self, item: int) -> Outcome:
        """What the beginning of its call is called."""
        return Outcome.CHANGE_STARTED if item in self._s.changes else Outcome.STARTED

    def together(self, world: World, item: int) -> tuple[int, ...]:
        """A delivery and those behind it that may go in one call with it."""
        if not self._s.batches or world.rows[item].tried:
            return (item,)
        together = [item]
        for each in self._s.behind(item):
            row = world.rows[each]
            if not is_pending(row):
                continue
            if row.tried or row.state is State.SENDING:
                break
            together.append(each)
        return tuple(together)

    def _begin(self, world: World, item: int) -> World:
        of = self.together(world, item)
        knew: tuple[int, ...] = ()
        if self._s.to is Direction.TO_MAX:
            others = (*self._s.before(item), *self._s.behind(item))
            knew = tuple(each for each in others if world.rows[each].state is State.DONE)
        for each in of:
            before = world
            world = self.moved(world, each, self.starting(each))
            if world is not before:
                row = world.rows[each]
                mates = of if self._s.batches else ()
                row = row._replace(age=0, absent=NONE, mates=mates, knew=knew)
                world = with_row(world, each, row._replace(tried=self._s.batches))
        return world

    def _in_flight(self, world: World, item: int, of: Collection[int]) -> list[int]:
        """The others in a call; after the call, those that have the time of the attempt in common."""
        if len(of) > 1:
            return [each for each in of if each != item]
        mates = world.rows[item].mates
        if len(mates) < 2:
            return []
        return [
            each
            for each in self._s.behind(item)
            if is_pending(world.rows[each])
            and world.rows[each].doubt is not Doubt.NONE
            and world.rows[each].mates == mates
        ]

    def _accept(self, world: World, worker: Worker, found: int) -> World:
        """A part is there: its copy becomes known, and all that stands in it with it."""
        item, chat = worker.item, self._s.chats[worker.item]
        copies = world.copies[chat]
        if found == NONE:
            # The answer names it: it is the newest one that bears these words.
            mine = (at for at, each in enumerate(copies) if item in each.of and not each.claimed)
            found = max(mine, default=NONE)
        together = [item]
        if found != NONE and item not in self._s.changes:
            copy = copies[found]
            others = self._in_flight(world, item, worker.of)
            together += [each for each in others if each in copy.of]
            claimed = put(copies, found, copy._replace(claimed=True))
            world = world._replace(copies=put(world.copies, chat, claimed))
        for each in together:
            more = world.rows[each].part + 1 < self._s.parts[each]
            before = world
            world = self.moved(world, each, Outcome.PARTLY if more else Outcome.ACCEPTED)
            if more and world is not before:
                row = world.rows[each]
                world = with_row(world, each, row._replace(part=row.part + 1, absent=NONE))
        return world

    def restored(self, world: World) -> World:
        """The beginning is put back, as :meth:`maxbridge.store.restored.RestoredStore.begin` does it."""
        doubt = self._rules.restored
        state = State.QUEUED if doubt is Doubt.NONE else State.SENDING
        # At the desk the marker alone tells what was done before; with files it had been tried when it was copied.
        tried = self._s.to is Direction.TO_MAX or self._s.files
        rows = tuple(
            settled(Row(state, doubt, age=0 if tried else NONE, left=row.left, anyway=row.anyway))
            for row in world.rows
        )
        copies = tuple(
            tuple(copy._replace(claimed=False) for copy in chat) for chat in world.copies
        )
        return world._replace(rows=rows, copies=copies, restored=0, read=None)

    def may_be_read(self, world: World) -> bool:
        """Is the desk to be read, once, as :mod:`maxbridge.restore.recovery` does it?"""
        if self._s.to is not Direction.TO_DESK or world.restored == NONE or world.read is not None:
            return False
        return world.restored >= self._s.times.settle or not self._rules.reads_late

    def read(self, world: World) -> World:
        """What the desk has is written down."""
        there = ((item, copy.part) for chat in world.copies for copy in chat for item in copy.of)
        return world._replace(read=tuple(sorted(set(there))), restored=0)


def with_row(world: World, item: int, row: Row) -> World:
    """A world with another row of a delivery."""
    return world._replace(rows=put(world.rows, item, row))


@cache
def _plain(row: Row, *, restores: bool) -> Row:
    """A row without what makes no difference to what may follow.

    No rule tells what is queued from what is put off (test_explore.py asks the table).
    """
    if row.state in delivery.FINISHED:
        # After a restore a look-up asks whether the words of another one may be there.
        doubt = row.doubt if restores else Doubt.NONE
        return Row(row.state, doubt, part=row.part, left=row.left, anyway=row.anyway)
    return row._replace(state=State.QUEUED) if row.state is State.DEFERRED else row
