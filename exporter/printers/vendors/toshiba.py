"""Toshiba e-STUDIO; its label printers and engines built by Lexmark are not meant.

Full colour and twin or single colour are both "color".
"""

from exporter.printers.vendors.maker import ENTERPRISES, First, Maker, Partition, Source, Sum

_COUNTERS = f"{ENTERPRISES}.1129.2.3.50.1.3.21.6.1"
_FULL, _TWIN, _BLACK, _TOTAL = 1, 2, 3, 4
_ALL, _PRINT, _COPY, _FAX, _SCANS, _LIST, _LARGE = 2, 3, 4, 7, (8, 9), 11, 207


def _count(category: int, column: int) -> str:
    return f"{_COUNTERS}.{category}.1.{column}"


def _color(category: int) -> Source:
    return First((Sum((_count(category, _FULL), _count(category, _TWIN))), _count(category, _FULL)))


MAKER = Maker(
    "Toshiba",
    (f"{ENTERPRISES}.1129.2.3",),
    partitions=(
        Partition(
            {("print", "mono"): _count(_PRINT, _BLACK)},
            optional={
                ("print", "color"): _color(_PRINT),
                ("copy", "mono"): _count(_COPY, _BLACK),
                ("copy", "color"): _color(_COPY),
                ("fax", "mono"): _count(_FAX, _BLACK),
                ("fax", "color"): _color(_FAX),
                ("list", "mono"): _count(_LIST, _BLACK),
                ("list", "color"): _color(_LIST),
            },
        ),
        Partition({("all", "mono"): _count(_ALL, _BLACK)}, optional={("all", "color"): _color(_ALL)}),
        Partition({("all", "all"): _count(_ALL, _TOTAL)}),
    ),
    scans=Sum(tuple(_count(category, _TOTAL) for category in _SCANS)),
    large=_count(_LARGE, _TOTAL),
)
