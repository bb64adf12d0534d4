"""Outbox → MAX: agents' replies reach the customer, part by part, at MAX's pace."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from maxbridge import log
from maxbridge.core.errors import ApiError, Failure
from maxbridge.core.history import Finding
from maxbridge.core.pace import Pace
from maxbridge.core.parts import FILE, Action, Part, as_plain_files
from maxbridge.core.render import spelled_out
from maxbridge.core.retry import (
    RESTORED,
    RetryPolicy,
    Step,
    after_failure,
    after_reading,
)
from maxbridge.core.texts import Texts
from maxbridge.killpoints import reached
from maxbridge.max.failures import AS_PLAIN_FILE, AS_PLAIN_TEXT
from maxbridge.max.wire import attachments_of
from maxbridge.store.inbox import Note
from maxbridge.store.journal import Journal
from maxbridge.store.records import OutboxItem, PartItem
from maxbridge.store.states import State
from maxbridge.workers.file_sender import FileSender, SenderEnds
from maxbridge.workers.gate import Gate, take_turn
from maxbridge.workers.max_lookup import MaxLookUp
from maxbridge.workers.pool import BUG
from maxbridge.workers.reply_notes import BLOCKED, ReplyNotes

PER_CHAT = 0.55
"""Seconds between two messages to one chat: MAX allows 2 a second (contract max.md 5.1)."""
OVERALL = 1 / 25
"""Seconds between any two calls: MAX allows 30 a second, polling included."""
_NOT_READY_TRIES = 8
"""MAX is still at work on a fresh upload: after so many refusals it is sent as a plain file."""


@dataclass(frozen=True, slots=True)
class SenderPolicy:
    """The rules for the way to MAX."""

    retry: RetryPolicy
    notes: Texts
    """The agents' language."""
    file_limit: int
    """Bytes of the largest file that is sent."""


