"""Devices as the JSON API tells of them. Pure.

Fields that the toner tracker and the camera tracker had keep their names and forms there; all others are typed:
numbers, times in ISO 8601 with their offset, null where nothing is known.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeAlias

from exporter.cameras.model import Status, View
from exporter.config import UNASSIGNED
from exporter.printers.model import Alert, Failure, Identity, Level, Snapshot, Supply
from exporter.printers.record import Record
from exporter.state import Event
from exporter.web.discovery import Entry
from exporter.web.picture import Picture

Json: TypeAlias = dict[str, object]

PRINTER_WORDS: Final[Mapping[str, str]] = {
    "ok": "OK",
    "warning": "Warning",
    "error": "Error",
    "offline": "Offline",
    "unknown": "Unknown",
}
"""The toner tracker's words for the `status` label."""
CAMERA_WORDS: Final[Mapping[Status, str]] = {
    "active": "Active",
    "ip_changed": "IP Changed",
    "offline": "Offline",
    "missing": "MISSING",
    "unknown": "Unknown",
}
"""The camera tracker's."""
MAX_EVENTS: Final = 1000
"""The newest that are told of a device."""

_NOTHING = "N/A"
_UNKNOWN = "Unknown"
_LEVEL_WORDS = {Level.SOME: "OK", Level.UNRESTRICTED: "OK", Level.EMPTY: "0%"}
_NO_SNAPSHOT = Snapshot(
    identity=Identity(),
    supplies=(),
    trays=(),
    bins=(),
    covers=(),
    alerts=(),
    errors=None,
    state=None,
    pages=None,
    pages_unit="",
)


# ---- printers


def printer(entry: Entry, picture: Picture) -> Json:
    """Return all that is known of a printer; never a secret."""
    snapshot = entry.record.snapshot or _NO_SNAPSHOT
    return {**_tracked(entry, snapshot, picture), **_inventory(entry, picture), **_measured(entry.record, snapshot)}


def _tracked(entry: Entry, snapshot: Snapshot, picture: Picture) -> Json:
    """Return the fields of the toner tracker."""
    listed, record, _ = entry
    location, answered = entry.location, record.last_success
    return {
        "name": listed.name,
        "ip": record.address or listed.host,
        "location": "" if location == UNASSIGNED else location,
        "model": snapshot.identity.model or _NOTHING,
        "serial": snapshot.identity.serial or _NOTHING,
        "status": PRINTER_WORDS[entry.status],
        "timestamp": "Never" if answered is None else f"{picture.local(answered):%Y-%m-%d %H:%M:%S}",
        "toner_cartridges": _levels(supply for supply in snapshot.supplies if supply.row.kind == "toner"),
        "drum_units": _levels(supply for supply in snapshot.supplies if supply.row.kind == "drum"),
        "other": _levels(supply for supply in snapshot.supplies if supply.row.kind not in {"toner", "drum"}),
        "errors": _errors(snapshot.alerts),
        "total_pages": _NOTHING if snapshot.pages is None else str(snapshot.pages),
        "last_total_pages": snapshot.pages,
        "pages_history": record.life.recent_months,
        "offline_attempts": record.failures_in_row,
    }


def _levels(supplies: Iterable[Supply]) -> dict[str, str]:
    """Return levels in words by the device's own description; by label where another one has the same."""
    levels: dict[str, str] = {}
    for supply in supplies:
        described = supply.row.description or supply.row.supply
        levels[supply.row.supply if described in levels else described] = _level(supply)
    return levels


def _level(supply: Supply) -> str:
    return _LEVEL_WORDS.get(supply.says, _UNKNOWN) if supply.ratio is None else f"{supply.ratio:.0%}"


def _errors(alerts: Sequence[Alert]) -> dict[str, str]:
    """Return the worst level of each description."""
    order = sorted(alerts, key=lambda alert: alert.level == "critical")
    told = (alert for alert in order if alert.level != "information")
    return {alert.description or alert.code: alert.level.capitalize() for alert in told}


def _inventory(entry: Entry, picture: Picture) -> Json:
    """Return what the config says of a printer, and how asking it goes."""
    listed, record, place = entry
    failure = record.poll.result if record.poll and isinstance(record.poll.result, Failure) else None
    return {
        "host": listed.host,
        "port": listed.port,
        "device": listed.device,
        "protocol": listed.protocol,
        "source": listed.origin.name or None,
        "vanished": _iso(listed.origin.vanished, picture),
        "labels": {name: value for name, value in place if name != "location"},
        "maintenance": listed.maintenance,
        "expected_off": record.excused if listed.expected_off else None,
        "up": record.up,
        "failure": {"reason": failure.reason, "detail": failure.detail} if failure else None,
        "status_since": _iso(record.status.at if record.status else None, picture),
        "last_success": _iso(record.last_success, picture),
        "boot": _iso(record.boot, picture),
        "identity_changed": _iso(record.identity_changed, picture),
    }


