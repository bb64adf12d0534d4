"""SECURITY.md: both languages alike, and every protection names a module and a test that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ENGLISH, RUSSIAN = ROOT / "SECURITY.md", ROOT / "SECURITY.ru.md"
CODE = re.compile(r"`([^`\n]+)`")
CYRILLIC = re.compile("[а-яё]", re.IGNORECASE)


def rows(page: Path) -> list[list[str]]:
    """Cells of the rows that name a module and a test."""
    lines = [each for each in page.read_text().splitlines() if each.startswith("| ")]
    return [[cell.strip() for cell in each.strip("|").split(" | ")] for each in lines]


def test_both_have_the_same_headings_rows_and_names() -> None:
    for shape in (r"^(#+) ", r"^(\|)", r"^(- )"):
        counts = [re.findall(shape, each.read_text(), re.MULTILINE) for each in (ENGLISH, RUSSIAN)]
        assert counts[0] == counts[1], shape
    names = [CODE.findall(each.read_text()) for each in (ENGLISH, RUSSIAN)]
    assert sorted(names[0]) == sorted(names[1])


def test_each_is_in_its_own_language() -> None:
    assert len(CYRILLIC.findall(ENGLISH.read_text())) < 20
    assert all(CYRILLIC.search(cells[0]) and CYRILLIC.search(cells[1]) for cells in rows(RUSSIAN))


@pytest.mark.parametrize("page", [ENGLISH, RUSSIAN], ids=["en", "ru"])
def test_every_protection_names_a_module_and_a_test_that_exist(page: Path) -> None:
    found = [cells for cells in rows(page) if "::" in cells[-1]]
    assert len(found) > 25
    for cells in found:
        (module,), (place,) = CODE.findall(cells[2]), CODE.findall(cells[3])
        assert (ROOT / "src" / "maxbridge" / module).is_file(), module
        file, _, name = place.partition("::")
        assert f"def {name}(" in (ROOT / file).read_text(), place
