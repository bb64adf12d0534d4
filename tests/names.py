"""The names of what failed, also when the run of the tests itself breaks down."""

from __future__ import annotations

import pytest


class Names:
    """Names what failed and what was running when the run itself breaks down.

    pytest prints its summary of failures only after a run that came to its end. When a worker of xdist
    dies in a way that the scheduler cannot mend, there is none.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._failed: dict[str, None] = {}
        self._running: dict[str, None] = {}

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """A test begins; xdist tells it of all its workers."""
        self._running[nodeid] = None

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """A test has come to its end, however."""
        self._running.pop(nodeid, None)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """How one phase of a test ended; of a worker that crashed, that it did."""
        if report.failed:
            self._failed[report.nodeid] = None
            self._running.pop(report.nodeid, None)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, exitstatus: int) -> None:
        """Say the names where nobody else will."""
        if exitstatus != pytest.ExitCode.INTERNAL_ERROR or hasattr(self._config, "workerinput"):
            return
        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        if reporter is None:
            return
        reporter.section("the run broke down", sep="=", red=True)
        for title, names in (("FAILED", self._failed), ("WAS RUNNING", self._running)):
            for name in names:
                reporter.line(f"{title} {name}")
