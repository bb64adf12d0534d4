"""Pacing of calls, fair turns, and detection of floods: pure calculations; the caller waits.

Turns: a customer whom an agent has answered must not wait behind ten thousand first-time writers;
but one of those may need help, too. So while both wait, one of every :data:`SHARE` turns goes to a
first-time writer.

Floods are counted in memory only: after a restart every count begins anew. Messages put aside are
in the database, and later messages of their chat wait behind them (store/dialogs.py).
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import OrderedDict, deque
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace


class Pace:
    """Least time between the starts of calls, per key and overall.

    MAX allows 2 messages a second to one chat and 30 requests a second overall (contract max.md
    5.1). A chat is forgotten once its time has passed, so memory is bounded.
    """

    def __init__(self, *, per_key: float, overall: float) -> None:
        """Set the intervals.

        Args:
            per_key: Seconds between two calls with the same key.
            overall: Seconds between any two calls.
        """
        self._per_key = per_key
        self._overall = overall
        self._starts: list[float] = []
        """Starts that are reserved or so recent that they still count, in order."""
        self._next: OrderedDict[int, float] = OrderedDict()

    def reserve(self, key: int | None, now: float) -> float:
        """Reserve the next free slot and return the seconds to wait for it.

        Args:
            key: The chat, or None for a call without a chat.
            now: Monotonic time in seconds.
        """
        self._forget(now)
        start = now
        if key is not None:
            start = max(start, self._next.get(key, 0.0))
        start = self._free_from(start)
        insort(self._starts, start)
        if key is not None:
            self._next[key] = start + self._per_key
            self._next.move_to_end(key)
        return start - now

    def _free_from(self, start: float) -> float:
        """Return the first moment from ``start`` that keeps the interval to every other start."""
        place = bisect_left(self._starts, start - self._overall)
        for taken in self._starts[place:]:
            if taken - start >= self._overall:
                break
            start = max(start, taken + self._overall)
        return start

    def _forget(self, now: float) -> None:
        del self._starts[: bisect_left(self._starts, now - self._overall)]
        while self._next:
            key, free_at = next(iter(self._next.items()))
            if free_at > now:
                return
            del self._next[key]


_APART = 0.02
"""Seconds between two of those who are turned away."""


class Spread:
    """Spread the retries of callers that are turned away, so that they do not come back together.

    However many wait, so few return per second that they delay nobody else.
    """

    def __init__(self, *, least: float, most: float) -> None:
        """Set the bounds.

        Args:
            least: Shortest wait in seconds.
            most: Longest wait in seconds.
        """
        self._least = least
        self._most = most
        self._last = 0.0

    def pause(self, now: float, *, at_least: float = 0.0) -> float:
        """Return the seconds that the next caller waits.

        Args:
            now: Monotonic time in seconds.
            at_least: Seconds before which retrying is pointless.
        """
        first = now + max(self._least, at_least)
        self._last = min(max(first, self._last + _APART), now + max(self._most, at_least))
        return self._last - now


ON_THE_WAY = 0.5
"""Seconds that a request may be on its way; a lost packet costs a fifth of a second, a busy machine more."""


class Arrivals:
    """Keep polls apart by the time they *arrive*: MAX allows 2 a second (contract max.md 1).

    A poll arrives at an unknown time between sending and answer. A quickly answered poll has
    arrived by its answer; one that MAX holds is assumed to arrive within :data:`ON_THE_WAY`. With
    intervals of more than half a second, three polls never arrive within a second, and a poll that
    lasted a second may be followed at once.
    """

    def __init__(self) -> None:
        self._arrived: float | None = None
        self._count = 0

    def answered(self, left: float, at: float) -> None:
        """Record the end of a poll, successful or not.

        Args:
            left: Earliest time when it was sent; monotonic seconds, as all times here.
            at: Now.
        """
        self._arrived = min(at, left + ON_THE_WAY)
        self._count += 1

    def wait(self, now: float, distance: float) -> float:
        """Return the seconds until the next poll may be sent.

        Args:
            now: Monotonic time.
            distance: Seconds between two arrivals. After the first poll it is doubled: a previous
                process may have polled a moment before.
        """
        if self._arrived is None:
            return 0.0
        least = 2 * distance if self._count == 1 else distance
        return max(0.0, self._arrived + least - now)


# --- whose turn is next ----------------------------------------------------------------------------


SHARE = 4
"""Of so many turns one goes to those who come later."""


def in_turn(first: Sequence[int], later: Sequence[int], given: int) -> list[int]:
    """Merge both lists in fair order.

    Args:
        first: Preferred items, in their order.
        later: The others, in their order.
        given: Number of turns given before; it decides who is next.
    """
    rest, others = deque(first), deque(later)
    order: list[int] = []
    while rest and others:
        given += 1
        order.append((rest if given % SHARE else others).popleft())
    return [*order, *rest, *others]


# --- who sends more in an hour than one person writes ----------------------------------------------


HOUR = 3_600_000
"""Milliseconds, as MAX gives times."""
_MOST = 50_000
"""Chats that are remembered, the last ones heard of."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """An event of a customer.

    Attributes:
        chat_id: The chat.
        at: MAX's time in milliseconds.
        content: It brings words for agents; otherwise it is a start or stop, which is handled out
            of turn.
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
    """Count the events of each chat during an hour from the first one."""

    def __init__(self) -> None:
        self._hours: OrderedDict[int, _Hour] = OrderedDict()
        self._next: dict[int, _Hour] = {}

    def put_aside(
        self, arrivals: Iterable[Arrival | None], *, limit: int, waiting: Collection[int]
    ) -> list[bool]:
        """Decide which events of a page are put aside; they count once :meth:`stored` is called.

        Args:
            arrivals: In MAX's order; None for an event that does not count.
            limit: Most events of one chat in an hour; 0 for no limit.
            waiting: Chats with events put aside: their later events wait behind those.
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
        """The page last asked about is committed. An uncommitted page will be delivered again."""
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
