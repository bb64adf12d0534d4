"""What ``status`` shows: records of the daemon's health, read from the store without Peewee."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, field

from maxbridge.core import keys
from maxbridge.core.delivery import PENDING, State
from maxbridge.core.errors import HostTrouble
from maxbridge.core.keys import DEAF, GAP, MARKER
from maxbridge.store.certificates import Certificate, read_certificates
from maxbridge.store.schema import Rows, applied


@dataclass(frozen=True, slots=True)
class Pulse:
    """What the status line needs about the queues; cheap enough for every few seconds."""

    waiting: int
    held: int
    last_at: float | None
    """When a delivery last succeeded, our clock."""


@dataclass(frozen=True, slots=True)
class LoopHealth:
    """The state of one loop."""

    name: str
    beat_at: float
    success_at: float | None
    error_at: float | None
    error: str | None
    error_detail: str | None
    trouble_since: float | None


@dataclass(frozen=True, slots=True)
class BrokenRule:
    """The last time that an invariant was broken.

    Attributes:
        rule: Its code, a :class:`maxbridge.core.errors.Invariant`.
        item: What it concerned.
        at: When, our clock.
    """

    rule: str
    item: str
    at: float


@dataclass(frozen=True, slots=True)
class QueueHealth:
    """Depth of one queue.

    Attributes:
        waiting: Items that a worker still has to deliver.
        oldest_at: When the oldest of them was stored.
        held: Items that wait for a person.
        parked: Unreadable events kept.
        put_aside: Events of chats that exceeded their limit.
    """

    waiting: int
    oldest_at: float | None
    held: int
    parked: int = 0
    put_aside: int = 0


@dataclass(frozen=True, slots=True)
class HeldItem:
    """One held delivery for display; ``name`` is its name in ``maxbridge queue``."""

    name: str
    key: str
    error: str | None
    since: float


@dataclass(frozen=True, slots=True)
class GapRecord:
    """A period from which MAX's events may be missing.

    Attributes:
        kind: Why, a :class:`maxbridge.core.plan_backfill.Gap`.
        since: The last good poll before it, our clock.
        noticed_at: When it was noticed, our clock.
        dialogs: How many dialogs' histories had to be read.
        left: How many are still to be read.
        messages: How many messages they had that polling did not bring.
        unread: How many could not be read.
    """

    kind: str
    since: float
    noticed_at: float
    dialogs: int
    left: int = 0
    messages: int = 0
    unread: int = 0


@dataclass(frozen=True, slots=True)
class Flood:
    """A chat with messages put aside.

    Attributes:
        chat_id: The chat.
        messages: Their number.
        since: When the first of them was stored, our clock.
    """

    chat_id: int
    messages: int
    since: float


@dataclass(frozen=True, slots=True)
class Traffic:
    """Recent deliveries in one direction.

    Attributes:
        hour: In the last hour.
        day: In the last 24 hours.
        lately: In the last :data:`LATELY` seconds: the pace of working off a backlog.
        last_at: When the last one was delivered, our clock.
    """

    hour: int = 0
    day: int = 0
    lately: int = 0
    last_at: float | None = None


LATELY = 300.0
ASIDE_LONG = 300.0
"""Seconds after which ``status`` names a conversation that could not be looked at."""
UNREADABLE = 5
"""Readings of a ticket that failed in a row, from which on ``status`` names it and it is not asked for at every
poll. The index of migration 0008 has the same number."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that ``status`` shows, from the store alone."""

    bot_id: int | None
    schema: str
    marker: int | None
    marker_at: float | None
    loops: tuple[LoopHealth, ...]
    inbox: QueueHealth
    outbox: QueueHealth
    dialogs: int
    blocked: int
    held: tuple[HeldItem, ...] = field(default=())
    gap: GapRecord | None = None
    removed: int = 0
    """Number of the ``blocked`` chats that are groups which removed the bot."""
    deaf: int = 0
    unreadable: tuple[int, ...] = ()
    aside: tuple[tuple[int, float], ...] = ()
    """The first conversations put aside, with since when (our clock)."""
    not_given: int = 0
    """Number of unreadable conversations: tickets of ours, and those put aside."""
    floods: tuple[Flood, ...] = ()
    certificates: tuple[Certificate, ...] = ()
    hosts: tuple[HostTrouble, ...] = ()
    broken: tuple[BrokenRule, ...] = ()
    traffic_in: Traffic = Traffic()
    traffic_out: Traffic = Traffic()


# --- Reading it: plain statements, for Peewee's connection or a bare one


