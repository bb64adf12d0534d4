"""Watch the loops and notify systemd: ready, a status line, and watchdog pings while every loop makes progress.

When a loop counts as hung:

- Each loop counts its signs of life (:attr:`maxbridge.observe.health.Loop.beats`). If the count
  does not change for :data:`HUNG_AFTER`, the loop hangs. The longest single call takes two minutes,
  the longest pause one, and long work (histories, lists, tickets in a row) counts after every call.
- Only a monotonic clock is used. A pause of the whole process (a suspended machine, a stalled disk)
  does not count: a round adds at most twice its own length to an age.
- During a service's outage loops fail and wait but do not hang: they go on counting.
- If the event loop hangs, this task does not run either, and systemd gets no pings.

Each notification is one datagram, see sd_notify(3); the status line is shown by `systemctl status`.
Without ``$NOTIFY_SOCKET``, outside systemd, nothing is sent. Every user of the machine may read the
line, so it contains only names of services, codes and numbers.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from maxbridge.core.errors import HostTrouble
from maxbridge.engine.gate import wait_any
from maxbridge.observe import log
from maxbridge.observe.health import Board
from maxbridge.store.db import SQLITE_ERRORS
from maxbridge.store.snapshot import LoopHealth, Pulse

_PATIENCE = 1.0
"""Seconds that a datagram may wait for room in systemd's socket: the event loop waits as well."""
_MICRO = 1_000_000


class Notifier:
    """Sends notifications to systemd; they never contain personal data or secrets."""

    def __init__(self, address: str | None = None, *, watchdog: float | None = None) -> None:
        """Prepare.

        Args:
            address: The socket's path, ``@name`` for an abstract one; None without systemd.
            watchdog: Seconds within which systemd wants :meth:`alive`; None for not at all.
        """
        self._address = address
        self.watchdog = watchdog
        self._status = ""
        self._broken = False
        self._log: Any = log.get("systemd")

    @classmethod
    def from_environ(cls, environ: Mapping[str, str], pid: int | None = None) -> Notifier:
        """Create it from systemd's variables.

        ``$WATCHDOG_PID`` names the process that the watchdog expects pings from: a child process
        inherits the variables and must not send any (sd_watchdog_enabled(3)).
        """
        address = environ.get("NOTIFY_SOCKET") or None
        if address is not None and address[0] not in "/@":
            log.get("systemd").warning("NOTIFY_SOCKET is no Unix socket: systemd is told nothing")
            address = None
        watched = environ.get("WATCHDOG_PID") or str(pid or os.getpid())
        micro = environ.get("WATCHDOG_USEC", "")
        mine = watched == str(pid or os.getpid()) and micro.isascii() and micro.isdecimal()
        seconds = int(micro) / _MICRO if mine else 0.0
        return cls(address, watchdog=seconds if address and seconds > 0 else None)

    @property
    def listened_to(self) -> bool:
        """Whether systemd listens."""
        return self._address is not None

    def ready(self) -> bool:
        """Report that the start, or a reload, is complete. False if that could not be sent."""
        return self._send("READY=1")

    def status(self, words: str) -> None:
        """Set the line of ``systemctl status``; sent only if it changed."""
        line = " ".join(words.split())
        if line != self._status and self._send(f"STATUS={line}"):
            self._status = line

    def alive(self) -> None:
        """Send a watchdog ping."""
        self._send("WATCHDOG=1")

    def more_time(self, seconds: float) -> None:
        """Report that the start takes longer than the unit's TimeoutStartSec, without being stuck."""
        self._send(f"EXTEND_TIMEOUT_USEC={round(seconds * _MICRO)}")

    def stopping(self) -> None:
        """Report that the daemon is stopping."""
        self._send("STOPPING=1")

    def reloading(self) -> None:
        """Report that the settings are being reloaded; :meth:`ready` ends it.

        Type=notify-reload also requires the time by the clock that systemd uses.
        """
        micro = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._send(f"RELOADING=1\nMONOTONIC_USEC={micro}")

    def _send(self, message: str) -> bool:
        """Send one datagram; a failure is logged once and affects nothing else."""
        if self._address is None:
            return True
        address = self._address
        if address.startswith("@"):
            address = "\0" + address[1:]
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line:
                line.settimeout(_PATIENCE)
                line.sendto(message.encode(), address)
        except OSError as error:
            if not self._broken:
                self._log.warning(
                    "systemd cannot be told how the service is",
                    error=type(error).__name__,
                    advice="Is NotifyAccess=main in the unit? Without an answer systemd restarts it.",
                )
            self._broken = True
            return False
        self._broken = False
        return True


