"""Nobody waits for somebody else (case A2): slow files and calls that hang, one table for both directions.

In each kind of trouble the texts of customers, and the plain replies of agents, whom it does not concern pass
within two seconds; and whom it does concern is helped in the end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from bridge import Bridge, running
from file_samples import JPEG
from logged import Lines, logging_to
from maxbridge.core.errors import Failure, HostTrouble, Kind, Scope
from maxbridge.core.retry import RetryPolicy
from maxbridge.engine.gate import Gate
from maxbridge.engine.pool import MOST_CALLS, MOST_TRANSFERS, Lane, LaneFullError
from maxbridge.observe.health import Board, Loop
from maxbridge.observe.status import Level, assess
from maxbridge.outbound.look_ups import SlowCalls
from maxbridge.sim.faults import Fault
from maxbridge.store.snapshot import Snapshot
from virtual_time import virtual

MINUTE = 60.0
HOUR = 3600.0
SOON = 2.0
"""Seconds within which whoever is in no trouble is served; the desk's undo window and polls come on top."""
FOR_EVER = 1e6


@dataclass(frozen=True)
class Trouble:
    """Something that is wrong, for whom, and what the people concerned do.

    Attributes:
        spoil: Breaks it.
        act: What one person concerned does; gets a customer's number and ticket.
        many: How many of them there are.
    """

    spoil: Callable[[Bridge], None]
    act: Callable[[Bridge, int, int], None]
    many: int = 12


def stalls(path: str, method: str, *, at_max: bool = True) -> Callable[[Bridge], None]:
    """A service that accepts a call and never answers."""

    def spoil(bridge: Bridge) -> None:
        line = bridge.max_line if at_max else bridge.desk_line
        line.add(Fault("stall_before", method=method, path=path, times=None, seconds=FOR_EVER))

    return spoil


def stalls_for(few: int, *, at_max: bool) -> Callable[[Bridge], None]:
    """The same for the first so many chats, or tickets, alone."""

    def spoil(bridge: Bridge) -> None:
        for number in range(few):
            if at_max:
                query = {"chat_id": str(bridge.chat(500 + number))}
                bridge.break_max(
                    "stall_before", method="POST", path="/messages", query=query, times=None,
                    seconds=FOR_EVER,
                )  # fmt: skip
            else:
                path = f"/api/conversations/{number + 1}/threads"
                bridge.break_desk(
                    "stall_before", method="POST", path=path, times=None, seconds=FOR_EVER
                )

    return spoil


def readings_stall(few: int) -> Callable[[Bridge], None]:
    """A desk that does not give the first so many tickets."""

    def spoil(bridge: Bridge) -> None:
        for number in range(few):
            path = f"/api/conversations/{number + 1}"
            bridge.break_desk("stall_before", method="GET", path=path, times=None, seconds=FOR_EVER)

    return spoil


def drips(path: str, method: str) -> Callable[[Bridge], None]:
    """A storage that gives three kilobytes a second."""

    def spoil(bridge: Bridge) -> None:
        bridge.break_max("drip", method=method, path=path, times=None, rate=3000.0)

    return spoil


def big_picture(bridge: Bridge, user: int, _ticket: int) -> None:
    content = JPEG + bytes(3_000_000)
    bridge.say("вот", user, attachments=[bridge.max.state.attach("image", content, "")])


def picture(bridge: Bridge, user: int, _ticket: int) -> None:
    bridge.say("вот", user, attachments=[bridge.max.state.attach("image", JPEG, "")])


def text(bridge: Bridge, user: int, _ticket: int) -> None:
    bridge.say("вопрос", user)


def reply_with_file(bridge: Bridge, _user: int, ticket: int) -> None:
    bridge.reply(ticket, "<div>вот</div>", attachments=[("a.jpg", "image/jpeg", JPEG)])


def plain_reply(bridge: Bridge, _user: int, ticket: int) -> None:
    bridge.reply(ticket, "<div>ответ</div>")


