"""What is put aside: kept in order and never forgotten, released or dropped, told once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from maxbridge.core.delivery import Outcome, State
from maxbridge.store.dialogs import STEP
from maxbridge.store.snapshot import floods
from maxbridge.store.store import Store
from maxbridge.store.tidying import Retention
from store_world import CHAT, NOW, OTHER, inbound, open_store, receive, update

DAY = 86400.0


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(tmp_path)
    yield opened
    opened.close()


def aside(store: Store, *keys: str, chat_id: int = CHAT, now: float = NOW) -> None:
    """These are put aside as they come."""
    made = [update(key, chat_id, state=State.PARKED, put_aside=True) for key in keys]
    receive(store, *made, now=now)


def chats(store: Store) -> list[tuple[int, int]]:
    return [(each.chat_id, each.messages) for each in floods(store.db.rows)]


def test_what_is_put_aside_is_counted_by_chat_and_is_not_unreadable(store: Store) -> None:
    receive(store, update("voice", None), update("bad", CHAT, state=State.PARKED), update("1"))
    aside(store, "2", "3")
    aside(store, "4", chat_id=OTHER, now=NOW + 5)
    assert chats(store) == [(CHAT, 2), (OTHER, 1)]
    assert store.floods.chats() == {CHAT, OTHER}
    depth = store.inbox.depth()
    assert (depth.waiting, depth.parked, depth.put_aside) == (1, 2, 3)
    assert store.health.snapshot().floods[1].since == NOW + 5


def test_it_is_released_in_its_order_however_much_it_is(store: Store) -> None:
    receive(store, update("first"))
    keys = [f"k{number}" for number in range(2 * STEP + 1)]
    aside(store, *keys)
    assert store.floods.let_go(CHAT, Outcome.RELEASE, NOW + 9) == len(keys)
    assert chats(store) == []
    receive(store, update("last"))
    found = []
    while store.inbox.head(CHAT) is not None:
        found.append(inbound(store).key)
        store.inbox.done(inbound(store), None, NOW)
    assert found == ["first", *keys, "last"]


def test_a_release_that_was_killed_is_gone_on_with(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = [f"k{number}" for number in range(2 * STEP)]
    aside(store, *keys)
    decide, made = store.inbox.decide, []

    def dies(item_id: int, *more: object, **others: object) -> bool:
        made.append(item_id)
        if len(made) == STEP + 7:
            raise KeyboardInterrupt
        return decide(item_id, *more, **others)  # type: ignore[arg-type]

    monkeypatch.setattr(store.inbox, "decide", dies)
    with pytest.raises(KeyboardInterrupt):
        store.floods.let_go(CHAT, Outcome.RELEASE, NOW)
    # What comes meanwhile still waits behind the rest.
    assert chats(store) == [(CHAT, STEP)]
    monkeypatch.undo()
    assert store.floods.let_go(CHAT, Outcome.RELEASE, NOW) == STEP
    assert store.inbox.depth().waiting == 2 * STEP


def test_dropped_one_by_one_or_all_it_is_no_flood_any_more(store: Store) -> None:
    aside(store, "1", "2", "3")
    assert store.inbox.decide(1, Outcome.DROP, error="x", now=NOW)
    assert store.floods.let_go(CHAT, Outcome.DROP, NOW) == 2
    assert chats(store) == []
    aside(store, "4")
    assert store.inbox.decide(4, Outcome.DROP, error="x", now=NOW)
    assert store.floods.chats() == set()
    assert store.floods.let_go(CHAT, Outcome.RELEASE, NOW) == 0


def test_unreadable_events_are_not_released_with_it(store: Store) -> None:
    receive(store, update("bad", CHAT, state=State.PARKED))
    aside(store, "1")
    assert store.floods.let_go(CHAT, Outcome.RELEASE, NOW) == 1
    assert store.inbox.depth().parked == 1


def test_it_is_not_forgotten_and_keeps_its_text(store: Store) -> None:
    aside(store, "1")
    for day in range(1, 90):
        store.tidying.run(NOW + day * DAY, Retention())
    assert store.floods.let_go(CHAT, Outcome.RELEASE, NOW + 90 * DAY) == 1
    assert inbound(store).payload == '"1"'


def test_agents_are_told_once_for_each_flood_as_soon_as_there_is_a_ticket(store: Store) -> None:
    aside(store, "1")
    assert store.floods.untold() == []
    store.db.tables.dialog.update(conversation_id=7).execute()
    assert store.floods.untold() == [(CHAT, 7)]
    for _ in range(3):
        store.floods.tell(CHAT, 7, "отложено", NOW)
    aside(store, "2")
    assert store.floods.untold() == []
    assert inbound(store).key == f"note:flood:{CHAT}:1"
    assert store.inbox.depth().waiting == 1
    store.floods.let_go(CHAT, Outcome.RELEASE, NOW)
    aside(store, "3")
    assert store.floods.untold() == [(CHAT, 7)]


@pytest.mark.parametrize("outcome", [Outcome.RELEASE, Outcome.DROP])
def test_what_is_in_doubt_after_a_restore_is_let_go_of_all_the_same(
    store: Store, outcome: Outcome
) -> None:
    keys = [f"k{number}" for number in range(STEP + 5)]
    aside(store, *keys)
    store.restored.begin(NOW - 60, NOW + 1)
    assert store.floods.let_go(CHAT, outcome, NOW + 9) == len(keys)
    assert chats(store) == []
