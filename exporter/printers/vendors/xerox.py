"""Xerox, Fuji Xerox and Fujifilm; engines that Samsung or Lexmark built answer as those.

What is printed, copied and faxed counts apart only where it makes up the total: the objects of copies and faxes are not
the same on all models.
"""

from exporter.printers.vendors.maker import ENTERPRISES, First, Maker, Partition, Sum

_COUNTERS = f"{ENTERPRISES}.253.8.53.13.2.1.6"
_IMPRESSIONS = f"{_COUNTERS}.1.20"
_COPIES = f"{_COUNTERS}.103.20"
_COPIES_OF_OTHERS = f"{_COUNTERS}.11.20"
_SENT = f"{_COUNTERS}.10.20"
_TOTAL = f"{_IMPRESSIONS}.1"

MAKER = Maker(
    "Xerox",
    (f"{ENTERPRISES}.253", f"{ENTERPRISES}.297"),
    partitions=(
        Partition(
            {("print", "mono"): f"{_IMPRESSIONS}.7"},
            optional={
                ("print", "color"): f"{_IMPRESSIONS}.29",
                ("copy", "mono"): First((f"{_COPIES}.3", f"{_COPIES_OF_OTHERS}.3")),
                ("copy", "color"): First((f"{_COPIES}.25", f"{_COPIES_OF_OTHERS}.25")),
                ("fax", "all"): First((f"{_IMPRESSIONS}.71", f"{_COUNTERS}.104.20.15")),
            },
            check=_TOTAL,
        ),
        Partition({("all", "mono"): f"{_IMPRESSIONS}.34", ("all", "color"): f"{_IMPRESSIONS}.33"}),
        Partition({("all", "all"): _TOTAL}),
    ),
    scans=First((f"{_COUNTERS}.102.20.21", Sum((f"{_SENT}.11", f"{_SENT}.12")))),
    large=Sum((f"{_IMPRESSIONS}.43", f"{_IMPRESSIONS}.44")),
)
