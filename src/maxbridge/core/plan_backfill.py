"""What MAX could not give us: before the first start, and in a gap that a chat's history may fill: pure decisions.

MAX forgets events after 24 hours (contract max.md 1). After a longer silence the histories of the
known chats are read back to where the silence began (contract max.md 6). What histories cannot give:
first messages of customers whom we do not know, edits and deletions, native voice.

Each event is judged by its own time, which is MAX's, against the moment of the start by MAX's clock. When
the first poll is answered says nothing: on a busy machine that is seconds later, and people write meanwhile.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

from maxbridge.core.events import Event

KEPT = 86400.0
"""Seconds for which MAX keeps events (contract max.md 1)."""
_MARGIN = 1800.0
"""A silence this much shorter counts as well: clocks differ, and a look too many costs little."""
_SET_BACK = 300.0
"""Seconds by which the last poll may lie in the future before the clock is believed to be wrong."""
ACTIVE_DAYS = 365
"""Dialogs without a word for longer are not read again: three requests a second must be enough."""


class Gap(StrEnum):
    """Why events may be missing; the worst comes first."""

    AWAY = "away"
    """MAX was not asked for longer than it keeps events."""
    WEBHOOK = "webhook"
    """A webhook took the events of a time (contract max.md 1)."""
    MISSED = "missed"
    """A chat's history has messages that polling should have brought, and did not."""
    RESTORED = "restored"
    """An older database was restored: it does not know what came since the backup."""
    CLOCK = "clock"
    """Our clock jumped, so nobody can tell how long MAX was not asked."""


def judge_silence(last_at: float | None, now: float, steady: float | None) -> Gap | None:
    """Say whether events may have been lost since the last poll that was stored.

    A false alarm costs one request for each known dialog; a gap that is not noticed costs messages.
    So whatever a jumping clock leaves open counts as a gap.

    Args:
        last_at: When that poll was, our clock; None when there never was one: a first start is no
            gap, ``[max] first_start`` decides about what was before it.
        now: Our clock.
        steady: Seconds since then by a clock that cannot be set; None when the poll was made by an
            earlier process.
    """
    if last_at is None:
        return None
    silence = now - last_at
    if steady is None:
        if silence > KEPT - _MARGIN:
            return Gap.AWAY
        return Gap.CLOCK if silence < -_SET_BACK else None
    if steady > KEPT - _MARGIN:
        return Gap.AWAY
    # The machine slept, or it booted with a wrong clock that has been put right, or somebody set it.
    return Gap.CLOCK if silence > KEPT - _MARGIN else None


def read_since(gap: Gap, *, last_at: float, newest_event: int | None) -> int:
    """Where to stop reading back, in MAX's milliseconds: whatever is older was given to us.

    The newest event that we have is the cutoff by MAX's own clock, so ours may be as wrong as it
    likes. Only an event dated into the future by mistake would make a cutoff too late; where our
    clock is not in doubt it guards against that.

    Args:
        gap: Why histories are read.
        last_at: The last good poll, our clock.
        newest_event: MAX's time of the last event that was stored, None when there is none.
    """
    by_our_clock = int(last_at * 1000)
    if newest_event is None:
        return by_our_clock
    if gap is Gap.CLOCK:
        return newest_event + 1
    return min(newest_event + 1, by_our_clock)


@dataclass(frozen=True, slots=True)
class Sifted:
    """What one page of a chat's history is good for.

    Attributes:
        fresh: Places of the messages that polling has not brought.
        before: Upper bound of the next page in milliseconds; None when this was the last one.
        stuck: It has nothing but what earlier pages had, though the watermark is not reached.
    """

    fresh: tuple[int, ...]
    before: int | None
    stuck: bool


