"""``maxbridge dialogs``: which MAX chat has which ticket, and the administrator's changes of that."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from maxbridge.cli.groups import Group
from maxbridge.cli.kinds import NUMBER, AtLeast, Number
from maxbridge.cli.options import ask, config_option, json_option, yes_option
from maxbridge.cli.output import print_json, print_table
from maxbridge.cli.personal import export, forget
from maxbridge.cli.store import open_store
from maxbridge.config import load
from maxbridge.core.errors import ExitCode, UserError
from maxbridge.i18n import CATALOGUE
from maxbridge.store.linking import DialogView
from maxbridge.store.store import Store
from maxbridge.times import age, local, utc

_SHOWN = 200
_RECENT = 10
_chat = click.argument("chat", type=NUMBER)


@click.group(cls=Group)
def dialogs() -> None:
    """See which chat has which ticket, and change that. Safe beside the running daemon.

    CHAT is MAX's id of the chat, CONVERSATION FreeScout's id of the ticket (in its address, not the
    number with #).
    """


@dialogs.command("list")
@config_option
@json_option
@click.option("--blocked", is_flag=True, help="Only customers who stopped the bot.")
@click.option("--chat", type=NUMBER, help="Only this chat.")
@click.option("--user", type=NUMBER, help="Only this MAX user.")
@click.option("--conversation", type=NUMBER, help="Only the chat that this ticket belongs to.")
@click.option(
    "--search",
    type=Number("Only ids are stored, not names: give a number from MAX or FreeScout."),
    metavar="NUMBER",
    help="Only those with this number as any of their ids.",
)
@click.option(
    "--limit", type=AtLeast(1), default=_SHOWN, show_default=True, help="At most so many."
)
def list_(
    *,
    config_path: Path | None,
    as_json: bool,
    blocked: bool,
    chat: int | None,
    user: int | None,
    conversation: int | None,
    search: int | None,
    limit: int,
) -> None:
    """List dialogs, the most recently active first; never what people wrote."""
    with open_store(config_path) as store:
        found = [chat] if chat is not None else []
        if search is not None:
            found = _search(store, search, found)
        nothing = search is not None and not found
        rows, total = (
            ([], 0)
            if nothing
            else store.linking.dialogs(
                chats=found,
                user_id=user,
                conversation_id=conversation,
                blocked=blocked,
                limit=limit,
            )
        )
    more = total - len(rows)
    if as_json:
        print_json(dialogs=[_json(each) for each in rows], more=more)
        return
    now = time.time()
    print_table(
        ("chat", "user", "customer", "ticket", "", "wrote", "was answered"),
        [
            (
                each.chat_id,
                each.user_id,
                each.customer_id,
                each.conversation_id,
                "stopped the bot" if each.blocked else "",
                _ago(each.last_inbound_at, now),
                _ago(each.last_outbound_at, now),
            )
            for each in rows
        ],
        empty="no such dialog",
    )
    if more:
        click.echo(f"{more} more: --limit {total}", err=True)


@dialogs.command()
@config_option
@json_option
@_chat
def show(config_path: Path | None, as_json: bool, chat: int) -> None:
    """Show a dialog with its tickets, what waits, and what came last; never what people wrote."""
    with open_store(config_path) as store:
        dialog = _dialog(store, chat)
        tickets = store.tickets.of_chat(chat)
        counts = store.linking.counts(chat)
        recent = store.linking.recent(chat, _RECENT)
    if as_json:
        print_json(
            dialog=_json(dialog),
            tickets=[
                asdict(each) | {"linked_at": utc(each.linked_at), "read_at": utc(each.read_at)}
                for each in tickets
            ],
            counts=asdict(counts),
            recent=[
                {"id": each.name, "key": each.key, "state": each.state, "since": utc(each.at)}
                for each in recent
            ],
        )
        return
    now = time.time()
    click.echo(f"chat {dialog.chat_id}, MAX user {dialog.user_id or 'not known'}")
    if dialog.blocked:
        click.echo(
            "the customer stopped the bot: replies wait until they start it again; to try now: "
            f"maxbridge dialogs unblock {chat}"
        )
    click.echo(
        f"waiting: {counts.waiting_to_desk} to FreeScout, {counts.waiting_to_max} to MAX; "
        f"held: {counts.held_to_desk} and {counts.held_to_max}"
    )
    click.echo(
        f"the customer wrote {_ago(dialog.last_inbound_at, now) or 'never'}, was answered "
        f"{_ago(dialog.last_outbound_at, now) or 'never'}\n"
    )
    print_table(
        ("ticket", "customer", "since", "state"),
        [
            (
                each.conversation_id,
                each.customer_id,
                local(each.linked_at),
                each.state
                + (", current" if each.conversation_id == dialog.conversation_id else ""),
            )
            for each in tickets
        ],
        empty="no ticket yet",
    )
    click.echo()
    print_table(
        ("id", "state", "since", "item"),
        [(each.name, each.state, _ago(each.at, now), each.key) for each in recent],
        empty="nothing came or left in the last weeks",
    )


@dialogs.command()
@config_option
@_chat
@click.argument("conversation", type=NUMBER)
@click.option("--move", is_flag=True, help="Take it from the chat that it belongs to.")
@yes_option
def link(config_path: Path | None, chat: int, conversation: int, move: bool, yes: bool) -> None:
    """Make a FreeScout ticket the current one of a chat.

    New replies in it go to the chat, and the customer's next message lands in it. What is in it now is
    history and is never sent. FreeScout is asked about the ticket first.
    """
    from maxbridge.cli.desk_view import look_at  # noqa: PLC0415 - brings httpx

    settings = load(config_path, sections=("store", "freescout")).settings
    with open_store(config_path) as store:
        dialog = _dialog(store, chat)
        seen = look_at(settings.freescout, conversation)
        if seen.deleted:
            raise UserError(
                f"Ticket {conversation} is deleted or was merged into another one: restore it in "
                "FreeScout, or link the other one."
            )
        owner = store.tickets.owner(conversation)
        if owner is not None and owner != chat and not move:
            raise UserError(
                f"Ticket {conversation} belongs to chat {owner}. To take it from there: --move. "
                "Replies that already wait still go to the old chat."
            )
        foreign = store.dialogs.foreign_customers(chat, [seen.customer_id or 0])
        if foreign and seen.customer_id != dialog.customer_id:
            raise UserError(
                f"Ticket {conversation} bears the customer of another MAX chat, so replies in it would "
                "not leave for this one. Change its customer in FreeScout first."
            )
        if store.linking.is_posting(chat):
            raise _under_way(chat)
        if _is_current(store, dialog, conversation):
            click.echo(f"chat {chat}: ticket {conversation} is the current one already")
            return
        warning = _warning(dialog, seen.users)
        others = seen.bots - {store.meta.bot_id()}
        if others:
            warning += (
                f"Careful: another bot ({', '.join(map(str, sorted(others)))}) has brought messages into "
                "it. If that one still runs, answers in it go out through both. "
            )
        ask(
            f"{warning}Ticket {conversation} (“{seen.status}”) becomes the current one of chat {chat}, "
            f"instead of {dialog.conversation_id or 'none'}. What is in it is not sent. Go on?",
            yes=yes,
        )
        if not store.linking.link(chat, conversation, seen.customer_id, desk_now=seen.desk_time):
            raise _under_way(chat)
    click.echo(f"chat {chat}: ticket {conversation} is the current one")


@dialogs.command()
@config_option
@_chat
@click.option("--conversation", type=NUMBER, help="Which ticket; by default the current one.")
@yes_option
def unlink(config_path: Path | None, chat: int, conversation: int | None, yes: bool) -> None:
    """Take a ticket from a chat.

    New replies in it no longer leave, which a private note in it says; the customer's next message opens
    another ticket. Replies that already wait still leave: the question before lists them.
    """
    language = load(config_path, sections=("store", "texts")).settings.texts.language
    with open_store(config_path) as store:
        dialog = _dialog(store, chat)
        number = dialog.conversation_id if conversation is None else conversation
        if number is None:
            raise UserError(
                f"Chat {chat} has no current ticket. See: maxbridge dialogs show {chat}"
            )
        tickets = {each.conversation_id: each for each in store.tickets.of_chat(chat)}
        if number not in tickets or tickets[number].state == "unlinked":
            raise UserError(
                f"Ticket {number} does not belong to chat {chat}; nothing changed. See: maxbridge "
                f"dialogs show {chat}"
            )
        waiting = store.linking.waiting_replies(number)
        lines = [f"Replies in ticket {number} will not reach chat {chat} any more."]
        if waiting:
            lines.append(
                f"{len(waiting)} that wait already still will: {' '.join(waiting[:20])}. To stop "
                "them: maxbridge queue drop ID"
            )
        if tickets[number].unread:
            lines.append("Replies of the last minutes that were not read yet will not leave.")
        ask(" ".join([*lines, "Go on?"]), yes=yes)
        note = CATALOGUE[language].unlinked
        if not store.linking.unlink(chat, number, note, time.time()):
            raise UserError(f"Ticket {number} was unlinked meanwhile; nothing changed.")
    click.echo(f"chat {chat}: ticket {number} is unlinked")


@dialogs.command()
@config_option
@_chat
def unblock(config_path: Path | None, chat: int) -> None:
    """Send again to a customer who counts as having stopped the bot.

    Replies that wait for them leave at once, in order. If MAX still says that they stopped the bot, the
    replies wait on, and a note in the ticket says so; nothing is given up by that. A new reply tries by
    itself, once in a quarter of an hour.
    """
    with open_store(config_path) as store:
        _dialog(store, chat)
        if not store.linking.unblock(chat, time.time()):
            click.echo(f"chat {chat}: the customer does not count as having stopped the bot")
            return
        waiting = store.linking.counts(chat).waiting_to_max
    leave = f"{waiting} that wait are sent now" if waiting else "nothing waits"
    click.echo(f"chat {chat}: counts as reachable again; {leave}")


dialogs.add_command(export)
dialogs.add_command(forget)


def _under_way(chat: int) -> UserError:
    return UserError(
        f"A message of chat {chat} is on its way to FreeScout right now. Try again in a minute.",
        ExitCode.TEMP_FAIL,
    )


def _is_current(store: Store, dialog: DialogView, conversation: int) -> bool:
    """Is there nothing to change?"""
    states = {each.conversation_id: each.state for each in store.tickets.of_chat(dialog.chat_id)}
    return dialog.conversation_id == conversation and states.get(conversation) == "open"


def _search(store: Store, wanted: int, chats: list[int]) -> list[int]:
    rows, _ = store.linking.dialogs()
    owner = store.tickets.owner(wanted)
    return [
        each.chat_id
        for each in rows
        if (not chats or each.chat_id in chats)
        and (
            wanted in (each.chat_id, each.user_id, each.customer_id, each.conversation_id)
            or each.chat_id == owner
        )
    ]


def _warning(dialog: DialogView, users: frozenset[int]) -> str:
    if dialog.user_id is None or not users or dialog.user_id in users:
        return ""
    listed = ", ".join(map(str, sorted(users)))
    return (
        f"Careful: the ticket's customer is MAX user {listed}, the chat is with {dialog.user_id}. Replies "
        "meant for one person would reach another. "
    )


def _dialog(store: Store, chat: int) -> DialogView:
    rows, _ = store.linking.dialogs(chats=[chat], limit=1)
    if not rows:
        raise UserError(
            f"There is no dialog with chat {chat}: it begins with the customer's first message. See: "
            "maxbridge dialogs list"
        )
    return rows[0]


def _json(dialog: DialogView) -> dict[str, Any]:
    return {
        "chat": dialog.chat_id,
        "user": dialog.user_id,
        "customer": dialog.customer_id,
        "conversation": dialog.conversation_id,
        "blocked": dialog.blocked,
        "created": utc(dialog.created_at),
        "last_inbound": utc(dialog.last_inbound_at),
        "last_outbound": utc(dialog.last_outbound_at),
    }


def _ago(at: float | None, now: float) -> str | None:
    return None if at is None else f"{age(now - at)} ago"
