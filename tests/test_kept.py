"""`forget` of a printer: its documents, by its name or its serial number, and never one too many."""

import json
import os
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from exporter import config
from exporter.cameras.model import camera
from exporter.cameras.registry import KIND
from exporter.cameras.stored import dump
from exporter.commands import kept
from exporter.commands.errors import CommandError
from exporter.config import Config
from exporter.discovery.found import Found
from exporter.discovery.sources import TOLD, Sources
from exporter.printers.stored import ENGINE, KINDS, RECORD, SNAPSHOT, Printers
from exporter.state import Changes, Event, Key, State, StateError
from tests.test_metrics_printers import printer
from tests.test_stored import AT, in_file, of_serial, polled

LOBBY = "02:00:5e:10:00:01"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


def configured(path: Path, printers: str = "[]") -> Config:
    return config.parse(f'state: {{ path: "{path}" }}\nprinters: {printers}\ncameras: {{}}\n')


def keep(path: Path, *changes: Changes) -> None:
    with closing(State(path)) as state:
        for each in changes:
            for kind in each.kinds():
                state.documents(kind)
            assert state.write(each)


def known(*names: tuple[str, str]) -> Changes:
    """Return what is kept of printers with these names and serial numbers."""
    printers = Printers()
    for name, serial in names:
        polled(printers, printer(name), of_serial(serial), AT)
    return Changes({key: text for piece in printers.changes() for key, text in in_file(piece).items()})


def documents(path: Path) -> set[Key]:
    with closing(State(path, read_only=True)) as state:
        return {(kind, key) for kind in (RECORD, SNAPSHOT, ENGINE, KIND) for key in state.documents(kind)}


@pytest.mark.parametrize("what", ["Accounting", "A1"])
def test_a_printer_is_dropped_with_all_its_documents_and_events(path: Path, what: str) -> None:
    keep(path, known(("Accounting", "A1"), ("Front desk", "B2")))
    keep(path, Changes({}, [Event(ENGINE, "A1", AT, "jam", None, None), Event(ENGINE, "B2", AT, "jam", None, None)]))
    assert kept.forget(what, configured(path)) == ["Accounting is forgotten"]
    assert documents(path) == {(RECORD, "Front desk"), (SNAPSHOT, "Front desk"), (ENGINE, "B2")}
    with closing(State(path, read_only=True)) as state:
        assert (state.events(ENGINE, "A1"), len(state.events(ENGINE, "B2"))) == ([], 1)


def test_a_printer_without_a_serial_number_is_dropped_with_what_is_known_by_its_name(path: Path) -> None:
    keep(path, known(("Accounting", "")))
    kept.forget("Accounting", configured(path))
    assert documents(path) == set()


def test_the_engine_stays_where_another_name_leads_to_it(path: Path) -> None:
    keep(path, known(("Accounting", "A1"), ("Old name", "A1")))
    kept.forget("Old name", configured(path))
    assert documents(path) == {(RECORD, "Accounting"), (SNAPSHOT, "Accounting"), (ENGINE, "A1")}


def test_it_tells_that_a_printer_is_still_listed(path: Path) -> None:
    keep(path, known(("Accounting", "A1")))
    told = kept.forget("Accounting", configured(path, "[{ name: Accounting, host: 192.0.2.1 }]"))
    assert told[1:] == ["  it is still listed in printers: take it out there too, or it begins anew with its next poll"]


def test_a_name_that_a_camera_and_a_printer_have_drops_neither(path: Path) -> None:
    lobby = dump(replace(camera(LOBBY), label="Lobby"))
    keep(path, known(("Lobby", "A1")), Changes({(KIND, LOBBY): lobby}))
    before = documents(path)
    with pytest.raises(CommandError, match=rf"2 devices have the name 'Lobby'.*: {LOBBY}, printer Lobby"):
        kept.forget("Lobby", configured(path))
    assert documents(path) == before
    kept.forget("A1", configured(path))
    assert documents(path) == {(KIND, LOBBY)}


