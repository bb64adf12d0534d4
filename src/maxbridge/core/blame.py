"""Whose trouble is a failure: that of one delivery, or of the service? Decided by evidence, not by the code.

Any status code can be about one message (a firewall that dislikes its words answers 403, 404 as HTML or a
redirect; PHP that runs out of memory answers 500) and any can be about everybody. What tells them apart is
who else gets through:

- A delivery that fails **while others are accepted between its tries** is in trouble by itself.
- So is the only one that fails, **while the service answers**: this call, and readings between its tries.
- What several chats meet, and nobody gets past meanwhile, is the service's trouble.

A delivery in trouble by itself has a few tries and a few minutes, fewer the more others get through. Then it
steps down to a simpler form, and at last makes way for whatever comes later in its chat. While a service is in
trouble nobody steps down, however long that takes. What is known here is kept in memory: after a restart the
evidence is gathered again.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from maxbridge.core.errors import Failure

MOST_TRIES = 8
LEAST_TRIES = 3
PATIENCE = 600.0
"""Seconds for which a delivery that fails by itself is tried as it is, while hardly anybody else writes."""
_HALVED_BY = 10
"""So many others that got through meanwhile halve the patience."""
SEVERAL = 3
"""So many chats that fail, with nobody getting past, are the service's trouble even where the answers alone
would not say so."""
_MOST = 10_000
_NEVER_ITS_OWN = frozenset({"too_many_requests"})
"""Answers that are about pace: waiting mends them, another form does not."""


class Whose(StrEnum):
    """Whose trouble a failure is."""

    ITEM = "item"
    SERVICE = "service"
    UNKNOWN = "unknown"
    """One failure, and nothing has happened since that would tell."""


@dataclass(slots=True)
class _Evidence:
    chat_id: int
    since: float
    """Its first failure by itself."""
    passed: int
    """Deliveries of all chats that were accepted before its last failure."""
    passed_at_first: int
    answered: int
    alone: int = 0
    """Its failures between which others got through."""


class Blame:
    """The evidence about one service, from all loops that talk to it."""

    def __init__(self) -> None:
        self._evidence: dict[int, _Evidence] = {}
        self._passed = 0
        self._answered = 0

    @property
    def answers(self) -> int:
        """How many readings for everybody have succeeded; whoever compares two values learns of one between."""
        return self._answered

    def accepted(self, item_id: int) -> None:
        """A delivery got through."""
        self._passed += 1
        self._evidence.pop(item_id, None)

    def answered(self) -> None:
        """A reading that was made for everybody, such as a poll, succeeded."""
        self._answered += 1

    def forget(self, item_id: int) -> None:
        """A delivery takes another form, or is over: its tries are counted anew."""
        self._evidence.pop(item_id, None)

    def failed(self, chat_id: int, item_id: int, failure: Failure, now: float) -> Whose:
        """A call for a delivery failed.

        Args:
            chat_id: Whose delivery.
            item_id: Which.
            failure: What happened.
            now: Our clock.
        """
        if failure.code.rpartition(".")[2] in _NEVER_ITS_OWN:
            return Whose.SERVICE
        evidence = self._evidence.get(item_id)
        if evidence is None:
            if len(self._evidence) >= _MOST:
                self._evidence.pop(next(iter(self._evidence)))
            self._evidence[item_id] = _Evidence(
                chat_id, now, self._passed, self._passed, self._answered
            )
            return Whose.SERVICE if self._several_fail() else Whose.UNKNOWN
        by_itself = self._passed > evidence.passed or (
            failure.answered
            and self._answered > evidence.answered
            and not self._others_fail(chat_id)
        )
        evidence.passed, evidence.answered = self._passed, self._answered
        if by_itself:
            if not evidence.alone:
                evidence.since, evidence.passed_at_first = now, self._passed
            evidence.alone += 1
            return Whose.ITEM
        return Whose.SERVICE if self._several_fail() else Whose.UNKNOWN

    def is_exhausted(self, item_id: int, now: float) -> bool:
        """Has a delivery had its tries in its present form, all of them in trouble by itself?

        Args:
            item_id: Which.
            now: Our clock.
        """
        evidence = self._evidence.get(item_id)
        if evidence is None or evidence.alone < LEAST_TRIES:
            return False
        others = self._passed - evidence.passed_at_first
        patience = PATIENCE / (1.0 + others / _HALVED_BY)
        return evidence.alone >= MOST_TRIES or now - evidence.since >= patience

    def _chats(self) -> set[int]:
        """Chats of which something fails, as far as nobody has got past it."""
        return {each.chat_id for each in self._evidence.values() if each.passed >= self._passed}

    def _several_fail(self) -> bool:
        return len(self._chats()) >= SEVERAL

    def _others_fail(self, chat_id: int) -> bool:
        return bool(self._chats() - {chat_id})
