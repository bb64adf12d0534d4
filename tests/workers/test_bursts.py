"""What one person sends at once: in one thread, in order, each message marked, none lost or doubled."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from bridge import Bridge, running
from maxbridge.core.markup import marked_keys
from virtual_time import virtual

THREADS = "/api/conversations/*/threads"


def many(count: int, first: int = 1) -> list[str]:
    return [f"сообщение {number:03}" for number in range(first, first + count)]


def said_in(bridge: Bridge, ticket: int = 1) -> list[list[str]]:
    """The numbered messages of each thread of a ticket."""
    return [re.findall(r"сообщение \d+", body) for body in bridge.bodies(ticket)]


def flat(rows: list[list[str]]) -> list[str]:
    return [each for row in rows for each in row]


@pytest.mark.parametrize(
    ("count", "threads"),
    [
        (1, [1]),
        (3, [1, 1, 1]),
        (4, [4]),
        (50, [50]),
        (51, [50, 1]),
        (120, [50, 50, 20]),
    ],
)
@virtual
async def test_what_waits_goes_together(tmp_path: Path, count: int, threads: list[int]) -> None:
    async with running(tmp_path) as bridge:
        mids = [bridge.say(each) for each in many(count)]
        await bridge.quiet()
        rows = said_in(bridge)
        assert flat(rows) == many(count)
        assert list(map(len, rows)) == threads
        assert [key for body in bridge.bodies(1) for key in marked_keys(body)] == mids
