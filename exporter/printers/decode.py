"""Raw values to model, pure: `structure` for what does not move, `snapshot` for what one poll brought."""

import re
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Literal, NamedTuple, TypeGuard

from exporter.config import SupplyRule, Thresholds
from exporter.memo import Memo
from exporter.printers import mib, names, words
from exporter.printers.model import (
    Alert,
    Bin,
    BinRow,
    CounterRows,
    CoverRow,
    Identity,
    Level,
    MakersLevel,
    Snapshot,
    Structure,
    Supply,
    SupplyRow,
    Tray,
    TrayRow,
)
from exporter.printers.text import clean, unique
from exporter.printers.vendors import find, maker, maker_of
from exporter.snmp.session import SYS_UPTIME, Row, Value

Cells = Mapping[str, Value]
"""The cells of one row, by column name."""
Rows = Mapping[tuple[int, ...], Cells]
"""The rows of one table, by index (hrDeviceIndex first)."""
Tables = Mapping[str, Rows]
"""The tables of one printer, by name; a table that it lacks has no rows."""

MAX_ROWS = 64
"""Rows of one table that are kept; no printer has as many, a hostile one may send thousands."""
_MAX_INTEGER = 2**63
_NEVER_ALARM = frozenset({"manual", "bypass", "virtual"})
_TRAY_WORDS = (
    ("bypass", re.compile(r"bypass|by-pass|multi.?purpose|\bmp\W?tray|mptray|mehrzweck", re.IGNORECASE)),
    ("manual", re.compile(r"manual|manuell|einzelblatt", re.IGNORECASE)),
    ("virtual", re.compile(r"^auto( ?select)?$", re.IGNORECASE)),
)
# What panels say, as Brother copies it to a row of the alert table.
_SLEEP_TEXT = re.compile(r"sleep(ing)?\b", re.IGNORECASE)
_AWAKE = frozenset({"printing", "warmup"})
_SERIAL_IN_DESCR = re.compile(r"\b(?:SN:|S/N[:\s]+)([A-Z0-9-]{5,})", re.IGNORECASE)
_FIRMWARE_IN_DESCR = re.compile(
    r"\bfirmware\s+ver\.?\s*([\w.]+)|\bversion\s+([\w.]+)|[;,]\s*V([\d.]+[\w.-]*)", re.IGNORECASE
)


def table_rows(table: mib.Table, rows: Iterable[Row]) -> Rows:
    """Sort what a walk of the table's entry, or a GET, returned into rows; what is not of its columns is dropped."""
    columns = {str(column.number): column.name for column in table.columns}
    entry = f"{table.entry}."
    result: dict[tuple[int, ...], dict[str, Value]] = {}
    for oid, value in rows:
        number, _, index = oid.removeprefix(entry).partition(".")
        name = columns.get(number)
        if name and index and oid.startswith(entry):
            result.setdefault(tuple(map(int, index.split("."))), {})[name] = value
    return result


def merge_rows(first: Rows, second: Rows) -> Rows:
    """Return the rows of both, with the cells of both; the second is the newer."""
    return {index: {**first.get(index, {}), **second.get(index, {})} for index in sorted({*first, *second})}


def is_ragged(table: mib.Table, rows: Rows) -> bool:
    """Tell whether a row lacks a column that another has, or all of them the table's last."""
    shapes = {frozenset(cells) for cells in rows.values()}
    return len(shapes) > 1 or any(table.columns[-1].name not in shape for shape in shapes)


