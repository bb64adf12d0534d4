"""The acts of erasure, in a file beside the database, and whose data was erased and never comes back.

An act is one line of JSON. It is on the disk before anything is erased, so whoever is interrupted goes on
at the next start; a database that is restored, or made anew, has those erased again whom it still knows.

A tombstone holds numbers only: the chat, the MAX user, and three times. Without the chat's number nobody
could tell that a message which MAX gives once more, or a backup brings back, is one of the erased ones.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from maxbridge.core import keys
from maxbridge.core.errors import ExitCode, StoreError
from maxbridge.core.events import chat_of_mid, told_at
from maxbridge.paths import sync
from maxbridge.saying import denied, say
from maxbridge.store.db import Database

# --- acts ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AtDesk:
    """What the desk has of a person who is erased: numbers only.

    Attributes:
        tickets: Their tickets, which stay.
        cards: Their records that nobody has emptied.
        shared: Those of the records that are other people's as well.
        under_way: Messages of theirs that may have arrived there, or may yet: nobody knows in which ticket.
    """

    tickets: tuple[int, ...] = ()
    cards: tuple[int, ...] = ()
    shared: tuple[int, ...] = ()
    under_way: int = 0

    def __or__(self, other: AtDesk) -> AtDesk:
        """All that stands in one of the two."""
        return AtDesk(
            tuple(sorted({*self.tickets, *other.tickets})),
            tuple(sorted({*self.cards, *other.cards})),
            tuple(sorted({*self.shared, *other.shared})),
            self.under_way + other.under_way,
        )


@dataclass(frozen=True, slots=True)
class Act:
    """One erasure.

    Attributes:
        number: Counted from 1 in this file.
        stones: What keeps the erased from coming back, chat by chat.
        reason: Why, in the administrator's words.
        by: Who did it.
        line: The line for the act by order 179 of Roskomnadzor; empty while the erasure is under way.
        desk: What the desk had: whoever was interrupted, or comes back with ``--desk``, goes on by it.
    """

    number: int
    stones: tuple[Tombstone, ...]
    reason: str
    by: str
    line: str = ""
    desk: AtDesk = AtDesk()


class Acts:
    """The file."""

    def __init__(self, database: Path) -> None:
        self.path = database.with_name(f"{database.name}.acts")
        self._database = database

    def all(self) -> list[Act]:
        """Every act, the oldest first; of one that was written twice, the later line.

        Raises:
            StoreError: The file cannot be read, or is none of ours.
        """
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return []
        except PermissionError as error:
            raise StoreError(denied(self.path), ExitCode.NO_PERMISSION) from error
        except (OSError, UnicodeDecodeError) as error:
            raise self._unreadable() from error
        found: dict[int, Act] = {}
        # What a power cut left of a line was not followed by an erasure.
        for line in text.split("\n")[:-1]:
            act = self._read(line)
            found[act.number] = act
        return list(found.values())

    def unfinished(self, chat_id: int) -> list[Act]:
        """Acts about a chat that were interrupted, or left a record at the desk as it is; the oldest first."""
        return [
            each
            for each in self.all()
            if any(stone.chat_id == chat_id for stone in each.stones)
            and not (each.line and not each.desk.cards)
        ]

    def begin(
        self, stones: tuple[Tombstone, ...], reason: str, by: str, desk: AtDesk = AtDesk()
    ) -> Act:
        """Write down that somebody is about to be erased.

        Raises:
            StoreError: It cannot be written: then nobody must be erased.
        """
        try:
            with self._writing() as file:
                number = max((each.number for each in self.all()), default=0) + 1
                act = Act(number, stones, reason, by, desk=desk)
                self._append(file, act)
        except OSError as error:
            raise StoreError(
                say(
                    "The file of acts {path} cannot be written: {error}. Nothing was erased. Check the folder and the free space.",
                    path=self.path,
                    error=error.strerror or error,
                )
            ) from error
        return act

    def finish(self, act: Act, line: str, cards: tuple[int, ...] = ()) -> Act:
        """Keep the line for the act.

        Args:
            act: Which.
            line: It.
            cards: Records at the desk that are not emptied.

        Raises:
            StoreError: It cannot be written; the erasure is done all the same.
        """
        done = replace(act, line=line, desk=replace(act.desk, cards=cards))
        try:
            with self._writing() as file:
                self._append(file, done)
        except OSError as error:
            raise StoreError(
                say(
                    "The file of acts {path} cannot be written: {error}. The person is erased, and the line for the act is printed, but not kept: give the same command again when there is room.",
                    path=self.path,
                    error=error.strerror or error,
                )
            ) from error
        return done

    @contextlib.contextmanager
    def _writing(self) -> Iterator[BinaryIO]:
        """The file, for one command at a time: two that erase at once must not take one number.

        Raises:
            StoreError: This user may not.
            OSError: The disk, say.
        """
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        except PermissionError as error:
            raise StoreError(denied(self.path), ExitCode.NO_PERMISSION) from error
        with open(descriptor, "r+b") as file:  # noqa: PTH123 - with these flags
            fcntl.flock(file, fcntl.LOCK_EX)
            self._own(descriptor)
            yield file

    def _append(self, file: BinaryIO, act: Act) -> None:
        """Write a line, in the place of what a power cut has left of one."""
        text = json.dumps(asdict(act), ensure_ascii=False) + "\n"
        file.truncate(file.read().rfind(b"\n") + 1)
        file.seek(0, os.SEEK_END)
        file.write(text.encode())
        file.flush()
        os.fsync(file.fileno())
        sync(self.path.parent)

    def _own(self, descriptor: int) -> None:
        """It belongs to whoever the database belongs to; root erases, the service reads."""
        owner = self._database.stat()
        with contextlib.suppress(PermissionError):
            os.fchown(descriptor, owner.st_uid, owner.st_gid)

    def _read(self, line: str) -> Act:
        try:
            data: dict[str, Any] = json.loads(line)
            stones = tuple(Tombstone(**each) for each in data.pop("stones"))
            desk = data.pop("desk", {})  # older acts have none
            tickets, cards, shared = (
                tuple(desk.get(name, ())) for name in ("tickets", "cards", "shared")
            )
            known = AtDesk(tickets, cards, shared, desk.get("under_way", 0))
            return Act(stones=stones, desk=known, **data)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise self._unreadable() from error

    def _unreadable(self) -> StoreError:
        return StoreError(
            say(
                "The file of acts {path} cannot be read. It tells who must stay erased: put a good copy of it in its place, or move it away if nobody was ever erased.",
                path=self.path,
            )
        )


# --- Whose data was erased -------------------------------------------------------------------------


_LEAST = 10**11
"""Milliseconds; what is less is in another unit."""
UNDER_WAY = 120.0
"""Seconds for which the desk may still carry out what was posted before the erasure."""
_ROUNDED = 5.0
"""Seconds by which a time of the desk's may lie before the moment itself: it has whole seconds, and so has its clock."""
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

    def hides_ticket(self, made_at: float, said_at: float | None) -> bool:
        """Is a ticket one of before the erasure?

        One that came into being while something of before may have been on its way is, unless all that the customer
        says in it was written afterwards: then it is a new customer's.

        Args:
            made_at: When it was opened, desk time.
            said_at: When the oldest message in it was written, MAX's seconds; None where nothing tells.
        """
        if made_at > self.desk_until - UNDER_WAY - _ROUNDED and said_at is not None:
            return made_at <= self.desk_until and round(said_at * 1000) <= self.max_until
        return made_at <= self.desk_until


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

    def covers(self, chat_id: int, made_at: float, said_at: float | None = None) -> bool:
        """Is what the desk made then, by its time, of before the customer of a chat was erased?

        Args:
            chat_id: The chat.
            made_at: Desk time.
            said_at: Of a ticket, as :meth:`Tombstone.hides_ticket` takes it.
        """
        stone = self.of_chat(chat_id)
        return stone is not None and stone.hides_ticket(made_at, said_at)

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
    told = told_at(key)
    return found if told is None else [*found, told]
