"""The agent's side of SNMP v1 and v2c on the wire: RFC 1157, RFC 3416, in the encoding of X.690 section 8."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import ClassVar, TypeAlias

Oid: TypeAlias = tuple[int, ...]

_SEQUENCE = 0x30
_INTEGER = 0x02
_OCTET_STRING = 0x04
_OBJECT_ID = 0x06
_RESPONSE = 0xA2
# RFC 2578 section 7.1.3.
_MAX_SUB_IDENTIFIERS = 128
_MAX_SUB_IDENTIFIER = 0xFFFFFFFF


class BerError(ValueError):
    """The datagram is not a well-formed read request of SNMP v1 or v2c."""


class Kind(IntEnum):
    """The requests that an agent here answers, by the tag of their PDU."""

    GET = 0xA0
    GETNEXT = 0xA1
    GETBULK = 0xA5


class ErrorStatus(IntEnum):
    """Those values of error-status that an agent here uses (RFC 3416 section 3)."""

    NO_ERROR = 0
    TOO_BIG = 1
    NO_SUCH_NAME = 2
    GEN_ERR = 5


_VERSIONS = {0: "1", 1: "2c"}
_VERSION_NUMBERS = {name: number for number, name in _VERSIONS.items()}
_KINDS = {kind.value: kind for kind in Kind}


@dataclass(frozen=True, slots=True)
class Request:
    """A decoded request; a GETBULK has non_repeaters and max_repetitions where others have error fields."""

    version: str
    community: bytes
    kind: Kind
    request_id: int
    non_repeaters: int
    max_repetitions: int
    oids: tuple[Oid, ...]


class Value:
    """A typed value of a variable binding."""

    __slots__ = ()
    tag: ClassVar[int]

    def content(self) -> bytes:
        """Give the content octets."""
        raise NotImplementedError

    def encoded(self) -> bytes:
        """Give tag, length and content."""
        return _tlv(self.tag, self.content())


@dataclass(frozen=True, slots=True)
class Integer(Value):
    """INTEGER, Integer32."""

    tag = _INTEGER
    value: int

    def content(self) -> bytes:
        """Two's complement in as few octets as it takes."""
        return _signed(self.value)


@dataclass(frozen=True, slots=True)
class OctetString(Value):
    """OCTET STRING."""

    tag = _OCTET_STRING
    value: bytes

    def content(self) -> bytes:
        """The octets themselves."""
        return self.value


@dataclass(frozen=True, slots=True)
class ObjectId(Value):
    """OBJECT IDENTIFIER."""

    tag = _OBJECT_ID
    value: Oid

    def content(self) -> bytes:
        """The sub-identifiers in groups of seven bits."""
        return encode_oid(self.value)


@dataclass(frozen=True, slots=True)
class IpAddress(Value):
    """IpAddress: four octets."""

    tag = 0x40
    value: bytes

    def content(self) -> bytes:
        """The octets themselves."""
        return self.value


@dataclass(frozen=True, slots=True)
class Counter32(Integer):
    """Counter32."""

    tag = 0x41


@dataclass(frozen=True, slots=True)
class Gauge32(Integer):
    """Gauge32, Unsigned32."""

    tag = 0x42


@dataclass(frozen=True, slots=True)
class TimeTicks(Integer):
    """TimeTicks, in hundredths of a second."""

    tag = 0x43


@dataclass(frozen=True, slots=True)
class NoSuchObject(Value):
    """In place of a value: no such object (RFC 3416 section 4.2.1)."""

    tag = 0x80

    def content(self) -> bytes:
        """Nothing."""
        return b""


@dataclass(frozen=True, slots=True)
class NoSuchInstance(NoSuchObject):
    """In place of a value: the object exists, this instance of it does not."""

    tag = 0x81


@dataclass(frozen=True, slots=True)
class EndOfMibView(NoSuchObject):
    """In place of a value: nothing follows (RFC 3416 section 4.2.2)."""

    tag = 0x82


def decode_request(datagram: bytes) -> Request:
    """Decode one message; raise BerError for anything but a GET, GETNEXT or GETBULK of v1 or v2c."""
    message = _only(datagram, _SEQUENCE)
    version_number, at = _integer(message, 0)
    community, at = _take(message, at, _OCTET_STRING)
    version = _VERSIONS.get(version_number)
    kind = _KINDS.get(message[at]) if at < len(message) else None
    if version is None or kind is None or (version == "1" and kind is Kind.GETBULK):
        raise BerError("not a read request of SNMP v1 or v2c")
    pdu = _only(message[at:], kind)
    request_id, at = _integer(pdu, 0)
    first, at = _integer(pdu, at)
    second, at = _integer(pdu, at)
    return Request(version, community, kind, request_id, first, second, _names(_only(pdu[at:], _SEQUENCE)))


