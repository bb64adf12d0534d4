"""``maxbridge queue``: what waits, and the decisions that only a person can make."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from maxbridge.cli import complete
from maxbridge.cli.options import ask, config_option, json_option, yes_option
from maxbridge.cli.output import print_json, print_table
from maxbridge.cli.queue_item import as_data, as_text
from maxbridge.cli.store import open_journal
from maxbridge.core.errors import UserError
from maxbridge.status import age, moment
from maxbridge.store.journal import Journal
from maxbridge.store.queue import Queue
from maxbridge.store.records import Item
from maxbridge.store.states import PENDING, State

_SHOWN = 200
_STATES = (*PENDING, State.HELD)
_ids = click.argument(
    "items", metavar="ID...", nargs=-1, required=True, shell_complete=complete.items
)


@click.group()
def queue() -> None:
    """See what waits, and decide about what is held. Safe beside the running daemon.

    IDs are those of `queue list`: in-… goes to FreeScout, out-… to MAX.
    """


@queue.command("list")
@config_option
@json_option
@click.option(
    "--state", type=click.Choice([each.value for each in _STATES]), help="Only those in this state."
)
@click.option("--chat", type=int, help="Only those of this MAX chat.")
@click.option("--direction", type=click.Choice(["in", "out"]), help="Only to FreeScout, or to MAX.")
@click.option(
    "--limit", type=click.IntRange(1), default=_SHOWN, show_default=True, help="At most so many."
)
def list_(
    *,
    config_path: Path | None,
    as_json: bool,
    state: str | None,
    chat: int | None,
    direction: str | None,
    limit: int,
) -> None:
    """List what waits or is held, oldest first; never what people wrote."""
    now = time.time()
    states = _STATES if state is None else (State(state),)
    rows: list[tuple[str, Item]] = []
    total = 0
    with open_journal(config_path) as journal:
        for prefix, one in _queues(journal).items():
            if direction in (None, prefix):
                found = one.waiting(limit, states=states, chat_id=chat)
                rows += [(f"{prefix}-{item.id}", item) for item in found]
                total += one.how_many(states=states, chat_id=chat)
    rows = sorted(rows, key=lambda row: row[1].created_at)[:limit]
    more = total - len(rows)
    if as_json:
        print_json(items=[_summary(name, item) for name, item in rows], more=more)
        return
    print_table(
        ("id", "state", "since", "item", "error"),
        [
            (name, item.state.value, age(now - item.created_at), item.key, item.error)
            for name, item in rows
        ],
        empty="nothing waits",
    )
    if more:
        click.echo(f"{more} more: --limit {total}", err=True)


@queue.command()
@config_option
@json_option
@click.argument("item", metavar="ID", shell_complete=complete.items)
@click.option("--text", is_flag=True, help="Show what people wrote as well: it is personal data.")
def show(config_path: Path | None, as_json: bool, item: str, text: bool) -> None:
    """Show everything about one item, and what can be done about it.

    What people wrote is shown with --text only: it is personal data, and it stays in the terminal's
    history.
    """
    with open_journal(config_path) as journal:
        one, item_id = _find(journal, item)
        view = journal.inspect(one, item_id)
    if view is None:
        raise UserError(
            f"{item}: there is no such item (any more); ids of what was delivered are kept for [store] "
            "keep_ids_days. See: maxbridge queue list"
        )
    if as_json:
        print_json(item=as_data(item, view, text=text))
    else:
        click.echo(as_text(item, view, text=text, now=time.time()))


@queue.command()
@config_option
@json_option
@click.argument("items", metavar="ID...", nargs=-1, shell_complete=complete.items)
@click.option("--all-held", is_flag=True, help="All that is held, instead of IDs.")
@click.option("--anyway", is_flag=True, help="Without a look-up: it may then arrive twice.")
@yes_option
def retry(
    *,
    config_path: Path | None,
    as_json: bool,
    items: tuple[str, ...],
    all_held: bool,
    anyway: bool,
    yes: bool,
) -> None:
    """Try held items again.

    What may have arrived is looked up first, so nothing arrives twice; that takes up to two minutes.
    What no look-up can decide is held again; --anyway sends it all the same.
    """
    if bool(items) == all_held:
        raise click.UsageError("Name IDs, or use --all-held.")
    if all_held:
        items = _all_held(config_path)
        if items:
            ask(f"{len(items)} held items are tried again. Go on?", yes=yes)
    if anyway and items:
        ask("What is sent without a look-up may arrive twice. Go on?", yes=yes)

    def again(one: Queue[Any], item_id: int) -> bool:
        return one.retry(item_id, anyway=anyway, now=time.time())

    _decide(config_path, items, again, "tried again", "held", as_json=as_json)


@queue.command()
@config_option
@json_option
@_ids
def hold(config_path: Path | None, as_json: bool, items: tuple[str, ...]) -> None:
    """Keep waiting items from being delivered until `queue retry`."""

    def keep(one: Queue[Any], item_id: int) -> bool:
        waiting = (State.QUEUED, State.DEFERRED)
        return one.decide(
            item_id, waiting, State.HELD, error="by the administrator", now=time.time()
        )

    _decide(config_path, items, keep, "held", "waiting", as_json=as_json)


@queue.command()
@config_option
@json_option
@_ids
@yes_option
def drop(config_path: Path | None, as_json: bool, items: tuple[str, ...], yes: bool) -> None:
    """Give up items for good. What is dropped is never delivered."""
    ask(f"{len(items)} to be dropped; nobody will get them. Go on?", yes=yes)

    def give_up(one: Queue[Any], item_id: int) -> bool:
        allowed = (State.HELD, State.QUEUED, State.DEFERRED)
        return one.decide(
            item_id, allowed, State.IGNORED, error="dropped by the administrator", now=time.time()
        )

    _decide(config_path, items, give_up, "dropped", "held or waiting", as_json=as_json)


def _decide(
    config_path: Path | None,
    items: tuple[str, ...],
    decide: Callable[[Queue[Any], int], bool],
    *words: str,
    as_json: bool,
) -> None:
    """Carry out a decision about each item; ``words`` say what was done, and what it must have been."""
    done, wanted = words
    changed: list[str] = []
    refused: list[str] = []
    with open_journal(config_path) as journal:
        for name, (one, item_id) in {name: _find(journal, name) for name in items}.items():
            (changed if decide(one, item_id) else refused).append(name)
    if as_json:
        print_json(done=changed, refused=refused)
    else:
        for name in changed:
            click.echo(f"{name}: {done}")
        if not items:
            click.echo("nothing is held")
    if refused:
        raise UserError(
            [f"{name}: is not {wanted} (any more); nothing changed." for name in refused]
        )


def _all_held(config_path: Path | None) -> tuple[str, ...]:
    with open_journal(config_path) as journal:
        return tuple(
            f"{prefix}-{item.id}"
            for prefix, one in _queues(journal).items()
            for item in one.waiting(None, states=(State.HELD,))
        )


def _summary(name: str, item: Item) -> dict[str, Any]:
    return {
        "id": name,
        "key": item.key,
        "chat": item.chat_id,
        "state": item.state.value,
        "since": moment(item.created_at),
        "tries": item.attempts,
        "error": item.error,
    }


def _queues(journal: Journal) -> dict[str, Queue[Any]]:
    return {"in": journal.inbox, "out": journal.outbox}


def _find(journal: Journal, name: str) -> tuple[Queue[Any], int]:
    prefix, _, number = name.partition("-")
    queues = _queues(journal)
    if prefix not in queues or not number.isdecimal():
        raise UserError(f"{name}: an id looks like in-12 or out-7; see maxbridge queue list.")
    return queues[prefix], int(number)
