"""What customers are told by itself, on virtual time: when, once, and never when it makes no sense any more."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bridge import OTHER, USER, Bridge, running
from lost_database import lose, relink
from maxbridge.config.settings import HoursSettings, Settings
from maxbridge.core import keys
from maxbridge.core.delivery import Outcome
from maxbridge.i18n import RU
from maxbridge.store.backup import back_up
from maxbridge.store.restore import commit, replacing
from maxbridge.store.store import Store
from virtual_time import virtual

NOTICE = "Мы храним вашу переписку: https://romashka.ru/privacy"


def shown_at(bridge: Bridge, user: int = USER) -> float | None:
    assert bridge.journal is not None
    ((at,),) = bridge.journal.db.rows(
        "SELECT privacy_at FROM dialog WHERE chat_id = ?", (bridge.chat(user),)
    )
    return None if at is None else float(at)


# --- privacy -----------------------------------------------------------------------------------------


@virtual
async def test_the_notice_comes_once_with_the_first_message_and_its_time_is_kept(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, privacy=NOTICE) as bridge:
        bridge.say("вопрос")
        await bridge.until(bridge.sent)
        assert bridge.sent() == [NOTICE]
        at = shown_at(bridge)
        assert at is not None
        assert abs(at - bridge.our_now()) < 60.0
        bridge.say("и ещё")
        bridge.reply(1, "<div>ответ</div>")
        await bridge.quiet()
        assert bridge.sent() == [NOTICE, "ответ"]
        assert shown_at(bridge) == at


@virtual
async def test_a_start_shows_it_behind_the_greeting_and_the_message_not_again(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, privacy=NOTICE, greeting="Здравствуйте") as bridge:
        bridge.max.state.start(USER)
        await bridge.until(lambda: len(bridge.sent()) == 2)
        bridge.say("вопрос")
        bridge.say("/start")
        await bridge.quiet()
        assert bridge.sent() == ["Здравствуйте", NOTICE, "Здравствуйте"]


@virtual
async def test_without_a_greeting_a_start_shows_it_and_opens_no_ticket(tmp_path: Path) -> None:
    async with running(tmp_path, privacy=NOTICE) as bridge:
        bridge.max.state.start(USER)
        await bridge.until(bridge.sent)
        await bridge.quiet()
        assert (bridge.sent(), bridge.tickets()) == ([NOTICE], [])


@pytest.mark.parametrize("where", ["max", "desk"])
@pytest.mark.parametrize("kind", ["drop_before", "drop_after", "status"])
@virtual
async def test_it_comes_once_whatever_the_ends_answer(
    tmp_path: Path, where: str, kind: str
) -> None:
    async with running(tmp_path, privacy=NOTICE) as bridge:
        more = {"status": 500, "body": {"message": "Server Error"}} if kind == "status" else {}
        if where == "max":
            bridge.break_max(kind, method="POST", path="/messages", **more)
        else:
            bridge.break_desk(kind, method="POST", **more)
        bridge.say("вопрос")
        await asyncio.sleep(400.0)
        assert bridge.sent() == [NOTICE]


@virtual
async def test_nobody_is_told_it_for_spam_or_in_a_group(tmp_path: Path) -> None:
    async with running(tmp_path, groups="ticket") as bridge:
        bridge.say("первое")
        await bridge.until(bridge.tickets)
        bridge.desk.state.set_status(1, "spam")
        assert bridge.daemon is not None
        wanted = replace(bridge.settings, texts=replace(bridge.settings.texts, privacy=NOTICE))
        bridge.daemon.reload(wanted)
        bridge.say("спам")
        await bridge.quiet()
        assert bridge.sent() == []


@virtual
async def test_a_notice_that_was_given_back_unsent_is_told_with_the_next_message(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, privacy=NOTICE) as bridge:
        bridge.break_max("refuse", method="POST", path="/messages", times=None)
        bridge.say("вопрос")
        await bridge.until(lambda: bridge.max_line.injected)
        assert bridge.journal is not None
        outbox = bridge.journal.outbox
        await bridge.until(lambda: outbox.expired(bridge.our_now() + 1.0))
        (notice,) = outbox.expired(bridge.our_now() + 1.0)
        assert outbox.decide(notice.id, Outcome.EXPIRED, error="max.expired", now=bridge.our_now())
        bridge.max_line.clear()
        await bridge.quiet(7200.0)
        assert bridge.sent() == []
        assert shown_at(bridge) is None
        bridge.say("и ещё")
        await bridge.until(bridge.sent)
        assert bridge.sent() == [NOTICE]
        assert shown_at(bridge) is not None


@pytest.mark.parametrize("before", [0.0, 0.9, 10.0])
@virtual
async def test_after_a_restore_it_is_looked_up_not_repeated(tmp_path: Path, before: float) -> None:
    async with running(tmp_path, privacy=NOTICE) as bridge:
        bridge.max.state.person(OTHER, "Олег")
        bridge.max.state.start(OTHER)
        await bridge.until(lambda: bridge.sent(OTHER))
        copy = tmp_path / "copy.db"
        back_up(bridge.settings.store.path, copy, overwrite=True, now=bridge.our_now())
        bridge.max.state.start(USER)
        await bridge.until(bridge.sent)
        await asyncio.sleep(before)
        await bridge.stop()
        with replacing(copy, bridge.settings.store.path) as ready:
            commit(ready, bridge.our_now())
        bridge.start()
        await asyncio.sleep(400.0)
        bridge.say("вопрос")
        bridge.say("вопрос", OTHER)
        await bridge.quiet()
        assert (bridge.sent(), bridge.sent(OTHER)) == ([NOTICE], [NOTICE])


@virtual
async def test_after_a_restore_who_had_it_with_a_message_is_not_shown_it_with_the_next(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, privacy=NOTICE) as bridge:
        bridge.max.state.person(OTHER, "Олег")
        bridge.say("вопрос", OTHER)
        await bridge.until(lambda: bridge.sent(OTHER))
        copy = tmp_path / "copy.db"
        back_up(bridge.settings.store.path, copy, overwrite=True, now=bridge.our_now())
        bridge.say("вопрос")
        await bridge.until(bridge.sent)
        await bridge.quiet()
        await bridge.stop()
        with replacing(copy, bridge.settings.store.path) as ready:
            commit(ready, bridge.our_now())
        bridge.start()
        await asyncio.sleep(1200.0)
        assert shown_at(bridge) is not None
        bridge.say("и ещё")
        await bridge.quiet()
        assert bridge.sent() == [NOTICE]
        assert len(bridge.words(2)) == 2


@virtual
async def test_whoever_was_forgotten_is_shown_it_again(tmp_path: Path) -> None:
    async with running(tmp_path, privacy=NOTICE) as bridge:
        bridge.say("вопрос")
        await bridge.until(bridge.sent)
        beside = Store(bridge.settings.store.path, exclusive=False)
        whose = beside.forgetting.whose(bridge.chat())
        assert whose is not None
        beside.forgetting.erase(beside.forgetting.stones(whose, bridge.our_now()))
        beside.close()
        bridge.say("снова я")
        await bridge.until(lambda: len(bridge.sent()) == 2)
        assert bridge.sent() == [NOTICE, NOTICE]


# --- accepted, away ----------------------------------------------------------------------------------

ACCEPTED = "Обращение № {number} принято."
AWAY = "Мы ответим {until}."
MINUTE = 60.0


def around(bridge: Bridge, *spans: tuple[int, int], holiday: bool = False) -> Settings:
    """Settings whose working hours are these, in minutes from now, in a zone where it is about noon."""
    now = datetime.fromtimestamp(bridge.clock.now(), UTC)
    ahead = 12 - now.hour
    zone = ZoneInfo(f"Etc/GMT{-ahead:+d}")
    local = now.astimezone(zone)
    edges = [
        [f"{local + timedelta(minutes=each):%H:%M}" for each in (begin, end)]
        for begin, end in spans
    ]
    day = ", ".join("-".join(each) for each in edges)
    days = (local.date().isoformat(),) if holiday else ()
    hours = HoursSettings(str(zone), day, day, day, day, day, day, day, days)
    return replace(bridge.settings, hours=hours)


def keep(bridge: Bridge, *spans: tuple[int, int], holiday: bool = False) -> None:
    assert bridge.daemon is not None
    bridge.daemon.reload(around(bridge, *spans, holiday=holiday))


@virtual
async def test_a_ticket_is_accepted_once_with_the_number_that_people_see(tmp_path: Path) -> None:
    async with running(tmp_path, accepted=ACCEPTED, reopen_days=0) as bridge:
        bridge.say("вопрос")
        await bridge.until(bridge.sent)
        bridge.say("и ещё")
        await bridge.quiet()
        assert bridge.sent() == [ACCEPTED.format(number=1)]
        bridge.desk.state.set_status(1, "closed")
        bridge.say("новое")
        await bridge.until(lambda: len(bridge.sent()) == 2)
        assert bridge.sent()[1] == ACCEPTED.format(number=2)


@pytest.mark.parametrize("kind", ["drop_before", "drop_after", "status", "status_after", "late"])
@virtual
async def test_it_is_accepted_once_whatever_the_desk_answers(tmp_path: Path, kind: str) -> None:
    async with running(tmp_path, accepted=ACCEPTED) as bridge:
        more = {"status": 500, "body": {"message": "Server Error"}} if "status" in kind else {}
        if kind == "late":
            more = {"seconds": 70.0}
        bridge.break_desk(kind, method="POST", path="/api/conversations", **more)
        bridge.say("вопрос")
        await bridge.until(bridge.sent, 900.0)
        await bridge.quiet()
        assert bridge.sent() == [ACCEPTED.format(number=1)]
        assert bridge.tickets() == [1]


@virtual
async def test_whoever_is_back_after_an_hour_is_not_told_that_nobody_was_there(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, away=AWAY) as bridge:
        keep(bridge, (300, 360))
        bridge.break_max("refuse", method="POST", path="/messages", times=None)
        bridge.say("вопрос")
        await bridge.until(bridge.tickets)
        bridge.max.state.stop(USER)
        bridge.max_line.faults.clear()
        await asyncio.sleep(60 * MINUTE)
        bridge.max.state.start(USER)
        await asyncio.sleep(5 * MINUTE)
        assert bridge.sent() == []


@virtual
async def test_away_comes_once_for_a_ticket_and_a_night(tmp_path: Path) -> None:
    async with running(tmp_path, away=AWAY) as bridge:
        keep(bridge, (-30, -10), (60, 80), (150, 170))
        for _ in range(3):
            bridge.say("вечером")
            await asyncio.sleep(15 * MINUTE)
        assert len(bridge.sent()) == 1
        assert re.fullmatch(r"Мы ответим \d\d\.\d\d в \d\d:\d\d\.", bridge.sent()[0])
        await asyncio.sleep(20 * MINUTE)
        bridge.say("днём")
        await asyncio.sleep(20 * MINUTE)
        assert len(bridge.sent()) == 1
        bridge.say("на другой вечер")
        await bridge.quiet()
        assert len(bridge.sent()) == 2
        assert bridge.sent()[0] != bridge.sent()[1]


@virtual
async def test_an_agent_who_wrote_in_the_last_minutes_is_there(tmp_path: Path) -> None:
    async with running(tmp_path, away=AWAY) as bridge:
        bridge.say("вопрос")
        await bridge.until(bridge.tickets)
        keep(bridge, (120, 180))
        bridge.reply(1, "<div>ещё здесь</div>")
        await bridge.until(bridge.sent)
        bridge.say("спасибо")
        await bridge.quiet()
        assert bridge.sent() == ["ещё здесь"]
        await asyncio.sleep(12 * MINUTE)
        bridge.say("а ещё")
        await bridge.quiet()
        assert len(bridge.sent()) == 2


@pytest.mark.parametrize("opens_in", [30, 200])
@pytest.mark.parametrize("what", ["desk", "max", "us"])
@virtual
async def test_nothing_of_it_is_sent_late_after_an_outage(
    tmp_path: Path, what: str, opens_in: int
) -> None:
    """Whether somebody is there by then or not: it was about another hour."""
    bridge = Bridge(tmp_path, away=AWAY)
    bridge.settings = around(bridge, (opens_in, opens_in + 300))
    bridge.start()
    await asyncio.sleep(1.0)
    if what == "desk":
        bridge.break_desk("refuse", times=None)
    elif what == "max":
        bridge.break_max("refuse", method="POST", path="/messages", times=None)
    else:
        await bridge.stop()
    bridge.say("ночью")
    await asyncio.sleep(45 * MINUTE)
    if what == "us":
        bridge.start()
    bridge.desk_line.faults.clear()
    bridge.max_line.faults.clear()
    await bridge.until(bridge.tickets, 900.0)
    await asyncio.sleep(10 * MINUTE)
    assert bridge.sent() == []
    assert "ночью" in bridge.bodies(1)[0]
    await bridge.stop()


@virtual
async def test_holidays_are_heeded_and_accepted_comes_first(tmp_path: Path) -> None:
    async with running(tmp_path, away=AWAY, accepted=ACCEPTED, privacy=NOTICE) as bridge:
        keep(bridge, (-60, 60), holiday=True)
        bridge.say("вопрос")
        await bridge.until(lambda: len(bridge.sent()) == 3)
        assert bridge.sent()[:2] == [NOTICE, ACCEPTED.format(number=1)]
        assert bridge.sent()[2].startswith("Мы ответим ")


def test_what_the_bot_says_by_itself_loses_its_sense() -> None:
    assert keys.stale_at("accepted:5", 100.0) == 100.0 + 86400.0
    assert keys.stale_at("away:5:0:400", 100.0) == 400.0
    assert keys.stale_at("away:5:0:0", 100.0) == 1900.0
    assert keys.stale_at("away:5:0:99999", 100.0) == 1900.0
    assert [keys.stale_at(each, 1.0) for each in ("thread:5:0", "privacy:5", "greeting:x")] == [
        None
    ] * 3


@pytest.mark.parametrize("skew", [-1800.0, 1800.0])
@virtual
async def test_a_clock_of_ours_that_is_wrong_keeps_nobody_from_being_told(
    tmp_path: Path, skew: float
) -> None:
    async with running(tmp_path, our_skew=skew, away=AWAY, commands="yes") as bridge:
        keep(bridge, (300, 360))
        bridge.say("/status")
        await bridge.until(bridge.sent)
        bridge.say("вопрос")
        await bridge.until(lambda: len(bridge.sent()) == 2)
        assert bridge.sent()[0] == RU.status_none


# --- closed, and rated -------------------------------------------------------------------------------

CLOSED = "Обращение № {number} закрыто."


def close(bridge: Bridge, ticket: int = 1) -> None:
    bridge.desk.state.set_status(ticket, "closed")


async def asked_and_closed(bridge: Bridge) -> None:
    bridge.say("вопрос")
    await bridge.until(bridge.tickets)
    await bridge.quiet()
    close(bridge)
    await bridge.until(lambda: CLOSED.format(number=1) in bridge.sent())


def notes(bridge: Bridge, ticket: int = 1) -> list[str]:
    return [body.split("</div>")[0].removeprefix("<div>") for body in bridge.bodies(ticket, "note")]


@virtual
async def test_a_ticket_that_agents_close_is_told_once(tmp_path: Path) -> None:
    async with running(tmp_path, closed=CLOSED) as bridge:
        await asked_and_closed(bridge)
        await asyncio.sleep(40 * MINUTE)  # with the wide sweep
        assert bridge.sent() == [CLOSED.format(number=1)]
        bridge.say("ещё вопрос")
        await bridge.quiet()
        close(bridge)
        await bridge.until(lambda: len(bridge.sent()) == 2)
        await bridge.quiet()
        assert bridge.sent() == [CLOSED.format(number=1)] * 2


@virtual
@pytest.mark.parametrize("later", [5, 600])
async def test_a_closed_ticket_that_agents_close_again_in_their_list_is_told_once(
    tmp_path: Path, later: float
) -> None:
    """They mark some tickets and close them all; FreeScout takes the closed ones of them, too."""
    async with running(tmp_path, closed=CLOSED, rating="Оцените") as bridge:
        await asked_and_closed(bridge)
        told = bridge.sent()
        await asyncio.sleep(later)
        bridge.desk.state.set_status(1, "closed", in_list=True)
        await asyncio.sleep(40 * MINUTE)
        assert bridge.sent() == told
        assert len(told) == 1


@virtual
async def test_send_and_close_tells_the_end_behind_the_reply(tmp_path: Path) -> None:
    async with running(tmp_path, closed=CLOSED) as bridge:
        bridge.say("вопрос")
        await bridge.until(bridge.tickets)
        bridge.reply(1, "<div>готово</div>")
        close(bridge)
        await bridge.until(lambda: len(bridge.sent()) == 2)
        assert bridge.sent() == ["готово", CLOSED.format(number=1)]


@virtual
async def test_what_is_closed_by_mistake_is_not_told(tmp_path: Path) -> None:
    async with running(tmp_path, closed=CLOSED) as bridge:
        bridge.say("вопрос")
        await bridge.until(bridge.tickets)
        await bridge.quiet()
        close(bridge)
        await asyncio.sleep(10.0)
        bridge.desk.state.set_status(1, "active")
        await asyncio.sleep(120.0)
        assert bridge.sent() == []
        bridge.desk.state.set_status(1, "spam")
        await asyncio.sleep(120.0)
        assert bridge.sent() == []


@pytest.mark.parametrize("killed", [False, True])
@virtual
async def test_send_and_close_that_is_taken_back_is_not_told_before_it_is_sent_again(
    tmp_path: Path, *, killed: bool
) -> None:
    """FreeScout leaves the ticket closed, with the reply in the agent's editor."""
    async with running(tmp_path, closed=CLOSED) as bridge:
        bridge.say("вопрос")
        await bridge.until(bridge.tickets)
        await bridge.quiet()
        thread = bridge.reply(1, "<div>рано</div>", status="closed")
        await asyncio.sleep(6.0)
        bridge.desk.state.undo(thread)
        assert bridge.desk.state.conversations[1].status == "closed"
        await asyncio.sleep(3 * MINUTE)
        if killed:
            await bridge.kill()
            bridge.start()
        await asyncio.sleep(3 * MINUTE)
        assert bridge.sent() == []
        bridge.desk.state.resend(thread, "<div>готово</div>", status="closed")
        await bridge.until(lambda: len(bridge.sent()) == 2)
        await asyncio.sleep(20 * MINUTE)
        assert bridge.sent() == ["готово", CLOSED.format(number=1)]


