"""The Easy IP datagram, to and from bytes. Pure; docs/easy-ip.md describes the format.

search(requester_mac, requester_address)   # what a tool broadcasts
datagram = parse(data)                     # what it hears
device(datagram)                           # whom it tells of, if anybody
encode(replace(datagram, tags=tags(camera)))
"""

import codecs
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv4Address
from types import MappingProxyType
from typing import Final, Literal

from exporter.cameras.model import Device
from exporter.text import tidy

DEVICE_PORT = 10670
"""Where devices listen for searches."""
LISTEN_PORT = 10669
"""Where devices send everything, by broadcast."""
MAX_SIZE = 1472
"""Octets of UDP payload in one Ethernet frame; the longest datagram seen has 477."""

NO_MAC = "00:00:00:00:00:00"
_NO_ADDRESS = IPv4Address(0)

Reason = Literal["truncated", "oversized", "contradictory", "foreign"]
REASONS: tuple[Reason, ...] = ("truncated", "oversized", "contradictory", "foreign")


class EasyIpError(ValueError):
    """A datagram that cannot be used.

    `reason` is truncated, oversized, contradictory (to itself) or foreign (of another protocol).
    """

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason: Final = reason


class Type(IntEnum):
    """What a datagram is for. A tool sends SEARCH, CONFIGURE and COMMIT, a device the others."""

    ANNOUNCEMENT = 0x01
    CONFIGURE = 0x02
    ACK = 0x03
    COMMIT = 0x04
    SEARCH = 0x0D
    ANSWER = 0x0E


@dataclass(frozen=True, slots=True)
class Datagram:
    """One datagram in full; MACs are in lower case with colons, the address is dotted."""

    type: int
    """A Type, or a number that is not known."""
    device_mac: str = NO_MAC
    requester_mac: str = NO_MAC
    """Echoed in answers; zero, like the address, in announcements."""
    requester_address: str = str(_NO_ADDRESS)
    step: int = 0
    generation: int = 2
    """Octet 35: 2, or 0 from old tools."""
    role: int = 2
    """Octet 36: 1 in searches, 2 from cameras, 0 from recorders."""
    password: int = 0
    """Octet 37: a value of PASSWORD."""
    reserved: bytes = bytes(12)
    """Octets 33, 34 and 38 to 47; always zero so far."""
    tags: tuple[tuple[int, bytes], ...] = ()
    checksum: int | None = None
    """The checksum as it came where that is wrong; None for the right one."""


PASSWORD: Mapping[bool | None, int] = MappingProxyType({None: 0, False: 1, True: 2})
"""Whether an administrator password is set (None: not told) to `Datagram.password`."""

_VERSION = 1
# "panasonic", each octet less 0x50.
_MAGIC = bytes.fromhex("20111e11231f1e1913")
# Version, length of the body, type, MAC of the device, MAC and address of the requester, step, magic, reserved,
# generation, role, password, reserved.
_HEADER = struct.Struct(">HHH6s6s4sH9s2sBBB10s")
_TAG = struct.Struct(">HH")
_TRAILER = struct.Struct(">HH")
_TERMINATOR = 0xFFFF
_OVERHEAD = _HEADER.size + _TRAILER.size


