"""The inbox: raw updates of MAX and notes of the bridge, to be delivered to the desk."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from maxbridge.core import keys
from maxbridge.core.delivery import PENDING, Direction, Doubt, Outcome, State
from maxbridge.core.errors import Invariant, RuleBrokenError
from maxbridge.store.db import Database, chunks, columns, find, insert, marks, rows
from maxbridge.store.dialogs import put_aside
from maxbridge.store.forgotten import Tombstones, is_old
from maxbridge.store.meta import MarkerTable
from maxbridge.store.models import Inbox
from maxbridge.store.queue import KEEP, Queue, common
from maxbridge.store.records import InboxItem, PostResult
from maxbridge.store.snapshot import LEFT
from maxbridge.store.tickets import TicketTable

NOTE_TYPE = "bridge_note"
PHONE_TYPE = "bridge_phone"
_KINDS = {
    "message_created": "message",
    "message_edited": "edit",
    "message_removed": "deletion",
    NOTE_TYPE: "note",
    PHONE_TYPE: "phone",
}
_AT_ONCE = "decided when it came"
_STORED = "SELECT key FROM inbox WHERE key IN"
_ABOUT = "SELECT id, key, payload, state FROM inbox WHERE key = ? OR key BETWEEN ? AND ?"
"""Updates that bring a message's content, for :func:`_about`."""
_BEHIND = "SELECT 1 FROM inbox WHERE pending = 1 AND chat_id = ? AND id > ? LIMIT 1"
_CHAT_OF_MARK = "SELECT chat_id FROM inbox WHERE key IN (?, ?) LIMIT 1"
_CHAT_OF_USER = "SELECT chat_id FROM dialog WHERE user_id = ? LIMIT 1"


@dataclass(frozen=True, slots=True)
class NewUpdate:
    """A raw update to be stored.

    Attributes:
        key: Identity for de-duplication.
        update_type: MAX's type; empty if it had none.
        payload: The raw JSON text.
        chat_id: The dialog, None if unknown.
        user_id: The sender, if known.
        state: QUEUED, or IGNORED / PARKED if no worker needs to see it.
        put_aside: It is parked because its chat exceeded its limit.
    """

    key: str
    update_type: str
    payload: str
    chat_id: int | None
    user_id: int | None = None
    state: State = State.QUEUED
    put_aside: bool = False


@dataclass(frozen=True, slots=True)
class Note:
    """A private note that goes with a change of state."""

    key: str
    conversation_id: int
    text: str


@dataclass(frozen=True, slots=True)
class FollowUps:
    """What follows for an item from its thread being at the desk.

    Attributes:
        covering: Number of the message's files that have arrived or were named with it.
        more: Further files follow in another thread.
        lost: HTML of the note about files that the desk did not keep; empty if it kept all.
        tell: Text for the customer; may be empty.
        phone: A shared number for the customer record; empty for none.
        said_at: When the customer wrote, in seconds, MAX's clock, if automatic messages may follow;
            None for groups, spam and anything but messages.
    """

    covering: int = 0
    more: bool = False
    lost: str = ""
    tell: str = ""
    phone: str = ""
    said_at: float | None = None