@virtual
async def test_a_ticket_that_stays_closed_without_its_reply_is_told_later(tmp_path: Path) -> None:
    async with running(tmp_path, closed=CLOSED) as bridge:
        bridge.say("вопрос")
        await bridge.until(bridge.tickets)
        await bridge.quiet()
        thread = bridge.reply(1, "<div>рано</div>", status="closed")
        await asyncio.sleep(6.0)
        bridge.desk.state.undo(thread)
        await asyncio.sleep(9 * MINUTE)
        assert bridge.sent() == []
        await asyncio.sleep(3 * MINUTE)
        assert bridge.sent() == [CLOSED.format(number=1)]


@pytest.mark.parametrize("kind", ["kill", "drop_after", "refuse"])
@virtual
async def test_the_end_is_told_once_whatever_happens(tmp_path: Path, kind: str) -> None:
    async with running(tmp_path, closed=CLOSED, rating="yes") as bridge:
        bridge.say("вопрос")
        await bridge.until(bridge.tickets)
        await bridge.quiet()
        if kind == "drop_after":
            bridge.break_max(kind, method="POST", path="/messages")
        elif kind == "refuse":
            bridge.break_desk(kind, times=5)
        close(bridge)
        for _ in range(3):
            await asyncio.sleep(20.0)
            if kind == "kill":
                await bridge.kill()
                bridge.start()
        await asyncio.sleep(400.0)
        assert bridge.sent() == [CLOSED.format(number=1)]


