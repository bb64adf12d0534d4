"""The gallery is up to date, has every sample, and refuses what the other side would not show."""

from __future__ import annotations

import re

import pytest

from gallery import book, front
from gallery.chat_look import chat
from gallery.desk_look import thread
from gallery.entries import GalleryError
from gallery.page import page
from gallery.pictures import digest, drawn_from
from gallery.purifier import purified
from gallery.samples import editor_bodies, max_names, reply_bodies
from maxbridge.core.markup import QUOTE, marker
from maxbridge.core.parts import Part, PartFile
from maxbridge.core.text import GREY

REMEDY = "run: make gallery"


@pytest.fixture(scope="module")
def text() -> str:
    return book.text()


def test_the_words_are_what_the_program_says_today(text: str) -> None:
    assert book.DOCUMENT.read_text(encoding="utf-8") == text, REMEDY


def test_each_picture_was_drawn_from_what_the_program_says_today() -> None:
    stale = [
        group.name
        for group in book.drawn_groups()
        if drawn_from(book.PICTURES / f"{group.name}.png") != digest(page(group))
    ]
    assert not stale, REMEDY


def test_the_readmes_pictures_are_of_what_the_program_says_today() -> None:
    assert {path: drawn_from(path) for path in front.pages()} == {
        path: digest(html) for path, html in front.pages().items()
    }, REMEDY
    assert set(front.PICTURES.iterdir()) == set(front.pages())


def test_a_private_note_is_in_the_ticket_and_not_on_the_phone() -> None:
    for html in front.pages().values():
        phone, ticket = html.split('<div class="browser">')
        note = re.search(
            r'<div class="thread note">.*?<div class="body" dir="auto"><div>(.*?)<', ticket
        )
        assert note is not None
        assert note[1] not in phone


def test_no_picture_is_left_over_and_all_together_are_small() -> None:
    pictures = list(book.PICTURES.iterdir())
    assert {each.stem for each in pictures} == {group.name for group in book.drawn_groups()}
    assert sum(each.stat().st_size for each in pictures) < 1_500_000


def test_every_sample_has_its_entry(text: str) -> None:
    entries = set(re.findall(r"^\*\*`(.+?)`\*\*", text, re.MULTILINE))
    bodies = [*editor_bodies(), *reply_bodies()]
    assert len(bodies) > 50
    assert {*max_names(), *(body.sample for body in bodies)} <= entries


# --- what the desk's page keeps (contract freescout-agent-ui.md 1) ------------------------------------


@pytest.mark.parametrize(
    "html",
    [
        "<div>a<br>b</div>",
        "<b>1</b><strong>2</strong><i>3</i><em>4</em><u>5</u><s>6</s><strike>7</strike>",
        "<code>1</code><kbd>2</kbd><div><pre>3</pre></div>",
        f'<blockquote style="{QUOTE}"><div>1</div></blockquote>',
        f'<div style="{GREY}">1</div>',
        "<h1>1</h1><ul><li>2</li></ul><table><tr><td>3</td></tr></table>",
        '<img src="data:image/png;base64,AAAA">',
    ],
)
def test_what_the_page_keeps_is_kept_as_it_is(html: str) -> None:
    assert purified(html) == (html, ())


@pytest.mark.parametrize(
    "href", ["https://a.example", "mailto:a@b.example", "tel:+7999", "ftp://a.b"]
)
def test_links_that_stay_links_open_in_a_tab_of_their_own(href: str) -> None:
    assert purified(f'<a href="{href}">1</a>').html == f'<a href="{href}" target="_blank">1</a>'


@pytest.mark.parametrize(
    ("html", "shown"),
    [
        ("<del>1</del><ins>2</ins><mark>3</mark><sub>4</sub><small>5</small>", "12345"),
        ("before<hr>after", "beforeafter"),
        ("<details>1<b>2</b></details>3", "3"),
        ("<video></video><audio></audio><iframe></iframe>1", "1"),
        ("<script>1</script>2", "2"),
        ('<a href="max:1">1</a>', "<a>1</a>"),
        ('<a href="javascript:1">1</a>', "<a>1</a>"),
        ('<a href="data:text/html,1">1</a>', "<a>1</a>"),
        ('<img src="data:image/webp;base64,AAAA">1', "1"),
        ('<b style="position:fixed;color:red">1</b>', '<b style="color:red">1</b>'),
        ('<b style="opacity:0">1</b>', "<b>1</b>"),
        ('<b onclick="1" class="2">3</b>', "<b>3</b>"),
        ("one\ntwo", "one\ntwo"),
        ("1<!-- said -->", "1"),
        (f"1{marker('mid.1')}2", "12"),
        ("<b>1", "<b>1"),
        ("1</b>", "1"),
    ],
)
def test_what_the_page_does_not_keep_is_named(html: str, shown: str) -> None:
    left = purified(html)
    assert left.html == shown
    assert left.lost
    with pytest.raises(GalleryError):
        thread("Марина", html)


def test_the_marker_at_the_end_is_not_seen_and_not_missed() -> None:
    assert purified(f"<div>1</div>{marker('mid.1')}") == ("<div>1</div>", ())


def test_the_page_makes_links_of_bare_addresses_and_of_nothing_else() -> None:
    assert purified("см. https://a.example/x?y=1&amp;z. a@b.example").html == (
        'см. <a href="https://a.example/x?y=1&amp;z">https://a.example/x?y=1&amp;z</a>. '
        '<a href="mailto:a@b.example">a@b.example</a>'
    )
    inside = '<a href="https://a.example" target="_blank">https://a.example</a>'
    assert purified(inside.replace(' target="_blank"', "")).html == inside


def test_a_card_with_nothing_in_it_is_refused() -> None:
    with pytest.raises(GalleryError):
        thread("Марина", marker("mid.1"))


# --- what MAX takes (contract max.md 5.1) ----------------------------------------------------------------


def test_a_message_is_drawn_from_the_markup_that_max_keeps() -> None:
    drawn = chat([Part("👍 <b>раз <i>два</i></b> &lt;три&gt;", html=True)])
    assert (
        '👍 <span class="strong">раз </span><span class="emphasized strong">два</span> &lt;три&gt;'
    ) in drawn


@pytest.mark.parametrize(
    "part",
    [
        Part("<b>раз", html=True),
        Part("<table>раз</table>", html=True),
        Part('<a href="http://desk.local/x">раз</a>', html=True),
        Part("я" * 4001),
        Part("раз", files=(PartFile(1, "a.pdf", "", kind="file"),)),
        Part(files=(PartFile(1, "a.png", "", kind="image"), PartFile(2, "a.pdf", "", kind="file"))),
        Part(files=tuple(PartFile(number, "a.png", "", kind="image") for number in range(13))),
        Part(),
    ],
)
def test_what_max_refuses_or_drops_is_refused(part: Part) -> None:
    with pytest.raises(GalleryError):
        chat([part])
