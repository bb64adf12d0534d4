"""core.reply.addresses: which addresses MAX takes as links, by the simulator's own rule."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laws import law
from maxbridge.core.reply.lines import in_words, is_link, must_be_named, says, tidy
from maxbridge.sim.max.errors import ApiError
from maxbridge.sim.max.markup import check_link

pieces = st.sampled_from(
    [
        "http://", "https://", "HTTPS://", "ftp://", "//", "x", "shop", ".", "..", "ru", "рф", "xn--p1ai",
        "local", "localhost", "1", "127.0.0.1", "[::1]", ":", "80", ":99999", "@", "/", "?a=b&c", "#", " ",
        "\t", "\n", "%20", "_", "-", "%", "\\", "\x00", "😀", "\u202e", "（", "。", "'", '"', "<", "lan", "com",
    ]
)  # fmt: skip
public = st.tuples(st.sampled_from(["http://", "https://"]), st.lists(pieces, max_size=5), st.just("x.ru"),
    st.lists(pieces, max_size=4)).map(lambda made: f"{made[0]}{''.join(made[1])}{made[2]}{''.join(made[3])}")  # fmt: skip
"""Many of these are links: the law below would say little about a set without any."""


@given(public)
@law
def test_max_takes_every_address_that_we_make_a_link(href: str) -> None:
    address = tidy(href)
    if is_link(address):
        with contextlib.suppress(ApiError):
            check_link(address)
            return
        pytest.fail(f"MAX refuses {address!r}")


@pytest.mark.parametrize(
    "address", ["https://x.ru", "http://x.ru:8080/a?b#c", "https://a-b.пример.рф/я"]
)
def test_ordinary_addresses_are_links(address: str) -> None:
    assert is_link(address)
    assert not is_link(address, longest=len(address) - 1)


@pytest.mark.parametrize(
    ("words", "address", "named"),
    [
        ("на X.RU/a/", "https://x.ru/a", True),
        ("x.ru", "https://x.ru/a", False),
        ("8 (999) 123-45-67", "+79991234567", True),
        ("999 123", "+79991234567", False),
        ("112", "112", True),
        ("заказ 9991234567", "https://x.ru/9991234567", False),
    ],
)
def test_words_that_say_their_address(words: str, address: str, named: bool) -> None:
    assert says(words, address) is named
    assert must_be_named(words, address, linked=False) is not named


@pytest.mark.parametrize(
    ("words", "misleading"),
    [
        ("наш сайт", False),
        ("отчёт.pdf", False),
        ("https://x.ru", False),
        ("http://www.X.ru/other", False),
        ("https://bank.ru", True),
        ("см. www.bank.ru", True),
        ("https://x.ru.evil.ru", True),
    ],
)
def test_words_of_a_link_that_spell_out_another_host_mislead(words: str, misleading: bool) -> None:
    assert must_be_named(words, "https://www.x.ru/a", linked=True) is misleading


@pytest.mark.parametrize(
    ("href", "words"),
    [
        ("mailto:%D0%B0@x.ru?subject=b", "а@x.ru"),
        ("tel:+7%0A999\x00", "+7 999"),
        ("ftp://x.ru/", "ftp://x.ru/"),
        ("skype:x", ""),
        ("", ""),
        ("a", ""),
    ],
)
def test_addresses_in_words(href: str, words: str) -> None:
    assert in_words(href) == words
