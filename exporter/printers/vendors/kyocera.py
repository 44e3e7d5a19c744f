"""Kyocera, and its badges UTAX, Triumph-Adler, Olivetti and Copystar.

Single colour and full colour are both "color". Where nothing is told by function, as on printers that only print, the
counters by paper size are summed up. All of them are the pages billed, which prtMarkerLifeCount exceeds.
"""

from exporter.printers import mib
from exporter.printers.vendors.maker import ENTERPRISES, First, Maker, Partition, Rows, Source, Sum

_KYOCERA = f"{ENTERPRISES}.1347"
_COUNTERS = f"{_KYOCERA}.42.3.1"
_SIZES = mib.Table(
    "kyoceraPaperSize",
    f"{_KYOCERA}.42.2.1.1.1",
    (
        mib.Column("total", 6, volatile=True),
        mib.Column("mono", 7, volatile=True),
        mib.Column("color", 8, volatile=True),
    ),
)
_PRINT, _COPY, _FAX = 1, 2, 4


def _mono(function: int) -> Source:
    return f"{_COUNTERS}.2.1.1.{function}.1"


def _color(function: int) -> Source:
    single, full = f"{_COUNTERS}.2.1.1.{function}.2", f"{_COUNTERS}.2.1.1.{function}.3"
    return First((Sum((single, full)), full))


def _all(function: int) -> Source:
    return f"{_COUNTERS}.1.1.1.{function}"


MAKER = Maker(
    "Kyocera",
    (_KYOCERA,),
    tables=(_SIZES,),
    partitions=(
        Partition(
            {("print", "mono"): _mono(_PRINT)},
            optional={
                ("print", "color"): _color(_PRINT),
                ("copy", "mono"): _mono(_COPY),
                ("copy", "color"): _color(_COPY),
                ("fax", "mono"): _mono(_FAX),
                ("fax", "color"): _color(_FAX),
            },
        ),
        Partition(
            {("print", "all"): _all(_PRINT)}, optional={("copy", "all"): _all(_COPY), ("fax", "all"): _all(_FAX)}
        ),
        Partition({("all", "mono"): Rows(_SIZES.name, "mono"), ("all", "color"): Rows(_SIZES.name, "color")}),
        Partition({("all", "all"): First((f"{_KYOCERA}.43.10.1.1.12.1.1", Rows(_SIZES.name, "total")))}),
    ),
    scans=First(
        (
            f"{_KYOCERA}.46.10.1.1.5.3",
            Sum((f"{_COUNTERS}.3.1.1.{_COPY}", f"{_COUNTERS}.3.1.1.{_FAX}", f"{_COUNTERS}.4.1.1.1")),
        )
    ),
    duplex=f"{_KYOCERA}.42.2.5.1.1.2.1",
    model=(f"{_KYOCERA}.43.5.1.1.1.1",),
    serial=(f"{_KYOCERA}.43.5.1.1.28.1",),
    firmware=(f"{_KYOCERA}.43.5.4.1.5.1.1",),
)
