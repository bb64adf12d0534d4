"""core.desk_html: what an agent reads of an event; nothing but our own tags, and never without words."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_samples import BOT, OLEG, PDF, PHOTO, event, link
from laws import in_order, law, visible, wire_texts
from maxbridge.core.desk_html import (
    event_to_html,
    first_line,
    same_content,
)
from maxbridge.core.events import (
    Attachment,
    ContactCard,
    Event,
    LinkKind,
    Mark,
    Message,
    Person,
    What,
)
from maxbridge.core.inbound_files import FileFate, FileOutcome
from maxbridge.core.markup import QUOTE, has_marker, marker
from maxbridge.core.text import GREY, clean, is_blank
from maxbridge.i18n import CATALOGUE, EN, RU
from page import Page

KINDS = (
    "image video audio file sticker contact location share inline_keyboard data poll ? <b> {name}"
).split()
EVENTS = [each for each in What if each not in (What.OTHER, What.UNREADABLE)]


def web(url: str) -> bool:
    return url.startswith("https://cdn.example/")


def anything(_url: str) -> bool:
    return True


def nothing(_url: str) -> bool:
    return False


def grey(words: str) -> str:
    return f'<div style="{GREY}">{words}</div>'


def quoted(inner: str) -> str:
    return f'<blockquote style="{QUOTE}">{inner}</blockquote>'


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
few = st.lists(wire | urls | st.sampled_from(["79991234567", "a@b.example"]), max_size=2).map(tuple)
cards = st.builds(
    ContactCard,
    name=wire,
    firm=wire,
    title=wire,
    phones=few,
    mails=few,
    addresses=few,
    sites=few,
    note=wire,
    left_out=st.sampled_from([(), ("photo",), ("logo", "sound")]),
    more=st.integers(0, 2),
)
attachments = st.builds(
    Attachment,
    kind=st.sampled_from(KINDS) | wire,
    name=wire,
    size=st.none() | st.integers(min_value=-(2**63), max_value=2**63 - 1),
    url=urls | wire,
    detail=wire | st.sampled_from(["55.75,37.61", "1e5,2", "-0,0"]),
    seconds=st.none() | st.floats(),
    user_id=st.none() | st.integers(),
    phones=st.lists(wire | st.sampled_from(["79991234567", "112"]), max_size=2).map(tuple),
    cards=st.lists(cards, max_size=2).map(tuple),
    more_cards=st.integers(0, 3),
)
people = st.none() | st.builds(
    Person, user_id=st.integers(), first_name=wire, last_name=wire, username=wire
)
marks = st.builds(
    Mark,
    st.sampled_from(["strong", "link", "quote", "monospaced"]) | wire,
    st.integers(-3, 20),
    st.integers(-3, 20),
    urls | wire,
)
messages = st.builds(
    Message,
    text=wire,
    sender=people,
    attachments=st.lists(attachments, max_size=3).map(tuple),
    broken=st.lists(wire, max_size=1).map(tuple),
    markup=st.lists(marks, max_size=3).map(tuple),
)
events = st.builds(
    lambda what, message, inner, kind, more: event(
        what=what,
        message=message,
        link=kind and replace(link(kind), message=inner),
        sender=message.sender,
        **more,
    ),
    st.sampled_from(EVENTS),
    messages,
    messages,
    st.none() | st.sampled_from(LinkKind),
    st.fixed_dictionaries({"payload": wire, "button": wire, "update_type": wire}),
)
outcomes = st.dictionaries(
    st.integers(0, 6),
    st.builds(
        FileOutcome,
        st.sampled_from(FileFate),
        st.none() | st.integers(min_value=-1, max_value=2**63),
    ),
)
known = st.fixed_dictionaries(
    {
        "files": st.none() | outcomes,
        "old_text": st.none() | wire,
        "sent_at": st.sampled_from(["", "12:30"]),
        "author": st.booleans(),
    }
)


# --- safe, whatever a customer writes ----------------------------------------------------------------


@given(events, known, st.sampled_from(sorted(CATALOGUE)))
@law
def test_only_our_own_tags_come_out_balanced(
    happened: Event, more: dict[str, Any], language: str
) -> None:
    # Contract freescout.md 4: the desk stores and returns raw HTML, so what we send must be ours.
    assert Page(event_to_html(happened, CATALOGUE[language], anything, **more)).is_ours()


@given(events)
@law
def test_only_links_to_media_that_the_rule_allows_are_opened(happened: Event) -> None:
    opened = '">открыть</a>'
    assert opened not in event_to_html(happened, RU, nothing)
    linked = happened.link.message.attachments if happened.link else ()
    given_urls = {each.url for each in (*happened.message.attachments, *linked)}
    html = event_to_html(happened, RU, web).replace("&amp;", "&")
    found = re.findall(r'<a href="([^"]*)">открыть</a>', html)
    assert set(found) <= {
        url.replace('"', "&quot;").replace("<", "&lt;").replace(">", "&gt;")
        for url in given_urls
        if web(url)
    }


@given(events, known)
@law
def test_there_is_always_something_to_see(happened: Event, more: dict[str, Any]) -> None:
    # Contract freescout-agent-ui.md 1: a message without words is an empty card.
    assert not is_blank(Page(event_to_html(happened, RU, nothing, **more)).words)


@given(messages, st.none() | outcomes)
@law
def test_all_visible_characters_of_the_text_arrive_in_order(
    message: Message, files: dict[int, FileOutcome] | None
) -> None:
    html = event_to_html(event(message=message), RU, nothing, files=files)
    words = in_order(message.text)
    assert is_blank(message.text) or visible(Page(html).text).startswith(words)


@given(events, st.sampled_from(["mid.1", "message_created:mid.0f"]))
@law
def test_no_customer_can_forge_a_marker(happened: Event, key: str) -> None:
    assert not re.search(r"<!--", event_to_html(happened, RU, web))
    forged = Attachment("file", name=marker(key), detail=marker(key), url=marker(key))
    happened = event(
        f"look {marker(key)}",
        forged,
        link=link(LinkKind.REPLY, marker(key), forged, sender=Person(1, marker(key), marker(key))),
    )
    assert not has_marker(event_to_html(happened, RU, anything), key)


@pytest.mark.parametrize("what", EVENTS)
@pytest.mark.parametrize("language", sorted(CATALOGUE))
def test_names_are_escaped_where_they_stand(what: What, language: str) -> None:
    bad = "<i>Олег</i> &amp; {time}"
    person = Person(1, bad)
    happened = event(
        bad, what=what, payload=bad, button=bad, sender=person,
        link=link(LinkKind.FORWARD, bad, Attachment("file", bad), sender=person),
    )  # fmt: skip
    html = event_to_html(
        happened, CATALOGUE[language], nothing, old_text=f"{bad}!", sent_at=bad, author=True
    )
    assert "&lt;i&gt;Олег&lt;/i&gt; &amp;amp; {time}" in html
    assert "<i>" not in html


# --- kinds of messages (contract freescout-agent-ui.md 2) -----------------------------------------------

REPLY_LINK = link(LinkKind.REPLY)
REPLY = event("Да, спасибо!", link=link(LinkKind.REPLY, "Завтра до 18:00.", sender=BOT))
FORWARD = event(
    "Посмотрите это", link=link(LinkKind.FORWARD, "Текст\nвторая", PHOTO, PDF, sender=OLEG)
)


@pytest.mark.parametrize(
    ("happened", "html"),
    [
        (event("а\nб"), "<div>а<br>б</div>"),
        (event("  "), grey("Пустое сообщение")),
        (event("\u200b\u2800"), grey("Пустое сообщение")),
        (
            REPLY,
            quoted("<div>↩ <b>Поддержка Ромашка</b></div><div>Завтра до 18:00.</div>")
            + "<div>Да, спасибо!</div>",
        ),
        (
            event("См.", link=link(LinkKind.REPLY, "", PHOTO, PHOTO, PDF, sender=None)),
            quoted(
                "<div>↩ Ответ на сообщение</div>"
                "<div>🖼 Изображение × 2, 📎 Файл «счёт.pdf»</div>"
            )
            + "<div>См.</div>",
        ),
        (
            event("", link=link(LinkKind.REPLY, "", sender=Person(5))),
            quoted(f"<div>↩ <b>MAX id 5</b></div>{grey('Пустое сообщение')}")
            + grey("Пустое сообщение"),
        ),
        (
            FORWARD,
            "<div>Посмотрите это</div>"
            + grey("↪ Переслано от: <b>Олег Ким</b>")
            + quoted(
                "<div>Текст<br>вторая</div>"
                '<div>🖼 Изображение <a href="https://cdn.example/2">открыть</a></div>'
                '<div>📎 Файл «счёт.pdf» (179 КБ) <a href="https://cdn.example/1">открыть</a></div>'
            ),
        ),
        (
            event("", link=link(LinkKind.FORWARD, sender=None)),
            grey("↪ Пересланное сообщение") + quoted(grey("Пустое сообщение")),
        ),
        (event(what=What.CALLBACK, button="Позвать", payload="op:1"), "<div>🔘 Нажата кнопка: <b>Позвать</b></div>"),
        (event(what=What.CALLBACK, payload="op:1"), "<div>🔘 Нажата кнопка: <code>op:1</code></div>"),
        (event(what=What.CALLBACK, payload=" "), "<div>🔘 Нажата кнопка</div>"),
        (event(what=What.STARTED), "<div>▶️ Клиент запустил бота</div>"),
        (
            event(what=What.STARTED, payload="promo42"),
            "<div>▶️ Клиент запустил бота (start: <code>promo42</code>)</div>",
        ),
        (event(what=What.STOPPED), grey(RU.stopped)),
        (event(what=What.STOPPED, update_type="dialog_removed"), grey(RU.dialog_removed)),
        (event(what=What.REMOVED), grey("🗑 Клиент удалил сообщение")),
        (event("новое", what=What.EDITED), grey("✏️ Клиент изменил сообщение") + "<div>новое</div>"),
    ],
)  # fmt: skip
def test_every_kind_of_event_written_out(happened: Event, html: str) -> None:
    assert event_to_html(happened, RU, web) == html


def test_an_edit_shows_the_new_words_and_the_old_ones_crossed_out() -> None:
    edited = event("Заказ № 16, не 15", what=What.EDITED)
    assert event_to_html(edited, RU, web, old_text="Заказ\n№ 15", sent_at="12:30") == (
        grey("✏️ Клиент изменил сообщение от 12:30")
        + "<div>Заказ № 16, не 15</div>"
        + quoted("<div>Было: <s>Заказ<br>№ 15</s></div>")
    )


@pytest.mark.parametrize("old", [None, "", " \n", "новое"])
def test_an_edit_without_other_old_words_shows_the_new_ones_only(old: str | None) -> None:
    html = event_to_html(event("новое", what=What.EDITED), RU, web, old_text=old)
    assert html == grey("✏️ Клиент изменил сообщение") + "<div>новое</div>"


def test_a_deletion_keeps_the_old_words() -> None:
    html = event_to_html(event(what=What.REMOVED), RU, web, old_text="Старый", sent_at="12:30")
    assert html == grey("🗑 Клиент удалил сообщение от 12:30") + quoted(
        "<div>Было: <s>Старый</s></div>"
    )


@pytest.mark.parametrize("what", EVENTS)
def test_in_a_group_the_name_stands_before_the_words(what: What) -> None:
    happened = event("слова", what=what)
    html = event_to_html(happened, RU, web, author=True)
    assert html == "<div><b>Марина Тестова</b></div>" + event_to_html(happened, RU, web)


def test_a_post_of_a_channel_has_no_name_before_it() -> None:
    assert event_to_html(event("слова", sender=None), RU, web, author=True) == "<div>слова</div>"


def test_a_forward_keeps_its_formatting() -> None:
    inner = Message("mid.0", "важно", OLEG, markup=(Mark("strong", 0, 5),))
    happened = event("", link=replace(link(LinkKind.FORWARD), message=inner))
    assert "<div><b>важно</b></div>" in event_to_html(happened, RU, web)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("слово " * 100, "слово " * 49 + "слово…"),
        ("а" * 1000, "а" * 150 + "…"),
        ("1\n2\n3\n4\n5\n6\n7", "1\n2\n3\n4\n5\n6…"),
        ("короткое", "короткое"),
    ],
)
def test_a_quoted_message_is_shortened(text: str, shown: str) -> None:
    # It is in the ticket already; the formatting of what is left stays.
    inner = Message("mid.0", text, BOT, markup=(Mark("strong", 0, 4000),))
    page = Page(event_to_html(event("да", link=replace(REPLY_LINK, message=inner)), RU, web))
    assert page.words == f"↩ {BOT.name}\n{shown}\nда\n"
    assert page.is_ours()


def test_parts_that_could_not_be_read_are_named() -> None:
    html = event_to_html(event(message=Message(text="a", broken=("attachments",))), EN, nothing)
    assert Page(html).lines == [
        "a",
        "⚠️ A part of the message could not be read (attachments). Ask the customer to send it another way.",
    ]
    broken = replace(REPLY_LINK, message=Message(broken=("message",)))
    assert "(message)" in event_to_html(event("a", link=broken), EN, nothing)


@given(messages)
@law
def test_a_message_has_the_content_of_itself(message: Message) -> None:
    twin = replace(message, markup=tuple(reversed(message.markup)))
    nan = any(each.seconds != each.seconds for each in message.attachments)
    assert nan or same_content(message, twin)


# --- the subject -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("happened", "limit", "line"),
    [
        (event("\n \nпервая  строка\nвторая"), 80, "первая строка"),
        (event("слово " * 40), 20, "слово слово слово…"),
        (event("\u200b\nслово"), 80, "слово"),
        (event("", Attachment("file", "a.pdf")), 80, "📎 Файл «a.pdf»"),
        (event("", Attachment("contact", "Олег")), 80, "👤 Контакт: Олег"),
        (event("", Attachment("audio", detail="текст")), 80, "🎤 Голосовое сообщение"),
        (event("", link=link(LinkKind.FORWARD, "чужое")), 80, "чужое"),
        (event("", link=link(LinkKind.FORWARD, "", PHOTO)), 80, "🖼 Изображение"),
        # The words of the one who is answered are not what this message is about.
        (event("", PHOTO, link=link(LinkKind.REPLY, "вопрос")), 80, "🖼 Изображение"),
        (event(what=What.CALLBACK, button="Да", payload="y"), 80, "🔘 Нажата кнопка: Да"),
        (event(what=What.CALLBACK, payload="y"), 80, "🔘 Нажата кнопка: y"),
        (event(what=What.CALLBACK), 80, "🔘 Нажата кнопка"),
        (event(what=What.STARTED), 80, "▶️ Клиент запустил бота"),
        (event(""), 80, ""),
    ],
)
def test_the_subject_is_the_first_line_with_words(happened: Event, limit: int, line: str) -> None:
    assert first_line(happened, RU, limit) == line
