"""Outbox → MAX: build MAX's channel for the administrator's present settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from maxbridge.core.pace import Pace
from maxbridge.core.retry import RetryPolicy
from maxbridge.core.texts import Texts
from maxbridge.engine.gate import Gate
from maxbridge.engine.pool import Lane
from maxbridge.engine.runner import Runner
from maxbridge.files.patience import FilePatience
from maxbridge.outbound.channel import MaxChannel, SenderTables
from maxbridge.outbound.files import FileSender, SenderEnds
from maxbridge.outbound.notes import ReplyNotes
from maxbridge.store.records import OutboxItem

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
