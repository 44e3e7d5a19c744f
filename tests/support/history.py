"""Forty days of the demo office for a Prometheus: its golden page, led back through time.

What is put in is known exactly, so that panels, forecasts and since-whens can be checked against it. At `END` every
series has the value of the golden page, but for what a story below says.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TextIO, TypeAlias

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from exporter.metrics.exporter import Self, self_registry

GOLDEN = Path(__file__).parents[1] / "golden" / "office.metrics"
END = 1_790_000_000
"""A Monday, 2026-09-21 14:13:20 UTC."""
DAY = 86_400
DAYS = 40
START = END - DAYS * DAY
COARSE, FINE = 1_800, 60
"""Seconds between samples: over the whole time, and over the last hours, as a scrape does."""
FINE_FROM = END - 6 * 3_600
SHORT = range(FINE_FROM, END + 1, FINE)
LONG = (*range(START, FINE_FROM, COARSE), *SHORT)
TARGET = {"job": "printcam", "instance": "exporter:10143"}

Value: TypeAlias = Callable[[float], float | None]
"""What a series says at a time in Unix seconds; None is no sample."""


@dataclass(frozen=True)
class Series:
    """A series and its values at these times."""

    name: str
    labels: dict[str, str]
    value: Value
    times: Sequence[float] = SHORT

    def born(self, at: float) -> "Series":
        """Return it without samples before `at`."""
        return replace(self, value=lambda t: self.value(t) if t >= at else None)

    def with_labels(self, **labels: str) -> "Series":
        """Return it with other labels."""
        return replace(self, labels=self.labels | labels)


@dataclass(frozen=True)
class Cartridge:
    """How a supply is used up: cartridges a day over office hours, and what is left at the end."""

    pace: float
    left: float
    step: float = 0.01

    def burnt(self, t: float) -> float:
        """Return the cartridges used from a fixed past until `t`."""
        return self.pace * office_days(t)

    def level(self, t: float) -> float:
        """Return the level at `t`: a full one goes in when one is empty."""
        level = (self.left + self.burnt(END) - self.burnt(t)) % 1.0
        return math.ceil(round(level / self.step, 6)) * self.step

    def replaced(self, t: float) -> int:
        """Return the cartridges put in from the start until `t`."""
        return math.floor(self.left + self.burnt(END) - self.burnt(START)) - math.floor(
            self.left + self.burnt(END) - self.burnt(t)
        )

    def replaced_at(self, t: float) -> float | None:
        """Return when the cartridge of `t` went in, to the half hour; None before the first change."""
        now = self.replaced(t)
        if not now:
            return None
        low, high = float(START), t
        while high - low > COARSE:
            middle = (low + high) / 2
            low, high = (middle, high) if self.replaced(middle) < now else (low, middle)
        return high

    def used(self, t: float) -> float:
        """Return the counter of cartridges used since the start."""
        return round((self.burnt(t) - self.burnt(START)) / self.step) * self.step


OPENS, CLOSES, HOURS = 7 * 3_600, 17 * 3_600, 10 * 3_600


@cache
def office_days(t: float) -> float:
    """Return working days since a Monday long ago: printing is even from 7 to 17 h UTC, Monday to Friday."""
    monday = 4 * DAY
    weeks, rest = divmod(t - monday, 7 * DAY)
    days, seconds = divmod(rest, DAY)
    today = min(max(seconds - OPENS, 0), HOURS) / HOURS if days < 5 else 0
    return weeks * 5 + min(days, 5) + today


PACES = {"toner": 0.012, "ink": 0.02, "drum": 0.003, "fuser": 0.002, "transfer_unit": 0.002, "waste_toner": 0.004}
FAST = {("Accounting", "Black toner"): 0.155, ("Warehouse", "Black toner"): 0.05}
"""Cartridges a working day: two that run out within days."""
COARSE_STEPS = {"Legal": 0.1}
PAGES_A_DAY = {"Accounting": 420, "Marketing": 610, "Engineering": 380, "Legal": 150, "Warehouse": 90, "Workshop": 0}
JAMMED_SINCE = END - 40 * 60
EMPTY_SINCE = END - 2 * DAY
SWAPPED_AT = END - 20 * DAY
"""When Training's printer was exchanged for a used one."""
OLD_SERIAL, OLD_PAGES = "460032LM1TXXX", 812_000
MOVED, MOVED_AT, MOVED_FROM = "02:00:5e:10:00:02", END - 5 * 3_600, "127.44.0.102"
"""The camera that changed its address, when, and the address before."""
LOST, LOST_AT = "02:00:5e:10:00:09", END - 3 * DAY
"""The camera that vanished, and when it was heard last."""
NEW, FOUND_AT, OLD_FIRMWARE = "02:00:5e:10:00:08", END - 2 * DAY, "1.80"
"""The unlisted camera that turned up, when, and its firmware: not that of the others of its model."""
NEVER = "02:00:5e:10:00:99"
"""The listed camera that was never heard."""
RESTARTS = {MOVED: 9 * DAY, "02:00:5e:10:00:07": 13 * DAY}
"""The cameras that restart now and then, with the seconds between."""
POLL_SECONDS, FAULTY = {"Legal": 3.1, "Archive": 2.0, "Sales": 0.9}, "Warehouse"
"""Slow printers, and one whose answers are partly unreadable."""
FAILS_EVERY = {"Archive": FINE, "Legal": 2_700}
"""Printers of which a poll fails, with the seconds between."""
STARTED_AT = END - 3 * DAY
"""When the exporter was started last."""