def _measured(record: Record, snapshot: Snapshot) -> Json:
    """Return what a printer says of itself in the words of the metrics."""
    identity, counters = snapshot.identity, snapshot.counters
    return {
        "vendor": identity.vendor or None,
        "firmware": identity.firmware or None,
        "hostname": identity.hostname or None,
        "state": snapshot.state,
        "error_bits": None if snapshot.errors is None else sorted(snapshot.errors),
        "alerts": [_alert(alert) for alert in snapshot.alerts],
        "supplies": [_supply(supply, record) for supply in snapshot.supplies],
        "trays": [
            {"tray": tray.row.tray, "kind": tray.row.kind, "media": tray.media or None, "ratio": _share(tray.ratio)}
            for tray in snapshot.trays
        ],
        "covers_open": [cover for cover, is_open in snapshot.covers if is_open],
        "pages_unit": snapshot.pages_unit or None,
        "function_pages": [
            {"function": function, "color": color, "pages": pages} for function, color, pages in counters.functions
        ],
        "scans": counters.scans,
        "jams": record.tally.jams if record.tally else None,
    }


def _alert(alert: Alert) -> Json:
    return {"level": alert.level, "code": alert.code, "group": alert.group, "description": alert.description or None}


def _supply(supply: Supply, record: Record) -> Json:
    row, status = supply.row, record.supplies.get(supply.row.supply)
    return {
        "supply": row.supply,
        "kind": row.kind,
        "color": row.color or None,
        "description": row.description or None,
        "part": row.part or None,
        "ratio": _share(supply.ratio),
        "status": PRINTER_WORDS[status.status.name.lower() if status else "unknown"],
        "level": supply.level,
        "capacity": supply.capacity,
        "unit": row.unit or None,
    }


def _share(ratio: float | None) -> float | None:
    return None if ratio is None else round(ratio, 4)


# ---- cameras


def camera(view: View, picture: Picture) -> Json:
    """Return all that is known of a camera but its earlier addresses."""
    known, device = view.camera, view.camera.device
    return {
        "mac_address": known.mac,
        "camera_name": view.name,
        "model_name": device.model or _UNKNOWN,
        "serial_number": device.serial or _UNKNOWN,
        "firmware_version": device.firmware or _UNKNOWN,
        "current_ip": device.address or _UNKNOWN,
        "current_subnet": device.netmask or _UNKNOWN,
        "current_gateway": device.gateway or _UNKNOWN,
        "current_port": device.port,
        "current_network_mode": device.network_mode or _UNKNOWN,
        "first_seen": _naive(known.first_seen, picture),
        "last_seen": _naive(known.last_seen, picture),
        "total_discoveries": known.discoveries + known.earlier_discoveries,
        "seen_in_last_discovery": known.up,
        "status": CAMERA_WORDS[known.status],
        "status_since": _iso(known.status_since, picture),
        "location": view.location,
        "labels": dict(view.labels),
        "listed": view.listed,
        "kind": device.kind,
        "interface": known.interface or None,
        "duplicate_address": bool(view.conflict),
        "ip_changes": known.address_changes + known.earlier_address_changes,
        "restarts": known.restarts,
        "admin_password_set": device.admin_password_set,
        "setup_window_open": device.setup_window_open,
    }


def addresses(events: Iterable[Event], picture: Picture) -> list[Json]:
    """Return the addresses that a camera had, the earliest first."""
    moves = sorted((event for event in events if event.what == "address"), key=lambda event: event.at)
    return [
        {"ip": event.after, "timestamp": _naive(event.at, picture), "previous_ip": event.before or None}
        for event in moves[-MAX_EVENTS:]
    ]


# ---- of both


def events(happened: Iterable[Event], picture: Picture) -> list[Json]:
    """Return what happened to a device, the latest first."""
    latest = sorted(happened, key=lambda event: event.at, reverse=True)[:MAX_EVENTS]
    return [
        {"at": _iso(event.at, picture), "what": event.what, "before": event.before, "after": event.after}
        for event in latest
    ]


def stats(picture: Picture) -> Json:
    """Return how many devices are in which status."""
    printers = Counter(entry.status for entry in picture.printers)
    cameras = Counter(str(view.camera.status) for view in picture.cameras)
    known = [view.camera for view in picture.cameras]
    return {
        "printers": {"total": len(picture.printers), **_counts(printers, PRINTER_WORDS)},
        "cameras": {
            "total_cameras": len(known),
            **_counts(cameras, CAMERA_WORDS),
            "total_discoveries": sum(each.discoveries + each.earlier_discoveries for each in known),
            "cameras_with_ip_changes": sum(each.address_changes + each.earlier_address_changes > 0 for each in known),
            **searches(picture),
            "auto_scan_enabled": picture.search_interval is not None,
            "auto_scan_interval": picture.search_interval,
        },
    }


def _counts(counter: Mapping[str, int], statuses: Iterable[str]) -> dict[str, int]:
    return {status: counter.get(status, 0) for status in statuses}


def searches(picture: Picture) -> Json:
    """Return how the search for cameras stands."""
    return {"last_scan": _naive(picture.searched_at, picture), "scan_in_progress": picture.is_searching}


def _iso(at: float | None, picture: Picture) -> str | None:
    return None if at is None else picture.local(at).isoformat(timespec="seconds")


def _naive(at: float | None, picture: Picture) -> str | None:
    """Return local time without its offset, as the camera tracker wrote it."""
    return None if at is None else picture.local(at).replace(tzinfo=None).isoformat(timespec="seconds")
