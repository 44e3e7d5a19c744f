"""Colours and words that mean the same on every dashboard."""

from dashboards.source.grafana import Json, color_of, field, says, steps

GREEN, ORANGE, RED, GREY, BLUE = "green", "orange", "red", "#8e8e99", "light-blue"

PRINTER_STATUS = {
    0: ("ok", GREEN),
    1: ("warning", ORANGE),
    2: ("error", RED),
    3: ("offline", GREY),
    4: ("unknown", BLUE),
}
"""Of `printer:status:code`."""
CAMERA_STATUS = {
    0: ("active", GREEN),
    1: ("ip_changed", ORANGE),
    2: ("offline", GREY),
    3: ("missing", RED),
    4: ("unknown", BLUE),
}
"""Of `camera:status:code`."""
SUPPLY_STATUS = {0: ("ok", GREEN), 1: ("warning", ORANGE), 2: ("error", RED)}
"""Of `printer_supply_status`."""

PRINTER_WORDS, CAMERA_WORDS, SUPPLY_WORDS = says(PRINTER_STATUS), says(CAMERA_STATUS), says(SUPPLY_STATUS)
REASONS = {
    "no_paper": "no paper",
    "low_paper": "paper low",
    "no_toner": "no toner",
    "low_toner": "toner low",
    "door_open": "door open",
    "jammed": "jammed",
    "service_requested": "service requested",
    "input_tray_missing": "input tray missing",
    "output_tray_missing": "output tray missing",
    "marker_supply_missing": "supply missing",
    "output_near_full": "output nearly full",
    "output_full": "output full",
    "input_tray_empty": "input tray empty",
    "overdue_maintenance": "maintenance overdue",
    "taken_offline": "taken offline",
    "timeout": "no answer (timeout)",
    "refused": "no answer (refused)",
    "resolve": "no answer (its name has no address)",
    "auth": "no answer (credentials refused)",
    "protocol": "no answer that makes sense",
    "deadline": "too slow an answer",
    "internal": "exporter's fault, see its log",
}
"""Of the error bits of a printer, and of the reasons of failed polls."""
REASON_WORDS: list[Json] = [
    {"type": "value", "options": {key: {"text": text, "index": n} for n, (key, text) in enumerate(REASONS.items())}}
]
YES_NO = says({0: ("no", "text"), 1: ("yes", "text")})
WORKING = says({0: ("down", RED), 1: ("up", GREEN)})

SUPPLY_COLORS = {"black": "#6e6e78", "cyan": "#00a3c7", "magenta": "#d6409f", "yellow": "#e0b400"}
"""Toner and ink in their colour, and seen on dark and on light."""
NEUTRAL = "#8f7fbf"
"""Of what has no colour of its own and is neither good nor bad: other supplies, levels beside a status."""
CONFIDENCE = says({0: ("hint", ORANGE), 1: ("trusted", GREEN)})
"""Of `printer_supply:pace:trusted`."""

ANY_IS_BAD: Json = steps((None, GREEN), (1, RED))
ANY_IS_A_WARNING: Json = steps((None, GREEN), (1, ORANGE))
DAYS_LEFT: Json = steps((None, RED), (7, ORANGE), (21, GREEN))


def _nothing(color: str) -> Json:
    return {"type": "special", "options": {"match": "null", "result": {"text": "-", "color": color, "index": 99}}}


def word(name: str, words: list[Json], width: int = 90) -> Json:
    """Return a table column that says numbers in words, on their colour."""
    return field(
        name,
        mappings=[*words, _nothing("transparent")],
        thresholds=steps((None, "transparent")),
        custom__cellOptions={"type": "color-background", "mode": "basic"},
        custom__width=width,
        custom__align="left",
    )


def since(name: str, width: int = 170, decimals: int = 1) -> Json:
    """Return a table column of how long something lasts, in seconds, with so many smaller units behind the first."""
    return field(name, unit="dtdurations", decimals=decimals, custom__width=width, noValue="-")


def level(name: str, width: int = 150) -> Json:
    """Return a table column that draws a share as a bar; whether it is low says the status beside it."""
    cell = {"type": "gauge", "mode": "basic", "valueDisplayMode": "text"}
    color = {"mode": "fixed", "fixedColor": NEUTRAL}
    return field(
        name,
        unit="percentunit",
        decimals=0,
        min=0,
        max=1,
        color=color,
        custom__cellOptions=cell,
        custom__width=width,
        noValue="-",
    )


def days_left(name: str, trusted: str) -> list[Json]:
    """Return table columns of days until empty, and of whether that is more than a hint."""
    text = {"type": "color-text"}
    return [
        field(
            name,
            unit="suffix: d",
            decimals=0,
            thresholds=DAYS_LEFT,
            mappings=[_nothing("text")],
            custom__cellOptions=text,
            custom__width=115,
        ),
        field(trusted, mappings=[*CONFIDENCE, _nothing("text")], custom__cellOptions=text, custom__width=105),
    ]


def supply_colors() -> list[Json]:
    """Return overrides that draw supplies in their own colour; one without keeps the panel's."""
    return [color_of(f"/^{color}/i", shade) for color, shade in SUPPLY_COLORS.items()]
