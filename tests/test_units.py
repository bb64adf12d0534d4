"""The units, judged by systemd's own tools; docs/systemd.md says what else was tried."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
UNITS = ["maxbridge.service", "maxbridge@.service"]
PROGRAM = "/opt/maxbridge/bin/maxbridge"
MOST_EXPOSED = 1.2
"""systemd itself calls up to 2.0 "OK"; what is left is internet access itself (docs/systemd.md)."""

pytestmark = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None,
    reason="systemd-analyze is missing: apt-get install systemd",
)


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(shutil.which("systemd-analyze")), "--no-pager", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
    )


@pytest.mark.parametrize("unit", UNITS)
def test_systemd_finds_nothing_wrong(unit: str, tmp_path: Path) -> None:
    # The program need not be installed here, but some program must be there.
    text = (ROOT / "systemd" / unit).read_text()
    assert PROGRAM in text
    copy = tmp_path / unit
    copy.write_text(text.replace(PROGRAM, sys.executable))
    done = analyze("verify", "--man=no", str(copy))
    assert (done.returncode, done.stderr + done.stdout) == (0, "")


def test_a_mistake_in_a_unit_would_be_found(tmp_path: Path) -> None:
    copy = tmp_path / "maxbridge.service"
    text = (ROOT / "systemd" / "maxbridge.service").read_text().replace(PROGRAM, sys.executable)
    copy.write_text(text.replace("WatchdogSec=180", "WatchdogSecs=180"))
    assert "WatchdogSecs" in analyze("verify", "--man=no", str(copy)).stderr


@pytest.mark.parametrize("unit", UNITS)
def test_little_of_the_system_is_exposed(unit: str) -> None:
    done = analyze("security", "--offline=true", str(ROOT / "systemd" / unit))
    found = re.search(r"Overall exposure level for \S+ ([\d.]+)", done.stdout)
    assert found, done.stdout + done.stderr
    assert float(found[1]) <= MOST_EXPOSED, done.stdout


def test_times_fit_together() -> None:
    """The signs of life, what asks for time at the start, and what the unit allows."""
    from maxbridge.watch import HUNG_AFTER, START_PERIOD, TICK  # noqa: PLC0415 - skipped with the rest

    text = (ROOT / "systemd" / "maxbridge.service").read_text()
    watchdog = int(re.search(r"^WatchdogSec=(\d+)$", text, re.MULTILINE)[1])  # type: ignore[index]
    start = int(re.search(r"^TimeoutStartSec=(\d+)$", text, re.MULTILINE)[1])  # type: ignore[index]
    assert watchdog / 3 + TICK <= watchdog / 2
    assert start >= 3 * TICK
    assert START_PERIOD > 3 * TICK
    assert f"still for {HUNG_AFTER / 60:.0f} minutes" in text
