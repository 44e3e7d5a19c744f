"""A printer's record as sample lines."""

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from operator import attrgetter
from typing import TypeAlias

from exporter.config import Origin, Printer, Thresholds
from exporter.memo import Memo
from exporter.metrics import families as f
from exporter.metrics.lines import Lines, LineWriter, label_pairs, line
from exporter.printers.lifecycle import AlertCount, Life
from exporter.printers.model import Alert, Bin, Counters, Identity, Level, Supply, SupplyRow, Tray
from exporter.printers.names import ERROR_BITS, PRINTER_STATES
from exporter.printers.record import FAILURE_REASONS, Record, Since
from exporter.printers.status import STATUSES, Severity

MAX_ALERTS = 20
_ALERT_RANKS = ("critical", "warning", "information")
# Units whose maximum of 100 makes them per cent in all but name.
_VAGUE_UNITS = {"", "other", "unknown"}

Write: TypeAlias = Callable[..., None]
"""Writes some families to a LineWriter, from its further arguments alone."""
Part: TypeAlias = tuple[Write, tuple[object, ...]]
"""What writes some families, of one part only, and all that it writes them from."""


# Of the record and of its life: what moves with each poll and tells nothing but that there was one.
_RESTLESS = {
    Record: {"poll", "polls", "faults", "last_success", "boot", "silence", "life", "doubts", "happened"},
    Life: {"pages_at"},
}
_steady_record, _steady_life = (
    attrgetter(*(field.name for field in fields(kind) if field.name not in restless))
    for kind, restless in _RESTLESS.items()
)


class Renderer:
    """Writes the lines of one printer; a part that rests on nothing new is not written again.

    `place` returns the printer's location and user labels when it is at an address.
    """

    def __init__(self, printer: Printer, place: Callable[[str], Iterable[tuple[str, str]]]) -> None:
        self.printer = printer
        self._labels = Memo(lambda address: label_pairs((("printer", printer.name), *place(address))))
        self._written: dict[Write, Memo[..., Lines]] = {}
        self._steady: tuple[object, ...] = ()
        self._steady_lines: Lines = {}

    def render(self, record: Record) -> Lines:
        """Return the lines; after a restart, and before its first poll ends, that is what was kept."""
        if record.status is None:
            return {}
        labels = self._labels(record.address or self.printer.host)
        steady = (labels, record.poll is None, _steady_record(record), _steady_life(record.life))
        if steady != self._steady:
            self._steady_lines = self._write_all(labels, _steady_parts(self.printer, record))
            self._steady = steady
        moved = ((family, value) for family, value in _restless(record) if value is not None)
        return {**self._steady_lines, **{family: line(family, labels, value).encode() for family, value in moved}}

    def _write_all(self, labels: str, parts: Iterable[Part]) -> Lines:
        lines: dict[f.Family, bytes] = {}
        for write, inputs in parts:
            if write not in self._written:
                self._written[write] = Memo(functools.partial(_lines, write))
            lines |= self._written[write](labels, *inputs)
        return lines


def render(printer: Printer, record: Record, place: Sequence[tuple[str, str]]) -> Lines:
    """Return the lines of a printer that is shown once."""
    return Renderer(printer, lambda _: place).render(record)


def _lines(write: Write, labels: str, *inputs: object) -> Lines:
    writer = LineWriter(labels)
    write(writer, *inputs)
    return writer.lines()


def _restless(record: Record) -> Iterator[tuple[f.Family, float | None]]:
    """Yield what is written anew with each poll: families of one sample, with its value where it is known."""
    yield f.LAST_SUCCESS, record.last_success
    yield f.BOOT, record.boot
    if record.poll:
        yield f.UP, int(bool(record.up))
        yield f.POLL_DURATION, record.poll.duration
        yield f.POLL_REQUESTS, record.poll.requests
        yield f.POLLS, record.polls
        yield f.POLL_FAULTS, record.faults


