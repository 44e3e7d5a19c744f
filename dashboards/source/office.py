"""The office on one screen: what is wrong now, and what will be."""

from dashboards.source import supply
from dashboards.source.grafana import (
    Json,
    Query,
    choice,
    field,
    fixed_choice,
    joined,
    link,
    now,
    rows,
    stat,
    steps,
    table,
)
from dashboards.source.grafana import dashboard as made
from dashboards.source.queries import CAMERAS, PRINTERS, labelled
from dashboards.source.theme import (
    CAMERA_STATUS,
    CAMERA_WORDS,
    PRINTER_STATUS,
    PRINTER_WORDS,
    REASON_WORDS,
    SUPPLY_WORDS,
    since,
    word,
)
from dashboards.source.theme import days_left as days_left_column
from dashboards.source.theme import level as level_column

UID = "printcam-office"
STATUSES = ("error", "missing", "offline", "warning", "ip_changed", "unknown", "ok", "active")
WRONG = STATUSES[:-2]
"""Statuses of printers and of cameras, worst first."""
PRINTER_RANKS = {"error": 4, "offline": 3, "warning": 2, "unknown": 1, "ok": 0}
CAMERA_RANKS = {"missing": 4, "offline": 3, "ip_changed": 2, "unknown": 1, "active": 0}
ERROR_BITS = (
    "no_paper|no_toner|door_open|jammed|input_tray_missing|output_tray_missing|marker_supply_missing|output_full"
)
"""Bits that make a printer an error; the others make it a warning."""
PRINTER_LINK = link("Open the printer", "printcam-printer", printer="${__value.raw:percentencode}")
CAMERA_LINK = link("Open the camera", "printcam-cameras", camera="${__value.raw:percentencode}")


def _counts(code: str, selector: str, words: dict[int, tuple[str, str]]) -> list[Query]:
    return [
        now(f"count(max without (instance, job) ({code}{{{selector}}}) == {number}) or vector(0)", word)
        for number, (word, _) in words.items()
    ]


def _tiles(title: str, description: str, queries: list[Query], words: dict[int, tuple[str, str]]) -> Json:
    colors = [field(word, thresholds=steps((None, "text"), (1, color))) for word, color in words.values()]
    return stat(title, description, queries, size=(10, 4), overrides=colors, decimals=0)


def _pages() -> Json:
    pages = f"sum by (unit) (max without (instance, job) (last_over_time(printer:pages:increase1d{{{PRINTERS}}}[2h])))"
    return stat(
        "Pages, last 24 hours",
        "Pages of the chosen printers within 24 hours, at most an hour old. Printers count impressions (sides) or "
        "sheets; the two are never added. The dashboard Pages has days, months and departments.",
        [now(pages, "{{unit}}")],
        size=(4, 4),
        text_mode="value_and_name",
        decimals=0,
    )


def _chosen(expression: str, key: str, status: str) -> str:
    """Return the expression for devices in one of the chosen statuses."""
    return f'({expression}) and on ({key}) (max by ({key}) ({status},status=~"$status"}}) == 1)'


def _sort_key(status: str, ranks: dict[str, int], changed: str, key: str) -> str:
    """Return the rank of the status, and behind the point when it changed: the newest first."""
    ranked = " or ".join(f'({status},status="{name}"}} == 1) * {rank}' for name, rank in ranks.items())
    return f"max by ({key}) ({ranked}) + on ({key}) max by ({key}) ({changed}) / 1e10"


def _reason() -> str:
    """Return one row a printer with the label `what`: the worst that is known of it, in its own words first."""

    def said(levels: str) -> str:
        rows = f"printer_alert_info{{{PRINTERS},{levels}"
        own, code = f'{rows},description!=""}}', f'{rows},description=""}}'
        return f"({labelled(own, 'what', 'description')} or {labelled(code, 'what', 'code')})"

    def bit(errors: str) -> str:
        return labelled(f"(printer_error{{{PRINTERS},{errors}}} == 1)", "what", "error")

    def low(status: int) -> str:
        supplies = f"printer_supply_status{{{PRINTERS},kind"
        used = labelled(f'({supplies}!~"waste_.*"}} == {status})', "what", "supply", "low")
        full = labelled(f'({supplies}=~"waste_.*"}} == {status})', "what", "supply", "nearly full")
        return f"0 * ({used} or {full})"

    silent = f'printer_status{{{PRINTERS},status=~"offline|unknown"}} == 1'
    failures = f"(increase(printer_poll_failures_total{{{PRINTERS}}}[1h]) > 0 and on (printer) ({silent}))"
    opened = labelled(f"(printer_cover_open{{{PRINTERS}}} == 1)", "what", "cover", "open")
    critical, bad = 'level="critical"', f'error=~"{ERROR_BITS}"'
    mild, lesser = 'level!~"critical|information"', f'error!~"{ERROR_BITS}"'
    reasons = (
        f"9 + {labelled(failures, 'what', 'reason')}",
        f'8 * label_replace({silent}, "what", "no answer", "", "")',
        f"7 * {said(critical)}",
        f"6 * {bit(bad)}",
        f"5 * {opened}",
        f"4 * {said(mild)}",
        f"3 + {low(2)}",
        f"2 * {bit(lesser)}",
        f"1 + {low(1)}",
    )
    return f"topk by (location, printer) (1, max by (location, printer, what) ({' or '.join(reasons)}))"


