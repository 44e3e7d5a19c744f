"""The pages of single devices: everything known, and what happened. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from exporter.cameras.model import View
from exporter.config import Printer
from exporter.configtypes import DEFAULT_PORTS
from exporter.printers.lifecycle import SupplyLife
from exporter.printers.model import Bin, Counters, Poll, Tray
from exporter.state import Event
from exporter.web import wording
from exporter.web.discovery import Entry
from exporter.web.forecasts import Forecast
from exporter.web.rows import (
    Bar,
    CameraRow,
    PrinterRow,
    bars,
    camera_notes,
    camera_row,
    notes,
    printer_row,
    problems,
)
from exporter.web.wording import Line

MAX_LINES: Final = 200
"""Lines of history on a page, the latest."""


@dataclass(frozen=True, slots=True)
class SupplyDetail:
    """A supply with what is known of its life; times are Unix seconds."""

    bar: Bar
    description: str
    part: str
    tracked: float | None
    installed: float | None


@dataclass(frozen=True, slots=True)
class Month:
    """Pages of a calendar month; `width` is 0-100 of the largest."""

    month: str
    pages: int
    width: float


@dataclass(frozen=True, slots=True)
class Fact:
    """Something known in one word; a moment in Unix seconds where `at` is given."""

    name: str
    text: str
    at: float | None = None


@dataclass(frozen=True, slots=True)
class PrinterDetail:
    """Everything known of a printer."""

    row: PrinterRow
    since: float | None
    problems: Sequence[str]
    notes: Sequence[str]
    supplies: Sequence[SupplyDetail]
    trays: Sequence[Tray]
    bins: Sequence[Bin]
    covers: Sequence[tuple[str, bool]]
    functions: Sequence[tuple[str, str, int]]
    """Function, color and pages; what is counted apart from them last."""
    pages_unit: str
    months: Sequence[Month]
    facts: Sequence[Fact]
    history: Sequence[Line]


@dataclass(frozen=True, slots=True)
class CameraDetail:
    """Everything known of a camera."""

    row: CameraRow
    since: float | None
    notes: Sequence[str]
    facts: Sequence[Fact]
    history: Sequence[Line]


def printer_detail(entry: Entry, happened: Iterable[Event], forecast: Forecast) -> PrinterDetail:
    """Return everything known of a printer."""
    record, snapshot = entry.record, entry.record.snapshot
    return PrinterDetail(
        row=printer_row(entry, forecast),
        since=record.status.at if record.status else None,
        problems=tuple(problems(record)),
        notes=tuple(notes(entry)),
        supplies=_supplies(entry, forecast),
        trays=snapshot.trays if snapshot else (),
        bins=snapshot.bins if snapshot else (),
        covers=snapshot.covers if snapshot else (),
        functions=_functions(snapshot.counters) if snapshot else (),
        pages_unit=snapshot.pages_unit if snapshot else "",
        months=_months(record.life.recent_months),
        facts=_printer_facts(entry),
        history=history(happened),
    )


def _supplies(entry: Entry, forecast: Forecast) -> list[SupplyDetail]:
    record = entry.record
    if record.snapshot is None:
        return []
    rows = [supply.row for supply in record.snapshot.supplies]
    lives = record.life.supplies
    return [
        SupplyDetail(
            bar=bar,
            description=row.description,
            part=row.part,
            tracked=_tracked(lives.get(row.supply)),
            installed=lives[row.supply].installed if row.supply in lives else None,
        )
        for row, bar in zip(rows, bars(entry, forecast), strict=True)
    ]


def _tracked(life: SupplyLife | None) -> float | None:
    return life.tracked_since or None if life else None


def _functions(counters: Counters) -> list[tuple[str, str, int]]:
    apart = (("scans", counters.scans), ("two-sided", counters.duplex), ("large", counters.large))
    return [*counters.functions, *((name, "", number) for name, number in apart if number is not None)]


def _months(pages: Mapping[str, int]) -> list[Month]:
    most = max(pages.values(), default=0) or 1
    return [
        Month(month, number, round(100 * number / most, 1)) for month, number in sorted(pages.items(), reverse=True)
    ]


def _printer_facts(entry: Entry) -> list[Fact]:
    listed, record, place = entry
    identity = record.snapshot.identity if record.snapshot else None
    poll, origin = record.poll, listed.origin
    is_usual = listed.port == DEFAULT_PORTS[listed.protocol]
    told = [
        Fact("Address", record.address),
        Fact("Host", listed.host if is_usual else f"{listed.host}, port {listed.port}"),
        Fact("Protocol", _protocol(listed, poll)),
        Fact("Vendor", identity.vendor if identity else ""),
        Fact("Model", identity.model if identity else ""),
        Fact("Serial number", identity.serial if identity else ""),
        Fact("Firmware", identity.firmware if identity else ""),
        Fact("Host name", identity.hostname if identity else ""),
        Fact("State", (record.snapshot.state or "") if record.snapshot else ""),
        Fact("Started", "", record.boot),
        Fact("Last answer", "", record.last_success),
        Fact("Last poll", f"{poll.duration:.2f} s, requests: {poll.requests}" if poll else ""),
        Fact("Another serial number since", "", record.identity_changed),
        Fact("Jams seen", str(record.tally.jams) if record.tally else ""),
        Fact("Source", origin.name or "config"),
        Fact("Vanished from there", "", origin.vanished),
        *_labels(place),
    ]
    return [fact for fact in told if fact.text or fact.at is not None]


def _protocol(listed: Printer, poll: Poll | None) -> str:
    if listed.protocol != "snmp":
        return listed.protocol.upper()
    return f"SNMP v{poll.version}" if poll else "SNMP"


def _labels(pairs: Iterable[tuple[str, str]]) -> list[Fact]:
    return [Fact(name.capitalize().replace("_", " "), value) for name, value in pairs if name != "location"]


def camera_detail(view: View, happened: Iterable[Event]) -> CameraDetail:
    """Return everything known of a camera."""
    return CameraDetail(
        row=camera_row(view),
        since=view.camera.status_since,
        notes=tuple(camera_notes(view)),
        facts=_camera_facts(view),
        history=history(happened),
    )


def _camera_facts(view: View) -> list[Fact]:
    known, device = view.camera, view.camera.device
    told = [
        Fact("MAC address", known.mac),
        Fact("Address", device.address),
        Fact("HTTP port", "" if device.port is None else str(device.port)),
        Fact("Network mask", device.netmask),
        Fact("Gateway", device.gateway),
        Fact("Network mode", device.network_mode),
        Fact("Name it gives itself", device.name),
        Fact("Model", device.model),
        Fact("Serial number", device.serial),
        Fact("Firmware", device.firmware),
        Fact("Password", _word(device.admin_password_set, "set", "not set")),
        Fact("Set-up window", _word(device.setup_window_open, "open", "closed")),
        Fact("Heard on", known.interface),
        Fact("First seen", "", known.first_seen),
        Fact("Last seen", "", known.last_seen),
        Fact("Found in searches", str(known.discoveries + known.earlier_discoveries)),
        Fact("Changes of address", str(known.address_changes + known.earlier_address_changes)),
        Fact("Restarts", str(known.restarts)),
        Fact("Last restart", "", known.restarted),
        *_labels(view.labels),
    ]
    return [fact for fact in told if fact.text or fact.at is not None]


def _word(switch: bool | None, on: str, off: str) -> str:
    return "" if switch is None else on if switch else off


def history(happened: Iterable[Event]) -> list[Line]:
    """Return the latest of what happened, the last first."""
    latest = sorted(happened, key=lambda event: event.at, reverse=True)[:MAX_LINES]
    return [wording.happening(event) for event in latest]
