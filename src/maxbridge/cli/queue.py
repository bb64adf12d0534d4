"""``maxbridge queue``: waiting items, and decisions that only a person can make."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from maxbridge.cli.options import (
    ITEM,
    NUMBER,
    AtLeast,
    ask,
    complete_items,
    complete_put_aside,
    config_option,
    json_option,
    yes_option,
)
from maxbridge.cli.output import print_json, print_table
from maxbridge.cli.queue_item import PUT_ASIDE, STATES, as_data, as_text, reason, waits_for
from maxbridge.cli.spoken import Group
from maxbridge.core import keys
from maxbridge.core.delivery import PENDING, Outcome, State
from maxbridge.core.errors import UserError
from maxbridge.saying import age, later, local, say, utc
from maxbridge.store.linking import inspect
from maxbridge.store.queue import Queue
from maxbridge.store.records import Item
from maxbridge.store.snapshot import floods
from maxbridge.store.store import Store, open_store

_SHOWN = 200
_NAMED = 10
_STATES = (*PENDING, State.HELD)
_CHOICES = (*_STATES, State.PARKED)
_ids = click.argument(
    "items", type=ITEM, metavar="ID...", nargs=-1, required=True, shell_complete=complete_items
)


@click.group(cls=Group)
def queue() -> None:
    """See what waits, and decide about held items. The daemon may run.

    IDs are those of `queue list`: in-… goes to FreeScout, out-… to MAX.
    """


@queue.command("list")
@config_option
@json_option
@click.option(
    "--state",
    type=click.Choice([each.value for each in _CHOICES]),
    help="Only those in this state.",
)
@click.option("--chat", type=NUMBER, help="Only those of this MAX chat.")
@click.option(
    "--direction",
    type=click.Choice([keys.TO_DESK, keys.TO_MAX]),
    help="Only to FreeScout, or to MAX.",
)
@click.option(
    "--limit", type=AtLeast(1), default=_SHOWN, show_default=True, help="At most so many."
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
    """List what waits or is held, oldest first, without what people wrote.

    Of what is put aside (`[max] flood_limit`) only the chats are named; `--state parked` lists it
    all.
    """
    now = time.time()
    states = _STATES if state is None else (State(state),)
    rows: list[tuple[str, Item]] = []
    total = 0
    with open_store(config_path) as store:
        for prefix, one in _queues(store).items():
            if direction in (None, prefix):
                found = one.waiting(limit, states=states, chat_id=chat)
                rows += [(keys.name(prefix, item.id), item) for item in found]
                total += one.how_many(states=states, chat_id=chat)
        aside = floods(store.db.rows)
        stopped = _stopped(store)
    rows = sorted(rows, key=lambda row: row[1].created_at)[:limit]
    more = total - len(rows)
    if as_json:
        print_json(
            items=[_summary(name, item, stopped) for name, item in rows],
            more=more,
            put_aside=[{"chat": each.chat_id, "messages": each.messages} for each in aside],
        )
        return
    print_table(
        ("id", say("state"), say("waits"), say("item"), say("error")),
        [
            (
                name,
                item.state.value,
                age(now - item.created_at),
                item.key,
                reason(waits_for(name, item, stopped)) or (item.error and say(item.error)),
            )
            for name, item in rows
        ],
        empty=say("nothing waits"),
    )
    if more:
        click.echo(say("{more} more: --limit {total}", more=more, total=total), err=True)
    for each in aside[:_NAMED]:
        click.echo(
            say(
                "chat {chat}: {count} put aside since {at}: maxbridge queue release {chat}",
                chat=each.chat_id,
                count=each.messages,
                at=local(each.since),
            ),
            err=True,
        )


@queue.command()
@config_option
@json_option
@click.argument("item", type=ITEM, metavar="ID", shell_complete=complete_items)
@click.option("--text", is_flag=True, help="Show what people wrote as well: it is personal data.")
def show(config_path: Path | None, as_json: bool, item: str, text: bool) -> None:
    """Show everything about one item, and what can be done about it.

    What people wrote is shown only with --text: it is personal data and stays in the terminal's
    history.
    """
    with open_store(config_path) as store:
        one, item_id = _find(store, item)
        view = inspect(store.db, one, item_id)
        stopped = _stopped(store)
    if view is None:
        raise UserError(
            say(
                "{item}: there is no such item (any more); ids of what was delivered are kept for [store] keep_ids_days. See: maxbridge queue list",
                item=item,
            )
        )
    whom = waits_for(item, view.item, stopped)
    if as_json:
        print_json(item=as_data(item, view, whom, text=text))
    else:
        click.echo(as_text(item, view, whom, text=text, now=time.time()))


@queue.command()
@config_option
@json_option
@click.argument("items", type=ITEM, metavar="ID...", nargs=-1, shell_complete=complete_items)
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

    First it is checked whether the item has arrived, so nothing arrives twice; this takes up to
    two minutes. If that cannot be determined, the item is held again; --anyway sends it all the
    same.
    """
    if bool(items) == all_held:
        raise click.UsageError(say("Exactly one of the two is needed: IDs, or --all-held."))
    if all_held:
        items = _all_held(config_path)
    chosen = _choose(config_path, items, (State.HELD,), later("held"))
    number = say("{count} held", count=len(chosen.meant)) if all_held else f"{len(chosen.meant)}"
    if chosen.meant and anyway:
        chosen.ask(
            say("{number} to be sent without a look-up: it may arrive twice.", number=number),
            yes=yes,
        )
    elif chosen.meant and all_held:
        chosen.ask(say("{number} to be tried again.", number=number), yes=yes)

    def again(one: Queue[Any], item_id: int) -> bool:
        return one.retry(item_id, anyway=anyway, now=time.time())

    _decide(config_path, chosen, again, later("tried again"), as_json=as_json)


