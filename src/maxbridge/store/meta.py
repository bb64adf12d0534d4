"""Single facts of the database: whose it is, what it remembers (``meta``), how far it is (``marker``)."""

from __future__ import annotations

from typing import NamedTuple

from maxbridge.core.errors import ConfigError
from maxbridge.saying import say
from maxbridge.store.db import Database

_BOT = "bot_id"
_VALUE = "SELECT value FROM meta WHERE key = ?"
_PUT = "INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)"
_DROP = "DELETE FROM meta WHERE key = ?"
_POSITION = "SELECT value, updated_at FROM marker WHERE name = ?"
_MOVE = "INSERT OR REPLACE INTO marker (name, value, updated_at) VALUES (?, ?, ?)"
_TOUCH = "UPDATE marker SET updated_at = ? WHERE name = ?"


class MetaTable:
    """Transactions of the table ``meta``; the names of rows that several modules know are in core/keys.py."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._bot_id: int | None = None
        """Once it is known, it never changes."""

    def claim(self, bot_id: int, bot_name: str) -> None:
        """Make the database this bot's, or see that it is.

        Raises:
            ConfigError: It belongs to another bot: its markers and ids would mean nothing.
        """
        with self._db.transaction():
            owner = self.value(_BOT)
            if owner is None:
                self.put(_BOT, str(bot_id))
            elif int(owner) != bot_id:
                raise ConfigError(
                    say(
                        "[store] path: the database {path} belongs to bot {owner}, but the token is of bot {bot_id} ({bot_name}). Give every bot a database of its own, or put the old token back.",
                        path=self._db.path,
                        owner=owner,
                        bot_id=bot_id,
                        bot_name=bot_name,
                    )
                )

    def bot_id(self) -> int | None:
        """The bot that the database belongs to; None before the first contact."""
        if self._bot_id is None:
            value = self.value(_BOT)
            self._bot_id = None if value is None else int(value)
        return self._bot_id

    def flag(self, name: str) -> bool:
        """A remembered yes or no; no when never set."""
        return self.value(name) == "yes"

    def set_flag(self, name: str, *, value: bool) -> None:
        """Remember a yes or no."""
        self.put(name, "yes" if value else "no")

    def value(self, key: str) -> str | None:
        """What a row says; None where there is none."""
        row = self._db.row(_VALUE, (key,))
        return None if row is None else str(row[0])

    def put(self, key: str, value: str) -> None:
        """Write a row."""
        with self._db.transaction():
            self._db.execute(_PUT, (key, value))

    def drop(self, key: str) -> None:
        """Take a row away; nothing where there is none."""
        with self._db.transaction():
            self._db.execute(_DROP, (key,))


class Position(NamedTuple):
    """How far something is.

    Attributes:
        value: A number of whoever counts: MAX's marker, a time of the desk's.
        updated_at: When that was so, our clock.
    """

    value: int
    updated_at: float


class MarkerTable:
    """Transactions of the table ``marker``."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def position(self, name: str) -> Position | None:
        """How far it is; None before the first time."""
        row = self._db.row(_POSITION, (name,))
        return None if row is None else Position(*row)

    def move(self, name: str, value: int, now: float) -> None:
        """Write down how far it is; to be called inside a transaction."""
        self._db.execute(_MOVE, (name, value, now))

    def touch(self, name: str, now: float) -> None:
        """It is where it was, still; to be called inside a transaction."""
        self._db.execute(_TOUCH, (now, name))
