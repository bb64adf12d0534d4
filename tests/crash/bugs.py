"""Deliberate bugs, each of which a layer of the crash tests must notice, or it proves nothing.

A bug is installed by setting attributes, so that a test can take it back (``monkeypatch.setattr``) and a
process that exists for one run need not (``setattr``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from maxbridge.core.delivery import Doubt, Outcome, State
from maxbridge.core.events import Thread
from maxbridge.core.plan_outbound import OutboundPolicy
from maxbridge.store.backfill import BackfillStore
from maxbridge.store.inbox import NewUpdate
from maxbridge.store.queue import Queue
from store_world import force

Patch = Callable[[Any, str, Any], None]


def marker_before_events(patch: Patch) -> None:
    """MAX's marker is committed before the events that came with it."""
    original = BackfillStore.store_page

    def store_page(
        self: BackfillStore,
        updates: Sequence[NewUpdate],
        marker: int | None,
        now: float,
        *,
        clears: str | None,
        **more: Any,
    ) -> int:
        original(self, (), marker, now, clears=None)
        return original(self, updates, marker, now, clears=clears, **more)

    patch(BackfillStore, "store_page", store_page)


def doubt_forgotten(patch: Patch) -> None:
    """A POST whose outcome is unknown is simply made again."""
    mark, defer = Queue.mark_sending, Queue.defer

    def mark_sending(self: Any, item_id: int, now: float, **fields: Any) -> bool:
        allowed = mark(self, item_id, now, **fields)
        if allowed:
            with self._db.transaction():
                force(self, item_id, State.QUEUED, doubt=Doubt.NONE)
        return allowed

    def put_off(self: Any, item_id: int, outcome: Outcome, *, at: float, error: str | None) -> bool:
        if outcome in (Outcome.NO_ANSWER, Outcome.UNCLEAR):
            outcome = Outcome.MAKES_WAY
        return defer(self, item_id, outcome, at=at, error=error)

    patch(Queue, "mark_sending", mark_sending)
    patch(Queue, "defer", put_off)


def undo_ignored(patch: Patch) -> None:
    """Replies leave as soon as they are seen."""

    def due(self: OutboundPolicy, thread: Thread) -> float:
        return thread.created_at

    patch(OutboundPolicy, "due", due)


BUGS: dict[str, Callable[[Patch], None]] = {
    each.__name__: each for each in (marker_before_events, doubt_forgotten, undo_ignored)
}
