"""What is chosen for the page of all devices, in which order and in which words."""

from dataclasses import replace

import pytest

from exporter.cameras import model as cameras
from exporter.cameras.model import AddressChange, Device
from exporter.config import ExpectedOff, Origin
from exporter.printers.model import Alert, Failure, Level, Poll
from exporter.printers.record import Since
from exporter.printers.status import STATUSES, Severity
from exporter.web import overview, wording
from exporter.web.forecasts import Forecast, Left
from exporter.web.overview import ATTENTION, PAGE_SIZE, Filter, Overview, filter_of
from exporter.web.rows import camera_row, printer_row
from tests.support.fleets import NOW, many, picture, printer, seen, snapshot, toner

NONE = Forecast()
MACS = [f"02:00:5e:10:00:{n:02x}" for n in range(9)]


def names(page: Overview) -> list[str]:
    printers = [row.name for group in page.printers for row in group.rows]
    return [*printers, *(row.name for group in page.cameras for row in group.rows)]


# ---- what a URL asks for


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ({}, Filter()),
        ({"q": "  hp  ", "status": "error", "location": "B1"}, Filter("hp", "error", "B1")),
        ({"page": "3", "refresh": "0"}, Filter(page=3, refresh=0)),
        ({"page": "-1", "refresh": "soon"}, Filter()),
        ({"page": "0", "refresh": "99999"}, Filter(page=1, refresh=3600)),
        ({"page": "٣", "refresh": "1" * 5000}, Filter()),
        ({"q": "x" * 9999}, Filter(q="x" * 500)),
        ({"unknown": "1"}, Filter()),
    ],
)
def test_a_query_is_read_as_far_as_it_makes_sense(query: dict[str, str], wanted: Filter) -> None:
    assert filter_of(query) == wanted


def test_a_link_keeps_what_was_chosen_and_leaves_out_what_is_usual() -> None:
    assert Filter().url() == "?"
    assert Filter("a b&c", location="B/1").url(status="error") == "?q=a+b%26c&status=error&location=B%2F1"
    assert Filter(status="error", page=4).url(status="ok", page=1) == "?status=ok"
    assert Filter().url(refresh=0) == "?refresh=0"


# ---- what is shown


def test_devices_stand_by_location_the_worst_first_and_those_without_a_location_last() -> None:
    found = [
        printer("b", location="Unassigned", status="error"),
        printer("d", location="west"),
        printer("C", location="East", status="unknown"),
        printer("a", location="East"),
        printer("B", location="East"),
        printer("z", location="East", status="error"),
        printer("y", location="East", status="offline"),
        printer("x", location="East", status="warning"),
    ]
    page = overview.overview(picture(found), Filter(), NONE)
    assert [group.location for group in page.printers] == ["East", "west", "Unassigned"]
    assert names(page) == ["z", "x", "y", "C", "a", "B", "d", "b"]
    assert page.locations == ["East", "west", "Unassigned"]


def test_every_status_has_its_place_a_sign_and_a_word() -> None:
    assert set(overview.PRINTER_STATUSES) == set(STATUSES)
    assert set(overview.CAMERA_STATUSES) == set(cameras.STATUSES)
    assert set(wording.SIGNS) == {*STATUSES, *cameras.STATUSES}


