"""The administrator links and unlinks tickets beside the running daemon; it honours both at once."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from bridge import OTHER, USER, Bridge, running
from maxbridge.cli.linking import read_ticket
from maxbridge.core.delivery import Outcome
from maxbridge.core.errors import ApiError
from maxbridge.freescout.client import FreeScoutClient
from maxbridge.i18n import RU
from maxbridge.sim.transport import desk_transport
from maxbridge.store.store import Store
from virtual_time import virtual


def words(bridge: Bridge, conversation_id: int) -> list[str]:
    return [
        body.split("</div>")[0].removeprefix("<div>") for body in bridge.bodies(conversation_id)
    ]


def client(bridge: Bridge) -> FreeScoutClient:
    desk = bridge.settings.freescout
    return FreeScoutClient(
        desk.url,
        desk.api_key.reveal(),
        now=bridge.our_now,
        transport=desk_transport(bridge.desk_line),
    )


async def link(bridge: Bridge, conversation_id: int, user: int = USER) -> bool:
    """What the command does, in another connection than the daemon's."""
    seen = await read_ticket(client(bridge), conversation_id)
    beside = Store(bridge.settings.store.path, exclusive=False)
    try:
        return beside.linking.link(
            bridge.chat(user), conversation_id, seen.customer_id, desk_now=seen.desk_time
        )
    finally:
        beside.close()


def unlink(bridge: Bridge, conversation_id: int, user: int = USER) -> bool:
    beside = Store(bridge.settings.store.path, exclusive=False)
    try:
        return beside.linking.unlink(
            bridge.chat(user), conversation_id, RU.unlinked, bridge.our_now()
        )
    finally:
        beside.close()


async def asked(bridge: Bridge, user: int = USER) -> int:
    bridge.say("вопрос", user)
    count = len(bridge.tickets())
    await bridge.until(lambda: len(bridge.tickets()) == count + 1)
    return bridge.tickets()[-1]


