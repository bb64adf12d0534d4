"""max.parse: what is in a message: attachments with all that is known of them, formatting, buttons."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laws import law, wire_texts
from maxbridge.core.events import Attachment, ContactCard, Mark
from maxbridge.core.text import utf16_len
from maxbridge.max.parse import parse_update
from recorded import max_body, max_message, max_names, max_update

ATTACHMENTS = {
    "audio": Attachment(
        "audio",
        url=max_body("attachment.audio")["payload"]["url"],
        token="EXAMPLE_AUDIO_TOKEN",
    ),
    "audio_with_transcription": Attachment(
        "audio",
        url=max_body("attachment.audio_with_transcription")["payload"]["url"],
        detail="добрый день перезвоните мне",
        token="EXAMPLE_AUDIO_TOKEN",
    ),
    "contact": Attachment(
        "contact",
        "Марина Тестова",
        detail="79990000017",
        user_id=410000017,
        vcf=max_body("attachment.contact")["payload"]["vcf_info"],
        signature="0" * 64,
        phones=("79990000017",),
        cards=(ContactCard("Марина Тестова", phones=("79990000017",)),),
    ),
    "contact_forwarded": Attachment(
        "contact",
        "Олег",
        detail="79990000099",
        vcf=max_body("attachment.contact_forwarded")["payload"]["vcf_info"],
        phones=("79990000099",),
        cards=(ContactCard("Олег", phones=("79990000099",)),),
    ),
    "file": Attachment(
        "file",
        "Счёт № 17 от 26.10.2026.pdf",
        183204,
        max_body("attachment.file")["payload"]["url"],
        token="EXAMPLE_FILE_TOKEN",
    ),
    "image": Attachment(
        "image", url="https://i.oneme.ru/i?r=EXAMPLE_PHOTO", token="EXAMPLE_PHOTO_TOKEN"
    ),
    "inline_keyboard": Attachment("inline_keyboard"),
    "location": Attachment("location", detail="55.751244,37.618423"),
    "share": Attachment(
        "share",
        "Заголовок статьи",
        url="https://example.com/article",
        detail="Краткое описание",
        token="EXAMPLE_SHARE_TOKEN",
    ),
    "sticker": Attachment("sticker", url="https://i.oneme.ru/getSmile?smileId=429b5&smileType=4"),
    "unknown_type": Attachment("poll"),
    "video": Attachment(
        "video",
        url=max_body("attachment.video")["payload"]["url"],
        token="EXAMPLE_VIDEO_TOKEN",
        seconds=14.0,
    ),
}


def read(*attachments: Any) -> tuple[Attachment, ...]:
    return parse_update(max_message(attachments=list(attachments))).message.attachments


@pytest.mark.parametrize("name", max_names("attachment."))
def test_recorded_attachments(name: str) -> None:
    assert read(max_body(name)) == (ATTACHMENTS[name.removeprefix("attachment.")],)


@pytest.mark.parametrize(
    ("latitude", "longitude", "detail"),
    [
        (55, 37.5, "55,37.5"),
        (-90, 180.0, "-90,180"),
        (55.75124400001, 37.6, "55.751244,37.6"),
        # Never with an exponent, never minus nothing.
        (1e-5, -1e-5, "0.00001,-0.00001"),
        (1e-9, -1e-9, "0,0"),
        (90.1, 0, ""),
        (0, -181, ""),
        (True, 1, ""),
        ("55.75", "-37", "55.75,-37"),
        ("55,75", 37, ""),
        ("9" * 9, 37, ""),
        (None, 37, ""),
        (float("inf"), 0, ""),
        (float("nan"), 0, ""),
        (10**400, 0, ""),
    ],
)
def test_only_coordinates_on_earth_are_coordinates(
    latitude: Any, longitude: Any, detail: str
) -> None:
    (item,) = read({"type": "location", "latitude": latitude, "longitude": longitude})
    assert item.detail == detail


@pytest.mark.parametrize(
    ("duration", "seconds"),
    [(14, 14.0), (2.5, 2.5), (14000, 14000.0), (0, 0.0), (-1, None), (True, None), ("14", None), (float("nan"), None),
     (float("inf"), None), (10**400, None), (None, None)],
)  # fmt: skip
def test_durations_are_taken_as_max_gave_them(duration: Any, seconds: float | None) -> None:
    (item,) = read({"type": "video", "duration": duration})
    assert item.seconds == seconds


def test_a_card_is_kept_unchanged_for_its_signature() -> None:
    # The HMAC was made of exactly this text (contract max.md 4); only what is shown is cleaned.
    vcf = "BEGIN:VCARD\r\nTEL:1\x00 12\r\nFN:\ud83d\r\n"
    (item,) = read({"type": "contact", "payload": {"vcf_info": vcf, "hash": "ab\x00"}})
    assert (item.vcf, item.phones, item.name, item.signature) == (vcf, ("1 12",), "\ufffd", "ab")


@pytest.mark.parametrize("payload", [None, [], {"vcf_info": 5, "hash": [], "max_info": "x"}])
def test_a_card_that_is_none_is_an_empty_contact(payload: Any) -> None:
    assert read({"type": "contact", "payload": payload}) == (Attachment("contact"),)


# --- formatting -------------------------------------------------------------------------------------


def marks_of(text: Any, markup: Any) -> tuple[Mark, ...]:
    return parse_update(max_message(text=text, markup=markup)).message.markup


def test_the_recorded_markup() -> None:
    assert parse_update(max_update("message_created.markup")).message.markup == (
        Mark("strong", 3, 6),
        Mark("link", 14, 4, "https://example.com/?a=1&b=2"),
        Mark("monospaced", 25, 3),
    )


def test_a_forward_s_formatting_is_its_own() -> None:
    raw = max_update("message_created.forward")
    raw["message"]["link"]["message"]["markup"] = [{"type": "strong", "from": 0, "length": 11}]
    link = parse_update(raw).link
    assert link is not None
    assert link.message.markup == (Mark("strong", 0, 11),)


@pytest.mark.parametrize(
    ("text", "start", "length", "mark"),
    [
        ("слово", 0, 5, Mark("strong", 0, 5)),
        ("слово", 2, 99, Mark("strong", 2, 3)),
        ("слово", -2, 4, Mark("strong", 0, 2)),
        # What cleaning removes is not counted any more: control characters, carriage returns.
        ("a\x00bc", 2, 2, Mark("strong", 1, 2)),
        ("a\r\nbc", 3, 1, Mark("strong", 2, 1)),
        ("a\rbc", 2, 1, Mark("strong", 2, 1)),
        ("\x00\x07", 0, 2, None),
        # A character of two units is two, also when JSON brought it as two escapes, or half of it.
        ("👍a", 2, 1, Mark("strong", 2, 1)),
        ("\ud83d\udc4da", 2, 1, Mark("strong", 2, 1)),
        ("\ud83da", 1, 1, Mark("strong", 1, 1)),
        ("слово", 5, 1, None),
        ("слово", 1, 0, None),
        ("слово", 1, -1, None),
        ("слово", 1.0, 2, None),
        ("слово", "1", 2, None),
        ("слово", True, 2, None),
        ("слово", None, 2, None),
        ("слово", 2**70, 2, None),
        ("слово", 0, 2**63 - 1, Mark("strong", 0, 5)),
        ("", 0, 1, None),
    ],
)
def test_marks_are_counted_in_the_cleaned_text(
    text: str, start: Any, length: Any, mark: Mark | None
) -> None:
    found = marks_of(text, [{"type": "strong", "from": start, "length": length}])
    assert found == ((mark,) if mark else ())


@pytest.mark.parametrize("markup", [None, True, "x", {}, [None, 1, [], {}, {"type": 5}], 10**400])
def test_markup_that_cannot_be_read_leaves_the_text(markup: Any) -> None:
    message = parse_update(max_message(text="слово", markup=markup)).message
    assert (message.text, message.markup, message.broken) == ("слово", (), ())


@given(wire_texts, st.lists(st.tuples(st.integers(-3, 20), st.integers(-3, 20)), max_size=4))
@law
def test_every_mark_lies_in_its_text(text: str, stretches: list[tuple[int, int]]) -> None:
    markup = [{"type": "strong", "from": start, "length": length} for start, length in stretches]
    message = parse_update(max_message(text=text, markup=markup)).message
    for mark in message.markup:
        assert mark.length > 0
        assert mark.start >= 0
        assert mark.start + mark.length <= utf16_len(message.text)


# --- buttons -----------------------------------------------------------------------------------------


def pressed(payload: Any, *buttons: Any) -> str:
    raw = copy.deepcopy(max_update("message_callback"))
    raw["callback"]["payload"] = payload
    raw["message"]["body"]["attachments"][0]["payload"]["buttons"] = [list(buttons), "x", None]
    return parse_update(raw).button


@pytest.mark.parametrize(
    ("name", "button"),
    [
        ("message_callback", "👍 Решено"),
        ("message_callback.message_null", ""),
        ("message_created.text", ""),
    ],
)
def test_a_pressed_button_has_the_words_of_its_keyboard(name: str, button: str) -> None:
    assert parse_update(max_update(name)).button == button


def test_only_the_button_with_this_payload_counts() -> None:
    yes, no = {"text": "Да", "payload": "y"}, {"text": "Нет", "payload": "n"}
    assert pressed("n", yes, no) == "Нет"
    assert pressed("z", yes, no) == ""
    assert pressed("y", yes, yes | {"text": "Ещё бы"}) == ""
    assert pressed("y", yes, None, 5, yes) == "Да"
    assert pressed("", {"text": "Сайт", "url": "https://example.com"}) == ""
    assert pressed(5, {"text": "Пять", "payload": 5}) == ""


def test_the_message_under_a_button_is_ours_and_is_not_the_customer_s() -> None:
    raw = max_update("message_callback")
    raw["message"]["link"] = max_update("message_created.reply")["message"]["link"]
    event = parse_update(raw)
    assert (event.link, event.message.text) == (None, "")


def test_an_edit_keeps_the_time_of_the_message() -> None:
    # Contract max.md 3: message.timestamp stays the time of creation.
    edited = parse_update(max_update("message_edited"))
    created = parse_update(max_update("message_created.text"))
    assert edited.message.timestamp == created.message.timestamp == 1793000000000
    assert edited.timestamp == 1793000006000
