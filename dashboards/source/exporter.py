"""The exporter: is the monitoring itself healthy."""

from collections.abc import Sequence

from dashboards.source import grafana
from dashboards.source.grafana import (
    Json,
    Query,
    choice,
    field,
    graph,
    heading,
    joined,
    link,
    now,
    override,
    rows,
    says,
    stat,
    steps,
    table,
    timeline,
)
from dashboards.source.queries import PRINTERS, one
from dashboards.source.theme import ANY_IS_A_WARNING, GREEN, GREY, ORANGE, RED, WORKING, since, word

UID = "printcam-exporter"
TARGET = 'job=~"$job",instance=~"$instance"'
PER_INSTANCE = "A line for each exporter: here it is the subject, so `instance` is kept."
DEADLINE, SCRAPE_TIMEOUT = 20, 30
"""Seconds: `polling.deadline` by default, and the scrape timeout of the shipped configuration."""
SLOW_CYCLE = steps((None, GREEN), (0.8 * DEADLINE, ORANGE), (SCRAPE_TIMEOUT, RED))
LINES: Json = {"thresholdsStyle": {"mode": "line"}, "axisSoftMax": SCRAPE_TIMEOUT + 2}
REASONS = says({0: ("failed", RED), 1: ("ok", GREEN)})
WRITABLE = says({0: ("not writable", RED), 1: ("writable", GREEN)})
EXCUSED = "max by (printer) (printer_expected_off) == 1 or max by (printer) (printer_maintenance) == 1"
ANSWERED = says({0: ("no answer", GREY), 1: ("answered", GREEN)})
SHADES = {"mode": "shades", "fixedColor": ORANGE}
FAILING = steps((None, "text"), (0.1, ORANGE), (0.5, RED))
SLOW_POLL = steps((None, "text"), (2, ORANGE))
DEVICE = "printer, location"
IN_AN_HOUR = "[1h] offset -1h"
"""In the hour that begins at the point of the graph."""
VALUE = "${__value.text:percentencode}"


def own(metric: str, function: str = "") -> str:
    """Return a metric of the chosen exporters themselves, one series each; with `function` over the rate interval."""
    selected = f"{metric}{{{TARGET}}}"
    return f"{function}({selected}[$__rate_interval])" if function else selected


def device(metric: str) -> str:
    """Return a metric of the chosen printers, by printer."""
    return f"max by ({DEVICE}) ({metric}{{{PRINTERS}}})"


def rose(metric: str, labels: str = DEVICE, window: str = "[$__range]") -> str:
    """Return by how much counters of the chosen printers rose, summed by these labels."""
    return f"sum by ({labels}) ({one(f'increase({metric}{{{PRINTERS}}}{window})')})"


def _text(colors: Json) -> Json:
    return {"thresholds": colors, "custom__cellOptions": {"type": "color-text"}}


def _state(title: str, description: str, expr: str, words: list[Json], width: int = 3) -> Json:
    return stat(
        title,
        f"{description} {PER_INSTANCE}",
        [now(expr, "{{instance}}")],
        size=(width, 4),
        mappings=words,
        text_mode="value",
        color={"mode": "thresholds"},
        noValue="nothing heard",
    )


