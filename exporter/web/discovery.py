"""Prometheus' HTTP service discovery: where the devices are now."""

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from exporter.cameras.model import PRESENT, View

TargetGroup: TypeAlias = Mapping[str, object]
"""`{"targets": [address], "labels": {"__meta_camera_…": …}}`."""


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
