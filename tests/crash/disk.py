"""A database on a disk that is watched: each write, sync, cut and deletion that SQLite asks its files for, one by one.

SQLite's own layer for files does the work; in front of it stands one of ours, told of every call before it is carried
out. So a test can end the process between any two calls, let one of them fail, or cut the power: then each file
has what was synced, and of what was written since any part in any order, torn at any sector.
"""

from __future__ import annotations

import contextlib
import ctypes
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Any, ClassVar, NamedTuple

SECTOR = 512
"""Bytes that a disk writes whole or not at all."""
OK, FULL = 0, 13
_IOERR = 10
IO_ERROR: Mapping[str, int] = {
    "write": _IOERR | 3 << 8,
    "sync": _IOERR | 4 << 8,
    "truncate": _IOERR | 6 << 8,
    "delete": _IOERR | 10 << 8,
}
"""What SQLite says of each call that a disk refuses; these are the calls that are watched."""
ENDINGS = ("", "-wal", "-journal")
"""The files of a database; its -shm is memory, and made anew by the first who opens it."""

Image = Mapping[str, bytes]
"""What a disk has: content by the ending of its name."""


class _Write(NamedTuple):
    at: int
    data: bytes


class _Cut(NamedTuple):
    size: int


class _File:
    """One file: what is surely on the disk (None: not even its name), and what came since."""

    def __init__(self, synced: bytes | None = None) -> None:
        self.synced = synced
        self.since: list[_Write | _Cut] = []

    def after_power_cut(self, dice: Random, kept: float) -> bytes | None:
        """What may be there: of the changes since the last sync some, whole or in parts."""
        if self.synced is None and dice.random() >= kept:
            return None
        content = bytearray(self.synced or b"")
        for change in self.since:
            if dice.random() >= kept:
                continue
            if isinstance(change, _Cut):
                del content[change.size :]
                continue
            at, data = change
            if dice.random() < 0.2:
                torn = dice.randrange(len(data) + 1) // SECTOR * SECTOR
                at, data = (at, data[:torn]) if dice.random() < 0.5 else (at + torn, data[torn:])
            content.extend(bytes(max(0, at - len(content))))
            content[at : at + len(data)] = data
        return bytes(content)


class Disk:
    """The files of one database while :meth:`watched`.

    Attributes:
        calls: How many there were, by file and kind.
        before: Asked before each call with its number, beginning with 1, and its kind; what it gives is carried out
            if it is ``OK``, and else is SQLite's error.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.calls: Counter[str] = Counter()
        self.before: Callable[[int, str], int] = lambda _number, _kind: OK
        self._files: dict[str, _File] = {}
        self._ghosts: dict[str, _File] = {}
        """Deleted, and the disk may not have heard of it."""

    def image(self) -> Image:
        """Everything that was written: what the end of a process leaves."""
        paths = {ending: self._named(ending) for ending in ENDINGS}
        return {ending: path.read_bytes() for ending, path in paths.items() if path.exists()}

    def after_power_cut(self, dice: Random) -> Image:
        """What was surely on the disk, and nothing, some or nearly all of what was not."""
        kept = dice.choice((0.0, 0.5, 0.9))
        files = self._ghosts | self._files if dice.random() < kept else self._files | self._ghosts
        left = {ending: files[ending].after_power_cut(dice, kept) for ending in sorted(files)}
        return {ending: content for ending, content in left.items() if content is not None}

    def put_back(self, image: Image) -> None:
        """The disk as the next start finds it; nobody may have it open."""
        for ending in (*ENDINGS, "-shm"):
            self._named(ending).unlink(missing_ok=True)
        for ending, content in image.items():
            self._named(ending).write_bytes(content)
        self._files = {ending: _File(content) for ending, content in image.items()}
        self._ghosts = {}

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Learn of every call."""
        for ending, content in self.image().items():
            self._files[ending] = _File(content)
        _Layer.get().watch(self)
        try:
            yield
        finally:
            _Layer.get().leave(self)

    def _named(self, ending: str) -> Path:
        return self.path.with_name(self.path.name + ending)

    # --- told by the layer -------------------------------------------------------------------------

    def opened(self, ending: str) -> None:
        """What others have put there counts as synced; what is new is not even a name yet."""
        self._files.setdefault(ending, _File(self._named(ending).read_bytes() or None))

    def asks(self, kind: str, ending: str) -> int:
        """A call is about to be made; gives ``OK``, or the error that is its answer."""
        self.calls[f"{ending.lstrip('-') or 'database'} {kind}"] += 1
        return self.before(self.calls.total(), kind)

    def did(self, kind: str, ending: str, change: _Write | _Cut | None = None) -> None:
        """A call was carried out."""
        file = self._files[ending]
        if change is not None:
            file.since.append(change)
        elif kind == "delete":
            self._ghosts[ending] = self._files.pop(ending)
        else:
            if file.synced is None:
                self.folder_synced()  # with a new file SQLite syncs its folder, too
            file.synced, file.since = self._named(ending).read_bytes(), []

    def folder_synced(self) -> None:
        """What was deleted stays deleted."""
        self._ghosts.clear()


