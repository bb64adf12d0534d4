"""core.reply.elements: desk HTML as a browser reads it, whatever the tags look like."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laws import law, wire_texts
from maxbridge.core.reply.elements import BLOCKS, Closed, Element, Opened, read_html


def outline(body: str) -> str:
    """What was read, in the notation of HTML, without attributes."""
    shown = []
    for event in read_html(body):
        match event:
            case Opened(element):
                shown.append(f"<{element.tag}>")
            case Closed(element):
                shown.append(f"</{element.tag}>")
            case words:
                shown.append(words)
    return "".join(shown)


def attributes(tag: str) -> dict[str, str]:
    (event, *_) = read_html(tag)
    assert isinstance(event, Opened)
    return dict(event.element.attributes)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("a<B Class=x>b</B >c", "a<b>b</b>c"),
        ("a<br>b<br/>c</br>d", "a<br></br>b<br></br>c<br></br>d"),
        # What nobody opened, and what nobody closed.
        ("</b>a</div>", "a"),
        ("<div><b>a", "<div><b>a</b></div>"),
        ("<div><b>a</div>b", "<div><b>a</b></div>b"),
        # In a line an end tag ends its own element only.
        ("<b>a<i>b</b>c</i>", "<b>a<i>b</b>c</i>"),
        ("<b><div>a</b>b</div>", "<b><div>a</b>b</div>"),
        # What ends by itself.
        ("<p>a<p>b<div>c</div>", "<p>a</p><p>b</p><div>c</div>"),
        ("<p><b>a<p>b", "<p><b>a</p><p>b</p></b>"),
        ("<ul><li>a<li>b<ul><li>c</ul></ul>", "<ul><li>a</li><li>b<ul><li>c</li></ul></li></ul>"),
        ("<dl><dt>a<dd>b<dt>c</dl>", "<dl><dt>a</dt><dd>b</dd><dt>c</dt></dl>"),
        ("<a>a<a>b</a>c</a>", "<a>a</a><a>b</a>c"),
        ("<table><tr><td>a<th>b<tr><td>c</table>",
         "<table><tr><td>a</td><th>b</th></tr><tr><td>c</td></tr></table>"),
        ("<table><caption>a<td>b</table>", "<table><caption>a</caption><tr><td>b</td></tr></table>"),
        ("<table><tr><td>a<tbody><td>b</table>",
         "<table><tr><td>a</td></tr><tbody><tr><td>b</td></tr></tbody></table>"),
        # A cell shelters what is around its table.
        ("<div><table><td>a</div></table>b</div>",
         "<div><table><tr><td>a</td></tr></table>b</div>"),
        ("<ul><li><table><td><li>a</table>b</ul>",
         "<ul><li><table><tr><td><li>a</li></td></tr></table>b</li></ul>"),
        ("<table><td>a<table><td>b</td></table>c</td><td>d</table>",
         "<table><tr><td>a<table><tr><td>b</td></tr></table>c</td><td>d</td></tr></table>"),
        ("<td>a<td>b", "<td>a</td><td>b</td>"),
        # What is text.
        ("a < b <3 <", "a < b <3 <"),
        ("a&lt;b&amp;lt; &#1086;&#x43A; &nope &#xD800;", "a<b&lt; ок &nope \ufffd"),
        ("a&#99999999;&#xFFFFFFFFF;\x00b", "a\ufffd\ufffdb"),
        # What no page shows.
        ("a<!-- <b> -->b<!---->c<!-->d<!--->e<!-- --!>f", "abcdef"),
        ("a<!x>b<?y>c</ z>d</>e", "abcde"),
        ("a<script>'</b>' <!--</SCRIPT x>b", "ab"),
        ("a<script/>b</scripty></script>c", "ac"),
        ("a<svg><b>x</svg>b<svg/>c<math></svg>x</math>d", "abcd"),
        ("a<template><template>x</template>x</template>b", "ab"),
        ("a<b title='x", "a"),
        ("a</b", "a"),
        ("a<title>x", "a"),
    ],
)  # fmt: skip
def test_html_is_read_as_a_browser_would(body: str, expected: str) -> None:
    assert outline(body) == expected


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("<a HREF='b' c=d e>", {"href": "b", "c": "d", "e": ""}),
        ("<a href=b&amp;c/d>", {"href": "b&c/d"}),
        ('<a b = "c\nd>" / e=>', {"b": "c\nd>", "e": ""}),
        ("<a b=1 b=2>", {"b": "1"}),
        ("<a =b =>", {"=b": ""}),
        # A quote that nobody closes: the tag ends all the same, so that no words are lost.
        ("<a b='c d>e", {"b": "", "'c": "", "d": ""}),
    ],
)
def test_attributes_are_read_as_a_browser_would(tag: str, expected: dict[str, str]) -> None:
    assert attributes(tag) == expected


pieces = st.sampled_from(
    [
        "<", ">", "/", "'", '"', "=", "<!--", "-->", "<b>", "</b>", "<p>", "</p>", "<td>", "<table>",
        "</table>", "<li>", "<ul>", "</ul>", "<svg>", "</svg>", "<a href=x>", "</a>", "<br>", "</br>",
        "<tr>", "</tr>", "<caption>", "<script>", "</script>", "</div>", "<div x='", "&", "&#", "<i/>",
    ]
)  # fmt: skip


@given(st.lists(pieces | wire_texts, max_size=25).map("".join))
@law
def test_each_element_ends_once_and_blocks_are_well_nested(body: str) -> None:
    opened: list[Element] = []
    for event in read_html(body):
        match event:
            case Opened(element):
                assert element.open
                opened.append(element)
            case Closed(element):
                assert not element.open
                if element.tag in BLOCKS - {"p"}:
                    # An unclosed paragraph ends where a block begins, though it stands in a <b>.
                    assert [each for each in opened if each.tag in BLOCKS][-1] is element
                opened.remove(element)
            case words:
                assert words == words.encode("utf-8", "strict").decode()
    assert opened == []
