"""Printers of the toner tracker → what they are called in the inventory, and what the state keeps of them. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from exporter.config import Printer
from exporter.discovery import entries
from exporter.discovery.found import Found
from exporter.discovery.inventory import identity
from exporter.discovery.tonertrack import Tracked
from exporter.printers import lifecycle
from exporter.printers.imported import IMPORTED, Imported, dump_imported, load_imported, merged
from exporter.printers.lifecycle import Life
from exporter.printers.record import Record
from exporter.printers.stored import ENGINE, dump_life, engine_of, load_life
from exporter.state import Key


@dataclass(frozen=True, slots=True)
class Named:
    """A printer of the tracker under the name that it has, or is to have, in the inventory."""

    name: str
    serial: str
    """"" where neither the tracker nor we know it."""
    tracked: Tracked
    is_listed: bool


def named(tracked: Sequence[Tracked], printers: Sequence[Printer], records: Mapping[str, Record]) -> list[Named]:
    """Return the tracker's printers under names of their own: that of the inventory where one is `printers` already.

    `records` are what is known of printers, by name: one that is listed by its host's name is found by the address at
    which it was last asked, and one that has moved by its serial number.
    """
    listed = _listed(printers, records)
    theirs = [_found_in(listed, each.found) for each in tracked]
    others = (each.found for each, name in zip(tracked, theirs, strict=True) if name is None)
    fresh = iter(entries.named(others, {printer.name for printer in printers}))
    result = []
    for each, name in zip(tracked, theirs, strict=True):
        label = next(fresh).name if name is None else name
        known = records.get(label) if name else None
        result.append(Named(label, each.found.serial or (known.serial if known else ""), each, name is not None))
    return result


def _listed(printers: Iterable[Printer], records: Mapping[str, Record]) -> dict[str, str]:
    names: dict[str, str] = {}
    for printer in printers:
        record = records.get(printer.name, Record())
        names.setdefault(identity(printer.host, printer.snmp_port), printer.name)
        names.setdefault(identity(record.address, printer.snmp_port), printer.name)
        names.setdefault(record.serial, printer.name)
    names.pop("", None)  # of those whose serial number is not known
    return names


def _found_in(listed: Mapping[str, str], found: Found) -> str | None:
    return listed.get(identity(found.host, found.port)) or listed.get(found.serial)


def history(printers: Iterable[Named], documents: Mapping[str, Mapping[str, str]]) -> tuple[dict[Key, str], int]:
    """Return the documents that the months of pages change, and how many months are new or better known.

    `documents` are those of the kinds ENGINE and IMPORTED, by kind and key; raises ValueError for what is none.
    """
    lives = {key: load_life(key, text) for key, text in documents[ENGINE].items()}
    imported = {key: load_imported(key, text) for key, text in documents[IMPORTED].items()}
    changed: dict[Key, str] = {}
    months = 0
    for printer in printers:
        if not printer.tracked.months:
            continue
        key, found = engine_of(printer.name, printer.serial), printer.tracked.found
        before, ours = imported.get(key), lives.get(key)
        now = Imported(printer.name, found.spelled, found.location, printer.tracked.months)
        imported[key] = both = merged(before, now) if before else now
        lives[key] = life = lifecycle.merged(ours or Life(), Life(months=both.months))
        months += len(both.months.items() - (before.months.items() if before else set()))
        if both != before:
            changed[IMPORTED, key] = dump_imported(both)
        if life != ours:
            changed[ENGINE, key] = dump_life(life)
    return changed, months
