"""Everything that the database keeps of one person, as plain data: what ``dialogs export`` writes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from maxbridge.store.db import Database
from maxbridge.store.forgetting import Whose, says


class PersonStore:
    """Readings only."""

    def __init__(self, database: Database) -> None:
        self._t = database.tables

    def kept(self, whose: Whose) -> dict[str, list[dict[str, Any]]]:
        """Every row that holds something of a person, by table; JSON in it is read.

        Args:
            whose: The person, with all chats.
        """
        t, chats = self._t, list(whose.chats)
        queues = {
            "inbox": list(_rows(t.inbox.select().where(t.inbox.chat_id.in_(chats)))),
            "outbox": list(_rows(t.outbox.select().where(t.outbox.chat_id.in_(chats)))),
        }
        if whose.user_id is not None:
            queues["inbox"] += self._elsewhere(whose)
        sent = [row["id"] for row in queues["outbox"]]
        return queues | {
            "dialog": list(_rows(t.dialog.select().where(t.dialog.chat_id.in_(chats)))),
            "ticket": list(_rows(t.ticket.select().where(t.ticket.chat_id.in_(chats)))),
            "part": [
                row for one in sent for row in _rows(t.part.select().where(t.part.outbox_id == one))
            ],
            "seen": list(_rows(t.seen.select().where(t.seen.conversation_id.in_(whose.tickets)))),
            "recovered": list(
                _rows(t.recovered.select().where(t.recovered.conversation_id.in_(whose.tickets)))
            ),
            "backfill": list(_rows(t.backfill.select().where(t.backfill.chat_id.in_(chats)))),
            "stranger": list(
                _rows(t.unmatched.select().where(t.unmatched.customer_id.in_(whose.cards)))
            ),
            "awaited": list(_rows(t.awaited.select().where(t.awaited.user_id == whose.user_id))),
            "rating": list(_rows(t.rating.select().where(t.rating.chat_id.in_(chats)))),
            "forgotten": list(_rows(t.forgotten.select().where(t.forgotten.chat_id.in_(chats)))),
        }

    def _elsewhere(self, whose: Whose) -> list[dict[str, Any]]:
        """What the person wrote in groups, and what nobody could place."""
        inbox, user_id = self._t.inbox, whose.user_id or 0
        rows = inbox.select().where(inbox.payload.contains(str(user_id)))
        return [
            each
            for each in _rows(row for row in rows if says(row.payload or "null", user_id))
            if each["chat_id"] not in whose.chats
        ]


def _rows(found: Any) -> Iterator[dict[str, Any]]:
    for row in found:
        data = dict(row.__data__)
        for name in ("payload", "files", "talk"):
            if isinstance(data.get(name), str):
                data[name] = json.loads(data[name])
        yield data
