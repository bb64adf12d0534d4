"""What can be said of the Debian package without building it; ``packaging/deb/try`` does the rest."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tomllib
from dataclasses import fields
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from debpkg import rpm
from debpkg.environment import PREFIX, SHARED, IncompleteError, check_complete
from debpkg.target import PYTHONS, ROOT, Target, architectures
from debpkg.tree import FILES, UNITS
from maxbridge import __version__
from maxbridge.config.loading import SERVICE_STATE, SYSTEM_CONFIG
from maxbridge.config.settings import SECTIONS
from maxbridge.config.sources import CREDENTIALS
from maxbridge.observe.status import Level

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


# --- the .rpm ------------------------------------------------------------------------------------


def tree(folder: Path) -> Path:
    """A little of what make_tree makes."""
    for name in (
        "opt/maxbridge/bin/maxbridge",
        "usr/lib/systemd/system/maxbridge.service",
        "usr/share/zsh/vendor-completions/_maxbridge",
        "usr/share/lintian/overrides/maxbridge",
        "usr/share/python3/runtime.d/maxbridge.rtupdate",
        "usr/share/doc/maxbridge/README.Debian",
        "usr/share/doc/maxbridge/README.md",
    ):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    (folder / "opt/maxbridge/bin/maxbridge").chmod(0o755)
    (folder / "opt/maxbridge/bin/python3").symlink_to("/usr/bin/python3")
    (folder / "etc/maxbridge").mkdir(parents=True)
    return folder


def test_both_packages_say_the_same_of_themselves(tmp_path: Path) -> None:
    told = rpm.description(tree(tmp_path), Target("amd64", "1", 0))
    control = (FILES / "control").read_text()
    assert (told["name"], told["version"], told["release"]) == ("maxbridge", __version__, "1")
    for line in str(told["description"]).splitlines():
        assert line in control
    assert told["depends"] == ["python3 >= 3.11", "python3 < 3.15", "glibc >= 2.28"]
    assert "python3 (>= 3.11~), python3 (<< 3.15), libc6 (>= 2.28)" in control


def test_folders_of_the_system_are_not_the_packages(tmp_path: Path) -> None:
    found = rpm.description(tree(tmp_path), Target("amd64", "1", 0))["contents"]
    assert isinstance(found, list)
    kinds = {each["dst"]: each.get("type", "file") for each in found}
    assert kinds["/opt/maxbridge/bin/python3"] == "symlink"
    assert {path for path, kind in kinds.items() if kind == "dir"} == {
        "/etc/maxbridge", "/opt/maxbridge", "/opt/maxbridge/bin", "/usr/share/doc/maxbridge",
    }  # fmt: skip


def test_what_is_debians_alone_is_not_in_the_rpm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []
    monkeypatch.setattr("debpkg.rpm.subprocess.run", lambda command, **_: asked.append(command))
    rpm.pack(tree(tmp_path / "root"), Target("arm64", "1", 0), tmp_path / "x.rpm", tmp_path)
    told = json.loads((tmp_path / "nfpm.yaml").read_text())
    places = {each["dst"] for each in told["contents"]}
    assert "/usr/share/zsh/site-functions/_maxbridge" in places
    assert not [
        each for each in places if "lintian" in each or "Debian" in each or "runtime.d" in each
    ]
    assert set(told["scripts"]) == {"preinstall", "postinstall", "preremove", "postremove"}
    assert asked[0][1:4] == ["package", "--packager", "rpm"]
    assert rpm.file_name(Target("arm64", "1", 0)) == f"maxbridge-{__version__}-1.aarch64.rpm"


@pytest.mark.parametrize("script", sorted(rpm.SCRIPTS.iterdir()), ids=lambda path: path.name)
def test_scripts_of_the_rpm_are_plain_shell(script: Path) -> None:
    assert script.read_text().startswith("#!/bin/sh\n")
    assert "\nset -e\n" in script.read_text()
    subprocess.run(["/bin/sh", "-n", str(script)], check=True)


# --- the image -----------------------------------------------------------------------------------


def test_the_image_is_nobodys_root_and_is_asked_by_status() -> None:
    text = (ROOT / "Dockerfile").read_text()
    assert "USER 10001:10001" in text
    assert 'CMD ["sh", "-c", "maxbridge status --nagios; [ $? -le 1 ]"]' in text
    assert int(Level.DEGRADED) == 1
    assert "-c constraints.txt" in text
    for (section, key), name in CREDENTIALS.items():
        assert f"MAXBRIDGE_{section}__{key}_FILE=/run/secrets/{name}".upper() in text.upper()


def test_compose_gives_the_container_nothing_that_it_does_not_need() -> None:
    (service,) = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"].values()
    assert service["read_only"] is True
    assert service["user"] == "10001:10001"
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "ports" not in service
    assert set(service["secrets"]) == set(CREDENTIALS.values())
    named = {each for each in service["environment"] if each.startswith("MAXBRIDGE_")}
    required = {
        f"MAXBRIDGE_{section}__{each.name}".upper()
        for section, cls in SECTIONS.items()
        for each in fields(cls)
        if each.metadata.get("required") and not each.metadata.get("secret")
    }
    assert named == required


def test_the_image_is_built_from_what_the_wheel_needs() -> None:
    let_in = (ROOT / ".dockerignore").read_text().splitlines()
    assert let_in[0] == "*"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    wanted = {*wheel["force-include"], *wheel["shared-data"], "LICENSE", "README.md", "src"}
    wanted |= {
        "pyproject.toml",
        "constraints.txt",
        project["tool"]["hatch"]["build"]["hooks"]["custom"]["path"],
    }
    assert {f"!{each}" for each in wanted} == {each for each in let_in if each.startswith("!")}


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
