"""Look up at FreeScout whether a POST in doubt was carried out, by our marker, also through merges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from maxbridge.core.delivery import Doubt, Outcome
from maxbridge.core.errors import ApiError, MaxbridgeError
from maxbridge.core.events import Conversation, Event
from maxbridge.core.marks import may_be_of
from maxbridge.core.markup import has_marker, marked_keys
from maxbridge.core.retry import RetryPolicy, absent_after
from maxbridge.engine.runner import Seen, remember
from maxbridge.freescout.client import FreeScoutClient
from maxbridge.freescout.failures import is_ticket_gone
from maxbridge.inbound.batch import found_with, marker_key
from maxbridge.inbound.message_writer import MessageWriter, OnPosted
from maxbridge.inbound.tickets import WriterTables, survivor_of
from maxbridge.store.inbox import FollowUps
from maxbridge.store.records import InboxItem, PostResult

_BEFORE = 300.0
"""Seconds before the attempt, by the desk's clock, from which new conversations are searched."""
_AFTER = 900.0
"""Seconds after which a hanging request may still have been carried out; hardly ever more."""
_PAGE = 25
_PAGES = 40


class UndecidableError(MaxbridgeError):
    """Too many conversations to search, so it is unknown whether the POST was carried out."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """A thread that is at the desk.

    Attributes:
        result: Where.
        on_posted: What to store now.
        event: The customer's event; None for the bridge's own notes.
        others: The other messages in the thread.
        before_restore: The lost database posted it.
    """

    result: PostResult
    on_posted: OnPosted
    event: Event | None = None
    others: tuple[InboxItem, ...] = ()
    before_restore: bool = False


class DeskLookUp:
    """Finds out whether a thread is at the desk, before it is posted again."""

    def __init__(
        self,
        tables: WriterTables,
        desk: FreeScoutClient,
        messages: MessageWriter,
        *,
        retry: RetryPolicy,
        overlap: float,
        longest: float,
    ) -> None:
        """Create it.

        Args:
            tables: The tables it uses.
            desk: FreeScout.
            messages: Tells what follows from a thread that is found.
            retry: The times.
            overlap: How far back the desk's list of changes is read again, in seconds.
            longest: Seconds that a POST with files may take.
        """
        self._tables = tables
        self._desk = desk
        self._messages = messages
        self._retry = retry
        self._overlap = overlap
        self._longest = longest
        self._given_up: dict[int, float] = {}
        """When the last POST of an item with files was given up; forgotten when we end."""

    def given_up(self, item: InboxItem, now: float) -> None:
        """Remember when the POST of an item with files was given up."""
        remember(self._given_up, item.id, now)

    def before_restore(self, item: InboxItem, event: Event | None) -> Seen[Receipt] | None:
        """Return the receipt of a thread that the desk got before the database was restored, if it did."""
        posted = None
        if item.doubt is Doubt.RESTORED:
            posted = self._tables.restored.posted(_key(item, event))
        if posted is None:
            return None
        restoration = self._tables.restored.current()
        result = PostResult(
            posted.conversation_id,
            posted.thread_id,
            None,
            posted.posted_at,
            opened=False,
            recovered=True,
            history_cutoff=None if restoration is None else restoration.desk_from,
            reason="delivered before the restore",
        )
        follow_ups = FollowUps()
        if event is not None:
            follow_ups = self._messages.posted_before(event, posted.covered)
        receipt = Receipt(result, lambda _kept: follow_ups, event, before_restore=True)
        return Seen(Outcome.ACCEPTED, receipt)

    async def settle(
        self, item: InboxItem, event: Event | None, *, asked_at: float
    ) -> Seen[Receipt]:
        """Look for the marker of an item's next thread at the desk.

        Raises:
            ApiError: The desk could not be asked.
        """
        if item.doubt is Doubt.RESTORED and item.attempted_at is None:
            return Seen(Outcome.ABSENT)
        began, bot_id = item.attempted_at or item.created_at, self._tables.meta.bot_id()
        try:
            if item.target_id is not None:
                found = await find_thread(self._desk, item.target_id, _key(item, event), bot_id)
            else:
                desk_at = item.desk_at or began + self._desk.clock.skew
                found = await find_new_ticket(self._desk, desk_at, _key(item, event), bot_id)
        except UndecidableError:
            reason = "no look-up can tell whether it arrived"
            return Seen(Outcome.UNKNOWABLE, error="desk.undecidable", reason=reason)
        if found is None:
            again_at = absent_after(
                item.doubt,
                began,
                took=self._took(item),
                asked_at=asked_at,
                policy=self._retry,
            )
            return Seen(Outcome.ABSENT, again_at=again_at)
        if not found.opened:
            # A merge brought our words there, and agents may have answered there meanwhile.
            cutoff = self._tables.readings.complete_until(item.target_id, self._overlap)
            found = replace(found, history_cutoff=cutoff)
        others = found_with(self._tables.bursts.in_flight(item), found)
        on_posted = _nothing_follows if event is None else self._messages.found(item, event)
        found = replace(found, reason="found by look-up")
        return Seen(Outcome.ACCEPTED, Receipt(found, on_posted, event, tuple(others)))

    def _took(self, item: InboxItem) -> float:
        """Seconds that the last POST of an item took, or at most took if the process ended during it.

        0 for words alone: their time limit is well below the waiting time that applies anyway.
        """
        began = item.attempted_at or item.created_at
        if not item.carrying:
            return 0.0
        return max(0.0, self._given_up.get(item.id, began + self._longest) - began)


def _key(item: InboxItem, event: Event | None) -> str:
    return item.key if event is None else marker_key(item, event)


def _nothing_follows(_kept: Sequence[str] | None) -> FollowUps:
    return FollowUps()


async def find_thread(
    desk: FreeScoutClient, conversation_id: int, marker_key: str, bot_id: int | None
) -> PostResult | None:
    """Look for a marker of our bot in a ticket, and in the one that it was merged into meanwhile.

    The bot is compared because two bots of one group post the same messages.

    Raises:
        ApiError: The desk could not be asked.
    """
    try:
        ticket, desk_time = await desk.conversation(conversation_id, threads=True)
    except ApiError as error:
        if is_ticket_gone(error.failure):
            return None
        raise
    found = _in_ticket(ticket, marker_key, bot_id, desk_time, opened=False)
    return found or await _in_survivor(desk, ticket, marker_key, bot_id)


async def find_new_ticket(
    desk: FreeScoutClient, attempted_at: float, marker_key: str, bot_id: int | None
) -> PostResult | None:
    """Look for a marker in the conversations created around an attempt to open one.

    Args:
        desk: The desk.
        attempted_at: The desk's time of the attempt.
        marker_key: The content of the first thread's marker.
        bot_id: Our bot.

    Raises:
        ApiError: The desk could not be asked.
        UndecidableError: Too many conversations were created in that time.
    """
    for page in range(1, _PAGES + 1):
        tickets = await desk.created_since(attempted_at - _BEFORE, page=page, page_size=_PAGE)
        for ticket in tickets:
            # Oldest first: an agent's clone carries the same marker and is younger.
            found = _in_ticket(ticket, marker_key, bot_id, desk.clock.now(), opened=True)
            found = found or await _in_survivor(desk, ticket, marker_key, bot_id)
            if found is not None:
                return found
        if len(tickets) < _PAGE or tickets[-1].created_at > attempted_at + _AFTER:
            return None
    raise UndecidableError


async def _in_survivor(
    desk: FreeScoutClient, ticket: Conversation, marker_key: str, bot_id: int | None
) -> PostResult | None:
    """Look into the surviving ticket if an agent merged this one before the look-up."""
    if ticket.state != "deleted":
        return None
    survivor = await survivor_of(desk, ticket)
    if survivor is None:
        return None
    merged, desk_time = await desk.conversation(survivor.id, threads=True)
    return _in_ticket(merged, marker_key, bot_id, desk_time, opened=False)


def _in_ticket(
    ticket: Conversation,
    marker_key: str,
    bot_id: int | None,
    desk_time: float,
    *,
    opened: bool,
) -> PostResult | None:
    for thread in ticket.threads or ():
        if has_marker(thread.body, marker_key) and may_be_of(thread.body, bot_id):
            return PostResult(
                conversation_id=ticket.id,
                thread_id=thread.id,
                customer_id=ticket.customer_id,
                desk_time=desk_time,
                opened=opened,
                recovered=True,
                files=tuple(file.name for file in thread.files),
                marks=tuple(marked_keys(thread.body)),
                number=ticket.number,
            )
    return None
