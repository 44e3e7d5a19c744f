"""OKI. Copies, prints and scans apart come from one source and are not read."""

from exporter.printers.vendors.maker import ENTERPRISES, Maker, Partition

_OKI = f"{ENTERPRISES}.2001.1.1.1.1.11.1.10"
_COUNTERS = f"{_OKI}.170.1"

MAKER = Maker(
    "OKI",
    (f"{ENTERPRISES}.2001",),
    partitions=(
        Partition({("all", "mono"): f"{_COUNTERS}.7.1", ("all", "color"): f"{_COUNTERS}.6.1"}),
        Partition({("all", "all"): f"{_COUNTERS}.8.1"}),
    ),
    model=(f"{_OKI}.25.0",),
    serial=(f"{_OKI}.45.0",),
)
