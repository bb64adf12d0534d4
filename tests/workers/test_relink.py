"""``relink`` on virtual time: the database is lost, everything else goes on as if it were not."""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random
from typing import Any

import pytest

from bridge import OTHER, USER, Bridge
from lost_database import look, lose, relink
from maxbridge import wiring
from maxbridge.core.errors import ApiError
from maxbridge.store.store import Store
from maxbridge.takeover.relink import Plan, carry_out
from virtual_time import virtual


async def lived(tmp_path: Path, **changes: Any) -> Bridge:
    """A bridge that has carried a talk both ways, and then is stopped."""
    bridge = Bridge(tmp_path, **changes)
    bridge.start()
    await asyncio.sleep(1)
    bridge.say("вопрос")
    await bridge.until(bridge.tickets)
    bridge.reply(1, "<div>ответ</div>")
    await bridge.quiet()
    return bridge


@virtual
async def test_after_a_lost_database_the_talk_goes_on_in_its_ticket(tmp_path: Path) -> None:
    bridge = await lived(tmp_path, first_start="new")
    await bridge.stop()
    lose(bridge)
    plan, sums = await relink(bridge)
    assert (plan.findings.chats, plan.findings.tickets, sums.dialogs, sums.tickets) == (1, 1, 1, 1)
    assert (plan.findings.unsent, plan.findings.unclear, plan.findings.problems) == ([], [], {})
    bridge.start()
    await asyncio.sleep(30)
    bridge.say("и ещё")
    await bridge.quiet()
    bridge.reply(1, "<div>и ещё ответ</div>")
    await bridge.quiet()
    await bridge.stop()
    assert bridge.tickets() == [1]
    assert ["вопрос" in body for body in bridge.bodies(1)] == [True, False]
    assert bridge.sent() == ["ответ", "и ещё ответ"]


@pytest.mark.parametrize("first_start", ["new", "all"])
@virtual
async def test_what_both_sides_wrote_meanwhile_arrives_once_and_in_order(
    tmp_path: Path, first_start: str
) -> None:
    bridge = await lived(tmp_path, first_start=first_start)
    await bridge.stop()
    lose(bridge)
    for number in range(3):
        bridge.say(f"без моста {number}")
        await asyncio.sleep(400)
    thread = bridge.reply(1, "<div>не отправлен</div>")
    await asyncio.sleep(3600)
    plan, _ = await relink(bridge)
    assert plan.findings.unsent == [(1, thread)]
    bridge.start()
    await bridge.quiet()
    await bridge.quiet()
    await bridge.stop()
    assert [body.split("</div>")[0] for body in bridge.bodies(1)] == [
        "<div>вопрос", *(f"<div>без моста {number}" for number in range(3)),
    ]  # fmt: skip
    assert bridge.sent() == ["ответ", "не отправлен"]


@pytest.mark.parametrize("arrived", [1, 2, 5])
@virtual
async def test_agents_are_told_of_a_message_whose_database_was_lost_between_two_threads(
    tmp_path: Path, arrived: int
) -> None:
    bridge = await lived(tmp_path, max_request_mb=1)
    attach = bridge.max.state.attach
    files = [attach("file", bytes([number]) * 400_000, f"{number}.bin") for number in range(5)]
    bridge.say("пять отчётов", attachments=files)
    await bridge.until(lambda: len(bridge.bodies(1)) == 1 + arrived)
    await bridge.kill()
    lose(bridge)
    await relink(bridge)
    bridge.start()
    await bridge.quiet()
    await bridge.stop()
    notes = [each for each in bridge.bodies(1, "note") if "пришло не целиком" in each]
    assert ["пять отчётов" in each for each in notes] == [True] * (arrived < len(files))
    assert len(bridge.bodies(1)) == 1 + arrived


@virtual
async def test_twice_is_as_good_as_once_also_after_more_has_happened(tmp_path: Path) -> None:
    bridge = await lived(tmp_path)
    await bridge.stop()
    lose(bridge)
    await relink(bridge)
    bridge.start()
    bridge.say("ещё")
    await bridge.quiet()
    bridge.reply(1, "<div>ещё ответ</div>")
    await bridge.quiet()
    await bridge.stop()
    _, sums = await relink(bridge)
    assert (sums.dialogs, sums.tickets, sums.awaited, sums.conflicts) == (0, 0, 0, [])
    bridge.start()
    await bridge.quiet()
    await bridge.stop()
    assert bridge.sent() == ["ответ", "ещё ответ"]
    assert len(bridge.bodies(1)) == 2


