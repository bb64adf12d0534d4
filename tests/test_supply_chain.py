"""What the wheel brings along: every licence may be given on with MIT, and is written down; the SBOM is clean."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import distribution, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from sbom import LeakError, tidied

ROOT = Path(__file__).parents[1]
DEPENDENCIES = ROOT / "docs" / "dependencies.md"
PERMISSIVE = re.compile(r"\b(MIT|BSD|Apache|PSF|Python-2\.0|ISC|MPL)", re.IGNORECASE)
"""May stand beside MIT code in one installation. MPL (certifi) binds only its own files."""
COPYLEFT = re.compile(r"\b[AL]?GPL|EUPL|SSPL|Commons Clause|Proprietary", re.IGNORECASE)
IN_A_FILE_ONLY = {"peewee": "Permission is hereby granted, free of charge"}
"""Those whose metadata names no licence: words of their licence file."""


def named() -> list[Requirement]:
    """From the source: what is installed may have been installed before the last one was added."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return [Requirement(each) for each in project["dependencies"]]


def direct() -> set[str]:
    return {canonicalize_name(each.name) for each in named()}


def runtime() -> set[str]:
    """Everything that installing the wheel installs."""
    found: set[str] = set()
    pending = named()
    while pending:
        one = pending.pop()
        found.add(canonicalize_name(one.name))
        for text in requires(one.name) or ():
            more = Requirement(text)
            extras = one.extras or {""}
            wanted = more.marker is None or any(more.marker.evaluate({"extra": x}) for x in extras)
            if wanted and canonicalize_name(more.name) not in found:
                pending.append(more)
    return found


def licence(name: str) -> str:
    about = distribution(name).metadata
    classifiers = [each for each in about.get_all("Classifier") or () if "License ::" in each]
    told = [
        each[:200] for key in ("License-Expression", "License") for each in about.get_all(key) or ()
    ]
    return " ".join([*told, *classifiers]).strip()


def test_the_list_is_what_it_should_be() -> None:
    assert direct() <= runtime()
    assert {"maxapi", "pydantic", "h11"} <= runtime()
    assert "pytest" not in runtime()


@pytest.mark.parametrize("name", sorted(runtime()))
def test_a_licence_may_be_given_on_with_mit(name: str) -> None:
    words = licence(name)
    if name in IN_A_FILE_ONLY:
        files = distribution(name).files or ()
        texts = [each.read_text() for each in files if "LICENSE" in each.name.upper()]
        assert any(IN_A_FILE_ONLY[name] in each for each in texts)
        return
    assert PERMISSIVE.search(words), words
    assert not COPYLEFT.search(words), words


def test_every_direct_dependency_has_its_row_and_no_other() -> None:
    table = DEPENDENCIES.read_text().split("## Direct")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `([a-z0-9-]+)` \|", table, re.MULTILINE)
    assert sorted(rows) == sorted(direct())


def test_every_transitive_dependency_is_named() -> None:
    text = DEPENDENCIES.read_text().split("## What they bring")[1].split("\n## ")[0]
    assert set(re.findall(r"`([a-z0-9-]+)`", text)) >= runtime() - direct()


def test_the_exact_versions_of_all_are_written_down() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = {canonicalize_name(each.partition("==")[0]) for each in lines if "==" in each}
    assert runtime() - pinned == set()


# --- the bill of materials ----------------------------------------------------------------------------

BOM = {
    "serialNumber": "urn:uuid:1",
    "metadata": {"timestamp": "2026-01-01", "properties": []},
    "components": [
        {
            "name": "maxbridge",
            "externalReferences": [
                {"type": "distribution", "url": "file:///home/me/dist/x.whl"},
                {"type": "distribution", "url": "https://index.internal/x.whl"},
                {"type": "vcs", "url": "https://example.org/x"},
            ],
        },
        {"name": "h11"},
    ],
}


def test_the_bill_names_nothing_of_the_machine_that_made_it() -> None:
    assert tidied(BOM, ("/home/me", "index.internal")) == {
        "metadata": {"properties": []},
        "components": [
            {
                "name": "maxbridge",
                "externalReferences": [{"type": "vcs", "url": "https://example.org/x"}],
            },
            {"name": "h11"},
        ],
    }


def test_what_cannot_be_tidied_is_refused() -> None:
    with pytest.raises(LeakError, match="/home/me"):
        tidied({"components": [{"name": "x", "description": "of /home/me/x"}]}, ("/home/me",))
