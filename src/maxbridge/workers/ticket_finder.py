"""Finding the ticket for a message, and the customer for a ticket, by asking the desk."""

from __future__ import annotations

from typing import Any

from maxbridge import log
from maxbridge.core.errors import ApiError
from maxbridge.core.events import Conversation, Person
from maxbridge.core.plan_inbound import (
    Duty,
    InboundPolicy,
    Placement,
    Where,
    customer_fields,
    place,
    profile_of,
)
from maxbridge.core.texts import Texts
from maxbridge.freescout.client import FreeScoutClient
from maxbridge.freescout.failures import is_ticket_gone
from maxbridge.store.journal import Journal
from maxbridge.store.records import DialogRecord
from maxbridge.workers.merges import follow_merge, survivor_of

_HOPS = 5
"""Merges followed in a row before giving up and opening a new ticket."""


class TicketFinder:
    """Readings of the desk before a POST."""

    def __init__(
        self,
        journal: Journal,
        desk: FreeScoutClient,
        policy: InboundPolicy,
        texts: Texts,
        overlap: float,
    ) -> None:
        self._journal = journal
        self._desk = desk
        self._policy = policy
        self._texts = texts
        self._overlap = overlap
        self._log: Any = log.get("ticket_finder")

    async def place(self, dialog: DialogRecord, duty: Duty) -> Placement:
        """Where a message of a dialog lands, by the ticket as the desk shows it now.

        Raises:
            ApiError: The desk could not be asked.
        """
        conversation_id = dialog.conversation_id
        ticket: Conversation | None = None
        for _ in range(_HOPS):
            ticket = None
            if conversation_id is not None:
                ticket = await self._current(conversation_id)
            placement = place(ticket, duty=duty, now=self._desk.clock.now(), policy=self._policy)
            if placement.where is not Where.FOLLOW_MERGE or conversation_id is None:
                return placement
            deleted, _ = await self._desk.conversation(conversation_id, threads=True)
            conversation_id = await follow_merge(
                self._journal,
                self._desk,
                deleted,
                dialog.chat_id,
                overlap=self._overlap,
                texts=self._texts,
            )
        return place(None, duty=duty, now=0.0, policy=self._policy)

    async def seen_by_agents(self, conversation_id: int, chat_id: int) -> int | None:
        """Where a note about a ticket is seen.

        In the ticket itself, in what it was merged into, or in the dialog's present one; None when
        there is none of these.

        Raises:
            ApiError: The desk could not be asked.
        """
        ticket = await self._current(conversation_id)
        if ticket is not None and ticket.state != "deleted":
            return conversation_id
        if ticket is not None:
            deleted, _ = await self._desk.conversation(conversation_id, threads=True)
            survivor = await survivor_of(self._desk, deleted)
            if survivor is not None:
                return survivor.id
        dialog = self._journal.dialogs.get(chat_id)
        present = dialog.conversation_id if dialog else None
        return present if present != conversation_id else None

    async def _current(self, conversation_id: int) -> Conversation | None:
        try:
            ticket, _ = await self._desk.conversation(conversation_id, threads=False)
        except ApiError as error:
            if not is_ticket_gone(error.failure):
                raise
            self._journal.tickets.gone(conversation_id)
            self._log.info("ticket was deleted for ever", conversation=conversation_id)
            return None
        return ticket

    async def customer(self, person: Person | None, dialog: DialogRecord) -> dict[str, object]:
        """The ``customer`` of a new ticket: the known one, one found by the key, a new one."""
        if dialog.customer_id is not None:
            return {"id": dialog.customer_id}
        person = person or Person(dialog.user_id or 0)
        fields = customer_fields(person, self._texts)
        named = await self._desk.customers_named(
            str(fields["firstName"]), str(fields.get("lastName", ""))
        )
        profile = profile_of(person.user_id)
        known = [customer_id for customer_id, profiles in named if profile in profiles]
        return {"id": min(known)} if known else fields
