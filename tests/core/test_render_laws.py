"""core.render: what holds for any HTML whatsoever, well made or rubbish, and for any cut."""

from __future__ import annotations

from dataclasses import dataclass, replace
from html import escape
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from laws import law, texts, visible, wire_texts
from max_markup import looks, read
from maxbridge.core.markup import BREAK
from maxbridge.core.render import TooLongError, plain, render, spelled_out, to_text
from maxbridge.core.text import clean, utf16_len
from maxbridge.i18n import EN

LIMITS = st.sampled_from([128, 150, 200, 333, 4000])
NOBODY_TYPES_THESE = "•|>—"
"""What we put before and between words; generated words are free of it."""


def sent(body: str, limit: int = 4000, **more: Any) -> list[str]:
    """The parts of a reply, each checked as MAX would (``max_markup.read``)."""
    parts = list(render(body, EN, keep=lambda _: False, limit=limit, **more).texts)
    for part in parts:
        read(part, limit)
    return parts


def seen_looks(parts: list[str]) -> list[tuple[str, frozenset[str]]]:
    """Every visible character of the author's with its looks, as MAX shows it over all parts."""
    result = [each for part in parts for each in looks(*read(part, len(part) * 2))]
    return [each for each in result if each[0] not in NOBODY_TYPES_THESE]


# --- well made HTML: words, order and looks -------------------------------------------------------------


@dataclass(frozen=True)
class Look:
    """What an independent reader knows of the looks at one place: the rules of CSS, by hand."""

    bold: bool = False
    italic: bool = False
    others: frozenset[str] = frozenset()

    def kinds(self) -> frozenset[str]:
        more = {"strong"} if self.bold else set[str]()
        return self.others | more | ({"emphasized"} if self.italic else set())


def adds(kind: str) -> Any:
    return lambda look: replace(look, others=look.others | {kind})


def same(look: Look) -> Look:
    return look


INLINE: dict[str, Any] = {
    "<b>{}</b>": lambda look: replace(look, bold=True),
    "<strong class=x>{}</strong>": lambda look: replace(look, bold=True),
    "<b style='font-weight: normal'>{}</b>": lambda look: replace(look, bold=False),
    "<span style='font-weight:700;color:red'>{}</span>": lambda look: replace(look, bold=True),
    "<em>{}</em>": lambda look: replace(look, italic=True),
    '<i style="font-style:normal">{}</i>': lambda look: replace(look, italic=False),
    "<u>{}</u>": adds("underline"),
    "<span style='text-decoration:underline'>{}</span>": adds("underline"),
    "<del>{}</del>": adds("strikethrough"),
    "<mark>{}</mark>": adds("highlighted"),
    "<code>{}</code>": adds("monospaced"),
    "<span>{}</span>": same,
    "<o:p>{}</o:p>": same,
    "<sub>{}</sub>": same,
    "<!-- x -->{}<wbr>": same,
}
BLOCK: dict[str, Any] = {
    "<div>{}</div>": same,
    "<div style='font-weight:bold'>{}</div>": lambda look: replace(look, bold=True),
    "<ul><li>{}</li></ul>": same,
    "<blockquote>{}</blockquote>": same,
    "<h2>{}</h2>": lambda look: replace(look, bold=True),
    "<table><tr><td>{}</td></tr></table>": same,
    "<p></p>{}<hr>": same,
}
words = st.text(alphabet="абвй😀é€<&\">' \n\t\xa0", min_size=1, max_size=8)
Node = tuple[str, Any, list[Any]] | str


def node(inner: Any, shapes: dict[str, Any]) -> Any:
    return st.tuples(st.sampled_from(sorted(shapes)), st.lists(inner, max_size=4)).map(
        lambda made: (made[0], shapes[made[0]], made[1])
    )


inline: Any = st.recursive(words, lambda inner: node(inner, INLINE), max_leaves=12)
trees: Any = st.lists(
    st.recursive(inline, lambda inner: node(inner, BLOCK) | node(inner, INLINE), max_leaves=12),
    max_size=4,
)


def html_of(made: Node | list[Any]) -> str:
    if isinstance(made, str):
        return escape(made)
    if isinstance(made, list):
        return "".join(map(html_of, made))
    shape, _, children = made
    return str(shape).replace("{}", html_of(children))


def looks_of(made: Node | list[Any], look: Look) -> list[tuple[str, frozenset[str]]]:
    if isinstance(made, str):
        return [
            (char, look.kinds())
            for char in made
            if not char.isspace() and char not in NOBODY_TYPES_THESE
        ]
    if isinstance(made, list):
        return [each for child in made for each in looks_of(child, look)]
    _, change, children = made
    return looks_of(children, change(look))


