"""What we know of one printer between its polls: a pure state machine, fed with the outcome of each."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, tzinfo
from types import MappingProxyType
from typing import Any, Final, Generic, TypeAlias, TypeVar

from exporter.printers import lifecycle
from exporter.printers.lifecycle import Doubt, Happening, Life, Tally
from exporter.printers.model import Counters, Failure, Level, Poll, Snapshot, Supply
from exporter.printers.status import Severity, supply_statuses, without_ghosts, witness_status

T = TypeVar("T")
CounterName: TypeAlias = tuple[str, str]
"""Function and color, or the name of a counter apart from them and ""."""

FAILURE_REASONS = ("timeout", "refused", "resolve", "auth", "protocol", "deadline", "internal")
NO_LIVES: Final[Mapping[str, Life]] = MappingProxyType({})
MOMENTARY: Final[Mapping[str, Any]] = MappingProxyType(
    {"bins": (), "covers": (), "alerts": (), "errors": None, "state": None, "asleep": False}
)
"""The fields of a snapshot that are true of the moment only, and what they are when that is over."""
# What is a level to hold: the share that is left, or a maker's word that it is nearly nothing.
_TOLD = frozenset({Level.KNOWN, Level.LOW})
_APART = ("scans", "duplex", "large")
_WRAP = 2**32 / 100
_BOOT_TOLERANCE = 60.0
# A clock that drifts over 497 days may place the boot minutes off after sysUpTime wrapped.
_WRAP_TOLERANCE = 900.0
# Polls are not so far apart: the clock was set, as on a machine that starts in 1970.
_CLOCK_SET = 365 * 86_400.0


@dataclass(frozen=True, slots=True)
class Since(Generic[T]):
    """A status and when it began, in Unix seconds."""

    status: T
    at: float


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of a printer; everything None or empty before its first poll ends.

    `poll`, `polls`, `faults` and `failures` are those of this process; the rest survives a restart.
    """

    snapshot: Snapshot | None = None
    poll: Poll | None = None
    address: str = ""
    """Where it was last asked, "" before its name was resolved."""
    status: Since[str] | None = None
    supplies: Mapping[str, Since[Severity]] = field(default_factory=dict)
    excused: bool = False
    failures_in_row: int = 0
    levels_known: Mapping[str, float] = field(default_factory=dict)
    """When each supply of which an earlier level is held last told it, in Unix seconds."""
    silence: float = 0.0
    """Seconds without an answer, those excused left out."""
    last_success: float | None = None
    boot: float | None = None
    serial: str = ""
    """The last serial number heard that tells printers apart, however long ago."""
    identity_changed: float | None = None
    life: Life = field(default_factory=Life)
    """Of the engine that last answered."""
    tally: Tally | None = None
    """What was counted of that engine behind this name; None before it answered."""
    doubts: Mapping[CounterName, Doubt] = field(default_factory=dict)
    """Of the maker's counters; forgotten with a restart."""
    happened: tuple[Happening, ...] = ()
    """With the last poll."""
    polls: int = 0
    faults: int = 0
    failures: Mapping[str, int] = field(default_factory=dict)

    @property
    def up(self) -> bool | None:
        """Whether the last finished poll was answered; None before the first."""
        return isinstance(self.poll.result, Snapshot) if self.poll else None

    @property
    def heard(self) -> Snapshot | None:
        """What the printer said in the last poll, before anything was held; None when it was silent."""
        return self.poll.result if self.poll and isinstance(self.poll.result, Snapshot) else None


def after_poll(
    record: Record,
    poll: Poll,
    *,
    excused: bool,
    offline_after: int,
    retain: float,
    zone: tzinfo = UTC,
    lives: Mapping[str, Life] = NO_LIVES,
) -> Record:
    """Return the record that a finished poll leads to.

    `excused` tells whether silence is expected now, `zone` is that of the months, and `lives` are those of all engines
    known, by serial number.
    """
    if isinstance(poll.result, Snapshot):
        return _answered(record, poll, poll.result, excused=excused, retain=retain, zone=zone, lives=lives)
    return _failed(record, poll, poll.result, excused=excused, offline_after=offline_after, retain=retain)


