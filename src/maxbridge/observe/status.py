"""Judge the daemon's health from the store: overall level, problems, and what to do about them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from maxbridge.advice import advice
from maxbridge.config.loading import Handles
from maxbridge.core.errors import DOWNLOADS, UPLOADS, HostTrouble, Invariant
from maxbridge.observe.certificates import by_end, told
from maxbridge.saying import age, later, local, say
from maxbridge.store.access import DISK_LEAST
from maxbridge.store.certificates import Urgency, urgency
from maxbridge.store.snapshot import (
    ASIDE_LONG,
    LATELY,
    BrokenRule,
    Flood,
    GapRecord,
    LoopHealth,
    QueueHealth,
    Snapshot,
    Traffic,
)

STUCK_AFTER = 60.0
"""A loop that has not gone round for so many seconds hangs; the longest poll takes 45."""
LATE_AFTER = 900.0
GAP_LOUD = 86400.0
"""So long a gap degrades: monitoring has told somebody by then, and nobody can undo it."""
BROKEN_LOUD = 7 * 86400.0
"""So long a rule of our own that did not hold degrades: somebody has to send a report."""
GAP_SHOWN = 7 * 86400.0
"""So long it stays in the report."""
BACKLOG = 10
"""From so many waiting items on, ``status`` says how long they will take."""
STARTING = 60.0
"""So long a loop may be without its first success before it is named; each tries at once after the start."""
AT_WORK = ("max_poller", "desk_poller", "housekeeper")
"""Loops that always have something to do; the others succeed when there is something to deliver."""
_FLOODS_NAMED = 5
LOOPS = ("max_poller", "desk_writer", "desk_poller", "max_sender", "housekeeper")


class Level(IntEnum):
    """Overall health; the number is the exit code of monitoring plugins."""

    OK = 0
    DEGRADED = 1
    DOWN = 2


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem, and what an administrator should do; empty if waiting is enough."""

    what: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.what} {self.remedy}".rstrip()


_SERVICE = Handles()


@dataclass(frozen=True, slots=True)
class Report:
    """The judgement.

    Attributes:
        level: Overall health.
        problems: Why it is not OK, the worst first.
        snapshot: The data it is based on; None if there is no readable database.
        running: A daemon runs on this database.
        now: When it was judged, our clock.
        notices: Information that needs no action.
        free: Bytes left on the database's disk; None if not determined.
        size: Bytes of the database.
        started_at: When the daemon was started, our clock; None if unknown.
        converts_heic: HEIC pictures get a JPEG copy.
    """

    level: Level
    problems: tuple[Problem, ...]
    snapshot: Snapshot | None
    running: bool
    now: float
    notices: tuple[str, ...] = ()
    free: int | None = None
    size: int | None = None
    started_at: float | None = None
    converts_heic: bool = False

    @property
    def reasons(self) -> tuple[str, ...]:
        """The problems as sentences, one line each."""
        return tuple(map(str, self.problems))


def assess(
    snapshot: Snapshot,
    *,
    running: bool,
    now: float,
    free: int | None = None,
    size: int | None = None,
    started_at: float | None = None,
    handles: Handles = _SERVICE,
    show: Callable[[float], str | None] = local,
) -> Report:
    """Judge a snapshot.

    Args:
        snapshot: What the store says.
        running: A daemon runs on it.
        now: Our clock.
        free: Bytes left on its disk; a daemon with a full disk cannot store that fact.
        size: Bytes of the database, to be shown.
        started_at: When the daemon was started, our clock; None if unknown.
        handles: How it is started, and where its log is.
        show: Formats a time.
    """
    down: list[Problem] = []
    degraded: list[Problem] = []
    if not running:
        down.append(Problem(say("the daemon is not running:"), say(handles.start)))
    elif snapshot.loops and all(now - each.beat_at > STUCK_AFTER for each in snapshot.loops):
        down.append(
            Problem(
                say(
                    "the daemon is running, but none of its loops moves or it cannot write its database:"
                ),
                say("see df and {log}", log=say(handles.log)),
            )
        )
    else:
        degraded += _of_loops(snapshot.loops, now, started_at, handles)
    for name, queue in ((later("inbox"), snapshot.inbox), (later("outbox"), snapshot.outbox)):
        degraded += _of_queue(say(name), queue, now)
    degraded += [_of_host(each, now, show) for each in snapshot.hosts if running]
    not_given = [
        *snapshot.unreadable,
        *(number for number, since in snapshot.aside if now - since > ASIDE_LONG),
    ]
    if not_given:
        names = ", ".join(map(str, not_given))
        degraded.append(
            Problem(
                say(
                    "FreeScout does not give these tickets, so replies in them do not leave: {names};",
                    names=names,
                ),
                say(_UNREADABLE),
            )
        )
    degraded += _of_floods(snapshot.floods)
    degraded += [_of_rule(each, now) for each in snapshot.broken if is_fresh(each, now)]
    if free is not None and free < DISK_LEAST:
        degraded.insert(0, Problem(say("the disk is nearly full:"), advice("store.full")))
    notices: tuple[str, ...] = ()
    if snapshot.gap is not None:
        if is_loud(snapshot.gap, now):
            degraded.append(_of_gap(snapshot.gap, show))
        elif abs(now - snapshot.gap.noticed_at) < GAP_SHOWN:
            notices = (str(_of_gap(snapshot.gap, show)),)
    degraded += _ending(snapshot, now, Urgency.URGENT, Urgency.OVER)
    notices += tuple(map(str, _ending(snapshot, now, Urgency.TOLD)))
    if snapshot.deaf:
        notices += (say(_DEAF, count=snapshot.deaf),)
    level = Level.DOWN if down else Level.DEGRADED if degraded else Level.OK
    return Report(
        level, (*down, *degraded), snapshot, running, now, notices, free, size, started_at
    )


