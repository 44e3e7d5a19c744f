"""Many addresses asked over SNMP whether a printer is there: gently, and cheaply where nobody is.

An address where nobody answers costs one datagram for each of the credentials (two with those for v2c, which old
printers know as v1 only). What answers is asked for the Printer-MIB, and what has that for what identifies it: some ten
datagrams, where a poll takes forty.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Literal

from exporter.config import Credentials
from exporter.printers import decode, mib
from exporter.printers.model import Identity
from exporter.printers.text import clean
from exporter.printers.vendors.maker import Maker, Private
from exporter.snmp.client import Client
from exporter.snmp.errors import Auth, Protocol, Refused, SnmpError, Timeout
from exporter.snmp.session import Session, Target, Value

CONCURRENCY: Final = 128
"""Addresses asked at the same time, each with a socket of its own."""

IDENTITY_SECONDS: Final = 60.0
"""How long a printer may take to tell what it is, beside its turns; a slow one is found all the same."""

_IDENTITY_REQUESTS = 20
_MAX_DEVICES = 8  # printers behind one address

_SYS_LOCATION = mib.Scalar("sysLocation", "1.3.6.1.2.1.1.6.0")
_SYSTEM = {scalar.oid: scalar.name for scalar in (*mib.SYSTEM, _SYS_LOCATION)}
_GENERAL, _NAME = "prtGeneral", "prtGeneralPrinterName"
_TABLES = tuple(table for table in mib.TABLES if table.name in {"hrDevice", _GENERAL})


@dataclass(frozen=True, slots=True)
class Candidate:
    """Credentials to try; `name` is that in snmp.credentials, "" for what is not there, which `remark` explains."""

    name: str
    credentials: Credentials
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Terms:
    """How to ask: the UDP port, seconds for one answer, and retries for a printer that has answered before.

    `turn` is how many seconds a request may wait until it may be sent.
    """

    port: int = 161
    timeout: float = 1.0
    retries: int = 1
    turn: float = 0.0


@dataclass(frozen=True, slots=True)
class Seen:
    """A printer that answered: where, with which credentials, and what it says of itself.

    `name` is prtGeneralPrinterName, `location` is sysLocation; `device` is the hrDeviceIndex of one of several.
    """

    address: str
    port: int
    candidate: Candidate
    identity: Identity
    name: str = ""
    location: str = ""
    device: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of asking an address. `other`: it speaks SNMP and is no printer; `rejected`: no credentials fit."""

    address: str
    outcome: Literal["printer", "other", "rejected", "silent"]
    printers: tuple[Seen, ...] = ()


async def sweep(
    addresses: Iterable[str],
    candidates: Sequence[Candidate],
    terms: Terms,
    open_session: Callable[[Target], Session],
    tell: Callable[[Answer], None],
) -> None:
    """Ask every address once; `tell` is given each answer as it comes.

    Raises an ExceptionGroup of Exhausted when this process has too few descriptors.
    """
    waiting = iter(addresses)

    async def work() -> None:
        for address in waiting:
            tell(await ask(address, candidates, terms, open_session))

    async with asyncio.TaskGroup() as group:
        for _ in range(CONCURRENCY):
            group.create_task(work())


async def ask(
    address: str, candidates: Sequence[Candidate], terms: Terms, open_session: Callable[[Target], Session]
) -> Answer:
    """Ask one address with one of the credentials after the other, until a printer shows; raises Exhausted."""
    outcome: Literal["other", "rejected", "silent"] = "silent"
    for candidate in candidates:
        client = Client(
            open_session, address, terms.port, candidate.credentials, timeout=terms.timeout, retries=terms.retries
        )
        try:
            if found := await _printers(client, candidate, terms, address):
                return Answer(address, "printer", found)
            outcome = "other"
        except Refused:
            break  # nobody listens, whatever the credentials
        except Auth:
            outcome = "rejected" if outcome == "silent" else outcome
        except (Timeout, Protocol):
            pass
        finally:
            client.close()
    return Answer(address, outcome)


async def _printers(client: Client, candidate: Candidate, terms: Terms, address: str) -> tuple[Seen, ...]:
    """Return the printers behind an agent, () when it has none; raises SnmpError when it does not answer."""
    system = await _system(client)
    is_printer = (await client.walk(mib.PRINTER, 1, gently=True)).rows or await client.find_context(mib.PRINTER)
    if not is_printer:
        return ()
    client.end()
    tables: dict[str, decode.Rows] = {}
    private: Private | None = None
    with suppress(TimeoutError, SnmpError):  # it is a printer, however little it tells
        async with asyncio.timeout(IDENTITY_SECONDS + _IDENTITY_REQUESTS * terms.turn):
            for table in _TABLES:
                tables[table.name] = await _table(client, table)
            private = await _private(client, decode.maker_for(system, tables))
    general = tables.get(_GENERAL, {})
    devices = sorted({index[0] for index in general})[:_MAX_DEVICES]
    return tuple(
        Seen(
            address,
            terms.port,
            candidate,
            decode.structure(system, tables, private=private, chosen=device).identity,
            name=next((clean(row.get(_NAME)) for index, row in general.items() if device in {None, index[0]}), ""),
            location=clean(system.get(_SYS_LOCATION.name)),
            device=device,
        )
        for device in (devices if len(devices) > 1 else [None])
    )


async def _table(client: Client, table: mib.Table) -> decode.Rows:
    walks = [await client.walk(f"{table.entry}.{column.number}", decode.MAX_ROWS) for column in table.columns]
    return decode.table_rows(table, [row for walked in walks for row in walked.rows])


async def _private(client: Client, maker: Maker | None) -> Private | None:
    """Ask for what a maker tells of a printer in objects of its own."""
    if not maker:
        return None
    values = await client.get([*maker.model, *maker.serial, *maker.firmware])
    return Private(maker, values, {table.name: {} for table in maker.tables})


async def _system(client: Client) -> dict[str, Value]:
    """Ask who is there, with one datagram; where a community is met with silence, with another as v1."""
    await client.begin(silent=True)
    try:
        values = await client.get(list(_SYSTEM))
    except Timeout as error:
        client.end(error.reason)
        if client.version != "2c":
            raise
        await client.begin(silent=True)
        values = await client.get(list(_SYSTEM))
    return {_SYSTEM[oid]: value for oid, value in values.items()}
