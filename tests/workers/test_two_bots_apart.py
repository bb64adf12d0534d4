"""Two bots on one desk, and agents who give tickets away and merge them: each reply leaves through one bot, or is told.

The rule (docs/architecture.md, "Merges, deletions, customers"): a reply leaves through the bot to which its customer
wrote last in the ticket; where they wrote nothing there, through the bot of their card.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from bridge import OTHER, USER, Bridge, running
from lost_database import lose, relink
from maxbridge.i18n import RU
from two_bots import Desk, backup_of, begun, cards_of, relinked, restored, settled, talked, two
from virtual_time import virtual

SEEDS = [int(each) for each in os.environ.get("MAXBRIDGE_WALKS", "1 2 3 4").split()]
"""Of the random walks; other ones may be named in the environment."""
ACTS = 24


# --- a ticket that an agent began --------------------------------------------------------------------


async def two_customers(bridge: Bridge) -> tuple[int, int]:
    """Марина and Олег have tickets 1 and 2; gives their records."""
    bridge.max.state.person(OTHER, "Олег", "Вторых")
    bridge.say("вопрос")
    bridge.say("мой вопрос", OTHER)
    await bridge.quiet()
    ours, theirs = (bridge.desk.state.conversations[each].customer_id for each in (1, 2))
    assert ours is not None
    assert theirs is not None
    return ours, theirs


@pytest.mark.parametrize("at_once", [False, True], ids=["later", "before anybody looked"])
@virtual
async def test_a_begun_ticket_that_is_given_to_the_other_bots_card_is_answered_by_that_bot(
    tmp_path: Path, at_once: bool
) -> None:
    """What was written for the card of before leaves through its bot, even when it was given away at once."""
    async with two(tmp_path) as desk:
        one, two_, _ = await talked(desk)
        ours, theirs = cards_of(desk, one, two_)
        ticket = desk.state.new_conversation("<div>сам</div>", customer_id=ours, kind="chat")
        if not at_once:
            await desk.quiet()
        desk.state.change_customer(ticket, theirs)
        await settled(desk)
        await desk.answered(ticket, "после смены")
        assert desk.sent()[:2] == [["ответ 1", "сам"], ["ответ 2", "после смены"]]
        assert desk.notes() == []


@virtual
async def test_what_was_begun_for_one_customer_and_given_to_another_at_once_is_told(
    tmp_path: Path,
) -> None:
    """One bot has both: the ticket is the second one's, and the first one gets nothing from it."""
    async with running(tmp_path) as bridge:
        ours, theirs = await two_customers(bridge)
        state = bridge.desk.state
        ticket = state.new_conversation("<div>сам</div>", customer_id=ours, kind="chat")
        state.change_customer(ticket, theirs)
        await bridge.quiet()
        assert bridge.sent() == bridge.sent(OTHER) == []
        assert ["«сам»" in note for note in bridge.bodies(ticket, "note")] == [True]


@virtual
async def test_a_begun_ticket_that_is_given_to_another_person_of_the_other_bot_leaves_there(
    tmp_path: Path,
) -> None:
    async with two(tmp_path) as desk:
        one, _, three = await talked(desk)
        ours, theirs = cards_of(desk, one, three)
        ticket = await begun(desk, ours, "сам")
        desk.state.change_customer(ticket, theirs)
        await settled(desk)
        await desk.answered(ticket, "Олегу")
        assert desk.sent() == [["ответ 1", "сам"], ["ответ 2"], ["ответ 3", "Олегу"]]
        assert desk.notes() == []


@virtual
async def test_a_ticket_that_its_customer_wrote_in_stays_their_bots_with_another_card_of_theirs(
    tmp_path: Path,
) -> None:
    async with two(tmp_path) as desk:
        one, two_, _ = await talked(desk)
        _, theirs = cards_of(desk, one, two_)
        desk.state.change_customer(one, theirs)
        await settled(desk)
        await desk.answered(one, "после смены")
        assert desk.sent()[:2] == [["ответ 1", "после смены"], ["ответ 2"]]
        assert desk.notes() == []


@pytest.mark.parametrize("wins", ["first", "second"])
@virtual
async def test_a_begun_ticket_stays_its_bots_when_its_card_is_merged_with_the_other_bots(
    tmp_path: Path, wins: str
) -> None:
    async with two(tmp_path) as desk:
        one, two_, _ = await talked(desk)
        ours, theirs = cards_of(desk, one, two_)
        desk.first.say("первому напоследок")
        await desk.quiet()
        ticket = await begun(desk, theirs, "сам")
        winner, loser = (ours, theirs) if wins == "first" else (theirs, ours)
        desk.state.merge_customers(winner, loser)
        await settled(desk)
        await desk.answered(ticket, "ещё")
        assert desk.sent()[:2] == [["ответ 1"], ["ответ 2", "сам", "ещё"]]
        assert desk.notes() == []


@virtual
async def test_a_begun_ticket_that_nobody_can_tell_the_bot_of_is_told_once(tmp_path: Path) -> None:
    """Its cards were merged while both bots were down: neither can know which one's it was."""
    async with two(tmp_path) as desk:
        one, two_, _ = await talked(desk)
        ours, theirs = cards_of(desk, one, two_)
        await desk.first.stop()
        await desk.second.stop()
        ticket = desk.state.new_conversation("<div>сам</div>", customer_id=theirs, kind="chat")
        await asyncio.sleep(60.0)
        desk.state.merge_customers(ours, theirs)
        await asyncio.sleep(60.0)
        desk.first.start()
        desk.second.start()
        await settled(desk)
        await desk.answered(ticket, "ещё")
        assert desk.sent()[:2] == [["ответ 1"], ["ответ 2"]]
        assert [RU.two_bots in note for note in desk.notes()] == [True]


@virtual
async def test_what_left_before_its_ticket_took_in_the_other_bots_is_not_sent_again(
    tmp_path: Path,
) -> None:
    async with two(tmp_path) as desk:
        one, two_, three = await talked(desk)
        ours, theirs = cards_of(desk, one, two_)
        ticket = await begun(desk, theirs, "сам")
        await asyncio.sleep(60.0)
        desk.state.merge_customers(ours, theirs)
        await settled(desk)
        desk.state.merge(three, one)
        await settled(desk)
        desk.state.merge(ticket, three)
        await settled(desk)
        assert desk.sent()[:2] == [["ответ 1"], ["ответ 2", "сам"]]
        assert not any("сам" in note for note in desk.notes())


