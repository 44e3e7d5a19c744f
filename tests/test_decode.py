"""Raw values become a model: what a level says, which rows are the printer's, and that no value whatever breaks it."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.config import SupplyMatch, SupplyRule, Thresholds
from exporter.printers import mib
from exporter.printers.decode import error_bits, read_level, snapshot, structure, table_rows, uptime
from exporter.printers.model import Level, Snapshot, Structure
from exporter.snmp.session import Value

Row: TypeAlias = dict[str, Value]
Tables: TypeAlias = dict[str, dict[tuple[int, ...], Row]]

TONER, WASTE, DRUM = 3, 4, 9
PERCENT, IMPRESSIONS, SHEETS = 19, 7, 8
PRINTER_TYPE = "1.3.6.1.2.1.25.3.1.5"
PROCESSOR_TYPE = "1.3.6.1.2.1.25.3.1.3"


def rows(table: str, cells: Mapping[int, Mapping[str, Value]], device: int = 1) -> Tables:
    """Return a table of the Printer-MIB; columns are named without the table's name before them."""
    return {table: {(device, i): {f"{table}{name}": value for name, value in row.items()} for i, row in cells.items()}}


def supply_rows(*cells: Mapping[str, Value]) -> Tables:
    """Return supplies 1, 2, …: Black Toner at 50 of 100 per cent, but for what is given."""
    usual: Row = {"Type": TONER, "Description": b"Black Toner", "SupplyUnit": PERCENT, "MaxCapacity": 100, "Level": 50}
    return rows("prtMarkerSupplies", {i: {**usual, **row} for i, row in enumerate(cells, 1)})


def host(device: int = 1, **cells: Value) -> Tables:
    """Return the rows of hrDevice and hrPrinter for one printer that has them."""
    printer = {name: value for name, value in cells.items() if name.startswith("hrPrinter")}
    others = {name: value for name, value in cells.items() if name not in printer}
    return {"hrDevice": {(device,): {"hrDeviceType": PRINTER_TYPE, **others}}, "hrPrinter": {(device,): printer}}


def shape_of(tables: Tables, rules: Sequence[SupplyRule] = (), system: Mapping[str, Value] | None = None) -> Structure:
    return structure(system or {}, tables, rules)


def poll(
    tables: Tables,
    rules: Sequence[SupplyRule] = (),
    alerts: Mapping[int, Mapping[str, Value]] | None = None,
    system: Mapping[str, Value] | None = None,
) -> Snapshot:
    """Decode what an agent with these tables answers."""
    entries = {column.name: f"{table.entry}.{column.number}" for table in mib.TABLES for column in table.columns}
    values = {
        ".".join(map(str, (entries[name], *index))): value
        for found in tables.values()
        for index, row in found.items()
        for name, value in row.items()
    }
    alert_rows = rows("prtAlert", alerts or {})["prtAlert"]
    return snapshot(shape_of(tables, rules, system), values, alert_rows)


# ---- levels


@pytest.mark.parametrize(
    ("level", "capacity", "percent", "says", "ratio"),
    [
        (-3, 100, True, Level.SOME, None),
        (-3, -2, False, Level.SOME, None),
        (-2, 100, True, Level.UNKNOWN, None),
        (-2, -2, False, Level.UNKNOWN, None),
        (-2, -1, False, Level.UNKNOWN, None),
        (-1, 100, True, Level.UNRESTRICTED, None),
        (-1, -1, False, Level.UNRESTRICTED, None),
        (-4, 100, True, Level.UNKNOWN, None),
        (-100, 100, True, Level.UNKNOWN, None),
        (37, -2, True, Level.KNOWN, 0.37),
        (37, -1, True, Level.KNOWN, 0.37),
        (37, 0, True, Level.KNOWN, 0.37),
        (37, None, True, Level.KNOWN, 0.37),
        (0, 0, True, Level.KNOWN, 0.0),
        (100, None, True, Level.KNOWN, 1.0),
        (101, None, True, Level.IMPLAUSIBLE, None),
        (37, 50, True, Level.KNOWN, 0.74),
        (0, 100, False, Level.KNOWN, 0.0),
        (18_000, 25_000, False, Level.KNOWN, 0.72),
        (25_000, 25_000, False, Level.KNOWN, 1.0),
        (25_001, 25_000, False, Level.IMPLAUSIBLE, None),
        (143_066, 100, True, Level.IMPLAUSIBLE, None),
        (0, 0, False, Level.IMPLAUSIBLE, None),
        (5, 0, False, Level.IMPLAUSIBLE, None),
        (9, -2, False, Level.UNKNOWN, None),
        (9, -1, False, Level.UNKNOWN, None),
        (9, None, False, Level.UNKNOWN, None),
        (0, -2, False, Level.UNKNOWN, None),
        (2**31 - 1, 2**31 - 1, False, Level.KNOWN, 1.0),
        (2**63, 2**63, False, Level.UNKNOWN, None),
        (50, 2**63, True, Level.KNOWN, 0.5),
        (-(2**63), 100, True, Level.UNKNOWN, None),
        (None, 100, True, Level.UNKNOWN, None),
        (b"50", 100, True, Level.UNKNOWN, None),
        ("50", 100, True, Level.UNKNOWN, None),
        (b"", b"", False, Level.UNKNOWN, None),
        (50, b"100", True, Level.KNOWN, 0.5),
        (50, b"100", False, Level.UNKNOWN, None),
    ],
)
def test_a_level_has_a_share_only_where_level_and_maximum_make_sense_together(
    level: Value | None, capacity: Value | None, percent: bool, says: Level, ratio: float | None
) -> None:
    assert read_level(level, capacity, percent=percent) == (says, ratio)


