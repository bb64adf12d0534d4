"""How long a delivery waits for one of its files: one rule for both directions.

It depends on the cause of the failure:

=====================================
========================================================================
Cause                                  The file is left out
=====================================
======================================================================== The file itself (too large,
forbidden) at once
Perhaps the file (404, refused)        after :data:`REFUSALS` refusals: the next answer may differ
A silent file host                     ``[files] wait_minutes`` after its trouble began, whoever noticed it first
A slow file host                       if words wait: as long after the first transfer for them began
A file host that answers errors        :data:`LONGEST` after it began; if words wait, after as many as of refusals
A service (MAX, the desk)              the same, not counting its outages
MAX still processes the upload         after :data:`WHILE_MADE` tries
Our disk is full, or we are too busy   never, because the file is not at fault; if words wait, :data:`LONGEST` after
                                       it began
=====================================
========================================================================

A customer's words wait for their files, because one thread has both; a reply's words are sent
alone, so its files have more time. The state is kept in memory: after a restart a file is waited
for anew.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import TypeVar

from maxbridge.core.errors import ApiError, Failure, Kind
from maxbridge.files.failures import FINAL, REFUSALS
from maxbridge.files.hosts import HostWaitsError, is_of_host, is_silence

_V = TypeVar("_V")
LONGEST = 900.0
"""Seconds for which a file waits for a service that answers, only not to this question."""
WHILE_MADE = 7
"""Failed tries after which a link goes instead of a video that MAX is still at work on: half a minute to a minute."""
_NOT_READY = "media.not_ready"
_OURS = "files."
_LEAST_PAUSE = 1.0
_REFUSED_PAUSE = 15.0
"""Seconds between two tries of what was refused, where words wait: a file that was deleted does not come back."""
_LEAST_TRANSFER = 60.0
"""Seconds that every transfer may take: with ``wait_minutes = 0`` nothing is waited for that does not come."""
_MOST_REMEMBERED = 10_000


@dataclass(slots=True)
class _Wait:
    first: float
    """When it failed first, our clock."""
    since: float
    """Seconds waited, not counting outages of the service."""
    answers: int
    """Number of the service's answered readings at the last failure."""
    refusals: int = 0
    made: int = 0
    """Tries while MAX was processing it."""


@dataclass(frozen=True, slots=True)
class StillWaits:
    """The delivery should wait for the file.

    Attributes:
        pause: Seconds to wait; None for the usual backoff.
        away: Its host is known to be in trouble.
    """

    pause: float | None
    away: bool


class FilePatience:
    """The failed files of one direction."""

    def __init__(
        self,
        *,
        wait: float,
        words_wait: bool,
        now: Callable[[], float],
        answers: Callable[[str], int],
    ) -> None:
        """Create it without files.

        Args:
            wait: Seconds for which a file waits while its host is silent.
            words_wait: A delivery's words wait for its files.
            now: Our clock.
            answers: Number of readings that a service (``max``, ``desk``) has answered so far.
        """
        self._wait = wait
        self._words_wait = words_wait
        self._now = now
        self._answers = answers
        self._waits: dict[Hashable, _Wait] = {}
        self._began: dict[Hashable, float] = {}

    def left(self, key: Hashable) -> float:
        """Return the seconds that a transfer may take if words wait for it, counted from the first one.

        A slow host is never silent, so silence alone is no limit.

        Args:
            key: As for :meth:`failed`.
        """
        now = self._now()
        began = min(self._began.get(key, now), now)  # the clock may have been set back
        _keep(self._began, key, began)
        return max(began + self._wait - now, _LEAST_TRANSFER)

    def failed(self, key: Hashable, error: ApiError) -> StillWaits | None:
        """Record a failed file; None if it must be left out.

        After that a key is not waited for again until :meth:`over`.

        Args:
            key: The file, or the files that are tried together.
            error: The failure.
        """
        failure, now = error.failure, self._now()
        if failure.code in FINAL:
            return None
        wait = self._waited(key, failure)
        lasts = error.lasts if isinstance(error, HostWaitsError) else 0.0
        lasts = max(lasts, now - self._began.get(key, now))
        left = self._left(wait, failure, now, lasts)
        if left <= 0:
            return None
        if not isinstance(error, HostWaitsError):
            refused = failure.kind is Kind.PERMANENT and is_of_host(failure.code)
            refused = refused and self._words_wait
            return StillWaits(_REFUSED_PAUSE if refused else None, away=False)
        away = not failure.code.startswith(_OURS)
        return StillWaits(min(error.pause, max(left, _LEAST_PAUSE)), away)

    def over(self, key: Hashable) -> None:
        """Record that it was transferred or left out."""
        self._waits.pop(key, None)
        self._began.pop(key, None)

    def _waited(self, key: Hashable, failure: Failure) -> _Wait:
        now = self._now()
        answers = self._answers(failure.code.partition(".")[0])
        wait = self._waits.get(key)
        if wait is None or wait.first > now:  # the clock was set back
            wait = _Wait(now, now, answers)
            _keep(self._waits, key, wait)
        works = wait.answers != answers
        if not works or wait.since > now:
            wait.since = now
        wait.answers = answers
        wait.made += failure.code == _NOT_READY
        wait.refusals += failure.kind is Kind.PERMANENT or self._is_refusal(failure, works=works)
        return wait

    def _is_refusal(self, failure: Failure, *, works: bool) -> bool:
        """Whether an error counts as a refusal because words wait for a better answer.

        Args:
            failure: The error.
            works: Its service has answered others since the last try.
        """
        if not self._words_wait or is_silence(failure.code) or failure.code == _NOT_READY:
            return False
        return is_of_host(failure.code) or (works and not failure.code.startswith(_OURS))

    def _left(self, wait: _Wait, failure: Failure, now: float, lasts: float) -> float:
        """Return the seconds for which it is still waited for."""
        if wait.refusals >= REFUSALS or wait.made >= WHILE_MADE:
            return 0.0
        if failure.code.startswith(_OURS):
            return wait.first + LONGEST - now if self._words_wait else LONGEST
        if is_silence(failure.code):
            return min(wait.first, now - lasts) + self._wait - now
        return wait.since + LONGEST - now


def _keep(memory: dict[Hashable, _V], key: Hashable, value: _V) -> None:
    if len(memory) >= _MOST_REMEMBERED and key not in memory:
        memory.clear()
    memory[key] = value
