"""core.links: an address becomes a link only when browser, desk and bridge read it alike."""

from __future__ import annotations

import pytest
from hypothesis import given

from laws import law, wire_texts
from maxbridge.core.text import address_note, link, safe_href
from page import Page


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "http://example.com:8080/a?b=1&c=2#d",
        "https://EXAMPLE.COM/",
        "https://пример.рф/путь?имя='значение'",
        "https://xn--e1afmkfd.xn--p1ai/",
        "http://93.184.216.34/",
        "https://a_b.example.com./",
        "https://example.com/@anna",
        "mailto:anna+order@mail.example.com",
        "tel:112",
    ],
)
def test_addresses_that_become_links(url: str) -> None:
    assert safe_href(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "", "example.com", "//example.com", "/path",
        "javascript:alert(1)", "JavaScript:alert(1)", "java\nscript:alert(1)", "\x01javascript:x",
        "data:text/html,<b>", "vbscript:x", "file:///etc/passwd", "max://chat", "ftp://example.com",
        "blob:https://example.com/x", "view-source:https://example.com",
        "https://", "https:///example.com", "https:/example.com", "https:example.com", "http://[", "http://[::1]/",
        "https://bank.example@evil.example/", "https://user:pass@evil.example/",
        "https://bank.example\\@evil.example/", "https:\\\\evil.example", "https://evil.example\\.bank.example/",
        "https://localhost/", "https://router/", "https://.example/", "https://exa mple.com", "https://a..example",
        "https://example.com:99999/", "https://example.com:x/", "https://example.com:0/",
        "https://example.com/\u202egpj.exe", "https://exam\u200bple.com/", "https://example.com/a b",
        'https://example.com/"onmouseover="x', "https://example.com/<script>", "https://example.com/\ta",
        "https://example\u3002com/", "https://example.com\u2044evil.example/",
        "mailto:", "mailto:anna", "mailto:a@b.example?bcc=x@y.example", "mailto:a@b.example,c@d.example", "mailto:<a@b.example>",
        "tel:", "tel:1", "tel:abc", "tel:*21*123#", "tel:+7999;ext=5", "sms:+79991234567",
    ],
)  # fmt: skip
def test_addresses_that_stay_text(url: str) -> None:
    assert safe_href(url) == ""
    assert link("слова", url) == "слова"


def test_a_number_is_dialled_as_checked() -> None:
    assert safe_href("tel:8(999)123-45-67") == "tel:+79991234567"


@given(wire_texts)
@law
def test_no_address_breaks_out_of_its_place(text: str) -> None:
    for url in (text, f"https://example.com/{text}", f"https://{text}.example/", f"mailto:{text}"):
        page = Page(link("<слова>", url))
        assert page.is_ours()
        assert page.text == "<слова>"


@pytest.mark.parametrize(
    "words",
    [
        "https://bank.example/", "http://bank.example", "www.bank.example", "bank.example/вход", "Bank.Example",
        "Ваш банк bank.example ждёт", "bank。example", "ｂａｎｋ．ｅｘａｍｐｌｅ", "ba\u00adnk.exam\u200bple", "банк.рф",
        "93.184.216.34", "anna@bank.example", "https://", "evil.example.bank.example", "evil.example/x/y",
        "https://evil.example/x https://bank.example",
    ],
)  # fmt: skip
def test_words_that_look_like_another_address(words: str) -> None:
    assert "(https://evil.example/x)" in address_note(words, "https://evil.example/x")


@pytest.mark.parametrize(
    "words",
    ["тут", "", "Договор № 1.5", "12.10.2026", "и т.д.", "evil.example/x", "EVIL.example/x/",
     "http://www.evil.example/x", " https://evil.example/x "],
)  # fmt: skip
def test_words_that_do_not(words: str) -> None:
    assert address_note(words, "https://evil.example/x") == ""


@pytest.mark.parametrize(
    ("before", "words", "after", "noted"),
    [
        ("зайдите на bank.", "example", " сейчас", True),
        ("зайдите на ", "bank", ".example сейчас", True),
        ("bank.example ", "тут", " bank.example", False),
    ],
)
def test_a_link_is_read_with_what_it_is_glued_to(
    before: str, words: str, after: str, noted: bool
) -> None:
    assert bool(address_note(words, "https://evil.example/x", before, after)) is noted


@pytest.mark.parametrize("url", ["HTTPS://x.example/A", "MailTo:a@x.example"])
def test_the_scheme_is_written_small(url: str) -> None:
    scheme, _, rest = url.partition(":")
    assert safe_href(url) == f"{scheme.lower()}:{rest}"
