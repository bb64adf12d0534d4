"""Talks that agents begin or copy at the desk: whom they reach, what they cost, what is told."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from pathlib import Path

import pytest

from bridge import OTHER, SETTLED, USER, Bridge, running
from maxbridge.outbound import adoption
from maxbridge.sim.desk.model import Labelled
from maxbridge.store.tidying import Retention
from virtual_time import virtual

DAY = 86400.0


async def ticket(bridge: Bridge) -> int:
    """A ticket of Марина's, whose card has no address."""
    bridge.desk.requests = deque()  # all of them
    bridge.say("вопрос")
    await bridge.until(bridge.tickets)
    await bridge.quiet()
    return bridge.tickets()[-1]


def begin(bridge: Bridge, kind: str = "email", customer_id: int = 1, html: str = "") -> int:
    """An agent begins a conversation with a customer."""
    number: int = bridge.desk.state.new_conversation(
        html or "<div>заказ готов</div>", customer_id=customer_id, kind=kind
    )
    return number


async def copy_of(bridge: Bridge, number: int) -> int:
    """An agent makes a second ticket of the customer's last message; he writes in it later."""
    copy: int = bridge.desk.state.clone(number)
    await asyncio.sleep(1)
    return copy


def asked(bridge: Bridge, *paths: str, method: str = "GET") -> list[str]:
    """What the bridge has asked the desk for, the list of changes aside."""
    return [
        each.path for each in bridge.desk.requests if each.method == method and each.path in paths
    ]


def notes(bridge: Bridge, numbers: Iterable[int] | None = None) -> list[str]:
    """All private notes of these tickets, or of all."""
    return [
        body
        for number in (bridge.tickets() if numbers is None else numbers)
        for body in bridge.bodies(number, "note")
    ]


# --- an agent begins -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["email", "chat", "custom"])
@virtual
async def test_what_an_agent_begins_reaches_the_customer_once_after_its_undo_window(
    tmp_path: Path, kind: str
) -> None:
    async with running(tmp_path) as bridge:
        await ticket(bridge)
        begin(bridge, kind)
        said_at = asyncio.get_running_loop().time()
        await bridge.until(bridge.sent)
        waited = asyncio.get_running_loop().time() - said_at
        assert SETTLED - 1 < waited < SETTLED + bridge.settings.freescout.poll_interval + 2
        await asyncio.sleep(2 * 3600)  # sweeps go a day back
        assert bridge.sent() == ["заказ готов"]


