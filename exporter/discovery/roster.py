"""The running inventory: its sources are looked at, made one, and what changes is counted and written down."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from exporter.config import Config, Printer
from exporter.discovery import audit, files
from exporter.discovery.addresses import addresses_of
from exporter.discovery.audit import AuditLog, Occasion
from exporter.discovery.files import Read
from exporter.discovery.found import Found
from exporter.discovery.inventory import Change
from exporter.discovery.sources import Sources
from exporter.repeats import Repeats
from exporter.state import Key

log = logging.getLogger(__name__)

LOOK_EVERY = 2.0
"""Seconds between two looks at the inventory files."""


@dataclass(frozen=True, slots=True)
class Overview:
    """The inventory at one moment, in numbers."""

    files: Mapping[str, tuple[bool, int]] = field(default_factory=dict)
    """By path: whether it can be used as it is now, and how many printers are used of it."""
    conflicts: Mapping[str, int] = field(default_factory=dict)
    """By what the sources differ in."""
    changes: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """By change and kind of source, since the start."""
    audit_writable: bool | None = None
    """None where there is no audit log."""


class Roster:
    """All printers of a config, its files and its print servers.

    `take` is called when something other than the config changed, and is to end in a call of `printers`; `now` is the
    time of day in Unix seconds.
    """

    def __init__(self, config: Config, take: Callable[[], None], now: Callable[[], float]) -> None:
        self.sources = Sources()
        self._config = config
        self._take = take
        self._now = now
        self._files: Mapping[str, Read] = {}
        self._audit = AuditLog(config.audit_path)
        self._changes: Counter[tuple[str, str]] = Counter()
        self._failures = Repeats()

    async def start(self, documents: Mapping[Key, str]) -> None:
        """Go on with what the state holds; raises ConfigError where the audit log cannot be written, and ValueError."""
        await self._audit.check()
        self.sources = Sources(documents, self._take)
        self._files = self.sources.files

    async def read(self, config: Config) -> Mapping[str, Read]:
        """Return the files of a config as they are now; raises ConfigError where its audit log cannot be written."""
        if config.audit_path != self._audit.path:
            await AuditLog(config.audit_path).check()
        return await self._looked(config, at_once=True)

    def configure(self, config: Config, found: Mapping[str, Read]) -> None:
        """Go on with a config and its files."""
        self._config, self._files = config, found
        self._audit.path = config.audit_path

    def printers(self, addresses: Mapping[str, str], on: Occasion) -> Sequence[Printer]:
        """Return all printers as they are now; `addresses` are those to which hosts led, by identity."""
        changes = self.sources.take(self._config, self._files, addresses, self._now())
        printers = self.sources.inventory.printers
        if changes is None:
            self._audit.add([audit.first_line(len(printers), self._now())])
        else:
            self._note(changes, on)
        return printers

    async def told(self, url: str, printers: Collection[Found]) -> None:
        """Take over all printers of which a print server of the config tells now."""
        addresses = await addresses_of({found.host for found in printers}, self._config.polling.timeout)
        forget_after = self._config.discovery.forget_after
        self.sources.told(url, printers, self._now(), addresses=addresses, forget_after=forget_after)
        self._take()

    def forget(self, name: str) -> None:
        """Drop a printer that a person has forgotten, where only print servers tell of it."""
        if self.sources.drop(name):
            self._take()

    async def look(self) -> None:
        """Take over what has changed in the files, and write the audit log; never raises for what is in them."""
        try:
            found = await self._looked(self._config, at_once=False)
            changed = _contents(found) != _contents(self._files)
            self._files = found
            if changed:
                self._take()
            await self._audit.flush(self._now())
        except Exception:  # the next look may be luckier
            if times := self._failures.failed("look", at=self._now()):
                log.exception("the inventory files could not be looked at", extra={"failures": times})

    async def close(self) -> None:
        """Write what is left of the audit log."""
        await self._audit.flush(self._now())

    @property
    def overview(self) -> Overview:
        """Return what there is to count."""
        return Overview(
            files={path: (not file.fault, len(file.printers)) for path, file in self._files.items() if file.is_read},
            conflicts=Counter(conflict.what for conflict in self.sources.inventory.conflicts),
            changes=self._changes,
            audit_writable=self._audit.writable,
        )

    async def _looked(self, config: Config, *, at_once: bool) -> Mapping[str, Read]:
        """Look at the files of a config, and log which of them cannot be used any more, or again."""
        before = self._files
        found = await asyncio.to_thread(files.look, before, config, at_once=at_once)
        for path, now in found.items():
            fault = before[path].fault if path in before else None
            if now.fault and (not fault or now.fault.faults != fault.faults):
                log.error("inventory file not loaded, what it said before stays", extra={"faults": now.fault.brief})
            elif fault and not now.fault:
                log.info("inventory file loaded again", extra={"file": path, "printers": len(now.printers)})
        return found

    def _note(self, changes: Sequence[Change], on: Occasion) -> None:
        self._audit.add(audit.lines(changes, self._now(), on))
        self._changes.update((change.what, change.kind) for change in changes)
        if changes:
            log.info("inventory changed", extra=dict(Counter(change.what for change in changes)))


def _contents(found: Mapping[str, Read]) -> dict[str, tuple[object, ...]]:
    """Return what of files makes a difference."""
    return {path: (file.text, file.printers) for path, file in found.items()}
