"""What ``status`` shows, read off the store: plain statements, for Peewee's connection or a bare one."""

from __future__ import annotations

import json
from collections.abc import Collection

from maxbridge.core import keys
from maxbridge.core.delivery import PENDING, State
from maxbridge.core.errors import HostTrouble
from maxbridge.core.keys import DEAF, GAP, MARKER
from maxbridge.store.certificates import read_certificates
from maxbridge.store.health_records import (
    ASIDE_LONG,
    LATELY,
    UNREADABLE,
    BrokenRule,
    Flood,
    GapRecord,
    HeldItem,
    LoopHealth,
    QueueHealth,
    Snapshot,
    Traffic,
)
from maxbridge.store.schema import Rows, applied

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
    """A condition that the rows of some states meet, and by which an index finds them where there is one.

    Args:
        states: In the order of its question marks.
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
    """Everything that ``status`` shows.

    Args:
        rows: Runs a statement on the store.
        now: Our clock; None to leave out what was delivered lately, which costs the most.
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
    """How much of a queue waits, and for whom.

    However many wait, the rows themselves are not looked at: they are large, and the index of what waits
    has all that must be counted.

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
    """The chats of which something is put aside, the most first."""
    return tuple(Flood(*row) for row in rows(_FLOODS, ()))


def gap(rows: Rows) -> GapRecord | None:
    """The last gap, with what is left to read of it; None when there was none."""
    found = rows("SELECT value FROM meta WHERE key = ?", (GAP,))
    if not found:
        return None
    ((left,),) = rows("SELECT COUNT(*) FROM backfill WHERE next_at IS NOT NULL", ())
    return GapRecord(**json.loads(found[0][0]), left=left)


def _unreadable(rows: Rows) -> tuple[int, ...]:
    """The first tickets that the desk does not give."""
    found = rows(
        "SELECT conversation_id FROM ticket INDEXED BY ticket_unread_waiting"
        f" WHERE read_failures >= {UNREADABLE} AND gone = 0 ORDER BY conversation_id LIMIT ?",
        (SHOWN_HELD,),
    )
    return tuple(number for (number,) in found)


def _aside(rows: Rows) -> tuple[tuple[int, float], ...]:
    """The conversations that have been put aside longest."""
    found = rows(f"{PUT_ASIDE} LIMIT ?", (SHOWN_HELD,))
    return tuple((number, at) for number, _, at in found)


def _not_given(rows: Rows, now: float | None) -> int:
    """Conversations that the desk does not give, as many as there are."""
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
    """Group chats that the bot is in and may not read."""
    left = "SELECT 1 FROM dialog WHERE blocked AND chat_id = CAST(substr(key, ?) AS INTEGER)"
    ((count,),) = rows(
        f"SELECT COUNT(*) FROM meta WHERE key GLOB ? AND value = 'yes' AND NOT EXISTS ({left})",
        (f"{DEAF}*", len(DEAF) + 1),
    )
    return int(count)


def _traffic(rows: Rows, queue: str, now: float, last_at: float | None) -> Traffic:
    """Messages and edits of customers, or everything that MAX took, in the last 24 hours."""
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
