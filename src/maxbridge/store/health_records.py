"""What the store says about the daemon's health; apart, since ``status`` needs no other record."""

from __future__ import annotations

from dataclasses import dataclass, field

from maxbridge.core.errors import HostTrouble
from maxbridge.store.certificates import Certificate


@dataclass(frozen=True, slots=True)
class Pulse:
    """What one line about the queues needs: both together, cheap to ask every few seconds."""

    waiting: int
    held: int
    last_at: float | None
    """When a delivery succeeded last, our clock."""


@dataclass(frozen=True, slots=True)
class LoopHealth:
    """How one loop is doing."""

    name: str
    beat_at: float
    success_at: float | None
    error_at: float | None
    error: str | None
    error_detail: str | None
    trouble_since: float | None


@dataclass(frozen=True, slots=True)
class BrokenRule:
    """A rule of our own that did not hold, the last time.

    Attributes:
        rule: Its code, a :class:`maxbridge.core.errors.Invariant`.
        item: What it was about.
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
        oldest_at: When the oldest of them came.
        held: Items that wait for a person.
        parked: Unreadable events kept.
        put_aside: Events of chats that sent too much.
    """

    waiting: int
    oldest_at: float | None
    held: int
    parked: int = 0
    put_aside: int = 0


@dataclass(frozen=True, slots=True)
class HeldItem:
    """One held delivery, for people to look at; ``name`` is its id in ``maxbridge queue``."""

    name: str
    key: str
    error: str | None
    since: float


@dataclass(frozen=True, slots=True)
class GapRecord:
    """A time of which MAX's events may be missing.

    Attributes:
        kind: Why, a :class:`maxbridge.core.plan_backfill.Gap`.
        since: The last good poll before it, our clock.
        noticed_at: When it was noticed, our clock.
        dialogs: How many dialogs' histories had to be read for it.
        left: How many still have to be.
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
    """A chat of which messages are put aside.

    Attributes:
        chat_id: The chat.
        messages: How many.
        since: When the first of them came, our clock.
    """

    chat_id: int
    messages: int
    since: float


@dataclass(frozen=True, slots=True)
class Traffic:
    """What went one way lately.

    Attributes:
        hour: Delivered in the last hour.
        day: Delivered in the last 24 hours.
        lately: Delivered in the last :data:`LATELY` seconds; the pace while a backlog is worked off.
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
    """Of the chats that cannot be written to (``blocked``), those of groups that removed the bot."""
    deaf: int = 0
    unreadable: tuple[int, ...] = ()
    aside: tuple[tuple[int, float], ...] = ()
    """The first conversations that could not be looked at, with since when (our clock)."""
    not_given: int = 0
    """How many conversations the desk does not give: tickets of ours, and those put aside."""
    floods: tuple[Flood, ...] = ()
    certificates: tuple[Certificate, ...] = ()
    hosts: tuple[HostTrouble, ...] = ()
    broken: tuple[BrokenRule, ...] = ()
    traffic_in: Traffic = Traffic()
    traffic_out: Traffic = Traffic()
