"""The name: maxbridge everywhere, but maxbridge-freescout where Python's distributions are named."""

from __future__ import annotations

import re
import tomllib
from datetime import date
from pathlib import Path

import pytest

from maxbridge import __version__

ROOT = Path(__file__).parents[1]
FETCHES = re.compile(
    r"(?:pipx? install|pip3 install|uv tool install|uv pip install|uv add|pip install --upgrade)"
    r"[^\n`;&|]*?[\s'\"]maxbridge(?![-\w/.])"
)
"""Commands that would install what bears the short name on PyPI."""
WARNS = {
    "README.md": "Never `pip install maxbridge`: on PyPI that name is somebody else's program.",
    "README.ru.md": "Не набирайте `pip install maxbridge`: под этим именем на PyPI лежит чужая программа.",
}
WARNS |= {"docs/start.md": WARNS["README.md"], "docs/start.ru.md": WARNS["README.ru.md"]}
SUFFIXES = {".py", ".md", ".sh", ".toml", ".txt", ".service", ".timer", ".svg", ".1", ".yml", ""}


def texts() -> list[Path]:
    """Everything that a person reads or a program prints."""
    folders = ["src", "docs", "tools", "bench", "packaging", "systemd", "monitoring", ".ci"]
    below = [path for folder in folders for path in (ROOT / folder).rglob("*")]
    found = [path for path in (*ROOT.glob("*"), *below) if path.is_file()]
    return [path for path in found if path.suffix in SUFFIXES and "__pycache__" not in path.parts]


def test_nothing_says_to_install_somebody_elses_program() -> None:
    seen = {str(path.relative_to(ROOT)): path.read_text("utf-8", "replace") for path in texts()}
    assert len(seen) > 300
    assert {"README.md", "docs/start.ru.md", "src/maxbridge/cli/__init__.py", "Makefile"} <= set(
        seen
    )
    found = {name: FETCHES.findall(text) for name, text in seen.items()}
    assert {name: len(each) for name, each in found.items() if each} == dict.fromkeys(WARNS, 1)
    for name, warning in WARNS.items():
        assert seen[name].count(warning) == 1
        assert seen[name].count("`maxbridge-freescout`") == 1


@pytest.mark.parametrize(
    ("words", "fetches"),
    [
        ("pip install maxbridge", True),
        ("run `pip install --upgrade maxbridge`.", True),
        ("pipx install maxbridge\n", True),
        ("uv tool install 'maxbridge'", True),
        ("sudo /opt/maxbridge/bin/pip install .", False),
        ("pip install maxbridge-freescout", False),
        ("pip install dist/maxbridge_freescout-1.0.0-py3-none-any.whl", False),
        ("pip install ./maxbridge.whl", False),
        ("sudo apt install maxbridge", False),
    ],
)
def test_what_would_fetch_it_is_recognised(words: str, fetches: bool) -> None:
    assert bool(FETCHES.search(words)) is fetches


def test_the_distribution_has_the_long_name_and_brings_the_short_command() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["name"] == "maxbridge-freescout"
    assert project["scripts"] == {"maxbridge": "maxbridge.cli:main"}
    control = (ROOT / "packaging" / "deb" / "control").read_text()
    assert control.startswith("Package: maxbridge\n")


def test_the_changelog_has_this_version_with_its_day_below_what_is_to_come() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    unreleased, latest, *_ = re.findall(r"^## \[(.+?)\](?: – (\S+))?$", text, re.MULTILINE)
    assert unreleased == ("Unreleased", "")
    assert latest[0] == __version__
    assert date.fromisoformat(latest[1]) >= date(2026, 11, 30)
