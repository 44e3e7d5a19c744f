"""Messages of IPP (RFC 8010): the one request that is sent, and its answer. Pure; what a printer sends may be anything.

Texts stay octets: printers do not always keep to the charset that they name.
"""

import struct
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

Value: TypeAlias = int | bytes
"""An integer, enum or boolean as int; a text, name, keyword, URI or octetString as bytes."""
Attributes: TypeAlias = Mapping[str, Sequence[Value]]
"""The values of each attribute, by name; one without a value that can be used here has none."""

MAX_ITEMS = 20_000
"""Values and delimiters of one answer; a printer that tells all that it knows has a few thousand."""
MAX_VALUES = 64
"""Values of one attribute that are kept."""

_VERSION = (1, 1)  # every printer must know it, those of IPP/2.x too (PWG 5100.12)
_GET_PRINTER_ATTRIBUTES = 0x000B
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


class _Item(NamedTuple):
    tag: int
    name: bytes
    value: bytes


def get_printer_attributes(uri: str, names: Sequence[str]) -> bytes:
    """Return a Get-Printer-Attributes request for these attributes of the printer at a URI."""
    return b"".join(
        [
            _HEAD.pack(*_VERSION, _GET_PRINTER_ATTRIBUTES, _REQUEST_ID),
            bytes([_OPERATION]),
            _item(_CHARSET, "attributes-charset", "utf-8"),
            _item(_LANGUAGE, "attributes-natural-language", "en"),
            _item(_URI, "printer-uri", uri),
            *(_item(_KEYWORD, "" if number else "requested-attributes", name) for number, name in enumerate(names)),
            bytes([_END]),
        ]
    )


def parse(octets: bytes, names: Collection[str]) -> Answer:
    """Return what an answer says of these attributes; raises ValueError where it is no IPP message, or not whole.

    Some printers tell more than they were asked. Ranges, resolutions, dates and collections are left out.
    """
    if len(octets) < _HEAD.size or octets[0] not in {1, 2}:
        raise ValueError("the answer is no IPP message")
    _, _, status, _ = _HEAD.unpack_from(octets)
    attributes: dict[str, list[Value]] = {}
    values: list[Value] = []
    depth = 0
    for item in _printer_items(octets):
        depth += (item.tag == _BEGIN_COLLECTION) - (item.tag == _END_COLLECTION)
        if depth:
            continue
        if item.name:
            values = attributes.setdefault(item.name.decode("ascii", "replace"), [])
        if len(values) < MAX_VALUES and (value := _value(item)) is not None:
            values.append(value)
    return Answer(status, {name: attributes[name] for name in names if name in attributes})


def _item(tag: int, name: str, value: str) -> bytes:
    return struct.pack(f">BH{len(name)}sH", tag, len(name), name.encode(), len(value.encode())) + value.encode()


def _printer_items(octets: bytes) -> Iterator[_Item]:
    """Yield the items of the printer's attributes; those of several printers as if they were of one."""
    group, at = 0, _HEAD.size
    for _ in range(MAX_ITEMS):
        tag, at = _slice(octets, at, 1)[0], at + 1
        if tag == _END:
            return
        if tag < _FIRST_VALUE:
            group = tag
            continue
        name, at = _counted(octets, at)
        value, at = _counted(octets, at)
        if group == _PRINTER:
            yield _Item(tag, name, value)
    raise ValueError(f"the answer has more than {MAX_ITEMS} values")


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
