"""Where every value comes from: the objects, what they said, and the rule that was applied. Pure.

Nothing is decided here. The raw values are decoded once more, and which rule it was is seen from the outcome: a kind
that the type alone leads to comes from the type.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from exporter.config import SupplyRule, Thresholds
from exporter.printers import decode, mib, names, vendors, words
from exporter.printers.model import Alert, Count, Level, Snapshot, Structure, Supply, SupplyRow, Tray
from exporter.printers.status import Severity, level_status, supply_statuses, witness_status
from exporter.printers.text import clean, codec_of
from exporter.printers.vendors.maker import Maker, Private, instances
from exporter.snmp.session import SYS_UPTIME, Value

_MOST_OCTETS = 24
_SAYS = {
    Level.SOME: "-3: some left",
    Level.UNRESTRICTED: "-1: no restriction",
    Level.LOW: "the maker's word for nearly empty",
    Level.EMPTY: "0 of an unknown maximum means empty, where another of its kind says that some is left",
    Level.IMPLAUSIBLE: "more than the maximum, or a maximum of 0",
}
_ALERTS = "prtAlert"
_SYSTEM = {scalar.name: scalar.oid for scalar in mib.SYSTEM}


@dataclass(frozen=True, slots=True)
class Source:
    """An instance that was asked: the object's name with the index, its OID, and its value with the type."""

    name: str
    oid: str
    raw: str


@dataclass(frozen=True, slots=True)
class Fact:
    """One value: of what it is, what we make of it, the rule that led there, and what it was made from."""

    of: str
    what: str
    shown: str
    rule: str
    sources: tuple[Source, ...] = ()


def explain(
    raw: Mapping[str, Value],
    rules: Sequence[SupplyRule] = (),
    thresholds: Thresholds | None = None,
    device: int | None = None,
) -> tuple[Fact, ...]:
    """Explain what a printer that answered these values, by OID, is understood to be; `device` is the one chosen."""
    said = _Said(raw, rules, thresholds, device)
    return (
        *_printer(said),
        *(fact for supply in said.snapshot.supplies for fact in _supply(said, supply)),
        *_ignored(said),
        *(fact for tray in said.snapshot.trays for fact in _tray(said, tray)),
        *_bins_and_covers(said),
        *_alerts(said),
        *_counters(said),
    )


class _Said:
    """What a printer said, and how it is decoded."""

    def __init__(
        self,
        raw: Mapping[str, Value],
        rules: Sequence[SupplyRule],
        thresholds: Thresholds | None,
        chosen: int | None,
    ) -> None:
        self.raw = raw
        self.system = {name: raw[oid] for name, oid in _SYSTEM.items() if oid in raw}
        self.tables = {table.name: decode.table_rows(table, raw.items()) for table in mib.TABLES}
        self.private = _private(decode.maker_for(self.system, self.tables, chosen), raw)
        shaped = partial(decode.structure, self.system, self.tables, thresholds=thresholds, private=self.private)
        self.shape: Structure = shaped(rules=rules, chosen=chosen)
        self.unruled: Structure = shaped(rules=(), chosen=chosen)
        self.alerts = decode.own_alerts(self.tables.pop(_ALERTS), self.shape)
        self.snapshot: Snapshot = decode.snapshot(self.shape, raw, self.alerts)
        self.is_chosen = chosen is not None
        if self.is_chosen and self.shape.foreign:
            self.private = None  # nobody can tell which of the printers it is about
        self.device = decode.device_index(self.tables, chosen)
        private_tables = self.private.maker.tables if self.private else ()
        self._names = {
            f"{table.entry}.{column.number}": column.name
            for table in (*mib.TABLES, *private_tables)
            for column in table.columns
        }

    def sources(self, *oids: str) -> tuple[Source, ...]:
        """Return those of these instances that were answered."""
        return tuple(Source(self._name(oid), oid, _raw_text(self.raw[oid])) for oid in oids if oid in self.raw)

    def cells(self, index: Sequence[int], *columns: str) -> tuple[Source, ...]:
        """Return those cells of a row that were answered."""
        entries = {name: entry for entry, name in self._names.items()}
        return self.sources(*(f"{entries[column]}.{'.'.join(map(str, index))}" for column in columns))

    def index_of(self, table: str, row: int) -> tuple[int, ...]:
        """Return the index of a row that is known by the last part of it."""
        return next(index for index in self.tables[table] if index[0] == self.device and index[-1] == row)

    def text(self, table: str, index: tuple[int, ...], column: str) -> str:
        return clean(self.tables[table][index].get(column), self.shape.charset)

    def number(self, table: str, index: tuple[int, ...], column: str) -> int:
        value = self.tables[table][index].get(column)
        return value if isinstance(value, int) else 0

    def charset(self, oid: str) -> str:
        """Tell how an octet string is read, where that is in question."""
        value = self.raw.get(oid, b"")
        if not isinstance(value, bytes) or value.isascii():
            return ""
        codec, declared = codec_of(value, self.shape.charset), names.CHARSETS.get(self.shape.charset, "no charset")
        return f"read as {codec}" + ("" if codec == declared else f" though {declared} is declared")

    def _name(self, oid: str) -> str:
        scalar = next((name for name, known in _SYSTEM.items() if known == oid), "")
        entry = next((entry for entry in self._names if oid.startswith(f"{entry}.")), "")
        maker = f"{self.private.maker.name}'s own" if self.private else ""
        return f"{scalar}.0" if scalar else f"{self._names[entry]}{oid[len(entry) :]}" if entry else maker


