"""More than a day away from MAX: the gap is noticed, said, and closed from the chats' histories."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from bridge import OTHER, USER, Bridge, running
from logged import Lines, logging_to
from long_times import look_seldom, on_a_fast_disk
from maxbridge.core.errors import ConfigError
from maxbridge.gaps import backfill
from maxbridge.gaps.backfill import FIRST_PAGE
from maxbridge.observe.status import Level, Report, assess
from store_world import set_pragma
from virtual_time import virtual

HOUR = 3600.0
DAY = 86400.0
HISTORY = "/messages"


@pytest.fixture
def lines() -> Iterator[Lines]:
    yield from logging_to()


@pytest.fixture
def seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    look_seldom(monkeypatch)


def words(bridge: Bridge, conversation_id: int = 1) -> list[str]:
    """The customer's words in a ticket, in order."""
    return bridge.words(conversation_id)


def judged(bridge: Bridge) -> Report:
    """What ``maxbridge status`` says."""
    assert bridge.journal is not None
    assert bridge.daemon is not None
    bridge.journal.health.write(bridge.daemon.board.records())
    return assess(bridge.journal.health.snapshot(), running=True, now=bridge.our_now())


def readings(bridge: Bridge) -> list[Any]:
    """The readings of histories that MAX saw."""
    return [each for each in bridge.max.requests if (each.method, each.path) == ("GET", HISTORY)]


async def first_words(bridge: Bridge) -> None:
    """Марина and Олег have a ticket each: 1 and 2."""
    on_a_fast_disk(bridge)
    bridge.max.state.person(OTHER, "Олег")
    bridge.say("вопрос")
    await bridge.until(bridge.tickets)
    bridge.say("сосед", OTHER)
    await bridge.until(lambda: len(bridge.tickets()) == 2)


async def away(bridge: Bridge, *, hours: float, said: dict[float, list[str]]) -> None:
    """The bridge is off; by hours from now, what Марина writes meanwhile."""
    await bridge.stop()
    passed = 0.0
    for at, texts in sorted(said.items()):
        await asyncio.sleep((at - passed) * HOUR)
        passed = at
        for text in texts:
            bridge.say(text)
            await asyncio.sleep(0.01)
    await asyncio.sleep((hours - passed) * HOUR)
    bridge.start()
    on_a_fast_disk(bridge)


# --- what is found ---------------------------------------------------------------------------------


@virtual
async def test_known_customers_messages_of_a_gap_arrive_once_and_in_order(
    tmp_path: Path, lines: Lines
) -> None:
    async with running(tmp_path) as bridge:
        await first_words(bridge)
        said = {
            1.0: ["потеряно 1", "потеряно 2"],
            5.9: ["потеряно 3"],
            20.0: ["у MAX 1"],
            29.9: ["у MAX 2"],
        }
        await away(bridge, hours=30, said=said)
        await asyncio.sleep(5)
        bridge.say("после")
        await bridge.quiet()
        assert words(bridge) == [
            "вопрос", "потеряно 1", "потеряно 2", "потеряно 3", "у MAX 1", "у MAX 2", "после",
        ]  # fmt: skip
        assert words(bridge, 2) == ["сосед"]
        told = lines.of("events of MAX may be missing")
        assert [(each["error"], each["hours"], each["dialogs"]) for each in told] == [
            ("gap.away", 30, 2)
        ]
        assert "ask them to write again" in told[0]["advice"]
        ended = lines.of("histories of the gap are read")
        assert [(each["messages"], each["unread"]) for each in ended] == [(5, 0)]


