"""Find events that polling missed, before the first start or in a gap, and read them from histories: pure rules.

MAX forgets events after 24 hours (contract max.md 1). After a longer silence the histories of the
known chats are read back to where the silence began (contract max.md 6). Histories cannot give
first messages of unknown customers, edits, deletions and native voice messages.

Each event is compared by MAX's time with the moment of the start by MAX's clock. The time of the
first poll's answer is no measure: on a busy machine it comes seconds later, and people write
meanwhile.
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
    """Why events may be missing; the worst reason comes first."""

    AWAY = "away"
    """MAX was not polled for longer than it keeps events."""
    WEBHOOK = "webhook"
    """A webhook received the events of a period (contract max.md 1)."""
    MISSED = "missed"
    """A chat's history has messages that polling should have brought but did not."""
    RESTORED = "restored"
    """An older database was restored, without the events since the backup."""
    CLOCK = "clock"
    """Our clock jumped, so it is unknown how long MAX was not polled."""


def judge_silence(last_at: float | None, now: float, steady: float | None) -> Gap | None:
    """Decide whether events may have been lost since the last stored poll.

    A false alarm costs one request per known dialog; an unnoticed gap costs messages. So anything
    that a jumping clock leaves uncertain counts as a gap.

    Args:
        last_at: When that poll was, our clock; None if there never was one: a first start is no
            gap, ``[max] first_start`` decides about earlier events.
        now: Our clock.
        steady: Seconds since then by a monotonic clock; None if an earlier process made the poll.
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
    """Return where to stop reading back, in MAX's milliseconds: everything older was received.

    The newest stored event gives the cutoff by MAX's own clock, so an error of ours does not
    matter. Only an event wrongly dated into the future would make the cutoff too late; if our clock
    is reliable, it limits the cutoff.

    Args:
        gap: Why histories are read.
        last_at: The last good poll, our clock.
        newest_event: MAX's time of the newest stored event, None if there is none.
    """
    by_our_clock = int(last_at * 1000)
    if newest_event is None:
        return by_our_clock
    if gap is Gap.CLOCK:
        return newest_event + 1
    return min(newest_event + 1, by_our_clock)


@dataclass(frozen=True, slots=True)
class Sifted:
    """What to take from one page of a chat's history.

    Attributes:
        fresh: Positions of the messages that polling did not bring.
        before: Upper bound of the next page in milliseconds; None if this was the last one.
        stuck: It has only messages of earlier pages although the cutoff is not reached.
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
    """Judge one page of a chat's history.

    Args:
        page: Newest first, as MAX gives it (contract max.md 6).
        since: Milliseconds; older messages precede the gap.
        known: Keys of messages stored before the gap: messages older than one of them were stored
            as well, or deliberately not.
        seen: Keys of earlier pages; pages overlap because the bound may be inclusive or not.
        bot_id: Our bot; its messages are in the history as well.
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
    """Messages of a chat's history that polling did not bring.

    Attributes:
        keys: Their keys.
        since: Milliseconds from which histories should be read for more of them.
    """

    keys: frozenset[str]
    since: int


def missed(
    page: Sequence[Event], *, known: Collection[str], held: Collection[str] = (), bot_id: int
) -> Missed:
    """Return a customer's messages that polling should have brought: those newer than one that it did bring.

    Older ones may precede the bridge, or their ids may be forgotten.

    Args:
        page: Newest first.
        known: Stored keys.
        held: Those of them that are held: the ids of later messages may be forgotten already.
        bot_id: Our bot; its messages are no events.
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
    """Return the least number of seconds since the first start.

    Args:
        begun_at: When it was, our clock; perhaps recorded by an earlier process.
        now: Our clock.
        running: Seconds that this process has been running, monotonic.
    """
    passed = now - begun_at
    if passed < -_START_SET_BACK:
        return KEPT  # nobody can tell: whatever MAX still has may be of after the start
    return max(passed, running)


def cutoff(max_now: float, ago: float) -> int:
    """Return the moment from which events are new, in MAX's milliseconds.

    Args:
        max_now: MAX's clock in seconds since the epoch; it may be behind, never ahead.
        ago: Seconds since the start.
    """
    return int((max_now - ago - TOLERANCE) * 1000)


def is_of_before(timestamp: int, first: int) -> bool:
    """Whether an event was written before the start. An event without a time counts as new.

    Args:
        timestamp: MAX's time of the event in milliseconds, 0 for none.
        first: The cutoff.
    """
    if timestamp <= 0:
        return False
    return (timestamp if timestamp >= _LEAST_MILLISECONDS else timestamp * 1000) < first


def cut_short(page: Sequence[Event], first: int) -> int | None:
    """Return the dialog whose history may contain more than a poll without a marker brought.

    MAX answers such a poll with the latest event only (contract max.md 1). Somebody who tries a new
    bridge often writes twice within its first second; so may a customer whose chat no ticket names,
    after ``relink``. Customers without an event in the answer cannot be found.

    Args:
        page: The poll's events.
        first: The cutoff, or if nothing is skipped the moment from which the history is missing.

    Returns:
        A chat, or None if nothing is missing.
    """
    if len(page) != 1:
        return None
    (event,) = page
    if event.chat_type not in ("", "dialog") or is_of_before(event.timestamp, first):
        return None
    return event.chat_id
