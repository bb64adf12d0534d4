"""Scenarios in which parts go away while both directions are busy: the desk's, MAX, and the daemon itself."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from random import Random

from maxbridge.sim.faults import Fault
from maxbridge.sim.max.store import Person
from real_desk.ledger import Way
from real_desk.play import Play, Scenario, file_of

_PEOPLE = 4
_AWAY = 10.0


@contextlib.asynccontextmanager
async def busy(play: Play) -> AsyncIterator[None]:
    """Customers write and agents answer all the time; at the end both get through again."""
    people = [play.person(f"Занят{n}") for n in range(_PEOPLE)]
    tickets = [await play.opened(person) for person in people]
    stop = asyncio.Event()

    async def write(place: int) -> None:
        while not stop.is_set():
            play.say(people[place], "во время сбоя {}")
            await asyncio.sleep(1.5)

    async def answer(place: int) -> None:
        while not stop.is_set():
            await play.try_reply(tickets[place], people[place])
            await asyncio.sleep(2.5)

    async with asyncio.TaskGroup() as tasks:
        for place in range(_PEOPLE):
            tasks.create_task(write(place))
            tasks.create_task(answer(place))
        try:
            await asyncio.sleep(4)
            yield
            await asyncio.sleep(6)
        finally:
            stop.set()
    for person, ticket in zip(people, tickets, strict=True):
        await play.landed(play.say(person, "после сбоя {}"), within=240)
        await play.arrived(await play.reply(ticket, person), within=240)


def part_away(part: str) -> Callable[[Play], Awaitable[None]]:
    """Stop one part of the desk for some seconds, twice."""

    async def scene(play: Play) -> None:
        async with busy(play):
            for _ in range(2):
                await play.stage.control("stop", part)
                try:
                    await asyncio.sleep(_AWAY)
                finally:
                    await play.stage.control("start", part)
                await asyncio.sleep(3)

    scene.__doc__ = f"{part} is stopped twice for {_AWAY:.0f} s."
    return scene


async def maintenance(play: Play) -> None:
    """The desk is in maintenance mode, as during an update."""
    async with busy(play):
        await play.stage.control("artisan", "down")
        try:
            await asyncio.sleep(_AWAY)
        finally:
            await play.stage.control("artisan", "up")


async def max_away(play: Play) -> None:
    """MAX answers nothing, then forgets to answer what it has done, then says 500 after it has done it."""
    async with busy(play):
        for kind, seconds in (("refuse", _AWAY), ("drop_after", 6.0), ("status_after", 6.0)):
            more = {"method": "POST"} if kind != "refuse" else {}
            rules = [Fault(kind, path="/messages", times=None, status=500, **more)]  # type: ignore[arg-type]
            if kind == "refuse":
                rules.append(Fault("refuse", path="/updates", times=None))
            play.bridge.line.add(*rules)
            await asyncio.sleep(seconds)
            play.bridge.line.clear()
            await asyncio.sleep(2)


async def kills(play: Play) -> None:
    """SIGKILL at random moments, 12 times, while both directions are busy."""
    rng = Random(play.stage.began)  # noqa: S311 - it has to be repeatable
    async with busy(play):
        for _ in range(12):
            await asyncio.sleep(rng.uniform(1.0, 7.0))
            await play.bridge.kill()
            await asyncio.sleep(rng.uniform(0.0, 2.0))
            await play.bridge.start()


async def kills_with_files(play: Play) -> None:
    """SIGKILL at random moments, 8 times, while files are on their way in both directions."""
    rng = Random(play.stage.began + 1)  # noqa: S311 - it has to be repeatable
    people = [play.person(f"Файлы{n}") for n in range(3)]
    tickets = [await play.opened(person) for person in people]
    stop = asyncio.Event()

    async def send(person: Person) -> None:
        while not stop.is_set():
            play.send_files(person, "файл {}", ("file", "акт.pdf", "application/pdf"))
            await asyncio.sleep(2.0)

    async def answer(person: Person, ticket: int) -> None:
        while not stop.is_set():
            inside = play.word_in_file(Way.MAX, person)
            file = file_of("счёт.pdf", "application/pdf", inside)
            await play.reply(ticket, person, "<div>счёт {}</div>", files=[file])
            await asyncio.sleep(4.0)

    async with asyncio.TaskGroup() as tasks:
        for person, ticket in zip(people, tickets, strict=True):
            tasks.create_task(send(person))
            tasks.create_task(answer(person, ticket))
        try:
            for _ in range(8):
                await asyncio.sleep(rng.uniform(1.0, 6.0))
                await play.bridge.kill()
                await play.bridge.start()
        finally:
            stop.set()
    for person, ticket in zip(people, tickets, strict=True):
        await play.landed(play.say(person, "после файлов {}"), within=240)
        await play.arrived(await play.reply(ticket, person), within=240)


async def kills_while_down(play: Play) -> None:
    """SIGKILL while PHP is away: what was in flight then is in doubt twice over."""
    async with busy(play):
        for _ in range(3):
            await play.stage.control("stop", "fpm")
            try:
                await asyncio.sleep(2)
                await play.bridge.kill()
                await play.bridge.start()
                await asyncio.sleep(4)
            finally:
                await play.stage.control("start", "fpm")
            await asyncio.sleep(4)


SCENARIOS = (
    Scenario("PHP away", "An outage loses and doubles nothing", part_away("fpm"), outage=True),
    Scenario("nginx away", "An outage loses and doubles nothing", part_away("nginx"), outage=True),
    Scenario("database away", "An outage loses and doubles nothing", part_away("db"), outage=True),
    Scenario("maintenance", "An outage loses and doubles nothing", maintenance, outage=True),
    Scenario("MAX away", "A doubtful send is looked up", max_away),
    Scenario("kills", "SIGKILL at any moment loses and doubles nothing", kills),
    Scenario("kills, files", "The same while files are on their way", kills_with_files),
    Scenario("kills, PHP away", "The same while the desk is down", kills_while_down, outage=True),
)
