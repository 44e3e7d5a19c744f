"""Brother.

Its private tree has no end to a walk, so that known instances are got and nothing is walked. Pages by function are rows
found by their type. Older models pack their counters into octets, and all pack what is left of their supplies: in
hundredths of a per cent, where the standard says that some is left. Levels of further generations (records 81 to 84 and
a1 to a4) have another scale, which is not sure, and are not read.
"""

from exporter.printers import mib
from exporter.printers.vendors.maker import ENTERPRISES, LevelRecords, Maker, Partition, Record, Rows

_INFO = f"{ENTERPRISES}.2435.2.3.9.4.2.1.5.5"
_MAINTENANCE, _COUNTERS = f"{_INFO}.8.0", f"{_INFO}.10.0"
_PAGES = mib.Table(
    "brPrintPagesFunc",
    f"{_INFO}.52.21.1",
    (mib.Column("type", 2), mib.Column("value", 3, volatile=True)),
    rows=range(1, 10),
)
_SCANS = mib.Table(
    "brScanCount",
    f"{_INFO}.54.2.2.1",
    (mib.Column("type", 2), mib.Column("value", 3, volatile=True)),
    rows=range(1, 5),
)
_COLORS = {"": 0x6F, "black": 0x6F, "cyan": 0x70, "magenta": 0x71, "yellow": 0x72}


def _of(*types: int) -> Rows:
    return Rows(_PAGES.name, "value", {"type": types})


MAKER = Maker(
    "Brother",
    (f"{ENTERPRISES}.2435",),
    tables=(_PAGES, _SCANS),
    partitions=(
        Partition(
            {("print", "mono"): _of(7)},
            optional={
                ("print", "color"): _of(5),
                ("copy", "mono"): _of(9),
                ("copy", "color"): _of(4),
                ("fax", "mono"): _of(8),
                ("fax", "color"): _of(6),
            },
        ),
        Partition({("print", "all"): _of(1)}, optional={("copy", "all"): _of(3), ("fax", "all"): _of(2)}),
        Partition({("all", "mono"): Record(_COUNTERS, 0x01), ("all", "color"): Record(_COUNTERS, 0x02)}),
        Partition({("all", "all"): Record(_COUNTERS, 0x00)}),
    ),
    scans=Rows(_SCANS.name, "value", {"type": (1, 2, 3)}),
    duplex=Record(_COUNTERS, 0x06),
    levels=LevelRecords(
        "brInfoMaintenance",
        _MAINTENANCE,
        {(kind, color): record for kind in ("toner", "ink") for color, record in _COLORS.items()}
        | {("drum", ""): 0x41, ("transfer_unit", ""): 0x69, ("fuser", ""): 0x6A},
        full=10_000,
    ),
    serial=(f"{_INFO}.1.0",),
    firmware=(f"{_INFO}.17.0",),
)
