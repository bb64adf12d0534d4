"""core.reply.colours: what was highlighted by hand, and what only had a background."""

from __future__ import annotations

import pytest

from maxbridge.core.render import render
from maxbridge.core.reply.looks import is_highlighter
from maxbridge.i18n import RU


@pytest.mark.parametrize(
    "background",
    [
        "yellow",
        "yellow none repeat scroll 0% 0%",
        "#ff0",
        "#ffff00",
        "#00ff00",
        "rgb(255, 255, 0)",
        "rgb(255 242 0)",
        "rgb(255, 0, 255)",
        "rgb(255,156,0)",
        "#ffe58f",
    ],
)
def test_marks_of_a_highlighter(background: str) -> None:
    assert is_highlighter(background)


@pytest.mark.parametrize(
    "background",
    [
        "",
        "white",
        "transparent",
        "none",
        "inherit",
        "#fff",
        "#ffffff",
        "rgb(255, 255, 255)",
        "rgba(255, 255, 0, 0)",
        "#f5f5f5",
        "#fafbff",
        "rgb(0, 120, 215)",
        "#000",
        "#12345",
        "url(a.png)",
        "linear-gradient(yellow, red)",
        "var(--mark)",
    ],
)
def test_how_a_page_only_looked(background: str) -> None:
    assert not is_highlighter(background)


def test_words_highlighted_in_word_stay_highlighted() -> None:
    def html(body: str) -> tuple[str, ...]:
        return render(body, RU, keep=lambda _: False).texts

    assert html('<p>и <span style="background: yellow;">выделением</span>.</p>') == (
        "и <mark>выделением</mark>.",
    )
    assert html('<p style="background: yellow">абзац</p>') == ("абзац",)
    assert html('<span style="background:yellow;background-color:white">a</span>') == ("a",)