# --- merges ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cards", [False, True], ids=["two cards", "one card"])
@virtual
async def test_after_two_merges_a_reply_leaves_through_one_of_the_bots(
    tmp_path: Path, cards: bool
) -> None:
    """Words of the second bot come into the first one's ticket by way of somebody else's."""
    async with two(tmp_path) as desk:
        one, two_, three = await talked(desk)
        ours, theirs = cards_of(desk, one, two_)
        desk.state.merge(three, two_)
        await desk.quiet()
        if cards:
            desk.state.merge_customers(theirs, ours)
            await desk.quiet()
        desk.state.merge(one, three)
        await settled(desk)
        before = len(desk.notes())
        await desk.answered(one, "кому?")
        await desk.answered(one, "ау")
        first, second, _ = desk.sent()
        assert (first, second) == (
            (["ответ 1"], ["ответ 2", "кому?", "ау"])
            if cards
            else (["ответ 1", "кому?", "ау"], ["ответ 2"])
        )
        assert len(desk.notes()) == before


# --- relink, restore ---------------------------------------------------------------------------------


@virtual
async def test_relink_of_one_bot_says_nothing_in_the_other_bots_ticket_that_holds_its_words(
    tmp_path: Path,
) -> None:
    async with two(tmp_path) as desk:
        one, _, three = await talked(desk)
        desk.state.merge(three, one)
        await settled(desk)
        before = len(desk.notes())
        await relinked(desk.first)
        await desk.answered(three, "Олегу")
        assert desk.sent() == [["ответ 1"], ["ответ 2"], ["ответ 3", "Олегу"]]
        assert len(desk.notes()) == before
        fresh = await desk.opened(desk.first, "и снова первому")
        await desk.answered(fresh, "Марине")
        assert desk.sent()[0] == ["ответ 1", "Марине"]


@virtual
async def test_relink_does_not_send_again_what_an_agent_began_for_a_group(tmp_path: Path) -> None:
    async with running(tmp_path, groups="ticket") as bridge:
        bridge.max.state.group(-77, "Дачники", USER)
        bridge.say("в группу", chat_id=-77)
        await bridge.quiet()
        card = bridge.desk.state.conversations[1].customer_id
        assert card is not None
        bridge.desk.state.new_conversation("<div>группе</div>", customer_id=card, kind="chat")
        await bridge.quiet()
        await relinked(bridge)
        await asyncio.sleep(120.0)
        await bridge.quiet()
        assert bridge.max.state.texts(-77) == ["группе"]
        assert bridge.bodies(1, "note") == []


@virtual
async def test_restore_of_one_bot_says_nothing_of_the_other_bots_replies(tmp_path: Path) -> None:
    async with two(tmp_path) as desk:
        _, _, three = await talked(desk)
        first = desk.first
        copy = backup_of(first, tmp_path / "copy.db")
        first.max.state.person(OTHER, "Олег", "Вторых")
        ticket = await desk.opened(first, "Олег первому", OTHER)
        await settled(desk)
        desk.state.merge(three, ticket)
        await settled(desk)
        before = len(desk.notes())
        await restored(first, copy)
        await asyncio.sleep(200.0)
        await desk.quiet()
        assert len(desk.notes()) == before
        assert desk.sent() == [["ответ 1"], ["ответ 2"], ["ответ 3"]]


@pytest.mark.parametrize("lost", [False, True], ids=["known", "after relink"])
@virtual
async def test_a_reply_in_what_a_merge_has_left_behind_and_an_agent_restores_leaves(
    tmp_path: Path, lost: bool
) -> None:
    """Nothing of its customer's is left in it: whose it is, only its card tells."""
    async with running(tmp_path) as bridge:
        bridge.say("раз")
        await bridge.quiet()
        copy = bridge.desk.state.clone(1)
        await bridge.quiet()
        bridge.desk.state.merge(1, copy)
        await bridge.quiet()
        if lost:
            await relinked(bridge)
        bridge.desk.state.restore(copy)
        await bridge.quiet()
        bridge.reply(copy, "<div>в восстановленном</div>")
        await bridge.quiet()
        assert bridge.sent() == ["в восстановленном"]


@virtual
async def test_relink_knows_a_chat_of_which_only_words_in_anothers_ticket_are_left(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, groups="ticket") as bridge:
        bridge.say("лично")
        await bridge.quiet()
        bridge.max.state.group(-77, "Дачники", USER)
        bridge.say("в группу", chat_id=-77)
        await bridge.quiet()
        bridge.desk.state.merge(2, 1)
        await bridge.quiet()
        await relinked(bridge)
        bridge.desk.state.restore(1)
        await bridge.quiet()
        bridge.reply(1, "<div>вам лично</div>")
        await bridge.quiet()
        assert bridge.sent() == ["вам лично"]


@pytest.mark.parametrize("told", [False, True], ids=["sent by the other", "sent by ours"])
@virtual
async def test_relink_leaves_alone_what_was_begun_for_a_card_of_two_bots_and_its_history_does_not_show(
    tmp_path: Path, told: bool
) -> None:
    """The words that told whose it was stand in somebody else's ticket by now."""
    async with two(tmp_path) as desk:
        one, two_, three = await talked(desk)
        ours, theirs = cards_of(desk, one, two_)
        desk.state.merge_customers(ours, theirs)
        await settled(desk)
        (desk.first if told else desk.second).say("я тут")
        await settled(desk)
        ticket = await begun(desk, ours, "сам")
        await settled(desk)
        desk.state.merge(three, one if told else two_)
        await settled(desk)
        before = len(desk.notes())
        await relinked(desk.first)
        await settled(desk)
        await desk.answered(ticket, "ещё")
        await settled(desk)
        sent = desk.sent()[0] if told else desk.sent()[1]
        assert sent[1:] == ["сам", "ещё"]
        assert desk.sent()[1 if told else 0] == [f"ответ {2 if told else 1}"]
        assert [RU.two_bots in note for note in desk.notes()[before:]] == [True] * (not told)


@virtual
async def test_relink_tells_that_nobody_answers_what_our_bot_has_returned_a_reply_of(
    tmp_path: Path,
) -> None:
    """The other bot has seen it with our record, and leaves it to us (walk 687)."""
    async with two(tmp_path) as desk:
        one, two_, _ = await talked(desk)
        ours, theirs = cards_of(desk, one, two_)
        # It is like what the history shows, so that relink cannot tell whether it left.
        words = "ответ 1, и ещё"
        ticket = desk.state.new_conversation(f"<div>{words}</div>", customer_id=ours, kind="chat")
        await relinked(desk.first)
        await settled(desk)
        assert [words in note for note in desk.notes()] == [True]
        desk.state.merge_customers(theirs, ours)
        await relinked(desk.first)
        desk.first.reply(ticket, "<div>ещё</div>")
        await settled(desk)
        assert desk.sent()[:2] == [["ответ 1"], ["ответ 2"]]
        assert [RU.two_bots in note for note in desk.notes()] == [False, True]


