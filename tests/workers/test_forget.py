"""``dialogs forget`` beside the running daemon: nothing old comes back, and the next message is a new customer's."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from bridge import OTHER, SECOND_BOT, USER, Bridge, running
from file_samples import JPEG
from logged import Lines, logging_to
from lost_database import lose, relink
from maxbridge.cli.forget_desk import empty_record
from maxbridge.cli.personal import PERSONAL, page
from maxbridge.core.plan_backfill import Gap
from maxbridge.freescout.client import FreeScoutClient
from maxbridge.sim.faults import Fault
from maxbridge.sim.transport import desk_transport
from maxbridge.store.backup import back_up
from maxbridge.store.forgetting import PersonStore, Whose
from maxbridge.store.forgotten import Acts
from maxbridge.store.queue import Queue
from maxbridge.store.restore import commit, replacing
from maxbridge.store.store import Store
from virtual_time import virtual

TEXTS = PERSONAL["ru"]
SECRET = "тайна"
MAY_STAY = {"forgotten", "sqlite_sequence"}
"""The tombstone, and numbers of rows."""


@pytest.fixture
def lines() -> Iterator[Lines]:
    yield from logging_to()


def forget(bridge: Bridge, user: int = USER) -> Whose:
    """What the command does, in another connection than the daemon's."""
    beside = Store(bridge.settings.store.path, exclusive=False)
    try:
        whose = beside.forgetting.whose(bridge.chat(user))
        assert whose is not None
        acts = Acts(beside.db.path)
        act = acts.begin(beside.forgetting.stones(whose, bridge.our_now()), "просьба", "Ира")
        beside.forgetting.erase(act.stones, TEXTS.note_erased)
        beside.forgetting.settle()
        acts.finish(act, "строка акта")
    finally:
        beside.close()
    return whose


def take(bridge: Bridge) -> Path:
    """A backup beside the running daemon."""
    copy = bridge.settings.store.path.with_name("copy.db")
    back_up(bridge.settings.store.path, copy, overwrite=True, now=bridge.our_now())
    return copy


def put_back(bridge: Bridge, copy: Path) -> None:
    with replacing(copy, bridge.settings.store.path) as ready:
        commit(ready, bridge.our_now())


def traces(bridge: Bridge, user: int = USER) -> list[str]:
    """Rows that still tell of a customer: by chat, by person, by the words."""
    wanted = (str(bridge.chat(user)), str(user), f"{bridge.chat(user):016x}", SECRET)
    found = []
    with closing(sqlite3.connect(bridge.settings.store.path)) as raw:
        tables = [
            name for (name,) in raw.execute("SELECT name FROM sqlite_schema WHERE type='table'")
        ]
        for table in set(tables) - MAY_STAY:
            for row in raw.execute(f'SELECT * FROM "{table}"'):  # noqa: S608 - a test's own
                text = repr(row) + repr(row).encode().decode("unicode_escape", "replace")
                found += [f"{table}: {row}" for each in wanted if each in text]
    return found


def bytes_of(bridge: Bridge) -> bytes:
    path = bridge.settings.store.path
    return b"".join(each.read_bytes() for each in sorted(path.parent.glob(f"{path.name}*")))


async def talked(bridge: Bridge) -> None:
    bridge.say(f"{SECRET} раз")
    await bridge.until(bridge.tickets)
    bridge.reply(1, f"<div>{SECRET} два</div>")
    await bridge.quiet()


async def is_a_new_customer(bridge: Bridge, user: int = USER) -> None:
    """A new message opens a new ticket with a card of its own, and a reply there reaches the customer."""
    before = set(bridge.tickets())
    bridge.say("здравствуйте", user)
    await bridge.until(lambda: set(bridge.tickets()) - before, 600.0)
    (new,) = set(bridge.tickets()) - before
    desk = bridge.desk.state
    cards = {desk.conversations[each].customer_id for each in before}
    assert desk.conversations[new].customer_id not in cards
    assert [body.count("здравствуйте") for body in bridge.bodies(new)] == [1]
    bridge.reply(new, "<div>и вам</div>")
    await bridge.until(lambda: bridge.sent(user)[-1:] == ["и вам"])


