"""A printer's record as sample lines."""

from collections.abc import Iterable

from exporter.config import Printer, Thresholds
from exporter.metrics import families as f
from exporter.metrics.lines import Lines, LineWriter, label_pairs
from exporter.printers.lifecycle import Life, Tally
from exporter.printers.model import Alert, Counters, Level, Poll, Snapshot, Supply
from exporter.printers.names import ERROR_BITS, PRINTER_STATES
from exporter.printers.record import FAILURE_REASONS, Record
from exporter.printers.status import STATUSES

MAX_ALERTS = 20
_ALERT_RANKS = ("critical", "warning", "information")
# Units whose maximum of 100 makes them per cent in all but name.
_VAGUE_UNITS = {"", "other", "unknown"}


def render(printer: Printer, record: Record, place: Iterable[tuple[str, str]]) -> Lines:
    """Return the lines of one printer; `place` is its location and user labels.

    After a restart, and before its first poll ends, that is what was kept.
    """
    writer = LineWriter([("printer", printer.name), *place])
    if record.status is None:
        return {}
    if record.poll:
        writer.add(f.UP, int(bool(record.up)))
        _write_poll(writer, record, record.poll)
    _write_times(writer, record)
    for status in STATUSES:
        writer.add(f.STATUS, int(status == record.status.status), status=status)
    writer.add(f.STATUS_CHANGED, record.status.at)
    if printer.expected_off is not None:
        writer.add(f.EXPECTED_OFF, int(record.excused))
    if printer.maintenance is not None:
        writer.add(f.MAINTENANCE, int(printer.maintenance))
    _write_thresholds(writer, printer.thresholds)
    if record.snapshot:
        _write_lasting(writer, record, record.snapshot)
        _write_momentary(writer, record.snapshot)
    return writer.lines()


def _write_poll(writer: LineWriter, record: Record, poll: Poll) -> None:
    writer.add(f.POLL_DURATION, poll.duration)
    writer.add(f.POLL_REQUESTS, poll.requests)
    writer.add(f.POLLS, record.polls)
    writer.add(f.POLL_FAULTS, record.faults)
    for reason in (*FAILURE_REASONS, *sorted(record.failures.keys() - set(FAILURE_REASONS))):
        writer.add(f.POLL_FAILURES, record.failures.get(reason, 0), reason=reason)


def _write_times(writer: LineWriter, record: Record) -> None:
    writer.add_known(f.LAST_SUCCESS, record.last_success)
    writer.add_known(f.BOOT, record.boot)
    writer.add_known(f.IDENTITY_CHANGED, record.identity_changed)


def _write_thresholds(writer: LineWriter, thresholds: Thresholds, **supply: str) -> None:
    writer.add(f.SUPPLY_THRESHOLD, float(thresholds.warning), level="warning", **supply)
    writer.add(f.SUPPLY_THRESHOLD, float(thresholds.error), level="error", **supply)


def _write_lasting(writer: LineWriter, record: Record, snapshot: Snapshot) -> None:
    """Write what stays while a printer is silent: it asleep must not make a toner alert come and go."""
    identity = snapshot.identity
    writer.add(
        f.INFO,
        1,
        address=record.address,
        vendor=identity.vendor,
        model=identity.model,
        serial=identity.serial,
        firmware=identity.firmware,
        hostname=identity.hostname,
    )
    for supply in snapshot.supplies:
        _write_supply(writer, supply, record)
    writer.add(f.IMPLAUSIBLE, sum(supply.says is Level.IMPLAUSIBLE for supply in snapshot.supplies))
    if snapshot.pages is not None:
        writer.add(f.PAGES, snapshot.pages, serial=identity.serial, unit=snapshot.pages_unit)
    _write_counters(writer, snapshot.counters, identity.serial)
    _write_trays(writer, snapshot)
    if record.tally:
        _write_life(writer, record.life, record.tally)


def _write_counters(writer: LineWriter, counters: Counters, serial: str) -> None:
    """Write what the maker counts, apart from the standard's count."""
    for function, color, pages in counters.functions:
        writer.add(f.FUNCTION_PAGES, pages, serial=serial, function=function, color=color)
    apart = {f.SCANS: counters.scans, f.DUPLEX_PAGES: counters.duplex, f.LARGE_PAGES: counters.large}
    for family, count in apart.items():
        if count is not None:
            writer.add(family, count, serial=serial)


