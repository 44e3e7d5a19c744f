"""What to ask a printer, as data: SNMPv2-MIB, HOST-RESOURCES-MIB (RFC 2790) and Printer-MIB (RFC 3805).

A column is *static* (read with the structure) or *volatile* (asked again at every poll, for the rows found).
"""

from dataclasses import dataclass
from typing import Literal

from exporter.snmp.session import SYS_UPTIME

HR_DEVICE_PRINTER = "1.3.6.1.2.1.25.3.1.5"
PRINTER = "1.3.6.1.2.1.43"
"""The root of the Printer-MIB."""

_HOST = "1.3.6.1.2.1.25"


@dataclass(frozen=True, slots=True)
class Scalar:
    """One object with the instance .0."""

    name: str
    oid: str
    volatile: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table; `number` is its last sub-identifier."""

    name: str
    number: int
    volatile: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A conceptual table: the OID of its entry and the columns of use to us.

    `walk` is "structure" (with the static part), or "poll" (anew each time, since its rows come and go). A table
    that is `expected` of every printer is asked for again when it seems to be missing. Known `rows` are got instead of
    walked: of a maker's table in a tree that has no end.
    """

    name: str
    entry: str
    columns: tuple[Column, ...]
    walk: Literal["structure", "poll"] = "structure"
    expected: bool = False
    rows: range = range(0)


SYSTEM = (
    Scalar("sysUpTime", SYS_UPTIME, volatile=True),
    Scalar("sysDescr", "1.3.6.1.2.1.1.1.0"),
    Scalar("sysObjectID", "1.3.6.1.2.1.1.2.0"),
    Scalar("sysName", "1.3.6.1.2.1.1.5.0"),
)

TABLES = (
    Table(
        "hrDevice",
        f"{_HOST}.3.2.1",
        (Column("hrDeviceType", 2), Column("hrDeviceDescr", 3)),
    ),
    Table(
        "hrPrinter",
        f"{_HOST}.3.5.1",
        (
            Column("hrPrinterStatus", 1, volatile=True),
            Column("hrPrinterDetectedErrorState", 2, volatile=True),
        ),
    ),
    Table(
        "prtGeneral",
        f"{PRINTER}.5.1.1",
        (
            Column("prtGeneralConfigChanges", 1, volatile=True),
            Column("prtGeneralCurrentLocalization", 2),
            Column("prtGeneralPrinterName", 16),
            # Static, but another printer may answer behind the address at any time.
            Column("prtGeneralSerialNumber", 17, volatile=True),
        ),
    ),
    Table(
        "prtCover",
        f"{PRINTER}.6.1.1",
        (Column("prtCoverDescription", 2), Column("prtCoverStatus", 3, volatile=True)),
    ),
    Table("prtLocalization", f"{PRINTER}.7.1.1", (Column("prtLocalizationCharacterSet", 4),)),
    Table(
        "prtInput",
        f"{PRINTER}.8.2.1",
        (
            Column("prtInputType", 2),
            Column("prtInputCapacityUnit", 8),
            Column("prtInputMaxCapacity", 9),
            Column("prtInputCurrentLevel", 10, volatile=True),
            Column("prtInputMediaName", 12, volatile=True),
            Column("prtInputName", 13),
            Column("prtInputDescription", 18),
        ),
        expected=True,
    ),
    Table(
        "prtOutput",
        f"{PRINTER}.9.2.1",
        (
            Column("prtOutputMaxCapacity", 4),
            Column("prtOutputRemainingCapacity", 5, volatile=True),
            Column("prtOutputName", 7),
            Column("prtOutputDescription", 12),
        ),
    ),
    Table(
        "prtMarker",
        f"{PRINTER}.10.2.1",
        (Column("prtMarkerCounterUnit", 3), Column("prtMarkerLifeCount", 4, volatile=True)),
        expected=True,
    ),
    Table(
        "prtMarkerSupplies",
        f"{PRINTER}.11.1.1",
        (
            Column("prtMarkerSuppliesColorantIndex", 3),
            Column("prtMarkerSuppliesType", 5),
            Column("prtMarkerSuppliesDescription", 6),
            Column("prtMarkerSuppliesSupplyUnit", 7),
            # Static by the MIB, but level and maximum must come from one answer to make a ratio.
            Column("prtMarkerSuppliesMaxCapacity", 8, volatile=True),
            Column("prtMarkerSuppliesLevel", 9, volatile=True),
        ),
        expected=True,
    ),
    Table("prtMarkerColorant", f"{PRINTER}.12.1.1", (Column("prtMarkerColorantValue", 4),)),
    Table(
        "prtAlert",
        f"{PRINTER}.18.1.1",
        (
            Column("prtAlertSeverityLevel", 2),
            Column("prtAlertTrainingLevel", 3),
            Column("prtAlertGroup", 4),
            Column("prtAlertGroupIndex", 5),
            Column("prtAlertCode", 7),
            Column("prtAlertDescription", 8),
        ),
        walk="poll",
    ),
)

STRUCTURE_TABLES = tuple(table for table in TABLES if table.walk == "structure")
POLLED_TABLES = tuple(table for table in TABLES if table.walk == "poll")
