"""Months that the exporter keeps in its state: counted by itself, or brought along from another tool."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from exporter.config import UNASSIGNED, Config, Printer
from exporter.printers import stored
from exporter.printers.imported import Imported, imported_months, merged
from exporter.printers.lifecycle import Life
from exporter.reports.pages import Who
from exporter.state import State, StateError
from exporter.text import tidy

UNKNOWN_UNIT = "unknown"


@dataclass(frozen=True, slots=True)
class Remembered:
    """What the state knows of one printer."""

    who: Who
    unit: str
    """impressions or sheets; unknown where another tool counted and no answer has told since."""
    months: Mapping[str, int]
    """Pages by calendar month (`2026-10`)."""


def remembered(state: State, config: Config, printers: Iterable[Printer], label: str = "") -> dict[str, Remembered]:
    """Return the months of all engines that have a name, by their keys; raises StateError.

    Location and label are those of the inventory, `printers`, else what was brought along. Where both counted a month,
    the larger number holds: neither can have counted more than all of it.
    """
    try:
        lives = {key: stored.load_life(key, text) for key, text in state.documents(stored.ENGINE).items()}
        records = {name: stored.load_record(name, text) for name, text in state.documents(stored.RECORD).items()}
    except ValueError as error:
        raise StateError(config.state_path, str(error)) from None
    listed = {printer.name: printer for printer in printers}
    engines = {name: stored.engine_of(name, kept.record.serial) for name, kept in records.items()}
    brought = _by_engine(imported_months(state, config.state_path), engines)
    names = {key: each.name for key, each in brought.items()}
    # Of the names that an engine had, the one that is listed is the one it has.
    names |= {engines[name]: name for name in sorted(engines, key=listed.__contains__)}
    found: dict[str, Remembered] = {}
    for key, name in names.items():
        life, other = lives.get(key, Life()), brought.get(key)
        place, labels = other.location if other else "", dict[str, str]()
        if printer := listed.get(name):
            address = records[name].record.address if name in records else ""
            place, pairs = config.place(printer.location, dict(printer.labels), address or printer.host)
            labels = dict(pairs)
        who = Who(tidy(name), tidy(place) or UNASSIGNED, labels.get(label, ""))
        months = _larger(life.months, other.months if other else {})
        found[key] = Remembered(who, life.pages_unit or UNKNOWN_UNIT, months)
    return found


def _by_engine(brought: Mapping[str, Imported], engines: Mapping[str, str]) -> dict[str, Imported]:
    """Return what was brought along by the engine that it goes on in: the one that answered by that name since then."""
    found: dict[str, Imported] = {}
    for key, each in brought.items():
        is_by_name = key == stored.engine_of(each.name, "")
        own = engines.get(each.name, key) if is_by_name else key
        found[own] = merged(found[own], each) if own in found else each
    return found


def _larger(ours: Mapping[str, int], theirs: Mapping[str, int]) -> dict[str, int]:
    return {month: max(ours.get(month, 0), theirs.get(month, 0)) for month in sorted(ours.keys() | theirs.keys())}
