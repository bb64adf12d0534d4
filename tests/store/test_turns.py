"""Whose turn it is: kept by triggers, found at the same cost whatever waits elsewhere, fair to strangers."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maxbridge.core.delivery import PENDING, Doubt, Outcome, State
from maxbridge.core.errors import RuleBrokenError
from maxbridge.core.pace import SHARE, in_turn
from maxbridge.store.queue import Queue
from maxbridge.store.store import Store
from store_world import CHAT, NOW, OTHER, force, open_store, queue, receive, set_blocked, update

CHATS = (CHAT, OTHER)
FLOOD = 700000001
SIZES = (100, 10_000, 1_000_000)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(tmp_path)
    yield opened
    opened.close()


def queues(journal: Store) -> tuple[Queue[Any], Queue[Any]]:
    return journal.inbox, journal.outbox


def turns(found: Queue[Any], chat_id: int) -> list[tuple[int, float]]:
    """The rows of a chat whose turn it is, as the database says."""
    model = found._model
    rows = model.select().where(model.chat_id == chat_id, model.turn_at.is_null(False))
    return [(row.id, row.turn_at) for row in rows]


# --- the law ------------------------------------------------------------------------------------------------


def receive_one(journal: Store, chat_id: int, number: int) -> None:
    receive(journal, update(f"u{number}", chat_id), now=NOW + number)


def note(journal: Store, chat_id: int, number: int) -> None:
    with journal.db.transaction():
        journal.inbox.add_note(f"n{number}", chat_id, 7, "text", NOW + number)


def reply(journal: Store, chat_id: int, number: int) -> None:
    queue(journal, f"thread:{number}:0", chat_id=chat_id, now=NOW + number, conversation_id=7)


def stop(journal: Store, chat_id: int, number: int) -> None:
    set_blocked(journal, chat_id, blocked=True, at=NOW + number)


def come_back(journal: Store, chat_id: int, number: int) -> None:
    set_blocked(journal, chat_id, blocked=False, at=NOW + number)


def forget(journal: Store, chat_id: int, number: int) -> None:
    for found in queues(journal):
        model = found._model
        model.delete().where(model.id == number % 9, model.chat_id == chat_id).execute()


def clock(journal: Store, _chat_id: int, number: int) -> None:
    journal.clocks.was_set(float(number - 20))
    journal.clocks.not_after(NOW + number)


def move(to: int, way: Outcome) -> Callable[[Store, int, int], None]:
    def moved(journal: Store, chat_id: int, number: int) -> None:
        found = queues(journal)[to]
        waiting = found.waiting(None, states=tuple(State), chat_id=chat_id)
        if not waiting:
            return
        item = waiting[number % len(waiting)]
        if way is Outcome.STARTED:
            found.mark_sending(item.id, NOW + number)
        else:
            # What no decision explains changes nothing and is a bug.
            with suppress(RuleBrokenError), journal.db.transaction():
                at = NOW + number + 60
                found._moved(item.id, way, now=NOW + number, at=at, error="x")

    return moved


def put(to: int, state: State, doubt: Doubt) -> Callable[[Store, int, int], None]:
    def forced(journal: Store, chat_id: int, number: int) -> None:
        found = queues(journal)[to]
        for item in found.waiting(None, states=tuple(State), chat_id=chat_id)[number % 3 :: 3]:
            finished = None if state in PENDING else NOW + number
            force(found, item.id, state, doubt=doubt, finished_at=finished, attempts=number % 2)

    return forced


STEPS: list[Callable[[Store, int, int], None]] = [
    receive_one,
    note,
    reply,
    stop,
    come_back,
    forget,
    clock,
]
STEPS += [move(to, way) for to in (0, 1) for way in Outcome]
STEPS += [
    put(to, state, doubt)
    for to in (0, 1)
    for state in (State.QUEUED, State.SENDING, State.HELD, State.DONE)
    for doubt in (Doubt.NONE, Doubt.CRASHED)
]


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.one_of(st.sampled_from(STEPS[:3]), st.sampled_from(STEPS)), st.sampled_from(CHATS)
        ),
        max_size=40,
    )
)
def test_after_whatever_happens_the_marked_one_of_a_chat_is_its_head(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[Any, int]]
) -> None:
    journal = open_store(tmp_path_factory.mktemp("turns"))
    try:
        for number, (step, chat_id) in enumerate(steps, 1):
            step(journal, chat_id, number)
            for found in queues(journal):
                heads = {chat: found.head(chat) for chat in CHATS}
                for chat, head in heads.items():
                    marked = turns(found, chat)
                    assert [row for row, _ in marked] == ([] if head is None else [head.id])
                    assert all(head is None or at >= head.next_at for _, at in marked)
                waiting = {chat for chat, head in heads.items() if head is not None}
                assert set(found.due_chats(NOW + 10_000, 9, ())) == waiting
                assert (found.next_due() is None) == (not waiting)
    finally:
        journal.close()


# --- the cost -----------------------------------------------------------------------------------------------


@contextmanager
def counted(journal: Store) -> Iterator[Callable[[], int]]:
    """Count the steps of SQLite's machine."""
    connection: sqlite3.Connection = journal.db._db.connection()  # type: ignore[no-untyped-call]
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    connection.set_progress_handler(count, 1)
    try:
        yield lambda: steps
    finally:
        connection.set_progress_handler(None, 1)


