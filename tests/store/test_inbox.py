"""store.inbox and store.queue: raw updates on their way to the desk; first in, first out per chat."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from maxbridge.core.delivery import PENDING, Doubt, Outcome, State
from maxbridge.core.errors import RuleBrokenError
from maxbridge.store.inbox import NOTE_TYPE, PHONE_TYPE, FollowUps, NewUpdate
from maxbridge.store.records import PostResult
from maxbridge.store.store import Store
from store_world import (
    CHAT,
    NOW,
    OTHER,
    OTHER_USER,
    USER,
    force,
    inbound,
    open_store,
    outbound,
    receive,
    update,
)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(tmp_path)
    yield opened
    opened.close()


def state_of(journal: Store, key: str) -> str:
    return str(journal.db.tables.inbox.get(journal.db.tables.inbox.key == key).state)


def keys(journal: Store) -> list[str]:
    return [
        row.key for row in journal.db.tables.inbox.select().order_by(journal.db.tables.inbox.id)
    ]


# --- taking in ----------------------------------------------------------------------------------------------


def test_events_and_marker_are_stored_together(journal: Store) -> None:
    assert journal.inbox.marker() is None
    assert journal.inbox.ingest([update("a"), update("b")], 18000101, NOW) == 2
    assert keys(journal) == ["a", "b"]
    assert journal.inbox.marker() == 18000101


@pytest.mark.parametrize(
    "poison",
    [
        update("c", payload="\ud83d"),  # no database takes half a character
        update("c", chat_id=2**70),
    ],
)
def test_when_one_event_cannot_be_stored_nothing_is(journal: Store, poison: NewUpdate) -> None:
    # The next request would tell MAX to forget what is not on our disk (contract max.md 1).
    journal.inbox.ingest([update("a")], 1, NOW)
    with pytest.raises((UnicodeEncodeError, OverflowError)):
        journal.inbox.ingest([update("b"), poison, update("d")], 2, NOW)
    assert keys(journal) == ["a"]
    assert journal.inbox.marker() == 1


def test_when_the_marker_cannot_be_stored_no_event_is(journal: Store) -> None:
    with pytest.raises(OverflowError):
        journal.inbox.ingest([update("a")], 2**70, NOW)
    assert keys(journal) == []
    assert journal.inbox.marker() is None


def test_an_event_that_comes_again_is_passed_over(journal: Store) -> None:
    # Contract max.md 1: duplicates are to be expected.
    assert journal.inbox.ingest([update("a"), update("a", payload="other")], 1, NOW) == 1
    assert journal.inbox.ingest([update("a"), update("b")], 2, NOW + 5) == 1
    assert keys(journal) == ["a", "b"]
    item = inbound(journal)
    assert (item.payload, item.created_at) == ('"a"', NOW)
    assert journal.inbox.marker() == 2


def test_an_event_that_comes_again_after_it_was_delivered_stays_delivered(journal: Store) -> None:
    receive(journal, update("a"))
    journal.inbox.done(inbound(journal), None, NOW)
    assert journal.inbox.ingest([update("a")], 3, NOW) == 0
    assert journal.inbox.head(CHAT) is None


@pytest.mark.parametrize(("marker", "kept"), [(None, 7), (8, 8), (7, 7), (3, 3)])
def test_a_poll_without_events_moves_the_marker_or_leaves_it(
    journal: Store, marker: int | None, kept: int
) -> None:
    # Contract max.md 9, trap 3: None never goes over a stored marker.
    journal.inbox.ingest([], 7, NOW)
    assert journal.inbox.ingest([], marker, NOW + 30) == 0
    assert journal.inbox.marker() == kept


def test_whom_an_event_without_chat_is_from_is_looked_up(journal: Store) -> None:
    # A callback whose message is null has a user but no chat (contract max.md 3).
    receive(journal, update("a", None, user_id=OTHER_USER), update("b", None, user_id=5))
    assert inbound(journal, OTHER).key == "a"
    assert state_of(journal, "b") == State.PARKED


def test_what_nobody_can_place_is_kept_and_shown_and_blocks_nobody(journal: Store) -> None:
    receive(
        journal,
        update("voice", None),
        update("bad", CHAT, state=State.PARKED),
        update("old", CHAT, state=State.IGNORED),
        update("text"),
    )
    assert state_of(journal, "voice") == State.PARKED
    assert inbound(journal).key == "text"
    depth = journal.inbox.depth()
    assert (depth.waiting, depth.parked) == (1, 2)


def test_a_very_long_key_is_cut_and_not_refused(journal: Store) -> None:
    receive(journal, update("x" * 10_000, update_type="y" * 10_000))
    assert len(inbound(journal).key) == 512


# --- order --------------------------------------------------------------------------------------------------


def test_each_chat_is_first_in_first_out(journal: Store) -> None:
    receive(journal, update("1"), update("2"), update("3", OTHER))
    assert journal.inbox.due_chats(NOW, 10, set()) == [CHAT, OTHER]
    journal.inbox.done(inbound(journal), None, NOW)
    assert inbound(journal).key == "2"
    # The one that has waited longest comes first.
    assert journal.inbox.due_chats(NOW, 10, set()) == [CHAT, OTHER]
    journal.inbox.done(inbound(journal), None, NOW)
    assert journal.inbox.due_chats(NOW, 10, set()) == [OTHER]


def test_the_trouble_of_one_chat_delays_its_own_messages_only(journal: Store) -> None:
    # design.md 2.3.
    receive(journal, update("1"), update("2"), update("3", OTHER))
    first = inbound(journal)
    journal.inbox.defer(first.id, Outcome.UNREADY, at=NOW + 60, error="x")
    assert journal.inbox.due_chats(NOW, 10, set()) == [OTHER]
    assert journal.inbox.due_chats(NOW + 59.9, 10, set()) == [OTHER]
    # Who failed comes behind those who have waited for their first try.
    assert journal.inbox.due_chats(NOW + 60, 10, set()) == [OTHER, CHAT]
    assert inbound(journal).key == "1"


def test_a_held_item_does_not_block_what_comes_after(journal: Store) -> None:
    receive(journal, update("1"), update("2"))
    journal.inbox.decide(inbound(journal).id, Outcome.BUG, error="max.lookup", now=NOW)
    assert inbound(journal).key == "2"
    assert journal.inbox.due_chats(NOW, 10, set()) == [CHAT]
    (held,) = journal.health.snapshot().held
    assert (held.name, held.key, held.error, held.since) == (
        "in-1",
        "1",
        "max.lookup",
        NOW,
    )


def test_chats_that_a_worker_serves_are_left_out_and_do_not_use_up_the_limit(
    journal: Store,
) -> None:
    receive(journal, *(update(str(chat), chat) for chat in range(1, 8)))
    assert journal.inbox.due_chats(NOW, 3, {1, 2, 3}) == [4, 5, 6]
    assert journal.inbox.due_chats(NOW, 3, set()) == [1, 2, 3]


def test_when_the_next_one_is_due(journal: Store) -> None:
    assert journal.inbox.next_due() is None
    receive(journal, update("1"), update("2"), update("3", OTHER))
    assert journal.inbox.next_due() == NOW
    journal.inbox.defer(inbound(journal).id, Outcome.UNREADY, at=NOW + 9, error="x")
    other = inbound(journal, OTHER)
    journal.inbox.defer(other.id, Outcome.UNREADY, at=NOW + 5, error="x")
    assert journal.inbox.next_due() == NOW + 5
    journal.inbox.done(other, None, NOW)
    # "2" is free, but it stands behind "1".
    assert journal.inbox.next_due() == NOW + 9


# --- states -------------------------------------------------------------------------------------------------


def test_sending_is_written_down_before_the_post(journal: Store, tmp_path: Path) -> None:
    receive(journal, update("1"))
    assert journal.inbox.mark_sending(inbound(journal).id, NOW, target_id=7)
    # In the file, not only in this connection.
    with closing(sqlite3.connect(tmp_path / "store.db")) as other:
        rows = other.execute("SELECT state, pending, attempted_at, target_id FROM inbox").fetchall()
    assert rows == [("sending", 1, NOW, 7)]
    item = inbound(journal)
    assert item.doubt is Doubt.CRASHED
    # In doubt: it is looked up before it is sent again.
    assert not journal.inbox.mark_sending(item.id, NOW + 60, target_id=None)
    journal.inbox.defer(item.id, Outcome.ABSENT, at=0.0, error=None)
    assert journal.inbox.mark_sending(item.id, NOW + 60, target_id=None)
    item = inbound(journal)
    assert (item.state, item.first_try_at, item.attempted_at, item.target_id) == (
        State.SENDING,
        NOW,
        NOW + 60,
        None,
    )


def test_a_head_that_an_older_one_has_come_back_before_waits_for_it(journal: Store) -> None:
    receive(journal, update("1"), update("2"))
    first = inbound(journal)
    journal.inbox.decide(first.id, Outcome.BUG, error="x", now=NOW)
    second = inbound(journal)
    assert journal.inbox.is_still_first(second)
    force(journal.inbox, first.id, State.QUEUED)  # by an administrator, just now
    assert not journal.inbox.is_still_first(second)
    assert journal.inbox.is_still_first(inbound(journal))


def test_a_queue_that_gives_the_newer_one_is_caught(journal: Store) -> None:
    receive(journal, update("1"), update("2"))
    first = journal.inbox._first
    journal.inbox._first = first.replace("ORDER BY q.id", "ORDER BY -q.id")
    with pytest.raises(RuleBrokenError, match="older"):
        journal.inbox.is_still_first(inbound(journal))


@pytest.mark.parametrize("way", ["hold", "ignore", "done", "park"])
def test_what_was_taken_out_meanwhile_is_not_sent(journal: Store, way: str) -> None:
    receive(journal, update("1"))
    item = inbound(journal)
    if way == "hold":
        journal.inbox.decide(item.id, Outcome.BUG, error="x", now=NOW)
    elif way == "park":
        journal.inbox.park(item, "x", NOW)
    elif way == "ignore":
        journal.inbox.ignore(item, NOW)
    else:
        journal.inbox.done(item, None, NOW)
    before = state_of(journal, "1")
    assert not journal.inbox.mark_sending(item.id, NOW)
    assert state_of(journal, "1") == before


@pytest.mark.parametrize(
    ("outcome", "state", "doubt", "attempts"),
    [
        (Outcome.FAILED, State.DEFERRED, Doubt.NONE, 1),
        # Its last POST may have been done: a restart must find it so, and look it up.
        (Outcome.NO_ANSWER, State.SENDING, Doubt.NO_ANSWER, 1),
        (Outcome.UNCLEAR, State.SENDING, Doubt.ANSWERED, 1),
        (Outcome.TOO_EARLY, State.SENDING, Doubt.CRASHED, 0),
        (Outcome.LOOK_UP_FAILED, State.SENDING, Doubt.CRASHED, 1),
    ],
)
def test_putting_off(
    journal: Store, outcome: Outcome, state: State, doubt: Doubt, attempts: int
) -> None:
    receive(journal, update("1"))
    journal.inbox.mark_sending(inbound(journal).id, NOW)
    assert journal.inbox.defer(inbound(journal).id, outcome, at=NOW + 9, error="desk.timeout")
    item = inbound(journal)
    assert (item.state, item.doubt, item.attempts) == (state, doubt, attempts)
    assert (item.next_at, item.error) == (NOW + 9, "desk.timeout")
    if doubt is not Doubt.NONE:
        assert not journal.inbox.mark_sending(item.id, NOW + 9)
        journal.inbox.defer(item.id, Outcome.ABSENT, at=0.0, error="desk.timeout")
    assert journal.inbox.mark_sending(item.id, NOW + 9)
    # The error is the one since the last attempt: none yet.
    assert inbound(journal).error is None


@pytest.mark.parametrize("state", State)
def test_pending_says_whether_a_worker_has_something_to_do(journal: Store, state: State) -> None:
    receive(journal, update("1"))
    force(journal.inbox, inbound(journal).id, state)
    assert (journal.inbox.head(CHAT) is not None) == (state in PENDING)


def test_the_depth_counts_each_state(journal: Store) -> None:
    receive(journal, *(update(str(chat), chat) for chat in range(1, 6)), now=NOW)
    receive(journal, update("late", 9), now=NOW + 7)
    journal.inbox.mark_sending(inbound(journal, 1).id, NOW)
    journal.inbox.decide(inbound(journal, 2).id, Outcome.BUG, error="x", now=NOW)
    journal.inbox.park(inbound(journal, 3), "x", NOW)
    journal.inbox.done(inbound(journal, 4), None, NOW)
    depth = journal.inbox.depth()
    assert (depth.waiting, depth.oldest_at, depth.held, depth.parked) == (3, NOW, 1, 1)


# --- where it landed ------------------------------------------------------------------------------------------


def landed(**more: object) -> PostResult:
    members = {
        "conversation_id": 7,
        "thread_id": 70,
        "customer_id": 700,
        "desk_time": NOW + 1000,
        "opened": True,
    }
    return PostResult(**(members | more))  # type: ignore[arg-type]


def test_a_first_message_makes_the_ticket_the_dialogs_own(journal: Store) -> None:
    receive(journal, update("1"))
    journal.inbox.done(inbound(journal), landed(), NOW)
    dialog = journal.dialogs.get(CHAT)
    assert dialog is not None
    assert (dialog.user_id, dialog.customer_id, dialog.conversation_id) == (USER, 700, 7)
    ticket = journal.tickets.ticket(7)
    assert ticket is not None
    # A ticket that we opened has no history, and nothing in it to read yet.
    assert (ticket.chat_id, ticket.history_cutoff, ticket.next_read_at) == (CHAT, None, None)
    row = journal.db.tables.inbox.get()
    assert (row.state, row.conversation_id, row.thread_id, row.finished_at) == ("done", 7, 70, NOW)


def test_a_ticket_that_was_not_ours_is_history_up_to_now(journal: Store) -> None:
    receive(journal, update("1"))
    journal.inbox.done(inbound(journal), landed(opened=False, customer_id=None), NOW)
    ticket = journal.tickets.ticket(7)
    assert ticket is not None
    assert ticket.history_cutoff == NOW + 1000


def test_a_ticket_found_by_a_look_up_is_read_at_once(journal: Store) -> None:
    # Agents may have answered before we knew that the ticket is ours.
    receive(journal, update("1"))
    journal.inbox.done(inbound(journal), landed(recovered=True), NOW)
    assert [each.conversation_id for each in journal.tickets.to_read(NOW + 1000, 9)] == [7]


def test_a_later_message_changes_no_history(journal: Store) -> None:
    receive(journal, update("1"), update("2"))
    journal.inbox.done(inbound(journal), landed(), NOW)
    journal.inbox.done(inbound(journal), landed(opened=False, desk_time=NOW + 2000), NOW)
    ticket = journal.tickets.ticket(7)
    assert ticket is not None
    assert ticket.history_cutoff is None


def test_the_customer_stays_known_when_an_answer_does_not_name_him(journal: Store) -> None:
    receive(journal, update("1"), update("2"))
    journal.inbox.done(inbound(journal), landed(), NOW)
    journal.inbox.done(inbound(journal), landed(customer_id=None, opened=False), NOW)
    dialog = journal.dialogs.get(CHAT)
    assert dialog is not None
    assert dialog.customer_id == 700


@pytest.mark.parametrize(
    ("current", "moved"),
    [
        (7, True),
        # The target was merged away into 8, where the words were found.
        (None, True),
        # A reply has left from another ticket since: the talk goes on there.
        (9, False),
    ],
)
def test_words_found_by_a_late_look_up_lead_only_from_where_they_were_sent(
    journal: Store, current: int | None, moved: bool
) -> None:
    receive(journal, update("1"))
    journal.tickets.link(current or 7, CHAT, history_cutoff=None, desk_now=NOW)
    if current is None:
        journal.tickets.gone(7)
    journal.inbox.mark_sending(inbound(journal).id, NOW, target_id=7)
    found = landed(conversation_id=8, opened=False, recovered=True)
    journal.inbox.done(inbound(journal), found, NOW)
    dialog = journal.dialogs.get(CHAT)
    assert dialog is not None
    assert dialog.conversation_id == (8 if moved else current)
    # Whose card the ticket bears by now is for a reading to judge: it may have been given away.
    assert dialog.customer_id is None


def test_the_customers_words_make_an_adopted_ticket_a_talk(journal: Store) -> None:
    journal.tickets.adopt(7, CHAT, 700, history_cutoff=NOW, desk_now=NOW)
    with journal.db.transaction():
        journal.inbox.add_note("1", CHAT, 7, "text", NOW)
    journal.inbox.done(inbound(journal), landed(opened=False), NOW)
    ticket = journal.tickets.ticket(7)
    assert ticket is not None
    assert ticket.adopted
    receive(journal, update("1"))
    journal.inbox.done(inbound(journal), landed(opened=False), NOW)
    ticket = journal.tickets.ticket(7)
    assert ticket is not None
    assert not ticket.adopted


@pytest.mark.parametrize(
    ("marker_key", "chat_id"),
    [
        ("mid.1", CHAT),
        # Further threads of one message, with more of its files.
        ("mid.1+3", CHAT),
        ("message_edited:mid.1:5", OTHER),
        ("mid.2", None),
        ("mid", None),
    ],
)
def test_a_marker_tells_whose_words_it_stands_under(
    journal: Store, marker_key: str, chat_id: int | None
) -> None:
    receive(journal, update("message_created:mid.1"), update("message_edited:mid.1:5", OTHER))
    journal.inbox.done(inbound(journal), landed(), NOW)
    assert journal.inbox.chat_of_marker(marker_key) == chat_id


# --- notes ----------------------------------------------------------------------------------------------------


def test_the_same_note_twice_is_one_note(journal: Store) -> None:
    with journal.db.transaction():
        for text in ("first", "second"):
            journal.inbox.add_note("bounced:1", CHAT, 7, text, NOW)
    item = inbound(journal)
    assert (item.key, item.update_type) == ("note:bounced:1", NOTE_TYPE)
    assert item.payload == '{"conversation_id": 7, "text": "first"}'
    assert len(keys(journal)) == 1


def test_a_note_makes_no_ticket_the_dialogs_own(journal: Store) -> None:
    with journal.db.transaction():
        journal.inbox.add_note("1", CHAT, 7, "text", NOW)
    journal.inbox.done(inbound(journal), landed(opened=False), NOW)
    assert journal.tickets.ticket(7) is None
    dialog = journal.dialogs.get(CHAT)
    assert dialog is not None
    assert dialog.conversation_id is None


# --- messages whose files need more than one thread, edits, numbers ---------------------------------------


def test_a_message_goes_on_where_its_last_thread_ended(journal: Store) -> None:
    receive(journal, update("message_created:mid.1"), update("later"))
    item = inbound(journal)
    journal.inbox.mark_sending(item.id, NOW, target_id=None, desk_at=NOW, covering=2, carrying=2)
    sending = inbound(journal)
    assert (sending.covered, sending.covering, sending.carrying) == (0, 2, 2)
    landed = PostResult(7, 70, 5, NOW, opened=True)
    journal.inbox.partly_done(item, landed, 2, NOW)
    again = inbound(journal)
    # Order is kept: what was said later waits for the rest of the files.
    assert (again.id, again.state, again.covered) == (item.id, State.QUEUED, 2)
    assert again.conversation_id == 7
    dialog = journal.dialogs.get(CHAT)
    assert dialog is not None
    assert dialog.conversation_id == 7


def landing(journal: Store, **meaning: Any) -> None:
    """The oldest item reached the desk."""
    landed = PostResult(7, 70, 5, NOW, opened=True)
    journal.events.landed(inbound(journal), landed, FollowUps(**meaning), NOW)


def test_files_that_the_desk_lost_are_noted_together_with_the_thread(journal: Store) -> None:
    receive(journal, update("a"), update("b"))
    landing(journal, covering=3, lost="<div>2 files</div>")
    landing(journal, covering=3)
    note = json.loads(inbound(journal).payload)
    assert note == {"conversation_id": 7, "text": "", "html": "<div>2 files</div>"}
    assert journal.inbox.depth().waiting == 1


def test_a_shared_number_is_queued_for_the_card(journal: Store) -> None:
    receive(journal, update("a"))
    landing(journal, phone="+7999")
    item = inbound(journal)
    assert (item.update_type, json.loads(item.payload)) == (PHONE_TYPE, {"phone": "+7999"})


def test_a_customer_is_told_once_an_hour_at_most(journal: Store) -> None:
    for number in range(3):
        receive(journal, update(f"a{number}"))
        landing(journal, tell="sorry")
    assert [each.part.text for each in outbound(journal).parts] == ["sorry"]
    assert journal.outbox.depth().waiting == 1


def test_a_message_is_known_as_it_was_before_each_edit(journal: Store) -> None:
    edits = [f"message_edited:mid.1:5:{number}" for number in (1, 2)]
    receive(
        journal,
        update("message_created:mid.1", payload='"one"'),
        update("message_created:mid.10", payload='"other"'),
        update(edits[0], payload='"two"'),
        update(edits[1], payload='"three"'),
    )
    ids = {row.key: row.id for row in journal.db.tables.inbox.select()}
    assert journal.inbox.before("mid.1", ids[edits[0]]) is None, "no agent has seen it yet"
    landed = PostResult(7, 70, 5, NOW, opened=True)
    for _ in range(3):
        journal.inbox.done(inbound(journal), landed, NOW)
    assert journal.inbox.before("mid.1", ids[edits[0]]) == '"one"'
    assert journal.inbox.before("mid.1", ids[edits[1]]) == '"two"'
    assert journal.inbox.before("mid.2", ids[edits[1]]) is None


def test_of_several_edits_the_latest_counts_whatever_order_they_came_in(journal: Store) -> None:
    keys = [f"message_edited:mid.1:5:{when}" for when in (3000, 1000, 2000)]
    receive(journal, update("message_created:mid.1"), *(update(key) for key in keys))
    journal.inbox.done(inbound(journal), None, NOW)
    again = []
    for _ in keys:
        item = inbound(journal)
        again.append(journal.inbox.is_edited_again("mid.1", item))
        journal.inbox.ignore(item, NOW)
    assert again == [False, True, True]


def test_what_waits_behind_an_item_is_seen(journal: Store) -> None:
    receive(journal, update("a"), update("b", chat_id=OTHER))
    assert not journal.inbox.has_followers(inbound(journal))
    receive(journal, update("c"))
    assert journal.inbox.has_followers(inbound(journal))
