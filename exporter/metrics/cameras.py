"""Cameras as sample lines."""

from collections.abc import Mapping

from exporter.cameras.model import STATUSES, Camera, Device, View
from exporter.metrics import families as f
from exporter.metrics.lines import Lines, LineWriter, label_pairs


def render(view: View) -> Lines:
    """Return the lines of one camera."""
    camera = view.camera
    place = [("mac", camera.mac), ("camera", view.name), ("location", view.location), *view.labels]
    writer = LineWriter(label_pairs(place))
    if camera.up is not None:
        writer.add(f.CAMERA_UP, int(camera.up))
    for status in STATUSES:
        writer.add(f.CAMERA_STATUS, int(status == camera.status), status=status)
    writer.add_known(f.CAMERA_STATUS_CHANGED, camera.status_since)
    writer.add(f.CAMERA_LISTED, int(view.listed))
    writer.add_known(f.CAMERA_FIRST_SEEN, camera.first_seen)
    writer.add_known(f.CAMERA_LAST_SEEN, camera.last_seen)
    if camera.device != Device(camera.mac):
        _write_device(writer, camera)
    writer.add(f.CAMERA_DISCOVERIES, camera.discoveries + camera.earlier_discoveries)
    writer.add(f.CAMERA_IP_CHANGES, camera.address_changes + camera.earlier_address_changes)
    if change := camera.address_change:
        writer.add(f.CAMERA_IP_CHANGED, change.at, address=change.address, previous_address=change.previous)
    writer.add(f.CAMERA_RESTARTS, camera.restarts)
    writer.add_known(f.CAMERA_RESTARTED, camera.restarted)
    if view.conflict:
        writer.add(f.CAMERA_ADDRESS_CONFLICT, 1, address=view.conflict)
    return writer.lines()


def render_search(
    *,
    segments: Mapping[str, bool],
    listening: bool,
    answers: int | None,
    duration: float | None,
    errors: Mapping[str, int],
) -> Lines:
    """Return the lines on the searches themselves: the last one's answers and seconds, and all errors by reason."""
    writer = LineWriter()
    for interface, up in segments.items():
        writer.add(f.CAMERA_SEGMENT_UP, int(up), interface=interface)
    writer.add(f.CAMERA_LISTENER_UP, int(listening))
    if duration is not None and answers is not None:
        writer.add(f.CAMERA_SEARCH_DURATION, duration)
        writer.add(f.CAMERA_SEARCH_ANSWERS, answers)
    for reason, count in errors.items():
        writer.add(f.CAMERA_SEARCH_ERRORS, count, reason=reason)
    return writer.lines()


def _write_device(writer: LineWriter, camera: Camera) -> None:
    """Write what the device says of itself."""
    device = camera.device
    writer.add(
        f.CAMERA_INFO,
        1,
        address=device.address,
        port="" if device.port is None else str(device.port),
        name=device.name,
        model=device.model,
        serial=device.serial,
        firmware=device.firmware,
        network_mode=device.network_mode,
        netmask=device.netmask,
        gateway=device.gateway,
        interface=camera.interface,
        kind=device.kind,
    )
    if device.admin_password_set is not None:
        writer.add(f.CAMERA_PASSWORD_SET, int(device.admin_password_set))
    if device.setup_window_open is not None:
        writer.add(f.CAMERA_SETUP_OPEN, int(device.setup_window_open))
