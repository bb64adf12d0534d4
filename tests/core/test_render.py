"""core.render: what an agent wrote in the desk's editor, as the plain messages that a customer gets."""

from __future__ import annotations

from html import escape
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laws import law, texts, visible, wire_texts
from maxbridge.core.render import render, to_text
from maxbridge.core.text import clean, utf16_len
from maxbridge.i18n import EN, RU
from recorded import desk_file

BODIES = {each["what"]: each for each in desk_file("95")}

# Contract freescout-agent-ui.md 4: what real editors produced → what the customer reads.
EXPECTED = {
    "chat: one line (a mailbox signature is set)": "Здравствуйте!",
    "chat: two paragraphs: Enter, Shift+Enter, blank line, special characters": (
        "Первый абзац.\nВторой абзац,\nта же строка после Shift+Enter.\n\n"
        'После пустой строки. a < b & c > d "кавычки"'
    ),
    "chat: bold with Ctrl+B, italic Ctrl+I, underline Ctrl+U": (
        "обычный жирный курсив подчёркнутый конец"
    ),
    "chat: a typed web address and a typed e-mail address (Ctrl+K opens no link dialog)": (
        "Смотрите https://example.org/typed?a=1&b=2 дальше, почта a@example.org"
    ),
    'chat: hand-made list: "- " and "1. "': "Список:\n- один\n- два\n1. раз",
    "chat: Arabic and Russian typed": "مرحبا، طلبك رقم 15\nВаш заказ 15",
    "chat: two lines, select all, Ctrl+B": "первая\nвторая",
    "chat: emoji typed": "Привет 😀👍🏽❤️ 🇷🇺",
    "chat: leading, double and trailing spaces; three trailing empty lines": "два  пробела",
    "chat: paste of Word-like HTML (Ctrl+V)": (
        "Заголовок из Word\nПервый абзац с курсивом и выделением.\n· пункт списка\nA B"
    ),
    "chat: paste of plain text with several lines (Ctrl+V)": (
        "строка 1\nстрока 2\n\nстрока 4 <b>не тег</b>"
    ),
    'chat: paste of a picture (Ctrl+V), after the words "см. "': "см. [Изображение: image.png]",
    "chat: picture dropped into the editor": "перетащил: [Изображение: photo.png]",
    "chat: picture alone, pasted (Ctrl+V), no words": "[Изображение: image.png]",
    "chat: two pictures pasted with words between": (
        "раз [Изображение: image.png] два [Изображение: image.png]"
    ),
    "chat: PDF dropped into the editor": "бросил файл:\n[Файл: doc.pdf]",
    "chat: file by the toolbar paperclip": "файл во вложении\n[Файл: photo.png]\n[Файл: doc.pdf]",
    "chat: variables typed by hand": "Добрый день, Марина! Борис Агент, 17 Марина",
    "email: two paragraphs: Enter, Shift+Enter, blank line, special characters"
    " (a mailbox signature is set)": (
        "Первый абзац.\nВторой абзац,\nта же строка после Shift+Enter.\n\n"
        'После пустой строки. a < b & c > d "кавычки"'
    ),
    "email: bold, italic, underline from the toolbar": "жирный курсив подчёркнутый",
    "email: bulleted list from the toolbar, then a line after it": (
        "Список:\n• один\n• два\nпосле списка"
    ),
    "email: numbered list from the toolbar": "Список:\n1. один\n2. два\nпосле списка",
    "email: link from the dialog, then a typed address": (
        "Смотрите наш сайт (https://example.org/page?a=1&b=2) и https://example.org/typed дальше"
    ),
    "email: picture by the toolbar picture button": "кнопкой: [Изображение: photo.png]",
    "email: code view: typed HTML": "Заголовок\n\n> цитата\nкод  1\n\nабзац 1\n\nабзац 2",
    "email: paste of Word-like HTML (Ctrl+V)": (
        "Заголовок из Word\n\nПервый абзац с курсивом и выделением.\n\n·  пункт списка\n\nA | B"
    ),
    'email: paste of a picture (Ctrl+V), after the words "см. "': "см. [Изображение: image.png]",
    "chat: pasted picture copied from a web page"
    " (clipboard has text/html with an img and image/png)": "из браузера",
    "email: pasted picture copied from a web page"
    " (clipboard has text/html with an img and image/png)": "из браузера [Изображение: x]",
    "email: paste of HTML copied from a web page": (
        "Тариф\n\nЦена 100 ₽ подробнее (https://example.org/t)\n\n• раз\n• два"
    ),
    "chat: file by the paperclip and a single dot": ".\n[Файл: clip.mp4]",
    "chat: file by the paperclip, one Enter, then a single dot": ".\n[Файл: clip.mp4]",
}
VARIABLES = {
    "customer.firstName": "Марина",
    "user.fullName": "Борис Агент",
    "conversation.number": "17",
}


