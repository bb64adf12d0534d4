"""Find the ticket for a message, and the customer for a ticket, by asking the desk; follow tickets through merges."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from maxbridge.core import keys
from maxbridge.core.errors import ApiError
from maxbridge.core.events import Conversation, Person
from maxbridge.core.marks import begun_by_agent, may_be_of
from maxbridge.core.plan_inbound import (
    Duty,
    InboundPolicy,
    Placement,
    Where,
    bots_of,
    customer_fields,
    group_fields,
    group_profile_of,
    is_full,
    is_others_record,
    place,
    profile_of,
)
from maxbridge.core.plan_outbound import merges_in
from maxbridge.core.texts import Texts
from maxbridge.engine.customers import OwnChats, UnknownChatError, is_still_theirs
from maxbridge.freescout.client import FreeScoutClient
from maxbridge.freescout.failures import is_ticket_gone
from maxbridge.max.client import MaxClient
from maxbridge.observe import log
from maxbridge.store.dialogs import DialogTable
from maxbridge.store.event_commits import BurstStore, EventCommits, NoteStore
from maxbridge.store.inbox import InboxTable
from maxbridge.store.meta import MetaTable
from maxbridge.store.outbox import OutboxTable
from maxbridge.store.readings import ReadingStore
from maxbridge.store.records import DialogRecord
from maxbridge.store.restored import RestoredStore
from maxbridge.store.tickets import TicketTable

_SHOWN = 5
"""Tickets that a customer is told of."""
_HOPS = 5
"""Merges that happen while we look, before giving up and opening a new ticket."""
_NUMBER = re.compile(r"#(\d{1,15})")
_MERGES = 10
"""Merges followed in a row before giving up."""


class WriterTables(NamedTuple):
    """The tables that the way to the desk uses."""

    inbox: InboxTable
    outbox: OutboxTable
    bursts: BurstStore
    dialogs: DialogTable
    tickets: TicketTable
    readings: ReadingStore
    restored: RestoredStore
    notes: NoteStore
    meta: MetaTable
    events: EventCommits


class TicketFinder:
    """Readings of the desk before a POST."""

    def __init__(
        self,
        tables: WriterTables,
        desk: FreeScoutClient,
        client: MaxClient,
        policy: InboundPolicy,
        texts: Texts,
        *,
        chats: OwnChats,
        overlap: float,
    ) -> None:
        self._max = client
        self._tables = tables
        self._merges = MergeTables(tables.dialogs, tables.tickets, tables.readings, tables.notes)
        self._chats = chats
        self._desk = desk
        self._policy = policy
        self._texts = texts
        self._overlap = overlap
        self._log: Any = log.get("ticket_finder")

    async def place(self, dialog: DialogRecord, duty: Duty, written_at: float) -> Placement:
        """Decide where a dialog's message goes, from its ticket as the desk shows it now.

        The dialog's current ticket is the one from which the last reply was sent to the customer,
        or the one that got their last message, whichever is later.

        Args:
            dialog: The dialog.
            duty: POST or REMARK.
            written_at: When the customer wrote, our clock.

        Raises:
            ApiError: The desk could not be asked.
        """
        chat_id = dialog.chat_id
        # A reply may have arrived though MAX's answer was lost: he may be answering it.
        conversation_id = self._tables.outbox.ticket_of_inflight_reply(chat_id, written_at)
        conversation_id = conversation_id or dialog.conversation_id
        if conversation_id is not None and self._tables.tickets.is_anothers(
            conversation_id, chat_id
        ):
            conversation_id = (
                None  # older versions followed a merge into a ticket that was unlinked
            )
        for _ in range(_HOPS):
            ticket: Conversation | None = None
            if conversation_id is not None:
                try:
                    ticket = await self._current(conversation_id)
                except ApiError:
                    if duty is not Duty.POST or not self._is_not_given(conversation_id):
                        raise
                    # Its agents have been told that it cannot be read: a person's words do not wait for it.
                    reason = "the present ticket cannot be read"
                    return Placement(Where.OPEN, reason, instead_of=conversation_id)
            full = ticket is not None and self._is_full(ticket)
            if ticket is not None and full:
                # It may have been followed already, and a reply from it has made it the present one since.
                following = self._tables.tickets.follower(ticket.id, chat_id)
                if following is not None:
                    conversation_id = following
                    continue
            placement = place(
                ticket,
                duty=duty,
                now=self._desk.clock.now(),
                policy=self._policy,
                given_away=ticket is not None
                and not await is_still_theirs(
                    self._tables.dialogs, self._desk, chat_id, ticket, bot_id=self._chats.bot_id()
                ),
                full=full,
            )
            if placement.where is not Where.FOLLOW_MERGE or conversation_id is None:
                return placement
            deleted, _ = await self._desk.conversation(conversation_id, threads=True)
            followed = await follow_merge(
                self._merges,
                self._desk,
                deleted,
                chat_id,
                bot_id=self._chats.bot_id(),
                overlap=self._overlap,
                texts=self._texts,
            )
            conversation_id = followed.survivor if followed.linked else None
        return place(None, duty=duty, now=0.0, policy=self._policy)

    def _is_not_given(self, conversation_id: int) -> bool:
        """Whether this ticket is known to be unreadable at the desk.

        A few failed readings in a row prove nothing while the desk itself has outages. The loop
        that reads tickets compares them with other tickets' readings and tells the agents; opening
        a second ticket uses the same decision.
        """
        record = self._tables.tickets.ticket(conversation_id)
        return record is not None and self._tables.notes.is_told_unreadable(record)

    def _is_full(self, ticket: Conversation) -> bool:
        record = self._tables.tickets.ticket(ticket.id)
        threads, size = (0, 0) if record is None else (record.threads, record.size)
        return is_full(max(threads, ticket.threads_count), size, self._policy)

    def was_full(self, conversation_id: int) -> bool:
        """Whether a ticket was too long for another message, according to the store."""
        record = self._tables.tickets.ticket(conversation_id)
        return record is not None and is_full(record.threads, record.size, self._policy)

    async def seen_by_agents(
        self, conversation_id: int, chat_id: int, *, tried: bool
    ) -> int | None:
        """Return the ticket where agents will see a note about a ticket.

        The ticket itself, the one it was merged into, or the dialog's current one. If there is none
        of these, the deleted ticket: a note does not restore it (contract freescout.md 4), and is
        there if an agent restores the ticket. None if the ticket was deleted permanently. An
        unreadable ticket accepts notes: a POST needs no reading.

        Args:
            conversation_id: The ticket.
            chat_id: Its dialog.
            tried: An earlier try could not read it.

        Raises:
            ApiError: The desk could not be asked.
        """
        if self._is_not_given(conversation_id):
            return conversation_id
        try:
            ticket = await self._current(conversation_id)
        except ApiError:
            if tried:
                return conversation_id
            raise
        if ticket is not None and ticket.state != "deleted":
            return conversation_id
        if ticket is not None:
            deleted, _ = await self._desk.conversation(conversation_id, threads=True)
            survivor = await survivor_of(self._desk, deleted)
            if survivor is not None:
                return survivor.id
        dialog = self._tables.dialogs.get(chat_id)
        present = dialog.conversation_id if dialog else None
        if present is not None and present != conversation_id:
            return present
        return None if ticket is None else conversation_id

    async def of(self, dialog: DialogRecord) -> list[Conversation]:
        """Return a customer's latest tickets as the desk shows them now, without those given to another customer.

        Raises:
            ApiError: The desk could not be asked.
        """
        ours = self._tables.tickets.of_chat(dialog.chat_id)
        living = [each.conversation_id for each in ours if each.state == "open"]
        found = [await self._current(number) for number in living[:_SHOWN]]
        own = (None, dialog.customer_id)
        return [each for each in found if each is not None and each.customer_id in own]

    async def _current(self, conversation_id: int) -> Conversation | None:
        try:
            ticket, _ = await self._desk.conversation(conversation_id, threads=False)
        except ApiError as error:
            if not is_ticket_gone(error.failure):
                raise
            self._tables.tickets.gone(conversation_id)
            self._log.info("ticket was deleted for ever", conversation=conversation_id)
            return None
        return ticket

    async def customer(
        self, person: Person | None, dialog: DialogRecord, *, group: bool
    ) -> dict[str, object]:
        """Return the ``customer`` of a new ticket: the known one, one found by its key, or a new one.

        Args:
            person: Who wrote.
            dialog: Their dialog.
            group: It is a group chat: the customer is the group, not the writer.

        Raises:
            ApiError: The desk could not be asked.
        """
        if dialog.customer_id is not None:
            return {"id": dialog.customer_id}
        bot_id = self._chats.bot_id()
        if group:
            title = await self._title(dialog.chat_id)
            fields = group_fields(dialog.chat_id, title, self._texts, bot_id)
            profile = group_profile_of(dialog.chat_id)
        else:
            person = person or Person(dialog.user_id or 0)
            fields = customer_fields(person, self._texts, bot_id)
            profile = profile_of(person.user_id)
        named = await self._desk.customers_named(
            str(fields["firstName"]), str(fields.get("lastName", ""))
        )
        # Who was erased is a new customer, whatever card of before the desk has kept.
        of_before = self._tables.dialogs.was_erased_since
        cards = [
            (bot_id not in bots_of(each.profiles), each.id)
            for each in named
            if profile in each.profiles
            and not is_others_record(each.profiles, bot_id)
            and not of_before(dialog.chat_id, each.created_at)
        ]
        for unmarked, customer_id in sorted(cards):
            if not unmarked or not await self._is_anothers(customer_id):
                return {"id": customer_id}
        return fields

    async def _is_anothers(self, customer_id: int) -> bool:
        """Whether another bot's customer has written to a customer record without a bot mark.

        Two bots with one record could not tell which of them answers in a ticket that an agent
        begins.
        """
        talks = await self._desk.talks_of(customer_id)
        threads = [each for talk in talks for each in talk.threads or ()]
        try:
            return (await self._chats.voices(threads)).has_others
        except UnknownChatError:
            return False  # adoption asks again which bot it is; a second card would stay for ever

    async def _title(self, chat_id: int) -> str:
        """Return the name of a group; if it cannot be read now, the message does not wait for it."""
        try:
            return (await self._max.chat(chat_id)).title
        except ApiError as error:
            self._log.info("name of the group not known", chat=chat_id, error=str(error.failure))
            return ""


# --- Where did an agent merge a ticket to? (contract freescout.md 6, case 57)


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
    for _ in range(_MERGES):
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
    found = None if card is None else await desk.find_customer(card)
    return found is not None and bool(bots_of(found.profiles) - {bot_id})


async def _has_another_bot(desk: FreeScoutClient, conversation_id: int, bot_id: int | None) -> bool:
    """Whether customers have written here through another bot as well."""
    ticket, _ = await desk.conversation(conversation_id, threads=True)
    return any(
        each.type == "customer" and not may_be_of(each.body, bot_id)
        for each in ticket.threads or ()
    )
