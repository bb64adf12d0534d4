"""A month of traffic and faults on virtual time: nothing may grow, and nothing forgotten may come back.

By hand: ``make soak DAYS=30`` or ``python -m crash.soak --help``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sqlite3
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

from bridge import Bridge
from crash.dumps import GREETING, picture_of
from crash.history import History
from crash.ledger import Verdict, judge
from crash.light import POLL, SELDOM, light
from crash.scales import Cost, Meter, weigh
from crash.traffic import RefusedError, Traffic
from crash.weather import forecast, habits
from maxbridge.sim.desk.agent import DeskRefusedError
from maxbridge.sim.faults import Fault
from maxbridge.sim.max.queue import Unruly
from maxbridge.sim.serve import _plain
from virtual_time import VirtualLoop

DAY = 86400.0
PROBE = 410000099
_OPEN = 3600.0
"""Seconds of each day in which people write: all of a day, without the hours in which nothing happens."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how dense.

    Attributes:
        days: Of the world.
        actions: Of people, each day.
        keep_texts: Days after which texts go.
        keep_ids: Days after which ids go; MAX can tell an event again for one day.
        customers: How many come back again and again.
    """

    days: int = 30
    actions: int = 120
    keep_texts: float = 2.0
    keep_ids: float = 5.0
    customers: int = 12


@dataclass(frozen=True, slots=True)
class Evening:
    """What there is at the end of a day, with nothing on its way.

    Attributes:
        weight: Bytes of everything that the daemon refers to in memory.
        tasks: Running tasks.
        database: Bytes of the file, which keeps its highest size.
        used: Bytes of it that hold something.
        rows: In all tables.
        words: Bytes of replies' texts, which are kept for a time and are long or short as it comes.
        message: What one more message costs.
        reply: What one more reply costs.
        delivered: Things delivered so far.
    """

    day: int
    weight: int
    tasks: int
    database: int
    used: int
    rows: int
    words: int
    message: Cost
    reply: Cost
    delivered: int


@dataclass(slots=True)
class Outcome:
    """A soak."""

    verdict: Verdict
    evenings: list[Evening] = field(default_factory=list)
    faults: int = 0
    oldest_id: float = 0.0
    """Days since the oldest finished delivery that the store still knows."""
    oldest_text: float = 0.0
    seconds: float = 0.0
    """Of ours."""


class People:
    """Acts at simulators in this process (:class:`crash.traffic.Hands`)."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        self._max = bridge.max.controls()
        self._desk = bridge.desk.controls()

    def now(self) -> float:
        return self._bridge.clock.now()

    async def max(self, action: str, *args: Any, **kwargs: Any) -> Any:
        return self._max[action](*args, **kwargs)

    async def desk(self, action: str, *args: Any, **kwargs: Any) -> Any:
        try:
            return self._desk[action](*args, **kwargs)
        except DeskRefusedError as error:
            raise RefusedError(str(error)) from None


