"""core.markup: a message of MAX as HTML for the agent's page; nothing but our own tags, ever."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_samples import BOT, MARINA, event, link
from laws import law, visible, wire_texts
from maxbridge.core.events import Attachment, Event, LinkKind, Message, Person, What
from maxbridge.core.markup import (
    event_to_html,
    first_line,
    has_marker,
    human_size,
    marker,
    text_to_html,
)
from maxbridge.core.text import clean
from maxbridge.i18n import CATALOGUE, EN, RU
from maxbridge.max.parse import parse_update
from recorded import max_body, max_names, max_update

MARKER = re.compile(r"<!-- maxbridge:[^<>]*? -->")
TAGS = {"div", "blockquote", "br", "span", "a"}
ATTRIBUTES = {"div": {"style"}, "blockquote": {"style"}, "span": {"style"}, "a": {"href"}}
KINDS = (
    "image video audio file sticker contact location share inline_keyboard data poll ? <b> {name}"
).split()


def web(url: str) -> bool:
    return url.startswith("https://cdn.example/")


def nothing(_url: str) -> bool:
    return False


class Page(HTMLParser):
    """Reads HTML strictly: what it takes for a tag, a comment or an attribute is collected."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.balanced = True
        self.other: list[str] = []
        self.words = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        self.balanced = self.balanced and bool(self.open) and self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data

    def handle_comment(self, data: str) -> None:
        self.other.append(data)

    def handle_decl(self, decl: str) -> None:
        self.other.append(decl)

    def handle_pi(self, data: str) -> None:
        self.other.append(data)

    def unknown_decl(self, data: str) -> None:
        self.other.append(data)


wire = wire_texts.map(clean)
urls = st.sampled_from(
    [
        "",
        "https://cdn.example/a?b=1&c=2",
        'https://cdn.example/"onmouseover="x',
        "https://cdn.example/<script>",
        "https://elsewhere.example/",
        "javascript:alert(1)",
        "data:text/html,<b>",
        "http://",
        "https://[",
    ]
)
attachments = st.builds(
    Attachment,
    kind=st.sampled_from(KINDS) | wire,
    name=wire,
    size=st.none() | st.integers(min_value=-(2**63), max_value=2**63 - 1),
    url=urls | wire,
    detail=wire,
)
people = st.none() | st.builds(
    Person, user_id=st.integers(), first_name=wire, last_name=wire, username=wire
)
messages = st.builds(
    Message,
    text=wire,
    sender=people,
    attachments=st.lists(attachments, max_size=2).map(tuple),
    broken=st.lists(wire, max_size=1).map(tuple),
)
events = st.builds(
    lambda what, message, inner, kind, payload: event(
        what=what, message=message, payload=payload, link=kind and link_of(kind, inner)
    ),
    st.sampled_from([What.MESSAGE, What.EDITED, What.REMOVED, What.CALLBACK, What.STOPPED]),
    messages,
    messages,
    st.none() | st.sampled_from(LinkKind),
    wire,
)


def link_of(kind: LinkKind, message: Message) -> Any:
    return link(kind, message.text, *message.attachments, sender=message.sender)


# --- safe, whatever a customer writes ----------------------------------------------------------------


@given(events, st.sampled_from(sorted(CATALOGUE)))
@law
def test_only_our_own_tags_come_out_balanced(happened: Event, language: str) -> None:
    # Contract freescout.md 4: the desk stores and returns raw HTML, so what we send must be ours.
    page = Page(event_to_html(happened, CATALOGUE[language], web))
    assert {tag for tag, _ in page.tags} <= TAGS
    assert all(set(attributes) <= ATTRIBUTES.get(tag, set()) for tag, attributes in page.tags)
    assert page.balanced
    assert not page.open
    assert not page.other


@given(events)
@law
def test_only_links_that_the_rule_allows_are_links(happened: Event) -> None:
    page = Page(event_to_html(happened, RU, web))
    hrefs = {attributes["href"] for tag, attributes in page.tags if tag == "a"}
    linked = happened.link.message.attachments if happened.link else ()
    given_urls = {each.url for each in (*happened.message.attachments, *linked)}
    assert hrefs <= {url for url in given_urls if web(url)}
    assert not Page(event_to_html(happened, RU, nothing)).open
    assert "<a " not in event_to_html(happened, RU, nothing)


