"""What `init` says: the same in both languages."""

from __future__ import annotations

import io

import pytest

from maxbridge.saying import LANGUAGES
from maxbridge.setup.talk import EN, OPTIONS, Person, Words, proposal


def test_every_question_can_be_asked_and_answered_in_advance() -> None:
    assert OPTIONS.keys() <= EN.keys()


@pytest.mark.parametrize(
    ("environ", "proposed"),
    [
        ({"LANG": "ru_RU.UTF-8"}, "ru"),
        ({"LANG": "en_GB.UTF-8"}, "en"),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "ru_RU.UTF-8"}, "ru"),
        ({"LANG": "C.UTF-8"}, "ru"),
        ({}, "ru"),
    ],
)
def test_the_bridge_is_to_speak_russian_where_the_locale_does_not_say_english(
    environ: dict[str, str], proposed: str
) -> None:
    assert proposal(environ) == proposed


@pytest.mark.parametrize(
    ("typed", "chosen"),
    [
        *[("е", "a"), ("т", "n"), ("о", "n"), ("П", "p"), ("б", "g"), ("", "a")],
        *[("a", "a"), ("t", "n"), ("o", "n"), ("p", "p"), ("u", "g")],
        # What was asked for before: scripts type it.
        *[("а", "a"), ("н", "n"), ("д", "g"), ("n", "n"), ("g", "g")],
    ],
)
def test_a_letter_may_be_typed_on_a_russian_keyboard(
    typed: str, chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{typed}\n"))
    assert Person("ru").choose("what_now_max", "anpg") == chosen


@pytest.mark.parametrize("tongue", LANGUAGES)
def test_names_from_outside_cannot_play_with_the_terminal(tongue: str) -> None:
    assert "\x1b" not in Words(tongue).text("bot", name="a\x1b[2J", number=1)
