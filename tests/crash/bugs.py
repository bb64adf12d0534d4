"""Deliberate bugs, each of which a layer of the crash tests must notice, or it proves nothing.

A bug is installed by setting attributes, so that a test can take it back (``monkeypatch.setattr``) and a
process that exists for one run need not (``setattr``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from maxbridge.core.delivery import Outcome
from maxbridge.core.errors import ApiError
from maxbridge.core.events import Thread
from maxbridge.core.plan_outbound import OutboundPolicy
from maxbridge.engine.runner import NOTHING, Runner
from maxbridge.freescout import parse
from maxbridge.max.answers import Sent
from maxbridge.max.client import MaxClient
from maxbridge.store.backfill import BackfillStore
from maxbridge.store.inbox import NewUpdate
from maxbridge.store.queue import Queue

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
    """A call whose outcome is unknown is simply made again."""

    async def look_up(self: Any, item: Any) -> None:
        self._channel.failed(item, None, Outcome.ABSENT, NOTHING, at=0.0)

    patch(Runner, "_look_up", look_up)


def sending_may_wait(patch: Patch) -> None:
    """That a call is about to be made is written, but not waited for: a power cut takes it back."""
    original = Queue.mark_sending

    def mark_sending(self: Any, item_id: int, now: float, **fields: Any) -> bool:
        with self._db.transaction(f"{self._name}.sending", durable=False):
            return original(self, item_id, now, **fields)

    patch(Queue, "mark_sending", mark_sending)


def page_may_wait(patch: Patch) -> None:
    """Events and their marker are written, but not waited for before MAX hears the marker."""
    original = BackfillStore.store_page

    def store_page(self: BackfillStore, *args: Any, **more: Any) -> int:
        with self._db.transaction("max_page", durable=False):
            return original(self, *args, **more)

    patch(BackfillStore, "store_page", store_page)


def silence_is_a_no(patch: Patch) -> None:
    """The client of MAX takes a call that was not answered for one that was not carried out."""
    original = MaxClient.send

    async def send(self: MaxClient, *args: Any, **more: Any) -> Sent:
        try:
            return await original(self, *args, **more)
        except ApiError as error:
            raise ApiError(replace(error.failure, certain=True)) from error

    patch(MaxClient, "send", send)


def notes_are_messages(patch: Patch) -> None:
    """The client of FreeScout takes agents' notes for messages."""
    original = parse.parse_thread

    def parse_thread(data: Any) -> Thread:
        thread = original(data)
        return replace(thread, type="message") if thread.type == "note" else thread

    patch(parse, "parse_thread", parse_thread)


def undo_ignored(patch: Patch) -> None:
    """Replies leave as soon as they are seen."""

    def due(self: OutboundPolicy, thread: Thread) -> float:
        return thread.created_at

    patch(OutboundPolicy, "due", due)


BUGS: dict[str, Callable[[Patch], None]] = {
    each.__name__: each
    for each in (
        marker_before_events,
        doubt_forgotten,
        undo_ignored,
        sending_may_wait,
        page_may_wait,
        silence_is_a_no,
        notes_are_messages,
    )
}
