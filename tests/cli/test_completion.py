"""Completion as the shell asks for it: by the protocol, and once in a real bash."""

from __future__ import annotations

import contextlib
import io
import shutil
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest
from click.shell_completion import BashComplete, CompletionItem
from click.testing import CliRunner

from command import PATIENCE
from maxbridge.cli import COMMANDS, cli, options
from maxbridge.core.delivery import Outcome
from store_world import CHAT, NOW, open_store, receive, update
from warm import MAXBRIDGE

SQLITE_WAITS = 5.0


def offered(line: str, cwd: Path) -> list[str]:
    """What the program answers when Tab is pressed at the end of the line."""
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stderr(said):
        # A busy machine is no reason to offer nothing here.
        patch.setattr(options, "TAB_PATIENCE", PATIENCE)
        patch.chdir(cwd)
        patch.setenv("HOME", str(cwd))
        patch.setenv("COMP_WORDS", line)
        # As bash counts: an open word is the last one, after a space a new one begins.
        patch.setenv("COMP_CWORD", str(len(line.split()) - (not line.endswith(" "))))
        rows = BashComplete(cli, {}, "maxbridge", "_MAXBRIDGE_COMPLETE").complete()
    assert said.getvalue() == ""
    return [row.partition(",")[2] for row in rows.splitlines() if row]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder whose settings name a store with three items: waiting, held, waiting."""
    journal = open_store(tmp_path)
    receive(journal, *(update(str(number)) for number in (1, 2, 3)))
    journal.inbox.decide(2, Outcome.HOLD, error="x", now=NOW)
    journal.close()
    (tmp_path / "config.toml").write_text('[store]\npath = "store.db"\n')
    return tmp_path


def test_commands_and_options(tmp_path: Path) -> None:
    assert offered("maxbridge ", tmp_path) == list(COMMANDS)
    assert offered("maxbridge st", tmp_path) == ["status"]
    assert set(offered("maxbridge status --", tmp_path)) >= {"--config", "--json", "--nagios"}
    assert offered("maxbridge demo --language ", tmp_path) == ["ru", "en"]
    assert "retry" in offered("maxbridge queue ", tmp_path)
    assert offered("maxbridge completion ", tmp_path) == ["bash", "zsh", "fish"]


def test_each_command_of_the_queue_offers_what_it_can_decide(folder: Path) -> None:
    assert offered("maxbridge queue retry ", folder) == ["in-2"]
    assert offered("maxbridge queue hold ", folder) == ["in-1", "in-3"]
    assert offered("maxbridge queue drop in", folder) == ["in-1", "in-2", "in-3"]
    assert offered("maxbridge queue drop in-1 ", folder) == ["in-2", "in-3"]
    assert offered("maxbridge queue drop out", folder) == []


def test_the_settings_on_the_line_count(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (folder / "config.toml").write_text(f'[store]\npath = "{folder / "store.db"}"\n')
    line = f"maxbridge queue retry --config {folder / 'config.toml'} "
    assert offered(line, elsewhere) == ["in-2"]


def test_without_a_store_nothing_is_offered_and_nothing_said(tmp_path: Path) -> None:
    assert offered("maxbridge queue retry ", tmp_path) == []
    (tmp_path / "config.toml").write_text("this is no TOML")
    assert offered("maxbridge queue retry ", tmp_path) == []
    (tmp_path / "config.toml").write_text('[store]\npath = "config.toml"\n')
    assert offered("maxbridge queue retry ", tmp_path) == []


def test_a_locked_store_keeps_nobody_waiting(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite waits for a lock; a person at Tab does not."""
    monkeypatch.chdir(folder)
    other = sqlite3.connect(folder / "store.db", isolation_level=None)
    other.execute("PRAGMA locking_mode=EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    began = time.monotonic()
    command = cli.get_command(
        cli.make_context("maxbridge", ["queue"], resilient_parsing=True), "queue"
    )
    assert command is not None
    context = command.make_context("retry", [], resilient_parsing=True)
    found = options.from_store(context, lambda _: [CompletionItem("seen in spite of the lock")])
    assert found == []
    assert time.monotonic() - began < SQLITE_WAITS
    other.close()


def test_the_store_is_looked_at_beside_the_running_daemon(folder: Path) -> None:
    journal = open_store(folder)
    receive(journal, update("9", CHAT))
    assert offered("maxbridge queue hold ", folder) == ["in-1"]
    journal.close()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_scripts_ask_this_program(shell: str) -> None:
    done = CliRunner().invoke(cli, ["completion", shell])
    assert done.exit_code == 0
    assert f"_MAXBRIDGE_COMPLETE={shell}_complete" in done.output


def test_the_script_works_in_bash(folder: Path) -> None:
    bash = shutil.which("bash")
    assert bash is not None
    (folder / "script").write_text(
        'source <("$1" completion bash)\n'
        "COMP_WORDS=(maxbridge queue retry '') COMP_CWORD=3\n"
        # On a busy machine people press Tab again, too.
        "for again in {1..200}; do\n"
        '  _maxbridge_completion "$1"\n'
        '  [ "${#COMPREPLY[@]}" = 0 ] || break\n'
        "done\n"
        'echo "${COMPREPLY[@]}"\n'
        "complete -p maxbridge\n"
    )
    done = subprocess.run(
        [bash, "script", MAXBRIDGE], capture_output=True, text=True, check=True, cwd=folder
    )
    assert done.stdout.splitlines() == [
        "in-2",
        "complete -o nosort -F _maxbridge_completion maxbridge",
    ]
