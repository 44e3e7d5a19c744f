"""Pieces of reports that need no server: periods, counters, CSV."""

import csv
import io
from datetime import UTC, date, datetime
from typing import cast
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.reports.output import Report, as_csv, as_json, as_table
from exporter.reports.pages import Reading, Who, engine, found_by, is_shared, is_steady, steady, unsteady
from exporter.reports.periods import Period, day, months_before, next_month, periods
from exporter.reports.prometheus import Client, RefusedError, Series
from exporter.reports.readings import Counter, one_of

BERLIN = ZoneInfo("Europe/Berlin")
LATER = datetime(2030, 1, 1, tzinfo=UTC).timestamp()
HERE, THERE = Who("A", "B1"), Who("A", "B2")


@pytest.mark.parametrize(
    ("first", "zone", "hours"),
    [
        ("2026-03-01", "Europe/Berlin", 31 * 24 - 1),
        ("2026-10-01", "Europe/Berlin", 31 * 24 + 1),
        ("2026-10-01", "UTC", 31 * 24),
        ("2024-02-01", "Asia/Kolkata", 29 * 24),
        ("2026-10-01", "Australia/Lord_Howe", 31 * 24 - 0.5),
        ("2018-11-01", "America/Sao_Paulo", 30 * 24 - 1),  # its summer time began at midnight
    ],
)
def test_a_month_is_as_long_as_its_clock_says(first: str, zone: str, hours: float) -> None:
    begin = day(first)
    (month,) = periods(begin, next_month(begin), ZoneInfo(zone), LATER)
    assert (month.end - month.start) / 3_600 == hours
    assert month.month == first[:7]


def test_a_time_is_cut_at_the_ends_of_months_and_ends_now() -> None:
    now = datetime(2026, 11, 5, 12, tzinfo=BERLIN).timestamp()
    cut = list(periods(day("2026-09-20"), day("2027-01-01"), BERLIN, now))
    assert [each.month for each in cut] == ["", "2026-10", "2026-11"]
    assert [each.end for each in cut[:-1]] == [each.start for each in cut[1:]]
    assert cut[-1].end == now


@given(st.dates(date(1990, 1, 1), date(2200, 1, 1)), st.integers(1, 24))
def test_months_before_lead_up_to_a_month(first: date, count: int) -> None:
    before = months_before(first.replace(day=1), count)
    assert [next_month(each) for each in before] == [*before[1:], first.replace(day=1)]


@given(st.lists(st.integers(0, 10**9), min_size=2).map(sorted), st.integers(1, 3))
def test_a_counter_that_rises_gives_what_it_rose_by_however_often_it_is_read(counts: list[int], times: int) -> None:
    readings = [Reading(at * 10**9, pages, HERE, str(n)) for at, pages in enumerate(counts) for n in range(times)]
    shares, end = steady(counts[0], readings)
    assert shares == {HERE: counts[-1] - counts[0]}
    assert end == counts[-1]
    assert is_steady((0.0, counts[0]), readings)


def test_pages_count_for_who_shows_the_later_reading() -> None:
    readings = [Reading(1, 10, HERE), Reading(2, 15, THERE), Reading(3, 17, HERE)]
    assert steady(4, readings) == ({HERE: 8, THERE: 5}, 17)
    assert unsteady(Reading(0, 4, HERE), 0, readings) == ({HERE: 8, THERE: 5}, 17)


@pytest.mark.parametrize(
    ("counts", "printed"),
    [
        ([100, 110, 3, 5], 12),  # reset
        ([100, 110, 900_000, 900_004], 14),  # a board with a past
        ([100, 110, 3, 115, 120], 15 + 112),  # back within what can be printed meanwhile
        ([100, 50_000, 12, 50_000, 50_001], 1),
    ],
)
def test_a_fall_and_an_impossible_rise_are_no_pages(counts: list[int], printed: int) -> None:
    readings = [Reading(at * 60, pages, HERE) for at, pages in enumerate(counts)]
    assert unsteady(None, 0, readings)[0] == {HERE: printed}
    assert not is_steady(None, readings)


def test_readings_up_to_the_beginning_only_lead_there() -> None:
    readings = [Reading(0, 100, HERE), Reading(60, 150, HERE), Reading(120, 151, HERE)]
    assert unsteady(None, 60, readings) == ({HERE: 1}, 151)
    assert unsteady(None, 0, []) == ({}, None)


def test_one_exporter_is_followed_until_it_falls_silent() -> None:
    first = [Reading(at * 60, 100 + at, HERE, "one") for at in range(10)]
    second = [Reading(at * 60 + 1, 99 + at, HERE, "two") for at in range(30)]
    shares, end = unsteady(None, 0, [*first, *second])
    assert (sum(shares.values()), end) == (28, 128)


