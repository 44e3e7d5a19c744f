"""Cameras as they are shown: the registry's, with the names, places and labels of the config."""

from collections.abc import Iterator

from exporter.cameras.model import Camera, View
from exporter.cameras.registry import Registry
from exporter.config import Config, KnownCamera


def views(registry: Registry, config: Config) -> list[View]:
    """Return every camera known, by MAC."""
    return list(each_view(registry, config))


def each_view(registry: Registry, config: Config) -> Iterator[View]:
    """Yield every camera known when this began, by MAC."""
    known = {each.mac: each for each in config.cameras.known} if config.cameras else {}
    conflicts = registry.conflicts()
    for mac, camera in sorted(registry.cameras.items()):
        yield _view(camera, known.get(mac), conflicts.get(mac, ""), config)


def _view(camera: Camera, known: KnownCamera | None, conflict: str, config: Config) -> View:
    own_place, own_labels = (known.location, known.labels) if known else (None, {})
    location, labels = config.place(own_place, own_labels, camera.device.address)
    name = (known.name if known else None) or camera.label or camera.mac
    return View(camera, name, location, labels, known is not None, conflict)


def oddities(view: View) -> Iterator[str]:
    """Yield in words what is remarkable about a camera, whether or not it is heard."""
    device = view.camera.device
    if view.conflict:
        yield "address used twice"
    if device.admin_password_set is False:
        yield "no password set"
    if device.setup_window_open:
        yield "set-up window open"
    if device.kind == "recorder":
        yield "recorder"
