"""The service of the small world: it carries calls out or not, at once or late; and time, and crashes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from explore.world import NONE, Call, Copy, Fate, Scenario, Stage, Worker, World, put
from maxbridge.core.delivery import Direction


class Service:
    """What happens by itself."""

    def __init__(self, scenario: Scenario) -> None:
        self._s = scenario
        self._t = scenario.times
        self._oldest = self._t.settle + (self._t.patience if scenario.files else 0)
        """Ticks after which no rule asks how long ago a call was begun."""
        self._twice = max(self._t.answered, self._t.apart)
        """Ticks after which no rule asks how long ago the first look-up was."""

    def works(self, world: World) -> Iterator[tuple[str, int, bool, World]]:
        """Each thing that the service may do: what, about which delivery, is it good, and what comes of it."""
        for at, call in enumerate(world.calls):
            item = call.of[0]
            chat = self._s.chats[item]
            gone = world._replace(calls=world.calls[:at] + world.calls[at + 1 :])
            worker = world.workers[chat]
            if self._s.poisoned.intersection(call.of):
                if not call.awaited:
                    yield "its old call is lost for good", item, True, gone
            elif call.awaited and worker is not None:
                done = worker._replace(fate=Fate.DONE)
                after = gone._replace(workers=put(gone.workers, chat, done))
                yield "the service does what it says", item, True, self._arrives(after, call)
            else:
                yield "the service does it late", item, True, self._arrives(gone, call)
                yield "its old call is lost for good", item, False, gone
        for chat, copies in enumerate(world.copies):
            for at, copy in enumerate(copies):
                if copy.hidden != NONE:
                    shown = put(copies, at, copy._replace(hidden=NONE))
                    after = world._replace(copies=put(world.copies, chat, shown))
                    yield "the history shows it", copy.of[0], True, after

    def _arrives(self, world: World, call: Call) -> World:
        chat = self._s.chats[call.of[0]]
        if call.of[0] in self._s.changes:
            return world._replace(changed=put(world.changed, chat, call.of[0]))
        lags = self._s.to is Direction.TO_MAX and self._t.lag > 0
        copy = Copy(call.of, call.part, 0 if lags else NONE, claimed=False)
        copies = put(world.copies, chat, (*world.copies[chat], copy))
        return world._replace(copies=copies, wrong=self._out_of_order(world, call))

    def _out_of_order(self, world: World, call: Call) -> str:
        """Does something arrive before an older one that was never out of the line?"""
        for item in self._s.before(call.of[0]):
            if world.rows[item].left or item in self._s.changes:
                continue
            arrived = {each.part for each in world.copies[self._s.chats[item]] if item in each.of}
            if len(arrived) < self._s.parts[item]:
                return f"{self._s.title(call.of[0])} overtakes {self._s.title(item)}"
        return ""

    def time_passes(self, world: World) -> World | None:
        """A tick later; None where something has to happen before, or nothing asks for the time."""
        if any(worker is not None and self._is_over(worker) for worker in world.workers):
            return None
        dead = {
            each
            for each in world.calls
            if each.age + 1 >= self._t.work and not (self._s.files and each.awaited)
        }
        after = world._replace(
            rows=tuple(
                row
                if row.age == NONE
                else row._replace(
                    age=min(row.age + 1, self._oldest),
                    absent=NONE if row.absent == NONE else min(row.absent + 1, self._twice),
                )
                for row in world.rows
            ),
            workers=tuple(
                worker
                and self._older(worker, lost=any(is_awaited(each, worker.item) for each in dead))
                for worker in world.workers
            ),
            calls=tuple(
                each._replace(age=each.age + 1) for each in world.calls if each not in dead
            ),
            copies=tuple(tuple(map(self._shown_in_time, chat)) for chat in world.copies),
            restored=self._since_restored(world),
        )
        return None if after == world else after

    def _since_restored(self, world: World) -> int:
        """It matters until the desk is read, and at MAX not at all: there it is the age of the rows."""
        waits = self._s.to is Direction.TO_DESK and world.read is None
        return (
            min(world.restored + 1, self._t.settle)
            if waits and world.restored != NONE
            else world.restored
        )

    def _is_over(self, worker: Worker) -> bool:
        """Has it been waited for long enough?"""
        if worker.stage is Stage.SEND:
            return worker.waited >= (0 if worker.item in self._s.calm else self._t.patience)
        return worker.stage is Stage.LOOK_UP and worker.asked >= self._s.reading

    def _older(self, worker: Worker, *, lost: bool) -> Worker:
        if worker.stage is Stage.SEND:
            fate = Fate.DEAD if lost and worker.fate is Fate.OPEN else worker.fate
            return worker._replace(waited=worker.waited + 1, fate=fate)
        if worker.stage is Stage.LOOK_UP:
            return worker._replace(asked=worker.asked + 1)
        return worker

    def _shown_in_time(self, copy: Copy) -> Copy:
        if copy.hidden == NONE:
            return copy
        return copy._replace(hidden=NONE if copy.hidden + 1 >= self._t.lag else copy.hidden + 1)

    def died(self, world: World) -> World:
        """The process has ended: workers and memory are gone."""
        rows = tuple(row._replace(absent=NONE, given=NONE) for row in world.rows)
        calls = self.open([self._given_up(each) for each in world.calls])
        return world._replace(rows=rows, workers=(None,) * len(world.workers), calls=calls)

    def orphaned(self, world: World, worker: Worker) -> World:
        """Nobody waits any more for the answer to its call."""
        calls = [
            self._given_up(each) if is_awaited(each, worker.item) else each for each in world.calls
        ]
        return world._replace(calls=self.open(calls))

    def _given_up(self, call: Call) -> Call:
        since = 0 if self._s.files and call.awaited else call.age
        return call._replace(awaited=False, age=since)

    def open(self, calls: Sequence[Call]) -> tuple[Call, ...]:
        """Calls in a fixed order; of the same change, the last one stands for those before it."""
        changes = {
            each.of: min(other for other in calls if other.of == each.of and not other.awaited)
            for each in calls
            if each.of[0] in self._s.changes and not each.awaited
        }
        rest = [each for each in calls if each.awaited or each.of not in changes]
        return tuple(sorted([*rest, *changes.values()]))


def is_awaited(call: Call, item: int) -> bool:
    """Does the worker of a delivery wait for the answer to this call?"""
    return call.awaited and call.of[0] == item
