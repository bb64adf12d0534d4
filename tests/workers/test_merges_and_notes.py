"""Merged tickets, merged customers, doubtful calls across both, and what agents are told."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path

import pytest

from bridge import OTHER, USER, Bridge, running
from maxbridge.sim.desk.model import User
from virtual_time import virtual

DAY = 86400.0


async def ticket(bridge: Bridge) -> int:
    """A ticket of Марина's."""
    bridge.say("вопрос")
    await bridge.until(bridge.tickets)
    return bridge.tickets()[0]


def times_told(bridge: Bridge, words: str) -> int:
    """How many of the customers' threads, in whatever ticket, have these words."""
    return sum(words in body for each in bridge.tickets() for body in bridge.bodies(each))


# --- merged tickets --------------------------------------------------------------------------------


@pytest.mark.parametrize("away", [False, True], ids=["working", "stopped meanwhile"])
@virtual
async def test_a_chat_reply_before_a_mail_ticket_is_begun_and_the_chat_merged_into_it(
    tmp_path: Path, *, away: bool
) -> None:
    """The customer has an address in their record; the chat's reply is not mailed by FreeScout."""
    async with running(tmp_path) as bridge:
        old = await ticket(bridge)
        await bridge.quiet()
        state = bridge.desk.state
        state.customers[1].emails = [state.make_email("customer1@example.org")]
        bridge.say("и ещё")
        await bridge.quiet()
        await asyncio.sleep(200)
        if away:
            await bridge.stop()
        reply = bridge.reply(old, "<div>в чате</div>")
        assert state.mailed_to(reply) == []
        await asyncio.sleep(3 if not away else 60)
        mail = bridge.by_mail(html="<div>счёт во вложении</div>")
        await asyncio.sleep(3 if not away else 60)
        state.merge(into=mail, source=old)
        if away:
            bridge.start()
        await bridge.quiet()
        await asyncio.sleep(100)
        notes = bridge.bodies(mail, "note")
        assert "в чате" in bridge.sent() or any("в чате" in each for each in notes)
        assert "счёт во вложении" not in bridge.sent()


@virtual
async def test_a_chat_reply_merged_into_a_mail_ticket_of_another_agents_begun_later(
    tmp_path: Path,
) -> None:
    """As the first, and the mail ticket was begun long after the reply could not be judged: MAX was away."""
    async with running(tmp_path) as bridge:
        old = await ticket(bridge)
        await bridge.quiet()
        state = bridge.desk.state
        state.customers[1].emails = [state.make_email("customer1@example.org")]
        bridge.reply(old, "<div>раз</div>")
        await asyncio.sleep(5)
        bridge.reply(old, "<div>два</div>")
        await asyncio.sleep(1)
        mail = bridge.by_mail(html="<div>счёт во вложении</div>")
        await asyncio.sleep(20)
        bridge.reply(old, "<div>три</div>")
        state.merge(into=mail, source=old)
        await bridge.quiet()
        await asyncio.sleep(100)
        assert bridge.sent() == ["раз", "два", "три"]


@pytest.mark.parametrize("before", [30, 300])
@virtual
async def test_replies_in_a_chat_during_an_outage_and_the_chat_merged_into_what_an_agent_began_since(
    tmp_path: Path, before: float
) -> None:
    """Without any address or second bot; merged the other way round they arrive."""
    async with running(tmp_path) as bridge:
        old = await ticket(bridge)
        await bridge.quiet()
        await bridge.stop()
        await asyncio.sleep(100)
        bridge.reply(old, "<div>ответ в чате</div>")
        await asyncio.sleep(before)
        new = bridge.desk.state.new_conversation("<div>новый</div>", customer_id=1, kind="chat")
        await asyncio.sleep(30)
        bridge.desk.state.merge(into=new, source=old)
        await asyncio.sleep(30)
        bridge.start()
        await bridge.quiet()
        await asyncio.sleep(100)
        told = [each for each in bridge.bodies(new, "note") if "ответ в чате" in each]
        assert "ответ в чате" in bridge.sent() or told


