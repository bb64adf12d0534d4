"""What our clock has written down stays sensible when the clock is set."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from maxbridge.core.delivery import Outcome
from maxbridge.store.store import Store
from maxbridge.store.tidying import Retention
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

DAY = 86400.0


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(tmp_path)
    yield opened
    opened.close()


@pytest.mark.parametrize("step", [6 * DAY, -6 * DAY])
def test_ages_of_what_waits_survive_a_step(journal: Store, step: float) -> None:
    receive(journal, update("a"), now=NOW - 60)
    queue(journal, "b", now=NOW - 30)
    journal.clocks.was_set(step)
    now = NOW + step
    assert (now - inbound(journal).created_at, now - outbound(journal).created_at) == (60, 30)


def test_what_is_finished_keeps_its_times(journal: Store) -> None:
    receive(journal, update("a"), now=NOW - 60)
    journal.inbox.done(inbound(journal), None, NOW - 50)
    journal.clocks.was_set(DAY)
    row = journal.db.tables.inbox.get()
    assert (row.created_at, row.finished_at) == (NOW - 60, NOW - 50)


@pytest.mark.parametrize("step", [6 * DAY, -6 * DAY])
def test_who_came_back_after_a_step_is_back(journal: Store, step: float) -> None:
    set_blocked(journal, CHAT, blocked=True, at=NOW)
    journal.clocks.was_set(step)
    assert set_blocked(journal, CHAT, blocked=False, at=NOW + step + 1)
    # And an older event that is delivered late still changes nothing.
    assert not set_blocked(journal, CHAT, blocked=True, at=NOW + step - 1)


def test_times_of_the_future_are_taken_as_of_now(journal: Store) -> None:
    # The clock was six days ahead and was set right while the daemon was off.
    receive(journal, update("a"), now=NOW + 6 * DAY)
    queue(journal, "b", now=NOW + 6 * DAY)
    queue(journal, "c", chat_id=OTHER, now=NOW - 5)
    set_blocked(journal, CHAT, blocked=True, at=NOW + 6 * DAY)
    assert journal.clocks.not_after(NOW) == 3
    assert journal.clocks.not_after(NOW) == 0
    assert (inbound(journal).created_at, outbound(journal, OTHER).created_at) == (NOW, NOW - 5)
    assert set_blocked(journal, CHAT, blocked=False, at=NOW + 1)
    assert outbound(journal).created_at == NOW


def test_what_was_finished_in_the_future_is_taken_as_of_now(journal: Store) -> None:
    receive(journal, update("a"), update("b"), now=NOW + 6 * DAY)
    journal.inbox.done(inbound(journal), None, NOW + 6 * DAY + 1)
    journal.inbox.decide(
        inbound(journal).id, Outcome.BUG, error="desk.refused", now=NOW + 6 * DAY + 1
    )
    receive(journal, update("c"), now=NOW - 60)
    journal.inbox.done(inbound(journal), None, NOW - 50)
    assert journal.clocks.not_after(NOW) == 2
    rows = journal.db.tables.inbox.select().order_by(journal.db.tables.inbox.id)
    assert [row.created_at for row in rows] == [NOW, NOW, NOW - 60]


# --- forgetting -----------------------------------------------------------------------------------

KEEP = Retention()


def remembered(journal: Store) -> set[str]:
    return {row.key for row in journal.db.tables.inbox.select()}


def finished(journal: Store, key: str, at: float) -> None:
    receive(journal, update(key), now=at)
    journal.inbox.done(inbound(journal), None, at)


def test_a_clock_set_forward_by_weeks_forgets_no_id_of_yesterday(journal: Store) -> None:
    journal.tidying.run(NOW, KEEP)
    finished(journal, "yesterday", NOW)
    for hour in range(24):
        journal.tidying.run(NOW + 60 * DAY + hour * 3600, KEEP)
    assert remembered(journal) == {"yesterday"}
    # Put right, it goes on as if nothing had been.
    journal.tidying.run(NOW + DAY, KEEP)
    assert remembered(journal) == {"yesterday"}
    for day in range(1, 33):
        journal.tidying.run(NOW + day * DAY, KEEP)
    assert remembered(journal) == set()


def test_ids_of_max_age_while_max_is_polled(journal: Store) -> None:
    # Off for two months: the first answer of MAX, or a history, may still bring the last ones again.
    finished(journal, "last", NOW)
    journal.inbox.ingest([], 18000101, NOW)
    for day in range(61):
        journal.tidying.run(NOW + day * DAY, KEEP)
    assert remembered(journal) == {"last"}
    journal.backfill.polled(NOW + 61 * DAY)
    journal.tidying.run(NOW + 61 * DAY, KEEP)
    assert remembered(journal) == set()
