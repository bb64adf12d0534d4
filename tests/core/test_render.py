"""core.render: what an agent wrote in the desk's editor, as the messages that a customer gets."""

from __future__ import annotations

from typing import Any

import pytest

from max_markup import read, words_of
from maxbridge.core.render import Picture, plain, render, spelled_out, to_text
from maxbridge.core.text import utf16_len
from maxbridge.i18n import EN, RU
from recorded import desk_file

BODIES = {each["what"]: each for each in desk_file("95")}
DESK = "http://desk.example.org/storage/attachment/"

# Contract freescout-agent-ui.md 4: what real editors produced → what the customer reads.
EXPECTED = {
    "chat: one line (a mailbox signature is set)": "Здравствуйте!",
    "chat: two paragraphs: Enter, Shift+Enter, blank line, special characters": (
        "Первый абзац.\nВторой абзац,\nта же строка после Shift+Enter.\n\n"
        "После пустой строки. a &lt; b &amp; c &gt; d &quot;кавычки&quot;"
    ),
    "chat: bold with Ctrl+B, italic Ctrl+I, underline Ctrl+U": (
        "обычный <b>жирный</b> <i>курсив</i> <u>подчёркнутый</u> конец"
    ),
    "chat: a typed web address and a typed e-mail address (Ctrl+K opens no link dialog)": (
        'Смотрите <a href="https://example.org/typed?a=1&amp;b=2">'
        "https://example.org/typed?a=1&amp;b=2</a> дальше, почта a@example.org"
    ),
    'chat: hand-made list: "- " and "1. "': "Список:\n- один\n- два\n1. раз",
    "chat: Arabic and Russian typed": "مرحبا، طلبك رقم 15\nВаш заказ 15",
    "chat: two lines, select all, Ctrl+B": "<b>первая</b>\n<b>вторая</b>",
    "chat: emoji typed": "Привет 😀👍🏽❤️ 🇷🇺",
    "chat: leading, double and trailing spaces; three trailing empty lines": "два  пробела",
    "chat: paste of Word-like HTML (Ctrl+V)": (
        "Заголовок из Word\nПервый абзац с курсивом и выделением.\n· пункт списка\nA B"
    ),
    "chat: paste of plain text with several lines (Ctrl+V)": (
        "строка 1\nстрока 2\n\nстрока 4 &lt;b&gt;не тег&lt;/b&gt;"
    ),
    'chat: paste of a picture (Ctrl+V), after the words "см. "': "см.",
    "chat: picture dropped into the editor": "перетащил:",
    "chat: picture alone, pasted (Ctrl+V), no words": None,
    "chat: two pictures pasted with words between": "раз [1] два [2]",
    "chat: PDF dropped into the editor": "бросил файл:",
    "chat: file by the toolbar paperclip": "файл во вложении",
    "chat: variables typed by hand": "Добрый день, Марина! Борис Агент, {%mailbox.name%} 17 Марина",
    "email: two paragraphs: Enter, Shift+Enter, blank line, special characters"
    " (a mailbox signature is set)": (
        "Первый абзац.\nВторой абзац,\nта же строка после Shift+Enter.\n\n"
        "После пустой строки. a &lt; b &amp; c &gt; d &quot;кавычки&quot;"
    ),
    "email: bold, italic, underline from the toolbar": (
        "<b>жирный</b> <i>курсив</i> <u>подчёркнутый</u>"
    ),
    "email: bulleted list from the toolbar, then a line after it": (
        "Список:\n• один\n• два\nпосле списка"
    ),
    "email: numbered list from the toolbar": "Список:\n1. один\n2. два\nпосле списка",
    "email: link from the dialog, then a typed address": (
        'Смотрите <a href="https://example.org/page?a=1&amp;b=2">наш сайт</a> и '
        '<a href="https://example.org/typed">https://example.org/typed</a> дальше'
    ),
    "email: picture by the toolbar picture button": "кнопкой:",
    "email: code view: typed HTML": (
        "<b>Заголовок</b>\n\n&gt; цитата\n<pre>код  1</pre>\n\nабзац 1\n\nабзац 2"
    ),
    "email: paste of Word-like HTML (Ctrl+V)": (
        "<b>Заголовок из Word</b>\n"
        "Первый абзац с <i>курсивом</i> и <mark>выделением</mark>.\n"
        "• пункт списка\n\nA | B"
    ),
    'email: paste of a picture (Ctrl+V), after the words "см. "': "см.",
    "chat: pasted picture copied from a web page"
    " (clipboard has text/html with an img and image/png)": "из браузера",
    "email: pasted picture copied from a web page"
    " (clipboard has text/html with an img and image/png)": (
        "из браузера\n[Изображение: x] "
        '(<a href="https://example.org/x.png">https://example.org/x.png</a>)'
    ),
    "email: paste of HTML copied from a web page": (
        "<b>Тариф</b>\n\nЦена <b>100 ₽</b> "
        '<a href="https://example.org/t">подробнее</a>\n\n• раз\n• два'
    ),
    "chat: file by the paperclip and a single dot": ".",
    "chat: file by the paperclip, one Enter, then a single dot": ".",
}
VARIABLES = {
    "customer.firstName": "Марина",
    "user.fullName": "Борис Агент",
    "conversation.number": "17",
    "customer.lastName": "",
    "subject": " ",
}


