"""Databases as older programs left them behind, and as they are between two migrations."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from peewee import SqliteDatabase
from playhouse.migrations import Runner

from maxbridge.store.schema import MIGRATIONS

DUMPS = sorted((Path(__file__).parent / "data" / "schemas").glob("*.sql"))
SCHEMAS = sorted(each.stem for each in MIGRATIONS.glob("[0-9]*.py"))
FIRST = SCHEMAS[0]


def old_database(folder: Path, schema: str) -> Path:
    """A database of that schema with a life in it: the newest dump that is not newer, brought there."""
    dump = max(each for each in DUMPS if each.stem <= schema)
    path = folder / "maxbridge.db"
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.executescript(dump.read_text())
    bring_to(path, schema)
    return path


def bring_to(path: Path, schema: str) -> None:
    """Migrate up to there, as a program would that is killed afterwards."""
    database = SqliteDatabase(str(path), pragmas={"journal_mode": "wal", "foreign_keys": 1})
    Runner(database, str(MIGRATIONS)).up(schema)
    database.close()