@given(events)
@law
def test_there_is_always_something_to_see(happened: Event) -> None:
    # Contract freescout-agent-ui.md 1: a message without words is an empty card.
    assert visible(Page(event_to_html(happened, RU, nothing)).words)


@given(messages)
@law
def test_all_visible_characters_of_the_text_arrive_in_order(message: Message) -> None:
    html = event_to_html(event(message=Message("mid.1", message.text)), RU, nothing)
    words = visible(unescape(re.sub(r"<[^>]*>", "", html)).replace("\xa0", " "))
    assert words == (visible(message.text) or visible(RU.empty_message))


@given(wire)
@law
def test_every_line_break_and_every_blank_of_the_text_is_kept(text: str) -> None:
    lines = [unescape(line).replace("\xa0", " ") for line in text_to_html(text).split("<br>")]
    wanted = text.replace("\t", "    ").replace("\xa0", " ").split("\n")
    assert lines == wanted


@given(wire)
@law
def test_a_browser_folds_no_blank_of_the_text(text: str) -> None:
    # Runs of spaces and spaces at the edge of a line are folded unless they are &nbsp;.
    for line in text_to_html(text).split("<br>"):
        assert "  " not in line
        assert not line.startswith(" ")
        assert not line.endswith(" ")


# --- the marker -------------------------------------------------------------------------------------


@given(wire_texts)
@law
def test_a_marker_is_one_comment_that_is_found_again(key: str) -> None:
    made = marker(key)
    page = Page(f"<div>words</div>{made}")
    assert len(page.other) == 1
    assert page.words == "words"
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


@given(events, st.sampled_from(["mid.1", "message_created:mid.0f"]))
@law
def test_no_customer_can_forge_a_marker(happened: Event, key: str) -> None:
    assert not MARKER.search(event_to_html(happened, RU, web))
    forged = Attachment("file", name=marker(key), detail=marker(key), url=marker(key))
    happened = event(
        f"look {marker(key)}",
        forged,
        link=link(LinkKind.REPLY, marker(key), forged, sender=Person(1, marker(key), marker(key))),
    )
    assert not has_marker(event_to_html(happened, RU, lambda _: True), key)


# --- what an agent reads ------------------------------------------------------------------------------

ATTACHMENT_LINES = {
    "attachment.audio": "🎤 Аудио открыть",
    "attachment.audio_with_transcription": "🎤 Аудио открыть: добрый день перезвоните мне",
    "attachment.contact": "👤 Контакт: Марина Тестова 79990000017",
    "attachment.contact_forwarded": "👤 Контакт: Олег 79990000099",
    "attachment.file": "📎 Файл «Счёт № 17 от 26.10.2026.pdf» (179 КБ) открыть",
    "attachment.image": "🖼 Изображение открыть",
    "attachment.inline_keyboard": "🔘 Кнопки бота",
    "attachment.location": "📍 Геопозиция: 55.751244,37.618423",
    "attachment.share": "🔗 Ссылка: Заголовок статьи https://example.com/article",
    "attachment.sticker": "🏷 Стикер открыть",
    "attachment.unknown_type": (
        "⚠️ Вложение «poll» здесь не показать, откройте его в приложении MAX."
    ),
    "attachment.video": "🎬 Видео открыть",
}


def test_the_table_above_has_every_recorded_attachment() -> None:
    assert sorted(ATTACHMENT_LINES) == max_names("attachment.")


@pytest.mark.parametrize(("name", "line"), ATTACHMENT_LINES.items())
def test_every_recorded_attachment_is_a_visible_named_line(name: str, line: str) -> None:
    raw = max_update("message_created.text")
    raw["message"]["body"] |= {"text": "до", "attachments": [max_body(name)]}
    html = event_to_html(parse_update(raw), RU, lambda url: "oneme.ru" in url or "okcdn.ru" in url)
    page = Page(html.replace("</div>", "</div>\n"))
    assert page.words.strip().split("\n") == ["до", line]


