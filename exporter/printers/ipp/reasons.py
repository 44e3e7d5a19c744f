"""What printer-state-reasons mean (RFC 8011 section 5.4.12, PWG 5100.9), in the numbers of the Printer-MIB. Pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from exporter.printers import names

CRITICAL, WARNING = 3, 4
"""prtAlertSeverityLevel"""

GENERAL = 5
"""prtAlertGroup generalPrinter, where nothing tells which part it is."""

_COVER, _MEDIA_PATH = 6, 13
_OTHER, _OFFLINE = 1, 22
_SUFFIX = re.compile(r"(.+)-(error|warning|report)")

# The keywords of RFC 8011 that differ from the names of the codes: prtAlertCode and prtAlertGroup.
_RFC_8011 = {
    "cover-open": (3, _COVER),
    "developer-empty": (1114, 11),
    "developer-low": (1113, 11),
    "door-open": (501, _COVER),
    "fuser-over-temp": (1002, 10),
    "fuser-under-temp": (1001, 10),
    "input-tray-missing": (801, 8),
    "interlock-open": (5, _COVER),
    "marker-supply-empty": (13, 11),
    "marker-supply-low": (12, 11),
    "marker-supply-missing": (9, 11),
    "marker-waste-almost-full": (1107, 11),
    "marker-waste-full": (1109, 11),
    "media-empty": (808, 8),
    "media-jam": (8, _MEDIA_PATH),
    "media-low": (807, 8),
    "media-needed": (808, 8),
    "opc-life-over": (1112, 11),
    "opc-near-eol": (1111, 11),
    "output-area-almost-full": (902, 9),
    "output-area-full": (903, 9),
    "output-tray-missing": (901, 9),
    "toner-empty": (1101, 11),
    "toner-low": (1104, 11),
    # who is out of service says it in several ways (RFC 8011, RFC 3998)
    **dict.fromkeys(("deactivated", "moving-to-paused", "offline", "paused", "shutdown"), (_OFFLINE, GENERAL)),
}


def _hyphenated(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower()


# PWG 5100.9 makes keywords of the names of the codes, and its groups are in the hundreds of their numbers.
_PWG_5100_9 = {
    keyword: (code, code // 100 if code // 100 in names.ALERT_GROUPS else GENERAL)
    for code, name in names.ALERT_CODES.items()
    for keyword in (_hyphenated(name), _hyphenated(name).removeprefix("subunit-"))
    if code > 2  # 1 and 2 are other and unknown
}
_CODES: Final[Mapping[str, tuple[int, int]]] = {**_PWG_5100_9, **_RFC_8011}

# prtAlertCode to the bit of hrPrinterDetectedErrorState that says the same.
_BITS = {
    3: "door_open",
    5: "door_open",
    8: "jammed",
    9: "marker_supply_missing",
    12: "low_toner",
    13: "no_toner",
    _OFFLINE: "taken_offline",
    501: "door_open",
    801: "input_tray_missing",
    807: "low_paper",
    808: "no_paper",
    901: "output_tray_missing",
    902: "output_near_full",
    903: "output_full",
    1101: "no_toner",
    1102: "no_toner",
    1104: "low_toner",
    1105: "low_toner",
    1115: "marker_supply_missing",
}
# No printer stops for these; where one is stopped, it is for another reason.
_MILD = {code for code, name in names.ALERT_CODES.items() if "Almost" in name or "Near" in name} | {_OFFLINE, 807}


@dataclass(frozen=True, slots=True)
class Condition:
    """A reason as a row of prtAlertTable has it, and the error bit that says the same, "" for none."""

    code: int
    group: int
    severity: int
    bit: str
    keyword: str


def conditions(reasons: Iterable[str], *, is_stopped: bool) -> list[Condition]:
    """Return what the reasons say; a keyword that is in no standard counts where it is told to be bad, or stops."""
    found = (_condition(reason, is_stopped) for reason in reasons if reason != "none")
    return [condition for condition in found if condition]


def _condition(reason: str, is_stopped: bool) -> Condition | None:
    suffixed = _SUFFIX.fullmatch(reason)
    keyword, suffix = suffixed.groups() if suffixed else (reason, "error" if is_stopped else "")
    if keyword not in _CODES and suffix not in {"error", "warning"}:
        return None
    code, group = _CODES.get(keyword, (_OTHER, GENERAL))
    is_critical = suffix == "error" and not (code in _MILD and not suffixed)
    bit = _BITS.get(code, "")
    if bit == "no_paper" and not is_critical:
        bit = "input_tray_empty"  # one of several
    return Condition(code, group, CRITICAL if is_critical else WARNING, bit, reason)


def error_octets(bits: Iterable[str]) -> bytes:
    """Return these bits as hrPrinterDetectedErrorState has them (RFC 2790)."""
    octets = bytearray(2)
    for bit in bits:
        number = names.ERROR_BITS.index(bit)
        octets[number // 8] |= 0x80 >> number % 8
    return bytes(octets)