def encode_response(
    request: Request,
    varbinds: Iterable[bytes],
    status: ErrorStatus = ErrorStatus.NO_ERROR,
    index: int = 0,
) -> bytes:
    """Encode the response to a request from encoded variable bindings."""
    pdu = b"".join(
        (
            _tlv(_INTEGER, _signed(request.request_id)),
            _tlv(_INTEGER, _signed(status)),
            _tlv(_INTEGER, _signed(index)),
            _tlv(_SEQUENCE, b"".join(varbinds)),
        )
    )
    version = _tlv(_INTEGER, _signed(_VERSION_NUMBERS[request.version]))
    return _tlv(_SEQUENCE, version + _tlv(_OCTET_STRING, request.community) + _tlv(_RESPONSE, pdu))


def encode_varbind(oid: Oid, value: Value) -> bytes:
    """Encode one variable binding."""
    return _tlv(_SEQUENCE, _tlv(_OBJECT_ID, encode_oid(oid)) + value.encoded())


def encode_null(oid: Oid) -> bytes:
    """Encode a variable binding without a value, as requests carry them."""
    return _tlv(_SEQUENCE, _tlv(_OBJECT_ID, encode_oid(oid)) + b"\x05\x00")


@lru_cache(maxsize=1 << 14)
def encode_oid(oid: Oid) -> bytes:
    """Encode an OID's content octets (X.690 section 8.19)."""
    return b"".join(_base128(number) for number in (oid[0] * 40 + oid[1], *oid[2:]))


@lru_cache(maxsize=1 << 14)
def decode_oid(content: bytes) -> Oid:
    """Decode an OID's content octets; raise BerError when they are none."""
    if not content or content[-1] & 0x80:
        raise BerError("an OID that is empty or cut off")
    numbers, number = [], 0
    for octet in content:
        number = number << 7 | octet & 0x7F
        if octet < 0x80:
            numbers.append(number)
            number = 0
    first = min(numbers[0] // 40, 2)
    oid = (first, numbers[0] - first * 40, *numbers[1:])
    if len(oid) > _MAX_SUB_IDENTIFIERS or max(oid) > _MAX_SUB_IDENTIFIER:
        raise BerError("an OID beyond the limits")
    return oid


def _names(bindings: bytes) -> tuple[Oid, ...]:
    """Read the names of a list of variable bindings; their values are of no interest to an agent."""
    names, at = [], 0
    while at < len(bindings):
        binding, at = _take(bindings, at, _SEQUENCE)
        name, value_at = _take(binding, 0, _OBJECT_ID)
        _, end = _take(binding, value_at)
        if end != len(binding):
            raise BerError("more than a name and a value")
        names.append(decode_oid(name))
    return tuple(names)


def _take(data: bytes, at: int, tag: int | None = None) -> tuple[bytes, int]:
    """Give the content of the element at `at` and where the next one starts."""
    start = at + 2
    # Slices past the end would be cut silently, so every bound is checked first.
    if start > len(data) or (tag is not None and data[at] != tag):
        raise BerError("not the element that belongs here")
    length = data[at + 1]
    if length & 0x80:
        octets = length & 0x7F
        if not 1 <= octets <= 4 or start + octets > len(data):
            raise BerError("a length that makes no sense")
        length = int.from_bytes(data[start : start + octets])
        start += octets
    if start + length > len(data):
        raise BerError("cut off")
    return data[start : start + length], start + length


def _only(data: bytes, tag: int) -> bytes:
    """Give the content of the one element that fills `data`."""
    content, end = _take(data, 0, tag)
    if end != len(data):
        raise BerError("octets left over")
    return content


def _integer(data: bytes, at: int) -> tuple[int, int]:
    """Read a 32-bit INTEGER; give it and where the next element starts."""
    content, end = _take(data, at, _INTEGER)
    number = int.from_bytes(content, signed=True)
    # The value decides, not the length: pyasn1 spends five octets on the smallest one.
    if not 1 <= len(content) <= 5 or not -(2**31) <= number < 2**31:
        raise BerError("not a 32-bit integer")
    return number, end


def _tlv(tag: int, content: bytes) -> bytes:
    length = len(content)
    if length < 0x80:
        return bytes((tag, length)) + content
    octets = length.to_bytes((length.bit_length() + 7) // 8)
    return bytes((tag, 0x80 | len(octets))) + octets + content


def _signed(number: int) -> bytes:
    return number.to_bytes((number if number >= 0 else ~number).bit_length() // 8 + 1, signed=True)


def _base128(number: int) -> bytes:
    octets = [number & 0x7F]
    while number := number >> 7:
        octets.append(0x80 | number & 0x7F)
    return bytes(reversed(octets))
