"""core.file_names: letters written as percent signs and digits are letters again."""

from __future__ import annotations

from base64 import b64encode
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laws import law, texts
from maxbridge.core.file_names import decoded_name
from maxbridge.core.text import clean


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
        # By JavaScript's escape().
        ("%u0421%u0447%u0451%u0442%20%u21165.pdf", "Счёт №5.pdf"),
        ("%u0421%E9%20x.pdf", "Сé x.pdf"),
        ("%uD83D%uDE00.png", "😀.png"),
        ("100%uncut.avi", "100%uncut.avi"),
        # By other programs: unzip, Python, Windows.
        ("#U0421#U0447.pdf", "Сч.pdf"),
        ("\\xd0\\xa1\\xd1\\x87.pdf", "Сч.pdf"),
        # Of web pages.
        ("&quot;важный&quot; &amp; срочный.pdf", '"важный" & срочный.pdf'),
        ("&laquo;Счёт&raquo;&nbsp;5.pdf", "«Счёт»\u00a05.pdf"),
        ("&amp;#1057;&amp;#1095;.pdf", "Сч.pdf"),
        ("A&B;C Rock&roll; x.mp3", "A&B;C Rock&roll; x.mp3"),
        # Old tables of letters.
        ("%F3%DE%A3%D4.pdf", "Счёт.pdf"),
        ("%CF%D4%DE%A3%D4_%DA%C1_%CD%C1%CA.pdf", "отчёт_за_май.pdf"),
        ("%C4%CF%C7%CF%D7%CF%D2.docx", "договор.docx"),
        ("%E4%EF%E7%EF%F7%EF%F2.docx", "ДОГОВОР.docx"),
        ("%C4%CE%C3%CE%C2%CE%D0.docx", "ДОГОВОР.docx"),
        ("%91%E7%A5%E2.pdf", "Счет.pdf"),
        ("r%E9sum%E9.pdf", "résumé.pdf"),
        ("%D0%A1%D1%87%D1.pdf", "Сч.pdf"),
        ("koi8-r''%F3%DE%A3%D4.pdf", "Счёт.pdf"),
        ("nonsense''%F3.pdf", "nonsense''у.pdf"),
        # Letters that were read by a wrong table.
        ("РЎС‡С‘С‚.pdf", "Счёт.pdf"),
        ("╨б╤З╤С╤В.pdf", "Счёт.pdf"),
        ("п║я┤я▒я┌.pdf", "Счёт.pdf"),
        ("Ñ÷åò.pdf", "Счет.pdf"),
        ("Ð\x90Ð½Ð½Ð°.pdf", "Анна.pdf"),
        ("Её.pdf", "Её.pdf"),
        ("Сё.pdf", "Сё.pdf"),
        ("ÄÖÜ Übung Ñandú.pdf", "ÄÖÜ Übung Ñandú.pdf"),
        # Two words of a mail's head, one letter cut by their border, no padding, a language, signs taken away.
        ("=?utf-8?B?0KHRhw==?= =?utf-8?B?0ZHRgi5wZGY=?=", "Счёт.pdf"),
        ("=?utf-8?B?0KHRh9E=?=\n =?utf-8?B?kdGCLnBkZg==?=", "Счёт.pdf"),
        ("=?UTF-8*ru?Q?=D0=A1=D1=87?= и =?utf-8?b?0ZHRgg?=.pdf", "Сч и ёт.pdf"),
        ("=?koi8-r?B?896j1A==?=_=?windows-1251?Q?_5.pdf?=", "Счёт 5.pdf"),
        ("=_UTF-8_B_0KHRh9GR0YI=_=.pdf", "Счёт.pdf"),
        ("=?utf-8?Q?Счёт=20№5?=.pdf", "Счёт №5.pdf"),
        ("=?UTF-8?B?0KHRh9GR0YIuc?=", "Счёт."),
        ("=?UTF-8?B?0KHRh9GR0Y", "Счё"),
        ("%C3%90%C2%A1%C3%91%C2%87.pdf", "Сч.pdf"),
        ("%ED%A0%BD%ED%B8%80.png", "😀.png"),
        ("&#55357;&#56832;&#1057;.png", "😀С.png"),
        # A whole parameter of a header (RFC 2231), in pieces and not.
        ("filename*0*=UTF-8''%D0%A1%D1%87;filename*1*=%D1%91%D1%82.pdf", "Счёт.pdf"),
        ('filename*0="a b"; filename*1="c.pdf"', "a bc.pdf"),
        ('attachment; filename="a;b.pdf"', "a;b.pdf"),
        ("name*=utf-8''%D0%A1.pdf", "С.pdf"),
        ("\"UTF-8''%D0%A1.pdf\"", "С.pdf"),
        ("attachment; filename*=UTF-8''%D0%A1.pdf; filename=\"x.pdf\"", "С.pdf"),
        ("name=x", "name=x"),
        ("filename.pdf", "filename.pdf"),
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


