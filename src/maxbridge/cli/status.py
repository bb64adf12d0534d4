"""``maxbridge status``: the daemon's state, from the store alone; for people, as JSON, or as one monitoring line."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from maxbridge import __version__
from maxbridge.cli.options import Seconds, config_option, json_option
from maxbridge.cli.status_text import to_text, verdict
from maxbridge.config.loading import Config, Handles, examine, handles, load, secrets_elsewhere
from maxbridge.core.errors import ExitCode, NoDatabaseError, StartingError, StoreError, UserError
from maxbridge.files.heic_child import is_installed
from maxbridge.observe.certificates import by_end
from maxbridge.observe.status import (
    LATE_AFTER,
    STUCK_AFTER,
    Level,
    Problem,
    Report,
    assess,
    is_late,
    is_starting,
    is_stuck,
    seconds_left,
)
from maxbridge.paths import NoSettingsError
from maxbridge.saying import local, say, utc
from maxbridge.store.access import DISK_LEAST, ProcessLock, size_on_disk
from maxbridge.store.certificates import DAY, Certificate, Kind, days_left, urgent_before
from maxbridge.store.schema import open_readonly
from maxbridge.store.snapshot import GapRecord, LoopHealth, QueueHealth, Snapshot, Traffic, snapshot


@click.command()
@config_option
@json_option
@click.option("--nagios", is_flag=True, help="One line with performance data for monitoring.")
@click.option(
    "--watch",
    is_flag=False,
    flag_value="2",
    type=Seconds(0.2, 3600.0),
    metavar="[SECONDS]",
    help="Update every 2 (or so many) seconds, until Ctrl+C.",
)
def status(config_path: Path | None, as_json: bool, nagios: bool, watch: float | None) -> int:
    """Show the state of the bridge: loops, queues, held items.

    The daemon need not run; neither MAX nor FreeScout is asked. Exit code 0: healthy, 1: degraded,
    2: down; with --nagios 3 if unknown. 77: no permission; 78: a setting is wrong.
    """
    if nagios and (watch is not None or as_json):
        raise click.UsageError(
            say("--nagios prints one line; it goes with neither --json nor --watch.")
        )
    try:
        reader = StatusReader.of(load(config_path, sections=("store",)), as_json=as_json)
        if watch is not None:
            return _watch(reader, watch, as_json=as_json)
        report = reader.read(time.time())
    except UserError as error:
        if not nagios:
            raise
        click.echo(f"MAXBRIDGE UNKNOWN - {' '.join(error.problems)}")
        return UNKNOWN
    if as_json:
        click.echo(json.dumps(to_json(report), ensure_ascii=False, indent=2))
    elif nagios:
        click.echo(to_nagios(report))
    else:
        click.echo(_page(report), color=_colours())
    return int(report.level)


@dataclass(frozen=True, slots=True)
class StatusReader:
    """Reads and judges a store repeatedly.

    Attributes:
        path: The database.
        handles: How its daemon is started.
        show: Formats times.
    """

    path: Path
    handles: Handles
    show: Callable[[float], str | None]

    @classmethod
    def of(cls, config: Config, *, as_json: bool) -> StatusReader:
        """Create it from the settings."""
        started = replace(handles(config), secrets=_secrets(config))
        return cls(config.settings.store.path, started, utc if as_json else local)

    def read(self, now: float) -> Report:
        """Read and judge; an unreadable store means that the daemon is down.

        Raises:
            StoreError: This user may not read it.
        """
        path = self.path
        lock = ProcessLock(path)
        try:
            with open_readonly(path) as rows:
                found = snapshot(rows, now)
            report = assess(
                found,
                running=lock.is_held(),
                now=now,
                free=shutil.disk_usage(path.parent).free,
                size=size_on_disk(path),
                started_at=lock.taken_at(),
                handles=self.handles,
                show=self.show,
            )
            return replace(report, converts_heic=is_installed())
        except NoDatabaseError as error:
            problem = Problem(error.problems[0], say("Start it: {start}", start=self.handles.start))
            return Report(Level.DOWN, (problem,), None, running=False, now=now)
        except StartingError as error:
            return Report(Level.OK, (), None, running=True, now=now, notices=error.problems)
        except StoreError as error:
            if error.exit_code is ExitCode.NO_PERMISSION:
                raise
            return _unreadable(error.problems, now)
        except (OSError, sqlite3.Error) as error:
            return _unreadable(
                [say("The database {path} cannot be read: {error}.", path=path, error=error)], now
            )


def _unreadable(problems: list[str] | tuple[str, ...], now: float) -> Report:
    return Report(Level.DOWN, tuple(map(Problem, problems)), None, running=False, now=now)


def _secrets(config: Config) -> dict[str, str]:
    """Return where secrets outside the configuration file are; mistakes in the file are ignored here."""
    try:
        return secrets_elsewhere(examine(config.path).config)
    except NoSettingsError:
        return {}


def _watch(reader: StatusReader, seconds: float, *, as_json: bool) -> int:
    """Show the state repeatedly; the exit code is that of the last time."""
    if as_json or not sys.stdout.isatty():
        form: Callable[[Report], str] = _json_line if as_json else _line
        return _repeat(reader, seconds, lambda report: click.echo(form(report)))
    from maxbridge.cli.output import Screen  # noqa: PLC0415 - not for one look

    last: list[str] = []

    def show(report: Report) -> None:
        last[:] = [
            f"{_page(report)}\n\n  "
            + say(
                "{time}, every {seconds:g} s, Ctrl+C ends",
                time=local(report.now, exact=True),
                seconds=seconds,
            )
        ]
        screen.show(last[0])

    with Screen(sys.stdout) as screen:
        level = _repeat(reader, seconds, show)
    for page in last:
        click.echo(page, color=_colours())
    return level


def _repeat(reader: StatusReader, seconds: float, show: Callable[[Report], None]) -> int:
    level = Level.OK
    with suppress(KeyboardInterrupt):
        while True:
            report = reader.read(time.time())
            level = report.level
            show(report)
            time.sleep(seconds)
    return int(level)


def _json_line(report: Report) -> str:
    return json.dumps(to_json(report), ensure_ascii=False)


def _line(report: Report) -> str:
    """Return the state as one line, for output that is no terminal."""
    words = f"{local(report.now, exact=True)} {verdict(report)}"
    if report.snapshot is not None:
        inbox, outbox = report.snapshot.inbox, report.snapshot.outbox
        held = inbox.held + outbox.held
        words += f" in={inbox.waiting} out={outbox.waiting} held={held}"
    return "; ".join([words, *(each.what.rstrip(":.") for each in report.problems)])


def _page(report: Report) -> str:
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    return to_text(report, width=width, colour=_colours())


def _colours() -> bool:
    """Whether to use colours: on a terminal, unless disabled (no-color.org)."""
    wanted = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return sys.stdout.isatty() and wanted


JSON_VERSION = 1
WORDS = {Level.OK: "OK", Level.DEGRADED: "WARNING", Level.DOWN: "CRITICAL"}
UNKNOWN = 3


def to_json(report: Report) -> dict[str, Any]:
    """Return the report for programs; stable within :data:`JSON_VERSION`."""
    snapshot = report.snapshot
    data: dict[str, Any] = {
        "version": JSON_VERSION,
        "status": report.level.name.lower(),
        "reasons": list(report.reasons),
        "notices": list(report.notices),
        "running": report.running,
        "starting": is_starting(report),
        "time": utc(report.now),
        "maxbridge": __version__,
        "problems": [{"what": each.what, "remedy": each.remedy} for each in report.problems],
        "disk_free": report.free,
        "database_size": report.size,
    }
    if snapshot is None:
        return data
    return data | {
        "schema": snapshot.schema,
        "bot_id": snapshot.bot_id,
        "marker": snapshot.marker,
        "marker_at": utc(snapshot.marker_at),
        "loops": [_loop_json(each, report) for each in snapshot.loops],
        "inbox": _queue_json(snapshot.inbox, snapshot.traffic_in, report.now),
        "outbox": _queue_json(snapshot.outbox, snapshot.traffic_out, report.now),
        "dialogs": snapshot.dialogs,
        "blocked": snapshot.blocked,
        "removed": snapshot.removed,
        "hosts": [
            {
                "host": each.host,
                "way": each.way,
                "since": utc(each.since),
                "error": each.error,
            }
            for each in snapshot.hosts
        ],
        "gap": None if snapshot.gap is None else _gap_json(snapshot.gap),
        "certificates": [
            {
                "kind": each.kind.value,
                "name": each.name,
                "ends": utc(each.ends_at),
                "days_left": days_left(each.ends_at, report.now),
                "seen": utc(each.seen_at),
            }
            for each in by_end(snapshot.certificates)
        ],
        "held": [
            {
                "id": each.name,
                "key": each.key,
                "error": each.error,
                "since": utc(each.since),
            }
            for each in snapshot.held
        ],
        "broken_rules": [
            {"rule": each.rule, "item": each.item, "at": utc(each.at)} for each in snapshot.broken
        ],
        "put_aside": [
            {"chat": each.chat_id, "messages": each.messages, "since": utc(each.since)}
            for each in snapshot.floods
        ],
    }


def _gap_json(gap: GapRecord) -> dict[str, Any]:
    return {
        "kind": gap.kind,
        "since": utc(gap.since),
        "noticed": utc(gap.noticed_at),
        "dialogs": gap.dialogs,
        "dialogs_left": gap.left,
        "dialogs_unread": gap.unread,
        "messages": gap.messages,
    }


def _loop_json(loop: LoopHealth, report: Report) -> dict[str, Any]:
    now = report.now
    late = is_late(loop, report.started_at, now)
    return {
        "name": loop.name,
        "ok": loop.trouble_since is None and not is_stuck(loop, now) and not late,
        "last_beat": utc(loop.beat_at),
        "last_success": utc(loop.success_at),
        "last_error": utc(loop.error_at),
        "error": loop.error,
        "error_detail": loop.error_detail,
        "trouble_since": utc(loop.trouble_since),
    }


def _queue_json(queue: QueueHealth, traffic: Traffic, now: float) -> dict[str, Any]:
    left = seconds_left(queue, traffic)
    return {
        "waiting": queue.waiting,
        "oldest_waiting": utc(queue.oldest_at),
        "oldest_waiting_seconds": None if queue.oldest_at is None else round(now - queue.oldest_at),
        "held": queue.held,
        "parked": queue.parked,
        "put_aside": queue.put_aside,
        "delivered_hour": traffic.hour,
        "delivered_day": traffic.day,
        "last_delivered": utc(traffic.last_at),
        "seconds_left": None if left is None else round(left),
    }


# --- One line for monitoring


def to_nagios(report: Report) -> str:
    """Return the line in the form of the Monitoring Plugins Development Guidelines: ``label=value[unit];warn;crit;min``.

    A threshold ``0`` alerts above 0, ``N:`` below N. Only values that affect the level have
    thresholds.
    """
    text = f"MAXBRIDGE {WORDS[report.level]}"
    if report.problems:
        text += " - " + "; ".join(report.reasons)
    # A bar begins the figures, and a line break the long text.
    text = " ".join(text.replace("|", "/").split())
    figures = _performance(report)
    return f"{text} | {' '.join(figures)}" if figures else text


def _performance(report: Report) -> list[str]:
    snapshot, now = report.snapshot, report.now
    if snapshot is None:
        return []
    oldest = [each.oldest_at for each in (snapshot.inbox, snapshot.outbox) if each.oldest_at]
    late = max((now - each for each in oldest), default=0.0)
    still = max((now - each.beat_at for each in snapshot.loops), default=0.0)
    held = snapshot.inbox.held + snapshot.outbox.held
    figures = [
        f"inbox={snapshot.inbox.waiting};;;0",
        f"outbox={snapshot.outbox.waiting};;;0",
        f"oldest={max(0.0, late):.0f}s;{LATE_AFTER:.0f};;0",
        f"held={held};0;;0",
        f"parked={snapshot.inbox.parked};;;0",
        f"slowest_loop={max(0.0, still):.0f}s;{STUCK_AFTER:.0f};;0",
        f"troubles={sum(each.trouble_since is not None for each in snapshot.loops)};0;;0",
        f"file_hosts={len(snapshot.hosts)};0;;0",
        f"in_hour={snapshot.traffic_in.hour};;;0",
        f"out_hour={snapshot.traffic_out.hour};;;0",
    ]
    for kind, each in _first_to_end(snapshot).items():
        days = max(0, days_left(each.ends_at, now))
        figures.append(f"certificate_{kind}={days};{urgent_before(each) // DAY:.0f}:;;0")
    if report.free is not None:
        figures.append(f"disk_free={report.free}B;{DISK_LEAST}:;;0")
    if report.size is not None:
        figures.append(f"database={report.size}B;;;0")
    return figures


def _first_to_end(snapshot: Snapshot) -> dict[Kind, Certificate]:
    """Return the first certificate to expire of each kind: a graph for every host of MAX's storage would be useless."""
    first: dict[Kind, Certificate] = {}
    for each in by_end(snapshot.certificates):
        first.setdefault(each.kind, each)
    return first
