"""What the administrator decides about chats and their tickets, safe beside the running daemon."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from peewee import fn

from maxbridge.core import keys
from maxbridge.core.delivery import PENDING, State
from maxbridge.store.db import Database
from maxbridge.store.inbox import NOTE_TYPE, PHONE_TYPE, InboxTable
from maxbridge.store.tickets import TicketTable

_ABOUT_US = (NOTE_TYPE, PHONE_TYPE)


@dataclass(frozen=True, slots=True)
class DialogView:
    """A chat as people see it; times by our clock."""

    chat_id: int
    user_id: int | None
    customer_id: int | None
    conversation_id: int | None
    blocked: bool
    created_at: float
    last_inbound_at: float | None
    last_outbound_at: float | None


@dataclass(frozen=True, slots=True)
class Counts:
    """Deliveries of a chat that wait for a worker or for a person."""

    waiting_to_desk: int
    waiting_to_max: int
    held_to_desk: int
    held_to_max: int


@dataclass(frozen=True, slots=True)
class Recent:
    """One of a chat's last deliveries; never what people wrote."""

    name: str
    key: str
    state: str
    at: float


class LinkingStore:
    """Looks at dialogs, and ties tickets to them or takes them away."""

    def __init__(self, database: Database, inbox: InboxTable, tickets: TicketTable) -> None:
        self._db = database
        self._t = database.tables
        self._inbox = inbox
        self._tickets = tickets

    # --- looking ---------------------------------------------------------------------------------

    def dialogs(
        self,
        *,
        chats: Sequence[int] = (),
        user_id: int | None = None,
        conversation_id: int | None = None,
        blocked: bool = False,
        limit: int | None = None,
    ) -> tuple[list[DialogView], int]:
        """Dialogs that meet all conditions, the ones active last first, and how many there are."""
        dialog, ticket = self._t.dialog, self._t.ticket
        wanted: list[Any] = []
        if chats:
            wanted.append(dialog.chat_id.in_(list(chats)))
        if user_id is not None:
            wanted.append(dialog.user_id == user_id)
        if blocked:
            wanted.append(dialog.blocked == True)  # noqa: E712 - an SQL expression
        if conversation_id is not None:
            owner = ticket.select(ticket.chat_id).where(ticket.conversation_id == conversation_id)
            wanted.append(dialog.chat_id.in_(owner))
        query = dialog.select().where(*wanted) if wanted else dialog.select()
        active = fn.MAX(
            fn.COALESCE(dialog.last_inbound_at, dialog.created_at),
            fn.COALESCE(dialog.last_outbound_at, dialog.created_at),
        )
        rows = query.order_by(active.desc(), dialog.chat_id)
        shown = rows if limit is None else rows.limit(limit)
        return [_dialog(row) for row in shown], query.count()

    def counts(self, chat_id: int) -> Counts:
        """What of a chat waits, and what is held."""

        def count(model: Any, states: Sequence[State]) -> int:
            number: int = (
                model.select().where(model.chat_id == chat_id, model.state.in_(states)).count()
            )
            return number

        inbox, outbox = self._t.inbox, self._t.outbox
        return Counts(
            count(inbox, PENDING),
            count(outbox, PENDING),
            count(inbox, (State.HELD,)),
            count(outbox, (State.HELD,)),
        )

    def recent(self, chat_id: int, limit: int) -> list[Recent]:
        """A chat's last deliveries of both directions, the latest first."""
        found: list[Recent] = []
        for which, model in ((keys.TO_DESK, self._t.inbox), (keys.TO_MAX, self._t.outbox)):
            rows: Any = (
                model.select(model.id, model.key, model.state, model.created_at)
                .where(model.chat_id == chat_id)
                .order_by(model.id.desc())
                .limit(limit)
            )
            found += [
                Recent(keys.name(which, row.id), row.key, row.state, row.created_at) for row in rows
            ]
        return sorted(found, key=lambda each: each.at, reverse=True)[:limit]

    def waiting_replies(self, conversation_id: int) -> list[str]:
        """Names of the replies of a ticket that have not left; they leave whatever becomes of it."""
        outbox = self._t.outbox
        rows = (
            outbox.select(outbox.id)
            .where(
                outbox.conversation_id == conversation_id,
                outbox.state.in_([*PENDING, State.HELD]),
            )
            .order_by(outbox.id)
        )
        return [keys.name(keys.TO_MAX, row.id) for row in rows]

    def is_posting(self, chat_id: int) -> bool:
        """Is a message of a chat on its way to the desk at this moment?"""
        inbox = self._t.inbox
        return bool(
            inbox.select()
            .where(
                inbox.chat_id == chat_id,
                inbox.state == State.SENDING,
                inbox.update_type.not_in(_ABOUT_US),
            )
            .exists()
        )

    # --- deciding --------------------------------------------------------------------------------

    def link(
        self, chat_id: int, conversation_id: int, customer_id: int | None, *, desk_now: float
    ) -> bool:
        """Make a conversation a chat's current ticket; what is in one that was not the chat's is history.

        Args:
            chat_id: The dialog.
            conversation_id: The ticket; taken from another chat if it is that one's.
            customer_id: Its customer.
            desk_now: The desk's time: unknown threads up to it are never sent.

        Returns:
            False, and nothing is changed, while a message of the chat is on its way to a ticket: it would
            take its place.
        """
        with self._db.transaction():
            if self.is_posting(chat_id):
                return False
            self._tickets.give(chat_id, conversation_id, customer_id, desk_now=desk_now)
        return True

    def unlink(self, chat_id: int, conversation_id: int, note: str, now: float) -> bool:
        """Take a ticket from its chat: replies in it no longer leave, the next message opens another.

        Its row stays, so that it is not adopted again.

        Args:
            chat_id: The dialog.
            conversation_id: The ticket.
            note: What agents are told in it.
            now: Our clock.

        Returns:
            False, and nothing is changed, when it is not (any more) a ticket of this chat.
        """
        with self._db.transaction():
            if not self._tickets.unlink(chat_id, conversation_id):
                return False
            key = keys.unlinked(conversation_id, now)
            self._inbox.add_note(key, chat_id, conversation_id, note, now)
        return True

    def unblock(self, chat_id: int, now: float) -> bool:
        """Take it that a customer who stopped the bot can be reached: what waits for them leaves.

        MAX has the last word: refused as by one who stopped the bot, the first of it waits again.

        Args:
            chat_id: The dialog.
            now: Our clock.

        Returns:
            False, and nothing is changed, when the dialog does not count as stopped (any more).
        """
        dialog = self._t.dialog
        with self._db.transaction():
            changed = (
                dialog.update(blocked=False, reachable_at=now)
                .where(dialog.chat_id == chat_id, dialog.blocked == True)  # noqa: E712 - an SQL expression
                .execute()
            )
        return bool(changed)


def _dialog(row: Any) -> DialogView:
    return DialogView(**{name: getattr(row, name) for name in DialogView.__dataclass_fields__})
