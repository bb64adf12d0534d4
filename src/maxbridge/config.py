"""Reading the settings: where each value comes from, and everything that is wrong with them at once.

Sources, strongest first (design.md 8): the environment ``MAXBRIDGE_<SECTION>__<KEY>``, systemd
credentials and ``*_file`` for secrets, the TOML file, the variables of the old webhook bridge.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import Field, fields, replace
from pathlib import Path
from typing import Any

from maxbridge.core.errors import ConfigError, ExitCode
from maxbridge.settings import SECTIONS, Settings
from maxbridge.values import ProblemError, convert, nearest

CONFIG_NAME = "config.toml"
SYSTEM_CONFIG = Path("/etc/maxbridge/config.toml")
SERVICE_STATE = Path("/var/lib/maxbridge/maxbridge.db")
ENV_PREFIX = "MAXBRIDGE_"
ENV_CONFIG = "MAXBRIDGE_CONFIG"
CREDENTIALS = {("max", "token"): "max_token", ("freescout", "api_key"): "freescout_api_key"}
OLD_BRIDGE = {
    "FREESCOUT_URL": ("freescout", "url"),
    "FREESCOUT_API_KEY": ("freescout", "api_key"),
    "FREESCOUT_MAILBOX_ID": ("freescout", "mailbox_id"),
    "MAX_BOT_TOKEN": ("max", "token"),
}
_SECRET_SIZE = 4096


class Config:
    """The settings in force, and where each came from.

    Attributes:
        settings: The values.
        sources: For each ``section.key`` that was set: a word for people.
        path: The file that was read, None when there was none.
    """

    def __init__(self, settings: Settings, sources: Mapping[str, str], path: Path | None) -> None:
        self.settings = settings
        self.sources = dict(sources)
        self.path = path


def load(
    path: Path | None = None,
    environ: Mapping[str, str] | None = None,
    *,
    sections: Collection[str] = tuple(SECTIONS),
) -> Config:
    """Read and check the settings.

    Args:
        path: ``--config``; None to look in the usual places.
        environ: The environment, ``os.environ`` when None.
        sections: Those that the command uses; the others keep their defaults, so that ``status``
            works without secrets and in spite of mistakes that are not its business.

    Raises:
        ConfigError: Every problem that was found, one sentence each.
    """
    environ = os.environ if environ is None else environ
    found = find_file(path, environ)
    problems: list[str] = []
    values: dict[tuple[str, str], tuple[Any, str]] = {}
    _from_old_bridge(environ, values)
    if found is not None:
        _from_file(found, sections, values, problems)
        if problems and not values:
            # Nothing of the file was understood: that everything is missing would be noise.
            raise ConfigError([*problems, _where(found)])
    _from_credentials(environ, sections, values, problems)
    _from_environment(environ, sections, values, problems)
    built = {
        name: _section(name, cls, values, problems) if name in sections else cls()
        for name, cls in SECTIONS.items()
    }
    if problems:
        raise ConfigError([*problems, _where(found)])
    if built["store"].path == Path():
        built["store"] = replace(built["store"], path=default_store(environ))
    sources = {f"{section}.{key}": source for (section, key), (_, source) in values.items()}
    return Config(Settings(**built), sources, found)


def find_file(path: Path | None, environ: Mapping[str, str]) -> Path | None:
    """The configuration file to read; None when there is none in the usual places.

    Raises:
        ConfigError: A file was named and is not there.
    """
    named = path or (Path(environ[ENV_CONFIG]) if environ.get(ENV_CONFIG) else None)
    if named is not None:
        if not _is_file(named):
            raise ConfigError(
                f"There is no configuration file {named}. Copy config.example.toml to it and fill "
                "it in, or name another one with --config."
            )
        return named
    places = (Path(CONFIG_NAME), SYSTEM_CONFIG)
    return next((place for place in places if _is_file(place)), None)


def _is_file(path: Path) -> bool:
    """Is there a file? A folder that we may not look into is said to be just that."""
    try:
        return path.is_file()
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read ({type(error).__name__}). Run as root or as the user that "
            "owns it, for example: sudo maxbridge status",
            ExitCode.NO_PERMISSION,
        ) from None


def default_store(environ: Mapping[str, str]) -> Path:
    """Where the database is when nothing says so: the service's directory, else XDG state."""
    if environ.get("STATE_DIRECTORY"):
        return Path(environ["STATE_DIRECTORY"].split(":")[0]) / "maxbridge.db"
    if _service_is_here():
        return SERVICE_STATE
    state = environ.get("XDG_STATE_HOME") or str(Path(environ.get("HOME", "/")) / ".local/state")
    return Path(state) / "maxbridge" / "maxbridge.db"


def _service_is_here() -> bool:
    """Does the service keep its database here? Not being allowed to look means yes."""
    try:
        return SERVICE_STATE.exists()
    except PermissionError:
        return True


def _from_old_bridge(
    environ: Mapping[str, str], values: dict[tuple[str, str], tuple[Any, str]]
) -> None:
    for variable, where in OLD_BRIDGE.items():
        if environ.get(variable):
            values[where] = (environ[variable], f"${variable}")


