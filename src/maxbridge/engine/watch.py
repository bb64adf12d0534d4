"""Watches the loops and tells systemd: ready, one line, and signs of life while every loop moves.

How it is judged that a loop hangs:

- Each loop counts its signs of life (:attr:`maxbridge.observe.health.Loop.beats`). A loop whose count stands
  still for :data:`HUNG_AFTER` hangs. The longest single call takes two minutes, the longest pause
  one, and long work (histories, lists, tickets in a row) counts after every call.
- No clock is asked that can be set. A pause of the whole process (a machine that slept, a disk that
  stood still) is nobody's fault: no round adds more than twice its own length to an age.
- An end that is away makes loops fail and wait, not hang: they go on counting.
- A hung event loop does not run this task either, and systemd hears nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from maxbridge.engine.gate import wait_any
from maxbridge.observe import log
from maxbridge.observe.health import Board
from maxbridge.observe.notify import DESK, MAX, Notifier, status_line
from maxbridge.store.db import SQLITE_ERRORS
from maxbridge.store.snapshot import Pulse

TICK = 10.0
SLOW_AFTER = 90.0
"""So many seconds without a sign of life are said in the log and in the status line."""
HUNG_AFTER = 300.0
"""So many, and systemd hears nothing any more: it restarts the service (WatchdogSec= later)."""
START_PERIOD = 90.0
"""While an end does not answer the start, systemd is asked for so many seconds more, every tick."""


class Watch:
    """The task; does nothing but look and tell."""

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
            notifier: Whom to tell.
            pulse: The state of the queues; may raise what SQLite raises.
            now: Our clock, for people; nothing is decided by it.
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
        """Loops that do not move."""
        return frozenset(self._told)

    @property
    def ready(self) -> bool:
        """Was systemd told that the start is complete?"""
        return self._ready

    def answered(self, end: str) -> None:
        """An end has answered for the first time, and all is right; with both we are ready."""
        if end in self._waiting_for:
            self._waiting_for.remove(end)
        self._tell_line()
        self._tell_ready()

    def remark(self, words: str) -> None:
        """Put something at the end of the status line; nothing to take it away."""
        self._remark = words
        self._tell_line()

    async def run(self, stop: asyncio.Event) -> None:
        """Look after the loops until stopped."""
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
        """Add the time that has passed to the age of each loop that gave no sign of life."""
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
    """Files and lines of the tasks of a loop, innermost last: no values, so nobody's words."""
    places = [_place(each.get_coro()) for each in asyncio.all_tasks() if each.get_name() == name]
    return " | ".join(sorted(places)) or "its task has ended"


def _place(work: Any) -> str:
    """Task.get_stack() shows the outermost call alone; what is waited for is inside."""
    lines = []
    while work is not None and (frame := getattr(work, "cr_frame", None)) is not None:
        lines.append(f"{frame.f_code.co_filename.rpartition('/')[2]}:{frame.f_lineno}")
        work = work.cr_await
    return " > ".join(lines)