@pytest.mark.parametrize("away", [False, True], ids=["working", "stopped meanwhile"])
@virtual
async def test_what_was_mailed_before_a_merge_does_not_go_to_max_as_well(
    tmp_path: Path, away: bool
) -> None:
    """What the bridge last saw of the list is older than the mail if it was away, or died again and again."""
    async with running(tmp_path) as bridge:
        old = await ticket(bridge)
        await bridge.quiet()
        await asyncio.sleep(200)
        if away:
            await bridge.stop()
        mail = bridge.by_mail()
        await asyncio.sleep(30)
        bridge.reply(mail, "<div>и ещё письмом</div>")
        await asyncio.sleep(30)
        bridge.reply(old, "<div>до слияния</div>")
        await asyncio.sleep(5)
        bridge.desk.state.merge(into=mail, source=old)
        if away:
            bridge.start()
        await bridge.quiet()
        assert bridge.sent() == ["до слияния"]
        # Whether it was written in the chat, which FreeScout does not mail, nobody can tell who was not there.
        told = ["и ещё письмом" in note for note in bridge.bodies(mail, "note")]
        assert told == [True] * away
        bridge.reply(mail, "<div>после слияния</div>")
        await bridge.quiet()
        assert bridge.sent() == ["до слияния", "после слияния"]


@virtual
async def test_what_was_written_in_a_chat_with_an_address_before_a_merge_is_told(
    tmp_path: Path,
) -> None:
    """An address stands with it, too, and it is not mailed."""
    async with running(tmp_path) as bridge:
        old = await ticket(bridge)
        await bridge.quiet()
        mail = bridge.by_mail()
        await asyncio.sleep(200)
        bridge.say("и ещё")
        await bridge.quiet()
        await bridge.stop()
        await asyncio.sleep(60)
        bridge.reply(old, "<div>в чате</div>")
        await asyncio.sleep(60)
        bridge.desk.state.merge(into=mail, source=old)
        bridge.start()
        await bridge.quiet()
        assert bridge.sent() == []
        assert ["«в чате»" in note for note in bridge.bodies(mail, "note")] == [True]


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
        mail = bridge.by_mail()
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


@pytest.mark.parametrize(("source", "target"), [(1, 2), (2, 1)])
@virtual
async def test_a_reply_unread_for_long_before_its_ticket_was_merged_leaves(
    tmp_path: Path, source: int, target: int
) -> None:
    # Both tickets are hers; the one with the reply cannot be read for longer than the overlap.
    async with running(tmp_path) as bridge:
        bridge.desk.state.set_status(await ticket(bridge), "closed")
        await asyncio.sleep(30)
        await bridge.stop()
        await asyncio.sleep(20 * DAY)
        bridge.start()
        await asyncio.sleep(5)
        bridge.say("новый вопрос")
        await bridge.until(lambda: len(bridge.tickets()) == 2)
        await asyncio.sleep(300)
        bridge.break_desk(
            "status", method="GET", path=f"/api/conversations/{source}", status=500,
            body={"message": "Server Error"}, times=None,
        )  # fmt: skip
        bridge.reply(source, "<div>ответ</div>")
        await asyncio.sleep(400)
        bridge.desk.state.merge(into=target, source=source)
        await asyncio.sleep(30)
        bridge.desk_line.clear()
        await bridge.quiet(900)
        await asyncio.sleep(600)
        assert bridge.sent() == ["ответ"]