class UnwatchableError(RuntimeError):
    """The SQLite of this Python takes no layer of ours."""


def can_be_watched() -> bool:
    """Does SQLite take our layer here? Debian's does, and nearly every other."""
    try:
        _Layer.get()
    except UnwatchableError:
        return False
    return True


# --- SQLite's files ------------------------------------------------------------------------------------

_POINTERS = (
    "Close", "Read", "Write", "Truncate", "Sync", "FileSize", "Lock", "Unlock", "CheckReservedLock",
    "FileControl", "SectorSize", "DeviceCharacteristics", "ShmMap", "ShmLock", "ShmBarrier",
    "ShmUnmap", "Fetch", "Unfetch",
)  # fmt: skip


class _Methods(ctypes.Structure):
    """``sqlite3_io_methods``, what an open file can do."""

    _fields_: ClassVar = [
        ("iVersion", ctypes.c_int),
        *((f"x{name}", ctypes.c_void_p) for name in _POINTERS),
    ]


class _Vfs(ctypes.Structure):
    """The beginning of ``sqlite3_vfs``, where files are opened and deleted, and the rest of it."""

    _fields_: ClassVar = [
        ("iVersion", ctypes.c_int),
        ("szOsFile", ctypes.c_int),
        ("mxPathname", ctypes.c_int),
        ("pNext", ctypes.c_void_p),
        ("zName", ctypes.c_char_p),
        ("pAppData", ctypes.c_void_p),
        ("xOpen", ctypes.c_void_p),
        ("xDelete", ctypes.c_void_p),
        ("rest", ctypes.c_void_p * 14),
    ]


_INT, _LONG, _AT = ctypes.c_int, ctypes.c_int64, ctypes.c_void_p
_OPEN = ctypes.CFUNCTYPE(_INT, _AT, _AT, _AT, _INT, _AT)
_DELETE = ctypes.CFUNCTYPE(_INT, _AT, _AT, _INT)
_CLOSE = ctypes.CFUNCTYPE(_INT, _AT)
_WRITE = ctypes.CFUNCTYPE(_INT, _AT, _AT, _INT, _LONG)
_TRUNCATE = ctypes.CFUNCTYPE(_INT, _AT, _LONG)
_SYNC = ctypes.CFUNCTYPE(_INT, _AT, _INT)