SHOWN_HELD = 20
_HOUR, _DAY = 3600.0, 86400.0
_NEVER = 1e12
"""A time that does not come."""
_AMONG = 100
"""Ids rise with time, so the oldest is among the first; which one only a clock that was set leaves open."""
HOST = "host:"
"""What the name of a row begins with that is about a host of files and not about a loop."""
RULE = "broken:"
"""The same for a rule of our own that did not hold."""
_LOOPS = (
    "SELECT name, beat_at, success_at, error_at, error, error_detail, trouble_since"
    f" FROM health WHERE name NOT GLOB '{HOST}*' AND name NOT GLOB '{RULE}*' ORDER BY name"
)
_HOSTS = f"SELECT name, trouble_since, error FROM health WHERE name GLOB '{HOST}*' ORDER BY name"
_BROKEN = (
    f"SELECT error, error_detail, error_at FROM health WHERE name GLOB '{RULE}*' ORDER BY name"
)
ASIDE = (
    f"FROM inbox AS i INDEXED BY inbox_parked WHERE i.state = '{State.PARKED}'"
    " AND i.chat_id = f.chat_id AND i.id >= f.since_id"
)
"""Rows that are put aside of the chat that ``f`` names."""
FLOODS = f"FROM flood AS f {{}} WHERE EXISTS (SELECT 1 {ASIDE})"
"""The chats of which something is; with a place for a JOIN."""
_FLOODS = (
    f"SELECT f.chat_id, (SELECT COUNT(*) {ASIDE}) AS messages, f.began_at {FLOODS.format('')}"
    " ORDER BY messages DESC, f.chat_id"
)
# One walk for five answers: nothing of this table is in an index.
_DIALOGS = (
    "SELECT COUNT(*), COALESCE(SUM(blocked), 0), COALESCE(SUM(blocked AND user_id IS NULL), 0),"
    " MAX(last_inbound_at), MAX(last_outbound_at)"
    " FROM dialog"
)
_COUNTED = {
    "inbox": f"state = '{State.DONE}' AND update_type IN ('message_created', 'message_edited')",
    "outbox": f"state = '{State.DONE}'",
}
"""What counts as traffic."""
PUT_ASIDE = (
    f"SELECT CAST(substr(name, {len(keys.ASIDE) + 1}) AS INTEGER), value, updated_at FROM marker"
    f" WHERE name GLOB '{keys.ASIDE}*' ORDER BY updated_at"
)
"""Conversations that could not be looked at: id, desk time from which on their words are news, since when (our clock)."""
_LEFT = (State.HELD, State.PARKED)
LEFT = "state IN ('held', 'parked')"
"""A person must decide. An index has these states only, and a statement must say so in these words to be given it."""


def standing(states: Collection[State]) -> str:
    """Return a condition for rows in these states that uses an index where there is one.

    Args:
        states: In the order of its parameters.
    """
    wanted = f"state IN ({', '.join('?' * len(states))})"
    if set(states) <= set(PENDING):
        return f"pending = 1 AND {wanted}"
    if set(states) <= set(_LEFT):
        return f"{LEFT} AND {wanted}"
    if set(states) <= {*PENDING, *_LEFT}:
        return f"(pending = 1 OR {LEFT}) AND {wanted}"
    return wanted


def snapshot(rows: Rows, now: float | None = None) -> Snapshot:
    """Return everything that ``status`` shows.

    Args:
        rows: Runs a statement on the store.
        now: Our clock; None to leave out recent deliveries, which cost the most.
    """
    bot = rows("SELECT value FROM meta WHERE key = 'bot_id'", ())
    position = rows("SELECT value, updated_at FROM marker WHERE name = ?", (MARKER,))
    marker, marker_at = position[0] if position else (None, None)
    ((dialogs, blocked, removed, last_in, last_out),) = rows(_DIALOGS, ())
    return Snapshot(
        bot_id=int(bot[0][0]) if bot else None,
        schema=max(applied(rows), default=""),
        marker=marker,
        marker_at=marker_at,
        loops=tuple(LoopHealth(*row) for row in rows(_LOOPS, ())),
        inbox=depth(rows, "inbox"),
        outbox=depth(rows, "outbox"),
        dialogs=dialogs,
        blocked=blocked,
        removed=removed,
        held=(*_held(rows, "inbox", keys.TO_DESK), *_held(rows, "outbox", keys.TO_MAX)),
        gap=gap(rows),
        deaf=_deaf(rows),
        unreadable=_unreadable(rows),
        aside=_aside(rows),
        not_given=_not_given(rows, now),
        floods=floods(rows),
        certificates=tuple(read_certificates(rows)),
        hosts=tuple(_host(*row) for row in rows(_HOSTS, ())),
        broken=tuple(BrokenRule(*row) for row in rows(_BROKEN, ())),
        traffic_in=Traffic() if now is None else _traffic(rows, "inbox", now, last_in),
        traffic_out=Traffic() if now is None else _traffic(rows, "outbox", now, last_out),
    )


