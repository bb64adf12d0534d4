"""Scenarios of what customers are told by itself: accepted, closed and rated, away, commands, the privacy notice."""

from __future__ import annotations

import asyncio
import contextlib
import re
import sqlite3
from datetime import UTC, datetime, timedelta
from random import Random

from maxbridge.core import keys
from maxbridge.i18n import RU
from maxbridge.sim.max.store import Person
from real_desk.agent import ACTIVE, CLOSED, PENDING
from real_desk.bridge import Toml
from real_desk.ledger import Word
from real_desk.play import UNDO_SECONDS, NotYetError, Play, Scenario

_NOTICE = "Мы храним вашу переписку: https://romashka.example/privacy"
_ACCEPTED = "Обращение № {number} принято."
_CLOSED = "Обращение № {number} закрыто. Оцените, пожалуйста, нашу работу."
_AWAY = "Сейчас никого нет. Мы ответим {until}."
_SETTLES = UNDO_SECONDS + 10
"""Longer than a ticket has to stay closed before its customer is told."""
_SLOW = 240.0
_ONE_ANSWER = 61.0
"""The same command, given again within a minute, is answered once."""
_KILLS = 8

SETTINGS: Toml = {
    "texts": {
        "privacy": _NOTICE,
        "accepted": _ACCEPTED,
        "closed": _CLOSED,
        "rating": "yes",
        "commands": "yes",
    }
}
"""Of the bot in whose chats these scenarios are played."""


def _number(play: Play, ticket: int) -> int:
    """The number that people see, which need not be the one in the address (APP_CUSTOM_NUMBER)."""
    number: int = play.desk.conversations[ticket]["number"]
    return number


def _accepted(play: Play, ticket: int) -> str:
    return _ACCEPTED.format(number=_number(play, ticket))


def _closed(play: Play, ticket: int) -> str:
    return _CLOSED.format(number=_number(play, ticket))


def _rate(play: Play, person: Person, ticket: int, stars: int) -> None:
    play.bridge.max.state.press(person.user_id, keys.rating(ticket, stars))


def _notes(play: Play, ticket: int) -> list[str]:
    """What the bridge has written for agents."""
    rows = play.desk.threads(ticket)
    return [row["body"] for row in rows if row["type"] == "note" and row["source"]["type"] == "api"]


def _counted(play: Play, stars: int) -> float:
    """How many tickets have so many stars by the metrics."""
    words = play.bridge.metrics.read_text() if play.bridge.metrics.exists() else ""
    found = re.search(rf'^maxbridge_ratings\{{stars="{stars}"\}} (\S+)$', words, re.MULTILINE)
    return float(found[1]) if found else 0.0


def _see_that(holds: object, what: str) -> None:
    if not holds:
        raise NotYetError(what)


async def accepted(play: Play) -> None:
    """The notice and the number come once, for who presses Start, who does not, and who writes five at once."""
    plain, starter, hasty = (play.person(name) for name in ("Сразу", "Кнопка", "Торопыга"))
    play.bridge.max.state.start(starter.user_id)
    await play.reads(starter, _NOTICE)
    first = [play.say(plain), play.say(starter), *(play.say(hasty, "ещё {}") for _ in range(5))]
    tickets = [await play.ticket(word) for word in first[:3]]
    for person, ticket in zip((plain, starter, hasty), tickets, strict=True):
        await play.reads(person, _NOTICE, _accepted(play, ticket))
        word = await play.reply(ticket, person)
        await play.landed(play.say(person, "и ещё {}"))
        await play.reads(person, _NOTICE, _accepted(play, ticket), word)


async def closed(play: Play) -> None:
    """Send and close: the reply, then the end, with buttons; the first press is a note, the second is nothing."""
    person = play.person("Оценщик")
    ticket = await play.opened(person)
    word = await play.reply(ticket, person, status=CLOSED)
    texts = [_NOTICE, _accepted(play, ticket), word, _closed(play, ticket)]
    await play.reads(person, *texts)
    _rate(play, person, ticket, 4)
    _rate(play, person, ticket, 1)
    play.expect_notes()
    await play.reads(person, *texts, RU.rating_thanks)
    await play.until(lambda: len(_notes(play, ticket)) == 1, "the note of the rating")
    _see_that("4 из 5" in _notes(play, ticket)[0], f"another note: {_notes(play, ticket)}")
    await play.until(lambda: _counted(play, 4) == 1, "the rating in the metrics")
    _see_that(_counted(play, 1) == 0, "the second press is counted")
    _see_that(play.desk.conversations[ticket]["status"] == "closed", "a rating has opened a ticket")
    # It goes on, and ends once more: that is told again, and not to be rated again.
    await play.landed(play.say(person, "ещё вопрос {}"))
    await play.agent.set_status(ticket, CLOSED)
    await play.reads(person, *texts, RU.rating_thanks, _closed(play, ticket))
    _rate(play, person, ticket, 2)


