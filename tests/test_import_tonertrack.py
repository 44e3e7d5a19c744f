"""`import tonertrack`: entries for the config, months for the state, and nothing that a person wrote is touched."""

import asyncio
import json
import re
import stat
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from exporter import cli, config
from exporter.app import App
from exporter.commands import kept, tracked
from exporter.commands.errors import CommandError
from exporter.config import ConfigError
from exporter.printers.imported import IMPORTED, Imported, imported_months
from exporter.printers.lifecycle import Life
from exporter.printers.record import Record
from exporter.printers.stored import ENGINE, KINDS, RECORD, Kept, dump_life, dump_record, load_life
from exporter.simulator.agent import Agent
from exporter.state import Changes, State, StateError
from tests.support.agents import own_address
from tests.test_app import scraped, shown_now
from tests.test_poll import BASE, MovingMib

NOW = datetime(2026, 11, 21, 18, tzinfo=ZoneInfo("Europe/Berlin")).timestamp()
COMMUNITY = "planted-${secret}: 'ä'"
CONFIG = """\
# Ours.
time_zone: Europe/Berlin
state: { path: "%s" }
snmp:
  credentials:
    # everybody's
    default: { version: 2c, community: public }
    basement: { version: 2c, community: cellar }
printers:
  - { name: Accounting, host: 192.0.2.1 }  # ours
"""


def record(ip: str, name: str = "Studio", months: Mapping[str, int] | None = None, **fields: Any) -> dict[str, Any]:
    return {"name": name, "ip": ip, "community": "public", "pages_history": months or {}, **fields}


