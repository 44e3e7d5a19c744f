"""Builds the parts from the config; starts, reloads and stops them."""

import asyncio
import functools
import logging
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from exporter.cameras.model import View
from exporter.cameras.registry import KIND
from exporter.cameras.views import each_view, views
from exporter.cameras.watch import Watch
from exporter.config import Cameras, Config, ConfigError, Fault, Printer, Prometheus
from exporter.configtypes import DEFAULT_PORTS
from exporter.cycle import Cycle, Device, Poller, Rounds
from exporter.discovery import roster
from exporter.discovery.audit import Occasion
from exporter.discovery.inventory import identity_of
from exporter.discovery.roster import Roster
from exporter.discovery.servers import Servers
from exporter.discovery.sources import KINDS as SOURCE_KINDS
from exporter.metrics import cameras as camera_metrics
from exporter.metrics.exporter import Self, self_registry
from exporter.metrics.families import CAMERA_FAMILIES, PRINTER_FAMILIES, Family
from exporter.metrics.inventory import add_inventory
from exporter.metrics.lines import Lines
from exporter.metrics.printers import Renderer, render
from exporter.metrics.printservers import add_print_servers
from exporter.printers.ipp.poll import IppPoller
from exporter.printers.model import Failure, Poll, Snapshot
from exporter.printers.poll import poller_for
from exporter.printers.record import NO_LIVES, Record, after_poll
from exporter.printers.schedule import is_excused
from exporter.printers.stored import KINDS as PRINTER_KINDS
from exporter.printers.stored import Printers
from exporter.repeats import Repeats
from exporter.saving import Saver
from exporter.snmp.client import in_use
from exporter.snmp.engines import Engines
from exporter.snmp.resolve import resolve
from exporter.state import Event, Keeper, Key, State, StateError
from exporter.unlisted import TargetError, Unlisted
from exporter.web.discovery import Entry
from exporter.web.picture import Picture

T = TypeVar("T")

log = logging.getLogger(__name__)