def _answered(
    record: Record,
    poll: Poll,
    snapshot: Snapshot,
    *,
    excused: bool,
    retain: float,
    zone: tzinfo,
    lives: Mapping[str, Life],
) -> Record:
    told = snapshot.identity.serial
    serial = told if lifecycle.is_distinct(told) else record.serial
    is_other = bool(record.serial) and serial != record.serial
    levels_known = {} if is_other else _levels_known(record, snapshot, poll.at, retain)
    before, tally = _life_of(record, serial, snapshot, poll.at, lives)
    heard = record.heard if before is record.life else None
    life, tally, happened = lifecycle.after_poll(before, tally, snapshot, poll.at, zone, before=heard)
    held, doubts = _shown(record, snapshot, levels_known, life, poll.at - before.pages_at)
    status, supplies = _statuses(record, held, poll.at)
    return replace(
        record,
        snapshot=held,
        poll=poll,
        address=poll.address or record.address,
        status=status,
        supplies=supplies,
        levels_known=levels_known,
        excused=excused,
        failures_in_row=0,
        silence=0.0,
        last_success=poll.at,
        boot=boot_time(record.boot, poll.uptime, poll.at),
        serial=serial,
        identity_changed=poll.at if is_other else record.identity_changed,
        life=life,
        tally=tally,
        doubts=doubts,
        happened=happened,
        polls=record.polls + 1,
        faults=record.faults + poll.faults,
    )


def _shown(
    record: Record, now: Snapshot, levels_known: Mapping[str, float], life: Life, elapsed: float
) -> tuple[Snapshot, Mapping[CounterName, Doubt]]:
    """Put what is held of earlier answers in place of what cannot be believed of this one."""
    is_as_before = now is record.heard and (life.pages, life.filled) == (record.life.pages, record.life.filled)
    if is_as_before and record.snapshot and not (record.doubts or record.levels_known or levels_known):
        return record.snapshot, {}
    held = hold_pages(hold_levels(record.snapshot, now, levels_known), life)
    held, doubts = hold_counters(record.snapshot, held, record.doubts, elapsed)
    return without_ghosts(held, life.filled), doubts


def _failed(
    record: Record, poll: Poll, failure: Failure, *, excused: bool, offline_after: int, retain: float
) -> Record:
    failures = dict(record.failures)
    failures[failure.reason] = failures.get(failure.reason, 0) + 1
    in_row = record.failures_in_row if excused else record.failures_in_row + 1
    before = record.poll.at if record.poll else poll.at
    elapsed = poll.at - before
    silence = record.silence if excused or not 0 <= elapsed < _CLOCK_SET else record.silence + elapsed
    expired = silence > retain
    status = _silent_status(record, in_row >= offline_after, excused=excused)
    known = None if expired else record.snapshot
    return replace(
        record,
        snapshot=lasting(known) if known and status == "offline" else known,
        poll=poll,
        address=poll.address or record.address,
        happened=(),
        status=_since(record.status, status, poll.at),
        supplies={} if expired else record.supplies,
        excused=excused,
        failures_in_row=in_row,
        silence=silence,
        polls=record.polls + 1,
        faults=record.faults + poll.faults,
        failures=failures,
    )


def _silent_status(record: Record, is_offline: bool, *, excused: bool) -> str:
    """Keep what the printer last said until it is offline; in a window, nothing can be said of a silent one."""
    if excused:
        return "unknown"
    if is_offline:
        return "offline"
    if record.status and record.status.status != "unknown":
        return record.status.status
    return "unknown"


def lasting(snapshot: Snapshot) -> Snapshot:
    """Drop what was true of the moment only; it must not come back when an expected_off window begins."""
    return replace(snapshot, **MOMENTARY)


def _since(before: Since[T] | None, status: T, at: float) -> Since[T]:
    return before if before and before.status == status else Since(status, at)


def _statuses(record: Record, now: Snapshot, at: float) -> tuple[Since[str], Mapping[str, Since[Severity]]]:
    """Return the status of the printer and of its supplies, judged anew when something that they rest on has moved."""
    before = record.snapshot
    if record.up and before and record.status and _witnesses(before) == _witnesses(now):
        return record.status, record.supplies
    found = supply_statuses(now)
    status = witness_status(now, found).name.lower()
    return _since(record.status, status, at), _supplies_since(record.supplies, found, at)


def _witnesses(snapshot: Snapshot) -> tuple[object, ...]:
    return snapshot.supplies, snapshot.alerts, snapshot.errors


def _supplies_since(
    before: Mapping[str, Since[Severity]], statuses: Mapping[str, Severity | None], at: float
) -> dict[str, Since[Severity]]:
    return {label: _since(before.get(label), status, at) for label, status in statuses.items() if status is not None}


def _life_of(
    record: Record, serial: str, snapshot: Snapshot, at: float, lives: Mapping[str, Life]
) -> tuple[Life, Tally | None]:
    """Return the life of the engine that answers, and what was counted of it behind this name so far."""
    known = lives.get(serial)
    fitting = known if known and lifecycle.fits(known, snapshot, at) else None
    if serial != record.serial:
        return (fitting, None) if fitting else (Life(), None) if record.serial else (record.life, record.tally)
    if not record.up and fitting and fitting.pages_at >= record.life.pages_at:
        return fitting, record.tally  # it answered behind another name meanwhile
    return (record.life, record.tally) if _is_own(record) else (Life(), None)


