"""Inbox → desk: customers' messages become tickets, the bridge's notes become private notes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from maxbridge import log
from maxbridge.core.errors import ApiError, Kind
from maxbridge.core.events import Event, What
from maxbridge.core.markup import UrlRule, marker, text_to_html
from maxbridge.core.plan_inbound import Duty, InboundPolicy, triage
from maxbridge.core.retry import RetryPolicy
from maxbridge.core.texts import Texts
from maxbridge.core.wrapping import breakable
from maxbridge.files.spool import Spool
from maxbridge.freescout.client import FreeScoutClient
from maxbridge.freescout.exchange import longest_call
from maxbridge.max.client import MaxClient
from maxbridge.max.media import MaxMedia
from maxbridge.max.parse import parse_update
from maxbridge.store.inbox import NOTE_TYPE, PHONE_TYPE, Landing
from maxbridge.store.journal import Journal
from maxbridge.store.records import DialogRecord, InboxItem
from maxbridge.store.states import State
from maxbridge.workers.bursts import Bursts
from maxbridge.workers.desk_doubts import DeskDoubts
from maxbridge.workers.desk_poster import DeskPoster, Posting
from maxbridge.workers.desk_words import DeskWords
from maxbridge.workers.gate import Gate
from maxbridge.workers.heard import heard
from maxbridge.workers.inbound_files import InboundFiles
from maxbridge.workers.message_writer import MessageWriter
from maxbridge.workers.pool import BUG
from maxbridge.workers.ticket_finder import TicketFinder

_PHONE_TRIES = 10


@dataclass(frozen=True, slots=True)
class WriterEnds:
    """What a message needs on its way: its files are at MAX, and lie in the spool for a moment."""

    desk: FreeScoutClient
    max: MaxClient
    media: MaxMedia
    spool: Spool


@dataclass(frozen=True, slots=True)
class WriterPolicy:
    """The administrator's wishes, and the rules, for the way to the desk."""

    inbound: InboundPolicy
    retry: RetryPolicy
    texts: Texts
    url_rule: UrlRule
    verified: Callable[[str, str], bool]
    """Was this vCard signed by MAX with this signature?"""
    local_time: Callable[[float], datetime]
    """A moment in the zone in which agents read times."""
    note_user_id: int
    request_limit: int
    """Bytes of one request to the desk."""
    overlap: float
    """How far back the desk's list of changes is read again, in seconds."""