def _overview() -> Sequence[Json]:
    return (
        _state(
            "Exporter",
            "Whether Prometheus reaches the exporter. Down: look at its service and its log; nothing else here is "
            "fresh.",
            own("up"),
            WORKING,
        ),
        _state(
            "Config",
            "Whether the last load of the config succeeded. Failed: an older one runs on; `printcam-exporter check` "
            "tells why.",
            own("printcam_exporter_config_last_reload_successful"),
            REASONS,
        ),
        _state(
            "State file",
            "Whether what must be remembered can be written. Not writable: disk full or rights; it waits in memory, "
            "and is lost at a stop.",
            own("printcam_exporter_state_writable"),
            WRITABLE,
        ),
        stat(
            "Last cycle",
            f"How long the last round of polling took. Over {DEADLINE} s, the default `polling.deadline`, printers "
            f"are answered for by their last values; the shipped scrape timeout is {SCRAPE_TIMEOUT} s. {PER_INSTANCE}",
            [now(own("printcam_exporter_cycle_duration_seconds"), "{{instance}}")],
            size=(3, 4),
            unit="s",
            decimals=1,
            text_mode="value",
            thresholds=SLOW_CYCLE,
            noValue="none yet",
        ),
        stat(
            "Unanswered",
            "Printers that should be on, and not in maintenance, whose last poll was not answered: see the table.",
            [now(f"count(({device('printer_up')} == 0) unless on (printer) ({EXCUSED})) or vector(0)")],
            size=(3, 4),
            thresholds=ANY_IS_A_WARNING,
        ),
        stat(
            "Failed polls",
            "Share of the polls in the chosen time that brought no result; the table below tells of whom and why.",
            [now(f"sum({rose('printer_poll_failures_total')}) / sum({rose('printer_polls_total')})")],
            size=(3, 4),
            unit="percentunit",
            decimals=1,
            thresholds=steps((None, GREEN), (0.1, ORANGE), (0.5, RED)),
            noValue="no polls",
        ),
        stat(
            "Devices",
            f"Printers in the config and cameras known. {PER_INSTANCE}",
            [now(own("printcam_exporter_devices"), "{{kind}}s")],
            size=(3, 4),
            text_mode="value_and_name",
        ),
        stat(
            "Age",
            f"How long ago the running config was loaded, and the exporter was started. {PER_INSTANCE}",
            [
                now(f"time() - {own('printcam_exporter_config_last_reload_success_timestamp_seconds')}", "config"),
                now(f"time() - {own('process_start_time_seconds')}", "running"),
            ],
            size=(3, 4),
            unit="s",
            decimals=0,
            text_mode="value_and_name",
        ),
    )


def _cycle() -> Json:
    return graph(
        "Cycle and scrape against their limits",
        f"The cycle should end well before the deadline ({DEADLINE} s by default), the scrape before Prometheus gives"
        f" up ({SCRAPE_TIMEOUT} s as shipped; lines at 80 % of the one, and at the other). Slower: look at the slow "
        f"devices below; raise `polling.concurrency`, or shorten `polling.timeout`. {PER_INSTANCE}",
        [
            Query(own("printcam_exporter_cycle_duration_seconds"), "cycle {{instance}}"),
            Query(own("scrape_duration_seconds"), "scrape {{instance}}"),
        ],
        size=(12, 8),
        unit="s",
        calcs=["lastNotNull", "max"],
        min=0,
        thresholds=SLOW_CYCLE,
        custom=LINES,
        noValue="nothing was scraped",
    )


def _failures() -> Json:
    return graph(
        "Failed polls per hour, by reason",
        "Each bar is one hour and stands where it begins. timeout: silent, or the community is wrong; auth: SNMPv3; "
        "resolve: its name has no address; refused: SNMP is off; deadline: too slow; protocol: not understood; "
        "internal: a fault of the exporter, see its log.",
        [Query(f"{rose('printer_poll_failures_total', 'reason', IN_AN_HOUR)} > 0", "{{reason}}")],
        size=(12, 8),
        bars=True,
        stacked=True,
        interval="1h",
        calcs=["sum", "max"],
        decimals=0,
        min=0,
        color=SHADES,
        noValue="no poll failed",
    )


