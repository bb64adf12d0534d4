"""Periodic upkeep: store health and certificates, return expired replies, delete old data, checkpoint the WAL."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Awaitable, Callable, Collection
from pathlib import Path
from typing import Any, NamedTuple

from maxbridge.beside import HUGE, beside
from maxbridge.core.errors import Failure
from maxbridge.engine.gate import store_failure, wait_any
from maxbridge.observe import log
from maxbridge.observe.certificates import Peers, told
from maxbridge.observe.health import Board
from maxbridge.store.certificates import DAY, Certificate, CertificateStore, Kind, Urgency, urgency
from maxbridge.store.db import LOG_KEPT, SQLITE_ERRORS, fold_log, log_size
from maxbridge.store.meta import ClockStore, HealthTable
from maxbridge.store.tidying import Retention, Tidying

HEALTH_EVERY = 10.0
_MOMENT = 0.001
_CLOCK_STEP = 60.0
_EXPIRY_EVERY = 60.0
_TIDY_EVERY = 3600.0
_GRACE = 600.0
"""So long after a start nothing is given up: what waited while we were off, or looks old because the
clock was set meanwhile, is tried first."""


class HousekeeperTables(NamedTuple):
    """The tables that the housekeeper uses."""

    health: HealthTable
    clocks: ClockStore
    tidying: Tidying


class Housekeeper:
    """The loop.

    Attributes:
        retention: How long data is kept; may be replaced at any time.
    """

    def __init__(
        self,
        tables: HousekeeperTables,
        board: Board,
        retention: Retention,
        *,
        check_in_place: Callable[[], None],
        give_up_expired: Callable[[], None],
        tell_agents: Callable[[], None],
        fold_log: Callable[[], Awaitable[None]],
        keep_certificates: Callable[[], None] = lambda: None,
        now: Callable[[], float],
        write_metrics: Callable[[bool], Failure | None] | None = None,
    ) -> None:
        """Create the loop.

        Args:
            tables: The tables it uses.
            board: The loops' health.
            retention: How long data is kept.
            check_in_place: Raises :class:`StoreError` if the database was deleted or replaced.
            give_up_expired: Called every minute.
            tell_agents: Called every minute.
            keep_certificates: Called each round.
            fold_log: Called each round; checkpoints the WAL.
            now: Our clock.
            write_metrics: Called each round with True, and a last time with False; returns why it
                failed. None if there are no metrics.
        """
        self._tables = tables
        self._board = board
        self._loop = board.loop("housekeeper")
        self.retention = retention
        self._check_in_place = check_in_place
        self._give_up_expired = give_up_expired
        self._tell_agents = tell_agents
        self._keep_certificates = keep_certificates
        self._fold_log = fold_log
        self._now = now
        self._write_metrics = write_metrics
        self._log: Any = log.get("housekeeper")
        self._since_start = self._since_expiry = 0.0
        self._since_tidy = _TIDY_EVERY - _GRACE
        """A daemon that is restarted every hour forgets in time, too."""
        self._seen: tuple[float, float] | None = None
        """Our clock and the steady one at the last round."""

    async def run(self, stop: asyncio.Event) -> None:
        """Work until stopped.

        Raises:
            StoreError: The database was deleted or replaced, so nobody would see what is written.
        """
        while not stop.is_set():
            self._check_in_place()
            self._board.changed.clear()
            self.step()
            self._show()
            await self._fold_log()
            await self._round(stop)
        self.step()
        self._show(up=False)

    async def _round(self, stop: asyncio.Event) -> None:
        """Wait for the next round; write urgent changes of ``status`` at once."""
        round_ends = asyncio.get_running_loop().time() + HEALTH_EVERY
        while not stop.is_set():
            left = round_ends - asyncio.get_running_loop().time()
            if left < _MOMENT:
                return
            await wait_any(stop, self._board.changed, seconds=left)
            if self._board.changed.is_set():
                self._board.changed.clear()
                self._write()

    def step(self) -> None:
        """Do one round."""
        self._loop.beat()
        try:
            self._watch_clock()
            # Counted in rounds, not read off a clock that may jump.
            self._since_start += HEALTH_EVERY
            self._since_expiry += HEALTH_EVERY
            if self._since_expiry >= _EXPIRY_EVERY:
                self._since_expiry = 0.0
                if self._since_start > _GRACE:
                    self._give_up_expired()
                self._tell_agents()
            self._since_tidy += HEALTH_EVERY
            if self._since_tidy >= _TIDY_EVERY:
                self._since_tidy = 0.0
                changed = self._tables.tidying.run(self._now(), self.retention)
                self._log.debug("tidied", rows=changed)
            self._keep_certificates()
            self._write_health()
        except SQLITE_ERRORS as error:
            self._loop.trouble(store_failure(error))
        else:
            self._loop.ok()

    def _show(self, *, up: bool = True) -> None:
        """Write the metrics file; a failure stops nothing else."""
        if self._write_metrics is None:
            return
        loop = self._board.loop("metrics")
        loop.beat()
        failure = self._write_metrics(up)
        if failure is None:
            loop.ok()
        else:
            loop.trouble(failure)

    def _watch_clock(self) -> None:
        """Notice a clock set by days: it must not make a fresh reply look expired."""
        now, steady = self._now(), asyncio.get_running_loop().time()
        if self._seen is None:
            if self._tables.clocks.not_after(now):
                self._log.warning("our clock was set back while maxbridge was off")
        else:
            step = (now - self._seen[0]) - (steady - self._seen[1])
            if abs(step) > _CLOCK_STEP:
                self._tables.clocks.was_set(step)
                self._log.warning("our clock was set", seconds=round(step))
        self._seen = (now, steady)

    def _write(self) -> None:
        """Write urgent changes of ``status``; if that fails, the next round reports it."""
        with contextlib.suppress(*SQLITE_ERRORS):
            self._write_health()

    def _write_health(self) -> None:
        board = self._board
        self._tables.health.write(board.records(), board.hosts.troubles(), board.broken())


# --- Keeps the write-ahead log small ---------------------------------------------------------------


BOUND = 2 * LOG_KEPT
"""Bytes from which on it is folded in."""
LOUD = 64 << 20
"""Bytes from which on it is said, once, that somebody keeps it from being folded in."""


class LogFolding:
    """Checkpoints the write-ahead log; called every few seconds."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._told = False
        self._log: Any = log.get("housekeeper")

    async def step(self) -> None:
        """Checkpoint the log if it is large."""
        size = log_size(self._path)
        if size <= BOUND:
            self._told = False
            return
        try:
            folded = await beside(HUGE + 1, fold_log, self._path)
        except sqlite3.Error as error:
            # The loops that write meet the same and say so.
            self._log.debug("write-ahead log not folded", error=type(error).__name__)
            return
        if folded:
            self._told = False
            self._log.info("write-ahead log folded", bytes=size)
        elif size > LOUD and not self._told:
            self._told = True
            self._log.warning(
                "a program that reads the database keeps its write-ahead log from being folded in: it grows",
                bytes=size,
                advice="Close what keeps the database open, such as sqlite3 in another window.",
            )


