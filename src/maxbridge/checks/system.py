"""Checks of this machine: the service, its clock, Python. None of them ever fails."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from maxbridge import __version__
from maxbridge.checks.outside import Outside
from maxbridge.checks.records import Finding, ok, skipped, warning
from maxbridge.config import SERVICE, unit_of

_NO_SYSTEMD = "systemd does not answer here"


def check_system(config: Path | None, outside: Outside) -> Iterator[Finding]:
    """All of them."""
    yield _unit(unit_name(config), outside)
    yield _time(outside)
    version = ".".join(str(part) for part in sys.version_info[:3])
    yield ok("system.python", f"maxbridge {__version__} on Python {version}")


def unit_name(config: Path | None) -> str:
    """The unit that uses a configuration: ``maxbridge``, ``maxbridge@NAME``."""
    return (unit_of(config) or SERVICE).replace("-", "@", 1)


def _unit(unit: str, outside: Outside) -> Finding:
    names = "LoadState,ActiveState,SubState,UnitFileState"
    done = outside.run(["systemctl", "show", f"{unit}.service", f"--property={names}"])
    if done is None or done[0] != 0:
        return skipped("system.unit", _NO_SYSTEMD)
    seen = dict(line.partition("=")[::2] for line in done[1].splitlines())
    if seen.get("LoadState") != "loaded":
        return skipped("system.unit", f"there is no unit {unit}; only a service needs one")
    state, enabled = seen.get("ActiveState", "?"), seen.get("UnitFileState", "?")
    words = f"{unit} is {state} ({seen.get('SubState', '?')}) and {enabled}"
    if state == "failed":
        return warning(
            "system.unit", words, f"journalctl -u {unit} -n 50; then systemctl restart {unit}"
        )
    if state not in ("active", "activating", "reloading") or enabled == "disabled":
        return warning("system.unit", words, f"systemctl enable --now {unit}")
    return ok("system.unit", words)


def _time(outside: Outside) -> Finding:
    done = outside.run(["timedatectl", "show", "--property=NTPSynchronized", "--value"])
    if done is None or done[0] != 0:
        return skipped("system.time", _NO_SYSTEMD)
    if done[1].strip() == "yes":
        return ok("system.time", "this machine's clock is synchronised")
    return warning(
        "system.time",
        "this machine's clock is not synchronised",
        "timedatectl set-ntp true (package systemd-timesyncd or chrony)",
    )
