"""Pages of months, against a Prometheus and a VictoriaMetrics of which every page is known."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from exporter.config import Prometheus as Settings
from exporter.reports.periods import Period, day, periods
from exporter.reports.printed import Months, pages_report
from exporter.reports.prometheus import Client
from exporter.reports.readings import Counted, Counter
from exporter.reports.remembered import Remembered
from exporter.reports.usage import usage_report
from tests.support import history, printed
from tests.support.printed import LATE, NOW, ZONE, at
from tests.support.prometheus import Prometheus, prometheus_with
from tests.support.victoria import VICTORIA_METRICS, fill, victoria_metrics


@pytest.fixture(scope="module", params=["prometheus", "two exporters", "victoria-metrics"])
def any_store(
    request: pytest.FixtureRequest, fleet: Prometheus, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prometheus]:
    """The fleet in each of several ways."""
    folder = tmp_path_factory.mktemp("store")
    if request.param == "prometheus":
        yield fleet
    elif request.param == "two exporters":
        with prometheus_with(folder, (each for one in printed.fleet() for each in printed.twice(one))) as server:
            yield server
    elif VICTORIA_METRICS is None:
        pytest.skip("victoria-metrics is not installed")
    else:
        with victoria_metrics(folder) as server:
            fill(server, folder, printed.fleet())
            yield server


def some(first: str, after: str) -> list[Period]:
    return list(periods(day(first), day(after), ZONE, NOW))


async def counted(server: Prometheus, *wanted: Period) -> list[Counted]:
    async with Client(Settings(url=server.url)) as client:
        counter = Counter(client)
        return [await counter.count(period) for period in wanted]


def by_printer(*several: Counted) -> dict[str, float]:
    found: dict[str, float] = {}
    for each in several:
        for (_, who), pages in each.pages.items():
            found[who.printer] = found.get(who.printer, 0) + pages
    return found


def hours(begin: int, end: int) -> float:
    """Return the hours between two moments, less what the readings lag behind at each end: nothing."""
    return (end - begin) / 3_600


BEGIN, END = at("2026-10-01"), at("2026-11-01")
OCTOBER = {
    "Plain": 10 * 745,  # summer time ends
    "Sheets": 2 * 745,
    "No serial": 10 * 745,
    "Also none": 4 * 745,
    "Silent": 10 * hours(BEGIN, printed.SILENT),
    "Forgotten": 10 * hours(printed.FORGOTTEN, END),
    # What is printed between the last reading before and the first after is not known: one page here.
    "Fell": 10 * 745 - 1,
    "Jumped": 10 * 745 - 1,
    "Replaced": 10 * 745 - 1,
    "Old name": 10 * hours(BEGIN, printed.RENAMED_AT),
    "New name": 10 * hours(printed.RENAMED_AT, END),
    "Swap 1": 10 * hours(BEGIN, printed.SWAPPED_AT) + 20 * hours(printed.SWAPPED_AT, END),
    "Swap 2": 20 * hours(BEGIN, printed.SWAPPED_AT) + 10 * hours(printed.SWAPPED_AT, END),
    "Moved": 10 * 745,
    "Migrated": 10 * 745,
    "Twin 1": 10 * 745,
    "Twin 2": 20 * 745,
    "Late": 10 * hours(LATE, END) - 1,
}
NOVEMBER = {
    "Silent": 10 * hours(printed.SILENT, NOW),
    "Plain": 10 * hours(END, NOW),
    "Fell": 10 * hours(END, NOW),
}


async def test_every_page_of_a_month_is_counted_once(any_store: Prometheus) -> None:
    october, november = await counted(any_store, *some("2026-10-01", "2026-12-01"))
    assert by_printer(october) == OCTOBER
    found = by_printer(november)
    assert {name: found[name] for name in NOVEMBER} == NOVEMBER
    assert "Old name" not in found


async def test_what_is_not_in_a_month_is_known(fleet: Prometheus) -> None:
    september, october, november = await counted(fleet, *some("2026-09-01", "2026-12-01"))
    assert [set(each.first_read) for each in (september, october, november)] == [set(), {"Late"}, set()]
    assert [set(each.unread_at_end) for each in (september, october)] == [{"Forgotten"}, {"Silent"}]
    assert [set(each.long_unread) for each in (september, october, november)] == [set(), {"Forgotten"}, {"Silent"}]
    (alone,) = await counted(fleet, *some("2026-10-01", "2026-11-01"))
    assert (alone.long_unread, alone.pages) == (october.long_unread, october.pages)


async def test_months_together_are_what_their_days_are(any_store: Prometheus) -> None:
    whole = by_printer(*await counted(any_store, *some("2026-09-01", "2026-12-01")))
    weeks = [*some("2026-09-01", "2026-09-14"), *some("2026-09-14", "2026-10-12"), *some("2026-10-12", "2026-12-01")]
    assert by_printer(*await counted(any_store, *weeks)) == whole
    alone = [await counted(any_store, period) for period in weeks]
    assert by_printer(*(each for one in alone for each in one)) == whole


@pytest.fixture(scope="module")
def shown_on(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Printers whose counter is shown on for a while after they were last heard."""
    with prometheus_with(tmp_path_factory.mktemp("shown-on"), printed.shown_on()) as server:
        yield server


