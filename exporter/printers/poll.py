"""Ask a printer: its structure now and then, its values each time."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from exporter.config import Polling, Printer
from exporter.printers import decode, mib
from exporter.printers.attempt import Attempts
from exporter.printers.model import Failure, Poll, Snapshot, Structure
from exporter.printers.vendors.maker import Maker, Private, instances
from exporter.snmp.client import Client
from exporter.snmp.errors import Protocol, Timeout
from exporter.snmp.session import SYS_UPTIME, Row, Session, Target, Value

# Seconds after which the structure is read again though nothing said that it moved: always; when the printer
# showed none yet (it may have been starting) or parts of it could not be read; and when rows ceased to answer.
_STRUCTURE_MAX_AGE = 3600.0
_DOUBTFUL_STRUCTURE_MAX_AGE = 300.0
_LOST_ROWS_MIN_AGE = 300.0
# Rows read of a column of a table that could not be read as a whole: more than are kept.
_COLUMN_ROWS = 100
_NO_ROWS: Final[tuple[list[Row], decode.Rows]] = ([], {})
# Seconds by which sysUpTime may run ahead of our clock.
_UPTIME_TOLERANCE = 60.0


@dataclass(frozen=True, slots=True)
class _Memory:
    """The structure, when it was read and is to be read again (monotonic), what would show that it moved, and where.

    `watched` are the values of the structure's watched instances, `answered` the volatile ones that had any.
    """

    shape: Structure
    reader: decode.Reader
    read_at: float
    good_until: float
    watched: tuple[Value | None, ...]
    answered: frozenset[str]
    context: str


class PrinterPoller:
    """Polls one printer; keeps its session, its structure and what was learnt about its agent."""

    def __init__(
        self,
        printer: Printer,
        client: Client,
        *,
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._printer = printer
        self._client = client
        self._now = now
        self._monotonic = monotonic
        self._memory: _Memory | None = None
        self._uptime: Value | None = None
        self._uptime_at = 0.0
        self._attempts = Attempts(printer.name)
        self._filled: set[str] = set()
        self._known: dict[str, tuple[list[Row], decode.Rows]] = {}
        self._ragged: set[str] = set()
        self._by_columns: set[str] = set()

    async def poll(self, *, silent: bool = False, limit: float | None = None) -> Poll:
        """Ask once, for at most `limit` seconds; what goes wrong is the result, nothing is raised.

        `silent`: the printer did not answer last time, if it was asked at all, so there is no retry until it answers.
        """
        started = self._monotonic()
        result: Snapshot | Failure | None = None
        if self._is_due():
            self._client.close()  # a name may lead elsewhere by now
        try:
            result = await self._attempts.outcome(self._ask(silent=silent), limit)
        finally:
            self._client.end("" if isinstance(result, Snapshot) else getattr(result, "reason", "cancelled"))
        return Poll(
            result,
            at=self._now(),
            duration=self._monotonic() - started,
            requests=self._client.requests,
            address=self._client.address,
            version=self._client.version,
            context=self._client.context,
            uptime=decode.uptime(self._uptime) if isinstance(result, Snapshot) else None,
            faults=self._client.faults,
        )

    def close(self) -> None:
        """Give the socket back."""
        self._client.close()

    async def _ask(self, *, silent: bool) -> Snapshot:
        await self._client.begin(silent=silent)
        memory = self._memory
        if memory is None or memory.context != self._client.context or self._is_due():
            self._client.forget_sizes()
            memory, values = await self._read_structure()
        else:
            values = await self._client.get(memory.shape.volatile)
            if self._has_moved(memory, values):
                memory, values = await self._read_structure()
        alerts = [await self._table(table) for table in mib.POLLED_TABLES]
        if self._client.has_lost:
            raise Timeout("some of the requests were not answered")
        self._memory = memory
        self._uptime, self._uptime_at = values.get(SYS_UPTIME), self._monotonic()
        if not values and not any(alerts):
            self._memory = None  # nothing was read, so that nothing stands for long
            raise Protocol("the agent answers, but with no object that a printer has")
        return memory.reader.snapshot(values, alerts[0])

    async def _read_structure(self) -> tuple[_Memory, dict[str, Value]]:
        read_at = self._monotonic()
        self._ragged.clear()
        self._known.clear()
        self._by_columns.clear()
        named, tables = await self._read_standard()
        if not decode.shows_printer(tables) and await self._client.find_context(mib.PRINTER):
            in_context, tables = await self._read_standard()
            named |= in_context
        device = self._printer.device
        if device is not None and device not in decode.devices(tables):
            raise Protocol(_no_such_device(device, decode.devices(tables)))
        maker = decode.maker_for(named, tables, device)
        private = await self._read_private(maker) if maker else None
        entry = self._printer
        shape = decode.structure(named, tables, entry.supplies, entry.thresholds, private, chosen=device)
        values = await self._client.get(shape.volatile)
        is_doubtful = len(shape.volatile) <= 1 or self._client.faults > 0
        max_age = _DOUBTFUL_STRUCTURE_MAX_AGE if is_doubtful else _STRUCTURE_MAX_AGE
        watched = tuple(map(values.get, shape.watched))
        answered = frozenset(oid for oid in shape.volatile if oid in values)
        good_until, context = read_at + max_age, self._client.context
        return _Memory(shape, decode.Reader(shape), read_at, good_until, watched, answered, context), values

    async def _read_standard(self) -> tuple[dict[str, Value], decode.Tables]:
        """Read the system group and the tables of the standard's MIBs."""
        system = await self._client.get([scalar.oid for scalar in mib.SYSTEM])
        named = {scalar.name: system[scalar.oid] for scalar in mib.SYSTEM if scalar.oid in system}
        return named, {table.name: await self._table(table) for table in mib.STRUCTURE_TABLES}

    async def _read_private(self, maker: Maker) -> Private:
        """Ask for all that a printer of this maker may have; what it answers is known afterwards."""
        values = await self._client.get(instances(maker))
        got = {table.name: decode.table_rows(table, values.items()) for table in maker.tables if table.rows}
        walked = {table.name: await self._table(table) for table in maker.tables if not table.rows}
        return Private(maker, values, got | walked)

    def _is_due(self) -> bool:
        """Tell whether the structure is to be read again for its age."""
        return self._memory is not None and self._monotonic() > self._memory.good_until

    async def _table(self, table: mib.Table) -> decode.Rows:
        """Walk a table; one that came cut off, ragged or suddenly empty is asked for again, column by column.

        The same rows as last time are the very object of last time, in a table that is polled.

        A walk ends quietly where an agent fails in its midst (genErr), and what follows would be lost with it. An
        endless or unreadable column costs what lies behind it only in its own column.
        """
        if table.name in self._by_columns:
            return await self._columns(table)
        if self._client.walks_singly and (found := await self._columns(table, if_first=True)):
            return found
        known, rows = self._known.pop(table.name, _NO_ROWS)
        walked = await self._client.walk(table.entry, known=known)
        is_known = bool(known) and walked.whole and walked.rows == known
        found = rows if is_known else decode.table_rows(table, walked.rows)
        if not walked.whole:
            self._by_columns.add(table.name)
            found = await self._columns(table)
        elif not is_known and self._is_doubtful(table, found):
            self._ragged.add(table.name)
            found = decode.merge_rows(found, await self._columns(table, gently=True))
        elif table in mib.POLLED_TABLES:
            self._known[table.name] = walked.rows, found
        (self._filled.add if found else self._filled.discard)(table.name)
        return found

    def _is_doubtful(self, table: mib.Table, found: decode.Rows) -> bool:
        """Tell whether cells are missing that should be there; a table that is ragged by nature is asked again once."""
        if not found:
            return table.expected or table.name in self._filled
        return table.name not in self._ragged and decode.is_ragged(table, found)

    async def _columns(self, table: mib.Table, *, gently: bool = False, if_first: bool = False) -> decode.Rows:
        """Walk the columns one by one; `if_first`: only if the first has rows."""
        rows: list[Row] = []
        for column in table.columns:
            if if_first and not rows and column is not table.columns[0]:
                break
            walked = await self._client.walk(f"{table.entry}.{column.number}", _COLUMN_ROWS, gently=gently)
            rows += walked.rows
        return decode.table_rows(table, rows)

    def _has_moved(self, memory: _Memory, values: dict[str, Value]) -> bool:
        """Tell by sysUpTime, serial number, prtGeneralConfigChanges (RFC 3805) and the set of rows that answer."""
        if self._has_restarted(values.get(SYS_UPTIME)):
            self._client.forget()
            return True
        if memory.watched != tuple(map(values.get, memory.shape.watched)):
            return True
        age = self._monotonic() - memory.read_at
        return age > _LOST_ROWS_MIN_AGE and not memory.answered <= values.keys()

    def _has_restarted(self, uptime: Value | None) -> bool:
        """Tell whether sysUpTime went back, or forward by more than time did: then it is another agent."""
        if not isinstance(self._uptime, int) or not isinstance(uptime, int):
            return False
        elapsed = self._monotonic() - self._uptime_at
        return not self._uptime <= uptime <= self._uptime + (elapsed + _UPTIME_TOLERANCE) * 100


def _no_such_device(device: int, there: Iterable[int]) -> str:
    found = ", ".join(map(str, sorted(there)))
    return f"no printer here is device {device}; " + (f"the printers are: {found}" if found else "none is shown at all")


def poller_for(
    printer: Printer,
    open_session: Callable[[Target], Session],
    polling: Polling,
    *,
    now: Callable[[], float] = time.time,
) -> PrinterPoller:
    """Return a poller of one inventory entry, with the timeout and retries of the config."""
    client = Client(
        open_session,
        printer.host,
        printer.port,
        printer.credentials,
        timeout=polling.timeout,
        retries=polling.retries,
        accept_other_address=printer.accept_other_address,
    )
    return PrinterPoller(printer, client, now=now)
