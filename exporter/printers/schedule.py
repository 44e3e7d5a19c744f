"""When a printer is expected to be off. Pure: the moment is a parameter."""

from datetime import datetime, timedelta

from exporter.config import ExpectedOff

_SATURDAY = 5


def in_window(expected: ExpectedOff, moment: datetime) -> bool:
    """Tell whether the moment, in the configured time zone, lies in a night, a weekend or a named day."""
    return (
        (expected.weekends and moment.weekday() >= _SATURDAY)
        or moment.date() in expected.dates
        or _in_night(expected, moment)
    )


def is_excused(expected: ExpectedOff, moment: datetime, last_success: float | None) -> bool:
    """Tell whether silence is expected: in a window, and after it until the first answer or the end of grace.

    `last_success` is when the printer last answered, in Unix seconds.
    """
    if in_window(expected, moment):
        return True
    ended = _window_end(expected, moment)
    return ended is not None and (last_success is None or last_success < ended.timestamp())


def _in_night(expected: ExpectedOff, moment: datetime) -> bool:
    nights = expected.nights
    if nights is None:
        return False
    now = moment.time()
    if nights.start < nights.end:
        return nights.start <= now < nights.end
    return now >= nights.start or now < nights.end


def _window_end(expected: ExpectedOff, moment: datetime) -> datetime | None:
    """Return when the window that ended within the last `grace` seconds did; None when none has."""
    earliest = moment.timestamp() - expected.grace  # not by the clock on the wall, which may have been changed since
    ends = (end for end in _edges(expected, moment) if end <= moment and end.timestamp() > earliest)
    return max(ends, default=None)


def _edges(expected: ExpectedOff, moment: datetime) -> list[datetime]:
    """List the moments, grace back from now, at which a window can have ended: midnights and the ends of nights.

    A midnight inside a longer window is among them, before that window's own end.
    """
    ends = []
    for days_ago in range(int(expected.grace // 86400) + 2):
        midnight = (moment - timedelta(days=days_ago)).replace(hour=0, minute=0, second=0, microsecond=0)
        ends.append(midnight)
        if expected.nights:
            end = expected.nights.end
            ends.append(midnight.replace(hour=end.hour, minute=end.minute))
    just_before = timedelta(microseconds=1)
    return [end for end in ends if in_window(expected, end - just_before)]
