"""The daemon: both services, the store between them, five loops in one task group, and its shutdown."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from maxbridge import __version__, wiring
from maxbridge.config.settings import Settings
from maxbridge.core.blame import Blame
from maxbridge.core.errors import ApiError, ConfigError, Failure, MaxbridgeError
from maxbridge.core.retry import RetryPolicy
from maxbridge.engine.alerts import Alerts, Ping, Run, ping, run_command
from maxbridge.engine.customers import Floods, OwnChats
from maxbridge.engine.gate import LONGEST_NAP, Gate, check_desk, check_max, until_checked, wait_any
from maxbridge.engine.housekeeper import CertificateKeeper, Housekeeper, LogFolding
from maxbridge.engine.pool import Lane, Pool
from maxbridge.engine.watch import DESK, MAX, Notifier, Watch
from maxbridge.files.egress import media_egress
from maxbridge.files.spool import CAP, Spool
from maxbridge.freescout.client import FreeScoutClient
from maxbridge.gaps.backfill import Backfill
from maxbridge.gaps.watch import Audit, GapWatch
from maxbridge.inbound.poller import FirstStart, MaxPoller
from maxbridge.inbound.writer import DeskWriter, WriterEnds
from maxbridge.max.client import MaxClient
from maxbridge.max.media import MaxMedia
from maxbridge.max.transport import Timing
from maxbridge.observe import log
from maxbridge.observe.certificates import Peers, bundled, shown_by
from maxbridge.observe.health import Board, Counters, Outcomes
from maxbridge.outbound.channel import MaxSender
from maxbridge.outbound.files import SenderEnds
from maxbridge.outbound.notes import DelayNotes
from maxbridge.outbound.poller import DeskPoller
from maxbridge.restore.recovery import Recovery
from maxbridge.store.certificates import Kind
from maxbridge.store.db import SQLITE_ERRORS
from maxbridge.store.store import Store
from maxbridge.wiring import Policies, Reload, file_limit, merge, policies

STOP_PATIENCE = 4.0
"""Seconds that calls in flight may take to finish; what they leave behind is looked up later."""
POLL_PAUSE = 60.0
"""Longest pause between two polls in trouble (contract max.md 1)."""
_LONGEST_LEAD = 60.0
WRITER_WIDTH = 4
WRITER_TURN = 20
SENDER_WIDTH = 8
SPARE = 20
"""Slow calls of each side beside which others are still served."""
SENDER_TURN = 1
"""MAX's pace makes a long queue after an outage; everybody's first reply goes before anybody's second."""


@dataclass(frozen=True, slots=True)
class Ends:
    """The two services, and MAX's storage beside its API; tests connect simulators.

    Attributes:
        peers: Certificates that their connections show.
    """

    max: MaxClient
    media: MaxMedia
    desk: FreeScoutClient
    peers: Peers = field(default_factory=Peers)

    async def close(self) -> None:
        """Close all connections."""
        await self.max.close()
        await self.media.close()
        await self.desk.close()


@dataclass(slots=True)
class Runtime:
    """What the daemon takes from outside: time, randomness, and limits of patience."""

    now: Callable[[], float] = time.time
    local_time: Callable[[float], datetime] = lambda at: datetime.fromtimestamp(at).astimezone()
    jitter: Callable[[], float] = field(default_factory=lambda: random.Random().random)  # noqa: S311
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    ping: Ping = ping
    run: Run = run_command
    lead: float = 0.0
    """Seconds that the process has been running when the daemon is created; they count as part of the start."""


def connect(settings: Settings) -> Ends:
    """Connect to the real services. Imports maxapi, which takes half a second and 20 MiB."""
    from maxbridge.max.transport import (  # noqa: PLC0415
        CALL_TIMEOUT,
        POLL_TIMEOUT,
        MaxapiTransport,
    )

    token, proxy = settings.max.token.reveal(), settings.max.proxy.reveal() or None
    timing, peers = Timing(), Peers()
    from_max = peers.listener(Kind.MAX, urlsplit(settings.max.api_url).hostname)
    transports = [
        MaxapiTransport(
            token,
            settings.max.api_url,
            total_timeout=seconds,
            proxy=proxy,
            timing=timing,
            heard=from_max,
        )
        for seconds in (POLL_TIMEOUT, CALL_TIMEOUT)
    ]
    client = MaxClient(*transports, timing=timing)
    media = MaxMedia(
        client, media_egress(settings.max), proxy=proxy, heard=peers.listener(Kind.FILES)
    )
    desk = settings.freescout
    from_desk = peers.listener(Kind.DESK, urlsplit(desk.url).hostname)
    return Ends(
        client, media, FreeScoutClient(desk.url, desk.api_key.reveal(), heard=from_desk), peers
    )


