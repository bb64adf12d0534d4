"""One function per source of settings; each adds its values and problems.

Later sources are stronger; :func:`maxbridge.config.loading.examine` calls them in this order.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple

from maxbridge.config.settings import SECTIONS
from maxbridge.config.values import nearest
from maxbridge.paths import is_file
from maxbridge.saying import denied, say, why_unreadable

ENV_PREFIX = "MAXBRIDGE_"
CREDENTIALS = {("max", "token"): "max_token", ("freescout", "api_key"): "freescout_api_key"}
OLD_BRIDGE = {
    "FREESCOUT_URL": ("freescout", "url"),
    "FREESCOUT_API_KEY": ("freescout", "api_key"),
    "FREESCOUT_MAILBOX_ID": ("freescout", "mailbox_id"),
    "MAX_BOT_TOKEN": ("max", "token"),
}
_SECRET_SIZE = 4096


class Given(NamedTuple):
    """A source's value of one setting.

    Attributes:
        value: As TOML or the environment has it, unchecked.
        source: Its source in words.
        file: The file that contains it, if any.
    """

    value: Any
    source: str
    file: Path | None = None


Values = dict[tuple[str, str], Given]


class Problems(list[str]):
    """Problems, one sentence each.

    Attributes:
        denied: Something is missing because this user may not read it.
    """

    denied = False

    def deny(self, file: Path, setting: str = "") -> None:
        """Report that a file may not be read; ``setting`` is what it should contain."""
        self.denied = True
        self.append(f"{setting}: {denied(file)}" if setting else denied(file))


def from_old_bridge(environ: Mapping[str, str], values: Values) -> None:
    """Read the variables of the old webhook bridge."""
    for variable, where in OLD_BRIDGE.items():
        if environ.get(variable):
            values[where] = Given(environ[variable], f"${variable}")


def from_file(
    path: Path,
    sections: Collection[str],
    values: Values,
    problems: Problems,
    *,
    fresh: Path | None = None,
) -> None:
    """Read the configuration file; ``fresh`` is a newer copy of it, read in its place."""
    try:
        # Windows editors put a mark before the text.
        data = tomllib.loads((fresh or path).read_text(encoding="utf-8-sig"))
    except tomllib.TOMLDecodeError as error:
        problems.append(say("{path} is not valid TOML: {error}.", path=path, error=error))
        return
    except UnicodeDecodeError:
        problems.append(say("{path} is not UTF-8: save it as UTF-8 in the editor.", path=path))
        return
    except (ValueError, RecursionError):  # a number of 5000 digits, lists in lists in lists
        problems.append(say("{path} is not valid TOML: no settings look like that.", path=path))
        return
    except PermissionError:
        problems.deny(path)
        return
    except OSError as error:
        problems.append(say("{path} cannot be read: {error}.", path=path, error=error))
        return
    for name, section in data.items():
        if name not in sections and len(sections) < len(SECTIONS):
            continue
        if name not in SECTIONS:
            problems.append(
                say(
                    "[{name}]: there is no such section.{nearest}",
                    name=name,
                    nearest=nearest(name, SECTIONS),
                )
            )
        elif not isinstance(section, dict):
            problems.append(
                say("{name}: is a section; write [{name}] on a line of its own.", name=name)
            )
        else:
            _from_section(path, name, section, values, problems)


def _from_section(
    path: Path,
    name: str,
    section: Mapping[str, Any],
    values: Values,
    problems: Problems,
) -> None:
    known = {each.name: each for each in fields(SECTIONS[name])}
    # A secret's file is stronger than the secret itself, whichever stands first.
    for key, value in sorted(section.items(), key=lambda item: item[0].endswith("_file")):
        bare = key.removesuffix("_file")
        if key in known:
            values[name, key] = Given(value, str(path), path)
        elif bare in known and known[bare].metadata.get("secret"):
            file = Path(str(value))
            file = file if file.is_absolute() else path.parent / file
            _from_secret_file((name, bare), file, str(file), values, problems)
        else:
            problems.append(
                say(
                    "[{name}] {key}: there is no such key.{nearest}",
                    name=name,
                    key=key,
                    nearest=nearest(key, known),
                )
            )


def from_credentials(
    environ: Mapping[str, str],
    sections: Collection[str],
    values: Values,
    problems: Problems,
) -> None:
    """Read the credentials that systemd gives a service."""
    directory = environ.get("CREDENTIALS_DIRECTORY")
    if not directory:
        return
    for where, name in CREDENTIALS.items():
        file = Path(directory) / name
        if where[0] in sections and file.is_file():
            _from_secret_file(where, file, f"systemd credential {name}", values, problems)


def from_credstore(
    store: Path,
    unit: str,
    sections: Collection[str],
    values: Values,
    problems: Problems,
) -> list[Path]:
    """Read the files that systemd would give the service, for commands run beside it.

    Args:
        store: ``/etc/credstore``.
        unit: ``maxbridge``, or ``maxbridge-NAME`` for ``maxbridge@NAME``: prefix of the names.
        sections: The wanted sections.
        values: Found values are added.
        problems: Problems are added.

    Returns:
        Files that may exist and that this user may not read.
    """
    blocked = []
    for where, name in CREDENTIALS.items():
        file = store / f"{unit}.{name}"
        if where[0] not in sections:
            continue
        try:
            there = is_file(file)
        except OSError:
            blocked.append(file)
            continue
        if there and os.access(file, os.R_OK):
            _from_secret_file(where, file, str(file), values, problems)
        elif there:
            blocked.append(file)
    return blocked


def says_anything(environ: Mapping[str, str]) -> bool:
    """Whether the environment sets anything, right or wrong."""
    return bool(environ.get("CREDENTIALS_DIRECTORY")) or any(
        value and (name in OLD_BRIDGE or (name.startswith(ENV_PREFIX) and "__" in name))
        for name, value in environ.items()
    )


def from_environment(
    environ: Mapping[str, str],
    sections: Collection[str],
    values: Values,
    problems: Problems,
) -> None:
    """Read ``MAXBRIDGE_<SECTION>__<KEY>``, and ``…_FILE`` for a secret."""
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
        values[section, each.name] = Given(ours[variable], f"${variable}")
    if len(sections) == len(SECTIONS):
        problems += [
            say(
                "${variable}: there is no such setting.{nearest}",
                variable=variable,
                nearest=nearest(variable, names),
            )
            for variable in sorted(ours.keys() - names.keys() - files.keys())
        ]


def _from_secret_file(
    where: tuple[str, str],
    file: Path,
    source: str,
    values: Values,
    problems: Problems,
) -> None:
    try:
        with file.open(encoding="utf-8") as handle:
            values[where] = Given(handle.read(_SECRET_SIZE).strip(), source, file)
    except PermissionError:
        problems.deny(file, f"[{where[0]}] {where[1]}")
    except (OSError, ValueError) as error:
        # Not the content, whatever it is.
        problems.append(
            say(
                "[{section}] {key}: {file} cannot be read: {error}.",
                section=where[0],
                key=where[1],
                file=file,
                error=why_unreadable(error),
            )
        )
