"""An office printer as a pure function: from a description and the seconds gone by to the objects it serves.

Objects: SNMPv2-MIB (RFC 3418), HOST-RESOURCES-MIB (RFC 2790), Printer-MIB (RFC 3805); the numbers that stand
for kinds, units, codes and groups are those of IANA-PRINTER-MIB.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias, TypeVar

from exporter.simulator.ber import Counter32, Integer, ObjectId, OctetString, Oid, TimeTicks, Value

SYSTEM: Oid = (1, 3, 6, 1, 2, 1, 1)
HOST: Oid = (1, 3, 6, 1, 2, 1, 25)
PRINTER: Oid = (1, 3, 6, 1, 2, 1, 43)
_ENTERPRISES: Oid = (1, 3, 6, 1, 4, 1)
_DEVICE_TYPES: Oid = (*HOST, 3, 1)
_DEVICE_TYPE_PRINTER = 5

IMPRESSIONS, SHEETS, ITEMS, PERCENT, TENTHS_OF_GRAMS = 7, 8, 18, 19, 13
TONER, WASTE_TONER, INK, INK_CARTRIDGE, WASTE_INK, DRUM, FUSER, TRANSFER_UNIT = 3, 4, 5, 6, 8, 9, 15, 20
STAPLES, TONER_CARTRIDGE = 32, 21
CONSUMED, RECEPTACLE = 3, 4
MANUAL_FEED, REMOVABLE_TRAY = 5, 3
CRITICAL, WARNING, UNARY_WARNING = 3, 5, 4
GROUP_COVER, GROUP_INPUT, GROUP_SUPPLIES, GROUP_MEDIA_PATH = 6, 8, 11, 13
# hrPrinterDetectedErrorState (RFC 2790).
LOW_PAPER, LOW_TONER, NO_TONER, DOOR_OPEN, JAMMED, SERVICE, TRAY_EMPTY, OVERDUE = 0, 2, 3, 4, 5, 7, 13, 14
UNKNOWN, SOME = -2, -3


@dataclass(frozen=True, slots=True)
class Alert:
    """A row of prtAlertTable and the error bits that go with it; a `row` of 0 is worked out."""

    severity: int
    group: int
    index: int
    code: int
    text: str = ""
    training: int = 3
    bits: frozenset[int] = frozenset()
    row: int = 0

    @property
    def key(self) -> int:
        """prtAlertIndex."""
        return self.row or self.group * 100 + self.index


@dataclass(frozen=True, slots=True)
class Supply:
    """A row of prtMarkerSuppliesTable that lasts `pages` pages, `start` of it left at first.

    `steps` is how many levels the device tells apart (0: all); without `sensed` it only says: some is left.
    """

    description: str
    type: int = TONER
    colorant: str = ""
    unit: int = PERCENT
    capacity: int = 100
    start: float = 1.0
    pages: int = 3000
    steps: int = 0
    sensed: bool = True
    row: int = 0

    def level(self, printed: int) -> int:
        """What is left after so many pages, replaced by a full one whenever it is used up."""
        left = _left(round(self.start * self.pages), self.pages, printed)
        steps = self.steps or self.capacity
        step = (left * steps + self.pages - 1) // self.pages
        return step * self.capacity // steps


@dataclass(frozen=True, slots=True)
class Tray:
    """A row of prtInputTable, `start` sheets in it; the first that is no manual feed is printed from."""

    name: str
    description: str = ""
    capacity: int = 550
    start: int = 400
    type: int = REMOVABLE_TRAY
    media: str = "A4"
    row: int = 0


@dataclass(frozen=True, slots=True)
class Bin:
    """A row of prtOutputTable."""

    name: str
    capacity: int = 500
    remaining: int = UNKNOWN


@dataclass(frozen=True, slots=True)
class Cover:
    """A row of prtCoverTable."""

    description: str
    open: bool = False


@dataclass(frozen=True, slots=True)
class Duty:
    """Jobs of so many seconds with pauses between them; `phase` is where in this rhythm it starts."""

    pages_per_minute: int = 30
    job: int = 40
    pause: int = 20
    phase: int = 0

    def printed(self, elapsed: float) -> int:
        """Pages printed in so many seconds."""
        return self._pages(self.phase + elapsed) - self._pages(self.phase)

    def printing(self, elapsed: float) -> bool:
        """Whether a job is under way."""
        return (self.phase + elapsed) % (self.job + self.pause) < self.job

    def _pages(self, seconds: float) -> int:
        rounds, rest = divmod(seconds, self.job + self.pause)
        return int((rounds * self.job + min(rest, self.job)) * self.pages_per_minute / 60)


@dataclass(frozen=True, slots=True)
class Maker:
    """The habits of one maker's firmware."""

    name: str
    object_id: Oid
    sys_descr: str
    charset: int = 106
    encoding: str = "utf-8"
    counter_unit: int = IMPRESSIONS
    mark_technology: int = 4
    device_index: int = 1
    other_devices: Mapping[int, tuple[int, str]] = field(default_factory=dict)
    error_octets: int = 1
    warning: int = WARNING
    standing: tuple[Alert, ...] = ()
    alert_texts: bool = True
    alert_times: bool = True
    counts_events: bool = True
    config_changes: int = 3
    console: bool = True
    idle_text: str = "Ready"
    printing_text: str = "Printing..."