class Soak:
    """The course of one soak."""

    def __init__(self, folder: Path, plan: Plan, seed: int) -> None:
        self._plan = plan
        self._dice = Random(seed)
        self._bridge = Bridge(
            folder, seed=seed, poll_interval=60.0, keep_texts_days=plan.keep_texts,
            keep_ids_days=plan.keep_ids, greeting=GREETING, reopen_days=-1,
            groups="ticket",
        )  # fmt: skip
        self._bridge.poll_timeout = 2.0 * POLL
        self._people = People(self._bridge)
        self._history = History(folder / "history.jsonl", self._people.now)
        self._traffic = Traffic(self._people, self._dice, self._history, plan.customers)
        self._events: list[Any] = []
        self._given = self._bridge.max.state.queue.next
        self._meter = Meter()
        self._woke_at = 0.0
        self._probed: int | None = None

    async def live(self) -> Outcome:
        bridge, began = self._bridge, time.monotonic()
        bridge.start()
        await asyncio.sleep(60.0)
        await self._traffic.begin()
        outcome = Outcome(Verdict())
        self._meter.attach(self._base())
        queue = bridge.max.state.queue
        for day in range(1, self._plan.days + 1):
            queue.unruly = Unruly(self._dice, 0.05, 0.1, 0.01, depth=self._plan.actions)
            await self._day()
            queue.unruly = None
            await self._rest()
            outcome.evenings.append(await self._evening(day))
            self._keep_events()
            if day < self._plan.days:
                self._night()
        outcome.verdict = self._judge()
        outcome.faults = len(bridge.max_line.injected) + len(bridge.desk_line.injected)
        outcome.oldest_id, outcome.oldest_text = self._oldest()
        outcome.seconds = time.monotonic() - began
        await bridge.stop()
        self._history.close()
        return outcome

    async def _day(self) -> None:
        loop = asyncio.get_running_loop()
        evening, changes = loop.time() + _OPEN, 0.0
        while loop.time() < evening:
            await asyncio.sleep(self._dice.expovariate(self._plan.actions / _OPEN))
            if loop.time() >= changes:
                self._change_weather()
                changes = loop.time() + self._dice.uniform(120.0, 900.0)
            await self._traffic.act()

    def _night(self) -> None:
        """The machine sleeps until 24 hours after it last woke up; the process stays the same one."""
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        self._woke_at += DAY
        loop.jump(max(0.0, self._woke_at - loop.time()))

    async def _rest(self) -> None:
        self._bridge.max_line.clear()
        self._bridge.desk_line.clear()
        self._bridge.max.habits.set()
        await self._traffic.come_back()
        await asyncio.sleep(2 * SELDOM)
        await self._bridge.quiet(7200.0)
        await self._bridge.max_line.settle()

    def _keep_events(self) -> None:
        """MAX forgets them after a day; for the count at the end all are needed."""
        queue = self._bridge.max.state.queue
        self._events += [each.event for each in queue._events if each.position >= self._given]
        self._given = queue.next

    def _change_weather(self) -> None:
        self._bridge.max.habits.set(**habits(self._dice))
        for end, line in (("max", self._bridge.max_line), ("desk", self._bridge.desk_line)):
            line.clear()
            line.add(*(Fault.parse(rule) for rule in forecast(self._dice, end)))

    def _judge(self) -> Verdict:
        max_dump = self._bridge.max.state.dump() | {"events": self._events}
        desk_dump = self._people._desk["dump"]()
        dumps = [json.loads(json.dumps(each, default=_plain)) for each in (max_dump, desk_dump)]
        picture = picture_of(*dumps, private=self._traffic.private)
        assert self._bridge.journal is not None
        held = self._bridge.journal.health.snapshot().held
        verdict = judge(replace(picture))
        verdict.wrong += [f"{each.key}: {each.error}" for each in held]
        return verdict

    async def _evening(self, day: int) -> Evening:
        base = self._base()
        bridge = self._bridge
        strangers = (bridge, bridge.max, bridge.desk, bridge.max_line, bridge.desk_line)
        tables = [
            name for (name,) in base.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        pages, free, size = (
            base.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        )
        rows = sum(base.execute(f"SELECT COUNT(*) FROM {name}").fetchone()[0] for name in tables)  # noqa: S608
        (words,) = base.execute(
            "SELECT IFNULL(SUM(LENGTH(CAST(text AS BLOB))), 0) FROM part"
        ).fetchone()
        message, reply = await self._probe(day)
        return Evening(
            day=day,
            weight=weigh(bridge.daemon, strangers),
            tasks=len(asyncio.all_tasks()),
            database=pages * size,
            used=(pages - free) * size,
            rows=rows,
            words=words,
            message=message,
            reply=reply,
            delivered=sum(
                base.execute(f"SELECT IFNULL(MAX(id), 0) FROM {name}").fetchone()[0]  # noqa: S608
                for name in ("inbox", "outbox")
            ),
        )

    def _base(self) -> sqlite3.Connection:
        assert self._bridge.journal is not None
        database: Any = self._bridge.journal.db._db
        base: sqlite3.Connection = database.connection()
        return base

    async def _probe(self, day: int) -> tuple[Cost, Cost]:
        """One message and one reply, with nothing else on its way."""
        bridge, state = self._bridge, self._bridge.desk.state

        def words() -> int:
            return sum(each.type == "customer" for each in state.threads_of(self._probed or 0))

        if self._probed is None:
            known = set(bridge.tickets())
            bridge.max.state.person(PROBE, "Проба")
            bridge.say("Сообщение C90000", PROBE)
            await bridge.until(lambda: set(bridge.tickets()) - known)
            (self._probed,) = set(bridge.tickets()) - known
            await asyncio.sleep(5.0)
        before = words()
        self._meter.take()
        bridge.say(f"Сообщение C9{day:04}", PROBE)
        await bridge.until(lambda: words() > before)
        await asyncio.sleep(5.0)
        message = self._meter.take()
        sent = len(bridge.sent(PROBE))
        bridge.reply(self._probed, f"<div>Ответ R9{day:04}</div>")
        await bridge.until(lambda: len(bridge.sent(PROBE)) > sent)
        await asyncio.sleep(5.0)
        return message, self._meter.take()

    def _oldest(self) -> tuple[float, float]:
        base = self._base()
        (ids,) = base.execute(
            "SELECT MIN(oldest) FROM (SELECT MIN(finished_at) oldest FROM inbox UNION "
            "SELECT MIN(finished_at) FROM outbox)"
        ).fetchone()
        (texts,) = base.execute(
            "SELECT MIN(oldest) FROM (SELECT MIN(finished_at) oldest FROM inbox WHERE payload "
            "NOTNULL UNION SELECT MIN(finished_at) FROM outbox JOIN part ON outbox_id = outbox.id "
            "WHERE text NOTNULL)"
        ).fetchone()
        now = self._bridge.our_now()
        return (now - ids) / DAY, (now - texts) / DAY


def soak(plan: Plan, seed: int = 0) -> Outcome:
    """Live through it."""

    async def live(folder: Path) -> Outcome:
        return await Soak(folder, plan, seed).live()

    with (
        tempfile.TemporaryDirectory() as folder,
        light(),
        asyncio.Runner(loop_factory=VirtualLoop) as runner,
    ):
        return runner.run(live(Path(folder)))


def main(argv: Sequence[str] | None = None) -> int:
    """Soak by hand; prints a table of evenings."""
    parser = argparse.ArgumentParser(prog="python -m crash.soak", description=__doc__)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--actions", type=int, default=120, help="of people, each day")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(argv)
    outcome = soak(Plan(options.days, options.actions), options.seed)
    print("day delivered   message     reply   rows     file     used   memory tasks")
    for each in outcome.evenings:
        print(
            f"{each.day:3} {each.delivered:9} {each.message.statements:5}/{each.message.commits:<3} "
            f"{each.reply.statements:5}/{each.reply.commits:<3} "
            f"{each.rows:6} {each.database:8} {each.used:8} {each.weight:8} {each.tasks:5}"
        )
    print("message, reply: SQL statements/commits that one more of them costs")
    print(f"{outcome.verdict}; {outcome.faults} faults; {outcome.seconds:.0f} s")
    print(f"oldest id {outcome.oldest_id:.1f} days, oldest text {outcome.oldest_text:.1f} days")
    return 0 if outcome.verdict.good else 1


if __name__ == "__main__":
    sys.exit(main())
