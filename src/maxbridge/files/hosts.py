"""State of the hosts that store files: one that does not answer, or trickles, is tried rarely until it recovers.

- A transfer's failure is its host's if the host cannot be reached, is silent, breaks off or
  trickles. Any answer, even 404 or 500, shows that the host works: then it is the file's failure.
- Two such failures in a row, with no answer in between, begin a trouble: one line in the log, and
  ``status`` names the host (:class:`maxbridge.observe.health.Board`).
- During a trouble one transfer at a time probes whether it is over, after a growing pause. All
  others are refused before anything is sent; the caller decides whether the file waits.
- The first answer ends it, with another log line. A host not used for an hour is forgotten.

Downloads and uploads are counted separately: a host may work for one and not for the other.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx

from maxbridge.core.errors import DOWNLOADS, ApiError, Failure, HostTrouble, Kind, Scope
from maxbridge.core.pace import Spread
from maxbridge.files.failures import file_error

MOST_AT_ONCE = 16
"""Transfers with one host at the same time."""
_MOST_WAITING = 16
"""Transfers that wait for one of them to end; more are turned away, so that one host never takes a whole lane."""
_FAILURES = 2
_FIRST_PAUSE = 10.0
_LONGEST_PAUSE = 120.0
_FORGOTTEN = 3600.0
_SILENT = ("timeout", "unreachable", "dropped", "truncated", "tls", "no_tls")
"""Failures of a transfer that say that its host does not do its work."""
BUSY = "files.busy"
"""Not the host's trouble: so many files are carried from or to it that one more waits."""


def is_of_host(code: str) -> bool:
    """Whether a failure concerns a file host, not a service or our own disk."""
    return code.startswith(("media.", "max.upload_", "desk.file_"))


def is_silence(code: str) -> bool:
    """Whether a failure of a file means that its host does not work."""
    return is_of_host(code) and code.endswith(_SILENT)