def own(url: str) -> bool:
    return url.startswith(DESK)


def parts(body: str, **more: Any) -> list[str]:
    """The texts of a reply, each checked as MAX would."""
    texts = list(render(body, RU, keep=own, **more).texts)
    for part in texts:
        read(part, more.get("limit", 4000))
    return texts


def one(body: str, **more: Any) -> str:
    (part,) = parts(body, **more)
    return part


def image(name: str, more: str = "") -> str:
    return f'<img src="{DESK}1/2/3/{name}?id=1&amp;token=abc" {more}>'


# --- what was recorded ---------------------------------------------------------------------------------


def test_the_table_above_has_every_recorded_body() -> None:
    assert set(EXPECTED) == {what for what, each in BODIES.items() if each["body"] is not None}


@pytest.mark.parametrize(("what", "expected"), EXPECTED.items())
def test_recorded_editor_bodies(what: str, expected: str | None) -> None:
    assert parts(BODIES[what]["body"], variables=VARIABLES) == (
        [] if expected is None else [expected]
    )


def test_pasted_pictures_of_the_recordings_come_with_their_address_and_name() -> None:
    # Contract freescout.md 5 [51]: they are nowhere but in the body.
    body = BODIES["chat: two pictures pasted with words between"]["body"]
    first, second = render(body, RU, keep=own).pictures
    assert first.name == second.name == "image.png"
    assert first.url.startswith(f"{DESK}8/2/1/image.png?id=25&token=")
    assert second.url.startswith(f"{DESK}4/7/1/image.png?id=26&token=")


# --- what words look like ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("<strong>a</strong> <em>b</em> <ins>c</ins>", "<b>a</b> <i>b</i> <u>c</u>"),
        ("<s>a</s> <strike>b</strike> <del>c</del>", "<s>a</s> <s>b</s> <s>c</s>"),
        (
            "<mark>a</mark> <code>b  c</code> <kbd>d</kbd>",
            "<mark>a</mark> <code>b  c</code> <code>d</code>",
        ),
        ("x<sub>2</sub> y<sup>3</sup> <small>z</small> <font color=red>f</font>", "x2 y3 z f"),
        ("<h1>a</h1>b<h4>c</h4>", "<b>a</b>\n\nb\n\n<b>c</b>"),
        # One tag around all that looks alike, in whatever order the editor put them.
        ("<b>a</b><b> </b><b>b</b>", "<b>a b</b>"),
        ("<b>a <i>b</i></b><i> c</i>", "<b>a <i>b</i></b><i> c</i>"),
        ("<b>a</b><i><b>b</b> c</i>", "<b>a<i>b</i></b><i> c</i>"),
        ("<b> </b>a<i> </i><u></u>", "a"),
        # Tags that cross each other, as nobody's editor but somebody's mail program writes.
        ("<b>a<i>b</b>c</i>d", "<b>a<i>b</i></b><i>c</i>d"),
        ("<div><b>a</div><div>b</div>", "<b>a</b>\nb"),
    ],
)
def test_looks_that_max_has_stay_and_others_leave_their_words(body: str, expected: str) -> None:
    assert one(body) == expected


@pytest.mark.parametrize(
    ("style", "expected"),
    [
        ("font-weight: bold", "<b>a</b>"),
        ("FONT-WEIGHT:600 !important", "<b>a</b>"),
        ("font-weight:500", "a"),
        ("font-style:oblique", "<i>a</i>"),
        ("text-decoration: underline line-through", "<u><s>a</s></u>"),
        ("text-decoration-line: underline", "<u>a</u>"),
        ("color: red; background: yellow; font-size: 20px", "<mark>a</mark>"),
        ("color: red; background: white; font-size: 20px", "a"),
        ("font-weight", "a"),
        ("font-weight:bold;font-weight:normal", "a"),
    ],
)
def test_styles_of_pasted_words(style: str, expected: str) -> None:
    assert one(f'<span style="{style}">a</span>') == expected


def test_a_style_can_take_a_look_away() -> None:
    # Google Docs wraps everything that is pasted into <b style="font-weight:normal">.
    body = '<b style="font-weight:normal">a <span style="font-weight:700">b</span> <u style="text-decoration:none">c</u></b>'
    assert one(body) == "a <b>b</b> c"
    assert one('<u>a <span style="text-decoration:none">b</span></u>') == "<u>a b</u>"


def test_program_text_keeps_its_spaces_and_lines_in_one_block() -> None:
    assert one("<pre>\ndef a():\n\n    <b>return</b> 1\n</pre>b") == (
        "<pre>def a():\n\n    <b>return</b> 1</pre>\nb"
    )
    assert one("<blockquote><pre>a\nb</pre></blockquote>") == "&gt; <pre>a</pre>\n&gt; <pre>b</pre>"
    assert one('<span style="white-space: pre-wrap">a\n  b</span>') == "a\n  b"


