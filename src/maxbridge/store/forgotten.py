"""The acts of erasure, in a file beside the database, and tombstones that keep erased data from coming back.

An act is one line of JSON. It is on the disk before anything is erased, so an interrupted erasure
continues at the next start; a database that is restored, or created anew, erases the persons again
whom it still knows.

A tombstone contains numbers only: the chat, the MAX user, and three times. Without the chat's
number it would be impossible to tell that a message which MAX delivers again, or a backup restores,
is an erased one.
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
    """What the desk has of an erased person: numbers only.

    Attributes:
        tickets: Their tickets, which stay.
        cards: Their customer records that have not been emptied.
        shared: Those of the records that belong to other people as well.
        under_way: Messages of theirs that may be, or arrive, at the desk in an unknown ticket.
    """

    tickets: tuple[int, ...] = ()
    cards: tuple[int, ...] = ()
    shared: tuple[int, ...] = ()
    under_way: int = 0

    def __or__(self, other: AtDesk) -> AtDesk:
        """Return the union."""
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
        stones: The tombstones, one per chat.
        reason: Why, in the administrator's words.
        by: Who did it.
        line: The line for the act by order 179 of Roskomnadzor; empty while the erasure is under
            way.
        desk: What the desk had: an interrupted or repeated command (``--desk``) continues from it.
    """

    number: int
    stones: tuple[Tombstone, ...]
    reason: str
    by: str
    line: str = ""
    desk: AtDesk = AtDesk()


class Acts:
    """The file of acts."""

    def __init__(self, database: Path) -> None:
        self.path = database.with_name(f"{database.name}.acts")
        self._database = database

    def all(self) -> list[Act]:
        """Return every act, oldest first; if one was written twice, the later line.

        Raises:
            StoreError: The file cannot be read, or is not ours.
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
        """Return acts about a chat that were interrupted, or left a customer record at the desk, oldest first."""
        return [
            each
            for each in self.all()
            if any(stone.chat_id == chat_id for stone in each.stones)
            and not (each.line and not each.desk.cards)
        ]

    def begin(
        self, stones: tuple[Tombstone, ...], reason: str, by: str, desk: AtDesk = AtDesk()
    ) -> Act:
        """Record that somebody is about to be erased.

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
        """Store the line for the act.

        Args:
            act: The act.
            line: The line.
            cards: Customer records at the desk that were not emptied.

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
        """Open the file for one command at a time: two erasures at once must not get the same number.

        Raises:
            StoreError: This user may not.
            OSError: The disk fails, for example.
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
        """Write a line; it replaces an incomplete one left by a power cut."""
        text = json.dumps(asdict(act), ensure_ascii=False) + "\n"
        file.truncate(file.read().rfind(b"\n") + 1)
        file.seek(0, os.SEEK_END)
        file.write(text.encode())
        file.flush()
        os.fsync(file.fileno())
        sync(self.path.parent)

    def _own(self, descriptor: int) -> None:
        """Give the file to the database's owner: root erases, the service reads."""
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
        max_until: MAX's time, in milliseconds, of the newest known event: everything of the chat up
            to then is old.
        desk_until: Desk time up to which their tickets and records are old.
    """

    chat_id: int
    user_id: int | None
    at: float
    max_until: int
    desk_until: float

    def hides_ticket(self, made_at: float, said_at: float | None) -> bool:
        """Whether a ticket precedes the erasure.

        A ticket created while an older message may have been on its way counts as old, unless all
        of the customer's messages in it were written afterwards: then it is a new customer's.

        Args:
            made_at: When it was opened, desk time.
            said_at: When its oldest message was written, MAX's seconds; None if unknown.
        """
        if made_at > self.desk_until - UNDER_WAY - _ROUNDED and said_at is not None:
            return made_at <= self.desk_until and round(said_at * 1000) <= self.max_until
        return made_at <= self.desk_until


class Tombstones:
    """Reads tombstones; they change only when a command erases somebody, perhaps beside the daemon."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def of_chat(self, chat_id: int) -> Tombstone | None:
        """Return the tombstone of a chat; None if nobody was erased there."""
        return self.among((chat_id,)).get(chat_id)

    def of_user(self, user_id: int) -> Tombstone | None:
        """Return the latest tombstone of a MAX user."""
        sql = f"SELECT {_COLUMNS} FROM forgotten WHERE user_id = ? ORDER BY at DESC LIMIT 1"
        return next((Tombstone(*row) for row in self._db.rows(sql, (user_id,))), None)

    def covers(self, chat_id: int, made_at: float, said_at: float | None = None) -> bool:
        """Whether something that the desk created at this time precedes the erasure of a chat's customer.

        Args:
            chat_id: The chat.
            made_at: Desk time.
            said_at: For a ticket, see :meth:`Tombstone.hides_ticket`.
        """
        stone = self.of_chat(chat_id)
        return stone is not None and stone.hides_ticket(made_at, said_at)

    def among(self, chat_ids: Collection[int]) -> dict[int, Tombstone]:
        """Return the tombstones of these chats."""
        marks = ", ".join("?" * len(chat_ids))
        sql = f"SELECT {_COLUMNS} FROM forgotten WHERE chat_id IN ({marks})"
        return {row[0]: Tombstone(*row) for row in self._db.rows(sql, tuple(chat_ids))}

    def hides_key(self, key: str) -> bool:
        """Whether a key names a message from before the erasure; not if it names no chat or time."""
        mid = keys.mid_in(key)
        chat_id = None if mid is None else chat_of_mid(mid)
        stone = None if chat_id is None else self.of_chat(chat_id)
        return stone is not None and is_old(stone, key)


def is_old(stone: Tombstone, key: str, payload: str | None = None) -> bool:
    """Whether an update precedes the erasure, by MAX's own times.

    An update without a time counts as new: no message may be lost, and MAX dates all of its events.

    Args:
        stone: The tombstone of its chat.
        key: Its key.
        payload: The raw JSON, if known.
    """
    return any(at <= stone.max_until for at in times_of(key, payload))


def times_of(key: str, payload: str | None = None) -> list[int]:
    """Return the known times of an update in MAX's milliseconds: by its timestamp, and by its id.

    The two may differ a little; for an old one only the id is known.
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
