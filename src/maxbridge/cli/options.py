"""Options that several commands share, and the question before what cannot be undone."""

from __future__ import annotations

from pathlib import Path

import click

config_option = click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Configuration file; else $MAXBRIDGE_CONFIG, ./config.toml, /etc/maxbridge/config.toml.",
)
json_option = click.option(
    "--json", "as_json", is_flag=True, help="For programs; the format is versioned."
)
yes_option = click.option("--yes", is_flag=True, help="Do not ask.")


def ask(question: str, *, yes: bool, err: bool = False) -> None:
    """Ask before something dangerous, unless ``--yes`` was given.

    Args:
        question: What to ask.
        yes: Do not ask.
        err: Ask on stderr: stdout is for data.

    Raises:
        click.Abort: The answer is no, or nobody is there to answer.
    """
    if not yes:
        click.confirm(question, abort=True, err=err)
