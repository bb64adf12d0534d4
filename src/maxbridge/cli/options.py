"""Shared options, types of values, and the question before an irreversible action."""

from __future__ import annotations

import errno
import math
import os
import re
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import click

from maxbridge.core import keys
from maxbridge.saying import confirm, say

if TYPE_CHECKING:
    _IntType: TypeAlias = click.ParamType[int]
    _FloatType: TypeAlias = click.ParamType[float]
    _StrType: TypeAlias = click.ParamType[str]
else:  # older versions of click have it without a parameter
    _IntType = _FloatType = _StrType = click.ParamType

BIGGEST = 2**63 - 1
"""Largest number that the database, MAX and FreeScout have; a number beyond it is a slip."""
_DIGITS = re.compile(r"[+-]?[0-9]+")
_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")


def whole_number(text: str) -> int | None:
    """Parse a 64-bit integer; None if it is none."""
    if not _DIGITS.fullmatch(text) or len(text) > len(str(-BIGGEST)):
        return None
    number = int(text)
    return number if abs(number) <= BIGGEST else None


class Number(_IntType):
    """A whole number, such as an id of MAX or FreeScout."""

    name = "integer"

    def __init__(self, hint: str = "") -> None:
        self._hint = hint

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Check it."""
        if isinstance(value, int):
            return value
        number = whole_number(str(value))
        if number is None:
            self.fail(f"{_no_number(str(value))} {self._hint}".rstrip(), param, ctx)
        return number


class AtLeast(click.IntRange):
    """A whole number with a minimum."""

    def __init__(self, least: int) -> None:
        super().__init__(least)
        self.least = least

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Check it."""
        number = NUMBER.convert(value, param, ctx)
        if number < self.least:
            self.fail(
                say(
                    "{number} is too small; {least} is the least.", number=number, least=self.least
                ),
                param,
                ctx,
            )
        return number


class Seconds(_FloatType):
    """A duration in seconds, with fractions."""

    name = "seconds"

    def __init__(self, least: float, most: float) -> None:
        self.least, self.most = least, most

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Check it; a decimal comma is accepted."""
        text = str(value).replace(",", ".")
        seconds = float(text) if _SECONDS.fullmatch(text) else math.nan
        if not self.least <= seconds <= self.most:
            self.fail(
                say(
                    "{value} is no number of seconds from {least:g} to {most:g}.",
                    value=value,
                    least=self.least,
                    most=self.most,
                ),
                param,
                ctx,
            )
        return seconds


class ItemId(_StrType):
    """An item of a queue, as ``maxbridge queue list`` names it."""

    name = "id"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Check its form; whether the item exists is checked in the database."""
        found = keys.read_name(str(value))
        if found is None or found[1] > BIGGEST:
            self.fail(
                say(
                    "{value} is no id of an item: those look like in-12 or out-7. See: maxbridge queue list",
                    value=value,
                ),
                param,
                ctx,
            )
        return keys.name(*found)


class File(click.Path):
    """A file name usable by the system and SQLite."""

    def __init__(self, *, stream: bool = False) -> None:
        """Create it.

        Args:
            stream: Accept a pipe, and ``-`` for stdin: it is read once.
        """
        # Not being allowed to read is no slip on the command line: whoever opens it says what is missing.
        super().__init__(dir_okay=False, readable=False, allow_dash=stream, path_type=Path)
        self._stream = stream

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Check it."""
        text = str(value)
        why = "" if self._stream and text == "-" else self._why_not(text)
        if why:
            self.fail(why, param, ctx)
        return super().convert(value, param, ctx)

    def _why_not(self, text: str) -> str:
        if not text.strip():
            return say("an empty text is no file's name.")
        if text == "-":
            return say("- stands for no file here: name one, or ./- for a file of that name.")
        try:
            text.encode()
        except UnicodeEncodeError:
            return say("the name is not UTF-8, so no database can be opened by it.")
        try:
            mode = os.stat(text).st_mode  # noqa: PTH116 - a Path would lose the slash at the end
        except ValueError:
            return say("no file's name has a zero byte in it.")
        except OSError as error:
            # What is missing, or may not be looked at, the command itself says.
            return f"{text}: {error.strerror}." if error.errno == errno.ENAMETOOLONG else ""
        known = stat.S_ISREG(mode) or stat.S_ISDIR(mode) or self._stream
        return "" if known else say("{text} is no ordinary file.", text=text)


def _no_number(text: str) -> str:
    if _DIGITS.fullmatch(text):
        return say(
            "{text} is too large for a number of MAX or FreeScout: those have up to 19 digits.",
            text=text,
        )
    return (
        say("{text} is no whole number.", text=text) if text else say("an empty text is no number.")
    )


NUMBER = Number()
ITEM = ItemId()


# --- Options that several commands share, and the question before an action that cannot be undone


config_option = click.option(
    "--config",
    "config_path",
    type=File(),
    help="Configuration file; else $MAXBRIDGE_CONFIG, ./config.toml, /etc/maxbridge/config.toml.",
)
json_option = click.option(
    "--json", "as_json", is_flag=True, help="For programs; the format is versioned."
)
chat_argument = click.argument("chat", type=NUMBER)
yes_option = click.option("--yes", is_flag=True, help="Do not ask.")


def ask(question: str, *, yes: bool, err: bool = False) -> None:
    """Ask before a dangerous action, unless ``--yes`` was given.

    Args:
        question: What to ask.
        yes: Do not ask.
        err: Ask on stderr: stdout is for data.

    Raises:
        click.Abort: The answer is no, or there is no terminal.
    """
    if yes:
        return
    try:
        agreed = confirm(question, err=err)
    except click.Abort:
        if not sys.stdin.isatty():
            click.echo(
                say("\nNobody answers, so nothing is changed; --yes does it without asking."),
                err=True,
            )
        raise
    if not agreed:
        click.echo(say("Nothing is changed."), err=True)
        raise click.Abort