def test_the_table_above_has_every_recorded_body() -> None:
    assert set(EXPECTED) == {what for what, each in BODIES.items() if each["body"] is not None}


@pytest.mark.parametrize(("what", "expected"), EXPECTED.items())
def test_recorded_editor_bodies(what: str, expected: str) -> None:
    files = [each["fileName"] for each in BODIES[what]["attachments"]]
    assert render(BODIES[what]["body"], RU, files=files, variables=VARIABLES) == [expected]


# --- shapes that the recordings do not have -----------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("<ol start=3><li>a<li>b<ul><li>c</ul><li>d</ol>", "3. a\n4. b\n  • c\n5. d"),
        ("<ol start='x'><li>a</ol><ol start=99999999999><li>b</ol>", "1. a\n1. b"),
        ("<blockquote>a<blockquote>b</blockquote></blockquote>c", "> a\n> > b\nc"),
        ("<table><tr><th>A<th>B<tr><td>1<td><td>3</table>", "A | B\n1 | | 3"),
        ("<pre>a  b\n  c</pre>", "a  b\n  c"),
        ("<p>a</p><p>b</p>c", "a\n\nb\n\nc"),
        ("a<br><br>b<br>", "a\n\nb"),
        ("a &amp;lt;b&amp;gt; &#128512; &nbsp;x", "a &lt;b&gt; 😀  x"),
        ("<a href='mailto:a@b.ru'>a@b.ru</a>, <a href='tel:+7'>call</a>", "a@b.ru, call (tel:+7)"),
        ("<a href='https://x.ru/'>x.ru</a> <a href='https://x.ru/a'></a>", "x.ru https://x.ru/a"),
        ("<a href='javascript:x'>a</a><a name=b>b</a><a href='/c'>c</a>", "abc"),
        # What a link says and where it leads may differ: the customer must see it.
        ("<a href='https://evil.ru/'>https://bank.ru/</a>", "https://bank.ru/ (https://evil.ru/)"),
        ("<img src=x><img alt='' src=x>", "[Picture: …][Picture: …]"),
        ("<div>a<div>b<div>c", "a\nb\nc"),
        ("</div></p></ul></a></blockquote></li>a", "a"),
    ],
)
def test_shapes(body: str, expected: str) -> None:
    assert to_text(body, EN) == expected


@pytest.mark.parametrize(
    "body",
    [
        None,
        "",
        " \n ",
        "<div><br></div>",
        "<p><br></p>",
        "&nbsp;",
        "<!-- x -->",
        "<script>x</script>",
        "<style>x</style><hr><p></p>",
    ],
)
def test_a_reply_that_shows_nothing_gives_no_message(body: str | None) -> None:
    # Contract freescout.md 5 [51b]: a reply with only a file arrives as an empty line.
    assert render(body or "", RU) == []
    assert render(body or "", RU, signature="Борис") == []
    assert render(body or "", RU, files=["a.pdf"]) == ["[Файл: a.pdf]"]


# --- privacy ------------------------------------------------------------------------------------------

