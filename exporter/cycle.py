"""When to poll: a scrape joins or starts a round, and waits only for printers worth waiting for."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Protocol

from exporter.config import Polling, Printer
from exporter.printers.model import Poll, Snapshot
from exporter.printers.record import Record
from exporter.repeats import Repeats

log = logging.getLogger(__name__)

# The share of the slots that printers which were silent last time may take.
_SILENT_SHARE = 4
# Scrapes come a little early or late; a printer with an interval of its own must not miss its turn for that.
_INTERVAL_SLACK = 1.0
# A printer that sleeps is left alone for longer and longer, up to this.
_LONGEST_NAP = 600.0
# By how many seconds a round may outlast its deadline, on a machine that has no time for us.
_OVERDUE = 60.0


class Poller(Protocol):
    """Asks one printer; never raises for what the printer does."""

    async def poll(self, *, silent: bool, limit: float) -> Poll:
        """Ask once, for at most `limit` seconds; `silent` unless the printer answered last time."""
        ...

    def close(self) -> None:
        """Give sockets back."""
        ...


@dataclass(slots=True, eq=False)
class Device:
    """A printer of the inventory while the exporter runs; `task` is its poll under way."""

    printer: Printer
    poller: Poller
    record: Record = field(default_factory=Record)
    task: asyncio.Task[None] | None = None
    started: float = float("-inf")
    nap: float = 0.0
    """Seconds for which it is left alone since it sleeps; 0 while it does not."""


@dataclass(slots=True)
class _Round:
    """When it started, by the loop's clock, and the task that ends with it."""

    started: float
    task: asyncio.Task[None]


class Rounds:
    """Does a thing now and then, once for all who ask at the same time; `name` is that of the task."""

    def __init__(self, name: str, run: Callable[[], Coroutine[None, None, None]], polling: Polling) -> None:
        self.ended: Callable[[], None] = lambda: None
        """Called after each round."""
        self.finished = 0
        self.last_duration: float | None = None
        self.polling = polling
        self._name = name
        self._run = run
        self._asked = float("-inf")
        self._round: _Round | None = None
        self._failures = Repeats()
        self.closed = False

    async def join(self, timeout: float) -> None:
        """Return when the results are as fresh as they get within `timeout` seconds.

        Joins the round under way, else starts one unless the last started less than min_interval ago.
        """
        if self.closed:
            return
        round_ = self._round
        if round_ is None or (round_.task.done() and _now() - round_.started >= self.polling.min_interval):
            round_ = self._start()
        await asyncio.wait({round_.task}, timeout=timeout)

    def asked_for_one(self) -> None:
        """Take note that somebody asks, though not for all: no round starts by itself for idle_interval."""
        self._asked = _now()

    async def keep_going(self) -> None:
        """Start a round whenever nobody asked for idle_interval; runs until cancelled."""
        last = _now()
        while True:
            if round_ := self._round:
                await asyncio.wait({round_.task})
                last = max(last, round_.started)
            last = max(last, self._asked)
            wait = last + max(self.polling.idle_interval, self.polling.min_interval) - _now()
            if wait > 0:
                await asyncio.sleep(wait)
            else:
                last = self._start().started

    @property
    def running(self) -> bool:
        """Whether a round is under way."""
        return self._round is not None and not self._round.task.done()

    @property
    def overdue(self) -> bool:
        """Whether a round goes on for so long that it will never end."""
        round_ = self._round
        limit = self.polling.deadline + _OVERDUE
        return round_ is not None and not round_.task.done() and _now() - round_.started > limit

    async def close(self) -> None:
        """Stop the round under way; asking returns at once from now on."""
        self.closed = True
        await self.stop()

    async def stop(self) -> None:
        """Stop the round under way, as if it had never begun."""
        round_, self._round = self._round, None
        if round_:
            round_.task.cancel()
            await asyncio.wait({round_.task})

    def _start(self) -> _Round:
        now = _now()
        self._round = _Round(now, asyncio.create_task(self._one(now), name=self._name))
        return self._round

    async def _one(self, started: float) -> None:
        try:
            await self._run()
        except Exception:
            if times := self._failures.failed(self._name, at=_now()):
                log.exception("a round failed", extra={"round": self._name, "failures": times})
        self.finished += 1
        self.last_duration = _now() - started
        self.ended()


