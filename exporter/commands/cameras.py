"""Cameras searched for now, and shown to a person or a script."""

import csv
import io
import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from datetime import datetime, tzinfo

from rich.table import Table
from rich.text import Text

from exporter.cameras.model import Camera, Device, Search, Sighting, View
from exporter.cameras.network import Network
from exporter.cameras.registry import Registry
from exporter.cameras.views import oddities
from exporter.config import Cameras
from exporter.state import Event

_STYLES = {"active": "green", "ip_changed": "yellow", "offline": "red", "missing": "bold red", "unknown": "dim"}
_FACTS = (
    "address",
    "port",
    "model",
    "serial",
    "firmware",
    "kind",
    "network_mode",
    "netmask",
    "gateway",
    "admin_password_set",
    "setup_window_open",
)

_NOBODY = View(Camera("", Device("")), "", "")


async def search(settings: Cameras, stored: Iterable[Camera], tell: Callable[[int], None]) -> tuple[Registry, Search]:
    """Search once and listen to the end; `tell` is called with the number of cameras heard so far."""
    registry = Registry(settings, stored, at=time.time())
    heard: set[str] = set()

    def take(sighting: Sighting) -> None:
        registry.heard(sighting, at=time.time(), monotonic=time.monotonic())
        heard.add(sighting.device.mac)
        tell(len(heard))

    network = Network(settings.search, take)
    try:
        outcome = await network.search(lambda: False)
    finally:
        network.close()
    registry.searched(outcome)
    return registry, outcome


def record(view: View, zone: tzinfo) -> dict[str, object]:
    """Return what is known of a camera as plain values; times in ISO 8601, None for what it does not say."""
    camera, device = view.camera, asdict(view.camera.device)
    return {
        "mac": camera.mac,
        "name": view.name,
        "status": camera.status,
        "location": view.location,
        **{fact: None if device[fact] == "" else device[fact] for fact in _FACTS},
        "interface": camera.interface or None,
        "first_seen": _iso(camera.first_seen, zone),
        "last_seen": _iso(camera.last_seen, zone),
        "discoveries": camera.discoveries + camera.earlier_discoveries,
        "ip_changes": camera.address_changes + camera.earlier_address_changes,
        "restarts": camera.restarts,
        "listed": view.listed,
        "duplicate_address": bool(view.conflict),
    }


def as_json(views: Iterable[View], zone: tzinfo, history: Callable[[str], Iterable[Event]]) -> str:
    """Return the cameras as a JSON list; `history` gives the events of a MAC."""
    records = [record(view, zone) | {"ip_history": _addresses(history(view.camera.mac), zone)} for view in views]
    return json.dumps(records, indent=2, ensure_ascii=False)


def as_csv(views: Iterable[View], zone: tzinfo) -> str:
    """Return the cameras as CSV with a line of headings; switches are true or false."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(record(_NOBODY, zone)), lineterminator="\n")
    writer.writeheader()
    for view in views:
        cells = record(view, zone).items()
        writer.writerow({key: str(value).lower() if isinstance(value, bool) else value for key, value in cells})
    return text.getvalue()


def table(views: Iterable[View], zone: tzinfo) -> Table:
    """Return the cameras as a table for a terminal."""
    shown = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("Name", "Model", "MAC", "Address", "Status", "Last seen", ""):
        shown.add_column(heading, overflow="fold", no_wrap=heading in {"MAC", "Address", "Status"})
    for view in views:
        camera, device = view.camera, view.camera.device
        shown.add_row(
            Text(view.name),
            Text(device.model),
            camera.mac,
            device.address,
            Text(camera.status, style=_STYLES[camera.status]),
            _moment(camera.last_seen, zone),
            Text(", ".join(_remarks(view)), style="yellow"),
        )
    return shown


def summary(views: Sequence[View], outcome: Search) -> str:
    """Say in a few lines how the search went."""
    where = ", ".join(name for name, good in outcome.segments.items() if good) or "no interface"
    deaf = [name for name, good in outcome.segments.items() if not good]
    lines = [f"{outcome.answers} answered a search of {outcome.duration:.1f} s on {where}; {len(views)} known."]
    if deaf:
        lines.append(f"Not searched on: {', '.join(deaf)}")
    if not views and len(deaf) < len(outcome.segments):
        lines.append(
            "Cameras are heard in the same broadcast domain only: not through a router or a container's bridge."
        )
    return "\n".join(lines)


def _remarks(view: View) -> Iterable[str]:
    if view.camera.up is False:
        yield "not heard now"
    yield from oddities(view)


def _addresses(events: Iterable[Event], zone: tzinfo) -> list[dict[str, object]]:
    return [
        {"at": _iso(event.at, zone), "address": event.after, "previous_address": event.before or None}
        for event in events
        if event.what == "address"
    ]


def _iso(at: float | None, zone: tzinfo) -> str | None:
    return None if at is None else datetime.fromtimestamp(at, zone).isoformat(timespec="seconds")


def _moment(at: float | None, zone: tzinfo) -> str:
    return "never" if at is None else f"{datetime.fromtimestamp(at, zone):%Y-%m-%d %H:%M:%S}"
