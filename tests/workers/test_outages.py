"""Either end away for thirty hours, or both coming and going: nothing lost, nothing out of order."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from bisect import bisect_right
from itertools import pairwise
from pathlib import Path
from random import Random
from statistics import mean, median

import pytest

import maxbridge
from bridge import Bridge, running
from long_times import look_seldom, on_a_fast_disk
from maxbridge.core.delivery import Outcome
from maxbridge.core.parts import Part
from maxbridge.store.inbox import InboxTable
from maxbridge.store.outbox import OutboxTable
from virtual_time import virtual

HOUR = 3600.0
PEOPLE = range(600, 608)


@pytest.fixture(autouse=True)
def _seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    look_seldom(monkeypatch)


async def acquainted(bridge: Bridge) -> dict[int, int]:
    """Everybody has a ticket; gives it by user."""
    on_a_fast_disk(bridge)
    for user in PEOPLE:
        bridge.max.state.person(user, f"Имя {user}")
        bridge.say("знакомство", user)
    await bridge.until(lambda: len(bridge.tickets()) == len(PEOPLE), 300)
    await bridge.quiet(600)
    names = {
        number: bridge.desk.state.customers[ticket.customer_id or 0].first_name
        for number, ticket in bridge.desk.state.conversations.items()
    }
    return {user: next(n for n, name in names.items() if name == f"Имя {user}") for user in PEOPLE}


def words(bridge: Bridge, conversation_id: int) -> list[str]:
    """The customer's words in a ticket, in order."""
    return bridge.words(conversation_id)


def busiest_second(bridge: Bridge) -> int:
    """The most requests that MAX got within one second."""
    starts = sorted(each.at for each in bridge.max.requests)
    return max(bisect_right(starts, at + 0.999) - place for place, at in enumerate(starts))


def size(bridge: Bridge) -> int:
    """Bytes of the database; its log beside it stays at four megabytes, whatever happens."""
    assert bridge.journal is not None
    pages, each = (bridge.journal.db.pragma(name) for name in ("page_count", "page_size"))
    assert isinstance(pages, int)
    assert isinstance(each, int)
    return pages * each


def waiting(bridge: Bridge) -> tuple[int, int]:
    """How many items wait for the desk, and for MAX."""
    assert bridge.journal is not None
    return bridge.journal.inbox.depth().waiting, bridge.journal.outbox.depth().waiting


@virtual
async def test_thirty_hours_without_max(tmp_path: Path) -> None:
    """Agents go on answering; what they wrote leaves in order, the oldest first, at MAX's pace."""
    async with running(tmp_path, poll_interval=300.0) as bridge:
        tickets = await acquainted(bridge)
        bridge.break_max("refuse", times=None)
        answers: dict[int, list[str]] = {user: [] for user in PEOPLE}
        for number in range(10):
            for user in PEOPLE:
                answers[user].append(f"ответ {number}")
                bridge.reply(tickets[user], f"<div>ответ {number}</div>")
            await asyncio.sleep(3 * HOUR)
        assert waiting(bridge) == (0, 10 * len(PEOPLE))
        notes = [len(bridge.bodies(each, "note")) for each in tickets.values()]
        assert notes == [1] * len(PEOPLE)
        bridge.max.requests.clear()
        bridge.max_line.clear()
        await bridge.until(lambda: waiting(bridge) == (0, 0), 900)
        for user in PEOPLE:
            assert bridge.sent(user) == answers[user]
        assert not [each for each in bridge.max.requests if each.status == 429]
        assert busiest_second(bridge) <= 30
        # The oldest leave first, whosever they are; only a chat that was just tried waits a little.
        order = [
            each.json["text"] for each in bridge.max.requests
            if (each.method, each.path) == ("POST", "/messages")
        ]  # fmt: skip
        places = [
            mean(place for place, text in enumerate(order) if text == f"ответ {number}")
            for number in range(10)
        ]
        assert places == sorted(places)
        assert [len(bridge.bodies(each, "note")) for each in tickets.values()] == notes


