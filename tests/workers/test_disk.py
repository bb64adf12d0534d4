"""What can happen to the database: full, read-only, locked, deleted. MAX is never told of what is not stored."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge import OTHER, Bridge, running
from logged import Lines, logging_to
from maxbridge.core.errors import ExitCode, StoreError
from maxbridge.observe.status import Level, assess
from maxbridge.sim.faults import Faulty
from maxbridge.sim.wire import Request, Response
from store_world import set_pragma
from virtual_time import virtual


@pytest.fixture
def lines() -> Iterator[Lines]:
    yield from logging_to()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of sixteen megabytes, where this machine lets us have one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() != 0 or mount("-t", "tmpfs", "-o", "size=16m", "tmpfs", str(folder)):
        pytest.skip("no right to mount a file system")
    yield folder
    subprocess.run(["/bin/umount", str(folder)], check=True)


def mount(*arguments: str) -> int:
    """Mount; gives the exit code."""
    return subprocess.run(["/bin/mount", *arguments], check=False, capture_output=True).returncode


def words(bridge: Bridge, conversation_id: int = 1) -> list[str]:
    return bridge.words(conversation_id)


def told(lines: Lines, code: str) -> list[str]:
    """What the log advises about a failure, once for each loop that met it."""
    return [each["advice"] for each in lines.of("trouble") if each["error"] == code]


class Hindrance:
    """One way to keep the daemon from writing its database, and to let it again."""

    code = "store.error"
    says = ""

    def __init__(self, bridge: Bridge) -> None:
        assert bridge.journal is not None
        self.database = bridge.journal.db

    def begin(self) -> None:
        raise NotImplementedError

    def end(self) -> None:
        raise NotImplementedError


class Full(Hindrance):
    """No room for another page; what needs none still fits, as on a real disk."""

    code = "store.full"
    says = "free some space"

    def begin(self) -> None:
        set_pragma(self.database, "max_page_count", 1)

    def end(self) -> None:
        set_pragma(self.database, "max_page_count", 2**30)


class ReadOnly(Hindrance):
    code = "store.read_only"
    says = "can only be read"

    def begin(self) -> None:
        set_pragma(self.database, "query_only", 1)

    def end(self) -> None:
        set_pragma(self.database, "query_only", 0)


class Locked(Hindrance):
    """Another program, say a person with the sqlite3 shell, has begun to write and went to lunch."""

    code = "store.locked"
    says = "close it"

    def begin(self) -> None:
        set_pragma(self.database, "busy_timeout", 1)
        self._other = sqlite3.connect(self.database.path, isolation_level=None)
        self._other.execute("BEGIN IMMEDIATE")

    def end(self) -> None:
        self._other.execute("ROLLBACK")
        self._other.close()


HINDRANCES = pytest.mark.parametrize("kind", [Full, ReadOnly, Locked])
LONG = "слово " * 600


# --- while it cannot be written --------------------------------------------------------------------


@HINDRANCES
@virtual
async def test_max_is_not_told_of_what_cannot_be_stored(
    tmp_path: Path, lines: Lines, kind: type[Hindrance]
) -> None:
    async with running(tmp_path) as bridge:
        bridge.say("вопрос")
        await bridge.until(bridge.tickets)
        await asyncio.sleep(40)
        hindrance = kind(bridge)
        hindrance.begin()
        before = bridge.max.state.queue.acknowledged
        for number in range(20):
            bridge.say(f"{number} {LONG}")
        await asyncio.sleep(600)
        stored = words(bridge)
        assert bridge.max.state.queue.acknowledged - before <= len(stored) - 1
        assert len(stored) < 20
        codes = {each.record().error for each in bridge.daemon.board.loops.values()}  # type: ignore[union-attr]
        assert hindrance.code in codes
        assert hindrance.says in told(lines, hindrance.code)[0]
        hindrance.end()
        await bridge.until(lambda: len(words(bridge)) == 21, 900)
        assert [text.split()[0] for text in words(bridge)[1:]] == [str(n) for n in range(20)]


@HINDRANCES
@virtual
async def test_one_line_when_it_begins_and_one_when_it_ends(
    tmp_path: Path, lines: Lines, kind: type[Hindrance]
) -> None:
    async with running(tmp_path, poll_interval=60.0) as bridge:
        hindrance = kind(bridge)
        hindrance.begin()
        for number in range(20):
            bridge.say(f"{number} {LONG}")
        await asyncio.sleep(1200)
        hindrance.end()
        await asyncio.sleep(120)
        for loop in ("max_poller", "housekeeper"):
            began = [each for each in lines.of("trouble") if each["loop"] == loop]
            ended = [each for each in lines.of("trouble is over") if each["loop"] == loop]
            assert len(began) == len(ended) <= 1


@HINDRANCES
@virtual
async def test_a_call_that_was_made_but_not_written_down_is_not_repeated(
    tmp_path: Path, kind: type[Hindrance]
) -> None:
    """The database fails between the POST and its answer, in both directions."""
    async with running(tmp_path) as bridge:
        bridge.max.state.person(OTHER, "Олег")
        bridge.say("вопрос")
        await bridge.until(bridge.tickets)
        for line in (bridge.desk_line, bridge.max_line):
            hindrance = kind(bridge)
            trap = _Trap(line, hindrance)
            bridge.say("ещё вопрос")
            bridge.reply(1, "<div>ответ</div>")
            await bridge.until(lambda: trap.sprung, 60)  # noqa: B023
            await asyncio.sleep(300)
            hindrance.end()
            await bridge.quiet(900)
        assert words(bridge) == ["вопрос", "ещё вопрос", "ещё вопрос"]
        assert bridge.sent() == ["ответ", "ответ"]


class _Trap:
    """A line on whose first POST the database fails, after the work was done."""

    def __init__(self, line: Faulty, hindrance: Hindrance) -> None:
        self.sprung = False
        self._simulator = line.simulator
        self._hindrance = hindrance
        line.simulator = self

    async def handle(self, request: Request) -> Response:
        answer = await self._simulator.handle(request)
        if request.method == "POST" and not self.sprung:
            self.sprung = True
            self._hindrance.begin()
        return answer


@HINDRANCES
@virtual
async def test_status_does_not_say_ok(tmp_path: Path, kind: type[Hindrance]) -> None:
    # The daemon cannot write down that it is ill; that nothing is written any more says it.
    async with running(tmp_path) as bridge:
        await asyncio.sleep(60)
        hindrance = kind(bridge)
        hindrance.begin()
        for number in range(20):
            bridge.say(f"{number} {LONG}")
        await asyncio.sleep(300)
        assert bridge.journal is not None
        report = assess(
            bridge.journal.health.snapshot(), running=True, now=bridge.our_now(),
            free=0 if kind is Full else None,
        )  # fmt: skip
        assert report.level is not Level.OK
        hindrance.end()


# --- a real disk -----------------------------------------------------------------------------------


@virtual
async def test_a_real_disk_that_fills_up_loses_and_doubles_nothing(
    small_disk: Path, lines: Lines
) -> None:
    async with running(small_disk) as bridge:
        bridge.say("вопрос")
        await bridge.until(bridge.tickets)
        bridge.reply(1, "<div>ответ</div>")
        await bridge.until(bridge.sent)
        ballast = small_disk / "ballast"
        with contextlib.suppress(OSError), ballast.open("wb") as file:
            while True:
                file.write(bytes(4096))
                file.flush()
        for number in range(20):
            bridge.say(f"{number} {LONG}")
            bridge.reply(1, f"<div>ответ {number}</div>")
        await asyncio.sleep(900)
        assert bridge.max.state.queue.waiting()
        assert told(lines, "store.full")
        ballast.unlink()
        await asyncio.sleep(120)
        await bridge.quiet(1200)
        assert [text.split()[0] for text in words(bridge)[1:]] == [str(n) for n in range(20)]
        assert bridge.sent() == ["ответ", *(f"ответ {number}" for number in range(20))]


@virtual
async def test_a_start_on_a_full_disk_says_so(small_disk: Path) -> None:
    with contextlib.suppress(OSError), (small_disk / "ballast").open("wb") as file:
        while True:
            file.write(bytes(4096))
            file.flush()
    with pytest.raises(StoreError) as caught:
        Bridge(small_disk).start()
    assert caught.value.exit_code == ExitCode.CANT_CREATE
    assert "full" in str(caught.value) or "No space left" in str(caught.value)


@virtual
async def test_a_start_on_a_read_only_disk_says_so(small_disk: Path) -> None:
    bridge = Bridge(small_disk)
    bridge.start()
    await asyncio.sleep(1)
    await bridge.stop()
    assert mount("-o", "remount,ro", str(small_disk)) == 0
    with pytest.raises(StoreError) as caught:
        Bridge(small_disk).start()
    assert caught.value.exit_code == ExitCode.CANT_CREATE
    assert "is on a read-only file system" in str(caught.value)


# --- deleted, replaced -----------------------------------------------------------------------------


@pytest.mark.parametrize("replaced", [False, True])
@virtual
async def test_a_database_deleted_while_running_ends_the_daemon_before_max_is_told_more(
    tmp_path: Path, replaced: bool
) -> None:
    bridge = Bridge(tmp_path)
    bridge.start()
    await asyncio.sleep(1)
    bridge.say("вопрос")
    await bridge.until(bridge.tickets)
    await asyncio.sleep(3)
    path = bridge.settings.store.path
    before = bridge.max.state.queue.acknowledged
    if replaced:
        path.rename(path.with_suffix(".old"))
        path.touch()
    else:
        path.unlink()
    # The poll that hangs at MAX brings this one; it goes into a file that nobody can ever open.
    bridge.say("в никуда")
    error = await bridge.failed()
    assert isinstance(error, StoreError)
    assert error.exit_code == ExitCode.CANT_CREATE
    assert "was deleted or replaced while maxbridge ran" in str(error)
    assert bridge.max.state.queue.acknowledged == before
    assert len(bridge.max.state.queue.waiting()) == 1


@virtual
async def test_a_daemon_that_is_restarted_again_and_again_forgets_texts_in_time(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as bridge:
        bridge.say("старое")
        await bridge.until(lambda: bridge.tickets() == [1])
        await bridge.stop()
        await asyncio.sleep(8 * 86400.0)
        bridge.start()
        await asyncio.sleep(1200.0)  # it is stopped again before it has run for an hour
        assert bridge.journal is not None
        ((left,),) = bridge.journal.db.rows(
            "SELECT COUNT(*) FROM inbox WHERE payload IS NOT NULL", ()
        )
        assert left == 0