@pytest.mark.parametrize(("level", "ratio"), [(0, 1.0), (30, 0.7), (80, 0.2), (90, 0.1), (100, 0.0)])
def test_an_inverted_level_is_the_exact_rest(level: int, ratio: float) -> None:
    assert read_level(level, 100, percent=True, inverted=True) == (Level.KNOWN, ratio)


@pytest.mark.parametrize(
    ("level", "says"), [(-3, Level.SOME), (-2, Level.UNKNOWN), (-1, Level.UNRESTRICTED), (101, Level.IMPLAUSIBLE)]
)
def test_inversion_changes_nothing_of_a_level_without_a_share(level: int, says: Level) -> None:
    assert read_level(level, 100, percent=True, inverted=True) == (says, None)


NUMBERS = st.one_of(st.integers(-4, 40), st.sampled_from([100, 808, 1001, 1801, 2**31, 2**63, -(2**63)]), st.integers())
VALUES: st.SearchStrategy[Value] = st.one_of(
    NUMBERS,
    st.sampled_from([b"Black Toner", b"Black toner 2", b"Tray 1", b"x" * 200, PRINTER_TYPE]),
    st.binary(max_size=20),
    st.text(max_size=10),
)


@settings(deadline=None)
@given(st.one_of(st.none(), VALUES), st.one_of(st.none(), VALUES), st.booleans(), st.booleans())
def test_no_level_and_maximum_make_a_share_outside_0_to_1(
    level: Value | None, capacity: Value | None, percent: bool, inverted: bool
) -> None:
    says, ratio = read_level(level, capacity, percent=percent, inverted=inverted)
    assert (ratio is not None) == (says is Level.KNOWN)
    assert ratio is None or 0 <= ratio <= 1


@pytest.mark.parametrize(
    ("first", "second", "says"),
    [
        ({"MaxCapacity": -2, "Level": 0}, {"MaxCapacity": -2, "Level": -3}, Level.EMPTY),
        ({"MaxCapacity": -2, "Level": 0}, {"MaxCapacity": -2, "Level": -2}, Level.UNKNOWN),
        ({"MaxCapacity": -2, "Level": 0}, {"Type": DRUM, "MaxCapacity": -2, "Level": -3}, Level.UNKNOWN),
        ({"MaxCapacity": -2, "Level": 1}, {"MaxCapacity": -2, "Level": -3}, Level.UNKNOWN),
        ({"MaxCapacity": 0, "Level": 0}, {"MaxCapacity": -2, "Level": -3}, Level.IMPLAUSIBLE),
        ({"MaxCapacity": 9, "Level": 0}, {"MaxCapacity": -2, "Level": -3}, Level.KNOWN),
    ],
)
def test_0_of_an_unknown_maximum_is_empty_beside_a_row_of_its_kind_that_says_some_left(
    first: Row, second: Row, says: Level
) -> None:
    unitless = {"SupplyUnit": 13}  # as the Brother HL-5370DW
    found = poll(supply_rows({**unitless, **first}, {**unitless, **second}))
    assert found.supplies[0].says is says


def test_an_inverted_supply_at_0_is_not_taken_for_empty() -> None:
    rule = SupplyRule(match=SupplyMatch(kind="toner"), invert=True)
    found = poll(supply_rows({"SupplyUnit": 13, "MaxCapacity": -2, "Level": 0}, {"Level": -3}), [rule])
    assert found.supplies[0].says is Level.UNKNOWN


def test_raw_numbers_are_kept_only_where_they_are_counts() -> None:
    found = poll(
        supply_rows(
            {"SupplyUnit": 7, "MaxCapacity": 25_000, "Level": 18_000},
            {"MaxCapacity": -2, "Level": -3},
            {"MaxCapacity": b"", "Level": "x"},
            {"SupplyUnit": 7, "MaxCapacity": 100, "Level": 143_066},
        )
    )
    raw = [(supply.level, supply.capacity) for supply in found.supplies]
    assert raw == [(18_000, 25_000), (None, None), (None, None), (143_066, 100)]


# ---- error bits


@pytest.mark.parametrize(
    ("octets", "errors"),
    [
        (b"", set()),
        (b"\x00", set()),
        (b"\x80", {"low_paper"}),
        (b"\x40", {"no_paper"}),
        (b"\x20", {"low_toner"}),
        (b"\x10", {"no_toner"}),
        (b"\x08", {"door_open"}),
        (b"\x04", {"jammed"}),
        (b"\x02", {"taken_offline"}),
        (b"\x01", {"service_requested"}),
        (b"\x00\x00", set()),
        (b"\x00\x80", {"input_tray_missing"}),
        (b"\x00\x40", {"output_tray_missing"}),
        (b"\x00\x20", {"marker_supply_missing"}),
        (b"\x00\x10", {"output_near_full"}),
        (b"\x00\x08", {"output_full"}),
        (b"\x00\x04", {"input_tray_empty"}),
        (b"\x00\x02", {"overdue_maintenance"}),
        (b"\x00\x01", set()),
        (b"\x48\x08", {"no_paper", "door_open", "output_full"}),
        (b"\x00\x00\xff\xff", set()),
        (b"\x80" + b"\x00" * 1000, {"low_paper"}),
    ],
)
def test_each_error_bit_has_its_name_and_missing_octets_mean_0(octets: bytes, errors: set[str]) -> None:
    assert error_bits(octets) == errors