def _steady_parts(printer: Printer, record: Record) -> Iterator[Part]:
    """Yield what is written anew when something other moved than what does with each poll."""
    if record.poll:
        yield _write_failures, (record.failures,)
    yield _write_identity_changed, (record.identity_changed,)
    yield _write_status, (record.status, record.excused if printer.expected_off else None, printer.maintenance)
    yield _write_origin, (printer.origin,)
    snapshot, tally, life = record.snapshot, record.tally, record.life
    rows = tuple(supply.row for supply in snapshot.supplies) if snapshot else ()
    yield _write_thresholds, (printer.thresholds, rows)
    if snapshot is None:
        return
    # What stays while a printer is silent: it asleep must not make a toner alert come and go.
    yield _write_info, (record.address, snapshot.identity)
    yield _write_levels, (snapshot.supplies,)
    yield _write_raw_levels, (snapshot.supplies,)
    yield _write_words, (rows,)
    yield _write_statuses, (rows, record.supplies)
    yield _write_pages, (snapshot.pages, snapshot.pages_unit, snapshot.identity.serial)
    yield _write_counters, (snapshot.counters, snapshot.identity.serial)
    yield _write_trays, (snapshot.trays,)
    if tally:
        watched = {label: (known.tracked_since, known.installed) for label, known in life.supplies.items()}
        yield _write_used, (rows, tally.used)
        yield _write_lives, (rows, watched, tally.replaced)
        yield _write_months, (life.recent_months,)
        yield _write_events, (tally.anomalies, tally.jams, tally.alerts)
    # What is true of the moment only, and must go when the printer does.
    yield _write_openings, (snapshot.bins, snapshot.covers)
    yield _write_errors, (snapshot.errors,)
    yield _write_state, (snapshot.state,)
    yield _write_alerts, (snapshot.alerts,)


# ---- the printer


def _write_failures(writer: LineWriter, failures: Mapping[str, int]) -> None:
    for reason in (*FAILURE_REASONS, *sorted(failures.keys() - set(FAILURE_REASONS))):
        writer.add(f.POLL_FAILURES, failures.get(reason, 0), reason=reason)


def _write_identity_changed(writer: LineWriter, at: float | None) -> None:
    writer.add_known(f.IDENTITY_CHANGED, at)


def _write_status(writer: LineWriter, now: Since[str], excused: bool | None, maintenance: bool | None) -> None:
    for status in STATUSES:
        writer.add(f.STATUS, int(status == now.status), status=status)
    writer.add(f.STATUS_CHANGED, now.at)
    writer.add_known(f.EXPECTED_OFF, None if excused is None else int(excused))
    writer.add_known(f.MAINTENANCE, None if maintenance is None else int(maintenance))


def _write_origin(writer: LineWriter, origin: Origin) -> None:
    if origin.kind == "print_server":
        writer.add(f.DISCOVERED, 1, source=origin.name)
        writer.add_known(f.VANISHED, origin.vanished)


def _write_info(writer: LineWriter, address: str, identity: Identity) -> None:
    writer.add(
        f.INFO,
        1,
        address=address,
        vendor=identity.vendor,
        model=identity.model,
        serial=identity.serial,
        firmware=identity.firmware,
        hostname=identity.hostname,
    )


# ---- supplies


def _write_thresholds(writer: LineWriter, thresholds: Thresholds, rows: Sequence[SupplyRow]) -> None:
    _write_both(writer, thresholds)
    for row in rows:
        if row.overridden:
            _write_both(writer, row.thresholds, supply=row.supply)


def _write_both(writer: LineWriter, thresholds: Thresholds, **supply: str) -> None:
    writer.add(f.SUPPLY_THRESHOLD, float(thresholds.warning), level="warning", **supply)
    writer.add(f.SUPPLY_THRESHOLD, float(thresholds.error), level="error", **supply)


def _write_levels(writer: LineWriter, supplies: Sequence[Supply]) -> None:
    for supply in supplies:
        if supply.ratio is not None:
            writer.add_labelled(f.SUPPLY_LEVEL, float(supply.ratio), _labels(supply.row))
    writer.add(f.IMPLAUSIBLE, sum(supply.says is Level.IMPLAUSIBLE for supply in supplies))


def _write_raw_levels(writer: LineWriter, supplies: Sequence[Supply]) -> None:
    """Write the device's own numbers, where they are no per cent."""
    for supply in supplies:
        unit = supply.row.unit
        if unit == "percent" or (unit in _VAGUE_UNITS and supply.capacity == 100):
            continue
        labels = f"{_labels(supply.row)},{label_pairs([('unit', unit)])}"
        if supply.capacity:
            writer.add_labelled(f.SUPPLY_CAPACITY, supply.capacity, labels)
        if supply.level is not None:
            writer.add_labelled(f.SUPPLY_RAW_LEVEL, supply.level, labels)


def _write_words(writer: LineWriter, rows: Sequence[SupplyRow]) -> None:
    for row in rows:
        words = label_pairs([("description", row.description), ("part", row.part), ("unit", row.unit)])
        writer.add_labelled(f.SUPPLY_INFO, 1, f"{_labels(row)},{words}")


def _write_statuses(writer: LineWriter, rows: Sequence[SupplyRow], statuses: Mapping[str, Since[Severity]]) -> None:
    for row in rows:
        if since := statuses.get(row.supply):
            writer.add_labelled(f.SUPPLY_STATUS, since.status, _labels(row))
            writer.add_labelled(f.SUPPLY_STATUS_CHANGED, since.at, _labels(row))


