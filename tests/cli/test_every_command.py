"""Every command with every value that somebody may type: a sentence and an exit code, never a traceback.

The commands, their arguments and their options are read from click, so a new one is tried without being named here.
"""

from __future__ import annotations

import io
import socket
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import click
import pytest

from maxbridge import cli
from maxbridge.config.settings import SECTIONS
from maxbridge.core.errors import ExitCode
from maxbridge.store.inbox import NewUpdate
from maxbridge.store.store import Store

USAGE = 2
CODES = {USAGE, *map(int, ExitCode)} - {ExitCode.SOFTWARE}
VALUES = {
    "empty": "",
    "blank": " ",
    "minus one": "-1",
    "zero": "0",
    "beyond 64 bits": "99999999999999999999",
    "beyond them, below zero": "-99999999999999999999",
    "the largest": "9223372036854775807",
    "one too many": "9223372036854775808",
    "more digits than Python converts": "9" * 5000,
    "id beyond 64 bits": "in-99999999999999999999",
    "id": "out-1",
    "nan": "nan",
    "infinity": "inf",
    "beyond a float": "1e400",
    "date that no clock has": "9999-12-31T23:59:59+00:00",
    "first date": "0001-01-01",
    "Arabic digit": "٣",
    "turned around": "\u202eнави\u200b\u3164",
    "colour": "\x1b[31mred\x1b[0m\r",
    "no UTF-8": "\udcff\udc80",
    "patterns": "%s %(x)s {0} {x} $HOME `id` *",
    "long": "ж" * 100_000,
    "nowhere": "nonexistent/folder/file",
    "nowhere that root could make": "/proc/nonexistent/file",
    "folder": ".",
    "file of something else": "else.txt",
    "below a file": "else.txt/x",
    "long name": "/" + "n" * 300,
}


@dataclass(frozen=True)
class Place:
    """Where a value may stand: the command, what stands before it, and what behind it."""

    path: tuple[str, ...]
    name: str
    before: tuple[str, ...]
    after: tuple[str, ...]

    def line(self, value: str) -> list[str]:
        if self.before and self.before[-1].startswith("--"):
            return [*self.path, *self.before, value, *self.after]
        return [*self.path, *self.after, "--", *self.before, value]


def commands(
    group: click.Group, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """All that can be run, with the words that lead to it."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


GOOD = {"ID": "out-1", "CHAT": "5", "CONVERSATION": "31", "FILE": "copy.db", "OLD": "old.db"}
"""A value for each argument that must be there while another one is tried."""


def places() -> list[Place]:
    found = []
    for path, command in commands(cli.cli):
        if isinstance(command, click.Group):
            continue
        arguments = [each for each in command.params if isinstance(each, click.Argument)]
        names = [(each.metavar or each.name or "").upper().rstrip(".") for each in arguments]
        yes = ("--yes",) if any("--yes" in each.opts for each in command.params) else ()
        good = tuple(GOOD.get(name, "bash") for name in names)
        for number, name in enumerate(names):
            found.append(Place(path, name, good[:number], yes))
            assert number == len(names) - 1 or good[number + 1 :]
        found += [
            Place(path, option.opts[0], (option.opts[0],), (*yes, *good))
            for option in command.params
            if isinstance(option, click.Option) and not option.is_flag
        ]
    return found


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a store and settings whose ends refuse every connection at once."""
    store = tmp_path / "m.db"
    journal = Store(store)
    journal.dialogs.ensure(5, 50, 1.0)
    journal.inbox.ingest([NewUpdate("message_created:mid.1", "message_created", "{}", 5)], 1, 1.0)
    journal.close()
    with socket.socket() as taken:  # nobody listens behind it once it is closed
        taken.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{taken.getsockname()[1]}"
    config = tmp_path / "config.toml"
    config.write_text(
        f'[max]\ntoken = "abcdefghijkl"\napi_url = "{nobody}"\n'
        f'[freescout]\nurl = "{nobody}"\napi_key = "abcdefghijkl"\nmailbox_id = 1\nuser_id = 1\n'
        f'[store]\npath = "{store}"\n'
    )
    (tmp_path / "else.txt").write_text("какой-то файл\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    # Never a file of the machine's own, whoever runs the tests.
    monkeypatch.setenv("MAXBRIDGE_CONFIG", str(config))
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    return tmp_path


def ends_well(line: Sequence[str], capsys: pytest.CaptureFixture[str]) -> int:
    code = cli._run(line)
    out, err = capsys.readouterr()
    shown = [each[:80] for each in line]
    bugs = [each.read_text() for each in Path().rglob("maxbridge-bug-*.txt")]
    assert not bugs, (shown, bugs[0])
    assert code in CODES, (shown, code, err)
    assert "Traceback" not in out + err, (shown, err)
    assert "\x1b" not in err, (shown, err)
    assert code in (0, 2) or err or out, shown
    assert len(err) < 5000, (shown, err[:200])
    return code


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
@pytest.mark.usefixtures("world")
def test_whatever_is_typed_gets_a_sentence(value: str, capsys: pytest.CaptureFixture[str]) -> None:
    for place in places():
        ends_well(place.line(value), capsys)
        # As people type it, with nothing before it that says "no option".
        if not place.before:
            ends_well([*place.path, value, *place.after], capsys)


def test_every_command_was_found() -> None:
    found = {place.path for place in places()}
    assert found >= {
        ("run",), ("status",), ("check",), ("init",), ("config", "show"), ("queue", "drop"),
        ("dialogs", "link"), ("backup",), ("restore",), ("relink",), ("import",), ("demo",),
        ("completion",),
    }  # fmt: skip
    assert {place.name for place in places()} >= {
        "CHAT",
        "CONVERSATION",
        "ID",
        "--limit",
        "--since",
    }


SETTINGS = [(section, each.name) for section, cls in SECTIONS.items() for each in fields(cls)]


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
@pytest.mark.usefixtures("world")
def test_whatever_a_setting_says_is_told_in_a_sentence(
    value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for section, key in SETTINGS:
        variable = f"MAXBRIDGE_{section}__{key}".upper()
        monkeypatch.setenv(variable, value)
        for line in (["config", "show"], ["config", "show", "--json"]):
            ends_well(line, capsys)
        if section == "store":
            for line in (["status"], ["queue", "list"], ["backup", "copy.db"]):
                ends_well(line, capsys)
        monkeypatch.delenv(variable)


@pytest.mark.parametrize(
    "text",
    [
        "\0", "[max", "[max]\ntoken = " + "9" * 5000, "a = " + "[" * 3000, "[store]\npath = 9",
        '[store]\npath = "\\u0000"', '[store]\npath = "a\\u0000b.db"', "[store]\nkeep_ids_days = 1e999",
        "[store]\nkeep_ids_days = " + "9" * 400, "[freescout]\npoll_interval = nan",
        "[freescout]\nmailbox_id = 99999999999999999999", "[max]\nmax_file_mb = " + "9" * 400,
        '[max]\ntoken_file = "\\u0000"', '[max]\ntoken_file = "/"', "store = 1", "[[store]]\npath = 'x'",
    ],
    ids=range(16),
)  # fmt: skip
def test_whatever_stands_in_the_configuration_is_told_in_a_sentence(
    world: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (world / "config.toml").write_text(text)
    commands = (["config", "show"], ["status"], ["queue", "list"], ["run"], ["relink"], ["check"])
    for line in commands:
        assert ends_well(line, capsys) != 0 or line[0] in ("status", "queue")
