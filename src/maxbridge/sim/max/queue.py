"""The bot's one queue of events and what a marker means in it (contract max.md 1)."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Collection
from dataclasses import dataclass
from random import Random
from typing import Any, Literal, NamedTuple

from maxbridge.sim.wire import Now

FIRST_MARKER = 18_000_101
KEPT_SECONDS = 24 * 3600.0


class Queued(NamedTuple):
    """One event and its place in the queue."""

    position: int
    at: float
    event: Any


class Page(NamedTuple):
    """What one poll gives: the events and the position after the last one looked at."""

    events: list[Any]
    marker: int


@dataclass(slots=True)
class Unruly:
    """What the documentation warns of without saying how often it happens (contract max.md 1).

    Attributes:
        rng: Decides; seeded, so that a run can be repeated.
        repeat: Chance that with a new event one of the last ones is queued once more.
        swap: Chance that a new event takes the place of the one before, if nobody was given that.
        rewind: Chance that a poll is answered from an older position than its marker.
        depth: How many events back ``repeat`` and ``rewind`` reach.
    """

    rng: Random
    repeat: float = 0.0
    swap: float = 0.0
    rewind: float = 0.0
    depth: int = 20

    def happens(self, chance: float) -> bool:
        """Roll the dice."""
        return self.rng.random() < chance


class EventQueue:
    """Events by position. Positions only grow; a marker is the position of the next expected one.

    Attributes:
        no_marker: What a poll without a marker gives: only the ``latest`` event that was not
            acknowledged (the documentation since May 2026), or ``all`` of them (before).
        keep_acknowledged: Whether an old marker brings acknowledged events again; MAX is said to
            deliver at least once, and nobody documents when it really forgets.
        acknowledged: Everything before this position was read.
        next: The position of the next event to come.
        unruly: How badly it behaves; None for not at all.
    """

    def __init__(self, now: Now) -> None:
        self.no_marker: Literal["latest", "all"] = "latest"
        self.keep_acknowledged = True
        self.acknowledged = FIRST_MARKER
        self.next = FIRST_MARKER
        self.unruly: Unruly | None = None
        self._given = FIRST_MARKER
        """Nobody was given anything from this position on, and nothing was passed over."""
        self._now = now
        self._events: list[Queued] = []
        self._arrival = asyncio.Event()

    def push(self, event: Any) -> None:
        """Queue an event as it is now; later changes of its parts do not reach it."""
        self._append(self._now(), copy.deepcopy(event))
        unruly = self.unruly
        if unruly is not None:
            if unruly.happens(unruly.swap) and self._given <= self.next - 2 and self._events[:-1]:
                self.swap_last()
            if unruly.happens(unruly.repeat):
                _, at, again = unruly.rng.choice(self._events[-unruly.depth :])
                self._append(at, again)
        self._wake()

    def last(self) -> Any:
        """Give the newest event, for who delivers by webhook."""
        return self._events[-1].event

    def repeat_last(self) -> None:
        """Queue the last event once more: MAX may deliver twice (contract max.md 1)."""
        self.push(self._events[-1].event)

    def swap_last(self) -> None:
        """Exchange the last two events, since order is not promised (contract max.md 1)."""
        last, before = self._events.pop(), self._events.pop()
        self._events.append(before._replace(event=last.event))
        self._events.append(last._replace(event=before.event))

    def kept(self) -> list[Any]:
        """Give all events that are not yet a day old."""
        self._forget()
        return [queued.event for queued in self._events]

    def waiting(self) -> list[Any]:
        """Give the events that nobody has acknowledged."""
        self._forget()
        return [one.event for one in self._events if one.position >= self.acknowledged]

    def acknowledge(self, marker: int) -> None:
        """Take everything before the marker as read; a lower marker takes nothing back."""
        self.acknowledged = min(max(self.acknowledged, marker), self.next)

    def start(self, marker: int | None) -> int:
        """Say at which position a poll begins."""
        self._forget()
        if marker is None:
            if self.no_marker == "all" or self.acknowledged >= self.next:
                return self.acknowledged
            return self.next - 1
        unruly = self.unruly
        if unruly is not None and unruly.happens(unruly.rewind):
            return max(FIRST_MARKER, marker - unruly.rng.randint(1, unruly.depth))
        return marker if self.keep_acknowledged else max(marker, self.acknowledged)

    def read(self, start: int, limit: int, types: Collection[str] | None) -> Page:
        """Collect up to ``limit`` events; those of other types are passed over and lost."""
        self._forget()
        found: list[Any] = []
        oldest = self._now() - KEPT_SECONDS
        first = self._events[0].position if self._events else self.next
        for position in range(max(start, first), self.next):
            if len(found) == limit:
                return Page(found, position)
            _, at, event = self._events[position - first]
            # Also where it is passed over: whatever came into this place would be acknowledged unread.
            self._given = max(self._given, position + 1)
            if at < oldest:
                continue  # told again, it is forgotten with the first one
            if types is None or _type(event) in types:
                found.append(event)
        return Page(found, max(start, self.next))

    async def wait(
        self, start: int, limit: int, types: Collection[str] | None, seconds: float
    ) -> Page:
        """Read as soon as there is something, or an empty page after ``seconds``."""
        page = self.read(start, limit, types)
        if page.events or seconds <= 0:
            return page
        try:
            async with asyncio.timeout(seconds):
                while not page.events:
                    await self._arrival.wait()
                    page = self.read(start, limit, types)
        except TimeoutError:
            pass
        return page

    def _append(self, at: float, event: Any) -> None:
        self._events.append(Queued(self.next, at, event))
        self.next += 1

    def _wake(self) -> None:
        # Those who wait hold the old flag; each arrival has a flag of its own.
        arrived, self._arrival = self._arrival, asyncio.Event()
        arrived.set()

    def _forget(self) -> None:
        oldest = self._now() - KEPT_SECONDS
        gone = 0
        while gone < len(self._events) and self._events[gone].at < oldest:
            gone += 1
        del self._events[:gone]


def _type(event: Any) -> Any:
    return event.get("update_type") if isinstance(event, dict) else None