def structure(
    system: Cells,
    tables: Tables,
    rules: Sequence[SupplyRule] = (),
    thresholds: Thresholds | None = None,
    private: maker.Private | None = None,
    *,
    chosen: int | None = None,
) -> Structure:
    """Return what the printer is made of; its rows are those of one hrDeviceIndex, `chosen` or found.

    `private` is what it answered of its maker's own objects. Beside other printers a chosen one has none of them:
    they carry no hrDeviceIndex.
    """
    device = device_index(tables, chosen)
    foreign = _described(tables) - {device}
    is_one_of_several = chosen is not None and bool(foreign)
    if is_one_of_several:
        private = None
    own = {name: {i: cells for i, cells in rows.items() if i[0] == device} for name, rows in tables.items()}
    charset = _charset(own)
    supplies = _supply_rows(own, charset, rules, thresholds or Thresholds())
    identity, serial_oid = _identity(system, own, device, private)
    if is_one_of_several:
        identity = replace(identity, serial=clean(_general(own).get("prtGeneralSerialNumber")))
    counters = maker.counter_rows(private) if private else CounterRows()
    if private:
        supplies = _with_makers_levels(supplies, maker.levels(private))
    trays, bins, covers = _tray_rows(own, charset), _bin_rows(own, charset), _cover_rows(own, charset)
    marker, counter = next(iter(sorted(own.get("prtMarker", {}).items())), ((), {}))
    printer = own.get("hrPrinter", {}).get((device,), {})
    return Structure(
        identity=identity,
        charset=charset,
        supplies=supplies,
        trays=trays,
        bins=bins,
        covers=covers,
        pages_oid=_instance("prtMarkerLifeCount", marker, counter),
        pages_unit=_pages_unit(counter),
        state_oid=_instance("hrPrinterStatus", (device,), printer),
        errors_oid=_instance("hrPrinterDetectedErrorState", (device,), printer),
        watched=(*_watched(own), *filter(None, [serial_oid])),
        volatile=(*_volatile(system, own), *_makers_volatile(serial_oid, supplies, counters)),
        counters=counters,
        foreign=foreign,
    )


class Reader:
    """Makes snapshots of one printer; what the device says as before is the very object of the snapshot before."""

    def __init__(self, shape: Structure) -> None:
        self.shape = shape
        self._oids = tuple(oid for oid in shape.volatile if oid != SYS_UPTIME)  # which moves, and is in no snapshot
        self._snapshot = Memo(self._read)
        self._told = [Memo(_told) for _ in shape.supplies]
        self._supplies = Memo(self._read_supplies)
        self._supply_oids = [oid for row in shape.supplies for oid in (row.level_oid, row.capacity_oid, row.makers_oid)]
        self._trays = Memo(_trays)
        self._tray_oids = [oid for row in shape.trays for oid in (row.level_oid, row.media_oid)]
        self._bins = Memo(_bins)
        self._covers = Memo(_covers)
        self._counters = Memo(maker.read_counters)
        self._alerts = Memo(_alerts)
        self._errors = Memo(_errors)
        self._sleeps = Memo(_sleeps)
        self._counter_oids = tuple(_counter_oids(shape.counters))

    def snapshot(self, values: Cells, alert_rows: Rows) -> Snapshot:
        """Return what the values (by OID) and the rows of prtAlertTable say; the same object when that is the same."""
        return self._snapshot(tuple(map(values.get, self._oids)), alert_rows)

    def _read(self, told: Sequence[Value | None], alert_rows: Rows) -> Snapshot:
        values = {oid: value for oid, value in zip(self._oids, told, strict=True) if value is not None}
        shape, get = self.shape, values.get
        state = _state(get(shape.state_oid))
        return Snapshot(
            identity=shape.identity,
            supplies=self._supplies(tuple(map(get, self._supply_oids))),
            trays=self._trays(shape.trays, tuple(map(get, self._tray_oids))),
            bins=self._bins(shape.bins, tuple(get(row.remaining_oid) for row in shape.bins)),
            covers=self._covers(shape.covers, tuple(get(row.status_oid) for row in shape.covers)),
            alerts=self._alerts(alert_rows, shape),
            errors=self._errors(get(shape.errors_oid)),
            state=state,
            pages=_count(get(shape.pages_oid)) if shape.pages_unit else None,
            pages_unit=shape.pages_unit,
            counters=self._counters(shape.counters, {oid: values[oid] for oid in self._counter_oids if oid in values}),
            asleep=state not in _AWAKE and self._sleeps(alert_rows, shape),
        )

    def _read_supplies(self, values: tuple[Value | None, ...]) -> tuple[Supply, ...]:
        """Read the supplies from level, capacity and the maker's own level of each in turn."""
        cells = zip(values[::3], values[1::3], values[2::3], strict=True)
        return _supplies(
            [told(row, *each) for told, row, each in zip(self._told, self.shape.supplies, cells, strict=True)]
        )


