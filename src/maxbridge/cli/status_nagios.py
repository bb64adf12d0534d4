"""``maxbridge status --nagios``: one line with performance data, as monitoring plugins print it.

The form is that of the Monitoring Plugins Development Guidelines: ``label=value[unit];warn;crit;min``.
A threshold ``0`` alerts above 0, ``N:`` below N. Only what makes the verdict has thresholds.
"""

from __future__ import annotations

from maxbridge.core.certificates import DAY, Certificate, Kind, days_left, urgent_before
from maxbridge.observe.certificates import by_end
from maxbridge.observe.status import LATE_AFTER, STUCK_AFTER, Level, Report
from maxbridge.store.access import DISK_LEAST
from maxbridge.store.health_records import Snapshot

WORDS = {Level.OK: "OK", Level.DEGRADED: "WARNING", Level.DOWN: "CRITICAL"}
UNKNOWN = 3


def to_nagios(report: Report) -> str:
    """The line."""
    text = f"MAXBRIDGE {WORDS[report.level]}"
    if report.problems:
        text += " - " + "; ".join(report.reasons)
    # A bar begins the figures, and a line break the long text.
    text = " ".join(text.replace("|", "/").split())
    figures = _figures(report)
    return f"{text} | {' '.join(figures)}" if figures else text


def _figures(report: Report) -> list[str]:
    snapshot, now = report.snapshot, report.now
    if snapshot is None:
        return []
    oldest = [each.oldest_at for each in (snapshot.inbox, snapshot.outbox) if each.oldest_at]
    late = max((now - each for each in oldest), default=0.0)
    still = max((now - each.beat_at for each in snapshot.loops), default=0.0)
    held = snapshot.inbox.held + snapshot.outbox.held
    figures = [
        f"inbox={snapshot.inbox.waiting};;;0",
        f"outbox={snapshot.outbox.waiting};;;0",
        f"oldest={max(0.0, late):.0f}s;{LATE_AFTER:.0f};;0",
        f"held={held};0;;0",
        f"parked={snapshot.inbox.parked};;;0",
        f"slowest_loop={max(0.0, still):.0f}s;{STUCK_AFTER:.0f};;0",
        f"troubles={sum(each.trouble_since is not None for each in snapshot.loops)};0;;0",
        f"file_hosts={len(snapshot.hosts)};0;;0",
        f"in_hour={snapshot.traffic_in.hour};;;0",
        f"out_hour={snapshot.traffic_out.hour};;;0",
    ]
    for kind, each in _first_to_end(snapshot).items():
        days = max(0, days_left(each.ends_at, now))
        figures.append(f"certificate_{kind}={days};{urgent_before(each) // DAY:.0f}:;;0")
    if report.free is not None:
        figures.append(f"disk_free={report.free}B;{DISK_LEAST}:;;0")
    if report.size is not None:
        figures.append(f"database={report.size}B;;;0")
    return figures


def _first_to_end(snapshot: Snapshot) -> dict[Kind, Certificate]:
    """Of each kind the one whose last day comes first; days, because nobody graphs every host of MAX's storage."""
    first: dict[Kind, Certificate] = {}
    for each in by_end(snapshot.certificates):
        first.setdefault(each.kind, each)
    return first
