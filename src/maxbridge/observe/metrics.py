"""The metrics file for Prometheus' node exporter; imported only if ``[metrics] textfile`` is set.

It contains no personal data: numbers, names of loops, codes of failures. The counters begin at zero
with each start, as Prometheus expects of a process; ``rate()`` and ``increase()`` handle that.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from maxbridge import __version__
from maxbridge.core.errors import DOWNLOADS, UPLOADS, Failure, Kind, Scope
from maxbridge.core.parts import STARS
from maxbridge.observe.health import BUCKETS, Board, Counters
from maxbridge.observe.status import assess, is_loud
from maxbridge.store.access import size_on_disk
from maxbridge.store.certificates import Certificate, Urgency, urgency
from maxbridge.store.db import SQLITE_ERRORS
from maxbridge.store.meta import HealthTable
from maxbridge.store.snapshot import LoopHealth, Snapshot

_MODE = 0o644
"""node_exporter is another user, and the service's umask lets nobody read."""
_CODES = {
    errno.ENOENT: "metrics.no_folder",
    errno.ENOTDIR: "metrics.no_folder",
    errno.EACCES: "metrics.denied",
    errno.EPERM: "metrics.denied",
    errno.EROFS: "metrics.denied",
    errno.ENOSPC: "metrics.full",
    errno.EDQUOT: "metrics.full",
}


@dataclass(frozen=True, slots=True)
class Reading:
    """The values for the file.

    Attributes:
        up: False in the last one, written when the daemon stops.
        now: Our clock.
        started_at: When the daemon started, our clock.
        loops: State of each loop.
        snapshot: What the store says; None while it cannot be read.
        store: The database file.
        ratings: Number of tickets by rating.
    """

    up: bool
    now: float
    started_at: float
    loops: Sequence[LoopHealth]
    snapshot: Snapshot | None
    store: Path
    ratings: Mapping[int, int] = field(default_factory=dict)


class Metrics(Collector):
    """Makes metrics of a reading and the counters."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self.reading: Reading | None = None

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics, in the order of docs/monitoring.md."""
        reading = self.reading
        if reading is None:
            return
        yield _gauge("up", "1 while the daemon runs, 0 after it has stopped.", float(reading.up))
        build = GaugeMetricFamily("maxbridge_build_info", "The version.", labels=["version"])
        build.add_metric([__version__], 1.0)
        yield build
        yield _gauge(
            "start_time_seconds", "When the daemon started, Unix time.", reading.started_at
        )
        yield from _of_loops(reading.loops)
        if reading.snapshot is not None:
            yield from _of_store(reading.snapshot, reading)
        yield _by(
            "ratings",
            "Tickets that customers have rated, by stars.",
            "stars",
            [(str(stars), reading.ratings.get(stars, 0)) for stars in range(1, STARS + 1)],
        )
        yield from self._of_deliveries()
        yield from _of_disk(reading)

    def _of_deliveries(self) -> Iterator[Metric]:
        ended = CounterMetricFamily(
            "maxbridge_deliveries",
            "Deliveries that ended since the start, by direction (in: to the desk, out: to MAX), kind "
            "and result (delivered, ignored, bounced, held, parked).",
            labels=["direction", "kind", "result"],
        )
        for what, count in sorted(self._counters.ended.items()):
            ended.add_metric(list(what), count)
        yield ended
        delays = HistogramMetricFamily(
            "maxbridge_delivery_seconds",
            "From when a message was on the bridge's disk, or a reply's undo window was over, to its "
            "delivery.",
            labels=["direction"],
        )
        for direction, each in self._counters.delays.items():
            counts = list(accumulate(each.counts))
            bounds = [str(bound) for bound in BUCKETS] + ["+Inf"]
            delays.add_metric(
                [direction], buckets=list(zip(bounds, counts, strict=True)), sum_value=each.total
            )
        yield delays
        calls = CounterMetricFamily(
            "maxbridge_api_requests",
            "API requests since the start, by end (max, desk) and outcome: ok, or the code of the "
            "failure.",
            labels=["end", "outcome"],
        )
        for key, count in sorted(self._counters.calls.items()):
            calls.add_metric(list(key), count)
        yield calls


