"""Every supply of the fleet: what ends when, and what to order."""

from dashboards.source import supply
from dashboards.source.grafana import (
    Json,
    Query,
    choice,
    events,
    field,
    fixed_choice,
    graph,
    joined,
    link,
    now,
    rows,
    stat,
    steps,
    table,
)
from dashboards.source.grafana import dashboard as made
from dashboards.source.queries import PRINTERS, one
from dashboards.source.theme import (
    ANY_IS_A_WARNING,
    ANY_IS_BAD,
    BLUE,
    SUPPLY_WORDS,
    days_left,
    level,
    since,
    word,
)

UID = "printcam-supplies"
SUPPLIES = f'{PRINTERS},kind=~"$kind"'
PRINTER_LINK = link("Open the printer", "printcam-printer", printer="${__value.raw:percentencode}")
LOW = f"({supply.status(SUPPLIES)} > 0)"
SOON = f"({supply.days(SUPPLIES)} < $days)"
TRUSTED = f"({supply.trusted(SUPPLIES)} == 1)"
TO_ORDER = f"({LOW} or {SOON})"
URGENT = 10
"""How many supplies the graph of levels shows."""


def _tiles() -> list[Json]:
    def counted(title: str, description: str, supplies: str, size: int, colors: Json) -> Json:
        return stat(
            title,
            description,
            [now(f"count({supplies}) or vector(0)", title)],
            size=(size, 4),
            thresholds=colors,
            decimals=0,
            text_mode="value",
        )

    on = f"and on ({supply.KEY})"
    replaced = one(f"increase(printer_supply_replaced_total{{{SUPPLIES}}}[$__range])")
    return [
        counted(
            "Empty or nearly",
            "Supplies in error: under their error threshold, or the printer says so. Replace them now.",
            f"{supply.status(SUPPLIES)} == 2",
            5,
            ANY_IS_BAD,
        ),
        counted(
            "Low",
            "Supplies in warning: under their warning threshold, or the printer says so. Have the next one at hand.",
            f"{supply.status(SUPPLIES)} == 1",
            5,
            ANY_IS_A_WARNING,
        ),
        counted(
            "Empty within $days days",
            "Supplies, low or not, whose trusted forecast ends within the days chosen above.",
            f"{SOON} {on} {TRUSTED}",
            5,
            ANY_IS_A_WARNING,
        ),
        counted(
            "… as a hint",
            "The same by forecasts that rest on less than two weeks or few steps of the level: look before you order.",
            f"{SOON} unless on ({supply.KEY}) {TRUSTED}",
            4,
            steps((None, "text")),
        ),
        stat(
            "Replaced",
            "Cartridges that were replaced within the chosen time.",
            [now(f"round(sum({replaced}))", "replaced")],
            size=(5, 4),
            decimals=0,
            text_mode="value",
        ),
    ]


def _every() -> Json:
    queries = (
        supply.urgency(SUPPLIES),
        supply.status(SUPPLIES),
        supply.level(SUPPLIES),
        supply.days(SUPPLIES),
        supply.trusted(SUPPLIES),
        supply.empty_at(SUPPLIES),
        supply.lasts(SUPPLIES),
        supply.age(SUPPLIES),
        supply.order(SUPPLIES),
    )
    return table(
        "Every supply",
        "The most urgent first: what is in error, what is low, then what ends soonest at the pace of the last two "
        "weeks. A hint rests on less than two weeks or on few steps of the level. No forecast is given where less than "
        "three days were watched, nothing was used, or the level moves in coarse steps. Of waste containers, the level "
        "is the room left.",
        [rows(query) for query in queries],
        size=(24, 13),
        transformations=joined(
            {
                "Value #B": "Status",
                "supply": "Supply",
                "printer": "Printer",
                "Value #C": "Level",
                "Value #D": "Days left",
                "Value #F": "Empty on",
                "Value #E": "Forecast",
                "order": "Order",
                "location": "Location",
                "Value #G": "A new one lasts",
                "Value #H": "Installed, ago",
            },
            ("Value #A", "Value #I"),
            "Value #A",
        ),
        overrides=[
            word("Status", SUPPLY_WORDS, 100),
            field("Printer", links=[PRINTER_LINK]),
            level("Level"),
            *days_left("Days left", "Forecast"),
            field("Empty on", unit="time:YYYY-MM-DD", custom__width=120, noValue="-"),
            field("Order", noValue="-", custom__minWidth=200),
            field("A new one lasts", unit="suffix: d", decimals=0, custom__width=150, noValue="-"),
            since("Installed, ago", 145, 0),
        ],
        noValue="No printer tells of its supplies.",
    )