@virtual
async def test_a_reply_that_left_but_looks_otherwise_now_is_not_sent_again(tmp_path: Path) -> None:
    bridge = await lived(tmp_path, signature="Ваша Ольга")
    await bridge.stop()
    lose(bridge)
    bridge.settings = Bridge(tmp_path, signature="Поддержка {name}").settings
    plan, _ = await relink(bridge)
    assert (plan.findings.unsent, plan.findings.unclear) == ([], [])
    bridge.start()
    await bridge.quiet()
    await bridge.stop()
    assert bridge.sent() == ["ответ\n\nВаша Ольга"]


@virtual
async def test_what_nobody_can_tell_is_not_sent_and_the_agent_is_told(tmp_path: Path) -> None:
    bridge = await lived(tmp_path)
    thread = bridge.reply(1, "<div>второй ответ</div>")
    await bridge.quiet()
    await bridge.stop()
    lose(bridge)
    # An agent has rewritten it since, so that the chat's history has nothing like it.
    bridge.desk.state.edit_thread(thread, "<div>совсем другое</div>")
    plan, _ = await relink(bridge)
    assert plan.findings.unclear == [(1, thread)]
    bridge.start()
    await bridge.quiet()
    await bridge.stop()
    assert bridge.sent() == ["ответ", "второй ответ"]
    assert ["совсем другое" in body for body in bridge.bodies(1, "note")] == [True]


@virtual
async def test_a_reply_by_mail_that_may_quote_a_note_does_not_stop_it_and_does_not_leave(
    tmp_path: Path,
) -> None:
    bridge = await lived(tmp_path)
    await bridge.stop()
    lose(bridge)
    secret = "Скидку больше пяти процентов этому клиенту не давать"
    bridge.desk.state.note(1, secret)
    bridge.reply(1, f"<div>Будет.</div><div>{secret}</div>", source_type="email")
    bridge.reply(1, f'<blockquote type="cite">{secret}</blockquote>', source_type="email")
    bridge.reply(1, "<div>слово " * 2000, source_type="email")
    await asyncio.sleep(30)
    plan, _ = await relink(bridge)
    assert len(plan.findings.unsent) == 3
    bridge.start()
    await bridge.quiet()
    await bridge.stop()
    assert not any("Скидку" in each for each in bridge.sent())
    assert sum("пришёл по почте" in note for note in bridge.bodies(1, "note")) == 2


@virtual
async def test_old_replies_are_history_whatever_the_chat_has(tmp_path: Path) -> None:
    bridge = await lived(tmp_path)
    await bridge.stop()
    lose(bridge)
    bridge.reply(1, "<div>давно, никогда не отправлен</div>")
    await asyncio.sleep(6 * 86400)
    early = bridge.clock.now() - 7 * 86400
    assert len((await look(bridge, early)).findings.unsent) == 1
    plan, _ = await relink(bridge)
    assert plan.findings.unsent == []
    bridge.start()
    await bridge.quiet()
    await bridge.stop()
    assert bridge.sent() == ["ответ"]


@virtual
async def test_a_reply_that_the_bridge_had_given_up_stays_given_up(tmp_path: Path) -> None:
    bridge = await lived(tmp_path)
    bridge.refuse_sends("text: is not liked", times=None)
    bridge.reply(1, "<div>не берут</div>")
    await bridge.quiet()
    assert len(bridge.bodies(1, "note")) == 1
    await bridge.stop()
    lose(bridge)
    bridge.max_line.clear()
    plan, _ = await relink(bridge)
    assert (plan.findings.unsent, plan.findings.unclear) == ([], [])
    bridge.start()
    await bridge.quiet()
    await bridge.stop()
    assert bridge.sent() == ["ответ"]


