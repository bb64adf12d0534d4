"""A store with a dialog in it, as the tests of the journals start from."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from maxbridge.core.delivery import PENDING, Outcome, State
from maxbridge.core.events import Conversation, Fate, Thread
from maxbridge.core.parts import Part
from maxbridge.core.plan_outbound import OutboundPlan, Verdict
from maxbridge.store.db import Database
from maxbridge.store.inbox import NewUpdate
from maxbridge.store.queue import Queue
from maxbridge.store.readings import Reply
from maxbridge.store.records import InboxItem, OutboxItem
from maxbridge.store.schema import MIGRATIONS
from maxbridge.store.store import Store

CHAT, OTHER = 512340001, 512340002
USER, OTHER_USER = 410000017, 410000099
NOW = 1_800_000_000.0
NEWEST_SCHEMA = max(each.stem for each in MIGRATIONS.glob("[0-9]*.py"))


def set_pragma(database: Database, name: str, value: int) -> None:
    """Put something in the way of a database's own connection."""
    database._db.pragma(name, value)


def new_store(path: Path) -> Store:
    """A store; a new one is a copy of an empty one, which takes a fifth of the time of migrating it."""
    if not path.exists():
        try:
            path.write_bytes(_empty())
        except OSError:  # a full disk: the store itself is to meet it
            path.unlink(missing_ok=True)
    return Store(path)


@functools.cache
def _empty() -> bytes:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "store.db"
        Store(path).close()
        return path.read_bytes()


def open_store(directory: Path) -> Store:
    """A new store with two dialogs."""
    path = directory / "store.db"
    path.write_bytes(_with_two_dialogs())
    return Store(path)


@functools.cache
def _with_two_dialogs() -> bytes:
    """Such a store's file: copying it takes a third of the time of making it."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "store.db"
        journal = Store(path)
        journal.dialogs.ensure(CHAT, USER, NOW)
        journal.dialogs.ensure(OTHER, OTHER_USER, NOW)
        journal.close()
        return path.read_bytes()


def update(key: str = "1", chat_id: int | None = CHAT, **more: Any) -> NewUpdate:
    """One raw update."""
    members: dict[str, Any] = {"update_type": "message_created", "payload": f'"{key}"'}
    return NewUpdate(key=key, chat_id=chat_id, **(members | more))


def set_blocked(journal: Store, chat_id: int, *, blocked: bool, at: float) -> bool:
    """A customer of a known dialog stops the bot, or can be reached again; True when that is news."""
    known = journal.dialogs.get(chat_id) is not None
    return known and journal.dialogs.record_contact(chat_id, None, at, blocked=blocked, at=at)[1]


def receive(journal: Store, *updates: NewUpdate, now: float = NOW) -> None:
    """Take updates in, as a poll does."""
    journal.inbox.ingest(updates, None, now)


def inbound(journal: Store, chat_id: int = CHAT) -> InboxItem:
    """The oldest pending item of a chat on its way to the desk."""
    item = journal.inbox.head(chat_id)
    assert item is not None
    return item


def outbound(journal: Store, chat_id: int = CHAT) -> OutboxItem:
    """The oldest pending item of a chat on its way to MAX."""
    item = journal.outbox.head(chat_id)
    assert item is not None
    return item


def queue(
    journal: Store,
    key: str,
    *parts: str | Part,
    chat_id: int = CHAT,
    now: float = NOW,
    **more: Any,
) -> None:
    """Put a reply into the outbox."""
    with journal.db.transaction():
        made = [Part(each) if isinstance(each, str) else each for each in parts or ("text",)]
        journal.outbox.add(key, chat_id, made, now=now, **more)


def judge(
    journal: Store,
    ticket: Conversation,
    *verdicts: tuple[Thread, Fate],
    next_read: float | None = None,
    read_at: float = NOW,
    revision: int = 0,
    notes: Mapping[int, str] | None = None,
) -> None:
    """Carry verdicts on a ticket of ours into the store."""
    record = journal.tickets.ticket(ticket.id)
    assert record is not None
    plan = OutboundPlan(
        tuple(Verdict(one, fate, "test", revision) for one, fate in verdicts), next_read
    )
    replies = {
        one.id: Reply(f"thread:{one.id}:{revision}", one.id, (Part(one.body),), "excerpt")
        for one, fate in verdicts
        if fate is Fate.SENT
    }
    journal.readings.judged(
        record, ticket, plan, replies, notes or {}, read_at=read_at, now=read_at
    )


def force(queue: Queue[Any], item_id: int, state: State, **fields: Any) -> None:
    """Put a delivery into a state by hand, whatever the rules say."""
    model = queue._model
    pending = {"pending": state in PENDING}
    model.update(state=state, **pending, **fields).where(model.id == item_id).execute()


def sent(journal: Store, item: OutboxItem, seq: int, mid: str, now: float = NOW) -> bool:
    """A part leaves, and MAX accepts it; True when it was the last one."""
    journal.outbox.mark_sending(item.id, now)
    return journal.outbox.part_done(item, seq, mid, now)


def held_in_doubt(queue: Queue[Any], item_id: int, error: str, now: float = NOW) -> None:
    """An attempt whose outcome no look-up can tell."""
    queue.mark_sending(item_id, now)
    queue.defer(item_id, Outcome.NO_ANSWER, at=now, error="x.dropped")
    assert queue.decide(item_id, Outcome.UNKNOWABLE, error=error, now=now)