@pytest.mark.parametrize(
    ("tables", "errors"),
    [
        (host(hrPrinterDetectedErrorState=b""), frozenset[str]()),
        (host(hrPrinterDetectedErrorState=b"\x04"), frozenset({"jammed"})),
        (host(hrPrinterStatus=3), None),
        (host(hrPrinterDetectedErrorState=4), None),
        (host(hrPrinterDetectedErrorState="4"), None),
        (Tables(), None),
    ],
)
def test_no_octets_are_no_errors_but_an_absent_object_is_no_answer(
    tables: Tables, errors: frozenset[str] | None
) -> None:
    assert poll(tables).errors == errors


# ---- structure


def test_a_walk_becomes_rows_by_index_without_columns_of_no_use() -> None:
    table = next(table for table in mib.TABLES if table.name == "prtCover")
    walked: list[tuple[str, Value]] = [
        ("1.3.6.1.2.1.43.6.1.1.1.1.7", 7),
        ("1.3.6.1.2.1.43.6.1.1.2.1.7", b"Front"),
        ("1.3.6.1.2.1.43.6.1.1.3.1.7", 4),
        ("1.3.6.1.2.1.43.6.1.1.3.1.9", 3),
        ("1.3.6.1.2.1.43.6.1.1.3", 3),
        ("1.3.6.1.2.1.43.6.1.1", 3),
    ]
    assert table_rows(table, walked) == {
        (1, 7): {"prtCoverDescription": b"Front", "prtCoverStatus": 4},
        (1, 9): {"prtCoverStatus": 3},
    }


def test_every_poll_asks_for_the_rows_that_were_found_each_level_beside_its_maximum() -> None:
    tables: Tables = {
        **host(2, hrPrinterStatus=3, hrPrinterDetectedErrorState=b""),
        **rows("prtGeneral", {1: {"ConfigChanges": 5}}, device=2),
        **rows("prtMarker", {1: {"CounterUnit": 7, "LifeCount": 9}}, device=2),
        **rows("prtMarkerSupplies", {5: {"Level": 1, "MaxCapacity": 2}, 9: {"Level": 1}}, device=2),
        **rows("prtInput", {3: {"CurrentLevel": 1, "MediaName": b"A4"}}, device=2),
        **rows("prtOutput", {1: {"MaxCapacity": 9, "RemainingCapacity": 1}, 2: {"RemainingCapacity": 1}}, device=2),
        **rows("prtCover", {4: {"Status": 3}, 5: {"Description": b"no status"}}, device=2),
    }
    assert shape_of(tables, system={"sysUpTime": 1}).volatile == (
        "1.3.6.1.2.1.1.3.0",
        "1.3.6.1.2.1.25.3.5.1.1.2",
        "1.3.6.1.2.1.25.3.5.1.2.2",
        "1.3.6.1.2.1.43.5.1.1.1.2.1",
        "1.3.6.1.2.1.43.6.1.1.3.2.4",
        "1.3.6.1.2.1.43.8.2.1.10.2.3",
        "1.3.6.1.2.1.43.8.2.1.12.2.3",
        "1.3.6.1.2.1.43.9.2.1.5.2.1",
        "1.3.6.1.2.1.43.9.2.1.5.2.2",
        "1.3.6.1.2.1.43.10.2.1.4.2.1",
        "1.3.6.1.2.1.43.11.1.1.8.2.5",
        "1.3.6.1.2.1.43.11.1.1.9.2.5",
        "1.3.6.1.2.1.43.11.1.1.9.2.9",
    )


def covers_of(*devices: int) -> Tables:
    """Return a cover for each of these hrDeviceIndexes, named by it."""
    return {
        "prtCover": {
            (device, 1): {"prtCoverDescription": b"Cover of %d" % device, "prtCoverStatus": 4} for device in devices
        }
    }


@pytest.mark.parametrize(
    ("tables", "covers"),
    [
        ({**host(1), **covers_of(1)}, {"Cover of 1"}),
        ({**host(0), **covers_of(0)}, {"Cover of 0"}),  # OfficeJet Pro 8600
        ({**host(25), **covers_of(1, 25)}, {"Cover of 25"}),
        ({"hrPrinter": {(4,): {}}, **covers_of(1, 4)}, {"Cover of 4"}),
        (covers_of(7), {"Cover of 7"}),
        (covers_of(3, 2), {"Cover of 2"}),
        ({**host(9), **covers_of(1)}, {"Cover of 1"}),  # a row of its own for nothing
        (
            {
                "hrDevice": {
                    (1,): {"hrDeviceType": PROCESSOR_TYPE},
                    (2,): {"hrDeviceType": "0.0"},
                    (3,): {"hrDeviceType": PRINTER_TYPE},
                    (4,): {"hrDeviceType": b"\xff"},
                },
                "hrPrinter": {(2,): {}, (3,): {}},
                **covers_of(1, 2, 3),
            },
            {"Cover of 3"},
        ),
        ({}, set()),
        (host(5), set()),
    ],
)
def test_the_rows_are_those_of_the_printers_own_hr_device_index(tables: Tables, covers: set[str]) -> None:
    assert {cover for cover, _ in poll(tables).covers} == covers


def test_the_chosen_device_is_taken_and_another_printers_alerts_are_left_out() -> None:
    tables = {**host(1), **covers_of(1, 2)}
    alerts: dict[tuple[int, ...], Row] = {
        (1, 1): {"prtAlertSeverityLevel": 3, "prtAlertCode": 3},
        (2, 1): {"prtAlertSeverityLevel": 3, "prtAlertCode": 8},
    }
    for chosen, cover, code in ((None, "Cover of 1", "coverOpen"), (2, "Cover of 2", "jam")):
        shape = structure({}, tables, chosen=chosen)
        assert [row.cover for row in shape.covers] == [cover]
        assert [alert.code for alert in snapshot(shape, {}, alerts).alerts] == [code]


