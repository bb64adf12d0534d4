"""freescout.parse: strict about what decisions rest on, indifferent to the rest."""

from __future__ import annotations

import copy
import time
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laws import law, wire_texts
from maxbridge.core.events import DeskFile
from maxbridge.freescout.parse import (
    ListReader,
    ShapeError,
    format_time,
    parse_conversation,
    parse_conversations,
    parse_date_header,
    parse_thread,
    parse_time,
)
from recorded import desk_cases, desk_exchanges

BEFORE, AFTER = desk_exchanges("50")[-2:]
AT = datetime(2026, 11, 22, 22, 37, 6, tzinfo=UTC).timestamp()


def replied() -> Any:
    """The recorded conversation of case 50 after an agent's reply."""
    (conversation,) = copy.deepcopy(AFTER["response"]["body"]["conversations"])
    return conversation


def listing(*rows: Any) -> Any:
    return {"_embedded": {"conversations": list(rows)}, "page": {}}


# --- recorded -----------------------------------------------------------------------------------------


def test_the_recorded_conversation_with_a_reply() -> None:
    ticket = parse_conversation(replied())
    assert (ticket.id, ticket.number, ticket.status, ticket.state) == (1, 1, "pending", "published")
    assert (ticket.mailbox_id, ticket.customer_id, ticket.closed_at) == (1, 1, None)
    assert (ticket.created_at, ticket.updated_at, ticket.user_updated_at) == (AT - 1, AT, AT)
    assert ticket.spoken_at == AT
    assert ticket.threads is not None
    reply, question = ticket.threads
    assert (reply.id, reply.type, reply.state, reply.created_at) == (2, "message", "published", AT)
    assert reply.body == "<div>Здравствуйте! <b>Ответ</b><br>строка 2</div>"
    assert (reply.source, reply.author_type, reply.author.full) == ("web", "user", "Boris Agent")
    assert (reply.customer_id, reply.action, reply.files) == (1, "", ())
    assert (question.source, question.author_type, question.author.full) == (
        "api",
        "customer",
        "Иван Петров",
    )


@pytest.mark.parametrize("latest", [{"time": None}, {"time": 5}, {"friendly": "x"}, None, []])
def test_who_does_not_tell_when_somebody_spoke_tells_the_rest(latest: Any) -> None:
    ticket = parse_conversation(replied() | {"customerWaitingSince": latest})
    assert (ticket.id, ticket.spoken_at) == (1, None)


def recorded_rows() -> list[Any]:
    """Every conversation and thread in full that any recorded answer has."""
    found: list[Any] = []

    def look(value: Any) -> None:
        if isinstance(value, dict):
            if "customerWaitingSince" in value:
                found.append(value)
            for inner in value.values():
                look(inner)
        elif isinstance(value, list):
            for inner in value:
                look(inner)

    for case in desk_cases():
        for exchange in desk_exchanges(case):
            look(exchange["response"].get("body"))
    return found


def test_every_recorded_conversation_can_be_read() -> None:
    rows = recorded_rows()
    assert len(rows) > 10
    for ticket in parse_conversations(listing(*rows)):
        assert ticket.created_at > 1.7e9
        assert ticket.state in ("published", "draft", "deleted")


def test_without_threads_asked_for_there_are_no_threads() -> None:
    # Case 71: any other embed removes them; a list without embed has none.
    with_tags, with_threads = desk_exchanges("71")[:2]
    assert not parse_conversation(with_tags["response"]["body"]).threads
    threads = parse_conversation(with_threads["response"]["body"]).threads
    assert threads is not None
    assert [each.id for each in threads] == [79]


def test_files_are_kept_in_order_and_none_is_passed_over() -> None:
    row = replied()["_embedded"]["threads"][0]
    whole = {
        "id": 7,
        "fileName": "а.pdf",
        "fileUrl": "http://d/а.pdf",
        "mimeType": "a/b",
        "size": 3,
    }
    row["_embedded"]["attachments"] = [whole, {"fileName": None}, 5, {}]
    assert parse_thread(row).files == (
        DeskFile(7, "а.pdf", "http://d/а.pdf", "a/b", 3),
        *[DeskFile(0, "?")] * 3,
    )


# --- strict and indifferent ---------------------------------------------------------------------------

WRONG: tuple[Any, ...] = (None, True, 1.5, "x", [], {}, [1])


@pytest.mark.parametrize("name", ["id", "status", "state", "createdAt"])
def test_a_conversation_without_what_decisions_rest_on_is_refused(name: str) -> None:
    wrongs: list[Any] = [None, True, 1.5, [], {}]
    for wrong in wrongs:
        with pytest.raises(ShapeError, match=name):
            parse_conversation(replied() | {name: wrong})
    row = replied()
    del row[name]
    with pytest.raises(ShapeError):
        parse_conversation(row)


@pytest.mark.parametrize("name", ["id", "type", "state", "createdAt"])
def test_a_thread_without_what_decisions_rest_on_is_refused(name: str) -> None:
    row = replied()["_embedded"]["threads"][0]
    wrongs: list[Any] = [None, True, 1.5, [], {}]
    wrongs += ["yesterday"] if name == "createdAt" else []
    for wrong in wrongs:
        with pytest.raises(ShapeError):
            parse_thread(row | {name: wrong})


