"""Builds the parts from the config; starts, reloads and stops them."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime

from exporter.config import Config, ConfigError, Printer
from exporter.cycle import Cycle, Device
from exporter.metrics import printers as printer_metrics
from exporter.metrics.exporter import Self, self_registry
from exporter.metrics.lines import Lines
from exporter.printers.model import Failure, Poll, Snapshot
from exporter.printers.poll import poller_for
from exporter.printers.record import Record, after_poll
from exporter.printers.schedule import is_excused
from exporter.snmp.client import in_use
from exporter.snmp.engines import Engines

log = logging.getLogger(__name__)

UNASSIGNED = "Unassigned"


class App:
    """The running exporter: an inventory, its cycle, and the lines that /metrics serves.

    `load` reads the config and raises ConfigError; `now` is the time of day in Unix seconds.
    """

    def __init__(self, load: Callable[[], Config], *, now: Callable[[], float] = time.time) -> None:
        self._load = load
        self._now = now
        self._config = load()
        self._engines = Engines(self._config.engine)
        self._lines: dict[str, Lines] = {}
        self._reload_succeeded = True
        self._reloaded_at = now()
        self.cycle = Cycle(self._config.polling, self._settle)
        self.registry = self_registry(self._state)
        self._idle: asyncio.Task[None] | None = None
        self._reloading = asyncio.Lock()

    async def start(self) -> None:
        """Take the inventory up; polls begin with the first scrape."""
        self._take(self._config)
        self._idle = asyncio.create_task(self.cycle.keep_going(), name="idle cycles")

    async def close(self) -> None:
        """Stop every poll and give all sockets back."""
        if self._idle:
            self._idle.cancel()
            with suppress(asyncio.CancelledError):
                await self._idle
        await self.cycle.close()
        self._engines.close()

    async def reload(self) -> None:
        """Read the config again; raises ConfigError and changes nothing when it has a fault."""
        async with self._reloading:
            await self._reload()

    async def _reload(self) -> None:
        try:
            config = await asyncio.to_thread(self._load)  # 2,000 printers take a quarter of a second
            engines = self._engines if config.engine == self._config.engine else Engines(config.engine)
        except ConfigError as error:
            self._reload_succeeded = False
            log.error("config not loaded, the old one stays", extra={"faults": str(error)})  # noqa: TRY400
            raise
        old_engines, self._engines = self._engines, engines
        self._take(config)
        if old_engines is not engines:
            old_engines.close()
        self._reload_succeeded = True
        self._reloaded_at = self._now()
        log.info("config loaded", extra={"printers": len(config.printers)})

    def printer_lines(self) -> Iterator[Lines]:
        """Yield the lines of each printer that was polled, in the order of the config."""
        for name in self.cycle.devices:
            if lines := self._lines.get(name):
                yield lines

    @property
    def deadline(self) -> float:
        """Seconds that a cycle may take."""
        return self._config.polling.deadline

    @property
    def printer_count(self) -> int:
        """How many printers the inventory has."""
        return len(self._config.printers)

    async def scrape(self, timeout: float) -> None:
        """Poll what is due, for at most `timeout` seconds."""
        await self.cycle.scrape(timeout)

    def _state(self) -> Self:
        return Self(
            printers=self.printer_count,
            cycles=self.cycle.cycles,
            cycle_duration=self.cycle.last_duration,
            reload_succeeded=self._reload_succeeded,
            reload_success_at=self._reloaded_at,
        )

    def _take(self, config: Config) -> None:
        unchanged = (config.polling, config.engine) == (self._config.polling, self._config.engine)
        old = self.cycle.devices
        devices = {p.name: self._device(p, old.get(p.name), config, keep=unchanged) for p in config.printers}
        self._config = config
        self.cycle.replace(config.polling, devices)
        self._lines = {name: self._render(device) for name, device in devices.items()}
        self._engines.keep_only(in_use(printer.credentials for printer in config.printers))

    def _device(self, printer: Printer, old: Device | None, config: Config, *, keep: bool) -> Device:
        """Keep what is unchanged, and the history of what is still the same host."""
        if old and keep and old.printer == printer:
            return old
        same_host = old and (old.printer.host, old.printer.port) == (printer.host, printer.port)
        poller = poller_for(printer, self._engines.open, config.polling, now=self._now)
        return Device(printer, poller, old.record if old and same_host else Record())

    def _settle(self, device: Device, poll: Poll) -> None:
        """Take the outcome of a poll: what is known now, its lines, and a log line when the status changed."""
        if self.cycle.devices.get(device.printer.name) is not device:
            return  # it left the inventory meanwhile
        polling = self._config.polling
        before = device.record
        device.record = after_poll(
            before,
            poll,
            excused=self._is_excused(device.printer, before, poll),
            offline_after=polling.offline_after,
            retain=polling.retain,
        )
        self._lines[device.printer.name] = self._render(device)
        _log_change(device.printer.name, before, device.record, poll)

    def _is_excused(self, printer: Printer, before: Record, poll: Poll) -> bool:
        if printer.expected_off is None:
            return False
        last_success = poll.at if isinstance(poll.result, Snapshot) else before.last_success
        return is_excused(printer.expected_off, datetime.fromtimestamp(poll.at, self._config.zone), last_success)

    def _render(self, device: Device) -> Lines:
        return printer_metrics.render(device.printer, device.record, self._place(device))

    def _place(self, device: Device) -> list[tuple[str, str]]:
        """Return location and user labels: the printer's own, else those of the network that holds its address."""
        printer = device.printer
        address = device.record.poll.address if device.record.poll else ""
        rule = self._config.locate(address or printer.host)
        location = printer.location or (rule.location if rule else UNASSIGNED)
        labels = {**(rule.labels if rule else {}), **dict(printer.labels)}
        return [("location", location), *sorted(labels.items())]


def _log_change(name: str, before: Record, after: Record, poll: Poll) -> None:
    """Write one line per change of state, not one per failure."""
    if isinstance(poll.result, Failure) and before.up is not False:
        fields = {"printer": name, "reason": poll.result.reason, "detail": poll.result.detail}
        log.warning("printer does not answer", extra=fields)
    elif before.up is False and after.up:
        log.info("printer answers again", extra={"printer": name})
    if before.status and after.status and before.status.status != after.status.status:
        change = {"printer": name, "from": before.status.status, "to": after.status.status}
        log.info("status changed", extra=change)
