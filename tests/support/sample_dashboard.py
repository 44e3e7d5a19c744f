"""A small dashboard without a fault, to plant faults in."""

import copy
from typing import Any

from dashboards.source import theme
from dashboards.source.grafana import (
    Json,
    Query,
    bars,
    choice,
    dashboard,
    events,
    field,
    fixed_choice,
    graph,
    heading,
    joined,
    link,
    now,
    rows,
    stat,
    table,
    timeline,
)
from dashboards.source.queries import one


def sample() -> Json:
    """Return it, new at each call: every kind of panel, variable and link that ours have."""
    selected = '{location=~"$location",printer=~"$printer"}'
    lines = [
        [heading("Now")],
        [
            stat("Answering", "How many answer.", [now(f"sum({one('printer_up' + selected)})", "up")], size=(8, 4)),
            table(
                "Printers",
                "Each printer and what it printed.",
                [
                    rows(f"sum by (printer) ({one('printer_up' + selected)})"),
                    rows(f"sum by (printer) ({one('increase(printer_pages_total' + selected + '[$__range])')})"),
                ],
                size=(16, 4),
                transformations=joined({"printer": "Printer", "Value #A": "Up", "Value #B": "Pages"}),
                overrides=[
                    field("Printer", links=[link("Show", "printcam-sample", printer="${__data.fields.Printer}")]),
                    field("Up", mappings=theme.WORKING, custom__width=80),
                    field("Pages", unit="short"),
                ],
                sort="-Pages",
            ),
        ],
        [
            graph(
                "Requests",
                "Polls a second.",
                [Query(f"{one('rate(printer_polls_total' + selected + '[$__rate_interval])')}", "{{printer}}")],
                size=(12, 6),
                unit="reqps",
                calcs=["mean"],
                thresholds=theme.ANY_IS_BAD,
            ),
            bars("Levels", "What is left.", [now(one("printer_supply_level_ratio"), "{{supply}}")], size=(12, 6)),
        ],
        [
            timeline(
                "Status",
                "What holds.",
                [Query("printer:status:code", "{{printer}}")],
                size=(24, 6),
                mappings=theme.PRINTER_WORDS,
            )
        ],
        [stat("Soon empty", "Within $days days.", [now("count(printer_supply:left:days < $days)")], size=(24, 3))],
    ]
    return dashboard(
        "printcam-sample",
        "Sample",
        "A sample.",
        lines,
        variables=[
            choice("location", "Location", "label_values(printer_up, location)"),
            choice("printer", "Printer", 'label_values(printer_up{location=~"$location"}, printer)'),
            fixed_choice("days", "Days", ["7", "14"], many=False),
        ],
        annotations=[
            events("Replaced", f"{one('increase(printer_supply_replaced_total[5m])')} > 0", theme.BLUE, "{{supply}}")
        ],
    )


def planted(made: Json, path: str, value: Any) -> Json:
    """Return a copy with the value at `path`, as in `panels.1.options.sortBy`; ... takes it away."""
    found: Any = (changed := copy.deepcopy(made))
    *way, last = path.split(".")
    for step in way:
        found = found[int(step)] if isinstance(found, list) else found[step]
    key = int(last) if isinstance(found, list) else last
    if value is ...:
        del found[key]
    elif isinstance(found, list) and key == len(found):
        found.append(value)
    else:
        found[key] = value
    return changed
