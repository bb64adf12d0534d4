"""When each ticket of a dialog must be read, and what became of each of its threads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from peewee import fn

from maxbridge.core.events import Conversation, Fate, KnownThread
from maxbridge.core.parts import Part
from maxbridge.core.plan_outbound import OutboundPlan, Verdict, body_hash
from maxbridge.store.belonging import Belonging, chunks, record_of
from maxbridge.store.db import Database
from maxbridge.store.inbox import InboxTable
from maxbridge.store.outbox import OutboxTable
from maxbridge.store.records import TicketRecord
from maxbridge.store.restored import RestoredStore
from maxbridge.store.statements import find

DESK_MARKER = "desk"

# As text, because they are asked at every poll: making the words takes far longer than SQLite does.
_TO_READ = "SELECT * FROM ticket WHERE next_read_at <= ? AND gone = 0 ORDER BY next_read_at LIMIT ?"
_NEXT_READ = (
    "SELECT next_read_at FROM ticket WHERE next_read_at IS NOT NULL AND gone = 0"
    " ORDER BY next_read_at LIMIT 1"
)


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply, or an edit of one, that is ready for the outbox.

    Attributes:
        chat_id: Where the reply went that this is an edit of; None for the ticket's own chat.
    """

    key: str
    thread_id: int
    parts: tuple[Part, ...]
    excerpt: str
    chat_id: int | None = None


class TicketTable(Belonging):
    """Transactions of tickets and threads."""

    def __init__(
        self,
        database: Database,
        inbox: InboxTable,
        outbox: OutboxTable,
        restored: RestoredStore,
    ) -> None:
        super().__init__(database)
        self._inbox = inbox
        self._outbox = outbox
        self._restored = restored

    def desk_marker(self) -> float | None:
        """Desk time up to which changes of tickets have been noticed."""
        row = find(self._t.marker, name=DESK_MARKER)
        return None if row is None else float(row.value)

    def complete_until(self, conversation_id: int | None, overlap: float) -> float:
        """Desk time up to which every reply of a ticket has been seen.

        A ticket of the same dialog that has not been read for long may have been merged into this
        one: then its unread replies are in here, and none of them is history.

        Args:
            conversation_id: The ticket; None for one that the store does not know.
            overlap: How far back the list of changes is read again.
        """
        record = None if conversation_id is None else self.ticket(conversation_id)
        seen = (self.desk_marker() or 0.0) - overlap
        if record is None:
            return seen
        ticket = self._t.ticket
        unread: float | None = (
            ticket.select(fn.MIN(ticket.noticed_since))
            .where(
                ticket.chat_id == record.chat_id,
                ticket.gone == False,  # noqa: E712 - an SQL expression
            )
            .scalar()
        )
        return seen if unread is None else unread

    def noticed(
        self, read_at: Mapping[int, float], *, since: float, marker: float, now: float
    ) -> None:
        """Remember which tickets must be read, and how far the list was followed, together.

        Args:
            read_at: Tickets with news, and the desk's time from which each is to be read.
            since: Desk time from which on the list was asked for.
            marker: Desk time of the list.
            now: Our clock.
        """
        with self._db.transaction("desk_list"):
            for conversation_id, due in read_at.items():
                self.unread_since(conversation_id, since, due)
            self._t.marker.insert(
                name=DESK_MARKER, value=int(marker), updated_at=now
            ).on_conflict_replace().execute()

    def to_read(self, desk_now: float, limit: int) -> list[TicketRecord]:
        """Tickets whose reading is due by the desk's time, longest due first."""
        rows = self._t.ticket.raw(_TO_READ, desk_now, limit)
        return [record_of(row) for row in rows]

    def next_read(self) -> float | None:
        """Desk time of the next reading that is due; None when none is planned."""
        rows = self._db.rows(_NEXT_READ, ())
        return rows[0][0] if rows else None

    def known_threads(self, thread_ids: Iterable[int]) -> dict[int, KnownThread]:
        """What is remembered of these threads, from any ticket."""
        seen = self._t.seen
        known: dict[int, KnownThread] = {}
        for some in chunks(thread_ids):
            rows = seen.select().where(seen.thread_id.in_(some))
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
        with self._db.transaction("desk_reading"):
            if not self._is_as_read(record):
                return  # the administrator linked or unlinked it meanwhile
            self._moved_here(ticket)
            for verdict in plan.verdicts:
                if _is_behind_border(verdict, record):
                    continue
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
                    self._outbox.try_blocked(reply.chat_id or record.chat_id, now)
                    self._outbox.add(
                        reply.key,
                        reply.chat_id or record.chat_id,
                        reply.parts,
                        now=now,
                        conversation_id=ticket.id,
                        thread_id=reply.thread_id,
                        excerpt=reply.excerpt,
                        doubtful=self._restored.may_have_been_sent(
                            record, verdict.thread.created_at, edited=verdict.edited
                        ),
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
                customer_id=ticket.customer_id,
                deleted=ticket.state == "deleted",
                read_failures=0,
            ).where(table.conversation_id == ticket.id).execute()

    def _is_as_read(self, record: TicketRecord) -> bool:
        """Does the ticket still belong to the chat for which it was judged, with the same history?"""
        now = self.ticket(record.conversation_id)
        return now is not None and (now.chat_id, now.history_before) == (
            record.chat_id,
            record.history_before,
        )

    def _moved_here(self, ticket: Conversation) -> None:
        """A merge moved threads here: when their ids are forgotten, it is this ticket's history."""
        seen = self._t.seen
        for some in chunks(each.id for each in ticket.threads or ()):
            seen.update(conversation_id=ticket.id).where(
                seen.thread_id.in_(some),
                seen.conversation_id != ticket.id,
            ).execute()

    def read_failed(self, record: TicketRecord, next_read_at: float) -> None:
        """A ticket could not be read; it stays due."""
        ticket = self._t.ticket
        with self._db.transaction():
            ticket.update(next_read_at=next_read_at, read_failures=record.read_failures + 1).where(
                ticket.conversation_id == record.conversation_id
            ).execute()


def _is_behind_border(verdict: Verdict, record: TicketRecord) -> bool:
    """Is this history that the ticket's border tells by itself?

    Written down, it would be forgotten in the next tidying and written again at every reading, more
    of it the longer the ticket lives.
    """
    border = record.history_before
    old = border is not None and verdict.thread.created_at <= border
    return verdict.fate is Fate.HISTORY and old
