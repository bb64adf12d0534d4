"""The desk's own time, by which undo windows and polling positions are judged."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

SKEW_TOLD = 30.0
"""Seconds by which the clocks may differ before an administrator is told."""


class DeskClock:
    """The desk's time, kept as an offset to ours and renewed by every answer.

    Attributes:
        zone: In which agents read times; None while the desk has not told it.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._offset: float | None = None
        self.zone: tzinfo | None = None

    def use_zone(self, name: str) -> bool:
        """Take over a time zone's name, such as ``Europe/Moscow``; False when this machine has none such."""
        try:
            self.zone = ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            # ValueError: no relative path; OSError: a folder of zones, or a name that is too long.
            return False
        return True

    def local(self, at: float) -> datetime | None:
        """A moment as agents read it; None while their zone is not known."""
        return None if self.zone is None else datetime.fromtimestamp(at, self.zone)

    @property
    def known(self) -> bool:
        """Has any answer told the desk's time yet?"""
        return self._offset is not None

    @property
    def skew(self) -> float:
        """Seconds by which the desk's clock is ahead of ours; 0 while unknown."""
        return self._offset or 0.0

    def set(self, date: float) -> None:
        """Take over the ``Date`` header of an answer that has just arrived.

        It is cut to whole seconds, so this clock runs up to a second behind: a reply never leaves
        too early.
        """
        self._offset = date - self._now()

    def ours(self) -> float:
        """Our own time, for what is not the desk's."""
        return self._now()

    def now(self) -> float:
        """The desk's time now, in seconds since the epoch."""
        return self._now() + self.skew
