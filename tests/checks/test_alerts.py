"""What `check` says of [alerts]: it runs no command, gives no sign of life, writes to nobody."""

from __future__ import annotations

from pathlib import Path

import pytest

from check_world import World
from maxbridge.checks.records import Outcome
from maxbridge.sim.faults import Fault

USER = 410000017


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def alerts(world: World, **values: object) -> None:
    world.settings["alerts"] = dict(values)


async def test_without_alerts_nothing_is_said_of_them(world: World) -> None:
    assert not [name for name in await world.check() if name.startswith("alerts.")]


async def test_a_command_that_is_there_is_not_run(world: World, tmp_path: Path) -> None:
    program = tmp_path / "tell"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    program.chmod(0o755)
    alerts(world, command=[str(program), "x"])
    found = (await world.check())["alerts.command"]
    # Folders of tests are where a service may run nothing.
    assert found.outcome in (Outcome.OK, Outcome.WARNING)
    assert not (tmp_path / "ran").exists()
    alerts(world, command=["/bin/true"])
    assert (await world.check())["alerts.command"].outcome is Outcome.OK
    alerts(world, command=["/bin/nonexistent"])
    found = (await world.check())["alerts.command"]
    assert (found.outcome, "ls -l" in found.remedy) == (Outcome.WRONG, True)


async def test_the_chat_is_asked_about_and_not_written_to(world: World) -> None:
    world.max.state.person(USER, "Ира")
    world.max.state.start(USER)
    alerts(world, max_chat=world.max.state.people[USER].chat_id)
    found = (await world.check())["alerts.max_chat"]
    assert (found.outcome, "Ира" in found.words) == (Outcome.OK, True)
    assert {each.method for each in world.max.requests} == {"GET"}
    alerts(world, max_chat=5)
    found = (await world.check())["alerts.max_chat"]
    assert (found.outcome, "dialogs list" in found.remedy) == (Outcome.WRONG, True)
    world.max_line.add(Fault("status", path="/chats/*", status=503, times=None))
    assert (await world.check())["alerts.max_chat"].outcome is Outcome.WRONG
    world.settings["max"]["token"] = ""
    assert (await world.check())["alerts.max_chat"].outcome is Outcome.SKIPPED


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"command": ["tell"]}, "must begin with the full path of a program"),
        ({"command": "tell --to ops"}, "must begin with the full path of a program"),
        ({"command": ["/bin/x", "a\0b"]}, "zero byte"),
        ({"ping_url": "hc-ping.com/5c1f"}, "must be an address like https://hc-ping.com/"),
        ({"ping_url": "ftp://hc-ping.com/5c1f"}, "must be an address like"),
        ({"after_minutes": 0}, "must be 1 or more"),
        ({"max_chat": "x"}, "must be a number"),
        ({"telegram": "x"}, "there is no such key"),
    ],
)
async def test_what_cannot_be_meant_is_a_sentence(
    world: World, values: dict[str, object], told: str
) -> None:
    alerts(world, **values)
    found = (await world.check())["config.values"]
    assert found.outcome is Outcome.WRONG
    assert told in found.remedy
    assert "5c1f" not in found.remedy


async def test_away_without_hours_is_told(world: World) -> None:
    world.settings["texts"] = {"away": "Мы ответим {until}."}
    assert (await world.check())["config.hours"].outcome is Outcome.WARNING
    world.settings["hours"] = {"monday": "09:00-18:00"}
    assert "config.hours" not in await world.check()


@pytest.mark.parametrize(
    ("texts", "words", "remedy"),
    [
        ({"rating": "yes"}, "rating asks nobody", "Write [texts] closed"),
        ({"phone_button": "Номер"}, "phone_button is never shown", "Write [texts] greeting"),
        ({"help": "Спросите"}, "help is never said", 'commands = "yes"'),
        ({"greeting": "Я {name}"}, "greeting has {name} in it", "Nothing is put into this text."),
        ({"signature": "{name}, {agent}"}, "signature has {agent} in it", "Known are: {name}."),
    ],
)
async def test_a_text_that_nobody_would_read_as_it_was_meant_is_told(
    world: World, texts: dict[str, str], words: str, remedy: str
) -> None:
    world.settings["texts"] = texts
    found = (await world.check())["config.texts"]
    assert found.outcome is Outcome.WARNING
    assert words in found.words
    assert remedy in found.remedy


async def test_texts_that_are_right_are_not_talked_about(world: World) -> None:
    world.settings["texts"] = {
        "greeting": "Здравствуйте! :-{", "phone_button": "Номер", "signature": "— {name}", "rating": "yes",
        "closed": "№ {number}", "help": "?", "commands": "yes",
    }  # fmt: skip
    world.settings["tickets"] = {"subject": "{name}: {text}"}
    assert "config.texts" not in await world.check()


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"timezone": "Europe/Moskow"}, "there is no time zone of this name. Write it as Europe/Moscow. Did you mean Europe/Moscow?"),
        ({"timezone": "../etc/passwd"}, "there is no time zone of this name"),
        ({"monday": "9 till 6"}, "9 till 6 is no time from and to"),
        ({"friday": "22:00-06:00"}, "22:00-06:00 ends before it begins"),
        ({"holidays": ["2026-02-30"]}, "2026-02-30 is no date that exists"),
        ({"holidays": ["01-08..01-01"]}, "is no range of days"),
        ({"holidays": ["x" * 10_000]}, "is no date that exists"),
        ({"montag": "9-18"}, "there is no such key"),
    ],
)  # fmt: skip
async def test_hours_that_cannot_be_are_a_sentence(
    world: World, values: dict[str, object], told: str
) -> None:
    world.settings["hours"] = dict(values)
    found = (await world.check())["config.values"]
    assert found.outcome is Outcome.WRONG
    assert told in found.remedy
    assert len(found.remedy) < 500


async def test_commands_are_set_when_that_is_wanted_and_as_the_settings_answer(
    world: World,
) -> None:
    await world.check()
    assert [each["name"] for each in world.max.methods.commands] == ["start"]
    for texts, outcome, names in (
        ({"commands": "yes", "greeting": "Привет"}, Outcome.OK, ["start", "help", "status"]),
        ({"commands": "yes"}, Outcome.OK, ["help", "status"]),
        ({}, Outcome.WARNING, []),
    ):
        world.settings["texts"] = dict(texts)
        found = (await world.check(set_commands=True))["max.commands"]
        assert found.outcome is outcome
        assert [each["name"] for each in world.max.methods.commands] == names
    world.max_line.add(Fault("status", path="/me/commands", status=503, times=None))
    assert (await world.check(set_commands=True))["max.commands"].outcome is Outcome.WRONG