@virtual
async def test_whoever_is_forgotten_is_a_new_customer_with_the_next_message(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        await talked(bridge)
        assert traces(bridge)
        whose = forget(bridge)
        assert (whose.user_id, whose.chats, whose.tickets) == (USER, (bridge.chat(),), (1,))
        assert traces(bridge) == []
        await bridge.quiet()
        assert bridge.bodies(1, "note")[-1].startswith(f"<div>{TEXTS.note_erased[:20]}")
        bridge.reply(1, "<div>в старый тикет</div>")
        await asyncio.sleep(4000.0)  # with the wide sweep that lists it again
        assert bridge.sent() == [f"{SECRET} два"]
        assert traces(bridge) == []
        await is_a_new_customer(bridge)
        assert [
            SECRET in body for each in bridge.tickets()[1:] for body in bridge.bodies(each)
        ] == [False]


@virtual
async def test_the_words_are_nowhere_in_the_files_of_the_database(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        await talked(bridge)
        words = (SECRET.encode(), SECRET.encode("unicode_escape"))
        assert any(each in bytes_of(bridge) for each in words)
        forget(bridge)
        await bridge.quiet()
        assert not any(each in bytes_of(bridge) for each in words)


@pytest.mark.parametrize("after", [0.5, 0.6, 1.0, 2.0, 5.0, 8.0, 17.5, 18.0, 19.0, 22.0, 40.0])
@pytest.mark.parametrize(
    "trouble", ["none", "slow desk", "desk lost", "slow max", "max lost", "files"]
)
@virtual
async def test_forgotten_at_any_moment_of_a_delivery(
    tmp_path: Path, after: float, trouble: str, lines: Lines
) -> None:
    """Whatever was under way ends, and nothing of it is written down."""
    async with running(tmp_path) as bridge:
        bridge.say("раньше")
        await bridge.until(bridge.tickets)
        if trouble == "slow desk":
            bridge.break_desk("late", method="POST", seconds=9.0)
        elif trouble == "desk lost":
            bridge.break_desk("drop_after", method="POST", times=2)
        elif trouble == "slow max":
            bridge.break_max("late", method="POST", path="/messages", seconds=6.0)
        elif trouble == "max lost":
            bridge.break_max("drop_after", method="POST", path="/messages")
        more = {"attachments": [("x.txt", "text/plain", b"x" * 9000)]} if trouble == "files" else {}
        bridge.reply(1, f"<div>{SECRET} два</div>", **more)
        bridge.say(f"{SECRET} раз")
        await asyncio.sleep(after)
        forget(bridge)
        assert traces(bridge) == []
        await asyncio.sleep(300.0)
        assert traces(bridge) == []
        assert len(bridge.tickets()) == 1
        count = len(bridge.sent())
        assert bridge.sent().count(f"{SECRET} два") <= 1, (
            "what had left had left, and nothing leaves twice"
        )
        await is_a_new_customer(bridge)
        assert len(bridge.sent()) == count + 1
        assert bridge.journal is not None
        assert bridge.journal.health.snapshot().held == ()
        assert "bug" not in lines.text()


@virtual
async def test_forgotten_between_two_statements_is_no_broken_rule_in_either_direction(
    tmp_path: Path, lines: Lines
) -> None:
    marks = Queue.mark_sending

    def forgotten(self: Queue[Any], item_id: int, now: float, **fields: Any) -> bool:
        marked = marks(self, item_id, now, **fields)
        forget(bridge)
        return marked

    async with running(tmp_path) as bridge:
        bridge.max.state.person(OTHER, "Олег")
        bridge.say("первое")
        await bridge.until(bridge.tickets)
        before = len(bridge.sent())
        with mock.patch.object(Queue, "mark_sending", forgotten):
            bridge.reply(1, "<div>в этот миг</div>")
            await bridge.until(lambda: lines.of("not delivered: its customer was erased"))
            await asyncio.sleep(60.0)  # a note tells the agents that they are erased
            bridge.say("и в этот")
            await bridge.until(lambda: len(lines.of("not delivered: its customer was erased")) == 2)
        assert len(bridge.sent()) == before
        assert bridge.words() == ["первое"]
        bridge.say("от другого", OTHER)
        await bridge.until(lambda: len(bridge.tickets()) == 2)


@virtual
async def test_what_was_not_known_yet_arrives_as_a_new_customers(tmp_path: Path) -> None:
    """Nothing is lost: a message that MAX has not given yet is no part of what was erased."""
    async with running(tmp_path) as bridge:
        await talked(bridge)
        bridge.max_line.add(Fault("refuse", path="/updates", times=3))
        await asyncio.sleep(40.0)
        bridge.say("новое")
        forget(bridge)
        await bridge.until(lambda: len(bridge.tickets()) == 2, 600.0)
        assert ["новое" in body for body in bridge.bodies(2)] == [True]


@virtual
async def test_what_waits_during_an_outage_is_not_delivered_afterwards(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        bridge.max.state.person(OTHER, "Олег")
        bridge.break_desk("refuse", times=None)
        bridge.max.state.start(OTHER)
        bridge.say(f"{SECRET} раз")
        bridge.say("чужое", OTHER)
        await asyncio.sleep(60.0)
        forget(bridge)
        bridge.desk_line.faults.clear()
        await bridge.until(bridge.tickets, 900.0)
        await bridge.quiet()
        assert [SECRET in body for body in bridge.bodies(1)] == [False]
        assert traces(bridge) == []
        await is_a_new_customer(bridge)


@virtual
async def test_a_backup_that_is_put_back_does_not_bring_them_back(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        await talked(bridge)
        copy = take(bridge)
        bridge.say(f"{SECRET} после копии")
        await bridge.quiet()
        forget(bridge)
        await bridge.stop()
        put_back(bridge, copy)
        assert traces(bridge) == []
        bridge.start()
        await asyncio.sleep(400.0)
        await bridge.quiet()
        assert traces(bridge) == []
        assert sum(SECRET in body for body in bridge.bodies(1)) == 2
        await is_a_new_customer(bridge)


@virtual
async def test_a_backup_that_is_copied_by_hand_does_not_either(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        await talked(bridge)
        copy = take(bridge)
        forget(bridge)
        await bridge.stop()
        path = bridge.settings.store.path
        for each in path.parent.glob(f"{path.name}-*"):
            each.unlink()
        path.write_bytes(copy.read_bytes())
        bridge.start()
        assert traces(bridge) == []
        await asyncio.sleep(400.0)
        assert traces(bridge) == []
        await is_a_new_customer(bridge)


@virtual
async def test_a_backup_of_since_keeps_the_new_customer(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        await talked(bridge)
        forget(bridge)
        await is_a_new_customer(bridge)
        copy = take(bridge)
        await bridge.stop()
        put_back(bridge, copy)
        bridge.start()
        await asyncio.sleep(400.0)
        bridge.say("всё ещё я")
        await bridge.quiet()
        assert len(bridge.tickets()) == 2
        assert "всё ещё я" in bridge.bodies(2)[-1]


@virtual
async def test_a_gap_does_not_bring_their_history_back(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        await talked(bridge)
        forget(bridge)
        await is_a_new_customer(bridge)
        assert bridge.journal is not None
        bridge.journal.backfill.begin(
            Gap.RESTORED, last_at=bridge.our_now() - 3600.0, now=bridge.our_now(), since=0,
            trusts_watermark=False,
        )  # fmt: skip
        assert bridge.daemon is not None
        bridge.daemon.backfill.begin()
        await asyncio.sleep(120.0)
        await bridge.quiet()
        assert not bridge.journal.backfill.is_pending()
        assert sum(SECRET in body for each in bridge.tickets() for body in bridge.bodies(each)) == 1


@pytest.mark.parametrize("back", ["relink", "restore"])
@pytest.mark.parametrize("wait", [0.0, 30.0, 100.0, 200.0])
@virtual
async def test_who_writes_soon_after_the_erasure_is_linked_as_a_new_customer(
    tmp_path: Path, wait: float, back: str
) -> None:
    """The ticket is of a time in which one of before might still have come: its messages tell."""
    bridge = Bridge(tmp_path)
    bridge.start()
    await asyncio.sleep(1.0)
    await talked(bridge)
    copy = take(bridge)
    await asyncio.sleep(600.0)
    forget(bridge)
    await asyncio.sleep(wait)
    bridge.say("здравствуйте")
    await bridge.until(lambda: len(bridge.tickets()) == 2)
    await asyncio.sleep(3000.0)
    await bridge.stop()
    if back == "restore":
        put_back(bridge, copy)
    else:
        acts = Acts(bridge.settings.store.path).path.read_bytes()
        lose(bridge)
        Acts(bridge.settings.store.path).path.write_bytes(acts)
        _, sums = await relink(bridge)
        assert (sums.dialogs, sums.tickets) == (1, 1)
    bridge.start()
    await asyncio.sleep(400.0)
    bridge.reply(2, "<div>и вам</div>")
    await bridge.until(lambda: bridge.sent()[-1:] == ["и вам"], 900.0)
    bridge.reply(1, f"<div>{SECRET} в старый</div>")
    await asyncio.sleep(900.0)
    assert bridge.sent()[-1] == "и вам"
    assert [row for row in traces(bridge) if SECRET in row] == []
    await bridge.stop()


@virtual
async def test_relink_leaves_them_out_and_keeps_the_new_customer(tmp_path: Path) -> None:
    bridge = Bridge(tmp_path)
    bridge.start()
    await asyncio.sleep(1.0)
    await talked(bridge)
    forget(bridge)
    acts = Acts(bridge.settings.store.path).path.read_bytes()
    await bridge.stop()
    lose(bridge)
    Acts(bridge.settings.store.path).path.write_bytes(acts)
    _, sums = await relink(bridge)
    assert (sums.dialogs, sums.tickets) == (0, 0)
    assert traces(bridge) == []
    bridge.start()
    await asyncio.sleep(400.0)
    bridge.reply(1, "<div>в старый тикет</div>")
    await asyncio.sleep(4000.0)
    assert traces(bridge) == []
    assert len(bridge.sent()) == 1
    await is_a_new_customer(bridge)
    await bridge.quiet()
    await bridge.stop()
    lose(bridge)
    Acts(bridge.settings.store.path).path.write_bytes(acts)
    _, sums = await relink(bridge)
    assert (sums.dialogs, sums.tickets) == (1, 1)
    assert [row for row in traces(bridge) if SECRET in row] == []


@virtual
async def test_an_erasure_that_was_interrupted_is_made_up_for_at_the_next_start(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as bridge:
        await talked(bridge)
        assert bridge.journal is not None
        forgetting = bridge.journal.forgetting
        whose = forgetting.whose(bridge.chat())
        assert whose is not None
        acts = Acts(bridge.settings.store.path)
        acts.begin(forgetting.stones(whose, bridge.our_now()), "просьба", "Ира")
        with acts.path.open("ab") as file:
            file.write(b'{"number": 2, "sto')  # and the power went off
        await bridge.kill()
        bridge.start()
        assert traces(bridge) == []
        assert acts.begin((), "ещё", "Ира").number == 2
        assert [each.number for each in acts.all()] == [1, 2]


@virtual
async def test_a_person_of_two_chats_is_erased_whole_and_nobody_else_is(tmp_path: Path) -> None:
    async with running(tmp_path, groups="ticket") as bridge:
        bridge.max.state.person(OTHER, "Олег")
        bridge.max.state.start(OTHER)
        await talked(bridge)
        bridge.say("моё", OTHER)
        await bridge.until(lambda: len(bridge.tickets()) == 2)
        assert bridge.journal is not None
        second = bridge.chat() + 77
        bridge.journal.dialogs.ensure(second, USER, bridge.our_now())
        whose = forget(bridge)
        assert whose.chats == tuple(sorted((bridge.chat(), second)))
        assert traces(bridge) == []
        assert bridge.journal.dialogs.get(bridge.chat(OTHER)) is not None
        bridge.reply(2, "<div>вам</div>")
        await bridge.until(lambda: bridge.sent(OTHER) == ["вам"])


async def said_in_a_group(bridge: Bridge) -> str:
    """Who is to be erased has a ticket, and has said a secret in a group with Олег; gives the message's id."""
    bridge.max.state.person(OTHER, "Олег")
    bridge.max.state.group(-77, "Дачники", OTHER)
    bridge.say("вопрос")
    mid: str = bridge.max.state.say(USER, f"в группе {SECRET}", chat_id=-77)
    await bridge.until(lambda: len(bridge.tickets()) == 2)
    await bridge.quiet()
    return mid


@pytest.mark.parametrize("waits", [False, True])
@virtual
async def test_what_others_quote_of_them_is_exported_and_erased_without_the_others_words(
    tmp_path: Path, *, waits: bool
) -> None:
    async with running(tmp_path, groups="ticket") as bridge:
        mid = await said_in_a_group(bridge)
        if waits:
            bridge.break_desk("refuse", times=None)
        bridge.max.state.say(OTHER, "отвечаю", link={"type": "reply", "mid": mid}, chat_id=-77)
        bridge.max.state.say(OTHER, "смотрите", link={"type": "forward", "mid": mid})
        await asyncio.sleep(20.0)
        assert bridge.journal is not None
        whose = bridge.journal.forgetting.whose(bridge.chat())
        assert whose is not None
        kept = PersonStore(bridge.journal.db).kept(whose)
        shown = json.dumps(kept, ensure_ascii=False) + page(whose, kept, TEXTS, "x.json")
        assert shown.count(SECRET) == 6, "the message and both quotes, on both"
        assert "отвечаю" not in shown
        assert "смотрите" not in shown
        forget(bridge)
        assert traces(bridge) == []
        bridge.desk_line.clear()
        await bridge.quiet()
        bodies = [body for each in bridge.tickets() for body in bridge.bodies(each)]
        for words in ("отвечаю", "смотрите"):
            (body,) = (each for each in bodies if words in each)
            assert (SECRET in body) is not waits
        assert SECRET.encode() not in bytes_of(bridge)


@virtual
async def test_a_quote_is_erased_from_an_answer_whose_files_are_being_fetched(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, groups="ticket") as bridge:
        mid = await said_in_a_group(bridge)
        bridge.break_max("stall_before", path="/cdn/*", seconds=9.0)
        photo = bridge.max.state.attach("image", JPEG, "b.jpg")
        link = {"type": "forward", "mid": mid}
        bridge.max.state.say(OTHER, "смотрите", link=link, attachments=[photo])
        await asyncio.sleep(5.0)
        forget(bridge)
        await bridge.quiet()
        (body,) = (
            body for each in bridge.tickets() for body in bridge.bodies(each) if "смотрите" in body
        )
        assert SECRET not in body
        assert len(bridge.desk.state.attachments) == 1


def client(bridge: Bridge) -> FreeScoutClient:
    desk = bridge.settings.freescout
    return FreeScoutClient(
        desk.url,
        desk.api_key.reveal(),
        now=bridge.our_now,
        transport=desk_transport(bridge.desk_line),
    )


@virtual
async def test_the_record_at_the_desk_is_emptied_as_far_as_its_api_goes(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        await talked(bridge)
        desk = client(bridge)
        await desk.change_customer(
            1,
            {
                "jobTitle": "врач",
                "phones": [{"value": "+79001234567", "type": "mobile"}],
                "emailsAdd": [{"value": "m@romashka.ru", "type": "work"}],
                "websites": [{"value": "https://romashka.ru"}],
                "address": {"city": "Тверь", "country": "RU", "address": "Мира, 1"},
            },
        )
        whose = forget(bridge)
        alone = {"shared": None, "bot_id": bridge.max.state.bot.user_id}
        assert await empty_record(desk, whose.cards[0], TEXTS, **alone) == []
        card = await desk.customer_fields(1)
        assert (card["firstName"], card["lastName"], card["jobTitle"]) == ("Удалено", None, None)
        assert not any(value for name, value in card["_embedded"].items() if name != "address")
        assert not any(card["_embedded"]["address"].values())
        (words,) = await empty_record(desk, 99, TEXTS, **alone)
        assert "карточки 99 больше нет" in words
        await desk.close()
        await is_a_new_customer(bridge)


@virtual
async def test_an_address_that_a_ticket_has_stays_in_a_record_that_is_named(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        await talked(bridge)
        desk = client(bridge)
        await desk.change_customer(1, {"emails": ["m@romashka.ru"]})
        bridge.say("пишите на почту")
        await bridge.quiet()
        forget(bridge)
        own = bridge.max.state.bot.user_id
        (words,) = await empty_record(desk, 1, TEXTS, shared=None, bot_id=own)
        kept = bridge.desk.state.customer_by_email("m@romashka.ru")
        assert kept is not None
        assert kept.id != 1
        assert f"новую карточку {kept.id};" in words
        await desk.close()


@virtual
async def test_a_record_that_another_bot_knows_is_emptied_and_that_bot_named(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as bridge:
        await talked(bridge)
        desk = client(bridge)
        own = bridge.max.state.bot.user_id
        marks = (f"max:{USER}", f"max-bot:{own}", f"max-bot:{SECOND_BOT}")
        kept = [{"value": each, "type": "other"} for each in marks]
        await desk.change_customer(1, {"socialProfiles": kept})
        forget(bridge)
        (words,) = await empty_record(desk, 1, TEXTS, shared=None, bot_id=own)
        assert f"({SECOND_BOT})" in words
        assert (await desk.customer(1)).profiles == ()
        await desk.close()


@virtual
async def test_a_record_that_is_another_customers_too_loses_the_max_id_only(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        bridge.max.state.person(OTHER, "Олег")
        bridge.max.state.start(OTHER)
        await talked(bridge)
        assert bridge.journal is not None
        bridge.journal.dialogs.ensure(bridge.chat(OTHER), OTHER, bridge.our_now())
        bridge.journal.dialogs.set_customer(bridge.chat(OTHER), 1)
        desk = client(bridge)
        kept = [{"value": f"max:{each}", "type": "other"} for each in (USER, OTHER)]
        await desk.change_customer(1, {"socialProfiles": kept})
        whose = forget(bridge)
        assert whose.shared == (1,)
        (words,) = await empty_record(desk, 1, TEXTS, shared=USER, bot_id=None)
        assert "и другому клиенту" in words
        assert (await desk.customer(1)).profiles == (f"max:{OTHER}",)
        await desk.close()


@virtual
async def test_what_was_put_aside_is_erased_too_and_the_next_message_is_a_new_customers(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, flood_limit=5) as bridge:
        for number in range(9):
            bridge.say(f"{SECRET} {number}")
        await bridge.quiet()
        assert bridge.journal is not None
        assert bridge.journal.floods.chats() == {bridge.chat()}
        forget(bridge)
        await bridge.quiet()
        assert traces(bridge) == []
        bridge.say("здравствуйте")
        await bridge.until(lambda: len(bridge.tickets()) == 2)