def snapshot(shape: Structure, values: Cells, alert_rows: Rows) -> Snapshot:
    """Return what the values (by OID) and the rows of prtAlertTable say."""
    return Reader(shape).snapshot(values, alert_rows)


def uptime(ticks: Value | None) -> float | None:
    """Return sysUpTime in seconds, None where the agent has none."""
    count = _count(ticks)
    return None if count is None else count / 100


def read_level(
    level: Value | None, capacity: Value | None, *, percent: bool, inverted: bool = False
) -> tuple[Level, float | None]:
    """Return what a level says and the share of its maximum (RFC 3805, prtMarkerSuppliesLevel, …MaxCapacity).

    -1 is no restriction, -2 unknown, -3 some left. With a unit of per cent the maximum is 100 where not given. A
    level above its maximum, or a maximum of 0, is implausible and has no share. `inverted`: it is how much is used.
    """
    if not _is_integer(level) or level < -3 or level == -2:
        return Level.UNKNOWN, None
    if level < 0:
        return (Level.SOME if level == -3 else Level.UNRESTRICTED), None
    maximum = capacity if _is_integer(capacity) else -2
    if percent and maximum <= 0:
        maximum = 100
    if maximum < 0:
        return Level.UNKNOWN, None
    if maximum == 0 or level > maximum:
        return Level.IMPLAUSIBLE, None
    return Level.KNOWN, (maximum - level if inverted else level) / maximum


def error_bits(octets: bytes) -> frozenset[str]:
    """Return the names of the set bits of hrPrinterDetectedErrorState; missing octets mean 0."""
    return frozenset(
        name
        for bit, name in enumerate(names.ERROR_BITS)
        if bit // 8 < len(octets) and octets[bit // 8] & (0x80 >> bit % 8)
    )


def device_index(tables: Tables, chosen: int | None = None) -> int:
    """Return the hrDeviceIndex of the printer: the chosen, by type, by having hrPrinter, or the one of the supplies."""
    if chosen is not None:
        return chosen
    described, candidates = _described(tables), _candidates(tables)
    return next((d for d in candidates if d in described), min(described, default=next(iter(candidates), 1)))


def maker_for(system: Cells, tables: Tables, chosen: int | None = None) -> maker.Maker | None:
    """Return whose own objects the printer has: by sysObjectID, else by what the device and the agent are called."""
    row = tables.get("hrDevice", {}).get((device_index(tables, chosen),), {})
    return find(system.get("sysObjectID"), row.get("hrDeviceDescr"), system.get("sysDescr"))


def devices(tables: Tables) -> frozenset[int]:
    """Return the hrDeviceIndex of every printer that the agent has."""
    return _described(tables).union(_candidates(tables))


def shows_printer(tables: Tables) -> bool:
    """Tell whether the agent shows a printer, or no more than the device that it is."""
    return any(tables.get(name) for name in ("prtGeneral", "prtMarker", "prtMarkerSupplies"))


def own_alerts(rows: Rows, shape: Structure) -> Rows:
    """Return the alert rows but for those of other printers."""
    return {index: cells for index, cells in rows.items() if index[0] not in shape.foreign}


def _described(tables: Tables) -> frozenset[int]:
    return frozenset(i[0] for name, rows in tables.items() if name.startswith("prt") for i in rows)


def _candidates(tables: Tables) -> list[int]:
    """List the devices that say they are printers: by type, then by having hrPrinter."""
    by_type = [
        i[0] for i, row in tables.get("hrDevice", {}).items() if row.get("hrDeviceType") == mib.HR_DEVICE_PRINTER
    ]
    return [*by_type, *(i[0] for i in tables.get("hrPrinter", {}))]