# --- lines ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("<div>a<div>b<div>c", "a\nb\nc"),
        ("<p>a</p><p>b</p>c", "a\n\nb\n\nc"),
        ("<p>a<p>b", "a\n\nb"),
        ("a<br><br>b<br>", "a\n\nb"),
        ("a</br>b", "a\nb"),
        ("<p>a</p><p>&nbsp;</p><p>b</p>", "a\n\nb"),
        ("<p>a</p><div><br></div><p>b</p>", "a\n\nb"),
        # Word's paragraphs have no room around them, and an empty one where it is wanted.
        ("<p style='margin:0cm'>a</p><p style='margin:0cm 0cm .0001pt'>b</p>", "a\nb"),
        ("<p style='margin-top:0;margin-bottom:8pt'>a</p><p style='margin:0'>b</p>", "a\n\nb"),
        ("<div>a</div>\n  <div>b \n c</div> \t ", "a\nb c"),
        ("a&nbsp; b &nbsp;c", "a  b  c"),
        ("a<hr>b", "a\n———————\nb"),
        ("<p>a</p><hr><p>b</p>", "a\n———————\nb"),
        ("<hr>a<hr>", "a"),
        ("a<details><summary>b</summary>c</details>d", "a\nb\nc\nd"),
        ("</div></p></ul></a></blockquote></li>a", "a"),
    ],
)
def test_blocks_and_breaks_are_lines(body: str, expected: str) -> None:
    assert one(body) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("<ul><li>a</li><li>b</li></ul>c", "• a\n• b\nc"),
        ("<ol start=3><li>a<li>b<ul><li>c</ul><li>d</ol>", "3. a\n4. b\n  • c\n5. d"),
        ("<ol><li>a<li value=7>b<li>c</ol>", "1. a\n7. b\n8. c"),
        ("<ol start='x'><li>a</ol><ol start=99999999999><li>b</ol>", "1. a\n1. b"),
        ("<ul><li>a<ol><li>b<ul><li>c</ul></ol></ul>", "• a\n  1. b\n    • c"),
        # Outlook puts a list right into a list.
        ("<ul><li>a</li><ul><li>b</li></ul></ul>", "• a\n  • b"),
        ("<ul><li><p>a</p><p>b</p></li><li><p>c</p></li></ul><p>d</p>", "• a\n\n  b\n• c\n\nd"),
        ("<ul><li>a<br>b<li><b>c</b></ul>", "• a\n  b\n• <b>c</b>"),
        ("<ul><li></li><li>a</li></ul>", "• a"),
        ("<li>a<li>b", "• a\n• b"),
        ("<dl><dt>a<dd>b</dl>", "a\nb"),
        ("<blockquote>a<blockquote>b</blockquote></blockquote>c", "&gt; a\n&gt; &gt; b\nc"),
        ("<blockquote><p>a</p><p>b</p></blockquote><p>c</p>", "&gt; a\n&gt;\n&gt; b\n\nc"),
        ("<ul><li>a<blockquote>b<br>c</blockquote></ul>", "• a\n  &gt; b\n  &gt; c"),
        ("<ul><li><blockquote>a</blockquote></ul>", "• &gt; a"),
        ("<blockquote><ul><li>a<br>b</ul></blockquote>", "&gt; • a\n&gt;   b"),
    ],
)  # fmt: skip
def test_lists_and_quotes_are_signs_before_the_lines(body: str, expected: str) -> None:
    # Contract max.md 5.1: only newer documents list <blockquote>, so it is not relied upon.
    assert one(body) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("<table><tr><th>A<th>B<tr><td>1<td><td>3</table>", "<b>A</b> | <b>B</b>\n1 | | 3"),
        ("<table><tr><td><td>1<td></table>", "1"),
        ("<table><tr><td><td>1<td>2<td></table>", "| 1 | 2"),
        ("<table><td>a<td>b</table>c", "a | b\n\nc"),
        # Word puts a paragraph into every cell, people put two lines into some.
        (
            "<table><tr><td><p>Чай</p></td><td><p>100</p></td></tr>"  # noqa: ISC004
            "<tr><td><p>Мёд</p></td><td><p>2 шт.<br>по 50</p></td></tr></table>",
            "Чай | 100\nМёд | 2 шт. по 50",
        ),
        ("<table><tr><td>a<td><ul><li>b<li>c</ul></table>", "a | • b • c"),
        # A table that only arranges: what is in its cells is read one after the other.
        (
            "<table><tr><td><p>a</p><p>b</p><p>c</p><p>d</p></td><td>e</td></tr></table>",
            "a\n\nb\n\nc\n\nd\n\ne",
        ),
        (
            "<table><tr><td><table><tr><td>a<td>b</table></td><td>c</td></tr></table>",
            "a | b\n\nc",
        ),
        ("<blockquote><table><tr><td>a<td>b</table></blockquote>", "&gt; a | b"),
        ("a<table><tr><td style='display:none'>x</td><td>b</td><td>c</td></tr></table>", "a\n\nb | c"),
    ],
)  # fmt: skip
def test_a_row_of_a_table_is_a_line(body: str, expected: str) -> None:
    assert one(body) == expected


