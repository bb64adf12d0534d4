"""core.wrapping: long words wrap on the agent's page, and nothing else changes."""

from __future__ import annotations

import re
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laws import law, texts
from maxbridge.core.events import Mark
from maxbridge.core.markup import BREAK, LONGEST, breakable, formatted, text_to_html
from maxbridge.core.render import render, to_text
from maxbridge.core.text import is_joined
from maxbridge.i18n import RU

LONG = "https://shop.example/" + "катало" * 5 + "/" + "x" * 250 + "?a=1&b=2"


def words(html: str) -> list[str]:
    """The unbreakable stretches of what is shown."""
    shown = unescape(re.sub(r"</?(?:div|blockquote)[^>]*>|<br>", " ", html))
    return re.split(rf"[\s{BREAK}\u00ad]+", re.sub(r"<[^>]*>", "", shown))


@pytest.mark.parametrize(
    "html",
    [
        "<div>обычные слова</div>",
        f"<div>{'я' * LONGEST}</div>",
        f"<div>{'я' * LONGEST}<br>{'и' * LONGEST}</div><div>{'э' * LONGEST}</div>",
        "<div>https://shop.example/короткий?a=1&amp;b=2</div>",
        "",
    ],
)
def test_what_fits_stays_as_it_is(html: str) -> None:
    assert breakable(html) == html


@pytest.mark.parametrize(
    "word", ["я" * 300, "a" * 81, "W" * 100, "👩\u200d💻" * 60, "🇷🇺" * 100, "e\u0301" * 90]
)
def test_a_long_word_gets_places_to_break_and_keeps_its_letters(word: str) -> None:
    html = breakable(f"<div>{word}</div>")
    assert html.replace(BREAK, "") == f"<div>{word}</div>"
    assert max(map(len, words(html))) <= LONGEST
    for piece in words(html)[1:-1]:
        at = word.index(piece) + len(piece)
        assert at == len(word) or not is_joined(word, at) or piece == ""


def test_wide_letters_fill_a_line_sooner() -> None:
    for letter, whole in (("я", 80), ("W", 50), ("Щ", 50), ("漢", 40)):
        assert breakable(letter * whole) == letter * whole
        assert BREAK in breakable(letter * (whole + 1))


def test_what_is_parted_fits_on_a_phone() -> None:
    """Of wide letters 25 stuck out of FreeScout's page at 375 pixels."""
    assert max(map(len, words(breakable(f"<div>{'Ж' * 300}</div>")))) <= 20


def test_a_long_address_is_a_link_whose_address_is_whole() -> None:
    for before, behind in (("см. ", "."), ("(", ")"), ("", ""), ("«", "»,")):
        html = breakable(text_to_html(f"{before}{LONG}{behind}"))
        (href,) = re.findall(r'<a href="([^"]*)">', html)
        assert unescape(href) == LONG
        assert max(map(len, words(html))) <= LONGEST
        assert (
            unescape(re.sub(r"<[^>]*>", "", html)).replace(BREAK, "") == f"{before}{LONG}{behind}"
        )
        assert html.endswith(f"</a>{behind}")


def test_an_address_without_a_scheme_leads_where_the_page_would_lead() -> None:
    html = breakable("www.shop.example/" + "x" * 100)
    assert html.startswith('<a href="http://www.shop.example/xxx')


def test_links_keep_their_addresses_and_what_may_be_no_link_becomes_none() -> None:
    link = f'<a href="{LONG.replace("&", "&amp;")}">{"слово" * 30}</a>'
    html = breakable(f"<div>{link}</div>")
    assert html.count("<a ") == 1
    assert LONG.replace("&", "&amp;") in html
    assert "<a " not in breakable("https://user@shop.example/" + "x" * 100)
    assert "<a " not in breakable("<div><pre>https://shop.example/" + "x" * 100 + "</pre></div>")


def test_program_text_is_left_to_be_copied() -> None:
    html = f"<div><pre>{'x' * 300}</pre></div>"
    assert breakable(html) == html


def test_a_word_of_several_looks_is_one_word() -> None:
    half = "я" * 60
    html = breakable(formatted(half * 2, [Mark("strong", 0, 60)]))
    assert re.sub(f"</?b>|{BREAK}", "", html) == f"<div>{half * 2}</div>"
    assert max(map(len, words(html))) <= LONGEST


def test_a_break_stands_behind_a_sign_where_there_is_one_near() -> None:
    html = breakable("a" * 25 + "/" + "b" * 60)
    assert html == "a" * 25 + "/" + BREAK + "b" * 30 + BREAK + "b" * 30


LONG_WORDS = st.text(st.sampled_from("aЯ&<>\"'/.👍🏽\u0301\u00a0-"), min_size=1, max_size=260)


@given(st.lists(LONG_WORDS | texts | st.just(LONG), max_size=4).map(" ".join))
@law
def test_only_places_to_break_are_added_whatever_the_text(text: str) -> None:
    html = text_to_html(text)
    broken = breakable(html)
    assert to_text(broken, RU) == to_text(html, RU)
    assert re.sub(r"</?a[^>]*>", "", broken).replace(BREAK, "") == re.sub(BREAK, "", html)


# --- back to MAX --------------------------------------------------------------------------------------


def test_what_an_agent_copies_from_the_page_goes_to_max_without_them() -> None:
    word = "я" * 200
    quoted = f"<blockquote>{breakable(f'<div>{word}</div>')}</blockquote><div>да</div>"
    (text,) = render(quoted, RU, keep=lambda _: False).texts
    assert text.split("\n") == [f"&gt; {word}", "да"]
    (text,) = render(f"<div>{breakable(LONG)}</div>", RU, keep=lambda _: False).texts
    assert BREAK not in text
    assert unescape(text) == f'<a href="{LONG}">{LONG}</a>'
    # The editor makes a link of what was pasted.
    pasted = LONG.replace("/x", f"/{BREAK}x")
    for href in (pasted, pasted.replace(BREAK, "%E2%80%8B")):
        (text,) = render(f"<a href='{href}'>{pasted}</a>", RU, keep=lambda _: False).texts
        assert unescape(text) == f'<a href="{LONG}">{LONG}</a>'
