"""Notices when events of MAX may be missing, writes it down and says it loudly, once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from maxbridge.advice import advice
from maxbridge.core.plan_backfill import Gap, judge_silence
from maxbridge.observe import log
from maxbridge.store.backfill import BackfillStore

_POLLED_EVERY = 60.0
"""Seconds between two notes of when MAX was asked: an idle bridge leaves the disk in peace."""


class GapWatch:
    """Judges the time since the last poll that was stored."""

    def __init__(
        self, backfill: BackfillStore, *, now: Callable[[], float], noticed: Callable[[], None]
    ) -> None:
        """Prepare it.

        Args:
            backfill: Where gaps are written down.
            now: Our clock.
            noticed: Called when a gap was written down: histories are to be read.
        """
        self._backfill = backfill
        self._now = now
        self._noticed = noticed
        self._log: Any = log.get("gap_watch")
        self._last: tuple[float, float] | None = None
        """The last poll of this process, by our clock and by the steady one."""
        self._written: float | None = None
        self._webhook = False

    def suspects(self) -> bool:
        """Will :meth:`look` find a gap? Then the poll is not to wait for events."""
        return self._judge()[0] is not None

    def detect(self) -> None:
        """Judge the silence; to be called when MAX has answered, before the answer is stored."""
        gap, last_at = self._judge()
        if gap is not None:
            self._begin(gap, last_at)

    def webhook(self) -> None:
        """A webhook is active and takes the events until it is removed."""
        self._backfill.webhook_seen()
        self._webhook = True

    def missed(self, since: int) -> None:
        """A chat's history has messages that polling should have brought.

        Args:
            since: MAX's time of the last message before them, in milliseconds.
        """
        self._begin(Gap.MISSED, self._now(), since=since)

    def polled(self) -> None:
        """A poll was answered and is stored."""
        now = self._now()
        self._last = (now, _steady())
        if self._written is None or not 0 <= now - self._written < _POLLED_EVERY:
            self._backfill.polled(now)
            self._written = now

    def _judge(self) -> tuple[Gap | None, float]:
        """Whether events may be missing, and when the last poll was."""
        now = self._now()
        if self._last is not None:
            last_at, since = self._last
            gap = judge_silence(last_at, now, _steady() - since)
            return (Gap.WEBHOOK if self._webhook else gap), last_at
        stored = self._backfill.polled_at()
        if stored is not None and self._backfill.saw_webhook():
            return Gap.WEBHOOK, stored
        return judge_silence(stored, now, None), now if stored is None else stored

    def _begin(self, gap: Gap, last_at: float, since: int | None = None) -> None:
        now = self._now()
        record = self._backfill.begin(
            gap, last_at=last_at, now=now, since=since, trusts_watermark=gap is not Gap.MISSED
        )
        self._last = (now, _steady())
        self._webhook = False
        code = f"gap.{gap.value}"
        self._log.warning(
            "events of MAX may be missing",
            error=code,
            hours=round((now - record.since) / 3600),
            dialogs=record.dialogs,
            advice=advice(code),
        )
        self._noticed()


def _steady() -> float:
    return asyncio.get_running_loop().time()
