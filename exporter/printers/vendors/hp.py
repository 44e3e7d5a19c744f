"""HP: LaserJet, PageWide and OfficeJet with a JetDirect card; engines that Samsung built answer as Samsung.

Two-sided prints are counted in sheets. Which scans went to the host (45, 73) is garbage on some models and not read.
"""

from exporter.printers.vendors.maker import ENTERPRISES, First, Maker, Partition, Sum

_DEVICE = f"{ENTERPRISES}.11.2.3.9.4.2.1"
_ENGINE = f"{_DEVICE}.4.1.2"
_SCANNER = f"{_DEVICE}.2.2.1"
_FEEDER, _FLATBED = f"{_SCANNER}.44.0", f"{_SCANNER}.74.0"

MAKER = Maker(
    "HP",
    (f"{ENTERPRISES}.11", f"{ENTERPRISES}.26696", f"{ENTERPRISES}.29999"),
    partitions=(
        Partition({("all", "mono"): f"{_ENGINE}.6.0", ("all", "color"): f"{_ENGINE}.7.0"}),
        Partition({("all", "all"): f"{_ENGINE}.5.0"}),
    ),
    scans=First((Sum((_FEEDER, _FLATBED)), _FLATBED, _FEEDER)),
    duplex=f"{_ENGINE}.22.0",
    model=(f"{_DEVICE}.1.3.2.0",),
    serial=(f"{_DEVICE}.1.3.3.0",),
    firmware=(f"{_DEVICE}.1.3.6.0", f"{_DEVICE}.1.3.5.0"),
)
