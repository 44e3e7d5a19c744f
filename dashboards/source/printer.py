"""One printer: what it is, what is wrong with it, what it needs and what it prints."""

from dashboards.source import supply
from dashboards.source.grafana import (
    Json,
    Query,
    bars,
    choice,
    events,
    field,
    graph,
    joined,
    now,
    rows,
    says,
    stat,
    steps,
    table,
    timeline,
)
from dashboards.source.grafana import dashboard as made
from dashboards.source.queries import labelled, one
from dashboards.source.theme import (
    ANY_IS_A_WARNING,
    BLUE,
    GREEN,
    NEUTRAL,
    ORANGE,
    PRINTER_WORDS,
    REASON_WORDS,
    RED,
    SUPPLY_WORDS,
    days_left,
    level,
    since,
    supply_colors,
    word,
)

UID = "printcam-printer"
PRINTER = 'printer="$printer"'
TILE = (4, 4)


def _tiles() -> list[Json]:
    doing = f"max by (state) (printer_state{{{PRINTER}}}) == 1"
    return [
        stat(
            "Status",
            "The status now. Error: it cannot print. Warning: it will want somebody. Offline: it does not answer. "
            "Unknown: silent as expected, or never heard.",
            [now(f"max(printer:status:code{{{PRINTER}}})", "status")],
            size=TILE,
            mappings=PRINTER_WORDS,
            color_mode="background",
        ),
        stat(
            "For",
            "How long it has had this status.",
            [now(f"time() - max(printer_status_changed_timestamp_seconds{{{PRINTER}}})", "for")],
            size=TILE,
            unit="dtdurations",
            decimals=1,
        ),
        stat(
            "Doing",
            "What the printer says it is doing. Other is mostly sleep, or a fault that keeps it from printing.",
            [now(doing, "{{state}}")],
            size=TILE,
            text_mode="name",
            noValue="it does not answer",
        ),
        stat(
            "Last answer",
            "Seconds since its last answer to a poll. More than a few cycles: see the failed polls below.",
            [now(f"time() - max(printer_last_success_timestamp_seconds{{{PRINTER}}})", "ago")],
            size=TILE,
            unit="s",
            decimals=0,
            thresholds=steps((None, GREEN), (300, ORANGE)),
            noValue="never",
        ),
        stat(
            "Running",
            "How long its network agent has been running: since it was switched on or restarted.",
            [now(f"time() - max(printer_boot_timestamp_seconds{{{PRINTER}}})", "running")],
            size=TILE,
            unit="dtdurations",
            decimals=1,
            noValue="it does not answer",
        ),
        stat(
            "Jams",
            "Paper jams that began within the chosen time. Many a week: worn rollers, damp paper, wrong tray settings.",
            [now(f"round(max by (printer) (increase(printer_jams_total{{{PRINTER}}}[$__range])))", "jams")],
            size=TILE,
            decimals=0,
            thresholds=steps((None, GREEN), (3, ORANGE), (10, RED)),
            noValue="none counted",
        ),
    ]


def _identity() -> Json:
    columns = {
        "printer": "Name",
        "location": "Location",
        "vendor": "Maker",
        "model": "Model",
        "serial": "Serial number",
        "firmware": "Firmware",
        "address": "Address",
        "hostname": "Host name",
    }
    web = {"title": "Open its own page", "url": "http://${__value.raw}/", "targetBlank": True}
    return table(
        "What it is",
        "Who the printer says it is, and the labels that you gave it. The link of its address opens its own web page.",
        [rows(one(f"printer_info{{{PRINTER}}}"))],
        size=(24, 4),
        filterable=False,
        transformations=joined(columns, ["Value"]),
        overrides=[field("Address", links=[web])],
        noValue="it has never answered",
    )


