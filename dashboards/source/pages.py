"""Pages: who prints how much, on what, and whether that changes."""

from collections.abc import Callable, Sequence

from dashboards.source import grafana
from dashboards.source.grafana import (
    Json,
    Query,
    choice,
    columns,
    field,
    graph,
    heading,
    joined,
    label_choice,
    link,
    now,
    override,
    rows,
    stat,
    steps,
    table,
)
from dashboards.source.queries import PRINTERS, labelled, one
from dashboards.source.theme import BLUE, GREEN, NEUTRAL, ORANGE, SUPPLY_COLORS

UID = "printcam-pages"
IMPRESSIONS, SHEETS = "impressions", "sheets"
IN_RANGE, IN_A_DAY = "[$__range]", "[1d] offset -1d"
"""Over the chosen range; in the day that begins at the point of the graph."""
MONO, COLOR = SUPPLY_COLORS["black"], SUPPLY_COLORS["magenta"]

UNITS_APART = "Impressions (printed sides) and sheets are never added together: a printer counts in one or the other."
UNLABELLED: list[Json] = [{"type": "special", "options": {"match": "empty", "result": {"text": "(none)", "index": 0}}}]


def printed(window: str, unit: str = "") -> str:
    """Return the pages of each printer, by unit; without serial, so that another printer behind a name adds none."""
    selector = f'{PRINTERS},unit="{unit}"' if unit else PRINTERS
    return f"sum without (serial) ({one(f'increase(printer_pages_total{{{selector}}}{window})')})"


def counted(metric: str, window: str = IN_RANGE, more: str = "") -> str:
    """Return how much a maker's own counter rose, by printer; `more` selects further."""
    return f"sum without (serial) ({one(f'increase({metric}{{{PRINTERS}{more}}}{window})')})"


def by(labels: str, expression: str) -> str:
    """Return whole pages, summed by these labels."""
    return f"round(sum by ({labels}) ({expression}))"


def grouped(expression: str) -> str:
    """Return the expression with the chosen label's value as the label `group`, empty where there is none."""
    return labelled(expression, "group", "$label")


def a_month(back: int) -> str:
    """Return 1 with the label `month` of the calendar month (UTC) so many before this one."""
    # PromQL has no words for dates, but makes labels of numbers.
    total = f"(year() * 12 + month() - 1 - {back})"
    numbered = f'count_values("number", {total} % 12 + 1) * 0 + scalar(floor({total} / 12))'
    padded = f'label_replace(count_values by (number) ("year", {numbered}), "zero", "0", "number", ".")'
    return f'label_join(label_join({padded}, "digits", "", "zero", "number"), "month", "-", "year", "digits")'


def months(unit: str, back: int | None = None) -> str:
    """Return the pages of calendar months by printer, of those that count in this unit; with `back` of one month."""
    counts = f'max by (printer) (printer_pages_total{{{PRINTERS},unit="{SHEETS}"}})'
    kept = f"{'and' if unit == SHEETS else 'unless'} on (printer) {counts}"
    chosen = f" and on (month) {a_month(back)}" if back is not None else ""
    return f"({one(f'printer_month_pages{{{PRINTERS}}}')} {kept}{chosen})"


def month_total(unit: str, back: int) -> str:
    """Return the pages of the calendar month so many before this one."""
    return f"sum({months(unit, back)})"


def month_groups(unit: str, back: int) -> str:
    """Return the same by the chosen label."""
    return f"sum by (group) ({grouped(months(unit, back))})"


def change(last: str, before: str) -> str:
    """Return how much more the one is than the other, as a share."""
    return f"{last} / ({before} > 0) - 1"


def _gauge(column: str, color: str) -> Json:
    cell = {"type": "gauge", "mode": "basic", "valueDisplayMode": "text"}
    return field(column, custom__cellOptions=cell, color=_fixed(color), min=0, fieldMinMax=True)


def _total(unit: str) -> Json:
    return stat(
        unit.capitalize(),
        f"Printed in the chosen time by printers that count {unit}. {UNITS_APART}",
        [now(f"round(sum({printed(IN_RANGE, unit)}))", unit)],
        size=(4, 4),
        unit="locale",
        noValue="none counted",
    )


def _change(unit: str) -> Json:
    return stat(
        f"Last month: {unit}",
        f"The last whole calendar month (UTC) against the one before it, in {unit}. Up or down is no fault; a jump "
        "deserves a look at the printers below.",
        [
            now(change(month_total(unit, 1), month_total(unit, 2)), "change"),
            now(month_total(unit, 1), "pages"),
        ],
        size=(4, 4),
        unit="percentunit",
        noValue="no two whole months yet",
        decimals=1,
        overrides=[field("pages", unit="locale", decimals=0)],
    )


