"""Canon: iR, iR-ADVANCE, MF, LBP, PIXMA and plotters.

Two tables hold the counters of the device's Check Counter screen: one by the number shown there (iR, iR-ADVANCE), one
by row (LBP, MF, PIXMA); both with the screen's words beside. A device tells only the counters that its administrator
chose to show. "1" counts a side once, "2" a large one twice; the two are never mixed. Where only the black and colour
totals of kind "2" are shown they are taken, if they make up the total 2: they are how Canon bills.

Copies (201) are not sure to be what they seem and count only where prints and copies make up the total.
"""

from exporter.printers import mib
from exporter.printers.vendors.maker import ENTERPRISES, INDEX, First, Maker, Partition, Rows, Source, Sum

_CANON = f"{ENTERPRISES}.1602"
_BY_NUMBER = mib.Table(
    "canonCounterByNumber", f"{_CANON}.1.11.1.3.1", (mib.Column("label", 2), mib.Column("value", 4, volatile=True))
)
_BY_ROW = mib.Table(
    "canonCounterByRow", f"{_CANON}.1.11.2.1.1", (mib.Column("label", 2), mib.Column("value", 3, volatile=True))
)


def _shown(number: int, *labels: str) -> Source:
    """Return the counter with this number, or with one of these labels in either table."""
    return First(
        (
            Rows(_BY_NUMBER.name, "value", {INDEX: (number,)}),
            Rows(_BY_NUMBER.name, "value", {"label": labels}),
            Rows(_BY_ROW.name, "value", {"label": labels}),
        )
    )


_TOTAL = _shown(101, "Total 1")
_TOTAL_DOUBLE = _shown(102, "Total 2")
_LARGE = _shown(103, "Total (Large)")
_SMALL = _shown(104, "Total (Small)")
_BLACK = _shown(108, "Total (Black 1)")
_BLACK_DOUBLE = _shown(109, "Total (Black 2)")
_BLACK_LARGE = _shown(112, "Total (Black/Large)")
_BLACK_SMALL = _shown(113, "Total (Black/Small)")
_TWO_SIDED = Sum((_shown(116, "Large (2-Sided)"), _shown(117, "Small (2-Sided)")))
_COLOR_LARGE = _shown(122, "Total (Full Color + Single Color/Large)")
_COLOR_SMALL = _shown(123, "Total (Full Color + Single Color/Small)")
_COLOR_DOUBLE = _shown(124, "Total (Full Color + Single Color 2)")
_COLOR_BY_LABEL = Rows(_BY_ROW.name, "value", {"label": ("Total (Full Color + Single Color 1)",)})
_COPIES = _shown(201, "Copy (Total 1)")
_PRINTS = _shown(301, "Print (Total 1)")
_SCANS = _shown(501, "Scan (Total 1)")
_SCANS_LARGE = _shown(503, "Scan (Total/Large)")
_SCANS_SMALL = _shown(504, "Scan (Total/Small)")

MAKER = Maker(
    "Canon",
    (_CANON,),
    tables=(_BY_NUMBER, _BY_ROW),
    partitions=(
        Partition(
            {
                ("all", "mono"): First((Sum((_BLACK_LARGE, _BLACK_SMALL)), _BLACK)),
                ("all", "color"): First((Sum((_COLOR_LARGE, _COLOR_SMALL)), _COLOR_BY_LABEL)),
            }
        ),
        Partition({("all", "mono"): _BLACK_DOUBLE, ("all", "color"): _COLOR_DOUBLE}, check=_TOTAL_DOUBLE),
        Partition({("print", "all"): _PRINTS, ("copy", "all"): _COPIES}, check=_TOTAL),
        Partition({("all", "all"): First((_TOTAL, Sum((_LARGE, _SMALL))))}),
    ),
    scans=First((_SCANS, Sum((_SCANS_LARGE, _SCANS_SMALL)))),
    duplex=First((_TWO_SIDED, Rows(_BY_ROW.name, "value", {"label": ("2-Sided",)}))),
    large=First((_LARGE, Sum((_BLACK_LARGE, _COLOR_LARGE)))),
    model=(f"{_CANON}.1.1.1.1.0",),
    serial=(f"{_CANON}.1.2.1.4.0", f"{_CANON}.1.2.1.8.1.3.1.1"),
    firmware=(f"{_CANON}.1.1.1.4.0",),
)