@virtual
async def test_relink_takes_no_ticket_for_ours_because_of_words_like_those_of_a_reply_of_ours(
    tmp_path: Path,
) -> None:
    """By the merge the answer to our message seems the other bot's, so that it explained nothing (walk 540)."""
    async with two(tmp_path) as desk:
        one, two_, _ = await talked(desk)
        ours, theirs = cards_of(desk, one, two_)
        desk.state.merge_customers(theirs, ours)
        await asyncio.sleep(25.0)
        ticket = desk.state.new_conversation(
            "<div>ответ 1, и ещё</div>", customer_id=theirs, kind="chat"
        )
        desk.state.merge(two_, one)
        await relinked(desk.first)
        desk.first.reply(ticket, "<div>кому</div>")
        await settled(desk)
        assert desk.sent()[:2] == [["ответ 1"], ["ответ 2", "ответ 1, и ещё", "кому"]]
        assert [RU.two_bots in note for note in desk.notes()] == [True]


@pytest.mark.parametrize("given", [False, True], ids=["to theirs", "to another customer's"])
@virtual
async def test_what_left_before_relink_does_not_leave_again_when_its_ticket_is_merged_into_an_older_one(
    tmp_path: Path, given: bool
) -> None:
    """There the history ended before it (walk 512)."""
    async with running(tmp_path) as bridge:
        ours, theirs = await two_customers(bridge)
        state = bridge.desk.state
        if given:
            state.change_customer(1, theirs)
        await asyncio.sleep(90.0)
        ticket = state.new_conversation("<div>сам</div>", customer_id=ours, kind="chat")
        await asyncio.sleep(20.0)
        await bridge.quiet()
        assert bridge.sent() == ["сам"]
        bridge.reply(ticket, "<div>ещё</div>")
        await bridge.stop()
        lose(bridge)
        await relink(bridge)
        bridge.start()
        state.merge(1, ticket)
        await asyncio.sleep(120.0)
        await bridge.quiet()
        assert bridge.sent().count("сам") == 1
        told = any("ещё" in note for note in bridge.bodies(1, "note"))
        assert bridge.sent().count("ещё") + told == 1


@pytest.mark.parametrize("lost", [False, True], ids=["known", "after relink"])
@virtual
async def test_what_one_bot_sent_before_the_cards_were_merged_the_other_does_not_send_again(
    tmp_path: Path, lost: bool
) -> None:
    """A copy of the first bot's words had come into the second one's ticket, and of what stands there all is one card's now."""
    async with two(tmp_path) as desk:
        one, two_, _ = await talked(desk)
        ours, theirs = cards_of(desk, one, two_)
        copy = desk.state.clone(one)
        await desk.quiet()
        desk.state.merge(two_, copy)
        await desk.quiet()
        await desk.answered(two_, "второму")
        before = len(desk.notes())
        desk.state.merge_customers(ours, theirs)
        if lost:
            await relinked(desk.first)
        await settled(desk)
        assert desk.sent()[:2] == [["ответ 1"], ["ответ 2", "второму"]]
        assert [RU.two_bots in note for note in desk.notes()[before:]] == [True] * lost
        desk.first.say("я тут")
        await settled(desk)
        await desk.answered(one, "первому")
        assert desk.sent()[0] == ["ответ 1", "первому"]


@pytest.mark.parametrize("person", ["the same", "another"])
@virtual
async def test_a_bot_that_is_given_anothers_ticket_tells_nothing_of_replies_of_before(
    tmp_path: Path, person: str
) -> None:
    """Its own words had come there by a merge before: that took no reply away."""
    async with two(tmp_path) as desk:
        one, two_, _ = await talked(desk)
        if person == "another":
            desk.first.max.state.person(OTHER, "Олег", "Вторых")
            one = await desk.opened(desk.first, "Олег первому", OTHER)
        (ours,) = cards_of(desk, one)
        desk.first.reply(two_, "<div>второму</div>")
        desk.state.merge(two_, one)
        desk.state.change_customer(two_, ours)
        await settled(desk)
        assert desk.sent()[:2] == [["ответ 1"], ["ответ 2", "второму"]]
        assert not desk.is_told("второму")


@pytest.mark.parametrize("lost", [False, True], ids=["known", "after relink"])
@pytest.mark.parametrize("seconds", [2.0, 30.0], ids=["before it left", "afterwards"])
@pytest.mark.parametrize("way", ["first", "second"])
@virtual
async def test_a_reply_that_a_merge_took_into_the_other_bots_ticket_is_told_where_it_did_not_leave(
    tmp_path: Path, way: str, seconds: float, lost: bool
) -> None:
    async with two(tmp_path) as desk:
        one, two_, _ = await talked(desk)
        gone, into = (one, two_) if way == "first" else (two_, one)
        desk.first.reply(gone, "<div>напоследок</div>")
        await asyncio.sleep(seconds)
        desk.state.merge(into, gone)
        if lost:
            await relinked(desk.first)
        await settled(desk)
        sent = [each for talk in desk.sent() for each in talk]
        assert ("напоследок" in sent) is (seconds > 20.0)
        assert sum("напоследок" in note for note in desk.notes()) == (seconds < 20.0)


@pytest.mark.parametrize("seconds", [2.0, 30.0], ids=["before it left", "afterwards"])
@pytest.mark.parametrize("again", [False, True], ids=["once", "twice"])
@virtual
async def test_relink_looks_for_a_reply_in_the_chat_of_whom_it_was_written_to(
    tmp_path: Path, seconds: float, again: bool
) -> None:
    """It stands in another customer's ticket of the same bot."""
    async with running(tmp_path) as bridge:
        await two_customers(bridge)
        bridge.reply(2, "<div>Олегу</div>")
        await asyncio.sleep(seconds)
        bridge.desk.state.merge(1, 2)
        await bridge.stop()
        lose(bridge)
        await relink(bridge)
        bridge.start()
        await bridge.quiet()
        if again:
            await relinked(bridge)
        assert bridge.sent() == []
        assert bridge.sent(OTHER) == (["Олегу"] if seconds > 20.0 else [])
        notes = [note for note in bridge.bodies(1, "note") if "Олегу" in note]
        assert ["Не отправлено" in note for note in notes] == [True] * (seconds < 20.0)


@virtual
async def test_relink_leaves_alone_another_bots_ticket_that_was_given_to_another_of_its_customers(
    tmp_path: Path,
) -> None:
    """Words of ours have come there by a merge."""
    async with two(tmp_path) as desk:
        one, two_, three = await talked(desk)
        _, theirs = cards_of(desk, one, two_)
        desk.state.change_customer(three, theirs)
        await settled(desk)
        desk.state.merge(three, one)
        await settled(desk)
        await relinked(desk.first)
        await desk.answered(three, "Марине")
        await settled(desk)
        assert desk.sent() == [["ответ 1"], ["ответ 2"], ["ответ 3"]]
        assert sum("«Марине»" in note for note in desk.notes()) == 1