class MaxSender:
    """Delivers one outbox item at a time per chat; see :class:`maxbridge.workers.pool.Pool`."""

    def __init__(
        self,
        journal: Journal,
        ends: SenderEnds,
        policy: SenderPolicy,
        gate: Gate,
        *,
        now: Callable[[], float],
        jitter: Callable[[], float],
        wake_writer: Callable[[], None],
    ) -> None:
        self._journal = journal
        self._ends = ends
        self._client = ends.max
        self._gate = gate
        self._now = now
        self._jitter = jitter
        self._wake_writer = wake_writer
        self._pace = Pace(per_key=PER_CHAT, overall=OVERALL)
        self._look_up = MaxLookUp(
            journal, ends.max, now=now, turn=lambda: take_turn(self._pace, None)
        )
        self._log: Any = log.get("max_sender")
        self.use(policy)

    def use(self, policy: SenderPolicy) -> None:
        """Follow these wishes from now on; what is on its way goes on as after a restart."""
        self._policy = policy
        self._notes = ReplyNotes(policy.notes, policy.retry.lifetime_days)
        self._files = FileSender(
            self._journal,
            self._ends,
            self._notes,
            policy.retry,
            limit=policy.file_limit,
            now=self._now,
            jitter=self._jitter,
        )

    async def deliver(self, item: OutboxItem) -> None:
        """Send the next part of an item, or put it off with a reason."""
        head = next((each for each in item.parts if each.mid is None), None)
        if head is None or head.part.is_empty:
            self._end(item, State.BOUNCED, "max.empty", self._notes.empty(item), "nothing to send")
            return
        if item.state is State.SENDING and not await self._settle(item, head):
            return
        dialog = self._journal.dialogs.get(item.chat_id)
        if dialog is not None and dialog.blocked:
            # Certainly not sent: it waits like everything else for this customer.
            self._journal.outbox.defer(
                item.id, at=0.0, error=BLOCKED, attempted=False, uncertain=False
            )
            return
        part = await self._prepared(item, head)
        if part is None:
            return
        await self._slot(item.chat_id)
        if not self._journal.outbox.mark_sending(item.id, self._now()):
            return
        reached("max.before_send")
        try:
            mid = await self._carry_out(item.chat_id, part)
        except ApiError as error:
            self._failed(item, replace(head, part=part), error.failure)
            return
        reached("max.after_send")
        # What is changed in place has no doubt of its own, and takes none away.
        doubtful = item.error == RESTORED and part.action is not Action.SEND
        self._part_done(item, head, mid, part.action.value, doubtful=doubtful)

    async def _prepared(self, item: OutboxItem, head: PartItem) -> Part | None:
        """The message with its files at MAX; None when that failed or changed the plan."""
        if all(file.token for file in head.part.files):
            return head.part
        try:
            return await self._files.prepare(item, head, lambda: self._slot(None))
        except ApiError as error:
            self._gate.failed(error.failure, item.chat_id)
            return None

    async def _carry_out(self, chat_id: int, part: Part) -> str:
        """Make the one call that a part stands for; gives the message's id."""
        if part.action is Action.EDIT:
            await self._client.edit(part.target, part.text, html=part.html)
            return part.target
        if part.action is Action.DELETE:
            try:
                await self._client.delete(part.target)
            except ApiError as error:
                if error.failure.code != "max.not_found":  # it is gone, as it should be
                    raise
            return part.target
        sent = await self._client.send(
            chat_id, part.text, html=part.html, attachments=attachments_of(part)
        )
        return sent.mid

    def give_up_expired(self) -> None:
        """Return to the agents what could not be delivered in time, for whatever reason."""
        for item in self._journal.outbox.expired(self._now() - self._policy.retry.lifetime):
            dialog = self._journal.dialogs.get(item.chat_id)
            blocked = dialog is not None and dialog.blocked
            code = BLOCKED if blocked else "max.expired"
            note = self._notes.expired(item, blocked=blocked)
            self._end(item, State.BOUNCED, code, note, "too old")

    def hold_after_bug(self, item: OutboxItem) -> None:
        """We do not know what we did with this item; a person decides, and the agent is told."""
        self._hold(item, "internal", BUG)

    async def _slot(self, chat_id: int | None) -> None:
        await take_turn(self._pace, chat_id)

    async def _settle(self, item: OutboxItem, head: PartItem) -> bool:
        """Look up a doubtful send. True when it must be made (again); False when all is decided."""
        part = head.part
        if part.action is not Action.SEND:
            return True  # editing or deleting twice is as good as once
        try:
            verdict, wait = await self._look_up.settle(item, head)
        except ApiError as error:
            self._look_up_failed(item, error.failure)
            return False
        if verdict.finding is Finding.FOUND and verdict.mid is not None:
            doubtful = item.error == RESTORED
            self._part_done(item, head, verdict.mid, "found by look-up", doubtful=doubtful)
            return False
        if verdict.finding is Finding.EDITED and verdict.mid is not None:
            self._log.info("was edited since it was sent", item=item.key, mid=verdict.mid)
            self._journal.outbox.becomes_edit(item, head.seq, verdict.mid)
            return False
        if wait is not None:
            at = self._now() + wait
            self._journal.outbox.defer(
                item.id, at=at, error=item.error, attempted=False, uncertain=True
            )
            self._gate.ok()
            return False
        if verdict.finding is Finding.ABSENT:
            return True
        reason = "no look-up can tell whether it arrived"
        if verdict.finding is Finding.UNCLAIMED:
            reason = f"perhaps it is {verdict.mid}, which has other words"
        self._hold(item, "max.undecidable", reason)
        return False

    def _look_up_failed(self, item: OutboxItem, failure: Failure) -> None:
        """Without the history nobody can tell: wait for it, as long as replies may wait."""
        self._gate.failed(failure, item.chat_id)
        now = self._now()
        if now - (item.first_try_at or now) >= self._policy.retry.lifetime:
            self._hold(item, failure.code, f"the history cannot be read: {failure.detail}")
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

    def _failed(self, item: OutboxItem, head: PartItem, failure: Failure) -> None:
        self._gate.failed(failure, item.chat_id)
        now = self._now()
        if failure.code == BLOCKED and self._wait_for_customer(item, failure):
            return
        other = self._other_way(item, head.part, failure)
        if other is not None:
            self._log.info("sent another way", item=item.name, error=str(failure))
            self._journal.outbox.replan(item, head.seq, other, now=now, error=failure.code)
            return
        if head.part.action is not Action.SEND:
            # Doing it twice is as good as once, so there is never a doubt to be looked up.
            failure = replace(failure, certain=True)
        # The messages behind a change may have been sent as well.
        stays_doubtful = item.error == RESTORED and head.part.action is not Action.SEND
        decision = after_failure(
            failure,
            attempts=item.attempts + 1,
            now=now,
            jitter=self._jitter(),
            policy=self._policy.retry,
        )
        if decision.step is Step.GIVE_UP and failure.code != BLOCKED:
            self._refused(item, head, failure)
            return
        self._journal.outbox.defer(
            item.id,
            at=decision.at,
            error=RESTORED if stays_doubtful else failure.code,
            attempted=True,
            uncertain=stays_doubtful or decision.step is Step.LOOK_UP,
        )

    def _other_way(self, item: OutboxItem, part: Part, failure: Failure) -> list[Part] | None:
        """What to send instead of what MAX refuses in this form; None when there is nothing."""
        if failure.code in AS_PLAIN_TEXT and part.html:
            return [replace(part, text=spelled_out(part.text), html=False)]
        stuck = failure.code == "max.not_ready" and item.attempts + 1 >= _NOT_READY_TRIES
        if (stuck or failure.code in AS_PLAIN_FILE) and any(
            file.kind != FILE for file in part.files
        ):
            return as_plain_files(part)
        return None

    def _refused(self, item: OutboxItem, head: PartItem, failure: Failure) -> None:
        """MAX said no for good: the agent is told, and the rest of the reply is given up with it."""
        if head.part.action is Action.SEND:
            note = self._notes.refused(item, failure)
        else:
            note = self._notes.not_edited(item)
        self._end(item, State.BOUNCED, failure.code, note, f"MAX refuses it: {failure.detail}")

    def _wait_for_customer(self, item: OutboxItem, failure: Failure) -> bool:
        """Put a reply aside; False when the customer came back while the refusal was on its way."""
        if not self._journal.outbox.wait_blocked(
            item, error=failure.code, note=self._notes.waits(item), now=self._now()
        ):
            return False
        self._log.warning(
            "customer stopped the bot: reply waits", item=item.name, chat=item.chat_id
        )
        self._wake_writer()
        return True

    def _hold(self, item: OutboxItem, code: str, reason: str) -> None:
        self._end(item, State.HELD, code, self._notes.held(item), reason)

    def _end(
        self, item: OutboxItem, state: State, code: str, note: Note | None, reason: str
    ) -> None:
        self._journal.outbox.give_up(
            item, state, error=code, note=note, now=self._now(), reason=reason
        )
        self._wake_writer()

    def _part_done(
        self, item: OutboxItem, head: PartItem, mid: str, how: str, *, doubtful: bool
    ) -> None:
        whole = self._journal.outbox.part_done(
            item, head.seq, mid, self._now(), reason=how, doubtful=doubtful
        )
        # Only now: an end that answers is no success while the answer cannot be written down.
        self._gate.ok()
        if not whole:
            part = f"{head.seq + 1}/{len(item.parts)}"
            self._log.debug("part delivered", item=item.name, mid=mid, part=part, reason=how)
