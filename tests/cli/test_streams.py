"""Where the output of a command goes: a full disk, a pipe that nobody reads, nowhere."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from command import PATIENCE, maxbridge
from maxbridge.store.store import Store

COMMAND = str(Path(sys.executable).with_name("maxbridge"))
PRINTING = [
    ("--help",),
    ("--version",),
    ("status",),
    ("status", "--json"),
    ("status", "--nagios"),
    ("queue", "list"),
    ("queue", "list", "--json"),
    ("dialogs", "list"),
    ("config", "show"),
    ("completion", "bash"),
    ("check",),
    ("backup", "copy.db"),
]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A store, and ends that refuse every connection at once."""
    Store(tmp_path / "m.db").close()
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "LANG": "C.UTF-8",
        "MAXBRIDGE_STORE__PATH": str(tmp_path / "m.db"),
        "MAXBRIDGE_MAX__TOKEN": "abcdefghijkl",
        "MAXBRIDGE_MAX__API_URL": "http://127.0.0.1:1",
        "MAXBRIDGE_FREESCOUT__URL": "http://127.0.0.1:1",
        "MAXBRIDGE_FREESCOUT__API_KEY": "abcdefghijkl",
        "MAXBRIDGE_FREESCOUT__MAILBOX_ID": "1",
        "MAXBRIDGE_FREESCOUT__USER_ID": "1",
    }


def shell(line: str, folder: Path, environment: dict[str, str]) -> tuple[int, str]:
    """Run a line of bash, with ``$M`` for the program; gives its exit code and what stderr got."""
    done = subprocess.run(
        ["/bin/bash", "-c", line],
        capture_output=True, text=True, check=False, cwd=folder, env=environment | {"M": COMMAND},
        timeout=PATIENCE,
    )  # fmt: skip
    return done.returncode, done.stderr


@pytest.mark.parametrize("command", PRINTING, ids=" ".join)
def test_a_full_disk_behind_stdout_is_a_sentence(
    tmp_path: Path, environment: dict[str, str], command: tuple[str, ...]
) -> None:
    code, told = shell(f"$M {' '.join(command)} > /dev/full", tmp_path, environment)
    assert told == "maxbridge: The output cannot be written: No space left on device.\n"
    assert code == 74


@pytest.mark.parametrize("command", PRINTING[::3], ids=" ".join)
def test_a_reader_who_has_gone_ends_a_command_quietly(
    tmp_path: Path, environment: dict[str, str], command: tuple[str, ...]
) -> None:
    """As SIGPIPE would, so that a shell and its ``pipefail`` know what it was."""
    # The reader is gone for certain: only the writing side of the pipe is open when the command starts.
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [COMMAND, *command],
        stdout=write, stderr=subprocess.PIPE, text=True, check=False, cwd=tmp_path, env=environment,
        timeout=PATIENCE,
    )  # fmt: skip
    os.close(write)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize(
    "command",
    [("status",), ("backup", "copy.db")],
    ids=" ".join,
)
def test_closed_streams_change_neither_the_work_nor_the_exit_code(
    tmp_path: Path, environment: dict[str, str], command: tuple[str, ...], closed: str
) -> None:
    line = f"$M {' '.join(command)}"
    expected, _ = shell(line, tmp_path, environment)
    (tmp_path / "copy.db").unlink(missing_ok=True)
    code, told = shell(f"{line} {closed}", tmp_path, environment)
    assert (code, told) == (expected, "")
    # Whatever was printed, the database was not opened as the stream that was closed.
    assert (tmp_path / "m.db").read_bytes().startswith(b"SQLite format 3\0")


def test_a_question_that_nobody_can_answer_changes_nothing(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    journal = Store(tmp_path / "m.db")
    journal.notes.add("held:thread:7:0", 5, 31, "дошло ли?", 2.0)
    journal.close()
    for closed in ("<&-", "</dev/null"):
        code, told = shell(f"$M queue drop in-1 {closed}", tmp_path, environment)
        assert code == 130
        assert "Nobody answers, so nothing is changed; --yes does it without asking." in told
    assert "in-1" in maxbridge("queue", "list", cwd=tmp_path, environment=environment).stdout


def test_an_answer_in_another_encoding_is_no_bug(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    code, told = shell(
        r"printf '\377\376\n' | $M init --config my.toml --freescout-url x.example.ru",
        tmp_path,
        {each: value for each, value in environment.items() if "TOKEN" not in each},
    )
    assert code == 130
    assert "Traceback" not in told
    assert "bug" not in told


def test_nobody_to_tell_is_no_reason_to_fail(tmp_path: Path, environment: dict[str, str]) -> None:
    code, told = shell("$M queue show in-9 2> /dev/full", tmp_path, environment)
    assert (code, told) == (1, "")
