"""Checks of the database: where it is, whose, in which state, and whether there is room beside it."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from maxbridge.advice import advice
from maxbridge.checks.records import Finding, ok, skipped, unreachable, warning, wrong
from maxbridge.config import Examined, service_store, unit_of
from maxbridge.core.errors import ExitCode, OldSchemaError, StoreError
from maxbridge.store.db import SQLITE_ERRORS
from maxbridge.store.store import Store
from maxbridge.there import is_file, is_folder, is_there

SPARE = 200_000_000
"""Bytes for the database itself and its log."""
_MB = 1_000_000
_LATER = ("store.open", "store.daemon")


def check_store(seen: Examined) -> Iterator[Finding]:
    """All of them. The daemon may be running on the database."""
    if "store.path" in seen.wrong:
        for name in ("store.place", *_LATER, "store.room"):
            yield skipped(name, "[store] path is wrong, see config.values")
        return
    path = seen.config.settings.store.path
    try:
        there = is_there(path)
    except OSError as error:
        yield wrong(
            "store.place",
            f"{path} cannot be looked at ({type(error).__name__})",
            "Run this as root or as the user that runs maxbridge: sudo maxbridge check",
            ExitCode.NO_PERMISSION,
        )
        for name in (*_LATER, "store.room"):
            yield skipped(name, "see store.place")
        return
    yield _file(path) if there else _future(path, unit_of(seen.config.path))
    yield from _service(seen, path)
    if there:
        yield from _inside(path)
    else:
        for name in _LATER:
            yield skipped(name, "there is no database yet; the first start makes it")
    yield _room(path, seen.config.settings.max.max_file_mb * _MB)


def _service(seen: Examined, path: Path) -> Iterator[Finding]:
    """A database where the service may not write."""
    unit = unit_of(seen.config.path)
    if unit is None:
        return
    home = service_store(unit).parent
    if path.parent.resolve() != home.resolve() and home not in path.parents:
        yield warning(
            "store.service",
            f"{path} is outside {home}, where alone the service {unit} may write",
            f'Leave [store] path out, or: path = "{home / path.name}"',
        )


def _file(path: Path) -> Finding:
    status = path.stat()
    mode = stat.S_IMODE(status.st_mode)
    words = f"{path}, owner {_name(status.st_uid)}, mode {mode:04o}"
    if not is_file(path):
        return wrong("store.place", f"{words}: is no file", "Check [store] path.")
    if not os.access(path.parent, os.W_OK | os.X_OK) or not os.access(path, os.R_OK | os.W_OK):
        return wrong(
            "store.place",
            f"{words}: this user may not write it or its folder",
            "Run this as root or as its owner; else: is the disk mounted read-only?",
            ExitCode.CONFIG if os.geteuid() == 0 else ExitCode.NO_PERMISSION,
        )
    if mode & 0o077:
        return warning(
            "store.place",
            f"{words}: others than its owner may use it, and customers' texts are in it",
            f"chmod 600 {path}",
        )
    return ok("store.place", words)


def _future(path: Path, unit: str | None) -> Finding:
    """No database yet: could it be made?"""
    folder = next(each for each in path.parents if is_there(each))
    words = f"{path} is not there yet; the first start makes it"
    if unit is not None and service_store(unit) == path:
        return ok("store.place", f"{words}, and systemd its folder")
    if not is_folder(folder) or not os.access(folder, os.W_OK | os.X_OK):
        return wrong(
            "store.place",
            f"{path} cannot be made: this user may not write in {folder}",
            "Choose another [store] path, or run this as the user that runs maxbridge.",
            ExitCode.CANT_CREATE,
        )
    return ok("store.place", words)


def _inside(path: Path) -> Iterator[Finding]:
    try:
        store = Store(path, exclusive=False)
    except OldSchemaError as error:
        yield warning("store.open", error.problems[0], "Start the service: it does that by itself.")
        yield skipped("store.daemon", "the database is not opened")
        return
    except StoreError as error:
        yield wrong("store.open", error.problems[0], "Do what the line says.", ExitCode.CONFIG)
        yield skipped("store.daemon", "the database is not opened")
        return
    try:
        yield _quick(store)
        running = store.lock.is_held()
    finally:
        store.close()
    said = "yes, a maxbridge works on it" if running else "no maxbridge works on it now"
    yield ok("store.daemon", f"{said}; this check takes nobody's messages")


def _quick(store: Store) -> Finding:
    try:
        said = str(store.db.pragma("quick_check"))
        schema = store.db.schema()
        owner = store.meta.bot_id()
    except SQLITE_ERRORS as error:
        if "locked" in str(error):
            return unreachable("store.open", f"{error}", advice("store.locked"))
        return wrong("store.open", f"PRAGMA quick_check: {error}", advice("store.damaged"))
    if said != "ok":
        return wrong("store.open", f"PRAGMA quick_check: {said[:200]}", advice("store.damaged"))
    whose = f"of bot {owner}" if owner is not None else "of no bot yet"
    return ok("store.open", f"sound (PRAGMA quick_check), schema {schema}, {whose}")


def _room(path: Path, largest: int) -> Finding:
    try:
        folder = next(each for each in path.parents if is_there(each))
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return skipped("store.room", f"the disk does not tell ({type(error).__name__})")
    words = f"{free // _MB} MB are free in {folder}, {(largest + SPARE) // _MB} MB are wanted"
    if free < largest + SPARE:
        return warning("store.room", words, "Free some space, or lower [max] max_file_mb.")
    return ok("store.room", words)


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        # A dynamic user has a name only while its service runs.
        return str(uid)