def test_an_alert_row_of_a_device_that_is_no_printer_counts() -> None:
    shape = structure({}, {**host(5), **covers_of(5)})
    rows_: dict[tuple[int, ...], Row] = {(1, 1): {"prtAlertSeverityLevel": 3, "prtAlertCode": 8}}
    assert [alert.code for alert in snapshot(shape, {}, rows_).alerts] == ["jam"]


def test_the_makers_objects_are_nobodys_where_one_of_several_printers_is_chosen() -> None:
    tables = {**host(1), **covers_of(1, 2)}
    told = {"sysDescr": b"HP ETHERNET,SN:VNB3J00001,PID:x"}
    assert structure(told, tables).identity.serial == "VNB3J00001"
    assert structure(told, tables, chosen=2).identity.serial == ""
    assert structure(told, covers_of(2), chosen=2).identity.serial == "VNB3J00001"


def test_a_row_whose_index_lost_its_second_part_counts() -> None:
    """Pantum drops the last sub-index."""
    cells: Row = {"prtMarkerSuppliesType": TONER, "prtMarkerSuppliesLevel": 3, "prtMarkerSuppliesSupplyUnit": PERCENT}
    found = poll({"prtMarkerSupplies": {(1,): cells}})
    assert [(supply.row.supply, supply.ratio) for supply in found.supplies] == [("Toner", 0.03)]


@pytest.mark.parametrize(
    ("system", "tables", "fields"),
    [
        (
            {"sysDescr": b"HP ETHERNET,SN:VNB3J00001,PID:x", "sysObjectID": "1.3.6.1.4.1.11.2", "sysName": b"prn-1\0"},
            {**host(hrDeviceDescr=b"HP LaserJet"), **rows("prtGeneral", {1: {"PrinterName": b"n"}})},
            ("HP", "HP LaserJet", "VNB3J00001", "", "prn-1"),
        ),
        (
            {"sysDescr": b"Brother NC-6800h, Firmware Ver.1.01  (08.12.12),MID 84UB05"},
            rows("prtGeneral", {1: {"PrinterName": b"Brother HL-5370DW", "SerialNumber": b" E1J000001 "}}),
            ("Brother", "Brother HL-5370DW", "E1J000001", "1.01", ""),
        ),
        (
            {"sysDescr": b"Dell S5830dn version NH62.YS.N636 kernel 3.0.0"},
            {},
            ("Dell", "Dell S5830dn version NH62.YS.N636 kernel 3.0.0", "", "NH62.YS.N636", ""),
        ),
        (
            {"sysDescr": b"Samsung M4080FX; V11.01.03.04_02-27-2017;Engine V1.00.06;NIC ;S/N 071UB8GH3A0000X"},
            host(hrDeviceDescr=b"Samsung M4080FX"),
            ("Samsung", "Samsung M4080FX", "071UB8GH3A0000X", "11.01.03.04_02-27-2017", ""),
        ),
        ({}, {}, ("", "", "", "", "")),
        ({"sysDescr": 5, "sysName": 6, "sysObjectID": b"\xff"}, host(hrDeviceDescr=7), ("", "", "", "", "")),
    ],
)
def test_the_identity_is_taken_from_the_best_source_that_speaks(
    system: dict[str, Value], tables: Tables, fields: tuple[str, ...]
) -> None:
    found = shape_of(tables, system=system).identity
    assert (found.vendor, found.model, found.serial, found.firmware, found.hostname) == fields


@pytest.mark.parametrize(
    ("cells", "labels"),
    [
        ([{"Description": b"Black Toner"}, {"Description": b"Cyan Toner"}], ["Black toner", "Cyan toner"]),
        ([{"Description": b"Black Toner"}] * 3, ["Black toner", "Black toner 2", "Black toner 3"]),
        ([{"Description": b"Toner OKI"}] * 2, ["Toner", "Toner 2"]),
        ([{"Type": WASTE, "Description": b"Resttoner"}], ["Waste toner"]),
        ([{"Type": 1, "Description": b"Clean Rollers"}] * 2, ["Clean Rollers", "Clean Rollers 2"]),
        ([{"Type": 1, "Description": text} for text in (b"Other 2", b"", b"")], ["Other 2", "Other", "Other 3"]),
        ([{"Type": b"toner", "Description": 5, "SupplyUnit": b""}], ["Other"]),
    ],
)
def test_supplies_have_canonical_names_numbered_in_row_order(cells: list[Row], labels: list[str]) -> None:
    assert [row.supply for row in shape_of(supply_rows(*cells)).supplies] == labels


def test_the_colour_follows_the_colorant_index_not_the_order_of_rows() -> None:
    """Epson SC lists yellow, magenta, cyan, black with the colorants 4, 3, 2, 1."""
    tables = rows("prtMarkerColorant", {i: {"Value": c} for i, c in enumerate((b"black", b"cyan", b"magenta"), 1)})
    tables |= supply_rows(*({"Description": b"", "Type": 5, "ColorantIndex": i} for i in (3, 2, 1, 0, 77)))
    assert [row.supply for row in shape_of(tables).supplies] == ["Magenta ink", "Cyan ink", "Black ink", "Ink", "Ink 2"]


def test_rows_with_gaps_keep_their_numbers_and_order() -> None:
    cells = {31: {"Description": b"b"}, 2: {"Description": b"a"}, 30: {"Description": b"c"}}
    found = shape_of(rows("prtMarkerSupplies", cells)).supplies
    assert [(row.row, row.supply) for row in found] == [(2, "a"), (30, "c"), (31, "b")]