TROUBLES = {
    "downloads from MAX drip": Trouble(drips("/cdn/get", "GET"), big_picture, many=4),
    "downloads from MAX hang": Trouble(stalls("/cdn/get", "GET"), picture),
    "uploads to MAX hang": Trouble(stalls("/cdn/upload", "POST"), reply_with_file),
    "slots for uploads hang": Trouble(stalls("/uploads", "POST"), reply_with_file),
    "downloads from the desk hang": Trouble(
        stalls("/storage/attachment/*", "GET", at_max=False), reply_with_file
    ),
    "posts to twelve tickets hang": Trouble(stalls_for(12, at_max=False), text),
    "readings of six tickets hang": Trouble(readings_stall(6), plain_reply, many=6),
    "sends to twelve chats hang": Trouble(stalls_for(12, at_max=True), plain_reply),
}


async def people(bridge: Bridge, many: int) -> dict[int, int]:
    """Customers 500, 501, … with a ticket each, numbered 1, 2, …"""
    users = {}
    for number in range(many):
        user = 500 + number
        bridge.max.state.person(user, f"Имя{number}")
        bridge.say("здравствуйте", user)
        await bridge.until(lambda: len(bridge.tickets()) == number + 1)  # noqa: B023
        users[user] = number + 1
    return users


@pytest.mark.parametrize("kind", TROUBLES)
@virtual
async def test_texts_and_plain_replies_of_others_pass_within_two_seconds(
    tmp_path: Path, kind: str
) -> None:
    trouble = TROUBLES[kind]
    async with running(tmp_path, undo_window=0.0, poll_interval=0.5) as bridge:
        users = await people(bridge, trouble.many + 2)
        *ill, (writer, _), (reader, ticket) = users.items()
        trouble.spoil(bridge)
        for user, number in ill:
            trouble.act(bridge, user, number)
        clock = asyncio.get_running_loop().time
        worst = {"text": 0.0, "reply": 0.0}
        for turn in range(12):
            began = clock()
            bridge.say(f"текст {turn}.", writer)
            bridge.reply(ticket, f"<div>ответ {turn}.</div>")
            await bridge.until(lambda: f"текст {turn}." in said(bridge, users[writer]), HOUR)  # noqa: B023
            worst["text"] = max(worst["text"], clock() - began)
            # The desk shows a reply's time to the second, so it is read a second later.
            await bridge.until(lambda: f"ответ {turn}." in bridge.sent(reader), HOUR)  # noqa: B023
            worst["reply"] = max(worst["reply"], clock() - began - QUIET_REPLY)
            await asyncio.sleep(10.0)
        assert {name: seconds for name, seconds in worst.items() if seconds > SOON} == {}


@dataclass(frozen=True)
class Silence:
    """A storage that does not do its work.

    Attributes:
        way: What is wrong with it.
        spoil: Breaks it.
        act: What a customer or an agent does.
        arrived: Is the file where it should be?
        left_behind: Is what came of it instead there?
    """

    way: str
    spoil: Callable[[Bridge], None]
    act: Callable[[Bridge, int, int], None]
    arrived: Callable[[Bridge, int, int], bool]
    left_behind: Callable[[Bridge, int, int], bool]


def in_ticket(bridge: Bridge, _user: int, _ticket: int) -> bool:
    return any(each.data.startswith(JPEG) for each in bridge.desk.state.attachments.values())


def at_customer(bridge: Bridge, user: int, _ticket: int) -> bool:
    return any(each["body"].get("attachments") for each in bridge.max.state.sent(bridge.chat(user)))


def link_in_ticket(bridge: Bridge, _user: int, ticket: int) -> bool:
    return "/cdn/get?" in said(bridge, ticket)


def note(bridge: Bridge, _user: int, ticket: int) -> bool:
    return "хранилище файлов не отвечает" in " ".join(bridge.bodies(ticket, "note"))


