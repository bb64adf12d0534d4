"""Whose trouble is a failure: that of one delivery, or of the service? Decided by evidence, not by the code.

Any status code can be about one message (a firewall that dislikes its words answers 403, 404 as HTML or a
redirect; PHP that runs out of memory answers 500) and any can be about everybody. What tells them apart is
who else gets through:

- A delivery that fails **while others are accepted between its tries** is in trouble by itself.
- So is the only one that fails, **while the service answers**: this call, and readings between its tries.
- So is a call without an answer that was **overtaken**: somebody else's was begun after it, and accepted before
  it was given up. However many hang so, it is their own trouble.
- What several chats meet, and nobody gets past meanwhile, is the service's trouble.

A delivery in trouble by itself has a few tries and a few minutes, fewer the more others get through. How many
tries tell anything depends on how often those failed that got through in the end: where every second call
fails, ten failures in a row are chance. Then it steps down to a simpler form, and at last makes way for
whatever comes later in its chat. While a service is in trouble nobody steps down, however long that takes.
What is known here is kept in memory: after a restart the evidence is gathered again.
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
    """Whose trouble a failure is."""

    ITEM = "item"
    SERVICE = "service"
    UNKNOWN = "unknown"
    """One failure, and nothing has happened since that would tell."""


@dataclass(slots=True)
class _Calls:
    """How the service did so far: deliveries that got through, readings, and their failures."""

    passed: int = 0
    failed_first: int = 0
    """Failed tries of deliveries that got through in the end."""
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
        """The share of calls that fail although nothing is wrong with what they carry.

        Laplace's rule of succession: a few calls prove little. While only a few deliveries got through, readings say
        what to expect of the next one. A service may take every message and fail every second reading, so a
        reading is compared with readings.

        Args:
            reading: Of readings; otherwise of deliveries.
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
    """Its first failure by itself."""
    first: _Calls
    """How the service did until then."""
    last: _Calls
    """The same until its last failure."""
    tries: int = 1
    alone: int = 0
    """Its failures between which others got through."""
    simpler: bool = False
    """It has taken a simpler form: its failures say nothing of how the service does."""
    untried: bool = False
    """That form was not tried yet."""
    overtaken: bool = False
    """Its last failure was no answer, while others got past."""


class Blame:
    """The evidence about one service, from all loops that talk to it."""

    def __init__(self) -> None:
        self._evidence: dict[int, _Evidence] = {}
        self._calls = _Calls()
        self._began: dict[int, float] = {}
        self._overtook = self._read = -math.inf

    @property
    def answers(self) -> int:
        """How many readings for everybody have succeeded; whoever compares two values learns of one between."""
        return self._calls.answered

    @property
    def overtook(self) -> float:
        """When the youngest call was begun of those that were accepted, by the steady clock."""
        return self._overtook

    def begins(self, item_id: int, at: float) -> None:
        """A call is begun.

        Args:
            item_id: The delivery, or the reading, that it is made for.
            at: The steady clock.
        """
        if len(self._began) >= _MOST:
            self._began.pop(next(iter(self._began)))
        self._began[item_id] = at

    def began(self, item_id: int) -> float:
        """When the call that is under way was begun; infinite if nobody has told."""
        return self._began.get(item_id, math.inf)

    def found(self, item_id: int) -> None:
        """A look-up has found a delivery: that reading overtakes no call."""
        self._began.pop(item_id, None)

    def accepted(self, item_id: int) -> None:
        """A delivery got through."""
        self._overtook = max(self._overtook, self._began.pop(item_id, -math.inf))
        self._calls.passed += 1
        evidence = self._evidence.pop(item_id, None)
        if evidence is not None and not evidence.simpler:
            self._calls.failed_first += evidence.tries

    def answered(self, name: int | None = None) -> None:
        """A reading that was made for everybody, such as a poll, succeeded, or one of another ticket.

        Args:
            name: The same as when it began, if that was told. A poll has none: lists may be read while no ticket is,
                so it overtakes nobody.
        """
        if name is not None:
            self._read = max(self._read, self._began.pop(name, -math.inf))
        self._calls.answered += 1

    def unanswered(self) -> None:
        """Such a reading failed."""
        self._calls.unanswered += 1

    def stepped_down(self, item_id: int) -> None:
        """A delivery takes a simpler form: one try of that, then the next one."""
        evidence = self._evidence.get(item_id)
        if evidence is not None:
            evidence.simpler = evidence.untried = True

    def forget(self, item_id: int) -> None:
        """A delivery is over, or what was wrong with it is mended: its tries are counted anew."""
        self._evidence.pop(item_id, None)

    def failed(
        self, chat_id: int, item_id: int, failure: Failure, now: float, *, reading: bool = False
    ) -> Whose:
        """A call for a delivery failed.

        Args:
            chat_id: Whose delivery.
            item_id: Which.
            failure: What happened.
            now: Our clock.
            reading: It is a reading that failed; readings that succeed may have overtaken it.
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
        """Has a delivery had its tries in its present form, all of them in trouble by itself?

        Args:
            item_id: Which.
            now: Our clock.
            reading: It is a reading that fails, such as a look-up.
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
        """Chats of which something fails, as far as nobody has got past it."""
        passed = self._calls.passed
        return {
            each.chat_id
            for each in self._evidence.values()
            if each.last.passed >= passed and not each.overtaken
        }
