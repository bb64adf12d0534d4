"""Whose database this is, and the answers, yes or no, that it remembers."""

from __future__ import annotations

from maxbridge.core.errors import ConfigError
from maxbridge.saying import say
from maxbridge.store.db import Database
from maxbridge.store.statements import find


class MetaTable:
    """Transactions of the table ``meta``, as far as its rows are not another table's business."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._meta = database.tables.meta
        self._bot_id: int | None = None
        """Once it is known, it never changes."""

    def claim(self, bot_id: int, bot_name: str) -> None:
        """Make the database this bot's, or see that it is.

        Raises:
            ConfigError: It belongs to another bot: its markers and ids would mean nothing.
        """
        with self._db.transaction():
            owner = find(self._meta, key="bot_id")
            if owner is None:
                self._meta.insert(key="bot_id", value=str(bot_id)).execute()
            elif int(owner.value) != bot_id:
                raise ConfigError(
                    say(
                        "[store] path: the database {path} belongs to bot {owner}, but the token is of bot {bot_id} ({bot_name}). Give every bot a database of its own, or put the old token back.",
                        path=self._db.path,
                        owner=owner.value,
                        bot_id=bot_id,
                        bot_name=bot_name,
                    )
                )

    def bot_id(self) -> int | None:
        """The bot that the database belongs to; None before the first contact."""
        if self._bot_id is None:
            row = find(self._meta, key="bot_id")
            self._bot_id = None if row is None else int(row.value)
        return self._bot_id

    def flag(self, name: str) -> bool:
        """A remembered yes or no; no when never set."""
        row = find(self._meta, key=name)
        return row is not None and bool(row.value == "yes")

    def set_flag(self, name: str, *, value: bool) -> None:
        """Remember a yes or no."""
        with self._db.transaction():
            self._meta.insert(
                key=name, value="yes" if value else "no"
            ).on_conflict_replace().execute()
