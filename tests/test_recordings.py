"""Recordings replayed by snmpsim through the real polling path.

The small ones beside this file always, each with what is exposed of it beside it (`make golden` rewrites that);
those of real printers where PRINTCAM_WALKS names a folder of them.
"""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from exporter.config import CommunityCredentials, EngineName
from exporter.metrics.families import PRINTER_FAMILIES
from exporter.metrics.printers import render
from exporter.printers.model import Level, Poll, Snapshot
from exporter.printers.record import Record, after_poll
from exporter.printers.status import Severity, supply_statuses
from exporter.printers.vendors import MAKERS, find
from exporter.snmp.engines import Engines
from tests.conftest import NO_WALKS
from tests.support.agents import snmpsim
from tests.support.fleet import poll_once, poller, printer, snapshot_of

HERE = Path(__file__).with_name("recordings")
WALKS = os.environ.get("PRINTCAM_WALKS", "")
SUPPLIES = "1.3.6.1.2.1.43.11.1.1"
PAGES = "1.3.6.1.2.1.43.10.2.1.4"
SERIAL = "1.3.6.1.2.1.43.5.1.1.17"
NOW = 1_790_000_000.0
WATCHED = re.compile(r"^printer_(poll|month|jams|alert_events|page_anomalies|supply_(used|replaced))|_timestamp_")


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


def credentials(name: str, version: str = "2c") -> CommunityCredentials:
    return CommunityCredentials.model_validate({"version": version, "community": SecretStr(name)})


async def replay(at: tuple[str, int], name: str, *, version: str = "2c", engine: EngineName = "auto") -> Poll:
    return await poll_once(printer(*at, credentials(name, version), name=name), engine=engine)


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
    if serial := next(iter(cells(recording, SERIAL).values()), ""):
        assert snapshot.identity.serial == serial
    assert snapshot.identity.vendor
    assert snapshot.identity.model


def names_of(folder: str) -> list[str]:
    return sorted(file.stem for file in Path(folder).glob("*.snmprec")) if folder else []


def exposed(name: str, poll: Poll) -> str:
    """Return the sample lines of a printer that was polled once, but for those that only watching it makes."""
    still = replace(poll, at=NOW, duration=0.0, requests=0, address="192.0.2.1")
    record = after_poll(Record(), still, excused=False, offline_after=3, retain=1)
    lines = render(printer("192.0.2.1", 161, credentials(name), name=name), record, [])
    shown = [family for family in PRINTER_FAMILIES if not WATCHED.search(family.name)]
    return b"".join(lines[family] for family in shown if family in lines).decode()


@pytest.mark.parametrize("engine", ["gufo", "pysnmp"])
@pytest.mark.parametrize("version", ["1", "2c"])
@pytest.mark.parametrize("name", names_of(str(HERE)))
async def test_a_small_recording_is_exposed_as_in_the_file_beside_it(
    name: str, version: str, engine: EngineName, small: tuple[str, int], *, update_golden: bool
) -> None:
    poll = await replay(small, name, version=version, engine=engine)
    check_invariants(HERE / f"{name}.snmprec", snapshot_of(poll))
    golden = HERE / f"{name}.metrics"
    if update_golden:
        golden.write_text(exposed(name, poll))
    assert exposed(name, poll) == golden.read_text()


@pytest.mark.parametrize("name", names_of(str(HERE)))
async def test_a_printer_at_rest_costs_few_requests(name: str, small: tuple[str, int]) -> None:
    engines = Engines()
    one = poller(printer(*small, credentials(name)), engines)
    first, second = await one.poll(), await one.poll()
    one.close()
    engines.close()
    assert snapshot_of(first) == snapshot_of(second)
    assert second.requests <= 4


def test_every_maker_has_a_recording() -> None:
    recordings = [cells(file, "1.3.6.1.2.1.1.2").get("0", "") for file in HERE.glob("*.snmprec")]
    found = {maker.name for number in recordings if (maker := find(number, ""))}
    assert found == {maker.name for maker in MAKERS}


@pytest.mark.skipif(not WALKS, reason=NO_WALKS)
@pytest.mark.parametrize("name", names_of(WALKS) or ["none"])
async def test_recordings_of_real_printers_keep_the_invariants(name: str, walks: tuple[str, int]) -> None:
    poll = await replay(walks, name)
    snapshot = snapshot_of(poll)
    check_invariants(Path(WALKS) / f"{name}.snmprec", snapshot)
    series = [line.rpartition(" ")[0] for line in exposed(name, poll).splitlines()]
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
