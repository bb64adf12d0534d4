"""Alert the administrator of troubles: in MAX, by a command, and by withholding a sign of life.

It watches the loops, not the services, so it works whichever service is down: FreeScout's troubles
are told in MAX, MAX's by the command, and everything (even a dead host) by the missing sign of
life.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from maxbridge.core.errors import Failure, Kind
from maxbridge.core.retry import Alert, Standing, Trouble, advance, is_well
from maxbridge.core.texts import Texts
from maxbridge.engine.gate import wait_any
from maxbridge.files.trust import trusted
from maxbridge.observe import log
from maxbridge.observe.health import Board
from maxbridge.store.db import SQLITE_ERRORS
from maxbridge.store.meta import AlertStore
from maxbridge.store.snapshot import Pulse

TICK = 10.0
PING_EVERY = 60.0
_MINUTE = 60.0
_KEPT_EVERY = 60.0
"""Seconds after which it is written down how long an untold trouble has lasted: so a restart forgets no more."""
_LOOPS = {
    "max_poller": Trouble.MAX,
    "max_sender": Trouble.MAX,
    "desk_poller": Trouble.DESK,
    "desk_writer": Trouble.DESK,
    "housekeeper": Trouble.STORE,
}
_CARRIERS = ("max_sender", "desk_writer")
"""Their trouble ends with a delivery: where nothing is left to be delivered, it is nobody's."""
_LIVE = {"max_poller": Trouble.MAX, "desk_poller": Trouble.DESK}
"""Before its first success, an end is not known to answer."""

Ping = Callable[[str], Awaitable[Failure | None]]
Run = Callable[[Sequence[str], str, Mapping[str, str]], Awaitable[Failure | None]]


@dataclass(frozen=True, slots=True)
class AlertPolicy:
    """The administrator's settings.

    Attributes:
        ping_url: Address that gets a sign of life every minute; empty for none.
        command: Command to run; empty for none.
        chat_id: The administrator's chat with the bot; 0 for none.
        after: Seconds that a trouble must last.
        texts: The language.
    """

    ping_url: str
    command: tuple[str, ...]
    chat_id: int
    after: float
    texts: Texts

    @property
    def is_wanted(self) -> bool:
        """Whether any alert is configured."""
        return bool(self.ping_url or self.command or self.chat_id)


