"""How long a file is waited for, in both directions: whose trouble it is decides, never the direction alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bridge import running
from file_samples import JPEG, MP4, PNG
from maxbridge.core.errors import ApiError, Failure, Kind, Scope
from maxbridge.files.failures import REFUSALS
from maxbridge.files.hosts import BUSY, HostWaitsError
from maxbridge.files.patience import LONGEST, WHILE_MADE, FilePatience
from virtual_time import virtual

WAIT = 300.0
BOTH = pytest.mark.parametrize("words_wait", [True, False], ids=["to the desk", "to MAX"])


def error(code: str, kind: Kind = Kind.TRANSIENT) -> ApiError:
    return ApiError(Failure(code, kind, certain=True, scope=Scope.ITEM))


@dataclass
class World:
    """A file that fails again and again, and two services that answer readings meanwhile or not."""

    words_wait: bool
    now: float = 0.0
    answered: dict[str, int] = field(default_factory=lambda: {"max": 0, "desk": 0})

    def __post_init__(self) -> None:
        self.patience = FilePatience(
            wait=WAIT,
            words_wait=self.words_wait,
            now=lambda: self.now,
            answers=lambda name: self.answered.get(name, 0),
        )

    def left_behind_after(
        self, failing: Callable[[], ApiError], *, every: float = 10.0, works: bool = True
    ) -> tuple[int, float] | None:
        """After how many tries and seconds; None when it still waits after a day."""
        began = self.now
        for tries in range(1, 10_000):
            if self.patience.failed("file", failing()) is None:
                return tries, self.now - began
            self.now += every
            if works:
                for name in self.answered:
                    self.answered[name] += 1
            if self.now - began > 86400.0:
                return None
        raise AssertionError


@BOTH
def test_what_the_file_itself_explains_ends_at_once(words_wait: bool) -> None:
    for code in ("media.refused_host", "desk.file_too_large", "max.forbidden_file"):
        assert World(words_wait).left_behind_after(
            lambda: error(code, Kind.PERMANENT)  # noqa: B023 - called at once
        ) == (1, 0.0)


@BOTH
def test_a_refusal_is_believed_when_it_came_three_times(words_wait: bool) -> None:
    for code in ("media.gone", "desk.file_gone", "max.upload_refused"):
        found = World(words_wait).left_behind_after(lambda: error(code, Kind.PERMANENT))  # noqa: B023
        assert found is not None
        assert found[0] == REFUSALS


@BOTH
@pytest.mark.parametrize("works", [True, False])
def test_a_host_that_is_silent_is_waited_for_as_long_as_the_administrator_says(
    words_wait: bool, works: bool
) -> None:
    for code in ("media.timeout", "desk.file_unreachable", "max.upload_dropped", "media.tls"):
        found = World(words_wait).left_behind_after(lambda: error(code), works=works)  # noqa: B023
        assert found is not None
        assert WAIT <= found[1] < WAIT + 20.0


@BOTH
def test_who_comes_later_does_not_wait_again_for_a_host_in_trouble(words_wait: bool) -> None:
    for code in ("media.timeout", "max.upload_timeout", "desk.file_timeout"):
        failure = error(code).failure
        world = World(words_wait)
        waits = world.patience.failed("first", HostWaitsError(failure, 100.0, 10.0))
        assert waits is not None
        assert (waits.away, waits.pause) == (True, 10.0)
        # Never asked again long after it is left behind.
        world.now += 195.0
        waits = world.patience.failed("first", HostWaitsError(failure, 295.0, 120.0))
        assert waits is not None
        assert waits.pause == 5.0
        assert world.patience.failed("other", HostWaitsError(failure, WAIT, 10.0)) is None


@BOTH
@pytest.mark.parametrize("code", ["max.unavailable", "max.server_error"])
def test_an_outage_of_the_service_is_no_fault_of_the_files(words_wait: bool, code: str) -> None:
    world = World(words_wait)
    assert world.left_behind_after(lambda: error(code), works=False) is None
    # Once it answers others, the same error is about this file.
    found = world.left_behind_after(lambda: error(code))
    assert found is not None
    assert found[1] <= LONGEST + 20.0


@BOTH
def test_our_own_disk_and_a_busy_host_are_no_fault_of_the_files(words_wait: bool) -> None:
    busy = HostWaitsError(error(BUSY).failure, 0.0, 7.0)
    waits = World(words_wait).patience.failed("file", busy)
    assert waits is not None
    assert (waits.away, waits.pause) == (False, 7.0)
    for each in (error("files.full"), busy):
        found = World(words_wait).left_behind_after(lambda: each, every=60.0)  # noqa: B023
        # Words do not wait for ever, whatever happens to our disk.
        assert (found is not None) is words_wait
        assert found is None or LONGEST <= found[1] < LONGEST + 120.0


def test_errors_of_a_host_that_answers_end_sooner_where_words_wait() -> None:
    to_desk = World(words_wait=True).left_behind_after(lambda: error("media.unavailable"))
    to_max = World(words_wait=False).left_behind_after(lambda: error("max.upload_unavailable"))
    assert to_desk is not None
    assert to_max is not None
    assert to_desk[0] == REFUSALS
    assert LONGEST <= to_max[1] < LONGEST + 20.0


def test_what_max_is_at_work_on_has_some_tries() -> None:
    found = World(words_wait=True).left_behind_after(lambda: error("media.not_ready"))
    assert found is not None
    assert found[0] == WHILE_MADE


@BOTH
def test_what_was_carried_has_its_time_anew_and_a_clock_that_is_set_back_costs_one_more(
    words_wait: bool,
) -> None:
    world = World(words_wait, now=1e6)
    silent = error("media.timeout")
    assert world.patience.failed("file", silent)
    world.now += WAIT - 1.0
    world.patience.over("file")
    assert world.patience.failed("file", silent)
    world.now -= 86400.0
    found = world.left_behind_after(lambda: silent)
    assert found is not None
    assert found[1] < WAIT + 20.0


# --- on the running bridge --------------------------------------------------------------------------


def names(bridge: object) -> list[list[str]]:
    threads = sorted(bridge.desk.state.threads.values(), key=lambda each: each.id)  # type: ignore[attr-defined]
    return [[file.name for file in each.attachments] for each in threads if each.type == "customer"]


@virtual
async def test_a_video_arrives_after_an_outage_of_max(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        bridge.break_max("status", status=503, path="/videos/*", times=None)
        bridge.say("видео", attachments=[bridge.max.state.attach("video", MP4, "")])
        await bridge.until(lambda: bridge.max_line.injected)
        bridge.break_max("status", status=503, times=None)
        await asyncio.sleep(600.0)
        bridge.max_line.clear()
        await bridge.quiet(3600.0)
        assert names(bridge) == [["Видео.mp4"]]


@virtual
async def test_files_of_both_directions_arrive_when_our_disk_has_room_again(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        bridge.say("раз")
        await bridge.until(bridge.tickets)
        assert bridge.daemon is not None
        spool = bridge.daemon._spool
        reserve = spool._reserve
        spool._reserve = 1 << 60
        bridge.say("фото", attachments=[bridge.max.state.attach("image", JPEG, "")])
        bridge.reply(1, "<div>ответ</div>", attachments=[("a.png", "image/png", PNG)])
        await asyncio.sleep(600.0)
        assert names(bridge) == [[]]
        spool._reserve = reserve
        await bridge.quiet(3600.0)
        assert [len(each) for each in names(bridge)] == [0, 1]
        sent = [each["body"] for each in bridge.max.state.visible(bridge.chat())][-1]
        assert [each["type"] for each in sent["attachments"]] == ["image"]
