"""Two bots, each with a daemon and a database of its own, on one desk; and what befalls one of them."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from bridge import OTHER, USER, Bridge
from lost_database import lose, relink
from maxbridge.store.backup import back_up
from maxbridge.store.restore import commit, replacing

_SIGNED = re.compile(r"<!-- maxbridge-bot:\d+ -->")


class Desk:
    """Марина writes to both bots; Олег only to the second."""

    def __init__(self, first: Bridge, second: Bridge) -> None:
        self.first, self.second = first, second
        self.state = first.desk.state

    async def opened(self, bridge: Bridge, text: str, user: int = USER, **more: Any) -> int:
        """A customer's first message to a bot, and the ticket that it makes."""
        before = set(bridge.tickets())
        bridge.say(text, user, **more)
        await bridge.until(lambda: set(bridge.tickets()) - before)
        (ticket,) = set(bridge.tickets()) - before
        return ticket

    async def answered(self, ticket: int, words: str) -> None:
        self.first.reply(ticket, f"<div>{words}</div>")
        await self.quiet()

    async def quiet(self) -> None:
        await self.first.quiet()
        await self.second.quiet()

    def forget_bots(self) -> None:
        """As older versions wrote: no thread and no card names its bot."""
        for thread in self.state.threads.values():
            thread.body = _SIGNED.sub("", thread.body or "")
        for customer in self.state.customers.values():
            customer.social_profiles = [
                each for each in customer.social_profiles if "max-bot:" not in str(each)
            ]

    def notes(self) -> list[str]:
        return [each.body or "" for each in self.state.threads.values() if each.type == "note"]

    def is_told(self, words: str) -> bool:
        """Does a note say that these words were not sent?"""
        return any("Не отправлено" in note and words in note for note in self.notes())

    def sent(self) -> list[list[str]]:
        """What Марина has of the first bot, of the second, and Олег of the second."""
        return [self.first.sent(), self.second.sent(), self.second.sent(OTHER)]


@contextlib.asynccontextmanager
async def two(folder: Path, **changes: Any) -> AsyncIterator[Desk]:
    for name in ("a", "b"):
        (folder / name).mkdir()
    first = Bridge(folder / "a", **changes)
    second = Bridge(folder / "b", beside=first, **changes)
    second.max.state.person(OTHER, "Олег", "Вторых", chat_id=612340002)
    for bridge in (first, second):
        bridge.start()
    await asyncio.sleep(1.0)
    try:
        yield Desk(first, second)
    except BaseException:
        await first.kill()
        await second.kill()
        raise
    await first.stop()
    await second.stop()


async def talked(desk: Desk) -> tuple[int, int, int]:
    """Both of Марина's talks and Олег's, a reply in each; gives the tickets."""
    one = await desk.opened(desk.first, "первому боту")
    two = await desk.opened(desk.second, "второму боту")
    three = await desk.opened(desk.second, "вопрос Олега", OTHER)
    for number, ticket in enumerate((one, two, three), 1):
        await desk.answered(ticket, f"ответ {number}")
    assert desk.sent() == [["ответ 1"], ["ответ 2"], ["ответ 3"]]
    return one, two, three


def cards_of(desk: Desk, *tickets: int) -> list[int]:
    cards = [desk.state.conversations[each].customer_id for each in tickets]
    return [each for each in cards if each is not None]


async def begun(desk: Desk, card: int, words: str) -> int:
    ticket = desk.state.new_conversation(f"<div>{words}</div>", customer_id=card, kind="chat")
    await desk.quiet()
    return ticket


async def settled(desk: Desk) -> None:
    await desk.quiet()
    await asyncio.sleep(120.0)
    await desk.quiet()


async def relinked(bridge: Bridge) -> None:
    await bridge.stop()
    lose(bridge)
    await relink(bridge)
    bridge.start()
    await bridge.quiet()


def backup_of(bridge: Bridge, copy: Path) -> Path:
    back_up(bridge.settings.store.path, copy, overwrite=True, now=bridge.our_now())
    return copy


async def restored(bridge: Bridge, copy: Path) -> None:
    await bridge.stop()
    with replacing(copy, bridge.settings.store.path) as ready:
        commit(ready, bridge.our_now())
    bridge.start()