@virtual
async def test_a_customer_whose_chat_max_no_longer_tells_is_known_again_when_he_writes(
    tmp_path: Path,
) -> None:
    bridge = await lived(tmp_path)
    await bridge.stop()
    lose(bridge)
    bridge.max.state.stop(
        USER
    )  # the bot is out of the chat: its messages are as if there were none
    bridge.break_max("status", path="/chats/*", status=404, body={"code": "not.found"}, times=None)
    plan, sums = await relink(bridge)
    assert (plan.findings.chats, plan.findings.awaited, sums.awaited) == (0, 1, 1)
    again, more = await relink(bridge)
    assert (again.findings.awaited, more.awaited, more.conflicts) == (1, 1, [])
    bridge.max_line.clear()
    bridge.start()
    await asyncio.sleep(30)
    bridge.max.state.start(USER)
    bridge.say("я снова здесь")
    await bridge.quiet()
    late = bridge.reply(1, "<div>здравствуйте</div>")
    await bridge.quiet()
    assert bridge.journal is not None
    assert bridge.journal.relinking.awaited() == 0
    await bridge.stop()
    assert late
    assert bridge.tickets() == [1]
    assert len(bridge.desk.state.customers) == 1
    assert sum("вопрос" in body for body in bridge.bodies(1)) == 1
    assert "я снова здесь" in bridge.bodies(1)[-1]
    assert bridge.sent() == ["ответ", "здравствуйте"]


@virtual
async def test_each_ticket_goes_to_whose_messages_are_in_it_whatever_cards_say(
    tmp_path: Path,
) -> None:
    bridge = await lived(tmp_path)
    bridge.max.state.person(OTHER, "Пётр", "Тестов")
    bridge.say("от Петра", user=OTHER)
    await bridge.until(lambda: len(bridge.tickets()) == 2)
    await bridge.quiet()
    await bridge.stop()
    lose(bridge)
    bridge.desk.state.merge_customers(1, 2)  # one card for both
    plan, sums = await relink(bridge)
    assert (plan.findings.chats, sums.tickets, plan.findings.problems) == (2, 2, {})
    bridge.start()
    bridge.reply(2, "<div>Петру</div>")
    await bridge.quiet()
    bridge.say("ещё от Марины")
    bridge.say("ещё от Петра", user=OTHER)
    await bridge.quiet()
    await bridge.stop()
    assert bridge.sent(OTHER) == ["Петру"]
    assert bridge.sent() == ["ответ"]
    assert ["Марины" in body for body in bridge.bodies(1)] == [False, True]
    assert ["ещё от Петра" in body for body in bridge.bodies(2)] == [False, True]


@virtual
async def test_other_programs_tickets_and_drafts_are_left_alone(tmp_path: Path) -> None:
    bridge = await lived(tmp_path)
    await bridge.stop()
    lose(bridge)
    state = bridge.desk.state
    state.new_conversation("<div>письмо</div>", customer_id=1)
    state.new_conversation("<div>черновик</div>", kind="chat", draft=True)
    plan, _ = await relink(bridge)
    assert [each.conversation_id for talk in plan.talks for each in talk.tickets] == [1]


@virtual
async def test_the_walk_sees_every_ticket_of_a_large_desk(tmp_path: Path) -> None:
    bridge = Bridge(tmp_path)
    bridge.start()
    await asyncio.sleep(1)
    for number in range(60):
        bridge.max.state.person(420000000 + number, f"Клиент {number}")
        bridge.say("вопрос", user=420000000 + number)
    await bridge.until(lambda: len(bridge.tickets()) == 60)
    await bridge.quiet()
    await bridge.stop()
    for each in bridge.desk.state.conversations.values():
        each.created_at = 1_793_000_000  # all in one second, more than a page
    lose(bridge)
    plan, sums = await relink(bridge)
    assert (plan.findings.customers, sums.dialogs, sums.tickets) == (60, 60, 60)


@virtual
async def test_a_hiccup_of_an_end_does_not_end_it_and_a_refusal_changes_nothing(
    tmp_path: Path,
) -> None:
    bridge = await lived(tmp_path)
    await bridge.stop()
    lose(bridge)
    bridge.break_desk("status", path="/api/customers", status=503, times=2)
    bridge.break_max("drop_before", path="/messages/*", times=2)
    assert (await look(bridge)).findings.chats == 1
    bridge.break_desk("status", path="/api/conversations", status=401, times=None)
    with pytest.raises(ApiError):
        await relink(bridge)
    assert not bridge.settings.store.path.exists()


