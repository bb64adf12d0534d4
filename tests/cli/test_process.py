"""The real `maxbridge run` as a process, between simulators in another process, on real time.

These are the only tests that wait for real seconds: a signal, a kill and a socket table cannot be had
on virtual time.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from command import PATIENCE, run, start
from maxbridge.core.retry import RetryPolicy
from page import first_lines
from warm import SIMULATORS, Warm

USER = 410000017


class Ends:
    """Both simulators in a process of their own, driven over their control endpoints."""

    def __init__(self) -> None:
        self.process = Warm((), module=SIMULATORS, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.ready: dict[str, str] = json.loads(self.process.stdout.readline())
        self._http = httpx.Client(trust_env=False, timeout=PATIENCE)

    def close(self) -> None:
        self._http.close()
        self.process.terminate()
        self.process.wait(PATIENCE)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def max(self, action: str, *args: Any) -> Any:
        return self._call("max_url", action, args)

    def desk(self, action: str, *args: Any) -> Any:
        return self._call("freescout_url", action, args)

    def _call(self, end: str, action: str, args: tuple[Any, ...]) -> Any:
        answer = self._http.post(f"{self.ready[end]}/_sim/{action}", json={"args": list(args)})
        data = answer.json()
        assert "error" not in data, data
        return data["result"]

    def last_poll(self) -> int | None:
        """What MAX answered to the newest poll; None while it has not, or when nobody waited for it."""
        polls = [each for each in self.max("requests") if each["path"] == "/updates"]
        status: int | None = polls[-1]["status"]
        return status

    def tickets(self) -> dict[str, int]:
        """The ticket of everybody whose messages begin with who he is and a colon."""
        threads = self.desk("dump")["threads"].values()
        return {
            each["body"].removeprefix("<div>").split(":")[0]: each["conversation_id"]
            for each in threads
            if each["type"] == "customer"
        }

    def bodies(self, kind: str) -> list[str]:
        threads = self.desk("dump")["threads"].values()
        return [each["body"] for each in threads if each["type"] == kind]

    def words(self) -> list[str]:
        """The first line of each customer's message."""
        return first_lines(self.bodies("customer"))


@pytest.fixture
def ends() -> Iterator[Ends]:
    both = Ends()
    yield both
    both.close()


@pytest.fixture(scope="module", autouse=True)
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[subprocess.Popen[str]]:
    """`maxbridge demo`, which takes half a minute and hardly any work: it plays beside the others."""
    folder = tmp_path_factory.mktemp("demo")
    playing = start(
        ["demo"],
        fresh=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8"},
        text=True,
    )
    yield playing
    playing.terminate()  # if not all tests here were wanted
    playing.communicate()


class Daemon:
    """`maxbridge run` and `maxbridge status` with one configuration file."""

    def __init__(self, folder: Path, ends: Ends) -> None:
        self.folder = folder
        self.config = folder / "config.toml"
        self.config.write_text(
            f"""
            [max]
            token = "{ends.ready["max_token"]}"
            api_url = "{ends.ready["max_url"]}"
            [freescout]
            url = "{ends.ready["freescout_url"]}"
            api_key = "{ends.ready["freescout_key"]}"
            mailbox_id = 1
            user_id = 1
            poll_interval = 0.5
            undo_window = 1
            [store]
            path = "{folder / "state" / "maxbridge.db"}"
            """
        )
        self.process: subprocess.Popen[str] | None = None
        self.log = ""

    def start(self, *, fresh: bool = False) -> None:
        self.launch(fresh=fresh)
        wait(lambda: self.status()[1].get("bot_id") and self.healthy(), "a healthy daemon")

    def launch(self, *, fresh: bool = False) -> None:
        with (self.folder / "log").open("a") as log:
            self.process = start(
                ["run", "--config", str(self.config)],
                fresh=fresh,
                stderr=log,
                cwd=self.folder,
                env=clean_environment(),
                text=True,
            )

    def healthy(self) -> bool:
        loops = {each["name"]: each for each in self.status()[1].get("loops", [])}
        return all(
            loops.get(name, {}).get("last_success") for name in ("max_poller", "desk_poller")
        )

    def end(self, number: signal.Signals) -> int:
        """Send a signal; gives the exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def said(self, words: str) -> bool:
        return words in (self.folder / "log").read_text()

    def restored_earlier(self, seconds: float) -> None:
        """Let a restore be some time ago, as if nobody had started the daemon since."""
        with closing(sqlite3.connect(self.folder / "state" / "maxbridge.db")) as database, database:
            changed = database.execute(
                "UPDATE meta SET value = json_set("
                "value, '$.restored_at', json_extract(value, '$.restored_at') - ?)"
                " WHERE key = 'restored'",
                (seconds,),
            )
            assert changed.rowcount == 1

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Another command beside it."""
        return run([*arguments, "--config", str(self.config)], env=clean_environment())

    def status(self) -> tuple[int, dict[str, Any]]:
        done = self.run("status", "--json")
        return done.returncode, json.loads(done.stdout)


