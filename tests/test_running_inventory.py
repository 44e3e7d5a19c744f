"""The inventory of a running exporter: files and print servers come and go, and what is unchanged goes on."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path

import pytest

from exporter.commands import kept
from exporter.config import Config
from exporter.discovery import addresses, roster
from exporter.discovery.found import Found
from exporter.discovery.servers import Servers
from exporter.metrics.families import VANISHED
from exporter.printers.stored import RECORD
from exporter.simulator.agent import Agent
from exporter.state import State
from tests.support.chaos import LIMIT, Exporter, exporting, problems, value
from tests.test_chaos_printers import sound
from tests.test_reload import session_of

CUPS, DC3 = "ipp://cups", "windows://dc3"
SERVERS = f"discovery: {{ print_servers: [{{ url: '{CUPS}' }}, {{ url: '{DC3}' }}], forget_after: 1d }}\n"
FILES = "printers_files: [inventory.d/*.yaml, inventory.d/*.json]\n"
DAY = 86_400.0


@pytest.fixture(autouse=True)
def looks_are_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody wants to wait for the two looks that a file is left alone for."""
    monkeypatch.setattr(roster, "LOOK_EVERY", 0.02)


@pytest.fixture(autouse=True)
def nobody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    """What print servers tell is told here."""

    async def configure(_servers: Servers, _config: Config) -> None:
        return

    monkeypatch.setattr(Servers, "configure", configure)


@asynccontextmanager
async def agents(count: int) -> AsyncIterator[list[Agent]]:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(sound()) for _ in range(count)]


def found(name: str, agent: Agent, location: str = "") -> Found:
    return Found(name, agent.host, agent.port, location)


def listed(name: str, agent: Agent) -> str:
    return f'{{ name: {name}, host: "{agent.host}:{agent.port}" }}'


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(LIMIT):
        while not holds():
            await asyncio.sleep(0.01)


def names(exporter: Exporter) -> list[str]:
    return list(exporter.app.cycle.devices)


async def test_a_printer_that_a_print_server_tells_of_is_polled_at_once_and_the_others_go_on() -> None:
    async with agents(2) as (one, two), exporting(f"printers: [{listed('A', one)}]\n{SERVERS}") as exporter:
        await exporter.scrape()
        session, device = session_of(exporter, "A"), exporter.app.cycle.devices["A"]
        await exporter.app.roster.told(CUPS, [found("B", two, location="Hall")])
        text = await exporter.scrape()
        assert value(text, "printer_up", printer="B", location="Hall") == 1
        assert value(text, "printcam_exporter_devices", kind="printer") == 2
        assert value(text, "printer_polls_total", printer="A") == 2
        assert (session_of(exporter, "A"), exporter.app.cycle.devices["A"]) == (session, device)
        targets = json.loads(await exporter.fetch("/sd/printers"))
        sources = [(target["targets"], target["labels"]["__meta_printer_source"]) for target in targets]
        assert sources == [(["A"], ""), (["B"], CUPS)]
        assert value(await exporter.fetch("/probe?target=B"), "printer_up", printer="B") == 1


async def test_the_same_list_again_changes_nothing() -> None:
    async with agents(1) as (one,), exporting(f"printers: []\n{SERVERS}") as exporter:
        for _ in range(2):
            await exporter.app.roster.told(CUPS, [found("B", one)])
            text = await exporter.scrape()
        assert value(text, "printer_polls_total", printer="B") == 2
        assert value(text, "printcam_exporter_inventory_changes_total", change="added", source="print_server") == 1


async def test_a_printer_that_its_server_no_longer_tells_of_is_marked_and_then_goes() -> None:
    async with agents(1) as (one,), exporting(f"printers: []\n{SERVERS}") as exporter:
        await exporter.app.roster.told(CUPS, [found("B", one)])
        text = await exporter.scrape()
        assert value(text, "printer_discovered_info", printer="B", source=CUPS) == 1
        assert value(text, "printer_vanished_timestamp_seconds", printer="B") is None
        began, session = exporter.source.now, session_of(exporter, "B")
        for days, is_there in ((0.0, True), (0.9, True), (1.1, False)):
            exporter.source.now = began + days * DAY
            await exporter.app.roster.told(CUPS, [])
            shown = [VANISHED in lines for lines in exporter.app.printer_lines()]
            assert shown == ([True] if is_there else []), "before it is asked again"
            text = await exporter.scrape()
            since = value(text, "printer_vanished_timestamp_seconds", printer="B")
            assert (since, names(exporter)) == ((began, ["B"]) if is_there else (None, []))
            assert not is_there or session_of(exporter, "B") is session
        assert 'printer="B"' not in text
        assert value(text, "printcam_exporter_inventory_changes_total", change="removed", source="print_server") == 1


