"""``maxbridge dialogs``: which MAX chat has which ticket, and the administrator's changes to it."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from maxbridge.cli.forget import forget
from maxbridge.cli.linking import dialog_of, link, unlink
from maxbridge.cli.options import (
    NUMBER,
    AtLeast,
    Number,
    chat_argument,
    config_option,
    json_option,
)
from maxbridge.cli.output import print_json, print_table
from maxbridge.cli.personal import export
from maxbridge.cli.spoken import Group
from maxbridge.saying import age, local, say, utc
from maxbridge.store.linking import DialogView
from maxbridge.store.store import Store, open_store

_SHOWN = 200
_RECENT = 10


@click.group(cls=Group)
def dialogs() -> None:
    """See which chat has which ticket, and change that. The daemon may run.

    CHAT is MAX's id of the chat, CONVERSATION the ticket's id in its FreeScout address, not the
    number with #.
    """


@dialogs.command("list")
@config_option
@json_option
@click.option(
    "--blocked",
    is_flag=True,
    help="Only customers who stopped the bot, and groups that removed it.",
)
@click.option("--chat", type=NUMBER, help="Only this chat.")
@click.option("--user", type=NUMBER, help="Only this MAX user.")
@click.option("--conversation", type=NUMBER, help="Only the chat that this ticket belongs to.")
@click.option(
    "--search",
    type=Number("Only ids are stored, not names: give a number from MAX or FreeScout."),
    metavar="NUMBER",
    help="Only those with this number among their ids.",
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
    """List dialogs, the most recently active first, without what people wrote."""
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
        (
            say("chat"),
            say("MAX user"),
            say("customer"),
            say("ticket"),
            "",
            say("wrote"),
            say("was answered"),
        ),
        [
            (
                each.chat_id,
                each.user_id,
                each.customer_id,
                each.conversation_id,
                _unreachable(each),
                _ago(each.last_inbound_at, now),
                _ago(each.last_outbound_at, now),
            )
            for each in rows
        ],
        empty=say("no such dialog"),
    )
    if more:
        click.echo(say("{more} more: --limit {total}", more=more, total=total), err=True)


@dialogs.command()
@config_option
@json_option
@chat_argument
def show(config_path: Path | None, as_json: bool, chat: int) -> None:
    """Show a dialog: its tickets, what waits, and what came last, without what people wrote."""
    with open_store(config_path) as store:
        dialog = dialog_of(store, chat)
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
    click.echo(
        say(
            "chat {chat_id}, MAX user {user_id}",
            chat_id=dialog.chat_id,
            user_id=dialog.user_id or say("not known"),
        )
    )
    if dialog.blocked:
        click.echo(
            say(
                "the group removed the bot: replies wait until it is added again; to try now: maxbridge dialogs unblock -- {chat}"
                if dialog.is_group
                else "the customer stopped the bot: replies wait until they start it again; to try now: maxbridge dialogs unblock {chat}",
                chat=chat,
            )
        )
    click.echo(
        say(
            "waiting: {waiting_to_desk} to FreeScout, {waiting_to_max} to MAX; held: {held_to_desk} and {held_to_max}",
            waiting_to_desk=counts.waiting_to_desk,
            waiting_to_max=counts.waiting_to_max,
            held_to_desk=counts.held_to_desk,
            held_to_max=counts.held_to_max,
        )
    )
    click.echo(
        say(
            "the customer wrote {wrote}, was answered {answered}\n",
            wrote=_ago(dialog.last_inbound_at, now) or say("never"),
            answered=_ago(dialog.last_outbound_at, now) or say("never"),
        )
    )
    print_table(
        (say("ticket"), say("customer"), say("since"), say("state")),
        [
            (
                each.conversation_id,
                each.customer_id,
                local(each.linked_at),
                say(each.state)
                + (say(", current") if each.conversation_id == dialog.conversation_id else ""),
            )
            for each in tickets
        ],
        empty=say("no ticket yet"),
    )
    click.echo()
    print_table(
        ("id", say("state"), say("when"), say("item")),
        [(each.name, each.state, _ago(each.at, now), each.key) for each in recent],
        empty=say("nothing came or left in the last weeks"),
    )


@dialogs.command()
@config_option
@chat_argument
def unblock(config_path: Path | None, chat: int) -> None:
    """Send again to a customer who is recorded as having stopped the bot.

    Replies that wait for them leave at once, in order. If MAX still says that they stopped the
    bot, the replies wait on, and a note says so; none is given up. A new reply makes the same
    attempt, at most once in a quarter of an hour.
    """
    with open_store(config_path) as store:
        dialog = dialog_of(store, chat)
        if not store.linking.unblock(chat, time.time()):
            click.echo(
                say(
                    "chat {chat}: the group does not count as having removed the bot"
                    if dialog.is_group
                    else "chat {chat}: the customer does not count as having stopped the bot",
                    chat=chat,
                )
            )
            return
        counts = store.linking.counts(chat)
    words = [say("chat {chat}: the mark is removed", chat=chat)]
    words.append(
        say("replies that wait: {count}, maxbridge tries to send them", count=counts.waiting_to_max)
        if counts.waiting_to_max
        else say("no reply waits")
    )
    if counts.held_to_max:
        words.append(say("replies held for your decision: {count}", count=counts.held_to_max))
    click.echo("; ".join(words))


dialogs.add_command(link)
dialogs.add_command(unlink)
dialogs.add_command(export)
dialogs.add_command(forget)


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


def _unreachable(dialog: DialogView) -> str:
    if not dialog.blocked:
        return ""
    return say("removed the bot") if dialog.is_group else say("stopped the bot")


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
    return None if at is None else say("{age} ago", age=age(now - at))
