"""Prepare the next thread of a customer's message for the desk, with its words and files."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from maxbridge.beside import beside
from maxbridge.core.delivery import Outcome
from maxbridge.core.events import Attachment, Event, What
from maxbridge.core.inbound_files import (
    FileFate,
    FileOutcome,
    Rung,
    fetchable,
    next_rung,
    same_file,
)
from maxbridge.core.marks import marks
from maxbridge.core.plan_inbound import Duty, Placement, Where
from maxbridge.core.text import is_blank
from maxbridge.engine.pool import Lane
from maxbridge.files.spool import Room, Spool
from maxbridge.freescout.exchange import DiskFile
from maxbridge.inbound.batch import Bursts, Followers, marker_key
from maxbridge.inbound.files import Collected, InboundFiles
from maxbridge.inbound.tickets import TicketFinder, WriterTables
from maxbridge.inbound.words import DeskWords
from maxbridge.max.parse import parse_update
from maxbridge.store.inbox import FollowUps
from maxbridge.store.records import DialogRecord, InboxItem

EDIT_SETTLES = 5.0
"""Seconds that an edit waits for further ones of the same message, while nothing waits behind it."""
_STALE = 5.0
"""Seconds after which agents may have closed or merged the ticket that was found."""

OnPosted = Callable[[Sequence[str] | None], FollowUps]
"""What a thread means by the names of the files that the desk kept; None when it does not tell."""


@dataclass(frozen=True, slots=True)
class Posting:
    """A thread, or a new conversation with its first thread, ready to be posted.

    Attributes:
        item: Its first (usually its only) delivery.
        target: The conversation; None to open a new one.
        body: The request body, including files.
        reason: Why there, for the log.
        event: The customer's event; None for the bridge's own notes.
        files: The attached files.
        covering: Number of the message's files that are handled once it has arrived.
        on_posted: What to store for the item once it has arrived.
        followers: Messages that share the thread after the item's own words.
        kept: What must stay on the disk until the call has ended.
    """

    item: InboxItem
    target: int | None
    body: dict[str, Any]
    reason: str
    event: Event | None = None
    files: tuple[DiskFile, ...] = ()
    covering: int = 0
    on_posted: OnPosted = field(default=lambda _kept: FollowUps())
    followers: Followers = field(default_factory=Followers)
    kept: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)


class MessageWriter:
    """Prepares the threads of a customer's event."""

    def __init__(
        self,
        tables: WriterTables,
        tickets: TicketFinder,
        files: InboundFiles,
        words: DeskWords,
        *,
        bursts: Bursts,
        spool: Spool,
        lane: Lane,
        verified: Callable[[str, str], bool],
        now: Callable[[], float],
    ) -> None:
        """Create it.

        Args:
            tables: The tables it uses.
            tickets: Finds the ticket for a message.
            files: Fetches a message's files.
            words: Renders texts for agents and customers.
            bursts: Finds what may share a thread with a message.
            spool: Temporary storage for files.
            lane: Places; a message gives its own back while its files are fetched.
            verified: Whether MAX signed this vCard with this signature.
            now: Our clock.
        """
        self._tables = tables
        self._tickets = tickets
        self._files = files
        self._words = words
        self._bursts = bursts
        self._spool = spool
        self._lane = lane
        self._verified = verified
        self._now = now

    async def prepare(
        self, item: InboxItem, event: Event, dialog: DialogRecord, duty: Duty
    ) -> Posting | None:
        """Return the next thread of an event; None, with the reason stored, if there is nothing to post (now).

        An event becomes one thread, unless it has more files than fit.

        Raises:
            ApiError: The desk could not be asked.
            TransferWaitsError: A file is worth waiting for.
            LaneFullError: Its files must wait for other transfers.
        """
        if self._is_folded(item, event):
            return None
        old = await self._before(item, event)
        if old is not None and self._words.is_unchanged(old, event):
            self._tables.inbox.ignore(item, self._now(), reason="the edit changes nothing visible")
            return None
        with contextlib.ExitStack() as kept:
            room = kept.enter_context(self._spool.room())
            posting = await self._posting(item, event, dialog, duty, old=old, room=room)
            if posting is not None:
                posting.kept.push(kept.pop_all())
            return posting

    async def _posting(
        self,
        item: InboxItem,
        event: Event,
        dialog: DialogRecord,
        duty: Duty,
        *,
        old: Event | None,
        room: Room,
    ) -> Posting | None:
        loop = asyncio.get_running_loop()
        wanted = fetchable(event) if duty is Duty.POST else ()
        if len(wanted) > item.covered and not self._lane.has_room():
            raise self._lane.full()
        followers = self._bursts.behind(item, event)
        placement, found_at = await self._place(item, dialog, duty), loop.time()
        current = self._current(dialog)
        if placement.where is Where.NOWHERE:
            self._tables.inbox.ignore(item, self._now(), reason=placement.reason)
            return None
        files = await self._collect(item, wanted, old, room)
        html = await self._html(item, event, files, len(wanted), old)
        if loop.time() - found_at > _STALE or self._current(dialog) != current:
            placement = await self._place(item, self._fresh(dialog), duty)
        customer = None
        if placement.where is Where.OPEN:
            customer = await self._tickets.customer(event.sender, dialog, group=event.is_group)
        if placement.instead_of is not None:
            html = self._words.continues(placement.instead_of) + html
        if placement.follows is not None:
            html = self._words.follows(placement.follows) + html
        if Rung.WORDS_AS_FILE in Rung(item.rung):
            files.files.append(self._words.as_file(html, room))
            html = self._words.in_file()
        unfinished = files.covering if files.covering < len(wanted) else None
        html += marks(marker_key(item, event), self._tables.meta.bot_id(), covered=unfinished)
        followers = followers.fitting(html)
        target, body = self._body(
            item,
            [event, *followers.events],
            html,
            files,
            placement=placement,
            customer=customer,
        )
        return Posting(
            item,
            target,
            body,
            placement.reason,
            event,
            files=tuple(files.files),
            covering=files.covering,
            on_posted=self._sent(event, files, len(wanted), spam=placement.status == "spam"),
            followers=followers,
        )

    async def _collect(
        self, item: InboxItem, wanted: Sequence[Attachment], old: Event | None, room: Room
    ) -> Collected:
        left = range(item.covered, len(wanted))
        if Rung.WITHOUT_FILES not in Rung(item.rung):
            known = _had(old, wanted)
            if known.keys() >= set(left):
                return await self._files.collect(item, wanted, known, room)
            async with self._lane.transfer(item.chat_id):
                return await self._files.collect(item, wanted, known, room)
        outcomes = {index: FileOutcome(FileFate.REFUSED, wanted[index].size) for index in left}
        return Collected(len(wanted), outcomes=outcomes)

    def simpler(self, item: InboxItem, event: Event, *, unready: bool) -> Rung | None:
        """Return the next simpler form of a message that the desk refuses; None if there is none."""
        dialog = self._tables.dialogs.get(item.chat_id)
        return next_rung(
            item.rung,
            files=len(fetchable(event)) > item.covered,
            words=not item.covered and not is_blank(event.message.text),
            ticket=dialog is not None and dialog.conversation_id is not None,
            unreadable=unready,
        )

    def _fresh(self, dialog: DialogRecord) -> DialogRecord:
        return self._tables.dialogs.get(dialog.chat_id) or dialog

    def _current(self, dialog: DialogRecord) -> int | None:
        """Return the dialog's ticket now: agents may reply, and the administrator link, while files are fetched."""
        return self._fresh(dialog).conversation_id

    async def _place(self, item: InboxItem, dialog: DialogRecord, duty: Duty) -> Placement:
        if Rung.NEW_TICKET in Rung(item.rung):
            reason = "the present ticket does not take it"
            return Placement(Where.OPEN, reason, instead_of=dialog.conversation_id)
        return await self._tickets.place(dialog, duty, item.created_at)

    def _body(
        self,
        item: InboxItem,
        events: Sequence[Event],
        html: str,
        files: Collected,
        *,
        placement: Placement,
        customer: dict[str, object] | None,
    ) -> tuple[int | None, dict[str, Any]]:
        """Return the ticket that a thread goes to (None for a new one) and the request body."""
        thread: dict[str, Any] = {"type": "customer", "text": html}
        if files.files:
            thread["attachments"] = files.files
        if placement.where is not Where.APPEND:
            plain = Rung.WORDS_AS_FILE in Rung(item.rung)
            new = self._words.new_ticket(events, thread, customer, plain=plain)
            return None, new if placement.status is None else new | {"status": placement.status}
        if placement.status is not None:
            thread["status"] = placement.status
        return placement.conversation_id, thread

    async def _html(
        self, item: InboxItem, event: Event, files: Collected, total: int, old: Event | None
    ) -> str:
        if item.covered:
            return self._words.more_files(event, files.outcomes, item.covered, total)
        # What the store knows is read here: it belongs to the loop's thread.
        start = self._start(item, event)
        size = len(item.payload) + (0 if old is None else len(old.message.text))
        return await beside(size, self._words.event, event, files.outcomes, old, start)

    def _start(self, item: InboxItem, event: Event) -> Event | None:
        """Return the deep-link start to show with the customer's first message after it.

        A start opens no ticket, but its payload tells an agent what the question is about.
        """
        if event.what not in (What.MESSAGE, What.CALLBACK):
            return None
        kind, payload = self._tables.inbox.previous(item) or ("", None)
        start = parse_update(json.loads(payload)) if kind == "bot_started" and payload else None
        return start if start is not None and not is_blank(start.payload) else None

    def _sent(self, event: Event, files: Collected, total: int, *, spam: bool) -> OnPosted:
        """Return what to store when a thread has arrived; a spammer gets no automatic messages."""

        def on_posted(kept: Sequence[str] | None) -> FollowUps:
            return FollowUps(
                covering=files.covering,
                more=files.covering < total,
                lost=self._words.lost(files.sent, kept),
                tell="" if spam else self._words.not_received(event, files.outcomes.values()),
                phone=self._words.shared_phone(event, self._verified),
                said_at=None if spam else _said_at(event),
            )

        return on_posted

    def posted_before(self, event: Event, covered: int | None) -> FollowUps:
        """Return what to store for a thread that the desk had before a restore; its automatic messages were sent then.

        Args:
            event: The message.
            covered: How many of its files the thread says are handled; None for all of them.
        """
        total = len(fetchable(event))
        covering = total if covered is None else min(covered, total)
        return FollowUps(
            covering=covering,
            more=covering < total,
            phone=self._words.shared_phone(event, self._verified),
        )

    def found(self, item: InboxItem, event: Event) -> OnPosted:
        """Return what to store when a look-up finds a thread; what was known of its files at that time is lost."""
        wanted = fetchable(event)
        covering = item.covered if item.covering is None else item.covering

        def on_posted(kept: Sequence[str] | None) -> FollowUps:
            all_kept = kept is not None and len(kept) >= item.carrying
            tried = () if all_kept else wanted[item.covered : covering]
            return FollowUps(
                covering=covering,
                more=covering < len(wanted),
                lost=self._words.lost([(each.name, each) for each in tried], kept),
                phone=self._words.shared_phone(event, self._verified),
                # One that went into spam was not sent again: a look-up does not tell, nobody is told.
                said_at=_said_at(event) if item.target_id is None else None,
            )

        return on_posted

    def _is_folded(self, item: InboxItem, event: Event) -> bool:
        """Skip an edit that another edit follows, or let it wait for one: only the last of several edits counts."""
        if event.what is not What.EDITED:
            return False
        inbox, now = self._tables.inbox, self._now()
        if inbox.is_edited_again(event.message.mid, item):
            inbox.ignore(item, now, reason="edited again")
            return True
        settled = item.created_at + EDIT_SETTLES
        if item.created_at <= now < settled and not inbox.has_followers(item):
            inbox.defer(item.id, Outcome.MAKES_WAY, at=settled, error=None)
            return True
        return False

    async def _before(self, item: InboxItem, event: Event) -> Event | None:
        """Return the message before an edit or deletion, if it is still stored."""
        if event.what not in (What.EDITED, What.REMOVED):
            return None
        mid = event.message.mid if event.what is What.EDITED else event.payload
        stored = self._tables.inbox.before(mid, item.id) if mid else None
        return None if stored is None else await beside(len(stored), _read, stored)


def _read(payload: str) -> Event:
    return parse_update(json.loads(payload))


def _said_at(event: Event) -> float | None:
    """Return when a customer wrote this, by MAX's clock; None for events that get no automatic messages."""
    if event.what is not What.MESSAGE or not event.is_dialog:
        return None
    return event.timestamp / 1000


def _had(old: Event | None, wanted: Sequence[Attachment]) -> Mapping[int, FileOutcome]:
    """Return the files of an edited message that the desk has already."""
    before = fetchable(old) if old is not None else ()
    return {
        index: FileOutcome(FileFate.EARLIER)
        for index, each in enumerate(wanted)
        if any(same_file(each, one) for one in before)
    }
