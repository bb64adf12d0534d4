"""One seed, one run: the whole daemon and both ends in one process on virtual time, dying at any step.

Everything that happens comes from one number: who writes what, what goes wrong on the lines, when the process
dies and what its disk still has, how the clocks differ, which settings are on. So a failure is replayed with its
seed, and shrinks to the shortest run that still shows it. By hand: ``make simulate SEEDS=1-200``, and
``make simulate SEEDS=17 ARGS=--shrink``.

Each run draws a profile of its own (:class:`Profile`), so that rare mixes come up: a run in which agents do
nothing but undo, or one whose power fails every ten seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import hashlib
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from random import Random
from typing import Any, NamedTuple
from unittest import mock

from bridge import Bridge
from crash.blackbox import numbers
from crash.bugs import BUGS
from crash.disk import FULL, IO_ERROR, OK, Disk, Image
from crash.dumps import GREETING, delays, held_of, picture_of
from crash.history import History
from crash.ledger import Verdict, judge
from crash.light import light
from crash.soak import People
from crash.store_state import read_store
from crash.traffic import Traffic
from crash.weather import forecast, habits
from maxbridge import failpoints
from maxbridge.core.errors import RuleBrokenError, StoreError
from maxbridge.observe.health import Loop
from maxbridge.sim.faults import Fault, Faulty
from maxbridge.sim.max.queue import Unruly
from maxbridge.sim.serve import _plain
from maxbridge.sim.wire import Request, Response, Simulator
from maxbridge.store import db
from virtual_time import VirtualLoop

_DRAINED_WITHIN = 45 * 60.0
"""Seconds of good weather in which all must have come to rest: the longest pauses are half an hour for a ticket that could
not be read while others could, five minutes between two tries, and 90 s until a look-up is believed."""
_AT_ONCE = 120.0
"""Seconds that anything may take while nothing goes wrong."""
_AT_REST = 40
"""Tasks of the daemon and of the simulators that there may be while nothing is under way."""
_LOG = 64 << 10
"""Bytes of the write-ahead log before it is folded in, so that it is within a short run."""
_CALM = 75.0
"""Seconds for which nothing may be on its way before all counts as delivered."""


CALM: dict[str, Any] = {
    "life": 0.0, "power": 0.0, "points": 0.0, "latency": 0.0, "storms": 0.0, "unruly": (0.0, 0.0, 0.0),
}  # fmt: skip
"""Fields of a :class:`Profile` in which nothing goes wrong."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What one run is like.

    Attributes:
        customers: How many write.
        actions: Of people.
        distance: Seconds between two of them, on average.
        life: Seconds that the daemon lives, on average; 0 for ever.
        down: Seconds that it is down, at most.
        power: Share of its deaths that are power cuts, after which commits that nobody waited for may be gone.
        points: Share of its deaths that happen at a named point.
        calls: Share of the others that happen between two calls that SQLite makes of its files.
        latency: Seconds that a call takes there, and its answer back, on average.
        storms: Share of the time in which the lines are bad.
        full: Share of the time in which the disk is full.
        unruly: How badly MAX tells events: chance of a repeated, a swapped, and a page told again.
        skews: Seconds by which the clocks of the bridge, MAX and the desk are wrong.
        jump: Seconds by which the bridge's clock may jump while it is down.
        quiet_people: What nobody does in this run (names of :class:`crash.traffic.Traffic`).
    """

    customers: int = 3
    actions: int = 120
    distance: float = 3.0
    life: float = 30.0
    down: float = 10.0
    power: float = 0.5
    points: float = 0.5
    calls: float = 0.0
    latency: float = 0.05
    storms: float = 0.5
    full: float = 0.0
    unruly: tuple[float, float, float] = (0.05, 0.1, 0.05)
    skews: tuple[float, float, float] = (0.0, 0.0, 0.0)
    jump: float = 0.0
    quiet_people: frozenset[str] = frozenset()

    @property
    def is_calm(self) -> bool:
        """Does nothing go wrong that could make anybody wait?"""
        return not (self.life or self.storms or self.full)

    @classmethod
    def of(cls, seed: int) -> Profile:
        """Draw the profile of a seed."""
        dice = Random(f"{seed} profile")
        # Each is off in some runs: what is always there hides what happens without it.
        quiet = frozenset(name for name in Traffic.habits() if dice.random() < 0.25)
        return cls(
            customers=dice.choice((1, 2, 4, 8)),
            actions=dice.choice((60, 120, 240)),
            distance=dice.choice((0.3, 2.0, 10.0)),
            life=dice.choice((0.0, 5.0, 20.0, 90.0)),
            down=dice.choice((1.0, 20.0, 300.0)),
            power=dice.choice((0.0, 0.5, 1.0)),
            points=dice.choice((0.0, 0.5, 1.0)),
            latency=dice.choice((0.0, 0.02, 0.5)),
            storms=dice.choice((0.0, 0.4, 0.8, 1.0)),
            full=dice.choice((0.0, 0.0, 0.1)),
            unruly=dice.choice(((0.0, 0.0, 0.0), (0.05, 0.1, 0.05), (0.3, 0.3, 0.2))),
            skews=dice.choice(((0.0, 0.0, 0.0), (-40.0, 25.0, 90.0), (3600.0, 0.0, -7.0))),
            jump=dice.choice((0.0, 0.0, 600.0)),
            quiet_people=quiet,
            calls=dice.choice((0.0, 0.5, 1.0)),
        )


@dataclass(slots=True)
class Outcome:
    """One run.

    Attributes:
        digest: Of everything that both ends heard and have at the end: the same seed gives the same.
        seconds: Simulated.
        deaths: By kind.
    """

    seed: int
    profile: Profile
    verdict: Verdict
    digest: str = ""
    seconds: float = 0.0
    deaths: Counter[str] = field(default_factory=Counter)
    without_power: int = 0
    """Of its deaths."""
    calls: int = 0
    """That SQLite made of its files."""
    restarts: int = 0
    """After it could not go on with its disk."""
    faults: Counter[str] = field(default_factory=Counter)
    rest: float = 0.0
    """Seconds of good weather until nothing was on its way any more."""
    slowest: float = 0.0
    """Seconds that the slowest message or reply took."""
    tasks: int = 0
    """At rest."""

    @property
    def died(self) -> int:
        """How often."""
        return self.deaths.total()

    def __str__(self) -> str:
        return (
            f"seed {self.seed}: {self.verdict}; {self.died} deaths, {self.faults.total()} faults, "
            f"{self.seconds / 60:.0f} simulated minutes, {self.digest[:12]}"
        )


class DeathError(BaseException):
    """The process is dead: no handler of the program may catch it."""


class Slow:
    """A simulator at the end of a line that takes time, in each direction.

    A client that leaves before its request has arrived was not heard; one that leaves later was.
    """

    def __init__(self, simulator: Simulator, mean: float, dice: Random, digest: Any) -> None:
        self.simulator = simulator
        self._mean = mean
        self._dice = dice
        self._digest = digest

    async def handle(self, request: Request) -> Response:
        await self._travel()
        when = asyncio.get_running_loop().time()
        self._digest.update(f"{when:.6f} {request.method} {request.path}\n".encode())
        # httpx draws the border between the parts of an upload from the system's dice.
        _, _, border = request.headers.get("content-type", "").partition("boundary=")
        self._digest.update(request.body.replace(border.encode(), b"") if border else request.body)
        answer = await self.simulator.handle(request)
        await self._travel()
        return answer

    async def _travel(self) -> None:
        if self._mean:
            await asyncio.sleep(self._dice.expovariate(1 / self._mean))


class AtCall(NamedTuple):
    """What happens at one of the calls that SQLite makes of its files, once in a run.

    Attributes:
        number: Of the call, from 1 for the first one after the first poll was stored; it is not carried out.
        what: ``killed``, ``power cut``, or that it fails, alone or with those behind it: ``error``, ``full``.
    """

    number: int
    what: str


class Simulation:
    """The course of one run."""

    def __init__(
        self, seed: int, profile: Profile, folder: Path, at_call: AtCall | None = None
    ) -> None:
        self.outcome = Outcome(seed, profile, Verdict())
        self._profile = profile
        self._digest = hashlib.sha256()
        self._fate, self._sky = Random(f"{seed} fate"), Random(f"{seed} sky")
        self._rubbish = Random(f"{seed} {at_call} disk")
        self._bridge = bridge = Bridge(
            folder, seed=seed, greeting=GREETING, reopen_days=-1, groups="ticket"
        )
        bridge.our_skew, bridge.max_skew, bridge.desk_skew = profile.skews
        lines = Random(f"{seed} lines")
        for end in ("max", "desk"):
            slow = Slow(getattr(bridge, end), profile.latency, lines, self._digest)
            setattr(bridge, f"{end}_line", Faulty(slow, rng=bridge.rng))
        people = People(bridge)
        self._history = History(folder / "history.jsonl", people.now)
        self._traffic = Traffic(
            people,
            Random(f"{seed} traffic"),
            self._history,
            profile.customers,
            without=profile.quiet_people,
        )
        self._folder = folder
        self._disk = Disk(bridge.settings.store.path)
        self._disk.before = self._at_disk_call
        self._at_call = at_call
        self._refused = self._rubbish.choice((1, 1, 40))
        """Calls in a row, where the disk refuses some."""
        self._dies_at_call = self._calls_before = 0
        self._lives = self._at_peace = False
        self._dies = 0.0
        self._rises = 0.0
        self._weather_until = 0.0
        self._image: Image | None = None
        """What a death left on the disk."""

    async def live(self) -> Outcome:
        """Live through it."""
        bridge = self._bridge
        with self._disk.watched():
            self._rise()
            failpoints.arm(None)
            await asyncio.sleep(5.0)  # MAX tells a bot without a marker its latest event only
            self._calls_before = self._disk.calls.total()
            await self._traffic.begin()
            bridge.max.state.queue.unruly = Unruly(self._sky, *self._profile.unruly)
            for _ in range(self._profile.actions):
                await asyncio.sleep(self._fate.expovariate(1 / self._profile.distance))
                self._change_weather()
                await self._live_or_die()
                await self._traffic.act()
            await self._come_to_rest()
        self._count()
        self._history.close()
        return self.outcome

    # --- lives and deaths --------------------------------------------------------------------------

    def _rise(self) -> None:
        failpoints.arm(None)
        try:
            self._bridge.start()
        except StoreError:
            self._cannot_go_on()
            return
        self._lives = True
        now, profile = self._now(), self._profile
        if self._at_peace:
            return
        self._dies = now + (self._fate.expovariate(1 / profile.life) if profile.life else 1e12)
        if profile.life and self._fate.random() < profile.points:
            point, times = self._fate.choice(failpoints.POINTS), self._fate.randint(1, 3)
            failpoints.arm(self._killer(point, times))
        elif profile.life and self._rubbish.random() < profile.calls:
            self._dies_at_call = self.outcome.calls + self._rubbish.randint(1, 400)

    def _killer(self, wanted: str, times: int) -> Any:
        left = times

        def hook(point: str) -> None:
            nonlocal left
            left -= point == wanted
            if left == 0:
                self._ends(point)
                raise DeathError(point)

        return hook

    def _at_disk_call(self, number: int, kind: str) -> int:
        self.outcome.calls = number = number - self._calls_before
        if self._image is not None:
            return IO_ERROR[kind]  # nothing more is written, whoever tries
        if not self._calls_before:
            return OK
        at, what = self._at_call or (0, "")
        if what in ("error", "full") and at <= number < at + self._refused:
            self.outcome.faults[f"disk: {what}"] += 1
            return FULL if what == "full" else IO_ERROR[kind]
        if number == at and what in ("killed", "power cut"):
            self._ends(f"{kind} of a file", power=what == "power cut")
        elif number == self._dies_at_call:
            self._ends(f"{kind} of a file")
        return OK if self._image is None else IO_ERROR[kind]

    def _ends(self, how: str, *, power: bool | None = None) -> None:
        """The process ends here, with or without all others of the machine."""
        self.outcome.deaths[how] += 1
        if power is None:
            power = self._fate.random() < self._profile.power
        if power:
            self.outcome.without_power += 1
            self._image = self._disk.after_power_cut(self._rubbish)
        else:
            self._image = self._disk.image()
        failpoints.arm(_nothing_more)

    async def _live_or_die(self) -> None:
        if not self._lives:
            if self._image is not None:
                self._put_back()
            if self._now() >= self._rises:
                self._rise()
        elif self._image is not None or self._now() >= self._dies:
            await self._die()
        else:
            self._see_that_it_lives()

    def _see_that_it_lives(self) -> None:
        """It ends by itself only where the disk has refused something."""
        task = self._bridge._task
        if task is None or not task.done():
            return
        refused = self._at_call is not None and self.outcome.calls >= self._at_call.number
        if not refused or not isinstance(task.exception(), StoreError):
            task.result()
        self._bridge._close()
        self._lives = False
        self._cannot_go_on()

    def _cannot_go_on(self) -> None:
        """Whoever watches over it starts it again."""
        self.outcome.restarts += 1
        self._history.write("ended by itself")
        self._rises = self._now() + 1.0

    async def _die(self) -> None:
        """End it, and give the disk back as the death left it."""
        if self._image is None:
            self._ends("killed")
        await self._bridge.kill()
        self._lives = False
        self._put_back()

    def _put_back(self) -> None:
        failpoints.arm(None)
        gc.collect()  # a cursor in some traceback would keep the old file open
        assert self._image is not None
        self._disk.put_back(self._image)
        self._image, self._dies_at_call = None, 0
        down = 0.0 if self._at_peace else self._profile.down
        self._rises = self._now() + self._fate.uniform(0.0, down)
        self._bridge.our_skew += self._fate.uniform(-1, 1) * self._profile.jump
        self._history.write("died")

    # --- what goes wrong ---------------------------------------------------------------------------

    def _change_weather(self) -> None:
        now, bridge = self._now(), self._bridge
        if now < self._weather_until:
            return
        self._weather_until = now + self._sky.uniform(10.0, 60.0)
        bridge.max.habits.set(**habits(self._sky))
        for end, line in (("max", bridge.max_line), ("desk", bridge.desk_line)):
            line.clear()
            if self._sky.random() < self._profile.storms:
                rules = forecast(self._sky, end)
                line.add(*(Fault.parse(rule) for rule in rules))
                self._history.write("weather", end=end, rules=rules)
        if self._lives:
            self._fill_disk(full=self._sky.random() < self._profile.full)

    def _fill_disk(self, *, full: bool) -> None:
        """Let the file grow no more, or let it."""
        store = self._bridge.journal
        if store is None:
            return
        most = store.db.pragma("page_count") if full else 1_000_000_000
        with contextlib.suppress(StoreError):
            store.db._db.pragma("max_page_count", most)
        self._history.write("disk", full=full)

    # --- the end -----------------------------------------------------------------------------------

    async def _come_to_rest(self) -> None:
        bridge = self._bridge
        for line in (bridge.max_line, bridge.desk_line):
            line.clear()
        bridge.max.habits.set()
        bridge.max.state.queue.unruly = None
        await self._traffic.come_back()
        self._dies_at_call, self._dies = 0, 1e12
        if self._image is None:
            failpoints.arm(None)
        if self._lives:
            self._fill_disk(full=False)
        self._at_peace = True
        self._history.write("comes to rest")
        deadline, since = self._now() + _DRAINED_WITHIN, 0.0
        while not since or self._now() - since < _CALM:
            assert self._now() < deadline, f"not at rest within {_DRAINED_WITHIN} s"
            await asyncio.sleep(5.0)
            await self._live_or_die()
            if not self._lives:
                since = 0.0
                continue
            busy = not bridge._is_quiet() or bridge.max.state.queue.waiting()
            since = 0.0 if busy else since or self._now()
        self.outcome.rest = since - deadline + _DRAINED_WITHIN
        self._see_what_is_given_back()
        for line in (bridge.max_line, bridge.desk_line):
            await line.settle()
        await bridge.stop()

    def _see_what_is_given_back(self) -> None:
        """At rest there are no files on their way, no chats served, and no more tasks than loops."""
        grown, daemon = self.outcome.verdict.grown, self._bridge.daemon
        assert daemon is not None
        self.outcome.tasks = len(asyncio.all_tasks())
        if self.outcome.tasks > _AT_REST:
            grown.append(f"{self.outcome.tasks} tasks")
        spool = self._disk.path.with_name(f"{self._disk.path.name}.files")
        grown += [f"{each.name} left in the spool" for each in spool.glob("*")]
        for pool in (daemon.writer_pool, daemon.sender_pool):
            grown += [f"chat {each} is served still" for each in pool._lane.served]

    def _count(self) -> None:
        bridge, outcome = self._bridge, self.outcome
        raw = (bridge.max.state.dump(), bridge.desk.controls()["dump"]())
        texts = [json.dumps(each, default=_plain, sort_keys=True) for each in raw]
        max_dump, desk_dump = map(json.loads, texts)
        for text in texts:
            self._digest.update(text.encode())
        state = read_store(self._disk.path, 0.0)
        picture = picture_of(
            max_dump,
            desk_dump,
            private=self._traffic.private,
            closed=self._traffic.closed,
            # A clock that jumps makes the bridge read histories: it cannot know how long it was away.
            from_history=self._profile.jump > 0,
        )
        grown = outcome.verdict.grown
        outcome.verdict = judge(
            replace(picture, held=held_of(state.held, desk_dump), undelivered=state.bounced)
        )
        _, max_skew, desk_skew = self._profile.skews
        outcome.verdict.grown += grown
        took = delays(max_dump, desk_dump, max_skew=max_skew, desk_skew=desk_skew)
        outcome.slowest = max(took.values(), default=0.0)
        if self._profile.is_calm and self._at_call is None:
            outcome.verdict.late += [
                f"{each}: {s:.0f} s" for each, s in took.items() if s > _AT_ONCE
            ]
        outcome.digest = self._digest.hexdigest()
        outcome.seconds = asyncio.get_running_loop().time()
        for line in (bridge.max_line, bridge.desk_line):
            outcome.faults.update(each.kind for each in line.injected)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


def _nothing_more(point: str) -> None:
    """Where a dying process would have come next."""
    raise DeathError(point)


# --- many seeds -------------------------------------------------------------------------------------


def simulate(
    seed: int, profile: Profile | None = None, *, bug: str = "", at_call: AtCall | None = None
) -> Outcome:
    """Live through one seed.

    Args:
        seed: Of everything.
        profile: Instead of the one that the seed draws.
        bug: To be noticed, see :mod:`crash.bugs`.
        at_call: What happens at one call of SQLite's.
    """
    profile = profile or Profile.of(seed)

    async def live(folder: Path) -> Outcome:
        simulation = Simulation(seed, profile, folder, at_call)
        try:
            return await simulation.live()
        except (AssertionError, RuleBrokenError) as error:
            simulation.outcome.verdict.wrong.append(str(error))
            return simulation.outcome

    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        stack.enter_context(light())
        stack.enter_context(mock.patch.dict(db._PRAGMAS, {"synchronous": "full"}))
        stack.enter_context(mock.patch.object(db, "LOG_KEPT", _LOG))
        stack.enter_context(mock.patch.object(Loop, "strict", True))
        if bug:
            BUGS[bug](lambda *patch: stack.enter_context(mock.patch.object(*patch)))
        stack.callback(failpoints.arm, None)
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            return runner.run(live(Path(folder)))


def shrink(seed: int, profile: Profile | None = None, *, bug: str = "") -> Profile:
    """The simplest profile that still fails with this seed: fewer actions, and less that goes wrong.

    Args:
        seed: Of everything.
        profile: That fails; by default the one that the seed draws.
        bug: To be noticed, see :mod:`crash.bugs`.
    """
    profile = profile or Profile.of(seed)

    def fails(other: Profile) -> bool:
        return not simulate(seed, other, bug=bug).verdict.good

    profile = _fewest(profile, fails)  # first: all that follows takes less time then
    plain = Profile(customers=1, **CALM)
    for each in fields(Profile):
        if each.name != "actions":
            simpler = replace(profile, **{each.name: getattr(plain, each.name)})
            if simpler != profile and fails(simpler):
                profile = simpler
    return _fewest(profile, fails)


def _fewest(profile: Profile, fails: Callable[[Profile], bool]) -> Profile:
    """The same with as few actions as it takes."""
    least, most = 0, profile.actions
    while least + 1 < most:
        half = (least + most) // 2
        if fails(replace(profile, actions=half)):
            most = half
        else:
            least = half
    return replace(profile, actions=most)


def main(argv: Sequence[str] | None = None) -> int:
    """Run seeds by hand; the exit code is 1 when a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m crash.simulation", description=__doc__)
    parser.add_argument("--seeds", default="1-20", help="as 7 or 1-20 or 3,5,8")
    parser.add_argument("--shrink", action="store_true", help="find the shortest run that fails")
    parser.add_argument("--bug", default="", choices=["", *BUGS], help="a deliberate bug")
    options = parser.parse_args(argv)
    began = time.monotonic()
    outcomes = []
    for seed in numbers(options.seeds):
        outcome = simulate(seed, bug=options.bug)
        outcomes.append(outcome)
        print(outcome, flush=True)
        if not outcome.verdict.good:
            print(f"  {outcome.profile}")
            if options.shrink:
                shortest = shrink(seed, bug=options.bug)
                verdict = simulate(seed, shortest, bug=options.bug).verdict
                print(f"  shortest: {verdict}\n  {shortest}")
    print(
        f"{sum(each.verdict.messages for each in outcomes)} messages, "
        f"{sum(each.verdict.replies for each in outcomes)} replies, "
        f"{sum(each.died for each in outcomes)} deaths, "
        f"{sum(each.faults.total() for each in outcomes)} faults, "
        f"{sum(each.seconds for each in outcomes) / 3600:.1f} simulated hours "
        f"in {time.monotonic() - began:.0f} s"
    )
    return 0 if all(each.verdict.good for each in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
