"""What panels show is what was put into the history: asked with the panels' own queries."""

import math
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from types import ModuleType

import pytest

from dashboards.source import cameras, exporter, office, pages, printer, supplies
from dashboards.source.grafana import Json
from tests.support import history
from tests.support.history import DAY, END
from tests.support.prometheus import Prometheus
from tests.support.questions import Question, questions, values_at_first

Numbers = dict[str, float]
Show = Callable[..., Numbers]
"""Takes a dashboard's module, a panel's title, a column or a legend, and a label; gives the numbers by that label."""

MONTH = 30 * DAY
UNITS = {labels["printer"]: labels["unit"] for name, labels, _ in history.page() if name == "printer_pages_total"}
LOCATIONS = {labels["printer"]: labels["location"] for name, labels, _ in history.page() if name == "printer_up"}
IMPRESSIONS = {name for name, unit in UNITS.items() if unit == "impressions"}


@pytest.fixture(scope="module")
def show(seeded: Prometheus) -> Show:
    """Return what a panel shows as its dashboard opens, but for the variables that are chosen by keyword."""
    opened: dict[str, tuple[Json, dict[str, str]]] = {}

    def shown(
        module: ModuleType, title: str, column: str = "", by: str = "", at: float = END, **chosen: str
    ) -> Numbers:
        if module.UID not in opened:
            made = module.dashboard()
            opened[module.UID] = made, values_at_first(made, seeded)
        made, values = opened[module.UID]
        found = seeded.query(_question(made, title, column).expression(values | chosen), at)
        numbers = {one["metric"].get(by, ""): float(one["value"][1]) for one in found}
        assert len(numbers) == len(found), f"not one number each by {by!r}: {found}"
        return numbers

    return shown


def _question(made: Json, title: str, column: str) -> Question:
    """Return what fills the column of a table, or what has this legend; with neither, the panel's only query."""
    panel = next(panel for panel in made["panels"] if panel["title"] == title)
    titles = {
        shown: field
        for step in panel["transformations"]
        for field, shown in step["options"].get("renameByName", {}).items()
    }
    legends = {target["legendFormat"]: target["refId"] for target in panel["targets"]}
    only = panel["targets"][0]["refId"] if len(panel["targets"]) == 1 else ""
    ref = only or titles.get(column, "").removeprefix("Value #") or legends[column]
    return next(one for one in questions(made) if (one.title, one.ref) == (title, ref))


def printed(name: str, seconds: float = MONTH) -> float:
    """Return what a printer printed in the time until the end."""
    return history.pages_after(name, END - seconds)


def total(names: Iterable[str]) -> float:
    """Return what these printers printed in the last thirty days."""
    return sum(printed(name) for name in names)


def about(expected: float) -> object:
    """Return what equals the number but for what `increase` guesses at the ends of its window."""
    return pytest.approx(expected, rel=0.01, abs=2)


def test_days_left_go_by_the_pace_of_two_weeks_over_a_refill(show: Show) -> None:
    labels = {"printer": "Accounting", "supply": "Black toner", "kind": "toner"}
    level = show(supplies, "Every supply", "Level", by="supply", printer="Accounting")["Black toner"]
    toner = history.cartridge(labels, level)
    assert toner.replaced(END) > toner.replaced(END - 14 * DAY), "this needs a refill"
    a_day = (toner.burnt(END) - toner.burnt(END - 14 * DAY)) / 14
    for module, title in ((supplies, "Every supply"), (printer, "Supplies: forecast")):
        left = show(module, title, "Days left", by="supply", printer="Accounting")
        assert left["Black toner"] == pytest.approx(level / a_day, rel=0.03)


def test_a_cartridge_is_as_old_as_its_replacement(show: Show) -> None:
    level = show(supplies, "Every supply", "Level", by="supply", printer="Accounting")["Black toner"]
    toner = history.cartridge({"printer": "Accounting", "supply": "Black toner", "kind": "toner"}, level)
    installed = show(printer, "Supplies: forecast", "Installed, ago", by="supply", printer="Accounting")
    assert installed["Black toner"] == pytest.approx(END - (toner.replaced_at(END) or 0), abs=1)