def test_a_device_of_rfc_1759_without_class_type_and_unit_still_has_its_supplies() -> None:
    found = poll(
        rows(
            "prtMarkerSupplies",
            {
                1: {"Description": b"Black Toner", "MaxCapacity": 100, "Level": 40},
                2: {"Level": 5},
                3: {"MaxCapacity": 9},
            },
        )
    )
    assert [(s.row.supply, s.row.kind, s.row.unit, s.says, s.ratio) for s in found.supplies] == [
        ("Black toner", "toner", "", Level.KNOWN, 0.4),
        ("Other", "other", "", Level.UNKNOWN, None),
        ("Other 2", "other", "", Level.UNKNOWN, None),
    ]


@pytest.mark.parametrize(
    ("cells", "label"),
    [
        ({"Name": b"Tray 1", "Description": b"Paper cassette"}, "Tray 1"),
        ({"Name": b"", "Description": b"Cassette 1"}, "Cassette 1"),  # Kyocera
        ({"Name": b"\0 \0", "Description": b"Cassette 1"}, "Cassette 1"),
        ({"Name": b"", "Description": b""}, "Tray 6"),
        ({"Type": 3}, "Tray 6"),
        ({"Name": 5, "Description": 6}, "Tray 6"),
    ],
)
def test_a_tray_without_a_name_has_its_description_or_number(cells: Row, label: str) -> None:
    assert [row.tray for row in shape_of(rows("prtInput", {6: cells})).trays] == [label]


@pytest.mark.parametrize(
    ("type_number", "name", "kind"),
    [
        (3, b"Tray 1", "removable"),
        (4, b"Cassette", "fixed"),
        (5, b"Tray 1", "manual"),
        (6, b"Roll Unit 1", "roll"),
        (7, b"Tractor", "fanfold"),
        (8, b"Pull", "pull"),
        (1, b"Rear Sheet Feeder", "other"),
        (2, b"Sheet feeder bin 1", "other"),
        (0, b"Tray 1", "other"),
        (99, b"Tray 1", "other"),
        (b"3", b"Tray 1", "other"),
        (3, b"Manual Envelope", "manual"),
        (3, b"Manueller Einzug", "manual"),
        (3, b"Einzelblatteinzug", "manual"),
        (3, b"MP TRAY", "bypass"),
        (3, b"MPTRAY", "bypass"),
        (5, b"Multi-Purpose Tray", "bypass"),
        (3, b"Bypass Tray", "bypass"),
        (3, b"Mehrzweckzufuhr", "bypass"),
        (3, b"AUTO", "virtual"),
        (3, b"Auto Select", "virtual"),
        (3, b"Automatic Sheet Feeder", "removable"),
    ],
)
def test_the_kind_of_a_tray_tells_those_that_never_alarm(type_number: Value, name: bytes, kind: str) -> None:
    assert [row.kind for row in shape_of(rows("prtInput", {1: {"Type": type_number, "Name": name}})).trays] == [kind]


@pytest.mark.parametrize(
    ("cells", "level", "ratio", "capacity", "in_sheets"),
    [
        ({"MaxCapacity": 500, "CurrentLevel": 125, "CapacityUnit": 8}, 125, 0.25, 500, True),
        ({"MaxCapacity": 500, "CurrentLevel": 0, "CapacityUnit": 8}, 0, 0.0, 500, True),
        ({"MaxCapacity": 500, "CurrentLevel": -3, "CapacityUnit": 8}, None, None, 500, True),
        ({"MaxCapacity": 500, "CurrentLevel": 501, "CapacityUnit": 8}, 501, None, 500, True),
        ({"MaxCapacity": -2, "CurrentLevel": 20, "CapacityUnit": 8}, 20, None, None, True),
        ({"MaxCapacity": 0, "CurrentLevel": 0, "CapacityUnit": 8}, 0, None, None, True),
        ({"MaxCapacity": 100, "CurrentLevel": 30, "CapacityUnit": 19}, 30, 0.3, 100, False),
        ({"MaxCapacity": 100, "CurrentLevel": 30}, 30, 0.3, 100, False),
        ({"MaxCapacity": b"500", "CurrentLevel": "125", "CapacityUnit": b"8"}, None, None, None, False),
        ({}, None, None, None, False),
    ],
)
def test_a_tray_has_a_share_only_where_level_and_capacity_are_known(
    cells: Row, level: int | None, ratio: float | None, capacity: int | None, in_sheets: bool
) -> None:
    (tray,) = poll(rows("prtInput", {1: {"Name": b"Tray 1", **cells}})).trays
    assert (tray.level, tray.ratio, tray.row.capacity, tray.row.in_sheets) == (level, ratio, capacity, in_sheets)


def test_media_is_what_lies_in_the_tray_now_and_is_not_localized() -> None:
    tables = rows("prtLocalization", {1: {"CharacterSet": 1000}})  # UCS-2
    tables |= rows("prtGeneral", {1: {"CurrentLocalization": 1}})
    tables |= rows("prtInput", {1: {"Name": b"Tray 1", "MediaName": b"iso-a4-white\0"}, 2: {"MediaName": 4}})
    assert [tray.media for tray in poll(tables).trays] == ["iso-a4-white", ""]


