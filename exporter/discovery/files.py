"""Inventory files beside the config: read, and read again when they have changed and come to rest.

Entries are those of `printers:`, alone or below that key. Target groups of Prometheus' file_sd become entries.
"""

import glob
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import ValidationError

from exporter import yamlsource
from exporter.config import (
    Config,
    Origin,
    Printer,
    PrinterEntry,
    Shared,
    of_other_protocol,
    read_text,
    repeated,
    twin_printers,
)
from exporter.configfaults import ConfigError, Fault, Finding, explained, faults, meant_or_known
from exporter.configtypes import Section, or_empty
from exporter.discovery import filesd
from exporter.marks import Mark, mark

MAX_PRINTERS: Final = 10_000
"""In all files together; a file that would lead beyond is not used."""
MAX_FILES: Final = 1000
MAX_SIZE: Final = 8_000_000
"""Octets of one file."""

_NEVER: Final[Mark] = (0, 0, 0)


class InventoryFile(Section):
    """One inventory file."""

    printers: Annotated[tuple[PrinterEntry, ...], or_empty(tuple)]
    """Printers as in the config."""


@dataclass(frozen=True, slots=True)
class Read:
    """A file as it was last read: its printers, and where `fault` says why it cannot be used those it had before."""

    path: str
    mark: Mark = _NEVER
    printers: tuple[Printer, ...] = ()
    text: str | None = None
    """What `printers` was read from; None before there was something that could be used."""
    fault: ConfigError | None = None
    seen: Mark = _NEVER
    """Of what has changed since, when it was last looked at."""
    refused: int = 0
    """How many printers it would have had, where that was too many beside the files before it."""

    @property
    def is_read(self) -> bool:
        """Whether it was read at all."""
        return self.mark != _NEVER


def parse(text: str, source: str, shared: Shared) -> tuple[Printer, ...]:
    """Return the printers of a file; raises ConfigError with all faults."""
    if not text.strip():  # as a file is while somebody writes it
        raise ConfigError((Fault(source, 1, "", "empty; a file without printers has [] in it"),))
    try:
        document = yamlsource.read(filesd.as_yaml(text, source), list_is="printers")
    except yamlsource.YamlError as error:
        raise ConfigError((Fault(source, error.line, "", error.message),)) from None
    has_groups = filesd.has_groups(document)
    document, findings = filesd.expanded(document)
    entries, more = _validated(document)
    whole = _inheriting(document, shared)
    findings += [*more, *repeated(document), *twin_printers(whole), *of_other_protocol(whole)]
    findings += _unknown_credentials(document, shared)
    if findings:
        # Raised outside of any `except`: pydantic's own error knows the input.
        found = faults(findings, document, source, _SCHEMA)
        # The entries of target groups have numbers that nobody has written.
        raise ConfigError(
            tuple(replace(fault, path=fault.path.partition("].")[2]) for fault in found) if has_groups else found
        )
    return tuple(shared.printer(entry, Origin("file", source)) for entry in entries)


def _validated(document: yamlsource.Document) -> tuple[tuple[PrinterEntry, ...], list[Finding]]:
    try:
        return InventoryFile.model_validate(document.data).printers, []
    except ValidationError as error:
        return (), explained(error, document, _SCHEMA)


_SCHEMA: Final[dict[str, Any]] = InventoryFile.model_json_schema()


def _inheriting(document: yamlsource.Document, shared: Shared) -> yamlsource.Document:
    """Return a document with what `printer_defaults` of the config says of how printers are asked."""
    whole, defaults = yamlsource.Mapping(), yamlsource.Mapping()
    for key, value in document.data.items():
        whole.add(key, value, document.data.lines[key])
    defaults.add("protocol", shared.defaults.protocol, 0)
    defaults.add("ipp_path", shared.defaults.ipp_path, 0)
    whole.add("printer_defaults", defaults, 0)
    return yamlsource.Document(whole)


