"""What the store says about the daemon's health, judged: the words behind ``maxbridge status``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any

from maxbridge import __version__
from maxbridge.advice import advice
from maxbridge.store.records import GapRecord, LoopHealth, QueueHealth, Snapshot

JSON_VERSION = 1
STUCK_AFTER = 60.0
"""A loop that has not gone round for so many seconds hangs; the longest poll takes 45."""
LATE_AFTER = 900.0
GAP_LOUD = 86400.0
"""So long a gap degrades: monitoring has told somebody by then, and nobody can undo it."""
GAP_SHOWN = 7 * 86400.0
"""So long it stays in the report."""
DISK_LEAST = 2 * 1024 * 1024
LOOPS = ("max_poller", "desk_writer", "desk_poller", "max_sender", "housekeeper")


class Level(IntEnum):
    """Overall health; the number is the exit code, as monitoring plugins have it."""

    OK = 0
    DEGRADED = 1
    DOWN = 2


@dataclass(frozen=True, slots=True)
class Report:
    """The judgement.

    Attributes:
        level: Overall health.
        reasons: Why it is not OK, one line each.
        snapshot: What it was judged by; None when there is no database to look into.
        running: Is a daemon running on this database?
        now: When it was judged, our clock.
        notices: What is worth knowing and nothing to worry about any more.
    """

    level: Level
    reasons: tuple[str, ...]
    snapshot: Snapshot | None
    running: bool
    now: float
    notices: tuple[str, ...] = ()


def assess(snapshot: Snapshot, *, running: bool, now: float, free: int | None = None) -> Report:
    """Judge a snapshot.

    Args:
        snapshot: What the store says.
        running: Is a daemon running on it?
        now: Our clock.
        free: Bytes left on its disk; the daemon cannot write down that there are none.
    """
    down: list[str] = []
    degraded: list[str] = []
    if not running:
        down.append("the daemon is not running: systemctl start maxbridge")
    elif snapshot.loops and all(now - each.beat_at > STUCK_AFTER for each in snapshot.loops):
        down.append(
            "the daemon is running, but none of its loops moves or it cannot write its database: "
            "see df and journalctl -u maxbridge"
        )
    else:
        for loop in snapshot.loops:
            degraded += _of_loop(loop, now)
    for name, queue in (("inbox", snapshot.inbox), ("outbox", snapshot.outbox)):
        degraded += _of_queue(name, queue, now)
    if free is not None and free < DISK_LEAST:
        degraded.insert(0, f"the disk is nearly full: {advice('store.full')}")
    notices: tuple[str, ...] = ()
    if snapshot.gap is not None:
        age_of_gap = abs(now - snapshot.gap.noticed_at)
        if age_of_gap < GAP_LOUD or snapshot.gap.left:
            degraded.append(_of_gap(snapshot.gap))
        elif age_of_gap < GAP_SHOWN:
            notices = (_of_gap(snapshot.gap),)
    level = Level.DOWN if down else Level.DEGRADED if degraded else Level.OK
    return Report(level, (*down, *degraded), snapshot, running, now, notices)


_GAPS = {
    "away": "MAX was not asked for {hours}, until {until}",
    "webhook": "a webhook took this bot's events until {until}",
    "missed": "polling does not bring every message (noticed {until})",
    "clock": "this machine's clock jumped ({until})",
}


def _of_gap(gap: GapRecord) -> str:
    what = _GAPS.get(gap.kind, gap.kind).format(
        hours=age(gap.noticed_at - gap.since), until=moment(gap.noticed_at)
    )
    done = gap.dialogs - gap.left
    read = f"all {gap.dialogs}" if not gap.left else f"{done} of {gap.dialogs}"
    found = f"{read} known dialogs are read again, {gap.messages} messages found"
    if gap.unread:
        found += f", {gap.unread} cannot be read"
    return f"{what}: {found}. {advice(f'gap.{gap.kind}')}".rstrip()


def _of_loop(loop: LoopHealth, now: float) -> list[str]:
    if now - loop.beat_at > STUCK_AFTER:
        return [f"{loop.name} has not moved for {age(now - loop.beat_at)}"]
    if loop.trouble_since is not None:
        since = age(now - loop.trouble_since)
        words = f"{loop.name} is in trouble for {since}: {loop.error}"
        detail = f" ({loop.error_detail})" if loop.error_detail else ""
        what_to_do = advice(loop.error or "")
        return [f"{words}{detail}. {what_to_do}".rstrip()]
    return []


def _of_queue(name: str, queue: QueueHealth, now: float) -> list[str]:
    reasons = []
    if queue.oldest_at is not None and now - queue.oldest_at > LATE_AFTER:
        reasons.append(f"{name}: the oldest item waits for {age(now - queue.oldest_at)}")
    if queue.held:
        reasons.append(
            f"{name}: {queue.held} held, waiting for your decision: maxbridge queue list"
        )
    return reasons


def age(seconds: float) -> str:
    """A duration as people say it."""
    seconds = max(0.0, seconds)
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def moment(seconds: float | None) -> str | None:
    """A time in ISO 8601, UTC."""
    return (
        None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat("T", "seconds")
    )


def to_json(report: Report) -> dict[str, Any]:
    """The report for programs; stable within :data:`JSON_VERSION`."""
    snapshot = report.snapshot
    data: dict[str, Any] = {
        "version": JSON_VERSION,
        "status": report.level.name.lower(),
        "reasons": list(report.reasons),
        "notices": list(report.notices),
        "running": report.running,
        "time": moment(report.now),
        "maxbridge": __version__,
    }
    if snapshot is None:
        return data
    return data | {
        "schema": snapshot.schema,
        "bot_id": snapshot.bot_id,
        "marker": snapshot.marker,
        "marker_at": moment(snapshot.marker_at),
        "loops": [_loop_json(each, report.now) for each in snapshot.loops],
        "inbox": _queue_json(snapshot.inbox, report.now),
        "outbox": _queue_json(snapshot.outbox, report.now),
        "dialogs": snapshot.dialogs,
        "blocked": snapshot.blocked,
        "gap": None if snapshot.gap is None else _gap_json(snapshot.gap),
        "held": [
            {
                "id": each.name,
                "key": each.key,
                "error": each.error,
                "since": moment(each.since),
            }
            for each in snapshot.held
        ],
    }


def _gap_json(gap: GapRecord) -> dict[str, Any]:
    return {
        "kind": gap.kind,
        "since": moment(gap.since),
        "noticed": moment(gap.noticed_at),
        "dialogs": gap.dialogs,
        "dialogs_left": gap.left,
        "dialogs_unread": gap.unread,
        "messages": gap.messages,
    }


def _loop_json(loop: LoopHealth, now: float) -> dict[str, Any]:
    return {
        "name": loop.name,
        "ok": loop.trouble_since is None and now - loop.beat_at <= STUCK_AFTER,
        "last_beat": moment(loop.beat_at),
        "last_success": moment(loop.success_at),
        "last_error": moment(loop.error_at),
        "error": loop.error,
        "error_detail": loop.error_detail,
        "trouble_since": moment(loop.trouble_since),
    }


def _queue_json(queue: QueueHealth, now: float) -> dict[str, Any]:
    return {
        "waiting": queue.waiting,
        "oldest_waiting": moment(queue.oldest_at),
        "oldest_waiting_seconds": None if queue.oldest_at is None else round(now - queue.oldest_at),
        "held": queue.held,
        "parked": queue.parked,
    }


def to_text(report: Report) -> str:
    """The report for people."""
    snapshot, now = report.snapshot, report.now
    lines = [f"maxbridge {__version__}: {report.level.name}"]
    lines += [f"  ! {reason}" for reason in report.reasons]
    lines += [f"  i {notice}" for notice in report.notices]
    if snapshot is None:
        return "\n".join(lines)
    bot = snapshot.bot_id if snapshot.bot_id is not None else "not known yet"
    lines += ["", f"  bot {bot}, schema {snapshot.schema}"]
    position = "none yet" if snapshot.marker is None else f"{snapshot.marker}"
    since = f", {age(now - snapshot.marker_at)} ago" if snapshot.marker_at is not None else ""
    lines += [f"  MAX marker {position}{since}", ""]
    rows = [("loop", "last success", "last error", "")]
    rows += [_loop_row(each, now) for each in _in_order(snapshot.loops)]
    lines += [*_table(rows), ""]
    rows = [("queue", "waiting", "oldest", "held")]
    for name, queue in (("MAX → desk", snapshot.inbox), ("desk → MAX", snapshot.outbox)):
        oldest = "-" if queue.oldest_at is None else age(now - queue.oldest_at)
        rows.append((name, str(queue.waiting), oldest, str(queue.held)))
    lines += _table(rows)
    lines += ["", f"  dialogs {snapshot.dialogs}, of which stopped the bot {snapshot.blocked}"]
    if snapshot.inbox.parked:
        lines.append(
            f"  unreadable events kept: {snapshot.inbox.parked} (MAX delivers native voice without "
            "a sender; nobody can say whose it was)"
        )
    for each in snapshot.held:
        lines.append(f"  held {each.name} {each.key}: {each.error}, {age(now - each.since)} ago")
    return "\n".join(lines)


def to_nagios(report: Report) -> str:
    """One line with performance data, as monitoring plugins print it."""
    words = {Level.OK: "OK", Level.DEGRADED: "WARNING", Level.DOWN: "CRITICAL"}
    text = f"MAXBRIDGE {words[report.level]}"
    if report.reasons:
        text += " - " + "; ".join(report.reasons).replace("|", "/")
    snapshot = report.snapshot
    if snapshot is None:
        return text
    oldest = [each.oldest_at for each in (snapshot.inbox, snapshot.outbox) if each.oldest_at]
    late = max((report.now - each for each in oldest), default=0.0)
    held = snapshot.inbox.held + snapshot.outbox.held
    return (
        f"{text} | inbox={snapshot.inbox.waiting} outbox={snapshot.outbox.waiting} "
        f"oldest={late:.0f}s held={held} parked={snapshot.inbox.parked}"
    )


def _in_order(loops: tuple[LoopHealth, ...]) -> list[LoopHealth]:
    places = {name: place for place, name in enumerate(LOOPS)}
    return sorted(loops, key=lambda each: places.get(each.name, len(LOOPS)))


def _loop_row(loop: LoopHealth, now: float) -> tuple[str, str, str, str]:
    success = "never" if loop.success_at is None else f"{age(now - loop.success_at)} ago"
    error = "-" if loop.error_at is None else f"{age(now - loop.error_at)} ago"
    return loop.name, success, error, loop.error or ""


def _table(rows: list[tuple[str, str, str, str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return [
        "  "
        + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