@pytest.mark.parametrize("lost", [False, True], ids=["known", "after relink"])
@virtual
async def test_what_agents_were_told_of_does_not_leave_when_a_merge_makes_the_ticket_ours(
    tmp_path: Path, lost: bool
) -> None:
    """They were asked to answer elsewhere, and will have done so."""
    async with two(tmp_path) as desk:
        _, two_, _ = await talked(desk)
        desk.first.max.state.person(OTHER, "Олег", "Вторых")
        four = await desk.opened(desk.first, "Олег первому", OTHER)
        (ours,) = cards_of(desk, four)
        await settled(desk)
        desk.state.change_customer(two_, ours)
        desk.first.reply(two_, "<div>Олегу</div>")
        await asyncio.sleep(25.0)
        assert desk.is_told("Олегу")
        desk.state.merge(two_, four)
        if lost:
            await relinked(desk.first)
        await settled(desk)
        assert desk.first.sent(OTHER) == []
        await desk.answered(two_, "ещё раз")
        assert desk.first.sent(OTHER) == ["ещё раз"]


@virtual
async def test_a_reply_that_each_bot_could_leave_to_the_other_is_told(tmp_path: Path) -> None:
    """The second bot heard its customer last, and has the ticket as another customer's."""
    async with two(tmp_path) as desk:
        one, two_, three = await talked(desk)
        ours, theirs = cards_of(desk, one, two_)
        desk.state.merge_customers(theirs, ours)
        desk.state.change_customer(three, theirs)
        desk.state.merge(three, two_)
        desk.state.merge(three, one)
        await settled(desk)
        await desk.answered(three, "Марине")
        await settled(desk)
        assert desk.sent() == [["ответ 1"], ["ответ 2"], ["ответ 3"]]
        assert desk.is_told("Марине")


@virtual
async def test_restore_says_of_a_reply_that_a_merge_brought_no_more_than_is_known(
    tmp_path: Path,
) -> None:
    async with two(tmp_path) as desk:
        one, two_, _ = await talked(desk)
        ours, theirs = cards_of(desk, one, two_)
        desk.state.merge_customers(ours, theirs)
        await settled(desk)
        copy = backup_of(desk.first, tmp_path / "copy.db")
        await desk.answered(two_, "второму")
        desk.state.merge(two_, one)
        await settled(desk)
        await restored(desk.first, copy)
        await asyncio.sleep(200.0)
        await desk.quiet()
        assert desk.sent()[:2] == [["ответ 1"], ["ответ 2", "второму"]]
        assert not desk.is_told("второму")


# --- copies of words, gifts and merges within an undo window -------------------------------------------


@pytest.mark.parametrize("seconds", [0.0, 30.0], ids=["at once", "later"])
@virtual
async def test_a_copy_whose_card_was_merged_into_the_other_bots_is_answered_by_the_bot_of_its_words(
    tmp_path: Path, seconds: float
) -> None:
    """The bot's own ticket bears somebody else's card by then, so it knows the old card only (walk 162)."""
    async with two(tmp_path) as desk:
        one, two_, three = await talked(desk)
        ours, theirs, olegs = cards_of(desk, one, two_, three)
        desk.state.change_customer(two_, olegs)
        copy = desk.state.clone(two_)
        await asyncio.sleep(seconds)
        desk.state.merge_customers(ours, theirs)
        await asyncio.sleep(seconds)
        again = desk.state.clone(copy)
        await desk.answered(again, "в копии")
        await settled(desk)
        assert desk.sent() == [["ответ 1"], ["ответ 2", "в копии"], ["ответ 3"]]
        assert not desk.is_told("в копии")


@virtual
async def test_a_copy_of_one_bots_words_with_the_other_bots_card_is_answered_by_the_bot_of_its_words(
    tmp_path: Path,
) -> None:
    """A customer answered the second bot in a ticket that bears the card of the first (walk 191)."""
    async with two(tmp_path) as desk:
        one, two_, _ = await talked(desk)
        ours, theirs = cards_of(desk, one, two_)
        ticket = await begun(desk, theirs, "сам")
        await settled(desk)
        desk.state.change_customer(ticket, ours)
        await settled(desk)
        desk.second.say("ответ на начатое")
        await desk.quiet()
        copy = desk.state.clone(ticket)
        assert desk.state.conversations[copy].customer_id == ours
        await desk.answered(copy, "в копии")
        await settled(desk)
        assert desk.sent()[:2] == [["ответ 1"], ["ответ 2", "сам", "в копии"]]
        assert not desk.is_told("в копии")


@pytest.mark.parametrize("seconds", [0.0, 30.0], ids=["at once", "later"])
@pytest.mark.parametrize("to", ["another of our bot's", "another of the other bot's", "nobody's"])
@virtual
async def test_a_reply_in_a_copy_that_was_given_to_somebody_else_is_told(
    tmp_path: Path, to: str, seconds: float
) -> None:
    """Whether its words' bot had seen it before makes no difference (walk 208)."""
    async with two(tmp_path) as desk:
        one, _, three = await talked(desk)
        desk.first.max.state.person(OTHER, "Олег", "Вторых")
        four = await desk.opened(desk.first, "Олег первому", OTHER)
        nobody = desk.state.add_customer(first_name="Прохожий").id
        card = {
            "another of our bot's": desk.state.conversations[four].customer_id,
            "another of the other bot's": desk.state.conversations[three].customer_id,
            "nobody's": nobody,
        }[to]
        assert card is not None
        copy = desk.state.clone(one)
        await asyncio.sleep(seconds)
        desk.state.change_customer(copy, card)
        await desk.answered(copy, "кому это?")
        await settled(desk)
        sent = [*desk.sent(), desk.first.sent(OTHER)]
        if to == "nobody's":  # a better record of the same customer: agents make those
            assert sent == [["ответ 1", "кому это?"], ["ответ 2"], ["ответ 3"], []]
        else:
            assert sent == [["ответ 1"], ["ответ 2"], ["ответ 3"], []]
        assert sum("кому это?" in note for note in desk.notes()) == (to != "nobody's")


@virtual
async def test_a_merge_of_ours_into_somebody_elses_ticket_makes_it_no_copy(tmp_path: Path) -> None:
    async with two(tmp_path) as desk:
        one, _, three = await talked(desk)
        desk.state.merge(three, one)
        await settled(desk)
        await desk.answered(three, "Олегу")
        await settled(desk)
        assert desk.sent() == [["ответ 1"], ["ответ 2"], ["ответ 3", "Олегу"]]
        assert desk.first.journal is not None
        assert desk.first.journal.tickets.ticket(three) is None


