"""Asks a printer over IPP: all that it says, in one request."""

import time
from collections.abc import Callable

from exporter.config import Polling, Printer
from exporter.ipp.client import Client
from exporter.ipp.codec import Attributes
from exporter.printers.attempt import Attempts
from exporter.printers.ipp.objects import ATTRIBUTES, uptime
from exporter.printers.ipp.reader import Reader
from exporter.printers.model import Poll, Snapshot
from exporter.snmp.errors import Protocol


class IppPoller:
    """Polls one printer; `attributes` is what it said last."""

    def __init__(
        self,
        printer: Printer,
        polling: Polling,
        *,
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._printer = printer
        self._client = Client(
            printer.host,
            printer.port,
            path=printer.ipp_path,
            tls=printer.protocol == "ipps",
            timeout=polling.timeout,
            retries=polling.retries,
        )
        self._now = now
        self._monotonic = monotonic
        self._reader = Reader(printer.supplies, printer.thresholds)
        self._attempts = Attempts(printer.name)
        self.attributes: Attributes = {}

    async def poll(self, *, silent: bool = False, limit: float | None = None) -> Poll:
        """Ask once, for at most `limit` seconds; what goes wrong is the result, nothing is raised."""
        started = self._monotonic()
        result = await self._attempts.outcome(self._ask(silent=silent), limit)
        return Poll(
            result,
            at=self._now(),
            duration=self._monotonic() - started,
            requests=self._client.requests,
            address=self._client.address,
            version=self._printer.protocol,
            uptime=uptime(self.attributes) if isinstance(result, Snapshot) else None,
        )

    def close(self) -> None:
        """Do nothing: no connection outlives its poll."""

    async def _ask(self, *, silent: bool) -> Snapshot:
        self.attributes = await self._client.attributes(ATTRIBUTES, silent=silent)
        if not any(self.attributes.values()):
            raise Protocol("the printer answers, but says nothing of what was asked")
        return self._reader.snapshot(self.attributes)
