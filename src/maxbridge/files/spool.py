"""The private folder beside the database for files between their two transfers, and detection of their type."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from maxbridge.core.filetype import (
    HEAD_BYTES,
    TAIL_BYTES,
    Family,
    FileType,
    is_another_page,
    pixels,
    sniff,
)
from maxbridge.core.parts import max_kind, proper_name
from maxbridge.files.failures import disk_error, file_error

CAP = 1 << 30
"""Bytes of all files in the folder together."""
RESERVE = 256 << 20
"""Bytes that stay free on the disk: the database lives there, and a message must find room in it."""
_PREFIX = "file-"


def _free(folder: Path) -> int:
    return shutil.disk_usage(folder).free


class Spool:
    """The folder (0700) and the total size of its files (0600 each).

    One process uses it: the one that has the database's lock. Nothing in it must survive that
    process, because an interrupted delivery fetches its files again.
    """

    def __init__(
        self,
        folder: Path,
        *,
        cap: int = CAP,
        reserve: int = RESERVE,
        free: Callable[[Path], int] = _free,
    ) -> None:
        """Create it; the folder is created at first use.

        Args:
            folder: Its path; everything in it is ours to delete.
            cap: Most bytes of all files together.
            reserve: Bytes to leave free on the disk.
            free: Returns the free bytes on a folder's disk.
        """
        self.cap = cap
        self.folder = folder
        self._reserve = reserve
        self._free = free
        self._sizes: dict[Path, int] = {}
        self._condemned: set[Path] = set()

    @classmethod
    def beside(cls, database: Path, *, cap: int = CAP) -> Spool:
        """Return the spool of a database: ``maxbridge.db`` has ``maxbridge.db.files``."""
        return cls(database.with_name(f"{database.name}.files"), cap=cap)

    @property
    def used(self) -> int:
        """Bytes in the folder now."""
        return sum(self._sizes.values())

    def sweep(self) -> int:
        """Delete what a killed process left; to be called at start, under the lock.

        Returns:
            The number of files.

        Raises:
            ApiError: The disk refuses.
        """
        try:
            if not os.path.lexists(self.folder):
                return 0
            self._own()
            left = [each for each in self.folder.glob(f"{_PREFIX}*") if each not in self._sizes]
            for path in left:
                path.unlink(missing_ok=True)
        except OSError as error:
            raise disk_error(error) from None
        return len(left)

    def holds_any(self) -> bool:
        """Whether it has any file; an unreadable folder counts as yes."""
        try:
            return any(each.name.startswith(_PREFIX) for each in self.folder.iterdir())
        except FileNotFoundError:
            return False
        except OSError:
            return True

    def _own(self) -> None:
        """Check that the folder is one, ours, and private: not a link to somebody else's."""
        found = self.folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise NotADirectoryError(errno.ENOTDIR, "not a folder of our own")
        if stat.S_IMODE(found.st_mode) != 0o700:
            self.folder.chmod(0o700)

    @contextmanager
    def room(self) -> Iterator[Room]:
        """Context for the files of one delivery, which are deleted at its end."""
        room = Room(self)
        try:
            yield room
        finally:
            room.clear()

    def make(self) -> tuple[Path, BinaryIO]:
        """Create an empty file. For :class:`Room`."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        self._own()
        handle, name = tempfile.mkstemp(
            prefix=_PREFIX, dir=self.folder
        )  # 0600, never follows links
        path = Path(name)
        self._sizes[path] = 0
        return path, os.fdopen(handle, "wb")

    def grow(self, path: Path, more: int) -> None:
        """Account for bytes about to be written; OSError if the spool is full. For :class:`Room`."""
        if self.used + more > self.cap or self._free(self.folder) - more < self._reserve:
            raise OSError(errno.ENOSPC, "no room")
        self._sizes[path] += more

    def remove(self, path: Path) -> None:
        """Delete a file. If that fails it still counts. For :class:`Room`."""
        self._condemned.add(path)
        for each in list(self._condemned):
            try:
                each.unlink(missing_ok=True)
            except OSError:
                continue  # tried again with the next one, and by the sweep of the next start
            self._condemned.discard(each)
            self._sizes.pop(each, None)


class Room:
    """The files of one delivery."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._paths: list[Path] = []

    @property
    def cap(self) -> int:
        """Most bytes in the spool: a larger file never fits."""
        return self._spool.cap

    @contextmanager
    def draft(self) -> Iterator[Draft]:
        """Context that writes a file; the file stays until the room is left, or is deleted if the block raises.

        Raises:
            ApiError: The disk is full or refuses (``files.full``, ``files.error``).
        """
        try:
            path, file = self._spool.make()
        except OSError as error:
            raise disk_error(error) from None
        draft = Draft(self._spool, path, file)
        try:
            try:
                yield draft
            finally:
                draft.close()
        except BaseException:
            self._spool.remove(path)
            raise
        self._paths.append(path)

    def clear(self) -> None:
        """Delete the files."""
        for path in self._paths:
            self._spool.remove(path)
        self._paths.clear()


