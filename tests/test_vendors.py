"""Makers' own counters and levels: one partition without a page twice, and nothing that a printer did not say."""

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.config import SupplyMatch, SupplyRule, Thresholds
from exporter.printers import mib
from exporter.printers.decode import maker_for, snapshot, structure, table_rows
from exporter.printers.model import CounterRows, Counters, Level, Structure, Supply, Term
from exporter.printers.status import Severity, level_status
from exporter.printers.vendors import MAKERS, canon, find, maker_of, ricoh
from exporter.printers.vendors.maker import (
    ENTERPRISES,
    INDEX,
    First,
    LevelRecords,
    LevelTable,
    Maker,
    Partition,
    Private,
    Rows,
    Source,
    Sum,
    counter_rows,
    instances,
    read_count,
    read_counters,
    read_number,
)
from exporter.snmp.session import Value
from tests.test_decode import Row, Tables, rows, supply_rows

TABLE = mib.Table(
    "t", "9.1", (mib.Column("type", 1), mib.Column("label", 2), mib.Column("value", 3), mib.Column("other", 4))
)
MONO, COLOR, PRINT, COPY, TOTAL = "8.1", "8.2", "8.3", "8.4", "8.5"


def answer(maker: Maker, values: Mapping[str, Value]) -> Private:
    """Return what poll makes of an agent that has these instances, in tables or not."""
    asked = set(instances(maker))
    tables = {table.name: table_rows(table, values.items()) for table in maker.tables}
    return Private(maker, {oid: value for oid, value in values.items() if oid in asked}, tables)


def counted(maker: Maker, values: Mapping[str, Value]) -> Counters:
    return read_counters(counter_rows(answer(maker, values)), values)


def number(source: Source, values: Mapping[str, Value]) -> int | None:
    return counted(Maker("M", (), tables=(TABLE,), scans=source), values).scans


# ---- sources


@pytest.mark.parametrize(
    ("source", "found"),
    [
        (MONO, 7),
        ("8.99", None),
        (Sum((MONO, COLOR)), 12),
        (Sum((MONO, "8.99")), None),
        (First(("8.99", COLOR, MONO)), 5),
        (First(("8.99", Sum((MONO, "8.98")))), None),
        (Sum((First(("8.99", MONO)), COLOR)), 12),
        ("8.6", None),  # negative
        ("8.7", None),  # octets
        ("8.8", None),  # more than SNMP has
        (Rows("t", "value", {"type": (10,)}), 100),
        (Rows("t", "value", {"type": (20, 30)}), 5),
        (Rows("t", "value", {"type": (99,)}), None),
        (Rows("t", "value", {"label": ("total  (BLACK 1)",)}), 2),
        (Rows("t", "value", {"type": (20,), "label": ("Scan",)}), None),
        (Rows("t", "value", {INDEX: (7,)}), 3),
        (Rows("t", "value"), 105),
        (Rows("t", "other"), None),
    ],
)
def test_a_count_is_what_its_source_says_or_nothing(source: Source, found: int | None) -> None:
    values: dict[str, Value] = {MONO: 7, COLOR: 5, "8.6": -1, "8.7": b"5", "8.8": 2**63}
    for index, kind, label, value in (
        ("1.4", 10, b"Scan", 100),
        ("1.5", 20, b"Total (Black 1)\0", 2),
        ("2.7", 30, b"", 3),
    ):
        values |= {f"9.1.1.{index}": kind, f"9.1.2.{index}": label, f"9.1.3.{index}": value}
    assert number(source, values) == found


def test_a_table_with_more_rows_than_a_printer_has_is_not_summed_up() -> None:
    def of(count: int) -> dict[str, Value]:
        return {f"9.1.3.{row}": 1 for row in range(count)}

    assert number(Rows("t", "value"), of(64)) == 64
    assert number(Rows("t", "value"), of(65)) is None


@pytest.mark.parametrize(
    ("octets", "found"),
    [
        ("000104000003e8ffffffff", {0: 1000}),
        ("000104000003e8" + "6f0104ffffffff" + "ffffffff", {0: 1000, 0x6F: 2**32 - 1}),
        ("000104000003e8" + "6f0104ffff", {0: 1000}),
        ("00010205dc" + "0101040000000a", {0: 1500, 1: 10}),
        ("", {}),
        ("00", {}),
        ("ffffffff", {}),
    ],
)
def test_records_in_octets_are_read_by_number_until_they_end(octets: str, found: dict[int, int]) -> None:
    values = {"8.1": bytes.fromhex(octets)}
    numbers = {record: read_number(Term("8.1", record), values) for record in range(256)}
    assert {record: value for record, value in numbers.items() if value is not None} == found


