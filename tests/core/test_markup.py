"""core.markup: text of MAX as HTML for the agent's page; every letter arrives, in our own tags only."""

from __future__ import annotations

import re
from html import unescape

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from laws import law, visible, wire_texts
from maxbridge.core.events import Mark
from maxbridge.core.markup import QUOTE, formatted, has_marker, marked_keys, marker, text_to_html
from maxbridge.core.text import clean, utf16_len
from maxbridge.max.parse import parse_update
from page import Page
from recorded import max_names, max_update

MARKER = re.compile(r"<!-- maxbridge:[^<>]*? -->")
BOLD = ("strong", "heading", "highlighted", "user_mention")
INLINE = {
    **dict.fromkeys(BOLD, "b"),
    "emphasized": "i",
    "underline": "u",
    "strikethrough": "s",
}
SITE = "https://example.com/?a=1&b=2"

wire = wire_texts.map(clean)
places = st.integers(-4, 30) | st.sampled_from([-(2**63), 2**63 - 1, 4000])
marks = st.lists(
    st.builds(
        Mark,
        kind=st.sampled_from([*INLINE, "monospaced", "quote", "blockquote", "link", "", "blink"]),
        start=places,
        length=places,
        url=st.sampled_from(
            [SITE, "https://other.example/x", "javascript:alert(1)", "mailto:a@b.example", ""]
        ),
    ),
    max_size=8,
)

OVERRIDES = {0x202D: None, 0x202E: None}


def quoted(inner: str) -> str:
    return f'<blockquote style="{QUOTE}">{inner}</blockquote>'


# --- plain text -------------------------------------------------------------------------------------


@given(wire)
@law
def test_every_line_break_and_every_blank_of_the_text_is_kept(text: str) -> None:
    lines = [unescape(line).replace("\xa0", " ") for line in text_to_html(text).split("<br>")]
    wanted = text.replace("\t", "    ").replace("\xa0", " ").split("\n")
    assert lines == wanted


@given(wire, marks)
@law
def test_a_browser_folds_no_blank_of_the_text(text: str, formats: list[Mark]) -> None:
    # Runs of spaces and spaces at the edge of a line are folded, through inline tags as well.
    for html in (f"<div>{text_to_html(text)}</div>", formatted(text, formats)):
        plain = re.sub(r"<span.*?</span>", "note", html)
        plain = re.sub(r"</?(?:a|b|i|u|s|code|pre)(?: [^>]*)?>", "", plain)
        for line in re.split(r"<br>|</?(?:div|blockquote)[^>]*>", plain):
            assert "  " not in line
            assert not line.startswith(" ")
            assert not line.endswith(" ")


# --- formatting -------------------------------------------------------------------------------------


@given(wire, marks)
@example("👍👍", [Mark("strong", 1, 2), Mark("emphasized", 3, 9)])
@example("a\nb\nc", [Mark("quote", 2, 2), Mark("monospaced", 0, 4), Mark("strong", 1, 3)])
@law
def test_whatever_is_marked_our_tags_are_balanced_and_every_letter_is_there(
    text: str, formats: list[Mark]
) -> None:
    page = Page(formatted(text, formats))
    assert page.is_ours()
    # Letters are shown in the order in which they stand: what turns them around is left out.
    assert visible(page.text) == visible(text).translate(OVERRIDES)


@given(wire, marks)
@law
def test_every_line_stays_a_line(text: str, formats: list[Mark]) -> None:
    # A quotation that begins in the middle of a line begins a new one; nothing joins two lines.
    page = Page(formatted(text, formats))
    lines = [visible(line) for line in page.words.split("\n") if visible(line)]
    shown = (visible(line).translate(OVERRIDES) for line in text.split("\n"))
    wanted = [line for line in shown if line]
    if not any(mark.kind in ("quote", "blockquote", "monospaced", "link") for mark in formats):
        assert lines == wanted
    elif not page.notes:
        assert "".join(lines) == "".join(wanted)
        assert len(lines) >= len(wanted)


@given(wire, marks)
@example("👍", [Mark("strong", 1, 0)])
@law
def test_a_letter_is_formatted_exactly_as_its_marks_say(text: str, formats: list[Mark]) -> None:
    # Offsets are UTF-16 units (contract max.md 4); a mark that splits a pair takes the character.
    page = Page(formatted(text, formats))
    found = [pair for pair in page.letters if visible(pair[0])]
    wanted = [
        (char, formats_at(formats, units, utf16_len(char)))
        for units, char in with_places(text)
        if visible(char)
    ]
    assert [(char, names(tags)) for char, tags in found] == wanted


def with_places(text: str) -> list[tuple[int, str]]:
    return [(utf16_len(text[:index]), char) for index, char in enumerate(text)]


