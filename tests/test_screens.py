"""The pictures of the terminal show what the program prints today, and load nothing."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest

from screens.drawing import LINE
from screens.moving import ROWS, moving
from screens.scenes import PICTURES, SCENES
from screens.words import with_stamps_of, words, words_of

NAMESPACE = "http://www.w3.org/2000/svg"
REMEDY = "run: make screens"
LINK = re.compile(r"[a-z]+://[^\s\"'<>)]+")


@pytest.mark.parametrize("name", [name for name, scene in SCENES.items() if scene.cheap])
def test_it_shows_what_the_command_prints_today(name: str) -> None:
    drawn = words_of((PICTURES / f"{name}.svg").read_text(encoding="utf-8"))
    assert drawn == words(SCENES[name].play()), REMEDY


def test_none_is_missing_and_none_is_left_over() -> None:
    assert {each.name for each in PICTURES.iterdir()} == {f"{name}.svg" for name in SCENES}


@pytest.mark.parametrize("name", SCENES)
def test_it_loads_nothing_and_says_in_words_what_it_shows(name: str) -> None:
    path = PICTURES / f"{name}.svg"
    assert path.stat().st_size < 60_000
    text = path.read_text(encoding="utf-8")
    root = ET.fromstring(text)  # noqa: S314 - our own file
    kinds = {each.tag.removeprefix(f"{{{NAMESPACE}}}") for each in root.iter()}
    assert kinds <= {"svg", "title", "desc", "style", "rect", "text", "g"}, kinds
    assert "url(" not in text
    assert "@import" not in text
    # An address may be read in the terminal, but nothing is fetched from one.
    loaded = {value for each in root.iter() for value in each.attrib.values() if LINK.search(value)}
    assert loaded == set()
    assert root.findtext(f"{{{NAMESPACE}}}title") == SCENES[name].title
    description = root.find(f"{{{NAMESPACE}}}desc")
    assert description is not None
    assert (description.text or "").startswith("$ ")
    assert root.get("aria-labelledby") == "title"


def test_the_demo_moves_and_stands_at_its_end_where_nothing_moves() -> None:
    picture = moving("a demo", "$ demo\n\n  0.1s one\n  0.1s two\n\n  and\n  9.0s three\n")
    shares = [
        float(each) for each in re.findall(r"@keyframes m\d+\{0%\{opacity:0\}([\d.]+)%", picture)
    ]
    assert shares == sorted(shares)
    whole = float(re.search(r"animation:([\d.]+)s", picture)[1])  # type: ignore[index]
    # Two lines of one moment are apart, the narrator's line can be read, and the last comes when it came.
    assert [round(each * whole / 100, 1) for each in shares] == [0.5, 1.0, 1.5, 9.0]
    assert "prefers-reduced-motion:reduce){.scroll,.m{animation:none}}" in picture


def test_a_demo_longer_than_the_window_scrolls_to_its_end() -> None:
    lines = 2 * ROWS
    picture = moving(
        "a demo", "\n".join(["$ demo", *(f" {each:2}.0s x" for each in range(1, lines))])
    )
    far = re.findall(r"translateY\(-([\d.]+)px\)", picture)
    assert max(map(float, far)) == pytest.approx(ROWS * LINE)


def test_only_the_seconds_of_a_demo_do_not_make_a_new_picture() -> None:
    assert with_stamps_of("  1.2s Anna: yes", " 11.3s Anna: yes") == "  1.2s Anna: yes"
    assert with_stamps_of("  1.2s Anna: yes", "  1.3s Anna: no") == "  1.3s Anna: no"


def test_words_are_what_is_to_be_read() -> None:
    assert words("\x1b[?25l\x1b[32mok\x1b[0m  \r\n<a> & b\r\n\r\n") == "ok\n<a> & b"
