"""What commands accept: shared options, types of values, a confirmation question; and what the Tab key completes.

The ids of items and chats are read from the database within a time limit.
"""

from __future__ import annotations

import errno
import math
import os
import re
import stat
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import click
from click.shell_completion import CompletionItem, ShellComplete, get_completion_class

from maxbridge.cli import PROGRAM
from maxbridge.core import keys
from maxbridge.core.errors import UserError
from maxbridge.saying import age, confirm, say

if TYPE_CHECKING:
    from maxbridge.store.store import Store

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


_VARIABLE = "_MAXBRIDGE_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script that makes Tab complete commands, options and ids. Needs bash 4.4 or newer.

    The Debian package has installed it already. Otherwise, for the shells of your user (zsh needs ~/.zfunc in $fpath):

    \b
    maxbridge completion bash > ~/.local/share/bash-completion/completions/maxbridge
    maxbridge completion zsh > ~/.zfunc/_maxbridge
    maxbridge completion fish > ~/.config/fish/completions/maxbridge.fish
    """  # noqa: D301 - click wants the character itself
    found = get_completion_class(shell)
    assert found is not None  # noqa: S101 - click knows those of the choice
    # The base class: bash's own would start a bash only to see its version.
    made = found(context.find_root().command, {}, PROGRAM, _VARIABLE)
    click.echo(ShellComplete.source(made).rstrip())


# --- Ids: read from the database quickly, or not at all


TAB_PATIENCE = 0.3
"""Seconds after which the shell gets nothing, because another program may have locked the database."""
_OFFERED = 50


def complete_items(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete ids of waiting and held items, for the commands of ``queue``."""
    from maxbridge.core.delivery import State  # noqa: PLC0415 - no other command needs it

    accepted = {"retry": {State.HELD}, "hold": {State.QUEUED, State.DEFERRED}}
    states = accepted.get(context.info_name or "")  # other commands accept all
    given = context.params.get(parameter.name or "") or ()

    def look(store: Store) -> list[CompletionItem]:
        now = time.time()
        return [
            CompletionItem(
                keys.name(prefix, item.id), help=f"{item.state.value}, {age(now - item.created_at)}"
            )
            for prefix, queue in ((keys.TO_DESK, store.inbox), (keys.TO_MAX, store.outbox))
            for item in queue.waiting(_OFFERED)
            if states is None or item.state in states
        ]

    return [
        each
        for each in from_store(context, look)
        if each.value.startswith(incomplete) and each.value not in given
    ]


def complete_put_aside(
    context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete chats that have messages put aside."""
    from maxbridge.store.snapshot import floods  # noqa: PLC0415

    def look(store: Store) -> list[CompletionItem]:
        return [
            CompletionItem(str(each.chat_id), help=f"{each.messages} put aside")
            for each in floods(store.db.rows)[:_OFFERED]
        ]

    return [each for each in from_store(context, look) if each.value.startswith(incomplete)]


def from_store(
    context: click.Context, look: Callable[[Store], list[CompletionItem]]
) -> list[CompletionItem]:
    """Read from the database of ``--config``; return nothing if it cannot be read in time.

    Errors are not shown, because the shell is in the middle of a line; the command itself will show them.
    """
    from maxbridge.store.store import open_store  # noqa: PLC0415 - the script needs no database

    found: list[CompletionItem] = []

    def work() -> None:
        path: Path | None = context.params.get("config_path")
        try:
            with open_store(path) as store:
                found.extend(look(store))
        except UserError:
            return

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(TAB_PATIENCE)
    return list(found)
