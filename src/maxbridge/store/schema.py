"""Which migrations a database has, and what that means for who opens it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from maxbridge.core.errors import ExitCode, OldSchemaError, StoreError
from maxbridge.saying import say
from maxbridge.store.pre_upgrade_backup import copies

DISK_LEAST = 2 * 1024 * 1024
"""Bytes that must be free beside the database; below that nothing can be made of it."""
MIGRATIONS = Path(__file__).with_name("migrations")
Rows = Callable[[str, tuple[Any, ...]], list[tuple[Any, ...]]]
"""What runs a reading statement with its values, over whatever connection."""


def applied(rows: Rows) -> set[str]:
    """Names of the migrations that a database has had; none for an empty file."""
    there = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'schema_migration'"
    if not rows(there, ()):
        return set()
    return {name for (name,) in rows("SELECT name FROM schema_migration", ())}


def is_current(path: Path, had: Collection[str]) -> bool:
    """Has a database had all migrations of this program?

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
    """What is said of a database that only the daemon may make or bring up to date.

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