@virtual
async def test_thirty_hours_without_the_desk(tmp_path: Path) -> None:
    """Customers go on writing: MAX keeps events for a day only, so all of them are taken in."""
    async with running(tmp_path, poll_interval=300.0) as bridge:
        tickets = await acquainted(bridge)
        bridge.break_desk("refuse", times=None)
        before = size(bridge)
        said: dict[int, list[str]] = {user: ["знакомство"] for user in PEOPLE}
        letters = 0
        for number in range(15):
            for user in PEOPLE:
                text = f"вопрос {number} {'слово ' * 50}".strip()
                letters += len(text.encode())
                said[user].append(text)
                bridge.say(text, user)
                await asyncio.sleep(1.0)
            await asyncio.sleep(2 * HOUR - len(PEOPLE))
        total = 15 * len(PEOPLE)
        assert waiting(bridge) == (total, 0)
        assert not bridge.max.state.queue.waiting(), "MAX was told that we have them"
        # Bounded by what customers wrote: JSON escapes Cyrillic threefold, plus a fixed part each.
        assert size(bridge) - before < 4 * letters + 4000 * total
        # By the poller once a minute at most, by the writer every five minutes at most; jitter halves.
        assert len(bridge.desk_line.injected) < 2 * 30 * (60 + 12)
        bridge.desk_line.clear()
        await bridge.until(lambda: waiting(bridge) == (0, 0), 1800)
        for user, ticket in tickets.items():
            assert words(bridge, ticket) == said[user]
        assert bridge.tickets() == sorted(tickets.values())


@virtual
async def test_everybodys_first_reply_goes_before_anybodys_second(tmp_path: Path) -> None:
    """More chats wait than are served at a time; each takes half a second a message."""
    async with running(tmp_path, poll_interval=300.0) as bridge:
        on_a_fast_disk(bridge)
        people = range(600, 630)
        for user in people:
            bridge.max.state.person(user, f"Имя {user}")
            bridge.max.state.start(user)
        await bridge.stop()
        bridge.start()
        assert bridge.journal is not None
        with bridge.journal.db.transaction():
            for number in range(4):
                for user in people:
                    bridge.journal.outbox.add(
                        f"{user}:{number}",
                        bridge.chat(user),
                        [Part(f"{number}")],
                        now=bridge.our_now(),
                    )
        await bridge.until(lambda: waiting(bridge) == (0, 0), 60)
        order = [
            each.json["text"] for each in bridge.max.requests
            if (each.method, each.path) == ("POST", "/messages")
        ]  # fmt: skip
        assert order == sorted(order)


@virtual
async def test_the_other_direction_works_while_one_end_is_away(tmp_path: Path) -> None:
    async with running(tmp_path, poll_interval=60.0) as bridge:
        tickets = await acquainted(bridge)
        user, ticket = next(iter(tickets.items()))
        bridge.break_max("refuse", method="POST", times=None)
        for number in range(5):
            bridge.say(f"{number}", user)
            await bridge.until(lambda: len(words(bridge, ticket)) == number + 2, 60)  # noqa: B023
            await asyncio.sleep(HOUR)
        bridge.max_line.clear()
        bridge.reply(ticket, "<div>ответ</div>")
        await bridge.until(lambda: bridge.sent(user), 600)
        bridge.break_desk("status", method="POST", status=500, times=None)
        for number in range(5):
            bridge.reply(ticket, f"<div>{number}</div>")
            await bridge.until(lambda: len(bridge.sent(user)) == number + 2, 120)  # noqa: B023
            await asyncio.sleep(HOUR)


