"""docs/tickets.md and its Russian twin: every row of their tables is proved by tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "docs" / name for name in ("tickets.md", "tickets.ru.md")]
EACH = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
TESTS = {
    name
    for path in (ROOT / "tests").rglob("test_*.py")
    for name in re.findall(r"^(?:async )?def (test_\w+)", path.read_text(), re.MULTILINE)
}


def rows(page: Path) -> list[str]:
    """The rows of all tables, without their heads."""
    lines = [line for line in page.read_text().splitlines() if line.startswith("|")]
    return [
        line for line in lines if not line.startswith(("|---", "| Situation |", "| Ситуация |"))
    ]


@EACH
def test_every_test_that_the_page_names_exists(page: Path) -> None:
    named = set(re.findall(r"`(test_\w+)`", page.read_text()))
    assert len(named) > 30
    assert named - TESTS == set()


@EACH
def test_every_row_names_a_test(page: Path) -> None:
    assert rows(page)
    assert [row for row in rows(page) if "`test_" not in row.rsplit("|", 2)[1]] == []


def test_both_languages_prove_each_row_by_the_same_tests() -> None:
    proofs = [[row.rsplit("|", 2)[1] for row in rows(page)] for page in PAGES]
    assert proofs[0] == proofs[1]
