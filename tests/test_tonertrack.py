"""The export of the toner tracker: all that is readable in it is taken over, what is not is told."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.discovery import tonertrack
from exporter.discovery.found import Found
from exporter.discovery.tonertrack import MAX_MONTHS, MAX_PRINTERS, Tracked, Tracker
from exporter.foreign import MAX_SKIPPED, ImportFault, Skipped

NOW = "2026-11"
# As the second version writes it.
FULL: dict[str, Any] = {
    "name": "Accounting",
    "ip": "192.0.2.10",
    "community": "s3cret",
    "location": "B1",
    "user_overridden": True,
    "pages_history": {"2026-10": 1234, "2025-02": 0, "2026-11": 99},
    "last_total_pages": 54321,
    "model": "Canon iR-ADV C5535",
    "serial": "XYZ12345",
    "status": "Warning",
    "timestamp": "2026-11-20 10:00:00",
    "toner_cartridges": {"Black": "63%", "Cyan": "OK"},
    "drum_units": {},
    "other": {"Waste": "N/A"},
    "errors": {"Toner low": "Warning"},
    "total_pages": "54321",
    "offline_attempts": 0,
}
# As the first one does.
OLD = {
    "name": "Studio",
    "ip": "192.0.2.11",
    "community": "public",
    "model": "N/A",
    "serial": "N/A",
    "status": "Unknown",
    "timestamp": "Never",
    "total_pages": "N/A",
}
ACCOUNTING = Tracked(
    Found("Accounting", "192.0.2.10", location="B1", model="Canon iR-ADV C5535", serial="XYZ12345"),
    "s3cret",
    {"2025-02": 0, "2026-10": 1234, "2026-11": 99},
)


def read(document: object, this_month: str = NOW) -> Tracker:
    return tonertrack.read(json.dumps(document).encode(), this_month)


def only(**fields: object) -> tuple[Tracked, list[str]]:
    """Return the one printer of a file, some of its fields changed, and what was left out of it."""
    tracker = read({"192.0.2.10": FULL | fields})
    (printer,) = tracker.printers
    return printer, [f"{each.where}: {each.why}" for each in tracker.skipped]


def test_a_record_gives_all_that_the_tracker_knew() -> None:
    printer, skipped = only()
    assert (printer, skipped) == (ACCOUNTING, [])
    assert list(printer.months) == sorted(printer.months)


def test_a_record_of_the_first_version_is_read_and_not_available_is_nothing() -> None:
    assert read({"192.0.2.11": OLD}) == Tracker((Tracked(Found("Studio", "192.0.2.11"), "public", {}),), ())


def test_the_answer_of_its_interface_is_read_as_its_file_is() -> None:
    records = {"192.0.2.10": FULL, "192.0.2.11": OLD}
    assert read({"printers": records}) == read(records)
    assert read({}) == read({"printers": {}}) == Tracker((), ())


@pytest.mark.parametrize(
    ("key", "ip", "spelled"),
    [
        ("192.0.2.10", None, "192.0.2.10"),
        ("192.0.2.10", "N/A", "192.0.2.10"),
        ("192.0.2.10", "192.0.2.99", "192.0.2.99"),
        ("2001:DB8:0::7", None, "2001:db8::7"),
        ("192.0.2.10", "printer-7.example.com", "printer-7.example.com"),
        ("192.0.2.10", "192.0.2.10:1161", "192.0.2.10:1161"),
    ],
)
def test_a_printer_is_where_its_record_says_else_where_its_key_does(key: str, ip: str | None, spelled: str) -> None:
    (printer,) = read({key: FULL | {"ip": ip}}).printers
    assert printer.found.spelled == spelled


def test_a_wrong_field_costs_itself_only_and_is_named() -> None:
    printer, skipped = only(
        ip="not a host",
        community="a\nb",
        location=7,
        pages_history={"2026-10": "12", "2026-09": -1, "2026-08": 1.5, "2026-13": 1, "2026-12": 5, "2026-07": True},
    )
    assert (printer.found.host, printer.community, printer.found.location) == ("192.0.2.10", "", "")
    assert printer.months == {"2026-10": 12}
    assert skipped == [
        "192.0.2.10: ip: expected a host name or an IP address",
        "192.0.2.10: location: expected a text",
        "192.0.2.10: community: expected a text of at most 255 printable letters",
        "192.0.2.10: pages_history[2026-09]: expected a number from 0 to 9007199254740992",
        "192.0.2.10: pages_history[2026-08]: expected a number from 0 to 9007199254740992",
        "192.0.2.10: pages_history[2026-13]: expected a month such as 2026-10",
        "192.0.2.10: pages_history[2026-12]: it is yet to come",
        "192.0.2.10: pages_history[2026-07]: expected a number from 0 to 9007199254740992",
    ]


def test_a_malformed_entry_is_left_out_by_name_and_the_rest_goes_on() -> None:
    tracker = read({"192.0.2.9": None, "no host": {"name": "X"}, "a\u202eb": [], "192.0.2.10": FULL})
    assert tracker.printers == (ACCOUNTING,)
    assert tracker.skipped == (
        Skipped("192.0.2.9", "expected an object"),
        Skipped("no host", "expected a host name or an IP address"),
        Skipped("ab", "expected an object"),
    )


def test_of_two_records_at_one_address_the_first_counts() -> None:
    tracker = read({"192.0.2.10": FULL, "192.0.2.11": OLD | {"ip": "192.0.2.10"}})
    assert tracker.printers == (ACCOUNTING,)
    assert tracker.skipped == (Skipped("192.0.2.11", "the printer Accounting has the same address"),)


def test_a_serial_number_that_tells_nothing_apart_is_none() -> None:
    assert only(serial="0000000000")[0].found.serial == ""


def test_hostile_text_is_made_fit_for_a_label() -> None:
    found = only(name="A\u202e" + "x" * 1000, model="\x1b[31mred")[0].found
    assert (found.name, found.model) == ("A" + "x" * 127, "[31mred")


def test_a_community_is_taken_as_it_is_and_never_shown() -> None:
    printer, _ = only(community=" ${x}: 'ä' ")
    assert printer.community == " ${x}: 'ä' "
    assert "ä" not in repr(printer)


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ([FULL], "it holds a list; expected the printers of a toner tracker"),
        ({"02:00:5e:10:00:01": {"mac_address": "02:00:5e:10:00:01"}}, "it holds an object with 02:00:5e:10:00:01; exp"),
        ({"printers": [FULL]}, "it holds an object with printers; expected"),
        ({"format": "printcam-exporter backup", "state": {}}, "it holds an object with format, state; expected"),
        ({f"h{n}": {"ip": f"h{n}"} for n in range(MAX_PRINTERS + 1)}, "it holds more than 10,000 printers"),
        ({"h": {"ip": "h"}} | {str(n): n for n in range(MAX_SKIPPED + 1)}, "more than 10,000 parts of it cannot be"),
    ],
)
def test_a_file_of_something_else_is_refused_as_a_whole(document: object, why: str) -> None:
    with pytest.raises(ImportFault, match=f"^{why}"):
        read(document)


def test_a_history_without_end_costs_only_itself() -> None:
    months = {f"{year}-{month:02}": 1 for year in range(1900, 2000) for month in range(1, 13)}
    printer, skipped = only(pages_history=months)
    assert (printer.months, skipped) == ({}, [f"192.0.2.10: pages_history: it has more than {MAX_MONTHS} months"])


VALUES: list[Any] = [None, True, -1, 2**70, 1e300, "", "N/A", "\ud800", "x" * 999, "[::1", "1.2.3", ":161", [], {}]
ODD = st.sampled_from(VALUES) | st.sampled_from([{"2026-10": value} for value in [*VALUES, "\u0663", -0.0]])
KEYS = st.sampled_from(["192.0.2.1", "x", "", "\ud800", "::1", "192.0.2.1:0"])
RECORDS = ODD | st.builds(FULL.__or__, st.dictionaries(st.sampled_from(sorted(FULL)), ODD, max_size=4))


@settings(deadline=None, max_examples=300)
@given(st.dictionaries(KEYS, RECORDS, max_size=4))
def test_whatever_stands_in_the_fields_nothing_but_a_fault_is_raised(document: dict[str, object]) -> None:
    try:
        tracker = read(document)
    except ImportFault:
        return
    assert all(printer.found.host and printer.found.name.isprintable() for printer in tracker.printers)
