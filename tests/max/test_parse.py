"""max.parse: whatever MAX sends becomes an event; nothing raises, nothing with words is dropped."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laws import law, wire_texts
from maxbridge.core.events import LinkKind, Person, What
from maxbridge.max.parse import canonical, hash_key, milliseconds, parse_update
from recorded import max_body, max_message, max_names, max_update

CHAT, GROUP, CHANNEL = 512340001, -73000000000042, -73000000000077
MARINA, OLEG, BOT, OTHER_BOT = 410000017, 410000099, 900100200, 900100999

# Recorded update → what, chat, sender, chat type, text (contract max.md 3).
SAMPLES: dict[str, tuple[What, int | None, int | None, str, str]] = {
    "bot_added": (What.STARTED, GROUP, MARINA, "chat", ""),
    "bot_removed": (What.STOPPED, GROUP, MARINA, "chat", ""),
    "bot_started": (What.STARTED, CHAT, MARINA, "", ""),
    "bot_started.payload": (What.STARTED, CHAT, MARINA, "", ""),
    "bot_stopped": (What.STOPPED, CHAT, MARINA, "", ""),
    "chat_title_changed": (What.OTHER, GROUP, MARINA, "", ""),
    "dialog_cleared": (What.OTHER, CHAT, MARINA, "", ""),
    "dialog_muted": (What.OTHER, CHAT, MARINA, "", ""),
    "dialog_removed": (What.STOPPED, CHAT, MARINA, "", ""),
    "dialog_unmuted": (What.OTHER, CHAT, MARINA, "", ""),
    "message_callback": (What.CALLBACK, CHAT, MARINA, "dialog", ""),
    "message_callback.message_null": (What.CALLBACK, None, MARINA, "", ""),
    "message_created.body_null": (What.MESSAGE, CHAT, MARINA, "dialog", ""),
    "message_created.channel_no_sender": (What.MESSAGE, CHANNEL, None, "channel", "Пост канала"),
    "message_created.file": (What.MESSAGE, CHAT, MARINA, "dialog", ""),
    "message_created.forward": (What.MESSAGE, CHAT, MARINA, "dialog", ""),
    "message_created.forward_from_channel": (What.MESSAGE, CHAT, MARINA, "dialog", ""),
    "message_created.from_other_bot": (What.MESSAGE, GROUP, OTHER_BOT, "chat", "Я бот"),
    "message_created.group": (What.MESSAGE, GROUP, MARINA, "chat", "Сообщение в группе"),
    "message_created.markup": (
        What.MESSAGE,
        CHAT,
        MARINA,
        "dialog",
        "👍 Важно: см. сайт и код x=1",
    ),
    # MAX's native voice bug: no message, no chat, no sender (contract max.md 4, trap 4).
    "message_created.native_voice_empty": (What.UNREADABLE, None, None, "", ""),
    "message_created.reply": (What.MESSAGE, CHAT, MARINA, "dialog", "Это по поводу этого ответа"),
    "message_created.text": (
        What.MESSAGE,
        CHAT,
        MARINA,
        "dialog",
        "Здравствуйте! Не приходит письмо 👍 с кодом",
    ),
    "message_created.two_images_with_caption": (
        What.MESSAGE,
        CHAT,
        MARINA,
        "dialog",
        "Два скриншота",
    ),
    "message_created.unknown_attachment": (
        What.MESSAGE,
        CHAT,
        MARINA,
        "dialog",
        "текст, который нельзя потерять",
    ),
    "message_edited": (
        What.EDITED,
        CHAT,
        MARINA,
        "dialog",
        "Здравствуйте! Не приходит письмо с кодом (исправлено)",
    ),
    "message_removed": (What.REMOVED, CHAT, MARINA, "", ""),
    "unknown_type.comment_created": (What.OTHER, CHANNEL, MARINA, "channel", ""),
    "user_added": (What.OTHER, GROUP, OLEG, "chat", ""),
    "user_removed": (What.OTHER, GROUP, OLEG, "chat", ""),
}
NAMES = sorted({name.removeprefix("update.") for name in max_names("update.")})
SINGLE = [name for name in NAMES if name != "batch_with_poison"]


def test_the_table_above_has_every_recorded_update() -> None:
    assert sorted(SAMPLES) == SINGLE


@pytest.mark.parametrize("name", SAMPLES)
def test_recorded_updates(name: str) -> None:
    event = parse_update(max_update(name))
    sender = event.sender.user_id if event.sender else None
    assert (event.what, event.chat_id, sender, event.chat_type, event.message.text) == SAMPLES[name]
    assert event.update_type == max_update(name)["update_type"]
    assert event.timestamp == max_update(name)["timestamp"]
    assert event.message.broken == ()


def test_one_bad_update_spoils_no_other_of_its_batch() -> None:
    # maxapi drops a whole message for one unknown part (contract max.md 9, trap 5).
    events = [parse_update(each) for each in max_body("update.batch_with_poison")["updates"]]
    assert [each.what for each in events] == [
        What.MESSAGE,
        What.UNREADABLE,
        What.UNREADABLE,
        What.MESSAGE,
    ]
    assert [each.message.text for each in events] == ["первое", "", "", "второе"]


def test_people_have_the_names_that_max_gives() -> None:
    marina = parse_update(max_update("message_created.text")).sender
    assert marina == Person(MARINA, "Марина", "Тестова", "", is_bot=False)
    link = parse_update(max_update("message_created.forward")).link
    assert link is not None
    assert link.message.sender == Person(OLEG, "Олег", "", "oleg_demo", is_bot=False)
    bot = parse_update(max_update("message_created.from_other_bot")).sender
    assert bot is not None
    assert bot.is_bot


def test_the_words_of_a_forward_are_in_its_link() -> None:
    # Contract max.md 4: the outer body is empty then, a known source of lost media.
    event = parse_update(max_update("message_created.forward"))
    assert event.link is not None
    assert event.link.kind is LinkKind.FORWARD
    assert event.link.message.text == "Пересланный текст"
    assert [each.kind for each in event.link.message.attachments] == ["image"]
    channel = parse_update(max_update("message_created.forward_from_channel")).link
    assert channel is not None
    assert (channel.message.sender, channel.message.text) == (
        None,
        "Пост канала (sender отсутствует)",
    )


def test_a_reply_carries_what_it_answers() -> None:
    link = parse_update(max_update("message_created.reply")).link
    assert link is not None
    assert (link.kind, link.message.text) == (LinkKind.REPLY, "Мы проверим и ответим.")


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        ("bot_started", ""),
        ("bot_started.payload", "order-4821"),
        ("message_callback", "rate:5"),
        ("message_callback.message_null", "rate:1"),
        ("message_removed", "mid.000000001e89b02101a17720ca000001"),
    ],
)
def test_payloads(name: str, payload: str) -> None:
    assert parse_update(max_update(name)).payload == payload


# --- identity -----------------------------------------------------------------------------------------


def stirred(raw: Any) -> Any:
    """The same update as MAX gives it a second time."""
    if isinstance(raw, dict):
        return {
            name: 1 if name == "last_activity_time" else stirred(value)
            for name, value in reversed(raw.items())
        }
    return [stirred(each) for each in raw] if isinstance(raw, list) else raw


@pytest.mark.parametrize("name", SINGLE)
def test_a_duplicate_has_the_key_of_the_first(name: str) -> None:
    # Contract max.md 1: events may come again, and there is no update id.
    raw = max_update(name)
    assert parse_update(stirred(raw)).key == parse_update(raw).key


def test_different_updates_have_different_keys() -> None:
    updates = [max_update(name) for name in SINGLE]
    updates += max_body("update.batch_with_poison")["updates"]
    keys = [parse_update(each).key for each in updates]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("name", ["message_edited", "bot_started", "message_removed", "user_added"])
def test_what_happens_again_later_is_another_event(name: str) -> None:
    raw = max_update(name)
    later = raw | {"timestamp": raw["timestamp"] + 1}
    assert parse_update(later).key != parse_update(raw).key


@pytest.mark.parametrize(
    "update_type", ["voice_message_created", "message_delivered", "", "something.new"]
)
def test_a_whole_message_is_one_whatever_its_event_is_called(update_type: str) -> None:
    raw = max_update("message_created.text")
    event = parse_update(raw | {"update_type": update_type})
    assert event == parse_update(raw)
    assert event.what is What.MESSAGE


@pytest.mark.parametrize("name", ["file", "forward", "unknown_attachment", "body_null"])
def test_so_is_one_without_words_of_its_own(name: str) -> None:
    raw = max_update(f"message_created.{name}")
    assert parse_update(raw | {"update_type": "circle_created"}) == parse_update(raw)


def test_an_unknown_edit_or_deletion_of_a_whole_message_is_one() -> None:
    raw = max_update("message_edited")
    assert parse_update(raw | {"update_type": "voice_message_edited"}) == parse_update(raw)
    mid = raw["message"]["body"]["mid"]
    event = parse_update(raw | {"update_type": "voice_message_removed"})
    assert (event.what, event.payload, event.chat_id) == (What.REMOVED, mid, CHAT)


@pytest.mark.parametrize(
    "message",
    [
        {"sender": {"user_id": MARINA}, "recipient": {"chat_id": CHAT}},
        {"recipient": {"chat_id": CHAT}, "body": {"mid": "mid.1", "text": "a"}},
        {"sender": {"user_id": MARINA}, "body": {"mid": "mid.1", "text": "a"}},
    ],
)
def test_what_lacks_a_part_of_a_message_is_none(message: dict[str, Any]) -> None:
    event = parse_update({"update_type": "reaction_added", "timestamp": 1, "message": message})
    assert event.what is not What.MESSAGE


@pytest.mark.parametrize("chat_type", ["secret_dialog", "private", "DIALOG2", "бот"])
def test_only_chats_and_channels_have_many_people(chat_type: str) -> None:
    raw = max_update("message_created.text")
    raw["message"]["recipient"]["chat_type"] = chat_type
    event = parse_update(raw)
    assert (event.is_dialog, event.is_group, event.chat_type) == (True, False, chat_type)
    # Without another side and with a group's id it is many people's, whatever it is called.
    del raw["message"]["recipient"]["user_id"]
    assert parse_update(raw).is_dialog
    raw["message"]["recipient"]["chat_id"] = GROUP
    assert parse_update(raw).is_group


def test_a_comment_under_a_post_is_of_the_channel() -> None:
    raw = max_update("message_created.group")
    raw["message"]["recipient"] |= {"post_id": "mid.1"}
    assert parse_update(raw).chat_type == "channel"
    removed = {
        "update_type": "comment_removed",
        "message_id": "mid.2",
        "chat_id": CHANNEL,
        "post_id": "mid.1",
    }
    assert parse_update(removed).chat_type == "channel"
    assert parse_update(removed).what is What.OTHER


def test_the_bot_is_added_by_nobody_who_is_named() -> None:
    raw = max_update("bot_added")
    for gone in ("user", "user_id"):
        del raw[gone]
        event = parse_update(raw)
        assert (event.what, event.chat_id, event.chat_type) == (What.STARTED, GROUP, "chat")
    assert event.sender is None


@pytest.mark.parametrize(
    ("change", "deaf"),
    [
        ({"is_admin": True, "permissions": ["write", "read_all_messages"]}, False),
        ({"permissions": ["read_all_messages"]}, False),
        ({"is_admin": True, "permissions": ["write"]}, True),
        ({"is_admin": True, "permissions": []}, True),
        ({"is_admin": False, "permissions": None}, True),
        ({"is_admin": False, "permissions": ["read_all_messages"]}, True),
        ({"is_admin": False}, True),
        ({"is_admin": True}, False),
        ({}, True),
    ],
)
def test_a_bot_without_the_right_to_read_is_deaf(change: dict[str, Any], deaf: bool) -> None:
    raw = {
        "update_type": "bot_admin_permissions_changed",
        "timestamp": 1793000000000,
        "chat_id": GROUP,
        "user_id": MARINA,
        "bot_id": BOT,
        "is_channel": False,
    }
    event = parse_update(raw | change)
    assert (event.what, event.chat_id, event.is_group) == (What.RIGHTS, GROUP, True)
    assert event.is_deaf is deaf


def test_a_message_is_known_by_its_id_alone() -> None:
    # Contract max.md 3.2: the mid is unique over all chats.
    raw = max_update("message_created.text")
    assert parse_update(raw | {"timestamp": 1}).key == parse_update(raw).key
    raw["message"]["body"]["mid"] = "mid.other"
    assert parse_update(raw).key == "message_created:mid.other"


# --- anything -----------------------------------------------------------------------------------------

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([2**63, -(2**63) - 1, 10**400, 0, -1])
    | st.floats()
    | wire_texts
)
KNOWN = (
    "update_type timestamp message recipient chat_id chat_type user_id sender first_name body mid text "
    "attachments link type callback callback_id payload user message_id url vcf_info is_channel name "
    "markup from length buttons duration latitude longitude token"
).split()
json_values: Any = st.recursive(
    scalars | st.sampled_from(["message_created", "message_edited", "bot_started", "forward"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(KNOWN) | wire_texts, inner, max_size=6)
    ),
    max_leaves=15,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a JSON value."""
    yield path
    if isinstance(value, dict | list):
        for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(inner, (*path, name))


