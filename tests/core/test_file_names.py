"""core.file_names: letters written as percent signs and digits are letters again."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given

from laws import law, texts
from maxbridge.core.text import clean, decoded_name


@pytest.mark.parametrize(
    ("name", "decoded"),
    [
        ("%D0%A1%D1%87%D1%91%D1%82.pdf", "Счёт.pdf"),
        ("%25D0%25A1%25D1%2587%25D1%2591%25D1%2582.pdf", "Счёт.pdf"),
        ("UTF-8''%D0%A1%D1%87%D1%91%D1%82%20%E2%84%96%205.pdf", "Счёт № 5.pdf"),
        ("utf-8'ru'%D0%A1.pdf", "С.pdf"),
        ("windows-1251''%D1%F7%E5%F2.pdf", "Счет.pdf"),
        ("%D1%F7%E5%F2.pdf", "Счет.pdf"),
        ("счёт_%22важный%22.xlsx", 'счёт_"важный".xlsx'),
        ("a%20b.txt", "a b.txt"),
        ("=?UTF-8?B?0KHRh9GR0YI=?=.pdf", "Счёт.pdf"),
        ("=?utf-8?q?=D0=A1=D1=87?=.pdf", "Сч.pdf"),
        ("=?nonsense?b?!?=.pdf", "=?nonsense?b?!?=.pdf"),
        ("&#1057;&#x447;&#1105;&#1090;.pdf", "Счёт.pdf"),
        ("R&D;.pdf", "R&D;.pdf"),
        ("\\u0421\\u0447.pdf", "Сч.pdf"),
        ("C:\\u1.txt", "C:\\u1.txt"),
        ("Счёт.pdf".encode().decode("latin-1"), "Счёт.pdf"),
        ("Отчёт.pdf".encode().decode("latin-1"), "Отчёт.pdf"),
        ("Résumé.pdf".encode().decode("cp1252"), "Résumé.pdf"),
        ("Résumé.pdf", "Résumé.pdf"),
        ("naïve café.pdf", "naïve café.pdf"),
        # Not every percent sign is an encoding.
        ("Скидка 50%.pdf", "Скидка 50%.pdf"),
        ("100%", "100%"),
        ("50%zz.pdf", "50%zz.pdf"),
        ("%FF%FE%00.bin", "%FF%FE%00.bin"),
        ("%20", "%20"),
        ("it's a'b%20c.txt", "it's a'b c.txt"),
        ("Счёт.pdf", "Счёт.pdf"),
        ("", ""),
        ("a%2Fb%00c%0D%0A.pdf", "a/bc\n.pdf"),
    ],
)
def test_names(name: str, decoded: str) -> None:
    assert decoded_name(name) == decoded


@given(texts.map(clean).filter(lambda text: "%" not in text and text.strip()))
@law
def test_a_name_encoded_once_or_twice_comes_back(name: str) -> None:
    once = quote(name)
    assert decoded_name(name) == name
    if "'" not in name and name.isprintable():
        assert decoded_name(once) == decoded_name(quote(once)) == name


@given(texts)
@law
def test_any_name_is_decoded_without_an_error(name: str) -> None:
    decoded_name(clean(name)).encode()