class _Layer:
    """SQLite's own layer for files with ours in front, for all databases of this process.

    An opened file gets a copy of its table of methods, in which four are ours. Everything else stays what it is.
    """

    _only: ClassVar[_Layer | None] = None

    def __init__(self) -> None:
        import _sqlite3  # noqa: PLC0415 - its file tells which SQLite this Python uses

        # Without a file it is a part of Python itself, which may show its functions or not.
        self._library = ctypes.CDLL(getattr(_sqlite3, "__file__", None))
        if not hasattr(self._library, "sqlite3_vfs_find"):
            raise UnwatchableError("this Python has a SQLite of its own, which nobody can reach")
        self._library.sqlite3_vfs_find.restype = ctypes.POINTER(_Vfs)
        self._library.sqlite3_vfs_find.argtypes = [ctypes.c_char_p]
        self._theirs = self._library.sqlite3_vfs_find(None)
        self._disks: dict[str, tuple[Disk, str]] = {}
        self._open: dict[int, tuple[Disk, str]] = {}
        self._tables: dict[int, _Methods] = {}
        """Ours, by the place of theirs."""
        self._kept: list[Any] = []  # what C calls must not be collected
        self._ours = _Vfs.from_buffer_copy(self._theirs.contents)
        self._ours.zName = b"watched"
        self._open_theirs = _OPEN(self._theirs.contents.xOpen)
        self._delete_theirs = _DELETE(self._theirs.contents.xDelete)
        self._ours.xOpen = self._pointer(_OPEN(self._on_open))
        self._ours.xDelete = self._pointer(_DELETE(self._on_delete))

    @classmethod
    def get(cls) -> _Layer:
        """The only one."""
        if cls._only is None:
            cls._only = cls()
        return cls._only

    def watch(self, disk: Disk) -> None:
        """What is opened from now on is watched."""
        if not self._disks:
            self._library.sqlite3_vfs_register(ctypes.byref(self._ours), 1)
        for ending in ENDINGS:
            self._disks[f"{disk.path}{ending}"] = (disk, ending)

    def leave(self, disk: Disk) -> None:
        """No more."""
        for ending in ENDINGS:
            del self._disks[f"{disk.path}{ending}"]
        if not self._disks:
            self._library.sqlite3_vfs_register(self._theirs, 1)
            self._library.sqlite3_vfs_unregister(ctypes.byref(self._ours))

    def _pointer(self, function: Any) -> int:
        self._kept.append(function)
        place = ctypes.cast(function, ctypes.c_void_p).value
        assert place is not None
        return place

    def _on_open(self, _vfs: int, name: int, file: int, flags: int, out: int) -> int:
        # The name goes on as it came: what an address says besides stands behind it in memory.
        code: int = self._open_theirs(
            ctypes.addressof(self._theirs.contents), name, file, flags, out
        )
        found = self._disks.get(ctypes.string_at(name).decode()) if name else None
        if code == OK and found is not None:
            table = ctypes.c_void_p.from_address(file)  # the first member of an open file
            assert table.value is not None
            ours = self._tables.get(table.value) or self._make_table(table.value)
            self._open[file] = found
            found[0].opened(found[1])
            table.value = ctypes.addressof(ours)
        return code

    def _make_table(self, place: int) -> _Methods:
        theirs = _Methods.from_address(place)
        ours = _Methods.from_buffer_copy(theirs)
        close, write = _CLOSE(theirs.xClose), _WRITE(theirs.xWrite)
        truncate = _TRUNCATE(theirs.xTruncate)

        def on_close(file: int) -> int:
            self._open.pop(file, None)
            return int(close(file))

        def on_write(file: int, data: int, size: int, at: int) -> int:
            disk, ending = self._open[file]
            code = disk.asks("write", ending) or int(write(file, data, size, at))
            if code == OK:
                disk.did("write", ending, _Write(at, ctypes.string_at(data, size)))
            return code

        def on_truncate(file: int, size: int) -> int:
            disk, ending = self._open[file]
            code = disk.asks("truncate", ending) or int(truncate(file, size))
            if code == OK:
                disk.did("truncate", ending, _Cut(size))
            return code

        def on_sync(file: int, _flags: int) -> int:
            disk, ending = self._open[file]
            code = disk.asks("sync", ending)
            if code == OK:  # no real disk is waited for
                disk.did("sync", ending)
            return code

        ours.xClose = self._pointer(_CLOSE(on_close))
        ours.xWrite = self._pointer(_WRITE(on_write))
        ours.xTruncate = self._pointer(_TRUNCATE(on_truncate))
        ours.xSync = self._pointer(_SYNC(on_sync))
        self._tables[place] = ours
        return ours

    def _on_delete(self, _vfs: int, name: int, sync: int) -> int:
        found = self._disks.get(ctypes.string_at(name).decode())
        code = found[0].asks("delete", found[1]) if found is not None else OK
        code = code or self._delete_theirs(ctypes.addressof(self._theirs.contents), name, sync)
        if code == OK and found is not None:
            found[0].did("delete", found[1])
            if sync:
                found[0].folder_synced()
        return code