async def test_a_printer_is_unread_when_it_is_silent_though_its_counter_is_shown_on(shown_on: Prometheus) -> None:
    october, november = await counted(shown_on, *some("2026-10-01", "2026-12-01"))
    assert (set(october.long_unread), set(october.unread_at_end)) == (set(), {"Asleep", "Old place"})
    assert (set(november.long_unread), set(november.unread_at_end)) == ({"Asleep"}, set())


async def test_an_engine_that_two_names_show_at_a_time_counts_each_page_once(shown_on: Prometheus) -> None:
    months = await counted(shown_on, *some("2026-09-01", "2026-12-01"))
    pages = by_printer(*months)
    assert pages["Old place"] + pages["New place"] == pytest.approx(10 * hours(at("2026-09-01"), NOW), abs=1)
    assert pages["Old corner"] + pages["New corner"] == pytest.approx(hours(at("2026-09-01"), NOW), abs=1)


async def test_a_board_that_nobody_noticed_counts_as_no_pages(tmp_path: Path) -> None:
    with prometheus_with(tmp_path, printed.astray()) as server:
        months = await counted(server, *some("2026-10-01", "2026-12-01"))
    ten = 10 * hours(BEGIN, NOW)
    # The first reading comes 30 seconds after the beginning, the last one 270 before the end.
    anew = 600 * hours(BEGIN, NOW) - 50
    assert by_printer(*months) == pytest.approx({"Jumped": ten, "At the end": ten, "Anew": anew}, abs=1)


async def test_pages_count_where_the_printer_stands_when_they_show(fleet: Prometheus) -> None:
    async with Client(Settings(url=fleet.url)) as client:
        report = await pages_report(client, {}, day("2026-10-01"), day("2026-11-01"), by="location", zone=ZONE, now=NOW)
    of_b3 = 10 * hours(printed.AWAY, printed.BACK)
    of_b1 = sum(OCTOBER[name] for name in OCTOBER.keys() - {"Sheets", "No serial", "Also none"}) - of_b3
    assert [(row["location"], row["unit"], row["pages"]) for row in report.rows] == [
        ("B1", "impressions", of_b1),
        ("B2", "impressions", 14 * 745),
        ("B2", "sheets", 2 * 745),
        ("B3", "impressions", of_b3),
    ]
    assert report.facts == {
        "from": "2026-10-01T00:00:00+02:00",
        "to": "2026-11-01T00:00:00+01:00",
        "time_zone": "Europe/Berlin",
    }


async def test_a_label_of_the_administrator_groups(fleet: Prometheus) -> None:
    async with Client(Settings(url=fleet.url)) as client:
        report = await pages_report(
            client, {}, day("2026-10-01"), day("2026-11-01"), by="department", zone=ZONE, now=NOW
        )
    assert {(row["department"], row["unit"]): row["pages"] for row in report.rows}["finance", "impressions"] == 14_900
    assert sum(row["pages"] for row in report.rows) == sum(OCTOBER.values())


def kept(key: str, name: str, unit: str = "impressions", **months: int) -> Months:
    """Return what the state knows of one engine; months as `m2026_10`."""
    told = {month[1:].replace("_", "-"): pages for month, pages in months.items()}
    return {key: Remembered(printed.who(name), unit, told)}


async def reported(server: Prometheus, months: Months, first: str, after: str) -> dict[str, tuple[int, int]]:
    """Return pages, and those of them from the state, by printer."""
    async with Client(Settings(url=server.url)) as client:
        report = await pages_report(client, months, day(first), day(after), by="printer", zone=ZONE, now=NOW)
    found: dict[str, tuple[int, int]] = {}
    for row in report.rows:
        pages, from_state = found.get(row["printer"], (0, 0))
        found[row["printer"]] = pages + row["pages"], from_state + row["from_state"]
    return found


@pytest.mark.parametrize(
    ("months", "name", "expected"),
    [
        # Prometheus has the month from before its beginning on: the state is not asked.
        (kept("SN-001", "Plain", m2026_10=99_999), "Plain", (7450, 0)),
        # It knows the end of the month only.
        (kept("SN-013", "Late", m2026_10=5_000), "Late", (5_000, 5_000 - 3369)),
        (kept("SN-013", "Late", m2026_10=3_000), "Late", (3369, 0)),
        # It knows the engine under another name, or the name with another engine.
        (kept("SN-009", "New name", m2026_10=9_000), "New name", (4690, 0)),
        (kept("SN-099", "Plain", m2026_10=9_000), "Plain", (7450, 0)),
        (kept("SN-013", "Late", "sheets", m2026_10=5_000), "Late", (3369 + 5_000, 5_000)),
        (kept("SN-013", "Late", "unknown", m2026_10=5_000), "Late", (5_000, 5_000 - 3369)),
        (kept("SN-012", "Twin 1", m2026_10=9_000), "Twin 1", (7450, 0)),
        # The engine that stood there before is another one, and so are its pages.
        (
            {**kept("SN-099", "Late", m2026_10=500), **kept("SN-013", "Late", m2026_10=5_000)},
            "Late",
            (5_500, 5_500 - 3369),
        ),
        # It knows nothing of it.
        (kept("SN-100", "Gone", m2026_10=123), "Gone", (123, 123)),
    ],
)
async def test_the_state_fills_in_what_prometheus_lacks(
    fleet: Prometheus, months: Months, name: str, expected: tuple[int, int]
) -> None:
    found = await reported(fleet, months, "2026-10-01", "2026-11-01")
    assert found[name] == expected
    others = {each: (pages, 0) for each, pages in OCTOBER.items() if each != name}
    assert {each: found[each] for each in others} == others


