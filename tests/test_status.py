"""What a snapshot means: the status of each supply, and the worst of three witnesses for the printer."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.config import Thresholds
from exporter.printers.model import Alert, Identity, Level, Snapshot, Supply, SupplyRow
from exporter.printers.names import ERROR_BITS
from exporter.printers.status import (
    STATUSES,
    Severity,
    level_status,
    supply_statuses,
    without_ghosts,
    witness_status,
)

OK, WARNING, ERROR = Severity.OK, Severity.WARNING, Severity.ERROR


def supply(
    ratio: float | None = 1.0,
    says: Level = Level.KNOWN,
    kind: str = "toner",
    row: int = 1,
    thresholds: Thresholds | None = None,
) -> Supply:
    """Return a supply named after its kind and row, such as `toner 1`."""
    return Supply(
        row=SupplyRow(
            row=row,
            supply=f"{kind} {row}",
            kind=kind,
            color="",
            description="",
            part="",
            unit="percent",
            inverted=False,
            thresholds=thresholds or Thresholds(),
            overridden=False,
            level_oid="",
            capacity_oid="",
        ),
        says=says,
        ratio=ratio,
        level=None,
        capacity=None,
    )


def alert(level: str = "warning", group: str = "generalPrinter", code: str = "other", row: int | None = None) -> Alert:
    return Alert(level=level, code=code, group=group, training="untrained", description="", row=row)


def snapshot(*supplies: Supply, alerts: tuple[Alert, ...] = (), errors: set[str] | None = None) -> Snapshot:
    return Snapshot(
        identity=Identity(),
        supplies=supplies,
        trays=(),
        bins=(),
        covers=(),
        alerts=alerts,
        errors=None if errors is None else frozenset(errors),
        state=None,
        pages=None,
        pages_unit="",
    )


def statuses(found: Snapshot) -> list[Severity | None]:
    return list(supply_statuses(found).values())


def printer_status(found: Snapshot) -> Severity:
    return witness_status(found, supply_statuses(found))


# ---- levels


@pytest.mark.parametrize(
    ("ratio", "status"),
    [
        (1.0, OK),
        (0.21, OK),
        (0.2000001, OK),
        (0.20, WARNING),
        (0.15, WARNING),
        (0.10, WARNING),
        (10 / 100, WARNING),
        (300 / 3000, WARNING),
        (0.0999999, ERROR),
        (0.09, ERROR),
        (0.0, ERROR),
    ],
)
def test_over_20_per_cent_is_ok_10_to_20_warning_and_under_10_error(ratio: float, status: Severity) -> None:
    assert level_status(supply(ratio)) is status


@pytest.mark.parametrize(("ratio", "status"), [(0.16, OK), (0.15, WARNING), (0.05, WARNING), (0.04, ERROR)])
def test_a_supply_has_the_thresholds_of_its_own_row(ratio: float, status: Severity) -> None:
    assert level_status(supply(ratio, thresholds=Thresholds(warning=0.15, error=0.05))) is status


@pytest.mark.parametrize(
    ("says", "status"),
    [
        (Level.SOME, OK),
        (Level.UNRESTRICTED, OK),
        (Level.EMPTY, ERROR),
        (Level.UNKNOWN, None),
        (Level.IMPLAUSIBLE, None),
    ],
)
def test_some_remaining_is_ok_empty_is_error_and_unknown_has_no_status(says: Level, status: Severity | None) -> None:
    assert level_status(supply(None, says)) is status
    assert statuses(snapshot(supply(None, says))) == [status]


# ---- the printer


@pytest.mark.parametrize(
    ("bit", "status"),
    [
        ("no_paper", ERROR),
        ("no_toner", ERROR),
        ("door_open", ERROR),
        ("jammed", ERROR),
        ("input_tray_missing", ERROR),
        ("output_tray_missing", ERROR),
        ("marker_supply_missing", ERROR),
        ("output_full", ERROR),
        ("low_paper", WARNING),
        ("low_toner", WARNING),
        ("output_near_full", WARNING),
        ("input_tray_empty", WARNING),
        ("overdue_maintenance", WARNING),
        ("service_requested", WARNING),
        ("taken_offline", WARNING),
    ],
)
def test_each_error_bit_has_its_class(bit: str, status: Severity) -> None:
    assert printer_status(snapshot(errors={bit})) is status


def test_no_error_bit_is_without_a_class() -> None:
    assert printer_status(snapshot(errors=set(ERROR_BITS))) is ERROR


@pytest.mark.parametrize(("level", "status"), [("critical", ERROR), ("warning", WARNING), ("information", OK)])
def test_a_critical_alert_is_an_error_any_other_a_warning_and_information_nothing(level: str, status: Severity) -> None:
    assert printer_status(snapshot(alerts=(alert(level),))) is status


@pytest.mark.parametrize(
    ("found", "status"),
    [
        (snapshot(), OK),
        (snapshot(errors=set()), OK),
        (snapshot(supply(0.5)), OK),
        (snapshot(supply(0.15)), WARNING),
        (snapshot(supply(0.05)), ERROR),
        (snapshot(supply(0.05, kind="ink")), ERROR),
        (snapshot(supply(0.05, kind="drum")), ERROR),
        (snapshot(supply(0.05, kind="fuser")), OK),
        (snapshot(supply(0.0, kind="staples")), OK),
        (snapshot(supply(0.0, kind="other")), OK),
        (snapshot(supply(None, Level.UNKNOWN)), OK),
        (snapshot(supply(None, Level.SOME)), OK),
        (snapshot(supply(None, Level.EMPTY)), ERROR),
        (snapshot(supply(0.15), errors={"jammed"}), ERROR),
        (snapshot(supply(0.05), alerts=(alert("warning"),), errors={"low_paper"}), ERROR),
        (snapshot(supply(0.9), alerts=(alert("warning"),), errors={"door_open"}), ERROR),
        (snapshot(supply(0.9), alerts=(alert("critical"),), errors={"low_paper"}), ERROR),
        (snapshot(supply(0.9), alerts=(alert("information"), alert("warning")), errors=set()), WARNING),
    ],
)
def test_the_printer_has_the_worst_of_levels_alerts_and_bits(found: Snapshot, status: Severity) -> None:
    assert printer_status(found) is status


def test_a_full_waste_container_is_no_printer_fault_by_its_level_but_by_its_alert() -> None:
    waste = supply(0.0, kind="waste_toner", row=5)
    full = alert("critical", "markerSupplies", "markerWasteTonerReceptacleFull", 5)
    assert statuses(snapshot(waste)) == [ERROR]
    assert printer_status(snapshot(waste)) is OK
    assert printer_status(snapshot(waste, alerts=(full,))) is ERROR


# ---- who is meant


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (snapshot(supply(1.0), errors={"low_toner"}), [WARNING]),
        (snapshot(supply(1.0), errors={"no_toner"}), [ERROR]),
        (snapshot(supply(1.0), errors={"marker_supply_missing"}), [ERROR]),
        (snapshot(supply(0.05), errors={"low_toner"}), [ERROR]),
        (snapshot(supply(1.0), errors={"low_paper", "service_requested", "jammed"}), [OK]),
        (snapshot(supply(None, Level.UNKNOWN), errors={"low_toner"}), [WARNING]),
        (snapshot(supply(None, Level.SOME), errors={"no_toner"}), [ERROR]),
        (snapshot(supply(1.0), supply(1.0, kind="drum", row=2), errors={"no_toner"}), [ERROR, OK]),
        (snapshot(supply(1.0), supply(1.0, row=2), errors={"no_toner"}), [OK, OK]),
        (snapshot(supply(1.0, kind="drum"), errors={"no_toner"}), [OK]),
    ],
)
def test_a_toner_bit_is_believed_at_100_per_cent_where_only_one_supply_can_be_meant(
    found: Snapshot, expected: list[Severity | None]
) -> None:
    assert statuses(found) == expected


@pytest.mark.parametrize(
    ("row", "level", "expected"),
    [
        (1, "warning", [WARNING, OK]),
        (2, "critical", [OK, ERROR]),
        (2, "information", [OK, OK]),
        (3, "critical", [OK, OK]),
        (None, "critical", [OK, OK]),
    ],
)
def test_an_alert_row_is_believed_of_the_supply_that_it_names(
    row: int | None, level: str, expected: list[Severity | None]
) -> None:
    low = alert(level, "markerSupplies", "markerTonerAlmostEmpty", row)
    assert statuses(snapshot(supply(row=1), supply(row=2), alerts=(low,))) == expected


def test_information_gives_no_status_to_a_supply_of_which_nothing_is_known() -> None:
    said = alert("information", "markerSupplies", "subunitAdded", 1)
    assert statuses(snapshot(supply(None, Level.UNKNOWN), alerts=(said,))) == [None]


def test_an_alert_of_another_group_with_the_same_index_means_no_supply() -> None:
    assert statuses(snapshot(supply(row=1), alerts=(alert("critical", "input", "subunitEmpty", 1),))) == [OK]


def test_the_worst_that_is_said_of_a_supply_counts_in_any_order() -> None:
    low, out = (alert(level, "markerSupplies", "other", 1) for level in ("warning", "critical"))
    assert statuses(snapshot(supply(), alerts=(low, out))) == statuses(snapshot(supply(), alerts=(out, low))) == [ERROR]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("markerTonerEmpty", [ERROR, OK, OK]),
        ("markerTonerAlmostEmpty", [ERROR, OK, OK]),
        ("markerTonerCartridgeMissing", [ERROR, OK, OK]),
        ("subunitEmpty", [ERROR, OK, OK]),
        ("subunitMissing", [ERROR, OK, OK]),
        ("markerWasteTonerReceptacleFull", [OK, ERROR, OK]),
        ("markerWasteTonerReceptacleAlmostFull", [OK, ERROR, OK]),
        ("markerOpcLifeOver", [OK, OK, ERROR]),
        ("markerOpcLifeAlmostOver", [OK, OK, ERROR]),
        ("markerInkEmpty", [OK, OK, OK]),
        ("subunitLifeOver", [OK, OK, OK]),
        ("subunitFull", [OK, OK, OK]),
        ("4711", [OK, OK, OK]),
    ],
)
def test_an_alert_row_that_names_no_supply_means_the_only_one_of_its_codes_kind(
    code: str, expected: list[Severity | None]
) -> None:
    said = alert("critical", "markerSupplies", code)
    found = snapshot(supply(), supply(kind="waste_toner", row=2), supply(kind="drum", row=3), alerts=(said,))
    assert statuses(found) == expected


# ---- always

SUPPLIES = st.builds(
    supply,
    ratio=st.one_of(st.none(), st.floats(0, 1)),
    says=st.sampled_from(Level),
    kind=st.sampled_from(["toner", "ink", "drum", "waste_toner", "other"]),
    row=st.integers(1, 4),
)
ALERTS = st.builds(
    alert,
    level=st.sampled_from(["critical", "warning", "information"]),
    group=st.sampled_from(["markerSupplies", "input"]),
    code=st.sampled_from(["subunitEmpty", "markerWasteTonerReceptacleFull", "7"]),
    row=st.one_of(st.none(), st.integers(1, 5)),
)


@settings(deadline=None)
@given(
    st.lists(SUPPLIES, max_size=4, unique_by=lambda one: one.row.supply),
    st.lists(ALERTS, max_size=4),
    st.one_of(st.none(), st.sets(st.sampled_from(ERROR_BITS))),
)
def test_nobody_is_better_than_what_was_said_of_it(
    supplies: list[Supply], alerts: list[Alert], errors: set[str] | None
) -> None:
    found = snapshot(*supplies, alerts=tuple(alerts), errors=errors)
    of_supplies = supply_statuses(found)
    for one in supplies:
        level, status = level_status(one), of_supplies[one.row.supply]
        assert level is None or (status is not None and status >= level)
    worst = witness_status(found, of_supplies)
    assert worst.name.lower() in STATUSES
    assert worst is ERROR or all(one.level != "critical" for one in alerts)
    assert worst is not OK or not errors


# ---- supplies that may not be there


def judged(found: Snapshot, *filled: str) -> list[Severity | None]:
    return statuses(without_ghosts(found, filled))


def test_a_supply_that_says_0_and_was_never_anything_else_is_unknown() -> None:
    ghost = without_ghosts(snapshot(replace(supply(0.0), level=0), errors=set()), ()).supplies[0]
    assert (ghost.says, ghost.ratio, ghost.level) == (Level.UNKNOWN, None, 0)
    assert judged(snapshot(supply(0.0), supply(0.5, row=2))) == [None, OK]


def test_a_supply_that_may_not_be_there_is_no_witness_against_its_printer() -> None:
    found = snapshot(supply(0.0), supply(0.5, row=2))
    assert (printer_status(found), printer_status(without_ghosts(found, ()))) == (ERROR, OK)


def test_a_supply_that_was_not_empty_once_is_empty_at_0() -> None:
    assert judged(snapshot(supply(0.0), supply(0.0, row=2)), "toner 2") == [None, ERROR]


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (alert("critical", "markerSupplies", "other", row=1), ERROR),
        (alert("warning", "markerSupplies", "markerTonerAlmostEmpty", row=1), ERROR),
        (alert("critical", "markerSupplies", "markerTonerEmpty"), ERROR),
        (alert("critical", "markerSupplies", "markerTonerEmpty", row=2), None),
        (alert("critical", "markerSupplies", "markerInkEmpty"), None),
        (alert("information", "markerSupplies", "other", row=1), None),
        (alert("critical", "input", "subunitEmpty", row=1), None),
    ],
)
def test_an_alert_row_that_can_mean_a_supply_at_0_proves_that_it_is_empty(told: Alert, expected: Severity) -> None:
    assert judged(snapshot(supply(0.0), supply(0.5, row=2), alerts=(told,)))[0] is expected


@pytest.mark.parametrize("bit", ["no_toner", "low_toner", "marker_supply_missing"])
def test_a_toner_bit_proves_that_toner_at_0_is_empty_also_where_several_can_be_meant(bit: str) -> None:
    found = snapshot(supply(0.0), supply(0.5, row=2), supply(0.0, kind="fuser", row=3), errors={bit})
    assert judged(found) == [ERROR, OK, None]


def test_other_bits_say_nothing_of_a_supply_at_0() -> None:
    assert judged(snapshot(supply(0.0), errors={"jammed", "no_paper"})) == [None]


def test_a_waste_container_without_room_from_the_first_is_unknown_until_the_printer_speaks_of_it() -> None:
    waste = supply(0.0, kind="waste_toner")
    full = alert("critical", "markerSupplies", "markerWasteTonerReceptacleFull")
    assert judged(snapshot(waste)) == [None]
    assert judged(snapshot(waste, alerts=(full,))) == [ERROR]


def test_what_a_maker_says_and_levels_without_a_maximum_are_left_alone() -> None:
    found = snapshot(
        replace(supply(0.0), source="brInfoNextCare"), supply(None, Level.EMPTY, row=2), supply(None, Level.LOW, row=3)
    )
    assert without_ghosts(found, ()) == found