def test_a_status_or_a_location_leaves_out_the_others() -> None:
    found = [printer(status, status=status, location=status) for status in STATUSES]
    heard = [seen(mac, f"camera {status}", status=status) for mac, status in zip(MACS, cameras.STATUSES, strict=False)]
    shown = picture(found, heard)

    def chosen(status: str = "", location: str = "") -> set[str]:
        return set(names(overview.overview(shown, Filter(status=status, location=location), NONE)))

    assert chosen(status="error") == {"error"}
    assert chosen(status="offline") == {"offline", "camera offline"}
    assert chosen(status="missing") == {"camera missing"}
    assert chosen(status=ATTENTION) == {
        "error",
        "warning",
        "offline",
        "camera missing",
        "camera offline",
        "camera ip_changed",
    }
    assert chosen(location="warning") == {"warning"}
    assert chosen(location="warning", status="ok") == set()
    assert chosen(status="nonsense") == set()
    assert len(chosen()) == 10


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("accounting", {"Accounting"}),
        ("ACC model", {"Accounting"}),
        ("192.0.2.1", {"Accounting"}),
        ("sn1", {"Accounting"}),
        ("b1", {"Accounting", "Lobby"}),
        ("02-00-5E-10", {"Lobby"}),
        ("02:00:5e:10:00:00", {"Lobby"}),
        ("wv-s", {"Lobby"}),
        ("accounting lobby", set()),
        ("none", set()),
    ],
)
def test_a_search_finds_devices_by_all_that_an_administrator_may_know(q: str, found: set[str]) -> None:
    shown = picture([printer("Accounting")], [seen(MACS[0], "Lobby", address="192.0.2.77", model="WV-S1136")])
    assert set(names(overview.overview(shown, Filter(q=q), NONE))) == found


def test_counts_are_of_all_devices_whatever_is_chosen() -> None:
    shown = picture([printer("First"), printer("Second", status="error")], [seen(MACS[0])])
    page = overview.overview(shown, Filter(q="first"), NONE)
    assert page.printer_counts == {"error": 1, "warning": 0, "offline": 0, "unknown": 0, "ok": 1}
    assert page.camera_counts["active"] == 1
    assert (page.printers_found, page.cameras_found) == (1, 0)


def test_a_large_fleet_stands_on_pages_and_every_device_on_one() -> None:
    fleet = many(2 * PAGE_SIZE + 1)
    pages = [overview.overview(fleet, Filter(page=number), NONE) for number in (1, 2, 3)]
    shown = [name for page in pages for name in names(page)]
    assert sorted(shown) == sorted([*(f"P{n}" for n in range(401)), *(f"C{n}" for n in range(401))])
    assert [page.pages for page in pages] == [3, 3, 3]
    assert max(map(len, map(names, pages))) == 2 * PAGE_SIZE
    assert overview.overview(fleet, Filter(page=99), NONE).filter.page == 3
    assert overview.overview(picture(), Filter(page=99), NONE).filter.page == 1


# ---- a device as a line


def test_toner_always_shows_its_level_and_other_supplies_when_something_is_wrong() -> None:
    drum = toner("Magenta", 0.05)
    drum = replace(drum, row=replace(drum.row, kind="drum", supply="Magenta drum"))
    fuser = replace(drum, row=replace(drum.row, kind="fuser", supply="Fuser", color=""))
    waste = replace(drum, row=replace(drum.row, kind="waste_toner", supply="Waste toner", color=""))
    entry = printer(said=snapshot(drum, toner("Yellow"), fuser, waste, toner("Black")))
    severities = {
        "Magenta drum": Since(Severity.ERROR, NOW),
        "Waste toner": Since(Severity.WARNING, NOW),
        "Yellow toner": Since(Severity.WARNING, NOW),
    }
    entry = entry._replace(record=replace(entry.record, supplies=severities))
    forecast = Forecast({("P", "Yellow toner"): Left(3.4, trusted=True), ("Q", "Black toner"): Left(1, trusted=True)})
    bars = printer_row(entry, forecast).bars
    assert [(bar.short, bar.color, bar.status) for bar in bars] == [
        ("Black", "black", "unknown"),
        ("Magenta drum", "magenta", "error"),
        ("Yellow", "yellow", "warning"),
        ("Waste toner", "other", "warning"),
    ]
    assert [bar.left for bar in bars] == [None, None, Left(3.4, trusted=True), None]