class Alerts:
    """The loop.

    Attributes:
        policy: May be replaced at any time.
    """

    def __init__(
        self,
        store: AlertStore,
        board: Board,
        policy: AlertPolicy,
        *,
        pulse: Callable[[], Pulse],
        stuck: Callable[[], Collection[str]],
        waiting: Callable[[str], int],
        ping: Ping,
        run: Run,
        now: Callable[[], float],
        wake_sender: Callable[[], None],
    ) -> None:
        """Create the loop.

        Args:
            store: Which alerts were sent.
            board: The loops' health.
            policy: The administrator's settings.
            pulse: The state of the queues; may raise SQLite's errors.
            stuck: Loops that make no progress.
            waiting: Number of items that wait for the loop of this name; may raise SQLite's errors.
            ping: Sends a sign of life.
            run: Runs a command.
            now: Our clock.
            wake_sender: Called when an alert was queued for MAX.
        """
        self._store = store
        self._board = board
        self.policy = policy
        self._pulse = pulse
        self._stuck = stuck
        self._waiting = waiting
        self._ping = ping
        self._run = run
        self._now = now
        self._wake_sender = wake_sender
        self._standing: dict[Trouble, Standing] | None = None
        self._unsaved: list[tuple[Alert, str]] = []
        """Told otherwise, while the database could not be written."""
        self._kept: dict[Trouble, bool] = {}
        """Troubles that are written down, and whether somebody was told."""
        self._since_kept = 0.0
        self._since_ping = PING_EVERY
        self._answered = False
        """Both ends have answered since the start."""
        self._failed: dict[str, bool] = {}
        self._log: Any = log.get("alerts")

    async def run(self, stop: asyncio.Event) -> None:
        """Check and alert until stopped."""
        clock = asyncio.get_running_loop().time
        last = clock()
        while not stop.is_set():
            await wait_any(stop, seconds=TICK)
            passed = min(clock() - last, 2 * TICK)
            last = clock()
            if stop.is_set():
                return
            if self.policy.is_wanted:
                await self.step(passed)
            elif loop := self._board.loops.get("alerts"):
                loop.ok()  # a reload has switched them off

    async def step(self, passed: float) -> None:
        """Make one check.

        Args:
            passed: Seconds since the previous one.
        """
        self._board.loop("alerts").beat()
        self._answered = self._answered or not self._unheard()
        standing, alerts = advance(
            self._remembered(),
            self._present(),
            passed=passed,
            now=self._now(),
            after=self.policy.after,
        )
        self._standing = standing
        for alert in alerts:
            self._log.warning(
                "trouble told" if not alert.over else "end of trouble told",
                trouble=alert.trouble.value,
                seconds=round(alert.seconds),
            )
        self._since_kept += passed
        if alerts or self._unsaved or self._is_worth_keeping(standing):
            self._tell_in_max(alerts)
        for alert in alerts:
            await self._run_command(alert)
            self._board.loop("alerts").beat()  # each may take its time
        await self._give_sign_of_life(passed)

    # --- how it is -------------------------------------------------------------------------------

    def _remembered(self) -> dict[Trouble, Standing]:
        if self._standing is None:
            try:
                self._standing = self._store.standing()
            except SQLITE_ERRORS:
                return {}
            self._kept = _told(self._standing)
        return self._standing

    def _present(self) -> dict[Trouble, str]:
        found: dict[Trouble, str] = dict.fromkeys(self._unheard(), "")
        for each in self._board.records():
            if each.trouble_since is None or each.name not in _LOOPS:
                continue
            if each.name not in _CARRIERS or self._has_work(each.name):
                found[_LOOPS[each.name]] = each.error or ""
        if stuck := self._stuck():
            found[Trouble.STUCK] = ", ".join(sorted(stuck))
        try:
            held = self._pulse().held
        except SQLITE_ERRORS:
            found.setdefault(Trouble.STORE, "")
        else:
            if held:
                found[Trouble.HELD] = str(held)
        return found

    def _unheard(self) -> set[Trouble]:
        """Troubles of services that have not answered since the start."""
        loops = self._board.loops
        return {
            trouble
            for name, trouble in _LIVE.items()
            if (loop := loops.get(name)) is None or not loop.live.is_set()
        }

    def _is_worth_keeping(self, standing: Mapping[Trouble, Standing]) -> bool:
        """Whether to store the troubles: one has come or gone, or an untold one has lasted another minute."""
        told = _told(standing)
        return told != self._kept or (self._since_kept >= _KEPT_EVERY and not all(told.values()))

    def _has_work(self, name: str) -> bool:
        try:
            return self._waiting(name) > 0
        except SQLITE_ERRORS:
            return True

    # --- the ways --------------------------------------------------------------------------------

    def _tell_in_max(self, alerts: Sequence[Alert]) -> None:
        """Queue alerts for MAX; one about MAX itself only when it is over."""
        chat = self.policy.chat_id
        if chat:
            self._unsaved += [
                (each, words_of(each, self.policy.texts))
                for each in alerts
                if each.over or each.trouble is not Trouble.MAX
            ]
        try:
            self._store.tell(self._standing or {}, self._unsaved, chat, self._now())
        except SQLITE_ERRORS:
            return  # the housekeeper says what is wrong; the next look tries again
        self._kept, self._since_kept = _told(self._standing or {}), 0.0
        if self._unsaved:
            self._wake_sender()
        self._unsaved = []

    async def _run_command(self, alert: Alert) -> None:
        if not self.policy.command:
            return
        words = words_of(alert, self.policy.texts)
        told = {
            "ALERT": alert.trouble.value,
            "ALERT_STATE": "over" if alert.over else "begun",
            "ALERT_SECONDS": f"{alert.seconds:.0f}",
            "ALERT_TEXT": words,
            "ALERT_HOST": socket.gethostname(),
        }
        self._note("command", await self._run(self.policy.command, words, told))

    async def _give_sign_of_life(self, passed: float) -> None:
        self._since_ping += passed
        # One that ends soon after each start, and has reached nobody, is not well however often it says so.
        well = self._answered and is_well(self._standing or {}, self.policy.after)
        if not self.policy.ping_url or not well or self._since_ping < PING_EVERY:
            return
        self._since_ping = 0.0
        self._note("ping", await self._ping(self.policy.ping_url))

    def _note(self, way: str, failure: Failure | None) -> None:
        """Log once when a way of alerting begins to fail; ``status`` shows it until it works again."""
        loop = self._board.loop("alerts")
        self._failed[way] = failure is not None
        if failure is not None:
            loop.trouble(failure)
        elif not any(self._failed.values()):
            loop.ok()