def test_a_name_that_shows_on_what_was_counted_last_adds_nothing() -> None:
    there = Who("B", "B2")
    old = [Reading(at * 60, 100, HERE, "one A") for at in range(30)]
    new = [Reading(at * 60, 100 + at, there, "one B") for at in range(60)]
    shares, end = unsteady(None, 0, [*old, *new])
    assert (sum(shares.values()), end) == (59, 159)


def test_serial_numbers_that_tell_nothing_apart_are_none() -> None:
    labels = {"printer": "A", "unit": "sheets"}
    assert engine(labels | {"serial": "X1"}).key == "X1"
    assert engine(labels | {"serial": "0000"}).key == engine(labels).key == "name:A"
    assert engine(labels | {"serial": "X1"}, frozenset({"X1"})) == ("name:A", "sheets")


def test_series_are_found_by_a_serial_number_else_by_the_printers_name() -> None:
    labels = {"printer": "A", "unit": "sheets"}
    assert found_by(engine(labels | {"serial": "X1"})) == ("serial", "X1")
    assert found_by(engine(labels)) == found_by(engine(labels | {"serial": "0000"})) == ("printer", "A")


def test_two_printers_with_one_serial_number_are_told_from_a_renamed_one() -> None:
    a, b = Who("A", ""), Who("B", "")
    both = [Reading(at, pages, who) for at in (1, 2) for who, pages in ((a, 10.0), (b, 5_000.0))]
    assert is_shared(both)
    assert not is_shared([Reading(1, 10, a), Reading(2, 3_000, a), Reading(2, 9_000, b), Reading(3, 9_000, b)])
    assert not is_shared([Reading(at, 10 + n, who) for at in (1, 2, 3) for n, who in enumerate((a, b))])


def test_matchers_hold_any_serial_number() -> None:
    assert one_of("serial", ["a.b|c", 'q"\\', "ä"]) == 'serial=~"a\\\\.b\\\\|c|q\\"\\\\\\\\|ä"'


class Store:
    """Answers with one counter that was first read within the period, and refuses questions of some windows."""

    def __init__(self, refused: str) -> None:
        self.refused = refused

    async def query_range(self, *_: object) -> list[Series]:
        return [Series({"printer": "A", "serial": "X1", "unit": "sheets"}, ((100_000.0, 17.0),))]

    async def query(self, expression: str, _: float) -> list[Series]:
        if self.refused in expression:
            raise RefusedError("too far back")
        return [Series({"printer": "A", "serial": "X1"}, ((100_000.0, 17.0),))] if "min_over" in expression else []


async def test_a_store_that_does_not_look_so_far_back_knows_no_earlier_reading() -> None:
    counter = Counter(cast("Client", Store(f"[{400 * 86_400}s]")))
    found = await counter.count(Period(50_000, 110_000))
    assert found.first_read == {"A"}
    with pytest.raises(RefusedError):
        await Counter(cast("Client", Store(f"[{8 * 86_400}s]"))).count(Period(50_000, 110_000))


HOSTILE = '=HYPERLINK("http://x")'
REPORT = Report(
    "Pages",
    {"printer": "Printer", "pages": "Pages", "change": ""},
    [
        {"printer": HOSTILE, "pages": 1_000, "change": -2.5},
        {"printer": 'a "b", c', "pages": 0, "change": None},
        {"printer": "[red]x[/]", "pages": None, "change": 1.0},
    ],
    {"time_zone": "+UTC"},
    ["a note"],
)


def test_no_cell_of_csv_is_a_formula_and_every_number_is_one() -> None:
    text = as_csv(REPORT)
    assert list(csv.reader(io.StringIO(text))) == [
        ["printer", "pages", "change", "time_zone"],
        [f"'{HOSTILE}", "1000", "-2.5", "'+UTC"],
        ['a "b", c', "0", "", "'+UTC"],
        ["[red]x[/]", "", "1.0", "'+UTC"],
    ]
    assert text.count("\r\n") == 4


def test_json_keeps_texts_as_they_are() -> None:
    assert HOSTILE.replace('"', '\\"') in as_json(REPORT)


def test_a_table_shows_texts_as_they_are_and_leaves_out_what_has_no_heading() -> None:
    columns = as_table(REPORT).columns
    assert [str(column.header) for column in columns] == ["Printer", "Pages"]
    assert [str(cell) for cell in columns[0].cells] == [HOSTILE, 'a "b", c', "[red]x[/]"]
    assert [str(cell) for cell in columns[1].cells] == ["1,000", "0", "-"]


def test_a_period_counts_its_seconds() -> None:
    assert Period(0.5, 3_600.25).seconds == 3_600
