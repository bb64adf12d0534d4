"""Working hours: what is closed opens when it is said to, whatever the week, the holidays and the zone."""

from __future__ import annotations

import contextlib
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maxbridge.core.hours import DAY, Hours, HoursError, Span, read_day, read_holidays, week_of

ZONES = (
    "Europe/Moscow",
    "Europe/Berlin",
    "Asia/Kamchatka",
    "America/St_Johns",
    "Australia/Lord_Howe",
)
WORK = ("09:00-18:00",) * 5 + ("10:00-14:00", "")
STRETCH = timedelta(minutes=1)


@st.composite
def days(draw: st.DrawFn) -> tuple[Span, ...]:
    edges = sorted(draw(st.sets(st.integers(0, DAY), max_size=6)))
    return tuple(zip(edges[::2], edges[1::2], strict=False))


HOURS = st.builds(
    Hours,
    st.tuples(*[days()] * 7),
    st.dictionaries(
        st.dates(date(2026, 1, 1), date(2027, 12, 31)).map(date.isoformat), days(), max_size=5
    ),
)
MOMENTS = st.builds(
    lambda at, zone: at.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)),
    st.datetimes(datetime(2026, 1, 2), datetime(2027, 11, 30)),  # noqa: DTZ001
    st.sampled_from(ZONES),
)


@given(HOURS, MOMENTS)
def test_it_opens_at_the_next_edge_and_not_before(hours: Hours, local: datetime) -> None:
    at = hours.opens_at(local)
    if at is None:
        assert not any(hours.week) or not any(map(any, hours.week))
        return
    wall, now = at.replace(tzinfo=None), local.replace(tzinfo=None)
    assert wall > now
    assert hours.is_open(at)
    if not hours.is_open(local):
        # No moment in between is open: spans begin at whole minutes.
        step = max(STRETCH, (wall - now) / 97)
        between = now
        while between < wall:
            assert not hours.is_open(between)
            between += step


@given(HOURS, MOMENTS)
def test_it_has_been_closed_since_the_last_edge(hours: Hours, local: datetime) -> None:
    since = hours.closed_since(local)
    if since is None:
        assert not any(hours.week)
        return
    wall, now = since.replace(tzinfo=None), local.replace(tzinfo=None)
    assert wall <= now
    assert hours.is_open(wall - STRETCH)
    if not hours.is_open(local):
        assert not hours.is_open(wall) or any(
            begin == wall.hour * 60 + wall.minute for begin, _ in hours.of(wall.date())
        )


@given(HOURS, MOMENTS)
def test_all_of_a_night_has_one_beginning_and_one_end(hours: Hours, local: datetime) -> None:
    if hours.is_open(local) or (opens := hours.opens_at(local)) is None:
        return
    wall = local.replace(tzinfo=None)
    later = wall + (opens.replace(tzinfo=None) - wall) / 2
    assert hours.closed_since(later) == hours.closed_since(wall)
    assert hours.opens_at(later) == opens.replace(tzinfo=None)


@given(days())
def test_a_day_that_is_written_is_read_again(spans: tuple[Span, ...]) -> None:
    text = ", ".join(f"{b // 60:02}:{b % 60:02}-{e // 60:02}:{e % 60:02}" for b, e in spans)
    assert read_day(text) == spans


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("9-18", ((540, 1080),)),
        ("9:05 - 18", ((545, 1080),)),
        ("9-13, 13-18", ((540, 780), (780, 1080))),
        ("23:30-24:00", ((1410, 1440),)),
        ("", ()),
    ],
)
def test_days_as_people_write_them(text: str, spans: tuple[Span, ...]) -> None:
    assert read_day(text) == spans


def test_an_edge_belongs_to_what_begins_with_it() -> None:
    hours = Hours(week_of(["09:00-18:00"] * 7))
    morning, evening = (datetime(2026, 6, 1, hour, tzinfo=UTC) for hour in (9, 18))
    assert hours.is_open(morning)
    assert hours.opens_at(morning) == morning + timedelta(days=1)
    assert not hours.is_open(evening)
    assert hours.closed_since(evening) == evening


@given(st.text(max_size=30))
def test_any_text_is_a_day_or_a_named_error(text: str) -> None:
    for read in (read_day, lambda words: read_holidays([words])):
        with contextlib.suppress(HoursError):
            read(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [("9-25", "span"), ("9:60-18", "span"), ("9-18:60", "span"), ("9-10, 11-14, 13-15", "overlap"),
     ("24:00-24:00", "span"), ("утром", "span"), ("18:00-09:00", "order"),
     ("09:00-09:00", "order"), ("9-13, 12-18", "overlap"), ("14-18, 9-13", "overlap"), ("22:00-06:00", "order")],
)  # fmt: skip
def test_a_day_that_is_none(text: str, why: str) -> None:
    with pytest.raises(HoursError) as told:
        read_day(text)
    assert told.value.why == why


@pytest.mark.parametrize(
    ("text", "why"),
    [("2026-02-30", "date"), ("13-01", "date"), ("2026-00-10", "date"), ("1 января", "date"), ("", "date"),
     ("2026-01-08..2026-01-01", "range"), ("01-01..2026-01-08", "range"), ("2026-12-31 9-8", "order"),
     ("0000-01-01", "date"), ("2026-01-01..2036-01-01", "range"), ("01-08..01-01", "range"), ("03-01..02-28", "range")],
)  # fmt: skip
def test_a_holiday_that_is_none(text: str, why: str) -> None:
    with pytest.raises(HoursError) as told:
        read_holidays([text])
    assert told.value.why == why


def test_a_range_of_every_year_goes_over_new_year() -> None:
    over = read_holidays(["12-30..01-02 10:00-12:00"])
    assert over == read_holidays(
        [f"{day} 10:00-12:00" for day in ("12-30", "12-31", "01-01", "01-02")]
    )
    assert len(read_holidays(["09-01..02-29"])) == 182


def test_holidays_short_days_and_every_year() -> None:
    days = read_holidays(["01-01..01-08", "2026-12-30 09:00-15:00", "02-29"])
    hours = Hours(week_of(WORK), days)
    assert len(days) == 10
    assert not hours.is_open(datetime(2031, 1, 8, 12, 0, tzinfo=UTC))
    assert hours.is_open(datetime(2026, 12, 30, 14, 59, tzinfo=UTC))
    assert not hours.is_open(datetime(2026, 12, 30, 15, 0, tzinfo=UTC))
    late = datetime(2026, 12, 31, 18, 0, tzinfo=UTC)
    assert hours.opens_at(late) == datetime(2027, 1, 9, 10, 0, tzinfo=UTC)
    assert hours.closed_since(late + timedelta(days=3)) == late
    assert Hours(week_of([""] * 7)).opens_at(late) is None
    assert Hours(week_of([""] * 7)).closed_since(late) is None


def test_the_hour_that_there_is_twice_or_not() -> None:
    zone = ZoneInfo("Europe/Berlin")
    hours = Hours(week_of(["02:15-02:45"] * 7))
    twice = datetime(2026, 10, 25, 2, 20, tzinfo=zone)
    assert hours.is_open(twice)
    assert hours.is_open(twice.replace(fold=1))
    skipped = hours.opens_at(datetime(2026, 3, 29, 1, 0, tzinfo=zone))
    assert skipped is not None
    assert skipped.timestamp() == datetime(2026, 3, 29, 1, 15, tzinfo=UTC).timestamp()
