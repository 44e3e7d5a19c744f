"""Printers over IPP from the config to /metrics, against CUPS' ippeveprinter and on sockets of our own."""

import asyncio
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from exporter import cli, config, configtypes
from exporter.config import ConfigError, Polling, Printer
from exporter.printers.ipp.poll import IppPoller
from exporter.printers.model import Alert, Snapshot
from exporter.printers.status import Severity, supply_statuses
from exporter.simulator.agent import Agent
from tests.support.agents import own_address
from tests.support.chaos import failures, value
from tests.support.fleet import snapshot_of
from tests.support.ipp import HAS_IPPEVEPRINTER, EvePrinter, Told, eve_printer, http, item, message, serving
from tests.test_app import running, scraped
from tests.test_cli import run, run_beside
from tests.test_ipp_client import only_at, silence
from tests.test_ipp_objects import HP
from tests.test_poll import BASE, MovingMib
from tests.test_probe_route import probed
from tests.test_probe_route import serving as serving_web

GOLDEN = Path(__file__).with_name("golden") / "ipp.metrics"
EXAMPLE = """
ATTR text printer-make-and-model "Example Laser 4000"
ATTR text printer-device-id "MFG:Example;MDL:Laser 4000;CMD:PWGRaster;SN:EX12345;"
ATTR text printer-firmware-string-version "2.14b"
ATTR integer printer-impressions-completed 31415
ATTR octetString printer-supply \
"index=1;class=supplyThatIsConsumed;type=tonerCartridge;unit=percent;maxcapacity=100;level=62;colorantname=black;",\
"index=2;class=supplyThatIsConsumed;type=tonerCartridge;unit=percent;maxcapacity=100;level=15;colorantname=cyan;",\
"index=3;class=receptacleThatIsFilled;type=wasteToner;unit=percent;maxcapacity=100;level=-3;colorantname=none;"
ATTR text printer-supply-description "Black Toner EX-410K","Cyan Toner EX-410C","Waste Toner Box"
ATTR octetString printer-input-tray \
"type=sheetFeedAutoRemovableTray;maxcapacity=550;level=110;status=0;name=Tray 1;medianame=iso_a4;"
ATTR keyword operations-supported 2
ATTR mimeMediaType document-format-supported image/pwg-raster,application/octet-stream
ATTR mimeMediaType document-format-default image/pwg-raster
"""
# The printer of tests/test_poll.py, as it would say the same over IPP.
SAME: Told = {
    "printer-make-and-model": "Example 1",
    "printer-device-id": "SN:SNMPD-1",
    "printer-supply": "index=1;type=toner;unit=percent;maxcapacity=100;level=33;colorantname=black;",
    "printer-supply-description": "Toner K",
    "printer-input-tray": "type=sheetFeedAutoRemovableTray;maxcapacity=500;level=125;name=Tray 1;medianame=A4;",
    "printer-impressions-completed": 4321,
}
needs_ippeveprinter = pytest.mark.skipif(not HAS_IPPEVEPRINTER, reason="ippeveprinter or dbus-daemon is not installed")


@pytest.fixture
def eve(tmp_path: Path) -> Iterator[EvePrinter]:
    with eve_printer(tmp_path, EXAMPLE) as printer:
        yield printer


async def polled_until(printer: Printer, is_so: Callable[[Snapshot], bool]) -> Snapshot:
    """Poll until the printer says so: it does as a job tells it a moment after it took the job."""
    poller = IppPoller(printer, Polling())
    async with asyncio.timeout(10):
        while not is_so(snapshot := snapshot_of(await poller.poll())):
            await asyncio.sleep(0.05)
    return snapshot


def of(text: str) -> Printer:
    """The first printer of a config."""
    return config.parse(text).printers[0]


# ---- ippeveprinter


