"""``maxbridge queue``: what waits, and the decisions that only a person can make."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from maxbridge.cli.options import config_option
from maxbridge.config import load
from maxbridge.core.errors import ExitCode, UserError
from maxbridge.status import age, moment

if TYPE_CHECKING:
    from maxbridge.store.journal import Journal
    from maxbridge.store.models import State
    from maxbridge.store.queue import Queue

_SHOWN = 200
_ids = click.argument("items", metavar="ID...", nargs=-1, required=True)
_yes = click.option("--yes", is_flag=True, help="Do not ask.")


class _Decision(NamedTuple):
    """What an administrator decided: from which states to which, why, and what to say then."""

    allowed: tuple[State, ...]
    state: State
    error: str | None
    done: str


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

    They are looked up first, so nothing arrives twice. What no look-up can decide is held again;
    --anyway sends it all the same.
    """
    from maxbridge.store.models import State  # noqa: PLC0415 - not for --help

    if anyway:
        _ask(yes, "What is sent without a look-up may arrive twice. Go on?")
    state = State.QUEUED if anyway else State.SENDING
    _decide(config_path, items, _Decision((State.HELD,), state, None, "tried again"))


@queue.command()
@config_option
@_ids
def hold(config_path: Path | None, items: tuple[str, ...]) -> None:
    """Keep waiting items from being delivered until `queue retry`."""
    from maxbridge.store.models import State  # noqa: PLC0415 - not for --help

    waiting = (State.QUEUED, State.DEFERRED)
    decision = _Decision(waiting, State.HELD, "held by the administrator", "held")
    _decide(config_path, items, decision)


@queue.command()
@config_option
@_ids
@_yes
def drop(config_path: Path | None, items: tuple[str, ...], yes: bool) -> None:
    """Give up items for good. What is dropped is never delivered."""
    from maxbridge.store.models import State  # noqa: PLC0415 - not for --help

    _ask(yes, f"{len(items)} to be dropped; nobody will get them. Go on?")
    allowed = (State.HELD, State.QUEUED, State.DEFERRED)
    decision = _Decision(allowed, State.IGNORED, "dropped by the administrator", "dropped")
    _decide(config_path, items, decision)


def _ask(yes: bool, question: str) -> None:
    if not yes:
        click.confirm(question, abort=True)


def _decide(config_path: Path | None, items: tuple[str, ...], decision: _Decision) -> None:
    with _journal(config_path) as journal:
        chosen = [(name, *_find(journal, name)) for name in items]
        refused = [
            name
            for name, one, item_id in chosen
            if not one.decide(
                item_id,
                decision.allowed,
                decision.state,
                error=decision.error,
                now=time.time(),
            )
        ]
    for name in items:
        if name not in refused:
            click.echo(f"{name}: {decision.done}")
    if refused:
        words = " or ".join(each.value for each in decision.allowed)
        raise UserError(
            [f"{name}: is not {words} (any more); nothing changed." for name in refused]
        )


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