def cartridge(labels: dict[str, str], level: float) -> Cartridge:
    """Return how this supply is used up, so that `level` is left at the end."""
    name = labels["printer"], labels["supply"]
    # A step that divides the level leaves the golden page's own number at the end.
    return Cartridge(FAST.get(name, PACES.get(labels["kind"], 0.001)), level, COARSE_STEPS.get(name[0], 0.01))


def page() -> Iterator[tuple[str, dict[str, str], float]]:
    """Yield the golden page, sample by sample."""
    for family in text_string_to_metric_families(GOLDEN.read_text()):
        for sample in family.samples:
            yield sample.name, sample.labels, sample.value


def pages_a_day(printer: str) -> int:
    """Return what the printer prints on a working day."""
    return PAGES_A_DAY.get(printer, 120)


def pages_after(printer: str, t: float) -> float:
    """Return how many pages the printer prints from `t` to the end."""
    return round(pages_a_day(printer) * (office_days(END) - office_days(t)))


def _status(labels: dict[str, str], at_end: float) -> Value:
    since = {"Meeting Room 1": JAMMED_SINCE, "Canteen": EMPTY_SINCE}.get(labels["printer"], START)
    before = float(labels["status"] == "ok")
    return lambda t: at_end if t >= since else before


def _camera_status(labels: dict[str, str], at_end: float) -> Value:
    if labels["mac"] == MOVED:
        return lambda t: float(labels["status"] == ("ip_changed" if t >= MOVED_AT else "active"))
    if labels["mac"] == LOST:
        gone = {True: "active", False: "missing"}
        return lambda t: float(labels["status"] == gone[t < LOST_AT + DAY])
    return lambda t: at_end


def _history(
    name: str, labels: dict[str, str], at_end: float, levels: dict[tuple[str, str], float]
) -> Iterable[Series]:
    """Yield the series that a sample of the golden page becomes."""
    supply = labels.get("printer", ""), labels.get("supply", "")
    if "mac" in labels:
        began = FOUND_AT if labels["mac"] == NEW else START
        yield from (one.born(began) for one in _camera(name, labels, at_end))
    elif name in OF_CARTRIDGES and supply in levels:
        yield from _supply(name, labels, cartridge(labels, levels[supply]))
    elif name == "printer_pages_total":
        yield from _pages(labels, at_end)
    elif name == "printer_month_pages":
        yield from _months(labels)
    elif name in LONG_KNOWN:
        yield Series(name, labels, lambda _: at_end, LONG)
    elif name.startswith("printer_poll"):
        yield _polls(name, labels, at_end)
    elif "printer" in labels:
        yield _printer(name, labels, at_end)
    else:
        yield _search(name, labels, at_end)


OF_CARTRIDGES = {
    "printer_supply_level_ratio",
    "printer_supply_used_ratio_total",
    "printer_supply_replaced_total",
    "printer_supply_tracked_since_timestamp_seconds",
}
LONG_KNOWN = {
    "printer_up",
    "printer_expected_off",
    "printer_poll_requests",
    "printer_supply_threshold_ratio",
    "camera_segment_up",
    "camera_listener_up",
    "camera_search_answers",
}
"""What never changed in all the time."""


