"""``maxbridge report``: one file to send to a helper.

Its content is selected, not filtered: numbers, times, and words from our own lists. No text of a
setting, a table, a log or an answer is copied, however harmless it looks; only its length is
reported.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import sqlite3
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import Field, dataclass, fields
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import click

from maxbridge import __version__
from maxbridge.advice import ADVICE
from maxbridge.checks.records import Finding
from maxbridge.cli import loading
from maxbridge.cli.options import File, config_option, yes_option
from maxbridge.cli.output import write_private
from maxbridge.config.loading import Examined, default_store, examine
from maxbridge.config.settings import SECTIONS, Secret
from maxbridge.config.values import is_loopback
from maxbridge.core.delivery import Doubt, State
from maxbridge.core.errors import ExitCode, StoreError, UserError
from maxbridge.observe.status import LOOPS, Report
from maxbridge.origin import commit
from maxbridge.paths import family
from maxbridge.saying import say, utc
from maxbridge.store.models import TABLES
from maxbridge.store.schema import MIGRATIONS, Rows, open_readonly


@click.command()
@config_option
@click.argument("file", type=File(), required=False)
@click.option("--offline", is_flag=True, help="Ask neither MAX nor FreeScout.")
@yes_option
def report(config_path: Path | None, file: Path | None, offline: bool, yes: bool) -> None:
    """Write one file for whoever helps you: versions, settings, status, checks, counts, the disk.

    It has only numbers, times and maxbridge's own words: no secret, configured text, address or
    name, and nothing that a customer or an agent wrote. FILE is by default
    maxbridge-report-TIME.txt, with mode 0600; an existing one is replaced only with --yes.
    """
    with loading():
        import asyncio  # noqa: PLC0415 - --help and Tab have no use for the ends

        from maxbridge.checks.network import OutsideChecks  # noqa: PLC0415
        from maxbridge.checks.runner import run  # noqa: PLC0415
        from maxbridge.cli.report import Facts, render  # noqa: PLC0415
        from maxbridge.cli.status import StatusReader  # noqa: PLC0415

    now = time.time()
    seen = examine(config_path)
    if seen.exit_code is ExitCode.NO_PERMISSION:
        # A report without what cannot be read would send whoever helps the wrong way.
        raise UserError(seen.problems, seen.exit_code)

    async def check() -> tuple[Finding, ...]:
        return tuple([each async for each in run(seen, OutsideChecks())])

    health = StatusReader.of(seen.config, as_json=True).read(now)
    findings = None if offline else asyncio.run(check())
    stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(now))
    target = file or Path(f"maxbridge-report-{stamp}.txt")
    write_private(target, render(Facts(seen, health, findings, now)), replaces=yes)
    click.echo(
        say(
            "{target}: read it, then send it. It holds no secret, no address, no name and nobody's words.\nWhat people saw, and when, tell in your own words; lines of the log are in: journalctl -u maxbridge",
            target=target,
        )
    )


# --- maxbridge report ------------------------------------------------------------------------------


FORMAT = 1
_LIBRARIES = (
    "aiohttp",
    "click",
    "httpx",
    "maxapi",
    "peewee",
    "structlog",
    "prometheus-client",
    "pydantic",
)
_KNOWN_LOOPS = frozenset((*LOOPS, "metrics", "alerts"))
_SCHEMAS = frozenset(each.stem for each in MIGRATIONS.glob("[0-9]*.py"))
_AT_LINE = re.compile(r"at line \d+, column \d+")
_MOST = 50
"""Deliveries in trouble that are listed."""
_TROUBLED = (
    "SELECT id, state, doubt, error, attempts, created_at, first_try_at, attempted_at, next_at, finished_at"
    " FROM {queue} WHERE error IS NOT NULL OR doubt <> '' ORDER BY id DESC LIMIT ?"
)
_KINDS = {
    "-wal": "write-ahead log",
    "-shm": "its index",
    ".lock": "lock",
    ".acts": "acts of erasure",
}


@dataclass(frozen=True, slots=True)
class Facts:
    """The data of a report.

    Attributes:
        seen: The settings, right or wrong.
        health: The result of ``status``.
        findings: The result of ``check``; None if offline.
        now: Our clock.
    """

    seen: Examined
    health: Report
    findings: tuple[Finding, ...] | None
    now: float


def render(facts: Facts) -> str:
    """Return the whole file."""
    path = facts.seen.config.settings.store.path
    sections: list[tuple[str, Iterable[str]]] = [
        ("versions", _versions()),
        ("settings", _settings(facts.seen)),
        ("status", _status(facts.health)),
        ("checks", _checks(facts.findings)),
        ("database", _database(path, facts.now)),
        ("disk", _disk(path)),
    ]
    lines = [f"maxbridge report, format {FORMAT}", f"made: {utc(facts.now)}"]
    for name, found in sections:
        lines += ["", f"[{name}]", *found]
    return "\n".join(lines) + "\n"


# --- versions ----------------------------------------------------------------------------------------


def _versions() -> Iterator[str]:
    yield f"maxbridge: {__version__} {commit()}".rstrip()
    yield f"python: {platform.python_version()} {platform.python_implementation()}"
    yield f"sqlite: {sqlite3.sqlite_version}"
    for name in _LIBRARIES:
        try:
            yield f"{name}: {version(name)}"
        except PackageNotFoundError:
            yield f"{name}: not installed"
    yield f"system: {platform.system()} {platform.release()} {platform.machine()}"
    yield f"processors: {os.cpu_count()}"
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return
    yield f"distribution: {release.get('ID', '?')} {release.get('VERSION_ID', '?')}"


# --- settings ----------------------------------------------------------------------------------------


def _settings(seen: Examined) -> Iterator[str]:
    for section, cls in SECTIONS.items():
        values = getattr(seen.config.settings, section)
        for each in fields(cls):
            name = f"{section}.{each.name}"
            wrong = "  WRONG" if name in seen.wrong else ""
            given = "" if name in seen.config.sources else "  (default)"
            yield f"{name}: {_value(each, getattr(values, each.name))}{given}{wrong}"
    yield f"problems: {len(seen.problems)}"
    for problem in seen.problems:
        # Where a file is no TOML, the sentence may quote it.
        if place := _AT_LINE.search(problem):
            yield f"no valid TOML: {place[0]}"
    standard = seen.config.settings.store.path == default_store(os.environ, seen.config.path)
    yield f"database at its usual place: {'yes' if standard else 'no'}"


def _value(each: Field[Any], value: Any) -> str:
    """Return a value's safe description: numbers and choices; for a text, whether it is set, and its length."""
    if isinstance(value, Secret):
        return "set" if value else "not set"
    if isinstance(value, int | float):
        return str(int(value) if value == int(value) else value)
    if each.metadata.get("choices"):
        return str(value)
    if isinstance(value, tuple):
        same = "" if value == each.default else ", changed"
        return f"{len(value)} entries{same}"
    if isinstance(value, Path):
        return f"path of {len(value.parts)} parts"
    text = str(value)
    if not text:
        return "empty"
    if each.metadata.get("url"):
        return _address(each, text)
    same = ", as it comes" if text == each.default else ""
    return f"text of {len(text)} letters{same}"


