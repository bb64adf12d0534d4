"""Inbox → desk: customers' messages become tickets, the bridge's notes become private notes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from maxbridge import log
from maxbridge.core.errors import ApiError, Failure, Kind, Scope
from maxbridge.core.events import Event, What
from maxbridge.core.markup import UrlRule, event_to_html, first_line, marker, text_to_html
from maxbridge.core.plan_inbound import (
    Duty,
    InboundPolicy,
    Where,
    desk_name,
    subject_of,
    triage,
)
from maxbridge.core.retry import (
    RetryPolicy,
    Step,
    after_failure,
    after_look_up,
    after_reading,
)
from maxbridge.core.texts import Texts
from maxbridge.freescout.client import FreeScoutClient
from maxbridge.freescout.failures import is_customer_refused, is_ticket_gone
from maxbridge.max.parse import parse_update
from maxbridge.store.inbox import NOTE_TYPE, Ticketed
from maxbridge.store.journal import Journal
from maxbridge.store.records import DialogRecord, InboxItem
from maxbridge.store.states import State
from maxbridge.workers.desk_lookup import UndecidableError, find_new_ticket, find_thread
from maxbridge.workers.gate import Gate
from maxbridge.workers.ticket_finder import TicketFinder

_SUBJECT_SOURCE = 60
_FIREWALL_TRIES = 10


@dataclass(frozen=True, slots=True)
class WriterPolicy:
    """The administrator's wishes, and the rules, for the way to the desk."""

    inbound: InboundPolicy
    retry: RetryPolicy
    texts: Texts
    url_rule: UrlRule
    note_user_id: int
    overlap: float
    """How far back the desk's list of changes is read again, in seconds."""


