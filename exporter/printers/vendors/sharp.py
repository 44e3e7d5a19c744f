"""Sharp.

Its counters are named by the device and found by these names. Functions count apart only where they make up the totals
in black and white and in colour; "other" are pages of none of them, such as reports.
"""

from exporter.printers import mib
from exporter.printers.vendors.maker import ENTERPRISES, Maker, Partition, Rows

_COUNTERS = mib.Table(
    "sharpCounter",
    f"{ENTERPRISES}.2385.1.1.19.2.1",
    (mib.Column("value", 3, volatile=True), mib.Column("name", 4)),
)


def _named(*names: str) -> Rows:
    return Rows(_COUNTERS.name, "value", {"name": names})


_COLORS = ("Full Color", "Two Color", "Single Color")
_MONO_TOTAL = "Black & White Total Count"
_COLOR_TOTALS = tuple(f"{color} Total Count" for color in _COLORS)

MAKER = Maker(
    "Sharp",
    (f"{ENTERPRISES}.2385",),
    tables=(_COUNTERS,),
    partitions=(
        Partition(
            {("print", "mono"): _named("Black & White Print Count")},
            optional={
                ("print", "color"): _named(*(f"{color} Print Count" for color in _COLORS)),
                ("copy", "mono"): _named("Black & White Copy Count"),
                ("copy", "color"): _named(*(f"{color} Copy Count" for color in _COLORS)),
                ("other", "mono"): _named("Black & White Other Count"),
                ("other", "color"): _named(*(f"{color} Other Count" for color in _COLORS)),
            },
            check=_named(_MONO_TOTAL, *_COLOR_TOTALS),
        ),
        Partition({("all", "mono"): _named(_MONO_TOTAL)}, optional={("all", "color"): _named(*_COLOR_TOTALS)}),
    ),
    scans=_named("Scan to E-mail/FTP", "Scan to HDD"),
    duplex=_named("Duplex"),
)
