"""The tickets that belong to dialogs, and what became of each of their threads."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from maxbridge.core.events import Conversation, Fate, KnownThread
from maxbridge.core.plan_outbound import OutboundPlan, body_hash
from maxbridge.store.db import Database
from maxbridge.store.inbox import InboxJournal
from maxbridge.store.outbox import OutboxJournal
from maxbridge.store.records import TicketRecord

DESK_MARKER = "desk"
_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply that is ready for the outbox."""

    key: str
    thread_id: int
    texts: tuple[str, ...]
    excerpt: str


class TicketJournal:
    """Transactions of tickets and threads."""

    def __init__(self, database: Database, inbox: InboxJournal, outbox: OutboxJournal) -> None:
        self._db = database
        self._t = database.tables
        self._inbox = inbox
        self._outbox = outbox

    def ticket(self, conversation_id: int) -> TicketRecord | None:
        """A ticket of ours, None when it is none or gone."""
        return self.known_tickets([conversation_id]).get(conversation_id)

    def known_tickets(self, ids: Iterable[int]) -> dict[int, TicketRecord]:
        """Those of these conversations that belong to a dialog and are not gone."""
        ticket = self._t.ticket
        found: dict[int, TicketRecord] = {}
        wanted = list(ids)
        for start in range(0, len(wanted), _CHUNK):
            rows = ticket.select().where(
                ticket.conversation_id.in_(wanted[start : start + _CHUNK]),
                ticket.gone == False,  # noqa: E712 - an SQL expression
            )
            found |= {row.conversation_id: _ticket(row) for row in rows}
        return found

    def link(
        self, conversation_id: int, chat_id: int, *, history_before: float | None, desk_now: float
    ) -> bool:
        """Make a conversation the current ticket of a dialog, and have it read soon.

        Args:
            conversation_id: The conversation.
            chat_id: The dialog.
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
            ticket.insert(
                conversation_id=conversation_id,
                chat_id=chat_id,
                linked_at=desk_now,
                history_before=history_before,
                noticed_since=history_before,
                next_read_at=desk_now,
            ).on_conflict_ignore().execute()
            dialog.update(conversation_id=conversation_id).where(
                dialog.chat_id == chat_id
            ).execute()
        return True

    def desk_marker(self) -> float | None:
        """Desk time up to which changes of tickets have been noticed."""
        row = self._t.marker.get_or_none(self._t.marker.name == DESK_MARKER)
        return None if row is None else float(row.value)

    def complete_until(self, conversation_id: int | None, overlap: float) -> float:
        """Desk time up to which every reply of a ticket has been seen.

        Args:
            conversation_id: The ticket; None for one that the store does not know.
            overlap: How far back the list of changes is read again.
        """
        record = None if conversation_id is None else self.ticket(conversation_id)
        if record is not None and record.noticed_since is not None:
            return record.noticed_since
        return (self.desk_marker() or 0.0) - overlap

    def noticed(
        self, conversation_ids: Collection[int], *, since: float, marker: float, now: float
    ) -> None:
        """Remember which tickets must be read, and how far the list was followed, together.

        Args:
            conversation_ids: Tickets with news.
            since: Desk time from which on the list was asked for.
            marker: Desk time of the list.
            now: Our clock.
        """
        ticket = self._t.ticket
        with self._db.transaction():
            for conversation_id in conversation_ids:
                ticket.update(noticed_since=since).where(
                    ticket.conversation_id == conversation_id, ticket.noticed_since.is_null()
                ).execute()
                ticket.update(next_read_at=marker).where(
                    ticket.conversation_id == conversation_id,
                    ticket.next_read_at.is_null() | (ticket.next_read_at > marker),
                ).execute()
            self._t.marker.insert(
                name=DESK_MARKER, value=int(marker), updated_at=now
            ).on_conflict_replace().execute()

    def to_read(self, desk_now: float, limit: int) -> list[TicketRecord]:
        """Tickets whose reading is due by the desk's time, longest due first."""
        ticket = self._t.ticket
        rows = (
            ticket.select()
            .where(
                ticket.next_read_at <= desk_now,
                ticket.gone == False,  # noqa: E712 - an SQL expression
            )
            .order_by(ticket.next_read_at)
            .limit(limit)
        )
        return [_ticket(row) for row in rows]

    def next_read(self) -> float | None:
        """Desk time of the next reading that is due; None when none is planned."""
        ticket = self._t.ticket
        row = (
            ticket.select(ticket.next_read_at)
            .where(
                ticket.next_read_at.is_null(False),
                ticket.gone == False,  # noqa: E712 - an SQL expression
            )
            .order_by(ticket.next_read_at)
            .first()
        )
        return None if row is None else row.next_read_at

    def known_threads(self, thread_ids: Iterable[int]) -> dict[int, KnownThread]:
        """What is remembered of these threads, from any ticket."""
        seen = self._t.seen
        wanted = list(thread_ids)
        known: dict[int, KnownThread] = {}
        for start in range(0, len(wanted), _CHUNK):
            rows = seen.select().where(seen.thread_id.in_(wanted[start : start + _CHUNK]))
            known |= {
                row.thread_id: KnownThread(
                    Fate(row.fate), row.created_at, row.body_hash, row.revision
                )
                for row in rows
            }
        return known

    def judged(
        self,
        record: TicketRecord,
        ticket: Conversation,
        plan: OutboundPlan,
        replies: Mapping[int, Reply],
        notes: Mapping[int, str],
        *,
        read_at: float,
        now: float,
    ) -> None:
        """Carry a plan into the store: verdicts, replies into the outbox, when to read again.

        Args:
            record: The ticket as the store knew it.
            ticket: The ticket as it was read.
            plan: The judgement.
            replies: By thread id, what the SENT verdicts put into the outbox.
            notes: By thread id, what the agents are told: of SENT ones, only when the customer
                stopped the bot; of SKIPPED ones, always.
            read_at: Desk time of the reading.
            now: Our clock.
        """
        seen, table = self._t.seen, self._t.ticket
        with self._db.transaction():
            self._moved_here(ticket)
            for verdict in plan.verdicts:
                seen.insert(
                    thread_id=verdict.thread.id,
                    conversation_id=ticket.id,
                    fate=verdict.fate,
                    created_at=verdict.thread.created_at,
                    body_hash=body_hash(verdict.thread),
                    revision=verdict.revision,
                ).on_conflict_replace().execute()
                reply = replies.get(verdict.thread.id)
                if reply is not None and verdict.fate is Fate.SENT:
                    self._outbox.add(
                        reply.key,
                        record.chat_id,
                        reply.texts,
                        now=now,
                        conversation_id=ticket.id,
                        thread_id=reply.thread_id,
                        excerpt=reply.excerpt,
                    )
                note = notes.get(verdict.thread.id)
                if note is not None and verdict.fate is Fate.SENT:
                    self._outbox.note_blocked(record.chat_id, ticket.id, note, now)
                elif note is not None:
                    key = f"skipped:{verdict.thread.id}"
                    self._inbox.add_note(key, record.chat_id, ticket.id, note, now)
            table.update(
                read_at=read_at,
                next_read_at=plan.next_read,
                noticed_since=None,
                user_updated_at=ticket.user_updated_at,
                read_failures=0,
            ).where(table.conversation_id == ticket.id).execute()

    def _moved_here(self, ticket: Conversation) -> None:
        """A merge moved threads here: when their ids are forgotten, it is this ticket's history."""
        seen = self._t.seen
        ids = [each.id for each in ticket.threads or ()]
        for start in range(0, len(ids), _CHUNK):
            seen.update(conversation_id=ticket.id).where(
                seen.thread_id.in_(ids[start : start + _CHUNK]),
                seen.conversation_id != ticket.id,
            ).execute()

    def read_failed(self, record: TicketRecord, next_read_at: float) -> None:
        """A ticket could not be read; it stays due."""
        ticket = self._t.ticket
        with self._db.transaction():
            ticket.update(next_read_at=next_read_at, read_failures=record.read_failures + 1).where(
                ticket.conversation_id == record.conversation_id
            ).execute()

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


def _ticket(row: object) -> TicketRecord:
    return TicketRecord(**{name: getattr(row, name) for name in TicketRecord.__dataclass_fields__})