@pytest.mark.parametrize("own", ["the first's", "the second's", "a copy"])
@virtual
async def test_a_reply_between_two_gifts_is_told(tmp_path: Path, own: str) -> None:
    """It is written for another bot's customer, whose bot has never had the ticket (walk 176)."""
    async with two(tmp_path) as desk:
        one, two_, three = await talked(desk)
        ours, theirs, olegs = cards_of(desk, one, two_, three)
        desk.first.max.state.person(OTHER, "Олег", "Вторых")
        four = await desk.opened(desk.first, "Олег первому", OTHER)
        (olegs_of_first,) = cards_of(desk, four)
        await settled(desk)
        if own == "the second's":
            ticket, card, back = two_, olegs_of_first, ours
        else:
            ticket, card, back = four, theirs, olegs
        if own == "a copy":
            card, back = olegs, theirs
            ticket = desk.state.clone(one)
        before = len(desk.notes())
        desk.state.change_customer(ticket, card)
        desk.first.reply(ticket, "<div>между сменами</div>")
        desk.state.change_customer(ticket, back)
        await settled(desk)
        assert desk.sent() == [["ответ 1"], ["ответ 2"], ["ответ 3"]]
        assert desk.first.sent(OTHER) == []
        assert sum("между сменами" in note for note in desk.notes()[before:]) == 1
        assert desk.is_told("между сменами")


@virtual
async def test_a_reply_of_before_a_gift_that_its_bot_has_sent_is_not_told(tmp_path: Path) -> None:
    """The first bot, whose ticket it was at first, reads it only after the second gift."""
    async with two(tmp_path) as desk:
        one, two_, three = await talked(desk)
        _, theirs, olegs = cards_of(desk, one, two_, three)
        desk.state.merge(one, three)
        await settled(desk)
        desk.state.change_customer(one, olegs)
        await settled(desk)
        await desk.first.stop()
        desk.first.reply(one, "<div>Олегу</div>")
        await asyncio.sleep(60.0)
        desk.state.change_customer(one, theirs)
        desk.first.start()
        await settled(desk)
        assert desk.sent() == [["ответ 1"], ["ответ 2"], ["ответ 3", "Олегу"]]
        assert not desk.is_told("Олегу")


@virtual
async def test_a_merge_that_its_bot_follows_is_told_by_nobody(tmp_path: Path) -> None:
    """The second bot has the survivor as another customer's of its own, and words of this one's, too (walk 168)."""
    async with two(tmp_path) as desk:
        one, two_, three = await talked(desk)
        ours, theirs = cards_of(desk, one, two_)
        desk.state.merge(one, three)
        desk.state.merge(two_, one)
        await settled(desk)
        copy = desk.state.clone(two_)  # of what the second bot's other customer wrote
        await settled(desk)
        desk.state.merge_customers(ours, theirs)
        desk.state.change_customer(copy, ours)
        await settled(desk)
        desk.first.say("я тут")
        await desk.quiet()
        before = len(desk.notes())
        desk.first.reply(two_, "<div>первому</div>")
        desk.state.merge(copy, two_)
        await settled(desk)
        assert desk.sent() == [["ответ 1", "первому"], ["ответ 2"], ["ответ 3"]]
        assert not any("первому" in note for note in desk.notes()[before:])


@pytest.mark.parametrize("seconds", [2.0, 30.0], ids=["before it left", "afterwards"])
@virtual
async def test_restore_says_of_another_customers_reply_that_a_merge_brought_no_more_than_is_known(
    tmp_path: Path, seconds: float
) -> None:
    """It came after the backup, from a ticket that the backup has not (walk 170)."""
    async with two(tmp_path) as desk:
        one, _, _ = await talked(desk)
        copy = backup_of(desk.first, tmp_path / "copy.db")
        desk.first.max.state.person(OTHER, "Олег", "Вторых")
        four = await desk.opened(desk.first, "Олег первому", OTHER)
        desk.first.reply(four, "<div>Олегу</div>")
        await asyncio.sleep(seconds)
        desk.state.merge(one, four)
        await restored(desk.first, copy)
        await asyncio.sleep(200.0)
        await settled(desk)
        assert desk.first.sent(OTHER) == (["Олегу"] if seconds > 20.0 else [])
        notes = [note for note in desk.notes() if "Олегу" in note]
        assert [("Неизвестно" in note, "Не отправлено" in note) for note in notes] == [
            (True, False)
        ]


@virtual
async def test_a_copy_of_old_words_does_not_make_them_the_last_ones(tmp_path: Path) -> None:
    """The customer wrote to the first bot last; what is begun for the card of both leaves there (walk 209)."""
    async with two(tmp_path) as desk:
        one, two_, three = await talked(desk)
        ours, theirs = cards_of(desk, one, two_)
        desk.state.merge(three, one)
        desk.first.say("я тут")
        desk.state.merge_customers(ours, theirs)
        await settled(desk)
        desk.state.clone(two_)
        ticket = desk.state.new_conversation("<div>сам</div>", customer_id=ours, kind="chat")
        desk.state.merge(ticket, three)
        await settled(desk)
        assert desk.sent() == [["ответ 1", "сам"], ["ответ 2"], ["ответ 3"]]
        assert not any("сам" in note for note in desk.notes())


@pytest.mark.parametrize("bots", ["two bots'", "one bot's"])
@virtual
async def test_what_was_begun_and_merged_into_something_begun_later_before_anybody_looked_is_not_lost(
    tmp_path: Path, bots: str
) -> None:
    """It is older than the ticket in which it stands now, and yet no history of it (walk 226)."""
    async with two(tmp_path) as desk:
        one, two_, _ = await talked(desk)
        ours, theirs = cards_of(desk, one, two_)
        state, second = desk.state, theirs if bots == "two bots'" else ours
        gone = state.new_conversation("<div>раз</div>", customer_id=ours, kind="chat")
        await asyncio.sleep(2.0)
        stays = state.new_conversation("<div>два</div>", customer_id=second, kind="chat")
        state.merge(stays, gone)
        await settled(desk)
        if bots == "one bot's":
            assert desk.sent()[:2] == [["ответ 1", "раз", "два"], ["ответ 2"]]
            assert not desk.is_told("раз")
        else:
            assert desk.sent()[:2] == [["ответ 1"], ["ответ 2", "два"]]
            assert desk.is_told("раз")


@virtual
async def test_relink_gives_what_an_agent_began_to_its_customer_whosever_words_a_merge_brought(
    tmp_path: Path,
) -> None:
    """Both are the first bot's: the reply was looked for in the other one's chat (walk 299)."""
    async with two(tmp_path) as desk:
        one, _, _ = await talked(desk)
        desk.first.max.state.person(OTHER, "Олег", "Вторых")
        four = await desk.opened(desk.first, "Олег первому", OTHER)
        (olegs,) = cards_of(desk, four)
        await settled(desk)
        ticket = desk.state.new_conversation("<div>Олегу</div>", customer_id=olegs, kind="chat")
        desk.state.merge(ticket, one)
        await asyncio.sleep(25.0)
        before = len(desk.notes())
        await relinked(desk.first)
        await settled(desk)
        await desk.answered(ticket, "ещё")
        assert desk.first.sent(OTHER) == ["Олегу", "ещё"]
        assert desk.sent()[0] == ["ответ 1"]
        assert len(desk.notes()) == before