def _devices() -> Json:
    failed, faults = rose("printer_poll_failures_total"), rose("printer_poll_faults_total")
    return table(
        "Slow and failing printers, most trouble first",
        "Of each printer in the chosen time: failed polls and their share, answers that could be read in part only, "
        "and what the last poll cost. One that fails now and then wants a longer `polling.timeout`; a slow one "
        "delays the cycle.",
        [
            rows(device("printer_up")),
            rows(f"round({failed})"),
            rows(f"{failed} / ({rose('printer_polls_total')} > 0)"),
            rows(f"round({faults})"),
            rows(device("printer_poll_duration_seconds")),
            rows(device("printer_poll_requests")),
            rows(f"time() - {device('printer_last_success_timestamp_seconds')}"),
            rows(f"{failed} + {faults} + {device('printer_poll_duration_seconds')} / 1000"),
        ],
        size=(16, 10),
        noValue="no printer was polled",
        transformations=joined(
            {
                "printer": "Printer",
                "Value #A": "Last poll",
                "Value #B": "Failed",
                "Value #C": "Share",
                "Value #D": "Faults",
                "Value #E": "Took",
                "Value #F": "Requests",
                "Value #G": "Answered, ago",
                "location": "Location",
            },
            hidden=("Value #H",),
            sort="-Value #H",
        ),
        overrides=[
            field("Printer", links=[link("Open ${__value.text}", "printcam-printer", printer=VALUE)]),
            word("Last poll", ANSWERED),
            override("byRegexp", "/Failed|Faults|Requests/", custom__width=90, decimals=0),
            field("Share", unit="percentunit", decimals=1, custom__width=80, **_text(FAILING)),
            field("Took", unit="s", decimals=1, custom__width=80, **_text(SLOW_POLL)),
            since("Answered, ago", 140, decimals=0),
        ],
    )


def _reasons() -> Json:
    return table(
        "Failures by printer and reason",
        "Why polls failed in the chosen time. `printcam-exporter probe HOST` says what the printer answers now, and "
        "what helps.",
        [rows(f"round({rose('printer_poll_failures_total', f'{DEVICE}, reason')}) > 0")],
        size=(8, 10),
        sort="-Polls",
        filterable=False,
        noValue="no poll failed",
        transformations=joined({"printer": "Printer", "reason": "Reason", "Value": "Polls"}, hidden=("location",)),
        overrides=[
            field("Printer", links=[link("Open ${__value.text}", "printcam-printer", printer=VALUE)]),
            field("Reason", custom__width=100),
            field("Polls", custom__width=80, decimals=0),
        ],
    )


def _durations() -> Json:
    return graph(
        "Time of a poll, the slowest printers",
        "The ten printers that took longest at each moment. Steady and slow is the printer; all at once is the "
        "network or a busy exporter.",
        [Query(f"topk(10, {device('printer_poll_duration_seconds')})", "{{printer}}")],
        size=(12, 8),
        unit="s",
        calcs=["lastNotNull", "max"],
        min=0,
        noValue="no printer was polled",
    )


def _requests() -> Json:
    return graph(
        "SNMP requests of a poll",
        "How many requests the last polls needed: all of them together, and the most that one printer needed. Two or"
        " three each is normal; the hourly look at a printer's structure needs more.",
        [
            Query(f"sum({device('printer_poll_requests')})", "all printers"),
            Query(f"max({device('printer_poll_requests')})", "the most for one"),
        ],
        size=(12, 8),
        min=0,
        decimals=0,
        calcs=["lastNotNull", "max"],
        noValue="no printer was polled",
    )


def _search() -> Json:
    return graph(
        "Answers to the camera search",
        "Cameras that answered the last search, and how long it took (right axis; it listens for the whole of "
        "`search.window`). Answers that fall without cameras being gone: broadcasts get lost.",
        [
            Query(one("camera_search_answers"), "answers"),
            Query(one("camera_search_duration_seconds"), "duration"),
        ],
        size=(8, 8),
        min=0,
        decimals=0,
        overrides=[field("duration", unit="s", decimals=1, custom__axisPlacement="right")],
        noValue="cameras are not searched for",
    )


def _search_errors() -> Json:
    errors = "increase(camera_search_errors_total[1h] offset -1h)"
    return graph(
        "Search errors per hour, by reason",
        "dropped: raise net.core.rmem_max; send and listen: an interface or the port; foreign: something else sends "
        "to the port, which is harmless; the others: datagrams that were cut off or contradict themselves. Each bar "
        "is one hour.",
        [Query(f"sum by (reason) ({one(errors)}) > 0", "{{reason}}")],
        size=(8, 8),
        bars=True,
        stacked=True,
        interval="1h",
        calcs=["sum"],
        decimals=0,
        min=0,
        color=SHADES,
        noValue="no errors",
    )


