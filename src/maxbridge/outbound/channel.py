"""The way to MAX: agents' replies, edits and greetings reach the customer, message by message."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from maxbridge.core import keys
from maxbridge.core.delivery import Outcome
from maxbridge.core.errors import ApiError, Failure
from maxbridge.core.history import Finding
from maxbridge.core.pace import Pace
from maxbridge.core.parts import FILE, Action, Part, as_plain_files, simpler
from maxbridge.core.render import spelled_out
from maxbridge.core.retry import RetryPolicy
from maxbridge.core.texts import Texts
from maxbridge.engine.gate import Gate, take_turn
from maxbridge.engine.pool import BUG, Lane
from maxbridge.engine.runner import NOTHING, Runner, Seen
from maxbridge.failpoints import failpoint
from maxbridge.files.patience import FilePatience
from maxbridge.max.answers import AS_PLAIN_FILE, AS_PLAIN_TEXT
from maxbridge.max.client import attachments_of
from maxbridge.observe import log
from maxbridge.outbound.files import FileSender, SenderEnds
from maxbridge.outbound.lookup import MaxLookUp, SenderTables
from maxbridge.outbound.notes import BLOCKED, CHAT_GONE, ReplyNotes
from maxbridge.store.inbox import Note
from maxbridge.store.queue import KEEP
from maxbridge.store.records import OutboxItem, PartItem

_WHATEVER_THE_FORM = frozenset({BLOCKED, CHAT_GONE, "max.text_denied", "max.access_denied"})
"""Refusals of the customer, or of what the words say: another form of them changes nothing."""
_NOT_READY_TRIES = 8
"""MAX is still at work on a fresh upload: after so many refusals it is sent as a plain file."""


@dataclass(frozen=True, slots=True)
class Message:
    """A call to MAX that is ready: the next message of a delivery, or the change of one."""

    item: OutboxItem
    head: PartItem
    part: Part


@dataclass(frozen=True, slots=True)
class Receipt:
    """A message that MAX has.

    Attributes:
        seq: Number of the delivery's part.
        mid: MAX's message id.
        how: How we know, for the log.
        earlier: It has other words: it was sent before the database was restored, and edited since.
    """

    seq: int
    mid: str
    how: str
    earlier: bool = False


class MaxChannel:
    """See :class:`maxbridge.engine.runner.Channel`; a call is a :class:`Message`."""

    def __init__(
        self,
        tables: SenderTables,
        ends: SenderEnds,
        files: FileSender,
        notes: ReplyNotes,
        retry: RetryPolicy,
        *,
        pace: Pace,
        now: Callable[[], float],
        wake_writer: Callable[[], None],
    ) -> None:
        """Create it.

        Args:
            tables: The tables it uses.
            ends: The services.
            files: Uploads files to MAX's storage.
            notes: Texts of notes for agents.
            retry: The times.
            pace: MAX's pace, for all calls.
            now: Our clock.
            wake_writer: Called when a note was queued.
        """
        self._outbox = tables.outbox
        self._dialogs = tables.dialogs
        self._client = ends.max
        self._files = files
        self._notes = notes
        self._retry = retry
        self._pace = pace
        self._now = now
        self._wake_writer = wake_writer
        self._look_up = MaxLookUp(tables, ends.max, turn=lambda: self._slot(None))
        self._log: Any = log.get("max_sender")

    # --- what may have been done ------------------------------------------------------------------

    def may_repeat(self, item: OutboxItem) -> bool:
        """Whether the next call is an edit or a deletion, which may be repeated."""
        head = _head(item)
        return head is None or head.part.action is not Action.SEND

    async def look_up(self, item: OutboxItem, asked_at: float) -> Seen[Receipt]:
        """Search the chat's history for the bot's own message with these words."""
        head = _head(item)
        if head is None:
            return Seen(Outcome.ABSENT)
        verdict, wait = await self._look_up.settle(item, head, asked_at=asked_at)
        again_at = None if wait is None else self._now() + wait
        if verdict.mid is not None and verdict.finding in (Finding.FOUND, Finding.EDITED):
            earlier = verdict.finding is Finding.EDITED
            receipt = Receipt(head.seq, verdict.mid, "found by look-up", earlier=earlier)
            return Seen(Outcome.ACCEPTED, receipt, again_at=again_at)
        if verdict.finding is Finding.ABSENT:
            return Seen(Outcome.ABSENT, again_at=again_at)
        reason = "no look-up can tell whether it arrived"
        if verdict.finding is Finding.UNCLAIMED:
            reason = f"perhaps it is {verdict.mid}, which has other words"
        return Seen(Outcome.UNKNOWABLE, again_at=again_at, error="max.undecidable", reason=reason)

    # --- what is sent -----------------------------------------------------------------------------

    async def prepare(self, item: OutboxItem) -> Message | None:
        """Return the next message with its files uploaded; None if it waits, or was planned anew."""
        head = _head(item)
        if head is None or head.part.is_empty:
            note = self._notes.empty(item)
            self._end(item, Outcome.EMPTY, "max.empty", note, "nothing to send")
            return None
        if self._is_stale(item):
            return None
        dialog = self._dialogs.get(item.chat_id)
        if dialog is not None and dialog.blocked:
            # Certainly not sent: it waits like everything else for this customer.
            self._outbox.defer(item.id, Outcome.MAKES_WAY, at=0.0, error=BLOCKED)
            return None
        part: Part | None = head.part
        if not all(file.token for file in head.part.files):
            part = await self._files.prepare(item, head, lambda: self._slot(None))
        if part is None:
            self._wake_writer()
            return None
        await self._slot(item.chat_id)
        return Message(item, head, part)

    def _is_stale(self, item: OutboxItem) -> bool:
        """Drop an automatic message that is too late or no longer true, after an outage for example."""
        at, now = keys.stale_at(item.key, item.created_at), self._now()
        if at is None or any(each.mid is not None for each in item.parts):
            return False
        if now >= at:
            reason = "it comes too late"
        elif not self._outbox.is_still_so(item, now=now):
            reason = "it is not so any more"
        else:
            return False
        return self._outbox.decide(item.id, Outcome.DROP, error=None, now=now, reason=reason)

    def begin(self, call: Message) -> Message | None:
        """Store that it is about to be sent."""
        change = call.part.action is not Action.SEND
        marked = self._outbox.mark_sending(call.item.id, self._now(), change=change)
        return call if marked else None

    async def send(self, call: Message) -> Receipt:
        """Make the one call of a part."""
        self._outbox.see_that_they_may_leave([call.item.id])
        failpoint("max.before_send")
        try:
            mid = await self._carry_out(call.item.chat_id, call.part)
        except ApiError as error:
            if call.part.action is Action.SEND:
                raise
            # Doing it twice is as good as once, so there is never a doubt to be looked up.
            raise ApiError(replace(error.failure, certain=True)) from error
        failpoint("max.after_send")
        return Receipt(call.head.seq, mid, call.part.action.value)

    async def _carry_out(self, chat_id: int, part: Part) -> str:
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

    async def _slot(self, chat_id: int | None) -> None:
        await take_turn(self._pace, chat_id)

    def release(self, call: Message) -> None:
        """Nothing to free."""

    def accepted(self, item: OutboxItem, _call: Message | None, receipt: Receipt) -> None:
        """Store that MAX has the message."""
        if receipt.earlier:
            self._log.info("was edited since it was sent", item=item.key, mid=receipt.mid)
            self._outbox.becomes_edit(item, receipt.seq, receipt.mid)
            return
        whole = self._outbox.part_done(
            item, receipt.seq, receipt.mid, self._now(), reason=receipt.how
        )
        if not whole:
            part = f"{receipt.seq + 1}/{len(item.parts)}"
            self._log.debug(
                "part delivered", item=item.name, mid=receipt.mid, part=part, reason=receipt.how
            )

    # --- when it does not go ----------------------------------------------------------------------

    def other_way(self, item: OutboxItem, call: Message, failure: Failure) -> bool:
        """Wait for a customer who stopped the bot; change the form of what MAX refuses in this one."""
        if failure.code == BLOCKED:
            self._wait_for_customer(item, failure)
            return True
        other: list[Part] | None = None
        if failure.code in AS_PLAIN_TEXT and call.part.html:
            other = [replace(call.part, text=spelled_out(call.part.text), html=False)]
        stuck = failure.code == "max.not_ready" and item.attempts + 1 >= _NOT_READY_TRIES
        kinds = {file.kind for file in call.part.files} - {FILE}
        if (stuck or failure.code in AS_PLAIN_FILE) and kinds:
            other = as_plain_files(call.part)
        if other is None:
            return False
        self._log.info("sent another way", item=item.name, error=str(failure))
        self._outbox.replan(item, call.head.seq, other, now=self._now(), error=failure.code)
        return True

    def _wait_for_customer(self, item: OutboxItem, failure: Failure) -> None:
        """Put a reply aside, unless the customer came back while the call was under way."""
        now = self._now()
        group = self._is_group(item)
        note = self._notes.waits(item, group=group)
        if self._outbox.wait_blocked(item, error=failure.code, note=note, now=now):
            whose = "group removed the bot" if group else "customer stopped the bot"
            self._log.warning(f"{whose}: reply waits", item=item.name, chat=item.chat_id)
            self._wake_writer()
        else:
            self._outbox.defer(item.id, Outcome.FAILED, at=now, error=failure.code)

    def step_down(self, item: OutboxItem, failure: Failure, _unready: bool) -> bool:
        """Replace the next message by its next simpler form."""
        head = _head(item)
        if head is None or failure.code in _WHATEVER_THE_FORM:
            return False
        parts = simpler(head.part)
        if parts is None:
            return False
        lost = head.part.files if not any(part.files for part in parts) else ()
        plainer = [
            replace(part, text=spelled_out(part.text)) if head.part.html and not part.html else part
            for part in parts
        ]
        self._outbox.replan(
            item,
            head.seq,
            plainer,
            now=self._now(),
            error=failure.code,
            notes=[
                note
                for note in (self._notes.file_lost(item, file, failure) for file in lost)
                if note is not None
            ],
        )
        self._wake_writer()
        return True

    def failed(
        self,
        item: OutboxItem,
        call: Message | None,
        outcome: Outcome,
        failure: Failure,
        *,
        at: float,
    ) -> None:
        """Store what became of a delivery."""
        changes = call is not None and call.part.action is not Action.SEND
        if outcome is Outcome.REFUSED:
            note = self._notes.not_edited(item) if changes else self._notes.refused(item, failure)
            self._end(item, outcome, failure.code, note, f"MAX refuses it: {failure.detail}")
        elif outcome is Outcome.GIVEN_UP:
            head = _head(item)
            edit = head is not None and head.part.action is not Action.SEND
            refused = self._notes.refused(item, failure, group=self._is_group(item))
            note = self._notes.not_edited(item) if edit else refused
            self._end(item, outcome, failure.code, note, f"MAX does not take it: {failure.detail}")
        elif outcome is Outcome.UNKNOWABLE:
            self._end(item, outcome, failure.code, self._notes.held(item), failure.detail)
        else:
            failed = outcome in (
                Outcome.FAILED, Outcome.NO_ANSWER, Outcome.UNCLEAR, Outcome.UNREADY
            ) or (outcome is Outcome.MAKES_WAY and failure is not NOTHING)  # fmt: skip
            self._outbox.defer(item.id, outcome, at=at, error=failure.code if failed else KEEP)

    def hold_after_bug(self, item: OutboxItem, code: str) -> None:
        """Hold an item after a bug: its outcome is unknown, so a person decides; the agent is told."""
        self._end(item, Outcome.BUG, code, self._notes.held(item), BUG)

    def give_up_expired(self) -> None:
        """Return to the agents what could not be delivered in time, for any reason."""
        for item in self._outbox.expired(self._now() - self._retry.lifetime):
            dialog = self._dialogs.get(item.chat_id)
            blocked = dialog is not None and dialog.blocked
            code = BLOCKED if blocked else "max.expired"
            note = self._notes.expired(item, blocked=blocked, group=self._is_group(item))
            self._end(item, Outcome.EXPIRED, code, note, "too old")

    def _is_group(self, item: OutboxItem) -> bool:
        dialog = self._dialogs.get(item.chat_id)
        return dialog is not None and dialog.is_group

    def _end(
        self, item: OutboxItem, outcome: Outcome, code: str, note: Note | None, reason: str
    ) -> None:
        self._outbox.give_up(item, outcome, error=code, note=note, now=self._now(), reason=reason)
        self._wake_writer()


def _head(item: OutboxItem) -> PartItem | None:
    """Return the next message that MAX has not accepted."""
    return next((each for each in item.parts if each.mid is None), None)


PER_CHAT = 0.55
"""Seconds between two messages to one chat: MAX allows 2 a second (contract max.md 5.1)."""
OVERALL = 1 / 25
"""Seconds between any two calls: MAX allows 30 a second, polling included."""


@dataclass(frozen=True, slots=True)
class SenderPolicy:
    """The rules for sending to MAX."""

    retry: RetryPolicy
    notes: Texts
    """The agents' language."""
    file_limit: int
    """Bytes of the largest file that is sent."""
    file_wait: float
    """Seconds for which a file waits while its source or destination host is in trouble."""