@given(st.binary(max_size=300))
def test_no_octets_break_the_reading_of_records(octets: bytes) -> None:
    assert (read_number(Term("8.1", 0), {"8.1": octets}) or 0) >= 0
    assert read_number(Term("8.1", 0), {"8.1": 5}) is None


# ---- partitions

BY_FUNCTION = Partition({("print", "all"): PRINT}, optional={("copy", "all"): COPY})
BY_COLOR = Partition({("all", "mono"): MONO, ("all", "color"): COLOR})
UNSPLIT = Partition({("all", "all"): TOTAL})


@pytest.mark.parametrize(
    ("values", "cells"),
    [
        ({MONO: 6, COLOR: 4, PRINT: 7, COPY: 3, TOTAL: 10}, {("all", "mono"): 6, ("all", "color"): 4}),
        ({MONO: 6, PRINT: 7, COPY: 3, TOTAL: 10}, {("print", "all"): 7, ("copy", "all"): 3}),
        ({MONO: 6, PRINT: 7, TOTAL: 10}, {("print", "all"): 7}),
        ({MONO: 6, COPY: 3, TOTAL: 10}, {("all", "all"): 10}),
        ({MONO: 6, COLOR: b"4", COPY: 3, TOTAL: 10}, {("all", "all"): 10}),
        ({MONO: 0, COLOR: 0}, {("all", "mono"): 0, ("all", "color"): 0}),
        ({COLOR: 4, COPY: 3}, {}),
        ({}, {}),
    ],
)
def test_the_first_partition_that_is_answered_counts_and_no_total_stands_beside_its_parts(
    values: dict[str, Value], cells: dict[tuple[str, str], int]
) -> None:
    maker = Maker("M", (), partitions=(BY_COLOR, BY_FUNCTION, UNSPLIT))
    assert {(function, color): pages for function, color, pages in counted(maker, values).functions} == cells


@pytest.mark.parametrize(
    ("total", "is_split"), [(1000, True), (1010, True), (990, True), (1013, False), (988, False), (None, False)]
)
def test_cells_that_miss_the_total_they_are_checked_against_do_not_count(total: int | None, is_split: bool) -> None:
    checked = Partition({("print", "all"): PRINT}, optional={("copy", "all"): COPY}, check=TOTAL)
    values: dict[str, Value] = {PRINT: 700, COPY: 300, MONO: 1000}
    if total is not None:
        values[TOTAL] = total
    maker = Maker("M", (), partitions=(checked, Partition({("all", "all"): MONO})))
    functions = [function for function, _, _ in counted(maker, values).functions]
    assert functions == (["print", "copy"] if is_split else ["all"])


def test_a_cell_that_ceases_to_answer_takes_the_partition_with_it_and_nothing_takes_its_place() -> None:
    maker = Maker("M", (), partitions=(BY_COLOR, UNSPLIT), scans=COPY)
    values: dict[str, Value] = {MONO: 6, COLOR: 4, TOTAL: 10, COPY: 2}
    shape = counter_rows(answer(maker, values))
    del values[COLOR]
    assert read_counters(shape, values) == Counters(scans=2)


def test_a_sum_of_which_a_part_ceases_to_answer_is_not_the_sum_of_the_rest() -> None:
    values: dict[str, Value] = {MONO: 6, COLOR: 4}
    shape = counter_rows(answer(Maker("M", (), scans=Sum((MONO, COLOR))), values))
    assert read_counters(shape, values).scans == 10
    assert read_counters(shape, {MONO: 6}).scans is None


