"""The gate of a loop: closed while the service as a whole is in trouble, so that it is not flooded with calls.

Before a loop begins, the configuration is checked against its service (design.md 5).
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from maxbridge.config.settings import FreeScoutSettings
from maxbridge.core.blame import Blame, Whose
from maxbridge.core.errors import ApiError, ConfigError, Failure, Kind, Scope
from maxbridge.core.pace import Pace
from maxbridge.core.retry import RetryPolicy, backoff
from maxbridge.freescout.client import FreeScoutClient
from maxbridge.freescout.exchange import SKEW_TOLD
from maxbridge.max.client import MaxClient
from maxbridge.observe import log
from maxbridge.observe.health import Loop
from maxbridge.store.backfill import BackfillStore
from maxbridge.store.db import SQLITE_ERRORS
from maxbridge.store.meta import MetaTable

_MOMENT = 0.001
_MOST_DOUBLINGS = 20
_CONFIG_PAUSE = 60.0
_FRESH_PAUSE = 1.0
"""Seconds until a chat may be tried that has not met the present trouble, where the service answers."""
_FRESH_STEP = 0.25
"""The same after the first failure, and so much more with each: most troubles are those of the few who met them.
Where the service asks for a pause, or does not answer, twice as much with each."""
LONGEST_NAP = 15.0
"""Seconds: each loop goes round this often, even while its gate is closed and nobody woke it. `status` and the watchdog
see it move, and a clock that jumps does no harm."""
_STORE_WORDS = (
    ("disk is full", "store.full"),
    ("locked", "store.locked"),
    ("readonly", "store.read_only"),
    ("malformed", "store.damaged"),
    ("not a database", "store.damaged"),
    ("disk I/O", "store.disk"),
)
"""By SQLite's own words (sqlite3_errstr)."""


async def wait_any(*events: asyncio.Event, seconds: float | None = None) -> None:
    """Wait until one of the events is set or the time has passed."""
    if any(event.is_set() for event in events):
        return
    if len(events) == 1:
        # The usual case, for a fifth of what tasks cost.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await events[0].wait()
        return
    waiters = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(
            waiters,
            timeout=None if seconds is None else max(0.0, seconds),
            return_when=asyncio.FIRST_COMPLETED,
        )
    finally:
        # Not awaited: a cancellation that came during that would be lost.
        for waiter in waiters:
            waiter.cancel()


async def unless_stopped(work: Coroutine[Any, Any, None], stop: asyncio.Event) -> bool:
    """Run a coroutine, cancelled when ``stop`` is set.

    Returns:
        False if it was cancelled.
    """
    # Under the name of whoever waits, so that a look at what hangs finds both.
    caller = asyncio.current_task()
    task = asyncio.create_task(work, name=caller.get_name() if caller else None)
    stopping = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
            return True
        return False
    finally:
        stopping.cancel()
        task.cancel()
        await asyncio.gather(task, stopping, return_exceptions=True)


async def take_turn(pace: Pace, key: int | None) -> None:
    """Wait for the next free slot of a pace."""
    wait = pace.reserve(key, asyncio.get_running_loop().time())
    if wait > 0:
        await asyncio.sleep(wait)