# --- The one line of ``systemctl status``: how the service is, for people, without personal data.


MAX, DESK = "MAX", "FreeScout"
_ENDS = {
    "max_poller": MAX,
    "max_sender": MAX,
    "desk_poller": DESK,
    "desk_writer": DESK,
    "housekeeper": "the database",
}
_UNITS = ((86400, "d"), (3600, "h"), (60, "min"))


def status_line(
    loops: Iterable[LoopHealth],
    pulse: Pulse | None,
    *,
    now: float,
    hosts: Collection[HostTrouble] = (),
    waiting_for: Collection[str] = (),
    still: Collection[tuple[str, float]] = (),
    hung: bool = False,
    remark: str = "",
) -> str:
    """Say how it is.

    Args:
        loops: All loops.
        pulse: The queues; None when the database cannot be read.
        now: Our clock.
        hosts: The hosts of files that are in trouble.
        waiting_for: Services that have not answered since the start.
        still: Loops that do not move, and for how many seconds.
        hung: They will be helped by a restart.
        remark: Something to add at the end.
    """
    troubles = _by_end(loops)
    parts = [
        f"{name} has not moved for {rough(seconds)}"
        + (": systemd restarts the service" if hung else "")
        for name, seconds in still
    ]
    for end in waiting_for:
        trouble = troubles.pop(end, None)
        why = f" for {_since(trouble, now)}: {trouble.error}" if trouble else ""
        parts.append(f"waits for {end}{why}")
    for end, loop in troubles.items():
        what = (
            "cannot be reached"
            if (loop.error or "").endswith(".unreachable")
            else "has been in trouble"
        )
        parts.append(f"{end} {what} for {_since(loop, now)}: {loop.error}")
    parts += [
        f"files of {each.host} wait for {rough(now - each.since)}: {each.error}" for each in hosts
    ]
    if not parts:
        parts.append("both ends answer")
    if pulse is not None:
        parts.append(f"{pulse.waiting} waiting, {pulse.held} held")
        if pulse.last_at is not None:
            parts.append(f"last message {_ago(now - pulse.last_at)}")
    if remark:
        parts.append(remark)
    return "; ".join(parts)


def _by_end(loops: Iterable[LoopHealth]) -> dict[str, LoopHealth]:
    """Return the longest trouble of each service: both of its loops report the same one."""
    found: dict[str, LoopHealth] = {}
    for loop in sorted(loops, key=lambda each: each.trouble_since or 0.0):
        if loop.trouble_since is not None:
            found.setdefault(_ENDS.get(loop.name, loop.name), loop)
    return found


def _since(loop: LoopHealth, now: float) -> str:
    return rough(now - (loop.trouble_since or now))


def _ago(seconds: float) -> str:
    return "just now" if seconds < 60 else f"{rough(seconds)} ago"


