"""What happens to a printer over the years: cartridges, pages by month, jams, alerts. Pure: the moment is a parameter.

A `Life` is what is known of one engine, and follows its serial number. A `Tally` is what is counted behind one name;
it begins anew when another engine answers there, so that no counter rises by what happened elsewhere.
"""

import functools
from collections import Counter
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo
from typing import NamedTuple, TypeVar

from exporter.printers.model import Level, Snapshot, Supply, SupplyRow
from exporter.printers.names import ALERT_GROUPS, GROUP_MARKER_SUPPLIES

N = TypeVar("N", int, float)

MAX_EVENT_KINDS = 50
"""Kinds of alert rows counted for one printer; what comes after them is counted as "other"."""
MONTHS_KEPT = 13
MAX_SUPPLIES = 64
"""Supplies remembered of one printer, those that vanished included: a hostile one may rename them for ever."""

# Levels rise a little by themselves, and a device that tells tens comes and goes between two of them.
_TOLERANCE = 0.10
# A replacement does not show at once in all that a device tells: a level may settle for minutes, and descriptions are
# read once an hour.
_LEVEL_SETTLES = 600.0
_DESCRIPTION_SETTLES = 7200.0
# While one of these bits stands, a level of 0 may be that of a cartridge that somebody holds in his hand.
_OUT_BITS = frozenset({"marker_supply_missing", "door_open"})
_OUT_CODES = frozenset({"subunitMissing", "subunitRemoved", "markerTonerCartridgeMissing"})
_SUPPLY_GROUP = ALERT_GROUPS[GROUP_MARKER_SUPPLIES]

# Local times differ by multiples of this many seconds: no month begins in between.
_SHORTEST_OFFSET = 900.0

# No office engine prints faster; a minute more, since a reading is older than its poll's end and clocks are set.
_PAGES_A_SECOND = 200 / 60
_ELAPSED_MARGIN = 60.0
# HP stores the counter every ten pages, and loses up to nine with the power.
_STEP_BACK = 10
_POLLS_HELD = 3

# prtAlertCode: jam; of an input tray, an output, the media path (PWG 5107.3); of each finisher (RFC 3806).
_JAM_CODES = frozenset({"jam", "815", "906", "1306", "1312", "1322"}) | {str(code) for code in range(30208, 31900, 100)}


@dataclass(frozen=True, slots=True)
class SupplyLife:
    """What is known of one supply; levels are remaining shares, times are Unix seconds."""

    tracked: float = 0.0
    """When it was first seen."""
    installed: float | None = None
    """When a replacement was last witnessed."""
    lowest: float | None = None
    """The lowest level since then; None where none was told."""
    measure: str = ""
    """What the level is one of: shares of different measures cannot be compared."""
    part: str = ""
    cartridge: str = ""
    doubted: bool = False
    """The last level was 0 all of a sudden, which the next has to confirm."""

    @property
    def tracked_since(self) -> float:
        """The later of first seen and installed."""
        return max(self.tracked, self.installed or 0.0)


@dataclass(frozen=True, slots=True)
class Doubt:
    """Readings of the page counter that are not believed yet: the first, the last, and in how many polls."""

    first: int
    last: int
    polls: int = 1


@dataclass(frozen=True, slots=True)
class Life:
    """What is known of one engine."""

    supplies: Mapping[str, SupplyLife] = field(default_factory=dict)
    pages: int | None = None
    """The last reading of the page counter that was believed."""
    pages_unit: str = ""
    pages_at: float = 0.0
    """When the counter was last read, believed or not, in Unix seconds."""
    doubt: Doubt | None = None
    months: Mapping[str, int] = field(default_factory=dict)
    """Pages by month (`2026-10`), of those in which the counter was read; the newest MONTHS_KEPT."""
    month: str = ""
    """In which the counter was last read."""
    alerts: tuple[tuple[str, str, str, int], ...] = ()
    """The rows of the alert table at the last answer: level, code, group and sub-unit."""
    jammed: bool = False
    filled: tuple[str, ...] = ()
    """The supplies that were not empty once; the newest MAX_SUPPLIES."""

    @property
    def recent_months(self) -> dict[str, int]:
        """Pages of the month in which the counter was last read, and of the twelve before."""
        if not self.month:
            return {}
        oldest = f"{int(self.month[:4]) - 1:04}{self.month[4:]}"
        return {month: pages for month, pages in sorted(self.months.items()) if oldest <= month <= self.month}