def test_word_writes_its_bullets_as_words() -> None:
    bullet = "<span style='font-family:Symbol'><span style='mso-list:Ignore'>·<span>&nbsp;&nbsp;&nbsp; </span></span></span>"
    first, second = (
        f"<p class=MsoListParagraphCxSpFirst style='mso-list:l0 level{level} lfo1'>"
        f"<![if !supportLists]>{bullet}<![endif]><b>Пункт</b> {level}<o:p></o:p></p>"
        for level in (1, 2)
    )
    third = "<p class='MsoListParagraph' style='text-indent:-18pt'>1)&nbsp;&nbsp; Третий</p>"
    assert one(f"<p class=MsoNormal>Список:</p>{first}{second}{third}") == (
        "Список:\n\n• <b>Пункт</b> 1\n  • <b>Пункт</b> 2\n1) Третий"
    )
    assert one("<p class=MsoListParagraph>о том</p>") == "о том"
    assert one(f"<p class=MsoListParagraph>{image('a.png')}·&nbsp; a</p>") == "·  a"
    assert one("<p>· a</p>") == "· a"


def test_right_to_left_words_and_emoji_are_left_alone() -> None:
    assert one("<div dir=rtl>שלום <b>עולם</b> 15</div>👨‍👩‍👧 <i>👍🏽</i>") == (
        "שלום <b>עולם</b> 15\n👨‍👩‍👧 <i>👍🏽</i>"
    )


# --- links ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("<a href='https://x.ru/a?b=1&amp;c=\"2\"'>d</a>", '<a href="https://x.ru/a?b=1&amp;c=&quot;2&quot;">d</a>'),
        ("<a href=' https://x.ru/a\n b '>c</a>", '<a href="https://x.ru/a%20b">c</a>'),
        ("<a href='//x.ru/a'>b</a>", '<a href="https://x.ru/a">b</a>'),
        ("<a href='https://пример.рф/'>a</a>", '<a href="https://пример.рф/">a</a>'),
        # A link holds nothing but words: what all of them look like goes around it.
        ("<a href='https://x.ru'><b>a</b> <b>b</b></a>", '<b><a href="https://x.ru">a b</a></b>'),
        ("<b>a <a href='https://x.ru'>b <i>c</i></a> d</b>", '<b>a <a href="https://x.ru">b c</a> d</b>'),
        ("<a href='https://x.ru/1'>a<br>b</a>", '<a href="https://x.ru/1">a</a>\n<a href="https://x.ru/1">b</a>'),
        ("<a href='https://x.ru/1'>a <a href='https://x.ru/2'>b</a></a>", '<a href="https://x.ru/1">a </a><a href="https://x.ru/2">b</a>'),
        # What a link says and where it leads may differ: the customer must see it.
        ("<a href='https://evil.ru/'>https://bank.ru/</a>", '<a href="https://evil.ru/">https://bank.ru/</a> (https://evil.ru/)'),
        ("<a href='https://x.ru/login'>www.x.ru</a>", '<a href="https://x.ru/login">www.x.ru</a>'),
    ],
)  # fmt: skip
def test_web_addresses_stay_behind_their_words(body: str, expected: str) -> None:
    assert one(body) == expected


@pytest.mark.parametrize(
    "address",
    [
        "http://intranet/wiki",
        "http://localhost:8080/a",
        "https://desk.local/a",
        "https://192.168.1.5/a",
        "https://8.8.8.8/",
        "http://[::1]/",
        "https://user:word@x.ru/",
        "https://x.ru:port/",
        "https://x.ru/a\u2003b",
        "https://x..ru/",
        "http://[x/",
        "ftp://x.ru/a",
        f"https://x.ru/{'a' * 2048}",
    ],
)
def test_an_address_that_max_would_refuse_is_put_into_words(address: str) -> None:
    # Contract max.md 5.1: one such link, and MAX refuses the whole message.
    assert one(f"<a href='{address}'>сюда</a>") == f"сюда ({address})"
    assert one(f"<a href='{address}'>{address}</a>") == address


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("<a href='mailto:a@x.ru'>a@x.ru</a>", "a@x.ru"),
        ("<a href='mailto:a%40x.ru?subject=b'>пишите</a>", "пишите (a@x.ru)"),
        ("<a href='tel:+79991234567'>+7 999 123-45-67</a>", "+7 999 123-45-67"),
        ("<a href='tel:+79991234567'>8 (999) 123-45-67</a>", "8 (999) 123-45-67"),
        ("<a href='TEL:+7%20999'>звоните</a>", "звоните (+7 999)"),
        ("<a href='javascript:x'>a</a><a name=b>b</a><a href='/c'>c</a><a href='#d'>d</a><a href>e</a>", "abcde"),
        ("<a href='data:text/html,x'>a</a> <a href='max://user/1'>b</a>", "a b"),
        # What an editor leaves behind when the words of a link are deleted.
        ("a<a href='https://x.ru/a'></a><a href='mailto:a@x.ru'> </a>b", "a b"),
    ],
)  # fmt: skip
def test_other_addresses_are_said_unless_the_words_say_them(body: str, expected: str) -> None:
    assert one(body) == expected