@virtual
async def test_the_bots_own_words_in_the_history_do_not_come_back(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        await first_words(bridge)
        bridge.reply(1, "<div>ответ</div>")
        await bridge.until(bridge.sent)
        await away(bridge, hours=40, said={0.5: ["потеряно"]})
        await bridge.quiet()
        assert words(bridge) == ["вопрос", "потеряно"]
        assert bridge.sent() == ["ответ"]


@pytest.mark.parametrize("count", [1, FIRST_PAGE, FIRST_PAGE + 1, 130])
@virtual
async def test_a_history_of_many_pages_is_read_back_to_the_last_known_message(
    tmp_path: Path, count: int
) -> None:
    async with running(tmp_path) as bridge:
        await first_words(bridge)
        texts = [f"слово {number}" for number in range(count)]
        await away(bridge, hours=30, said={1.0: texts})
        await bridge.quiet(1200)
        assert words(bridge) == ["вопрос", *texts]


@virtual
async def test_who_wrote_nothing_costs_one_small_request(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        await first_words(bridge)
        await away(bridge, hours=30, said={})
        await asyncio.sleep(60)
        assert [each.query for each in readings(bridge)] == [
            {"chat_id": str(bridge.chat(user)), "count": str(FIRST_PAGE)} for user in (OTHER, USER)
        ]


@virtual
async def test_what_histories_cannot_give_is_lost_and_said(tmp_path: Path, lines: Lines) -> None:
    # Contract max.md 6: new customers, edits and deletions.
    async with running(tmp_path) as bridge:
        await first_words(bridge)
        await bridge.stop()
        bridge.max.state.person(700, "Новая")
        bridge.say("первое слово новой", 700)
        mid = bridge.say("изменится")
        bridge.max.state.edit(mid, "изменилось")
        bridge.max.state.remove(bridge.say("исчезнет"))
        await asyncio.sleep(30 * HOUR)
        bridge.start()
        await bridge.quiet()
        assert words(bridge) == ["вопрос", "изменилось"]
        assert bridge.tickets() == [1, 2]
        assert "what others wrote for the first time is lost" in judged(bridge).reasons[0]


# --- order -----------------------------------------------------------------------------------------


@virtual
async def test_new_events_do_not_overtake_a_history_that_is_not_read_yet(tmp_path: Path) -> None:
    """Many dialogs: the background needs minutes, and everybody writes at once."""
    async with running(tmp_path) as bridge:
        people = range(600, 630)
        for user in people:
            bridge.max.state.person(user, f"Имя {user}")
            bridge.say("знакомство", user)
        await bridge.until(lambda: len(bridge.tickets()) == len(people), 600)
        await bridge.quiet(900)
        await bridge.stop()
        for user in people:
            bridge.say("в разрыве", user)
        await asyncio.sleep(30 * HOUR)
        bridge.start()
        for user in people:
            bridge.say("после разрыва", user)
        await bridge.quiet(1200)
        for ticket in bridge.tickets():
            assert words(bridge, ticket) == ["знакомство", "в разрыве", "после разрыва"]
        starts = [each.at for each in readings(bridge)]
        assert all(later - earlier > 0.3 for earlier, later in pairwise(starts))
        assert not [each for each in bridge.max.requests if each.status == 429]


@virtual
async def test_a_background_reading_and_a_poll_do_not_race(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        await first_words(bridge)
        bridge.break_max("stall_after", method="GET", path=HISTORY, seconds=10.0, times=2)
        await away(bridge, hours=30, said={1.0: ["в разрыве"]})
        for number in range(15):
            await asyncio.sleep(1)
            bridge.say(f"после {number}")
        await bridge.quiet()
        assert words(bridge) == ["вопрос", "в разрыве", *(f"после {n}" for n in range(15))]


@virtual
async def test_a_history_that_cannot_be_read_for_a_moment_is_waited_for(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        await first_words(bridge)
        bridge.break_max("drop_before", method="GET", path=HISTORY, times=3)
        await away(bridge, hours=30, said={1.0: ["в разрыве"], 29.0: ["позже"]})
        await bridge.quiet()
        assert words(bridge) == ["вопрос", "в разрыве", "позже"]


@pytest.mark.parametrize("kind", ["drop_before", "status", "truncate"])
@virtual
async def test_histories_that_stay_unreadable_keep_no_event_from_being_stored(
    tmp_path: Path, lines: Lines, kind: str
) -> None:
    # They live for a day only: late is better than never, and order is worth less than they are.
    async with running(tmp_path) as bridge:
        await first_words(bridge)
        bridge.break_max(kind, method="GET", path=HISTORY, times=None)
        await away(bridge, hours=30, said={1.0: ["в разрыве"], 29.0: ["позже"]})
        await bridge.until(lambda: len(words(bridge)) == 2, 900)
        assert lines.of("events are stored before the history of their chat")
        bridge.max_line.clear()
        await bridge.until(lambda: len(words(bridge)) == 3, 900)
        assert words(bridge) == ["вопрос", "позже", "в разрыве"]


# --- one chat's failure ----------------------------------------------------------------------------


@virtual
async def test_one_chat_that_fails_does_not_stop_the_others(
    tmp_path: Path, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfill, "_MOST_TRIES", 5)
    async with running(tmp_path) as bridge:
        await first_words(bridge)
        bad = bridge.chat(OTHER)
        bridge.max_line.simulator = _FailsFor(bridge.max, bad)
        await away(bridge, hours=30, said={1.0: ["в разрыве"]})
        await bridge.until(lambda: len(words(bridge)) == 2, 60)
        await asyncio.sleep(120)
        assert [each["chat"] for each in lines.of("history cannot be read")] == [bad]
        assert (
            "all 2 known dialogs are read again, 1 messages found, 1 cannot be read"
            in (judged(bridge).reasons[0])
        )


class _FailsFor:
    """MAX whose history of one chat always fails."""

    def __init__(self, simulator: Any, chat_id: int) -> None:
        self._simulator = simulator
        self._chat_id = str(chat_id)

    async def handle(self, request: Any) -> Any:
        answer = await self._simulator.handle(request)
        if request.path == HISTORY and request.query.get("chat_id") == self._chat_id:
            return type(answer).json(500, {"code": "internal.error", "message": "x"})
        return answer


@virtual
async def test_the_history_of_a_customer_who_stopped_the_bot_is_read_when_he_is_back(
    tmp_path: Path,
) -> None:
    # Contract max.md 6: 403 while the bot is stopped.
    async with running(tmp_path) as bridge:
        await first_words(bridge)
        await bridge.stop()
        bridge.say("в разрыве")
        bridge.max.state.stop(USER)
        await asyncio.sleep(30 * HOUR)
        bridge.start()
        await asyncio.sleep(120)
        assert words(bridge) == ["вопрос"]
        assert "all 2 known dialogs are read again, 0 messages found." in judged(bridge).reasons[0]
        bridge.max.state.start(USER)
        bridge.say("я вернулась")
        await bridge.quiet()
        assert words(bridge) == ["вопрос", "в разрыве", "я вернулась"]


@virtual
async def test_a_customer_who_does_not_come_back_is_given_up_after_a_week(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        await first_words(bridge)
        await bridge.stop()
        bridge.max.state.stop(USER)
        await asyncio.sleep(30 * HOUR)
        bridge.start()
        await asyncio.sleep(60)
        assert bridge.journal is not None
        assert bridge.journal.backfill.is_pending()
        assert bridge.journal.backfill.forget_parked(bridge.our_now()) == 0
        assert bridge.journal.backfill.forget_parked(bridge.our_now() + 7 * DAY) == 1
        assert not bridge.journal.backfill.is_pending()


# --- crashes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
@virtual
async def test_killed_again_and_again_while_reading_it_goes_on_correctly(
    tmp_path: Path, seed: int
) -> None:
    bridge = Bridge(tmp_path, seed=seed)
    bridge.start()
    await asyncio.sleep(1)
    people = range(600, 606)
    for user in people:
        bridge.max.state.person(user, f"Имя {user}")
        bridge.say("знакомство", user)
    await bridge.quiet(900)
    await bridge.stop()
    for user in people:
        for number in range(12):
            bridge.say(f"{number}", user)
    await asyncio.sleep(30 * HOUR)
    bridge.start()
    for _ in range(8):
        bridge.say("живое", bridge.rng.choice(people))
        await asyncio.sleep(bridge.rng.random() * 2)
        await bridge.kill()
        bridge.start()
        on_a_fast_disk(bridge)
    await bridge.quiet(1200)
    for ticket in bridge.tickets():
        texts = words(bridge, ticket)
        assert texts[:13] == ["знакомство", *(f"{number}" for number in range(12))]
        assert set(texts[13:]) <= {"живое"}
    assert sum(len(words(bridge, each)) for each in bridge.tickets()) == 6 * 13 + 8
    await bridge.stop()


# --- when it is a gap ------------------------------------------------------------------------------


@pytest.mark.usefixtures("seldom")
@virtual
async def test_max_away_for_thirty_hours_is_a_gap_though_the_daemon_ran(
    tmp_path: Path, lines: Lines
) -> None:
    async with running(tmp_path, poll_interval=300.0) as bridge:
        await first_words(bridge)
        bridge.break_max("refuse", times=None)
        bridge.say("в разрыве")
        await asyncio.sleep(30 * HOUR)
        bridge.max_line.clear()
        await bridge.until(lambda: len(words(bridge)) == 2, 300)
        assert words(bridge) == ["вопрос", "в разрыве"]
        assert [each["error"] for each in lines.of("events of MAX may be missing")] == ["gap.away"]


@virtual
async def test_less_than_a_day_is_no_gap(tmp_path: Path, lines: Lines) -> None:
    async with running(tmp_path) as bridge:
        await first_words(bridge)
        await away(bridge, hours=23, said={1.0: ["у MAX"]})
        await bridge.quiet()
        assert words(bridge) == ["вопрос", "у MAX"]
        assert not lines.of("events of MAX may be missing")
        assert not readings(bridge)
        assert judged(bridge).level is Level.OK


@pytest.mark.usefixtures("seldom")
@virtual
async def test_a_quiet_bot_that_was_polled_all_along_has_no_gap(tmp_path: Path) -> None:
    # The marker does not move for days; what counts is when MAX was asked.
    async with running(tmp_path, poll_interval=300.0) as bridge:
        await first_words(bridge)
        await asyncio.sleep(25 * HOUR)
        await bridge.stop()
        await asyncio.sleep(HOUR)
        bridge.start()
        await asyncio.sleep(120)
        assert bridge.journal is not None
        assert bridge.journal.backfill.gap() is None


@pytest.mark.parametrize("first_start", ["new", "all"])
@virtual
async def test_a_first_start_is_no_gap(tmp_path: Path, first_start: str) -> None:
    async with running(tmp_path, first_start=first_start) as bridge:
        await asyncio.sleep(60)
        assert not readings(bridge)
        assert judged(bridge).level is Level.OK


@pytest.mark.usefixtures("seldom")
@virtual
async def test_a_full_disk_for_thirty_hours_is_a_gap(tmp_path: Path, lines: Lines) -> None:
    # MAX was asked all the time, but nothing could be stored: its events are a day old and gone.
    async with running(tmp_path, poll_interval=300.0) as bridge:
        await first_words(bridge)
        assert bridge.journal is not None
        set_pragma(bridge.journal.db, "max_page_count", 1)
        bridge.say("не на чем записать " * 300)
        await asyncio.sleep(30 * HOUR)
        set_pragma(bridge.journal.db, "max_page_count", 2**30)
        await bridge.until(lambda: len(words(bridge)) == 2, 900)
        assert [text[:18] for text in words(bridge)] == ["вопрос", "не на чем записать"]
        assert [each["error"] for each in lines.of("events of MAX may be missing")] == ["gap.away"]


# --- clocks ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("jump", [3 * DAY, -3 * DAY])
@virtual
async def test_a_clock_set_by_days_while_running_loses_and_doubles_nothing(
    tmp_path: Path, lines: Lines, jump: float
) -> None:
    async with running(tmp_path) as bridge:
        await first_words(bridge)
        bridge.our_skew = jump
        bridge.say("во время скачка")
        await bridge.quiet()
        bridge.our_skew = 0.0
        bridge.say("после скачка")
        await bridge.quiet()
        assert words(bridge) == ["вопрос", "во время скачка", "после скачка"]
        # Forward it may have been a sleep of the machine; back it cannot.
        told = {each["error"] for each in lines.of("events of MAX may be missing")}
        assert told == {"gap.clock"}


@virtual
async def test_a_machine_that_slept_for_two_days_is_a_gap(tmp_path: Path, lines: Lines) -> None:
    # The steady clock stands still in a sleep; only the wall clock tells.
    async with running(tmp_path) as bridge:
        await first_words(bridge)
        bridge.break_max("stall_before", path="/updates", seconds=44.0)
        await asyncio.sleep(40)
        bridge.say("во сне")
        bridge.max_skew = bridge.desk_skew = bridge.our_skew = 2 * DAY
        await bridge.quiet()
        assert words(bridge) == ["вопрос", "во сне"]
        assert [each["error"] for each in lines.of("events of MAX may be missing")] == ["gap.clock"]


@virtual
async def test_a_board_without_a_battery_that_was_off_for_a_weekend_has_its_gap_closed(
    tmp_path: Path,
) -> None:
    """It boots with the time of its shutdown; NTP puts that right a minute later."""
    async with running(tmp_path) as bridge:
        await first_words(bridge)
        await bridge.stop()
        await asyncio.sleep(HOUR)
        bridge.say("в разрыве")
        await asyncio.sleep(49 * HOUR)
        bridge.our_skew = -50 * HOUR
        bridge.start()
        await asyncio.sleep(60)
        bridge.our_skew = 0.0
        await bridge.quiet()
        assert words(bridge) == ["вопрос", "в разрыве"]


@pytest.mark.parametrize("years_back", [0, 3])
@virtual
async def test_a_clock_set_back_while_off_is_a_gap_to_be_sure(
    tmp_path: Path, lines: Lines, years_back: int
) -> None:
    async with running(tmp_path) as bridge:
        await first_words(bridge)
        await away(bridge, hours=0.1, said={})
        await bridge.quiet()
        await bridge.stop()
        bridge.say("в разрыве")
        await asyncio.sleep(30 * HOUR)
        bridge.our_skew = -31 * HOUR - years_back * 365 * DAY
        bridge.start()
        await bridge.quiet()
        assert words(bridge) == ["вопрос", "в разрыве"]
        assert [each["error"] for each in lines.of("events of MAX may be missing")] == ["gap.clock"]


@pytest.mark.parametrize("skew", [-4 * DAY, -2 * HOUR, 2 * HOUR, 4 * DAY])
@virtual
async def test_a_clock_that_is_wrong_all_the_time_hides_no_gap_and_doubles_nothing(
    tmp_path: Path, skew: float
) -> None:
    async with running(tmp_path, our_skew=skew) as bridge:
        await first_words(bridge)
        await away(bridge, hours=30, said={0.1: ["сразу"], 1.0: ["потом"]})
        await bridge.quiet()
        assert words(bridge) == ["вопрос", "сразу", "потом"]


# --- other ways to miss events ---------------------------------------------------------------------


@virtual
async def test_what_went_to_a_webhook_is_read_from_the_histories(
    tmp_path: Path, lines: Lines
) -> None:
    async with running(tmp_path) as bridge:
        await first_words(bridge)
        bridge.max.state.subscribe("https://bot.example.com/webhook")
        bridge.say("ушло в вебхук")
        bridge.max.state.queue.acknowledge(bridge.max.state.queue.next)
        bridge.max.state.queue.keep_acknowledged = False
        await asyncio.sleep(1200)
        bridge.max.state.unsubscribe("https://bot.example.com/webhook")
        await bridge.until(lambda: len(words(bridge)) == 2, 700)
        assert [each["error"] for each in lines.of("events of MAX may be missing")] == [
            "gap.webhook"
        ]


@virtual
async def test_a_webhook_that_ended_a_start_is_remembered(tmp_path: Path, lines: Lines) -> None:
    async with running(tmp_path) as bridge:
        await first_words(bridge)
        await bridge.stop()
        bridge.max.state.subscribe("https://bot.example.com/webhook")
        bridge.say("ушло в вебхук")
        bridge.max.state.queue.acknowledge(bridge.max.state.queue.next)
        bridge.max.state.queue.keep_acknowledged = False
        bridge.start()
        assert isinstance(await bridge.failed(), ConfigError)
        bridge.max.state.unsubscribe("https://bot.example.com/webhook")
        bridge.start()
        await bridge.until(lambda: len(words(bridge)) == 2, 60)
        assert [each["error"] for each in lines.of("events of MAX may be missing")] == [
            "gap.webhook"
        ]


@virtual
async def test_a_webhook_of_before_the_first_start_is_nothing_of_ours(
    tmp_path: Path, lines: Lines
) -> None:
    bridge = Bridge(tmp_path)
    bridge.max.state.subscribe("https://bot.example.com/webhook")
    bridge.start()
    assert isinstance(await bridge.failed(), ConfigError)
    bridge.max.state.unsubscribe("https://bot.example.com/webhook")
    for _ in range(2):
        bridge.start()
        await asyncio.sleep(60)
        await bridge.stop()
    assert not lines.of("events of MAX may be missing")


# --- status ----------------------------------------------------------------------------------------


@virtual
async def test_a_gap_is_in_the_status(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        await first_words(bridge)
        await away(bridge, hours=30, said={1.0: ["в разрыве"]})
        await bridge.quiet()
        report = judged(bridge)
        assert report.level is Level.DEGRADED
        assert report.reasons[0].startswith("MAX was not asked for 30 h, until 20")
        assert (
            "all 2 known dialogs are read again, 1 messages found. MAX keeps" in report.reasons[0]
        )