def put(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """The value with another one at one place."""
    if not path:
        return new
    value = copy.copy(value)
    value[path[0]] = put(value[path[0]], path[1:], new)
    return value


EVERY_PLACE = [(name, path) for name in SINGLE for path in places(max_update(name))]


def is_sound(raw: Any) -> None:
    """Reads a value twice; what the store and the desk rely on must hold."""
    event = parse_update(raw)
    assert parse_update(copy.deepcopy(raw)) == event
    assert event.key
    json.dumps([event.key, event.message.text, event.payload], ensure_ascii=False).encode()
    user_id = event.sender.user_id if event.sender else None
    for number in (event.chat_id, event.timestamp, user_id):
        assert number is None or (type(number) is int and -(2**63) <= number < 2**63)
    if event.what is What.UNREADABLE:
        return
    assert event.chat_id is not None or event.sender is not None


@given(json_values)
@law
def test_any_json_value_is_an_event(raw: Any) -> None:
    is_sound(raw)


@given(st.sampled_from(EVERY_PLACE), scalars | st.sampled_from([{}, [], [[]], {"a": 1}, [None]]))
@law
def test_a_wrong_value_anywhere_is_no_error(place: tuple[str, tuple[Any, ...]], new: Any) -> None:
    name, path = place
    is_sound(put(max_update(name), path, new))


WRONG: tuple[Any, ...] = (None, True, 0, -1.5, 2**63, "", "слово", [], [1], {}, {"a": []})


def test_the_words_arrive_whatever_is_wrong_beside_them() -> None:
    # design.md 5: what text there is is delivered with a visible placeholder.
    raw = max_update("message_created.two_images_with_caption")
    needed = ("text", "user_id", "sender", "body", "message", "update_type", "chat_type")
    for path in places(raw):
        if not path or path[-1] in needed:
            continue
        for new in WRONG:
            event = parse_update(put(raw, path, new))
            if event.chat_type in ("", "dialog"):
                assert event.what is What.MESSAGE, (path, new)
            assert event.message.text == "Два скриншота", (path, new)


@pytest.mark.parametrize(
    ("path", "part", "wrong"),
    [
        (("message", "body"), "body", [True, 0, 1.5, "x", [1]]),
        (("message", "body", "text"), "text", [True, 0, 1.5, {"x": 1}, [1]]),
        (("message", "body", "attachments"), "attachments", [True, 0, 1.5, "x", {"x": 1}]),
    ],
)
def test_what_was_there_but_could_not_be_read_is_named(
    path: tuple[str, ...], part: str, wrong: list[Any]
) -> None:
    for new in wrong:
        event = parse_update(put(max_message(attachments=[]), path, new))
        assert event.message.broken == (part,)
        assert event.what is What.MESSAGE


@pytest.mark.parametrize("new", [True, 0, "x", [], {}, {"type": "forward"}, {"message": 1}])
def test_a_link_that_could_not_be_read_is_named(new: Any) -> None:
    link = parse_update(put(max_update("message_created.reply"), ("message", "link"), new)).link
    assert link is not None
    assert link.message.broken == ("message",)


@pytest.mark.parametrize(
    ("number", "kept"),
    [
        (2**63 - 1, True),
        (-(2**63), True),
        (2**63, False),
        (-(2**63) - 1, False),
        (True, False),
        (False, False),
        (1.0, False),
        ("1", False),
    ],
)
def test_ids_are_64_bit_integers(number: Any, kept: bool) -> None:
    # SQLite takes no longer ones, and a bool is not a number though Python says so.
    raw = put(max_update("bot_started"), ("chat_id",), number)
    assert parse_update(raw).chat_id == (number if kept else None)
    raw = put(raw | {"user_id": None}, ("user", "user_id"), number)
    sender = parse_update(raw).sender
    assert (sender.user_id if sender else None) == (number if kept else None)


@pytest.mark.parametrize("raw", [None, True, 0, 1.5, "message_created", [], {}, [{}]])
def test_what_tells_neither_chat_nor_person_is_unreadable(raw: Any) -> None:
    event = parse_update(raw)
    assert (event.what, event.chat_id, event.sender) == (What.UNREADABLE, None, None)
    assert event.key == hash_key(raw)


# --- canonical ------------------------------------------------------------------------------------------


@given(json_values)
@law
def test_the_canonical_text_is_ascii_and_gives_the_value_back(raw: Any) -> None:
    text = canonical(raw)
    assert text.isascii()
    assert canonical(json.loads(text)) == text


@given(st.dictionaries(wire_texts, st.integers(), max_size=5))
@law
def test_the_order_of_members_does_not_matter(raw: dict[str, int]) -> None:
    assert canonical(dict(reversed(raw.items()))) == canonical(raw)


def test_a_lone_surrogate_is_kept() -> None:
    assert json.loads(canonical({"text": "\ud83d"})) == {"text": "\ud83d"}


def test_what_is_nested_too_deeply_to_be_written_is_a_note_of_that() -> None:
    deep: Any = "x"
    for _ in range(100_000):
        deep = [deep]
    # The marker has to move on: such an update must not come again for ever.
    assert "nested too deeply" in canonical(deep)
    raw = max_update("message_created.text") | {"more": deep}
    assert parse_update(raw).key == parse_update(max_update("message_created.text")).key
    assert parse_update([deep]).what is What.UNREADABLE
    while isinstance(deep, list):  # an interpreter may not free it in one go
        deep = deep.pop()


@pytest.mark.parametrize("unit", [1 / 1000, 1, 1000])
def test_times_are_milliseconds_in_whatever_unit_they_come(unit: float) -> None:
    at = 1793000003000
    raw = max_update("message_created.text")
    raw["timestamp"] = raw["message"]["timestamp"] = int(at * unit)
    event = parse_update(raw)
    assert (event.timestamp, event.message.timestamp) == (at, at)


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        (0, 0), (-5, -5), (None, 0), ("1793000003", 1793000003000), ("1793000003250", 1793000003250), ("soon", 0), ("-5", 0), ("9" * 30, 0), (True, 0), (1793000003.25, 1793000003250),
        ("1793000003.25", 1793000003250), ("2026-10-26T07:33:23Z", 1793000003000), ("2026-10-26T10:33:23.250+03:00", 1793000003250), ("2026-10-26 07:33:23", 1793000003000),
        ("0001-01-01T00:00:00+23:59", 0), ("99999-01-01", 0), ("1e5", 0), ("", 0), ("10:00", 0),
        (1793000003250.0, 1793000003250), (float("nan"), 0), (float("inf"), 0), (10**30, 0),
    ],
)  # fmt: skip
def test_what_is_no_time_is_none(value: Any, moment: int) -> None:
    assert milliseconds(value) == moment


def test_an_empty_post_id_makes_no_dialog_a_comment() -> None:
    recipient = {"chat_id": 7, "chat_type": "dialog", "user_id": 9, "post_id": None}
    message = {
        "sender": {"user_id": 5, "first_name": "A"},
        "recipient": recipient,
        "timestamp": 1764500000000,
        "body": {"mid": "mid.1", "text": "hi"},
    }
    update = {"update_type": "message_created", "timestamp": 1764500000000, "message": message}
    assert parse_update(update).chat_type == "dialog"
    recipient |= {"chat_id": -7, "chat_type": "supergroup", "user_id": None}
    assert parse_update(update).chat_type == "chat"