def _unknown_credentials(document: yamlsource.Document, shared: Shared) -> Iterator[Finding]:
    listed = document.data.get("printers")
    for index, entry in enumerate(listed if isinstance(listed, list) else ()):
        if not isinstance(entry, yamlsource.Mapping) or entry.get("protocol", shared.defaults.protocol) != "snmp":
            continue
        name = entry.get("credentials", shared.defaults.credentials)
        if isinstance(name, str) and name not in shared.credentials:
            message = f"no such name in snmp.credentials of the config{meant_or_known(name, shared.credentials)}"
            yield Finding(("printers", index, "credentials"), message)


# ---- which files there are, and what has changed


def look(before: Mapping[str, Read], config: Config, *, at_once: bool) -> dict[str, Read]:
    """Return all files of a config, those that changed read again; may wait for the disk, and never raises.

    Unless `at_once`, a file is read only when it has not changed since the last look: somebody may be writing it.
    """
    found: dict[str, Read] = {}
    room = MAX_PRINTERS
    for number, path in enumerate(_paths(config)):
        now = mark(Path(path))
        file = before.get(path) or Read(path)
        if number == MAX_FILES:
            found[path] = replace(file, mark=now, seen=now, printers=(), fault=_one_too_many(path))
            break
        if at_once or (now != file.mark and now == file.seen) or 0 < file.refused <= room:
            file = _read(file, now, config.shared, room)
        found[path] = replace(file, seen=now)
        room -= len(found[path].printers)
    if not at_once:
        # Many editors save by putting another file in the place: in between there is none.
        found |= {path: replace(file, seen=None) for path, file in before.items() if path not in found and file.seen}
    return dict(sorted(found.items()))


def _paths(config: Config) -> list[str]:
    """Return the files that the patterns lead to; one that is named as such ought to be there."""
    found: dict[str, None] = {}
    for pattern in config.printers_files:
        is_named = not glob.has_magic(pattern)
        names = [pattern] if is_named else sorted(glob.glob(pattern, root_dir=config.folder, recursive=True))  # noqa: PTH207 - the folder may have any name
        found |= dict.fromkeys(str(config.folder / name) for name in names if _is_text(name))
    return list(found)


def _one_too_many(path: str) -> ConfigError:
    return ConfigError((Fault(path, 0, "", f"not read, nor those after it: there are more than {MAX_FILES:,} files"),))


def _is_text(name: str) -> bool:
    """Tell whether the name of a file is text, which a label and the state need."""
    return not any("\ud800" <= character <= "\udfff" for character in name)


def _read(file: Read, now: Mark, shared: Shared, room: int) -> Read:
    """Return a file as it is; one with a fault keeps the printers that it had."""
    refused = 0
    try:
        text = _text(Path(file.path))
        printers = parse(text, file.path, shared)
        if len(printers) > room:
            refused = len(printers)
            raise ConfigError((Fault(file.path, 0, "", f"leads beyond {MAX_PRINTERS:,} printers in all files"),))
    except ConfigError as error:
        return replace(file, mark=now, printers=_as_before(file, shared), fault=error, refused=refused)
    return Read(file.path, now, printers, text)


def _as_before(file: Read, shared: Shared) -> tuple[Printer, ...]:
    """Return the printers of the text that was last good, with what they take from the config of now."""
    try:
        return parse(file.text, file.path, shared) if file.text is not None else file.printers
    except ConfigError:
        return file.printers


def _text(path: Path) -> str:
    """Return the text of a file; raises ConfigError."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return read_text(path)  # which says why not
    if not stat.S_ISREG(status.st_mode):
        raise ConfigError((Fault(str(path), 0, "", "not a file"),))
    if status.st_size > MAX_SIZE:
        raise ConfigError((Fault(str(path), 0, "", f"larger than {MAX_SIZE // 1_000_000} MB"),))
    return read_text(path)