@pytest.mark.parametrize(
    ("counters", "cells", "scans"),
    [
        ({112: 1, 113: 9, 122: 2, 123: 8, 108: 99}, {("all", "mono"): 10, ("all", "color"): 10}, None),
        ({108: 5, 122: 1, 123: 2}, {("all", "mono"): 5, ("all", "color"): 3}, None),
        ({109: 300, 124: 100, 102: 400}, {("all", "mono"): 300, ("all", "color"): 100}, None),
        ({109: 300, 124: 100, 102: 900, 101: 800}, {("all", "all"): 800}, None),
        ({109: 300, 124: 100}, {}, None),
        ({301: 70, 201: 30, 101: 100}, {("print", "all"): 70, ("copy", "all"): 30}, None),
        ({301: 70, 201: 30, 101: 200}, {("all", "all"): 200}, None),
        ({103: 5, 104: 6}, {("all", "all"): 11}, None),
        ({501: 9, 503: 1, 504: 2}, {}, 9),
        ({503: 1, 504: 2}, {}, 3),
        ({503: 1}, {}, None),
    ],
)
def test_of_the_counters_that_a_canon_shows_those_count_that_make_a_whole(
    counters: dict[int, int], cells: dict[tuple[str, str], int], scans: int | None
) -> None:
    entry = f"{ENTERPRISES}.1602.1.11.1.3.1"
    found = counted(canon.MAKER, {f"{entry}.4.{number}": count for number, count in counters.items()})
    assert {(function, color): pages for function, color, pages in found.functions} == cells
    assert found.scans == scans


@pytest.mark.parametrize(
    ("types", "cells"),
    [
        ({401: 10, 402: 1, 403: 2, 400: 13}, {("print", "mono"): 10, ("print", "color"): 3}),
        ({401: 10, 403: 2, 400: 40}, {("print", "all"): 40}),
    ],
)
def test_colors_of_a_ricoh_count_where_they_make_up_the_totals_of_its_functions(
    types: dict[int, int], cells: dict[tuple[str, str], int]
) -> None:
    entry = f"{ENTERPRISES}.367.3.2.1.2.19.5.1"
    values: dict[str, Value] = {}
    for row, (kind, count) in enumerate(types.items(), 1):
        values |= {f"{entry}.2.{row}": kind, f"{entry}.9.{row}": count}
    found = counted(ricoh.MAKER, values)
    assert {(function, color): pages for function, color, pages in found.functions} == cells


def test_a_printer_without_a_maker_counts_nothing() -> None:
    assert read_counters(CounterRows(), {MONO: 6}) == Counters()
    assert read_count((), {}) is None


def cell_names(partition: Partition) -> list[tuple[str, str]]:
    return [*partition.cells, *partition.optional]


def check_disjoint(cells: list[tuple[str, str]]) -> None:
    """Assert that no cell spans another: none twice, and no "all" beside a part of it."""
    assert len(set(cells)) == len(cells)
    functions = {function for function, _ in cells}
    assert functions == {"all"} or "all" not in functions
    for function in functions:
        colors = {color for one, color in cells if one == function}
        assert colors == {"all"} or "all" not in colors


@pytest.mark.parametrize("maker", MAKERS, ids=lambda maker: maker.name)
def test_the_partitions_of_a_maker_are_disjoint_whatever_is_answered(maker: Maker) -> None:
    for partition in maker.partitions:
        assert partition.cells
        check_disjoint(cell_names(partition))
        assert {color for _, color in cell_names(partition)} <= {"mono", "color", "all"}


COUNTS: st.SearchStrategy[Value] = st.one_of(
    st.integers(-3, 50), st.integers(0, 2**32), st.sampled_from([b"", b"5", "5", 2**63]), st.binary(max_size=30)
)
WORDS = sorted(
    {
        word
        for maker in MAKERS
        for partition in maker.partitions
        for source in [*partition.cells.values(), *partition.optional.values()]
        for word in ([w for cells in source.where.values() for w in cells] if isinstance(source, Rows) else [])
    },
    key=str,
)


@st.composite
def answers(draw: st.DrawFn) -> tuple[Maker, dict[str, Value]]:
    """Whatever an agent may answer of its maker's objects."""
    maker = draw(st.sampled_from(MAKERS))
    oids = instances(maker)
    values = draw(st.dictionaries(st.sampled_from(oids), COUNTS, max_size=len(oids))) if oids else {}
    keys = st.one_of(COUNTS, st.sampled_from(WORDS).map(lambda word: word.encode() if isinstance(word, str) else word))
    for table in maker.tables:
        for row in draw(st.lists(st.sampled_from([1, 2, 101, 112, 113, 122, 123]), max_size=5, unique=True)):
            for column in table.columns:
                if draw(st.booleans()):
                    values[f"{table.entry}.{column.number}.1.{row}"] = draw(COUNTS if column.volatile else keys)
    return maker, values