@needs_ippeveprinter
@pytest.mark.parametrize("protocol", ["ipp", "ipps"])
async def test_ippeveprinter_is_read(eve: EvePrinter, protocol: str) -> None:
    printer = of(f'printers: [{{ name: E, host: "{eve.host}:{eve.port}", protocol: {protocol} }}]')
    poll = await IppPoller(printer, Polling()).poll()
    snapshot = snapshot_of(poll)
    assert (snapshot.identity.model, snapshot.identity.serial, snapshot.identity.firmware) == (
        "Example Laser 4000",
        "EX12345",
        "2.14b",
    )
    assert {supply.row.supply: (supply.ratio, supply.row.part) for supply in snapshot.supplies} == {
        "Black toner": (0.62, "EX-410K"),
        "Cyan toner": (0.15, "EX-410C"),
        "Waste toner": (None, ""),
    }
    assert [(tray.row.tray, tray.ratio, tray.media) for tray in snapshot.trays] == [("Tray 1", 0.2, "iso_a4")]
    assert (snapshot.pages, snapshot.state, snapshot.errors, snapshot.alerts) == (31415, "idle", frozenset(), ())
    assert poll.uptime is not None


@needs_ippeveprinter
async def test_what_happens_to_ippeveprinter_shows_with_the_next_poll(eve: EvePrinter) -> None:
    printer = of(f'printers: [{{ name: E, host: "{eve.host}:{eve.port}", protocol: ipp }}]')
    eve.becomes(
        "STATE: media-jam,toner-empty",
        "ATTR: printer-supply='index=1;type=tonerCartridge;unit=percent;maxcapacity=100;level=61;colorantname=black;',"
        "'index=2;type=tonerCartridge;unit=percent;maxcapacity=100;level=0;colorantname=cyan;'",
        "ATTR: printer-alert='code=markerTonerEmpty;severity=critical;group=markerSupplies;groupindex=2'"
        " printer-alert-description='Replace cyan'",
    )
    snapshot = await polled_until(printer, lambda snapshot: len(snapshot.supplies) == 2 and bool(snapshot.errors))
    assert snapshot.errors == frozenset({"jammed", "no_toner"})
    assert supply_statuses(snapshot) == {"Black toner": Severity.OK, "Cyan toner": Severity.ERROR}
    toner, jam = snapshot.alerts
    assert toner == Alert("critical", "markerTonerEmpty", "markerSupplies", "unknown", "Replace cyan", 2)
    assert (jam.code, jam.group) == ("jam", "mediaPath")
    eve.becomes("STATE: none", "ATTR: printer-alert='' printer-alert-description=''")
    assert (await polled_until(printer, lambda snapshot: not snapshot.errors)).alerts == ()


@needs_ippeveprinter
def test_probe_shows_and_explains_ippeveprinter(eve: EvePrinter) -> None:
    done = run("probe", "--protocol=ipps", f"{eve.host}:{eve.port}", "--explain", columns=80)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"Poll +IPP over TLS, 1 requests", done.stdout)
    assert "printer-impressions-completed = 31415" in done.stdout
    assert "type=tonerCartridge;unit=percent;maxcapacity=100;level=15;colorantname=cyan;" in done.stdout
    assert "firmware: 2.14b  (printer-firmware-string-version)" in done.stdout
    assert "prtMarkerSuppliesLevel.1.2 = integer 15" in done.stdout


# ---- /metrics


async def test_a_printer_over_ipp_is_exposed_as_in_the_golden_file(*, update_golden: bool) -> None:
    stopped: Told = {
        **HP,
        "printer-state": 5,
        "printer-state-reasons": ["media-jam-error", "toner-low-report"],
        "marker-low-levels": [50, 0],
    }
    async with serving(http(message(stopped))) as server:
        text = f'printers: [{{ name: Lobby, host: "127.0.0.1:{server.port}", location: B1, protocol: ipp }}]'
        async with running(text) as (app, _):
            exposed = await scraped(app)
    exposed = re.sub(r"(?m)^(printer_poll_duration_seconds\{.*\}) .*$", r"\1 0", exposed)
    if update_golden:
        GOLDEN.write_text(exposed)
    assert exposed == GOLDEN.read_text()


