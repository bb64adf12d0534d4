"""What a reference says beside the commands: exit codes, files and the environment."""

from __future__ import annotations

from maxbridge.config.loading import ENV_CONFIG, SERVICE_STATE, SYSTEM_CONFIG
from maxbridge.config.sources import CREDENTIALS, OLD_BRIDGE
from maxbridge.core.errors import ExitCode

_USAGE = 2

_CODES = {
    0: "Done. For status: healthy.",
    1: "It could not be done; the text says what to do. For status: degraded.",
    _USAGE: "The command line is wrong. For status: down.",
    64: "The command line is wrong.",
    65: "The data given is wrong.",
    66: "A file that is to be read is not there.",
    69: "MAX or FreeScout does not answer.",
    70: "A bug in maxbridge, or a demo that failed.",
    73: "The database or a file cannot be created or used.",
    74: "The command's output cannot be written: the disk is full, for example.",
    75: "Try again later: another maxbridge works on the database, or the database is locked.",
    76: "What answers is not what was expected.",
    77: "No permission. Run it as root, or as the user that owns the files.",
    78: "A setting is wrong or missing; the text names it.",
    130: "Interrupted, or a question was not answered with yes.",
    141: "The program that reads the output, such as head, ended before the command.",
}
"""Of sysexits.h, as maxbridge means them; only those that it uses are listed."""


def exit_codes() -> list[tuple[int, str]]:
    """Every code that a command may end with, and what it means."""
    used = {*map(int, ExitCode), _USAGE}
    return [(code, _CODES[code]) for code in sorted(used)]


def files() -> list[tuple[str, str]]:
    """Where things are when maxbridge runs as a service."""
    folder = SYSTEM_CONFIG.parent
    return [
        (str(SYSTEM_CONFIG), "The settings; mode 0600, because they may hold the secrets."),
        (f"{folder}/NAME.toml", "The settings of a further bot, the service maxbridge@NAME."),
        *(
            (
                f"/etc/credstore/maxbridge.{name}",
                f"The secret [{section}] {key}, if it is not in the settings.",
            )
            for (section, key), name in CREDENTIALS.items()
        ),
        (str(SERVICE_STATE), "The database; it belongs to the service."),
        (
            f"{SERVICE_STATE}.SCHEMA",
            "A copy from before an upgrade changed it; kept as long as texts.",
        ),
        (f"{SERVICE_STATE}.lock", "Locked by the one process that works on the database."),
    ]


def environment() -> list[tuple[str, str]]:
    """The variables that are read."""
    return [
        (ENV_CONFIG, "The settings file, if there is no --config."),
        (
            "MAXBRIDGE_SECTION__KEY",
            "A setting, for example MAXBRIDGE_STORE__PATH; overrides the file.",
        ),
        ("CREDENTIALS_DIRECTORY", "Set by systemd: where the secrets are."),
        (", ".join(OLD_BRIDGE), "From the old webhook bridge; everything else overrides it."),
        ("LANGUAGE, LC_ALL, LANG", "The language of commands and of the demo."),
    ]
