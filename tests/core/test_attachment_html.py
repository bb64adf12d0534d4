"""core.attachment_html: every kind of attachment is a line with words; nothing unchecked becomes a link."""

from __future__ import annotations

from dataclasses import replace

import pytest

from maxbridge.core.attachment_html import attachment_html, human_size, label
from maxbridge.core.events import Attachment, ContactCard
from maxbridge.core.inbound_files import FileFate, FileOutcome
from maxbridge.core.text import GREY
from maxbridge.i18n import EN, RU
from page import Page

CDN = "https://cdn.example/x?a=1&b=2"


def anything(_url: str) -> bool:
    return True


def small(words: str) -> str:
    return f'<span style="{GREY}">{words}</span>'


@pytest.mark.parametrize(
    ("item", "html"),
    [
        (Attachment("image"), "🖼 Изображение"),
        (
            Attachment("file", "a&b.pdf", 1536, CDN),
            ("📎 Файл «a&amp;b.pdf» (1.5 КБ) "
            '<a href="https://cdn.example/x?a=1&amp;b=2">открыть</a>'),
        ),
        (Attachment("file", " \u202e "), "📎 Файл"),
        (Attachment("video", "отпуск.mp4", seconds=75), "🎬 Видео «отпуск.mp4», 1:15"),
        (Attachment("audio", seconds=3), "🎤 Аудио, 0:03"),
        (Attachment("audio", detail="а\nб"), "🎤 Голосовое сообщение<br>а<br>б"),
        (Attachment("sticker"), "🏷 Стикер"),
        (
            Attachment("contact", "Олег Ким", phones=("79991234567",), user_id=777001),
            ('👤 Контакт: <b>Олег Ким</b><br>Телефон: <a href="tel:+79991234567">+7 999 123-45-67</a>'
            f"<br>{small('MAX id 777001')}"),
        ),
        (
            Attachment("contact", phones=("112", "+375 29 111-22-33", "доб. <5>")),
            ('👤 Контакт<br>Телефон: <a href="tel:112">112</a>'
            '<br>Телефон: <a href="tel:+375291112233">+375291112233</a>'
            "<br>Телефон: доб. &lt;5&gt;"),
        ),
        (
            Attachment(
                "contact",
                "Олег",
                cards=(
                    ContactCard(
                        "Олег Ким",
                        firm="ООО <Ромашка>",
                        title="Менеджер",
                        phones=("112",),
                        mails=("oleg@shop.example", "не почта"),
                        addresses=("Казань, ул. Мира, 1",),
                        sites=("https://shop.example/", "javascript:alert(1)"),
                        note="раз\nдва",
                        left_out=("photo", "sound"),
                        more=2,
                    ),
                ),
            ),
            (
                '👤 Контакт: <b>Олег</b><br>ООО &lt;Ромашка&gt; · Менеджер<br>Телефон: <a href="tel:112">112</a>'
                '<br>Почта: <a href="mailto:oleg@shop.example">oleg@shop.example</a><br>Почта: не почта'
                '<br>Сайт: <a href="https://shop.example/">https://shop.example/</a><br>Сайт: javascript:alert(1)'
                "<br>Адрес: Казань, ул. Мира, 1<br>Комментарий: раз<br>два<br>"
                + small("Не показано: фото, звук, другие сведения (2)")
            ),
        ),
        (
            Attachment(
                "contact",
                "Олег",
                cards=(ContactCard("Олег Ким", phones=("112",)), ContactCard("Анна", phones=("113",))),
                more_cards=4,
            ),
            (
                '👤 Контакт: <b>Олег Ким</b><br>Телефон: <a href="tel:112">112</a></div>'
                '<div>👤 Контакт: <b>Анна</b><br>Телефон: <a href="tel:113">113</a></div>'
                f'<div style="{GREY}">Не показано контактов: 4'
            ),
        ),
        (
            Attachment("location", detail="55.755864,37.617698"),
            ('📍 Геопозиция: <a href="https://yandex.ru/maps/?pt=37.617698,55.755864&amp;z=16&amp;l=map">'
            "55.755864, 37.617698</a>"),
        ),
        (
            Attachment("share", "Статья", url="https://example.com/a", detail="О чём\nона"),
            '🔗 Ссылка: <a href="https://example.com/a">Статья</a><br>О чём<br>она',
        ),
        (
            Attachment("share", url="https://example.com/a"),
            '🔗 Ссылка: <a href="https://example.com/a">https://example.com/a</a>',
        ),
        (
            Attachment("share", "bank.example", url="https://evil.example/"),
            '🔗 Ссылка: <a href="https://evil.example/">bank.example</a> '
            + small("(https://evil.example/)"),
        ),
        (Attachment("share", "Статья", url="javascript:alert(1)"), "🔗 Ссылка: Статья"),
        (Attachment("share", url="javascript:alert(1)"), "🔗 Ссылка: javascript:alert(1)"),
        (Attachment("share"), "🔗 Ссылка"),
        (Attachment("poll"), small(f"⚠️ {RU.unknown_part.format(kind='poll')}")),
        (Attachment("\u202e"), small(f"⚠️ {RU.unknown_part.format(kind='?')}")),
    ],
)  # fmt: skip
def test_every_kind_written_out(item: Attachment, html: str) -> None:
    assert attachment_html(item, RU, anything) == f"<div>{html}</div>"


