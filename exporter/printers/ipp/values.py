"""Reads attributes, and the fields that PWG 5100.9 and 5100.13 put into octetStrings. Pure."""

import re
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from exporter.ipp.codec import Attributes
from exporter.snmp.session import Value

Row: TypeAlias = Mapping[str, Value | None]
"""Objects of the Printer-MIB by name; None for those that the printer does not tell."""
Rows: TypeAlias = Mapping[int, Row]
"""Rows of a table by index."""

_MAX_TEXT = 1023  # octets that a text or octetString may have (RFC 8011 section 5.1)


def integers(attributes: Attributes, name: str) -> list[int | None]:
    """Return the integers of an attribute; None for a value that is none."""
    return [value if isinstance(value, int) else None for value in attributes.get(name, ())]


def integer(attributes: Attributes, name: str) -> int | None:
    """Return the only integer of an attribute, None where there is none."""
    return next(iter(integers(attributes, name)), None)


def texts(attributes: Attributes, name: str) -> list[str]:
    """Return the texts of an attribute, "" for a value that is none; octets that are no UTF-8 are kept."""
    values = attributes.get(name, ())
    return [
        value[:_MAX_TEXT].decode("utf-8", "surrogateescape") if isinstance(value, bytes) else "" for value in values
    ]


def text(attributes: Attributes, name: str) -> str:
    """Return the only text of an attribute, "" where there is none."""
    return next(iter(texts(attributes, name)), "")


def octets(text: str) -> bytes | None:
    """Return a text as an agent would answer it, None for one that is not told."""
    return text.encode("utf-8", "surrogateescape") or None


def fields(text: str, mark: str = "=") -> dict[str, str]:
    """Return the fields of `key=value;key=value;` by key, in small letters."""
    parts = (part.partition(mark) for part in text.split(";"))
    return {key.strip().lower(): value.strip() for key, _, value in parts}


def number(text: str | None) -> int | None:
    """Return a whole number, None for what is none."""
    return int(text) if text and re.fullmatch(r"-?[0-9]{1,10}", text) else None


def label(numbers: Mapping[str, int], text: str | None) -> int | None:
    """Return the number of a MIB's label, None for an unknown one; hyphens and capitals do not count."""
    return numbers.get((text or "").replace("-", "").lower())


def by_label(labels: Mapping[int, str]) -> dict[str, int]:
    """Return the numbers by label, as `label` looks them up."""
    return {label.lower(): number for number, label in labels.items()}


def by_index(told: Sequence[Mapping[str, str]], rows: Sequence[Row]) -> dict[int, Row]:
    """Return rows by the index that their fields tell, in order where not each has one of its own."""
    indices: Sequence[int] = [number(each.get("index")) or 0 for each in told]
    if len({index for index in indices if index > 0}) < len(rows):
        indices = range(1, len(rows) + 1)
    return dict(zip(indices, rows, strict=True))
