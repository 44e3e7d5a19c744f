"""Messages of IPP (RFC 8010): the requests that are sent, and their answers. Pure; what arrives may be anything.

Texts stay octets: printers do not always keep to the charset that they name.
"""

import itertools
import struct
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

Value: TypeAlias = int | bytes
"""An integer, enum or boolean as int; a text, name, keyword, URI or octetString as bytes."""
Attributes: TypeAlias = Mapping[str, Sequence[Value]]
"""The values of each attribute, by name; one without a value that can be used here has none."""

MAX_ITEMS = 20_000
"""Values and delimiters of one answer; a printer that tells all that it knows has a few thousand."""
MAX_ITEMS_OF_SERVER = 200_000
"""Those of an answer that tells of many printers."""
MAX_VALUES = 64
"""Values of one attribute that are kept."""

_VERSION = (1, 1)  # every printer must know it, those of IPP/2.x too (PWG 5100.12)
_GET_PRINTER_ATTRIBUTES = 0x000B
_CUPS_GET_PRINTERS = 0x4002
_REQUEST_ID = 1
_HEAD = struct.Struct(">BBHI")

# Delimiter tags (RFC 8010 section 3.5.1): those below _FIRST_VALUE.
_OPERATION, _END, _PRINTER = 0x01, 0x03, 0x04
_FIRST_VALUE = 0x10
# Value tags (section 3.5.2)
_INTEGERS = {0x21: ">i", 0x22: ">?", 0x23: ">i"}
_WITH_LANGUAGE = {0x35, 0x36}
_OCTET_STRING = 0x30
_CHARACTERS = range(0x41, 0x4A)
_BEGIN_COLLECTION, _END_COLLECTION = 0x34, 0x37
_CHARSET, _LANGUAGE, _URI, _KEYWORD = 0x47, 0x48, 0x45, 0x44


@dataclass(frozen=True, slots=True)
class Answer:
    """The status code (RFC 8011 appendix B) and the attributes of the printer."""

    status: int
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class Answers:
    """The status code and the attributes of each printer."""

    status: int
    printers: tuple[Attributes, ...]


class _Item(NamedTuple):
    tag: int
    name: bytes
    value: bytes


def get_printer_attributes(uri: str, names: Sequence[str]) -> bytes:
    """Return a Get-Printer-Attributes request for these attributes of the printer at a URI."""
    return _request(_GET_PRINTER_ATTRIBUTES, names, _item(_URI, "printer-uri", uri))


def cups_get_printers(names: Sequence[str]) -> bytes:
    """Return a CUPS-Get-Printers request for these attributes of all printers of a server."""
    return _request(_CUPS_GET_PRINTERS, names)


def parse(octets: bytes, names: Collection[str]) -> Answer:
    """Return what an answer says of these attributes; raises ValueError where it is no IPP message, or not whole.

    Some printers tell more than they were asked. Ranges, resolutions, dates and collections are left out.
    """
    status, items = _read(octets, MAX_ITEMS)
    return Answer(status, _attributes((item for _, item in items), names))


def parse_each(octets: bytes, names: Collection[str]) -> Answers:
    """Return what an answer says of each printer, as `parse` does of one."""
    status, items = _read(octets, MAX_ITEMS_OF_SERVER)
    groups = itertools.groupby(items, key=lambda numbered: numbered[0])
    return Answers(status, tuple(_attributes((item for _, item in group), names) for _, group in groups))


def _request(operation: int, names: Sequence[str], *items: bytes) -> bytes:
    return b"".join(
        [
            _HEAD.pack(*_VERSION, operation, _REQUEST_ID),
            bytes([_OPERATION]),
            _item(_CHARSET, "attributes-charset", "utf-8"),
            _item(_LANGUAGE, "attributes-natural-language", "en"),
            *items,
            *(_item(_KEYWORD, "" if number else "requested-attributes", name) for number, name in enumerate(names)),
            bytes([_END]),
        ]
    )


def _read(octets: bytes, limit: int) -> tuple[int, Iterator[tuple[int, _Item]]]:
    if len(octets) < _HEAD.size or octets[0] not in {1, 2}:
        raise ValueError("the answer is no IPP message")
    return _HEAD.unpack_from(octets)[2], _printer_items(octets, limit)


def _attributes(items: Iterable[_Item], names: Collection[str]) -> Attributes:
    attributes: dict[str, list[Value]] = {}
    values: list[Value] = []
    depth = 0
    for item in items:
        depth += (item.tag == _BEGIN_COLLECTION) - (item.tag == _END_COLLECTION)
        if depth:
            continue
        if item.name:
            values = attributes.setdefault(item.name.decode("ascii", "replace"), [])
        if len(values) < MAX_VALUES and (value := _value(item)) is not None:
            values.append(value)
    return {name: attributes[name] for name in names if name in attributes}


def _item(tag: int, name: str, value: str) -> bytes:
    return struct.pack(f">BH{len(name)}sH", tag, len(name), name.encode(), len(value.encode())) + value.encode()


def _printer_items(octets: bytes, limit: int) -> Iterator[tuple[int, _Item]]:
    """Yield the items of the printers' attributes, each with the number of its group."""
    group, number, at = 0, 0, _HEAD.size
    for _ in range(limit):
        tag, at = _slice(octets, at, 1)[0], at + 1
        if tag == _END:
            return
        if tag < _FIRST_VALUE:
            group, number = tag, number + 1
            continue
        name, at = _counted(octets, at)
        value, at = _counted(octets, at)
        if group == _PRINTER:
            yield number, _Item(tag, name, value)
    raise ValueError(f"the answer has more than {limit} values")


def _counted(octets: bytes, at: int) -> tuple[bytes, int]:
    """Return the octets behind their length, and where they end."""
    start = at + 2
    end = start + int.from_bytes(_slice(octets, at, 2))
    return _slice(octets, start, end - start), end


def _slice(octets: bytes, at: int, length: int) -> bytes:
    found = octets[at : at + length]
    if len(found) < length:
        raise ValueError("the answer ends in the middle of an attribute")
    return found


def _value(item: _Item) -> Value | None:
    """Return the value of an item; None for what has none (RFC 8010 section 3.8) or is of no use here."""
    if layout := _INTEGERS.get(item.tag):
        return int(struct.unpack(layout, item.value)[0]) if len(item.value) == struct.calcsize(layout) else None
    if item.tag in _WITH_LANGUAGE:
        _, at = _counted(item.value, 0)
        return _counted(item.value, at)[0]
    return item.value if item.tag == _OCTET_STRING or item.tag in _CHARACTERS else None
