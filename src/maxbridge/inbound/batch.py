"""Collect the messages that wait after a customer's message and may share its thread (rules: core/desk_html.py)."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from maxbridge.beside import LARGE
from maxbridge.core import keys
from maxbridge.core.desk_html import (
    LEAST,
    MOST,
    Block,
    behind_html,
    how_many_fit,
    is_plain,
    may_follow,
)
from maxbridge.core.events import Event, What
from maxbridge.core.markup import marker
from maxbridge.core.plan_inbound import Duty, InboundPolicy, triage
from maxbridge.core.texts import Texts
from maxbridge.engine.customers import record_contact
from maxbridge.inbound.tickets import WriterTables
from maxbridge.inbound.words import DeskWords
from maxbridge.max.parse import parse_update
from maxbridge.observe import log
from maxbridge.store.event_commits import is_untried
from maxbridge.store.records import InboxItem, PostResult


def marker_key(item: InboxItem, event: Event) -> str:
    """Return the marker's content for the next thread of an item.

    A message is marked by MAX's message id, an edit by its own key. Further threads of one message,
    with more of its files, are told apart by the number of files before them.
    """
    is_message = event.what is What.MESSAGE and event.message.mid
    key = event.message.mid if is_message else item.key
    return keys.further(key, item.covered)


@dataclass(frozen=True, slots=True)
class Follower:
    """A message after the first one of a thread."""

    item: InboxItem
    block: Block
    event: Event


@dataclass(frozen=True, slots=True)
class Followers:
    """The messages that share a thread with its first message.

    Attributes:
        written_at: MAX's time of the first message, in milliseconds.
        rows: The others, in order.
        html: Renders some of them.
    """

    written_at: int = 0
    rows: tuple[Follower, ...] = ()
    html: Callable[[int, Sequence[Block]], str] = lambda _written_at, _blocks: ""

    def __bool__(self) -> bool:
        return bool(self.rows)

    @property
    def items(self) -> list[InboxItem]:
        """Their inbox items."""
        return [each.item for each in self.rows]

    @property
    def events(self) -> list[Event]:
        """Their events."""
        return [each.event for each in self.rows]

    def fitting(self, first_html: str) -> Followers:
        """Return those that fit into the thread."""
        blocks = (each.block for each in self.rows)
        count = how_many_fit(len(first_html.encode(errors="replace")), blocks)
        return Followers(self.written_at, self.rows[:count], self.html)

    def among(self, items: Collection[InboxItem]) -> Followers:
        """Return those of them that are in ``items``."""
        ids = {each.id for each in items}
        kept = tuple(each for each in self.rows if each.item.id in ids)
        return Followers(self.written_at, kept, self.html)

    def behind(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the body of a call with their HTML appended to its thread."""
        html = self.html(self.written_at, [each.block for each in self.rows])
        if "threads" in body:
            (thread,) = body["threads"]
            return {**body, "threads": [{**thread, "text": thread["text"] + html}]}
        return {**body, "text": body["text"] + html}


class Bursts:
    """Finds the followers of a message."""

    def __init__(
        self,
        tables: WriterTables,
        words: DeskWords,
        policy: InboundPolicy,
        texts: Texts,
        *,
        local_time: Callable[[float], datetime],
        now: Callable[[], float],
    ) -> None:
        """Create it.

        Args:
            tables: The tables it uses.
            words: Renders each message for agents.
            policy: The administrator's settings.
            texts: The agents' language.
            local_time: Converts a moment to the time zone that agents read.
            now: Our clock.
        """
        self._tables = tables
        self._words = words
        self._policy = policy
        self._texts = texts
        self._local_time = local_time
        self._now = now
        self._log: Any = log.get("desk_writer")

    def behind(self, head: InboxItem, event: Event) -> Followers:
        """Return the messages that may share this one's thread; none unless enough of them wait.

        If nothing waits after a message, this costs one index read. To be called right before its
        ticket is looked up, with nothing in between: the same replies decide which messages may be
        joined and where they go. Text messages need no files, so there is no wait between this and
        the POST.
        """
        if not is_untried(head) or not is_plain(event) or len(head.payload) > LARGE:
            return Followers()
        waiting = self._tables.bursts.behind(head, LEAST - 1)
        if len(waiting) < LEAST - 1:
            return Followers()
        # A reply that he may have read before a later message takes that one to its own ticket.
        cutoff = self._tables.outbox.inflight_reply_since(head.chat_id, head.created_at)
        found = list(self._run(event, waiting, head.created_at, cutoff))
        if len(found) < len(waiting):
            return Followers()
        waiting = self._tables.bursts.behind(waiting[-1], MOST - LEAST)
        found += self._run(event, waiting, head.created_at, cutoff)
        # As he would be at the turn of the last of them.
        last = found[-1].item
        record_contact(
            self._tables.dialogs,
            last.chat_id,
            event,
            self._now(),
            blocked=False,
            at=last.created_at,
        )
        return Followers(event.timestamp, tuple(found), self._html)

    def _run(
        self,
        head: Event,
        waiting: Sequence[InboxItem],
        since: float,
        cutoff: float | None,
    ) -> Iterator[Follower]:
        """Yield the first waiting messages that may share the thread."""
        for item in waiting:
            in_time = since <= item.created_at and (cutoff is None or item.created_at <= cutoff)
            fits = in_time and is_untried(item) and len(item.payload) <= LARGE
            follower = self._follower(head, item) if fits else None
            if follower is None:
                return
            yield follower

    def _follower(self, head: Event, item: InboxItem) -> Follower | None:
        try:
            event = parse_update(json.loads(item.payload))
            html = self._words.event(event, {}, None, tells_late=False)
        except Exception as error:  # noqa: BLE001 - a bug must not cost the messages before it
            # At its own turn the pool holds it and says so.
            self._log.debug("not joined", item=item.name, error=type(error).__name__)
            return None
        verdict = triage(event, bot_id=self._tables.meta.bot_id() or 0, policy=self._policy)
        if verdict.duty is not Duty.POST or not may_follow(head, event):
            return None
        key = marker_key(item, event)
        return Follower(item, Block(html, marker(key), event.timestamp), event)

    def _html(self, written_at: int, blocks: Sequence[Block]) -> str:
        return behind_html(written_at, blocks, self._texts, self._local_time, self._now())


def found_with(others: Sequence[InboxItem], found: PostResult) -> list[InboxItem]:
    """Return the items of a POST whose markers a look-up has found in the thread."""
    markers = {marker(key) for key in found.marks}
    return [
        each
        for each in others
        if marker(marker_key(each, parse_update(json.loads(each.payload)))) in markers
    ]