@dataclass(frozen=True, slots=True)
class AlertCount:
    """Rows of one kind that appeared."""

    level: str
    code: str
    group: str
    count: int = 0
    held: int = 0
    """Rows that made the kind known; they count with the next answer, since a rise from nothing is not seen."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What was counted of one engine behind one name; supplies by label."""

    used: Mapping[str, float] = field(default_factory=dict)
    """Consumption in cartridges."""
    replaced: Mapping[str, int] = field(default_factory=dict)
    jams: int = 0
    anomalies: int = 0
    alerts: tuple[AlertCount, ...] = ()


class Happening(NamedTuple):
    """Something worth a line in a printer's history: what, and from what to what."""

    what: str
    before: str | None = None
    after: str | None = None


class Outcome(NamedTuple):
    """What a poll leads to."""

    life: Life
    tally: Tally
    happened: tuple[Happening, ...]


class _Step(NamedTuple):
    """What one reading of a supply leads to."""

    life: SupplyLife
    used: float = 0.0
    replaced: bool = False


def after_poll(
    life: Life, tally: Tally | None, snapshot: Snapshot, at: float, zone: tzinfo, *, before: Snapshot | None = None
) -> Outcome:
    """Return what an answer leads to; `zone` is that of the months.

    `tally` is None at the first answer of this engine behind its name: what stands then did not begin before our eyes.
    `before` is the answer that led to this life, if any: what is the same object in both leads nowhere new.
    """
    is_first, tally = tally is None, tally or Tally()
    heard = before if before and (before.alerts, before.errors) == (snapshot.alerts, snapshot.errors) else None
    life, tally, replaced = _after_supplies(life, tally, snapshot, at, heard)
    life, tally, strange = _after_pages(life, tally, snapshot, at, zone)
    jam: tuple[Happening, ...] = ()
    if heard is None or any(kind.held for kind in tally.alerts):
        life, tally, jam = _after_alerts(life, tally, snapshot, is_first=is_first)
    return Outcome(life, _from_zero(tally) if is_first else tally, (*replaced, *strange, *jam))


def _from_zero(tally: Tally) -> Tally:
    """Return the tally of a first answer: what led there did not happen behind this name."""
    return replace(tally, used=dict.fromkeys(tally.used, 0.0), replaced=dict.fromkeys(tally.replaced, 0), anomalies=0)


@functools.lru_cache(maxsize=4096)
def is_distinct(serial: str) -> bool:
    """Tell whether a serial number tells printers apart: "", "unknown" and "0000000000" do not."""
    return any(char.isdigit() for char in serial) and len(set(serial)) > 1


def fits(life: Life, snapshot: Snapshot, at: float) -> bool:
    """Tell whether an answer can come from the engine of this life, and not from one with the same serial number."""
    if life.pages is None or snapshot.pages is None or life.pages_unit != snapshot.pages_unit:
        return True
    return -_STEP_BACK <= snapshot.pages - life.pages <= most_pages(at - life.pages_at)


def merged(ours: Life, theirs: Life) -> Life:
    """Return our life with the months that only another program knows of."""
    months = {**theirs.months, **ours.months}
    return ours if months == ours.months else replace(ours, months=_newest(months))


# ---- supplies


def _after_supplies(
    life: Life, tally: Tally, snapshot: Snapshot, at: float, heard: Snapshot | None
) -> tuple[Life, Tally, tuple[Happening, ...]]:
    """Take a step with each supply; those that are as they were `heard` stand where they are."""
    if heard and heard.supplies is snapshot.supplies and not any(known.doubted for known in life.supplies.values()):
        return life, tally, ()
    heard_of = set(map(id, heard.supplies)) if heard else set()
    moved = [supply for supply in snapshot.supplies if id(supply) not in heard_of or _is_doubted(life, supply)]
    if not moved:
        return life, tally, ()
    steps = {supply.row.supply: step for supply in moved if (step := _step(life, supply, snapshot, at))}
    labels = [supply.row.supply for supply in snapshot.supplies]
    there = {label: life.supplies[label] for label in labels if label in life.supplies}
    now = there | {label: step.life for label, step in steps.items()}
    known = _with_vanished(life.supplies, now)
    used = {label: step.used for label, step in steps.items() if step.life.lowest is not None}
    replaced = {label: int(step.replaced) for label, step in steps.items()}
    tally = replace(tally, used=_summed(tally.used, used, known), replaced=_summed(tally.replaced, replaced, known))
    happened = tuple(
        Happening(f"replaced {label}", _percent(life.supplies[label].lowest), _percent(step.life.lowest))
        for label, step in steps.items()
        if step.replaced
    )
    return replace(life, supplies=known, filled=_filled(life, moved)), tally, happened


