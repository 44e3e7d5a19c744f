"""`report pages`: what was printed, by whom, from one day to another."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo

from exporter.reports.output import Report, Row
from exporter.reports.pages import Engine, Who
from exporter.reports.periods import periods
from exporter.reports.prometheus import Client
from exporter.reports.readings import Counted, Counter, Pages
from exporter.reports.remembered import UNKNOWN_UNIT, Remembered

PRINTER, LOCATION = "printer", "location"
_NAMED = 10

Months = Mapping[str, Remembered]
"""What the state knows, by key of the engine."""


class ReportError(Exception):
    """There is nothing to report on; the text says why, in one line."""


@dataclass(frozen=True, slots=True)
class Joined:
    """What was printed in a period, by Prometheus and the state together."""

    counted: Counted
    pages: Pages
    from_state: Pages
    """What of it Prometheus did not know."""


def join(counted: Counted, months: Months) -> Joined:
    """Add what the state knows of a calendar month of engines of which Prometheus lacks its beginning, or all of it."""
    pages, from_state = dict(counted.pages), dict[tuple[Engine, Who], float]()
    month = counted.period.month
    for key, known in months.items():
        if month not in known.months or {key, known.who.printer} & counted.known:
            continue
        read = {
            (engine, who): count
            for (engine, who), count in counted.pages.items()
            if who.printer == known.who.printer
            and known.unit in {engine.unit, UNKNOWN_UNIT}
            and (engine.key == key or engine.key not in months)
        }
        missing = known.months[month] - sum(read.values())
        place = next(iter(read), (Engine(key, known.unit), known.who))
        if missing > 0 or not read:
            from_state[place] = missing
            pages[place] = pages.get(place, 0.0) + missing
    return Joined(counted, pages, from_state)


async def pages_report(
    client: Client, months: Months, first: date, after: date, *, by: str, zone: tzinfo, now: float
) -> Report:
    """Return the pages printed from one day up to another, not with it; raises PrometheusError and ReportError."""
    counter = Counter(client, label=by)
    joined = [join(await counter.count(each), months) for each in periods(first, after, zone, now)]
    start, end = joined[0].counted.period.start, joined[-1].counted.period.end
    time = {"from": _iso(start, zone), "to": _iso(end, zone), "time_zone": str(zone)}
    if not any(each.pages for each in joined):
        raise ReportError(
            f"no page counter was read from {time['from']} to {time['to']}, and the state knows nothing of it: "
            "does this Prometheus scrape the exporter?"
        )
    rows = _rows(joined, by)
    is_joined = any(row["from_state"] for row in rows)
    columns = {by: by.capitalize(), "location": "Location"} if by == PRINTER else {by: by.capitalize()}
    so_far = ", so far" if end == now else ""
    return Report(
        f"Pages from {_day(start, zone)} to {_day(end - 1, zone)}{so_far}; days of {zone}",
        {**columns, "unit": "Counted in", "pages": "Pages", "from_state": "From the state" if is_joined else ""},
        rows,
        time,
        list(_notes(joined, zone)),
        "Together: " + ", ".join(f"{count:,} {unit}" for unit, count in sorted(_totals(rows).items())),
    )


def _rows(joined: Sequence[Joined], by: str) -> list[Row]:
    """Return a row for each group and unit, those with the most pages first."""
    pages: dict[tuple[tuple[str, ...], str], float] = defaultdict(float)
    from_state: dict[tuple[tuple[str, ...], str], float] = defaultdict(float)
    for each in joined:
        for (engine, who), count in each.pages.items():
            pages[_group(who, by), engine.unit] += count
        for (engine, who), count in each.from_state.items():
            from_state[_group(who, by), engine.unit] += count
    names = (by, "location") if by == PRINTER else (by,)
    return [
        {
            **dict(zip(names, group, strict=True)),
            "unit": unit,
            "pages": round(count),
            "from_state": round(from_state[group, unit]),
        }
        for (group, unit), count in sorted(pages.items(), key=lambda item: (-item[1], item[0]))
    ]


def _group(who: Who, by: str) -> tuple[str, ...]:
    if by == PRINTER:
        return who.printer, who.location
    return (who.location if by == LOCATION else who.label,)


def _totals(rows: Iterable[Row]) -> dict[str, int]:
    totals: dict[str, int] = defaultdict(int)
    for row in rows:
        totals[row["unit"]] += row["pages"]
    return totals


def _notes(joined: Sequence[Joined], zone: tzinfo) -> Iterator[str]:
    first, last = joined[0].counted, joined[-1].counted
    told_by_state = {who.printer for _, who in joined[0].from_state}
    late = set[str]().union(*(each.counted.first_read for each in joined)) - told_by_state
    if late:
        yield f"First read after the time began; what they printed before is not in it: {named(late)}"
    if first.long_unread:
        begin, names = _day(first.period.start, zone), named(first.long_unread)
        yield f"Not read on the day before {begin}; what they printed since they were is in it: {names}"
    if last.unread_at_end:
        names = named(last.unread_at_end)
        yield f"Not read on the last day; what they printed since they were counts with their next answer: {names}"


def named(names: Collection[str]) -> str:
    """Return names in a line, the first of them only where there are many."""
    shown = ", ".join(sorted(names)[:_NAMED])
    return f"{shown} and {len(names) - _NAMED} more" if len(names) > _NAMED else shown


def _iso(at: float, zone: tzinfo) -> str:
    return datetime.fromtimestamp(at, zone).isoformat(timespec="seconds")


def _day(at: float, zone: tzinfo) -> str:
    return f"{datetime.fromtimestamp(at, zone):%Y-%m-%d}"
