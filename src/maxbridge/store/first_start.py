"""The very first start, kept until its first polls are stored: when it was, and what came before it.

All of it is in ``meta``: a restart before the first poll goes on with the start that was.
"""

from __future__ import annotations

from maxbridge.core.keys import SKIP, STARTED
from maxbridge.store.db import Database
from maxbridge.store.meta import MetaTable

_BEGUN = "first_start"
"""When the first start was, our clock, seconds since the epoch."""
_CUTOFF = "first_start_max"
"""The moment from which on events are new, MAX's milliseconds."""


class FirstStartStore:
    """Transactions of the first start."""

    def __init__(self, database: Database, meta: MetaTable) -> None:
        self._db = database
        self._meta = meta

    def begun_at(self) -> float | None:
        """When the first start was, our clock; None when that is not to be known (any more)."""
        value = self._meta.value(_BEGUN)
        return None if value is None else float(value)

    def begin(self, at: float) -> None:
        """Maxbridge starts. Only the first one counts, and none once MAX has been polled.

        Args:
            at: Our clock.
        """
        if self.begun_at() is None and (not self.is_decided() or self.skips()):
            self._meta.put(_BEGUN, repr(at))

    def refused(self) -> None:
        """The start was refused, so it was none: the one after the settings are mended counts."""
        if not self.is_decided():
            self._meta.drop(_BEGUN)

    def is_decided(self) -> bool:
        """Is it decided what becomes of the events of before?"""
        return self._meta.value(STARTED) == "yes"

    def decide(self, *, skip: bool) -> None:
        """MAX is about to be polled: are events of before the start to be passed over?"""
        with self._db.transaction():
            self._meta.put(SKIP, "yes" if skip else "no")
            self._meta.put(STARTED, "yes")

    def skips(self) -> bool:
        """May what MAX gives still be of before a start that passes that over?"""
        return self._meta.value(SKIP) == "yes"

    def cutoff(self) -> int | None:
        """The moment from which on events are new, MAX's milliseconds; None while unknown."""
        value = self._meta.value(_CUTOFF)
        return None if value is None else int(value)

    def set_cutoff(self, cutoff: int) -> None:
        """Remember that moment: from now on no clock of ours matters for it."""
        self._meta.put(_CUTOFF, str(cutoff))
