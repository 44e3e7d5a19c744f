"""Recordings replayed by snmpsim through the real polling path.

The small ones beside this file always; those of real printers where PRINTCAM_WALKS names a folder of them.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr

from exporter.config import CommunityCredentials, EngineName
from exporter.metrics.printers import render
from exporter.printers.model import Level, Poll, Snapshot
from exporter.printers.record import Record, after_poll
from exporter.printers.status import Severity, supply_statuses
from tests.conftest import NO_WALKS
from tests.support.agents import snmpsim
from tests.support.fleet import poll_once, printer, snapshot_of

HERE = Path(__file__).with_name("recordings")
WALKS = os.environ.get("PRINTCAM_WALKS", "")
SUPPLIES = "1.3.6.1.2.1.43.11.1.1"
PAGES = "1.3.6.1.2.1.43.10.2.1.4"
SERIAL = "1.3.6.1.2.1.43.5.1.1.17"


@contextmanager
def served(recordings: Path, folder: Path) -> Iterator[tuple[str, int]]:
    """Serve copies: snmpsim wants to write beside what it serves."""
    data = folder / "data"
    data.mkdir()
    for file in recordings.glob("*.snmprec"):
        shutil.copy(file, data)
    with snmpsim(data, folder / "cache") as at:
        yield at


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    with served(HERE, tmp_path_factory.mktemp("small")) as at:
        yield at


@pytest.fixture(scope="module")
def walks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    with served(Path(WALKS), tmp_path_factory.mktemp("walks")) as at:
        yield at


async def replay(at: tuple[str, int], name: str, *, version: str = "2c", engine: EngineName = "auto") -> Poll:
    credentials = CommunityCredentials.model_validate({"version": version, "community": SecretStr(name)})
    return await poll_once(printer(*at, credentials, name=name), engine=engine)


def cells(recording: Path, column: str) -> dict[str, str]:
    """Return index: value of one column, read from the file itself."""
    rows = (line.split("|", 2) for line in recording.read_text().splitlines() if line)
    return {oid[len(column) + 1 :]: value for oid, _, value in rows if oid.startswith(f"{column}.")}


def check_invariants(recording: Path, snapshot: Snapshot) -> None:
    described = cells(recording, f"{SUPPLIES}.6")
    assert len(snapshot.supplies) == len(described)
    assert len({supply.row.supply for supply in snapshot.supplies}) == len(described)
    assert all(supply.row.supply for supply in snapshot.supplies)
    for supply in snapshot.supplies:
        assert (supply.ratio is None) == (supply.says is not Level.KNOWN)
        assert supply.ratio is None or 0 <= supply.ratio <= 1
    for tray in snapshot.trays:
        assert tray.ratio is None or 0 <= tray.ratio <= 1
    if pages := cells(recording, PAGES):
        assert snapshot.pages == int(next(iter(pages.values())))
    if serial := cells(recording, SERIAL):
        assert snapshot.identity.serial == next(iter(serial.values()))
    assert snapshot.identity.vendor
    assert snapshot.identity.model


def names_of(folder: str) -> list[str]:
    return sorted(file.stem for file in Path(folder).glob("*.snmprec")) if folder else []


@pytest.mark.parametrize("version", ["1", "2c"])
@pytest.mark.parametrize("name", names_of(str(HERE)))
async def test_small_recordings_keep_the_invariants(name: str, version: str, small: tuple[str, int]) -> None:
    poll = await replay(small, name, version=version)
    check_invariants(HERE / f"{name}.snmprec", snapshot_of(poll))


@pytest.mark.parametrize("name", names_of(str(HERE)))
async def test_both_engines_read_the_same(name: str, small: tuple[str, int]) -> None:
    fast = snapshot_of(await replay(small, name, engine="gufo"))
    assert fast == snapshot_of(await replay(small, name, engine="pysnmp"))


@pytest.mark.skipif(not WALKS, reason=NO_WALKS)
@pytest.mark.parametrize("name", names_of(WALKS) or ["none"])
async def test_recordings_of_real_printers_keep_the_invariants(name: str, walks: tuple[str, int]) -> None:
    poll = await replay(walks, name)
    snapshot = snapshot_of(poll)
    check_invariants(Path(WALKS) / f"{name}.snmprec", snapshot)
    record = after_poll(Record(), poll, excused=False, offline_after=3, retain=1)
    text = b"".join(
        render(printer("h", 1, CommunityCredentials(version="2c", community=SecretStr("x"))), record, []).values()
    )
    series = [line.rpartition(b" ")[0] for line in text.splitlines()]
    assert len(series) == len(set(series))


async def test_an_agent_of_rfc_1759_days_is_understood_without_class_type_and_unit(small: tuple[str, int]) -> None:
    snapshot = snapshot_of(await replay(small, "rfc1759-mono"))
    (toner,) = snapshot.supplies
    assert (toner.row.supply, toner.row.kind, toner.ratio) == ("Toner", "toner", 0.55)
    assert snapshot.errors == frozenset({"low_toner"})
    assert supply_statuses(snapshot) == {"Toner": Severity.WARNING}, "the printer says low at 55 %: it is believed"


async def test_a_printer_at_device_index_zero_is_found_and_colorants_are_joined(small: tuple[str, int]) -> None:
    snapshot = snapshot_of(await replay(small, "device-zero-ink"))
    levels = {supply.row.supply: (supply.ratio, supply.says) for supply in snapshot.supplies}
    assert levels == {
        "Yellow ink": (pytest.approx(230 / 651), Level.KNOWN),
        "Magenta ink": (0.0, Level.KNOWN),
        "Cyan ink": (1.0, Level.KNOWN),
        "Black ink": (None, Level.IMPLAUSIBLE),
    }
    assert (snapshot.state, snapshot.pages, snapshot.pages_unit) == ("printing", 5120, "sheets")


async def test_a_printer_behind_other_devices_is_found_and_its_words_are_decoded(small: tuple[str, int]) -> None:
    snapshot = snapshot_of(await replay(small, "row-five-german"))
    assert snapshot.identity.model == "Beispiel 3000"
    assert snapshot.covers == (("Vordere Klappe für Papierstau", False),)
    assert [(s.row.supply, s.row.description, s.ratio) for s in snapshot.supplies] == [
        ("Black toner", "Toner Schwarz", 0.4),
        ("Waste toner", "Resttonerbehälter", None),
        ("Drum", "Trommel", 0.12),
    ]
    assert [(t.row.tray, t.row.kind, t.media, t.level) for t in snapshot.trays] == [
        ("Mehrzweckfach", "bypass", "", 0),
        ("Kassette 1", "removable", "A4", 250),
    ]
    assert [(a.level, a.code, a.row, a.description) for a in snapshot.alerts] == [
        ("information", "powerUp", 1, ""),
        ("warning", "markerOpcLifeAlmostOver", 7, "Trommel bald verbraucht \N{EN DASH} bestellen"),
    ]


async def test_nothing_is_invented_for_a_printer_that_knows_some_or_none(small: tuple[str, int]) -> None:
    snapshot = snapshot_of(await replay(small, "some-or-none"))
    assert [(s.row.supply, s.says, s.ratio) for s in snapshot.supplies] == [
        ("Black toner", Level.EMPTY, None),
        ("Black toner 2", Level.SOME, None),
        ("Drum", Level.KNOWN, pytest.approx(17208 / 25000)),
        ("Clean Rollers", Level.IMPLAUSIBLE, None),
        ("Fuser", Level.IMPLAUSIBLE, None),
        ("Transfer unit", Level.UNRESTRICTED, None),
    ]
    assert snapshot.errors == frozenset(), "an octet string of no octets says that no bit is set"
    assert snapshot.identity.firmware == "1.01"
