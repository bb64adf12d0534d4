"""Whose data was erased, and from when on they are new customers: what keeps old data from coming back.

A tombstone holds numbers only: the chat, the MAX user, and three times. Without the chat's number nobody
could tell that a message which MAX gives once more, or a backup brings back, is one of the erased ones.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass

from maxbridge.core import keys
from maxbridge.core.events import chat_of_mid, written_at
from maxbridge.store.db import Database

_LEAST = 10**11
"""Milliseconds; what is less is in another unit."""
_COLUMNS = "chat_id, user_id, at, max_until, desk_until"


@dataclass(frozen=True, slots=True)
class Tombstone:
    """A chat whose data was erased.

    Attributes:
        chat_id: The chat.
        user_id: Its MAX user; None for a group.
        at: When, our clock.
        max_until: MAX's time, in milliseconds, of the newest event that was known: up to there everything
            of the chat is old.
        desk_until: Desk time up to which tickets and cards of theirs are old.
    """

    chat_id: int
    user_id: int | None
    at: float
    max_until: int
    desk_until: float


class Tombstones:
    """Reads them; they change only when a command erases somebody, perhaps beside the daemon."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def of_chat(self, chat_id: int) -> Tombstone | None:
        """The tombstone of a chat; None when nobody was erased there."""
        return self.among((chat_id,)).get(chat_id)

    def of_user(self, user_id: int) -> Tombstone | None:
        """The latest tombstone of a MAX user."""
        sql = f"SELECT {_COLUMNS} FROM forgotten WHERE user_id = ? ORDER BY at DESC LIMIT 1"
        return next((Tombstone(*row) for row in self._db.rows(sql, (user_id,))), None)

    def covers(self, chat_id: int, made_at: float) -> bool:
        """Is what the desk made then, by its time, of before the customer of a chat was erased?"""
        stone = self.of_chat(chat_id)
        return stone is not None and made_at <= stone.desk_until

    def among(self, chat_ids: Collection[int]) -> dict[int, Tombstone]:
        """Tombstones of these chats."""
        marks = ", ".join("?" * len(chat_ids))
        sql = f"SELECT {_COLUMNS} FROM forgotten WHERE chat_id IN ({marks})"
        return {row[0]: Tombstone(*row) for row in self._db.rows(sql, tuple(chat_ids))}

    def hides_key(self, key: str) -> bool:
        """Does a key name a message of before the erasure? One that tells no chat or time does not."""
        mid = keys.mid_in(key)
        chat_id = None if mid is None else chat_of_mid(mid)
        stone = None if chat_id is None else self.of_chat(chat_id)
        return stone is not None and is_old(stone, key)


def is_old(stone: Tombstone, key: str, payload: str | None = None) -> bool:
    """Is an update one of before the erasure?

    By MAX's own times. One that tells none counts as new: a message must not be lost, and MAX stamps all of
    its events.

    Args:
        stone: The tombstone of its chat.
        key: Its identity.
        payload: The raw JSON, where it is known.
    """
    return any(at <= stone.max_until for at in times_of(key, payload))


def times_of(key: str, payload: str | None = None) -> list[int]:
    """What is known of when an update happened, in MAX's milliseconds: by its stamp, and by its id.

    The two may differ a little, and of an old one only the id is known.
    """
    found = []
    try:
        raw = json.loads(payload or "null")
    except ValueError:
        raw = None
    at = raw.get("timestamp") if isinstance(raw, dict) else None
    if isinstance(at, int) and not isinstance(at, bool) and at >= _LEAST:
        found.append(at)
    mid, stamp = keys.mid_in(key), keys.stamp_of(key)
    if stamp is not None:
        found.append(stamp)
    elif mid is not None and (written := written_at(mid)) is not None:
        found.append(round(written * 1000))
    return found
