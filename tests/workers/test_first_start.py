"""The first start: ``[max] first_start`` says what becomes of what was written before it.

What was written when is judged by MAX's clock and by the time of each event: not by when the first poll is
answered, nor by our clock.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bridge import OTHER, Bridge
from logged import Lines, logging_to
from maxbridge import daemon
from maxbridge.core.errors import ConfigError
from maxbridge.core.plan_backfill import TOLERANCE
from maxbridge.engine.watch import Notifier
from maxbridge.max.transport import Timing
from maxbridge.store.store import Store
from notified import Manager
from virtual_time import virtual

BACKLOG = 250
"""More than two pages of MAX's answers."""

HOUR = 3600.0


@pytest.fixture
def lines() -> Iterator[Lines]:
    yield from logging_to()


async def with_backlog(folder: Path, first_start: str) -> Bridge:
    """A bridge that was never started, at a bot that got messages before."""
    bridge = Bridge(folder, first_start=first_start)
    bridge.max.no_marker = "all"
    for number in range(BACKLOG):
        bridge.say(f"старое {number}")
    await asyncio.sleep(60)
    return bridge


def words(bridge: Bridge) -> list[str]:
    """What customers wrote and the desk has, in order."""
    return [line for ticket in bridge.tickets() for line in bridge.words(ticket)]


OLD = [f"старое {number}" for number in range(BACKLOG)]


@pytest.mark.parametrize(
    ("first_start", "delivered"), [("new", ["новое"]), ("all", [*OLD, "новое"])]
)
@virtual
async def test_new_leaves_the_backlog_alone_and_all_delivers_it(
    tmp_path: Path, first_start: str, delivered: list[str]
) -> None:
    bridge = await with_backlog(tmp_path, first_start)
    bridge.start()
    await asyncio.sleep(10)
    bridge.say("новое")
    await bridge.quiet(900)
    assert words(bridge) == delivered
    # What is passed over is kept for a while: nothing is thrown away unseen.
    assert bridge.journal is not None
    assert bridge.journal.db.tables.inbox.select().count() == BACKLOG + 1
    await bridge.stop()


@virtual
async def test_killed_while_passing_over_the_backlog_it_goes_on_passing_it_over(
    tmp_path: Path,
) -> None:
    bridge = await with_backlog(tmp_path, "new")
    bridge.start()
    await bridge.until(lambda: len(bridge.max.starts("/updates")) == 2, 10, step=0.01)
    await bridge.kill()
    assert bridge.max.state.queue.waiting()
    bridge.start()
    await asyncio.sleep(10)
    bridge.say("новое")
    await bridge.quiet()
    assert words(bridge) == ["новое"]
    await bridge.stop()


@pytest.mark.parametrize("then", ["new", "all"])
@virtual
async def test_it_concerns_the_first_start_alone(tmp_path: Path, then: str) -> None:
    bridge = Bridge(tmp_path, first_start="new")
    bridge.start()
    await asyncio.sleep(5)
    await bridge.stop()
    bridge.say("пока моста нет")
    await asyncio.sleep(3600)
    bridge.settings = Bridge(tmp_path, first_start=then).settings
    bridge.start()
    await bridge.quiet()
    assert words(bridge) == ["пока моста нет"]
    await bridge.stop()


@virtual
async def test_max_that_is_away_at_the_first_start_makes_no_difference(tmp_path: Path) -> None:
    bridge = await with_backlog(tmp_path, "new")
    bridge.break_max("refuse", path="/updates", times=10)
    bridge.start()
    await bridge.until(lambda: bridge.journal and bridge.journal.inbox.marker(), 900)
    await asyncio.sleep(10)
    bridge.say("новое")
    await bridge.quiet()
    assert words(bridge) == ["новое"]
    await bridge.stop()


@virtual
async def test_all_takes_what_max_gives(tmp_path: Path) -> None:
    # Since May 2026 a poll without a marker is said to bring the latest event only (contract max.md 1).
    bridge = await with_backlog(tmp_path, "all")
    bridge.max.no_marker = "latest"
    bridge.start()
    await asyncio.sleep(5)
    bridge.say("новое")
    await bridge.quiet()
    assert words(bridge) == [OLD[-1], "новое"]
    await bridge.stop()