@pytest.mark.parametrize("who", ["agent", "customer"])
@virtual
async def test_an_end_that_is_taken_back_before_it_could_leave_is_not_told(
    tmp_path: Path, who: str
) -> None:
    """MAX takes no messages while the ticket is closed, and opened again."""
    async with running(tmp_path, closed=CLOSED, rating="yes") as bridge:
        bridge.say("вопрос")
        await bridge.until(bridge.tickets)
        await bridge.quiet()
        bridge.break_max("refuse", method="POST", path="/messages", times=None)
        close(bridge)
        await asyncio.sleep(5 * MINUTE)
        if who == "agent":
            bridge.desk.state.set_status(1, "active")
        else:
            bridge.say("ещё вопрос")
        await asyncio.sleep(5 * MINUTE)
        bridge.max_line.clear()
        await asyncio.sleep(20 * MINUTE)
        assert bridge.sent() == []
        close(bridge)
        await bridge.until(bridge.sent)
        await bridge.quiet()
        assert bridge.sent() == [CLOSED.format(number=1)]


@virtual
async def test_a_ticket_that_ends_twice_before_the_end_could_leave_is_told_once(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, closed=CLOSED) as bridge:
        bridge.say("вопрос")
        await bridge.until(bridge.tickets)
        await bridge.quiet()
        bridge.break_max("refuse", method="POST", path="/messages", times=None)
        for status in ("closed", "active", "closed"):
            bridge.desk.state.set_status(1, status)
            await asyncio.sleep(5 * MINUTE)
        bridge.max_line.clear()
        await asyncio.sleep(20 * MINUTE)
        assert bridge.sent() == [CLOSED.format(number=1)]


