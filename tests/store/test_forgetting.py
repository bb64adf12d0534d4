"""What a worker has in its hands when its customer is erased is written down nowhere; old updates are told from new."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maxbridge.core.parts import Part
from maxbridge.store.forgotten import Act, Acts, Tombstone, Tombstones, is_old, times_of
from maxbridge.store.inbox import FollowUps, Note
from maxbridge.store.records import PostResult
from maxbridge.store.store import Store
from store_world import (
    CHAT,
    NOW,
    OTHER,
    USER,
    inbound,
    open_store,
    outbound,
    queue,
    receive,
    update,
)

LANDED = PostResult(9, 1, 3, NOW, opened=True)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(tmp_path)
    yield opened
    opened.close()


def forget(store: Store, chat: int = CHAT, now: float = NOW + 10.0) -> None:
    whose = store.forgetting.whose(chat)
    assert whose is not None
    store.forgetting.erase(store.forgetting.stones(whose, now))


def rows(store: Store, table: str) -> int:
    ((count,),) = store.db.rows(f"SELECT COUNT(*) FROM {table}", ())  # noqa: S608 - a test's own
    return int(count)


def is_empty(store: Store) -> bool:
    """Only the other dialog is left."""
    counts = {name: rows(store, name) for name in ("inbox", "outbox", "part", "ticket", "dialog")}
    return counts == {"inbox": 0, "outbox": 0, "part": 0, "ticket": 0, "dialog": 1}


def test_a_post_that_lands_afterwards_links_nothing(store: Store) -> None:
    receive(store, update())
    item = inbound(store)
    store.inbox.mark_sending(item.id, NOW)
    forget(store)
    follow_ups = FollowUps(lost="<div>нет</div>", tell="пришлите", phone="+79001234567")
    store.events.landed(item, LANDED, follow_ups, NOW, notes=[Note("k", 9, "words")])
    store.events.landed(item, LANDED, FollowUps(covering=1, more=True), NOW)
    assert is_empty(store)
    store.close()


def test_a_start_that_is_handled_afterwards_is_not_greeted(store: Store) -> None:
    receive(store, update())
    item = inbound(store)
    forget(store)
    record, news = store.dialogs.record_contact(CHAT, USER, NOW, blocked=False, at=NOW)
    assert (record.user_id, news) == (None, False)
    store.events.greet(item, "Здравствуйте", "", NOW)
    store.inbox.ignore(item, NOW)
    store.inbox.park(item, "unreadable", NOW)
    assert is_empty(store)
    receive(store, update("2"))
    store.dialogs.record_contact(CHAT, USER, NOW, blocked=False, at=NOW)
    assert store.dialogs.get(CHAT) is not None
    store.close()


def test_a_groups_rights_that_are_written_down_afterwards_leave_nothing(store: Store) -> None:
    receive(store, update())
    item = inbound(store)
    forget(store)
    store.events.group_rights(item, "бот не читает", NOW, deaf=True, told_at=int(NOW * 1000))
    assert is_empty(store)
    assert store.health.snapshot().deaf == 0
    store.close()


def test_what_a_bot_may_do_in_a_group_is_erased_with_it(store: Store) -> None:
    before = rows(store, "meta")
    receive(store, update())
    store.events.group_rights(inbound(store), "", NOW, deaf=True, told_at=int(NOW * 1000))
    assert rows(store, "meta") == before + 2
    forget(store)
    assert rows(store, "meta") == before
    store.close()


def test_a_send_that_ends_afterwards_writes_nothing(store: Store) -> None:
    queue(store, "thread:1:0", "раз", "два", conversation_id=9, thread_id=1)
    item = outbound(store)
    store.outbox.mark_sending(item.id, NOW)
    forget(store)
    store.outbox.part_done(item, 0, "mid.1", NOW)
    store.outbox.replan(item, 1, [Part("иначе")], now=NOW, notes=[Note("k", 9, "words")])
    store.outbox.file_ready(item.id, 1, [])
    store.outbox.becomes_edit(item, 1, "mid.1")
    assert store.outbox.wait_blocked(item, error="max.blocked", note="ждёт", now=NOW)
    assert is_empty(store)
    store.close()


def test_what_of_the_others_is_kept(store: Store) -> None:
    receive(store, update(), update("2", OTHER))
    forget(store)
    assert inbound(store, OTHER).key == "2"
    store.close()


def mid(chat: int, at: int, sequence: int = 1) -> str:
    return f"mid.{chat % (1 << 64):016x}{(at << 16) | sequence:016x}"


MOMENTS = st.integers(10**12, 2 * 10**12)


@given(MOMENTS, MOMENTS, st.booleans(), st.booleans())
def test_an_update_is_old_exactly_when_it_is_not_after_the_newest_known(
    known: int, at: int, stamped: bool, scrubbed: bool
) -> None:
    """The border is made of what the store still has: the raw update, or only its key."""
    key, payload = f"message_created:{mid(CHAT, known)}", f'{{"timestamp": {known}}}'
    stone = Tombstone(CHAT, USER, NOW, max(times_of(key, None if scrubbed else payload)), NOW)
    keys = (
        f"message_created:{mid(CHAT, at)}",
        f"message_edited:{mid(CHAT, known)}:{USER}:{at}",
        f"bot_started:{CHAT}:{USER}:{at}",
    )
    for each in keys:
        assert is_old(stone, each, f'{{"timestamp": {at}}}' if stamped else None) is (at <= known)


@pytest.mark.parametrize(
    ("key", "payload"),
    [
        ("sha256:00", None),
        ("sha256:00", "null"),
        ("sha256:00", "{"),
        ("x", '{"timestamp": "soon"}'),
        ("x", '{"timestamp": true}'),
    ],
)
def test_what_tells_no_time_counts_as_new(key: str, payload: str | None) -> None:
    assert not is_old(Tombstone(CHAT, USER, NOW, 2**62, NOW), key, payload)


def test_an_update_of_before_is_not_stored_and_one_of_since_is(store: Store) -> None:
    receive(store, update(f"message_created:{mid(CHAT, 10**12)}"))
    forget(store)
    old, new = (f"message_created:{mid(CHAT, 10**12 + one)}" for one in (-5, 1))
    foreign = f"message_created:{mid(OTHER, 10**12 - 5)}"
    assert store.inbox.ingest([update(old), update(new), update(foreign, OTHER)], 5, NOW) == 2
    assert inbound(store).key == new
    assert inbound(store, OTHER).key == foreign
    store.close()


def test_a_second_erasure_is_not_undone_by_the_first_act(store: Store, tmp_path: Path) -> None:
    acts = Acts(store.db.path)
    whose = store.forgetting.whose(CHAT)
    assert whose is not None
    for now in (NOW + 1.0, NOW + 2.0):
        act = acts.begin(store.forgetting.stones(whose, now), "r", "b")
        store.forgetting.erase(act.stones)
    store.dialogs.ensure(CHAT, USER, NOW + 3.0)
    assert store.forgetting.make_up(acts) == []
    assert store.dialogs.get(CHAT) is not None
    stone = Tombstones(store.db).of_user(USER)
    assert stone is not None
    assert stone.at == NOW + 2.0
    store.close()


def test_two_that_erase_at_once_do_not_take_one_number(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The number is chosen, and written down, behind one lock: else the later act would hide the earlier one."""
    acts, seen = Acts(store.db.path), []
    whole = Acts.all

    def looks(self: Acts) -> list[Act]:
        with self.path.open("rb") as other, pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        seen.append(self.path)
        return whole(self)

    monkeypatch.setattr(Acts, "all", looks)
    assert [acts.begin((), "r", "b").number for _ in range(2)] == [1, 2]
    assert len(seen) == 2
    with acts.path.open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
