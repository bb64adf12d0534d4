"""The outbox: agents' replies and automatic messages, to be delivered to MAX part by part."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from maxbridge.core import keys
from maxbridge.core.delivery import PENDING, Direction, Doubt, Outcome, State
from maxbridge.core.parts import Action, Part, PartFile
from maxbridge.core.texts import LATELY
from maxbridge.store.db import Database, change, columns, find, insert, marks, rows
from maxbridge.store.inbox import InboxTable, Note
from maxbridge.store.models import Outbox
from maxbridge.store.models import Part as PartRow
from maxbridge.store.queue import Queue, common
from maxbridge.store.records import OutboxItem, PartItem
from maxbridge.store.tickets import TicketTable

_BATCH = 200
_TRY_BLOCKED = 900.0
_CERTAIN = (State.QUEUED, State.DEFERRED)
"""No call of these is under way."""
_MAY_BE_RATED = (
    "SELECT 1 FROM outbox WHERE key > ? AND key < ? AND chat_id = ?"
    " AND NOT EXISTS (SELECT 1 FROM rating WHERE rating.conversation_id = ?) LIMIT 1"
)
_RATED = "SELECT 1 FROM rating WHERE conversation_id = ?"
_AGENT_WROTE = (
    "SELECT 1 FROM outbox WHERE pending IN (0, 1) AND chat_id = ?"
    f" AND key LIKE '{keys.REPLIES}' AND (pending = 1 OR finished_at >= ?) LIMIT 1"
)
_LATER_END = "SELECT 1 FROM outbox WHERE key > ? AND key < ? AND id > ? LIMIT 1"
_INFLIGHT_TICKET = (
    "SELECT conversation_id FROM outbox WHERE pending = 1 AND chat_id = ?"
    f" AND doubt <> '{Doubt.NONE}' AND key LIKE '{keys.REPLIES}' AND attempted_at < ?"
    " ORDER BY id DESC LIMIT 1"
)
_INFLIGHT_SINCE = (
    "SELECT MIN(attempted_at) FROM outbox WHERE pending = 1 AND chat_id = ?"
    f" AND doubt <> '{Doubt.NONE}' AND key LIKE '{keys.REPLIES}' AND attempted_at >= ?"
)
_CLAIMED = "SELECT p.mid, o.id, o.finished_at FROM part AS p JOIN outbox AS o ON o.id = p.outbox_id WHERE p.mid IN"
_EXPIRED = (
    f"SELECT {columns(Outbox)} FROM outbox WHERE pending = 1 AND state IN {marks(_CERTAIN)}"
    f" AND created_at <= ? ORDER BY id LIMIT {_BATCH}"
)
# Pending or not: so the index serves.
_IN_DOUBT = (
    f"SELECT {columns(Outbox)} FROM outbox WHERE pending IN (0, 1) AND chat_id = ?"
    f" AND doubt <> '{Doubt.NONE}'"
)
_PARTS = f"SELECT {columns(PartRow)} FROM part WHERE outbox_id = ? ORDER BY seq"
_OF_THREAD = f"SELECT {columns(Outbox)} FROM outbox WHERE thread_id = ? ORDER BY id"
_SCRUBBED = (
    "SELECT 1 FROM part WHERE text IS NULL"
    " AND outbox_id IN (SELECT id FROM outbox WHERE thread_id = ?) LIMIT 1"
)
_UNSENT = (
    f"SELECT id FROM outbox WHERE key = ? AND state IN ('{State.BOUNCED}', '{State.IGNORED}')"
    f" AND doubt = '{Doubt.NONE}'"
    " AND NOT EXISTS (SELECT 1 FROM part WHERE part.outbox_id = outbox.id AND part.mid IS NOT NULL)"
)
_REMOVE = "DELETE FROM outbox WHERE id = ?"
_CUT_OFF = "DELETE FROM part WHERE outbox_id = ? AND seq >= ?"
_BLOCK = "UPDATE dialog SET blocked = 1, blocked_at = ? WHERE chat_id = ? AND blocked = 0"
_LEFT = "SELECT COUNT(*) FROM part WHERE outbox_id = ? AND mid IS NULL"
_TRY_AGAIN = "UPDATE dialog SET blocked = 0 WHERE chat_id = ? AND blocked = 1 AND blocked_at < ?"


@dataclass(frozen=True, slots=True)
class Delivered:
    """What became of a desk thread.

    Attributes:
        chat_id: The chat it was sent to; None if nothing was sent.
        count: Number of its deliveries: the reply itself and its edits.
        pending: One of them is not finished.
        known: Everything about it is known: no text was scrubbed, nothing is held in doubt.
            Otherwise it cannot be changed without risk of sending something twice.
        parts: Message ids with their content, in order of sending.
    """

    chat_id: int | None
    count: int
    pending: bool
    known: bool
    parts: tuple[tuple[str, Part], ...]


class OutboxTable(Queue[Outbox]):
    """Transactions of the outbox."""

    def __init__(self, database: Database, inbox: InboxTable, tickets: TicketTable) -> None:
        super().__init__(database, database.tables.outbox, "outbox", Direction.TO_MAX)
        self._inbox = inbox
        self._tickets = tickets

    def add(
        self,
        key: str,
        chat_id: int,
        parts: Sequence[Part],
        *,
        now: float,
        conversation_id: int | None = None,
        thread_id: int | None = None,
        excerpt: str = "",
        in_doubt: float | None = None,
    ) -> None:
        """Queue messages for a chat; the same key twice is one delivery.

        To be called inside the transaction of the change that causes it. An automatic message that
        was given up and certainly not sent is queued anew.

        Args:
            key: Its key.
            chat_id: The chat.
            parts: The messages.
            now: Our clock.
            conversation_id: Its ticket, if any.
            thread_id: Its thread.
            excerpt: First words.
            in_doubt: Latest time at which a lost database may have sent it
                (:mod:`maxbridge.store.restored`); None if it cannot have.
        """
        doubt: dict[str, Any] = {"state": State.QUEUED}
        if in_doubt is not None:
            doubt = {
                "state": State.SENDING,
                "doubt": Doubt.RESTORED,
                "attempted_at": min(in_doubt, now),
            }
        if keys.is_sentence(key):
            self._forget_unsent(key)
        made = insert(
            self._model,
            or_ignore=True,
            key=key,
            chat_id=chat_id,
            pending=True,
            created_at=now,
            conversation_id=conversation_id,
            thread_id=thread_id,
            excerpt=excerpt,
            **doubt,
        )
        if made:
            self._insert_parts(made, 0, parts)

    def _forget_unsent(self, key: str) -> None:
        for (item_id,) in self._db.rows(_UNSENT, (key,)):
            self._db.execute(_CUT_OFF, (item_id, 0))
            self._db.execute(_REMOVE, (item_id,))

    def _insert_parts(self, item_id: int, first: int, parts: Sequence[Part]) -> None:
        for seq, part in enumerate(parts, first):
            insert(self._tables.part, **_row(item_id, seq, part))

    def head(self, chat_id: int) -> OutboxItem | None:
        """Return the oldest item of a chat that may be sent now, with its parts."""
        row = self._head(chat_id)
        return None if row is None else self._item(row)

    def by_id(self, item_id: int) -> OutboxItem | None:
        """Return an item in any state, with its parts; None if there is none (any more)."""
        row = find(self._model, id=item_id)
        return None if row is None else self._item(row)

    def expired(self, deadline: float) -> list[OutboxItem]:
        """Return items that have waited since before ``deadline`` and were certainly not sent."""
        return [self._item(row) for row in rows(self._model, _EXPIRED, (*_CERTAIN, deadline))]

    def claimed_mids(self, mids: Collection[str], item: OutboxItem) -> dict[str, bool]:
        """Return which of these MAX messages are known parts of ours.

        Args:
            mids: The messages.
            item: A delivery whose last attempt is in doubt.

        Returns:
            For each known one, whether it was known when that attempt began, so that it is older. A
            held one
            may be sent, or found, after later ones; and a hanging call may be carried out late.
        """
        known = self._db.rows(f"{_CLAIMED} {marks(mids)}", tuple(mids))
        began = item.attempted_at or item.created_at
        return {
            mid: item_id == item.id or (finished_at is not None and finished_at < began)
            for mid, item_id, finished_at in known
        }

    def parts_in_doubt(self, chat_id: int) -> list[tuple[int, PartItem]]:
        """Return, by item, parts that may have been sent to a chat and are not found yet: waiting, held or given up.

        Parts are sent one after another, so only the next one is in doubt; but a lost database may
        have sent all of them.
        """
        found: list[tuple[int, PartItem]] = []
        for item in map(self._item, rows(self._model, _IN_DOUBT, (chat_id,))):
            left = [each for each in item.parts if each.mid is None]
            in_doubt = left if item.doubt is Doubt.RESTORED else left[:1]
            found += [(item.id, each) for each in in_doubt if each.part.action is Action.SEND]
        return found

    def has_sent(self, chat_id: int) -> bool:
        """Whether MAX has accepted anything for this chat."""
        row = find(self._tables.dialog, chat_id=chat_id)
        return row is not None and row.last_outbound_at is not None

    def becomes_edit(self, item: OutboxItem, seq: int, mid: str) -> None:
        """Turn a message in doubt that was found with other words into an edit of it."""
        part = self._tables.part
        with self._db.transaction():
            this = {"outbox_id": item.id, "seq": seq}
            change(part, this, action=Action.EDIT, target=mid, files=None)
            self._moved(item.id, Outcome.OTHER_FOUND, now=0.0, error=None)

    def replan(
        self,
        item: OutboxItem,
        seq: int,
        parts: Sequence[Part],
        *,
        now: float,
        error: str | None = None,
        notes: Sequence[Note] = (),
    ) -> None:
        """Replace a message that was certainly not sent by others.

        Args:
            item: The delivery; its later messages move behind the new ones.
            seq: The replaced message.
            parts: Its replacement; may be empty.
            now: Our clock.
            error: Why, if something could not be sent at all.
            notes: Notes for agents about that.
        """
        following = [*parts, *(each.part for each in item.parts if each.seq > seq)]
        sent = any(each.mid is not None for each in item.parts)
        with self._db.transaction("outbox.replan"):
            row = find(self._model, id=item.id)
            if row is None or not row.pending:
                return  # somebody held or dropped it meanwhile, or its customer was erased
            self._db.execute(_CUT_OFF, (item.id, seq))
            self._insert_parts(item.id, seq, following)
            outcome = Outcome.STEPPED_DOWN
            if not following:
                outcome = Outcome.ACCEPTED if sent else Outcome.EMPTY
            if self._apply(row, outcome, now=now, error=error) and not following:
                why = "nothing left to send"
                self._ended(item, State(row.state), now, outcome=outcome, error=error, reason=why)
            for note in notes:
                self._note(item, note, now)

    def file_ready(self, item_id: int, seq: int, files: Sequence[PartFile]) -> None:
        """Store uploaded files, so that none is uploaded twice unnecessarily."""
        part = self._tables.part
        with self._db.transaction():
            change(part, {"outbox_id": item_id, "seq": seq}, files=_dump(files))

    def delivered(self, thread_id: int) -> Delivered:
        """Return the messages that the customer has of a desk thread, edits included."""
        model = self._model
        items = [self._item(row) for row in rows(model, _OF_THREAD, (thread_id,))]
        scrubbed = self._db.row(_SCRUBBED, (thread_id,)) is not None
        parts: dict[str, Part] = {}
        for each in (one for item in items for one in item.parts if one.mid):
            mid = each.mid or ""
            if each.part.action is Action.DELETE:
                parts.pop(mid, None)
            else:
                parts[mid] = each.part
        return Delivered(
            chat_id=items[0].chat_id if items else None,
            count=len(items),
            pending=any(item.state in PENDING for item in items),
            known=not scrubbed and all(item.state is not State.HELD for item in items),
            parts=tuple(parts.items()),
        )

    def part_done(
        self,
        item: OutboxItem,
        seq: int,
        mid: str,
        now: float,
        *,
        reason: str = "",
    ) -> bool:
        """Store that MAX accepted a part.

        Args:
            item: The delivery.
            seq: The part.
            mid: The message.
            now: Our clock.
            reason: For the log.

        Returns:
            True if it was the last one, so that the whole item is done.
        """
        part, dialog = self._tables.part, self._tables.dialog
        with self._db.transaction("outbox.part_done"):
            change(part, {"outbox_id": item.id, "seq": seq}, mid=mid)
            ((left,),) = self._db.rows(_LEFT, (item.id,))
            news = {"privacy_at": now} if keys.is_privacy(item.key) else {}
            change(dialog, {"chat_id": item.chat_id}, last_outbound_at=now, **news)
            if item.conversation_id is not None and keys.is_reply(item.key):
                self._tickets.reply_left(item.conversation_id, item.chat_id)
            if left:
                self._moved(item.id, Outcome.PARTLY, now=now, error=None)
                return False
            row = find(self._model, id=item.id)
            if row is not None:
                self._apply(row, Outcome.ACCEPTED, now=now, error=None)
            files = sum(len(each.part.files) for each in item.parts)
            self._ended(item, State.DONE, now, mid=mid, reason=reason, files=files)
            return True

    def may_be_rated(self, chat_id: int, conversation_id: int) -> bool:
        """Whether a customer was told of a ticket's closing within the retention of ids, and has not rated it."""
        first, last = keys.closed_ones(conversation_id)
        return bool(self._db.rows(_MAY_BE_RATED, (first, last, chat_id, conversation_id)))

    def is_still_so(self, item: OutboxItem, *, now: float) -> bool:
        """Whether an automatic message is still true, as far as the store knows.

        While it waited, an agent or the customer may have reopened a closed ticket, or an agent has
        written although the message says that nobody is there.
        """
        about = keys.ticket_of(item.key)
        if about is None:
            return True
        if keys.word(item.key) == "away":
            return not self.agent_wrote(item.chat_id, now - LATELY)
        first, last = keys.closed_ones(about)
        told_again = bool(self._db.rows(_LATER_END, (first, last, item.id)))
        return self._tickets.was_closed(about) is not False and not told_again

    def is_rated(self, conversation_id: int) -> bool:
        """Whether the customer has rated a ticket."""
        return bool(self._db.rows(_RATED, (conversation_id,)))

    def agent_wrote(self, chat_id: int, since: float) -> bool:
        """Whether an agent's reply to a chat was sent since then (our clock), or is queued."""
        return bool(self._db.rows(_AGENT_WROTE, (chat_id, since)))

    def ticket_of_inflight_reply(self, chat_id: int, before: float) -> int | None:
        """Return the ticket of a reply that the customer may have read already although its outcome is unknown.

        Args:
            chat_id: The dialog.
            before: When the customer wrote, our clock: the reply was begun earlier.
        """
        for (conversation_id,) in self._db.rows(_INFLIGHT_TICKET, (chat_id, before)):
            if conversation_id is not None and self._tickets.is_living(conversation_id, chat_id):
                return int(conversation_id)
        return None

    def inflight_reply_since(self, chat_id: int, since: float) -> float | None:
        """Return when the first reply was begun that the customer may have read by now but not by ``since``.

        Up to then :meth:`ticket_of_inflight_reply` returns the same as at ``since``; None: it does
        up to now.

        Args:
            chat_id: The dialog.
            since: Our clock.
        """
        ((first,),) = self._db.rows(_INFLIGHT_SINCE, (chat_id, since))
        return None if first is None else float(first)

    def give_up(
        self,
        item: OutboxItem,
        outcome: Outcome,
        *,
        error: str,
        note: Note | None,
        now: float,
        reason: str = "",
    ) -> None:
        """Bounce or hold an item and queue the note for its agent, in one transaction."""
        with self._db.transaction("outbox.give_up"):
            if self._moved(item.id, outcome, now=now, error=error, reason=reason):
                self._note(item, note, now)

    def wait_blocked(self, item: OutboxItem, *, error: str, note: str, now: float) -> bool:
        """Let a dialog's deliveries wait until its customer, who stopped the bot, starts it again.

        Returns:
            False, and nothing is changed, if they came back after the refused attempt was begun.
        """
        dialog = self._tables.dialog
        with self._db.transaction():
            row = find(dialog, chat_id=item.chat_id)
            attempt = find(self._model, id=item.id)
            if attempt is None:
                return True  # its customer was erased meanwhile
            attempted_at = attempt.attempted_at or 0.0
            if row is not None and (row.reachable_at or 0.0) > attempted_at:
                return False
            self._moved(item.id, Outcome.BLOCKED, now=now, error=error)
            self._db.execute(_BLOCK, (now, item.chat_id))
            if item.conversation_id is not None:
                self.note_blocked(item.chat_id, item.conversation_id, note, now)
        return True

    def try_blocked(self, chat_id: int, now: float) -> None:
        """Let a new reply try a dialog whose customer stopped the bot, once in a quarter of an hour.

        The event of their return may have been lost. To be called inside a transaction.
        """
        self._db.execute(_TRY_AGAIN, (chat_id, now - _TRY_BLOCKED))

    def note_blocked(self, chat_id: int, conversation_id: int, text: str, now: float) -> None:
        """Tell the agents, once each time a customer stops the bot, that replies wait for them.

        Does nothing for a customer who can be reached. To be called inside a transaction.
        """
        row = find(self._tables.dialog, chat_id=chat_id)
        if row is not None and row.blocked:
            key = keys.blocked(chat_id, row.blocked_at or 0.0)
            self._inbox.add_note(key, chat_id, conversation_id, text, now)

    def _kind(self, item: Any) -> str:
        return keys.kind_to_max(item.key)

    def _note(self, item: OutboxItem, note: Note | None, now: float) -> None:
        if note is not None:
            self._inbox.add_note(note.key, item.chat_id, note.conversation_id, note.text, now)

    def _ready(self, row: str) -> str:
        """Condition for work: nothing is sent to a customer who stopped the bot; what is in doubt is looked up all the same."""
        return (
            f"({row}.state = '{State.SENDING}' OR NOT EXISTS (SELECT 1 FROM dialog AS d"
            f" WHERE d.chat_id = {row}.chat_id AND d.blocked = 1))"
        )

    def _item(self, row: Outbox) -> OutboxItem:
        parts = rows(self._tables.part, _PARTS, (row.id,))
        return OutboxItem(
            **common(row),
            conversation_id=row.conversation_id,
            thread_id=row.thread_id,
            excerpt=row.excerpt,
            parts=tuple(PartItem(each.seq, _part(each), each.mid) for each in parts),
        )


def _row(item_id: int, seq: int, part: Part) -> dict[str, Any]:
    return {
        "outbox_id": item_id,
        "seq": seq,
        "text": part.text,
        "html": part.html,
        "files": _dump(part.files) if part.files else None,
        "action": part.action,
        "target": part.target or None,
        "button": part.button or None,
        "mid": None,
    }


def _dump(files: Sequence[PartFile]) -> str:
    return json.dumps([asdict(file) for file in files], ensure_ascii=False)


def _part(row: Any) -> Part:
    return Part(
        text=row.text or "",
        html=row.html,
        files=tuple(PartFile(**file) for file in json.loads(row.files or "[]")),
        action=Action(row.action),
        target=row.target or "",
        button=row.button or "",
    )
