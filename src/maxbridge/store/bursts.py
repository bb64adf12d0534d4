"""Messages of one chat that go to the desk in one POST: begun, ended and taken back together.

Each keeps its own row and state. All of them are marked ``sending`` with the same time of the attempt in
one transaction; that is how they are known to be of one POST later, after a crash too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from maxbridge.core.delivery import Doubt, Outcome, State
from maxbridge.store.db import Database
from maxbridge.store.inbox import InboxTable, item_of
from maxbridge.store.models import Inbox
from maxbridge.store.records import InboxItem
from maxbridge.store.statements import columns, find, rows

_UNTRIED = (State.QUEUED, State.DEFERRED)


def is_untried(item: InboxItem | Inbox) -> bool:
    """Was no POST of it ever begun, and none put off because something failed?

    What was in a POST that failed goes alone: whatever was wrong with it, the others are not to blame.
    """
    return (
        item.state in _UNTRIED
        and item.attempts == 0
        and item.doubt == Doubt.NONE
        and item.attempted_at is None
        and item.covered == 0
    )


class BurstStore:
    """Transactions of several inbox items at once."""

    def __init__(self, database: Database, inbox: InboxTable) -> None:
        self._db = database
        self._inbox = inbox
        self._model: type[Inbox] = database.tables.inbox
        following = (
            f"SELECT {columns(self._model)} FROM inbox WHERE pending = 1 AND chat_id = ? AND id > ?"
        )
        self._behind = f"{following} ORDER BY id LIMIT ?"
        self._in_flight = (
            f"{following} AND doubt <> '{Doubt.NONE}' AND attempted_at = ? ORDER BY id"
        )

    def behind(self, item: InboxItem, limit: int) -> list[InboxItem]:
        """What waits behind an item of a chat, in order, whatever it is.

        Args:
            item: Which.
            limit: At most so many.
        """
        found = rows(self._model, self._behind, (item.chat_id, item.id, limit))
        return [item_of(row) for row in found]

    def begin(
        self, head: InboxItem, others: Sequence[InboxItem], now: float, **fields: Any
    ) -> list[InboxItem] | None:
        """Write down that one POST is about to be made of several items.

        Args:
            head: The first one.
            others: Those behind it, in order.
            now: Our clock.
            **fields: What is written down for each of them.

        Returns:
            Those of the others that are in it: an administrator may have held or dropped some since
            they were read. None when the head is no longer to be sent: nothing is marked then.
        """
        with self._db.transaction("inbox.sending"):
            if not self._inbox.mark_sending(head.id, now, **fields):
                return None
            return [
                each
                for each in others
                if self._waits(each.id) and self._inbox.mark_sending(each.id, now, **fields)
            ]

    def _waits(self, item_id: int) -> bool:
        row = find(self._model, id=item_id)
        return row is not None and is_untried(row)

    def in_flight(self, item: InboxItem) -> list[InboxItem]:
        """The others, behind an item, that were in its last POST and whose fate is as open as its own."""
        if item.attempted_at is None:
            return []
        values = (item.chat_id, item.id, item.attempted_at)
        found = map(item_of, rows(self._model, self._in_flight, values))
        return [
            each
            for each in found
            if (each.target_id, each.update_type) == (item.target_id, item.update_type)
        ]

    def defer(self, items: Sequence[InboxItem], outcome: Outcome, *, at: float, error: str) -> None:
        """The outcome of one POST is not known: it is the same for all that were in it.

        Args:
            items: They, in order.
            outcome: What happened.
            at: When the first of them is looked up, our clock.
            error: Code of the failure.
        """
        with self._db.transaction("inbox.defer"):
            for each in items:
                self._inbox.defer(each.id, outcome, at=at, error=error)

    def back(
        self,
        others: Sequence[InboxItem],
        decide: Callable[[], object],
        *,
        blameless: bool,
    ) -> None:
        """A POST was certainly not carried out: all but its first item wait again, as before it.

        Args:
            others: They.
            decide: Decides about the first one, in the same transaction.
            blameless: Not for what they say: they may be joined again.
        """
        with self._db.transaction("inbox.defer"):
            for each in others:
                self._inbox.take_back(each.id, blameless=blameless)
            decide()