HIDDEN = (
    "<!-- тайна -->",
    "<!--тайна-->",
    "<!-- тайна > -->",
    "<!-- maxbridge:тайна -->",
    "<script>тайна</script>",
    "<SCRIPT>if (1 < 2) 'тайна'</SCRIPT>",
    "<style>тайна{}</style>",
    "<template>тайна</template>",
    "<head><title>тайна</title></head>",
    "<iframe>тайна</iframe>",
    "<svg><text>тайна</text></svg>",
    "<svg><title>x</title>тайна</svg>",
    "<div title='тайна' data-x='тайна'></div>",
    "<?php тайна ?>",
    "<![CDATA[тайна]]>",
    "<!DOCTYPE тайна>",
)


@pytest.mark.parametrize("body", HIDDEN)
def test_what_the_page_hides_never_leaves(body: str) -> None:
    # design.md 2: private stays private.
    assert to_text(f"до{body}после", RU).replace("\n", "") == "допосле"


@pytest.mark.parametrize(
    "body",
    [
        "видно<!-- тайна",
        "видно<!-- тайна > и ещё",
        "видно<!-- тайна --!>",
        "видно<script>тайна",
        "видно<style>тайна",
        "видно<template>тайна",
        "видно<template><b></style>тайна</template>",
        "видно<![CDATA[ тайна",
        "видно<?тайна",
    ],
)
def test_what_the_page_hides_never_leaves_though_nothing_closes_it(body: str) -> None:
    # The code view of the editor takes anything; a browser hides it to the end.
    assert "тайна" not in to_text(body, RU)
    assert to_text(body, RU).startswith("видно")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("<script>var a = '<!--';</script>видно", "видно"),
        ("<style>/* <!-- */</style>видно", "видно"),
        ("<a title='<!-- x' href='https://x.ru/a'>видно</a>", "видно (https://x.ru/a)"),
        ("<div data-x='<!'>видно</div>", "видно"),
        ("<img alt='a <? b' src=x>видно", "[Изображение: a <? b]видно"),
        ("<<!-- x -->!-- видно -->", "<!-- видно -->"),
    ],
)
def test_what_only_looks_like_a_comment_hides_nothing(body: str, expected: str) -> None:
    # As a browser shows it: in scripts and in values of attributes there are no comments.
    assert to_text(body, RU) == expected


# --- any HTML -----------------------------------------------------------------------------------------

BLOCK_TAGS = "address blockquote div dd dl dt h1 h3 li ol p pre section table tbody tr ul".split()
INLINE_TAGS = "a b code em font i kbd o:p s small span strong sub td th u".split()
VISIBLE = "абвгдежз😀é€"
words = st.text(alphabet=VISIBLE + " \n\t\xa0<&>\"'", min_size=1, max_size=6)
attributes = st.sampled_from(
    ["", " href='https://x.ru/?a=1&amp;b'", " href=javascript:x", " style='color:red'", " start=7"]
)


def seen(text: str) -> str:
    """The characters by which the test follows the words; nothing else puts such ones in."""
    return "".join(char for char in text if char in VISIBLE)


tokens = st.one_of(
    words.map(lambda text: (escape(text), seen(text))),
    st.builds(
        lambda tag, more: (f"<{tag}{more}>", ""),
        st.sampled_from(BLOCK_TAGS + INLINE_TAGS + ["br", "hr", "img alt='x'", "br/", "div/"]),
        attributes,
    ),
    st.sampled_from(BLOCK_TAGS + INLINE_TAGS).map(lambda tag: (f"</{tag}>", "")),
    st.sampled_from([each.replace("тайна", "абв") for each in HIDDEN]).map(lambda html: (html, "")),
)


@given(st.lists(tokens, max_size=30))
@law
def test_every_visible_character_survives_in_order_however_the_tags_stand(
    made: list[tuple[str, str]],
) -> None:
    body = "".join(html for html, _ in made)
    assert seen("".join(render(body, EN))) == "".join(text for _, text in made)