@pytest.mark.parametrize("item", [Attachment("contact"), Attachment("location", detail="1e5,2")])
def test_what_tells_nothing_is_said_to_be_unread(item: Attachment) -> None:
    page = Page(attachment_html(item, RU, anything))
    assert page.lines == [label(item, RU), f"⚠️ {RU.broken_part.format(kind=item.kind)}"]
    assert page.hrefs == []


@pytest.mark.parametrize(
    "detail", ["", "1,2,3", "55.7;37.6", "1e5,2", "nan,0", "+1,2", "1,2&z=3", "55.7, 37.6", "1.,2"]
)
def test_only_coordinates_written_in_digits_become_a_map(detail: str) -> None:
    assert "<a" not in attachment_html(Attachment("location", detail=detail), RU, anything)


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "data:text/html,x", "file:///etc", "//x", ""]
)
def test_a_file_s_link_is_a_web_address_whatever_the_rule_says(url: str) -> None:
    assert "<a" not in attachment_html(Attachment("file", "a", url=url), RU, anything)


def test_a_name_cannot_turn_its_letters_around() -> None:
    # "invoice\u202efdp.exe" is drawn as "invoiceexe.pdf".
    assert label(Attachment("file", "счёт\u202efdp.exe"), RU) == "📎 Файл «счётfdp.exe»"
    assert label(Attachment("contact", "Ира\u200b\n👩‍💻"), RU) == "👤 Контакт: Ира 👩‍💻"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, ""),
        (0.0, ""),
        (-5.0, ""),
        (float("nan"), ""),
        (float("inf"), ""),
        (1e300, ""),
        (0.2, ", 0:01"),
        (14.0, ", 0:14"),
        (59.6, ", 1:00"),
        (3600.0, ", 60:00"),
        # Documented in seconds; what would be more than an hour was given in milliseconds.
        (14_000.0, ", 0:14"),
        (3_599_000.0, ", 59:59"),
    ],
)
def test_durations_read_as_people_read_them(seconds: float | None, words: str) -> None:
    assert label(Attachment("video", seconds=seconds), RU) == f"🎬 Видео{words}"
    assert label(Attachment("file", seconds=seconds), RU) == "📎 Файл"


def test_a_transcription_stays_whatever_became_of_the_recording() -> None:
    voice = Attachment("audio", detail="перезвоните", size=10)
    for fate in FileFate:
        html = attachment_html(voice, EN, anything, FileOutcome(fate))
        assert html.endswith("<br>перезвоните</div>")
        assert "Voice message" in html


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
    assert attachment_html(Attachment("image", size=size), RU, anything) == (
        f"<div>🖼 Изображение ({words})</div>"
    )
    assert "(" not in attachment_html(replace(Attachment("image"), size=-1), RU, anything)


@pytest.mark.parametrize("fate", [FileFate.TOO_LARGE, FileFate.UNREACHABLE, FileFate.REFUSED])
def test_the_link_of_a_warning_is_as_small_as_its_words(fate: FileFate) -> None:
    """The desk's own size is larger: outside the grey span the link would shout."""
    item = Attachment("file", "a.pdf", 7_000_000, CDN)
    html = attachment_html(item, RU, lambda _: True, FileOutcome(fate, 7_000_000))
    assert html.endswith(">открыть</a></span></div>")
    assert html.count("<span") == html.count("</span>") == 1
