"""What both ends are asked for: few light requests in quiet times, one heavy one for a reply, none too soon."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from random import Random
from statistics import median

import pytest

from bridge import SETTLED, Bridge, running
from logged import Lines, logging_to
from maxbridge.core.pace import ON_THE_WAY
from maxbridge.inbound.poller import MIN_DISTANCE
from maxbridge.observe.status import Level, assess
from maxbridge.sim.wire import Request, Response, Simulator
from virtual_time import virtual

REFUSED = {"code": "too.many.requests", "message": "Too many requests"}


class Shaky:
    """A way on which every request and every answer takes another time."""

    def __init__(self, inner: Simulator, rng: Random, most: float = ON_THE_WAY) -> None:
        self._inner = inner
        self._rng = rng
        self._most = most

    async def handle(self, request: Request) -> Response:
        await asyncio.sleep(self._rng.uniform(0.0, self._most))
        answer = await self._inner.handle(request)
        await asyncio.sleep(self._rng.uniform(0.0, self._most))
        return answer


LIST, TICKET = "/api/conversations", "/api/conversations/1"


def asked(bridge: Bridge, path: str) -> int:
    """How often the desk was asked for this path since the last time; the list remembers so many."""
    count = sum(each.method == "GET" and each.path == path for each in bridge.desk.requests)
    bridge.desk.requests.clear()
    return count


@virtual
async def test_a_reply_costs_one_reading_of_its_ticket(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        bridge.say("вопрос")
        await bridge.until(bridge.tickets)
        await bridge.quiet()
        asked(bridge, TICKET)
        bridge.reply(1, "<div>ответ</div>")
        await bridge.quiet()
        assert bridge.sent() == ["ответ"]
        await asyncio.sleep(120)
        assert asked(bridge, TICKET) <= 2


@virtual
async def test_a_quiet_desk_is_asked_every_fifteen_seconds(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        bridge.say("вопрос")
        await bridge.until(bridge.tickets)
        await asyncio.sleep(700)
        polls = 0
        for _ in range(12):
            asked(bridge, LIST)
            await asyncio.sleep(300)
            polls += asked(bridge, LIST)
        assert polls in range(238, 246)


@virtual
async def test_a_reply_after_a_quiet_night_leaves_when_its_window_ends(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        bridge.say("вопрос")
        await bridge.until(bridge.tickets)
        for pause in (3600.0, 3603.7, 3611.2):
            await asyncio.sleep(pause)
            sent = len(bridge.sent())
            bridge.reply(1, f"<div>ответ {pause}</div>")
            started = asyncio.get_running_loop().time()
            await bridge.until(lambda sent=sent: len(bridge.sent()) > sent, step=0.01)  # type: ignore[misc]
            assert asyncio.get_running_loop().time() - started < 18.2


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("rest", [(20.0, 100.0), (700.0, 1200.0)], ids=["busy", "quiet"])
@virtual
async def test_a_reply_leaves_as_its_window_ends_and_its_ticket_is_read_once(
    tmp_path: Path, rest: tuple[float, float], seed: int
) -> None:
    """Agents write at any moment, and each call takes its time: the header's whole seconds cost none."""
    rng = Random(seed)
    late: list[float] = []
    readings = 0
    async with running(tmp_path, seed=seed) as bridge:
        bridge.desk_line.simulator = Shaky(bridge.desk, rng, most=0.06)
        bridge.say("вопрос")
        await bridge.until(bridge.tickets)
        await bridge.quiet()
        for number in range(15):
            await asyncio.sleep(rng.uniform(*rest))
            asked(bridge, TICKET)
            thread = bridge.reply(1, f"<div>ответ {number}</div>")
            await bridge.until(lambda number=number: len(bridge.sent()) > number, step=0.01)  # type: ignore[misc]
            ended = bridge.desk.state.threads[thread].created_at + SETTLED
            late.append(bridge.clock.now() - ended)
            await asyncio.sleep(10)
            readings += asked(bridge, TICKET)
        await asyncio.sleep(700)
        asked(bridge, LIST)
        await asyncio.sleep(300)
        idle = asked(bridge, LIST)
    assert min(late) > 0
    assert median(late) < 0.5
    assert max(late) < 1.0
    assert readings <= 18
    assert idle in range(19, 22)


# --- MAX: at most two polls a second, where they arrive ---------------------------------------------


@pytest.fixture
def lines() -> Iterator[Lines]:
    yield from logging_to()


