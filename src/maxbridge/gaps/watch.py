"""Receive MAX's events and notice when some may be missing: store the gap and log it, once.

Two programs that poll with one token take each other's events, and MAX does not report it (contract
max.md 9, trap 10). A lock excludes a second process on our database; one with its own database, on
another machine perhaps, can be noticed only by missing events.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from maxbridge.advice import advice
from maxbridge.beside import HUGE, beside
from maxbridge.core.delivery import State
from maxbridge.core.errors import ApiError
from maxbridge.core.events import Event, What
from maxbridge.core.plan_backfill import Gap, judge_silence, missed
from maxbridge.engine.gate import unless_stopped, wait_any
from maxbridge.max.client import MaxClient
from maxbridge.max.parse import canonical, hash_key, parse_update
from maxbridge.observe import log
from maxbridge.store.backfill import BackfillStore
from maxbridge.store.db import SQLITE_ERRORS
from maxbridge.store.dialogs import DialogTable
from maxbridge.store.inbox import NewUpdate
from maxbridge.store.meta import MetaTable

_POLLED_EVERY = 60.0
"""Seconds between two notes of when MAX was asked: an idle bridge leaves the disk in peace."""


class GapWatch:
    """Judges the time since the last stored poll."""

    def __init__(
        self, backfill: BackfillStore, *, now: Callable[[], float], noticed: Callable[[], None]
    ) -> None:
        """Create it.

        Args:
            backfill: Stores gaps.
            now: Our clock.
            noticed: Called when a gap was stored: histories are to be read.
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
        """Whether :meth:`detect` will find a gap, so that the poll should not wait for events."""
        return self._judge()[0] is not None

    def detect(self) -> None:
        """Judge the silence; to be called when MAX has answered, before the answer is stored."""
        gap, last_at = self._judge()
        if gap is not None:
            self._begin(gap, last_at)

    def webhook(self) -> None:
        """Record that an active webhook takes the events until it is removed."""
        self._backfill.webhook_seen()
        self._webhook = True

    def missed(self, since: int) -> None:
        """Record that a chat's history has messages that polling should have brought.

        Args:
            since: MAX's time of the last message before them, in milliseconds.
        """
        self._begin(Gap.MISSED, self._now(), since=since)

    def polled(self) -> None:
        """Record that a poll was answered and stored."""
        now = self._now()
        self._last = (now, _steady())
        if self._written is None or not 0 <= now - self._written < _POLLED_EVERY:
            self._backfill.polled(now)
            self._written = now

    def _judge(self) -> tuple[Gap | None, float]:
        """Return why events may be missing (or None), and when the last poll was."""
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


# --- Samples the chats' histories for messages that polling should have ----------------------------


EVERY = 600.0
"""Seconds between two samples: one small request."""
SAMPLE = 20
"""Messages looked at, and dialogs that take turns: the ones active last."""
_FRESH = 120.0
"""Seconds since the last poll up to which what is missing is not just late."""


class AuditTables(NamedTuple):
    """The tables that :class:`Audit` uses."""

    dialogs: DialogTable
    backfill: BackfillStore
    meta: MetaTable


class Audit:
    """The loop. Reports a gap if a message is still missing at a second check, ten minutes later."""

    def __init__(
        self, tables: AuditTables, client: MaxClient, gaps: GapWatch, *, now: Callable[[], float]
    ) -> None:
        """Create the loop.

        Args:
            tables: The tables it uses.
            client: MAX.
            gaps: Records what is missing.
            now: Our clock.
        """
        self._tables = tables
        self._client = client
        self._gaps = gaps
        self._now = now
        self._turn = 0
        self._suspect: tuple[int, frozenset[str]] | None = None
        """A chat with messages that were missing at the last look."""
        self._log: Any = log.get("audit")

    async def run(self, stop: asyncio.Event) -> None:
        """Check samples until stopped."""
        while not stop.is_set():
            await wait_any(stop, seconds=EVERY)
            if stop.is_set() or not await unless_stopped(self.step(), stop):
                return

    async def step(self) -> None:
        """Check one sample; a failure does not stop later ones."""
        try:
            await self._sample()
        except (ApiError, *SQLITE_ERRORS) as error:
            self._log.debug("no sample", error=str(error))
        except Exception as error:  # noqa: BLE001 - a look at the side must not end the daemon
            self._log.critical("bug: no sample", error=type(error).__name__, at=log.where(error))

    async def _sample(self) -> None:
        suspect, self._suspect = self._suspect, None
        polled_at = self._tables.backfill.polled_at()
        polling = polled_at is not None and abs(self._now() - polled_at) < _FRESH
        if not polling or self._tables.backfill.is_pending():
            return
        chat_id = suspect[0] if suspect is not None else self._next_chat()
        if chat_id is None:
            return
        page = await self._client.messages(chat_id, count=SAMPLE)
        events = [read_update(from_history(each), self._log) for each in page]
        keys = {event.key for event in events}
        known = self._tables.backfill.known(keys, None)
        held = self._tables.backfill.held(keys)
        gone = missed(events, known=known, held=held, bot_id=self._tables.meta.bot_id() or 0)
        if not gone.keys:
            return
        if suspect is not None and gone.keys & suspect[1]:
            self._gaps.missed(gone.since)
        else:
            self._suspect = (chat_id, gone.keys)

    def _next_chat(self) -> int | None:
        chats = self._tables.dialogs.lately_active(SAMPLE)
        if not chats:
            return None
        self._turn += 1
        return chats[self._turn % len(chats)]


# --- Raw updates of MAX to inbox items, whichever way they came ------------------------------------


MESSAGE = "message_created"


def read_update(raw: Any, logger: Any) -> Event:
    """Parse an update; a bug makes it an unreadable event, because no event may block the marker.

    Args:
        raw: Any JSON value.
        logger: Logs a bug.
    """
    try:
        return parse_update(raw)
    except Exception as error:  # noqa: BLE001 - see above
        # No traceback: it could quote customers' words.
        logger.critical("bug: event parked", error=type(error).__name__, at=log.where(error))
        return Event(What.UNREADABLE, "?", hash_key(raw))


async def read_all(raws: Iterable[Any], logger: Any) -> list[tuple[Event, str]]:
    """Parse a page of updates, large ones in a worker thread; the event loop runs in between.

    Args:
        raws: Any JSON values.
        logger: Logs a bug.

    Returns:
        Each event with its stored form.
    """
    found: list[tuple[Event, str]] = []
    size = 0
    for raw in raws:
        payload = canonical(raw)
        event = await beside(len(payload), read_update, raw, logger)
        found.append((event, payload))
        size += len(payload)
        if size > HUGE:
            size = 0
            await asyncio.sleep(0)
    return found


def to_item(payload: str, event: Event, *, ignored: bool = False) -> NewUpdate:
    """Return what the inbox stores of an update.

    Args:
        payload: The update's stored form.
        event: The parsed event.
        ignored: Agents need not see it.
    """
    state = State.PARKED if event.what is What.UNREADABLE else State.QUEUED
    return NewUpdate(
        key=event.key,
        update_type=event.update_type,
        payload=payload,
        chat_id=event.chat_id,
        user_id=event.sender.user_id if event.sender else None,
        state=State.IGNORED if ignored else state,
    )


def from_history(message: dict[str, Any]) -> dict[str, Any]:
    """Return the update that polling would have brought for a message of a chat's history.

    It has the same key, so whichever comes second is a duplicate.
    """
    return {"update_type": MESSAGE, "timestamp": message.get("timestamp"), "message": message}