@dataclass(frozen=True, slots=True)
class Printer:
    """One printer; `faults` are alerts that stay, `duty` None is one that prints nothing."""

    maker: Maker
    model: str
    serial: str
    name: str
    supplies: tuple[Supply, ...]
    trays: tuple[Tray, ...]
    bins: tuple[Bin, ...] = (Bin("Standard Bin"),)
    covers: tuple[Cover, ...] = ()
    faults: tuple[Alert, ...] = ()
    duty: Duty | None = None
    life_pages: int = 40_000
    uptime: int = 1_000_000


@dataclass(frozen=True, slots=True)
class _Moment:
    """What moves, at one moment."""

    seconds: float
    pages: int
    printing: bool
    supply_levels: tuple[int, ...]
    tray_levels: tuple[int, ...]
    alerts: tuple[Alert, ...]


_Columns: TypeAlias = Mapping[int, Value | int | str]
_Rows: TypeAlias = Iterable[tuple[Oid, _Columns]]
_Numbered = TypeVar("_Numbered", Supply, Tray)


@dataclass(frozen=True, slots=True)
class _Decline:
    """When a supply counts as low, and the codes and bits for low and for used up."""

    low: float
    low_code: int
    low_bit: int
    empty_code: int
    empty_bit: int
    words: tuple[str, str] = ("low", "empty")


_TONER_DECLINE = _Decline(0.16, 1104, LOW_TONER, 1101, NO_TONER)
_INK_DECLINE = _Decline(0.05, 1105, LOW_TONER, 1102, NO_TONER)
_WORN = ("near end of life", "at end of life")
_FULL = ("nearly full", "full")
_DECLINES = {
    TONER: _TONER_DECLINE,
    TONER_CARTRIDGE: _TONER_DECLINE,
    INK: _INK_DECLINE,
    INK_CARTRIDGE: _INK_DECLINE,
    WASTE_TONER: _Decline(0.1, 1107, SERVICE, 1109, SERVICE, _FULL),
    WASTE_INK: _Decline(0.1, 1108, SERVICE, 1110, SERVICE, _FULL),
    DRUM: _Decline(0.05, 1111, SERVICE, 1112, SERVICE, _WORN),
    FUSER: _Decline(0.05, 10, OVERDUE, 11, OVERDUE, _WORN),
    TRANSFER_UNIT: _Decline(0.05, 10, OVERDUE, 11, OVERDUE, _WORN),
}


def values(printer: Printer, elapsed: float) -> dict[Oid, Value]:
    """Give every instance that the printer serves after so many seconds."""
    moment = _moment(printer, elapsed)
    encoding = printer.maker.encoding
    table = {
        (*entry, column, *index): _typed(value, encoding)
        for entry, rows in _TABLES
        for index, columns in rows(printer, moment)
        for column, value in columns.items()
    }
    return table | {(*SYSTEM, n, 0): _typed(value, encoding) for n, value in _system(printer, moment).items()}


def _moment(printer: Printer, elapsed: float) -> _Moment:
    duty = printer.duty
    pages = duty.printed(elapsed) if duty else 0
    supply_levels = tuple(supply.level(pages) for supply in printer.supplies)
    tray_levels = _tray_levels(printer.trays, pages)
    alerts = (
        *printer.faults,
        *_cover_alerts(printer),
        *_tray_alerts(printer, tray_levels),
        *_supply_alerts(printer, supply_levels),
    )
    printing = duty is not None and duty.printing(elapsed)
    return _Moment(elapsed, pages, printing, supply_levels, tray_levels, alerts)


def _left(start: int, full: int, used: int) -> int:
    """What is left of `start` when a `full` one takes the place of each that is used up; never 0 by use."""
    return 1 + (start - used - 1) % full if used else start


def _tray_levels(trays: Sequence[Tray], sheets: int) -> tuple[int, ...]:
    """Sheets in each tray: one is printed from, empties and is filled again."""
    active = next((tray for tray in trays if tray.type != MANUAL_FEED and tray.start > 0), None)
    return tuple((tray.start - sheets) % (tray.capacity + 1) if tray is active else tray.start for tray in trays)


