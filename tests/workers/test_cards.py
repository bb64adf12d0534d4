"""Agents change a ticket's customer and merge customers' cards: whose words go where."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from pathlib import Path

from bridge import OTHER, USER, Bridge, running
from virtual_time import virtual

DAY = 86400.0


async def two_chats(bridge: Bridge) -> tuple[int, int]:
    """Марина's ticket and Олег's; customers 1 and 2."""
    bridge.max.state.person(OTHER, "Олег")
    bridge.say("вопрос")
    await bridge.until(lambda: len(bridge.tickets()) == 1)
    bridge.say("мой вопрос", OTHER)
    await bridge.until(lambda: len(bridge.tickets()) == 2)
    await bridge.quiet()
    bridge.desk.requests = deque()  # all of them
    return 1, 2


def card_of(bridge: Bridge, number: int) -> int | None:
    """The customer of a ticket."""
    found: int | None = bridge.desk.state.conversations[number].customer_id
    return found


def told(bridge: Bridge, number: int, words: str) -> int:
    """How many private notes of a ticket have these words."""
    return sum(words in body for body in bridge.bodies(number, "note"))


# --- a ticket is given to another card ---------------------------------------------------------------


@virtual
async def test_a_ticket_given_away_is_not_answered_in_its_chat_because_its_own_card_was_merged(
    tmp_path: Path,
) -> None:
    """The card that is gone went into a third one, not into that of the customer who has the ticket now."""
    async with running(tmp_path) as bridge:
        number, other = await two_chats(bridge)
        third = bridge.desk.state.add_customer(first_name="Марина из CRM")
        bridge.desk.state.change_customer(number, card_of(bridge, other) or 0)
        bridge.reply(number, "<div>только Олегу</div>")
        bridge.desk.state.merge_customers(third.id, 1)
        await bridge.quiet()
        assert bridge.sent() == []
        assert told(bridge, number, "только Олегу") == 1


@virtual
async def test_a_better_card_that_is_nobodys_changes_nothing_between_chat_and_ticket(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as bridge:
        number, _ = await two_chats(bridge)
        better = bridge.desk.state.add_customer(first_name="Марина из CRM")
        bridge.desk.state.change_customer(number, better.id)
        bridge.reply(number, "<div>ответ</div>")
        await bridge.quiet()
        assert bridge.sent() == ["ответ"]
        bridge.say("спасибо")
        await bridge.until(lambda: len(bridge.bodies(number)) == 2)
        assert card_of(bridge, number) == better.id
        # The next ticket bears the better card, too.
        bridge.desk.state.delete(number)
        bridge.say("снова я")
        await bridge.until(lambda: len(bridge.tickets()) == 3)
        assert card_of(bridge, 3) == better.id
        assert not bridge.bodies(number, "note")


@virtual
async def test_an_old_ticket_with_a_better_card_still_answers_its_chat(tmp_path: Path) -> None:
    async with running(tmp_path, reopen_days=0) as bridge:
        old, _ = await two_chats(bridge)
        bridge.desk.state.set_status(old, "closed")
        bridge.say("новый вопрос")
        await bridge.until(lambda: len(bridge.tickets()) == 3)
        better = bridge.desk.state.add_customer(first_name="Марина из CRM")
        bridge.desk.state.change_customer(old, better.id)
        bridge.reply(old, "<div>по старому</div>")
        await bridge.quiet()
        assert bridge.sent() == ["по старому"]
        bridge.reply(3, "<div>по новому</div>")
        await bridge.quiet()
        assert bridge.sent() == ["по старому", "по новому"]


@virtual
async def test_a_ticket_given_to_another_max_customer_sends_nothing_and_agents_are_told(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as bridge:
        mine, his = await two_chats(bridge)
        bridge.desk.state.change_customer(mine, 2)
        bridge.reply(mine, "<div>для кого?</div>")
        await bridge.quiet()
        assert (bridge.sent(USER), bridge.sent(OTHER)) == ([], [])
        assert told(bridge, mine, "Не отправлено в MAX: «для кого?»") == 1
        bridge.reply(his, "<div>Олегу</div>")
        await bridge.quiet()
        assert (bridge.sent(USER), bridge.sent(OTHER)) == ([], ["Олегу"])


@virtual
async def test_a_ticket_given_away_is_not_asked_about_at_every_poll(tmp_path: Path) -> None:
    async with running(tmp_path, poll_interval=1.0) as bridge:
        mine, _ = await two_chats(bridge)
        # By another program: no time of agents' activity moves (case 72), so nothing is read.
        conversation = bridge.desk.state.conversations[mine]
        conversation.customer_id = 2
        bridge.desk.state.touch(conversation, by_user=False)
        await asyncio.sleep(3600)
        asked = [each.path for each in bridge.desk.requests if "/customers/" in each.path]
        assert asked == ["/api/customers/1"]


@virtual
async def test_after_that_the_customers_words_open_a_ticket_under_their_own_name(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as bridge:
        mine, his = await two_chats(bridge)
        bridge.desk.state.change_customer(mine, 2)
        bridge.say("это Марина")
        await bridge.until(lambda: len(bridge.tickets()) == 3)
        assert card_of(bridge, 3) == 1
        bridge.say("и ещё раз Марина")
        await bridge.until(lambda: len(bridge.bodies(3)) == 2)
        bridge.reply(3, "<div>Марине</div>")
        bridge.say("а это Олег", OTHER)
        await bridge.until(lambda: len(bridge.bodies(his)) == 2)
        await bridge.quiet()
        assert (bridge.sent(USER), bridge.sent(OTHER)) == (["Марине"], [])
        assert len(bridge.bodies(mine)) == 1
        assert len(bridge.desk.state.customers) == 2


@virtual
async def test_a_ticket_given_away_and_merged_is_not_followed_to_the_other_customer(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as bridge:
        mine, _ = await two_chats(bridge)
        mail = bridge.by_mail(2)
        bridge.desk.state.change_customer(mine, 2)
        await bridge.quiet()
        bridge.desk.state.merge(into=mail, source=mine)
        await bridge.quiet()
        assert bridge.journal is not None
        assert bridge.journal.tickets.ticket(mail) is None
        bridge.say("это Марина")
        await bridge.until(lambda: len(bridge.tickets()) == 4)
        assert card_of(bridge, 4) == 1
        assert told(bridge, mail, "Тому клиенту ответы отсюда в MAX не уходят") == 1


@virtual
async def test_a_ticket_given_back_goes_on(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        mine, _ = await two_chats(bridge)
        bridge.desk.state.change_customer(mine, 2)
        await bridge.quiet()
        bridge.desk.state.change_customer(mine, 1)
        bridge.reply(mine, "<div>ошиблись</div>")
        await bridge.quiet()
        assert bridge.sent() == ["ошиблись"]
        bridge.say("бывает")
        await bridge.until(lambda: len(bridge.bodies(mine)) == 2)


@virtual
async def test_a_reply_written_just_before_the_change_is_still_the_former_customers(
    tmp_path: Path,
) -> None:
    # Earlier threads keep their customer (case 61).
    async with running(tmp_path) as bridge:
        mine, _ = await two_chats(bridge)
        bridge.reply(mine, "<div>Марине</div>")
        await asyncio.sleep(8)
        bridge.desk.state.change_customer(mine, 2)
        await bridge.quiet()
        assert (bridge.sent(USER), bridge.sent(OTHER)) == (["Марине"], [])


# --- two cards become one ------------------------------------------------------------------------------


@virtual
async def test_two_chats_on_one_card_each_answer_their_own(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        old, new = await two_chats(bridge)
        bridge.desk.state.merge_customers(1, 2)
        for number, words in ((old, "раз"), (new, "два"), (old, "три")):
            bridge.reply(number, f"<div>{words}</div>")
        await bridge.quiet()
        assert (bridge.sent(USER), bridge.sent(OTHER)) == (["раз", "три"], ["два"])
        bridge.say("сюда", USER)
        bridge.say("и сюда", OTHER)
        await bridge.until(lambda: len(bridge.bodies(old)) + len(bridge.bodies(new)) == 4)
        assert "сюда" in bridge.bodies(old)[1]
        assert "и сюда" in bridge.bodies(new)[1]
        assert not bridge.bodies(old, "note")
        assert not bridge.bodies(new, "note")


@virtual
async def test_an_old_ticket_on_the_common_card_answers_its_own_chat(tmp_path: Path) -> None:
    # Merging cards moves no time of agents' activity (case 65).
    async with running(tmp_path, reopen_days=0) as bridge:
        _, old = await two_chats(bridge)
        bridge.desk.state.set_status(old, "closed")
        bridge.say("новый вопрос", OTHER)
        await bridge.until(lambda: len(bridge.tickets()) == 3)
        await bridge.quiet()
        bridge.desk.state.merge_customers(1, 2)
        bridge.reply(old, "<div>по старому</div>")
        bridge.reply(3, "<div>по новому</div>")
        await bridge.quiet()
        assert (bridge.sent(USER), bridge.sent(OTHER)) == ([], ["по старому", "по новому"])


@virtual
async def test_cards_merged_and_answered_while_we_were_away_make_no_difference(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as bridge:
        old, new = await two_chats(bridge)
        await bridge.stop()
        bridge.desk.state.merge_customers(1, 2)
        await asyncio.sleep(DAY)
        bridge.reply(new, "<div>два</div>")
        bridge.reply(old, "<div>раз</div>")
        await asyncio.sleep(3 * DAY)
        bridge.start()
        await bridge.quiet()
        assert (bridge.sent(USER), bridge.sent(OTHER)) == (["раз"], ["два"])


@virtual
async def test_a_new_ticket_bears_the_common_card_without_a_refusal(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        _, new = await two_chats(bridge)
        bridge.desk.state.merge_customers(1, 2)
        await bridge.quiet()
        bridge.desk.state.delete(new)
        bridge.say("снова я", OTHER)
        await bridge.until(lambda: len(bridge.tickets()) == 3)
        assert card_of(bridge, 3) == 1
        assert all(each.status < 400 for each in bridge.desk.requests if each.method == "POST")
        bridge.reply(3, "<div>ответ</div>")
        await bridge.quiet()
        assert (bridge.sent(USER), bridge.sent(OTHER)) == ([], ["ответ"])


@virtual
async def test_given_away_first_and_merged_later_it_is_theirs_again(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        mine, his = await two_chats(bridge)
        bridge.desk.state.change_customer(mine, 2)
        await bridge.quiet()
        bridge.desk.state.merge_customers(2, 1)
        bridge.reply(mine, "<div>Марине</div>")
        bridge.reply(his, "<div>Олегу</div>")
        await bridge.quiet()
        assert (bridge.sent(USER), bridge.sent(OTHER)) == (["Марине"], ["Олегу"])
        bridge.say("вижу")
        await bridge.until(lambda: len(bridge.bodies(mine)) == 2)


@virtual
async def test_a_card_merged_away_before_any_ticket_was_read_costs_one_refusal(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as bridge:
        _, number = await two_chats(bridge)
        bridge.desk.state.delete_forever(number)
        winner = bridge.desk.state.add_customer(first_name="Олег")
        bridge.desk.state.merge_customers(winner.id, 2)
        for words in ("раз", "два"):
            bridge.say(words, OTHER)
        await bridge.until(lambda: len(bridge.tickets()) == 2)
        await bridge.quiet()
        assert card_of(bridge, 3) == winner.id
        refused = [each for each in bridge.desk.requests if each.status == 400]
        assert len(refused) == 1
        assert len(bridge.bodies(3)) == 2


@virtual
async def test_cards_of_many_tickets_are_merged_without_reading_any_of_them(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, reopen_days=0) as bridge:
        for count in range(1, 8):
            bridge.say("вопрос")
            await bridge.until(lambda: len(bridge.tickets()) == count)  # noqa: B023
            bridge.desk.state.set_status(count, "closed")
        await bridge.quiet()
        await asyncio.sleep(120)
        bridge.desk.requests = deque()
        winner = bridge.desk.state.add_customer(first_name="Марина из почты")
        bridge.desk.state.merge_customers(winner.id, 1)
        await asyncio.sleep(300)
        # The card is asked whose it is, once for each ticket at most.
        asked = Counter(each.path for each in bridge.desk.requests)
        assert asked.keys() == {"/api/conversations", f"/api/customers/{winner.id}"}
        assert asked[f"/api/customers/{winner.id}"] <= 7
        # And yet it is known: the next ticket bears the winner's card at once.
        bridge.say("снова я")
        await bridge.until(lambda: len(bridge.tickets()) == 8)
        assert card_of(bridge, 8) == winner.id
        assert all(each.status < 400 for each in bridge.desk.requests)
