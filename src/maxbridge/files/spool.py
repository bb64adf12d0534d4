"""The private folder beside the database where files lie between their two transfers, and what each file there is."""

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
    """The folder (0700) and the sum of what lies in it (0600 each).

    One process uses it: the one that holds the database's lock. Nothing in it has to outlive that
    process, since a delivery that was broken off fetches its files again.
    """

    def __init__(
        self,
        folder: Path,
        *,
        cap: int = CAP,
        reserve: int = RESERVE,
        free: Callable[[Path], int] = _free,
    ) -> None:
        """Name the folder; it is made when it is first needed.

        Args:
            folder: Its path; everything in it is ours to delete.
            cap: Bytes of all files together.
            reserve: Bytes that are left free on the disk.
            free: Bytes free on the disk of a folder.
        """
        self.cap = cap
        self.folder = folder
        self._reserve = reserve
        self._free = free
        self._sizes: dict[Path, int] = {}
        self._condemned: set[Path] = set()

    @classmethod
    def beside(cls, database: Path, *, cap: int = CAP) -> Spool:
        """The spool of a database: ``maxbridge.db`` has ``maxbridge.db.files``."""
        return cls(database.with_name(f"{database.name}.files"), cap=cap)

    @property
    def used(self) -> int:
        """Bytes that lie in the folder now."""
        return sum(self._sizes.values())

    def sweep(self) -> int:
        """Remove what a killed process left behind; to be called at start, under the lock.

        Returns:
            How many files there were.

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
        """Does a file lie there, whosever? One that may not be looked for counts."""
        try:
            return any(each.name.startswith(_PREFIX) for each in self.folder.iterdir())
        except FileNotFoundError:
            return False
        except OSError:
            return True

    def _own(self) -> None:
        """See that the folder is one, ours, and private: not a link to somebody else's."""
        found = self.folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise NotADirectoryError(errno.ENOTDIR, "not a folder of our own")
        if stat.S_IMODE(found.st_mode) != 0o700:
            self.folder.chmod(0o700)

    @contextmanager
    def room(self) -> Iterator[Room]:
        """A place for the files of one delivery; they are gone when it is left, however that is."""
        room = Room(self)
        try:
            yield room
        finally:
            room.clear()

    def make(self) -> tuple[Path, BinaryIO]:
        """A new empty file. For :class:`Room`."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        self._own()
        handle, name = tempfile.mkstemp(
            prefix=_PREFIX, dir=self.folder
        )  # 0600, never follows links
        path = Path(name)
        self._sizes[path] = 0
        return path, os.fdopen(handle, "wb")

    def grow(self, path: Path, more: int) -> None:
        """Account for bytes about to be written; OSError where there is no room. For :class:`Room`."""
        if self.used + more > self.cap or self._free(self.folder) - more < self._reserve:
            raise OSError(errno.ENOSPC, "no room")
        self._sizes[path] += more

    def remove(self, path: Path) -> None:
        """Delete a file. One that the disk keeps counts as long as it lies there. For :class:`Room`."""
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
        """Bytes that the spool takes at most: a larger file never fits."""
        return self._spool.cap

    @contextmanager
    def draft(self) -> Iterator[Draft]:
        """A file to write; it stays until the room is left if this block ends well, else it goes.

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
    """One file that is being written.

    Writing goes inline, as the database does: a piece of a transfer goes into the page cache in less
    time than a thread takes to be asked.

    Attributes:
        path: Where it lies.
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
        """Write the rest; a disk may refuse only now.

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
    """What there is to know about a file.

    Attributes:
        type: What it is by its content.
        size: Bytes.
        pixels: Width and height of a picture where they could be read.
    """

    type: FileType
    size: int
    pixels: tuple[int, int] | None = None

    def kind_for_max(self, name: str) -> Family:
        """As what it goes to MAX (contract max.md 7)."""
        return max_kind(self.type, name, self.size, self.pixels)

    def name(self, name: str, default: str = "file") -> str:
        """A name that is fit for both ends and agrees with the content."""
        return proper_name(name, self.type, default)


def sniff_file(path: Path) -> Sniffed:
    """Tell what a file is by its content.

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
    """The same for what was fetched as somebody's file, in either direction.

    Args:
        path: What came.
        prefix: Whose file, with what joins the code: ``media.`` or ``desk.file_``.
        family: What it was said to be (:func:`maxbridge.core.filetype.is_another_page`).
        declared: Bytes that it was said to have; None when unknown.

    Raises:
        ApiError: Something else came in its place (``…bad_answer``), or the disk refuses (``files.error``).
    """
    sniffed = sniff_file(path)
    if is_another_page(sniffed.type, sniffed.size, family, declared):
        raise file_error(prefix, "bad_answer", f"{sniffed.type.mime}, {sniffed.size} bytes")
    return sniffed
