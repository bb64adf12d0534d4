"""Find out what became of a POST or a ticket at FreeScout: by our marker, and through merges."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from maxbridge.core import keys
from maxbridge.core.errors import ApiError, MaxbridgeError
from maxbridge.core.events import Conversation
from maxbridge.core.marks import begun_by_agent, may_be_of
from maxbridge.core.markup import has_marker, marked_keys
from maxbridge.core.plan_inbound import bots_of
from maxbridge.core.plan_outbound import merges_in
from maxbridge.core.texts import Texts
from maxbridge.freescout.client import FreeScoutClient
from maxbridge.freescout.failures import is_ticket_gone
from maxbridge.observe import log
from maxbridge.store.dialogs import DialogTable
from maxbridge.store.event_commits import NoteStore
from maxbridge.store.readings import ReadingStore
from maxbridge.store.records import PostResult
from maxbridge.store.tickets import TicketTable

_BEFORE = 300.0
"""Seconds before the attempt, by the desk's clock, from which new conversations are searched."""
_AFTER = 900.0
"""Seconds after which a hanging request may still have been carried out; hardly ever more."""
_PAGE = 25
_PAGES = 40


class UndecidableError(MaxbridgeError):
    """Too many conversations to search, so it is unknown whether the POST was carried out."""


async def find_thread(
    desk: FreeScoutClient, conversation_id: int, marker_key: str, bot_id: int | None
) -> PostResult | None:
    """Look for a marker of our bot in a ticket, and in the one that it was merged into meanwhile.

    The bot is compared because two bots of one group post the same messages.

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
    """Look for a marker in the conversations created around an attempt to open one.

    Args:
        desk: The desk.
        attempted_at: The desk's time of the attempt.
        marker_key: The content of the first thread's marker.
        bot_id: Our bot.

    Raises:
        ApiError: The desk could not be asked.
        UndecidableError: Too many conversations were created in that time.
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
    """Look into the surviving ticket if an agent merged this one before the look-up."""
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


# --- Where did an agent merge a ticket to? (contract freescout.md 6, case 57)


_NUMBER = re.compile(r"#(\d{1,15})")
_HOPS = 10
"""Merges followed in a row before giving up."""


async def survivor_of(desk: FreeScoutClient, ticket: Conversation) -> Conversation | None:
    """Return the conversation that a merged ticket ended up in, through any number of merges.

    Args:
        desk: The desk.
        ticket: A ticket of state ``deleted``, read with its threads.

    Returns:
        The survivor without threads; None if the ticket, or one that it was merged into, was
        deleted.

    Raises:
        ApiError: The desk could not be asked.
    """
    passed = {ticket.id}
    for _ in range(_HOPS):
        found = await _merged_into(desk, ticket)
        if found is None or found.id in passed:
            return None
        if found.state != "deleted":
            return found
        passed.add(found.id)
        try:
            ticket, _ = await desk.conversation(found.id, threads=True)
        except ApiError as error:
            if not is_ticket_gone(error.failure):
                raise
            return None  # deleted for ever a moment ago
    return None


async def _merged_into(desk: FreeScoutClient, ticket: Conversation) -> Conversation | None:
    """Follow one merge: the desk names the survivor only in a line item's text, in its language, as ``#number``."""
    for line in sorted(
        merges_in(ticket), key=lambda each: (each.created_at, each.id), reverse=True
    ):
        # The agent's name comes first, and may have a number of its own.
        numbers = _NUMBER.findall(line.action_text)
        if not numbers or int(numbers[-1]) == ticket.number:
            continue
        found = await desk.by_number(int(numbers[-1]))
        if found is not None and found.id != ticket.id:
            return found
    return None


class MergeTables(NamedTuple):
    """The tables that :func:`follow_merge` uses."""

    dialogs: DialogTable
    tickets: TicketTable
    readings: ReadingStore
    notes: NoteStore


class Followed(NamedTuple):
    """The result of following a merge: the surviving ticket, if any, and whether it is the dialog's now."""

    survivor: int | None = None
    linked: bool = False


async def follow_merge(
    tables: MergeTables,
    desk: FreeScoutClient,
    deleted: Conversation,
    chat_id: int,
    *,
    bot_id: int | None,
    overlap: float,
    texts: Texts,
) -> Followed:
    """Replace a dialog's merged ticket by the survivor.

    Only if both belong to the same customer and the survivor to no other dialog: otherwise this
    customer's words would appear under another name, and the other customer's replies are not for
    this chat. Nor if an administrator unlinked the survivor from this dialog: no reply is sent from
    there. Agents are told where replies will not arrive.

    Args:
        tables: The tables it uses.
        desk: The desk.
        deleted: The merged ticket, read with its threads.
        chat_id: Its dialog.
        bot_id: Our bot.
        overlap: Seconds by which readings of the list of changes overlap.
        texts: The agents' language.

    Raises:
        ApiError: The desk could not be asked.
    """
    survivor = await survivor_of(desk, deleted)
    dialog = tables.dialogs.get(chat_id)
    if survivor is None or dialog is None:
        return Followed()
    card = survivor.customer_id
    same = card == dialog.customer_id or (
        card == deleted.customer_id
        and card is not None
        and not tables.dialogs.foreign_customers(chat_id, [card])
    )
    # What an agent began for a card of both bots is the one's or the other's: adoption says whose, as it does anyway.
    undecided = (
        same
        and begun_by_agent(survivor)
        and not tables.tickets.ever_known([survivor.id])
        and await _is_shared(desk, card, bot_id)
    )
    linked = (
        same
        and not undecided
        and tables.tickets.link(
            survivor.id,
            chat_id,
            instead_of=deleted.id,
            history_cutoff=tables.readings.complete_until(deleted.id, overlap),
            desk_now=desk.clock.now(),
        )
    )
    if linked and await _has_another_bot(desk, survivor.id, bot_id):
        key, words = keys.of_two_bots(deleted.id, survivor.id), texts.merged_bots
        tables.notes.add(key, chat_id, survivor.id, words, desk.clock.ours())
    # In what an administrator took from this dialog agents have been told already.
    told = same and tables.tickets.owner(survivor.id) is None
    if not linked and not told:
        words = texts.merged_chats if same else texts.merged_away
        key = keys.merged(deleted.id, survivor.id)
        tables.notes.add(key, chat_id, survivor.id, words, desk.clock.ours())
    logger: Any = log.get("merges")
    logger.info("ticket was merged", conversation=deleted.id, into=survivor.id, followed=linked)
    return Followed(survivor.id, linked)


async def _is_shared(desk: FreeScoutClient, card: int | None, bot_id: int | None) -> bool:
    """Whether other bots have marked a customer record as well."""
    found = None if card is None else await desk.card_of(card)
    return found is not None and bool(bots_of(found.profiles) - {bot_id})


async def _has_another_bot(desk: FreeScoutClient, conversation_id: int, bot_id: int | None) -> bool:
    """Whether customers have written here through another bot as well."""
    ticket, _ = await desk.conversation(conversation_id, threads=True)
    return any(
        each.type == "customer" and not may_be_of(each.body, bot_id)
        for each in ticket.threads or ()
    )