class DeskWriter:
    """Delivers one inbox item at a time per chat; see :class:`maxbridge.workers.pool.Pool`."""

    def __init__(
        self,
        journal: Journal,
        desk: FreeScoutClient,
        policy: WriterPolicy,
        gate: Gate,
        *,
        now: Callable[[], float],
        jitter: Callable[[], float],
        wake_sender: Callable[[], None],
    ) -> None:
        self._journal = journal
        self._desk = desk
        self._policy = policy
        self._gate = gate
        self._now = now
        self._jitter = jitter
        self._wake_sender = wake_sender
        self._tickets = TicketFinder(journal, desk, policy.inbound, policy.texts, policy.overlap)
        self._log: Any = log.get("desk_writer")

    async def deliver(self, item: InboxItem) -> None:
        """Bring one item to the desk, or put it off with a reason."""
        if item.update_type == NOTE_TYPE:
            await self._deliver_note(item)
            return
        event = parse_update(json.loads(item.payload))
        verdict = triage(event, bot_id=self._journal.bot_id() or 0, policy=self._policy.inbound)
        now = self._now()
        if verdict.duty is Duty.PARK:
            self._journal.inbox.park(item, "unreadable", now)
            return
        if verdict.blocks or verdict.unblocks or verdict.duty is not Duty.IGNORE:
            user_id = event.sender.user_id if event.sender else None
            dialog = self._journal.dialogs.ensure(item.chat_id, user_id, now)
            if verdict.blocks or verdict.unblocks:
                self._reachable(item, blocked=verdict.blocks)
        if verdict.duty is Duty.IGNORE:
            self._journal.inbox.ignore(item, now)
        elif verdict.duty is Duty.GREET:
            self._journal.greet(item, self._policy.inbound.greeting, now)
            self._wake_sender()
        else:
            await self._deliver_event(item, event, dialog, verdict.duty)

    def _reachable(self, item: InboxItem, *, blocked: bool) -> None:
        if self._journal.dialogs.set_blocked(item.chat_id, blocked=blocked, at=item.created_at):
            words = "customer stopped the bot" if blocked else "customer is back"
            self._log.info(words, chat=item.chat_id)
            self._wake_sender()

    def hold_after_bug(self, item: InboxItem) -> None:
        """We do not know what we did with this item; a person decides."""
        self._journal.inbox.hold(item.id, error="internal", now=self._now())

    # --- customers' messages ---------------------------------------------------------------------

    async def _deliver_event(
        self, item: InboxItem, event: Event, dialog: DialogRecord, duty: Duty
    ) -> None:
        key = _marker_key(item, event)
        html = event_to_html(event, self._policy.texts, self._policy.url_rule) + marker(key)
        if item.state is State.SENDING and not await self._settle(item, key):
            return
        try:
            placement = await self._tickets.place(dialog, duty)
            if placement.where is Where.NOWHERE:
                self._journal.inbox.ignore(item, self._now())
                self._gate.ok()
                return
            customer = None
            if placement.where is Where.OPEN:
                customer = await self._tickets.customer(event.sender, dialog)
        except ApiError as error:
            self._put_off(item, error.failure, uncertain=False)
            return
        if placement.where is Where.APPEND:
            body: dict[str, Any] = {"type": "customer", "text": html}
            if placement.status is not None:
                body["status"] = placement.status
            await self._post(item, placement.conversation_id, body, placement.reason)
        else:
            await self._post(item, None, self._new_ticket(event, html, customer), placement.reason)

    def _new_ticket(
        self, event: Event, html: str, customer: dict[str, object] | None
    ) -> dict[str, Any]:
        policy = self._policy
        line = first_line(event, policy.texts, _SUBJECT_SOURCE)
        return {
            "type": "chat",
            "mailboxId": policy.inbound.mailbox_id,
            "subject": desk_name(subject_of(line, event.sender, policy.texts, policy.inbound)),
            "status": policy.inbound.status,
            "customer": customer,
            "threads": [{"type": "customer", "text": html}],
        }

    async def _settle(self, item: InboxItem, key: str) -> bool:
        """Look up a doubtful POST. True when it must be made (again); False when all is decided."""
        attempted_at = item.attempted_at or item.created_at
        try:
            if item.target_id is not None:
                found = await find_thread(self._desk, item.target_id, key)
            else:
                desk_at = item.desk_at or attempted_at + self._desk.clock.skew
                found = await find_new_ticket(self._desk, desk_at, key)
        except UndecidableError:
            self._log.error("held: no look-up can tell whether it arrived", item=item.key)
            self._journal.inbox.hold(item.id, error="desk.undecidable", now=self._now())
            return False
        except ApiError as error:
            self._put_off(item, error.failure, uncertain=True)
            return False
        now = self._now()
        decision = after_look_up(
            found=found is not None,
            attempted_at=attempted_at,
            error=item.error,
            now=now,
            policy=self._policy.retry,
        )
        if decision.step is Step.DONE and found is not None:
            if not found.opened:
                # A merge brought our words there, and agents may have answered there meanwhile.
                border = self._journal.tickets.complete_until(item.target_id, self._policy.overlap)
                found = replace(found, history_before=border)
            self._finish(item, found, "found by look-up")
            return False
        if decision.step is Step.LOOK_UP:
            self._journal.inbox.defer(
                item.id, at=decision.at, error=item.error, attempted=False, uncertain=True
            )
            self._gate.ok()
            return False
        return True

    # --- notes -----------------------------------------------------------------------------------

    async def _deliver_note(self, item: InboxItem) -> None:
        note = json.loads(item.payload)
        html = f"<div>{text_to_html(note['text'])}</div>{marker(item.key)}"
        if item.state is State.SENDING and not await self._settle(item, item.key):
            return
        try:
            target = await self._tickets.seen_by_agents(note["conversation_id"], item.chat_id)
        except ApiError as error:
            self._put_off(item, error.failure, uncertain=False)
            return
        if target is None:
            self._log.warning("note dropped: its ticket is gone", item=item.key)
            self._journal.inbox.ignore(item, self._now())
            return
        body = {"type": "note", "text": html, "user": self._policy.note_user_id}
        await self._post(item, target, body, "note")

    # --- the POST and what follows ---------------------------------------------------------------

    async def _post(
        self, item: InboxItem, conversation_id: int | None, body: dict[str, Any], reason: str
    ) -> None:
        if not self._journal.inbox.mark_sending(
            item.id, self._now(), target_id=conversation_id, desk_at=self._desk.clock.now()
        ):
            return
        try:
            if conversation_id is None:
                posted = await self._desk.open_conversation(body)
            else:
                posted = await self._desk.add_thread(conversation_id, body)
        except ApiError as error:
            self._post_failed(item, conversation_id, body, error.failure)
            return
        landed = Ticketed(
            posted.conversation_id,
            posted.thread_id,
            posted.customer_id,
            posted.desk_time,
            opened=conversation_id is None,
        )
        self._finish(item, landed, reason)

    def _post_failed(
        self, item: InboxItem, conversation_id: int | None, body: dict[str, Any], failure: Failure
    ) -> None:
        now = self._now()
        if is_ticket_gone(failure) and conversation_id is not None:
            self._journal.tickets.gone(conversation_id)
            self._journal.inbox.defer(
                item.id, at=now, error=failure.code, attempted=False, uncertain=False
            )
            return
        known = "id" in (body.get("customer") or {})
        if known and is_customer_refused(failure) and item.error != failure.code:
            # Agents merge customers; the loser's id is refused (case 65). Find or make him anew, once.
            self._journal.dialogs.set_customer(item.chat_id, None)
            self._journal.inbox.defer(
                item.id, at=now, error=failure.code, attempted=True, uncertain=False
            )
            return
        if failure.code == "desk.forbidden":
            # A reading went well a moment ago: some firewall does not like these very words.
            kind = Kind.PERMANENT if item.attempts >= _FIREWALL_TRIES else Kind.TRANSIENT
            failure = replace(failure, kind=kind, scope=Scope.ITEM)
        self._gate.failed(failure, item.chat_id)
        decision = after_failure(
            failure,
            attempts=item.attempts + 1,
            now=now,
            jitter=self._jitter(),
            policy=self._policy.retry,
        )
        if decision.step is Step.GIVE_UP:
            self._log.error("held: the desk refuses it", item=item.key, error=str(failure))
            self._journal.inbox.hold(item.id, error=failure.code, now=now)
            return
        self._journal.inbox.defer(
            item.id,
            at=decision.at,
            error=failure.code,
            attempted=True,
            uncertain=decision.step is Step.LOOK_UP,
        )

    def _put_off(self, item: InboxItem, failure: Failure, *, uncertain: bool) -> None:
        """A reading before the POST failed: nothing was done, or nothing new is known."""
        self._gate.failed(failure, item.chat_id)
        now = self._now()
        at = after_reading(
            failure,
            attempts=item.attempts + 1,
            now=now,
            jitter=self._jitter(),
            policy=self._policy.retry,
        )
        # A look-up that failed leaves the doubt as it was.
        error = item.error if uncertain else failure.code
        self._journal.inbox.defer(item.id, at=at, error=error, attempted=True, uncertain=uncertain)

    def _finish(self, item: InboxItem, landed: Ticketed, reason: str) -> None:
        now = self._now()
        self._journal.inbox.done(item, landed, now)
        # Only now: an end that answers is no success while the answer cannot be written down.
        self._gate.ok()
        self._log.info(
            "delivered",
            direction="max→desk",
            item=item.key,
            chat=item.chat_id,
            conversation=landed.conversation_id,
            thread=landed.thread_id,
            seconds=round(now - item.created_at, 3),
            reason=reason,
        )


def _marker_key(item: InboxItem, event: Event) -> str:
    """A message is marked by MAX's id for it; an edit of it has another key than itself."""
    if event.what is What.MESSAGE and event.message.mid:
        return event.message.mid
    return item.key
