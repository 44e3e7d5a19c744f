"""Konica Minolta, and its badge Develop."""

from exporter.printers.vendors.maker import ENTERPRISES, First, Maker, Partition

_KONICA = f"{ENTERPRISES}.18334.1.1.1"
_COUNTERS = f"{_KONICA}.5.7.2"
_BY_FUNCTION = f"{_COUNTERS}.2.1.5"

MAKER = Maker(
    "Konica Minolta",
    (f"{ENTERPRISES}.18334",),
    partitions=(
        Partition(
            {("print", "mono"): f"{_BY_FUNCTION}.1.2"},
            optional={
                ("print", "color"): f"{_BY_FUNCTION}.2.2",
                ("copy", "mono"): f"{_BY_FUNCTION}.1.1",
                ("copy", "color"): f"{_BY_FUNCTION}.2.1",
            },
        ),
        Partition({("all", "all"): f"{_COUNTERS}.1.1.0"}),
    ),
    scans=First((f"{_COUNTERS}.1.5.0", f"{_COUNTERS}.3.1.5.1")),
    duplex=f"{_COUNTERS}.1.3.0",
    model=(f"{_KONICA}.1.6.2.1.0",),
)
