"""``maxbridge status`` in words: the page for people."""

from __future__ import annotations

import click

from maxbridge import __version__
from maxbridge.cli.output import table, wrapped
from maxbridge.observe.certificates import by_end, day
from maxbridge.observe.status import (
    AT_WORK,
    LOOPS,
    Level,
    Report,
    is_late,
    is_starting,
    is_stuck,
    seconds_left,
)
from maxbridge.saying import age, later, say
from maxbridge.store.certificates import Kind
from maxbridge.store.snapshot import LoopHealth, QueueHealth, Snapshot, Traffic

INBOUND = ("max_poller", "desk_writer")
OUTBOUND = ("desk_poller", "max_sender")
TO_DESK, TO_MAX = later("MAX → desk"), later("desk → MAX")
_COLOURS = {Level.OK: "green", Level.DEGRADED: "yellow", Level.DOWN: "red"}
_LEAST_WIDTH = 40
_WELL = ("ok", "starting", "idle")
"""A loop that has had nothing to do since the start is in no trouble."""


def to_text(report: Report, *, width: int | None = None, colour: bool = False) -> str:
    """Return the report for people.

    Args:
        report: The report.
        width: Columns of the terminal, for wrapping; None to wrap nothing.
        colour: Use colours.
    """
    paint = _COLOURS[report.level] if colour else None
    head = _wrapped("", f"maxbridge {__version__}: {verdict(report)}", width)
    lines = [_style(line, paint, bold=True) for line in head]
    # Both loops of an end are in the same trouble: one remedy for the two.
    following = [each.remedy for each in report.problems[1:]] + [""]
    for problem, next_remedy in zip(report.problems, following, strict=False):
        lines += [_style(line, paint) for line in _wrapped("  ! ", problem.what, width)]
        if problem.remedy and problem.remedy != next_remedy:
            lines += _wrapped("    ", problem.remedy, width)
    for notice in report.notices:
        lines += _wrapped("  i ", notice, width)
    if report.snapshot is not None:
        lines += ["", *_figures(report, report.snapshot, width=width, colour=colour)]
    return "\n".join(lines)


def verdict(report: Report) -> str:
    """Return the first line: the state, and what it means for messages."""
    snapshot = report.snapshot
    if report.level is Level.DOWN:
        return say("DOWN, nothing is delivered")
    if is_starting(report) and report.level is Level.OK:
        return say("OK, starting")
    if report.level is Level.OK:
        return say("OK, {passing}", passing=_passing(snapshot))
    ill = (
        {each.name for each in snapshot.loops if _state(each, report) not in _WELL}
        if snapshot
        else set()
    )
    ways = [
        way for way, names in ((TO_DESK, INBOUND), (TO_MAX, OUTBOUND)) if not ill.isdisjoint(names)
    ]
    if ways:
        return say("DEGRADED, trouble on the way {ways}", ways=say(" and ").join(map(say, ways)))
    if snapshot and snapshot.hosts:
        return say("DEGRADED, words pass, but some files wait")
    if snapshot and (snapshot.inbox.held or snapshot.outbox.held):
        return say("DEGRADED, messages pass, but something waits for your decision")
    return say("DEGRADED, messages pass, but not everything is as it should be")


def _passing(snapshot: Snapshot | None) -> str:
    """Return which direction is known to work: only one with a success."""
    arrived = snapshot is not None and snapshot.traffic_in.last_at is not None
    answered = snapshot is not None and snapshot.traffic_out.last_at is not None
    if arrived and answered:
        return say("messages pass both ways")
    if arrived:
        return say("both services answer; no reply has been sent yet")
    if answered:
        return say("both services answer; no message has come yet")
    return say("both services answer; no message has come and no reply has been sent yet")


