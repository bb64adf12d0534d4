"""Copy the database into one file beside the running daemon; the copy gets its name once it is verified."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from maxbridge import __version__
from maxbridge.core.errors import ExitCode, StoreError
from maxbridge.paths import as_owner, family, is_file, is_folder, is_there, sync, temporary
from maxbridge.saying import denied, say
from maxbridge.store.restored import BACKUP

_PAGES = 256
"""Copied at a time: a mebibyte."""
_PAUSE = 0.002
"""Seconds between two such steps, for whoever else uses the disk."""
_NEEDED = frozenset({"meta", "marker", "dialog", "ticket", "inbox", "outbox", "part", "seen"})
"""Tables that every database of ours has had since the first schema."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Properties of a database.

    Attributes:
        bot_id: Its bot; None before the first contact with MAX.
        schema: Name of its newest migration.
        taken_at: When it was taken as a backup, our clock; None if it was copied otherwise.
        used_at: When it was last polled with, our clock; None if never.
        counts: Rows by table.
        size: Bytes of the file.
    """

    bot_id: int | None
    schema: str
    taken_at: float | None
    used_at: float | None
    counts: dict[str, int]
    size: int


def back_up(source: Path, target: Path, *, overwrite: bool, now: float) -> Facts:
    """Copy a database, also while a daemon writes to it.

    One read transaction sees the state of one moment; the write-ahead log lets the daemon go on
    writing meanwhile. The copy gets its name only when it is complete, checked and on the disk.

    Args:
        source: The database.
        target: The copy; mode 0600.
        overwrite: Replace an existing file.
        now: Our clock.

    Raises:
        StoreError: There is no database of ours, the copy cannot be made, or it is damaged.
    """
    with _errors(source, target):
        _refuse_target(source, target, overwrite=overwrite)
        with contextlib.closing(_open(source)) as live, as_owner(target.parent):
            return _copy(live, source, target, overwrite=overwrite, now=now)


def _open(source: Path) -> sqlite3.Connection:
    """Open the database with all of its files, in a read transaction."""
    with as_owner(source.parent):
        _may_use(source)
        live = _connect(source)
        try:
            live.execute("BEGIN")
            _counts(live, source)
        except BaseException:
            live.close()
            raise
    return live


def _copy(
    live: sqlite3.Connection, source: Path, target: Path, *, overwrite: bool, now: float
) -> Facts:
    before = _counts(live, source)
    with temporary(target) as part:
        with contextlib.closing(sqlite3.connect(part, isolation_level=None)) as copy:
            live.backup(copy, pages=_PAGES, sleep=_PAUSE)
            copy.execute("PRAGMA journal_mode=DELETE")
            copy.execute(
                "INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)",
                (BACKUP, json.dumps({"taken_at": now, "maxbridge": __version__})),
            )
        live.execute("COMMIT")
        facts = examine(part)
        lacking = [name for name, count in before.items() if facts.counts.get(name, -1) < count]
        if lacking:
            raise StoreError(
                say(
                    "The copy of {source} lacks rows of {tables}: it was thrown away. Check the disk (dmesg) and try again.",
                    source=source,
                    tables=", ".join(lacking),
                )
            )
        sync(part)
        _give_name(part, target, overwrite=overwrite)
        sync(target.parent)
    return facts


def examine(path: Path) -> Facts:
    """Check a database file completely, and return its properties.

    Raises:
        StoreError: It is damaged, or not ours.
        sqlite3.Error: It cannot be read.
    """
    with contextlib.closing(_connect(path)) as database:
        problems = [row[0] for row in database.execute("PRAGMA integrity_check(5)")]
        if problems != ["ok"]:
            raise StoreError(
                say(
                    "{path} is damaged ({error}). Use another backup.",
                    path=path,
                    error=problems[0],
                )
            )
        counts = _counts(database, path)
        meta: dict[str, str] = dict(database.execute("SELECT key, value FROM meta"))
        names = [row[0] for row in database.execute("SELECT name FROM schema_migration")]
        used = database.execute("SELECT updated_at FROM marker WHERE name = 'max'").fetchone()
    backup = json.loads(meta.get(BACKUP, "{}"))
    taken_at = backup.get("taken_at") if isinstance(backup, dict) else None
    bot = meta.get("bot_id", "")
    return Facts(
        bot_id=int(bot) if bot.isdecimal() else None,
        schema=max(names, default=""),
        taken_at=float(taken_at) if isinstance(taken_at, int | float) else None,
        used_at=None if used is None else float(used[0]),
        counts=counts,
        size=path.stat().st_size,
    )


@contextlib.contextmanager
def _errors(source: Path, target: Path) -> Iterator[None]:
    """Turn any failure with either file into a sentence."""
    try:
        yield
    except PermissionError as error:
        what = (
            say("the database {source}", source=source)
            if error.filename == str(source)
            else say("the backup {target}", target=target)
        )
        raise StoreError(denied(what), ExitCode.NO_PERMISSION) from error
    except OSError as error:
        raise StoreError(
            say(
                "The backup {target} cannot be written: {error}. Check the folder and the free space.",
                target=target,
                error=error.strerror or error,
            )
        ) from error
    except sqlite3.Error as error:
        if "full" in str(error):
            raise StoreError(
                say("There is no room for {target}: free some space.", target=target)
            ) from error
        raise StoreError(
            say(
                "The database {source} cannot be copied: {error}. If it is damaged, restore an older backup; else try again.",
                source=source,
                error=error,
            )
        ) from error


def _may_use(source: Path) -> None:
    """Check the permissions, because SQLite would only say that it cannot open the file.

    Raises:
        PermissionError: Its log cannot be read without permission to write beside it.
    """
    if not os.access(source, os.R_OK | os.W_OK, effective_ids=True):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(source))


def _refuse_target(source: Path, target: Path, *, overwrite: bool) -> None:
    if not is_file(source):
        raise StoreError(
            say("There is no database at {source}: check [store] path.", source=source)
        )
    own = {each.resolve() for each in (*family(source), source.with_name(source.name + ".lock"))}
    if target.resolve() in own:
        raise StoreError(
            say(
                "{target} belongs to the database itself: give the backup another name.",
                target=target,
            )
        )
    if is_there(target) and not is_file(target):
        raise StoreError(
            say(
                "{target} is not a file: name one, for example /var/backups/maxbridge.db.",
                target=target,
            )
        )
    if not is_folder(target.parent):
        raise StoreError(say("There is no folder {folder}: make it first.", folder=target.parent))
    if is_there(target) and not overwrite:
        raise StoreError(
            say("{target} exists: name another file, or use --yes to replace it.", target=target)
        )


def _give_name(part: Path, target: Path, *, overwrite: bool) -> None:
    if overwrite:
        part.replace(target)
        return
    try:
        target.hardlink_to(part)  # fails where somebody made a file of that name meanwhile
    except FileExistsError:
        raise StoreError(
            say("{target} exists by now: name another file, or use --yes.", target=target)
        ) from None
    except OSError:
        part.replace(target)  # a file system without links


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(
        f"file:{quote(str(path))}?mode=rw", uri=True, isolation_level=None, timeout=5.0
    )


def _counts(database: sqlite3.Connection, path: Path) -> dict[str, int]:
    """Return the number of rows by table.

    Raises:
        StoreError: These are not our tables.
    """
    try:
        names = {
            row[0]
            for row in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
            if not row[0].startswith("sqlite_")
        }
    except sqlite3.DatabaseError as error:
        if "not a database" not in str(error):
            raise
        names = set()
    if not names >= _NEEDED | {"schema_migration"}:
        raise StoreError(
            say("{path} is not a database of maxbridge. Check the name of the file.", path=path)
        )
    return {
        name: database.execute(f'SELECT COUNT(*) FROM "{name}"').fetchone()[0]
        for name in sorted(names)
    }
