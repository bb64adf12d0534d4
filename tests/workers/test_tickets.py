"""A ticket's life at the desk: what leaves, what never leaves, where the next message lands."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from bridge import OTHER, SETTLED, USER, Bridge, running
from virtual_time import virtual


async def ticket(bridge: Bridge) -> int:
    """A ticket of Марина's."""
    bridge.say("вопрос")
    await bridge.until(bridge.tickets)
    return bridge.tickets()[0]


# --- undo, drafts, notes ---------------------------------------------------------------------------


@virtual
async def test_a_reply_leaves_when_its_undo_window_is_over_and_not_before(tmp_path: Path) -> None:
    # The desk lets an agent undo up to 15 whole seconds after createdAt (case 54).
    async with running(tmp_path) as bridge:
        number = await ticket(bridge)
        bridge.reply(number, "<div>ответ</div>")
        said_at = asyncio.get_running_loop().time()
        await bridge.until(bridge.sent)
        waited = asyncio.get_running_loop().time() - said_at
        assert SETTLED - 1 < waited < SETTLED + bridge.settings.freescout.poll_interval + 2


@virtual
async def test_an_undone_reply_never_leaves_and_its_new_text_does_once(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        number = await ticket(bridge)
        thread = bridge.reply(number, "<div>ой, не то</div>")
        await asyncio.sleep(14)
        bridge.desk.state.undo(thread)
        await asyncio.sleep(60)
        assert not bridge.sent()
        bridge.desk.state.resend(thread, "<div>вот теперь верно</div>")
        await bridge.quiet()
        assert bridge.sent() == ["вот теперь верно"]


@virtual
async def test_undone_at_the_last_moment_it_still_does_not_leave(tmp_path: Path) -> None:
    async with running(tmp_path, poll_interval=0.5) as bridge:
        number = await ticket(bridge)
        await asyncio.sleep(1 - asyncio.get_running_loop().time() % 1)
        thread = bridge.reply(number, "<div>ой</div>")
        await asyncio.sleep(15.9)
        bridge.desk.state.undo(thread)
        await asyncio.sleep(120)
        assert not bridge.sent()


@virtual
async def test_with_the_window_switched_off_a_reply_leaves_at_once_and_a_new_text_follows(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, undo_window=0.0, poll_interval=1.0) as bridge:
        number = await ticket(bridge)
        thread = bridge.reply(number, "<div>первое</div>")
        await bridge.until(bridge.sent, 4)
        bridge.desk.state.undo(thread)
        await asyncio.sleep(5)
        bridge.desk.state.resend(thread, "<div>исправленное</div>")
        await bridge.quiet()
        assert bridge.sent() == ["первое", "исправленное"]


@virtual
async def test_notes_drafts_and_line_items_never_leave(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        number = await ticket(bridge)
        agent = bridge.desk.state
        agent.note(number, "<div>клиент трудный</div>")
        draft = agent.save_draft(number, "<div>набросок</div>")
        agent.update_draft(draft, "<div>набросок 2</div>")
        agent.assign(number, 1)
        agent.set_status(number, "pending")
        agent.move(number, 2)
        await asyncio.sleep(300)
        assert not bridge.sent()


@virtual
async def test_a_draft_published_late_under_a_low_id_leaves(tmp_path: Path) -> None:
    # A cursor over thread ids would lose it (trap 5, case 53).
    async with running(tmp_path) as bridge:
        number = await ticket(bridge)
        draft = bridge.desk.state.save_draft(number, "<div>обдуманный ответ</div>")
        bridge.reply(number, "<div>быстрый ответ</div>")
        await bridge.quiet()
        bridge.desk.state.publish_draft(draft)
        await bridge.quiet()
        assert bridge.sent() == ["быстрый ответ", "обдуманный ответ"]


@virtual
async def test_replies_of_one_second_keep_the_order_of_their_ids(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        number = await ticket(bridge)
        for word in ("раз", "два", "три"):
            bridge.reply(number, f"<div>{word}</div>")
        await bridge.quiet()
        assert bridge.sent() == ["раз", "два", "три"]


@virtual
async def test_a_reply_that_closes_the_ticket_leaves_too(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        number = await ticket(bridge)
        bridge.reply(number, "<div>решено</div>", status="closed")
        await bridge.quiet()
        assert bridge.sent() == ["решено"]


@virtual
async def test_a_reply_in_a_ticket_moved_to_another_mailbox_leaves(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        number = await ticket(bridge)
        bridge.desk.state.move(number, 2)
        bridge.reply(number, "<div>мы вами занимаемся</div>")
        await bridge.quiet()
        assert bridge.sent() == ["мы вами занимаемся"]


@virtual
async def test_an_edit_of_a_delivered_reply_is_not_a_second_message(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        number = await ticket(bridge)
        thread = bridge.reply(number, "<div>ответ</div>")
        await bridge.quiet()
        bridge.desk.state.edit_thread(thread, "<div>ответ, исправлен</div>")
        bridge.reply(number, "<div>ещё</div>")
        await bridge.quiet()
        assert bridge.sent() == ["ответ, исправлен", "ещё"]


@pytest.mark.parametrize("skew", [-7200.0, -30.0, 30.0, 7200.0])
@virtual
async def test_only_the_desks_clock_counts(tmp_path: Path, skew: float) -> None:
    bridge = Bridge(tmp_path)
    bridge.desk_skew = skew
    bridge.start()
    await asyncio.sleep(1)
    number = await ticket(bridge)
    bridge.reply(number, "<div>ответ</div>")
    await asyncio.sleep(SETTLED - 2)
    assert not bridge.sent()
    await bridge.until(bridge.sent, 15)
    await bridge.stop()


@pytest.mark.parametrize("jump", [-7200.0, 7200.0])
@virtual
async def test_a_jump_of_the_desks_clock_loses_nothing(tmp_path: Path, jump: float) -> None:
    async with running(tmp_path) as bridge:
        number = await ticket(bridge)
        bridge.reply(number, "<div>до</div>")
        await bridge.quiet()
        bridge.desk_skew = jump
        await asyncio.sleep(30)
        bridge.reply(number, "<div>после</div>")
        await bridge.until(lambda: len(bridge.sent()) == 2, 4000)
        assert bridge.sent() == ["до", "после"]


@virtual
async def test_replies_written_while_we_were_away_leave_when_we_are_back(tmp_path: Path) -> None:
    bridge = Bridge(tmp_path)
    bridge.start()
    await asyncio.sleep(1)
    number = await ticket(bridge)
    await bridge.stop()
    for hour in range(30):
        bridge.reply(number, f"<div>{hour}</div>")
        await asyncio.sleep(3600)
    bridge.start()
    await bridge.quiet()
    assert bridge.sent() == [str(hour) for hour in range(30)]
    await bridge.stop()


@virtual
async def test_more_changes_than_a_page_holds_in_one_second_lose_nothing(tmp_path: Path) -> None:
    # Offset pages skip rows that move meanwhile (contract freescout.md 7, case 73).
    async with running(tmp_path) as bridge:
        number = await ticket(bridge)
        await bridge.quiet()
        for other in range(350):
            bridge.by_mail(html=f"<div>{other}</div>")
        bridge.reply(number, "<div>ответ</div>")
        for other in range(350):
            bridge.by_mail(html=f"<div>{other}</div>")
        await bridge.quiet()
        assert bridge.sent() == ["ответ"]


# --- where the next message lands ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reopen_days", "days_closed", "same_ticket"),
    [(14, 13, True), (14, 15, False), (0, 0, False), (-1, 400, True)],
)
@virtual
async def test_a_closed_ticket_reopens_for_so_many_days(
    tmp_path: Path, reopen_days: int, days_closed: int, same_ticket: bool
) -> None:
    bridge = Bridge(tmp_path, reopen_days=reopen_days)
    bridge.start()
    await asyncio.sleep(1)
    number = await ticket(bridge)
    bridge.desk.state.set_status(number, "closed")
    await bridge.stop()
    await asyncio.sleep(days_closed * 86400)
    bridge.start()
    await asyncio.sleep(1)
    bridge.say("ещё вопрос")
    await bridge.quiet()
    await bridge.stop()
    assert len(bridge.tickets()) == (1 if same_ticket else 2)
    last = bridge.desk.state.conversations[bridge.tickets()[-1]]
    assert last.status == "active"
    assert len(bridge.desk.state.customers) == 1


@virtual
async def test_spam_stays_spam_and_the_message_is_not_lost(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        number = await ticket(bridge)
        bridge.desk.state.set_status(number, "spam")
        bridge.say("купите слона")
        await bridge.quiet()
        assert len(bridge.bodies(number)) == 2
        assert bridge.desk.state.conversations[number].status == "spam"


@virtual
async def test_a_deleted_ticket_is_not_revived_behind_the_agents_back(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        number = await ticket(bridge)
        bridge.desk.state.delete(number)
        bridge.say("ещё вопрос")
        await bridge.quiet()
        assert len(bridge.tickets()) == 2
        assert bridge.desk.state.conversations[number].state == "deleted"
        assert len(bridge.desk.state.customers) == 1


@virtual
async def test_a_ticket_deleted_for_ever_is_followed_by_a_new_one(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        number = await ticket(bridge)
        bridge.desk.state.delete_forever(number)
        bridge.say("ещё вопрос")
        await bridge.until(lambda: bridge.tickets() and bridge.tickets() != [number])
        bridge.reply(bridge.tickets()[0], "<div>ответ</div>")
        await bridge.quiet()
        assert bridge.sent() == ["ответ"]


@virtual
async def test_an_api_module_switched_off_is_not_a_deleted_ticket(tmp_path: Path) -> None:
    # 404 with an empty message (trap 8, case 83).
    async with running(tmp_path) as bridge:
        number = await ticket(bridge)
        bridge.desk.module_off = True
        bridge.say("ещё вопрос")
        await asyncio.sleep(900)
        bridge.desk.module_off = False
        await bridge.quiet(3600)
        assert bridge.tickets() == [number]
        assert len(bridge.bodies(number)) == 2


@virtual
async def test_a_merge_is_followed_both_ways_and_old_replies_stay_history(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        number = await ticket(bridge)
        mail = bridge.by_mail()
        bridge.reply(mail, "<div>ответ почтой, давно</div>")
        bridge.reply(number, "<div>ответ в MAX</div>")
        await bridge.quiet()
        await asyncio.sleep(300)
        bridge.desk.state.merge(into=mail, source=number)
        await asyncio.sleep(20)
        bridge.reply(mail, "<div>теперь здесь</div>")
        await bridge.quiet()
        assert bridge.sent() == ["ответ в MAX", "теперь здесь"]
        bridge.say("и я сюда")
        await bridge.quiet()
        assert "и я сюда" in bridge.bodies(mail)[-1]
        assert bridge.desk.state.conversations[number].state == "deleted"


@virtual
async def test_a_ticket_merged_into_ours_brings_history_that_is_not_sent(tmp_path: Path) -> None:
    # Trap 6: already delivered replies under a known conversation id.
    async with running(tmp_path) as bridge:
        number = await ticket(bridge)
        mail = bridge.by_mail()
        bridge.reply(mail, "<div>ответ почтой</div>")
        await asyncio.sleep(600)
        bridge.desk.state.merge(into=number, source=mail)
        bridge.reply(number, "<div>ответ в MAX</div>")
        await bridge.quiet()
        assert bridge.sent() == ["ответ в MAX"]


@virtual
async def test_another_customers_words_never_go_to_this_one(tmp_path: Path) -> None:
    # A merge of two customers' tickets leaves each thread its own customer (case 57b).
    async with running(tmp_path) as bridge:
        bridge.max.state.person(OTHER, "Олег")
        number = await ticket(bridge)
        bridge.say("мой вопрос", OTHER)
        await bridge.until(lambda: len(bridge.tickets()) == 2)
        other = bridge.tickets()[1]
        bridge.reply(other, "<div>только для Олега</div>")
        await asyncio.sleep(3)
        bridge.desk.state.merge(into=number, source=other)
        await asyncio.sleep(300)
        assert not bridge.sent(USER)
        notes = bridge.bodies(number, "note")
        assert sum("Не отправлено в MAX: «только для Олега»" in note for note in notes) == 1
        assert sum("Тому клиенту ответы отсюда в MAX не уходят" in note for note in notes) == 1


@virtual
async def test_after_customer_cards_are_merged_everything_goes_on(tmp_path: Path) -> None:
    # The loser's id is refused afterwards (case 65).
    async with running(tmp_path) as bridge:
        number = await ticket(bridge)
        winner = bridge.desk.state.add_customer(first_name="Марина из почты")
        bridge.desk.state.merge_customers(winner.id, 1)
        bridge.reply(number, "<div>ответ</div>")
        await bridge.quiet()
        assert bridge.sent() == ["ответ"]
        bridge.desk.state.delete(number)
        bridge.say("снова я")
        await bridge.quiet()
        assert bridge.desk.state.conversations[bridge.tickets()[-1]].customer_id == winner.id


@virtual
async def test_when_the_customer_id_is_refused_the_customer_is_found_or_made_anew(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as bridge:
        number = await ticket(bridge)
        winner = bridge.desk.state.add_customer(first_name="Другая")
        bridge.desk.state.delete_forever(number)
        bridge.desk.state.merge_customers(winner.id, 1)
        bridge.say("снова я")
        await bridge.quiet()
        assert len(bridge.tickets()) == 1
        assert "снова я" in bridge.bodies(bridge.tickets()[0])[0]


@virtual
async def test_a_lost_database_makes_no_second_customer(tmp_path: Path) -> None:
    bridge = Bridge(tmp_path)
    bridge.start()
    await asyncio.sleep(1)
    await ticket(bridge)
    await bridge.stop()
    shutil.rmtree(bridge.settings.store.path.parent)
    bridge.start()
    await asyncio.sleep(1)
    bridge.say("после потери базы")
    await bridge.quiet()
    await bridge.stop()
    assert len(bridge.desk.state.customers) == 1
    assert sum("после потери базы" in body for body in bridge.bodies(2)) == 1


@virtual
async def test_an_agents_clone_with_the_same_marker_confuses_nobody(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        number = await ticket(bridge)
        clone = bridge.desk.state.clone(number)
        bridge.break_desk("drop_before", method="POST", path="/api/conversations/*/threads")
        bridge.say("ещё")
        await bridge.quiet()
        assert len(bridge.bodies(number)) == 2
        assert len(bridge.bodies(clone)) == 1
