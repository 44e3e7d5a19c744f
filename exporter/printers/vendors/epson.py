"""Epson's office printers; those for labels and large formats have no such counters."""

from exporter.printers.vendors.maker import ENTERPRISES, Maker, Partition

_EPSON = f"{ENTERPRISES}.1248.1"
_COUNTERS = f"{_EPSON}.2.2.27"
_INFO = f"{_EPSON}.2.2.1.1.1"

MAKER = Maker(
    "Epson",
    (_EPSON,),
    partitions=(
        Partition({("all", "mono"): f"{_COUNTERS}.1.1.3.1.1", ("all", "color"): f"{_COUNTERS}.1.1.4.1.1"}),
        Partition(
            {("print", "all"): f"{_COUNTERS}.6.1.4.1.1.1"}, optional={("copy", "all"): f"{_COUNTERS}.6.1.4.1.1.2"}
        ),
        Partition({("all", "all"): f"{_COUNTERS}.1.1.30.1.1"}),
    ),
    model=(f"{_INFO}.2.1",),
    serial=(f"{_INFO}.5.1",),
)