@pytest.mark.parametrize(
    ("says", "ratio", "width", "level"),
    [
        (Level.KNOWN, 0.634, 63.4, "63%"),
        (Level.KNOWN, 0.002, 0.2, "<1%"),
        (Level.KNOWN, 0.0, 0.0, "0%"),
        (Level.SOME, None, None, "some left"),
        (Level.LOW, None, None, "nearly empty"),
        (Level.EMPTY, None, None, "empty"),
        (Level.UNKNOWN, None, None, "unknown"),
        (Level.IMPLAUSIBLE, None, None, "unknown"),
    ],
)
def test_a_level_that_is_no_number_has_no_bar(
    says: Level, ratio: float | None, width: float | None, level: str
) -> None:
    (bar,) = printer_row(printer(said=snapshot(toner("Black", ratio, says=says))), NONE).bars
    assert (bar.width, bar.level) == (width, level)


def test_what_is_wrong_is_told_in_words_and_cut_where_it_is_much() -> None:
    rows = tuple(Alert("warning", "x", "y", "z", f"Alert {n}", None) for n in range(4))
    info = Alert("information", "x", "y", "z", "Sleep", None)
    said = snapshot(toner("Black"), errors=frozenset({"jammed", "low_toner"}), alerts=(*rows, info))
    row = printer_row(printer(said=said), NONE)
    assert row.problems == ("paper jam", "toner low", "Alert 0", "Alert 1", "and 2 more")


def test_a_silent_printer_says_why_unless_its_silence_is_expected() -> None:
    poll = Poll(Failure("auth", "x"), NOW, 1.0, 1, "192.0.2.1", "3")
    silent = printer(poll=poll)
    assert printer_row(silent, NONE).problems == ("does not answer: it refuses the credentials",)
    off = printer(poll=poll, excused=True)
    off = off._replace(printer=replace(off.printer, expected_off=ExpectedOff(weekends=True), maintenance=True))
    assert printer_row(off, NONE).problems == ()
    assert printer_row(off, NONE).notes == ("in maintenance", "expected to be off")
    awake = off._replace(record=replace(off.record, poll=replace(poll, result=snapshot())))
    assert printer_row(awake, NONE).notes == ("in maintenance",), "it answers all the same"


def test_a_printer_that_was_never_asked_is_unknown_and_says_so() -> None:
    entry = printer()
    row = printer_row(entry._replace(record=type(entry.record)()), NONE)
    assert (row.status, row.notes, row.heard, row.pages) == ("unknown", ("not asked yet",), None, None)


def test_a_printer_that_vanished_from_its_print_server_says_so() -> None:
    entry = printer()
    gone = replace(entry.printer, origin=Origin("print_server", "ipp://cups", vanished=NOW))
    assert printer_row(entry, NONE).notes == ()
    assert printer_row(entry._replace(printer=gone), NONE).notes == ("its print server tells of it no more",)


def test_a_camera_tells_what_is_odd_about_it() -> None:
    view = seen(MACS[0], status="ip_changed", address="192.0.2.9")
    device = Device(MACS[0], "192.0.2.9", port=8080, kind="recorder", admin_password_set=False, setup_window_open=True)
    known = replace(view.camera, device=device, address_change=AddressChange(NOW, "192.0.2.9", "192.0.2.8"))
    row = camera_row(replace(view, camera=known, listed=False, conflict="192.0.2.9"))
    assert row.address == "192.0.2.9:8080"
    assert row.notes == (
        "was at 192.0.2.8",
        "address used twice",
        "no password set",
        "set-up window open",
        "recorder",
        "not listed",
    )


def test_a_name_with_a_slash_has_a_url_of_its_own() -> None:
    assert printer_row(printer("A/B ?#%"), NONE).url == "printers/A%2FB%20%3F%23%25"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "0 s ago"),
        (0, "0 s ago"),
        (59, "59 s ago"),
        (60, "1 min ago"),
        (3599, "59 min ago"),
        (7200, "2 h ago"),
        (200_000, "2 d ago"),
    ],
)
def test_an_age_is_told_in_one_unit(seconds: float, words: str) -> None:
    assert wording.ago(seconds) == words
