"""status --watch by its real executable: on a terminal, in a pipe, beside a database that comes and goes."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from command import PATIENCE, start
from maxbridge.store.store import Store

COMMAND = ["status", "--watch", "0.2"]


def environment(folder: Path, **more: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"], "HOME": str(folder), "TERM": "xterm", "LANG": "C.UTF-8",
        "MAXBRIDGE_STORE__PATH": str(folder / "m.db"), "COLUMNS": "120",
    } | more  # fmt: skip


class OnTerminal:
    """The command with a terminal of its own."""

    def __init__(self, folder: Path, **more: str) -> None:
        self.master, slave = pty.openpty()
        self.process = start(
            COMMAND, stdin=slave, stdout=slave, stderr=slave, cwd=folder,
            env=environment(folder, **more), start_new_session=True,
        )  # fmt: skip
        os.close(slave)
        self.seen = ""

    def until(self, done: Callable[[str], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not done(self.seen):
            assert time.monotonic() < deadline, self.seen
            if select.select([self.master], [], [], 0.2)[0]:
                try:
                    self.seen += os.read(self.master, 65536).decode()
                except OSError:  # the other side is closed
                    return

    def end(self, number: int) -> int:
        self.process.send_signal(number)
        code = self.process.wait(PATIENCE)
        self.until(lambda seen: "\x1b[?1049l" in seen)
        return code


@contextmanager
def terminal(folder: Path, **more: str) -> Iterator[OnTerminal]:
    shown = OnTerminal(folder, **more)
    try:
        yield shown
    finally:
        shown.process.kill()
        shown.process.wait()
        os.close(shown.master)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_terminal_is_given_back_and_the_exit_code_is_the_last_verdict(
    tmp_path: Path, number: int
) -> None:
    with terminal(tmp_path) as shown:
        shown.until(lambda seen: seen.count("There is no database") >= 2)
        code = shown.end(number)
    assert code == 2
    assert "Traceback" not in shown.seen
    assert shown.seen.index("\x1b[?1049h") < shown.seen.index("There is no database")
    # The cursor is back, and the last page stays on the normal screen.
    assert "\x1b[?25h\x1b[?1049l" in shown.seen


def test_a_database_that_appears_later_is_shown(tmp_path: Path) -> None:
    with terminal(tmp_path, NO_COLOR="1") as shown:
        shown.until(lambda seen: "There is no database" in seen)
        journal = Store(tmp_path / "m.db")
        try:
            shown.until(lambda seen: "OK, starting" in seen)
        finally:
            journal.close()
        shown.until(lambda seen: "the daemon is not running" in seen)
        assert shown.end(signal.SIGINT) == 2
    assert "\x1b[1m" not in shown.seen
    assert "\x1b[3" not in shown.seen


@pytest.mark.parametrize("as_json", [False, True])
def test_into_a_pipe_it_writes_a_line_for_each_look(tmp_path: Path, as_json: bool) -> None:
    Store(tmp_path / "m.db").close()
    command = [*COMMAND, *(["--json"] if as_json else [])]
    process = start(
        command, stdout=subprocess.PIPE, cwd=tmp_path, env=environment(tmp_path), text=True
    )
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(3)]
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE) == 2
    process.stdout.close()
    for line in lines:
        if as_json:
            assert json.loads(line)["status"] == "down"
        else:
            assert "DOWN, nothing is delivered in=0 out=0 held=0; the daemon is not" in line
            assert "\x1b" not in line
