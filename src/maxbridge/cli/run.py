"""``maxbridge run`` and ``demo``: the daemon in the foreground, as systemd requires, or between two simulators."""

from __future__ import annotations

import faulthandler
import os
import signal
from pathlib import Path

import click

from maxbridge.cli import loading
from maxbridge.cli.options import config_option
from maxbridge.cli.output import lost
from maxbridge.config.loading import load
from maxbridge.config.settings import Settings, secret_texts
from maxbridge.core.errors import ExitCode, UserError
from maxbridge.paths import as_owner
from maxbridge.saying import speak, spoken


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


_LOG_KEPT = {"ru": "Журнал моста сохранён: {path}", "en": "The bridge's log is kept: {path}"}


@click.command()
@click.option("--interactive", is_flag=True, help="Type as the customer and as the agent.")
@click.option(
    "--language",
    type=click.Choice(["ru", "en"]),
    help="Language of the conversation; else by $LANG; else Russian.",
)
@click.option("--verbose", is_flag=True, help="Show the daemon's log as well.")
def demo(interactive: bool, language: str | None, verbose: bool) -> int:
    """Play a short conversation between a customer in MAX and an agent in FreeScout.

    MAX and FreeScout are simulated on this machine; the daemon is the real one. Takes half a
    minute, longer on a busy machine. Exit code 0: everything arrived once and in order; 70: it
    says what did not arrive and where the log is.
    """
    import asyncio  # noqa: PLC0415 - --help and Tab have no use for the daemon and the simulators

    from maxbridge.demo import interactive as typed  # noqa: PLC0415
    from maxbridge.demo import script  # noqa: PLC0415
    from maxbridge.demo.log_file import log_file  # noqa: PLC0415
    from maxbridge.demo.stage import DemoError  # noqa: PLC0415
    from maxbridge.setup.talk import proposal  # noqa: PLC0415

    chosen = language or _named(proposal(os.environ))
    # As for Ctrl+C: what the demo made in /tmp is tidied up.
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup wants it to go on
            signal.signal(number, signal.default_int_handler)
    log: Path | None = None
    try:
        with log_file(verbose=verbose) as log:
            asyncio.run(typed.play(chosen) if interactive else script.play(chosen))
    except DemoError as error:
        click.echo(f"maxbridge demo: {error}", err=True)
        click.echo(_LOG_KEPT[chosen].format(path=log), err=True)
        return ExitCode.SOFTWARE
    except Exception as error:
        if log is not None and lost(error) is not None:
            log.unlink(missing_ok=True)  # nothing that the bridge did: whoever watched has gone
        elif log is not None and log.exists():
            click.echo(_LOG_KEPT[chosen].format(path=log), err=True)
        raise
    return ExitCode.OK


def _named(usual: str) -> str:
    """Return the program's language; where none is named, the usual one."""
    named: str | None = click.get_current_context().find_root().params.get("language")
    return named or ("ru" if spoken() == "ru" else usual)