SILENCES = {
    "downloads from MAX": Silence(
        "downloads", stalls("/cdn/get", "GET"), picture, in_ticket, link_in_ticket
    ),
    "downloads from MAX that drip": Silence(
        "downloads", drips("/cdn/get", "GET"), big_picture, in_ticket, link_in_ticket
    ),
    "uploads to MAX": Silence(
        "uploads", stalls("/cdn/upload", "POST"), reply_with_file, at_customer, note
    ),
    "downloads from the desk": Silence(
        "downloads",
        stalls("/storage/attachment/*", "GET", at_max=False),
        reply_with_file,
        at_customer,
        note,
    ),
}


@pytest.fixture
def lines() -> Iterator[Lines]:
    yield from logging_to()


@pytest.mark.parametrize("kind", SILENCES)
@virtual
async def test_a_storage_that_is_silent_is_named_and_its_files_do_not_wait_for_ever(
    tmp_path: Path, kind: str, lines: Lines
) -> None:
    silence = SILENCES[kind]
    async with running(tmp_path, undo_window=0.0, poll_interval=0.5) as bridge:
        users = await people(bridge, 5)
        silence.spoil(bridge)
        for user, number in list(users.items())[:3]:
            silence.act(bridge, user, number)
        await bridge.until(lambda: troubles(bridge), 70.0)
        (trouble,) = troubles(bridge)
        assert (trouble.host, trouble.way) == ("127.0.0.1", silence.way)
        report = assess(snapshot(bridge), running=True, now=bridge.our_now())
        assert report.level is Level.DEGRADED
        assert any("127.0.0.1 since" in each for each in report.reasons)
        waits = 5 * MINUTE
        # Nothing is lost: it comes without its file, with a link or a note in its place.
        for user, number in list(users.items())[:3]:
            await bridge.until(lambda: silence.left_behind(bridge, user, number), waits + MINUTE)  # noqa: B023
        # Who comes later does not wait again for a host that has been silent for so long.
        (fourth, number), (fifth, last) = list(users.items())[3:]
        silence.act(bridge, fourth, number)
        await bridge.until(lambda: silence.left_behind(bridge, fourth, number), waits + MINUTE)
        # When it is well again, files pass at once, and nobody is told of it any more.
        bridge.max_line.clear()
        bridge.desk_line.clear()
        await asyncio.sleep(2.5 * MINUTE)
        silence.act(bridge, fifth, last)
        await bridge.until(lambda: silence.arrived(bridge, fifth, last), 2 * MINUTE)
        await bridge.until(lambda: not troubles(bridge), 30.0)
        assert (
            len(lines.of("a host of files is in trouble: its files wait, everything else goes on"))
            == 1
        )
        assert len(lines.of("a host of files is in trouble no more")) == 1


@virtual
async def test_a_storage_that_drips_faster_than_the_least_is_bounded_and_named_all_the_same(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, undo_window=0.0, poll_interval=0.5) as bridge:
        users = await people(bridge, 3)
        *two, (third, last) = users.items()
        bridge.break_max("drip", method="GET", path="/cdn/get", times=None, rate=5000.0)
        for user, number in two:
            big_picture(bridge, user, number)  # ten minutes' worth
        await asyncio.sleep(5 * MINUTE + SOON)
        assert all(link_in_ticket(bridge, user, number) for user, number in two)
        (trouble,) = troubles(bridge)
        assert trouble.host == "127.0.0.1"
        # Who comes later does not wait for it again.
        big_picture(bridge, third, last)
        await bridge.until(lambda: link_in_ticket(bridge, third, last), MINUTE + SOON)


@virtual
async def test_a_file_too_large_for_the_time_is_no_trouble_of_a_host_that_works(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, undo_window=0.0, wait_minutes=0) as bridge:
        users = await people(bridge, 2)
        bridge.break_max("drip", method="GET", path="/cdn/get", times=None, rate=40_000.0)
        for user, number in users.items():
            big_picture(bridge, user, number)
        await asyncio.sleep(MINUTE + SOON)
        assert all(link_in_ticket(bridge, user, number) for user, number in users.items())
        assert troubles(bridge) == ()


