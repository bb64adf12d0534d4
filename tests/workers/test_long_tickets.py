"""A ticket does not grow until the desk cannot give it any more (case A5): another one follows it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge import Bridge, running
from virtual_time import virtual

MOST = 20
MIB = 1 << 20


async def say(bridge: Bridge, count: int, *, first: int = 0) -> None:
    """A customer says something, again and again; each time it is in some ticket before the next."""
    for number in range(first, first + count):
        bridge.say(f"слово {number}")
        await bridge.until(lambda: f"слово {number}" in said(bridge), 30)  # noqa: B023


def said(bridge: Bridge) -> list[str]:
    return [words for ticket in bridge.tickets() for words in bridge.words(ticket)]


@virtual
async def test_a_ticket_that_got_long_is_followed_by_one_that_names_it(tmp_path: Path) -> None:
    async with running(tmp_path, max_threads=MOST) as bridge:
        await say(bridge, MOST + 5)
        await bridge.quiet()
        assert bridge.tickets() == [1, 2]
        assert said(bridge) == [f"слово {number}" for number in range(MOST + 5)]
        assert len(bridge.bodies(1)) == MOST
        assert '<a href="http://127.0.0.1/conversation/1">1</a>' in bridge.bodies(2)[0]
        assert sum("conversation/1" in body for body in bridge.bodies(2)) == 1
        (note,) = bridge.bodies(1, "note")
        assert "conversation/2" in note

        # Replies from either reach the customer, and what they say next does not open a third one.
        bridge.reply(1, "<div>из старого</div>")
        await bridge.until(lambda: bridge.sent() == ["из старого"])
        await say(bridge, 1, first=100)
        bridge.reply(2, "<div>из нового</div>")
        await bridge.until(lambda: bridge.sent() == ["из старого", "из нового"])
        await say(bridge, 1, first=101)
        assert bridge.tickets() == [1, 2]
        assert len(bridge.bodies(1)) == MOST

        # And that one is followed in its turn.
        await say(bridge, MOST, first=200)
        await bridge.quiet()
        assert bridge.tickets() == [1, 2, 3]
        assert '<a href="http://127.0.0.1/conversation/2">2</a>' in bridge.bodies(3)[0]


@virtual
async def test_a_ticket_that_got_large_is_followed_too_and_a_batch_counts_once(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, max_mb=1) as bridge:
        for _ in range(500):
            bridge.say("ы" * 1200)
        await bridge.quiet()
        assert bridge.tickets() == [1, 2]
        letters = [sum(body.count("ы") for body in bridge.bodies(each)) for each in (1, 2)]
        assert sum(letters) == 500 * 1200
        sizes = [sum(len(body.encode()) for body in bridge.bodies(each)) for each in (1, 2)]
        assert MIB < sizes[0] < 1.5 * MIB
        assert bridge.journal is not None
        record = bridge.journal.tickets.ticket(2)
        assert record is not None
        # The store and the desk have the same number, though many messages share a thread.
        assert record.threads == len(bridge.bodies(2))
        assert len(bridge.bodies(1)) + record.threads < 300
        assert record.size == sizes[1]


@virtual
async def test_what_a_merge_brings_into_a_ticket_counts(tmp_path: Path) -> None:
    async with running(tmp_path, max_threads=MOST, reopen_days=0) as bridge:
        await say(bridge, MOST - 5)
        bridge.desk.state.set_status(1, "closed")
        await say(bridge, MOST - 5, first=50)
        assert bridge.tickets() == [1, 2]
        bridge.desk.state.merge(2, 1)
        await bridge.quiet()
        assert len(bridge.bodies(2)) == 2 * (MOST - 5)
        await say(bridge, 1, first=100)
        await bridge.quiet()
        assert len(bridge.tickets()) == 3
        bridge.reply(2, "<div>ответ</div>")
        await bridge.until(lambda: bridge.sent() == ["ответ"])


@virtual
async def test_a_database_that_does_not_know_how_long_it_is_asks_the_desk(tmp_path: Path) -> None:
    async with running(tmp_path, max_threads=MOST) as bridge:
        await say(bridge, MOST)
        assert bridge.journal is not None
        bridge.journal.db.tables.ticket.update(threads=0, size=0).execute()
        await say(bridge, 1, first=50)
        assert bridge.tickets() == [1, 2]


@pytest.mark.parametrize("off", [{"max_threads": 0}, {"max_threads": 1000}])
@virtual
async def test_below_the_bound_and_without_one_a_ticket_goes_on(
    tmp_path: Path, off: dict[str, int]
) -> None:
    async with running(tmp_path, **off) as bridge:
        await say(bridge, MOST + 5)
        assert bridge.tickets() == [1]


@virtual
async def test_spam_that_got_long_goes_on_as_spam(tmp_path: Path) -> None:
    async with running(tmp_path, max_threads=MOST) as bridge:
        await say(bridge, 1)
        bridge.desk.state.set_status(1, "spam")
        await say(bridge, MOST, first=50)
        assert bridge.tickets() == [1, 2]
        assert bridge.desk.state.conversations[2].status == "spam"
        await say(bridge, 1, first=100)
        assert bridge.tickets() == [1, 2]
