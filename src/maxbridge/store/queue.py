"""What inbox and outbox share: the next item, and changes of state."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final, Generic, TypeVar

from maxbridge.core.delivery import (
    PENDING,
    Direction,
    Doubt,
    Due,
    Next,
    Outcome,
    State,
    follow,
    see_that_it_may_leave,
    see_that_it_may_move,
)
from maxbridge.core.errors import Invariant, RuleBrokenError
from maxbridge.core.pace import in_turn
from maxbridge.store.db import Database, change, columns, find, marks, rows
from maxbridge.store.models import Inbox, Outbox
from maxbridge.store.records import Ended, Item
from maxbridge.store.snapshot import QueueHealth, depth, standing

_Q = TypeVar("_Q", Inbox, Outbox)


_TRIED = (Outcome.ACCEPTED, Outcome.REFUSED)
"""Outcomes that end a delivery with a try; the store counts only tries that another one follows."""
KEEP: Final = "keep"
"""Leave the code of the last failure as it is."""
_LONGEST_WAIT = 600.0
"""No item is put off for longer, in seconds: one that is was, the clock has been set back."""
_NEWEST = 200
"""So many of those who came last are looked at for one who was not tried."""
RANKS = (0, 1)
"""Of what waits: an open conversation; a stranger's words, or automatic ones."""


def is_due(next_at: float, now: float) -> bool:
    """Whether a deferred item may be worked on."""
    return next_at <= now or next_at > now + _LONGEST_WAIT


DUE = "(next_at <= ? OR next_at > ?)"
""":func:`is_due` as a condition, for :func:`due_values`."""


def due_values(now: float) -> tuple[float, float]:
    """Return the parameters of :data:`DUE`."""
    return now, now + _LONGEST_WAIT


def common(row: Inbox | Outbox) -> dict[str, Any]:
    """Return the fields of an :class:`Item` from a row of either queue."""
    fields = {name: getattr(row, name) for name in Item.__dataclass_fields__}
    return fields | {
        "chat_id": row.chat_id or 0,
        "state": State(row.state),
        "doubt": Doubt(row.doubt),
    }