@virtual
async def test_nobody_is_told_that_nobody_is_there_in_front_of_a_reply(tmp_path: Path) -> None:
    async with running(tmp_path, away=AWAY) as bridge:
        keep(bridge, (300, 360))
        bridge.break_max("refuse", method="POST", path="/messages", times=None)
        bridge.say("вечером")
        await bridge.until(bridge.tickets)
        await asyncio.sleep(MINUTE)
        bridge.reply(1, "<div>я ещё здесь</div>")
        await asyncio.sleep(5 * MINUTE)
        bridge.max_line.clear()
        await bridge.quiet()
        assert bridge.sent() == ["я ещё здесь"]
        await asyncio.sleep(15 * MINUTE)
        bridge.say("а теперь?")
        await bridge.quiet()
        assert len(bridge.sent()) == 2, "now nobody is there"


@virtual
async def test_what_was_closed_while_we_were_off_for_days_is_no_news(tmp_path: Path) -> None:
    async with running(tmp_path, closed=CLOSED) as bridge:
        bridge.say("вопрос")
        await bridge.until(bridge.tickets)
        await bridge.quiet()
        await bridge.stop()
        close(bridge)
        await asyncio.sleep(2 * 86400.0)
        bridge.start()
        await asyncio.sleep(10 * MINUTE)
        assert bridge.sent() == []