def _from_file(
    path: Path,
    sections: Collection[str],
    values: dict[tuple[str, str], tuple[Any, str]],
    problems: list[str],
) -> None:
    try:
        # Windows editors put a mark before the text.
        data = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except tomllib.TOMLDecodeError as error:
        problems.append(f"{path} is not valid TOML: {error}.")
        return
    except UnicodeDecodeError:
        problems.append(f"{path} is not UTF-8: save it as UTF-8 in the editor.")
        return
    except OSError as error:
        problems.append(f"{path} cannot be read: {error}.")
        return
    for name, section in data.items():
        if name not in sections and len(sections) < len(SECTIONS):
            continue
        if name not in SECTIONS:
            problems.append(f"[{name}]: there is no such section.{nearest(name, SECTIONS)}")
        elif not isinstance(section, dict):
            problems.append(f"{name}: is a section; write [{name}] on a line of its own.")
        else:
            _from_section(path, name, section, values, problems)


def _from_section(
    path: Path,
    name: str,
    section: Mapping[str, Any],
    values: dict[tuple[str, str], tuple[Any, str]],
    problems: list[str],
) -> None:
    known = {each.name: each for each in fields(SECTIONS[name])}
    # A secret's file is stronger than the secret itself, whichever stands first.
    for key, value in sorted(section.items(), key=lambda item: item[0].endswith("_file")):
        bare = key.removesuffix("_file")
        if key in known:
            values[name, key] = (value, str(path))
        elif bare in known and known[bare].metadata.get("secret"):
            file = Path(str(value))
            file = file if file.is_absolute() else path.parent / file
            _from_secret_file((name, bare), file, str(file), values, problems)
        else:
            problems.append(f"[{name}] {key}: there is no such key.{nearest(key, known)}")


def _from_credentials(
    environ: Mapping[str, str],
    sections: Collection[str],
    values: dict[tuple[str, str], tuple[Any, str]],
    problems: list[str],
) -> None:
    directory = environ.get("CREDENTIALS_DIRECTORY")
    if not directory:
        return
    for where, name in CREDENTIALS.items():
        file = Path(directory) / name
        if where[0] in sections and file.is_file():
            _from_secret_file(where, file, f"systemd credential {name}", values, problems)


def _from_environment(
    environ: Mapping[str, str],
    sections: Collection[str],
    values: dict[tuple[str, str], tuple[Any, str]],
    problems: list[str],
) -> None:
    names = {
        f"{ENV_PREFIX}{section}__{each.name}".upper(): (section, each)
        for section, cls in SECTIONS.items()
        if section in sections
        for each in fields(cls)
    }
    files = {
        f"{variable}_FILE": where
        for variable, where in names.items()
        if where[1].metadata.get("secret")
    }
    ours = {
        variable: value
        for variable, value in environ.items()
        if variable.startswith(ENV_PREFIX) and "__" in variable
    }
    # A value itself is stronger than the file that holds it, whichever stands first.
    for variable in files.keys() & ours.keys() - names.keys():
        section, each = files[variable]
        where = (section, each.name)
        _from_secret_file(where, Path(ours[variable]), f"${variable}", values, problems)
    for variable in names.keys() & ours.keys():
        section, each = names[variable]
        values[section, each.name] = (ours[variable], f"${variable}")
    if len(sections) == len(SECTIONS):
        problems += [
            f"${variable}: there is no such setting.{nearest(variable, names)}"
            for variable in sorted(ours.keys() - names.keys() - files.keys())
        ]


def _from_secret_file(
    where: tuple[str, str],
    file: Path,
    source: str,
    values: dict[tuple[str, str], tuple[Any, str]],
    problems: list[str],
) -> None:
    try:
        with file.open(encoding="utf-8") as handle:
            values[where] = (handle.read(_SECRET_SIZE).strip(), source)
    except (OSError, UnicodeDecodeError) as error:
        # Not the content, whatever it is.
        problems.append(f"[{where[0]}] {where[1]}: {file} cannot be read ({type(error).__name__}).")


def _section(
    name: str,
    cls: type[Any],
    values: Mapping[tuple[str, str], tuple[Any, str]],
    problems: list[str],
) -> Any:
    given: dict[str, Any] = {}
    for each in fields(cls):
        value, _ = values.get((name, each.name), (None, ""))
        try:
            if value is not None:
                given[each.name] = convert(each, value)
        except ProblemError as problem:
            problems.append(f"[{name}] {each.name}: {problem}")
            continue
        if each.metadata.get("required") and not given.get(each.name):
            problems.append(f"[{name}] {each.name}: {_missing(name, each)}")
    return cls(**given)


def _missing(section: str, each: Field[Any]) -> str:
    variable = f"{ENV_PREFIX}{section}__{each.name}".upper()
    return f"is missing. Put it into the configuration file, or into ${variable}."


def _where(found: Path | None) -> str:
    if found is not None:
        return f"(configuration file: {found})"
    return (
        "(No configuration file was found: neither ./config.toml nor /etc/maxbridge/config.toml. "
        "Copy config.example.toml to one of them, or name one with --config.)"
    )
