"""Which conversations of the desk belong to which dialogs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from peewee import fn

from maxbridge.store.db import Database
from maxbridge.store.health_records import UNREADABLE
from maxbridge.store.records import TicketRecord
from maxbridge.store.statements import columns, find, rows

_CHUNK = 500
"""So many ids are asked for in one statement."""


class Belonging:
    """Transactions that say whose a conversation is."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._t = database.tables

    def ticket(self, conversation_id: int) -> TicketRecord | None:
        """A ticket of ours, None when it is none or gone."""
        row = find(self._t.ticket, conversation_id=conversation_id)
        return None if row is None or row.gone else record_of(row)

    def known_tickets(self, ids: Iterable[int]) -> dict[int, TicketRecord]:
        """Those of these conversations that belong to a dialog and are not gone."""
        ticket = self._t.ticket
        found: dict[int, TicketRecord] = {}
        for some in chunks(ids):
            marks = ", ".join("?" * len(some))
            sql = f"SELECT {columns(ticket)} FROM ticket WHERE gone = 0 AND conversation_id IN ({marks})"  # noqa: S608
            found |= {row.conversation_id: record_of(row) for row in rows(ticket, sql, tuple(some))}
        return found

    def ever_known(self, ids: Iterable[int]) -> set[int]:
        """Those of these conversations that belong to a dialog, gone ones included."""
        ticket = self._t.ticket
        found: set[int] = set()
        for some in chunks(ids):
            kept = ticket.select(ticket.conversation_id).where(ticket.conversation_id.in_(some))
            found |= {row.conversation_id for row in kept}
        return found

    def link(
        self,
        conversation_id: int,
        chat_id: int,
        *,
        instead_of: int | None = None,
        history_before: float | None,
        desk_now: float,
    ) -> bool:
        """Make a conversation a dialog's ticket that its customer has written in; read it soon.

        One that is the dialog's already may hold unread replies of a ticket that was merged into it.

        Args:
            conversation_id: The conversation.
            chat_id: The dialog.
            instead_of: It becomes the dialog's current one only in the place of this one; None for
                in the place of whichever is.
            history_before: Unknown threads up to this desk time are never sent.
            desk_now: The desk's time.

        Returns:
            False when the conversation belongs to another dialog; then nothing is changed.
        """
        ticket, dialog = self._t.ticket, self._t.dialog
        with self._db.transaction():
            row = ticket.get_or_none(ticket.conversation_id == conversation_id)
            if row is not None and row.chat_id != chat_id:
                return False
            if row is not None and history_before is not None:
                self.unread_since(conversation_id, history_before, desk_now)
            self._insert(conversation_id, chat_id, history_before, desk_now)
            ticket.update(adopted=False).where(ticket.conversation_id == conversation_id).execute()
            place = [] if instead_of is None else [dialog.conversation_id == instead_of]
            dialog.update(conversation_id=conversation_id).where(
                dialog.chat_id == chat_id, *place
            ).execute()
        return True

    def unread_since(self, conversation_id: int, since: float, read_at: float) -> None:
        """Replies from some time on may be unread in a ticket of ours: it must be read.

        Args:
            conversation_id: The ticket.
            since: Desk time from which on something may be unread.
            read_at: Desk time of the reading; one that is planned for earlier stays.
        """
        ticket = self._t.ticket
        this = ticket.conversation_id == conversation_id
        ticket.update(noticed_since=since).where(
            this, ticket.noticed_since.is_null() | (ticket.noticed_since > since)
        ).execute()
        ticket.update(next_read_at=read_at).where(
            this,
            # What cannot be read is not asked for at every poll.
            ticket.next_read_at.is_null()
            | ((ticket.next_read_at > read_at) & (ticket.read_failures < UNREADABLE)),
        ).execute()

    def adopt(
        self,
        conversation_id: int,
        chat_id: int,
        customer_id: int | None,
        *,
        history_before: float,
        desk_now: float,
    ) -> None:
        """Make a conversation that an agent began a ticket of a dialog, and have it read soon.

        It becomes the current one when a reply leaves from it, not before.

        Args:
            conversation_id: The conversation; nothing happens when it is a ticket already.
            chat_id: The dialog.
            customer_id: The conversation's customer.
            history_before: Unknown threads up to this desk time are never sent.
            desk_now: The desk's time.
        """
        with self._db.transaction():
            self._insert(
                conversation_id,
                chat_id,
                history_before,
                desk_now,
                customer_id=customer_id,
                adopted=True,
            )

    def bears(self, conversation_id: int, customer_id: int | None, as_of: float) -> None:
        """A ticket bears this customer's card now.

        Args:
            conversation_id: The ticket.
            customer_id: Its customer.
            as_of: Desk time of the change; it explains why the ticket has changed.
        """
        ticket = self._t.ticket
        with self._db.transaction():
            ticket.update(
                customer_id=customer_id, posted_at=fn.MAX(fn.COALESCE(ticket.posted_at, 0.0), as_of)
            ).where(ticket.conversation_id == conversation_id).execute()

    def _insert(
        self,
        conversation_id: int,
        chat_id: int,
        history_before: float | None,
        desk_now: float,
        **fields: Any,
    ) -> None:
        self._t.ticket.insert(
            conversation_id=conversation_id,
            chat_id=chat_id,
            linked_at=desk_now,
            history_before=history_before,
            noticed_since=history_before,
            next_read_at=desk_now,
            **fields,
        ).on_conflict_ignore().execute()

    def gone(self, conversation_id: int) -> None:
        """The desk deleted a ticket for ever: the next message opens a new one."""
        ticket, dialog = self._t.ticket, self._t.dialog
        with self._db.transaction():
            ticket.update(gone=True, next_read_at=None).where(
                ticket.conversation_id == conversation_id
            ).execute()
            dialog.update(conversation_id=None).where(
                dialog.conversation_id == conversation_id
            ).execute()


def chunks(ids: Iterable[int]) -> Iterator[list[int]]:
    """Ids in portions that one statement can ask for."""
    wanted = list(ids)
    for start in range(0, len(wanted), _CHUNK):
        yield wanted[start : start + _CHUNK]


def record_of(row: object) -> TicketRecord:
    """A row of the table as plain data."""
    return TicketRecord(**{name: getattr(row, name) for name in TicketRecord.__dataclass_fields__})
