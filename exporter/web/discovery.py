"""Prometheus' HTTP service discovery: where the devices are now."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from exporter.cameras.model import PRESENT, View
from exporter.config import Printer
from exporter.printers.record import Record

TargetGroup: TypeAlias = Mapping[str, object]
"""`{"targets": [address], "labels": {"__meta_camera_…": …}}`."""


class Entry(NamedTuple):
    """A printer of the inventory: its options, what is known of it, and its labels, `location` first."""

    printer: Printer
    record: Record
    place: Sequence[tuple[str, str]]

    @property
    def location(self) -> str:
        """Where it is."""
        return dict(self.place)["location"]

    @property
    def status(self) -> str:
        """Its status; unknown before its first poll ends."""
        return self.record.status.status if self.record.status else "unknown"


def printer_targets(entries: Iterable[Entry]) -> list[TargetGroup]:
    """Return each printer under its name, as `/probe` takes it."""
    return [{"targets": [entry.printer.name], "labels": _printer_labels(entry)} for entry in entries]


def _printer_labels(entry: Entry) -> dict[str, str]:
    printer, record, place = entry
    identity = record.snapshot.identity if record.snapshot else None
    facts = {
        "name": printer.name,
        "location": entry.location,
        "host": printer.host,
        "port": str(printer.port),
        "address": record.address,
        "vendor": identity.vendor if identity else "",
        "model": identity.model if identity else "",
        "serial": record.serial,
        "source": printer.origin.name,
        "maintenance": str(bool(printer.maintenance)).lower(),
    }
    labels = {f"__meta_printer_{name}": value for name, value in facts.items()}
    return labels | {f"__meta_printer_label_{name}": value for name, value in place if name != "location"}


def camera_targets(views: Iterable[View]) -> list[TargetGroup]:
    """Return each camera at its present address; one that is missing or lost its address to another has none."""
    views = [view for view in views if view.camera.device.address and view.camera.status != "missing"]
    taken = {view.camera.device.address for view in views if view.camera.status in PRESENT}
    return [
        {"targets": [_target(view)], "labels": _labels(view)}
        for view in views
        if view.camera.status in PRESENT or view.camera.device.address not in taken
    ]


def _target(view: View) -> str:
    device = view.camera.device
    return device.address if device.port is None else f"{device.address}:{device.port}"


def _labels(view: View) -> dict[str, str]:
    camera, device = view.camera, view.camera.device
    facts = {
        "mac": camera.mac,
        "name": view.name,
        "location": view.location,
        "status": camera.status,
        "listed": str(view.listed).lower(),
        "interface": camera.interface,
        "kind": device.kind,
        "address": device.address,
        "port": "" if device.port is None else str(device.port),
        "model": device.model,
        "serial": device.serial,
        "firmware": device.firmware,
    }
    labels = {f"__meta_camera_{name}": value for name, value in facts.items()}
    return labels | {f"__meta_camera_label_{name}": value for name, value in view.labels}
