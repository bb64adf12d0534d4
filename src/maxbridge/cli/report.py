"""``maxbridge report``: one file to send to whoever helps."""

from __future__ import annotations

import time
from pathlib import Path

import click

from maxbridge.cli.kinds import File
from maxbridge.cli.loading import loading
from maxbridge.cli.options import config_option, yes_option
from maxbridge.cli.private import write_private
from maxbridge.config.loading import examine
from maxbridge.core.errors import ExitCode, UserError
from maxbridge.saying import say


@click.command()
@config_option
@click.argument("file", type=File(), required=False)
@click.option("--offline", is_flag=True, help="Ask neither MAX nor FreeScout.")
@yes_option
def report(config_path: Path | None, file: Path | None, offline: bool, yes: bool) -> None:
    """Write one file that helps whoever helps: versions, settings, status, checks, counts, the disk.

    No secret is in it, no text of a setting, no address, no name, and nothing that a customer or an agent
    wrote: numbers, times and maxbridge's own words only. FILE is by default maxbridge-report-TIME.txt, for its
    owner alone (mode 0600); one that is there is replaced with --yes only.
    """
    with loading():
        import asyncio  # noqa: PLC0415 - --help and Tab have no use for the ends

        from maxbridge.checks.outside import OutsideChecks  # noqa: PLC0415
        from maxbridge.checks.records import Finding  # noqa: PLC0415
        from maxbridge.checks.runner import run  # noqa: PLC0415
        from maxbridge.cli.status import StatusReader  # noqa: PLC0415
        from maxbridge.report import Facts, render  # noqa: PLC0415

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