@virtual
async def test_a_reply_in_its_undo_window_waits_for_it_and_one_taken_back_stays(
    tmp_path: Path,
) -> None:
    bridge = await lived(tmp_path)
    await bridge.stop()
    lose(bridge)
    await asyncio.sleep(400)
    kept = bridge.reply(1, "<div>остаётся</div>")
    undone = bridge.reply(1, "<div>взят назад</div>")
    plan, _ = await relink(bridge)
    assert plan.findings.unsent == [(1, kept), (1, undone)]
    bridge.desk.state.undo(undone)
    bridge.start()
    await bridge.quiet()
    bridge.desk.state.resend(undone, "<div>послан снова</div>")
    await bridge.quiet()
    await bridge.stop()
    assert bridge.sent() == ["ответ", "остаётся", "послан снова"]


@virtual
async def test_a_reply_written_in_the_second_of_the_reading_is_not_lost(tmp_path: Path) -> None:
    bridge = await lived(tmp_path)
    bridge.reply(1, "<div>раньше</div>")
    await bridge.quiet()
    await bridge.stop()
    lose(bridge)
    await asyncio.sleep(1 - bridge.clock.now() % 1)
    note = bridge.desk.state.note(1, "пометка")  # the newest thread has the reading's own second
    _, sums = await relink(bridge)
    assert note
    assert sums.tickets == 1
    bridge.desk.state.threads[
        bridge.reply(1, "<div>в ту же секунду</div>")
    ].created_at = bridge.desk.state.threads[note].created_at
    bridge.start()
    await bridge.quiet()
    await bridge.stop()
    assert bridge.sent() == ["ответ", "раньше", "в ту же секунду"]


@virtual
async def test_replies_after_the_look_and_before_the_start_leave(tmp_path: Path) -> None:
    bridge = await lived(tmp_path)
    await bridge.stop()
    lose(bridge)
    await relink(bridge)
    await asyncio.sleep(7200)
    bridge.reply(1, "<div>между</div>")
    await asyncio.sleep(7200)
    bridge.start()
    await bridge.quiet()
    await bridge.stop()
    assert bridge.sent() == ["ответ", "между"]


@virtual
async def test_the_chat_is_found_by_its_name_when_the_customer_has_deleted_his_messages(
    tmp_path: Path,
) -> None:
    bridge = Bridge(tmp_path)
    bridge.start()
    await asyncio.sleep(1)
    mid = bridge.say("вопрос")
    await bridge.until(bridge.tickets)
    await bridge.quiet()
    await bridge.stop()
    lose(bridge)
    bridge.max.state.remove(mid)
    plan, sums = await relink(bridge)
    assert (plan.findings.chats, plan.findings.awaited, sums.dialogs) == (1, 0, 1)


@virtual
async def test_groups_are_found_as_well(tmp_path: Path) -> None:
    bridge = Bridge(tmp_path, groups="ticket")
    bridge.start()
    await asyncio.sleep(1)
    bridge.max.state.group(-77, "Дачники", USER)
    bridge.say("вопрос группы", chat_id=-77)
    await bridge.until(bridge.tickets)
    await bridge.quiet()
    await bridge.stop()
    lose(bridge)
    plan, sums = await relink(bridge)
    assert (plan.findings.chats, sums.dialogs, plan.findings.problems) == (1, 1, {})
    bridge.start()
    bridge.reply(1, "<div>ответ группе</div>")
    await bridge.quiet()
    bridge.say("ещё", chat_id=-77)
    await bridge.quiet()
    await bridge.stop()
    assert bridge.tickets() == [1]
    assert bridge.max.state.texts(-77) == ["ответ группе"]