def _is_own(record: Record) -> bool:
    """Tell a printer's life from that of another with the same serial number, which the state may hold in its place."""
    return not record.serial or record.snapshot is None or record.snapshot.pages in {None, record.life.pages}


def _levels_known(record: Record, now: Snapshot, at: float, retain: float) -> dict[str, float]:
    """Return when each supply that does not tell its level now last did, for those that did within `retain` seconds."""
    if record.heard and record.heard.supplies is now.supplies and not record.levels_known:
        return {}
    silent = [supply.row.supply for supply in now.supplies if supply.says not in _TOLD]
    if not silent or record.snapshot is None or record.last_success is None:
        return {}
    told = {supply.row.supply for supply in record.snapshot.supplies if supply.says in _TOLD}
    moments = {label: record.levels_known.get(label, record.last_success) for label in silent if label in told}
    return {label: moment for label, moment in moments.items() if at - moment <= retain}


def hold_levels(before: Snapshot | None, now: Snapshot, labels: Collection[str]) -> Snapshot:
    """Put the last known level where a printer says "unknown" of the same supply, as many do while they sleep.

    So it is where the maker's object told a level and now only the standard's answers, which knows that some is left.
    `labels` are the supplies whose last known level may still be held.
    """
    if not labels or before is None:
        return now
    known = {supply.row.supply: supply for supply in before.supplies if supply.row.supply in labels}
    supplies = tuple(_held(supply, known.get(supply.row.supply)) for supply in now.supplies)
    return replace(now, supplies=before.supplies if supplies == before.supplies else supplies)


def _held(supply: Supply, known: Supply | None) -> Supply:
    if known is None or not (supply.says is Level.UNKNOWN or _is_makers_silent(supply, known)):
        return supply
    if known.row is supply.row:
        return known
    same = (known.row.description, known.row.inverted) == (supply.row.description, supply.row.inverted)
    return replace(known, row=supply.row) if same else supply


def _is_makers_silent(supply: Supply, known: Supply) -> bool:
    return supply.says is Level.SOME and bool(known.source) and not supply.source


def hold_pages(now: Snapshot, life: Life) -> Snapshot:
    """Put the last reading of the page counter that was believed."""
    return now if now.pages in {None, life.pages} else replace(now, pages=life.pages)


def hold_counters(
    before: Snapshot | None, now: Snapshot, doubts: Mapping[CounterName, Doubt], elapsed: float
) -> tuple[Snapshot, dict[CounterName, Doubt]]:
    """Put the last readings of the maker's counters that were believed, by the rules of the page counter.

    `elapsed` are the seconds since they were read.
    """
    if before is None or before.identity.serial != now.identity.serial:
        return now, {}
    if before.counters is now.counters:
        return now, {}
    believed, told, most = _readings(before.counters), _readings(now.counters), lifecycle.most_pages(elapsed)
    found = {
        name: lifecycle.doubt_of(told[name], believed[name], doubts.get(name), most)
        for name in told.keys() & believed.keys()
    }
    doubted = {name: doubt for name, doubt in found.items() if doubt}
    if not doubted:
        return now, {}
    shown = {name: believed[name] if name in doubted else reading for name, reading in told.items()}
    functions = tuple((function, color, shown[function, color]) for function, color, _ in now.counters.functions)
    apart = {name: shown.get((name, "")) for name in _APART}
    return replace(now, counters=Counters(functions, **apart)), doubted


def _readings(counters: Counters) -> dict[CounterName, int]:
    apart = {(name, ""): getattr(counters, name) for name in _APART}
    return {
        **{(function, color): pages for function, color, pages in counters.functions},
        **{name: count for name, count in apart.items() if count is not None},
    }


def boot_time(before: float | None, uptime: float | None, at: float) -> float | None:
    """Return when the agent started, in Unix seconds.

    It moves only by more than a minute, and a wrap of sysUpTime (after 497 days, RFC 3418) is no start.
    """
    if uptime is None:
        return before
    boot = at - uptime
    if before is None:
        return boot
    if abs(boot - before) <= _BOOT_TOLERANCE:
        return before
    wraps = round((boot - before) / _WRAP)
    is_wrap = wraps > 0 and abs(boot - before - wraps * _WRAP) <= _WRAP_TOLERANCE
    return before if is_wrap else boot
