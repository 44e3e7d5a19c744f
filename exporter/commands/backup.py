"""`export` and `import FILE`: the inventory and the state written to a file, and put back from there."""

import os
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from exporter import backup, config
from exporter.backup import Backup
from exporter.commands.errors import CommandError
from exporter.commands.files import create, exists
from exporter.commands.kept import opened, read_foreign
from exporter.commands.listfiles import gathered, put_back
from exporter.config import Config, ConfigFile, split_host
from exporter.configtypes import mac
from exporter.discovery import entries
from exporter.discovery.entries import WriteError
from exporter.discovery.insertion import put, rendered
from exporter.discovery.inventory import identity
from exporter.state import MEMORY, Changes, State, StateError

# What a variable that is not set yet is taken for while a config is checked; a password has 8 letters.
_UNSET = "not set yet"


# ---- export


def export(path: Path, *, with_secrets: bool) -> tuple[str, list[str]]:
    """Return the config at a path and its state as a backup, and what to warn of.

    Raises CommandError, ConfigError and StateError.
    """
    data, sections = config.sections(config.read_text(path), str(path), os.environ, path.parent)
    written = backup.plain(data, sections, with_secrets=with_secrets)
    files, elsewhere = gathered(written.get("printers_files") or (), path.parent)
    try:
        text = backup.dumped(Backup(written, _stored(sections.state.path), files))
    except ValueError as error:
        raise StateError(sections.state.path, str(error)) from None
    warnings = [f"{name} is not in the backup: it is not below the folder of the config" for name in elsewhere]
    if with_secrets:
        warnings.append("this backup holds the secrets of the config: keep it from others")
    return text, warnings


def _stored(path: str) -> Changes:
    if path == MEMORY:
        return Changes()
    if not exists(path):
        raise CommandError(f"there is no state file {path}: run this in the folder in which the exporter runs")
    with closing(State(path, read_only=True)) as state:
        return state.contents()


def write(file: Path, text: str, *, force: bool) -> None:
    """Write a backup whole or not at all, for this user's eyes only; raises CommandError."""
    try:
        if exists(file) and not force:
            raise CommandError(f"{file} exists already; --force overwrites it")
        if exists(file) and not stat.S_ISREG(file.stat().st_mode):
            raise CommandError(f"{file}: cannot be written: it is not a file")
        handle, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
            Path(name).replace(file)
        finally:
            Path(name).unlink(missing_ok=True)
    except OSError as error:
        raise CommandError(f"{file}: cannot be written: {error.strerror}") from None


# ---- import


def restore(file: Path, path: Path, *, replace: bool) -> list[str]:
    """Put back the state, and what the config at a path lacks of the inventory; return what to tell.

    A state that holds something else is left alone unless `replace`. Raises CommandError, ConfigError and StateError.
    """
    found = read_foreign(file, backup.read, backup.MAX_SIZE)
    unset = [name for name in found.variables if name not in os.environ]
    target = _Target(path, {**os.environ, **dict.fromkeys(unset, _UNSET)})
    told = [
        f"{file}: documents of the state: {len(found.contents.documents)}, events: {len(found.contents.events)}",
        _restored(found.contents, target.checked(target.with_(found.config)).state_path, replace=replace),
        target.written(found.config),
    ]
    if found.files:
        told.append(f"  inventory files: {len(found.files)}, written: {len(put_back(found.files, path.parent))}")
    if unset:
        told.append(f"  secrets are not in the backup; set these for the exporter before it starts: {', '.join(unset)}")
    return told


