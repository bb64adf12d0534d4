"""Options that several commands share, and the question before an action that cannot be undone."""

from __future__ import annotations

import sys

import click

from maxbridge.cli.kinds import File
from maxbridge.saying import confirm, say

config_option = click.option(
    "--config",
    "config_path",
    type=File(),
    help="Configuration file; else $MAXBRIDGE_CONFIG, ./config.toml, /etc/maxbridge/config.toml.",
)
json_option = click.option(
    "--json", "as_json", is_flag=True, help="For programs; the format is versioned."
)
yes_option = click.option("--yes", is_flag=True, help="Do not ask.")


def ask(question: str, *, yes: bool, err: bool = False) -> None:
    """Ask before a dangerous action, unless ``--yes`` was given.

    Args:
        question: What to ask.
        yes: Do not ask.
        err: Ask on stderr: stdout is for data.

    Raises:
        click.Abort: The answer is no, or there is no terminal.
    """
    if yes:
        return
    try:
        agreed = confirm(question, err=err)
    except click.Abort:
        if not sys.stdin.isatty():
            click.echo(
                say("\nNobody answers, so nothing is changed; --yes does it without asking."),
                err=True,
            )
        raise
    if not agreed:
        click.echo(say("Nothing is changed."), err=True)
        raise click.Abort
