"""Months and days as an office has them: calendar ones in its time zone. Pure: now is a parameter."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

ONE_DAY = timedelta(days=1)
_FIRST_YEAR, _LAST_YEAR = 1990, 2200


@dataclass(frozen=True, slots=True)
class Period:
    """From a moment on up to another one, which is not in it, in Unix seconds."""

    start: float
    end: float
    month: str = ""
    """The calendar month (`2026-10`) that this is, whole or so far; empty for any other time."""

    @property
    def seconds(self) -> int:
        """How long it is."""
        return math.ceil(self.end - self.start)


def first_of(month: str) -> date:
    """Return the first day of a month written as `2026-10`; raises ValueError."""
    match = re.fullmatch(r"([0-9]{4})-([0-9]{2})", month)
    if match is None or not 1 <= int(match[2]) <= 12:
        raise ValueError("expected a month such as 2026-10")
    return _usable(date(int(match[1]), int(match[2]), 1))


def day(text: str) -> date:
    """Return the day written as `2026-10-31`; raises ValueError."""
    try:
        return _usable(date.fromisoformat(text if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text) else ""))
    except ValueError:
        raise ValueError("expected a date such as 2026-10-31") from None


def _usable(found: date) -> date:
    if not _FIRST_YEAR <= found.year <= _LAST_YEAR:
        raise ValueError("expected a year of this age")
    return found


def next_month(first: date) -> date:
    """Return the first day of the month after that of a day."""
    return (first.replace(day=28) + timedelta(days=4)).replace(day=1)


def months_before(first: date, count: int) -> list[date]:
    """Return the first days of so many months before a month, in order."""
    numbers = range(first.year * 12 + first.month - 1 - count, first.year * 12 + first.month - 1)
    return [date(number // 12, number % 12 + 1, 1) for number in numbers]


def moment(start_of: date, zone: tzinfo) -> float:
    """Return when a day begins, in Unix seconds."""
    return datetime(start_of.year, start_of.month, start_of.day, tzinfo=zone).timestamp()


def periods(first: date, after: date, zone: tzinfo, now: float) -> Iterator[Period]:
    """Yield the time from one day up to another, which is not in it, cut at the months' ends and ending now."""
    while first < after and (start := moment(first, zone)) < now:
        ends = min(next_month(first), after)
        is_month = first.day == 1 and ends == next_month(first)
        yield Period(start, min(moment(ends, zone), now), f"{first:%Y-%m}" if is_month else "")
        first = ends