@pytest.mark.parametrize("backlog", [0, BACKLOG])
@virtual
async def test_what_is_written_after_the_start_is_complete_is_new(
    tmp_path: Path, backlog: int
) -> None:
    # Whoever sees systemctl come back takes his telephone and tries it.
    manager = Manager(tmp_path / "notify")
    bridge = Bridge(tmp_path, first_start="new")
    if backlog:
        bridge = await with_backlog(tmp_path, "new")
    bridge.notifier = Notifier(manager.address)
    bridge.break_max("refuse", path="/updates", times=1)
    bridge.start()
    try:
        await bridge.until(lambda: manager.count("READY"), 60, step=0.001)
        bridge.say("новое")
        await bridge.quiet()
        assert words(bridge) == ["новое"]
        assert manager.count("READY") == 1
        await bridge.stop()
    finally:
        manager.close()


# --- the moment of the start ------------------------------------------------------------------------


@pytest.mark.parametrize("skew", [0.0, HOUR, -HOUR])
@pytest.mark.parametrize("kind", ["stall_before", "stall_after"])
@pytest.mark.parametrize("late", [0.0, 0.2, 3.0])
@virtual
async def test_what_is_written_while_the_first_poll_is_on_its_way_is_new(
    tmp_path: Path, late: float, kind: str, skew: float
) -> None:
    bridge = await with_backlog(tmp_path, "new")
    bridge.max_skew = skew
    bridge.max.state.person(OTHER, "Олег")
    await asyncio.sleep(2 * HOUR)  # what came before came before by that clock, too
    bridge.say("до запуска")
    bridge.say("и Олег до запуска", OTHER)
    await asyncio.sleep(20)
    bridge.break_max(kind, path="/updates", seconds=late)
    bridge.start()
    bridge.say("в самый миг")
    await asyncio.sleep(late / 2 + 0.01)
    bridge.say("во время")
    bridge.say("и Олег", OTHER)
    await asyncio.sleep(late + 0.01)
    bridge.say("после")
    await bridge.quiet()
    assert words(bridge) == ["в самый миг", "во время", "после", "и Олег"]
    await bridge.stop()


@pytest.mark.parametrize("skew", [HOUR, -HOUR, 30 * 24 * HOUR])
@virtual
async def test_our_own_clock_does_not_matter(tmp_path: Path, skew: float) -> None:
    bridge = Bridge(tmp_path, first_start="new", our_skew=skew)
    bridge.max.no_marker = "all"
    bridge.say("до запуска")
    await asyncio.sleep(20)
    bridge.break_max("stall_before", path="/updates", seconds=3)
    bridge.start()
    await asyncio.sleep(1)
    bridge.say("во время")
    await bridge.quiet()
    assert words(bridge) == ["во время"]
    await bridge.stop()


@virtual
async def test_of_two_messages_before_the_first_poll_max_tells_one_and_the_history_the_other(
    tmp_path: Path,
) -> None:
    # Without a marker MAX gives the latest event only (contract max.md 1).
    bridge = Bridge(tmp_path, first_start="new")
    bridge.say("до запуска")
    await asyncio.sleep(20)
    bridge.break_max("stall_before", path="/updates", seconds=3)
    bridge.start()
    for word in ("раз", "два", "три"):
        await asyncio.sleep(0.5)
        bridge.say(word)
    await bridge.quiet()
    assert words(bridge) == ["раз", "два", "три"]
    await bridge.stop()


@virtual
async def test_a_history_that_cannot_be_read_holds_nothing_up_and_is_read_later(
    tmp_path: Path,
) -> None:
    bridge = Bridge(tmp_path, first_start="new")
    bridge.break_max("stall_before", path="/updates", seconds=3)
    bridge.break_max("status", path="/messages", method="GET", status=500, times=12)
    bridge.start()
    for word in ("раз", "два"):
        await asyncio.sleep(0.5)
        bridge.say(word)
    await bridge.until(lambda: words(bridge), 60)
    await bridge.until(lambda: len(words(bridge)) == 2, 3 * HOUR, step=5)
    assert sorted(words(bridge)) == ["два", "раз"]
    await bridge.stop()


