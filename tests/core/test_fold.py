"""core.fold: what MAX may do to a stored text does not matter, its words do (contract max.md 12)."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from html import escape
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laws import law, texts, wire_texts
from maxbridge.core.history import fold, ways_shown
from maxbridge.core.reply.max_html import plain

INVISIBLE = (
    "\u00ad\u200b\u200c\u200d\u200e\u200f\u202a\u202e\u2060\u2066\u2069\ufeff\ufe0e\ufe0f\u034f"
)
SPACES = " \u00a0\u2003\u202f\u3000\t\n\u2028"
QUOTES = "\"'«»„“”‘’"
DASHES = "-‐‑–—−"

letters = st.text(
    st.characters(categories=["L", "N"], include_characters="👍№₽"), min_size=1, max_size=9
)
words = st.lists(letters, min_size=1, max_size=6)
sentences = st.lists(
    st.one_of(
        letters,
        st.sampled_from(
            ['"да"', "«нет»", "5-3", "и — или", "…", "да...", "e\u0301", "и\u0306", "(см. ниже)"]
        ),
        st.sampled_from(["https://romashka.ru/", "http://www.romashka.ru/a?b=c", "romashka.ru/x"]),
    ),
    min_size=1,
    max_size=6,
).map(" ".join)


def _sprinkled(text: str, chance: Random) -> str:
    return "".join(char + chance.choice(["", "", chance.choice(INVISIBLE)]) for char in text)


def _respaced(text: str, chance: Random) -> str:
    return "".join(
        "".join(chance.choices(SPACES, k=chance.randint(1, 3))) if char.isspace() else char
        for char in f" {text} "
    )


def _retyped(text: str, chance: Random) -> str:
    typed = "".join(
        chance.choice(QUOTES)
        if char in QUOTES
        else chance.choice(DASHES)
        if char in DASHES
        else char
        for char in text
    )
    return typed.replace("...", "…") if chance.random() < 0.5 else typed.replace("…", "...")


def _tagged(text: str, chance: Random) -> str:
    tag = chance.choice(["b", "em", "code", "blockquote", 'a href="https://romashka.ru/x"'])
    at = chance.randint(0, len(text))
    return f"{text[:at]}<{tag}>{text[at:]}</{tag.partition(' ')[0]}>"


CHANGES: dict[str, Callable[[str, Random], str]] = {
    "NFC": lambda text, _: unicodedata.normalize("NFC", text),
    "NFD": lambda text, _: unicodedata.normalize("NFD", text),
    "invisible letters": _sprinkled,
    "white space": _respaced,
    "typography": _retyped,
    "entities": lambda text, _: escape(text),
    "numbered entities": lambda text, _: "".join(
        f"&#{ord(char)};" if char in "&<>«»—" else char for char in text
    ),
    "tags": _tagged,
    "without schemes": lambda text, _: text.replace("https://", "").replace("http://www.", ""),
    "with slashes": lambda text, _: text.replace("romashka.ru/x", "romashka.ru/x/"),
    "without slashes": lambda text, _: text.replace("romashka.ru/ ", "romashka.ru "),
}


@given(wire_texts)
@law
def test_folding_twice_is_as_good_as_once(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@given(sentences, st.randoms(use_true_random=False))
@law
def test_what_max_may_do_to_a_text_does_not_matter(
    change: Callable[[str, Random], str], text: str, chance: Random
) -> None:
    assert fold(change(text, chance)) == fold(text)


@given(sentences, st.randoms(use_true_random=False))
@law
def test_all_of_it_together_does_not_matter_either(text: str, chance: Random) -> None:
    changed = text
    for change in chance.sample(list(CHANGES.values()), k=4):
        changed = change(changed, chance)
    assert fold(changed) == fold(text)


@given(words, words)
@law
def test_other_words_stay_other_words(one: list[str], other: list[str]) -> None:
    same = [unicodedata.normalize("NFC", each) for each in one] == [
        unicodedata.normalize("NFC", each) for each in other
    ]
    assert (fold(" ".join(one)) == fold(" ".join(other))) == same


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://romashka.ru/1", "https://romashka.ru/2"),
        ("Счёт 15", "Счёт 16"),
        ("не здесь", "нездесь"),
        ("да", "Да"),
        ("м²", "м2"),
        ("все", "всё"),
        ("5-3", "5 3"),
    ],
)
def test_these_differ(one: str, other: str) -> None:
    assert fold(one) != fold(other)


@pytest.mark.parametrize(
    ("stored", "sent"),
    [
        ("Йод и ёж", unicodedata.normalize("NFD", "Йод и ёж")),
        ("не\u00adпре\u00adмен\u00adно", "непременно"),
        ("&amp;amp;lt;да&amp;gt;", "<да>"),
        ("&amp;lt;b&amp;gt;да", "да"),
        ("&#1;\u200bда", "да"),
        ("👍", "👍\ufe0f"),
        ("Строка\r\n\r\nвторая", "Строка\nвторая"),
        ("да<br>нет", "да\nнет"),
        ("-- \nАнна", "— Анна"),
    ],
)
def test_these_are_the_same(stored: str, sent: str) -> None:
    assert fold(stored) == fold(sent)


@pytest.mark.parametrize(
    "text", ["", " \n", "\u200b\ufeff", "\u3164", "<b></b>", "&#8203;", "\x07"]
)
def test_what_nobody_sees_folds_to_nothing(text: str) -> None:
    assert fold(text) == ""


def test_a_long_row_of_entities_within_each_other_takes_no_time() -> None:
    assert fold("&" + "amp;" * 5000 + "lt;") == "<"
    assert fold("&#38;" + "#38;" * 200) == "&"


# --- links -------------------------------------------------------------------------------------------

LINK = 'Смотрите <a href="https://romashka.ru/x?a=1&amp;b=2">здесь</a>, пожалуйста'


@pytest.mark.parametrize(
    "stored",
    [
        "Смотрите здесь, пожалуйста",
        "Смотрите здесь (https://romashka.ru/x?a=1&b=2), пожалуйста",
        "Смотрите здесь (romashka.ru/x?a=1&b=2), пожалуйста",
        "Смотрите здесь https://romashka.ru/x?a=1&b=2, пожалуйста",
        "Смотрите здесь: https://romashka.ru/x?a=1&b=2, пожалуйста",
        "Смотрите [здесь](https://romashka.ru/x?a=1&b=2), пожалуйста",
        "Смотрите https://romashka.ru/x?a=1&b=2, пожалуйста",
        LINK,
    ],
)
def test_a_link_may_be_shown_in_many_ways(stored: str) -> None:
    assert fold(stored) in ways_shown(LINK, html=True)


def test_another_link_is_another_message() -> None:
    other = LINK.replace("/x?", "/y?")
    shown = "Смотрите здесь (https://romashka.ru/y?a=1&b=2), пожалуйста"
    assert fold(shown) in ways_shown(other, html=True)
    assert fold(shown) not in ways_shown(LINK, html=True)


def test_a_plain_text_is_shown_in_one_way() -> None:
    assert ways_shown("Смотрите https://romashka.ru/", html=False) == {fold("Смотрите romashka.ru")}


@given(texts)
@law
def test_markup_counts_for_nothing(text: str) -> None:
    part = f"<b>{escape(text)}</b>"
    assert fold(part) == fold(plain(part)) == fold(text)
