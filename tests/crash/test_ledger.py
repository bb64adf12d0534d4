"""The count finds what it is there to find: what it overlooked, no crash test would show."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crash.dumps import GREETING, delays, picture_of, tokens_in, tokens_of_thread
from crash.ledger import Held, Picture, judge

ANNA, BORIS = 1, 2
GROUP = -73
GOOD = Picture(
    told={ANNA: ["C1", "C2", "C3"], BORIS: ["C4"]},
    filed={ANNA: ["C1", "C2", "C3"], BORIS: ["C4"]},
    answered={ANNA: ["R1", "Да.", "Да."], BORIS: ["R2"]},
    received={ANNA: ["R1", "Да.", "Да."], BORIS: ["R2"]},
    private={"N1"},
    greetings={ANNA: (1, 1)},
    tickets={ANNA: 1, BORIS: 1},
    cards={ANNA: 1, BORIS: 1},
    markers={"mid.1": 1},
)


def test_what_arrived_once_in_order_is_good() -> None:
    verdict = judge(GOOD)
    assert verdict.good
    assert (verdict.messages, verdict.replies) == (4, 4)
    assert str(verdict) == "4 messages, 4 replies, 0 held; all promises kept"


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"filed": {ANNA: ["C1", "C3"], BORIS: ["C4"]}}, ("lost", "desk 1: C2")),
        ({"filed": {ANNA: ["C1", "C2", "C3"]}}, ("lost", "desk 2: C4")),
        ({"received": {ANNA: ["R1", "Да."], BORIS: ["R2"]}}, ("lost", "MAX 1: Да.")),
        (
            {"received": {ANNA: ["R1", "Да.", "Да.", "Да."], BORIS: ["R2"]}},
            ("doubled", "MAX 1: Да."),
        ),
        (
            {"filed": {ANNA: ["C1", "C2", "C2", "C3"], BORIS: ["C4"]}},
            ("doubled", "desk 1: C2"),
        ),
        (
            {"received": {ANNA: ["R1", "Да.", "Да.", "N1"], BORIS: ["R2"]}},
            ("leaked", "MAX 1: N1"),
        ),
        (
            {"received": {ANNA: ["R1", "Да.", "Да.", "R2"], BORIS: ["R2"]}},
            ("misdirected", "MAX 1: R2 of 2"),
        ),
        (
            {"received": {ANNA: ["R1", "Да.", "Да.", "Ой"], BORIS: ["R2"]}},
            ("wrong", "MAX 1: Ой was never sent"),
        ),
        ({"greetings": {ANNA: (1, 0)}}, ("lost", "MAX 1: greeting")),
        ({"greetings": {ANNA: (1, 2)}}, ("doubled", "MAX 1: greeting")),
        ({"tickets": {ANNA: 2}}, ("doubled", "desk 1: 2 tickets")),
        ({"cards": {ANNA: 2}}, ("doubled", "desk 1: 2 customers")),
        ({"markers": {"mid.1": 2}}, ("doubled", "marker mid.1 2 times")),
        ({"held": [Held("a", "internal")]}, ("wrong", "a: internal")),
        ({"held": [Held("a", "rule.order")]}, ("wrong", "a: rule.order")),
        ({"held": [Held("a", "desk.refused", in_doubt=False)]}, ("wrong", "a: desk.refused")),
        ({"altered": ["C1f1 has other bytes"]}, ("altered", "C1f1 has other bytes")),
        ({"stale": ["R1: an older version"]}, ("altered", "R1: an older version")),
        ({"deletions": {"mid.1": 0}}, ("lost", "deletion of mid.1")),
        ({"deletions": {"mid.1": 2}}, ("doubled", "deletion of mid.1")),
        ({"undelivered": ["thread:1:0"]}, ("wrong", "returned to its agent: thread:1:0")),
    ],
)
def test_each_breach_has_its_name(changes: dict[str, object], complaint: tuple[str, str]) -> None:
    verdict = judge(replace(GOOD, **changes))  # type: ignore[arg-type]
    found = {name: rows for name, rows in verdict.complaints.items() if rows}
    assert found == {complaint[0]: [complaint[1]]}
    assert not verdict.good


def test_disorder_is_found_and_a_double_is_not_called_so() -> None:
    filed = {ANNA: ["C2", "C1", "C3", "C3"], BORIS: ["C4"]}
    verdict = judge(replace(GOOD, filed=filed))
    assert verdict.disordered == ["desk 1: C2 where C1 should be", "desk 1: C1 where C2 should be"]
    assert verdict.doubled == ["desk 1: C3"]


def test_what_nobody_can_tell_is_counted_apart_and_must_not_be_doubled() -> None:
    held = [Held("thread:1:0", "max.undecidable", frozenset({"R1"}))]
    received = {ANNA: ["Да.", "Да."], BORIS: ["R2"]}
    assert judge(replace(GOOD, received=received, held=held)).good
    assert judge(replace(GOOD, held=held)).held == ["thread:1:0: max.undecidable"]
    twice = {ANNA: ["R1", "R1", "Да.", "Да."], BORIS: ["R2"]}
    assert judge(replace(GOOD, received=twice, held=held)).doubled == ["MAX 1: R1"]


@given(st.lists(st.sampled_from("abcdef"), min_size=1), st.data())
def test_any_change_of_a_row_is_a_complaint(row: list[str], data: st.DataObject) -> None:
    other = list(row)
    at = data.draw(st.integers(0, len(row) - 1))
    match data.draw(st.sampled_from(["lose", "double", "swap"])):
        case "lose":
            del other[at]
        case "double":
            other.insert(at, row[at])
        case _:
            other[at], other[-1] = other[-1], other[at]
    picture = replace(GOOD, answered={ANNA: row}, received={ANNA: other})
    assert judge(picture).good == (row == other)


def test_texts_are_known_by_their_words_or_by_themselves() -> None:
    assert tokens_in("Ответ R17p2 подробно") == ["R17p2"]
    assert tokens_in("C3e1 и C4") == ["C3e1", "C4"]
    assert tokens_in(" Да. ") == ["Да."]
    assert tokens_in("  ") == []


def test_both_ends_are_read_as_they_dump_themselves() -> None:
    place = {"chat_id": 77, "chat_type": "dialog"}
    message = {"body": {"text": "C1"}, "sender": {"user_id": ANNA}, "recipient": place}
    event = {"update_type": "message_created", "message": message}
    start = {"update_type": "bot_started", "user": {"user_id": ANNA}, "timestamp": 5}
    max_dump = {
        "chats": [
            {
                "chat_id": 77,
                "type": "dialog",
                "dialog_with_user": {"user_id": ANNA},
                "sent": [{"body": {"text": GREETING}}, {"body": {"text": "Ответ R1"}}],
            }
        ],
        # Told twice, it is one message all the same.
        "events": [event, start, event, start],
    }

    def thread(number: int, kind: str, body: str, **more: object) -> dict[str, object]:
        members = {"state": "published", "source_type": "api", "created_at": 0}
        return {"id": number, "conversation_id": 9, "type": kind, "body": body, **members, **more}

    quote = "<blockquote>Ответ R1</blockquote>"
    desk_dump = {
        "customers": {"5": {"social_profiles": [["max:1", "other"]]}},
        "conversations": {"9": {"customer_id": 5}},
        "threads": {
            "1": thread(1, "customer", f"{quote}<div>C1</div><!-- maxbridge:mid.1 -->"),
            "2": thread(2, "message", "<div>R2</div>", source_type="web", created_at=9),
            "3": thread(3, "message", "<div>R1</div>", source_type="web", created_at=8),
            "4": thread(4, "message", "<div>D1</div>", source_type="web", state="draft"),
            "5": thread(5, "note", "<div>N1</div><!-- maxbridge:note:1 -->"),
            "6": thread(6, "customer", "<div>Клиент остановил бота</div>"),
        },
    }
    picture = picture_of(max_dump, desk_dump, private={"N1"})
    assert picture.told == picture.filed == {ANNA: ["C1"]}
    assert picture.answered == {ANNA: ["R1", "R2"]}
    assert picture.received == {ANNA: ["R1"]}
    assert picture.greetings == {ANNA: (1, 1)}
    assert (picture.tickets, picture.cards) == ({ANNA: 1}, {ANNA: 1})
    assert picture.markers == {"mid.1": 1, "note:1": 1}
    assert judge(picture).lost == ["MAX 1: R2"]


def test_files_are_known_by_what_they_hold_and_are_excused_where_the_ticket_names_them() -> None:
    def held(token: str) -> str:
        return base64.b64encode(f"%PDF {token}".encode()).decode()

    def attached(*tokens: str) -> list[dict[str, object]]:
        return [{"payload": {"token": each}} for each in tokens]

    place = {"chat_id": GROUP, "chat_type": "chat"}
    said = {"body": {"text": "C1", "attachments": attached("a", "b", "c")}, "recipient": place}
    event = {"update_type": "message_created", "message": {**said, "sender": {"user_id": ANNA}}}
    sent = {"body": {"text": "R1", "attachments": attached("d")}}
    media = {"a": held("C1f1"), "b": held("C1f2"), "c": held("C1f3"), "d": held("R1f2")}
    max_dump = {
        "chats": [{"chat_id": GROUP, "type": "chat", "sent": [sent]}],
        "events": [event],
        "media": media,
    }

    def thread(number: int, kind: str, body: str, files: list[tuple[str, str]]) -> dict[str, Any]:
        attachments = [{"mime_type": mime, "data": held(token)} for mime, token in files]
        members = {"state": "published", "source_type": "web", "created_at": number}
        return {
            "id": number,
            "conversation_id": 9,
            "type": kind,
            "body": body,
            "attachments": attachments,
            **members,
        }

    words = '<div>C1 <a href="https://cdn/get?expires=1&amp;token=b">открыть</a></div>'
    desk_dump = {
        "customers": {"5": {"social_profiles": [[f"max-chat:{GROUP}", "other"]]}},
        "conversations": {"9": {"customer_id": 5}},
        "threads": {
            "1": thread(1, "customer", words + "<!-- maxbridge:m -->", [("image/png", "C1f1")]),
            "2": thread(
                2, "message", "<div>R1</div>", [("text/plain", "R1f1"), ("image/png", "R1f2")]
            ),
            "3": thread(
                3, "note", "<div>«Счёт-R1f1.pdf» не отправлен</div><!-- maxbridge:n -->", []
            ),
        },
    }
    picture = picture_of(max_dump, desk_dump, private=())
    assert picture.told == {GROUP: ["C1", "C1f1", "C1f2", "C1f3"]}
    assert picture.filed == {GROUP: ["C1", "C1f1"]}
    assert picture.answered == {GROUP: ["R1", "R1f2", "R1f1"]}, "pictures go first"
    assert picture.received == {GROUP: ["R1", "R1f2"]}
    assert picture.left_behind == {"C1f2", "R1f1"}
    verdict = judge(picture)
    assert verdict.lost == [f"desk {GROUP}: C1f3"], "nobody was told of this one"
    assert verdict.left_behind == ["C1f2", "R1f1"]


def test_files_may_come_twice_only_where_the_edit_was_told_before_its_message() -> None:
    def told(kind: str, text: str, when: int) -> dict[str, Any]:
        body = {"mid": "m1", "text": text, "attachments": [{"payload": {"token": "a"}}]}
        message = {"body": body, "sender": {"user_id": ANNA}, "recipient": {"chat_id": 77}}
        return {"update_type": kind, "message": message, "timestamp": when}

    def thread(number: int, body: str) -> dict[str, Any]:
        files = [{"mime_type": "image/png", "data": media["a"]}]
        members = {"state": "published", "source_type": "api", "created_at": number}
        return {
            "id": number,
            "conversation_id": 9,
            "type": "customer",
            "body": body,
            "attachments": files,
            **members,
        }

    media = {"a": base64.b64encode(b"C1f1").decode()}
    created, edited = told("message_created", "C1", 1), told("message_edited", "C1e1", 2)
    desk_dump = {
        "customers": {"5": {"social_profiles": [["max:1", "other"]]}},
        "conversations": {"9": {"customer_id": 5}},
        "threads": {"1": thread(1, "<div>C1</div>"), "2": thread(2, "<div>C1e1</div>")},
    }
    for events, doubled in (([edited, created], []), ([created, edited], ["desk 1: C1f1"])):
        max_dump = {"chats": [], "events": events, "media": media}
        assert judge(picture_of(max_dump, desk_dump, private=())).doubled == doubled


def test_a_delivery_that_could_not_be_looked_up_is_held_and_no_complaint() -> None:
    verdict = judge(replace(GOOD, held=[Held("a", "max.unavailable")]))
    assert verdict.good
    assert verdict.held == ["a: max.unavailable"]


def b64(words: str) -> str:
    return base64.b64encode(words.encode()).decode()


def file_dumps(at_desk: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """A customer's file, and what of it is at the desk."""
    message = {
        "recipient": {"chat_id": 5},
        "sender": {"user_id": ANNA},
        "timestamp": 10_000,
        "body": {"mid": "m", "text": "C1", "attachments": [{"payload": {"token": "t"}}]},
    }
    chat = {"chat_id": 5, "type": "dialog", "dialog_with_user": {"user_id": ANNA}, "sent": []}
    event = {"update_type": "message_created", "timestamp": 10_000, "message": message}
    thread = {
        "id": 1, "conversation_id": 1, "type": "customer", "state": "published", "source_type": "api",
        "created_at": 17, "body": "C1<!-- maxbridge:m -->", "attachments": [{"data": at_desk, "mime_type": "x"}],
    }  # fmt: skip
    return (
        {"events": [event], "chats": [chat], "media": {"t": b64("x C1f1 y")}},
        {
            "customers": {"1": {"social_profiles": [["max:1", 11]]}},
            "conversations": {"1": {"customer_id": 1}},
            "threads": {"1": thread},
        },
    )