def _watcher() -> Json:
    return timeline(
        "Reached, listening, state written",
        f"Whether Prometheus reaches the exporter, its listen port for cameras is open, and its state can be written. "
        f"{PER_INSTANCE}",
        [
            Query(own("up"), "up {{instance}}"),
            Query(own("camera_listener_up"), "listens {{instance}}"),
            Query(own("printcam_exporter_state_writable"), "state {{instance}}"),
        ],
        size=(8, 8),
        mappings=WORKING,
        color={"mode": "thresholds"},
        noValue="nothing was scraped",
    )


def _memory() -> Json:
    return graph(
        "Memory",
        "Resident memory. It rises with the number of printers and then stays; steady growth is a leak: please "
        f"report it. {PER_INSTANCE}",
        [Query(own("process_resident_memory_bytes"), "{{instance}}")],
        size=(6, 7),
        unit="bytes",
        min=0,
        noValue="not told on this system",
    )


def _cpu() -> Json:
    return graph(
        "CPU",
        f"Share of one core. Near 100 % the exporter is too slow for its printers: split them over two. {PER_INSTANCE}",
        [Query(own("process_cpu_seconds_total", "rate"), "{{instance}}")],
        size=(6, 7),
        unit="percentunit",
        min=0,
        noValue="not told on this system",
    )


def _descriptors() -> Json:
    return graph(
        "Open descriptors",
        f"Share of the descriptors that the process may have; polls fail as internal when they run out. {PER_INSTANCE}",
        [Query(f"{own('process_open_fds')} / {own('process_max_fds')}", "{{instance}}")],
        size=(6, 7),
        unit="percentunit",
        min=0,
        thresholds=steps((None, GREEN), (0.8, RED)),
        noValue="not told on this system",
    )


def _samples() -> Json:
    return graph(
        "Samples of a scrape",
        "What Prometheus took from the exporter each time. A step is a printer that came or fell silent. "
        f"{PER_INSTANCE}",
        [Query(own("scrape_samples_scraped"), "{{instance}}")],
        size=(6, 7),
        unit="locale",
        min=0,
        decimals=0,
        noValue="nothing was scraped",
    )


def _versions() -> Json:
    return table(
        "Exporters",
        f"Versions, cycles in the chosen time, and who runs longest. {PER_INSTANCE}",
        [
            rows(f"max by (job, instance, version, python_version) ({own('printcam_exporter_build_info')})"),
            rows(f"time() - max by (job, instance) ({own('process_start_time_seconds')})"),
            rows(f"round(sum by (job, instance) (increase({own('printcam_exporter_cycles_total')}[$__range])))"),
        ],
        size=(24, 5),
        filterable=False,
        sort="Exporter",
        noValue="no exporter was scraped",
        transformations=joined(
            {
                "instance": "Exporter",
                "job": "Job",
                "version": "Version",
                "python_version": "Python",
                "Value #B": "Running for",
                "Value #C": "Cycles",
            },
            hidden=("Value #A",),
        ),
        overrides=[since("Running for", decimals=0), field("Cycles", unit="locale")],
    )


def _exporters(name: str, label: str, query: str) -> Json:
    """Return a choice that means the exporters it lists when it says All: other targets have `up` too."""
    return {key: value for key, value in choice(name, label, query).items() if key != "allValue"}


def _lines() -> Sequence[Sequence[Json]]:
    return (
        _overview(),
        (_cycle(), _failures()),
        (_devices(), _reasons()),
        (_durations(), _requests()),
        (heading("Cameras"),),
        (_search(), _search_errors(), _watcher()),
        (heading("Process"),),
        (_memory(), _cpu(), _descriptors(), _samples()),
        (_versions(),),
    )


def dashboard() -> Json:
    """Return the dashboard."""
    return grafana.dashboard(
        UID,
        "Printers and cameras: exporter",
        "Is the monitoring itself healthy: what is slow, what fails, and why.",
        _lines(),
        variables=[
            _exporters("job", "Job", "label_values(printcam_exporter_build_info, job)"),
            _exporters("instance", "Exporter", 'label_values(printcam_exporter_build_info{job=~"$job"}, instance)'),
            choice("location", "Location", "label_values(printer_status, location)"),
            choice("printer", "Printer", 'label_values(printer_status{location=~"$location"}, printer)'),
        ],
        since="now-6h",
    )