class MaxSender:
    """Delivers one outbox item at a time per chat; see :class:`maxbridge.engine.pool.Pool`."""

    def __init__(
        self,
        tables: SenderTables,
        ends: SenderEnds,
        policy: SenderPolicy,
        gate: Gate,
        lane: Lane,
        *,
        now: Callable[[], float],
        jitter: Callable[[], float],
        wake_writer: Callable[[], None],
        answers: Callable[[str], int],
    ) -> None:
        """Prepare.

        Args:
            tables: The tables it uses.
            ends: The services.
            policy: The administrator's settings.
            gate: Closed while MAX is in trouble.
            lane: How many chats are served at once.
            now: Our clock.
            jitter: Random numbers in [0, 1).
            wake_writer: Called when a note was queued.
            answers: How often a service (``max``, ``desk``) has answered a reading so far.
        """
        self._tables = tables
        self._ends = ends
        self._gate = gate
        self._lane = lane
        self._now = now
        self._jitter = jitter
        self._wake_writer = wake_writer
        self._answers = answers
        self._pace = Pace(per_key=PER_CHAT, overall=OVERALL)
        self.use(policy)

    def use(self, policy: SenderPolicy) -> None:
        """Use this policy from now on; deliveries under way continue as after a restart."""
        notes = ReplyNotes(policy.notes, policy.retry.lifetime_days)
        files = FileSender(
            self._tables.outbox,
            self._ends,
            notes,
            lane=self._lane,
            limit=policy.file_limit,
            patience=FilePatience(
                wait=policy.file_wait, words_wait=False, now=self._now, answers=self._answers
            ),
            now=self._now,
        )
        self._channel = MaxChannel(
            self._tables,
            self._ends,
            files,
            notes,
            policy.retry,
            pace=self._pace,
            now=self._now,
            wake_writer=self._wake_writer,
        )
        self._runner = Runner(
            self._channel, self._gate, policy.retry, now=self._now, jitter=self._jitter
        )

    async def deliver(self, item: OutboxItem) -> None:
        """Send the next part of an item, or put it off with a reason."""
        await self._runner.deliver(item)

    def give_up_expired(self) -> None:
        """Return to the agents what could not be delivered in time, for any reason."""
        self._channel.give_up_expired()

    def hold_after_bug(self, item: OutboxItem, code: str) -> None:
        """Hold an item after a bug: its outcome is unknown, so a person decides; the agent is told."""
        self._channel.hold_after_bug(item, code)
