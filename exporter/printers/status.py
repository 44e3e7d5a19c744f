"""What a snapshot means: the status of each supply and of the printer. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from enum import IntEnum

from exporter.printers.model import Level, Snapshot, Supply
from exporter.printers.names import ALERT_GROUPS, GROUP_MARKER_SUPPLIES

STATUSES = ("ok", "warning", "error", "offline", "unknown")


class Severity(IntEnum):
    """How bad something is; also the value of `printer_supply_status`."""

    OK = 0
    WARNING = 1
    ERROR = 2


BIT_SEVERITY = {
    "no_paper": Severity.ERROR,
    "no_toner": Severity.ERROR,
    "door_open": Severity.ERROR,
    "jammed": Severity.ERROR,
    "input_tray_missing": Severity.ERROR,
    "output_tray_missing": Severity.ERROR,
    "marker_supply_missing": Severity.ERROR,
    "output_full": Severity.ERROR,
    "low_paper": Severity.WARNING,
    "low_toner": Severity.WARNING,
    "output_near_full": Severity.WARNING,
    "input_tray_empty": Severity.WARNING,
    "overdue_maintenance": Severity.WARNING,
    "service_requested": Severity.WARNING,
    "taken_offline": Severity.WARNING,
}
_ALERT_SEVERITY = {"critical": Severity.ERROR, "warning": Severity.WARNING, "information": Severity.OK}
# The bits that speak of a marking supply.
_SUPPLY_BITS = ("low_toner", "no_toner", "marker_supply_missing")
# Kinds whose level counts for the printer; of the others a device's own alert does.
_COUNTED_KINDS = frozenset({"toner", "ink", "drum"})
# What the toner bits mean, on an inkjet too.
_MARKING_KINDS = frozenset({"toner", "ink", "ribbon", "solid_wax"})
# The share below which a maker speaks of nearly empty.
_LOW_SHARE = 0.10
_SUPPLY_GROUP = ALERT_GROUPS[GROUP_MARKER_SUPPLIES]
# The kinds that an alert code can mean, for rows that do not say which supply they are about.
_KINDS_OF_CODE = {
    "subunitMissing": _MARKING_KINDS,
    "subunitAlmostEmpty": _MARKING_KINDS,
    "subunitEmpty": _MARKING_KINDS,
    "markerTonerEmpty": {"toner"},
    "markerTonerAlmostEmpty": {"toner"},
    "markerTonerCartridgeMissing": {"toner"},
    "markerInkEmpty": {"ink"},
    "markerInkAlmostEmpty": {"ink"},
    "markerPrintRibbonEmpty": {"ribbon"},
    "markerPrintRibbonAlmostEmpty": {"ribbon"},
    "markerWasteTonerReceptacleAlmostFull": {"waste_toner"},
    "markerWasteTonerReceptacleFull": {"waste_toner"},
    "markerWasteInkReceptacleAlmostFull": {"waste_ink"},
    "markerWasteInkReceptacleFull": {"waste_ink"},
    "markerOpcLifeAlmostOver": {"drum"},
    "markerOpcLifeOver": {"drum"},
    "markerDeveloperAlmostEmpty": {"developer"},
    "markerDeveloperEmpty": {"developer"},
}


def supply_statuses(snapshot: Snapshot) -> dict[str, Severity | None]:
    """Return each supply's status by label; None where neither level nor alert nor bit tells."""
    spoken = _spoken(snapshot)
    return {supply.row.supply: _worst(level_status(supply), spoken.get(supply.row.row)) for supply in snapshot.supplies}


