"""``maxbridge status``: how the daemon is, from the store alone."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import click

from maxbridge.cli.options import config_option, json_option
from maxbridge.config import load
from maxbridge.core.errors import ExitCode, StoreError, UserError
from maxbridge.status import Level, Report, assess, to_json, to_nagios, to_text
from maxbridge.store.journal import Journal

NAGIOS_UNKNOWN = 3


@click.command()
@config_option
@json_option
@click.option("--nagios", is_flag=True, help="One line with performance data for monitoring.")
def status(config_path: Path | None, as_json: bool, nagios: bool) -> int:
    """Show how the bridge is: loops, queues, held items.

    Works while the daemon is down, and talks to neither MAX nor FreeScout. Exit code 0: healthy,
    1: degraded, 2: down; with --nagios 3 when it cannot tell.
    """
    try:
        report = look(load(config_path, sections=("store",)).settings.store.path, time.time())
    except UserError as error:
        if not nagios:
            raise
        click.echo(f"MAXBRIDGE UNKNOWN - {' '.join(error.problems)}")
        return NAGIOS_UNKNOWN
    if as_json:
        click.echo(json.dumps(to_json(report), ensure_ascii=False, indent=2))
    elif nagios:
        click.echo(to_nagios(report))
    else:
        click.echo(to_text(report))
    return int(report.level)


def look(path: Path, now: float) -> Report:
    """Read the store and judge it; a store that cannot be read is a daemon that is down."""
    try:
        journal = Journal(path, exclusive=False)
    except StoreError as error:
        if error.exit_code is ExitCode.NO_PERMISSION:
            raise
        return Report(Level.DOWN, error.problems, None, running=False, now=now)
    try:
        return assess(
            journal.health.snapshot(),
            running=journal.lock.is_held(),
            now=now,
            free=shutil.disk_usage(path.parent).free,
        )
    finally:
        journal.close()