def test_a_file_with_other_bytes_is_noticed_though_its_word_is_there() -> None:
    for content, altered in (("x C1f1 y", []), ("x C1f1 z", ["C1f1 has other bytes"])):
        picture = picture_of(*file_dumps(b64(content)), private=())
        assert picture.altered == altered
        assert picture.filed[ANNA] == ["C1", "C1f1"]


def test_how_long_something_took_is_told_by_the_clock_of_the_world() -> None:
    took = delays(*file_dumps(b64("C1f1")), max_skew=2.0, desk_skew=-1.0)
    assert took == {"C1": 10.0, "C1f1": 10.0}


def test_a_customer_who_has_an_older_version_of_a_reply_is_noticed() -> None:
    max_dump, desk_dump = file_dumps(b64("C1f1"))
    reply = {
        "id": 2, "conversation_id": 1, "type": "message", "state": "published", "source_type": "web",
        "created_at": 20, "body": "Ответ R1, исправленный 2", "attachments": [],
    }  # fmt: skip
    desk_dump["threads"]["2"] = reply
    for words, stale in (("Ответ R1, исправленный 2", 0), ("Ответ R1, исправленный 1", 1)):
        max_dump["chats"][0]["sent"] = [{"timestamp": 1, "body": {"text": words}}]
        assert len(picture_of(max_dump, desk_dump, private=()).stale) == stale


def test_a_deletion_is_told_once_in_a_ticket_that_was_never_closed() -> None:
    max_dump, desk_dump = file_dumps(b64("C1f1"))
    max_dump["events"].append(
        {"update_type": "message_removed", "timestamp": 20_000, "message_id": "m"}
    )
    assert picture_of(max_dump, desk_dump, private=()).deletions == {}
    assert picture_of(max_dump, desk_dump, private=(), closed=()).deletions == {"m": 0}
    assert picture_of(max_dump, desk_dump, private=(), closed=(1,)).deletions == {}
    desk_dump["threads"]["1"]["body"] += "<!-- maxbridge:message_removed:m -->"
    assert picture_of(max_dump, desk_dump, private=(), closed=()).deletions == {"m": 1}


def test_words_that_came_as_a_file_have_come_and_what_they_quote_has_not() -> None:
    text = base64.b64encode("> ↩ Мария\n> Сообщение C1\nСообщение C2".encode()).decode()
    thread = {
        "type": "customer", "source_type": "api", "state": "published", "body": "<!-- maxbridge:m -->",
        "attachments": [{"name": "Сообщение.txt", "mime_type": "text/plain", "data": text}],
    }  # fmt: skip
    assert tokens_of_thread(thread) == ["C2"]
