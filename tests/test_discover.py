"""`discover` as a person types it, beside simulated printers."""

import asyncio
import csv
import io
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from rich.console import Console

from exporter import config
from exporter.commands.progress import Shown
from exporter.discovery import hunt
from exporter.discovery.sweep import Answer
from exporter.simulator.agent import Agent
from exporter.simulator.ber import OctetString
from tests.support.agents import free_port, own_address
from tests.test_cli import command, run
from tests.test_kept import keep, known
from tests.test_poll import oid
from tests.test_state import read_only_mount
from tests.test_sweep import a_printer, running, sinks

SERIAL = oid("1.3.6.1.2.1.43.5.1.1.17.1")
SYS_NAME = oid("1.3.6.1.2.1.1.5.0")


def printer(name: str, serial: str, host: str, port: int = 0, community: str = "public") -> Agent:
    mib = a_printer()
    mib.values |= {SYS_NAME: OctetString(name.encode()), SERIAL: OctetString(serial.encode())}
    return Agent(mib, host, port, community=community)


@asynccontextmanager
async def printers(*names: str) -> AsyncIterator[tuple[list[str], int]]:
    """Let printers of these names answer, each on an address of its own; yield the addresses and their port."""
    hosts = [own_address() for _ in names]
    port = free_port(hosts[0])
    agents = [printer(name, f"SN1-{name}", host, port) for name, host in zip(names, hosts, strict=True)]
    for agent in agents:
        await agent.start()
    try:
        yield hosts, port
    finally:
        for agent in agents:
            await agent.close()