def snapshot(bridge: Bridge) -> Snapshot:
    assert bridge.journal is not None
    return bridge.journal.health.snapshot()


def troubles(bridge: Bridge) -> tuple[HostTrouble, ...]:
    return snapshot(bridge).hosts


def said(bridge: Bridge, ticket: int) -> str:
    return " ".join(bridge.bodies(ticket))


QUIET_REPLY = 2.0
"""Seconds that a reply takes while nothing is wrong: the desk's polls and its whole seconds."""


@virtual
async def test_calls_that_fail_together_are_one_observation() -> None:
    clock = asyncio.get_running_loop().time
    gate = Gate(Board(clock).loop("desk_writer"), RetryPolicy(), now=clock, jitter=lambda: 0.5)
    silent = Failure("desk.timeout", Kind.TRANSIENT, certain=False, scope=Scope.END)
    for chat in range(12):
        gate.failed_for(chat, chat, silent)
    # Else the pause would be as long as after an outage of an hour.
    assert gate.closed_for() <= 1.0
    await asyncio.sleep(1.0)
    gate.failed_for(13, 13, silent)
    assert 1.0 < gate.closed_for() <= 2.0


# --- the places ------------------------------------------------------------------------------------------


@virtual
async def test_a_transfer_gives_its_place_back_at_once_and_waits_for_one_afterwards() -> None:
    lane = Lane(1, spare=0)
    lane.begins(1)
    assert lane.free() == 0
    done, back = asyncio.Event(), asyncio.Event()

    async def carry() -> None:
        async with lane.transfer(1):
            await done.wait()
        back.set()

    task = asyncio.ensure_future(carry())
    await asyncio.sleep(0)
    assert lane.free() == 1
    lane.begins(2)
    assert lane.free() == 0
    done.set()
    await asyncio.sleep(0.1)
    assert not back.is_set()
    lane.leaves(2)
    await task
    assert lane.free() == 0
    lane.leaves(1)
    assert lane.free() == 1


@virtual
async def test_a_transfer_that_failed_waits_for_no_place() -> None:
    lane = Lane(1, spare=0)
    lane.begins(1)

    async def carry() -> None:
        async with lane.transfer(1):
            lane.begins(2)
            raise LookupError

    with pytest.raises(LookupError):
        await carry()


def gate_of(cap: float = 300.0) -> Gate:
    def now() -> float:
        return asyncio.get_running_loop().time()

    return Gate(
        Loop("desk_writer", now, lambda: None), RetryPolicy(cap=cap), now=now, jitter=lambda: 1.0
    )


@virtual
async def test_who_has_not_met_a_trouble_finds_out_soon_and_seldom_later() -> None:
    # Found by the bench: six tickets that failed kept everybody for two seconds.
    gate = gate_of()
    broken = Failure("desk.server_error", Kind.TRANSIENT, certain=False, scope=Scope.END)
    for _ in range(2):
        for _ in range(3):  # that were under way together
            gate.failed(broken)
            await asyncio.sleep(0.01)
        assert 0.2 < gate.closed_for_fresh() < 0.25
        gate.ok()
        assert gate.closed_for_fresh() == 0
    waited = []
    for _ in range(6):
        gate.failed(broken)
        waited.append(round(gate.closed_for_fresh(), 2))
        await asyncio.sleep(gate.closed_for_fresh())
    assert waited == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]
    # Where the service asks for a pause, or does not answer, nobody finds out sooner than anybody.
    gate.ok()
    gate.failed(replace(broken, retry_after=20.0))
    assert gate.closed_for_fresh() == gate.closed_for() == 20.0


