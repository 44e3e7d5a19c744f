"""What a maker counts and knows apart from the standard, pure: where it stands, as data, and how that is read."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from exporter.printers import mib, words
from exporter.printers.model import Count, CounterRows, Counters, Level, MakersLevel, Term
from exporter.printers.text import clean
from exporter.snmp.session import Value

ENTERPRISES = "1.3.6.1.4.1"
INDEX = "index"
"""The name under which `Rows` knows the last part of a row's index."""
Cells: TypeAlias = Mapping[tuple[str, str], "Source"]
"""Sources of pages by function and color."""

_MAX_INTEGER = 2**63
# Rows that a sum may have: more than a printer knows paper sizes. A sum of fewer than there are would be wrong.
_MAX_ROWS = 64
# By how much cells may miss the total that they are checked against: reports and the like are in the total only.
_CHECK_SHARE, _CHECK_PAGES = 0.01, 2


@dataclass(frozen=True, slots=True)
class Rows:
    """The sum of a column over the rows with these cells: numbers, or words in any case; over all rows without."""

    table: str
    value: str
    where: Mapping[str, tuple[int | str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Record:
    """One record within an instance's octets: number, 1, length, value; as Brother packs them."""

    oid: str
    number: int


@dataclass(frozen=True, slots=True)
class Sum:
    """All of these together; not answered unless each is."""

    parts: tuple["Source", ...]


@dataclass(frozen=True, slots=True)
class First:
    """The first of these that is answered."""

    choices: tuple["Source", ...]


Source: TypeAlias = str | Rows | Record | Sum | First
"""Where a count stands; text is the OID of an instance."""


@dataclass(frozen=True, slots=True)
class Partition:
    """Pages by function and color, no page twice; `optional` cells may be missing, as fax is where none is built in.

    With `check` it holds only where its cells sum up to that.
    """

    cells: Cells
    optional: Cells = field(default_factory=dict)
    check: Source | None = None


@dataclass(frozen=True, slots=True)
class LevelTable:
    """A maker's table of levels, whose words tell which supply a row is; `name` is that of the level's object."""

    name: str
    table: str
    words: tuple[str, ...]
    level: str
    codes: Mapping[int, Level]
    full: int = 100


@dataclass(frozen=True, slots=True)
class LevelRecords:
    """A maker's levels as records within octets, by kind and color of the supply."""

    name: str
    oid: str
    records: Mapping[tuple[str, str], int]
    full: int


@dataclass(frozen=True, slots=True)
class Maker:
    """What one maker has. `objects` are the sysObjectIDs it answers with, each for all below it.

    Of `partitions` the first that is answered counts; of the OIDs of `model`, `serial` and `firmware` the first that
    speaks, where the standard's objects say nothing.
    """

    name: str
    objects: tuple[str, ...]
    tables: tuple[mib.Table, ...] = ()
    partitions: tuple[Partition, ...] = ()
    scans: Source | None = None
    duplex: Source | None = None
    large: Source | None = None
    levels: LevelTable | LevelRecords | None = None
    model: tuple[str, ...] = ()
    serial: tuple[str, ...] = ()
    firmware: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Private:
    """What a printer answered of its maker's own objects: values by OID, and rows by table."""

    maker: Maker
    values: Mapping[str, Value]
    tables: Mapping[str, Mapping[tuple[int, ...], Mapping[str, Value]]]


def instances(maker: Maker) -> list[str]:
    """Return the instances to ask for with the structure; those in tables that are walked are not among them."""
    found = [*maker.model, *maker.serial, *maker.firmware]
    found += [oid for source in _sources(maker) for oid in _instances(source)]
    if isinstance(maker.levels, LevelRecords):
        found.append(maker.levels.oid)
    for table in maker.tables:
        found += [f"{table.entry}.{column.number}.{row}" for row in table.rows for column in table.columns]
    return list(dict.fromkeys(found))


def text(private: Private, oids: Iterable[str]) -> tuple[str, str]:
    """Return the first of these instances that has a text, and the text; "" and "" when none has."""
    return next(((oid, found) for oid in oids if (found := clean(private.values.get(oid)))), ("", ""))


def counter_rows(private: Private) -> CounterRows:
    """Return where this printer counts: the first partition that it answers, and what it counts apart from that."""
    maker = private.maker
    values = _all_values(private)
    partitions = (_cells(partition, private, values) for partition in maker.partitions)
    return CounterRows(
        functions=next(filter(None, partitions), ()),
        scans=_count(maker.scans, private, values),
        duplex=_count(maker.duplex, private, values),
        large=_count(maker.large, private, values),
    )


def read_counters(rows: CounterRows, values: Mapping[str, Value]) -> Counters:
    """Return what the counters say now; a partition of which a cell is missing says nothing."""
    cells = [(function, color, read_count(count, values)) for function, color, count in rows.functions]
    known = tuple((function, color, pages) for function, color, pages in cells if pages is not None)
    return Counters(
        functions=known if len(known) == len(cells) else (),
        scans=read_count(rows.scans, values),
        duplex=read_count(rows.duplex, values),
        large=read_count(rows.large, values),
    )


def read_count(count: Count, values: Mapping[str, Value]) -> int | None:
    """Return the sum of a count's terms, None when there are none or one of them is no count."""
    numbers = [read_number(term, values) for term in count]
    known = [number for number in numbers if number is not None and number >= 0]
    return sum(known) if known and len(known) == len(numbers) else None


def read_number(term: Term, values: Mapping[str, Value]) -> int | None:
    """Return the number that stands there, None when none does."""
    value = values.get(term.oid)
    if term.record is not None:
        return _records(value).get(term.record) if isinstance(value, bytes) else None
    return value if isinstance(value, int) and abs(value) < _MAX_INTEGER else None


def levels(private: Private) -> dict[tuple[str, str], MakersLevel]:
    """Return where the maker's own levels stand, by kind and color; two rows that are the same supply are neither."""
    own = private.maker.levels
    if isinstance(own, LevelRecords):
        terms = {supply: Term(own.oid, record) for supply, record in own.records.items()}
        told = {supply: term for supply, term in terms.items() if read_number(term, private.values) is not None}
        return {supply: MakersLevel(own.name, term, own.full) for supply, term in told.items()}
    return _table_levels(own, private) if own else {}


def read_level(own: MakersLevel, values: Mapping[str, Value]) -> tuple[Level, float | None]:
    """Return what the maker's own level says and the share that is left."""
    number = read_number(own.term, values)
    if number is None:
        return Level.UNKNOWN, None
    if 0 <= number <= own.full:
        return Level.KNOWN, number / own.full
    return dict(own.codes).get(number, Level.UNKNOWN), None


def _sources(maker: Maker) -> Iterator[Source]:
    for partition in maker.partitions:
        yield from partition.cells.values()
        yield from partition.optional.values()
        yield from [partition.check] if partition.check else []
    yield from (source for source in (maker.scans, maker.duplex, maker.large) if source)


def _instances(source: Source) -> Iterator[str]:
    match source:
        case str():
            yield source
        case Record():
            yield source.oid
        case Sum(parts) | First(parts):
            for part in parts:
                yield from _instances(part)


def _all_values(private: Private) -> dict[str, Value]:
    """Return the values by OID, with those of the tables."""
    values = dict(private.values)
    for table in private.maker.tables:
        for column in table.columns:
            for index, cells in private.tables.get(table.name, {}).items():
                if column.name in cells:
                    values[_oid(table, column, index)] = cells[column.name]
    return values


def _oid(table: mib.Table, column: mib.Column, index: tuple[int, ...]) -> str:
    return ".".join(map(str, (table.entry, column.number, *index)))


def _cells(partition: Partition, private: Private, values: Mapping[str, Value]) -> tuple[tuple[str, str, Count], ...]:
    """Return the cells of a partition, () when one that it needs is not answered or they miss the total."""
    cells = {name: _count(source, private, values) for name, source in partition.cells.items()}
    if not all(cells.values()):
        return ()
    cells |= {name: _count(source, private, values) for name, source in partition.optional.items()}
    found = tuple((function, color, count) for (function, color), count in cells.items() if count)
    return found if _is_sound(partition, found, private, values) else ()


def _is_sound(
    partition: Partition,
    cells: Iterable[tuple[str, str, Count]],
    private: Private,
    values: Mapping[str, Value],
) -> bool:
    """Tell whether the cells sum up to the total that they are to be checked against, if any."""
    if partition.check is None:
        return True
    total = read_count(_count(partition.check, private, values), values)
    pages = sum(read_count(count, values) or 0 for _, _, count in cells)
    return total is not None and abs(total - pages) <= total * _CHECK_SHARE + _CHECK_PAGES


def _count(source: Source | None, private: Private, values: Mapping[str, Value]) -> Count:
    """Return the terms of a source, () when it is not answered with counts."""
    count: Count = ()
    match source:
        case str():
            count = (Term(source),)
        case Record(oid, number):
            count = (Term(oid, number),)
        case Rows():
            count = _row_terms(source, private)
        case Sum(parts):
            counts = [_count(part, private, values) for part in parts]
            count = tuple(term for terms in counts for term in terms) if all(counts) else ()
        case First(choices):
            count = next(filter(None, (_count(choice, private, values) for choice in choices)), ())
    return count if read_count(count, values) is not None else ()


def _row_terms(rows: Rows, private: Private) -> Count:
    table = next(table for table in private.maker.tables if table.name == rows.table)
    column = next(column for column in table.columns if column.name == rows.value)
    found = tuple(
        Term(_oid(table, column, index))
        for index, cells in sorted(private.tables.get(table.name, {}).items())
        if column.name in cells and _has(rows, index, cells)
    )
    return found if len(found) <= _MAX_ROWS else ()


def _has(rows: Rows, index: tuple[int, ...], cells: Mapping[str, Value]) -> bool:
    return all(
        _plain(index[-1] if column == INDEX else cells.get(column)) in map(_plain, wanted)
        for column, wanted in rows.where.items()
    )


def _plain(value: Value | None) -> int | str:
    return value if isinstance(value, int) else clean(value).casefold()


def _records(octets: bytes) -> dict[int, int]:
    """Return the records by number, up to the first that is cut off, as the end of octets all ones is."""
    found: dict[int, int] = {}
    at = 0
    while at + 3 <= len(octets):
        number, _, length = octets[at : at + 3]
        value = octets[at + 3 : at + 3 + length]
        if len(value) < length:
            break
        found[number] = int.from_bytes(value, "big")
        at += 3 + length
    return found


def _table_levels(own: LevelTable, private: Private) -> dict[tuple[str, str], MakersLevel]:
    table = next(table for table in private.maker.tables if table.name == own.table)
    column = next(column for column in table.columns if column.name == own.level)
    found = [
        (supply, Term(_oid(table, column, index)))
        for index, cells in sorted(private.tables.get(table.name, {}).items())
        if column.name in cells and (supply := _supply_of(cells, own.words))
    ]
    times = Counter(supply for supply, _ in found)
    codes = tuple(own.codes.items())
    return {supply: MakersLevel(own.name, term, own.full, codes) for supply, term in found if times[supply] == 1}


def _supply_of(cells: Mapping[str, Value], columns: Iterable[str]) -> tuple[str, str] | None:
    """Return kind and color by the row's words, None for words of no known kind."""
    said = next(filter(None, (clean(cells.get(column)) for column in columns)), "")
    kind = words.kind_of(0, said)
    return (kind, words.color_of(kind, "", said)) if kind != "other" else None