class Draft:
    """A file being written.

    Written without a thread, like the database: a piece of a transfer is copied into the page cache
    faster than a thread is woken.

    Attributes:
        path: Its path.
        size: Bytes so far.
    """

    def __init__(self, spool: Spool, path: Path, file: BinaryIO) -> None:
        self.path = path
        self.size = 0
        self._spool = spool
        self._file = file

    def write(self, piece: bytes) -> None:
        """Append.

        Raises:
            ApiError: There is no room, or the disk refuses.
        """
        try:
            self._spool.grow(self.path, len(piece))
            self._file.write(piece)
        except OSError as error:
            raise disk_error(error) from None
        self.size += len(piece)

    def close(self) -> None:
        """Flush the rest; a disk may refuse only now.

        Raises:
            ApiError: The disk refuses.
        """
        try:
            self._file.close()
        except OSError as error:
            raise disk_error(error) from None


# --- What a file on the disk is: its beginning and its end are read, never the whole


@dataclass(frozen=True, slots=True)
class Sniffed:
    """What is known about a file.

    Attributes:
        type: Type by content.
        size: Bytes.
        pixels: Width and height of a picture if readable.
    """

    type: FileType
    size: int
    pixels: tuple[int, int] | None = None

    def kind_for_max(self, name: str) -> Family:
        """Return its upload type for MAX (contract max.md 7)."""
        return max_kind(self.type, name, self.size, self.pixels)

    def name(self, name: str, default: str = "file") -> str:
        """Return a name that both services accept and that fits the content."""
        return proper_name(name, self.type, default)


def sniff_file(path: Path) -> Sniffed:
    """Detect a file's type by its content.

    Raises:
        ApiError: The disk refuses (``files.error``).
    """
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - TAIL_BYTES))
            tail = file.read(TAIL_BYTES)
    except OSError as error:
        raise disk_error(error) from None
    file_type = sniff(head, tail)
    return Sniffed(file_type, size, pixels(file_type, head))


def sniff_fetched(path: Path, prefix: str, family: str, declared: int | None) -> Sniffed:
    """Detect the type of a fetched file, in either direction.

    Args:
        path: The file.
        prefix: Prefix of failure codes: ``media.`` or ``desk.file_``.
        family: The declared kind (:func:`maxbridge.core.filetype.is_another_page`).
        declared: The declared size in bytes; None if unknown.

    Raises:
        ApiError: Something else was received in its place (``…bad_answer``), or the disk refuses
            (``files.error``).
    """
    sniffed = sniff_file(path)
    if is_another_page(sniffed.type, sniffed.size, family, declared):
        raise file_error(prefix, "bad_answer", f"{sniffed.type.mime}, {sniffed.size} bytes")
    return sniffed