def test_each_month_has_the_pages_that_were_printed_in_it(show: Show) -> None:
    for unit in ("impressions", "sheets"):
        names = [name for name in UNITS if UNITS[name] == unit]
        expected = {month: sum(history.month_pages(name, month) or 0 for name in names) for month in history.MONTHS}
        assert len(expected) == 13
        assert show(pages, "Pages per calendar month", unit, by="month") == expected


def test_month_over_month_compares_the_two_last_whole_months(show: Show) -> None:
    august, july = (
        sum(history.month_pages(name, month) or 0 for name in IMPRESSIONS) for month in ("2026-08", "2026-07")
    )
    assert show(pages, "Last month: impressions", "pages") == {"": august}
    assert show(pages, "Last month: impressions", "change")[""] == pytest.approx(august / july - 1)
    by_printer = show(pages, "Month over month by $label", "Last month", by="group", label="printer")
    assert by_printer == {name: history.month_pages(name, "2026-08") for name in IMPRESSIONS}


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (datetime(2026, 9, 21, tzinfo=UTC), ["2026-09", "2026-08", "2026-07"]),
        (datetime(2027, 1, 31, 23, 59, tzinfo=UTC), ["2027-01", "2026-12", "2026-11"]),
        (datetime(2028, 2, 29, tzinfo=UTC), ["2028-02", "2028-01", "2027-12"]),
        (datetime(2026, 12, 1, tzinfo=UTC), ["2026-12", "2026-11", "2026-10"]),
    ],
)
def test_months_before_are_named_right_at_the_turn_of_a_year(
    day: datetime, expected: list[str], seeded: Prometheus
) -> None:
    named = [seeded.query(pages.a_month(back), day.timestamp())[0]["metric"]["month"] for back in range(3)]
    assert named == expected


def test_a_used_printer_behind_an_old_name_invents_no_pages(show: Show) -> None:
    assert END - MONTH < history.SWAPPED_AT < END
    shown = show(pages, "Printers, busiest first", "Pages", by="printer")
    assert shown["Training"] == about(printed("Training"))


def test_the_busiest_printers_come_with_their_pages(show: Show) -> None:
    shown = show(pages, "Printers, busiest first", "Pages", by="printer")
    assert shown == {name: about(printed(name)) for name in UNITS}
    assert sorted(shown, key=shown.__getitem__)[-1:-4:-1] == ["Marketing", "Accounting", "Engineering"]


def test_idle_is_what_answered_and_printed_nothing(show: Show) -> None:
    assert "Archive" in LOCATIONS, "this needs a printer that never answered"
    assert list(show(pages, "Idle printers", by="printer")) == ["Workshop"]


@pytest.mark.parametrize("unit", ["Impressions", "Sheets"])
def test_sheets_and_impressions_are_summed_apart(unit: str, show: Show) -> None:
    names = [name for name in UNITS if UNITS[name] == unit.lower()]
    places = {LOCATIONS[name] for name in names}
    assert show(pages, unit) == {"": about(total(names))}
    expected = {place: about(total(name for name in names if LOCATIONS[name] == place)) for place in places}
    assert show(pages, "By location", unit, by="location") == expected
    assert show(pages, "By $label", unit, by="group", label="location") == expected


def test_any_label_of_the_printers_can_be_chosen_to_group_by(show: Show) -> None:
    departments = show(pages, "By $label", "Impressions", by="group")
    assert departments["marketing"] == about(total(["Marketing", "Design"]))
    assert sum(departments.values()) == pytest.approx(total(IMPRESSIONS), rel=0.01)
    each = show(pages, "By $label", "Impressions", by="group", label="printer")
    assert each == {name: about(printed(name)) for name in IMPRESSIONS}
    assert show(pages, "By $label", "Impressions", by="group", label="nobody_has_it") == {"": about(total(IMPRESSIONS))}


