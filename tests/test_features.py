"""docs/features.md claims nothing without a test that exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import NamedTuple

TESTS = Path(__file__).parent
DOCUMENT = TESTS.parent / "docs" / "features.md"
YES, PARTLY, NO = "●", "◐", "○"
PROOF = re.compile(r"`([\w/]+\.py)::(test_\w+)`")


class Row(NamedTuple):
    feature: str
    mark: str
    words: str
    proof: str

    @property
    def tests(self) -> list[tuple[str, str]]:
        return PROOF.findall(self.proof)


def rows() -> list[Row]:
    found = []
    for line in DOCUMENT.read_text(encoding="utf-8").split("\n"):
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and len(cells) == 3 and cells[1][:1] in (YES, PARTLY, NO):
            feature, claim, proof = cells
            found.append(Row(feature, claim[0], claim[1:].strip(), proof))
    return found


def names_in(path: Path) -> set[str]:
    """Names of the tests of a file, read and not run."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    kinds = ast.FunctionDef | ast.AsyncFunctionDef
    return {node.name for node in tree.body if isinstance(node, kinds)}


def test_every_row_of_the_tables_is_read() -> None:
    lines = DOCUMENT.read_text(encoding="utf-8").split("\n")
    other = ("| Feature |", "|---|")
    assert len(rows()) == sum(
        1 for line in lines if line.startswith("|") and not line.startswith(other)
    )
    assert len({row.feature for row in rows()}) == len(rows()) > 70


def test_whatever_is_claimed_has_a_test_and_nothing_else_stands_beside_it() -> None:
    for row in rows():
        assert bool(row.tests) is (row.mark != NO), row.feature
        assert PROOF.sub("", row.proof).strip() == "", row.feature


def test_what_is_missing_or_half_there_says_so_in_words() -> None:
    for row in rows():
        assert row.words or row.mark == YES, row.feature


def test_every_test_that_is_named_exists() -> None:
    known: dict[str, set[str]] = {}
    missing = []
    for file, name in {each for row in rows() for each in row.tests}:
        path = TESTS / file
        if file not in known:
            known[file] = names_in(path) if path.is_file() else set()
        if name not in known[file]:
            missing.append(f"{file}::{name}")
    assert not missing
