"""How one begins: is maxbridge a service on this machine, and what is said while there are no settings."""

from __future__ import annotations

from pathlib import Path

from maxbridge.core.errors import ConfigError, ExitCode
from maxbridge.paths import is_file
from maxbridge.saying import denied, say

FOLDER = Path("/etc/maxbridge")
"""Of the service's settings; the package brings it along, empty."""
UNITS = (Path("/etc/systemd/system"), Path("/usr/lib/systemd/system"), Path("/lib/systemd/system"))


class NoSettingsError(ConfigError):
    """Nobody has said anything yet: no file, no variable. One sentence, whatever was to be done."""

    def __init__(self) -> None:
        super().__init__(say("No settings yet. Begin with: {command}", command=first_command()))


def first_command(file: Path | None = None) -> str:
    """What writes the settings.

    Args:
        file: Where to; None for the usual place.
    """
    for_service = is_service_here() if file is None else file.parent == FOLDER
    named = "" if file is None else f" --config {file}"
    return f"{'sudo ' if for_service else ''}maxbridge init{named}"


def is_service_here() -> bool:
    """Is the service, or the folder of its settings, installed on this machine?"""
    return FOLDER.is_dir() or has_unit("maxbridge.service")


def has_unit(name: str) -> bool:
    """Is there such a unit?"""
    return any((folder / name).exists() for folder in UNITS)


def settings_file(path: Path) -> bool:
    """Is there a file of this name?

    Raises:
        ConfigError: A folder may not be entered, or the name is none that a file can have.
    """
    try:
        return is_file(path)
    except PermissionError:
        raise ConfigError(denied(path), ExitCode.NO_PERMISSION) from None
    except OSError as error:
        raise ConfigError(
            say("{path} cannot be read: {error}.", path=path, error=error.strerror)
        ) from None
