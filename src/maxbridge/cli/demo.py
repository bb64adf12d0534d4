"""``maxbridge demo``: both simulators and the real daemon; no account needed."""

from __future__ import annotations

import asyncio
import os
import signal

import click

from maxbridge import log
from maxbridge.core.errors import ExitCode
from maxbridge.demo import interactive as typed
from maxbridge.demo import script
from maxbridge.demo.stage import DemoError


@click.command()
@click.option("--interactive", is_flag=True, help="Type as the customer and as the agent.")
@click.option(
    "--language",
    type=click.Choice(["ru", "en"]),
    help="Of the conversation; else by $LANG, Russian when it says nothing.",
)
@click.option("--verbose", is_flag=True, help="Show the daemon's log as well.")
def demo(interactive: bool, language: str | None, verbose: bool) -> int:
    """Play a short conversation between a customer in MAX and an agent in FreeScout.

    Both ends are simulators on this machine; the daemon between them is the real one. Takes half a
    minute, ends with exit code 0 when everything arrived once and in order, with 70 otherwise.
    """
    log.configure(level="info" if verbose else "error", form="console")
    chosen = language or _language(os.environ.get("LC_ALL") or os.environ.get("LANG") or "")
    # As for Ctrl+C: what the demo made in /tmp is tidied up.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        asyncio.run(typed.play(chosen) if interactive else script.play(chosen))
    except DemoError as error:
        click.echo(f"maxbridge demo: {error}", err=True)
        return ExitCode.SOFTWARE
    return ExitCode.OK


def _language(locale: str) -> str:
    return "en" if locale.startswith("en") else "ru"