@settings(deadline=None)
@given(answers())
def test_whatever_a_printer_answers_its_cells_are_disjoint_counts(one: tuple[Maker, dict[str, Value]]) -> None:
    maker, values = one
    shape = structure({}, {}, private=answer(maker, values))
    found = snapshot(shape, values, {}).counters
    check_disjoint([(function, color) for function, color, _ in found.functions])
    for pages in (*(pages for *_, pages in found.functions), found.scans, found.duplex, found.large):
        assert pages is None or pages >= 0
    assert len(set(shape.volatile)) == len(shape.volatile)
    assert set(shape.volatile) <= values.keys(), "what was not answered is not asked again"


@pytest.mark.parametrize("maker", MAKERS, ids=lambda maker: maker.name)
def test_the_data_of_a_maker_hangs_together(maker: Maker) -> None:
    assert all(oid.startswith(f"{ENTERPRISES}.") and oid.replace(".", "").isdecimal() for oid in instances(maker))
    assert all(f"{number}.1".startswith(f"{ENTERPRISES}.") for number in maker.objects)
    columns = {table.name: {column.name for column in table.columns} for table in maker.tables}
    sources = [
        source for one in maker.partitions for source in (*one.cells.values(), *one.optional.values(), one.check)
    ]
    for source in flat([*sources, maker.scans, maker.duplex, maker.large]):
        if isinstance(source, Rows):
            assert {source.value, *source.where} - {INDEX} <= columns[source.table]
    if isinstance(maker.levels, LevelTable):
        assert {maker.levels.level, *maker.levels.words} <= columns[maker.levels.table]


def flat(sources: list[Source | None]) -> list[Source]:
    """Return the sources and those within them."""
    found: list[Source] = []
    for source in sources:
        parts = source.parts if isinstance(source, Sum) else source.choices if isinstance(source, First) else ()
        found += [source] if source else []
        found += flat(list(parts))
    return found


def test_nothing_of_brothers_endless_tree_is_walked() -> None:
    brother = next(maker for maker in MAKERS if maker.name == "Brother")
    assert all(table.rows for table in brother.tables)


# ---- which maker


@pytest.mark.parametrize(
    ("object_id", "description", "name"),
    [
        ("1.3.6.1.4.1.11.2.3.9.1", b"LaserJet", "HP"),
        ("1.3.6.1.4.1.26696.1", b"", "HP"),
        ("1.3.6.1.4.1.110.1", b"Example", None),
        ("1.3.6.1.4.1.1602.4.7", b"", "Canon"),
        ("1.3.6.1.4.1.367.1.1", b"LANIER MP C1", "Ricoh"),
        ("1.3.6.1.4.1.1347.41", b"TA_UTAX Printing System", "Kyocera"),
        ("1.3.6.1.4.1.18334.1.2.1", b"Develop ineo+ 1", "Konica Minolta"),
        ("1.3.6.1.4.1.297.1.11.93.1", b"FUJIFILM Apeos 1", "Xerox"),
        ("1.3.6.1.4.1.236.11.5.1", b"HP LaserJet MFP 1", "Samsung"),
        ("1.3.6.1.4.1.674.10898.2.1", b"Dell S1", "Lexmark"),
        ("1.3.6.1.4.1.641.1.5", b"TOSHIBA e-STUDIO 1", "Lexmark"),
        ("1.3.6.1.4.1.1129.2.3.1", b"", "Toshiba"),
        ("1.3.6.1.4.1.1129.1.2", b"TOSHIBA TEC B-1", None),  # labels
        ("1.3.6.1.4.1.1248.4.1", b"EPSON projector", None),
        ("0.0", b"HP ETHERNET MULTI-ENVIRONMENT", "HP"),
        (b"\xff", b"Brother NC-1", "Brother"),
        (None, b"something", None),
        (None, None, None),
    ],
)
def test_objects_are_those_of_who_built_the_printer(
    object_id: Value | None, description: Value | None, name: str | None
) -> None:
    found = find(object_id, description)
    assert (found.name if found else None) == name


@pytest.mark.parametrize("object_id", ["1.3.6.1.4.1.8072.3.2.10", "0.0", None])
def test_where_sys_object_id_names_no_maker_the_device_or_its_agent_does(object_id: Value | None) -> None:
    """Agents built on net-snmp answer with its number, and sysDescr is that of Linux."""
    linux = b"Linux NPI012345 4.9.113 armv7l"
    for descriptions in ((linux, b"HP Color LaserJet 1"), (b"HP ETHERNET", None), (b"HP ETHERNET", linux)):
        found = find(object_id, *descriptions)
        assert found
        assert found.name == "HP"
    assert find(object_id, linux, b"Example 1") is None


