"""Every recorded update and attachment of MAX as an agent reads it, and what happens to rubbish in them."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from laws import visible
from maxbridge.core.desk_html import event_to_html, first_line
from maxbridge.core.events import What
from maxbridge.core.inbound_files import FileFate, FileOutcome, fetchable
from maxbridge.core.markup import QUOTE
from maxbridge.core.text import GREY
from maxbridge.i18n import EN, RU
from maxbridge.max.parse import parse_update
from page import Page
from recorded import max_body, max_message, max_names, max_update

OPEN = "открыть</a>"
FILE = (
    '<a href="https://fd.oneme.ru/getfile?sig=EXAMPLE&amp;expires=1795600000000&amp;clientType=3'
    f'&amp;id=30310001&amp;userId=900100200">{OPEN}'
)
PHOTO = f'<a href="https://i.oneme.ru/i?r=EXAMPLE_PHOTO">{OPEN}'
FILE_LINE = f"<div>📎 Файл «Счёт № 17 от 26.10.2026.pdf» (179 КБ) {FILE}</div>"
SHOWN_NOT = "⚠️ Вложение «poll» здесь показать нельзя. Попросите клиента прислать его иначе."


def media(url: str) -> bool:
    return url.startswith(
        ("https://i.oneme.ru/", "https://fd.oneme.ru/", "https://maxvd1.okcdn.ru/")
    )


def grey(words: str) -> str:
    return f'<div style="{GREY}">{words}</div>'


def quoted(inner: str) -> str:
    return f'<blockquote style="{QUOTE}">{inner}</blockquote>'


UPDATES = {
    "bot_added": grey("▶️ Бота добавили в группу."),
    "bot_removed": grey("⏹ Бота удалили из группы: ответы не дойдут, пока его не добавят снова."),
    "bot_started": "<div>▶️ Клиент запустил бота</div>",
    "bot_started.payload": "<div>▶️ Клиент запустил бота (start: <code>order-4821</code>)</div>",
    "bot_stopped": grey(
        "⏹ Клиент остановил бота в MAX: ответы не дойдут, пока он не запустит его снова."
    ),
    "dialog_removed": grey(
        "⏹ Клиент удалил диалог с ботом в MAX: ответы не дойдут, пока он не запустит бота снова."
    ),
    "message_callback": "<div>🔘 Нажата кнопка: <b>👍 Решено</b></div>",
    "message_callback.message_null": "<div>🔘 Нажата кнопка: <code>rate:1</code></div>",
    "message_created.body_null": grey("Пустое сообщение"),
    "message_created.channel_no_sender": "<div>Пост канала</div>",
    "message_created.file": FILE_LINE,
    "message_created.forward": grey("↪ Переслано от: <b>Олег</b>")
    + quoted(
        "<div>Пересланный текст</div>"
        f'<div>🖼 Изображение <a href="https://i.oneme.ru/i?r=EXAMPLE">{OPEN}</div>'
    ),
    "message_created.forward_from_channel": grey("↪ Пересланное сообщение")
    + quoted("<div>Пост канала (sender отсутствует)</div>"),
    "message_created.from_other_bot": "<div>Я бот</div>",
    "message_created.group": "<div>Сообщение в группе</div>",
    "message_created.markup": (
        '<div>👍 <b>Важно:</b> см. <a href="https://example.com/?a=1&amp;b=2">сайт</a>'
        " и код <code>x=1</code></div>"
    ),
    "message_created.reply": quoted(
        "<div>↩ <b>Поддержка Ромашка</b></div><div>Мы проверим и ответим.</div>"
    )
    + "<div>Это по поводу этого ответа</div>",
    "message_created.text": "<div>Здравствуйте! Не приходит письмо 👍 с кодом</div>",
    "message_created.two_images_with_caption": (
        f"<div>Два скриншота</div><div>🖼 Изображение {PHOTO}</div><div>🖼 Изображение {PHOTO}</div>"
    ),
    "message_created.unknown_attachment": (
        f'<div>текст, который нельзя потерять</div><div><span style="{GREY}">{SHOWN_NOT}</span></div>'
    ),
    "message_edited": grey("✏️ Клиент изменил сообщение")
    + "<div>Здравствуйте! Не приходит письмо с кодом (исправлено)</div>",
    "message_removed": grey("🗑 Клиент удалил сообщение"),
}
SILENT = {
    "chat_title_changed",
    "dialog_cleared",
    "dialog_muted",
    "dialog_unmuted",
    "message_created.native_voice_empty",
    "unknown_type.comment_created",
    "user_added",
    "user_removed",
}
"""What gives an agent nothing to read: nothing happened in a dialog, or nobody can say in which."""

OKCDN = "https://maxvd1.okcdn.ru/?expires=1795600000000&amp;"
ATTACHMENTS = {
    "audio": f'🎤 Аудио <a href="{OKCDN}srcIp=0.0.0.0&amp;type=2&amp;sig=EXAMPLE&amp;ct=2">{OPEN}',
    "audio_with_transcription": (
        f'🎤 Голосовое сообщение <a href="{OKCDN}type=2&amp;sig=EXAMPLE">{OPEN}'
        "<br>добрый день перезвоните мне"
    ),
    "contact": (
        '👤 Контакт: <b>Марина Тестова</b><br>Телефон: <a href="tel:+79990000017">+7 999 000-00-17</a>'
        f'<br><span style="{GREY}">MAX id 410000017</span>'
    ),
    "contact_forwarded": (
        '👤 Контакт: <b>Олег</b><br>Телефон: <a href="tel:+79990000099">+7 999 000-00-99</a>'
    ),
    "file": f"📎 Файл «Счёт № 17 от 26.10.2026.pdf» (179 КБ) {FILE}",
    "image": f"🖼 Изображение {PHOTO}",
    "inline_keyboard": "🔘 Кнопки бота",
    "location": (
        '📍 Геопозиция: <a href="https://yandex.ru/maps/?pt=37.618423,55.751244&amp;z=16&amp;l=map">'
        "55.751244, 37.618423</a>"
    ),
    "share": '🔗 Ссылка: <a href="https://example.com/article">Заголовок статьи</a><br>Краткое описание',
    "sticker": (
        f'🏷 Стикер <a href="https://i.oneme.ru/getSmile?smileId=429b5&amp;smileType=4">{OPEN}'
    ),
    "unknown_type": f'<span style="{GREY}">{SHOWN_NOT}</span>',
    "video": f'🎬 Видео, 0:14 <a href="{OKCDN}srcIp=0.0.0.0&amp;type=3&amp;sig=EXAMPLE">{OPEN}',
}
ALONE = {
    "audio": ["🎤 Аудио"],
    "audio_with_transcription": ["🎤 Голосовое сообщение", "добрый день перезвоните мне"],
    "file": ["📎 Файл «Счёт № 17 от 26.10.2026.pdf»"],
    "image": ["🖼 Изображение"],
    "sticker": ["🏷 Стикер"],
    "video": ["🎬 Видео, 0:14"],
}
"""The same attachments without a word beside them, when the desk has got their content."""


def names(prefix: str) -> list[str]:
    return [name.removeprefix(prefix) for name in max_names(prefix)]


def test_the_tables_above_have_every_sample() -> None:
    assert sorted({*UPDATES, *SILENT, "batch_with_poison"}) == names("update.")
    assert sorted(ATTACHMENTS) == names("attachment.")


@pytest.mark.parametrize(("name", "html"), UPDATES.items())
def test_every_recorded_update_written_out(name: str, html: str) -> None:
    assert event_to_html(parse_update(max_update(name)), RU, media) == html


@pytest.mark.parametrize("name", sorted(SILENT))
def test_what_is_not_for_an_agent(name: str) -> None:
    assert parse_update(max_update(name)).what in (What.OTHER, What.UNREADABLE)


@pytest.mark.parametrize(("name", "html"), ATTACHMENTS.items())
def test_every_recorded_attachment_written_out(name: str, html: str) -> None:
    raw = max_message(text="до", attachments=[max_body(f"attachment.{name}")])
    style = f' style="{GREY}"' if name == "inline_keyboard" else ""
    line = f"<div{style}>{html}</div>"
    assert event_to_html(parse_update(raw), RU, media) == f"<div>до</div>{line}"


@pytest.mark.parametrize(("name", "lines"), ALONE.items())
def test_every_recorded_file_that_the_desk_has(name: str, lines: list[str]) -> None:
    event = parse_update(max_message(text="", attachments=[max_body(f"attachment.{name}")]))
    assert len(fetchable(event)) == 1
    html = event_to_html(event, RU, media, files={0: FileOutcome(FileFate.ATTACHED)})
    assert Page(html).lines == lines


# --- rubbish in any place --------------------------------------------------------------------------------

ATTACKS = (
    "<script>alert(1)</script>",
    "\"'><img src=x onerror=alert(1)>",
    "javascript:alert(1)",
    "https://evil.example/\"onmouseover='alert(1)",
    "&lt;b&gt; &#60;i&#62; &amp;",
    '--><div style="position:fixed">',
    "{name} {0} %s",
    "data:text/html;base64,PHNjcmlwdD4=",
    "BEGIN:VCARD\nFN:<b>\nTEL:javascript:1\nTEL:<i>1\nEND:VCARD",
)


def texts_in(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a JSON value where a text stands."""
    if isinstance(value, str):
        yield path
    if isinstance(value, dict | list):
        for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from texts_in(inner, (*path, name))


def put(value: Any, path: tuple[Any, ...], new: str) -> Any:
    value = copy.deepcopy(value)
    place = value
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = new
    return value


SAMPLES = [max_update(name) for name in names("update.") if name not in SILENT] + [
    max_message(attachments=[max_body(name)]) for name in max_names("attachment.")
]


@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_of_a_customer_s_becomes_a_tag_an_attribute_or_a_scheme(attack: str) -> None:
    seen = 0
    for sample in SAMPLES:
        for path in texts_in(sample):
            event = parse_update(put(sample, path, attack))
            for texts in (RU, EN):
                html = event_to_html(event, texts, lambda _: True, author=True, old_text=attack)
                page = Page(html)
                assert page.is_ours(), (path, html)
                assert visible(page.words), path
                assert "\n" not in first_line(event, texts, 60)
                seen += attack in page.words
    assert seen > 0 or "\n" in attack
