"""The daemon's own records: single facts (``meta``), positions (``marker``), loops' health, alerts sent.

All of it is in the database: a restart before the first poll continues the earlier first start.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

from maxbridge.core import keys
from maxbridge.core.delivery import Doubt, Outcome, State
from maxbridge.core.errors import ConfigError, HostTrouble
from maxbridge.core.keys import SKIP, STARTED
from maxbridge.core.parts import Part
from maxbridge.core.retry import Alert, Standing, Trouble
from maxbridge.saying import say
from maxbridge.store.db import Database, find
from maxbridge.store.snapshot import (
    HOST,
    RULE,
    BrokenRule,
    LoopHealth,
    Pulse,
    Snapshot,
    depth,
    snapshot,
)

if TYPE_CHECKING:
    from maxbridge.store.outbox import OutboxTable

_BOT = "bot_id"
_VALUE = "SELECT value FROM meta WHERE key = ?"
_PUT = "INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)"
_DROP = "DELETE FROM meta WHERE key = ?"
_POSITION = "SELECT value, updated_at FROM marker WHERE name = ?"
# Not REPLACE: that writes the index of names as well, with each poll.
_MOVE = (
    "INSERT INTO marker (name, value, updated_at) VALUES (?, ?, ?)"
    " ON CONFLICT (name) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at"
)
_TOUCH = "UPDATE marker SET updated_at = ? WHERE name = ?"


class MetaTable:
    """Transactions of the table ``meta``; row names known to several modules are in core/keys.py."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._bot_id: int | None = None
        """Once it is known, it never changes."""

    def claim(self, bot_id: int, bot_name: str) -> None:
        """Assign the database to this bot, or check that it is this bot's.

        Raises:
            ConfigError: It belongs to another bot, whose markers and ids mean nothing to this one.
        """
        with self._db.transaction():
            owner = self.value(_BOT)
            if owner is None:
                self.put(_BOT, str(bot_id))
            elif int(owner) != bot_id:
                raise ConfigError(
                    say(
                        "[store] path: the database {path} belongs to bot {owner}, but the token is of bot {bot_id} ({bot_name}). Give every bot a database of its own, or put the old token back.",
                        path=self._db.path,
                        owner=owner,
                        bot_id=bot_id,
                        bot_name=bot_name,
                    )
                )

    def bot_id(self) -> int | None:
        """Return the database's bot; None before the first contact."""
        if self._bot_id is None:
            value = self.value(_BOT)
            self._bot_id = None if value is None else int(value)
        return self._bot_id

    def flag(self, name: str) -> bool:
        """Return a stored flag; False if never set."""
        return self.value(name) == "yes"

    def set_flag(self, name: str, *, value: bool) -> None:
        """Store a flag."""
        self.put(name, "yes" if value else "no")

    def value(self, key: str) -> str | None:
        """Return a row's value; None if there is none."""
        row = self._db.row(_VALUE, (key,))
        return None if row is None else str(row[0])

    def put(self, key: str, value: str) -> None:
        """Write a row."""
        with self._db.transaction():
            self._db.execute(_PUT, (key, value))

    def drop(self, key: str) -> None:
        """Delete a row, if there is one."""
        with self._db.transaction():
            self._db.execute(_DROP, (key,))


class Position(NamedTuple):
    """How far something has been read.

    Attributes:
        value: MAX's marker, or a desk time.
        updated_at: When it was stored, our clock.
    """

    value: int
    updated_at: float