@queue.command()
@config_option
@json_option
@_ids
def hold(config_path: Path | None, as_json: bool, items: tuple[str, ...]) -> None:
    """Stop waiting items until `queue retry`."""
    waiting = (State.QUEUED, State.DEFERRED)
    chosen = _choose(config_path, items, waiting, later("waiting"))

    def keep(one: Queue[Any], item_id: int) -> bool:
        return one.decide(
            item_id, Outcome.HOLD, error=later("by the administrator"), now=time.time()
        )

    _decide(config_path, chosen, keep, later("held"), as_json=as_json)


@queue.command()
@config_option
@json_option
@click.argument("chat", type=NUMBER, shell_complete=complete_put_aside)
@yes_option
def release(config_path: Path | None, as_json: bool, chat: int, yes: bool) -> None:
    """Deliver what is put aside of a chat.

    What a chat sends beyond `[max] flood_limit` in an hour is put aside, and later messages wait
    behind it. All are delivered in order.
    """
    _let_go(config_path, chat, Outcome.RELEASE, as_json=as_json, yes=yes)


@queue.command()
@config_option
@json_option
@click.argument("items", type=ITEM, metavar="ID...", nargs=-1, shell_complete=complete_items)
@click.option(
    "--put-aside",
    "chat",
    type=NUMBER,
    help="All that is put aside of this MAX chat.",
    shell_complete=complete_put_aside,
)
@yes_option
def drop(
    *,
    config_path: Path | None,
    as_json: bool,
    items: tuple[str, ...],
    chat: int | None,
    yes: bool,
) -> None:
    """Drop items for good: they are never delivered."""
    if bool(items) == (chat is not None):
        raise click.UsageError(say("Exactly one of the two is needed: IDs, or --put-aside CHAT."))
    if chat is not None:
        _let_go(config_path, chat, Outcome.DROP, as_json=as_json, yes=yes)
        return
    allowed = (State.HELD, State.QUEUED, State.DEFERRED, State.PARKED)
    chosen = _choose(config_path, items, allowed, later("held or waiting"))
    if chosen.meant:
        listed = " ".join(chosen.meant[:_NAMED])
        more = (
            say(" and {more} more", more=len(chosen.meant) - _NAMED)
            if len(chosen.meant) > _NAMED
            else ""
        )
        chosen.ask(
            say("To be dropped: {listed}{more}; nobody will get them.", listed=listed, more=more),
            yes=yes,
        )

    def give_up(one: Queue[Any], item_id: int) -> bool:
        return one.decide(
            item_id, Outcome.DROP, error=later("dropped by the administrator"), now=time.time()
        )

    _decide(config_path, chosen, give_up, later("dropped"), as_json=as_json)


