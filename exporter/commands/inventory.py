"""The inventory as commands see it, that of the config, of files and of the state: for `check` and `probe`."""

import glob
import logging
from collections.abc import Iterator
from contextlib import closing

from exporter.commands.files import exists
from exporter.config import Config, ConfigError, Printer, remarks
from exporter.discovery import files
from exporter.discovery.sources import KINDS, Sources
from exporter.state import Key, State, StateError

log = logging.getLogger(__name__)


def checked(config: Config) -> Iterator[str]:
    """Yield what there is to say of the inventory files of a config, and what is remarkable about both.

    Raises ConfigError with the faults of all files.
    """
    found = files.look({}, config, at_once=True)
    if faults := [fault for file in found.values() if file.fault for fault in file.fault.faults]:
        raise ConfigError(tuple(faults))
    yield from (f"{path}: valid, {len(file.printers)} printers" for path, file in found.items())
    whole = Sources().made_of(config, found, {})
    yield from remarks(config, whole.printers)
    yield from (f"warning: {conflict}" for conflict in whole.conflicts)
    for pattern in config.printers_files:
        if not glob.glob(pattern, root_dir=config.folder, recursive=True):  # noqa: PTH207 - the folder may have any name
            yield f"no file yet fits {pattern} in printers_files"


def printers_of(config: Config) -> tuple[Printer, ...]:
    """Return all printers of a config, its files and, as far as its state knows those, its print servers.

    Raises StateError.
    """
    try:
        sources = Sources(_stored(config))
    except ValueError as error:
        raise StateError(config.state_path, str(error)) from None
    found = files.look(sources.files, config, at_once=True)
    for file in found.values():
        if file.fault:
            log.warning("inventory file not loaded", extra={"faults": file.fault.brief})
    return sources.made_of(config, found, {}).printers


def _stored(config: Config) -> dict[Key, str]:
    """Return what the state holds of the inventory; nothing where there is no file yet."""
    has_more = config.printers_files or config.discovery.print_servers
    if not has_more or not exists(config.state_path):
        return {}
    with closing(State(config.state_path, read_only=True)) as state:
        return {(kind, key): text for kind in KINDS for key, text in state.documents(kind).items()}