@virtual
async def test_a_rating_becomes_a_note_and_only_the_first_counts(tmp_path: Path) -> None:
    async with running(tmp_path, closed=CLOSED, rating="yes") as bridge:
        await asked_and_closed(bridge)
        bridge.max.state.press(USER, keys.rating(1, 4))
        await bridge.until(lambda: notes(bridge))
        bridge.max.state.press(USER, keys.rating(1, 1))
        await bridge.quiet()
        assert notes(bridge) == ["⭐⭐⭐⭐ Клиент оценил этот тикет: 4 из 5."]
        assert bridge.sent()[1:] == ["Спасибо за оценку!"]
        assert bridge.desk.state.conversations[1].status == "closed", "a rating opens nothing again"
        assert len(bridge.bodies(1)) == 1
        assert bridge.journal is not None
        rows = bridge.journal.db.rows("SELECT conversation_id, stars FROM rating", ())
        assert rows == [(1, 4)]


@virtual
async def test_a_rating_a_year_later_or_of_another_ticket_is_nobodys(tmp_path: Path) -> None:
    async with running(tmp_path, closed=CLOSED, rating="yes") as bridge:
        await asked_and_closed(bridge)
        assert bridge.journal is not None
        # As after a year: the ids are forgotten.
        bridge.journal.db.execute("DELETE FROM outbox WHERE key LIKE 'closed:%'", ())
        bridge.max.state.press(USER, keys.rating(1, 5))
        await bridge.quiet()
        assert (notes(bridge), len(bridge.sent())) == ([], 1)
        assert bridge.journal.health.snapshot().held == ()