def _private(maker: Maker | None, raw: Mapping[str, Value]) -> Private | None:
    if maker is None:
        return None
    values = {oid: raw[oid] for oid in instances(maker) if oid in raw}
    return Private(maker, values, {table.name: decode.table_rows(table, raw.items()) for table in maker.tables})


def _raw_text(value: Value) -> str:
    if isinstance(value, int):
        return f"integer {value}"
    if isinstance(value, str):
        return f"object identifier {value}"
    if value.isascii() and value.decode().isprintable():
        return f'octets "{value.decode()}"'
    return f"octets {value[:_MOST_OCTETS].hex(' ')}{' …' if len(value) > _MOST_OCTETS else ''}"


def _joined(*parts: str) -> str:
    return "; ".join(filter(None, parts))


# The printer


def _printer(said: _Said) -> Iterator[Fact]:
    shape, snapshot = said.shape, said.snapshot
    yield Fact(
        "Printer", "status", witness_status(snapshot, supply_statuses(snapshot)).name.lower(), _witnesses(snapshot)
    )
    yield _device(said)
    yield _charset(said)
    yield from _identity(said)
    if snapshot.state is not None:
        yield Fact("Printer", "state", snapshot.state, "by its number", said.sources(shape.state_oid))
    if snapshot.errors is not None:
        yield Fact(
            "Printer", "error bits", _listed(snapshot.errors), _bits(snapshot.errors), said.sources(shape.errors_oid)
        )
    if snapshot.pages is not None:
        index = tuple(map(int, shape.pages_oid.split(".")[-2:]))
        yield Fact(
            "Printer",
            "pages",
            f"{snapshot.pages} {snapshot.pages_unit}",
            "the first marker's",
            said.cells(index, "prtMarkerLifeCount", "prtMarkerCounterUnit"),
        )
    uptime = decode.uptime(said.raw.get(SYS_UPTIME))
    if uptime is not None:
        yield Fact("Printer", "up for", f"{uptime:.0f} s", "hundredths of a second", said.sources(SYS_UPTIME))


def _witnesses(snapshot: Snapshot) -> str:
    """Tell what each of the three witnesses says by itself."""
    statuses = supply_statuses(snapshot)
    alone = {
        "supplies": replace(snapshot, alerts=(), errors=None),
        "alert rows": replace(snapshot, supplies=(), errors=None),
        "error bits": replace(snapshot, supplies=(), alerts=()),
    }
    each = (f"{name} {witness_status(part, statuses).name.lower()}" for name, part in alone.items())
    return f"the worst of {', '.join(each)}"


def _device(said: _Said) -> Fact:
    index = (said.device,)
    if said.is_chosen:
        rule = "as configured"
    elif said.tables["hrDevice"].get(index, {}).get("hrDeviceType") == mib.HR_DEVICE_PRINTER:
        rule = "its type is printer"
    elif index in said.tables["hrPrinter"]:
        rule = "no type says printer; it has a row in hrPrinterTable"
    else:
        rule = "no type says printer; the Printer-MIB's rows have it"
    return Fact("Printer", "hrDeviceIndex", str(said.device), rule, said.cells(index, "hrDeviceType"))