def test_a_link_around_a_picture_shows_its_address() -> None:
    body = f"<a href='https://x.ru/a'>{image('a.png')}</a>"
    assert one(body) == '<a href="https://x.ru/a">https://x.ru/a</a>'


def test_a_page_inside_one_link_does_not_repeat_its_address_for_ever() -> None:
    body = f"<a href='https://x.ru/{'a' * 1900}'>{'b<br>' * 5000}</a>"
    assert sum(map(len, parts(body))) < 5000 * 2 + 20 * 2000


# --- pictures ------------------------------------------------------------------------------------------


def test_a_picture_that_is_sent_leaves_no_trace_when_it_is_the_only_one() -> None:
    rendered = render(f"<p>раз {image('a.png')} два</p><p>три</p>", RU, keep=own)
    assert rendered.texts == ("раз два\n\nтри",)
    assert rendered.pictures == (Picture(f"{DESK}1/2/3/a.png?id=1&token=abc", "a.png"),)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("раз{0}два{1}, три", "раз [1] два [2], три"),
        ("раз {0} два&nbsp;{1}.", "раз [1] два [2]."),
        # One that stands alone is not numbered, but counted.
        ("<div>раз</div><div>{0}<br></div><div>см. {1}</div>", "раз\nсм. [2]"),
        ("<div>раз</div><div>{0} {1}</div>", "раз"),
        ("<ul><li>{0} раз</li><li>{1}</li><li>два</li></ul>", "• [1] раз\n• два"),
        ("<table><tr><td>a</td><td>{0}</td></tr><tr><td>b</td><td>c</td><td>{1}</td></tr></table>", "a\nb | c | [2]"),
    ],
)  # fmt: skip
def test_several_pictures_among_words_are_numbered(body: str, expected: str) -> None:
    assert one(body.format(image("a.png"), image("b.png"))) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("a{}b", "a b"),
        ("a {} b", "a b"),
        ("{}a", "a"),
        ("a{}.", "a."),
        ("<b>a{}</b>b", "<b>a</b> b"),
        ("<table><tr><td>a<td>{}<td>b</table>", "a | | b"),
        ("<table><tr><td>a<td>b<td>{}</table>", "a | b"),
    ],
)
def test_words_around_a_picture_neither_stick_together_nor_gape(body: str, expected: str) -> None:
    assert one(body.format(image("a.png"))) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("https://x.ru/p/a%20b.png?c", '[Изображение: a b.png] (<a href="https://x.ru/p/a%20b.png?c">https://x.ru/p/a%20b.png?c</a>)'),
        ("//x.ru/a.png", '[Изображение: a.png] (<a href="https://x.ru/a.png">https://x.ru/a.png</a>)'),
        ("http://nas/a.png", "[Изображение: a.png] (http://nas/a.png)"),
        ("data:image/png;base64,AAAA", "[Изображение: …]"),
        ("cid:image001.png@01D", "[Изображение: image001.png@01D]"),
        ("http://[x", "[Изображение: …] (http://[x)"),
    ],
)  # fmt: skip
def test_a_picture_that_is_not_sent_has_a_line_of_its_own(source: str, expected: str) -> None:
    rendered = render(f"<p>раз <img src='{source}'> два</p>", RU, keep=own)
    assert rendered.pictures == ()
    assert rendered.texts == (f"раз\n{expected}\nдва",)


def test_a_picture_in_a_row_stays_in_its_row_and_in_an_item_in_its_item() -> None:
    foreign = "<img src='data:x' alt='лого'>"
    assert one(f"<table><tr><td>a<td>{foreign}<td>b</table>") == "a | [Изображение: лого] | b"
    assert one(f"<ul><li>a{foreign}b</ul>") == "• a\n  [Изображение: лого]\n  b"


def test_counters_of_readers_and_pictures_without_address_are_no_pictures() -> None:
    body = "a<img src='https://x.ru/o' width=1 height=1><img alt=b><img src=''><img hidden src=x>"
    assert one(body) == "a"


def test_the_name_of_a_picture_is_one_short_line() -> None:
    (picture,) = render(image("a.png", f"alt='б\n\x00{'в' * 90}'"), RU, keep=own).pictures
    assert picture.name == f"б {'в' * 57}…"


# --- what must not leave -------------------------------------------------------------------------------

