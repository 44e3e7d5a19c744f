"""`report usage`: the months of one printer, whatever it was called."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Final

from exporter.configfaults import meant
from exporter.reports.output import Report
from exporter.reports.periods import Period, months_before, next_month, periods
from exporter.reports.printed import Joined, Months, ReportError, join, named
from exporter.reports.prometheus import Client
from exporter.reports.readings import Counter, one_of
from exporter.reports.remembered import Remembered
from exporter.text import tidy

_MONTHS: Final = 6


async def usage_report(client: Client, months: Months, printer: str, *, zone: tzinfo, now: float) -> Report:
    """Return the last whole months of one printer, and this one so far; raises PrometheusError and ReportError."""
    today = datetime.fromtimestamp(now, zone).date()
    firsts = months_before(today.replace(day=1), _MONTHS)
    wanted = list(periods(firsts[0], next_month(today), zone, now))
    counter = Counter(client, selector=await _engines_of(client, printer, wanted))
    remembered = {key: known for key, known in months.items() if known.who.printer == printer}
    joined = [join(await counter.count(each), remembered) for each in wanted]
    names = await _names_of(client, printer, joined)
    found = {each.counted.period.month: _of_names(each, names) for each in joined}
    units = [unit for counts in found.values() for unit in counts]
    if not units and not remembered:
        raise ReportError(await _unknown(client, months, printer, now))
    unit = units[-1] if units else next(iter(remembered.values())).unit
    pages = {month: counts.get(unit) for month, counts in found.items()}
    in_part = {each.counted.period.month for each in joined if names & _read_in_part(each)}
    numbers = _numbers(pages, in_part)
    return Report(
        f"Pages of {printer} by month; months of {zone}, the last one so far",
        {"month": "Month", "pages": "Pages"},
        [{"month": month, "pages": count} for month, count in pages.items()],
        {"printer": printer, "unit": unit, "time_zone": str(zone)},
        list(_notes_on(printer, names, set(units) - {unit}, in_part)),
        _in_words(numbers),
        {**numbers, "pages_history": _history(remembered.values(), pages)},
    )


async def _engines_of(client: Client, printer: str, wanted: Iterable[Period]) -> str:
    """Return a selector of all engines that stood behind a name, wherever else they stood."""
    own = f"printer_pages_total{{{one_of('printer', [printer])}}}"
    serials: set[str] = set()
    for each in wanted:
        expression = f"count by (serial) (last_over_time({own}[{each.seconds}s]))"
        serials |= {one.labels.get("serial", "") for one in await client.query(expression, each.end)}
    return one_of("serial", serials) if serials and "" not in serials else one_of("printer", [printer])


async def _names_of(client: Client, printer: str, joined: Sequence[Joined]) -> set[str]:
    """Return the name and those that its engine had before, but for names that other printers have now."""
    places = [place for each in joined for place in each.pages]
    now = {engine.key for engine, who in joined[-1].pages if who.printer == printer}
    others = {who.printer for engine, who in places if engine.key in now} - {printer}
    if not others:
        return {printer}
    expression = f"count by (printer) (last_over_time(printer_pages_total{{{one_of('printer', others)}}}[1d]))"
    series = await client.query(expression, joined[-1].counted.period.end)
    return {printer, *others} - {one.labels.get("printer", "") for one in series}


def _read_in_part(joined: Joined) -> frozenset[str]:
    """Return the printers of which nobody knows the beginning of the month."""
    return joined.counted.first_read - {who.printer for _, who in joined.from_state}


def _notes_on(printer: str, names: Collection[str], units: Collection[str], in_part: Collection[str]) -> Iterator[str]:
    if earlier := set(names) - {printer}:
        yield f"With the pages that it printed under earlier names: {named(earlier)}"
    if units:
        yield f"Pages that were counted in {named(units)} are left out"
    if in_part:
        yield f"First read within the month, which average and change leave out: {named(in_part)}"


async def _unknown(client: Client, months: Months, printer: str, now: float) -> str:
    series = await client.query("count by (printer) (last_over_time(printer_pages_total[1d]))", now)
    names = {tidy(one.labels.get("printer", "")) for one in series} | {known.who.printer for known in months.values()}
    return f'neither Prometheus nor the state knows pages of a printer "{printer}"{meant(printer, names)}'


def _of_names(joined: Joined, names: Collection[str]) -> dict[str, int]:
    """Return the pages that count for these names, by unit."""
    counts: dict[str, float] = defaultdict(float)
    for (engine, who), count in joined.pages.items():
        if who.printer in names:
            counts[engine.unit] += count
    return {unit: round(count) for unit, count in counts.items()}


def _history(known: Iterable[Remembered], pages: Mapping[str, int | None]) -> dict[str, int]:
    """Return all months that are known, in order."""
    kept: dict[str, int] = defaultdict(int)
    for month, count in (item for each in known for item in each.months.items()):
        kept[month] += count
    return dict(sorted({**kept, **{month: count for month, count in pages.items() if count is not None}}.items()))


def _numbers(pages: Mapping[str, int | None], in_part: Collection[str]) -> dict[str, object]:
    """Return the numbers by the names that the predecessor's scripts know.

    This month is in none but its own; average and change rest on months that are known as a whole.
    """
    *before, this = pages
    whole = [None if month in in_part else pages[month] for month in before]
    known = [count for count in whole if count is not None]
    last, earlier = whole[-1], whole[-2]
    return {
        "last_6_months": [{"month": month, "pages": pages[month]} for month in before],
        "avg_last_6": round(sum(known) / len(known), 1) if known else None,
        "last_month": pages[before[-1]],
        "month_change_pct": round(100 * (last - earlier) / earlier, 1) if last is not None and earlier else None,
        "this_month": pages[this],
    }


def _in_words(numbers: Mapping[str, object]) -> str:
    average, change = numbers["avg_last_6"], numbers["month_change_pct"]
    words = [f"On average {average:,.1f} a month" if isinstance(average, float) else "No whole month is known"]
    if isinstance(change, float):
        words.append(f"the last whole month {change:+.1f} % against the one before")
    return "; ".join(words)