def test_only_bins_with_a_known_capacity_and_room_have_a_share() -> None:
    cells: dict[int, Row] = {
        1: {"Name": b"Top", "MaxCapacity": 200, "RemainingCapacity": 50},
        2: {"Name": b"", "Description": b"Side", "MaxCapacity": 100, "RemainingCapacity": 0},
        3: {"MaxCapacity": 10, "RemainingCapacity": 10},
        4: {"Name": b"Kyocera", "MaxCapacity": 250, "RemainingCapacity": -2},
        5: {"Name": b"Epson", "MaxCapacity": 0, "RemainingCapacity": -3},
        6: {"Name": b"none", "RemainingCapacity": 5},
        7: {"Name": b"Top", "MaxCapacity": 4, "RemainingCapacity": 1},
    }
    assert [(bin_.bin, bin_.ratio) for bin_ in poll(rows("prtOutput", cells)).bins] == [
        ("Top", 0.25),
        ("Side", 0.0),
        ("Bin 3", 1.0),
        ("Top 2", 0.25),
    ]


def test_covers_are_open_or_closed_and_left_out_where_the_device_does_not_tell() -> None:
    statuses: dict[int, Value] = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 6, 7: 7, 8: b"\x03", 9: "3", 10: 2**70}
    cells: dict[int, Row] = {i: {"Status": status} for i, status in statuses.items()}
    cells[3]["Description"] = cells[4]["Description"] = b"Front"
    assert poll(rows("prtCover", cells)).covers == (
        ("Front", True),
        ("Front 2", False),
        ("Cover 5", True),
        ("Cover 6", False),
    )


@pytest.mark.parametrize(
    ("cells", "pages", "unit"),
    [
        ({1: {"CounterUnit": 7, "LifeCount": 1234}}, 1234, "impressions"),
        ({1: {"CounterUnit": 8, "LifeCount": 1234}}, 1234, "sheets"),
        ({1: {"CounterUnit": 16, "LifeCount": 1234}}, None, ""),  # feet are no pages
        ({1: {"CounterUnit": 2, "LifeCount": 1234}}, None, ""),
        ({1: {"LifeCount": 1234}}, 1234, "impressions"),
        ({1: {"CounterUnit": 7, "LifeCount": 0}}, 0, "impressions"),
        ({1: {"CounterUnit": 7, "LifeCount": -1}}, None, "impressions"),
        ({1: {"CounterUnit": 7, "LifeCount": b"1234"}}, None, "impressions"),
        ({2: {"CounterUnit": 7, "LifeCount": 9}, 1: {"CounterUnit": 8, "LifeCount": 5}}, 5, "sheets"),
        ({1: {"CounterUnit": 7}, 2: {"CounterUnit": 7, "LifeCount": 9}}, None, "impressions"),
        ({}, None, "impressions"),
    ],
)
def test_pages_are_the_count_of_the_first_marker_in_its_unit(
    cells: dict[int, Row], pages: int | None, unit: str
) -> None:
    found = poll(rows("prtMarker", cells))
    assert (found.pages, found.pages_unit) == (pages, unit)


@pytest.mark.parametrize(
    ("general", "charsets", "label"),
    [
        ({"CurrentLocalization": 2}, {1: 4, 2: 2251}, "Тонер"),
        ({"CurrentLocalization": 1}, {1: 4, 2: 2251}, "Òîíåð"),
        ({"CurrentLocalization": 3}, {1: 4, 2: 2251}, "Òîíåð"),
        ({}, {1: 2251}, "Òîíåð"),  # HP P1102w
        ({"CurrentLocalization": b"1"}, {1: 2251}, "Òîíåð"),
        ({"CurrentLocalization": 1}, {1: b"2251"}, "Òîíåð"),
    ],
)
def test_descriptions_are_read_by_the_charset_of_the_current_localization(
    general: Row, charsets: dict[int, Value], label: str
) -> None:
    tables = rows("prtGeneral", {1: general})
    tables |= rows("prtLocalization", {i: {"CharacterSet": charset} for i, charset in charsets.items()})
    tables |= rows("prtCover", {1: {"Description": b"\xd2\xee\xed\xe5\xf0", "Status": 4}})
    assert [cover for cover, _ in poll(tables).covers] == [label]


@pytest.mark.parametrize(
    ("status", "state"),
    [(1, "other"), (2, "unknown"), (3, "idle"), (4, "printing"), (5, "warmup"), (6, "unknown"), (b"3", None)],
)
def test_the_state_is_hr_printer_status(status: Value, state: str | None) -> None:
    assert poll(host(hrPrinterStatus=status)).state == state


@pytest.mark.parametrize(("ticks", "seconds"), [(0, 0.0), (12_345, 123.45), (-1, None), (b"1", None)])
def test_the_uptime_is_in_seconds(ticks: Value, seconds: float | None) -> None:
    assert uptime(ticks) == seconds


def test_a_hostile_table_of_thousands_of_rows_costs_64() -> None:
    cells: dict[int, Row] = {
        i: {"Description": b"x", "Name": b"x", "MaxCapacity": 9, "Level": 1} for i in range(1, 3000)
    }
    names = ("prtMarkerSupplies", "prtInput", "prtOutput", "prtCover")
    shape = shape_of({name: rows(name, cells)[name] for name in names})
    assert [len(found) for found in (shape.supplies, shape.trays, shape.bins, shape.covers)] == [64, 64, 64, 64]


# ---- supply rules


def rule(*, ignore: bool = False, invert: bool = False, low: Thresholds | None = None, **match: str) -> SupplyRule:
    return SupplyRule(match=SupplyMatch(**match), ignore=ignore, invert=invert, thresholds=low)


LOW = Thresholds(warning=0.15, error=0.05)