def without_ghosts(snapshot: Snapshot, filled: Collection[str]) -> Snapshot:
    """Make unknown what says 0 and was never anything else, while neither alert row nor bit can mean it.

    Such a row may be a supply that is not there, which would be empty for ever. `filled` are the labels of those that
    were not empty once.
    """
    ghosts = [
        supply
        for supply in snapshot.supplies
        if _is_zero(supply) and supply.row.supply not in filled and not _is_meant(supply, snapshot)
    ]
    if not ghosts:
        return snapshot
    unknown = (
        replace(supply, says=Level.UNKNOWN, ratio=None) if supply in ghosts else supply for supply in snapshot.supplies
    )
    return replace(snapshot, supplies=tuple(unknown))


def _is_zero(supply: Supply) -> bool:
    """Tell whether the standard's level is 0; a maker's own number is none of a row that nothing fills."""
    return supply.ratio == 0 and not supply.source


def _is_meant(supply: Supply, snapshot: Snapshot) -> bool:
    """Tell whether an alert row names this supply, or a row or bit that names none can mean it among others."""
    if supply.row.kind in _MARKING_KINDS and any(bit in (snapshot.errors or ()) for bit in _SUPPLY_BITS):
        return True
    return any(
        alert.row == supply.row.row or (alert.row is None and supply.row.kind in _KINDS_OF_CODE.get(alert.code, ()))
        for alert in snapshot.alerts
        if alert.group == _SUPPLY_GROUP and _ALERT_SEVERITY[alert.level]
    )


def level_status(supply: Supply) -> Severity | None:
    """Hold a level against the thresholds: above warning is ok, below error is error, between them is warning."""
    if supply.ratio is not None:
        if supply.ratio > supply.row.thresholds.warning:
            return Severity.OK
        return Severity.ERROR if supply.ratio < supply.row.thresholds.error else Severity.WARNING
    if supply.says is Level.EMPTY:
        return Severity.ERROR
    if supply.says is Level.LOW:
        return Severity.ERROR if supply.row.thresholds.error >= _LOW_SHARE else Severity.WARNING
    return Severity.OK if supply.says in {Level.SOME, Level.UNRESTRICTED} else None


def witness_status(snapshot: Snapshot, supplies: Mapping[str, Severity | None]) -> Severity:
    """Return the worst of three witnesses: toner, ink and drum levels; alert rows; detected-error bits."""
    counted = [supplies[supply.row.supply] for supply in snapshot.supplies if supply.row.kind in _COUNTED_KINDS]
    alerts = [_ALERT_SEVERITY[alert.level] for alert in snapshot.alerts]
    bits = [BIT_SEVERITY[bit] for bit in snapshot.errors or ()]
    return _worst(*counted, *alerts, *bits) or Severity.OK


def _spoken(snapshot: Snapshot) -> dict[int, Severity]:
    """Return what alert rows and error bits say of single supplies, by row.

    A row names its supply by prtAlertGroupIndex. A row without index, and the bits, name none: they are believed of
    a supply only where a single one can be meant.
    """
    spoken: dict[int, Severity] = {}
    for alert in snapshot.alerts:
        if alert.group == _SUPPLY_GROUP:
            row = alert.row if alert.row is not None else _lone(snapshot, _KINDS_OF_CODE.get(alert.code, ()))
            _raise_to(spoken, row, _ALERT_SEVERITY[alert.level])
    for bit in _SUPPLY_BITS:
        if snapshot.errors and bit in snapshot.errors:
            _raise_to(spoken, _lone(snapshot, _MARKING_KINDS), BIT_SEVERITY[bit])
    return spoken


def _lone(snapshot: Snapshot, kinds: Collection[str]) -> int | None:
    """Return the row of the only supply of these kinds, None when there are none or several."""
    rows = [supply.row.row for supply in snapshot.supplies if supply.row.kind in kinds]
    return rows[0] if len(rows) == 1 else None


def _raise_to(spoken: dict[int, Severity], row: int | None, severity: Severity) -> None:
    if row is not None and severity:
        spoken[row] = max(severity, spoken.get(row, severity))


def _worst(*severities: Severity | None) -> Severity | None:
    return max((severity for severity in severities if severity is not None), default=None)