def is_loud(gap: GapRecord, now: float) -> bool:
    """Whether a gap still degrades the level."""
    fresh = gap.kind != "restored" and abs(now - gap.noticed_at) < GAP_LOUD
    return fresh or gap.left > 0


def is_fresh(broken: BrokenRule, now: float) -> bool:
    """Whether a broken invariant still degrades the level."""
    return abs(now - broken.at) < BROKEN_LOUD


def is_stuck(loop: LoopHealth, now: float) -> bool:
    """Whether a loop has made no progress for too long."""
    return now - loop.beat_at > STUCK_AFTER


def is_late(loop: LoopHealth, started_at: float | None, now: float) -> bool:
    """Whether a loop that always has work should have succeeded by now."""
    return loop.success_at is None and loop.name in AT_WORK and _is_late(started_at, now)


def is_starting(report: Report) -> bool:
    """Whether the daemon runs and some loop that always has work has neither succeeded nor failed yet."""
    snapshot = report.snapshot
    if not report.running or snapshot is None:
        return report.running  # it is making the database
    done = {
        each.name
        for each in snapshot.loops
        if each.success_at is not None or each.trouble_since is not None
    }
    return not done.issuperset(AT_WORK)


def seconds_left(queue: QueueHealth, traffic: Traffic) -> float | None:
    """Estimate how long a backlog takes at the recent pace; None if unknown."""
    if queue.waiting < BACKLOG or not traffic.lately:
        return None
    return queue.waiting * LATELY / traffic.lately


_FILES_WAIT = later(
    "Words pass. Its files wait for [files] wait_minutes; then the ticket gets a link, a reply a note."
)
_HOST_TROUBLES = {
    DOWNLOADS: later("files cannot be fetched from {host}"),
    UPLOADS: later("files cannot be sent to {host}"),
}


def _of_host(trouble: HostTrouble, now: float, show: Callable[[float], str | None]) -> Problem:
    what = say(_HOST_TROUBLES.get(trouble.way, later("{host} is in trouble")), host=trouble.host)
    since = say("since {at}, {age} ago", at=show(trouble.since), age=age(now - trouble.since))
    remedy = " ".join(filter(None, (say(_FILES_WAIT), advice(trouble.error))))
    return Problem(f"{what} {since}: {trouble.error}.", remedy)


_RULES: dict[str, str] = {
    Invariant.MOVE: later("a delivery was about to take a step that no rule knows"),
    Invariant.ORDER: later("a message was about to overtake an earlier one of its chat"),
    Invariant.OWNER: later("words were about to reach somebody else's ticket or chat"),
    Invariant.UNWRITTEN: later("a message was about to leave before that was written down"),
    Invariant.MARKER: later("MAX was about to be told of events that are not in the database"),
}


def _of_rule(broken: BrokenRule, now: float) -> Problem:
    # A newer version of this program may have written down one that we do not know.
    what = say(_RULES.get(broken.rule, later("a rule of this program did not hold")))
    words = say(
        "{what} ({item}, {age} ago).", what=what, item=broken.item, age=age(now - broken.at)
    )
    return Problem(words, advice(broken.rule))


_GAPS = {
    "away": later("MAX was not asked for {hours}, until {until}"),
    "webhook": later("a webhook took this bot's events until {until}"),
    "missed": later("polling does not bring every message (noticed {until})"),
    "clock": later("this machine's clock jumped ({until})"),
    "restored": later("a backup was restored ({until})"),
}