def _address(each: Field[Any], text: str) -> str:
    if text == each.default:
        return "as it comes"
    scheme, _, rest = text.partition("://")
    host, _, path = rest.partition("/")
    words = ["https" if scheme == "https" else "http", f"host of {len(host)} letters"]
    if is_loopback(host.rpartition(":")[0] or host):
        words.append("this very machine")
    if path.strip("/"):
        words.append("in a folder")
    return ", ".join(words)


# --- status and checks -------------------------------------------------------------------------------


def _status(health: Report) -> Iterator[str]:
    yield f"level: {health.level.name}"
    yield f"running: {'yes' if health.running else 'no'}"
    yield f"started: {utc(health.started_at) or 'not known'}"
    yield f"problems: {len(health.problems)}"
    found = health.snapshot
    if found is None:
        return
    for loop in found.loops:
        name = loop.name if loop.name in _KNOWN_LOOPS else "another loop"
        yield (
            f"loop {name}: moved {_ago(loop.beat_at, health.now)}, success {_ago(loop.success_at, health.now)},"
            f" error {code_of(loop.error)} {_ago(loop.error_at, health.now)},"
            f" in trouble {_ago(loop.trouble_since, health.now)}"
        )
    for name, queue in (("to the desk", found.inbox), ("to MAX", found.outbox)):
        yield (
            f"queue {name}: waiting {queue.waiting}, oldest {_ago(queue.oldest_at, health.now)},"
            f" held {queue.held}, parked {queue.parked}"
        )
    for name, traffic in (("to the desk", found.traffic_in), ("to MAX", found.traffic_out)):
        yield (
            f"delivered {name}: last hour {traffic.hour}, last day {traffic.day},"
            f" last {_ago(traffic.last_at, health.now)}"
        )
    yield f"dialogs: {found.dialogs}, stopped {found.blocked} (groups: {found.removed}); groups without the right to read: {found.deaf}"
    yield f"tickets that the desk does not give: {found.not_given}, put aside: {len(found.aside)}"
    for broken in found.broken:
        yield f"rule broken: {code_of(broken.rule)}, {_ago(broken.at, health.now)}"
    yield f"MAX polled: {_ago(found.marker_at, health.now)}"
    if found.gap is not None:
        gap = found.gap
        yield (
            f"gap: noticed {_ago(gap.noticed_at, health.now)}, long {gap.noticed_at - gap.since:.0f} s, dialogs"
            f" {gap.dialogs}, left {gap.left}, messages {gap.messages}, unread {gap.unread}"
        )