class Gate:
    """Open after a success; closed for a growing pause after each failure of the service.

    Attributes:
        loop: Health record that is told of every success and failure.
        blame: The evidence about the service, shared by all loops that call it.
        closings: How often it was closed; two values that differ mean a failure in between.
    """

    def __init__(
        self,
        loop: Loop,
        policy: RetryPolicy,
        *,
        now: Callable[[], float],
        jitter: Callable[[], float],
        blame: Blame | None = None,
    ) -> None:
        self.loop = loop
        self.blame = blame or Blame()
        self._policy = policy
        self._now = now
        self._jitter = jitter
        self._failures = 0
        self.closings = 0
        self._opens_at = 0.0
        self._began_at = 0.0
        self._fresh_at = 0.0
        self._closed_at = 0.0
        """When it was closed last, by the steady clock."""
        self._polled_at = math.inf
        """From when on a fresh chat may be tried if a poll is answered meanwhile, our clock."""
        self._polls = 0
        """Polls that had been answered when it was closed."""
        self._fresh_failed = 0
        """Calls that failed since the trouble began, of those that were let through for being fresh."""
        self._is_sure = False

    @property
    def probing(self) -> bool:
        """Whether to make one call at a time, to find out if a trouble is over."""
        return self._failures > 0

    def closed_for(self) -> float:
        """Seconds until the next call may be made; 0 if open."""
        self._opens_at, left = self._left(self._opens_at)
        return left

    def closed_for_fresh(self) -> float:
        """Like :attr:`closed_for` for chats that were not tried since the trouble began.

        The trouble may concern only those that met it, so others are tried soon.
        """
        if self.blame.answers > self._polls:
            # The service is reached: what is not is that of the few who met it, until more do.
            self._fresh_at = min(self._fresh_at, self._polled_at)
        self._fresh_at, left = self._left(min(self._fresh_at, self._opens_at))
        return left

    def closed_for_all(self) -> float:
        """Like :attr:`closed_for` for a call that serves all, such as a poll.

        While the gate is closed because of one delivery, such a call shows whether the service is
        in trouble.
        """
        return self.closed_for() if self._is_sure else self.closed_for_fresh()

    @property
    def began_at(self) -> float:
        """When the present trouble began, our clock."""
        return self._began_at

    def _left(self, opens_at: float) -> tuple[float, float]:
        left = opens_at - self._now()
        if left < _MOMENT:
            return opens_at, 0.0
        if left > self._policy.cap:
            # No pause is that long: the clock was set back.
            left = self._policy.cap
            opens_at = self._now() + left
        return opens_at, left

    def begins(self, item_id: int) -> None:
        """Record the start of a call for a delivery, or of a reading."""
        self.blame.begins(item_id, asyncio.get_running_loop().time())

    def ok(self, name: int | None = None) -> None:
        """Record that a call serving all succeeded, or a reading for one ticket.

        Args:
            name: The id given to :meth:`begins`, if any.
        """
        self.blame.answered(name)
        self._reopen()
        self.loop.ok()

    def answered(self) -> None:
        """Record that the service answers, before any of the loop's own work is done."""
        self._reopen()
        self.loop.answered()

    def accepted(self, item_id: int) -> None:
        """Record that a delivery was accepted."""
        self.blame.accepted(item_id)
        self._reopen()
        self.loop.ok()

    def idle(self) -> None:
        """Record that nothing waits for the service, so no call will show its recovery (the failed item was dropped, say).

        A trouble of our own database is not the service's; only a success ends it.
        """
        if self.loop.idle():
            self._reopen()

    def _reopen(self) -> None:
        self._failures = self._fresh_failed = 0
        self._opens_at = 0.0

    def failed(self, failure: Failure) -> None:
        """Record that a call serving all failed, such as a poll: the service is in trouble."""
        self.blame.unanswered()
        self._close(failure, is_sure=True, for_all=True)

    def _close(
        self, failure: Failure, *, is_sure: bool, for_all: bool = False, began: float = math.inf
    ) -> None:
        now = self._now()
        self._is_sure = is_sure or (self._is_sure and self._failures > 0)
        beside = not failure.answered and self.closed_for() > 0 and self.closed_for_fresh() > 0
        if self._failures and (beside or began < self._closed_at):
            # It began before the gate was closed, beside the one that closed it: nothing new is known.
            self.loop.trouble(failure)
            return
        self._closed_at = asyncio.get_running_loop().time()
        if not self._failures:
            self._began_at = now
        self._failures += 1
        self.closings += 1
        pause = backoff(self._failures, self._jitter(), self._policy)
        left = self.closed_for_fresh() if self._failures > 1 else 0.0
        # A call that was under way when the gate was closed does not put off who finds out.
        self._fresh_failed += not left
        doubling = _FRESH_STEP * 2.0 ** min(self._fresh_failed - 1, _MOST_DOUBLINGS)
        if failure.answered:
            fresh = min(_FRESH_PAUSE, _FRESH_STEP * self._failures, pause)
        else:
            fresh = pause if for_all else min(doubling, pause)
        fresh = min(fresh, left or fresh)
        if failure.kind is Kind.CONFIG:
            # Nothing changes until a person acts; asking every second would only fill logs.
            pause = max(pause, _CONFIG_PAUSE)
        if failure.retry_after is not None:
            pause = max(pause, min(failure.retry_after, self._policy.cap))
            if for_all:
                fresh = pause
            elif self._is_sure:
                # Several were told so. It may be meant for them alone: then whoever is accepted shows it.
                fresh = min(pause, left or max(fresh, doubling))
        self._opens_at, self._fresh_at = now + pause, now + fresh
        asked_to_wait = failure.retry_after is not None
        self._polls = self.blame.answers
        self._polled_at = math.inf if asked_to_wait else now + min(_FRESH_PAUSE, fresh)
        self.loop.trouble(failure)

    def failed_for(
        self, chat_id: int, item_id: int, failure: Failure, *, polls: bool = False
    ) -> Whose:
        """Record that a call for one delivery failed, and return whose failure it is.

        Args:
            chat_id: The delivery's chat, or the ticket of a reading.
            item_id: The delivery or reading.
            failure: What happened.
            polls: It is a reading of a loop that also polls the service: the next poll shows
                whether the service is in trouble, so the gate stays open.
        """
        if failure.certain and failure.scope is Scope.ITEM and failure.kind is Kind.PERMANENT:
            # The service is well: it said no to this one.
            return Whose.ITEM
        began = self.blame.began(item_id)
        whose = self.blame.failed(chat_id, item_id, failure, self._now(), reading=polls)
        hinted = failure.scope is Scope.END
        if not polls and (whose is Whose.SERVICE or (whose is Whose.UNKNOWN and hinted)):
            self._close(failure, is_sure=whose is Whose.SERVICE, began=began)
        return whose