class Cycle:
    """Polls the devices; at most one poll of a device is under way, whoever asked for it.

    `settle` takes the outcome of each poll as it comes in.
    """

    def __init__(self, polling: Polling, settle: Callable[[Device, Poll], None]) -> None:
        self.devices: Mapping[str, Device] = {}
        self.rounds = Rounds("cycle", self._poll_all, polling)
        self._settle = settle
        self._failures = Repeats()
        self._polling = polling
        self._set_slots()

    def replace(self, polling: Polling, devices: Mapping[str, Device]) -> None:
        """Take over another inventory at once; devices that are not in it are stopped and closed."""
        kept = set(devices.values())
        for device in self.devices.values():
            if device not in kept:
                stop(device)
        self.devices = devices
        self._failures.keep_only(devices)
        before, self._polling = self._polling, polling
        self.rounds.polling = polling
        if polling.concurrency != before.concurrency:
            self._set_slots()

    def poll(self, device: Device) -> asyncio.Task[None]:
        """Join the device's poll under way, else start one."""
        if device.task is None:
            device.task = asyncio.create_task(self._poll(device), name=f"poll {device.printer.name}")
        return device.task

    async def refresh(self, device: Device, timeout: float) -> None:
        """Poll one device now, unless that was done less than min_interval ago; wait for at most `timeout` seconds."""
        if self.rounds.closed:
            return
        self.rounds.asked_for_one()
        if device.task or _now() - device.started >= self._polling.min_interval:
            await asyncio.wait({self.poll(device)}, timeout=timeout)

    async def close(self) -> None:
        """Stop every poll and close every device; scrapes return at once from now on."""
        await self.rounds.close()
        tasks = [device.task for device in self.devices.values() if device.task]
        for device in self.devices.values():
            stop(device)
        await asyncio.gather(*tasks, return_exceptions=True)

    def _set_slots(self) -> None:
        self._slots = asyncio.Semaphore(self._polling.concurrency)
        self._silent_slots = asyncio.Semaphore(max(1, self._polling.concurrency // _SILENT_SHARE))

    async def _poll_all(self) -> None:
        """Start what is due, and wait for those worth waiting for."""
        now = _now()
        due = [device for device in self.devices.values() if device.task or self._is_due(device, now)]
        polls = [(device, self.poll(device)) for device in due]
        awaited = {task for device, task in polls if device.record.up is not False}
        if awaited:
            await asyncio.wait(awaited, timeout=self._polling.deadline)

    def _is_due(self, device: Device, now: float) -> bool:
        return now - device.started >= max(device.printer.interval, device.nap) - _INTERVAL_SLACK

    def _next_nap(self, device: Device, poll: Poll) -> float:
        """Return twice the last nap, or the interval, while a printer says that it sleeps."""
        if not (isinstance(poll.result, Snapshot) and poll.result.asleep):
            return 0.0
        usual = max(device.printer.interval, self._polling.min_interval)
        return min(2 * max(device.nap, usual), _LONGEST_NAP)

    async def _poll(self, device: Device) -> None:
        was_silent = device.record.up is False
        extra: AbstractAsyncContextManager[object] = self._silent_slots if was_silent else nullcontext()
        try:
            async with extra, self._slots:
                device.started = _now()
                poll = await device.poller.poll(silent=not device.record.up, limit=self._polling.poll_limit)
            device.nap = self._next_nap(device, poll)
            self._settle(device, poll)
        except Exception:
            if times := self._failures.failed(device.printer.name, at=_now()):
                fields = {"printer": device.printer.name, "failures": times}
                log.exception("a poll could not be used", extra=fields)
        finally:
            device.task = None


def _now() -> float:
    return asyncio.get_running_loop().time()


def stop(device: Device) -> None:
    """Stop a poll under way, and close the device."""
    if device.task:
        device.task.cancel()
    device.poller.close()
