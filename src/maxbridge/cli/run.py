"""``maxbridge run``: the daemon in the foreground, as systemd requires."""

from __future__ import annotations

import faulthandler
import os
from pathlib import Path

import click

from maxbridge.cli import loading
from maxbridge.cli.options import config_option
from maxbridge.config.loading import load
from maxbridge.config.settings import Settings, secret_texts
from maxbridge.core.errors import ExitCode, UserError
from maxbridge.paths import as_owner
from maxbridge.saying import speak


@click.command()
@config_option
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    help="Lowest level that is logged; else [log] level.",
)
@click.option(
    "--log-format",
    type=click.Choice(["auto", "console", "journald", "json"]),
    help="Format of the log; else [log] format.",
)
def run(config_path: Path | None, log_level: str | None, log_format: str | None) -> int:
    """Run the bridge until SIGTERM or SIGINT; SIGHUP reads the settings again.

    Exit codes: 0 stopped as asked, 75 another maxbridge works on the database, 78 a setting is
    wrong (the text says what to do), 70 a bug.
    """
    config = load(config_path)
    # Not before: a wrong setting is told at once, and --help and Tab have no use for the daemon.
    with loading():
        import asyncio  # noqa: PLC0415

        from maxbridge.observe import log  # noqa: PLC0415
        from maxbridge.service import Service  # noqa: PLC0415
    os.umask(0o077)
    speak("en")  # the journal is English; what was wrong with the settings was said before
    # When systemd's watchdog ends a process that hangs, it says where: files and lines, no values.
    faulthandler.enable()

    def set_up_log(settings: Settings) -> None:
        log.configure(
            level=log_level or settings.log.level,
            form=log_format or settings.log.format,
            secrets=secret_texts(settings),
        )

    set_up_log(config.settings)
    try:
        # Root on a service's database: files of the service's are made by its user.
        with as_owner(config.settings.store.path.parent):
            asyncio.run(Service(config, set_up_log).run())
    except UserError as error:
        for problem in error.problems:
            log.get("daemon").error("cannot go on", problem=problem)
        return error.exit_code
    except Exception as error:  # noqa: BLE001 - a traceback could quote customers' words
        log.get("daemon").critical(
            "a bug in maxbridge stops it; please report this line",
            error=type(error).__name__,
            at=log.where(error),
        )
        return ExitCode.SOFTWARE
    return ExitCode.OK