class MarkerTable:
    """Transactions of the table ``marker``."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def position(self, name: str) -> Position | None:
        """Return the position; None before the first time."""
        row = self._db.row(_POSITION, (name,))
        return None if row is None else Position(*row)

    def move(self, name: str, value: int, now: float) -> None:
        """Store a position; to be called inside a transaction."""
        self._db.execute(_MOVE, (name, value, now))

    def touch(self, name: str, now: float) -> None:
        """Store that the position is unchanged; to be called inside a transaction."""
        self._db.execute(_TOUCH, (now, name))


# --- What our clock has written down, kept sensible when the clock is set --------------------------


_MOVED = (
    "UPDATE inbox SET created_at = created_at + ? WHERE pending = 1",
    "UPDATE outbox SET created_at = created_at + ? WHERE pending = 1",
    "UPDATE dialog SET blocked_at = blocked_at + ? WHERE blocked_at IS NOT NULL",
    "UPDATE dialog SET reachable_at = reachable_at + ? WHERE reachable_at IS NOT NULL",
)
# What was finished by now came before that, and is nearly everything: the index of ends spares a start from
# reading the whole database.
_UNFINISHED = "(pending = 1 OR finished_at > :now)"
_TIMES = (
    ("inbox", "created_at", _UNFINISHED),
    ("outbox", "created_at", _UNFINISHED),
    ("dialog", "blocked_at", "blocked_at IS NOT NULL"),
    ("dialog", "reachable_at", "reachable_at IS NOT NULL"),
)
_CUT_OFF = tuple(
    (
        f"SELECT MAX({column}) FROM {table} WHERE {among}",
        f"UPDATE {table} SET {column} = :now WHERE {among} AND {column} > :now",
    )
    for table, column, among in _TIMES
)
"""What finds the latest of each kind of times, and what takes those of the future as of now."""
# Its trigger gives the turn anew: it had begun when the one before it ended.
_TURNS = tuple(
    f"UPDATE {queue} SET created_at = created_at WHERE turn_at IS NOT NULL AND turn_at > ?"
    for queue in ("inbox", "outbox")
)


class ClockStore:
    """Transactions after a jump of our clock.

    Ages decide when a reply is returned and which of two events about a customer is newer. Ages are
    differences, so shifting both ends keeps them.
    """

    def __init__(self, database: Database) -> None:
        self._db = database

    def was_set(self, step: float) -> None:
        """The clock was set forward (step > 0) or back while we ran, in seconds."""
        with self._db.transaction():
            for statement in _MOVED:
                self._db.execute(statement, (step,))

    def not_after(self, now: float) -> int:
        """Set times in the future to now: the clock was set back while we were not running.

        Otherwise a customer who comes back would seem to have come before they left, and a reply
        would wait longer than allowed.

        Returns:
            How many times were changed.
        """
        changed = 0
        with self._db.transaction():
            for latest, cut_off in _CUT_OFF:
                ((last,),) = self._db.rows(latest, {"now": now})
                if (last or 0.0) > now:
                    changed += self._db.execute(cut_off, {"now": now})
            for statement in _TURNS:
                self._db.execute(statement, (now,))
        return changed


# --- The very first start, kept until its first polls are stored -----------------------------------


_BEGUN = "first_start"
"""When the first start was, our clock, seconds since the epoch."""
_CUTOFF = "first_start_max"
"""The moment from which on events are new, MAX's milliseconds."""


class FirstStartStore:
    """Transactions of the first start."""

    def __init__(self, database: Database, meta: MetaTable) -> None:
        self._db = database
        self._meta = meta

    def begun_at(self) -> float | None:
        """Return when the first start was, our clock; None if it is not needed (any more)."""
        value = self._meta.value(_BEGUN)
        return None if value is None else float(value)

    def begin(self, at: float) -> None:
        """Record a start. Only the first one counts, and none once MAX has been polled.

        Args:
            at: Our clock.
        """
        if self.begun_at() is None and (not self.is_decided() or self.skips()):
            self._meta.put(_BEGUN, repr(at))

    def refused(self) -> None:
        """Discard a start that ended with a wrong setting: the next one counts."""
        if not self.is_decided():
            self._meta.drop(_BEGUN)

    def is_decided(self) -> bool:
        """Whether it is decided what becomes of earlier events."""
        return self._meta.value(STARTED) == "yes"

    def decide(self, *, skip: bool) -> None:
        """Before the first poll: store whether events from before the start are skipped."""
        with self._db.transaction():
            self._meta.put(SKIP, "yes" if skip else "no")
            self._meta.put(STARTED, "yes")

    def skips(self) -> bool:
        """Whether polls may still bring events from before a start that skips them."""
        return self._meta.value(SKIP) == "yes"

    def cutoff(self) -> int | None:
        """Return the moment from which events are new, MAX's milliseconds; None while unknown."""
        value = self._meta.value(_CUTOFF)
        return None if value is None else int(value)

    def set_cutoff(self, cutoff: int) -> None:
        """Store that moment: from now on our clock does not matter for it."""
        self._meta.put(_CUTOFF, str(cutoff))


