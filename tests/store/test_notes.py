"""store.notes: which replies need a note for being late, and notes that make way for messages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from maxbridge.core.delivery import Outcome
from maxbridge.store.inbox import NOTE_TYPE
from maxbridge.store.store import Store
from store_world import (
    CHAT,
    NOW,
    OTHER,
    inbound,
    open_store,
    outbound,
    queue,
    receive,
    set_blocked,
    update,
)

LATE = 900.0


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(tmp_path)
    yield opened
    opened.close()


def reply(journal: Store, number: int, *, chat_id: int = CHAT, ticket: int = 7) -> None:
    """A reply that waits since half an hour ago."""
    queue(
        journal, f"thread:{number}:0", chat_id=chat_id, now=NOW - 1800,
        conversation_id=ticket, thread_id=number, excerpt=f"ответ {number}",
    )  # fmt: skip


def late(journal: Store, *, limit: int = 10) -> list[str]:
    found = journal.notes.late(since=NOW - 5 * 86400, until=NOW - LATE, limit=limit)
    return [each.key for each in found]


def tell(journal: Store, now: float = NOW) -> None:
    found = journal.notes.late(since=NOW - 5 * 86400, until=NOW - LATE, limit=10)
    journal.notes.tell_late([(each, "поздно") for each in found], now)


# --- late replies ----------------------------------------------------------------------------------


def test_the_first_reply_of_each_chat_is_late_those_behind_it_wait_for_it(journal: Store) -> None:
    reply(journal, 1)
    reply(journal, 2)
    reply(journal, 3, chat_id=OTHER, ticket=8)
    assert late(journal) == ["thread:1:0", "thread:3:0"]
    assert late(journal, limit=1) == ["thread:1:0"]


def test_what_is_fresh_or_no_reply_is_not_late(journal: Store) -> None:
    queue(journal, "greeting:1", now=NOW - 1800)
    queue(journal, "thread:1:0", chat_id=OTHER, now=NOW - LATE + 1, conversation_id=7, thread_id=1)
    assert late(journal) == []


def test_a_customer_who_stopped_the_bot_has_a_note_of_his_own(journal: Store) -> None:
    reply(journal, 1)
    set_blocked(journal, CHAT, blocked=True, at=NOW)
    assert late(journal) == []


def test_what_was_told_is_not_told_again_and_the_next_one_is(journal: Store) -> None:
    reply(journal, 1)
    reply(journal, 2)
    tell(journal)
    assert late(journal) == []
    item = outbound(journal)
    journal.outbox.mark_sending(item.id, NOW)
    journal.outbox.part_done(item, 0, "mid.1", NOW)
    assert late(journal) == ["thread:2:0"]


def test_a_ticket_knows_when_it_was_told(journal: Store) -> None:
    reply(journal, 1, ticket=7)
    tell(journal, NOW - 100)
    assert journal.notes.was_told(7, NOW - 101)
    assert not journal.notes.was_told(7, NOW - 100)
    # 7 is not 70, nor 7 the beginning of 77.
    assert not journal.notes.was_told(70, 0)
    assert not journal.notes.was_told(77, 0)


def test_doubt_and_failure_are_told_with_it(journal: Store) -> None:
    reply(journal, 1)
    item = outbound(journal)
    journal.outbox.mark_sending(item.id, NOW - 1700)
    journal.outbox.defer(item.id, Outcome.NO_ANSWER, at=NOW, error="max.dropped")
    (found,) = journal.notes.late(since=0.0, until=NOW, limit=1)
    assert (found.doubtful, found.error, found.excerpt) == (True, "max.dropped", "ответ 1")
    assert (found.chat_id, found.conversation_id) == (CHAT, 7)


def test_a_note_is_obsolete_when_its_reply_has_left(journal: Store) -> None:
    reply(journal, 1)
    tell(journal)
    note = inbound(journal)
    assert not journal.notes.is_obsolete(note)
    journal.outbox.give_up(
        outbound(journal), Outcome.EXPIRED, error="max.refused", note=None, now=NOW
    )
    assert journal.notes.is_obsolete(note)


def test_other_notes_are_never_obsolete(journal: Store) -> None:
    journal.notes.add("bounce:thread:1:0", CHAT, 7, "не доставлено", NOW)
    assert not journal.notes.is_obsolete(inbound(journal))


# --- notes that make way ---------------------------------------------------------------------------


def fail(journal: Store, *, uncertain: bool = False) -> None:
    """The desk does not take the item that is next."""
    item = inbound(journal)
    journal.inbox.mark_sending(item.id, NOW)
    journal.inbox.defer(
        item.id,
        Outcome.UNCLEAR if uncertain else Outcome.FAILED,
        at=NOW + 300,
        error="desk.server_error",
    )


def heads(journal: Store) -> tuple[str, list[int]]:
    """What is next in the chat, and which chats have something to do now."""
    return inbound(journal).key, journal.inbox.due_chats(NOW, 10, ())


@pytest.mark.parametrize("uncertain", [False, True])
def test_a_note_that_failed_makes_way_for_a_message_that_comes_later(
    journal: Store, uncertain: bool
) -> None:
    journal.notes.add("a", CHAT, 7, "заметка", NOW)
    assert heads(journal) == ("note:a", [CHAT])
    fail(journal, uncertain=uncertain)
    assert heads(journal) == ("note:a", [])
    receive(journal, update("message"))
    assert heads(journal) == ("message", [CHAT])
    journal.inbox.done(inbound(journal), None, NOW)
    assert heads(journal) == ("note:a", [])
    assert journal.inbox.due_chats(NOW + 300, 10, ()) == [CHAT]


def test_a_note_that_has_not_failed_keeps_its_place(journal: Store) -> None:
    receive(journal, update("question"))
    journal.notes.add("a", CHAT, 7, "заметка", NOW)
    receive(journal, update("later"))
    journal.inbox.done(inbound(journal), None, NOW)
    assert heads(journal)[0] == "note:a"


def test_notes_that_failed_stay_in_order_and_stop_no_other_note(journal: Store) -> None:
    for key in ("a", "b"):
        journal.notes.add(key, CHAT, 7, "заметка", NOW)
    fail(journal)
    assert heads(journal) == ("note:b", [CHAT])
    fail(journal)
    assert heads(journal) == ("note:a", [])


def test_a_message_that_failed_makes_no_way(journal: Store) -> None:
    receive(journal, update("first"), update("second"))
    fail(journal)
    assert heads(journal) == ("first", [])


def test_one_chats_failed_note_is_nothing_to_another(journal: Store) -> None:
    journal.notes.add("a", CHAT, 7, "заметка", NOW)
    fail(journal)
    receive(journal, update("neighbour", OTHER))
    assert heads(journal) == ("note:a", [OTHER])
    assert inbound(journal).update_type == NOTE_TYPE
