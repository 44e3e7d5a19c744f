"""A printer as we understand it: its structure, and the snapshot that one poll made of it."""

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from exporter.config import Thresholds


@dataclass(frozen=True, slots=True)
class Identity:
    """Who answered; each "" when the device does not tell."""

    vendor: str = ""
    model: str = ""
    serial: str = ""
    firmware: str = ""
    hostname: str = ""


class Level(Enum):
    """What a level says (RFC 3805, prtMarkerSuppliesLevel); LOW, nearly empty, is a maker's own word."""

    KNOWN = "known"
    SOME = "some"
    UNRESTRICTED = "unrestricted"
    LOW = "low"
    EMPTY = "empty"
    UNKNOWN = "unknown"
    IMPLAUSIBLE = "implausible"


@dataclass(frozen=True, slots=True)
class Term:
    """Where a number stands: an instance, or a record within the octets of one."""

    oid: str
    record: int | None = None


@dataclass(frozen=True, slots=True)
class MakersLevel:
    """Where a maker keeps a level of its own: the object's name, what a full supply has, what other numbers say."""

    name: str
    term: Term
    full: int
    codes: tuple[tuple[int, Level], ...] = ()


Count: TypeAlias = tuple[Term, ...]
"""A count is the sum of its terms; one without terms is not offered."""


@dataclass(frozen=True, slots=True)
class CounterRows:
    """Where a maker's counters stand; `functions` as in `Counters`."""

    functions: tuple[tuple[str, str, Count], ...] = ()
    scans: Count = ()
    duplex: Count = ()
    large: Count = ()


@dataclass(frozen=True, slots=True)
class Counters:
    """Pages as the maker counts them; None where it does not.

    `functions` are the cells (function, color, pages) of one partition: no page is in two of them. "all" stands where
    the maker does not split, and never beside a part of what it spans. The others count apart from it.
    """

    functions: tuple[tuple[str, str, int], ...] = ()
    scans: int | None = None
    duplex: int | None = None
    large: int | None = None


@dataclass(frozen=True, slots=True)
class SupplyRow:
    """What does not move of a row of prtMarkerSuppliesTable; `row` is its prtMarkerSuppliesIndex."""

    row: int
    supply: str
    kind: str
    color: str
    description: str
    part: str
    unit: str
    inverted: bool
    thresholds: Thresholds
    overridden: bool
    level_oid: str
    capacity_oid: str
    makers_level: MakersLevel | None = None
    cartridge: str = ""
    """The serial number of what is installed."""

    @property
    def makers_oid(self) -> str:
        """The instance that holds the maker's level; "" where there is none."""
        return self.makers_level.term.oid if self.makers_level else ""


@dataclass(frozen=True, slots=True)
class TrayRow:
    """What does not move of a row of prtInputTable; capacity in the row's unit, None when not given."""

    row: int
    tray: str
    kind: str
    capacity: int | None
    in_sheets: bool
    level_oid: str
    media_oid: str


@dataclass(frozen=True, slots=True)
class BinRow:
    """What does not move of a row of prtOutputTable."""

    bin: str
    capacity: int
    remaining_oid: str


@dataclass(frozen=True, slots=True)
class CoverRow:
    """What does not move of a row of prtCoverTable."""

    cover: str
    status_oid: str


@dataclass(frozen=True, slots=True)
class Structure:
    """What a printer is made of, the volatile instances (OIDs) to ask it for, and those that tell of a change.

    OIDs are "" where the device has no such object.
    """

    identity: Identity
    charset: int
    supplies: tuple[SupplyRow, ...]
    trays: tuple[TrayRow, ...]
    bins: tuple[BinRow, ...]
    covers: tuple[CoverRow, ...]
    pages_oid: str
    pages_unit: str
    state_oid: str
    errors_oid: str
    watched: tuple[str, ...]
    volatile: tuple[str, ...]
    counters: CounterRows = CounterRows()
    foreign: frozenset[int] = frozenset()
    """The hrDeviceIndex of other printers that the agent has."""


@dataclass(frozen=True, slots=True)
class Supply:
    """A consumable or receptacle; `ratio` is the remaining share 0-1, for KNOWN only.

    `level` and `capacity` are the device's numbers in the row's unit, None when negative or absent. `source` names the
    maker's object that told `says` and `ratio`; "" is the standard's.
    """

    row: SupplyRow
    says: Level
    ratio: float | None
    level: int | None
    capacity: int | None
    source: str = ""


@dataclass(frozen=True, slots=True)
class Tray:
    """An input tray; `level` in the row's unit, None when the device does not know."""

    row: TrayRow
    media: str
    level: int | None
    ratio: float | None


@dataclass(frozen=True, slots=True)
class Bin:
    """An output bin; `ratio` is the room left, 0-1."""

    bin: str
    ratio: float


@dataclass(frozen=True, slots=True)
class Alert:
    """A row of prtAlertTable; `level` is critical, warning or information, `row` the sub-unit's index or None."""

    level: str
    code: str
    group: str
    training: str
    description: str
    row: int | None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The immutable result of polling one printer once; None where the device has no such object."""

    identity: Identity
    supplies: tuple[Supply, ...]
    trays: tuple[Tray, ...]
    bins: tuple[Bin, ...]
    covers: tuple[tuple[str, bool], ...]
    alerts: tuple[Alert, ...]
    errors: frozenset[str] | None
    state: str | None
    pages: int | None
    pages_unit: str
    counters: Counters = Counters()
    asleep: bool = False
    """Whether the printer says so in its alert table; many sleep without a word."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a poll gave no snapshot; `reason` is a label, `detail` a sentence for a person."""

    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Poll:
    """The outcome of one poll and what it cost; `at` is when it ended, in Unix seconds.

    `faults` counts answers that were cut off or could not be read. `context` is the one where the printer was
    found, when it is not that of the credentials.
    """

    result: Snapshot | Failure
    at: float
    duration: float
    requests: int
    address: str
    version: str
    faults: int = 0
    context: str = ""
    uptime: float | None = None
    """Seconds since the agent started (sysUpTime, wraps at 497 days); None where it does not say."""