HIDDEN = (
    "<!-- тайна -->",
    "<!--тайна-->",
    "<!-- тайна > -->",
    "<!-- maxbridge:тайна -->",
    "<!--[if gte mso 9]><xml>тайна</xml><![endif]-->",
    "<script>тайна</script>",
    "<SCRIPT>if (1 < 2) 'тайна'</SCRIPT>",
    "<style>тайна{}</style>",
    "<template>тайна</template>",
    "<head><title>тайна</title></head>",
    "<iframe>тайна</iframe>",
    "<noscript>тайна</noscript>",
    "<svg><text>тайна</text></svg>",
    "<svg><title>x</title>тайна</svg>",
    "<svg><svg>x</svg>тайна</svg>",
    "<div title='тайна' data-x='тайна'></div>",
    "<?php тайна ?>",
    "<![CDATA[тайна]]>",
    "<!DOCTYPE тайна>",
    "<span style='display:none'>тайна</span>",
    "<div style='color:red;DISPLAY: None !important'><p>тайна</div>",
    "<div hidden>тайна<div>тайна</div></div>",
    "<p style='mso-hide:all'>тайна</p>",
    "<i style='visibility:hidden'>тайна</i>",
    "<ul style='display:none'><li>тайна</ul>",
    "<table><tr style='display:none'><td>тайна</table>",
)  # fmt: skip


@pytest.mark.parametrize("body", HIDDEN)
def test_what_the_page_hides_never_leaves(body: str) -> None:
    # design.md 2: private stays private. An agent's "New Conversation" copies our own markers.
    assert to_text(f"до{body}после", RU).replace("\n", "") == "допосле"
    assert "".join(map(plain, parts(f"до{body}после"))).replace("\n", "") == "допосле"


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
        "видно<svg></div>тайна",
        "видно<![CDATA[ тайна",
        "видно<?тайна",
        "видно<b title='тайна'",
        "видно<span style='display:none'>тайна</b></p>тайна",
    ],
)
def test_what_the_page_hides_never_leaves_though_nothing_closes_it(body: str) -> None:
    # The code view of the editor takes anything; a browser hides it to the end.
    assert parts(body) == [to_text(body, RU)] == ["видно"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("<script>var a = '<!--';</script>видно", "видно"),
        ("<style>/* <!-- */</style>видно", "видно"),
        ("<a title='<!-- x' href='https://x.ru/a'>видно</a>", "видно (https://x.ru/a)"),
        ("<div data-x='<!'>видно</div>", "видно"),
        ("<img alt='a <? b' src=x>видно", "[Изображение: a <? b]видно"),
        ("<<!-- x -->!-- видно -->", "<!-- видно -->"),
        ("<svg/>видно", "видно"),
        ("<table><tr><td hidden>x</td><td>видно</td></tr></table>", "видно"),
        ("<p hidden>x<p>видно", "видно"),
        ("<span hidden>x</span>видно", "видно"),
        ("a < b, c <3, </ >видно", "a < b, c <3, видно"),
        ("<a href='https://x.ru>видно", "видно"),
    ],
)
def test_what_only_looks_hidden_is_shown(body: str, expected: str) -> None:
    # As a browser shows it: in scripts and in values of attributes there are no comments.
    assert to_text(body, RU) == expected


@pytest.mark.parametrize(
    "body",
    [
        "", " \n ", "<div><br></div>", "<p><br></p>", "&nbsp;", "<!-- x -->", "<script>x</script>",
        "<style>x</style><hr><p></p>", "&#8203;\u200d\ufe0f", "<b></b><a href='https://x.ru'></a>",
        "<ul><li></li></ul>", "<blockquote></blockquote>", "<table><tr><td></td></tr></table>",
        "{%customer.lastName%}", "<li>{%customer.lastName%}",
    ],
)  # fmt: skip
def test_a_reply_that_shows_nothing_gives_no_message(body: str) -> None:
    # Contract freescout.md 5 [51b]: a reply with only a file arrives as an empty line.
    shown = render(body, RU, variables=VARIABLES, keep=own)
    assert shown == render(body, RU, signature="Борис", variables=VARIABLES, keep=own)
    assert shown.texts == ()