def to_the_desk(journal: Store, number: int) -> dict[str, Callable[[], object]]:
    inbox, key = journal.inbox, f"mine{number}"
    return {
        "comes": lambda: receive(journal, update(key, CHAT)),
        "is next": lambda: inbox.due_chats(NOW, 8, {FLOOD}),
        "next due": lambda: inbox.next_due({FLOOD}),
        "newest": lambda: inbox.last_untried(NOW, NOW, {FLOOD}),
        "head": lambda: inbox.head(CHAT),
        "leaves": lambda: inbox.mark_sending(mine(journal).id, NOW, target_id=7),
        "ends": lambda: inbox.done(mine(journal), None, NOW),
    }


def mine(journal: Store) -> Any:
    return journal.inbox.head(CHAT)


def to_max(journal: Store, number: int) -> dict[str, Callable[[], object]]:
    outbox = journal.outbox

    def item() -> Any:
        return outbox.head(CHAT)

    return {
        "comes": lambda: queue(journal, f"thread:{number}:0", conversation_id=7),
        "is next": lambda: outbox.due_chats(NOW, 8, {FLOOD}),
        "next due": lambda: outbox.next_due({FLOOD}),
        "newest": lambda: outbox.last_untried(NOW, NOW, {FLOOD}),
        "head": item,
        "leaves": lambda: outbox.mark_sending(item().id, NOW),
        "ends": lambda: outbox.part_done(item(), 0, f"mid{number}", NOW),
    }


@pytest.mark.parametrize("name", ["inbox", "outbox"])
def test_a_turn_costs_the_same_whatever_waits_in_other_chats(journal: Store, name: str) -> None:
    costs: dict[int, dict[str, int]] = {}
    steps = to_the_desk if name == "inbox" else to_max
    for there, size in zip((0, *SIZES), SIZES, strict=False):
        flood(journal, name, there, size)
        costs[size] = {}
        for step, do in steps(journal, size).items():
            with counted(journal) as count:
                do()
                costs[size][step] = count()
    few, *more = costs.values()
    assert min(few.values()) > 0
    for many in more:
        # A few steps differ by what a value is, none by how many rows there are.
        assert all(cost <= few[step] * 1.1 + 9 for step, cost in many.items()), costs


def flood(journal: Store, name: str, there: int, size: int) -> None:
    """Let the backlog of a chat grow; without triggers, which see only its first row, in a tenth of the time."""
    connection: sqlite3.Connection = journal.db._db.connection()  # type: ignore[no-untyped-call]
    triggers = connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?", (name,)
    ).fetchall()
    if there:
        for trigger, _ in triggers:
            connection.execute(f"DROP TRIGGER {trigger}")
    column, value = ("update_type, covered", "'x', 0") if name == "inbox" else ("excerpt", "''")
    connection.execute(
        f"INSERT INTO {name} (key, chat_id, state, pending, created_at, attempts, next_at, {column})"  # noqa: S608
        f" WITH RECURSIVE n(i) AS (SELECT {there + 1} UNION ALL SELECT i + 1 FROM n WHERE i < {size})"
        f" SELECT i, {FLOOD}, 'queued', 1, {NOW - 60}, 0, 0.0, {value} FROM n"
    )
    if there:
        for _, sql in triggers:
            connection.execute(sql)


def test_who_waits_is_found_by_the_index_of_turns_alone(journal: Store) -> None:
    connection = journal.db._db.connection()  # type: ignore[no-untyped-call]
    for found in queues(journal):
        newest = (found._newest, found._newest_tried)
        for statement in (found._due, found._set_back, found._next_due, *newest):
            values = (0,) * statement.count("?")
            plan = connection.execute(f"EXPLAIN QUERY PLAN {statement}", values).fetchall()
            steps = [row[3] for row in plan]
            assert all("TEMP B-TREE" not in each for each in steps)
            searches = [each for each in steps if each.startswith("SEARCH")]
            assert all(f"{found._name}_turn (rank=?" in each for each in searches)
            assert len(searches) == 1


# --- fairness -----------------------------------------------------------------------------------------------


