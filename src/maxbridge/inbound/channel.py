"""The desk's channel: customers' messages become ticket threads, the bridge's notes private notes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from maxbridge.beside import LARGE, beside
from maxbridge.core import keys
from maxbridge.core.delivery import Doubt, Outcome
from maxbridge.core.errors import ApiError, Failure, Invariant, Kind, RuleBrokenError, Scope
from maxbridge.core.events import Event, What
from maxbridge.core.marks import marks
from maxbridge.core.markup import breakable, text_to_html
from maxbridge.core.plan_inbound import Duty, InboundPolicy, Triage, triage
from maxbridge.core.retry import RetryPolicy
from maxbridge.core.texts import ToldPolicy
from maxbridge.engine.customers import record_contact
from maxbridge.engine.pool import BUG
from maxbridge.engine.runner import NOTHING, Seen, remember
from maxbridge.failpoints import failpoint
from maxbridge.freescout.client import FreeScoutClient
from maxbridge.freescout.exchange import encoded_size
from maxbridge.freescout.failures import is_customer_refused, is_ticket_gone
from maxbridge.inbound.lookup import DeskLookUp, Receipt
from maxbridge.inbound.message_writer import MessageWriter, Posting
from maxbridge.inbound.tickets import TicketFinder, WriterTables
from maxbridge.inbound.words import Answers, DeskWords
from maxbridge.max.parse import parse_update
from maxbridge.observe import log
from maxbridge.store.inbox import NOTE_TYPE, PHONE_TYPE, Note
from maxbridge.store.queue import KEEP
from maxbridge.store.records import DialogRecord, InboxItem, PostResult

_APART = 1.0
"""Seconds between two threads of one ticket: those of one second have no order of their own in the
agent's page (contract freescout-agent-ui.md 1)."""
_MOMENT = 0.001
_LINK = '"link"'
"""Of a message that answers or forwards another one (contract max.md 4)."""
_PHONE_TRIES = 10
_OURS = (NOTE_TYPE, PHONE_TYPE)
"""What the bridge made itself."""
_HEARD = (Duty.POST, Duty.GREET, Duty.RATE, Duty.HELP, Duty.STATUS)
"""What shows that the customer is there."""


@dataclass(frozen=True, slots=True)
class DeskRules:
    """The administrator's settings for the desk, and rules that follow from them.

    Attributes:
        inbound: Which events become what.
        retry: The times.
        note_user_id: Author of the notes.
        overlap: Seconds by which readings of the desk's list of changes overlap.
        longest: Most seconds of a POST with files.
        told: The automatic messages.
    """

    inbound: InboundPolicy
    retry: RetryPolicy
    note_user_id: int
    overlap: float
    longest: float
    told: ToldPolicy