async def closed_by_mistake(play: Play) -> None:
    """Closed and opened again within seconds, or by a reply that is taken back: nothing is told."""
    person, other = play.person("Ошибка"), play.person("Раздумье")
    ticket, second = await play.opened(person), await play.opened(other)
    await play.agent.set_status(ticket, CLOSED)
    await asyncio.sleep(5)
    await play.agent.set_status(ticket, ACTIVE)
    taken_back = play.inside(other)
    await play.admin.reply(second, f"<div>рано {taken_back}</div>", status=CLOSED)
    thread = await play.thread(taken_back)
    await asyncio.sleep(5)
    _see_that(await play.admin.undo(thread), "FreeScout refused to undo after 5 s")
    await asyncio.sleep(_SETTLES + 15)
    await play.reads(person, _NOTICE, _accepted(play, ticket))
    accepted_only = (_NOTICE, _accepted(play, second))
    await play.reads(other, *accepted_only)
    # FreeScout leaves the ticket closed; the reply is sent after all, and closes it.
    word = await play.reply(second, other, by=play.admin, draft=thread, status=CLOSED)
    await play.reads(other, *accepted_only, word, _closed(play, second))


async def commands(play: Play) -> None:
    """/status tells each ticket as FreeScout has it; /help is answered; neither opens a ticket."""
    person = play.person("Команда")
    state = play.bridge.max.state
    state.say(person.user_id, "/status")
    texts: list[object] = [_NOTICE, RU.status_none]
    await play.reads(person, *texts)
    state.say(person.user_id, "/help")
    texts.append(RU.help)
    await play.reads(person, *texts)
    _see_that(not state.chats[person.chat_id].suspended, "the bot was stopped")
    ticket = await play.opened(person)
    texts.append(_accepted(play, ticket))
    await play.reads(person, *texts)
    for status, words in ((ACTIVE, RU.status_open), (PENDING, RU.status_pending)):
        if (
            status is not ACTIVE
        ):  # as a customer's message leaves it; FreeScout refuses to set it again
            await play.agent.set_status(ticket, status)
        await asyncio.sleep(_ONE_ANSWER)
        state.say(person.user_id, " /Status")
        texts.append(RU.status_line.format(number=_number(play, ticket), status=words))
        await play.reads(person, *texts)
    texts.append(await play.reply(ticket, person, status=CLOSED))
    texts.append(_closed(play, ticket))
    await play.reads(person, *texts)
    await asyncio.sleep(_ONE_ANSWER)
    state.say(person.user_id, "/status")
    texts.append(RU.status_line.format(number=_number(play, ticket), status=RU.status_closed))
    await play.reads(person, *texts)


def _night() -> Toml:
    """Hours that begin in five hours, in a zone where it is about noon now."""
    now = datetime.now(UTC)
    opens = (now + timedelta(hours=12 - now.hour + 5)).replace(minute=0)
    spans = f"{opens:%H:%M}-{opens + timedelta(hours=1):%H:%M}"
    week = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
    # The sign of these names is the other way round than people write it.
    zone = f"Etc/GMT{-(12 - now.hour):+d}"
    return {
        "texts": {"away": _AWAY},
        "hours": {"timezone": zone, **dict.fromkeys(week, spans)},
    }


async def away(play: Play) -> None:
    """Outside of the hours it is told once; to whom an agent wrote a minute ago it is not."""
    waits, served = play.person("Полуночник"), play.person("Собеседник")
    ticket = await play.opened(served)
    reply = await play.reply(ticket, served)
    await play.reads(served, _NOTICE, _accepted(play, ticket), reply)
    night = _night()
    await play.bridge.reload(night)
    try:
        new = await play.opened(waits)
        until = str(night["hours"]["monday"])[:5]
        state = play.bridge.max.state
        await play.until(lambda: len(state.texts(waits.chat_id)) == 3, "that nobody is there")
        told = state.texts(waits.chat_id)[2]
        _see_that(until in told, f"it says {told}, and the hours begin at {until}")
        await play.landed(play.say(waits, "и ещё {}"), play.say(served, "спасибо {}"))
        await asyncio.sleep(10)
        await play.reads(waits, _NOTICE, _accepted(play, new), told)
    finally:
        await play.bridge.reload({"texts": {"away": ""}})
    await play.landed(play.say(waits, "утром {}"))


