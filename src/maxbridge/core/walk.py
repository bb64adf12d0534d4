"""The way through a list of the desk that is ordered by time and changes while it is read: pure.

The next page starts at the last row's time instead of at an offset: rows that change or go meanwhile
move the others, and an offset would then skip some (contract freescout.md 7).
"""

from __future__ import annotations

from collections.abc import Sequence


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