@virtual
async def test_merged_and_deleted_tickets_are_followed_as_ever(tmp_path: Path) -> None:
    bridge = await lived(tmp_path, reopen_days=0)
    bridge.desk.state.set_status(1, "closed")
    await bridge.quiet()
    bridge.say("второй тикет")
    await bridge.until(lambda: len(bridge.tickets()) == 2)
    await bridge.quiet()
    await bridge.stop()
    lose(bridge)
    bridge.desk.state.merge(1, 2)
    bridge.desk.state.set_status(1, "active")
    plan, sums = await relink(bridge)
    assert (plan.findings.chats, sums.dialogs) == (1, 1)
    bridge.start()
    bridge.reply(1, "<div>в объединённом</div>")
    await bridge.quiet()
    bridge.say("и дальше")
    await bridge.quiet()
    await bridge.stop()
    assert bridge.sent() == ["ответ", "в объединённом"]
    assert "и дальше" in bridge.bodies(1)[-1]
    assert bridge.tickets() == [1, 2]


@virtual
async def test_killed_while_it_writes_the_rest_is_written_by_the_next_run(tmp_path: Path) -> None:
    bridge = await lived(tmp_path)
    bridge.max.state.person(OTHER, "Пётр", "Тестов")
    bridge.say("от Петра", user=OTHER)
    await bridge.until(lambda: len(bridge.tickets()) == 2)
    await bridge.quiet()
    await bridge.stop()
    lose(bridge)
    await asyncio.sleep(400)
    late = [bridge.reply(number, f"<div>поздно {number}</div>") for number in (1, 2)]
    plan = await look(bridge)
    journal = Store(bridge.settings.store.path)
    half = Plan(plan.bot, plan.desk_now, plan.since, plan.talks[:1], plan.findings)
    carry_out(wiring.takeover(journal), half, bridge.our_now)
    journal.close()
    await asyncio.sleep(400)
    plan, sums = await relink(bridge)
    assert late
    assert sums.dialogs == 1
    bridge.start()
    await bridge.quiet()
    await bridge.stop()
    assert (bridge.sent(), bridge.sent(OTHER)) == (["ответ", "поздно 1"], ["поздно 2"])


@virtual
async def test_what_the_database_knows_otherwise_stays_and_is_named(tmp_path: Path) -> None:
    bridge = await lived(tmp_path)
    await bridge.stop()
    lose(bridge)
    journal = Store(bridge.settings.store.path)
    journal.dialogs.ensure(bridge.chat(), USER, 1.0)
    journal.dialogs.set_customer(bridge.chat(), 99)
    journal.dialogs.ensure(5, 6, 1.0)
    journal.tickets.link(1, 5, history_cutoff=None, desk_now=1.0)
    journal.close()
    _, sums = await relink(bridge)
    assert [each.split(":")[0] for each in sums.conflicts] == [f"chat {bridge.chat()}", "ticket 1"]
    journal = Store(bridge.settings.store.path)
    record, dialog = journal.tickets.ticket(1), journal.dialogs.get(bridge.chat())
    journal.close()
    assert record is not None
    assert dialog is not None
    assert (record.chat_id, dialog.customer_id, dialog.conversation_id) == (5, 99, None)


@virtual
async def test_a_later_doubt_does_not_take_an_old_message_for_the_new_one(tmp_path: Path) -> None:
    bridge = await lived(tmp_path)
    await bridge.stop()
    lose(bridge)
    await relink(bridge)
    bridge.start()
    await asyncio.sleep(1)
    bridge.break_max("drop_before", method="POST", path="/messages")
    bridge.reply(1, "<div>ответ</div>")  # the same words as before
    await bridge.quiet()
    await bridge.stop()
    assert bridge.sent() == ["ответ", "ответ"]


@virtual
async def test_beside_a_database_that_knows_better_nothing_is_doubted(tmp_path: Path) -> None:
    bridge = await lived(tmp_path)
    thread = bridge.reply(1, "<div>второй</div>")
    await bridge.quiet()
    await bridge.stop()
    bridge.desk.state.edit_thread(thread, "<div>переписан</div>")
    plan, sums = await relink(bridge)
    assert (plan.findings.unclear, plan.findings.unsent, sums.tickets) == ([], [], 0)
    bridge.start()
    await bridge.quiet()
    await bridge.stop()
    assert bridge.bodies(1, "note") == []
    assert len(bridge.sent()) == 2


