"""What the disk really heard before the network did, by the system calls of the daemon.

``make syscalls``: it takes strace and the right to trace; ``make test`` leaves it out. SQLite syncs its write-ahead log
with fdatasync; a promise hangs on what comes before and after that.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import httpx
import pytest

from command import PATIENCE
from crash.child import CALL
from crash.survival import survivals
from warm import SIMULATORS, Warm

pytestmark = [pytest.mark.strace, pytest.mark.timeout(0)]

USER = 410000017
_CALL = re.compile(r"^\d+ +(?P<name>\w+)\((?P<rest>.*)$")
_RESUMED = re.compile(r"^(?P<pid>\d+) +<\.\.\. (?P<name>\w+) resumed>")
_ASKED = re.compile(r"GET /updates\?[^ ]*\bmarker=(\d+)")
_TOLD = re.compile(r'\\"marker\\": ?(\d+)')
_SYNCS = ("fdatasync", "fsync")
_READS = ("recvfrom", "recvmsg", "read")
_TRACED = "pwrite64,fdatasync,fsync,sendto,sendmsg,write,writev,recvfrom,recvmsg,read"
_RUN = """
import sys
bug = sys.argv.pop(1)
if bug:
    from crash.bugs import BUGS
    BUGS[bug](setattr)
from maxbridge.cli import main
main()
"""


WORLDS, DEATHS = 4, 10
SPEED = 25.0
"""Seconds of the world in one of ours: a traced process is slow."""


class Moment(NamedTuple):
    """Something that the system was asked for: ``page`` (MAX told events and a marker), ``written``, ``synced`` (the
    log), ``asked`` (MAX, with a marker) or ``posted``."""

    what: str
    detail: str = ""


def moments(trace: str) -> Iterator[Moment]:
    """The moments of a trace, in order; a sync counts from its end."""
    for line in trace.splitlines():
        resumed, call = _RESUMED.match(line), _CALL.match(line)
        if resumed is not None and resumed["name"] in _SYNCS:
            yield Moment("synced")
        elif call is not None:
            yield from _of_call(call["name"], call["rest"])


def _of_call(name: str, rest: str) -> Iterator[Moment]:
    log = "-wal>" in rest.partition(",")[0]
    if name in _SYNCS:
        if log and "unfinished" not in rest:
            yield Moment("synced")
    elif name in _READS:
        told = _TOLD.search(rest)
        if told is not None and "update_type" in rest:
            yield Moment("page", told[1])
    elif log:
        yield Moment("written", rest)
    elif asked := _ASKED.search(rest):
        yield Moment("asked", asked[1])
    elif re.search(r'"POST /(?:messages|api/)', rest):
        yield Moment("posted", rest[:80])


def broken(seen: list[Moment]) -> list[str]:
    """What left too early: a marker before its events were on the disk, a POST before it was written down."""
    complaints = []
    pages = {
        each.detail: place for place, each in reversed(list(enumerate(seen))) if each.what == "page"
    }
    last_post = 0
    for place, each in enumerate(seen):
        if each.what == "asked" and each.detail in pages and pages[each.detail] < place:
            if not _is_on_disk(seen[pages[each.detail] : place], ""):
                complaints.append(f"marker {each.detail}")
        elif each.what == "posted":
            if not _is_on_disk(seen[last_post:place], "sending"):
                complaints.append(each.detail)
            last_post = place
    return complaints


def _is_on_disk(between: list[Moment], word: str) -> bool:
    """Was something with this word written, and the log synced behind it?"""
    written = False
    for each in between:
        if each.what == "written" and word in each.detail:
            written = True
        elif each.what == "synced" and written:
            return True
    return False


def traced(folder: Path, bug: str) -> list[Moment]:
    """One message and one reply between simulators, under strace."""
    folder.mkdir(exist_ok=True)
    simulators = Warm((), module=SIMULATORS, stdout=subprocess.PIPE, text=True)
    assert simulators.stdout is not None
    ready = json.loads(simulators.stdout.readline())
    config, trace = folder / "config.toml", folder / "trace"
    config.write_text(
        f"""
        [max]
        token = "{ready["max_token"]}"
        api_url = "{ready["max_url"]}"
        first_start = "all"
        [freescout]
        url = "{ready["freescout_url"]}"
        api_key = "{ready["freescout_key"]}"
        mailbox_id = 1
        user_id = 1
        poll_interval = 0.5
        undo_window = 1
        [store]
        path = "{folder / "maxbridge.db"}"
        """
    )
    strace = ["strace", "-D", "-f", "-y", "-s", "70000", "-o", str(trace), "-e", f"trace={_TRACED}"]
    program = [sys.executable, "-c", _RUN, bug, "run", "--config", str(config)]
    paths = os.pathsep.join(sys.path)
    with (folder / "log").open("w") as log, httpx.Client(trust_env=False, timeout=PATIENCE) as http:

        def act(end: str, action: str, *args: Any) -> Any:
            data = http.post(f"{ready[end]}/_sim/{action}", json={"args": list(args)}).json()
            assert "error" not in data, data
            return data["result"]

        def at_desk(words: str) -> bool:
            return words in json.dumps(act("freescout_url", "dump"), ensure_ascii=False)

        daemon = subprocess.Popen(
            [*strace, *program], env={**os.environ, "PYTHONPATH": paths}, stderr=log
        )
        try:
            wait(lambda: any(each["path"] == "/updates" for each in act("max_url", "requests")))
            act("max_url", "person", USER, "Марина")
            for words in ("первое", "второе"):
                act("max_url", "say", USER, words)
                wait(partial(at_desk, words))
            act("freescout_url", "reply", 1, "<div>ответ</div>")
            wait(lambda: "ответ" in json.dumps(act("max_url", "dump")["chats"], ensure_ascii=False))
            act("max_url", "say", USER, "третье")
            wait(partial(at_desk, "третье"))
            # While the desk is away nothing is posted, so no other commit syncs a page's before MAX hears its marker.
            act("freescout_url", "faults", {"kind": "status", "status": 503, "times": None})
            for words in ("четвёртое", "пятое", "шестое"):
                act("max_url", "say", USER, words)
                wait(lambda: act("max_url", "unread") == 0)
        finally:
            daemon.send_signal(signal.SIGTERM)
            daemon.wait(PATIENCE)
            simulators.terminate()
            simulators.wait(PATIENCE)
            simulators.stdout.close()
    return list(moments(trace.read_text(errors="replace")))


def wait(done: Callable[[], object]) -> None:
    """Look until it is so; only what hangs takes longer than the patience."""
    deadline = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < deadline, "it hangs"
        time.sleep(0.05)


@pytest.fixture(scope="module", autouse=True)
def _may_trace(tmp_path_factory: pytest.TempPathFactory) -> None:
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    probe = ["strace", "-o", str(tmp_path_factory.mktemp("probe") / "trace"), "true"]
    ended = subprocess.run(probe, capture_output=True, text=True, check=False)
    if ended.returncode:
        pytest.skip(f"nobody may trace here: {ended.stderr.strip()[:200]}")


def test_the_disk_hears_of_everything_before_the_network_does(tmp_path: Path) -> None:
    seen = traced(tmp_path, "")
    assert broken(seen) == []
    kinds = [each.what for each in seen]
    assert kinds.count("page") >= 3
    assert kinds.count("posted") >= 4
    assert {each.detail for each in seen if each.what == "page"} <= {
        each.detail for each in seen if each.what == "asked"
    }


@pytest.mark.parametrize(
    ("bug", "what"), [("sending_may_wait", "POST"), ("page_may_wait", "marker")]
)
def test_a_commit_that_is_not_waited_for_is_noticed(tmp_path: Path, bug: str, what: str) -> None:
    complaints = broken(traced(tmp_path, bug))
    assert complaints
    assert all(what in each for each in complaints)


def test_killed_between_any_two_calls_it_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """The whole daemon on a real file system; every single call of a short run is in test_every_call.py."""
    dice = Random(1)

    def points(first: int) -> Iterator[str]:
        yield f"{CALL}pwrite64:{first}"
        for _ in range(DEATHS - 1):
            # A commit is two writes for each page, and one sync.
            call, most = dice.choice((("pwrite64", 90), ("pwrite64", 30), ("fdatasync", 7)))
            yield f"{CALL}{call}:{dice.randint(1, most)}"

    chains = [tuple(points(first)) for first in range(1, WORLDS + 1)]
    survived = survivals(tmp_path, [(chain, "") for chain in chains], speed=SPEED)
    rows = [survived[chain[0], ""] for chain in chains]
    assert [f"{row.verdict}; see {row.folder}" for row in rows if not row.verdict.good] == []
    assert sum(len(row.deaths) for row in rows) > WORLDS * DEATHS / 2
    assert all(row.verdict.messages == 4 for row in rows)
