"""Working hours: is the desk open, since when is it closed, and when does it open.

All times are wall time of one zone, so days of 23 and 25 hours need no rule of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

DAY = 24 * 60
_SPAN = re.compile(r"(\d{1,2})(?::(\d{2}))?\s*[-–]\s*(\d{1,2})(?::(\d{2}))?")
_HOLIDAY = re.compile(r"([\d-]+)(?:\.\.([\d-]+))?(?:\s+(.+))?")
_YEARLY = re.compile(r"(\d{2})-(\d{2})")
_LEAP_YEAR = 2028
"""One that has every day of every year."""
_FAR = 400
"""Days to look ahead and back: more than a year of holidays nobody has."""
_MIXED_UP = 183
"""Days of a year left out at least by a range over New Year; one that leaves out fewer has its ends mixed up."""

Span = tuple[int, int]
"""Minutes since midnight: from the first to before the second."""


class HoursError(ValueError):
    """A day or a holiday is written wrongly.

    Attributes:
        why: ``span``, ``order``, ``overlap``, ``date`` or ``range``.
        text: The wrong text.
    """

    def __init__(self, why: str, text: str) -> None:
        super().__init__(f"{why}: {text}")
        self.why, self.text = why, text


@dataclass(frozen=True, slots=True)
class Hours:
    """Weekly hours and exceptions.

    Attributes:
        week: Spans of each weekday, Monday first.
        days: Spans of single days, by date or, for every year, by month and day.
    """

    week: tuple[tuple[Span, ...], ...]
    days: Mapping[str, tuple[Span, ...]] = field(default_factory=dict)

    def of(self, day: date) -> tuple[Span, ...]:
        """Return the spans of a day."""
        for name in (day.isoformat(), f"{day:%m-%d}"):
            if name in self.days:
                return self.days[name]
        return self.week[day.weekday()]

    def is_open(self, local: datetime) -> bool:
        """Whether the desk is open at this moment."""
        minute = local.hour * 60 + local.minute
        return any(begin <= minute < end for begin, end in self.of(local.date()))

    def opens_at(self, local: datetime) -> datetime | None:
        """Return the next moment from which the desk is open; None if never."""
        moment = local.replace(tzinfo=None, fold=0)
        for day in _days(local.date(), 1):
            for begin, _ in self.of(day):
                at = _moment(day, begin)
                if at > moment:
                    return at.replace(tzinfo=local.tzinfo)
        return None

    def closed_since(self, local: datetime) -> datetime | None:
        """Return the last moment until which the desk was open; None if it never was."""
        moment = local.replace(tzinfo=None, fold=0)
        for day in _days(local.date(), -1):
            for _, end in reversed(self.of(day)):
                at = _moment(day, end)
                if at <= moment:
                    return at.replace(tzinfo=local.tzinfo)
        return None


def read_day(text: str) -> tuple[Span, ...]:
    """Parse a day such as ``09:00-13:00, 14:00-18:00``; an empty text has no spans.

    Raises:
        HoursError: A span is malformed, or spans are out of order.
    """
    spans: list[Span] = []
    for piece in filter(None, (each.strip() for each in text.split(","))):
        found = _SPAN.fullmatch(piece)
        if found is None:
            raise HoursError("span", piece)
        hours = [int(each or 0) for each in found.groups()]
        begin, end = hours[0] * 60 + hours[1], hours[2] * 60 + hours[3]
        if max(hours[1], hours[3]) > 59 or begin >= DAY or end > DAY:
            raise HoursError("span", piece)
        if begin >= end:
            raise HoursError("order", piece)
        if spans and begin < spans[-1][1]:
            raise HoursError("overlap", piece)
        spans.append((begin, end))
    return tuple(spans)


def read_holidays(texts: Iterable[str]) -> dict[str, tuple[Span, ...]]:
    """Parse exceptions: ``2026-12-31``, ``12-31..01-08``, or with hours, ``2026-12-30 09:00-15:00``.

    Raises:
        HoursError: A date does not exist, or a range within one year ends before it begins.
    """
    days: dict[str, tuple[Span, ...]] = {}
    for text in texts:
        found = _HOLIDAY.fullmatch(text.strip())
        if found is None:
            raise HoursError("date", text)
        first, last, hours = found.groups()
        named = list(_between(first, last or first, text))
        days |= dict.fromkeys(named, read_day(hours or ""))
    return days


def week_of(days: Sequence[str]) -> tuple[tuple[Span, ...], ...]:
    """Parse the seven days of a week, Monday first.

    Raises:
        HoursError: A day is malformed.
    """
    return tuple(read_day(each) for each in days)


def _between(first: str, last: str, text: str) -> Iterator[str]:
    yearly = bool(_YEARLY.fullmatch(first))
    if yearly is not bool(_YEARLY.fullmatch(last)):
        raise HoursError("range", text)
    begin, end = (_date(each, yearly=yearly) for each in (first, last))
    if yearly and (begin - end).days > _MIXED_UP:
        # Over New Year: it is another year's day, and every year has them both.
        yield from _between(first, "12-31", text)
        yield from _between("01-01", last, text)
        return
    if end < begin or (end - begin).days > _FAR:
        raise HoursError("range", text)
    for number in range((end - begin).days + 1):
        day = begin + timedelta(days=number)
        yield f"{day:%m-%d}" if yearly else day.isoformat()


def _date(text: str, *, yearly: bool) -> date:
    try:
        return date.fromisoformat(f"{_LEAP_YEAR}-{text}" if yearly else text)
    except ValueError:
        raise HoursError("date", text) from None


def _days(start: date, step: int) -> Iterator[date]:
    for number in range(_FAR):
        try:
            yield start + timedelta(days=number * step)
        except OverflowError:
            return


def _moment(day: date, minute: int) -> datetime:
    return datetime(day.year, day.month, day.day) + timedelta(minutes=minute)  # noqa: DTZ001 - wall time
