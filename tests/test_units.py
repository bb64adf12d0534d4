"""The units, judged by systemd's own tools; docs/systemd.md says what else was tried."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
UNITS = ["maxbridge.service", "maxbridge@.service", "maxbridge-litestream.service"]
PROGRAM = re.compile("/opt/maxbridge/bin/maxbridge|/usr/bin/litestream")
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
    assert PROGRAM.search(text)
    copy = tmp_path / unit
    copy.write_text(PROGRAM.sub(sys.executable, text))
    done = analyze("verify", "--man=no", str(copy))
    assert (done.returncode, done.stderr + done.stdout) == (0, "")


def test_a_mistake_in_a_unit_would_be_found(tmp_path: Path) -> None:
    copy = tmp_path / "maxbridge.service"
    text = (ROOT / "systemd" / "maxbridge.service").read_text()
    text = PROGRAM.sub(sys.executable, text)
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
    from maxbridge.engine.watch import HUNG_AFTER, START_PERIOD, TICK  # noqa: PLC0415 - skipped with the rest

    text = (ROOT / "systemd" / "maxbridge.service").read_text()
    watchdog = int(re.search(r"^WatchdogSec=(\d+)$", text, re.MULTILINE)[1])  # type: ignore[index]
    start = int(re.search(r"^TimeoutStartSec=(\d+)$", text, re.MULTILINE)[1])  # type: ignore[index]
    assert watchdog / 3 + TICK <= watchdog / 2
    assert start >= 3 * TICK
    assert START_PERIOD > 3 * TICK
    assert f"still for {HUNG_AFTER / 60:.0f} minutes" in text


# --- root and the service's user ---------------------------------------------------------------------

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root has two users to try")
SERVICES_USER = 61234
"""A number such as DynamicUser= gives."""


@pytest.fixture
def open_path() -> Iterator[Path]:
    """A folder that every user may walk into; pytest's own are root's alone."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@AS_ROOT
@pytest.mark.parametrize("unit", UNITS[:2])
def test_a_reload_gives_the_service_a_copy_in_a_folder_of_roots(unit: str, open_path: Path) -> None:
    """The unit's own command, with its paths moved here; what the service plants is not followed."""
    settings, folder, victim = (open_path / name for name in ("config.toml", "run", "victim"))
    settings.write_text("new")
    victim.write_text("root's")
    text = (ROOT / "systemd" / unit).read_text()
    (line,) = re.findall(r"^ExecReload=\+(.*)$", text, re.MULTILINE)
    for old, new in (
        ("/etc/maxbridge/config.toml", str(settings)),
        ("/etc/maxbridge/%i.toml", str(settings)),
        ("/run/maxbridge.fresh", str(folder)),
        ("$$", "$"),
        ("%%", "%"),
    ):
        line = line.replace(old, new)
    asleep = ["setpriv", f"--reuid={SERVICES_USER}", "--clear-groups", "sleep", "60"]
    with subprocess.Popen(asleep) as service:
        try:
            while Path(f"/proc/{service.pid}").stat().st_uid != SERVICES_USER:
                time.sleep(0.01)
            copy = folder / "maxbridge.service"
            env = {
                "PATH": "/usr/bin:/bin",
                "MAINPID": str(service.pid),
                "MAXBRIDGE_RELOAD_FROM": str(copy),
            }
            subprocess.run(shlex.split(line), env=env, check=True)
            assert service.wait(10) == -signal.SIGHUP
        finally:
            service.kill()
    assert copy.read_text() == "new"
    assert (copy.stat().st_uid, copy.stat().st_mode & 0o777) == (SERVICES_USER, 0o400)
    assert (folder.stat().st_uid, folder.stat().st_mode & 0o777) == (0, 0o755)
    assert not can_plant(victim, copy)
    assert victim.read_text() == "root's"
    # The attempt is a real one: in a folder of the service's own it succeeds.
    os.chown(folder, SERVICES_USER, SERVICES_USER)
    assert can_plant(victim, copy)


def can_plant(target: Path, link: Path) -> bool:
    """Does the service's user get a link to the target into its place?"""
    planting = ["setpriv", f"--reuid={SERVICES_USER}", "--clear-groups", "ln", "-sf"]
    done = subprocess.run([*planting, str(target), str(link)], capture_output=True, check=False)
    return done.returncode == 0