class Queue(Generic[_Q]):
    """One queue: first in, first out per chat; a chat's trouble never delays another chat.

    The head of a chat is its oldest pending item. A held item is not pending: its outcome may be
    unknown, so no order can be kept around it, and the customer's next message must not wait for an
    administrator.
    """

    def __init__(
        self, database: Database, model: type[_Q], name: str, direction: Direction
    ) -> None:
        self._db = database
        self._name = name
        self._direction = direction
        self._tables = database.tables
        self._model: type[_Q] = model
        # These are asked several times for every message: as text, since Peewee would take longer to
        # write them each time than SQLite to answer. Each reads as many rows as it gives, however many
        # wait: whose turn it is, is marked (migration 0009).
        turns = f"FROM {name} INDEXED BY {name}_turn WHERE turn_at IS NOT NULL AND rank = ?"
        in_order = "ORDER BY turn_at, id LIMIT ?"
        self._due = f"SELECT chat_id {turns} AND turn_at <= ? {in_order}"
        self._set_back = (
            f"SELECT chat_id {turns} AND turn_at > ? AND (next_at <= ? OR next_at > ?) {in_order}"
        )
        self._next_due = f"SELECT chat_id, turn_at {turns} {in_order}"
        newest = (
            f"SELECT chat_id FROM (SELECT chat_id, attempts, attempted_at {turns} AND turn_at <= ?"
            f" ORDER BY turn_at DESC, id DESC LIMIT {_NEWEST}) WHERE "
        )
        self._newest = newest + "attempts = 0 AND COALESCE(attempted_at, 0) < ? LIMIT ?"
        # What failed before its call, as a reading that it needs, was tried as well: nobody knows when.
        self._newest_tried = newest + "attempts > 0 AND attempted_at < ? LIMIT ?"
        self._first = (
            f"SELECT {columns(model, 'q')} FROM {name} AS q WHERE q.pending = 1 AND q.chat_id = ?"
            f" AND {self._ready('q')} ORDER BY q.id LIMIT 1"
        )
        self._before = (
            f"SELECT MIN(q.id) FROM {name} AS q WHERE q.pending = 1 AND q.chat_id = ?"
            f" AND q.id < ? AND {self._ready('q')}"
        )
        self._is_there = f"SELECT 1 FROM {name} WHERE id = ?"
        self._standing = f"SELECT state, doubt FROM {name} WHERE id IN"

    def due_chats(
        self, now: float, limit: int, busy: Collection[int], *, given: int = 0
    ) -> list[int]:
        """Return chats whose head may be worked on now, in the order of their turns.

        Within a rank the chat comes first that has waited longest since its turn began or its last
        try. One that fails repeatedly is behind all others each time.

        Args:
            now: Our clock.
            limit: Most chats.
            busy: Chats that a worker already serves.
            given: Number of turns given before (:func:`maxbridge.core.pace.in_turn`).
        """
        first, later = (self._due_of(rank, now, limit, busy) for rank in RANKS)
        return in_turn(first, later, given)[:limit]

    def _due_of(self, rank: int, now: float, limit: int, busy: Collection[int]) -> list[int]:
        wanted = limit + len(busy)
        found = self._db.rows(self._due, (rank, now, wanted))
        if len(found) < wanted:
            # Nobody is put off for so long: the clock was set back.
            far = now + _LONGEST_WAIT
            found += self._db.rows(self._set_back, (rank, far, now, far, wanted - len(found)))
        return [chat_id for (chat_id,) in found if chat_id not in busy]

    def last_untried(self, now: float, since: float, busy: Collection[int]) -> int | None:
        """Return the newest chat whose head was not tried since then; None if there is none.

        Chats in trouble have been there for a while, so the newest one finds out soonest whether
        everybody is. Chats that never failed come first: one that failed before may have a trouble
        of its own.
        """
        for statement in (self._newest, self._newest_tried):
            for rank in RANKS:
                for (chat_id,) in self._db.rows(statement, (rank, now, since, 1 + len(busy))):
                    if chat_id not in busy:
                        return int(chat_id)
        return None

    def head(self, chat_id: int) -> Any:
        """Return the oldest pending item of a chat, None if it has none."""
        raise NotImplementedError

    def _head(self, chat_id: int) -> Any:
        """Return the row of :meth:`head`."""
        return next(rows(self._model, self._first, (chat_id,)), None)

    def is_still_first(self, item: Item) -> bool:
        """Whether nothing of its chat precedes an item returned by :meth:`head`.

        Returns:
            False if an administrator has requeued an older one since: that is the head now.

        Raises:
            RuleBrokenError: Something precedes it, and :meth:`head` returns this one all the same.
        """
        ((earlier,),) = self._db.rows(self._before, (item.chat_id, item.id))
        if earlier is None:
            return True
        head = self.head(item.chat_id)
        if head is None or head.id != item.id:
            return False
        raise RuleBrokenError(Invariant.ORDER, f"{earlier} is older than {item.id}")

    def is_there(self, item: Item) -> bool:
        """Whether an item's row exists. It is deleted if its customer is erased, whatever is under way."""
        return bool(self._db.rows(self._is_there, (item.id,)))

    def see_that_they_may_leave(self, ids: Sequence[int]) -> None:
        """Check right before a call that all its deliveries are stored as ``sending``.

        Args:
            ids: The deliveries, in the call's order.

        Raises:
            RuleBrokenError: One is not, or they are out of order.
        """
        if not self._db.is_settled():
            raise RuleBrokenError(Invariant.UNWRITTEN, "a commit is open")
        if list(ids) != sorted(set(ids)):
            raise RuleBrokenError(Invariant.ORDER, f"{ids} in one call")
        found = self._db.rows(f"{self._standing} {marks(ids)}", tuple(ids))
        standing = [(State(state), Doubt(doubt)) for state, doubt in found]
        see_that_it_may_leave(standing, len(ids))

    def next_due(self, busy: Collection[int] = ()) -> float | None:
        """Return when the next head becomes due; None if nothing is pending.

        Args:
            busy: Chats that a worker already serves.
        """
        wanted = len(busy) + 1
        found = [each for rank in RANKS for each in self._db.rows(self._next_due, (rank, wanted))]
        times = [turn_at for chat_id, turn_at in found if chat_id not in busy]
        return min(times, default=None)

    def mark_sending(
        self, item_id: int, now: float, *, change: bool = False, **fields: Any
    ) -> bool:
        """Record that a call is about to be made; from here on it may have been made.

        Args:
            item_id: The item.
            now: Our clock.
            change: The call may be repeated without harm: it edits or deletes.
            **fields: Further columns to set.

        Returns:
            False if the item must not be sent (any more): it was held or dropped meanwhile,
            or an earlier attempt is still in doubt.
        """
        outcome = Outcome.CHANGE_STARTED if change else Outcome.STARTED
        with self._db.transaction(f"{self._name}.sending"):
            row = find(self._model, id=item_id)
            if row is None:
                return False
            return self._apply(
                row,
                outcome,
                now=now,
                error=None,
                attempted_at=now,
                first_try_at=row.first_try_at or now,
                **fields,
            )

    def defer(self, item_id: int, outcome: Outcome, *, at: float, error: str | None) -> bool:
        """Put an item off after an outcome that did not end it.

        Args:
            item_id: The item.
            outcome: The outcome.
            at: When it is due again, our clock.
            error: Code of the failure; :data:`KEEP` for the stored one.

        Returns:
            False if nothing changed: an administrator decided meanwhile.
        """
        with self._db.transaction(f"{self._name}.defer"):
            return self._moved(item_id, outcome, now=at, at=at, error=error)

    def decide(
        self, item_id: int, outcome: Outcome, *, error: str | None, now: float, reason: str = ""
    ) -> bool:
        """Carry out an administrator's decision, also beside a running daemon.

        Args:
            item_id: The item.
            outcome: The decision.
            error: Why, for ``status``.
            now: Our clock.
            reason: Why, for the log.

        Returns:
            False if the decision does not apply to the item's present state.
        """
        with self._db.transaction():
            return self._moved(item_id, outcome, now=now, error=error, reason=reason)

    def retry(self, item_id: int, *, anyway: bool, now: float) -> bool:
        """Retry a held item; if an attempt of it is in doubt, look it up first.

        Args:
            item_id: The item.
            anyway: Skip the look-up.
            now: Our clock.

        Returns:
            False if the item is not held (any more).
        """
        outcome = Outcome.RETRY_ANYWAY if anyway else Outcome.RETRY
        return self.decide(item_id, outcome, error=None, now=now)

    def _moved(
        self,
        item_id: int,
        outcome: Outcome,
        *,
        now: float,
        at: float = 0.0,
        error: str | None,
        reason: str = "",
        **fields: Any,
    ) -> bool:
        """Change an item's state and report its end; inside a transaction."""
        row = find(self._model, id=item_id)
        if row is None or not self._apply(row, outcome, now=now, at=at, error=error, **fields):
            return False
        if row.state not in PENDING:
            self._ended(row, State(row.state), now, outcome=outcome, error=error, reason=reason)
        return True

    def _apply(
        self,
        row: _Q,
        outcome: Outcome,
        *,
        now: float,
        at: float = 0.0,
        error: str | None,
        **fields: Any,
    ) -> bool:
        """Change the state and doubt of a delivery by the table; the only place that does; inside a transaction.

        Args:
            row: The delivery; changed members are changed in it as well.
            outcome: The outcome.
            now: Our clock.
            at: When it is due again, if later.
            error: Code of the failure, for people; :data:`KEEP` for the stored one.
            **fields: Further columns.

        Returns:
            False, and nothing is changed, if the table has no row for it: an
            administrator decided in the meantime.

        Raises:
            RuleBrokenError: No decision of anybody explains it.
        """
        after = follow(self._direction, State(row.state), Doubt(row.doubt), outcome)
        if after is None:
            see_that_it_may_move(State(row.state), outcome)
            return False
        fields |= _fields(row, after, now=now, at=at)
        if error != KEEP:
            fields["error"] = error
        # SQLite writes the indexes of each column that a statement names, whether it changes or not.
        fields = {name: value for name, value in fields.items() if getattr(row, name) != value}
        if fields:
            change(self._model, {"id": row.id}, **fields)
        for name, value in fields.items():
            setattr(row, name, value)
        return True

    def waiting(
        self,
        limit: int | None,
        *,
        states: Collection[State] = (*PENDING, State.HELD),
        chat_id: int | None = None,
    ) -> list[Item]:
        """Return items that wait for a worker or for a person, oldest first.

        Args:
            limit: Most items; None for all.
            states: In one of these states.
            chat_id: Of this chat only.
        """
        among, given = _among(states, chat_id)
        sql = f"SELECT {columns(self._model)} FROM {self._name} WHERE {among} ORDER BY id"
        sql += "" if limit is None else f" LIMIT {limit:d}"
        found = rows(self._model, sql, given)
        return [Item(**common(row)) for row in found]

    def how_many(self, *, states: Collection[State], chat_id: int | None = None) -> int:
        """Return the number of items that :meth:`waiting` would return without a limit."""
        among, given = _among(states, chat_id)
        found = self._db.rows(f"SELECT COUNT(*) FROM {self._name} WHERE {among}", given)
        return int(found[0][0])

    def depth(self) -> QueueHealth:
        """Return counts for ``status``."""
        return depth(self._db.rows, self._name)

    def _ready(self, row: str) -> str:
        """SQL condition that an item must meet to be worked on; for subclasses.

        Args:
            row: The statement's alias of the item.
        """
        raise NotImplementedError

    def _ended(
        self,
        item: Any,
        state: State,
        now: float,
        *,
        ticket: int | None = None,
        thread: int | None = None,
        outcome: Outcome = Outcome.ACCEPTED,
        error: str | None = None,
        **more: Any,
    ) -> None:
        """Report an item's end; to be called inside the transaction that ends it.

        Args:
            item: The row, or the record made of it.
            state: How it ended.
            now: Our clock.
            ticket: Its ticket; by default the intended one.
            thread: Its thread.
            outcome: What ended it.
            error: Code of the failure.
            **more: Further members of :class:`Ended`.
        """
        if self._db.watch is None:
            return
        self._db.ended(
            Ended(
                name=f"{self._direction}-{item.id}",
                direction=self._direction.value,
                kind=self._kind(item),
                key=item.key,
                chat_id=item.chat_id or 0,
                state=state,
                seconds=max(0.0, now - item.created_at),
                tries=item.attempts + int(outcome in _TRIED),
                ticket=item.conversation_id if ticket is None else ticket,
                thread=getattr(item, "thread_id", None) if thread is None else thread,
                error=error,
                **more,
            )
        )

    def _kind(self, item: Any) -> str:
        """Return an item's kind, in our own word."""
        raise NotImplementedError


def _among(states: Collection[State], chat_id: int | None) -> tuple[str, tuple[Any, ...]]:
    """SQL condition: in one of these states, and of this chat if given."""
    wanted = standing(states)
    if chat_id is None:
        return wanted, (*states,)
    return f"{wanted} AND chat_id = ?", (*states, chat_id)


def _fields(row: Any, after: Next, *, now: float, at: float) -> dict[str, Any]:
    """Return the columns that an outcome changes."""
    pending = after.state in PENDING
    fields: dict[str, Any] = {
        "state": after.state,
        "pending": pending,
        "doubt": after.doubt,
        "next_at": at if after.due in (Due.LATER, Due.SETTLED) else 0.0,
        "finished_at": None if pending else now,
    }
    if after.anew:
        fields |= {"attempts": 0, "first_try_at": None}
    elif after.counts and pending:
        fields["attempts"] = row.attempts + 1
    return fields
