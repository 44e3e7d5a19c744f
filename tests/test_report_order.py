"""What to buy, against the dashboard's numbers on a Prometheus with forty days of the office."""

from collections import Counter
from collections.abc import Iterator
from zoneinfo import ZoneInfo

import pytest

from dashboards.source import supplies, supply
from exporter.config import Prometheus as Settings
from exporter.reports.order import NO_RULES, order_report
from exporter.reports.output import Report
from exporter.reports.printed import ReportError
from exporter.reports.prometheus import Client
from tests.support import history
from tests.support.history import END
from tests.support.prometheus import LOOK_BACK, Prometheus, prometheus_with
from tests.support.questions import questions, values_at_first

ZONE = ZoneInfo("Europe/Berlin")


async def ordered(server: Prometheus, days: int = 14) -> Report:
    async with Client(Settings(url=server.url)) as client:
        return await order_report(client, days, zone=ZONE, now=END)


@pytest.fixture(scope="module", params=["seeded", "doubled"])
def office(request: pytest.FixtureRequest) -> Prometheus:
    """Forty days of the office, scraped by one exporter or by two."""
    server: Prometheus = request.getfixturevalue(request.param)
    return server


@pytest.fixture(scope="module")
def without_rules(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """The supplies of the office without what is recorded of them."""
    series = (series for series in history.office() if series.name.startswith("printer_supply"))
    with prometheus_with(tmp_path_factory.mktemp("without-rules"), series, LOOK_BACK) as server:
        yield server


@pytest.mark.parametrize("days", [7, 14, 30])
async def test_what_to_order_is_what_the_dashboard_says(office: Prometheus, days: int) -> None:
    report = await ordered(office, days)
    made = supplies.dashboard()
    values = values_at_first(made, office) | {"days": str(days)}
    title = next(panel["title"] for panel in made["panels"] if panel["title"].startswith("To order"))
    pieces, hints = (
        {
            (one["metric"]["location"], one["metric"]["order"], one["metric"]["supply"]): int(one["value"][1])
            for one in office.query(question.expression(values))
        }
        for question in questions(made)
        if question.title == title
    )
    key = ("location", "order", "supply")
    assert Counter(tuple(row[each] for each in key) for row in report.rows) == pieces
    hinted = Counter(
        tuple(row[each] for each in key) for row in report.rows if row["status"] == "ok" and row["forecast"] == "hint"
    )
    assert hinted == Counter({each: count for each, count in hints.items() if count})
    assert report.notes == []


async def test_levels_and_days_are_those_of_the_dashboard(office: Prometheus) -> None:
    report = await ordered(office)
    levels, days = (
        {(one["metric"]["printer"], one["metric"]["supply"]): float(one["value"][1]) for one in office.query(query)}
        for query in (supply.level(""), supply.days(""))
    )
    assert report.rows
    for row in report.rows:
        key = row["printer"], row["supply"]
        assert row["level_percent"] == (round(100 * levels[key], 1) if key in levels else None)
        assert row["days_left"] == (round(days[key], 1) if key in days else None)
    toner = next(row for row in report.rows if (row["printer"], row["supply"]) == ("Accounting", "Black toner"))
    assert toner["empty_on"] == "2026-09-29"
    assert toner["forecast"] == "trusted"


async def test_each_location_begins_with_what_is_most_urgent(office: Prometheus) -> None:
    rows = (await ordered(office, 30)).rows
    severity = {"error": 0, "warning": 1, "ok": 2, None: 3}
    urgencies = [(row["location"], severity[row["status"]]) for row in rows]
    assert len(set(urgencies)) == 3
    assert urgencies == sorted(urgencies)


async def test_missing_rules_are_told_and_what_is_low_is_listed(seeded: Prometheus, without_rules: Prometheus) -> None:
    report = await ordered(without_rules)
    assert report.notes == [NO_RULES]
    low = {(row["printer"], row["supply"]) for row in (await ordered(seeded)).rows if row["status"] != "ok"}
    assert {(row["printer"], row["supply"]) for row in report.rows} == low
    assert {row["forecast"] for row in report.rows} == {None}


async def test_a_prometheus_without_printers_is_told(fleet: Prometheus) -> None:
    with pytest.raises(ReportError, match="knows no supplies of printers now: does it scrape the exporter"):
        await ordered(fleet)
