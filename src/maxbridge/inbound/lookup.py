"""Looks up a POST with unknown outcome at FreeScout by our marker (contract freescout.md 8, traps 1-2)."""

from __future__ import annotations

from maxbridge.core.errors import ApiError, MaxbridgeError
from maxbridge.core.events import Conversation
from maxbridge.core.marks import may_be_of
from maxbridge.core.markup import has_marker, marked_keys
from maxbridge.freescout.client import FreeScoutClient
from maxbridge.freescout.failures import is_ticket_gone
from maxbridge.inbound.merges import survivor_of
from maxbridge.store.records import PostResult

_BEFORE = 300.0
"""Seconds before the attempt, by the desk's clock, from which new conversations are searched."""
_AFTER = 900.0
"""Seconds after which a hanging request may still have been carried out; hardly ever more."""
_PAGE = 25
_PAGES = 40


class UndecidableError(MaxbridgeError):
    """There are too many conversations to look through, so it cannot be determined whether the POST was done."""


async def find_thread(
    desk: FreeScoutClient, conversation_id: int, marker_key: str, bot_id: int | None
) -> PostResult | None:
    """Look for a marker of our bot in one ticket, and in the one that it was merged into meanwhile.

    In a group two bots bring the same messages.

    Raises:
        ApiError: The desk could not be asked.
    """
    try:
        ticket, desk_time = await desk.conversation(conversation_id, threads=True)
    except ApiError as error:
        if is_ticket_gone(error.failure):
            return None
        raise
    found = _in_ticket(ticket, marker_key, bot_id, desk_time, opened=False)
    return found or await _in_survivor(desk, ticket, marker_key, bot_id)


async def find_new_ticket(
    desk: FreeScoutClient, attempted_at: float, marker_key: str, bot_id: int | None
) -> PostResult | None:
    """Look for a marker in the conversations that were made around an attempt to open one.

    Args:
        desk: The desk.
        attempted_at: The desk's time of the attempt.
        marker_key: What the first thread's marker says.
        bot_id: Our bot.

    Raises:
        ApiError: The desk could not be asked.
        UndecidableError: Too many conversations were made in that time.
    """
    for page in range(1, _PAGES + 1):
        tickets = await desk.created_since(attempted_at - _BEFORE, page=page, page_size=_PAGE)
        for ticket in tickets:
            # Oldest first: an agent's clone carries the same marker and is younger.
            found = _in_ticket(ticket, marker_key, bot_id, desk.clock.now(), opened=True)
            found = found or await _in_survivor(desk, ticket, marker_key, bot_id)
            if found is not None:
                return found
        if len(tickets) < _PAGE or tickets[-1].created_at > attempted_at + _AFTER:
            return None
    raise UndecidableError


async def _in_survivor(
    desk: FreeScoutClient, ticket: Conversation, marker_key: str, bot_id: int | None
) -> PostResult | None:
    """Look into the remaining ticket, if an agent merged this one away before we could look."""
    if ticket.state != "deleted":
        return None
    survivor = await survivor_of(desk, ticket)
    if survivor is None:
        return None
    merged, desk_time = await desk.conversation(survivor.id, threads=True)
    return _in_ticket(merged, marker_key, bot_id, desk_time, opened=False)


def _in_ticket(
    ticket: Conversation,
    marker_key: str,
    bot_id: int | None,
    desk_time: float,
    *,
    opened: bool,
) -> PostResult | None:
    for thread in ticket.threads or ():
        if has_marker(thread.body, marker_key) and may_be_of(thread.body, bot_id):
            return PostResult(
                conversation_id=ticket.id,
                thread_id=thread.id,
                customer_id=ticket.customer_id,
                desk_time=desk_time,
                opened=opened,
                recovered=True,
                files=tuple(file.name for file in thread.files),
                marks=tuple(marked_keys(thread.body)),
                number=ticket.number,
            )
    return None
