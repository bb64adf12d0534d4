"""core.inbound_files: which files of a customer are fetched, and by which names the desk gets them."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from event_samples import event, link
from laws import law, wire_texts
from maxbridge.core.events import Attachment, Event, LinkKind, What
from maxbridge.core.inbound_files import (
    FETCHED,
    NAME_LENGTH,
    fetchable,
    numbers_of,
    safe_name,
    same_file,
)
from maxbridge.i18n import CATALOGUE, EN, RU
from maxbridge.max.parse import parse_update
from recorded import max_update

PHOTO, VIDEO, PDF = Attachment("image"), Attachment("video"), Attachment("file", "счёт.pdf")
CONTACT = Attachment("contact", "Олег")

HINTS = ("", "image/jpeg", "image/jpeg; q=1", "application/pdf", "application/octet-stream", "audio/ogg", ".jpg", "PDF", "001", "x/y", "../x")  # fmt: skip
names = st.one_of(
    wire_texts,
    st.lists(
        st.sampled_from(
            ["a", "отчёт", "👍", "❤️", ".", ".pdf", ".PDF", ".tar", " ", "/", "\\", "con", "nul.", "\u202e", "\u200d",
             "\n", "\x00", "..", "_", '"', "x" * 130, "ж" * 118, "👍" * 60, "e\u0301", ".2026", "C:", ".abc.abcdefghijkl"]
        ),
        max_size=8,
    ).map("".join),
)  # fmt: skip


@pytest.mark.parametrize(
    ("happened", "files"),
    [
        (event("слова"), ()),
        (event("", PHOTO, CONTACT, PDF, VIDEO), (PHOTO, PDF, VIDEO)),
        # A forward's files are the message itself (contract max.md 4); a reply's are in the ticket already.
        (event("", PHOTO, link=link(LinkKind.FORWARD, "", VIDEO, CONTACT, PDF)), (PHOTO, VIDEO, PDF)),
        (event("", PHOTO, link=link(LinkKind.OTHER, "", VIDEO)), (PHOTO, VIDEO)),
        (event("", PHOTO, link=link(LinkKind.REPLY, "", VIDEO)), (PHOTO,)),
        (event("", PHOTO, what=What.EDITED), (PHOTO,)),
        (event("", PHOTO, what=What.CALLBACK), ()),
        (event("", *[Attachment(kind) for kind in ("location", "share", "inline_keyboard", "poll", "?")]), ()),
        (event("", *[Attachment(kind) for kind in sorted(FETCHED)]), tuple(Attachment(kind) for kind in sorted(FETCHED))),
    ],
)  # fmt: skip
def test_what_is_fetched_and_in_which_order(happened: Event, files: tuple[Attachment, ...]) -> None:
    assert fetchable(happened) == files


def test_the_recorded_forward_gives_its_picture() -> None:
    (picture,) = fetchable(parse_update(max_update("message_created.forward")))
    assert (picture.kind, picture.url) == ("image", "https://i.oneme.ru/i?r=EXAMPLE")


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({}, True),
        # Links are signed anew; the token names the content (contract max.md 4).
        ({"url": "https://cdn.example/other"}, True),
        ({"token": "T2"}, False),
        ({"token": ""}, False),
        ({"name": "другой.pdf"}, False),
        ({"size": 2}, False),
        ({"kind": "image"}, False),
    ],
)
def test_the_same_content_is_known_by_its_token(change: dict[str, Any], same: bool) -> None:
    one = Attachment("file", "a.pdf", 1, "https://cdn.example/1", token="T1")
    assert same_file(one, replace(one, **change)) is same


def test_a_sticker_is_known_by_its_link() -> None:
    one = Attachment("sticker", url="https://i.oneme.ru/getSmile?smileId=1")
    assert same_file(one, replace(one))
    assert not same_file(one, replace(one, url="https://i.oneme.ru/getSmile?smileId=2"))


# --- names --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "hint", "safe"),
    [
        ("Счёт № 17 от 26.10.2026.pdf", "application/pdf", "Счёт № 17 от 26.10.2026.pdf"),
        ("Счёт № 17 от 26.10.2026", "application/pdf", "Счёт № 17 от 26.10.2026.pdf"),
        ('смета "новая" 👍.xlsx', "", 'смета "новая" 👍.xlsx'),
        # An extension that is there stays, whatever was detected; one is never doubled.
        ("фото.PNG", "image/jpeg", "фото.PNG"),
        ("report.pdf.pdf", "application/pdf", "report.pdf"),
        ("report.PDF.pdf.pdf", "", "report.PDF"),
        ("backup.tar.gz", "application/gzip", "backup.tar.gz"),
        ("архив.7z", "", "архив.7z"),
        ("Makefile", "text/plain", "Makefile.txt"),
        ("Makefile", "application/octet-stream", "Makefile"),
        ("скан", ".jpg", "скан.jpg"),
        ("скан", "jpg", "скан.jpg"),
        # Folders, hidden files, devices of Windows.
        ("../../etc/passwd", "", "passwd"),
        ("C:\\Users\\Анна\\акт.doc", "", "акт.doc"),
        (".htaccess", "", "htaccess"),
        ("\u2800\u2800.pdf", "", "Файл.pdf"),
        ("\u200b.docx", "application/pdf", "Файл.docx"),
        ("👩\u200d💻 می\u200cخواهم.png", "", "👩\u200d💻 می\u200cخواهم.png"),
        ("...", "application/pdf", "Файл.pdf"),
        ("папка/", "", "Файл"),
        ("con.txt", "", "_con.txt"),
        ("NUL", "", "_NUL"),
        ("Lpt1 .pdf", "", "_Lpt1.pdf"),
        ("console.txt", "", "console.txt"),
        ("акт.", "", "акт"),
        # What nobody sees, and what turns letters around.
        ("счёт\u202efdp.exe", "", "счётfdp.exe"),
        ("a\u200bb\x00\x1b\n c\u00ad.txt", "", "ab c.txt"),
        ("  много   места .txt", "", "много места.txt"),
        ("\u200b\u202e", "image/png", "Файл.png"),
        # Length in letters, and in bytes for the file system.
        ("д" * 200 + ".pdf", "", "д" * 116 + ".pdf"),
        ("👍" * 100 + ".pdf", "", "👍" * 59 + ".pdf"),
        ("x" * 117 + " ab.pdf", "", "x" * 116 + ".pdf"),
    ],
)
def test_names_of_the_customer_s_own(name: str, hint: str, safe: str) -> None:
    assert safe_name(Attachment("file", name), hint, 0, RU) == safe


@pytest.mark.parametrize(
    ("item", "hint", "number", "russian", "english"),
    [
        (PHOTO, "image/jpeg", 1, "Фото 1.jpg", "Photo 1.jpg"),
        (PHOTO, "image/webp", 0, "Фото.webp", "Photo.webp"),
        (PHOTO, "", 0, "Фото", "Photo"),
        (VIDEO, "video/mp4", 0, "Видео.mp4", "Video.mp4"),
        (Attachment("audio"), "audio/ogg", 0, "Голосовое сообщение.ogg", "Voice message.ogg"),
        (Attachment("audio", detail="да"), "audio/mpeg", 2, "Голосовое сообщение 2.mp3", "Voice message 2.mp3"),
        (Attachment("audio"), "audio/mpeg", 0, "Аудио.mp3", "Audio.mp3"),
        (Attachment("sticker"), "image/webp", 0, "Стикер.webp", "Sticker.webp"),
        (Attachment("file"), "application/pdf", 3, "Файл 3.pdf", "File 3.pdf"),
    ],
)  # fmt: skip
def test_names_of_nameless_kinds(
    item: Attachment, hint: str, number: int, russian: str, english: str
) -> None:
    assert safe_name(item, hint, number, RU) == russian
    assert safe_name(item, hint, number, EN) == english


def test_only_nameless_files_with_a_twin_are_numbered() -> None:
    items = [
        PHOTO,
        VIDEO,
        PHOTO,
        PDF,
        PDF,
        Attachment("image", "кот.jpg"),
        Attachment("file", ".."),
    ]
    assert numbers_of(items) == (1, 0, 2, 0, 0, 0, 0)


@given(
    st.sampled_from([*sorted(FETCHED), "poll"]),
    names,
    st.sampled_from(HINTS) | wire_texts,
    st.integers(-1, 12),
    st.sampled_from(sorted(CATALOGUE)),
)
@example("file", "x" * 112 + ".abc.abcdefghijkl", "", 0, "ru")
@example("file", "x .pdf.pdf", "", 0, "ru")
@law
def test_a_safe_name_is_safe_and_stays_as_it_is(
    kind: str, name: str, hint: str, number: int, language: str
) -> None:
    texts = CATALOGUE[language]
    item = Attachment(kind, name)
    safe = safe_name(item, hint, number, texts)
    assert 0 < len(safe) <= NAME_LENGTH
    assert len(safe.encode()) <= 255
    assert not set(safe) & set("/\\\n\r\t")
    assert not any(unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp") for char in safe)
    assert safe == " ".join(safe.split()).strip(". ")
    assert safe_name(replace(item, name=safe), hint, number, texts) == safe
    assert safe.partition(".")[0].strip().lower() not in ("con", "nul", "aux", "prn")


@given(names, st.sampled_from(["pdf", "jpg", "docx"]))
@law
def test_an_extension_is_kept_however_long_the_name_is(name: str, extension: str) -> None:
    safe = safe_name(Attachment("file", f"{name}ы.{extension}"), "image/png", 0, RU)
    assert safe.endswith(f".{extension}")
