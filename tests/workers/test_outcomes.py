"""One line for each delivery: whatever becomes of it, the log says so once, with its ids and no words."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bridge import OTHER, Bridge, running
from logged import Lines, logging_to
from maxbridge.core.delivery import PENDING, Outcome, State
from maxbridge.core.parts import Part
from maxbridge.observe.health import LEVELS
from virtual_time import virtual

ENDS = ("delivered", "ignored", "bounced", "held", "parked")
WORDS = "секретные слова клиента"


@pytest.fixture
def lines() -> Iterator[Lines]:
    yield from logging_to()


def told(lines: Lines) -> list[dict[str, Any]]:
    """All lines about ends of deliveries."""
    return [row for event in ENDS for row in lines.of(event)]


def stored(bridge: Bridge) -> dict[str, tuple[str, int | None]]:
    """How each delivery ended, by the store."""
    assert bridge.journal is not None
    tables = bridge.journal.db.tables
    ends = {}
    for prefix, model in (("in", tables.inbox), ("out", tables.outbox)):
        for row in model.select():
            if row.state not in PENDING:
                word = "delivered" if row.state == State.DONE else row.state
                ends[f"{prefix}-{row.id}"] = (word, row.chat_id)
    return ends


@virtual
async def test_each_delivery_of_a_busy_day_is_one_line(tmp_path: Path, lines: Lines) -> None:
    async with running(tmp_path, greeting="Здравствуйте!") as bridge:
        bridge.max.state.person(OTHER, "Олег", "Тестов")
        bridge.max.state.start(OTHER)
        for number in range(3):
            bridge.say(f"{WORDS} {number}")
        await bridge.until(bridge.tickets)
        await bridge.quiet()
        bridge.reply(1, f"<div>{WORDS}</div>")
        await bridge.quiet()
        # Refused for good: bounced, with a note.
        bridge.refuse_sends("Message text is too long")
        bridge.reply(1, "<div>раз</div>")
        await bridge.quiet()
        # In doubt: the answer is lost, the look-up finds it.
        bridge.break_max("drop_after", method="POST", path="/messages")
        bridge.reply(1, "<div>два</div>")
        # Refused by the desk: held.
        bridge.break_desk(
            "status", method="POST", path="/api/conversations/1/threads", status=400,
            body={"message": "Bad Request", "errorCode": "BAD REQUEST", "_embedded": {"errors": []}},
            times=2,
        )  # fmt: skip
        bridge.break_desk("status", method="POST", path="/api/conversations", status=400,
                          body={"message": "Bad Request"})  # fmt: skip
        bridge.say("не принято")
        await bridge.quiet()
        # Nobody has to see it.
        bridge.max.state.stop(OTHER)
        await bridge.quiet()
        ends = stored(bridge)
    rows = told(lines)
    assert {row["item"]: row["event"] for row in rows} == {
        name: word for name, (word, _) in ends.items()
    }
    assert Counter(row["item"] for row in rows).most_common(1)[0][1] == 1
    assert {row["event"] for row in rows} == {"delivered", "bounced", "held", "ignored"}
    assert {row["kind"] for row in rows} == {"message", "reply", "note", "greeting", "event"}
    for row in rows:
        assert row["level"] == LEVELS[_state(row["event"])]
        assert row["direction"] == row["item"].partition("-")[0]
        assert row["seconds"] >= 0
        assert row["chat"] == ends[row["item"]][1]
    # Every line that speaks of customers names them by their ids alone.
    assert WORDS not in lines.text()
    assert "Марина" not in lines.text()
    reply = next(row for row in rows if row["kind"] == "reply" and row["event"] == "delivered")
    assert {"ticket", "thread", "mid", "tries", "seconds"} <= set(reply)
    message = next(row for row in rows if row["kind"] == "message")
    assert {"ticket", "thread", "key", "tries", "seconds"} <= set(message)


def _state(event: str) -> State:
    return State.DONE if event == "delivered" else State(event)


@virtual
async def test_a_bug_is_critical_and_its_item_is_held_in_one_line(
    tmp_path: Path, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path) as bridge:
        assert bridge.daemon is not None

        async def bug(*_: Any) -> None:
            raise LookupError(WORDS)

        monkeypatch.setattr(bridge.daemon.desk_writer._channel._messages, "prepare", bug)
        bridge.say(WORDS)
        await bridge.until(lambda: lines.of("held"))
        await asyncio.sleep(60)
    (line,) = lines.of("bug: item held")
    assert (line["level"], line["error"], line["item"]) == ("critical", "LookupError", "in-1")
    (held,) = lines.of("held")
    assert (held["level"], held["error"], held["item"]) == ("error", "internal", "in-1")
    assert WORDS not in lines.text()


@virtual
async def test_what_is_undone_is_not_told_and_not_counted(tmp_path: Path, lines: Lines) -> None:
    async with running(tmp_path) as bridge:
        journal, daemon = bridge.journal, bridge.daemon
        assert journal is not None
        assert daemon is not None
        bridge.say("слово")
        await bridge.quiet()
        before = len(told(lines))

        def hold_in_vain() -> None:
            with journal.db.transaction():
                journal.inbox.decide(1, Outcome.BUG, error="x", now=bridge.our_now())
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            hold_in_vain()
        assert len(told(lines)) == before
        with journal.db.transaction():
            with pytest.raises(ZeroDivisionError):
                hold_in_vain()
            assert len(told(lines)) == before
            journal.outbox.add("tell:5:1", 5, [Part("x")], now=bridge.our_now())
            journal.outbox.decide(1, Outcome.BUG, error="y", now=bridge.our_now())
            assert len(told(lines)) == before, "not before it is on disk"
        (held,) = lines.of("held")
        assert (held["item"], held["kind"], held["error"]) == ("out-1", "notice", "y")
        assert daemon.counters.ended["out", "notice", "held"] == 1
        assert daemon.counters.ended["in", "message", "held"] == 0


@virtual
async def test_a_configuration_that_is_wrong_is_an_error_and_an_outage_a_warning(
    tmp_path: Path, lines: Lines
) -> None:
    async with running(tmp_path) as bridge:
        bridge.break_max("refuse", times=None)
        await bridge.until(lambda: lines.of("trouble"), 120)
        bridge.desk.key = "another"
        await bridge.until(lambda: len(lines.of("trouble")) > 1, 120)
        levels = {row["error"]: row["level"] for row in lines.of("trouble")}
        assert levels == {"max.unreachable": "warning", "desk.unauthorized": "error"}
        assert bridge.daemon is not None
        calls = bridge.daemon.counters.calls
        assert calls["max", "max.unreachable"] > 0
        assert calls["desk", "desk.unauthorized"] > 0
        assert calls["max", "ok"] > 0
        assert calls["desk", "ok"] > 0
