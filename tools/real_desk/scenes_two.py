"""Scenarios of two bots on one desk: each has a daemon and a database of its own."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from random import Random

from maxbridge.sim.max.store import Person
from real_desk.ledger import Word
from real_desk.play import Play, Scenario, calm

_WITHIN = 300.0


@dataclass(frozen=True, slots=True)
class _Talk:
    """Somebody's talk with one of the bots."""

    play: Play
    person: Person
    ticket: int


async def _everybody(talks: list[_Talk]) -> None:
    """Each customer writes to each of their bots and is answered: through that one, and no other.

    Raises:
        RuntimeError: A word went another way.
    """
    said = [_free(each.play.say(each.person, "и снова {}")) for each in talks]
    await talks[0].play.landed(*said, within=_WITHIN)
    for talk, word in zip(talks, said, strict=True):
        if await talk.play.ticket(word) != talk.ticket:
            raise RuntimeError(f"{word} is not in ticket {talk.ticket}")
    replies = [_free(await each.play.reply(each.ticket, each.person)) for each in talks]
    for talk, word in zip(talks, replies, strict=True):
        await talk.play.arrived(word, within=_WITHIN)


def _free(word: Word) -> Word:
    word.ordered = False  # one person's words in two chats
    return word


async def two_bots(play: Play) -> None:
    """Somebody writes to both bots, somebody to the second only; the first one's commands are run."""
    (second,) = play.beside
    number = play.stage.new_id()
    anna = [each.person("Анна", "Двух Ботов", number=number) for each in (play, second)]
    boris = second.person("Борис", "Второго Бота")
    talks = []
    for scene, person in ((play, anna[0]), (second, anna[1]), (second, boris)):
        word = _free(scene.say(person, "Здравствуйте! {}"))
        talks.append(_Talk(scene, person, await scene.ticket(word)))
    play.tickets |= {each.ticket for each in talks}
    await _everybody(talks)
    # The first bot's database is put back while the second one works.
    copy = play.bridge.folder / "copy.db"
    await play.bridge.command("backup", "--yes", str(copy))
    await _everybody(talks)
    await play.bridge.kill()
    await play.bridge.command("restore", "--yes", str(copy))
    await _everybody(talks[1:])
    await play.bridge.start()
    await _everybody(talks)
    # It is lost.
    await calm(play.bridge, play.stage)
    await play.bridge.stop()
    play.bridge.lose_database()
    unsent = [_free(play.say(anna[0], "пока базы не было {}"))]
    unsent.append(_free(await play.reply(talks[0].ticket, anna[0])))
    await _everybody(talks[1:])
    await asyncio.sleep(20)  # past its undo window: relink may judge it
    await play.bridge.command("relink", "--yes")
    await play.bridge.start()
    await play.landed(unsent[0], within=_WITHIN)
    await play.arrived(unsent[1], within=_WITHIN)
    await _everybody(talks)
    await _merged(play, talks)


async def two_bots_killed(play: Play) -> None:
    """Both daemons die at random, 16 times, while everybody writes to both bots and is answered."""
    (second,) = play.beside
    dice = Random(play.stage.began + 4)  # noqa: S311 - it has to be repeatable
    talks = []
    for number in range(3):
        user = play.stage.new_id()
        for scene in (play, second):
            person = scene.person(f"Обоим{number}", number=user)
            word = _free(scene.say(person, "Здравствуйте! {}"))
            talks.append(_Talk(scene, person, await scene.ticket(word)))
    play.tickets |= {each.ticket for each in talks}
    stop = asyncio.Event()

    async def talk(one: _Talk) -> None:
        while not stop.is_set():
            _free(one.play.say(one.person, "под обстрелом {}"))
            await asyncio.sleep(dice.uniform(0.5, 2.0))
            _free(await one.play.reply(one.ticket, one.person))
            await asyncio.sleep(dice.uniform(1.0, 3.0))

    async with asyncio.TaskGroup() as tasks:
        for each in talks:
            tasks.create_task(talk(each))
        try:
            for _ in range(16):
                await asyncio.sleep(dice.uniform(1.0, 5.0))
                bridge = dice.choice((play, second)).bridge
                await bridge.kill()
                await asyncio.sleep(dice.uniform(0.0, 2.0))
                await bridge.start()
        finally:
            stop.set()
    await _everybody(talks)


async def _merged(play: Play, talks: list[_Talk]) -> None:
    """Anna's tickets of both bots become one, under one record: each answer goes where she wrote last.

    Raises:
        RuntimeError: It went another way.
    """
    mine, hers, _ = talks
    number = hers.person.user_id
    email = f"anna{number}@lab.test"
    card = play.desk.conversations[hers.ticket]["customer"]["id"]
    await play.desk.put(f"/api/customers/{card}", {"emails": [{"value": email, "type": "work"}]})
    await play.agent.change_customer(mine.ticket, email)
    await play.until(
        lambda: play.desk.conversations[mine.ticket]["customer"]["id"] == card, "one record"
    )
    await _everybody(talks)
    # In the seconds in which a reply leaves, a bot cannot tell which ticket it was written in, and says so.
    await asyncio.sleep(5)
    await play.admin.merge(hers.ticket, mine.ticket)
    play.expect_notes()  # in a ticket of two bots a reply leaves through one of them
    for talk in (mine, hers, mine):
        word = _free(talk.play.say(talk.person, "после слияния {}"))
        if await talk.play.ticket(word, within=_WITHIN) != hers.ticket:
            raise RuntimeError(f"{word} is not in the merged ticket")
        reply = _free(await talk.play.reply(hers.ticket, talk.person))
        await talk.play.arrived(reply, within=_WITHIN)


SCENARIOS = (
    Scenario("two-bots, kills", "Nothing is lost or doubled between them", two_bots_killed),
    Scenario("two-bots", "Neither bot touches what is the other's", two_bots),
)
"""They have two bots and databases of their own."""
