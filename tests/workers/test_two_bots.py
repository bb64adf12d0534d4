"""Two bots, each with a daemon and a database of its own, on one desk: neither touches what is the other's."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from bridge import OTHER, SECOND_BOT, USER
from lost_database import lose, relink
from maxbridge import wiring
from maxbridge.core.marks import bot_of
from maxbridge.core.old_rows import OldBridge, OldPair
from maxbridge.i18n import CATALOGUE
from maxbridge.store.backup import back_up
from maxbridge.store.restore import commit, replacing
from maxbridge.store.store import Store
from maxbridge.takeover.import_old import import_offline, import_online
from maxbridge.takeover.relink import Words, carry_out
from two_bots import Desk, talked, two
from virtual_time import virtual

OLD = pytest.mark.parametrize("old", [False, True], ids=["signed", "of older versions"])


async def everybody_once_more(
    desk: Desk, tickets: tuple[int, int, int], *, notes: bool = False
) -> None:
    """Everybody writes and is answered: each once, in the ticket of before, nobody is told anything.

    Args:
        desk: The desk.
        tickets: Of the three talks.
        notes: There may be notes.
    """
    before, there = desk.sent(), desk.first.tickets()
    words = [len(desk.first.words(ticket)) for ticket in tickets]
    desk.first.say("и снова первому")
    desk.second.say("и снова второму")
    desk.second.say("и снова Олег", OTHER)
    await desk.quiet()
    for number, ticket in enumerate(tickets, 1):
        await desk.answered(ticket, f"ещё {number}")
    assert desk.sent() == [[*each, f"ещё {n}"] for n, each in enumerate(before, 1)]
    assert desk.first.tickets() == there
    assert [len(desk.first.words(ticket)) for ticket in tickets] == [each + 1 for each in words]
    assert notes or desk.notes() == []


@virtual
async def test_each_bot_names_itself_in_what_it_writes_and_on_its_cards(tmp_path: Path) -> None:
    async with two(tmp_path) as desk:
        tickets = await talked(desk)
        bots = [bot_of(desk.first.bodies(ticket)[0]) for ticket in tickets]
        assert bots == [desk.first.max.state.bot.user_id, SECOND_BOT, SECOND_BOT]
        cards = [desk.state.conversations[ticket].customer_id for ticket in tickets]
        assert len(set(cards)) == 3
        await everybody_once_more(desk, tickets)


@OLD
@virtual
async def test_relink_takes_nothing_of_the_other_bot(tmp_path: Path, old: bool) -> None:
    async with two(tmp_path) as desk:
        tickets = await talked(desk)
        begun = desk.state.new_conversation(
            "<div>начал агент</div>",
            customer_id=desk.state.conversations[tickets[1]].customer_id,
            kind="chat",
        )
        await desk.quiet()
        assert desk.second.sent() == ["ответ 2", "начал агент"]
        if old:
            desk.forget_bots()
        await desk.first.stop()
        lose(desk.first)
        plan, sums = await relink(desk.first)
        assert (sums.dialogs, sums.tickets) == (1, 1)
        assert (plan.findings.unsent, plan.findings.unclear) == ([], [])
        desk.first.start()
        await desk.quiet()
        await everybody_once_more(desk, (tickets[0], begun, tickets[2]))
        # Олег comes to the first bot, too: what he has with the second stays there.
        desk.first.max.state.person(OTHER, "Олег", "Вторых")
        fresh = await desk.opened(desk.first, "Олег первому", OTHER)
        await desk.answered(fresh, "Олегу от первого")
        await desk.answered(tickets[2], "Олегу от второго")
        assert desk.first.sent(OTHER) == ["Олегу от первого"]
        assert desk.second.sent(OTHER)[-1] == "Олегу от второго"
        assert desk.notes() == []


@OLD
@virtual
async def test_restore_takes_nothing_of_the_other_bot(tmp_path: Path, old: bool) -> None:
    async with two(tmp_path) as desk:
        one = await desk.opened(desk.first, "первому боту")
        copy = desk.first.settings.store.path.with_name("copy.db")
        back_up(desk.first.settings.store.path, copy, overwrite=True, now=desk.first.our_now())
        two_ = await desk.opened(desk.second, "второму боту")
        three = await desk.opened(desk.second, "вопрос Олега", OTHER)
        for number, ticket in enumerate((one, two_, three), 1):
            await desk.answered(ticket, f"ответ {number}")
        if old:
            desk.forget_bots()
        await desk.first.stop()
        with replacing(copy, desk.first.settings.store.path) as ready:
            commit(ready, desk.first.our_now())
        desk.first.start()
        await asyncio.sleep(200.0)
        await desk.quiet()
        assert desk.first.journal is not None
        assert desk.first.journal.tickets.ever_known([two_, three]) == set()
        await everybody_once_more(desk, (one, two_, three))


@OLD
@virtual
async def test_what_an_agent_begins_for_a_card_goes_out_through_one_bot(
    tmp_path: Path, old: bool
) -> None:
    async with two(tmp_path) as desk:
        one, two_, _ = await talked(desk)
        cards = [desk.state.conversations[ticket].customer_id for ticket in (one, two_)]
        if old:
            desk.forget_bots()
        for number, card in enumerate(cards, 1):
            desk.state.new_conversation(f"<div>сам {number}</div>", customer_id=card, kind="chat")
            await desk.quiet()
        assert desk.sent()[:2] == [["ответ 1", "сам 1"], ["ответ 2", "сам 2"]]
        assert cards[0] is not None
        assert cards[1] is not None
        desk.state.merge_customers(cards[0], cards[1])
        for number in (3, 4):
            (desk.first if number == 3 else desk.second).say(f"снова {number}")
            await desk.quiet()
            desk.state.new_conversation(
                f"<div>сам {number}</div>", customer_id=cards[0], kind="chat"
            )
            await desk.quiet()
        assert desk.sent()[:2] == [["ответ 1", "сам 1", "сам 3"], ["ответ 2", "сам 2", "сам 4"]]
        assert desk.notes() == []


@pytest.mark.parametrize("into", [0, 1], ids=["into the first", "into the second"])
@OLD
@virtual
async def test_in_a_merged_ticket_one_bot_answers_the_one_written_to_last(
    tmp_path: Path, old: bool, into: int
) -> None:
    async with two(tmp_path) as desk:
        one, two_, _ = await talked(desk)
        cards = [desk.state.conversations[ticket].customer_id for ticket in (one, two_)]
        assert cards[0] is not None
        assert cards[1] is not None
        desk.state.merge_customers(cards[0], cards[1])
        await desk.quiet()
        if old:
            desk.forget_bots()
        both, gone = ((one, two_), (two_, one))[into]
        desk.state.merge(both, gone)
        await desk.quiet()
        await desk.answered(both, "после слияния")
        desk.first.say("первому после слияния")
        await desk.quiet()
        await desk.answered(both, "через первого")
        desk.second.say("второму после слияния")
        await desk.quiet()
        await desk.answered(both, "через второго")
        assert desk.sent()[:2] == [
            ["ответ 1", "через первого"],
            ["ответ 2", "после слияния", "через второго"],
        ]
        told = [] if old else [True]  # what names no bot tells nobody
        assert ["через одного бота" in note for note in desk.notes()] == told
        assert len(desk.first.words(both)) == 4


async def on_one_card(desk: Desk) -> tuple[int, int]:
    """Марина has one card for both bots, and has written to the second one last."""
    one, two_, _ = await talked(desk)
    cards = [desk.state.conversations[ticket].customer_id for ticket in (one, two_)]
    assert cards[0] is not None
    assert cards[1] is not None
    desk.state.merge_customers(cards[0], cards[1])
    await desk.quiet()
    return one, two_


@pytest.mark.parametrize("seconds", [2.0, 23.0, 40.0, 75.0])
@virtual
async def test_a_reply_of_right_before_a_merge_leaves_once_and_nobody_is_told_otherwise(
    tmp_path: Path, seconds: float
) -> None:
    async with two(tmp_path) as desk:
        one, two_ = await on_one_card(desk)
        desk.first.reply(one, "<div>в тикете первого</div>")
        desk.first.reply(two_, "<div>в тикете второго</div>")
        await asyncio.sleep(seconds)
        desk.state.merge(two_, one)
        await desk.quiet()
        sent = desk.first.sent() + desk.second.sent()
        assert sorted(sent) == [
            "в тикете второго", "в тикете первого", "ответ 1", "ответ 2",
        ]  # fmt: skip
        assert ["через одного бота" in note for note in desk.notes()] == [True]


@pytest.mark.parametrize("seconds", [15.0, 16.0, 17.0, 18.0, 19.0])
@virtual
async def test_a_reply_at_the_very_moment_of_a_merge_is_sent_once_or_told(
    tmp_path: Path, seconds: float
) -> None:
    async with two(tmp_path) as desk:
        one, two_ = await on_one_card(desk)
        words = ["в тикете первого", "в тикете второго"]
        for ticket, each in zip((one, two_), words, strict=True):
            desk.first.reply(ticket, f"<div>{each}</div>")
        await asyncio.sleep(seconds)
        desk.state.merge(two_, one)
        await desk.quiet()
        sent = desk.first.sent() + desk.second.sent()
        assert len(sent) == len(set(sent))
        assert [each for each in words if each not in sent and not desk.is_told(each)] == []


@pytest.mark.parametrize("last", ["first", "second"])
@virtual
async def test_a_reply_that_a_bot_was_down_for_before_a_merge_is_told(
    tmp_path: Path, last: str
) -> None:
    async with two(tmp_path) as desk:
        one, two_ = await on_one_card(desk)
        (desk.first if last == "first" else desk.second).say("напоследок")
        await desk.quiet()
        await desk.second.stop()
        desk.first.reply(two_, "<div>второго нет</div>")
        await asyncio.sleep(40.0)
        desk.state.merge(two_, one)
        await desk.first.quiet()
        desk.second.start()
        await desk.quiet()
        assert desk.sent()[:2] == [["ответ 1"], ["ответ 2"]]
        assert sum("второго нет" in note for note in desk.notes()) == 1


@virtual
async def test_a_merge_of_two_cards_tickets_leaves_each_customer_their_bot(tmp_path: Path) -> None:
    async with two(tmp_path) as desk:
        one, _, three = await talked(desk)
        await desk.answered(one, "за секунды до слияния")
        desk.state.merge(three, one)
        await desk.quiet()
        assert sum("карточка клиента здесь другая" in note for note in desk.notes()) == 1
        assert len(desk.notes()) == 1
        await desk.answered(three, "Олегу")
        assert desk.sent() == [
            ["ответ 1", "за секунды до слияния"],
            ["ответ 2"],
            ["ответ 3", "Олегу"],
        ]
        fresh = await desk.opened(desk.first, "первому снова")
        assert fresh not in (one, three)


@virtual
async def test_a_ticket_given_to_the_other_bots_customer_answers_nobody_else(
    tmp_path: Path,
) -> None:
    async with two(tmp_path) as desk:
        one, _, three = await talked(desk)
        card = desk.state.conversations[three].customer_id
        assert card is not None
        desk.state.change_customer(one, card)
        await desk.quiet()
        await desk.answered(one, "Олегу, в тикете Марины")
        assert desk.sent() == [["ответ 1"], ["ответ 2"], ["ответ 3"]]
        assert ["предназначен другому клиенту" in note for note in desk.notes()] == [True]
        fresh = await desk.opened(desk.first, "Марина пишет дальше")
        await desk.answered(fresh, "Марине")
        assert desk.sent()[0] == ["ответ 1", "Марине"]


@virtual
async def test_a_ticket_of_a_bot_that_is_gone_is_given_to_a_chat_of_the_new_one(
    tmp_path: Path,
) -> None:
    async with two(tmp_path) as desk:
        _, two_, _ = await talked(desk)
        await desk.second.stop()
        first = desk.first
        assert first.journal is not None
        chat, card = first.chat(), desk.state.conversations[two_].customer_id
        assert first.journal.linking.link(chat, two_, card, desk_now=first.clock.now())
        await first.quiet()
        first.reply(two_, "<div>из старого тикета</div>")
        await first.quiet()
        assert first.sent() == ["ответ 1", "из старого тикета"]
        assert desk.notes() == []
        desk.second.start()


@pytest.mark.parametrize("online", [True, False], ids=["online", "offline"])
@OLD
@virtual
async def test_import_takes_nothing_of_the_other_bot(
    tmp_path: Path, old: bool, online: bool
) -> None:
    async with two(tmp_path) as desk:
        one, two_, three = await talked(desk)
        if old:
            desk.forget_bots()
        await desk.first.stop()
        # The file of a bridge that served the second bot, given to the first one by mistake.
        history = desk.second.max.state.chats[desk.second.chat()].history
        pair = OldPair(
            USER, two_, desk.state.conversations[two_].customer_id, _mid(history[0]), 1.0
        )
        history = desk.second.max.state.chats[desk.second.chat(OTHER)].history
        other = OldPair(OTHER, three, desk.state.conversations[three].customer_id, _mid(history[0]))
        file = OldBridge((pair, other), (), {})
        plan = import_offline(file, desk.first.our_now())
        if online:
            ends, texts = desk.first.ends(), desk.first.settings.texts
            words = Words(CATALOGUE[texts.language], texts.signature, "", lambda _ids: ())
            plan = await import_online(
                file, ends.max, ends.desk, words, since=None, progress=lambda *_: None
            )
            await ends.close()
        store = Store(desk.first.settings.store.path)
        carry_out(wiring.takeover(store), plan, desk.first.our_now)
        assert store.tickets.ever_known([two_, three]) == set()
        store.close()
        desk.first.start()
        desk.first.max.state.person(OTHER, "Олег", "Вторых")
        fresh = await desk.opened(desk.first, "Олег первому", OTHER)
        await desk.answered(fresh, "Олегу от первого")
        await everybody_once_more(desk, (one, two_, three), notes=not online or old)
        assert desk.first.sent(OTHER) == ["Олегу от первого"]


def _mid(message: dict[str, Any]) -> str:
    mid: str = message["body"]["mid"]
    return mid


@virtual
async def test_a_group_with_both_bots_has_a_ticket_of_each(tmp_path: Path) -> None:
    async with two(tmp_path, groups="ticket") as desk:
        for bridge in (desk.first, desk.second):
            bridge.max.state.group(-77, "Дачники", USER)
        # The same message comes to both bots under one id, and the second one's POST is in doubt.
        desk.second.break_desk("drop_before", method="POST", path="/api/conversations", times=1)
        mids = {each.say("в группу", chat_id=-77) for each in (desk.first, desk.second)}
        assert len(mids) == 1
        await desk.second.until(lambda: len(desk.first.tickets()) == 2, 300)
        await desk.quiet()
        signed = {bot_of(desk.first.bodies(each)[0]): each for each in desk.first.tickets()}
        one, two_ = signed[desk.first.max.state.bot.user_id], signed[SECOND_BOT]
        await desk.answered(one, "через первого")
        await desk.answered(two_, "через второго")
        assert desk.first.max.state.texts(-77) == ["через первого"]
        assert desk.second.max.state.texts(-77) == ["через второго"]
        assert len(desk.first.tickets()) == 2
