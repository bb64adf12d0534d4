"""store.journal: whose database it is, what is forgotten and when, what status reads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from desk_samples import known, merged, thread, ticket
from maxbridge.core.delivery import Outcome, State
from maxbridge.core.errors import ConfigError, ExitCode
from maxbridge.core.events import Fate
from maxbridge.core.plan_outbound import OutboundPolicy, TicketFacts, plan_outbound
from maxbridge.store.snapshot import LoopHealth
from maxbridge.store.store import Store
from maxbridge.store.tidying import Retention
from store_world import (
    CHAT,
    NEWEST_SCHEMA,
    NOW,
    OTHER,
    force,
    inbound,
    judge,
    open_store,
    outbound,
    queue,
    receive,
    sent,
    set_blocked,
    update,
)

DAY = 86400.0
KEEP = Retention(payloads=7 * DAY, ids=30 * DAY)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(tmp_path)
    yield opened
    opened.close()


# --- whose ------------------------------------------------------------------------------------------------


def test_the_first_bot_owns_the_database_for_good(journal: Store, tmp_path: Path) -> None:
    assert journal.meta.bot_id() is None
    for _ in range(2):
        journal.meta.claim(900100200, "Ромашка")
    with pytest.raises(ConfigError, match="belongs to bot 900100200") as caught:
        journal.meta.claim(900100999, "Другой бот")
    assert caught.value.exit_code == ExitCode.CONFIG
    assert "900100999 (Другой бот)" in str(caught.value)
    journal.close()
    again = Store(tmp_path / "store.db")
    assert again.meta.bot_id() == 900100200
    again.close()


def test_flags_are_remembered(journal: Store) -> None:
    assert not journal.meta.flag("started")
    for value in (True, True, False, True):
        journal.meta.set_flag("started", value=value)
        assert journal.meta.flag("started") is value
    assert not journal.meta.flag("other")


def test_a_greeting_is_queued_together_with_the_start_that_asked_for_it(journal: Store) -> None:
    receive(journal, update("start"))
    journal.events.greet(inbound(journal), "Здравствуйте!", "", NOW)
    assert journal.inbox.head(CHAT) is None
    item = outbound(journal)
    assert (item.key, [each.part.text for each in item.parts]) == (
        "greeting:start",
        ["Здравствуйте!"],
    )
    assert item.conversation_id is None


def test_when_the_greeting_cannot_be_queued_the_start_stays_open(journal: Store) -> None:
    receive(journal, update("start"))
    with pytest.raises(UnicodeEncodeError):
        journal.events.greet(inbound(journal), "a\ud83d", "", NOW)
    assert inbound(journal).key == "start"
    assert journal.outbox.head(CHAT) is None


# --- forgetting ---------------------------------------------------------------------------------------------


def finish(journal: Store, key: str, chat_id: int, state: State, at: float) -> None:
    """Bring one item of each queue into a state."""
    receive(journal, update(key, chat_id), now=at)
    force(journal.inbox, inbound(journal, chat_id).id, state, finished_at=at)
    queue(journal, key, "words", chat_id=chat_id, now=at, excerpt="words")
    force(journal.outbox, outbound(journal, chat_id).id, state, finished_at=at)


def words_left(journal: Store) -> tuple[int, int, int]:
    """How many payloads, parts with text, and excerpts there are."""
    tables = journal.db.tables
    return (
        tables.inbox.select().where(tables.inbox.payload.is_null(False)).count(),
        tables.part.select().where(tables.part.text.is_null(False)).count(),
        tables.outbox.select().where(tables.outbox.excerpt != "").count(),
    )


@pytest.mark.parametrize(
    ("state", "age", "left"),
    [
        (State.DONE, 7 * DAY - 1, 1),
        (State.DONE, 7 * DAY + 1, 0),
        (State.BOUNCED, 7 * DAY + 1, 0),
        (State.IGNORED, 7 * DAY + 1, 0),
        # A person still has to look at them.
        (State.HELD, 29 * DAY, 1),
        (State.PARKED, 29 * DAY, 1),
    ],
)
def test_words_go_first(journal: Store, state: State, age: float, left: int) -> None:
    finish(journal, "a", CHAT, state, NOW - age)
    journal.tidying.run(NOW, KEEP)
    assert words_left(journal) == (left, left, left)
    # The identity stays: the same event may come again.
    assert journal.inbox.ingest([update("a")], None, NOW) == 0
    assert journal.tidying.run(NOW, KEEP) == 0


@pytest.mark.parametrize("state", [State.QUEUED, State.SENDING, State.DEFERRED])
def test_what_is_not_finished_is_never_forgotten(journal: Store, state: State) -> None:
    receive(journal, update("a"), now=NOW - 100 * DAY)
    force(journal.inbox, inbound(journal).id, state)
    queue(journal, "a", now=NOW - 100 * DAY)
    force(journal.outbox, outbound(journal).id, state)
    assert journal.tidying.run(NOW, KEEP) == 0
    assert inbound(journal).payload == '"a"'
    assert outbound(journal).parts[0].part.text == "text"


@pytest.mark.parametrize(
    ("state", "age", "kept"),
    [
        (State.DONE, 30 * DAY - 1, True),
        (State.DONE, 30 * DAY + 1, False),
        (State.IGNORED, 30 * DAY + 1, False),
        (State.BOUNCED, 30 * DAY + 1, False),
        (State.PARKED, 30 * DAY + 1, False),
        (State.HELD, 1000 * DAY, True),
    ],
)
def test_ids_are_forgotten_when_nothing_can_come_back_under_them(
    journal: Store, state: State, age: float, kept: bool
) -> None:
    finish(journal, "a", CHAT, state, NOW - age)
    journal.tidying.run(NOW, KEEP)
    tables = journal.db.tables
    counts = [each.select().count() for each in (tables.inbox, tables.outbox, tables.part)]
    assert counts == [int(kept)] * 3


def test_forgetting_threads_raises_the_border_of_history(journal: Store) -> None:
    journal.tickets.link(7, CHAT, history_cutoff=None, desk_now=NOW)
    old, young = thread(1, created_at=NOW - 31 * DAY), thread(2, created_at=NOW - 29 * DAY)
    judge(journal, ticket(old, young), (old, Fate.SENT), (young, Fate.SENT))
    journal.tidying.run(NOW, KEEP)
    record = journal.tickets.ticket(7)
    assert record is not None
    assert record.history_cutoff == old.created_at
    assert set(journal.threads.known([1, 2])) == {2}


@pytest.mark.parametrize(
    ("history_cutoff", "raised"), [(None, -31.0), (-40.0, -31.0), (-31.0, -31.0), (-5.0, -5.0)]
)
def test_the_border_of_history_only_rises(
    journal: Store, history_cutoff: float | None, raised: float
) -> None:
    border = None if history_cutoff is None else NOW + history_cutoff * DAY
    journal.tickets.link(7, CHAT, history_cutoff=border, desk_now=NOW)
    judge(journal, ticket(), (thread(1, created_at=NOW - 31 * DAY), Fate.SENT))
    journal.tidying.run(NOW, KEEP)
    record = journal.tickets.ticket(7)
    assert record is not None
    assert record.history_cutoff == NOW + raised * DAY


def test_a_thread_that_was_forgotten_is_never_sent_again(journal: Store) -> None:
    journal.tickets.link(7, CHAT, history_cutoff=None, desk_now=NOW)
    old = thread(1, created_at=NOW - 31 * DAY)
    judge(journal, ticket(old), (old, Fate.SENT))
    journal.tidying.run(NOW, KEEP)
    assert replies_of(journal, 7, ticket(old, thread(2, created_at=NOW - 100))) == [2]


def test_a_forgotten_thread_that_a_merge_moved_is_never_sent_again(journal: Store) -> None:
    # design.md 2.2, contract freescout.md 8, trap 6. A reply in ticket 8; some weeks later 8 is
    # merged into 7; when the reply's id is forgotten, the merge itself is still remembered.
    journal.tickets.link(7, CHAT, history_cutoff=None, desk_now=NOW)
    journal.tickets.link(8, CHAT, history_cutoff=None, desk_now=NOW)
    reply = thread(1, created_at=NOW - 31 * DAY)
    line = merged(2, created_at=NOW - 10 * DAY)
    judge(journal, ticket(reply, id=8), (reply, Fate.SENT))
    sent(journal, outbound(journal), 0, "mid.1", NOW - 31 * DAY)
    judge(journal, ticket(reply, line, id=7), (line, Fate.SKIPPED))
    journal.tidying.run(NOW, KEEP)
    new = thread(3, created_at=NOW - 100)
    assert replies_of(journal, 7, ticket(reply, line, new)) == [3]


def replies_of(journal: Store, conversation_id: int, read: object) -> list[int]:
    """What the next reading of a ticket would send."""
    record = journal.tickets.ticket(conversation_id)
    assert record is not None
    plan = plan_outbound(
        read,  # type: ignore[arg-type]
        known=journal.threads.known([1, 2, 3]),
        facts=TicketFacts(70, history_cutoff=record.history_cutoff, complete_until=NOW - 200),
        policy=OutboundPolicy(),
        now=NOW,
    )
    return [each.thread.id for each in plan.verdicts if each.fate is Fate.SENT]


def test_history_stays_history_when_it_was_forgotten(journal: Store) -> None:
    journal.tickets.link(7, CHAT, history_cutoff=None, desk_now=NOW)
    old = thread(1, created_at=NOW - 31 * DAY)
    judge(journal, ticket(old), (old, Fate.HISTORY))
    journal.tidying.run(NOW, KEEP)
    assert replies_of(journal, 7, ticket(old)) == []
    assert known(old).fate is Fate.SENT


# --- what status reads ------------------------------------------------------------------------------------------

LOOP = LoopHealth("max_poller", NOW, NOW - 1, None, None, None, None)


def test_a_snapshot_of_an_empty_store(tmp_path: Path) -> None:
    journal = Store(tmp_path / "store.db")
    snapshot = journal.health.snapshot()
    assert (snapshot.bot_id, snapshot.schema, snapshot.marker, snapshot.marker_at) == (
        None,
        NEWEST_SCHEMA,
        None,
        None,
    )
    assert (snapshot.loops, snapshot.held, snapshot.dialogs, snapshot.blocked) == ((), (), 0, 0)
    assert (snapshot.inbox.waiting, snapshot.inbox.oldest_at) == (0, None)
    journal.close()


def test_a_snapshot_tells_everything_that_status_shows(journal: Store) -> None:
    journal.meta.claim(900100200, "Ромашка")
    journal.inbox.ingest([update("1"), update("2", None)], 18000101, NOW)
    queue(journal, "a", now=NOW - 5)
    queue(journal, "b", chat_id=OTHER)
    journal.outbox.decide(outbound(journal, OTHER).id, Outcome.BUG, error="max.lookup", now=NOW)
    set_blocked(journal, OTHER, blocked=True, at=NOW)
    journal.health.write([LOOP])
    snapshot = journal.health.snapshot()
    assert (snapshot.bot_id, snapshot.marker, snapshot.marker_at) == (900100200, 18000101, NOW)
    assert (snapshot.inbox.waiting, snapshot.inbox.parked) == (1, 1)
    assert (snapshot.outbox.waiting, snapshot.outbox.oldest_at) == (1, NOW - 5)
    assert [(each.name, each.key) for each in snapshot.held] == [("out-2", "b")]
    assert (snapshot.dialogs, snapshot.blocked) == (2, 1)
    assert snapshot.loops == (LOOP,)


def test_the_health_of_a_loop_is_its_newest(journal: Store) -> None:
    ill = replace(LOOP, error_at=NOW, error="max.timeout", error_detail="x", trouble_since=NOW)
    journal.health.write([LOOP])
    journal.health.write([ill, replace(LOOP, name="desk_poller")])
    assert journal.health.snapshot().loops == (replace(LOOP, name="desk_poller"), ill)
    journal.health.clear()
    assert journal.health.snapshot().loops == ()
