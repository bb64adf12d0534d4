"""What the connection to MAX tells beside its answers: MAX's own time, and when the last poll left."""

from __future__ import annotations

import asyncio
from datetime import UTC
from email.utils import parsedate_to_datetime

POLL = "/updates"


class Timing:
    """Both transports of a client report here; one that reports nothing leaves everything unknown.

    Attributes:
        left_at: When the last poll was written to the connection, by the event loop's clock; a poll that is
            called for may have to wait for a connection first. None before any.
    """

    def __init__(self) -> None:
        self.left_at: float | None = None
        self._ahead: float | None = None

    def left(self, path: str) -> None:
        """A request has just been written to the connection."""
        if path == POLL:
            self.left_at = _steady()

    def heard(self, date: str) -> None:
        """Take over the ``Date`` header of an answer that has just arrived.

        Args:
            date: As HTTP has it; what is no date is passed over.
        """
        try:
            told = parsedate_to_datetime(date)
        except (ValueError, TypeError, OverflowError):
            return
        if told.tzinfo is None:  # it says -0000; HTTP knows GMT only
            told = told.replace(tzinfo=UTC)
        self._ahead = told.timestamp() - _steady()

    def now(self) -> float | None:
        """MAX's time in seconds since the epoch, None while unknown.

        It is up to a second behind, and by the time that an answer is on its way: never ahead.
        """
        return None if self._ahead is None else _steady() + self._ahead


def _steady() -> float:
    return asyncio.get_running_loop().time()
