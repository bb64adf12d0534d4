"""``maxbridge status``: how the daemon is, from the store alone."""

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

import click

from maxbridge.cli.options import Seconds, config_option, json_option
from maxbridge.cli.status_data import UNKNOWN, to_json, to_nagios
from maxbridge.cli.status_text import to_text, verdict
from maxbridge.config.beginning import NoSettingsError
from maxbridge.config.loading import Config, Handles, examine, handles, load, secrets_elsewhere
from maxbridge.core.errors import ExitCode, NoDatabaseError, StartingError, StoreError, UserError
from maxbridge.files.heic_child import is_installed
from maxbridge.observe.status import Level, Problem, Report, assess
from maxbridge.saying import local, say, utc
from maxbridge.store.access import ProcessLock, size_on_disk
from maxbridge.store.schema import open_readonly
from maxbridge.store.snapshot import snapshot


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
    """Reads a store and judges it, again and again.

    Attributes:
        path: The database.
        handles: How its daemon is started.
        show: Writes times.
    """

    path: Path
    handles: Handles
    show: Callable[[float], str | None]

    @classmethod
    def of(cls, config: Config, *, as_json: bool) -> StatusReader:
        """For these settings."""
        started = replace(handles(config), secrets=_secrets(config))
        return cls(config.settings.store.path, started, utc if as_json else local)

    def read(self, now: float) -> Report:
        """Read and judge; a store that cannot be read is a daemon that is down.

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
    """Where secrets stand that are not in the configuration file; mistakes in it are not this command's business."""
    try:
        return secrets_elsewhere(examine(config.path).config)
    except NoSettingsError:
        return {}


def _watch(reader: StatusReader, seconds: float, *, as_json: bool) -> int:
    """Look again and again; the exit code is that of the last look."""
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
    """One look in one line, for what is no terminal."""
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
    """Colours are for terminals whose owner has not said no (no-color.org)."""
    wanted = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return sys.stdout.isatty() and wanted