@virtual
async def test_a_copy_of_the_other_bots_words_that_comes_by_a_merge_makes_nothing_leave_twice(
    tmp_path: Path,
) -> None:
    """They are older than the reply, and yet came after it (walk 318)."""
    async with two(tmp_path) as desk:
        one, two_, _ = await talked(desk)
        _, theirs = cards_of(desk, one, two_)
        desk.state.change_customer(one, theirs)
        desk.first.reply(one, "<div>Марине</div>")
        desk.state.merge(one, desk.state.clone(two_))
        await settled(desk)
        assert desk.sent()[:2] == [["ответ 1", "Марине"], ["ответ 2"]]
        assert not desk.is_told("Марине")


@virtual
async def test_restore_finds_a_ticket_of_ours_again_that_another_bots_was_merged_into(
    tmp_path: Path,
) -> None:
    """Else what agents begin for its customer would be nobody's (walk 322)."""
    async with two(tmp_path) as desk:
        _, _, three = await talked(desk)
        copy = backup_of(desk.first, tmp_path / "copy.db")
        desk.first.max.state.person(OTHER, "Олег", "Вторых")
        four = await desk.opened(desk.first, "Олег первому", OTHER)
        (olegs,) = cards_of(desk, four)
        await settled(desk)
        await restored(desk.first, copy)
        desk.state.new_conversation("<div>сам</div>", customer_id=olegs, kind="chat")
        desk.state.merge(four, three)
        await asyncio.sleep(200.0)
        await settled(desk)
        await desk.answered(four, "ответ Олегу")
        assert desk.first.sent(OTHER) == ["сам", "ответ Олегу"]
        assert desk.sent() == [["ответ 1"], ["ответ 2"], ["ответ 3"]]


@virtual
async def test_relink_says_of_what_was_begun_for_a_card_of_both_and_given_away_no_more_than_is_known(
    tmp_path: Path,
) -> None:
    """The second bot has sent it (walk 285)."""
    async with two(tmp_path) as desk:
        one, two_, three = await talked(desk)
        ours, theirs, olegs = cards_of(desk, one, two_, three)
        desk.state.merge_customers(theirs, ours)
        await settled(desk)
        ticket = await begun(desk, theirs, "сам")
        await settled(desk)
        desk.state.change_customer(ticket, olegs)
        await settled(desk)
        await relinked(desk.first)
        await settled(desk)
        assert desk.sent()[:2] == [["ответ 1"], ["ответ 2", "сам"]]
        assert not desk.is_told("сам")
        assert sum("Неизвестно" in note and "сам" in note for note in desk.notes()) == 1


@virtual
async def test_a_merge_into_what_was_begun_for_a_card_of_both_makes_it_no_ticket_of_both(
    tmp_path: Path,
) -> None:
    """The second bot followed its own ticket into one that the first had adopted, and both answered (walk 265)."""
    async with two(tmp_path) as desk:
        one, two_, three = await talked(desk)
        ours, theirs, olegs = cards_of(desk, one, two_, three)
        begun_by_second = await begun(desk, theirs, "сам")
        await settled(desk)
        desk.state.merge_customers(theirs, ours)
        await settled(desk)
        state = desk.state
        ticket = state.new_conversation("<div>ещё</div>", customer_id=theirs, kind="chat")
        state.change_customer(two_, olegs)
        state.merge(ticket, begun_by_second)
        await settled(desk)
        await desk.answered(ticket, "и снова")
        await settled(desk)
        assert desk.sent()[:2] == [["ответ 1", "ещё", "и снова"], ["ответ 2", "сам"]]
        assert not any("Не отправлено" in note for note in desk.notes())


@virtual
async def test_relink_sends_nothing_that_the_other_bot_has_sent_before_a_merge_brought_our_words(
    tmp_path: Path,
) -> None:
    """They are a copy, older than the reply, and of the same card as the other bot's (walk 379)."""
    async with two(tmp_path) as desk:
        one, two_, _ = await talked(desk)
        ours, theirs = cards_of(desk, one, two_)
        copy = desk.state.clone(one)
        desk.state.merge_customers(theirs, ours)
        await settled(desk)
        await desk.answered(two_, "второму")
        desk.state.merge(two_, copy)
        await relinked(desk.first)
        await settled(desk)
        assert desk.sent()[:2] == [["ответ 1"], ["ответ 2", "второму"]]
        assert not desk.is_told("второму")


@virtual
async def test_what_one_bot_sent_before_its_card_was_merged_does_not_leave_again_for_a_gift_to_that_card(
    tmp_path: Path,
) -> None:
    """The customer had written to the first bot last when the second's ticket was given (walk 398)."""
    async with two(tmp_path) as desk:
        one, two_, _ = await talked(desk)
        ours, theirs = cards_of(desk, one, two_)
        desk.first.say("первому напоследок")
        ticket = await begun(desk, theirs, "сам")
        await settled(desk)
        desk.state.merge_customers(ours, theirs)
        await asyncio.sleep(2.0)
        desk.state.change_customer(ticket, ours)
        await settled(desk)
        await desk.answered(ticket, "ещё")
        assert desk.sent()[:2] == [["ответ 1"], ["ответ 2", "сам", "ещё"]]
        assert desk.notes() == []


# --- several gifts, and gifts before cards are merged ----------------------------------------------------


class Counted(NamedTuple):
    """Марина's and Олег's tickets of each bot, by names such as "A Олег"; and what agents wrote."""

    desk: Desk
    tickets: dict[str, int]
    cards: dict[str, int]

    def heard(self, words: str) -> list[str]:
        """Who has got this, by the bot that sent it; a note that it was not sent counts as "told"."""
        desk = self.desk
        found = [
            f"{bot} {name}"
            for bot, bridge in (("A", desk.first), ("B", desk.second))
            for name, user in _OF.items()
            if words in bridge.sent(user)
        ]
        told = sum("Не отправлено" in note and f"«{words}»" in note for note in desk.notes())
        return found + ["told"] * told

    async def done(self, *acts: Callable[[], object]) -> None:
        """Let agents do this, a second for each, all within an undo window."""
        for act in acts:
            act()
            await asyncio.sleep(1.0)
        await settled(self.desk)


@contextlib.asynccontextmanager
async def four(folder: Path) -> AsyncIterator[Counted]:
    """Both write to both bots."""
    async with two(folder) as desk:
        desk.first.max.state.person(OTHER, "Олег", "Вторых")
        tickets = {}
        for bot, bridge in (("A", desk.first), ("B", desk.second)):
            for name, user in _OF.items():
                tickets[f"{bot} {name}"] = await desk.opened(bridge, f"вопрос {bot} {name}", user)
                await asyncio.sleep(2.0)
        await settled(desk)
        cards = dict(zip(tickets, cards_of(desk, *tickets.values()), strict=True))
        cards["никто"] = desk.state.add_customer(first_name="Прохожий").id
        yield Counted(desk, tickets, cards)


