"""The order of the tests: long modules first, whatever stands in the table is there."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from longest import SECONDS, longest_first, workers

TESTS = Path(__file__).parent


def item(name: str) -> Any:
    module, _, test = name.partition("::")
    return SimpleNamespace(path=TESTS / module, name=test)


def test_long_modules_come_first_and_the_order_within_each_stays() -> None:
    longest, *_, shortest = SECONDS
    items = [
        item(each)
        for each in ("core/test_text.py::b", f"{shortest}::z", f"{longest}::2", f"{longest}::1",
                     "core/test_text.py::a", f"{shortest}::y")
    ]  # fmt: skip
    longest_first(items)
    assert [each.name for each in items] == ["2", "1", "z", "y", "b", "a"]


def test_the_table_names_modules_that_are_there_longest_first() -> None:
    assert [each for each in SECONDS if not (TESTS / each).is_file()] == []
    assert list(SECONDS.values()) == sorted(SECONDS.values(), reverse=True)


def test_workers_get_them_in_this_order(pytestconfig: pytest.Config) -> None:
    """xdist would sort by the number of tests, and the longest module of all has five."""
    assert pytestconfig.option.loadscopereorder is False


def test_there_is_one_worker_more_than_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 3}, raising=False)
    assert workers() == 3