# Seconds for which a page waits for the first cycle.
_FIRST_LOOK = 1.5
# Devices looked at, or cameras rendered, before the loop has its turn.
_SLICE = 100


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
        self._renderers: dict[str, Renderer] = {}
        self._reload_succeeded = True
        self._reloaded_at = now()
        self.cycle = Cycle(self._config.polling, self._settle)
        self.searches = Rounds("search", self._search, self._config.polling)
        self.watch: Watch | None = None
        self.saver: Saver | None = None
        self._printers = Printers()
        self.roster = Roster(self._config, lambda: self._take_printers_of("running"), now)
        self.servers = Servers(self.roster.told, now)
        self._unlisted = self._no_unlisted(self._config)
        self._failures = Repeats()
        self._camera_lines: dict[str, tuple[View, Lines]] = {}
        self.registry = self_registry(self._state)
        add_inventory(self.registry, lambda: self.roster.overview)
        add_print_servers(self.registry, lambda: self.servers.statuses)
        self._state_path = self._config.state_path
        self._keeper: Keeper | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._reloading = asyncio.Lock()
        self.around_reload: Callable[[], AbstractContextManager[object]] = nullcontext
        """Entered before each reload, and left after it whether or not it succeeded."""

    async def start(self) -> None:
        """Take the inventory up; polls begin with the first scrape, searches at once.

        Raises StateError, and ConfigError where the audit log cannot be written.
        """
        self._keeper = Keeper(await asyncio.to_thread(State, self._state_path))
        self.saver = Saver(self._keeper)
        await self._take_printers(self.saver)
        await self._take_roster(self.saver)
        await self._take_cameras(self._config.cameras)
        self.roster.configure(self._config, await self.roster.read(self._config))
        self._take(self._config, "start")
        await self.servers.configure(self._config)
        self._warn()
        for rounds in (self.cycle.rounds, self.searches):
            rounds.ended = self.saver.start
        await self.searches.join(0)
        self._tasks = [
            asyncio.create_task(rounds.keep_going(), name="idle rounds")
            for rounds in (self.cycle.rounds, self.searches)
        ]
        self._tasks.append(asyncio.create_task(self._keep_looking(), name="inventory files"))

    async def close(self) -> None:
        """Stop every poll, give all sockets back and write what is to be kept."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.servers.close()
        await self.searches.close()
        self._unlisted.close()
        await self.cycle.close()
        self._engines.close()
        await self._take_cameras(None)
        await self.roster.close()
        if self.saver:
            await self.saver.close()
        if self._keeper:
            await self._keeper.close()

    async def reload(self) -> None:
        """Read the config again; raises ConfigError and changes nothing when it has a fault."""
        async with self._reloading:
            with self.around_reload():
                await self._reload()

    async def _reload(self) -> None:
        try:
            config = await asyncio.to_thread(self._load)  # 2,000 printers take a quarter of a second
            engines = self._engines if config.engine == self._config.engine else Engines(config.engine)
            found = await self.roster.read(config)
            await self._take_cameras(config.cameras)
        except ConfigError as error:
            self._refuse(error)
            raise
        except StateError as error:
            refusal = ConfigError((Fault(self._state_path, 0, "", str(error)),))
            self._refuse(refusal)
            raise refusal from None
        if config.state_path != self._state_path:
            log.warning(
                "state.path has changed, which takes effect at the next start", extra={"path": self._state_path}
            )
        old_engines, self._engines = self._engines, engines
        self.roster.configure(config, found)
        self._take(config, "reload")
        await self.servers.configure(config)
        if old_engines is not engines:
            old_engines.close()
        self._reload_succeeded = True
        self._reloaded_at = self._now()
        await self.searches.join(0)
        self._warn()
        log.info("config loaded", extra={"printers": self.printer_count, "cameras": self.camera_count})

    def _warn(self) -> None:
        for warning in self._config.warnings:
            log.warning(warning)

    def _refuse(self, error: ConfigError) -> None:
        self._reload_succeeded = False
        log.error("config not loaded, the old one stays", extra={"faults": error.brief})

    def groups(self, kinds: Collection[str]) -> list[tuple[Sequence[Family], list[Lines]]]:
        """Return the lines of these kinds of device, each with the families that they may have."""
        groups: list[tuple[Sequence[Family], list[Lines]]] = []
        if "printers" in kinds:
            groups.append((PRINTER_FAMILIES, list(self.printer_lines())))
        if "cameras" in kinds and self.watch:
            groups.append(
                (CAMERA_FAMILIES, [*map(self._lines_of, self.camera_views()), self._search_lines(self.watch)])
            )
        return groups

    def printer_lines(self) -> Iterator[Lines]:
        """Yield the lines of each printer that was polled, in the order of the config."""
        for name in self.cycle.devices:
            if lines := self._lines.get(name):
                yield lines

    def printer_entries(self) -> Iterator[Entry]:
        """Yield every printer of the inventory, in the order of the config."""
        for device in tuple(self.cycle.devices.values()):
            yield self._entry(device)

    def _entry(self, device: Device) -> Entry:
        return Entry(device.printer, device.record, self._place_of(device))

    def camera_views(self) -> list[View]:
        """Return every camera known, by MAC."""
        return views(self.watch.registry, self._config) if self.watch else []

    def printer_entry(self, target: str) -> Entry | None:
        """Return the printer of this name, else the one at this host; raises TargetError when there are several."""
        device = self._listed(target)
        return self._entry(device) if device else None

    async def picture(self) -> Picture:
        """Return all that is shown of the devices, put together with pauses: a scrape may be waiting for the loop.

        Who looks before anything was scraped starts the first cycle, and is shown what came of it soon.
        """
        if self.cycle.rounds.finished == 0:
            await self.cycle.rounds.join(_FIRST_LOOK)
        cameras = each_view(self.watch.registry, self._config) if self.watch else ()
        return Picture(
            at=self._now(),
            zone=self._config.zone,
            printers=await _in_slices(self.printer_entries()),
            cameras=await _in_slices(cameras),
            searched_at=self.watch.last.at if self.watch and self.watch.last else None,
            is_searching=self.searches.running,
            search_interval=self._config.polling.idle_interval if self.watch else None,
            grafana_url=self._config.grafana_url,
            troubles=tuple(self._troubles()),
        )

    def _troubles(self) -> Iterator[str]:
        if not self._reload_succeeded:
            yield "The last reload failed, an older config runs; the log says why."
        if self._keeper and not self._keeper.writable:
            yield "The state file cannot be written; the log says why."
        if self.watch and not self.watch.listening:
            yield "Cameras cannot be heard: their port is not open."
        for name, segment in self.watch.registry.segments.items() if self.watch else ():
            if not segment.up:
                yield f"Cameras cannot be searched for, or none is heard any more, on {name or 'any interface'}."

    async def events(self, devices: Iterable[Key]) -> dict[Key, list[Event]]:
        """Return what happened to each of these devices, the oldest first; raises StateError."""
        wanted = tuple(devices)
        return await self._keeper.events(wanted) if self._keeper else {device: [] for device in wanted}

    @property
    def prometheus(self) -> Prometheus | None:
        """Whom to ask for forecasts; None for nobody."""
        return self._config.prometheus

    @property
    def allows_actions(self) -> bool:
        """Whether a request may start polls and searches."""
        return self._config.web.enable_actions

    @property
    def deadline(self) -> float:
        """Seconds that a cycle may take."""
        return self._config.polling.deadline

    @property
    def printer_count(self) -> int:
        """How many printers the inventory has."""
        return len(self.cycle.devices)

    @property
    def camera_count(self) -> int:
        """How many cameras are known."""
        return len(self.watch.registry.cameras) if self.watch else 0

    @property
    def summary(self) -> str:
        """What it is doing, in one line."""
        refused = "" if self._reload_succeeded else "; the last reload failed, an older config runs"
        return f"{self.printer_count} printers, {self.camera_count} cameras{refused}"

    @property
    def is_well(self) -> bool:
        """Whether polls and searches still begin and end."""
        rounds = (self.cycle.rounds, self.searches)
        return not any(each.overdue for each in rounds) and not any(task.done() for task in self._tasks)

    async def scrape(self, kinds: Collection[str], timeout: float) -> None:
        """Poll what is due of these kinds of device, for at most `timeout` seconds."""
        rounds = {"printers": self.cycle.rounds, "cameras": self.searches}
        await asyncio.gather(*(rounds[kind].join(timeout) for kind in kinds))

    async def probe(self, target: str, timeout: float) -> Lines:
        """Poll one printer, found by its name or host, and return its lines; raises TargetError."""
        until = asyncio.get_running_loop().time() + timeout
        device = self._listed(target) or await self._unlisted.find(target)
        await self.cycle.refresh(device, max(0.0, until - asyncio.get_running_loop().time()))
        if self._unlisted.holds(device):
            return render(device.printer, device.record, self._place_of(device))
        self._save_soon()
        return self._lines.get(device.printer.name, {})

    async def poll(self, name: str, timeout: float) -> None:
        """Poll a printer of the inventory now, unless that was done just so; wait for at most `timeout` seconds."""
        if device := self.cycle.devices.get(name):
            await self.cycle.refresh(device, timeout)
            self._save_soon()

    def _save_soon(self) -> None:
        """Save what a single poll has led to: where printers are asked for one by one, rounds are rare."""
        if self.saver and not self.cycle.rounds.closed:
            self.saver.start()

    def _listed(self, target: str) -> Device | None:
        """Return the printer of this name, else the one at this host; raises TargetError when there are several."""
        if device := self.cycle.devices.get(target):
            return device
        there = [device for device in self.cycle.devices.values() if target in device.printer.spellings]
        if len(there) > 1:
            names = ", ".join(device.printer.name for device in there)
            raise TargetError(f"several printers are there; ask for one by its name: {names}")
        return there[0] if there else None

    def _no_unlisted(self, config: Config) -> Unlisted:
        """Return the unlisted printers of a config, of which none was asked for yet."""
        return Unlisted(
            config.probe_allow,
            lambda host, port: resolve(host, port, config.polling.timeout),
            lambda target, host, port: self._make_unlisted(config, target, host, port),
            config.unlisted.port if config.unlisted else DEFAULT_PORTS["snmp"],
        )

    def _make_unlisted(self, config: Config, target: str, host: str, port: int) -> Device:
        assert config.unlisted  # noqa: S101 - there are networks, so there is this
        printer = replace(config.unlisted, name=target, host=host, port=port)
        return Device(printer, self._poller_for(printer, config))

    def _poller_for(self, printer: Printer, config: Config) -> Poller:
        if printer.protocol == "snmp":
            return poller_for(printer, self._engines.open, config.polling, now=self._now)
        return IppPoller(printer, config.polling, now=self._now)

    def _state(self) -> Self:
        return Self(
            printers=self.printer_count,
            cameras=self.camera_count,
            state_writable=self._keeper is None or self._keeper.writable,
            cycles=self.cycle.rounds.finished,
            cycle_duration=self.cycle.rounds.last_duration,
            reload_succeeded=self._reload_succeeded,
            reload_success_at=self._reloaded_at,
        )

    def _take(self, config: Config, on: Occasion) -> None:
        unchanged = _asking(config) == _asking(self._config)
        self._config = config
        self._unlisted.close()
        self._unlisted = self._no_unlisted(config)
        self.searches.polling = config.polling
        self._lines = {}
        self._renderers = {}
        self._take_printers_of(on, keep=unchanged)

    def _take_printers_of(self, on: Occasion, *, keep: bool = True) -> None:
        """Go on with the printers that there are now; `keep` those that are unchanged."""
        old = self.cycle.devices
        addresses = {identity_of(device.printer): device.record.address for device in old.values()}
        printers = self.roster.printers({key: address for key, address in addresses.items() if address}, on)
        devices = {printer.name: self._device(printer, old.get(printer.name), keep=keep) for printer in printers}
        self.cycle.replace(self._config.polling, devices)
        self._renderers = {name: known for name, known in self._renderers.items() if name in devices}
        self._lines = {name: self._lines.get(name) or self._render(device) for name, device in devices.items()}
        asked = (*printers, self._config.unlisted)
        self._engines.keep_only(in_use(printer.credentials for printer in asked if printer))
        self._failures.keep_only(devices)
        if self.saver:
            self.saver.start()

    def _device(self, printer: Printer, old: Device | None, *, keep: bool) -> Device:
        """Keep what is unchanged, and the history of what is still the same host."""
        if old and keep and old.printer == printer:
            return old
        self._lines.pop(printer.name, None)
        if old and keep and replace(old.printer, origin=printer.origin) == printer:
            old.printer = printer
            return old
        return Device(printer, self._poller_for(printer, self._config), self._printers.record_of(printer))

    async def _keep_looking(self) -> None:
        """Take over what changes in the inventory files; runs until cancelled."""
        while True:
            await asyncio.sleep(roster.LOOK_EVERY)
            async with self._reloading:
                await self.roster.look()

    def _settle(self, device: Device, poll: Poll) -> None:
        """Take the outcome of a poll: what is known now, its lines, and a log line when the status changed."""
        is_listed = self.cycle.devices.get(device.printer.name) is device
        if not is_listed and not self._unlisted.holds(device):
            return  # it left the inventory meanwhile
        polling = self._config.polling
        before = device.record
        excused = self._is_excused(device.printer, before, poll)
        device.record = after_poll(
            before,
            poll,
            excused=excused,
            offline_after=polling.offline_after,
            retain=polling.retain,
            zone=self._config.zone,
            lives=self._printers.lives if is_listed else NO_LIVES,
        )
        if is_listed:
            self._printers.settled(device.printer, device.record)
            self._lines[device.printer.name] = self._render(device)
            self._tell_answer(device.printer.name, poll, excused=excused)
            _tell_status(device.printer.name, before, device.record)

    def _tell_answer(self, name: str, poll: Poll, *, excused: bool) -> None:
        """Log that a printer ceased to answer, that it still does not, and that it does again."""
        if not isinstance(poll.result, Failure):
            if self._failures.ended(name):
                log.info("printer answers again", extra={"printer": name})
        elif not excused and (failures := self._failures.failed(name, at=poll.at)):
            fields = {"reason": poll.result.reason, "detail": poll.result.detail, "failures": failures}
            log.warning("printer does not answer", extra={"printer": name} | fields)

    def _is_excused(self, printer: Printer, before: Record, poll: Poll) -> bool:
        if printer.expected_off is None:
            return False
        last_success = poll.at if isinstance(poll.result, Snapshot) else before.last_success
        return is_excused(printer.expected_off, datetime.fromtimestamp(poll.at, self._config.zone), last_success)

    def _render(self, device: Device) -> Lines:
        name = device.printer.name
        if name not in self._renderers or self._renderers[name].printer is not device.printer:
            self._renderers[name] = Renderer(device.printer, functools.partial(self._place, device.printer))
        return self._renderers[name].render(device.record)

    def _place_of(self, device: Device) -> list[tuple[str, str]]:
        return self._place(device.printer, device.record.address or device.printer.host)

    def _place(self, printer: Printer, address: str) -> list[tuple[str, str]]:
        told = printer.origin.location
        location, labels = self._config.place(printer.location, dict(printer.labels), address, told)
        return [("location", location), *labels]

    async def _take_printers(self, saver: Saver) -> None:
        """Take up what is kept of printers; raises StateError."""
        stored = await saver.load(PRINTER_KINDS)
        try:
            self._printers = await asyncio.to_thread(Printers, stored, self._take_over)
        except ValueError as error:
            raise self._unreadable(error) from None
        saver.add(self._printers)

    async def _take_roster(self, saver: Saver) -> None:
        """Take up what is kept of the inventory; raises StateError and ConfigError."""
        stored = await saver.load(SOURCE_KINDS)
        try:
            await self.roster.start(stored)
        except ValueError as error:
            raise self._unreadable(error) from None
        saver.add(self.roster.sources)

    def _take_over(self, name: str) -> None:
        """Go on with what another program has left in the state of a printer."""
        device = self.cycle.devices.get(name)
        if device is None:
            return
        device.record = self._printers.record_of(device.printer)
        self._lines[name] = self._render(device)
        if device.record == Record():
            self.roster.forget(name)

    async def _take_cameras(self, settings: Cameras | None) -> None:
        """Begin to watch cameras, go on with other settings, or cease; raises StateError."""
        if settings and self.watch:
            if self.watch.searches_otherwise(settings):
                # A search must not end under other settings than it began with.
                await self.searches.stop()
            self.watch.configure(settings)
        elif settings and self.saver:
            stored = {mac: text for (_, mac), text in (await self.saver.load((KIND,))).items()}
            try:
                self.watch = Watch(settings, stored, now=self._now)
            except ValueError as error:
                raise self._unreadable(error) from None
            self.saver.add(self.watch)
        elif self.watch and self.saver:
            watch, self.watch = self.watch, None
            await self.searches.stop()
            watch.close()
            await self.saver.remove(watch)

    def _unreadable(self, error: ValueError) -> StateError:
        return StateError(self._state_path, f"{error}: restore a backup, or move it away")

    async def _search(self) -> None:
        """Search for cameras, and make their lines now that nobody waits."""
        watch = self.watch
        if watch is None:
            return
        await watch.search()
        for number, view in enumerate(self.camera_views()):
            self._lines_of(view)
            if number % _SLICE == 0:
                await asyncio.sleep(0)
        for mac in self._camera_lines.keys() - watch.registry.cameras.keys():
            del self._camera_lines[mac]

    def _lines_of(self, view: View) -> Lines:
        """Return the lines of a camera, made anew when something changed."""
        made = self._camera_lines.get(view.camera.mac)
        if made is None or made[0] != view:
            made = self._camera_lines[view.camera.mac] = view, camera_metrics.render(view)
        return made[1]

    @staticmethod
    def _search_lines(watch: Watch) -> Lines:
        return camera_metrics.render_search(
            segments={name: segment.up for name, segment in watch.registry.segments.items()},
            listening=watch.listening,
            answers=watch.last.answers if watch.last else None,
            duration=watch.last.duration if watch.last else None,
            errors=watch.errors,
        )


async def _in_slices(items: Iterable[T]) -> tuple[T, ...]:
    found: list[T] = []
    for number, item in enumerate(items):
        found.append(item)
        if number % _SLICE == 0:
            await asyncio.sleep(0)
    return tuple(found)


def _asking(config: Config) -> tuple[object, ...]:
    """Return what a session depends on beside its printer's own entry."""
    return config.engine, config.polling.timeout, config.polling.retries


def _tell_status(name: str, before: Record, after: Record) -> None:
    if before.status and after.status and before.status.status != after.status.status:
        change = {"printer": name, "from": before.status.status, "to": after.status.status}
        log.info("status changed", extra=change)
