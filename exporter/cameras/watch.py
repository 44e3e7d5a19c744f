"""The camera side of a running exporter: it searches, listens, judges, and tells what of it is to be kept."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import islice

from exporter.cameras.model import Camera, Search, Sighting
from exporter.cameras.network import Network
from exporter.cameras.registry import KIND, Registry, Segment
from exporter.cameras.stored import dump, load
from exporter.config import Cameras
from exporter.state import Changes, Key

log = logging.getLogger(__name__)

# Lines on changes that one search may lead to; the state has them all.
_MAX_LINES = 50
# Documents made before the loop has its turn.
_SLICE = 100


class Watch:
    """Searches for cameras when asked, listens all the time; `stored` is what the state holds of them, by MAC.

    Raises ValueError when that is not what was once written there.
    """

    def __init__(
        self,
        settings: Cameras,
        stored: Mapping[str, str],
        *,
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._now = now
        self._monotonic = monotonic
        self.last: Search | None = None
        self.registry = Registry(settings, [load(mac, text) for mac, text in stored.items()], at=now())
        self._told = dict(self.registry.cameras)
        self._heard_since: set[str] = set()
        self._network = Network(settings.search, self._heard, now=now, monotonic=monotonic)

    @property
    def listening(self) -> bool:
        """Whether the listen port is open on every chosen interface."""
        return self._network.listening

    @property
    def errors(self) -> Mapping[str, int]:
        """How often something went wrong with searches and datagrams, by reason."""
        return {**self._network.errors, "too_many": self.registry.refused}

    def searches_otherwise(self, settings: Cameras) -> bool:
        """Tell whether other settings would change how it searches."""
        return settings.search != self._network.settings

    def configure(self, settings: Cameras) -> None:
        """Take over other settings."""
        self._network.configure(settings.search)
        self.registry.configure(settings, at=self._now())

    async def search(self) -> None:
        """Search once and judge all cameras."""
        segments = self.registry.segments
        self._heard_since.clear()
        self.last = await self._network.search(lambda: self.registry.expects_nobody_but(self._heard_since))
        self.registry.searched(self.last)
        _log_cameras(self._told, self.registry.cameras)
        self._told = dict(self.registry.cameras)
        _log_segments(segments, self.registry.segments)

    def close(self) -> None:
        """Give the sockets back."""
        self._network.close()

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kind of documents that is kept here."""
        return (KIND,)

    def changes(self) -> Iterator[Changes]:
        """Yield what changed since this was last called, in pieces that do not take long to make."""
        changed = self.registry.take_changes()
        cameras = iter(changed.cameras.items())
        yield Changes({}, changed.events)
        while piece := list(islice(cameras, _SLICE)):
            yield Changes({(KIND, mac): dump(camera) for mac, camera in piece})

    def dump(self, key: Key) -> str | None:
        """Return a camera as it is to be kept now; None for one that is to be dropped."""
        return dump(self.registry.cameras.get(key[1]))

    def merge(self, key: Key, text: str) -> None:
        """Take over what another program may have written; raises ValueError for what cannot be read."""
        self.registry.merge(load(key[1], text), at=self._now())

    def forget(self, key: Key) -> None:
        """Drop what another program has dropped."""
        log.info("camera forgotten", extra={"mac": key[1]})
        self.registry.forget(key[1])

    def _heard(self, sighting: Sighting) -> None:
        self.registry.heard(sighting, at=self._now(), monotonic=self._monotonic())
        self._heard_since.add(sighting.device.mac)


def _log_cameras(before: Mapping[str, Camera], after: Mapping[str, Camera]) -> None:
    """Write a line for each camera that changed its status or address; no flood of them."""
    lines = [line for mac, camera in after.items() for line in _changes_of(before.get(mac), camera)]
    for message, fields in lines[:_MAX_LINES]:
        log.info(message, extra=fields)
    if len(lines) > _MAX_LINES:
        log.info("more cameras changed", extra={"count": len(lines) - _MAX_LINES})


def _changes_of(before: Camera | None, after: Camera) -> Iterator[tuple[str, dict[str, object]]]:
    fields: dict[str, object] = {"mac": after.mac, "camera": after.label or after.mac}
    if before is None:
        yield "camera found", fields | {"address": after.device.address, "interface": after.interface}
    elif before.status != after.status:
        yield "camera status changed", fields | {"from": before.status, "to": after.status}
    change = after.address_change
    if change and change != (before and before.address_change):
        yield "camera address changed", fields | {"from": change.previous, "to": change.address}


def _log_segments(before: Mapping[str, Segment], after: Mapping[str, Segment]) -> None:
    for name, segment in after.items():
        was_up = name not in before or before[name].up
        if was_up and not segment.up:
            log.warning("cameras cannot be searched or heard here, their states stay", extra={"interface": name})
        elif segment.up and not was_up:
            log.info("cameras can be heard here again", extra={"interface": name})
