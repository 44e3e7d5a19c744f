"""The page of all devices: what of a picture is chosen, and in which order. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import groupby
from typing import Any, Final, Generic, TypeVar
from urllib.parse import urlencode

from exporter.cameras.model import View
from exporter.config import UNASSIGNED
from exporter.web.discovery import Entry
from exporter.web.forecasts import Forecast
from exporter.web.picture import Picture
from exporter.web.rows import CameraRow, PrinterRow, camera_row, printer_row

R = TypeVar("R", PrinterRow, CameraRow)

PAGE_SIZE: Final = 200
"""Printers, and cameras, on one page."""
REFRESH: Final = 60
"""Seconds until the page is asked for again; 0 is never."""
ATTENTION: Final = "attention"
PRINTER_STATUSES: Final = ("error", "warning", "offline", "unknown", "ok")
"""The worst first."""
CAMERA_STATUSES: Final = ("missing", "offline", "ip_changed", "unknown", "active")

_WELL = frozenset({"ok", "active", "unknown"})
_MAX_TEXT = 500
_MAX_REFRESH = 3600


@dataclass(frozen=True, slots=True)
class Filter:
    """What the query of a URL asks for; "" for all."""

    q: str = ""
    status: str = ""
    location: str = ""
    page: int = 1
    refresh: int = REFRESH

    def url(self, **changes: Any) -> str:
        """Return the query of a URL for this filter with changes; what is usual is left out."""
        asked, usual = replace(self, **changes), Filter()
        pairs = {each.name: getattr(asked, each.name) for each in fields(Filter)}
        return "?" + urlencode({name: value for name, value in pairs.items() if value != getattr(usual, name)})

    @property
    def chosen(self) -> bool:
        """Whether anything is left out."""
        return bool(self.q or self.status or self.location)


@dataclass(frozen=True, slots=True)
class Group(Generic[R]):
    """The devices of one location."""

    location: str
    rows: Sequence[R]


@dataclass(frozen=True, slots=True)
class Overview:
    """The whole page; the counts are of all devices, whatever is chosen."""

    printers: Sequence[Group[PrinterRow]]
    cameras: Sequence[Group[CameraRow]]
    printers_found: int
    cameras_found: int
    pages: int
    printer_counts: Mapping[str, int]
    camera_counts: Mapping[str, int]
    locations: Sequence[str]
    filter: Filter


def filter_of(query: Mapping[str, str]) -> Filter:
    """Return what the query of a URL asks for; a number that is none is as if it were left out."""
    return Filter(
        q=query.get("q", "")[:_MAX_TEXT].strip(),
        status=query.get("status", "")[:_MAX_TEXT],
        location=query.get("location", "")[:_MAX_TEXT],
        page=_number(query.get("page", ""), 1, 10_000, 1),
        refresh=refresh_of(query),
    )


def refresh_of(query: Mapping[str, str]) -> int:
    """Return after how many seconds a page is to be asked for again."""
    return _number(query.get("refresh", ""), 0, _MAX_REFRESH, REFRESH)


def _number(text: str, low: int, high: int, default: int) -> int:
    return min(max(int(text), low), high) if text.isascii() and text.isdigit() and len(text) < 9 else default


def overview(picture: Picture, wanted: Filter, forecast: Forecast) -> Overview:
    """Return the page that a filter asks for."""
    printers = sorted((entry for entry in picture.printers if _is_printer(entry, wanted)), key=_printer_order)
    cameras = sorted((view for view in picture.cameras if _is_camera(view, wanted)), key=_camera_order)
    pages = max(1, -(-max(len(printers), len(cameras)) // PAGE_SIZE))
    page = min(wanted.page, pages)
    shown = slice((page - 1) * PAGE_SIZE, page * PAGE_SIZE)
    places = {entry.location for entry in picture.printers} | {view.location for view in picture.cameras}
    return Overview(
        printers=_grouped([printer_row(entry, forecast) for entry in printers[shown]]),
        cameras=_grouped([camera_row(view) for view in cameras[shown]]),
        printers_found=len(printers),
        cameras_found=len(cameras),
        pages=pages,
        printer_counts=_counts(PRINTER_STATUSES, (entry.status for entry in picture.printers)),
        camera_counts=_counts(CAMERA_STATUSES, (view.camera.status for view in picture.cameras)),
        locations=sorted(places, key=_place_order),
        filter=replace(wanted, page=page),
    )


def _is_printer(entry: Entry, wanted: Filter) -> bool:
    return _is_wanted(entry.status, entry.location, wanted) and _holds(_printer_words(entry), wanted)


def _is_camera(view: View, wanted: Filter) -> bool:
    return _is_wanted(view.camera.status, view.location, wanted) and _holds(_camera_words(view), wanted)


def _is_wanted(status: str, location: str, wanted: Filter) -> bool:
    is_status = wanted.status in {"", status} or (wanted.status == ATTENTION and status not in _WELL)
    return is_status and wanted.location in {"", location}


def _holds(words: Iterable[str], wanted: Filter) -> bool:
    """Tell whether each word that is searched for is a part of what is known."""
    if not wanted.q:
        return True
    text = " ".join(words).casefold()
    return all(term in text for term in wanted.q.casefold().split())


def _printer_words(entry: Entry) -> list[str]:
    listed, record, place = entry
    identity = record.snapshot.identity if record.snapshot else None
    said = [identity.model, identity.vendor, identity.serial, identity.hostname] if identity else []
    return [listed.name, listed.host, record.address, *said, *(value for _, value in place)]


def _camera_words(view: View) -> list[str]:
    known, device = view.camera, view.camera.device
    spelled = [known.mac, known.mac.replace(":", "-")]
    said = [device.address, device.model, device.serial, device.name]
    return [view.name, view.location, *spelled, *said, *(value for _, value in view.labels)]


def _printer_order(entry: Entry) -> tuple[object, ...]:
    worst = PRINTER_STATUSES.index(entry.status)
    return *_place_order(entry.location), worst, entry.printer.name.casefold()


def _camera_order(view: View) -> tuple[object, ...]:
    return (
        *_place_order(view.location),
        CAMERA_STATUSES.index(view.camera.status),
        view.name.casefold(),
        view.camera.mac,
    )


def _place_order(location: str) -> tuple[bool, str, str]:
    return location == UNASSIGNED, location.casefold(), location


def _grouped(rows: Sequence[R]) -> list[Group[R]]:
    return [Group(place, list(there)) for place, there in groupby(rows, key=lambda row: row.location)]


def _counts(statuses: Iterable[str], found: Iterable[str]) -> dict[str, int]:
    counter = Counter(found)
    return {status: counter[status] for status in statuses}
