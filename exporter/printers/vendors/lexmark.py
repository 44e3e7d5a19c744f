"""Lexmark, and engines that it built for Dell, Toshiba and Xerox.

Counters are found by their type, and where a device counts in sides and in sheets, sides are read. Types whose meaning
is not sure (130 and 131, clicks) are not.
"""

from exporter.printers import mib
from exporter.printers.vendors.maker import ENTERPRISES, Maker, Partition, Rows

_LEXMARK = f"{ENTERPRISES}.641"
_COUNTERS = mib.Table(
    "lexmarkGenCount",
    f"{_LEXMARK}.6.4.2.1.1",
    (mib.Column("type", 2), mib.Column("unit", 3), mib.Column("value", 4, volatile=True)),
)
_OLDER = f"{_LEXMARK}.2.1.5"
_SIDES = 4


def _of(kind: int) -> Rows:
    return Rows(_COUNTERS.name, "value", {"type": (kind,), "unit": (_SIDES,)})


MAKER = Maker(
    "Lexmark",
    (_LEXMARK, f"{ENTERPRISES}.674.10898"),
    tables=(_COUNTERS,),
    partitions=(
        Partition(
            {("print", "mono"): _of(17)},
            optional={
                ("print", "color"): _of(18),
                ("copy", "mono"): _of(33),
                ("copy", "color"): _of(34),
                ("fax", "mono"): _of(49),
                ("fax", "color"): _of(50),
            },
        ),
        Partition({("print", "all"): _of(16)}, optional={("copy", "all"): _of(32), ("fax", "all"): _of(48)}),
        Partition({("all", "mono"): f"{_OLDER}.2.0", ("all", "color"): f"{_OLDER}.3.0"}),
        Partition({("all", "all"): f"{_OLDER}.1.0"}),
    ),
    serial=(f"{_LEXMARK}.2.1.2.1.6.1",),
)