def _printers() -> Json:
    key, status = "location, printer", f"printer_status{{{PRINTERS}"
    changed = f"printer_status_changed_timestamp_seconds{{{PRINTERS}}}"
    queries = (
        _sort_key(status, PRINTER_RANKS, changed, key),
        f"max by ({key}) (printer:status:code{{{PRINTERS}}})",
        f"time() - max by ({key}) ({changed})",
        _reason(),
        f'count by ({key}) (max without (instance, job) (printer_alert_info{{{PRINTERS},level!="information"}}))',
    )
    return table(
        "Printers: what is wrong now",
        "Printers of the chosen statuses, worst first and then the newest. What is wrong are the printer's own words "
        "where it has some, else its error bits, open covers and supplies; further rows of its alert table are "
        "counted. Open a printer by its name. A printer that is unknown sleeps as expected, or was never heard.",
        [rows(_chosen(query, key, status)) for query in queries],
        size=(14, 11),
        transformations=joined(
            {
                "Value #B": "Status",
                "printer": "Printer",
                "what": "What",
                "Value #C": "For",
                "location": "Location",
                "Value #E": "Alerts",
            },
            ("Value #A", "Value #D"),
            "-Value #A",
        ),
        overrides=[
            word("Status", PRINTER_WORDS, 80),
            field("Printer", links=[PRINTER_LINK], custom__width=140),
            field("What", mappings=REASON_WORDS, noValue="-"),
            since("For"),
            field("Location", custom__width=110),
            field("Alerts", custom__width=70, noValue="-"),
        ],
        filterable=False,
        noValue="No printer has one of the chosen statuses: nothing is wrong.",
    )


def _cameras() -> Json:
    key, status = "location, camera, mac", f"camera_status{{{CAMERAS}"
    changed = f"camera_status_changed_timestamp_seconds{{{CAMERAS}}}"
    moved = f"camera_ip_changed_timestamp_seconds{{{CAMERAS}}}"
    never = f'camera_status{{{CAMERAS},status="missing"}} == 1 unless on (mac) camera_last_seen_timestamp_seconds'
    changed_now = f'(camera_status{{{CAMERAS},status="ip_changed"}} == 1)'
    notes = (
        f"{labelled(moved, 'what', 'previous_address')} and on (mac) {changed_now}",
        f'label_replace({never}, "what", "never heard", "", "")',
    )
    queries = (
        _sort_key(status, CAMERA_RANKS, changed, key),
        f"max by ({key}) (camera:status:code{{{CAMERAS}}})",
        f"time() - max by ({key}) (camera_last_seen_timestamp_seconds{{{CAMERAS}}})",
        f"max by ({key}, address) (camera_info{{{CAMERAS}}})",
        f"topk by ({key}) (1, max by ({key}, what) ({' or '.join(notes)}))",
    )
    return table(
        "Cameras: what is wrong now",
        "Cameras of the chosen statuses, worst first. Missing: not heard for a day of searching, or listed and never "
        "heard; look for power and cable. Offline: some searches went unanswered. ip_changed: there, behind another "
        "address than yesterday. Unknown: its segment cannot be searched.",
        [rows(_chosen(query, key, status)) for query in queries],
        size=(10, 11),
        transformations=joined(
            {
                "Value #B": "Status",
                "camera": "Camera",
                "Value #C": "Last heard",
                "address": "Address",
                "what": "Before",
                "location": "Location",
            },
            ("Value #A", "Value #D", "Value #E", "mac"),
            "-Value #A",
        ),
        overrides=[
            word("Status", CAMERA_WORDS, 100),
            field("Camera", links=[CAMERA_LINK]),
            since("Last heard", 110, 0),
            field("Address", custom__width=120, noValue="-"),
            field("Before", custom__width=145, noValue="-"),
            field("Location", custom__width=100),
        ],
        filterable=False,
        noValue="No camera has one of the chosen statuses: nothing is wrong.",
    )


