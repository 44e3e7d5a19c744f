"""What is read, judged, written and kept anew in part only is what it would be afresh, whatever a printer does."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.config import ExpectedOff
from exporter.metrics.printers import Renderer, render
from exporter.printers import decode, mib
from exporter.printers.model import Failure, Poll, Snapshot, Structure
from exporter.printers.record import Record, after_poll
from exporter.printers.stored import ALL, ENGINE, HEARD, RECORD, SNAPSHOT, Printers, load_life
from exporter.snmp.session import SYS_UPTIME, Value
from exporter.state import Key
from tests.test_decode import Row, Tables, host, rows, supply_rows
from tests.test_metrics_printers import printer

START = datetime(2026, 9, 30, 23, 50, tzinfo=UTC).timestamp()
DAY = 86_400.0
PRINTER = printer(expected_off=ExpectedOff(weekends=True))
_ENTRIES = {column.name: f"{table.entry}.{column.number}" for table in mib.TABLES for column in table.columns}
SYSTEM: Mapping[str, Value] = {"sysObjectID": "1.3.6.1.4.1.11.2.3.9.1", "sysUpTime": 100_000}


def _tables(serial: bytes = b"SN1", cartridge: bytes = b"Black Toner", trays: int = 1) -> Tables:
    tray: Row = {"Type": 3, "CapacityUnit": 8, "MaxCapacity": 500, "CurrentLevel": 300, "MediaName": b"A4"}
    return {
        **host(hrPrinterStatus=3, hrPrinterDetectedErrorState=b"\x00"),
        **rows("prtGeneral", {1: {"SerialNumber": serial}}),
        **supply_rows(
            {"Description": cartridge}, {"Description": b"Cyan Toner", "Level": 30}, {"Type": 15, "Level": 0}
        ),
        **rows("prtInput", {number: {**tray, "Name": b"Tray %d" % number} for number in range(1, trays + 1)}),
        **rows("prtOutput", {1: {"Name": b"Top", "MaxCapacity": 200, "RemainingCapacity": 50}}),
        **rows("prtCover", {1: {"Description": b"Front", "Status": 4}}),
        **rows("prtMarker", {1: {"CounterUnit": 7, "LifeCount": 1234}}),
    }


def _values(tables: Tables) -> dict[str, Value]:
    return {
        ".".join(map(str, (_ENTRIES[name], *index))): value
        for found in tables.values()
        for index, row in found.items()
        for name, value in row.items()
    }


def _shape(tables: Tables) -> Structure:
    return decode.structure(SYSTEM, tables)


SHAPES = [_shape(_tables(*told)) for told in ((), (b"SN2",), (b"SN1", b"Black Toner TK-3160;SN AA2"), (b"SN1", b"", 2))]
_ALERTS: tuple[dict[int, Row], ...] = (
    {},
    {1: {"SeverityLevel": 3, "TrainingLevel": 3, "Group": 13, "GroupIndex": 1, "Code": 8}},
    {1: {"SeverityLevel": 3, "TrainingLevel": 4, "Group": 13, "GroupIndex": 1, "Code": 8, "Description": b"Jam"}},
    {
        2: {"SeverityLevel": 5, "TrainingLevel": 3, "Group": 11, "GroupIndex": 1, "Code": 1104},
        3: {"SeverityLevel": 3, "TrainingLevel": 3, "Group": 6, "GroupIndex": 1, "Code": 3},
    },
    {1: {"SeverityLevel": 3, "TrainingLevel": 3, "Group": 11, "GroupIndex": 1, "Code": 1101}},
)
ALERTS = [rows("prtAlert", found)["prtAlert"] for found in _ALERTS]
CELLS: Mapping[str, tuple[Value, ...]] = {
    f"{_ENTRIES['prtMarkerSuppliesLevel']}.1.1": (50, 49, 0, -2, -3, 100, 35, 101),
    f"{_ENTRIES['prtMarkerSuppliesLevel']}.1.2": (30, 0, -2, 95),
    f"{_ENTRIES['prtMarkerSuppliesLevel']}.1.3": (0, 10),
    f"{_ENTRIES['prtMarkerLifeCount']}.1.1": (1234, 1235, 1230, 1400, 90_000, 1),
    f"{_ENTRIES['hrPrinterDetectedErrorState']}.1": (b"\x00", b"\x04", b"\x08", b"\x10", b""),
    f"{_ENTRIES['hrPrinterStatus']}.1": (3, 4, 5),
    f"{_ENTRIES['prtInputCurrentLevel']}.1.1": (300, 0, -3),
    f"{_ENTRIES['prtOutputRemainingCapacity']}.1.1": (50, 10),
    f"{_ENTRIES['prtCoverStatus']}.1.1": (4, 3),
    SYS_UPTIME: (100_000, 106_000, 50),
}


@dataclass
class Watcher:
    """Follows a printer over its polls, as a running exporter does; `forgets` what it heard in the last."""

    read: Callable[[Structure, Mapping[str, Value], decode.Rows], Snapshot]
    forgets: bool = False
    record: Record = field(default_factory=Record)
    printers: Printers = field(default_factory=Printers)

    def settle(
        self, result: Snapshot | Failure, at: float, address: str, *, excused: bool, uptime: float | None
    ) -> None:
        poll = Poll(result, at, duration=0.25, requests=2, address=address, version="2c", uptime=uptime)
        heard = None if self.forgets and isinstance(result, Snapshot) else self.record.poll
        self.record = after_poll(
            replace(self.record, poll=heard),
            poll,
            excused=excused,
            offline_after=2,
            retain=DAY,
            lives=self.printers.lives,
        )
        self.printers.settled(PRINTER, self.record)


def _reader() -> Callable[[Structure, Mapping[str, Value], decode.Rows], Snapshot]:
    readers: list[decode.Reader] = []

    def read(shape: Structure, values: Mapping[str, Value], alerts: decode.Rows) -> Snapshot:
        if not readers or readers[0].shape is not shape:
            readers[:] = [decode.Reader(shape)]
        return readers[0].snapshot(values, alerts)

    return read


def _afresh(shape: Structure, values: Mapping[str, Value], alerts: decode.Rows) -> Snapshot:
    return decode.snapshot(copy.deepcopy(shape), dict(values), dict(alerts))


def _place(address: str) -> list[tuple[str, str]]:
    return [("location", f"B{address[-1]}")]


def _whole(documents: Mapping[Key, str | None]) -> dict[Key, object]:
    """Return documents without when a counter was last read, which alone is no reason to write."""
    return {
        key: replace(load_life(key[1], text), pages_at=0.0) if key[0] == ENGINE else text
        for key, text in documents.items()
        if text
    }


_MOVED = {
    **{oid: len(values) for oid, values in CELLS.items()},
    "alerts": len(ALERTS),
    "shape": len(SHAPES),
    "place": 2,
    "silence": 2,
}
_MOVES = [(what, which) for what, count in _MOVED.items() for which in range(count)]
MOVES = st.sampled_from([*_MOVES, *[("rest", 0)] * len(_MOVES)])
WAITS = st.sampled_from([60.0, 60.0, 700.0, 7300.0, 2 * DAY, 40 * DAY, -30.0])


@settings(deadline=None, max_examples=300)
@given(st.lists(st.tuples(MOVES, WAITS), min_size=5, max_size=30))
def test_what_is_made_anew_in_part_is_what_would_be_made_afresh(moves: list[tuple[tuple[str, int], float]]) -> None:
    ours, other = Watcher(_reader()), Watcher(_afresh, forgets=True)
    renderer, written = Renderer(PRINTER, _place), dict[Key, str | None]()
    shape, alerts, at, address = SHAPES[0], ALERTS[0], START, "192.0.2.1"
    values = {SYS_UPTIME: 100_000, **_values(_tables(trays=2))}
    for (what, which), wait in [(("rest", 0), 0.0), *moves]:
        at += wait
        if what in CELLS:
            values[what] = CELLS[what][which]
        elif what == "alerts":
            alerts = ALERTS[which]
        elif what == "shape":
            shape = SHAPES[which]
        elif what == "place":
            address = f"192.0.2.{which}"
        for each in (ours, other):
            answer = Failure("timeout", "") if what == "silence" else each.read(shape, values, alerts)
            excused, uptime = what == "silence" and which == 1, decode.uptime(values.get(SYS_UPTIME))
            each.settle(answer, at, address, excused=excused, uptime=uptime)
        assert ours.record == other.record
        assert renderer.render(ours.record) == render(PRINTER, other.record, _place(address))
        for changes in ours.printers.changes():
            written |= changes.documents
        assert _whole(written) == _whole({key: other.printers.dump(key) for key in _keys(other.printers)})


def _keys(printers: Printers) -> list[Key]:
    return [(RECORD, PRINTER.name), (SNAPSHOT, PRINTER.name), (HEARD, ALL), *((ENGINE, key) for key in printers.lives)]