@dataclass
class Desk:
    """A folder with a config, a state and an export of the tracker."""

    folder: Path
    text: str = CONFIG
    records: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.text:
            self.config.write_text(self.text % self.state)

    @property
    def config(self) -> Path:
        return self.folder / "config.yaml"

    @property
    def state(self) -> Path:
        return self.folder / "printcam.db"

    def take(self, *records: dict[str, Any], write: bool = True, with_secrets: bool = False) -> tracked.Taken:
        file = self.folder / "printers.json"
        file.write_text(json.dumps({each["ip"]: each for each in records}))
        return tracked.import_tracker(file, self.config, write=write, with_secrets=with_secrets, now=NOW)

    def keep(self, documents: Mapping[tuple[str, str], str]) -> None:
        with closing(State(self.state)) as state:
            for kind in (*KINDS, IMPORTED):
                state.documents(kind)
            assert state.write(Changes(documents))

    def months(self) -> dict[str, Mapping[str, int]]:
        """Return the pages by month of each engine, as /metrics would show them."""
        with closing(State(self.state, read_only=True)) as state:
            return {key: load_life(key, text).months for key, text in state.documents(ENGINE).items()}

    def imported(self) -> dict[str, Imported]:
        with closing(State(self.state, read_only=True)) as state:
            return imported_months(state, "state")

    def contents(self) -> Changes:
        with closing(State(self.state, read_only=True)) as state:
            return state.contents()


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A folder without a config, and working there."""
    monkeypatch.chdir(tmp_path)
    return Desk(tmp_path, "")


# into the config


def test_printers_that_are_not_listed_are_written_and_every_line_of_a_person_stays(desk: Desk) -> None:
    taken = desk.take(
        record("192.0.2.1", "Their name", location="Elsewhere"),
        record("192.0.2.2", "Studio", location="B2", model="MF420", serial="ABC1"),
    )
    before = CONFIG % desk.state
    fresh = "  # MF420, serial ABC1\n  - name: Studio\n    host: 192.0.2.2\n    location: B2\n"
    assert desk.config.read_text() == before + fresh
    assert (desk.folder / "config.yaml.bak1").read_text() == before
    assert taken.yaml == ""
    assert taken.told == [
        f"{desk.folder}/printers.json: toner tracker, printers read: 2, of which not listed yet: 1",
        "  months of pages that are new or better known now: 0",
        f"  written to {desk.config}; what it was is in {desk.config}.bak1",
    ]


def test_a_name_that_is_taken_becomes_one_with_the_host(desk: Desk) -> None:
    desk.take(record("192.0.2.2", "Accounting"), record("192.0.2.3", "N/A"), record("192.0.2.4", "192.0.2.3"))
    names = [printer.name for printer in config.load(desk.config).printers]
    assert names == ["Accounting", "Accounting (192.0.2.2)", "192.0.2.3", "192.0.2.3 (192.0.2.4)"]


def test_importing_twice_changes_nothing(desk: Desk) -> None:
    records = (record("192.0.2.1", months={"2026-10": 5}), record("192.0.2.2", "Accounting", {"2026-10": 7}))
    desk.take(*records)
    text, contents = desk.config.read_text(), desk.contents()
    told = desk.take(*records).told
    assert (desk.config.read_text(), desk.contents()) == (text, contents)
    assert "of which not listed yet: 0" in told[0]
    assert told[1:] == ["  months of pages that are new or better known now: 0"]
    assert desk.take(*records, write=False).yaml == ""


@pytest.mark.parametrize(
    ("listed", "known"),
    [
        ("{ name: Ours, host: '[2001:db8::7]:161' }", Record()),
        ("{ name: Ours, host: ours.example.com }", Record(address="2001:db8::7")),
        ("{ name: Ours, host: 192.0.2.99 }", Record(serial="ABC1")),
        ("{ name: Ours, host: '2001:db8::7', protocol: ipp }", Record()),
    ],
)
def test_a_printer_is_listed_by_its_address_where_its_name_led_or_by_its_serial_number(
    tmp_path: Path, listed: str, known: Record
) -> None:
    desk = Desk(tmp_path, f"state: {{ path: '%s' }}\nprinters: [{listed}]\n")
    desk.keep({(RECORD, "Ours"): dump_record(Kept("", known))})
    taken = desk.take(record("2001:0db8::7", serial="ABC1", months={"2026-10": 5}), write=False)
    assert taken.yaml == ""
    assert [each.name for each in desk.imported().values()] == ["Ours"]


def test_a_config_that_is_not_there_yet_is_made_and_can_be_served(bare: Desk) -> None:
    taken = bare.take(record("192.0.2.2", location="B2"), record("192.0.2.3", "Store", community=COMMUNITY))
    loaded = config.load(bare.config)
    assert [(each.name, each.location) for each in loaded.printers] == [("Studio", "B2"), ("Store", None)]
    assert stat.S_IMODE(bare.config.stat().st_mode) == 0o600
    assert any("which is new and yours alone to read" in line for line in taken.told)


def test_what_is_printed_is_a_config_of_its_own_even_into_the_file_itself(bare: Desk) -> None:
    bare.config.touch()  # as a shell does for > config.yaml
    with pytest.raises(ConfigError, match="neither printers nor cameras"):
        bare.take(record("192.0.2.2"))
    bare.config.write_text(bare.take(record("192.0.2.2"), write=False).yaml)
    assert [each.name for each in config.load(bare.config).printers] == ["Studio"]


@pytest.mark.parametrize("section", ["", "snmp: { }\n", "snmp:\n  credentials:\n", "snmp:\n  engine: auto\n"])
def test_the_default_that_a_config_has_unsaid_stays(tmp_path: Path, section: str) -> None:
    desk = Desk(tmp_path, f"state: {{ path: '%s' }}\n{section}printers: [] # none\n")
    desk.take(record("192.0.2.2"), record("192.0.2.3", "Store", community="other"))
    assert credentials(desk) == {"Studio": "public", "Store": "other"}


def test_a_list_that_cannot_be_added_to_is_named_and_nothing_is_changed(tmp_path: Path) -> None:
    text = "state: { path: '%s' }\nprinters: [{ name: Accounting, host: 192.0.2.1 }]\n"
    desk = Desk(tmp_path, text)
    with pytest.raises(CommandError, match=r"config\.yaml: .*by hand"):
        desk.take(record("192.0.2.2", months={"2026-10": 1}))
    assert desk.config.read_text() == text % desk.state
    assert desk.contents() == Changes()


# their communities


def credentials(desk: Desk) -> dict[str, str]:
    return {
        printer.name: printer.credentials.community.get_secret_value()
        for printer in config.load(desk.config).printers
        if printer.credentials.version != "3"
    }


def test_each_printer_is_asked_with_its_community(desk: Desk) -> None:
    desk.take(
        record("192.0.2.2", "Default"),
        record("192.0.2.3", "Cellar", community="cellar"),
        record("192.0.2.4", "Odd", community=COMMUNITY),
        record("192.0.2.5", "Odd too", community=COMMUNITY),
        record("192.0.2.6", "Other", community="12345"),
        record("192.0.2.7", "None", community=None),
    )
    assert credentials(desk) == {
        "Accounting": "public",
        "Default": "public",
        "Cellar": "cellar",
        "Odd": COMMUNITY,
        "Odd too": COMMUNITY,
        "Other": "12345",
        "None": "public",
    }
    text = desk.config.read_text()
    assert text.count("credentials: basement") == text.count("credentials: tonertrack-2") == 1
    assert text.count("credentials: tonertrack\n") == 2
    assert "    # everybody's\n    default:" in text


def test_where_a_secret_was_written_is_said_and_that_others_can_read_it(desk: Desk) -> None:
    desk.config.chmod(0o644)
    told = desk.take(record("192.0.2.4", community=COMMUNITY)).told
    assert told[-2] == f"  {desk.config} holds their communities, as the credentials tonertrack"
    assert "everybody on this machine can read it: chmod o-r" in told[-1]
    assert "planted" not in "".join(told)


def test_a_secret_is_printed_only_where_that_is_asked_for(
    bare: Desk, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (bare.folder / "printers.json").write_text(json.dumps({"192.0.2.4": record("192.0.2.4", community=COMMUNITY)}))
    assert cli.main(["import", "tonertrack", "printers.json"]) == 0
    out, err = capsys.readouterr()
    assert "planted" not in out + err
    assert "set TONERTRACK_COMMUNITY for the exporter, or use --with-secrets or --write" in err
    monkeypatch.setenv("TONERTRACK_COMMUNITY", COMMUNITY)
    bare.config.write_text(out)
    assert credentials(bare) == {"Studio": COMMUNITY}
    bare.config.unlink()
    monkeypatch.delenv("TONERTRACK_COMMUNITY")
    assert cli.main(["import", "tonertrack", "--with-secrets", "printers.json"]) == 0
    bare.config.write_text(capsys.readouterr().out)
    assert credentials(bare) == {"Studio": COMMUNITY}


# into the state


MONTHS = {f"{year}-{month:02}": year + month for year in (2024, 2025) for month in range(1, 13)}


def test_all_months_are_kept_and_the_newest_thirteen_are_for_the_metrics(desk: Desk) -> None:
    desk.take(record("192.0.2.1", "Their name", MONTHS, serial="ABC1", location="B9"))
    assert desk.imported() == {"ABC1": Imported("Accounting", "192.0.2.1", "B9", MONTHS)}
    assert desk.months() == {"ABC1": dict(sorted(MONTHS.items())[-13:])}


def test_a_month_that_we_counted_is_not_overwritten(desk: Desk) -> None:
    ours = Life(months={"2026-10": 50, "2026-11": 3}, month="2026-11", pages=1000)
    desk.keep({(ENGINE, "ABC1"): dump_life(ours)})
    desk.take(record("192.0.2.1", months={"2026-09": 70, "2026-10": 80}, serial="ABC1"))
    assert desk.months() == {"ABC1": {"2026-09": 70, "2026-10": 50, "2026-11": 3}}
    assert desk.imported()["ABC1"].months == {"2026-09": 70, "2026-10": 80}


def test_a_later_export_adds_to_the_month_in_which_the_earlier_one_ended(desk: Desk) -> None:
    desk.take(record("192.0.2.1", months={"2026-09": 70, "2026-10": 5}, serial="ABC1"))
    told = desk.take(record("192.0.2.1", months={"2026-10": 80, "2026-11": 1}, serial="ABC1")).told
    assert told[1] == "  months of pages that are new or better known now: 2"
    assert desk.imported()["ABC1"].months == {"2026-09": 70, "2026-10": 80, "2026-11": 1}


def test_the_engine_is_the_trackers_serial_number_else_ours_else_the_name(desk: Desk) -> None:
    desk.keep({(RECORD, "Accounting"): dump_record(Kept("", Record(serial="OURS1")))})
    months = {"2026-10": 1}
    desk.take(
        record("192.0.2.1", months=months, serial="N/A"),
        record("192.0.2.2", "Theirs", months, serial="THEIRS2"),
        record("192.0.2.3", "Nobody", months),
    )
    assert {key: each.name for key, each in desk.imported().items()} == {
        "OURS1": "Accounting",
        "THEIRS2": "Theirs",
        "name:Nobody": "Nobody",
    }
    assert desk.months().keys() == desk.imported().keys()


def test_a_printer_known_by_its_months_only_can_be_forgotten(desk: Desk) -> None:
    desk.take(record("192.0.2.2", "Old", {"2026-10": 1}, serial="OLD1"), record("192.0.2.3", "Older", {"2026-10": 2}))
    loaded = config.load(desk.config)
    kept.forget("OLD1", loaded)
    assert list(desk.imported()) == ["name:Older"]
    kept.forget("Older", loaded)
    assert desk.contents() == Changes()


def test_forgetting_a_printer_drops_its_imported_months_too(desk: Desk) -> None:
    desk.take(record("192.0.2.1", months={"2026-10": 1}))
    desk.keep({(RECORD, "Accounting"): dump_record(Kept("", Record(serial="A1"))), (ENGINE, "A1"): dump_life(Life())})
    kept.forget("Accounting", config.load(desk.config))
    assert desk.contents() == Changes()


def test_a_state_that_cannot_be_used_says_so_and_the_config_stays(desk: Desk) -> None:
    desk.keep({(ENGINE, "A1"): "nonsense"})
    with pytest.raises(StateError, match=r"printcam\.db: engine A1: .*Invalid JSON"):
        desk.take(record("192.0.2.2"))
    assert desk.config.read_text() == CONFIG % desk.state


# at the terminal


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "printers.json: it is empty"),
        (b'{"a": ', "printers.json: it is not JSON: line 1, column 7"),
        (b"[1]", "printers.json: it holds a list; expected the printers of a toner tracker"),
    ],
)
def test_a_file_of_something_else_is_refused_and_changes_nothing(
    bare: Desk, capsys: pytest.CaptureFixture[str], content: bytes, why: str
) -> None:
    (bare.folder / "printers.json").write_bytes(content)
    assert cli.main(["import", "tonertrack", "printers.json", "--write"]) == 1
    assert why in capsys.readouterr().err
    assert [each.name for each in bare.folder.iterdir()] == ["printers.json"]


def test_a_config_with_a_fault_is_named_and_changes_nothing(desk: Desk) -> None:
    desk.config.write_text("printers: 5\n")
    with pytest.raises(ConfigError, match=r"config\.yaml:1"):
        desk.take(record("192.0.2.2"))
    assert not desk.state.exists()


def test_the_options_may_stand_anywhere(bare: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    (bare.folder / "p.json").write_text(json.dumps({"192.0.2.4": record("192.0.2.4")}))
    for arguments in (["tonertrack", "--write", "p.json"], ["--config.file=config.yaml", "tonertrack", "p.json"]):
        assert cli.main(["import", *arguments]) == 0
    assert len(config.load(bare.config).printers) == 1
    capsys.readouterr()


# in the running exporter


SHOWN = r'(?m)^printer_month_pages\{.*month="(.*)"\} (\d+)$'


@asynccontextmanager
async def office(folder: Path, serial: str = "SNMPD-1") -> AsyncIterator[tuple[Desk, MovingMib, str]]:
    """Yield a desk whose config has one printer, which answers."""
    mib = MovingMib(BASE)
    mib.set(serial=serial.encode())
    async with Agent(mib, own_address(), 0) as answering:
        where = f"{answering.host}:{answering.port}"
        text = (
            "time_zone: Europe/Berlin\npolling: { timeout: 1s, min_interval: 0 }\nstate: { path: '%s' }\n"
            f"printers: [{{ name: P, host: '{where}' }}]\n"
        )
        yield await asyncio.to_thread(Desk, folder, text), mib, where


async def months_shown(desk: Desk, mib: MovingMib) -> dict[str, str]:
    """Return what an exporter that starts now shows after two polls, ten pages apart."""
    app = App(lambda: config.load(desk.config), now=lambda: NOW)
    await app.start()
    try:
        await scraped(app)
        mib.set(pages=4331)
        shown = await scraped(app)
    finally:
        await app.close()
        mib.set(pages=4321)
    return dict(re.findall(SHOWN, shown))


@pytest.mark.parametrize("known", ["SNMPD-1", "N/A"])
@pytest.mark.parametrize("told", ["SNMPD-1", ""])
async def test_the_metrics_reach_back_before_the_move_and_the_month_goes_on(
    tmp_path: Path, known: str, told: str
) -> None:
    async with office(tmp_path, told) as (desk, mib, where):
        await asyncio.to_thread(desk.take, record(where, months={"2026-10": 70, "2026-11": 5}, serial=known))
        wanted = {"2026-10": "70", "2026-11": "15"}
        if (known, told) == ("SNMPD-1", ""):  # it never was that engine
            wanted = {"2026-11": "10"}
        assert await months_shown(desk, mib) == wanted


async def test_months_come_to_a_running_exporter_and_stay_with_what_it_counts(tmp_path: Path) -> None:
    async with office(tmp_path) as (desk, mib, where):
        app = App(lambda: config.load(desk.config), now=lambda: NOW)
        await app.start()
        try:
            assert app.saver
            await app.scrape(["printers"], 10)
            await app.saver.saved()
            await asyncio.to_thread(desk.take, record(where, months={"2026-10": 70, "2026-11": 5}))
            mib.set(pages=4331)
            await app.scrape(["printers"], 10)
            await app.saver.saved()
            shown = dict(re.findall(SHOWN, shown_now(app)))
        finally:
            await app.close()
    assert shown == {"2026-10": "70", "2026-11": "10"}, "a month that was counted here is not overwritten"
    assert (await asyncio.to_thread(desk.imported))["SNMPD-1"].months == {"2026-10": 70, "2026-11": 5}