def _alerts() -> Json:
    columns = {"level": "Level", "description": "It says", "code": "Code", "group": "Part", "training": "Who can help"}
    rank = {"critical": 3, "warning": 2}
    info = f"printer_alert_info{{{PRINTER}"
    ranked = [f'{info},level="{name}"}} * {value}' for name, value in rank.items()]
    ranked.append(f'{info},level!~"{"|".join(rank)}"}}')
    colors = {"critical": RED, "warning": ORANGE, "information": "text"}
    words = {text: {"text": text, "color": color, "index": n} for n, (text, color) in enumerate(colors.items())}
    return table(
        "Its own alert table",
        "What the printer reports of itself now, in its own words, critical rows first.",
        [rows(f"max by ({', '.join(columns)}) ({' or '.join(ranked)})")],
        size=(11, 7),
        filterable=False,
        transformations=joined(columns, ["Value"], "-Value"),
        overrides=[
            field(
                "Level",
                mappings=[{"type": "value", "options": words}],
                custom__cellOptions={"type": "color-text"},
                custom__width=95,
            ),
            field("Code", custom__width=190),
            field("Part", custom__width=125),
            field("Who can help", custom__width=120, noValue="-"),
        ],
        noValue="It reports nothing.",
    )


def _faults() -> Json:
    bits = labelled(f"printer_error{{{PRINTER}}}", "what", "error")
    words = says({0: ("no", "text"), 1: ("yes", RED)})
    covers = labelled(f"printer_cover_open{{{PRINTER}}}", "what", "cover")
    return table(
        "Error bits and covers",
        "The faults that the standard knows, and the printer's covers: what is so now stands first.",
        [rows(f"max by (what) ({bits} or {covers})")],
        size=(5, 7),
        filterable=False,
        transformations=joined({"what": "What", "Value": "Now"}, sort="-Value"),
        overrides=[
            field("What", mappings=REASON_WORDS),
            field("Now", mappings=words, custom__cellOptions={"type": "color-text"}, custom__width=60),
        ],
        noValue="It does not answer.",
    )


def _trays() -> Json:
    key = "tray, kind, media"
    trays = f"max by ({key}) (printer_tray_level_ratio{{{PRINTER}}})"
    bins = labelled(f"printer_output_level_ratio{{{PRINTER}}}", "tray", "bin")
    bins = f'max by (tray, kind) (label_replace({bins}, "kind", "output", "", ""))'
    sheets = f"max by ({key}) (printer_tray_sheets{{{PRINTER}}})"
    capacity = f"max by ({key}) (printer_tray_capacity_sheets{{{PRINTER}}})"
    return table(
        "Trays",
        "Paper left in each tray, and room left in output bins. Manual and bypass trays are empty by nature and never "
        "make the printer a warning.",
        [rows(f"{trays} or {bins}"), rows(sheets), rows(capacity)],
        size=(8, 7),
        filterable=False,
        transformations=joined(
            {
                "tray": "Tray",
                "Value #A": "Left",
                "Value #B": "Sheets",
                "Value #C": "Of",
                "media": "Paper",
                "kind": "Kind",
            },
            sort="Value #A",
        ),
        overrides=[
            level("Left", 120),
            field("Sheets", custom__width=65, noValue="-"),
            field("Of", custom__width=55, noValue="-"),
            field("Paper", custom__width=70, noValue="-"),
        ],
        noValue="It counts no paper.",
    )


def _status() -> Json:
    return timeline(
        "Status over time",
        "Each change of status. Gaps are times at which nobody asked.",
        [Query(f"max by (printer) (printer:status:code{{{PRINTER}}})", "{{printer}}")],
        size=(24, 4),
        mappings=PRINTER_WORDS,
        show_value="auto",
    )


def _supply_bars() -> Json:
    return bars(
        "Supplies now",
        "What is left of each supply, in its own colour; of waste containers the room left. A supply that only says "
        "that some is left has no bar: the table beside has it.",
        [now(f"sort(max by (supply) (printer_supply_level_ratio{{{PRINTER}}}))", "{{supply}}")],
        size=(7, 10),
        unit="percentunit",
        decimals=0,
        min=0,
        max=1,
        color={"mode": "fixed", "fixedColor": NEUTRAL},
        overrides=supply_colors(),
        noValue="It tells no level.",
    )


