"""status_line: the words of ``systemctl status``."""

from __future__ import annotations

from typing import Any

import pytest

from maxbridge.engine.watch import DESK, MAX, rough, status_line
from maxbridge.store.snapshot import LoopHealth, Pulse

NOW = 1_800_000_000.0


def trouble(name: str, code: str, seconds: float) -> LoopHealth:
    return LoopHealth(name, NOW, None, NOW, code, "ConnectError", NOW - seconds)


def well(name: str) -> LoopHealth:
    return LoopHealth(name, NOW, NOW, NOW - 99, "max.timeout", None, None)


@pytest.mark.parametrize(
    ("loops", "more", "words"),
    [
        ([well("max_poller")], {}, "both ends answer; 0 waiting, 0 held"),
        (
            [well("desk_poller")],
            {"pulse": Pulse(3, 1, NOW - 130)},
            "both ends answer; 3 waiting, 1 held; last message 2 min ago",
        ),
        (
            [],
            {"pulse": Pulse(0, 0, NOW - 59)},
            "both ends answer; 0 waiting, 0 held; last message just now",
        ),
        (
            [
                trouble("max_sender", "max.unreachable", 719),
                trouble("max_poller", "max.dropped", 60),
            ],
            {},
            "MAX cannot be reached for 11 min: max.unreachable; 0 waiting, 0 held",
        ),
        (
            [trouble("desk_writer", "desk.unauthorized", 7300), well("max_poller")],
            {"pulse": None},
            "FreeScout has been in trouble for 2 h: desk.unauthorized",
        ),
        (
            [trouble("housekeeper", "store.full", 5)],
            {},
            "the database has been in trouble for less than a minute: store.full; 0 waiting, 0 held",
        ),
        ([], {"waiting_for": (MAX, DESK)}, "waits for MAX; waits for FreeScout; 0 waiting, 0 held"),
        (
            [trouble("max_poller", "max.unreachable", 200)],
            {"waiting_for": (MAX,)},
            "waits for MAX for 3 min: max.unreachable; 0 waiting, 0 held",
        ),
        (
            [well("max_poller")],
            {"still": (("max_poller", 100.0),)},
            "max_poller has not moved for 1 min; 0 waiting, 0 held",
        ),
        (
            [well("max_poller")],
            {"still": (("max_poller", 301.0),), "hung": True, "remark": "more"},
            "max_poller has not moved for 5 min: systemd restarts the service; 0 waiting, 0 held; more",
        ),
    ],
)
def test_words(loops: list[LoopHealth], more: dict[str, Any], words: str) -> None:
    given: dict[str, Any] = {"pulse": Pulse(0, 0, None), **more}
    assert status_line(loops, given.pop("pulse"), now=NOW, **given) == words


def test_details_of_a_failure_stay_in_the_log() -> None:
    assert "ConnectError" not in status_line(
        [trouble("max_poller", "max.unreachable", 1)], None, now=NOW
    )


def test_a_clock_set_back_makes_no_negative_age() -> None:
    line = status_line([], Pulse(0, 0, NOW + 500), now=NOW)
    assert line.endswith("last message just now")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-1, "less than a minute"), (60, "1 min"), (3599, "59 min"), (3600, "1 h"), (200_000, "2 d")],
)
def test_durations(seconds: float, words: str) -> None:
    assert rough(seconds) == words
