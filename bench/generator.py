"""Fills a store by bulk inserts with what the program would have written in a month of work.

The rows are those of the newest schema; everything that can be read off a real run was (states, keys,
which texts are scrubbed). Conversation and thread ids begin high, so that a fresh desk's own do not
collide with them.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from maxbridge.sim.max.store import make_mid
from maxbridge.store.store import Store

BOT = 900_100_200
FIRST_CHAT = 912_340_001
FIRST_USER = 810_000_001
FIRST_TICKET = 50_000_000
FIRST_THREAD = 70_000_000
FIRST_MARKER = 18_000_101
_MONTH = 29.5 * 86400
_TEXTS = 7 * 86400
"""Texts of delivered messages are kept so long (store/tidying.py, Retention)."""
_BATCH = 20_000
WORDS = "Добрый день! Подскажите, пожалуйста, когда приедет мой заказ, жду его третий день."


def payload(person: int, number: int, at: float) -> str:
    """The raw update of a message, as the inbox keeps it."""
    chat, ms = FIRST_CHAT + person, int(at * 1000)
    sender = {
        "user_id": FIRST_USER + person, "first_name": f"Прежний{person}", "last_name": "Покупатель",
        "is_bot": False, "last_activity_time": ms, "name": f"Прежний{person} Покупатель",
    }  # fmt: skip
    message = {
        "recipient": {"chat_id": chat, "chat_type": "dialog", "user_id": BOT},
        "timestamp": ms,
        "body": {
            "mid": _mid(person, number, at), "seq": ms << 16 | number & 0xFFFF,
            "text": f"№{number}№ {WORDS}",
        },
        "sender": sender,
    }  # fmt: skip
    update = {
        "update_type": "message_created", "message": message, "timestamp": ms, "user_locale": "ru",
    }  # fmt: skip
    return json.dumps(update, ensure_ascii=True, sort_keys=True, separators=(",", ":"))


def _mid(person: int, number: int, at: float) -> str:
    return make_mid(FIRST_CHAT + person, int(at * 1000) << 16 | number & 0xFFFF)


def create(path: Path) -> None:
    """An empty store of the simulators' bot, past its first start."""
    store = Store(path)
    store.meta.claim(BOT, "Поддержка")
    store.meta.set_flag("skip_backlog", value=False)
    store.meta.set_flag("started", value=True)
    now = time.time()
    store.backfill.store_page([], FIRST_MARKER, now, clears=None, newest=int(now * 1000))
    store.close()


def history(path: Path, *, messages: int, people: int) -> None:
    """A month of talk: six of ten messages are customers', the others agents' replies."""
    create(path)
    now = time.time()
    step = _MONTH / messages
    with closing(sqlite3.connect(path)) as store:
        store.execute("PRAGMA synchronous = OFF")
        _dialogs(store, people, now)
        for first in range(0, messages, _BATCH):
            numbers = range(first, min(messages, first + _BATCH))
            with store:
                _inbox(
                    store,
                    ((n, n % people, now - _MONTH + n * step) for n in numbers if _is_in(n)),
                    now,
                )
                _outbox(
                    store,
                    ((n, n % people, now - _MONTH + n * step) for n in numbers if not _is_in(n)),
                    now,
                )
        store.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def waiting(path: Path, *, messages: int, people: int) -> None:
    """Messages that were taken in and not delivered yet, from customers without a ticket."""
    create(path)
    now = time.time()
    sql = (
        "INSERT INTO inbox (key, chat_id, state, pending, created_at, attempts, next_at, update_type,"
        " payload, covered) VALUES (?, ?, 'queued', 1, ?, 0, 0, 'message_created', ?, 0)"
    )
    with closing(sqlite3.connect(path)) as store, store:
        rows = (
            (
                f"message_created:{_mid(number % people, number, now)}",
                FIRST_CHAT + number % people,
                now,
                payload(number % people, number, now),
            )
            for number in range(messages)
        )
        store.executemany(sql, rows)


def _is_in(number: int) -> bool:
    return number % 10 < 6


def _dialogs(store: sqlite3.Connection, people: int, now: float) -> None:
    with store:
        store.executemany(
            "INSERT INTO dialog (chat_id, user_id, customer_id, conversation_id, blocked, blocked_at,"
            " created_at, last_inbound_at, last_outbound_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                (
                    FIRST_CHAT + each, FIRST_USER + each, FIRST_TICKET + each, FIRST_TICKET + each,
                    each % 100 == 99, now - 3600 if each % 100 == 99 else None,
                    now - _MONTH, now - each, now - each,
                )
                for each in range(people)
            ),
        )  # fmt: skip
        store.executemany(
            "INSERT INTO ticket (conversation_id, chat_id, linked_at, user_updated_at, read_at,"
            " posted_at, read_failures, gone, deleted, adopted, unlinked, customer_id)"
            " VALUES (?, ?, ?, ?, ?, ?, 0, 0, 0, 0, 0, ?)",
            (
                (
                    FIRST_TICKET + each, FIRST_CHAT + each, now - _MONTH, now - 3600, now - 3500,
                    now - 3600, FIRST_TICKET + each,
                )
                for each in range(people)
            ),
        )  # fmt: skip


def _inbox(store: sqlite3.Connection, rows: Iterator[tuple[int, int, float]], now: float) -> None:
    store.executemany(
        "INSERT INTO inbox (key, chat_id, state, pending, created_at, attempts, first_try_at,"
        " attempted_at, next_at, finished_at, update_type, payload, desk_at, target_id,"
        " conversation_id, thread_id, covered, covering, carrying)"
        " VALUES (?, ?, 'done', 0, ?, 0, ?, ?, 0, ?, 'message_created', ?, ?, ?, ?, ?, 0, 0, 0)",
        (
            (
                f"message_created:{_mid(person, number, at)}", FIRST_CHAT + person, at, at, at,
                at + 0.1, payload(person, number, at) if now - at < _TEXTS else None, at,
                FIRST_TICKET + person, FIRST_TICKET + person, FIRST_THREAD + number,
            )
            for number, person, at in rows
        ),
    )  # fmt: skip


def _outbox(store: sqlite3.Connection, rows: Iterator[tuple[int, int, float]], now: float) -> None:
    for number, person, at in rows:
        kept = now - at < _TEXTS
        item = store.execute(
            "INSERT INTO outbox (key, chat_id, state, pending, created_at, attempts, first_try_at,"
            " attempted_at, next_at, finished_at, conversation_id, thread_id, excerpt)"
            " VALUES (?, ?, 'done', 0, ?, 0, ?, ?, 0, ?, ?, ?, ?)",
            (
                f"thread:{FIRST_THREAD + number}:0", FIRST_CHAT + person, at, at, at, at + 0.1,
                FIRST_TICKET + person, FIRST_THREAD + number, WORDS[:40] if kept else "",
            ),
        )  # fmt: skip
        store.execute(
            "INSERT INTO part (outbox_id, seq, text, html, action, mid) VALUES (?, 0, ?, 1, 'send', ?)",
            (item.lastrowid, WORDS if kept else None, _mid(person, number, at)),
        )
        store.execute(
            "INSERT INTO seen VALUES (?, ?, 'sent', ?, ?, 0)",
            (FIRST_THREAD + number, FIRST_TICKET + person, at, f"{number:064x}"),
        )
