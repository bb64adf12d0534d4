"""What `init` says: the same in both languages."""

from __future__ import annotations

import string

import pytest

from maxbridge.setup.talk import OPTIONS, Words
from maxbridge.setup.texts import CATALOGUE, EN, RU, language, proposal


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_both_languages_have_the_same_texts_with_the_same_places() -> None:
    assert EN.keys() == RU.keys()
    assert {name: places(text) for name, text in EN.items()} == {
        name: places(text) for name, text in RU.items()
    }


def test_every_question_can_be_asked_and_answered_in_advance() -> None:
    assert OPTIONS.keys() <= EN.keys()


@pytest.mark.parametrize(
    ("environ", "asked", "proposed"),
    [
        ({"LANG": "ru_RU.UTF-8"}, "ru", "ru"),
        ({"LANG": "en_GB.UTF-8"}, "en", "en"),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "ru_RU.UTF-8"}, "ru", "ru"),
        ({"LANG": "C.UTF-8"}, "en", "ru"),
        ({}, "en", "ru"),
    ],
)
def test_the_language_is_the_locales(environ: dict[str, str], asked: str, proposed: str) -> None:
    assert language(environ) == asked
    assert proposal(environ) == proposed


@pytest.mark.parametrize("tongue", CATALOGUE)
def test_names_from_outside_cannot_play_with_the_terminal(tongue: str) -> None:
    assert "\x1b" not in Words(tongue).text("bot", name="a\x1b[2J", number=1)