class DeskWriter:
    """Delivers one inbox item at a time per chat; see :class:`maxbridge.workers.pool.Pool`."""

    def __init__(
        self,
        journal: Journal,
        ends: WriterEnds,
        policy: WriterPolicy,
        gate: Gate,
        *,
        now: Callable[[], float],
        jitter: Callable[[], float],
        wake_sender: Callable[[], None],
    ) -> None:
        self._journal = journal
        self._ends = ends
        self._desk = ends.desk
        self._gate = gate
        self._now = now
        self._jitter = jitter
        self._wake_sender = wake_sender
        self._log: Any = log.get("desk_writer")
        self.use(policy)

    def use(self, policy: WriterPolicy) -> None:
        """Follow these wishes from now on; what is on its way goes on as after a restart."""
        journal, ends = self._journal, self._ends
        self._policy = policy
        self._tickets = TicketFinder(
            journal, ends.desk, ends.max, policy.inbound, policy.texts, overlap=policy.overlap
        )
        files = InboundFiles(ends.max, ends.media, policy.texts, limit=policy.request_limit)
        self._poster = DeskPoster(
            journal,
            ends.desk,
            policy.retry,
            self._gate,
            now=self._now,
            jitter=self._jitter,
            too_large=files.too_large,
            longest=longest_call(policy.request_limit),
        )
        self._doubts = DeskDoubts(
            journal,
            ends.desk,
            self._poster,
            policy.retry,
            self._gate,
            overlap=policy.overlap,
            now=self._now,
        )
        words = DeskWords(
            policy.texts,
            policy.url_rule,
            policy.inbound,
            local_time=policy.local_time,
            desk_now=ends.desk.clock.now,
        )
        self._messages = MessageWriter(
            journal,
            self._poster,
            self._tickets,
            files,
            words,
            doubts=self._doubts,
            bursts=Bursts(
                journal,
                words,
                policy.inbound,
                policy.texts,
                local_time=policy.local_time,
                now=self._now,
            ),
            spool=ends.spool,
            gate=self._gate,
            verified=policy.verified,
            now=self._now,
        )

    async def deliver(self, item: InboxItem) -> None:
        """Bring one item to the desk, or put it off with a reason."""
        if self._poster.must_wait(item):
            return
        if item.update_type == NOTE_TYPE:
            await self._deliver_note(item)
            return
        if item.update_type == PHONE_TYPE:
            await self._deliver_phone(item)
            return
        event = parse_update(json.loads(item.payload))
        verdict = triage(event, bot_id=self._journal.bot_id() or 0, policy=self._policy.inbound)
        now = self._now()
        if verdict.duty is Duty.PARK:
            self._journal.inbox.park(item, "unreadable", now)
            return
        if verdict.duty is Duty.TELL:
            texts = self._policy.texts
            words = texts.group_deaf if event.is_deaf else texts.group_hears
            self._journal.group_rights(item, words, now, deaf=event.is_deaf)
            return
        dialog: DialogRecord | None = None
        if verdict.blocks or verdict.unblocks or verdict.duty in (Duty.POST, Duty.GREET):
            blocked = verdict.blocks if verdict.blocks or verdict.unblocks else None
            dialog, news = heard(self._journal, item, event, now, blocked=blocked)
            if news:
                self._wake_sender()
        else:
            dialog = self._journal.dialogs.get(item.chat_id)
        if verdict.duty is Duty.IGNORE or dialog is None or self._is_told_already(item, event):
            # A remark about a chat that never brought a message interests nobody.
            self._journal.inbox.ignore(item, now, reason="nobody has to see it")
        elif verdict.duty is Duty.GREET:
            policy = self._policy.inbound
            doubtful = self._journal.restored.may_have_been_answered(event.timestamp)
            self._journal.greet(item, policy.greeting, policy.phone_button, now, doubtful=doubtful)
            self._wake_sender()
        else:
            await self._messages.deliver(item, event, dialog, verdict.duty)
            self._wake_sender()

    def _is_told_already(self, item: InboxItem, event: Event) -> bool:
        """Deleting a dialog makes two events (contract max.md 3): agents need one line."""
        if event.what is not What.STOPPED:
            return False
        kind, _ = self._journal.inbox.previous(item) or ("", None)
        return kind in ("bot_stopped", "dialog_removed")

    def hold_after_bug(self, item: InboxItem) -> None:
        """We do not know what we did with this item; a person decides."""
        self._journal.inbox.hold(item.id, error="internal", now=self._now(), reason=BUG)

    # --- notes and numbers -----------------------------------------------------------------------

    async def _deliver_note(self, item: InboxItem) -> None:
        note = json.loads(item.payload)
        words = f"<div>{breakable(text_to_html(note['text']))}</div>" if note["text"] else ""
        html = f"{words}{note.get('html', '')}{marker(item.key)}"
        posted = self._journal.restored.posted(item.key)
        if posted is not None:
            self._doubts.was_posted(item, posted, Landing())
            return
        if item.state is State.SENDING and not await self._doubts.settle(
            item, item.key, lambda _kept: Landing()
        ):
            return
        try:
            target = await self._tickets.seen_by_agents(note["conversation_id"], item.chat_id)
        except ApiError as error:
            self._poster.put_off(item, error.failure, uncertain=False)
            return
        if target is None:
            self._journal.inbox.ignore(item, self._now(), reason="its ticket is gone")
            return
        body = {"type": "note", "text": html, "user": self._policy.note_user_id}
        await self._poster.post(item, Posting(target, body, "note"))

    async def _deliver_phone(self, item: InboxItem) -> None:
        """Put a shared number onto the customer's card; doing it twice is as good as once."""
        dialog = self._journal.dialogs.get(item.chat_id)
        phone = json.loads(item.payload)["phone"]
        if dialog is not None and dialog.customer_id is not None:
            try:
                await self._desk.update_customer_phones(dialog.customer_id, phone)
            except ApiError as error:
                if error.failure.kind is not Kind.PERMANENT and item.attempts < _PHONE_TRIES:
                    self._poster.put_off(item, error.failure, uncertain=False)
                    return
                # The number stands in the ticket as well: it is not worth holding up the chat.
                self._log.warning("number not put onto the card", error=str(error.failure))
        self._journal.inbox.done(item, None, self._now())
        self._gate.ok()
