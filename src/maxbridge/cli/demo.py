"""``maxbridge demo``: both simulators and the real daemon; no account needed."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import click

from maxbridge.cli.output import lost
from maxbridge.core.errors import ExitCode
from maxbridge.demo import interactive as typed
from maxbridge.demo import script
from maxbridge.demo.log_file import log_file
from maxbridge.demo.stage import DemoError
from maxbridge.saying import spoken
from maxbridge.setup.talk import proposal

_NAMED = {"ru": "Журнал моста сохранён: {path}", "en": "The bridge's log is kept: {path}"}


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
    chosen = language or _language()
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
        click.echo(_NAMED[chosen].format(path=log), err=True)
        return ExitCode.SOFTWARE
    except Exception as error:
        if log is not None and lost(error) is not None:
            log.unlink(missing_ok=True)  # nothing that the bridge did: whoever watched has gone
        elif log is not None and log.exists():
            click.echo(_NAMED[chosen].format(path=log), err=True)
        raise
    return ExitCode.OK


def _language() -> str:
    """Return the program's language; Russian by default, like the messenger."""
    named: str | None = click.get_current_context().find_root().params.get("language")
    return named or ("ru" if spoken() == "ru" else proposal(os.environ))