def _general(own: Tables) -> Cells:
    return next(iter(own.get("prtGeneral", {}).values()), {})


def _rows(own: Tables, table: str) -> list[tuple[tuple[int, ...], Cells]]:
    return sorted(own.get(table, {}).items())[:MAX_ROWS]


def _charset(own: Tables) -> int:
    general = _general(own)
    chosen = general.get("prtGeneralCurrentLocalization")
    for index, row in own.get("prtLocalization", {}).items():
        charset = row.get("prtLocalizationCharacterSet")
        if index[-1] == chosen and isinstance(charset, int):
            return charset
    return 0


def _identity(system: Cells, own: Tables, device: int, private: maker.Private | None) -> tuple[Identity, str]:
    """Return the identity, and the OID of the serial number where that is an object of the maker's, else ""."""
    general = _general(own)
    descr = clean(system.get("sysDescr"))
    told = [clean(own.get("hrDevice", {}).get((device,), {}).get("hrDeviceDescr"))]
    told += [clean(general.get("prtGeneralPrinterName")), _text(private, "model")[1], descr]
    model = next(filter(None, told), "")
    serial_oid, serial = "", clean(general.get("prtGeneralSerialNumber"))
    if not serial:
        serial_oid, serial = _text(private, "serial")
    in_descr = _SERIAL_IN_DESCR.search(descr)
    firmware = _FIRMWARE_IN_DESCR.search(descr)
    identity = Identity(
        vendor=maker_of(clean(system.get("sysObjectID")), model, descr),
        model=model,
        serial=serial or (in_descr[1] if in_descr else ""),
        firmware=next(filter(None, firmware.groups()), "") if firmware else _text(private, "firmware")[1],
        hostname=clean(system.get("sysName")),
    )
    return identity, serial_oid


def _text(private: maker.Private | None, what: Literal["model", "serial", "firmware"]) -> tuple[str, str]:
    """Return which of the maker's own objects tells this of the printer, and the text; "" and "" when none does."""
    return maker.text(private, getattr(private.maker, what)) if private else ("", "")


def _supply_rows(
    own: Tables, charset: int, rules: Sequence[SupplyRule], thresholds: Thresholds
) -> tuple[SupplyRow, ...]:
    rows = _rows(own, "prtMarkerSupplies")
    colorants = {i[-1]: clean(row.get("prtMarkerColorantValue")) for i, row in own.get("prtMarkerColorant", {}).items()}
    found = [_supply_row(index, cells, charset, colorants) for index, cells in rows]
    labels = unique([row.supply for row in found])
    ruled = [(row, label, _rule_for(row, label, rules)) for row, label in zip(found, labels, strict=True)]
    return tuple(_under_rule(row, label, rule, thresholds) for row, label, rule in ruled if not (rule and rule.ignore))


def _supply_row(index: tuple[int, ...], cells: Cells, charset: int, colorants: Mapping[int, str]) -> SupplyRow:
    text = clean(cells.get("prtMarkerSuppliesDescription"), charset)
    description, part = words.split_description(text)
    kind = words.kind_of(_enum(cells, "prtMarkerSuppliesType"), text)
    colorant = colorants.get(_enum(cells, "prtMarkerSuppliesColorantIndex"), "")
    color = words.color_of(kind, colorant, text)
    return SupplyRow(
        row=index[-1],
        supply=words.name_of(kind, color, description),
        kind=kind,
        color=color,
        description=description,
        part=part,
        unit=names.UNITS.get(_enum(cells, "prtMarkerSuppliesSupplyUnit"), ""),
        inverted=False,
        thresholds=Thresholds(),
        overridden=False,
        level_oid=_instance("prtMarkerSuppliesLevel", index, cells),
        capacity_oid=_instance("prtMarkerSuppliesMaxCapacity", index, cells),
        cartridge=words.serial_of(text),
    )


