"""Store the result of a reading of the desk: its list of changes, a ticket's threads, examined conversations."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from maxbridge.core import keys
from maxbridge.core.errors import Invariant, RuleBrokenError
from maxbridge.core.events import Conversation, Fate, KnownThread
from maxbridge.core.old_talks import Handled
from maxbridge.core.parts import Part, rating_buttons
from maxbridge.core.plan_outbound import OutboundPlan, Verdict, body_hash
from maxbridge.core.text import split
from maxbridge.core.texts import NO_ENDING, Ending
from maxbridge.store.db import Database, chunks, marks
from maxbridge.store.inbox import InboxTable
from maxbridge.store.meta import MarkerTable
from maxbridge.store.outbox import OutboxTable
from maxbridge.store.records import TicketRecord
from maxbridge.store.restored import RestoredStore
from maxbridge.store.snapshot import PUT_ASIDE
from maxbridge.store.tickets import TicketTable


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply, or an edit of one, ready for the outbox.

    Attributes:
        chat_id: For an edit, the chat that the reply was sent to; None for the ticket's own chat.
    """

    key: str
    thread_id: int
    parts: tuple[Part, ...]
    excerpt: str
    chat_id: int | None = None


class ReadingStore:
    """Transactions of the readings."""

    def __init__(
        self,
        database: Database,
        *,
        tickets: TicketTable,
        threads: ThreadTable,
        inbox: InboxTable,
        outbox: OutboxTable,
        restored: RestoredStore,
        markers: MarkerTable,
    ) -> None:
        self._db = database
        self._tickets = tickets
        self._threads = threads
        self._inbox = inbox
        self._outbox = outbox
        self._restored = restored
        self._markers = markers

    def desk_marker(self) -> float | None:
        """Desk time up to which changes of tickets have been noticed."""
        position = self._markers.position(keys.DESK_MARKER)
        return None if position is None else float(position.value)

    def complete_until(self, conversation_id: int | None, overlap: float) -> float:
        """Return the desk time up to which every reply of a ticket has been seen.

        A ticket of the same dialog that has not been read for long may have been merged into this
        one: then its unread replies are here, and none of them is history.

        Args:
            conversation_id: The ticket; None for one that the store does not know.
            overlap: Seconds by which readings of the list of changes overlap.
        """
        record = None if conversation_id is None else self._tickets.ticket(conversation_id)
        return self.complete_in(None if record is None else record.chat_id, overlap)

    def complete_in(self, chat_id: int | None, overlap: float) -> float:
        """Return the same by the ticket's chat; None when it has none."""
        unread = None if chat_id is None else self._tickets.unread_in(chat_id)
        marker = self.desk_marker()
        if marker is None:
            return -overlap if unread is None else unread
        # What was begun since is unread from its beginning on: that says nothing of the others.
        return marker - overlap if unread is None else min(marker - overlap, unread)

    def noticed(
        self,
        read_at: Mapping[int, float],
        *,
        since: float,
        marker: float,
        now: float,
        changed: Mapping[int, float] | None = None,
    ) -> None:
        """Store which tickets must be read together with the list's position.

        Args:
            read_at: Tickets with news, and the desk time from which each is to be read.
            since: Desk time from which the list was requested.
            marker: Desk time of the list.
            now: Our clock.
            changed: When each of them last changed, according to the list.
        """
        with self._db.transaction("desk_list"):
            for conversation_id, due in read_at.items():
                at = (changed or {}).get(conversation_id, math.inf)
                self._tickets.unread_since(conversation_id, since, due, changed=at)
            self._markers.move(keys.DESK_MARKER, int(marker), now)

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
        ending: Ending = NO_ENDING,
    ) -> None:
        """Store a plan: verdicts, replies for the outbox, the time of the next reading.

        Args:
            record: The ticket as the store knew it.
            ticket: The ticket as it was read.
            plan: The judgement.
            replies: By thread id, the outbox entries of SENT verdicts.
            notes: By thread id, notes for agents: for SENT ones only if the customer stopped the
                bot; for SKIPPED ones always.
            read_at: Desk time of the reading.
            now: Our clock.
            ending: What follows if the ticket is closed.

        Raises:
            RuleBrokenError: A reply would reach somebody else; nothing is stored.
        """
        with self._db.transaction("desk_reading"):
            if not self._is_as_read(record):
                return  # the administrator linked or unlinked it meanwhile
            self._threads.moved((each.id for each in ticket.threads or ()), ticket.id)
            for verdict in plan.verdicts:
                if _is_before_cutoff(verdict, record):
                    continue
                self._threads.judged(verdict, ticket.id)
                reply = replies.get(verdict.thread.id)
                if reply is not None and verdict.fate is Fate.SENT:
                    self._see_whose_it_is(reply, record.chat_id, ticket.id)
                    self._outbox.try_blocked(reply.chat_id or record.chat_id, now)
                    self._outbox.add(
                        reply.key,
                        reply.chat_id or record.chat_id,
                        reply.parts,
                        now=now,
                        conversation_id=ticket.id,
                        thread_id=reply.thread_id,
                        excerpt=reply.excerpt,
                        in_doubt=self._restored.may_have_been_sent(
                            record, verdict.thread.created_at, edited=verdict.edited
                        ),
                    )
                note = notes.get(verdict.thread.id)
                if note is not None and verdict.fate is Fate.SENT:
                    self._outbox.note_blocked(record.chat_id, ticket.id, note, now)
                elif note is not None:
                    key = keys.skipped(verdict.thread.id)
                    self._inbox.add_note(key, record.chat_id, ticket.id, note, now)
            if ending.says is not None:
                parts = [Part(each) for each in split(ending.says.text)]
                if ending.rated:
                    parts[-1] = replace(parts[-1], button=rating_buttons(ticket.id))
                self._outbox.add(
                    ending.says.key,
                    record.chat_id,
                    parts,
                    now=now,
                    # It settles for a while, and waits for replies: this is seldom the first reading since a restore.
                    in_doubt=self._restored.may_have_been_sent(
                        record, ending.closed_at, edited=False
                    ),
                )
            due = [each for each in (plan.next_read, ending.read_at) if each is not None]
            self._tickets.read(ticket, read_at, min(due, default=None), closed=ending.closed)

    def _see_whose_it_is(self, reply: Reply, chat_id: int, conversation_id: int) -> None:
        """Check that a reply goes to its ticket's chat, or an edit to the chat of its reply.

        Raises:
            RuleBrokenError: It would reach somebody else.
        """
        if reply.chat_id is None and self._tickets.is_anothers(conversation_id, chat_id):
            detail = f"thread {reply.thread_id} of ticket {conversation_id} to chat {chat_id}"
            raise RuleBrokenError(Invariant.OWNER, detail)

    def _is_as_read(self, record: TicketRecord) -> bool:
        """Whether the ticket still belongs to the chat for which it was judged, with the same history."""
        now = self._tickets.ticket(record.conversation_id)
        return now is not None and (now.chat_id, now.history_cutoff) == (
            record.chat_id,
            record.history_cutoff,
        )


