"""A printer's record as lines of /metrics: the exact text, what stays and goes, and that both formats stay valid."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from pydantic import SecretStr

from exporter.config import (
    CommunityCredentials,
    DayWindow,
    ExpectedOff,
    Printer,
    SupplyMatch,
    SupplyRule,
    Thresholds,
)
from exporter.metrics.exporter import Self, self_registry
from exporter.metrics.families import PRINTER_FAMILIES
from exporter.metrics.lines import Lines, format_value
from exporter.metrics.printers import render
from exporter.printers.lifecycle import AlertCount, SupplyLife, Tally
from exporter.printers.model import Counters, Failure, Poll, Snapshot
from exporter.printers.record import Record, after_poll
from exporter.web.exposition import stream
from tests.test_decode import Row, Tables, host, poll, random_snapshots, rows, supply_rows

AT = 1_700_000_000.5
OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def printer(
    name: str = "Accounting",
    *,
    maintenance: bool | None = None,
    expected_off: ExpectedOff | None = None,
    thresholds: Thresholds | None = None,
) -> Printer:
    return Printer(
        name=name,
        host="192.0.2.28",
        port=161,
        credentials=CommunityCredentials(version="2c", community=SecretStr("public")),
        location="B1",
        labels=(),
        interval=0,
        maintenance=maintenance,
        expected_off=expected_off,
        supplies=(),
        thresholds=thresholds or Thresholds(),
    )


def result(outcome: Snapshot | Failure, at: float = AT, uptime: float | None = 1000.25) -> Poll:
    return Poll(outcome, at=at, duration=0.25, requests=4, address="192.0.2.28", version="2c", uptime=uptime)


def settle(*outcomes: Snapshot | Failure, excused: bool = False, uptime: float | None = 1000.25) -> Record:
    """Return the record after these outcomes, a minute apart."""
    record = Record()
    for minute, outcome in enumerate(outcomes):
        at = AT + 60 * minute
        record = after_poll(record, result(outcome, at, uptime), excused=excused, offline_after=3, retain=604_800)
    return record


def lines_of(record: Record, of: Printer | None = None, place: Iterable[tuple[str, str]] = ()) -> Lines:
    return render(of or printer(), record, [("location", "B1"), *place])


def exposition(*printers: Lines, accept: str = "") -> str:
    return b"".join(stream(accept, [(PRINTER_FAMILIES, printers)], None)).decode()


def samples(lines: Lines) -> dict[str, float]:
    """Return the value of each series, without the labels that all of them carry."""
    found = [line.rpartition(" ") for part in lines.values() for line in part.decode().splitlines()]
    return {
        series.replace('printer="Accounting",location="B1"', "").replace("{,", "{"): float(v) for series, _, v in found
    }


def names(lines: Lines) -> set[str]:
    return {family.name for family in lines}


SMALL: Tables = {
    **host(hrDeviceDescr=b"HP LaserJet", hrPrinterStatus=3, hrPrinterDetectedErrorState=b"\x20"),
    **rows("prtGeneral", {1: {"SerialNumber": b"VNB3J00001"}}),
    **supply_rows(
        {"Description": b"Black Cartridge HP CF410X", "Level": 15},
        {"Type": 20, "Description": b"Transfer Kit", "SupplyUnit": 7, "MaxCapacity": 150_000, "Level": 120_000},
        {"Type": 32, "Description": b"Staples", "SupplyUnit": 18, "MaxCapacity": -2, "Level": -3},
        {"Type": 15, "Description": b"Fuser", "Level": -2},
    ),
    **rows(
        "prtInput",
        {
            1: {"Type": 5, "Name": b"Tray 1", "CapacityUnit": 8, "MaxCapacity": 100, "CurrentLevel": -3},
            2: {
                "Type": 3,
                "Name": b"Tray 2",
                "CapacityUnit": 8,
                "MaxCapacity": 550,
                "CurrentLevel": 110,
                "MediaName": b"A4",
            },
        },
    ),
    **rows("prtOutput", {1: {"Name": b"Top", "MaxCapacity": 200, "RemainingCapacity": 50}}),
    **rows("prtCover", {1: {"Description": b"Front", "Status": 3}}),
    **rows("prtMarker", {1: {"CounterUnit": 7, "LifeCount": 1234}}),
}
TONER_LOW: Row = {
    "SeverityLevel": 5, "TrainingLevel": 3, "Group": 11, "GroupIndex": 1, "Code": 1104, "Description": b"Toner low"
}  # fmt: skip
LOW_FUSER = SupplyRule(match=SupplyMatch(kind="fuser"), thresholds=Thresholds(warning=0.05, error=0.01))
SYSTEM: Mapping[str, bytes | int | str] = {
    "sysName": b"prn-1",
    "sysDescr": b"Firmware Ver.1.01",
    "sysObjectID": "1.3.6.1.4.1.11.2.3.9.1",
}
SNAPSHOT = poll(SMALL, [LOW_FUSER], {2: TONER_LOW, 3: TONER_LOW}, SYSTEM)

TEXT = """\
printer_up{P} 1
printer_status{P,status="ok"} 0
printer_status{P,status="warning"} 1
printer_status{P,status="error"} 0
printer_status{P,status="offline"} 0
printer_status{P,status="unknown"} 0
printer_status_changed_timestamp_seconds{P} 1700000000.5
printer_info{P,address="192.0.2.28",vendor="HP",model="HP LaserJet",serial="VNB3J00001",firmware="1.01",hostname="prn-1"} 1
printer_supply_level_ratio{P,supply="Black toner",kind="toner",color="black"} 0.15
printer_supply_level_ratio{P,supply="Transfer unit",kind="transfer_unit",color=""} 0.8
printer_supply_status{P,supply="Black toner",kind="toner",color="black"} 1
printer_supply_status{P,supply="Transfer unit",kind="transfer_unit",color=""} 0
printer_supply_status{P,supply="Staples",kind="staples",color=""} 0
printer_supply_status_changed_timestamp_seconds{P,supply="Black toner",kind="toner",color="black"} 1700000000.5
printer_supply_status_changed_timestamp_seconds{P,supply="Transfer unit",kind="transfer_unit",color=""} 1700000000.5
printer_supply_status_changed_timestamp_seconds{P,supply="Staples",kind="staples",color=""} 1700000000.5
printer_supply_used_ratio_total{P,supply="Black toner",kind="toner",color="black"} 0.0
printer_supply_used_ratio_total{P,supply="Transfer unit",kind="transfer_unit",color=""} 0.0
printer_supply_tracked_since_timestamp_seconds{P,supply="Black toner",kind="toner",color="black"} 1700000000.5
printer_supply_tracked_since_timestamp_seconds{P,supply="Transfer unit",kind="transfer_unit",color=""} 1700000000.5
printer_supply_replaced_total{P,supply="Black toner",kind="toner",color="black"} 0
printer_supply_replaced_total{P,supply="Transfer unit",kind="transfer_unit",color=""} 0
printer_supply_info{P,supply="Black toner",kind="toner",color="black",description="Black Cartridge HP CF410X",part="CF410X",unit="percent"} 1
printer_supply_info{P,supply="Transfer unit",kind="transfer_unit",color="",description="Transfer Kit",part="",unit="impressions"} 1
printer_supply_info{P,supply="Staples",kind="staples",color="",description="Staples",part="",unit="items"} 1
printer_supply_info{P,supply="Fuser",kind="fuser",color="",description="Fuser",part="",unit="percent"} 1
printer_supply_capacity{P,supply="Transfer unit",kind="transfer_unit",color="",unit="impressions"} 150000
printer_supply_level{P,supply="Transfer unit",kind="transfer_unit",color="",unit="impressions"} 120000
printer_supply_threshold_ratio{P,level="warning"} 0.2
printer_supply_threshold_ratio{P,level="error"} 0.1
printer_supply_threshold_ratio{P,level="warning",supply="Fuser"} 0.05
printer_supply_threshold_ratio{P,level="error",supply="Fuser"} 0.01
printer_supply_implausible{P} 0
printer_pages_total{P,serial="VNB3J00001",unit="impressions"} 1234
printer_month_pages{P,month="2023-11"} 0
printer_page_anomalies_total{P} 0
printer_tray_level_ratio{P,tray="Tray 2",kind="removable",media="A4"} 0.2
printer_tray_sheets{P,tray="Tray 2",kind="removable",media="A4"} 110
printer_tray_capacity_sheets{P,tray="Tray 1",kind="manual",media=""} 100
printer_tray_capacity_sheets{P,tray="Tray 2",kind="removable",media="A4"} 550
printer_output_level_ratio{P,bin="Top"} 0.25
printer_cover_open{P,cover="Front"} 1
printer_error{P,error="low_paper"} 0
printer_error{P,error="no_paper"} 0
printer_error{P,error="low_toner"} 1
printer_error{P,error="no_toner"} 0
printer_error{P,error="door_open"} 0
printer_error{P,error="jammed"} 0
printer_error{P,error="taken_offline"} 0
printer_error{P,error="service_requested"} 0
printer_error{P,error="input_tray_missing"} 0
printer_error{P,error="output_tray_missing"} 0
printer_error{P,error="marker_supply_missing"} 0
printer_error{P,error="output_near_full"} 0
printer_error{P,error="output_full"} 0
printer_error{P,error="input_tray_empty"} 0
printer_error{P,error="overdue_maintenance"} 0
printer_alert{P,level="warning",code="markerTonerAlmostEmpty",group="markerSupplies",training="untrained"} 1
printer_alert_info{P,level="warning",code="markerTonerAlmostEmpty",group="markerSupplies",training="untrained",description="Toner low"} 1
printer_alert_events_total{P,code="markerTonerAlmostEmpty",group="markerSupplies",level="warning"} 0
printer_jams_total{P} 0
printer_state{P,state="other"} 0
printer_state{P,state="unknown"} 0
printer_state{P,state="idle"} 1
printer_state{P,state="printing"} 0
printer_state{P,state="warmup"} 0
printer_last_success_timestamp_seconds{P} 1700000000.5
printer_boot_timestamp_seconds{P} 1699999000.25
printer_poll_duration_seconds{P} 0.25
printer_poll_requests{P} 4
printer_polls_total{P} 1
printer_poll_failures_total{P,reason="timeout"} 0
printer_poll_failures_total{P,reason="refused"} 0
printer_poll_failures_total{P,reason="resolve"} 0
printer_poll_failures_total{P,reason="auth"} 0
printer_poll_failures_total{P,reason="protocol"} 0
printer_poll_failures_total{P,reason="deadline"} 0
printer_poll_failures_total{P,reason="internal"} 0
printer_poll_faults_total{P} 0
"""  # noqa: E501


def test_a_small_printer_is_these_lines() -> None:
    lines = lines_of(settle(SNAPSHOT), place=[("department", "finance")])
    written = [line for line in exposition(lines).splitlines(keepends=True) if not line.startswith("#")]
    assert "".join(written) == TEXT.replace("{P", '{printer="Accounting",location="B1",department="finance"')


# ---- both formats

HOSTILE = ['"', "\\", "\n", 'a"} 1\nprinter_up{printer="fake', "\\n", "\\\\", "Büro 5. OG", "日本", "", " ", "a,b=c{}"]


def families(text: str, *, openmetrics: bool) -> list[Metric]:
    parse: Callable[[str], Iterable[Metric]] = parse_openmetrics if openmetrics else parse_text
    return list(parse(text))


def check(text: str, *, openmetrics: bool) -> list[Metric]:
    """Assert that the exposition is valid: no series twice, one TYPE and one HELP a family, none interleaved."""
    found = families(text, openmetrics=openmetrics)
    series = Counter((s.name, frozenset(s.labels.items())) for family in found for s in family.samples)
    assert [one for one, count in series.items() if count > 1] == []
    lines = text.splitlines()
    for mark in ("# TYPE ", "# HELP "):
        described = [line.split()[2] for line in lines if line.startswith(mark)]
        assert len(set(described)) == len(described)
    heads = [line.partition("{")[0].partition(" ")[0] for line in lines if not line.startswith("#")]
    changes = [name for before, name in zip(["", *heads], heads, strict=False) if before != name]
    assert len(set(changes)) == len(changes)
    assert (lines[-1:] == ["# EOF"]) is openmetrics
    return found


@pytest.mark.parametrize("accept", ["", OPENMETRICS])
@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_names_come_back_as_they_went_in(accept: str, hostile: str) -> None:
    record = settle(poll(SMALL))
    lines = lines_of(record, printer(name=hostile), [("floor", hostile)])
    for family in check(exposition(lines, accept=accept), openmetrics=bool(accept)):
        for sample in family.samples:
            assert (sample.labels["printer"], sample.labels["floor"]) == (hostile, hostile)


@pytest.mark.parametrize("accept", ["", OPENMETRICS])
def test_a_device_cannot_break_out_of_its_labels(accept: str) -> None:
    evil = b'"} 1\nprinter_up{printer="x\\'
    tables = rows("prtCover", {1: {"Description": evil, "Status": 3}}) | supply_rows({"Type": 1, "Description": evil})
    found = check(exposition(lines_of(settle(poll(tables))), accept=accept), openmetrics=bool(accept))
    labels = {family.name: [s.labels for s in family.samples] for family in found}
    assert [row["printer"] for row in labels["printer_up"]] == ["Accounting"]
    assert [row["cover"] for row in labels["printer_cover_open"]] == ['"} 1 printer_up{printer="x\\']


@settings(deadline=None)
@given(
    random_snapshots(),
    random_snapshots(),
    st.lists(st.sampled_from(["timeout", "internal", "x"]), max_size=4),
    st.booleans(),
)
def test_whatever_a_device_says_no_series_is_there_twice(
    first: Snapshot, second: Snapshot, failures: list[str], excused: bool
) -> None:
    record = settle(first, second, *(Failure(reason, "") for reason in failures), excused=excused)
    other = settle(second)
    for accept in ("", OPENMETRICS):
        text = exposition(lines_of(record), lines_of(other, printer("Other")), accept=accept)
        check(text, openmetrics=bool(accept))


@pytest.mark.parametrize("accept", ["", OPENMETRICS])
def test_the_self_metrics_stand_behind_the_printers_in_one_valid_document(accept: str) -> None:
    state = Self(
        printers=1,
        cameras=1,
        state_writable=True,
        cycles=2,
        cycle_duration=0.5,
        reload_succeeded=True,
        reload_success_at=AT,
    )
    text = b"".join(
        stream(accept, [(PRINTER_FAMILIES, [lines_of(settle(SNAPSHOT))])], self_registry(lambda: state))
    ).decode()
    found = {sample.name: sample.value for family in check(text, openmetrics=bool(accept)) for sample in family.samples}
    assert found["printer_up"] == 1
    assert found["printcam_exporter_devices"] == 1
    assert found["printcam_exporter_cycles_total"] == 2
    assert found["printcam_exporter_cycle_duration_seconds"] == 0.5
    assert found["printcam_exporter_config_last_reload_successful"] == 1


def test_before_the_first_cycle_ends_it_has_no_duration() -> None:
    state = Self(
        printers=0,
        cameras=0,
        state_writable=False,
        cycles=0,
        cycle_duration=None,
        reload_succeeded=False,
        reload_success_at=AT,
    )
    registry = self_registry(lambda: state)
    assert registry.get_sample_value("printcam_exporter_cycle_duration_seconds") is None
    assert registry.get_sample_value("printcam_exporter_config_last_reload_successful") == 0


def test_names_follow_their_kind_and_no_two_families_share_one_in_openmetrics() -> None:
    for family in PRINTER_FAMILIES:
        assert family.name.endswith("_total") == (family.kind == "counter")
        assert family.kind != "info" or family.name.endswith("_info")
    typed = [family.header(openmetrics=True).split("# TYPE ")[1].split()[0] for family in PRINTER_FAMILIES]
    assert len(set(typed)) == len(typed)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (True, "1"),
        (1234, "1234"),
        (2**63 - 1, "9223372036854775807"),
        (0.0, "0.0"),
        (0.1, "0.1"),
        (1 / 3, "0.333333"),
        (1_700_000_000.123, "1700000000.123"),
    ],
)
def test_numbers_are_written_in_full(value: float, text: str) -> None:
    assert format_value(value) == text


# ---- what is there, and when


def test_before_the_first_poll_ends_there_is_nothing() -> None:
    assert lines_of(Record()) == {}


def test_a_printer_that_never_answered_shows_only_that() -> None:
    found = samples(lines_of(settle(Failure("timeout", ""))))
    assert found["printer_up{}"] == 0
    assert found['printer_status{status="unknown"}'] == 1
    assert found['printer_poll_failures_total{reason="timeout"}'] == 1
    assert names(lines_of(settle(Failure("timeout", "")))) == {
        "printer_up",
        "printer_status",
        "printer_status_changed_timestamp_seconds",
        "printer_supply_threshold_ratio",
        "printer_poll_duration_seconds",
        "printer_poll_requests",
        "printer_polls_total",
        "printer_poll_failures_total",
        "printer_poll_faults_total",
    }


MOMENTARY = {
    "printer_output_level_ratio",
    "printer_cover_open",
    "printer_error",
    "printer_alert",
    "printer_alert_info",
    "printer_state",
}


def test_offline_takes_the_momentary_values_away_and_no_others() -> None:
    timeout = Failure("timeout", "")
    all_names = names(lines_of(settle(SNAPSHOT)))
    assert names(lines_of(settle(SNAPSHOT, timeout, timeout))) == all_names
    offline = lines_of(settle(SNAPSHOT, timeout, timeout, timeout))
    assert names(offline) == all_names - MOMENTARY
    found = samples(offline)
    assert (found["printer_up{}"], found['printer_status{status="offline"}']) == (0, 1)
    assert found['printer_supply_level_ratio{supply="Black toner",kind="toner",color="black"}'] == 0.15
    assert found["printer_last_success_timestamp_seconds{}"] == AT


def test_lasting_values_go_after_retain() -> None:
    record = after_poll(
        settle(SNAPSHOT), result(Failure("timeout", ""), AT + 604_801), excused=False, offline_after=3, retain=604_800
    )
    gone = {"printer_info", "printer_supply_info", "printer_supply_level_ratio", "printer_pages_total"}
    assert not names(lines_of(record)) & gone
    assert "printer_last_success_timestamp_seconds" in names(lines_of(record))


def test_what_the_maker_counts_lasts_and_what_it_does_not_has_no_series() -> None:
    counters = Counters((("print", "mono", 7), ("copy", "all", 0)), scans=3, duplex=None, large=0)
    timeout = Failure("timeout", "")
    lines = samples(lines_of(settle(replace(SNAPSHOT, counters=counters), timeout, timeout, timeout)))
    own = re.compile("printer_(function_pages|scans|duplex_pages|large_pages)_total")
    assert {name: value for name, value in lines.items() if own.match(name)} == {
        'printer_function_pages_total{serial="VNB3J00001",function="print",color="mono"}': 7,
        'printer_function_pages_total{serial="VNB3J00001",function="copy",color="all"}': 0,
        'printer_scans_total{serial="VNB3J00001"}': 3,
        'printer_large_pages_total{serial="VNB3J00001"}': 0,
    }


def test_in_a_window_a_silent_printer_is_unknown_and_keeps_its_values() -> None:
    expected = ExpectedOff(weekends=True)
    record = settle(SNAPSHOT, *[Failure("timeout", "")] * 5, excused=True)
    lines = lines_of(record, printer(expected_off=expected))
    found = samples(lines)
    assert (found["printer_expected_off{}"], found['printer_status{status="unknown"}']) == (1, 1)
    assert names(lines) >= MOMENTARY | {"printer_supply_level_ratio", "printer_pages_total"}


WINDOW = ExpectedOff(nights=DayWindow.model_validate({"start": "19:00", "end": "07:00"}))


@pytest.mark.parametrize(
    ("maintenance", "expected_off", "found"),
    [
        (None, None, {}),
        (True, None, {"printer_maintenance{}": 1}),
        (False, None, {"printer_maintenance{}": 0}),
        (None, WINDOW, {"printer_expected_off{}": 0}),
    ],
)
def test_maintenance_and_expected_off_are_there_only_where_configured(
    maintenance: bool | None, expected_off: ExpectedOff | None, found: dict[str, float]
) -> None:
    of = printer(maintenance=maintenance, expected_off=expected_off)
    all_found = samples(lines_of(settle(SNAPSHOT), of))
    assert {name: all_found[name] for name in all_found if "maintenance{" in name or "expected_off" in name} == found


def test_absent_objects_have_no_series_and_a_marker_without_octets_no_errors() -> None:
    bare = samples(lines_of(settle(poll({}), uptime=None)))
    assert not [name for name in bare if name.startswith(("printer_error", "printer_state", "printer_boot"))]
    silent = samples(lines_of(settle(poll(host(hrPrinterDetectedErrorState=b"")))))
    assert [value for name, value in silent.items() if name.startswith("printer_error")] == [0] * 15


@pytest.mark.parametrize(
    ("cells", "is_raw"),
    [
        ({"SupplyUnit": 19, "MaxCapacity": 100, "Level": 40}, False),
        ({"SupplyUnit": 1, "MaxCapacity": 100, "Level": 40}, False),  # Epson
        ({"SupplyUnit": 2, "MaxCapacity": 100, "Level": 40}, False),
        ({"SupplyUnit": 7, "MaxCapacity": 100, "Level": 40}, True),
        ({"SupplyUnit": 13, "MaxCapacity": 651, "Level": 230}, True),
        ({"SupplyUnit": 1, "MaxCapacity": 651, "Level": 230}, True),
    ],
)
def test_raw_numbers_are_shown_where_the_unit_is_not_per_cent(cells: Row, is_raw: bool) -> None:
    found = names(lines_of(settle(poll(supply_rows(cells)))))
    assert found & {"printer_supply_capacity", "printer_supply_level"} == (
        {"printer_supply_capacity", "printer_supply_level"} if is_raw else set()
    )


def test_implausible_levels_are_counted_and_have_no_ratio() -> None:
    found = samples(lines_of(settle(poll(supply_rows({"Level": 143_066}, {"SupplyUnit": 7, "MaxCapacity": 0}, {})))))
    assert found["printer_supply_implausible{}"] == 2
    assert not [name for name in found if name.startswith("printer_supply_capacity")]
    assert [name for name in found if name.startswith("printer_supply_level_ratio")] == [
        'printer_supply_level_ratio{supply="Black toner 3",kind="toner",color="black"}'
    ]


def test_thresholds_are_the_printers_own() -> None:
    found = samples(lines_of(settle(poll({})), printer(thresholds=Thresholds(warning=0.3, error=0.0))))
    assert found['printer_supply_threshold_ratio{level="warning"}'] == 0.3
    assert found['printer_supply_threshold_ratio{level="error"}'] == 0


def test_another_serial_leaves_its_time() -> None:
    other = poll({**SMALL, **rows("prtGeneral", {1: {"SerialNumber": b"B2"}})})
    assert "printer_identity_changed_timestamp_seconds" not in names(lines_of(settle(SNAPSHOT, SNAPSHOT)))
    found = samples(lines_of(settle(SNAPSHOT, other)))
    assert found["printer_identity_changed_timestamp_seconds{}"] == AT + 60
    assert [name for name in found if name.startswith("printer_pages")] == [
        'printer_pages_total{serial="B2",unit="impressions"}'
    ]


def test_what_happened_over_the_years_is_shown() -> None:
    record = settle(SNAPSHOT)
    life = replace(record.life, supplies={"Black toner": SupplyLife(tracked=5.0, installed=7.0, lowest=0.5)})
    counted = (AlertCount("critical", "jam", "mediaPath", 5, held=1),)
    tally = Tally({"Black toner": 0.75}, {"Black toner": 2}, jams=3, anomalies=4, alerts=counted)
    found = samples(lines_of(replace(record, life=life, tally=tally)))
    shown = {name.partition("{")[0]: value for name, value in found.items()}
    assert shown["printer_supply_used_ratio_total"] == 0.75
    assert shown["printer_supply_replaced_total"] == 2
    assert shown["printer_supply_tracked_since_timestamp_seconds"] == 7
    assert shown["printer_supply_installed_timestamp_seconds"] == 7
    assert (shown["printer_jams_total"], shown["printer_page_anomalies_total"]) == (3, 4)
    assert found['printer_alert_events_total{code="jam",group="mediaPath",level="critical"}'] == 5


def test_equal_alert_rows_are_one_series_with_each_of_their_texts() -> None:
    alerts: dict[int, Row] = {k: {**TONER_LOW, "Description": b"text %d" % (k % 2)} for k in range(1, 9)}
    lines = samples(lines_of(settle(poll(SMALL, alerts=alerts))))
    assert len([name for name in lines if name.startswith("printer_alert{")]) == 1
    assert len([name for name in lines if name.startswith("printer_alert_info{")]) == 2


def test_at_most_20_alert_rows_are_shown() -> None:
    alerts: dict[int, Row] = {k: {**TONER_LOW, "Code": 40_000 + k} for k in range(1, 60)}
    lines = samples(lines_of(settle(poll(SMALL, alerts=alerts))))
    assert len([name for name in lines if name.startswith("printer_alert{")]) == 20
    assert len([name for name in lines if name.startswith("printer_alert_info{")]) == 20


def test_a_reason_that_is_not_foreseen_is_counted_too() -> None:
    found = samples(lines_of(settle(Failure("internal", ""))))
    assert found['printer_poll_failures_total{reason="internal"}'] == 1


def typical(unit: int) -> Snapshot:
    """Return a printer with 5 supplies in this unit, 4 trays, 2 covers, a bin and an alert."""
    tray: Row = {"Type": 3, "CapacityUnit": 8, "MaxCapacity": 500, "CurrentLevel": 100, "MediaName": b"A4"}
    kinds = {b"Black": 3, b"Cyan": 3, b"Magenta": 3, b"Yellow": 3, b"Waste": 4}
    supplies: list[Row] = [{"Type": kind, "Description": text, "SupplyUnit": unit} for text, kind in kinds.items()]
    tables: Tables = {
        **SMALL,
        **supply_rows(*supplies),
        **rows("prtInput", dict.fromkeys(range(1, 5), tray)),
        **rows("prtCover", {1: {"Status": 4}, 2: {"Status": 4}}),
    }
    return poll(tables, alerts={1: TONER_LOW}, system=SYSTEM)


@pytest.mark.parametrize("unit", [19, 7])
def test_a_typical_printer_costs_few_series(unit: int) -> None:
    """The design allows 130, months included; each supply was replaced."""
    record = settle(typical(unit))
    months = {f"{2022 + number // 12}-{number % 12 + 1:02}": 1 for number in range(24)}
    supplies = {label: replace(life, installed=AT) for label, life in record.life.supplies.items()}
    record = replace(record, life=replace(record.life, months=months, month="2023-12", supplies=supplies))
    found = samples(lines_of(record, printer(maintenance=False, expected_off=WINDOW)))
    assert len([name for name in found if name.startswith("printer_month_pages")]) == 13
    assert len(found) <= 130
