"""When to ask the desk what has changed, how its list is walked, and when to read a ticket: pure rules (design.md 6).

A reply may not leave before its undo window is over. So nobody waits longer when it is noticed late,
as long as it is noticed before; and a ticket that is read at that moment needs no reading before it.
A list of changes costs the desk 10 ms, a ticket of 500 threads a second (contract freescout.md 7).

The next page starts at the last row's time instead of at an offset: rows that change or go meanwhile
move the others, and an offset would then skip some (contract freescout.md 7).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from maxbridge.core.events import Conversation
from maxbridge.core.plan_outbound import OutboundPolicy

BUSY_FOR = 60.0
"""Seconds for which a talk goes on after a ticket of ours has changed."""
QUIET_AFTER = 600.0
_BUSY_SHARE = 0.4
_QUIET_TIMES = 3.0
_MARGIN = 2.0
"""Seconds that a request and its answer may take, and still notice a reply before its window ends."""


@dataclass(frozen=True, slots=True)
class PollingPolicy:
    """How often to ask.

    Attributes:
        interval: Seconds between two polls (``[freescout] poll_interval``).
        outbound: Knows the undo window.
    """

    interval: float
    outbound: OutboundPolicy

    def pause(self, quiet_for: float) -> float:
        """Seconds until the next poll.

        Without an undo window, or with a short one, asking more often brings replies sooner. With a
        longer one it brings nothing, and in quiet times asking less often costs nothing.

        Args:
            quiet_for: Seconds since a ticket of ours last changed.
        """
        hidden = self.outbound.window - _MARGIN
        if hidden < self.interval:
            return self.interval * (_BUSY_SHARE if quiet_for <= BUSY_FOR else 1.0)
        if quiet_for <= QUIET_AFTER:
            return self.interval
        return min(self.interval * _QUIET_TIMES, hidden)

    def read_at(self, row: Conversation, *, agent_was_there: bool, desk_now: float) -> float:
        """The desk's time at which a ticket with news is to be read.

        What an agent did at ``userUpdatedAt`` may be a reply; it cannot leave before its window
        ends, so one reading then does for noticing, for undoing and for files that appear late.

        Args:
            row: The ticket in the list of changes.
            agent_was_there: Is it an agent's activity that is news?
            desk_now: The desk's time.
        """
        if not agent_was_there or row.user_updated_at is None or row.state == "deleted":
            return desk_now  # an edit, or a merge that the survivor's replies wait for
        # The desk's clock may have been set back since: nobody waits longer than a whole window.
        return min(max(row.user_updated_at, desk_now - self.outbound.window), desk_now) + (
            self.outbound.window
        )


# --- The way through a list of the desk that is ordered by time and changes while it is read: pure.


class Walk:
    """Where the next page starts, and how long it is.

    Attributes:
        start: Desk time from which the page is asked for; a row may come twice.
        size: Rows to ask for.
    """

    def __init__(self, start: float, page_size: int) -> None:
        self.start = start
        self.size = page_size
        self._page_size = page_size

    def goes_on(self, times: Sequence[float]) -> bool:
        """Move on behind a page; False when the list ended with it.

        Args:
            times: Those of the page's rows, ascending.
        """
        if len(times) < self.size:
            return False
        last = times[-1]
        # More rows of one second than fit on a page: a longer page is the only way past them.
        self.size = self.size * 2 if last <= self.start else self._page_size
        self.start = max(self.start, last)
        return True

    def skip_to(self, start: float) -> None:
        """Go on at a later time: what lies between is known."""
        self.start, self.size = start, self._page_size


_Row = tuple[float, int]
"""A row's time, in whole seconds, and its id."""