def test_of_several_devices_that_of_the_printer_names_the_maker() -> None:
    names = {1: b"Brother HL-1", 2: b"RICOH MP 2"}
    tables: Tables = {"hrDevice": {(row,): {"hrDeviceDescr": name} for row, name in names.items()}}
    for chosen, name in ((1, "Brother"), (2, "Ricoh")):
        found = maker_for({"sysDescr": b"Linux"}, tables, chosen)
        assert found
        assert found.name == name


def test_no_printer_is_of_two_makers() -> None:
    prefixes = [f"{prefix}." for maker in MAKERS for prefix in maker.objects]
    assert not [(a, b) for a in prefixes for b in prefixes if a is not b and a.startswith(b)]
    assert all(maker_of("", maker.name) == maker.name for maker in MAKERS)


# ---- identity


SERIAL_OID, SECOND_OID, MODEL_OID, FIRMWARE_OID = "8.21", "8.22", "8.23", "8.24"
TELLING = Maker("M", (), serial=(SERIAL_OID, SECOND_OID), model=(MODEL_OID,), firmware=(FIRMWARE_OID,))
TOLD: dict[str, Value] = {SERIAL_OID: b"\0 ", SECOND_OID: b"\x01\x15S1\0", MODEL_OID: b"Model 1", FIRMWARE_OID: b"1.2"}


def test_where_the_standard_says_nothing_the_makers_objects_tell_who_answers() -> None:
    shape = structure({"sysDescr": b"some agent"}, {}, private=answer(TELLING, TOLD))
    assert (shape.identity.model, shape.identity.serial, shape.identity.firmware) == ("Model 1", "S1", "1.2")
    assert SECOND_OID in shape.watched, "another printer may answer at any time"
    assert SECOND_OID in shape.volatile


def test_what_the_standard_says_stands() -> None:
    tables: Tables = {
        "hrDevice": {(1,): {"hrDeviceType": mib.HR_DEVICE_PRINTER, "hrDeviceDescr": b"Standard"}},
        **rows("prtGeneral", {1: {"SerialNumber": b"S0"}}),
    }
    shape = structure({"sysDescr": b"Firmware Ver.9.9 SN:S2SN2"}, tables, private=answer(TELLING, TOLD))
    assert (shape.identity.model, shape.identity.serial, shape.identity.firmware) == ("Standard", "S0", "9.9")
    assert SECOND_OID not in shape.volatile


def test_a_makers_object_for_the_serial_number_goes_before_a_guess_from_words() -> None:
    told = structure({"sysDescr": b"Printer SN:S2SN2"}, {}, private=answer(TELLING, TOLD))
    silent = structure({"sysDescr": b"Printer SN:S2SN2"}, {}, private=answer(TELLING, {}))
    assert (told.identity.serial, silent.identity.serial) == ("S1", "S2SN2")


# ---- levels

LEVELS = mib.Table("l", "9.2", (mib.Column("name", 1), mib.Column("descr", 2), mib.Column("level", 3, volatile=True)))
BY_TABLE = Maker(
    "M",
    (),
    tables=(LEVELS,),
    levels=LevelTable("makersLevel", "l", ("name", "descr"), "level", {-3: Level.SOME, -100: Level.LOW}),
)
BY_RECORD = Maker(
    "M", (), levels=LevelRecords("makersRecords", "8.30", {("toner", "black"): 1, ("drum", ""): 2}, full=10_000)
)


def supplies(
    maker: Maker, values: dict[str, Value], tables: Tables, rules: tuple[SupplyRule, ...] = ()
) -> list[Supply]:
    """Decode supplies beside what the maker's own objects hold."""
    shape = structure({}, tables, rules, private=answer(maker, values))
    return list(snapshot(shape, {**standard_values(tables, shape), **values}, {}).supplies)


def standard_values(tables: Tables, shape: Structure) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for row in shape.supplies:
        cells = tables["prtMarkerSupplies"][1, row.row]
        found[row.level_oid] = cells["prtMarkerSuppliesLevel"]
        found[row.capacity_oid] = cells["prtMarkerSuppliesMaxCapacity"]
    return found


