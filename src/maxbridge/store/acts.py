"""The acts of erasure, in a file beside the database: what the law has kept, and what a backup does not know.

One line of JSON each. The line is on the disk before anything is erased, so whoever is interrupted goes on
at the next start; a database that is restored, or made anew, has those erased again whom it still knows.
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from maxbridge.core.errors import ExitCode, StoreError
from maxbridge.saying import denied, say
from maxbridge.store.atomic_file import sync
from maxbridge.store.tombstones import Tombstone


@dataclass(frozen=True, slots=True)
class Act:
    """One erasure.

    Attributes:
        number: Counted from 1 in this file.
        stones: What keeps the erased from coming back, chat by chat.
        reason: Why, in the administrator's words.
        by: Who did it.
        line: The line for the act by order 179 of Roskomnadzor; empty while the erasure is under way.
    """

    number: int
    stones: tuple[Tombstone, ...]
    reason: str
    by: str
    line: str = ""


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

    def begin(self, stones: tuple[Tombstone, ...], reason: str, by: str) -> Act:
        """Write down that somebody is about to be erased.

        Raises:
            StoreError: It cannot be written: then nobody must be erased.
        """
        number = max((each.number for each in self.all()), default=0) + 1
        act = Act(number, stones, reason, by)
        self._append(act)
        return act

    def finish(self, act: Act, line: str) -> Act:
        """Keep the line for the act.

        Raises:
            StoreError: It cannot be written.
        """
        done = replace(act, line=line)
        self._append(done)
        return done

    def _append(self, act: Act) -> None:
        text = json.dumps(asdict(act), ensure_ascii=False) + "\n"
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
            descriptor = os.open(self.path, flags, 0o600)
            with open(descriptor, "r+b") as file:  # noqa: PTH123 - with these flags
                self._own(descriptor)
                file.truncate(file.read().rfind(b"\n") + 1)
                file.seek(0, os.SEEK_END)
                file.write(text.encode())
                file.flush()
                os.fsync(file.fileno())
            sync(self.path.parent)
        except PermissionError as error:
            raise StoreError(denied(self.path), ExitCode.NO_PERMISSION) from error
        except OSError as error:
            raise StoreError(
                say(
                    "The file of acts {path} cannot be written: {error}. Nothing was erased. Check the folder and the free space.",
                    path=self.path,
                    error=error.strerror or error,
                )
            ) from error

    def _own(self, descriptor: int) -> None:
        """It belongs to whoever the database belongs to; root erases, the service reads."""
        owner = self._database.stat()
        with contextlib.suppress(PermissionError):
            os.fchown(descriptor, owner.st_uid, owner.st_gid)

    def _read(self, line: str) -> Act:
        try:
            data: dict[str, Any] = json.loads(line)
            stones = tuple(Tombstone(**each) for each in data.pop("stones"))
            return Act(stones=stones, **data)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise self._unreadable() from error

    def _unreadable(self) -> StoreError:
        return StoreError(
            say(
                "The file of acts {path} cannot be read. It tells who must stay erased: put a good copy of it in its place, or move it away if nobody was ever erased.",
                path=self.path,
            )
        )