_WRITE = (
    "INSERT INTO health (name, beat_at, success_at, error_at, error, error_detail, trouble_since)"
    " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET beat_at = excluded.beat_at,"
    " success_at = excluded.success_at, error_at = excluded.error_at, error = excluded.error,"
    " error_detail = excluded.error_detail, trouble_since = excluded.trouble_since"
)
_FORGET = "DELETE FROM health WHERE name GLOB ?"
_CLEAR = f"DELETE FROM health WHERE name NOT GLOB '{RULE}*'"
_LAST = {
    queue: f"SELECT finished_at FROM {queue} WHERE state = '{State.DONE}' AND finished_at IS NOT NULL"
    " ORDER BY finished_at DESC LIMIT 1"
    for queue in ("inbox", "outbox")
}
_values = attrgetter(
    "name", "beat_at", "success_at", "error_at", "error", "error_detail", "trouble_since"
)


class HealthTable:
    """Transactions of the loops' health."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def write(
        self,
        loops: Iterable[LoopHealth],
        hosts: Iterable[HostTrouble] = (),
        broken: Iterable[BrokenRule] = (),
    ) -> None:
        """Write the health of all loops, in one commit; a power cut may undo the last ones.

        Args:
            loops: All loops.
            hosts: Hosts of files that are in trouble.
            broken: Invariants that were broken; those of earlier runs stay.
        """
        with self._db.transaction(durable=False):
            for loop in loops:
                self._db.execute(_WRITE, _values(loop))
            self._db.execute(_FORGET, (f"{HOST}*",))
            for host in hosts:
                name = f"{HOST}{host.way}:{host.host}"
                self._db.execute(
                    _WRITE, (name, host.since, None, None, host.error, None, host.since)
                )
            for each in broken:
                row = (f"{RULE}{each.rule}", each.at, None, each.at, each.rule, each.item, None)
                self._db.execute(_WRITE, row)

    def clear(self) -> None:
        """Delete the health of the last run's loops."""
        with self._db.transaction():
            self._db.execute(_CLEAR, ())

    def ratings(self) -> dict[int, int]:
        """Return the number of tickets by rating."""
        return dict(self._db.rows("SELECT stars, COUNT(*) FROM rating GROUP BY stars", ()))

    def snapshot(self, now: float | None = None) -> Snapshot:
        """Return everything that ``status`` shows: :func:`maxbridge.store.snapshot.snapshot`."""
        return snapshot(self._db.rows, now)

    def pulse(self) -> Pulse:
        """Return what the status line needs; the cost does not grow with the number of deliveries."""
        depths = [depth(self._db.rows, queue) for queue in ("inbox", "outbox")]
        last = [at for queue in ("inbox", "outbox") for (at,) in self._db.rows(_LAST[queue], ())]
        return Pulse(
            waiting=sum(each.waiting for each in depths),
            held=sum(each.held for each in depths),
            last_at=max(last, default=None),
        )


# --- Which troubles the administrator was told of --------------------------------------------------


_NOT_GONE = (State.QUEUED, State.DEFERRED)


class AlertStore:
    """Transactions of the alerts."""

    def __init__(self, database: Database, outbox: OutboxTable, meta: MetaTable) -> None:
        self._db = database
        self._t = database.tables
        self._outbox = outbox
        self._meta = meta

    def standing(self) -> dict[Trouble, Standing]:
        """Return the troubles not known to be over: a restart neither repeats nor loses an alert."""
        value = self._meta.value(keys.ALERTS)
        found = {} if value is None else json.loads(value)
        return {Trouble(name): Standing(**each) for name, each in found.items()}

    def tell(
        self,
        standing: Mapping[Trouble, Standing],
        messages: Sequence[tuple[Alert, str]],
        chat_id: int,
        now: float,
    ) -> None:
        """Store the troubles, and queue alerts for MAX.

        An alert that could not be sent before its trouble was over is dropped together with its
        end.

        Args:
            standing: The troubles.
            messages: Alerts with their texts.
            chat_id: The administrator's chat.
            now: Our clock.
        """
        kept = {name.value: asdict(each) for name, each in standing.items()}
        with self._db.transaction():
            self._meta.put(keys.ALERTS, json.dumps(kept))
            for alert, words in messages:
                if alert.over and self._take_back(alert, now):
                    continue
                self._outbox.add(alert.key, chat_id, [Part(words)], now=now)

    def _take_back(self, alert: Alert, now: float) -> bool:
        begun = Alert(alert.trouble, False, alert.since, alert.seconds)
        row = find(self._t.outbox, key=begun.key)
        if row is None or row.state not in _NOT_GONE or row.doubt != Doubt.NONE:
            return False
        return self._outbox.decide(
            row.id, Outcome.DROP, error=None, now=now, reason="it is over before it could leave"
        )