@pytest.mark.parametrize(
    ("standard", "own", "says", "ratio", "is_own"),
    [
        (-3, 30, Level.KNOWN, 0.3, True),
        (-2, 30, Level.KNOWN, 0.3, True),
        (-3, 0, Level.KNOWN, 0.0, True),
        (-3, -100, Level.LOW, None, True),
        (-2, -3, Level.SOME, None, True),
        (-3, -2, Level.SOME, None, False),
        (-3, 101, Level.SOME, None, False),
        (-3, b"30", Level.SOME, None, False),
        (-2, -2, Level.UNKNOWN, None, False),
        (-1, 30, Level.UNRESTRICTED, None, False),
        (50, 30, Level.KNOWN, 0.5, False),
        (50, -100, Level.KNOWN, 0.5, False),
        (0, 30, Level.KNOWN, 0.0, False),
        (101, 30, Level.IMPLAUSIBLE, None, False),
    ],
)
def test_a_makers_level_counts_only_where_the_standard_knows_none(
    standard: int, own: Value, says: Level, ratio: float | None, is_own: bool
) -> None:
    values: dict[str, Value] = {"9.2.1.1": b"", "9.2.2.1": b"Black Toner", "9.2.3.1": own}
    (found,) = supplies(BY_TABLE, values, supply_rows({"Level": standard}))
    assert (found.says, found.ratio, found.source) == (says, ratio, "makersLevel" if is_own else "")


def test_makers_rows_are_tied_to_supplies_by_their_words_not_by_their_numbers() -> None:
    values: dict[str, Value] = {}
    own = (b"Cyan Toner", 20), (b"Toner (noir)", 90), (b"Something", 1), (b"Drum", 70)
    for row, (name, level) in enumerate(own, 1):
        values |= {f"9.2.1.{row}": name, f"9.2.3.{row}": level}
    described: list[Row] = [
        {"Level": -3, "Description": text} for text in (b"Black Toner", b"Cyan Toner", b"Magenta Toner")
    ]
    found = supplies(BY_TABLE, values, supply_rows(*described))
    assert [(supply.row.supply, supply.ratio) for supply in found] == [
        ("Black toner", 0.9),
        ("Cyan toner", 0.2),
        ("Magenta toner", None),
    ]


@pytest.mark.parametrize("twice", ["supply", "level"])
def test_a_level_that_may_be_of_two_supplies_is_of_none(twice: str) -> None:
    values: dict[str, Value] = {"9.2.1.1": b"Black Toner", "9.2.3.1": 30}
    if twice == "level":
        values |= {"9.2.1.2": b"Toner black", "9.2.3.2": 40}
    found = supplies(BY_TABLE, values, supply_rows(*[{"Level": -3}] * (2 if twice == "supply" else 1)))
    assert {supply.ratio for supply in found} == {None}


def test_levels_within_octets_are_shares_of_what_a_full_supply_has() -> None:
    values: dict[str, Value] = {"8.30": bytes.fromhex("01010400001db0" + "02010400000000" + "ffffffff")}
    tables = supply_rows({"Level": -3}, {"Level": -3, "Type": 9, "Description": b"Drum"})
    found = supplies(BY_RECORD, values, tables)
    assert [(supply.ratio, supply.source) for supply in found] == [(0.76, "makersRecords"), (0.0, "makersRecords")]


def test_a_supply_that_a_rule_inverts_is_not_told_by_the_maker() -> None:
    values: dict[str, Value] = {"9.2.1.1": b"Black Toner", "9.2.3.1": 30}
    rule = SupplyRule(match=SupplyMatch(kind="toner"), invert=True)
    (found,) = supplies(BY_TABLE, values, supply_rows({"Level": -3}), (rule,))
    assert (found.says, found.ratio) == (Level.SOME, None)


@pytest.mark.parametrize(
    ("thresholds", "status"),
    [
        (Thresholds(), Severity.ERROR),
        (Thresholds(warning=0.5, error=0.3), Severity.ERROR),
        (Thresholds(warning=0.15, error=0.05), Severity.WARNING),
    ],
)
def test_nearly_empty_is_below_a_tenth_and_no_more_is_known(thresholds: Thresholds, status: Severity) -> None:
    values: dict[str, Value] = {"9.2.1.1": b"Black Toner", "9.2.3.1": -100}
    shape = structure({}, supply_rows({"Level": -3}), (), thresholds, answer(BY_TABLE, values))
    (found,) = snapshot(shape, {**standard_values(supply_rows({"Level": -3}), shape), **values}, {}).supplies
    assert level_status(found) is status