def _checks(findings: tuple[Finding, ...] | None) -> Iterator[str]:
    if findings is None:
        yield "not asked (--offline)"
        return
    for each in findings:
        # The words quote what the ends answered; of them, only codes that are ours are taken.
        codes = sorted(code for code in ADVICE if re.search(rf"\b{re.escape(code)}\b", each.words))
        told = f" ({', '.join(codes)})" if codes else ""
        yield f"{each.name}: {each.outcome.value}{told}"


# --- database ----------------------------------------------------------------------------------------


def _database(path: Path, now: float) -> Iterator[str]:
    try:
        with open_readonly(path) as rows:
            yield from _tables(rows)
            for queue, name in (("inbox", "in"), ("outbox", "out")):
                yield from _troubled(rows, queue, name, now)
    except StoreError as error:
        yield f"cannot be used: exit code {int(error.exit_code)}"
    except sqlite3.Error as error:
        yield f"cannot be read: {type(error).__name__} {error.sqlite_errorname}"


def _tables(rows: Rows) -> Iterator[str]:
    applied = {name for (name,) in rows("SELECT name FROM schema_migration", ())}
    yield f"schema: {max(applied & _SCHEMAS, default='?')}, of {len(applied)} migrations"
    for name in TABLES:
        ((count,),) = rows(f'SELECT COUNT(*) FROM "{name}"', ())  # noqa: S608 - our own tables
        yield f"rows of {name}: {count}"
    for queue in ("inbox", "outbox"):
        states = rows(f"SELECT state, COUNT(*) FROM {queue} GROUP BY state ORDER BY state", ())  # noqa: S608
        for state, count in states:
            yield f"{queue} {_member(State, state)}: {count}"


def _troubled(rows: Rows, queue: str, name: str, now: float) -> Iterator[str]:
    for item_id, state, doubt, error, attempts, *times in rows(
        _TROUBLED.format(queue=queue), (_MOST,)
    ):
        made, first, last, due, ended = times
        yield (
            f"{name}-{item_id}: {_member(State, state)}, doubt {_member(Doubt, doubt)}, error {code_of(error)},"
            f" tries {attempts}, came {_ago(made, now)}, first try {_ago(first, now)}, last {_ago(last, now)},"
            f" due {_ago(due or None, now)}, ended {_ago(ended, now)}"
        )


def code_of(error: str | None) -> str:
    """Return one of our codes; any other word is left out."""
    if error is None:
        return "none"
    return error if error in ADVICE else "another"


def _member(kind: Callable[[str], Any], word: str) -> str:
    try:
        return str(kind(word).value) or "none"
    except ValueError:
        return "another"


# --- disk --------------------------------------------------------------------------------------------


def _disk(path: Path) -> Iterator[str]:
    try:
        usage = shutil.disk_usage(path.parent)
        inodes = os.statvfs(path.parent)
    except OSError as error:
        yield f"folder: {os.strerror(error.errno or 0)}"
        return
    yield f"size: {usage.total}, free: {usage.free} bytes; free inodes: {inodes.f_favail}"
    yield from _file("folder", path.parent)
    try:
        there = sorted(path.parent.iterdir())
    except OSError as error:  # the folder may be a file, or closed to this user
        yield f"files: {os.strerror(error.errno or 0)}"
        return
    ours = [each for each in there if each.name.startswith(path.name)]
    for each in sorted({*family(path), *ours}):
        if each.is_file():
            yield from _file(_kind(path, each), each)
    yield f"other files and folders beside it: {len(there) - len(ours)}"


def _kind(path: Path, each: Path) -> str:
    rest = each.name.removeprefix(path.name)
    if not rest:
        return "database"
    if rest in _KINDS:
        return _KINDS[rest]
    if rest.removeprefix(".") in _SCHEMAS:
        return "copy of before an upgrade"
    return "database of before a restore" if rest.startswith(".before-restore-") else "another file"


def _file(kind: str, path: Path) -> Iterator[str]:
    try:
        found = path.stat()
    except OSError as error:
        yield f"{kind}: {os.strerror(error.errno or 0)}"
        return
    owner = "this user" if found.st_uid == os.geteuid() else f"user {found.st_uid}"
    yield (
        f"{kind}: {found.st_size} bytes, mode {stat.S_IMODE(found.st_mode):04o}, of {owner},"
        f" changed {utc(found.st_mtime)}"
    )


def _ago(at: float | None, now: float) -> str:
    """Return seconds since a moment; negative for a moment in the future."""
    return "never" if at is None else f"{now - at:.0f} s ago"
