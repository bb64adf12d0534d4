"""Checks of the database: its place, owner, state, and free disk space."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from maxbridge.advice import advice
from maxbridge.checks.records import Finding, ok, skipped, unreachable, warning, wrong
from maxbridge.config.loading import Examined, service_store, unit_of
from maxbridge.core.errors import ExitCode, OldSchemaError, StartingError, StoreError
from maxbridge.paths import is_file, is_folder, is_read_only, is_there
from maxbridge.saying import read_only, say, temporary_room
from maxbridge.store.db import SQLITE_ERRORS
from maxbridge.store.store import Store

SPARE = 200_000_000
"""Bytes for the database itself and its log."""
_PASSING = 10_000_000
"""Bytes for what commands write into the folder for temporary files, without a replica."""
_MB = 1_000_000
_LATER = ("store.open", "store.daemon")


def check_store(seen: Examined) -> Iterator[Finding]:
    """Run all of them. The daemon may be running on the database."""
    if "store.path" in seen.wrong:
        for name in ("store.place", *_LATER, "store.room"):
            yield skipped(name, say("[store] path is wrong, see config.values"))
        return
    path = seen.config.settings.store.path
    try:
        there = is_there(path)
    except OSError as error:
        yield wrong(
            "store.place",
            say("{path} cannot be looked at ({name})", path=path, name=type(error).__name__),
            say("Run this as root or as the user that runs maxbridge: sudo maxbridge check"),
            ExitCode.NO_PERMISSION,
        )
        for name in (*_LATER, "store.room"):
            yield skipped(name, say("see store.place"))
        return
    yield _file(path) if there else _future(path, unit_of(seen.config.path))
    yield from _service(seen, path)
    if there:
        yield from _inside(path)
    else:
        for name in _LATER:
            yield skipped(name, say("there is no database yet; the first start makes it"))
    yield _room(path, seen.config.settings.max.max_file_mb * _MB)
    replica = path if seen.config.settings.store.second_host == "yes" and there else None
    yield from _passing_room(replica)


def _service(seen: Examined, path: Path) -> Iterator[Finding]:
    """Report a database where the service may not write."""
    unit = unit_of(seen.config.path)
    if unit is None:
        return
    home = service_store(unit).parent
    if path.parent.resolve() != home.resolve() and home not in path.parents:
        yield warning(
            "store.service",
            say(
                "{path} is outside {home}, where alone the service {unit} may write",
                path=path,
                home=home,
                unit=unit,
            ),
            say('Leave [store] path out, or: path = "{path}"', path=home / path.name),
        )


def _file(path: Path) -> Finding:
    status = path.stat()
    mode = stat.S_IMODE(status.st_mode)
    words = say(
        "{path}, owner {name}, mode {mode:04o}", path=path, name=_name(status.st_uid), mode=mode
    )
    if not is_file(path):
        return wrong(
            "store.place", say("{words}: is no file", words=words), say("Check [store] path.")
        )
    if is_read_only(path):
        return _read_only(path)
    if not os.access(path.parent, os.W_OK | os.X_OK) or not os.access(path, os.R_OK | os.W_OK):
        return wrong(
            "store.place",
            say("{words}: this user may not write it or its folder", words=words),
            say("Run this as root or as its owner; else look at its attributes: lsattr"),
            ExitCode.CONFIG if os.geteuid() == 0 else ExitCode.NO_PERMISSION,
        )
    if mode & 0o077:
        return warning(
            "store.place",
            say(
                "{words}: others than its owner may use it, and customers' texts are in it",
                words=words,
            ),
            f"chmod 600 {path}",
        )
    return ok("store.place", words)


def _read_only(path: Path) -> Finding:
    return wrong("store.place", *_two(read_only(path)), ExitCode.CANT_CREATE)


def _two(sentences: str) -> tuple[str, str]:
    """Split into what is wrong and what to do."""
    words, _, remedy = sentences.partition(". ")
    return words, remedy


def _future(path: Path, unit: str | None) -> Finding:
    """Check whether a missing database could be created."""
    folder = next(each for each in path.parents if is_there(each))
    words = say("{path} is not there yet; the first start makes it", path=path)
    if unit is not None and service_store(unit) == path:
        return ok("store.place", say("{words}, and systemd its folder", words=words))
    if not is_folder(folder):
        return wrong(
            "store.place",
            say(
                "{path} cannot be made: {folder} is a file, not a folder", path=path, folder=folder
            ),
            say("Choose another [store] path."),
            ExitCode.CANT_CREATE,
        )
    if is_read_only(folder):
        return _read_only(path)
    if not os.access(folder, os.W_OK | os.X_OK):
        return wrong(
            "store.place",
            say(
                "{path} cannot be made: this user may not write in {folder}",
                path=path,
                folder=folder,
            ),
            say("Choose another [store] path, or run this as the user that runs maxbridge."),
            ExitCode.CANT_CREATE,
        )
    return ok("store.place", words)


def _inside(path: Path) -> Iterator[Finding]:
    try:
        store = Store(path, exclusive=False)
    except StartingError as error:
        yield warning("store.open", *_two(error.problems[0]))
        yield skipped("store.daemon", say("the database is not opened"))
        return
    except OldSchemaError as error:
        yield warning(
            "store.open", error.problems[0], say("Start the service: it does that by itself.")
        )
        yield skipped("store.daemon", say("the database is not opened"))
        return
    except StoreError as error:
        yield wrong("store.open", error.problems[0], say("Do what the line says."), ExitCode.CONFIG)
        yield skipped("store.daemon", say("the database is not opened"))
        return
    try:
        yield _quick(store)
        running = store.lock.is_held()
    finally:
        store.close()
    said = say("yes, a maxbridge works on it") if running else say("no maxbridge works on it now")
    yield ok("store.daemon", say("{said}; this check takes nobody's messages", said=said))


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
    whose = say("of bot {owner}", owner=owner) if owner is not None else say("of no bot yet")
    return ok(
        "store.open",
        say("sound (PRAGMA quick_check), schema {schema}, {whose}", schema=schema, whose=whose),
    )


def _room(path: Path, largest: int) -> Finding:
    try:
        folder = next(each for each in path.parents if is_there(each))
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return skipped(
            "store.room", say("the disk does not tell ({name})", name=type(error).__name__)
        )
    words = say(
        "{free} MB are free in {folder}, {wanted} MB are wanted",
        free=free // _MB,
        folder=folder,
        wanted=(largest + SPARE) // _MB,
    )
    if free < _MB:
        return wrong("store.room", words, advice("store.full"), ExitCode.CANT_CREATE)
    if free < largest + SPARE:
        return warning("store.room", words, say("Free some space, or lower [max] max_file_mb."))
    return ok("store.room", words)


def _passing_room(replica: Path | None) -> Iterator[Finding]:
    """Check the space in $TMPDIR, which the demo, HEIC tests and restored replicas use."""
    remedy = temporary_room()
    try:
        folder = Path(tempfile.gettempdir())
        free = shutil.disk_usage(folder).free
        wanted = _PASSING + (replica.stat().st_size if replica else 0)
    except OSError as error:
        why = error.strerror or type(error).__name__
        words = say("no folder for temporary files can be written: {why}", why=why)
        yield warning("system.temp", words, remedy)
        return
    if free < wanted:
        words = say(
            "{free} MB are free in {folder}, where commands put files for a short time; {wanted} MB are wanted",
            free=free // _MB,
            folder=folder,
            wanted=wanted // _MB,
        )
        yield warning("system.temp", words, remedy)


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        # A dynamic user has a name only while its service runs.
        return str(uid)