@pytest.mark.parametrize(
    ("rules", "found"),
    [
        (
            [],
            [("Black toner", 0.75, 0.2, False), ("Waste toner", 0.75, 0.2, False), ("Black toner 2", 0.75, 0.2, False)],
        ),
        (
            [rule(kind="waste_toner", ignore=True)],
            [("Black toner", 0.75, 0.2, False), ("Black toner 2", 0.75, 0.2, False)],
        ),
        (
            [rule(kind="waste_toner", invert=True)],
            [("Black toner", 0.75, 0.2, False), ("Waste toner", 0.25, 0.2, False), ("Black toner 2", 0.75, 0.2, False)],
        ),
        (
            [rule(kind="TONER", low=LOW), rule(supply="*2", ignore=True)],
            [("Black toner", 0.75, 0.15, True), ("Waste toner", 0.75, 0.2, False), ("Black toner 2", 0.75, 0.15, True)],
        ),
        (
            [rule(supply="*2", ignore=True), rule(kind="toner", low=LOW)],
            [("Black toner", 0.75, 0.15, True), ("Waste toner", 0.75, 0.2, False)],
        ),
        (
            [rule(kind="toner", color="black", description="tk-*", low=LOW), rule(kind="*", ignore=True)],
            [("Black toner", 0.75, 0.15, True)],
        ),
    ],
)
def test_the_first_rule_that_matches_ignores_inverts_or_sets_thresholds(
    rules: list[SupplyRule], found: list[tuple[str, float, float, bool]]
) -> None:
    tables = supply_rows(
        {"Description": b"TK-8527K", "ColorantIndex": 1, "Level": 75},
        {"Type": WASTE, "Level": 75},
        {"Description": b"Spare black", "Level": 75},
    )
    tables |= rows("prtMarkerColorant", {1: {"Value": b"black"}})
    supplies = poll(tables, rules).supplies
    assert [(s.row.supply, s.ratio, s.row.thresholds.warning, s.row.overridden) for s in supplies] == found


def test_a_supply_without_a_rule_has_the_printers_thresholds() -> None:
    shape = structure({}, supply_rows({}), (), LOW)
    assert shape.supplies[0].thresholds == LOW


# ---- alerts

CRITICAL, UNARY, BINARY = 3, 4, 5
GENERAL, COVER, INPUT, MARKER, SUPPLIES, MEDIA_PATH = 5, 6, 8, 10, 11, 13


def alert_levels(
    *cells: tuple[Value, Value, Value], tables: Tables | None = None, index: Value = 1
) -> list[tuple[str, str, str]]:
    """Decode alert rows given as (severity, group, code) to (level, group, code)."""
    alerts: dict[int, Row] = {
        k: {"SeverityLevel": severity, "Group": group, "GroupIndex": index, "Code": code}
        for k, (severity, group, code) in enumerate(cells, 1)
    }
    return [(alert.level, alert.group, alert.code) for alert in poll(tables or {}, alerts=alerts).alerts]


@pytest.mark.parametrize(
    ("severity", "group", "code", "expected"),
    [
        (CRITICAL, MEDIA_PATH, 8, ("critical", "mediaPath", "jam")),
        (CRITICAL, COVER, 3, ("critical", "cover", "coverOpen")),
        (BINARY, SUPPLIES, 1104, ("warning", "markerSupplies", "markerTonerAlmostEmpty")),
        (UNARY, SUPPLIES, 1107, ("warning", "markerSupplies", "markerWasteTonerReceptacleAlmostFull")),
        (1, SUPPLIES, 1104, ("warning", "markerSupplies", "markerTonerAlmostEmpty")),
        (b"", SUPPLIES, 1104, ("warning", "markerSupplies", "markerTonerAlmostEmpty")),
        (CRITICAL, 30, 30213, ("critical", "finDevice", "30213")),
        (BINARY, 4711, 99_999, ("warning", "4711", "99999")),
        (BINARY, -1, -1, ("warning", "-1", "-1")),
        (CRITICAL, GENERAL, 1, ("critical", "generalPrinter", "other")),
        (BINARY, GENERAL, 0, ("warning", "generalPrinter", "0")),
        (CRITICAL, MARKER, 1001, ("critical", "marker", "markerFuserUnderTemperature")),
        (BINARY, MARKER, 1001, ("information", "marker", "markerFuserUnderTemperature")),  # a Kyocera that sleeps
    ],
)
def test_an_alert_row_is_named_by_the_rfc_or_keeps_its_number(
    severity: Value, group: int, code: int, expected: tuple[str, str, str]
) -> None:
    assert alert_levels((severity, group, code)) == [expected]


@pytest.mark.parametrize("severity", [CRITICAL, UNARY, BINARY])
@pytest.mark.parametrize("code", [7, 23, 24, 25, 26, 27, 28, 503, 507, 1005])
def test_codes_of_a_healthy_printers_day_are_information(severity: int, code: int) -> None:
    assert [level for level, _, _ in alert_levels((severity, GENERAL, code))] == ["information"]


@pytest.mark.parametrize(
    ("severity", "group", "code"),
    [
        (0, 0, 0),  # Brother: the panel text as a row
        (1, 1, 1),  # Epson: Idle
        (1, 1, 0),
        (0, 1, 1),
        (0, 0, -1),
        (b"", b"", b""),
        (CRITICAL, 18, 1801),
        (UNARY, 18, 1801),
        (0, 18, 1801),
    ],
)
def test_rows_that_only_say_idle_and_bookkeeping_are_skipped(severity: Value, group: Value, code: Value) -> None:
    assert alert_levels((severity, group, code)) == []


