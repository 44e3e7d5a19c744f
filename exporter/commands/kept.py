"""`import` and `forget`: what is done to the state file, beside a running exporter or without one."""

import os
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import tzinfo
from pathlib import Path
from typing import TypeVar

from exporter import foreign
from exporter.cameras import importer
from exporter.cameras.model import Camera, merged
from exporter.cameras.registry import KIND
from exporter.cameras.stored import dump, load
from exporter.commands.errors import CommandError
from exporter.commands.files import exists
from exporter.config import Config
from exporter.configtypes import mac as as_mac
from exporter.discovery import files, sources
from exporter.discovery.inventory import Told
from exporter.discovery.sources import KINDS as SOURCE_KINDS
from exporter.printers.imported import IMPORTED, imported_months
from exporter.printers.stored import ENGINE, KINDS, RECORD, SNAPSHOT, engine_of, load_record
from exporter.state import MEMORY, Changes, Key, State, StateError

T = TypeVar("T")


def import_cameras(file: Path, config: Config, zone: tzinfo) -> list[str]:
    """Take over another tool's cameras; return what to tell. Raises CommandError and StateError."""
    found = read_foreign(file, lambda data: importer.read(data, zone))
    changed = 0

    def changes(state: State) -> Changes:
        nonlocal changed
        stored = stored_cameras(state, config.state_path)
        pairs = [(stored.get(each.mac), each) for each in found.cameras]
        now = [merged(ours, theirs) if ours else theirs for ours, theirs in pairs]
        changed = sum(stored.get(camera.mac) != camera for camera in now)
        return Changes({(KIND, camera.mac): dump(camera) for camera in now}, found.events)

    change_state(config, changes)
    told = [f"{file}: {found.shape}, cameras read: {len(found.cameras)}, of which new or better known now: {changed}"]
    return told + [f"  left out {each.where}: {each.why}" for each in found.skipped]


def read_foreign(file: Path, read: Callable[[bytes], T], max_size: int = foreign.MAX_SIZE) -> T:
    """Return what `read` makes of a file's octets; raises CommandError."""
    try:
        with file.open("rb") as stream:
            return read(stream.read(max_size + 1))
    except OSError as error:
        raise CommandError(f"{file}: cannot be read: {error.strerror}") from None
    except foreign.ImportFault as error:
        raise CommandError(f"{file}: {error}") from None


def forget(name: str, config: Config) -> list[str]:
    """Drop the one camera or printer with this name, MAC or serial number; return what to tell.

    Raises CommandError and StateError.
    """
    if not exists(config.state_path):
        raise CommandError(f"there is no state file {config.state_path}")
    names = {known.mac: known.name for known in (config.cameras.known if config.cameras else ()) if known.name}
    dropped = (KIND, "")
    told_by: list[str] = []

    def changes(state: State) -> Changes:
        nonlocal dropped, told_by
        cameras, printers = stored_cameras(state, config.state_path), stored_serials(state, config.state_path)
        found = _stored_told(state, config.state_path, name)
        dropped = _the_one(name, _cameras_meant(name, cameras, names), _printers_meant(name, printers, found))
        told_by = [url for url, told in found.values() if told.gone is None]
        keys = [dropped] if dropped[0] == KIND else [*_documents_of(dropped[1], printers), *found]
        return Changes(dict.fromkeys(keys))

    change_state(config, changes)
    told = [f"{dropped[1]} is forgotten"]
    if dropped[0] == KIND and config.cameras and any(known.mac == dropped[1] for known in config.cameras.known):
        told.append("  it is still listed in cameras.known: take it out there too")
    if dropped[0] == RECORD and (where := _where_listed(dropped[1], config)):
        told.append(f"  it is still listed in {where}: take it out there too, or it begins anew with its next poll")
    if dropped[0] == RECORD and told_by:
        told.append(f"  {told_by[0]} still tells of it: take it out there too, or it comes back with its next answer")
    return told


def _where_listed(name: str, config: Config) -> str:
    """Return where a person lists a printer: `printers`, a file, or ""."""
    if any(printer.name == name for printer in config.printers):
        return "printers"
    found = files.look({}, config, at_once=True)
    return next((path for path, file in found.items() if any(each.name == name for each in file.printers)), "")


