"""store.bursts: several items in one POST, begun, ended and taken back together; each keeps its own row."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from maxbridge.core.delivery import PENDING, Outcome
from maxbridge.core.desk_html import LEAST
from maxbridge.store.event_commits import is_untried
from maxbridge.store.inbox import NOTE_TYPE, FollowUps, item_of
from maxbridge.store.records import Ended, InboxItem, PostResult
from maxbridge.store.store import Store
from store_world import (
    CHAT,
    NOW,
    OTHER,
    held_in_doubt,
    inbound,
    open_store,
    outbound,
    queue,
    receive,
    update,
)

LANDED = PostResult(7, 70, 5, NOW + 1, opened=True)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(tmp_path)
    yield opened
    opened.close()


def waiting(journal: Store, count: int = 6) -> list[InboxItem]:
    """Items of one chat, with another chat's between them."""
    for number in range(count):
        receive(journal, update(f"m{number}"), update(f"other{number}", OTHER))
    head = inbound(journal)
    return [head, *journal.bursts.behind(head, count)]


def rows(journal: Store, *, chat_id: int = CHAT) -> list[tuple[str, str]]:
    inbox = journal.db.tables.inbox
    found = inbox.select().where(inbox.chat_id == chat_id).order_by(inbox.id)
    assert all(each.pending == (each.state in PENDING) for each in found)
    return [(each.key, str(each.state)) for each in found]


def states(journal: Store) -> list[str]:
    return [state for _, state in rows(journal)]


def begin(journal: Store, items: list[InboxItem], now: float = NOW) -> list[InboxItem] | None:
    head, *others = items
    return journal.bursts.begin(head, others, now, target_id=7, desk_at=NOW, covering=0, carrying=0)


def test_what_waits_behind_an_item_comes_in_order_and_of_its_chat_only(journal: Store) -> None:
    items = waiting(journal, 5)
    assert [each.key for each in items] == [f"m{number}" for number in range(5)]
    assert [each.key for each in journal.bursts.behind(items[1], 2)] == ["m2", "m3"]
    assert journal.bursts.behind(items[-1], LEAST) == []


def test_all_are_marked_with_the_same_attempt(journal: Store) -> None:
    items = waiting(journal)
    left = begin(journal, items[:4])
    assert left is not None
    assert [each.key for each in left] == ["m1", "m2", "m3"]
    assert states(journal) == ["sending"] * 4 + ["queued"] * 2
    found = journal.bursts.in_flight(inbound(journal))
    assert [each.key for each in found] == ["m1", "m2", "m3"]
    assert {(each.attempted_at, each.target_id, each.desk_at) for each in found} == {(NOW, 7, NOW)}
    assert not any(map(is_untried, found))


def test_what_somebody_decided_about_meanwhile_is_left_out(journal: Store) -> None:
    items = waiting(journal)
    inbox = journal.inbox
    inbox.decide(items[1].id, Outcome.HOLD, error="held", now=NOW)
    inbox.decide(items[2].id, Outcome.DROP, error=None, now=NOW)
    # Held in doubt and to be tried again: it must be looked up before anything else.
    held_in_doubt(inbox, items[3].id, "desk.undecidable")
    assert inbox.retry(items[3].id, anyway=False, now=NOW)
    left = begin(journal, items)
    assert left is not None
    assert [each.key for each in left] == ["m4", "m5"]
    assert states(journal) == ["sending", "held", "ignored", "sending", "sending", "sending"]
    assert [each.key for each in journal.bursts.in_flight(inbound(journal))] == ["m4", "m5"]


def test_when_the_first_is_not_to_be_sent_nothing_is_marked(journal: Store) -> None:
    items = waiting(journal)
    journal.inbox.decide(items[0].id, Outcome.BUG, error="held", now=NOW)
    assert begin(journal, items) is None
    assert states(journal) == ["held", *["queued"] * 5]


def test_all_end_in_one_transaction_each_with_its_own_word(journal: Store) -> None:
    told: list[Ended] = []
    journal.db.watch = told.append
    items = waiting(journal)
    left = begin(journal, items)
    assert left is not None
    journal.events.landed(items[0], LANDED, FollowUps(), NOW + 2, others=left)
    assert states(journal) == ["done"] * 6
    assert [(each.key, each.ticket, each.thread) for each in told] == [
        (f"m{number}", 7, 70) for number in range(6)
    ]
    dialog, ticket = journal.dialogs.get(CHAT), journal.tickets.ticket(7)
    assert dialog is not None
    assert ticket is not None
    assert (dialog.conversation_id, dialog.customer_id, ticket.chat_id) == (7, 5, CHAT)


def test_when_one_of_them_cannot_be_written_none_is(journal: Store) -> None:
    items = waiting(journal)
    left = begin(journal, items)
    assert left is not None
    broken = PostResult(7, 2**70, 5, NOW + 1, opened=True)
    with pytest.raises(OverflowError):
        journal.events.landed(items[0], broken, FollowUps(), NOW + 2, others=left)
    assert states(journal) == ["sending"] * 6


@pytest.mark.parametrize("blameless", [True, False])
def test_the_others_wait_again_as_before_unless_they_may_be_to_blame(
    journal: Store, blameless: bool
) -> None:
    items = waiting(journal)
    left = begin(journal, items)
    assert left is not None
    journal.inbox.decide(left[0].id, Outcome.BUG, error="held", now=NOW)

    def decide() -> None:
        journal.inbox.defer(items[0].id, Outcome.FAILED, at=NOW + 9, error="x")

    journal.bursts.back(left, decide, blameless=blameless)
    assert states(journal) == ["deferred", "held", *["queued"] * 4]
    behind = journal.bursts.behind(inbound(journal), 9)
    assert [is_untried(each) for each in behind] == [blameless] * 4
    assert not is_untried(inbound(journal))


def test_when_the_first_cannot_be_decided_about_the_others_stay_in_doubt(journal: Store) -> None:
    items = waiting(journal)
    left = begin(journal, items)
    assert left is not None

    def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        journal.bursts.back(left, fail, blameless=True)
    assert states(journal) == ["sending"] * 6


def test_another_attempt_is_another_flight(journal: Store) -> None:
    items = waiting(journal)
    assert begin(journal, items[:3]) is not None
    assert begin(journal, items[3:], NOW + 1) is not None
    assert [each.key for each in journal.bursts.in_flight(inbound(journal))] == ["m1", "m2"]
    assert journal.bursts.in_flight(items[0]) == [], "before the first attempt there was none"


def test_a_note_that_makes_way_is_of_no_burst(journal: Store) -> None:
    receive(journal, update("note", update_type=NOTE_TYPE))
    note = inbound(journal)
    journal.inbox.mark_sending(note.id, NOW, target_id=7, desk_at=NOW)
    items = waiting(journal)
    assert items[0].key == "m0", "a note in doubt makes way"
    assert begin(journal, items) is not None
    row = journal.db.tables.inbox.get_by_id(note.id)
    assert journal.bursts.in_flight(item_of(row)) == []
    assert len(journal.bursts.in_flight(inbound(journal))) == 5


def test_when_a_reply_was_begun_that_he_may_have_read(journal: Store) -> None:
    asked = journal.outbox.inflight_reply_since
    assert asked(CHAT, NOW) is None
    queue(journal, "thread:1:0", "ответ", now=NOW)
    assert asked(CHAT, NOW) is None
    journal.outbox.mark_sending(outbound(journal).id, NOW + 10)
    assert asked(CHAT, NOW + 10) == NOW + 10
    assert asked(CHAT, NOW + 11) is None
    assert asked(OTHER, NOW) is None