def store_failure(error: BaseException) -> Failure:
    """Classify a failure of our own database."""
    words = str(error)
    code = next((code for part, code in _STORE_WORDS if part in words), "store.error")
    return Failure(code, Kind.TRANSIENT, False, Scope.END, type(error).__name__)


_FATAL = frozenset(
    {
        "max.unauthorized",
        "max.redirect",
        "desk.unauthorized",
        "desk.untrusted_host",
        "desk.redirect",
    }
)
"""Nothing but a person changing our configuration can mend these. What may end by itself, a module
switched off or a web server's own page during an update, does not end the start."""


async def until_checked(
    check: Callable[[], Awaitable[None]], gate: Gate, stop: asyncio.Event
) -> bool:
    """Check a service until it has answered.

    Returns:
        True if all is right, False if stopped before.

    Raises:
        ConfigError: The service answered that something is wrong.
    """
    while not stop.is_set():
        gate.loop.beat()
        if gate.closed_for() == 0:
            try:
                await check()
            except ApiError as error:
                failure = error.failure
                if failure.code in _FATAL:
                    raise ConfigError(f"{gate.loop.advice(failure.code)} ({failure})") from None
                gate.failed(failure)
            except SQLITE_ERRORS as error:
                gate.failed(store_failure(error))
            else:
                gate.answered()
                return True
        await wait_any(stop, seconds=min(max(gate.closed_for(), 0.05), LONGEST_NAP))
    return False


async def check_max(client: MaxClient, meta: MetaTable, backfill: BackfillStore) -> None:
    """Check that the token is valid, that it is this database's bot, and that polling is possible.

    Raises:
        ApiError: MAX did not answer, or refused.
        ConfigError: Its answer shows a wrong setting.
    """
    me = await client.me()
    meta.claim(me.user_id, me.name)
    addresses = await client.webhooks()
    if addresses:
        backfill.webhook_seen()
        raise ConfigError(
            f"[max] token: a webhook is active for this bot ({', '.join(addresses)}), so MAX gives "
            "polling nothing. Switch it off in the program that set it up, or remove it: "
            "maxbridge check --remove-webhook. Then start again."
        )
    logger: Any = log.get("startup")
    logger.info("MAX is ready", bot=me.user_id, name=me.name)


async def check_desk(client: FreeScoutClient, settings: FreeScoutSettings) -> None:
    """Check that the key is valid and that the mailbox and the user for notes exist.

    Raises:
        ApiError: FreeScout did not answer, or refused.
        ConfigError: Its answer shows a wrong setting.
    """
    problems = []
    mailboxes = await client.mailboxes()
    if settings.mailbox_id not in mailboxes:
        problems.append(
            f"[freescout] mailbox_id: there is no mailbox {settings.mailbox_id}. "
            f"FreeScout has: {_listed(mailboxes)}."
        )
    users = await client.users()
    if settings.user_id not in users:
        problems.append(
            f"[freescout] user_id: there is no user {settings.user_id}. "
            f"FreeScout has: {_listed(users)}."
        )
    if problems:
        raise ConfigError(problems)
    logger: Any = log.get("startup")
    logger.info("FreeScout is ready", mailbox=settings.mailbox_id, user=settings.user_id)
    zone = client.directory.user_zones.get(settings.user_id, "")
    if zone and not client.clock.use_zone(zone):
        logger.warning(
            "this machine does not know FreeScout's time zone; tickets show times in its own",
            zone=zone,
            advice="apt-get install tzdata",
        )
    if abs(client.clock.skew) > SKEW_TOLD:
        logger.warning(
            "clocks differ; maxbridge goes by FreeScout's",
            seconds=round(client.clock.skew),
            advice="Set up time synchronisation (systemd-timesyncd) on both machines.",
        )


def _listed(names: dict[int, str]) -> str:
    return ", ".join(f"{number} ({name})" for number, name in sorted(names.items())) or "none"
