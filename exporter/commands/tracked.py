"""`import tonertrack`: printers for the config, and the pages that they printed by month for the state."""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import count
from pathlib import Path

from exporter import config
from exporter.commands import inventory
from exporter.commands.errors import CommandError
from exporter.commands.files import create, exists
from exporter.commands.kept import change_state, read_foreign
from exporter.config import Config, ConfigFile
from exporter.discovery import entries, tonertrack
from exporter.discovery.entries import WriteError
from exporter.discovery.found import Found
from exporter.discovery.insertion import put
from exporter.discovery.tracked import Named, history, named
from exporter.printers.imported import IMPORTED
from exporter.printers.stored import ENGINE, RECORD, load_record
from exporter.state import Changes, State, StateError

_CREDENTIALS = ("snmp", "credentials")
_NAME = "tonertrack"


@dataclass(frozen=True, slots=True)
class Taken:
    """What an import leads to."""

    yaml: str
    """What the config lacks, for somebody to put there; "" where it was written into it."""
    told: list[str]


def import_tracker(file: Path, path: Path, *, write: bool, with_secrets: bool, now: float) -> Taken:
    """Take over what the toner tracker knew; with `write`, into the config at `path` too.

    `now` is in Unix seconds. Raises CommandError, ConfigError and StateError.
    """
    loaded, sections, says_default = _config(path, may_be_empty=not write)
    this_month = f"{datetime.fromtimestamp(now, loaded.zone):%Y-%m}"
    tracker = read_foreign(file, lambda data: tonertrack.read(data, this_month))
    listed = inventory.printers_of(loaded)
    fresh, months = _Fresh(), 0

    def changes(state: State) -> Changes:
        nonlocal fresh, months
        documents = {kind: state.documents(kind) for kind in (RECORD, ENGINE, IMPORTED)}
        try:
            records = {name: load_record(name, text).record for name, text in documents[RECORD].items()}
            printers = named(tracker.printers, listed, records)
            changed, months = history(printers, documents)
        except ValueError as error:
            raise StateError(loaded.state_path, str(error)) from None
        fresh = replace(_fresh((each for each in printers if not each.is_listed), sections), says_default=says_default)
        if write:
            fresh.check(path)
        return Changes(changed)

    change_state(loaded, changes)
    told = [
        f"{file}: toner tracker, printers read: {len(tracker.printers)}, of which not listed yet: {len(fresh.found)}",
        f"  months of pages that are new or better known now: {months}",
        *(f"  left out {each.where}: {each.why}" for each in tracker.skipped),
    ]
    if write:
        return Taken("", told + fresh.write(path))
    return Taken(fresh.shown(with_secrets=with_secrets), told + ([] if with_secrets else fresh.hints()))


def _config(path: Path, *, may_be_empty: bool) -> tuple[Config, ConfigFile, bool]:
    """Return a config, its sections, and whether they name credentials.

    Where there is no file yet, it is a config without printers, or where it is empty: what is printed may go there.
    """
    if not exists(path) or (may_be_empty and not config.read_text(path).strip()):
        return config.parse("printers: []"), ConfigFile(), False
    loaded = config.load(path)
    data, sections = config.sections(config.read_text(path), str(path), os.environ, path.parent)
    snmp = data.get("snmp")
    return loaded, sections, isinstance(snmp, Mapping) and bool(snmp.get("credentials"))


@dataclass(frozen=True, slots=True)
class _Fresh:
    """What the config lacks."""

    found: tuple[Found, ...] = ()
    communities: Mapping[str, str] = field(default_factory=dict, repr=False)
    """By name of credentials; secrets."""
    says_default: bool = False
    """Whether the config names credentials: where it names none, there is a `default` unsaid."""

    def check(self, path: Path) -> None:
        """Raise CommandError or ConfigError where this cannot be written into the config at a path."""
        try:
            text = self._into(config.read_text(path)) if exists(path) else self._alone(self._escaped())
        except WriteError as error:
            raise CommandError(f"{path}: {error}") from None
        config.parse(text, str(path), folder=path.parent)

    def write(self, path: Path) -> list[str]:
        """Write this into the config at a path, and return what to tell; raises CommandError and ConfigError."""
        if not self.found:
            return []
        told = [f"  written to {path}, which is new" + (" and yours alone to read" if self.communities else "")]
        if exists(path):
            told = [f"  written to {path}; what it was is in {_rewritten(path, self._into)}"]
        else:
            create(path, self._alone(self._escaped()), is_secret=bool(self.communities))
        if self.communities:
            told.append(f"  {path} holds their communities, as the credentials {', '.join(self.communities)}")
            told += (f"  warning: {warning}" for warning in config.load(path).warnings)
        return told

    def shown(self, *, with_secrets: bool) -> str:
        """Return this as a config of its own; secrets are names of environment variables unless `with_secrets`."""
        if not self.found:
            return ""
        variables = {name: f"${{{_variable(name)}}}" for name in self.communities}
        return self._alone(self._escaped() if with_secrets else variables)

    def hints(self) -> list[str]:
        """Say what is to be done about secrets that are not shown."""
        if not self.communities:
            return []
        variables = ", ".join(map(_variable, self.communities))
        return [f"  communities are not shown: set {variables} for the exporter, or use --with-secrets or --write"]

    def _escaped(self) -> dict[str, str]:
        return {name: community.replace("${", "$${") for name, community in self.communities.items()}

    def _alone(self, communities: Mapping[str, str]) -> str:
        return put("", _CREDENTIALS, self._section(communities)) + entries.as_yaml(self.found)

    def _into(self, text: str) -> str:
        text = put(text, _CREDENTIALS, self._section(self._escaped()))
        return entries.merged(text, self.found) if self.found else text

    def _section(self, communities: Mapping[str, str]) -> dict[str, dict[str, str]]:
        section = {name: {"version": "2c", "community": community} for name, community in communities.items()}
        if self.says_default or not section:
            return section
        return {"default": {"version": "2c", "community": config.PUBLIC}} | section


def _fresh(printers: Iterable[Named], sections: ConfigFile) -> _Fresh:
    """Return what the config lacks; printers whose community it knows get those credentials."""
    known, default = sections.snmp.credentials, sections.printer_defaults.credentials
    names = {each.community.get_secret_value(): name for name, each in reversed(known.items()) if each.version == "2c"}
    if (each := known.get(default)) and each.version == "2c":
        names[each.community.get_secret_value()] = ""
    names[""] = ""
    free = (name for number in count(1) if (name := f"{_NAME}-{number}" if number > 1 else _NAME) not in known)
    communities: dict[str, str] = {}
    found = []
    for printer in printers:
        community = printer.tracked.community
        if community not in names:
            names[community] = next(free)
            communities[names[community]] = community
        found.append(replace(printer.tracked.found, name=printer.name, credentials=names[community]))
    return _Fresh(tuple(found), communities)


def _variable(name: str) -> str:
    return f"{name.upper().replace('-', '_')}_COMMUNITY"


def _rewritten(path: Path, change: Callable[[str], str]) -> Path:
    try:
        return entries.rewrite(path, change)
    except WriteError as error:
        raise CommandError(str(error)) from None
