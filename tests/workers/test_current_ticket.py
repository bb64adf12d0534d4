"""Where the customer's next message lands when several of his tickets live (docs/tickets.md)."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bridge import USER, Bridge, running
from virtual_time import virtual

DAY = 86400.0


async def ticket(bridge: Bridge) -> int:
    """A ticket of Марина's."""
    bridge.say("вопрос")
    await bridge.until(bridge.tickets)
    await bridge.quiet()
    return bridge.tickets()[0]


async def two_tickets(bridge: Bridge) -> tuple[int, int]:
    """Two tickets of Марина's that live: she has written in the first, an agent began the second."""
    first = await ticket(bridge)
    second: int = bridge.desk.state.new_conversation(
        "<div>второе</div>", customer_id=1, kind="chat"
    )
    await bridge.until(bridge.sent)
    await bridge.quiet()
    return first, second


async def lands(bridge: Bridge, words: str) -> int:
    """The ticket in which the customer's next message lands."""
    bridge.say(words)
    return await landed(bridge, words)


async def landed(bridge: Bridge, words: str) -> int:
    """The ticket in which words have landed."""

    def where() -> list[int]:
        return [each for each in bridge.tickets() for body in bridge.bodies(each) if words in body]

    await bridge.until(where, 600)
    await bridge.quiet()
    (number,) = where()
    return number


# --- the one that spoke last -----------------------------------------------------------------------