@virtual
async def test_a_note_on_a_ticket_merged_away_is_written_in_the_survivor(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        number = await ticket(bridge)
        mail = bridge.by_mail()
        await asyncio.sleep(120)
        bridge.break_max("refuse", method="POST", path="/messages", times=4)
        bridge.refuse_sends("text")
        bridge.reply(number, "<div>ответ</div>")
        await bridge.until(lambda: bridge.max_line.injected, 60)
        bridge.desk.state.merge(into=mail, source=number)
        await bridge.until(lambda: bridge.bodies(mail, "note"), 600)
        assert "Не доставлено в MAX: «ответ»" in bridge.bodies(mail, "note")[0]


async def answered(bridge: Bridge, number: int, words: str) -> list[str]:
    """What Марина has got after a reply in a ticket."""
    bridge.reply(number, f"<div>{words}</div>")
    await bridge.quiet()
    return bridge.sent()


@virtual
async def test_a_chain_of_merges_is_followed_to_its_end(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        number = await ticket(bridge)
        links = [number, *(bridge.by_mail() for _ in range(4))]
        await asyncio.sleep(120)
        for source, into in itertools.pairwise(links):
            bridge.desk.state.merge(into=into, source=source)
        assert await answered(bridge, links[-1], "в конце цепи") == ["в конце цепи"]
        bridge.say("и я сюда")
        await bridge.until(lambda: times_told(bridge, "и я сюда"))
        assert "и я сюда" in bridge.bodies(links[-1])[-1]


@virtual
async def test_the_customer_who_writes_before_the_merges_are_seen_lands_at_their_end(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, poll_interval=20.0) as bridge:
        number = await ticket(bridge)
        links = [number, bridge.by_mail(), bridge.by_mail()]
        await asyncio.sleep(200)  # the stored position may be more than a minute old
        for source, into in itertools.pairwise(links):
            bridge.desk.state.merge(into=into, source=source)
        bridge.say("ау")
        await bridge.until(lambda: times_told(bridge, "ау"), 5)
        assert "ау" in bridge.bodies(links[-1])[-1]
        assert await answered(bridge, links[-1], "ответ") == ["ответ"]
        assert not bridge.bodies(links[-1], "note")


@virtual
async def test_merges_in_a_circle_end_in_a_new_ticket(tmp_path: Path) -> None:
    # Merged there, restored, merged back, deleted: each says that it was merged into the other.
    async with running(tmp_path, poll_interval=60.0) as bridge:
        number = await ticket(bridge)
        mail = bridge.by_mail()
        await asyncio.sleep(130)
        for into, source in ((mail, number), (number, mail)):
            bridge.desk.state.merge(into=into, source=source)
            bridge.desk.state.restore(source)
            await asyncio.sleep(1)
        for each in (mail, number):
            bridge.desk.state.delete(each)
        bridge.desk.requests.clear()
        bridge.say("ау")
        await bridge.until(lambda: times_told(bridge, "ау"), 10)
        assert len(bridge.bodies(3)) == 1
        assert len([each for each in bridge.desk.requests if each.method == "GET"]) < 10


@pytest.mark.parametrize("survivor", ["older", "newer"])
@virtual
async def test_two_tickets_of_one_chat_become_one_either_way(tmp_path: Path, survivor: str) -> None:
    async with running(tmp_path) as bridge:
        older = await ticket(bridge)
        newer = bridge.desk.state.clone(older)
        await asyncio.sleep(1)
        assert await answered(bridge, older, "раз") == ["раз"]
        assert await answered(bridge, newer, "два") == ["раз", "два"]
        into, source = (older, newer) if survivor == "older" else (newer, older)
        bridge.desk.state.merge(into=into, source=source)
        await bridge.quiet()
        bridge.say("спасибо")
        await bridge.until(lambda: times_told(bridge, "спасибо"))
        assert "спасибо" in bridge.bodies(into)[-1]
        assert await answered(bridge, into, "три") == ["раз", "два", "три"]
        assert not bridge.bodies(into, "note")


@virtual
async def test_an_old_ticket_that_is_merged_away_does_not_move_the_talk(tmp_path: Path) -> None:
    async with running(tmp_path, reopen_days=0) as bridge:
        old = await ticket(bridge)
        bridge.desk.state.set_status(old, "closed")
        bridge.say("новый вопрос")
        await bridge.until(lambda: len(bridge.tickets()) == 2)
        mail = bridge.by_mail()
        await asyncio.sleep(120)
        bridge.desk.state.merge(into=mail, source=old)
        await bridge.quiet()
        bridge.say("и ещё")
        await bridge.until(lambda: len(bridge.bodies(2)) == 2)
        assert await answered(bridge, mail, "по старому") == ["по старому"]


@virtual
async def test_an_agent_whose_name_has_a_number_misleads_nobody(tmp_path: Path) -> None:
    # The line item begins with it: "Оператор #7 … merged into conversation #3".
    async with running(tmp_path) as bridge:
        number = await ticket(bridge)
        bridge.desk.state.users[2] = User(2, "Оператор", "#1")
        mail = bridge.by_mail()
        await asyncio.sleep(120)
        bridge.desk.state.merge(into=mail, source=number, user=2)
        await bridge.quiet()
        assert await answered(bridge, mail, "ответ") == ["ответ"]


@pytest.mark.parametrize("noticed", [True, False])
@virtual
async def test_a_merge_under_another_card_is_told_once_and_a_new_ticket_follows(
    tmp_path: Path, noticed: bool
) -> None:
    async with running(tmp_path, poll_interval=20.0) as bridge:
        number = await ticket(bridge)
        stranger = bridge.desk.state.add_customer(first_name="Пётр")
        mail = bridge.by_mail(stranger.id)
        bridge.desk.state.merge(into=mail, source=number)
        if noticed:
            await asyncio.sleep(60)
        bridge.reply(mail, "<div>Петру</div>")
        bridge.say("ау")
        await bridge.until(lambda: times_told(bridge, "ау"))
        await bridge.quiet()
        assert len(bridge.bodies(3)) == 1
        assert not bridge.sent()
        words = "Тому клиенту ответы отсюда в MAX не уходят"
        assert [words in note for note in bridge.bodies(mail, "note")] == [True]
        assert await answered(bridge, 3, "Марине") == ["Марине"]


@virtual
async def test_a_note_on_a_ticket_merged_away_twice_is_written_at_the_end(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        number = await ticket(bridge)
        links = [number, bridge.by_mail(), bridge.by_mail()]
        await asyncio.sleep(120)
        bridge.refuse_sends("text")
        bridge.break_desk("refuse", method="POST", times=None)
        bridge.reply(number, "<div>ответ</div>")
        await bridge.until(lambda: bridge.max_line.injected, 60)
        for source, into in itertools.pairwise(links):
            bridge.desk.state.merge(into=into, source=source)
        bridge.desk_line.clear()
        await bridge.until(lambda: bridge.bodies(links[-1], "note"), 900)
        assert "Не доставлено в MAX: «ответ»" in bridge.bodies(links[-1], "note")[0]


@virtual
async def test_a_doubtful_message_is_found_at_the_end_of_a_chain_of_merges(tmp_path: Path) -> None:
    async with running(tmp_path, poll_interval=20.0) as bridge:
        number = await ticket(bridge)
        links = [number, bridge.by_mail(), bridge.by_mail()]
        await asyncio.sleep(300)
        bridge.break_desk("drop_after", method="POST", path=f"/api/conversations/{number}/threads")
        bridge.say("второй")
        await bridge.until(lambda: bridge.desk_line.injected, step=0.05)
        bridge.break_desk("refuse", times=None)
        await asyncio.sleep(60)
        for source, into in itertools.pairwise(links):
            bridge.desk.state.merge(into=into, source=source)
        bridge.desk_line.clear()
        await bridge.quiet(1200)
        assert times_told(bridge, "второй") == 1
        assert await answered(bridge, links[-1], "ответ") == ["ответ"]


# --- merged tickets of two chats on one card ---------------------------------------------------------


async def two_chats_one_card(bridge: Bridge) -> tuple[int, int]:
    """Марина has a new phone, hence a second chat; an agent merged her cards."""
    bridge.max.state.person(OTHER, "Марина Новая")
    old = await ticket(bridge)
    bridge.say("с нового телефона", OTHER)
    await bridge.until(lambda: len(bridge.tickets()) == 2)
    bridge.desk.state.merge_customers(1, 2)
    await asyncio.sleep(120)
    return old, 2


@pytest.mark.parametrize("way", ["old into new", "new into old"])
@virtual
async def test_a_merge_of_two_chats_tickets_is_told_and_answers_the_survivors_chat(
    tmp_path: Path, way: str
) -> None:
    async with running(tmp_path) as bridge:
        old, new = await two_chats_one_card(bridge)
        into, source, stays, other = (
            (new, old, OTHER, USER) if way == "old into new" else (old, new, USER, OTHER)
        )
        bridge.desk.state.merge(into=into, source=source)
        await asyncio.sleep(60)
        bridge.reply(into, "<div>ответ</div>")
        await bridge.quiet()
        assert (bridge.sent(stays), bridge.sent(other)) == (["ответ"], [])
        words = "уходят только в прежний чат этого тикета"
        assert [words in note for note in bridge.bodies(into, "note")] == [True]
        bridge.say("а мне?", other)
        await bridge.until(lambda: len(bridge.tickets()) == 3)
        bridge.reply(3, "<div>и вам</div>")
        await bridge.quiet()
        assert (bridge.sent(stays), bridge.sent(other)) == (["ответ"], ["и вам"])


@virtual
async def test_a_reply_that_a_merge_makes_ambiguous_is_not_guessed_at(tmp_path: Path) -> None:
    # It waits for its undo window in one ticket and is found in the other one, on the same card.
    async with running(tmp_path) as bridge:
        old, new = await two_chats_one_card(bridge)
        bridge.reply(new, "<div>для нового</div>")
        await asyncio.sleep(8)
        bridge.desk.state.merge(into=old, source=new)
        await bridge.quiet()
        assert (bridge.sent(USER), bridge.sent(OTHER)) == ([], [])
        notes = bridge.bodies(old, "note")
        assert sum("непонятно, для какого этот ответ" in note for note in notes) == 1
        bridge.reply(old, "<div>после слияния</div>")
        await bridge.quiet()
        assert (bridge.sent(USER), bridge.sent(OTHER)) == (["после слияния"], [])


@virtual
async def test_what_was_delivered_before_the_merge_is_not_told_as_undelivered(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as bridge:
        old, new = await two_chats_one_card(bridge)
        bridge.reply(old, "<div>раз</div>")
        bridge.reply(new, "<div>два</div>")
        await bridge.quiet()
        bridge.desk.state.merge(into=old, source=new)
        await bridge.quiet()
        assert (bridge.sent(USER), bridge.sent(OTHER)) == (["раз"], ["два"])
        assert len(bridge.bodies(old, "note")) == 1


# --- merged customers ------------------------------------------------------------------------------


async def cards_then_tickets_merged(bridge: Bridge) -> int:
    """An agent merges Марина's card into the one with her mail address, then the tickets, too."""
    number = await ticket(bridge)
    winner = bridge.desk.state.add_customer(first_name="Марина из почты")
    mail = bridge.by_mail(winner.id)
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
            "drop_before", method="POST", path=f"/api/conversations/{number}/threads", times=None
        )
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


@virtual
async def test_a_note_on_a_ticket_deleted_meanwhile_stands_there_when_it_is_restored(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as bridge:
        number = await ticket(bridge)
        bridge.refuse_sends("text")
        bridge.break_desk("refuse", method="POST", times=None)
        bridge.reply(number, "<div>ответ</div>")
        await bridge.until(lambda: bridge.max_line.injected, 60)
        bridge.desk.state.delete(number)
        await asyncio.sleep(20)
        bridge.desk_line.clear()
        await bridge.quiet(900)
        assert bridge.desk.state.conversations[number].state == "deleted"
        bridge.desk.state.restore(number)
        assert [
            "Не доставлено в MAX: «ответ»" in body for body in bridge.bodies(number, "note")
        ] == [True]