def test_a_bar_is_the_day_that_it_stands_at(show: Show) -> None:
    title = "Impressions per day, by location"
    friday = datetime(2026, 9, 18, tzinfo=UTC).timestamp()
    names = [name for name in IMPRESSIONS if LOCATIONS[name] == "B2"]
    # A sample each half hour: `increase` makes a day of the 23.5 hours between the first and the last.
    a_day = sum(map(history.pages_a_day, names)) * 24 / 23.5
    assert show(pages, title, by="location", at=friday)["B2"] == about(a_day)
    assert show(pages, title, by="location", at=friday + DAY)["B2"] == 0
    today = datetime(2026, 9, 21, tzinfo=UTC).timestamp()
    so_far = sum(printed(name, END - today) for name in names)
    assert show(pages, title, by="location", at=today)["B2"] == about(so_far)


def test_three_in_ten_pages_are_in_colour(show: Show) -> None:
    assert show(pages, "Colour")[""] == pytest.approx(0.3, abs=0.001)


def test_what_is_wrong_is_wrong_since_it_began(show: Show) -> None:
    since = show(office, "Printers: what is wrong now", "For", by="printer")
    assert since["Meeting Room 1"] == END - history.JAMMED_SINCE
    assert since["Canteen"] == END - history.EMPTY_SINCE


def test_cameras_that_are_gone_are_told_with_how_long(show: Show) -> None:
    assert show(cameras, "Not there", "Status", by="camera") == {"Front door": 3, "Roof": 3}
    assert show(cameras, "Not there", "For", by="camera")["Front door"] == END - history.LOST_AT - DAY
    assert show(cameras, "Not there", "Seen ago", by="camera") == {"Front door": END - history.LOST_AT}
    assert show(cameras, "Cameras by status", "missing") == {"": 2}
    assert show(cameras, "Cameras by status", "active") == {"": 9}


def test_the_status_that_is_chosen_leaves_no_other_camera(show: Show) -> None:
    assert set(show(cameras, "All cameras", "Status", by="camera", status="missing")) == {"Front door", "Roof"}
    assert show(cameras, "Not there", "Status", by="camera", status="active") == {}


def test_a_changed_address_is_told_before_and_after(show: Show) -> None:
    title = "Address changes, latest first"
    ago = END - history.MOVED_AT
    assert show(cameras, title, "Changed ago", by="previous_address") == {history.MOVED_FROM: ago}
    assert show(cameras, title, "Changed ago", by="address") == {"127.44.0.2": ago}
    assert show(cameras, title, "Changes", by="mac") == {history.MOVED: 1}


def test_cameras_that_need_a_look_are_counted_and_named(show: Show) -> None:
    assert set(show(cameras, "Address conflicts", by="camera")) == {"Archive", "Corridor"}
    assert show(cameras, "In conflict") == {"": 2}
    assert show(cameras, "New") == {"": 1}
    newest = show(cameras, "Not listed, newest first", "Found ago", by="mac")
    assert min(newest, key=newest.__getitem__) == history.NEW
    assert newest[history.NEW] == END - history.FOUND_AT
    assert show(cameras, "Open to anybody", "Password", by="camera")["Server room"] == 0


def test_firmware_that_differs_within_a_model_comes_out(show: Show) -> None:
    assert show(cameras, "Firmware, models with several first", "Versions", by="model")["S4576L"] == 2


def test_restarts_of_cameras_are_counted_in_the_chosen_time(show: Show) -> None:
    since = END - 7 * DAY - history.START
    expected = {mac: (END - history.START) // pause - since // pause for mac, pause in history.RESTARTS.items()}
    assert show(cameras, "Restarts, most first", "Restarts", by="mac") == expected


def test_failing_printers_come_with_their_failures(show: Show) -> None:
    title, hours = "Slow and failing printers, most trouble first", 6 * 3_600
    failed = show(exporter, title, "Failed", by="printer")
    assert failed == {name: about(hours / history.FAILS_EVERY.get(name, math.inf)) for name in LOCATIONS}
    assert show(exporter, title, "Share", by="printer")["Archive"] == pytest.approx(1)
    assert show(exporter, title, "Faults", by="printer")[history.FAULTY] == about(hours / 3_600)
    assert show(exporter, "Unanswered") == {"": 1}
