"""What the administrator is shown of a chat or a ticket is of that one, and of no other."""

from __future__ import annotations

from pathlib import Path

from store_world import CHAT, NOW, OTHER, inbound, open_store, queue, receive, update


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
    store.close()


def test_a_chat_is_posting_while_its_own_message_is_on_its_way(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    receive(store, update("1"), update("2", OTHER))
    assert not store.linking.is_posting(CHAT)
    store.inbox.mark_sending(inbound(store, OTHER).id, NOW)
    assert not store.linking.is_posting(CHAT)
    assert store.linking.is_posting(OTHER)
    store.close()