# --- variables -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("Добрый день, {%customer.firstName%}!", "Добрый день, Марина!"),
        ("{% customer.firstName , fallback=друг %}", "Марина"),
        # Blank ones vanish: the editor leaves them raw in the body (freescout-agent-ui.md 4).
        ("a{%customer.lastName%}b", "ab"),
        ("a {%customer.lastName%} b", "a b"),
        ("{%customer.lastName%} a {%customer.lastName%}", "a"),
        ("<div>a</div><div>{%customer.lastName%}</div><div>b</div>", "a\nb"),
        ("{%customer.lastName,fallback=дорогой&nbsp;друг%}", "дорогой друг"),
        ("{%customer.lastName, fallback = <i>друг</i> &amp; брат%}", "друг &amp; брат"),
        ("{%user.jobTitle,fallback=%}.", "."),
        # Of what nobody knows an agent's mistake stays readable.
        ("Пишите: {%mailbox.email%}, {%customer.company%} {%user.phone%}",
         "Пишите: {%mailbox.email%}, {%customer.company%} {%user.phone%}"),
        ("{%subject%}a", "a"),
        # The editor may cut a variable in two.
        ("{%customer.<b>firstName</b>%}", "Марина"),
        ("<b>{%customer.first</b>Name%} a", "<b>Марина</b> a"),
        ("<span>{</span>%customer&#46;firstName%}", "Марина"),
        ("<code>{%customer.firstName%}</code>", "<code>Марина</code>"),
        ("{%customer.<br>firstName%}", "{%customer.\nfirstName%}"),
        ("50 % и {это} не переменные", "50 % и {это} не переменные"),
        ("{% if a %} {% endif %} {%%} {%-a.b-%}", "{% if a %} {% endif %} {%%} {%-a.b-%}"),
        ("<a href='https://x.ru/?a={%customer.firstName%}&amp;b={%customer.email%}&amp;c={%d%}'>e</a>",
         '<a href="https://x.ru/?a=%D0%9C%D0%B0%D1%80%D0%B8%D0%BD%D0%B0&amp;b={%customer.email%}&amp;c={%d%}">e</a>'),
        ("<a href='https://x.ru/?b={%customer.lastName%}'>e</a>", '<a href="https://x.ru/?b=">e</a>'),
    ],
)  # fmt: skip
def test_variables_are_filled_or_removed(body: str, expected: str) -> None:
    assert one(body, variables=VARIABLES) == expected


@pytest.mark.parametrize(
    "name", ["<b>Иван</b>", "Иван & Ко", "a &amp; b", "<script>x</script>", "{%user.fullName%}"]
)
def test_the_value_of_a_variable_is_text_and_not_html(name: str) -> None:
    body = "<div>Добрый день, {%customer.firstName%}!</div>"
    part = one(body, variables={"customer.firstName": name, "user.fullName": "x"})
    assert plain(part) == f"Добрый день, {name}!"


def test_the_value_of_a_variable_is_one_line_and_a_blank_one_is_none() -> None:
    values = {"customer.firstName": " Анна\r\nМария\x00 ", "customer.company": " \n"}
    body = "{%customer.firstName%}, {%customer.company,fallback=друг%}"
    assert one(body, variables=values) == "Анна Мария, друг"


# --- signature and parts -------------------------------------------------------------------------------


def test_the_signature_is_text_and_stands_under_the_words() -> None:
    assert one("<b>a</b>", signature="-- \n<b>Борис</b> & Ко\n") == (
        "<b>a</b>\n\n-- \n&lt;b&gt;Борис&lt;/b&gt; &amp; Ко"
    )
    assert one("a", signature=" \n") == "a"


def test_a_signature_that_does_not_fit_has_a_part_of_its_own() -> None:
    assert parts("я" * 3990, signature="Борис 12") == ["я" * 3990 + "\n\nБорис 12"]
    assert parts("я" * 3991, signature="Борис 12") == ["я" * 3991, "Борис 12"]
    assert parts("a", signature='"' * 50, limit=128) == [
        "a",
        "&quot;" * 21,
        "&quot;" * 21,
        "&quot;" * 8,
    ]


def test_a_long_reply_is_cut_between_paragraphs_into_parts_of_4000_units() -> None:
    texts = parts(f"<p>{'слово ' * 600}</p><p>{'👍' * 3000}</p>", signature="Борис")
    assert texts[0].endswith("слово")
    assert texts[-1].endswith("Борис")
    assert "".join(texts).count("слово") == 600
    assert "".join(texts).count("👍") == 3000


def test_markup_is_closed_at_the_end_of_a_part_and_opened_again_in_the_next() -> None:
    body = f"<b>{'слово ' * 500}<i>{'ещё ' * 500}</i></b>"
    first, second = parts(body)
    assert first.startswith("<b>слово")
    assert first.endswith("ещё</i></b>")
    assert second.startswith("<b><i>ещё")
    assert second.endswith("ещё</i></b>")


def test_a_cut_beside_a_tag_leaves_no_empty_markup() -> None:
    for length in range(90, 130):
        for part in parts(f"{'я' * length} <b>жирный</b> <i>курсив</i> конец", limit=128):
            assert "<b></b>" not in part
            assert "<i></i>" not in part


@pytest.mark.parametrize("char", ['"', "&", "<", "😀"])
def test_what_escaping_adds_counts(char: str) -> None:
    texts = parts(char.replace("&", "&amp;").replace("<", "&lt;") * 3000)
    assert "".join(map(plain, texts)) == char * 3000
    assert all(utf16_len(part) > 3900 for part in texts[:-1])


def test_a_part_is_never_too_short_for_a_styled_and_linked_character() -> None:
    with pytest.raises(ValueError, match="128"):
        render("a", RU, keep=own, limit=127)
    address = f"https://x.ru/{'a' * 36}"
    body = f"<b><i><u><s><mark><code><a href='{address}'>{'&quot;' * 9}</a></code></mark></s></u></i></b>"
    texts = parts(body, limit=128)
    assert "".join(map(plain, texts)) == '"' * 9
    assert all(address in part for part in texts)


