"""What may happen next in a state of the world, and what comes of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from explore.reading import Reading
from explore.rules import Rules
from explore.service import Service, is_awaited
from explore.steps import Answer, Commit, Effect, Facts, Reply, Step, Steps
from explore.world import (
    NONE,
    TICK,
    Call,
    Fate,
    Row,
    Scenario,
    Shown,
    Stage,
    Worker,
    World,
    is_pending,
    put,
)
from explore.written import BY_A_PERSON, Met, Store, with_row
from maxbridge.core.delivery import Direction, Doubt, Outcome


class Move(NamedTuple):
    """Something that may happen.

    Attributes:
        said: What it is, for the story: words, and the delivery that it is about, or NONE.
        good: It needs no trouble and no person.
        chat: Of which chat a worker takes something up; NONE for time, for the service, and for what is under way.
        world: What comes of it.
    """

    said: tuple[str, int]
    good: bool
    chat: int
    world: World


class Moves:
    """All moves of one scenario."""

    def __init__(self, scenario: Scenario, rules: Rules) -> None:
        self._s = scenario
        self._rules = rules
        self._store = Store(scenario, rules)
        self._service = Service(scenario)
        self._reading = Reading(scenario, rules)
        self._steps = Steps(scenario, rules)
        self.key = self._store.key

    @property
    def met(self) -> frozenset[Met]:
        """Which combinations of the table the moves so far have met."""
        return self._store.met

    def __call__(self, world: World) -> Iterator[Move]:
        """What may happen next."""
        for chat, worker in enumerate(world.workers):
            if worker is None:
                yield from self._starts(world, chat)
            else:
                for move in self._answers(world, chat, worker):
                    yield move._replace(chat=NONE)
        yield from self._by_itself(world)
        yield from self._crash(world)
        for item in range(len(world.rows)):
            if item not in self._s.calm:
                yield from self._person(world, item)

    def _by_itself(self, world: World) -> Iterator[Move]:
        for said, item, good, after in self._service.works(world):
            yield Move((said, item), good, NONE, after)
        passed = self._service.time_passes(world)
        if passed is not None:
            yield Move((f"{TICK:.0f} seconds pass", NONE), True, NONE, passed)
        if self._store.may_be_read(world):
            read = self._store.read(world)
            yield Move(("what the desk has is read", NONE), True, NONE, read)
        for chat, stopped in enumerate(world.stopped):
            if stopped:
                after = world._replace(stopped=put(world.stopped, chat, False))
                yield Move(("the customer starts the bot again", NONE), True, NONE, after)

    # --- a worker ---------------------------------------------------------------------------------

    def _starts(self, world: World, chat: int) -> Iterator[Move]:
        item = self._store.head(world, chat)
        if item is None or not is_pending(world.rows[item]):
            return
        row = world.rows[item]
        taken_up = Worker(item, Row(row.state, row.doubt), Stage.PREPARE)
        at_desk = self._s.to is Direction.TO_DESK
        if at_desk and world.restored != NONE and world.read is None:
            return  # nothing is posted before the desk is read
        # Whose trouble something is, core/blame.py says; here it may say anything at any time.
        goes_on = row.doubt is Doubt.NONE or (row.doubt is Doubt.RESTORED and not at_desk)
        may_end = goes_on and item not in self._s.calm and self._rules.gives_up
        verdicts = (False, True) if may_end else (False,)
        for exhausted in verdicts:
            done = self._step(world, taken_up, exhausted=exhausted)
            if done.stage is Stage.LOOK_UP and self._s.reading == NONE:
                shown = self._reading.look_up(world, item)
                at_once = taken_up._replace(stage=Stage.LOOK_UP, asked=0, shown=shown)
                yield from self._looked_up(world, chat, at_once)
                continue
            if done.stage is Stage.PREPARE and item in self._s.calm:
                yield from self._prepared(world, chat, taken_up)
                continue
            said = "it has had its tries in this form" if exhausted else "a worker takes it up"
            good = exhausted == (item in self._s.poisoned)
            yield from self._ends(world, chat, taken_up, done, said, good=good)

    def _answers(self, world: World, chat: int, worker: Worker) -> Iterator[Move]:
        if worker.stage is Stage.LOOK_UP:
            yield from self._looked_up(world, chat, worker)
        elif worker.stage is Stage.PREPARE:
            yield from self._prepared(world, chat, worker)
        else:
            yield from self._sent(world, chat, worker)
        if worker.item not in self._s.calm:
            after = world._replace(workers=put(world.workers, chat, None))
            after = self._service.orphaned(after, worker)
            yield Move(("the disk fails under its worker", worker.item), False, chat, after)
            after = self._store.moved(after, worker.item, Outcome.BUG)
            yield Move(("a bug ends its worker", worker.item), False, chat, after)

    def _looked_up(self, world: World, chat: int, worker: Worker) -> Iterator[Move]:
        item, row = worker.item, world.rows[worker.item]
        last = self._reading.look_up(world, item)
        for shown in dict.fromkeys((last, worker.shown)):
            done = self._step(world, worker, Answer(shown))
            after, said = world, shown.says
            if Commit(Effect.ONE, Outcome.TOO_EARLY) in done.commits:
                said += ", which is not believed yet"
                if row.absent == NONE and self._s.to is Direction.TO_MAX:
                    after = with_row(world, item, row._replace(absent=0))
            early = shown != last
            said += "; it was asked before something happened" if early else ""
            good = not early
            yield from self._ends(after, chat, worker, done, said, good=good, found=shown.copy)
        if item in self._s.calm:
            return
        cannot_tell = Shown("no look-up can tell", unclear=True)
        done = self._step(world, worker, Answer(cannot_tell))
        if Commit(Effect.ONE, Outcome.TOO_EARLY) not in done.commits:
            yield from self._ends(world, chat, worker, done, cannot_tell.says)
        for exhausted in (False, True):
            done = self._step(world, worker, Answer(failed=True), exhausted=exhausted)
            said = "a look-up fails" + (", for the last time" if exhausted else "")
            yield from self._ends(world, chat, worker, done, said)

    def _prepared(self, world: World, chat: int, worker: Worker) -> Iterator[Move]:
        item, row = worker.item, world.rows[worker.item]
        outcome = self._store.starting(item)
        begins = self._store.follow(row.state, row.doubt, outcome) is not None
        done = self._step(world, worker, Answer(ready=True), begins=begins)
        if begins:
            of = self._store.together(world, item)
            after = self._store.commit(world, worker, done.commits[0])
            # It leaves in the same moment. That a crash was in between is a call that is lost.
            call = Call(of, row.part, 0, awaited=True)
            waits = Worker(item, worker.seen, Stage.SEND, of=of)
            after = after._replace(
                workers=put(after.workers, chat, waits),
                calls=self._service.open((*after.calls, call)),
            )
            together = "".join(f", {self._s.title(each)} in it" for each in of[1:])
            yield Move((f"its call begins{together}", item), True, chat, after)
        else:
            said = "it is not to be sent any more"
            yield from self._ends(world, chat, worker, done, said, good=True)
        if item in self._s.calm:
            return
        done = self._step(world, worker, Answer(failed=True))
        yield from self._ends(world, chat, worker, done, "what its call needs cannot be had")
        done = self._step(world, worker, Answer())
        yield from self._ends(world, chat, worker, done, "it makes way for a moment")

    def _sent(self, world: World, chat: int, worker: Worker) -> Iterator[Move]:
        item = worker.item
        for reply in self._replies(worker):
            answers = (Answer(ready=True), Answer(reply=reply))
            done = self._step(world, worker, *answers, others=len(worker.of) > 1)
            after = world
            if reply is not Reply.SILENCE and worker.fate is Fate.OPEN:
                # What was answered without having been done is not done later.
                kept = (each for each in world.calls if not is_awaited(each, item))
                after = world._replace(calls=tuple(kept))
            refused = item in self._s.poisoned and reply is Reply.BROKEN
            if self._s.files and reply in (Reply.SILENCE, Reply.BROKEN):
                after = with_row(after, item, after.rows[item]._replace(given=world.rows[item].age))
            good = reply is Reply.YES or worker.fate is Fate.DEAD or refused
            said = f"the answer is: {reply.value}"
            yield from self._ends(after, chat, worker, done, said, good=good)

    def _replies(self, worker: Worker) -> list[Reply]:
        replies = {
            Fate.OPEN: [Reply.NO, Reply.LATER, Reply.BROKEN, Reply.SILENCE],
            Fate.DONE: [Reply.YES, Reply.BROKEN, Reply.SILENCE],
            Fate.DEAD: [Reply.SILENCE],
        }[worker.fate]
        if worker.item in self._s.poisoned:
            # Nobody says that it is this one: an error each time, as for a service in trouble.
            replies = [each for each in replies if each in (Reply.BROKEN, Reply.SILENCE)]
        if worker.item in self._s.calm and worker.fate is not Fate.DEAD:
            replies = [each for each in replies if each in (Reply.YES, Reply.NO)]
        if self._s.stops and worker.fate is Fate.OPEN:
            replies.append(Reply.STOPPED)
        return replies

    def _ends(
        self,
        world: World,
        chat: int,
        worker: Worker,
        done: Step,
        said: str,
        *,
        good: bool = False,
        found: int = NONE,
    ) -> Iterator[Move]:
        """A worker comes to its next stage, or to its end, or the process ends between two commits."""
        after = world
        for number, commit in enumerate(done.commits):
            if number and worker.item not in self._s.calm:
                words = f"{said}, and the process ends between two commits"
                yield Move((words, worker.item), False, NONE, self._service.died(after))
            after = self._store.commit(after, worker, commit, found=found)
        waits: Worker | None = None
        if done.stage is None:
            after = self._service.orphaned(after, worker)
        else:
            waits = Worker(worker.item, worker.seen, done.stage)
            if done.stage is Stage.LOOK_UP:
                shown = self._reading.look_up(after, worker.item)
                waits = waits._replace(asked=0, shown=shown)
        after = after._replace(workers=put(after.workers, chat, waits))
        yield Move((said, worker.item), good, chat, after)

    def _step(
        self,
        world: World,
        worker: Worker,
        *answers: Answer,
        exhausted: bool = False,
        begins: bool = True,
        others: bool = False,
    ) -> Step:
        item, row = worker.item, world.rows[worker.item]
        took = self._s.times.patience if row.given == NONE else row.given
        changes = item in self._s.changes
        facts = Facts(
            worker.seen._replace(age=row.age, absent=row.absent),
            changes=changes,
            repeats=changes or not self._rules.looks_up,
            simpler=row.rung < self._s.rungs[item],
            exhausted=exhausted,
            begins=begins,
            others=others,
            took=took if self._s.files and self._rules.from_its_end else 0,
            asked=max(worker.asked, 0) if self._rules.by_question else 0,
        )
        return self._steps.step(facts, answers)

    # --- crashes and people -----------------------------------------------------------------------

    def _crash(self, world: World) -> Iterator[Move]:
        after = self._service.died(world)
        if after != world:
            yield Move(("the process ends, and starts again", NONE), False, NONE, after)
        if self._s.restores and world.restored == NONE:
            after = self._store.restored(after)
            yield Move(("a backup of the beginning is put back", NONE), False, NONE, after)

    def _person(self, world: World, item: int) -> Iterator[Move]:
        row = world.rows[item]
        for outcome, does in BY_A_PERSON.items():
            if outcome is Outcome.RETRY_ANYWAY and (row.anyway or item not in self._s.forced):
                continue
            after = self._store.moved(world, item, outcome)
            if after is not world:
                yield Move((f"an administrator {does} it", item), False, NONE, after)
        if self._s.to is Direction.TO_MAX:
            after = self._store.moved(world, item, Outcome.EXPIRED)
            if after is not world:
                yield Move(("it is too old and given back", item), False, NONE, after)
