"""notify: what is sent to a real socket, and what happens when nobody reads it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from logged import Lines, logging_to
from maxbridge.engine import watch
from maxbridge.engine.watch import Notifier
from notified import Manager


@pytest.fixture
def lines() -> Iterator[Lines]:
    yield from logging_to()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    one = Manager(tmp_path / "notify")
    yield one
    one.close()


def test_each_word_is_one_datagram(manager: Manager) -> None:
    one = Notifier(manager.address)
    before = time.monotonic_ns() // 1000
    assert one.ready()
    one.alive()
    one.more_time(90)
    one.stopping()
    one.reloading()
    *plain, reloading = manager.read()
    assert plain == [
        {"READY": "1"},
        {"WATCHDOG": "1"},
        {"EXTEND_TIMEOUT_USEC": "90000000"},
        {"STOPPING": "1"},
    ]
    assert reloading.pop("RELOADING") == "1"
    assert before <= int(reloading["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000


def test_an_abstract_socket_is_reached() -> None:
    manager = Manager(f"@maxbridge-test-{os.getpid()}")
    try:
        assert Notifier.from_environ({"NOTIFY_SOCKET": manager.address}).ready()
        assert manager.read() == [{"READY": "1"}]
    finally:
        manager.close()


def test_the_status_is_one_line_and_sent_when_it_changes(manager: Manager) -> None:
    one = Notifier(manager.address)
    for words in ("both ends answer", "both ends answer", "a\nREADY=1", "both ends answer"):
        one.status(words)
    assert manager.read() == [
        {"STATUS": "both ends answer"},
        {"STATUS": "a READY=1"},
        {"STATUS": "both ends answer"},
    ]


def test_without_a_socket_nothing_happens() -> None:
    one = Notifier.from_environ({})
    assert not one.listened_to
    assert one.watchdog is None
    assert one.ready()
    one.status("words")


def test_a_socket_that_is_gone_is_told_once_and_tried_again(tmp_path: Path, lines: Lines) -> None:
    one = Notifier(str(tmp_path / "notify"))
    assert not one.ready()
    one.alive()
    one.status("both ends answer")
    assert lines.text().count("systemd cannot be told") == 1
    manager = Manager(tmp_path / "notify")
    try:
        one.status("both ends answer")
        assert manager.read() == [{"STATUS": "both ends answer"}]
    finally:
        manager.close()


def test_a_full_socket_does_not_stop_the_daemon(
    manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "_PATIENCE", 0.05)
    one = Notifier(manager.address)
    for number in range(10_000):  # far more than a socket holds
        one.status(f"line {number}")
        if one._broken:
            break
    assert one._broken


@pytest.mark.parametrize("address", ["vsock:2:1234", "notify"])
def test_a_socket_of_another_kind_is_left_alone(address: str, lines: Lines) -> None:
    assert not Notifier.from_environ({"NOTIFY_SOCKET": address}).listened_to
    assert "no Unix socket" in lines.text()


@pytest.mark.parametrize(
    ("variables", "seconds"),
    [
        ({"WATCHDOG_USEC": "180000000", "WATCHDOG_PID": "7"}, 180.0),
        ({"WATCHDOG_USEC": "180000000"}, 180.0),
        ({"WATCHDOG_USEC": "180000000", "WATCHDOG_PID": "8"}, None),  # meant for our parent
        ({"WATCHDOG_USEC": "0", "WATCHDOG_PID": "7"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "-5"}, None),
        ({"WATCHDOG_USEC": "²"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_is_for_the_process_it_is_meant_for(
    variables: dict[str, str], seconds: float | None
) -> None:
    one = Notifier.from_environ({"NOTIFY_SOCKET": "/run/systemd/notify", **variables}, pid=7)
    assert one.watchdog == seconds


def test_a_watchdog_without_a_socket_is_none() -> None:
    assert Notifier.from_environ({"WATCHDOG_USEC": "180000000"}, pid=7).watchdog is None