async def test_months_before_prometheus_began_come_from_the_state(fleet: Prometheus) -> None:
    months = kept("SN-001", "Plain", m2026_06=600, m2026_07=700, m2026_09=99_999)
    found = await reported(fleet, months, "2026-06-01", "2026-10-01")
    # In August it knows two days, less the page before the first reading.
    assert found["Plain"] == (600 + 700 + 10 * 24 * 2 - 1 + 10 * 24 * 30, 1_300)


async def test_usage_tells_six_whole_months_and_this_one(fleet: Prometheus) -> None:
    months = {
        **kept("SN-000", "Plain", m2025_12=30),  # it stood there before
        **kept("SN-001", "Plain", m2025_12=12, m2026_05=500, m2026_06=600, m2026_07=700, m2026_08=8_000),
    }
    async with Client(Settings(url=fleet.url)) as client:
        report = await usage_report(client, months, "Plain", zone=ZONE, now=NOW)
    assert report.facts == {"printer": "Plain", "unit": "impressions", "time_zone": "Europe/Berlin"}
    history = {
        "2025-12": 42,
        "2026-05": 500,
        "2026-06": 600,
        "2026-07": 700,
        "2026-08": 8_000,
        "2026-09": 7_200,
        "2026-10": 7_450,
        "2026-11": 10 * hours(END, NOW),
    }
    assert report.more == {
        "last_6_months": [
            {"month": f"2026-{month:02}", "pages": history[f"2026-{month:02}"]} for month in range(5, 11)
        ],
        "avg_last_6": round((500 + 600 + 700 + 8_000 + 7_200 + 7_450) / 6, 1),
        "last_month": 7_450,
        "month_change_pct": 3.5,
        "this_month": history["2026-11"],
        "pages_history": history,
    }
    assert report.notes == []


@pytest.mark.parametrize(
    ("name", "months", "note"),
    [
        ("New name", [10 * 24 * 30, 7450], "With the pages that it printed under earlier names: Old name"),
        ("Replaced", [10 * 24 * 30, 7449], None),
        ("Swap 1", [10 * 24 * 30, OCTOBER["Swap 1"]], None),
        ("No serial", [10 * 24 * 30, 7450], None),
        ("Sheets", [2 * 24 * 30, 1490], None),
        ("Moved", [10 * 24 * 30, 7450], None),
        ("Twin 2", [20 * 24 * 30, 20 * 745], None),
    ],
)
async def test_usage_follows_a_printer_through_its_changes(
    any_store: Prometheus, name: str, months: list[float], note: str | None
) -> None:
    async with Client(Settings(url=any_store.url)) as client:
        report = await usage_report(client, {}, name, zone=ZONE, now=NOW)
    assert [row["pages"] for row in report.rows][-3:-1] == months
    in_part = "First read within the month, which average and change leave out: 2026-08"
    assert report.notes == [*([note] if note else []), in_part]
    assert report.more["avg_last_6"] == round(sum(months) / 2, 1)


@pytest.fixture(scope="module", params=["seeded", "doubled"])
def office(request: pytest.FixtureRequest) -> Prometheus:
    """Forty days of the office, scraped by one exporter or by two."""
    server: Prometheus = request.getfixturevalue(request.param)
    return server


async def test_the_pages_of_the_office_are_those_that_it_printed(office: Prometheus) -> None:
    begins = datetime(2026, 9, 1, tzinfo=UTC).timestamp()
    async with Client(Settings(url=office.url)) as client:
        first, after = day("2026-09-01"), day("2026-10-01")
        report = await pages_report(client, {}, first, after, by="printer", zone=UTC, now=history.END)
    days = history.office_days(history.END) - history.office_days(begins)
    assert len(report.rows) == 15
    # Between the last reading of the printer before and the first of the one now lies half an hour.
    unknown = {"Training": 120 / 20}
    assert {row["printer"]: row["pages"] for row in report.rows} == {
        name: pytest.approx(history.pages_a_day(name) * days - unknown.get(name, 0), abs=1)
        for name in (row["printer"] for row in report.rows)
    }
    assert report.title == "Pages from 2026-09-01 to 2026-09-21, so far; days of UTC"
