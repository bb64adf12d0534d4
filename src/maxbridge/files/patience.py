"""How long a delivery waits for one of its files: one rule for both directions.

A file that cannot be had or brought now is somebody's trouble, and whose decides how long it is waited for:

=====================================  ========================================================================
Whose                                  The file is left behind
=====================================  ========================================================================
The file's own (too large, forbidden)  at once
The file's, perhaps (404, refused)     after :data:`REFUSALS` refusals: the next answer may be another one
A host of files that is silent         ``[files] wait_minutes`` after its trouble began, whoever noticed that first
A host of files that is slow           where words wait, the same after the first transfer for them began
A host of files that answers errors    :data:`LONGEST` after it began; where words wait, after as many as of refusals
A service (MAX, the desk)              the same, with its outages left out
MAX that is still at work on it        after :data:`WHILE_MADE` tries
Ours: the disk is full, or too busy    never, for it is no fault of the file's; where words wait, :data:`LONGEST` after
                                       it began
=====================================  ========================================================================

A customer's words wait for their files, because one thread has both; a reply's words leave alone, so its files have
more time. What is known here is kept in memory: after a restart a file is waited for anew.
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
    """The same, with outages of the service left out."""
    answers: int
    """How often the service had answered a reading at the last failure."""
    refusals: int = 0
    made: int = 0
    """Tries while MAX was at work on it."""


@dataclass(frozen=True, slots=True)
class StillWaits:
    """A file is worth waiting for.

    Attributes:
        pause: Seconds to wait; None for the usual pause after a failed try.
        away: Its host is known to be in trouble.
    """

    pause: float | None
    away: bool


class FilePatience:
    """What is known of the files of one direction that failed."""

    def __init__(
        self,
        *,
        wait: float,
        words_wait: bool,
        now: Callable[[], float],
        answers: Callable[[str], int],
    ) -> None:
        """Begin without any.

        Args:
            wait: Seconds for which a file waits while its host is silent.
            words_wait: The words of a delivery wait for its files.
            now: Our clock.
            answers: How often a service (``max``, ``desk``) has answered a reading so far.
        """
        self._wait = wait
        self._words_wait = words_wait
        self._now = now
        self._answers = answers
        self._waits: dict[Hashable, _Wait] = {}
        self._began: dict[Hashable, float] = {}

    def left(self, key: Hashable) -> float:
        """Seconds that a transfer may take, where words wait for it; their wait begins with the first one.

        A host may do its work so slowly that it is never silent.

        Args:
            key: As for :meth:`failed`.
        """
        now = self._now()
        began = min(self._began.get(key, now), now)  # the clock may have been set back
        _keep(self._began, key, began)
        return max(began + self._wait - now, _LEAST_TRANSFER)

    def failed(self, key: Hashable, error: ApiError) -> StillWaits | None:
        """A file could not be carried; None when it is left behind.

        What has waited long enough under a key does not wait again, until it is :meth:`over`.

        Args:
            key: Which file, or which files that are tried together.
            error: Why.
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
        """It was carried, or left behind."""
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
        """Is an error as good as a refusal, because words wait for a better answer?

        Args:
            failure: It.
            works: Its service has answered others since the last try.
        """
        if not self._words_wait or is_silence(failure.code) or failure.code == _NOT_READY:
            return False
        return is_of_host(failure.code) or (works and not failure.code.startswith(_OURS))

    def _left(self, wait: _Wait, failure: Failure, now: float, lasts: float) -> float:
        """Seconds for which it is still waited for."""
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