def _charset(said: _Said) -> Fact:
    chosen = [
        source
        for index in said.tables["prtLocalization"]
        if said.number("prtLocalization", index, "prtLocalizationCharacterSet") == said.shape.charset
        for source in said.cells(index, "prtLocalizationCharacterSet")
    ]
    general = said.cells((said.device,), "prtGeneralCurrentLocalization")
    rule = "declared; what is UTF-8 is read as that first" if said.shape.charset else "none declared"
    return Fact("Printer", "charset", names.CHARSETS.get(said.shape.charset, "-"), rule, (*general, *chosen[:1]))


def _identity(said: _Said) -> Iterator[Fact]:
    identity, maker = said.shape.identity, said.private.maker if said.private else None
    descr = clean(said.system.get("sysDescr"))
    by_number = vendors.maker_of(clean(said.system.get("sysObjectID")))
    badge = "by the enterprise number" if identity.vendor == by_number else "by the name in the model or in sysDescr"
    yield Fact("Printer", "vendor", identity.vendor, badge, said.sources(_SYSTEM["sysObjectID"]))
    model = said.cells((said.device,), "hrDeviceDescr", "prtGeneralPrinterName")
    yield _told(said, "model", identity.model, [s.oid for s in model], maker.model if maker else ())
    serial = said.cells((said.device,), "prtGeneralSerialNumber")
    yield _told(said, "serial", identity.serial, [s.oid for s in serial], maker.serial if maker else ())
    yield _told(said, "firmware", identity.firmware, (), maker.firmware if maker else ())
    if descr and identity.hostname:
        yield Fact("Printer", "hostname", identity.hostname, "as it is", said.sources(_SYSTEM["sysName"]))


def _told(said: _Said, what: str, shown: str, standard: Iterable[str], own: Iterable[str]) -> Fact:
    """Find which object says this text, or has it within its own."""
    rules = dict.fromkeys(standard, "as it is") | dict.fromkeys(own, "the maker's own object")
    rules |= {_SYSTEM["sysDescr"]: "found within the text"}
    said_by = (oid for oid in rules if oid in said.raw and shown and shown in clean(said.raw[oid]))
    oid = next(said_by, "")
    return Fact("Printer", what, shown, rules.get(oid, "not told"), said.sources(oid))


def _listed(texts: Iterable[str]) -> str:
    return ", ".join(sorted(texts)) or "none"


def _bits(errors: Iterable[str]) -> str:
    numbers = sorted(names.ERROR_BITS.index(error) for error in errors)
    return "; ".join(f"bit {number}: {names.ERROR_BITS[number]}" for number in numbers) or "no bit is set"


# Supplies


def _supply(said: _Said, supply: Supply) -> Iterator[Fact]:
    row = supply.row
    index = said.index_of("prtMarkerSupplies", row.row)
    description = said.cells(index, "prtMarkerSuppliesDescription")
    yield _supply_name(row)
    yield _supply_level(said, supply, index)
    yield _supply_status(said, supply)
    yield _supply_kind(said, row, index, description)
    yield _supply_color(said, row, index, description)
    yield _supply_words(said, row, index, description)


def _supply_level(said: _Said, supply: Supply, index: tuple[int, ...]) -> Fact:
    row = supply.row
    shown = f"{supply.ratio:.0%}" if supply.ratio is not None else supply.says.value
    sources = said.cells(index, "prtMarkerSuppliesLevel", "prtMarkerSuppliesMaxCapacity", "prtMarkerSuppliesSupplyUnit")
    if supply.source and row.makers_level:
        rule = f"{supply.source}, of {row.makers_level.full}, since the standard's level says no more"
        rule = rule if supply.ratio is not None else _joined(supply.source, _SAYS.get(supply.says, ""))
        return Fact(row.supply, "level", shown, rule, (*said.sources(row.makers_level.term.oid), *sources))
    rule = _known_level(supply) if supply.ratio is not None else _SAYS.get(supply.says, _unknown_level(said, row))
    return Fact(row.supply, "level", shown, _joined(rule, "turned round by a rule" if row.inverted else ""), sources)


