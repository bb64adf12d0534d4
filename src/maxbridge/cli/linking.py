"""``maxbridge dialogs link`` and ``unlink``: change a ticket's chat after reading the ticket from FreeScout."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from maxbridge.advice import advice
from maxbridge.cli.options import NUMBER, AtLeast, ask, chat_argument, config_option, yes_option
from maxbridge.config.loading import Config, load, secrets_elsewhere
from maxbridge.core.errors import ApiError, ExitCode, UserError
from maxbridge.core.marks import bot_of
from maxbridge.core.plan_inbound import users_of
from maxbridge.i18n import CATALOGUE
from maxbridge.saying import say
from maxbridge.store.linking import DialogView
from maxbridge.store.store import Store, open_store

if TYPE_CHECKING:
    from maxbridge.freescout.client import FreeScoutClient

_LISTED = 20


@click.command()
@config_option
@chat_argument
@click.argument("conversation", type=AtLeast(1))
@click.option("--move", is_flag=True, help="Take it from the chat that it belongs to.")
@yes_option
def link(config_path: Path | None, chat: int, conversation: int, move: bool, yes: bool) -> None:
    """Make a FreeScout ticket the current one of a chat.

    Its new replies go to the chat, and the customer's next message arrives in it. What is in it
    now is never sent. FreeScout is asked about the ticket first.
    """
    config = load(config_path, sections=("store", "freescout"))
    with open_store(config_path) as store:
        dialog = dialog_of(store, chat)
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


@click.command()
@config_option
@chat_argument
@click.option("--conversation", type=NUMBER, help="Which ticket; by default the current one.")
@yes_option
def unlink(config_path: Path | None, chat: int, conversation: int | None, yes: bool) -> None:
    """Take a ticket from a chat.

    Its new replies no longer leave, and a note in it says so; the customer's next message opens
    another ticket. Replies that already wait still leave: they are listed before the question.
    """
    language = load(config_path, sections=("store", "texts")).settings.texts.language
    with open_store(config_path) as store:
        dialog = dialog_of(store, chat)
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


def dialog_of(store: Store, chat: int) -> DialogView:
    """Return the dialog of a chat.

    Raises:
        UserError: There is none.
    """
    rows, _ = store.linking.dialogs(chats=[chat], limit=1)
    if not rows:
        raise UserError(
            say(
                "There is no dialog with chat {chat}: it begins with the customer's first message. See: maxbridge dialogs list",
                chat=chat,
            )
        )
    return rows[0]


def _under_way(chat: int) -> UserError:
    return UserError(
        say(
            "A message of chat {chat} is on its way to FreeScout right now. Try again in a minute.",
            chat=chat,
        ),
        ExitCode.TEMP_FAIL,
    )


def _is_current(store: Store, dialog: DialogView, conversation: int) -> bool:
    """Whether there is nothing to change."""
    states = {each.conversation_id: each.state for each in store.tickets.of_chat(dialog.chat_id)}
    return dialog.conversation_id == conversation and states.get(conversation) == "open"


def _warning(dialog: DialogView, users: frozenset[int]) -> str:
    if dialog.user_id is None or not users or dialog.user_id in users:
        return ""
    listed = ", ".join(map(str, sorted(users)))
    return say(
        "Careful: the ticket's customer is MAX user {users}, the chat is with {user_id}. Replies meant for one person would reach another. ",
        users=listed,
        user_id=dialog.user_id,
    )


# --- The look at FreeScout


@dataclass(frozen=True, slots=True)
class Seen:
    """A ticket as the desk shows it.

    Attributes:
        users: MAX users in its customer's social profiles.
        bots: Bots that have brought customers' messages into it.
        desk_time: The desk's time of the reading.
    """

    customer_id: int | None
    status: str
    deleted: bool
    users: frozenset[int]
    bots: frozenset[int]
    desk_time: float


def look_at(config: Config, conversation_id: int) -> Seen:
    """Read a ticket from the desk.

    Raises:
        UserError: There is no such ticket, or the desk does not answer.
    """
    import asyncio  # noqa: PLC0415 - dialogs list has no use for them

    from maxbridge.freescout.client import FreeScoutClient  # noqa: PLC0415 - brings httpx
    from maxbridge.freescout.failures import is_ticket_gone  # noqa: PLC0415

    settings = config.settings.freescout
    client = FreeScoutClient(settings.url, settings.api_key.reveal())
    try:
        return asyncio.run(read_ticket(client, conversation_id))
    except ApiError as error:
        failure = error.failure
        if is_ticket_gone(failure):
            raise UserError(
                say(
                    "FreeScout has no ticket {conversation_id}. The id stands in the ticket's address; it is not the number with #.",
                    conversation_id=conversation_id,
                )
            ) from None
        raise UserError(
            say(
                "FreeScout cannot be asked about the ticket, so nothing changed: {failure}. {advice}",
                failure=failure,
                advice=advice(failure.code, secrets_elsewhere(config)),
            ).rstrip(),
            ExitCode.TEMP_FAIL,
        ) from None


async def read_ticket(client: FreeScoutClient, conversation_id: int) -> Seen:
    """Like :func:`look_at`, with a client that is closed at the end.

    Raises:
        ApiError: The desk refuses or does not answer.
    """
    try:
        ticket, desk_time = await client.conversation(conversation_id, threads=True)
        profiles = (
            None if ticket.customer_id is None else await client.profiles_of(ticket.customer_id)
        )
    finally:
        await client.close()
    return Seen(
        customer_id=ticket.customer_id,
        status=ticket.status,
        deleted=ticket.state == "deleted",
        users=frozenset(users_of(profiles or ())),
        bots=frozenset(
            bot
            for each in ticket.threads or ()
            if each.type == "customer" and (bot := bot_of(each.body)) is not None
        ),
        desk_time=desk_time,
    )