# --- other forms ---------------------------------------------------------------------------------------


def test_spelled_out_loses_no_address_and_is_never_longer() -> None:
    body = (
        "<a href='https://x.ru/?a=1&amp;b'><b>сюда</b></a>, <a href='https://x.ru/c'>x.ru/c</a>, "
        "<a href='https://evil.ru/'>https://bank.ru/</a>, a &lt; b"
    )
    part = one(body)
    assert spelled_out(part) == (
        "сюда (https://x.ru/?a=1&b), x.ru/c, https://bank.ru/ (https://evil.ru/), a < b"
    )
    assert utf16_len(spelled_out(part)) <= utf16_len(part)
    assert plain(part) == "сюда, x.ru/c, https://bank.ru/ (https://evil.ru/), a < b"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("<a href='mailto:a@b.ru'>a@b.ru</a>, <a href='tel:+7'>call</a>", "a@b.ru, call (+7)"),
        ("<a href='https://x.ru/'>x.ru</a> <a href='https://x.ru/a'>a</a>", "x.ru a (https://x.ru/a)"),
        ("a <img src=x.png><img alt='' src='data:x'> b", "a [Picture: x.png][Picture: …] b"),
        ("<b>a</b> &lt; {%customer.firstName%}", "a < {%customer.firstName%}"),
        ("<h1>a</h1><ul><li>b</ul>", "a\n\n• b"),
    ],
)  # fmt: skip
def test_the_words_for_an_excerpt_name_addresses_and_pictures(body: str, expected: str) -> None:
    assert to_text(body, EN) == expected


def test_markup_covers_the_words_that_the_agent_chose() -> None:
    text, markup = read(
        one("👍 <b>Важно</b>: <a href='https://x.ru/'>сайт 😀</a> и <code>x=1</code>")
    )
    assert [(each["type"], words_of(text, each)) for each in markup] == [
        ("strong", "Важно"),
        ("link", "сайт 😀"),
        ("monospaced", "x=1"),
    ]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("Спасибо <img alt='🙂' src='https://fonts.example/emoji/1f642.png'>", "Спасибо 🙂"),
        ("Да<img class='an1' data-emoji='👩\u200d💻' alt='👩\u200d💻' src='x.png'>!", "Да👩\u200d💻!"),
        ("<img alt='1️⃣' src='a'> раз <img alt='🇷🇺🏴\U000e0067\U000e0062\U000e007f' src='b'>",
         "1️⃣ раз 🇷🇺🏴\U000e0067\U000e0062\U000e007f"),
        ("<img alt='' data-emoji='❤️' src='https://fonts.example/x'>", "❤️"),
        ("<a href='https://x.ru'><img alt='👍🏽' src='a'></a>", '<a href="https://x.ru">👍🏽</a>'),
        ("<img class='emoji' alt=':wave:' src='https://a.example/x.png'> привет", ":wave: привет"),
        ("Ок <img class='emoji' src='https://cdn.example/72x72/1f468-200d-1f4bb.png'>", "Ок 👨\u200d💻"),
        ("Ок <img src='https://cdn.example/noto-emoji/emoji_u1f600.svg?v=1'>", "Ок 😀"),
        ("Ок <img src='https://fonts.gstatic.example/s/e/notoemoji/16.0/1f642/32.png'>", "Ок 🙂"),
        ("Ок <img alt='(smile)' src='https://x.example/smile.gif'>", "Ок (smile)"),
        ("Ок <img class='emoji' src='https://vk.example/emoji/e/f09f9982.png' alt=''>", "Ок 🙂"),
        ("Ок <img class='emoji' title='😀' src='https://x.example/1.png'>", "Ок 😀"),
        ("Ок <img alt=':-)' src='https://x.example/1.png'>", "Ок :-)"),
        ("Ок <img alt=':thumbs_up:' src='https://x.example/1.png'>", "Ок :thumbs_up:"),
        ("Ок <img class='wlEmoticon' alt='Smiley face' src='cid:1'>", "Ок Smiley face"),
        ("<img alt='👍' src='https://x.example/1.png'><img alt='🏽' src='https://x.example/2.png'>", "👍🏽"),
        # Words are no emoji, and a name is no picture.
        ("<img alt='' src='cid:smile/1f600'>", "😀"),
        ("<img alt='Улыбка' src='cid:smile/1f600x'>", "[Изображение: Улыбка]"),
        ("<img alt='ok' src='cid:1'>", "[Изображение: ok]"),
        ("<img alt='12' src='cid:1'>", "[Изображение: 12]"),
        ("<img alt='\u200d\ufe0f' src='cid:1'>", "[Изображение: \u200d\ufe0f]"),
    ],
)  # fmt: skip
def test_pasted_emoji_are_words(body: str, expected: str) -> None:
    assert one(body) == expected
