"""What page counters showed, asked of a Prometheus, and the pages that come of it.

    counter = Counter(client, label="department")
    for period in periods(...):              # in order: each goes on where the last one ended
        counted = await counter.count(period)

For each period it is asked what every counter showed every six hours, whether it fell or went astray, and what it
showed before. All readings are fetched of those counters only that did not simply rise.
"""

import json
import math
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import groupby, islice
from typing import Final, NamedTuple

from exporter.reports.pages import (
    Engine,
    Printed,
    Reading,
    Who,
    engine,
    found_by,
    is_shared,
    is_steady,
    steady,
    unsteady,
)
from exporter.reports.periods import Period
from exporter.reports.prometheus import Client, RefusedError, Series
from exporter.text import tidy

DAY: Final = 86_400
_STEP = 6 * 3_600
_HOUR = 3_600
# How far back a counter's last reading is looked for; the far ones are asked of those only that have no nearer one.
_LOOK_BACK = (DAY, 8 * DAY, 400 * DAY)
_BATCH, _BATCH_RAW, _RAW = 50, 10, 7 * DAY

Pages = dict[tuple[Engine, Who], float]
"""Pages by what counted them and where they count."""


@dataclass(frozen=True, slots=True)
class Counted:
    """What was printed in a period; the sets name printers, but for `known`."""

    period: Period
    pages: Pages
    known: frozenset[str] = frozenset()
    """Keys of the engines and names of the printers of which a reading from before the period is known."""
    first_read: frozenset[str] = frozenset()
    """The other printers."""
    long_unread: frozenset[str] = frozenset()
    """Last read more than a day before the period: pages from then on are in it."""
    unread_at_end: frozenset[str] = frozenset()
    """Not read on its last day: pages since then are in a later period."""


class _Base(NamedTuple):
    """What a counter showed before a period, and since when at the earliest."""

    pages: float
    at: float


@dataclass(slots=True)
class _Work:
    """What is known of a period so far."""

    period: Period
    readings: Mapping[Engine, list[Reading]]
    shared: frozenset[str]
    """Serial numbers that several printers have."""
    bases: dict[Engine, _Base]


