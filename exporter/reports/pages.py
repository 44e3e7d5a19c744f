"""Page counters to pages printed, engine by engine. Pure.

An engine is what counts: the serial number, or the printer's name where it tells none apart. What it printed is the
difference of what its counter showed, whatever name or location it stood at meanwhile; nothing is extrapolated. Each
difference counts for who shows the later reading.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import NamedTuple, TypeAlias

from exporter.printers.lifecycle import most_pages
from exporter.printers.stored import engine_of, name_of

_ANOTHER_SOURCE_AFTER = 600.0
"""Seconds without a word from one source after which another one's readings are taken."""
# One printer that two exporters ask shows about the same on both.
_SAME_COUNTER = 100
_SEEN_TOGETHER = 2


class Who(NamedTuple):
    """Where a page counts."""

    printer: str
    location: str
    label: str = ""
    """The value of the label that is asked for."""


class Engine(NamedTuple):
    """What counts pages; impressions and sheets are never added."""

    key: str
    unit: str


class Reading(NamedTuple):
    """What a counter showed, `at` in Unix seconds."""

    at: float
    pages: float
    who: Who
    source: str = ""
    """The exporter that read it, and the name by which it did."""


Printed: TypeAlias = tuple[dict[Who, float], float | None]
"""Pages by who printed them, and the counter at the end where there was any."""


def engine(labels: Mapping[str, str], shared: frozenset[str] = frozenset()) -> Engine:
    """Return whose counter a series is; serial numbers that are `shared` by printers count as none."""
    serial, name = labels.get("serial", ""), labels.get("printer", "")
    return Engine(engine_of(name, "" if serial in shared else serial), labels.get("unit", ""))


def found_by(engine: Engine) -> tuple[str, str]:
    """Return a label, and its value, that all series of an engine have."""
    name = name_of(engine.key)
    return ("serial", engine.key) if name is None else ("printer", name)


def is_shared(readings: Iterable[Reading]) -> bool:
    """Tell whether readings of one serial number are those of several printers: side by side, and far apart."""
    at: dict[float, dict[str, float]] = defaultdict(dict)
    for reading in readings:
        known = at[reading.at].get(reading.who.printer, 0.0)
        at[reading.at][reading.who.printer] = max(known, reading.pages)
    apart = sum(max(shown.values()) - min(shown.values()) > _SAME_COUNTER for shown in at.values())
    return apart >= _SEEN_TOGETHER


def is_steady(before: tuple[float, float] | None, readings: Iterable[Reading]) -> bool:
    """Tell whether the highest counter shown at each time only rises, by no more than an engine can print meanwhile.

    `before` has a time before all readings, and what was shown then.
    """
    highest: dict[float, float] = {}
    for reading in readings:
        highest[reading.at] = max(highest.get(reading.at, 0.0), reading.pages)
    shown = ([] if before is None else [before]) + sorted(highest.items())
    return all(0 <= now - then <= most_pages(at - since) for (since, then), (at, now) in pairwise(shown))


def steady(before: float, readings: Iterable[Reading]) -> Printed:
    """Return pages by who printed them, and the counter at the end, of a counter that only rose from `before` on.

    Several exporters may have read it: the highest reading counts.
    """
    pages: dict[Who, float] = defaultdict(float)
    top = before
    for reading in sorted(readings, key=lambda each: (each.at, each.pages)):
        pages[reading.who] += max(0.0, reading.pages - top)
        top = max(top, reading.pages)
    return dict(pages), top


def unsteady(before: Reading | None, start: float, readings: Iterable[Reading]) -> Printed:
    """Return the same of a counter that fell or jumped, from every single reading; those up to `start` only lead there.

    A fall, and a rise beyond what an engine can print in that time, count as no pages, and the counter goes on from
    there. One source is followed while it reads: two exporters may differ by a moment, and where a printer has moved to
    another name the old one shows on for days what was counted last.
    """
    pages: dict[Who, float] = defaultdict(float)
    last = before
    for reading in sorted(readings):
        is_other = last is not None and last.source not in {"", reading.source}
        if last and is_other and reading.at - last.at <= _ANOTHER_SOURCE_AFTER:
            continue
        if reading.at > start:
            pages[reading.who] += _printed(last, reading)
        last = reading
    return dict(pages), last.pages if last else None


def _printed(last: Reading | None, now: Reading) -> float:
    if last is None:
        return 0.0
    rise = now.pages - last.pages
    return rise if 0 <= rise <= most_pages(now.at - last.at) else 0.0