def _cover_alerts(printer: Printer) -> Iterator[Alert]:
    for index, cover in enumerate(printer.covers, 1):
        if cover.open:
            text = f"{cover.description} is open"
            yield Alert(CRITICAL, GROUP_COVER, index, 3, text, bits=frozenset({DOOR_OPEN}))


def _tray_alerts(printer: Printer, levels: Sequence[int]) -> Iterator[Alert]:
    """Warn of empty trays; an empty manual feed is its normal state."""
    bit = TRAY_EMPTY if printer.maker.error_octets > 1 else LOW_PAPER
    for (index, tray), level in zip(_numbered(printer.trays), levels, strict=True):
        if level == 0 and tray.type != MANUAL_FEED:
            text = f"{tray.name or tray.description} is empty"
            yield Alert(printer.maker.warning, GROUP_INPUT, index, 808, text, bits=frozenset({bit}))


def _supply_alerts(printer: Printer, levels: Sequence[int]) -> Iterator[Alert]:
    for (index, supply), level in zip(_numbered(printer.supplies), levels, strict=True):
        decline = _DECLINES.get(supply.type)
        if decline is None or not supply.sensed or level > decline.low * supply.capacity:
            continue
        severity, code, bit, word = (
            (printer.maker.warning, decline.low_code, decline.low_bit, decline.words[0])
            if level
            else (CRITICAL, decline.empty_code, decline.empty_bit, decline.words[1])
        )
        text = f"{supply.description} {word}"
        yield Alert(severity, GROUP_SUPPLIES, index, code, text, bits=frozenset({bit}))


def _system(printer: Printer, moment: _Moment) -> _Columns:
    maker = printer.maker
    return {
        1: maker.sys_descr.format(model=printer.model, serial=printer.serial),
        2: ObjectId((*_ENTERPRISES, *maker.object_id)),
        3: _ticks(printer.uptime + moment.seconds),
        4: "",
        5: printer.name,
        6: "",
    }


def _devices(printer: Printer, moment: _Moment) -> _Rows:
    """hrDeviceTable: the printer's row, and those of scanners, disks and the like where there are some."""
    maker = printer.maker
    rows = {maker.device_index: (_DEVICE_TYPE_PRINTER, printer.model), **maker.other_devices}
    for index, (kind, description) in rows.items():
        is_printer = index == maker.device_index
        yield (
            (index,),
            {
                1: index,
                2: ObjectId((*_DEVICE_TYPES, kind) if kind else (0, 0)),
                3: description.format(model=printer.model),
                4: ObjectId((*_ENTERPRISES, *maker.object_id) if is_printer else (0, 0)),
                5: _states(moment)[0] if is_printer else 2,
                6: Counter32(0),
            },
        )


def _host_printer(printer: Printer, moment: _Moment) -> _Rows:
    """hrPrinterTable."""
    bits = frozenset[int]().union(*(alert.bits for alert in moment.alerts))
    state = OctetString(_error_octets(bits, printer.maker.error_octets))
    yield (printer.maker.device_index,), {1: _states(moment)[1], 2: state}


def _states(moment: _Moment) -> tuple[int, int]:
    """hrDeviceStatus and hrPrinterStatus by the worst alert (RFC 3805 section 2.2.13.2)."""
    if any(alert.severity == CRITICAL for alert in moment.alerts):
        return 5, 1
    return (3 if moment.alerts else 2), (4 if moment.printing else 3)


