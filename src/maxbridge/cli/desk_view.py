"""One look at a ticket of FreeScout, for a command that is about to change whose it is."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from maxbridge.advice import advice
from maxbridge.config.loading import Config, secrets_elsewhere
from maxbridge.core.errors import ApiError, ExitCode, UserError
from maxbridge.core.marks import bot_of
from maxbridge.core.plan_inbound import users_of
from maxbridge.freescout.client import FreeScoutClient
from maxbridge.freescout.failures import is_ticket_gone
from maxbridge.saying import say


@dataclass(frozen=True, slots=True)
class Seen:
    """A ticket as the desk shows it.

    Attributes:
        users: The MAX users whose social profile its customer bears.
        bots: The bots that have brought customers' messages into it.
        desk_time: The desk's time of the reading.
    """

    customer_id: int | None
    status: str
    deleted: bool
    users: frozenset[int]
    bots: frozenset[int]
    desk_time: float


def look_at(config: Config, conversation_id: int) -> Seen:
    """Ask the desk about a ticket.

    Raises:
        UserError: There is no such ticket, or the desk does not answer.
    """
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
    """As :func:`look_at`, with a client that is closed at the end.

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