@pytest.mark.parametrize(
    ("timestamp", "delivered"),
    [
        (lambda _: None, True),
        (lambda _: "gestern", True),
        (int, True),  # in seconds
        (lambda at: int(at - 60), False),
        (lambda at: int(at * 1000) - 60_000, False),
        (lambda at: int((at - TOLERANCE) * 1000) + 1, True),
    ],
)
@virtual
async def test_an_event_that_does_not_tell_its_time_is_new(
    tmp_path: Path, timestamp: Any, delivered: bool
) -> None:
    bridge = Bridge(tmp_path, first_start="new")
    bridge.max.no_marker = "all"
    bridge.say("первое")
    event = bridge.max.state.queue.waiting()[0]
    when = timestamp(bridge.clock.now() + 20)
    event["timestamp"] = event["message"]["timestamp"] = when
    if when is None:
        del event["timestamp"], event["message"]["timestamp"]
    await asyncio.sleep(20)
    bridge.start()
    await bridge.quiet()
    assert words(bridge) == (["первое"] if delivered else [])
    await bridge.stop()


@virtual
async def test_where_max_does_not_tell_its_time_ours_counts(
    tmp_path: Path, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Timing, "heard", lambda *_: None)
    bridge = await with_backlog(tmp_path, "new")
    bridge.start()
    bridge.break_max("stall_before", path="/updates", seconds=3)
    await asyncio.sleep(1)
    bridge.say("во время")
    await bridge.quiet()
    assert words(bridge) == ["во время"]
    assert len(lines.of("MAX does not tell its time; the first start goes by our clock")) == 1
    await bridge.stop()


@virtual
async def test_loading_the_program_is_a_part_of_the_start(tmp_path: Path) -> None:
    bridge = await with_backlog(tmp_path, "new")
    bridge.say("пока программа загружается")
    await asyncio.sleep(8)
    bridge.lead = 8.5
    bridge.start()
    await bridge.quiet()
    assert words(bridge) == ["пока программа загружается"]
    await bridge.stop()