def _supplies() -> Json:
    low = f"{supply.status(PRINTERS)} > 0"
    queries = (
        supply.urgency(PRINTERS),
        supply.status(PRINTERS),
        supply.level(PRINTERS),
        supply.days(PRINTERS),
        supply.trusted(PRINTERS),
        supply.order(PRINTERS),
    )
    return table(
        "Supplies under their threshold",
        "Supplies that are low by their level or because the printer says so, most urgent first, with what to order. "
        "Days left follow from what was used in the last two weeks. The dashboard Supplies has all of them.",
        [rows(supply.where(query, low)) for query in queries],
        size=(14, 10),
        transformations=joined(
            {
                "Value #B": "Status",
                "supply": "Supply",
                "printer": "Printer",
                "Value #C": "Level",
                "Value #D": "Days left",
                "Value #E": "Forecast",
                "order": "Order",
                "location": "Location",
            },
            ("Value #A", "Value #F"),
            "Value #A",
        ),
        overrides=[
            word("Status", SUPPLY_WORDS),
            field("Printer", links=[PRINTER_LINK]),
            level_column("Level"),
            *days_left_column("Days left", "Forecast"),
            field("Order", noValue="-"),
            field("Location", custom__width=110),
        ],
        filterable=False,
        noValue="No supply is under its threshold.",
    )


def _locations() -> Json:
    def counted(kind: str, status: str) -> str:
        return f'sum by (location) (location_status:{kind}:count{{location=~"$location",status=~"{status}"}})'

    queries = [
        *(counted("printers", status) for status in ("error", "offline", "warning", "unknown", "ok")),
        counted("cameras", "missing|offline"),
        counted("cameras", "active|ip_changed"),
    ]
    names = ("error", "offline", "warning", "unknown", "ok", "cameras gone", "cameras there")
    colors = dict(PRINTER_STATUS.values())
    colors |= {"cameras gone": CAMERA_STATUS[3][1], "cameras there": CAMERA_STATUS[0][1]}
    cell = {"type": "color-text"}
    return table(
        "By location",
        "Printers by status, and cameras, in each location. Choose a location by its name: everything above follows.",
        [rows(query) for query in queries],
        size=(10, 10),
        transformations=joined(
            {"location": "Location"} | {f"Value #{'ABCDEFG'[number]}": name for number, name in enumerate(names)},
            sort="-Value #A",
        ),
        overrides=[
            field(
                "Location", links=[link("Only this location", UID, "status", location="${__value.raw:percentencode}")]
            ),
            *(
                field(
                    name,
                    thresholds=steps((None, "text"), (1, colors[name])),
                    custom__cellOptions=cell,
                    custom__width=110 if "cameras" in name else 75,
                    noValue="0",
                )
                for name in names
            ),
        ],
        filterable=False,
    )


def dashboard() -> Json:
    """Return the dashboard."""
    printers = _tiles(
        "Printers",
        "How many of the chosen printers have which status. Error: it cannot print. Warning: it will want somebody. "
        "Offline: it does not answer. Unknown: silent as expected, or never heard.",
        _counts("printer:status:code", PRINTERS, PRINTER_STATUS),
        PRINTER_STATUS,
    )
    cameras = _tiles(
        "Cameras",
        "How many of the chosen cameras have which status. Present are active and ip_changed, whose address changed "
        "within a day.",
        _counts("camera:status:code", CAMERAS, CAMERA_STATUS),
        CAMERA_STATUS,
    )
    return made(
        UID,
        "Printers and cameras: office",
        "What is wrong now, on one screen: printers, cameras and supplies.",
        [[printers, cameras, _pages()], [_printers(), _cameras()], [_supplies(), _locations()]],
        variables=[
            choice("location", "Location", 'label_values({__name__=~"printer_status|camera_status"}, location)'),
            fixed_choice("status", "Status", STATUSES, chosen=WRONG),
            choice("printer", "Printer", 'label_values(printer_status{location=~"$location"}, printer)'),
            choice("camera", "Camera", 'label_values(camera_status{location=~"$location"}, camera)'),
        ],
        since="now-24h",
    )
