"""Decide whether a failure is the delivery's own or the whole service's: by evidence, not by its code.

Any status code can concern one message (a firewall that rejects its words answers 403, 404 as HTML
or a redirect; PHP that runs out of memory answers 500) and any can concern everybody. The evidence
is whether other deliveries get through:

- A delivery that fails **while others are accepted between its tries** fails by itself.
- So does the only failing one **while the service answers** this call and the readings between its
  tries.
- So does a call without an answer that was **overtaken**: another one began later and was accepted
  before this one timed out. Any number of calls may hang like this; each fails by itself.
- What several chats meet, with nobody accepted meanwhile, is the service's failure.

A delivery that fails by itself has a few tries and a few minutes, fewer if many others get through.
How many tries count as proof depends on how often accepted deliveries had failed before: where
every second call fails, ten failures in a row can be chance. Then the delivery steps down to a
simpler form, and finally lets the later deliveries of its chat go first. While the service fails,
nothing steps down, however long it takes. The evidence is kept in memory and gathered again after a
restart.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from maxbridge.core.errors import Failure

MOST_TRIES = 8
LEAST_TRIES = 3
PATIENCE = 600.0
"""Seconds for which a delivery that fails by itself is tried as it is, while hardly anybody else writes."""
_HALVED_BY = 10
"""So many others that got through meanwhile halve the patience."""
_CHANCE = 0.001
"""How improbable a row of failures must be, if it were one of those that get through in the end."""
_FEW = 10
"""So many deliveries that got through weigh as much as what readings say."""
SEVERAL = 3
"""So many chats that fail, with nobody getting past, are the service's trouble even where the answers alone
would not say so."""
_MOST = 10_000


class Whose(StrEnum):
    """Who a failure is attributed to."""

    ITEM = "item"
    SERVICE = "service"
    UNKNOWN = "unknown"
    """A first failure; nothing since then shows whose it is."""


@dataclass(slots=True)
class _Calls:
    """Counts of one service's calls so far: accepted deliveries, readings, and failures of both."""

    passed: int = 0
    failed_first: int = 0
    """Failed tries of deliveries that were accepted later."""
    answered: int = 0
    unanswered: int = 0

    def since(self, before: _Calls) -> _Calls:
        return _Calls(
            self.passed - before.passed,
            self.failed_first - before.failed_first,
            self.answered - before.answered,
            self.unanswered - before.unanswered,
        )

    def copy(self) -> _Calls:
        return self.since(_Calls())

    def failing(self, *, reading: bool) -> float:
        """Estimate the share of calls that fail for no fault of their content.

        By Laplace's rule of succession: a few calls prove little. While few deliveries have been
        accepted, readings supply the estimate for deliveries. A service may accept every message
        and fail every second reading, so a failed reading is compared with readings only.

        Args:
            reading: Estimate for readings; otherwise for deliveries.
        """
        readings = _share(self.unanswered, self.answered)
        if not self.passed:
            return readings
        calls = _share(self.failed_first, self.passed)
        if not self.answered + self.unanswered:
            return calls
        expected = (self.failed_first + _FEW * readings) / (self.failed_first + self.passed + _FEW)
        return max(calls, readings if reading else expected)


def _share(bad: int, good: int) -> float:
    return (bad + 1) / (bad + good + 2)


@dataclass(slots=True)
class _Evidence:
    chat_id: int
    since: float
    """Time of the first failure that was its own."""
    first: _Calls
    """The service's counts at its first failure."""
    last: _Calls
    """The service's counts at its last failure."""
    tries: int = 1
    alone: int = 0
    """Number of failures that were its own."""
    simpler: bool = False
    """It has stepped down to a simpler form, so its failures do not count against the service."""
    untried: bool = False
    """Its present form has not been tried yet."""
    overtaken: bool = False
    """Its last call was not answered although later ones were."""