def _let_go(
    config_path: Path | None, chat: int, outcome: Outcome, *, as_json: bool, yes: bool
) -> None:
    """Release or drop what is put aside of a chat."""
    if outcome is Outcome.DROP:
        asked = later("Messages to be dropped: {count}; nobody will get them. Go on?")
        done = later("chat {chat}: {count} dropped")
    else:
        asked = later("Messages to be released: {count}; they go to the ticket. Go on?")
        done = later("chat {chat}: {count} released")
    with open_store(config_path) as store:
        found = [each for each in floods(store.db.rows) if each.chat_id == chat]
        if not found:
            raise UserError(
                say(
                    "chat {chat}: nothing is put aside. Chats of which something is: maxbridge queue list",
                    chat=chat,
                )
            )
        ask(say(asked, count=found[0].messages), yes=yes)
        count = store.floods.let_go(chat, outcome, time.time())
    if as_json:
        print_json(chat=chat, done=count)
    else:
        click.echo(say(done, chat=chat, count=count))


@dataclass(frozen=True, slots=True)
class _Chosen:
    """Items to which a decision applies, and those to which it does not; ``wanted`` is the required state in words."""

    meant: tuple[str, ...]
    refused: dict[str, str]
    wanted: str

    def ask(self, words: str, *, yes: bool) -> None:
        """Ask about the chosen ones; the others are listed before the question."""
        ask("\n".join([*self.refused.values(), f"{words} {say('Go on?')}"]), yes=yes)


def _choose(
    config_path: Path | None, items: Collection[str], allowed: Collection[State], wanted: str
) -> _Chosen:
    """Look items up before asking about them."""
    meant: list[str] = []
    refused: dict[str, str] = {}
    with open_store(config_path) as store:
        for name in dict.fromkeys(items):
            view = inspect(store.db, *_find(store, name))
            if view is None:
                refused[name] = say("{name}: there is no such item (any more).", name=name)
            elif view.item.state in allowed:
                meant.append(name)
            else:
                state = say(PUT_ASIDE if view.is_put_aside else STATES[view.item.state])
                refused[name] = say(
                    "{name}: is not {wanted}: it {state}; nothing changed.",
                    name=name,
                    wanted=say(wanted),
                    state=state,
                )
    return _Chosen(tuple(meant), refused, wanted)


def _decide(
    config_path: Path | None,
    chosen: _Chosen,
    decide: Callable[[Queue[Any], int], bool],
    done: str,
    *,
    as_json: bool,
) -> None:
    """Carry out a decision about each item; ``done`` is the result in words."""
    changed: list[str] = []
    refused = dict(chosen.refused)
    with open_store(config_path) as store:
        for name in chosen.meant:
            if decide(*_find(store, name)):
                changed.append(name)
            else:
                refused[name] = say(
                    "{name}: is not {wanted} any more; nothing changed.",
                    name=name,
                    wanted=say(chosen.wanted),
                )
    if as_json:
        print_json(done=changed, refused=list(refused))
    else:
        for name in changed:
            click.echo(f"{name}: {say(done)}")
        if not chosen.meant and not refused:
            click.echo(say("nothing is held"))
    if refused:
        raise UserError(list(refused.values()))


def _all_held(config_path: Path | None) -> tuple[str, ...]:
    with open_store(config_path) as store:
        return tuple(
            keys.name(prefix, item.id)
            for prefix, one in _queues(store).items()
            for item in one.waiting(None, states=(State.HELD,))
        )


def _stopped(store: Store) -> dict[int, bool]:
    """Return the chats to which nothing can be sent now, and whether each is a group's."""
    found, _ = store.linking.dialogs(blocked=True)
    return {each.chat_id: each.is_group for each in found}


def _summary(name: str, item: Item, stopped: dict[int, bool]) -> dict[str, Any]:
    return {
        "id": name,
        "key": item.key,
        "chat": item.chat_id,
        "state": item.state.value,
        "since": utc(item.created_at),
        "tries": item.attempts,
        "error": item.error,
        "waits_for": waits_for(name, item, stopped),
    }


def _queues(store: Store) -> dict[str, Queue[Any]]:
    return {keys.TO_DESK: store.inbox, keys.TO_MAX: store.outbox}


def _find(store: Store, name: str) -> tuple[Queue[Any], int]:
    which, number = keys.read_name(name) or ("", 0)
    return _queues(store)[which], number