@pytest.mark.parametrize("seed", range(5))
@virtual
async def test_a_lone_bridge_is_never_asked_to_slow_down(tmp_path: Path, seed: int) -> None:
    rng = Random(seed)
    bridge = Bridge(tmp_path, seed=seed, first_start="new")
    bridge.max_line.simulator = Shaky(bridge.max, rng)
    said = 0
    for _ in range(3):
        bridge.start()
        for _ in range(60):
            await asyncio.sleep(rng.choice([0.05, 0.3, 0.6, 1.5]))
            bridge.say(f"{said}")
            said += 1
        await bridge.quiet()
        await bridge.stop()
    polls = bridge.max.starts("/updates")
    assert len(polls) > 100
    assert not [each for each in bridge.max.requests if each.status == 429]
    # What was said before the first poll was answered is told by the history (contract max.md 1).
    assert sorted(map(int, bridge.words())) == list(range(said))


@pytest.mark.parametrize("regular", [True, False])
@virtual
async def test_a_message_a_second_waits_for_no_poll(tmp_path: Path, *, regular: bool) -> None:
    """What comes sooner after another one waits for MAX's half second, and for nothing else."""
    rng = Random(1)
    loop = asyncio.get_running_loop()
    said: list[float] = []
    arrived: list[float] = []
    async with running(tmp_path, first_start="new") as bridge:
        await asyncio.sleep(2)
        bridge.desk.on_change = lambda _event: arrived.append(loop.time())
        for user in range(700, 740):
            bridge.max.state.person(user, "Имя")
            said.append(loop.time())
            # Each opens a ticket: FreeScout's second between two threads of one is not asked for.
            bridge.say("вопрос", user)
            await asyncio.sleep(1.0 if regular else rng.expovariate(1.0))
        await bridge.quiet()
    late = [there - then for then, there in zip(said, arrived, strict=True)]
    assert max(late) < (0.05 if regular else MIN_DISTANCE + 0.05)


@virtual
async def test_the_first_429_is_no_trouble_and_the_third_is_over_in_a_moment(
    tmp_path: Path, lines: Lines
) -> None:
    async with running(tmp_path) as bridge:

        def judged() -> Level:
            assert bridge.journal is not None
            return assess(
                bridge.journal.health.snapshot(), running=True, now=bridge.our_now()
            ).level

        await asyncio.sleep(60)
        for times, level in ((1, Level.OK), (3, Level.DEGRADED)):
            bridge.break_max("status", path="/updates", status=429, body=REFUSED, times=times)
            seen = set()
            for _ in range(400):
                await asyncio.sleep(0.1)
                seen.add(judged())
            assert max(seen) == level
            assert len(lines.of("trouble")) == (level is not Level.OK)
        (over,) = lines.of("trouble is over")
        assert over["seconds"] < 10
        assert judged() is Level.OK
        bridge.say("вопрос")
        await bridge.until(bridge.tickets, 5)


def listed(bridge: Bridge) -> tuple[int, int]:
    """How often the list of changes was asked for since the last time, and how many rows it was asked for."""
    sizes = [
        int(each.query.get("pageSize", "50"))
        for each in bridge.desk.requests
        if each.method == "GET" and each.path == LIST and "updatedSince" in each.query
    ]
    bridge.desk.requests.clear()
    return len(sizes), sum(sizes)


def bulk_close(bridge: Bridge, numbers: range) -> None:
    for number in numbers:
        conversation = bridge.desk.state.conversations[number]
        bridge.desk.state.set_status(
            number, "active" if conversation.status == "closed" else "closed"
        )


@pytest.mark.parametrize("count", [300, 1200])
@virtual
async def test_a_bulk_change_of_others_tickets_is_walked_once(tmp_path: Path, count: int) -> None:
    async with running(tmp_path) as bridge:
        bridge.say("вопрос")
        await bridge.until(bridge.tickets)
        first = bridge.desk.state.new_conversation("<div>чужое</div>")
        for _ in range(count - 1):
            bridge.desk.state.new_conversation("<div>чужое</div>")
        await asyncio.sleep(200)
        others = range(first, first + count)
        bulk_close(bridge, others)
        await asyncio.sleep(12)
        _, rows_first = listed(bridge)
        assert rows_first >= count
        # In what is left of the overlap only what is new is listed, and the bulk is counted.
        await asyncio.sleep(60)
        _, rows = listed(bridge)
        assert rows < 12 * 250
        assert rows < 6 * rows_first

        # A reply among it is noticed all the same, and so is one that is committed late.
        bulk_close(bridge, others)
        await asyncio.sleep(12)
        thread = bridge.reply(1, "<div>поздно записан</div>")
        state = bridge.desk.state
        late = state.conversations[others[count // 2]].updated_at
        state.conversations[1].updated_at = state.conversations[1].user_updated_at = late
        state.threads[thread].created_at = late
        await bridge.until(lambda: "поздно записан" in bridge.sent(), 45)
