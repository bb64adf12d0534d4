"""The site: every page has its place, its order and its links; what is built needs nothing from outside."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from website.__main__ import breakable, index_for
from website.pages import BETWEEN_WORDS, DOCS, ORDER, ROOT, configuration, led, place_of, sources

LINK = re.compile(r"\]\(([^)\s#]+)(?:#[^)\s]*)?\)")


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("README.ru.md", "ru/index.md"),
        ("docs/start.md", "en/start.md"),
        ("docs/start.ru.md", "ru/start.md"),
        ("docs/decisions.md", "en/decisions.md"),
        ("docs/screens/check.ru.svg", "files/screens/check.ru.svg"),
        ("SECURITY.ru.md", "ru/security.md"),
    ],
)
def test_each_file_has_its_place(path: str, place: str) -> None:
    assert place_of(path) == place


def test_what_is_no_page_is_named() -> None:
    with pytest.raises(KeyError, match=r"the site does not have src/maxbridge/cli"):
        led("README.md", "[x](src/maxbridge/cli)")


@pytest.mark.parametrize(
    ("name", "text", "leads"),
    [
        ("README.ru.md", "[a](docs/start.ru.md#b)", "[a](start.md#b)"),
        ("docs/faq.ru.md", "[a](../SECURITY.ru.md)", "[a](security.md)"),
        ("docs/faq.ru.md", "[a](decisions.md)", "[a](../en/decisions.md)"),
        ("docs/faq.md", "[По-русски](faq.ru.md)", "[По-русски](../ru/faq.md)"),
        ("README.md", "![a](docs/front/talk.png)", "![a](../files/front/talk.png)"),
        ("docs/faq.md", "[a](#b) [c](https://d.example/e)", "[a](#b) [c](https://d.example/e)"),
        ("docs/faq.md", "`[a](nowhere.md)`", "`[a](nowhere.md)`"),
        ("docs/faq.md", "```sh\n[a](nowhere.md)\n```", "```sh\n[a](nowhere.md)\n```"),
    ],
)
def test_links_lead_to_places(name: str, text: str, leads: str) -> None:
    assert led(name, text) == leads


def test_every_page_stands_under_what_somebody_wants_of_it() -> None:
    pages = {place for place in sources() if place.endswith(".md")} - {"index.md"}
    named = [
        f"{short}/{name}.md"
        for short, parts in ORDER.items()
        for part in parts.values()
        for name in part
    ]
    assert len(named) == len(set(named))
    assert set(named) == pages
    assert len(list(DOCS.glob("*.md"))) < len(pages)


def test_every_link_and_picture_of_the_site_is_there() -> None:
    found = sources()
    for place, content in found.items():
        if not place.endswith(".md"):
            continue
        for target in LINK.findall(
            re.sub(r"^```.*?^```|`[^`\n]*`", "", content.decode(), flags=re.DOTALL | re.MULTILINE)
        ):
            if not re.match(r"[a-z]+:", target):
                path = (ROOT / "site" / place).parent.joinpath(target).resolve()
                assert path.relative_to(ROOT / "site").as_posix() in found, (place, target)


def test_the_switch_of_languages_knows_which_pages_are_in_both() -> None:
    told = json.loads(re.sub(r"!!python[^}]*}}", "0", configuration(Path("a"), Path("b"))))
    in_both = set(told["extra"]["in_both"])
    assert {"index.html", "start.html", "security.html"} <= in_both
    assert "decisions.html" not in in_both
    assert {
        f"{language}/{name.replace('.html', '.md')}"
        for name in in_both
        for language in ("en", "ru")
    } <= set(sources())


@pytest.mark.parametrize(
    ("html", "broken"),
    [
        ("<td>a_b <code>keep_ids</code></td>", "<td>a_b <code>keep_<wbr>ids</code></td>"),
        ("<td><code>c/d.py::e</code></td>", "<td><code>c/<wbr>d.py::<wbr>e</code></td>"),
        ("<p><code>keep_ids</code></p>", "<p><code>keep_ids</code></p>"),
    ],
)  # fmt: skip
def test_names_in_tables_break_between_their_words(html: str, broken: str) -> None:
    assert breakable(html) == broken


def index(*locations: str) -> dict[str, Any]:
    return {"config": {"lang": ["en", "ru"]}, "docs": [{"location": each} for each in locations]}


def test_a_page_searches_its_language_and_what_is_in_the_other_one_only() -> None:
    whole = index(
        "index.html", "en/start.html", "en/start.html#a", "en/gallery.html#b", "ru/start.html"
    )
    found = index_for("ru", whole)
    assert found["config"]["lang"] == ["ru"]
    assert [each["location"] for each in found["docs"]] == ["../en/gallery.html#b", "start.html"]
    assert ["boost" in each for each in found["docs"]] == [True, False]
    assert [each["location"] for each in index_for("en", whole)["docs"]] == [
        "start.html", "start.html#a", "gallery.html#b",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("error=desk.timeout", ["error", "desk.timeout"]),
        ("`status --watch`, или так.", ["status", "watch", "или", "так"]),
        ("(тикет) «примечание»: 0.5 s", ["тикет", "примечание", "0.5", "s"]),
    ],
)
def test_the_search_separates_words_and_keeps_codes_whole(text: str, words: list[str]) -> None:
    assert [each for each in re.split(BETWEEN_WORDS, text) if each] == words
