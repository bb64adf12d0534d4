"""Two bots on one desk, and agents who give tickets away and merge them: each reply leaves through one bot, or is told.

The rule (docs/architecture.md, "Merges, deletions, customers"): a reply leaves through the bot to which its customer
wrote last in the ticket; where they wrote nothing there, through the bot of their card.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bridge import OTHER, USER, running
from maxbridge.i18n import RU
from two_bots import backup_of, begun, cards_of, relinked, restored, settled, talked, two
from virtual_time import virtual

# --- a ticket that an agent began --------------------------------------------------------------------


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
