"""Pages by month that another tool counted before the move, all of them: a `Life` keeps the newest months only."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from pydantic import TypeAdapter, ValidationError

from exporter.state import State, StateError

IMPORTED: Final = "imported"
"""The kind of these documents; their keys are those of engines (`stored.engine_of`)."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What another tool counted of one printer."""

    name: str
    """As the inventory called it when this was imported."""
    host: str
    location: str = ""
    months: Mapping[str, int] = field(default_factory=dict)
    """Pages by calendar month (`2026-10`), in order; each whole but for the last, in which the other tool ended."""


_IMPORTED = TypeAdapter(Imported)


def dump_imported(imported: Imported) -> str:
    """Return what was imported as the state keeps it, in JSON."""
    return _IMPORTED.dump_json(imported).decode()


def load_imported(key: str, text: str) -> Imported:
    """Return what was imported from the state; raises ValueError for what `dump_imported` did not write."""
    try:
        return _IMPORTED.validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise ValueError(": ".join(filter(None, (f"months of {key}", place, first["msg"])))) from None


def merged(before: Imported, now: Imported) -> Imported:
    """Return both as one; a month only grows, since an older file may end in the middle of it."""
    both = before.months.keys() | now.months.keys()
    months = {month: max(before.months.get(month, 0), now.months.get(month, 0)) for month in sorted(both)}
    return replace(now, months=months)


def imported_months(state: State, path: str) -> dict[str, Imported]:
    """Return all that was imported, by key of the engine; raises StateError."""
    try:
        return {key: load_imported(key, text) for key, text in state.documents(IMPORTED).items()}
    except ValueError as error:
        raise StateError(path, str(error)) from None