def test_how_long_the_process_has_been_running_is_known() -> None:
    script = (
        "import time; time.sleep(0.5)\n"
        "from maxbridge.daemon import process_age\n"
        "print(process_age(), time.clock_gettime(time.CLOCK_PROCESS_CPUTIME_ID))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    age, cpu = map(float, done.stdout.split())
    assert age >= 0.5 + cpu / 2


@pytest.mark.parametrize(
    ("age", "believed"), [(0.0, 0.0), (59.0, 59.0), (61.0, 0.0), (-5.0, 0.0), (1e9, 0.0)]
)
def test_what_is_too_long_was_no_start(
    age: float, believed: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A test, say, or a program that runs the daemon among other things.
    words = Path("/proc/self/stat").read_text(encoding="ascii", errors="replace")
    started = int(words.rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
    monkeypatch.setattr(time, "clock_gettime", lambda _: started + age)
    assert daemon.process_age() == pytest.approx(believed, abs=0.01)


# --- a start that takes several runs ----------------------------------------------------------------


@pytest.mark.parametrize("path", ["*", "/updates"])
@pytest.mark.parametrize("end", ["kill", "stop"])
@virtual
async def test_what_comes_between_the_first_start_and_the_first_poll_survives_a_restart(
    tmp_path: Path, path: str, end: str
) -> None:
    bridge = await with_backlog(tmp_path, "new")
    bridge.break_max("status", path=path, status=503, times=None)
    bridge.start()
    await asyncio.sleep(90)
    bridge.say("мост ждёт MAX")
    await asyncio.sleep(90)
    await getattr(bridge, end)()
    await asyncio.sleep(300)
    bridge.say("моста нет")
    await asyncio.sleep(300)
    bridge.start()
    await asyncio.sleep(120)
    bridge.say("снова ждёт")
    bridge.max_line.clear()
    await bridge.until(lambda: len(words(bridge)) == 3, 300)
    assert words(bridge) == ["мост ждёт MAX", "моста нет", "снова ждёт"]
    await bridge.stop()


@virtual
async def test_after_a_start_that_only_a_wrong_clock_has_seen_nothing_is_lost(
    tmp_path: Path,
) -> None:
    # A board without a clock of its own: it starts in the past or in the future, and its time is set later.
    bridge = Bridge(tmp_path, first_start="new", our_skew=5 * 24 * HOUR)
    bridge.max.no_marker = "all"
    bridge.break_max("refuse", times=None)
    bridge.start()
    await asyncio.sleep(60)
    bridge.say("ждёт")
    await bridge.kill()
    bridge.our_skew = 0.0
    bridge.max_line.clear()
    await asyncio.sleep(600)
    bridge.start()
    await bridge.quiet()
    assert words(bridge) == ["ждёт"]
    await bridge.stop()


@virtual
async def test_a_start_that_was_refused_is_none(tmp_path: Path) -> None:
    bridge = Bridge(tmp_path, first_start="new")
    bridge.max.no_marker = "all"
    bridge.max.state.subscribe("https://old.example/hook", None)
    bridge.start()
    assert isinstance(await bridge.failed(), ConfigError)
    bridge.max.state.unsubscribe("https://old.example/hook")
    bridge.say("старая программа ещё отвечает")
    await asyncio.sleep(600)
    bridge.start()
    await asyncio.sleep(1)
    bridge.say("новое")
    await bridge.quiet()
    assert words(bridge) == ["новое"]
    await bridge.stop()


@virtual
async def test_an_update_amid_the_first_start_begins_it_anew(tmp_path: Path) -> None:
    # A database of the version before, killed while it passed over the backlog, knows no moment.
    bridge = await with_backlog(tmp_path, "new")
    journal = Store(bridge.settings.store.path)
    journal.meta.set_flag("started", value=True)
    journal.meta.set_flag("skip_backlog", value=True)
    journal.close()
    bridge.start()
    await asyncio.sleep(0.01)
    bridge.say("новое")
    await bridge.quiet()
    assert words(bridge) == ["новое"]
    await bridge.stop()


@virtual
async def test_what_was_passed_over_is_said_once(tmp_path: Path, lines: Lines) -> None:
    bridge = await with_backlog(tmp_path, "new")
    bridge.start()
    await asyncio.sleep(60)
    bridge.say("новое")
    await bridge.quiet()
    await bridge.stop()
    bridge.start()
    await asyncio.sleep(60)
    await bridge.stop()
    said = lines.of("first start: what was written before is not delivered")
    assert [each["told_by_max"] for each in said] == [BACKLOG]


# --- what "live" means ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("end", "path", "loop"),
    [("max", "/updates", "max_poller"), ("desk", "/api/conversations", "desk_poller")],
)
@virtual
async def test_a_loop_that_has_not_polled_has_not_succeeded(
    tmp_path: Path, end: str, path: str, loop: str
) -> None:
    # GET /me, the mailboxes and the users were answered: that is not what the loop is for.
    manager = Manager(tmp_path / "notify")
    bridge = Bridge(tmp_path, first_start="new")
    bridge.notifier = Notifier(manager.address)
    getattr(bridge, f"break_{end}")("stall_after", path=path, method="GET", seconds=20)
    bridge.start()
    try:
        await asyncio.sleep(19)
        assert bridge.daemon is not None
        assert bridge.journal is not None
        before = bridge.daemon.board.loop(loop).record()
        assert before.success_at is None
        assert before.trouble_since is None
        assert (manager.count("READY"), bridge.daemon.watch.ready) == (0, False)
        await asyncio.sleep(2)
        assert bridge.daemon.board.loop(loop).record().success_at is not None
        assert (manager.count("READY"), bridge.daemon.watch.ready) == (1, True)
        stored = {each.name: each.success_at for each in bridge.journal.health.snapshot().loops}
        assert stored[loop] is not None
        await bridge.stop()
    finally:
        manager.close()


@pytest.mark.parametrize("backlog", [0, BACKLOG])
@virtual
async def test_a_start_is_complete_at_once_even_when_nobody_writes(
    tmp_path: Path, backlog: int
) -> None:
    bridge = Bridge(tmp_path, first_start="new")
    if backlog:
        bridge = await with_backlog(tmp_path, "new")
    for _ in range(2):
        bridge.start()
        await asyncio.sleep(0.5)
        assert bridge.daemon is not None
        assert bridge.daemon.watch.ready
        await bridge.stop()


@virtual
async def test_all_that_is_written_while_it_starts_arrives_where_nothing_is_passed_over(
    tmp_path: Path,
) -> None:
    """What waits in MAX is what MAX gives: the latest event (contract max.md 1)."""
    bridge = Bridge(tmp_path, first_start="all")
    bridge.max.no_marker = "latest"
    bridge.say("позавчера")
    await asyncio.sleep(48 * HOUR)
    bridge.start()
    for word in ("раз", "два"):
        bridge.say(word)
    await bridge.quiet()
    assert words(bridge) == ["раз", "два"]
    await bridge.stop()