def _orders() -> Json:
    def needed(supplies: str) -> str:
        found = f"{supply.order(SUPPLIES)} and on ({supply.KEY}) ({supplies})"
        return f"count by (location, order, supply) ({found})"

    hints = f"{SOON} unless on ({supply.KEY}) ({LOW} or {TRUSTED})"
    return table(
        "To order: low now, or empty within $days days",
        "What each location needs: part number where the printer tells one, else its own words. Hints are those that "
        "only an untrusted forecast asks for.",
        [rows(needed(TO_ORDER)), rows(f"{needed(hints)} or 0 * {needed(TO_ORDER)}")],
        size=(12, 9),
        transformations=joined(
            {
                "location": "Location",
                "Value #A": "Pieces",
                "order": "Order",
                "supply": "For",
                "Value #B": "Of them hints",
            },
            sort="location",
        ),
        overrides=[
            field("Pieces", custom__width=85),
            field("Of them hints", custom__width=130),
            field("Location", custom__width=130),
        ],
        noValue="Nothing is low, and nothing ends within these days.",
    )


def _replaced() -> Json:
    found = one(f"increase(printer_supply_replaced_total{{{SUPPLIES}}}[1d] offset -1d)")
    return graph(
        "Replaced per day",
        "Cartridges that were replaced each day, by kind. Each bar is one day and stands where the day begins.",
        [Query(f"round(sum by (kind) ({found})) > 0", "{{kind}}")],
        size=(12, 9),
        bars=True,
        stacked=True,
        interval="1d",
        decimals=0,
        calcs=["sum"],
        noValue="Nothing was replaced.",
    )


def _urgent(expression: str) -> str:
    """Return the expression for the supplies that end first, by what was known at the end of the range."""
    last = f"{supply.days(SUPPLIES, '@ end()')} or 1e4 + 100 * {supply.level(SUPPLIES, '@ end()')}"
    return f"({expression}) and on ({supply.KEY}) bottomk({URGENT}, {last})"


def dashboard() -> Json:
    """Return the dashboard."""
    levels = graph(
        f"Levels of the {URGENT} that end first",
        "How the level of the most urgent supplies came to be, with a mark wherever one of them was replaced. Choose a "
        "printer or a kind above to see others.",
        [Query(_urgent(supply.level(SUPPLIES)), "{{printer}}: {{supply}}")],
        size=(24, 10),
        unit="percentunit",
        min=0,
        max=1,
        fill=0,
        custom={"lineWidth": 2},
        calcs=["lastNotNull"],
        placement="right",
    )
    replaced = f"max by ({supply.KEY}) (increase(printer_supply_replaced_total{{{SUPPLIES}}}[1h])) > 0"
    return made(
        UID,
        "Printers and cameras: supplies",
        "Every supply of the fleet: what ends when, and what to order.",
        [_tiles(), [_every()], [_orders(), _replaced()], [levels]],
        variables=[
            choice("location", "Location", "label_values(printer_status, location)"),
            choice("printer", "Printer", 'label_values(printer_status{location=~"$location"}, printer)'),
            choice("kind", "Kind", f"label_values(printer_supply_status{{{PRINTERS}}}, kind)"),
            fixed_choice("days", "Order ahead (days)", ("14", "7", "30"), many=False),
        ],
        annotations=[events("Replaced", _urgent(replaced), BLUE, "{{printer}}: new {{supply}}", "1h")],
        since="now-30d",
        refresh="5m",
        back=("Office", "printcam-office"),
    )
