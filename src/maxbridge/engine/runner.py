"""One procedure for both directions: look up if in doubt, prepare, mark as sending, send, store the outcome.

:class:`Channel` contains what differs between the desk and MAX. What follows from an outcome is one
table (:mod:`maxbridge.core.delivery`), whose failure it is is one rule
(:mod:`maxbridge.core.blame`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from maxbridge.core.delivery import Doubt, Outcome, outcome_of
from maxbridge.core.errors import ApiError, Failure, Kind
from maxbridge.core.retry import RetryPolicy, next_try
from maxbridge.engine.gate import Gate
from maxbridge.engine.pool import LaneFullError
from maxbridge.observe import log
from maxbridge.store.records import InboxItem, OutboxItem

_I = TypeVar("_I", InboxItem, OutboxItem)
_Item_contra = TypeVar("_Item_contra", InboxItem, OutboxItem, contravariant=True)
_C = TypeVar("_C")
_R = TypeVar("_R")
_K = TypeVar("_K")
_V = TypeVar("_V")
NOTHING = Failure("internal", Kind.TRANSIENT, certain=True)
"""Nothing failed: what stands in the place of a failure then."""
_MOST_REMEMBERED = 10_000
_LEAST_PAUSE = 1.0
"""Seconds between two look-ups of one delivery at least."""


class TransferWaitsError(Exception):
    """A delivery's file cannot be fetched or uploaded now; only its host is in trouble.

    Attributes:
        failure: Why.
        pause: Seconds to wait if its host or file is known to be in trouble; None for the usual
            backoff.
    """

    def __init__(self, failure: Failure, pause: float | None = None) -> None:
        super().__init__(str(failure))
        self.failure = failure
        self.pause = pause


def remember(memory: dict[_K, _V], key: _K, value: _V) -> None:
    """Keep a value about a delivery in memory; the number of entries is bounded."""
    if len(memory) >= _MOST_REMEMBERED:
        memory.clear()
    memory[key] = value


@dataclass(frozen=True, slots=True)
class Seen(Generic[_R]):
    """The result of a look-up.

    Attributes:
        outcome: ACCEPTED (it is there), ABSENT (no trace), OTHER_FOUND or UNKNOWABLE.
        receipt: Where it is, if it is there.
        again_at: When to look again before this is believed, our clock; None to believe it now.
        error: Code of the reason for UNKNOWABLE.
        reason: The reason in words, for the log.
    """

    outcome: Outcome
    receipt: _R | None = None
    again_at: float | None = None
    error: str = ""
    reason: str = ""


class Channel(Protocol[_Item_contra, _C, _R]):
    """How deliveries are made at one service and stored.

    A *call* is what :meth:`prepare` returns; a *receipt* is the service's answer.
    """

    def may_repeat(self, item: _Item_contra) -> bool:
        """Whether the next call may be repeated without harm, so that it needs no look-up."""

    async def look_up(self, item: _Item_contra, asked_at: float) -> Seen[_R]:
        """Find out whether the last attempt was carried out.

        Args:
            item: The delivery.
            asked_at: Now, our clock. The answer may take long and shows this moment.

        Raises:
            ApiError: The service could not be asked.
        """

    async def prepare(self, item: _Item_contra) -> _C | None:
        """Prepare the delivery's next call; None if there is none: it is decided, or waits.

        Raises:
            ApiError: Something that it needs is not available now.
            TransferWaitsError: A file of it is not available now.
            LaneFullError: Its files must wait for other transfers.
        """

    def begin(self, call: _C) -> _C | None:
        """Store that the call is about to be made; None if it must not be made after all."""

    async def send(self, call: _C) -> _R:
        """Make the call.

        Raises:
            ApiError: It failed, or its outcome is unknown.
        """

    def accepted(self, item: _Item_contra, call: _C | None, receipt: _R, /) -> None:
        """Store that it was accepted; ``call`` is None if a look-up found it."""

    def other_way(self, item: _Item_contra, call: _C, failure: Failure) -> bool:
        """Handle a refusal whose cause can be avoided, such as a deleted ticket; True if it is due again at once."""

    def step_down(self, item: _Item_contra, failure: Failure, unready: bool, /) -> bool:
        """Replace the delivery by its next simpler form; False if there is none.

        Args:
            item: The delivery.
            failure: Why the present form fails.
            unready: Its call was not made: something that it needs was not available.
        """

    def release(self, call: _C) -> None:
        """Free what was kept for a call that has ended or is not made."""

    def failed(
        self, item: _Item_contra, call: _C | None, outcome: Outcome, failure: Failure, *, at: float
    ) -> None:
        """Store an outcome that is no success, with the note for agents."""


class Runner(Generic[_I, _C, _R]):
    """Makes the next step of deliveries of one channel."""

    def __init__(
        self,
        channel: Channel[_I, _C, _R],
        gate: Gate,
        retry: RetryPolicy,
        *,
        now: Callable[[], float],
        jitter: Callable[[], float],
    ) -> None:
        """Create it.

        Args:
            channel: The service's channel.
            gate: Told of every success and failure.
            retry: The times.
            now: Our clock.
            jitter: Random numbers in [0, 1).
        """
        self._channel: Channel[_I, _C, _R] = channel
        self._gate = gate
        self._retry = retry
        self._now = now
        self._jitter = jitter
        self._last: dict[int, tuple[Failure, bool]] = {}
        """Why a delivery last failed, and whether before its call; until it takes another form."""
        self._log: Any = log.get(gate.loop.name)

    async def deliver(self, item: _I) -> None:
        """Make the next step of one delivery, and store the outcome."""
        self._gate.begins(item.id)
        if item.doubt is not Doubt.NONE and not self._channel.may_repeat(item):
            await self._look_up(item)
            return
        if item.doubt not in (Doubt.NONE, Doubt.RESTORED):
            self._channel.failed(item, None, Outcome.ABSENT, NOTHING, at=0.0)
            return
        if self._gives_up(item):
            return
        try:
            call = await self._channel.prepare(item)
        except ApiError as error:
            self._unready(item, error.failure)
            return
        except TransferWaitsError as error:
            # Nobody else's trouble: the gate hears nothing of it.
            if error.pause is None:
                at, outcome = self._next_try(item, error.failure), Outcome.UNREADY
            else:
                at, outcome = self._now() + error.pause, Outcome.MAKES_WAY
            self._channel.failed(item, None, outcome, error.failure, at=at)
            return
        except LaneFullError as error:
            at = self._now() + error.pause
            self._channel.failed(item, None, Outcome.MAKES_WAY, NOTHING, at=at)
            return
        if call is not None:
            try:
                await self._make(item, call)
            finally:
                self._channel.release(call)

    async def _make(self, item: _I, prepared: _C) -> None:
        call = self._channel.begin(prepared)
        if call is None:
            return
        self._gate.begins(item.id)
        try:
            receipt = await self._channel.send(call)
        except ApiError as error:
            self._failed(item, call, error.failure)
            return
        self._accepted(item, call, receipt)

    # --- what may have been done ------------------------------------------------------------------

    async def _look_up(self, item: _I) -> None:
        try:
            seen = await self._channel.look_up(item, self._now())
        except ApiError as error:
            self._look_up_failed(item, error.failure)
            return
        if seen.again_at is not None:
            self._channel.failed(item, None, Outcome.TOO_EARLY, NOTHING, at=seen.again_at)
            self._gate.ok()
            return
        if seen.outcome is Outcome.ACCEPTED and seen.receipt is not None:
            self._accepted(item, None, seen.receipt)
            return
        failure = Failure(seen.error, NOTHING.kind, certain=False, detail=seen.reason)
        self._channel.failed(item, None, seen.outcome, failure, at=0.0)

    def _look_up_failed(self, item: _I, failure: Failure) -> None:
        """Handle a failed look-up: retry it later, unless only this delivery cannot be looked up."""
        self._gate.failed_for(item.chat_id, item.id, failure)
        now = self._now()
        tried_since = item.first_try_at or now
        alone = self._gate.blame.is_exhausted(item.id, now, reading=True)
        if alone or now - tried_since >= self._retry.lifetime:
            self._gate.blame.forget(item.id)
            self._channel.failed(item, None, Outcome.UNKNOWABLE, failure, at=0.0)
            return
        at = max(self._next_try(item, failure), now + _LEAST_PAUSE)
        self._channel.failed(item, None, Outcome.LOOK_UP_FAILED, failure, at=at)

    # --- how a call ends --------------------------------------------------------------------------

    def _accepted(self, item: _I, call: _C | None, receipt: _R) -> None:
        self._channel.accepted(item, call, receipt)
        self._last.pop(item.id, None)
        if call is None:
            self._gate.blame.found(item.id)
        # Only now: a service that answers is no success while the answer cannot be written down.
        self._gate.accepted(item.id)

    def _failed(self, item: _I, call: _C, failure: Failure) -> None:
        if self._channel.other_way(item, call, failure):
            self._forget(item)
            return
        self._remember(item, failure, unready=False)
        outcome = outcome_of(failure)
        if outcome is Outcome.REFUSED and self._step_down(item, failure):
            return
        self._channel.failed(item, call, outcome, failure, at=self._next_try(item, failure))

    def _unready(self, item: _I, failure: Failure) -> None:
        self._remember(item, failure, unready=True)
        at = self._next_try(item, failure)
        self._channel.failed(item, None, Outcome.UNREADY, failure, at=at)

    def _gives_up(self, item: _I) -> bool:
        """Step down or make way if the delivery's present form has used up its tries; return whether it did."""
        if not self._gate.blame.is_exhausted(item.id, self._now()):
            return False
        failure, unready = self._last.get(item.id, (NOTHING, False))
        if not self._step_down(item, failure, unready=unready):
            self._forget(item)
            self._channel.failed(item, None, Outcome.GIVEN_UP, failure, at=0.0)
        return True

    def _step_down(self, item: _I, failure: Failure, *, unready: bool = False) -> bool:
        if not self._channel.step_down(item, failure, unready):
            return False
        self._gate.blame.stepped_down(item.id)
        self._log.warning("tried in a simpler form", item=item.name, error=str(failure))
        return True

    def _remember(self, item: _I, failure: Failure, *, unready: bool) -> None:
        self._gate.failed_for(item.chat_id, item.id, failure)
        remember(self._last, item.id, (failure, unready))

    def _forget(self, item: _I) -> None:
        self._gate.blame.forget(item.id)
        self._last.pop(item.id, None)

    def _next_try(self, item: _I, failure: Failure) -> float:
        return next_try(
            failure,
            attempts=item.attempts + 1,
            now=self._now(),
            jitter=self._jitter(),
            policy=self._retry,
        )
