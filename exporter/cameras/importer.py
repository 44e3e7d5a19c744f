"""The files of the camera tool that this exporter replaces, read into cameras and events. Pure.

    imported = read(path.read_bytes(), zone)

Four shapes are told apart: its tracker database, its scans in an old and in a new form, and its site files. All hold
the same records, with slightly different names for the same facts. Nothing in them counts as a sighting of ours.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from ipaddress import IPv4Address
from types import MappingProxyType
from typing import Literal, TypeAlias, TypeVar

from exporter import foreign
from exporter.cameras.model import AddressChange, Camera, Device, camera, merged
from exporter.cameras.registry import KIND
from exporter.configtypes import mac
from exporter.foreign import ImportFault, Skipped
from exporter.state import Event
from exporter.text import tidy

T = TypeVar("T")
Shape: TypeAlias = Literal["tracker database", "old scan", "new scan", "site file"]

_MAX_PORT = 2**16 - 1

# What the tool writes where a device does not tell something.
_ABSENT = frozenset({"", "Unknown", "Camera", "Device", "N/A", "0.0.0.0"})  # noqa: S104  (nothing is bound to it)
# Letters of what the tool writes → `Device.network_mode`.
_MODES: Mapping[str, str] = MappingProxyType(
    {
        "static": "static",
        "dhcp": "dhcp",
        "auto": "auto",
        "autoautoip": "auto",
        "autoadvanced": "auto_advanced",
    }
)
_EXPECTED = (
    "expected a tracker database (an object of cameras by MAC address), a scan (an object with a list under cameras or "
    "devices) or a site file (an object with a list under groups)"
)


@dataclass(frozen=True, slots=True)
class Imported:
    """What a file holds: each camera once, in the order of the file; the events of each by time."""

    shape: Shape
    cameras: tuple[Camera, ...]
    events: tuple[Event, ...]
    skipped: tuple[Skipped, ...]


def read(data: bytes, zone: tzinfo) -> Imported:
    """Read a file of any of the four shapes; times without an offset are those of `zone`. Raises ImportFault.

    A local time that the end of summer time repeats is taken as the first of the two, and one that its start leaves out
    as if the clock had not been set yet.
    """
    shape, records = _records(foreign.document(data))
    skipped: list[Skipped] = []
    cameras: dict[str, Camera] = {}
    events: defaultdict[str, list[Event]] = defaultdict(list)
    for record in _readable(records, zone, skipped):
        history = _history(record)
        each = _camera(record, history)
        cameras[record.mac] = _both(cameras[record.mac], each) if record.mac in cameras else each
        events[record.mac] += history
    in_order = (sorted(dict.fromkeys(history), key=_time) for history in events.values())
    return Imported(
        shape, tuple(cameras.values()), tuple(event for history in in_order for event in history), tuple(skipped)
    )


_Records: TypeAlias = Iterable[tuple[str, object]]
"""Each with where it stands in the file; whether it is one at all is still to be seen."""


def _records(document: object) -> tuple[Shape, _Records]:
    match document:
        case {"groups": list(groups)}:
            return "site file", _grouped(groups)
        case {"devices": list(devices)}:
            return "new scan", _listed("devices", devices)
        case {"cameras": list(cameras)}:
            return "old scan", _listed("cameras", cameras)
        case dict() if not document or any(map(_is_tracked, document.values())):
            return "tracker database", _tracked(document)
        case _:
            raise ImportFault(f"it holds {foreign.described(document)}; {_EXPECTED}")


def _listed(name: str, records: list[object]) -> _Records:
    return ((f"{name}[{index}]", record) for index, record in enumerate(records))


def _grouped(groups: list[object]) -> Iterator[tuple[str, object]]:
    for where, group in _listed("groups", groups):
        match group:
            case {"devices": list(devices)}:
                yield from _listed(f"{where}.devices", devices)
            case {"devices": other}:
                yield f"{where}.devices", other
            case dict():
                continue
            case _:
                yield where, group


def _is_tracked(record: object) -> bool:
    return isinstance(record, dict) and "mac_address" in record


def _tracked(records: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    for key, record in records.items():
        # What the tool itself takes where a record of an older version has no count.
        known = {"total_discoveries": 1, **record, "mac_address": key} if isinstance(record, dict) else record
        yield tidy(key), known


@dataclass(frozen=True, slots=True)
class _Record:
    """A record of which the MAC is known; what else of it cannot be read is added to `skipped`."""

    mac: str
    fields: Mapping[str, object]
    zone: tzinfo
    skipped: list[Skipped]

    def get(self, parse: Callable[[object], T], *names: str) -> T | None:
        """Return the first of these fields that tells something; None where none does, or it cannot be read."""
        for name in names:
            if _is_absent(self.fields.get(name)):
                continue
            try:
                return parse(self.fields[name])
            except ValueError as error:
                self.skip(name, str(error))
        return None

    def text(self, *names: str) -> str:
        return self.get(foreign.text, *names) or ""

    def address(self, *names: str) -> str:
        return self.get(_address, *names) or ""

    def moment(self, value: object) -> float:
        """Return Unix seconds; raises ValueError."""
        text = foreign.text(value)
        try:
            moment = datetime.fromisoformat(text)
            return (moment if moment.tzinfo else moment.replace(tzinfo=self.zone)).timestamp()
        except ValueError:
            raise ValueError(f"expected a date and time such as 2024-12-22T10:30:00, found {text}") from None

    def skip(self, name: str, why: str) -> None:
        foreign.skip(self.skipped, f"{self.mac}: {name}", why)


def _readable(records: _Records, zone: tzinfo, skipped: list[Skipped]) -> Iterator[_Record]:
    for where, record in records:
        try:
            fields = foreign.of(dict, record, "an object")
            key = _required(fields, "mac_address", lambda value: mac(foreign.text(value)))
        except ValueError as error:
            foreign.skip(skipped, where, str(error))
        else:
            yield _Record(key, fields, zone, skipped)


def _camera(record: _Record, history: list[Event]) -> Camera:
    changes = [AddressChange(event.at, event.after, event.before) for event in history if event.after and event.before]
    device = _device(record)
    first_seen, last_seen = _seen(record)
    return replace(
        camera(record.mac),
        device=device,
        label=device.name,
        first_seen=first_seen,
        last_seen=last_seen,
        earlier_discoveries=record.get(lambda value: foreign.number(value, foreign.MAX_COUNT), "total_discoveries")
        or 0,
        earlier_address_changes=len(changes),
        address_change=max(changes, key=lambda change: change.at, default=None),
    )


def _device(record: _Record) -> Device:
    """Return what the tool knew last, but for the setup window, which was open for minutes."""
    return Device(
        mac=record.mac,
        address=record.address("current_ip", "ip_address"),
        netmask=record.address("current_subnet", "subnet_mask"),
        gateway=record.address("current_gateway", "gateway"),
        port=record.get(lambda value: foreign.number(value, _MAX_PORT), "current_port", "http_port") or None,
        name=record.text("camera_name", "device_name"),
        model=record.text("model_name"),
        serial=record.text("serial_number"),
        firmware=record.text("firmware_version"),
        network_mode=record.get(_network_mode, "current_network_mode", "network_mode") or "",
        kind="recorder" if record.text("device_type").lower() == "recorder" else "camera",
        admin_password_set=record.get(lambda value: foreign.of(bool, value, "true or false"), "admin_password_set"),
    )


def _seen(record: _Record) -> tuple[float | None, float | None]:
    first, last = record.get(record.moment, "first_seen"), record.get(record.moment, "last_seen")
    if first is None or last is None or first <= last:
        return first, last
    record.skip("first_seen", "it is later than last_seen: each was taken for the other")
    return last, first


def _history(record: _Record) -> list[Event]:
    """Return the addresses a camera had, one event for each, the first without an address before it."""
    entries = record.get(lambda value: foreign.of(list, value, "a list"), "ip_history") or []
    events = []
    for index, entry in enumerate(entries):
        try:
            events.append(_event(record, entry))
        except ValueError as error:
            record.skip(f"ip_history[{index}]", str(error))
    return events


def _event(record: _Record, entry: object) -> Event:
    fields = foreign.of(dict, entry, "an object")
    return Event(
        kind=KIND,
        key=record.mac,
        at=_required(fields, "timestamp", record.moment),
        what="address",
        before=None if _is_absent(fields.get("previous_ip")) else _required(fields, "previous_ip", _address),
        after=_required(fields, "ip", _address),
    )


def _both(one: Camera, other: Camera) -> Camera:
    """Return what two records tell of one camera; where they contradict, the one seen later is right."""
    later, earlier = sorted((one, other), key=lambda each: each.last_seen or 0.0, reverse=True)
    return merged(later, earlier)


def _time(event: Event) -> float:
    return event.at


def _is_absent(value: object) -> bool:
    return value is None or (isinstance(value, str) and value.strip() in _ABSENT)


def _required(fields: Mapping[str, object], name: str, parse: Callable[[object], T]) -> T:
    if _is_absent(fields.get(name)):
        raise ValueError(f"{name}: there is none")
    try:
        return parse(fields[name])
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _address(value: object) -> str:
    text = foreign.text(value)
    try:
        return str(IPv4Address(text))
    except ValueError:
        raise ValueError(f"expected an IPv4 address, found {text}") from None


def _count(value: object) -> int:
    return foreign.number(value, foreign.MAX_COUNT)


def _network_mode(value: object) -> str:
    letters = "".join(filter(str.isalpha, foreign.text(value)))
    return _MODES.get(letters.lower(), "")
