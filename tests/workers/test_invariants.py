"""Rules that always hold, broken on purpose: what it was about is stopped, and everything else goes on.

In every other test a broken rule ends the test (``Loop.strict``, tests/conftest.py).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from bridge import OTHER, Bridge, running
from maxbridge.cli.report import code_of
from maxbridge.cli.status import to_json
from maxbridge.core.delivery import (
    Doubt,
    State,
)
from maxbridge.core.errors import Invariant, RuleBrokenError
from maxbridge.inbound.channel import DeskChannel
from maxbridge.observe.health import Loop
from maxbridge.observe.status import Level, assess
from maxbridge.store.db import Database
from maxbridge.store.inbox import NOTE_TYPE, InboxTable, NewUpdate
from maxbridge.store.linking import LinkingStore
from maxbridge.store.queue import Queue
from maxbridge.store.tickets import TicketTable
from store_world import force
from virtual_time import virtual


@pytest.fixture
def _field(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it is installed: a broken rule is told, and the daemon goes on."""
    monkeypatch.setattr(Loop, "strict", False)


pytestmark = pytest.mark.usefixtures("_field")


@contextmanager
def broken(*patches: tuple[Any, str, Any]) -> Iterator[None]:
    """A bug, for a while."""
    with ExitStack() as stack:
        for patch in patches:
            stack.enter_context(mock.patch.object(*patch))
        yield


def told(bridge: Bridge) -> list[tuple[str, str]]:
    """What ``status`` and its JSON say of broken rules: their codes, and what it was about."""
    assert bridge.journal is not None
    now = bridge.our_now()
    report = assess(bridge.journal.health.snapshot(now), running=True, now=now)
    assert report.level is Level.DEGRADED
    rows: list[dict[str, str]] = to_json(report)["broken_rules"]
    assert all(code_of(each["rule"]) == each["rule"] for each in rows), "a word for the report"
    words = "\n".join(report.reasons)
    assert all(each["item"] in words for each in rows)
    return [(each["rule"], each["item"]) for each in rows]


def held(bridge: Bridge) -> list[tuple[str, str | None]]:
    assert bridge.journal is not None
    return [(each.name, each.error) for each in bridge.journal.health.snapshot().held]


def unmarked(many: int = 1) -> Any:
    """What a queue would be that says it has written down what it has not, for its first ones."""
    left = {"inbox": many, "outbox": many}

    def mark_sending(self: Queue[Any], item_id: int, now: float, **fields: Any) -> bool:
        marked = _mark_sending(self, item_id, now, **fields)
        left[self._name] -= 1
        if left[self._name] >= 0:
            with self._db.transaction():
                force(self, item_id, State.QUEUED, doubt=Doubt.NONE)
        return marked

    return mark_sending


_mark_sending = Queue.mark_sending