def _known_level(supply: Supply) -> str:
    return f"{supply.level} of {supply.capacity}" if supply.capacity else "per cent without a maximum"


def _unknown_level(said: _Said, row: SupplyRow) -> str:
    level = said.raw.get(row.level_oid)
    return "-2: unknown" if level == -2 else "no level with a maximum"


def _supply_status(said: _Said, supply: Supply) -> Fact:
    snapshot, label = said.snapshot, supply.row.supply
    status = supply_statuses(snapshot)[label]
    limits = supply.row.thresholds
    if status is None:
        rule = "neither level, alert row nor bit tells"
    elif status == level_status(supply):
        own = ", of a rule" if supply.row.overridden else ""
        rule = f"its level: warning up to {limits.warning:.0%}, error below {limits.error:.0%}{own}"
    elif status == supply_statuses(replace(snapshot, errors=None))[label]:
        rule = "an alert row about it, worse than its level"
    else:
        rule = "an error bit that can mean this supply only, worse than its level"
    return Fact(label, "status", _severity(status), rule)


def _severity(status: Severity | None) -> str:
    return "unknown" if status is None else status.name.lower()


def _supply_name(row: SupplyRow) -> Fact:
    name = words.name_of(row.kind, row.color, row.description)
    is_own = row.kind == "other" and row.description
    origin = "the printer's own words, since the kind is other" if is_own else "from kind and color"
    return Fact(row.supply, "name", row.supply, _joined(origin, "" if name == row.supply else "told apart by a number"))


def _supply_kind(said: _Said, row: SupplyRow, index: tuple[int, ...], description: tuple[Source, ...]) -> Fact:
    type_number = said.number("prtMarkerSupplies", index, "prtMarkerSuppliesType")
    type_ = said.cells(index, "prtMarkerSuppliesType")
    if row.kind == "other":
        return Fact(row.supply, "kind", row.kind, "neither type nor words tell", (*type_, *description))
    if words.kind_of(type_number, "") == row.kind:
        return Fact(row.supply, "kind", row.kind, f"by prtMarkerSuppliesType {type_number}", type_)
    return Fact(row.supply, "kind", row.kind, "by its words, since the type says no more", (*type_, *description))


def _supply_color(said: _Said, row: SupplyRow, index: tuple[int, ...], description: tuple[Source, ...]) -> Fact:
    number = said.number("prtMarkerSupplies", index, "prtMarkerSuppliesColorantIndex")
    colorants = said.tables["prtMarkerColorant"]
    colorant = next((i for i in colorants if i[0] == said.device and i[-1] == number), None)
    told = said.text("prtMarkerColorant", colorant, "prtMarkerColorantValue") if colorant else ""
    value = said.cells(colorant, "prtMarkerColorantValue") if colorant else ()
    sources = (*said.cells(index, "prtMarkerSuppliesColorantIndex"), *value)
    if not row.color:
        return Fact(row.supply, "color", "-", "none told, or a kind without colors", sources)
    if words.color_of(row.kind, told, "") == row.color:
        return Fact(row.supply, "color", row.color, "by prtMarkerColorantValue", sources)
    return Fact(
        row.supply,
        "color",
        row.color,
        "by its words or part number, since the colorant says no more",
        (*sources, *description),
    )


def _supply_words(said: _Said, row: SupplyRow, index: tuple[int, ...], description: tuple[Source, ...]) -> Fact:
    text = said.text("prtMarkerSupplies", index, "prtMarkerSuppliesDescription")
    split = "a part or serial number split off" if row.description != text else ""
    charset = said.charset(description[0].oid) if description else ""
    shown = _joined(row.description, f"part {row.part}" if row.part else "")
    return Fact(row.supply, "description", shown, _joined(split, charset) or "as it is", description)


def _ignored(said: _Said) -> Iterator[Fact]:
    kept = {row.row for row in said.shape.supplies}
    for row in said.unruled.supplies:
        if row.row not in kept:
            yield Fact(row.supply, "ignored", row.description, "a rule of the config", said.sources(row.level_oid))


# Trays, bins, covers


