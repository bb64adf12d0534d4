"""Tab completion: the script for commands, options and ids, and the ids, read within a time limit."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem, ShellComplete, get_completion_class

from maxbridge.cli import PROGRAM
from maxbridge.core import keys
from maxbridge.core.delivery import State
from maxbridge.core.errors import UserError
from maxbridge.saying import age
from maxbridge.store.snapshot import floods

if TYPE_CHECKING:
    from maxbridge.store.store import Store

_VARIABLE = "_MAXBRIDGE_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script that makes Tab complete commands, options and ids. Needs bash 4.4 or newer.

    The Debian package has installed it already. Otherwise, for the shells of your user:

    \b
    maxbridge completion bash > ~/.local/share/bash-completion/completions/maxbridge
    maxbridge completion zsh > ~/.zfunc/_maxbridge       (with ~/.zfunc in $fpath)
    maxbridge completion fish > ~/.config/fish/completions/maxbridge.fish
    """  # noqa: D301 - click wants the character itself
    found = get_completion_class(shell)
    assert found is not None  # noqa: S101 - click knows those of the choice
    # The base class: bash's own would start a bash only to see its version.
    made = found(context.find_root().command, {}, PROGRAM, _VARIABLE)
    click.echo(ShellComplete.source(made).rstrip())


# --- Ids: read from the database quickly, or not at all


PATIENCE = 0.3
"""Seconds after which the shell gets nothing, because another program may have locked the database."""
_SHOWN = 50
_STATES = {"retry": {State.HELD}, "hold": {State.QUEUED, State.DEFERRED}}
"""By command of ``queue``: the states that it accepts; other commands accept all."""


def items(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete ids of waiting and held items, for the commands of ``queue``."""
    states = _STATES.get(context.info_name or "")
    given = context.params.get(parameter.name or "") or ()

    def look(store: Store) -> list[CompletionItem]:
        now = time.time()
        return [
            CompletionItem(
                keys.name(prefix, item.id), help=f"{item.state.value}, {age(now - item.created_at)}"
            )
            for prefix, queue in ((keys.TO_DESK, store.inbox), (keys.TO_MAX, store.outbox))
            for item in queue.waiting(_SHOWN)
            if states is None or item.state in states
        ]

    return [
        each
        for each in from_store(context, look)
        if each.value.startswith(incomplete) and each.value not in given
    ]


def put_aside(
    context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete chats that have messages put aside."""

    def look(store: Store) -> list[CompletionItem]:
        return [
            CompletionItem(str(each.chat_id), help=f"{each.messages} put aside")
            for each in floods(store.db.rows)[:_SHOWN]
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
    thread.join(PATIENCE)
    return list(found)