# --- after a restore ---------------------------------------------------------------------------------


@pytest.mark.parametrize("before", [1.0, 15.0, 300.0])
@virtual
async def test_after_a_restore_nothing_is_told_twice_and_the_rating_that_agents_read_counts(
    tmp_path: Path, before: float
) -> None:
    """The backup is of before the customer wrote; whatever they were told since stands in no database."""
    bridge = Bridge(
        tmp_path,
        away=AWAY,
        accepted=ACCEPTED,
        privacy=NOTICE,
        closed=CLOSED,
        rating="yes",
        commands="yes",
    )
    bridge.settings = around(bridge, (300, 360))
    bridge.start()
    await asyncio.sleep(60.0)
    copy = tmp_path / "copy.db"
    back_up(bridge.settings.store.path, copy, overwrite=True, now=bridge.our_now())
    bridge.say("вопрос")
    await bridge.until(lambda: len(bridge.sent()) == 3)
    bridge.say("/status")
    bridge.say("/help")
    await bridge.until(lambda: len(bridge.sent()) == 5)
    bridge.reply(1, "<div>ответ</div>")
    close(bridge)
    await bridge.until(lambda: CLOSED.format(number=1) in bridge.sent())
    bridge.max.state.press(USER, keys.rating(1, 4))
    await bridge.quiet()
    told = bridge.sent()
    assert told[-1] == RU.rating_thanks
    assert len(told) == 8
    await asyncio.sleep(before)
    await bridge.stop()
    with replacing(copy, bridge.settings.store.path) as ready:
        commit(ready, bridge.our_now())
    bridge.start()
    await asyncio.sleep(1200.0)
    assert bridge.sent() == told
    bridge.max.state.press(USER, keys.rating(1, 2))
    await bridge.quiet()
    assert bridge.sent() == told
    assert notes(bridge) == [RU.rated.format(stars=4, signs="⭐" * 4)]
    assert bridge.journal is not None
    assert bridge.journal.health.ratings() == {4: 1}
    bridge.say("/status")
    await bridge.quiet()
    assert len(bridge.sent()) == len(told) + 1
    await bridge.stop()


