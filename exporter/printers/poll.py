"""Ask a printer: its structure now and then, its values each time."""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from exporter.config import Printer
from exporter.printers import decode, mib
from exporter.printers.model import Failure, Poll, Snapshot, Structure
from exporter.snmp.client import SYS_UPTIME, Client
from exporter.snmp.errors import Protocol, SnmpError
from exporter.snmp.session import Value

log = logging.getLogger(__name__)

# Seconds after which the structure is read again though nothing said that it moved: always; when the printer
# showed none yet (it may have been starting); and when some of its rows ceased to answer.
_STRUCTURE_MAX_AGE = 3600.0
_BARE_STRUCTURE_MAX_AGE = 300.0
_LOST_ROWS_MIN_AGE = 300.0


@dataclass(frozen=True, slots=True)
class _Memory:
    """The structure, when it was read (monotonic seconds), and what would show that it moved since."""

    shape: Structure
    read_at: float
    values: dict[str, Value]


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

    async def poll(self, *, silent: bool = False, limit: float | None = None) -> Poll:
        """Ask once, for at most `limit` seconds; what goes wrong is the result, nothing is raised.

        `silent`: the printer did not answer last time, so it is asked once without retry.
        """
        started = self._monotonic()
        result: Snapshot | Failure | None = None
        try:
            async with asyncio.timeout(limit):
                await self._client.begin(silent=silent)
                result = await self._ask()
        except SnmpError as error:
            result = Failure(error.reason, str(error))
        except TimeoutError:
            result = Failure("deadline", f"given up after {limit:g} s")
        except Exception as error:  # a device must never cost more than its own data, whatever it found in us
            log.exception("poll failed", extra={"printer": self._printer.name})
            result = Failure("internal", f"a fault of the exporter: {type(error).__name__}")
        finally:
            self._client.end(failed=not isinstance(result, Snapshot))
        return Poll(
            result,
            at=self._now(),
            duration=self._monotonic() - started,
            requests=self._client.requests,
            address=self._client.address,
            version=self._client.version,
            faults=self._client.faults,
        )

    def close(self) -> None:
        """Give the socket back."""
        self._client.close()

    async def _ask(self) -> Snapshot:
        memory = self._memory
        if memory is None or self._age(memory) > _max_age(memory.shape):
            memory, values = await self._read_structure()
        else:
            values = await self._client.get(memory.shape.volatile)
            if self._has_moved(memory, values):
                memory, values = await self._read_structure()
        self._memory = memory
        self._uptime = values.get(SYS_UPTIME)
        alerts = [await self._table(table) for table in mib.POLLED_TABLES]
        if not values and not any(alerts):
            raise Protocol("the agent answers, but with no object that a printer has")
        return decode.snapshot(memory.shape, values, alerts[0])

    async def _read_structure(self) -> tuple[_Memory, dict[str, Value]]:
        read_at = self._monotonic()
        system = await self._client.get([scalar.oid for scalar in mib.SYSTEM])
        named = {scalar.name: system[scalar.oid] for scalar in mib.SYSTEM if scalar.oid in system}
        tables = {table.name: await self._table(table) for table in mib.STRUCTURE_TABLES}
        shape = decode.structure(named, tables, self._printer.supplies, self._printer.thresholds)
        values = await self._client.get(shape.volatile)
        return _Memory(shape, read_at, values), values

    async def _table(self, table: mib.Table) -> dict[tuple[int, ...], dict[str, Value]]:
        return decode.table_rows(table, await self._client.walk(table.entry))

    def _has_moved(self, memory: _Memory, values: dict[str, Value]) -> bool:
        """Tell by sysUpTime, prtGeneralConfigChanges (RFC 3805) and the set of rows that answer."""
        uptime = values.get(SYS_UPTIME)
        if isinstance(self._uptime, int) and isinstance(uptime, int) and uptime < self._uptime:
            self._client.learnt.forget_sizes()
            return True
        changes = memory.shape.config_changes_oid
        if memory.values.get(changes) != values.get(changes):
            return True
        return self._age(memory) > _LOST_ROWS_MIN_AGE and not memory.values.keys() <= values.keys()

    def _age(self, memory: _Memory) -> float:
        return self._monotonic() - memory.read_at


def _max_age(shape: Structure) -> float:
    return _STRUCTURE_MAX_AGE if len(shape.volatile) > 1 else _BARE_STRUCTURE_MAX_AGE