def depth(rows: Rows, queue: str) -> QueueHealth:
    """Return the depth of a queue.

    The rows themselves are not read, however many wait: they are large, and the index of pending
    items has everything to count.

    Args:
        rows: Runs a statement on the store.
        queue: ``inbox`` or ``outbox``.
    """
    firsts = f"SELECT id FROM {queue} WHERE pending = 1 ORDER BY id LIMIT {_AMONG}"
    ((waiting, oldest),) = rows(
        f"SELECT (SELECT COUNT(*) FROM {queue} WHERE pending = 1),"
        f" (SELECT MIN(created_at) FROM {queue} WHERE id IN ({firsts}))",
        (),
    )
    counts: dict[str, int] = dict(
        rows(f"SELECT state, COUNT(*) FROM {queue} WHERE {LEFT} GROUP BY state", ())
    )
    aside = sum(each.messages for each in floods(rows)) if queue == "inbox" else 0
    return QueueHealth(
        waiting=waiting,
        oldest_at=oldest,
        held=counts.get(State.HELD, 0),
        parked=counts.get(State.PARKED, 0) - aside,
        put_aside=aside,
    )


def floods(rows: Rows) -> tuple[Flood, ...]:
    """Return the chats with anything put aside, the most first."""
    return tuple(Flood(*row) for row in rows(_FLOODS, ()))


def gap(rows: Rows) -> GapRecord | None:
    """Return the last gap, with what is left to read of it; None if there was none."""
    found = rows("SELECT value FROM meta WHERE key = ?", (GAP,))
    if not found:
        return None
    ((left,),) = rows("SELECT COUNT(*) FROM backfill WHERE next_at IS NOT NULL", ())
    return GapRecord(**json.loads(found[0][0]), left=left)


def _unreadable(rows: Rows) -> tuple[int, ...]:
    """Return the first unreadable tickets."""
    found = rows(
        "SELECT conversation_id FROM ticket INDEXED BY ticket_unread_waiting"
        f" WHERE read_failures >= {UNREADABLE} AND gone = 0 ORDER BY conversation_id LIMIT ?",
        (SHOWN_HELD,),
    )
    return tuple(number for (number,) in found)


def _aside(rows: Rows) -> tuple[tuple[int, float], ...]:
    """Return the conversations put aside longest."""
    found = rows(f"{PUT_ASIDE} LIMIT ?", (SHOWN_HELD,))
    return tuple((number, at) for number, _, at in found)


def _not_given(rows: Rows, now: float | None) -> int:
    """Return the number of unreadable conversations."""
    ((tickets, aside),) = rows(
        "SELECT (SELECT COUNT(*) FROM ticket INDEXED BY ticket_unread_waiting"
        f" WHERE read_failures >= {UNREADABLE} AND gone = 0),"
        f" (SELECT COUNT(*) FROM marker WHERE name GLOB '{keys.ASIDE}*' AND updated_at < ?)",
        (_NEVER if now is None else now - ASIDE_LONG,),
    )
    return int(tickets) + int(aside)


def _host(name: str, since: float, error: str) -> HostTrouble:
    way, _, host = name.removeprefix(HOST).partition(":")
    return HostTrouble(host, way, since, error)


def _deaf(rows: Rows) -> int:
    """Return the number of groups that the bot is in and may not read."""
    left = "SELECT 1 FROM dialog WHERE blocked AND chat_id = CAST(substr(key, ?) AS INTEGER)"
    ((count,),) = rows(
        f"SELECT COUNT(*) FROM meta WHERE key GLOB ? AND value = 'yes' AND NOT EXISTS ({left})",
        (f"{DEAF}*", len(DEAF) + 1),
    )
    return int(count)


def _traffic(rows: Rows, queue: str, now: float, last_at: float | None) -> Traffic:
    """Return customers' messages and edits, or everything that MAX accepted, in the last 24 hours."""
    ((hour, day, lately),) = rows(
        "SELECT COALESCE(SUM(finished_at > ?), 0), COUNT(*), COALESCE(SUM(finished_at > ?), 0)"
        f" FROM {queue} WHERE finished_at > ? AND {_COUNTED[queue]}",
        (now - _HOUR, now - LATELY, now - _DAY),
    )
    return Traffic(hour, day, lately, last_at)


def _held(rows: Rows, queue: str, prefix: str) -> list[HeldItem]:
    found = rows(
        f"SELECT id, key, error, COALESCE(finished_at, created_at) FROM {queue}"
        f" WHERE {LEFT} AND state = '{State.HELD}' ORDER BY id LIMIT ?",
        (SHOWN_HELD,),
    )
    return [HeldItem(keys.name(prefix, item_id), *rest) for item_id, *rest in found]