def test_a_printer_that_nobody_knows_is_no_printer(path: Path) -> None:
    keep(path, known(("Accounting", "A1"), ("Nameless", "")))
    for name in ("Nobody", ""):
        with pytest.raises(CommandError, match=f"no camera or printer '{name}' in the state"):
            kept.forget(name, configured(path))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_a_state_that_root_makes_belongs_to_whom_its_folder_does_and_one_that_is_there_to_whom_it_did(
    tmp_path: Path,
) -> None:
    os.chown(tmp_path, 12345, 54321)
    for name, owner in (("new.db", 12345), ("old.db", 0)):
        if not owner:
            keep(tmp_path / name)
        kept.change_state(configured(tmp_path / name), lambda _: known(("Accounting", "A1")))
        assert (tmp_path / name).stat().st_uid == owner
    assert sorted(each.name for each in tmp_path.iterdir()) == ["new.db", "old.db"]


def test_a_state_that_cannot_be_read_says_so(path: Path) -> None:
    keep(path, Changes({(RECORD, "Accounting"): "nonsense"}))
    with pytest.raises(StateError, match=r"printer Accounting: .*Invalid JSON"):
        kept.forget("Accounting", configured(path))


def test_a_printer_is_dropped_though_the_exporter_writes_at_the_same_time(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(path, known(("Accounting", "A1")))
    choose, tries = kept._the_one, 0
    with closing(State(path)) as running:

        def meanwhile(name: str, cameras: set[str], printers: set[str]) -> Key:
            nonlocal tries
            tries += 1
            assert tries <= 2, "it tries for ever"
            if tries == 1:
                _ = [running.documents(kind) for kind in KINDS]
                assert running.write(known(("Front desk", "B2")))
            return choose(name, cameras, printers)

        monkeypatch.setattr(kept, "_the_one", meanwhile)
        kept.forget("Accounting", configured(path))
    assert documents(path) == {(RECORD, "Front desk"), (SNAPSHOT, "Front desk"), (ENGINE, "B2")}


def told(*gone: float | None) -> Changes:
    """Return what is kept of printers that a print server tells of, or told of."""
    by = config.parse("printers: []\ndiscovery: { print_servers: [{ url: 'ipp://cups' }] }\n")
    sources = Sources()
    everything = [Found(f"P{number}", f"10.0.0.{number}") for number in range(len(gone))]
    for at in (AT, AT + 1):
        left = [found for found, since in zip(everything, gone, strict=True) if at == AT or since is None]
        sources.told("ipp://cups", left, at, addresses={}, forget_after=AT)
    sources.take(by, {}, {}, AT)
    return Changes({key: text for piece in sources.changes() for key, text in in_file(piece).items()})


def told_of(path: Path) -> set[str]:
    with closing(State(path, read_only=True)) as state:
        return {json.loads(key)[1] for key in state.documents(TOLD)}


def test_a_printer_of_a_print_server_is_dropped_with_what_was_told_of_it_though_it_was_never_asked(path: Path) -> None:
    keep(path, told(1.0, 1.0), known(("P1", "B2")))
    assert kept.forget("P0", configured(path)) == ["P0 is forgotten"]
    assert (told_of(path), documents(path)) == ({"10.0.0.1 161"}, {(RECORD, "P1"), (SNAPSHOT, "P1"), (ENGINE, "B2")})
    assert kept.forget("P1", configured(path)) == ["P1 is forgotten"]
    assert (told_of(path), documents(path)) == (set(), set())


def test_it_tells_that_a_print_server_still_tells_of_a_printer(path: Path) -> None:
    keep(path, told(None))
    assert kept.forget("P0", configured(path))[1:] == [
        "  ipp://cups still tells of it: take it out there too, or it comes back with its next answer"
    ]


def test_it_tells_in_which_file_a_printer_is_still_listed(path: Path, tmp_path: Path) -> None:
    (tmp_path / "b1.yaml").write_text("- { name: Accounting, host: 192.0.2.1 }")
    keep(path, known(("Accounting", "A1")))
    by = config.parse(f'state: {{ path: "{path}" }}\nprinters_files: ["*.yaml"]\n', folder=tmp_path)
    assert kept.forget("Accounting", by)[1:] == [
        f"  it is still listed in {tmp_path}/b1.yaml: take it out there too, or it begins anew with its next poll"
    ]
