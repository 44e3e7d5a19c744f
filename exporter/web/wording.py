"""Numbers and codes as a person reads them on a page. Pure."""

from typing import Final, NamedTuple

from exporter.printers.model import Level, Supply
from exporter.state import Event

SIGNS: Final = {
    "ok": ("✓", "OK"),
    "warning": ("!", "Warning"),
    "error": ("✕", "Error"),
    "offline": ("\N{EN DASH}", "Offline"),
    "unknown": ("?", "Unknown"),
    "active": ("✓", "Active"),
    "ip_changed": ("!", "Address changed"),
    "missing": ("✕", "Missing"),
}
"""A sign and a word for each status, of printers and of cameras."""
_MAKERS_WORDS = {
    Level.SOME: "some left",
    Level.UNRESTRICTED: "no limit",
    Level.LOW: "nearly empty",
    Level.EMPTY: "empty",
}
_REASONS = {
    "refused": "nobody listens there",
    "resolve": "its name has no address",
    "auth": "it refuses the credentials",
    "protocol": "its answer makes no sense",
    "deadline": "it answers too slowly",
}
_BITS = {
    "jammed": "paper jam",
    "low_toner": "toner low",
    "low_paper": "paper low",
    "overdue_maintenance": "maintenance overdue",
}
_FACTS = {"address": "Address", "name": "Name", "firmware": "Firmware"}


class Line(NamedTuple):
    """A line of a device's history."""

    at: float
    text: str
    before: str
    after: str


def ago(seconds: float) -> str:
    """Return how long ago something was, in one unit."""
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size:.0f} {unit} ago"
    return f"{max(0.0, seconds):.0f} s ago"


def count(number: int | None) -> str:
    """Return a number with thin blanks between its thousands; a dash for None."""
    return "\N{EN DASH}" if number is None else f"{number:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def percent(ratio: float) -> str:
    """Return a share in whole per cent; what is not nothing is never shown as nothing."""
    shown = f"{ratio:.0%}"
    return "<1%" if shown == "0%" and ratio > 0 else shown


def level(supply: Supply) -> str:
    """Return a supply's level in words."""
    return _MAKERS_WORDS.get(supply.says, "unknown") if supply.ratio is None else percent(supply.ratio)


def bit(name: str) -> str:
    """Return an error bit of a printer in words."""
    return _BITS.get(name, name.replace("_", " "))


def silence(reason: str) -> str:
    """Return in words that a poll failed, and why."""
    why = _REASONS.get(reason)
    return f"does not answer: {why}" if why else "does not answer"


def happening(event: Event) -> Line:
    """Return an event in words."""
    before, after = event.before or "", event.after or ""
    what, _, supply = event.what.partition(" ")
    if what == "replaced":
        return Line(event.at, f"{supply} replaced", before, after)
    if what in _FACTS:
        return Line(event.at, f"{_FACTS[what]} {'changed' if before else 'first heard'}", before, after)
    words = {
        "jam": "Paper jam",
        "pages": "Page counter went astray",
        "serial": "Another printer answered",
        "restart": "Restarted",
    }
    return Line(event.at, words.get(event.what, event.what), before, after)