@virtual
async def test_an_unlinked_tickets_replies_stay_and_the_next_message_opens_another(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as bridge:
        await asked(bridge)
        bridge.reply(1, "<div>до</div>")
        await bridge.quiet()
        assert unlink(bridge, 1)
        bridge.reply(1, "<div>после</div>")
        await asyncio.sleep(60.0)
        assert bridge.sent() == ["до"]
        assert "отвязал" in bridge.bodies(1, "note")[0]
        bridge.say("ещё вопрос")
        await bridge.until(lambda: len(bridge.tickets()) == 2)
        bridge.reply(2, "<div>отсюда</div>")
        # The sweep lists the old ticket again; it must not be adopted.
        await asyncio.sleep(4000.0)
        assert bridge.sent() == ["до", "отсюда"]
        assert words(bridge, 1) == ["вопрос"]


@virtual
async def test_a_reply_that_waits_for_its_undo_window_stays_in_an_unlinked_ticket(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as bridge:
        await asked(bridge)
        bridge.reply(1, "<div>только что</div>")
        await asyncio.sleep(8.0)
        assert unlink(bridge, 1)
        assert not unlink(bridge, 1), "twice is once"
        await asyncio.sleep(120.0)
        assert bridge.sent() == []


@virtual
async def test_a_reply_in_the_outbox_still_leaves(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        await asked(bridge)
        bridge.break_max("status", status=503, method="POST", path="/messages", times=3)
        bridge.reply(1, "<div>ждёт</div>")
        assert bridge.journal is not None
        journal = bridge.journal
        await bridge.until(lambda: journal.linking.waiting_replies(1))
        assert journal.linking.waiting_replies(1) == ["out-1"]
        assert unlink(bridge, 1)
        await bridge.until(bridge.sent, 600.0)
        assert bridge.sent() == ["ждёт"]
        # A reply that leaves late does not bring its ticket back.
        bridge.say("и ещё")
        await bridge.until(lambda: len(bridge.tickets()) == 2)


@virtual
async def test_what_is_in_a_linked_ticket_is_history_and_what_comes_leaves(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        await asked(bridge)
        other = bridge.by_mail(customer_id=1, html="<div>письмо</div>")
        bridge.reply(other, "<div>старое</div>")
        await asyncio.sleep(60.0)
        assert await link(bridge, other)
        await asyncio.sleep(60.0)
        assert bridge.sent() == []
        bridge.reply(other, "<div>новое</div>")
        await bridge.until(bridge.sent)
        bridge.say("сюда")
        await bridge.quiet()
        assert words(bridge, other)[-1] == "сюда"
        # The old one is still his: an answer there reaches him as well.
        bridge.reply(1, "<div>и отсюда</div>")
        await bridge.quiet()
        assert bridge.sent() == ["новое", "и отсюда"]


@virtual
async def test_an_unlinked_ticket_can_be_linked_again(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        await asked(bridge)
        unlink(bridge, 1)
        bridge.reply(1, "<div>пропало</div>")
        await asyncio.sleep(60.0)
        assert await link(bridge, 1)
        await asyncio.sleep(2.0)
        bridge.reply(1, "<div>дошло</div>")
        await bridge.quiet()
        assert bridge.sent() == ["дошло"]
        bridge.say("снова")
        await bridge.quiet()
        assert words(bridge, 1) == ["вопрос", "снова"]


@virtual
async def test_a_message_on_its_way_is_not_overtaken(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        await asked(bridge)
        other = bridge.by_mail(customer_id=1)
        bridge.break_desk("late", seconds=5.0, method="POST", path="/api/conversations/1/threads")
        bridge.say("в пути")
        assert bridge.journal is not None
        journal = bridge.journal
        await bridge.until(lambda: journal.linking.is_posting(bridge.chat()))
        assert not await link(bridge, other)
        await bridge.quiet()
        assert await link(bridge, other)
        bridge.say("сюда")
        await bridge.quiet()
        assert words(bridge, 1) == ["вопрос", "в пути"]
        assert words(bridge, other) == ["сюда"]


@virtual
async def test_a_message_on_its_way_does_not_bring_an_unlinked_ticket_back(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        await asked(bridge)
        bridge.break_desk("late", seconds=5.0, method="POST", path="/api/conversations/1/threads")
        bridge.say("в пути")
        assert bridge.journal is not None
        journal = bridge.journal
        await bridge.until(lambda: journal.linking.is_posting(bridge.chat()))
        assert unlink(bridge, 1)
        await bridge.quiet()
        bridge.say("дальше")
        await bridge.quiet()
        assert words(bridge, 1) == ["вопрос", "в пути"]
        assert words(bridge, 2) == ["дальше"]


@virtual
async def test_a_ticket_can_be_taken_from_another_chat(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        bridge.max.state.person(OTHER, "Олег")
        await asked(bridge)
        second = await asked(bridge, OTHER)
        # An agent puts Марина's card on the ticket that was begun as Олег's.
        bridge.desk.state.conversations[second].customer_id = 1
        await asyncio.sleep(30.0)
        assert await link(bridge, second)
        await asyncio.sleep(2.0)
        bridge.reply(second, "<div>теперь ей</div>")
        await bridge.quiet()
        assert (bridge.sent(), bridge.sent(OTHER)) == (["теперь ей"], [])
        bridge.say("а я", OTHER)
        await bridge.until(lambda: len(bridge.tickets()) == 3)


@virtual
async def test_the_desk_is_asked_whose_ticket_it_is(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        await asked(bridge)
        seen = await read_ticket(client(bridge), 1)
        assert (seen.customer_id, seen.users, seen.deleted) == (1, frozenset({USER}), False)
        with pytest.raises(ApiError):
            await read_ticket(client(bridge), 99)


@virtual
async def test_a_held_reply_that_had_arrived_is_found_behind_later_ones(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        await asked(bridge)
        bridge.break_max("drop_after", method="POST", path="/messages")
        bridge.break_max("status", status=503, method="GET", path="/messages", times=2)
        bridge.reply(1, "<div>дошло</div>")
        await bridge.until(bridge.sent)
        assert bridge.journal is not None
        bridge.journal.outbox.decide(1, Outcome.BUG, error="max.undecidable", now=bridge.our_now())
        bridge.reply(1, "<div>позже</div>")
        await bridge.until(lambda: "позже" in bridge.sent())
        assert bridge.journal.outbox.retry(1, anyway=False, now=bridge.our_now())
        await asyncio.sleep(300.0)
        assert bridge.sent() == ["дошло", "позже"]
        item = bridge.journal.outbox.by_id(1)
        assert item is not None
        assert item.state == "done"


@virtual
async def test_a_ticket_merged_into_an_unlinked_one_is_followed_by_a_new_one(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as bridge:
        first = await asked(bridge)
        await bridge.quiet()
        assert unlink(bridge, first)
        bridge.say("ещё вопрос")
        await bridge.until(lambda: len(bridge.tickets()) == 2)
        await bridge.quiet()
        bridge.desk.state.merge(into=first, source=2)
        bridge.say("после слияния")
        await bridge.until(lambda: len(bridge.tickets()) == 3, 120.0)
        assert words(bridge, 3) == ["после слияния"]
        (told,) = bridge.bodies(first, "note")
        assert "новые ответы отсюда клиенту не уходят" in told
        bridge.reply(3, "<div>ответ</div>")
        await bridge.until(bridge.sent, 120.0)
        await bridge.quiet()
        assert bridge.sent() == ["ответ"]


@virtual
async def test_an_unlinked_ticket_that_an_older_version_left_as_the_current_one_is_left(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as bridge:
        first = await asked(bridge)
        await bridge.quiet()
        assert unlink(bridge, first)
        await bridge.stop()
        with sqlite3.connect(bridge.settings.store.path) as database:
            database.execute("UPDATE dialog SET conversation_id = ?", (first,))
        database.close()
        bridge.start()
        bridge.say("ещё вопрос")
        await bridge.until(lambda: len(bridge.tickets()) == 2)
        assert words(bridge, 2) == ["ещё вопрос"]