def _write_supply(writer: LineWriter, supply: Supply, record: Record) -> None:
    row, since = supply.row, record.supplies.get(supply.row.supply)
    labels = label_pairs([("supply", row.supply), ("kind", row.kind), ("color", row.color)])
    if supply.ratio is not None:
        writer.add_labelled(f.SUPPLY_LEVEL, float(supply.ratio), labels)
    if since:
        writer.add_labelled(f.SUPPLY_STATUS, since.status, labels)
        writer.add_labelled(f.SUPPLY_STATUS_CHANGED, since.at, labels)
    if record.tally:
        _write_supply_life(writer, row.supply, labels, record.life, record.tally)
    words = label_pairs([("description", row.description), ("part", row.part), ("unit", row.unit)])
    writer.add_labelled(f.SUPPLY_INFO, 1, f"{labels},{words}")
    is_percent = row.unit == "percent" or (row.unit in _VAGUE_UNITS and supply.capacity == 100)
    if not is_percent:
        unit = label_pairs([("unit", row.unit)])
        if supply.capacity:
            writer.add_labelled(f.SUPPLY_CAPACITY, supply.capacity, f"{labels},{unit}")
        if supply.level is not None:
            writer.add_labelled(f.SUPPLY_RAW_LEVEL, supply.level, f"{labels},{unit}")
    if row.overridden:
        _write_thresholds(writer, row.thresholds, supply=row.supply)


def _write_supply_life(writer: LineWriter, supply: str, labels: str, life: Life, tally: Tally) -> None:
    """Write what was seen of a supply since it is watched."""
    if supply in tally.used:
        writer.add_labelled(f.SUPPLY_USED, tally.used[supply], labels)
    if known := life.supplies.get(supply):
        writer.add_labelled(f.SUPPLY_TRACKED_SINCE, known.tracked_since, labels)
        writer.add_labelled(f.SUPPLY_REPLACED, tally.replaced.get(supply, 0), labels)
        if known.installed is not None:
            writer.add_labelled(f.SUPPLY_INSTALLED, known.installed, labels)


def _write_life(writer: LineWriter, life: Life, tally: Tally) -> None:
    """Write what was seen of a printer since it is watched."""
    for month, pages in life.recent_months.items():
        writer.add(f.MONTH_PAGES, pages, month=month)
    writer.add(f.ANOMALIES, tally.anomalies)
    writer.add(f.JAMS, tally.jams)
    for kind in tally.alerts:
        writer.add(f.ALERT_EVENTS, kind.count, code=kind.code, group=kind.group, level=kind.level)


def _write_trays(writer: LineWriter, snapshot: Snapshot) -> None:
    for tray in snapshot.trays:
        row = tray.row
        labels = label_pairs([("tray", row.tray), ("kind", row.kind), ("media", tray.media)])
        if tray.ratio is not None:
            writer.add_labelled(f.TRAY_LEVEL, float(tray.ratio), labels)
        if row.in_sheets and tray.level is not None:
            writer.add_labelled(f.TRAY_SHEETS, tray.level, labels)
        if row.in_sheets and row.capacity is not None:
            writer.add_labelled(f.TRAY_CAPACITY, row.capacity, labels)


def _write_momentary(writer: LineWriter, snapshot: Snapshot) -> None:
    """Write what is true of the moment only, and must go when the printer does."""
    for bin_ in snapshot.bins:
        writer.add(f.OUTPUT_LEVEL, float(bin_.ratio), bin=bin_.bin)
    for cover, is_open in snapshot.covers:
        writer.add(f.COVER_OPEN, int(is_open), cover=cover)
    if snapshot.errors is not None:
        for bit in ERROR_BITS:
            writer.add(f.ERROR, int(bit in snapshot.errors), error=bit)
    if snapshot.state is not None:
        for state in PRINTER_STATES.values():
            writer.add(f.STATE, int(state == snapshot.state), state=state)
    _write_alerts(writer, snapshot.alerts)


def _write_alerts(writer: LineWriter, alerts: tuple[Alert, ...]) -> None:
    """Write the worst, and rows with equal labels once: an agent may list the same trouble twice."""
    alerts = tuple(sorted(alerts, key=lambda alert: _ALERT_RANKS.index(alert.level)))
    rows = dict.fromkeys((a.level, a.code, a.group, a.training) for a in alerts)
    for level, code, group, training in list(rows)[:MAX_ALERTS]:
        writer.add(f.ALERT, 1, level=level, code=code, group=group, training=training)
    worded = dict.fromkeys((a.level, a.code, a.group, a.training, a.description) for a in alerts)
    for level, code, group, training, description in list(worded)[:MAX_ALERTS]:
        writer.add(f.ALERT_INFO, 1, level=level, code=code, group=group, training=training, description=description)