def test_an_attachment_whose_link_is_not_allowed_is_named_all_the_same() -> None:
    html = event_to_html(event("", Attachment("file", "счёт.pdf", 1, "http://x")), RU, nothing)
    assert html == "<div>📎 Файл «счёт.pdf» (1 Б)</div>"


def test_parts_that_could_not_be_read_are_named() -> None:
    html = event_to_html(event(message=Message(text="a", broken=("attachments",))), EN, nothing)
    assert Page(html).words == (
        "a⚠️ A part of the message could not be read (attachments), open it in the MAX app."
    )


@pytest.mark.parametrize(
    ("happened", "words"),
    [
        (event("Да, спасибо!", link=link(LinkKind.REPLY, "Завтра")), "↩ {bot}Завтра|Да, спасибо!"),
        (event("См.", link=link(LinkKind.FORWARD, "Текст")), "См.↪ {bot}|Текст"),
        (event("См.", link=link(LinkKind.FORWARD, "Текст", sender=None)), "См.↪|Текст"),
        (event("", link=link(LinkKind.FORWARD)), "↪ {bot}|Пустое сообщение"),
        (event("новое", what=What.EDITED), "✏️ Клиент изменил сообщение, новый текст:новое"),
        (event(what=What.REMOVED), "🗑 Клиент удалил сообщение."),
        (event(what=What.CALLBACK, payload="rate:5"), "🔘 Нажата кнопка: rate:5"),
        (event(what=What.STOPPED), "Клиент остановил бота в MAX"),
        (event("  "), "Пустое сообщение"),
    ],
)
def test_what_happened_is_said_in_words(happened: Event, words: str) -> None:
    html = event_to_html(happened, RU, nothing)
    position = 0
    for piece in re.split(r"[|]|\{bot\}", words):
        found = Page(html).words.find(piece.strip(), position)
        assert found >= 0, (piece, html)
        position = found
    assert ("{bot}" in words) == (BOT.name in html)


def test_a_quoted_message_is_a_quotation_and_its_answer_is_not() -> None:
    # Contract freescout-agent-ui.md 2: <blockquote> becomes "> " in mails.
    html = event_to_html(event("answer", link=link(LinkKind.REPLY, "question")), RU, nothing)
    before, _, after = html.partition("</blockquote>")
    assert "question" in before
    assert after == "<div>answer</div>"


def test_the_marker_of_an_edit_is_another_one_than_of_the_message_itself() -> None:
    created, edited = (
        parse_update(max_update(name)) for name in ("message_created.text", "message_edited")
    )
    assert marker(created.key) != marker(edited.key)


@pytest.mark.parametrize(
    ("happened", "limit", "line"),
    [
        (event("\n \nпервая  строка\nвторая"), 80, "первая строка"),
        (event("слово " * 40), 20, "слово слово слово…"),
        (event("", Attachment("file", "a.pdf")), 80, "📎 Файл «a.pdf»"),
        (event("", link=link(LinkKind.FORWARD, "чужое")), 80, "чужое"),
        (event("", link=link(LinkKind.FORWARD, "", Attachment("image"))), 80, "🖼 Изображение"),
        (event(""), 80, ""),
    ],
)
def test_the_subject_is_the_first_line_with_words(happened: Event, limit: int, line: str) -> None:
    assert first_line(happened, RU, limit) == line


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "0 Б"),
        (1023, "1023 Б"),
        (1024, "1.0 КБ"),
        (1536, "1.5 КБ"),
        (10 * 1024, "10 КБ"),
        (183204, "179 КБ"),
        (5 * 1024**2, "5.0 МБ"),
        (3 * 1024**3, "3.0 ГБ"),
        (4096 * 1024**3, "4096 ГБ"),
    ],
)
def test_sizes_read_as_people_read_them(size: int, words: str) -> None:
    assert human_size(size, RU) == words


def test_names_are_escaped_where_they_stand() -> None:
    happened = event("a", link=link(LinkKind.REPLY, "b", sender=Person(1, "<i>Олег</i>", "&amp;")))
    assert "&lt;i&gt;Олег&lt;/i&gt; &amp;amp;" in event_to_html(happened, RU, nothing)
    assert MARINA.name not in event_to_html(happened, RU, nothing)
