"""Every turn of a ticket's life, with a bridge that dies after every commit or every few."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bridge import OTHER, USER, Bridge
from maxbridge.store.store import Store
from virtual_time import virtual

DEATHS = 60
"""After so many the bridge may live: each story is over by then, or nothing moves it any more."""


class DeadError(BaseException):
    """The process is gone; nothing catches it."""


class Mortal:
    """A bridge with Марина's and Олег's tickets that dies again and again."""

    def __init__(self, bridge: Bridge, commits: int) -> None:
        self.bridge = bridge
        self.commits = commits
        self.deaths = 0

    def doom(self) -> None:
        """Let the process that runs now die right after so many commits that changed something."""
        assert self.bridge.journal is not None
        if self.deaths < DEATHS:
            die_after(self.bridge.journal, self.commits)

    async def live(self, seconds: float) -> None:
        """Let time pass; a process that has died is started again after a while."""
        bridge = self.bridge
        for _ in range(int(seconds)):
            await asyncio.sleep(1)
            assert bridge._task is not None
            if bridge._task.done():
                assert "DeadError" in repr(bridge._task.exception())
                bridge._close()
                self.deaths += 1
                await asyncio.sleep(7)
                bridge.start()
                self.doom()

    async def settle(self) -> None:
        """Let time pass until nothing is under way."""
        await self.live(30)
        for _ in range(200):
            await self.live(10)
            if self.bridge._is_quiet():
                return
        pytest.fail("the bridge never comes to rest")


def die_after(journal: Store, commits: int) -> None:
    """Let the process die right after so many commits from now; how the loops are doing is none."""
    real, write_health = journal.db.transaction, journal.health.write
    depth, left = 0, commits

    def changes() -> int:
        connection: sqlite3.Connection = journal.db._db.connection()  # type: ignore[no-untyped-call]
        total: int = connection.total_changes
        return total

    @contextlib.contextmanager
    def counted(name: str = "", *, durable: bool = True) -> Iterator[None]:
        nonlocal depth, left
        if left == 0:
            raise DeadError
        before = changes()
        depth += 1
        try:
            with real(name, durable=durable):
                yield
        finally:
            depth -= 1
        if depth == 0 and changes() > before:
            left -= 1
            if left == 0:
                raise DeadError

    def health(*written: Any, **more: Any) -> None:
        nonlocal depth
        depth += 1
        try:
            write_health(*written, **more)
        finally:
            depth -= 1

    journal.db.transaction = counted  # type: ignore[method-assign]
    journal.health.write = health  # type: ignore[method-assign]


@contextlib.asynccontextmanager
async def dying(folder: Path, commits: int) -> AsyncIterator[Mortal]:
    """A bridge at rest that is about to die after every so many commits."""
    bridge = Bridge(folder)
    bridge.max.state.person(OTHER, "Олег")
    bridge.start()
    await asyncio.sleep(1)
    bridge.say("вопрос")
    await bridge.until(lambda: len(bridge.tickets()) == 1)
    bridge.say("мой вопрос", OTHER)
    await bridge.until(lambda: len(bridge.tickets()) == 2)
    await bridge.quiet()
    await asyncio.sleep(120)
    mortal = Mortal(bridge, commits)
    mortal.doom()
    try:
        yield mortal
    finally:
        await bridge.kill()


async def begun_by_an_agent(mortal: Mortal) -> None:
    bridge = mortal.bridge
    bridge.desk.state.new_conversation("<div>заказ готов</div>", customer_id=1)
    await mortal.settle()
    bridge.say("спасибо")
    await mortal.settle()
    bridge.reply(3, "<div>ждём</div>")
    await mortal.settle()
    assert bridge.sent() == ["заказ готов", "ждём"]
    assert ["спасибо" in each for each in bridge.bodies(3)] == [True]
    assert ["уходят клиенту в MAX" in each for each in bridge.bodies(3, "note")] == [True]


async def copied(mortal: Mortal) -> None:
    bridge = mortal.bridge
    copy = bridge.desk.state.clone(1)
    await mortal.live(2)
    bridge.reply(copy, "<div>ответ в копии</div>")
    await mortal.settle()
    bridge.say("ясно")
    await mortal.settle()
    assert bridge.sent() == ["ответ в копии"]
    assert ["ясно" in each for each in bridge.bodies(copy)] == [False, True]
    assert len(bridge.bodies(1)) == 1


async def merged_with_a_reply_under_way(mortal: Mortal) -> None:
    bridge = mortal.bridge
    mail = bridge.by_mail()
    await mortal.live(100)
    bridge.reply(1, "<div>до слияния</div>")
    await mortal.live(8)
    bridge.desk.state.merge(into=mail, source=1)
    bridge.say("ау")
    await mortal.settle()
    bridge.reply(mail, "<div>после слияния</div>")
    await mortal.settle()
    assert bridge.sent() == ["до слияния", "после слияния"]
    assert ["ау" in each for each in bridge.bodies(mail)] == [False, True]
    assert not bridge.bodies(mail, "note")


async def merged_between_customers(mortal: Mortal) -> None:
    bridge = mortal.bridge
    bridge.reply(2, "<div>только Олегу</div>")
    await mortal.live(4)
    bridge.desk.state.merge(into=1, source=2)
    await mortal.settle()
    bridge.reply(1, "<div>Марине</div>")
    bridge.say("а я?", OTHER)
    await mortal.settle()
    assert (bridge.sent(USER), bridge.sent(OTHER)) == (["Марине"], [])
    assert ["а я?" in each for each in bridge.bodies(3)] == [True]
    told = [note.partition("MAX")[0] for note in bridge.bodies(1, "note")]
    assert len(told) == len(set(told)) == 2


async def cards_merged(mortal: Mortal) -> None:
    bridge = mortal.bridge
    bridge.desk.state.merge_customers(1, 2)
    bridge.reply(1, "<div>раз</div>")
    bridge.reply(2, "<div>два</div>")
    await mortal.settle()
    bridge.desk.state.delete(2)
    bridge.say("снова я", OTHER)
    await mortal.settle()
    bridge.reply(3, "<div>три</div>")
    await mortal.settle()
    assert (bridge.sent(USER), bridge.sent(OTHER)) == (["раз"], ["два", "три"])
    assert bridge.desk.state.conversations[3].customer_id == 1
    assert not any(bridge.bodies(each, "note") for each in bridge.tickets())


async def given_away(mortal: Mortal) -> None:
    bridge = mortal.bridge
    bridge.desk.state.change_customer(1, 2)
    bridge.reply(1, "<div>кому?</div>")
    await mortal.settle()
    bridge.say("это Марина")
    await mortal.settle()
    bridge.reply(3, "<div>Марине</div>")
    await mortal.settle()
    assert (bridge.sent(USER), bridge.sent(OTHER)) == (["Марине"], [])
    assert ["кому?" in each for each in bridge.bodies(1, "note")] == [True]
    assert bridge.desk.state.conversations[3].customer_id == 1


async def deleted_and_restored(mortal: Mortal) -> None:
    bridge = mortal.bridge
    bridge.desk.state.delete(1)
    bridge.say("ау")
    await mortal.settle()
    bridge.desk.state.restore(1)
    bridge.reply(1, "<div>нашли</div>")
    await mortal.settle()
    bridge.say("спасибо")
    await mortal.settle()
    assert bridge.sent() == ["нашли"]
    assert ["ау" in each for each in bridge.bodies(3)] == [True]
    assert ["спасибо" in each for each in bridge.bodies(1)] == [False, True]


@pytest.mark.parametrize("commits", [1, 2])
@pytest.mark.parametrize(
    "story",
    [
        begun_by_an_agent,
        copied,
        merged_with_a_reply_under_way,
        merged_between_customers,
        cards_merged,
        given_away,
        deleted_and_restored,
    ],
    ids=lambda story: story.__name__,
)
@virtual
async def test_dying_again_and_again_loses_and_doubles_nothing(
    tmp_path: Path, story: Callable[[Mortal], Awaitable[None]], commits: int
) -> None:
    async with dying(tmp_path, commits) as mortal:
        await story(mortal)
        assert mortal.deaths > 3
