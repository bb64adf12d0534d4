"""core.plan_backfill: when events may be missing, and what of a history is new (contract max.md 1, 6)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laws import law
from maxbridge.core.events import Event, Message, Person, What
from maxbridge.core.plan_backfill import (
    KEPT,
    Gap,
    Missed,
    judge_silence,
    missed,
    read_since,
    sift,
)

NOW = 1_800_000_000.0
BOT, USER = 900100200, 410000017
HOUR, DAY = 3600.0, 86400.0


def said(number: int, *, who: int = USER, at: int | None = None) -> Event:
    """Message ``number`` of a chat, said at that millisecond."""
    return Event(
        What.MESSAGE,
        "message_created",
        f"message_created:mid.{number}",
        chat_id=5,
        sender=Person(who),
        timestamp=number if at is None else at,
        message=Message(mid=f"mid.{number}"),
    )


def key(number: int) -> str:
    return said(number).key


def history(*numbers: int) -> list[Event]:
    """A page, newest first."""
    return [said(number) for number in numbers]


# --- is it a gap? ----------------------------------------------------------------------------------

TABLE = [
    # last good poll, seconds by the steady clock since (None: another process made it) → gap
    (None, None, None),  # a first start: [max] first_start decides about what was before it
    (NOW - 30, 30.0, None),
    (NOW - 23 * HOUR, None, None),
    (NOW - 24 * HOUR, None, Gap.AWAY),  # off for a day
    (NOW - 40 * DAY, None, Gap.AWAY),
    (NOW - 25 * HOUR, 25 * HOUR, Gap.AWAY),  # running, and MAX did not answer
    (NOW - HOUR, 25 * HOUR, Gap.AWAY),  # the same, and the clock was set back meanwhile
    (NOW + 3 * DAY, 25 * HOUR, Gap.AWAY),
    (NOW - 25 * HOUR, 30.0, Gap.CLOCK),  # the machine slept, or the clock was set forward
    (NOW + 10, None, None),  # NTP put the clock right by seconds
    (NOW + HOUR, None, Gap.CLOCK),  # set back while we were off: nobody can tell for how long
    (NOW + HOUR, 30.0, None),  # set back while we ran: the steady clock can tell
    # Half an hour less than a day, and five minutes: more than that is in doubt.
    (NOW - 84_600, None, None),
    (NOW - 84_600.5, None, Gap.AWAY),
    (NOW - 30, 84_600.0, None),
    (NOW - 30, 84_600.5, Gap.AWAY),
    (NOW - 84_600, 30.0, None),
    (NOW - 84_600.5, 30.0, Gap.CLOCK),
    (NOW + 300, None, None),
    (NOW + 300.5, None, Gap.CLOCK),
]


@pytest.mark.parametrize(("last_at", "steady", "gap"), TABLE)
def test_a_silence_is_judged(last_at: float | None, steady: float | None, gap: Gap | None) -> None:
    assert judge_silence(last_at, NOW, steady) is gap


@given(st.floats(0, 2 * NOW), st.none() | st.floats(0, NOW))
@law
def test_no_silence_of_a_day_is_ever_overlooked(last_at: float, steady: float | None) -> None:
    gap = judge_silence(last_at, NOW, steady)
    if NOW - last_at >= KEPT or (steady or 0) >= KEPT:
        assert gap is not None


# --- where reading stops ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gap", "last_at", "newest", "since"),
    [
        # By MAX's own clock: whatever is not newer than the newest event that we have is ours already.
        (Gap.AWAY, 2000.0, 1_500_000, 1_500_001),
        # An event dated into the future by mistake must not hide a gap,
        (Gap.AWAY, 2000.0, 9_999_999_999_999, 2_000_000),
        # but our own clock must not be believed when it is the one in doubt.
        (Gap.CLOCK, 5.0, 1_500_000, 1_500_001),
        (Gap.AWAY, 2000.0, None, 2_000_000),
    ],
)
def test_reading_stops_where_the_gap_begins(
    gap: Gap, last_at: float, newest: int | None, since: int
) -> None:
    assert read_since(gap, last_at=last_at, newest_event=newest) == since


# --- what is new -----------------------------------------------------------------------------------


def test_a_page_of_new_messages_asks_for_the_one_before() -> None:
    sifted = sift(history(9, 8, 7), since=1, known=(), seen=(), bot_id=BOT)
    # The bound may count as inside or outside: so it overlaps by one.
    assert (sifted.fresh, sifted.before, sifted.stuck) == ((0, 1, 2), 8, False)


def test_reading_ends_at_a_message_of_before_the_gap() -> None:
    # What is older was stored too, or was not to be: with first_start "new" the backlog is not.
    sifted = sift(history(9, 8, 7, 6), since=1, known={key(8)}, seen=(), bot_id=BOT)
    assert (sifted.fresh, sifted.before) == ((0,), None)


def test_reading_ends_where_the_gap_begins() -> None:
    sifted = sift(history(9, 8, 7, 6), since=8, known=(), seen=(), bot_id=BOT)
    assert (sifted.fresh, sifted.before) == ((0, 1), None)
    # There may be more of that very moment.
    sifted = sift(history(9, 8), since=8, known=(), seen=(), bot_id=BOT)
    assert (sifted.fresh, sifted.before) == ((0, 1), 9)


@pytest.mark.parametrize(("at", "before"), [(0, 10), (1, 2)])
def test_a_message_without_a_time_does_not_end_it(at: int, before: int) -> None:
    page = [said(9), said(8, at=at)]
    assert sift(page, since=1, known=(), seen=(), bot_id=BOT).before == before
    assert sift([said(8, at=0)], since=1, known=(), seen=(), bot_id=BOT).before is None


def test_the_bots_own_messages_are_passed_over() -> None:
    page = [said(9), said(8, who=BOT), said(7)]
    sifted = sift(page, since=1, known=(), seen=(), bot_id=BOT)
    assert (sifted.fresh, sifted.before) == ((0, 2), 8)


def test_what_an_earlier_page_had_is_not_counted_again() -> None:
    sifted = sift(history(8, 7, 6), since=1, known=(), seen={key(9), key(8)}, bot_id=BOT)
    assert sifted.fresh == (1, 2)


def test_a_history_that_does_not_go_further_back_is_noticed() -> None:
    # The bound is misread at the other end, or a hundred messages are of one millisecond.
    sifted = sift(history(9, 8), since=1, known=(), seen={key(9), key(8)}, bot_id=BOT)
    assert (sifted.fresh, sifted.before, sifted.stuck) == ((), None, True)


def test_an_empty_history_has_nothing() -> None:
    assert sift((), since=1, known=(), seen=(), bot_id=BOT).before is None


@given(st.data())
@law
def test_reading_page_by_page_finds_every_message_of_the_gap_once(data: st.DataObject) -> None:
    times = data.draw(st.lists(st.integers(1, 60), max_size=60).map(sorted), label="times")
    chat = [said(number, at=at) for number, at in enumerate(times, start=1)][::-1]
    since = data.draw(st.integers(1, 60), label="since")
    count = data.draw(st.integers(3, 10), label="page size")
    inclusive = data.draw(st.booleans(), label="inclusive")
    # More of one millisecond than fit on a page cannot be paged over; nobody writes that fast.
    if max((times.count(at) for at in times), default=0) >= count - 1:
        return
    seen: set[str] = set()
    found: list[str] = []
    before: int | None = None
    for _ in range(len(chat) + 2):
        page = [
            each for each in chat
            if before is None or each.timestamp < before + int(inclusive)
        ][:count]  # fmt: skip
        sifted = sift(page, since=since, known=(), seen=seen, bot_id=BOT)
        assert not sifted.stuck or len(page) < count
        found += [page[place].key for place in sifted.fresh]
        seen |= {each.key for each in page}
        before = sifted.before
        if before is None or len(page) < count:
            break
    assert found == [each.key for each in chat if each.timestamp >= since]


# --- what polling should have brought --------------------------------------------------------------


def test_a_message_newer_than_one_that_came_should_have_come() -> None:
    gone = missed(history(9, 8, 7, 6), known={key(9), key(7)}, bot_id=BOT)
    assert gone == Missed(frozenset({key(8)}), 7)
    same_moment = [said(9), said(8, at=7), said(7)]
    assert missed(same_moment, known={key(7)}, bot_id=BOT).keys == {key(9)}
    assert missed(history(9), known=(), bot_id=BOT).since == 0


@pytest.mark.parametrize(
    ("page", "known"),
    [
        (history(9, 8), {key(9), key(8)}),
        # Older than what came: of before the bridge, or its id is forgotten.
        (history(9, 8, 7), {key(9)}),
        (history(9, 8), set()),
        ([said(9, who=BOT), said(8)], {key(8)}),
        # Without a sender or an id nobody can say that it is the same one.
        ([replace(said(9), sender=None), said(8)], {key(8)}),
        ([replace(said(9), message=Message()), said(8)], {key(8)}),
        ([], set()),
    ],
)
def test_nothing_else_is_missed(page: list[Event], known: set[str]) -> None:
    assert not missed(page, known=known, bot_id=BOT).keys
