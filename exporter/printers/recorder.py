"""All that an agent says, kept: for an explanation, and walked further for a recording that tests can replay."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from exporter.printers.anonymise import HARDWARE_ADDRESS, is_address
from exporter.snmp.client import Client
from exporter.snmp.errors import SnmpError
from exporter.snmp.session import SYS_UPTIME, Row, Session, Target, Value, Walk

# Bounds on what is walked of a maker's private objects: rows in one go, behind a subtree too large, and in all; octets.
_FIRST_ROWS, _FURTHER_ROWS, _MAX_ROWS = 4_000, 1_000, 8_000
_MAX_OCTETS = 2_000_000
# A subtree of so many rows is what a walk that was cut off drowned in; so many of them are kept.
_LARGE, _KEPT_OF_LARGE = 1_000, 200
# Numbers in a row at which nothing lies, after which nothing is looked for at their level.
_PATIENCE = 12

_HOST = "1.3.6.1.2.1.25"
_PRINTER = "1.3.6.1.2.1.43"
_ENTERPRISES = "1.3.6.1.4.1"
_PORT_MONITOR = f"{_ENTERPRISES}.2699.1.2.1.2.1.1"
# Left out: what a computer runs and stores, channels (who may print from where), jobs.
_STANDARD = (
    "1.3.6.1.2.1.1",
    HARDWARE_ADDRESS,
    f"{_HOST}.3.2",
    f"{_HOST}.3.5",
    *(f"{_PRINTER}.{group}" for group in (*range(5, 14), *range(15, 19), *range(30, 34))),
    f"{_PORT_MONITOR}.3",  # ppmPrinterIEEE1284DeviceId
    f"{_PORT_MONITOR}.6",  # ppmPrinterHrDeviceIndex
)
_ADDRESSES = "1.3.6.1.2.1.4.20.1.1"  # ipAdEntAddr: to be masked elsewhere, not to be kept
# Private tables of jobs, by who sent them: HP's.
_JOBS = (f"{_ENTERPRISES}.11.2.3.9.4.2.1.1.6",)
_TICKS = (SYS_UPTIME, f"{_PRINTER}.18.1.1.9")
_COUNTERS = (
    f"{_HOST}.3.2.1.6",  # hrDeviceErrors
    f"{_PRINTER}.5.1.1.1",  # prtGeneralConfigChanges
    f"{_PRINTER}.5.1.1.18",  # prtAlertCriticalEvents
    f"{_PRINTER}.5.1.1.19",  # prtAlertAllEvents
    f"{_PRINTER}.10.2.1.4",  # prtMarkerLifeCount
    f"{_PRINTER}.10.2.1.5",  # prtMarkerPowerOnCount
)


class Heard:
    """Opens sessions as `open_session` does, and keeps every value that comes through them, by OID."""

    def __init__(self, open_session: Callable[[Target], Session], values: Mapping[str, Value] | None = None) -> None:
        self.values = dict(values or {})
        self._open_session = open_session

    def open(self, target: Target) -> Session:
        """Open a session that is listened to."""
        return _HeardSession(self._open_session(target), self.values)


class _HeardSession:
    def __init__(self, session: Session, values: dict[str, Value]) -> None:
        self._session = session
        self._values = values

    @property
    def requests(self) -> int:
        return self._session.requests

    async def get(self, oids: Sequence[str], timeout: float) -> dict[str, Value]:
        answer = await self._session.get(oids, timeout)
        self._values.update(answer)
        return answer

    def walk(self, root: str, repetitions: int) -> Walk:
        return _HeardWalk(self._session.walk(root, repetitions), self._values)

    def close(self) -> None:
        self._session.close()


class _HeardWalk:
    def __init__(self, walk: Walk, values: dict[str, Value]) -> None:
        self._walk = walk
        self._values = values

    async def page(self, timeout: float) -> list[Row]:
        page = await self._walk.page(timeout)
        self._values.update(page)
        return page


@dataclass(frozen=True, slots=True)
class Walked:
    """What was walked: rows, the addresses of the printer, and in words what is missing of it."""

    rows: tuple[Row, ...]
    addresses: tuple[str, ...]
    cut: tuple[str, ...]


async def walk_all(client: Client, heard: Heard, tell: Callable[[int], None], *, limit: float) -> Walked:
    """Walk what a recording needs for at most `limit` seconds, through a client whose sessions are `heard`.

    One request at a time; what was heard before is taken over. `tell` is called with the number of rows so far. Raises
    SnmpError when the printer does not answer at all.
    """
    asked = heard.values.copy()
    walker = _Walker(client, heard, tell)
    try:
        async with asyncio.timeout(limit):
            await client.begin(silent=False)
            await walker.standard()
            await walker.private()
    except TimeoutError:
        walker.cut.append(f"what was not read after {limit:g} s")
    except SnmpError as error:
        if not heard.values:
            raise
        walker.cut.append(f"what the printer did not answer any more: {error}")
    finally:
        client.close()
    left_out = (*walker.large, *_JOBS, _ADDRESSES)
    rows = {oid: value for oid, value in heard.values.items() if not _is_below(oid, left_out)}
    return Walked(tuple((rows | walker.kept | asked).items()), walker.addresses, tuple(walker.cut))


class _Walker:
    def __init__(self, client: Client, heard: Heard, tell: Callable[[int], None]) -> None:
        self.cut: list[str] = []
        self.large: list[str] = []
        self.kept: dict[str, Value] = {}
        self.addresses: tuple[str, ...] = ()
        self._client = client
        self._heard = heard
        self._tell = tell
        self._rows = 0
        self._octets = 0

    async def standard(self) -> None:
        for root in _STANDARD:
            walked = await self._client.walk(root)
            if not walked.whole:
                self.cut.append(f"the rest of {root} behind {len(walked.rows)} rows")
            self._tell(len(self._heard.values))
        found = await self._client.walk(_ADDRESSES)
        self.addresses = tuple(value for _, value in found.rows if isinstance(value, str))

    async def private(self) -> None:
        """Walk what lies below the enterprise numbers that the printer calls itself by."""
        ids = {value for oid, value in self._heard.values.items() if oid in _OBJECT_IDS or _is_below(oid, _OBJECT_IDS)}
        found = {value.split(".")[6] for value in ids if isinstance(value, str) and _is_below(value, [_ENTERPRISES])}
        for number in sorted(found, key=int):
            await self._below(f"{_ENTERPRISES}.{number}", _FIRST_ROWS)
        if self._is_full():
            self.cut.append(f"more private objects than {_MAX_ROWS} rows or {_MAX_OCTETS} octets")

    def _is_full(self) -> bool:
        return self._rows >= _MAX_ROWS or self._octets >= _MAX_OCTETS

    async def _below(self, root: str, limit: int) -> bool:
        """Walk a subtree, behind parts of it that are too large as well; tell whether anything was there."""
        if self._is_full():
            return False
        walked = await self._client.walk(root, limit)
        self._rows += len(walked.rows)
        self._octets += sum(len(value) for _, value in walked.rows if isinstance(value, bytes))
        self._tell(len(self._heard.values))
        if not walked.whole and walked.rows:
            await self._behind(root, self._cut(root, walked.rows))
        return bool(walked.rows)

    def _cut(self, root: str, rows: Sequence[Row]) -> str:
        """Note where a walk was cut off and return it; of a subtree that it drowned in, the first rows are kept."""
        large = _large_part(root, rows)
        if large:
            self.large.append(large)
            self.kept |= [row for row in rows if _is_below(row[0], [large])][:_KEPT_OF_LARGE]
            self.cut.append(f"the rest of {large} behind {_KEPT_OF_LARGE} rows")
        else:
            self.cut.append(f"something behind {rows[-1][0]}")
        return large or rows[-1][0]

    async def _behind(self, root: str, last: str) -> None:
        """Go on behind an OID, level by level: a walk can begin at its own root only."""
        while last != root:
            above, _, number = last.rpartition(".")
            misses = 0
            at = int(number)
            while misses < _PATIENCE and not self._is_full():
                at += 1
                misses = 0 if await self._below(f"{above}.{at}", _FURTHER_ROWS) else misses + 1
            last = above


_OBJECT_IDS = ("1.3.6.1.2.1.1.2.0", f"{_HOST}.3.2.1.4")  # sysObjectID, hrDeviceID


def _large_part(root: str, rows: Sequence[Row]) -> str:
    """Return the narrowest subtree around the last row that is large, "" when none is."""
    arcs = rows[-1][0].split(".")
    around = (".".join(arcs[:length]) for length in range(len(arcs) - 1, root.count(".") + 1, -1))
    return next((part for part in around if sum(_is_below(oid, [part]) for oid, _ in rows) >= _LARGE), "")


def _is_below(oid: str, roots: Iterable[str]) -> bool:
    return any(oid.startswith(f"{root}.") for root in roots)


def as_snmprec(rows: Iterable[Row]) -> str:
    """Return rows, in their order, as snmpsim reads them: object, type and value, by line."""
    return "".join(f"{oid}|{_type_and_value(oid, value)}\n" for oid, value in rows)


def _type_and_value(oid: str, value: Value) -> str:
    if isinstance(value, int):
        return f"{_integer_type(oid, value)}|{value}"
    if isinstance(value, str):
        return f"64|{value}" if is_address(value) else f"6|{value}"
    # The reader strips a line; it knows no escapes.
    text = value.decode("latin-1")
    return f"4|{text}" if text.isascii() and text.isprintable() and text == text.strip() else f"4x|{value.hex()}"


def _integer_type(oid: str, value: int) -> int:
    """Return the tag that fits: the engines do not tell the types of integers apart."""
    if 0 <= value < 2**32 and (oid in _TICKS or _is_below(oid, _TICKS)):
        return 67
    if 0 <= value < 2**32 and _is_below(oid, _COUNTERS):
        return 65
    return 2 if -(2**31) <= value < 2**31 else 66 if 0 <= value < 2**32 else 70