class Counter:
    """Counts pages in periods that follow one another; `selector` chooses among the series, all by default."""

    def __init__(self, client: Client, *, selector: str = "", label: str = "") -> None:
        self._client = client
        self._selector = selector
        self._label = label
        self._ends: dict[Engine, _Base] = {}

    async def count(self, period: Period) -> Counted:
        """Return what was printed; raises PrometheusError."""
        work = self._sorted(period, await self._grid(period))
        await self._find_bases(work)
        suspects = await self._suspects(work)
        printed = await self._steady(work, work.readings.keys() - suspects) | await self._unsteady(work, suspects)
        # An engine that was not read in this period, or by another key, is looked for anew in the next one.
        self._ends = {
            each: _Base(end, max(reading.at for reading in work.readings[each]) - _STEP)
            for each, (_, end) in printed.items()
            if end is not None
        }
        pages = {(each, who): count for each, (shares, _) in printed.items() for who, count in shares.items()}
        silent = await self._silent(period.start), await self._silent(period.end)
        return _counted(work, pages, *silent)

    # ---- questions

    async def _grid(self, period: Period) -> list[Series]:
        # The last step ends with the period; a reading from before it that the first one may see adds nothing.
        steps = math.ceil((period.end - period.start) / _STEP) - 1
        expression = f"last_over_time({self._series()}[{_STEP}s])"
        return await self._client.query_range(expression, period.end - steps * _STEP, period.end, _STEP)

    async def _find_bases(self, work: _Work) -> None:
        """Look for the last reading before the period, near it first, of each engine of which none is known."""
        for age in (_HOUR, *_LOOK_BACK):
            missing = work.readings.keys() - work.bases.keys()
            for more in [""] if age == _HOUR and missing else [more for more, _ in _batches(missing, _BATCH)]:
                expression = f"last_over_time({self._series(more)}[{age}s])"
                for one in await self._far(expression, work.period.start, age):
                    each = engine(one.labels, work.shared)
                    if each in missing:
                        known = work.bases.get(each, _Base(0, 0)).pages
                        work.bases[each] = _Base(max(one.value, known), work.period.start - age)

    async def _far(self, expression: str, at: float, age: float) -> list[Series]:
        """Return an answer; nothing where a store, a Mimir say, does not let one ask so far back."""
        try:
            return await self._client.query(expression, at)
        except RefusedError:
            if age < _LOOK_BACK[-1]:
                raise
            return []

    async def _suspects(self, work: _Work) -> set[Engine]:
        """Return the engines whose counter did not simply rise, or may not have."""
        window = f"[{work.period.seconds + _HOUR}s]"  # with the reading that the first one is held against
        fell = await self._client.query(f"resets({self._series()}{window}) > 0", work.period.end)
        astray = await self._client.query(
            f"max by (printer) (changes(printer_counter_anomalies_total{window})) > 0", work.period.end
        )
        printers = {tidy(one.labels.get("printer", "")) for one in astray}
        suspects = {engine(one.labels, work.shared) for one in fell} & work.readings.keys()
        for each, readings in work.readings.items():
            before = (work.bases[each].at, work.bases[each].pages) if each in work.bases else None
            if not is_steady(before, readings) or any(reading.who.printer in printers for reading in readings):
                suspects.add(each)
        return suspects

    async def _steady(self, work: _Work, engines: AbstractSet[Engine]) -> dict[Engine, Printed]:
        firsts: dict[Engine, float] = {}
        for more, _ in _batches(engines - work.bases.keys(), _BATCH):
            expression = f"min_over_time({self._series(more)}[{work.period.seconds}s])"
            for one in await self._client.query(expression, work.period.end):
                each = engine(one.labels, work.shared)
                firsts[each] = min(one.value, firsts.get(each, math.inf))
        before = firsts | {each: base.pages for each, base in work.bases.items()}
        return {each: steady(before[each], work.readings[each]) for each in engines if each in before}

    async def _unsteady(self, work: _Work, engines: AbstractSet[Engine]) -> dict[Engine, Printed]:
        printed: dict[Engine, Printed] = {}
        for more, batch in _batches(engines, _BATCH_RAW):
            for each, read in (await self._every_reading(work, more, batch)).items():
                before = _before(work.bases.get(each), work.period.start, read)
                printed[each] = unsteady(before, work.period.start, read)
        return printed

    async def _every_reading(self, work: _Work, more: str, engines: Iterable[Engine]) -> dict[Engine, list[Reading]]:
        """Return what these counters showed from an hour before the period on."""
        readings: dict[Engine, list[Reading]] = {each: [] for each in engines}
        start, end = work.period.start - _HOUR, work.period.end
        while end > start:
            window = math.ceil(min(_RAW, end - start))
            for one in await self._client.query(f"{self._series(more)}[{window}s]", end):
                readings.get(engine(one.labels, work.shared), []).extend(self._readings(one))
            end -= window
        return readings

    async def _silent(self, at: float) -> frozenset[str]:
        """Return the printers that last answered more than a day before: what they counted is shown on for a while."""
        answered = "max by (printer) (last_over_time(printer_last_success_timestamp_seconds[1d]))"
        series = await self._client.query(f"{answered} < {at - DAY:.3f}", at)
        return frozenset(tidy(one.labels.get("printer", "")) for one in series)

    # ---- answers

    def _sorted(self, period: Period, grid: Sequence[Series]) -> _Work:
        """Sort readings by engine, and put to each what its counter showed when the last period ended."""
        by_serial: dict[str, list[Reading]] = defaultdict(list)
        for one in grid:
            by_serial[one.labels.get("serial", "")].extend(self._readings(one))
        shared = frozenset(serial for serial, readings in by_serial.items() if is_shared(readings))
        readings: dict[Engine, list[Reading]] = defaultdict(list)
        for one in grid:
            readings[engine(one.labels, shared)].extend(self._readings(one))
        return _Work(period, readings, shared, {each: self._ends[each] for each in readings.keys() & self._ends})

    def _readings(self, series: Series) -> Iterator[Reading]:
        labels = {name: tidy(value) for name, value in series.labels.items()}
        who = Who(labels.get("printer", ""), labels.get("location", ""), labels.get(self._label, ""))
        source = f"{labels.get('instance')} {labels.get('job')} {who.printer}"
        return (Reading(at, pages, who, source) for at, pages in series.points)

    def _series(self, more: str = "") -> str:
        return f"printer_pages_total{{{','.join(filter(None, (self._selector, more)))}}}"


def one_of(label: str, values: Iterable[str]) -> str:
    """Return the matcher of a selector for these values of a label."""
    return f"{label}=~{json.dumps('|'.join(sorted(map(re.escape, values))), ensure_ascii=False)}"


def _batches(engines: Iterable[Engine], size: int) -> Iterator[tuple[str, list[Engine]]]:
    """Yield so many engines at a time, with a matcher that their series have."""
    for label, alike in groupby(
        sorted(engines, key=lambda each: (found_by(each), each)), lambda each: found_by(each)[0]
    ):
        while batch := list(islice(alike, size)):
            yield one_of(label, {found_by(each)[1] for each in batch}), batch


def _before(base: _Base | None, start: float, readings: Iterable[Reading]) -> Reading | None:
    """Return a reading from before the period, unless those at hand begin there."""
    if base is None or any(reading.at <= start for reading in readings):
        return None
    return Reading(base.at, base.pages, Who("", ""))


def _counted(work: _Work, pages: Pages, silent_before: AbstractSet[str], silent_at_end: AbstractSet[str]) -> Counted:
    before: dict[str, float] = defaultdict(float)
    last: dict[str, float] = defaultdict(float)
    for each, readings in work.readings.items():
        base = work.bases[each].at if each in work.bases else 0.0
        end = max(reading.at for reading in readings)
        for name in {reading.who.printer for reading in readings}:
            before[name] = max(before[name], base)
            last[name] = max(last[name], end)
    period = work.period
    return Counted(
        period,
        pages,
        frozenset({each.key for each in work.bases} | {name for name in last if before[name]}),
        frozenset(name for name in last if not before[name]),
        frozenset(name for name in last if 0 < before[name] < period.start - DAY) | (silent_before & last.keys()),
        frozenset(name for name, at in last.items() if at <= period.end - DAY) | (silent_at_end & last.keys()),
    )