@pytest.mark.parametrize("seed", range(2))
@virtual
async def test_both_ends_come_and_go_for_thirty_hours(tmp_path: Path, seed: int) -> None:
    chance = Random(seed)
    async with running(tmp_path, seed=seed, poll_interval=300.0) as bridge:
        tickets = await acquainted(bridge)
        said: dict[int, list[str]] = {user: ["знакомство"] for user in PEOPLE}
        answers: dict[int, list[str]] = {user: [] for user in PEOPLE}
        kinds = ["refuse", "drop_after", "drop_before", "html", "truncate"]
        for number in range(30):
            for line in (bridge.max_line, bridge.desk_line):
                line.clear()
            if chance.random() < 0.6:
                bridge.break_max(chance.choice(kinds), times=None)
            if chance.random() < 0.6:
                bridge.break_desk(chance.choice(kinds), times=None)
            for user in chance.sample(list(PEOPLE), 3):
                said[user].append(f"вопрос {number}")
                bridge.say(f"вопрос {number}", user)
                answers[user].append(f"ответ {number}")
                bridge.reply(tickets[user], f"<div>ответ {number}</div>")
            await asyncio.sleep(chance.random() * 7200)
        bridge.max_line.clear()
        bridge.desk_line.clear()
        await asyncio.sleep(1200)
        await bridge.quiet(3600)
        for user, ticket in tickets.items():
            assert words(bridge, ticket) == said[user]
            assert bridge.sent(user) == answers[user]
        # Two notes in one ticket are six hours apart: nobody is flooded.
        for ticket in tickets.values():
            made = sorted(
                each.created_at for each in bridge.desk.state.threads.values()
                if each.conversation_id == ticket and each.type == "note"
            )  # fmt: skip
            assert all(later - earlier > 2 * HOUR for earlier, later in pairwise(made))
        assert bridge.tickets() == sorted(tickets.values())
        assert not [each for each in bridge.max.requests if each.status == 429]


@virtual
async def test_memory_stays_flat_while_the_desk_is_away(tmp_path: Path) -> None:
    """What waits is in the database, not in the process."""
    async with running(tmp_path, poll_interval=300.0) as bridge:
        await acquainted(bridge)
        bridge.break_desk("refuse", times=None)
        long_text = "вопрос " * 560

        async def hours(count: int) -> None:
            for _ in range(count):
                for user in PEOPLE:
                    bridge.say(long_text, user)
                await asyncio.sleep(HOUR)

        await hours(2)
        tracemalloc.start()
        try:
            await hours(1)
            held = [_ours()]
            for _ in range(4):
                await hours(1)
                held.append(_ours())
        finally:
            tracemalloc.stop()
        # What is made once, whenever that is, grows one hour; what is kept of each message, all of them.
        grown = [later - earlier for earlier, later in pairwise(held)]
        written = len(PEOPLE) * len(long_text.encode())
        assert waiting(bridge)[0] == 7 * len(PEOPLE)
        assert median(grown) < written / 5, f"{grown} bytes for {written} written an hour"


def _ours() -> int:
    """Bytes that were allocated by the bridge itself, simulators aside."""
    gc.collect()
    package = Path(maxbridge.__file__).parent
    snapshot = tracemalloc.take_snapshot().filter_traces(
        [
            # By the package's own folder: a checkout is called maxbridge, too, and holds .venv.
            tracemalloc.Filter(inclusive=True, filename_pattern=f"{package}/*"),
            tracemalloc.Filter(inclusive=True, filename_pattern="*/peewee.py"),
            tracemalloc.Filter(inclusive=False, filename_pattern=f"{package}/sim/*"),
        ]
    )
    return sum(each.size for each in snapshot.statistics("filename"))


@pytest.mark.parametrize("loop_name", ["desk_writer", "max_sender"])
@virtual
async def test_when_what_failed_is_dropped_status_is_well_at_once(
    tmp_path: Path, loop_name: str
) -> None:
    # Nobody else writes: without this the trouble would stand there until the next message, for days.
    async with running(tmp_path) as bridge:
        bridge.say("раз")
        await bridge.until(bridge.tickets)
        bridge.break_desk("refuse", method="POST", times=None)
        bridge.break_max("refuse", method="POST", path="/messages", times=None)
        assert bridge.journal is not None
        assert bridge.daemon is not None
        queue: InboxTable | OutboxTable = bridge.journal.outbox
        if loop_name == "desk_writer":
            queue = bridge.journal.inbox
            bridge.say("два")
        else:
            bridge.reply(1, "<div>ответ</div>")
        loop = bridge.daemon.board.loop(loop_name)
        await bridge.until(lambda: loop.record().trouble_since)
        (failing,) = queue.waiting(None)

        def drop() -> bool:
            return queue.decide(failing.id, Outcome.DROP, error="x", now=bridge.our_now())

        await bridge.until(drop)
        await bridge.until(lambda: not loop.record().trouble_since, 20.0)
