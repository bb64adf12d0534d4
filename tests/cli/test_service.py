"""The real `maxbridge run` as systemd runs it: notifications, reload, a terminal that goes away."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.test_process import Daemon, Ends, clean_environment, wait
from command import PATIENCE, start
from maxbridge.service import RELOAD_FROM
from notified import Manager

PERIOD = 1.2
ROUND = 0.01


class Service:
    """`maxbridge run` with what systemd puts into the environment."""

    def __init__(self, folder: Path, ends: Ends) -> None:
        self.daemon = Daemon(folder, ends)
        self.manager = Manager(folder / "notify")
        self.fresh = folder / "maxbridge.fresh"
        self._log = (folder / "log").open("a")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.begin()
        wait(lambda: self.manager.count("READY"), "READY=1")

    def begin(self, **variables: str) -> subprocess.Popen[bytes]:
        self.process = start(
            ["run", "--config", str(self.daemon.config)],
            stdin=subprocess.DEVNULL,
            stderr=self._log,
            env={
                **clean_environment(),
                **variables,
                "NOTIFY_SOCKET": self.manager.address,
                "WATCHDOG_USEC": str(round(PERIOD * 1_000_000)),
                RELOAD_FROM: str(self.fresh),
            },
        )
        return self.process

    def log(self) -> str:
        return (self.daemon.folder / "log").read_text()

    def reload(self) -> None:
        assert self.process is not None
        known = self.manager.count("READY")
        self.process.send_signal(signal.SIGHUP)
        wait(lambda: self.manager.count("READY") > known, "the end of the reload")

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._log.close()
        self.manager.close()


@pytest.fixture
def ends() -> Iterator[Ends]:
    both = Ends()
    yield both
    both.close()


@pytest.fixture
def service(tmp_path: Path, ends: Ends) -> Iterator[Service]:
    one = Service(tmp_path, ends)
    yield one
    one.close()


def test_a_token_that_is_refused_is_told_with_the_place_where_it_stands(service: Service) -> None:
    process = service.begin(MAXBRIDGE_MAX__TOKEN="wrong-token-0000000000")
    assert process.wait() == 78
    assert "the token in force, which comes from $MAXBRIDGE_MAX__TOKEN" in service.log()


def test_a_life_as_systemd_sees_it(service: Service, ends: Ends) -> None:
    service.start()
    assert service.manager.status == "both ends answer; 0 waiting, 0 held"
    # An older database may take minutes to be brought up to date, and nothing can be said meanwhile.
    assert service.manager.messages[0] == {"EXTEND_TIMEOUT_USEC": "1800000000"}
    # Counted in rounds of our own, which become longer as its rounds do where the machine is busy. The listening
    # end gets datagrams with the time of reading only: read all the while.
    signs: list[int] = []
    rounds = 0
    while len(signs) < 8:
        signs += [rounds for each in service.manager.read() if "WATCHDOG" in each]
        assert rounds - (signs[-1] if signs else 0) < PERIOD / ROUND
        time.sleep(ROUND)
        rounds += 1

    # A reload takes over what it may, from the file that it was started with.
    config = service.daemon.config
    config.write_text(
        config.read_text()
        .replace("undo_window = 1", "undo_window = 0")
        .replace(ends.ready["max_token"], "another-token-000000000")
        + '[texts]\nsignature = "-- {name}"\n'
    )
    service.reload()
    assert service.manager.count("RELOADING") == 1
    assert 'changed="[freescout] undo_window, [texts] signature"' in service.log().replace("'", '"')
    assert "needs a restart" in service.log()
    assert service.manager.status.endswith("some changed settings need a restart: see the log")
    chat = ends.max("person", 410000017, "Марина")["chat_id"]
    ends.max("say", 410000017, "вопрос")
    wait(lambda: ends.bodies("customer"), "the message")
    ends.desk("reply", 1, "<div>ответ</div>")
    wait(lambda: ends.max("texts", chat), "the answer")
    assert ends.max("texts", chat)[0].startswith("ответ\n")
    assert "-- " in ends.max("texts", chat)[0]

    # Mistakes change nothing, and each is said.
    good = config.read_text()
    config.write_text(good + 'langage = "en"\n[tickets]\nreopen_days = "soon"\n')
    service.reload()
    assert service.manager.status.endswith("settings not reloaded: see the log")
    assert "langage" in service.log()
    assert "reopen_days" in service.log()
    assert service.process is not None
    assert service.process.poll() is None

    # What ExecReload= lays beside it is newer. It is root's, so nobody here could remove it.
    service.fresh.write_text(good.replace("-- {name}", ""))
    service.reload()
    assert service.fresh.exists()
    assert not service.manager.status.endswith("not reloaded: see the log")

    service.process.send_signal(signal.SIGTERM)
    assert service.process.wait(PATIENCE) == 0
    assert service.manager.count("STOPPING") == 1
    for secret in (ends.ready["max_token"], "another-token", ends.ready["freescout_key"]):
        assert secret not in service.log()
        assert all(secret not in str(each) for each in service.manager.messages)


def test_a_process_that_stands_still_gives_no_sign_of_life(service: Service) -> None:
    service.start()
    assert service.process is not None
    service.process.send_signal(signal.SIGSTOP)
    time.sleep(0.2)
    service.manager.read()
    time.sleep(PERIOD)
    assert service.manager.read() == []
    # SIGABRT is what the watchdog sends: the log says where it hung, without anybody's words.
    service.process.send_signal(signal.SIGABRT)
    service.process.send_signal(signal.SIGCONT)
    assert service.process.wait(PATIENCE) == -signal.SIGABRT
    assert "most recent call first" in service.log()


def test_a_setting_that_is_wrong_ends_the_start_and_says_so(service: Service) -> None:
    config = service.daemon.config
    config.write_text(config.read_text().replace("mailbox_id = 1", "mailbox_id = 99"))
    assert service.begin().wait(PATIENCE) == 78
    assert service.manager.count("READY") == 0
    assert service.manager.status.startswith("cannot go on: see the log")
    assert "there is no mailbox 99" in service.log()


def test_a_terminal_that_is_closed_stops_it(tmp_path: Path, ends: Ends) -> None:
    """SIGHUP from a terminal is no wish to reload: nobody would ever see that it goes on."""
    daemon = Daemon(tmp_path, ends)
    ours, theirs = pty.openpty()
    try:
        process = start(
            ["run", "--config", str(daemon.config)],
            stdin=theirs,
            stderr=subprocess.DEVNULL,
            env=clean_environment(),
        )
        daemon.process = process
        wait(lambda: daemon.status()[1].get("bot_id") and daemon.healthy(), "a healthy daemon")
        process.send_signal(signal.SIGHUP)
        assert process.wait(PATIENCE) == 0
    finally:
        os.close(ours)
        os.close(theirs)