@pytest.mark.parametrize("data", [None, True, 1, "x", [], [1], {}, {"_embedded": []}])
def test_what_is_no_list_or_conversation_is_refused(data: Any) -> None:
    for parse in (parse_conversation, parse_conversations, parse_thread):
        with pytest.raises(ShapeError):
            parse(data)


@pytest.mark.parametrize(
    "name",
    [
        *("number mailboxId customer closedAt updatedAt userUpdatedAt subject preview").split(),
        *("assignee createdBy source folderId type threadsCount page cc").split(),
    ],
)
def test_wrong_values_of_other_members_are_as_good_as_absent(name: str) -> None:
    for wrong in WRONG:
        ticket = parse_conversation(replied() | {name: wrong})
        assert ticket.id == 1
        assert type(ticket.number) is int
        assert type(ticket.mailbox_id) in (int, type(None))


@pytest.mark.parametrize(
    "name", ["body", "source", "createdBy", "customer", "action", "_embedded", "to"]
)
def test_wrong_values_of_other_members_of_a_thread_are_as_good_as_absent(name: str) -> None:
    row = replied()["_embedded"]["threads"][0]
    for wrong in WRONG:
        thread = parse_thread(row | {name: wrong})
        assert thread.id == 2
        assert isinstance(thread.body, str)


def test_bodies_are_cleaned_of_what_json_cannot_carry() -> None:
    row = replied()["_embedded"]["threads"][0] | {"body": "a\x00\ud83d\r\nb"}
    assert parse_thread(row).body == "a\ufffd\nb"


# --- times --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-11-22T22:37:06Z", AT),
        ("2026-11-23T01:37:06+03:00", AT),
        ("2026-11-22T22:37:06", AT),
        ("", None),
        ("0000-00-00T00:00:00Z", None),
        ("2026-13-01T00:00:00Z", None),
        ("zzz", None),
        (None, None),
        (1795387026, None),
        ({"date": "2026-11-22"}, None),
    ],
)
def test_times_of_the_desk(text: Any, seconds: float | None) -> None:
    # Contract freescout.md 7: UTC, whole seconds.
    assert parse_time(text) == seconds


@given(st.floats(min_value=0, max_value=4e9))
@law
def test_a_time_is_asked_for_in_whole_seconds_and_never_too_late(seconds: float) -> None:
    # `updatedSince` is cut to whole seconds; cut the other way, changes would be missed.
    asked = parse_time(format_time(seconds))
    assert asked is not None
    assert 0 <= seconds - asked < 1


@given(st.datetimes(timezones=st.just(UTC), min_value=datetime(1970, 1, 2)))  # noqa: DTZ001
@law
def test_the_date_header_of_any_time_is_read(moment: datetime) -> None:
    header = format_datetime(moment, usegmt=True)
    assert parse_date_header(header) == moment.replace(microsecond=0).timestamp()


@given(wire_texts)
@law
def test_any_other_date_header_is_none_or_a_time(value: str) -> None:
    assert isinstance(parse_date_header(value), float | None)


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "yesterday",
        "Sun, 22 Nov 2026 99:37:05 GMT",
        "Sun, 99 Nov 2026 22:37:05 GMT",
        "Sun, 22 Nov 99999999999999999999 22:37:05 GMT",
        "Sun, 22 Nov 2026 22:37:05 +99999999999999",
    ],
)
def test_a_rubbish_date_header_is_no_time_and_no_error(value: str | None) -> None:
    assert parse_date_header(value) is None


def test_a_date_header_without_zone_is_utc_wherever_we_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TZ", "Asia/Vladivostok")
    time.tzset()
    try:
        assert parse_date_header("Sun, 22 Nov 2026 22:37:06 -0000") == AT
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**400])
def test_a_number_that_no_database_takes_is_none(number: int) -> None:
    row = {"createdAt": "2026-11-22T22:37:05Z", "type": "message", "state": "published"}
    with pytest.raises(ShapeError, match="64 bits"):
        parse_thread(row | {"id": number})
    assert parse_thread(row | {"id": 1, "customer": {"id": number}}).customer_id is None


# --- a list that is asked for again ---------------------------------------------------------------------


def numbered(number: int) -> Any:
    return replied() | {"id": number}


def test_a_list_that_is_asked_for_again_says_what_it_says_now() -> None:
    reader = ListReader()
    rows = [numbered(1), numbered(2)]
    first = reader.read(listing(*rows))
    assert first == parse_conversations(listing(*rows))
    # The same answer, read anew from the wire: nothing of it is parsed again.
    again = reader.read(listing(*copy.deepcopy(rows)))
    assert [one is other for one, other in zip(first, again, strict=True)] == [True, True]
    changed = listing(rows[1] | {"updatedAt": "2026-11-22T23:00:00Z"}, numbered(3))
    assert reader.read(changed) == parse_conversations(changed)
    # What is no longer listed is forgotten.
    assert list(reader._before) == [2, 3]


@pytest.mark.parametrize("row", [None, 7, {}, {"id": "1"}, {"id": [1]}, {"id": True}])
def test_a_row_that_cannot_be_read_is_not_taken_for_one_that_was(row: object) -> None:
    reader = ListReader()
    reader.read(listing(numbered(1)))
    with pytest.raises(ShapeError):
        reader.read(listing(row))
