"""Ricoh, and its badges Gestetner, Lanier, NRG and Savin.

Rows of ricohEngCounterTable are found by their type: their numbers differ from model to model. Colours count only where
they make up the totals of their functions, since models have further types for single colours; one colour, two and full
colour are all "color". Scans (870 to 872) are left out: sources do not agree on what contains what.

ricohEngTonerTable knows per cent where the standard says that some is left. Near the end many models say -100, nearly
empty, and no number.
"""

from exporter.printers import mib
from exporter.printers.model import Level
from exporter.printers.vendors.maker import ENTERPRISES, First, LevelTable, Maker, Partition, Rows

_RICOH = f"{ENTERPRISES}.367.3.2.1"
_COUNTERS = mib.Table(
    "ricohEngCounter", f"{_RICOH}.2.19.5.1", (mib.Column("type", 2), mib.Column("value", 9, volatile=True))
)
_TONER = mib.Table(
    "ricohEngToner",
    f"{_RICOH}.2.24.1.1",
    (mib.Column("name", 2), mib.Column("descr", 3), mib.Column("level", 5, volatile=True)),
)


def _of(*types: int) -> Rows:
    return Rows(_COUNTERS.name, "value", {"type": types})


MAKER = Maker(
    "Ricoh",
    (f"{ENTERPRISES}.367",),
    tables=(_COUNTERS, _TONER),
    partitions=(
        Partition(
            {("print", "mono"): _of(401)},
            optional={
                ("print", "color"): _of(402, 403),
                ("copy", "mono"): _of(201),
                ("copy", "color"): _of(202, 203),
                ("fax", "mono"): _of(301),
                ("fax", "color"): _of(302, 303),
            },
            check=_of(200, 300, 400),
        ),
        Partition({("print", "all"): _of(400)}, optional={("copy", "all"): _of(200), ("fax", "all"): _of(300)}),
        Partition({("all", "all"): First((_of(10), f"{_RICOH}.2.19.1.0"))}),
    ),
    levels=LevelTable(
        "ricohEngTonerLevel",
        _TONER.name,
        ("name", "descr"),
        "level",
        {-3: Level.SOME, -100: Level.LOW},
    ),
    model=(f"{_RICOH}.1.1.1.1.0",),
    serial=(f"{_RICOH}.2.1.4.0",),
    firmware=(f"{_RICOH}.1.1.1.2.0",),
)
