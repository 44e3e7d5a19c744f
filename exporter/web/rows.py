"""A device as a line of a table: its status, what is wrong with it, its supplies. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from exporter.cameras.model import View
from exporter.cameras.views import oddities
from exporter.printers.model import Failure, Snapshot, Supply
from exporter.printers.record import Record
from exporter.web import wording
from exporter.web.discovery import Entry
from exporter.web.forecasts import Forecast, Left

# Toner and ink show their level all the time, other supplies when something is wrong with them.
_ALWAYS_SHOWN = frozenset({"toner", "ink"})
_MAX_PROBLEMS: Final = 4
_MAX_BARS: Final = 12
# Those that have a style of their own, in their order.
_COLORS = {color: place for place, color in enumerate(("black", "cyan", "magenta", "yellow"))}


@dataclass(frozen=True, slots=True)
class Bar:
    """A supply's level: `width` 0-100, None where it is no number; `color` and `status` name styles."""

    name: str
    short: str
    """The name where it is plain that toner or ink is meant."""
    color: str
    width: float | None
    level: str
    status: str
    left: Left | None = None


@dataclass(frozen=True, slots=True)
class PrinterRow:
    """A printer; `months` are pages by calendar month, `heard` is when it last answered."""

    name: str
    url: str
    location: str
    status: str
    about: str
    bars: Sequence[Bar]
    problems: Sequence[str]
    notes: Sequence[str]
    pages: int | None
    months: Mapping[str, int]
    heard: float | None


@dataclass(frozen=True, slots=True)
class CameraRow:
    """A camera; `heard` is when it was last seen."""

    name: str
    url: str
    location: str
    status: str
    about: str
    address: str
    mac: str
    notes: Sequence[str]
    heard: float | None


def printer_row(entry: Entry, forecast: Forecast) -> PrinterRow:
    """Return a printer as a line of a table."""
    listed, record, _ = entry
    snapshot = record.snapshot
    return PrinterRow(
        name=listed.name,
        url=f"printers/{quote(listed.name, safe='')}",
        location=entry.location,
        status=entry.status,
        about="\N{NO-BREAK SPACE}· ".join(
            filter(None, (snapshot.identity.model if snapshot else "", record.address or listed.host))
        ),
        bars=_shown_bars(bars(entry, forecast), snapshot),
        problems=_cut(tuple(problems(record))),
        notes=tuple(notes(entry)),
        pages=snapshot.pages if snapshot else None,
        months=record.life.recent_months,
        heard=record.last_success,
    )


def bars(entry: Entry, forecast: Forecast) -> list[Bar]:
    """Return all supplies of a printer with their levels."""
    record = entry.record
    supplies = record.snapshot.supplies if record.snapshot else ()
    return [_bar(supply, record, forecast.left.get((entry.printer.name, supply.row.supply))) for supply in supplies]


def _bar(supply: Supply, record: Record, left: Left | None) -> Bar:
    row = supply.row
    known = record.supplies.get(row.supply)
    return Bar(
        name=row.supply,
        short=row.supply.replace(f" {row.kind}", "") if row.kind in _ALWAYS_SHOWN else row.supply,
        color=row.color if row.color in _COLORS else "other",
        width=None if supply.ratio is None else round(100 * supply.ratio, 1),
        level=wording.level(supply),
        status=known.status.name.lower() if known else "unknown",
        left=left,
    )


def _shown_bars(found: Sequence[Bar], snapshot: Snapshot | None) -> tuple[Bar, ...]:
    kinds = {supply.row.supply: supply.row.kind for supply in snapshot.supplies} if snapshot else {}
    shown = [bar for bar in found if kinds[bar.name] in _ALWAYS_SHOWN or bar.status in {"warning", "error"}]
    return tuple(sorted(shown, key=lambda bar: _COLORS.get(bar.color, len(_COLORS)))[:_MAX_BARS])


def problems(record: Record) -> Iterator[str]:
    """Yield what is wrong with a printer: that it is silent, its error bits, its own alert rows."""
    if record.poll and isinstance(record.poll.result, Failure) and not record.excused:
        yield wording.silence(record.poll.result.reason)
    if record.snapshot:
        yield from map(wording.bit, sorted(record.snapshot.errors or ()))
        told = {alert.description or alert.code for alert in record.snapshot.alerts if alert.level != "information"}
        yield from sorted(told)


def _cut(found: Sequence[str]) -> tuple[str, ...]:
    more = len(found) - _MAX_PROBLEMS
    return (*found[:_MAX_PROBLEMS], f"and {more} more") if more > 0 else tuple(found)


def notes(entry: Entry) -> Iterator[str]:
    """Yield what explains a printer's status."""
    record = entry.record
    if entry.printer.maintenance:
        yield "in maintenance"
    if record.excused and not record.up:
        yield "expected to be off"
    if record.snapshot and record.snapshot.asleep:
        yield "asleep"
    if entry.printer.origin.vanished is not None:
        yield "its print server tells of it no more"
    if record.poll is None and record.last_success is None:
        yield "not asked yet"


def camera_row(view: View) -> CameraRow:
    """Return a camera as a line of a table."""
    known, device = view.camera, view.camera.device
    return CameraRow(
        name=view.name,
        url=f"cameras/{known.mac}",
        location=view.location,
        status=known.status,
        about=device.model,
        address=device.address if device.port in {None, 80} else f"{device.address}:{device.port}",
        mac=known.mac,
        notes=tuple(camera_notes(view)),
        heard=known.last_seen,
    )


def camera_notes(view: View) -> Iterator[str]:
    """Yield what is odd about a camera."""
    known = view.camera
    if known.status == "ip_changed" and known.address_change:
        yield f"was at {known.address_change.previous}"
    yield from oddities(view)
    if not view.listed:
        yield "not listed"