def _gauge(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(f"maxbridge_{name}", words, value=value)


def _by(name: str, words: str, label: str, values: Sequence[tuple[str, float | None]]) -> Metric:
    """Return a gauge with one value per label; None is left out."""
    family = GaugeMetricFamily(f"maxbridge_{name}", words, labels=[label])
    for what, value in values:
        if value is not None:
            family.add_metric([what], value)
    return family


def _of_loops(loops: Sequence[LoopHealth]) -> Iterator[Metric]:
    yield _by(
        "loop_last_progress_timestamp_seconds",
        "When a loop was last seen going round, Unix time.",
        "loop",
        [(each.name, each.beat_at) for each in loops],
    )
    yield _by(
        "loop_last_success_timestamp_seconds",
        "When a call of a loop last succeeded, Unix time; absent before the first.",
        "loop",
        [(each.name, each.success_at) for each in loops],
    )
    yield _by(
        "loop_trouble",
        "1 while a loop is in trouble.",
        "loop",
        [(each.name, float(each.trouble_since is not None)) for each in loops],
    )


def _of_store(snapshot: Snapshot, reading: Reading) -> Iterator[Metric]:
    now = reading.now
    report = assess(snapshot, running=True, now=now, started_at=reading.started_at)
    yield _gauge(
        "status", "As `maxbridge status` judges: 0 healthy, 1 degraded, 2 down.", report.level
    )
    queues = (("inbox", snapshot.inbox), ("outbox", snapshot.outbox))
    yield _by(
        "queue_waiting",
        "Items that wait for delivery.",
        "queue",
        [(name, float(each.waiting)) for name, each in queues],
    )
    yield _by(
        "queue_held",
        "Items that wait for a person's decision.",
        "queue",
        [(name, float(each.held)) for name, each in queues],
    )
    yield _by(
        "queue_oldest_age_seconds",
        "For how long the oldest waiting item has waited; 0 when none waits.",
        "queue",
        [
            (name, 0.0 if each.oldest_at is None else max(0.0, now - each.oldest_at))
            for name, each in queues
        ],
    )
    yield _gauge(
        "events_unreadable",
        "Events without a sender that are kept, such as MAX's native voice.",
        float(snapshot.inbox.parked),
    )
    if snapshot.marker_at is not None:
        yield _gauge(
            "max_marker_timestamp_seconds",
            "When the last answer of MAX was written down (to the minute), Unix time.",
            snapshot.marker_at,
        )
    yield _by(
        "file_hosts_in_trouble",
        "Hosts that do not give or take files.",
        "way",
        [
            (way, float(sum(each.way == way for each in snapshot.hosts)))
            for way in (DOWNLOADS, UPLOADS)
        ],
    )
    yield _gauge(
        "tickets_not_given",
        "Tickets, and conversations that agents began, that the desk does not give: replies in them do not leave.",
        float(snapshot.not_given),
    )
    yield _gauge("dialogs", "Known chats with customers.", float(snapshot.dialogs))
    yield _gauge(
        "dialogs_blocked",
        "Chats whose customer stopped the bot, and groups that removed it.",
        float(snapshot.blocked),
    )
    gap = snapshot.gap
    loud = gap is not None and is_loud(gap, now)
    yield _gauge(
        "gap_seconds",
        "Length of the time of which messages may be missing; 0 a day after it was noticed.",
        max(0.0, gap.noticed_at - gap.since) if gap is not None and loud else 0.0,
    )
    yield _gauge(
        "gap_dialogs_left",
        "Chats whose history is still to be read for it.",
        float(gap.left) if gap is not None else 0.0,
    )
    yield from _of_certificates(snapshot.certificates, now)


def _of_certificates(certificates: Sequence[Certificate], now: float) -> Iterator[Metric]:
    ends = GaugeMetricFamily(
        "maxbridge_certificate_end_timestamp_seconds",
        "Last moment of a certificate, Unix time, by kind (bundled: an authority's, brought by maxbridge; max; "
        "files: a host of MAX's storage; desk) and name.",
        labels=["kind", "name"],
    )
    urgent = GaugeMetricFamily(
        "maxbridge_certificate_urgent",
        "1 where a certificate has ended, or ends soon and was not renewed when it should have been.",
        labels=["kind", "name"],
    )
    for each in certificates:
        whose = [each.kind, each.name]
        ends.add_metric(whose, each.ends_at)
        urgent.add_metric(whose, float(urgency(each, now) >= Urgency.URGENT))
    yield ends
    yield urgent


def _of_disk(reading: Reading) -> Iterator[Metric]:
    with suppress(OSError):
        free = shutil.disk_usage(reading.store.parent).free
        yield _gauge("disk_free_bytes", "Room left on the database's disk.", float(free))
    size = float(size_on_disk(reading.store))
    yield _gauge("database_bytes", "Size of the database with its write-ahead log.", size)


class Textfile:
    """Writes the file, atomically."""

    def __init__(self, path: Path, counters: Counters, read: Callable[[bool], Reading]) -> None:
        """Create it; nothing is written yet.

        Args:
            path: The file, ``*.prom``.
            counters: The counters.
            read: Returns the values; its argument is whether the daemon continues.
        """
        self._path = path
        self._read = read
        self._metrics = Metrics(counters)
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self._metrics)

    def write(self, *, up: bool) -> Failure | None:
        """Write the file; return the failure, if any."""
        self._metrics.reading = self._read(up)
        try:
            _replace(self._path, generate_latest(self._registry))
        except OSError as error:
            code = _CODES.get(error.errno or 0, "metrics.error")
            return Failure(code, Kind.CONFIG, True, Scope.END, f"{os.strerror(error.errno or 0)}")
        return None


def writer(
    path: Path,
    board: Board,
    counters: Counters,
    *,
    health: HealthTable,
    store_path: Path,
    now: Callable[[], float],
) -> Callable[[bool], Failure | None]:
    """Return the function that the housekeeper calls each round; its argument is whether the daemon continues."""
    started_at = now()

    def read(up: bool) -> Reading:
        snapshot, ratings = None, dict[int, int]()
        with suppress(*SQLITE_ERRORS):  # the housekeeper says what is wrong
            snapshot, ratings = health.snapshot(), health.ratings()
        loops = board.records()
        return Reading(up, now(), started_at, loops, snapshot, store_path, ratings)

    textfile = Textfile(path, counters, read)
    return lambda up: textfile.write(up=up)


def _replace(path: Path, content: bytes) -> None:
    """Replace the file atomically. A kill leaves at most one temporary file."""
    temporary = path.with_name(f".{path.name}.tmp")
    # A killed process may have left one, perhaps as another user: the service's is made for each start.
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), _MODE)
            file.write(content)
        temporary.replace(path)
    except OSError:
        with suppress(OSError):
            temporary.unlink()
        raise