def _supply(name: str, labels: dict[str, str], used: Cartridge) -> Iterable[Series]:
    match name:
        case "printer_supply_level_ratio":
            yield Series(name, labels, used.level, LONG)
        case "printer_supply_used_ratio_total":
            yield Series(name, labels, used.used, LONG)
        case "printer_supply_replaced_total":
            yield Series(name, labels, used.replaced, LONG)
        case _:
            yield Series(name, labels, lambda t: used.replaced_at(t) or START, LONG)
            yield Series(name.replace("tracked_since", "installed"), labels, used.replaced_at, LONG)


def _polls(name: str, labels: dict[str, str], at_end: float) -> Series:
    printer = labels["printer"]
    match name:
        case "printer_polls_total":
            return Series(name, labels, lambda t: (t - START) // FINE)
        case "printer_poll_failures_total" if labels["reason"] == "timeout" and printer in FAILS_EVERY:
            return Series(name, labels, lambda t: (t - START) // FAILS_EVERY[printer])
        case "printer_poll_faults_total" if printer == FAULTY:
            return Series(name, labels, lambda t: (t - START) // 3_600)
        case "printer_poll_duration_seconds":
            # Each its own: a graph of the slowest ten has to choose.
            seconds = POLL_SECONDS.get(printer, 0.1 + sum(printer.encode()) % 89 / 1_000)
            return Series(name, labels, lambda t: seconds * _ripple(t), LONG)
    return Series(name, labels, lambda _: at_end)


def _printer(name: str, labels: dict[str, str], at_end: float) -> Series:
    printer = labels["printer"]
    match name:
        case "printer_status":
            return Series(name, labels, _status(labels, at_end), LONG)
        case "printer_status_changed_timestamp_seconds":
            since = {"Meeting Room 1": JAMMED_SINCE, "Canteen": EMPTY_SINCE}.get(printer, END - 9 * DAY)
            return Series(name, labels, lambda t: since if t >= since else START)
        case "printer_supply_status_changed_timestamp_seconds":
            return Series(name, labels, lambda _: EMPTY_SINCE)
        case "printer_jams_total" if printer == "Meeting Room 1":
            return Series(name, labels, lambda t: 6 + (t >= END - 6 * DAY) * 4 + (t >= JAMMED_SINCE), LONG)
        case "printer_alert_events_total":
            return _alert_events(name, labels, at_end)
    return Series(name, labels, lambda _: at_end)


def _alert_events(name: str, labels: dict[str, str], at_end: float) -> Series:
    if labels["code"] == "jam":
        return Series(name, labels, lambda t: (t >= END - 6 * DAY) * 4 + (t >= JAMMED_SINCE), LONG)
    if labels["printer"] == "Canteen":
        return Series(name, labels, lambda t: float(t >= EMPTY_SINCE), LONG)
    return Series(name, labels, lambda _: at_end)


def _search(name: str, labels: dict[str, str], at_end: float) -> Series:
    match name:
        case "camera_search_errors_total" if labels["reason"] == "foreign":
            return Series(name, labels, lambda t: (t - START) // 600)
        case "camera_search_duration_seconds":
            return Series(name, labels, lambda t: 2.0 + 0.02 * _ripple(t))
    return Series(name, labels, lambda _: at_end)


def _ripple(t: float) -> float:
    """Return about 1: a load that comes and goes."""
    return 1 + 0.2 * math.sin(t / 1_800)


def _camera(name: str, labels: dict[str, str], at_end: float) -> Iterable[Series]:
    """Yield what a camera's sample of the golden page becomes."""
    mac = labels["mac"]
    last_heard = {LOST: LOST_AT, NEVER: START}.get(mac, END)
    match name:
        case "camera_status":
            yield Series(name, labels, _camera_status(labels, at_end), LONG)
        case "camera_up":
            yield Series(name, labels, lambda t: at_end * (t <= last_heard), LONG)
        case "camera_listed":
            yield Series(name, labels, lambda _: at_end, LONG)
        case "camera_info" if mac == MOVED:
            yield Series(name, labels, lambda t: at_end if t >= MOVED_AT else None, LONG)
            before = labels | {"address": MOVED_FROM}
            yield Series(name, before, lambda t: at_end if t < MOVED_AT else None, LONG)
        case "camera_info" if mac == NEW:
            yield Series(name, labels | {"firmware": OLD_FIRMWARE}, lambda _: at_end)
        case "camera_first_seen_timestamp_seconds":
            yield Series(name, labels, lambda _: FOUND_AT if mac == NEW else START)
        case "camera_last_seen_timestamp_seconds":
            yield Series(name, labels, lambda t: min(t, last_heard))
        case "camera_status_changed_timestamp_seconds":
            since = {MOVED: MOVED_AT, LOST: LOST_AT + DAY, NEW: FOUND_AT}.get(mac, START)
            yield Series(name, labels, lambda t: since if t >= since else START)
        case _:
            yield from _camera_counts(name, labels, at_end, last_heard)


def _camera_counts(name: str, labels: dict[str, str], at_end: float, last_heard: float) -> Iterable[Series]:
    mac = labels["mac"]
    match name:
        case "camera_discoveries_total":
            yield Series(name, labels, lambda t: (min(t, last_heard) - START) // COARSE, LONG)
        case "camera_ip_changes_total":
            yield Series(name, labels, lambda t: float(mac == MOVED and t >= MOVED_AT), LONG)
        case "camera_restarts_total" if mac in RESTARTS:
            yield Series(name, labels, lambda t: (t - START) // RESTARTS[mac], LONG)
            yield Series("camera_restart_timestamp_seconds", labels, lambda t: t - (t - START) % RESTARTS[mac])
        case _:
            yield Series(name, labels, lambda _: at_end)


def _pages(labels: dict[str, str], at_end: float) -> Iterable[Series]:
    printer = labels["printer"]

    def counter(t: float) -> float | None:
        return at_end - pages_after(printer, t) if printer != "Training" or t >= SWAPPED_AT else None

    yield Series("printer_pages_total", labels, counter, LONG)
    if printer == "Training":
        old = labels | {"serial": OLD_SERIAL}
        gone = pages_after(printer, SWAPPED_AT)
        yield Series(
            "printer_pages_total",
            old,
            lambda t: OLD_PAGES - pages_after(printer, t) + gone if t < SWAPPED_AT else None,
            LONG,
        )
        here = {key: value for key, value in labels.items() if key not in {"serial", "unit"}}
        yield Series(
            "printer_identity_changed_timestamp_seconds", here, lambda t: SWAPPED_AT if t >= SWAPPED_AT else None
        )
    if printer in {"Marketing", "Accounting"}:
        yield from _makers({key: value for key, value in labels.items() if key != "unit"}, at_end)


FUNCTIONS = {("print", "mono"): 0.5, ("print", "color"): 0.2, ("copy", "mono"): 0.2, ("copy", "color"): 0.1}
"""Shares of the pages of printers whose maker counts them."""
BESIDE = {"printer_scans_total": 0.15, "printer_duplex_pages_total": 0.4, "printer_large_pages_total": 0.02}
"""What else the maker counts, by how much of it comes on a page."""


def _makers(labels: dict[str, str], at_end: float) -> Iterable[Series]:
    def share(part: float) -> Value:
        return lambda t: math.floor(part * (at_end - pages_after(labels["printer"], t)))

    for (function, color), part in FUNCTIONS.items():
        here = labels | {"function": function, "color": color}
        yield Series("printer_function_pages_total", here, share(part), LONG)
    for name, part in BESIDE.items():
        yield Series(name, labels, share(part), LONG)


def _month(back: int) -> tuple[str, tuple[float, float]]:
    """Return a month, so many before the last one, with where it begins and ends in Unix seconds."""
    (year, month), (then, after) = (divmod(2026 * 12 + 8 - back + more, 12) for more in (0, 1))
    begins, ends = (datetime(y, m + 1, 1, tzinfo=UTC).timestamp() for y, m in ((year, month), (then, after)))
    return f"{year}-{month + 1:02}", (begins, min(ends, END))


MONTHS = dict(_month(back) for back in range(12, -1, -1))
"""The months that are told: that of the end and the twelve before."""


def month_pages(printer: str, month: str, t: float = END) -> int | None:
    """Return the pages of a month as known at `t`; None before it began."""
    begins, ends = MONTHS[month]
    if t < begins:
        return None
    return round(pages_a_day(printer) * (office_days(min(t, ends)) - office_days(begins)))


def _months(labels: dict[str, str]) -> Iterable[Series]:
    def known(month: str) -> Value:
        return lambda t: month_pages(labels["printer"], month, t)

    for month, (_, ends) in MONTHS.items():
        times = LONG if ends > START else SHORT
        yield Series("printer_month_pages", labels | {"month": month}, known(month), times)


def _exporter() -> Iterable[Series]:
    """Yield what the exporter says of itself, and Prometheus of the scrape."""
    state = Self(17, 12, True, 1, 3.4, True, STARTED_AT)
    registry: CollectorRegistry = self_registry(lambda: state)
    told: dict[str, Value] = {
        "printcam_exporter_cycles_total": lambda t: _since_start(t) // FINE,
        "process_cpu_seconds_total": lambda t: math.floor(_since_start(t)) * 0.02,
        "process_start_time_seconds": lambda t: STARTED_AT if t >= STARTED_AT else START,
        "printcam_exporter_cycle_duration_seconds": lambda t: 3.4 * _ripple(t),
    }
    for family in text_string_to_metric_families(generate_latest(registry).decode()):
        for sample in family.samples:
            constant = sample.value
            value = told.get(sample.name, lambda _, constant=constant: constant)
            yield Series(sample.name, sample.labels, value, LONG if sample.name in told else SHORT)
    yield Series("up", {}, lambda _: 1.0, LONG)
    yield Series("scrape_duration_seconds", {}, lambda t: 3.4 * _ripple(t) + 0.08)
    yield Series("scrape_samples_scraped", {}, lambda _: 1_700.0)


def _since_start(t: float) -> float:
    return t - (STARTED_AT if t >= STARTED_AT else START)


def _extra(camera: dict[str, str]) -> Iterable[Series]:
    """Yield what the golden page has no example of."""
    yield Series(
        "camera_ip_changed_timestamp_seconds",
        camera | {"address": "127.44.0.2", "previous_address": MOVED_FROM},
        lambda t: MOVED_AT if t >= MOVED_AT else None,
    )


def office(**labels: str) -> Iterator[Series]:
    """Yield every series of the office; `labels` stand on each beside the target's."""
    samples = list(page())
    levels = {
        (found["printer"], found["supply"]): value
        for name, found, value in samples
        if name == "printer_supply_level_ratio"
    }
    every = [series for name, found, value in samples for series in _history(name, found, value, levels)]
    moved = next(series for series in every if series.name == "camera_up" and series.labels["mac"] == MOVED)
    for series in (*every, *_exporter(), *_extra(moved.labels)):
        yield series.with_labels(**TARGET, **labels)


COUNTED_BY_THE_PRINTER = {
    f"printer_{name}_total" for name in ("pages", "function_pages", "scans", "duplex_pages", "large_pages")
}
FORGOT_AT = END - 9 * DAY
"""When the second exporter began anew, without its state."""


def of_second_exporter(series: Series) -> Series:
    """Return the series as another exporter has it, which counts from 0 again since `FORGOT_AT`."""
    second = series.with_labels(instance="exporter2:10143")
    if not series.name.endswith("_total") or series.name in COUNTED_BY_THE_PRINTER:
        return second
    forgotten = series.value(FORGOT_AT) or 0

    def value(t: float) -> float | None:
        counted = series.value(t)
        return counted if counted is None or t < FORGOT_AT else counted - forgotten

    return replace(second, value=value)


def write(file: TextIO, series: Iterable[Series]) -> None:
    """Write the samples of all series in OpenMetrics, as `promtool tsdb create-blocks-from openmetrics` reads it."""
    for one in series:
        labels = ",".join(f'{name}="{_escaped(value)}"' for name, value in one.labels.items())
        start = f"{one.name}{{{labels}}}"
        values = ((t, one.value(t)) for t in one.times)
        file.writelines(f"{start} {value:.10g} {t}\n" for t, value in values if value is not None)
    file.write("# EOF\n")


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
