"""Months that another tool counted: kept whole, and never fewer than before."""

from contextlib import closing
from pathlib import Path

import pytest

from exporter.printers.imported import IMPORTED, Imported, dump_imported, imported_months, load_imported, merged
from exporter.state import Changes, State, StateError

MONTHS = {f"{year}-{month:02}": year + month for year in (2024, 2025) for month in range(1, 13)}
ACCOUNTING = Imported("Accounting", "192.0.2.1", "B1", MONTHS)


def test_all_months_come_back_from_the_state(tmp_path: Path) -> None:
    with closing(State(tmp_path / "state.db")) as state:
        assert state.write(Changes({(IMPORTED, "A1"): dump_imported(ACCOUNTING)}))
        assert imported_months(state, "state.db") == {"A1": ACCOUNTING}


def test_a_month_only_grows_and_others_are_added() -> None:
    later = Imported("Accounts", "192.0.2.2", "", {"2025-11": 1, "2025-12": 9999, "2026-01": 5})
    both = merged(ACCOUNTING, later)
    assert both == Imported("Accounts", "192.0.2.2", "", MONTHS | {"2025-12": 9999, "2026-01": 5})
    assert list(both.months) == sorted(both.months)


def test_what_was_never_written_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"months of A1: months\.2025-01: Input should be a valid integer"):
        load_imported("A1", '{"name": "A", "host": "h", "months": {"2025-01": "many"}}')
    with closing(State(tmp_path / "state.db")) as state:
        assert state.write(Changes({(IMPORTED, "A1"): "nonsense"}))
        with pytest.raises(StateError, match=r"state\.db: months of A1: .*Invalid JSON"):
            imported_months(state, "state.db")
