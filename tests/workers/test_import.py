"""Moving from the webhook bridge on virtual time: its history in place, then ours takes over."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Collection
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bridge import OTHER, USER, Bridge
from maxbridge import wiring
from maxbridge.core.markup import text_to_html
from maxbridge.i18n import CATALOGUE
from maxbridge.store.store import Store
from maxbridge.takeover.import_old import import_offline, import_online, read_mapping_db
from maxbridge.takeover.relink import Plan, Sums, Words, carry_out
from virtual_time import virtual

WEBHOOK = "https://bot.example.com/webhook"


class OldWorld:
    """The webhook bridge as it worked: at once, in HTML without our markers, everything written down."""

    def __init__(self, folder: Path, **changes: Any) -> None:
        self.bridge = Bridge(folder, **changes)
        self.bridge.max.state.person(OTHER, "Пётр", "Тестов")
        self.path = folder / "mapping.db"
        with closing(sqlite3.connect(self.path)) as database:
            database.executescript(
                """
                CREATE TABLE max_freescout_mapping (
                    id INTEGER PRIMARY KEY AUTOINCREMENT, max_user_id TEXT UNIQUE NOT NULL,
                    freescout_conversation_id INTEGER, freescout_customer_id INTEGER,
                    last_message_id TEXT, created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
                    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP);
                CREATE TABLE message_sync (
                    id INTEGER PRIMARY KEY AUTOINCREMENT, max_message_id TEXT,
                    freescout_thread_id INTEGER, direction TEXT, synced_at TIMESTAMP);
                """
            )
        self.bridge.max.state.subscribe(WEBHOOK)

    def sql(self, statement: str, *values: Any) -> list[Any]:
        with closing(sqlite3.connect(self.path)) as database, database:
            return database.execute(statement, values).fetchall()

    def now(self) -> str:
        return datetime.fromtimestamp(self.bridge.clock.now(), UTC).strftime("%Y-%m-%d %H:%M:%S")

    async def says(self, text: str, user: int = USER, *, written_down: bool = True) -> int:
        """A customer writes; the old bridge brings it to the desk. Gives the ticket."""
        mid = self.bridge.say(text, user=user)
        known = self.sql(
            "SELECT freescout_conversation_id FROM max_freescout_mapping WHERE max_user_id = ?",
            str(user),
        )
        desk = self.bridge.ends().desk
        thread = {"type": "customer", "text": text_to_html(text)}
        if not known:
            person = self.bridge.max.state.people[user]
            posted = await desk.open_conversation(
                {
                    "type": "chat", "mailboxId": 1, "subject": text, "threads": [thread],
                    "customer": {"firstName": person.first_name},
                }
            )  # fmt: skip
            self.sql(
                "INSERT INTO max_freescout_mapping (max_user_id, freescout_conversation_id, "
                "freescout_customer_id, last_message_id, created_at, updated_at) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                str(user),
                posted.conversation_id,
                posted.customer_id,
                mid,
                self.now(),
                self.now(),
            )
        else:
            posted = await desk.add_thread(known[0][0], thread)
            self.sql(
                "UPDATE max_freescout_mapping SET last_message_id = ?, updated_at = ? "
                "WHERE max_user_id = ?",
                mid,
                self.now(),
                str(user),
            )
        await desk.close()
        if written_down:
            self.sync(mid, posted.thread_id, "max_to_freescout")
        await asyncio.sleep(30)
        return posted.conversation_id

    async def replies(self, ticket: int, text: str, user: int = USER) -> None:
        """An agent answers; the old bridge sends it at once."""
        thread = self.bridge.reply(ticket, f"<div>{text}</div>")
        ends = self.bridge.ends()
        sent = await ends.max.send(self.bridge.chat(user), text)
        await ends.close()
        self.sync(sent.mid, thread, "freescout_to_max")
        await asyncio.sleep(30)

    def sync(self, mid: str, thread: int | None, direction: str) -> None:
        self.sql(
            "INSERT INTO message_sync (max_message_id, freescout_thread_id, direction, synced_at) "
            "VALUES (?, ?, ?, ?)",
            mid,
            thread,
            direction,
            self.now(),
        )

    def stop(self) -> None:
        """The old bridge is stopped, and its webhook is removed as the last step."""
        self.bridge.max.state.unsubscribe(WEBHOOK)

    async def look(self, since: float | None = None) -> Plan:
        texts = self.bridge.settings.texts

        def linked(ids: Collection[int]) -> Collection[int]:
            journal = Store(self.bridge.settings.store.path)
            try:
                return journal.tickets.ever_known(ids)
            finally:
                journal.close()

        words = Words(CATALOGUE[texts.language], texts.signature, texts.greeting, linked)
        ends = self.bridge.ends()
        try:
            return await import_online(
                read_mapping_db(self.path),
                ends.max,
                ends.desk,
                words,
                since=since,
                progress=lambda *_: None,
            )
        finally:
            await ends.close()

    def write(self, plan: Plan) -> Sums:
        journal = Store(self.bridge.settings.store.path)
        try:
            return carry_out(wiring.takeover(journal), plan, self.bridge.our_now)
        finally:
            journal.close()


async def moved(tmp_path: Path, **changes: Any) -> tuple[OldWorld, int]:
    """A talk of both ways under the old bridge."""
    world = OldWorld(tmp_path, **changes)
    ticket = await world.says("первый вопрос")
    await world.replies(ticket, "первый ответ")
    await world.says("второй вопрос")
    await world.replies(ticket, "второй ответ")
    return world, ticket


@pytest.mark.parametrize("first_start", ["new", "all"])
@virtual
async def test_the_whole_move(tmp_path: Path, first_start: str) -> None:
    world, ticket = await moved(tmp_path, first_start=first_start)
    other = await world.says("вопрос Петра", user=OTHER)
    bridge = world.bridge
    await asyncio.sleep(600)
    world.stop()
    late = bridge.reply(ticket, "<div>ответ без моста</div>")
    bridge.say("вопрос без моста")
    await asyncio.sleep(3600)
    plan = await world.look()
    assert plan.findings.unsent == [(ticket, late)]
    assert (plan.findings.chats, plan.findings.awaited, plan.findings.unclear) == (2, 0, [])
    sums = world.write(plan)
    assert (sums.dialogs, sums.tickets, sums.conflicts) == (2, 2, [])
    second = await world.look()
    assert (second.findings.unsent, second.findings.unclear) == ([], [])
    again = world.write(second)
    assert (again.dialogs, again.tickets, again.awaited, again.conflicts) == (0, 0, 0, [])
    bridge.start()
    await bridge.quiet()
    bridge.say("третий вопрос")
    bridge.say("снова Пётр", user=OTHER)
    await bridge.quiet()
    bridge.reply(other, "<div>ответ Петру</div>")
    await bridge.quiet()
    await bridge.stop()
    assert bridge.tickets() == sorted([ticket, other])
    assert len(bridge.desk.state.customers) == 2
    said = [body.split("<!--")[0] for body in bridge.bodies(ticket)]
    assert [sum(words in body for body in said) for words in ("первый", "второй", "без моста")] == [
        1,
        1,
        1,
    ]
    assert "третий вопрос" in said[-1]
    assert bridge.sent() == ["первый ответ", "второй ответ", "ответ без моста"]
    assert bridge.sent(OTHER) == ["ответ Петру"]


@virtual
async def test_a_reply_that_was_sent_but_not_written_down_is_not_sent_again(tmp_path: Path) -> None:
    world, ticket = await moved(tmp_path)
    bridge = world.bridge
    # The old bridge died between sending and writing down; and once it said something nobody knows.
    bridge.reply(ticket, "<div>отправлен</div>")
    ends = bridge.ends()
    await ends.max.send(bridge.chat(), "отправлен")
    await asyncio.sleep(1000)
    unclear = bridge.reply(ticket, "<div>неизвестно</div>")
    await ends.max.send(bridge.chat(), "что-то другое")
    await ends.close()
    await asyncio.sleep(1000)
    world.stop()
    plan = await world.look()
    assert (plan.findings.unsent, plan.findings.unclear) == ([], [(ticket, unclear)])
    world.write(plan)
    bridge.start()
    await bridge.quiet()
    await bridge.stop()
    assert bridge.sent()[2:] == ["отправлен", "что-то другое"]
    assert ["неизвестно" in body for body in bridge.bodies(ticket, "note")] == [True]


@virtual
async def test_offline_the_next_message_finds_the_old_ticket(tmp_path: Path) -> None:
    world, ticket = await moved(tmp_path, first_start="new")
    bridge = world.bridge
    world.stop()
    await asyncio.sleep(600)
    plan = import_offline(read_mapping_db(world.path), bridge.our_now())
    assert world.write(plan).awaited == 1
    assert world.write(plan).awaited == 1
    bridge.start()
    await asyncio.sleep(60)
    between = bridge.reply(ticket, "<div>пока ждём</div>")
    await bridge.quiet()
    assert bridge.sent() == ["первый ответ", "второй ответ"]
    bridge.reply(ticket, "<div>и ещё</div>")
    await bridge.quiet()
    assert ["пока не известен" in body for body in bridge.bodies(ticket, "note")] == [True]
    bridge.say("третий вопрос")
    await bridge.quiet()
    await bridge.stop()
    assert between
    assert bridge.tickets() == [ticket]
    assert len(bridge.bodies(ticket)) == 3
    assert bridge.sent() == ["первый ответ", "второй ответ", "пока ждём", "и ещё"]


@virtual
async def test_tickets_that_the_desk_no_longer_has_are_left_out(tmp_path: Path) -> None:
    world, ticket = await moved(tmp_path)
    other = await world.says("вопрос Петра", user=OTHER)
    bridge = world.bridge
    bridge.desk.state.delete_forever(other)
    world.stop()
    plan = await world.look()
    assert plan.findings.problems == {"tickets that FreeScout no longer has: left out": 1}
    assert world.write(plan).tickets == 1
    bridge.start()
    await asyncio.sleep(1)
    bridge.say("снова Пётр", user=OTHER)
    await bridge.until(lambda: len(bridge.tickets()) == 2)
    await bridge.quiet()
    await bridge.stop()
    assert ticket in bridge.tickets()


@virtual
async def test_a_file_without_single_messages_still_moves_everybody(tmp_path: Path) -> None:
    world, ticket = await moved(tmp_path)
    bridge = world.bridge
    world.sql("DROP TABLE message_sync")
    world.stop()
    await asyncio.sleep(600)
    bridge.say("без моста")
    await asyncio.sleep(600)
    plan = await world.look()
    assert (plan.findings.chats, plan.findings.unsent) == (1, [])
    world.write(plan)
    bridge.start()
    await bridge.quiet()
    await bridge.stop()
    assert bridge.tickets() == [ticket]
    assert len(bridge.bodies(ticket)) == 3
    assert bridge.sent() == ["первый ответ", "второй ответ"]


@virtual
async def test_an_agent_who_answered_long_before_is_asked_about_only_on_demand(
    tmp_path: Path,
) -> None:
    world, ticket = await moved(tmp_path)
    bridge = world.bridge
    world.stop()
    late = bridge.reply(ticket, "<div>очень давно</div>")
    began = bridge.clock.now()
    await asyncio.sleep(8 * 86400)
    assert (await world.look()).findings.unsent == []
    assert (await world.look(began - 60)).findings.unsent == [(ticket, late)]
