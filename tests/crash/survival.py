"""Worlds in which always the same happens while the daemon dies at one named point after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from crash.clock import FastClock, bearable
from crash.dumps import tokens_of_thread
from crash.ledger import Verdict, judge
from crash.processes import Nursery, Starter
from crash.traffic import RefusedError
from crash.world import World

SPEED = 100.0
AT_ONCE = 6

BURST = "burst"
"""In the place of a bug: another talk, in which one person says much at once."""

Chain = tuple[str, ...]
"""Points at which the daemon dies, one after the other."""

_PATIENCE = 3000.0
_NOT_FOR_EVER = 300.0
"""Seconds for what a bridge with a bug may never do; the longest rule is 90."""
MARINA, OLEG = 410000017, 410000018
LONG = "подробно " * 430


@dataclass(frozen=True, slots=True)
class Survival:
    """What became of one world."""

    folder: Path
    deaths: tuple[str, ...]
    verdict: Verdict
    bounce_notes: int = 0
    together: int = 1
    """Most messages in one thread."""


class Keeper:
    """Starts the daemon again whenever it has died, to die at the next point."""

    def __init__(self, world: World, chain: Chain) -> None:
        self._world = world
        self._chain = [*chain, ""]
        self.deaths: list[str] = []

    async def keep_during(self, talk: Coroutine[Any, Any, None]) -> None:
        """Keep it running while people talk."""
        talking = asyncio.create_task(talk)
        keeping = asyncio.create_task(self._keep())
        try:
            await asyncio.wait({talking, keeping}, return_when=asyncio.FIRST_COMPLETED)
            if keeping.done():
                keeping.result()
            talking.result()
        finally:
            for task in (talking, keeping):
                task.cancel()
            await asyncio.gather(talking, keeping, return_exceptions=True)

    async def _keep(self) -> None:
        for point in self._chain:
            await self._world.start(point)
            assert self._world.life is not None
            await asyncio.shield(self._world.life.ended)
            await self._world.died(f"died at {point}")
            self.deaths.append(point)


async def survive(
    folder: Path, clock: FastClock, starter: Starter, chain: Chain, bug: str
) -> Survival:
    """Both directions, a greeting, several parts, doubt at both ends, a reply that is returned."""
    if bug == BURST:
        return await survive_burst(folder, clock, starter, chain)
    async with World(folder, clock, starter, bug=bug).opened(0, apart=False) as world:
        talk = Talk(world, _NOT_FOR_EVER if bug else _PATIENCE)
        await talk.begin()
        keeper = Keeper(world, chain)
        await keeper.keep_during(talk.go_on())
        await world.stop()

        picture = await world.picture(talk.private)
        notes = sum(
            "Не доставлено в MAX" in (each["body"] or "")
            for each in (await world.desk("dump"))["threads"].values()
            if each["type"] == "note"
        )
        # One reply was refused for good: it must not arrive, its agent must be told.
        answered = {
            user: [token for token in row if token != "R9"]
            for user, row in picture.answered.items()
        }
        verdict = judge(replace(picture, answered=answered, undelivered=picture.undelivered[1:]))
        return Survival(folder, tuple(keeper.deaths), verdict, notes)


async def survive_burst(folder: Path, clock: FastClock, starter: Starter, chain: Chain) -> Survival:
    """One person has said eight things before the daemon first starts; they are one POST."""
    async with World(folder, clock, starter).opened(0, apart=False) as world:
        await world.max("person", MARINA, "Марина")
        await world.remember_position()
        if any(point.startswith("inbox.defer") for point in chain):
            await world.desk("faults", fault("status", "/api/conversations", status=429))
        for number in range(1, 9):
            await world.max("say", MARINA, f"вопрос C{number}")
        keeper = Keeper(world, chain)
        await keeper.keep_during(world.quiet(_PATIENCE, calm=15.0))
        await world.stop()
        verdict = judge(await world.picture({"N1"}))
        threads = (await world.desk("dump"))["threads"].values()
        together = max(len(tokens_of_thread(each)) for each in threads)
        return Survival(folder, tuple(keeper.deaths), verdict, together=together)


class Talk:
    """What people do; what must stay at the desk is in ``private``."""

    def __init__(self, world: World, patience: float) -> None:
        self.private = {"N1"}
        self._world = world
        self._patience = patience
        self._chats: dict[int, int] = {}

    async def begin(self) -> None:
        """While the daemon is down: a start, two messages of one ticket, one of another."""
        world = self._world
        for user, name in ((MARINA, "Марина"), (OLEG, "Олег")):
            self._chats[user] = (await world.max("person", user, name))["chat_id"]
        await world.remember_position()
        await world.desk("faults", fault("drop_after", "/api/conversations/*/threads"))
        await world.max("faults", fault("drop_after", "/messages", skip=1))
        await world.max("start", MARINA)
        await world.max("say", MARINA, "вопрос C1")
        await world.max("say", MARINA, "вопрос C2")
        await world.max("say", OLEG, "вопрос C3")

    async def go_on(self) -> None:
        """Replies of one and of several parts, an undone one, a note, one that is refused."""
        world = self._world
        tickets: dict[int, int] = {}
        if not await self._wait(lambda: self._have_tickets(tickets)):
            return  # the count will say what is missing
        parts = "".join(f"<div>R1p{part} {LONG}</div>" for part in (1, 2, 3))
        await world.desk("reply", tickets[MARINA], parts)
        undone = await world.desk("reply", tickets[OLEG], "<div>R2</div>")
        try:
            await world.desk("undo", undone)
            self.private.add("R2")
        except RefusedError:
            world.history.write("the machine was too busy to undo in time")
        await world.desk("note", tickets[OLEG], "<div>между нами: N1</div>")
        await world.desk("reply", tickets[OLEG], "<div>Да.</div>")
        await world.desk("reply", tickets[OLEG], "<div>Да.</div>")
        await world.max("say", OLEG, "вопрос C4")
        if not await self._wait(lambda: self._received({MARINA: "R1p3", OLEG: "Да.Да."})):
            return
        refusal = {"code": "proto.payload", "message": "text"}
        await world.max(
            "faults", fault("status", "/messages", times=None, status=400, body=refusal)
        )
        await world.desk("reply", tickets[MARINA], "<div>R9</div>")
        if not await self._wait(self._bounced):
            return
        # The next one is refused for its markup, and goes as plain text.
        refusal = {"code": "proto.payload", "message": "Some Markdown syntax is not supported"}
        await world.max("faults", fault("status", "/messages", status=400, body=refusal))
        await world.desk("reply", tickets[MARINA], "<div><b>R10</b></div>")
        await self._wait(lambda: self._received({MARINA: "R10"}))
        await world.quiet(self._patience, calm=15.0)

    async def _wait(self, done: Callable[[], Awaitable[bool]]) -> bool:
        """Wait until something is so; False when it takes longer than any rule allows."""
        deadline = self._world.now() + self._patience
        while not await done():
            if self._world.now() > deadline:
                return False
            await asyncio.sleep(2.0)
        return True

    async def _have_tickets(self, tickets: dict[int, int]) -> bool:
        for row in await self._world.desk("tickets"):
            tickets[int(row["profiles"][0].removeprefix("max:"))] = row["id"]
        return tickets.keys() >= {MARINA, OLEG}

    async def _received(self, words: Mapping[int, str]) -> bool:
        rows = {user: await self._world.max("texts", self._chats[user]) for user in words}
        return all(each in "".join(rows[user]) for user, each in words.items())

    async def _bounced(self) -> bool:
        return bool(self._world.store().bounced)


def fault(kind: str, path: str, **more: object) -> dict[str, object]:
    return {"kind": kind, "method": "POST", "path": path, **more}


def survivals(
    folder: Path, worlds: Collection[tuple[Chain, str]], *, speed: float = SPEED
) -> dict[tuple[str, str], Survival]:
    """Live through some worlds, some at the same time.

    Args:
        folder: For a folder of each.
        worlds: For each its points, and the bug of its bridge (:mod:`crash.bugs`) or none.
        speed: Seconds of the world in one of ours, on a machine that has nothing else to do.

    Returns:
        By point and bug, what became of the world.
    """
    clock = FastClock(bearable(speed))

    async def run() -> list[Survival]:
        nursery = await Nursery.open(clock)
        places = asyncio.Semaphore(AT_ONCE)

        async def one(chain: Chain, bug: str) -> Survival:
            place = folder / f"{bug}-{chain[0]}".strip("-").replace(":", "-")
            async with places:
                try:
                    return await survive(place, clock, nursery, chain, bug)
                except AssertionError as error:
                    return Survival(place, (), Verdict(wrong=[str(error)]))

        try:
            async with asyncio.TaskGroup() as tasks:
                runs = [tasks.create_task(one(chain, bug)) for chain, bug in worlds]
        finally:
            await nursery.close()
        return [task.result() for task in runs]

    with asyncio.Runner(loop_factory=clock.loop) as runner:
        rows = runner.run(run())
    pairs = zip(worlds, rows, strict=True)
    return {(point, bug): row for (chain, bug), row in pairs for point in chain}