def _per_day(unit: str, width: int) -> Json:
    return graph(
        f"{unit.capitalize()} per day, by location",
        f"Each bar is one day and stands where the day begins; the last one is today so far. {UNITS_APART}",
        [Query(by("location", printed(IN_A_DAY, unit)), "{{location}}")],
        size=(width, 8),
        unit="locale",
        bars=True,
        stacked=True,
        calcs=["sum", "mean", "max"],
        interval="1d",
        noValue=f"no printer counts {unit} here",
        min=0,
        decimals=0,
    )


def _per_month() -> Json:
    return columns(
        "Pages per calendar month",
        "This month so far and the twelve before it, as the exporter kept them; a month that it watched in part is "
        f"smaller. {UNITS_APART}",
        [rows(f"sum by (month) ({months(unit)})") for unit in (IMPRESSIONS, SHEETS)],
        size=(12, 9),
        unit="locale",
        category="month",
        transformations=[
            *joined({"month": "month", "Value #A": IMPRESSIONS, "Value #B": SHEETS}),
            {"id": "sortBy", "options": {"fields": {}, "sort": [{"field": "month"}]}},
        ],
        overrides=[field(IMPRESSIONS, color=_fixed(BLUE)), field(SHEETS, color=_fixed(NEUTRAL))],
    )


def _fixed(color: str) -> Json:
    return {"mode": "fixed", "fixedColor": color}


def _month_over_month() -> Json:
    return table(
        "Month over month by $label",
        "Calendar months (UTC), largest first: impressions of this month so far, of the last whole month and of the "
        "one before it, and how the last two differ; sheets of the last month beside them. Choose the label above: any "
        "that your printers carry.",
        [
            *(rows(month_groups(IMPRESSIONS, back)) for back in (0, 1, 2)),
            rows(change(month_groups(IMPRESSIONS, 1), month_groups(IMPRESSIONS, 2))),
            rows(month_groups(SHEETS, 1)),
            rows(change(month_groups(SHEETS, 1), month_groups(SHEETS, 2))),
        ],
        size=(12, 9),
        unit="locale",
        sort="-Last month",
        transformations=joined(
            {
                "group": "Group",
                "Value #A": "This month",
                "Value #B": "Last month",
                "Value #C": "Month before",
                "Value #D": "Change",
                "Value #E": "Sheets",
                "Value #F": "Change, sheets",
            }
        ),
        overrides=[
            override("byType", "number", custom__width=105),
            override("byRegexp", "Change.*", unit="percentunit", decimals=1),
            field("Change, sheets", custom__width=125),
        ],
        filterable=False,
        mappings=UNLABELLED,
    )


def _by(title: str, description: str, grouping: Callable[[str], str], label: str) -> Json:
    queries = [rows(by(label, grouping(printed(IN_RANGE, unit)))) for unit in (IMPRESSIONS, SHEETS)]
    printers = rows(f"count by ({label}) (max by (printer, {label}) ({grouping(printed(IN_RANGE))}))")
    return table(
        title,
        f"{description} {UNITS_APART}",
        [*queries, printers],
        size=(8, 9),
        unit="locale",
        sort="-Impressions",
        transformations=joined(
            {label: label.capitalize(), "Value #A": "Impressions", "Value #B": "Sheets", "Value #C": "Printers"}
        ),
        overrides=[
            _gauge("Impressions", BLUE),
            _gauge("Sheets", NEUTRAL),
            field("Printers", custom__width=80),
        ],
        mappings=UNLABELLED,
    )


def _top() -> Json:
    here = "printer, location, unit"
    return table(
        "Printers, busiest first",
        f"Pages in the chosen time, in its busiest 24 hours, and ever. {UNITS_APART} A used printer that took over a "
        "name adds only what it printed here. Move work, or a contract's volume, from the top to the idle ones beside.",
        [
            rows(by(here, printed(IN_RANGE))),
            rows(f"max by ({here}) (max_over_time(printer:pages:increase1d{{{PRINTERS}}}[$__range]))"),
            rows(f"max by ({here}) (printer_pages_total{{{PRINTERS}}})"),
        ],
        size=(15, 11),
        unit="locale",
        sort="-Pages",
        decimals=0,
        transformations=joined(
            {
                "printer": "Printer",
                "location": "Location",
                "Value #A": "Pages",
                "unit": "Counted in",
                "Value #B": "Busiest 24 h",
                "Value #C": "Ever",
            }
        ),
        overrides=[_printer_link(), _gauge("Pages", BLUE)],
    )


def _printer_link() -> Json:
    to_printer = link("Open ${__value.text}", "printcam-printer", printer="${__value.text:percentencode}")
    return field("Printer", links=[to_printer])


def idle() -> str:
    """Return the printers that printed nothing though they answered, with the lifetime count."""
    nothing = f"{printed(IN_RANGE)} == 0"
    answered = f"{one(f'max_over_time(printer_up{{{PRINTERS}}}[$__range])')} == 1"
    ever = f"max by (printer, location, unit) (printer_pages_total{{{PRINTERS}}})"
    return f"{ever} and on (printer) ({nothing}) and on (printer) ({answered})"