def _is_doubted(life: Life, supply: Supply) -> bool:
    known = life.supplies.get(supply.row.supply)
    return known is not None and known.doubted


def _filled(life: Life, supplies: Iterable[Supply]) -> tuple[str, ...]:
    found = [supply.row.supply for supply in supplies if _has_some(supply)]
    if set(life.filled).issuperset(found):
        return life.filled
    return tuple(dict.fromkeys((*life.filled, *found)))[-MAX_SUPPLIES:]


def _has_some(supply: Supply) -> bool:
    return bool(supply.ratio or supply.level) or supply.says in {Level.SOME, Level.LOW}


def _summed(before: Mapping[str, N], added: Mapping[str, N], known: Container[str]) -> dict[str, N]:
    sums = {label: before[label] + more if label in before else more for label, more in added.items()}
    return {label: count for label, count in {**before, **sums}.items() if label in known}


def _with_vanished(before: Mapping[str, SupplyLife], now: Mapping[str, SupplyLife]) -> dict[str, SupplyLife]:
    """Remember supplies that are not there for now; when there are too many, those longest gone are forgotten."""
    vanished = [label for label in before if label not in now]
    kept = vanished[max(0, len(vanished) + len(now) - MAX_SUPPLIES) :]
    return {**{label: before[label] for label in kept}, **now}


def _level(supply: Supply, snapshot: Snapshot) -> float | None:
    """Return the level that a device tells, None where it tells none or may mean a cartridge that is not in."""
    return None if supply.ratio == 0 and _may_be_out(supply.row.row, snapshot) else supply.ratio


def _may_be_out(row: int, snapshot: Snapshot) -> bool:
    return bool(_OUT_BITS & (snapshot.errors or frozenset())) or any(
        alert.code in _OUT_CODES and alert.group == _SUPPLY_GROUP and alert.row in {row, None}
        for alert in snapshot.alerts
    )


def _step(life: Life, supply: Supply, snapshot: Snapshot, at: float) -> _Step | None:
    """Return what a reading leads to; None while nothing can be witnessed of the supply."""
    row, level = supply.row, _level(supply, snapshot)
    before = life.supplies.get(row.supply)
    if before is None and level is None and not row.cartridge:
        return None
    before = before or SupplyLife(tracked=at)
    measure = " ".join(filter(None, (str(row.row), "inverted" if row.inverted else "", supply.source)))
    now = _described(before, row)
    is_another = _is_another(before, row)
    if is_another and not _is_recent(before.installed, at, _DESCRIPTION_SETTLES):
        return _Step(replace(now, installed=at, lowest=level, measure=measure, doubted=False), replaced=True)
    if level is None:
        return _Step(now)
    if before.lowest is None or before.measure != measure:
        return _Step(replace(now, lowest=level, measure=measure, doubted=False))
    settles = is_another or _is_recent(before.installed, at, _LEVEL_SETTLES)
    return _level_step(now, before.lowest, level, at, settles=settles)


def _level_step(now: SupplyLife, lowest: float, level: float, at: float, *, settles: bool) -> _Step:
    """Hold a level against the lowest; while a replacement `settles`, a fall may be the old cartridge put back."""
    fell = round(lowest - level, 9)
    if fell < -_TOLERANCE:
        is_new = not _is_recent(now.installed, at, _LEVEL_SETTLES)
        installed = at if is_new else now.installed
        return _Step(replace(now, installed=installed, lowest=level, doubted=False), replaced=is_new)
    if fell > _TOLERANCE and level == 0 and not now.doubted:
        return _Step(replace(now, doubted=True))
    if fell <= 0:
        return _Step(replace(now, doubted=False) if now.doubted else now)
    used = 0.0 if settles and fell > _TOLERANCE else fell
    return _Step(replace(now, lowest=level, doubted=False), used=used)


def _described(before: SupplyLife, row: SupplyRow) -> SupplyLife:
    part, cartridge = row.part or before.part, row.cartridge or before.cartridge
    is_known = (part, cartridge) == (before.part, before.cartridge)
    return before if is_known else replace(before, part=part, cartridge=cartridge)


def _is_another(before: SupplyLife, row: SupplyRow) -> bool:
    """Tell whether a description names another cartridge; one that names none says nothing."""
    pairs = ((before.part, row.part), (before.cartridge, row.cartridge))
    return any(then and now and then != now for then, now in pairs)


def _is_recent(moment: float | None, at: float, limit: float) -> bool:
    return moment is not None and 0 <= at - moment <= limit


def _percent(level: float | None) -> str | None:
    return None if level is None else f"{level:.0%}"


