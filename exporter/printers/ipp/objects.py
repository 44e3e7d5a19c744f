"""What a printer says over IPP, as the objects that an SNMP agent of the same printer would answer. Pure.

PWG 5100.9 and 5100.13 took most of these attributes from the Printer-MIB. So what levels, words and alerts mean is
decided in one place, and a printer keeps its series when its protocol changes.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from exporter.ipp.codec import Attributes
from exporter.printers import mib, names
from exporter.printers.ipp.alerts import alert_rows
from exporter.printers.ipp.reasons import Condition, conditions, error_octets
from exporter.printers.ipp.supplies import supply_rows
from exporter.printers.ipp.values import (
    Row,
    Rows,
    by_index,
    by_label,
    fields,
    integer,
    label,
    number,
    octets,
    text,
    texts,
)
from exporter.printers.text import clean
from exporter.snmp.session import Value

ATTRIBUTES: Final = (
    "printer-make-and-model",
    "printer-device-id",
    "printer-uuid",
    "printer-firmware-string-version",
    "printer-uri-supported",
    "printer-up-time",
    "printer-state",
    "printer-state-reasons",
    "printer-alert",
    "printer-alert-description",
    "printer-supply",
    "printer-supply-description",
    "marker-names",
    "marker-types",
    "marker-colors",
    "marker-levels",
    "marker-low-levels",
    "printer-input-tray",
    "printer-output-tray",
    "printer-impressions-completed",
    "printer-media-sheets-completed",
)
"""All that is asked for."""

# printer-state (RFC 8011 section 5.4.11) to hrPrinterStatus: idle, processing, stopped.
_STATES = {3: 3, 4: 4, 5: 1}
_STOPPED = 5
# Queues of CUPS give the time of day for printer-up-time; no printer runs for so many seconds.
_NO_UPTIME = 10**9
_PAGE_COUNTS = (
    ("printer-impressions-completed", names.IMPRESSIONS),
    ("printer-media-sheets-completed", names.SHEETS),
)
_URI_HOST = re.compile(r"[a-z]+://([^/:\[\]]+)")
# Keys of an IEEE 1284 device ID
_MAKER_KEYS, _MODEL_KEYS = ("mfg", "manufacturer"), ("mdl", "model")
_SERIAL_KEYS = ("sn", "sern", "serialnumber", "serial number")

# PrtInputTypeTC of the IANA-PRINTER-MIB
_TRAY_TYPES = {
    1: "other",
    2: "unknown",
    3: "sheetFeedAutoRemovableTray",
    4: "sheetFeedAutoNonRemovableTray",
    5: "sheetFeedManual",
    6: "continuousRoll",
    7: "continuousFanFold",
}
_SHEET_FED = {3, 4, 5}
_TRAY_NUMBERS, _UNIT_NUMBERS = by_label(_TRAY_TYPES), by_label(names.UNITS)

_ENTRIES = {column.name: f"{table.entry}.{column.number}" for table in mib.TABLES for column in table.columns}
_SCALARS = {scalar.name: scalar.oid for scalar in mib.SYSTEM}


def objects(attributes: Attributes) -> dict[str, Value]:
    """Return the values of the objects, by OID; what the printer does not tell is missing."""
    is_stopped = integer(attributes, "printer-state") == _STOPPED
    found = conditions(texts(attributes, "printer-state-reasons"), is_stopped=is_stopped)
    supplies = supply_rows(attributes)
    values = {_SCALARS[name]: value for name, value in _system(attributes).items()}
    values |= _cells("1", _device(attributes, found))
    alerts = alert_rows(attributes, found, supplies)
    for table in ({1: _pages(attributes)}, supplies, _tray_rows(attributes), _bin_rows(attributes), alerts):
        for row, cells in table.items():
            values |= _cells(f"1.{row}", cells)
    return {oid: value for oid, value in values.items() if value is not None}


def firmware(attributes: Attributes) -> str:
    """Return the version of the firmware, for which the standard's MIBs have no object."""
    return clean(octets(text(attributes, "printer-firmware-string-version")))


