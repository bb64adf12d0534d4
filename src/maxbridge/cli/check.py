"""``maxbridge check`` and ``config``: whether everything works, and the settings in force with their sources."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import AsyncIterator
from dataclasses import Field, fields
from pathlib import Path
from typing import Any

import click

from maxbridge.checks.records import Finding, Outcome, count, exit_code
from maxbridge.cli import loading
from maxbridge.cli.options import config_option, json_option, yes_option
from maxbridge.cli.output import print_json, print_table, wrapped
from maxbridge.cli.spoken import Group
from maxbridge.config.loading import Examined, examine
from maxbridge.config.settings import SECTIONS, Secret
from maxbridge.core.errors import ExitCode, UserError
from maxbridge.core.text import clean
from maxbridge.saying import confirm, later, say

_MARKS = {
    Outcome.OK: ("ok", "green"),
    Outcome.WARNING: ("warn", "yellow"),
    Outcome.WRONG: ("FAIL", "red"),
    Outcome.SKIPPED: ("skip", "bright_black"),
}
_NAME = 15
_LEAST_WIDTH = 40
_COMMAND = re.compile(r"\bmaxbridge [a-z ]+ --[a-z-]+|\b(?:timedatectl|systemctl) [a-z-]+ \S+")


@click.command()
@config_option
@json_option
@click.option(
    "--remove-webhook",
    is_flag=True,
    help="Remove the bot's webhooks at MAX, after a question; while there is one, nothing arrives here.",
)
@click.option(
    "--set-commands",
    is_flag=True,
    help="Tell MAX which commands the bot knows: /start, /help, /status, as the settings answer them.",
)
@yes_option
def check(
    *,
    config_path: Path | None,
    as_json: bool,
    remove_webhook: bool,
    set_commands: bool,
    yes: bool,
) -> int:
    """Try everything that maxbridge depends on, and say what to do.

    One line for each check of settings, MAX, FreeScout, the database and this machine. The daemon
    may run: MAX's queue is never read. Exit code 0: no errors; 78: a setting is wrong; 69: MAX or
    FreeScout cannot be reached; 73: the database cannot be made or its disk is full.
    """
    with loading():
        import asyncio  # noqa: PLC0415 - --help and Tab have no use for the ends

        from maxbridge.checks.network import OutsideChecks  # noqa: PLC0415
        from maxbridge.checks.runner import run  # noqa: PLC0415

    seen = examine(config_path)
    if seen.exit_code is ExitCode.NO_PERMISSION:
        # Everything else would be about what cannot be read.
        raise UserError(seen.problems, seen.exit_code)

    def may(addresses: list[str]) -> bool:
        return _may_remove(addresses, yes=yes)

    found = run(seen, OutsideChecks(), may if remove_webhook else None, set_commands=set_commands)
    findings = asyncio.run(_all(found, quiet=as_json))
    code = exit_code(findings)
    if as_json:
        _print_json(findings, code)
    else:
        _print_sum(findings)
    return code


async def _all(found: AsyncIterator[Finding], *, quiet: bool) -> list[Finding]:
    findings = []
    async for finding in found:
        findings.append(finding)
        if not quiet:
            _print(finding)
    return findings


def _may_remove(addresses: list[str], *, yes: bool) -> bool:
    """Ask on stderr, because stdout is for data. Without a terminal the answer is no."""
    if yes:
        return True
    listed = ", ".join(addresses)
    try:
        return confirm(
            say(
                "Remove {listed}? The program behind it then gets nothing from MAX, maxbridge does.",
                listed=listed,
            ),
            err=True,
        )
    except click.Abort:
        if sys.stdin.isatty():
            raise
        click.echo(
            say("\nNobody answers, so nothing is removed; --yes removes without asking."), err=True
        )
        return False


def _print(finding: Finding) -> None:
    mark, colour = _MARKS[finding.outcome]
    plain = bool(os.environ.get("NO_COLOR"))
    shown = mark.ljust(4) if plain else click.style(mark.ljust(4), fg=colour)
    indent = " " * (_NAME + 7)
    width = _columns() - len(indent) if sys.stdout.isatty() else None
    first, *more = _lines(finding.words, width) or [""]
    click.echo(f"{shown}  {finding.name.ljust(_NAME)} {first}")
    for line in more:
        click.echo(f"{indent}{line}")
    for line in _lines(finding.remedy, width, mark="→ "):
        click.echo(f"{indent}{line}")


def _columns() -> int:
    return shutil.get_terminal_size().columns


def _lines(words: str, width: int | None, *, mark: str = "") -> list[str]:
    """Wrap words for their column; on a narrow terminal they stay unwrapped.

    Args:
        words: One or more lines.
        width: The column's width; None to wrap nothing.
        mark: Put before each line of the words.
    """
    lines = words.splitlines()
    if width is None or width < _LEAST_WIDTH:
        return [mark + line for line in lines]
    return [part for line in lines for part in _wrapped(line, width, mark)]


def _wrapped(line: str, width: int, mark: str) -> list[str]:
    # A command stays in one piece: it is there to be copied.
    whole = _COMMAND.sub(lambda found: found[0].replace(" ", "\0"), line)
    return [each.replace("\0", " ") for each in wrapped(mark, whole, width)]


def _print_sum(findings: list[Finding]) -> None:
    found = count(findings)
    words = {
        Outcome.OK: later("{number} ok"),
        Outcome.WARNING: later("{number} to look at"),
        Outcome.WRONG: later("{number} wrong"),
        Outcome.SKIPPED: later("{number} skipped"),
    }
    sums = (say(words[outcome], number=number) for outcome, number in found.items())
    click.echo("\n" + ", ".join(sums))


def _print_json(findings: list[Finding], code: int) -> None:
    print_json(
        exit_code=int(code),
        counts={outcome.value: number for outcome, number in count(findings).items()},
        checks=[
            {
                "name": each.name,
                "outcome": each.outcome.value,
                "words": each.words,
                "remedy": each.remedy,
            }
            for each in findings
        ],
    )


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