def formats_at(formats: list[Mark], units: int, width: int) -> frozenset[str]:
    there = [
        mark
        for mark in formats
        if max(units, mark.start) < min(units + width, mark.start + mark.length)
    ]
    tags = {INLINE[mark.kind] for mark in there if mark.kind in INLINE}
    tags |= {"mono" for mark in there if mark.kind == "monospaced"}
    tags |= {"blockquote" for mark in there if mark.kind in ("quote", "blockquote")}
    tags |= {"a" for mark in there if mark.kind == "link" and mark.url[:4] in ("http", "mail")}
    return frozenset(tags)


def names(tags: frozenset[str]) -> frozenset[str]:
    mono = {"code": "mono", "pre": "mono"}
    return frozenset(mono.get(tag, tag) for tag in tags - {"div"})


@pytest.mark.parametrize(
    ("kind", "html"),
    [
        ("strong", "<div>до <b>слово</b> после</div>"),
        ("heading", "<div>до <b>слово</b> после</div>"),
        ("highlighted", "<div>до <b>слово</b> после</div>"),
        ("user_mention", "<div>до <b>слово</b> после</div>"),
        ("emphasized", "<div>до <i>слово</i> после</div>"),
        ("underline", "<div>до <u>слово</u> после</div>"),
        ("strikethrough", "<div>до <s>слово</s> после</div>"),
        ("monospaced", "<div>до <code>слово</code> после</div>"),
        ("quote", f"<div>до&nbsp;</div>{quoted('<div>слово</div>')}<div>&nbsp;после</div>"),
        ("blockquote", f"<div>до&nbsp;</div>{quoted('<div>слово</div>')}<div>&nbsp;после</div>"),
        ("blink", "<div>до слово после</div>"),
    ],
)
def test_every_format_of_max_and_an_unknown_one(kind: str, html: str) -> None:
    assert formatted("до слово после", [Mark(kind, 3, 5)]) == html


@pytest.mark.parametrize(
    ("text", "formats", "html"),
    [
        # Nested, equal and overlapping stretches.
        ("abc", [("strong", 0, 3), ("emphasized", 1, 1)], "<div><b>a<i>b</i>c</b></div>"),
        ("abc", [("emphasized", 0, 3), ("strong", 0, 3)], "<div><b><i>abc</i></b></div>"),
        ("abcd", [("strong", 0, 2), ("emphasized", 1, 2)], "<div><b>a<i>b</i></b><i>c</i>d</div>"),
        ("abcd", [("emphasized", 0, 2), ("strong", 1, 2)], "<div><i>a</i><b><i>b</i>c</b>d</div>"),
        ("abcd", [("strong", 0, 2), ("heading", 1, 2)], "<div><b>abc</b>d</div>"),
        # Outside of the text, negative, empty.
        ("abc", [("strong", 2, 99)], "<div>ab<b>c</b></div>"),
        ("abc", [("strong", -2, 3)], "<div><b>a</b>bc</div>"),
        ("abc", [("strong", 3, 1), ("strong", 1, 0), ("strong", 2, -1)], "<div>abc</div>"),
        # UTF-16 units: an emoji has two, and no mark gets half of one.
        ("👍 да", [("strong", 3, 2)], "<div>👍 <b>да</b></div>"),
        ("👍 да", [("strong", 1, 1)], "<div><b>👍</b> да</div>"),
        ("a👍b", [("strong", 0, 2)], "<div><b>a👍</b>b</div>"),
        ("a👍b", [("strong", 2, 2)], "<div>a<b>👍b</b></div>"),
        # Line breaks and spaces in and beside formats.
        ("a\nb", [("strong", 0, 3)], "<div><b>a<br>b</b></div>"),
        ("a  b", [("strong", 2, 2)], "<div>a <b>&nbsp;b</b></div>"),
        ("a <b>", [("strong", 2, 3)], "<div>a <b>&lt;b&gt;</b></div>"),
        # Quotations are blocks; the line breaks beside them are the border.
        ("a\nb\nc", [("quote", 2, 1)], f"<div>a</div>{quoted('<div>b</div>')}<div>c</div>"),
        ("a\nb\nc", [("quote", 2, 2)], f"<div>a</div>{quoted('<div>b</div>')}<div>c</div>"),
        ("a\n\nb", [("quote", 3, 1)], f"<div>a<br></div>{quoted('<div>b</div>')}"),
        ("a\nb", [("quote", 0, 3), ("strong", 2, 1)], quoted("<div>a<br><b>b</b></div>")),
        # Several lines of code are drawn as a block, one line in its sentence.
        ("a\nx =\n  1\nb", [("monospaced", 2, 7)], "<div>a</div><div><pre>x =<br>&nbsp;&nbsp;1</pre></div><div>b</div>"),
        ("a\nx=1\nb", [("monospaced", 2, 4)], "<div>a<br><code>x=1<br></code>b</div>"),
        ("q\nx\ny", [("quote", 0, 5), ("monospaced", 2, 3)], quoted("<div>q</div><div><pre>x<br>y</pre></div>")),
    ],
)  # fmt: skip
def test_formats_written_out(text: str, formats: list[tuple[str, int, int]], html: str) -> None:
    assert formatted(text, [Mark(*each) for each in formats]) == html


