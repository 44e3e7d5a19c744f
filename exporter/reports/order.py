"""`report order`: which supplies to buy, by location. The numbers are those of the dashboard of supplies."""

from collections import defaultdict
from datetime import datetime, tzinfo
from typing import Final, NamedTuple

from exporter.reports.output import Report, Row
from exporter.reports.printed import ReportError
from exporter.reports.prometheus import Client, Series
from exporter.reports.readings import DAY
from exporter.text import tidy

_STATUS: Final = {0: "ok", 1: "warning", 2: "error"}
_KEY: Final = "location, printer, supply"
_RECORDED = "count(last_over_time(printer_supply:watched:days[2h]))"

_FORESEEN = 36_500
"""Days; what is empty later has no date."""

NO_RULES: Final = (
    "No forecast: the recording rules are not loaded in this Prometheus, or have not run for an hour yet "
    "(dashboards/prometheus/rules/recording.yml). Listed is only what is low now."
)


class _Supply(NamedTuple):
    location: str
    printer: str
    supply: str


_Facts = dict[str, float]
_QUESTIONS: Final = {
    "status": "printer_supply_status",
    "level": "printer_supply_level_ratio",
    "left": "printer_supply:left:days",
    # Recorded once an hour, while an instant query looks back five minutes.
    "trusted": "last_over_time(printer_supply:pace:trusted[2h])",
}


async def order_report(client: Client, days: int, *, zone: tzinfo, now: float) -> Report:
    """Return what is low now or ends within so many days; raises PrometheusError and ReportError."""
    parts = await _parts(client, now)
    if not parts:
        raise ReportError("this Prometheus knows no supplies of printers now: does it scrape the exporter?")
    known: dict[_Supply, _Facts] = defaultdict(dict)
    for fact, expression in _QUESTIONS.items():
        for one in await client.query(f"max by ({_KEY}) ({expression})", now):
            known[_supply(one)][fact] = one.value
    is_recorded = bool(await client.query(_RECORDED, now))
    wanted = [each for each, facts in known.items() if facts.get("status", 0) > 0 or facts.get("left", days) < days]
    wanted.sort(key=lambda each: (each.location, _urgency(known[each]), each))
    return Report(
        f"To order: low now, or empty within {days} days; days of {zone}",
        {
            "location": "Location",
            "order": "Order",
            "supply": "For",
            "printer": "Printer",
            "status": "Status",
            "level_percent": "Level %",
            "days_left": "Days left",
            "empty_on": "",
            "forecast": "Forecast",
        },
        [_row(each, parts.get(each, each.supply), known[each], zone, now) for each in wanted],
        {"at": datetime.fromtimestamp(now, zone).isoformat(timespec="seconds"), "time_zone": str(zone)},
        [] if is_recorded else [NO_RULES],
        f"Supplies: {len(wanted)}" if wanted else "Nothing is low, and nothing ends within these days.",
    )


def _supply(series: Series) -> _Supply:
    return _Supply(*(tidy(series.labels.get(name, "")) for name in _Supply._fields))


async def _parts(client: Client, now: float) -> dict[_Supply, str]:
    """Return what to order: the part number, else the printer's own words, else the supply's name."""
    series = await client.query(f"max by ({_KEY}, part, description) (printer_supply_info)", now)
    return {
        _supply(one): tidy(one.labels.get("part") or one.labels.get("description") or one.labels.get("supply", ""))
        for one in series
    }


def _urgency(facts: _Facts) -> tuple[float, float]:
    """Return what sorts errors before warnings, then what ends soonest, then what has the least left."""
    return -facts.get("status", 0), facts.get("left", 1e4 + 100 * facts.get("level", 1e3))


def _row(each: _Supply, part: str, facts: _Facts, zone: tzinfo, now: float) -> Row:
    level, left = facts.get("level"), facts.get("left")
    ends = datetime.fromtimestamp(now + DAY * left, zone) if left is not None and left < _FORESEEN else None
    return {
        **each._asdict(),
        "order": part,
        "status": _STATUS.get(int(facts.get("status", -1))),
        "level_percent": None if level is None else round(100 * level, 1),
        "days_left": None if left is None else round(left, 1),
        "empty_on": f"{ends:%Y-%m-%d}" if ends else None,
        "forecast": None if left is None else "trusted" if facts.get("trusted") else "hint",
    }