async def rated_late(play: Play) -> None:
    """The buttons are pressed when the ids of that time are forgotten, as after a month or a year."""
    person = play.person("Через Год")
    ticket = await play.opened(person)
    await play.agent.set_status(ticket, CLOSED)
    texts = (_NOTICE, _accepted(play, ticket), _closed(play, ticket))
    await play.reads(person, *texts)
    await play.bridge.stop()
    with contextlib.closing(sqlite3.connect(play.bridge.database)) as database, database:
        theirs = "SELECT id FROM outbox WHERE chat_id = ? AND key LIKE 'closed:%'"
        for delete in ("part WHERE outbox_id", "outbox WHERE id"):
            gone = database.execute(
                f"DELETE FROM {delete} IN ({theirs})",  # noqa: S608 - our own words
                (person.chat_id,),
            )
            _see_that(gone.rowcount == 1, f"{gone.rowcount} ends were told of the ticket")
    await play.bridge.start()
    _rate(play, person, ticket, 5)
    await asyncio.sleep(10)
    await play.reads(person, *texts)
    _see_that(play.desk.conversations[ticket]["status"] == "closed", "a rating has opened a ticket")


async def told_under_fire(play: Play, *, part: str = "") -> None:
    """Each sentence once, with its reply before it, whatever is killed meanwhile.

    Args:
        play: The scenario.
        part: Of the desk; stopped for some seconds beside the kills. Empty for none.
    """
    rng = Random(play.stage.began + 2)  # noqa: S311 - it has to be repeatable
    calm = asyncio.Event()

    async def fire() -> None:
        for _ in range(_KILLS):
            await asyncio.sleep(rng.uniform(2.0, 9.0))
            if part:
                await play.stage.control("stop", part)
            try:
                await play.bridge.kill()
                await asyncio.sleep(rng.uniform(0.0, 3.0))
                await play.bridge.start()
            finally:
                if part:
                    await play.stage.control("start", part)
        calm.set()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(fire())
        for number in range(4):
            tasks.create_task(_rated_talk(play, play.person(f"Огонь{number}"), number + 1, calm))


async def _rated_talk(play: Play, person: Person, stars: int, calm: asyncio.Event) -> None:
    """From the first message to the thanks for the rating; repeated in new tickets until all is calm."""
    ticket = await play.ticket(play.say(person), _SLOW)
    texts: list[object] = [_NOTICE, _accepted(play, ticket)]
    texts += [await _sent_and_closed(play, person, ticket), _closed(play, ticket)]
    await play.reads(person, *texts, within=_SLOW)
    _rate(play, person, ticket, stars)
    play.expect_notes()
    texts.append(RU.rating_thanks)
    await play.reads(person, *texts, within=_SLOW)
    await play.until(lambda: len(_notes(play, ticket)) > 0, "the note of the rating", _SLOW)
    while not calm.is_set():
        await play.landed(play.say(person, "снова {}"), within=_SLOW)
        texts += [await _sent_and_closed(play, person, ticket), _closed(play, ticket)]
        await play.reads(person, *texts, within=_SLOW)


async def _sent_and_closed(play: Play, person: Person, ticket: int) -> Word:
    """Send and close, once more where FreeScout was away; an answer that got lost counts as the desk has it."""
    while True:
        word = await play.try_reply(ticket, person, status=CLOSED)
        with contextlib.suppress(NotYetError):
            await play.landed(word, within=20)
            return word


async def told_while_php_is_away(play: Play) -> None:
    """The same while PHP goes away with each kill."""
    await told_under_fire(play, part="fpm")


TOGETHER = (
    Scenario("accepted", "Notice and number are told once", accepted),
    Scenario("closed, rated", "The end is told behind the reply, one rating counts", closed),
    Scenario("closed by mistake", "What is taken back is not told", closed_by_mistake),
    Scenario("commands", "A command is answered and opens no ticket", commands),
)
SCENARIOS = (
    Scenario("away", "It is told once for a night, and not when somebody is there", away),
    Scenario("rated late", "An old button does nothing", rated_late),
    Scenario("told, kills", "Each sentence once, whatever is killed", told_under_fire),
    Scenario(
        "told, PHP away", "The same while the desk is down", told_while_php_is_away, outage=True
    ),
)