def _write_used(writer: LineWriter, rows: Sequence[SupplyRow], used: Mapping[str, float]) -> None:
    for row in rows:
        if row.supply in used:
            writer.add_labelled(f.SUPPLY_USED, used[row.supply], _labels(row))


def _write_lives(
    writer: LineWriter,
    rows: Sequence[SupplyRow],
    watched: Mapping[str, tuple[float, float | None]],
    replaced: Mapping[str, int],
) -> None:
    """Write since when each supply is watched, and what was seen of cartridges."""
    for row in rows:
        if row.supply not in watched:
            continue
        tracked_since, installed = watched[row.supply]
        writer.add_labelled(f.SUPPLY_TRACKED_SINCE, tracked_since, _labels(row))
        writer.add_labelled(f.SUPPLY_REPLACED, replaced.get(row.supply, 0), _labels(row))
        if installed is not None:
            writer.add_labelled(f.SUPPLY_INSTALLED, installed, _labels(row))


def _labels(row: SupplyRow) -> str:
    return _supply_labels(row.supply, row.kind, row.color)


@functools.lru_cache(maxsize=4096)
def _supply_labels(supply: str, kind: str, color: str) -> str:
    return label_pairs((("supply", supply), ("kind", kind), ("color", color)))


# ---- pages and trays


def _write_pages(writer: LineWriter, pages: int | None, unit: str, serial: str) -> None:
    if pages is not None:
        writer.add(f.PAGES, pages, serial=serial, unit=unit)


def _write_counters(writer: LineWriter, counters: Counters, serial: str) -> None:
    """Write what the maker counts, apart from the standard's count."""
    for function, color, pages in counters.functions:
        writer.add(f.FUNCTION_PAGES, pages, serial=serial, function=function, color=color)
    apart = {f.SCANS: counters.scans, f.DUPLEX_PAGES: counters.duplex, f.LARGE_PAGES: counters.large}
    for family, count in apart.items():
        if count is not None:
            writer.add(family, count, serial=serial)


def _write_months(writer: LineWriter, months: Mapping[str, int]) -> None:
    for month, pages in months.items():
        writer.add(f.MONTH_PAGES, pages, month=month)


def _write_events(writer: LineWriter, anomalies: int, jams: int, alerts: Sequence[AlertCount]) -> None:
    writer.add(f.ANOMALIES, anomalies)
    writer.add(f.JAMS, jams)
    for kind in alerts:
        writer.add(f.ALERT_EVENTS, kind.count, code=kind.code, group=kind.group, level=kind.level)


def _write_trays(writer: LineWriter, trays: Sequence[Tray]) -> None:
    for tray in trays:
        row = tray.row
        labels = label_pairs([("tray", row.tray), ("kind", row.kind), ("media", tray.media)])
        if tray.ratio is not None:
            writer.add_labelled(f.TRAY_LEVEL, float(tray.ratio), labels)
        if row.in_sheets and tray.level is not None:
            writer.add_labelled(f.TRAY_SHEETS, tray.level, labels)
        if row.in_sheets and row.capacity is not None:
            writer.add_labelled(f.TRAY_CAPACITY, row.capacity, labels)


# ---- what is true of the moment only, and must go when the printer does


def _write_openings(writer: LineWriter, bins: Sequence[Bin], covers: Sequence[tuple[str, bool]]) -> None:
    for bin_ in bins:
        writer.add(f.OUTPUT_LEVEL, float(bin_.ratio), bin=bin_.bin)
    for cover, is_open in covers:
        writer.add(f.COVER_OPEN, int(is_open), cover=cover)


def _write_errors(writer: LineWriter, errors: frozenset[str] | None) -> None:
    if errors is not None:
        for bit in ERROR_BITS:
            writer.add(f.ERROR, int(bit in errors), error=bit)


def _write_state(writer: LineWriter, now: str | None) -> None:
    if now is not None:
        for state in PRINTER_STATES.values():
            writer.add(f.STATE, int(state == now), state=state)


def _write_alerts(writer: LineWriter, alerts: Sequence[Alert]) -> None:
    """Write the worst, and rows with equal labels once: an agent may list the same trouble twice."""
    alerts = sorted(alerts, key=lambda alert: _ALERT_RANKS.index(alert.level))
    rows = dict.fromkeys((a.level, a.code, a.group, a.training) for a in alerts)
    for level, code, group, training in list(rows)[:MAX_ALERTS]:
        writer.add(f.ALERT, 1, level=level, code=code, group=group, training=training)
    worded = dict.fromkeys((a.level, a.code, a.group, a.training, a.description) for a in alerts)
    for level, code, group, training, description in list(worded)[:MAX_ALERTS]:
        writer.add(f.ALERT_INFO, 1, level=level, code=code, group=group, training=training, description=description)