async def test_one_printer_by_name_and_by_address_is_one_device(monkeypatch: pytest.MonkeyPatch) -> None:
    async with agents(1) as (one,), exporting(f"printers: []\n{SERVERS}") as exporter:

        async def resolve(host: str, _port: int, _timeout: float) -> str:
            return {"hp3": one.host}.get(host, host)

        monkeypatch.setattr(addresses, "resolve", resolve)
        await exporter.app.roster.told(CUPS, [Found("B", one.host, one.port)])
        await exporter.app.roster.told(DC3, [Found("B", "hp3", one.port)])
        assert names(exporter) == ["B"]
        exporter.source.text += f"printers: [{listed('A', one)}]\n".replace("printers: []", "")
        exporter.source.text = exporter.source.text.replace("printers: []\n", "")
        await exporter.app.reload()
        assert names(exporter) == ["A"]


async def test_printers_of_files_come_change_and_go_and_the_others_go_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "b1.yaml"
    head = f"printers_files: ['{tmp_path}/*.yaml']\n"
    async with agents(3) as (one, two, three), exporting(f"printers: [{listed('A', one)}]\n{head}") as exporter:
        await exporter.scrape()
        session = session_of(exporter, "A")
        file.write_text(f"- {listed('B', two)}\n")
        await until(lambda: names(exporter) == ["A", "B"])
        text = await exporter.scrape()
        assert value(text, "printer_up", printer="B") == 1
        assert value(text, "printcam_exporter_inventory_file_printers", file=str(file)) == 1
        (tmp_path / "new").write_text(f"- {listed('B', two)}\n- {listed('C', three)}\n")
        (tmp_path / "new").rename(file)
        await until(lambda: names(exporter) == ["A", "B", "C"])
        before = session_of(exporter, "B")
        file.write_text("- { name: B, ho")
        await until(lambda: "inventory file not loaded, what it said before stays" in caplog.messages)
        text = await exporter.scrape()
        assert names(exporter) == ["A", "B", "C"]
        assert session_of(exporter, "B") is before
        assert value(text, "printcam_exporter_inventory_file_up", file=str(file)) == 0
        assert value(text, "printcam_exporter_config_last_reload_successful") == 1
        fault = next(str(vars(record)["faults"]) for record in caplog.records if "faults" in vars(record))
        assert fault.startswith(f"{file}:1: ")
        file.unlink()
        await until(lambda: names(exporter) == ["A"])
        text = await exporter.scrape()
        assert "printcam_exporter_inventory_file_up{" not in text
        assert session_of(exporter, "A") is session
    assert problems(caplog.messages) == []


async def test_a_bad_file_is_logged_once_and_a_reload_goes_on_without_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "b1.yaml").write_text("nonsense")
    head = f"printers_files: ['{tmp_path}/*.yaml']\n"
    async with agents(1) as (one,), exporting(f"printers: [{listed('A', one)}]\n{head}") as exporter:
        for _ in range(3):
            await exporter.fetch("/-/reload", method="POST")
        assert names(exporter) == ["A"]
        assert caplog.messages.count("inventory file not loaded, what it said before stays") == 1
        (tmp_path / "b1.yaml").write_text("[]")
        await exporter.fetch("/-/reload", method="POST")
        text = await exporter.scrape()
        assert value(text, "printcam_exporter_inventory_file_up", file=f"{tmp_path}/b1.yaml") == 1


async def test_a_file_with_thousands_of_faults_is_one_line_that_can_be_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "b1.yaml").write_text("- { nam: A }\n" * 1000)
    async with exporting(f"printers: []\nprinters_files: ['{tmp_path}/*.yaml']\n") as exporter:
        await exporter.scrape()
        (record,) = [record for record in caplog.records if "faults" in vars(record)]
    *first, last = vars(record)["faults"].splitlines()
    assert (len(first), last) == (50, "and 2,950 more, which check tells")


async def test_a_restart_finds_all_printers_though_a_file_is_bad_and_no_server_has_told_yet(
    tmp_path: Path,
) -> None:
    file, state = tmp_path / "b1.yaml", tmp_path / "state.db"
    head = f"printers_files: ['{tmp_path}/*.yaml']\n{SERVERS}"
    async with agents(3) as (one, two, three):
        file.write_text(f"- {listed('B', two)}\n")
        async with exporting(f"printers: [{listed('A', one)}]\n{head}", state=state) as exporter:
            await exporter.app.roster.told(CUPS, [found("A", three)])
            expected = names(exporter)
            assert expected == ["A", "B", f"A ({three.host})"]
            await exporter.scrape()
        file.write_text("")
        async with exporting(f"printers: [{listed('A', one)}]\n{head}", state=state) as exporter:
            assert names(exporter) == expected
            text = await exporter.fetch("/metrics?collect[]=self")
            assert value(text, "printcam_exporter_inventory_file_up", file=str(file)) == 0
            assert value(text, "printcam_exporter_inventory_changes_total", change="added", source="file") == 0
            record = exporter.app.cycle.devices[expected[2]].record
            assert record.last_success == exporter.source.now, "what was known of it is known again"