def _with_makers_levels(
    rows: tuple[SupplyRow, ...], own: Mapping[tuple[str, str], MakersLevel]
) -> tuple[SupplyRow, ...]:
    """Tie the maker's levels to the rows of the same kind and color, where there is one such row only.

    A rule that inverts a row is about the standard's level, so such a row has no other.
    """
    times = Counter((row.kind, row.color) for row in rows)
    return tuple(
        replace(row, makers_level=own.get(supply))
        if times[supply := (row.kind, row.color)] == 1 and not row.inverted
        else row
        for row in rows
    )


def _rule_for(row: SupplyRow, label: str, rules: Sequence[SupplyRule]) -> SupplyRule | None:
    facts = {"kind": row.kind, "color": row.color, "description": row.description, "supply": label}
    return next((rule for rule in rules if rule.match.matches(**facts)), None)


def _under_rule(row: SupplyRow, label: str, rule: SupplyRule | None, thresholds: Thresholds) -> SupplyRow:
    if rule is None:
        return replace(row, supply=label, thresholds=thresholds)
    return replace(
        row,
        supply=label,
        inverted=rule.invert,
        thresholds=rule.thresholds or thresholds,
        overridden=rule.thresholds is not None,
    )


def _labels(table: str, rows: Iterable[tuple[tuple[int, ...], Cells]], charset: int, word: str) -> list[str]:
    """Return a label for each row: its name, else its description, else the word and the row's number."""
    return unique(
        [
            clean(cells.get(f"{table}Name"))
            or clean(cells.get(f"{table}Description"), charset)
            or f"{word} {index[-1]}"
            for index, cells in rows
        ]
    )


def _tray_rows(own: Tables, charset: int) -> tuple[TrayRow, ...]:
    rows = _rows(own, "prtInput")
    labels = _labels("prtInput", rows, charset, "Tray")
    return tuple(_tray_row(label, index, cells) for label, (index, cells) in zip(labels, rows, strict=True))


def _tray_row(label: str, index: tuple[int, ...], cells: Cells) -> TrayRow:
    return TrayRow(
        row=index[-1],
        tray=label,
        kind=_tray_kind(_enum(cells, "prtInputType"), label),
        capacity=_positive(cells.get("prtInputMaxCapacity")),
        in_sheets=_enum(cells, "prtInputCapacityUnit") == names.SHEETS,
        level_oid=_instance("prtInputCurrentLevel", index, cells),
        media_oid=_instance("prtInputMediaName", index, cells),
    )


def _tray_kind(type_number: int, label: str) -> str:
    by_words = next((kind for kind, pattern in _TRAY_WORDS if pattern.search(label)), "")
    return by_words or names.TRAY_KINDS.get(type_number, "other")


def _bin_rows(own: Tables, charset: int) -> tuple[BinRow, ...]:
    """Rows without a usable maximum are left out: they can never have a ratio."""
    rows = [
        (index, cells, capacity)
        for index, cells in _rows(own, "prtOutput")
        if (capacity := _positive(cells.get("prtOutputMaxCapacity")))
    ]
    labels = _labels("prtOutput", [(index, cells) for index, cells, _ in rows], charset, "Bin")
    return tuple(
        BinRow(label, capacity, _instance("prtOutputRemainingCapacity", index, cells))
        for label, (index, cells, capacity) in zip(labels, rows, strict=True)
    )


def _cover_rows(own: Tables, charset: int) -> tuple[CoverRow, ...]:
    rows = _rows(own, "prtCover")
    labels = _labels("prtCover", rows, charset, "Cover")
    return tuple(
        CoverRow(label, _instance("prtCoverStatus", index, cells))
        for label, (index, cells) in zip(labels, rows, strict=True)
    )


def _pages_unit(counter: Cells) -> str:
    """Return impressions or sheets, "" for a marker that counts something else; a silent one counts impressions."""
    unit = _enum(counter, "prtMarkerCounterUnit") or names.IMPRESSIONS
    return names.UNITS[unit] if unit in {names.IMPRESSIONS, names.SHEETS} else ""