def parse(data: bytes) -> Datagram:
    """Read a datagram, whoever sent it; a wrong checksum is kept in the result. Raises EasyIpError and nothing else."""
    if len(data) < _OVERHEAD:
        raise EasyIpError("truncated", f"{len(data)} octets are less than a header")
    if len(data) > MAX_SIZE:
        raise EasyIpError("oversized", f"{len(data)} octets are more than {MAX_SIZE}")
    header = _HEADER.unpack_from(data)
    version, length, kind, device_mac, requester_mac, address, step, magic, left, generation, role, password, right = (
        header
    )
    if version != _VERSION or magic != _MAGIC:
        raise EasyIpError("foreign", "not the header of Easy IP")
    end = _HEADER.size + length
    if len(data) < length + _OVERHEAD:
        raise EasyIpError("truncated", f"{len(data)} octets, but {length + _OVERHEAD} are declared")
    terminator, checksum = _TRAILER.unpack_from(data, end)
    if len(data) > length + _OVERHEAD or terminator != _TERMINATOR:
        raise EasyIpError("contradictory", "the body does not end where it is said to")
    return Datagram(
        type=kind,
        device_mac=device_mac.hex(":"),
        requester_mac=requester_mac.hex(":"),
        requester_address=_dotted(address),
        step=step,
        generation=generation,
        role=role,
        password=password,
        reserved=left + right,
        tags=_tags(data, _HEADER.size, end),
        checksum=None if checksum == _checksum(data[:-2]) else checksum,
    )


def _tags(data: bytes, start: int, end: int) -> tuple[tuple[int, bytes], ...]:
    found = []
    while start < end:
        # The terminator stands behind the body, so that there is always enough to unpack.
        tag, length = _TAG.unpack_from(data, start)
        start += _TAG.size + length
        if start > end:
            raise EasyIpError("contradictory", f"tag {tag:04x} goes beyond the body")
        found.append((tag, data[start - length : start]))
    return tuple(found)


def _checksum(data: bytes) -> int:
    return (sum(data) + 1) & 0xFFFF


def encode(datagram: Datagram) -> bytes:
    """Write a datagram: whatever `parse` read becomes the same octets again."""
    body = b"".join(_TAG.pack(tag, len(value)) + value for tag, value in datagram.tags)
    header = _HEADER.pack(
        _VERSION,
        len(body),
        datagram.type,
        _octets(datagram.device_mac),
        _octets(datagram.requester_mac),
        IPv4Address(datagram.requester_address).packed,
        datagram.step,
        _MAGIC,
        datagram.reserved[:2],
        datagram.generation,
        datagram.role,
        datagram.password,
        datagram.reserved[2:],
    )
    content = header + body + _TERMINATOR.to_bytes(2)
    checksum = _checksum(content) if datagram.checksum is None else datagram.checksum
    return content + checksum.to_bytes(2)


def _octets(mac: str) -> bytes:
    return bytes.fromhex(mac.replace(":", ""))


def _dotted(octets: bytes) -> str:
    return ".".join(map(str, octets))


_WANTED = 0xFFF0
# The 19 tags that newer tools ask for. Devices send what they like.
_ASKED_FOR = bytes.fromhex("0020002100220023002500280040004100420044 00a500a600a700a800ad00b300b400b700b8")


def search(requester_mac: str, requester_address: str) -> bytes:
    """Return the datagram that asks every device to tell of itself; answers echo the MAC and the address."""
    return encode(
        Datagram(
            Type.SEARCH,
            requester_mac=requester_mac,
            requester_address=requester_address,
            role=1,
            tags=((_WANTED, _ASKED_FOR),),
        )
    )


def requester_of(data: bytes) -> tuple[str, str] | None:
    """Return MAC and address of who sent a search, and None for anything else.

    As lenient as devices are: only the header counts, for some tools get length, body or checksum wrong.
    """
    if not _HEADER.size <= len(data) <= MAX_SIZE:
        return None
    version, _, kind, _, mac, address, _, magic, *_ = _HEADER.unpack_from(data)
    if (version, kind, magic) != (_VERSION, Type.SEARCH, _MAGIC):
        return None
    return mac.hex(":"), _dotted(address)


class _Tag(IntEnum):
    """Tags whose meaning is known."""

    MODE = 0x00
    ADDRESS = 0x20
    NETMASK = 0x21
    GATEWAY = 0x22
    PORT = 0x25
    NAME = 0xA7
    MODEL = 0xA8
    FIRMWARE = 0xA9
    WINDOW = 0xB4
    CHANNELS = 0xC0
    SERIAL = 0xD1


