"""A flood of strangers, or of one chat, delays nobody whom an agent has answered (case A8), both ways."""

from __future__ import annotations

import asyncio
from pathlib import Path

from bridge import OTHER, SETTLED, USER, Bridge, running
from maxbridge.core.delivery import Outcome
from maxbridge.observe.status import assess
from virtual_time import virtual

STRANGERS = 300
FIRST = 900000


async def answered(bridge: Bridge) -> int:
    """A customer whom an agent has answered; gives the ticket."""
    bridge.say("здравствуйте")
    await bridge.until(bridge.tickets)
    (ticket,) = bridge.tickets()
    bridge.reply(ticket, "<div>Слушаю</div>")
    await bridge.until(lambda: bridge.sent() == ["Слушаю"])
    return ticket


def strangers(bridge: Bridge, count: int = STRANGERS) -> list[int]:
    users = list(range(FIRST, FIRST + count))
    for user in users:
        bridge.max.state.person(user, f"Имя{user}")
    return users


@virtual
async def test_strangers_in_a_flood_do_not_delay_who_was_answered(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        ticket = await answered(bridge)
        # Four at a time: the flood takes more than a minute.
        bridge.break_desk("stall_before", seconds=1.0, method="POST", times=None)
        for user in strangers(bridge):
            bridge.say("купите", user)
        await bridge.until(lambda: len(bridge.tickets()) > 20)
        for number in range(5):
            before = len(bridge.tickets())
            bridge.say(f"вопрос {number}")
            await bridge.until(lambda: f"вопрос {number}" in bridge.words(ticket), 6.0)  # noqa: B023
            await bridge.until(lambda: len(bridge.tickets()) > before + 4, 6.0)  # noqa: B023
        assert len(bridge.tickets()) < STRANGERS
        await bridge.until(lambda: len(bridge.tickets()) == STRANGERS + 1, 200)


@virtual
async def test_who_was_answered_does_not_starve_strangers(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        known = strangers(bridge, 30)
        for user in known:
            bridge.say("здравствуйте", user)
        await bridge.until(lambda: len(bridge.tickets()) == len(known))
        for ticket in bridge.tickets():
            bridge.reply(ticket, "<div>Слушаю</div>")
        await bridge.until(lambda: all(bridge.sent(user) for user in known))
        bridge.break_desk("stall_before", seconds=5.0, method="POST", times=None)
        for number in range(20):
            for user in known:
                bridge.say(f"ещё {number}", user)
        bridge.max.state.person(OTHER, "Олег", "Ким")
        bridge.say("я новый", OTHER)
        bridge.say("а я нет", USER)
        # Every fourth turn is a stranger's, though thirty others always have something to say.
        await bridge.until(lambda: len(bridge.tickets()) == len(known) + 2, 25.0)


@virtual
async def test_greetings_to_a_flood_do_not_delay_an_agents_reply(tmp_path: Path) -> None:
    async with running(tmp_path, greeting="Здравствуйте!") as bridge:
        ticket = await answered(bridge)
        bridge.break_max("stall_before", seconds=2.0, method="POST", path="/messages", times=None)
        users = strangers(bridge)
        for user in users:
            bridge.max.state.start(user)
        bridge.reply(ticket, "<div>Готово</div>")
        await bridge.until(lambda: "Готово" in bridge.sent(), SETTLED + 15)
        greeted = [user for user in users if bridge.sent(user)]
        assert 0 < len(greeted) < STRANGERS
        await bridge.until(lambda: all(bridge.sent(user) for user in users), 200)


LIMIT = 20


@virtual
async def test_what_is_too_much_is_put_aside_told_once_and_released_in_order(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, flood_limit=LIMIT) as bridge:
        store = bridge.journal
        assert store is not None
        mids = [bridge.say(f"слово {number}") for number in range(LIMIT + 30)]
        bridge.say("я другой", strangers(bridge, 1)[0])
        await bridge.quiet()
        ticket = 1
        assert bridge.words(ticket) == [f"слово {number}" for number in range(LIMIT)]
        assert len(bridge.tickets()) == 2
        # Edits and deletions of what is put aside wait with it, and so does whatever comes later.
        bridge.max.state.edit(mids[LIMIT + 3], "исправлено")
        bridge.max.state.remove(mids[LIMIT + 4])
        await asyncio.sleep(2 * 3600)
        bridge.say("важное")
        await asyncio.sleep(120)
        (note,) = bridge.bodies(ticket, "note")
        assert "maxbridge queue release 512340001" in note
        assert len(bridge.words(ticket)) == LIMIT
        report = assess(store.health.snapshot(), running=True, now=bridge.our_now())
        assert [each for each in report.reasons if "messages put aside: 33:" in each]

        assert store.floods.let_go(bridge.chat(), Outcome.RELEASE, bridge.our_now()) == 33
        await bridge.quiet()
        words = bridge.words(ticket)
        told = [f"слово {number}" for number in range(LIMIT + 30)]
        assert [each for each in words if each in told] == told
        assert words[-1] == "важное"
        assert any("исправлено" in body for body in bridge.bodies(ticket))
        # From now on all is as before, for another hour.
        bridge.say("спасибо")
        await bridge.until(lambda: bridge.words(ticket)[-1] == "спасибо", 10)
        assert len(bridge.bodies(ticket, "note")) == 1


@virtual
async def test_a_flood_survives_a_restart(tmp_path: Path) -> None:
    async with running(tmp_path, flood_limit=LIMIT) as bridge:
        for number in range(LIMIT + 5):
            bridge.say(f"слово {number}")
        await bridge.quiet()
        await bridge.stop()
        bridge.start()
        bridge.say("после")
        await asyncio.sleep(60)
        assert bridge.journal is not None
        (flood,) = bridge.journal.health.snapshot().floods
        assert (flood.chat_id, flood.messages) == (bridge.chat(), 6)
        assert bridge.words(1)[-1] == f"слово {LIMIT - 1}"
        bridge.journal.floods.let_go(bridge.chat(), Outcome.RELEASE, bridge.our_now())
        await bridge.until(lambda: bridge.words(1)[-1] == "после")


def lose(bridge: Bridge, text: str) -> None:
    """The customer writes, and another program takes the event from us: only the chat's history has it."""
    queue = bridge.max.state.queue
    queue.keep_acknowledged = False
    bridge.say(text)
    queue.acknowledge(queue.next)


@virtual
async def test_what_a_history_brings_waits_behind_what_is_put_aside(tmp_path: Path) -> None:
    async with running(tmp_path, flood_limit=LIMIT) as bridge:
        store, daemon = bridge.journal, bridge.daemon
        assert store is not None
        assert daemon is not None
        for number in range(LIMIT + 5):
            bridge.say(f"слово {number}")
        await bridge.quiet()
        lose(bridge, "из истории")
        store.backfill.doubt(bridge.chat(), 0, bridge.our_now())
        daemon.backfill.begin()
        await bridge.quiet()
        (flood,) = store.health.snapshot().floods
        assert flood.messages == 6
        assert bridge.words(1)[-1] == f"слово {LIMIT - 1}"
        store.floods.let_go(bridge.chat(), Outcome.RELEASE, bridge.our_now())
        await bridge.quiet()
        told = [f"слово {number}" for number in range(LIMIT + 5)]
        assert bridge.words(1) == [*told, "из истории"]


@virtual
async def test_a_history_of_a_flood_is_a_flood(tmp_path: Path) -> None:
    async with running(tmp_path, flood_limit=LIMIT) as bridge:
        store, daemon = bridge.journal, bridge.daemon
        assert store is not None
        assert daemon is not None
        bridge.say("начало")
        await bridge.quiet()
        for number in range(LIMIT + 5):
            lose(bridge, f"слово {number} из истории")
        store.backfill.doubt(bridge.chat(), 0, bridge.our_now())
        daemon.backfill.begin()
        await bridge.quiet()
        (flood,) = store.health.snapshot().floods
        assert flood.messages == 6
        assert len(bridge.words(1)) == LIMIT


@virtual
async def test_who_can_be_written_to_is_obeyed_at_once_in_a_flood(tmp_path: Path) -> None:
    async with running(tmp_path, flood_limit=LIMIT) as bridge:
        store = bridge.journal
        assert store is not None
        await answered(bridge)
        for number in range(LIMIT + 5):
            bridge.say(f"слово {number}")
        await bridge.quiet()
        bridge.max.state.stop(USER)
        await asyncio.sleep(10.0)
        dialog = store.dialogs.get(bridge.chat())
        assert dialog is not None
        assert dialog.blocked
        bridge.reply(1, "<div>Вы здесь?</div>")
        await asyncio.sleep(60.0)
        assert bridge.sent() == ["Слушаю"]
        bridge.max.state.start(USER)
        await bridge.until(lambda: bridge.sent()[-1] == "Вы здесь?", 30.0)
        # What they say to agents waits, and changes nothing when it is let go.
        store.floods.let_go(bridge.chat(), Outcome.RELEASE, bridge.our_now())
        await bridge.quiet()
        dialog = store.dialogs.get(bridge.chat())
        assert dialog is not None
        assert not dialog.blocked


@virtual
async def test_what_is_put_aside_is_asked_in_the_transaction_that_stores_it(tmp_path: Path) -> None:
    # An administrator may release a flood between two reads of ours: what comes then waits behind nothing.
    async with running(tmp_path, flood_limit=LIMIT) as bridge:
        store = bridge.journal
        assert store is not None
        asked: list[bool] = []
        chats = store.floods.chats

        def watched() -> set[int]:
            asked.append(store.db._db.in_transaction())
            return chats()

        store.floods.chats = watched  # type: ignore[method-assign]
        bridge.say("раз")
        await bridge.quiet()
        store.backfill.doubt(bridge.chat(), 0, bridge.our_now())
        lose(bridge, "два")
        assert bridge.daemon is not None
        bridge.daemon.backfill.begin()
        await bridge.quiet()
        assert bridge.words(1) == ["раз", "два"]
        assert len(asked) >= 2
        assert all(asked)