def _watched(own: Tables) -> tuple[str, ...]:
    index, cells = next(iter(own.get("prtGeneral", {}).items()), ((), {}))
    names_ = ("prtGeneralConfigChanges", "prtGeneralSerialNumber")
    return tuple(filter(None, (_instance(name, index, cells) for name in names_)))


_ENTRY_OF = {column.name: f"{table.entry}.{column.number}" for table in mib.TABLES for column in table.columns}


def _instance(column: str, index: tuple[int, ...], cells: Cells) -> str:
    """Return the OID of a cell that the structure walk found, else ""; printers share the same ones."""
    return sys.intern(f"{_ENTRY_OF[column]}.{'.'.join(map(str, index))}") if column in cells else ""


def _volatile(system: Cells, own: Tables) -> Iterator[str]:
    """Yield the instances to ask at every poll, row by row, so that a supply's level and maximum come together."""
    yield from (scalar.oid for scalar in mib.SYSTEM if scalar.volatile and scalar.name in system)
    for table in mib.STRUCTURE_TABLES:
        columns = [column.name for column in table.columns if column.volatile]
        for index, cells in _rows(own, table.name):
            yield from filter(None, (_instance(column, index, cells) for column in columns))


def _makers_volatile(serial_oid: str, supplies: Iterable[SupplyRow], counters: CounterRows) -> Iterable[str]:
    """List the maker's own instances to ask at every poll, each once."""
    own = [row.makers_oid for row in supplies]
    return dict.fromkeys(filter(None, [serial_oid, *_counter_oids(counters), *own]))


def _counter_oids(counters: CounterRows) -> Iterator[str]:
    counts = [*(count for _, _, count in counters.functions), counters.scans, counters.duplex, counters.large]
    return (term.oid for count in counts for term in count)


class _Told(NamedTuple):
    """What is told of a supply: by the standard's objects, and by the maker's own, None where that knows nothing."""

    supply: Supply
    by_maker: Supply | None


def _told(row: SupplyRow, level: Value | None, capacity: Value | None, makers: Value | None) -> _Told:
    says, ratio = read_level(level, capacity, percent=row.unit == "percent", inverted=row.inverted)
    supply = Supply(row, says, ratio, _count(level), _count(capacity))
    if row.makers_level is None or makers is None:
        return _Told(supply, None)
    says, ratio = maker.read_level(row.makers_level, {row.makers_oid: makers})
    known = replace(supply, says=says, ratio=ratio, source=row.makers_level.name)
    return _Told(supply, None if says is Level.UNKNOWN else known)


def _supplies(told: Sequence[_Told]) -> tuple[Supply, ...]:
    some = {supply.row.kind for supply, _ in told if supply.says is Level.SOME}
    return tuple(_supply(each, some) for each in told)


def _supply(told: _Told, some: Collection[str]) -> Supply:
    """Return what to believe; `some` are the kinds of which a row of the standard says that some is left.

    A level of 0 of an unknown maximum is "empty" on a device whose other rows of the kind say "some left". The maker's
    own level holds where the standard's says no more than that some is left, or nothing.
    """
    supply = told.supply
    if supply.says is Level.UNKNOWN and supply.level == 0 and supply.row.kind in some and not supply.row.inverted:
        return replace(supply, says=Level.EMPTY)
    return told.by_maker if told.by_maker and supply.says in {Level.SOME, Level.UNKNOWN} else supply


def _trays(rows: tuple[TrayRow, ...], values: tuple[Value | None, ...]) -> tuple[Tray, ...]:
    """Read the trays from level and media of each in turn."""
    return tuple(map(_tray, rows, values[::2], values[1::2]))


def _tray(row: TrayRow, level: Value | None, media: Value | None) -> Tray:
    _, ratio = read_level(level, row.capacity, percent=False)
    return Tray(row, clean(media), _count(level), ratio)


