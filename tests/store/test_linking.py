"""What the administrator is shown of a chat or a ticket is of that one, and of no other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from maxbridge.core.delivery import Outcome
from maxbridge.store.linking import Counts
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
    set_blocked,
    update,
)


def test_the_last_deliveries_of_a_chat_are_its_own_the_latest_first(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    receive(store, update("1"), update("2", OTHER), now=NOW + 1)
    queue(store, "thread:1:0", now=NOW + 2)
    queue(store, "thread:2:0", chat_id=OTHER, now=NOW + 3)
    receive(store, update("3"), update("4", OTHER), now=NOW + 4)
    for chat, keys in (
        (CHAT, ["3", "thread:1:0", "1"]),
        (OTHER, ["4", "thread:2:0", "2"]),
    ):
        assert [each.key for each in store.linking.recent(chat, 10)] == keys
        assert [each.key for each in store.linking.recent(chat, 2)] == keys[:2]
    store.close()


def test_the_replies_that_have_not_left_are_those_of_the_ticket(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    queue(store, "thread:1:0", conversation_id=7)
    queue(store, "thread:2:0", conversation_id=8, chat_id=OTHER)
    queue(store, "thread:3:0", conversation_id=7)
    assert store.linking.waiting_replies(7) == ["out-1", "out-3"]
    assert store.linking.waiting_replies(8) == ["out-2"]
    assert store.linking.waiting_replies(9) == []
    store.outbox.decide(3, Outcome.HOLD, error="by the administrator", now=NOW)
    assert store.linking.waiting_replies(7) == ["out-1"]
    assert store.linking.held_replies(7) == ["out-3"]
    assert store.linking.held_replies(8) == []
    store.close()


def test_a_chat_is_posting_while_its_own_message_is_on_its_way(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    receive(store, update("1"), update("2", OTHER))
    assert not store.linking.is_posting(CHAT)
    store.inbox.mark_sending(inbound(store, OTHER).id, NOW)
    assert not store.linking.is_posting(CHAT)
    assert store.linking.is_posting(OTHER)
    store.close()


def test_dialogs_are_found_by_each_condition_and_by_all_of_them(tmp_path: Path) -> None:
    journal = open_store(tmp_path)
    linking = journal.linking
    assert linking.link(CHAT, 7, None, desk_now=NOW)
    set_blocked(journal, OTHER, blocked=True, at=NOW + 5)

    def found(**conditions: Any) -> tuple[list[int], int]:
        views, count = linking.dialogs(**conditions)
        return [each.chat_id for each in views], count

    assert found() == ([CHAT, OTHER], 2)
    assert found(limit=1) == ([CHAT], 2)
    assert found(chats=[OTHER]) == ([OTHER], 1)
    assert found(user_id=USER) == ([CHAT], 1)
    assert found(conversation_id=7) == ([CHAT], 1)
    assert found(conversation_id=8) == ([], 0)
    assert found(blocked=True) == ([OTHER], 1)
    assert found(chats=[CHAT], blocked=True) == ([], 0)
    ((view,), _) = linking.dialogs(chats=[OTHER])
    assert view.blocked is True
    assert not view.is_group
    journal.dialogs.ensure(-73, None, NOW)
    ((group,), _) = linking.dialogs(chats=[-73])
    assert group.is_group
    assert group.blocked is False
    journal.close()


def test_what_waits_and_what_is_held_is_counted_by_direction(tmp_path: Path) -> None:
    journal = open_store(tmp_path)
    receive(journal, update("1"), update("2"), update("3", OTHER))
    for key in ("a", "b", "c"):
        queue(journal, key)
    journal.inbox.decide(inbound(journal).id, Outcome.HOLD, error="x", now=NOW)
    for _ in range(2):
        journal.outbox.decide(outbound(journal).id, Outcome.HOLD, error="x", now=NOW)
    assert journal.linking.counts(CHAT) == Counts(1, 1, 1, 2)
    journal.close()


def test_a_ticket_is_not_taken_while_a_message_of_either_chat_is_on_its_way(tmp_path: Path) -> None:
    journal = open_store(tmp_path)
    linking = journal.linking
    assert linking.link(CHAT, 7, None, desk_now=NOW)
    receive(journal, update("1"), update("2", OTHER))
    for chat in (CHAT, OTHER):
        item = inbound(journal, chat)
        journal.inbox.mark_sending(item.id, NOW)
        assert linking.is_posting(chat)
        assert not linking.link(OTHER, 7, None, desk_now=NOW)
        assert journal.tickets.owner(7) == CHAT
        journal.inbox.done(item, None, NOW)
    assert linking.link(OTHER, 7, None, desk_now=NOW)
    assert journal.tickets.owner(7) == OTHER
    journal.close()


def test_taking_a_ticket_away_and_calling_a_customer_reachable_say_whether_there_was_anything_to_do(
    tmp_path: Path,
) -> None:
    journal = open_store(tmp_path)
    linking = journal.linking
    assert not linking.unlink(CHAT, 7, "note", NOW)
    assert linking.link(CHAT, 7, None, desk_now=NOW)
    assert linking.unlink(CHAT, 7, "note", NOW)
    assert inbound(journal).payload == '{"conversation_id": 7, "text": "note"}'
    assert not linking.unlink(CHAT, 7, "note", NOW + 1)
    assert not linking.unblock(CHAT, NOW)
    set_blocked(journal, CHAT, blocked=True, at=NOW)
    assert linking.unblock(CHAT, NOW)
    assert not linking.unblock(CHAT, NOW)
    journal.close()
