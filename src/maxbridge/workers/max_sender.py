"""Outbox → MAX: agents' replies reach the customer, part by part, at MAX's pace."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from maxbridge import log
from maxbridge.core.errors import ApiError, Failure
from maxbridge.core.pace import Pace
from maxbridge.core.retry import (
    RetryPolicy,
    Step,
    after_failure,
    after_look_up,
    after_reading,
)
from maxbridge.core.texts import Texts
from maxbridge.max.client import MaxClient
from maxbridge.store.journal import Journal
from maxbridge.store.outbox import Note
from maxbridge.store.records import OutboxItem, PartItem
from maxbridge.store.states import State
from maxbridge.workers.gate import Gate
from maxbridge.workers.max_lookup import find_sent

PER_CHAT = 0.55
"""Seconds between two messages to one chat: MAX allows 2 a second (contract max.md 5.1)."""
OVERALL = 1 / 25
"""Seconds between any two calls: MAX allows 30 a second, polling included."""
_BLOCKED = "max.blocked"


@dataclass(frozen=True, slots=True)
class SenderPolicy:
    """The rules for the way to MAX."""

    retry: RetryPolicy
    notes: Texts
    """The agents' language."""


class MaxSender:
    """Delivers one outbox item at a time per chat; see :class:`maxbridge.workers.pool.Pool`."""

    def __init__(
        self,
        journal: Journal,
        client: MaxClient,
        policy: SenderPolicy,
        gate: Gate,
        *,
        now: Callable[[], float],
        jitter: Callable[[], float],
        wake_writer: Callable[[], None],
    ) -> None:
        self._journal = journal
        self._client = client
        self._policy = policy
        self._gate = gate
        self._now = now
        self._jitter = jitter
        self._wake_writer = wake_writer
        self._pace = Pace(per_key=PER_CHAT, overall=OVERALL)
        self._log: Any = log.get("max_sender")

    async def deliver(self, item: OutboxItem) -> None:
        """Send the next part of an item, or put it off with a reason."""
        part = next((each for each in item.parts if each.mid is None), None)
        if part is None or not part.text:
            self._give_up(item, "max.empty", self._policy.notes.reason_empty)
            return
        if item.state is State.SENDING and not await self._settle(item, part):
            return
        dialog = self._journal.dialogs.get(item.chat_id)
        if dialog is not None and dialog.blocked:
            # Certainly not sent: it waits like everything else for this customer.
            self._journal.outbox.defer(
                item.id, at=0.0, error="max.blocked", attempted=False, uncertain=False
            )
            return
        await self._slot(item.chat_id)
        if not self._journal.outbox.mark_sending(item.id, self._now()):
            return
        try:
            sent = await self._client.send(item.chat_id, part.text)
        except ApiError as error:
            self._failed(item, error.failure)
            return
        self._part_done(item, part, sent.mid, "sent")

    def give_up_expired(self) -> None:
        """Return to the agents what could not be delivered in time, for whatever reason."""
        texts = self._policy.notes
        days = self._policy.retry.lifetime_days
        for item in self._journal.outbox.expired(self._now() - self._policy.retry.lifetime):
            dialog = self._journal.dialogs.get(item.chat_id)
            if dialog is not None and dialog.blocked:
                self._give_up(item, "max.blocked", texts.reason_blocked)
            else:
                self._give_up(item, "max.expired", texts.reason_expired.format(days=days))

    def hold_after_bug(self, item: OutboxItem) -> None:
        """We do not know what we did with this item; a person decides, and the agent is told."""
        self._hold(item, "internal")

    async def _slot(self, chat_id: int | None) -> None:
        wait = self._pace.reserve(chat_id, asyncio.get_running_loop().time())
        if wait > 0:
            await asyncio.sleep(wait)

    async def _settle(self, item: OutboxItem, part: PartItem) -> bool:
        """Look up a doubtful send. True when it must be made (again); False when all is decided."""
        attempted_at = item.attempted_at or item.created_at
        await self._slot(None)
        try:
            found, mid = await find_sent(
                self._client,
                chat_id=item.chat_id,
                bot_id=self._journal.bot_id() or 0,
                text=part.text,
                attempted_at=attempted_at,
                claimed=self._journal.outbox.claimed_mids,
            )
        except ApiError as error:
            self._look_up_failed(item, error.failure)
            return False
        decision = after_look_up(
            found=found,
            attempted_at=attempted_at,
            error=item.error,
            now=self._now(),
            policy=self._policy.retry,
        )
        if decision.step is Step.DONE and mid is not None:
            self._part_done(item, part, mid, "found by look-up")
            return False
        if decision.step is Step.HOLD:
            self._hold(item, "max.undecidable")
            return False
        if decision.step is Step.LOOK_UP:
            self._journal.outbox.defer(
                item.id, at=decision.at, error=item.error, attempted=False, uncertain=True
            )
            self._gate.ok()
            return False
        return True

    def _look_up_failed(self, item: OutboxItem, failure: Failure) -> None:
        """Without the history nobody can tell: wait for it, as long as replies may wait."""
        self._gate.failed(failure, item.chat_id)
        now = self._now()
        if now - (item.first_try_at or now) >= self._policy.retry.lifetime:
            self._hold(item, failure.code)
            return
        at = after_reading(
            failure,
            attempts=item.attempts + 1,
            now=now,
            jitter=self._jitter(),
            policy=self._policy.retry,
        )
        at = max(at, now + 1.0)
        self._journal.outbox.defer(item.id, at=at, error=item.error, attempted=True, uncertain=True)

    def _failed(self, item: OutboxItem, failure: Failure) -> None:
        self._gate.failed(failure, item.chat_id)
        now = self._now()
        if failure.code == _BLOCKED and self._wait_for_customer(item, failure):
            return
        decision = after_failure(
            failure,
            attempts=item.attempts + 1,
            now=now,
            jitter=self._jitter(),
            policy=self._policy.retry,
        )
        if decision.step is Step.GIVE_UP and failure.code != _BLOCKED:
            self._give_up(item, failure.code, self._reason(failure))
            return
        self._journal.outbox.defer(
            item.id,
            at=decision.at,
            error=failure.code,
            attempted=True,
            uncertain=decision.step is Step.LOOK_UP,
        )

    def _wait_for_customer(self, item: OutboxItem, failure: Failure) -> bool:
        """Put a reply aside; False when the customer came back while the refusal was on its way."""
        note = self._policy.notes.waits_blocked.format(
            excerpt=item.excerpt, days=self._policy.retry.lifetime_days
        )
        if not self._journal.outbox.wait_blocked(
            item, error=failure.code, note=note, now=self._now()
        ):
            return False
        self._log.warning("customer stopped the bot: reply waits", item=item.key, chat=item.chat_id)
        self._wake_writer()
        return True

    def _reason(self, failure: Failure) -> str:
        texts = self._policy.notes
        if failure.code == "max.chat_gone":
            return texts.reason_gone
        return texts.reason_refused.format(code=failure.detail)

    def _give_up(self, item: OutboxItem, code: str, reason: str) -> None:
        texts = self._policy.notes
        sent = sum(1 for part in item.parts if part.mid is not None)
        advice = (
            texts.what_now_blocked if code in ("max.blocked", "max.chat_gone") else texts.what_now
        )
        template = texts.bounced_partly if sent else texts.bounced
        text = template.format(
            excerpt=item.excerpt, reason=reason, advice=advice, sent=sent, total=len(item.parts)
        )
        self._end(item, State.BOUNCED, code, f"bounce:{item.key}", text)

    def _hold(self, item: OutboxItem, code: str) -> None:
        text = self._policy.notes.held.format(excerpt=item.excerpt)
        self._end(item, State.HELD, code, f"held:{item.key}", text)

    def _end(self, item: OutboxItem, state: State, code: str, note_key: str, text: str) -> None:
        note = None
        if item.conversation_id is not None:
            note = Note(note_key, item.conversation_id, text)
        self._journal.outbox.give_up(item, state, error=code, note=note, now=self._now())
        self._log.error(
            f"reply {state.value}",
            item=item.key,
            chat=item.chat_id,
            conversation=item.conversation_id,
            error=code,
        )
        self._wake_writer()

    def _part_done(self, item: OutboxItem, part: PartItem, mid: str, how: str) -> None:
        now = self._now()
        whole = self._journal.outbox.part_done(item, part.seq, mid, now)
        # Only now: an end that answers is no success while the answer cannot be written down.
        self._gate.ok()
        self._log.info(
            "delivered" if whole else "part delivered",
            direction="desk→max",
            item=item.key,
            chat=item.chat_id,
            conversation=item.conversation_id,
            mid=mid,
            part=f"{part.seq + 1}/{len(item.parts)}",
            seconds=round(now - item.created_at, 3),
            reason=how,
        )