@pytest.mark.parametrize("late", [False, True], ids=["merged before", "merged within the window"])
@pytest.mark.parametrize(
    "names",
    [
        ("A Марина", "B Марина", "B Марина", "A Марина"),
        ("A Марина", "B Марина", "B Олег", "A Олег"),
        ("A Олег", "B Марина", "B Марина", "B Олег"),
        ("B Марина", "A Марина", "A Марина", "B Марина"),
        ("B Олег", "A Олег", "A Марина", "B Марина"),
        ("B Марина", "B Олег", "A Марина", "A Олег"),
    ],
)
@virtual
async def test_a_reply_between_two_gifts_is_told_whosever_words_a_merge_has_brought(
    tmp_path: Path, names: tuple[str, str, str, str], late: bool
) -> None:
    """The bot of whom it was written to may have looked between both gifts, or may not: no other one can see that."""
    ticket, other, to, then = names
    async with four(tmp_path) as met:
        state, number = met.desk.state, met.tickets[ticket]

        def merge() -> None:
            state.merge(number, met.tickets[other])

        if not late:
            await met.done(merge)
        before = len(met.desk.notes())
        await met.done(
            lambda: met.desk.first.reply(number, "<div>до</div>"),
            lambda: state.change_customer(number, met.cards[to]),
            lambda: met.desk.first.reply(number, "<div>между</div>"),
            lambda: state.change_customer(number, met.cards[then]),
            merge if late else lambda: None,
        )
        assert met.heard("до") == [ticket]
        assert met.heard("между") == ["told"]
        assert sum("между" in note for note in met.desk.notes()[before:]) == 1


@pytest.mark.parametrize(
    ("card", "to", "then"),
    [
        ("A Марина", "A Олег", "B Марина"),
        ("A Марина", "A Олег", "B Олег"),
        ("B Марина", "B Олег", "A Марина"),
        ("B Олег", "A Марина", "B Марина"),
    ],
)
@virtual
async def test_what_an_agent_began_and_gave_twice_before_anybody_looked_is_sent_or_told(
    tmp_path: Path, card: str, to: str, then: str
) -> None:
    async with four(tmp_path) as met:
        state = met.desk.state
        begun_for = met.cards[card]
        ticket = state.new_conversation("<div>сам</div>", customer_id=begun_for, kind="chat")
        await met.done(
            lambda: state.change_customer(ticket, met.cards[to]),
            lambda: met.desk.first.reply(ticket, "<div>между</div>"),
            lambda: state.change_customer(ticket, met.cards[then]),
            lambda: met.desk.first.reply(ticket, "<div>после</div>"),
        )
        assert met.heard("между") == ["told"]
        # A bot that has the ticket as another customer's of its own tells.
        assert met.heard("сам") in ([card], ["told"])
        assert met.heard("после") in ([then], ["told"])


@virtual
async def test_what_was_begun_and_given_at_once_to_a_card_of_nobodys_leaves(tmp_path: Path) -> None:
    """As later: such a card is a better one of the same customer."""
    async with four(tmp_path) as met:
        state = met.desk.state
        ours = met.cards["A Марина"]
        ticket = state.new_conversation("<div>сам</div>", customer_id=ours, kind="chat")
        begun_at = state.conversations[ticket].created_at
        for _ in range(10):  # to the next second
            await asyncio.sleep(0.1 if state.second() == begun_at else 0.0)
        await met.done(lambda: state.change_customer(ticket, met.cards["никто"]))
        assert met.heard("сам") == ["A Марина"]


@pytest.mark.parametrize("to", ["B Марина", "B Олег"])
@virtual
async def test_a_card_of_nobodys_after_customers_of_two_bots_makes_nothing_leave_twice(
    tmp_path: Path, to: str
) -> None:
    """Each bot took it for a better card of its own customer."""
    async with four(tmp_path) as met:
        state = met.desk.state
        ticket = await begun(met.desk, met.cards["A Марина"], "сам")
        await met.done(lambda: state.change_customer(ticket, met.cards[to]))
        await met.done(lambda: state.change_customer(ticket, met.cards["никто"]))
        await met.done(lambda: met.desk.first.reply(ticket, "<div>кому</div>"))
        assert set(met.heard("кому")) == {"told"}


@pytest.mark.parametrize("wins", ["A Марина", "B Марина"])
@pytest.mark.parametrize("first", ["A", "B"])
@virtual
async def test_what_was_given_to_another_bots_customer_stays_theirs_when_their_card_is_merged_with_ours(
    tmp_path: Path, first: str, wins: str
) -> None:
    """Begun for one bot's Олег, given to the other bot's Марина; only the gift told whose it is (walk 356)."""
    second = "B" if first == "A" else "A"
    async with four(tmp_path) as met:
        state = met.desk.state
        olegs = met.cards[f"{first} Олег"]
        ticket = state.new_conversation("<div>сам</div>", customer_id=olegs, kind="chat")
        await met.done(lambda: state.change_customer(ticket, met.cards[f"{second} Марина"]))
        loses = "A Марина" if wins == "B Марина" else "B Марина"
        await met.done(lambda: state.merge_customers(met.cards[wins], met.cards[loses]))
        before = len(met.desk.notes())
        await met.done(lambda: met.desk.first.reply(ticket, "<div>Марине</div>"))
        assert met.heard("сам") == [f"{first} Олег"]
        assert met.heard("Марине") == [f"{second} Марина"]
        assert len(met.desk.notes()) == before


@pytest.mark.parametrize("heard", ["A", "B"])
@virtual
async def test_a_ticket_given_to_a_card_of_both_bots_is_answered_or_said_to_be_unclear(
    tmp_path: Path, heard: str
) -> None:
    """The other bot takes it where its customer wrote to it last; this one does not see that, and says no more."""
    async with four(tmp_path) as met:
        state = met.desk.state
        ticket = await begun(met.desk, met.cards["B Олег"], "сам")
        await met.done(lambda: state.merge_customers(met.cards["B Марина"], met.cards["A Марина"]))
        (met.desk.first if heard == "A" else met.desk.second).say("я тут")
        await met.done(lambda: None)
        await met.done(lambda: state.change_customer(ticket, met.cards["B Марина"]))
        await met.done(lambda: met.desk.first.reply(ticket, "<div>Марине</div>"))
        assert met.heard("Марине") == (["A Марина"] if heard == "A" else [])
        assert any(RU.two_bots in note for note in met.desk.notes())