def test_who_was_served_comes_behind_everybody_who_waits(journal: Store) -> None:
    receive(journal, update("1"), update("2"), now=NOW)
    receive(journal, update("3", OTHER), now=NOW + 5)
    assert journal.inbox.due_chats(NOW + 9, 9, ()) == [CHAT, OTHER]
    journal.inbox.done(mine(journal), None, NOW + 9)
    assert journal.inbox.due_chats(NOW + 9, 9, ()) == [OTHER, CHAT]


def test_a_customer_whom_an_agent_has_answered_comes_before_strangers(journal: Store) -> None:
    for number in range(20):
        receive(journal, update(f"s{number}", FLOOD + number), now=NOW)
    reply(journal, CHAT, 1)
    receive(journal, update("mine"), now=NOW + 9)
    assert journal.inbox.due_chats(NOW + 9, 1, ()) == [CHAT]
    # An answer to one of the strangers counts from that moment.
    receive(journal, update("again", FLOOD + 7), now=NOW + 9)
    reply(journal, FLOOD + 7, 2)
    assert journal.inbox.due_chats(NOW + 9, 3, ()) == [FLOOD + 7, CHAT, FLOOD]
    # Of every few turns one is a stranger's all the same.
    assert journal.inbox.due_chats(NOW + 9, 1, (), given=SHARE - 1) == [FLOOD]


def test_agents_words_come_before_automatic_ones(journal: Store) -> None:
    for number in range(20):
        queue(journal, f"greeting:{number}", chat_id=FLOOD + number)
    queue(journal, "thread:1:0", conversation_id=7, now=NOW + 9)
    assert journal.outbox.due_chats(NOW + 9, 1, ()) == [CHAT]


def test_a_clock_that_was_set_back_makes_nobody_wait(journal: Store) -> None:
    receive(journal, update("1"), update("2"), now=NOW)
    journal.inbox.done(mine(journal), None, NOW)
    receive(journal, update("3", OTHER), now=NOW)
    journal.inbox.defer(mine(journal).id, Outcome.UNREADY, at=NOW + 9, error="x")
    assert journal.inbox.due_chats(NOW - 3600, 9, ()) == [OTHER, CHAT]
    # Who was put off after that waits as long as anybody, and is not taken for one of before.
    journal.inbox.defer(mine(journal).id, Outcome.UNREADY, at=NOW - 3599, error="x")
    assert journal.inbox.due_chats(NOW - 3600, 9, ()) == [OTHER]
    assert journal.inbox.due_chats(NOW - 3599, 9, ()) == [CHAT, OTHER]
    journal.clocks.not_after(NOW - 3600)
    assert turns(journal.inbox, OTHER) == [(3, NOW - 3600)]


people = st.lists(st.integers(0, 999), unique=True, max_size=30)


@given(people, people, st.integers(0, 9))
def test_nobody_is_left_out_and_each_keeps_their_place(
    first: list[int], later: list[int], given_before: int
) -> None:
    later = [each + 1000 for each in later]
    order = in_turn(first, later, given_before)
    assert [each for each in order if each < 1000] == first
    assert [each for each in order if each >= 1000] == later
    for place, each in enumerate(order):
        ahead = order[:place]
        if each < 1000:
            # At most one of so many turns before it was a stranger's.
            mine = sum(one < 1000 for one in ahead)
            assert len(ahead) - mine <= mine // (SHARE - 1) + 1
        else:
            strangers = len(ahead) - sum(one < 1000 for one in ahead)
            assert len(ahead) <= (strangers + 1) * SHARE - 1 or len(later) == 0


@pytest.mark.parametrize("name", ["inbox", "outbox"])
def test_in_times_of_trouble_who_never_failed_finds_out_before_who_failed_again(
    journal: Store, name: str
) -> None:
    # Found on virtual time: each time MAX took something, twelve chats in trouble counted as new again.
    found: Queue[Any] = journal.inbox if name == "inbox" else journal.outbox
    for number in range(5):
        chat_id = FLOOD + number
        if name == "inbox":
            receive(journal, update(f"s{number}", chat_id), now=NOW + number)
        else:
            queue(journal, f"thread:{number}:0", chat_id=chat_id, now=NOW + number)
    for number in (3, 4):
        item = found.head(FLOOD + number)
        assert found.mark_sending(item.id, NOW + 5)
        assert found.defer(item.id, Outcome.NO_ANSWER, at=NOW + 6, error="gone")
    asked = [FLOOD + 2, FLOOD + 1, FLOOD, FLOOD + 4, FLOOD + 3]
    met: list[int] = []
    while (chat := found.last_untried(NOW + 9, NOW + 7, met)) is not None:
        met.append(chat)
    assert met == asked
    assert found.last_untried(NOW + 9, NOW + 5, asked[:3]) is None