@pytest.mark.parametrize(
    ("respond", "reason"),
    [
        (http(b"<html>"), "protocol"),
        (http(message({"printer-name": "x"})), "protocol"),
        (http(message({})[:-1] + item(0x10, "printer-state-reasons", b"") + b"\x03"), "protocol"),
        (silence, "timeout"),
        (http(b"", "403 Forbidden"), "auth"),
    ],
    ids=["garbage", "nothing of use", "no value", "silence", "forbidden"],
)
async def test_a_printer_that_cannot_be_read_is_down_and_its_neighbour_up(respond: bytes, reason: str) -> None:
    async with serving(respond) as bad, serving(http(message(SAME))) as good:
        text = "printers:\n" + "".join(
            f'  - {{ name: {name}, host: "127.0.0.1:{server.port}", protocol: ipp }}\n'
            for name, server in (("Bad", bad), ("Good", good))
        )
        async with running(text) as (app, _):
            exposed = await scraped(app)
    assert (value(exposed, "printer_up", printer="Bad"), value(exposed, "printer_up", printer="Good")) == (0, 1)
    assert failures(exposed, "Bad") == {reason: 1}


async def test_a_printer_keeps_its_series_and_its_past_when_its_protocol_changes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    host, state, mib = own_address(), tmp_path / "state.db", MovingMib(BASE)

    def lasting(text: str) -> set[str]:
        lines = (
            line for line in text.splitlines() if line.startswith(("printer_supply", "printer_pages", "printer_tr"))
        )
        return {line for line in lines if "_used_" not in line}

    async with Agent(mib, host, 0) as agent, serving(http(message(SAME)), host) as server:
        monkeypatch.setitem(configtypes.DEFAULT_PORTS, "snmp", agent.port)
        monkeypatch.setitem(configtypes.DEFAULT_PORTS, "ipp", server.port)
        async with running(f"printers: [{{ name: Lobby, host: {host} }}]", state) as (app, source):
            mib.set(level=50)
            await scraped(app)
            mib.set(level=33)
            over_snmp = await scraped(app)
            source.text = f"printers: [{{ name: Lobby, host: {host}, protocol: ipp }}]"
            await app.reload()
            over_ipp = await scraped(app)
    assert lasting(over_snmp) == lasting(over_ipp)
    assert len(lasting(over_ipp)) > 8
    assert value(over_ipp, "printer_supply_used_ratio_total", printer="Lobby") == pytest.approx(0.17)
    assert value(over_ipp, "printer_identity_changed_timestamp_seconds", printer="Lobby") is None


async def test_an_unlisted_host_is_probed_over_the_protocol_of_the_defaults() -> None:
    async with serving(http(message(SAME))) as server:
        text = "printers: []\nprinter_defaults: { protocol: ipp }\nprobe: { allow: [127.0.0.0/8] }"
        async with running(text) as (app, _), serving_web(app) as client:
            assert app._unlisted._default_port == 631
            _, shown = await probed(client, f"127.0.0.1:{server.port}")
    assert value(shown, "printer_pages_total") == 4321


# ---- the config


def test_the_port_is_that_of_the_protocol_unless_one_is_given() -> None:
    text = "printers: [{ name: A, host: a, protocol: PROTOCOL }, { name: B, host: 'b:8631', protocol: PROTOCOL }]"
    ports = {
        protocol: [printer.port for printer in config.parse(text.replace("PROTOCOL", protocol)).printers]
        for protocol in ("snmp", "ipp", "ipps")
    }
    assert ports == {"snmp": [161, 8631], "ipp": [631, 8631], "ipps": [631, 8631]}


def test_the_protocol_and_the_path_come_from_the_defaults_unless_the_printer_says_otherwise() -> None:
    text = """
printer_defaults: { protocol: ipps, ipp_path: /ipp/port1, credentials: default }
printers: [{ name: A, host: a }, { name: B, host: b, protocol: snmp }, { name: C, host: c, ipp_path: /x }]
"""
    a, b, c = config.parse(text).printers
    assert [(printer.protocol, printer.port, printer.ipp_path) for printer in (a, b, c)] == [
        ("ipps", 631, "/ipp/port1"),
        ("snmp", 161, "/ipp/port1"),
        ("ipps", 631, "/x"),
    ]


