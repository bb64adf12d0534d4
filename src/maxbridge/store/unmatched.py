"""Conversations of the desk that were looked at and belong to nobody of ours: looked at once only."""

from __future__ import annotations

from collections.abc import Collection

from maxbridge.store.db import Database, marks

_LOOKED_AT = "SELECT conversation_id, customer_id FROM stranger WHERE conversation_id IN"
_LOOK_AT = (
    "INSERT OR REPLACE INTO stranger (conversation_id, customer_id, looked_at) VALUES (?, ?, ?)"
)
_FORGET = "DELETE FROM stranger WHERE looked_at < ?"


class UnmatchedTable:
    """Transactions of these conversations."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def among(self, conversation_ids: Collection[int]) -> dict[int, int | None]:
        """Those of these conversations that have been looked at, with their customers then."""
        wanted = tuple(conversation_ids)
        return dict(self._db.rows(f"{_LOOKED_AT} {marks(wanted)}", wanted))

    def remember(self, conversation_id: int, customer_id: int | None, now: float) -> None:
        """A conversation has been looked at; our clock."""
        with self._db.transaction():
            self._db.execute(_LOOK_AT, (conversation_id, customer_id, now))

    def forget(self, before: float) -> int:
        """Forget what was looked at before a time of our clock; returns how many that were."""
        with self._db.transaction():
            return self._db.execute(_FORGET, (before,))
