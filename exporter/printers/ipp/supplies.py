"""Supplies over IPP, as rows of prtMarkerSuppliesTable. Pure."""

import re
from collections.abc import Mapping
from itertools import zip_longest

from exporter.ipp.codec import Attributes
from exporter.printers import names, words
from exporter.printers.ipp.values import Row, Rows, by_index, by_label, fields, integers, label, number, octets, texts
from exporter.text import tidy

# PrtMarkerSuppliesTypeTC of the IANA-PRINTER-MIB.
_TYPES = {
    1: "other",
    2: "unknown",
    3: "toner",
    4: "wasteToner",
    5: "ink",
    6: "inkCartridge",
    7: "inkRibbon",
    8: "wasteInk",
    9: "opc",
    10: "developer",
    11: "fuserOil",
    12: "solidWax",
    13: "ribbonWax",
    14: "wasteWax",
    15: "fuser",
    16: "coronaWire",
    17: "fuserOilWick",
    18: "cleanerUnit",
    19: "fuserCleaningPad",
    20: "transferUnit",
    21: "tonerCartridge",
    22: "fuserOiler",
    23: "water",
    24: "wasteWater",
    25: "glueWaterAdditive",
    26: "wastePaper",
    27: "bindingSupply",
    28: "bandingSupply",
    29: "stitchingWire",
    30: "shrinkWrap",
    31: "paperWrap",
    32: "staples",
    33: "inserts",
    34: "covers",
    35: "matteToner",
    36: "matteInk",
}
_TYPE_NUMBERS = by_label(_TYPES)
_UNIT_NUMBERS = by_label(names.UNITS) | {"hundrethsoffluidounces": 14}  # as RFC 3805 spells it
_PERCENT = 19
_UNAVAILABLE, _UNKNOWN = -1, -2

_COLORS = {"black": (0, 0, 0), "cyan": (0, 255, 255), "magenta": (255, 0, 255), "yellow": (255, 255, 0)}
_NEAR = 64  # of 255


def supply_rows(attributes: Attributes) -> Rows:
    """Return the supplies, each with the value of its colorant: of printer-supply, else of CUPS' marker-…"""
    told = [fields(text) for text in texts(attributes, "printer-supply")]
    if not any("level" in each for each in told):
        told, rows = [], _markers(attributes)
    else:
        descriptions = texts(attributes, "printer-supply-description")[: len(told)]
        descriptions += [""] * (len(told) - len(descriptions))
        rows = [_supply(each, description) for each, description in zip(told, descriptions, strict=True)]
    return {row: {**cells, "prtMarkerSuppliesColorantIndex": row} for row, cells in by_index(told, rows).items()}


def low_rows(attributes: Attributes, rows: Rows) -> list[int]:
    """Return which supplies are as low as the printer calls low, where it tells that of as many as there are."""
    levels, marks = integers(attributes, "marker-levels"), integers(attributes, "marker-low-levels")
    if not len(rows) == len(levels) == len(marks):
        return []
    told = zip(rows, levels, marks, strict=True)
    return [row for row, level, mark in told if mark and level is not None and 0 <= level <= mark]


def _supply(told: Mapping[str, str], description: str) -> Row:
    """Return a value of printer-supply (PWG 5100.13), whose numbers are those of the Printer-MIB."""
    return {
        "prtMarkerSuppliesType": label(_TYPE_NUMBERS, told.get("type")),
        "prtMarkerSuppliesDescription": octets(description),
        "prtMarkerSuppliesSupplyUnit": label(_UNIT_NUMBERS, told.get("unit")),
        "prtMarkerSuppliesMaxCapacity": number(told.get("maxcapacity")),
        "prtMarkerSuppliesLevel": number(told.get("level")),
        "prtMarkerColorantValue": octets(told.get("colorantname", "")),
    }


def _markers(attributes: Attributes) -> list[Row]:
    levels, marks = integers(attributes, "marker-levels"), integers(attributes, "marker-low-levels")
    names_, types, colors = (texts(attributes, f"marker-{name}") for name in ("names", "types", "colors"))
    return [_marker(*values) for values in zip_longest(levels, marks, names_, types, colors)]


def _marker(level: int | None, low: int | None, name: str | None, kind: str | None, color: str | None) -> Row:
    type_number = label(_TYPE_NUMBERS, kind)
    said = tidy(f"{name or ''} {kind or ''}")
    fills = words.kind_of(type_number or 0, said).startswith("waste") and not low
    return {
        "prtMarkerSuppliesType": type_number,
        "prtMarkerSuppliesDescription": octets(name or kind or ""),
        "prtMarkerSuppliesSupplyUnit": _PERCENT,
        "prtMarkerSuppliesMaxCapacity": 100,
        "prtMarkerSuppliesLevel": _level(level, fills=fills),
        "prtMarkerColorantValue": octets(_color(color or "")),
    }


def _level(level: int | None, *, fills: bool) -> int:
    """Return a marker's level as the Printer-MIB has it: what is left, or the room that is.

    -1 is no level at all here. A receptacle without a low mark has a high one: its level is how full it is.
    """
    if level is None or level == _UNAVAILABLE:
        return _UNKNOWN
    return 100 - level if fills and 0 <= level <= 100 else level


def _color(color: str) -> str:
    """Return the name of a color that is given as #RRGGBB, "" for several or none that has a name here."""
    if not color.startswith("#"):
        return color
    if not re.fullmatch(r"#[0-9A-Fa-f]{6}", color):
        return ""
    parts = bytes.fromhex(color[1:])
    near = (name for name, own in _COLORS.items() if all(abs(a - b) <= _NEAR for a, b in zip(parts, own, strict=True)))
    return next(near, "")
