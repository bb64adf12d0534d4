"""core.desk_html: what an agent reads of files: there, not there and why, and which edits are none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from event_samples import MARINA, OLEG, PDF, PHOTO, event, link
from maxbridge.core.desk_html import (
    continuation_html,
    event_to_html,
    files_lost_html,
    same_content,
)
from maxbridge.core.events import Attachment, Event, LinkKind, Mark, Message
from maxbridge.core.inbound_files import FileFate, FileOutcome, fetchable
from maxbridge.core.text import GREY
from maxbridge.i18n import EN, RU
from page import Page


def web(url: str) -> bool:
    return url.startswith("https://cdn.example/")


def nothing(_url: str) -> bool:
    return False


def grey(words: str) -> str:
    return f'<div style="{GREY}">{words}</div>'


FORWARD = event(
    "Посмотрите это", link=link(LinkKind.FORWARD, "Текст\nвторая", PHOTO, PDF, sender=OLEG)
)
REPLY = link(LinkKind.REPLY)
STICKER = Attachment("sticker", url="https://cdn.example/3")
VIDEO = Attachment("video", seconds=14.0, url="https://cdn.example/4")
THERE = FileOutcome(FileFate.ATTACHED)


@pytest.mark.parametrize(
    ("happened", "lines"),
    [
        # The desk shows files under the words; without words there must be some.
        (event("вот", PHOTO, PDF), ["вот"]),
        (event("", PHOTO), ["🖼 Изображение"]),
        (event("", PHOTO, PHOTO, PDF, PHOTO), ["🖼 Изображение × 3", "📎 Файл «счёт.pdf»"]),
        (event("", PHOTO, VIDEO), ["🎬 Видео, 0:14"]),
        (event("", STICKER), ["🏷 Стикер"]),
        (event("вот", STICKER, VIDEO), ["вот", "🏷 Стикер", "🎬 Видео, 0:14"]),
        (
            event("", Attachment("audio", seconds=3.4, detail="добрый день")),
            ["🎤 Голосовое сообщение, 0:03", "добрый день"],
        ),
        (FORWARD, ["Посмотрите это", "↪ Переслано от: Олег Ким", "Текст", "вторая"]),
        (
            event("", link=link(LinkKind.FORWARD, "", PHOTO, sender=OLEG)),
            ["↪ Переслано от: Олег Ким", "🖼 Изображение"],
        ),
        # A reply's own photo must not pass for the quoted one.
        (event("", PHOTO, link=REPLY), ["↩ Поддержка Ромашка", "Пустое сообщение", "🖼 Изображение"]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("fate", [FileFate.ATTACHED, FileFate.EARLIER])
def test_files_that_the_desk_has_need_few_words(
    happened: Event, lines: list[str], fate: FileFate
) -> None:
    files = dict.fromkeys(range(len(fetchable(happened))), FileOutcome(fate))
    html = event_to_html(happened, RU, web, files=files)
    assert Page(html).lines == lines
    assert "<a " not in html


@pytest.mark.parametrize(
    ("fate", "line"),
    [
        (FileFate.TOO_LARGE, "⚠️ Файл слишком большой, поэтому не передан: 📎 Файл «счёт.pdf» (179 КБ) открыть"),
        (FileFate.UNREACHABLE, "⚠️ Файл не передан, MAX его не отдал: 📎 Файл «счёт.pdf» (179 КБ) открыть"),
        (FileFate.REFUSED, "⚠️ Файл не передан, FreeScout его не принял: 📎 Файл «счёт.pdf» (179 КБ) открыть"),
        (FileFate.LINKED, "📎 Файл «счёт.pdf» (179 КБ) открыть"),
        (None, "📎 Файл «счёт.pdf» (179 КБ) открыть"),
    ],
)  # fmt: skip
def test_a_file_that_is_not_there_is_named_with_its_reason(
    fate: FileFate | None, line: str
) -> None:
    files = {} if fate is None else {0: FileOutcome(fate)}
    assert Page(event_to_html(event("вот", PDF), RU, web, files=files)).lines == ["вот", line]
    no_link = Page(event_to_html(event("вот", PDF), RU, nothing, files=files)).lines
    assert no_link == ["вот", line.removesuffix(" открыть")]


def test_a_measured_size_counts_more_than_max_s_own() -> None:
    files = {0: FileOutcome(FileFate.TOO_LARGE, 7 * 1024**2)}
    assert "(7.0 МБ)" in event_to_html(event("", PDF), RU, web, files=files)


def test_fates_are_counted_over_the_message_and_its_forward() -> None:
    contact = Attachment("contact", "Олег")
    happened = event(
        "вот", PHOTO, contact, PDF, link=link(LinkKind.FORWARD, "их", contact, PDF, VIDEO, sender=OLEG)
    )  # fmt: skip
    files = {
        0: THERE,
        1: FileOutcome(FileFate.REFUSED),
        2: THERE,
        3: FileOutcome(FileFate.TOO_LARGE),
    }
    assert Page(event_to_html(happened, RU, nothing, files=files)).lines == [
        "вот",
        "👤 Контакт: Олег",
        "⚠️ Файл не передан, FreeScout его не принял: 📎 Файл «счёт.pdf» (179 КБ)",
        "↪ Переслано от: Олег Ким",
        "их",
        "👤 Контакт: Олег",
        "⚠️ Файл слишком большой, поэтому не передан: 🎬 Видео, 0:14",
    ]


def test_a_thread_with_more_files_says_whose_they_are() -> None:
    happened = event("Вот все <девять>", *[PHOTO] * 9)
    assert continuation_html(happened, RU, first=4, last=6, total=9) == grey(
        "📎 Ещё файлы к сообщению «Вот все &lt;девять&gt;»: 4–6 из 9"
    )
    assert continuation_html(event("", *[PHOTO] * 9), EN, first=9, last=9, total=9) == grey(
        "📎 More files of the message “🖼 Image”: 9 of 9"
    )


def test_files_that_the_desk_did_not_keep_are_named_with_their_links() -> None:
    page = Page(files_lost_html([PDF, replace(PHOTO, size=2048)], RU, web))
    assert page.lines == [
        "⚠️ FreeScout не сохранил файлов: 2",
        "📎 Файл «счёт.pdf» (179 КБ) открыть",
        "🖼 Изображение (2.0 КБ) открыть",
    ]
    assert page.hrefs == [PDF.url, PHOTO.url]


# --- edits that change nothing -------------------------------------------------------------------------------

MESSAGE = Message(
    "mid.1", "текст", MARINA, (replace(PHOTO, token="T1"), PDF), (), (Mark("strong", 0, 2),)
)


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({}, True),
        ({"mid": "mid.2", "timestamp": 5, "sender": None}, True),
        ({"attachments": (replace(PHOTO, token="T1", url="https://cdn.example/signed-anew"), PDF)}, True),
        ({"text": "Текст"}, False),
        ({"markup": ()}, False),
        ({"attachments": (replace(PHOTO, token="T2"), PDF)}, False),
        ({"attachments": (PDF, replace(PHOTO, token="T1"))}, False),
        ({"attachments": (PDF,)}, False),
        ({"broken": ("text",)}, False),
    ],
)  # fmt: skip
def test_an_edit_without_a_visible_change_is_known(change: dict[str, Any], same: bool) -> None:
    assert same_content(MESSAGE, replace(MESSAGE, **change)) is same
    assert same_content(replace(MESSAGE, **change), MESSAGE) is same
