"""demo.stage: it waits for what must be true, and says what did not arrive instead of accusing the bridge."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import AsyncIterator, Iterator

import pytest

from logged import Lines, logging_to
from maxbridge.demo import patience
from maxbridge.demo.stage import CUSTOMER, DemoError, Stage, stage
from maxbridge.sim.faults import Fault
from maxbridge.sim.max import MaxSim


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What never comes is given up after two seconds without any change."""
    monkeypatch.setattr(patience, "QUIET", 40)
    monkeypatch.setattr("maxbridge.demo.stage.TOLD", 10)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No undo window: replies leave at once."""
    monkeypatch.setattr("maxbridge.demo.stage.UNDO_WINDOW", 0.0)


@pytest.fixture(autouse=True)
def lines() -> Iterator[Lines]:
    yield from logging_to()


@contextlib.asynccontextmanager
async def played(language: str = "en") -> AsyncIterator[tuple[Stage, list[str]]]:
    remarks: list[str] = []
    async with stage(language, lambda *_: None, remarks.append) as one:
        yield one, remarks


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize(
    ("language", "named"),
    [
        ("en", "the customer's message “Hello! Where is it?” has not arrived at FreeScout."),
        ("ru", "сообщение клиента «Hello! Where is it?» не дошло до FreeScout."),
    ],
)
async def test_a_message_that_does_not_arrive_is_named(language: str, named: str) -> None:
    async with played(language=language) as (one, remarks):
        one.desk_line.add(Fault("refuse", times=None))
        one.customer_says("Hello! Where is it?")
        with pytest.raises(DemoError) as caught:
            await one.delivered()
    assert str(caught.value).startswith(named)
    assert re.search(r"desk_\w+: desk\.dropped", str(caught.value))
    assert len(remarks) == 1
    assert "Hello! Where is it?" in remarks[0]


@pytest.mark.usefixtures("soon", "at_once")
async def test_a_reply_that_does_not_arrive_is_named() -> None:
    async with played() as (one, _):
        one.customer_says("Hello!")
        await one.delivered()
        one.desk_line.add(Fault("status", method="GET", path="/api/conversations/*", times=None))
        one.agent_replies("Good day! " * 20)
        with pytest.raises(DemoError) as caught:
            await one.delivered()
    named = "the agent's reply “Good day! Good day! "
    assert str(caught.value).startswith(named)
    assert "…” has not reached the customer in MAX." in str(caught.value)


async def test_a_message_of_the_first_moment_arrives_however_busy_the_start_is() -> None:
    async with played() as (one, _):
        one.customer_says("at once")
        one.customer_says("and again")
        await one.delivered()
        assert [each.text for each in one.said] == ["at once", "and again"]


@pytest.mark.parametrize("ahead", [3600.0, -3600.0])
async def test_nor_does_it_matter_that_max_goes_by_another_clock(
    ahead: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over the network: MAX's time comes from the header Date."""
    monkeypatch.setattr(
        "maxbridge.demo.stage.MaxSim", lambda now: MaxSim(now=lambda: now() + ahead)
    )
    start = Stage.start

    async def late(one: Stage) -> None:
        one.max.state.say(CUSTOMER, "before the bridge")
        event = one.max.state.queue.waiting()[0]
        event["timestamp"] = event["message"]["timestamp"] = int(
            (time.time() + ahead - 600.0) * 1000
        )
        await start(one)

    monkeypatch.setattr(Stage, "start", late)
    async with played() as (one, _):
        one.customer_says("at once")
        await one.delivered()
        bodies = " ".join(each.body or "" for each in one.desk.state.threads.values())
        assert "at once" in bodies
        assert "before the bridge" not in bodies


async def test_what_is_undone_is_not_waited_for() -> None:
    async with played() as (one, _):
        one.customer_says("Hello!")
        await one.delivered()
        one.agent_undoes(one.agent_replies("wrong customer"))
        one.agent_replies("right one")
        await one.delivered()
        assert one.received() == ["right one"]


@pytest.mark.usefixtures("at_once")
async def test_what_the_bridge_refuses_is_said_at_once() -> None:
    async with played() as (one, _):
        one.customer_says("Hello!")
        await one.delivered()
        one.agent_replies("\u200b")
        with pytest.raises(DemoError, match="the bridge has given up: the agent's reply"):
            await one.delivered()


async def test_a_bridge_that_has_ended_is_not_waited_for() -> None:
    async with played() as (one, _):
        assert one._daemon is not None
        one._daemon.stop.set()
        one.customer_says("Hello!")
        with pytest.raises(DemoError, match="the bridge has ended by itself"):
            await one.delivered()


async def test_a_full_disk_is_named_at_once() -> None:
    async with played() as (one, _):
        assert one._store is not None
        one._store.db.rows("PRAGMA max_page_count = 1", ())
        one.customer_says("long " * 20_000)
        with pytest.raises(DemoError, match=r"cannot be written \(store\.full\)"):
            await one.delivered()


async def test_a_closed_terminal_ends_it_and_no_request_fails_by_it() -> None:
    def gone(*_: str) -> None:
        raise BrokenPipeError

    async with played() as (one, _):
        one.customer_says("Hello!")
        one.told = gone
        with pytest.raises(BrokenPipeError):
            await one.delivered()
        assert all(each.status < 500 for each in one.desk.requests)