def uptime(attributes: Attributes) -> int | None:
    """Return for how many seconds the printer has been up, None where it does not say."""
    seconds = integer(attributes, "printer-up-time")
    return seconds if seconds is not None and 0 <= seconds < _NO_UPTIME else None


def _cells(index: str, row: Row) -> Row:
    return {f"{_ENTRIES[column]}.{index}": value for column, value in row.items()}


# ---- the printer


def _system(attributes: Attributes) -> Row:
    seconds = uptime(attributes)
    return {
        "sysUpTime": None if seconds is None else seconds * 100,
        "sysDescr": octets(_in_device_id(attributes, _MAKER_KEYS)),
        "sysName": octets(_hostname(text(attributes, "printer-uri-supported"))),
    }


def _hostname(uri: str) -> str:
    """Return what the printer calls itself in its own URI, "" for an address."""
    named = _URI_HOST.match(uri)
    host = named[1].rstrip(".") if named else ""
    return "" if host == "localhost" or re.fullmatch(r"[0-9.]*", host) else host.removesuffix(".local")


def _device(attributes: Attributes, found: Iterable[Condition]) -> Row:
    errors = error_octets(condition.bit for condition in found if condition.bit)
    return {
        "hrDeviceType": mib.HR_DEVICE_PRINTER,
        "hrDeviceDescr": octets(_model(attributes)),
        "hrPrinterStatus": _STATES.get(integer(attributes, "printer-state") or 0),
        "hrPrinterDetectedErrorState": errors if attributes.get("printer-state-reasons") else None,
        "prtGeneralSerialNumber": octets(_serial(attributes)),
    }


def _model(attributes: Attributes) -> str:
    maker, model = _in_device_id(attributes, _MAKER_KEYS), _in_device_id(attributes, _MODEL_KEYS)
    return text(attributes, "printer-make-and-model") or (model if model.startswith(maker) else f"{maker} {model}")


def _serial(attributes: Attributes) -> str:
    """Return the serial number, else the UUID, which a printer keeps for life as well."""
    return _in_device_id(attributes, _SERIAL_KEYS) or text(attributes, "printer-uuid").removeprefix("urn:uuid:")


def _in_device_id(attributes: Attributes, keys: Iterable[str]) -> str:
    told = fields(text(attributes, "printer-device-id"), ":")
    return next((told[key] for key in keys if told.get(key)), "")


def _pages(attributes: Attributes) -> Row:
    """Return the count of impressions, else that of sheets; pages are neither."""
    for name, unit in _PAGE_COUNTS:
        if (count := integer(attributes, name)) is not None:
            return {"prtMarkerCounterUnit": unit, "prtMarkerLifeCount": count}
    return {}


# ---- trays and bins (PWG 5100.13)


def _tray_rows(attributes: Attributes) -> Rows:
    told = [fields(value) for value in texts(attributes, "printer-input-tray")]
    return by_index(told, [_tray(each) for each in told])


def _tray(told: Mapping[str, str]) -> Row:
    type_number = label(_TRAY_NUMBERS, told.get("type"))
    return {
        "prtInputType": type_number,
        "prtInputCapacityUnit": label(_UNIT_NUMBERS, told.get("unit", "sheets" if type_number in _SHEET_FED else "")),
        "prtInputMaxCapacity": number(told.get("maxcapacity")),
        "prtInputCurrentLevel": number(told.get("level")),
        "prtInputMediaName": octets(told.get("medianame", "")),
        "prtInputName": octets(told.get("name", "")),
    }


def _bin_rows(attributes: Attributes) -> Rows:
    told = [fields(value) for value in texts(attributes, "printer-output-tray")]
    return by_index(told, [_bin(each) for each in told])


def _bin(told: Mapping[str, str]) -> Row:
    return {
        "prtOutputMaxCapacity": number(told.get("maxcapacity")),
        "prtOutputRemainingCapacity": number(told.get("remaining")),
        "prtOutputName": octets(told.get("name", "")),
    }