def test_queues_of_one_server_are_told_apart_by_their_paths() -> None:
    text = """
printer_defaults: { protocol: ipp, ipp_path: /printers/a }
printers:
  - { name: A, host: s }
  - { name: B, host: s, ipp_path: /printers/b }
  - { name: C, host: "s:631", ipp_path: PATH }
"""
    assert len(config.parse(text.replace("PATH", "/printers/c")).printers) == 3
    with pytest.raises(ConfigError, match="same host and port"):
        config.parse(text.replace("PATH", "/printers/a"))


def test_printers_over_ipp_need_no_credentials_and_are_not_named_for_public_ones() -> None:
    text = """
snmp: { credentials: { hq: { version: 1, community: c0mmunity } } }
printer_defaults: { protocol: ipp }
printers: [{ name: A, host: a }]
probe: { allow: [10.0.0.0/8] }
"""
    loaded = config.parse(text)
    assert not list(config.remarks(loaded, loaded.printers))


# ---- the command


async def test_probe_asks_a_printer_of_the_config_over_the_protocol_that_is_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    async with serving(only_at("/ipp")) as server:
        file.write_text(f'printers: [{{ name: Lobby, host: "127.0.0.1:{server.port}", protocol: ipp }}]')
        code, shown = await run_beside("probe", "Lobby", f"--config.file={file}")
        assert (code, re.search(r"Poll +IPP, 2 requests", shown) is not None) == (0, True)
        code, shown = await run_beside("probe", f"127.0.0.1:{server.port}", "--protocol=ipp", "--ipp.path=/nowhere")
    assert (code, "protocol: no printer at /nowhere" in shown) == (1, True)
    assert server.paths == ["/ipp/print", "/ipp", "/nowhere"]


def test_probe_asks_at_the_usual_port_of_another_protocol_and_for_no_device_over_ipp() -> None:
    loaded = config.parse(
        "printers: [{ name: A, host: 'a:1161', device: 2 }, { name: B, host: 'b:8631', protocol: ipp }]"
    )

    def asked(*arguments: str) -> tuple[str, int, int | None]:
        options = cli._parser().parse_args(["probe", *arguments])
        printer = cli._over_protocol(cli._printer_to_probe(options, loaded), options)
        return printer.protocol, printer.port, printer.device

    assert asked("A") == ("snmp", 1161, 2)
    assert asked("A", "--protocol=ipp") == ("ipp", 631, None)
    assert asked("B", "--protocol=ipps") == ("ipps", 8631, None)
    assert asked("B", "--protocol=snmp") == ("snmp", 161, None)
    assert asked("c", "--protocol=ipp") == ("ipp", 631, None)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (http(b"", "401 Unauthorized"), "Lobby: auth: .*sends no password over IPP"),
        (http(b"", "426 Upgrade Required"), "Lobby: protocol: .*ipps"),
        (http(b"", "404 Not Found"), "Lobby: protocol: no printer at /ipp/print or /ipp or /"),
    ],
)
async def test_probe_says_why_a_printer_cannot_be_asked_over_ipp(answer: bytes, words: str, tmp_path: Path) -> None:
    async with serving(answer) as server:
        (tmp_path / "c.yaml").write_text(
            f'printers: [{{ name: Lobby, host: "127.0.0.1:{server.port}", protocol: ipp }}]'
        )
        code, shown = await run_beside("probe", "Lobby", f"--config.file={tmp_path}/c.yaml")
    assert code == 1
    assert re.search(words, shown, re.DOTALL), shown
    assert "Traceback" not in shown


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--ipp.path=/ipp", "printer"], "--ipp.path needs --protocol ipp or ipps"),
        (["--protocol=ipp", "--device=2", "printer"], "--device and --record are for SNMP"),
        (["--protocol=ipp", "--record=file", "printer"], "--device and --record are for SNMP"),
        (["--protocol=ipp", "--ipp.path=ipp://printer/ipp", "printer"], "expected a path such as /ipp/print"),
        (["--protocol=lpd", "printer"], "invalid choice: 'lpd'"),
    ],
)
def test_probe_refuses_what_makes_no_sense(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        raise SystemExit(cli.main(["probe", *arguments]))
    assert caught.value.code == 2
    assert words in capsys.readouterr().err