RUSSIAN = st.lists(
    st.sampled_from(
        "отчёт договор счёт акт сверки накладная паспорт заявление доверенность справка реквизиты фото документ "
        "Иванов Петрова Москва Казань ЗАЯВКА ДОГОВОР Прайс-лист приложение образец заказ оплата".split()
    ),
    min_size=1,
    max_size=5,
).map("_".join)


@given(RUSSIAN, st.sampled_from(["windows-1251", "koi8-r", "cp866", "utf-8"]))
@law
def test_russian_names_come_back_from_every_table(name: str, table: str) -> None:
    if table == "cp866" and len(name) < 5:
        return  # three letters are words by several tables
    assert decoded_name(f"{quote(name.encode(table))}.pdf") == f"{name}.pdf"
    if len(name) > 4:
        assert decoded_name(f"{name.encode().decode('cp1251', 'replace')}.pdf") in (
            f"{name}.pdf",
            f"{name.encode().decode('cp1251', 'replace')}.pdf",
        )


@given(RUSSIAN, st.integers(min_value=1, max_value=20), st.sampled_from(["utf-8", "koi8-r"]))
@law
def test_a_name_in_words_of_a_mail_comes_back_wherever_it_is_cut(
    name: str, width: int, charset: str
) -> None:
    content = name.encode(charset)
    words = (
        f"=?{charset}?B?{b64encode(content[at : at + width]).decode()}?="
        for at in range(0, len(content), width)
    )
    assert decoded_name("\n ".join(words)) == name


PIECES = (
    "% u %u04 21 %D0 %A1 =? ?= utf-8 ?B? ?q? 0KE= filename *0 * = '' & amp; &# 1057; \\x \\u d0 Ð ¡ Р Ў \" ; _ я #U0421"
).split()


@given(st.lists(st.sampled_from([*PIECES, " "]), max_size=25).map("".join))
@law
def test_pieces_of_all_encodings_are_read_without_an_error(name: str) -> None:
    decoded_name(name).encode()
    assert bool(decoded_name(name)) == bool(name)


@given(texts)
@law
def test_any_name_is_decoded_without_an_error(name: str) -> None:
    decoded_name(clean(name)).encode()


@pytest.mark.parametrize(
    ("name", "decoded"),
    [
        ("Счёт 100%25 \ud83d", "Счёт 100% \ufffd"),
        ("=?utf-8?q?=D0=90\udc80?=", "А\ufffd"),
        ("\ud83d\ude42.pdf", "🙂.pdf"),
    ],
)
def test_half_an_emoji_and_a_broken_header_are_read_without_an_error(
    name: str, decoded: str
) -> None:
    assert decoded_name(name) == decoded


def test_pieces_of_a_header_that_contradict_each_other_raise_nothing() -> None:
    # Python's parser gives up on it, and since 3.14 it takes the second one.
    assert decoded_name("name*=x; name*0=y") in ("name*=x; name*0=y", "y")
