"""``maxbridge queue``: what waits, and the decisions that only a person can make."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from maxbridge.cli.options import config_option
from maxbridge.config import load
from maxbridge.core.errors import ExitCode, UserError
from maxbridge.status import age, moment

if TYPE_CHECKING:
    from maxbridge.store.journal import Journal
    from maxbridge.store.queue import Queue

_SHOWN = 200
_ids = click.argument("items", metavar="ID...", nargs=-1, required=True)
_yes = click.option("--yes", is_flag=True, help="Do not ask.")


@click.group()
def queue() -> None:
    """See what waits, and decide about what is held. Safe beside the running daemon.

    IDs are those of `queue list`: in-… goes to FreeScout, out-… to MAX.
    """


@queue.command("list")
@config_option
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def list_(config_path: Path | None, as_json: bool) -> None:
    """List what waits or is held, oldest first; never what people wrote."""
    now = time.time()
    with _journal(config_path) as journal:
        rows = [
            (f"{prefix}-{item.id}", item)
            for prefix, one in _queues(journal).items()
            for item in one.waiting(_SHOWN)
        ]
    if as_json:
        data = [
            {
                "id": name,
                "key": item.key,
                "chat": item.chat_id,
                "state": item.state.value,
                "since": moment(item.created_at),
                "tries": item.attempts,
                "error": item.error,
            }
            for name, item in rows
        ]
        click.echo(json.dumps({"version": 1, "items": data}, ensure_ascii=False, indent=2))
        return
    if not rows:
        click.echo("nothing waits")
        return
    for name, item in rows:
        error = f"  {item.error}" if item.error else ""
        waits = age(now - item.created_at)
        click.echo(f"{name:<8} {item.state.value:<9} {waits:>6}  {item.key}{error}")


@queue.command()
@config_option
@_ids
@click.option("--anyway", is_flag=True, help="Without a look-up: it may then arrive twice.")
@_yes
def retry(config_path: Path | None, items: tuple[str, ...], anyway: bool, yes: bool) -> None:
    """Try held items again.

    What may have arrived is looked up first, so nothing arrives twice; that takes up to two minutes.
    What no look-up can decide is held again; --anyway sends it all the same.
    """
    if anyway:
        _ask(yes, "What is sent without a look-up may arrive twice. Go on?")

    def again(one: Queue[Any], item_id: int) -> bool:
        return one.retry(item_id, anyway=anyway, now=time.time())

    _decide(config_path, items, again, "tried again", "held")


@queue.command()
@config_option
@_ids
def hold(config_path: Path | None, items: tuple[str, ...]) -> None:
    """Keep waiting items from being delivered until `queue retry`."""
    from maxbridge.store.states import State  # noqa: PLC0415 - not for --help

    def keep(one: Queue[Any], item_id: int) -> bool:
        waiting = (State.QUEUED, State.DEFERRED)
        return one.decide(
            item_id, waiting, State.HELD, error="by the administrator", now=time.time()
        )

    _decide(config_path, items, keep, "held", "waiting")


@queue.command()
@config_option
@_ids
@_yes
def drop(config_path: Path | None, items: tuple[str, ...], yes: bool) -> None:
    """Give up items for good. What is dropped is never delivered."""
    from maxbridge.store.states import State  # noqa: PLC0415 - not for --help

    _ask(yes, f"{len(items)} to be dropped; nobody will get them. Go on?")

    def give_up(one: Queue[Any], item_id: int) -> bool:
        allowed = (State.HELD, State.QUEUED, State.DEFERRED)
        return one.decide(
            item_id, allowed, State.IGNORED, error="dropped by the administrator", now=time.time()
        )

    _decide(config_path, items, give_up, "dropped", "held or waiting")


def _ask(yes: bool, question: str) -> None:
    if not yes:
        click.confirm(question, abort=True)


def _decide(
    config_path: Path | None,
    items: tuple[str, ...],
    decide: Callable[[Queue[Any], int], bool],
    *words: str,
) -> None:
    """Carry out a decision about each item; ``words`` say what was done, and what it must have been."""
    done, wanted = words
    refused = []
    with _journal(config_path) as journal:
        for name, (one, item_id) in {name: _find(journal, name) for name in items}.items():
            if decide(one, item_id):
                click.echo(f"{name}: {done}")
            else:
                refused.append(f"{name}: is not {wanted} (any more); nothing changed.")
    if refused:
        raise UserError(refused)


def _queues(journal: Journal) -> dict[str, Queue[Any]]:
    return {"in": journal.inbox, "out": journal.outbox}


def _find(journal: Journal, name: str) -> tuple[Queue[Any], int]:
    prefix, _, number = name.partition("-")
    queues = _queues(journal)
    if prefix not in queues or not number.isdecimal():
        raise UserError(f"{name}: an id looks like in-12 or out-7; see maxbridge queue list.")
    return queues[prefix], int(number)


@contextmanager
def _journal(config_path: Path | None) -> Iterator[Journal]:
    from maxbridge.store.db import SQLITE_ERRORS  # noqa: PLC0415 - not for --help
    from maxbridge.store.journal import Journal  # noqa: PLC0415

    journal = Journal(load(config_path, sections=("store",)).settings.store.path, exclusive=False)
    try:
        yield journal
    except SQLITE_ERRORS as error:
        raise UserError(f"The database cannot be used: {error}.", ExitCode.TEMP_FAIL) from error
    finally:
        journal.close()