@virtual
async def test_nothing_leaves_that_is_not_written_down_in_either_direction(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        bridge.say("первое")
        await bridge.until(lambda: bridge.tickets() == [1])
        with broken((Queue, "mark_sending", unmarked())):
            bridge.say("второе")
            await bridge.until(lambda: len(held(bridge)) == 1)
            bridge.reply(1, "<div>ответ</div>")
            await bridge.until(lambda: len(held(bridge)) == 2)
        await asyncio.sleep(1.0)
        assert [name for name, _ in held(bridge)] == ["in-2", "out-1"]
        assert {error for _, error in held(bridge)} == {Invariant.UNWRITTEN.value}
        assert told(bridge) == [("rule.unwritten", "out-1")]
        assert bridge.words() == ["первое"]
        assert bridge.sent() == []
        bridge.say("третье")
        bridge.reply(1, "<div>ещё один</div>")
        await bridge.quiet()
        assert bridge.words() == ["первое", "третье"]
        assert bridge.sent() == ["ещё один"]
        notes = "\n".join(bridge.bodies(1, "note"))
        assert notes.count("rule.unwritten") == 1, (
            "of the message; that of the reply names the reply"
        )
        assert "held:thread:3:0" in notes


@virtual
async def test_a_queue_that_gives_the_newest_first_overtakes_nobody(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        bridge.break_desk("status", status=503, path="*", times=None)
        bridge.say("первое")
        bridge.say("второе")
        await asyncio.sleep(5.0)
        assert bridge.journal is not None
        inbox = bridge.journal.inbox
        with broken((inbox, "_first", inbox._first.replace("ORDER BY q.id", "ORDER BY -q.id"))):
            bridge.desk_line.clear()
            await bridge.until(lambda: held(bridge), 600.0)
            await bridge.until(lambda: bridge.tickets() == [1], 600.0)
        assert held(bridge) == [("in-2", "rule.order")]
        assert bridge.words() == ["первое"]


@virtual
async def test_a_chat_that_is_served_is_not_served_once_more(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        bridge.break_desk("stall_before", method="POST", seconds=20.0)
        bridge.say("первое")
        await asyncio.sleep(5.0)
        bridge.say("второе")
        assert bridge.daemon is not None
        pool = bridge.daemon.writer_pool
        with broken((pool._queue, "due_chats", lambda *_, **__: [bridge.chat()])):
            await asyncio.sleep(10.0)
        assert told(bridge) == [("rule.order", f"chat {bridge.chat()}")]
        await bridge.quiet()
        assert bridge.words() == ["первое", "второе"]


async def two_customers(bridge: Bridge) -> None:
    """Each has a ticket: the first one's is 1, Пётр's is 2."""
    bridge.say("моё")
    await bridge.until(lambda: bridge.tickets() == [1])
    bridge.max.state.person(OTHER, "Пётр", "Тестов")
    bridge.say("чужое", OTHER)
    await bridge.until(lambda: bridge.tickets() == [1, 2])


@virtual
async def test_words_do_not_go_into_a_ticket_that_is_anothers(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        await two_customers(bridge)
        await bridge.quiet()
        anothers = lambda _self, call: call.item.update_type != NOTE_TYPE  # noqa: E731
        with broken((DeskChannel, "_is_anothers", anothers)):
            bridge.say("ещё моё")
            await bridge.until(lambda: held(bridge))
        await bridge.quiet()
        with broken((TicketTable, "is_anothers", lambda *_: True)):
            bridge.reply(2, "<div>ответ</div>")
            await asyncio.sleep(60.0)
        assert held(bridge) == [("in-3", "rule.owner")]
        assert told(bridge) == [("rule.owner", "ticket 2")]
        assert bridge.words() == ["моё"]
        assert bridge.sent(OTHER) == []
        # The reply has lost nothing but time.
        await bridge.until(lambda: bridge.sent(OTHER) == ["ответ"], 900.0)


@virtual
async def test_a_ticket_given_to_another_while_files_are_fetched_gets_none_of_these_words(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as bridge:
        await two_customers(bridge)
        await bridge.quiet()
        media = bridge.max.state.media
        picture = media.add("image", b"\x89PNG\r\n\x1a\n" + b"x" * 100, "a.png")
        bridge.break_max("stall_before", method="GET", path="/cdn/*", seconds=20.0)
        bridge.say("с картинкой", attachments=[media.attachment(picture)])
        await asyncio.sleep(5.0)
        assert bridge.journal is not None
        linking = bridge.journal.linking
        assert linking.link(bridge.chat(OTHER), 1, None, desk_now=bridge.clock.now())
        await bridge.quiet()
        assert bridge.words(1) == ["моё"]
        assert bridge.tickets() == [1, 2, 3]
        assert bridge.words(3) == ["с картинкой"]
        assert held(bridge) == []


@virtual
async def test_a_ticket_is_not_taken_from_a_chat_whose_message_is_on_its_way(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as bridge:
        await two_customers(bridge)
        bridge.break_desk("stall_before", method="POST", seconds=20.0)
        bridge.say("в пути")
        await asyncio.sleep(5.0)
        assert bridge.journal is not None
        linking: LinkingStore = bridge.journal.linking
        assert not linking.link(bridge.chat(OTHER), 1, None, desk_now=bridge.clock.now())
        await bridge.quiet()
        assert linking.link(bridge.chat(OTHER), 1, None, desk_now=bridge.clock.now())


@virtual
async def test_a_page_of_which_something_is_not_stored_is_asked_for_again(tmp_path: Path) -> None:
    insert = InboxTable._insert

    def forgets(self: InboxTable, update: NewUpdate, now: float) -> int:
        return (
            1
            if "второе" in json.loads(update.payload)["message"]["body"]["text"]
            else insert(self, update, now)
        )

    async with running(tmp_path) as bridge:
        bridge.say("первое")
        await bridge.until(lambda: bridge.tickets() == [1])
        assert bridge.journal is not None
        marker = bridge.journal.inbox.marker()
        with broken((InboxTable, "_insert", forgets)):
            bridge.say("второе")
            await asyncio.sleep(30.0)
            assert bridge.journal.inbox.marker() == marker
            assert told(bridge) == [("rule.marker", "events of MAX")]
        await bridge.until(lambda: bridge.words() == ["первое", "второе"], 200.0)


@virtual
async def test_max_is_not_asked_while_a_commit_is_open(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        with broken((Database, "is_settled", lambda _self: False)):
            await asyncio.sleep(60.0)
            bridge.say("первое")
            await asyncio.sleep(30.0)
            assert bridge.tickets() == []
            assert told(bridge) == [("rule.marker", "events of MAX")]
        await bridge.until(lambda: bridge.words() == ["первое"], 200.0)


@virtual
async def test_what_was_told_is_still_told_after_a_restart(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        with broken((Database, "is_settled", lambda _self: False)):
            await asyncio.sleep(60.0)
        await bridge.stop()
        bridge.start()
        await asyncio.sleep(30.0)
        assert told(bridge) == [("rule.marker", "events of MAX")]


@virtual
async def test_what_is_done_is_not_done_once_more(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        bridge.say("первое")
        await bridge.quiet()
        assert bridge.journal is not None
        outbox = bridge.journal.outbox
        done = type(outbox).part_done

        def twice(*args: Any, **more: Any) -> bool:
            done(outbox, *args, **more)
            return done(outbox, *args, **more)

        with broken((outbox, "part_done", twice)):
            bridge.reply(1, "<div>ответ</div>")
            await bridge.until(lambda: bridge.sent() == ["ответ"])
            await asyncio.sleep(5.0)
        assert told(bridge) == [("rule.move", "out-1")]
        assert held(bridge) == []
        bridge.reply(1, "<div>ещё</div>")
        await bridge.quiet()
        assert bridge.sent() == ["ответ", "ещё"]


@virtual
async def test_in_the_tests_a_broken_rule_ends_the_daemon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Loop, "strict", True)
    bridge = Bridge(tmp_path)
    bridge.start()
    await asyncio.sleep(1.0)
    with broken((Queue, "mark_sending", unmarked())):
        bridge.say("первое")
        error = await bridge.failed()
    assert bridge.tickets() == []
    assert isinstance(error, RuleBrokenError)


@virtual
async def test_one_calls_deliveries_are_in_their_order(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        assert bridge.journal is not None
        with pytest.raises(RuleBrokenError) as caught:
            bridge.journal.inbox.see_that_they_may_leave([2, 1])
        assert caught.value.rule is Invariant.ORDER