# --- Certificates: those that connections have shown go to the database, those that end soon to the log


class CertificateKeeper:
    """The housekeeper's part for certificates."""

    def __init__(
        self,
        certificates: CertificateStore,
        peers: Peers,
        bundled: Callable[[], list[Certificate]],
        hosts: Collection[tuple[Kind, str]],
        *,
        now: Callable[[], float],
    ) -> None:
        """Create it; nothing is read yet.

        Args:
            certificates: The table of known certificates.
            peers: Certificates that connections have shown.
            bundled: Reads the certificate authorities shipped with this program.
            hosts: Hosts of both services that have certificates.
            now: Our clock.
        """
        self._store = certificates
        self._peers = peers
        self._bundled = bundled
        self._hosts = hosts
        self._now = now
        self._known: dict[tuple[Kind, str], Certificate] | None = None
        self._warned: dict[tuple[Kind, str], float] = {}
        self._log: Any = log.get("certificates")

    def step(self) -> None:
        """Do one round; write if something changed or a day has passed.

        Raises:
            sqlite3.Error, peewee.PeeweeException: The database cannot be used.
        """
        now = self._now()
        if self._known is None:
            self._store.begin(self._bundled(), self._hosts)
            self._known = {(each.kind, each.name): each for each in self._store.all()}
        new = [each for each in self._peers.take(now) if self._is_news(each, self._known)]
        if new:
            self._store.write(new, now)
            self._known.update({(each.kind, each.name): each for each in new})
        for where, each in self._known.items():
            self._warn(where, each, now)

    @staticmethod
    def _is_news(shown: Certificate, known: dict[tuple[Kind, str], Certificate]) -> bool:
        before = known.get((shown.kind, shown.name))
        # A desk is connected to every few seconds.
        return (
            before is None
            or before.ends_at != shown.ends_at
            or not 0 <= shown.seen_at - before.seen_at < DAY
        )

    def _warn(self, where: tuple[Kind, str], certificate: Certificate, now: float) -> None:
        """Log a warning, once a day."""
        if urgency(certificate, now) is Urgency.NONE:
            return
        last = self._warned.get(where)
        if last is not None and 0 <= now - last < DAY:
            return
        self._warned[where] = now
        what, remedy = told(certificate, now)
        self._log.warning("a certificate ends", what=what.rstrip(":"), advice=remedy)
