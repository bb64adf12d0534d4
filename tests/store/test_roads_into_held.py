"""Every road of the table into ``held``, and every command out of it, through both queues as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from maxbridge.core.delivery import Direction, Doubt, Outcome, State, follow
from maxbridge.store.queue import Queue
from maxbridge.store.records import Item
from maxbridge.store.store import Store
from outcomes import Key, keys
from store_world import CHAT, NOW, force, open_store, queue, receive, update


def leads_into_held(key: Key) -> bool:
    after = follow(*key)
    return after is not None and after.state is State.HELD


ROADS = [key for key in keys() if leads_into_held(key)]
LATER = NOW + 60


def name(key: Key) -> str:
    return " ".join(str(each) for each in key if each)


@pytest.fixture
def journal(tmp_path: Path) -> Any:
    journal = open_store(tmp_path)
    yield journal
    journal.close()


def go(journal: Store, road: Key) -> Queue[Any]:
    """Two deliveries of one chat, the first of which takes this road."""
    to, state, doubt, outcome = road
    if to is Direction.TO_DESK:
        receive(journal, update("1"), update("2"))
        found: Queue[Any] = journal.inbox
    else:
        queue(journal, "1")
        queue(journal, "2")
        found = journal.outbox
    force(found, 1, state, doubt=doubt)
    assert found.decide(1, outcome, error="x", now=NOW)
    return found


def first(found: Queue[Any]) -> Item:
    (row,) = [each for each in found.waiting(None) if each.id == 1]
    return row


def test_there_are_roads_in_both_directions_in_doubt_and_not() -> None:
    for to in Direction:
        doubts = {bool(doubt) for way, _, doubt, _ in ROADS if way is to}
        assert doubts == {True, False}


@pytest.mark.parametrize("road", ROADS, ids=name)
def test_what_is_held_keeps_its_doubt_and_lets_others_pass(journal: Store, road: Key) -> None:
    found = go(journal, road)
    held = first(found)
    refused = road[3] is Outcome.REFUSED
    assert (held.state, held.doubt) == (State.HELD, Doubt.NONE if refused else road[2])
    assert found.head(CHAT).id == 2
    # A worker that took it up before cannot send it any more.
    assert not found.mark_sending(1, NOW)


@pytest.mark.parametrize("road", ROADS, ids=name)
def test_a_retry_sends_nothing_that_is_in_doubt(journal: Store, road: Key) -> None:
    found = go(journal, road)
    doubt = first(found).doubt
    assert found.retry(1, anyway=False, now=LATER)
    assert found.head(CHAT).id == 1
    if doubt is Doubt.NONE:
        assert first(found).state is State.QUEUED
        assert found.mark_sending(1, LATER)
        return
    row = first(found)
    assert (row.state, row.doubt is Doubt.NONE) == (State.SENDING, False)
    assert not found.mark_sending(1, LATER)
    # What the look-up may say, and what comes of it.
    assert found.defer(1, Outcome.TOO_EARLY, at=LATER, error=None)
    assert not found.mark_sending(1, LATER)
    assert found.defer(1, Outcome.ABSENT, at=LATER, error=None)
    assert found.mark_sending(1, LATER)


@pytest.mark.parametrize("road", ROADS, ids=name)
def test_the_other_commands(journal: Store, road: Key) -> None:
    found = go(journal, road)
    doubt = first(found).doubt
    assert not found.decide(1, Outcome.HOLD, error="x", now=LATER)
    assert found.retry(1, anyway=True, now=LATER)
    assert (first(found).state, first(found).doubt) == (State.QUEUED, Doubt.NONE)
    force(found, 1, State.HELD, doubt=doubt)
    assert found.decide(1, Outcome.DROP, error="x", now=LATER)
    dropped = found._model.get_by_id(1)
    assert (dropped.state, dropped.doubt, dropped.pending) == (State.IGNORED, doubt, False)
    assert not found.retry(1, anyway=False, now=LATER)
    assert not found.retry(1, anyway=True, now=LATER)
