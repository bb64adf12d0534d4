"""Customers' messages on their way to the desk: thread by thread, with their words and files."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from maxbridge.core.errors import ApiError
from maxbridge.core.events import Attachment, Event, What
from maxbridge.core.inbound_files import FileFate, FileOutcome, fetchable, same_file
from maxbridge.core.markup import marker
from maxbridge.core.plan_inbound import Duty, Placement, Where
from maxbridge.core.text import is_blank
from maxbridge.files.spool import Spool
from maxbridge.max.parse import parse_update
from maxbridge.store.inbox import Landing
from maxbridge.store.journal import Journal
from maxbridge.store.records import DialogRecord, InboxItem
from maxbridge.store.states import State
from maxbridge.workers.bursts import Bursts, marker_key
from maxbridge.workers.desk_doubts import DeskDoubts
from maxbridge.workers.desk_poster import DeskPoster, Landed, Posting
from maxbridge.workers.desk_words import DeskWords
from maxbridge.workers.gate import Gate
from maxbridge.workers.inbound_files import Collected, InboundFiles, NotYetError
from maxbridge.workers.ticket_finder import TicketFinder

EDIT_SETTLES = 5.0
"""Seconds that an edit waits for further ones of the same message, while nothing waits behind it."""
_STALE = 5.0
"""Seconds after which agents may have closed or merged the ticket that was found."""


class MessageWriter:
    """Delivers one event of a customer's."""

    def __init__(
        self,
        journal: Journal,
        poster: DeskPoster,
        tickets: TicketFinder,
        files: InboundFiles,
        words: DeskWords,
        *,
        doubts: DeskDoubts,
        bursts: Bursts,
        spool: Spool,
        gate: Gate,
        verified: Callable[[str, str], bool],
        now: Callable[[], float],
    ) -> None:
        """Prepare.

        Args:
            journal: The store.
            poster: Makes the POSTs.
            tickets: Finds where a message lands.
            files: Fetches what a message brings.
            words: What agents and customers read.
            doubts: Finds out what is at the desk already.
            bursts: Finds what may go in one thread with a message.
            spool: Where files lie for a moment.
            gate: Told that the desk is well when there is nothing to post.
            verified: Was this vCard signed by MAX with this signature?
            now: Our clock.
        """
        self._journal = journal
        self._poster = poster
        self._tickets = tickets
        self._files = files
        self._words = words
        self._doubts = doubts
        self._bursts = bursts
        self._spool = spool
        self._gate = gate
        self._verified = verified
        self._now = now

    async def deliver(
        self, item: InboxItem, event: Event, dialog: DialogRecord, duty: Duty
    ) -> None:
        """Bring the next thread of an event to the desk, or put it off with a reason."""
        wanted = fetchable(event) if duty is Duty.POST else ()
        key = marker_key(item, event)
        posted = self._journal.restored.posted(key)
        if posted is not None:
            covered = self._journal.restored.next_covered(event.message.mid, item.covered)
            self._doubts.was_posted(item, posted, self._landing(event, covered, len(wanted)))
            return
        if item.state is State.SENDING:
            go_on = await self._doubts.settle(item, key, self._found(item, event, wanted))
        else:
            go_on = not self._is_folded(item, event)
        if go_on:
            await self._deliver_thread(item, event, dialog, duty, wanted=wanted, key=key)

    async def _deliver_thread(
        self,
        item: InboxItem,
        event: Event,
        dialog: DialogRecord,
        duty: Duty,
        *,
        wanted: Sequence[Attachment],
        key: str,
    ) -> None:
        """The next thread of an event: all of it, unless it brings more files than fit."""
        old = self._before(item, event)
        if old is not None and self._words.is_unchanged(old, event):
            self._journal.inbox.ignore(item, self._now(), reason="the edit changes nothing visible")
            return
        try:
            await self._post(item, event, dialog, duty, wanted=wanted, old=old, key=key)
        except ApiError as error:
            self._poster.put_off(item, error.failure, uncertain=False)
        except NotYetError as error:
            self._poster.later(item, error.failure, error=error.failure.code)

    async def _post(
        self,
        item: InboxItem,
        event: Event,
        dialog: DialogRecord,
        duty: Duty,
        *,
        wanted: Sequence[Attachment],
        old: Event | None,
        key: str,
    ) -> None:
        loop = asyncio.get_running_loop()
        followers = self._bursts.behind(item, event)
        placement, found_at = await self._place(item, dialog, duty), loop.time()
        current = self._current(dialog)
        if placement.where is Where.NOWHERE:
            self._journal.inbox.ignore(item, self._now(), reason=placement.reason)
            self._gate.ok()
            return
        with self._spool.room() as room:
            files = await self._files.collect(item, wanted, _had(old, wanted), room)
            if loop.time() - found_at > _STALE or self._current(dialog) != current:
                placement = await self._place(item, self._fresh(dialog), duty)
            customer = None
            if placement.where is Where.OPEN:
                customer = await self._tickets.customer(event.sender, dialog, group=event.is_group)
            html = self._html(item, event, files, len(wanted), old) + marker(key)
            target, body = self._body(event, html, files, placement, customer)
            posting = Posting(
                target,
                body,
                placement.reason,
                files=tuple(files.files),
                covering=files.covering,
                landing=self._sent(event, files, len(wanted), spam=placement.status == "spam"),
                followers=followers.fitting(html),
            )
            await self._poster.post(item, posting)

    def _fresh(self, dialog: DialogRecord) -> DialogRecord:
        return self._journal.dialogs.get(dialog.chat_id) or dialog

    def _current(self, dialog: DialogRecord) -> int | None:
        """The dialog's ticket now: agents answer, and the administrator links, while files are fetched."""
        return self._fresh(dialog).conversation_id

    async def _place(self, item: InboxItem, dialog: DialogRecord, duty: Duty) -> Placement:
        return await self._tickets.place(dialog, duty, item.created_at)

    def _body(
        self,
        event: Event,
        html: str,
        files: Collected,
        placement: Placement,
        customer: dict[str, object] | None,
    ) -> tuple[int | None, dict[str, Any]]:
        """The ticket that a thread goes to, None for a new one, and what is posted."""
        thread: dict[str, Any] = {"type": "customer", "text": html}
        if files.files:
            thread["attachments"] = files.files
        if placement.where is not Where.APPEND:
            return None, self._words.new_ticket(event, thread, customer)
        if placement.status is not None:
            thread["status"] = placement.status
        return placement.conversation_id, thread

    def _html(
        self, item: InboxItem, event: Event, files: Collected, total: int, old: Event | None
    ) -> str:
        if item.covered:
            return self._words.more_files(event, files.outcomes, item.covered, total)
        return self._words.event(event, files.outcomes, old, self._start(item, event))

    def _start(self, item: InboxItem, event: Event) -> Event | None:
        """The deep link by which a customer came, for the first that he says afterwards.

        A start is no question and opens no ticket, but what it brought tells an agent what the
        question is about.
        """
        if event.what not in (What.MESSAGE, What.CALLBACK):
            return None
        kind, payload = self._journal.inbox.previous(item) or ("", None)
        start = parse_update(json.loads(payload)) if kind == "bot_started" and payload else None
        return start if start is not None and not is_blank(start.payload) else None

    def _sent(self, event: Event, files: Collected, total: int, *, spam: bool) -> Landed:
        """What it means when a thread has arrived; a spammer is not told that anybody listens."""

        def landing(kept: Sequence[str] | None) -> Landing:
            return Landing(
                covering=files.covering,
                more=files.covering < total,
                lost=self._words.lost(files.sent, kept),
                tell="" if spam else self._words.not_received(event, files.outcomes.values()),
                phone=self._words.shared_phone(event, self._verified),
            )

        return landing

    def _landing(self, event: Event, covered: int | None, total: int) -> Landing:
        """What a thread of before a restore means; agents and customer were told the rest then.

        Args:
            event: What it was made of.
            covered: Files that it and those before it carried; None when no other one follows.
            total: Files of the message.
        """
        return Landing(
            covering=total if covered is None else covered,
            more=covered is not None,
            phone=self._words.shared_phone(event, self._verified),
        )

    def _found(self, item: InboxItem, event: Event, wanted: Sequence[Attachment]) -> Landed:
        """What it means when a look-up finds a thread; what was known of its files then is gone."""
        covering = item.covered if item.covering is None else item.covering

        def landing(kept: Sequence[str] | None) -> Landing:
            all_kept = kept is not None and len(kept) >= item.carrying
            tried = () if all_kept else wanted[item.covered : covering]
            return Landing(
                covering=covering,
                more=covering < len(wanted),
                lost=self._words.lost([(each.name, each) for each in tried], kept),
                phone=self._words.shared_phone(event, self._verified),
            )

        return landing

    def _is_folded(self, item: InboxItem, event: Event) -> bool:
        """People correct themselves several times in a row: the last word is the one that counts."""
        if event.what is not What.EDITED:
            return False
        inbox, now = self._journal.inbox, self._now()
        if inbox.is_edited_again(event.message.mid, item):
            inbox.ignore(item, now, reason="edited again")
            return True
        settled = item.created_at + EDIT_SETTLES
        if item.created_at <= now < settled and not inbox.has_followers(item):
            inbox.defer(item.id, at=settled, error=None, attempted=False, uncertain=False)
            return True
        return False

    def _before(self, item: InboxItem, event: Event) -> Event | None:
        """The message as it was before an edit or deletion, as far as it is still stored."""
        if event.what not in (What.EDITED, What.REMOVED):
            return None
        mid = event.message.mid if event.what is What.EDITED else event.payload
        stored = self._journal.inbox.before(mid, item.id) if mid else None
        return None if stored is None else parse_update(json.loads(stored))


def _had(old: Event | None, wanted: Sequence[Attachment]) -> Mapping[int, FileOutcome]:
    """Files of an edited message that the desk has since the message was written."""
    before = fetchable(old) if old is not None else ()
    return {
        index: FileOutcome(FileFate.EARLIER)
        for index, each in enumerate(wanted)
        if any(same_file(each, one) for one in before)
    }