# Where the length is another, the value cannot be what the tag says; a text may have any length.
_LENGTHS: Mapping[int, int] = {
    _Tag.MODE: 1,
    _Tag.ADDRESS: 4,
    _Tag.NETMASK: 4,
    _Tag.GATEWAY: 4,
    _Tag.PORT: 2,
    _Tag.WINDOW: 2,
    _Tag.CHANNELS: 2,
}
_DESCRIBING = frozenset({Type.ANSWER, Type.ANNOUNCEMENT})
# Static is 2 in answers and 3 in announcements of the same camera.
_MODES: Mapping[int, str] = {0: "dhcp", 2: "static", 3: "static", 4: "auto", 5: "auto_advanced"}
_WINDOW_OPEN: Mapping[bytes, bool] = {b"\0\0": True, b"\0\1": False}
_PASSWORD_SET: Mapping[int, bool | None] = {octet: is_set for is_set, octet in PASSWORD.items()}
_RECORDERS = ("NX", "WJ")
_PTZ_PREFIX = "CAM:"


def device(datagram: Datagram) -> Device | None:
    """Return the device that an answer or an announcement tells of; None for a datagram of another type.

    The first tag of a kind counts, and one whose length cannot be right counts as absent. Raises EasyIpError
    (contradictory) where the MAC is none of a device.
    """
    if datagram.type not in _DESCRIBING:
        return None
    mac = datagram.device_mac
    if mac == NO_MAC or int(mac[:2], 16) & 1:
        raise EasyIpError("contradictory", f"{mac} is not the MAC of one device")
    said = {tag: value for tag, value in reversed(datagram.tags) if len(value) == _LENGTHS.get(tag, len(value))}
    model = _text(said.get(_Tag.MODEL)).removeprefix(_PTZ_PREFIX)
    return Device(
        mac=mac,
        address=_address(said.get(_Tag.ADDRESS)),
        netmask=_address(said.get(_Tag.NETMASK)),
        gateway=_address(said.get(_Tag.GATEWAY)),
        port=int.from_bytes(said.get(_Tag.PORT, b"")) or None,
        name=_text(said.get(_Tag.NAME)),
        model=model,
        serial=_text(said.get(_Tag.SERIAL)),
        firmware=_text(said.get(_Tag.FIRMWARE)),
        network_mode=_mode(said.get(_Tag.MODE)),
        kind="recorder" if _Tag.CHANNELS in said or model.startswith(_RECORDERS) else "camera",
        admin_password_set=_PASSWORD_SET.get(datagram.password),
        setup_window_open=_WINDOW_OPEN.get(said.get(_Tag.WINDOW, b"")),
    )


def _address(octets: bytes | None) -> str:
    return _dotted(octets) if octets and any(octets) else ""


def _mode(octets: bytes | None) -> str:
    return _MODES.get(octets[0], f"unknown({octets[0]})") if octets else ""


def _text(field: bytes | None) -> str:
    """Return the text of a NUL-padded field in UTF-8, what is not valid replaced."""
    if not field:
        return ""
    octets = field.partition(b"\0")[0]
    # Full up to a last NUL: the text was cut there, perhaps within a character, which is then left out.
    is_whole = len(octets) < len(field) - 1
    return tidy(codecs.utf_8_decode(octets, "replace", is_whole)[0])


def tags(device: Device, *, announced: bool = False) -> tuple[tuple[int, bytes], ...]:
    """Return all that a device sends of itself, in the order in which one does: for simulated devices.

    What it does not say of itself is zero, as on real ones, but for mode and setup window, which are then absent.
    """
    pairs = _recorder_tags(device, announced) if device.kind == "recorder" else _camera_tags(device, announced)
    return tuple((tag, value) for tag, value in pairs if value)


_TEXT_SIZE = 16
# From a documentation network (RFC 5737): a Device does not hold its name servers.
_NAME_SERVERS = IPv4Address("192.0.2.53").packed + bytes(4)


