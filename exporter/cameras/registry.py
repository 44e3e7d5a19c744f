"""Who is there: a pure state machine, fed with every sighting and with the end of every search.

    registry = Registry(settings, cameras, at=now)
    registry.heard(sighting, at=now, monotonic=clock)
    registry.searched(search)
    registry.cameras, registry.segments, registry.conflicts()
    registry.take_changes()                    # what the state has to keep

Two clocks go in. `at` is the time of day in Unix seconds, which may jump; it only dates things. Everything that is
waited for is measured by `monotonic`, in seconds.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Final

from exporter.cameras.model import (
    PRESENT,
    AddressChange,
    Camera,
    Device,
    Search,
    Sighting,
    Status,
    camera,
    merged,
    with_facts,
)
from exporter.config import Cameras
from exporter.state import Event

KIND: Final = "camera"
"""Under which the state keeps cameras and their events."""
MAX_CAMERAS = 10_000
"""More are not taken up: forged datagrams must not fill the memory."""
_MAX_EVENTS = 20_000

# So many heard in the last hour in which any was, and none now: the segment is at fault, not all of them at once.
_QUORUM = 3
_QUORUM_MEMORY = 3600.0
# Announcements come every 5 s for 20 minutes after a start; ten in a row have been seen to get lost.
_ANNOUNCEMENT_GAP = 120.0
_ANNOUNCEMENTS_LAST = 1200.0

# A machine without a battery for its clock begins in 1970, until it is told the time: no date before 2020 is believed.
_PLAUSIBLE = 1_577_836_800.0

# Facts whose changes are kept.
_TRACKED = ("address", "name", "firmware")
_ABSENT = frozenset[Status]({"offline", "missing"})


@dataclass(frozen=True, slots=True)
class Segment:
    """An interface: whether the cameras behind it can be heard, and since when (the start of a search, monotonic)."""

    up: bool
    since: float


@dataclass(frozen=True, slots=True)
class Changed:
    """What changed since it was last asked: cameras by MAC (None: dropped), and what happened to them, in order."""

    cameras: Mapping[str, Camera | None]
    events: tuple[Event, ...]


class Registry:
    """All cameras heard, kept or listed, by MAC."""

    def __init__(self, settings: Cameras, cameras: Iterable[Camera] = (), *, at: float) -> None:
        self.segments: Mapping[str, Segment] = {}
        self.refused = 0
        """Sightings of further cameras than MAX_CAMERAS."""
        self._cameras: dict[str, Camera] = {}
        self._heard: defaultdict[str, set[str]] = defaultdict(set)
        self._announced: dict[str, float] = {}
        self._searched_at: float | None = None
        self._changed: set[str] = set()
        self._events: deque[Event] = deque(maxlen=_MAX_EVENTS)
        for each in cameras:
            self.merge(each, at=at)
        self._changed.clear()
        self.configure(settings, at=at)

    @property
    def cameras(self) -> Mapping[str, Camera]:
        """All of them, by MAC."""
        return self._cameras

    def configure(self, settings: Cameras, *, at: float) -> None:
        """Take over other settings: cameras listed now, or no longer."""
        self._settings = settings
        self._listed = {known.mac for known in settings.known}
        for mac in self._listed - self._cameras.keys():
            self._put(replace(camera(mac), status_since=at))
        for mac in [mac for mac, each in self._cameras.items() if mac not in self._listed and _is_blank(each)]:
            self.forget(mac)

    def merge(self, stored: Camera, *, at: float) -> None:
        """Take over what the state holds of a camera."""
        ours = self._cameras.get(stored.mac)
        if ours is None:
            self._put(stored)
            return
        both = merged(ours, stored)
        if ours.status in _ABSENT and not both.discoveries and both.last_seen != ours.last_seen:
            # It was judged without knowing when another tool saw it.
            both = replace(both, status="unknown", status_since=at, misses=0)
        self._put(both)

    def forget(self, mac: str) -> None:
        """Drop a camera; it comes back as a new one, at once when it is listed, else when it is heard again."""
        if known := self._cameras.pop(mac, None):
            self._changed.add(mac)
            self._announced.pop(mac, None)
            for macs in self._heard.values():
                macs.discard(mac)
            if mac in self._listed:
                self._put(replace(camera(mac), status_since=known.status_since))

    def expects_nobody_but(self, heard: AbstractSet[str]) -> bool:
        """Tell whether all who may be there are among these MACs; False when nobody may."""
        expected = [mac for mac, each in self._cameras.items() if each.status not in _ABSENT]
        return bool(expected) and all(mac in heard for mac in expected)

    def heard(self, sighting: Sighting, *, at: float, monotonic: float) -> None:
        """Take in a sighting: recovery and new addresses show at once."""
        device = sighting.device
        before = self._cameras.get(device.mac)
        if before is None and len(self._cameras) >= MAX_CAMERAS:
            self.refused += 1
            return
        known = before or camera(device.mac)
        if known.first_seen is None:
            # It may have announced itself before we could hear it.
            self._announced[device.mac] = monotonic
        if sighting.announced:
            known = self._announcement(known, at, monotonic)
        known = self._facts(known, device, at)
        first_seen = at if known.first_seen is None else known.first_seen
        if at > _PLAUSIBLE:
            first_seen = min(first_seen, at)
        known = replace(
            known,
            label=known.label or device.name,
            interface=known.interface or sighting.interface,
            first_seen=first_seen,
            last_seen=max(first_seen, at),
            misses=0,
            silence=0.0,
            up=True,
        )
        self._put(self._judged(known, at, blind_for=None))
        self._heard[sighting.interface].add(device.mac)

    def searched(self, search: Search) -> None:
        """Take in the end of a search: who was missed, which segments are blind, who is to be dropped."""
        before = self.segments
        last = search.monotonic if self._searched_at is None else self._searched_at
        self._searched_at = search.monotonic
        self.segments = self._segments(search)
        watched = {name for name, now in self.segments.items() if now.up and name in before and before[name].up}
        heard, self._heard = self._heard, defaultdict(set)
        for known in list(self._cameras.values()):
            where = [name for name, macs in heard.items() if known.mac in macs]
            if where:
                self._put(self._met(known, where, search))
            else:
                self._put(self._missed(known, search, watched, search.monotonic - last))
        self._drop_forgotten()

    def conflicts(self) -> dict[str, str]:
        """Return the address of each camera that is present at an address where another one is."""
        present = [each for each in self._cameras.values() if each.status in PRESENT and each.device.address]
        place = sorted(present, key=_place)
        groups = [list(group) for _, group in groupby(place, key=_place)]
        return {each.mac: each.device.address for group in groups if len(group) > 1 for each in group}

    def take_changes(self) -> Changed:
        """Return what changed since this was last called."""
        events = tuple(event for event in self._events if event.key in self._cameras)
        changes = Changed({mac: self._cameras.get(mac) for mac in sorted(self._changed)}, events)
        self._changed.clear()
        self._events.clear()
        return changes

    def _drop_forgotten(self) -> None:
        forget_after = self._settings.forget_after
        old = [each.mac for each in self._cameras.values() if each.silence >= forget_after]
        for mac in old:
            if mac not in self._listed:
                self.forget(mac)

    def _put(self, known: Camera) -> None:
        if self._cameras.get(known.mac) != known:
            self._cameras[known.mac] = known
            self._changed.add(known.mac)

    def _event(self, mac: str, at: float, what: str, before: str | None, after: str | None) -> None:
        self._events.append(Event(KIND, mac, at, what, before, after))

    def _announcement(self, known: Camera, at: float, monotonic: float) -> Camera:
        """Tell a restart by the first announcement after silence; a camera never heard before has not restarted."""
        is_restart = self._was_quiet(known, at, monotonic)
        self._announced[known.mac] = monotonic
        if not is_restart:
            return replace(known, announced=at)
        self._event(known.mac, at, "restart", None, None)
        return replace(known, announced=at, restarts=known.restarts + 1, restarted=at)

    def _was_quiet(self, known: Camera, at: float, monotonic: float) -> bool:
        """Tell whether it had ceased to announce itself; where we could not listen, it may have gone on unheard."""
        last = self._announced.get(known.mac)
        if last is None:
            before = known.first_seen if known.announced is None else known.announced
            return before is not None and abs(at - before) > _ANNOUNCEMENTS_LAST
        segment = self.segments.get(known.interface)
        listened = segment is not None and segment.up and segment.since <= last
        return monotonic - last > (_ANNOUNCEMENT_GAP if listened else _ANNOUNCEMENTS_LAST)

    def _facts(self, known: Camera, device: Device, at: float) -> Camera:
        """Take over what a device says of itself; what it said before stays where it is silent now."""
        facts = with_facts(known.device, device)
        for what in _TRACKED:
            before, after = getattr(known.device, what), getattr(facts, what)
            if after != before:
                self._event(known.mac, at, what, before or None, after)
        previous = known.device.address
        if previous in ("", facts.address):
            return replace(known, device=facts)
        change = AddressChange(at, facts.address, previous)
        return replace(known, device=facts, address_change=change, address_changes=known.address_changes + 1)

    def _segments(self, search: Search) -> dict[str, Segment]:
        """Judge the interfaces searched, and those behind which cameras were that are no longer searched."""
        # Without any interface there is one that has no name, and is blind.
        silences: dict[str, list[float]] = {name: [] for name in search.segments or [""]}
        for each in self._cameras.values():
            if each.interface:
                silences.setdefault(each.interface, []).append(each.silence)
        return {name: self._segment(name, silences[name], search) for name in sorted(silences)}

    def _segment(self, name: str, silences: list[float], search: Search) -> Segment:
        # Silence stands still in a blind segment, so this holds until somebody is heard. The time of day might jump.
        longest = min(silences, default=0.0) + _QUORUM_MEMORY
        is_silent = not self._heard.get(name) and sum(silence <= longest for silence in silences) >= _QUORUM
        up = search.segments.get(name, False) and not is_silent
        before = self.segments.get(name)
        return before if before and before.up == up else Segment(up, search.monotonic - search.duration)

    def _met(self, known: Camera, where: list[str], search: Search) -> Camera:
        interface = known.interface if known.interface in where else min(where)
        known = replace(known, interface=interface, up=True, discoveries=known.discoveries + 1)
        return self._judged(known, search.at, blind_for=None)

    def _missed(self, known: Camera, search: Search, watched: set[str], gap: float) -> Camera:
        """Count a miss where the search was heard out; else leave everything as it was, until it is too old."""
        blind_for = self._blind_for(known, search.monotonic)
        if blind_for is None:
            where = [known.interface] if known.interface else list(self.segments)
            silence = known.silence + (gap if watched.issuperset(where) else 0.0)
            known = replace(known, up=False, misses=known.misses + 1, silence=silence)
        else:
            # What was missed before it became unknown says nothing of it when it can be heard again.
            misses = 0 if blind_for >= self._settings.blind_after else known.misses
            known = replace(known, up=False if search.segments.get(known.interface) else None, misses=misses)
        return self._judged(known, search.at, blind_for=blind_for)

    def _blind_for(self, known: Camera, monotonic: float) -> float | None:
        """Return for how long nothing can be said of a camera, None when it was searched for and listened to.

        One that was never heard may be behind any interface.
        """
        segments = self.segments if not known.interface else {known.interface: self.segments[known.interface]}
        blind = [monotonic - segment.since for segment in segments.values() if not segment.up]
        return max(blind, default=None)

    def _judged(self, known: Camera, at: float, *, blind_for: float | None) -> Camera:
        status = self._status(known, at, blind_for)
        if status == known.status and known.status_since is not None:
            return known
        return replace(known, status=status, status_since=at)

    def _status(self, known: Camera, at: float, blind_for: float | None) -> Status:
        """Return the first that holds of unknown, missing, offline, ip_changed, active; blindness changes nothing."""
        if blind_for is not None:
            return "unknown" if blind_for >= self._settings.blind_after else known.status
        if known.misses >= self._settings.offline_after:
            return "missing" if self._is_missing(known, at) else "offline"
        if known.misses and known.status not in PRESENT:
            return known.status
        change = known.address_change
        # Far ahead: a clock went back since.
        is_new = change is not None and abs(at - change.at) < self._settings.ip_changed_for
        return "ip_changed" if is_new else "active"

    def _is_missing(self, known: Camera, at: float) -> bool:
        """Tell whether it was watched for long enough; of one that we never heard, only its import may tell when."""
        is_long = known.silence >= self._settings.missing_after
        if is_long or known.discoveries:
            return is_long
        if known.status != "unknown":
            # The time of day may jump: it is asked once.
            return known.status == "missing"
        return known.last_seen is None or at - known.last_seen >= self._settings.missing_after


def _is_blank(known: Camera) -> bool:
    """Tell whether nothing was ever heard of a camera, here or by another tool; that it was missed is no news of it."""
    return known == replace(
        camera(known.mac),
        status=known.status,
        status_since=known.status_since,
        misses=known.misses,
        silence=known.silence,
        up=known.up,
    )


def _place(known: Camera) -> tuple[str, str]:
    return known.interface, known.device.address
