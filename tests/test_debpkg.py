"""What can be said of the Debian package without building it; ``packaging/deb/try`` does the rest."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from itertools import pairwise
from pathlib import Path

import pytest

from debpkg.environment import PREFIX, SHARED, IncompleteError, check_complete
from debpkg.target import PYTHONS, ROOT, Target, architectures
from debpkg.tree import FILES, UNITS
from maxbridge.config import SERVICE_STATE, SYSTEM_CONFIG
from maxbridge.sources import CREDENTIALS

SCRIPTS = ["preinst", "postinst", "prerm", "postrm", "rtupdate"]
DPKG = shutil.which("dpkg")


def version(upstream: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr("debpkg.target.__version__", upstream)
    return Target("amd64", "1", 0).version


def test_versions_are_written_as_debian_sorts_them(monkeypatch: pytest.MonkeyPatch) -> None:
    assert version("1.0.dev1", monkeypatch) == "1.0~dev1-1"
    row = ["1.0a1", "1.0b1", "1.0rc1", "1.0", "1.0.1", "1.10.0"]
    written = [version(each, monkeypatch) for each in row]
    assert written[2:4] == ["1.0~rc1-1", "1.0-1"]
    if DPKG is None:
        pytest.skip("no dpkg here to ask for the order")
    for older, newer in pairwise(written):
        subprocess.run([DPKG, "--compare-versions", older, "lt", newer], check=True)


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_are_plain_shell(script: str) -> None:
    path = FILES / script
    assert path.read_text().startswith("#!/bin/sh\n")
    assert "\nset -e\n" in path.read_text()
    subprocess.run(["/bin/sh", "-n", str(path)], check=True)


def test_purge_forgets_what_the_program_and_its_units_use() -> None:
    text = (FILES / "postrm").read_text()
    assert f"rm -rf --one-file-system {SYSTEM_CONFIG.parent}\n" in text
    for name in CREDENTIALS.values():
        assert f'"$store/$1.{name}"' in text
    unit = (ROOT / "systemd" / "maxbridge.service").read_text()
    assert f"StateDirectory={SERVICE_STATE.parent.name}\n" in unit
    many = (ROOT / "systemd" / "maxbridge@.service").read_text()
    assert f"StateDirectory={SERVICE_STATE.parent.name}-%i\n" in many
    assert f"LoadCredential=config.toml:{SYSTEM_CONFIG.parent}/%i.toml" in many
    assert f'"{SERVICE_STATE.parent.parent}/$1"' in text
    assert 'forget "maxbridge-$name"' in text


def test_the_unit_starts_what_the_package_installs() -> None:
    unit = (ROOT / "systemd" / "maxbridge.service").read_text()
    assert f"ExecStart=/{PREFIX}/bin/maxbridge run" in unit
    assert UNITS.parts[:3] == ("usr", "lib", "systemd")
    assert (
        f"AssertPathExists={SYSTEM_CONFIG.parent}/@SETTINGS@"
        in (FILES / "settings.conf").read_text()
    )


def test_the_pythons_are_those_that_are_supported_without_a_gap() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    stated = [each.rpartition(" ")[2] for each in project["classifiers"]]
    assert [each for each in stated if re.fullmatch(r"3\.\d+", each)] == list(PYTHONS)
    minors = [int(each.partition(".")[2]) for each in PYTHONS]
    assert minors == list(range(minors[0], minors[-1] + 1))
    control = (FILES / "control").read_text()
    assert f"python3 (>= 3.{minors[0]}~), python3 (<< 3.{minors[-1] + 1})" in control


def test_wheels_of_another_machine_are_not_asked_for() -> None:
    assert set(architectures()) == {"amd64", "arm64"}
    for each in architectures():
        target = Target(each, "1", 0)
        machine = target.strip.partition("-")[0]
        assert all(platform.endswith(machine) for platform in target.platforms)


def distribution(folder: Path, name: str, *requires: str) -> None:
    path = folder / f"{name}-1.dist-info"
    path.mkdir(parents=True)
    lines = [f"Name: {name}", "Version: 1", *(f"Requires-Dist: {each}" for each in requires)]
    (path / "METADATA").write_text("\n".join(lines) + "\n\n")


def test_what_another_python_alone_requires_is_missed(tmp_path: Path) -> None:
    """pip asks the Python that it runs on whether a requirement applies, not the one it fetches for."""
    distribution(
        tmp_path / SHARED,
        "Some.Thing",
        'old-helper; python_version < "3.12"',
        'new_helper>=2; python_version >= "3.13"',
        'never; extra == "more" or sys_platform == "win32"',
    )
    distribution(tmp_path / "lib/python3.11/site-packages", "old_helper")
    check_complete(tmp_path, "3.11")
    check_complete(tmp_path, "3.12")
    with pytest.raises(
        IncompleteError, match=r"Python 3\.13: Some\.Thing-1\.dist-info requires new_"
    ):
        check_complete(tmp_path, "3.13")


def test_a_missing_wheel_cannot_go_unnoticed(tmp_path: Path) -> None:
    distribution(tmp_path / SHARED, "one", "other")
    with pytest.raises(IncompleteError, match=r"one-1\.dist-info requires other"):
        check_complete(tmp_path, "3.11")
