"""What `init` says: the same in both languages."""

from __future__ import annotations

import string

import pytest

from maxbridge.advice import ADVICE
from maxbridge.setup.talk import OPTIONS, Words
from maxbridge.setup.texts import ADVICE_RU, CATALOGUE, EN, RU, language, proposal


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_both_languages_have_the_same_texts_with_the_same_places() -> None:
    assert EN.keys() == RU.keys()
    assert {name: places(text) for name, text in EN.items()} == {
        name: places(text) for name, text in RU.items()
    }


def test_every_question_can_be_asked_and_answered_in_advance() -> None:
    assert OPTIONS.keys() <= EN.keys()


def test_every_failure_of_a_reading_has_its_advice_in_russian() -> None:
    """The calls of `init` are readings; what only a POST or a file can meet needs none."""
    never = {"max.unauthorized", "max.webhook", "max.method_refused", "desk.unauthorized"}
    never |= {"desk.too_large", "desk.file_refused_host", "desk.file_tls", "desk.file_unreachable"}
    met = {code for code in ADVICE if code.startswith(("max.", "desk."))}
    met = {code for code in met - never if not code.startswith("max.upload_")}
    assert met == set(ADVICE_RU)
    for words in ADVICE_RU.values():
        assert any("а" <= letter <= "я" for letter in words.lower())


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