@pytest.mark.parametrize(("asks_to_wait", "polled"), [(False, True), (False, False), (True, True)])
@virtual
async def test_while_polls_are_answered_who_has_not_met_a_trouble_finds_out_every_second(
    *, asks_to_wait: bool, polled: bool
) -> None:
    gate = gate_of()
    away = Failure("desk.unreachable", Kind.TRANSIENT, certain=True, scope=Scope.END)
    waited = []
    for number in range(8):
        gate.failed_for(number, number, replace(away, retry_after=20.0 if asks_to_wait else None))
        if polled:
            gate.blame.answered()
        waited.append(round(gate.closed_for_fresh(), 2))
        await asyncio.sleep(gate.closed_for_fresh())
    assert (max(waited) <= 1.0) is (polled and not asks_to_wait), waited


@virtual
async def test_after_a_transfer_the_gate_is_asked_again() -> None:
    gate = gate_of()
    lane = Lane(1, spare=0, gate=gate)
    away = Failure("desk.unreachable", Kind.TRANSIENT, certain=True, scope=Scope.END)

    async def carry(*, fails: bool = False, opens: bool = False) -> None:
        lane.begins(1)
        async with lane.transfer(1):
            await asyncio.sleep(60.0)
            if fails:
                gate.failed(away)
            if opens:
                gate.ok()

    await carry()
    with pytest.raises(LaneFullError) as full:
        await carry(fails=True)
    assert full.value.pause == gate.closed_for() > 0
    await asyncio.sleep(10.0)
    await carry(fails=True, opens=True)
    # Who was let through the closed gate finds out whether the trouble is over.
    gate.failed(away)
    for _ in range(10):
        gate.failed(away)
        await asyncio.sleep(gate.closed_for())
    gate.failed(away)
    assert gate.closed_for() > 60.0
    await carry()


@virtual
async def test_the_gate_is_asked_once_more_when_there_is_a_place() -> None:
    gate = gate_of()
    lane = Lane(1, spare=0, gate=gate)
    lane.begins(1)

    async def carry() -> None:
        async with lane.transfer(1):
            lane.begins(2)

    task = asyncio.ensure_future(carry())
    await asyncio.sleep(1.0)
    gate.failed(Failure("desk.unreachable", Kind.TRANSIENT, certain=True, scope=Scope.END))
    lane.leaves(2)
    with pytest.raises(LaneFullError):
        await task


@virtual
async def test_whoever_waits_for_a_place_gets_one_when_the_lane_is_closed() -> None:
    lane = Lane(1, spare=0)
    lane.begins(1)

    async def carry() -> None:
        async with lane.transfer(1):
            lane.begins(2)

    task = asyncio.ensure_future(carry())
    await asyncio.sleep(1.0)
    assert not task.done()
    lane.close()
    await task


@virtual
async def test_a_slow_call_makes_room_but_not_where_all_are_slow() -> None:
    lane = Lane(2, spare=3)
    for chat in (1, 2):
        lane.begins(chat)
    assert lane.free() == 0
    assert lane.until_slow() == pytest.approx(0.5)
    await asyncio.sleep(0.5)
    assert lane.free() == 2
    for chat in (3, 4, 5):
        lane.begins(chat)
    await asyncio.sleep(100.0)
    # Five in all is the bound, however slow they are.
    assert lane.free() == 0
    assert lane.until_slow() is None
    for chat in (1, 2, 3, 4, 5):
        lane.leaves(chat)
    # A service that takes three seconds for everybody: nobody is slow who takes no longer.
    for _ in range(20):
        lane.begins(1)
        await asyncio.sleep(3.0)
        lane.ended(1)
    lane.begins(1)
    lane.begins(2)
    await asyncio.sleep(8.9)
    assert lane.free() == 0
    await asyncio.sleep(0.2)
    assert lane.free() == 2