# ---- pages


def _after_pages(
    life: Life, tally: Tally, snapshot: Snapshot, at: float, zone: tzinfo
) -> tuple[Life, Tally, tuple[Happening, ...]]:
    reading = snapshot.pages
    if reading is None:
        return life, tally, ()
    month = _month(at // _SHORTEST_OFFSET * _SHORTEST_OFFSET, zone)
    if (reading, snapshot.pages_unit, month, None) == (life.pages, life.pages_unit, life.month, life.doubt):
        return replace(life, pages_at=at), tally, ()
    now = replace(life, pages_at=at, month=month)
    if life.pages is None or life.pages_unit != snapshot.pages_unit:
        return _believed(replace(now, pages_unit=snapshot.pages_unit), reading, 0), tally, ()
    most = most_pages(at - life.pages_at)
    doubt = doubt_of(reading, life.pages, life.doubt, most)
    if doubt is None:
        first = life.doubt.first if life.doubt and not 0 <= reading - life.pages <= most else life.pages
        return _believed(now, reading, reading - first), tally, ()
    if doubt.polls > 1:
        return replace(now, doubt=doubt), tally, ()
    strange = Happening("pages", str(life.pages), str(reading))
    return replace(now, doubt=doubt), replace(tally, anomalies=tally.anomalies + 1), (strange,)


@functools.lru_cache(maxsize=64)
def _month(at: float, zone: tzinfo) -> str:
    return f"{datetime.fromtimestamp(at, zone):%Y-%m}"


def doubt_of(reading: int, believed: int, doubt: Doubt | None, most: float) -> Doubt | None:
    """Return what is doubted of a counter by its next reading, None when that is to be believed.

    A reading that went down, or up by more than `most`, is doubted for some polls, a small step back until the counter
    has caught up: a lower number would look like a counter that began at 0 again, and the whole of it like an increase.
    """
    if 0 <= reading - believed <= most:
        return None
    if doubt is None or not 0 <= reading - doubt.last <= most:
        return Doubt(reading, reading)
    if doubt.polls < _POLLS_HELD or 0 < believed - reading <= _STEP_BACK:
        return Doubt(doubt.first, reading, doubt.polls + 1)
    return None


def _believed(life: Life, reading: int, printed: int) -> Life:
    months = {**life.months, life.month: life.months.get(life.month, 0) + printed}
    return replace(life, pages=reading, doubt=None, months=_newest(months))


def _newest(months: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(months.items())[-MONTHS_KEPT:])


def most_pages(elapsed: float) -> float:
    """Return how many pages an engine can print in so many seconds, with a margin."""
    return (max(0.0, elapsed) + _ELAPSED_MARGIN) * _PAGES_A_SECOND


# ---- alerts


def _after_alerts(
    life: Life, tally: Tally, snapshot: Snapshot, *, is_first: bool
) -> tuple[Life, Tally, tuple[Happening, ...]]:
    rows = tuple(sorted((alert.level, alert.code, alert.group, alert.row or 0) for alert in snapshot.alerts))
    appeared = Counter[tuple[str, str, str]]()
    for (level, code, group, _), count in (Counter(rows) - Counter(life.alerts)).items():
        appeared[level, code, group] += 0 if is_first else count
    # The door that is opened for it hides a jam on some printers: it is over when neither is seen.
    jammed = _shows_jam(snapshot) or (life.jammed and "door_open" in (snapshot.errors or ()))
    began = jammed and not life.jammed and not is_first
    tally = replace(tally, jams=tally.jams + began, alerts=_counted(tally.alerts, appeared))
    return replace(life, alerts=rows, jammed=jammed), tally, (Happening("jam"),) if began else ()


def _shows_jam(snapshot: Snapshot) -> bool:
    return "jammed" in (snapshot.errors or ()) or any(alert.code in _JAM_CODES for alert in snapshot.alerts)


def _counted(before: Iterable[AlertCount], appeared: Mapping[tuple[str, str, str], int]) -> tuple[AlertCount, ...]:
    counts = {(each.level, each.code, each.group): each.count + each.held for each in before}
    held: dict[tuple[str, str, str], int] = {}
    for kind, count in appeared.items():
        is_known = kind in counts or len(counts) + len(held) < MAX_EVENT_KINDS
        counted_as = kind if is_known else (kind[0], "other", "other")
        counted = counts if counted_as in counts else held
        counted[counted_as] = counted.get(counted_as, 0) + count
    known = (AlertCount(*kind, count) for kind, count in counts.items())
    return (*known, *(AlertCount(*kind, held=count) for kind, count in held.items()))
