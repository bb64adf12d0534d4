"""health: what is a success, what is a trouble, and what of them is told."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from logged import Lines, logging_to
from maxbridge.core.errors import Failure, Kind, Scope
from maxbridge.observe.health import TOO_SOON, Board

AWAY = Failure("max.unreachable", Kind.TRANSIENT, True, Scope.END)


def slow_down(code: str = "max.too_many_requests") -> Failure:
    return Failure(code, Kind.TRANSIENT, True, Scope.END, "HTTP 429")


@pytest.fixture
def lines() -> Iterator[Lines]:
    yield from logging_to()


@pytest.fixture
def board() -> Board:
    return Board(lambda: 1000.0)


@pytest.mark.parametrize("code", sorted(TOO_SOON))
def test_one_request_too_many_is_no_trouble(board: Board, lines: Lines, code: str) -> None:
    loop = board.loop("max_poller")
    for _ in range(3):
        loop.trouble(slow_down(code))
        record = loop.record()
        assert (record.trouble_since, record.error, record.error_at) == (None, None, None)
        loop.ok()
    assert not lines.text()
    assert loop.beats == 6


def test_the_second_in_a_row_is_told_once(board: Board, lines: Lines) -> None:
    loop = board.loop("max_poller")
    for _ in range(4):
        loop.trouble(slow_down())
    record = loop.record()
    assert (record.error, record.trouble_since) == ("max.too_many_requests", 1000.0)
    (told,) = lines.of("trouble")
    assert "another program" in told["advice"]
    loop.ok()
    assert len(lines.of("trouble is over")) == 1
    assert loop.record().trouble_since is None


@pytest.mark.parametrize(
    ("code", "setting"),
    [("max.unauthorized", "max.token"), ("desk.unauthorized", "freescout.api_key")],
)
def test_the_line_of_a_refused_secret_names_where_the_secret_stands(
    lines: Lines, code: str, setting: str
) -> None:
    refused = Failure(code, Kind.CONFIG, True, Scope.END, "HTTP 401")
    elsewhere = {setting: "systemd credential of ours"}
    Board(lambda: 1000.0, elsewhere).loop("max_poller").trouble(refused)
    Board(lambda: 1000.0, {"another": "place"}).loop("max_poller").trouble(refused)
    named, usual = (each["advice"] for each in lines.of("trouble"))
    assert "comes from systemd credential of ours, not from the configuration file" in named
    assert "comes from" not in usual


def test_in_a_trouble_it_changes_nothing(board: Board, lines: Lines) -> None:
    loop = board.loop("max_poller")
    loop.trouble(AWAY)
    loop.trouble(slow_down())
    loop.trouble(slow_down())
    assert loop.record().error == "max.too_many_requests"
    assert len(lines.of("trouble")) == 1


def test_another_trouble_is_told_after_it(board: Board, lines: Lines) -> None:
    loop = board.loop("max_poller")
    loop.trouble(slow_down())
    loop.trouble(AWAY)
    assert loop.record().error == "max.unreachable"
    assert len(lines.of("trouble")) == 1


def test_a_check_that_was_answered_ends_a_trouble_and_is_no_success(
    board: Board, lines: Lines
) -> None:
    loop = board.loop("max_poller")
    loop.trouble(AWAY)
    loop.answered()
    assert (loop.record().trouble_since, loop.record().success_at) == (None, None)
    assert not loop.live.is_set()
    assert len(lines.of("trouble is over")) == 1
    loop.ok()
    assert loop.record().success_at == 1000.0
    assert loop.live.is_set()
    assert len(lines.of("trouble is over")) == 1


def test_when_nothing_waits_any_more_a_trouble_is_over_and_that_is_no_success(
    board: Board, lines: Lines
) -> None:
    loop = board.loop("desk_writer")
    assert loop.idle()
    loop.trouble(Failure("desk.refused", Kind.TRANSIENT, True, Scope.END))
    board.changed.clear()
    assert loop.idle()
    record = loop.record()
    assert (record.trouble_since, record.success_at) == (None, None)
    assert board.changed.is_set()
    assert len(lines.of("trouble is over: nothing waits any more")) == 1
    # Our own database is none of the service's: a success alone tells that it can be written.
    loop.trouble(Failure("store.full", Kind.TRANSIENT, False, Scope.END))
    assert not loop.idle()
    assert loop.record().trouble_since is not None
    loop.ok()
    assert loop.idle()