class InboxTable(Queue[Inbox]):
    """Transactions of the inbox."""

    def __init__(self, database: Database, tickets: TicketTable, markers: MarkerTable) -> None:
        super().__init__(database, database.tables.inbox, "inbox", Direction.TO_DESK)
        self._tickets = tickets
        self._markers = markers
        self._previous = (
            "SELECT update_type, payload FROM inbox WHERE pending = 0 AND chat_id = ? AND id < ?"
            f" AND update_type NOT IN ('{NOTE_TYPE}', '{PHONE_TYPE}') ORDER BY id DESC LIMIT 1"
        )

        self._tombstones = Tombstones(database)
        self.may_be_posted: Callable[[str], bool] = lambda _key: False
        """Of what comes in, by its key: may the desk have it already? (:mod:`maxbridge.store.restored`)"""
        # Asked for every customer who is new.
        self._held = (
            f"SELECT {columns(self._model)} FROM inbox"
            f" WHERE {LEFT} AND state = '{State.HELD}' AND chat_id = ? ORDER BY id"
        )

    def ingest(self, updates: Iterable[NewUpdate], marker: int | None, now: float) -> int:
        """Store a batch of updates and the next marker, in one transaction.

        Polling with a marker makes MAX forget everything before it (contract max.md 1), so from
        this commit on a message is our responsibility.

        Args:
            updates: In MAX's order; stored ones are skipped, and those from before their customer
                was erased.
            marker: The next marker, or None to keep the stored one.
            now: Our clock.

        Returns:
            How many were new.

        Raises:
            RuleBrokenError: One of them is not in the database; then the marker stays.
        """
        new = 0
        updates = list(updates)
        if not updates and (marker is None or marker == self.marker()):
            return 0
        with self._db.transaction():
            kept = self._without_erased(updates)
            for update in kept:
                new += self._insert(update, now)
            if marker is not None:
                self._see_that_all_are_there(kept)
                self._markers.move(keys.MARKER, marker, now)
        return new

    def _see_that_all_are_there(self, updates: Iterable[NewUpdate]) -> None:
        wanted = {keys.stored(update.key) for update in updates}
        there = {
            key
            for some in chunks(sorted(wanted))
            for (key,) in self._db.rows(f"{_STORED} {marks(some)}", tuple(some))
        }
        if wanted - there:
            raise RuleBrokenError(
                Invariant.MARKER, f"{len(wanted - there)} of {len(wanted)} not stored"
            )

    def _without_erased(self, updates: list[NewUpdate]) -> list[NewUpdate]:
        chats = {update.chat_id for update in updates if update.chat_id is not None}
        stones = self._tombstones.among(chats)
        if not stones:
            return updates
        return [
            update
            for update in updates
            if (stone := stones.get(update.chat_id or 0)) is None
            or not is_old(stone, update.key, update.payload)
        ]

    def is_as_read(self, item: InboxItem) -> bool:
        """Whether an item is unchanged since it was read; an erasure removes a person from others' quotes."""
        statement = "SELECT 1 FROM inbox WHERE id = ? AND payload = ?"
        return bool(self._db.rows(statement, (item.id, item.payload)))

    def add_note(
        self, key: str, chat_id: int, conversation_id: int, text: str, now: float, *, html: str = ""
    ) -> None:
        """Queue a private note for a ticket; the same key twice is one note.

        To be called inside the transaction of the change that the note reports.

        Args:
            key: The note's key.
            chat_id: The dialog.
            conversation_id: The ticket.
            text: Its words, plain.
            now: Our clock.
            html: Further HTML made by us from escaped text; may be empty.
        """
        payload = json.dumps(
            {"conversation_id": conversation_id, "text": text} | ({"html": html} if html else {})
        )
        self._insert(NewUpdate(keys.note(key), NOTE_TYPE, payload, chat_id), now)

    def marker(self) -> int | None:
        """Return the marker to poll with; None before the first poll."""
        position = self._markers.position(keys.MARKER)
        return None if position is None else position.value

    def head(self, chat_id: int) -> InboxItem | None:
        """Return the oldest pending item of a chat."""
        row = self._head(chat_id)
        return None if row is None else item_of(row)

    def done(self, item: InboxItem, landed: PostResult | None, now: float) -> None:
        """Store that an item is at the desk, or needed no thread (``landed`` None)."""
        with self._db.transaction("inbox.done"):
            if landed is not None:
                self._link(item, landed, now)
            self._finish(item, Outcome.ACCEPTED, now, landed)

    def add_phone(self, key: str, chat_id: int, phone: str, now: float) -> None:
        """Queue a phone number for the customer record; to be called inside a transaction."""
        payload = json.dumps({"phone": phone})
        self._insert(NewUpdate(keys.phone(key), PHONE_TYPE, payload, chat_id), now)

    def partly_done(self, item: InboxItem, landed: PostResult, covered: int, now: float) -> None:
        """Store that a thread of a message is at the desk while more of its files follow in another one."""
        with self._db.transaction("inbox.done"):
            self._link(item, landed, now)
            self._moved(
                item.id,
                Outcome.PARTLY,
                now=now,
                error=None,
                covered=covered,
                conversation_id=landed.conversation_id,
                thread_id=landed.thread_id,
            )

    def step_down(self, item_id: int, rung: int, *, error: str) -> bool:
        """Replace an item that was certainly not delivered by a simpler form.

        Args:
            item_id: The item.
            rung: The form (:mod:`maxbridge.core.inbound_files`).
            error: Code of the failure.

        Returns:
            False if nothing changed: an administrator decided meanwhile.
        """
        with self._db.transaction("inbox.defer"):
            return self._moved(item_id, Outcome.STEPPED_DOWN, now=0.0, error=error, rung=rung)

    def give_up(
        self,
        item: InboxItem,
        outcome: Outcome,
        *,
        error: str,
        note: str,
        now: float,
        reason: str,
    ) -> None:
        """Leave an item to a person, and queue the note for agents, in one transaction.

        Args:
            item: The item.
            outcome: The outcome.
            error: Code of the failure.
            note: Text for agents; may be empty. If the customer has no ticket yet, they are told
                when one is opened (:meth:`held_untold`).
            now: Our clock.
            reason: For the log.
        """
        dialog = self._tables.dialog
        with self._db.transaction():
            if not self._moved(item.id, outcome, now=now, error=error, reason=reason) or not note:
                return
            row = find(dialog, chat_id=item.chat_id)
            ticket = (None if row is None else row.conversation_id) or item.target_id
            if ticket is not None:
                self.add_note(keys.held(item.key), item.chat_id, ticket, note, now)

    def held_untold(self, chat_id: int) -> list[InboxItem]:
        """Return held messages of a chat of which no agent has been told."""
        model = self._model
        held = map(item_of, rows(model, self._held, (chat_id,)))
        found = [each for each in held if each.update_type not in (NOTE_TYPE, PHONE_TYPE)]
        if not found:
            return []
        notes = tuple(keys.stored(keys.note(keys.held(each.key))) for each in found)
        told = {key for (key,) in self._db.rows(f"{_STORED} {marks(notes)}", notes)}
        return [each for each in found if keys.stored(keys.note(keys.held(each.key))) not in told]

    def take_back(self, item_id: int, *, blameless: bool) -> None:
        """Requeue an item of a POST that was not carried out; to be called inside a transaction.

        Args:
            item_id: The item.
            blameless: The failure does not concern its words: it counts as untried.
        """
        row = find(self._model, id=item_id)
        never: dict[str, Any] = {"attempted_at": None, "first_try_at": None} if blameless else {}
        if row is not None:
            self._apply(row, Outcome.TAKEN_BACK, now=0.0, error=None, **never)

    def before(self, mid: str, item_id: int) -> str | None:
        """Return the update that shows a message as agents saw it before an item, as raw JSON.

        None if there is none, or if its text has been scrubbed.
        """
        # Sorted here: asked to sort, SQLite walks everything that is done, newest first.
        seen = {
            number: payload
            for number, _, payload, state in self._db.rows(_ABOUT, _about(mid))
            if number < item_id and state == State.DONE
        }
        return seen[max(seen)] if seen else None

    def previous(self, item: InboxItem) -> tuple[str, str | None] | None:
        """Return a chat's event right before an item: its type, and the raw JSON unless scrubbed.

        Everything before the oldest pending item of a chat is finished.
        """
        return next(iter(self._db.rows(self._previous, (item.chat_id, item.id))), None)

    def is_edited_again(self, mid: str, item: InboxItem) -> bool:
        """Whether there is a later edit of the same message, by MAX's time. Events may come in any order."""
        edited_at = keys.edited_at(item.key)
        return any(
            keys.edited_at(key) > edited_at
            for number, key, _, state in self._db.rows(_ABOUT, _about(mid))
            if number != item.id and state != State.PARKED
        )

    def has_followers(self, item: InboxItem) -> bool:
        """Whether anything of the same chat waits after an item."""
        return self._db.row(_BEHIND, (item.chat_id, item.id)) is not None

    def ignore(self, item: InboxItem, now: float, *, reason: str = "") -> None:
        """End an item that needs nothing done; ``reason`` is for the log."""
        with self._db.transaction():
            self._finish(item, Outcome.ELSEWHERE, now, reason=reason)

    def park(self, item: InboxItem, error: str, now: float) -> None:
        """Keep an item whose meaning is unknown, for ``status``."""
        with self._db.transaction():
            self._finish(item, Outcome.UNREADABLE, now, error=error)

    def chat_of_marker(self, marker_key: str) -> int | None:
        """Return the chat of the message with this marker; None if it is forgotten or was never ours."""
        key = keys.first_of(marker_key)
        row = self._db.row(_CHAT_OF_MARK, (key, keys.message(key)))
        return None if row is None else row[0]

    def _ready(self, row: str) -> str:
        """Condition for work: a note that the desk refused lets everything else of its chat go first."""
        return (
            f"NOT ({_failed_note(row)} AND EXISTS (SELECT 1 FROM inbox AS e WHERE e.pending = 1"
            f" AND e.chat_id = {row}.chat_id AND NOT ({_failed_note('e')})))"
        )

    def _insert(self, update: NewUpdate, now: float) -> int:
        state = update.state
        chat_id = update.chat_id
        if chat_id is None and update.user_id is not None:
            chat_id = self._chat_of(update.user_id)
        if chat_id is None and state is State.QUEUED:
            state = State.PARKED
        waits = state in (State.QUEUED, State.PARKED) and update.update_type != PHONE_TYPE
        in_doubt = waits and self.may_be_posted(update.key)
        if in_doubt and state is State.QUEUED:
            state = State.SENDING  # like every delivery in doubt: it is looked up
        inserted = insert(
            self._model,
            or_ignore=True,
            doubt=Doubt.RESTORED if in_doubt else Doubt.NONE,
            key=keys.stored(update.key),
            update_type=update.update_type[:255],
            payload=update.payload,
            chat_id=chat_id,
            state=state,
            pending=state in PENDING,
            created_at=now,
            finished_at=None if state in PENDING else now,
        )
        if inserted and update.put_aside and chat_id is not None:
            row = self._stored(update.key)
            put_aside(self._db, chat_id, row.id, now)
        elif inserted and state not in PENDING and self._db.watch is not None:
            row = self._stored(update.key)
            self._ended(row, state, now, outcome=Outcome.ELSEWHERE, reason=_AT_ONCE, at_once=True)
        return 1 if inserted else 0

    def _kind(self, item: Any) -> str:
        return _KINDS.get(item.update_type, "event")

    def _stored(self, key: str) -> Inbox:
        row = find(self._model, key=keys.stored(key))
        assert row is not None  # noqa: S101 - to be called when it was inserted
        return row

    def _chat_of(self, user_id: int) -> int | None:
        row = self._db.row(_CHAT_OF_USER, (user_id,))
        return None if row is None else row[0]

    def _finish(
        self,
        item: InboxItem,
        outcome: Outcome,
        now: float,
        landed: PostResult | None = None,
        *,
        error: str | None = KEEP,
        reason: str = "",
    ) -> None:
        fields: dict[str, Any] = {}
        if landed is not None:
            fields = {"conversation_id": landed.conversation_id, "thread_id": landed.thread_id}
        row = find(self._model, id=item.id)
        if row is None or not self._apply(row, outcome, now=now, error=error, **fields):
            return
        self._ended(
            item,
            State(row.state),
            now,
            ticket=landed.conversation_id if landed else None,
            thread=landed.thread_id if landed else None,
            outcome=outcome,
            error=None if error == KEEP else error,
            reason=landed.reason if landed else reason,
            files=item.covered + item.carrying if landed else 0,
        )

    def _link(self, item: InboxItem, landed: PostResult, now: float) -> None:
        """Store where an item is: a message makes the ticket its dialog's, a note does not."""
        if item.update_type in (NOTE_TYPE, PHONE_TYPE):
            self._tickets.posted(landed)
        else:
            self._tickets.message_arrived(item.chat_id, landed, item.target_id, now)


def _about(mid: str) -> tuple[str, str, str]:
    """Return the key of a message, and the bounds of the keys of all its edits."""
    return keys.message(mid), *keys.edits(mid)


def _failed_note(row: str) -> str:
    return f"{row}.update_type = '{NOTE_TYPE}' AND ({row}.attempts > 0 OR {row}.doubt <> '{Doubt.NONE}')"


def item_of(row: Inbox) -> InboxItem:
    """Return a row as plain data."""
    return InboxItem(
        **common(row),
        update_type=row.update_type,
        payload=row.payload or "null",
        target_id=row.target_id,
        desk_at=row.desk_at,
        conversation_id=row.conversation_id,
        covered=row.covered,
        covering=row.covering,
        carrying=row.carrying or 0,
        rung=row.rung,
    )
