"""The course of one run: people, bad weather and deaths at random, until all comes to rest."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from random import Random

import httpx

from crash.ledger import Verdict, judge
from crash.traffic import WORDS, Traffic
from crash.weather import forecast, habits
from crash.world import World
from maxbridge.failpoints import POINTS

_DISTURBED = {"repeat": 0.05, "swap": 0.1, "rewind": 0.05}
_DRAINED_WITHIN = 3600.0
"""Seconds of the world; the longest pause of the retry rules is 300."""
_SETTLES_WITHIN = 60.0
_DOOR_SLACK = 1.0


@dataclass(frozen=True, slots=True)
class Plan:
    """How hard one run is.

    Attributes:
        actions: Of people, at least.
        deaths: Kills and proper stops, at least.
        customers: How many.
        distance: Between two actions, on average, in seconds of the world.
        life: Longest time from a life's first successes to its end.
        bug: To be noticed, see :mod:`crash.bugs`.
    """

    actions: int = 250
    deaths: int = 12
    customers: int = 6
    distance: float = 0.5
    life: float = 20.0
    bug: str = ""


class Run:
    """One run in one world.

    Attributes:
        points: How often the daemon died at each kill point.
        doors: How often an end refused all connections for a while.
    """

    def __init__(self, seed: int, world: World, plan: Plan) -> None:
        self.points: Counter[str] = Counter()
        self.doors = 0
        self._seed = seed
        self._world = world
        self._plan = plan
        # Each has dice of its own, so that the one's luck does not change the other's.
        self._traffic = Traffic(world, Random(f"{seed} traffic"), world.history, plan.customers)
        self._weather = Random(f"{seed} weather")
        self._fate = Random(f"{seed} fate")
        self._kill_at = ""
        self._settled_by = 0.0
        """Until when a new life is left alone so that it gets something done; 0 when it has."""
        self._dies = 0.0
        self._rises = 0.0

    async def live(self) -> Verdict:
        world = self._world
        # Before the first event: none may be swapped to where nobody looks any more.
        await world.remember_position()
        await self._traffic.begin()
        await world.max("disturb", self._seed, **_DISTURBED)
        await self._busy()
        await self._come_to_rest()
        picture = await world.picture(self._traffic.private)
        verdict = judge(picture)
        verdict.leaked += world.found_in_log(WORDS)
        world.history.write("verdict", verdict=str(verdict))
        return verdict

    async def _busy(self) -> None:
        world, plan = self._world, self._plan
        actions, changes = 0, 0.0
        while actions < plan.actions or world.kills + world.stops < plan.deaths:
            await asyncio.sleep(self._fate.expovariate(1 / plan.distance))
            if world.now() >= changes:
                await self._change_weather()
                changes = world.now() + self._weather.uniform(10.0, 60.0)
            if world.life is None:
                await self._rise()
            elif self._is_time_to_die():
                await self._die()
            await self._traffic.act()
            actions += 1

    async def _rise(self) -> None:
        world = self._world
        if world.now() < self._rises:
            return
        self._kill_at = ""
        if self._fate.random() < 0.4:
            self._kill_at = f"{self._fate.choice(POINTS)}:{self._fate.randint(1, 3)}"
        await world.start(self._kill_at)
        self._settled_by = world.now() + _SETTLES_WITHIN

    def _is_time_to_die(self) -> bool:
        world = self._world
        assert world.life is not None
        if world.life.ended.done() and self._kill_at:
            return True
        world.check_alive()
        if self._settled_by:
            if world.now() < self._settled_by and world.store().working < 2:
                return False
            self._settled_by = 0.0
            self._dies = world.now() + self._fate.uniform(0.0, self._plan.life)
        return world.now() >= self._dies

    async def _die(self) -> None:
        world = self._world
        assert world.life is not None
        if world.life.ended.done():
            self.points[self._kill_at.partition(":")[0]] += 1
            await world.died("died at its kill point")
        elif self._fate.random() < 0.2:
            await world.stop()
        else:
            await world.kill()
        self._rises = world.now() + self._fate.uniform(0.0, 10.0)

    async def _change_weather(self) -> None:
        made = habits(self._weather)
        await self._world.max("habits", **made)
        self._world.history.write("habits", **made)
        for end, act in (("max", self._world.max), ("desk", self._world.desk)):
            rules = forecast(self._weather, end)
            await act("faults", *rules)
            self._world.history.write("weather", end=end, rules=rules)
            if self._weather.random() < 0.1:
                seconds = self._weather.uniform(2.0, 20.0)
                self._world.history.write("refuses", end=end, seconds=seconds)
                self.doors += 1
                await act("refuse", seconds)
                await self._until_door_opens(end, seconds)

    async def _until_door_opens(self, end: str, seconds: float) -> None:
        """Nobody can act at an end meanwhile: its controls are behind the same door."""
        await asyncio.sleep(seconds + _DOOR_SLACK)
        act = self._world.max if end == "max" else self._world.desk
        while True:
            try:
                await act("injected")
            except httpx.TransportError:
                await asyncio.sleep(_DOOR_SLACK)
            else:
                return

    async def _come_to_rest(self) -> None:
        """Good weather, everybody there: now nothing may stay undelivered."""
        world = self._world
        for act in (world.max, world.desk):
            await act("faults")
        await world.max("disturb", self._seed)
        await world.max("habits")
        await self._traffic.come_back()
        world.history.write("comes to rest")
        if world.life is not None and self._kill_at:
            await self._die()
        if world.life is None:
            await world.start()
        await world.quiet(_DRAINED_WITHIN)
        await world.stop()
