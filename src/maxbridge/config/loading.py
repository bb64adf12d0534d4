"""Read the settings: the source of each value, and all problems at once."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import Field, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from maxbridge.config.settings import SECTIONS, Settings
from maxbridge.config.sources import (
    CREDENTIALS,
    ENV_PREFIX,
    Problems,
    Values,
    from_credentials,
    from_credstore,
    from_environment,
    from_file,
    from_old_bridge,
    says_anything,
)
from maxbridge.config.values import ProblemError, convert
from maxbridge.core.errors import ConfigError, ExitCode
from maxbridge.paths import (
    FOLDER,
    NoSettingsError,
    first_command,
    has_unit,
    is_service_here,
    is_there,
    settings_file,
)
from maxbridge.saying import later, say

CONFIG_NAME = "config.toml"
SYSTEM_CONFIG = FOLDER / CONFIG_NAME
SERVICE_STATE = Path("/var/lib/maxbridge/maxbridge.db")
CREDSTORE = Path("/etc/credstore")
SERVICE = "maxbridge"
ENV_CONFIG = "MAXBRIDGE_CONFIG"


class Config:
    """The settings in force and their sources.

    Attributes:
        settings: The values.
        sources: For each ``section.key`` that was set: its source in words.
        path: The file that was read, None if there was none.
    """

    def __init__(self, settings: Settings, sources: Mapping[str, str], path: Path | None) -> None:
        self.settings = settings
        self.sources = dict(sources)
        self.path = path


def secrets_elsewhere(config: Config) -> dict[str, str]:
    """Return the secrets in force that are not in the configuration file, with their sources.

    Args:
        config: Read with the sections of the secrets.
    """
    named = (f"{section}.{key}" for section, key in CREDENTIALS)
    return {
        name: config.sources[name]
        for name in named
        if name in config.sources and config.sources[name] != str(config.path)
    }


@dataclass(slots=True)
class Examined:
    """The settings as far as they can be read, and all problems.

    Attributes:
        config: The settings; defaults replace wrong or missing values.
        values: What the strongest source said, unchecked.
        problems: One sentence each.
        wrong: The settings, as ``section.key``, with problems.
        blocked: Files that may contain a secret and that this user may not read.
        exit_code: The process's exit code if there are problems.
    """

    config: Config
    values: Values = field(default_factory=dict, repr=False)  # secrets are among them
    problems: Problems = field(default_factory=Problems)
    wrong: set[str] = field(default_factory=set)
    blocked: list[Path] = field(default_factory=list)
    exit_code: ExitCode = ExitCode.CONFIG


def load(
    path: Path | None = None,
    environ: Mapping[str, str] | None = None,
    *,
    sections: Collection[str] = tuple(SECTIONS),
    fresh: Path | None = None,
) -> Config:
    """Read and check the settings.

    Args:
        path: ``--config``; None to look in the usual places.
        environ: The environment, ``os.environ`` when None.
        sections: The ones that the command uses; others keep their defaults, so that ``status`` works without
            secrets and despite mistakes elsewhere.
        fresh: A newer copy of the file, read in its place; files that are named in it are still
            looked for beside the file itself.

    Raises:
        ConfigError: Every problem that was found, one sentence each.
    """
    environ = os.environ if environ is None else environ
    found = find_file(path, environ)
    seen = _examine(found, environ, sections, fresh=fresh)
    store = seen.config.settings.store.path
    if _says_nothing(found, environ) and (seen.problems or not _may_be_there(store)):
        raise NoSettingsError
    if seen.problems:
        raise ConfigError([*seen.problems, *_where(seen)], seen.exit_code)
    return seen.config


def examine(path: Path | None = None, environ: Mapping[str, str] | None = None) -> Examined:
    """Read the settings with all their problems; see :func:`load`.

    Raises:
        NoSettingsError: There are none at all.
    """
    environ = os.environ if environ is None else environ
    try:
        found = find_file(path, environ)
    except ConfigError as error:
        seen = _examine(None, environ, tuple(SECTIONS), quiet=True)
        seen.problems[:0] = error.problems
        seen.exit_code = error.exit_code
        return seen
    if _says_nothing(found, environ):
        raise NoSettingsError
    seen = _examine(found, environ, tuple(SECTIONS))
    if found is None:
        seen.problems += _where(seen)
    return seen


def _says_nothing(found: Path | None, environ: Mapping[str, str]) -> bool:
    return found is None and not says_anything(environ)


def _may_be_there(store: Path) -> bool:
    """Whether there may be a database without settings; if the folder is unreadable, yes."""
    try:
        return is_there(store)
    except PermissionError:
        return True


def unit_of(path: Path | None) -> str | None:
    """Return the unit that a file configures: ``maxbridge``, ``maxbridge-NAME``, or None."""
    if path is None or path.parent != SYSTEM_CONFIG.parent or path.suffix != ".toml":
        return None
    return SERVICE if path.name == SYSTEM_CONFIG.name else f"{SERVICE}-{path.stem}"


def _examine(
    found: Path | None,
    environ: Mapping[str, str],
    sections: Collection[str],
    *,
    quiet: bool = False,
    fresh: Path | None = None,
) -> Examined:
    """Read all sources; ``quiet`` suppresses problems about missing values."""
    seen = Examined(Config(Settings(), {}, found))
    values, problems = seen.values, seen.problems
    from_old_bridge(environ, values)
    if found is not None:
        from_file(found, sections, values, problems, fresh=fresh)
        # Nothing of the file was understood: that everything is missing would be noise.
        quiet = quiet or bool(problems and not values)
    unit = unit_of(found)
    if environ.get("CREDENTIALS_DIRECTORY"):
        from_credentials(environ, sections, values, problems)
    elif unit is not None:
        seen.blocked += from_credstore(CREDSTORE, unit, sections, values, problems)
    from_environment(environ, sections, values, problems)
    built = {
        name: _section(name, cls, seen, quiet=quiet) if name in sections else cls()
        for name, cls in SECTIONS.items()
    }
    if built["store"].path == Path():
        built["store"] = replace(built["store"], path=default_store(environ, found))
    # A service has no sudo to forget: with 77 systemd would start it again and again.
    if problems.denied and not environ.get("CREDENTIALS_DIRECTORY"):
        seen.exit_code = ExitCode.NO_PERMISSION
    sources = {f"{section}.{key}": given.source for (section, key), given in values.items()}
    seen.config = Config(Settings(**built), sources, found)
    return seen


def find_file(path: Path | None, environ: Mapping[str, str]) -> Path | None:
    """Return the configuration file to read; None if there is none in the usual places.

    Raises:
        ConfigError: A file was named and does not exist.
    """
    named = path or (Path(environ[ENV_CONFIG]) if environ.get(ENV_CONFIG) else None)
    if named is not None:
        if not settings_file(named):
            raise ConfigError(
                say(
                    "There is no configuration file {named}. Name another one with --config, or make it: {command}",
                    named=named,
                    command=first_command(named),
                )
            )
        return named
    places = (Path(CONFIG_NAME), SYSTEM_CONFIG)
    return next((place for place in places if settings_file(place)), None)


def default_store(environ: Mapping[str, str], found: Path | None = None) -> Path:
    """Return the database's path by default: the service's directory, else XDG state.

    Args:
        environ: The environment.
        found: The configuration file. For a service's own file, root gets that service's database,
            also before its first start.
    """
    if environ.get("STATE_DIRECTORY"):
        return Path(environ["STATE_DIRECTORY"].split(":")[0]) / "maxbridge.db"
    unit = unit_of(found)
    if unit is not None and os.geteuid() == 0:
        return service_store(unit)
    if _service_is_here():
        return SERVICE_STATE
    state = environ.get("XDG_STATE_HOME") or str(Path(environ.get("HOME", "/")) / ".local/state")
    return Path(state) / "maxbridge" / "maxbridge.db"


def service_store(unit: str) -> Path:
    """Return a service's database: in the ``StateDirectory`` of its unit."""
    return (
        SERVICE_STATE.parent.with_name(unit) / SERVICE_STATE.name
        if unit != SERVICE
        else SERVICE_STATE
    )


