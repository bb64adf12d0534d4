"""``maxbridge config``: the settings in force and their sources."""

from __future__ import annotations

from dataclasses import Field, fields
from pathlib import Path
from typing import Any

import click

from maxbridge.cli.options import config_option, json_option
from maxbridge.cli.output import print_json, print_table
from maxbridge.cli.spoken import Group
from maxbridge.config.loading import Examined, examine
from maxbridge.config.settings import SECTIONS, Secret
from maxbridge.core.errors import ExitCode, UserError
from maxbridge.core.text import clean
from maxbridge.saying import later, say

HIDDEN = "***"
_DEFAULT = later("default")


@click.group(cls=Group)
def config() -> None:
    """See the settings in force and their sources."""


@config.command()
@config_option
@json_option
def show(config_path: Path | None, as_json: bool) -> int:
    """Show every setting, its value and its source. Secrets are shown as ***.

    Works with a wrong configuration, too: errors go to stderr, and the exit code is 78.
    """
    seen = examine(config_path)
    denied = seen.exit_code is ExitCode.NO_PERMISSION
    if denied and not seen.values:
        raise UserError(seen.problems, seen.exit_code)
    rows = _rows(seen)
    path = seen.config.path
    if as_json:
        print_json(file=str(path) if path else None, settings=rows, problems=seen.problems)
    else:
        click.echo(say("configuration file: {path}", path=path or say("none")) + "\n")
        print_table(
            (say("setting"), say("value"), say("source")),
            [(row["setting"], _cell(row["value"]), say(row["source"])) for row in rows],
        )
    if not seen.problems:
        return ExitCode.OK
    if denied:
        raise UserError(seen.problems, seen.exit_code)
    for problem in seen.problems:
        click.echo(f"maxbridge: {problem}", err=True)
    return seen.exit_code


def _rows(seen: Examined) -> list[dict[str, Any]]:
    rows = []
    for section in SECTIONS:
        values = getattr(seen.config.settings, section)
        for each in fields(values):
            name = f"{section}.{each.name}"
            rows.append(
                {
                    "setting": name,
                    "value": _value(seen, section, each, getattr(values, each.name)),
                    "source": seen.config.sources.get(name, _DEFAULT),
                    "wrong": name in seen.wrong,
                }
            )
    return rows


def _value(seen: Examined, section: str, each: Field[Any], value: Any) -> Any:
    """Return a value for JSON; a wrong one as it was given, so that it can be found."""
    given = seen.values.get((section, each.name))
    if isinstance(value, Secret):
        # Also a wrong one: it is probably a secret with a slip in it.
        return HIDDEN if value or (given is not None and given.value) else ""
    if f"{section}.{each.name}" in seen.wrong and given is not None:
        value = given.value
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, str) and each.metadata.get("url") and "@" in value:
        return _without_user(value)
    if isinstance(value, str):
        return clean(value)
    return value if isinstance(value, int | float | bool | list) else str(value)


def _without_user(url: str) -> str:
    """Return an address without user name and password, also if it is malformed."""
    scheme, slashes, rest = url.partition("//")
    if not slashes:
        return HIDDEN + "@" + url.rpartition("@")[2]
    return f"{scheme}{slashes}{HIDDEN}@{rest.rpartition('@')[2]}"


def _cell(value: Any) -> str:
    text = ", ".join(str(item) for item in value) if isinstance(value, list) else str(value)
    return clean(text.replace("\n", "\\n"))
