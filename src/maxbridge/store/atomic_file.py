"""Atomic private files: written beside their place and synced to disk before they get their name."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from maxbridge.as_owner import as_owner


@contextlib.contextmanager
def temporary(target: Path) -> Iterator[Path]:
    """Create a private file beside another one; it is deleted at the end unless it was renamed.

    Meanwhile root is the owner of the folder.
    """
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    with as_owner(target.parent):
        for each in family(part):
            each.unlink(missing_ok=True)  # of a process with our number that was killed
        os.close(os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        try:
            yield part
        finally:
            for each in family(part):
                each.unlink(missing_ok=True)


def family(path: Path) -> list[Path]:
    """Return a database and the files that SQLite may keep beside it."""
    return [path.with_name(path.name + suffix) for suffix in ("", "-wal", "-shm", "-journal")]


def sync(path: Path) -> None:
    """Make sure that a file, or the names in a folder, are on the disk."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
