"""Whoever runs the tests learns what failed, whatever becomes of the run."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from names import Names


class Reporter:
    """The terminal, as far as it is used."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def section(self, title: str, **_: Any) -> None:
        self.lines.append(title)

    def line(self, text: str) -> None:
        self.lines.append(text)


def told(exitstatus: int, **more: Any) -> list[str]:
    """What is told of a run in which one test passed, one failed, one crashed and one had just begun."""
    reporter = Reporter()
    config: Any = SimpleNamespace(
        pluginmanager=SimpleNamespace(get_plugin={"terminalreporter": reporter}.get), **more
    )
    names = Names(config)
    for each in ("passed", "failed", "crashed", "begun"):
        names.pytest_runtest_logstart(each)
    reports: Any = [
        SimpleNamespace(nodeid="passed", failed=False),
        SimpleNamespace(nodeid="failed", failed=True),
        SimpleNamespace(nodeid="crashed", failed=True),  # xdist: worker 'gw0' crashed
    ]
    for report in reports:
        names.pytest_runtest_logreport(report)
    for each in ("passed", "failed"):
        names.pytest_runtest_logfinish(each)
    names.pytest_sessionfinish(exitstatus)
    return reporter.lines


def test_a_run_that_breaks_down_names_what_failed_and_what_was_running() -> None:
    assert told(pytest.ExitCode.INTERNAL_ERROR) == [
        "the run broke down", "FAILED failed", "FAILED crashed", "WAS RUNNING begun",
    ]  # fmt: skip


def test_a_run_that_ends_has_its_summary() -> None:
    assert told(pytest.ExitCode.TESTS_FAILED) == []


def test_a_worker_leaves_it_to_whoever_started_it() -> None:
    assert told(pytest.ExitCode.INTERNAL_ERROR, workerinput={}) == []
