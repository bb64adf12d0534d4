"""``maxbridge queue``: what waits, and the decisions that only a person can make."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from maxbridge.cli.options import ask, config_option, json_option, yes_option
from maxbridge.cli.output import print_json, print_table
from maxbridge.cli.store import open_journal
from maxbridge.core.errors import UserError
from maxbridge.status import age, moment
from maxbridge.store.journal import Journal
from maxbridge.store.queue import Queue
from maxbridge.store.states import State

_SHOWN = 200
_ids = click.argument("items", metavar="ID...", nargs=-1, required=True)


@click.group()
def queue() -> None:
    """See what waits, and decide about what is held. Safe beside the running daemon.

    IDs are those of `queue list`: in-… goes to FreeScout, out-… to MAX.
    """


@queue.command("list")
@config_option
@json_option
def list_(config_path: Path | None, as_json: bool) -> None:
    """List what waits or is held, oldest first; never what people wrote."""
    now = time.time()
    with open_journal(config_path) as journal:
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
        print_json(items=data)
        return
    print_table(
        ("id", "state", "since", "item", "error"),
        [
            (name, item.state.value, age(now - item.created_at), item.key, item.error)
            for name, item in rows
        ],
        empty="nothing waits",
    )


@queue.command()
@config_option
@_ids
@click.option("--anyway", is_flag=True, help="Without a look-up: it may then arrive twice.")
@yes_option
def retry(config_path: Path | None, items: tuple[str, ...], anyway: bool, yes: bool) -> None:
    """Try held items again.

    What may have arrived is looked up first, so nothing arrives twice; that takes up to two minutes.
    What no look-up can decide is held again; --anyway sends it all the same.
    """
    if anyway:
        ask("What is sent without a look-up may arrive twice. Go on?", yes=yes)

    def again(one: Queue[Any], item_id: int) -> bool:
        return one.retry(item_id, anyway=anyway, now=time.time())

    _decide(config_path, items, again, "tried again", "held")


@queue.command()
@config_option
@_ids
def hold(config_path: Path | None, items: tuple[str, ...]) -> None:
    """Keep waiting items from being delivered until `queue retry`."""

    def keep(one: Queue[Any], item_id: int) -> bool:
        waiting = (State.QUEUED, State.DEFERRED)
        return one.decide(
            item_id, waiting, State.HELD, error="by the administrator", now=time.time()
        )

    _decide(config_path, items, keep, "held", "waiting")


@queue.command()
@config_option
@_ids
@yes_option
def drop(config_path: Path | None, items: tuple[str, ...], yes: bool) -> None:
    """Give up items for good. What is dropped is never delivered."""
    ask(f"{len(items)} to be dropped; nobody will get them. Go on?", yes=yes)

    def give_up(one: Queue[Any], item_id: int) -> bool:
        allowed = (State.HELD, State.QUEUED, State.DEFERRED)
        return one.decide(
            item_id, allowed, State.IGNORED, error="dropped by the administrator", now=time.time()
        )

    _decide(config_path, items, give_up, "dropped", "held or waiting")


def _decide(
    config_path: Path | None,
    items: tuple[str, ...],
    decide: Callable[[Queue[Any], int], bool],
    *words: str,
) -> None:
    """Carry out a decision about each item; ``words`` say what was done, and what it must have been."""
    done, wanted = words
    refused = []
    with open_journal(config_path) as journal:
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
