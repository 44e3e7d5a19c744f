"""Page counters whose every page is known: stories from September to November 2026 for a Prometheus."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from exporter.reports.pages import Who
from tests.support.history import Series, Value

ZONE: Final = ZoneInfo("Europe/Berlin")
HOUR, DAY = 3_600, 86_400


def at(text: str) -> int:
    """Return a local time in Unix seconds."""
    return int(datetime.fromisoformat(text).replace(tzinfo=ZONE).timestamp())


BEGIN, NOW = at("2026-08-30"), at("2026-11-05 12:00")
TIMES: Final = range(BEGIN + 30, NOW, 300)
"""Readings, none at a full hour: the last of a month comes 270 seconds before its end."""


def steadily(per_hour: int, start: int = 1_000) -> Value:
    """Count from `start` on at an even pace."""
    return lambda t: start + int(t - BEGIN) * per_hour // HOUR


def _between(value: Value, *spans: tuple[int, int]) -> Value:
    return lambda t: value(t) if any(begin <= t < end for begin, end in spans) else None


def _from(then: int, before: Value, after: Value) -> Value:
    return lambda t: before(t) if t < then else after(t)


def _lifted(value: Value, by: int) -> Value:
    return lambda t: (value(t) or 0) + by


def _pages(printer: str, serial: str, value: Value, location: str = "B1", **labels: str) -> Series:
    known = {"printer": printer, "location": location, "serial": serial, "unit": "impressions", **labels}
    return Series("printer_pages_total", {"job": "printcam", "instance": "a:1"} | known, value, TIMES)


def _anomalies(printer: str, *times: int) -> Series:
    labels = {"job": "printcam", "instance": "a:1", "printer": printer, "location": "B1"}
    return Series("printer_counter_anomalies_total", labels, lambda t: sum(t >= then for then in times), TIMES)


EVER = BEGIN, NOW
FELL_AT = at("2026-10-15 10:00")
SWAPPED_AT = at("2026-10-10 09:00")
RENAMED_AT = at("2026-10-12 12:00")
AWAY, BACK = at("2026-10-07"), at("2026-10-08")
MIGRATED_AT = at("2026-10-20")
LATE = at("2026-10-18")
SILENT, HEARD = at("2026-10-30 12:00"), at("2026-11-02 12:00")
FORGOTTEN, FOUND = at("2026-09-02"), at("2026-10-06")


def fleet() -> Iterator[Series]:
    """Yield the stories; the comments tell the pages of October, which has 745 hours."""
    ten = steadily(10)
    yield _pages("Plain", "SN-001", ten, department="finance")  # 7450
    yield _pages("Sheets", "SN-002", steadily(2), "B2", unit="sheets")  # 1490
    yield _pages("No serial", "", ten, "B2", department="finance")  # 7450
    yield _pages("Also none", "", steadily(4, 90_000), "B2")  # 2980
    # Silent over the end of October: what it printed meanwhile shows in November.
    yield _pages("Silent", "SN-003", _between(ten, (BEGIN, SILENT), (HEARD, NOW)))
    # Not read from the second of September to the sixth of October, which has all pages since.
    yield _pages("Forgotten", "SN-004", _between(ten, (BEGIN, FORGOTTEN), (FOUND, NOW)))
    # A new board, whose counter begins at 5; and one that was used before.
    yield _pages("Fell", "SN-005", _from(FELL_AT, ten, _between(_lifted(steadily(10, 5), -steps(FELL_AT)), EVER)))
    yield _pages("Jumped", "SN-006", _from(FELL_AT, ten, _lifted(ten, 700_000)))
    yield _anomalies("Jumped", FELL_AT)
    # Another engine behind the name, and the same engine behind two names, two locations, two exporters.
    yield _pages("Replaced", "SN-007", _between(ten, (BEGIN, SWAPPED_AT)))
    yield _pages("Replaced", "SN-008", _between(_lifted(ten, 812_000), (SWAPPED_AT, NOW)))
    yield _pages("Old name", "SN-009", _between(ten, (BEGIN, RENAMED_AT)))
    yield _pages("New name", "SN-009", _between(ten, (RENAMED_AT, NOW)))
    yield _pages("Swap 1", "SN-014", _between(ten, (BEGIN, SWAPPED_AT)))
    yield _pages("Swap 2", "SN-015", _between(steadily(20), (BEGIN, SWAPPED_AT)))
    yield _pages("Swap 2", "SN-014", _between(ten, (SWAPPED_AT, NOW)))
    yield _pages("Swap 1", "SN-015", _between(steadily(20), (SWAPPED_AT, NOW)))
    yield _pages("Moved", "SN-010", _between(ten, (BEGIN, AWAY), (BACK, NOW)), "B1")
    yield _pages("Moved", "SN-010", _between(ten, (AWAY, BACK)), "B3")
    yield _pages("Migrated", "SN-011", _between(ten, (BEGIN, MIGRATED_AT)))
    yield _pages("Migrated", "SN-011", _between(ten, (MIGRATED_AT, NOW)), instance="b:1")
    # Two printers with one serial number.
    yield _pages("Twin 1", "SN-012", ten)
    yield _pages("Twin 2", "SN-012", steadily(20, 500_000))
    yield _pages("Late", "SN-013", _between(ten, (LATE, NOW)))


MOVED_AT, EXPIRED_AT = at("2026-10-05 08:00"), at("2026-10-12 08:00")
LAST_HEARD, HEARD_AGAIN = at("2026-10-29 12:00"), at("2026-11-03 12:00")


def shown_on() -> Iterator[Series]:
    """Yield printers whose counter is shown on for a while after they were last heard."""
    ten = steadily(10)
    yield _pages("Heard", "SN-020", ten)
    yield _last_success("Heard", lambda t: t)
    # Silent over the end of October, with the counter of then.
    yield _pages("Asleep", "SN-021", lambda t: ten(LAST_HEARD if LAST_HEARD <= t < HEARD_AGAIN else t))
    yield _last_success("Asleep", lambda t: LAST_HEARD if LAST_HEARD <= t < HEARD_AGAIN else t)
    # It has another address and name now; the old one is listed until it shows nothing more.
    yield _pages("Old place", "SN-022", _between(lambda t: ten(min(t, MOVED_AT)), (BEGIN, EXPIRED_AT)))
    yield _pages("New place", "SN-022", _between(ten, (MOVED_AT, NOW)))
    # The same of one that prints little, and whose every reading is looked at.
    one, until = steadily(1), MOVED_AT + 3 * DAY
    yield _pages("Old corner", "SN-023", _between(lambda t: one(min(t, MOVED_AT)), (BEGIN, until)))
    yield _pages("New corner", "SN-023", _between(one, (MOVED_AT, NOW)))
    yield _anomalies("New corner", at("2026-10-20"))


def astray() -> Iterator[Series]:
    """Yield counters that went astray while nobody counted anomalies."""
    yield _pages("Jumped", "SN-030", _from(FELL_AT, steadily(10), _lifted(steadily(10), 700_000)))
    later = at("2026-11-01 00:01")
    # A board with a few pages gives way to one that is soon beyond them.
    first = at("2026-10-01")
    yield _pages("Anew", "SN-032", _from(first, lambda _: 100, lambda t: 5 + int(t - first) // 6))
    yield _pages("At the end", "SN-031", _from(later, steadily(10), _lifted(steadily(10), 700_000)))


def _last_success(printer: str, value: Value) -> Series:
    labels = {"job": "printcam", "instance": "a:1", "printer": printer, "location": "B1"}
    return Series("printer_last_success_timestamp_seconds", labels, value, TIMES)


def steps(t: int) -> int:
    """Return what a counter of ten an hour has counted until then."""
    return (t - BEGIN) * 10 // HOUR


def twice(series: Series, shift: int = 20) -> Sequence[Series]:
    """Return the series as two exporters have it, of which one lags behind by seconds."""
    value: Callable[[float], float | None] = series.value
    second = series.with_labels(instance="second:1")
    return series, Series(second.name, second.labels, lambda t: value(t - shift), series.times)


def who(name: str) -> Who:
    """Return where the pages of a printer count."""
    return Who(name, "B1")
