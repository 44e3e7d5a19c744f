"""Polling single agents through the real path, as tests of recordings do."""

from exporter.config import Credentials, EngineName, Polling, Printer, SupplyRule
from exporter.printers.model import Failure, Poll, Snapshot
from exporter.printers.poll import PrinterPoller, poller_for
from exporter.snmp.engines import Engines


def printer(
    host: str, port: int, credentials: Credentials, *, name: str = "P", supplies: tuple[SupplyRule, ...] = ()
) -> Printer:
    """Return an inventory entry with nothing special."""
    return Printer(
        name=name,
        host=host,
        port=port,
        credentials=credentials,
        supplies=supplies,
    )


def poller(entry: Printer, engines: Engines, *, timeout: float = 5.0) -> PrinterPoller:
    """Return a poller as the exporter makes one."""
    return poller_for(entry, engines.open, Polling(timeout=timeout, retries=1))


async def poll_once(entry: Printer, *, engine: EngineName = "auto", timeout: float = 5.0) -> Poll:
    """Poll a printer once through the real path."""
    engines = Engines(engine)
    one = poller(entry, engines, timeout=timeout)
    try:
        return await one.poll(limit=60)
    finally:
        one.close()
        engines.close()


def snapshot_of(poll: Poll) -> Snapshot:
    """Return the snapshot of a poll that must have been answered."""
    assert not isinstance(poll.result, Failure), poll.result
    return poll.result
