"""For every value, the object it came from and the rule that was applied."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.config import SupplyMatch, SupplyRule, Thresholds
from exporter.printers import mib
from exporter.printers.explain import Fact, Source, explain
from exporter.snmp.session import Value
from tests.support.snmprec import RECORDINGS, read

M = "1.3.6.1.2.1.43"
SUPPLIES = f"{M}.11.1.1"
VALUES = st.one_of(
    st.integers(-3, 1200), st.binary(max_size=8), st.sampled_from(["1.3.6.1.2.1.25.3.1.5", "1.3.6.1.4.1.2435.2"])
)
INSTANCES = st.one_of(
    st.sampled_from([scalar.oid for scalar in mib.SYSTEM]),
    st.builds(
        lambda column, index: f"{column}.{index}",
        st.sampled_from([f"{table.entry}.{column.number}" for table in mib.TABLES for column in table.columns]),
        st.sampled_from(["1", "1.1", "1.2", "2.1", "1.1.1"]),
    ),
)


def supply(**columns: Value) -> dict[str, Value]:
    """Return the raw values of one supply of device 1, row 1; columns by the end of their names."""
    numbers = {"colorant": 3, "type": 5, "description": 6, "unit": 7, "maximum": 8, "level": 9}
    row: dict[str, Value] = {"type": 3, "description": b"Toner", "unit": 7, "maximum": 100, "level": 50}
    return {f"{SUPPLIES}.{numbers[name]}.1.1": value for name, value in (row | columns).items()}


def charset(number: int) -> dict[str, Value]:
    return {f"{M}.5.1.1.2.1": 1, f"{M}.7.1.1.4.1.1": number}


def colorant(text: bytes) -> dict[str, Value]:
    return {f"{M}.12.1.1.4.1.1": text}


def alert(**columns: int) -> dict[str, Value]:
    numbers = {"severity": 2, "training": 3, "group": 4, "row": 5, "code": 7}
    return {f"{M}.18.1.1.{numbers[name]}.1.7": value for name, value in columns.items()}


def fact(facts: tuple[Fact, ...], what: str, of: str = "") -> Fact:
    return next(each for each in facts if each.what == what and of in each.of)


@pytest.mark.parametrize(
    ("columns", "shown", "rule"),
    [
        ({}, "50%", "50 of 100"),
        ({"unit": 19, "maximum": -2}, "50%", "per cent without a maximum"),
        ({"level": -3}, "some", "-3: some left"),
        ({"level": -2}, "unknown", "-2: unknown"),
        ({"level": -1}, "unrestricted", "-1: no restriction"),
        ({"maximum": -2}, "unknown", "no level with a maximum"),
        ({"level": 101}, "implausible", "more than the maximum, or a maximum of 0"),
        ({"level": b"x"}, "unknown", "no level with a maximum"),
    ],
)
def test_a_level_names_its_objects_and_its_rule(columns: dict[str, Any], shown: str, rule: str) -> None:
    level = fact(explain(supply(**columns)), "level")
    assert (level.of, level.shown, level.rule) == ("Toner", shown, rule)
    assert [source.name for source in level.sources] == [
        "prtMarkerSuppliesLevel.1.1",
        "prtMarkerSuppliesMaxCapacity.1.1",
        "prtMarkerSuppliesSupplyUnit.1.1",
    ]


def test_a_source_shows_the_object_its_oid_and_the_value_with_its_type() -> None:
    raw = supply() | {"1.3.6.1.2.1.1.2.0": "1.3.6.1.4.1.11.2", f"{M}.5.1.1.17.1": b"A\0"}
    facts = explain(raw)
    assert fact(facts, "level").sources[0] == Source("prtMarkerSuppliesLevel.1.1", f"{SUPPLIES}.9.1.1", "integer 50")
    assert fact(facts, "vendor").sources[0].raw == "object identifier 1.3.6.1.4.1.11.2"
    assert fact(facts, "description").sources[0].raw == 'octets "Toner"'
    assert fact(facts, "serial").sources[0].raw == "octets 41 00"


@pytest.mark.parametrize(
    ("columns", "shown", "rule"),
    [
        ({"type": 3, "description": b"Trommel"}, "toner", "by prtMarkerSuppliesType 3"),
        ({"type": 1, "description": b"Trommel"}, "drum", "by its words, since the type says no more"),
        ({"type": 1, "description": b"Clean Rollers"}, "other", "neither type nor words tell"),
    ],
)
def test_a_kind_comes_from_the_type_or_from_words(columns: dict[str, Any], shown: str, rule: str) -> None:
    kind = fact(explain(supply(**columns)), "kind")
    assert (kind.shown, kind.rule) == (shown, rule)


def test_a_color_comes_from_the_colorant_or_from_words() -> None:
    told = fact(explain(supply(colorant=1, description=b"TK-1") | colorant(b"cyan")), "color")
    assert (told.shown, told.rule) == ("cyan", "by prtMarkerColorantValue")
    assert told.sources[-1].raw == 'octets "cyan"'
    words = fact(explain(supply(colorant=1, description=b"Toner cyan") | colorant(b"other")), "color")
    assert (words.shown, words.rule) == ("cyan", "by its words or part number, since the colorant says no more")
    none = fact(explain(supply(description=b"Toner")), "color")
    assert (none.shown, none.rule) == ("-", "none told, or a kind without colors")


def test_a_description_tells_what_was_split_off_and_how_it_was_read() -> None:
    tail = fact(explain(supply(description=b"Black Toner CF410X S/N:123456")), "description")
    assert (tail.shown, tail.rule) == ("Black Toner CF410X; part CF410X", "a part or serial number split off")
    utf_8 = fact(explain(supply(description="Behälter".encode()) | charset(2004)), "description")
    assert utf_8.rule == "read as utf-8 though hp-roman8 is declared"
    latin = fact(explain(supply(description="Behälter".encode("latin-1")) | charset(4)), "description")
    assert latin.rule == "read as latin-1"
    assert fact(explain(supply()), "description").rule == "as it is"
    told = fact(explain(supply() | charset(4)), "charset")
    assert [source.name for source in told.sources] == [
        "prtGeneralCurrentLocalization.1",
        "prtLocalizationCharacterSet.1.1",
    ]


def test_a_name_tells_whether_it_is_the_printers_own() -> None:
    assert fact(explain(supply()), "name").rule == "from kind and color"
    own = fact(explain(supply(type=1, description=b"Clean Rollers")), "name")
    assert (own.shown, own.rule) == ("Clean Rollers", "the printer's own words, since the kind is other")
    second = {f"{oid.removesuffix('.1.1')}.1.2": value for oid, value in supply().items()}
    assert fact(explain(supply() | second), "name", "Toner 2").rule == "from kind and color; told apart by a number"


def test_a_status_names_the_witness_that_decides() -> None:
    calm = fact(explain(supply()), "status", "Toner")
    assert (calm.shown, calm.rule) == ("ok", "its level: warning up to 20%, error below 10%")
    row = fact(explain(supply() | alert(severity=5, group=11, row=1, code=1104)), "status", "Toner")
    assert (row.shown, row.rule) == ("warning", "an alert row about it, worse than its level")
    bit = {"1.3.6.1.2.1.25.3.5.1.2.1": b"\x20"}
    low = explain(supply() | bit)
    assert fact(low, "status", "Toner").rule == "an error bit that can mean this supply only, worse than its level"
    assert fact(low, "status", "Printer").rule == "the worst of supplies warning, alert rows ok, error bits warning"
    assert fact(low, "error bits").rule == "bit 2: low_toner"
    both = fact(explain(supply() | {"1.3.6.1.2.1.25.3.5.1.2.1": b"\x28"}), "error bits")
    assert (both.shown, both.rule) == ("door_open, low_toner", "bit 2: low_toner; bit 4: door_open")
    assert fact(explain(supply(level=-2)), "status", "Toner").rule == "neither level, alert row nor bit tells"


def test_rules_of_the_config_are_named() -> None:
    match = SupplyMatch(kind="toner")
    inverted = SupplyRule(match=match, invert=True, thresholds=Thresholds(warning=0.6, error=0.1))
    facts = explain(supply(level=30), [inverted])
    assert fact(facts, "level").rule == "30 of 100; turned round by a rule"
    assert fact(facts, "status", "Toner").rule == "its level: warning up to 60%, error below 10%, of a rule"
    ignored = fact(explain(supply(), [SupplyRule(match=match, ignore=True)]), "ignored")
    assert (ignored.of, ignored.rule) == ("Toner", "a rule of the config")


@pytest.mark.parametrize(
    ("columns", "shown", "rule"),
    [
        ({"severity": 3, "group": 6, "code": 3}, "critical: coverOpen (cover)", "critical by prtAlertSeverityLevel"),
        ({"severity": 5, "group": 8, "code": 807}, "warning: inputMediaSupplyLow (input)", "any other"),
        ({"severity": 4, "group": 5, "code": 503}, "information: powerUp (generalPrinter)", "healthy"),
        ({"severity": 5, "group": 10, "code": 1001}, "information: markerFuserUnder", "sleeps or warms up"),
        ({"severity": 1, "group": 1, "code": 1}, "left out", "idle, ready or asleep"),
    ],
)
def test_an_alert_row_tells_how_it_got_its_level(columns: dict[str, int], shown: str, rule: str) -> None:
    found = fact(explain(supply() | alert(**columns)), "alert")
    assert found.of == "Alert row 1.7"
    assert found.shown.startswith(shown)
    assert rule in found.rule


def test_the_alert_of_an_empty_manual_tray_is_information() -> None:
    tray: dict[str, Value] = {f"{M}.8.2.1.2.1.1": 5, f"{M}.8.2.1.13.1.1": b"Manual", f"{M}.8.2.1.10.1.1": 0}
    found = fact(explain(tray | alert(severity=5, group=8, row=1, code=808)), "alert")
    assert (found.shown, found.rule) == (
        "information: inputMediaSupplyEmpty (input)",
        "a tray fed by hand may be empty",
    )


def test_the_device_index_tells_how_it_was_chosen() -> None:
    facts = explain(read(RECORDINGS / "row-five-german.snmprec"))
    assert (fact(facts, "hrDeviceIndex").shown, fact(facts, "hrDeviceIndex").rule) == ("5", "its type is printer")
    by_row = fact(explain(supply() | {"1.3.6.1.2.1.25.3.5.1.1.1": 3}), "hrDeviceIndex")
    assert by_row.rule == "no type says printer; it has a row in hrPrinterTable"
    assert fact(explain(supply()), "hrDeviceIndex").rule == "no type says printer; the Printer-MIB's rows have it"


def test_the_identity_names_the_object_that_told_it() -> None:
    facts = explain(supply() | {"1.3.6.1.2.1.1.1.0": b"HP ETHERNET,SN:VNB8K6Q02T,PID:HP M477"})
    assert fact(facts, "serial").shown == "VNB8K6Q02T"
    assert (fact(facts, "serial").rule, fact(facts, "serial").sources[0].name) == (
        "found within the text",
        "sysDescr.0",
    )
    assert fact(facts, "firmware").rule == "not told"
    assert fact(facts, "vendor").rule == "by the name in the model or in sysDescr"


def test_trays_covers_and_bins_name_their_objects() -> None:
    facts = explain(read(RECORDINGS / "row-five-german.snmprec"))
    assert fact(facts, "name", "Kassette 1").rule == "from prtInputDescription"
    assert fact(facts, "kind", "Kassette 1").rule == "by prtInputType 3"
    assert fact(facts, "kind", "Mehrzweckfach").rule == "by its words"
    assert fact(facts, "level", "Kassette 1").rule == "250 of 500"
    cover = fact(facts, "cover")
    assert (cover.shown, cover.sources[0].name) == ("closed", "prtCoverStatus.5.1")


def test_what_a_maker_knows_better_names_its_object() -> None:
    facts = explain(read(RECORDINGS / "brother-color-mfp.snmprec"))
    level = fact(facts, "level", "Black toner")
    assert level.shown.endswith("%")
    assert level.rule == "brInfoMaintenance, of 10000, since the standard's level says no more"
    assert level.sources[0].name == "Brother's own"
    counters = [each for each in facts if each.of == "Maker's counters"]
    assert counters
    assert all(each.sources for each in counters)


@pytest.mark.parametrize("recording", sorted(RECORDINGS.glob("*.snmprec")), ids=lambda path: path.stem)
def test_every_object_named_was_answered_and_has_a_name(recording: Path) -> None:
    raw = read(recording)
    for each in explain(raw):
        assert each.rule
        assert all(source.oid in raw and source.name for source in each.sources)


@given(st.dictionaries(INSTANCES, VALUES, max_size=40))
def test_whatever_a_printer_says_can_be_explained(raw: dict[str, Value]) -> None:
    assert fact(explain(raw), "status", "Printer").rule