def rough(seconds: float) -> str:
    """Format a duration in words that change rarely."""
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{seconds // size:.0f} {unit}"
    return "less than a minute"


TICK = 10.0
SLOW_AFTER = 90.0
"""So many seconds without a sign of life are said in the log and in the status line."""
HUNG_AFTER = 300.0
"""So many, and systemd hears nothing any more: it restarts the service (WatchdogSec= later)."""
START_PERIOD = 90.0
"""While an end does not answer the start, systemd is asked for so many seconds more, every tick."""


class Watch:
    """The task; it only observes and notifies."""

    def __init__(
        self,
        board: Board,
        notifier: Notifier,
        *,
        pulse: Callable[[], Pulse],
        now: Callable[[], float],
    ) -> None:
        """Prepare.

        Args:
            board: All loops.
            notifier: Sends to systemd.
            pulse: The state of the queues; may raise SQLite's errors.
            now: Our clock, for display only.
        """
        self._board = board
        self._notifier = notifier
        self._pulse = pulse
        self._now = now
        self._waiting_for = [MAX, DESK]
        self._ready = False
        self._remark = ""
        self._seen: dict[str, int] = {}
        self._age: dict[str, float] = {}
        self._told: set[str] = set()
        self._hung = False
        self._fed_at: float | None = None
        self._log: Any = log.get("watch")

    @property
    def stuck(self) -> frozenset[str]:
        """Loops that make no progress."""
        return frozenset(self._told)

    @property
    def ready(self) -> bool:
        """Whether systemd was told that the start is complete."""
        return self._ready

    def answered(self, end: str) -> None:
        """Record that a service has answered its first check; once both have, the daemon is ready."""
        if end in self._waiting_for:
            self._waiting_for.remove(end)
        self._tell_line()
        self._tell_ready()

    def remark(self, words: str) -> None:
        """Append something to the status line; empty to remove it."""
        self._remark = words
        self._tell_line()

    async def run(self, stop: asyncio.Event) -> None:
        """Watch the loops until stopped."""
        clock = asyncio.get_running_loop().time
        period = self._notifier.watchdog
        # So that a sign of life is due between a third and a half of the period.
        tick = TICK if period is None else min(TICK, period / 6)
        last = clock()
        self._check_loops(0.0, last)
        while not stop.is_set():
            await wait_any(stop, seconds=tick)
            if stop.is_set():
                return
            now = clock()
            self._check_loops(min(now - last, 2 * tick), now)
            last = now

    def _check_loops(self, passed: float, steady: float) -> None:
        self._judge(passed)
        if not self._hung:
            self._tell_ready()
            if not self._ready:
                self._notifier.more_time(START_PERIOD)
            period = self._notifier.watchdog
            if period is not None and (self._fed_at is None or steady - self._fed_at >= period / 3):
                self._notifier.alive()
                self._fed_at = steady
        self._tell_line()

    def _judge(self, passed: float) -> None:
        """Add the passed time to the age of each loop that gave no sign of life."""
        for loop in self._board.loops.values():
            if loop.beats == 0:
                continue  # it has not begun: its end has not answered yet
            if self._seen.get(loop.name) == loop.beats:
                self._age[loop.name] = self._age.get(loop.name, 0.0) + passed
            else:
                self._seen[loop.name] = loop.beats
                self._age[loop.name] = 0.0
        slow = {name for name, age in self._age.items() if age >= SLOW_AFTER}
        for name in sorted(slow - self._told):
            self._log.warning(
                "loop does not move",
                loop=name,
                seconds=round(self._age[name]),
                at=_where_it_waits(name),
            )
        for name in sorted(self._told - slow):
            self._log.info("loop moves again", loop=name)
        self._told = slow
        hung = sorted(name for name, age in self._age.items() if age >= HUNG_AFTER)
        if hung and not self._hung:
            self._log.error(
                "a loop hangs: systemd gets no sign of life any more and restarts the service",
                loops=", ".join(hung),
                watchdog="on" if self._notifier.watchdog else "off (WatchdogSec=)",
            )
        self._hung = bool(hung)

    def _tell_ready(self) -> None:
        if not self._waiting_for and not self._ready:
            self._ready = self._notifier.ready()

    def _tell_line(self) -> None:
        if not self._notifier.listened_to:
            return
        try:
            pulse = self._pulse()
        except SQLITE_ERRORS:
            pulse = None  # the loops are in trouble for the same reason, and that is in the line
        self._notifier.status(
            status_line(
                self._board.records(),
                pulse,
                now=self._now(),
                hosts=self._board.hosts.troubles(),
                waiting_for=self._waiting_for,
                still=[(name, self._age[name]) for name in sorted(self._told)],
                hung=self._hung,
                remark=self._remark,
            )
        )


def _where_it_waits(name: str) -> str:
    """Return files and lines of a loop's tasks, innermost last; no values, so no customer's words."""
    places = [_place(each.get_coro()) for each in asyncio.all_tasks() if each.get_name() == name]
    return " | ".join(sorted(places)) or "its task has ended"


def _place(work: Any) -> str:
    """Return the innermost awaited place: Task.get_stack() shows the outermost call only."""
    lines = []
    while work is not None and (frame := getattr(work, "cr_frame", None)) is not None:
        lines.append(f"{frame.f_code.co_filename.rpartition('/')[2]}:{frame.f_lineno}")
        work = work.cr_await
    return " > ".join(lines)