trees: Any = st.recursive(
    words.map(lambda text: (escape(text), seen(text))),
    lambda inner: st.builds(
        lambda tag, more, children: (
            f"<{tag}{more}>{''.join(html for html, _ in children)}</{tag}>",
            "".join(text for _, text in children),
        ),
        st.sampled_from(BLOCK_TAGS + INLINE_TAGS),
        attributes,
        st.lists(inner, max_size=4),
    ),
    max_leaves=20,
)


@given(trees)
@law
def test_every_visible_character_of_good_html_survives_in_order(made: tuple[str, str]) -> None:
    html, text = made
    assert seen(to_text(html, EN)) == text


@given(texts.map(clean))
@law
def test_a_text_that_was_typed_arrives_as_it_was_typed(text: str) -> None:
    body = "".join(f"<div>{escape(line) or '<br>'}</div>" for line in text.split("\n"))
    assert visible(to_text(body, RU)) == visible(text)


html_pieces = st.sampled_from(
    [
        "<", ">", "<!", "<!-", "<!--", "-->", "<![", "<![if x]>", "<![endif]>", "<![foo]>", "]>", "]]>",
        "<?", "?>", "</", "</ ", "<a", "<a href=", "='", '"', "&", "&#", "&#x", "&#13;", "&#xD800;", "&lt",
        "<script", "<style>", "</script>", "<ol start=", "<pre>", "{%", "%}", "fallback=", "\x00",
    ]
)  # fmt: skip


@given(st.lists(html_pieces | wire_texts, max_size=12).map("".join))
@law
def test_no_body_whatsoever_is_an_error(body: str) -> None:
    # Case 30 of the contract: the desk stores and returns anything byte for byte.
    for part in render(body, RU, files=[body], signature="x", variables={"a": "b"}):
        assert 0 < utf16_len(part) <= 4000
        part.encode()


@pytest.mark.parametrize("body", ["<![foo]>после", "<![ ]>после", "<!ELEMENT <>после"])
def test_a_body_that_is_hardly_html_is_read_as_far_as_it_goes(body: str) -> None:
    assert "после" in to_text(body, RU)


# --- variables, files, signature, parts ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("Добрый день, {%customer.firstName%}!", "Добрый день, Марина!"),
        ("{% customer.firstName , fallback=друг %}", "Марина"),
        # Unknown ones vanish: the editor leaves them raw in the body (freescout-agent-ui.md 4).
        ("a{%customer.lastName%}b", "ab"),
        ("{%customer.lastName,fallback=дорогой&nbsp;друг%}", "дорогой друг"),
        ("{%user.jobTitle,fallback=%}.", "."),
        ("50 % и {это} не переменные", "50 % и {это} не переменные"),
    ],
)
def test_variables_are_filled_or_removed(body: str, expected: str) -> None:
    assert render(body, RU, variables=VARIABLES) == [expected]


@pytest.mark.parametrize("name", ["<b>Иван</b>", "Иван & Ко", "a &amp; b", "<script>x</script>"])
def test_the_value_of_a_variable_is_text_and_not_html(name: str) -> None:
    body = "<div>Добрый день, {%customer.firstName%}!</div>"
    assert render(body, RU, variables={"customer.firstName": name}) == [f"Добрый день, {name}!"]


def test_files_and_the_signature_stand_under_the_words() -> None:
    (text,) = render("<div>a</div>", RU, files=["b.pdf", "в\x00.png"], signature="-- \nБорис")
    assert text == "a\n[Файл: b.pdf]\n[Файл: в.png]\n\n-- \nБорис"


def test_a_long_reply_is_cut_into_parts_of_at_most_4000_units() -> None:
    parts = render(f"<p>{'слово ' * 600}</p><p>{'👍' * 3000}</p>", RU, signature="Борис")
    assert [utf16_len(part) <= 4000 for part in parts] == [True] * len(parts)
    assert parts[0].endswith("слово")
    assert parts[-1].endswith("Борис")
    assert "".join(parts).count("слово") == 600
    assert "".join(parts).count("👍") == 3000
