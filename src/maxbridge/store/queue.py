"""What the two queues share: who is next, and the moves between states."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Generic, TypeVar

from maxbridge.store.db import Database
from maxbridge.store.health_records import QueueHealth
from maxbridge.store.models import Inbox, Outbox
from maxbridge.store.records import Item, Outcome
from maxbridge.store.snapshot import depth
from maxbridge.store.statements import change, columns, find, rows
from maxbridge.store.states import PENDING, State

_Q = TypeVar("_Q", Inbox, Outbox)


_DIRECTIONS = {"inbox": "in", "outbox": "out"}
_NOT_TRIED = (
    "max.expired",
    "max.empty",
    "max.blocked",
    "max.undecidable",
    "desk.undecidable",
    "internal",
)
"""Ends that are no try of their own."""
_LONGEST_WAIT = 600.0
"""No item is put off for longer, in seconds: one that is was, the clock has been set back."""


def is_due(next_at: float, now: float) -> bool:
    """May an item that was put off be worked on?"""
    return next_at <= now or next_at > now + _LONGEST_WAIT


def due_by(column: Any, now: float) -> Any:
    """:func:`is_due` as a condition on a column."""
    return (column <= now) | (column > now + _LONGEST_WAIT)


def common(row: Inbox | Outbox) -> dict[str, Any]:
    """What an :class:`Item` takes from a row of either queue."""
    fields = {name: getattr(row, name) for name in Item.__dataclass_fields__}
    return fields | {"chat_id": row.chat_id or 0, "state": State(row.state)}


class Queue(Generic[_Q]):
    """One queue: first in, first out per chat; a chat's trouble never delays another chat.

    The head of a chat is its oldest pending item. A held item is not pending: nobody knows whether
    it was delivered, so no order could be kept around it, and what a customer writes next must not
    wait for an administrator.
    """

    def __init__(self, database: Database, model: type[_Q], name: str) -> None:
        self._db = database
        self._name = name
        self._tables = database.tables
        self._model: type[_Q] = model
        # These are asked several times for every message: as text, since Peewee would take longer to
        # write them each time than SQLite to answer. The first walks the waiting in order and stops
        # when it has enough, however many wait.
        heads = (
            f"WHERE q.pending = 1 AND {self._ready('q')} AND NOT EXISTS ("
            f"SELECT 1 FROM {name} AS o WHERE o.pending = 1 AND o.chat_id = q.chat_id"
            f" AND o.id < q.id AND {self._ready('o')})"
        )
        self._due_chats = (
            f"SELECT q.chat_id FROM {name} AS q INDEXED BY {name}_waiting {heads}"
            f" AND (q.next_at <= ? OR q.next_at > ?) ORDER BY q.id LIMIT ?"
        )
        self._next_due = f"SELECT q.chat_id, q.next_at FROM {name} AS q {heads}"
        self._first = (
            f"SELECT {columns(model, 'q')} FROM {name} AS q WHERE q.pending = 1 AND q.chat_id = ?"
            f" AND {self._ready('q')} ORDER BY q.id LIMIT 1"
        )

    def due_chats(self, now: float, limit: int, busy: Collection[int]) -> list[int]:
        """Chats whose head may be worked on now, longest waiting first.

        Args:
            now: Our clock.
            limit: At most so many.
            busy: Chats that a worker already serves.
        """
        rows = self._db.rows(self._due_chats, (now, now + _LONGEST_WAIT, limit + len(busy)))
        return [chat_id or 0 for (chat_id,) in rows if chat_id not in busy][:limit]

    def head(self, chat_id: int) -> Any:
        """The oldest pending item of a chat, None when it has none."""
        raise NotImplementedError

    def _head(self, chat_id: int) -> Any:
        """The row behind :meth:`head`."""
        return next(rows(self._model, self._first, (chat_id,)), None)

    def next_due(self, busy: Collection[int] = ()) -> float | None:
        """When the next head becomes due; None when nothing is pending.

        Args:
            busy: Chats that a worker already serves.
        """
        rows = self._db.rows(self._next_due, ())
        times = [next_at for chat_id, next_at in rows if chat_id not in busy]
        return min(times, default=None)

    def mark_sending(self, item_id: int, now: float, **fields: Any) -> bool:
        """Write down that a POST is about to be made; from here on it may have been made.

        Returns:
            False when the item is no longer to be sent: somebody held or dropped it meanwhile.
        """
        with self._db.transaction(f"{self._name}.sending"):
            row = find(self._model, id=item_id)
            if row is None or not row.pending:
                return False
            self._move(
                item_id,
                State.SENDING,
                attempted_at=now,
                first_try_at=row.first_try_at or now,
                error=None,
                **fields,
            )
        return True

    def defer(
        self, item_id: int, *, at: float, error: str | None, attempted: bool, uncertain: bool
    ) -> None:
        """Put an item off.

        Args:
            item_id: Which.
            at: When it is due again, our clock.
            error: Code of the failure.
            attempted: Does it count as a try of this item?
            uncertain: Its last POST may have been done: it stays ``sending``, so that it is looked
                up before anything else, after a restart too.
        """
        state = State.SENDING if uncertain else State.DEFERRED
        with self._db.transaction(f"{self._name}.defer"):
            row = find(self._model, id=item_id)
            if row is None or not row.pending:
                return  # somebody decided meanwhile
            self._move(
                item_id, state, next_at=at, error=error, attempts=row.attempts + int(attempted)
            )

    def hold(self, item_id: int, *, error: str, now: float, reason: str = "") -> None:
        """Leave an item to a person; ``reason`` is for the log."""
        with self._db.transaction():
            self._move(item_id, State.HELD, error=error, finished_at=now)
            self._ended(self._model.get_by_id(item_id), State.HELD, now, error=error, reason=reason)

    def decide(
        self,
        item_id: int,
        allowed: Collection[State],
        state: State,
        *,
        error: str | None,
        now: float,
        reason: str = "",
    ) -> bool:
        """Carry out an administrator's decision, also beside a running daemon.

        Args:
            item_id: Which.
            allowed: States from which this decision makes sense.
            state: What becomes of it.
            error: Why, for ``status``; None to leave the doubt open.
            now: Our clock.
            reason: Why, for the log.

        Returns:
            False when the item is in another state (by now).
        """
        with self._db.transaction():
            row = self._model.get_or_none(self._model.id == item_id)
            if row is None or row.state not in allowed:
                return False
            self._move(item_id, state, error=error, next_at=0.0, finished_at=now)
            if state not in PENDING:
                self._ended(row, state, now, error=error, reason=reason)
        return True

    def retry(self, item_id: int, *, anyway: bool, now: float) -> bool:
        """Try a held item again: after a look-up where its last attempt is in doubt.

        Args:
            item_id: Which.
            anyway: Without a look-up.
            now: Our clock.

        Returns:
            False when the item is not held (any more).
        """
        row = self._model.get_or_none(self._model.id == item_id)
        doubt = None if row is None else self._doubt(row)
        if doubt is None or anyway:
            return self.decide(item_id, (State.HELD,), State.QUEUED, error=None, now=now)
        return self.decide(item_id, (State.HELD,), State.SENDING, error=doubt or None, now=now)

    def _doubt(self, row: Any) -> str | None:
        """The code with which a held item is looked up ("" for none); None when it certainly was not sent."""
        error = row.error or ""
        return "" if error.endswith(".undecidable") or error == "internal" else None

    def waiting(
        self,
        limit: int | None,
        *,
        states: Collection[State] = (*PENDING, State.HELD),
        chat_id: int | None = None,
    ) -> list[Item]:
        """Items that wait for a worker or for a person, oldest first.

        Args:
            limit: At most so many; None for all.
            states: In one of these states.
            chat_id: Of this chat only.
        """
        rows = self._model.select().where(*self._among(states, chat_id)).order_by(self._model.id)
        return [Item(**common(row)) for row in (rows if limit is None else rows.limit(limit))]

    def how_many(self, *, states: Collection[State], chat_id: int | None = None) -> int:
        """The number of items that :meth:`waiting` would give without a limit."""
        number: int = self._model.select().where(*self._among(states, chat_id)).count()
        return number

    def _among(self, states: Collection[State], chat_id: int | None) -> list[Any]:
        wanted: list[Any] = [self._model.state.in_(list(states))]
        return wanted if chat_id is None else [*wanted, self._model.chat_id == chat_id]

    def depth(self) -> QueueHealth:
        """Counts for ``status``."""
        return depth(self._db.rows, self._name)

    def _pending(self) -> Any:
        return self._model.pending == True  # noqa: E712 - an SQL expression

    def _ready(self, row: str) -> str:
        """A condition in SQL that an item must meet to be worked on, for subclasses.

        Args:
            row: What the statement calls the item.
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
        error: str | None = None,
        **more: Any,
    ) -> None:
        """Tell of an item's end; to be called inside the transaction that ends it.

        Args:
            item: The row, or what was made of it.
            state: How it ended.
            now: Our clock.
            ticket: Where it went; by default where it was to go.
            thread: As which thread.
            error: Code of the failure.
            **more: Further members of :class:`Outcome`.
        """
        if self._db.watch is None:
            return
        # The store counts the tries that another one follows.
        last = int(state not in (State.IGNORED, State.PARKED) and error not in _NOT_TRIED)
        self._db.ended(
            Outcome(
                name=f"{_DIRECTIONS[self._name]}-{item.id}",
                direction=_DIRECTIONS[self._name],
                kind=self._kind(item),
                key=item.key,
                chat_id=item.chat_id or 0,
                state=state,
                seconds=max(0.0, now - item.created_at),
                tries=item.attempts + last,
                ticket=item.conversation_id if ticket is None else ticket,
                thread=getattr(item, "thread_id", None) if thread is None else thread,
                error=error,
                **more,
            )
        )

    def _kind(self, item: Any) -> str:
        """What an item is, in a word of ours."""
        raise NotImplementedError

    def _move(self, item_id: int, state: State, **fields: Any) -> None:
        if state in PENDING:
            fields["finished_at"] = None
        change(self._model, {"id": item_id}, state=state, pending=state in PENDING, **fields)