def _figures(report: Report, snapshot: Snapshot, *, width: int | None, colour: bool) -> list[str]:
    now = report.now
    lines = _indented(
        table(
            (say("loop"), say("state"), say("last success"), say("last error"), ""),
            [_loop_row(each, report, colour=colour) for each in _in_order(snapshot.loops)],
            empty=say("no loop has reported yet"),
        )
    )
    rows = [
        _queue_row(TO_DESK, snapshot.inbox, snapshot.traffic_in, now),
        _queue_row(TO_MAX, snapshot.outbox, snapshot.traffic_out, now),
    ]
    names = (
        say("queue"),
        say("waiting"),
        say("oldest"),
        say("held"),
        say("last hour"),
        say("24 hours"),
        say("last message"),
    )
    lines += ["", *_indented(table(names, rows)), ""]
    for way, queue, traffic in (
        (TO_DESK, snapshot.inbox, snapshot.traffic_in),
        (TO_MAX, snapshot.outbox, snapshot.traffic_out),
    ):
        left = seconds_left(queue, traffic)
        if left is not None and report.running:
            pace = f"{traffic.lately / 5:.0f}" if traffic.lately >= 5 else say("less than one")
            lines.append(
                say(
                    "  {way}: {waiting} wait, {pace} a minute leave: about {age} to go",
                    way=say(way),
                    waiting=queue.waiting,
                    pace=pace,
                    age=age(left),
                )
            )
    held = [
        say(
            "  held {name} {key}: {error}, {ago}",
            name=each.name,
            key=each.key,
            error=each.error,
            ago=_ago(now, each.since),
        )
        for each in snapshot.held
    ]
    lines += held
    lines.append(
        say(
            "  dialogs {dialogs}, of which stopped the bot {blocked}",
            dialogs=snapshot.dialogs,
            blocked=snapshot.blocked - snapshot.removed,
        )
    )
    if snapshot.removed:
        lines.append(say("  groups that removed the bot: {removed}", removed=snapshot.removed))
    if snapshot.inbox.parked:
        lines.append(
            say(
                "  events without a sender: {parked} (MAX delivers voice messages so; nobody can say whose they are)",
                parked=snapshot.inbox.parked,
            )
        )
    if report.converts_heic:
        lines.append(say("  customers' HEIC pictures get a JPEG beside them"))
    if snapshot.certificates:
        lines += _wrapped("  ", say("certificates end: {days}", days=_last_days(snapshot)), width)
    return [*lines, *_wrapped("  ", _technical(report, snapshot), width)]


def _last_days(snapshot: Snapshot) -> str:
    """Return each certificate's expiry; of the many hosts for MAX's files, the first to expire."""
    shown = by_end(snapshot.certificates)
    files = [each for each in shown if each.kind is Kind.FILES]
    words = []
    for each in shown:
        if each in files[1:]:
            continue
        more = (
            say(" and {more} more for files", more=len(files) - 1)
            if files[1:] and each is files[0]
            else ""
        )
        words.append(f"{each.name} {day(each.ends_at)}{more}")
    return ", ".join(words)


def _technical(report: Report, snapshot: Snapshot) -> str:
    bot = snapshot.bot_id if snapshot.bot_id is not None else say("not known yet")
    marker = say("none yet") if snapshot.marker is None else f"{snapshot.marker}"
    if snapshot.marker_at is not None:
        marker += f", {_ago(report.now, snapshot.marker_at)}"
    words = say(
        "bot {bot}; MAX marker {marker}; schema {schema}",
        bot=bot,
        marker=marker,
        schema=snapshot.schema,
    )
    if report.size is not None:
        words += say("; database {size}", size=_bytes(report.size))
    if report.free is not None:
        words += say(", {size} free", size=_bytes(report.free))
    return words


def _in_order(loops: tuple[LoopHealth, ...]) -> list[LoopHealth]:
    places = {name: place for place, name in enumerate(LOOPS)}
    return sorted(loops, key=lambda each: places.get(each.name, len(LOOPS)))


def _state(loop: LoopHealth, report: Report) -> str:
    if not report.running:
        return "off"
    if is_stuck(loop, report.now):
        return "stuck"
    if loop.trouble_since is not None:
        return "trouble"
    if loop.success_at is not None:
        return "ok"
    if loop.name not in AT_WORK:
        return "idle"
    return "late" if is_late(loop, report.started_at, report.now) else "starting"


def _loop_row(loop: LoopHealth, report: Report, *, colour: bool) -> tuple[str, ...]:
    now = report.now
    success = say("never") if loop.success_at is None else _ago(now, loop.success_at)
    error = "-" if loop.error_at is None else _ago(now, loop.error_at)
    state = _state(loop, report)
    paint = (
        {"ok": "green", "starting": None, "idle": None, "off": None}.get(state, "yellow")
        if colour
        else None
    )
    return loop.name, _style(state, paint), success, error, loop.error or ""


def _queue_row(way: str, queue: QueueHealth, traffic: Traffic, now: float) -> tuple[str, ...]:
    oldest = "-" if queue.oldest_at is None else age(now - queue.oldest_at)
    last = "-" if traffic.last_at is None else _ago(now, traffic.last_at)
    figures = (queue.waiting, oldest, queue.held, traffic.hour, traffic.day, last)
    return say(way), *map(str, figures)


def _ago(now: float, at: float) -> str:
    return say("{age} ago", age=age(now - at))


def _bytes(size: int) -> str:
    if size >= 1 << 30:
        return say("{size:.1f} GiB", size=size / (1 << 30))
    if size >= 1 << 20:
        return say("{size:.1f} MiB", size=size / (1 << 20))
    return say("{size:.0f} KiB", size=size / (1 << 10))


def _style(words: str, paint: str | None, *, bold: bool = False) -> str:
    return click.style(words, fg=paint, bold=bold) if paint else words


def _indented(words: str) -> list[str]:
    return [f"  {line.rstrip()}" for line in words.split("\n")]


def _wrapped(mark: str, words: str, width: int | None) -> list[str]:
    if width is None:
        return [mark + words]
    return wrapped(mark, words, max(width, _LEAST_WIDTH))