class Daemon:
    """One bot, one desk, one database."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        ends: Ends,
        runtime: Runtime | None = None,
        *,
        stop: asyncio.Event | None = None,
        notifier: Notifier | None = None,
        elsewhere: Mapping[str, str] | None = None,
    ) -> None:
        """Create it; no call is made yet.

        Args:
            settings: All settings.
            store: The database.
            ends: MAX and FreeScout.
            runtime: Clocks and randomness.
            stop: Set to end it.
            notifier: Sends to systemd.
            elsewhere: Secrets in force that are not in the configuration file, with their source.
        """
        runtime = runtime or Runtime(lead=process_age())
        self.settings = settings
        self._store = store
        self.ends = ends
        self._log: Any = log.get("daemon")
        self._retry = runtime.retry
        self._now = runtime.now
        self._local_time = lambda at: ends.desk.clock.local(at) or runtime.local_time(at)
        self.board = Board(runtime.now, elsewhere)
        ends.media.hosts = ends.desk.hosts = self.board.hosts
        self.counters = Counters()
        store.db.watch = Outcomes(self.counters).tell
        ends.max.watch(lambda outcome: self.counters.call("max", outcome))
        ends.desk.watch(lambda outcome: self.counters.call("desk", outcome))
        self.stop = stop or asyncio.Event()
        self._alone = asyncio.Event()
        """No other host has worked in place of this one."""
        self._notifier = notifier or Notifier()
        self.watch = Watch(self.board, self._notifier, pulse=store.health.pulse, now=runtime.now)
        self._build(runtime)

    def _build(self, runtime: Runtime) -> None:
        now, jitter = runtime.now, runtime.jitter
        settings, store, ends = self.settings, self._store, self.ends
        self._spool = Spool.beside(settings.store.path, cap=max(CAP, file_limit(settings.max)))
        chosen = self._policies(settings)
        clocks: dict[str, Any] = {"now": now, "jitter": jitter}
        wake_writer, wake_sender = asyncio.Event(), asyncio.Event()

        def wake_both() -> None:
            wake_writer.set()
            wake_sender.set()

        blames = {"max": Blame(), "desk": Blame()}

        def gate(name: str, policy: RetryPolicy) -> Gate:
            service = "max" if name.startswith("max") else "desk"
            return Gate(self.board.loop(name), policy, blame=blames[service], **clocks)

        def answers(service: str) -> int:
            return blames[service].answers if service in blames else 0

        # A poll costs next to nothing, and what waits at the other end waits for it.
        polling = replace(self._retry, cap=min(POLL_PAUSE, self._retry.cap))
        self._gates = {
            "max_poller": gate("max_poller", polling),
            "desk_writer": gate("desk_writer", self._retry),
            "desk_poller": gate("desk_poller", polling),
            "max_sender": gate("max_sender", self._retry),
        }
        gates = self._gates
        chats = OwnChats(store.meta.bot_id, store.dialogs.has, ends.max)
        self._floods = Floods(
            store.floods,
            store.dialogs,
            chosen.flood,
            bot_id=store.meta.bot_id,
            now=now,
            wake_writer=wake_writer.set,
            wake_sender=wake_sender.set,
        )
        self.backfill = Backfill(
            store.backfill,
            store.meta,
            ends.max,
            self._retry,
            floods=self._floods,
            wake_writer=wake_writer.set,
            **clocks,
        )
        gaps = GapWatch(store.backfill, now=now, noticed=self.backfill.begin)
        self.audit = Audit(wiring.audit(store), ends.max, gaps, now=now)
        self._first_start = FirstStart(
            store.first_start, ends.max, settings.max.first_start, now=now, lead=runtime.lead
        )
        writer_lane = Lane(WRITER_WIDTH, spare=SPARE, gate=gates["desk_writer"])
        sender_lane = Lane(SENDER_WIDTH, spare=SPARE, gate=gates["max_sender"])
        self.max_poller = MaxPoller(
            store.inbox,
            store.backfill,
            ends.max,
            gates["max_poller"],
            floods=self._floods,
            gaps=gaps,
            backfill=self.backfill,
            first_start=self._first_start,
            check_in_place=store.db.check_in_place,
            now=now,
            wake_writer=wake_writer.set,
        )
        self.desk_writer = DeskWriter(
            wiring.writer(store),
            WriterEnds(ends.desk, ends.max, ends.media, self._spool),
            chosen.writer,
            gates["desk_writer"],
            writer_lane,
            chats=chats,
            wake_sender=wake_sender.set,
            answers=answers,
            **clocks,
        )
        self.desk_poller = DeskPoller(
            wiring.desk_poller(store),
            ends.desk,
            chats,
            chosen.poller,
            gates["desk_poller"],
            wake=wake_both,
            **clocks,
        )
        self.max_sender = MaxSender(
            wiring.sender(store),
            SenderEnds(ends.max, ends.media, ends.desk, self._spool),
            chosen.sender,
            gates["max_sender"],
            sender_lane,
            wake_writer=wake_writer.set,
            answers=answers,
            **clocks,
        )
        self.writer_pool = Pool(
            store.inbox,
            self.desk_writer.deliver,
            self.desk_writer.hold_after_bug,
            gate=gates["desk_writer"],
            lane=writer_lane,
            wake=wake_writer,
            turn=WRITER_TURN,
            now=now,
        )
        self.sender_pool = Pool(
            store.outbox,
            self.max_sender.deliver,
            self.max_sender.hold_after_bug,
            gate=gates["max_sender"],
            lane=sender_lane,
            wake=wake_sender,
            turn=SENDER_TURN,
            now=now,
        )
        self.recovery = Recovery(
            wiring.recovery(store),
            ends.desk,
            chats,
            gates["desk_writer"],
            settle=self._retry.settle,
            now=now,
            beat=self._beat_writer,
            noticed=self.backfill.begin,
        )
        self._delay_notes = DelayNotes(
            store.notes,
            self.board,
            self._retry,
            chosen.sender.notes,
            now=now,
            wake_writer=wake_writer.set,
        )
        queues: dict[str, Any] = {"desk_writer": store.inbox, "max_sender": store.outbox}
        self.alerts = Alerts(
            store.alerts,
            self.board,
            chosen.alerts,
            pulse=store.health.pulse,
            stuck=lambda: self.watch.stuck,
            waiting=lambda name: queues[name].depth().waiting,
            ping=runtime.ping,
            run=runtime.run,
            now=now,
            wake_sender=wake_sender.set,
        )
        self.housekeeper = Housekeeper(
            wiring.housekeeper(store),
            self.board,
            chosen.retention,
            check_in_place=store.db.check_in_place,
            give_up_expired=self.max_sender.give_up_expired,
            tell_agents=self._tell_agents,
            fold_log=LogFolding(store.db.path).step,
            keep_certificates=CertificateKeeper(
                store.certificates,
                ends.peers,
                lambda: bundled(settings.max, now()),
                shown_by(settings),
                now=now,
            ).step,
            now=now,
            write_metrics=self._metrics(now),
        )

    def _metrics(self, now: Callable[[], float]) -> Callable[[bool], Failure | None] | None:
        """Return the writer of the metrics file; prometheus-client is loaded only if configured."""
        name = self.settings.metrics.textfile
        if not name:
            return None
        from maxbridge.observe.metrics import writer  # noqa: PLC0415

        store = self._store
        return writer(
            Path(name),
            self.board,
            self.counters,
            health=store.health,
            store_path=store.db.path,
            now=now,
        )

    def _tell_agents(self) -> None:
        self._delay_notes.step()
        self._floods.tell()

    def _policies(self, settings: Settings) -> Policies:
        return policies(settings, self._retry, self._local_time)

    def reload(self, settings: Settings) -> Reload:
        """Apply the settings that may change at run time; others stay.

        Args:
            settings: Checked as for a start.
        """
        reload = merge(self.settings, settings)
        chosen = self._policies(reload.settings)
        self.desk_writer.use(chosen.writer)
        self.desk_poller.use(chosen.poller)
        self.max_sender.use(chosen.sender)
        self.housekeeper.retention = chosen.retention
        self._delay_notes.texts = chosen.sender.notes
        self.alerts.policy = chosen.alerts
        self._floods.policy = chosen.flood
        self.settings = reload.settings
        return reload

    async def run(self) -> None:
        """Work until :attr:`stop` is set; then finish the calls in flight.

        Raises:
            ConfigError: A service's answer shows a wrong setting.
        """
        self._log.info("maxbridge starts", version=__version__, store=str(self.settings.store.path))
        with contextlib.suppress(*SQLITE_ERRORS):  # the housekeeper will say what is wrong
            self._store.health.clear()
            self._first_start.begin()
        for act in self._store.made_up:
            self._log.warning("erased again, as an act says", act=act.number)
        self._look_whether_copied()
        with contextlib.suppress(ApiError):  # whoever needs the folder will say what is wrong
            self._spool.sweep()
        work = asyncio.ensure_future(self._work())
        stopping = asyncio.ensure_future(self.stop.wait())
        try:
            await asyncio.wait({work, stopping}, return_when=asyncio.FIRST_COMPLETED)
            self._notifier.stopping()
            self._notifier.status("stops: calls in flight are finished")
            if not work.done():
                await asyncio.wait({work}, timeout=STOP_PATIENCE)
            if not work.done():
                self._log.warning("calls in flight are left: they will be looked up at next start")
        finally:
            for task in (work, stopping):
                task.cancel()
            await asyncio.gather(work, stopping, return_exceptions=True)
            await self.ends.close()
            self._log.info("maxbridge stopped")
        error = None if work.cancelled() else work.exception()
        if error is not None:
            first = _first(error)
            if isinstance(first, ConfigError):
                with contextlib.suppress(*SQLITE_ERRORS):  # what is configured wrongly comes first
                    self._first_start.refused()
            raise first from None

    def _look_whether_copied(self) -> None:
        """Treat a backup copied into place by hand like a restored one."""
        with contextlib.suppress(*SQLITE_ERRORS):  # the housekeeper will say what is wrong
            taken_at = self._store.restored.copied_by_hand()
            if taken_at is not None:
                self._store.restored.begin(taken_at, self._now())
                self._log.warning("this database is a backup that was copied here")
            elif self.settings.store.second_host == "yes":
                self.recovery.returned = self._store.restored.returned(self._now())
        if not self.recovery.returned:
            self._alone.set()

    async def _work(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._max_side())
            tasks.create_task(self._desk_side())
            tasks.create_task(self.housekeeper.run(self.stop), name="housekeeper")
            tasks.create_task(self.watch.run(self.stop))
            tasks.create_task(self.alerts.run(self.stop), name="alerts")

    async def _max_side(self) -> None:
        """Run MAX's loops; first MAX must confirm the token's bot."""
        gate = self._gates["max_poller"]
        if await until_checked(self._check_max, gate, self.stop):
            while not self._alone.is_set() and not self.stop.is_set():
                gate.loop.beat()  # it waits for FreeScout; nothing is stuck
                await wait_any(self._alone, self.stop, seconds=LONGEST_NAP)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._tell_live("max_poller", MAX))
                tasks.create_task(self.max_poller.run(self.stop), name="max_poller")
                tasks.create_task(self.backfill.run(self.stop), name="backfill")
                tasks.create_task(self.audit.run(self.stop), name="audit")
                tasks.create_task(self.sender_pool.run(self.stop), name="max_sender")

    async def _check_max(self) -> None:
        await check_max(self.ends.max, self._store.meta, self._store.backfill)
        self._store.restored.answered(max_now=self.ends.max.timing.now())

    def _beat_writer(self) -> None:
        """Send the writer's sign of life while it waits for the reading after a restore."""
        self._gates["desk_writer"].loop.beat()

    async def _tell_live(self, name: str, end: str) -> None:
        """Report the service as live once the loop's first poll is stored: messages sent from then on are not skipped."""
        live = self.board.loop(name).live
        await wait_any(live, self.stop)
        if live.is_set():
            self.watch.answered(end)

    async def _desk_side(self) -> None:
        """Run the desk's loops; first the desk must accept key, mailbox and user."""
        if await until_checked(self._check_desk, self._gates["desk_poller"], self.stop):
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._tell_live("desk_poller", DESK))
                tasks.create_task(self.desk_poller.run(self.stop), name="desk_poller")
                tasks.create_task(self._write(), name="desk_writer")

    async def _write(self) -> None:
        """Run the writer; after a restore it first waits for the reading of the desk, while replies are sent.

        If another host may be active, MAX is not polled either until it is known that there is
        none.
        """
        await self.recovery.run(self.stop)
        self._alone.set()
        await self.writer_pool.run(self.stop)

    async def _check_desk(self) -> None:
        await check_desk(self.ends.desk, self.settings.freescout)
        self._store.restored.answered(desk_now=self.ends.desk.clock.now())


def process_age() -> float:
    """Return the seconds that this process has been running; loading the program takes some on a busy machine.

    0 if unknown, or so long that it cannot be the daemon's start.
    """
    try:
        words = Path("/proc/self/stat").read_text(encoding="ascii", errors="replace")
        ticks = int(words.rpartition(")")[2].split()[19])  # field 22 of proc(5)
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError, AttributeError):
        return 0.0
    return age if 0.0 <= age <= _LONGEST_LEAD else 0.0


def _first(whole: BaseException) -> BaseException:
    """Return the error to report: one of ours if there is one, else the first."""
    leaves: list[BaseException] = []
    pending: list[BaseException] = [whole]
    while pending:
        error = pending.pop(0)
        if isinstance(error, BaseExceptionGroup):
            pending += error.exceptions
        else:
            leaves.append(error)
    return next((each for each in leaves if isinstance(each, MaxbridgeError)), leaves[0])
