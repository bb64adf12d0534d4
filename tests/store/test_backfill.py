"""store.backfill: whose history is to be read is in the database, and survives whatever happens."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from maxbridge.core.delivery import State
from maxbridge.core.plan_backfill import ACTIVE_DAYS, Gap
from maxbridge.store.store import Store
from maxbridge.store.tidying import Retention
from store_world import CHAT, NOW, OTHER, inbound, open_store, receive, update

DAY = 86400.0


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(tmp_path)
    opened.inbox.ingest([update("message_created:mid.1")], 7, NOW)
    yield opened
    opened.close()


def begin(journal: Store, gap: Gap = Gap.AWAY, *, now: float = NOW + 2 * DAY) -> None:
    journal.backfill.begin(gap, last_at=NOW, now=now)


def chats(journal: Store) -> list[int]:
    """Chats in the order in which they are read."""
    found = []
    while (row := journal.backfill.next(NOW + 2 * DAY)) is not None:
        found.append(row.chat_id)
        journal.backfill.finish(row.chat_id, (), NOW)
    return found


def test_a_gap_and_its_dialogs_are_written_down_together(journal: Store) -> None:
    begin(journal)
    gap = journal.backfill.gap()
    assert gap is not None
    assert (gap.kind, gap.since, gap.noticed_at) == ("away", NOW, NOW + 2 * DAY)
    assert (gap.dialogs, gap.left, gap.messages, gap.unread) == (2, 2, 0, 0)
    # From now on MAX counts as asked: the same gap is not noticed twice.
    assert journal.backfill.polled_at() == NOW + 2 * DAY
    assert journal.health.snapshot().gap == gap


def test_lately_active_customers_come_first_and_silent_ones_not_at_all(journal: Store) -> None:
    dialog = journal.db.tables.dialog
    for chat_id, days in ((1, 3), (2, 1), (3, ACTIVE_DAYS + 1), (4, 2)):
        journal.dialogs.ensure(chat_id, None, NOW - 1000 * DAY)
        dialog.update(last_inbound_at=NOW - days * DAY).where(dialog.chat_id == chat_id).execute()
    # Silent for long, but an agent wrote lately: an answer may have come.
    journal.dialogs.ensure(5, None, NOW - 1000 * DAY)
    dialog.update(last_outbound_at=NOW - DAY).where(dialog.chat_id == 5).execute()
    begin(journal)
    assert chats(journal) == [CHAT, OTHER, 2, 4, 1, 5]


def test_messages_and_the_end_of_their_chat_are_one_commit(
    journal: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(journal)
    monkeypatch.setattr(journal.backfill, "_count", lambda **_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        journal.backfill.finish(CHAT, [update("message_created:mid.2")], NOW)
    monkeypatch.undo()
    assert journal.inbox.depth().waiting == 1
    assert [row.chat_id for row in journal.backfill.of([CHAT])] == [CHAT]
    found = [update("message_created:mid.1"), update("message_created:mid.2")]
    assert journal.backfill.finish(CHAT, found, NOW) == 1
    assert journal.backfill.of([CHAT]) == []
    gap = journal.backfill.gap()
    assert gap is not None
    assert (gap.left, gap.messages) == (1, 1)


def test_whichever_way_a_message_comes_first_the_other_is_passed_over(journal: Store) -> None:
    begin(journal)
    receive(journal, update("message_created:mid.2"))
    assert journal.backfill.finish(CHAT, [update("message_created:mid.2")], NOW) == 0
    begin(journal)
    assert journal.backfill.finish(CHAT, [update("message_created:mid.3")], NOW) == 1
    receive(journal, update("message_created:mid.3"))
    assert journal.inbox.depth().waiting == 3


def test_what_was_stored_before_the_gap_is_known_as_such(journal: Store) -> None:
    begin(journal)
    receive(journal, update("message_created:mid.2"))
    (row,) = journal.backfill.of([CHAT])
    keys = {f"message_created:mid.{number}" for number in (1, 2, 3)}
    assert journal.backfill.known(keys, row.watermark) == {"message_created:mid.1"}
    assert len(journal.backfill.known(keys, None)) == 2


def test_a_second_gap_keeps_the_older_bounds_of_what_is_not_read_yet(journal: Store) -> None:
    begin(journal)
    journal.backfill.finish(OTHER, (), NOW)
    (before,) = journal.backfill.of([CHAT])
    journal.backfill.store_page(
        [update("message_created:mid.9")],
        9,
        NOW + 2 * DAY,
        clears=None,
        newest=int(NOW + 2 * DAY) * 1000,
    )
    journal.backfill.put_off(CHAT, NOW + 3 * DAY)
    journal.backfill.begin(Gap.AWAY, last_at=NOW + 2 * DAY, now=NOW + 5 * DAY)
    (row,) = journal.backfill.of([CHAT])
    assert (row.since, row.watermark) == (before.since, before.watermark)
    assert (row.attempts, row.next_at) == (0, 0.0)
    (row,) = journal.backfill.of([OTHER])
    assert row.since > before.since
    gap = journal.backfill.gap()
    assert gap is not None
    assert gap.dialogs == 2


def test_what_was_put_off_waits_and_no_clock_makes_it_wait_for_ever(journal: Store) -> None:
    begin(journal)
    for chat_id in (CHAT, OTHER):
        journal.backfill.put_off(chat_id, NOW + 60)
    assert journal.backfill.next(NOW) is None
    assert journal.backfill.next_due() == NOW + 60
    assert journal.backfill.next(NOW + 60) is not None
    # The clock was set back by a day.
    assert journal.backfill.next(NOW - DAY) is not None


def test_a_customer_who_stopped_the_bot_is_not_left_to_read_but_not_forgotten(
    journal: Store,
) -> None:
    begin(journal)
    journal.backfill.park(CHAT)
    journal.backfill.finish(OTHER, (), NOW)
    gap = journal.backfill.gap()
    assert gap is not None
    assert gap.left == 0
    assert journal.backfill.next(NOW + 2 * DAY) is None
    assert [row.chat_id for row in journal.backfill.of([CHAT, OTHER])] == [CHAT]


def test_no_id_is_forgotten_while_a_history_is_to_be_read(journal: Store) -> None:
    journal.inbox.done(inbound(journal), None, NOW)
    begin(journal)
    journal.tidying.run(NOW + 40 * DAY, Retention())
    assert [row.key for row in journal.db.tables.inbox.select()] == ["message_created:mid.1"]
    for chat_id in (CHAT, OTHER):
        journal.backfill.finish(chat_id, (), NOW)
    journal.backfill.polled(NOW + 40 * DAY)
    journal.tidying.run(NOW + 40 * DAY, Retention())
    assert not journal.db.tables.inbox.select().exists()


def test_a_hundred_thousand_dialogs_are_written_down_at_once(journal: Store) -> None:
    dialog = journal.db.tables.dialog
    with journal.db.transaction():
        for start in range(0, 100_000, 10_000):
            rows = [(1_000_000 + start + n, False, NOW - n) for n in range(10_000)]
            dialog.insert_many(rows, [dialog.chat_id, dialog.blocked, dialog.created_at]).execute()
    begin(journal)
    gap = journal.backfill.gap()
    assert gap is not None
    assert gap.left == 100_002
    assert journal.backfill.next(NOW + 2 * DAY) is not None


def test_unread_histories_are_counted(journal: Store) -> None:
    begin(journal)
    journal.backfill.give_up(CHAT)
    gap = journal.backfill.gap()
    assert gap is not None
    assert (gap.left, gap.unread) == (1, 1)
    assert inbound(journal).state is State.QUEUED
