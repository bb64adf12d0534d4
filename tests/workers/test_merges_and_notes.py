"""Merged tickets, merged customers, doubtful calls across both, and what agents are told."""

from __future__ import annotations

import asyncio
from pathlib import Path

from bridge import OTHER, USER, Bridge, running
from virtual_time import virtual

DAY = 86400.0


async def ticket(bridge: Bridge) -> int:
    """A ticket of Марина's."""
    bridge.say("вопрос")
    await bridge.until(bridge.tickets)
    return bridge.tickets()[0]


def by_mail(bridge: Bridge, customer_id: int = 1) -> int:
    """A ticket that the bridge knows nothing of."""
    number: int = bridge.desk.state.new_conversation("<div>по почте</div>", customer_id=customer_id)
    return number


def times_told(bridge: Bridge, words: str) -> int:
    """How many of the customers' threads, in whatever ticket, have these words."""
    return sum(words in body for each in bridge.tickets() for body in bridge.bodies(each))


# --- merged tickets --------------------------------------------------------------------------------


@virtual
async def test_a_doubtful_ticket_merged_before_its_look_up_is_not_doubled(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        old = await ticket(bridge)
        bridge.desk.state.set_status(old, "closed")
        await bridge.stop()
        await asyncio.sleep(20 * DAY)
        bridge.start()
        await asyncio.sleep(1)
        bridge.break_desk("drop_after", method="POST", path="/api/conversations")
        bridge.say("новый вопрос")
        await bridge.until(lambda: len(bridge.tickets()) == 2)
        bridge.break_desk("refuse", times=None)
        await asyncio.sleep(30)
        bridge.desk.state.merge(into=old, source=2)
        await asyncio.sleep(30)
        bridge.desk_line.clear()
        await bridge.quiet(2000)
        assert times_told(bridge, "новый вопрос") == 1


@virtual
async def test_a_reply_in_the_survivor_before_the_look_up_leaves(tmp_path: Path) -> None:
    async with running(tmp_path, poll_interval=20.0) as bridge:
        number = await ticket(bridge)
        mail = by_mail(bridge)
        await asyncio.sleep(300)
        bridge.break_desk("drop_after", method="POST", path=f"/api/conversations/{number}/threads")
        bridge.say("второй")
        await bridge.until(lambda: bridge.desk_line.injected, step=0.05)
        bridge.break_desk("refuse", times=None)
        await asyncio.sleep(60)
        bridge.desk.state.merge(into=mail, source=number)
        await asyncio.sleep(5)
        bridge.reply(mail, "<div>ответ после слияния</div>")
        await asyncio.sleep(5)
        # The writer is the first to come back: it finds the words in the survivor and links it.
        bridge.desk_line.clear()
        bridge.break_desk(
            "status", method="GET", path="/api/conversations", status=503,
            body={"message": "x"}, times=None,
        )  # fmt: skip
        await asyncio.sleep(400)
        bridge.desk_line.clear()
        await bridge.until(bridge.sent, 900)
        await bridge.quiet()
        assert bridge.sent() == ["ответ после слияния"]
        assert times_told(bridge, "второй") == 1


@virtual
async def test_a_note_on_a_ticket_merged_away_is_written_in_the_survivor(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        number = await ticket(bridge)
        mail = by_mail(bridge)
        await asyncio.sleep(120)
        bridge.break_max("refuse", method="POST", path="/messages", times=4)
        bridge.break_max(
            "status", method="POST", path="/messages", status=400,
            body={"code": "proto.payload", "message": "text"},
        )  # fmt: skip
        bridge.reply(number, "<div>ответ</div>")
        await bridge.until(lambda: bridge.max_line.injected, 60)
        bridge.desk.state.merge(into=mail, source=number)
        await bridge.until(lambda: bridge.bodies(mail, "note"), 600)
        assert "Не доставлено в MAX: «ответ»" in bridge.bodies(mail, "note")[0]


# --- merged customers ------------------------------------------------------------------------------


async def cards_then_tickets_merged(bridge: Bridge) -> int:
    """An agent merges Марина's card into the one with her mail address, then the tickets, too."""
    number = await ticket(bridge)
    winner = bridge.desk.state.add_customer(first_name="Марина из почты")
    mail = by_mail(bridge, winner.id)
    await asyncio.sleep(120)
    bridge.desk.state.merge_customers(winner.id, 1)
    await asyncio.sleep(120)
    bridge.desk.state.merge(into=mail, source=number)
    await asyncio.sleep(60)
    return mail


@virtual
async def test_a_reply_after_cards_and_tickets_were_merged_leaves(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        mail = await cards_then_tickets_merged(bridge)
        bridge.reply(mail, "<div>ответ</div>")
        await bridge.until(bridge.sent, 300)
        await bridge.quiet()
        assert bridge.sent() == ["ответ"]


@virtual
async def test_after_cards_and_tickets_were_merged_the_talk_goes_on_in_the_survivor(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as bridge:
        mail = await cards_then_tickets_merged(bridge)
        bridge.reply(mail, "<div>ответ</div>")
        await asyncio.sleep(60)
        bridge.say("спасибо")
        await bridge.until(lambda: times_told(bridge, "спасибо"))
        await bridge.quiet()
        assert "спасибо" in bridge.bodies(mail)[-1]
        bridge.reply(mail, "<div>не за что</div>")
        await bridge.quiet()
        assert bridge.sent() == ["ответ", "не за что"]


@virtual
async def test_a_new_ticket_on_a_merged_card_does_not_silence_the_other_chat(
    tmp_path: Path,
) -> None:
    # Марина has a new phone, hence a second account at MAX; an agent merges her two cards.
    async with running(tmp_path) as bridge:
        bridge.max.state.person(OTHER, "Марина Новая")
        old = await ticket(bridge)
        bridge.say("с нового телефона", OTHER)
        await bridge.until(lambda: len(bridge.tickets()) == 2)
        bridge.desk.state.merge_customers(1, 2)
        bridge.desk.state.delete(2)
        await asyncio.sleep(60)
        bridge.say("ещё с нового", OTHER)
        await bridge.until(lambda: len(bridge.tickets()) == 3)
        await asyncio.sleep(60)
        bridge.reply(old, "<div>ответ на старый</div>")
        await bridge.until(bridge.sent, 120)
        assert bridge.sent() == ["ответ на старый"]
        assert not bridge.sent(OTHER)


# --- customers who stop the bot --------------------------------------------------------------------


@virtual
async def test_a_doubtful_reply_to_a_customer_who_then_stops_the_bot_is_told_to_its_agent(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, lifetime=1200.0, poll_interval=20.0) as bridge:
        number = await ticket(bridge)
        bridge.break_max("drop_before", method="POST", path="/messages")
        bridge.reply(number, "<div>ответ</div>")
        await bridge.until(lambda: bridge.max_line.injected, 60)
        bridge.max.state.stop(USER)
        # MAX shows nobody the history of a dialog that was stopped: nothing can be looked up.
        await asyncio.sleep(2400)
        assert bridge.journal is not None
        assert bridge.journal.outbox.depth().waiting == 0
        assert ["Неизвестно, дошёл ли" in note for note in bridge.bodies(number, "note")] == [True]


@virtual
async def test_retries_of_an_old_message_do_not_unblock_a_customer_who_left(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as bridge:
        number = await ticket(bridge)
        bridge.reply(number, "<div>ответ</div>")
        await asyncio.sleep(8)  # noticed, waits for its undo window
        bridge.break_desk(
            "status", method="POST", path=f"/api/conversations/{number}/threads", status=500,
            body={"message": "Server Error"}, times=None,
        )  # fmt: skip
        bridge.say("ещё слово")
        await asyncio.sleep(2)
        bridge.max.state.stop(USER)
        await asyncio.sleep(1200)
        assert len(bridge.desk_line.injected) > 5
        bridge.desk_line.clear()
        await bridge.until(lambda: times_told(bridge, "ещё слово"), 600)
        await asyncio.sleep(60)
        sends = [each for each in bridge.max.requests if each.method == "POST"]
        assert len([each for each in sends if each.path == "/messages"]) <= 2
        assert ["остановил бота" in note for note in bridge.bodies(number, "note")] == [True]


@virtual
async def test_a_refusal_that_comes_after_the_customers_return_blocks_nobody(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as bridge:
        number = await ticket(bridge)
        bridge.reply(number, "<div>ответ</div>")
        await asyncio.sleep(10)
        bridge.break_max("stall_before", path="/updates", seconds=12.0)
        bridge.break_max("stall_after", method="POST", path="/messages", seconds=20.0)
        bridge.say("ещё")  # ends the poll that runs
        await asyncio.sleep(1)
        bridge.max.state.stop(USER)
        await bridge.until(lambda: any(i.method == "POST" for i in bridge.max_line.injected), 60)
        await asyncio.sleep(3)
        bridge.max.state.start(USER)
        await bridge.until(bridge.sent, 600)
        assert bridge.sent() == ["ответ"]


# --- what agents are told --------------------------------------------------------------------------


@virtual
async def test_an_empty_reply_is_told_to_the_agent_and_stops_no_other(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        number = await ticket(bridge)
        bridge.reply(number, "<div><br></div>")
        await asyncio.sleep(60)
        bridge.reply(number, "<div>дальше</div>")
        await bridge.quiet()
        assert bridge.sent() == ["дальше"]
        notes = bridge.bodies(number, "note")
        assert ["нет ничего, что можно отправить" in note for note in notes] == [True]
