"""Which migrations a database has had, who may open it, and the copy made before new migrations."""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
import sqlite3
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from maxbridge.core.errors import ExitCode, OldSchemaError, StoreError
from maxbridge.saying import say
from maxbridge.store.atomic_file import sync

DISK_LEAST = 2 * 1024 * 1024
"""Bytes that must be free beside the database to create or migrate it."""
MIGRATIONS = Path(__file__).with_name("migrations")
Rows = Callable[[str, tuple[Any, ...]], list[tuple[Any, ...]]]
"""Runs a SELECT with its values, on any connection."""


def applied(rows: Rows) -> set[str]:
    """Return the names of the migrations that a database has had; none for an empty file."""
    there = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'schema_migration'"
    if not rows(there, ()):
        return set()
    return {name for (name,) in rows("SELECT name FROM schema_migration", ())}


def is_current(path: Path, had: Collection[str]) -> bool:
    """Whether a database has had all migrations of this program.

    Args:
        path: The file.
        had: What it has had.

    Raises:
        StoreError: It has had others, of a newer program.
    """
    known = {each.stem for each in MIGRATIONS.glob("[0-9]*.py")}
    if newer := set(had) - known:
        raise StoreError(_too_new(path, max(newer)), ExitCode.CONFIG)
    return known == set(had)


def too_old(path: Path, had: Collection[str]) -> StoreError:
    """Return the error for a database that only the daemon may create or migrate.

    Args:
        path: The file.
        had: The migrations that it has had.
    """
    if shutil.disk_usage(path.parent).free < DISK_LEAST:
        what = say("brought up to date") if had else say("made")
        return StoreError(
            say(
                "The disk of {path} is full, so the database could not be {what}. Free some space; the daemon does the rest at its next start.",
                path=path,
                what=what,
            )
        )
    if not had:
        return OldSchemaError(
            say(
                "The database {path} is empty: the daemon was ended before it had made it. Start the daemon again.",
                path=path,
            )
        )
    return OldSchemaError(
        say(
            "The database {path} is of an older maxbridge. Start the daemon once: it brings the database up to date.",
            path=path,
        )
    )


def _too_new(path: Path, schema: str) -> str:
    kept = [each for each in copies(path) if (MIGRATIONS / f"{_schema_of(path, each)}.py").exists()]
    way_back = (
        say(
            "go back to its copy from before the upgrade: maxbridge restore {kept}. What was delivered since then is looked up, not delivered again.",
            kept=kept[-1],
        )
        if kept
        else say("restore a backup made before the upgrade.")
    )
    return say(
        "The database {path} was used by a newer maxbridge (schema {schema}). Install that version again, or {way_back}",
        path=path,
        schema=schema,
        way_back=way_back,
    )


def _schema_of(path: Path, copy: Path) -> str:
    return copy.name.removeprefix(f"{path.name}.")


# --- The copy that is made before a newer program changes the schema -------------------------------


_PARTIAL = ".partial"


def copy_path(database: Path, schema: str) -> Path:
    """Return the path of the copy with a schema's name, beside the database."""
    return database.with_name(f"{database.name}.{schema}")


def copies(database: Path) -> list[Path]:
    """Return the existing copies, the oldest schema first."""
    return sorted(
        each
        for each in database.parent.glob(f"{glob.escape(database.name)}.[0-9][0-9][0-9][0-9]_*")
        if each.suffix != _PARTIAL
    )


def keep_copy(database: Path, schema: str) -> None:
    """Copy the database atomically; a copy of the same schema is replaced.

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