def _bins(rows: tuple[BinRow, ...], remaining: tuple[Value | None, ...]) -> tuple[Bin, ...]:
    ratios = [read_level(left, row.capacity, percent=False)[1] for row, left in zip(rows, remaining, strict=True)]
    return tuple(Bin(row.bin, ratio) for row, ratio in zip(rows, ratios, strict=True) if ratio is not None)


def _covers(rows: tuple[CoverRow, ...], statuses: tuple[Value | None, ...]) -> tuple[tuple[str, bool], ...]:
    return tuple(
        (row.cover, names.COVER_OPEN[status])
        for row, status in zip(rows, statuses, strict=True)
        if isinstance(status, int) and status in names.COVER_OPEN
    )


def _errors(octets: Value | None) -> frozenset[str] | None:
    return error_bits(octets) if isinstance(octets, bytes) else None


def _state(value: Value | None) -> str | None:
    return names.PRINTER_STATES.get(value, "unknown") if _is_integer(value) else None


def _alerts(rows: Rows, shape: Structure) -> tuple[Alert, ...]:
    idle_trays = {tray.row for tray in shape.trays if tray.kind in _NEVER_ALARM}
    newest = sorted(own_alerts(rows, shape).items())[-MAX_ROWS:]
    return tuple(alert for _, cells in newest if (alert := _alert(cells, shape.charset, idle_trays)))


def _alert(cells: Cells, charset: int, idle_trays: set[int]) -> Alert | None:
    severity, code = _enum(cells, "prtAlertSeverityLevel"), _enum(cells, "prtAlertCode")
    if code == names.ALERT_BOOKKEEPING or _is_panel_text(cells):
        return None
    group, row = _enum(cells, "prtAlertGroup"), _enum(cells, "prtAlertGroupIndex")
    level = "critical" if severity == names.SEVERITY_CRITICAL else "warning"
    may_be_empty = group == names.GROUP_INPUT and row in idle_trays
    return Alert(
        level="information" if why_harmless(code, level, may_be_empty=may_be_empty) else level,
        code=names.ALERT_CODES.get(code, str(code)),
        group=names.ALERT_GROUPS.get(group, str(group)),
        training=names.TRAINING.get(_enum(cells, "prtAlertTrainingLevel"), "unknown"),
        description=clean(cells.get("prtAlertDescription"), charset),
        row=row if row > 0 else None,
    )


def _is_panel_text(cells: Cells) -> bool:
    """Tell whether a row of prtAlertTable only says "idle", "ready" or "sleep"."""
    return _enum(cells, "prtAlertSeverityLevel") <= names.SEVERITY_OTHER and _enum(cells, "prtAlertCode") <= 2


def _sleeps(rows: Rows, shape: Structure) -> bool:
    return any(_says_sleep(cells, shape.charset) for cells in own_alerts(rows, shape).values())


def _says_sleep(cells: Cells, charset: int) -> bool:
    if _enum(cells, "prtAlertCode") == names.POWER_SAVER:
        return True
    return _is_panel_text(cells) and bool(_SLEEP_TEXT.match(clean(cells.get("prtAlertDescription"), charset)))


def why_harmless(code: int, level: str, *, may_be_empty: bool) -> str:
    """Tell in words why an alert row of this prtAlertCode is information only, "" when it is not."""
    if code in names.INFORMATION_CODES:
        return "the code tells of a healthy printer's day"
    if code == names.FUSER_COLD and level == "warning":
        return "a fuser that is cold below critical says that the printer sleeps or warms up"
    if may_be_empty and code in names.TRAY_EMPTY_CODES:
        return "a tray fed by hand may be empty"
    return ""


def _is_integer(value: Value | None) -> TypeGuard[int]:
    """SNMP's integers have 64 bits at most; more is a broken answer."""
    return isinstance(value, int) and abs(value) < _MAX_INTEGER


def _enum(cells: Cells, column: str) -> int:
    value = cells.get(column)
    return value if _is_integer(value) else 0


def _count(value: Value | None) -> int | None:
    return value if _is_integer(value) and value >= 0 else None


def _positive(value: Value | None) -> int | None:
    return _count(value) or None