async def test_the_audit_log_tells_every_change_and_who_made_it(tmp_path: Path) -> None:
    file, log, state = tmp_path / "b1.yaml", tmp_path / "audit.jsonl", tmp_path / "state.db"
    head = f"printers_files: ['{tmp_path}/*.yaml']\naudit: {{ path: '{log}' }}\n{SERVERS}"

    def told() -> list[tuple[object, ...]]:
        every = [json.loads(line) for line in log.read_text().splitlines()]
        keys = ("change", "printer", "by", "source", "on")
        return [tuple(one.get(key) for key in keys) for one in every]

    async with agents(4) as (one, two, three, four):
        text = f"printers: [{listed('A', one)}]\n{head}"
        async with exporting(text, state=state) as exporter:
            file.write_text(f"- {listed('B', two)}\n")
            await until(lambda: len(told()) == 2)
            await exporter.app.roster.told(DC3, [found("C", three)])
            exporter.source.text = text.replace("name: A", "name: AA")
            await exporter.fetch("/-/reload", method="POST")
            (tmp_path / "b1.yaml").rename(tmp_path / "b2.yaml")
            await until(lambda: len(told()) == 4)
        expected: list[tuple[object, ...]] = [
            ("began", None, None, None, "start"),
            ("added", "B", "file", str(file), "running"),
            ("added", "C", "print_server", DC3, "running"),
            ("renamed", "AA", "config", None, "reload"),
        ]
        assert told() == expected
        text = f"printers: [{listed('AA', four)}]\n{head}".replace("url: 'windows://dc3'", "url: 'windows://dc4'")
        async with exporting(text, state=state) as exporter:
            self_metrics = await exporter.fetch("/metrics?collect[]=self")
            counted = {"change": "address_changed", "source": "config"}
            assert value(self_metrics, "printcam_exporter_inventory_changes_total", **counted) == 1
            assert value(self_metrics, "printcam_exporter_audit_writable") == 1
        assert told() == [
            *expected,
            ("address_changed", "AA", "config", None, "start"),
            ("removed", "C", "print_server", DC3, "start"),
        ]
        async with exporting(text, state=state) as exporter:
            await exporter.scrape()
        assert len(told()) == 6, "a restart alone is no change"


async def test_an_audit_log_that_cannot_be_written_stops_nothing_while_the_exporter_runs(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    folder.mkdir()
    head = f"audit: {{ path: '{folder}/audit.jsonl' }}\n{SERVERS}"
    async with agents(1) as (one,), exporting(f"printers: []\n{head}") as exporter:
        await until(lambda: (folder / "audit.jsonl").stat().st_size > 0)
        folder.rename(tmp_path / "aside")
        await exporter.app.roster.told(CUPS, [found("B", one)])
        await until(lambda: exporter.app.roster.overview.audit_writable is False)
        text = await exporter.scrape()
        assert value(text, "printcam_exporter_audit_writable") == 0
        assert value(text, "printer_up", printer="B") == 1
        folder.mkdir()
        await until((folder / "audit.jsonl").exists)
        assert json.loads((folder / "audit.jsonl").read_text())["printer"] == "B"


async def test_a_reload_with_an_audit_log_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    audit = "audit: {{ path: '{}/audit.jsonl' }}\n"
    async with exporting(f"printers: []\n{audit.format(tmp_path)}") as exporter:
        exporter.source.text = f"printers: []\n{audit.format(tmp_path / 'none')}"
        async with exporter.client.post("/-/reload") as answer:
            assert (answer.status, "audit.path: cannot be written" in await answer.text()) == (500, True)
        folder = tmp_path / "none"
        folder.mkdir()
        await exporter.fetch("/-/reload", method="POST")
        assert (folder / "audit.jsonl").exists()
        folder.rename(tmp_path / "aside")
        await exporter.fetch("/-/reload", method="POST")


async def test_a_printer_that_is_forgotten_while_the_exporter_runs_is_gone_at_once(tmp_path: Path) -> None:
    state = tmp_path / "state.db"
    async with agents(1) as (one,), exporting(f"printers: []\n{SERVERS}", state=state) as exporter:
        await exporter.app.roster.told(CUPS, [found("B", one)])
        await exporter.app.roster.told(CUPS, [])
        await exporter.scrape()
        async with asyncio.timeout(LIMIT):
            while await asyncio.to_thread(stored, state) != {"B"}:
                await asyncio.sleep(0.01)
        told = await asyncio.to_thread(kept.forget, "B", exporter.source.load())
        assert told == ["B is forgotten"]
        exporter.source.now += 60
        await exporter.scrape()
        await until(lambda: names(exporter) == [])


def stored(path: Path) -> set[str]:
    with closing(State(path, read_only=True)) as state:
        return set(state.documents(RECORD))
