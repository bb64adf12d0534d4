"""The metrics file: what is in it, who may read it, what happens when it cannot be written."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bridge import USER, running
from logged import Lines, logging_to
from maxbridge import __version__
from maxbridge.advice import ADVICE
from maxbridge.core.delivery import State
from maxbridge.observe.health import BUCKETS, Counters
from maxbridge.observe.metrics import Reading, Textfile
from maxbridge.store.certificates import DAY, Certificate
from maxbridge.store.certificates import Kind as Whose
from maxbridge.store.records import Ended
from maxbridge.store.snapshot import GapRecord, QueueHealth
from test_status import HEALTHY, ILL, NOW, loop
from virtual_time import virtual

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]
FULL = replace(
    HEALTHY,
    loops=(ILL, loop()),
    inbox=QueueHealth(3, NOW - 7200, 1, 4),
    not_given=2,
    gap=GapRecord("away", NOW - 30 * 3600, NOW - 60, dialogs=3, left=2),
    certificates=(
        Certificate(Whose.DESK, "desk.example.ru", NOW - 80 * DAY, NOW + 10 * DAY, NOW),
        Certificate(Whose.MAX, "platform-api2.max.ru", NOW - 80 * DAY, NOW + 285 * DAY, NOW),
    ),
)


def outcome(direction: str = "in", state: State = State.DONE, seconds: float = 1.5) -> Ended:
    return Ended(
        name=f"{direction}-12", direction=direction, kind="message", key="message_created:mid.secret",
        chat_id=512340001, state=state, seconds=seconds, tries=1, ticket=777000777,
    )  # fmt: skip


def reading(folder: Path) -> Reading:
    return Reading(True, NOW, NOW - 500, FULL.loops, FULL, folder / "store.db", {4: 7})


def full_file(folder: Path) -> str:
    """A file in which every metric occurs."""
    counters = Counters()
    counters.end(outcome())
    counters.end(outcome("out", seconds=30.0))
    counters.end(outcome(state=State.HELD))
    counters.call("max", "ok")
    counters.call("desk", "desk.timeout")
    path = folder / "maxbridge.prom"
    assert (
        Textfile(path, counters, lambda up: replace(reading(folder), up=up)).write(up=True) is None
    )
    return path.read_text()


def samples(text: str) -> Samples:
    return {
        (each.name, tuple(sorted(each.labels.items()))): each.value
        for family in text_string_to_metric_families(text)
        for each in family.samples
    }


def one(found: Samples, metric: str, /, **labels: str) -> float:
    return found[f"maxbridge_{metric}", tuple(sorted(labels.items()))]


def test_what_the_file_says(tmp_path: Path) -> None:
    found = samples(full_file(tmp_path))
    assert one(found, "up") == 1
    assert one(found, "build_info", version=__version__) == 1
    assert one(found, "start_time_seconds") == NOW - 500
    assert one(found, "status") == 1
    assert one(found, "loop_trouble", loop="desk_poller") == 1
    assert one(found, "loop_trouble", loop="max_poller") == 0
    assert one(found, "loop_last_progress_timestamp_seconds", loop="max_poller") == NOW - 1
    assert one(found, "loop_last_success_timestamp_seconds", loop="max_poller") == NOW - 1
    assert one(found, "queue_waiting", queue="inbox") == 3
    assert one(found, "queue_held", queue="inbox") == 1
    assert one(found, "queue_oldest_age_seconds", queue="inbox") == 7200
    assert one(found, "queue_oldest_age_seconds", queue="outbox") == 0
    assert one(found, "events_unreadable") == 4
    assert one(found, "tickets_not_given") == 2
    assert one(found, "max_marker_timestamp_seconds") == NOW - 3
    assert (one(found, "dialogs"), one(found, "dialogs_blocked")) == (17, 2)
    desk = {"kind": "desk", "name": "desk.example.ru"}
    assert one(found, "certificate_end_timestamp_seconds", **desk) == NOW + 10 * DAY
    assert one(found, "certificate_urgent", **desk) == 1
    max_api = {"kind": "max", "name": "platform-api2.max.ru"}
    assert one(found, "certificate_urgent", **max_api) == 0
    assert (one(found, "gap_seconds"), one(found, "gap_dialogs_left")) == (30 * 3600 - 60, 2)
    delivered = {"direction": "in", "kind": "message", "result": "delivered"}
    assert one(found, "deliveries_total", **delivered) == 1
    assert one(found, "deliveries_total", **{**delivered, "result": "held"}) == 1
    assert one(found, "delivery_seconds_bucket", direction="in", le="1.0") == 0
    assert one(found, "delivery_seconds_bucket", direction="in", le="2.5") == 1
    # A bound belongs to its own bucket.
    assert one(found, "delivery_seconds_bucket", direction="out", le="30.0") == 1
    assert one(found, "delivery_seconds_bucket", direction="out", le="10.0") == 0
    assert one(found, "delivery_seconds_bucket", direction="in", le="+Inf") == 1
    assert one(found, "delivery_seconds_sum", direction="in") == 1.5
    assert one(found, "delivery_seconds_count", direction="in") == 1
    assert one(found, "api_requests_total", end="desk", outcome="desk.timeout") == 1
    assert one(found, "disk_free_bytes") > 0
    assert [one(found, "ratings", stars=str(each)) for each in range(1, 6)] == [0, 0, 0, 7, 0]


def test_every_metric_has_a_help_text_and_a_name_by_the_conventions(tmp_path: Path) -> None:
    families = list(text_string_to_metric_families(full_file(tmp_path)))
    assert len(families) > 15
    for family in families:
        assert family.documentation.endswith("."), family.name
        assert re.fullmatch(r"maxbridge_[a-z_]+", family.name)
        assert family.type in ("gauge", "counter", "histogram")


def test_no_customer_and_no_message_is_in_it(tmp_path: Path) -> None:
    text = full_file(tmp_path)
    for private in ("512340001", "secret", "777000777", "in-12"):
        assert private not in text


def test_others_may_read_it_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        full_file(tmp_path)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "maxbridge.prom").stat().st_mode) == 0o644
    assert [each.name for each in tmp_path.iterdir()] == ["maxbridge.prom"]


def test_delays_of_any_length_are_counted() -> None:
    counters = Counters()
    for seconds in (0.0, *BUCKETS, 1e9):
        counters.end(outcome(seconds=seconds))
    assert counters.delays["in"].counts == [2] + [1] * len(BUCKETS)


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ENOENT, "metrics.no_folder"),
        (errno.ENOTDIR, "metrics.no_folder"),
        (errno.EACCES, "metrics.denied"),
        (errno.EROFS, "metrics.denied"),
        (errno.ENOSPC, "metrics.full"),
        (errno.EIO, "metrics.error"),
    ],
)
def test_what_stands_in_the_way_has_a_name_and_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, code: str
) -> None:
    def fail(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    textfile = Textfile(tmp_path / "m.prom", Counters(), lambda _: reading(tmp_path))
    assert textfile.write(up=True) is None
    old = (tmp_path / "m.prom").read_text()
    monkeypatch.setattr(os, "fchmod", fail)
    failure = textfile.write(up=True)
    assert failure is not None
    assert (failure.code, failure.detail) == (code, os.strerror(number))
    assert code in ADVICE
    assert (tmp_path / "m.prom").read_text() == old
    assert [each.name for each in tmp_path.iterdir()] == ["m.prom"]


def test_a_link_in_the_place_of_the_temporary_file_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / ".m.prom.tmp").symlink_to(victim)
    textfile = Textfile(tmp_path / "m.prom", Counters(), lambda _: reading(tmp_path))
    assert textfile.write(up=True) is None
    assert victim.read_text() == "mine"
    assert not (tmp_path / "m.prom").is_symlink()


def test_a_store_that_cannot_be_read_leaves_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "m.prom"
    blind = replace(reading(tmp_path), snapshot=None)
    assert Textfile(path, Counters(), lambda _: blind).write(up=True) is None
    found = samples(path.read_text())
    assert one(found, "loop_trouble", loop="desk_poller") == 1
    assert ("maxbridge_queue_waiting", (("queue", "inbox"),)) not in found


# --- the daemon ----------------------------------------------------------------------------------


@pytest.fixture
def lines() -> Iterator[Lines]:
    yield from logging_to()


async def _written(path: Path) -> Samples:
    """What the next round writes."""
    await asyncio.sleep(11)
    return read(path)


def read(path: Path) -> Samples:
    return samples(path.read_text())


@virtual
async def test_the_daemon_writes_it_each_round_and_a_last_time(tmp_path: Path) -> None:
    path = tmp_path / "maxbridge.prom"
    async with running(tmp_path, textfile=str(path)) as bridge:
        bridge.say("вопрос")
        await bridge.until(bridge.tickets)
        bridge.reply(1, "<div>ответ</div>")
        await bridge.until(lambda: bridge.sent(USER))
        found = await _written(path)
        assert one(found, "up") == 1
        assert one(found, "status") == 0
        for direction, kind in (("in", "message"), ("out", "reply")):
            labels = {"direction": direction, "kind": kind, "result": "delivered"}
            assert one(found, "deliveries_total", **labels) == 1
            assert one(found, "delivery_seconds_count", direction=direction) == 1
        assert one(found, "api_requests_total", end="max", outcome="ok") > 1
        assert one(found, "api_requests_total", end="desk", outcome="ok") > 1
        bridge.break_max("refuse", times=None)
        await asyncio.sleep(60)
        found = await _written(path)
        assert one(found, "loop_trouble", loop="max_poller") == 1
        assert one(found, "api_requests_total", end="max", outcome="max.unreachable") > 0
        bridge.max_line.clear()
    assert one(read(path), "up") == 0


@virtual
async def test_a_folder_that_is_missing_is_one_line_and_stops_nothing(
    tmp_path: Path, lines: Lines
) -> None:
    folder = tmp_path / "later"
    async with running(tmp_path, textfile=str(folder / "m.prom")) as bridge:
        bridge.say("вопрос")
        await bridge.until(bridge.tickets)
        await asyncio.sleep(300)
        (line,) = lines.of("trouble")
        assert (line["loop"], line["error"]) == ("metrics", "metrics.no_folder")
        assert line["advice"] == ADVICE["metrics.no_folder"]
        folder.mkdir()
        await bridge.until((folder / "m.prom").exists, 15)
        (over,) = lines.of("trouble is over")
        assert over["loop"] == "metrics"


def test_the_library_is_loaded_only_where_metrics_are_wanted(tmp_path: Path) -> None:
    script = (
        "import sys, maxbridge.daemon, json; print(json.dumps('prometheus_client' in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) is False
