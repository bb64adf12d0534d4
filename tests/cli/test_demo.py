"""`maxbridge demo` as people run it: typed into, piped into, broken off.

The conversation, a closed pipe and a full disk are the real executable's; the others need no second of imports.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from command import start

HANGS = 900.0
"""No measure of speed: only what hangs is ended by it."""


def environment(folder: Path) -> dict[str, str]:
    own = {"HOME": str(folder), "TMPDIR": str(folder), "LANG": "en_US.UTF-8"}
    return {"PATH": os.environ["PATH"], **own}


def command() -> str:
    return str(Path(sys.executable).with_name("maxbridge"))


def demo(
    folder: Path, *arguments: str, typed: bytes = b"", fresh: bool = False
) -> subprocess.CompletedProcess[str]:
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    own = {"env": environment(folder), "cwd": folder}
    with start(["demo", *arguments], fresh=fresh, **pipes, **own) as playing:
        out, err = playing.communicate(typed, timeout=HANGS)
    return subprocess.CompletedProcess(playing.args, playing.returncode, out.decode(), err.decode())


def test_whatever_is_typed_into_a_pipe_arrives_before_it_ends(tmp_path: Path) -> None:
    # Each answer follows its question in the next line: on a busy machine the ticket is not there yet.
    typed = "c one\na two\nc three\nn secret\na wrong\nu\na “five”\nc six"
    done = demo(tmp_path, "--interactive", typed=typed.encode(), fresh=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "has arrived: 3 of the customer, 2 of the agent" in " ".join(done.stdout.split())
    assert done.stdout.count("two") == 2
    assert done.stdout.count("secret") == 1
    assert done.stdout.count("wrong") == 1
    assert done.stderr == ""
    assert list(tmp_path.iterdir()) == []


def test_what_was_typed_and_cannot_arrive_is_named_with_an_exit_code(tmp_path: Path) -> None:
    done = demo(tmp_path, "--interactive", typed=b"a to nobody\nc hello\nq\n")
    assert done.returncode == 70
    assert "the agent's words “to nobody” had no ticket to go to." in done.stderr
    kept = re.search(r"The bridge's log is kept: (\S+)", done.stderr)
    assert kept is not None
    log = Path(kept[1])
    assert list(tmp_path.iterdir()) == [log]
    assert "maxbridge starts" in log.read_text()
    assert log.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("typed", [b"", b"\n\n", b"\xff\xfe\x00\x80\n\xd0", b"zzz\nu\nq"])
def test_nothing_typed_is_nothing_to_wait_for(tmp_path: Path, typed: bytes) -> None:
    done = demo(tmp_path, "--interactive", typed=typed)
    assert done.returncode == 0, done.stderr
    assert "0 of the customer, 0 of the agent" in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_broken_off_it_leaves_nothing_behind(tmp_path: Path, number: signal.Signals) -> None:
    # What is typed into never ends by itself: a played one may be over before a busy machine breaks it off.
    with start(
        ["demo", "--interactive"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(tmp_path),
        cwd=tmp_path,
    ) as playing:
        assert playing.stdin is not None
        assert playing.stdout is not None
        playing.stdin.write(b"c hello\n")
        playing.stdin.flush()
        while b"ticket #1" not in playing.stdout.readline():
            assert playing.poll() is None
        playing.send_signal(number)
        _, err = playing.communicate(timeout=HANGS)
    assert playing.returncode == 130
    assert b"Traceback" not in err
    assert list(tmp_path.iterdir()) == []


def test_a_reader_that_goes_away_ends_it_quietly(tmp_path: Path) -> None:
    with subprocess.Popen(
        [command(), "demo"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(tmp_path),
        cwd=tmp_path,
    ) as playing:
        assert playing.stdout is not None
        assert playing.stderr is not None
        playing.stdout.readline()
        playing.stdout.close()
        assert playing.wait(HANGS) == 141
        assert playing.stderr.read() == b""
    assert list(tmp_path.iterdir()) == []


def test_an_output_that_cannot_be_written_is_not_the_bridge_s_fault(tmp_path: Path) -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = subprocess.run(
            [command(), "demo"],
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
            env=environment(tmp_path),
            timeout=HANGS,
        )
    assert done.returncode == 74
    assert done.stderr == b"maxbridge: The output cannot be written: No space left on device.\n"
    assert list(tmp_path.iterdir()) == []