def _camera_tags(device: Device, announced: bool) -> list[tuple[int, bytes]]:
    network = _network_values(device)
    port = (device.port or 0).to_bytes(2)
    return [
        (_Tag.MODE, _mode_octet(device.network_mode, announced)),
        (0x01, b"\0"),
        *zip((_Tag.ADDRESS, _Tag.NETMASK, _Tag.GATEWAY), network, strict=True),
        (0x23, _NAME_SERVERS),
        (_Tag.PORT, port),
        (0x40, _link_local(device.mac)),
        (0x41, bytes(16)),
        (0x42, bytes(32)),
        (0x44, port),
        (0x45, b"\0\x40"),
        *zip((0xA0, 0xA1, 0xA2), network, strict=True),
        (0xA3, bytes(8)),
        (0xA4, bytes(4)),
        (0xA6, b"\x92"),
        (_Tag.NAME, _field(device.name)),
        (_Tag.MODEL, _field(device.model)),
        (_Tag.FIRMWARE, _field(device.firmware)),
        (0xAA, _field("0.00")),
        (0xB1, bytes(40)),
        (0xB2, bytes(40)),
        (_Tag.WINDOW, _window_octets(device)),
        (0xB5, b"\0"),
        (0xB6, b"\x92"),
        *(_serial_tags(device) if device.serial else ()),
    ]


def _serial_tags(device: Device) -> list[tuple[int, bytes]]:
    """Return what models with a serial number send at the end; D3 does precede D2."""
    return [(0xD0, _field("")), (_Tag.SERIAL, _field(device.serial)), (0xD3, b"\0\1"), (0xD2, b"\0\2")]


def _recorder_tags(device: Device, announced: bool) -> list[tuple[int, bytes]]:
    return [
        (_Tag.MODE, _mode_octet(device.network_mode, announced)),
        (0x01, b"\2"),
        *zip((_Tag.ADDRESS, _Tag.NETMASK, _Tag.GATEWAY), _network_values(device), strict=True),
        (0x23, _NAME_SERVERS),
        (_Tag.PORT, (device.port or 0).to_bytes(2)),
        (0x30, bytes(4)),
        (0x31, bytes(4)),
        (0x40, bytes(16)),
        (0x41, bytes(16)),
        (0x42, bytes(32)),
        (0xA6, b"\x92"),
        (_Tag.MODEL, _field(device.model)),
        (_Tag.WINDOW, _window_octets(device)),
        (_Tag.CHANNELS, b"\0\x15"),
        (0xC1, b"\0\x40"),
        (_Tag.SERIAL, _field(device.serial)),
        (0xD2, b"\0\2"),
        (0xD4, b"\0\1"),
        (0xD5, b"\0\3"),
    ]


def _network_values(device: Device) -> list[bytes]:
    addresses = (device.address, device.netmask, device.gateway)
    return [IPv4Address(address or _NO_ADDRESS).packed for address in addresses]


def _mode_octet(mode: str, announced: bool) -> bytes:
    match mode:
        case "":
            return b""
        case "static":
            return b"\3" if announced else b"\2"
        case _:
            known = next((number for number, name in _MODES.items() if name == mode), None)
            return bytes([int(mode[len("unknown(") : -1]) if known is None else known])


def _window_octets(device: Device) -> bytes:
    return next((octets for octets, is_open in _WINDOW_OPEN.items() if is_open == device.setup_window_open), b"")


def _link_local(mac: str) -> bytes:
    """Return the IPv6 address that a device makes from its MAC (RFC 4291 appendix A)."""
    octets = _octets(mac)
    return b"\xfe\x80" + bytes(6) + bytes([octets[0] ^ 2]) + octets[1:3] + b"\xff\xfe" + octets[3:]


def _field(text: str) -> bytes:
    return text.encode()[:_TEXT_SIZE].ljust(_TEXT_SIZE, b"\0")