def _is_before_cutoff(verdict: Verdict, record: TicketRecord) -> bool:
    """Whether the ticket's history cutoff alone shows that it is history.

    If stored, it would be deleted at the next tidying and stored again at every reading, more of it
    the longer the ticket exists.
    """
    cutoff = record.history_cutoff
    old = cutoff is not None and verdict.thread.created_at <= cutoff
    return verdict.fate is Fate.HISTORY and old


# --- threads that were looked at: ``seen`` ---------------------------------------------------------


_KNOWN = "SELECT thread_id, fate, created_at, body_hash, revision FROM seen WHERE thread_id IN "
_VALUES = (
    " INTO seen (thread_id, conversation_id, fate, created_at, body_hash, revision)"
    " VALUES (?, ?, ?, ?, ?, ?)"
)
_JUDGED = "INSERT OR REPLACE" + _VALUES
_HANDLED = "INSERT OR IGNORE" + _VALUES
_MOVED = "UPDATE seen SET conversation_id = ? WHERE conversation_id <> ? AND thread_id IN "
_OLDEST = (
    "SELECT conversation_id, created_at FROM seen WHERE created_at < ? ORDER BY created_at LIMIT ?"
)
_FORGET = "DELETE FROM seen WHERE conversation_id = ? AND created_at <= ?"