def _cameras_meant(name: str, stored: Mapping[str, Camera], names: Mapping[str, str]) -> set[str]:
    """Return the MACs that may be meant."""
    try:
        return {as_mac(name)} & stored.keys()
    except ValueError:
        return {mac for mac, camera in stored.items() if name in {names.get(mac), camera.label, camera.device.name}}


def _printers_meant(name: str, serials: Mapping[str, str], told: Collection[Key]) -> set[str]:
    """Return the names of the printers that may be meant."""
    stored = {printer for printer, serial in serials.items() if name and name in {printer, serial}}
    return stored | ({name} if told else set())


def _the_one(name: str, cameras: set[str], printers: set[str]) -> Key:
    """Return the kind and key of the device that is meant."""
    meant = [(KIND, mac) for mac in sorted(cameras)] + [(RECORD, printer) for printer in sorted(printers)]
    if not meant:
        raise CommandError(f"no camera or printer {name!r} in the state")
    if len(meant) > 1:
        told = ", ".join(key if kind == KIND else f"printer {key}" for kind, key in meant)
        raise CommandError(f"{len(meant)} devices have the name {name!r}, say which by MAC or serial number: {told}")
    return meant[0]


def stored_serials(state: State, path: str) -> dict[str, str]:
    """Return the serial number of each printer that the state holds, by name; raises StateError.

    One of which only another tool's months are kept is there under the name that it had then.
    """
    # All kinds are read, since `write` looks for what others changed since then.
    records, *_ = [state.documents(kind) for kind in KINDS]
    imported = imported_months(state, path)
    try:
        serials = {name: load_record(name, text).record.serial for name, text in records.items()}
    except ValueError as error:
        raise StateError(path, str(error)) from None
    engines = {engine_of(name, serial) for name, serial in serials.items()}
    gone = {each.name: key for key, each in imported.items() if key not in engines and each.name not in serials}
    return {name: "" if key == engine_of(name, "") else key for name, key in gone.items()} | serials


def _stored_told(state: State, path: str, name: str) -> dict[Key, tuple[str, Told]]:
    """Return what the state holds of a printer that print servers tell of; raises StateError."""
    documents = {(kind, key): text for kind in SOURCE_KINDS for key, text in state.documents(kind).items()}
    try:
        return sources.of_name(documents, name)
    except ValueError as error:
        raise StateError(path, str(error)) from None


def _documents_of(name: str, serials: Mapping[str, str]) -> list[Key]:
    """Return the documents of a printer; that of its engine only when no other name leads to it."""
    if name not in serials:  # it was never asked
        return []
    engine = engine_of(name, serials[name])
    is_shared = any(engine_of(other, serial) == engine for other, serial in serials.items() if other != name)
    engines = {engine_of(name, ""), *(() if is_shared else (engine,))}
    return [(RECORD, name), (SNAPSHOT, name), *((kind, key) for key in engines for kind in (ENGINE, IMPORTED))]


def change_state(config: Config, changes: Callable[[State], Changes]) -> None:
    """Write what `changes` makes of what is stored; a running exporter takes it over when it saves next."""
    with opened(config.state_path) as state:
        while not state.write(changes(state)):
            pass


@contextmanager
def opened(path: str) -> Iterator[State]:
    """Open the state file for changes; raises CommandError and StateError.

    One that root makes here belongs to whom its folder does, as if the exporter had made it.
    """
    if path == MEMORY:
        raise CommandError("state.path is :memory:, which keeps nothing")
    is_new = not exists(path)
    with closing(State(path)) as state:
        if is_new and os.geteuid() == 0:
            folder = Path(path).absolute().parent.stat()
            os.chown(path, folder.st_uid, folder.st_gid)
        yield state


def stored_cameras(state: State, path: str) -> dict[str, Camera]:
    """Return the cameras that the state holds; raises StateError."""
    try:
        return {mac: load(mac, text) for mac, text in state.documents(KIND).items()}
    except ValueError as error:
        raise StateError(path, str(error)) from None