class HostWaitsError(ApiError):
    """A host is in trouble or busy; nothing was sent to it.

    Attributes:
        lasts: Seconds since its trouble began; 0 if it is only busy.
        pause: Seconds after which to try again.
    """

    def __init__(self, failure: Failure, lasts: float, pause: float) -> None:
        super().__init__(failure)
        self.lasts = lasts
        self.pause = pause


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a transfer may take.

    Attributes:
        whole: Seconds in all, redirects included.
        window: Length of the period, in seconds, in which there must be progress.
        least: Bytes per period that count as progress. A host that trickles a byte a second is
            never idle.
        enough: Bytes per period of all transfers with a host together that excuse a slow one: they
            share a narrow connection.
    """

    whole: float = 900.0
    window: float = 30.0
    least: int = 30 * (4 << 10)
    enough: int = 30 * (32 << 10)


@dataclass(slots=True)
class _Host:
    failures: int = 0
    """Consecutive failures."""
    open: int = 0
    """Number of transfers under way."""
    moved: int = 0
    """Bytes of all transfers so far."""
    first_at: float = 0.0
    """When the first of the consecutively failed transfers began, our clock."""
    failure: Failure | None = None
    since: float | None = None
    """When its trouble began, our clock; None without trouble."""
    probing: bool = False
    pause: float = _FIRST_PAUSE
    next_at: float = 0.0
    """When the next transfer may probe, monotonic; so is :attr:`asked_at`."""
    asked_at: float = 0.0
    waiting: deque[asyncio.Future[None]] = field(default_factory=deque)
    spread: Spread = field(default_factory=lambda: Spread(least=2.0, most=_LONGEST_PAUSE))


class Hosts:
    """The file hosts of this process."""

    def __init__(
        self,
        now: Callable[[], float] = time.time,
        *,
        begun: Callable[[HostTrouble], None] | None = None,
        ended: Callable[[HostTrouble], None] | None = None,
    ) -> None:
        """Create it.

        Args:
            now: Our clock.
            begun: Called when a trouble begins.
            ended: Called when a trouble ends or is forgotten.
        """
        self._now = now
        self._begun = begun or (lambda _: None)
        self._ended = ended or (lambda _: None)
        self._hosts: dict[tuple[str, str], _Host] = {}

    def troubles(self) -> list[HostTrouble]:
        """The hosts that are in trouble now."""
        self._forget()
        troubles = [_trouble(host, way, name) for (way, name), host in self._hosts.items()]
        return [each for each in troubles if each is not None]

    @asynccontextmanager
    async def transfer(
        self, url: str, prefix: str, patience: Patience, *, way: str = DOWNLOADS
    ) -> AsyncIterator[Flow]:
        """Context of one transfer, from its first byte to its last.

        Args:
            url: Its first address.
            prefix: Prefix of failure codes.
            patience: How long it may take.
            way: ``downloads`` or ``uploads``.

        Raises:
            HostWaitsError: Its host is in trouble, or busy.
            ApiError: It took too long (``…timeout``), or the block's own error.
        """
        await self._turn(way, _name_of(url))
        flow = Flow(self, prefix, patience, way)
        flow.goes_to(url)
        try:
            async with asyncio.timeout(patience.whole) as limit:
                flow.begin(limit)
                yield flow
        except TimeoutError:
            failure = file_error(prefix, "timeout", flow.why_ended())
            if flow.keeps_pace():
                # A large file, and a narrow line or little time: the host does its work.
                flow.answered()
                flow.over()
            else:
                flow.failed(failure.failure)
            raise failure from None
        except ApiError as error:
            flow.failed(error.failure)
            raise
        except BaseException:
            # Broken off by us, or a bug: it tells nothing of the host.
            flow.over()
            raise
        else:
            flow.answered()
            flow.over()

    async def _turn(self, way: str, name: str) -> None:
        """Wait while a host is busy; if it gets into trouble meanwhile, stop waiting."""
        host = self._hosts.setdefault((way, name), _Host())
        while host.since is None and host.open >= MOST_AT_ONCE:
            if len(host.waiting) >= _MOST_WAITING:
                raise HostWaitsError(_waits(BUSY, name), 0.0, host.spread.pause(_steady()))
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            host.waiting.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                if turn in host.waiting:
                    host.waiting.remove(turn)
                else:
                    _wake(host, 1)  # it was this one's turn: the next one has it
                raise

    # --- for Flow ---------------------------------------------------------------------------------

    def left(self, host: _Host) -> None:
        """Record that a transfer has ended at a host: the next one gets its turn."""
        host.open -= 1
        _wake(host, 1)

    def enter(self, way: str, name: str) -> _Host:
        """Begin a transfer with a host; raises :class:`HostWaitsError`."""
        host = self._hosts.setdefault((way, name), _Host())
        steady = host.asked_at = _steady()
        if host.since is not None and host.failure is not None:
            if host.probing or steady < host.next_at:
                left = host.pause if host.probing else host.next_at - steady
                pause = host.spread.pause(steady, at_least=left)
                told = _waits(host.failure.code, f"{name} is in trouble")
                raise HostWaitsError(told, max(0.0, self._now() - host.since), pause)
            host.probing = True
        host.open += 1
        return host

    def failed(
        self,
        host: _Host,
        way: str,
        name: str,
        failure: Failure,
        *,
        began: float,
        probed: bool,
    ) -> None:
        """Record a failure that is the host's.

        Args:
            host: The host.
            way: Downloads or uploads.
            name: Its name.
            failure: What happened.
            began: When the transfer began, our clock.
            probed: The transfer was a probe.
        """
        if not host.failures:
            host.first_at = began
        host.failures += 1
        host.failure = failure
        steady = _steady()
        if host.since is None:
            if host.failures < _FAILURES:
                return
            host.since, host.pause = host.first_at, _FIRST_PAUSE
            host.next_at = steady + host.pause
            self._tell(self._begun, host, way, name)
            _wake(host, len(host.waiting))
        elif probed:
            host.pause = min(2.0 * host.pause, _LONGEST_PAUSE)
            host.next_at = steady + host.pause

    def answered(self, host: _Host, way: str, name: str) -> None:
        """Record that a host has answered."""
        host.failures = 0
        if host.since is not None:
            self._tell(self._ended, host, way, name)
            host.since = host.failure = None

    def now(self) -> float:
        """Our clock."""
        return self._now()

    def _forget(self) -> None:
        steady = _steady()
        for (way, name), host in list(self._hosts.items()):
            if not host.open and not host.waiting and steady - host.asked_at > _FORGOTTEN:
                del self._hosts[way, name]
                self._tell(self._ended, host, way, name)

    @staticmethod
    def _tell(whom: Callable[[HostTrouble], None], host: _Host, way: str, name: str) -> None:
        trouble = _trouble(host, way, name)
        if trouble is not None:
            whom(trouble)


class Flow:
    """One transfer under way: its present host, and its progress."""

    def __init__(self, hosts: Hosts, prefix: str, patience: Patience, way: str) -> None:
        self._hosts = hosts
        self._prefix = prefix
        self._patience = patience
        self._way = way
        self._name = ""
        self._host: _Host | None = None
        self._probes = False
        self._began = hosts.now()
        self._limit: asyncio.Timeout | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._moved = self._seen = self._seen_of_host = self._moved_before = 0
        self._entered = 0.0
        self._slow = False

    def goes_to(self, url: str) -> None:
        """Continue at another address, after a redirect for example: the previous host has answered.

        Raises:
            HostWaitsError: That host is in trouble, or busy.
        """
        name = _name_of(url)
        if self._host is not None:
            if name == self._name:
                return
            self.answered()
            self._leave()
        self._host = self._hosts.enter(self._way, name)
        self._name, self._probes = name, self._host.probing and self._host.since is not None
        self._began = self._hosts.now()
        self._seen_of_host = self._moved_before = self._host.moved
        self._entered = _steady()

    def begin(self, limit: asyncio.Timeout) -> None:
        """Start its time limit."""
        self._limit = limit
        self._watch()

    def moved(self, count: int) -> None:
        """Count transferred bytes."""
        self._moved += count
        if self._host is not None:
            self._host.moved += count

    def why_ended(self) -> str:
        """Say for the log why a transfer timed out."""
        if not self._slow:
            return "took too long"
        return "too slow" if self._moved else "silent"

    def keeps_pace(self) -> bool:
        """Whether its host's other transfers excuse a slow one."""
        if self._host is None or self._slow:
            return False
        least = self._patience.enough / self._patience.window
        return self._host.moved - self._moved_before >= least * (_steady() - self._entered)

    def answered(self) -> None:
        """Record that its host works."""
        if self._host is not None:
            self._hosts.answered(self._host, self._way, self._name)

    def failed(self, failure: Failure) -> None:
        """Record its failure, its own or its host's."""
        host, what = self._host, failure.code.removeprefix(self._prefix)
        if host is not None:
            if failure.code.startswith(self._prefix) and what in _SILENT:
                self._hosts.failed(
                    host, self._way, self._name, failure, began=self._began, probed=self._probes
                )
            elif failure.code.startswith(self._prefix) and what != "refused_host":
                self.answered()
        self.over()

    def over(self) -> None:
        """Record its end."""
        if self._timer is not None:
            self._timer.cancel()
        self._leave()

    def _leave(self) -> None:
        host, self._host = self._host, None
        if host is not None:
            if self._probes:
                host.probing = False
            self._hosts.left(host)

    def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._patience.window, self._check_pace)

    def _check_pace(self) -> None:
        host, limit = self._host, self._limit
        if host is None or limit is None:
            return
        own, whole = self._moved - self._seen, host.moved - self._seen_of_host
        if own < self._patience.least and whole < self._patience.enough:
            self._slow = True
            limit.reschedule(_steady())
            return
        self._seen, self._seen_of_host = self._moved, host.moved
        self._watch()


def _trouble(host: _Host, way: str, name: str) -> HostTrouble | None:
    if host.since is None or host.failure is None:
        return None
    return HostTrouble(name, way, host.since, host.failure.code)


def _wake(host: _Host, count: int) -> None:
    while host.waiting and count > 0:
        turn = host.waiting.popleft()
        if not turn.done():
            turn.set_result(None)
            count -= 1


def _waits(code: str, detail: str) -> Failure:
    return Failure(code, Kind.TRANSIENT, True, Scope.ITEM, detail)


def _name_of(url: str) -> str:
    """Return a host's name with an unusual port; the rest of a link must not be shown."""
    try:
        return httpx.URL(url).netloc.decode("ascii")
    except (httpx.InvalidURL, UnicodeError):
        return "?"


def _steady() -> float:
    return asyncio.get_running_loop().time()
