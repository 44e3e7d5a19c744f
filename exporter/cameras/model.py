"""What is known of cameras and recorders: frozen values without clocks and sockets."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Literal

Status = Literal["active", "ip_changed", "offline", "missing", "unknown"]
STATUSES: tuple[Status, ...] = ("active", "ip_changed", "offline", "missing", "unknown")
PRESENT = frozenset[Status]({"active", "ip_changed"})


@dataclass(frozen=True, slots=True)
class Device:
    """What a camera or recorder says of itself; "" and None where it does not say.

    `mac` is in lower case with colons; addresses are IPv4 in dotted form, never 0.0.0.0.
    """

    mac: str
    address: str = ""
    netmask: str = ""
    gateway: str = ""
    port: int | None = None
    name: str = ""
    model: str = ""
    serial: str = ""
    firmware: str = ""
    network_mode: str = ""
    """static, dhcp, auto, auto_advanced or unknown(n)."""
    kind: Literal["camera", "recorder"] = "camera"
    admin_password_set: bool | None = None
    setup_window_open: bool | None = None


@dataclass(frozen=True, slots=True)
class Sighting:
    """A datagram by which a device showed itself."""

    device: Device
    interface: str
    """Where it was heard."""
    announced: bool = False
    """It was an announcement, which a device broadcasts by itself in its first 20 minutes; else an answer."""


@dataclass(frozen=True, slots=True)
class Search:
    """How one search went."""

    at: float
    """When it ended, in Unix seconds."""
    monotonic: float
    """The same moment by a clock that nobody sets and that stands still in suspend, in seconds."""
    duration: float
    """Seconds."""
    answers: int
    """Devices that answered this very search."""
    segments: Mapping[str, bool] = field(default_factory=dict)
    """For each interface: whether the search was sent, and could be heard until its end."""


@dataclass(frozen=True, slots=True)
class AddressChange:
    """From which address to which, and when it was heard, in Unix seconds."""

    at: float
    address: str
    previous: str


@dataclass(frozen=True, slots=True)
class Camera:
    """What is known of one camera, and kept in the state; times are Unix seconds.

    `earlier_…` were counted by another tool, before its data were imported.
    """

    mac: str
    device: Device
    label: str = ""
    """The name first heard."""
    interface: str = ""
    first_seen: float | None = None
    last_seen: float | None = None
    discoveries: int = 0
    earlier_discoveries: int = 0
    address_changes: int = 0
    earlier_address_changes: int = 0
    address_change: AddressChange | None = None
    """The last one."""
    restarts: int = 0
    restarted: float | None = None
    announced: float | None = None
    """Its last announcement."""
    misses: int = 0
    """Searches in a row that were heard out without it."""
    silence: float = 0.0
    """Seconds for which it was watched and not heard."""
    status: Status = "unknown"
    status_since: float | None = None
    up: bool | None = None
    """Whether it was heard since the last search but one; None where that cannot be told."""


def camera(mac: str) -> Camera:
    """Return a camera of which nothing is known."""
    return Camera(mac, Device(mac))


def merged(ours: Camera, theirs: Camera) -> Camera:
    """Return what both know of one camera, in either order the same but for facts that contradict: those are ours."""
    firsts = [seen for seen in (ours.first_seen, theirs.first_seen) if seen is not None]
    lasts = [seen for seen in (ours.last_seen, theirs.last_seen) if seen is not None]
    changes = [change for change in (ours.address_change, theirs.address_change) if change]
    return replace(
        ours,
        # One of whom we know nothing is not known to be no recorder.
        device=theirs.device if ours.device == Device(ours.mac) else with_facts(theirs.device, ours.device),
        label=ours.label or theirs.label,
        interface=ours.interface or theirs.interface,
        first_seen=min(firsts, default=None),
        last_seen=max(lasts, default=None),
        address_change=max(changes, key=lambda change: change.at, default=None),
        discoveries=max(ours.discoveries, theirs.discoveries),
        earlier_discoveries=max(ours.earlier_discoveries, theirs.earlier_discoveries),
        address_changes=max(ours.address_changes, theirs.address_changes),
        earlier_address_changes=max(ours.earlier_address_changes, theirs.earlier_address_changes),
        restarts=max(ours.restarts, theirs.restarts),
    )


def with_facts(before: Device, now: Device) -> Device:
    """Return what a device says now, with what it said before where it is silent now."""
    if now == before:
        return before
    said = {each.name: getattr(now, each.name) for each in fields(now)}
    return replace(before, **{name: value for name, value in said.items() if value not in ("", None)})


@dataclass(frozen=True, slots=True)
class View:
    """A camera as it is shown: with what the config says of it, and what the others tell."""

    camera: Camera
    name: str
    """The configured name, else the one first heard, else the MAC."""
    location: str
    labels: tuple[tuple[str, str], ...] = ()
    listed: bool = False
    conflict: str = ""
    """Its address, where another camera that is present has it too."""