@pytest.fixture
def daemon(tmp_path: Path, ends: Ends) -> Iterator[Daemon]:
    one = Daemon(tmp_path, ends)
    yield one
    if one.process is not None and one.process.poll() is None:
        one.process.kill()
        one.process.wait()


def clean_environment() -> dict[str, str]:
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("MAXBRIDGE_", "FREESCOUT_", "MAX_BOT"))
    }


def wait(done: Callable[[], Any], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < deadline, f"waited {PATIENCE} s for {what}"
        time.sleep(0.05)


def test_text_both_ways_across_a_kill_and_a_proper_stop(daemon: Daemon, ends: Ends) -> None:
    ends.max("person", USER, "Марина", "Тестова")
    code, before = daemon.status()
    assert (code, before["status"]) == (2, "down")
    daemon.start(fresh=True)
    assert daemon.status()[0] == 0
    ends.max("say", USER, "первое")
    wait(lambda: len(ends.bodies("customer")) == 1, "the first message")
    assert daemon.end(signal.SIGKILL) == -signal.SIGKILL
    ends.max("say", USER, "пока моста нет")
    ends.desk("reply", 1, "<div>ответ, пока моста нет</div>")
    assert daemon.status()[0] == 2
    daemon.start()
    chat = ends.max("person", USER + 1, "Другой")["chat_id"] - 1
    wait(lambda: len(ends.bodies("customer")) == 2, "the message of the meantime")
    wait(lambda: ends.max("sent", chat), "the reply of the meantime")
    wait(lambda: ends.last_poll() is None, "a poll that MAX keeps waiting")
    assert daemon.end(signal.SIGTERM) == 0
    assert ends.last_poll() is None, "it waited for MAX's answer before it stopped"
    assert [body.split("</div>")[0] for body in ends.bodies("customer")] == [
        "<div>первое",
        "<div>пока моста нет",
    ]
    assert ends.max("texts", chat) == ["ответ, пока моста нет"]
    assert daemon.status()[1]["inbox"]["waiting"] == 0
    assert not ends.max("leaks")
    log = (daemon.folder / "log").read_text()
    assert "ответ" not in log
    assert ends.ready["max_token"] not in log
    assert ends.ready["freescout_key"] not in log


def test_nothing_listens_and_no_secret_stands_in_the_process_list(
    daemon: Daemon, ends: Ends
) -> None:
    daemon.start(fresh=True)  # a child of the tests' nursery has another command line
    assert daemon.process is not None
    sockets = {
        link.readlink().name
        for link in Path(f"/proc/{daemon.process.pid}/fd").iterdir()
        if link.is_symlink()
    }
    listening = {
        f"socket:[{row.split()[9]}]"
        for table in ("tcp", "tcp6")
        for row in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
        if row.split()[3] == "0A"
    }
    assert sockets, "the test must see the process's files"
    assert not sockets & listening
    shown = Path(f"/proc/{daemon.process.pid}/cmdline").read_text()
    assert ends.ready["max_token"] not in shown


def test_a_second_daemon_on_the_same_database_is_refused(daemon: Daemon) -> None:
    daemon.start()
    second = daemon.run("run")
    assert second.returncode == 75
    assert f"Another maxbridge (process {daemon.process.pid})" in second.stderr  # type: ignore[union-attr]
    assert "Traceback" not in second.stderr


def test_files_are_for_the_owner_alone(daemon: Daemon) -> None:
    daemon.start()
    state = daemon.folder / "state"
    assert state.stat().st_mode & 0o077 == 0
    files = list(state.iterdir())
    assert len(files) >= 2
    for file in files:
        assert file.stat().st_mode & 0o077 == 0, file


def test_metrics_survive_a_kill_and_say_when_the_daemon_has_stopped(
    tmp_path: Path, daemon: Daemon, ends: Ends
) -> None:
    shown = tmp_path / "maxbridge.prom"
    with daemon.config.open("a") as config:
        config.write(f'\n[metrics]\ntextfile = "{shown}"\n')
    daemon.start()
    wait(shown.exists, "the metrics file")
    daemon.end(signal.SIGKILL)
    assert "\nmaxbridge_up 1.0\n" in shown.read_text()
    # Killed while writing: half a file under another name.
    (tmp_path / ".maxbridge.prom.tmp").write_text("maxbridge_up 0")
    shown.unlink()
    daemon.start()
    wait(shown.exists, "the metrics file")
    wait(
        lambda: any(
            each["name"] == "desk_poller" and each["last_success"]
            for each in daemon.status()[1].get("loops", ())
        ),
        "an answer of the desk",
    )
    assert daemon.end(signal.SIGTERM) == 0
    text = shown.read_text()
    assert "\nmaxbridge_up 0.0\n" in text
    assert 'maxbridge_api_requests_total{end="desk",outcome="ok"}' in text
    assert stat.S_IMODE(shown.stat().st_mode) == 0o644
    assert not (tmp_path / ".maxbridge.prom.tmp").exists()


def test_a_backup_beside_busy_processes_is_whole_and_brings_nothing_twice(
    daemon: Daemon, ends: Ends
) -> None:
    # Several customers: the messages of one go into his ticket a second apart.
    users = [USER + each for each in range(4)]
    chats = [ends.max("person", user, "Марина", "Тестова")["chat_id"] for user in users]
    daemon.start()
    for user in users:
        ends.max("say", user, f"{user}: 0")
    wait(lambda: len(ends.bodies("customer")) == len(users), "the first messages")
    tickets = ends.tickets()
    copy = daemon.folder / "copy.db"
    taken = []
    for number in range(1, 17):
        user = users[number % 4]
        ends.max("say", user, f"{user}: {number}")
        if number % 4 == 0:
            user = users[number // 4 % 2]
            ends.desk("reply", tickets[str(user)], f"<div>ответ {number}</div>")
        if number % 8 == 0:
            done = daemon.run("backup", str(copy), "--yes", "--json")
            assert done.returncode == 0, done.stderr
            taken.append(json.loads(done.stdout)["rows"]["inbox"])
    assert copy.stat().st_mode & 0o777 == 0o600
    assert taken == sorted(taken)
    wait(lambda: len(ends.words()) == 20, "all messages")
    wait(lambda: sum(len(ends.max("texts", each)) for each in chats) == 4, "all replies")
    refused = daemon.run("restore", str(copy), "--yes")
    assert refused.returncode == 75
    assert "systemctl stop maxbridge" in refused.stderr

    daemon.end(signal.SIGKILL)
    restored = daemon.run("restore", str(copy), "--yes", "--json")
    assert restored.returncode == 0, restored.stderr
    data = json.loads(restored.stdout)
    assert data["rows"]["inbox"] == taken[-1] <= 20
    assert Path(data["kept"]).is_file()
    # What the killed one had begun may be carried out for a while, and is waited for. All of that time
    # passes on virtual time (tests/workers/test_restore.py); here it has passed before the second start.
    daemon.launch()
    wait(lambda: daemon.said("what was under way gets its time"), "a daemon that waits")
    daemon.end(signal.SIGKILL)
    assert len(ends.words()) == 20
    daemon.restored_earlier(RetryPolicy().settle)
    daemon.start()
    ends.max("say", USER, f"{USER}: после")
    wait(lambda: len(ends.words()) >= 21, "the message after")
    wait(
        lambda: not any(daemon.status()[1][name]["waiting"] for name in ("inbox", "outbox")),
        "empty queues",
    )
    assert ends.tickets() == tickets
    words = ends.words()
    assert len(words) == 21
    for place, user in enumerate(users):
        numbers = ["0", *map(str, range(place or 4, 17, 4)), *(["после"] if user == USER else [])]
        assert [each for each in words if each.startswith(f"{user}:")] == [
            f"{user}: {number}" for number in numbers
        ]
    replies = [["ответ 8", "ответ 16"], ["ответ 4", "ответ 12"], [], []]
    assert [ends.max("texts", each) for each in chats] == replies


def test_a_link_is_made_beside_the_daemon_and_the_desk_is_asked_first(
    daemon: Daemon, ends: Ends
) -> None:
    chat = str(ends.max("person", USER, "Марина", "Тестова")["chat_id"])
    daemon.start()
    ends.max("say", USER, "вопрос")
    wait(lambda: ends.bodies("customer"), "the message")
    unlinked = daemon.run("dialogs", "unlink", chat, "--yes")
    assert unlinked.returncode == 0, unlinked.stderr
    # Without anything new it looks for what others queued every 15 s (tests/workers/test_linking.py).
    ends.max("person", USER + 1, "Другой")
    ends.max("say", USER + 1, "другой вопрос")
    wait(lambda: ends.bodies("note"), "the note")
    none = daemon.run("dialogs", "link", chat, "99", "--yes")
    assert none.returncode == 1
    assert "FreeScout has no ticket 99" in none.stderr
    linked = daemon.run("dialogs", "link", chat, "1", "--yes")
    assert linked.returncode == 0, linked.stderr
    assert ends.ready["freescout_key"] not in linked.stdout + linked.stderr
    time.sleep(1.1)  # what is of the same second as the link is history
    ends.desk("reply", 1, "<div>ответ</div>")
    wait(lambda: ends.max("texts", int(chat)) == ["ответ"], "the reply")
    shown = json.loads(daemon.run("dialogs", "show", chat, "--json").stdout)
    assert [(each["conversation_id"], each["state"]) for each in shown["tickets"]] == [(1, "open")]
    assert shown["dialog"]["conversation"] == 1


def test_the_demo_plays_and_ends_by_itself(demo: subprocess.Popen[str]) -> None:
    """The last one here: what it waits for began before the first."""
    out, err = demo.communicate(timeout=PATIENCE)
    assert demo.returncode == 0, err
    assert err == ""
    assert "сообщений клиента 5 из 5, ответов 4 из 4, файлов 2 из 2" in out
