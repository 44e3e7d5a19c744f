"""The families of /metrics: name, type and help of each, in the order they are served."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, eq=False)
class Family:
    """A metric family; `name` is that of its samples, a counter's with `_total`, an info's with `_info`."""

    name: str
    kind: Literal["gauge", "counter", "info"]
    help: str

    def header(self, *, openmetrics: bool) -> str:
        """Return the HELP and TYPE lines in the text format 0.0.4, or in OpenMetrics 1.0."""
        if not openmetrics:
            kind = "gauge" if self.kind == "info" else self.kind
            return f"# HELP {self.name} {self.help}\n# TYPE {self.name} {kind}\n"
        name = self.name.removesuffix("_total" if self.kind == "counter" else "_info")
        if self.kind == "gauge":
            name = self.name
        return f"# HELP {name} {self.help}\n# TYPE {name} {self.kind}\n"


UP = Family("printer_up", "gauge", "1 when the last finished poll was answered.")
STATUS = Family("printer_status", "gauge", "1 for the one status that holds: ok, warning, error, offline or unknown.")
STATUS_CHANGED = Family(
    "printer_status_changed_timestamp_seconds", "gauge", "Since when the status holds, in Unix time."
)
EXPECTED_OFF = Family(
    "printer_expected_off", "gauge", "1 while silence is expected by the configured nights, weekends and dates."
)
MAINTENANCE = Family("printer_maintenance", "gauge", "1 when the printer is configured as under maintenance.")
DISCOVERED = Family(
    "printer_discovered_info", "info", "A printer that a print server tells of, and that neither config nor file lists."
)
VANISHED = Family(
    "printer_vanished_timestamp_seconds",
    "gauge",
    "Since when no print server tells of the printer any more, in Unix time.",
)
INFO = Family(
    "printer_info",
    "info",
    "Identity: hrDeviceDescr, prtGeneralSerialNumber, sysObjectID, sysDescr, sysName.",
)
SUPPLY_LEVEL = Family(
    "printer_supply_level_ratio",
    "gauge",
    "Remaining share 0-1, for waste containers the room left (prtMarkerSuppliesLevel over MaxCapacity); "
    "absent when the device does not know.",
)
SUPPLY_STATUS = Family(
    "printer_supply_status",
    "gauge",
    "0 ok, 1 warning, 2 error: the worst of level, alert rows and error bits; absent when unknown.",
)
SUPPLY_STATUS_CHANGED = Family(
    "printer_supply_status_changed_timestamp_seconds", "gauge", "Since when the supply status holds, in Unix time."
)
SUPPLY_USED = Family(
    "printer_supply_used_ratio_total",
    "counter",
    "Consumption in cartridges: rises when the level falls below the lowest since installation.",
)
SUPPLY_TRACKED_SINCE = Family(
    "printer_supply_tracked_since_timestamp_seconds",
    "gauge",
    "When the supply was first seen or last replaced, whichever is later, in Unix time.",
)
SUPPLY_INSTALLED = Family(
    "printer_supply_installed_timestamp_seconds",
    "gauge",
    "When a replacement was last seen, in Unix time; absent when none was.",
)
SUPPLY_REPLACED = Family(
    "printer_supply_replaced_total",
    "counter",
    "Replacements seen: the level rose by more than ten points, or the description names another cartridge.",
)
SUPPLY_INFO = Family(
    "printer_supply_info",
    "info",
    "The device's own words for a supply (prtMarkerSuppliesDescription, SupplyUnit).",
)
SUPPLY_CAPACITY = Family(
    "printer_supply_capacity",
    "gauge",
    "Maximum in the device's unit, where that is not per cent (prtMarkerSuppliesMaxCapacity).",
)
SUPPLY_RAW_LEVEL = Family(
    "printer_supply_level",
    "gauge",
    "Level in the device's unit, where that is not per cent (prtMarkerSuppliesLevel).",
)
SUPPLY_THRESHOLD = Family(
    "printer_supply_threshold_ratio",
    "gauge",
    "Share at which a supply's status becomes warning or error; with a supply label where a rule overrides it.",
)
IMPLAUSIBLE = Family(
    "printer_supply_implausible",
    "gauge",
    "Supplies whose level exceeds their maximum, or whose maximum is 0, so that they have no ratio.",
)
PAGES = Family(
    "printer_pages_total",
    "counter",
    "Lifetime count of the first marker in its own unit (prtMarkerLifeCount); sum without (serial).",
)
FUNCTION_PAGES = Family(
    "printer_function_pages_total",
    "counter",
    "Lifetime pages by function and color as the maker counts them, no page twice; sum without (serial).",
)
SCANS = Family("printer_scans_total", "counter", "Lifetime scans as the maker counts them; sum without (serial).")
DUPLEX_PAGES = Family(
    "printer_duplex_pages_total",
    "counter",
    "Lifetime two-sided pages, or sheets, as the maker counts them; sum without (serial).",
)
LARGE_PAGES = Family(
    "printer_large_pages_total",
    "counter",
    "Lifetime pages of large format as the maker counts them; sum without (serial).",
)
MONTH_PAGES = Family(
    "printer_month_pages", "gauge", "Pages by calendar month, by how much prtMarkerLifeCount rose while it was watched."
)
ANOMALIES = Family(
    "printer_page_anomalies_total",
    "counter",
    "Times the page counter went down, or up by more than can be printed; such a reading is held back for 3 polls.",
)
TRAY_LEVEL = Family("printer_tray_level_ratio", "gauge", "Paper left, 0-1 (prtInputCurrentLevel over MaxCapacity).")
TRAY_SHEETS = Family("printer_tray_sheets", "gauge", "Sheets left in a tray (prtInputCurrentLevel).")
TRAY_CAPACITY = Family("printer_tray_capacity_sheets", "gauge", "Sheets a tray holds (prtInputMaxCapacity).")
OUTPUT_LEVEL = Family(
    "printer_output_level_ratio",
    "gauge",
    "Room left in an output bin, 0-1 (prtOutputRemainingCapacity over MaxCapacity).",
)
COVER_OPEN = Family("printer_cover_open", "gauge", "1 when the cover or interlock is open (prtCoverStatus).")
ERROR = Family("printer_error", "gauge", "1 when the bit of hrPrinterDetectedErrorState is set.")
ALERT = Family("printer_alert", "gauge", "1 while the printer's own alert table holds such a row (prtAlertTable).")
ALERT_INFO = Family(
    "printer_alert_info",
    "gauge",  # as an info, OpenMetrics would name it printer_alert, which is the family above
    "The printer's words for a row of its alert table (prtAlertDescription); for tables, not for rules.",
)
ALERT_EVENTS = Family(
    "printer_alert_events_total", "counter", "Rows that appeared in the printer's own alert table while it was watched."
)
JAMS = Family("printer_jams_total", "counter", "Jams that began while it was watched, by error bit or alert row.")
STATE = Family("printer_state", "gauge", "1 for the one state that the printer is in (hrPrinterStatus).")
IDENTITY_CHANGED = Family(
    "printer_identity_changed_timestamp_seconds",
    "gauge",
    "When another serial number last answered behind this name, in Unix time.",
)
LAST_SUCCESS = Family(
    "printer_last_success_timestamp_seconds", "gauge", "When the printer last answered a poll, in Unix time."
)
BOOT = Family("printer_boot_timestamp_seconds", "gauge", "When the printer's agent started, in Unix time (sysUpTime).")
POLL_DURATION = Family("printer_poll_duration_seconds", "gauge", "How long the last poll took.")
POLL_REQUESTS = Family("printer_poll_requests", "gauge", "Requests that the last poll sent, over SNMP or IPP.")
POLLS = Family("printer_polls_total", "counter", "Polls that ended, answered or not.")
POLL_FAILURES = Family(
    "printer_poll_failures_total",
    "counter",
    "Polls that gave no result, by reason: timeout, refused, resolve, auth, protocol, deadline, internal.",
)
POLL_FAULTS = Family(
    "printer_poll_faults_total",
    "counter",
    "Answers that were cut off or could not be read, so that a poll went on without what they held.",
)

CAMERA_UP = Family(
    "camera_up",
    "gauge",
    "1 when it answered the last search or was heard since the one before; one miss means nothing.",
)
CAMERA_STATUS = Family(
    "camera_status", "gauge", "1 for the one status that holds: active, ip_changed, offline, missing or unknown."
)
CAMERA_STATUS_CHANGED = Family(
    "camera_status_changed_timestamp_seconds", "gauge", "Since when the status holds, in Unix time."
)
CAMERA_INFO = Family("camera_info", "info", "What the camera says of itself, and the interface it was heard on.")
CAMERA_LISTED = Family("camera_listed", "gauge", "1 when the config lists the camera.")
CAMERA_FIRST_SEEN = Family("camera_first_seen_timestamp_seconds", "gauge", "When it was first heard, in Unix time.")
CAMERA_LAST_SEEN = Family("camera_last_seen_timestamp_seconds", "gauge", "When it was last heard, in Unix time.")
CAMERA_IP_CHANGED = Family(
    "camera_ip_changed_timestamp_seconds", "gauge", "When its address last changed, in Unix time, and how."
)
CAMERA_DISCOVERIES = Family("camera_discoveries_total", "counter", "Cycles in which it was heard.")
CAMERA_IP_CHANGES = Family("camera_ip_changes_total", "counter", "Changes of its address.")
CAMERA_RESTARTS = Family(
    "camera_restarts_total", "counter", "First announcements after silence: it started less than 20 minutes before."
)
CAMERA_RESTARTED = Family("camera_restart_timestamp_seconds", "gauge", "When the last of them was heard, in Unix time.")
CAMERA_PASSWORD_SET = Family(
    "camera_admin_password_set", "gauge", "1 when an administrator password is set; absent when it does not say."
)
CAMERA_SETUP_OPEN = Family(
    "camera_setup_window_open", "gauge", "1 while it lets anyone set its address; absent when it does not say."
)
CAMERA_ADDRESS_CONFLICT = Family(
    "camera_address_conflict", "gauge", "1 when another camera behind the same interface has the same address."
)
CAMERA_SEGMENT_UP = Family(
    "camera_segment_up",
    "gauge",
    "0 when a search could not be sent or heard, or when all of several fell silent at once.",
)
CAMERA_LISTENER_UP = Family("camera_listener_up", "gauge", "1 when the listen port is open on every chosen interface.")
CAMERA_SEARCH_DURATION = Family("camera_search_duration_seconds", "gauge", "How long the last search took.")
CAMERA_SEARCH_ANSWERS = Family("camera_search_answers", "gauge", "Cameras that answered the last search.")
CAMERA_SEARCH_ERRORS = Family(
    "camera_search_errors_total", "counter", "Searches not sent, sockets not opened, datagrams lost or not usable."
)

PRINTER_FAMILIES = (
    UP,
    STATUS,
    STATUS_CHANGED,
    EXPECTED_OFF,
    MAINTENANCE,
    DISCOVERED,
    VANISHED,
    INFO,
    SUPPLY_LEVEL,
    SUPPLY_STATUS,
    SUPPLY_STATUS_CHANGED,
    SUPPLY_USED,
    SUPPLY_TRACKED_SINCE,
    SUPPLY_INSTALLED,
    SUPPLY_REPLACED,
    SUPPLY_INFO,
    SUPPLY_CAPACITY,
    SUPPLY_RAW_LEVEL,
    SUPPLY_THRESHOLD,
    IMPLAUSIBLE,
    PAGES,
    FUNCTION_PAGES,
    SCANS,
    DUPLEX_PAGES,
    LARGE_PAGES,
    MONTH_PAGES,
    ANOMALIES,
    TRAY_LEVEL,
    TRAY_SHEETS,
    TRAY_CAPACITY,
    OUTPUT_LEVEL,
    COVER_OPEN,
    ERROR,
    ALERT,
    ALERT_INFO,
    ALERT_EVENTS,
    JAMS,
    STATE,
    IDENTITY_CHANGED,
    LAST_SUCCESS,
    BOOT,
    POLL_DURATION,
    POLL_REQUESTS,
    POLLS,
    POLL_FAILURES,
    POLL_FAULTS,
)

CAMERA_FAMILIES = (
    CAMERA_UP,
    CAMERA_STATUS,
    CAMERA_STATUS_CHANGED,
    CAMERA_INFO,
    CAMERA_LISTED,
    CAMERA_FIRST_SEEN,
    CAMERA_LAST_SEEN,
    CAMERA_DISCOVERIES,
    CAMERA_IP_CHANGES,
    CAMERA_IP_CHANGED,
    CAMERA_RESTARTS,
    CAMERA_RESTARTED,
    CAMERA_PASSWORD_SET,
    CAMERA_SETUP_OPEN,
    CAMERA_ADDRESS_CONFLICT,
    CAMERA_SEGMENT_UP,
    CAMERA_LISTENER_UP,
    CAMERA_SEARCH_DURATION,
    CAMERA_SEARCH_ANSWERS,
    CAMERA_SEARCH_ERRORS,
)
"""In the order they are served."""
