"""Pacing of calls, whose turn is next, and who sends too much: pure calculations; waiting is the caller's.

Turns: a customer whom an agent has answered must not wait behind ten thousand who write for the first time; but one of
those ten thousand may be in need, too. So of every :data:`SHARE` turns one is theirs while both wait.

Floods are counted in memory only: after a restart everybody has their hour anew. What was put aside is in the database, and so
is that a chat's later messages wait behind it (store/dialogs.py).
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import OrderedDict, deque
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace


class Pace:
    """Least distance between the starts of calls, per key and over all keys.

    MAX allows 2 messages a second to one chat and 30 requests a second over all (contract max.md
    5.1); a chat that has been quiet for its distance is forgotten, so memory is bounded.
    """

    def __init__(self, *, per_key: float, overall: float) -> None:
        """Set the distances.

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
        """Reserve the next free slot and return how many seconds to wait for it.

        Args:
            key: The chat, or None for a call that belongs to no chat.
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
        """The first moment from ``start`` on that keeps its distance to every other start."""
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
    """Times for those who are turned away: each gets one of its own, so that they do not come back together.

    However many wait, there are so few of them a second that what they cost delays nobody.
    """

    def __init__(self, *, least: float, most: float) -> None:
        """Set the bounds.

        Args:
            least: Seconds that each waits at least.
            most: Seconds that each waits at most.
        """
        self._least = least
        self._most = most
        self._last = 0.0

    def pause(self, now: float, *, at_least: float = 0.0) -> float:
        """Seconds that the next one waits.

        Args:
            now: Monotonic time in seconds.
            at_least: Seconds before which coming back makes no sense.
        """
        first = now + max(self._least, at_least)
        self._last = min(max(first, self._last + _APART), now + max(self._most, at_least))
        return self._last - now


ON_THE_WAY = 0.5
"""Seconds that a request may be on its way; a lost packet costs a fifth of a second, a busy machine more."""


class Arrivals:
    """Keeps the polls apart where they *arrive*: MAX allows 2 a second (contract max.md 1).

    When a poll arrives nobody tells: after it has left, and before it is answered. One that is answered
    soon has arrived by then; of one that MAX holds for long it is believed that it was not on its way for
    longer than :data:`ON_THE_WAY`. So with distances of more than half a second no three polls ever arrive
    within a second, and a poll that has lasted a second may be followed at once.
    """

    def __init__(self) -> None:
        self._arrived: float | None = None
        self._count = 0

    def answered(self, left: float, at: float) -> None:
        """A poll has ended, well or not.

        Args:
            left: When it left at the earliest; monotonic time in seconds, as all here.
            at: Now.
        """
        self._arrived = min(at, left + ON_THE_WAY)
        self._count += 1

    def wait(self, now: float, distance: float) -> float:
        """Seconds until the next poll may leave.

        Args:
            now: Monotonic time.
            distance: Seconds between two arrivals. After the first poll it is twice that: a process that
                worked before this one may have polled a moment before.
        """
        if self._arrived is None:
            return 0.0
        least = 2 * distance if self._count == 1 else distance
        return max(0.0, self._arrived + least - now)


# --- whose turn is next ----------------------------------------------------------------------------


SHARE = 4
"""Of so many turns one goes to those who come later."""


def in_turn(first: Sequence[int], later: Sequence[int], given: int) -> list[int]:
    """Both in one order.

    Args:
        first: Those who come first, in their order.
        later: Those who come later, in theirs.
        given: How many turns were given before: it says whose the next one is.
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