class Passed:
    """Stretches of the list that were walked and hold nothing of ours: they are counted, not listed again.

    A bulk change moves hundreds of rows into the last minute, which is listed at every poll, because a row may be
    committed later than its time says. Such a row makes the stretch longer, so the number of its rows tells;
    those that have left it since are met further on. A stretch has only rows on which nothing depends: no ticket
    of ours, none that has to be looked at again.
    """

    def __init__(self, least: int) -> None:
        """Keep stretches.

        Args:
            least: Rows of one, fewer are listed again.
        """
        self._least = least
        self._stretches: list[list[_Row]] = []
        self._rows: dict[int, tuple[float, int, bool]] = {}
        """What the present walk has met, by id: time, part of the walk, and does nothing depend on it?"""
        self._left_out: list[tuple[list[_Row], float, int]] = []
        """Stretches that the present walk has passed, from which time on, and how many rows are there now."""

    def begin(self) -> None:
        """A new walk."""
        self._rows, self._left_out = {}, []

    def saw(self, rows: Iterable[tuple[int, float, bool]]) -> None:
        """Rows of a page of the walk: id, time, and does nothing depend on it?"""
        part = len(self._left_out)
        self._rows |= {one: (time // 1, part, idle) for one, time, idle in rows}

    def ahead(self, start: float) -> float | None:
        """Where the stretch ends in which a walk stands; None when it stands in none that is worth it."""
        for stretch in self._stretches:
            count = len(stretch) - bisect_left(stretch, (start // 1, 0))
            if stretch[0][0] <= start // 1 and count >= self._least:
                return stretch[-1][0] + 1.0
        return None

    def passes(self, start: float, end: float, there: int) -> bool:
        """May the walk go on behind a stretch? Else it has other rows by now, and is walked.

        Args:
            start: Where the walk stands.
            end: Where the stretch ends.
            there: How many rows the desk has from ``start`` on up to that.
        """
        stretch = next(each for each in self._stretches if each[-1][0] + 1.0 == end)
        if there > len(stretch) - bisect_left(stretch, (start // 1, 0)):
            self._stretches.remove(stretch)
            return False
        self._left_out.append((stretch, start // 1, there))
        return True

    def end(self, since: float, now: float) -> bool:
        """The walk has come to its end: keep its stretches, and of those of before what may be met again.

        Args:
            since: Nothing older is asked for again but by a sweep.
            now: The desk's time when the walk began: a second that was not over may get more rows.

        Returns:
            False when a stretch that was passed holds a row that nobody has seen: the walk has to be made again,
            and will not pass it.
        """
        for stretch, start, there in self._left_out:
            stayed = [each for each in stretch if self._is_there(each)]
            if there != len(stayed) - bisect_left(stayed, (start, 0)):
                self._stretches.remove(stretch)
                return False
        kept = [
            [each for each in one if self._is_there(each)]
            for one in self._stretches
            if all(self._is_idle(each) for each in one)
        ]
        kept = [each for each in kept if len(each) >= self._least and each[-1][0] >= since // 1]
        for run in self._runs(now // 1):
            met = any(one[0][0] <= run[-1][0] and run[0][0] <= one[-1][0] for one in kept)
            if len(run) >= self._least and not met:
                kept.append(run)
        self._stretches = sorted(kept)
        return True

    def _is_there(self, row: _Row) -> bool:
        """Was it not met elsewhere in this walk?"""
        met = self._rows.get(row[1])
        return met is None or met[0] == row[0]

    def _is_idle(self, row: _Row) -> bool:
        met = self._rows.get(row[1])
        return met is None or met[0] != row[0] or met[2]

    def _runs(self, before: float) -> list[list[_Row]]:
        """Rows of whole seconds in a row of which nothing depends on any."""
        seconds: dict[tuple[int, float], list[int]] = {}
        for one, (time, part, _) in self._rows.items():
            seconds.setdefault((part, time), []).append(one)
        runs: list[list[_Row]] = [[]]
        last = 0
        for part, time in sorted(seconds):
            ids = seconds[part, time]
            idle = time < before and all(self._rows[one][2] for one in ids)
            if not idle or part != last:
                runs.append([])
            if idle:
                runs[-1] += [(time, one) for one in sorted(ids)]
            last = part
        return [run for run in runs if run]
