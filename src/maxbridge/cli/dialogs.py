"""``maxbridge dialogs``: which MAX chat has which ticket, and the administrator's changes of that."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from maxbridge.cli.forget import forget
from maxbridge.cli.groups import Group
from maxbridge.cli.options import (
    NUMBER,
    AtLeast,
    Number,
    ask,
    config_option,
    json_option,
    yes_option,
)
from maxbridge.cli.output import print_json, print_table
from maxbridge.cli.personal import export
from maxbridge.cli.store import open_store
from maxbridge.config.loading import load
from maxbridge.core.errors import ExitCode, UserError
from maxbridge.i18n import CATALOGUE
from maxbridge.saying import age, local, say, utc
from maxbridge.store.linking import DialogView
from maxbridge.store.store import Store

_SHOWN = 200
_RECENT = 10
_LISTED = 20
_chat = click.argument("chat", type=NUMBER)


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
@_chat
def show(config_path: Path | None, as_json: bool, chat: int) -> None:
    """Show a dialog: its tickets, what waits, and what came last, without what people wrote."""
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
@_chat
@click.argument("conversation", type=AtLeast(1))
@click.option("--move", is_flag=True, help="Take it from the chat that it belongs to.")
@yes_option
def link(config_path: Path | None, chat: int, conversation: int, move: bool, yes: bool) -> None:
    """Make a FreeScout ticket the current one of a chat.

    Its new replies go to the chat, and the customer's next message arrives in it. What is in it
    now is never sent. FreeScout is asked about the ticket first.
    """
    from maxbridge.cli.desk_view import look_at  # noqa: PLC0415 - brings httpx

    config = load(config_path, sections=("store", "freescout"))
    with open_store(config_path) as store:
        dialog = _dialog(store, chat)
        seen = look_at(config, conversation)
        if seen.deleted:
            raise UserError(
                say(
                    "Ticket {conversation} is deleted or was merged into another one: restore it in FreeScout, or link the other one.",
                    conversation=conversation,
                )
            )
        owner = store.tickets.owner(conversation)
        if owner is not None and owner != chat and not move:
            raise UserError(
                say(
                    "Ticket {conversation} belongs to chat {owner}. To take it from there: --move. Replies that already wait still go to the old chat.",
                    conversation=conversation,
                    owner=owner,
                )
            )
        foreign = store.dialogs.foreign_customers(chat, [seen.customer_id or 0])
        if foreign and seen.customer_id != dialog.customer_id:
            raise UserError(
                say(
                    "Ticket {conversation} bears the customer of another MAX chat, so replies in it would not leave for this one. Change its customer in FreeScout first.",
                    conversation=conversation,
                )
            )
        for each in (chat, owner):
            if each is not None and store.linking.is_posting(each):
                raise _under_way(each)
        if _is_current(store, dialog, conversation):
            click.echo(
                say(
                    "chat {chat}: ticket {conversation} is the current one already",
                    chat=chat,
                    conversation=conversation,
                )
            )
            return
        warning = _warning(dialog, seen.users)
        others = seen.bots - {store.meta.bot_id()}
        if others:
            warning += say(
                "Careful: another bot ({bots}) has brought messages into it. If that one still runs, answers in it go out through both. ",
                bots=", ".join(map(str, sorted(others))),
            )
        ask(
            say(
                "{warning}Ticket {conversation} (“{status}”) becomes the current one of chat {chat}, instead of {current}. What is in it is not sent. Go on?",
                warning=warning,
                conversation=conversation,
                status=seen.status,
                chat=chat,
                current=dialog.conversation_id or say("none"),
            ),
            yes=yes,
        )
        if not store.linking.link(chat, conversation, seen.customer_id, desk_now=seen.desk_time):
            raise _under_way(chat)
    click.echo(
        say(
            "chat {chat}: ticket {conversation} is the current one",
            chat=chat,
            conversation=conversation,
        )
    )


@dialogs.command()
@config_option
@_chat
@click.option("--conversation", type=NUMBER, help="Which ticket; by default the current one.")
@yes_option
def unlink(config_path: Path | None, chat: int, conversation: int | None, yes: bool) -> None:
    """Take a ticket from a chat.

    Its new replies no longer leave, and a note in it says so; the customer's next message opens
    another ticket. Replies that already wait still leave: they are listed before the question.
    """
    language = load(config_path, sections=("store", "texts")).settings.texts.language
    with open_store(config_path) as store:
        dialog = _dialog(store, chat)
        number = dialog.conversation_id if conversation is None else conversation
        if number is None:
            raise UserError(
                say(
                    "Chat {chat} has no current ticket. See: maxbridge dialogs show {chat}",
                    chat=chat,
                )
            )
        tickets = {each.conversation_id: each for each in store.tickets.of_chat(chat)}
        if number not in tickets or tickets[number].state == "unlinked":
            raise UserError(
                say(
                    "Ticket {number} does not belong to chat {chat}; nothing changed. See: maxbridge dialogs show {chat}",
                    number=number,
                    chat=chat,
                )
            )
        waiting = store.linking.waiting_replies(number)
        lines = [
            say(
                "Replies in ticket {number} will not reach chat {chat} any more.",
                number=number,
                chat=chat,
            )
        ]
        if waiting:
            lines.append(
                say(
                    "{count} that wait already still will: {listed}. To stop them: maxbridge queue drop ID",
                    count=len(waiting),
                    listed=" ".join(waiting[:_LISTED]),
                )
            )
        held = store.linking.held_replies(number)
        if held:
            lines.append(
                say(
                    "{count} are held and leave only by maxbridge queue retry: {listed}",
                    count=len(held),
                    listed=" ".join(held[:_LISTED]),
                )
            )
        if tickets[number].unread:
            lines.append(say("Replies of the last minutes that were not read yet will not leave."))
        ask("\n".join([*lines, say("Go on?")]), yes=yes)
        note = CATALOGUE[language].unlinked
        if not store.linking.unlink(chat, number, note, time.time()):
            raise UserError(
                say("Ticket {number} was unlinked meanwhile; nothing changed.", number=number)
            )
    click.echo(say("chat {chat}: ticket {number} is unlinked", chat=chat, number=number))


@dialogs.command()
@config_option
@_chat
def unblock(config_path: Path | None, chat: int) -> None:
    """Send again to a customer who is recorded as having stopped the bot.

    Replies that wait for them leave at once, in order. If MAX still says that they stopped the
    bot, the replies wait on, and a note says so; none is given up. A new reply makes the same
    attempt, at most once in a quarter of an hour.
    """
    with open_store(config_path) as store:
        dialog = _dialog(store, chat)
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


dialogs.add_command(export)
dialogs.add_command(forget)


def _under_way(chat: int) -> UserError:
    return UserError(
        say(
            "A message of chat {chat} is on its way to FreeScout right now. Try again in a minute.",
            chat=chat,
        ),
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
    return say(
        "Careful: the ticket's customer is MAX user {users}, the chat is with {user_id}. Replies meant for one person would reach another. ",
        users=listed,
        user_id=dialog.user_id,
    )


def _dialog(store: Store, chat: int) -> DialogView:
    rows, _ = store.linking.dialogs(chats=[chat], limit=1)
    if not rows:
        raise UserError(
            say(
                "There is no dialog with chat {chat}: it begins with the customer's first message. See: maxbridge dialogs list",
                chat=chat,
            )
        )
    return rows[0]


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