@virtual
async def test_a_list_that_is_cut_off_is_named(tmp_path: Path) -> None:
    bridge = await lived(tmp_path)
    await bridge.stop()
    page = {"size": 100, "totalElements": 70, "totalPages": 1, "number": 1}
    short = {"_embedded": {"customers": []}, "page": page}
    bridge.break_desk("status", path="/api/customers", status=200, body=short, times=None)
    plan = await look(bridge)
    assert plan.findings.problems == {"customers that FreeScout counts and does not list": 70}
    assert plan.findings.chats == 1  # markers need no card


@pytest.mark.parametrize("seed", range(3))
@virtual
async def test_whatever_happened_before_and_meanwhile_nothing_is_lost_and_nothing_comes_twice(
    tmp_path: Path, seed: int
) -> None:
    chance = Random(seed)
    bridge = Bridge(tmp_path, seed=seed, first_start=chance.choice(["new", "all"]), reopen_days=1)
    people = {USER: "Марина", OTHER: "Пётр"}
    bridge.max.state.person(OTHER, "Пётр", "Тестов")
    bridge.start()
    await asyncio.sleep(1)
    said: list[str] = []
    replied: list[str] = []

    async def live(steps: int) -> None:
        for _ in range(steps):
            words = f"слово{len(said) + len(replied)}конец"
            tickets = bridge.tickets()
            if not tickets or chance.random() < 0.5:
                bridge.say(words, user=chance.choice(list(people)))
                said.append(words)
            elif chance.random() < 0.8:
                bridge.reply(chance.choice(tickets), f"<div>{words}</div>")
                replied.append(words)
            else:
                chosen = chance.choice(tickets)
                if bridge.desk.state.conversations[chosen].status != "closed":
                    bridge.desk.state.set_status(chosen, "closed")
            await asyncio.sleep(chance.choice([1, 40, 700]))

    await live(12)
    await bridge.quiet()
    await bridge.kill()
    lose(bridge)
    await live(8)
    await asyncio.sleep(chance.choice([1, 30, 4000]))
    for _ in range(chance.choice([1, 2])):
        await relink(bridge)
    bridge.start()
    await live(4)
    await bridge.quiet(3600)
    await bridge.stop()
    at_desk = " ".join(body for number in bridge.tickets() for body in bridge.bodies(number))
    notes = " ".join(body for one in bridge.tickets() for body in bridge.bodies(one, "note"))
    at_max = [text for user in people for text in bridge.sent(user)]
    assert [at_desk.count(words) for words in said] == [1] * len(said)
    for words in replied:
        assert at_max.count(words) + (words in notes) == 1, words
    assert len(bridge.desk.state.customers) == 2


@pytest.mark.parametrize("first_start", ["new", "all"])
@virtual
async def test_all_that_somebody_new_wrote_while_the_bridge_was_away_arrives(
    tmp_path: Path, first_start: str
) -> None:
    """Nothing at the desk names their chat, and MAX gives a database without a marker the latest event only."""
    bridge = await lived(tmp_path, first_start=first_start)
    bridge.max.state.person(OTHER, "Олег", "Вторых")
    await bridge.stop()
    lose(bridge)
    bridge.say("раз", OTHER)
    await asyncio.sleep(20)
    await relink(bridge)
    bridge.start()
    bridge.say("два", OTHER)
    bridge.say("три", OTHER)
    await bridge.quiet()
    await bridge.stop()
    assert bridge.words(2) == ["раз", "два", "три"]
    assert bridge.tickets() == [1, 2]


@virtual
async def test_all_that_an_awaited_customer_wrote_while_the_bridge_was_away_arrives_once(
    tmp_path: Path,
) -> None:
    """Their ticket names them, and no message tells their chat: that history goes back to before a day ago."""
    bridge = await lived(tmp_path)
    await bridge.stop()
    lose(bridge)
    bridge.say("давно")
    await asyncio.sleep(30 * 3600.0)
    bridge.break_max("status", path="/messages/", method="GET", status=404, times=None)
    await relink(bridge)
    bridge.max_line.clear()
    bridge.start()
    bridge.say("два")
    bridge.say("три")
    await bridge.quiet()
    await bridge.stop()
    assert sorted(bridge.words(1)) == sorted(["вопрос", "давно", "два", "три"])
