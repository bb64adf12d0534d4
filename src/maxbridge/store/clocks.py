"""What our clock has written down, kept sensible when the clock is set."""

from __future__ import annotations

from typing import Any

from peewee import fn

from maxbridge.store.db import Database


class ClockStore:
    """Transactions after a jump of our clock.

    Ages decide when a reply is given up and which of two events about a customer is the newer one.
    Ages are differences, so moving both ends keeps them.
    """

    def __init__(self, database: Database) -> None:
        self._db = database
        self._t = database.tables

    def was_set(self, step: float) -> None:
        """The clock was set forward (step > 0) or back while we ran, in seconds."""
        inbox, outbox, dialog = self._t.inbox, self._t.outbox, self._t.dialog
        with self._db.transaction():
            for queue in (inbox, outbox):
                queue.update(created_at=queue.created_at + step).where(
                    queue.pending == True  # noqa: E712 - an SQL expression
                ).execute()
            for column in (dialog.blocked_at, dialog.reachable_at):
                dialog.update({column: column + step}).where(column.is_null(False)).execute()

    def not_after(self, now: float) -> int:
        """Take what lies in the future as of now: the clock was set back while we were off.

        Else a customer who comes back would look as if he had come before he left, and a reply would
        wait for longer than it may.

        Returns:
            How many times were changed.
        """
        inbox, outbox, dialog = self._t.inbox, self._t.outbox, self._t.dialog
        # What was finished by now came before that, and is nearly everything: the index of ends spares a
        # start from reading the whole database.
        columns: list[tuple[Any, Any, Any]] = [
            (queue, queue.created_at, queue.finished_at.is_null() | (queue.finished_at > now))
            for queue in (inbox, outbox)
        ]
        columns += [
            (dialog, each, each.is_null(False)) for each in (dialog.blocked_at, dialog.reachable_at)
        ]
        changed = 0
        with self._db.transaction():
            for model, column, among in columns:
                if (model.select(fn.MAX(column)).where(among).scalar() or 0.0) > now:
                    changed += model.update({column: now}).where(among, column > now).execute()
            for queue in (inbox, outbox):
                # Its trigger gives the turn anew: it had begun when the one before it ended.
                same = queue.update(created_at=queue.created_at)
                same.where(queue.turn_at.is_null(False), queue.turn_at > now).execute()
        return changed
