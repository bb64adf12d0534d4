"""When to ask the desk what has changed, how its list is walked, and when to read a ticket: pure rules (design.md 6).

A reply may not leave before its undo window is over. So nobody waits longer when it is noticed late,
as long as it is noticed before; and a ticket that is read at that moment needs no reading before it.
A list of changes costs the desk 10 ms, a ticket of 500 threads a second (contract freescout.md 7).

The next page starts at the last row's time instead of at an offset: rows that change or go meanwhile
move the others, and an offset would then skip some (contract freescout.md 7).
"""

from __future__ import annotations

from collections.abc import Sequence
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
