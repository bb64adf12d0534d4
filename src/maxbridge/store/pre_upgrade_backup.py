"""The copy that is made before a newer program changes the schema: the way back to the older one."""

from __future__ import annotations

import contextlib
import glob
import os
import sqlite3
from pathlib import Path

from maxbridge.store.atomic_file import sync

_PARTIAL = ".partial"


def copy_path(database: Path, schema: str) -> Path:
    """Where the copy of a schema lies: beside the database, with its name."""
    return database.with_name(f"{database.name}.{schema}")


def copies(database: Path) -> list[Path]:
    """The copies that there are, the oldest schema first."""
    return sorted(
        each
        for each in database.parent.glob(f"{glob.escape(database.name)}.[0-9][0-9][0-9][0-9]_*")
        if each.suffix != _PARTIAL
    )


def keep_copy(database: Path, schema: str) -> None:
    """Copy the database, whole or not at all; a copy of the same schema is replaced.

    Raises:
        sqlite3.Error: It cannot be read or written; most likely the disk is full.
        OSError: The file cannot be made.
    """
    path = copy_path(database, schema)
    partial = path.with_name(path.name + _PARTIAL)
    try:
        partial.unlink(missing_ok=True)
        os.close(os.open(partial, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        with (
            contextlib.closing(sqlite3.connect(database)) as source,
            contextlib.closing(sqlite3.connect(partial)) as target,
        ):
            source.backup(target)
            # One file that can be moved about, not three.
            target.execute("PRAGMA journal_mode=DELETE")
        sync(partial)
        partial.replace(path)
        sync(path.parent)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def forget_copies(database: Path, before: float) -> int:
    """Delete copies made before that moment: they hold what people wrote.

    Returns:
        How many were deleted. One that cannot be deleted is tried again at the next tidying.
    """
    deleted = 0
    for each in copies(database):
        with contextlib.suppress(OSError):
            if each.stat().st_mtime < before:
                each.unlink()
                deleted += 1
    return deleted