class DeskChannel:
    """See :class:`maxbridge.engine.runner.Channel`; a call is a :class:`Posting`."""

    def __init__(
        self,
        tables: WriterTables,
        desk: FreeScoutClient,
        messages: MessageWriter,
        *,
        tickets: TicketFinder,
        words: DeskWords,
        rules: DeskRules,
        now: Callable[[], float],
        max_now: Callable[[], float | None],
        too_large: Callable[[int], None],
        wake_sender: Callable[[], None],
        healthy: Callable[[], None],
    ) -> None:
        """Create it.

        Args:
            tables: The tables it uses.
            desk: FreeScout.
            messages: Prepares threads of customers' messages.
            tickets: Finds where agents see a note.
            words: Renders texts for agents.
            rules: The administrator's settings.
            now: Our clock.
            max_now: MAX's clock; None while unknown.
            too_large: Called with the bytes of encoded files that the desk refused as too large for
                one request.
            wake_sender: Called when something was queued for MAX.
            healthy: Called when the desk answers although there is nothing to post.
        """
        self._tables = tables
        self._desk = desk
        self._messages = messages
        self._tickets = tickets
        self._words = words
        self._rules = rules
        self._now = now
        self._too_large = too_large
        self._wake_sender = wake_sender
        self._healthy = healthy
        self._large: tuple[int, Event | None] = (0, None)
        """The last event that took long to read, with the id of its item."""
        self._posted_at: dict[int, float] = {}
        self._customer_refused: dict[int, float] = {}
        self._answers = Answers(
            tables,
            tickets=tickets,
            words=words,
            inbound=rules.inbound,
            told=rules.told,
            now=now,
            max_now=max_now,
            wake_sender=wake_sender,
        )
        self._look_up = DeskLookUp(
            tables,
            desk,
            messages,
            retry=rules.retry,
            overlap=rules.overlap,
            longest=rules.longest,
        )
        self._log: Any = log.get("desk_writer")

    # --- what may have been done ------------------------------------------------------------------

    def may_repeat(self, item: InboxItem) -> bool:
        """Whether it only adds a phone number to the customer record, which may be repeated."""
        return item.update_type == PHONE_TYPE

    async def look_up(self, item: InboxItem, asked_at: float) -> Seen[Receipt]:
        """Look for the marker of an item's next thread. The result is exact because markers come back unchanged."""
        event = None if item.update_type in _OURS else await self._read_event(item)
        posted = self._look_up.before_restore(item, event)
        if posted is not None and event is not None:
            self._hear(item, event, self._triage(event))
        return posted or await self._look_up.settle(item, event, asked_at=asked_at)

    # --- what is posted ---------------------------------------------------------------------------

    async def prepare(self, item: InboxItem) -> Posting | None:
        """Prepare the next POST of an item, or store that it needs none (now)."""
        if self._must_wait(item):
            return None
        if item.update_type == NOTE_TYPE:
            return await self._note(item)
        if item.update_type == PHONE_TYPE:
            await self._put_phone(item)
            return None
        event = await self._read_event(item)
        verdict = self._triage(event)
        now = self._now()
        if verdict.duty is Duty.PARK:
            self._tables.inbox.park(item, "unreadable", now)
            return None
        if verdict.duty is Duty.TELL:
            self._tables.events.group_rights(
                item,
                self._words.group_rights(event),
                now,
                deaf=event.is_deaf,
                told_at=event.timestamp,
            )
            return None
        dialog: DialogRecord | None = None
        if verdict.blocks or verdict.unblocks or verdict.duty in _HEARD:
            dialog = self._hear(item, event, verdict)
        else:
            dialog = self._tables.dialogs.get(item.chat_id)
        if dialog is not None and verdict.duty in (Duty.HELP, Duty.STATUS):
            await self._answers.command(item, event, dialog, verdict.duty)
            return None
        if dialog is not None and self._answers.is_answered(item, event, verdict.duty, now):
            return None
        if verdict.duty is Duty.IGNORE or dialog is None or self._is_told_already(item, event):
            # A remark about a chat that never brought a message interests nobody.
            self._tables.inbox.ignore(item, now, reason="nobody has to see it")
            return None
        return await self._message(item, event, dialog, verdict.duty)

    def _triage(self, event: Event) -> Triage:
        return triage(event, bot_id=self._tables.meta.bot_id() or 0, policy=self._rules.inbound)

    def _hear(self, item: InboxItem, event: Event, verdict: Triage) -> DialogRecord:
        blocked = verdict.blocks if verdict.blocks or verdict.unblocks else None
        dialog, news = record_contact(
            self._tables.dialogs,
            item.chat_id,
            event,
            self._now(),
            blocked=blocked,
            at=item.created_at,
        )
        if news:
            self._wake_sender()
        return dialog

    def _is_told_already(self, item: InboxItem, event: Event) -> bool:
        """Whether a line about this deletion exists: deleting a dialog causes two events (contract max.md 3)."""
        if event.what is not What.STOPPED:
            return False
        kind, _ = self._tables.inbox.previous(item) or ("", None)
        return kind in ("bot_stopped", "dialog_removed")

    async def _message(
        self, item: InboxItem, event: Event, dialog: DialogRecord, duty: Duty
    ) -> Posting | None:
        posting = await self._messages.prepare(item, event, dialog, duty)
        if posting is None:
            self._healthy()
        return posting

    async def _note(self, item: InboxItem) -> Posting | None:
        if self._tables.notes.is_obsolete(item):
            self._tables.inbox.ignore(item, self._now(), reason="the reply has left")
            return None
        note = json.loads(item.payload)
        words = f"<div>{breakable(text_to_html(note['text']))}</div>" if note["text"] else ""
        html = f"{words}{note.get('html', '')}{marks(item.key, self._tables.meta.bot_id())}"
        number, tried = note["conversation_id"], item.attempts > 0
        if keys.is_unreadable_note(item.key):
            target: int | None = number  # that it cannot be read is what it says
        else:
            target = await self._tickets.seen_by_agents(number, item.chat_id, tried=tried)
        if target is None:
            self._tables.inbox.ignore(item, self._now(), reason="its ticket is gone")
            return None
        body = {"type": "note", "text": html, "user": self._rules.note_user_id}
        return Posting(item, target, body, "note")

    async def _put_phone(self, item: InboxItem) -> None:
        """Add a shared phone number to the customer record; may be repeated."""
        dialog = self._tables.dialogs.get(item.chat_id)
        phone = json.loads(item.payload)["phone"]
        if dialog is not None and dialog.customer_id is not None:
            try:
                await self._desk.update_customer_phones(dialog.customer_id, phone)
            except ApiError as error:
                if error.failure.kind is not Kind.PERMANENT and item.attempts < _PHONE_TRIES:
                    raise
                # The number stands in the ticket as well: it is not worth holding up the chat.
                self._log.warning("number not put onto the card", error=str(error.failure))
        self._tables.inbox.done(item, None, self._now())
        self._healthy()

    def _must_wait(self, item: InboxItem) -> bool:
        """Keep two threads of a chat a second apart; meanwhile others get the place in the pool."""
        if item.chat_id not in self._posted_at:
            return False
        left = self._posted_at[item.chat_id] + _APART - asyncio.get_running_loop().time()
        if left < _MOMENT:
            return False
        at = self._now() + left
        self._tables.inbox.defer(item.id, Outcome.MAKES_WAY, at=at, error=KEEP)
        return True

    # --- the call ---------------------------------------------------------------------------------

    def begin(self, call: Posting) -> Posting | None:
        """Store that the POST is about to be made; return it without messages that changed meanwhile."""
        if self._has_moved(call) or self._has_changed(call):
            self._tables.inbox.defer(call.item.id, Outcome.MAKES_WAY, at=self._now(), error=KEEP)
            return None
        fields: dict[str, Any] = {
            "target_id": call.target,
            "desk_at": self._desk.clock.now(),
            "covering": call.covering,
            "carrying": len(call.files),
        }
        if not call.followers:
            marked = self._tables.inbox.mark_sending(call.item.id, self._now(), **fields)
            return call if marked else None
        others = call.followers.items
        left = self._tables.bursts.begin(call.item, others, self._now(), **fields)
        if left is None:
            return None
        followers = call.followers.among(left)
        return replace(call, body=followers.behind(call.body), followers=followers)

    async def send(self, call: Posting) -> Receipt:
        """Make the POST."""
        self._see_that_it_may_leave(call)
        failpoint("desk.before_post")
        if call.target is None:
            posted = await self._desk.open_conversation(call.body)
        else:
            posted = await self._desk.add_thread(call.target, call.body)
        failpoint("desk.after_post")
        result = PostResult(
            posted.conversation_id,
            posted.thread_id,
            posted.customer_id,
            posted.desk_time,
            opened=call.target is None,
            files=posted.files,
            number=posted.number,
            reason=call.reason,
            size=_size(call.body),
        )
        return Receipt(result, call.on_posted, call.event, tuple(call.followers.items))

    def _see_that_it_may_leave(self, call: Posting) -> None:
        """Check that all items are stored as ``sending``, and that words go into their own chat's ticket.

        Raises:
            RuleBrokenError: One is not, or the ticket is another chat's; notes may go into any
                ticket.
        """
        self._tables.inbox.see_that_they_may_leave(
            [call.item.id, *(each.id for each in call.followers.items)]
        )
        if self._is_anothers(call):
            raise RuleBrokenError(Invariant.OWNER, f"ticket {call.target} is not this chat's")

    def _has_moved(self, call: Posting) -> bool:
        """Whether an administrator unlinked the ticket from this chat while files were fetched, so it needs another place."""
        dialog = self._tables.dialogs.get(call.item.chat_id)
        current = None if dialog is None else dialog.conversation_id
        return current != call.target and self._is_anothers(call)

    def _has_changed(self, call: Posting) -> bool:
        """Whether a quote was removed since it was read because the quoted person was erased."""
        quoting = [each for each in (call.item, *call.followers.items) if _LINK in each.payload]
        return not all(map(self._tables.inbox.is_as_read, quoting))

    def _is_anothers(self, call: Posting) -> bool:
        """Whether a message's ticket no longer belongs to its chat. Notes may go into any ticket."""
        if call.target is None or call.item.update_type == NOTE_TYPE:
            return False
        return self._tables.tickets.is_anothers(call.target, call.item.chat_id)

    def release(self, call: Posting) -> None:
        """Delete the files from the disk."""
        call.kept.close()

    def accepted(self, item: InboxItem, call: Posting | None, receipt: Receipt) -> None:
        """Store that a thread is at the desk."""
        carried = item if call is None else replace(item, carrying=len(call.files))
        self._landed(carried, receipt)

    def _landed(self, item: InboxItem, receipt: Receipt) -> None:
        result = receipt.result
        if receipt.before_restore:
            # In the order of the customer's words, the last one's ticket becomes the current one.
            dialog = self._tables.dialogs.get(item.chat_id)
            item = replace(item, target_id=None if dialog is None else dialog.conversation_id)
        if receipt.others:
            count = 1 + len(receipt.others)
            result = replace(result, reason=f"{result.reason}, {count} messages in one thread")
        follow_ups = receipt.on_posted(result.files)
        notes = self._about_opened(item.chat_id, result) if result.opened else []
        speaks = follow_ups.said_at is not None or receipt.before_restore
        event = receipt.event if speaks else None
        self._tables.events.landed(
            item,
            result,
            follow_ups,
            self._now(),
            others=receipt.others,
            notes=notes,
            says=[]
            if event is None
            else self._answers.about_message(
                item.chat_id, event, receipt.result, before_restore=receipt.before_restore
            ),
        )
        remember(self._posted_at, item.chat_id, asyncio.get_running_loop().time())
        self._wake_sender()

    async def _read_event(self, item: InboxItem) -> Event:
        event = await beside(len(item.payload), _read, item.payload)
        if len(item.payload) > LARGE:
            self._large = (item.id, event)
        return event

    def _about_opened(self, chat_id: int, result: PostResult) -> list[Note]:
        """Return the notes that follow from a new ticket."""
        notes = self._about_held(chat_id, result)
        dialog = self._tables.dialogs.get(chat_id)
        before = None if dialog is None else dialog.conversation_id
        if before is None or before == result.conversation_id:
            return notes
        if self._tickets.was_full(before):
            key = keys.followed(before, result.conversation_id)
            words = self._words.followed(result.conversation_id)
            notes.append(Note(key, before, words))
        return notes

    def _about_held(self, chat_id: int, result: PostResult) -> list[Note]:
        """Return the notes about messages held before the chat had its first ticket."""
        held = self._tables.inbox.held_untold(chat_id)
        return [
            Note(keys.held(each.key), result.conversation_id, self._held_words(each))
            for each in held
        ]

    def _held_words(self, item: InboxItem) -> str:
        unknown = item.doubt is not Doubt.NONE
        return self._words.not_posted(item, unknown=unknown, error=item.error or "")

    # --- when it does not go ----------------------------------------------------------------------

    def other_way(self, item: InboxItem, call: Posting, failure: Failure) -> bool:
        """Handle a refusal that concerns the ticket, the customer or the size of the request."""
        if is_ticket_gone(failure) and call.target is not None:
            self._tables.tickets.gone(call.target)
        elif self._is_stale_customer(item, call, failure):
            # Agents merge customers; the loser's id is refused (case 65). Find or make them anew, once.
            self._tables.dialogs.set_customer(item.chat_id, None)
        elif call.followers and failure.certain and failure.kind is Kind.PERMANENT:
            # Nobody knows which of them the desk refuses: each alone, now.
            self._back(call, Outcome.FAILED, failure, at=self._now(), blameless=False)
            return True
        elif failure.code == "desk.too_large" and call.files:
            # Some web server's limit is lower than FreeScout's: fewer files then, at last a link.
            self._too_large(sum(encoded_size(file.size) for file in call.files))
        else:
            return False
        self._back(call, Outcome.STEPPED_DOWN, failure, at=0.0, blameless=True)
        return True

    def _is_stale_customer(self, item: InboxItem, call: Posting, failure: Failure) -> bool:
        known = "id" in (call.body.get("customer") or {})
        if not known or not is_customer_refused(failure) or item.id in self._customer_refused:
            return False
        remember(self._customer_refused, item.id, self._now())
        return True

    def step_down(self, item: InboxItem, failure: Failure, unready: bool) -> bool:
        """Replace a message by its next simpler form."""
        number, event = self._large
        if number != item.id:
            event = _event(item)
        if event is None:
            return False
        rung = self._messages.simpler(item, event, unready=unready)
        return rung is not None and self._tables.inbox.step_down(
            item.id, int(rung), error=failure.code
        )

    def hold_after_bug(self, item: InboxItem, code: str) -> None:
        """Hold an item after a bug: its outcome is unknown, so a person decides."""
        failure = Failure(code, Kind.PERMANENT, certain=False, detail=BUG)
        self._give_up(item, Outcome.BUG, failure)

    def failed(
        self,
        item: InboxItem,
        call: Posting | None,
        outcome: Outcome,
        failure: Failure,
        *,
        at: float,
    ) -> None:
        """Store the outcome of an item and of those that shared its POST."""
        if outcome in (Outcome.REFUSED, Outcome.GIVEN_UP, Outcome.UNKNOWABLE):
            self._end(item, outcome, failure)
        elif outcome in (Outcome.NO_ANSWER, Outcome.UNCLEAR):
            if call is not None and call.files:
                self._look_up.given_up(item, self._now())
            items = [item, *(() if call is None else call.followers.items)]
            self._tables.bursts.defer(items, outcome, at=at, error=failure.code)
        elif outcome is Outcome.ABSENT:
            # It was one POST: what it did not do for the first, it did for none of them.
            others = self._tables.bursts.in_flight(item)
            self._tables.bursts.back(
                others,
                lambda: self._tables.inbox.defer(item.id, outcome, at=0.0, error=KEEP),
                blameless=False,
            )
        elif call is not None:
            self._back(call, outcome, failure, at=at, blameless=_is_about_no_words(failure))
        else:
            told = outcome is Outcome.UNREADY or (
                outcome is Outcome.MAKES_WAY and failure is not NOTHING
            )
            error = failure.code if told else KEEP
            self._tables.inbox.defer(item.id, outcome, at=at, error=error)

    def _back(
        self, call: Posting, outcome: Outcome, failure: Failure, *, at: float, blameless: bool
    ) -> None:
        """Requeue the other items of a POST that was certainly not carried out, each alone if necessary."""
        inbox = self._tables.inbox
        self._tables.bursts.back(
            call.followers.items,
            lambda: inbox.defer(call.item.id, outcome, at=at, error=failure.code),
            blameless=blameless,
        )

    def _end(self, item: InboxItem, outcome: Outcome, failure: Failure) -> None:
        together = [item]
        if outcome is Outcome.UNKNOWABLE:
            together += self._tables.bursts.in_flight(item)
        for each in together:
            self._give_up(each, outcome, failure)

    def _give_up(self, item: InboxItem, outcome: Outcome, failure: Failure) -> None:
        unknown = outcome in (Outcome.UNKNOWABLE, Outcome.BUG)
        reason = failure.detail if unknown else f"the desk does not take it: {failure}"
        if keys.is_late_note(item.key):
            # Nobody has to decide anything about it.
            self._tables.inbox.ignore(item, self._now(), reason=reason)
            return
        words = ""
        if item.update_type not in (NOTE_TYPE, PHONE_TYPE):
            words = self._words.not_posted(item, unknown=unknown, error=failure.code)
        self._tables.inbox.give_up(
            item, outcome, error=failure.code, note=words, now=self._now(), reason=reason
        )


def _size(body: Mapping[str, Any]) -> int:
    """Return the bytes of the posted words."""
    thread = body["threads"][0] if "threads" in body else body
    return len(str(thread["text"]).encode(errors="replace"))


def _event(item: InboxItem) -> Event | None:
    """Return the event of a customer's item; None for the bridge's own notes."""
    return None if item.update_type in _OURS else _read(item.payload)


def _read(payload: str) -> Event:
    return parse_update(json.loads(payload))


def _is_about_no_words(failure: Failure) -> bool:
    """Whether any other message would have met the same failure."""
    return failure.scope is Scope.END or is_ticket_gone(failure) or is_customer_refused(failure)