class Blame:
    """The evidence about one service, collected from all loops that call it."""

    def __init__(self) -> None:
        self._evidence: dict[int, _Evidence] = {}
        self._calls = _Calls()
        self._began: dict[int, float] = {}
        self._overtook = self._read = -math.inf

    @property
    def answers(self) -> int:
        """Number of successful readings; two values that differ mean that one succeeded in between."""
        return self._calls.answered

    @property
    def overtook(self) -> float:
        """Start time (monotonic clock) of the latest-begun call that was accepted."""
        return self._overtook

    def begins(self, item_id: int, at: float) -> None:
        """Record the start of a call.

        Args:
            item_id: The delivery or reading that the call is for.
            at: Monotonic clock.
        """
        if len(self._began) >= _MOST:
            self._began.pop(next(iter(self._began)))
        self._began[item_id] = at

    def began(self, item_id: int) -> float:
        """Start time of the call under way; infinite if :meth:`begins` was not called."""
        return self._began.get(item_id, math.inf)

    def found(self, item_id: int) -> None:
        """Record that a look-up found a delivery. A look-up overtakes no other call."""
        self._began.pop(item_id, None)

    def accepted(self, item_id: int) -> None:
        """Record that a delivery was accepted."""
        self._overtook = max(self._overtook, self._began.pop(item_id, -math.inf))
        self._calls.passed += 1
        evidence = self._evidence.pop(item_id, None)
        if evidence is not None and not evidence.simpler:
            self._calls.failed_first += evidence.tries

    def answered(self, name: int | None = None) -> None:
        """Record that a poll, or a reading of a ticket, succeeded.

        Args:
            name: The id given to :meth:`begins`. None for a poll, which overtakes nothing: lists
                may be readable while no ticket is.
        """
        if name is not None:
            self._read = max(self._read, self._began.pop(name, -math.inf))
        self._calls.answered += 1

    def unanswered(self) -> None:
        """Record that a poll or a reading failed."""
        self._calls.unanswered += 1

    def stepped_down(self, item_id: int) -> None:
        """Record that a delivery has stepped down; if this form fails, the next one is taken after one try."""
        evidence = self._evidence.get(item_id)
        if evidence is not None:
            evidence.simpler = evidence.untried = True

    def forget(self, item_id: int) -> None:
        """Drop a delivery's failures: it is finished, or its cause was fixed."""
        self._evidence.pop(item_id, None)

    def failed(
        self, chat_id: int, item_id: int, failure: Failure, now: float, *, reading: bool = False
    ) -> Whose:
        """Record a failed call and say whose failure it is.

        Args:
            chat_id: The delivery's chat.
            item_id: The delivery or reading.
            failure: What happened.
            now: Our clock.
            reading: The call was a reading; later readings that succeed may have overtaken it.
        """
        began = self._began.pop(item_id, math.inf)
        overtook = max(self._overtook, self._read) if reading else self._overtook
        overtaken = not failure.answered and began < overtook
        evidence = self._evidence.get(item_id)
        if evidence is None:
            if len(self._evidence) >= _MOST:
                self._evidence.pop(next(iter(self._evidence)))
            calls = self._calls.copy()
            evidence = _Evidence(chat_id, now, calls, calls, overtaken=overtaken)
            self._evidence[item_id] = evidence
            if not overtaken:
                return self._of_several()
            evidence.alone = 1
            return Whose.ITEM
        evidence.tries += 1
        evidence.untried = False
        evidence.overtaken = overtaken
        between = self._calls.since(evidence.last)
        answers = failure.answered and between.answered and not self._others_fail(chat_id)
        evidence.last = self._calls.copy()
        if not between.passed and not answers and not overtaken:
            return self._of_several()
        if not evidence.alone:
            evidence.since = now
        evidence.alone += 1
        return Whose.ITEM

    def is_exhausted(self, item_id: int, now: float, *, reading: bool = False) -> bool:
        """Whether a delivery has used up the tries of its present form, all of them failures of its own.

        Args:
            item_id: The delivery or reading.
            now: Our clock.
            reading: The failing calls are readings, such as look-ups.
        """
        evidence = self._evidence.get(item_id)
        if evidence is None or evidence.untried or evidence.alone < LEAST_TRIES:
            return False
        others = self._calls.since(evidence.first)
        if others.failing(reading=reading) ** evidence.alone > _CHANCE:
            return False
        patience = PATIENCE / (1.0 + others.passed / _HALVED_BY)
        return evidence.alone >= MOST_TRIES or now - evidence.since >= patience

    def _of_several(self) -> Whose:
        return Whose.SERVICE if len(self._chats()) >= SEVERAL else Whose.UNKNOWN

    def _others_fail(self, chat_id: int) -> bool:
        return bool(self._chats() - {chat_id})

    def _chats(self) -> set[int]:
        """Chats with a failing delivery, since the last time that any delivery was accepted."""
        passed = self._calls.passed
        return {
            each.chat_id
            for each in self._evidence.values()
            if each.last.passed >= passed and not each.overtaken
        }