def _told(standing: Mapping[Trouble, Standing]) -> dict[Trouble, bool]:
    return {trouble: each.told for trouble, each in standing.items()}


def words_of(alert: Alert, texts: Texts) -> str:
    """Return the alert's text: only maxbridge's own words."""
    minutes = max(1, round(alert.seconds / _MINUTE))
    begun = {
        Trouble.DESK: texts.alert_desk,
        Trouble.MAX: texts.alert_max,
        Trouble.STORE: texts.alert_store,
        Trouble.STUCK: texts.alert_stuck,
        Trouble.HELD: texts.alert_held,
    }
    over = {
        Trouble.DESK: texts.alert_desk_over,
        Trouble.MAX: texts.alert_max_over,
        Trouble.STORE: texts.alert_store_over,
        Trouble.STUCK: texts.alert_stuck_over,
        Trouble.HELD: texts.alert_held_over,
    }
    template = (over if alert.over else begun)[alert.trouble]
    return template.format(minutes=minutes, detail=alert.detail or "–")


# --- The ways to an administrator that need neither MAX nor FreeScout ------------------------------


PING_TIMEOUT = 10.0
"""Seconds for all of it. What is told by other ways waits no longer than that."""
COMMAND_TIMEOUT = 30.0
_PASSED_ON = ("PATH", "HOME", "LANG", "TZ")
"""Of our own environment; the rest may hold the token."""


async def ping(url: str) -> Failure | None:
    """Send a sign of life; redirects are not followed, the answer's body is not read.

    Returns:
        Why it failed, or None; never the address, which is a secret.
    """
    status = 0
    try:
        # httpx counts each read by itself: an answer that drips would never be over.
        async with (
            asyncio.timeout(PING_TIMEOUT),
            httpx.AsyncClient(verify=trusted(), trust_env=False, timeout=PING_TIMEOUT) as client,
            client.stream("GET", url) as answer,
        ):
            status = answer.status_code
    except Exception as error:  # noqa: BLE001 - whatever an address does to a library, the daemon goes on
        return _failure("alerts.ping", type(error).__name__)
    return None if 200 <= status < 300 else _failure("alerts.ping", f"status {status}")


async def run_command(
    command: Sequence[str], words: str, told: Mapping[str, str]
) -> Failure | None:
    """Run the administrator's command, without a shell.

    Args:
        command: The program and its arguments.
        words: The alert, for its stdin.
        told: The alert's parts, for its environment.

    Returns:
        Why it could not be run or failed, or None.
    """
    kept = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            env=kept | {f"MAXBRIDGE_{name}": value for name, value in told.items()},
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        return _failure("alerts.command", type(error).__name__)
    try:
        async with asyncio.timeout(COMMAND_TIMEOUT):
            await process.communicate(f"{words}\n".encode())
    except TimeoutError:
        return _failure("alerts.command", f"not done within {COMMAND_TIMEOUT:.0f} s")
    finally:
        if process.returncode is None:
            # With all that it has started: it is the leader of a session of its own.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, 9)
            await process.wait()
    code = process.returncode
    return None if code == 0 else _failure("alerts.command", f"exit code {code}")


def _failure(code: str, detail: str) -> Failure:
    return Failure(code, Kind.TRANSIENT, certain=True, detail=detail)
