"""When to poll the desk's list of changes, how to walk it, and when to read a ticket: pure rules (design.md 6).

A reply may not be sent before its undo window is over, so noticing it late delays nobody if it is
noticed before that; and a ticket read at that moment needs no earlier reading. A list of changes
costs the desk 10 ms, a ticket of 500 threads a second (contract freescout.md 7).

The next page starts at the last row's time instead of at an offset: rows that change or disappear
meanwhile shift the others, and an offset would skip some (contract freescout.md 7).
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
    """How often to poll.

    Attributes:
        interval: Seconds between two polls (``[freescout] poll_interval``).
        outbound: The settings for replies, with the undo window.
    """

    interval: float
    outbound: OutboundPolicy

    def pause(self, quiet_for: float) -> float:
        """Return the seconds until the next poll.

        Without an undo window, or with a short one, polling more often sends replies sooner. With a
        longer one it does not, and in quiet times polling less often costs nothing.

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
        """Return the desk time at which a changed ticket is to be read.

        An agent's activity at ``userUpdatedAt`` may be a reply; it cannot be sent before its window
        ends, so one reading then serves noticing, undo and files that appear late.

        Args:
            row: The ticket in the list of changes.
            agent_was_there: The change is an agent's activity.
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
    """Where the next page starts, and its size.

    Attributes:
        start: Desk time from which the page is requested; a row may come twice.
        size: Rows to request.
    """

    def __init__(self, start: float, page_size: int) -> None:
        self.start = start
        self.size = page_size
        self._page_size = page_size

    def goes_on(self, times: Sequence[float]) -> bool:
        """Advance past a page; False if it was the last one.

        Args:
            times: The times of the page's rows, ascending.
        """
        if len(times) < self.size:
            return False
        last = times[-1]
        # More rows of one second than fit on a page: a longer page is the only way past them.
        self.size = self.size * 2 if last <= self.start else self._page_size
        self.start = max(self.start, last)
        return True

    def skip_to(self, start: float) -> None:
        """Continue at a later time: the rows in between are known."""
        self.start, self.size = start, self._page_size


_Row = tuple[float, int]
"""A row's time, in whole seconds, and its id."""


class Passed:
    """Stretches of the list without rows that matter to us: they are counted instead of listed again.

    A bulk change moves hundreds of rows into the last minute, which is listed at every poll because
    a row may be committed later than its time. Such a row increases the stretch's number of rows;
    rows that left the stretch appear further on. A stretch has only rows that do not matter: no
    ticket of ours, none that must be examined again.
    """

    def __init__(self, least: int) -> None:
        """Create an empty set of stretches.

        Args:
            least: Rows of the shortest stretch; fewer are listed again.
        """
        self._least = least
        self._stretches: list[list[_Row]] = []
        self._rows: dict[int, tuple[float, int, bool]] = {}
        """What the present walk has met, by id: time, part of the walk, and does nothing depend on it?"""
        self._left_out: list[tuple[list[_Row], float, int]] = []
        """Stretches that the present walk has passed, from which time on, and how many rows are there now."""

    def begin(self) -> None:
        """Begin a new walk."""
        self._rows, self._left_out = {}, []

    def saw(self, rows: Iterable[tuple[int, float, bool]]) -> None:
        """Record a page's rows: id, time, and whether the row does not matter."""
        part = len(self._left_out)
        self._rows |= {one: (time // 1, part, idle) for one, time, idle in rows}

    def ahead(self, start: float) -> float | None:
        """Return where the stretch ends in which the walk stands; None if it stands in none worth skipping."""
        for stretch in self._stretches:
            count = len(stretch) - bisect_left(stretch, (start // 1, 0))
            if stretch[0][0] <= start // 1 and count >= self._least:
                return stretch[-1][0] + 1.0
        return None

    def passes(self, start: float, end: float, there: int) -> bool:
        """Whether the walk may skip a stretch; otherwise its rows have changed and are walked.

        Args:
            start: Where the walk stands.
            end: Where the stretch ends.
            there: How many rows the desk has between the two.
        """
        stretch = next(each for each in self._stretches if each[-1][0] + 1.0 == end)
        if there > len(stretch) - bisect_left(stretch, (start // 1, 0)):
            self._stretches.remove(stretch)
            return False
        self._left_out.append((stretch, start // 1, there))
        return True

    def end(self, since: float, now: float) -> bool:
        """Finish the walk: keep its stretches, and earlier ones that may be met again.

        Args:
            since: Older rows are requested only by a sweep.
            now: The desk's time when the walk began; rows may still be added in that second.

        Returns:
            False if a skipped stretch has a row that was never seen: the walk must be repeated, and
            will then not
            skip it.
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
        """Whether the row was not met elsewhere in this walk."""
        met = self._rows.get(row[1])
        return met is None or met[0] == row[0]

    def _is_idle(self, row: _Row) -> bool:
        met = self._rows.get(row[1])
        return met is None or met[0] != row[0] or met[2]

    def _runs(self, before: float) -> list[list[_Row]]:
        """Group consecutive whole seconds whose rows do not matter."""
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