@virtual
async def test_after_a_restore_a_second_press_alone_does_not_count(tmp_path: Path) -> None:
    """MAX does not give the first press again: what the agents read of it stands."""
    async with running(tmp_path, closed=CLOSED, rating="yes") as bridge:
        await asked_and_closed(bridge)
        await bridge.quiet()
        copy = tmp_path / "copy.db"
        bridge.max.state.press(USER, keys.rating(1, 4))
        await bridge.quiet()
        assert bridge.journal is not None
        # The first press is known in the copy, and what followed from it is not.
        bridge.journal.db.execute("DELETE FROM rating", ())
        back_up(bridge.settings.store.path, copy, overwrite=True, now=bridge.our_now())
        await bridge.stop()
        with replacing(copy, bridge.settings.store.path) as ready:
            commit(ready, bridge.our_now())
        bridge.start()
        await asyncio.sleep(1200.0)
        told = bridge.sent()
        bridge.max.state.press(USER, keys.rating(1, 2))
        await bridge.quiet()
        assert bridge.sent() == told
        assert len(notes(bridge)) == 1
        assert bridge.journal.health.ratings() == {4: 1}


@pytest.mark.parametrize("way", ["restore", "relink"])
@virtual
async def test_a_rating_that_agents_read_is_counted_though_max_does_not_tell_it_again(
    tmp_path: Path, way: str
) -> None:
    """The note tells it, be it in the ticket that was rated or in what that was merged into."""
    async with running(tmp_path, closed=CLOSED, rating="yes", reopen_days=0) as bridge:
        bridge.max.state.person(OTHER, "Олег")
        bridge.max.state.start(OTHER)
        bridge.say("вопрос", OTHER)
        await bridge.until(bridge.tickets)
        copy = tmp_path / "copy.db"
        back_up(bridge.settings.store.path, copy, overwrite=True, now=bridge.our_now())
        bridge.say("вопрос")
        await bridge.until(lambda: len(bridge.tickets()) == 2)
        await bridge.quiet()
        close(bridge, 2)
        await bridge.until(bridge.sent)
        bridge.max.state.press(USER, keys.rating(2, 4))
        bridge.say("новый вопрос")
        await bridge.until(lambda: len(bridge.tickets()) == 3)
        await bridge.quiet()
        bridge.desk.state.merge(3, 2)
        await bridge.quiet()
        await bridge.stop()
        await asyncio.sleep(2 * 86400.0)  # MAX gives no event of then any more
        if way == "restore":
            with replacing(copy, bridge.settings.store.path) as ready:
                commit(ready, bridge.our_now())
        else:
            lose(bridge)
            await relink(bridge)
        bridge.start()
        await asyncio.sleep(600.0)
        assert bridge.journal is not None
        assert bridge.journal.health.ratings() == {4: 1}
        told = bridge.sent()
        bridge.max.state.press(USER, keys.rating(2, 1))
        await bridge.quiet()
        assert bridge.journal.health.ratings() == {4: 1}
        assert bridge.sent() == told


