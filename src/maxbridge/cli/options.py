"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path

import click

config_option = click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Configuration file; else $MAXBRIDGE_CONFIG, ./config.toml, /etc/maxbridge/config.toml.",
)
