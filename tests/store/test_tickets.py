"""store.tickets: dialogs, the tickets that belong to them, and what became of each thread."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from desk_samples import thread, ticket
from maxbridge.core.delivery import Outcome
from maxbridge.core.events import Fate
from maxbridge.core.plan_outbound import body_hash
from maxbridge.store.records import TicketRecord
from maxbridge.store.store import Store
from maxbridge.store.tidying import Retention
from store_world import (
    CHAT,
    NOW,
    OTHER,
    USER,
    inbound,
    judge,
    open_store,
    outbound,
    queue,
    sent,
    set_blocked,
)

TICKET = 7


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def linked(journal: Store) -> Store:
    """A store in which ticket 7 belongs to the first chat and is not due."""
    journal.tickets.link(TICKET, CHAT, history_cutoff=None, desk_now=NOW)
    judge(journal, ticket())
    return journal


def record(journal: Store, conversation_id: int = TICKET) -> TicketRecord:
    found = journal.tickets.ticket(conversation_id)
    assert found is not None
    return found


def due(journal: Store, desk_now: float = NOW + 10**6) -> list[int]:
    return [each.conversation_id for each in journal.tickets.to_read(desk_now, 99)]


# --- dialogs ------------------------------------------------------------------------------------------------


def test_a_dialog_is_made_on_first_contact_and_never_overwritten(journal: Store) -> None:
    assert journal.dialogs.get(5) is None
    assert journal.dialogs.ensure(5, None, NOW).user_id is None
    # A chat of which only the id was known learns its person once.
    assert journal.dialogs.ensure(5, 50, NOW).user_id == 50
    assert journal.dialogs.ensure(5, 51, NOW).user_id == 50
    assert journal.dialogs.ensure(CHAT, None, NOW).user_id == USER


def test_stopping_and_starting_are_news_once(journal: Store) -> None:
    steps = [True, True, False, False, True]
    news = [set_blocked(journal, CHAT, blocked=each, at=NOW) for each in steps]
    assert news == [True, False, True, False, True]
    assert not set_blocked(journal, 999, blocked=True, at=NOW)
    other = journal.dialogs.get(OTHER)
    assert other is not None
    assert not other.blocked


def test_customers_of_other_dialogs_are_foreign(journal: Store) -> None:
    journal.dialogs.set_customer(CHAT, 70)
    journal.dialogs.set_customer(OTHER, 71)
    assert journal.dialogs.foreign_customers(CHAT, [70, 71, 72]) == {71}
    assert journal.dialogs.foreign_customers(CHAT, []) == frozenset()
    journal.dialogs.set_customer(OTHER, None)
    assert journal.dialogs.foreign_customers(CHAT, [70, 71, 72]) == frozenset()


def test_the_chats_of_a_customer_and_of_a_max_user(journal: Store) -> None:
    assert journal.dialogs.chats_of([70]) == {}
    journal.dialogs.set_customer(CHAT, 70)
    journal.dialogs.set_customer(OTHER, 71)
    assert journal.dialogs.chats_of([70, 71, 72]) == {70: [CHAT], 71: [OTHER]}
    # Agents merge cards.
    journal.dialogs.set_customer(OTHER, 70)
    assert journal.dialogs.chats_of([70, 71]) == {70: [CHAT, OTHER]}
    assert journal.dialogs.chats_of([]) == {}
    assert journal.dialogs.chats_of_user(USER) == [CHAT]
    assert journal.dialogs.chats_of_user(1) == []


def test_strangers_are_remembered_with_their_customer_then(journal: Store) -> None:
    journal.unmatched.remember(5, 70, NOW)
    journal.unmatched.remember(6, None, NOW + 9)
    assert journal.unmatched.among([5, 6, 7]) == {5: 70, 6: None}
    journal.unmatched.remember(5, 71, NOW + 9)
    assert journal.unmatched.among([5]) == {5: 71}
    assert journal.unmatched.forget(NOW + 9) == 0
    assert journal.tidying.run(NOW + 40 * 86400, Retention()) == 2
    assert journal.unmatched.among([5, 6]) == {}


# --- linking ------------------------------------------------------------------------------------------------


def test_a_linked_ticket_is_current_and_read_soon(journal: Store) -> None:
    assert journal.tickets.link(TICKET, CHAT, history_cutoff=NOW - 5, desk_now=NOW)
    dialog = journal.dialogs.get(CHAT)
    assert dialog is not None
    assert dialog.conversation_id == TICKET
    assert (record(journal).chat_id, record(journal).history_cutoff) == (CHAT, NOW - 5)
    assert due(journal, NOW) == [TICKET]


def test_a_ticket_of_another_dialog_is_refused_and_nothing_changed(linked: Store) -> None:
    # Its replies would reach the wrong customer (contract freescout.md 8, trap 6).
    assert not linked.tickets.link(TICKET, OTHER, history_cutoff=None, desk_now=NOW)
    assert record(linked).chat_id == CHAT
    other = linked.dialogs.get(OTHER)
    assert other is not None
    assert other.conversation_id is None


def test_linking_again_keeps_what_is_known(linked: Store) -> None:
    assert linked.tickets.link(TICKET, CHAT, history_cutoff=NOW + 500, desk_now=NOW + 500)
    assert record(linked).history_cutoff is None


def test_linking_again_after_a_merge_has_the_ticket_read_for_what_came_with_it(
    linked: Store,
) -> None:
    linked.tickets.link(TICKET, CHAT, history_cutoff=NOW - 300, desk_now=NOW)
    assert due(linked, NOW) == [TICKET]
    assert linked.readings.complete_until(TICKET, 77.0) == NOW - 300


def test_what_is_unread_in_one_ticket_of_a_dialog_is_history_in_none_of_them(
    linked: Store,
) -> None:
    # It may be merged into another one before it can be read.
    linked.tickets.link(8, CHAT, history_cutoff=None, desk_now=NOW)
    linked.tickets.link(9, OTHER, history_cutoff=None, desk_now=NOW)
    linked.readings.noticed({8: NOW}, since=NOW - 77, marker=NOW, now=NOW)
    linked.readings.noticed({}, since=NOW + 523, marker=NOW + 600, now=NOW + 600)
    assert linked.readings.complete_until(TICKET, 77.0) == NOW - 77
    assert linked.readings.complete_until(9, 77.0) == NOW + 523
    linked.tickets.gone(8)
    assert linked.readings.complete_until(TICKET, 77.0) == NOW + 523


def test_history_that_the_border_tells_is_not_written_down(journal: Store) -> None:
    # It would be forgotten in the next tidying and written again at each reading, ever more of it.
    journal.tickets.link(TICKET, CHAT, history_cutoff=NOW - 100, desk_now=NOW)
    behind, before = thread(1, created_at=NOW - 100), thread(2, created_at=NOW - 99)
    judge(journal, ticket(behind, before), (behind, Fate.HISTORY), (before, Fate.HISTORY))
    assert set(journal.threads.known([1, 2])) == {2}


def test_a_ticket_deleted_for_ever_is_nobodys(linked: Store) -> None:
    linked.readings.noticed({TICKET: NOW}, since=NOW, marker=NOW, now=NOW)
    linked.tickets.gone(TICKET)
    assert linked.tickets.ticket(TICKET) is None
    assert due(linked) == []
    assert linked.tickets.next_read() is None
    dialog = linked.dialogs.get(CHAT)
    assert dialog is not None
    assert dialog.conversation_id is None


def test_an_older_ticket_that_is_gone_leaves_the_current_one(linked: Store) -> None:
    linked.tickets.link(8, CHAT, history_cutoff=None, desk_now=NOW)
    linked.tickets.gone(TICKET)
    dialog = linked.dialogs.get(CHAT)
    assert dialog is not None
    assert dialog.conversation_id == 8


def test_any_number_of_tickets_and_threads_can_be_asked_for(linked: Store) -> None:
    # More than SQLite takes variables in one statement.
    assert set(linked.tickets.known_tickets(range(40_000))) == {TICKET}
    assert linked.threads.known(range(40_000)) == {}


def test_a_survivor_takes_the_place_of_the_ticket_that_is_gone_and_no_other(
    linked: Store,
) -> None:
    linked.tickets.link(8, CHAT, history_cutoff=None, desk_now=NOW)
    assert current(linked) == 8
    assert linked.tickets.link(9, CHAT, instead_of=TICKET, history_cutoff=None, desk_now=NOW)
    assert current(linked) == 8
    assert linked.tickets.link(9, CHAT, instead_of=8, history_cutoff=None, desk_now=NOW)
    assert current(linked) == 9


def test_an_adopted_ticket_is_read_soon_and_becomes_current_by_a_reply_only(
    linked: Store,
) -> None:
    linked.tickets.adopt(8, CHAT, 70, history_cutoff=NOW - 1, desk_now=NOW)
    adopted = record(linked, 8)
    assert (adopted.chat_id, adopted.customer_id, adopted.adopted) == (CHAT, 70, True)
    assert (adopted.history_cutoff, adopted.noticed_since) == (NOW - 1, NOW - 1)
    assert due(linked, NOW) == [8]
    assert current(linked) == TICKET
    # Again, after a crash; and what is somebody's stays so.
    linked.tickets.adopt(8, OTHER, 71, history_cutoff=NOW + 9, desk_now=NOW + 9)
    assert record(linked, 8) == adopted
    linked.tickets.adopt(TICKET, CHAT, 70, history_cutoff=NOW, desk_now=NOW)
    assert not record(linked).adopted
    # A merge brings the customer's words into it.
    linked.tickets.link(8, CHAT, instead_of=TICKET, history_cutoff=None, desk_now=NOW)
    assert not record(linked, 8).adopted


def test_a_ticket_that_is_gone_is_still_no_strangers(linked: Store) -> None:
    linked.tickets.gone(TICKET)
    assert linked.tickets.known_tickets([TICKET, 8]) == {}
    assert linked.tickets.ever_known([TICKET, 8]) == {TICKET}
    assert linked.tickets.ever_known(range(40_000)) == {TICKET}


def test_the_card_of_a_ticket_is_known_from_the_list_or_a_reading(linked: Store) -> None:
    linked.tickets.set_customer(TICKET, 71, NOW)
    assert record(linked).customer_id == 71
    judge(linked, ticket(customer_id=72))
    assert record(linked).customer_id == 72


# --- the current ticket -----------------------------------------------------------------------------------------


def current(journal: Store) -> int | None:
    dialog = journal.dialogs.get(CHAT)
    assert dialog is not None
    return dialog.conversation_id


def deliver(journal: Store, key: str, conversation_id: int | None) -> None:
    """MAX accepts the first part of a reply."""
    queue(journal, key, "one", "two", conversation_id=conversation_id)
    sent(journal, outbound(journal), 0, "mid." + key)
    sent(journal, outbound(journal), 1, "mid.2." + key)


@pytest.fixture
def several(linked: Store) -> Store:
    """Tickets 7 and 8 of the first chat, 8 current; 9 of the other one."""
    linked.tickets.link(8, CHAT, history_cutoff=None, desk_now=NOW)
    linked.tickets.link(9, OTHER, history_cutoff=None, desk_now=NOW)
    return linked


def test_an_accepted_reply_makes_its_ticket_the_current_one(several: Store) -> None:
    queue(several, "thread:1:0", conversation_id=TICKET)
    assert current(several) == 8
    sent(several, outbound(several), 0, "mid.1")
    assert current(several) == TICKET


@pytest.mark.parametrize(
    ("key", "conversation_id"),
    [
        ("greeting:1", None),
        # Neither another dialog's nor an unknown one, and nothing that is no reply.
        ("thread:1:0", 9),
        ("thread:1:0", 999),
        ("other:1", TICKET),
    ],
)
def test_what_asks_the_customer_nothing_moves_nothing(
    several: Store, key: str, conversation_id: int | None
) -> None:
    deliver(several, key, conversation_id)
    assert current(several) == 8


@pytest.mark.parametrize("end", ["deleted", "gone"])
def test_a_reply_that_leaves_late_moves_nothing_to_a_ticket_that_lives_no_more(
    several: Store, end: str
) -> None:
    if end == "gone":
        several.tickets.gone(TICKET)
    else:
        judge(several, ticket(state="deleted"))
    deliver(several, "thread:1:0", TICKET)
    assert current(several) == 8
    if end == "deleted":
        # Restored, it leads again.
        judge(several, ticket())
        deliver(several, "thread:2:0", TICKET)
        assert current(several) == TICKET


def test_a_reply_in_doubt_counts_for_who_wrote_after_it_was_sent(several: Store) -> None:
    asked_in = several.outbox.ticket_of_inflight_reply
    queue(several, "thread:1:0", conversation_id=TICKET)
    assert asked_in(CHAT, NOW + 100) is None
    several.outbox.mark_sending(outbound(several).id, NOW)
    assert asked_in(CHAT, NOW + 1) == TICKET
    assert asked_in(CHAT, NOW) is None
    assert asked_in(OTHER, NOW + 1) is None
    judge(several, ticket(state="deleted"))
    assert asked_in(CHAT, NOW + 1) is None
    judge(several, ticket())
    several.outbox.defer(outbound(several).id, Outcome.FAILED, at=NOW, error="max.refused")
    assert asked_in(CHAT, NOW + 1) is None


# --- noticing and reading -------------------------------------------------------------------------------------


def test_a_ticket_with_news_is_due_at_once_and_the_list_is_followed(linked: Store) -> None:
    assert due(linked) == []
    assert linked.readings.desk_marker() is None
    linked.readings.noticed(
        {TICKET: NOW + 100.9, 999: NOW + 100.9}, since=NOW + 40.5, marker=NOW + 100.9, now=NOW
    )
    assert linked.readings.desk_marker() == NOW + 100
    assert due(linked, NOW + 100.9) == [TICKET]
    assert due(linked, NOW + 100) == []
    assert linked.tickets.next_read() == NOW + 100.9
    linked.readings.noticed({}, since=NOW, marker=NOW + 200, now=NOW)
    assert linked.readings.desk_marker() == NOW + 200


def test_the_first_notice_says_from_when_replies_may_be_unread(linked: Store) -> None:
    # What a merge brings is told from a new reply by this time (core.plan_outbound).
    assert record(linked).noticed_since is None
    linked.readings.noticed({TICKET: NOW + 20}, since=NOW + 10, marker=NOW + 20, now=NOW)
    linked.readings.noticed({TICKET: NOW + 40}, since=NOW + 30, marker=NOW + 40, now=NOW)
    assert record(linked).noticed_since == NOW + 10
    judge(linked, ticket())
    assert record(linked).noticed_since is None
    linked.readings.noticed({TICKET: NOW + 60}, since=NOW + 50, marker=NOW + 60, now=NOW)
    assert record(linked).noticed_since == NOW + 50


@pytest.mark.parametrize(("changed", "left"), [(NOW + 31, True), (NOW + 20, False)])
def test_what_is_noticed_during_a_reading_that_does_not_show_it_is_read_again(
    linked: Store, changed: float, left: bool
) -> None:
    linked.readings.noticed({TICKET: NOW + 20}, since=NOW + 10, marker=NOW + 20, now=NOW)
    with linked.tickets.reading(TICKET):
        as_read = replace(ticket(), updated_at=NOW + 20)
        linked.readings.noticed(
            {TICKET: NOW + 48}, since=NOW + 25, marker=NOW + 32, now=NOW, changed={TICKET: changed}
        )
        judge(linked, as_read)
    # From what was noticed during it on, and no earlier: before that everything was read.
    assert record(linked).noticed_since == (NOW + 25 if left else None)
    assert linked.tickets.next_read() == (NOW + 48 if left else None)
    # A reading that is not judged keeps all that was noticed.
    with linked.tickets.reading(TICKET):
        linked.readings.noticed({TICKET: NOW + 60}, since=NOW + 50, marker=NOW + 60, now=NOW)
    judge(linked, as_read)
    assert record(linked).noticed_since is None


def test_a_notice_brings_a_planned_reading_forward_and_never_puts_it_off(linked: Store) -> None:
    judge(linked, ticket(), next_read=NOW + 17)
    linked.readings.noticed({TICKET: NOW + 30}, since=NOW, marker=NOW + 30, now=NOW)
    assert linked.tickets.next_read() == NOW + 17
    linked.readings.noticed({TICKET: NOW + 5}, since=NOW, marker=NOW + 5, now=NOW)
    assert linked.tickets.next_read() == NOW + 5


def test_what_is_due_longest_is_read_first(linked: Store) -> None:
    for conversation_id, later in ((8, 3), (9, 1), (10, 2)):
        linked.tickets.link(conversation_id, CHAT, history_cutoff=None, desk_now=NOW + later)
    assert due(linked, NOW + 2.5) == [9, 10]
    assert [each.conversation_id for each in linked.tickets.to_read(NOW + 9, 1)] == [9]


def test_of_some_tickets_those_that_are_due_are_read_longest_due_first(linked: Store) -> None:
    for conversation_id, later in ((8, 3), (9, 2), (10, 1), (11, 0)):
        linked.tickets.link(conversation_id, CHAT, history_cutoff=None, desk_now=NOW + later)
    found = linked.tickets.to_read_among(NOW + 2.5, {8, 9, 10, 99})
    assert [each.conversation_id for each in found] == [10, 9]
    assert linked.tickets.to_read_among(NOW + 9, ()) == []


def test_a_failed_reading_stays_due_and_is_counted(linked: Store) -> None:
    linked.readings.noticed({TICKET: NOW + 20}, since=NOW + 10, marker=NOW + 20, now=NOW)
    for failures in (1, 2):
        linked.tickets.read_failed(record(linked), NOW + 100 * failures)
        assert record(linked).read_failures == failures
        assert linked.tickets.next_read() == NOW + 100 * failures
    # What may be unread still may.
    assert record(linked).noticed_since == NOW + 10
    judge(linked, ticket())
    assert record(linked).read_failures == 0


# --- judging --------------------------------------------------------------------------------------------------


def test_a_judgement_is_stored_with_the_replies_that_follow_from_it(linked: Store) -> None:
    reply, note = thread(1), thread(2, type="note")
    judge(
        linked,
        ticket(reply, note, user_updated_at=NOW + 3),
        (reply, Fate.SENT),
        (note, Fate.SKIPPED),
        next_read=NOW + 17,
        read_at=NOW + 4,
    )
    known = linked.threads.known([1, 2, 3])
    assert {each: known[each].fate for each in known} == {1: Fate.SENT, 2: Fate.SKIPPED}
    assert (known[1].created_at, known[1].body_hash, known[1].revision) == (
        reply.created_at,
        body_hash(reply),
        0,
    )
    item = outbound(linked)
    assert (item.key, item.conversation_id) == ("thread:1:0", TICKET)
    assert [each.part.text for each in item.parts] == [reply.body]
    now = record(linked)
    assert (now.read_at, now.next_read_at, now.user_updated_at) == (NOW + 4, NOW + 17, NOW + 3)


def test_a_thread_published_again_is_another_delivery(linked: Store) -> None:
    judge(linked, ticket(), (thread(1), Fate.SENT))
    again = thread(1, body="new", created_at=NOW + 3)
    judge(linked, ticket(), (again, Fate.SENT), revision=1)
    sent(linked, outbound(linked), 0, "mid.1")
    assert [each.part.text for each in outbound(linked).parts] == ["new"]
    known = linked.threads.known([1])[1]
    assert (known.revision, known.body_hash, known.created_at) == (1, body_hash(again), NOW + 3)


def test_what_became_of_a_thread_is_remembered_over_all_tickets(linked: Store) -> None:
    # Trap 6: a merge brings it under another ticket with the same id.
    linked.tickets.link(8, OTHER, history_cutoff=None, desk_now=NOW)
    judge(linked, ticket(id=8), (thread(5), Fate.SENT))
    assert linked.threads.known([5])[5].fate is Fate.SENT


def test_agents_are_told_of_a_reply_that_does_not_leave(linked: Store) -> None:
    # design.md 2.1: until MAX has accepted it or the agent has been told.
    skipped = thread(3, customer_id=71)
    for _ in range(2):
        judge(linked, ticket(skipped), (skipped, Fate.SKIPPED), notes={3: "not sent"})
    item = inbound(linked)
    assert item.key == "note:skipped:3"
    assert item.payload == '{"conversation_id": 7, "text": "not sent"}'
    assert linked.inbox.depth().waiting == 1


@pytest.mark.parametrize("blocked", [True, False])
def test_agents_are_told_that_a_reply_waits_when_the_customer_stopped_the_bot(
    linked: Store, blocked: bool
) -> None:
    set_blocked(linked, CHAT, blocked=blocked, at=NOW)
    judge(linked, ticket(), (thread(1), Fate.SENT), notes={1: "waits"})
    assert linked.inbox.depth().waiting == int(blocked)
    assert linked.outbox.depth().waiting == 1


def test_a_judgement_that_cannot_be_stored_leaves_nothing(linked: Store) -> None:
    linked.readings.noticed({TICKET: NOW + 20}, since=NOW + 10, marker=NOW + 20, now=NOW)
    before = record(linked)
    with pytest.raises(UnicodeEncodeError):
        judge(linked, ticket(), (thread(1), Fate.SENT), (thread(2, body="\ud83d"), Fate.SENT))
    assert linked.threads.known([1, 2]) == {}
    assert linked.outbox.head(CHAT) is None
    assert record(linked) == before