@given(trees, LIMITS)
@law
def test_every_character_arrives_in_order_with_the_looks_it_had(
    made: list[Any], limit: int
) -> None:
    # The looks are read by the simulator, not by what made them.
    assert seen_looks(sent(html_of(made), limit)) == looks_of(made, Look())


@given(trees, LIMITS)
@law
def test_a_cut_changes_nothing_but_white_space(made: list[Any], limit: int) -> None:
    body = html_of(made) * 3
    assert seen_looks(sent(body, limit)) == seen_looks(sent(body, 1_000_000)[:1])


@given(trees)
@law
def test_plain_words_are_the_words_of_the_excerpt(made: list[Any]) -> None:
    body = html_of(made)
    assert visible("".join(map(plain, sent(body)))) == visible(to_text(body, EN))


links = st.tuples(
    st.sampled_from(['https://x.ru/?a=1&b="2"', "https://пример.рф/я", "http://nas/", "mailto:a@x.ru", "x"]),
    trees,
)  # fmt: skip


@given(st.lists(links, max_size=4), LIMITS)
@law
def test_words_of_links_arrive_once_and_links_hold_only_them(
    made: list[tuple[str, Any]], limit: int
) -> None:
    body = "".join(f'<a href="{escape(href)}">{html_of(tree)}</a> ' for href, tree in made)
    parts = sent(body, limit)
    letters = "абвй😀é€"
    got = [char for char, _ in seen_looks(parts) if char in letters]
    expected = [char for _, tree in made for char, _ in looks_of(tree, Look()) if char in letters]
    assert got == expected
    for part in parts:
        for each in part.split("<a ")[1:]:
            assert "<" not in each.partition(">")[2].partition("</a>")[0]
        assert utf16_len(spelled_out(part)) <= utf16_len(part)


# --- HTML as it comes -----------------------------------------------------------------------------------

BLOCK_TAGS = (
    "address blockquote div dd dl dt h1 h3 li ol p pre section table tbody td tr ul".split()
)
INLINE_TAGS = "a b code em font i kbd mark o:p s small span strong sub u".split()
LETTERS = "абвгдежз😀é€"
attributes = st.sampled_from(
    [
        "", " href='https://x.ru/?a=1&amp;b'", " href=javascript:x", " style='font-weight:bold'",
        " style='margin:0'", " start=7", " class=MsoListParagraph", " style='white-space:pre'",
    ]
)  # fmt: skip
HIDDEN = [
    "<!-- абв -->", "<script>абв</script>", "<svg>абв</svg>", "<template><b>абв</template>",
    "<span hidden>абв</span>", "<?абв>", "<div style='display:none'><i>абв</div>", "<style>абв</style>",
]  # fmt: skip
tokens = st.one_of(
    st.text(alphabet=LETTERS + " \n\t\xa0<&>\"'", min_size=1, max_size=6).map(
        lambda text: (escape(text), "".join(char for char in text if char in LETTERS))
    ),
    st.builds(
        lambda tag, more: (f"<{tag}{more}>", ""),
        st.sampled_from(BLOCK_TAGS + INLINE_TAGS + ["br", "hr", "img alt='x' src='data:'", "br/", "div/"]),
        attributes,
    ),
    st.sampled_from(BLOCK_TAGS + INLINE_TAGS).map(lambda tag: (f"</{tag}>", "")),
    st.sampled_from(HIDDEN).map(lambda html: (html, "")),
)  # fmt: skip


@given(st.lists(tokens, max_size=40), LIMITS)
@law
def test_every_visible_character_survives_in_order_however_the_tags_stand(
    made: list[tuple[str, str]], limit: int
) -> None:
    body, words = ("".join(each) for each in zip(*made, strict=True)) if made else ("", "")
    for read_back in ("".join(map(plain, sent(body, limit))), to_text(body, EN)):
        assert "".join(char for char in read_back if char in LETTERS) == words


@given(texts.map(clean))
@law
def test_a_text_that_was_typed_arrives_as_it_was_typed(text: str) -> None:
    body = "".join(f"<div>{escape(line) or '<br>'}</div>" for line in text.split("\n"))
    # But for the places to break, which the page of a customer's long words may have put there.
    assert visible(to_text(body, EN)) == visible(text.replace(BREAK, ""))


html_pieces = st.sampled_from(
    [
        "<", ">", "<!", "<!-", "<!--", "-->", "<![", "<![if x]>", "<![endif]>", "<![foo]>", "]>", "]]>",
        "<?", "?>", "</", "</ ", "<a", "<a href=", "='", '"', "'", "&", "&#", "&#x", "&#13;", "&#xD800;",
        "&lt", "<script", "<style>", "</script>", "<ol start=", "<pre>", "{%", "%}", "a.b", ",fallback=",
        "\x00", "/", "=", "<td>", "<tr>", "<table>", "</table>", "<li>", "</ul>", "<img src=x>", "<b>",
        "</b>", "<a href='https://x.ru'>", "</a>", "<p style='", "font-weight:bold", "&#x0;", "<mark>",
        "&#99999999999;", "<svg>", "</svg>", "<p hidden>", "<blockquote>", "<br>", "<code>", "</code>",
    ]
)  # fmt: skip