def _supply_table() -> Json:
    queries = (
        supply.urgency(PRINTER),
        supply.status(PRINTER),
        supply.level(PRINTER),
        supply.days(PRINTER),
        supply.trusted(PRINTER),
        supply.empty_at(PRINTER),
        supply.lasts(PRINTER),
        supply.age(PRINTER),
        supply.order(PRINTER),
    )
    return table(
        "Supplies: forecast",
        "When each supply is empty at the pace of the last two weeks, most urgent first. A hint rests on less than two "
        "weeks or on few steps of the level. None is given where less than three days were watched, nothing was used, "
        "or the level moves in coarse steps.",
        [rows(query) for query in queries],
        size=(17, 10),
        filterable=False,
        transformations=joined(
            {
                "Value #B": "Status",
                "supply": "Supply",
                "Value #C": "Level",
                "Value #D": "Days left",
                "Value #F": "Empty on",
                "Value #E": "Forecast",
                "Value #G": "A new one lasts",
                "Value #H": "Installed, ago",
                "order": "Order",
            },
            ("Value #A", "Value #I", "printer", "location"),
            "Value #A",
        ),
        overrides=[
            word("Status", SUPPLY_WORDS, 85),
            level("Level", 140),
            *days_left("Days left", "Forecast"),
            field("Empty on", unit="time:YYYY-MM-DD", custom__width=105, noValue="-"),
            field("A new one lasts", unit="suffix: d", decimals=0, custom__width=125, noValue="-"),
            since("Installed, ago", 120, 0),
            field("Order", noValue="-"),
        ],
        noValue="It tells nothing of its supplies.",
    )


def _levels() -> Json:
    def threshold(name: str) -> Query:
        return Query(f'max(printer_supply_threshold_ratio{{{PRINTER},level="{name}",supply=""}})', f"{name} below this")

    dashed = {"fill": "dash", "dash": [10, 10]}
    lines = [
        field(
            f"{name} below this",
            color={"mode": "fixed", "fixedColor": color},
            custom__lineStyle=dashed,
            custom__fillOpacity=0,
        )
        for name, color in (("warning", ORANGE), ("error", RED))
    ]
    return graph(
        "Supplies over time",
        "Levels, the thresholds that the printer's status uses, and a mark wherever a cartridge was replaced.",
        [
            Query(f"max by (supply) (printer_supply_level_ratio{{{PRINTER}}})", "{{supply}}"),
            threshold("warning"),
            threshold("error"),
        ],
        size=(14, 9),
        unit="percentunit",
        min=0,
        max=1,
        fill=0,
        custom={"lineWidth": 2},
        overrides=[*supply_colors(), *lines],
    )


def _forecasts() -> Json:
    trusted = supply.where(supply.days(PRINTER), f"{supply.trusted(PRINTER)} == 1")
    return graph(
        "Days left over time",
        "How the trusted forecasts developed: a line that falls by a day each day was right all along.",
        [Query(f"max by (supply) ({trusted})", "{{supply}}")],
        size=(10, 9),
        unit="suffix: d",
        min=0,
        fill=0,
        overrides=supply_colors(),
        noValue="No supply has a trusted forecast.",
    )


def _pages() -> list[Json]:
    def maker(name: str, legend: str) -> Query:
        return now(f"sum({one(f'increase(printer_{name}_total{{{PRINTER}}}[$__range])')})", legend)

    day = one(f"increase(printer_pages_total{{{PRINTER}}}[1d] offset -1d)")
    split = one(f"increase(printer_function_pages_total{{{PRINTER}}}[$__range])")
    silent = "Its maker does not count this."
    return [
        graph(
            "Pages per day",
            "Pages of each day from midnight to midnight; today's so far. Impressions are sides, sheets are paper: a "
            "printer counts the one or the other.",
            [Query(f"sum by (unit) ({day})", "{{unit}}")],
            size=(12, 8),
            bars=True,
            interval="1d",
            decimals=0,
            calcs=["sum"],
            color={"mode": "fixed", "fixedColor": BLUE},
        ),
        bars(
            "Pages by function and colour",
            "Pages within the chosen time as the maker counts them. No page is in two bars.",
            [now(f"sort_desc(sum by (function, color) ({split}))", "{{function}}, {{color}}")],
            size=(6, 8),
            decimals=0,
            color={"mode": "fixed", "fixedColor": BLUE},
            noValue=silent,
        ),
        bars(
            "Counted apart",
            "Scans, two-sided and large pages within the chosen time as the maker counts them; no parts of one whole.",
            [maker("scans", "scans"), maker("duplex_pages", "two-sided"), maker("large_pages", "large (A3)")],
            size=(6, 8),
            decimals=0,
            color={"mode": "fixed", "fixedColor": BLUE},
            noValue=silent,
        ),
    ]