@virtual
async def test_the_answer_lands_where_the_last_question_was_asked(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        first, second = await two_tickets(bridge)
        for number, words in ((first, "раз"), (second, "два"), (second, "три"), (first, "четыре")):
            bridge.reply(number, f"<div>{words}?</div>")
            await bridge.quiet()
            assert await lands(bridge, f"ответ на {words}") == number


@virtual
async def test_what_follows_an_answer_lands_beside_it(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        first, second = await two_tickets(bridge)
        assert await lands(bridge, "ответ") == second
        bridge.desk.state.note(first, "<div>заметка</div>")
        bridge.desk.state.set_status(first, "pending")
        await bridge.quiet()
        assert await lands(bridge, "и ещё") == second


@virtual
async def test_a_reply_that_has_not_arrived_has_asked_nothing(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        first, second = await two_tickets(bridge)
        assert await lands(bridge, "ответ") == second
        bridge.break_max("refuse", method="POST", path="/messages", times=None)
        bridge.reply(first, "<div>вопрос?</div>")
        await asyncio.sleep(60)
        bridge.say("дополнение")
        await bridge.until(lambda: len(bridge.bodies(second)) == 2)
        bridge.max_line.clear()
        assert await landed(bridge, "дополнение") == second
        assert bridge.sent()[-1] == "вопрос?"
        assert await lands(bridge, "ответ на вопрос") == first


@pytest.mark.parametrize("kind", ["drop_after", "stall_after"])
@virtual
async def test_an_answer_to_a_question_whose_delivery_is_in_doubt_lands_where_it_was_asked(
    tmp_path: Path, kind: str
) -> None:
    # MAX took the reply, its answer got lost; the customer answers before the look-up.
    async with running(tmp_path) as bridge:
        first, second = await two_tickets(bridge)
        assert await lands(bridge, "ответ") == second
        more = {"seconds": 50.0} if kind == "stall_after" else {}
        bridge.break_max(kind, method="POST", path="/messages", **more)
        bridge.reply(first, "<div>удобно завтра?</div>")
        await bridge.until(lambda: len(bridge.sent()) == 2, step=0.05)
        assert await lands(bridge, "да, удобно") == first
        await bridge.quiet()
        assert bridge.sent() == ["второе", "удобно завтра?"]


@virtual
async def test_words_found_late_do_not_turn_the_talk_back(tmp_path: Path) -> None:
    # The desk's answer to the customer's words got lost; a reply has left from elsewhere since.
    async with running(tmp_path) as bridge:
        first, second = await two_tickets(bridge)
        bridge.reply(first, "<div>в первой</div>")
        await bridge.quiet()
        bridge.reply(second, "<div>во второй?</div>")
        await asyncio.sleep(12)
        bridge.break_desk("drop_after", method="POST", path=f"/api/conversations/{first}/threads")
        bridge.break_desk(
            "status", method="GET", path=f"/api/conversations/{first}", status=500,
            body={"message": "Server Error"}, times=None,
        )  # fmt: skip
        # The light reading before the POST still goes well.
        bridge.desk_line.faults[-1].skip = 1
        bridge.say("кстати")
        await bridge.until(lambda: bridge.sent()[-1] == "во второй?", 60)
        bridge.desk_line.clear()
        assert await landed(bridge, "кстати") == first
        assert await lands(bridge, "на второй вопрос") == second


@virtual
async def test_a_restart_forgets_nothing_of_that(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        first, second = await two_tickets(bridge)
        bridge.reply(first, "<div>в первой?</div>")
        await bridge.quiet()
        await bridge.kill()
        bridge.say("ответ")
        bridge.start()
        assert await landed(bridge, "ответ") == first
        assert second in bridge.tickets()


# --- turns of a ticket's life ----------------------------------------------------------------------


@virtual
async def test_a_reply_that_closes_is_answered_in_the_same_ticket(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        number = await ticket(bridge)
        bridge.reply(number, "<div>решено</div>", status="closed")
        await bridge.quiet()
        assert await lands(bridge, "не решено") == number
        assert bridge.desk.state.conversations[number].status == "active"


@virtual
async def test_with_never_an_answer_to_a_closing_reply_opens_a_new_ticket(tmp_path: Path) -> None:
    async with running(tmp_path, reopen_days=0) as bridge:
        number = await ticket(bridge)
        bridge.reply(number, "<div>решено</div>", status="closed")
        await bridge.quiet()
        new = await lands(bridge, "не решено")
        assert new != number
        assert bridge.desk.state.conversations[number].status == "closed"
        assert await lands(bridge, "и ещё") == new


@virtual
async def test_the_days_count_from_the_last_that_agents_did_in_a_closed_ticket(
    tmp_path: Path,
) -> None:
    # A workflow closes without setting closedAt, which then tells of an earlier closing.
    async with running(tmp_path) as bridge:
        number = await ticket(bridge)
        bridge.desk.state.set_status(number, "closed")
        await bridge.stop()
        await asyncio.sleep(12 * DAY)
        conversation = bridge.desk.state.conversations[number]
        closed_at = conversation.closed_at
        bridge.reply(number, "<div>есть новости</div>", status="closed")
        conversation.closed_at = closed_at
        await asyncio.sleep(10 * DAY)
        bridge.start()
        await bridge.quiet()
        assert await lands(bridge, "какие?") == number


@virtual
async def test_a_pending_ticket_becomes_active_and_a_remark_leaves_it_alone(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as bridge:
        number = await ticket(bridge)
        bridge.desk.state.set_status(number, "pending")
        bridge.max.state.stop(USER)
        await bridge.until(lambda: len(bridge.bodies(number)) == 2)
        assert bridge.desk.state.conversations[number].status == "pending"
        bridge.max.state.start(USER)
        assert await lands(bridge, "я тут") == number
        assert bridge.desk.state.conversations[number].status == "active"


@virtual
async def test_a_reply_out_of_spam_leaves_and_its_answer_is_in_spam(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        number = await ticket(bridge)
        bridge.desk.state.set_status(number, "spam")
        bridge.reply(number, "<div>вы не ошиблись?</div>", status="spam")
        await bridge.quiet()
        assert bridge.sent() == ["вы не ошиблись?"]
        assert await lands(bridge, "нет") == number
        assert bridge.desk.state.conversations[number].status == "spam"


@virtual
async def test_a_ticket_restored_before_the_customer_writes_goes_on(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        number = await ticket(bridge)
        bridge.desk.state.delete(number)
        await bridge.quiet()
        bridge.desk.state.restore(number)
        assert await lands(bridge, "я снова") == number
        bridge.reply(number, "<div>ответ</div>")
        await bridge.quiet()
        assert bridge.sent() == ["ответ"]


@virtual
async def test_a_ticket_restored_after_a_new_one_was_opened_leads_again_by_its_reply(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as bridge:
        number = await ticket(bridge)
        bridge.desk.state.delete(number)
        new = await lands(bridge, "я снова")
        assert new != number
        bridge.desk.state.restore(number)
        await bridge.quiet()
        assert await lands(bridge, "и ещё") == new
        bridge.reply(number, "<div>нашли вашу заявку?</div>")
        await bridge.quiet()
        assert await lands(bridge, "да") == number


@virtual
async def test_a_reply_in_a_deleted_ticket_brings_it_back(tmp_path: Path) -> None:
    # FreeScout publishes it again (case 60).
    async with running(tmp_path) as bridge:
        number = await ticket(bridge)
        bridge.desk.state.delete(number)
        await bridge.quiet()
        bridge.reply(number, "<div>поспешили</div>")
        await bridge.quiet()
        assert bridge.sent() == ["поспешили"]
        assert await lands(bridge, "ничего") == number


@virtual
async def test_a_reply_that_leaves_late_does_not_lead_back_to_a_deleted_ticket(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as bridge:
        number = await ticket(bridge)
        bridge.break_max("refuse", method="POST", path="/messages", times=None)
        bridge.reply(number, "<div>ответ</div>")
        await asyncio.sleep(30)
        bridge.desk.state.delete(number)
        await asyncio.sleep(30)
        bridge.say("ау")
        await bridge.until(lambda: len(bridge.tickets()) == 2)
        bridge.max_line.clear()
        await bridge.until(bridge.sent, 600)
        assert await lands(bridge, "вот и ответ") == bridge.tickets()[1]


@virtual
async def test_a_ticket_deleted_for_ever_takes_its_late_reply_along(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        first, second = await two_tickets(bridge)
        bridge.reply(second, "<div>последнее слово</div>")
        await asyncio.sleep(8)
        bridge.desk.state.delete_forever(second)
        await bridge.quiet()
        assert bridge.sent() == ["второе"]
        new = await lands(bridge, "что вы хотели?")
        assert new not in (first, second)


@virtual
async def test_a_ticket_moved_to_another_mailbox_stays_the_customers(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        number = await ticket(bridge)
        bridge.desk.state.move(number, 2)
        assert await lands(bridge, "и ещё") == number
        assert bridge.desk.state.conversations[number].mailbox_id == 2
        bridge.desk.state.delete(number)
        new = await lands(bridge, "снова я")
        assert bridge.desk.state.conversations[new].mailbox_id == 1