def _error_octets(bits: Iterable[int], shortest: int) -> bytes:
    """Bit 0 is the most significant of the first octet; makers differ in the octets they send at least."""
    octets = bytearray(shortest)
    for bit in bits:
        octets.extend(bytes(max(0, bit // 8 + 1 - len(octets))))
        octets[bit // 8] |= 0x80 >> bit % 8
    return bytes(octets)


def _general(printer: Printer, _: _Moment) -> _Rows:
    maker = printer.maker
    columns: dict[int, Value | int | str] = {
        1: Counter32(maker.config_changes),
        2: 1,
        10: 1,
        11: int(maker.console),
        12: 40,
        17: printer.serial,
    }
    if maker.counts_events:
        columns |= {16: printer.name, 18: Counter32(4), 19: Counter32(31)}
    yield (maker.device_index,), columns


def _covers(printer: Printer, _: _Moment) -> _Rows:
    for index, cover in enumerate(printer.covers, 1):
        yield (printer.maker.device_index, index), {2: cover.description, 3: 3 if cover.open else 4}


def _localization(printer: Printer, _: _Moment) -> _Rows:
    yield (printer.maker.device_index, 1), {2: "en", 3: "US", 4: printer.maker.charset}


def _inputs(printer: Printer, moment: _Moment) -> _Rows:
    for (index, tray), level in zip(_numbered(printer.trays), moment.tray_levels, strict=True):
        yield (
            (printer.maker.device_index, index),
            {
                2: tray.type,
                8: SHEETS,
                9: tray.capacity,
                10: level,
                11: 0 if level else 19,
                12: tray.media,
                13: tray.name,
                18: tray.description,
            },
        )


def _outputs(printer: Printer, _: _Moment) -> _Rows:
    for index, tray in enumerate(printer.bins, 1):
        yield (
            (printer.maker.device_index, index),
            {2: 4, 3: SHEETS, 4: tray.capacity, 5: tray.remaining, 6: 0, 7: tray.name, 12: tray.name},
        )


def _markers(printer: Printer, moment: _Moment) -> _Rows:
    yield (
        (printer.maker.device_index, 1),
        {
            2: printer.maker.mark_technology,
            3: printer.maker.counter_unit,
            4: Counter32(printer.life_pages + moment.pages),
            5: Counter32(moment.pages),
            6: 4 if len(_colorants(printer)) > 3 else 1,
            15: 0,
        },
    )


def _supplies(printer: Printer, moment: _Moment) -> _Rows:
    colorants = _colorants(printer)
    for (index, supply), level in zip(_numbered(printer.supplies), moment.supply_levels, strict=True):
        yield (
            (printer.maker.device_index, index),
            {
                2: 1,
                3: colorants.index(supply.colorant) + 1 if supply.colorant else 0,
                4: RECEPTACLE if supply.type in {WASTE_TONER, WASTE_INK} else CONSUMED,
                5: supply.type,
                6: supply.description,
                7: supply.unit,
                8: supply.capacity if supply.sensed else UNKNOWN,
                9: level if supply.sensed else SOME,
            },
        )


def _colorant_rows(printer: Printer, _: _Moment) -> _Rows:
    for index, colorant in enumerate(_colorants(printer), 1):
        role = 1 if colorant == "other" else 3
        yield (printer.maker.device_index, index), {2: 1, 3: role, 4: colorant, 5: 2}


def _console(printer: Printer, moment: _Moment) -> _Rows:
    """prtConsoleDisplayBufferTable: one line, empty where the maker shows none."""
    yield (printer.maker.device_index, 1), {2: _panel(printer, moment) if printer.maker.console else ""}


def _panel(printer: Printer, moment: _Moment) -> str:
    """What the panel says: the first alert, or what the printer does."""
    if moment.alerts:
        return moment.alerts[0].text
    return printer.maker.printing_text if moment.printing else printer.maker.idle_text


def _alerts(printer: Printer, moment: _Moment) -> _Rows:
    """prtAlertTable: what is wrong, and the rows that the maker keeps there with the panel's words."""
    maker = printer.maker
    raised = _ticks(max(printer.uptime - 600, 0))
    standing = (replace(alert, text=_panel(printer, moment)) for alert in maker.standing)
    for alert in (*moment.alerts, *standing):
        columns: dict[int, Value | int | str] = {
            2: alert.severity,
            3: alert.training,
            4: alert.group,
            5: alert.index or -1,
            6: UNKNOWN,
            7: alert.code,
            8: alert.text if maker.alert_texts else "",
        }
        if maker.alert_times:
            columns[9] = raised
        yield (maker.device_index, alert.key), columns


_TABLES: tuple[tuple[Oid, Callable[[Printer, _Moment], _Rows]], ...] = (
    ((*HOST, 3, 2, 1), _devices),
    ((*HOST, 3, 5, 1), _host_printer),
    ((*PRINTER, 5, 1, 1), _general),
    ((*PRINTER, 6, 1, 1), _covers),
    ((*PRINTER, 7, 1, 1), _localization),
    ((*PRINTER, 8, 2, 1), _inputs),
    ((*PRINTER, 9, 2, 1), _outputs),
    ((*PRINTER, 10, 2, 1), _markers),
    ((*PRINTER, 11, 1, 1), _supplies),
    ((*PRINTER, 12, 1, 1), _colorant_rows),
    ((*PRINTER, 16, 5, 1), _console),
    ((*PRINTER, 18, 1, 1), _alerts),
)


def _numbered(rows: Iterable[_Numbered]) -> Iterator[tuple[int, _Numbered]]:
    """Number the rows of a table from 1, except those that have a number of their own."""
    index = 0
    for row in rows:
        index = row.row or index + 1
        yield index, row


def _colorants(printer: Printer) -> tuple[str, ...]:
    """The values of prtMarkerColorantTable: each colorant once, as the supplies name them."""
    return tuple(dict.fromkeys(supply.colorant for supply in printer.supplies if supply.colorant))


def _ticks(seconds: float) -> TimeTicks:
    return TimeTicks(int(seconds * 100) % 2**32)


def _typed(value: Value | int | str, encoding: str) -> Value:
    """Turn plain numbers and text of the tables above into values of the protocol."""
    if isinstance(value, int):
        return Integer(value)
    return OctetString(value.encode(encoding)) if isinstance(value, str) else value
