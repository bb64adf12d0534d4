"""Every page for administrators stands in both languages, alike in all that is for the machine."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
IN_ENGLISH_ONLY = {
    "decisions.md",
    "dependencies.md",
    "features.md",
    "gallery.md",
    "performance.md",
    "testing.md",
}
"""Records of those who build maxbridge; docs/decisions.md says why."""

FENCE = re.compile(r"^ *```.*?^ *```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
PICTURE = re.compile(r"!\[[^\]]*\]\(([^)\s]+)\)")
NUMBER = re.compile(r"\d+(?:[.,]\d+)?")
CYRILLIC = re.compile("[а-яё]", re.IGNORECASE)


def twin(page: Path) -> Path:
    return page.with_name(f"{page.name.removesuffix('.md')}.ru.md")


RUSSIAN = [ROOT / "README.ru.md", *sorted(DOCS.glob("*.ru.md"))]
ENGLISH = [each.with_name(each.name.replace(".ru.md", ".md")) for each in RUSSIAN]
PAIRS = pytest.mark.parametrize("english", ENGLISH, ids=lambda page: page.name)
PAGES = [*ENGLISH, *RUSSIAN, *(DOCS / name for name in sorted(IN_ENGLISH_ONLY))]


def prose(page: Path) -> str:
    return FENCE.sub("", page.read_text())


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub and GitLab make of the headings, and those written by hand."""
    found = set(re.findall(r'<a id="([^"]+)">', page.read_text()))
    for heading in re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE):
        words = re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower())
        found.add(words.replace(" ", "-"))
    return found


def test_every_page_is_in_both_languages_or_known_to_be_in_english_only() -> None:
    in_both = {each.name for each in (*ENGLISH, *RUSSIAN) if each.parent == DOCS}
    assert in_both & IN_ENGLISH_ONLY == set()
    assert {each.name for each in DOCS.glob("*.md")} == in_both | IN_ENGLISH_ONLY


@PAIRS
def test_each_page_leads_to_its_twin_under_its_title(english: Path) -> None:
    russian = twin(english)
    for page, line in (
        (english, f"[По-русски]({russian.name})"),
        (russian, f"[In English]({english.name})"),
    ):
        assert line in page.read_text().split("\n")[:3]


@PAIRS
def test_both_have_the_same_shape(english: Path) -> None:
    """Headings, tables and lists are translated one by one."""
    for shape in (r"^(#+) ", r"^(\|)", r"^ *(- )", r"^( *\d+\.) "):
        counts = [re.findall(shape, prose(each), re.MULTILINE) for each in (english, twin(english))]
        assert counts[0] == counts[1], shape


@PAIRS
def test_both_name_the_same_keys_commands_and_codes(english: Path) -> None:
    """Whatever stands in `backticks` is for the machine, so it has no translation."""
    names = [set(re.findall(r"`([^`\n]+)`", prose(each))) for each in (english, twin(english))]
    assert names[0] == names[1]


@PAIRS
def test_both_have_the_same_numbers_in_their_tables(english: Path) -> None:
    """A figure that is mended in one language is mended in the other."""
    numbers = [
        [
            sorted(each.replace(",", ".") for each in NUMBER.findall(row))
            for row in re.findall(r"^\|.*$", prose(page), re.MULTILINE)
        ]
        for page in (english, twin(english))
    ]
    assert numbers[0] == numbers[1]


@PAIRS
def test_both_show_as_many_blocks_and_the_same_commands(english: Path) -> None:
    blocks = [
        re.findall(r"^ *```(\w*)\n(.*?)^ *```$", each.read_text(), re.DOTALL | re.MULTILINE)
        for each in (english, twin(english))
    ]
    assert [language for language, _ in blocks[0]] == [language for language, _ in blocks[1]]
    for (language, one), (_, other) in zip(*blocks, strict=True):
        if language == "sh":
            strip = re.compile(r"(^|\s+)#.*$", re.MULTILINE)  # what a comment says is translated
            assert strip.sub("", one) == strip.sub("", other)


@pytest.mark.parametrize("page", RUSSIAN, ids=lambda page: page.name)
def test_the_russian_page_is_in_russian(page: Path) -> None:
    paragraphs = [each for each in re.split(r"\n{2,}", prose(page)) if len(each) > 80]
    foreign = [each for each in paragraphs if not CYRILLIC.search(each)]
    assert foreign == []


@pytest.mark.parametrize(
    "page", [each for each in RUSSIAN if each.parent == DOCS], ids=lambda page: page.name
)
def test_a_russian_page_leads_to_russian_pages_where_there_are_any(page: Path) -> None:
    targets = [link.partition("#")[0] for link in LINK.findall(prose(page))]
    english = {f"{page.name.removesuffix('.ru.md')}.md"}
    assert [
        each
        for each in targets
        if re.fullmatch(r"(?![a-z]+:).+(?<!\.ru)\.md", each)
        and twin(page.parent / each).exists()
        and each not in english
    ] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in [*LINK.findall(prose(page)), *PICTURE.findall(prose(page))]:
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        other = (page.parent / name).resolve() if name else page
        assert other.exists(), target
        if anchor:
            assert anchor in anchors(other), target