_UNREADABLE = later(
    "open them on its page; one that is too long for PHP's memory_limit is answered in a new ticket."
)
_DEAF = later(
    "group chats that the bot may not read: {count}. Make it an administrator there with the right to "
    "read all messages."
)


def _ending(snapshot: Snapshot, now: float, *among: Urgency) -> list[Problem]:
    """Return the problems of certificates with these urgencies."""
    return [
        Problem(*told(each, now))
        for each in by_end(snapshot.certificates)
        if urgency(each, now) in among
    ]


def _of_gap(gap: GapRecord, show: Callable[[float], str | None]) -> Problem:
    what = say(
        _GAPS.get(gap.kind, gap.kind),
        hours=age(gap.noticed_at - gap.since),
        until=show(gap.noticed_at),
    )
    done = gap.dialogs - gap.left
    read = (
        say("all {dialogs}", dialogs=gap.dialogs)
        if not gap.left
        else say("{done} of {dialogs}", done=done, dialogs=gap.dialogs)
    )
    found = say(
        "{read} known dialogs are read again, {messages} messages found",
        read=read,
        messages=gap.messages,
    )
    if gap.unread:
        found += say(", {unread} cannot be read", unread=gap.unread)
    return Problem(f"{what}: {found}.", advice(f"gap.{gap.kind}"))


def _of_loops(
    loops: tuple[LoopHealth, ...], now: float, started_at: float | None, handles: Handles
) -> list[Problem]:
    if not loops and _is_late(started_at, now):
        ago = age(now - (started_at or now))
        return [
            Problem(
                say("no loop has reported since the start, {ago} ago.", ago=ago),
                say("See {log}", log=say(handles.log)),
            )
        ]
    return [each for loop in loops for each in _of_loop(loop, now, started_at, handles)]


def _of_loop(
    loop: LoopHealth, now: float, started_at: float | None, handles: Handles
) -> list[Problem]:
    look = say(
        "See {log}; when nothing there explains it: {restart}",
        log=say(handles.log),
        restart=say(handles.restart),
    )
    if is_stuck(loop, now):
        return [
            Problem(
                say("{name} has not moved for {age}.", name=loop.name, age=age(now - loop.beat_at)),
                look,
            )
        ]
    if loop.trouble_since is not None:
        since = age(now - loop.trouble_since)
        words = say(
            "{name} has been in trouble for {since}: {error}",
            name=loop.name,
            since=since,
            error=loop.error,
        )
        detail = f" ({loop.error_detail})" if loop.error_detail else ""
        return [Problem(f"{words}{detail}.", advice(loop.error or "", handles.secrets))]
    if is_late(loop, started_at, now):
        ago = age(now - (started_at or now))
        return [
            Problem(
                say(
                    "{name} has not succeeded since the start, {ago} ago.", name=loop.name, ago=ago
                ),
                look,
            )
        ]
    return []


def _is_late(started_at: float | None, now: float) -> bool:
    """Whether the starting time is over."""
    return started_at is not None and now - started_at > STARTING


def _of_queue(name: str, queue: QueueHealth, now: float) -> list[Problem]:
    problems = []
    if queue.oldest_at is not None and now - queue.oldest_at > LATE_AFTER:
        waits = say(
            "{name}: the oldest item waits for {age}:", name=name, age=age(now - queue.oldest_at)
        )
        problems.append(Problem(waits, say("maxbridge queue list says what for")))
    if queue.held:
        held = say("{name}: {held} held, waiting for your decision:", name=name, held=queue.held)
        problems.append(Problem(held, "maxbridge queue list"))
    return problems


def _of_floods(floods: tuple[Flood, ...]) -> list[Problem]:
    """Return problems of chats that exceeded their limit; up to a number each is named."""
    named = [
        Problem(
            say(
                "chat {chat} sent more than [max] flood_limit in an hour, messages put aside: {count}:",
                chat=each.chat_id,
                count=each.messages,
            ),
            say(
                "maxbridge queue release {chat} delivers them, maxbridge queue drop --put-aside {chat} gives them"
                " up",
                chat=each.chat_id,
            ),
        )
        for each in floods[:_FLOODS_NAMED]
    ]
    more = floods[_FLOODS_NAMED:]
    if more:
        words = say(
            "more chats that sent more than [max] flood_limit: {chats}, messages put aside: {count}:",
            chats=len(more),
            count=sum(each.messages for each in more),
        )
        named.append(Problem(words, say("maxbridge status --json names them")))
    return named
