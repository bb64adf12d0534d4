"""``maxbridge demo``: placeholder until the simulators are in."""

from __future__ import annotations

import click


@click.command()
def demo() -> None:
    """Demo."""
