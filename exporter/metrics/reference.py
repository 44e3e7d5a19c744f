"""What documents say of a family beside its help: labels, how long it stays when a device is silent, a word more."""

from collections.abc import Mapping
from typing import NamedTuple

from exporter.cameras.network import ERRORS
from exporter.metrics import families as of
from exporter.metrics.families import Family
from exporter.printers.record import FAILURE_REASONS


class About(NamedTuple):
    """`labels` are those beside a device's own; `more` goes on from the help."""

    labels: tuple[str, ...] = ()
    stays: str = ""
    more: str = ""


LASTING = "lasting"
MOMENTARY = "momentary"

_SUPPLY = ("supply", "kind", "color")
_ALERT = ("level", "code", "group", "training")
_TRAY = ("tray", "kind", "media")
_IMPORTED = "Those imported are among them."

ABOUT: Mapping[Family, About] = {
    of.UP: About(),
    of.STATUS: About(("status",)),
    of.STATUS_CHANGED: About(),
    of.EXPECTED_OFF: About(more="Absent where nothing is configured."),
    of.MAINTENANCE: About(more="0 when it is configured as not; absent otherwise."),
    of.DISCOVERED: About(("source",)),
    of.VANISHED: About(
        more="Absent while one does, and where it is listed. It is dropped after `discovery.forget_after`."
    ),
    of.INFO: About(("address", "vendor", "model", "serial", "firmware", "hostname"), LASTING),
    of.SUPPLY_LEVEL: About(_SUPPLY, LASTING),
    of.SUPPLY_STATUS: About(_SUPPLY, LASTING),
    of.SUPPLY_STATUS_CHANGED: About(_SUPPLY, LASTING),
    of.SUPPLY_USED: About(_SUPPLY, LASTING, "Counted while it was watched; a refill never lowers it."),
    of.SUPPLY_TRACKED_SINCE: About(_SUPPLY, LASTING),
    of.SUPPLY_INSTALLED: About(_SUPPLY, LASTING),
    of.SUPPLY_REPLACED: About(_SUPPLY, LASTING),
    of.SUPPLY_INFO: About((*_SUPPLY, "description", "part", "unit"), LASTING),
    of.SUPPLY_CAPACITY: About((*_SUPPLY, "unit"), LASTING, "Units differ: never sum it."),
    of.SUPPLY_RAW_LEVEL: About((*_SUPPLY, "unit"), LASTING, "Never sum it either."),
    of.SUPPLY_THRESHOLD: About(("level", "supply"), more="Read it in rules instead of writing 0.1 again."),
    of.IMPLAUSIBLE: About(stays=LASTING),
    of.PAGES: About(("serial", "unit"), LASTING),
    of.FUNCTION_PAGES: About(
        ("serial", "function", "color"),
        LASTING,
        "A sum over all of them is right; `all` where the maker does not split.",
    ),
    of.SCANS: About(("serial",), LASTING),
    of.DUPLEX_PAGES: About(("serial",), LASTING, "Sides on some, sheets on others (HP)."),
    of.LARGE_PAGES: About(("serial",), LASTING, "A3 and the like."),
    of.MONTH_PAGES: About(("month",), LASTING, "This month and the last 12."),
    of.ANOMALIES: About(stays=LASTING),
    of.TRAY_LEVEL: About(_TRAY, LASTING),
    of.TRAY_SHEETS: About(_TRAY, LASTING, "Where the device counts in sheets."),
    of.TRAY_CAPACITY: About(_TRAY, LASTING),
    of.OUTPUT_LEVEL: About(("bin",), MOMENTARY),
    of.COVER_OPEN: About(("cover",), MOMENTARY),
    of.ERROR: About(("error",), MOMENTARY),
    of.ALERT: About(_ALERT, MOMENTARY),
    of.ALERT_INFO: About((*_ALERT, "description"), MOMENTARY),
    of.ALERT_EVENTS: About(
        ("code", "group", "level"),
        LASTING,
        "Those that stood there at first count 0, and the first of a kind counts with the answer after it.",
    ),
    of.JAMS: About(stays=LASTING),
    of.STATE: About(("state",), MOMENTARY, "One of idle, printing, warmup, other, unknown."),
    of.IDENTITY_CHANGED: About(),
    of.LAST_SUCCESS: About(),
    of.BOOT: About(),
    of.POLL_DURATION: About(),
    of.POLL_REQUESTS: About(),
    of.POLLS: About(),
    of.POLL_FAILURES: About(("reason",)),
    of.POLL_FAULTS: About(),
    of.CAMERA_UP: About(more="Absent where it could not be searched for. Alert on the status instead."),
    of.CAMERA_STATUS: About(("status",), more="Present is active or ip_changed."),
    of.CAMERA_STATUS_CHANGED: About(),
    of.CAMERA_INFO: About(
        (
            *("address", "port", "name", "model", "serial", "firmware"),
            *("network_mode", "netmask", "gateway", "interface", "kind"),
        )
    ),
    of.CAMERA_LISTED: About(more="That is, below `cameras.known`."),
    of.CAMERA_FIRST_SEEN: About(more="Absent before."),
    of.CAMERA_LAST_SEEN: About(more="Absent before."),
    of.CAMERA_DISCOVERIES: About(more=_IMPORTED),
    of.CAMERA_IP_CHANGES: About(more=_IMPORTED),
    of.CAMERA_IP_CHANGED: About(("address", "previous_address")),
    of.CAMERA_RESTARTS: About(more="Or it was reconfigured."),
    of.CAMERA_RESTARTED: About(),
    of.CAMERA_PASSWORD_SET: About(),
    of.CAMERA_SETUP_OPEN: About(),
    of.CAMERA_ADDRESS_CONFLICT: About(("address",), more="Both are present."),
    of.CAMERA_SEGMENT_UP: About(("interface",), more="`interface` is empty where there is none to search on."),
    of.CAMERA_LISTENER_UP: About(),
    of.CAMERA_SEARCH_DURATION: About(),
    of.CAMERA_SEARCH_ANSWERS: About(),
    of.CAMERA_SEARCH_ERRORS: About(("reason",)),
}

VALUES: Mapping[tuple[Family, str], tuple[str, ...]] = {
    (of.STATUS, "status"): ("ok", "warning", "error", "offline", "unknown"),
    (of.CAMERA_STATUS, "status"): ("active", "ip_changed", "offline", "missing", "unknown"),
    (of.CAMERA_INFO, "kind"): ("camera", "recorder"),
    (of.SUPPLY_THRESHOLD, "level"): ("warning", "error"),
    (of.PAGES, "unit"): ("impressions", "sheets"),
    (of.FUNCTION_PAGES, "function"): ("print", "copy", "fax", "list", "other", "all"),
    (of.FUNCTION_PAGES, "color"): ("mono", "color", "all"),
    (of.MONTH_PAGES, "month"): ("2026-10",),
    (of.POLL_FAILURES, "reason"): FAILURE_REASONS,
    (of.CAMERA_SEARCH_ERRORS, "reason"): (*ERRORS, "too_many"),
}
"""Values of labels that have few of them."""