async def discover(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    return await asyncio.to_thread(run, "discover", *map(str, arguments), cwd=folder)


async def test_printers_are_printed_as_entries_that_can_be_used_as_they_are(tmp_path: Path) -> None:
    async with printers("one", "two") as (hosts, port):
        done = await discover(tmp_path, *hosts, f"--port={port}")
    assert done.returncode == 0
    assert [(each.name, each.host, each.port) for each in config.parse(done.stdout).printers] == [
        ("one", hosts[0], port),
        ("two", hosts[1], port),
    ]
    assert "  # Example 1, serial SN1-one\n" in done.stdout
    first, second = done.stderr.splitlines()
    assert first.startswith("asked 2 addresses in ")
    assert first.endswith("s: 2 printers, 0 other devices, 0 that reject the credentials")
    assert second == "0 listed already, 0 at a further address, 2 new"


async def test_json_and_csv_have_the_same_columns(tmp_path: Path) -> None:
    async with printers("one") as ([host], port):
        as_json = await discover(tmp_path, host, f"--port={port}", "--json")
        as_csv = await discover(tmp_path, host, f"--port={port}", "--csv")
    [record] = json.loads(as_json.stdout)
    assert record == {
        "name": "one",
        "host": f"{host}:{port}",
        "device": None,
        "location": None,
        "credentials": None,
        "model": "Example 1",
        "serial": "SN1-one",
        "remark": None,
        "snmp": True,
    }
    [row] = csv.DictReader(io.StringIO(as_csv.stdout))
    assert row == {key: "true" if value is True else value or "" for key, value in record.items()}


async def test_write_adds_what_is_not_listed_and_a_second_time_nothing(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    async with printers("one", "two", "three") as (hosts, port):
        path.write_text(f'# ours\nprinters:\n  - {{ name: Lab, host: "{hosts[1]}:{port}" }}   # by hand\n')
        before = path.read_text()
        first = await discover(tmp_path, *hosts, f"--port={port}", "--write")
        after = path.read_text()
        second = await discover(tmp_path, *hosts, f"--port={port}", "--write")
    assert first.returncode == second.returncode == 0
    assert after.startswith(before)
    assert [each.name for each in config.load(path).printers] == ["Lab", "one", "three"]
    assert "config.yaml: 2 printers added, the old file is " in first.stderr
    assert path.with_name("config.yaml.bak1").read_text() == before
    assert second.stdout == "printers: []\n"
    assert "3 listed already, 0 at a further address, 0 new" in second.stderr
    assert path.read_text() == after
    assert not path.with_name("config.yaml.bak2").exists()


async def test_a_printer_that_is_listed_by_name_is_known_by_its_address_and_its_serial_number(tmp_path: Path) -> None:
    """`localhost` is looked up; the serial number of what is listed elsewhere is in the state."""
    state = tmp_path / "state.db"
    await asyncio.to_thread(keep, state, known(("Far", "SN1-far"), ("Gone", "SN1-gone")))
    port = free_port("127.0.0.1")
    far, gone = printer("far", "SN1-far", own_address(), port), printer("gone", "SN1-gone", own_address(), port)
    (tmp_path / "config.yaml").write_text(
        f'state: {{ path: "{state}" }}\nprinters:\n'
        f'  - {{ name: Here, host: "localhost:{port}" }}\n  - {{ name: Far, host: far.invalid }}\n'
    )
    async with running(far), running(gone), running(printer("here", "SN1-here", "127.0.0.1", port)):
        asked = (far.host, gone.host, "127.0.0.1", f"--port={port}")
        done = await discover(tmp_path, *asked, "--config.file=config.yaml")
    assert [each.name for each in config.parse(done.stdout).printers] == ["gone"]
    assert "2 listed already" in done.stderr
    assert "listed, but has no address now: far.invalid" in done.stderr


async def test_a_community_of_the_command_line_is_found_in_the_config_or_named_by_its_number(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(
        "snmp: { credentials: { default: { version: 2c, community: public },"
        " hq: { version: 2c, community: s3cret-1 } } }\nprinters: []\n"
    )
    one, two = own_address(), own_address()
    port = free_port(one)
    asked = (
        one,
        two,
        f"--port={port}",
        "--snmp.community=s3cret-1",
        "--snmp.community=s3cret-2",
        "--config.file=config.yaml",
    )
    async with running(printer("one", "1", one, port, "s3cret-1")), running(printer("two", "2", two, port, "s3cret-2")):
        done = await discover(tmp_path, *asked)
        refused = await discover(tmp_path, *asked, "--write")
    assert f"  - name: one\n    host: {one}:{port}\n    credentials: hq\n" in done.stdout
    assert (
        "answers to a community that snmp.credentials lacks (the command line's number 2)\n  - name: two" in done.stdout
    )
    assert refused.returncode == 2
    assert "--write needs communities that the config has" in refused.stderr
    assert "s3cret" not in done.stdout + done.stderr + refused.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_stop_prints_what_was_found_and_writes_nothing(tmp_path: Path, number: signal.Signals) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("printers: []\n")
    silent = own_address()
    async with printers("one") as ([host], port), sinks([silent], port) as [sink]:
        line = command("discover", host, silent, f"--port={port}", "--timeout=1m", "--write")
        process = await asyncio.create_subprocess_exec(
            *line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path
        )
        async with asyncio.timeout(30):
            while not sink.versions:
                await asyncio.sleep(0.05)
            await asyncio.sleep(0.5)  # the other one needs ten round trips on loopback
            process.send_signal(number)
            output, errors = await process.communicate()
    assert process.returncode == 128 + number
    assert [each.name for each in config.parse(output.decode()).printers] == ["one"]
    assert "asked 1 of 2 addresses" in errors.decode()
    assert "stopped before the end; nothing is written" in errors.decode()
    assert path.read_text() == "printers: []\n"


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ([], 2, "printcam-exporter: say where to look: a network such as 10.10.5.0/24, or --mdns\n"),
        (["10.0.0.0/8"], 2, "16,777,214 addresses are too many: at most 65,536 are asked in one go"),
        (["10.0.0.1/24"], 2, "10.0.0.1/24: this is an address inside a network; the network is 10.0.0.0/24"),
        (["printer.example.com"], 2, "printer.example.com: expected a network such as 10.10.5.0/24"),
        (["127.0.0.1", "--port=0"], 2, "0: expected a number from 1 to 65535"),
        (["127.0.0.1", "--rate=0"], 2, "0: expected a number from 1 to 10000"),
        (["127.0.0.1", "--timeout=1"], 2, "--timeout: expected a duration such as 500ms"),
        (["127.0.0.1", "--snmp.community="], 2, "--snmp.community: expected printable text"),
        (["127.0.0.1", "--snmp.community=\ts3cret"], 2, "--snmp.community: expected printable text"),
        (["127.0.0.1", "--timeout=2h"], 2, "2h: must be between 1ms and 1m"),
        (["127.0.0.1", "--json", "--csv"], 2, "not allowed with argument"),
        (["127.0.0.1", "--write"], 1, "config.yaml: cannot be read: No such file or directory"),
        (
            ["127.0.0.1", "--config.file=flow.yaml", "--write"],
            1,
            "the entries do not fit into printers as it is written",
        ),
        (["127.0.0.1", "--config.file=faulty.yaml"], 1, "faulty.yaml:1: printres: unknown"),
        (["127.0.0.1", "--config.file=state.yaml"], 1, "flow.yaml: "),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_line(tmp_path: Path, arguments: list[str], code: int, says: str) -> None:
    (tmp_path / "flow.yaml").write_text("printers: [{name: A, host: a}]\n")
    (tmp_path / "faulty.yaml").write_text("printres: []\n")
    (tmp_path / "state.yaml").write_text("state: {path: flow.yaml}\nprinters: []\n")
    done = run("discover", *arguments, cwd=tmp_path)
    assert done.returncode == code
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_folder_that_may_not_be_written_to_is_refused_before_anything_is_asked(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("printers: []\n")
    with read_only_mount(tmp_path):
        done = run("discover", "127.0.0.1", "--write", "--config.file=config.yaml", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr == ("printcam-exporter: config.yaml: cannot be written: this user may not write to its folder\n")


def test_without_the_library_for_announcements_it_says_what_to_install() -> None:
    code = "import sys; sys.modules['zeroconf'] = None; from exporter.cli import main; sys.exit(main({}))"
    for arguments, returncode in ((["discover", "--mdns"], 1), (["discover", "127.0.0.1"], 0)):
        done = subprocess.run(
            [sys.executable, "-c", code.format(arguments)], capture_output=True, text=True, check=False
        )
        assert done.returncode == returncode
        needs = "printcam-exporter: --mdns needs python-zeroconf: pip install 'printcam-exporter[mdns]'\n"
        assert (done.stderr == needs) is bool(returncode)


# ---- progress


def shown(answers: int, *, is_terminal: bool) -> str:
    """Show a sweep of 600 addresses, one a second."""
    text, now = io.StringIO(), iter(float(number) for number in range(10_000))
    console = Console(file=text, force_terminal=is_terminal, width=120, color_system=None)
    with Shown(console, lambda: next(now)) as display:
        display.listening(3)
        display.sweeping(600)
        for _ in range(answers):
            display.asked(Answer("10.0.0.1", "silent"))
    return text.getvalue()


def test_without_a_terminal_a_line_comes_every_ten_seconds() -> None:
    assert shown(25, is_terminal=False).splitlines() == [
        "asked 10 of 600 addresses, 1/s, 9 min left, printers: 0",
        "asked 20 of 600 addresses, 1/s, 9 min left, printers: 0",
    ]


def test_a_short_sweep_says_nothing_without_a_terminal() -> None:
    assert shown(9, is_terminal=False) == ""


def test_on_a_terminal_a_bar_shows_rate_and_time_left_and_is_gone_at_the_end() -> None:
    text = shown(550, is_terminal=True)
    assert "asking addresses" in text
    assert "550/600 1/s, 50 s left, printers: 0" in text
    assert text.endswith("\x1b[2K")


# ---- credentials


def test_the_configs_credentials_are_tried_in_their_order_and_none_twice() -> None:
    loaded = config.parse(
        """
        snmp:
          credentials:
            b: { version: 2c, community: public }
            a: { version: 3, user: monitor }
            as-v1: { version: 1, community: public }
            again: { version: 2c, community: public }
            v1: { version: 1, community: other }
        printer_defaults: { credentials: b }
        printers: []
        """
    )
    assert [each.name for each in hunt.candidates(loaded, ())] == ["b", "a", "v1"]
