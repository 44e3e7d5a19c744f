"""When silence is expected: nights, weekends and dates, with a grace that the first answer ends."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.config import DayWindow, ExpectedOff
from exporter.printers.schedule import in_window, is_excused

BERLIN = ZoneInfo("Europe/Berlin")
HOUR = 3600.0
NIGHTS = ExpectedOff(nights=DayWindow(start=time(19), end=time(7)))
LUNCH = ExpectedOff(nights=DayWindow(start=time(12), end=time(13, 30)), grace=HOUR)
WEEKENDS = ExpectedOff(weekends=True)
CHRISTMAS = ExpectedOff(dates=(date(2026, 12, 24), date(2026, 12, 25)))
OFFICE = ExpectedOff(nights=DayWindow(start=time(19), end=time(7)), weekends=True)


def at(text: str) -> datetime:
    """Return a moment of Berlin's clocks, such as `2026-10-05 07:00` (a Monday)."""
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


@pytest.mark.parametrize(
    ("expected", "moment", "inside"),
    [
        (NIGHTS, "2026-10-05 18:59:59.999999", False),
        (NIGHTS, "2026-10-05 19:00", True),
        (NIGHTS, "2026-10-05 23:59:59.999999", True),
        (NIGHTS, "2026-10-06 00:00", True),
        (NIGHTS, "2026-10-06 06:59:59.999999", True),
        (NIGHTS, "2026-10-06 07:00", False),
        (NIGHTS, "2026-10-06 12:00", False),
        (LUNCH, "2026-10-05 11:59:59", False),
        (LUNCH, "2026-10-05 12:00", True),
        (LUNCH, "2026-10-05 13:29:59", True),
        (LUNCH, "2026-10-05 13:30", False),
        (LUNCH, "2026-10-05 23:00", False),
        (WEEKENDS, "2026-10-02 23:59:59", False),  # Friday
        (WEEKENDS, "2026-10-03 00:00", True),
        (WEEKENDS, "2026-10-04 23:59:59", True),
        (WEEKENDS, "2026-10-05 00:00", False),  # Monday
        (CHRISTMAS, "2026-12-23 23:59:59", False),
        (CHRISTMAS, "2026-12-24 00:00", True),
        (CHRISTMAS, "2026-12-25 23:59:59", True),
        (CHRISTMAS, "2026-12-26 00:00", False),
        (CHRISTMAS, "2027-12-24 12:00", False),
        (OFFICE, "2026-10-03 12:00", True),
        (OFFICE, "2026-10-05 03:00", True),
        (OFFICE, "2026-10-05 07:00", False),
    ],
)
def test_a_window_is_a_night_a_weekend_or_a_named_day(expected: ExpectedOff, moment: str, inside: bool) -> None:
    assert in_window(expected, at(moment)) is inside


@pytest.mark.parametrize(
    ("expected", "moment", "last_success", "excused"),
    [
        (NIGHTS, "2026-10-05 21:00", "2026-10-05 20:59", True),  # in the window, whatever it did
        (NIGHTS, "2026-10-05 18:00", None, False),  # not yet
        (NIGHTS, "2026-10-05 18:00", "2026-10-04 18:00", False),
        (NIGHTS, "2026-10-06 07:00", "2026-10-05 19:00", True),  # the grace of two hours begins
        (NIGHTS, "2026-10-06 08:59:59", "2026-10-05 19:00", True),
        (NIGHTS, "2026-10-06 08:59:59", None, True),
        (NIGHTS, "2026-10-06 09:00", "2026-10-05 19:00", False),
        (NIGHTS, "2026-10-06 08:00", "2026-10-06 07:00", False),  # the first answer ends it
        (NIGHTS, "2026-10-06 08:00", "2026-10-06 07:30", False),
        (NIGHTS, "2026-10-06 08:00", "2026-10-06 06:59:59", True),  # an answer in the window does not
        (LUNCH, "2026-10-05 14:29", "2026-10-05 11:00", True),
        (LUNCH, "2026-10-05 14:30", "2026-10-05 11:00", False),
        (WEEKENDS, "2026-10-05 01:59", "2026-10-02 18:00", True),
        (WEEKENDS, "2026-10-05 02:00", "2026-10-02 18:00", False),
        (OFFICE, "2026-10-05 08:30", "2026-10-02 18:00", True),  # the night ends later than the weekend
        (OFFICE, "2026-10-05 09:00", "2026-10-02 18:00", False),
        (CHRISTMAS, "2026-12-26 01:00", "2026-12-23 18:00", True),
        (CHRISTMAS, "2026-12-25 01:00", "2026-12-24 18:00", True),
    ],
)
def test_silence_is_excused_in_a_window_and_after_it_until_an_answer_or_the_end_of_grace(
    expected: ExpectedOff, moment: str, last_success: str | None, excused: bool
) -> None:
    answered = at(last_success).timestamp() if last_success else None
    assert is_excused(expected, at(moment), answered) is excused


def test_the_grace_of_an_evening_reaches_into_the_next_day() -> None:
    expected = ExpectedOff(nights=DayWindow(start=time(19), end=time(23, 30)))
    assert is_excused(expected, at("2026-10-06 01:29"), None) is True
    assert is_excused(expected, at("2026-10-06 01:30"), None) is False


