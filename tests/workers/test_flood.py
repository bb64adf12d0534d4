"""A flood of strangers, or of one chat, delays nobody whom an agent has answered (case A8), both ways."""

from __future__ import annotations

from pathlib import Path

from bridge import OTHER, SETTLED, USER, Bridge, running
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
