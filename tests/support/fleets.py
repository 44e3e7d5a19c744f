"""Pictures of as many devices as a test wants, without a network."""

from collections.abc import Sequence
from dataclasses import replace

from exporter import config
from exporter.cameras.model import Camera, Device, Status, View, camera
from exporter.printers import model
from exporter.printers.model import Level, Snapshot, Supply
from exporter.printers.record import Record, Since
from exporter.printers.status import Severity
from exporter.web.discovery import Entry
from exporter.web.picture import Picture

_CONFIG = config.parse("time_zone: Europe/Berlin\nprinters: [{ name: P, host: 192.0.2.1 }]")
NOW = 1_790_000_000.0


def toner(color: str, ratio: float | None = 0.5, *, says: Level = Level.KNOWN, description: str = "Toner") -> Supply:
    """Return a toner with so much left."""
    row = model.SupplyRow(
        row=len(color),
        supply=f"{color} toner",
        kind="toner",
        color=color.lower(),
        description=description,
        part="",
        unit="percent",
        inverted=False,
        thresholds=_CONFIG.printers[0].thresholds,
        overridden=False,
        level_oid="1",
        capacity_oid="2",
    )
    return Supply(row, says, ratio, None if ratio is None else round(100 * ratio), 100)


def snapshot(*supplies: Supply, **changes: object) -> Snapshot:
    """Return what a printer with these supplies says."""
    said: dict[str, object] = {
        "identity": model.Identity(vendor="Maker", model="Model", serial="SN1"),
        "supplies": supplies,
        "trays": (),
        "bins": (),
        "covers": (),
        "alerts": (),
        "errors": frozenset(),
        "state": "idle",
        "pages": 12_345,
        "pages_unit": "impressions",
    }
    return Snapshot(**{**said, **changes})  # type: ignore[arg-type]


def printer(
    name: str = "P", *, status: str = "ok", location: str = "B1", said: Snapshot | None = None, **record: object
) -> Entry:
    """Return a printer of the inventory that answered ten seconds ago."""
    said = said or snapshot(*map(toner, ("Black", "Cyan", "Magenta", "Yellow")))
    known: dict[str, object] = {
        "snapshot": said,
        "status": Since(status, NOW - 60),
        "supplies": {supply.row.supply: Since(Severity.OK, NOW) for supply in said.supplies},
        "last_success": NOW - 10,
        "address": "192.0.2.1",
        **record,
    }
    return Entry(replace(_CONFIG.printers[0], name=name), Record(**known), [("location", location)])  # type: ignore[arg-type]


def seen(mac: str, name: str = "C", *, status: Status = "active", location: str = "B1", **device: str) -> View:
    """Return a camera that was seen five seconds ago."""
    known: Camera = replace(camera(mac), device=Device(mac, **device), status=status, last_seen=NOW - 5)  # type: ignore[arg-type]
    return View(known, name, location, listed=True)


def picture(printers: Sequence[Entry] = (), cameras: Sequence[View] = ()) -> Picture:
    """Return a picture of these devices."""
    return Picture(NOW, _CONFIG.zone, tuple(printers), tuple(cameras), search_interval=300.0)


def many(count: int) -> Picture:
    """Return a picture of so many printers and as many cameras."""
    one = printer()
    named = (replace(one.printer, name=f"P{n}") for n in range(count))
    printers = [Entry(each, one.record, [("location", f"B{n % 9}")]) for n, each in enumerate(named)]
    cameras = [seen(f"02:00:5e:{n >> 16:02x}:{n >> 8 & 255:02x}:{n & 255:02x}", f"C{n}") for n in range(count)]
    return picture(printers, cameras)