def _oddities() -> Json:
    def noted(metric: str, words: str) -> str:
        return f'label_replace({metric}, "note", "{words}", "", "")'

    flags = (
        noted(f"printer_maintenance{{{PRINTER}}} == 1", "in maintenance: no alert fires"),
        noted(f"printer_expected_off{{{PRINTER}}} == 1", "expected to be off now"),
        noted(f"printer_supply_implausible{{{PRINTER}}} > 0", "supplies with an impossible level"),
        noted(f"increase(printer_page_anomalies_total{{{PRINTER}}}[$__range]) > 0", "jumps of the page counter"),
        noted(f"increase(printer_poll_faults_total{{{PRINTER}}}[$__range]) > 0", "answers that could not be read"),
    )
    failures = labelled(f"(increase(printer_poll_failures_total{{{PRINTER}}}[$__range]) > 0)", "note", "reason")
    other = noted(f"printer_identity_changed_timestamp_seconds{{{PRINTER}}}", "another serial number answers")
    return table(
        "Oddities",
        "What one should know before one wonders: maintenance, expected silence, an exchanged printer, counters that "
        "jumped, polls that failed, values that cannot be.",
        [rows(f"max by (note) ({' or '.join((*flags, failures))})"), rows(f"1000 * max by (note) ({other})")],
        size=(8, 7),
        filterable=False,
        transformations=joined({"note": "What", "Value #A": "Count", "Value #B": "Since"}),
        overrides=[
            field("What", mappings=REASON_WORDS),
            field("Count", decimals=0, custom__width=70, noValue="-"),
            field("Since", unit="time:YYYY-MM-DD HH:mm", custom__width=145, noValue="-"),
        ],
        noValue="Nothing odd.",
    )


def _events() -> Json:
    found = one(f"increase(printer_alert_events_total{{{PRINTER}}}[$__range])")
    return bars(
        "What happened most",
        "Rows that appeared in its alert table within the chosen time, by code: what keeps coming back wants a repair.",
        [now(f"sort_desc(round(sum by (code) ({found})) > 0)", "{{code}}")],
        size=(8, 7),
        decimals=0,
        thresholds=ANY_IS_A_WARNING,
        noValue="Nothing new was reported.",
    )


def _polls() -> Json:
    failed = one(f"increase(printer_poll_failures_total{{{PRINTER}}}[$__rate_interval])")
    return graph(
        "Cost of polls",
        "How long a poll takes; how many requests it needs and how many polls failed on the right axis. Why they "
        "failed stands under Oddities.",
        [
            Query(f"max(printer_poll_duration_seconds{{{PRINTER}}})", "duration"),
            Query(f"max(printer_poll_requests{{{PRINTER}}})", "requests"),
            Query(f"sum({failed})", "failed"),
        ],
        size=(8, 7),
        unit="s",
        fill=0,
        overrides=[
            field("requests", unit="none", custom__axisPlacement="right"),
            field("failed", unit="none", color={"mode": "fixed", "fixedColor": RED}, custom__axisPlacement="right"),
        ],
    )


def dashboard() -> Json:
    """Return the dashboard."""
    replaced = f"max by (supply) (increase(printer_supply_replaced_total{{{PRINTER}}}[1h])) > 0"
    return made(
        UID,
        "Printers and cameras: printer",
        "One printer: what it is, what is wrong with it, what it needs and what it prints.",
        [
            _tiles(),
            [_identity()],
            [_alerts(), _faults(), _trays()],
            [_status()],
            [_supply_bars(), _supply_table()],
            [_levels(), _forecasts()],
            _pages(),
            [_oddities(), _events(), _polls()],
        ],
        variables=[
            choice("location", "Location", "label_values(printer_status, location)"),
            choice("printer", "Printer", 'label_values(printer_status{location=~"$location"}, printer)', many=False),
        ],
        annotations=[events("Replaced", replaced, BLUE, "New {{supply}}", "1h")],
        since="now-30d",
        back=("Office", "printcam-office"),
    )