def sift(
    page: Sequence[Event],
    *,
    since: int,
    known: Collection[str],
    seen: Collection[str],
    bot_id: int,
) -> Sifted:
    """Judge a page of a chat's history.

    Args:
        page: Newest first, as MAX gives it (contract max.md 6).
        since: Milliseconds; older messages are of before the gap.
        known: Keys of messages that were stored before the gap: what is older than one of them was
            stored as well, or was not to be.
        seen: Keys of earlier pages; pages overlap, because the bound may count as inside or not.
        bot_id: Our own messages are in the history as well.
    """
    watermark = next((place for place, event in enumerate(page) if event.key in known), len(page))
    unseen = [place for place in range(watermark) if page[place].key not in seen]
    fresh = tuple(
        place
        for place in unseen
        if page[place].timestamp >= since and not _is_own(page[place], bot_id)
    )
    oldest = min((event.timestamp for event in page if event.timestamp > 0), default=0)
    reached = watermark < len(page) or oldest < since
    stuck = not reached and not unseen
    return Sifted(fresh, None if reached or stuck else oldest + 1, stuck)


@dataclass(frozen=True, slots=True)
class Missed:
    """What a chat's history has and polling did not bring.

    Attributes:
        keys: The messages' keys.
        since: Milliseconds from which on histories should be read for more of that.
    """

    keys: frozenset[str]
    since: int


def missed(
    page: Sequence[Event], *, known: Collection[str], held: Collection[str] = (), bot_id: int
) -> Missed:
    """Say which messages of a customer polling should have brought: those newer than one that it did.

    What is older may be of before the bridge, or its id may be forgotten.

    Args:
        page: Newest first.
        known: Keys of what is stored.
        held: Those of them that wait for a decision: the ids of what came after them may be forgotten
            already.
        bot_id: Our own messages are no events.
    """
    seen = [event.timestamp for event in page if event.key in known and event.key not in held]
    since = min(seen, default=0)
    keys = frozenset(
        event.key
        for event in page
        if seen
        and event.timestamp > since
        and event.key not in known
        and event.message.mid
        and event.sender is not None
        and not _is_own(event, bot_id)
    )
    return Missed(keys, since)


def _is_own(event: Event, bot_id: int) -> bool:
    return event.sender is not None and event.sender.user_id == bot_id


# --- The very first start with ``[max] first_start = "new"``: which of MAX's events were written before it.


TOLERANCE = 3.0
"""Seconds before the start that count as after it. MAX tells its time in whole seconds, and the machine that
tells it need not be the one that dates messages. One message too many is better than one that is lost."""
_START_SET_BACK = 60.0
"""Seconds by which our clock may lie before the start before it is believed to have been set back."""
_LEAST_MILLISECONDS = 10**11
"""What is less is a time in seconds: in milliseconds it would be of 1973."""


def since_start(begun_at: float, now: float, *, running: float) -> float:
    """How many seconds ago the first start was, at least.

    Args:
        begun_at: When it was, our clock; perhaps written down by an earlier process.
        now: Our clock.
        running: For how many seconds this process has been running, by a clock that cannot be set.
    """
    passed = now - begun_at
    if passed < -_START_SET_BACK:
        return KEPT  # nobody can tell: whatever MAX still has may be of after the start
    return max(passed, running)


def cutoff(max_now: float, ago: float) -> int:
    """The moment from which on events are new, in MAX's milliseconds.

    Args:
        max_now: MAX's clock, seconds since the epoch; it may be behind, never ahead.
        ago: How many seconds ago the start was.
    """
    return int((max_now - ago - TOLERANCE) * 1000)


def is_of_before(timestamp: int, first: int) -> bool:
    """Was an event written before the start? One that does not tell its time is taken for new.

    Args:
        timestamp: MAX's time of the event in milliseconds, 0 for none.
        first: The cutoff.
    """
    if timestamp <= 0:
        return False
    return (timestamp if timestamp >= _LEAST_MILLISECONDS else timestamp * 1000) < first


def cut_short(page: Sequence[Event], first: int) -> int | None:
    """The dialog whose history may have more than a poll without a marker has brought.

    MAX gives such a poll the latest event only (contract max.md 1), and whoever tries a new bridge out
    writes twice within its first second; so may a customer whose chat no ticket names, after ``relink``. Of
    customers who did not come nothing tells.

    Args:
        page: What the poll brought.
        first: The cutoff, or where nothing is passed over the moment from which on the history is missed.

    Returns:
        A chat, or None when nothing is missing.
    """
    if len(page) != 1:
        return None
    (event,) = page
    if event.chat_type not in ("", "dialog") or is_of_before(event.timestamp, first):
        return None
    return event.chat_id
