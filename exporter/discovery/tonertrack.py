"""The export of the toner tracker that this exporter replaces, read into printers and their pages by month. Pure.

    tracker = read(path.read_bytes(), this_month="2026-10")

Its file is one object of printers by address. Records of its first version lack fields that came later; a file that
holds them under `printers`, as its HTTP interface answers, is read too.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Final, TypeVar

from exporter import foreign
from exporter.configtypes import split_host
from exporter.discovery.found import Found
from exporter.foreign import ImportFault, Skipped
from exporter.printers.lifecycle import is_distinct
from exporter.text import tidy

T = TypeVar("T")

MAX_PRINTERS: Final = 10_000
MAX_MONTHS: Final = 600
"""Of one printer; fifty years."""
_MAX_COMMUNITY = 255

_ABSENT = frozenset({"", "N/A", "Unknown", "Never"})
_MONTH = re.compile(r"[0-9]{4}-(?:0[1-9]|1[0-2])")
_EXPECTED = "expected the printers of a toner tracker (an object of printers by address)"


@dataclass(frozen=True, slots=True)
class Tracked:
    """One printer as the tracker knew it."""

    found: Found
    """Without the name of credentials."""
    community: str = field(repr=False)
    """A secret; "" where none is told."""
    months: Mapping[str, int]
    """Pages by month (`2026-10`), in order."""


@dataclass(frozen=True, slots=True)
class Tracker:
    """What a file holds: each address once, in the order of the file."""

    printers: tuple[Tracked, ...]
    skipped: tuple[Skipped, ...]


def read(data: bytes, this_month: str) -> Tracker:
    """Read an export of either version; months after `this_month` are left out. Raises ImportFault."""
    skipped: list[Skipped] = []
    printers: dict[tuple[str, int], Tracked] = {}
    for record in _readable(_records(foreign.document(data)), skipped):
        found = record.found()
        if found is None:
            continue
        where = found.host, found.port
        if where in printers:
            record.skip("", f"the printer {printers[where].found.name or found.spelled} has the same address")
            continue
        if len(printers) == MAX_PRINTERS:
            raise ImportFault(f"it holds more than {MAX_PRINTERS:,} printers")
        printers[where] = Tracked(found, record.get(_community, "community") or "", record.months(this_month))
    return Tracker(tuple(printers.values()), tuple(skipped))


def _records(document: object) -> Mapping[str, object]:
    match document:
        case {"printers": dict(printers)}:
            return printers
        case dict() if not document or any(_is_tracked(key, record) for key, record in document.items()):
            return document
        case _:
            raise ImportFault(f"it holds {foreign.described(document)}; {_EXPECTED}")


def _is_tracked(key: str, record: object) -> bool:
    return isinstance(record, dict) and ("ip" in record or _is_host(key))


def _is_host(text: str) -> bool:
    try:
        return bool(ip_address(text))
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class _Record:
    """A record; what of it cannot be read is added to `skipped`."""

    key: str
    fields: Mapping[str, object]
    skipped: list[Skipped]

    def get(self, parse: Callable[[object], T], name: str) -> T | None:
        """Return a field; None where it tells nothing, or cannot be read."""
        if _is_absent(self.fields.get(name)):
            return None
        try:
            return parse(self.fields[name])
        except ValueError as error:
            self.skip(name, str(error))
            return None

    def text(self, name: str) -> str:
        return self.get(foreign.text, name) or ""

    def found(self) -> Found | None:
        """Return the printer; None where it cannot be told where it is."""
        host = self.get(_host, "ip") or self._keyed()
        if host is None:
            return None
        serial = self.text("serial")
        return Found(
            name=self.text("name"),
            host=host[0],
            port=host[1],
            location=self.text("location"),
            model=self.text("model"),
            serial=serial if is_distinct(serial) else "",
        )

    def months(self, this_month: str) -> dict[str, int]:
        """Return the pages of the months that can be read, in order."""
        history = self.get(lambda value: foreign.of(dict, value, "an object of pages by month"), "pages_history") or {}
        if len(history) > MAX_MONTHS:
            self.skip("pages_history", f"it has more than {MAX_MONTHS} months")
            return {}
        pages = {month: self._pages(month, value, this_month) for month, value in history.items()}
        return {month: count for month, count in sorted(pages.items()) if count is not None}

    def skip(self, name: str, why: str) -> None:
        foreign.skip(self.skipped, f"{tidy(self.key)}: {name}" if name else tidy(self.key), why)

    def _keyed(self) -> tuple[str, int] | None:
        try:
            return _host(self.key)
        except ValueError as error:
            self.skip("", str(error))
            return None

    def _pages(self, month: str, value: object, this_month: str) -> int | None:
        try:
            if not _MONTH.fullmatch(month):
                raise ValueError("expected a month such as 2026-10")
            if month > this_month:
                raise ValueError("it is yet to come")
            return foreign.number(value, foreign.MAX_COUNT)
        except ValueError as error:
            self.skip(f"pages_history[{tidy(month)}]", str(error))
            return None


def _readable(records: Mapping[str, object], skipped: list[Skipped]) -> Iterator[_Record]:
    for key, record in records.items():
        if isinstance(record, dict):
            yield _Record(key, record, skipped)
        else:
            foreign.skip(skipped, tidy(key), "expected an object")


def _is_absent(value: object) -> bool:
    return value is None or (isinstance(value, str) and value.strip() in _ABSENT)


def _host(value: object) -> tuple[str, int]:
    text = foreign.text(value)
    host, port = split_host(text)
    return (str(ip_address(host)) if _is_host(host) else host), port


def _community(value: object) -> str:
    text = foreign.of(str, value, "a text")
    if not text.isprintable() or len(text) > _MAX_COMMUNITY:
        raise ValueError(f"expected a text of at most {_MAX_COMMUNITY} printable letters")
    return text
