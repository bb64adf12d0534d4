"""docs/architecture.md, reliability.md and testing.md name modules, methods, moments and tests that there are."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from maxbridge.failpoints import COMMITS, POSTS

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "maxbridge"
ARCHITECTURE = ROOT / "docs" / "architecture.md"
PAGES = pytest.mark.parametrize(
    "page",
    [ARCHITECTURE, *(ROOT / "docs" / name for name in ("reliability.md", "testing.md"))],
    ids=lambda page: page.name,
)
MODULES = [each for each in PACKAGE.rglob("*.py") if "migrations" not in each.parts]


def named(page: Path) -> set[str]:
    return set(re.findall(r"`([^`\n]+)`", page.read_text()))


def definitions() -> set[str]:
    """``Class.method`` and ``module.name`` of the whole package."""
    found = set()
    for path in MODULES:
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
                found.add(f"{path.stem}.{node.name}")
            if isinstance(node, ast.ClassDef):
                found |= {
                    f"{node.name}.{each.name}"
                    for each in node.body
                    if isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef))
                }
                found |= {
                    f"{node.name}.{ast.unparse(each.target).removeprefix('self.')}"
                    for each in ast.walk(node)
                    if isinstance(each, ast.AnnAssign)
                }
    return found


def inherited() -> dict[str, set[str]]:
    """By class, the classes that it is made of: a queue's methods are those of both queues."""
    bases: dict[str, set[str]] = {}
    for path in MODULES:
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef):
                names = {re.split(r"[\[.]", ast.unparse(each))[0] for each in node.bases}
                bases.setdefault(node.name, set()).update(names)
    return bases


@PAGES
def test_every_module_that_is_named_exists(page: Path) -> None:
    modules = {each for each in named(page) if re.fullmatch(r"[a-z_/]+\.py", each)}
    assert modules
    assert [
        each
        for each in sorted(modules)
        if not any((folder / each).exists() for folder in (PACKAGE, ROOT))
    ] == []


@PAGES
def test_every_method_that_is_named_exists(page: Path) -> None:
    known, bases = definitions(), inherited()
    methods = {each for each in named(page) if re.fullmatch(r"[A-Z]\w+\.[a-z_]\w+", each)}
    assert methods or page.name == "testing.md"
    for each in methods:
        name, _, method = each.partition(".")
        assert {f"{owner}.{method}" for owner in (name, *bases.get(name, ()))} & known, each


@PAGES
def test_every_test_that_is_named_exists(page: Path) -> None:
    tests = {each for each in named(page) if each.startswith("tests/")}
    assert tests or page.name == "reliability.md"  # the tests themselves are on testing.md
    for each in tests:
        path, _, name = each.partition("::")
        text = (ROOT / path).read_text() if (ROOT / path).is_file() else ""
        assert (ROOT / path).exists(), each
        assert not name or re.search(rf"^(async )?def {name}\(", text, re.MULTILINE), each


def test_the_way_of_a_message_passes_every_moment_at_which_tests_kill() -> None:
    """A commit or a POST that a promise hangs on has its place in the story."""
    _, _, story = ARCHITECTURE.read_text().partition("\n## One message")
    story, _, _ = story.partition("\n## ")
    moments = re.findall(r"`([a-z_]+(?:\.[a-z_]+)?)`", story)
    assert set(COMMITS) | set(POSTS) <= set(moments)


def test_each_step_names_a_module_and_a_test() -> None:
    _, _, story = ARCHITECTURE.read_text().partition("\n## One message")
    story, _, _ = story.partition("\n## ")
    steps = re.split(r"^\d+\. ", story, flags=re.MULTILINE)[1:]
    assert len(steps) > 10
    for step in steps:
        assert re.search(r"`[a-z_]+/[a-z_]+\.py`", step), step
        assert "`tests/" in step, step
