"""Tickets of dialogs and each dialog's current one: the only writer of either.

The statements are text because some run for every message and every poll: Peewee would take far
longer to generate them than SQLite to answer.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from maxbridge.core.events import Conversation
from maxbridge.core.old_talks import OldTicket, Rated
from maxbridge.store.db import Database, chunks, marks
from maxbridge.store.records import PostResult, TicketRecord
from maxbridge.store.snapshot import UNREADABLE

_COLUMNS = (
    "conversation_id, chat_id, history_before, user_updated_at, read_at, posted_at, next_read_at,"
    " noticed_since, read_failures, customer_id, given_at, threads, size, adopted"
)
"""In the order of :class:`TicketRecord`."""

# --- the rows ---
_OURS = f"SELECT {_COLUMNS} FROM ticket WHERE conversation_id = ? AND gone = 0"
_OURS_AMONG = f"SELECT {_COLUMNS} FROM ticket WHERE gone = 0 AND conversation_id IN "
_EVER_AMONG = "SELECT conversation_id FROM ticket WHERE conversation_id IN "
_ABANDONED_AMONG = "SELECT conversation_id FROM abandoned WHERE conversation_id IN "
_OWNER = "SELECT chat_id, unlinked, gone FROM ticket WHERE conversation_id = ?"
_TO_READ = f"SELECT {_COLUMNS} FROM ticket WHERE next_read_at <= ? AND gone = 0 ORDER BY next_read_at LIMIT ?"
_TO_READ_AMONG = (
    f"SELECT {_COLUMNS} FROM ticket WHERE next_read_at <= ? AND gone = 0 AND conversation_id IN "
)
_NEXT_READ = (
    "SELECT conversation_id, next_read_at FROM ticket WHERE next_read_at IS NOT NULL AND gone = 0"
    " ORDER BY next_read_at LIMIT ?"
)
_UNREAD_SINCE = "SELECT MIN(noticed_since) FROM ticket WHERE chat_id = ? AND gone = 0"
_UNREAD_BESIDE = (
    "SELECT MIN(CASE WHEN read_failures > 0 THEN 0.0 ELSE noticed_since END) FROM ticket"
    " WHERE chat_id = ? AND gone = 0 AND conversation_id <> ?"
)
_LATELY_HEARD = (
    "SELECT t.conversation_id FROM dialog AS d JOIN ticket AS t ON t.conversation_id = d.conversation_id"
    " WHERE t.gone = 0 ORDER BY d.last_inbound_at DESC LIMIT ?"
)
_BEFORE = "SELECT conversation_id FROM ticket WHERE conversation_id < ? AND gone = 0 ORDER BY conversation_id DESC LIMIT ?"
_LIVING = (
    "SELECT 1 FROM ticket WHERE conversation_id = ? AND chat_id = ? AND gone = 0 AND deleted = 0"
)
_OF_CHAT = (
    "SELECT conversation_id, customer_id, linked_at, read_at, noticed_since, unlinked, gone, deleted"
    " FROM ticket WHERE chat_id = ? ORDER BY linked_at DESC, conversation_id DESC"
)
_INSERT = (
    "INSERT OR IGNORE INTO ticket (conversation_id, chat_id, linked_at, history_before, noticed_since,"
    " next_read_at, posted_at, customer_id, adopted, read_at, user_updated_at, deleted, gone, unlinked,"
    " read_failures) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, 0)"
)
_GROWS = "threads = threads + ?, size = size + ?"
_GROWN = f"UPDATE ticket SET {_GROWS} WHERE conversation_id = ?"
_POSTED = f"UPDATE ticket SET posted_at = ?, {_GROWS} WHERE conversation_id = ?"
_WRITTEN_IN = (
    f"UPDATE ticket SET posted_at = ?, adopted = 0, closed = 0, {_GROWS} WHERE conversation_id = ?"
)
_FOLLOWER = (
    "SELECT conversation_id FROM ticket WHERE chat_id = ? AND conversation_id > ? AND gone = 0"
    " AND deleted = 0 AND adopted = 0 ORDER BY conversation_id DESC LIMIT 1"
)
_NOT_ADOPTED = "UPDATE ticket SET adopted = 0 WHERE conversation_id = ?"
_NOTICED = (
    "UPDATE ticket SET noticed_since = :since WHERE conversation_id = :ticket"
    " AND (noticed_since IS NULL OR noticed_since > :since)"
)
# What cannot be read is not asked for at every poll.
_READ_AT = (
    "UPDATE ticket SET next_read_at = :due WHERE conversation_id = :ticket AND (next_read_at IS NULL"
    f" OR (next_read_at > :due AND read_failures < {UNREADABLE}))"
)
_READ = (
    "UPDATE ticket SET read_at = ?, next_read_at = ?, noticed_since = NULL, user_updated_at = ?,"
    " customer_id = ?, deleted = ?, read_failures = 0, threads = ?, size = ?, closed = COALESCE(?, closed)"
    " WHERE conversation_id = ?"
)
_CLOSED = "SELECT closed FROM ticket WHERE conversation_id = ?"
_NEXT_READING = "UPDATE ticket SET next_read_at = ?, read_failures = ? WHERE conversation_id = ?"
_CUSTOMER = (
    "UPDATE ticket SET customer_id = ?, posted_at = MAX(COALESCE(posted_at, 0.0), ?)"
    " WHERE conversation_id = ?"
)
_HISTORY = (
    "UPDATE ticket SET history_before = :cutoff WHERE conversation_id = :ticket"
    " AND (history_before IS NULL OR history_before < :cutoff)"
)
_GONE = "UPDATE ticket SET gone = 1, next_read_at = NULL WHERE conversation_id = ?"
_UNLINK = (
    "UPDATE ticket SET unlinked = 1, gone = 1, next_read_at = NULL, noticed_since = NULL"
    " WHERE conversation_id = ? AND chat_id = ? AND unlinked = 0"
)
_ABANDON = "INSERT OR IGNORE INTO abandoned (conversation_id) VALUES (?)"
_DELETE = "DELETE FROM ticket WHERE conversation_id = ?"
_GIVE = (
    "UPDATE ticket SET chat_id = :chat, linked_at = :desk, history_before = :desk, noticed_since = :desk,"
    " next_read_at = :desk, customer_id = :customer, adopted = 0, gone = 0, deleted = 0, unlinked = 0,"
    " read_failures = 0 WHERE conversation_id = :ticket"
)
_GIVEN = "UPDATE ticket SET given_at = ? WHERE conversation_id = ?"
RATE = "INSERT OR IGNORE INTO rating (conversation_id, chat_id, stars, at) VALUES (?, ?, ?, ?)"
# --- which is current ---
_CURRENT = "UPDATE dialog SET conversation_id = ? WHERE chat_id = ?"
_CURRENT_INSTEAD = "UPDATE dialog SET conversation_id = ? WHERE chat_id = ? AND conversation_id = ?"
_FIRST_CURRENT = (
    "UPDATE dialog SET conversation_id = ? WHERE chat_id = ? AND conversation_id IS NULL"
)
_NOBODYS = "UPDATE dialog SET conversation_id = NULL WHERE conversation_id = ?"
_NO_OTHERS = "UPDATE dialog SET conversation_id = NULL WHERE conversation_id = ? AND chat_id <> ?"
_NOT_THEIRS = "UPDATE dialog SET conversation_id = NULL WHERE conversation_id = ? AND chat_id = ?"
_REPLY_LEFT = f"UPDATE dialog SET conversation_id = ? WHERE chat_id = ? AND EXISTS ({_LIVING})"
_CAME = "UPDATE dialog SET last_inbound_at = ?, conversation_id = ? WHERE chat_id = ?"
_CAME_FIRST = (
    "UPDATE dialog SET last_inbound_at = ?, conversation_id = ?, customer_id = ? WHERE chat_id = ?"
)
_CAME_LATE = (
    "UPDATE dialog SET last_inbound_at = ?, conversation_id = CASE WHEN conversation_id IS NULL"
    " OR conversation_id = ? THEN ? ELSE conversation_id END WHERE chat_id = ?"
)


@dataclass(frozen=True, slots=True)
class TicketView:
    """A ticket of a chat; times are desk times.

    Attributes:
        state: ``open`` for us, ``deleted`` at the desk, ``gone`` permanently, or ``unlinked``.
        unread: Replies in it may be unread.
    """

    conversation_id: int
    customer_id: int | None
    linked_at: float
    read_at: float | None
    state: str
    unread: bool


class TicketTable:
    """Transactions of tickets and of the current one."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._under_way: dict[int, list[tuple[float, float, float]]] = {}
        """Tickets that are being read, with what was noticed meanwhile; each as :meth:`unread_since` was told."""

    def abandon(self, conversation_id: int) -> None:
        """Keep only the number of an erased customer's conversation, so that it is not adopted again.

        To be called inside a transaction.
        """
        self._db.execute(_ABANDON, (conversation_id,))
        self._db.execute(_DELETE, (conversation_id,))

    # --- looking ---------------------------------------------------------------------------------

    def ticket(self, conversation_id: int) -> TicketRecord | None:
        """Return our ticket, or None if it is unknown or gone."""
        row = self._db.row(_OURS, (conversation_id,))
        return None if row is None else _record(row)

    def known_tickets(self, ids: Iterable[int]) -> dict[int, TicketRecord]:
        """Return those of these conversations that belong to a dialog and are not gone."""
        found: dict[int, TicketRecord] = {}
        for some in chunks(ids):
            rows = self._db.rows(_OURS_AMONG + marks(some), tuple(some))
            found |= {record.conversation_id: record for record in map(_record, rows)}
        return found

    def ever_known(self, ids: Iterable[int]) -> set[int]:
        """Return those of these conversations that belong, or belonged, to a dialog, including gone and abandoned ones."""
        found: set[int] = set()
        for some in chunks(ids):
            for among in (_EVER_AMONG, _ABANDONED_AMONG):
                found |= {ticket for (ticket,) in self._db.rows(among + marks(some), tuple(some))}
        return found

    def of_chat(self, chat_id: int) -> list[TicketView]:
        """Return all tickets that a chat has had, latest first."""
        return [_view(*row) for row in self._db.rows(_OF_CHAT, (chat_id,))]

    def owner(self, conversation_id: int) -> int | None:
        """Return the chat of a ticket; None if it belongs to none (any more)."""
        row = self._db.row(_OWNER, (conversation_id,))
        if row is None:
            return None
        chat_id, unlinked, _ = row
        return None if unlinked else int(chat_id)

    def is_anothers(self, conversation_id: int, chat_id: int) -> bool:
        """Whether it is another chat's, or was unlinked from this one. A conversation without a chat is not."""
        row = self._db.row(_OWNER, (conversation_id,))
        return row is not None and (row[0] != chat_id or bool(row[1]))

    def is_living(self, conversation_id: int, chat_id: int) -> bool:
        """Whether it is the dialog's and, as far as known, neither deleted nor merged into another."""
        return self._db.row(_LIVING, (conversation_id, chat_id)) is not None

    def follower(self, conversation_id: int, chat_id: int) -> int | None:
        """Return the newest ticket of a chat opened after this one; None if there is none."""
        row = self._db.row(_FOLLOWER, (chat_id, conversation_id))
        return None if row is None else int(row[0])

    def unread_in(self, chat_id: int) -> float | None:
        """Return the desk time from which replies to a chat may be unread; None if all have been read."""
        ((since,),) = self._db.rows(_UNREAD_SINCE, (chat_id,))
        return None if since is None else float(since)

    def unread_beside(self, record: TicketRecord) -> float | None:
        """Like :meth:`unread_in` for the other tickets of a ticket's chat; 0 if one of them cannot be read."""
        ((since,),) = self._db.rows(_UNREAD_BESIDE, (record.chat_id, record.conversation_id))
        return None if since is None else float(since)

    def to_read(self, desk_now: float, limit: int) -> list[TicketRecord]:
        """Return tickets whose reading is due by the desk's time, longest due first."""
        return [_record(row) for row in self._db.rows(_TO_READ, (desk_now, limit))]

    def to_read_among(self, desk_now: float, numbers: Collection[int]) -> list[TicketRecord]:
        """Return those of these tickets whose reading is due by the desk's time, longest due first."""
        found: list[TicketRecord] = []
        for some in chunks(numbers):
            rows = self._db.rows(_TO_READ_AMONG + marks(some), (desk_now, *some))
            found += [_record(row) for row in rows]
        return sorted(found, key=lambda each: each.next_read_at or 0.0)

    def lately_heard(self, limit: int) -> list[int]:
        """Current tickets of the dialogs, the one whose customer wrote last first."""
        return [number for (number,) in self._db.rows(_LATELY_HEARD, (limit,))]

    def before(self, number: int, limit: int) -> list[int]:
        """The tickets below a number, the highest first."""
        return [number for (number,) in self._db.rows(_BEFORE, (number, limit))]

    def next_read(self, beside: Collection[int] = ()) -> float | None:
        """Return the desk time of the next planned reading; None if none is planned.

        Args:
            beside: Tickets that are being read.
        """
        for number, at in self._db.rows(_NEXT_READ, (1 + len(beside),)):
            if number not in beside:
                return float(at)
        return None

    # --- a conversation becomes a dialog's -------------------------------------------------------

    def link(
        self,
        conversation_id: int,
        chat_id: int,
        *,
        instead_of: int | None = None,
        history_cutoff: float | None,
        desk_now: float,
    ) -> bool:
        """Make a conversation that a customer has written in a ticket of their dialog; have it read soon.

        If it is the dialog's already, it may have unread replies of a ticket that was merged into
        it.

        Args:
            conversation_id: The conversation.
            chat_id: The dialog.
            instead_of: It becomes the current ticket only if this one was; None to replace any.
            history_cutoff: Unknown threads up to this desk time are never sent.
            desk_now: The desk's time.

        Returns:
            False if the conversation belongs to another dialog, or an administrator unlinked it
            from this one; then
            nothing is changed.
        """
        with self._db.transaction():
            row = self._db.row(_OWNER, (conversation_id,))
            if self.is_anothers(conversation_id, chat_id):
                return False
            if row is not None and history_cutoff is not None:
                self.unread_since(conversation_id, history_cutoff, desk_now)
            self._insert(conversation_id, chat_id, desk_now, history_cutoff, due=desk_now)
            self._db.execute(_NOT_ADOPTED, (conversation_id,))
            if instead_of is None:
                self._db.execute(_CURRENT, (conversation_id, chat_id))
            else:
                self._db.execute(_CURRENT_INSTEAD, (conversation_id, chat_id, instead_of))
        return True

    def adopt(
        self,
        conversation_id: int,
        chat_id: int,
        customer_id: int | None,
        *,
        history_cutoff: float,
        desk_now: float,
    ) -> None:
        """Make a conversation that an agent began a ticket of a dialog; have it read soon.

        It becomes the current one only when a reply is sent from it.

        Args:
            conversation_id: The conversation; nothing happens if it is a ticket already.
            chat_id: The dialog.
            customer_id: The conversation's customer.
            history_cutoff: Unknown threads up to this desk time are never sent.
            desk_now: The desk's time.
        """
        with self._db.transaction():
            self._insert(
                conversation_id,
                chat_id,
                desk_now,
                history_cutoff,
                due=desk_now,
                customer_id=customer_id,
                adopted=True,
            )

    def give(
        self, chat_id: int, conversation_id: int, customer_id: int | None, *, desk_now: float
    ) -> None:
        """Make a conversation a chat's current ticket, whosever it was; if new, its threads become history.

        To be called inside a transaction.

        Args:
            chat_id: The dialog.
            conversation_id: The ticket.
            customer_id: Its customer.
            desk_now: The desk's time: unknown threads up to it are never sent.
        """
        row = self._db.row(_OWNER, (conversation_id,))
        if row is None:
            self._insert(
                conversation_id, chat_id, desk_now, desk_now, due=desk_now, customer_id=customer_id
            )
        elif row != (chat_id, 0, 0):
            values = {"ticket": conversation_id, "chat": chat_id, "desk": desk_now}
            self._db.execute(_GIVE, {**values, "customer": customer_id})
        self._db.execute(_GIVEN, (desk_now, conversation_id))
        self._db.execute(_NO_OTHERS, (conversation_id, chat_id))
        self._db.execute(_CURRENT, (conversation_id, chat_id))

    def restore(self, old: OldTicket, chat_id: int, *, late: bool) -> int | None:
        """Make a conversation from before this database a dialog's ticket; to be called inside a transaction.

        Args:
            old: What is known of it.
            chat_id: The dialog.
            late: The dialog was found much later: new threads must be read.

        Returns:
            The chat to which the database has linked it already; then nothing is changed. None if
            it is new.
        """
        row = self._db.row(_OWNER, (old.conversation_id,))
        if row is not None:
            return int(row[0])
        due = old.unread or late or old.read_at is None
        self._insert(
            old.conversation_id,
            chat_id,
            old.read_at or old.border,
            old.border,
            since=old.border if due else None,
            due=0.0 if due else None,
            read_at=None if due else old.read_at,
            user_updated_at=None if due else old.user_updated_at,
            customer_id=old.customer_id,
            deleted=old.deleted,
        )
        return None

    def rated(self, chat_id: int, ratings: Iterable[Rated]) -> None:
        """Count a chat's ratings found in notes at the desk; counted ones stay as they are."""
        with self._db.transaction():
            for each in ratings:
                self._db.execute(RATE, (each.ticket, chat_id, each.stars, each.at))

    def restore_current(self, conversation_id: int, chat_id: int) -> None:
        """Make a ticket the current one if a dialog from before this database has none."""
        row = self._db.row(_OWNER, (conversation_id,))
        if row is not None and row[0] == chat_id:
            self._db.execute(_FIRST_CURRENT, (conversation_id, chat_id))

    def _insert(
        self,
        conversation_id: int,
        chat_id: int,
        linked_at: float,
        history_cutoff: float | None,
        *,
        due: float | None,
        since: float | None = -1.0,
        posted_at: float | None = None,
        customer_id: int | None = None,
        adopted: bool = False,
        read_at: float | None = None,
        user_updated_at: float | None = None,
        deleted: bool = False,
    ) -> None:
        """Insert the row unless it exists; by default everything after the history is unread."""
        since = history_cutoff if since == -1.0 else since
        first = (conversation_id, chat_id, linked_at, history_cutoff, since, due, posted_at)
        rest = (customer_id, adopted, read_at, user_updated_at, deleted)
        self._db.execute(_INSERT, (*first, *rest))

    # --- what happens to a ticket ----------------------------------------------------------------

    def message_arrived(
        self, chat_id: int, landed: PostResult, target_id: int | None, now: float
    ) -> None:
        """Record that a customer's message is in a ticket; to be called inside a transaction.

        The ticket becomes the dialog's, and its current one: the customer expects the answer there.
        Neither, if it belongs to another dialog, or the administrator unlinked it meanwhile.

        Args:
            chat_id: The dialog.
            landed: Where the message is.
            target_id: The ticket it was posted to; None for a new one.
            now: Our clock.
        """
        ticket = landed.conversation_id
        row = self._db.row(_OWNER, (ticket,))
        if row is None:
            cutoff = None if landed.opened else landed.history_cutoff or landed.desk_time
            self._insert(
                ticket,
                chat_id,
                landed.desk_time,
                cutoff,
                # Agents may have answered before we knew that the ticket is ours.
                due=landed.desk_time if landed.recovered else None,
                posted_at=landed.desk_time,
                customer_id=landed.customer_id,
            )
            self._db.execute(_GROWN, (landed.threads, landed.size, ticket))
        elif row[0] != chat_id or row[1]:
            self.posted(landed)
            return
        else:
            # From now on it is the customer's talk, too, whoever began it.
            grown = (landed.threads, landed.size)
            self._db.execute(_WRITTEN_IN, (landed.desk_time, *grown, ticket))
        if landed.recovered and not landed.opened:
            # What a look-up finds had landed before any reply that has left from another ticket since.
            self._db.execute(_CAME_LATE, (now, target_id, ticket, chat_id))
        elif landed.opened and landed.customer_id is not None:
            # An agent may have given any other ticket to anybody.
            self._db.execute(_CAME_FIRST, (now, ticket, landed.customer_id, chat_id))
        else:
            self._db.execute(_CAME, (now, ticket, chat_id))

    def posted(self, landed: PostResult) -> None:
        """Record our own POST into a ticket: changes up to now may be ours."""
        ticket = landed.conversation_id
        self._db.execute(_POSTED, (landed.desk_time, landed.threads, landed.size, ticket))

    def reply_left(self, conversation_id: int, chat_id: int) -> None:
        """Record that a reply was sent from a ticket: the customer's answer belongs there."""
        self._db.execute(_REPLY_LEFT, (conversation_id, chat_id, conversation_id, chat_id))

    def set_customer(self, conversation_id: int, customer_id: int | None, as_of: float) -> None:
        """Store a ticket's present customer record.

        Args:
            conversation_id: The ticket.
            customer_id: Its customer.
            as_of: Desk time of the change; it explains why the ticket has changed.
        """
        with self._db.transaction():
            self._db.execute(_CUSTOMER, (customer_id, as_of, conversation_id))

    def gone(self, conversation_id: int) -> None:
        """Record that the desk deleted a ticket permanently: the next message opens a new one."""
        with self._db.transaction():
            self._db.execute(_GONE, (conversation_id,))
            self._db.execute(_NOBODYS, (conversation_id,))

    def unlink(self, chat_id: int, conversation_id: int) -> bool:
        """Unlink a ticket from its chat; its row stays, so that it is not adopted again.

        To be called inside a transaction.

        Returns:
            False, and nothing is changed, if it is not (any more) a ticket of this chat.
        """
        if not self._db.execute(_UNLINK, (conversation_id, chat_id)):
            return False
        self._db.execute(_NOT_THEIRS, (conversation_id, chat_id))
        return True

    # --- reading ---------------------------------------------------------------------------------

    def unread_since(
        self, conversation_id: int, since: float, read_at: float, *, changed: float = math.inf
    ) -> None:
        """Record that replies from some time on may be unread in a ticket of ours: it must be read.

        Args:
            conversation_id: The ticket.
            since: Desk time from which something may be unread.
            read_at: Desk time of the reading; an earlier planned one stays.
            changed: Desk time of the change that shows it. If a reading under way does not include
                it, the ticket stays unread.
        """
        if conversation_id in self._under_way:
            self._under_way[conversation_id].append((changed, since, read_at))
        self._db.execute(_NOTICED, {"ticket": conversation_id, "since": since})
        self._db.execute(_READ_AT, {"ticket": conversation_id, "due": read_at})

    @contextmanager
    def reading(self, conversation_id: int) -> Iterator[None]:
        """Context of a reading, one at a time per ticket: what is noticed meanwhile is kept."""
        self._under_way[conversation_id] = []
        try:
            yield
        finally:
            del self._under_way[conversation_id]

    def was_closed(self, conversation_id: int) -> bool | None:
        """Whether a ticket was closed at its last reading; None if unknown."""
        row = self._db.row(_CLOSED, (conversation_id,))
        return None if row is None or row[0] is None else bool(row[0])

    def read(
        self,
        ticket: Conversation,
        read_at: float,
        next_read: float | None,
        *,
        closed: bool | None = None,
    ) -> None:
        """Record that a reading has covered everything; to be called inside a transaction.

        Args:
            ticket: As it was read.
            read_at: Desk time of the reading.
            next_read: Desk time of the next one; None if none is needed.
            closed: Whether it is closed and handled; None while undecided.
        """
        deleted = ticket.state == "deleted"
        seen = (read_at, next_read, ticket.user_updated_at, ticket.customer_id, deleted)
        threads = ticket.threads or ()
        size = sum(len((each.body or "").encode(errors="replace")) for each in threads)
        self._db.execute(_READ, (*seen, len(threads), size, closed, ticket.id))
        for changed, since, due in self._under_way.get(ticket.id, ()):
            if changed > ticket.updated_at:
                self._db.execute(_NOTICED, {"ticket": ticket.id, "since": since})
                self._db.execute(_READ_AT, {"ticket": ticket.id, "due": due})

    def read_later(self, record: TicketRecord, at: float) -> None:
        """Postpone the reading of a due ticket, through no fault of its own."""
        with self._db.transaction():
            self._db.execute(_NEXT_READING, (at, record.read_failures, record.conversation_id))

    def read_failed(self, record: TicketRecord, next_read_at: float) -> None:
        """Record that a ticket could not be read; it stays due."""
        with self._db.transaction():
            failures = record.read_failures + 1
            self._db.execute(_NEXT_READING, (next_read_at, failures, record.conversation_id))

    def is_history(self, conversation_id: int, cutoff: float) -> None:
        """Record that a ticket's threads up to this desk time are never sent; to be called inside a transaction."""
        self._db.execute(_HISTORY, {"ticket": conversation_id, "cutoff": cutoff})


def _record(row: tuple[Any, ...]) -> TicketRecord:
    members = [*row[:-1], bool(row[-1])]
    return TicketRecord(*members)


def _view(  # noqa: PLR0917 - the columns of one statement
    conversation_id: int,
    customer_id: int | None,
    linked_at: float,
    read_at: float | None,
    since: float | None,
    unlinked: int,
    gone: int,
    deleted: int,
) -> TicketView:
    state = "unlinked" if unlinked else "gone" if gone else "deleted" if deleted else "open"
    return TicketView(
        conversation_id=conversation_id,
        customer_id=customer_id,
        linked_at=linked_at,
        read_at=read_at,
        state=state,
        unread=since is not None,
    )