@virtual
async def test_calls_that_somebody_has_overtaken_hold_no_places() -> None:
    gate = gate_of()
    lane = Lane(2, spare=3, gate=gate)
    for chat in range(5):
        lane.begins(chat)
        await asyncio.sleep(0.5)
    assert lane.free() == 0
    assert lane.hangs_for() == pytest.approx(2.5)
    # Without a place one more is tried now and then, each after twice the pause.
    waited = []
    for chat in (10, 11, 12):
        waited.append(lane.until_try())
        await asyncio.sleep(lane.until_try() or 0.0)
        lane.tries()
        lane.begins(chat)
        assert lane.until_try() is None  # it may be quick
        await asyncio.sleep(0.5)
    assert waited == pytest.approx([0.0, 0.0, 0.5])
    gate.begins(13)
    gate.accepted(13)
    assert lane.free() == 2


@virtual
async def test_the_bound_of_all_calls_holds_for_those_that_were_overtaken() -> None:
    gate = gate_of()
    lane = Lane(2, spare=3, gate=gate)
    for chat in range(MOST_CALLS):
        lane.begins(chat)
    await asyncio.sleep(1.0)
    gate.begins(-1)
    gate.accepted(-1)
    assert lane.free() == 0
    lane.leaves(0)
    assert lane.free() == 1


@virtual
async def test_a_call_that_was_given_up_does_not_make_a_service_look_slow() -> None:
    lane = Lane(2, spare=3)
    for _ in range(20):
        lane.begins(1)
        await asyncio.sleep(30.0)
        lane.ended(1)
    assert lane.patience == 0.5


@virtual
async def test_in_trouble_one_call_at_a_time_finds_out_and_earlier_ones_do_not_count() -> None:
    lane = Lane(4, spare=8)
    for chat in range(6):
        lane.begins(chat)
    await asyncio.sleep(1.0)
    since = asyncio.get_running_loop().time()
    assert lane.free(since) == 1
    for probe in range(10, 13):
        lane.begins(probe)
        assert lane.free(since) == 0
        await asyncio.sleep(1.0)
    # Three that hang are enough to know.
    assert lane.free(since) == 0


@virtual
async def test_so_many_transfers_and_no_more_and_each_that_waits_gets_a_time_of_its_own() -> None:
    lane = Lane(1, spare=0)
    never = asyncio.Event()

    async def carry(chat: int) -> None:
        lane.begins(chat)
        async with lane.transfer(chat):
            await never.wait()

    tasks = [asyncio.ensure_future(carry(chat)) for chat in range(MOST_TRANSFERS)]
    await asyncio.sleep(0)
    assert lane.free() == 1
    lane.begins(-1)
    pauses = []
    for _ in range(20_000):
        with pytest.raises(LaneFullError) as caught:
            async with lane.transfer(-1):
                pass
        pauses.append(caught.value.pause)
    assert pauses[:3] == pytest.approx([2.0, 2.02, 2.04])
    assert max(pauses) <= 500.0
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize("takes", [0.4, 0.7, 1.5])
@virtual
async def test_a_busy_service_gets_no_more_calls_of_a_loop_than_it_can_serve(takes: float) -> None:
    calls, workers = SlowCalls("test"), asyncio.Semaphore(5)

    async def call() -> None:
        async with workers:
            await asyncio.sleep(takes)

    left, most = list(range(300)), 0
    while left or calls:
        for _ in calls.take_ended():
            pass
        if left and not calls.is_full:
            await calls.begin(left.pop(), call())
        else:
            await asyncio.sleep(0.25)
        most = max(most, len(calls))
    assert most <= 20


@virtual
async def test_calls_that_hang_keep_no_other_of_their_loop_waiting() -> None:
    calls, clock = SlowCalls("test"), asyncio.get_running_loop().time
    for number in range(15):
        await calls.begin(number, asyncio.sleep(0.05))
        list(calls.take_ended())
    began = clock()
    left = list(range(100, 140))
    while left or calls.is_full:
        if calls.is_full:
            await asyncio.sleep(0.25)
        else:
            await calls.begin(left.pop(), asyncio.sleep(1e6))
    assert clock() - began < 5.0
    await calls.close()