@given(st.lists(html_pieces | wire_texts, max_size=20).map("".join), LIMITS)
@example("<td>a", 128)
@example("<table><b><td>a</b></table>b", 128)
@example("</", 128)
@law
def test_no_body_whatsoever_is_an_error(body: str, limit: int) -> None:
    # Case 30 of the contract: the desk stores and returns anything byte for byte.
    parts = sent(body, limit, signature=body, variables={"a.b": body, "c": "d"})
    for part in parts:
        part.encode()
    to_text(body, EN).encode()
    whole = "".join(sent(body, 1_000_000))
    assert visible("".join(map(plain, sent(body, limit)))) == visible(plain(whole))


# --- bounded work ---------------------------------------------------------------------------------------

RUBBISH = {
    "tags that nobody closes": "<b>x",
    "tags that never end": "<a<",
    "quotes that never end": "<a href=\"<a href='",
    "attributes without end": "<a " + "x= " * 100,
    "comments": "<!--<!-",
    "end tags of nothing": "</b></p></x>",
    "nested blocks": "<div>x",
    "nested quotes": "<blockquote>x",
    "nested lists": "<ul><li>x",
    "nested tables": "<table><tr><td>x<td>y",
    "cells": "<td>x",
    "tags that cross": "<b><i></b>x</i>",
    "hidden elements": "<svg><template>",
    "pictures": "<img src=data:>x",
    "variables": "{%a.b%}{%a.b",
    "entities": "&#1&amp",
    "blank lines": "<br>&nbsp;<br>",
    "Word": "<p class=MsoListParagraph>·&nbsp;",
}


@pytest.mark.parametrize("piece", RUBBISH.values(), ids=RUBBISH.keys())
def test_work_and_words_grow_no_faster_than_the_rubbish(piece: str) -> None:
    """With work that grows with the square of the size, one of these would take minutes.

    (Python's own parser does, for the second and the fifth: the suite's time limit would end it.)
    """
    size = 60_000
    body = (piece * (size // len(piece) + 1))[:size]
    parts = sent(f"<table><tr>{body}", variables={})
    # A line of five quotes inside each other has their signs, each of which is four letters in HTML.
    assert sum(map(len, parts)) <= 50 + size * 8
    assert len(to_text(body, EN)) <= 50 + size * 8


def test_ten_thousand_elements_inside_each_other_are_no_trouble() -> None:
    deep = 10_000
    for tag in ("div", "b", "blockquote", "ul", "table", "o:p"):
        body = f"<{tag}>" * deep + "слово" + f"</{tag}>" * deep
        assert "слово" in plain("".join(sent(body)))


@pytest.mark.parametrize(
    "body",
    [
        f"<a href='https://x.ru/{'a' * 300_000}'>слово</a>",
        f"<b style='{'font-weight:bold;' * 60_000}'>слово</b>",
        f"<img src='data:image/png;base64,{'A' * 1_000_000}'>слово",
        f"слово&#{'9' * 1_000_000};",
        f"<p style='margin:{'9' * 1_000_000}'>слово",
        f"слово<a {'b ' * 300_000}",
        f"{'a' * 300_000} слово",
    ],
    ids=["address", "style", "data", "entity", "margin", "attributes", "word"],
)
def test_a_huge_value_is_no_trouble(body: str) -> None:
    assert "слово" in plain("".join(sent(body)))


@pytest.mark.parametrize(
    "body",
    ["<p>x" * 250_000, "<td>x" * 250_000, "<br>" * 1_000_000, "слово " * 100_000],
    ids=["paragraphs", "cells", "breaks", "words"],
)
def test_what_no_messenger_can_carry_is_refused_soon(body: str) -> None:
    """A megabyte of paragraphs took 9 s and 320 MiB: now it is given up after a tenth of that."""
    with pytest.raises(TooLongError):
        sent(body)
    assert len(to_text(body, EN, 5000)) <= max(10_000, len(body))


def test_a_signature_of_unusable_characters_is_none() -> None:
    assert sent("слово", signature="\uffff\ufffe") == ["слово"]


def test_the_scheme_of_a_link_is_written_small_whatever_the_agent_pasted() -> None:
    assert sent("<a href='hTtPs://Example.ru/A'>сюда</a>") == [
        '<a href="https://Example.ru/A">сюда</a>'
    ]
