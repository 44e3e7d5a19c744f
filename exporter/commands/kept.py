"""`import` and `forget`: what is done to the state file, beside a running exporter or without one."""

import os
from collections.abc import Callable, Mapping
from datetime import tzinfo
from pathlib import Path

from exporter.cameras import importer
from exporter.cameras.model import Camera, merged
from exporter.cameras.registry import KIND
from exporter.cameras.watch import dump, load
from exporter.config import Config
from exporter.configtypes import mac as as_mac
from exporter.state import MEMORY, Changes, State, StateError


class CommandError(Exception):
    """The command cannot be carried out, and has changed nothing; the text says why."""


def import_cameras(file: Path, config: Config, zone: tzinfo) -> list[str]:
    """Take over another tool's cameras; return what to tell. Raises CommandError and StateError."""
    try:
        with file.open("rb") as stream:
            found = importer.read(stream.read(importer.MAX_SIZE + 1), zone)
    except OSError as error:
        raise CommandError(f"{file}: cannot be read: {error.strerror}") from None
    except importer.ImportFault as error:
        raise CommandError(f"{file}: {error}") from None
    changed = 0

    def changes(stored: Mapping[str, Camera]) -> Changes:
        nonlocal changed
        pairs = [(stored.get(each.mac), each) for each in found.cameras]
        now = [merged(ours, theirs) if ours else theirs for ours, theirs in pairs]
        changed = sum(stored.get(camera.mac) != camera for camera in now)
        return Changes({(KIND, camera.mac): dump(camera) for camera in now}, found.events)

    _change(config, changes)
    told = [f"{file}: {found.shape}, cameras read: {len(found.cameras)}, of which new or better known now: {changed}"]
    return told + [f"  left out {each.where}: {each.why}" for each in found.skipped]


def forget(name: str, config: Config) -> list[str]:
    """Drop the one camera with this MAC or name; return what to tell. Raises CommandError and StateError."""
    if not os.path.exists(config.state_path):  # noqa: PTH110 - pathlib raises where it may not look
        raise CommandError(f"there is no state file {config.state_path}")
    names = {known.mac: known.name for known in (config.cameras.known if config.cameras else ()) if known.name}
    dropped = ""

    def changes(stored: Mapping[str, Camera]) -> Changes:
        nonlocal dropped
        dropped = _the_one(name, stored, names)
        return Changes({(KIND, dropped): None})

    _change(config, changes)
    told = [f"{dropped} is forgotten"]
    if config.cameras and any(known.mac == dropped for known in config.cameras.known):
        told.append("  it is still listed in cameras.known: take it out there too")
    return told


def _the_one(name: str, stored: Mapping[str, Camera], names: Mapping[str, str]) -> str:
    """Return the MAC that is meant."""
    try:
        meant = {as_mac(name)} & stored.keys()
    except ValueError:
        meant = {mac for mac, camera in stored.items() if name in {names.get(mac), camera.label, camera.device.name}}
    if not meant:
        raise CommandError(f"no camera {name!r} in the state")
    if len(meant) > 1:
        raise CommandError(f"{len(meant)} cameras have the name {name!r}, say which: {', '.join(sorted(meant))}")
    return meant.pop()


def _change(config: Config, changes: Callable[[Mapping[str, Camera]], Changes]) -> None:
    """Write what `changes` makes of the cameras stored; a running exporter takes it over with its next search."""
    if config.state_path == MEMORY:
        raise CommandError("state.path is :memory:, which keeps nothing")
    state = State(config.state_path)
    try:
        while not state.write(changes(stored_cameras(state, config.state_path))):
            pass
    finally:
        state.close()


def stored_cameras(state: State, path: str) -> dict[str, Camera]:
    """Return the cameras that the state holds; raises StateError."""
    try:
        return {mac: load(mac, text) for mac, text in state.documents(KIND).items()}
    except ValueError as error:
        raise StateError(path, str(error)) from None