def _idle() -> Json:
    return table(
        "Idle printers",
        "Answered in the chosen time and printed nothing. Ask whether anybody needs them; choose a longer time to be "
        "sure.",
        [rows(idle())],
        size=(9, 11),
        unit="locale",
        sort="-Ever",
        noValue="every printer that answered has printed",
        transformations=joined(
            {"printer": "Printer", "location": "Location", "Value": "Ever", "unit": "Counted in"},
        ),
        overrides=[_printer_link()],
    )


def _mono_color() -> Json:
    return graph(
        "Mono and colour per day",
        "Of printers whose maker counts them; grey is mono, magenta colour, blue where the maker does not split them. "
        "Each bar is one day and stands where the day begins.",
        [Query(by("color", counted("printer_function_pages_total", IN_A_DAY)), "{{color}}")],
        size=(14, 8),
        unit="locale",
        bars=True,
        stacked=True,
        calcs=["sum"],
        interval="1d",
        overrides=[
            field("mono", color=_fixed(MONO)),
            field("color", color=_fixed(COLOR)),
        ],
        color=_fixed(BLUE),
        noValue="no maker's counters here",
        min=0,
        decimals=0,
    )


def _functions() -> Json:
    return table(
        "What was printed, by function",
        "Of printers whose maker counts them, in the chosen time. No page stands in two lines; `all` where the maker "
        "does not split.",
        [rows(by("function, color", counted("printer_function_pages_total")))],
        size=(10, 8),
        unit="locale",
        sort="-Pages",
        transformations=joined({"function": "Function", "color": "Colour", "Value": "Pages"}),
        overrides=[_gauge("Pages", BLUE)],
        noValue="no maker's counters here",
    )


def _beside() -> Json:
    counters = {
        "printer_scans_total": "Scans",
        "printer_duplex_pages_total": "Two-sided",
        "printer_large_pages_total": "Large",
    }
    return table(
        "Scans, two-sided and large pages",
        "Counted by the maker apart from the functions: large is A3 and the like; two-sided counts sides on some makes "
        "and sheets on others. Few two-sided pages: look at the drivers' default.",
        [rows(by("printer, location", counted(metric))) for metric in counters],
        size=(8, 9),
        unit="locale",
        sort="-Two-sided",
        filterable=False,
        transformations=joined(
            {
                "printer": "Printer",
                "location": "Location",
                **{f"Value #{ref}": title for ref, title in zip("ABC", counters.values(), strict=True)},
            }
        ),
        overrides=[_printer_link(), override("byType", "number", custom__width=100)],
        noValue="no maker's counters here",
    )


def _color_share() -> Json:
    in_color, split = (
        counted("printer_function_pages_total", more=f",color{one_of}") for one_of in ('="color"', '!="all"')
    )
    return stat(
        "Colour",
        "Share of the pages in the chosen time that were printed or copied in colour, of printers whose maker splits "
        "them.",
        [now(f"sum({in_color}) / sum({split})")],
        size=(4, 4),
        unit="percentunit",
        decimals=0,
        noValue="not counted",
    )


def _idle_count() -> Json:
    return stat(
        "Idle",
        "Printers that answered in the chosen time and printed nothing; the list is below.",
        [now(f"count({idle()}) or vector(0)")],
        size=(4, 4),
        thresholds=steps((None, GREEN), (1, ORANGE)),
    )


def _lines() -> Sequence[Sequence[Json]]:
    counts = "Pages in the chosen time, and how many printers counted them."
    by_location = _by("By location", counts, str, "location")
    by_label = _by("By $label", f"{counts} Choose the label above: any that your printers carry.", grouped, "group")
    return (
        (_total(IMPRESSIONS), _total(SHEETS), _change(IMPRESSIONS), _change(SHEETS), _color_share(), _idle_count()),
        (_per_day(IMPRESSIONS, 16), _per_day(SHEETS, 8)),
        (heading("Months"),),
        (_per_month(), _month_over_month()),
        (heading("Who prints"),),
        (_top(), _idle()),
        (by_location, by_label, _beside()),
        (heading("What is printed"),),
        (_mono_color(), _functions()),
    )


def dashboard() -> Json:
    """Return the dashboard."""
    return grafana.dashboard(
        UID,
        "Printers and cameras: pages",
        "Who prints how much, on what, and whether that changes.",
        _lines(),
        variables=[
            choice("location", "Location", "label_values(printer_status, location)"),
            choice("printer", "Printer", 'label_values(printer_status{location=~"$location"}, printer)'),
            label_choice("label", "Group by", "printer_up", "department"),
        ],
        since="now-30d",
        refresh="5m",
    )