def test_no_grace_is_none() -> None:
    expected = ExpectedOff(nights=DayWindow(start=time(19), end=time(7)), grace=0)
    assert is_excused(expected, at("2026-10-06 06:59:59"), None) is True
    assert is_excused(expected, at("2026-10-06 07:00"), None) is False


def test_a_grace_of_a_day_reaches_over_midnight() -> None:
    expected = ExpectedOff(weekends=True, grace=24 * HOUR)
    assert is_excused(expected, at("2026-10-05 23:59"), at("2026-10-02 12:00").timestamp()) is True
    assert is_excused(expected, at("2026-10-06 00:00"), at("2026-10-02 12:00").timestamp()) is False


def utc(text: str) -> datetime:
    """Return a moment of UTC in Berlin's time."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).astimezone(BERLIN)


@pytest.mark.parametrize(
    ("moment", "last_success", "excused"),
    [
        # 29 March 2026: 02:00 becomes 03:00, so 07:00 is 05:00 UTC.
        ("2026-03-29 00:59", None, True),
        ("2026-03-29 01:01", None, True),
        ("2026-03-29 04:59", None, True),
        ("2026-03-29 06:59", "2026-03-28 17:00", True),
        ("2026-03-29 06:30", "2026-03-29 05:01", False),
        ("2026-03-29 07:00", "2026-03-28 17:00", False),
        # 25 October 2026: 03:00 becomes 02:00, so 07:00 is 06:00 UTC.
        ("2026-10-25 00:30", None, True),
        ("2026-10-25 01:30", None, True),
        ("2026-10-25 05:59", None, True),
        ("2026-10-25 07:59", "2026-10-24 16:00", True),
        ("2026-10-25 07:30", "2026-10-25 06:01", False),
        ("2026-10-25 07:30", "2026-10-25 05:59", True),
        ("2026-10-25 08:00", "2026-10-24 16:00", False),
    ],
)
def test_nights_follow_the_clock_on_the_wall_when_it_is_changed(
    moment: str, last_success: str | None, excused: bool
) -> None:
    answered = utc(last_success).timestamp() if last_success else None
    assert is_excused(NIGHTS, utc(moment), answered) is excused


@pytest.mark.parametrize(
    ("end", "moment", "excused"),
    [
        # A night that ends an hour before the change: two hours of grace are two hours.
        (time(1), "2026-03-29 01:59", True),
        (time(1), "2026-03-29 02:00", False),
        (time(1), "2026-10-25 00:59", True),
        (time(1), "2026-10-25 01:00", False),
        # One that ends in the hour that spring leaves out ends with the hour.
        (time(2, 30), "2026-03-29 00:59", True),
        (time(2, 30), "2026-03-29 01:00", True),
        (time(2, 30), "2026-03-29 01:45", True),
        (time(2, 30), "2026-03-29 03:30", False),
    ],
)
def test_grace_is_real_time_when_the_clocks_are_changed(end: time, moment: str, excused: bool) -> None:
    expected = ExpectedOff(nights=DayWindow(start=time(19), end=end))
    assert is_excused(expected, utc(moment), None) is excused


CLOCKS = st.builds(time, st.integers(0, 23), st.integers(0, 59))
NIGHT = st.tuples(CLOCKS, CLOCKS).filter(lambda pair: pair[0] != pair[1])
WINDOWS = st.builds(
    ExpectedOff,
    nights=NIGHT.map(lambda pair: DayWindow(start=pair[0], end=pair[1])),
    weekends=st.booleans(),
    dates=st.lists(st.dates(date(2026, 3, 25), date(2026, 4, 2)), max_size=3).map(tuple),
    grace=st.floats(0, 86_400),
)
MOMENTS = st.datetimes(datetime(2026, 3, 25), datetime(2026, 4, 2), timezones=st.just(UTC)).map(  # noqa: DTZ001
    lambda moment: moment.astimezone(BERLIN)
)


@settings(deadline=None)
@given(WINDOWS, MOMENTS, st.one_of(st.none(), st.floats(-1e5, 1e5)))
def test_silence_in_a_window_is_always_excused(expected: ExpectedOff, moment: datetime, ago: float | None) -> None:
    last_success = None if ago is None else moment.timestamp() - ago
    assert is_excused(expected, moment, last_success) or not in_window(expected, moment)


@settings(deadline=None)
@given(WINDOWS, MOMENTS)
def test_a_printer_that_answered_just_now_outside_every_window_has_no_excuse(
    expected: ExpectedOff, moment: datetime
) -> None:
    assert is_excused(expected, moment, moment.timestamp()) is in_window(expected, moment)


@settings(deadline=None)
@given(WINDOWS, MOMENTS)
def test_nothing_is_excused_longer_than_the_grace_after_a_window(expected: ExpectedOff, moment: datetime) -> None:
    minutes = range(int(expected.grace // 60) + 2 + 60)  # an hour more, for a night that ends while clocks change
    utc_moment = moment.astimezone(UTC)
    was_inside = any(in_window(expected, (utc_moment - timedelta(minutes=m)).astimezone(BERLIN)) for m in minutes)
    assert was_inside or not is_excused(expected, moment, None)