class ThreadTable:
    """Transactions of the threads."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def known(self, thread_ids: Iterable[int]) -> dict[int, KnownThread]:
        """Return what is remembered of these threads, from any ticket."""
        known: dict[int, KnownThread] = {}
        for some in chunks(thread_ids):
            for thread_id, fate, created_at, digest, revision in self._db.rows(
                _KNOWN + marks(some), tuple(some)
            ):
                known[thread_id] = KnownThread(Fate(fate), created_at, digest, revision)
        return known

    def judged(self, verdict: Verdict, conversation_id: int) -> None:
        """Store a verdict; to be called inside a transaction."""
        thread = verdict.thread
        values = (verdict.fate.value, thread.created_at, body_hash(thread), verdict.revision)
        self._db.execute(_JUDGED, (thread.id, conversation_id, *values))

    def know(self, threads: Iterable[Handled], conversation_id: int) -> None:
        """Store that these threads are dealt with; existing records stay. Inside a transaction."""
        for each in threads:
            fate = Fate.SKIPPED if each.merged else Fate.HISTORY
            values = (conversation_id, fate.value, each.created_at, each.body_hash, 0)
            self._db.execute(_HANDLED, (each.thread_id, *values))

    def moved(self, thread_ids: Iterable[int], conversation_id: int) -> None:
        """Record that a merge moved threads here: once their ids are forgotten, they are this ticket's history."""
        for some in chunks(thread_ids):
            values = (conversation_id, conversation_id, *some)
            self._db.execute(_MOVED + marks(some), values)

    def oldest(self, before: float, limit: int) -> dict[int, float]:
        """Return by ticket the desk time of the newest among the oldest threads before then."""
        return dict(self._db.rows(_OLDEST, (before, limit)))

    def forget(self, conversation_id: int, until: float) -> int:
        """Delete a ticket's threads up to this desk time; to be called inside a transaction."""
        return self._db.execute(_FORGET, (conversation_id, until))


# --- conversations that are nobody's of ours: ``stranger`` -----------------------------------------


_LOOKED_AT = "SELECT conversation_id, customer_id FROM stranger WHERE conversation_id IN"
_LOOK_AT = (
    "INSERT OR REPLACE INTO stranger (conversation_id, customer_id, looked_at) VALUES (?, ?, ?)"
)
_FORGET_UNMATCHED = "DELETE FROM stranger WHERE looked_at < ?"


class UnmatchedTable:
    """Transactions of conversations that belong to no dialog."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def among(self, conversation_ids: Collection[int]) -> dict[int, int | None]:
        """Return those of these conversations that have been examined, with their customer records then."""
        wanted = tuple(conversation_ids)
        return dict(self._db.rows(f"{_LOOKED_AT} {marks(wanted)}", wanted))

    def remember(self, conversation_id: int, customer_id: int | None, now: float) -> None:
        """Record that a conversation was examined; our clock."""
        with self._db.transaction():
            self._db.execute(_LOOK_AT, (conversation_id, customer_id, now))

    def forget(self, before: float) -> int:
        """Delete what was examined before a time of our clock; return the number."""
        with self._db.transaction():
            return self._db.execute(_FORGET_UNMATCHED, (before,))


# --- conversations that could not be looked at: rows of ``marker`` ---------------------------------


_SET_ASIDE = "INSERT OR IGNORE INTO marker (name, value, updated_at) VALUES (?, ?, ?)"
_NOT_ASIDE = "DELETE FROM marker WHERE name = ?"


class AsideTable:
    """Transactions of conversations put aside: the list's position has passed them."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def all(self) -> list[tuple[int, float, float]]:
        """Return conversation, desk time from which its replies are news, and since when it is put aside (our clock)."""
        found = self._db.rows(PUT_ASIDE, ())
        return [(number, float(since), at) for number, since, at in found]

    def put(self, conversation_id: int, since: float, now: float) -> None:
        """Put a conversation aside."""
        with self._db.transaction():
            self._db.execute(_SET_ASIDE, (f"{keys.ASIDE}{conversation_id}", int(since), now))

    def forget(self, conversation_id: int) -> None:
        """Record that it was examined."""
        with self._db.transaction():
            self._db.execute(_NOT_ASIDE, (f"{keys.ASIDE}{conversation_id}",))
