"""``maxbridge status`` for programs: versioned JSON, and one line with performance data for monitoring."""

from __future__ import annotations

from typing import Any

from maxbridge import __version__
from maxbridge.observe.certificates import by_end
from maxbridge.observe.status import (
    LATE_AFTER,
    STUCK_AFTER,
    Level,
    Report,
    is_late,
    is_starting,
    is_stuck,
    seconds_left,
)
from maxbridge.saying import utc
from maxbridge.store.access import DISK_LEAST
from maxbridge.store.certificates import DAY, Certificate, Kind, days_left, urgent_before
from maxbridge.store.snapshot import GapRecord, LoopHealth, QueueHealth, Snapshot, Traffic

JSON_VERSION = 1
WORDS = {Level.OK: "OK", Level.DEGRADED: "WARNING", Level.DOWN: "CRITICAL"}
UNKNOWN = 3


def to_json(report: Report) -> dict[str, Any]:
    """The report for programs; stable within :data:`JSON_VERSION`."""
    snapshot = report.snapshot
    data: dict[str, Any] = {
        "version": JSON_VERSION,
        "status": report.level.name.lower(),
        "reasons": list(report.reasons),
        "notices": list(report.notices),
        "running": report.running,
        "starting": is_starting(report),
        "time": utc(report.now),
        "maxbridge": __version__,
        "problems": [{"what": each.what, "remedy": each.remedy} for each in report.problems],
        "disk_free": report.free,
        "database_size": report.size,
    }
    if snapshot is None:
        return data
    return data | {
        "schema": snapshot.schema,
        "bot_id": snapshot.bot_id,
        "marker": snapshot.marker,
        "marker_at": utc(snapshot.marker_at),
        "loops": [_loop_json(each, report) for each in snapshot.loops],
        "inbox": _queue_json(snapshot.inbox, snapshot.traffic_in, report.now),
        "outbox": _queue_json(snapshot.outbox, snapshot.traffic_out, report.now),
        "dialogs": snapshot.dialogs,
        "blocked": snapshot.blocked,
        "removed": snapshot.removed,
        "hosts": [
            {
                "host": each.host,
                "way": each.way,
                "since": utc(each.since),
                "error": each.error,
            }
            for each in snapshot.hosts
        ],
        "gap": None if snapshot.gap is None else _gap_json(snapshot.gap),
        "certificates": [
            {
                "kind": each.kind.value,
                "name": each.name,
                "ends": utc(each.ends_at),
                "days_left": days_left(each.ends_at, report.now),
                "seen": utc(each.seen_at),
            }
            for each in by_end(snapshot.certificates)
        ],
        "held": [
            {
                "id": each.name,
                "key": each.key,
                "error": each.error,
                "since": utc(each.since),
            }
            for each in snapshot.held
        ],
        "broken_rules": [
            {"rule": each.rule, "item": each.item, "at": utc(each.at)} for each in snapshot.broken
        ],
        "put_aside": [
            {"chat": each.chat_id, "messages": each.messages, "since": utc(each.since)}
            for each in snapshot.floods
        ],
    }


def _gap_json(gap: GapRecord) -> dict[str, Any]:
    return {
        "kind": gap.kind,
        "since": utc(gap.since),
        "noticed": utc(gap.noticed_at),
        "dialogs": gap.dialogs,
        "dialogs_left": gap.left,
        "dialogs_unread": gap.unread,
        "messages": gap.messages,
    }


def _loop_json(loop: LoopHealth, report: Report) -> dict[str, Any]:
    now = report.now
    late = is_late(loop, report.started_at, now)
    return {
        "name": loop.name,
        "ok": loop.trouble_since is None and not is_stuck(loop, now) and not late,
        "last_beat": utc(loop.beat_at),
        "last_success": utc(loop.success_at),
        "last_error": utc(loop.error_at),
        "error": loop.error,
        "error_detail": loop.error_detail,
        "trouble_since": utc(loop.trouble_since),
    }


def _queue_json(queue: QueueHealth, traffic: Traffic, now: float) -> dict[str, Any]:
    left = seconds_left(queue, traffic)
    return {
        "waiting": queue.waiting,
        "oldest_waiting": utc(queue.oldest_at),
        "oldest_waiting_seconds": None if queue.oldest_at is None else round(now - queue.oldest_at),
        "held": queue.held,
        "parked": queue.parked,
        "put_aside": queue.put_aside,
        "delivered_hour": traffic.hour,
        "delivered_day": traffic.day,
        "last_delivered": utc(traffic.last_at),
        "seconds_left": None if left is None else round(left),
    }


# --- One line for monitoring


def to_nagios(report: Report) -> str:
    """The line, in the form of the Monitoring Plugins Development Guidelines: ``label=value[unit];warn;crit;min``.

    A threshold ``0`` alerts above 0, ``N:`` below N. Only what makes the verdict has thresholds.
    """
    text = f"MAXBRIDGE {WORDS[report.level]}"
    if report.problems:
        text += " - " + "; ".join(report.reasons)
    # A bar begins the figures, and a line break the long text.
    text = " ".join(text.replace("|", "/").split())
    figures = _performance(report)
    return f"{text} | {' '.join(figures)}" if figures else text


def _performance(report: Report) -> list[str]:
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