def _service_is_here() -> bool:
    """Whether the service has its database here; if the folder is unreadable, yes."""
    try:
        return is_there(SERVICE_STATE)
    except PermissionError:
        return True


def _section(name: str, cls: type[Any], seen: Examined, *, quiet: bool) -> Any:
    good: dict[str, Any] = {}
    for each in fields(cls):
        given = seen.values.get((name, each.name))
        try:
            if given is not None and given.value is not None:
                good[each.name] = convert(each, given.value)
        except ProblemError as problem:
            seen.problems.append(f"[{name}] {each.name}: {problem}")
            seen.wrong.add(f"{name}.{each.name}")
            continue
        if each.metadata.get("required") and not good.get(each.name):
            seen.wrong.add(f"{name}.{each.name}")
            if not quiet:
                _missing(seen, name, each)
    return cls(**good)


def _missing(seen: Examined, section: str, each: Field[Any]) -> None:
    """Report that a value is missing, or that it may be in a file that this user may not read."""
    secret = CREDENTIALS.get((section, each.name))
    for file in seen.blocked:
        if secret and file.name.endswith(f".{secret}"):
            seen.problems.deny(file, f"[{section}] {each.name}")
            return
    variable = f"{ENV_PREFIX}{section}__{each.name}".upper()
    seen.problems.append(
        say(
            "[{section}] {name}: is missing. Put it into the configuration file, or into ${variable}.",
            section=section,
            name=each.name,
            variable=variable,
        )
    )


def _where(seen: Examined) -> list[str]:
    """Return the final sentence about which file the problems concern."""
    if seen.problems.denied or not seen.problems:
        return []  # it is named in the problem
    if seen.config.path is not None:
        return [say("(configuration file: {path})", path=seen.config.path)]
    nothing = say(
        "(No configuration file was found: neither ./config.toml nor /etc/maxbridge/config.toml."
    )
    return [
        say(
            "{nothing} Make one: {command}. Or name one with --config.)",
            nothing=nothing,
            command=first_command(),
        )
    ]


# --- How the maxbridge of these settings is started, and where its log is


@dataclass(frozen=True, slots=True)
class Handles:
    """How this maxbridge is started and where its log is, for remedies.

    Attributes:
        start: A command.
        restart: A command, or words.
        log: A command, or words.
        secrets: Secrets in force that are not in the configuration file, with their source.
    """

    start: str = "systemctl start maxbridge"
    restart: str = "systemctl restart maxbridge"
    log: str = "journalctl -u maxbridge"
    secrets: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, service: str) -> Handles:
        """Return those of a service."""
        return cls(
            f"systemctl start {service}", f"systemctl restart {service}", f"journalctl -u {service}"
        )


_TERMINAL = Handles(
    start="maxbridge run",
    restart=later("start it again"),
    log=later("the terminal in which it runs"),
)


def handles(config: Config) -> Handles:
    """Return what a person types.

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
