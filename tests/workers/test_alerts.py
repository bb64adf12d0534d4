"""Alerts on virtual time: one when a trouble has lasted, one when it is over, by the way that is left."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bridge import OTHER, USER, Bridge, running
from logged import Lines, logging_to
from maxbridge.config.settings import AlertSettings, Secret
from maxbridge.core.errors import Failure, Kind
from maxbridge.i18n import EN, RU
from virtual_time import virtual

PING = "https://hc.example/5c1f"
COMMAND = ("/usr/local/bin/tell", "--to", "ops")
HOUR = 3600.0


@pytest.fixture
def lines() -> Iterator[Lines]:
    yield from logging_to()


def wanted(bridge: Bridge, **more: Any) -> dict[str, Any]:
    return {"ping_url": Secret(PING), "command": COMMAND, **more}


async def watched(tmp_path: Path, *, chat: bool = True, **more: Any) -> Bridge:
    """A bridge whose administrator has written to the bot and wants to be told in every way."""
    bridge = Bridge(tmp_path, ping_url=Secret(PING), command=COMMAND, **more)
    bridge.max.state.person(OTHER, "Админ")
    bridge.max.state.start(OTHER)
    if chat:
        alerts = replace(bridge.settings.alerts, max_chat=bridge.chat(OTHER))
        bridge.settings = replace(bridge.settings, alerts=alerts)
    bridge.start()
    await asyncio.sleep(200.0)
    return bridge


def told(bridge: Bridge) -> list[tuple[str, str]]:
    """What the command was told: trouble and state."""
    return [(each["ALERT"], each["ALERT_STATE"]) for _, _, each in bridge.commands]


def first_words(bridge: Bridge) -> list[str]:
    return [each.split(" ")[0] + " " + each.split(" ")[1] for each in bridge.sent(OTHER)]


def repair(bridge: Bridge) -> None:
    bridge.desk_line.faults.clear()
    bridge.max_line.faults.clear()


@virtual
async def test_a_desk_that_is_away_is_told_once_in_max_and_so_is_its_return(tmp_path: Path) -> None:
    bridge = await watched(tmp_path)
    bridge.break_desk("refuse", times=None)
    bridge.say("тайна")
    await asyncio.sleep(280.0)
    assert bridge.sent(OTHER) == []
    await asyncio.sleep(100.0)
    (words,) = bridge.sent(OTHER)
    assert words.startswith("🔴 FreeScout не отвечает уже 5 мин. (desk.")
    await asyncio.sleep(3 * HOUR)
    assert bridge.sent(OTHER) == [words]
    repair(bridge)
    await asyncio.sleep(600.0)
    (over,) = bridge.sent(OTHER)[1:]
    assert re.fullmatch(r"🟢 FreeScout снова отвечает. Перерыв длился 1[89]\d мин\.", over)
    assert told(bridge) == [("desk", "begun"), ("desk", "over")]
    assert bridge.commands[0][0] == COMMAND
    assert bridge.commands[0][1] == words
    assert not [each for each in bridge.commands if "тайна" in repr(each)]
    await bridge.stop()


@virtual
async def test_a_max_that_is_away_is_told_by_the_command_and_in_max_when_it_is_back(
    tmp_path: Path,
) -> None:
    bridge = await watched(tmp_path)
    bridge.break_max("refuse", times=None)
    await asyncio.sleep(HOUR)
    assert told(bridge) == [("max", "begun")]
    repair(bridge)
    await asyncio.sleep(600.0)
    assert told(bridge) == [("max", "begun"), ("max", "over")]
    (words,) = bridge.sent(OTHER)
    assert words.startswith("🟢 MAX снова отвечает")
    await bridge.stop()


@virtual
async def test_the_sign_of_life_comes_every_minute_while_all_is_well(tmp_path: Path) -> None:
    bridge = await watched(tmp_path, chat=False)
    bridge.pings.clear()
    await asyncio.sleep(600.0)
    apart = [after - before for before, after in zip(bridge.pings, bridge.pings[1:], strict=False)]
    assert len(bridge.pings) >= 9
    assert set(map(round, apart)) == {60}
    bridge.break_desk("refuse", times=None)
    await asyncio.sleep(400.0)
    bridge.pings.clear()
    await asyncio.sleep(HOUR)
    assert bridge.pings == []
    repair(bridge)
    await asyncio.sleep(600.0)
    assert len(bridge.pings) >= 4
    await bridge.stop()
    count = len(bridge.pings)
    await asyncio.sleep(200.0)
    assert len(bridge.pings) == count


@virtual
async def test_when_both_are_away_max_tells_nothing_that_is_over(tmp_path: Path) -> None:
    bridge = await watched(tmp_path)
    bridge.break_desk("refuse", times=None)
    bridge.break_max("refuse", times=None)
    await asyncio.sleep(HOUR)
    assert sorted(told(bridge)) == [("desk", "begun"), ("max", "begun")]
    bridge.desk_line.faults.clear()
    await asyncio.sleep(600.0)
    bridge.max_line.faults.clear()
    await asyncio.sleep(600.0)
    assert first_words(bridge) == ["🟢 MAX"]
    await bridge.stop()


@virtual
async def test_a_restart_tells_nothing_twice(tmp_path: Path) -> None:
    bridge = await watched(tmp_path)
    bridge.break_desk("refuse", times=None)
    await asyncio.sleep(600.0)
    for _ in range(3):
        await bridge.kill()
        bridge.start()
        await asyncio.sleep(900.0)
    assert told(bridge) == [("desk", "begun")]
    assert len(bridge.sent(OTHER)) == 1
    repair(bridge)
    await asyncio.sleep(600.0)
    assert told(bridge) == [("desk", "begun"), ("desk", "over")]
    assert len(bridge.sent(OTHER)) == 2
    await bridge.stop()


@virtual
async def test_restarts_within_a_trouble_do_not_keep_it_from_being_told(tmp_path: Path) -> None:
    """As where the host runs out of memory again and again."""
    bridge = await watched(tmp_path)
    bridge.break_desk("refuse", times=None)
    for _ in range(4):
        await asyncio.sleep(200.0)
        await bridge.kill()
        bridge.start()
    assert told(bridge) == [("desk", "begun")]
    assert len(bridge.sent(OTHER)) == 1
    repair(bridge)
    await asyncio.sleep(600.0)
    assert told(bridge) == [("desk", "begun"), ("desk", "over")]
    # A short one of before a restart is forgotten when it is over, and counts for no later one.
    bridge.break_desk("refuse", times=None)
    await asyncio.sleep(200.0)
    await bridge.kill()
    repair(bridge)
    bridge.start()
    await asyncio.sleep(200.0)
    bridge.break_desk("refuse", times=None)
    await asyncio.sleep(200.0)
    assert len(told(bridge)) == 2
    await bridge.stop()


@virtual
async def test_who_reaches_nobody_and_starts_again_and_again_gives_no_sign_of_life(
    tmp_path: Path,
) -> None:
    bridge = await watched(tmp_path)
    bridge.break_max("refuse", times=None)
    await bridge.kill()
    bridge.start()
    bridge.pings.clear()
    for _ in range(10):
        await asyncio.sleep(25.0)
        await bridge.kill()
        bridge.start()
    assert bridge.pings == []
    repair(bridge)
    await asyncio.sleep(120.0)
    assert bridge.pings
    await bridge.stop()


@virtual
async def test_what_is_held_asks_for_a_decision_once(tmp_path: Path) -> None:
    bridge = await watched(tmp_path)
    bridge.break_desk("status", method="POST", status=400, body={"message": "no"}, times=None)
    bridge.say("тайна")
    await asyncio.sleep(2 * HOUR)
    assert ("held", "begun") in told(bridge)
    assert bridge.sent(OTHER)[0] == RU.alert_held.format(detail=1)
    repair(bridge)
    assert bridge.journal is not None
    for each in bridge.journal.health.snapshot().held:
        bridge.journal.inbox.retry(int(each.name[3:]), anyway=False, now=bridge.our_now())
    await asyncio.sleep(600.0)
    assert ("held", "over") in told(bridge)
    await bridge.stop()


@virtual
async def test_a_database_that_cannot_be_written_is_told_by_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bridge = await watched(tmp_path)
    assert bridge.journal is not None

    def full(*_: object, **__: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(bridge.journal.health, "write", full)
    monkeypatch.setattr(bridge.journal.alerts, "tell", full)
    await asyncio.sleep(HOUR)
    assert told(bridge) == [("store", "begun")]
    monkeypatch.undo()
    await asyncio.sleep(600.0)
    assert told(bridge) == [("store", "begun"), ("store", "over")]
    assert bridge.sent(OTHER) == [] or first_words(bridge)[-1] == "🟢 База"
    await bridge.stop()


@virtual
async def test_a_way_that_fails_is_one_line_and_a_trouble_of_status(
    tmp_path: Path, lines: Lines
) -> None:
    bridge = await watched(tmp_path, chat=False)
    bridge.way_fails = Failure("alerts.ping", Kind.TRANSIENT, certain=True, detail="status 404")
    await asyncio.sleep(HOUR)
    assert len([each for each in lines.of("trouble") if each["loop"] == "alerts"]) == 1
    assert PING not in lines.text()
    assert bridge.daemon is not None
    assert bridge.daemon.board.loop("alerts").record().error == "alerts.ping"
    bridge.way_fails = None
    await asyncio.sleep(200.0)
    assert bridge.daemon.board.loop("alerts").record().trouble_since is None
    await bridge.stop()


@virtual
async def test_a_reload_switches_them_on_and_off_and_changes_the_language(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        await asyncio.sleep(300.0)
        assert (bridge.pings, bridge.commands) == ([], [])
        assert bridge.daemon is not None
        on = replace(
            bridge.settings,
            alerts=AlertSettings(Secret(PING), COMMAND, after_minutes=1),
            texts=replace(bridge.settings.texts, language="en"),
        )
        bridge.daemon.reload(on)
        bridge.break_desk("refuse", times=None)
        await asyncio.sleep(300.0)
        assert told(bridge) == [("desk", "begun")]
        assert bridge.commands[0][1].startswith(EN.alert_desk[:10])
        bridge.daemon.reload(bridge.settings)
        bridge.commands.clear()
        repair(bridge)
        await asyncio.sleep(900.0)
        assert bridge.commands == []
        assert bridge.daemon.watch.stuck == frozenset()


@virtual
async def test_an_administrator_who_is_a_customer_too_reads_both_in_order(tmp_path: Path) -> None:
    bridge = await watched(tmp_path)
    bridge.say("вопрос", OTHER)
    await bridge.until(bridge.tickets)
    bridge.break_desk("refuse", method="POST", times=None)
    bridge.say("ждёт", USER)
    await asyncio.sleep(600.0)
    repair(bridge)
    await bridge.quiet()
    await asyncio.sleep(120.0)
    bridge.reply(1, "<div>ответ</div>")
    await bridge.until(lambda: bridge.sent(OTHER)[-1:] == ["ответ"], 300.0)
    assert [each[0] for each in bridge.sent(OTHER)] == ["🔴", "🟢", "о"]
    await bridge.stop()
