"""failpoints: the crash tests can end the process at named moments, and nobody else can."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from maxbridge import failpoints

SOURCES = Path(failpoints.__file__).parent


@pytest.fixture(autouse=True)
def disarmed() -> Iterator[None]:
    yield
    failpoints.arm(None)


def run(code: str, **environ: str) -> int:
    """Run code in a process of its own; gives its exit code."""
    whole = f"from maxbridge import failpoints\n{code}"
    return subprocess.run(
        [sys.executable, "-c", whole], env={**os.environ, **environ}, check=False
    ).returncode


def test_a_point_kills_the_process_for_good() -> None:
    code = """
failpoints.arm(failpoints.killer("desk.after_post"))
try:
    failpoints.failpoint("desk.before_post")
    failpoints.failpoint("desk.after_post")
finally:
    raise SystemExit(3)
"""
    assert run(code) == -signal.SIGKILL


def test_a_point_may_be_meant_for_a_later_time() -> None:
    code = """
failpoints.arm(failpoints.killer("max_page.after_commit:3"))
for time in range({times}):
    failpoints.failpoint("max_page.after_commit")
"""
    assert run(code.format(times=2)) == 0
    assert run(code.format(times=3)) == -signal.SIGKILL


def test_the_environment_alone_does_nothing() -> None:
    code = """
import maxbridge.daemon
for point in failpoints.POINTS:
    failpoints.failpoint(point)
"""
    assert run(code, MAXBRIDGE_KILL_AT="desk.after_post") == 0


def test_a_point_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no such kill point: desk\.after_lunch"):
        failpoints.killer("desk.after_lunch")


def test_a_disarmed_point_is_quiet_again() -> None:
    seen: list[str] = []
    failpoints.arm(seen.append)
    failpoints.failpoint("desk.after_post")
    failpoints.arm(None)
    failpoints.failpoint("desk.after_post")
    assert seen == ["desk.after_post"]


def test_the_list_is_what_the_program_says() -> None:
    text = "\n".join(path.read_text() for path in SOURCES.rglob("*.py"))
    said = set(re.findall(r'\bfailpoint\("([\w.]+)"\)', text))
    # The two queues share their moves.
    commits = {
        f"{queue}{name}" if name.startswith(".") else name
        for name in re.findall(r'\.transaction\(f?"(?:\{self\._name\})?([\w.]+)"\)', text)
        for queue in (("inbox", "outbox") if name.startswith(".") else ("",))
    }
    assert said == set(failpoints.POSTS)
    assert commits == set(failpoints.COMMITS)