@pytest.mark.parametrize("code", [13, 808, 12, 807, 9, 801, 809, 810])
@pytest.mark.parametrize(
    ("tray", "level"),
    [
        ({"Type": 5, "Name": b"Tray 1"}, "information"),
        ({"Type": 3, "Name": b"Bypass Tray"}, "information"),
        ({"Type": 3, "Name": b"Auto Select"}, "information"),
        ({"Type": 3, "Name": b"Tray 1"}, "critical"),
    ],
)
def test_an_empty_manual_tray_is_information(code: int, tray: Row, level: str) -> None:
    tables = rows("prtInput", {4: tray})
    assert [found for found, _, _ in alert_levels((CRITICAL, INPUT, code), tables=tables, index=4)] == [level]


@pytest.mark.parametrize(
    ("group", "index", "code"), [(INPUT, 4, 811), (INPUT, 5, 808), (SUPPLIES, 4, 13), (INPUT, -1, 13)]
)
def test_a_manual_tray_excuses_nothing_else(group: int, index: int, code: int) -> None:
    tables = rows("prtInput", {4: {"Type": 5, "Name": b"Tray 1"}})
    assert [found for found, _, _ in alert_levels((BINARY, group, code), tables=tables, index=index)] == ["warning"]


def test_an_alert_keeps_its_words_training_and_sub_unit() -> None:
    tables = rows("prtGeneral", {1: {"CurrentLocalization": 1}}) | rows("prtLocalization", {1: {"CharacterSet": 17}})
    usual: Row = {"SeverityLevel": 5, "Group": 11, "Code": 1104}
    alerts: dict[int, Row] = {
        2: {**usual, "TrainingLevel": 3, "GroupIndex": 7, "Description": b"\x83g\x83i\x81["},
        1835: {**usual, "TrainingLevel": 99, "GroupIndex": -1},
        3: {**usual, "TrainingLevel": b"3", "GroupIndex": b"7", "Description": 7},
    }
    assert [(a.training, a.row, a.description) for a in poll(tables, alerts=alerts).alerts] == [
        ("untrained", 7, "トナー"),
        ("unknown", None, ""),
        ("unknown", None, ""),
    ]


def test_only_the_64_newest_alert_rows_count() -> None:
    found = alert_levels(*((BINARY, GENERAL, 40_000 + k) for k in range(1, 3000)))
    assert len(found) == 64
    assert (found[0][2], found[-1][2]) == ("42936", "42999")


# ---- whatever a device says

INDEXES = st.lists(st.integers(0, 3), min_size=1, max_size=3).map(tuple)


def random_rows(table: mib.Table) -> st.SearchStrategy[dict[tuple[int, ...], Row]]:
    columns = st.fixed_dictionaries({}, optional={column.name: VALUES for column in table.columns})
    return st.dictionaries(INDEXES, columns, max_size=5)


RULES = (rule(kind="waste*", invert=True), rule(color="cyan", ignore=True), rule(supply="* 2", low=LOW))
SYSTEM = st.fixed_dictionaries({}, optional={scalar.name: VALUES for scalar in mib.SYSTEM})
TABLES = st.fixed_dictionaries({table.name: random_rows(table) for table in mib.STRUCTURE_TABLES})


@st.composite
def random_snapshots(draw: st.DrawFn) -> Snapshot:
    """Whatever an agent may answer, decoded."""
    shape = structure(draw(SYSTEM), draw(TABLES), RULES)
    values = draw(st.fixed_dictionaries({}, optional=dict.fromkeys(shape.volatile, VALUES)))
    return snapshot(shape, values, draw(random_rows(mib.POLLED_TABLES[0])))


@settings(deadline=None)
@given(random_snapshots())
def test_whatever_a_device_says_is_decoded_to_sound_values(found: Snapshot) -> None:
    supplies = [supply.row.supply for supply in found.supplies]
    trays = [tray.row.tray for tray in found.trays]
    bins = [bin_.bin for bin_ in found.bins]
    covers = [cover for cover, _ in found.covers]
    for labels in (supplies, trays, bins, covers):
        assert len(set(labels)) == len(labels)
        assert all(label.isprintable() and 0 < len(label) <= 128 for label in labels)
    ratios = [*(s.ratio for s in found.supplies), *(t.ratio for t in found.trays), *(b.ratio for b in found.bins)]
    assert all(ratio is None or 0 <= ratio <= 1 for ratio in ratios)
    assert found.pages is None or found.pages >= 0
    assert all(alert.code != "1801" for alert in found.alerts)


@pytest.mark.parametrize(
    ("row", "state", "expected"),
    [
        ({"SeverityLevel": UNARY, "Group": 5, "Code": 23}, 3, True),  # RFC 3805: subunitPowerSaver
        ({"SeverityLevel": 0, "Group": 0, "Code": 0, "Description": b"Sleep"}, 3, True),  # Brother
        ({"SeverityLevel": 1, "Group": 1, "Code": 1, "Description": b"Sleeping..."}, 3, True),
        ({"SeverityLevel": 0, "Group": 0, "Code": 0, "Description": b"Ready"}, 3, False),
        ({"SeverityLevel": 0, "Group": 0, "Code": 0, "Description": b"Sleepless"}, 3, False),
        ({"SeverityLevel": CRITICAL, "Group": 5, "Code": 8, "Description": b"Sleep unit jammed"}, 3, False),
        ({"SeverityLevel": UNARY, "Group": 10, "Code": 1001}, 3, False),  # Kyocera: asleep, or warming up
        ({"SeverityLevel": UNARY, "Group": 5, "Code": 23}, 4, False),  # a row that was left behind
    ],
)
def test_a_printer_sleeps_when_its_alert_table_says_so_and_it_does_not_work(
    row: Row, state: int, expected: bool
) -> None:
    tables: Tables = {"hrPrinter": {(1,): {"hrPrinterStatus": state}}}
    assert poll(tables, alerts={1: row}).asleep is expected