@pytest.mark.parametrize(
    ("url", "href"),
    [
        (SITE, "https://example.com/?a=1&amp;b=2"),
        ("http://пример.рф/путь", "http://пример.рф/путь"),
        ("mailto:anna@example.com", "mailto:anna@example.com"),
        ("tel:+7 (999) 123-45-67", None),
        ("tel:79991234567", "tel:+79991234567"),
        ("javascript:alert(1)", None),
        ("max://user/1", None),
        ("", None),
    ],
)
def test_a_link_that_may_not_be_one_leaves_its_words(url: str, href: str | None) -> None:
    html = "<div>тут</div>" if href is None else f'<div><a href="{href}">тут</a></div>'
    assert formatted("тут", [Mark("link", 0, 3, url)]) == html


def test_links_do_not_nest_and_formats_stay_inside_of_them() -> None:
    formats = [
        Mark("link", 0, 4, "https://a.example/"),
        Mark("link", 2, 4, "https://b.example/"),
        Mark("strong", 1, 4),
    ]
    assert formatted("abcdef", formats) == (
        '<div><a href="https://a.example/">a<b>bcd</b></a>'
        '<a href="https://b.example/"><b>e</b>f</a></div>'
    )


@pytest.mark.parametrize(
    ("text", "start", "length"),
    [
        ("https://bank.example/", 0, 21),
        ("смотрите bank.example тут", 9, 12),
        ("bank.example", 5, 7),
        ("bank.example", 0, 4),
        ("ＢＡＮＫ．example", 0, 12),
        ("ba\u200bnk。example", 0, 13),
        ("bank.example https://evil.example/x", 0, 12),
    ],
)
def test_words_that_look_like_another_address_have_the_real_one_behind_them(
    text: str, start: int, length: int
) -> None:
    # An agent who reads "bank.example" must not land somewhere else.
    page = Page(formatted(text, [Mark("link", start, length, "https://evil.example/x")]))
    assert page.notes == "(https://evil.example/x)"
    assert page.hrefs == ["https://evil.example/x"]


@pytest.mark.parametrize("words", ["тут", "evil.example/x", "https://www.evil.example/x/", "1.5"])
def test_words_that_hide_nothing_stand_alone(words: str) -> None:
    page = Page(formatted(words, [Mark("link", 0, len(words), "https://evil.example/x")]))
    assert (page.words.strip(), page.notes) == (words, "")


# --- the marker -------------------------------------------------------------------------------------


@given(wire_texts)
@law
def test_a_marker_is_one_comment_that_is_found_again(key: str) -> None:
    made = marker(key)
    page = Page(f"<div>words</div>{made}")
    assert len(page.other) == 1
    assert page.words.strip() == "words"
    assert "--" not in made[4:-3]
    assert has_marker(f"<div>words</div>{made}", key)


@pytest.mark.parametrize("name", max_names("update."))
def test_markers_of_recorded_updates_keep_their_key(name: str) -> None:
    # Contract freescout.md 8 [85]: the comment comes back unchanged, so the look-up is exact.
    key = parse_update(max_update(name.removeprefix("update."))).key
    assert marker(key) == f"<!-- maxbridge:{key} -->"


def test_one_id_is_not_found_in_the_marker_of_a_longer_one() -> None:
    assert not has_marker(marker("mid.12"), "mid.1")
    assert not has_marker(marker("mid.12"), "id.12")


def test_the_marker_of_an_edit_is_another_one_than_of_the_message_itself() -> None:
    created, edited = (
        parse_update(max_update(name)) for name in ("message_created.text", "message_edited")
    )
    assert marker(created.key) != marker(edited.key)


@given(wire, marks)
@law
def test_no_text_can_forge_a_marker(text: str, formats: list[Mark]) -> None:
    assert not MARKER.search(formatted(text, formats))
    assert not has_marker(formatted(f"{text}{marker('mid.1')}", formats), "mid.1")


@given(
    st.lists(wire_texts.filter(bool), max_size=3),
    st.text(alphabet="<!- maxbridge:>\n", max_size=30),
)
@law
def test_the_keys_of_markers_are_found_again(keys: list[str], between: str) -> None:
    body = between.join(f"<div>{marker(key)}</div>" for key in keys)
    ours = [marker(key) for key in keys if marker(key) != marker("")]
    assert [marker(key) for key in marked_keys(body)] == ours


def test_words_that_would_be_shown_backwards_are_shown_as_they_stand() -> None:
    assert formatted("счёт \u202e00001\u202c р.", []) == "<div>счёт 00001\u202c р.</div>"
    arabic = "\u200fمرحبا\u200e \u2067abc\u2069"
    assert formatted(arabic, []) == f"<div>{arabic}</div>"
