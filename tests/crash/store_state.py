"""What the daemon's database says of itself, read beside the daemon, with plain SQL."""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import dataclass
from pathlib import Path

HeldRow = tuple[str, str, int | None, str | None, str]


@dataclass(frozen=True, slots=True)
class StoreState:
    """What the database says, read beside the daemon.

    Attributes:
        working: Pollers that have had a success in this life.
        waiting: Items that a worker still has to deliver.
        unread: Tickets that have to be read.
        held: Items that wait for a person: key, error, thread or None, payload or None, doubt or empty.
        bounced: Keys of replies that were returned.
    """

    working: int
    waiting: int
    unread: int
    held: tuple[HeldRow, ...]
    bounced: tuple[str, ...]


def read_store(database: Path, began: float) -> StoreState:
    """Read the database, also while the daemon works.

    Args:
        database: The file.
        began: The world's time at which the present life of the daemon began.
    """
    if not database.exists():
        return StoreState(0, 0, 0, (), ())
    with contextlib.closing(
        sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10)
    ) as base:
        if not base.execute("SELECT 1 FROM sqlite_master WHERE name = 'health'").fetchone():
            return StoreState(0, 0, 0, (), ())
        working = base.execute(
            "SELECT COUNT(*) FROM health WHERE success_at >= ? AND name LIKE '%poller'", (began,)
        ).fetchone()[0]
        waiting = sum(
            base.execute(f"SELECT COUNT(*) FROM {table} WHERE pending").fetchone()[0]  # noqa: S608
            for table in ("inbox", "outbox")
        )
        unread = base.execute(
            "SELECT COUNT(*) FROM ticket WHERE next_read_at IS NOT NULL AND NOT gone"
        ).fetchone()[0]
        held = base.execute(
            "SELECT key, error, NULL, payload, doubt FROM inbox WHERE state = 'held' UNION ALL "
            "SELECT key, error, thread_id, NULL, doubt FROM outbox WHERE state = 'held'"
        ).fetchall()
        bounced = base.execute("SELECT key FROM outbox WHERE state = 'bounced'").fetchall()
    return StoreState(
        working,
        waiting,
        unread,
        tuple(held),
        tuple(key for (key,) in bounced),
    )
