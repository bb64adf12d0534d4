"""How the maxbridge of these settings is started, and where its log is: a service, or a program in a terminal."""

from __future__ import annotations

import os
from dataclasses import replace

from maxbridge.config.beginning import first_command, has_unit, is_service_here
from maxbridge.config.loading import CONFIG_NAME, Config, unit_of
from maxbridge.config.sources import says_anything
from maxbridge.observe.status import Handles
from maxbridge.saying import later

_TERMINAL = Handles(
    start="maxbridge run",
    restart=later("start it again"),
    log=later("the terminal in which it runs"),
)


def handles(config: Config) -> Handles:
    """What a person types.

    Args:
        config: The settings in force.
    """
    unit, path = unit_of(config.path), config.path
    if unit is not None and has_unit("maxbridge@.service" if "-" in unit else "maxbridge.service"):
        return Handles.of(unit.replace("-", "@", 1))
    if path is not None:
        named = "" if str(path) == CONFIG_NAME else f" --config {path}"
        return replace(_TERMINAL, start=f"maxbridge run{named}")
    if says_anything(os.environ):
        return _TERMINAL
    # There is a database, from before: what would start has no settings.
    usual = Handles() if is_service_here() else _TERMINAL
    return replace(usual, start=first_command())
