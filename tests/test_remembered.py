"""What the state knows of months: by engine, under the name that it has now."""

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest

from exporter import config
from exporter.printers.imported import IMPORTED, Imported, dump_imported
from exporter.printers.lifecycle import Life
from exporter.printers.record import Record
from exporter.printers.stored import ENGINE, RECORD, Kept, dump_life, dump_record
from exporter.reports.pages import Who
from exporter.reports.remembered import Remembered, remembered
from exporter.state import Changes, State, StateError

CONFIG = """
state: {{ path: "{path}" }}
locations: [{{ network: 10.0.0.0/24, location: B1, labels: {{ department: finance }} }}]
printers:
  - {{ name: Accounting, host: accounting.example.com }}
  - {{ name: Front desk, host: 10.9.0.1, labels: {{ department: shared }} }}
"""


def life(unit: str, months: Mapping[str, int]) -> str:
    return dump_life(Life(pages=1, pages_unit=unit, pages_at=1.0, months=months, month=max(months)))


def known(path: Path, documents: Mapping[tuple[str, str], str], label: str = "") -> dict[str, Remembered]:
    with closing(State(path)) as state:
        assert state.write(Changes(documents))
        loaded = config.parse(CONFIG.format(path=path))
        return remembered(state, loaded, loaded.printers, label)


def record(serial: str, address: str = "") -> str:
    return dump_record(Kept("h:161", Record(serial=serial, address=address)))


def test_months_are_those_of_the_engine_behind_the_name(tmp_path: Path) -> None:
    accounts = Imported("Accounts", "h", "B5", {"2026-08": 4, "2026-09": 6, "2026-10": 3})
    found = known(
        tmp_path / "state.db",
        {
            (RECORD, "Accounting"): record("A1", "10.0.0.1"),
            (RECORD, "Front desk"): record(""),
            (RECORD, "Gone"): record("G7"),
            (ENGINE, "A1"): life("impressions", {"2026-09": 5, "2026-10": 70}),
            (ENGINE, "name:Front desk"): life("sheets", {"2026-10": 9}),
            (ENGINE, "X9"): life("sheets", {"2026-10": 1_000}),  # nobody has it any more
            (IMPORTED, "A1"): dump_imported(accounts),
            (IMPORTED, "name:Old"): dump_imported(Imported("Old", "h", "B7", {"2026-08": 2})),
        },
        "department",
    )
    assert found == {
        "A1": Remembered(
            Who("Accounting", "B1", "finance"), "impressions", {"2026-08": 4, "2026-09": 6, "2026-10": 70}
        ),
        "name:Front desk": Remembered(Who("Front desk", "Unassigned", "shared"), "sheets", {"2026-10": 9}),
        "G7": Remembered(Who("Gone", "Unassigned"), "unknown", {}),
        "name:Old": Remembered(Who("Old", "B7"), "unknown", {"2026-08": 2}),
    }


def test_months_brought_before_the_first_answer_are_those_of_the_engine_that_answered(tmp_path: Path) -> None:
    before = {"2025-01": 7, "2026-09": 6, "2026-10": 3}
    found = known(
        tmp_path / "state.db",
        {
            (RECORD, "Accounting"): record("A1"),
            (ENGINE, "A1"): life("impressions", {"2026-09": 6, "2026-10": 70}),
            (ENGINE, "name:Accounting"): life("", {"2026-09": 6, "2026-10": 3}),
            (IMPORTED, "name:Accounting"): dump_imported(Imported("Accounting", "h", "B1", before)),
            (IMPORTED, "A1"): dump_imported(Imported("Accounting", "h", "B1", {"2025-02": 8})),
        },
    )
    assert found == {
        "A1": Remembered(
            Who("Accounting", "Unassigned"), "impressions", {"2025-01": 7, "2025-02": 8, "2026-09": 6, "2026-10": 70}
        )
    }


@pytest.mark.parametrize("earlier", ["Aardvark", "Zebra"])
def test_of_the_names_that_an_engine_had_the_listed_one_holds(tmp_path: Path, earlier: str) -> None:
    documents = {
        (RECORD, earlier): record("A1"),
        (RECORD, "Accounting"): record("A1"),
        (ENGINE, "A1"): life("sheets", {"2026-10": 9}),
    }
    assert known(tmp_path / "state.db", documents)["A1"].who.printer == "Accounting"


@pytest.mark.parametrize("kind", [RECORD, ENGINE, IMPORTED])
def test_a_document_that_cannot_be_read_is_named(tmp_path: Path, kind: str) -> None:
    with pytest.raises(StateError, match=r"state\.db: .*broken.*Invalid JSON"):
        known(tmp_path / "state.db", {(kind, "broken"): "{"})