@virtual
async def test_the_answer_to_what_an_agent_began_lands_there_and_so_on(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        first = await ticket(bridge)
        begun = begin(bridge)
        await bridge.until(bridge.sent)
        bridge.say("спасибо, еду")
        await bridge.until(lambda: bridge.bodies(begun))
        bridge.reply(begun, "<div>ждём</div>")
        await bridge.quiet()
        assert bridge.sent() == ["заказ готов", "ждём"]
        assert "спасибо, еду" in bridge.bodies(begun)[0]
        assert len(bridge.bodies(first)) == 1
        assert bridge.tickets() == [first, begun]


@virtual
async def test_agents_are_told_once_that_mail_without_an_address_went_to_max(
    tmp_path: Path,
) -> None:
    # FreeScout shows "Message not sent to customer" there (case 63).
    async with running(tmp_path) as bridge:
        await ticket(bridge)
        begun = begin(bridge)
        chat = begin(bridge, "chat")
        await bridge.quiet()
        bridge.reply(begun, "<div>и ещё</div>")
        await bridge.quiet()
        assert ["уходят клиенту в MAX" in each for each in notes(bridge)] == [True]
        assert notes(bridge, [chat]) == []
        assert bridge.sent() == ["заказ готов", "заказ готов", "и ещё"]


@virtual
async def test_until_the_customer_has_read_it_his_message_lands_where_he_was(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as bridge:
        first = await ticket(bridge)
        begun = begin(bridge)
        await asyncio.sleep(8)
        bridge.say("я передумала")
        await bridge.until(lambda: len(bridge.bodies(first)) == 2)
        await bridge.until(bridge.sent)
        assert not bridge.bodies(begun)


@virtual
async def test_an_agents_first_message_that_is_undone_leaves_with_its_new_text_only(
    tmp_path: Path,
) -> None:
    # The conversation becomes a draft with it (case 67).
    async with running(tmp_path) as bridge:
        await ticket(bridge)
        begun = begin(bridge, html="<div>ой</div>")
        await asyncio.sleep(12)
        (thread,) = bridge.desk.state.threads_of(begun)
        bridge.desk.state.undo(thread.id)
        await asyncio.sleep(120)
        assert not bridge.sent()
        bridge.desk.state.resend(thread.id, "<div>верно</div>")
        await bridge.quiet()
        assert bridge.sent() == ["верно"]


@virtual
async def test_a_draft_is_nobodys_until_it_is_published(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        first = await ticket(bridge)
        draft = bridge.desk.state.new_conversation("<div>обдуманно</div>", draft=True)
        await asyncio.sleep(1800)
        assert not bridge.sent()
        assert bridge.journal is not None
        assert bridge.journal.tickets.ticket(draft) is None
        bridge.desk.state.publish_conversation(draft, 1)
        await bridge.until(bridge.sent)
        bridge.say("ответ")
        await bridge.quiet()
        assert bridge.sent() == ["обдуманно"]
        assert len(bridge.bodies(draft)) == 1
        assert len(bridge.bodies(first)) == 1


@virtual
async def test_notes_of_a_telephone_call_never_leave(tmp_path: Path) -> None:
    # A phone conversation begins with a note and has no Reply button (cases 62, 63).
    async with running(tmp_path) as bridge:
        first = await ticket(bridge)
        call = begin(bridge, "phone", html="<div>звонила, сердится</div>")
        bridge.desk.state.note(call, "<div>перезвонить</div>")
        await bridge.quiet()
        bridge.say("так что же?")
        await bridge.until(lambda: len(bridge.bodies(first)) == 2)
        await bridge.quiet()
        assert not bridge.sent()
        assert len(notes(bridge)) == 2


@virtual
async def test_a_customer_with_an_address_gets_mail_from_freescout_and_nothing_from_us(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as bridge:
        first = await ticket(bridge)
        mail = bridge.by_mail()
        await bridge.quiet()
        bridge.reply(mail, "<div>и ещё</div>")
        await asyncio.sleep(2 * 3600)
        assert not bridge.sent()
        assert not notes(bridge)
        assert not asked(bridge, f"/api/conversations/{mail}")
        bridge.say("вопрос")
        await bridge.until(lambda: len(bridge.bodies(first)) == 2)


@virtual
async def test_a_chat_is_never_mailed_so_it_leaves_whatever_the_card_says(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        await ticket(bridge)
        bridge.by_mail()
        begin(bridge, "chat")
        await bridge.quiet()
        assert bridge.sent() == ["заказ готов"]


@virtual
async def test_an_address_found_out_later_makes_no_message_arrive_twice(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        await ticket(bridge)
        begun = begin(bridge)
        await bridge.until(bridge.sent)
        bridge.by_mail()  # the card has an address from now on
        bridge.reply(begun, "<div>письмом</div>")
        await bridge.quiet()
        assert bridge.sent() == ["заказ готов"]
        # Once the customer has written here from MAX, his answers go to MAX, too.
        bridge.say("пишите сюда")
        await bridge.until(lambda: bridge.bodies(begun))
        bridge.reply(begun, "<div>хорошо</div>")
        await bridge.quiet()
        assert bridge.sent() == ["заказ готов", "хорошо"]
        assert len(notes(bridge)) == 1


@virtual
async def test_a_mail_whose_customer_has_lost_their_address_stays_mail(tmp_path: Path) -> None:
    """The address stands in the conversation, and FreeScout goes on mailing to it."""
    async with running(tmp_path) as bridge:
        await ticket(bridge)
        mail = bridge.by_mail()
        await bridge.quiet()
        bridge.desk.state.customers[
            1
        ].emails = []  # an agent took it away, or gave it to another record
        bridge.reply(mail, "<div>и ещё</div>")
        await bridge.quiet()
        assert not bridge.sent()
        assert not bridge.bodies(mail, "note")
        written = [each.id for each in bridge.desk.state.threads_of(mail) if each.type == "message"]
        assert [bridge.desk.state.mailed_to(each) for each in written] == [
            ["customer1@example.org"]
        ] * 2


@virtual
async def test_what_freescout_could_not_mail_leaves_though_the_customer_has_an_address_by_then(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as bridge:
        await ticket(bridge)
        begun = begin(bridge)
        await asyncio.sleep(10.0)  # within the undo window
        state = bridge.desk.state
        state.customers[1].emails = [state.make_email("customer1@example.org")]
        await bridge.quiet()
        assert bridge.sent() == ["заказ готов"]
        (written,) = [each.id for each in state.threads_of(begun) if each.type == "message"]
        assert state.mailed_to(written) == []


@virtual
async def test_a_forwarded_conversation_is_the_addressees(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        number = await ticket(bridge)
        note = bridge.desk.state.forward(number, "boss@example.org", "<div>смотри</div>")
        copy = bridge.desk.state.threads[note].forwarded_to
        assert copy is not None
        bridge.reply(copy, "<div>начальнику</div>")
        await asyncio.sleep(3600)
        assert not bridge.sent()
        assert bridge.journal is not None
        assert bridge.journal.tickets.ticket(copy) is None


@virtual
async def test_what_another_program_begins_over_the_api_never_leaves(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        await ticket(bridge)
        body = {
            "type": "chat", "mailboxId": 1, "subject": "S", "customer": {"id": 1},
            "threads": [{"type": "message", "text": "рассылка", "user": 2}],
        }  # fmt: skip
        assert bridge.daemon is not None
        await bridge.daemon.ends.desk.open_conversation(body)
        await asyncio.sleep(3600)
        assert not bridge.sent()
        assert not notes(bridge)


# --- when ------------------------------------------------------------------------------------------


@virtual
async def test_what_agents_began_while_we_were_away_leaves_when_we_are_back(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as bridge:
        await ticket(bridge)
        await bridge.stop()
        begun = begin(bridge)
        await asyncio.sleep(2 * DAY)
        bridge.reply(begun, "<div>и ещё</div>")
        bridge.start()
        await bridge.quiet()
        assert bridge.sent() == ["заказ готов", "и ещё"]


@virtual
async def test_what_stood_in_a_ticket_before_it_was_the_customers_is_history(
    tmp_path: Path,
) -> None:
    # An agent wrote to a card without an address, then merged it into Марина's.
    async with running(tmp_path) as bridge:
        await ticket(bridge)
        double = bridge.desk.state.add_customer(first_name="Марина")
        old = begin(bridge, customer_id=double.id, html="<div>давно</div>")
        await asyncio.sleep(600)
        bridge.desk.state.merge_customers(1, double.id)
        await asyncio.sleep(60)
        assert not bridge.sent()
        bridge.reply(old, "<div>теперь дойдёт</div>")
        await bridge.quiet()
        assert bridge.sent() == ["теперь дойдёт"]


@virtual
async def test_what_only_a_sweep_finds_is_history_up_to_then(tmp_path: Path) -> None:
    # The agent wrote to the card before the bridge knew whose it is.
    async with running(tmp_path) as bridge:
        card = bridge.desk.state.add_customer(first_name="Марина", last_name="Тестова")
        card.social_profiles = [Labelled(f"max:{USER}", "other")]
        begun = begin(bridge, customer_id=card.id, html="<div>давно</div>")
        await asyncio.sleep(900)
        first = await ticket(bridge)
        assert bridge.desk.state.conversations[first].customer_id == card.id
        await asyncio.sleep(3600)
        assert not bridge.sent()
        bridge.reply(begun, "<div>а теперь дойдёт</div>")
        await bridge.quiet()
        assert bridge.sent() == ["а теперь дойдёт"]


@virtual
async def test_words_for_somebody_else_stay_his_when_the_ticket_is_given_to_our_customer(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as bridge:
        await ticket(bridge)
        somebody = bridge.desk.state.add_customer(first_name="Пётр")
        begun = begin(bridge, customer_id=somebody.id, html="<div>Петру</div>")
        await asyncio.sleep(7)
        bridge.desk.state.change_customer(begun, 1)
        await asyncio.sleep(60)
        assert not bridge.sent()
        bridge.reply(begun, "<div>Марине</div>")
        await bridge.quiet()
        assert bridge.sent() == ["Марине"]


@pytest.mark.parametrize("jump", [-7200.0, 7200.0])
@virtual
async def test_a_jump_of_the_desks_clock_loses_nothing_that_an_agent_begins(
    tmp_path: Path, jump: float
) -> None:
    async with running(tmp_path) as bridge:
        await ticket(bridge)
        bridge.desk_skew = jump
        await asyncio.sleep(30)
        begin(bridge)
        await bridge.until(bridge.sent, 4000)
        await asyncio.sleep(4000)
        assert bridge.sent() == ["заказ готов"]


@pytest.mark.parametrize("skew", [-7200.0, 7200.0])
@virtual
async def test_only_the_desks_clock_counts_for_what_an_agent_begins(
    tmp_path: Path, skew: float
) -> None:
    async with running(tmp_path, our_skew=skew) as bridge:
        await ticket(bridge)
        begin(bridge)
        await asyncio.sleep(SETTLED - 2)
        assert not bridge.sent()
        await bridge.quiet()
        assert bridge.sent() == ["заказ готов"]


# --- copies ----------------------------------------------------------------------------------------


@virtual
async def test_what_a_copy_took_over_is_history_and_answers_in_it_leave(tmp_path: Path) -> None:
    # "Clone Conversation": same customer, same body with the same marker (agent-ui 1).
    async with running(tmp_path) as bridge:
        number = await ticket(bridge)
        bridge.reply(number, "<div>ответ</div>")
        await bridge.quiet()
        copy = await copy_of(bridge, number)
        await bridge.quiet()
        bridge.reply(copy, "<div>по второму вопросу</div>")
        await bridge.quiet()
        assert bridge.sent() == ["ответ", "по второму вопросу"]
        bridge.say("ясно")
        await bridge.until(lambda: len(bridge.bodies(copy)) == 2)
        bridge.reply(number, "<div>а первый?</div>")
        await bridge.quiet()
        bridge.say("тоже")
        await bridge.until(lambda: len(bridge.bodies(number)) == 2)
        assert not notes(bridge)
        assert bridge.tickets() == [number, copy]


@virtual
async def test_a_copy_answered_at_once_and_while_we_were_away_loses_nothing(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as bridge:
        number = await ticket(bridge)
        await bridge.stop()
        copy = await copy_of(bridge, number)
        bridge.reply(copy, "<div>раз</div>")
        await asyncio.sleep(3600)
        bridge.reply(copy, "<div>два</div>")
        bridge.start()
        await bridge.quiet()
        assert bridge.sent() == ["раз", "два"]


@virtual
async def test_a_copy_answered_in_its_very_second_loses_nothing(tmp_path: Path) -> None:
    """Seen on a real FreeScout, whose times are whole seconds."""
    async with running(tmp_path) as bridge:
        number = await ticket(bridge)
        copy = bridge.desk.state.clone(number)
        bridge.reply(copy, "<div>сразу</div>")
        await bridge.quiet()
        assert bridge.sent() == ["сразу"]


@virtual
async def test_a_copy_of_an_old_message_is_known_by_its_original(tmp_path: Path) -> None:
    # Ids are forgotten after 30 days; the words still stand where they were copied from.
    async with running(tmp_path) as bridge:
        number = await ticket(bridge)
        await bridge.stop()
        await asyncio.sleep(40 * DAY)
        bridge.start()
        assert bridge.journal is not None
        bridge.journal.tidying.run(bridge.clock.now(), Retention())
        await asyncio.sleep(10)
        copy = await copy_of(bridge, number)
        bridge.reply(copy, "<div>есть новости</div>")
        await bridge.quiet()
        assert bridge.sent() == ["есть новости"]


@virtual
async def test_a_copy_of_another_customers_message_in_a_merged_ticket_is_that_customers(
    tmp_path: Path,
) -> None:
    """Seen on a real FreeScout: the copy bears the customer of the message, not of the ticket."""
    async with running(tmp_path) as bridge:
        bridge.max.state.person(OTHER, "Олег", "Другой")
        stays = await ticket(bridge)
        bridge.say("вопрос Олега", OTHER)
        await bridge.quiet()
        gone = bridge.tickets()[-1]
        asked_by_oleg = max(bridge.desk.state.threads)
        bridge.desk.state.merge(stays, gone)
        await bridge.quiet()
        copy = bridge.desk.state.clone(stays, asked_by_oleg)
        await asyncio.sleep(2)
        bridge.reply(copy, "<div>Олегу</div>")
        bridge.reply(stays, "<div>Марине</div>")
        await bridge.quiet()
        assert bridge.sent(OTHER) == ["Олегу"]
        assert bridge.sent() == ["Марине"]


@virtual
async def test_a_copy_made_while_the_original_is_in_doubt_confuses_nobody(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        bridge.break_desk("drop_after", method="POST", path="/api/conversations")
        bridge.say("вопрос")
        await bridge.until(bridge.tickets, step=0.05)
        copy = await copy_of(bridge, 1)
        await bridge.until(lambda: bridge.journal and not bridge.journal.inbox.depth().waiting, 300)
        bridge.reply(copy, "<div>ответ в копии</div>")
        await bridge.quiet()
        assert bridge.sent() == ["ответ в копии"]
        assert bridge.journal is not None
        assert bridge.journal.tickets.ticket(1) is not None
        assert bridge.tickets() == [1, copy]


@virtual
async def test_another_programs_ticket_for_the_same_customer_is_left_to_it(
    tmp_path: Path,
) -> None:
    # A second bot's bridge marks its words, too, and knows the same card by its profile.
    async with running(tmp_path) as bridge:
        await ticket(bridge)
        assert bridge.daemon is not None
        for text in ("с сайта", "в другой бот<!-- maxbridge:mid.0123 -->"):
            body = {
                "type": "chat", "mailboxId": 1, "subject": "S", "customer": {"id": 1},
                "threads": [{"type": "customer", "text": text}],
            }  # fmt: skip
            await bridge.daemon.ends.desk.open_conversation(body)
        for number in (2, 3):
            bridge.reply(number, "<div>не в MAX</div>")
        await bridge.quiet()
        await asyncio.sleep(2 * 3600)
        assert not bridge.sent()
        assert not notes(bridge)
        # Looked at once, however often they change.
        assert len(asked(bridge, "/api/conversations/2", "/api/conversations/3")) == 2


@virtual
async def test_of_too_many_looks_the_oldest_is_forgotten_and_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adoption, "_REMEMBERED", 1)
    async with running(tmp_path) as bridge:
        await ticket(bridge)
        assert bridge.daemon is not None
        for _ in range(2):
            body = {
                "type": "chat", "mailboxId": 1, "subject": "S", "customer": {"id": 1},
                "threads": [{"type": "customer", "text": "с сайта"}],
            }  # fmt: skip
            await bridge.daemon.ends.desk.open_conversation(body)
        for number in (2, 3):
            bridge.reply(number, "<div>не в MAX</div>")
        await bridge.quiet()
        await asyncio.sleep(2 * 3600)
        # Each time that a sweep lists both.
        assert len(asked(bridge, "/api/conversations/2")) > 2
        assert len(asked(bridge, "/api/conversations/3")) > 2
        assert not bridge.sent()
        assert not notes(bridge)


@virtual
async def test_what_customers_begin_in_other_programs_is_looked_at_once_even_over_restarts(
    tmp_path: Path,
) -> None:
    """It may be a copy of a message of ours whose card another one has taken over; nearly always it is not."""
    async with running(tmp_path) as bridge:
        await ticket(bridge)
        stranger = bridge.desk.state.add_customer(first_name="Прохожий")
        assert bridge.daemon is not None
        body = {
            "type": "chat", "mailboxId": 1, "subject": "S", "customer": {"id": stranger.id},
            "threads": [{"type": "customer", "text": "с сайта"}],
        }  # fmt: skip
        await bridge.daemon.ends.desk.open_conversation(body)
        for _ in range(3):
            await asyncio.sleep(1000)
            bridge.reply(2, "<div>не в MAX</div>")
            await asyncio.sleep(1000)
            await bridge.stop()
            bridge.start()
        await bridge.quiet()
        assert not bridge.sent()
        assert len(asked(bridge, "/api/conversations/2")) == 1
        assert not asked(bridge, f"/api/customers/{stranger.id}")


@virtual
async def test_a_copy_that_is_listed_before_its_words_are_saved_is_looked_at_again(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as bridge:
        number = await ticket(bridge)
        state = bridge.desk.state
        state.merge_customers(state.add_customer(first_name="Марина").id, 1)
        copy = state.clone(number)
        (words,) = state.threads_of(copy)
        del state.threads[words.id]
        await bridge.until(lambda: asked(bridge, f"/api/conversations/{copy}"))
        state.threads[words.id] = words
        bridge.reply(copy, "<div>в копии</div>")
        await bridge.quiet()
        assert bridge.sent() == ["в копии"]


# --- whose -----------------------------------------------------------------------------------------


@virtual
async def test_a_card_that_the_store_does_not_know_is_asked_for_its_max_user_once(
    tmp_path: Path,
) -> None:
    # The customer has pressed "start" only; her card is from a database that was lost.
    async with running(tmp_path, greeting="Здравствуйте!") as bridge:
        card = bridge.desk.state.add_customer(first_name="Марина")
        card.social_profiles = [Labelled(f"max:{USER}", "other")]
        bridge.max.state.start(USER)
        await bridge.until(bridge.sent)
        begun = begin(bridge, customer_id=card.id)
        await bridge.quiet()
        assert bridge.sent() == ["Здравствуйте!", "заказ готов"]
        assert len(asked(bridge, f"/api/customers/{card.id}")) == 1
        bridge.say("спасибо")
        await bridge.until(lambda: bridge.bodies(begun))
        assert len(bridge.desk.state.customers) == 1


@virtual
async def test_nobodys_card_is_asked_for_once_even_over_restarts(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        await ticket(bridge)
        stranger = bridge.desk.state.add_customer(first_name="Прохожий")
        call = begin(bridge, "phone", customer_id=stranger.id)
        for _ in range(5):
            await asyncio.sleep(1000)
            bridge.desk.state.note(call, "<div>ещё звонок</div>")
            await asyncio.sleep(1000)
            await bridge.stop()
            bridge.start()
        await asyncio.sleep(10)
        assert len(asked(bridge, f"/api/customers/{stranger.id}")) == 1
        assert not asked(bridge, f"/api/conversations/{call}")


@virtual
async def test_mail_of_others_costs_no_request_whatever_happens_to_it(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        await ticket(bridge)
        people = [bridge.desk.state.add_customer(first_name=str(each)) for each in range(60)]
        await bridge.quiet()
        bridge.desk.requests.clear()
        for person in people:
            number = bridge.by_mail(person.id)
            bridge.desk.state.reply(number, "<div>ответ</div>")
        await asyncio.sleep(600)
        assert {each.path for each in bridge.desk.requests} == {"/api/conversations"}
        # One request for each poll, and no more.
        assert len(bridge.desk.requests) <= 600 / bridge.settings.freescout.poll_interval + 2


@virtual
async def test_many_unknown_cards_at_once_are_asked_for_little_by_little(tmp_path: Path) -> None:
    # The first start of this version on a desk that lives by the telephone.
    async with running(tmp_path) as bridge:
        await ticket(bridge)
        await bridge.stop()
        for each in range(60):
            person = bridge.desk.state.add_customer(first_name=str(each))
            begin(bridge, "phone", customer_id=person.id)
        begin(bridge)
        bridge.start()
        await asyncio.sleep(bridge.settings.freescout.poll_interval - 1)

        def cards() -> int:
            return sum("/customers/" in each.path for each in bridge.desk.requests)

        # Whose chat is known does not wait: is the card our bot's?
        assert cards() == 20 + 1
        await asyncio.sleep(60)
        assert cards() == 60 + 1
        await bridge.quiet()
        assert (cards(), bridge.sent()) == (60 + 1, ["заказ готов"])


@virtual
async def test_a_customer_with_two_chats_is_not_guessed_at_and_agents_are_told_once(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as bridge:
        bridge.max.state.person(OTHER, "Марина Новая")
        await ticket(bridge)
        bridge.say("с нового телефона", OTHER)
        await bridge.until(lambda: len(bridge.tickets()) == 2)
        bridge.desk.state.merge_customers(1, 2)
        await bridge.quiet()
        begun = begin(bridge)
        call = begin(bridge, "phone", html="<div>звонила</div>")
        await bridge.quiet()
        bridge.reply(begun, "<div>ещё раз</div>")
        await asyncio.sleep(2 * 3600)
        assert not bridge.sent()
        assert not bridge.sent(OTHER)
        told = [each for each in notes(bridge) if "несколько чатов MAX" in each]
        assert len(told) == 1
        assert bridge.bodies(call, "note") == ["<div>звонила</div>"]
        # A copy says by its marker which of the chats it is for.
        copy = await copy_of(bridge, 2)
        bridge.reply(copy, "<div>на новый</div>")
        await bridge.quiet()
        assert (bridge.sent(), bridge.sent(OTHER)) == ([], ["на новый"])


# --- trouble ---------------------------------------------------------------------------------------


@virtual
async def test_a_look_up_that_fails_delays_nobody_and_is_made_again(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        number = await ticket(bridge)
        copy = await copy_of(bridge, number)
        bridge.break_desk(
            "status", method="GET", path=f"/api/conversations/{copy}", status=500,
            body={"message": "Server Error"}, times=3,
        )  # fmt: skip
        bridge.reply(copy, "<div>в копии</div>")
        bridge.reply(number, "<div>в заявке</div>")
        await bridge.quiet()
        assert sorted(bridge.sent()) == ["в заявке", "в копии"]


@virtual
async def test_a_customer_who_stopped_the_bot_gets_it_when_he_is_back(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        await ticket(bridge)
        bridge.max.state.stop(USER)
        await asyncio.sleep(5)
        begun = begin(bridge, "chat")
        await bridge.until(lambda: notes(bridge, [begun]))
        assert "ждёт" in notes(bridge, [begun])[0]
        bridge.max.state.start(USER)
        await bridge.until(bridge.sent)
        bridge.say("я снова тут")
        await bridge.until(lambda: bridge.bodies(begun))


@virtual
async def test_what_an_agent_begins_is_no_history_because_the_desk_could_not_show_it_for_minutes(
    tmp_path: Path,
) -> None:
    """The list was followed past it meanwhile, and what lies behind is taken for older than our link."""
    async with running(tmp_path) as bridge:
        await ticket(bridge)
        begun = begin(bridge)
        for path in (f"/api/conversations/{begun}", "/api/customers/1"):
            bridge.break_desk("status", method="GET", path=path, status=500, times=None)
        await asyncio.sleep(600.0)
        assert bridge.sent() == []
        bridge.desk_line.clear()
        await asyncio.sleep(60.0)
        assert bridge.sent() == ["заказ готов"]