def test_only_buttons_of_ours_are_ratings() -> None:
    assert keys.read_rating(keys.rating(77, 5)) == (77, 5)
    for payload in (
        "",
        "maxbridge:rating:77:6",
        "maxbridge:rating:77:0",
        "maxbridge:rating::5",
        "5",
    ):
        assert keys.read_rating(payload) is None


# --- commands ----------------------------------------------------------------------------------------


@virtual
async def test_status_tells_each_ticket_as_it_is_at_the_desk(tmp_path: Path) -> None:
    async with running(tmp_path, commands="yes", reopen_days=0) as bridge:
        bridge.say("/status")
        await bridge.until(bridge.sent)
        assert (bridge.sent(), bridge.tickets()) == ([RU.status_none], [])
        bridge.say("вопрос")
        await bridge.until(bridge.tickets)
        close(bridge)
        bridge.say("другой")
        await bridge.until(lambda: len(bridge.tickets()) == 2)
        await asyncio.sleep(MINUTE)
        bridge.say(" /Status ")
        await bridge.until(lambda: len(bridge.sent()) == 2)
        assert bridge.sent()[1] == "Обращение № 2: в работе.\nОбращение № 1: закрыто."
        bridge.desk.state.set_status(2, "spam")
        await asyncio.sleep(MINUTE)
        bridge.say("/status")
        await bridge.until(lambda: len(bridge.sent()) == 3)
        assert bridge.sent()[2] == "Обращение № 1: закрыто."
        assert [len(bridge.bodies(each)) for each in bridge.tickets()] == [1, 1]


@virtual
async def test_help_is_answered_and_a_question_behind_it_is_a_question(tmp_path: Path) -> None:
    async with running(tmp_path, commands="yes", help="Спросите нас", privacy=NOTICE) as bridge:
        for _ in range(5):
            bridge.say("/help")
        await bridge.quiet()
        assert (bridge.sent(), bridge.tickets()) == ([NOTICE, "Спросите нас"], [])
        bridge.say("/help как оплатить?")
        await bridge.until(bridge.tickets)


@virtual
async def test_without_the_setting_commands_are_words(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        bridge.say("/status")
        await bridge.until(bridge.tickets)
        assert bridge.sent() == []


@virtual
async def test_a_command_of_before_an_outage_is_not_answered_after_it(tmp_path: Path) -> None:
    async with running(tmp_path, commands="yes") as bridge:
        bridge.say("вопрос")
        await bridge.until(bridge.tickets)
        bridge.break_desk("refuse", times=None)
        bridge.say("/status")
        await asyncio.sleep(30 * MINUTE)
        bridge.desk_line.faults.clear()
        bridge.say("а теперь?")
        await bridge.until(lambda: len(bridge.bodies(1)) == 2, 900.0)
        await bridge.quiet()
        assert bridge.sent() == []