def _tray(said: _Said, tray: Tray) -> Iterator[Fact]:
    row = tray.row
    index = said.index_of("prtInput", row.row)
    name = said.cells(index, "prtInputName", "prtInputDescription")
    yield Fact(row.tray, "name", row.tray, _label_rule(said, row.tray, name), name)
    type_number = said.number("prtInput", index, "prtInputType")
    is_type = names.TRAY_KINDS.get(type_number, "other") == row.kind
    rule = f"by prtInputType {type_number}" if is_type else "by its words"
    yield Fact(row.tray, "kind", row.kind, rule, said.cells(index, "prtInputType"))
    yield Fact(row.tray, "media", tray.media, "as it is", said.sources(row.media_oid))
    shown = f"{tray.ratio:.0%}" if tray.ratio is not None else "unknown" if tray.level is None else str(tray.level)
    rule = f"{tray.level} of {row.capacity}" if tray.ratio is not None else "no level with a maximum"
    yield Fact(
        row.tray,
        "level",
        shown,
        rule,
        said.cells(index, "prtInputCurrentLevel", "prtInputMaxCapacity", "prtInputCapacityUnit"),
    )


def _label_rule(said: _Said, label: str, sources: Iterable[Source]) -> str:
    for source in sources:
        if clean(said.raw[source.oid], said.shape.charset) == label:
            return _joined(f"from {source.name.split('.')[0]}", said.charset(source.oid))
    return "made from its number, or told apart from another of the same name"


def _bins_and_covers(said: _Said) -> Iterator[Fact]:
    ratios = {bin_.bin: bin_.ratio for bin_ in said.snapshot.bins}
    for row in said.shape.bins:
        ratio = ratios.get(row.bin)
        shown = "unknown" if ratio is None else f"{ratio:.0%} free"
        yield Fact(row.bin, "room", shown, f"room left of {row.capacity}", said.sources(row.remaining_oid))
    covers = dict(said.snapshot.covers)
    for cover in said.shape.covers:
        shown = "not told" if cover.cover not in covers else "open" if covers[cover.cover] else "closed"
        yield Fact(cover.cover, "cover", shown, "3 and 5 are open, 4 and 6 closed", said.sources(cover.status_oid))


# Alerts and counters


def _alerts(said: _Said) -> Iterator[Fact]:
    columns = [column.name for table in mib.POLLED_TABLES if table.name == _ALERTS for column in table.columns]
    for index, cells in sorted(said.alerts.items()):
        alert = next(iter(decode.snapshot(said.shape, {}, {index: cells}).alerts), None)
        shown = "left out" if alert is None else f"{alert.level}: {alert.code} ({alert.group})"
        number = ".".join(map(str, index))
        yield Fact(f"Alert row {number}", "alert", shown, _alert_rule(alert, cells), said.cells(index, *columns))


def _alert_rule(alert: Alert | None, cells: Mapping[str, Value]) -> str:
    code = cells.get("prtAlertCode")
    if alert is None:
        return "it only says that the printer is idle, ready or asleep"
    if alert.level == "information" and isinstance(code, int):
        return decode.why_harmless(code, "warning", may_be_empty=True)
    return "critical by prtAlertSeverityLevel" if alert.level == "critical" else "any other prtAlertSeverityLevel"


def _counters(said: _Said) -> Iterator[Fact]:
    rows, counters = said.shape.counters, said.snapshot.counters
    told = {(function, color): pages for function, color, pages in counters.functions}
    for function, color, count in rows.functions:
        yield _counter(said, f"{function} pages, {color}", told.get((function, color)), count)
    for what, count, value in (
        ("scans", rows.scans, counters.scans),
        ("duplex pages", rows.duplex, counters.duplex),
        ("large pages", rows.large, counters.large),
    ):
        if count:
            yield _counter(said, what, value, count)


def _counter(said: _Said, what: str, value: int | None, count: Count) -> Fact:
    records = ", ".join(f"{term.record:#04x}" for term in count if term.record is not None)
    rule = f"record {records} of its octets" if records else "the sum of its rows" if len(count) > 1 else "as it is"
    shown = "not told" if value is None else str(value)
    return Fact("Maker's counters", what, shown, rule, said.sources(*dict.fromkeys(term.oid for term in count)))