@dataclass(frozen=True, slots=True)
class _Target:
    """The config that is to have what a backup's has, and the environment that its secrets are taken from."""

    path: Path
    environ: Mapping[str, str] = field(repr=False)

    def with_(self, data: dict[str, Any]) -> str:
        """Return the text of the config with what it lacks of the backup's; raises CommandError and ConfigError."""
        if not exists(self.path):
            return rendered(data)
        text = config.read_text(self.path)
        ours, sections = config.sections(text, str(self.path), self.environ, self.path.parent)
        printers = list(_lacking_printers(data, sections))
        try:
            text = put(text, ("snmp", "credentials"), _lacking_credentials(data, printers, sections, ours))
            text = put(text, ("printers",), printers)
            text = put(text, ("printers_files",), _lacking_patterns(data, ours))
            return put(text, ("cameras", "known"), list(_lacking_cameras(data, sections)))
        except WriteError as error:
            raise CommandError(f"{self.path}: {error}") from None

    def checked(self, text: str) -> Config:
        """Return the config that a text makes; raises ConfigError."""
        return config.parse(text, str(self.path), self.environ, self.path.parent)

    def written(self, data: dict[str, Any]) -> str:
        """Write the config where it is to change, and return what to tell; raises CommandError and ConfigError."""
        text = self.with_(data)  # of now: restoring the state took its time
        if not exists(self.path):
            create(self.path, text, is_secret=bool(self.checked(text).secret_lines))
            return f"  {self.path}: written"
        if config.read_text(self.path) == text:
            return f"  {self.path}: has all printers and cameras of the backup"
        try:
            kept = entries.rewrite(self.path, lambda _: text, self.environ)
        except WriteError as error:
            raise CommandError(str(error)) from None
        return f"  {self.path}: has what it lacked; what it was is in {kept}"


def _lacking_printers(data: dict[str, Any], sections: ConfigFile) -> Iterator[dict[str, Any]]:
    """Yield the printers of a backup that the config has neither by name nor by host."""
    names = {printer.name for printer in sections.printers}
    places = {_place(printer.host, printer.device) for printer in sections.printers}
    for entry in data.get("printers") or ():
        if str(entry.get("name")) not in names and _place(entry.get("host"), entry.get("device")) not in places:
            yield entry


def _place(host: object, device: object) -> object:
    try:
        return identity(*split_host(str(host))), str(device)
    except ValueError:
        return None


def _lacking_patterns(data: dict[str, Any], ours: Mapping[str, Any]) -> list[str]:
    known = ours.get("printers_files") or ()
    return [pattern for pattern in data.get("printers_files") or () if pattern not in known]


def _lacking_cameras(data: dict[str, Any], sections: ConfigFile) -> Iterator[dict[str, Any]]:
    known = {camera.mac for camera in sections.cameras.known}
    names = {camera.name for camera in sections.cameras.known if camera.name}
    for entry in (data.get("cameras") or {}).get("known") or ():
        with suppress(ValueError):
            if mac(str(entry.get("mac"))) not in known and str(entry.get("name")) not in names:
                yield entry


def _lacking_credentials(
    data: dict[str, Any], printers: list[dict[str, Any]], sections: ConfigFile, ours: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the credentials of these printers that the config lacks; with the `default` that it has unsaid."""
    theirs = (data.get("snmp") or {}).get("credentials") or {}
    named = {str(entry.get("credentials")) for entry in printers} - sections.snmp.credentials.keys()
    found = {name: each for name, each in theirs.items() if name in named}
    says_default = bool((ours.get("snmp") or {}).get("credentials"))
    return found if says_default or not found else {"default": {"version": "2c", "community": config.PUBLIC}} | found


def _restored(contents: Changes, path: str, *, replace: bool) -> str:
    """Put back the state, and return what to tell."""
    with opened(path) as state:
        held = state.contents()
        if _is_same(held, contents):
            return f"  {path}: holds just that"
        if held and not replace:
            raise CommandError(f"{path} holds a state already: --replace puts this one there, and keeps a copy of that")
        copy = _copy_of(Path(path)) if held else None
        try:
            state.replace(contents, copy)
        except StateError:
            if copy:
                copy.unlink(missing_ok=True)
            raise
    return f"  {path}: restored" + (f"; what it held is in {copy}" if copy else "")


def _is_same(one: Changes, other: Changes) -> bool:
    try:
        return backup.dumped(Backup({}, one)) == backup.dumped(Backup({}, other))
    except ValueError:
        return False


def _copy_of(path: Path) -> Path:
    """Return an empty file beside a file, with a name that was free, for this user's eyes only."""
    copy = next(name for number in count(1) if not exists(name := path.with_name(f"{path.name}.bak{number}")))
    create(copy, "", is_secret=True)
    return copy
