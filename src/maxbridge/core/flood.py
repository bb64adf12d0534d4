"""Who sends more in an hour than one person writes: pure, by MAX's own time.

Counted in memory only: after a restart everybody has their hour anew. What was put aside is in the database, and so
is that a chat's later messages wait behind it (store/floods.py).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

HOUR = 3_600_000
"""Milliseconds, as MAX gives times."""
_MOST = 50_000
"""Chats that are remembered, the last ones heard of."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One event of a customer's.

    Attributes:
        chat_id: Whose.
        at: MAX's time of it, milliseconds.
        content: It brings words for agents; else it says that the customer came or went, which is done out of turn.
    """

    chat_id: int
    at: int
    content: bool = True


@dataclass(frozen=True, slots=True)
class _Hour:
    began: int
    count: int = 0
    over: bool = False


class FloodCounter:
    """Counts the events of each chat, an hour from the first one on."""

    def __init__(self) -> None:
        self._hours: OrderedDict[int, _Hour] = OrderedDict()
        self._next: dict[int, _Hour] = {}

    def put_aside(
        self, arrivals: Iterable[Arrival | None], *, limit: int, waiting: Collection[int]
    ) -> list[bool]:
        """Say which events of a page are put aside; they count once :meth:`stored` is called.

        Args:
            arrivals: In MAX's order; None for what is not counted.
            limit: Events of one chat in an hour; 0 for no limit.
            waiting: Chats of which something is put aside: what they say next waits behind it.
        """
        self._next = {}
        behind = set(waiting)
        aside: list[bool] = []
        for each in arrivals:
            over = each is not None and self._is_over(each, limit, each.chat_id in waiting)
            waits = over or (each is not None and each.content and each.chat_id in behind)
            if waits and each is not None:
                behind.add(each.chat_id)
            aside.append(waits)
        return aside

    def stored(self) -> None:
        """The page that was asked about last is in the database; what is not comes again."""
        for chat_id, hour in self._next.items():
            self._hours[chat_id] = hour
            self._hours.move_to_end(chat_id)
        while len(self._hours) > _MOST:
            self._hours.popitem(last=False)
        self._next = {}

    def _is_over(self, arrival: Arrival, limit: int, waits: bool) -> bool:
        if not limit:
            return False
        known = self._next.get(arrival.chat_id)
        hour = known or self._hours.get(arrival.chat_id)
        # What was put aside and waits no more has been let go on: the hour begins anew.
        released = hour is not None and hour.over and not waits and known is None
        if hour is None or released or not 0 <= arrival.at - hour.began < HOUR:
            hour = _Hour(arrival.at)
        count = hour.count + 1
        self._next[arrival.chat_id] = replace(hour, count=count, over=hour.over or count > limit)
        return count > limit