@virtual
async def test_a_gift_that_a_merge_has_brought_takes_no_reply_from_its_bot(tmp_path: Path) -> None:
    """It stands before the reply, and gave another ticket to another customer (walk 155)."""
    async with four(tmp_path) as met:
        state = met.desk.state
        other = met.tickets["B Марина"]
        state.change_customer(other, met.cards["A Олег"])
        olegs = met.cards["B Олег"]
        ticket = state.new_conversation("<div>сам</div>", customer_id=olegs, kind="chat")
        state.merge(ticket, other)
        await settled(met.desk)
        assert met.heard("сам") == ["B Олег"]


@virtual
async def test_what_one_bot_sent_does_not_leave_through_the_other_when_a_gift_and_a_merge_of_cards_come_together(
    tmp_path: Path,
) -> None:
    """The card for which it was begun is one of both bots by the time that the second one looks."""
    async with four(tmp_path) as met:
        state = met.desk.state
        ticket = await begun(met.desk, met.cards["A Марина"], "сам")
        state.change_customer(ticket, met.cards["A Олег"])
        state.merge_customers(met.cards["B Марина"], met.cards["A Марина"])
        await settled(met.desk)
        assert met.heard("сам") == ["A Марина"]


# --- at random ---------------------------------------------------------------------------------------

_TALKS = (("A", USER), ("B", USER), ("B", OTHER), ("A", OTHER))
_OF = {"Марина": USER, "Олег": OTHER}


@dataclass
class Walk:
    """Random acts of customers, agents and an administrator; whatever was written is known by a word of its own.

    Attributes:
        desk: Two bots.
        chance: What happens.
        folder: For backups.
        replies: Each reply's ticket, and its customer's first name, by its words.
    """

    desk: Desk
    chance: random.Random
    folder: Path
    replies: dict[str, tuple[int, str]] = field(default_factory=dict)
    _copy: Path | None = None
    _words: int = 0

    def word(self, what: str) -> str:
        self._words += 1
        return f"{what}{self._words}я"

    def living(self) -> list[int]:
        tickets = self.desk.state.conversations
        return [number for number, each in tickets.items() if each.state != "deleted"]

    def whose(self, card: int | None) -> str:
        return self.desk.state.customers[card or 0].first_name or ""

    def did(self, *what: object) -> None:
        """Shown when a walk fails."""
        print(*what)  # noqa: T201 - pytest keeps it for a failure

    async def says(self) -> None:
        bot, user = self.chance.choice(_TALKS)
        bridge = self.desk.first if bot == "A" else self.desk.second
        words = self.word("слово")
        self.did("says", bot, user, words)
        bridge.say(words, user)

    async def replies_to(self) -> None:
        ticket, words = self.chance.choice(self.living()), self.word("ответ")
        self.replies[words] = (
            ticket,
            self.whose(self.desk.state.conversations[ticket].customer_id),
        )
        self.did("reply", *self.replies[words], words)
        self.desk.first.reply(ticket, f"<div>{words}</div>")

    async def begins(self) -> None:
        card, words = self.chance.choice(list(self.desk.state.customers)), self.word("ответ")
        body = f"<div>{words}</div>"
        ticket = self.desk.state.new_conversation(body, customer_id=card, kind="chat")
        self.replies[words] = (ticket, self.whose(card))
        self.did("begins", ticket, card, words)

    async def gives(self) -> None:
        card = self.chance.choice(list(self.desk.state.customers))
        ticket = self.chance.choice(self.living())
        self.did("gives", ticket, "to", card)
        self.desk.state.change_customer(ticket, card)

    async def merges(self) -> None:
        if len(self.living()) > 1:
            into, other = self.chance.sample(self.living(), 2)
            self.did("merges", other, "into", into)
            self.desk.state.merge(into, other)

    async def merges_cards(self) -> None:
        cards = [each for each in self.desk.state.customers if self.whose(each) == "Марина"]
        if len(cards) > 1:
            winner, loser = self.chance.sample(cards, 2)
            self.did("merges cards", loser, "into", winner)
            self.desk.state.merge_customers(winner, loser)

    async def clones(self) -> None:
        threads = self.desk.state.threads.values()
        said = {each.conversation_id for each in threads if each.type == "customer"}
        if told := sorted(said & set(self.living())):
            of = self.chance.choice(told)
            self.did("clones", of, "as", self.desk.state.clone(of))

    async def moves(self) -> None:
        self.desk.state.move(self.chance.choice(self.living()), self.chance.choice((1, 2)))

    async def backs_up_or_restores(self) -> None:
        if self._copy is None or self.chance.random() < 0.4:
            self.did("backs up")
            self._copy = backup_of(self.desk.first, self.folder / "walk.db")
        else:
            self.did("restores")
            await restored(self.desk.first, self._copy)

    async def relinks(self) -> None:
        self.did("relinks")
        await self.desk.first.stop()
        lose(self.desk.first)
        await relink(self.desk.first)
        self.desk.first.start()

    def wrong(self) -> list[tuple[str, str]]:
        """Replies that did not reach their customer once, and of which no note tells, or tells falsely."""
        found = []
        for words, (ticket, customer) in self.replies.items():
            heard = [
                user
                for bridge in (self.desk.first, self.desk.second)
                for user in (USER, OTHER)
                for text in bridge.sent(user)
                if words in text
            ]
            notes = [note for note in self.desk.notes() if words in note]
            threads = self.desk.state.threads.values()
            # A merge takes the note along with the reply.
            now_in = {each.conversation_id for each in threads if words in (each.body or "")}
            general = [
                each.body or ""
                for each in threads
                if each.type == "note" and each.conversation_id in {ticket, *now_in}
            ]
            told = bool(notes) or any(RU.two_bots in note for note in general)
            if len(heard) > 1:
                found.append(("twice", words))
            elif heard and _OF.get(customer, heard[0]) != heard[0]:
                found.append(("to somebody else", words))
            elif heard and any("Не отправлено" in note for note in notes):
                found.append(("told falsely", words))
            elif not heard and not told:
                found.append(("lost", words))
        return found


@pytest.mark.parametrize("seed", SEEDS)
@virtual
async def test_whatever_agents_do_each_reply_arrives_once_or_is_told(
    tmp_path: Path, seed: int
) -> None:
    async with two(tmp_path) as desk:
        walk = Walk(desk, random.Random(seed), tmp_path)
        desk.first.max.state.person(OTHER, "Олег", "Вторых")
        await talked(desk)
        acts: list[Callable[[], Coroutine[Any, Any, None]]] = [
            *(walk.says,) * 3,
            *(walk.replies_to,) * 3,
            walk.begins,
            walk.gives,
            walk.merges,
            walk.merges_cards,
            walk.clones,
            walk.moves,
            walk.backs_up_or_restores,
            walk.relinks,
        ]
        for _ in range(ACTS):
            await walk.chance.choice(acts)()
            if walk.chance.random() < 0.7:
                seconds = walk.chance.choice((2.0, 20.0, 25.0, 60.0))
                walk.did("waits", seconds)
                await asyncio.sleep(seconds)
        await settled(desk)
        await settled(desk)
        assert walk.wrong() == []
